"""What do the data types of HL7 v2 mean: a moment, an identifier, a name, an address, a code, an amount?

Source: HL7 v2.8 chapter 2A (DTM, CX, XPN, XAD, XTN, XCN, CWE, CP, PL, DR), tables 0203, 0396.
In a snapshot message an empty field says "no change" and `""` says "delete"; `Said` keeps them apart.
"""

import re
from dataclasses import dataclass
from datetime import date, time
from enum import Enum
from typing import Final, Literal, TypeAlias, TypeVar

from shared.codecs.code_systems import CodeSystem
from shared.codecs.moments import Moment
from shared.kernel.identifiers import is_npi

T = TypeVar("T")


class Unsaid(Enum):
    ABSENT = "absent"  # the field is empty: keep what you hold
    DELETED = "deleted"  # the field is `""`: forget what you hold


ABSENT: Final = Unsaid.ABSENT
DELETED: Final = Unsaid.DELETED
Said: TypeAlias = T | Literal[Unsaid.ABSENT, Unsaid.DELETED]


def said_or_none(said: Said[T]) -> T | None:
    """The value, or None for a reader who needs no difference between absent and deleted."""
    return None if isinstance(said, Unsaid) else said


_MOMENT = re.compile(
    r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)?(?:(\d\d)(?:\.(\d{1,6})\d*)?)?)?(?:([+-])(\d\d)(\d\d))?", re.ASCII
)
_ISO_MOMENT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?(?:([+-])(\d\d):?(\d\d)|Z)?)?", re.ASCII
)


def moment_of(text: str) -> Moment:
    """DTM of day precision or better; ISO 8601, which some senders use, too. Raises ValueError."""
    match = _MOMENT.fullmatch(text) or _ISO_MOMENT.fullmatch(text)
    if not match:
        raise ValueError("a date is YYYYMMDD, with HHMM[SS] and an offset when there is a time")
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    clock = None
    if hour is not None:
        clock = time(int(hour), int(minute or 0), int(second or 0), int((fraction or "").ljust(6, "0")))
    offset = None
    if sign is not None:
        offset = _offset(sign, int(offset_hours), int(offset_minutes))
    elif text.endswith("Z"):
        offset = 0
    return Moment(on=date(int(year), int(month), int(day)), clock=clock, offset_minutes=offset)


def _offset(sign: str, hours: int, minutes: int) -> int:
    if hours > 14 or minutes > 59:
        raise ValueError("an offset from UTC is at most 14 hours")
    return (-1 if sign == "-" else 1) * (hours * 60 + minutes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """HD: who assigned a number."""

    namespace: str = ""
    universal_id: str = ""
    universal_type: str = ""

    @property
    def key(self) -> str:
        """One text for the authority: its universal id where there is one, since namespaces are local names."""
        return self.universal_id or self.namespace


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """CX: a number means something only with who assigned it and what kind it is (table 0203: MR, PI, SS, VN, AN …)."""

    number: str
    authority: Authority = Authority()
    type: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Assigning authority and number."""
        return self.authority.key, self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonName:
    family: str = ""
    given: str = ""
    middle: str = ""
    suffix: str = ""
    prefix: str = ""
    use: str = ""  # table 0200: L legal, D display, M maiden, B birth


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    line_1: str = ""
    line_2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    county: str = ""
    use: str = ""  # table 0190: H home, M mailing, B business, BA bad address


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """XCN: a person who gives care. `id` is kept as sent; `npi` is filled only when it is one."""

    id: str = ""
    id_type: str = ""
    authority: Authority = Authority()
    family: str = ""
    given: str = ""
    middle: str = ""
    suffix: str = ""
    prefix: str = ""

    @property
    def is_called_npi(self) -> bool:
        names = (self.id_type, self.authority.namespace, self.authority.universal_id)
        return any(name.upper() in ("NPI", "NPIID", NPI_OID) for name in names)

    @property
    def npi(self) -> str:
        return self.id if self.is_called_npi and is_npi(self.id) else ""


NPI_OID = "2.16.840.1.113883.4.6"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientLocation:
    """PL."""

    point_of_care: str = ""
    room: str = ""
    bed: str = ""
    facility: str = ""
    building: str = ""
    floor: str = ""


CODE_SYSTEMS = {  # HL7 table 0396 and what senders write instead, without dashes, dots, blanks and underscores
    "C4": CodeSystem.CPT,
    "CPT": CodeSystem.CPT,
    "CPT4": CodeSystem.CPT,
    "CPTM": CodeSystem.CPT,
    "2.16.840.1.113883.6.12": CodeSystem.CPT,
    "HCPCS": CodeSystem.HCPCS,
    "HCPC": CodeSystem.HCPCS,
    "HCS": CodeSystem.HCPCS,
    "HPC": CodeSystem.HCPCS,
    "I10": CodeSystem.ICD_10_CM,
    "I10C": CodeSystem.ICD_10_CM,
    "ICD10": CodeSystem.ICD_10_CM,
    "ICD10CM": CodeSystem.ICD_10_CM,
    "10": CodeSystem.ICD_10_CM,
    "2.16.840.1.113883.6.90": CodeSystem.ICD_10_CM,
    "I10P": CodeSystem.ICD_10_PCS,
    "ICD10PCS": CodeSystem.ICD_10_PCS,
    "I9": CodeSystem.ICD_9_CM,
    "I9C": CodeSystem.ICD_9_CM,
    "I9CDX": CodeSystem.ICD_9_CM,
    "I9CP": CodeSystem.ICD_9_CM,
    "ICD9": CodeSystem.ICD_9_CM,
    "ICD9CM": CodeSystem.ICD_9_CM,
    "9": CodeSystem.ICD_9_CM,
    "SCT": CodeSystem.SNOMED,
    "SCT2": CodeSystem.SNOMED,
    "SNM": CodeSystem.SNOMED,
    "SNM3": CodeSystem.SNOMED,
    "SNOMED": CodeSystem.SNOMED,
    "SNOMEDCT": CodeSystem.SNOMED,
    "NDC": CodeSystem.NDC,
    "CVX": CodeSystem.CVX,
    "LN": CodeSystem.LOINC,
    "LOINC": CodeSystem.LOINC,
    "L": CodeSystem.LOCAL,
    "LOCAL": CodeSystem.LOCAL,
    "CDM": CodeSystem.LOCAL,
}


def code_system_of(name: str) -> CodeSystem:
    """The code system that a sender's name stands for."""
    if not name:
        return CodeSystem.UNSTATED
    plain = name.upper().strip()
    return CODE_SYSTEMS.get(plain) or CODE_SYSTEMS.get(re.sub(r"[-_. ]", "", plain)) or CodeSystem.OTHER
