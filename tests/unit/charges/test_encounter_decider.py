from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.charges.domain.directory.knowledge import Knowledge
from services.charges.domain.encounter.commands import (
    CancelEncounter,
    CodeDiagnoses,
    Credit,
    OpenEncounter,
    OverrideEdit,
)
from services.charges.domain.encounter.decider import encounter
from shared.events.charges import (
    ChargeCaptured,
    ChargeCredited,
    ChargePriced,
    ChargesHeld,
    ChargesReleased,
    DiagnosesCoded,
    EditFailed,
    EditOverridden,
    EncounterCancelled,
    EncounterChanged,
    EncounterOpened,
)
from tests.unit.charges.stories import KNOWN, MONDAY, PATIENT, VISIT, charge, post, review, spec

# --- capture ----------------------------------------------------------------------------------------------------------


def test_a_charge_that_overtakes_its_registration_opens_the_visit() -> None:
    spec.when(post(charge())).then_kinds(EncounterOpened, ChargeCaptured)


def test_the_same_charge_twice_is_no_news() -> None:
    decided = spec.when(post(charge()), post(charge()))
    decided.then_kinds(EncounterOpened, ChargeCaptured)


def test_a_transaction_id_with_another_amount_is_refused() -> None:
    spec.when(post(charge()), post(charge(charged_cents=151_00))).then_refused("charge-changed")


def test_a_visit_number_of_another_patient_is_refused() -> None:
    other = replace(post(charge(2)), patient_id="patient-2")
    spec.when(post(charge()), other).then_refused("encounter-of-another-patient")


def test_a_visit_of_a_registration_that_was_merged_takes_the_survivors_charges() -> None:
    survivor = replace(post(charge(2)), patient_id="patient-2", also_registered_as=frozenset({PATIENT}))
    decided = spec.when(post(charge()), survivor)
    decided.then_kinds(EncounterOpened, ChargeCaptured, ChargeCaptured)
    assert decided.state.opened is not None and decided.state.opened.patient_id == PATIENT


def test_nothing_is_charged_on_a_cancelled_visit() -> None:
    cancelled = CancelEncounter(encounter_id=VISIT, reason="A11")
    spec.when(post(charge()), cancelled, post(charge(2))).then_refused("encounter-cancelled")


def test_the_charges_of_a_cancelled_visit_are_owed_by_nobody() -> None:
    decided = spec.when(post(charge()), review(), CancelEncounter(encounter_id=VISIT, reason="A11"))
    *_, restated, cancelled = decided.events
    assert isinstance(restated, ChargesReleased) and isinstance(cancelled, EncounterCancelled)
    assert (restated.release, restated.lines, restated.charged_cents) == (2, (), 0)
    again = spec.when(post(charge()), review(), *[CancelEncounter(encounter_id=VISIT, reason="A11")] * 2)
    assert again.events == decided.events


def test_a_visit_that_was_held_and_is_right_again_says_so_though_its_bill_is_the_same() -> None:
    unpriced = Credit(source_key="EHR|C2", charge_id="charge-2")
    decided = spec.when(
        post(charge()),
        review(),
        post(charge(2, code="99999", charged_cents=None)),
        review(),
        post(credits=(unpriced,)),
        review(),
    )
    first, last = (each for each in decided.events if isinstance(each, ChargesReleased))
    assert (last.release, last.lines) == (2, first.lines)
    assert decided.state.held is None


def test_a_visit_that_is_opened_twice_the_same_way_is_no_news() -> None:
    opening = OpenEncounter(encounter_id=VISIT, patient_id=PATIENT, visit_class="O", attending_reference="ADAMS1")
    spec.when(opening, opening).then_kinds(EncounterOpened)


def test_a_transfer_changes_only_what_it_names() -> None:
    opening = OpenEncounter(encounter_id=VISIT, patient_id=PATIENT, attending_reference="ADAMS1")
    moved = OpenEncounter(encounter_id=VISIT, patient_id=PATIENT, facility_reference="MAINST")
    changed = spec.when(opening, moved).only(EncounterChanged)
    assert (changed.facility_reference, changed.attending_reference) == ("MAINST", "")


# --- credits ----------------------------------------------------------------------------------------------------------


def test_a_credit_without_an_amount_takes_the_whole_charge_back() -> None:
    credit = Credit(source_key="EHR|C1", code="99213")
    credited = spec.when(post(charge(units="3")), post(credits=(credit,))).only(ChargeCredited)
    assert (credited.units, credited.credited_cents) == ("3", 150_00)


