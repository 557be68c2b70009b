"""What does a Claim ask a payer for?

Source: FHIR R4 Claim. Use `claim` asks for payment, `preauthorization` and `predetermination` do not. Diagnoses and
people are named once and pointed to by sequence number.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from shared.codecs.code_systems import Code, CodeSystem
from shared.codecs.fhir.element import Element
from shared.codecs.fhir.findings import IssueType, shown
from shared.codecs.fhir.references import Reference
from shared.codecs.fhir.resource import (
    Origin,
    ResourceReader,
    warn_unless_billable_diagnosis,
    warn_unless_billable_procedure,
)
from shared.codecs.fhir.values import (
    PROCEDURE_SYSTEMS,
    Identifier,
    Period,
    code_in,
    code_of,
    codes_of,
    quantity_of,
)
from shared.codecs.moments import Moment

STATUSES = ("active", "cancelled", "draft", "entered-in-error")
USES = ("claim", "preauthorization", "predetermination")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDiagnosis:
    sequence: int
    codes: tuple[Code, ...]  # its own, or of the Condition that came along
    condition: Reference | None
    types: tuple[str, ...]  # principal, admitting …

    @property
    def billing_code(self) -> Code | None:
        return code_in(self.codes, CodeSystem.ICD_10_CM)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimInsurance:
    sequence: int
    is_focal: bool  # the coverage that this claim is sent to
    coverage: Reference
    authorization_numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CareTeamMember:
    sequence: int
    provider: Reference
    role: str  # primary, assist, supervisor, other
    is_responsible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedClaim:
    claim: Reference | None
    relationship: str  # prior, replaces …
    reference: Identifier | None  # the payer's file or case number


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimItem:
    place: str
    sequence: int
    codes: tuple[Code, ...]  # productOrService
    modifiers: tuple[str, ...]
    served: Period
    place_of_service: str
    quantity: Decimal
    unit_price_cents: int | None
    factor: Decimal | None
    net_cents: int | None
    diagnosis_sequences: tuple[int, ...]
    care_team_sequences: tuple[int, ...]
    encounters: tuple[Reference, ...]

    @property
    def billing_code(self) -> Code | None:
        return code_in(self.codes, *PROCEDURE_SYSTEMS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimView:
    origin: Origin
    identifiers: tuple[Identifier, ...]
    status: str
    type: str  # professional, institutional, oral, vision, pharmacy
    use: str
    patient: Reference
    created_at: Moment | None
    billable: Period
    insurer: Reference | None
    provider: Reference
    priority: str
    related: tuple[RelatedClaim, ...]
    facility: Reference | None
    diagnoses: tuple[ClaimDiagnosis, ...]
    care_team: tuple[CareTeamMember, ...]
    insurance: tuple[ClaimInsurance, ...]
    items: tuple[ClaimItem, ...]
    total_cents: int | None

    @property
    def asks_for_payment(self) -> bool:
        return self.use == "claim" and self.status == "active"


def read_claim(reader: ResourceReader) -> ClaimView:
    root = reader.root
    view = ClaimView(
        origin=reader.origin(),
        identifiers=reader.identifiers(),
        status=reader.status(STATUSES),
        type=code_of(root, "type"),
        use=_use(reader),
        patient=reader.required_reference("patient", "Patient"),
        created_at=reader.moment("created"),
        billable=reader.period("billablePeriod"),
        insurer=reader.reference("insurer", "Organization"),
        provider=reader.required_reference("provider", "Practitioner", "PractitionerRole", "Organization"),
        priority=code_of(root, "priority"),
        related=_related(reader),
        facility=reader.reference("facility", "Location"),
        diagnoses=tuple(_diagnosis(reader, each) for each in root.children("diagnosis")),
        care_team=_care_team(reader),
        insurance=_insurance(reader),
        items=tuple(_item(reader, each) for each in root.children("item")),
        total_cents=reader.cents("total"),
    )
    _check(reader, view)
    return view


def _use(reader: ResourceReader) -> str:
    use = reader.root.text("use")
    if use not in USES:
        reader.error("use", f"is one of {', '.join(USES)}", IssueType.CODE_INVALID, shown(use))
    return use


def _diagnosis(reader: ResourceReader, element: Element) -> ClaimDiagnosis:
    condition = reader.reference("diagnosisReference", "Condition", of=element)
    codes = codes_of(element.child("diagnosisCodeableConcept"))
    if condition and condition.place:
        target = reader.references.target(reader.root, condition.url)
        codes = codes_of(target.first("code")) if target else ()
    if codes or condition is None or condition.place:
        warn_unless_billable_diagnosis(codes, element.place, reader.findings)
    return ClaimDiagnosis(
        sequence=element.integer("sequence") or 0,
        codes=codes,
        condition=condition,
        types=tuple(code.code for concept in element.children("type") for code in codes_of(concept)),
    )


def _item(reader: ResourceReader, element: Element) -> ClaimItem:
    item = ClaimItem(
        place=element.place,
        sequence=element.integer("sequence") or 0,
        codes=codes_of(element.first("productOrService")),
        modifiers=tuple(code.code for concept in element.children("modifier") for code in codes_of(concept)),
        served=reader.moment_or_period("serviced", of=element, date_name="Date"),
        place_of_service=code_of(element, "locationCodeableConcept"),
        quantity=_quantity(element),
        unit_price_cents=reader.cents("unitPrice", of=element),
        factor=element.decimal("factor"),
        net_cents=reader.cents("net", of=element),
        diagnosis_sequences=element.integers("diagnosisSequence"),
        care_team_sequences=element.integers("careTeamSequence"),
        encounters=reader.reference_list("encounter", "Encounter", of=element),
    )
    warn_unless_billable_procedure(item.codes, element.place, reader.findings)
    _warn_of_wrong_product(reader, item)
    return item


def _quantity(element: Element) -> Decimal:
    quantity = quantity_of(element, "quantity")
    return Decimal(1) if quantity is None else quantity


def _insurance(reader: ResourceReader) -> tuple[ClaimInsurance, ...]:
    found = []
    for each in reader.root.children("insurance"):
        coverage = reader.reference("coverage", "Coverage", of=each)
        if coverage:
            insurance = ClaimInsurance(
                sequence=each.integer("sequence") or 0,
                is_focal=bool(each.boolean("focal")),
                coverage=coverage,
                authorization_numbers=each.texts("preAuthRef"),
            )
            found.append(insurance)
    return tuple(found)


def _care_team(reader: ResourceReader) -> tuple[CareTeamMember, ...]:
    found = []
    for each in reader.root.children("careTeam"):
        provider = reader.reference("provider", "Practitioner", "PractitionerRole", "Organization", of=each)
        if provider:
            member = CareTeamMember(
                sequence=each.integer("sequence") or 0,
                provider=provider,
                role=code_of(each, "role"),
                is_responsible=bool(each.boolean("responsible")),
            )
            found.append(member)
    return tuple(found)


def _related(reader: ResourceReader) -> tuple[RelatedClaim, ...]:
    found = []
    for each in reader.root.children("related"):
        number = each.child("reference")
        identifier = Identifier(number=number.text("value"), system=number.text("system")) if number else None
        found.append(
            RelatedClaim(
                claim=reader.reference("claim", "Claim", of=each),
                relationship=code_of(each, "relationship"),
                reference=identifier,
            )
        )
    return tuple(found)


def _check(reader: ResourceReader, view: ClaimView) -> None:
    _refuse_repeats(reader, "diagnosis", (each.sequence for each in view.diagnoses))
    _refuse_repeats(reader, "careTeam", (each.sequence for each in view.care_team))
    _refuse_repeats(reader, "item", (each.sequence for each in view.items))
    diagnoses = {each.sequence for each in view.diagnoses}
    team = {each.sequence for each in view.care_team}
    for item in view.items:
        if not set(item.diagnosis_sequences) <= diagnoses:
            reader.findings.error(f"{item.place}.diagnosisSequence", "points to a diagnosis of this claim")
        if not set(item.care_team_sequences) <= team:
            reader.findings.error(f"{item.place}.careTeamSequence", "points to a member of this claim's care team")
    _warn_of_wrong_total(reader, view)


def _refuse_repeats(reader: ResourceReader, name: str, sequences: Iterable[int]) -> None:
    seen: set[int] = set()
    for sequence in sequences:
        if sequence in seen:
            reader.error(name, "a sequence number comes once", IssueType.DUPLICATE, str(sequence))
        seen.add(sequence)


def _warn_of_wrong_product(reader: ResourceReader, item: ClaimItem) -> None:
    if item.net_cents is None or item.unit_price_cents is None:
        return
    factor = Fraction(1) if item.factor is None else Fraction(item.factor)
    if Fraction(item.quantity) * item.unit_price_cents * factor != item.net_cents:
        reader.findings.warn(f"{item.place}.net", "is not quantity times unit price; the net amount is used")


def _warn_of_wrong_total(reader: ResourceReader, view: ClaimView) -> None:
    nets = [item.net_cents for item in view.items if item.net_cents is not None]
    if view.total_cents is not None and len(nets) == len(view.items) and nets and sum(nets) != view.total_cents:
        reader.warn("total", "is not the sum of the items")
