"""Stories about one claim's account, as a payment poster would tell them. Amounts in cents."""

from __future__ import annotations

from datetime import date

import pytest

from services.payments.domain.claim_account.commands import (
    ApproveAdjustment,
    IssueRefund,
    MoveToAgency,
    RematchAnswer,
    RequestAdjustment,
    RetryHeldAnswer,
    ReturnFromAgency,
    ReverseAdjustment,
    ReverseClaimPayment,
)
from shared.events.payments import (
    AccountMovedToAgency,
    AccountPayer,
    AccountReturnedFromAgency,
    AdjustmentApproved,
    AdjustmentRequested,
    AdjustmentReversed,
    ChargesPosted,
    ClaimAnswerNoted,
    ClaimDeniedByPayer,
    ClaimPaymentPosted,
    ClaimPaymentRematched,
    ClaimPaymentReversed,
    ClaimPaymentUnapplied,
    PayersKnown,
    PaymentApplied,
    PaymentNotTaken,
    RefundIssued,
    RemittanceClaimHeld,
    ResponsibilityTransferred,
)
from shared.events.values import AdjudicatedLine, Posting
from tests.unit.payments.stories import (
    ACCOUNT,
    AETNA,
    CLAIM,
    MEDIGAP,
    PAID_ON,
    SERVICE_ON,
    SOURCE,
    account,
    answer,
    balances,
    cas,
    ledger_line,
    negated,
    note_payers,
    of_lines,
    owed,
    pay,
    post,
    post_charges,
    said_of,
)

INSURED = (post_charges(100_00), note_payers(AETNA))
TWICE_INSURED = (post_charges(100_00), note_payers(AETNA, MEDIGAP))


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


# Two payers

PRIMARY = of_lines(said_of("L1", 100_00, 48_00, cas("CO", "45", 40_00), cas("PR", "2", 12_00)), payer="60054")


def test_the_patients_share_goes_to_the_next_payer_first() -> None:
    story = account.when(*TWICE_INSURED, post(PRIMARY))
    assert owed(story.events) == {"payer:2": 12_00}
    assert story.only(ClaimPaymentPosted).next_rank == 2


def test_a_secondarys_oa_23_is_not_new_money() -> None:
    """The worked example: charge 100; primary 48, CO-45 40, PR-2 12; secondary OA-23 88, paid 12."""
    told = of_lines(
        said_of("L1", 100_00, 12_00, cas("OA", "23", 88_00)), status="2", payer="77777", remittance="remittance-2"
    )
    story = account.when(*TWICE_INSURED, post(PRIMARY), post(told))
    assert owed(story.events) == {}
    assert balances(story.events) == {"charges": -100_00, "suspense": 60_00, "contractual": 40_00}


def secondary(*adjustments: object, paid: int) -> dict[str, int]:
    told = of_lines(
        said_of("L1", 100_00, paid, *adjustments),  # type: ignore[arg-type]
        status="2",
        payer="77777",
        remittance="remittance-2",
    )
    return balances(account.when(*TWICE_INSURED, post(PRIMARY), post(told)).events)


def test_a_secondary_that_repeats_the_primarys_contract_writes_nothing_off_again() -> None:
    found = secondary(cas("OA", "23", 48_00), cas("CO", "45", 40_00), paid=12_00)
    assert found == {"charges": -100_00, "suspense": 60_00, "contractual": 40_00}


def test_a_secondarys_own_reduction_beyond_the_primarys_is_new() -> None:
    found = secondary(cas("OA", "23", 48_00), cas("CO", "45", 52_00), paid=0)
    assert found == {"charges": -100_00, "suspense": 48_00, "contractual": 52_00}


def test_what_the_secondary_leaves_to_the_patient_is_the_patients() -> None:
    found = secondary(cas("OA", "23", 88_00), cas("PR", "1", 7_00), paid=5_00)
    assert found == {"charges": -100_00, "suspense": 53_00, "contractual": 40_00, "receivable:patient": 7_00}


def test_a_secondary_without_oa_23_repeats_the_primarys_payment_in_its_other_reasons() -> None:
    found = secondary(cas("CO", "45", 50_00), cas("PR", "1", 50_00), paid=0)
    assert found == {"charges": -100_00, "suspense": 48_00, "contractual": 50_00, "receivable:patient": 2_00}


def test_a_secondary_that_denies_leaves_only_its_own_share_open() -> None:
    found = secondary(cas("CO", "29", 100_00), paid=0)
    assert found == {"charges": -100_00, "suspense": 48_00, "contractual": 40_00, "receivable:payer:2": 12_00}


def test_a_secondary_at_claim_level_is_read_the_same() -> None:
    told = answer(100_00, 12_00, cas("OA", "23", 88_00), status="2", payer="77777", remittance="remittance-2")
    assert owed(account.when(*TWICE_INSURED, post(PRIMARY), post(told)).events) == {}


