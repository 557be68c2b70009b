"""What is wrong with a message, where, and under which rule?

Source: HL7 v2.8 chapter 2: ERL (error location), table 0357 (message error condition codes), table 0516 (severity).
A finding never quotes a patient's data: `value` is filled with codes, counts and our own words only.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeVar

Document = TypeVar("Document")


class Severity(StrEnum):
    ERROR = "error"  # what stands here cannot be used
    WARNING = "warning"  # used as it is; a person may want to know


class ErrorCode(StrEnum):
    """HL7 table 0357."""

    SEGMENT_SEQUENCE = "100"
    REQUIRED_FIELD_MISSING = "101"
    DATA_TYPE = "102"
    TABLE_VALUE_NOT_FOUND = "103"
    VALUE_TOO_LONG = "104"
    CARDINALITY = "198"
    OTHER = "199"
    UNSUPPORTED_MESSAGE_TYPE = "200"
    UNSUPPORTED_EVENT = "201"
    UNSUPPORTED_PROCESSING_ID = "202"
    UNSUPPORTED_VERSION = "203"
    UNKNOWN_KEY = "204"
    DUPLICATE_KEY = "205"
    APPLICATION_ERROR = "207"


ERROR_CODE_TEXTS = {
    ErrorCode.SEGMENT_SEQUENCE: "Segment sequence error",
    ErrorCode.REQUIRED_FIELD_MISSING: "Required field missing",
    ErrorCode.DATA_TYPE: "Data type error",
    ErrorCode.TABLE_VALUE_NOT_FOUND: "Table value not found",
    ErrorCode.VALUE_TOO_LONG: "Value too long",
    ErrorCode.CARDINALITY: "Non-conformant cardinality",
    ErrorCode.OTHER: "Other HL7 error",
    ErrorCode.UNSUPPORTED_MESSAGE_TYPE: "Unsupported message type",
    ErrorCode.UNSUPPORTED_EVENT: "Unsupported event code",
    ErrorCode.UNSUPPORTED_PROCESSING_ID: "Unsupported processing id",
    ErrorCode.UNSUPPORTED_VERSION: "Unsupported version id",
    ErrorCode.UNKNOWN_KEY: "Unknown key identifier",
    ErrorCode.DUPLICATE_KEY: "Duplicate key identifier",
    ErrorCode.APPLICATION_ERROR: "Application error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A position in a message, counted from one; zero means "the whole of what is above"."""

    segment: str
    occurrence: int = 1  # the second FT1 of a message is 2
    field: int = 0
    repetition: int = 1
    component: int = 0

    def __str__(self) -> str:
        """`PID-3`, `FT1[2]-19[3].1`: counts that are one are left out."""
        text = self.segment if self.occurrence == 1 else f"{self.segment}[{self.occurrence}]"
        if self.field:
            text += f"-{self.field}" if self.repetition == 1 else f"-{self.field}[{self.repetition}]"
        return f"{text}.{self.component}" if self.component else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One broken rule at one place."""

    at: Place
    rule: str
    severity: Severity = Severity.ERROR
    code: ErrorCode = ErrorCode.OTHER
    value: str = ""  # what was found, when it says nothing about a person

    @property
    def place(self) -> str:
        return str(self.at)


# Nine digits may be a social security number, eight that begin with 19 or 20 a birth date: those are not quoted.
_CODE_FORM = re.compile(r"(?!\d{9}$|(?:19|20)\d{6}$)(?=.*\d)[A-Za-z0-9.]{1,15}|[A-Z]{1,3}", re.ASCII)


def shown(code: str) -> str:
    """A code as it may be quoted. What does not have the form of a code may be anything, a name too: only its length."""
    return code if _CODE_FORM.fullmatch(code) else f"{len(code)} characters"


class HL7Error(Exception):
    """Bytes that cannot be read as one HL7 v2 message; `findings` says why."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(f"{finding.place}: {finding.rule}" for finding in self.findings))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading(Generic[Document]):
    """A typed document and what was found while reading it. With any error the document must not be used."""

    document: Document | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)

    @property
    def is_usable(self) -> bool:
        return self.document is not None and not self.errors


FINDINGS_MAX = 200


@dataclass(slots=True)
class Findings:
    """Collects what is found during one reading; bounded, so that a hostile message cannot fill memory."""

    found: list[Finding] = field(default_factory=list)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)

    def error(self, at: Place, rule: str, code: ErrorCode = ErrorCode.OTHER, value: str = "") -> None:
        self._add(Finding(at=at, rule=rule, severity=Severity.ERROR, code=code, value=value))

    def warn(self, at: Place, rule: str, code: ErrorCode = ErrorCode.OTHER, value: str = "") -> None:
        self._add(Finding(at=at, rule=rule, severity=Severity.WARNING, code=code, value=value))

    def as_tuple(self) -> tuple[Finding, ...]:
        return tuple(self.found)

    def _add(self, finding: Finding) -> None:
        # An error always gets a place: it decides whether the message may be used.
        if len(self.found) < FINDINGS_MAX or (
            finding.severity is Severity.ERROR and len(self.found) < 2 * FINDINGS_MAX
        ):
            self.found.append(finding)
