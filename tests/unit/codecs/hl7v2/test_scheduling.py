"""Appointments are booked, moved and given up, wherever the sender writes their start."""

from datetime import date, time
from decimal import Decimal

import pytest

from shared.codecs.hl7v2.findings import ErrorCode
from shared.codecs.hl7v2.scheduling import Appointment, AppointmentAction
from shared.codecs.moments import Moment
from tests.unit.codecs.hl7v2.messages import PID, msh, places, reading

START = Moment(on=date(2026, 3, 9), clock=time(9, 30), offset_minutes=-300)
SCH = "SCH|P-1^EHR|F-1^SCHED^1.2.3^ISO|||||CHECKUP^Annual|NORMAL|30|min|^^^202603090930-0500^202603091000-0500"


def appointment(*segments: str, trigger: str = "S12") -> Appointment:
    document = reading(msh(f"SIU^{trigger}"), *segments).document
    assert isinstance(document, Appointment)
    return document


def test_a_booking_tells_who_when_where_and_with_whom() -> None:
    booked = appointment(
        SCH + "|" * 14 + "Booked",
        PID,
        "RGS|1",
        "AIS|1|A|99395^Annual visit^C4",
        "AIL|1|A|ROOM-2^^^NORTH",
        "AIP|1|A|1234567893^Stone^Lee^^^^^^NPI^L^^^NPI",
    )
    assert (booked.action, booked.status) == (AppointmentAction.BOOKED, "Booked")
    assert (booked.appointment_id.number, booked.appointment_id.authority.key) == ("F-1", "1.2.3")
    assert booked.placer_id is not None and booked.placer_id.number == "P-1"
    assert (booked.starts_at, booked.duration_minutes) == (START, 30)
    assert booked.ends_at == Moment(on=date(2026, 3, 9), clock=time(10), offset_minutes=-300)
    assert booked.reason is not None and booked.reason.code == "CHECKUP"
    assert [code.code for code in booked.services] == ["99395"]
    assert [location.point_of_care for location in booked.locations] == ["ROOM-2"]
    assert [provider.npi for provider in booked.providers] == ["1234567893"]
    assert booked.person.record_number.number == "4711"


@pytest.mark.parametrize(
    "segments",
    [
        ["SCH|P-1|F-1|||||X|N|30|min|^^^202603090930-0500"],
        ["SCH|P-1|F-1", "TQ1|1||||||202603090930-0500"],
        ["SCH|P-1|F-1", "AIS|1|A|99395|202603090930-0500"],
        ["SCH|P-1|F-1", "AIL|1|A|ROOM|||202603090930-0500"],
        ["SCH|P-1|F-1", "AIP|1|A|77|||202603090930-0500"],
    ],
)
def test_the_start_is_found_wherever_senders_write_it(segments: list[str]) -> None:
    assert appointment(*segments, PID).starts_at == START


@pytest.mark.parametrize(("unit", "minutes"), [("min", "90"), ("h", "5400"), ("s", "1.5"), ("", "90")])
def test_a_duration_is_in_minutes(unit: str, minutes: str) -> None:
    assert appointment(f"SCH|1|2||||||N|90|{unit}|^^^202603090930", PID).duration_minutes == Decimal(minutes)


@pytest.mark.parametrize(
    ("trigger", "action"),
    [
        ("S13", AppointmentAction.RESCHEDULED),
        ("S14", AppointmentAction.MODIFIED),
        ("S15", AppointmentAction.CANCELLED),
        ("S16", AppointmentAction.DISCONTINUED),
        ("S17", AppointmentAction.DELETED),
        ("S26", AppointmentAction.NO_SHOW),
    ],
)
def test_each_event_says_what_became_of_the_appointment(trigger: str, action: AppointmentAction) -> None:
    assert appointment(SCH, PID, trigger=trigger).action is action


def test_a_booking_without_a_start_cannot_be_used_and_a_cancellation_can() -> None:
    assert places(reading(msh("SIU^S12"), "SCH|1|2", PID).errors) == ["SCH-11"]
    assert reading(msh("SIU^S15"), "SCH|1|2", PID).is_usable


@pytest.mark.parametrize(("segments", "place"), [([PID], "SCH"), (["SCH|1|2"], "PID"), (["SCH|||", PID], "SCH-2")])
def test_an_appointment_without_its_id_or_patient_cannot_be_used(segments: list[str], place: str) -> None:
    result = reading(msh("SIU^S12"), *segments)
    assert result.document is None
    assert [(each.place) for each in result.errors] == [place]
    assert result.errors[0].code in (ErrorCode.SEGMENT_SEQUENCE, ErrorCode.REQUIRED_FIELD_MISSING)
