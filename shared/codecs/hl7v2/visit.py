"""Where, why and by whom is the patient treated, as PV1 says it?

Source: HL7 v2.8 chapter 3, PV1; table 0004 (patient class).
"""

from dataclasses import dataclass

from shared.codecs.hl7v2.findings import ErrorCode, Findings
from shared.codecs.hl7v2.message import Segment
from shared.codecs.hl7v2.reader import SegmentReader
from shared.codecs.hl7v2.values import ABSENT, Identifier, PatientLocation, Provider, Said
from shared.codecs.moments import Moment

PATIENT_CLASSES = frozenset("EIOPRBCNU")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    patient_class: str  # PV1-2: I inpatient, O outpatient, E emergency, P preadmit, R recurring, B obstetrics
    location: Said[PatientLocation]  # PV1-3
    admission_type: Said[str]  # PV1-4
    attending: tuple[Provider, ...]  # PV1-7
    referring: tuple[Provider, ...]  # PV1-8
    consulting: tuple[Provider, ...]  # PV1-9
    hospital_service: Said[str]  # PV1-10
    admit_source: Said[str]  # PV1-14
    visit_number: Said[Identifier]  # PV1-19, else PV1-50
    financial_class: Said[str]  # PV1-20
    discharge_disposition: Said[str]  # PV1-36
    admitted_at: Said[Moment]  # PV1-44
    discharged_at: Said[Moment]  # PV1-45


def read_visit(segment: Segment, findings: Findings, default_authority: str = "") -> Visit:
    """PV1. Nothing in it is an error by itself: many messages about a person carry an empty visit."""
    reader = SegmentReader(segment, findings, default_authority)
    return Visit(
        patient_class=_patient_class(reader),
        location=reader.said(3, lambda: reader.location(3)),
        admission_type=reader.said(4, lambda: reader.text(4) or None),
        attending=reader.providers(7),
        referring=reader.providers(8),
        consulting=reader.providers(9),
        hospital_service=reader.said(10, lambda: reader.text(10) or None),
        admit_source=reader.said(14, lambda: reader.text(14) or None),
        visit_number=_visit_number(reader),
        financial_class=reader.said(20, lambda: reader.text(20) or None),
        discharge_disposition=reader.said(36, lambda: reader.text(36) or None),
        admitted_at=reader.said_moment(44),
        discharged_at=reader.said_moment(45),
    )


def _patient_class(reader: SegmentReader) -> str:
    patient_class = reader.text(2).upper()
    if patient_class and patient_class not in PATIENT_CLASSES:
        reader.warn(2, "the patient class is not a value of table 0004", ErrorCode.TABLE_VALUE_NOT_FOUND)
    return patient_class


def _visit_number(reader: SegmentReader) -> Said[Identifier]:
    number = reader.said(19, lambda: reader.identifier(19))
    return reader.said(50, lambda: reader.identifier(50)) if number is ABSENT else number
