"""What does each HL7 v2 message ask of the services?"""

from __future__ import annotations

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.mapping.messages import MessageRules, plan_message
from services.gateway.mapping.naming import Naming
from services.gateway.parts import Fate, Part, Plan
from tests.unit.gateway.messages import A04, A40, DFT, IN1, ORU, PID, PV1, ft1, message

NAMING = Naming(key=b"k" * 32, document_id="0" * 64, zone=UTC)
RULES = MessageRules(processing_ids=frozenset({"P"}), is_unsupported_refused=False)
STRICT = MessageRules(processing_ids=frozenset({"P"}), is_unsupported_refused=True)


def plan(content: bytes, rules: MessageRules = RULES) -> Plan:
    return plan_message(content, NAMING, rules)


def body(part: Part) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(part.content)
    return told


def asked(told: Plan) -> list[str]:
    return [part.what for part in told.parts]


def only(told: Plan, what: str) -> dict[str, Any]:
    [found] = [body(part) for part in told.parts if part.what == what]
    return found


def adt(trigger: str, *segments: str) -> bytes:
    return message(f"ADT^{trigger}", f"C-{trigger}", *segments)


def dft(*lines: str, pid: str = PID, pv1: str = PV1) -> bytes:
    return message("DFT^P03", "D-1", pid, pv1, *lines)


@pytest.mark.parametrize("trigger", ["A01", "A04", "A05", "A08", "A02", "A06", "A07"])
def test_a_message_about_a_visit_registers_covers_and_opens(trigger: str) -> None:
    told = plan(adt(trigger, PID, PV1, IN1))
    assert told.fate is Fate.DELIVER
    assert asked(told) == ["register the patient", "add the coverage", "open the visit"]


@pytest.mark.parametrize("trigger", ["A28", "A31"])
def test_a_message_about_a_person_opens_no_visit(trigger: str) -> None:
    assert asked(plan(adt(trigger, PID, PV1))) == ["register the patient"]


def test_a_visit_without_a_number_is_not_opened() -> None:
    assert asked(plan(adt("A04", PID, "PV1|1|O|MAIN"))) == ["register the patient"]


def test_an_account_number_names_the_visit_where_no_visit_number_does() -> None:
    told = plan(adt("A04", PID + "|||||V1^^^RIVER^AN", "PV1|1|O|MAIN"))
    by_account = only(told, "open the visit")["encounter_id"]
    assert by_account == NAMING.account("RIVER", "V1")
    assert by_account != NAMING.visit("RIVER", "V1")


def test_a_discharge_says_when() -> None:
    assert only(plan(adt("A03", PID, PV1)), "open the visit")["discharged_at"] == "2026-03-02T10:30:00Z"


@pytest.mark.parametrize("trigger", ["A11", "A38"])
def test_a_cancelled_admission_cancels_the_visit(trigger: str) -> None:
    told = plan(adt(trigger, PID, PV1))
    assert asked(told)[-1] == "cancel the visit"
    assert told.parts[-1].path == f"/encounters/{NAMING.visit('RIVER', 'V1')}/cancel"


def test_a_cancelled_discharge_is_kept_for_a_person() -> None:
    told = plan(adt("A13", PID, PV1))
    assert told.fate is Fate.HOLD
    assert [note.severity for note in told.notes if note.value == "A13"] == ["held"]


def test_moving_a_patient_is_kept_for_a_person() -> None:
    told = plan(adt("A43", PID, "MRG|MRN-2^^^RIVER^MR"))
    assert (told.fate, told.parts) == (Fate.HOLD, ())


def test_every_pair_of_a_merge_is_merged_into_its_survivor() -> None:
    merges = [part for part in plan(A40).parts if part.what == "merge the patients"]
    assert [part.path.split("/")[2] for part in merges] == [
        NAMING.patient("RIVER", "MRN-1"),
        NAMING.patient("RIVER", "MRN-3"),
    ]
    assert [body(part)["retired_patient_id"] for part in merges] == [
        NAMING.patient("RIVER", "MRN-2"),
        NAMING.patient("RIVER", "MRN-4"),
    ]


