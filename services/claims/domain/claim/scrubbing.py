"""What is wrong with a claim before anybody else sees it, and how is it mended?

Each rule has an id, a version, the field it speaks of and the fix. Rules are pure and see only what is not personal: whether
sealed values are fit to be written is checked by the adapter that opens them. A later rule never changes a recorded result:
`ClaimScrubbed` keeps the findings and `RULES_VERSION`.

A rule speaks of claims of certain kinds; what only hospitals or dentists get wrong is in modules of its own.
Sources: 45 CFR 162.406 (NPI), CMS place of service codes, 837 balancing and limits as in docs/reference; in our own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

from services.claims.domain.claim import dental_rules, institutional_rules
from services.claims.domain.claim.rule import Found, Rule, error
from shared.events.claims import ClaimCreated, PriorAdjudication
from shared.events.values import Address, ChargeLine, CoverageSnapshot, Finding, ProviderIdentity
from shared.kernel.claim_limits import LINES_MAX
from shared.kernel.identifiers import is_npi

RULES_VERSION = 3  # raise it with every change of a rule below

DIAGNOSES_MAX = 12
MODIFIERS_MAX = 4
POINTERS_MAX = 4
LINE_ID_LENGTH_MAX = 30


def _code_list(text: str) -> frozenset[str]:
    return frozenset(text.split())


_FILING_INDICATORS = _code_list("11 12 13 14 15 16 17 AM BL CH CI DS FI HM LM MA MB MC OF TV VA WC ZZ")  # SBR09
_RELATIONSHIPS = _code_list("01 18 19 20 21 39 40 53 G8")  # SBR02, PAT01
_PLACES_OF_SERVICE = _code_list("""
    01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 31 32 33 34 41 42 49 50 51 52 53 54
    55 56 57 58 60 61 62 65 66 71 72 81 99
