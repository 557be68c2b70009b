"""What do the data types of HL7 v2 mean: a moment, an identifier, a name, an address, a code, an amount?

Source: HL7 v2.8 chapter 2A (DTM, CX, XPN, XAD, XTN, XCN, CWE, CP, PL, DR), tables 0203, 0396; CMS and NCHS for the
shapes of codes. In a snapshot message an empty field says "no change" and `""` says "delete"; `Said` keeps them apart.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from enum import Enum, StrEnum
from typing import Final, Literal, TypeAlias, TypeVar

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A date, with a time and an offset from UTC only where the sender gave them."""

    on: date
    clock: time | None = None
    offset_minutes: int | None = None

    def instant(self, local: tzinfo = UTC) -> datetime:
        """In UTC. `local` is the sender's zone, for moments without an offset; a bare date is its midnight."""
        zone = local if self.offset_minutes is None else timezone(timedelta(minutes=self.offset_minutes))
        aware = datetime.combine(self.on, self.clock or time(), zone)
        try:
            return aware.astimezone(UTC)
        except OverflowError:  # the first and the last day of the calendar
            return aware.replace(tzinfo=UTC)


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


class CodeSystem(StrEnum):
    CPT = "CPT"
    HCPCS = "HCPCS"
    ICD_10_CM = "ICD-10-CM"
    ICD_10_PCS = "ICD-10-PCS"
    ICD_9_CM = "ICD-9-CM"
    SNOMED = "SNOMED"
    NDC = "NDC"
    CVX = "CVX"
    LOINC = "LOINC"
    LOCAL = "LOCAL"
    OTHER = "OTHER"  # named, and not one of these
    UNSTATED = "UNSTATED"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """CWE: a code counts only together with its system. `code` is as sent; `bare` is how claims print it."""

    code: str
    system: CodeSystem
    system_sent: str = ""
    text: str = ""

    @property
    def bare(self) -> str:
        """ICD codes without the dot."""
        is_icd = self.system in (CodeSystem.ICD_10_CM, CodeSystem.ICD_9_CM, CodeSystem.ICD_10_PCS)
        return self.code.replace(".", "").upper() if is_icd else self.code


_CPT = re.compile(r"\d{4}[0-9FTU]", re.ASCII)
_HCPCS = re.compile(r"[A-V]\d{4}", re.ASCII)
_ICD_10_CM = re.compile(r"[A-Z]\d[0-9A-Z](?:\.?[0-9A-Z]{1,4})?", re.ASCII)
_ICD_9_CM_DOTTED = re.compile(r"(?:\d{3}|V\d\d)\.\d{1,2}|E\d{3}\.\d", re.ASCII)
_ICD_10_CM_DOTTED = re.compile(r"[A-Z]\d[0-9A-Z]\.[0-9A-Z]{1,4}", re.ASCII)
_ICD_9_CM_PLAIN = re.compile(r"\d{3}\.?\d{0,2}", re.ASCII)


def procedure_system_by_form(code: str) -> CodeSystem:
    """Where no system is named, CPT and HCPCS Level II codes differ by their letters."""
    if _CPT.fullmatch(code):
        return CodeSystem.CPT
    return CodeSystem.HCPCS if _HCPCS.fullmatch(code) else CodeSystem.UNSTATED


def diagnosis_system_by_form(code: str) -> CodeSystem:
    """Where no system is named, ICD-10-CM begins with a letter and ICD-9-CM mostly does not."""
    if _ICD_10_CM.fullmatch(code):
        return CodeSystem.ICD_10_CM
    return CodeSystem.ICD_9_CM if _ICD_9_CM_PLAIN.fullmatch(code) else CodeSystem.UNSTATED


def looks_like_diagnosis(code: str) -> bool:
    """A dotted ICD code: no charge or procedure code has this form."""
    return bool(_ICD_9_CM_DOTTED.fullmatch(code) or _ICD_10_CM_DOTTED.fullmatch(code))