def test_the_same_credit_twice_takes_back_once() -> None:
    credit = Credit(source_key="EHR|C1", code="99213", units="1")
    decided = spec.when(post(charge(units="3")), post(credits=(credit,)), post(credits=(credit,)))
    assert len([event for event in decided.events if isinstance(event, ChargeCredited)]) == 1


def test_a_credit_of_nothing_that_was_charged_is_refused() -> None:
    credit = Credit(source_key="EHR|C1", code="93000")
    spec.when(post(charge()), post(credits=(credit,))).then_refused("charge-unknown")


def test_more_units_than_were_charged_cannot_be_taken_back() -> None:
    credit = Credit(source_key="EHR|C1", code="99213", units="2")
    spec.when(post(charge()), post(credits=(credit,))).then_refused("credit-too-large")


@given(units=st.integers(1, 9), cents=st.integers(0, 100_000), parts=st.integers(1, 9))
@settings(max_examples=200)
def test_units_credited_one_after_another_leave_exactly_nothing(units: int, cents: int, parts: int) -> None:
    credits = tuple(Credit(source_key=f"EHR|C{n}", charge_id="charge-1", units="1") for n in range(min(parts, units)))
    rest = Credit(source_key="EHR|REST", charge_id="charge-1")
    state = spec.when(post(charge(units=str(units), charged_cents=cents)), post(credits=(*credits, rest))).state
    left = state.charges["charge-1"]
    assert (left.units_left, left.cents_left) == (Decimal(0), 0)


# --- procedures --------------------------------------------------------------------------------------------------------


def done(number: int = 7, **changes: Any) -> Any:
    """A procedure as an EHR tells it: what, when, by whom, and no price."""
    return charge(number, charged_cents=None, is_from_procedure=True, **changes)


def lines_of(*commands: Any) -> list[tuple[str, int]]:
    released = spec.when(*commands, review()).events[-1]
    assert isinstance(released, ChargesReleased), released
    return [(line.charge_id, line.charged_cents) for line in released.lines]


def test_a_procedure_without_a_charge_is_charged_by_the_price_list() -> None:
    assert lines_of(post(done(code="99213"))) == [("charge-7", 120_00)]


def test_a_procedure_that_the_price_list_does_not_know_is_held_for_its_price() -> None:
    held = spec.when(post(done(code="45378")), review()).only(ChargesHeld)
    assert held.reason == "no-price"


@pytest.mark.parametrize("charge_is_first", [True, False])
@pytest.mark.parametrize("own", [{"replaces": ("charge-7",), "code": "36415"}, {"code": "99213"}])
def test_a_charge_for_a_procedure_is_charged_once_whichever_comes_first(
    charge_is_first: bool, own: dict[str, Any]
) -> None:
    told = [post(charge(1, charged_cents=90_00, **own)), post(done(code="99213"))]
    assert lines_of(*(told if charge_is_first else reversed(told))) == [("charge-1", 90_00)]
    together = replace(told[0], charges=(*told[1].charges, *told[0].charges))
    assert lines_of(together) == [("charge-1", 90_00)]


def test_a_charge_that_comes_after_the_procedure_was_billed_restates_the_release() -> None:
    own = post(charge(1, code="99213", charged_cents=90_00))
    released = [
        (each.release, each.charged_cents)
        for each in spec.when(post(done(code="99213")), review(), own, review()).events
        if isinstance(each, ChargesReleased)
    ]
    assert released == [(1, 120_00), (2, 90_00)]


def test_a_procedure_beside_the_visits_own_charges_is_held_until_a_person_says_which() -> None:
    both = (post(charge(1, code="99214")), post(done(code="99213")))
    held = spec.when(*both, review()).only(ChargesHeld)
    assert (held.reason, [finding.rule for finding in held.findings]) == ("edits-failed", ["CHG-502"])
    override = OverrideEdit(encounter_id=VISIT, rule="CHG-502", reason="both were done")
    decided = spec.when(*both, review(), override, review())
    assert len(decided.only(ChargesReleased).lines) == 2
    credit = post(credits=(Credit(source_key="person|1", charge_id="charge-7"),))
    assert len(spec.when(*both, review(), credit, review()).only(ChargesReleased).lines) == 1


def test_a_procedure_entered_in_error_is_taken_back_and_nothing_else_is() -> None:
    wrong = Credit(source_key="ehr|c7", charge_id="charge-7", is_of_procedure=True)
    state = spec.when(post(done(code="99213")), post(credits=(wrong,))).state
    assert state.charges["charge-7"].units_left == 0
    own = post(charge(1, code="99213"))
    spec.when(own, post(credits=(wrong,))).then_kinds(EncounterOpened, ChargeCaptured)


