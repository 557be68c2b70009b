"""How does one claim become the 837P claim that says exactly the same? And what do claims of every kind have in common?

Pure: the personal values come in already opened. The institutional and the dental claim are in modules of their own. What cannot be
written (an empty member number, a name that does not fit) is a finding that refuses this claim. Coordination of benefits goes out as the
earlier payers' 835s said it, at the level at which they said it. Source: ASC X12N 005010X222A1 and its limits.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import structs

from services.claims.adapters.opened_claims import OpenedClaim
from services.claims.domain.claim.scrubbing import billed_coverage
from shared.codecs.x12 import claim_parts as codec
from shared.codecs.x12.claim_837p import (
    BillingProvider,
    LineAdjudication,
    OtherCoverage,
    Patient,
    ProfessionalClaim,
    ServiceLine,
    Subscriber,
)
from shared.codecs.x12.elements import Address, Adjustment, Party, Procedure, Reference
from shared.codecs.x12.tokenizer import Segment
from shared.codecs.x12.writer import SegmentWriter
from shared.events import values
from shared.events.claims import ClaimCreated, PriorAdjudication
from shared.events.values import (
    AdjudicatedLine,
    ChargeLine,
    CoverageSnapshot,
    FacilityIdentity,
    Finding,
    Person,
    ProviderIdentity,
)

SELF = "18"
_RESPONSIBILITY = dict(enumerate("PSTABCDEFGH", start=1))  # SBR01; a claim names ten other payers (loop 2320)
_LENGTHS_MAX = {"last": 60, "first": 35, "line_1": 55, "line_2": 55, "city": 30}  # NM103, NM104, N301, N302, N401
_MEMBER_NUMBER_LENGTH_MAX = 80  # NM109
_ROLES_WITH_TAXONOMY = ("82", "71")  # PRV*PE, PRV*AT
_HOME_COUNTRY = frozenset(("", "US", "USA"))


def unfit(opened: OpenedClaim) -> tuple[Finding, ...]:
    """What keeps a claim from being written. Values are never shown: they are personal."""
    return tuple(_unfit(opened))


def _unfit(opened: OpenedClaim) -> Iterator[Finding]:
    claim = opened.claim
    if billed_coverage(claim) is None:
        yield _finding(
            "payer", "coverages", "the account has no coverage of this rank", "Correct the order of coverages."
        )
    yield from _unfit_person("patient", opened.patient)
    for coverage in claim.coverages:
        place = f"coverages[{coverage.rank}]"
        known = opened.coverages[coverage.rank]
        if not 2 <= len(known.member_number.strip()) <= _MEMBER_NUMBER_LENGTH_MAX:
            rule = "the member number has 2 to 80 characters"
            yield _finding("member-number", f"{place}.member_number", rule, "Enter the number from the insurance card.")
        if known.subscriber is not None:
            yield from _unfit_name(f"{place}.subscriber", known.subscriber)
    for prior in claim.prior:
        yield from _unmatched(claim, prior)


def _unfit_person(place: str, person: Person) -> Iterator[Finding]:
    """The patient is sent with address, birth date and sex (N3, N4, DMG), whoever the subscriber is."""
    yield from _unfit_name(place, person)
    fix = "Complete the registration."
    if person.birth_on is None:
        yield _finding("patient", f"{place}.birth_on", "the date of birth is needed", fix)
    for name in ("line_1", "city", "state", "postal_code"):
        if not getattr(person.address, name).strip():
            yield _finding("patient", f"{place}.address.{name}", "the patient's address is needed", fix)
    for name in ("line_1", "line_2", "city"):
        if len(getattr(person.address, name)) > _LENGTHS_MAX[name]:
            rule = f"at most {_LENGTHS_MAX[name]} characters"
            yield _finding("patient", f"{place}.address.{name}", rule, "Shorten the address.")


def _unfit_name(place: str, person: Person) -> Iterator[Finding]:
    if not person.name.last.strip():
        yield _finding("patient", f"{place}.name.last", "a person has a last name", "Complete the registration.")
    for name in ("last", "first"):
        if len(getattr(person.name, name)) > _LENGTHS_MAX[name]:
            rule = f"at most {_LENGTHS_MAX[name]} characters"
            yield _finding("patient", f"{place}.name.{name}", rule, "Shorten the name as the payer knows it.")


def _unmatched(claim: ClaimCreated, prior: PriorAdjudication) -> Iterator[Finding]:
    for number, answered in enumerate(prior.lines, start=1):
        if _line_of(answered, claim) is None:
            place = f"prior[{prior.rank}].lines[{number}]"
            rule = "an earlier payer's line is one of the claim's lines"
            yield _finding("prior-line", place, rule, "Match the line of the remittance to a line of the claim.")


def _finding(rule: str, place: str, message: str, fix: str) -> Finding:
    return Finding(rule=rule, place=place, message=message, fix=fix)


def professional_claim(opened: OpenedClaim) -> ProfessionalClaim:
    """The claim as the codec writes it. Call `unfit` first; raises ValueError for what it would have found."""
    claim, services = opened.claim, opened.claim.services
    return ProfessionalClaim(
        **heading(opened),
        place_of_service=services.facility.place_of_service,
        diagnoses=services.diagnoses,
        referring=provider_party("DN", services.referring) if services.referring else None,
        rendering=rendering_party(services.rendering, services.organization),
        facility=facility_party(services.facility, services.organization),
        lines=tuple(_line(line, claim) for line in services.lines),
    )


def heading(opened: OpenedClaim) -> dict[str, Any]:
    """What a claim of any kind says of who bills whom for which patient, and of its other payers."""
    claim, services = opened.claim, opened.claim.services
    coverage = billed_coverage(claim)
    if coverage is None:
        raise ValueError("a claim without a payer cannot be written")
    return {
        "billing_provider": _billing_provider(services.organization),
        "subscriber": _subscriber(coverage, opened),
        "payer": Party(role="PR", name=coverage.payer_name, id_qualifier="PI", id=coverage.payer_electronic_id),
        "patient": _patient(coverage, opened),
        "claim_id": claim.claim_id,
        "charged_cents": services.charged_cents,
        "frequency": claim.frequency,
        "payer_control_number": claim.replaces_payer_control_number,
        "prior_authorization": coverage.authorization_number,
        "other_coverages": tuple(
            _other_coverage(other, opened)
            for other in claim.coverages
            if other.rank != claim.rank and other.rank in _RESPONSIBILITY
        ),
    }


def _billing_provider(organization: ProviderIdentity) -> BillingProvider:
    party = provider_party("85", organization)
    tax_id = (Reference("EI", organization.tax_id),)
    return BillingProvider(
        party=structs.replace(party, address=_address(organization.address), references=tax_id),
        taxonomy=organization.taxonomy,
    )


def provider_party(role: str, provider: ProviderIdentity) -> Party:
    return Party(
        role=role,
        is_person=provider.is_person,
        name=provider.last_or_organisation,
        first_name=provider.first if provider.is_person else "",
        id_qualifier="XX",
        id=provider.npi,
        taxonomy=provider.taxonomy if role in _ROLES_WITH_TAXONOMY else "",
    )


def rendering_party(rendering: ProviderIdentity, billing: ProviderIdentity) -> Party | None:
    """Loop 2310B is sent only when somebody other than the billing provider did the work."""
    return None if rendering.npi == billing.npi else provider_party("82", rendering)


def facility_party(facility: FacilityIdentity, billing: ProviderIdentity) -> Party | None:
    """Loop 2310C is sent only when the place differs from the billing address."""
    if facility.address in (values.Address(), billing.address):
        return None
    return Party(
        role="77",
        name=facility.name,
        id_qualifier="XX" if facility.npi else "",
        id=facility.npi,
        address=_address(facility.address),
    )


def _address(address: values.Address) -> Address:
    return Address(
        line_1=address.line_1,
        line_2=address.line_2,
        city=address.city,
        state=address.state,
        postal_code=address.postal_code,
        country="" if address.country.upper() in _HOME_COUNTRY else address.country,
    )


def _person(role: str, person: Person, *, member_number: str = "", is_patient: bool) -> Party:
    """The patient goes with address, birth date and sex; a subscriber who is somebody else with name and number only."""
    return Party(
        role=role,
        is_person=True,
        name=person.name.last,
        first_name=person.name.first,
        middle_name=person.name.middle,
        name_suffix=person.name.suffix,
        id_qualifier="MI" if member_number else "",
        id=member_number,
        address=_address(person.address) if is_patient else None,
        born_on=person.birth_on if is_patient else None,
        gender=person.sex if is_patient else "",
    )


def _subscriber(coverage: CoverageSnapshot, opened: OpenedClaim) -> Subscriber:
    known = opened.coverages[coverage.rank]
    is_patient = coverage.relationship == SELF
    person = opened.patient if is_patient or known.subscriber is None else known.subscriber
    return Subscriber(
        party=_person("IL", person, member_number=known.member_number, is_patient=is_patient),
        responsibility=_RESPONSIBILITY[coverage.rank],
        group_number=known.group_number,
        filing_indicator=coverage.filing_indicator,
    )


def _patient(coverage: CoverageSnapshot, opened: OpenedClaim) -> Patient | None:
    if coverage.relationship == SELF:
        return None
    return Patient(party=_person("QC", opened.patient, is_patient=True), relationship=coverage.relationship)


def _line(line: ChargeLine, claim: ClaimCreated) -> ServiceLine:
    services = claim.services
    has_own_place = line.place_of_service not in ("", services.facility.place_of_service)
    return ServiceLine(
        **line_heading(line, claim),
        procedure=Procedure(code=line.procedure_code, modifiers=line.modifiers),
        units=quantity(line.units),
        place_of_service=line.place_of_service if has_own_place else "",
        pointers=line.diagnosis_pointers,
        rendering=line_rendering(line, claim),
        others=drug(line),
    )


def line_heading(line: ChargeLine, claim: ClaimCreated) -> dict[str, Any]:
    """What a line of any kind says of its charge, its day, its number, and of what other payers decided."""
    return {
        "charged_cents": line.charged_cents,
        "service_on": line.service_on,
        "service_to": line.service_to_on if line.service_to_on != line.service_on else None,
        "control_number": line.line_id,
        "adjudications": tuple(_line_adjudications(line, claim)),
    }


def line_rendering(line: ChargeLine, claim: ClaimCreated) -> Party | None:
    """Loop 2420A is sent only when the line's provider is not the claim's."""
    if line.rendering is None or line.rendering.npi == claim.services.rendering.npi:
        return None
    return provider_party("82", line.rendering)


def drug(line: ChargeLine) -> tuple[Segment, ...]:
    """Loop 2410: the drug code with its quantity, in the units that are billed."""
    if not line.national_drug_code:
        return ()
    return (Segment(0, ("LIN", "", "N4", line.national_drug_code)), Segment(0, ("CTP", "", "", "", line.units, "UN")))


def _line_adjudications(line: ChargeLine, claim: ClaimCreated) -> Iterator[LineAdjudication]:
    for prior in claim.prior:
        for answered in prior.lines:
            if _line_of(answered, claim) is line:
                yield _line_adjudication(answered, line, prior, claim)


def _line_of(answered: AdjudicatedLine, claim: ClaimCreated) -> ChargeLine | None:
    """By the line control number; without one, by revenue code, procedure and modifiers when only one line has them."""
    lines = claim.services.lines
    if answered.line_id:
        return next((line for line in lines if line.line_id == answered.line_id), None)
    same = [line for line in lines if _is_alike(answered, line)]
    exact = [line for line in same if line.modifiers == answered.modifiers]
    candidates = exact or same
    return candidates[0] if len(candidates) == 1 else None


def _is_alike(answered: AdjudicatedLine, line: ChargeLine) -> bool:
    if not answered.procedure_code:
        return answered.revenue_code != "" and answered.revenue_code == line.revenue_code
    is_procedure = answered.procedure_code == line.procedure_code
    return is_procedure and answered.revenue_code in ("", line.revenue_code)


def _line_adjudication(
    answered: AdjudicatedLine, line: ChargeLine, prior: PriorAdjudication, claim: ClaimCreated
) -> LineAdjudication:
    code = answered.procedure_code or line.procedure_code
    modifiers = answered.modifiers if answered.procedure_code else line.modifiers
    return LineAdjudication(
        payer_id=_electronic_id(prior, claim),
        paid_cents=answered.paid_cents,
        procedure=procedure_of(code, modifiers, claim),
        revenue_code=line.revenue_code,
        paid_units=quantity(answered.units or line.units),
        adjustments=_adjustments(answered.adjustments),
        adjudicated_on=prior.adjudicated_on,
    )


def procedure_of(code: str, modifiers: tuple[str, ...], claim: ClaimCreated) -> Procedure | None:
    """CPT and HCPCS go under HC, CDT under AD; a hospital's line may have none."""
    if not code:
        return None
    return Procedure(qualifier="AD" if claim.services.kind == "dental" else "HC", code=code, modifiers=modifiers)


