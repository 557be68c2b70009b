"""When a replacement never leaves, the claim before it counts again, as its own answers say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from msgspec import structs

from services.claims.domain.claim.commands import (
    CorrectClaim,
    RecordAdjudication,
    RecordDenial,
    RecordReversal,
    SettleDenial,
    VoidClaim,
    WithdrawReplacement,
)
from services.claims.domain.claim.decider import claim
from services.claims.domain.claim.state import Stage
from services.claims.policies import end_claims, watch_silence
from shared.events.claims import (
    ClaimAdjudicated,
    ClaimClosed,
    ClaimRejected,
    ClaimVoided,
    CrossoverAwaited,
    FollowUpDue,
    ReplacementClaimDue,
    ReplacementWithdrawn,
    SecondaryClaimDue,
)
from shared.kernel.identifiers import claim_id_of
from shared.runtime.policy import SetTimer
from shared.testing.specification import Specification
from tests.unit.claims.examples import (
    ACCOUNT,
    MONDAY,
    PRIMARY_CLAIM,
    SENT,
    SERVICES,
    SOURCE,
    TODAY,
    accepted,
    adjudicate,
    adjustment,
    answer,
    batched,
    create,
    created,
    recorded,
    released,
    scrubbed_clean,
    submitted,
)
from tests.unit.claims.test_open_claims import checked

spec = Specification(claim)

SECOND = claim_id_of(ACCOUNT, 2)
CORRECT = CorrectClaim(services=SERVICES, reason="coder's answer", corrected_by="user:ann", on=TODAY)
WITHDRAW = WithdrawReplacement(next_claim_id=SECOND, reason="was right", on=TODAY)
PAID = adjudicate(answer(60_00, adjustment("CO", "45", 40_00)))
TO_NEXT = adjudicate(answer(48_00, adjustment("CO", "45", 40_00), adjustment("PR", "2", 12_00)), next_rank=2)
DENIED = adjudicate(answer(0, adjustment("CO", "16", 100_00)), denied_cents=100_00)
DENIAL = RecordDenial(
    denial_id=f"{PRIMARY_CLAIM}-A", remittance_id="remit-1", denied_cents=100_00, group="CO", reason="16"
)
REVERSAL = RecordReversal(
    remittance_id="remit-2",
    ordinal=1,
    reverses_remittance_id="remit-1",
    reverses_ordinal=1,
    rank=1,
    paid_cents=-60_00,
    reversed_on=date(2026, 4, 20),
)
VOID = VoidClaim(reason="was right")
REJECTED = ClaimRejected(claim_id=PRIMARY_CLAIM, by="PAYER 1", stage="payer", codes=("A7:562",), source=SOURCE)


def settle(outcome: str) -> SettleDenial:
    return SettleDenial(denial_id=DENIAL.denial_id, outcome=outcome)


def test_an_unanswered_claim_goes_on_waiting_and_may_be_corrected_again() -> None:
    decided = spec.given(*SENT, accepted("PCN1")).when(CORRECT, WITHDRAW)
    decided.then_kinds(ReplacementClaimDue, ReplacementWithdrawn)
    assert (decided.state.stage, decided.state.next_claim_id) == (Stage.ACCEPTED, "")
    again = spec.given(*SENT, accepted("PCN1")).when(CORRECT, WITHDRAW, CORRECT).events[-1]
    assert isinstance(again, ReplacementClaimDue)
    assert again.next_claim_id == SECOND


def test_a_late_answer_counts() -> None:
    decided = spec.given(*SENT).when(CORRECT, WITHDRAW, TO_NEXT)
    assert [type(event) for event in decided.events[-2:]] == [SecondaryClaimDue, ClaimClosed]


@pytest.mark.parametrize(
    ("told", "follows"),
    [
        (TO_NEXT, [SecondaryClaimDue, ClaimClosed]),
        (replace(TO_NEXT, next_rank=3), [FollowUpDue]),
        (replace(PAID, is_forwarded=True), [CrossoverAwaited]),
        (DENIED, []),
    ],
)
def test_an_answer_that_was_set_aside_has_its_consequences_then(
    told: RecordAdjudication, follows: list[type[object]]
) -> None:
    before = spec.given(*SENT, accepted("PCN1")).when(CORRECT, told)
    after = spec.given(*SENT, accepted("PCN1")).when(CORRECT, told, WITHDRAW)
    assert [type(event) for event in after.events[len(before.events) :]] == [ReplacementWithdrawn, *follows]


@pytest.mark.parametrize("came", [(PAID, CORRECT), (CORRECT, PAID)], ids=["answered-first", "replaced-first"])
def test_the_last_payers_answer_ends_a_claim_whether_it_was_replaced_before_or_after(came: tuple[Any, ...]) -> None:
    decided = spec.given(*SENT, accepted("PCN1")).when(*came)
    assert (decided.state.stage, decided.state.next_claim_id) == (Stage.CLOSED, SECOND)
    assert decided.only(ClaimClosed).reason == "paid"
    withdrawn = spec.given(*SENT, accepted("PCN1")).when(*came, WITHDRAW)
    assert (withdrawn.state.stage, withdrawn.state.next_claim_id) == (Stage.CLOSED, "")


def test_what_followed_from_an_answer_before_the_correction_does_not_follow_twice() -> None:
    decided = spec.given(*SENT).when(TO_NEXT, CORRECT, WITHDRAW)
    assert decided.events[-1] == ReplacementWithdrawn(claim_id=PRIMARY_CLAIM, next_claim_id=SECOND, reason="was right")
    assert decided.state.stage is Stage.CLOSED


def test_the_next_payer_is_billed_when_the_denial_was_settled_meanwhile() -> None:
    partly = replace(TO_NEXT, denied_cents=1_00)
    decided = spec.given(*SENT).when(CORRECT, partly, DENIAL, settle("written-off"), WITHDRAW)
    withdrawn, due, end = decided.events[-3:]
    assert (type(withdrawn), type(due), type(end)) == (ReplacementWithdrawn, SecondaryClaimDue, ClaimClosed)


def test_an_old_answer_that_did_not_note_the_next_payer_asks_a_person() -> None:
    events = spec.given(*SENT).when(CORRECT, TO_NEXT).events
    old = [structs.replace(event, next_rank=None) if isinstance(event, ClaimAdjudicated) else event for event in events]
    decided = spec.given(*SENT, *old).when(WITHDRAW)
    decided.then_kinds(ReplacementWithdrawn, FollowUpDue)


def test_a_denial_that_was_resolved_by_the_correction_asks_a_person() -> None:
    decided = spec.given(*SENT).when(DENIED, DENIAL, CORRECT, settle("corrected-claim"), WITHDRAW)
    assert [type(event) for event in decided.events[-2:]] == [ReplacementWithdrawn, FollowUpDue]
    assert decided.state.stage is Stage.ADJUDICATED
    assert checked([*SENT, *decided.events], days=90).violations == []


def test_a_claim_that_ended_with_its_reversal_waits_for_the_payer_again() -> None:
    decided = spec.given(*SENT).when(PAID, CORRECT, REVERSAL, WITHDRAW)
    assert decided.state.stage is Stage.SUBMITTED
    assert checked([*SENT, *decided.events], days=10).violations == []
    [violation] = checked([*SENT, *decided.events], days=90).violations
    assert violation.found.startswith("nothing came of 835 on ")
    [timer] = watch_silence.plan(recorded(decided.events[-1]), watch_silence.Patience())
    assert isinstance(timer, SetTimer)
    assert timer.due_at == MONDAY + timedelta(days=14, minutes=1)


def test_only_the_replacement_that_is_under_way_can_be_withdrawn() -> None:
    spec.given(*SENT).when(WITHDRAW).then_nothing()
    spec.given(*SENT).when(CORRECT, replace(WITHDRAW, next_claim_id="other")).then_kinds(ReplacementClaimDue)
    spec.given(*SENT).when(CORRECT, WITHDRAW, WITHDRAW).then_kinds(ReplacementClaimDue, ReplacementWithdrawn)


def test_a_claim_whose_void_did_its_work_stays_voided() -> None:
    decided = spec.given(*SENT, accepted("PCN1")).when(PAID, VOID, REVERSAL, WITHDRAW)
    assert decided.state.stage is Stage.VOIDED


def test_a_claim_that_was_voided_by_another_and_is_billed_again_is_answered_for_itself() -> None:
    again = create(services=structs.replace(SERVICES, diagnoses=("E119",)))
    billed_again = spec.given(*SENT, accepted("PCN1")).when(PAID, VOID, REVERSAL, again)
    billed = [*SENT, accepted("PCN1"), *billed_again.events, batched(2, 2), submitted(2, 2)]
    decided = spec.given(*billed).when(replace(PAID, remittance_id="remit-3"))
    assert isinstance(decided.events[-1], ClaimClosed)


REPLACEMENT = (created(frequency="7", replaces_payer_control_number="PCN1"), scrubbed_clean(), released())


def test_a_replacement_is_voided_silently_until_it_leaves_and_when_it_was_returned() -> None:
    spec.given(*REPLACEMENT).when(VOID).then_kinds(ClaimVoided, ClaimClosed)
    spec.given(*REPLACEMENT, batched(), submitted(), REJECTED).when(VOID).then_kinds(ClaimVoided, ClaimClosed)
    spec.given(*REPLACEMENT, batched()).when(VOID).then_refused("claim-is-being-sent")
    spec.given(*REPLACEMENT, batched(), submitted()).when(VOID).then_kinds(ReplacementClaimDue)


def test_a_replacement_that_goes_out_once_more_may_be_at_the_payer() -> None:
    sent_again = (*REPLACEMENT, batched(), submitted(), scrubbed_clean(), released(2))
    spec.given(*sent_again).when(VOID).then_refused("claim-already-sent")


def test_a_replacement_that_was_withdrawn_is_made_anew_with_what_is_asked_then() -> None:
    asked = create(frequency="8", replaces_payer_control_number="PCN1")
    decided = spec.given(*REPLACEMENT).when(VOID, asked)
    assert decided.state.stage is Stage.RELEASED
    assert decided.state.content == created(frequency="8", replaces_payer_control_number="PCN1")


def test_the_claim_before_is_told_and_a_first_claim_has_none() -> None:
    voided = ClaimVoided(claim_id=SECOND, reason="was right")
    assert end_claims.react(recorded(voided)) == [(PRIMARY_CLAIM, replace(WITHDRAW, on=MONDAY.date()))]
    assert end_claims.react(recorded(ClaimVoided(claim_id=PRIMARY_CLAIM, reason="was right"))) == []
