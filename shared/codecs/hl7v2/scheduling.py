"""Which appointment was made, moved or given up, as SIU says it?

Source: HL7 v2.8 chapter 10: SCH, TQ1, AIS, AIL, AIP. Where the start stands differs by sender and version: TQ1-7, the
fourth component of SCH-11, or the first resource.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from shared.codecs.code_systems import Code
from shared.codecs.hl7v2.coverage import Coverage, read_coverages
from shared.codecs.hl7v2.findings import ErrorCode, Findings, Place
from shared.codecs.hl7v2.message import Message, Segment
from shared.codecs.hl7v2.person import Person, read_person
from shared.codecs.hl7v2.reader import SegmentReader
from shared.codecs.hl7v2.values import Authority, Identifier, PatientLocation, Provider
from shared.codecs.hl7v2.visit import Visit, read_visit
from shared.codecs.moments import Moment


class AppointmentAction(StrEnum):
    BOOKED = "booked"
    RESCHEDULED = "rescheduled"
    MODIFIED = "modified"
    CANCELLED = "cancelled"
    DISCONTINUED = "discontinued"
    DELETED = "deleted"
    NO_SHOW = "no-show"


APPOINTMENT_ACTIONS = {
    "S12": AppointmentAction.BOOKED,
    "S13": AppointmentAction.RESCHEDULED,
    "S14": AppointmentAction.MODIFIED,
    "S15": AppointmentAction.CANCELLED,
    "S16": AppointmentAction.DISCONTINUED,
    "S17": AppointmentAction.DELETED,
    "S26": AppointmentAction.NO_SHOW,
}
NEEDS_A_START = frozenset({AppointmentAction.BOOKED, AppointmentAction.RESCHEDULED})
START_FIELDS = {"AIS": 4, "AIG": 8, "AIL": 6, "AIP": 6}


@dataclass(frozen=True, slots=True, kw_only=True)
class Appointment:
    action: AppointmentAction
    trigger: str  # S12 …
    occurred_at: Moment | None  # EVN-2, else MSH-7
    appointment_id: Identifier  # SCH-2 (filler), else SCH-1 (placer)
    placer_id: Identifier | None  # SCH-1
    starts_at: Moment | None
    ends_at: Moment | None
    duration_minutes: Decimal | None  # SCH-9 and SCH-10
    reason: Code | None  # SCH-7
    type: Code | None  # SCH-8
    status: str  # SCH-25
    person: Person
    visit: Visit | None
    services: tuple[Code, ...]  # AIS-3
    locations: tuple[PatientLocation, ...]  # AIL-3
    providers: tuple[Provider, ...]  # AIP-3
    coverages: tuple[Coverage, ...]


def read_appointment(message: Message, findings: Findings, *, occurred_at: Moment | None) -> Appointment | None:
    """An SIU. None when SCH, its ids, or PID are missing."""
    sch, pid, pv1 = message.first("SCH"), message.first("PID"), message.first("PV1")
    if sch is None or pid is None:
        missing = "SCH" if sch is None else "PID"
        findings.error(Place(segment=missing), f"an SIU message has a {missing}", ErrorCode.SEGMENT_SEQUENCE)
        return None
    reader = SegmentReader(sch, findings)
    authority = message.header.sending_facility
    placer, filler = _entity(sch, 1, authority), _entity(sch, 2, authority)
    appointment_id = filler or placer
    if appointment_id is None:
        reader.error(2, "an appointment id is required", ErrorCode.REQUIRED_FIELD_MISSING)
        return None
    action = APPOINTMENT_ACTIONS[message.header.trigger.upper()]
    starts_at = _start(message, reader, findings)
    if starts_at is None and action in NEEDS_A_START:
        reader.error(11, "the start of the appointment is required", ErrorCode.REQUIRED_FIELD_MISSING)
    return Appointment(
        action=action,
        trigger=message.header.trigger.upper(),
        occurred_at=occurred_at,
        appointment_id=appointment_id,
        placer_id=placer,
        starts_at=starts_at,
        ends_at=_end(message, reader, findings),
        duration_minutes=_duration(reader),
        reason=reader.code(7),
        type=reader.code(8),
        status=reader.text(25),
        person=read_person(pid, findings, authority),
        visit=read_visit(pv1, findings, authority) if pv1 else None,
        services=_services(message, findings),
        locations=tuple(found for each in _readers(message, "AIL", findings) if (found := each.location(3))),
        providers=tuple(found for each in _readers(message, "AIP", findings) for found in each.providers(3)),
        coverages=read_coverages(message.segments, findings, authority),
    )


def _entity(segment: Segment, field: int, authority: str) -> Identifier | None:
    """EI: number, namespace, universal id, its type."""
    composite = segment.first(field)
    number = composite.text(1)
    if not number:
        return None
    named = Authority(namespace=composite.text(2), universal_id=composite.text(3), universal_type=composite.text(4))
    return Identifier(number=number, authority=named if named.key else Authority(namespace=authority))


def _start(message: Message, sch: SegmentReader, findings: Findings) -> Moment | None:
    """The first start that reads as a date."""
    places = [(reader, 7, 1) for reader in _readers(message, "TQ1", findings)]
    places.append((sch, 11, 4))
    places += [(each, START_FIELDS[name], 1) for name in START_FIELDS for each in _readers(message, name, findings)]
    moments = (reader.moment(field, component) for reader, field, component in places)
    return next((moment for moment in moments if moment), None)


def _end(message: Message, sch: SegmentReader, findings: Findings) -> Moment | None:
    places = [(reader, 8, 1) for reader in _readers(message, "TQ1", findings)]
    moments = (reader.moment(field, component) for reader, field, component in [*places, (sch, 11, 5)])
    return next((moment for moment in moments if moment), None)


def _duration(sch: SegmentReader) -> Decimal | None:
    duration = sch.number(9)
    if duration is None:
        return None
    unit = sch.text(10).lower()
    if unit in ("s", "sec", "second", "seconds"):
        return duration / 60
    return duration * 60 if unit in ("h", "hr", "hour", "hours") else duration


def _services(message: Message, findings: Findings) -> tuple[Code, ...]:
    return tuple(code for reader in _readers(message, "AIS", findings) if (code := reader.code(3)))


def _readers(message: Message, name: str, findings: Findings) -> Iterator[SegmentReader]:
    return (SegmentReader(segment, findings) for segment in message.all(name))
