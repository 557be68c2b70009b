"""What is left when a payer or a person takes an answer back? Amounts in cents."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.payments.domain.claim_account.commands import (
    RetryHeldAnswer,
    ReverseClaimPayment,
)
from shared.events.payments import (
    ClaimDeniedByPayer,
    ClaimPaymentPosted,
    ClaimPaymentReversed,
    RemittanceClaimHeld,
)
from shared.events.values import Posting
from tests.unit.payments.stories import (
    ACCOUNT,
    AETNA,
    CLAIM,
    INSURED,
    PAID_ON,
    SOURCE,
    account,
    answer,
    balances,
    cas,
    negated,
    note_payers,
    of_lines,
    owed,
    pay,
    post,
    post_charges,
    said_of,
)


def test_a_reversal_is_the_mirror_of_its_original_and_names_it() -> None:
    told = of_lines(said_of("L1", 100_00, 70_00, cas("CO", "45", 20_00), cas("PR", "2", 10_00)))
    back = negated(told, remittance="remittance-2", ordinal=3)
    story = account.when(*INSURED, post(told), post(back))
    assert balances(story.events) == {"charges": -100_00, "receivable:payer:1": 100_00}
    assert story.only(ClaimPaymentReversed) == ClaimPaymentReversed(
        account_id=ACCOUNT,
        claim_id=CLAIM,
        remittance_id="remittance-2",
        ordinal=3,
        reverses_remittance_id="remittance-1",
        reverses_ordinal=1,
        payer_rank=1,
        paid_cents=-70_00,
        contractual_cents=-20_00,
        denied_cents=0,
        payment_on=PAID_ON,
        postings=(
            Posting(account="contractual", amount_cents=-20_00, line_id="L1"),
            Posting(account="receivable:payer:1", amount_cents=20_00, line_id="L1"),
            Posting(account="suspense", amount_cents=-70_00, line_id="L1"),
            Posting(account="receivable:payer:1", amount_cents=70_00, line_id="L1"),
        ),
        source=SOURCE,
    )
    assert (story.events[-1].from_party, story.events[-1].to_party, story.events[-1].reason) == (
        "patient",
        "payer:1",
        "reversed",
    )


def test_a_reversal_and_its_correction_in_either_order_leave_the_correction() -> None:
    first = of_lines(said_of("L1", 100_00, 70_00, cas("CO", "45", 20_00), cas("PR", "2", 10_00)))
    back = negated(first, remittance="remittance-2", ordinal=1)
    right = of_lines(
        said_of("L1", 100_00, 60_00, cas("CO", "45", 20_00), cas("PR", "2", 20_00)),
        remittance="remittance-2",
        ordinal=2,
    )
    expected = {"charges": -100_00, "suspense": 60_00, "contractual": 20_00, "receivable:patient": 20_00}
    for in_order in ((back, right), (right, back)):
        story = account.when(*INSURED, post(first), *map(post, in_order))
        assert balances(story.events) == expected
    correction = [event for event in story.events if isinstance(event, ClaimPaymentPosted)][-1]
    assert (correction.remittance_id, correction.ordinal, correction.findings) == ("remittance-2", 2, ())


def test_a_correction_that_came_before_its_reversal_is_taken_back_exactly() -> None:
    first = of_lines(said_of("L1", 100_00, 70_00, cas("CO", "45", 20_00), cas("PR", "2", 10_00)))
    right = of_lines(
        said_of("L1", 100_00, 60_00, cas("CO", "45", 20_00), cas("PR", "2", 20_00)), remittance="remittance-2"
    )
    back = negated(first, remittance="remittance-3", ordinal=1)
    undone = negated(right, remittance="remittance-4", ordinal=1)
    story = account.when(*INSURED, post(first), post(right), post(back), post(undone))
    assert balances(story.events) == {"charges": -100_00, "receivable:payer:1": 100_00}


@pytest.mark.parametrize("how", ["payer", "person"])
def test_of_a_claim_paid_twice_the_second_answer_stands_when_the_first_is_taken_back(how: str) -> None:
    told = answer(100_00, 80_00, cas("CO", "45", 20_00))
    twice = answer(100_00, 80_00, cas("CO", "45", 20_00), remittance="remittance-2")
    by_payer = post(answer(-100_00, -80_00, cas("CO", "45", -20_00), status="22", remittance="remittance-3"))
    by_person = ReverseClaimPayment(remittance_id="remittance-1", ordinal=1, reversed_on=PAID_ON)
    story = account.when(*INSURED, post(told), post(twice), by_payer if how == "payer" else by_person)
    assert balances(story.events) == {"charges": -100_00, "suspense": 80_00, "contractual": 20_00}


def test_a_takeback_moves_the_account_once_and_the_cash_when_it_is_taken() -> None:
    """Reversal −120 and correction +80 in one remittance: −40 leaves the account now; the bank's side is the PLB's."""
    first = of_lines(said_of("L1", 150_00, 120_00, cas("CO", "45", 30_00)))
    back = negated(first, remittance="remittance-2", ordinal=1)
    right = of_lines(
        said_of("L1", 150_00, 80_00, cas("CO", "45", 30_00), cas("PR", "1", 40_00)),
        remittance="remittance-2",
        ordinal=2,
    )
    story = account.when(post_charges(150_00), note_payers(AETNA), post(first), post(back), post(right))
    assert balances(story.events) == {
        "charges": -150_00,
        "suspense": 80_00,
        "contractual": 30_00,
        "receivable:patient": 40_00,
    }


@pytest.mark.parametrize("is_old", [False, True], ids=["kept", "written before remarks were kept"])
def test_an_answer_that_is_read_again_still_has_the_remarks_of_its_claim(is_old: bool) -> None:
    """Remarks of the claim (MOA) stand beside those of the line in every denial, the second time as well."""
    line = said_of("L1", 100_00, 0, cas("CO", "16", 100_00), remarks=("N382",))
    first = of_lines(said_of("L1", 100_00, 30_00, cas("PR", "1", 70_00)))
    second = replace(of_lines(line, remittance="remittance-2"), remarks=("MA130", "N290"))
    past = account.when(*INSURED, post(first), post(second)).events
    if is_old:
        past = [replace(each, remarks=()) if isinstance(each, ClaimPaymentPosted) else each for each in past]
    again = account.given(*past).when(post(negated(first, remittance="remittance-3", ordinal=1)))
    told = [each.remarks for each in [*past, *again.events] if isinstance(each, ClaimDeniedByPayer)]
    assert set(told) == {("MA130", "N290", "N382")}
    assert [each for each in again.events if isinstance(each, ClaimDeniedByPayer)]


def test_a_reversal_of_a_denial_takes_the_denial_back() -> None:
    told = of_lines(said_of("L1", 100_00, 0, cas("CO", "197", 100_00)))
    back = negated(told, remittance="remittance-2", ordinal=1)
    assert account.when(*INSURED, post(told), post(back)).only(ClaimPaymentReversed).denied_cents == 100_00


@pytest.mark.parametrize(
    "back",
    [
        answer(-100_00, -70_00, cas("CO", "45", -30_00), status="22", remittance="remittance-2"),
        answer(-90_00, -80_00, cas("CO", "45", -10_00), status="22", remittance="remittance-2"),
        answer(-100_00, -80_00, cas("CO", "45", -20_00), status="22", remittance="remittance-2", control="OTHER"),
    ],
)
def test_a_reversal_without_its_original_is_held_and_touches_nothing(back: object) -> None:
    past = account.when(*INSURED, post(answer(100_00, 80_00, cas("CO", "45", 20_00)))).events
    story = account.given(*past).when(post(back))  # type: ignore[arg-type]
    assert story.only(RemittanceClaimHeld).findings[0].rule == "reversal-without-original"
    assert balances(story.events) == {}


def test_an_answer_is_reversed_only_once() -> None:
    told = of_lines(said_of("L1", 100_00, 80_00, cas("CO", "45", 20_00)))
    first, second = (negated(told, remittance="remittance-2", ordinal=number) for number in (1, 2))
    story = account.when(*INSURED, post(told), post(first), post(second))
    assert owed(story.events) == {"payer:1": 100_00}
    assert story.only(RemittanceClaimHeld).ordinal == 2


def test_a_reversal_after_the_patient_paid_leaves_the_patient_a_credit() -> None:
    told = of_lines(said_of("L1", 100_00, 80_00, cas("PR", "2", 20_00)))
    story = account.when(*INSURED, post(told), pay(20_00), post(negated(told, remittance="remittance-2", ordinal=1)))
    assert owed(story.events) == {"payer:1": 100_00, "patient": -20_00}


def test_a_reversal_that_came_first_is_posted_with_its_original() -> None:
    told = of_lines(said_of("L1", 100_00, 80_00, cas("CO", "45", 20_00)))
    back = negated(told, remittance="remittance-2", ordinal=1)
    story = account.when(*INSURED, post(back), post(told))
    assert balances(story.events) == {"charges": -100_00, "receivable:payer:1": 100_00}
    account.when(*INSURED, post(back), post(told), RetryHeldAnswer(answer=back)).then_refused("answer-not-held")


def test_a_reversal_and_its_correction_before_their_original_leave_the_correction_as_the_last_word() -> None:
    told = of_lines(said_of("L1", 100_00, 80_00, cas("CO", "45", 20_00)))
    back = negated(told, remittance="remittance-2", ordinal=1)
    anew = of_lines(said_of("L1", 100_00, 70_00, cas("CO", "45", 20_00), cas("PR", "2", 10_00)))
    corrected = replace(anew, remittance_id="remittance-2", ordinal=2)
    in_order = account.when(*INSURED, post(told), post(back), post(corrected))
    for early in ((back, corrected, told), (corrected, back, told), (back, told, corrected)):
        story = account.when(*INSURED, *map(post, early))
        assert balances(story.events) == balances(in_order.events)
        last = [event for event in story.events if isinstance(event, ClaimPaymentPosted)][-1]
        assert (last.remittance_id, last.ordinal) == ("remittance-2", 2)


def test_a_reversal_waits_for_the_charges_and_then_for_its_original() -> None:
    told = of_lines(said_of("L1", 100_00, 80_00, cas("CO", "45", 20_00)))
    back = negated(told, remittance="remittance-2", ordinal=1)
    story = account.when(post(back), post(told), *INSURED)
    assert balances(story.events) == {"charges": -100_00, "receivable:payer:1": 100_00}


def test_a_reversal_that_a_person_takes_back_waits_for_no_original() -> None:
    told = of_lines(said_of("L1", 100_00, 80_00, cas("CO", "45", 20_00)))
    back = negated(told, remittance="remittance-2", ordinal=1)
    unpost = ReverseClaimPayment(remittance_id="remittance-2", ordinal=1, reversed_on=PAID_ON)
    again = replace(told, remittance_id="remittance-3")
    story = account.when(*INSURED, post(back), post(told), unpost, post(again))
    assert len([event for event in story.events if isinstance(event, ClaimPaymentReversed)]) == 1


def test_what_is_still_wrong_stays_held() -> None:
    told = answer(100_00, 79_99, cas("CO", "45", 20_00))
    refusal = account.when(*INSURED, post(told), RetryHeldAnswer(answer=told)).then_refused("answer-still-held")
    assert refusal.facts == {"rule": "claim-out-of-balance"}


def test_only_a_held_answer_is_tried_again() -> None:
    told = answer(100_00, 80_00, cas("CO", "45", 20_00))
    account.when(*INSURED, post(told), RetryHeldAnswer(answer=told)).then_refused("answer-not-held")


def test_unposting_puts_the_cash_back_into_suspense_and_it_may_be_posted_again() -> None:
    told = answer(100_00, 80_00, cas("CO", "45", 20_00))
    unpost = ReverseClaimPayment(remittance_id="remittance-1", ordinal=1, reversed_on=PAID_ON)
    story = account.when(*INSURED, post(told), unpost)
    assert balances(story.events) == {"charges": -100_00, "receivable:payer:1": 100_00}
    again = account.given(*story.events).when(RetryHeldAnswer(answer=told))
    assert again.only(ClaimPaymentPosted).paid_cents == 80_00


@pytest.mark.parametrize("has_correction", [False, True])
def test_a_reversal_that_is_taken_back_restores_the_answer_and_may_be_posted_again(has_correction: bool) -> None:
    told = of_lines(said_of("L1", 100_00, 70_00, cas("CO", "45", 20_00), cas("PR", "2", 10_00)))
    back = negated(told, remittance="remittance-2", ordinal=1)
    right = of_lines(said_of("L1", 100_00, 60_00, cas("CO", "45", 40_00)), remittance="remittance-2", ordinal=2)
    before = account.when(*INSURED, post(told)).events
    second = [post(back), post(right)] if has_correction else [post(back)]
    undone = [
        ReverseClaimPayment(remittance_id="remittance-2", ordinal=ordinal, reversed_on=PAID_ON)
        for ordinal in range(len(second), 0, -1)
    ]
    story = account.given(*before).when(*second, *undone)
    assert balances([*before, *story.events]) == balances(before)
    held = [event for event in story.events if isinstance(event, RemittanceClaimHeld)]
    assert [(each.ordinal, each.paid_cents, each.findings[0].rule) for each in held] == [(1, -70_00, "unposted")]
    again = account.given(*before, *story.events).when(RetryHeldAnswer(answer=back))
    assert balances([*before, *story.events, *again.events]) == {"charges": -100_00, "receivable:payer:1": 100_00}


def test_a_reversal_is_taken_back_only_once() -> None:
    told = of_lines(said_of("L1", 100_00, 100_00))
    past = account.when(*INSURED, post(told), post(negated(told, remittance="remittance-2", ordinal=1))).events
    unpost = ReverseClaimPayment(remittance_id="remittance-2", ordinal=1, reversed_on=PAID_ON)
    undone = account.given(*past).when(unpost).events
    account.given(*past, *undone).when(unpost).then_refused("answer-not-posted")


def test_cash_that_waits_for_an_account_is_taken_back_and_no_longer_posts_itself() -> None:
    told = answer(100_00, 80_00, cas("CO", "45", 20_00))
    past = account.when(post(told)).events
    unpost = ReverseClaimPayment(remittance_id="remittance-1", ordinal=1, reversed_on=PAID_ON)
    undone = account.given(*past).when(unpost, *INSURED)
    assert undone.only(RemittanceClaimHeld).findings[0].rule == "unposted"
    assert balances([*past, *undone.events]) == {"charges": -100_00, "receivable:payer:1": 100_00}
    again = account.given(*past, *undone.events).when(RetryHeldAnswer(answer=told))
    assert balances([*past, *undone.events, *again.events]) == {
        "charges": -100_00,
        "suspense": 80_00,
        "contractual": 20_00,
    }


def test_unposting_what_was_not_posted_is_refused() -> None:
    unpost = ReverseClaimPayment(remittance_id="remittance-1", ordinal=1, reversed_on=PAID_ON)
    account.when(*INSURED, unpost).then_refused("answer-not-posted")


def test_the_same_claim_paid_twice_leaves_the_payer_a_credit_and_one_write_off() -> None:
    told = answer(100_00, 80_00, cas("CO", "45", 20_00))
    twice = answer(100_00, 80_00, cas("CO", "45", 20_00), remittance="remittance-2")
    story = account.when(*INSURED, post(told), post(twice))
    assert balances(story.events) == {
        "charges": -100_00,
        "suspense": 160_00,
        "contractual": 20_00,
        "receivable:payer:1": -80_00,
    }
    assert [each.rule for each in story.events[-1].findings] == ["answered-again"]


def test_a_denial_that_is_paid_after_an_appeal_closes_without_a_reversal() -> None:
    denied = answer(100_00, 0, cas("CO", "197", 100_00))
    paid = answer(100_00, 80_00, cas("CO", "45", 20_00), remittance="remittance-2")
    assert owed(account.when(*INSURED, post(denied), post(paid)).events) == {}