def test_a_charge_that_was_credited_before_it_had_a_price_gets_none() -> None:
    taken_back = post(credits=(Credit(source_key="ehr|c7", charge_id="charge-7"),))
    events = spec.when(post(done(code="99213")), taken_back, post(charge(1)), review()).events
    assert not [each for each in events if isinstance(each, ChargePriced)]


# --- review: release ----------------------------------------------------------------------------------------------------


def test_complete_charges_are_released_with_all_a_claim_needs() -> None:
    released = spec.when(post(charge(), charge(2, code="36415", diagnoses=("I10",))), review()).only(ChargesReleased)
    assert released.diagnoses == ("J069", "I10")
    assert [line.diagnosis_pointers for line in released.lines] == [(1,), (2,)]
    assert released.charged_cents == 300_00
    assert (released.organization.npi, released.rendering.npi) == ("1234567893", "1245319599")
    assert [line.line_id for line in released.lines] == [f"{released.account_id}-1", f"{released.account_id}-2"]


def test_a_second_review_of_the_same_charges_releases_nothing_new() -> None:
    spec.when(post(charge()), review(), review()).then_kinds(EncounterOpened, ChargeCaptured, ChargesReleased)


def test_a_late_charge_is_flagged_and_restates_all_lines() -> None:
    decided = spec.when(post(charge()), review(), post(charge(2, code="36415")), review())
    captured = [event for event in decided.events if isinstance(event, ChargeCaptured)]
    released = [event for event in decided.events if isinstance(event, ChargesReleased)]
    assert [event.is_late for event in captured] == [False, True]
    assert [(event.release, len(event.lines)) for event in released] == [(1, 1), (2, 2)]


def test_a_charge_credited_in_full_after_the_release_is_released_as_nothing() -> None:
    credit = Credit(source_key="EHR|C1", code="99213")
    decided = spec.when(post(charge()), review(), post(credits=(credit,)), review())
    last = decided.events[-1]
    assert isinstance(last, ChargesReleased)
    assert (last.release, last.lines, last.charged_cents) == (2, (), 0)


def test_a_charge_credited_in_full_before_any_release_is_never_billed() -> None:
    credit = Credit(source_key="EHR|C1", code="99213")
    decided = spec.when(post(charge()), post(credits=(credit,)), review())
    assert not [event for event in decided.events if isinstance(event, ChargesReleased)]


def test_a_line_without_diagnoses_of_its_own_points_to_the_principal_one() -> None:
    coded = CodeDiagnoses(encounter_id=VISIT, diagnoses=("E119", "I10"), coder="coder-1")
    released = spec.when(post(charge(diagnoses=())), coded, review()).only(ChargesReleased)
    assert (released.diagnoses, released.lines[0].diagnosis_pointers) == (("E119", "I10"), (1,))


def test_repeated_diagnoses_are_billed_once() -> None:
    coded = CodeDiagnoses(encounter_id=VISIT, diagnoses=("E119", "I10", "E119"), coder="coder-1")
    assert spec.when(post(charge()), coded).only(DiagnosesCoded).diagnoses == ("E119", "I10")


# --- prices -------------------------------------------------------------------------------------------------------------


def test_a_blank_price_comes_from_the_list_in_force_on_the_date_of_service() -> None:
    priced = spec.when(post(charge(charged_cents=None, units="2")), review()).only(ChargePriced)
    assert (priced.charged_cents, priced.price_list_id) == (240_00, "standard")


def test_a_later_date_of_service_takes_the_later_price() -> None:
    priced = spec.when(post(charge(charged_cents=None, service_on=date(2026, 6, 8))), review()).only(ChargePriced)
    assert priced.charged_cents == 130_00


def test_a_charge_code_of_the_practice_is_billed_as_its_procedure() -> None:
    released = spec.when(post(charge(code="ECG", charged_cents=None)), review()).only(ChargesReleased)
    assert [(line.procedure_code, line.charged_cents) for line in released.lines] == [("93000", 80_00)]


def test_a_charge_without_any_price_is_held_and_not_billed_at_zero() -> None:
    held = spec.when(post(charge(code="99999", charged_cents=None)), review()).only(ChargesHeld)
    assert held.reason == "no-price"


def test_the_senders_price_is_not_replaced_by_the_list() -> None:
    assert spec.when(post(charge()), review()).only(ChargesReleased).charged_cents == 150_00


# --- holds --------------------------------------------------------------------------------------------------------------


def test_an_unknown_provider_holds_the_charges_by_that_name() -> None:
    decided = spec.when(post(charge(rendering_reference="NOBODY")), review())
    held = decided.only(ChargesHeld)
    assert (held.reason, held.findings[0].rule, held.findings[0].value) == ("unknown-provider", "CHG-101", "NOBODY")


