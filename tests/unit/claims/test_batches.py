"""Control numbers are used once, bytes are stored before they are sent, and acknowledgements find their claims."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.claims.domain.batch.commands import (
    AbandonBatch,
    MarkSent,
    MarkUnanswered,
    RecordAcknowledgement,
    StoreInterchange,
)
from services.claims.domain.batch.decider import batch
from services.claims.domain.partner.commands import AssembleBatch, ListPartner
from services.claims.domain.partner.decider import partner
from shared.events.batches import (
    BatchAbandoned,
    BatchAssembled,
    BatchedClaim,
    ClaimSet,
    InterchangeAcknowledged,
    InterchangeSent,
    InterchangeStored,
    InterchangeUnanswered,
    PartnerListed,
)
from shared.testing.specification import Specification
from tests.unit.claims.examples import PARTNER, SOURCE, TODAY

partners = Specification(partner)
batches = Specification(batch)

LIST = ListPartner(
    partner_id=PARTNER, name="Northern Clearing", transport="folder", sender_id="LAKESIDE", receiver_id="NORTHERN"
)
A = BatchedClaim(claim_id="A1", version=1, charged_cents=100_00)
B = BatchedClaim(claim_id="B1", version=1, charged_cents=50_00)
STORE = StoreInterchange(
    partner_id=PARTNER,
    batch_id=f"{PARTNER}-000000001",
    control_number=1,
    file_name=f"{PARTNER}-000000001.837",
    document=SOURCE,
    sets=(ClaimSet(set_control_number="0001", claims=(A,)), ClaimSet(set_control_number="0002", claims=(B,))),
    refused_claim_ids=("C1",),
)
ABANDON = AbandonBatch(partner_id=PARTNER, batch_id=STORE.batch_id, control_number=1, refused_claim_ids=("C1",))
TA1_REJECTED = RecordAcknowledgement(kind="TA1", status="rejected", codes=("025",), source=SOURCE)
FIRST_SET_REJECTED = RecordAcknowledgement(
    kind="999", status="partially-accepted", codes=("R",), rejected_sets=("0001",), source=SOURCE
)
ALL_ACCEPTED = RecordAcknowledgement(kind="999", status="accepted", source=SOURCE)


def test_a_partner_is_listed_once_until_its_terms_change() -> None:
    decided = partners.when(LIST, LIST, replace(LIST, claims_per_batch_max=10))
    decided.then_kinds(PartnerListed, PartnerListed)


@pytest.mark.parametrize(
    "wrong",
    [
        {"partner_id": "Northern/Clearing"},
        {"sender_id": "SIXTEEN CHARACTERS"},
        {"receiver_id": "north*ern"},
        {"sender_qualifier": "Z"},
        {"claims_per_batch_max": 0},
        {"claims_per_set_max": 5001},
    ],
)
def test_a_partner_that_cannot_be_addressed_is_refused(wrong: dict[str, object]) -> None:
    refusal = partners.when(replace(LIST, **wrong)).then_refused("partner-malformed")  # type: ignore[arg-type]
    assert next(iter(wrong)) in refusal.message


def test_batches_are_numbered_from_one_without_gaps() -> None:
    events = partners.when(LIST, AssembleBatch(claims=(A,)), AssembleBatch(claims=(B,))).events
    numbers = [event.control_number for event in events if isinstance(event, BatchAssembled)]
    assert numbers == [1, 2]


def test_a_claim_of_a_recent_batch_is_not_batched_again() -> None:
    events = partners.when(LIST, AssembleBatch(claims=(A,)), AssembleBatch(claims=(A, B))).events
    assert isinstance(events[-1], BatchAssembled)
    assert events[-1].claims == (B,)


def test_a_list_that_lags_behind_uses_up_no_number() -> None:
    partners.when(LIST, AssembleBatch(claims=(A,)), AssembleBatch(claims=(A,))).then_kinds(
        PartnerListed, BatchAssembled
    )


def test_a_claim_that_was_mended_is_batched_under_its_new_version() -> None:
    mended = BatchedClaim(claim_id="A1", version=2, charged_cents=100_00)
    batched = partners.when(LIST, AssembleBatch(claims=(A,)), AssembleBatch(claims=(mended,))).events[-1]
    assert isinstance(batched, BatchAssembled)
    assert batched.claims == (mended,)


def test_a_batch_takes_no_more_claims_than_the_partner_allows() -> None:
    batched = partners.when(replace(LIST, claims_per_batch_max=1), AssembleBatch(claims=(A, B))).only(BatchAssembled)
    assert batched.claims == (A,)


def test_nothing_is_batched_for_an_unknown_partner() -> None:
    partners.when(AssembleBatch(claims=(A,))).then_refused("partner-unknown")


def test_bytes_are_stored_once_and_sent_once() -> None:
    decided = batches.when(STORE, MarkSent(), MarkSent())
    decided.then_kinds(InterchangeStored, InterchangeSent)
    assert decided.only(InterchangeStored).claim_ids == ("A1", "B1")
    assert decided.only(InterchangeSent).claims == (A, B)


def test_stored_bytes_are_never_written_anew() -> None:
    batches.when(STORE, replace(STORE, file_name="other.837")).then_refused("batch-already-stored")


def test_nothing_is_sent_before_it_is_stored() -> None:
    batches.when(MarkSent()).then_refused("batch-unknown")


def test_a_batch_of_which_nothing_could_be_written_is_abandoned() -> None:
    batches.when(ABANDON, ABANDON).then_kinds(BatchAbandoned)


def test_an_abandoned_batch_is_not_stored_and_a_stored_one_not_abandoned() -> None:
    batches.when(ABANDON, STORE).then_refused("batch-abandoned")
    batches.when(STORE, ABANDON).then_refused("batch-already-stored")


def test_a_rejected_interchange_returns_every_claim() -> None:
    rejected = batches.when(STORE, MarkSent(), TA1_REJECTED).only(InterchangeAcknowledged)
    assert rejected.rejected_claim_ids == ("A1", "B1")


def test_a_rejected_set_returns_its_own_claims_only() -> None:
    rejected = batches.when(STORE, MarkSent(), FIRST_SET_REJECTED).only(InterchangeAcknowledged)
    assert rejected.rejected_claim_ids == ("A1",)


def test_claims_that_were_rejected_together_are_told_apart_from_those_rejected_alone() -> None:
    shared = ClaimSet(set_control_number="0001", claims=(A, B))
    together = batches.when(replace(STORE, sets=(shared,)), MarkSent(), FIRST_SET_REJECTED)
    assert together.only(InterchangeAcknowledged).shared_claim_ids == ("A1", "B1")
    alone = batches.when(STORE, MarkSent(), FIRST_SET_REJECTED).only(InterchangeAcknowledged)
    assert alone.shared_claim_ids == ()
    envelope = batches.when(replace(STORE, sets=(shared,)), MarkSent(), TA1_REJECTED).only(InterchangeAcknowledged)
    assert envelope.shared_claim_ids == ()


def test_a_999_that_rejects_the_group_without_naming_sets_returns_every_claim() -> None:
    whole = replace(FIRST_SET_REJECTED, status="rejected", rejected_sets=())
    assert batches.when(STORE, MarkSent(), whole).only(InterchangeAcknowledged).rejected_claim_ids == ("A1", "B1")


def test_a_claim_is_returned_once_however_often_it_is_rejected() -> None:
    events = batches.when(STORE, MarkSent(), FIRST_SET_REJECTED, TA1_REJECTED).events
    returned = [event.rejected_claim_ids for event in events if isinstance(event, InterchangeAcknowledged)]
    assert returned == [("A1",), ("B1",)]


def test_an_acceptance_returns_nothing() -> None:
    assert batches.when(STORE, MarkSent(), ALL_ACCEPTED).only(InterchangeAcknowledged).rejected_claim_ids == ()


def test_an_acknowledgement_proves_the_sending() -> None:
    batches.when(STORE, ALL_ACCEPTED, MarkSent()).then_kinds(
        InterchangeStored, InterchangeSent, InterchangeAcknowledged
    )


def test_an_acknowledgement_of_a_number_that_we_never_used_is_refused() -> None:
    batches.when(ALL_ACCEPTED).then_refused("batch-unknown")


def test_an_unanswered_interchange_is_said_once_it_is_overdue() -> None:
    overdue = batches.when(STORE, MarkSent(), MarkUnanswered(sent_on=TODAY)).only(InterchangeUnanswered)
    assert overdue.claim_ids == ("A1", "B1")


def test_an_answered_interchange_is_never_overdue() -> None:
    batches.when(STORE, MarkSent(), ALL_ACCEPTED, MarkUnanswered(sent_on=TODAY)).then_kinds(
        InterchangeStored, InterchangeSent, InterchangeAcknowledged
    )
