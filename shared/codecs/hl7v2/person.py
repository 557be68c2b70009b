"""Who is the patient, as PID says it?

Source: HL7 v2.8 chapter 3, PID and MRG; tables 0001 (sex) and 0203 (identifier types).
"""

from dataclasses import dataclass

from shared.codecs.hl7v2.findings import ErrorCode, Findings
from shared.codecs.hl7v2.message import Segment
from shared.codecs.hl7v2.reader import SegmentReader
from shared.codecs.hl7v2.values import Address, Identifier, PersonName, Said, Unsaid
from shared.codecs.moments import Moment

MEDICAL_RECORD_TYPES = ("MR", "MRN", "PI", "PT", "U", "PE", "")  # in the order in which they are preferred
NOT_A_RECORD_TYPES = ("SS", "DL", "PPN", "NI", "MC", "MA", "MB", "BC", "AN", "VN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    identifiers: tuple[Identifier, ...]  # PID-3, else PID-2 and PID-4 of old senders
    name: Said[PersonName]  # PID-5
    birth_on: Said[Moment]  # PID-7; `.on` is the date
    sex: Said[str]  # PID-8, table 0001
    address: Said[Address]  # PID-11
    phone: Said[str]  # PID-13 home, else PID-14 business
    email: Said[str]  # PID-13
    language: Said[str]  # PID-15
    account_number: Said[Identifier]  # PID-18
    is_deceased: Said[bool]  # PID-30

    @property
    def record_number(self) -> Identifier:
        """The medical record number: what patients are told apart by. There is one in every usable reading."""
        for type_ in MEDICAL_RECORD_TYPES:
            for identifier in self.identifiers:
                if identifier.type == type_:
                    return identifier
        return next((each for each in self.identifiers if each.type not in NOT_A_RECORD_TYPES), self.identifiers[0])


def read_person(segment: Segment, findings: Findings, default_authority: str = "") -> Person:
    """PID. A missing or useless PID-3 is an error; the rest may be left out by the sender."""
    reader = SegmentReader(segment, findings, default_authority)
    return Person(
        identifiers=_identifiers(reader),
        name=_name(reader),
        birth_on=reader.said_moment(7),
        sex=_sex(reader),
        address=reader.said(11, lambda: reader.address(11)),
        phone=_phone(reader),
        email=reader.said(13, lambda: reader.email(13)),
        language=reader.said(15, lambda: reader.text(15) or None),
        account_number=reader.said(18, lambda: reader.identifier(18)),
        is_deceased=reader.said(30, lambda: {"Y": True, "N": False}.get(reader.text(30).upper())),
    )


def _identifiers(reader: SegmentReader) -> tuple[Identifier, ...]:
    identifiers = reader.identifiers(3)
    if not identifiers:
        identifiers = reader.identifiers(2) + reader.identifiers(4)
        if identifiers:
            reader.warn(3, "patient identifiers belong in PID-3; read from PID-2 and PID-4")
    if not identifiers:
        reader.error(3, "a patient identifier is required", ErrorCode.REQUIRED_FIELD_MISSING)
    elif not all(identifier.authority.key for identifier in identifiers):
        reader.warn(3, "an identifier names no assigning authority, and MSH-4 names no facility to take instead")
    return identifiers


def _name(reader: SegmentReader) -> Said[PersonName]:
    name = reader.said(5, lambda: reader.name(5))
    if isinstance(name, Unsaid):
        reader.warn(5, "the patient has no name here", ErrorCode.REQUIRED_FIELD_MISSING)
    return name


def _sex(reader: SegmentReader) -> Said[str]:
    sex = reader.said(8, lambda: reader.text(8).upper() or None)
    if isinstance(sex, str) and sex not in ("F", "M", "U", "O", "A", "N", "X"):
        reader.warn(8, "the sex is not a value of table 0001", ErrorCode.TABLE_VALUE_NOT_FOUND)
    return sex


def _phone(reader: SegmentReader) -> Said[str]:
    home = reader.said(13, lambda: reader.phone(13))
    return reader.said(14, lambda: reader.phone(14)) if home is Unsaid.ABSENT else home
