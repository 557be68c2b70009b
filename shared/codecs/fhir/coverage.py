"""Who may pay for a patient's care?

Source: FHIR R4 Coverage; code systems subscriber-relationship and coverage-class.
"""

from dataclasses import dataclass

from shared.codecs.code_systems import Code
from shared.codecs.fhir.findings import IssueType
from shared.codecs.fhir.references import Reference
from shared.codecs.fhir.resource import Origin, ResourceReader
from shared.codecs.fhir.values import Identifier, Period, code_of

STATUSES = ("active", "cancelled", "draft", "entered-in-error")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageView:
    origin: Origin
    identifiers: tuple[Identifier, ...]
    status: str  # active, cancelled, draft, entered-in-error
    types: tuple[Code, ...]
    beneficiary: Reference
    subscriber: Reference | None
    policy_holder: Reference | None
    relationship: str  # of the beneficiary to the subscriber: self, spouse, child, parent, other, injured
    member_number: str  # an identifier of type MB, else subscriberId, else the first identifier
    subscriber_number: str  # subscriberId
    dependent: str
    payors: tuple[Reference, ...]  # with the payer's name and identifiers where they are known
    rank: int | None  # Coverage.order: 1 pays first
    period: Period
    group_number: str
    group_name: str
    plan_number: str
    plan_name: str
    network: str


def read_coverage(reader: ResourceReader) -> CoverageView:
    root = reader.root
    view = CoverageView(
        origin=reader.origin(),
        identifiers=reader.identifiers(),
        status=reader.status(STATUSES),
        types=reader.codes("type"),
        beneficiary=reader.required_reference("beneficiary", "Patient"),
        subscriber=reader.reference("subscriber", "Patient", "RelatedPerson"),
        policy_holder=reader.reference("policyHolder", "Patient", "RelatedPerson", "Organization"),
        relationship=code_of(root, "relationship"),
        member_number=_member_number(reader),
        subscriber_number=root.text("subscriberId"),
        dependent=root.text("dependent"),
        payors=reader.reference_list("payor", "Organization", "Patient", "RelatedPerson"),
        rank=root.integer("order"),
        period=reader.period("period"),
        group_number=_class(reader, "group", "value"),
        group_name=_class(reader, "group", "name"),
        plan_number=_class(reader, "plan", "value"),
        plan_name=_class(reader, "plan", "name"),
        network=root.text("network"),
    )
    _check(reader, view)
    return view


def _member_number(reader: ResourceReader) -> str:
    identifiers = reader.identifiers()
    member = next((each.number for each in identifiers if each.type == "MB"), "")
    return member or reader.root.text("subscriberId") or (identifiers[0].number if identifiers else "")


def _class(reader: ResourceReader, kind: str, name: str) -> str:
    classes = (each for each in reader.root.children("class") if code_of(each, "type") == kind)
    return next((each.text(name) for each in classes), "")


def _check(reader: ResourceReader, view: CoverageView) -> None:
    if not any(payor.url or payor.identifiers or payor.name for payor in view.payors):
        reader.error("payor", "a coverage names its payer", IssueType.REQUIRED)
    if not view.member_number:
        reader.warn("subscriberId", "no member or subscriber number", IssueType.REQUIRED)
    if view.rank is not None and view.rank < 1:
        reader.error("order", "counts from one", IssueType.VALUE, str(view.rank))