def _electronic_id(prior: PriorAdjudication, claim: ClaimCreated) -> str:
    """SVD01 is the id under which loop 2330B names the payer."""
    return next((each.payer_electronic_id for each in claim.coverages if each.rank == prior.rank), "")


def _adjustments(told: tuple[values.Adjustment, ...]) -> tuple[Adjustment, ...]:
    return tuple(
        Adjustment(group=each.group, reason=each.reason, cents=each.amount_cents, quantity=quantity(each.quantity))
        for each in told
    )


def _other_coverage(coverage: CoverageSnapshot, opened: OpenedClaim) -> OtherCoverage:
    known = opened.coverages[coverage.rank]
    prior = next((each for each in opened.claim.prior if each.rank == coverage.rank), None)
    number = prior.payer_control_number if prior else ""
    return OtherCoverage(
        responsibility=_RESPONSIBILITY[coverage.rank],
        relationship=coverage.relationship,
        group_number=known.group_number,
        filing_indicator=coverage.filing_indicator,
        adjustments=_adjustments(prior.adjustments) if prior else (),
        paid_cents=prior.paid_cents if prior else None,
        subscriber=_person(
            "IL", known.subscriber or opened.patient, member_number=known.member_number, is_patient=False
        ),
        payer=Party(
            role="PR",
            name=coverage.payer_name,
            id_qualifier="PI",
            id=coverage.payer_electronic_id,
            references=(Reference("F8", number),) if number else (),
        ),
        adjudicated_on=prior.adjudicated_on if prior and not prior.lines else None,
    )