def test_a_secondary_before_the_primary_posts_only_its_payment() -> None:
    early = of_lines(
        said_of("L1", 100_00, 12_00, cas("OA", "23", 48_00), cas("CO", "45", 40_00)),
        status="2",
        payer="77777",
        remittance="remittance-2",
    )
    story = account.when(*TWICE_INSURED, post(early))
    assert owed(story.events) == {"payer:1": 100_00, "payer:2": -12_00}
    assert [each.rule for each in story.only(ClaimPaymentPosted).findings] == ["earlier-payer-silent"]
    assert owed(account.when(*TWICE_INSURED, post(early), post(PRIMARY)).events) == {}


def test_a_secondary_that_counts_more_than_the_primary_paid_is_posted_with_a_warning() -> None:
    told = of_lines(said_of("L1", 100_00, 5_00, cas("OA", "23", 95_00)), status="2", remittance="remittance-2")
    story = account.when(*TWICE_INSURED, post(PRIMARY), post(told))
    assert [each.rule for each in story.events[-1].findings] == ["earlier-payment-differs"]
    assert owed(story.events) == {"payer:2": 7_00}


def test_the_payer_is_known_by_its_id_though_it_calls_itself_primary() -> None:
    told = answer(12_00, 12_00, status="1", payer="77777", remittance="remittance-2")
    posted = account.when(*TWICE_INSURED, post(PRIMARY), post(told)).events[-1]
    assert (posted.payer_rank, posted.payer_id) == (2, "medigap")
    assert [each.rule for each in posted.findings] == ["payer-rank-differs"]


def test_without_an_id_the_payers_own_rank_counts() -> None:
    told = answer(100_00, 12_00, cas("OA", "23", 88_00), status="2", remittance="remittance-2")
    assert account.when(*TWICE_INSURED, post(PRIMARY), post(told)).events[-1].payer_rank == 2


def test_without_id_and_rank_the_next_silent_payer_has_answered() -> None:
    told = answer(100_00, 0, cas("OA", "23", 88_00), cas("CO", "29", 12_00), status="4", remittance="remittance-2")
    story = account.when(*TWICE_INSURED, post(PRIMARY), post(told))
    assert story.only(ClaimDeniedByPayer).payer_rank == 2
    assert owed(story.events) == {"payer:2": 12_00}


def test_a_forwarded_claim_waits_with_the_next_payer() -> None:
    told = answer(100_00, 80_00, cas("PR", "2", 20_00), status="19")
    posted = account.when(*TWICE_INSURED, post(told)).only(ClaimPaymentPosted)
    assert (posted.forwarded, posted.next_rank) == (True, 2)


def test_a_claim_forwarded_to_a_payer_we_do_not_know_is_not_the_patients_yet() -> None:
    story = account.when(*INSURED, post(answer(100_00, 80_00, cas("PR", "2", 20_00), status="19")))
    assert owed(story.events) == {"payer:2": 20_00}
    assert [each.rule for each in story.only(ClaimPaymentPosted).findings] == ["forwarded-to-unknown-payer"]


def test_a_payer_that_nobody_named_answers_for_the_charges() -> None:
    story = account.when(post_charges(100_00), post(answer(100_00, 80_00, cas("PR", "2", 20_00))))
    assert owed(story.events) == {"patient": 20_00}


def test_a_payer_answers_for_a_self_pay_visit() -> None:
    story = account.when(
        post_charges(100_00), note_payers(), post(answer(100_00, 80_00, cas("PR", "3", 15_00), cas("CO", "45", 5_00)))
    )
    assert owed(story.events) == {"patient": 15_00}


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


# Reversals


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
    assert balances(account.when(*INSURED, post(first), post(back), post(right)).events) == expected


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


def test_a_held_reversal_is_posted_when_it_is_tried_again_after_its_original_came() -> None:
    told = of_lines(said_of("L1", 100_00, 80_00, cas("CO", "45", 20_00)))
    back = negated(told, remittance="remittance-2", ordinal=1)
    story = account.when(*INSURED, post(back), post(told), RetryHeldAnswer(answer=back))
    assert balances(story.events) == {"charges": -100_00, "receivable:payer:1": 100_00}


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


# The patient's money

DUE = (*INSURED, post(answer(100_00, 80_00, cas("PR", "2", 20_00))))


def test_a_patients_payment_lowers_what_the_patient_owes() -> None:
    story = account.given(*account.when(*DUE).events).when(pay(15_00))
    story.then(
        PaymentApplied(
            account_id=ACCOUNT,
            patient_id="patient-1",
            payment_id="payment-1",
            allocation=1,
            amount_cents=15_00,
            postings=(
                Posting(account="allocated", amount_cents=15_00, line_id="L1"),
                Posting(account="receivable:patient", amount_cents=-15_00, line_id="L1"),
            ),
        )
    )


