"""What was done and what does it cost, as a ChargeItem says it?

Source: FHIR R4 ChargeItem. Status `entered-in-error` takes a charge back that was sent before under the same identifier
or id; only `billable` asks to be billed.
"""

from dataclasses import dataclass
from decimal import Decimal

from shared.codecs.code_systems import Code, CodeSystem
from shared.codecs.fhir.findings import IssueType
from shared.codecs.fhir.references import Reference
from shared.codecs.fhir.resource import Origin, ResourceReader, warn_unless_billable_procedure
from shared.codecs.fhir.values import PROCEDURE_SYSTEMS, Identifier, Period, code_in, codes_of, quantity_of
from shared.codecs.moments import Moment

STATUSES = ("planned", "billable", "not-billable", "aborted", "billed", "entered-in-error", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeView:
    origin: Origin
    identifiers: tuple[Identifier, ...]
    status: str
    codes: tuple[Code, ...]
    subject: Reference
    encounter: Reference | None  # context
    served: Period
    entered_at: Moment | None
    performers: tuple[Reference, ...]
    performing_organization: Reference | None
    requesting_organization: Reference | None
    quantity: Decimal
    price_cents: int | None  # priceOverride: the price of the whole item
    factor: Decimal | None  # factorOverride
    reasons: tuple[Code, ...]  # diagnoses among them
    services: tuple[Reference, ...]  # Procedures and the like that it charges for
    products: tuple[Code, ...]  # drugs and devices, NDC among them
    accounts: tuple[Reference, ...]

    @property
    def billing_code(self) -> Code | None:
        return code_in(self.codes, *PROCEDURE_SYSTEMS)

    @property
    def diagnoses(self) -> tuple[Code, ...]:
        return tuple(code for code in self.reasons if code.system is CodeSystem.ICD_10_CM)

    @property
    def is_billable(self) -> bool:
        return self.status == "billable"

    @property
    def is_reversal(self) -> bool:
        return self.status == "entered-in-error"


def read_charge(reader: ResourceReader) -> ChargeView:
    root = reader.root
    performers = (reader.reference("actor", of=performer) for performer in root.children("performer"))
    view = ChargeView(
        origin=reader.origin(),
        identifiers=reader.identifiers(),
        status=reader.status(STATUSES),
        codes=reader.codes("code"),
        subject=reader.required_reference("subject", "Patient", "Group"),
        encounter=reader.reference("context", "Encounter", "EpisodeOfCare"),
        served=reader.moment_or_period("occurrence"),
        entered_at=reader.moment("enteredDate"),
        performers=tuple(performer for performer in performers if performer),
        performing_organization=reader.reference("performingOrganization", "Organization"),
        requesting_organization=reader.reference("requestingOrganization", "Organization"),
        quantity=_quantity(reader),
        price_cents=reader.cents("priceOverride"),
        factor=root.decimal("factorOverride"),
        reasons=tuple(code for concept in root.children("reason") for code in codes_of(concept)),
        services=reader.reference_list("service"),
        products=reader.codes("productCodeableConcept"),
        accounts=reader.reference_list("account", "Account"),
    )
    _check(reader, view)
    return view


def _quantity(reader: ResourceReader) -> Decimal:
    quantity = quantity_of(reader.root, "quantity")
    if quantity is None:
        return Decimal(1)
    if quantity <= 0:
        rule = "is above zero; a charge is taken back by status entered-in-error"
        reader.error("quantity", rule, IssueType.VALUE)
    return quantity


def _check(reader: ResourceReader, view: ChargeView) -> None:
    if view.is_reversal:
        if not (view.identifiers or view.origin.id):
            reader.error("identifier", "a reversal names the charge that it takes back", IssueType.REQUIRED)
        return
    if not view.codes:
        reader.error("code", "a charge has a code", IssueType.REQUIRED)
    else:
        warn_unless_billable_procedure(view.codes, reader.root.at("code"), reader.findings)
    if view.is_billable and view.served.start is None:
        reader.error("occurrenceDateTime", "a billable charge has a date of service", IssueType.REQUIRED)
    if not (view.identifiers or view.origin.id):
        rule = "no identifier and no id: a resend cannot be told from a new charge by it"
        reader.warn("identifier", rule, IssueType.REQUIRED)
    if view.price_cents is not None and view.price_cents < 0:
        reader.error(
            "priceOverride", "is not negative; a charge is taken back by status entered-in-error", IssueType.VALUE
        )
