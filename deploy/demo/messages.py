"""What does the practice's EHR send? HL7 v2.5.1 as ordinary systems write it: ADT A04, SIU S12, DFT P03."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from deploy.demo.population import AUTHORITY, Insurance, Patient, Service, Visit


def registration(visit: Visit, sent_at: datetime) -> bytes:
    """ADT^A04: the patient is here."""
    return _message(
        "ADT^A04^ADT_A01", f"A{visit.number}", sent_at, [_pid(visit.patient), _pv1(visit), *_in1(visit.patient)]
    )


def appointment(visit: Visit, sent_at: datetime) -> bytes:
    """SIU^S12: the patient will come."""
    starts = datetime.combine(visit.day, datetime.min.time()) + timedelta(hours=visit.hour)
    booked = [f"SCH|AP{visit.number}^{AUTHORITY}|||||ROUTINE|||20|min|^^20^{starts:%Y%m%d%H%M}"]
    return _message("SIU^S12^SIU_S12", f"S{visit.number}", sent_at, [*booked, _pid(visit.patient), _pv1(visit)])


def charges(visit: Visit, sent_at: datetime) -> bytes:
    """DFT^P03: what was done, each service under its own transaction id."""
    lines = [_ft1(index, service, visit) for index, service in enumerate(visit.services, start=1)]
    diagnoses = [f"DG1|{index}||{_dotted(code)}^^I10" for index, code in enumerate(visit.diagnoses, start=1)]
    segments = [_pid(visit.patient), _pv1(visit), *lines, *diagnoses, *_in1(visit.patient)]
    return _message("DFT^P03^DFT_P03", f"D{visit.number}", sent_at, segments)


def _message(kind: str, control_id: str, sent_at: datetime, segments: Sequence[str]) -> bytes:
    header = (
        f"MSH|^~\\&|RIVEREHR|{AUTHORITY}|LEDGERLINE|{AUTHORITY}|{sent_at:%Y%m%d%H%M%S}||{kind}|{control_id}|P|2.5.1"
    )
    event = f"EVN|{kind.split('^')[1]}|{sent_at:%Y%m%d%H%M%S}"
    return "\r".join((header, event, *segments, "")).encode()


def _pid(patient: Patient) -> str:
    return (
        f"PID|1||{patient.record_number}^^^{AUTHORITY}^MR||{patient.last}^{patient.first}||{patient.birth_on:%Y%m%d}|{patient.sex}"
        f"|||{patient.street}^^SPRINGFIELD^IL^{patient.postal_code}||{patient.phone}"
    )


def _pv1(visit: Visit) -> str:
    fields = [
        "PV1",
        "1",
        "O",
        "RIVERMAIN",
        "",
        "",
        "",
        visit.patient.provider,
        *[""] * 11,
        f"{visit.number}^^^{AUTHORITY}^VN",
    ]
    arrived = f"{visit.day:%Y%m%d}{visit.hour:02d}00"
    return "|".join([*fields, *[""] * 24, arrived])


def _in1(patient: Patient) -> list[str]:
    return [_coverage(rank, each, patient) for rank, each in enumerate(patient.insurances, start=1)]


def _coverage(rank: int, insurance: Insurance, patient: Patient) -> str:
    fields = [""] * 37
    fields[0], fields[1] = "IN1", str(rank)
    fields[2] = "STD"
    fields[3] = insurance.payer
    fields[4] = insurance.payer
    fields[8] = insurance.group_number
    fields[12] = f"{insurance.effective_on:%Y%m%d}"
    fields[16] = f"{patient.last}^{patient.first}"
    fields[17] = "SEL"
    fields[18] = f"{patient.birth_on:%Y%m%d}"
    fields[19] = f"{patient.street}^^SPRINGFIELD^IL^{patient.postal_code}"
    fields[36] = insurance.member_number
    return "|".join(fields)


def _ft1(index: int, service: Service, visit: Visit) -> str:
    fields = [""] * 27
    fields[0], fields[1] = "FT1", str(index)
    fields[2] = service.transaction
    fields[4] = f"{visit.day:%Y%m%d}"
    fields[6] = "CG"
    fields[7] = f"{service.code}^^C4"
    fields[10] = str(service.units)
    if service.charged_cents is not None:
        fields[11] = f"{service.charged_cents // 100}.{service.charged_cents % 100:02d}^USD"
    fields[19] = "~".join(f"{_dotted(code)}^^I10" for code in service.diagnoses)
    fields[20] = visit.patient.provider
    fields[25] = f"{service.code}^^C4"
    fields[26] = "~".join(service.modifiers)
    return "|".join(fields)


def _dotted(code: str) -> str:
    return code if len(code) <= 3 else f"{code[:3]}.{code[3:]}"