def test_an_empty_field_is_left_as_known_and_a_deleted_one_is_emptied() -> None:
    told = plan(adt("A31", 'PID|1||MRN-1^^^RIVER^MR||EVERYWOMAN^EVE||""|F|||""'))
    person = only(told, "register the patient")["person"]
    assert person["birth_on"] is None
    assert person["address"] == {}
    assert "phone" not in person
    assert told.parts[0].completed_from == f"/patients/{NAMING.patient('RIVER', 'MRN-1')}"


def test_a_corrected_member_number_replaces_the_coverage() -> None:
    first = only(plan(adt("A08", PID, IN1)), "add the coverage")
    second = only(plan(adt("A08", PID, IN1.replace("MEMBER1", "MEMBER2"))), "add the coverage")
    assert first["coverage_id"] == second["coverage_id"]
    assert (first["member_number"], second["member_number"]) == ("MEMBER1", "MEMBER2")


def test_two_coverages_of_one_payer_are_two() -> None:
    told = plan(adt("A08", PID, IN1, IN1.replace("IN1|1", "IN1|2").replace("MEMBER1", "MEMBER2")))
    ids = [body(part)["coverage_id"] for part in told.parts if part.what == "add the coverage"]
    assert len(set(ids)) == 2


def test_a_dependants_coverage_names_its_subscriber() -> None:
    fields = IN1.split("|")
    fields[16], fields[17], fields[18] = "EVERYMAN^ADAM", "SPO", "19790101"
    coverage = only(plan(adt("A08", PID, "|".join(fields))), "add the coverage")
    assert coverage["relationship"] == "01"
    assert coverage["subscriber"]["last"] == "EVERYMAN"


# --- charges ----------------------------------------------------------------------------------------------------------


def test_all_charges_and_credits_of_a_message_go_in_one_command() -> None:
    told = plan(dft(ft1("T1", "99213", 12000), ft1("T2", "36415", 1550, kind="CR", place=2)))
    posted = only(told, "post the charges")
    assert [line["code"] for line in posted["charges"]] == ["99213"]
    assert [(line["code"], line["credited_cents"]) for line in posted["credits"]] == [("36415", 1550)]


@pytest.mark.parametrize("kind", ["CD", "CR"])
def test_a_credit_has_a_key_of_its_own(kind: str) -> None:
    charged = only(plan(dft(ft1("T1", "99213", 12000))), "post the charges")["charges"][0]
    credited = only(plan(dft(ft1("T1", "99213", 12000, kind=kind))), "post the charges")["credits"][0]
    assert charged["source_key"] != credited["source_key"]


def test_a_negative_charge_is_a_credit() -> None:
    line = ft1("T1", "99213", 12000, units="-1")
    assert len(only(plan(dft(line)), "post the charges")["credits"]) == 1


@pytest.mark.parametrize("kind", ["PY", "AJ", "CO"])
def test_what_is_no_charge_is_named_and_left_out(kind: str) -> None:
    told = plan(dft(ft1("T1", "99213", 12000), ft1("T2", "99213", 500, kind=kind, place=2)))
    assert len(only(told, "post the charges")["charges"]) == 1
    assert [note.place for note in told.notes if note.value == kind] == ["FT1[2]-6"]


def test_the_same_transaction_in_another_message_is_the_same_charge() -> None:
    first = only(plan(dft(ft1("T1", "99213", 12000))), "post the charges")["charges"][0]
    later = message("DFT^P03", "D-2", PID, PV1, ft1("T1", "99213", 12000))
    assert only(plan(later), "post the charges")["charges"][0]["source_key"] == first["source_key"]


def test_a_charge_without_a_transaction_id_is_known_by_its_content() -> None:
    first = only(plan(dft(ft1("", "99213", 12000))), "post the charges")["charges"][0]
    again = only(plan(message("DFT^P03", "D-2", PID, PV1, ft1("", "99213", 12000))), "post the charges")
    dearer = only(plan(dft(ft1("", "99213", 12001))), "post the charges")["charges"][0]
    assert again["charges"][0]["charge_id"] == first["charge_id"]
    assert dearer["charge_id"] != first["charge_id"]


