"""What is wrong with a resource, where, and under which rule?

Source: FHIR R4 OperationOutcome; value set issue-type. The place is a FHIRPath from the root: `Claim.item[0].net`.
A finding never quotes a patient's data: `value` is filled with codes, counts and our own words only.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    ERROR = "error"  # what stands here cannot be used
    WARNING = "warning"  # used as it is; a person may want to know


class IssueType(StrEnum):
    """FHIR value set issue-type, as far as we use it."""

    STRUCTURE = "structure"  # not JSON, or not the shape of the resource
    REQUIRED = "required"
    VALUE = "value"
    INVARIANT = "invariant"
    TOO_COSTLY = "too-costly"  # above our bounds
    NOT_SUPPORTED = "not-supported"
    NOT_FOUND = "not-found"
    CODE_INVALID = "code-invalid"
    BUSINESS_RULE = "business-rule"
    DUPLICATE = "duplicate"
    SECURITY = "security"
    CONFLICT = "conflict"
    PROCESSING = "processing"
    EXCEPTION = "exception"
    TRANSIENT = "transient"
    INFORMATIONAL = "informational"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One broken rule at one place."""

    place: str
    rule: str
    severity: Severity = Severity.ERROR
    code: IssueType = IssueType.BUSINESS_RULE
    value: str = ""  # what was found, when it says nothing about a person


class FhirError(Exception):
    """Bytes that cannot be read as FHIR at all; `findings` says why."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("; ".join(f"{finding.place}: {finding.rule}" for finding in self.findings))


# Nine digits may be a social security number, eight that begin with 19 or 20 a birth date: those are not quoted.
_CODE_FORM = re.compile(r"(?!\d{9}$|(?:19|20)\d{6}$)(?=.*\d)[A-Za-z0-9.]{1,15}|[a-z][a-z\-]{1,24}|[A-Z]{3,6}", re.ASCII)


def shown(code: str) -> str:
    """A code as it may be quoted. What does not have the form of a code may be anything, a name too: only its length."""
    return code if _CODE_FORM.fullmatch(code) else f"{len(code)} characters"


FINDINGS_MAX = 500


@dataclass(slots=True)
class Findings:
    """Collects what is found during one reading; bounded, so that a hostile document cannot fill memory."""

    found: list[Finding] = field(default_factory=list)

    def error(self, place: str, rule: str, code: IssueType = IssueType.BUSINESS_RULE, value: str = "") -> None:
        self.add(Finding(place=place, rule=rule, severity=Severity.ERROR, code=code, value=value))

    def warn(self, place: str, rule: str, code: IssueType = IssueType.BUSINESS_RULE, value: str = "") -> None:
        self.add(Finding(place=place, rule=rule, severity=Severity.WARNING, code=code, value=value))

    def as_tuple(self) -> tuple[Finding, ...]:
        return tuple(self.found)

    def add(self, finding: Finding) -> None:
        # An error always gets a place: it decides whether the document may be used.
        if len(self.found) < FINDINGS_MAX or (
            finding.severity is Severity.ERROR and len(self.found) < 2 * FINDINGS_MAX
        ):
            self.found.append(finding)
