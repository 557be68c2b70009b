"""Is a registration as the newest message says, and a merge an alias that never goes round?"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.eligibility.domain.patient.commands import (
    MergePatients,
    RetirePatient,
    SetCoverageOrder,
    TerminateCoverage,
)
from services.eligibility.domain.patient.decider import patient
from services.eligibility.domain.patient.state import is_active
from services.eligibility.policies.known_patient import known_patient, registrations
from shared.events.base import Sealed
from shared.events.eligibility import (
    CoverageAdded,
    CoverageOrderSet,
    CoverageTerminated,
    DemographicsCorrected,
    PatientRegistered,
    PatientRetired,
    PatientsMerged,
)
from shared.events.values import Person, PersonName
from shared.testing.specification import Specification
from tests.unit.eligibility.stories import ANN, BOB, MONDAY, NOON, add, covered, register, registered

spec = Specification(patient)

NEW_ADDRESS = Sealed.fresh(ANN, "person", Person(name=PersonName(last="Poe", first="Ann"), phone="2175550100"))


def test_somebody_who_comes_for_the_first_time_is_registered() -> None:
    registered_now = spec.when(register()).only(PatientRegistered)
    assert (registered_now.mark, registered_now.medical_record_index) == ("as-said-first", "index-4711")


def test_the_same_demographics_again_are_no_news() -> None:
    spec.given(registered()).when(register()).then_nothing()


def test_other_demographics_correct_what_is_known() -> None:
    corrected = spec.given(registered()).when(register(mark="moved", person=NEW_ADDRESS)).only(DemographicsCorrected)
    assert corrected.person is NEW_ADDRESS
    assert corrected.guarantor is None


def test_a_guarantor_who_is_not_mentioned_stays() -> None:
    parent = Sealed[Person](ANN, "guarantor", "token-parent")
    given = spec.given(registered(guarantor=parent, guarantor_mark="parent"))
    decided = given.when(register(mark="moved", person=NEW_ADDRESS))
    assert decided.state.guarantor == parent


def test_a_message_that_is_older_than_what_is_known_changes_nothing() -> None:
    late = register(mark="older", source_at=NOON - timedelta(hours=1))
    spec.given(registered(source_at=NOON)).when(late).then_nothing()


def test_a_newer_message_replaces_an_older_one_and_sets_the_time() -> None:
    newer = register(mark="newer", person=NEW_ADDRESS, source_at=NOON + timedelta(hours=1))
    late = register(mark="between", source_at=NOON + timedelta(minutes=30))
    spec.given(registered(source_at=NOON)).when(newer, late).then_kinds(DemographicsCorrected)


def test_a_correction_says_which_gaps_it_fills() -> None:
    given = spec.given(registered(missing=("birth-date", "street")))
    filled = given.when(register(mark="more", missing=("street",))).only(DemographicsCorrected)
    assert (filled.filled, filled.missing) == (("birth-date",), ("street",))


# --- coverages --------------------------------------------------------------------------------------------------------


def test_a_coverage_of_somebody_unknown_is_refused() -> None:
    spec.when(add()).then_refused("patient-unknown")


def test_a_coverage_is_added_once_however_often_it_is_sent() -> None:
    spec.given(registered()).when(add(), add(), add()).then_kinds(CoverageAdded)


def test_a_coverage_that_changed_replaces_what_was_known_of_it() -> None:
    decided = spec.given(registered(), covered()).when(add(mark="other plan", plan="GOLD"))
    decided.then_kinds(CoverageAdded)
    assert decided.state.coverages["c1"].plan == "GOLD"


def test_an_older_snapshot_of_a_coverage_never_overwrites_a_newer_one() -> None:
    given = spec.given(registered(), covered(source_at=NOON))
    given.when(add(mark="older", source_at=NOON - timedelta(days=1))).then_nothing()


def test_a_coverage_ends_on_its_last_day() -> None:
    ended = TerminateCoverage(coverage_id="c1", terminated_on=MONDAY, reason="changed jobs")
    decided = spec.given(registered(), covered()).when(ended, ended).then_kinds(CoverageTerminated)
    coverage = decided.state.coverages["c1"]
    assert is_active(coverage, MONDAY)
    assert not is_active(coverage, MONDAY + timedelta(days=1))


def test_a_coverage_without_dates_holds_always() -> None:
    assert is_active(covered(), date(1999, 1, 1))


def test_a_coverage_cannot_end_before_it_begins() -> None:
    backwards = add(effective_on=MONDAY, terminated_on=MONDAY - timedelta(days=1))
    spec.given(registered()).when(backwards).then_refused("coverage-ends-before-it-begins")


def test_only_coverages_that_are_there_can_be_ended_or_ordered() -> None:
    given = spec.given(registered(), covered())
    given.when(TerminateCoverage(coverage_id="c9", terminated_on=MONDAY, reason="")).then_refused("coverage-unknown")
    order = SetCoverageOrder(coverage_ids=("c1", "c9"), effective_on=None, reason="asked")
    given.when(order).then_refused("coverage-unknown")


def test_the_same_order_again_is_no_news() -> None:
    order = SetCoverageOrder(coverage_ids=("c2", "c1"), effective_on=MONDAY, reason="asked at the desk")
    spec.given(registered(), covered("c1"), covered("c2")).when(order, order).then_kinds(CoverageOrderSet)


# --- merges -----------------------------------------------------------------------------------------------------------

BOB_INTO_ANN = MergePatients(patient_id=ANN, retired_patient_id=BOB)


def test_a_merge_is_recorded_once_with_the_survivor() -> None:
    merged = PatientsMerged(patient_id=ANN, retired_patient_id=BOB)
    spec.given(registered()).when(BOB_INTO_ANN, BOB_INTO_ANN).then(merged)


def test_a_merge_is_recorded_once_with_the_retired_even_when_nothing_was_known_of_them() -> None:
    retire = RetirePatient(patient_id=BOB, survivor_patient_id=ANN)
    spec.when(retire, retire).then(PatientRetired(patient_id=BOB, survivor_patient_id=ANN))


def test_nobody_is_merged_into_somebody_unknown() -> None:
    spec.when(BOB_INTO_ANN).then_refused("patient-unknown")


@pytest.mark.parametrize("into", [BOB, "patient-eve"])
def test_a_survivor_who_was_merged_away_cannot_take_in_another(into: str) -> None:
    retired = PatientRetired(patient_id=ANN, survivor_patient_id=into)
    expected = "merge-goes-round" if into == BOB else "patient-retired"
    spec.given(registered(), retired).when(BOB_INTO_ANN).then_refused(expected)


def test_a_merge_that_would_go_round_is_refused_on_the_other_side_too() -> None:
    taken_in = PatientsMerged(patient_id=BOB, retired_patient_id=ANN)
    retire = RetirePatient(patient_id=BOB, survivor_patient_id=ANN)
    spec.given(registered(BOB), taken_in).when(retire).then_refused("merge-goes-round")


def test_nobody_is_merged_into_themselves() -> None:
    spec.given(registered()).when(MergePatients(patient_id=ANN, retired_patient_id=ANN)).then_refused(
        "merge-goes-round"
    )


@pytest.mark.asyncio
async def test_whoever_is_named_the_survivor_answers_with_the_coverages_of_both() -> None:
    streams = {
        ANN: patient.state_after([registered(), PatientsMerged(patient_id=ANN, retired_patient_id=BOB), covered("c1")]),
        BOB: patient.state_after(
            [registered(BOB), covered("c2", patient_id=BOB), PatientRetired(patient_id=BOB, survivor_patient_id=ANN)]
        ),
    }

    async def state_of(patient_id: str) -> object:
        return streams[patient_id]

    for named in (ANN, BOB):
        found = await registrations(state_of, named)  # type: ignore[arg-type]
        known = known_patient(found)
        assert [patient_id for patient_id, _ in found] == [ANN, BOB]
        assert known.person == registered().person
        assert {coverage.coverage_id for coverage in known.coverages} == {"c1", "c2"}
