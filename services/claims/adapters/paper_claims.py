"""How does a claim become pages for the printer? Personal values are opened for whoever asks, on the record."""

from __future__ import annotations

import asyncio
from datetime import date

from services.claims.adapters import cms_1500, ub_04
from services.claims.adapters.cms_1500_pdf import cms_1500_pdf
from services.claims.adapters.opened_claims import open_claim
from services.claims.adapters.ub_04_pdf import ub_04_pdf
from shared.events.claims import ClaimCreated
from shared.runtime.vault import Opener, Vault


class PaperClaims:
    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def cms_1500(self, tenant: str, claim: ClaimCreated, opener: Opener) -> bytes:
        """Raises NotFound when its person was erased, ValueError for a claim without a payer."""
        opened = await open_claim(self._vault, tenant, claim, opener)
        return await asyncio.to_thread(cms_1500_pdf, cms_1500.pages_of(opened), claim.claim_id)

    async def ub_04(self, tenant: str, claim: ClaimCreated, opener: Opener, printed_on: date) -> bytes:
        """Raises NotFound when its person was erased, ValueError for a claim without a payer or with more than the form takes."""
        opened = await open_claim(self._vault, tenant, claim, opener)
        return await asyncio.to_thread(ub_04_pdf, ub_04.pages_of(opened, printed_on), claim.claim_id)
