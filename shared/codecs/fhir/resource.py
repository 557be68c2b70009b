"""Where does a view come from, and how does its reader get at what it needs?

Source: FHIR R4, Resource and Bundle.entry.request.
"""

from collections.abc import Collection
from dataclasses import dataclass

from shared.codecs.code_systems import Code, CodeSystem
from shared.codecs.fhir.element import Element
from shared.codecs.fhir.findings import Findings, IssueType, shown
from shared.codecs.fhir.references import Reference, References
from shared.codecs.fhir.values import (
    PROCEDURE_SYSTEMS,
    Identifier,
    Period,
    cents_of,
    code_in,
    codes_of,
    identifiers,
    moment_of,
    period_of,
)
from shared.codecs.moments import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The resource that a view was read from."""

    resource_type: str
    place: str  # FHIRPath: "Bundle.entry[3].resource", or the type of a single resource
    id: str  # logical id, as the sender's server knows it; may be empty
    full_url: str  # of the entry
    method: str  # of Bundle.entry.request: POST, PUT; empty outside a transaction or batch
    updated_at: Moment | None  # meta.lastUpdated
    is_only_if_none: bool = False  # Bundle.entry.request.ifNoneExist: leave what is there as it is


@dataclass(frozen=True, slots=True)
class ResourceReader:
    """One resource, the document around it, and where findings go."""

    root: Element
    references: References
    findings: Findings
    full_url: str = ""
    method: str = ""
    is_only_if_none: bool = False

    def origin(self) -> Origin:
        meta = self.root.child("meta")
        return Origin(
            resource_type=self.root.text("resourceType"),
            place=self.root.place,
            id=self.root.text("id"),
            full_url=self.full_url,
            method=self.method,
            updated_at=moment_of(meta, "lastUpdated", self.findings) if meta else None,
            is_only_if_none=self.is_only_if_none,
        )

    def identifiers(self) -> tuple[Identifier, ...]:
        return identifiers(self.root)

    def status(self, allowed: Collection[str]) -> str:
        """The status, which is an error when it is none of FHIR's."""
        status = self.root.text("status")
        if status not in allowed:
            self.error("status", f"is one of {', '.join(allowed)}", IssueType.CODE_INVALID, shown(status))
        return status

    def reference(self, name: str, *types: str, of: Element | None = None) -> Reference | None:
        return self.references.read(self.root, of or self.root, name, self.findings, types)

    def reference_list(self, name: str, *types: str, of: Element | None = None) -> tuple[Reference, ...]:
        return self.references.read_all(self.root, of or self.root, name, self.findings, types)

    def required_reference(self, name: str, *types: str) -> Reference:
        """A reference that says whom it means; without one the view cannot be used."""
        reference = self.reference(name, *types)
        if reference is None or not (reference.url or reference.identifiers):
            self.error(name, "a reference or an identifier is required", IssueType.REQUIRED)
        return reference or Reference()

    def codes(self, name: str, *, of: Element | None = None) -> tuple[Code, ...]:
        return codes_of((of or self.root).first(name))

    def moment(self, name: str, *, of: Element | None = None) -> Moment | None:
        return moment_of(of or self.root, name, self.findings)

    def period(self, name: str, *, of: Element | None = None) -> Period:
        return period_of(of or self.root, name, self.findings)

    def moment_or_period(self, stem: str, *, of: Element | None = None, date_name: str = "DateTime") -> Period:
        """`…DateTime` (or `…Date`) as a period of one moment, else `…Period`."""
        moment = self.moment(f"{stem}{date_name}", of=of)
        return Period(start=moment, end=moment) if moment else self.period(f"{stem}Period", of=of)

    def cents(self, name: str, *, of: Element | None = None) -> int | None:
        return cents_of(of or self.root, name, self.findings)

    def error(self, name: str, rule: str, code: IssueType = IssueType.BUSINESS_RULE, value: str = "") -> None:
        self.findings.error(self.root.at(name), rule, code, value)

    def warn(self, name: str, rule: str, code: IssueType = IssueType.BUSINESS_RULE, value: str = "") -> None:
        self.findings.warn(self.root.at(name), rule, code, value)


def warn_unless_billable_diagnosis(codes: tuple[Code, ...], place: str, findings: Findings) -> None:
    """A claim names diagnoses in ICD-10-CM; another system is kept, and a coder has to translate it."""
    if code_in(codes, CodeSystem.ICD_10_CM) is None:
        rule = "a claim needs ICD-10-CM; this diagnosis has no code of it and was kept as sent"
        findings.warn(place, rule, IssueType.CODE_INVALID, _systems(codes))


def warn_unless_billable_procedure(codes: tuple[Code, ...], place: str, findings: Findings) -> None:
    """A claim names services in CPT or HCPCS; another system is kept, and a coder has to translate it."""
    if code_in(codes, *PROCEDURE_SYSTEMS) is None:
        rule = "a claim needs CPT or HCPCS; this service has no code of them and was kept as sent"
        findings.warn(place, rule, IssueType.CODE_INVALID, _systems(codes))


def _systems(codes: tuple[Code, ...]) -> str:
    return ", ".join(f"{code.system} {shown(code.code)}" for code in codes[:3]) or "no code"