def test_what_the_account_cannot_take_goes_back() -> None:
    story = account.given(*account.when(*DUE).events).when(pay(25_00))
    story.then_kinds(PaymentApplied, PaymentNotTaken)
    assert (story.events[0].amount_cents, story.events[1].amount_cents) == (20_00, 5_00)


def test_money_for_an_account_that_owes_nothing_goes_back_whole() -> None:
    account.when(pay(25_00)).then(
        PaymentNotTaken(
            account_id=ACCOUNT, patient_id="patient-1", payment_id="payment-1", allocation=1, amount_cents=25_00
        )
    )


def test_the_same_allocation_twice_is_no_news() -> None:
    past = account.when(*DUE, pay(15_00)).events
    account.given(*past).when(pay(15_00)).then_nothing()


# Decisions of people


def request(cents: int, reason: str = "small-balance", party: str = "patient") -> RequestAdjustment:
    return RequestAdjustment(
        account_id=ACCOUNT,
        adjustment_id="adjustment-1",
        party=party,
        reason=reason,
        amount_cents=cents,
        requested_by="user:ann",
    )


def approve(by: str = "user:bob") -> ApproveAdjustment:
    return ApproveAdjustment(adjustment_id="adjustment-1", approved_by=by)


def test_a_write_off_needs_a_second_person() -> None:
    account.when(*DUE, request(20_00), approve("user:ann")).then_refused("same-person")


def test_a_requested_write_off_moves_nothing() -> None:
    story = account.given(*account.when(*DUE).events).when(request(20_00))
    story.then_kinds(AdjustmentRequested)
    assert balances(story.events) == {}


@pytest.mark.parametrize(
    ("reason", "where"),
    [("small-balance", "write-off:small-balance"), ("charity", "charity"), ("bad-debt", "bad-debt")],
)
def test_an_approved_write_off_stands_under_its_reason(reason: str, where: str) -> None:
    story = account.when(*DUE, request(20_00, reason), approve())
    assert story.only(AdjustmentApproved).approved_by == "user:bob"
    assert balances(story.events)[where] == 20_00
    assert owed(story.events) == {}


def test_a_write_off_is_never_more_than_the_party_owes() -> None:
    account.when(*DUE, request(20_01)).then_refused("exceeds-balance")
    account.when(*DUE, request(20_00), pay(1_00), approve()).then_refused("exceeds-balance")
    account.when(*DUE, request(0)).then_refused("not-an-amount")


def test_a_write_off_is_decided_once() -> None:
    account.when(*DUE, request(10_00), approve(), approve()).then_refused("adjustment-already-decided")
    account.when(*DUE, approve()).then_refused("not-found")


def test_a_write_off_can_be_taken_back() -> None:
    back = ReverseAdjustment(adjustment_id="adjustment-1", reversed_by="user:bob")
    story = account.when(*DUE, request(20_00), approve(), back)
    assert story.only(AdjustmentReversed).amount_cents == 20_00
    assert owed(story.events) == {"patient": 20_00}
    account.given(*story.events).when(back).then_refused("adjustment-not-approved")


def refund(cents: int) -> IssueRefund:
    return IssueRefund(account_id=ACCOUNT, refund_id="refund-1", to_party="payer:1", amount_cents=cents)


def test_a_credit_is_refunded_to_whoever_paid_too_much() -> None:
    paid_twice = [post(answer(100_00, 100_00, remittance=f"remittance-{number}")) for number in (1, 2)]
    story = account.when(*INSURED, *paid_twice, refund(100_00))
    assert story.only(RefundIssued).amount_cents == 100_00
    assert balances(story.events) == {"charges": -100_00, "suspense": 200_00, "refunds": -100_00}
    account.given(*story.events).when(refund(100_00)).then_nothing()


def test_nothing_beyond_the_credit_is_refunded() -> None:
    account.when(*INSURED, refund(1)).then_refused("exceeds-credit")


def test_the_patients_balance_moves_to_the_agency_and_back() -> None:
    out = MoveToAgency(account_id=ACCOUNT, placement_id="placement-1")
    back = ReturnFromAgency(account_id=ACCOUNT, placement_id="placement-1")
    placed = account.when(*DUE, out, out)
    assert placed.only(AccountMovedToAgency).amount_cents == 20_00
    assert owed(placed.events) == {"agency": 20_00}
    paid = account.given(*placed.events).when(pay(5_00), back)
    assert paid.only(AccountReturnedFromAgency).amount_cents == 15_00
    assert owed([*placed.events, *paid.events]) == {"patient": 15_00}


def test_nothing_is_placed_when_the_patient_owes_nothing() -> None:
    account.when(*INSURED, MoveToAgency(account_id=ACCOUNT, placement_id="placement-1")).then_refused(
        "nothing-to-place"
    )


def test_only_what_is_placed_comes_back() -> None:
    back = ReturnFromAgency(account_id=ACCOUNT, placement_id="placement-1")
    account.when(*DUE, back).then_refused("not-with-agency")
