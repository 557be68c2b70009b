"""A hospital's and a dentist's charges are held for what a claim of their kind would lack, and released with what it says."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec import structs

from services.charges.domain.directory.knowledge import Knowledge
from services.charges.domain.encounter.commands import CodeDiagnoses, Credit, OpenEncounter
from services.charges.domain.encounter.decider import encounter
from services.charges.domain.encounter.state import EncounterEvent
from services.charges.domain.errors import ChargeUnknown
from shared.events.charges import ChargePriced, ChargesHeld, ChargesReleased, EncounterChanged, Price, PricesSet
from shared.events.claim_kinds import (
    DentalCase,
    DentalService,
    HospitalCoding,
    HospitalProcedure,
    HospitalStay,
    PresentOnAdmission,
    Tooth,
)
from tests.unit.charges.stories import KNOWN, MONDAY, PATIENT, VISIT, charge, post, review, spec

FRIDAY = date(2026, 6, 5)
EMERGENCY = HospitalStay(bill_type="13", patient_status="01", admission_type="1", admission_source="1")
SURGERY = HospitalStay(
    bill_type="11",
    admitted_on=MONDAY,
    admitted_time="0700",
    admission_type="3",
    admission_source="1",
    discharged_time="1200",
    patient_status="01",
)
CODING = HospitalCoding(
    admitting_diagnosis="K3580",
    present_on_admission=(PresentOnAdmission(code="K3580", indicator="Y"),),
    procedures=(HospitalProcedure(code="0DTJ4ZZ", performed_on=MONDAY),),
)
HOSPITAL: Knowledge = Knowledge(
    organizations=KNOWN.organizations,
    providers=KNOWN.providers,
    facilities=KNOWN.facilities,
    price_lists=(
        PricesSet(
            price_list_id="hospital",
            effective_on=date(2025, 1, 1),
            prices=(
                Price(code="ROOM", amount_cents=1_500_00, revenue_code="0120"),
                Price(code="ER3", amount_cents=800_00, revenue_code="0450", procedure_code="99283"),
                Price(code="99284", amount_cents=900_00, revenue_code="0450"),
            ),
        ),
    ),
)


def opened(stay: HospitalStay | None = EMERGENCY, **changes: Any) -> OpenEncounter:
    told: dict[str, Any] = {"kind": "institutional", "attending_reference": "ADAMS1", "stay": stay}
    return OpenEncounter(encounter_id=VISIT, patient_id=PATIENT, **(told | changes))


def dentist(**changes: Any) -> OpenEncounter:
    return OpenEncounter(encounter_id=VISIT, patient_id=PATIENT, kind="dental", attending_reference="ADAMS1", **changes)


def coded(hospital: HospitalCoding | None = None, *diagnoses: str) -> CodeDiagnoses:
    return CodeDiagnoses(encounter_id=VISIT, diagnoses=diagnoses or ("R0789",), coder="coder-1", hospital=hospital)


def reviewed(*commands: Any, knowledge: Knowledge = HOSPITAL) -> list[EncounterEvent]:
    """What the last review says of everything before it."""
    state = encounter.initial
    events: list[EncounterEvent] = []
    for command in (*commands, review(knowledge)):
        events = list(encounter.decide(command, state))
        for event in events:
            state = encounter.evolve(state, event)
    return events


def released(*commands: Any, knowledge: Knowledge = HOSPITAL) -> ChargesReleased:
    last = reviewed(*commands, knowledge=knowledge)[-1]
    assert isinstance(last, ChargesReleased), last
    return last


def held(*commands: Any) -> set[tuple[str, str]]:
    last = reviewed(*commands)[-1]
    assert isinstance(last, ChargesHeld), last
    return {(finding.rule, finding.place) for finding in last.findings}


def line(number: int = 1, **changes: Any) -> Any:
    told = {"code": "99283", "revenue_code": "0450", "diagnoses": (), "rendering_reference": ""}
    return charge(number, **(told | changes))


def test_an_outpatient_visit_is_released_with_its_stay_and_attending_provider() -> None:
    told = released(
        opened(),
        coded(),
        post(line(), line(2, code="", revenue_code="0250", units="3", charged_cents=45_50)),
    )
    assert told.kind == "institutional"
    assert told.attending == told.rendering
    assert told.stay == structs.replace(EMERGENCY, statement_from_on=MONDAY, statement_through_on=MONDAY)
    assert [(each.revenue_code, each.procedure_code, each.diagnosis_pointers) for each in told.lines] == [
        ("0450", "99283", ()),
        ("0250", "", ()),
    ]
    assert told.charged_cents == 195_50


def test_an_inpatient_statement_runs_from_the_admission_to_the_last_day() -> None:
    told = released(
        opened(structs.replace(SURGERY, admitted_on=date(2026, 5, 31)), operating_reference="ADAMS1"),
        coded(CODING, "K3580"),
        post(line(code="ROOM", revenue_code="", unit="DA", units="3", charged_cents=None, service_to_on=FRIDAY)),
    )
    assert told.stay is not None
    assert (told.stay.statement_from_on, told.stay.statement_through_on) == (date(2026, 5, 31), FRIDAY)
    assert told.coding == CODING
    assert told.operating == told.attending
    [room] = told.lines
    assert (room.revenue_code, room.procedure_code, room.unit, room.charged_cents) == ("0120", "", "DA", 4_500_00)


@pytest.mark.parametrize(("code", "procedure"), [("ER3", "99283"), ("99284", "99284"), ("ROOM", "")])
def test_the_price_list_says_under_which_revenue_code_a_service_is_billed(code: str, procedure: str) -> None:
    events = reviewed(opened(), coded(), post(line(code=code, revenue_code="", charged_cents=None)))
    [priced] = [event for event in events if isinstance(event, ChargePriced)]
    assert (priced.procedure_code, priced.revenue_code) == (procedure, "0120" if code == "ROOM" else "0450")


def test_the_senders_revenue_code_stands_before_the_price_lists() -> None:
    told = released(opened(), coded(), post(line(code="ER3", revenue_code="0459", charged_cents=None)))
    assert [(each.revenue_code, each.charged_cents) for each in told.lines] == [("0459", 800_00)]


@pytest.mark.parametrize(
    ("stay", "edit"),
    [
        (None, ("CHG-601", "stay bill_type")),
        (structs.replace(EMERGENCY, bill_type="1"), ("CHG-601", "stay bill_type")),
        (structs.replace(EMERGENCY, patient_status=""), ("CHG-602", "stay patient_status")),
        (structs.replace(EMERGENCY, statement_from_on=date(2026, 6, 2)), ("CHG-603", "charge charge-1")),
        (structs.replace(EMERGENCY, statement_through_on=date(2026, 5, 30)), ("CHG-603", "charge charge-1")),
        (structs.replace(SURGERY, admitted_on=None), ("CHG-604", "stay admitted_on")),
        (structs.replace(SURGERY, admission_type=""), ("CHG-604", "stay admission_type")),
        (structs.replace(SURGERY, admission_source=""), ("CHG-604", "stay admission_source")),
        (SURGERY, ("CHG-604", "stay admitting_diagnosis")),
    ],
)
def test_a_stay_that_a_claim_could_not_tell_is_held(stay: HospitalStay | None, edit: tuple[str, str]) -> None:
    assert edit in held(opened(stay), coded(), post(line()))


def test_a_hospitals_line_needs_a_revenue_code_and_a_provider_who_attends() -> None:
    assert ("CHG-606", "charge charge-1") in held(opened(), coded(), post(line(revenue_code="")))
    assert ("CHG-606", "charge charge-1") in held(opened(), coded(), post(line(revenue_code="0001")))
    assert ("CHG-101", "attending provider") in held(opened(attending_reference=""), coded(), post(line()))
    assert ("CHG-101", "operating provider") in held(opened(operating_reference="NOBODY"), coded(), post(line()))
    assert ("CHG-203", "charge charge-1") in held(opened(), coded(), post(line(code="VISIT")))
    bad = HospitalCoding(procedures=(HospitalProcedure(code="47562", performed_on=MONDAY),))
    assert ("CHG-605", "coding procedures") in held(opened(), coded(bad), post(line()))


def test_a_hospital_codes_up_to_25_diagnoses_and_drugs_may_repeat() -> None:
    codes = tuple(f"A{number:02}" for number in range(25))
    drugs = [line(number, code="", revenue_code="0250") for number in (1, 2)]
    assert len(released(opened(), coded(None, *codes), post(*drugs)).diagnoses) == 25
    assert ("CHG-204", "diagnoses") in held(opened(), coded(None, *codes, "B99"), post(*drugs))


def test_a_stay_that_is_told_again_replaces_what_was_told_and_restates_the_release() -> None:
    discharged = structs.replace(EMERGENCY, patient_status="20")
    story = (opened(), coded(), post(line()), review(HOSPITAL))
    spec.given(*spec.when(*story).events).when(opened()).then_nothing()
    events = reviewed(*story, opened(discharged))
    [again] = events
    assert isinstance(again, ChargesReleased)
    assert (again.release, again.stay and again.stay.patient_status) == (2, "20")


def test_a_visit_changes_its_kind_by_an_event_that_says_so() -> None:
    state = encounter.initial
    for event in encounter.decide(OpenEncounter(encounter_id=VISIT, patient_id=PATIENT), state):
        state = encounter.evolve(state, event)
    assert state.kind == "professional"
    [changed] = encounter.decide(opened(), state)
    assert isinstance(changed, EncounterChanged)
    assert (changed.kind, changed.stay) == ("institutional", EMERGENCY)


def test_a_credit_without_a_code_names_no_charge() -> None:
    state = encounter.initial
    for command in (opened(), post(line(code="", revenue_code="0250"))):
        for event in encounter.decide(command, state):
            state = encounter.evolve(state, event)
    with pytest.raises(ChargeUnknown):
        encounter.decide(post(credits=(Credit(source_key="EHR|C1"),)), state)


# --- the dentist ------------------------------------------------------------------------------------------------------


def filling(number: int = 1, tooth: str = "14", surfaces: tuple[str, ...] = ("M", "O"), **changes: Any) -> Any:
    dental = DentalService(teeth=(Tooth(code=tooth, surfaces=surfaces),))
    return line(number, **({"code": "D2392", "revenue_code": "", "dental": dental} | changes))


def test_a_dental_visit_needs_no_diagnosis_and_says_teeth_and_case() -> None:
    case = DentalCase(orthodontic_months=24)
    told = released(dentist(dental=case), post(filling(), filling(2, tooth="15")))
    assert (told.kind, told.diagnoses, told.dental, told.stay) == ("dental", (), case, None)
    assert [each.dental and each.dental.teeth[0].code for each in told.lines] == ["14", "15"]
    assert [each.diagnosis_pointers for each in told.lines] == [(), ()]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"code": "99213"}, "CHG-701"),
        ({"tooth": "33"}, "CHG-702"),
        ({"surfaces": ("Q",)}, "CHG-703"),
        ({"surfaces": ("M", "M")}, "CHG-703"),
        ({"dental": DentalService(oral_areas=("99",))}, "CHG-704"),
    ],
)
def test_what_is_no_dental_service_is_held(changes: dict[str, Any], rule: str) -> None:
    assert (rule, "charge charge-1") in held(dentist(), post(filling(**changes)))


def test_the_same_service_on_the_same_tooth_twice_is_a_duplicate() -> None:
    assert ("CHG-501", "charge charge-2") in held(dentist(), post(filling(), filling(2)))
