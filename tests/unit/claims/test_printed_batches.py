"""Claims for the post become one PDF when a person asks for it, and leave when a person says that they were mailed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from msgspec import structs

from services.claims.domain.batch.commands import RecordMailing, Reprint
from services.claims.domain.batch.decider import batch
from services.claims.domain.claim.commands import CreateClaim
from services.claims.domain.claim.state import Stage
from services.claims.domain.errors import NothingToPrint, PartnerNotOnPaper, PartnerUnknown
from services.claims.domain.partner.commands import ListPartner
from services.claims.domain.partner.decider import partner
from services.claims.policies import follow_batches
from shared.events.base import Sealed
from shared.events.batches import (
    BatchAssembled,
    BatchedClaim,
    BatchMailed,
    BatchReprinted,
    ClaimSet,
    InterchangeSent,
    InterchangeStored,
    PartnerListed,
)
from shared.events.claims import ClaimHeld, ClaimSubmitted
from shared.events.values import DocumentReference, Person, PersonName
from shared.runtime.command import Cause
from shared.testing.specification import Specification
from tests.unit.claims.examples import PARTNER, PATIENT, recorded
from tests.unit.claims.hospital_and_dental import DENTAL, INPATIENT, OUTPATIENT
from tests.unit.claims.test_send_batches import STREAMS, TENANT, Office, claim_to_send

PAPER = ListPartner(partner_id=PARTNER, name="The post", transport="paper")
PRINTED = InterchangeStored(
    partner_id=PARTNER,
    batch_id=f"{PARTNER}-000000001",
    control_number=1,
    file_name="a.pdf",
    document=DocumentReference(document_id="d" * 64),
    claim_ids=("C1",),
    sets=(ClaimSet(set_control_number="0001", claims=(BatchedClaim(claim_id="C1", version=1, charged_cents=1),)),),
    medium="paper",
)
TODAY = date(2026, 3, 10)
spec = Specification(batch)


def mailed(on: date = TODAY, **changes: Any) -> RecordMailing:
    told: dict[str, Any] = {"mailed_on": on, "by": "user:ann", "on": TODAY}
    return RecordMailing(**(told | changes))


def test_a_printed_batch_leaves_on_the_day_that_a_person_says() -> None:
    left = spec.given(PRINTED).when(
        mailed(date(2026, 3, 9), tracking_number="T1"), mailed(date(2026, 3, 9), tracking_number="T1")
    )
    told = left.only(BatchMailed)
    assert (told.mailed_on, told.tracking_number, told.by) == (date(2026, 3, 9), "T1", "user:ann")
    assert [claim.claim_id for claim in told.claims] == ["C1"]


def test_another_day_a_day_to_come_and_a_batch_of_the_wire_are_refused() -> None:
    spec.given(PRINTED).when(mailed(), mailed(date(2026, 3, 9))).then_refused("batch-already-mailed")
    spec.given(PRINTED).when(mailed(date(2026, 3, 11))).then_refused("mailed-in-the-future")
    electronic = structs.replace(PRINTED, medium="electronic")
    spec.given(electronic).when(mailed()).then_refused("batch-not-on-paper")
    spec.given(electronic).when(Reprint(reason="jam", by="user:ann")).then_refused("batch-not-on-paper")
    spec.when(mailed()).then_refused("batch-unknown")


def test_each_reprint_says_which_copy_it_is_and_why() -> None:
    jam = Reprint(reason="paper jam", by="user:ann")
    copies = [each for each in spec.given(PRINTED).when(jam, jam).events if isinstance(each, BatchReprinted)]
    assert [(copy.copy_number, copy.reason) for copy in copies] == [(2, "paper jam"), (3, "paper jam")]


def test_mail_needs_no_ids_of_envelopes_and_the_wire_does() -> None:
    Specification(partner).when(PAPER).then_kinds(PartnerListed)
    wire = ListPartner(partner_id=PARTNER, name="Northern", transport="sftp")
    Specification(partner).when(wire).then_refused("partner-malformed")


class Desk(Office):
    """An office that prints."""

    async def open(self, *claims: CreateClaim) -> None:
        await super().open(*claims)
        await self._tell(STREAMS.partner, PARTNER, PAPER)

    async def print(self) -> None:
        await self.batcher().print(TENANT, PARTNER, cause())

    async def mail(self) -> None:
        for stored in self.commands.all(InterchangeStored):
            await self._tell(STREAMS.batch, stored.batch_id, mailed())
        for left in self.commands.all(BatchMailed):
            for key, command in follow_batches.react(recorded(left)):
                await self._tell(STREAMS.claim, key, command)


def cause() -> Cause:
    return Cause(tenant=TENANT, actor="user:ann", command_id=uuid4(), correlation_id="c")


CLAIMS = tuple(claim_to_send(number) for number in range(2))


@pytest.mark.asyncio
async def test_what_waits_becomes_one_pdf_and_nothing_goes_over_the_wire() -> None:
    desk = Desk()
    await desk.open(*CLAIMS)
    assert not await desk.batcher().step()
    await desk.print()
    [stored] = desk.commands.all(InterchangeStored)
    assert (stored.medium, stored.file_name, len(stored.claim_ids)) == ("paper", f"{PARTNER}-000000001.pdf", 2)
    assert not await desk.batcher().step()
    assert (desk.folder.files, desk.commands.all(InterchangeSent)) == ([], [])
    await desk.mail()
    assert [desk.state(claim.claim_id).stage for claim in CLAIMS] == [Stage.SUBMITTED] * 2
    assert [left.mailed_on for left in desk.commands.all(ClaimSubmitted)] == [TODAY, TODAY]


@pytest.mark.asyncio
async def test_hospital_and_professional_claims_are_printed_on_forms_of_their_own() -> None:
    desk = Desk()
    await desk.open(CLAIMS[0], claim_to_send(1, services=INPATIENT))
    await desk.print()
    await desk.print()
    assert [[claim.kind for claim in each.claims] for each in desk.commands.all(BatchAssembled)] == [
        ["professional"],
        ["institutional"],
    ]
    with pytest.raises(NothingToPrint):
        await desk.print()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        (
            {"services": structs.replace(OUTPATIENT, diagnoses=tuple(f"E1{n:02}" for n in range(19)))},
            "no-room-on-paper",
        ),
        ({"services": DENTAL}, "no-paper-form"),
        ({"patient": Sealed.fresh(PATIENT, "person", Person(name=PersonName(last="")))}, "patient"),
    ],
)
async def test_what_cannot_be_printed_goes_back_with_its_finding(changes: Mapping[str, Any], rule: str) -> None:
    desk = Desk()
    await desk.open(claim_to_send(1, **changes))
    await desk.print()
    state = desk.state(claim_to_send(1).claim_id)
    assert (state.stage, state.hold_reason) == (Stage.HELD, "cannot-be-written")
    assert rule in {finding.rule for finding in desk.commands.all(ClaimHeld)[-1].findings}
    assert desk.commands.all(InterchangeStored) == []


@pytest.mark.asyncio
async def test_only_partners_of_paper_are_printed_for() -> None:
    office = Office()
    with pytest.raises(PartnerUnknown):
        await office.batcher().print(TENANT, PARTNER, cause())
    await office.open(*CLAIMS)
    with pytest.raises(PartnerNotOnPaper):
        await office.batcher().print(TENANT, PARTNER, cause())