def test_the_same_hold_again_is_no_news() -> None:
    unknown = charge(rendering_reference="NOBODY")
    decided = spec.when(post(unknown), review(), review())
    decided.then_kinds(EncounterOpened, ChargeCaptured, EditFailed, ChargesHeld)


def test_charges_held_for_a_provider_are_released_once_the_provider_is_listed() -> None:
    decided = spec.when(post(charge()), review(Knowledge(facilities=KNOWN.facilities)), review())
    decided.then_kinds(EncounterOpened, ChargeCaptured, EditFailed, ChargesHeld, ChargesReleased)


def test_an_unknown_place_holds_the_charges() -> None:
    opening = OpenEncounter(encounter_id=VISIT, patient_id=PATIENT, facility_reference="NOWHERE")
    assert spec.when(opening, post(charge()), review()).only(ChargesHeld).reason == "unknown-facility"


def test_charges_without_a_diagnosis_wait_for_a_coder() -> None:
    assert spec.when(post(charge(diagnoses=())), review()).only(ChargesHeld).reason == "needs-coding"


def test_a_snomed_procedure_is_held_for_coding_and_says_so() -> None:
    held = spec.when(post(charge(code="430193006", code_system="SNOMED")), review()).only(ChargesHeld)
    assert held.reason == "needs-coding"
    assert "430193006 SNOMED" in {finding.value for finding in held.findings}


def test_a_diagnosis_that_is_not_icd_10_is_held_for_coding() -> None:
    assert spec.when(post(charge(diagnoses=("4019",))), review()).only(ChargesHeld).reason == "needs-coding"


def test_thirteen_diagnoses_do_not_fit_a_claim() -> None:
    codes = tuple(f"E11{n:02d}" for n in range(13))
    coded = CodeDiagnoses(encounter_id=VISIT, diagnoses=codes, coder="coder-1")
    held = spec.when(post(charge(diagnoses=())), coded, review()).only(ChargesHeld)
    assert (held.reason, held.findings[0].rule) == ("edits-failed", "CHG-204")


def test_a_date_of_service_in_the_future_fails_an_edit() -> None:
    held = spec.when(post(charge(service_on=date(2026, 6, 11))), review()).only(ChargesHeld)
    assert [finding.rule for finding in held.findings] == ["CHG-402"]


def test_five_modifiers_fail_an_edit() -> None:
    held = spec.when(post(charge(modifiers=("25", "59", "RT", "LT", "76"))), review()).only(ChargesHeld)
    assert [finding.rule for finding in held.findings] == ["CHG-401"]


def test_a_duplicate_line_is_held_and_a_repeat_modifier_says_it_is_none() -> None:
    twice = spec.when(post(charge(), charge(2)), review()).only(ChargesHeld)
    assert [finding.rule for finding in twice.findings] == ["CHG-501"]
    spec.when(post(charge(), charge(2, modifiers=("76",))), review()).only(ChargesReleased)


def test_an_overridden_edit_no_longer_holds() -> None:
    override = OverrideEdit(encounter_id=VISIT, rule="CHG-501", reason="two visits on one day")
    decided = spec.when(post(charge(), charge(2)), review(), override, review())
    assert [type(event) for event in decided.events][-2:] == [EditOverridden, ChargesReleased]


def test_only_an_edit_that_failed_can_be_overridden() -> None:
    override = OverrideEdit(encounter_id=VISIT, rule="CHG-501", reason="because")
    spec.when(post(charge()), override).then_refused("no-such-edit")


# --- always ---------------------------------------------------------------------------------------------------------------


@given(order=st.permutations(range(4)), repeats=st.lists(st.integers(0, 3), max_size=6))
@settings(max_examples=100)
def test_repeats_in_any_order_release_the_same_cents(order: list[int], repeats: list[int]) -> None:
    charges = [charge(n, code=f"9921{n + 2}", charged_cents=100_00 + n) for n in range(4)]
    commands = [post(charges[n]) for n in (*order, *repeats)]
    released = spec.when(*commands, review()).only(ChargesReleased)
    assert released.charged_cents == sum(each.charged_cents or 0 for each in charges)
    assert encounter.initial.charges == {}


def test_the_service_dates_of_a_release_span_its_lines() -> None:
    second = charge(2, code="36415", service_on=date(2026, 6, 3))
    released = spec.when(post(charge(), second), review()).only(ChargesReleased)
    assert (released.service_on, released.service_to_on) == (MONDAY, date(2026, 6, 3))
