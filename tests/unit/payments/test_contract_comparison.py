"""Stories about what payers allow: what differs from the contract by more than the tolerance opens, and is over when its answer is."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payments.domain.contract_comparison.commands import (
    DisputeVariance,
    RecordComparison,
    ReopenVariance,
    ResolveVariance,
    WithdrawComparison,
)
from services.payments.domain.contract_comparison.comparing import Compared, compared
from services.payments.domain.contract_comparison.decider import contract_comparison
from services.payments.domain.contract_comparison.identity import account_of, comparison_of
from services.payments.domain.payer_contracts.state import PayerContracts
from shared.events.contracts import (
    ClaimPaymentCompared,
    ComparisonWithdrawn,
    OverpaymentFound,
    UnderpaymentFound,
    VarianceDisputed,
    VarianceReopened,
    VarianceResolved,
)
from shared.events.payments import ClaimPaymentPosted
from shared.events.values import AdjudicatedLine, Adjustment
from shared.testing.specification import Specification
from tests.unit.payments.contracts import agreed, charged, ours, posted, rate, schedule
from tests.unit.payments.stories import ACCOUNT, cas, said_of

spec = Specification(contract_comparison)
SCHEDULES = {"aetna-2026": schedule(rate("99213", 90_00), rate("99214", 120_00))}


def compare(answer: ClaimPaymentPosted, contract: PayerContracts | None = None) -> list[Compared]:
    return compared(answer, charged(), contract or agreed(), SCHEDULES, {})


def told(*adjustments: Adjustment, charge: int = 200_00, line_id: str = "L1") -> AdjudicatedLine:
    paid = charge - sum(each.amount_cents for each in adjustments)
    return said_of(line_id, charge, paid, *adjustments)


def one(*adjustments: Adjustment, contract: PayerContracts | None = None) -> Compared:
    [found] = compare(posted(told(*adjustments)), contract)
    return found


def test_allowed_is_what_was_paid_and_what_the_patient_owes() -> None:
    found = one(cas("CO", "45", 120_00), cas("PR", "1", 30_00), cas("PR", "2", 5_00), cas("PR", "3", 10_00))
    assert (found.allowed_cents, found.expected_cents, found.variance_cents) == (80_00, 90_00, 10_00)
    assert found.outcome == "underpaid"


@pytest.mark.parametrize(
    ("adjustment", "allowed"),
    [
        pytest.param(cas("CO", "253", 1_80), 90_00, id="sequestration"),
        pytest.param(cas("CO", "104", 9_00), 90_00, id="withholding"),
        pytest.param(cas("CO", "237", 3_60), 90_00, id="a penalty"),
        pytest.param(cas("CO", "144", -2_00), 90_00, id="an incentive"),
        pytest.param(cas("CO", "161", -2_00), 90_00, id="a bonus"),
    ],
)
def test_what_comes_behind_the_allowed_amount_is_no_underpayment(adjustment: Adjustment, allowed: int) -> None:
    found = one(cas("CO", "45", 110_00), adjustment)
    assert (found.outcome, found.allowed_cents) == ("as-expected", allowed)


def test_a_cut_that_is_left_to_the_patient_is_a_cut() -> None:
    found = one(cas("PR", "45", 120_00))
    assert (found.outcome, found.allowed_cents, found.variance_cents) == ("underpaid", 80_00, 10_00)


@pytest.mark.parametrize(
    ("adjustment", "reason"),
    [
        (cas("CO", "97", 200_00), "denied"),
        (cas("CO", "16", 20_00), "denied"),
        (cas("PI", "45", 20_00), "denied"),
        (cas("PR", "96", 200_00), "not-covered"),
        (cas("CO", "24", 200_00), "capitated"),
        (cas("OA", "23", 20_00), "earlier-payer"),
    ],
)
def test_what_is_refused_or_settled_otherwise_is_not_compared(adjustment: Adjustment, reason: str) -> None:
    found = one(adjustment)
    assert (found.outcome, found.reason) == ("not-priced", reason)
    assert found.value == f"{adjustment.group}-{adjustment.reason}"
    assert found.expected_cents is None and found.allowed_cents is None


@pytest.mark.parametrize("code", [("CO", "94"), ("OA", "94"), ("PI", "94"), ("OA", "70")])
def test_what_is_paid_beyond_the_charge_is_allowed(code: tuple[str, str]) -> None:
    assert one(cas(*code, -20_00)).allowed_cents == 220_00


@pytest.mark.parametrize(
    ("of_claim", "reason"),
    [
        ((cas("PR", "1", 10_00),), ""),
        ((cas("CO", "253", 1_00),), ""),
        ((cas("CO", "45", 9),), "adjusted-at-claim-level"),
    ],
)
def test_what_stands_on_no_line_counts_only_where_it_does_not_change_a_line(
    of_claim: tuple[Adjustment, ...], reason: str
) -> None:
    [found] = compare(posted(told(cas("CO", "45", 110_00)), of_claim=of_claim))
    assert found.reason == reason
    assert found.allowed_cents == (None if reason else 90_00)


def test_a_later_payers_answer_is_not_compared() -> None:
    for answer in (posted(told(), rank=2), posted(told(), status="2")):
        assert [each.reason for each in compare(answer)] == ["later-payer"]


def test_a_line_that_was_split_is_put_together_again_and_an_unknown_one_is_told() -> None:
    parts = (
        said_of("L1", 120_00, 50_00, cas("CO", "45", 70_00)),
        said_of("L1", 80_00, 40_00, cas("CO", "45", 40_00)),
        said_of("X9", 1_00, 1_00),
    )
    first, other = compare(posted(*parts))
    assert (first.outcome, first.allowed_cents, first.line.charged_cents) == ("as-expected", 90_00, 200_00)
    assert (other.outcome, other.reason) == ("not-priced", "line-unknown")


def test_a_line_without_our_number_is_known_by_procedure_and_charge() -> None:
    line = AdjudicatedLine(procedure_code="99213", charged_cents=200_00, paid_cents=90_00)
    [found] = compare(posted(line))
    assert (found.line.line_id, found.outcome) == ("L1", "as-expected")


def test_a_service_that_was_paid_as_another_is_held_against_what_was_charged() -> None:
    line = AdjudicatedLine(
        line_id="L1",
        procedure_code="99212",
        charged_cents=200_00,
        paid_cents=60_00,
        adjustments=(cas("CO", "45", 140_00),),
    )
    [found] = compare(posted(line))
    assert (found.paid_as, found.variance_cents) == ("99212", 30_00)


def test_units_of_old_charges_are_the_payers() -> None:
    line = AdjudicatedLine(line_id="L1", charged_cents=200_00, paid_cents=180_00, units="2")
    [found] = compared(posted(line), charged(ours("L1", 200_00, units="")), agreed(), SCHEDULES, {})
    assert (found.expected_cents, found.outcome) == (180_00, "as-expected")


@pytest.mark.parametrize(
    ("cents", "percent", "allowed", "outcome"),
    [
        (0, "0", 89_99, "underpaid"),
        (1, "0", 89_99, "as-expected"),
        (1, "0", 89_98, "underpaid"),
        (0, "1", 89_10, "as-expected"),
        (0, "1", 89_09, "underpaid"),
        (0, "1.009", 89_10, "as-expected"),  # 90.81 cents: what is left of a cent is not tolerated
        (0, "1.009", 89_09, "underpaid"),
        (100, "1", 89_00, "as-expected"),
        (100, "1", 88_99, "underpaid"),
        (100, "1", 91_00, "as-expected"),
        (100, "1", 91_01, "overpaid"),
    ],
)
def test_the_larger_tolerance_counts_and_as_much_as_it_is_still_as_expected(
    cents: int, percent: str, allowed: int, outcome: str
) -> None:
    found = one(cas("CO", "45", 200_00 - allowed), contract=agreed(cents=cents, percent=percent))
    assert found.outcome == outcome


# What becomes of it


def record(*lines: AdjudicatedLine, contract: PayerContracts | None = None) -> RecordComparison:
    answer = posted(*lines)
    return RecordComparison(posted=answer, lines=tuple(compare(answer, contract)))


LOW = record(told(cas("CO", "45", 120_00)))
HIGH = record(told(cas("CO", "45", 100_00)))
FOUND: UnderpaymentFound = spec.when(LOW).only(UnderpaymentFound)
DISPUTE = DisputeVariance(
    variance_id=FOUND.variance_id,
    reference="REF-1",
    disputed_on=date(2026, 4, 1),
    note=None,
    disputed_by="user:ann",
)
ACCEPT = ResolveVariance(
    variance_id=FOUND.variance_id, outcome="accepted", reason="small", recovered_cents=0, resolved_by="user:ann"
)
RECOVER = ResolveVariance(
    variance_id=FOUND.variance_id, outcome="recovered", reason="paid", recovered_cents=10_00, resolved_by="user:ann"
)
REOPEN = ReopenVariance(variance_id=FOUND.variance_id, reason="never-came", reopened_by="user:ann")
TAKEN_BACK = WithdrawComparison(reason="payer")


def test_an_underpayment_says_by_which_contract_version_and_figures_it_was_found() -> None:
    spec.when(LOW).then_kinds(ClaimPaymentCompared, UnderpaymentFound)
    assert (FOUND.expected_cents, FOUND.allowed_cents, FOUND.variance_cents) == (90_00, 80_00, 10_00)
    assert (FOUND.basis.contract_id, FOUND.basis.contract_version) == ("c1", 1)
    assert (FOUND.basis.schedule_id, FOUND.basis.schedule_version) == ("aetna-2026", 1)
    assert {each.name: each.value for each in FOUND.basis.inputs}["fee_cents"] == "9000"
    assert account_of(comparison_of(FOUND.variance_id)) == ACCOUNT


def test_an_overpayment_is_told_apart_and_its_difference_is_negative() -> None:
    found: OverpaymentFound = spec.when(HIGH).only(OverpaymentFound)
    assert found.variance_cents == -10_00


def test_an_answer_is_compared_once_and_what_was_found_stays() -> None:
    spec.when(LOW, LOW, HIGH).then_kinds(ClaimPaymentCompared, UnderpaymentFound)


def test_an_answer_that_is_taken_back_closes_what_was_found_and_a_new_one_is_compared_anew() -> None:
    story = spec.when(LOW, DISPUTE, TAKEN_BACK, TAKEN_BACK)
    story.then_kinds(ClaimPaymentCompared, UnderpaymentFound, VarianceDisputed, ComparisonWithdrawn)
    assert story.state.variances[FOUND.variance_id].state == "withdrawn"
    spec.given(*story.events).when(DISPUTE).then_refused("variance-not-open")
    again = spec.given(*story.events).when(LOW)
    assert again.state.variances[FOUND.variance_id].state == "open"
    spec.given(*story.events).when(record(told(cas("CO", "45", 110_00)))).then_kinds(ClaimPaymentCompared)
    spec.when(TAKEN_BACK).then_nothing()


def test_what_was_resolved_stays_resolved_when_the_answer_is_taken_back() -> None:
    story = spec.when(LOW, RECOVER, TAKEN_BACK)
    assert story.only(ComparisonWithdrawn).variance_ids == ()
    assert story.state.variances[FOUND.variance_id].state == "resolved"
    spec.given(*story.events).when(REOPEN).then_refused("variance-not-open")


def test_a_person_disputes_resolves_and_opens_again() -> None:
    story = spec.when(LOW, DISPUTE, RECOVER, REOPEN)
    story.then_kinds(ClaimPaymentCompared, UnderpaymentFound, VarianceDisputed, VarianceResolved, VarianceReopened)
    assert story.state.variances[FOUND.variance_id].state == "disputed"
    assert spec.when(LOW, ACCEPT, REOPEN).state.variances[FOUND.variance_id].state == "open"


def test_what_is_over_or_not_there_is_refused() -> None:
    spec.when(LOW, ACCEPT, DISPUTE).then_refused("variance-not-open")
    spec.when(LOW, ACCEPT, RECOVER).then_refused("variance-not-open")
    spec.when(LOW, REOPEN).then_refused("variance-not-resolved")
    spec.when(DISPUTE).then_refused("not-found")
    too_much = ResolveVariance(
        variance_id=FOUND.variance_id, outcome="recovered", reason="paid", recovered_cents=10_01, resolved_by="x"
    )
    spec.when(LOW, too_much).then_refused("nothing-to-recover")


@given(
    st.lists(
        st.tuples(st.integers(0, 300_00), st.integers(0, 50_00), st.integers(0, 300_00), st.integers(0, 500)),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, 20_00),
)
def test_what_was_found_sums_to_expected_less_allowed(lines: list[tuple[int, int, int, int]], tolerance: int) -> None:
    """Of every line beyond the tolerance exactly its difference, and of none within it."""
    known = {"aetna-2026": schedule(*(rate(f"{number:05}", fee) for number, (_, _, fee, _) in enumerate(lines)))}
    charges = [
        ours(f"L{number}", paid + share + held + 400_00, f"{number:05}")
        for number, (paid, share, _, held) in enumerate(lines)
    ]
    answer = posted(
        *(
            said_of(
                f"L{number}",
                paid + share + held + 400_00,
                paid,
                cas("PR", "2", share),
                cas("CO", "253", held),
                cas("CO", "45", 400_00),
            )
            for number, (paid, share, _, held) in enumerate(lines)
        )
    )
    found = compared(answer, charged(*charges), agreed(cents=tolerance), known, {})
    events = spec.when(RecordComparison(posted=answer, lines=tuple(found))).events
    differences = [each for each in events if isinstance(each, UnderpaymentFound | OverpaymentFound)]
    expected = {
        f"L{number}": fee - (paid + share + held)
        for number, (paid, share, fee, held) in enumerate(lines)
        if abs(fee - (paid + share + held)) > tolerance
    }
    assert {each.line_id: each.variance_cents for each in differences} == expected
    assert all(isinstance(each, UnderpaymentFound) == (each.variance_cents > 0) for each in differences)
    assert sum(each.variance_cents for each in differences) == sum(
        each.expected_cents - each.allowed_cents for each in differences
    )
