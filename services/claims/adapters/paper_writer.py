"""How does a batch of claims become one PDF for the printer? What does not fit on the form goes back with what is wrong.

Personal values are opened for the batch, on the record. A batch holds claims of one kind, so that one kind of form is in the printer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from types import MappingProxyType

from services.claims.adapters import cms_1500, ub_04
from services.claims.adapters.cms_1500_pdf import cms_1500_pdf
from services.claims.adapters.opened_claims import ERASED, OpenedClaim, open_claims
from services.claims.adapters.ub_04_pdf import ub_04_pdf
from services.claims.adapters.x12_claims import unfit
from services.claims.domain.batch.interchange import WrittenInterchange
from shared.events.batches import BatchedClaim, ClaimSet, PartnerListed
from shared.events.claims import AttachmentAdded, ClaimCreated
from shared.events.values import Finding
from shared.runtime.vault import Opener, Vault

_OPENER = Opener(actor="task:claims.print-batches", purpose="paper")


class PaperWriter:
    """Implements `InterchangeWriter` for the CMS-1500 and the UB-04."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def write(
        self,
        tenant: str,
        partner: PartnerListed,
        *,
        batch_id: str,
        control_number: int,
        claims: Sequence[tuple[BatchedClaim, ClaimCreated]],
        written_at: datetime,
        attachments: Mapping[str, tuple[AttachmentAdded, ...]] = MappingProxyType({}),
    ) -> WrittenInterchange:
        """Raises whatever keeps the vault from answering; a person whose values were erased refuses their claim only."""
        refused: dict[str, tuple[Finding, ...]] = {}
        printed: list[BatchedClaim] = []
        pages: list[Mapping[str, str]] = []
        opened_claims = await open_claims(self._vault, tenant, [claim for _, claim in claims], _OPENER)
        for (place, claim), opened in zip(claims, opened_claims, strict=True):
            if findings := _unfit(claim, opened):
                refused[claim.claim_id] = findings
            elif opened is not None:
                printed.append(place)
                pages += _pages(opened, written_at.date())
        pdf = ub_04_pdf if any(claim.services.kind == "institutional" for _, claim in claims) else cms_1500_pdf
        return WrittenInterchange(
            content=await asyncio.to_thread(pdf, pages, batch_id) if printed else b"",
            file_name=f"{batch_id}.pdf",
            sets=(ClaimSet(set_control_number="0001", claims=tuple(printed)),) if printed else (),
            refused=refused,
        )


def _unfit(claim: ClaimCreated, opened: OpenedClaim | None) -> tuple[Finding, ...]:
    if opened is None:
        return (ERASED,)
    if claim.services.kind == "dental":
        return (_finding("no-paper-form", "kind", "there is no paper form for dental claims here"),)
    if claim.services.kind == "institutional" and (missing := ub_04.without_room(claim)):
        return (_finding("no-room-on-paper", "claim", f"the form has no room for {', '.join(missing)}"),)
    return unfit(opened)


def _finding(rule: str, place: str, message: str) -> Finding:
    fix = "send it through an electronic partner, or leave out what the payer does not need"
    return Finding(rule=rule, place=place, message=message, fix=fix)


def _pages(opened: OpenedClaim, printed_on: date) -> Sequence[Mapping[str, str]]:
    if opened.claim.services.kind == "institutional":
        return ub_04.pages_of(opened, printed_on)
    return cms_1500.pages_of(opened)
