"""Stories about one claim's account, as a payment poster would tell them. Amounts in cents."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.payments.domain.claim_account.commands import (
    RematchAnswer,
)
from shared.events.payments import (
    AccountPayer,
    ChargesPosted,
    ClaimAnswerNoted,
    ClaimDeniedByPayer,
    ClaimPaymentPosted,
    ClaimPaymentRematched,
    ClaimPaymentUnapplied,
    PayersKnown,
    RemittanceClaimHeld,
    ResponsibilityTransferred,
)
from shared.events.values import AdjudicatedLine, Posting
from tests.unit.payments.stories import (
    ACCOUNT,
    AETNA,
    CLAIM,
    INSURED,
    PAID_ON,
    SERVICE_ON,
    SOURCE,
    TWICE_INSURED,
    account,
    answer,
    balances,
    cas,
    ledger_line,
    negated,
    note_payers,
    of_lines,
    owed,
    post,
    post_charges,
    said_of,
)

# Charges, and who is responsible


def test_charges_wait_for_nobody_until_eligibility_has_spoken() -> None:
    account.when(post_charges(150_00, 100_00)).then(
        ChargesPosted(
            account_id=ACCOUNT,
            encounter_id="encounter-1",
            patient_id="patient-1",
            release=1,
            service_on=SERVICE_ON,
            lines=(ledger_line("L1", 150_00), ledger_line("L2", 100_00)),
            charged_cents=250_00,
            postings=(
                Posting(account="receivable:unassigned", amount_cents=150_00, line_id="L1"),
                Posting(account="charges", amount_cents=-150_00, line_id="L1"),
                Posting(account="receivable:unassigned", amount_cents=100_00, line_id="L2"),
                Posting(account="charges", amount_cents=-100_00, line_id="L2"),
            ),
        )
    )


def test_the_same_release_twice_is_no_news() -> None:
    assert len(account.when(post_charges(100_00), post_charges(100_00)).events) == 1


def test_an_older_release_after_a_newer_is_no_news() -> None:
    newer = post_charges(90_00, release=2)
    assert owed(account.when(newer, post_charges(100_00)).events) == {"unassigned": 90_00}


def test_a_later_release_restates_the_lines_and_posts_the_difference() -> None:
    restated = post_charges(release=2, lines=(ledger_line("L1", 120_00), ledger_line("L3", 30_00)))
    story = account.when(post_charges(150_00, 100_00), note_payers(AETNA), restated)
    assert owed(story.events) == {"payer:1": 150_00}
    assert story.events[-1].postings == (
        Posting(account="receivable:payer:1", amount_cents=-30_00, line_id="L1"),
        Posting(account="charges", amount_cents=30_00, line_id="L1"),
        Posting(account="receivable:payer:1", amount_cents=-100_00, line_id="L2"),
        Posting(account="charges", amount_cents=100_00, line_id="L2"),
        Posting(account="receivable:payer:1", amount_cents=30_00, line_id="L3"),
        Posting(account="charges", amount_cents=-30_00, line_id="L3"),
    )


def test_the_first_payer_takes_the_charges() -> None:
    assert owed(account.when(*TWICE_INSURED).events) == {"payer:1": 100_00}


@pytest.mark.parametrize("charges_first", [True, False])
def test_payers_and_charges_may_come_in_any_order(charges_first: bool) -> None:
    story = account.when(*(INSURED if charges_first else reversed(INSURED)))
    assert owed(story.events) == {"payer:1": 100_00}


@pytest.mark.parametrize("charges_first", [True, False])
def test_no_coverage_makes_the_charges_the_patients(charges_first: bool) -> None:
    told = (post_charges(100_00), note_payers())
    story = account.when(*(told if charges_first else reversed(told)))
    transferred = story.only(ResponsibilityTransferred)
    assert (transferred.from_party, transferred.to_party, transferred.reason) == ("unassigned", "patient", "self-pay")
    assert transferred.since_on == date(2026, 3, 5)
    assert owed(story.events) == {"patient": 100_00}


def test_a_smaller_restatement_of_a_self_pay_visit_lowers_what_the_patient_owes() -> None:
    story = account.when(post_charges(100_00), note_payers(), post_charges(80_00, release=2))
    assert owed(story.events) == {"patient": 80_00}


def test_coverage_found_later_takes_the_charges_from_the_patient() -> None:
    story = account.when(post_charges(100_00), note_payers(), note_payers(AETNA))
    assert owed(story.events) == {"payer:1": 100_00}
    assert story.events[-1].reason == "coverage-found"


def test_the_same_payers_again_are_no_news() -> None:
    assert len(account.when(note_payers(AETNA), note_payers(AETNA)).events) == 1


def test_other_payers_before_any_answer_take_the_charges_over() -> None:
    second = AccountPayer(rank=2, payer_id="cigna", payer_name="Cigna")
    assert owed(account.when(*INSURED, note_payers(second)).events) == {"payer:2": 100_00}


def test_payers_withdrawn_before_any_answer_leave_the_patient() -> None:
    assert owed(account.when(*INSURED, note_payers()).events) == {"patient": 100_00}


# A payer's answer


def test_an_answer_by_line_is_posted_to_the_cent() -> None:
    """The worked test of the 835: two lines, paid 96.00 of 250.00."""
    told = of_lines(
        said_of("L1", 150_00, 96_00, cas("CO", "45", 30_00), cas("PR", "2", 24_00)),
        said_of("L2", 100_00, 0, cas("PR", "1", 60_00), cas("CO", "45", 40_00)),
        patient=84_00,
    )
    story = account.when(post_charges(150_00, 100_00), note_payers(AETNA), post(told))
    assert owed(story.events) == {"patient": 84_00}
    assert balances(story.events) == {
        "charges": -250_00,
        "receivable:patient": 84_00,
        "suspense": 96_00,
        "contractual": 70_00,
    }
    posted = story.only(ClaimPaymentPosted)
    assert posted == ClaimPaymentPosted(
        account_id=ACCOUNT,
        claim_id=CLAIM,
        remittance_id="remittance-1",
        ordinal=1,
        payer_rank=1,
        payer_id="aetna",
        claim_status="1",
        charged_cents=250_00,
        paid_cents=96_00,
        contractual_cents=70_00,
        patient_responsibility_cents=84_00,
        denied_cents=0,
        next_rank=0,
        payer_control_number="ICN1",
        payment_on=PAID_ON,
        lines=told.lines,
        postings=(
            Posting(account="contractual", amount_cents=30_00, line_id="L1"),
            Posting(account="receivable:payer:1", amount_cents=-30_00, line_id="L1"),
            Posting(account="suspense", amount_cents=96_00, line_id="L1"),
            Posting(account="receivable:payer:1", amount_cents=-96_00, line_id="L1"),
            Posting(account="contractual", amount_cents=40_00, line_id="L2"),
            Posting(account="receivable:payer:1", amount_cents=-40_00, line_id="L2"),
        ),
        source=SOURCE,
        matrix_version=2,
    )


def test_each_cent_of_the_patient_has_its_reason() -> None:
    told = of_lines(
        said_of("L1", 150_00, 96_00, cas("CO", "45", 30_00), cas("PR", "2", 24_00)),
        said_of("L2", 100_00, 0, cas("PR", "1", 60_00), cas("CO", "45", 40_00)),
    )
    story = account.when(post_charges(150_00, 100_00), note_payers(AETNA), post(told))
    shares = [event for event in story.events if isinstance(event, ResponsibilityTransferred)]
    assert [(each.reason, each.amount_cents, each.postings[0].line_id) for each in shares] == [
        ("coinsurance", 24_00, "L1"),
        ("deductible", 60_00, "L2"),
    ]
    assert {each.since_on for each in shares} == {PAID_ON}


def test_an_answer_without_lines_fills_the_lines_in_their_order() -> None:
    story = account.when(
        post_charges(60_00, 40_00),
        note_payers(AETNA),
        post(answer(100_00, 48_00, cas("CO", "45", 40_00), cas("PR", "2", 12_00))),
    )
    assert owed(story.events) == {"patient": 12_00}
    assert story.state.owed_by_line("payer:1") == {"L1": 0, "L2": 0}
    assert story.state.owed_by_line("patient") == {"L1": 0, "L2": 12_00}


def test_an_adjustment_at_claim_level_reduces_what_the_lines_paid() -> None:
    told = answer(100_00, 78_40, cas("CO", "253", 1_60), lines=(said_of("L1", 100_00, 80_00, cas("CO", "45", 20_00)),))
    story = account.when(*INSURED, post(told))
    assert balances(story.events) == {"charges": -100_00, "suspense": 78_40, "contractual": 21_60}


def test_a_claim_that_the_payer_splits_is_read_part_by_part() -> None:
    first = answer(150_00, 120_00, cas("CO", "45", 30_00))
    second = answer(100_00, 70_00, cas("CO", "45", 20_00), cas("PR", "2", 10_00), ordinal=2)
    story = account.when(post_charges(150_00, 100_00), note_payers(AETNA), post(first), post(second))
    assert balances(story.events) == {
        "charges": -250_00,
        "suspense": 190_00,
        "contractual": 50_00,
        "receivable:patient": 10_00,
    }


def test_a_line_without_our_number_is_found_by_procedure_and_charge() -> None:
    unnumbered = AdjudicatedLine(procedure_code="99213", charged_cents=40_00, paid_cents=40_00)
    story = account.when(post_charges(60_00, 40_00), note_payers(AETNA), post(of_lines(unnumbered)))
    assert story.state.owed_by_line("payer:1") == {"L1": 60_00, "L2": 0}


def test_a_line_that_could_be_two_of_ours_fills_them_in_order() -> None:
    unnumbered = AdjudicatedLine(procedure_code="99213", charged_cents=50_00, paid_cents=50_00)
    story = account.when(post_charges(50_00, 50_00), note_payers(AETNA), post(of_lines(unnumbered)))
    assert story.state.owed_by_line("payer:1") == {"L1": 0, "L2": 50_00}


def test_the_same_answer_twice_is_silence() -> None:
    told = post(answer(100_00, 80_00, cas("CO", "45", 20_00)))
    past = account.when(*INSURED, told).events
    account.given(*past).when(told).then_nothing()


def test_an_answer_that_is_a_cent_short_is_held_and_says_where() -> None:
    told = of_lines(said_of("L1", 100_00, 79_99, cas("CO", "45", 20_00)))
    story = account.given(*account.when(*INSURED).events).when(post(told))
    held = story.only(RemittanceClaimHeld)
    assert [(each.rule, each.place, each.value) for each in held.findings] == [
        ("line-out-of-balance", "line 1 SVC03", "7999"),
        ("claim-out-of-balance", "claim CLP04", "7999"),
    ]
    assert "expected 8000 cents, found 7999 cents" in held.findings[0].message
    assert held.postings == ()
    assert owed([*account.when(*INSURED).events, *story.events]) == {"payer:1": 100_00}


def test_a_claim_charge_that_is_not_the_sum_of_its_lines_is_held() -> None:
    told = answer(110_00, 90_00, lines=(said_of("L1", 100_00, 80_00, cas("CO", "45", 20_00)),))
    story = account.given(*account.when(*INSURED).events).when(post(told))
    assert "claim-charge-not-of-its-lines" in {each.rule for each in story.only(RemittanceClaimHeld).findings}


def test_a_held_answer_again_is_no_news() -> None:
    told = post(answer(100_00, 79_99, cas("CO", "45", 20_00)))
    past = account.when(*INSURED, told).events
    account.given(*past).when(told).then_nothing()


def test_a_patient_share_that_differs_from_its_adjustments_is_posted_with_a_warning() -> None:
    told = answer(100_00, 80_00, cas("PR", "2", 20_00), patient=19_00)
    posted = account.when(*INSURED, post(told)).only(ClaimPaymentPosted)
    assert [each.rule for each in posted.findings] == ["patient-responsibility-differs"]
    assert posted.patient_responsibility_cents == 20_00


def test_a_refusal_with_a_contractual_group_is_a_denial_and_stays_open() -> None:
    told = of_lines(said_of("L1", 100_00, 0, cas("CO", "197", 100_00), remarks=("N20",)))
    story = account.when(*INSURED, post(told))
    assert story.only(ClaimDeniedByPayer) == ClaimDeniedByPayer(
        account_id=ACCOUNT,
        claim_id=CLAIM,
        remittance_id="remittance-1",
        ordinal=1,
        payer_rank=1,
        payer_id="aetna",
        denied_cents=100_00,
        group="CO",
        reason="197",
        remarks=("N20",),
        line_ids=("L1",),
        payment_on=PAID_ON,
    )
    assert owed(story.events) == {"payer:1": 100_00}
    assert "contractual" not in balances(story.events)


@pytest.mark.parametrize("reason", ["16", "18", "22", "29", "50", "97", "151", "197", "9999"])
def test_denial_reasons_are_never_written_off(reason: str) -> None:
    story = account.when(*INSURED, post(answer(100_00, 0, cas("CO", reason, 100_00))))
    assert owed(story.events) == {"payer:1": 100_00}
    assert story.only(ClaimDeniedByPayer).reason == reason


@pytest.mark.parametrize("reason", ["45", "24", "253", "144"])
def test_contract_reasons_are_written_off(reason: str) -> None:
    story = account.when(*INSURED, post(answer(100_00, 80_00, cas("CO", reason, 20_00))))
    assert balances(story.events)["contractual"] == 20_00
    assert owed(story.events) == {}


def test_paid_in_excess_of_charges_is_a_negative_contractual_and_its_sign_is_kept() -> None:
    story = account.when(*INSURED, post(answer(100_00, 110_00, cas("CO", "94", -10_00))))
    assert balances(story.events) == {"charges": -100_00, "suspense": 110_00, "contractual": -10_00}


@pytest.mark.parametrize("start", [INSURED, TWICE_INSURED])
@pytest.mark.parametrize("code", [("OA", "94"), ("PI", "94"), ("OA", "70"), ("OA", "137")])
def test_what_adds_to_the_payment_is_contractual_and_nobodys_share_gets_smaller(start: Any, code: Any) -> None:
    story = account.when(*start, post(of_lines(said_of("L1", 100_00, 120_00, cas(*code, -20_00)))))
    assert balances(story.events) == {"charges": -100_00, "suspense": 120_00, "contractual": -20_00}
    posted = story.events[-1]
    assert isinstance(posted, ClaimPaymentPosted)
    assert (posted.contractual_cents, posted.patient_responsibility_cents, posted.denied_cents) == (-20_00, 0, 0)
    assert posted.matrix_version == 2


def test_a_code_that_takes_on_one_line_and_gives_on_another_is_read_by_what_it_comes_to() -> None:
    lines = (
        said_of("L1", 60_00, 80_00, cas("OA", "59", -20_00)),
        said_of("L2", 40_00, 15_00, cas("OA", "59", 25_00)),
    )
    charges = (post_charges(60_00, 40_00), note_payers(AETNA))
    story = account.when(*charges, post(of_lines(*lines)))
    assert owed(story.events) == {"payer:1": 5_00}
    assert story.only(ClaimDeniedByPayer).denied_cents == 5_00


def test_a_payer_initiated_reduction_is_a_denial() -> None:
    story = account.when(*INSURED, post(answer(100_00, 70_00, cas("PI", "45", 30_00))))
    assert story.only(ClaimDeniedByPayer).denied_cents == 30_00
    assert owed(story.events) == {"payer:1": 30_00}


def test_status_4_with_a_patients_share_is_no_denial() -> None:
    told = answer(100_00, 0, cas("PR", "1", 100_00), status="4")
    story = account.when(*INSURED, post(told))
    assert owed(story.events) == {"patient": 100_00}
    assert not [event for event in story.events if isinstance(event, ClaimDeniedByPayer)]


def test_two_reasons_are_two_denials() -> None:
    told = of_lines(said_of("L1", 100_00, 0, cas("CO", "16", 60_00), cas("CO", "29", 40_00)))
    denials = [event for event in account.when(*INSURED, post(told)).events if isinstance(event, ClaimDeniedByPayer)]
    assert [(each.reason, each.denied_cents) for each in denials] == [("16", 60_00), ("29", 40_00)]


def test_another_reason_of_nobody_goes_to_the_next_payer_or_stays_open() -> None:
    told = answer(100_00, 80_00, cas("OA", "209", 20_00))
    assert owed(account.when(*TWICE_INSURED, post(told)).events) == {"payer:2": 20_00}
    alone = account.when(*INSURED, post(told))
    assert owed(alone.events) == {"payer:1": 20_00}
    assert alone.only(ClaimDeniedByPayer).group == "OA"


# Answers without money, and answers too early


@pytest.mark.parametrize(("status", "is_forwarded"), [("25", False), ("23", True)])
def test_an_answer_without_payment_is_noted(status: str, is_forwarded: bool) -> None:
    past = account.when(*INSURED).events
    story = account.given(*past).when(post(answer(100_00, 0, cas("CO", "45", 100_00), status=status)))
    assert story.only(ClaimAnswerNoted).forwarded is is_forwarded
    assert balances(story.events) == {}


def test_a_predetermination_that_pays_is_held() -> None:
    past = account.when(*INSURED).events
    told = answer(100_00, 80_00, cas("CO", "45", 20_00), status="25")
    found = account.given(*past).when(post(told)).only(RemittanceClaimHeld).findings
    assert [each.rule for each in found] == ["money-without-payment-status"]


def test_cash_without_an_account_waits_as_unapplied() -> None:
    told = answer(100_00, 80_00, cas("CO", "45", 20_00))
    account.when(post(told)).then(
        ClaimPaymentUnapplied(
            account_id=ACCOUNT,
            claim_id=CLAIM,
            remittance_id="remittance-1",
            ordinal=1,
            paid_cents=80_00,
            answer=told,
            postings=(
                Posting(account="suspense", amount_cents=80_00),
                Posting(account="unapplied", amount_cents=-80_00),
            ),
            source=SOURCE,
        )
    )


def test_cash_that_waited_is_applied_when_the_charges_arrive() -> None:
    told = post(answer(100_00, 80_00, cas("CO", "45", 15_00), cas("PR", "3", 5_00)))
    story = account.when(note_payers(AETNA), told, post_charges(100_00))
    story.then_kinds(PayersKnown, ClaimPaymentUnapplied, ChargesPosted, ClaimPaymentPosted, ResponsibilityTransferred)
    assert balances(story.events) == {
        "charges": -100_00,
        "suspense": 80_00,
        "contractual": 15_00,
        "receivable:patient": 5_00,
    }
    assert story.state.waiting == ()


def test_an_answer_and_its_reversal_that_waited_leave_the_charges_open() -> None:
    told = of_lines(said_of("L1", 100_00, 80_00, cas("CO", "45", 20_00)))
    back = negated(told, remittance="remittance-2", ordinal=1)
    story = account.when(note_payers(AETNA), post(told), post(back), post_charges(100_00))
    assert balances(story.events) == {"charges": -100_00, "receivable:payer:1": 100_00}


def test_a_lone_reversal_that_waited_is_held_and_its_cash_is_in_suspense_again() -> None:
    told = of_lines(said_of("L1", 100_00, 80_00, cas("CO", "45", 20_00)))
    back = negated(told, remittance="remittance-2", ordinal=1)
    story = account.when(note_payers(AETNA), post(back), post_charges(100_00))
    assert balances(story.events) == {"charges": -100_00, "receivable:payer:1": 100_00}
    assert story.only(RemittanceClaimHeld).findings[0].rule == "reversal-without-original"


def test_cash_that_waits_under_a_wrong_number_is_sent_to_the_account_that_a_person_names() -> None:
    told = answer(100_00, 80_00, cas("CO", "45", 20_00))
    rematch = RematchAnswer(remittance_id="remittance-1", ordinal=1, to_claim_id="ZZZZZZZZZZZZZZZZ1")
    story = account.when(post(told), rematch)
    rematched = story.only(ClaimPaymentRematched)
    assert (rematched.account_id, rematched.to_account_id) == (ACCOUNT, "ZZZZZZZZZZZZZZZZ")
    assert (rematched.answer.account_id, rematched.answer.claim_id) == ("ZZZZZZZZZZZZZZZZ", "ZZZZZZZZZZZZZZZZ1")
    assert balances(story.events) == {}
    account.given(*story.events).when(rematch).then_refused("answer-not-waiting")