""")
_BOX = re.compile(r"\bP\.?\s*O\.?\s*BOX\b|\bPOST\s+OFFICE\s+BOX\b|\bLOCK\s?BOX\b", re.IGNORECASE)
_TAXONOMY = re.compile(r"[0-9A-Z]{9}X")
_DIAGNOSIS = re.compile(r"[A-Z][0-9][0-9A-Z][0-9A-Z]{0,4}")
_PROCEDURE = re.compile(r"[0-9A-Z]{5}")
_MODIFIER = re.compile(r"[0-9A-Z]{2}")
_MEDICARE_PART_B = "MB"


def scrub(claim: ClaimCreated, on: date) -> tuple[Finding, ...]:
    """Everything that is wrong with a claim of its kind on this day, in the order of the rules."""
    rules = (rule for rule in RULES if claim.services.kind in rule.kinds)
    return tuple(_finding(rule, found) for rule in rules for found in rule.check(claim, on))


def has_errors(findings: Iterable[Finding]) -> bool:
    """Warnings are for people to read; only errors hold a claim."""
    return any(finding.severity == "error" for finding in findings)


def billed_coverage(claim: ClaimCreated) -> CoverageSnapshot | None:
    """The coverage that the claim goes to, if the account has one of that rank."""
    return next((coverage for coverage in claim.coverages if coverage.rank == claim.rank), None)


def _finding(rule: Rule, found: Found) -> Finding:
    return Finding(
        rule=rule.id,
        rule_version=rule.version,
        severity=rule.severity,
        place=found.place,
        message=found.message,
        value=found.value,
        fix=rule.fix,
    )


def _providers(claim: ClaimCreated) -> Iterator[tuple[str, ProviderIdentity]]:
    yield "organization", claim.services.organization
    yield "rendering", claim.services.rendering
    if claim.services.referring:
        yield "referring", claim.services.referring
    if claim.services.attending:
        yield "attending", claim.services.attending
    if claim.services.operating:
        yield "operating", claim.services.operating
    for number, line in _lines(claim):
        if line.rendering:
            yield f"lines[{number}].rendering", line.rendering


def _lines(claim: ClaimCreated) -> Iterator[tuple[int, ChargeLine]]:
    yield from enumerate(claim.services.lines, start=1)


def _npi_check_digits(claim: ClaimCreated, _: date) -> Iterator[Found]:
    for place, provider in _providers(claim):
        if not is_npi(provider.npi):
            yield Found(
                place=f"{place}.npi", message="not a valid NPI (ten digits with check digit)", value=provider.npi
            )
    if claim.services.facility.npi and not is_npi(claim.services.facility.npi):
        yield Found(place="facility.npi", message="not a valid NPI", value=claim.services.facility.npi)


def _billing_address(claim: ClaimCreated, _: date) -> Iterator[Found]:
    yield from _incomplete("organization.address", claim.services.organization.address)


def _facility_address(claim: ClaimCreated, _: date) -> Iterator[Found]:
    """Loop 2310C is sent when the place differs from the billing address; then N3 and N4 are required."""
    address = claim.services.facility.address
    if address != Address():
        yield from _incomplete("facility.address", address)


def _incomplete(place: str, address: Address) -> Iterator[Found]:
    for name, value in (("line_1", address.line_1), ("city", address.city), ("state", address.state)):
        if not value.strip():
            yield Found(place=f"{place}.{name}", message="an address has street, city, state and ZIP code")
    if len(address.postal_code) != 9 or not address.postal_code.isdigit():
        yield Found(place=f"{place}.postal_code", message="the ZIP code has nine digits", value=address.postal_code)


def _street_address(claim: ClaimCreated, _: date) -> Iterator[Found]:
    address = claim.services.organization.address
    if _BOX.search(address.line_1) or _BOX.search(address.line_2):
        yield Found(place="organization.address.line_1", message="the billing address is a street, not a PO box")


def _taxonomy(claim: ClaimCreated, _: date) -> Iterator[Found]:
    stated = [(place, provider.taxonomy) for place, provider in _providers(claim) if provider.taxonomy]
    if not any(place in ("organization", "rendering") for place, _taxonomy_code in stated):
        yield Found(
            place="organization.taxonomy", message="a taxonomy code of the billing or rendering provider is missing"
        )
    for place, taxonomy in stated:
        if not _TAXONOMY.fullmatch(taxonomy):
            yield Found(
                place=f"{place}.taxonomy", message="a taxonomy code has ten characters and ends in X", value=taxonomy
            )


def _tax_id(claim: ClaimCreated, _: date) -> Iterator[Found]:
    tax_id = claim.services.organization.tax_id
    if len(tax_id) != 9 or not tax_id.isdigit():
        yield Found(place="organization.tax_id", message="the tax id has nine digits")


def _diagnoses(claim: ClaimCreated, _: date) -> Iterator[Found]:
    diagnoses = claim.services.diagnoses
    if not diagnoses:
        yield Found(place="diagnoses", message="a claim has at least one diagnosis")
    if len(diagnoses) > DIAGNOSES_MAX:
        yield Found(place="diagnoses", message="a claim has at most 12 diagnoses", value=str(len(diagnoses)))
    if len(set(diagnoses)) != len(diagnoses):
        yield Found(place="diagnoses", message="a diagnosis is named once")
    for number, diagnosis in enumerate(diagnoses, start=1):
        if not _DIAGNOSIS.fullmatch(diagnosis):
            yield Found(place=f"diagnoses[{number}]", message="not an ICD-10-CM code without its dot", value=diagnosis)


def _pointers(claim: ClaimCreated, _: date) -> Iterator[Found]:
    known = range(1, len(claim.services.diagnoses) + 1)
    for number, line in _lines(claim):
        pointers = line.diagnosis_pointers
        if not 1 <= len(pointers) <= POINTERS_MAX:
            message = "a line points to one to four diagnoses"
            yield Found(place=f"lines[{number}].diagnosis_pointers", message=message, value=str(len(pointers)))
        for pointer in pointers:
            if pointer not in known:
                message = "a pointer names a diagnosis of the claim"
                yield Found(place=f"lines[{number}].diagnosis_pointers", message=message, value=str(pointer))


def _units(claim: ClaimCreated, _: date) -> Iterator[Found]:
    for number, line in _lines(claim):
        if not _is_positive(line.units):
            yield Found(place=f"lines[{number}].units", message="units are a positive number", value=line.units)


def _is_positive(text: str) -> bool:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return False
    return amount.is_finite() and amount > 0


def _codes(claim: ClaimCreated, _: date) -> Iterator[Found]:
    may_be_absent = claim.services.kind == "institutional"  # the revenue code may be all that a line says
    for number, line in _lines(claim):
        if not _PROCEDURE.fullmatch(line.procedure_code) and not (may_be_absent and not line.procedure_code):
            message = "a procedure code has five characters"
            yield Found(place=f"lines[{number}].procedure_code", message=message, value=line.procedure_code)
        if len(line.modifiers) > MODIFIERS_MAX:
            message = "a line has at most four modifiers"
            yield Found(place=f"lines[{number}].modifiers", message=message, value=str(len(line.modifiers)))
        if len(set(line.modifiers)) != len(line.modifiers):
            yield Found(place=f"lines[{number}].modifiers", message="a modifier is named once")
        for modifier in line.modifiers:
            if not _MODIFIER.fullmatch(modifier):
                yield Found(place=f"lines[{number}].modifiers", message="a modifier has two characters", value=modifier)


def _line_count(claim: ClaimCreated, _: date) -> Iterator[Found]:
    lines, kind = claim.services.lines, claim.services.kind
    most = LINES_MAX[kind]
    if not 1 <= len(lines) <= most:
        article = "an" if kind == "institutional" else "a"
        yield Found(place="lines", message=f"{article} {kind} claim has 1 to {most} lines", value=str(len(lines)))
    if len({line.line_id for line in lines}) != len(lines):
        yield Found(place="lines", message="each line has a control number of its own")
    for number, line in _lines(claim):
        if not 1 <= len(line.line_id) <= LINE_ID_LENGTH_MAX:
            yield Found(place=f"lines[{number}].line_id", message="a line control number has 1 to 30 characters")


def _amounts(claim: ClaimCreated, _: date) -> Iterator[Found]:
    for number, line in _lines(claim):
        if line.charged_cents < 0:
            message = "a charge is not negative"
            yield Found(place=f"lines[{number}].charged_cents", message=message, value=str(line.charged_cents))
    lines_cents = sum(line.charged_cents for line in claim.services.lines)
    if lines_cents != claim.services.charged_cents:
        message = f"the claim's total is the sum of its lines ({lines_cents})"
        yield Found(place="charged_cents", message=message, value=str(claim.services.charged_cents))


def _service_dates(claim: ClaimCreated, on: date) -> Iterator[Found]:
    spans = [(f"lines[{number}].service_on", line.service_on, line.service_to_on) for number, line in _lines(claim)]
    for place, service_on, service_to_on in (
        ("service_on", claim.services.service_on, claim.services.service_to_on),
        *spans,
    ):
        if service_on > on or (service_to_on and service_to_on > on):
            yield Found(place=place, message="a service is not in the future", value=str(service_to_on or service_on))
        if service_to_on and service_to_on < service_on:
            yield Found(
                place=place, message="the through date is not before the service date", value=str(service_to_on)
            )


def _payer(claim: ClaimCreated, _: date) -> Iterator[Found]:
    coverage = billed_coverage(claim)
    if coverage is None:
        yield Found(place="coverages", message="the account has no coverage of this rank", value=str(claim.rank))
        return
    if not coverage.payer_electronic_id:
        yield Found(
            place="coverage.payer_electronic_id", message="the payer has an electronic id", value=coverage.payer_id
        )
    if coverage.filing_indicator not in _FILING_INDICATORS:
        message = "not a claim filing indicator"
        yield Found(place="coverage.filing_indicator", message=message, value=coverage.filing_indicator)


def _subscriber(claim: ClaimCreated, _: date) -> Iterator[Found]:
    for coverage in claim.coverages:
        place = f"coverages[{coverage.rank}]"
        number = coverage.member_number
        if number.is_fresh and not number.read_fresh().strip():
            yield Found(place=f"{place}.member_number", message="the member number is missing")
        if coverage.relationship not in _RELATIONSHIPS:
            message = "not a patient relationship code"
            yield Found(place=f"{place}.relationship", message=message, value=coverage.relationship)
        if coverage.relationship != "18" and coverage.subscriber is None:
            yield Found(place=f"{place}.subscriber", message="the subscriber is named when it is not the patient")


def _place_of_service(claim: ClaimCreated, _: date) -> Iterator[Found]:
    places = [("facility.place_of_service", claim.services.facility.place_of_service)]
    places += [
        (f"lines[{n}].place_of_service", line.place_of_service) for n, line in _lines(claim) if line.place_of_service
    ]
    for place, code in places:
        if code not in _PLACES_OF_SERVICE:
            yield Found(place=place, message="not a place of service code", value=code)


def _frequency(claim: ClaimCreated, _: date) -> Iterator[Found]:
    if claim.frequency != "1" and not claim.replaces_payer_control_number:
        message = "a replacement or void names the payer's control number of the claim before (REF*F8)"
        yield Found(place="replaces_payer_control_number", message=message)


def _medicare_frequency(claim: ClaimCreated, _: date) -> Iterator[Found]:
    coverage = billed_coverage(claim)
    if coverage and coverage.filing_indicator == _MEDICARE_PART_B and claim.frequency != "1":
        message = "Medicare Part B takes original claims only"
        yield Found(place="frequency", message=message, value=claim.frequency)


def _earlier_payers(claim: ClaimCreated, _: date) -> Iterator[Found]:
    answered = {prior.rank for prior in claim.prior}
    for rank in range(1, claim.rank):
        if rank not in answered:
            yield Found(place=f"prior[{rank}]", message="every payer before this one has answered", value=str(rank))


def _coordination_balances(claim: ClaimCreated, _: date) -> Iterator[Found]:
    """Charge = paid + all adjustments of each earlier payer; with lines, each line and the claim (837P 2320 and 2430)."""
    for prior in claim.prior:
        if _explained_cents(prior) != claim.services.charged_cents:
            message = "charge = paid + adjustments, for each earlier payer"
            yield Found(place=f"prior[{prior.rank}]", message=message, value=str(_explained_cents(prior)))
        for number, line in enumerate(prior.lines, start=1):
            if line.charged_cents != line.paid_cents + sum(a.amount_cents for a in line.adjustments):
                message = "charge = paid + adjustments, for each line of an earlier payer"
                yield Found(
                    place=f"prior[{prior.rank}].lines[{number}]", message=message, value=str(line.charged_cents)
                )


def _explained_cents(prior: PriorAdjudication) -> int:
    adjustments = [*prior.adjustments, *(adjustment for line in prior.lines for adjustment in line.adjustments)]
    return prior.paid_cents + sum(adjustment.amount_cents for adjustment in adjustments)


def _submitter_contact(claim: ClaimCreated, _: date) -> Iterator[Found]:
    phone = claim.services.submitter_phone or claim.services.organization.phone
    if len(phone) != 10 or not phone.isdigit():
        yield Found(place="submitter_phone", message="the submitter's telephone number has ten digits")


RULES: tuple[Rule, ...] = (
    error("npi-check-digit", _npi_check_digits, "Correct the NPI in the provider's record."),
    error("billing-address", _billing_address, "Complete the organisation's address with its nine-digit ZIP code."),
    error("billing-address-street", _street_address, "Enter the street address; a PO box belongs in the pay-to address."),
    error("facility-address", _facility_address, "Complete the facility's address with its nine-digit ZIP code."),
    error("taxonomy", _taxonomy, "Enter the provider's taxonomy code as enrolled with the payer."),
    error("tax-id", _tax_id, "Enter the organisation's nine-digit tax id without the dash."),
    error("submitter-contact", _submitter_contact, "Enter the billing office's telephone number of the organisation."),
    error("diagnoses", _diagnoses, "Code the encounter with one to twelve different diagnoses.", "professional"),
    error("diagnosis-pointers", _pointers, "Point each line to one to four of the claim's diagnoses.", "professional"),
    error("units", _units, "Enter the number of units of the service."),
    error("procedure-and-modifiers", _codes, "Correct the procedure code or its modifiers."),
    error("lines", _line_count, "Bill as many lines as a claim of this kind takes; split what is more."),
    error("amounts", _amounts, "Correct the charges so that the lines add up to the claim."),
    error("service-dates", _service_dates, "Correct the date of service."),
    error("payer", _payer, "Complete the payer's listing, or the order of coverages."),
    error("subscriber", _subscriber, "Complete the coverage in registration."),
    error("place-of-service", _place_of_service, "Enter the two-digit place of service of the facility or line.", "professional", "dental"),
    error("frequency", _frequency, "Wait for the payer's control number, or enter it from the remittance."),
    error("medicare-frequency", _medicare_frequency, "Ask the contractor for a reopening, or appeal."),
    error("earlier-payers", _earlier_payers, "Wait for the earlier payer's remittance, or correct the order of coverages."),
    error("coordination-of-benefits", _coordination_balances, "Correct the earlier payer's answer from its remittance."),
    *institutional_rules.RULES,
    *dental_rules.RULES,
)  # fmt: skip