def quantity(text: str) -> Decimal | None:
    """Raises ValueError for what is no number."""
    if not text:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("a quantity is a decimal number") from None


def professional_facts(claim: ProfessionalClaim, writer: SegmentWriter) -> tuple[object, ...]:
    """What a professional claim must still say after it was written and read back, in the character set of the file."""
    return (
        *common_facts(claim, writer),
        claim.place_of_service,
        claim.diagnoses,
        party_facts(claim.referring, writer),
        party_facts(claim.rendering, writer),
        party_facts(claim.facility, writer),
        tuple(
            (line.procedure, line.units, line.place_of_service, line.pointers, party_facts(line.rendering, writer))
            for line in claim.lines
        ),
    )


def party_facts(one: Party | None, writer: SegmentWriter) -> tuple[object, ...]:
    """Who somebody is, as the file can say it."""
    if one is None:
        return ()
    clean = writer.clean
    address = one.address or Address()
    return (
        *map(clean, (one.name, one.first_name, one.middle_name, one.name_suffix, one.id, one.gender)),
        *map(clean, (address.line_1, address.line_2, address.city, address.state, address.postal_code)),
        one.born_on,
        tuple((each.qualifier, clean(each.value)) for each in one.references),
    )


def common_facts(claim: codec.Claim, writer: SegmentWriter) -> tuple[object, ...]:
    """What a claim of any kind must still say."""
    clean = writer.clean
    return (
        clean(claim.claim_id),
        claim.charged_cents,
        claim.frequency,
        clean(claim.payer_control_number),
        clean(claim.prior_authorization),
        party_facts(claim.billing_provider.party, writer),
        claim.billing_provider.taxonomy,
        party_facts(claim.subscriber.party, writer),
        claim.subscriber.responsibility,
        clean(claim.subscriber.group_number),
        claim.subscriber.filing_indicator,
        party_facts(claim.payer, writer),
        party_facts(claim.patient.party if claim.patient else None, writer),
        claim.patient.relationship if claim.patient else SELF,
        tuple(
            (
                other.responsibility,
                other.relationship,
                other.paid_cents,
                other.adjustments,
                other.adjudicated_on,
                party_facts(other.subscriber, writer),
                party_facts(other.payer, writer),
            )
            for other in claim.other_coverages
        ),
        tuple(
            (
                line.charged_cents,
                line.service_on,
                line.service_to,
                clean(line.control_number),
                line.adjudications,
            )
            for line in claim.lines
        ),
    )
