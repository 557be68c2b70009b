"""What stands in each form locator of a UB-04 (CMS-1450)?

Pure: the personal values come in already opened, from the same claim as the 837I. A locator is named by its number on the form, of what is
repeated with the row (`42/1`, `50/A`). Left empty is what our claims do not tell: 2, 3b, 7, 8a, 19 to 28 beyond the condition codes, 29, 30, 37,
49, 55, 57, 61, 65, 68, 73, 75, 79 and 80. Source: NUBC UB-04 manual, in our own words: capital letters, dates as MMDDYY (birth date MMDDYYYY),
codes without their point, 22 service lines a page and the total, under revenue code 0001, on line 23 of the last.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal

from services.claims.adapters.form_text import (
    amount,
    city_line,
    clean,
    person_name,
    phone,
    provider_name,
    street,
    zip_code,
)
from services.claims.adapters.opened_claims import OpenedClaim
from services.claims.domain.claim.scrubbing import billed_coverage
from shared.events.claim_kinds import HospitalCoding, HospitalStay
from shared.events.claims import ClaimCreated, ServicesBilled
from shared.events.values import ChargeLine, CoverageSnapshot, ProviderIdentity
from shared.kernel.code_forms import is_inpatient_bill

LINES_PER_PAGE = 22
PAYERS = "ABC"
DIAGNOSES = "ABCDEFGHIJKLMNOPQ"  # of 67, behind the principal one
PROCEDURES = "abcde"  # of 74, behind the principal one
CONDITION_LOCATORS = range(18, 29)
OCCURRENCES = tuple(f"{locator}{row}" for row in "ab" for locator in range(31, 35))
SPANS = tuple(f"{locator}{row}" for row in "ab" for locator in (35, 36))
VALUES = tuple(f"{locator}{row}" for row in "abcd" for locator in (39, 40, 41))

Locators = Mapping[str, str]


def pages_of(opened: OpenedClaim, printed_on: date) -> list[Locators]:
    """The locators of each page, empty ones left out. More than 22 lines go on: each page says the whole claim again, and the last
    one the total. Raises ValueError for a claim without a payer or one that says more than the form has room for."""
    claim = opened.claim
    coverage = billed_coverage(claim)
    if coverage is None:
        raise ValueError("a claim without a payer cannot be printed")
    if without_room(claim):
        raise ValueError(f"the form has no room for {', '.join(without_room(claim))}")
    lines = claim.services.lines
    parts = [lines[start : start + LINES_PER_PAGE] for start in range(0, len(lines), LINES_PER_PAGE)] or [()]
    whole = dict(_locators(opened, coverage))
    pages: list[Locators] = []
    for number, part in enumerate(parts, start=1):
        found = whole | dict(_lines(part, claim.services))
        found |= dict(_last_line(claim.services, printed_on, page=number, of=len(parts)))
        pages.append({locator: text for locator, text in found.items() if text})
    return pages


def without_room(claim: ClaimCreated) -> list[str]:
    """What an 837I may say and paper cannot: how many of what there are, and how many the form takes."""
    services = claim.services
    stay, coding = services.stay or HospitalStay(), services.coding or HospitalCoding()
    counted = (
        ("diagnoses", len(services.diagnoses), 1 + len(DIAGNOSES)),
        ("procedures", len(coding.procedures), 1 + len(PROCEDURES)),
        ("external causes", len(coding.external_causes), 3),
        ("reasons for the visit", len(coding.reasons_for_visit), 3),
        ("condition codes", len(stay.conditions), len(CONDITION_LOCATORS)),
        ("occurrence codes", len(stay.occurrences), len(OCCURRENCES)),
        ("occurrence spans", len(stay.spans), len(SPANS)),
        ("value codes", len(stay.values), len(VALUES)),
        ("payers", len(claim.coverages), len(PAYERS)),
    )
    return [f"{found} {what} (at most {most})" for what, found, most in counted if found > most]


def _locators(opened: OpenedClaim, coverage: CoverageSnapshot) -> Iterator[tuple[str, str]]:
    claim, services = opened.claim, opened.claim.services
    stay, coding = services.stay or HospitalStay(), services.coding or HospitalCoding()
    billing = services.organization
    texts = (provider_name(billing), street(billing.address), city_line(billing.address), phone(billing.phone))
    for number, text in enumerate(texts, start=1):
        yield f"1/{number}", text
    yield "3a", claim.claim_id
    yield "4", f"0{stay.bill_type}{claim.frequency}" if stay.bill_type else ""
    yield "5", billing.tax_id
    yield "6 from", _day(stay.statement_from_on)
    yield "6 through", _day(stay.statement_through_on)
    yield from _patient(opened)
    yield from _admission(stay)
    yield from _codes_of_stay(stay)
    yield from _responsible(opened, coverage)
    for letter, each in zip(PAYERS, sorted(claim.coverages, key=lambda each: each.rank), strict=False):
        yield from _payer(letter, each, opened, is_billed=each.rank == coverage.rank)
    yield "56", billing.npi
    yield from _coded(services.diagnoses, coding, is_inpatient=is_inpatient_bill(stay.bill_type))
    yield from _provider("76", services.attending)
    yield from _provider("77", services.operating)
    if services.referring:
        yield "78 qualifier", "DN"
        yield from _provider("78", services.referring)
    yield "81a qualifier", "B3" if billing.taxonomy else ""
    yield "81a", billing.taxonomy


def _patient(opened: OpenedClaim) -> Iterator[tuple[str, str]]:
    person = opened.patient
    yield "8b", person_name(person.name)
    yield "9a", street(person.address)
    yield "9b", clean(person.address.city)
    yield "9c", clean(person.address.state)
    yield "9d", zip_code(person.address.postal_code)
    yield "10", f"{person.birth_on:%m%d%Y}" if person.birth_on else ""
    yield "11", person.sex


def _admission(stay: HospitalStay) -> Iterator[tuple[str, str]]:
    yield "12", _day(stay.admitted_on)
    yield "13", stay.admitted_time[:2]
    yield "14", stay.admission_type
    yield "15", stay.admission_source
    yield "16", stay.discharged_time[:2]
    yield "17", stay.patient_status


def _codes_of_stay(stay: HospitalStay) -> Iterator[tuple[str, str]]:
    for locator, condition in zip(CONDITION_LOCATORS, stay.conditions, strict=False):
        yield str(locator), condition
    for place, occurrence in zip(OCCURRENCES, stay.occurrences, strict=False):
        yield place, occurrence.code
        yield f"{place} date", _day(occurrence.occurred_on)
    for place, span in zip(SPANS, stay.spans, strict=False):
        yield place, span.code
        yield f"{place} from", _day(span.first_on)
        yield f"{place} through", _day(span.last_on)
    for place, value in zip(VALUES, stay.values, strict=False):
        yield place, value.code
        yield f"{place} amount", amount(value.amount_cents)


def _responsible(opened: OpenedClaim, coverage: CoverageSnapshot) -> Iterator[tuple[str, str]]:
    insured = opened.coverages[coverage.rank].subscriber or opened.patient
    for number, text in enumerate(
        (person_name(insured.name), street(insured.address), city_line(insured.address)), start=1
    ):
        yield f"38/{number}", text.strip()


def _payer(
    letter: str, coverage: CoverageSnapshot, opened: OpenedClaim, *, is_billed: bool
) -> Iterator[tuple[str, str]]:
    claim, known = opened.claim, opened.coverages[coverage.rank]
    paid = [prior.paid_cents for prior in claim.prior if prior.rank == coverage.rank]
    yield f"50/{letter}", clean(coverage.payer_name)
    yield f"51/{letter}", clean(coverage.payer_electronic_id)
    yield f"52/{letter}", "Y"
    yield f"53/{letter}", "Y"
    yield f"54/{letter}", amount(sum(paid)) if paid else ""
    yield f"58/{letter}", person_name((known.subscriber or opened.patient).name)
    yield f"59/{letter}", coverage.relationship
    yield f"60/{letter}", clean(known.member_number)
    yield f"62/{letter}", clean(known.group_number)
    yield f"63/{letter}", clean(coverage.authorization_number)
    yield f"64/{letter}", clean(claim.replaces_payer_control_number) if is_billed and claim.frequency != "1" else ""


def _coded(diagnoses: Sequence[str], coding: HospitalCoding, *, is_inpatient: bool) -> Iterator[tuple[str, str]]:
    yield "66", "0"  # ICD-10-CM
    for place, code in zip(("67", *(f"67{letter}" for letter in DIAGNOSES)), diagnoses, strict=False):
        yield place, code
        yield f"{place} present", coding.was_present(code)
    yield "69", coding.admitting_diagnosis
    for letter, code in zip("abc", coding.reasons_for_visit, strict=False):
        yield f"70{letter}", code
    yield "71", coding.drg if is_inpatient else ""
    for letter, code in zip("abc", coding.external_causes, strict=False):
        yield f"72{letter}", code
        yield f"72{letter} present", coding.was_present(code)
    for place, procedure in zip(("74", *(f"74{letter}" for letter in PROCEDURES)), coding.procedures, strict=False):
        yield place, procedure.code
        yield f"{place} date", _day(procedure.performed_on)


def _provider(locator: str, provider: ProviderIdentity | None) -> Iterator[tuple[str, str]]:
    if provider is None:
        return
    yield f"{locator} npi", provider.npi
    yield f"{locator} last", clean(provider.last_or_organisation)
    yield f"{locator} first", clean(provider.first)


def _lines(lines: Sequence[ChargeLine], services: ServicesBilled) -> Iterator[tuple[str, str]]:
    is_inpatient = is_inpatient_bill((services.stay or HospitalStay()).bill_type)
    for number, line in enumerate(lines, start=1):
        rate = amount(line.rate_cents) if line.rate_cents is not None else ""
        yield f"42/{number}", line.revenue_code
        yield f"43/{number}", f"N4{line.national_drug_code}{line.unit}{line.units}" if line.national_drug_code else ""
        yield f"44/{number}", "".join((line.procedure_code, *line.modifiers)) or rate
        yield f"45/{number}", "" if is_inpatient and not line.procedure_code else _day(line.service_on)
        yield f"46/{number}", f"{Decimal(line.units).normalize():f}"
        yield f"47/{number}", amount(line.charged_cents)
        yield f"48/{number}", amount(line.non_covered_cents) if line.non_covered_cents else ""


def _last_line(services: ServicesBilled, printed_on: date, *, page: int, of: int) -> Iterator[tuple[str, str]]:
    yield "page", str(page)
    yield "of", str(of)
    yield "created", _day(printed_on)
    if page < of:
        return
    not_covered = sum(line.non_covered_cents for line in services.lines)
    yield "total", "0001"
    yield "47 total", amount(services.charged_cents)
    yield "48 total", amount(not_covered) if not_covered else ""


def _day(day: date | None) -> str:
    return f"{day:%m%d%y}" if day else ""
