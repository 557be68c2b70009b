"""Who promises to pay what no coverage pays, as GT1 says it?

Source: HL7 v2.8 chapter 6, GT1; table 0063 (relationship).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.codecs.hl7v2.findings import ErrorCode, Findings
from shared.codecs.hl7v2.message import Segment
from shared.codecs.hl7v2.reader import SegmentReader
from shared.codecs.hl7v2.values import ABSENT, Address, Identifier, PersonName, Said
from shared.codecs.moments import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarantor:
    place: str  # "GT1"
    identifiers: tuple[Identifier, ...]  # GT1-2
    name: Said[PersonName]  # GT1-3
    organization_name: Said[str]  # GT1-21
    address: Said[Address]  # GT1-5
    phone: Said[str]  # GT1-6 home, else GT1-7 business
    birth_on: Said[Moment]  # GT1-8
    sex: Said[str]  # GT1-9
    relationship: Said[str]  # GT1-11, of the guarantor to the patient
    employer_name: Said[str]  # GT1-16
    effective_on: Said[Moment]  # GT1-13
    expires_on: Said[Moment]  # GT1-14


def read_guarantors(
    segments: Sequence[Segment], findings: Findings, default_authority: str = ""
) -> tuple[Guarantor, ...]:
    """Every GT1, in the order of the message."""
    return tuple(
        _guarantor(SegmentReader(segment, findings, default_authority)) for segment in segments if segment.name == "GT1"
    )


def _guarantor(reader: SegmentReader) -> Guarantor:
    guarantor = Guarantor(
        place=str(reader.segment.at()),
        identifiers=reader.identifiers(2),
        name=reader.said(3, lambda: reader.name(3)),
        organization_name=reader.said_text(21),
        address=reader.said(5, lambda: reader.address(5)),
        phone=_phone(reader),
        birth_on=reader.said_moment(8),
        sex=reader.said(9, lambda: reader.text(9).upper() or None),
        relationship=reader.said(11, lambda: reader.text(11) or None),
        employer_name=reader.said_text(16),
        effective_on=reader.said_moment(13),
        expires_on=reader.said_moment(14),
    )
    if guarantor.name is ABSENT and guarantor.organization_name is ABSENT:
        reader.warn(3, "the guarantor has no name", ErrorCode.REQUIRED_FIELD_MISSING)
    return guarantor


def _phone(reader: SegmentReader) -> Said[str]:
    home = reader.said(6, lambda: reader.phone(6))
    return reader.said(7, lambda: reader.phone(7)) if home is ABSENT else home