def test_two_like_charges_without_ids_in_one_message_are_two() -> None:
    told = plan(dft(ft1("", "99213", 12000), ft1("", "99213", 12000, place=2)))
    assert len({line["charge_id"] for line in only(told, "post the charges")["charges"]}) == 2


def test_charges_that_name_no_visit_stand_under_their_day() -> None:
    told = plan(dft(ft1("T1", "99213", 12000), pv1="PV1|1|O|MAIN"))
    patient_id = NAMING.patient("RIVER", "MRN-1")
    opened = only(told, "open the visit")
    assert opened["service_on"] == "2026-03-02"
    assert f"/encounters/{opened['encounter_id']}/charges" == told.parts[-1].path
    assert opened["patient_id"] == patient_id
    assert any("neither a visit nor an account" in note.rule for note in told.notes)


def test_a_visit_coded_in_snomed_alone_shows_the_coder_what_was_said() -> None:
    line = ft1("T1", "99213", 12000).replace("E11.9^^I10", "44054006^^SCT")
    [charge] = only(plan(dft(line)), "post the charges")["charges"]
    assert charge["diagnoses"] == ["SNOMED 44054006"]


def test_one_wrong_line_spoils_the_message() -> None:
    told = plan(dft(ft1("T1", "99213", 12000), ft1("T2", "99213", 1, kind="ZZ", place=2)))
    assert (told.fate, told.parts) == (Fate.REFUSE_CONTENT, ())


# --- accounts and appointments ----------------------------------------------------------------------------------------


def test_coding_that_comes_after_the_visit_codes_it_principal_first() -> None:
    dg1 = ["DG1|1||I10^^I10|||F" + "|" * 9 + "2", "DG1|2||E11.9^^I10|||F" + "|" * 9 + "1", "DG1|3||R07.89^^I10|||A"]
    told = plan(message("BAR^P12", "B-1", PID, PV1, *dg1))
    assert only(told, "code the visit")["diagnoses"] == ["E119", "I10"]


@pytest.mark.parametrize("trigger", ["S12", "S13", "S14"])
def test_an_appointment_is_booked_or_moved(trigger: str) -> None:
    told = plan(message(f"SIU^{trigger}", "S-1", "SCH|AP1^RIVER|||||ROUTINE|||20|min|^^20^202603051030", PID))
    booked = only(told, "book the appointment")
    assert (booked["service_on"], booked["starts_at"]) == ("2026-03-05", "2026-03-05T10:30:00Z")


@pytest.mark.parametrize(
    ("trigger", "reason"), [("S15", "cancelled"), ("S16", "discontinued"), ("S17", "deleted"), ("S26", "no-show")]
)
def test_an_appointment_is_given_up_with_the_reason(trigger: str, reason: str) -> None:
    told = plan(message(f"SIU^{trigger}", "S-1", "SCH|AP1^RIVER", PID))
    assert only(told, "give up the appointment")["reason"] == reason


# --- doors ------------------------------------------------------------------------------------------------------------


def test_a_trial_message_is_refused_by_a_listener_for_production() -> None:
    told = plan(A04.replace(b"|P|2.5.1", b"|T|2.5.1"))
    assert (told.fate, told.notes[0].place) == (Fate.REFUSE, "MSH-11")


def test_what_is_none_of_billings_is_ignored_or_refused_by_setting() -> None:
    assert plan(ORU).fate is Fate.IGNORE
    assert plan(ORU, STRICT).fate is Fate.REFUSE


def test_no_path_and_no_note_holds_a_personal_value() -> None:
    for content in (A04, DFT, A40):
        told = plan(content)
        shown = " ".join([*(part.path for part in told.parts), *(str(note) for note in told.notes)])
        assert not any(value in shown for value in ("EVERYWOMAN", "MRN-1", "MEMBER1", "19800401", "MAIN ST"))


@given(st.binary(max_size=400), st.integers(min_value=0, max_value=len(DFT)))
@settings(max_examples=200, deadline=None)
def test_no_bytes_break_the_reading(noise: bytes, at: int) -> None:
    for content in (noise, DFT[:at] + noise + DFT[at:]):
        told = plan(content)
        assert isinstance(told.fate, Fate)
        assert "\x00" not in told.control_id + told.sender + told.type
