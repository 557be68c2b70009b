"""How does a claim become a page for the printer? Personal values are opened for whoever asks, on the record."""

from __future__ import annotations

import asyncio

from services.claims.adapters.cms_1500 import pages_of
from services.claims.adapters.cms_1500_pdf import cms_1500_pdf
from services.claims.adapters.interchange_writer import opened_claim
from shared.events.claims import ClaimCreated
from shared.runtime.vault import Opener, Vault


class PaperClaims:
    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def cms_1500(self, tenant: str, claim: ClaimCreated, opener: Opener) -> bytes:
        """Raises NotFound when its person was erased, ValueError for a claim without a payer."""
        opened = await opened_claim(self._vault, tenant, claim, opener)
        return await asyncio.to_thread(cms_1500_pdf, pages_of(opened), claim.claim_id)
