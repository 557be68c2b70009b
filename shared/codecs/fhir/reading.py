"""What does a FHIR R4 document say that billing needs?

Source: FHIR R4: Bundle (transaction, batch, collection, searchset) and single resources.
Every resource that we use is validated and read on its own, so that the findings name all that is wrong; what we do not
use is listed as ignored, with the reason. Nothing but `FhirError` is raised, whatever the bytes are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from shared.codecs.fhir.charge import ChargeView, read_charge
from shared.codecs.fhir.claim import ClaimView, read_claim
from shared.codecs.fhir.clinical import (
    AccountView,
    DiagnosisView,
    EncounterView,
    ProcedureView,
    read_account,
    read_diagnosis,
    read_encounter,
    read_procedure,
)
from shared.codecs.fhir.conditions import is_only_if_none
from shared.codecs.fhir.coverage import CoverageView, read_coverage
from shared.codecs.fhir.element import Element
from shared.codecs.fhir.findings import Finding, Findings, IssueType, Severity, shown
from shared.codecs.fhir.parsing import LIMITS, ROOT, Limits, parse_json, unreadable
from shared.codecs.fhir.parties import (
    Location,
    Organization,
    Person,
    Practitioner,
    RelatedPerson,
    read_location,
    read_organization,
    read_person,
    read_practitioner,
    read_related_person,
)
from shared.codecs.fhir.references import References
from shared.codecs.fhir.resource import ResourceReader
from shared.codecs.fhir.validation import validate

View: TypeAlias = (
    Person
    | RelatedPerson
    | Practitioner
    | Organization
    | Location
    | CoverageView
    | AccountView
    | EncounterView
    | DiagnosisView
    | ProcedureView
    | ChargeView
    | ClaimView
)

READERS: Mapping[str, Callable[[ResourceReader], View]] = {
    "Patient": read_person,
    "RelatedPerson": read_related_person,
    "Practitioner": read_practitioner,
    "Organization": read_organization,
    "Location": read_location,
    "Coverage": read_coverage,
    "Account": read_account,
    "Encounter": read_encounter,
    "Condition": read_diagnosis,
    "Procedure": read_procedure,
    "ChargeItem": read_charge,
    "Claim": read_claim,
}
REASONS_TO_IGNORE = {
    "ExplanationOfBenefit": "what a payer answered comes from its 835",
    "ClaimResponse": "what a payer answered comes from its 835",
    "PaymentReconciliation": "what a payer paid comes from its 835",
    "PaymentNotice": "what a payer paid comes from its 835",
    "PractitionerRole": "read where something refers to it",
    "OperationOutcome": "an answer, not a record",
}
WRITTEN = ("Patient", "Coverage", "Encounter", "Condition", "Procedure", "ChargeItem", "Claim")  # others are read only
BUNDLE_TYPES = ("transaction", "batch", "collection", "searchset")
WRITING_METHODS = ("", "POST", "PUT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A resource that billing does not use."""

    place: str
    resource_type: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What one FHIR document says. A resource with an error has no view."""

    bundle_type: str  # transaction, batch, collection, searchset; empty for a single resource
    views: tuple[View, ...]  # in the order of the document
    ignored: tuple[Ignored, ...]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.ERROR)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is Severity.WARNING)

    @property
    def is_usable(self) -> bool:
        """No error anywhere: a transaction may be taken in as a whole. In a batch each view without one may be."""
        return not self.errors


@dataclass(frozen=True, slots=True)
class _Entry:
    """A resource and what its Bundle entry says about it."""

    resource: Element
    full_url: str
    method: str
    is_only_if_none: bool = False  # leave what is there as it is


def read(data: bytes, limits: Limits = LIMITS) -> Document:
    """The typed views of a FHIR document. Raises FhirError when the bytes are no JSON object with a resource type."""
    content = parse_json(data, limits)
    resource_type = content.get("resourceType")
    if not isinstance(resource_type, str) or not resource_type:
        raise unreadable("a resource names its resourceType", IssueType.REQUIRED)
    findings = Findings()
    if resource_type != "Bundle":
        root = Element(content, resource_type if resource_type.isalnum() else ROOT)
        return _document("", [_Entry(root, "", "")], findings)
    bundle = Element(content, "Bundle")
    bundle_type = bundle.text("type")
    if bundle_type not in BUNDLE_TYPES:
        rule = f"a Bundle to be taken in is one of {', '.join(BUNDLE_TYPES)}"
        findings.error("Bundle.type", rule, IssueType.NOT_SUPPORTED, shown(bundle_type))
        return Document(bundle_type=bundle_type, views=(), ignored=(), findings=findings.as_tuple())
    return _document(bundle_type, _entries(bundle, findings, limits), findings)


def _entries(bundle: Element, findings: Findings, limits: Limits) -> list[_Entry]:
    entries = bundle.children("entry")
    if len(entries) > limits.entries:
        raise unreadable(f"a Bundle holds at most {limits.entries} entries", IssueType.TOO_COSTLY, str(len(entries)))
    sent = bundle.content.get("entry", [])
    if not isinstance(sent, list) or len(entries) < len(sent):
        findings.error("Bundle.entry", "is a list of entries, each an object", IssueType.STRUCTURE)
    return [found for entry in entries if (found := _entry(entry, findings))]


def _entry(entry: Element, findings: Findings) -> _Entry | None:
    request = entry.child("request")
    method = request.text("method") if request else ""
    if method not in WRITING_METHODS:
        rule = "an entry writes one resource by POST or PUT"
        findings.error(entry.at("request.method"), rule, IssueType.NOT_SUPPORTED, shown(method))
        return None
    resource = entry.child("resource")
    if resource is None or not resource.text("resourceType"):
        findings.error(entry.at("resource"), "an entry holds a resource with its resourceType", IssueType.REQUIRED)
        return None
    # What is only read, or passed over, is written under no condition.
    is_written = resource.text("resourceType") in WRITTEN
    return _Entry(resource, entry.text("fullUrl"), method, is_written and is_only_if_none(entry, findings))


def _document(bundle_type: str, entries: list[_Entry], findings: Findings) -> Document:
    references = References()
    for entry in entries:
        if not references.add(entry.resource, entry.full_url):
            findings.error(entry.resource.place, "a fullUrl comes once in a Bundle", IssueType.DUPLICATE)
    views: list[View] = []
    ignored: list[Ignored] = []
    for entry in entries:
        resource_type = entry.resource.text("resourceType")
        if resource_type not in READERS:
            ignored.append(_ignored(entry.resource, resource_type))
        elif view := _view(entry, resource_type, references, findings):
            views.append(view)
    return Document(bundle_type=bundle_type, views=tuple(views), ignored=tuple(ignored), findings=findings.as_tuple())


def _view(entry: _Entry, resource_type: str, references: References, findings: Findings) -> View | None:
    """The view of a valid resource that has no error of its own."""
    if not validate(entry.resource.content, resource_type, entry.resource.place, findings):
        return None
    own = Findings()
    view = READERS[resource_type](
        ResourceReader(entry.resource, references, own, entry.full_url, entry.method, entry.is_only_if_none)
    )
    has_error = False
    for finding in own.found:
        has_error = has_error or finding.severity is Severity.ERROR
        findings.add(finding)
    return None if has_error else view


def _ignored(resource: Element, resource_type: str) -> Ignored:
    reason = REASONS_TO_IGNORE.get(resource_type, "billing does not use it")
    name = resource_type[:64] if resource_type.isalpha() else "(unknown)"
    return Ignored(place=resource.place, resource_type=name, reason=reason)
