"""What stands in each item of a CMS-1500 (02/12)?

Pure: the personal values come in already opened, from the same claim as the 837P. An item is named by its number on the form and, of a
line, by the line (`24F/1`). Source: NUCC 1500 reference instructions for version 02/12, in our own words: capital letters, dates as MM DD YY
(birth dates as MM DD YYYY), diagnoses without their point, amounts without dollar sign and point, six lines a page.
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
from services.claims.adapters.x12_claims import SELF
from services.claims.domain.claim.scrubbing import billed_coverage
from shared.events.values import Address, ChargeLine, CoverageSnapshot, Person

LINES_PER_PAGE = 6
ON_FILE = "SIGNATURE ON FILE"
_KINDS = {"MA": "medicare", "MB": "medicare", "MC": "medicaid", "CH": "tricare", "VA": "champva"}  # item 1, by SBR09
_RELATIONSHIPS = {SELF: "self", "01": "spouse", "19": "child"}  # item 6

Items = Mapping[str, str]


def pages_of(opened: OpenedClaim) -> list[Items]:
    """The items of each page, empty ones left out. More than six lines go on: each page says the whole claim again, and the last one
    the total. Raises ValueError for a claim without a payer."""
    claim = opened.claim
    coverage = billed_coverage(claim)
    if coverage is None:
        raise ValueError("a claim without a payer cannot be printed")
    lines = claim.services.lines
    parts = [lines[start : start + LINES_PER_PAGE] for start in range(0, len(lines), LINES_PER_PAGE)] or [()]
    whole = dict(_items(opened, coverage))
    pages: list[Items] = []
    for number, part in enumerate(parts, start=1):
        total = dict(_totals(opened)) if number == len(parts) else {"28": "CONTINUED"}
        found = whole | dict(_lines(part, opened)) | total
        pages.append({item: text for item, text in found.items() if text})
    return pages


def _items(opened: OpenedClaim, coverage: CoverageSnapshot) -> Iterator[tuple[str, str]]:
    claim, services, known = opened.claim, opened.claim.services, opened.coverages[coverage.rank]
    insured = known.subscriber or opened.patient
    yield "payer", clean(coverage.payer_name)
    yield f"1 {_kind(coverage, known.group_number)}", "X"
    yield "1a", clean(known.member_number)
    yield "2", person_name(opened.patient.name)
    yield from _born("3", opened.patient)
    yield "4", person_name(insured.name)
    yield from _address("5", opened.patient)
    yield f"6 {_RELATIONSHIPS.get(coverage.relationship, 'other')}", "X"
    yield from _address("7", insured)
    yield from _other_insured(opened, coverage)
    for item in ("10a", "10b", "10c"):  # a claim of ours names no accident
        yield f"{item} no", "X"
    yield "11", clean(known.group_number)
    yield from _born("11a", insured)
    yield "11c", clean(coverage.payer_name)
    yield "12", ON_FILE
    yield "13", ON_FILE
    if services.referring:
        yield "17 qualifier", "DN"
        yield "17", provider_name(services.referring)
        yield "17b", services.referring.npi
    yield "21 indicator", "0"  # ICD-10-CM
    for letter, diagnosis in zip("ABCDEFGHIJKL", services.diagnoses, strict=False):
        yield f"21{letter}", clean(diagnosis)
    if claim.frequency != "1":
        yield "22", claim.frequency
        yield "22 original", clean(claim.replaces_payer_control_number)
    yield "23", clean(coverage.authorization_number)
    yield "25", services.organization.tax_id
    yield "25 employer", "X" if services.organization.tax_id else ""
    yield "26", claim.claim_id
    yield "27 yes", "X"
    yield "31", provider_name(services.rendering)
    yield from _places(opened)


def _kind(coverage: CoverageSnapshot, group_number: str) -> str:
    return _KINDS.get(coverage.filing_indicator) or ("group" if group_number else "other")


def _other_insured(opened: OpenedClaim, billed: CoverageSnapshot) -> Iterator[tuple[str, str]]:
    """The payer before this one, or else the one behind it."""
    others = [each for each in opened.claim.coverages if each.rank != billed.rank]
    yield f"11d {'yes' if others else 'no'}", "X"
    if not others:
        return
    before = [each for each in others if each.rank < billed.rank]
    other = before[-1] if before else others[0]
    known = opened.coverages[other.rank]
    yield "9", person_name((known.subscriber or opened.patient).name)
    yield "9a", clean(known.group_number or known.member_number)
    yield "9d", clean(other.payer_name)


def _places(opened: OpenedClaim) -> Iterator[tuple[str, str]]:
    services = opened.claim.services
    facility, billing = services.facility, services.organization
    address = facility.address if facility.address != Address() else billing.address
    for number, text in enumerate((clean(facility.name), street(address), city_line(address)), start=1):
        yield f"32/{number}", text
    yield "32a", facility.npi or billing.npi
    yield "33 phone", phone(billing.phone)
    for number, text in enumerate(
        (provider_name(billing), street(billing.address), city_line(billing.address)), start=1
    ):
        yield f"33/{number}", text
    yield "33a", billing.npi
    yield "33b", f"ZZ{billing.taxonomy}" if billing.taxonomy else ""


def _lines(lines: Sequence[ChargeLine], opened: OpenedClaim) -> Iterator[tuple[str, str]]:
    services = opened.claim.services
    for number, line in enumerate(lines, start=1):
        rendering = line.rendering or services.rendering
        yield f"24A from/{number}", _day(line.service_on)
        yield f"24A to/{number}", _day(line.service_to_on or line.service_on)
        yield f"24B/{number}", line.place_of_service or services.facility.place_of_service
        yield f"24D/{number}", line.procedure_code
        yield f"24D modifiers/{number}", " ".join(line.modifiers)
        yield f"24E/{number}", "".join("ABCDEFGHIJKL"[pointer - 1] for pointer in line.diagnosis_pointers)
        yield f"24F/{number}", amount(line.charged_cents)
        yield f"24G/{number}", f"{Decimal(line.units).normalize():f}"
        yield f"24J/{number}", rendering.npi
        if line.national_drug_code:
            yield f"24 shaded/{number}", f"N4{line.national_drug_code} {line.unit}{line.units}"


def _totals(opened: OpenedClaim) -> Iterator[tuple[str, str]]:
    yield "28", amount(opened.claim.services.charged_cents)
    paid = sum(prior.paid_cents for prior in opened.claim.prior)
    yield "29", amount(paid) if opened.claim.prior else ""


def _born(item: str, person: Person) -> Iterator[tuple[str, str]]:
    yield item, f"{person.birth_on:%m %d %Y}" if person.birth_on else ""
    if person.sex in ("F", "M"):
        yield f"{item} {person.sex}", "X"


def _address(item: str, person: Person) -> Iterator[tuple[str, str]]:
    address = person.address
    yield item, street(address)
    yield f"{item} city", clean(address.city)
    yield f"{item} state", clean(address.state)
    yield f"{item} zip", zip_code(address.postal_code)
    yield f"{item} phone", phone(person.phone)


def _day(day: date) -> str:
    return f"{day:%m %d %y}"
