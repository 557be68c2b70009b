"""Several visits of a patient share a bill: each charge is on exactly one, whoever joins, parts, adds or cancels, in whichever order news comes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.charges.domain.encounter.commands import (
    BillWith,
    CancelEncounter,
    ChooseBills,
    CodeDiagnoses,
    Credit,
    OpenEncounter,
    OverrideEdit,
    PostCharges,
    TakeInCharges,
)
from services.charges.domain.encounter.joining import preview
from services.charges.domain.errors import VisitsCannotBeJoined
from shared.events.charges import (
    ChargesGivenBack,
    ChargesHandedOver,
    ChargesReleased,
    ChargesTakenIn,
    ChosenBill,
    FacilityListed,
    JoiningRefused,
    OrganizationListed,
    ProviderListed,
    VisitBilledWith,
    VisitsJoined,
)
from shared.events.claim_kinds import HospitalCoding, HospitalStay, Occurrence, ValueAmount
from shared.kernel.errors import DomainError
from shared.kernel.identifiers import account_id_of
from tests.unit.charges.desk import Desk, checked
from tests.unit.charges.stories import CLINIC, DR_A, KNOWN, MAIN, MONDAY, PATIENT, charge

TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)


def week() -> Desk:
    """Three visits of one patient, each released by itself."""
    desk = Desk()
    desk.charge("monday", 1, 2)
    desk.charge("tuesday", 3, service_on=TUESDAY, place_of_service="12", diagnoses=("M545", "J069"))
    desk.charge("wednesday", 4, service_on=WEDNESDAY)
    desk.settle()
    return desk


def joined() -> Desk:
    desk = week()
    desk.join("monday", "tuesday", "wednesday")
    desk.settle()
    return desk


def refused(desk: Desk, *others: str, visit: str = "monday", **changes: Any) -> set[str]:
    """The rules that the preview names; the same choice is refused by the first."""
    found = preview(desk.joining(visit, *others, **changes), desk.visit(visit)).findings
    with pytest.raises(VisitsCannotBeJoined) as refusal:
        desk.join(visit, *others, **changes)
    assert refusal.value.facts["rule"] == found[0].rule
    return {finding.rule for finding in found}


# --- joining ----------------------------------------------------------------------------------------------------------


def test_the_charges_of_a_week_go_on_one_bill_with_their_own_days_places_and_diagnoses() -> None:
    [bill] = joined().bills().values()
    assert bill.account_id == account_id_of("monday")
    assert [(line.service_on, line.place_of_service) for line in bill.lines] == [
        (MONDAY, ""),
        (MONDAY, ""),
        (TUESDAY, "12"),
        (WEDNESDAY, "11"),
    ]
    assert (bill.service_on, bill.service_to_on, bill.charged_cents) == (MONDAY, WEDNESDAY, 600_00)
    assert bill.diagnoses == ("J069", "M545")
    assert [line.diagnosis_pointers for line in bill.lines] == [(1,), (1,), (2, 1), (1,)]
    assert len({line.line_id for line in bill.lines}) == 4
    assert {line.line_id.partition("-")[0] for line in bill.lines} == {bill.account_id}


def test_the_visits_own_bills_are_restated_as_nothing_with_what_they_hand_over() -> None:
    desk = week()
    desk.join("monday", "tuesday")
    desk.settle()
    of_tuesday = [event for key, event in desk.log if key == "tuesday"]
    at = next(index for index, event in enumerate(of_tuesday) if isinstance(event, ChargesHandedOver))
    emptied = of_tuesday[at + 1]
    assert isinstance(emptied, ChargesReleased)
    assert (emptied.lines, emptied.charged_cents, emptied.release) == ((), 0, 2)
    assert desk.bill("wednesday") == [4]
    assert desk.violations() == []


def test_the_bill_keeps_the_lines_that_it_had() -> None:
    desk = week()
    before = desk.bills()[account_id_of("monday")].lines
    desk.join("monday", "wednesday")
    desk.settle()
    assert desk.bills()[account_id_of("monday")].lines[:2] == before


def test_the_preview_says_what_the_bill_will_be() -> None:
    desk = week()
    shown = preview(desk.joining("monday", "tuesday", "wednesday"), desk.visit("monday"))
    [bill] = joined().bills().values()
    assert (shown.lines, shown.charged_cents) == (len(bill.lines), bill.charged_cents)
    assert (shown.service_on, shown.service_to_on) == (bill.service_on, bill.service_to_on)
    assert (set(shown.diagnoses), shown.findings) == (set(bill.diagnoses), ())


def test_the_same_choice_again_is_no_news() -> None:
    desk = joined()
    assert desk.join("monday", "tuesday", "wednesday") == []
    assert desk.do(BillWith(encounter_id="tuesday", billed_with="monday")) == []


def test_taken_apart_every_visit_is_billed_by_itself_again() -> None:
    desk = joined()
    desk.join("monday")
    desk.settle()
    assert {visit: desk.bill(visit) for visit in ("monday", "tuesday", "wednesday")} == {
        "monday": [1, 2],
        "tuesday": [3],
        "wednesday": [4],
    }
    assert desk.violations() == []


def test_a_visit_leaves_and_comes_back() -> None:
    desk = joined()
    desk.join("monday", "wednesday")
    desk.settle()
    assert (sorted(desk.bill("monday")), desk.bill("tuesday")) == ([1, 2, 4], [3])
    desk.join("monday", "wednesday", "tuesday")
    desk.settle()
    assert sorted(desk.bill("monday")) == [1, 2, 3, 4]
    assert desk.violations() == []


def test_a_visit_bills_itself_again_only_when_the_other_bill_no_longer_has_its_charges() -> None:
    desk = joined()
    desk.join("monday", "wednesday")
    desk.settle()
    at = {
        kind: next(index for index, (_, event) in reversed(list(enumerate(desk.log))) if isinstance(event, kind))
        for kind in (ChargesGivenBack, VisitBilledWith)
    }
    restated = desk.log[at[ChargesGivenBack] + 1][1]
    assert isinstance(restated, ChargesReleased) and len(restated.lines) == 3
    assert at[ChargesGivenBack] < at[VisitBilledWith]


# --- what may not be joined -------------------------------------------------------------------------------------------


def test_another_patients_visit_is_refused_and_the_same_person_under_another_number_is_not() -> None:
    desk = week()
    desk.charge("stranger", 9, patient="patient-2")
    desk.settle()
    assert refused(desk, "stranger") == {"CHG-801"}
    assert refused(desk, "never-opened") == {"CHG-801"}
    assert desk.join("monday", "stranger", registrations=frozenset({"patient-2"}))


def test_visits_of_another_kind_are_refused() -> None:
    desk = week()
    hospital(desk, "ward", 9, MONDAY, HospitalStay(bill_type="13", patient_status="01"))
    dentist = OpenEncounter(encounter_id="teeth", patient_id=PATIENT, kind="dental", attending_reference="ADAMS1")
    desk.do(dentist)
    desk.charge("teeth", 10, code="D0120")
    desk.settle()
    assert refused(desk, "ward") == {"CHG-802"}
    assert refused(desk, "teeth") == {"CHG-802"}


def test_a_visit_that_is_not_released_is_refused() -> None:
    desk = week()
    desk.charge("held", 9, rendering_reference="NOBODY")
    desk.do(CancelEncounter(encounter_id="wednesday", reason="by mistake"))
    desk.settle()
    assert refused(desk, "held") == {"CHG-803"}
    assert refused(desk, "wednesday") == {"CHG-803"}
    assert refused(desk, "tuesday", visit="held") == {"CHG-803"}


def test_a_visit_that_is_divided_is_refused_and_a_joined_one_is_not_divided() -> None:
    desk = week()
    apart = ChosenBill(charge_ids=("charge-1",))
    desk.do(ChooseBills(encounter_id="monday", bills=(apart,), reason="accident", chosen_by="user:biller"))
    desk.settle()
    assert refused(desk, "tuesday") == {"CHG-804"}
    assert refused(desk, "monday", visit="tuesday") == {"CHG-804"}
    desk = joined()
    for visit in ("monday", "tuesday"):
        with pytest.raises(DomainError) as refusal:
            desk.do(ChooseBills(encounter_id=visit, bills=(), reason="accident", chosen_by="user:biller"))
        assert refusal.value.code == "visit-is-joined"


def test_a_visit_shares_one_bill_only() -> None:
    desk = week()
    desk.join("monday", "tuesday")
    desk.settle()
    assert refused(desk, "monday", visit="wednesday") == {"CHG-805"}
    assert "CHG-805" in refused(desk, "tuesday", visit="wednesday")
    assert "CHG-805" in refused(desk, "wednesday", visit="tuesday")
    assert "CHG-805" in refused(desk, "wednesday", visit="wednesday")


def test_another_billing_provider_facility_or_referring_provider_is_refused() -> None:
    other = structs.replace(CLINIC, provider_id="other")
    doctor = structs.replace(DR_A, provider_id="dr-b", npi="1999999984")
    desk = Desk(
        knowledge=type(KNOWN)(
            organizations={**KNOWN.organizations, "other": OrganizationListed(organization=other)},
            providers={**KNOWN.providers, "dr-b": ProviderListed(provider=doctor, organization_id="other")},
            facilities={
                **KNOWN.facilities,
                "north": FacilityListed(facility=structs.replace(MAIN, facility_id="north"), organization_id="clinic"),
            },
            price_lists=KNOWN.price_lists,
        )
    )
    for visit, facility, referring in (
        ("monday", "main", ""),
        ("colleague", "main", ""),
        ("north", "north", ""),
        ("sent", "main", "dr-b"),
    ):
        desk.do(
            OpenEncounter(
                encounter_id=visit, patient_id=PATIENT, facility_reference=facility, referring_reference=referring
            )
        )
    desk.charge("monday", 1)
    desk.charge("colleague", 2, rendering_reference="dr-b")
    desk.charge("north", 3)
    desk.charge("sent", 4)
    desk.settle()
    assert refused(desk, "colleague") == {"CHG-806"}
    assert refused(desk, "north") == {"CHG-807"}
    assert refused(desk, "sent") == {"CHG-808"}


def test_more_than_one_claim_takes_is_refused() -> None:
    desk = week()
    desk.charge("long", *range(10, 60), service_on=WEDNESDAY)
    for number, start in enumerate(range(0, 12, 4), start=70):
        desk.charge("many", number, diagnoses=tuple(f"E1{code:02}" for code in range(start, start + 4)))
    desk.settle()
    assert refused(desk, "long") == {"CHG-809"}
    assert refused(desk, "many") == {"CHG-809"}


def test_other_coverages_none_and_those_that_nobody_has_named_yet_are_refused() -> None:
    desk = week()
    desk.coverage_ids = {"tuesday": ("green",), "wednesday": None}
    assert refused(desk, "tuesday") == {"CHG-812"}
    assert refused(desk, "wednesday") == {"CHG-812"}
    desk.coverage_ids = {"monday": (), "tuesday": ()}
    assert refused(desk, "tuesday") == {"CHG-812"}


def test_a_charge_id_on_two_visits_is_refused() -> None:
    desk = week()
    desk.charge("twin", 1, source_key="EHR|twin")
    desk.settle()
    assert refused(desk, "twin") == {"CHG-813"}


# --- a hospital's statement -------------------------------------------------------------------------------------------


def therapy(**changes: Any) -> HospitalStay:
    told: dict[str, Any] = {"bill_type": "13", "patient_status": "30"}
    return HospitalStay(**(told | changes))


STAY = therapy(bill_type="11", patient_status="01", admitted_on=WEDNESDAY, admission_type="3", admission_source="1")


def hospital(desk: Desk, visit: str, number: int, on: date, stay: HospitalStay, *diagnoses: str) -> None:
    """A visit with one charge."""
    told = OpenEncounter(
        encounter_id=visit, patient_id=PATIENT, kind="institutional", attending_reference="ADAMS1", stay=stay
    )
    desk.do(told)
    coding = HospitalCoding(admitting_diagnosis="M545") if stay.admitted_on else HospitalCoding()
    codes = diagnoses or ("M545",)
    desk.do(CodeDiagnoses(encounter_id=visit, diagnoses=codes, coder="coder-1", hospital=coding))
    desk.charge(visit, number, service_on=on, revenue_code="0420", diagnoses=())
    desk.settle()


def test_repetitive_services_of_a_month_share_a_statement() -> None:
    desk = Desk()
    began, cost = Occurrence(code="11", occurred_on=MONDAY), ValueAmount(code="50", amount_cents=1_00)
    hospital(desk, "first", 1, MONDAY, therapy(statement_from_on=MONDAY, statement_through_on=MONDAY))
    hospital(desk, "second", 2, WEDNESDAY, therapy(occurrences=(began,), values=(cost,)), "M545", "R262")
    desk.join("first", "second")
    desk.settle()
    [bill] = desk.bills().values()
    assert bill.stay is not None
    assert (bill.stay.statement_from_on, bill.stay.statement_through_on) == (MONDAY, WEDNESDAY)
    assert (bill.stay.occurrences, bill.stay.values) == ((began,), (cost,))
    assert bill.diagnoses == ("M545", "R262")
    assert [(line.service_on, line.revenue_code, line.diagnosis_pointers) for line in bill.lines] == [
        (MONDAY, "0420", ()),
        (WEDNESDAY, "0420", ()),
    ]
    desk.join("first")
    desk.settle()
    alone = desk.bills()[account_id_of("first")].stay
    assert alone is not None and alone.statement_through_on == MONDAY


def test_another_month_another_type_of_bill_and_a_second_stay_are_refused() -> None:
    desk = Desk()
    hospital(desk, "monday", 1, MONDAY, therapy())
    hospital(desk, "may", 2, MONDAY - timedelta(days=1), therapy())
    hospital(desk, "lab", 3, MONDAY, therapy(bill_type="14"))
    hospital(desk, "stay", 4, WEDNESDAY, STAY)
    hospital(desk, "other-stay", 5, WEDNESDAY, STAY)
    assert refused(desk, "may") == {"CHG-811"}
    assert refused(desk, "lab") == {"CHG-810"}
    assert refused(desk, "stay") == {"CHG-810"}
    assert refused(desk, "other-stay", visit="stay") == {"CHG-810"}


@pytest.mark.parametrize(
    ("days", "window", "is_joined"),
    [(0, 3, True), (3, 3, True), (4, 3, False), (1, 1, True), (2, 1, False), (-1, 3, False)],
)
def test_services_right_before_an_admission_go_on_the_inpatient_claim(days: int, window: int, is_joined: bool) -> None:
    desk = Desk()
    hospital(desk, "stay", 1, WEDNESDAY, STAY)
    hospital(desk, "lab", 2, WEDNESDAY - timedelta(days=days), therapy())
    if not is_joined:
        assert refused(desk, "lab", visit="stay", days_before_admission=window) == {"CHG-811"}
        return
    desk.join("stay", "lab", days_before_admission=window)
    desk.settle()
    [bill] = desk.bills().values()
    assert bill.stay is not None and bill.stay.admitted_on == WEDNESDAY
    assert bill.stay.statement_from_on == WEDNESDAY - timedelta(days=days)


# --- what happens afterwards ------------------------------------------------------------------------------------------


def test_a_late_charge_and_a_credit_of_a_joined_visit_change_the_bill_that_they_are_on() -> None:
    desk = joined()
    desk.charge("tuesday", 5, service_on=TUESDAY)
    desk.charge("monday", 6)
    desk.settle()
    assert sorted(desk.bill("monday")) == [1, 2, 3, 4, 5, 6]
    credit = Credit(source_key="EHR|C3", charge_id="charge-3")
    desk.do(PostCharges(encounter_id="tuesday", patient_id=PATIENT, credits=(credit,)))
    desk.settle()
    assert sorted(desk.bill("monday")) == [1, 2, 4, 5, 6]
    assert len({line.line_id for each in desk.bills().values() for line in each.lines}) == 5
    assert desk.violations() == []


def test_late_charges_beyond_one_claim_go_on_a_further_bill_of_the_same_visit() -> None:
    desk = joined()
    desk.charge("tuesday", *range(10, 60), service_on=TUESDAY)
    desk.settle()
    assert sorted(len(each.lines) for each in desk.bills().values()) == [4, 50]
    assert {each.encounter_id for each in desk.bills().values()} == {"monday"}
    assert sorted(desk.bill("monday")) == [1, 2, 3, 4, *range(10, 60)]
    assert desk.violations() == []


def test_a_held_visit_leaves_the_bill_as_it_was_until_it_is_mended() -> None:
    desk = joined()
    desk.charge("tuesday", 5, service_on=TUESDAY, rendering_reference="NOBODY")
    desk.settle()
    assert desk.visit("tuesday").held is not None
    assert sorted(desk.bill("monday")) == [1, 2, 3, 4]
    credit = Credit(source_key="EHR|C5", charge_id="charge-5")
    desk.do(PostCharges(encounter_id="tuesday", patient_id=PATIENT, credits=(credit,)))
    desk.settle()
    assert desk.visit("tuesday").held is None


def test_a_cancelled_visit_leaves_the_bill() -> None:
    desk = joined()
    desk.do(CancelEncounter(encounter_id="tuesday", reason="by mistake"))
    desk.settle()
    assert sorted(desk.bill("monday")) == [1, 2, 4]
    assert desk.bill("tuesday") == []
    assert desk.violations() == []


def test_when_the_visit_that_carries_the_others_is_cancelled_they_are_billed_by_themselves() -> None:
    desk = joined()
    desk.do(CancelEncounter(encounter_id="monday", reason="by mistake"))
    desk.settle()
    assert (desk.bill("monday"), desk.bill("tuesday"), desk.bill("wednesday")) == ([], [3], [4])
    assert desk.violations() == []


def test_own_charges_that_are_all_credited_leave_a_bill_for_the_others() -> None:
    desk = joined()
    credits = tuple(Credit(source_key=f"EHR|C{number}", charge_id=f"charge-{number}") for number in (1, 2))
    desk.do(PostCharges(encounter_id="monday", patient_id=PATIENT, credits=credits))
    desk.settle()
    assert sorted(desk.bill("monday")) == [3, 4]
    assert desk.violations() == []


def test_a_joined_visit_that_no_longer_fits_holds_the_bill_by_name_of_the_rule() -> None:
    desk = joined()
    desk.do(
        OpenEncounter(
            encounter_id="tuesday",
            patient_id=PATIENT,
            kind="institutional",
            attending_reference="ADAMS1",
            stay=therapy(),
        )
    )
    desk.charge("tuesday", 5, service_on=TUESDAY, revenue_code="0420")
    credit = Credit(source_key="EHR|C3", charge_id="charge-3")
    desk.do(PostCharges(encounter_id="tuesday", patient_id=PATIENT, credits=(credit,)))
    desk.settle()
    held = desk.visit("monday").held
    assert held is not None and [finding.rule for finding in held.findings] == ["CHG-802"]
    assert sorted(desk.bill("monday")) == [1, 2, 3, 4]
    desk.join("monday", "wednesday")
    desk.settle()
    assert (sorted(desk.bill("monday")), desk.bill("tuesday")) == ([1, 2, 4], [5])
    assert desk.violations() == []


def test_a_like_service_of_another_visit_holds_the_bill_as_within_a_visit() -> None:
    desk = week()
    for visit, number in (("morning", 7), ("evening", 8)):
        desk.do(PostCharges(encounter_id=visit, patient_id=PATIENT, charges=(charge(number),), coder="coder-1"))
    desk.settle()
    assert preview(desk.joining("monday", "evening"), desk.visit("monday")).findings == ()  # of repeats that say so
    [warning] = preview(desk.joining("morning", "evening"), desk.visit("morning")).findings
    assert (warning.rule, warning.severity, warning.place) == ("CHG-501", "warning", "visit evening charge charge-8")
    desk.join("morning", "evening")
    desk.settle()
    held = desk.visit("morning").held
    assert held is not None and [finding.rule for finding in held.findings] == ["CHG-501"]
    desk.do(OverrideEdit(encounter_id="morning", rule="CHG-501", reason="seen twice that day"))
    desk.settle()
    assert desk.bill("morning") == [7, 8]


# --- several at the same moment ---------------------------------------------------------------------------------------


def test_two_billers_who_take_the_same_visit_at_once_leave_it_on_one_bill() -> None:
    desk = week()
    desk.join("monday", "wednesday")
    desk.do(
        replace(
            desk.joining("tuesday", "wednesday"),
            visits={"wednesday": desk.joining("monday", "wednesday").visits["wednesday"]},
        )
    )
    desk.settle()
    assert sorted([desk.bill("monday"), desk.bill("tuesday")]) == [[1, 2, 4], [3]]
    [told] = [event for _, event in desk.log if isinstance(event, JoiningRefused)]
    assert (told.billed_with, told.rule) == ("tuesday", "CHG-805")
    last = [event for key, event in desk.log if key == "tuesday" and isinstance(event, VisitsJoined)][-1]
    assert (last.encounter_ids, last.reason) == ((), "refused by visit wednesday under CHG-805")
    assert desk.violations() == []


def test_two_visits_that_are_to_carry_each_other_carry_nobody() -> None:
    desk = week()
    first, second = desk.joining("monday", "tuesday"), desk.joining("tuesday", "monday")
    desk.do(first)
    desk.do(second)
    desk.settle()
    assert (desk.bill("monday"), desk.bill("tuesday")) == ([1, 2], [3])
    assert desk.violations() == []


def test_what_was_handed_over_before_a_visit_left_is_not_taken_in() -> None:
    desk = week()
    desk.join("monday", "tuesday")
    handed = joined().visit("tuesday").handed_over
    assert handed is not None
    desk.settle()
    desk.join("monday")
    take = TakeInCharges(encounter_id="monday", from_encounter_id="tuesday", charges=handed)
    assert desk.do(take) == []
    desk.settle()
    assert (desk.bill("monday"), desk.bill("tuesday")) == ([1, 2], [3])


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_whatever_is_asked_in_whichever_order_it_is_heard_each_charge_is_on_one_bill(data: st.DataObject) -> None:
    desk = week()
    visits = ["monday", "tuesday", "wednesday"]
    expected = {1, 2, 3, 4}
    cancelled: set[str] = set()
    for number in range(data.draw(st.integers(1, 8), label="asks")):
        visit = data.draw(st.sampled_from(visits), label="visit")
        others = data.draw(st.lists(st.sampled_from([each for each in visits if each != visit]), unique=True))
        deed = data.draw(st.sampled_from(["join", "join", "join", "late", "many", "credit", "cancel"]), label="deed")
        try:
            match deed:
                case "join":
                    desk.join(visit, *others)
                case "late" | "many":
                    new = list(range(100 * (number + 1), 100 * (number + 1) + (30 if deed == "many" else 1)))
                    desk.charge(visit, *new, service_on=TUESDAY)
                    expected.update(new)
                case "credit":
                    own = [each for each in desk.visit(visit).charges.values() if each.units_left > 0]
                    charge_id = own[0].captured.charge_id
                    credit = Credit(source_key=f"EHR|C{number}", charge_id=charge_id)
                    desk.do(PostCharges(encounter_id=visit, patient_id=PATIENT, credits=(credit,)))
                    expected.discard(int(charge_id.removeprefix("charge-")))
                case _:
                    desk.do(CancelEncounter(encounter_id=visit, reason="by mistake"))
                    cancelled.add(visit)
        except (DomainError, IndexError):
            pass
        desk.settle(lambda ready: data.draw(st.integers(0, ready - 1)), steps=data.draw(st.integers(0, 12)))
    desk.settle(lambda ready: data.draw(st.integers(0, ready - 1)))
    billed = Counter(number for visit in visits for number in desk.bill(visit))
    assert max(billed.values(), default=1) == 1
    of_cancelled = {
        int(charge_id.removeprefix("charge-")) for visit in cancelled for charge_id in desk.visit(visit).charges
    }
    assert expected - of_cancelled <= set(billed) <= expected | of_cancelled
    assert desk.violations() == []


# --- the invariants can fail ------------------------------------------------------------------------------------------


def test_charges_that_are_handed_over_wrong_taken_in_wrong_or_billed_twice_are_violations() -> None:
    log = joined().log

    def violations(kind: type, **changes: Any) -> int:
        at = next(index for index, (_, event) in enumerate(log) if isinstance(event, kind))
        key, event = log[at]
        assert isinstance(event, ChargesHandedOver | ChargesTakenIn)
        changed = structs.replace(event, charges=structs.replace(event.charges, **changes))
        told = [*log[:at], (key, changed), *log[at + 1 :]]
        return sum(len(each.violations) for each in checked(told))

    assert sum(each.checked for each in checked(log)) > 10
    assert violations(ChargesHandedOver, charged_cents=1) == 2
    assert violations(ChargesTakenIn, charged_cents=1) >= 1
    kept = [
        (key, event)
        for key, event in log
        if not (isinstance(event, ChargesReleased) and event.encounter_id == "tuesday" and not event.lines)
    ]
    assert any("on those of 2" in str(found) for each in checked(kept) for found in each.violations)
