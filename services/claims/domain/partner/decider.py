"""Which claims go to a partner next, and under which number?

The partner's stream is the durable sequence of its control numbers (ISA13, and GS06 with the same value): a number is taken
before anything is written and never used again, whatever becomes of the batch. A group names one guide (GS08), so that a batch is of
one kind: that of the claim that waits longest; the other kinds follow in batches of their own. Source: X12.5 control structures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import assert_never

from services.claims.domain.errors import PartnerMalformed, PartnerUnknown
from services.claims.domain.partner.commands import AssembleBatch, ListPartner, PartnerCommand
from services.claims.domain.partner.state import Partner, evolve
from shared.events.batches import BatchAssembled, BatchedClaim, PartnerEvent, PartnerListed
from shared.kernel.decider import Decider

_PARTNER_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_INTERCHANGE_ID = re.compile(r"[A-Z0-9 .&/-]{1,15}")  # ISA06, ISA08
_QUALIFIER = re.compile(r"[A-Z0-9]{2}")  # ISA05, ISA07
CLAIMS_PER_BATCH_MAX = 5_000


def batch_id_of(partner_id: str, control_number: int) -> str:
    """The batch that an acknowledgement's control number belongs to."""
    return f"{partner_id}-{control_number:09d}"


def decide(command: PartnerCommand, partner: Partner) -> list[PartnerEvent]:
    match command:
        case ListPartner():
            return _list(command, partner)
        case AssembleBatch():
            return _assemble(command, partner)
        case _:
            assert_never(command)


def _list(command: ListPartner, partner: Partner) -> list[PartnerEvent]:
    for rule in _broken_rules(command):
        raise PartnerMalformed(rule, partner=command.partner_id[:40])
    listed = PartnerListed(
        partner_id=command.partner_id,
        name=command.name,
        transport=command.transport,
        sender_qualifier=command.sender_qualifier,
        sender_id=command.sender_id,
        receiver_qualifier=command.receiver_qualifier,
        receiver_id=command.receiver_id,
        usage=command.usage,
        claims_per_batch_max=command.claims_per_batch_max,
        claims_per_set_max=command.claims_per_set_max,
    )
    return [] if listed == partner.listing else [listed]


def _broken_rules(command: ListPartner) -> Iterator[str]:
    if not _PARTNER_ID.fullmatch(command.partner_id):
        yield "partner_id: 1 to 40 lower case letters, digits and dashes"
    for name, value in (("sender_id", command.sender_id), ("receiver_id", command.receiver_id)):
        is_absent = command.transport == "paper" and not value
        if not is_absent and (not _INTERCHANGE_ID.fullmatch(value) or value.strip() != value):
            yield f"{name}: 1 to 15 capital letters, digits and . & / -"
    for name, value in (
        ("sender_qualifier", command.sender_qualifier),
        ("receiver_qualifier", command.receiver_qualifier),
    ):
        if not _QUALIFIER.fullmatch(value):
            yield f"{name}: two characters"
    if not 1 <= command.claims_per_batch_max <= CLAIMS_PER_BATCH_MAX:
        yield f"claims_per_batch_max: 1 to {CLAIMS_PER_BATCH_MAX}"
    if not 1 <= command.claims_per_set_max <= CLAIMS_PER_BATCH_MAX:
        yield f"claims_per_set_max: 1 to {CLAIMS_PER_BATCH_MAX}"


def _assemble(command: AssembleBatch, partner: Partner) -> list[PartnerEvent]:
    listing = partner.listing
    if listing is None:
        raise PartnerUnknown("no such trading partner is listed")
    waiting = _not_yet_batched(command.claims, partner)
    claims = tuple(claim for claim in waiting if claim.kind == waiting[0].kind)[: listing.claims_per_batch_max]
    if not claims:
        return []
    control_number = partner.last_control_number + 1
    return [
        BatchAssembled(
            partner_id=listing.partner_id,
            batch_id=batch_id_of(listing.partner_id, control_number),
            control_number=control_number,
            claims=claims,
        )
    ]


def _not_yet_batched(claims: tuple[BatchedClaim, ...], partner: Partner) -> tuple[BatchedClaim, ...]:
    """The list of what waits may still show claims of the last batches."""
    batched = {version for batch in partner.recent for version in batch}
    return tuple(claim for claim in claims if (claim.claim_id, claim.version) not in batched)


partner: Decider[PartnerCommand, PartnerEvent, Partner] = Decider(decide=decide, evolve=evolve, initial=Partner())
