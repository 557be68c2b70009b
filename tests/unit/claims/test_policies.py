"""What others say becomes a command to the right claim, account or denial; silence only asks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from services.claims.domain.batch.commands import MarkUnanswered
from services.claims.domain.billing_case.commands import CancelBilling, NoteCharges, NoteCoverage
from services.claims.domain.claim.commands import (
    AskStatus,
    CreateClaim,
    EndCoverage,
    LearnPayerControlNumber,
    MarkFollowUp,
    RecordAdjudication,
    RecordDenial,
    RecordRejection,
    RecordReversal,
    RecordStatus,
    RecordSubmission,
    ReleaseClaim,
    SettleDenial,
    VoidClaim,
)
from services.claims.domain.denial.commands import OpenDenial, ReverseDenial
from services.claims.policies import (
    follow_accounts,
    follow_batches,
    make_claims,
    record_answers,
    settle_denials,
    watch_silence,
)
from shared.events.batches import BatchedClaim, InterchangeAcknowledged, InterchangeSent, InterchangeUnanswered
from shared.events.charges import ChargesReleased, EncounterCancelled
from shared.events.claims import (
    AccountIsSelfPay,
    AccountReadyToBill,
    BillingCancelled,
    ClaimAccepted,
    ClaimAdjudicated,
    ClaimClosed,
    ClaimSubmitted,
    CrossoverAwaited,
    PayerControlNumberKnown,
    ReplacementClaimDue,
    SecondaryClaimDue,
)
from shared.events.denials import DenialResolved
from shared.events.eligibility import CoverageSelected, NoCoverageFound
from shared.events.payments import ClaimAnswerNoted, ClaimDeniedByPayer, ClaimPaymentPosted, ClaimPaymentReversed
from shared.kernel.identifiers import claim_id_of
from shared.runtime.policy import CancelTimer, DueTimer, SetTimer
from tests.unit.claims.examples import (
    ACCOUNT,
    ENCOUNTER,
    FACILITY,
    FIRST_APPEAL,
    MONDAY,
    ORGANIZATION,
    PARTNER,
    PATIENT,
    PATIENT_PERSON,
    PRIMARY_CLAIM,
    RENDERING,
    SECONDARY_CLAIM,
    SERVICE_ON,
    SERVICES,
    SOURCE,
    TODAY,
    VISIT,
    accepted,
    adjustment,
    answer,
    coverage,
    recorded,
    submitted,
)

BATCH = {"partner_id": PARTNER, "batch_id": f"{PARTNER}-000000001", "control_number": 1}
PATIENCE = watch_silence.Patience()
PAID = answer(48_00, adjustment("CO", "45", 40_00), adjustment("PR", "2", 12_00))


def told_by_payments(**changes: Any) -> ClaimPaymentPosted:
    standard: dict[str, Any] = {
        "account_id": ACCOUNT,
        "claim_id": PRIMARY_CLAIM,
        "remittance_id": "remit-1",
        "ordinal": 4,
        "payer_rank": 1,
        "payer_id": "payer-1",
        "claim_status": "1",
        "charged_cents": 100_00,
        "paid_cents": 48_00,
        "contractual_cents": 40_00,
        "patient_responsibility_cents": 12_00,
        "denied_cents": 0,
        "next_rank": 2,
        "payer_control_number": "PCN1",
        "payment_on": date(2026, 4, 1),
        "lines": PAID.lines,
        "postings": (),
        "source": SOURCE,
    }
    return ClaimPaymentPosted(**(standard | changes))


DENIED = ClaimDeniedByPayer(
    account_id=ACCOUNT,
    claim_id=PRIMARY_CLAIM,
    remittance_id="remit-1",
    ordinal=4,
    payer_rank=1,
    payer_id="payer-1",
    denied_cents=100_00,
    group="CO",
    reason="197",
    payment_on=date(2026, 4, 1),
)


def test_released_charges_are_noted_on_their_account_as_they_were_told() -> None:
    event = ChargesReleased(
        encounter_id=ENCOUNTER,
        account_id=ACCOUNT,
        patient_id=PATIENT,
        release=2,
        service_on=SERVICE_ON,
        organization=ORGANIZATION,
        rendering=RENDERING,
        facility=FACILITY,
        diagnoses=("J0190",),
        lines=(VISIT,),
        charged_cents=100_00,
        submitter_contact="BILLING OFFICE",
        submitter_phone="2185550100",
    )
    noted = NoteCharges(account_id=ACCOUNT, patient_id=PATIENT, release=2, services=SERVICES)
    assert follow_accounts.react_to_charges(recorded(event)) == [(ACCOUNT, noted)]


def test_a_cancelled_encounter_cancels_the_billing_of_its_account() -> None:
    [(account, command)] = follow_accounts.react_to_charges(
        recorded(EncounterCancelled(encounter_id=ENCOUNTER, reason="no show"))
    )
    assert (account, command) == (ACCOUNT, CancelBilling(account_id=ACCOUNT, reason="no show"))


def test_a_cancelled_encounter_cancels_the_billing_of_each_of_its_bills() -> None:
    cancelled = EncounterCancelled(encounter_id=ENCOUNTER, reason="no show", account_ids=("SECOND",))
    told = follow_accounts.react_to_charges(recorded(cancelled))
    assert [(account, command.account_id) for account, command in told] == [(ACCOUNT, ACCOUNT), ("SECOND", "SECOND")]


def test_coverage_and_its_absence_are_both_told() -> None:
    names: dict[str, Any] = {
        "account_id": ACCOUNT,
        "encounter_id": ENCOUNTER,
        "patient_id": PATIENT,
        "service_on": SERVICE_ON,
        "patient": PATIENT_PERSON,
        "reason": "",
    }
    [(_, some)] = follow_accounts.react_to_coverage(recorded(CoverageSelected(**names, coverages=(coverage(),))))
    [(_, none)] = follow_accounts.react_to_coverage(recorded(NoCoverageFound(**names)))
    assert isinstance(some, NoteCoverage)
    assert isinstance(none, NoteCoverage)
    assert (some.coverages, none.coverages) == ((coverage(),), ())


def test_an_account_that_is_ready_becomes_its_primary_claim() -> None:
    ready = AccountReadyToBill(
        account_id=ACCOUNT,
        claim_id=PRIMARY_CLAIM,
        patient_id=PATIENT,
        release=1,
        services=SERVICES,
        coverages=(coverage(),),
        patient=PATIENT_PERSON,
    )
    [(claim_id, command)] = make_claims.react(recorded(ready))
    assert isinstance(command, CreateClaim)
    assert (claim_id, command.rank, command.frequency, command.on) == (PRIMARY_CLAIM, 1, "1", MONDAY.date())


def test_a_due_secondary_claim_carries_what_the_primary_said() -> None:
    due = SecondaryClaimDue(
        claim_id=PRIMARY_CLAIM,
        next_claim_id=SECONDARY_CLAIM,
        next_rank=2,
        prior=(PAID,),
        account_id=ACCOUNT,
        patient_id=PATIENT,
        patient=PATIENT_PERSON,
        services=SERVICES,
        coverages=(coverage(1), coverage(2)),
    )
    [(claim_id, command)] = make_claims.react(recorded(due))
    assert isinstance(command, CreateClaim)
    assert (claim_id, command.rank, command.prior) == (SECONDARY_CLAIM, 2, (PAID,))


def test_a_due_replacement_names_the_payers_number() -> None:
    due = ReplacementClaimDue(
        claim_id=PRIMARY_CLAIM,
        next_claim_id=claim_id_of(ACCOUNT, 2),
        frequency="7",
        payer_control_number="PCN1",
        rank=1,
        reason="recoded",
        account_id=ACCOUNT,
        patient_id=PATIENT,
        patient=PATIENT_PERSON,
        services=SERVICES,
        coverages=(coverage(),),
    )
    [(claim_id, command)] = make_claims.react(recorded(due))
    assert isinstance(command, CreateClaim)
    assert (claim_id, command.frequency, command.replaces_payer_control_number) == (due.next_claim_id, "7", "PCN1")


def test_lost_coverage_holds_and_a_cancelled_visit_voids_the_claim_that_was_made() -> None:
    lost = AccountIsSelfPay(account_id=ACCOUNT, patient_id=PATIENT, reason="none", claim_id=PRIMARY_CLAIM)
    cancelled = BillingCancelled(account_id=ACCOUNT, reason="no show", claim_id=PRIMARY_CLAIM)
    number = PayerControlNumberKnown(claim_id=PRIMARY_CLAIM, next_claim_id="X", payer_control_number="PCN1")
    assert make_claims.react(recorded(lost)) == [(PRIMARY_CLAIM, EndCoverage(on=MONDAY.date()))]
    assert make_claims.react(recorded(cancelled)) == [(PRIMARY_CLAIM, VoidClaim(reason="no show"))]
    [(claim_id, command)] = make_claims.react(recorded(number))
    assert claim_id == "X"
    assert isinstance(command, LearnPayerControlNumber)


def test_an_account_without_a_claim_leads_to_no_command() -> None:
    lost = AccountIsSelfPay(account_id=ACCOUNT, patient_id=PATIENT, reason="none")
    assert make_claims.react(recorded(lost)) == []
    assert make_claims.react(recorded(BillingCancelled(account_id=ACCOUNT, reason="no show"))) == []


def test_a_sent_interchange_submits_every_claim_in_it_with_its_payers_terms() -> None:
    claims = (
        BatchedClaim(claim_id=PRIMARY_CLAIM, version=1, charged_cents=1, answer_days=21),
        BatchedClaim(claim_id=SECONDARY_CLAIM, version=1, charged_cents=1),
    )
    told = follow_batches.react(recorded(InterchangeSent(**BATCH, claims=claims, document=SOURCE)))
    assert [(key, command.answer_days) for key, command in told if isinstance(command, RecordSubmission)] == [
        (PRIMARY_CLAIM, 21),
        (SECONDARY_CLAIM, 30),
    ]


def test_an_acknowledgement_returns_only_the_claims_that_it_rejects() -> None:
    told = InterchangeAcknowledged(
        **BATCH,
        kind="999",
        status="partially-accepted",
        codes=("IK3:NM1:8",),
        rejected_claim_ids=(PRIMARY_CLAIM,),
        source=SOURCE,
    )
    [(claim_id, command)] = follow_batches.react(recorded(told))
    assert isinstance(command, RecordRejection)
    assert (claim_id, command.stage, command.codes) == (PRIMARY_CLAIM, "functional-group", ("999:IK3:NM1:8",))


def test_a_rejected_set_of_several_claims_is_taken_apart() -> None:
    told = InterchangeAcknowledged(
        **BATCH,
        kind="999",
        status="rejected",
        rejected_claim_ids=(PRIMARY_CLAIM, SECONDARY_CLAIM),
        shared_claim_ids=(PRIMARY_CLAIM, SECONDARY_CLAIM),
        source=SOURCE,
    )
    commands = follow_batches.react(recorded(told))
    assert [(key, type(command)) for key, command in commands] == [
        (PRIMARY_CLAIM, RecordRejection),
        (SECONDARY_CLAIM, RecordRejection),
        (PRIMARY_CLAIM, ReleaseClaim),
        (SECONDARY_CLAIM, ReleaseClaim),
    ]


def test_an_unanswered_interchange_asks_for_follow_up_on_its_claims() -> None:
    told = InterchangeUnanswered(**BATCH, claim_ids=(PRIMARY_CLAIM, SECONDARY_CLAIM), sent_on=TODAY)
    commands = [command for _, command in follow_batches.react(recorded(told))]
    assert [command.waiting_for for command in commands if isinstance(command, MarkFollowUp)] == ["999", "999"]


def test_a_payment_is_recorded_verbatim_on_the_claim_that_it_answers() -> None:
    [(claim_id, command)] = record_answers.react(
        recorded(told_by_payments(claim_id=PRIMARY_CLAIM.lower())), FIRST_APPEAL
    )
    assert isinstance(command, RecordAdjudication)
    assert (claim_id, command.answer, command.next_rank) == (PRIMARY_CLAIM, PAID, 2)


def test_a_denial_is_told_to_the_claim_before_it_is_opened() -> None:
    [(claim_id, noted), (denial_id, opened)] = record_answers.react(recorded(DENIED), FIRST_APPEAL)
    assert isinstance(noted, RecordDenial)
    assert isinstance(opened, OpenDenial)
    assert (claim_id, noted.denial_id, opened.claim_id) == (PRIMARY_CLAIM, denial_id, PRIMARY_CLAIM)


def test_a_reversal_and_a_forwarding_note_reach_their_claim() -> None:
    reversal = ClaimPaymentReversed(
        account_id=ACCOUNT,
        claim_id=PRIMARY_CLAIM,
        remittance_id="remit-2",
        ordinal=1,
        reverses_remittance_id="remit-1",
        reverses_ordinal=4,
        payer_rank=1,
        paid_cents=-48_00,
        contractual_cents=-40_00,
        denied_cents=0,
        payment_on=TODAY,
        postings=(),
        source=SOURCE,
    )
    note = ClaimAnswerNoted(
        account_id=ACCOUNT,
        claim_id=PRIMARY_CLAIM,
        remittance_id="remit-1",
        ordinal=1,
        claim_status="23",
        forwarded=True,
        source=SOURCE,
    )
    [(_, taken_back)] = record_answers.react(recorded(reversal), FIRST_APPEAL)
    [(_, status)] = record_answers.react(recorded(note), FIRST_APPEAL)
    assert isinstance(taken_back, RecordReversal)
    assert (taken_back.reverses_remittance_id, taken_back.reverses_ordinal) == ("remit-1", 4)
    assert isinstance(status, RecordStatus)
    assert status.codes == ("CLP02:23",)


def test_denials_and_claims_end_together() -> None:
    reversal = ClaimAdjudicated(
        claim_id=PRIMARY_CLAIM,
        rank=1,
        remittance_id="remit-2",
        paid_cents=0,
        patient_responsibility_cents=0,
        denied_cents=0,
        adjudicated_on=TODAY,
        is_reversal=True,
        reversed_denial_ids=(f"{PRIMARY_CLAIM}-ABC",),
    )
    resolved = DenialResolved(denial_id=f"{PRIMARY_CLAIM}-ABC", outcome="paid")
    reversed_one = DenialResolved(denial_id=f"{PRIMARY_CLAIM}-ABC", outcome="reversed")
    assert settle_denials.react(recorded(reversal)) == [
        (f"{PRIMARY_CLAIM}-ABC", ReverseDenial(remittance_id="remit-2"))
    ]
    assert settle_denials.react(recorded(resolved)) == [
        (PRIMARY_CLAIM, SettleDenial(denial_id=f"{PRIMARY_CLAIM}-ABC", outcome="paid"))
    ]
    assert settle_denials.react(recorded(reversed_one)) == []


# ---- silence


def timers(event: Any) -> dict[str, datetime | None]:
    """Timer keys, and when they are due; None when cancelled."""
    changes = list(watch_silence.plan(recorded(event), PATIENCE))
    return {change.key: change.due_at if isinstance(change, SetTimer) else None for change in changes}


def test_a_submitted_claim_waits_two_business_days_and_the_payers_days() -> None:
    known_at = recorded(submitted()).recorded_at
    assert timers(submitted()) == {
        f"277CA/{PRIMARY_CLAIM}": known_at + timedelta(days=2),
        f"835/{PRIMARY_CLAIM}": known_at + timedelta(days=30),
    }


def test_a_mailed_claim_waits_for_the_payers_days_from_the_mailing_and_for_no_acknowledgement() -> None:
    known_at = recorded(submitted()).recorded_at
    mailed_on = known_at.date() - timedelta(days=3)
    mailed = structs.replace(submitted(), medium="paper", mailed_on=mailed_on, answer_days=45)
    assert timers(mailed) == {
        f"277CA/{PRIMARY_CLAIM}": None,
        f"835/{PRIMARY_CLAIM}": known_at + timedelta(days=42),
    }


@pytest.mark.parametrize(
    ("sent_on", "due_on"), [(date(2026, 3, 26), date(2026, 3, 30)), (date(2026, 3, 27), date(2026, 3, 31))]
)
def test_a_weekend_is_not_counted(sent_on: date, due_on: date) -> None:
    sent_at = datetime(sent_on.year, sent_on.month, sent_on.day, 9, tzinfo=UTC)
    assert watch_silence.after_business_days(sent_at, 2).date() == due_on


def test_an_acceptance_ends_the_wait_for_the_277ca_only() -> None:
    assert timers(accepted()) == {f"277CA/{PRIMARY_CLAIM}": None}


def test_a_closed_claim_waits_for_nothing() -> None:
    assert set(timers(ClaimClosed(claim_id=PRIMARY_CLAIM, reason="paid")).values()) == {None}


def test_a_forwarded_claim_waits_for_the_next_payer() -> None:
    [key] = timers(CrossoverAwaited(claim_id=PRIMARY_CLAIM, next_rank=2))
    assert key == f"crossover/{PRIMARY_CLAIM}"


def test_an_interchange_waits_for_its_acknowledgement_until_it_comes() -> None:
    sent = InterchangeSent(**BATCH)
    acknowledged = InterchangeAcknowledged(**BATCH, kind="999", status="accepted", source=SOURCE)
    assert timers(sent)[f"999/{BATCH['batch_id']}"] == recorded(sent).recorded_at + timedelta(hours=24)
    assert list(watch_silence.plan(recorded(acknowledged), PATIENCE)) == [CancelTimer(key=f"999/{BATCH['batch_id']}")]


@pytest.mark.parametrize("kind", ["277CA", "835"])
def test_silence_of_a_payer_is_asked_about_where_its_partner_answers_questions(kind: str) -> None:
    due = DueTimer(tenant="clinic", key=f"{kind}/some-key", due_at=MONDAY, note="2026-03-20")
    [(key, command)] = watch_silence.fire(due, frozenset({PARTNER}))
    assert isinstance(command, AskStatus)
    assert (key, command.waiting_for, command.since_on) == ("some-key", kind, TODAY)
    assert command.partners == {PARTNER}


def test_a_forwarded_claim_is_a_persons() -> None:
    due = DueTimer(tenant="clinic", key="crossover/some-key", due_at=MONDAY, note="2026-03-20")
    [(_, command)] = watch_silence.fire(due, frozenset({PARTNER}))
    assert isinstance(command, MarkFollowUp)
    assert command.waiting_for == "835"


def test_an_interchange_is_asked_about_by_its_batch() -> None:
    due = DueTimer(tenant="clinic", key="999/some-key", due_at=MONDAY, note="2026-03-20")
    assert watch_silence.fire(due) == [("some-key", MarkUnanswered(sent_on=TODAY))]


def test_a_timer_of_an_unknown_kind_is_a_bug_and_says_so() -> None:
    with pytest.raises(LookupError):
        watch_silence.fire(DueTimer(tenant="clinic", key="other/x", due_at=MONDAY, note="2026-03-20"))


def test_events_of_other_kinds_lead_to_nothing() -> None:
    event = ClaimAccepted(claim_id="X", by="", stage="payer", codes=(), accepted_on=TODAY, source=SOURCE)
    wrong = ClaimSubmitted(
        claim_id="X", version=1, partner_id="p", batch_id="b", control_number=1, document=SOURCE, answer_days=1
    )
    assert make_claims.react(recorded(event)) == []
    assert follow_batches.react(recorded(wrong)) == []
    assert settle_denials.react(recorded(event)) == []
