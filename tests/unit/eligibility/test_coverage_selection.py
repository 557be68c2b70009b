"""Is it said who pays, in the right order, and never more than is known?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.eligibility.domain.coverage_selection.commands import KnownPatient, SelectCoverage
from services.eligibility.domain.coverage_selection.decider import coverage_selection
from services.eligibility.domain.payer.directory import PayerDirectory
from services.eligibility.policies.select_coverage import (
    PatientFacts,
    Visit,
    changes_selections,
    select,
    takes_demographics,
)
from shared.events.base import Sealed
from shared.events.eligibility import (
    CoverageOrderSet,
    CoverageSelected,
    CoverageSelectionHeld,
    DemographicsCorrected,
    NoCoverageFound,
    PayerListed,
)
from shared.events.values import Person
from shared.testing.specification import Specification
from tests.unit.eligibility.stories import AETNA, ANN, DIRECTORY, MONDAY, covered, known

spec = Specification(coverage_selection)


def choose(patient: KnownPatient, payers: PayerDirectory = DIRECTORY, **changes: Any) -> SelectCoverage:
    told: dict[str, Any] = {
        "account_id": "account-1",
        "encounter_id": "visit-1",
        "patient_id": ANN,
        "service_on": MONDAY,
        "patient": patient,
        "payers": payers,
    }
    return SelectCoverage(**(told | changes))


def chosen(patient: KnownPatient, **changes: Any) -> list[str]:
    selected = spec.when(choose(patient, **changes)).only(CoverageSelected)
    assert [coverage.rank for coverage in selected.coverages] == list(range(1, len(selected.coverages) + 1))
    return [coverage.coverage_id for coverage in selected.coverages]


def test_a_coverage_is_snapshotted_with_its_payer_as_listed() -> None:
    selected = spec.when(choose(known(covered()))).only(CoverageSelected)
    (coverage,) = selected.coverages
    assert (coverage.payer_id, coverage.payer_electronic_id, coverage.partner_id) == ("aetna", "60054", "house")
    assert coverage.member_number == covered().member_number
    assert selected.patient == known().person


def test_senders_rank_their_coverages() -> None:
    assert chosen(known(covered("c2", rank=2), covered("c1", rank=1))) == ["c1", "c2"]


def test_medicaid_pays_last_whatever_the_sender_ranks() -> None:
    medicaid = covered("c1", payer_reference="ILMCD", rank=1)
    assert chosen(known(medicaid, covered("c2", rank=2))) == ["c2", "c1"]


def test_own_coverage_pays_before_one_as_a_dependant_of_the_same_rank() -> None:
    assert chosen(known(covered("c1", relationship="01"), covered("c2"))) == ["c2", "c1"]


def test_an_order_that_somebody_set_comes_before_every_rule() -> None:
    order = CoverageOrderSet(patient_id=ANN, coverage_ids=("c2", "c1"), effective_on=MONDAY, reason="court order")
    medicaid = covered("c2", payer_reference="ILMCD", rank=3)
    patient = known(covered("c1"), medicaid, orders=(order,))
    assert chosen(patient) == ["c2", "c1"]
    assert chosen(patient, service_on=MONDAY - timedelta(days=1)) == ["c1", "c2"]


def test_a_bill_that_names_its_coverages_goes_to_them_and_to_no_other_in_their_order() -> None:
    comp = covered("comp", payer_reference="00882", rank=3)
    patient = known(covered("c1"), covered("c2", payer_reference="ILMCD", rank=2), comp)
    assert chosen(patient, asked_for=("comp",)) == ["comp"]
    assert chosen(patient, asked_for=("comp", "c1")) == ["comp", "c1"]


def test_a_coverage_that_a_bill_names_and_that_does_not_hold_on_the_day_holds_the_choice() -> None:
    ended = covered("comp", terminated_on=MONDAY - timedelta(days=1))
    command = choose(known(covered("c1"), ended), asked_for=("comp",), accepts_inactive=True)
    held = spec.when(command).only(CoverageSelectionHeld)
    assert (held.reason, held.references, held.asked_for) == ("coverage-inactive", ("comp",), ("comp",))


def test_only_what_holds_on_the_date_of_service_counts() -> None:
    ended = covered("c1", terminated_on=MONDAY - timedelta(days=1))
    not_yet = covered("c2", effective_on=MONDAY + timedelta(days=1))
    assert chosen(known(ended, not_yet, covered("c3", effective_on=MONDAY, terminated_on=MONDAY))) == ["c3"]
    spec.when(choose(known(ended, not_yet))).then_kinds(NoCoverageFound)


def test_the_same_member_number_at_the_same_payer_is_one_coverage() -> None:
    again = covered("c2", payer_reference="A1", member_index="index-c1", rank=2)
    assert chosen(known(covered("c1"), again)) == ["c1"]


def test_nobody_is_called_uninsured_whom_nobody_registered() -> None:
    held = spec.when(choose(known(person=None))).only(CoverageSelectionHeld)
    assert held.reason == "patient-unknown"


def test_a_payer_that_is_not_listed_holds_the_choice_by_name() -> None:
    held = spec.when(choose(known(covered("c1"), covered("c2", payer_reference="ACME")))).only(CoverageSelectionHeld)
    assert (held.reason, held.references) == ("unknown-payer", ("ACME",))


def test_a_payer_that_is_known_by_its_second_name_is_known() -> None:
    assert chosen(known(covered("c1", payer_reference="77", payer_name=" aetna  hmo "))) == ["c1"]


def test_a_name_that_could_mean_two_payers_names_none() -> None:
    twin = PayerListed(payer_id="aetna-2", name="Aetna HMO", electronic_id="60055")
    assert PayerDirectory(payers=(AETNA, twin)).find("AETNA HMO") is None
    assert PayerDirectory(payers=(AETNA, twin)).find("AETNA HMO", "60055") == twin


def test_self_pay_is_what_the_sender_said_and_not_an_unknown_payer() -> None:
    none = spec.when(choose(known(covered("c1", payer_reference="NO_INSURANCE")))).only(NoCoverageFound)
    assert none.reason == "registered as self-pay"


def test_the_same_answer_again_is_no_news() -> None:
    command = choose(known(covered()))
    spec.when(command, command, command).then_kinds(CoverageSelected)
    spec.when(choose(known()), choose(known())).then_kinds(NoCoverageFound)


def test_a_coverage_that_turns_up_makes_a_claim_of_what_was_self_pay() -> None:
    spec.when(choose(known()), choose(known(covered()))).then_kinds(NoCoverageFound, CoverageSelected)


def test_a_held_choice_is_made_when_the_payer_is_listed() -> None:
    before = choose(known(covered()), payers=PayerDirectory())
    spec.when(before, before, choose(known(covered()))).then_kinds(CoverageSelectionHeld, CoverageSelected)


def test_an_address_that_changed_is_no_reason_to_bill_again() -> None:
    moved = known(covered(), person=Sealed[Person](ANN, "person", "token-2"))
    first = choose(known(covered()))
    spec.when(first, choose(moved)).then_kinds(CoverageSelected)
    taken = spec.when(first, choose(moved, takes_demographics=True)).then_kinds(CoverageSelected, CoverageSelected)
    assert taken.events[-1].patient.token == "token-2"  # type: ignore[union-attr]


def test_corrected_demographics_choose_again_only_where_they_fill_a_gap() -> None:
    moved = DemographicsCorrected(patient_id=ANN, mark="moved")
    filled = DemographicsCorrected(patient_id=ANN, mark="filled", filled=("birth-date",))
    assert not changes_selections(moved)
    assert changes_selections(filled)
    assert takes_demographics(filled)


def test_an_authorisation_that_holds_on_the_date_is_named_to_its_payer() -> None:
    visit = Visit(account_id="account-1", encounter_id="visit-1", patient_id=ANN, service_on=MONDAY)
    row = {
        "payer_id": "aetna",
        "number": "AUTH1",
        "procedure_codes": [],
        "valid_from_on": MONDAY,
        "valid_to_on": MONDAY,
    }
    late = {**row, "number": "AUTH2", "valid_from_on": MONDAY + timedelta(days=1)}
    (command,) = select([visit], PatientFacts(patient=known(covered()), authorizations=[late, row]), DIRECTORY)
    assert spec.when(command).only(CoverageSelected).coverages[0].authorization_number == "AUTH1"


def test_a_coverage_that_its_payer_called_inactive_waits_for_a_person() -> None:
    command = choose(known(covered("c1"), covered("c2")), called_inactive=frozenset({"c2"}))
    held = spec.when(command).only(CoverageSelectionHeld)
    assert (held.reason, held.references) == ("coverage-inactive", ("c2",))
    billed = choose(command.patient, called_inactive=frozenset({"c2"}), accepts_inactive=True)
    spec.when(command, billed, command).then_kinds(CoverageSelectionHeld, CoverageSelected)


def test_an_answer_alone_does_not_take_back_a_choice_that_was_made() -> None:
    patient = known(covered())
    spec.when(choose(patient), choose(patient, called_inactive=frozenset({"c1"}))).then_kinds(CoverageSelected)


def test_only_the_newest_answer_about_that_very_day_counts() -> None:
    visit = Visit(account_id="account-1", encounter_id="visit-1", patient_id=ANN, service_on=MONDAY)
    said = [
        {"coverage_id": "c1", "service_on": MONDAY + timedelta(days=1), "status": "inactive"},
        {"coverage_id": "c1", "service_on": MONDAY, "status": "active"},
        {"coverage_id": "c1", "service_on": MONDAY, "status": "inactive"},
        {"coverage_id": "c2", "service_on": MONDAY, "status": "inactive"},
    ]
    (command,) = select([visit], PatientFacts(patient=known(covered()), checks=said), DIRECTORY)
    assert command.called_inactive == {"c2"}


coverages = st.lists(
    st.builds(
        covered,
        coverage_id=st.sampled_from(["c1", "c2", "c3", "c4"]),
        payer_reference=st.sampled_from(["aetna", "00882", "ILMCD"]),
        rank=st.integers(1, 3),
        relationship=st.sampled_from(["18", "01", "19"]),
    ),
    min_size=1,
    unique_by=lambda coverage: coverage.coverage_id,
)


@given(coverages, st.randoms())
def test_the_order_does_not_depend_on_the_order_in_which_coverages_came(some: list[Any], random: Any) -> None:
    shuffled = random.sample(some, len(some))
    assert chosen(known(*some)) == chosen(known(*shuffled))
    paying = spec.when(choose(known(*some))).only(CoverageSelected).coverages
    is_last = [coverage.filing_indicator == "MC" for coverage in paying]
    assert is_last == sorted(is_last)
