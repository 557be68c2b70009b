"""The life of a claim, one story a rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from msgspec import structs

from services.claims.domain.claim.commands import (
    CloseClaim,
    CorrectClaim,
    CreateClaim,
    HoldClaim,
    LearnPayerControlNumber,
    MarkFollowUp,
    RaiseNextClaim,
    RecordAcceptance,
    RecordDenial,
    RecordRejection,
    RecordReversal,
    RecordStatus,
    RecordSubmission,
    ReleaseClaim,
    ReturnFromBatch,
    SettleDenial,
    TakeIntoBatch,
    VoidClaim,
)
from services.claims.domain.claim.decider import claim
from services.claims.domain.claim.numbering import (
    answered_claim,
    first_claim_of_rank,
    ordinal_of,
    replacement_of,
)
from services.claims.domain.claim.state import Stage
from services.claims.domain.errors import NextPayerUnknown, TooManyReplacements
from shared.events.claims import (
    ClaimAccepted,
    ClaimAdjudicated,
    ClaimBatched,
    ClaimClosed,
    ClaimCorrected,
    ClaimCreated,
    ClaimDenialSettled,
    ClaimDenied,
    ClaimHeld,
    ClaimRejected,
    ClaimReleased,
    ClaimScrubbed,
    ClaimStatusReported,
    ClaimSubmitted,
    ClaimVoided,
    CrossoverAwaited,
    FollowUpDue,
    PayerControlNumberKnown,
    ReplacementClaimDue,
    SecondaryClaimDue,
)
from shared.events.values import Finding
from shared.kernel.identifiers import claim_id_of
from shared.testing.specification import Specification
from tests.unit.claims.examples import (
    ACCOUNT,
    CREATED,
    PARTNER,
    PRIMARY_CLAIM,
    SECONDARY_CLAIM,
    SENT,
    SERVICES,
    SOURCE,
    TODAY,
    VISIT,
    accepted,
    adjudicate,
    adjustment,
    answer,
    batched,
    coverage,
    create,
    created,
    released,
    submitted,
)

spec = Specification(claim)

BATCH = f"{PARTNER}-000000001"
TAKE = TakeIntoBatch(version=1, partner_id=PARTNER, batch_id=BATCH, control_number=1)
SUBMIT = RecordSubmission(partner_id=PARTNER, batch_id=BATCH, control_number=1, document=SOURCE, answer_days=30)
REJECT = RecordRejection(by="NORTHERN", stage="clearinghouse", codes=("A7:562:85",), source=SOURCE)
ACCEPT = RecordAcceptance(
    by="NORTHERN", stage="clearinghouse", codes=("A1:19",), accepted_on=date(2026, 3, 21), source=SOURCE
)
HOLD = HoldClaim(reason="waiting for the chart", held_by="user:ann")
UNCODED = structs.replace(SERVICES, diagnoses=())
RECODED = structs.replace(SERVICES, diagnoses=("J0190", "E119"))
PAID_48 = answer(48_00, adjustment("CO", "45", 40_00), adjustment("PR", "2", 12_00))
PAID_ALL = answer(60_00, adjustment("CO", "45", 40_00))
DENIED = answer(0, adjustment("CO", "197", 100_00))
DENIAL = RecordDenial(
    denial_id=f"{PRIMARY_CLAIM}-ABC", remittance_id="remit-1", denied_cents=100_00, group="CO", reason="197"
)
REVERSAL = RecordReversal(
    remittance_id="remit-2",
    ordinal=3,
    reverses_remittance_id="remit-1",
    reverses_ordinal=1,
    rank=1,
    paid_cents=-48_00,
    reversed_on=date(2026, 4, 20),
)


def correct(services: object = RECODED) -> CorrectClaim:
    return CorrectClaim(services=services, reason="coder's answer", corrected_by="user:ann", on=TODAY)  # type: ignore[arg-type]


# ---- before it is sent


def test_a_clean_claim_is_created_scrubbed_and_released() -> None:
    decided = spec.when(create())
    decided.then_kinds(ClaimCreated, ClaimScrubbed, ClaimReleased)
    assert decided.only(ClaimReleased) == released(version=1)


def test_a_claim_with_errors_is_created_and_held_with_its_findings() -> None:
    decided = spec.when(create(services=UNCODED))
    decided.then_kinds(ClaimCreated, ClaimScrubbed, ClaimHeld)
    held = decided.only(ClaimHeld)
    assert held.reason == "edits-failed"
    assert {finding.rule for finding in held.findings} == {"diagnoses", "diagnosis-pointers"}


def test_a_claim_whose_payer_has_no_trading_partner_is_held_for_paper() -> None:
    assert spec.when(create(coverages=(coverage(partner_id=""),))).only(ClaimHeld).reason == "no-trading-partner"


def test_creating_the_same_claim_twice_is_silence() -> None:
    spec.given(*CREATED).when(create()).then_nothing()


def test_later_charges_correct_a_claim_that_was_not_sent() -> None:
    decided = spec.given(*CREATED).when(create(services=RECODED))
    decided.then_kinds(ClaimCorrected, ClaimScrubbed, ClaimReleased)
    assert decided.only(ClaimReleased).version == 2
    assert decided.state.content == created(services=RECODED)


def test_later_charges_replace_a_claim_that_was_sent() -> None:
    due = spec.given(*SENT, accepted("PCN9")).when(create(services=RECODED)).only(ReplacementClaimDue)
    assert (due.next_claim_id, due.frequency, due.payer_control_number) == (claim_id_of(ACCOUNT, 2), "7", "PCN9")
    assert due.services == RECODED


def test_later_charges_on_a_claim_that_is_being_sent_wait_for_a_replacement() -> None:
    spec.given(*CREATED, batched()).when(create(services=RECODED)).then_kinds(ReplacementClaimDue)


def test_a_third_release_goes_to_the_same_replacement() -> None:
    again = structs.replace(SERVICES, diagnoses=("E119",))
    events = spec.given(*SENT).when(create(services=RECODED), create(services=again)).events
    assert [event.next_claim_id for event in events if isinstance(event, ReplacementClaimDue)] == [
        claim_id_of(ACCOUNT, 2)
    ] * 2


def test_coverage_that_changes_after_sending_asks_a_person() -> None:
    due = spec.given(*SENT).when(create(coverages=(coverage(coverage_id="other"),))).only(FollowUpDue)
    assert due.waiting_for == "a person"


def test_a_held_claim_is_released_by_its_correction() -> None:
    decided = spec.when(create(services=UNCODED), correct())
    decided.then_kinds(ClaimCreated, ClaimScrubbed, ClaimHeld, ClaimCorrected, ClaimScrubbed, ClaimReleased)


def test_what_a_person_holds_stays_held_when_it_is_corrected() -> None:
    decided = spec.given(*CREATED).when(HOLD, correct())
    decided.then_kinds(ClaimHeld, ClaimCorrected, ClaimScrubbed, ClaimHeld)
    assert decided.state.stage is Stage.HELD
    assert decided.state.held_by == "user:ann"


def test_a_person_releases_what_a_person_held() -> None:
    spec.given(*CREATED).when(HOLD, ReleaseClaim(on=TODAY)).then_kinds(ClaimHeld, ClaimScrubbed, ClaimReleased)


def test_the_edits_cannot_be_bypassed_by_a_release() -> None:
    refusal = spec.when(create(services=UNCODED), ReleaseClaim(on=TODAY)).then_refused("claim-has-errors")
    assert "diagnoses" in refusal.message


def test_a_released_claim_needs_no_release() -> None:
    spec.given(*CREATED).when(ReleaseClaim(on=TODAY)).then_refused("claim-not-held")


def test_holding_twice_for_the_same_reason_is_silence() -> None:
    spec.given(*CREATED).when(HOLD, HOLD).then_kinds(ClaimHeld)


def test_there_is_nothing_to_hold_before_a_claim_exists() -> None:
    spec.when(HOLD).then_refused("claim-unknown")


# ---- into the batch and out


def test_a_released_claim_is_taken_into_one_batch() -> None:
    spec.given(*CREATED).when(TAKE, TAKE).then_kinds(ClaimBatched)


def test_a_claim_is_never_in_two_batches() -> None:
    other = replace(TAKE, batch_id=f"{PARTNER}-000000002", control_number=2)
    spec.given(*CREATED).when(TAKE, other).then_refused("claim-not-waiting")


def test_a_held_claim_is_not_taken_by_a_batch_that_still_lists_it() -> None:
    spec.given(*CREATED).when(HOLD, TAKE).then_refused("claim-not-waiting")


def test_an_older_version_is_not_taken() -> None:
    spec.given(*CREATED).when(create(services=RECODED), TAKE).then_refused("claim-not-waiting")


@pytest.mark.parametrize("command", [HOLD, correct(), VoidClaim(reason="cancelled"), REJECT])
def test_nobody_changes_a_claim_while_it_is_being_sent(command: HoldClaim | CorrectClaim | VoidClaim) -> None:
    spec.given(*CREATED).when(TAKE, command).then_refused("claim-is-being-sent")


def test_a_claim_that_cannot_be_written_comes_back_with_the_reason() -> None:
    finding = Finding(rule="member-number", place="coverage.member_number", message="the member number is empty")
    held = spec.given(*CREATED).when(TAKE, ReturnFromBatch(batch_id=BATCH, findings=(finding,))).only(ClaimHeld)
    assert (held.reason, held.findings) == ("cannot-be-written", (finding,))


def test_only_the_batch_that_holds_a_claim_gives_it_back() -> None:
    other = ReturnFromBatch(batch_id=f"{PARTNER}-000000009", findings=())
    spec.given(*CREATED).when(TAKE, other).then_refused("claim-not-in-batch")


def test_sending_is_noted_once() -> None:
    decided = spec.given(*CREATED).when(TAKE, SUBMIT, SUBMIT)
    decided.then_kinds(ClaimBatched, ClaimSubmitted)
    assert decided.only(ClaimSubmitted).version == 1


def test_another_batch_cannot_claim_to_have_sent_it() -> None:
    spec.given(*CREATED).when(TAKE, replace(SUBMIT, batch_id="other")).then_refused("claim-not-in-batch")


def test_a_sent_claim_cannot_be_held() -> None:
    spec.given(*SENT).when(HOLD).then_refused("claim-already-sent")


# ---- acknowledgements


def test_several_277ca_of_one_claim_are_all_kept() -> None:
    payer = replace(ACCEPT, by="PAYER 1", stage="payer", codes=("A2:20",), payer_control_number="PCN1")
    decided = spec.given(*SENT).when(ACCEPT, payer)
    decided.then_kinds(ClaimAccepted, ClaimAccepted)
    assert decided.state.payer_control_number == "PCN1"


def test_what_was_taken_in_on_the_way_to_whom_it_came_back_from_stays_returned() -> None:
    decided = spec.given(*SENT).when(replace(REJECT, stage="payer"), ACCEPT)
    decided.then_kinds(ClaimRejected, ClaimStatusReported)
    assert decided.state.stage is Stage.REJECTED


@pytest.mark.parametrize(
    "told", [(REJECT, replace(ACCEPT, stage="payer")), (replace(ACCEPT, stage="payer"), REJECT)], ids=["first", "last"]
)
def test_a_person_asks_whether_the_payer_has_what_the_clearinghouse_returned(told: tuple[Any, Any]) -> None:
    decided = spec.given(*SENT).when(*told)
    assert decided.state.stage is Stage.ACCEPTED
    due = decided.only(FollowUpDue)
    assert due.next_action.startswith("taken in after it was rejected")


def test_a_late_reject_can_follow_an_accept() -> None:
    decided = spec.given(*SENT, accepted()).when(replace(REJECT, stage="payer"))
    decided.then_kinds(ClaimRejected)
    assert decided.state.stage is Stage.REJECTED


def test_a_rejected_claim_is_corrected_and_sent_again_as_an_original() -> None:
    decided = spec.given(*SENT).when(REJECT, correct())
    decided.then_kinds(ClaimRejected, ClaimCorrected, ClaimScrubbed, ClaimReleased)
    assert decided.only(ClaimReleased).version == 2
    assert decided.state.content is not None
    assert decided.state.content.frequency == "1"


def test_a_rejection_of_the_whole_interchange_lets_the_claim_go_again_unchanged() -> None:
    whole = replace(REJECT, stage="interchange", codes=("TA1:R:024",))
    spec.given(*SENT).when(whole, ReleaseClaim(on=TODAY)).then_kinds(ClaimRejected, ClaimScrubbed, ClaimReleased)


def test_a_rejection_of_an_earlier_batch_does_not_touch_the_claim_that_was_sent_again() -> None:
    sent_again = (*SENT, ClaimCorrected(claim_id=PRIMARY_CLAIM, reason="mended", corrected_by="user:ann"))
    sent_again += (released(2), batched(2, control_number=2), submitted(2, control_number=2))
    decided = spec.given(*sent_again).when(replace(REJECT, control_number=1))
    decided.then_kinds(ClaimStatusReported)
    assert decided.state.stage is Stage.SUBMITTED


def test_an_acknowledgement_of_a_claim_that_was_never_sent_is_refused() -> None:
    spec.given(*CREATED).when(ACCEPT).then_refused("claim-not-submitted")


def test_a_rejection_after_the_payers_answer_changes_nothing() -> None:
    decided = spec.given(*SENT).when(adjudicate(PAID_ALL), REJECT)
    decided.then_kinds(ClaimAdjudicated, ClaimClosed, ClaimStatusReported)
    assert decided.state.stage is Stage.CLOSED


def test_a_277_is_kept_and_changes_no_status() -> None:
    status = RecordStatus(category="P1", codes=("P1:20",), payer_control_number="PCN7", source=SOURCE)
    decided = spec.given(*SENT).when(status)
    decided.then_kinds(ClaimStatusReported)
    assert (decided.state.stage, decided.state.payer_control_number) == (Stage.SUBMITTED, "PCN7")


# ---- silence


@pytest.mark.parametrize("waiting_for", ["999", "277CA", "835"])
def test_silence_after_sending_asks_for_follow_up(waiting_for: str) -> None:
    mark = MarkFollowUp(waiting_for=waiting_for, since_on=TODAY, next_action="call")  # type: ignore[arg-type]
    spec.given(*SENT).when(mark).then(
        FollowUpDue(claim_id=PRIMARY_CLAIM, waiting_for=waiting_for, since_on=TODAY, next_action="call")  # type: ignore[arg-type]
    )


def test_an_accepted_claim_no_longer_waits_for_a_277ca() -> None:
    spec.given(*SENT, accepted()).when(MarkFollowUp(waiting_for="277CA", since_on=TODAY, next_action="")).then_nothing()


def test_a_closed_claim_waits_for_nobody() -> None:
    mark = MarkFollowUp(waiting_for="835", since_on=TODAY, next_action="")
    spec.given(*SENT).when(adjudicate(PAID_ALL), mark).then_kinds(ClaimAdjudicated, ClaimClosed)


# ---- the payer's answer


def test_a_claim_paid_in_full_is_closed() -> None:
    assert spec.given(*SENT).when(adjudicate(PAID_ALL)).only(ClaimClosed).reason == "paid"


def test_what_is_left_to_the_patient_closes_the_claim() -> None:
    command = adjudicate(PAID_48, patient_responsibility_cents=12_00)
    assert spec.given(*SENT).when(command).only(ClaimClosed).reason == "patient"


def test_a_claim_that_pays_nothing_and_owes_nothing_is_closed() -> None:
    command = adjudicate(answer(0, adjustment("CO", "45", 100_00)))
    assert spec.given(*SENT).when(command).only(ClaimClosed).reason == "nothing-due"


def test_the_primarys_answer_raises_the_secondary_claim_verbatim() -> None:
    decided = spec.given(*SENT).when(adjudicate(PAID_48, next_rank=2))
    decided.then_kinds(ClaimAdjudicated, SecondaryClaimDue, ClaimClosed)
    due = decided.only(SecondaryClaimDue)
    assert (due.next_claim_id, due.next_rank, due.prior) == (SECONDARY_CLAIM, 2, (PAID_48,))
    assert decided.only(ClaimClosed).reason == "next-payer"


def test_the_secondary_claim_carries_both_answers_to_the_tertiary() -> None:
    second = answer(2_00, adjustment("OA", "23", 88_00), adjustment("PR", "2", 10_00), rank=2)
    coverages = (coverage(1), coverage(2), coverage(3))
    secondary = created(claim_id=SECONDARY_CLAIM, rank=2, prior=(PAID_48,), coverages=coverages)
    sent = (secondary, *SENT[1:])
    due = spec.given(*sent).when(adjudicate(second, next_rank=3)).only(SecondaryClaimDue)
    assert due.next_claim_id == first_claim_of_rank(ACCOUNT, rank=3)
    assert due.prior == (PAID_48, second)


def test_a_secondary_claim_made_of_the_primarys_answer_is_clean() -> None:
    due = spec.given(*SENT).when(adjudicate(PAID_48, next_rank=2)).only(SecondaryClaimDue)
    command = CreateClaim(
        claim_id=due.next_claim_id,
        account_id=due.account_id,
        patient_id=due.patient_id,
        rank=due.next_rank,
        coverages=due.coverages,
        patient=due.patient,
        services=due.services,
        prior=due.prior,
        on=TODAY,
    )
    spec.when(command).then_kinds(ClaimCreated, ClaimScrubbed, ClaimReleased)


def test_a_forwarded_claim_is_awaited_and_not_sent_by_us() -> None:
    decided = spec.given(*SENT).when(adjudicate(PAID_48, next_rank=2, is_forwarded=True))
    decided.then_kinds(ClaimAdjudicated, CrossoverAwaited)
    assert decided.only(CrossoverAwaited).next_rank == 2


def test_the_next_payers_answer_to_a_forwarded_claim_closes_it() -> None:
    second = answer(12_00, adjustment("OA", "23", 88_00), rank=2)
    decided = spec.given(*SENT).when(
        adjudicate(PAID_48, next_rank=2, is_forwarded=True), adjudicate(second, remittance_id="remit-7")
    )
    decided.then_kinds(ClaimAdjudicated, CrossoverAwaited, ClaimAdjudicated, ClaimClosed)
    assert decided.only(ClaimClosed).reason == "paid"


def test_a_forwarded_claim_that_never_arrives_is_sent_by_us_after_all() -> None:
    silence = MarkFollowUp(waiting_for="835", since_on=TODAY, next_action="ask the next payer")
    decided = spec.given(*SENT).when(adjudicate(PAID_48, next_rank=2, is_forwarded=True), silence, RaiseNextClaim())
    decided.then_kinds(ClaimAdjudicated, CrossoverAwaited, FollowUpDue, SecondaryClaimDue, ClaimClosed)


def test_a_claim_that_was_not_forwarded_has_no_crossover_to_give_up() -> None:
    spec.given(*SENT).when(RaiseNextClaim()).then_refused("next-payer-unknown")


def test_a_next_payer_that_the_account_does_not_have_asks_a_person() -> None:
    only_primary = (created(coverages=(coverage(1),)), *SENT[1:])
    spec.given(*only_primary).when(adjudicate(PAID_48, next_rank=2)).then_kinds(ClaimAdjudicated, FollowUpDue)


def test_a_denied_claim_stays_open_until_its_last_denial_is_resolved() -> None:
    decided = spec.given(*SENT).when(
        adjudicate(DENIED, denied_cents=100_00), DENIAL, SettleDenial(denial_id=DENIAL.denial_id, outcome="written-off")
    )
    decided.then_kinds(ClaimAdjudicated, ClaimDenied, ClaimDenialSettled, ClaimClosed)
    assert decided.only(ClaimClosed).reason == "written-off"


def test_a_claim_with_two_denials_is_closed_with_the_second() -> None:
    other = replace(DENIAL, denial_id=f"{PRIMARY_CLAIM}-DEF", reason="16")
    decided = spec.given(*SENT).when(
        adjudicate(DENIED, denied_cents=100_00),
        DENIAL,
        other,
        SettleDenial(denial_id=DENIAL.denial_id, outcome="paid"),
    )
    assert decided.state.stage is Stage.ADJUDICATED


def test_an_open_denial_keeps_the_claim_from_being_closed_by_hand() -> None:
    decided = spec.given(*SENT).when(adjudicate(DENIED, denied_cents=100_00), DENIAL, CloseClaim(reason="written-off"))
    decided.then_refused("denial-still-open")


def test_an_unanswered_claim_is_not_closed_by_hand() -> None:
    spec.given(*SENT).when(CloseClaim(reason="paid")).then_refused("claim-not-answered")


def test_the_same_answer_twice_is_silence() -> None:
    spec.given(*SENT).when(adjudicate(PAID_ALL), adjudicate(PAID_ALL)).then_kinds(ClaimAdjudicated, ClaimClosed)


def test_an_answer_while_the_batch_is_still_being_noted_counts() -> None:
    spec.given(*CREATED).when(TAKE, adjudicate(PAID_ALL), SUBMIT).then_kinds(
        ClaimBatched, ClaimAdjudicated, ClaimClosed
    )


def test_nobody_answers_a_claim_that_was_never_sent() -> None:
    spec.given(*CREATED).when(adjudicate(PAID_ALL)).then_refused("claim-not-submitted")


def test_a_reversal_takes_the_answer_and_its_denials_back() -> None:
    decided = spec.given(*SENT).when(adjudicate(PAID_48, denied_cents=5_00), DENIAL, REVERSAL)
    reversal = decided.events[-1]
    assert isinstance(reversal, ClaimAdjudicated)
    assert (reversal.is_reversal, reversal.reversed_denial_ids) == (True, (DENIAL.denial_id,))
    assert (decided.state.stage, decided.state.answers, decided.state.open_denials) == (Stage.SUBMITTED, (), ())


def test_a_correction_after_a_reversal_is_a_new_answer() -> None:
    decided = spec.given(*SENT).when(
        adjudicate(PAID_48, patient_responsibility_cents=12_00), REVERSAL, adjudicate(PAID_ALL, remittance_id="remit-2")
    )
    decided.then_kinds(ClaimAdjudicated, ClaimClosed, ClaimAdjudicated, ClaimAdjudicated, ClaimClosed)
    assert isinstance(decided.events[-1], ClaimClosed)
    assert decided.events[-1].reason == "paid"


def test_a_reversal_of_an_answer_that_we_do_not_have_is_refused() -> None:
    spec.given(*SENT).when(REVERSAL).then_refused("answer-unknown")


# ---- replaced and voided


def test_correcting_an_answered_claim_raises_a_replacement_with_the_payers_number() -> None:
    due = spec.given(*SENT).when(adjudicate(DENIED, denied_cents=100_00), correct()).only(ReplacementClaimDue)
    assert (due.frequency, due.payer_control_number, due.services) == ("7", "PCN1", RECODED)


def test_a_replaced_claim_is_corrected_through_its_replacement() -> None:
    refusal = spec.given(*SENT).when(correct(), correct()).then_refused("claim-superseded")
    assert refusal.facts["claim"] == claim_id_of(ACCOUNT, 2)


def test_a_replacement_without_the_payers_number_is_held_until_the_payer_names_it() -> None:
    waiting = create(claim_id=claim_id_of(ACCOUNT, 2), frequency="7")
    decided = spec.when(waiting, LearnPayerControlNumber(payer_control_number="PCN1", on=TODAY))
    decided.then_kinds(ClaimCreated, ClaimScrubbed, ClaimHeld, ClaimCorrected, ClaimScrubbed, ClaimReleased)


def test_the_replaced_claim_tells_the_payers_number_when_it_learns_it() -> None:
    decided = spec.given(*SENT).when(correct(), replace(ACCEPT, stage="payer", payer_control_number="PCN5"))
    known = decided.only(PayerControlNumberKnown)
    assert (known.next_claim_id, known.payer_control_number) == (claim_id_of(ACCOUNT, 2), "PCN5")


def test_an_answer_to_a_replaced_claim_raises_no_secondary_claim() -> None:
    decided = spec.given(*SENT).when(correct(), adjudicate(PAID_48, next_rank=2))
    decided.then_kinds(ReplacementClaimDue, ClaimAdjudicated, PayerControlNumberKnown)


def test_the_reversal_that_follows_a_replacement_closes_the_old_claim() -> None:
    decided = spec.given(*SENT).when(adjudicate(PAID_48, denied_cents=1), correct(), REVERSAL)
    assert isinstance(decided.events[-1], ClaimClosed)
    assert decided.events[-1].reason == "replaced"


def test_a_claim_that_was_not_sent_is_voided_without_the_payer() -> None:
    void = VoidClaim(reason="encounter cancelled")
    spec.given(*CREATED).when(void, void).then_kinds(ClaimVoided, ClaimClosed)


def test_a_sent_claim_is_voided_by_a_frequency_8_claim() -> None:
    due = spec.given(*SENT, accepted("PCN1")).when(VoidClaim(reason="wrong patient")).only(ReplacementClaimDue)
    assert (due.frequency, due.payer_control_number) == ("8", "PCN1")


def test_a_voided_claim_is_not_answered() -> None:
    void = VoidClaim(reason="encounter cancelled")
    spec.given(*CREATED).when(void, adjudicate(PAID_ALL)).then_refused("claim-voided")


def test_a_voided_claim_is_billed_again_when_the_account_is() -> None:
    decided = spec.given(*CREATED).when(VoidClaim(reason="encounter cancelled"), create(services=RECODED))
    assert isinstance(decided.events[-1], ClaimReleased)
    assert decided.state.stage is Stage.RELEASED


# ---- numbers


def test_replacements_and_next_payers_never_share_a_number() -> None:
    numbers = [first_claim_of_rank(ACCOUNT, rank=rank) for rank in (1, 2, 3)]
    chains = set(numbers)
    for first in numbers:
        claim_id = first
        for _ in range(9):
            claim_id = replacement_of(claim_id)
            chains.add(claim_id)
    assert len(chains) == 30


def test_the_tenth_replacement_is_refused() -> None:
    with pytest.raises(TooManyReplacements):
        replacement_of(claim_id_of(ACCOUNT, 10))


def test_a_fourth_payer_is_refused() -> None:
    with pytest.raises(NextPayerUnknown):
        first_claim_of_rank(ACCOUNT, rank=4)


def test_a_number_in_lower_case_is_still_ours() -> None:
    assert answered_claim(PRIMARY_CLAIM.lower(), account_id=ACCOUNT, rank=2) == PRIMARY_CLAIM
    assert ordinal_of(SECONDARY_CLAIM.lower()) == 11


def test_an_account_number_alone_means_the_first_claim_to_that_payer() -> None:
    assert answered_claim(ACCOUNT, account_id=ACCOUNT, rank=2) == SECONDARY_CLAIM


def test_two_lines_of_one_charge_are_told_apart_by_their_line_numbers() -> None:
    lines = (VISIT, structs.replace(VISIT, line_id="L2"))
    services = structs.replace(SERVICES, lines=lines, charged_cents=200_00)
    spec.when(create(services=services)).then_kinds(ClaimCreated, ClaimScrubbed, ClaimReleased)
