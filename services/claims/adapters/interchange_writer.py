"""How does a batch of claims become the bytes of an interchange?

Personal values are opened here and nowhere else in claims, once a batch, on the record. Each claim is written alone, checked as a
receiver would, read back and compared before it joins the others: what is faulty or does not come back the same never leaves. A set holds
claims of one organisation, whose contact is the submitter's. Source: ASC X12N 005010X222A1, X223A2 and X224A2, X12.5 envelopes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any, TypeAlias

from msgspec import structs

from services.claims.adapters.claim_documents import DOCUMENTS, ClaimDocument
from services.claims.adapters.opened_claims import ERASED, OpenedClaim, open_claims
from services.claims.adapters.x12_claims import unfit
from services.claims.domain.batch.interchange import WrittenInterchange
from shared.codecs.x12.check import check
from shared.codecs.x12.claim_parts import Batch, Claim
from shared.codecs.x12.elements import Contact, Party
from shared.codecs.x12.envelope import Envelope
from shared.codecs.x12.hierarchy import Beginning
from shared.codecs.x12.tokenizer import Segment
from shared.codecs.x12.writer import SegmentWriter
from shared.events.batches import BatchedClaim, ClaimSet, PartnerListed
from shared.events.claim_kinds import ClaimKind
from shared.events.claims import AttachmentAdded, ClaimCreated
from shared.events.values import Finding, ProviderIdentity
from shared.runtime.vault import Opener, Vault

_OPENER = Opener(actor="task:claims.send-batches", purpose="clearinghouse")
_Written: TypeAlias = tuple[BatchedClaim, ClaimCreated, Claim]
_REFERENCE_DIGITS = 9  # of BHT03: the control number, then the set's number


class X12InterchangeWriter:
    """Implements `InterchangeWriter` for the 837P, 837I and 837D."""

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
        """Raises whatever keeps the vault from answering; a person whose values were erased refuses their claim only.
        Raises ValueError for claims of more than one kind: a group names one guide."""
        document = _document(claims)
        refused: dict[str, tuple[Finding, ...]] = {}
        written: list[_Written] = []
        envelope = _envelope(partner, control_number, written_at)
        opened = await open_claims(self._vault, tenant, [claim for _, claim in claims], _OPENER)
        for (place, claim), values in zip(claims, opened, strict=True):
            named = attachments.get(claim.claim_id, ())
            result = (ERASED,) if values is None else _written(values, named, document, partner, envelope)
            await asyncio.sleep(0)  # a large batch must not keep the others in this process waiting
            if isinstance(result, Claim):
                written.append((place, claim, result))
            else:
                refused[claim.claim_id] = result
        sets = list(_sets(written, document, partner, envelope))
        return WrittenInterchange(
            content=await asyncio.to_thread(document.write, [batch for _, batch in sets]) if sets else b"",
            file_name=f"{batch_id}.837",
            sets=tuple(claim_set for claim_set, _ in sets),
            refused=refused,
        )


def _document(claims: Sequence[tuple[BatchedClaim, ClaimCreated]]) -> ClaimDocument:
    kinds: set[ClaimKind] = {claim.services.kind for _, claim in claims} or {"professional"}
    if len(kinds) > 1:
        raise ValueError(f"an interchange holds claims of one kind, not {', '.join(sorted(kinds))}")
    return DOCUMENTS[kinds.pop()]


def _written(
    opened: OpenedClaim,
    attachments: Sequence[AttachmentAdded],
    document: ClaimDocument,
    partner: PartnerListed,
    envelope: Envelope,
) -> Claim | tuple[Finding, ...]:
    """The claim for the codec, once it has come back from the written bytes as it went in; or why not."""
    if findings := unfit(opened):
        return findings
    claim = document.claim_of(opened)
    claim = structs.replace(claim, others=(*claim.others, *map(_paperwork, attachments)))
    content = document.write([_batch(document, 1, [claim], opened.claim, partner, envelope)])
    if faults := [found for found in check(content, npi="error") if found.severity == "error"]:
        return tuple(Finding(rule=found.rule, place=found.element, message=found.message) for found in faults)
    back = [each for batch in document.read(content) for each in batch.claims]
    writer = SegmentWriter()
    if len(back) != 1 or _facts(document, back[0], writer) != _facts(document, claim, writer):
        message = "what was written does not read back as the same claim"
        return (Finding(rule="changed-when-written", place="claim", message=message),)
    return claim


def _paperwork(attachment: AttachmentAdded) -> Segment:
    """PWK: that a document belongs to the claim, how it goes to the payer, and under which number."""
    return Segment(0, ("PWK", attachment.report_type, attachment.transmission, "", "", "AC", attachment.attachment_id))


def _facts(document: ClaimDocument, claim: Claim, writer: SegmentWriter) -> tuple[object, ...]:
    named = tuple(each.elements for each in claim.others if each.id == "PWK")
    return (*document.facts(claim, writer), named)


def _sets(
    written: Sequence[_Written], document: ClaimDocument, partner: PartnerListed, envelope: Envelope
) -> Iterator[tuple[ClaimSet, Batch[Any]]]:
    """ST to SE, numbered from 0001."""
    for number, part in enumerate(_shares(written, partner.claims_per_set_max), start=1):
        first = part[0][1]
        batch = _batch(document, number, [each for _, _, each in part], first, partner, envelope)
        claim_set = ClaimSet(set_control_number=batch.control_number, claims=tuple(place for place, _, _ in part))
        yield claim_set, batch


def _shares(written: Sequence[_Written], claims_per_set_max: int) -> Iterator[Sequence[_Written]]:
    """Claims of one organisation together, as many as the partner's sets hold; a claim that goes again goes alone, so
    that a rejection of its set is about nobody else."""
    again = [each for each in written if each[0].version > 1]
    new = sorted((each for each in written if each[0].version == 1), key=lambda each: _organization(each).provider_id)
    for _, members in groupby(new, key=_organization):
        same = list(members)
        for start in range(0, len(same), claims_per_set_max):
            yield same[start : start + claims_per_set_max]
    yield from ([each] for each in again)


def _organization(written: _Written) -> ProviderIdentity:
    return written[1].services.organization


def _batch(
    document: ClaimDocument,
    number: int,
    claims: Sequence[Claim],
    claim: ClaimCreated,
    partner: PartnerListed,
    envelope: Envelope,
) -> Batch[Any]:
    organization = claim.services.organization
    return document.batch(
        envelope=envelope,
        control_number=f"{number:04d}",
        beginning=Beginning(
            purpose="00",
            reference=f"{envelope.interchange_control_number}{number:04d}",
            created_at=envelope.written_at,
            transaction_type="CH",
        ),
        submitter=Party(
            role="41",
            is_person=organization.is_person,
            name=organization.last_or_organisation,
            first_name=organization.first if organization.is_person else "",
            id_qualifier="46",
            id=partner.sender_id,
            contacts=(_contact(organization, claim),),
        ),
        receiver=Party(role="40", name=partner.name, id_qualifier="46", id=partner.receiver_id),
        claims=tuple(claims),
    )


def _contact(organization: ProviderIdentity, claim: ClaimCreated) -> Contact:
    services = claim.services
    return Contact(
        name=services.submitter_contact or organization.last_or_organisation,
        numbers=(("TE", services.submitter_phone or organization.phone),),
    )


def _envelope(partner: PartnerListed, control_number: int, written_at: datetime) -> Envelope:
    """GS06 has the value of ISA13, so that a 999 names the batch as a TA1 does."""
    return Envelope(
        sender_qualifier=partner.sender_qualifier,
        sender_id=partner.sender_id,
        receiver_qualifier=partner.receiver_qualifier,
        receiver_id=partner.receiver_id,
        application_sender=partner.sender_id,
        application_receiver=partner.receiver_id,
        written_at=written_at,
        interchange_control_number=f"{control_number:09d}",
        group_control_number=str(control_number),
        usage=partner.usage,
        is_acknowledgement_requested=True,
    )


def control_number_of_reference(reference: str) -> int | None:
    """The interchange that a BHT03 of ours was written in, as a 277CA repeats it; None when it is not one of ours."""
    digits = reference.strip()
    is_ours = len(digits) > _REFERENCE_DIGITS and digits.isdigit() and digits.isascii()
    return int(digits[:_REFERENCE_DIGITS]) if is_ours else None
