"""Does a claim agree with itself: totals, pointers, dates, and what other payers decided?

Source: ASC X12N 005010X222A1, X223A2 and X224A2: situational rules that payers enforce, and coordination of benefits.
Not asked: what the guide's own tables already say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from shared.codecs.x12.claim_837d import DentalClaim
from shared.codecs.x12.claim_837i import InstitutionalClaim
from shared.codecs.x12.claim_837p import DIAGNOSES_MAX, ProfessionalClaim, ServiceLine
from shared.codecs.x12.claim_parts import REPLACEMENT, VOID, Claim, ClaimLine, OtherCoverage
from shared.codecs.x12.claim_reading import ClaimReader
from shared.codecs.x12.problems import Severity, X12Error
from shared.codecs.x12.tokenizer import Segment
from shared.codecs.x12.values import cents_text

_CLAIM_ID_LENGTH_MAX = 20


def check_claim(claim: Claim) -> Iterator[X12Error]:
    """Every rule of one claim and its lines."""
    yield from _of_totals(claim)
    yield from _of_people(claim)
    for line in claim.lines:
        yield from _of_line(line)
    for coverage in claim.other_coverages:
        yield from _of_coverage(coverage, claim)
    match claim:
        case ProfessionalClaim():
            yield from _of_professional(claim)
        case InstitutionalClaim():
            yield from _of_institutional(claim)
        case DentalClaim():
            yield from _of_diagnoses(claim.diagnoses, 4, claim)
        case _:
            pass


def _at(
    segment: int,
    element: str,
    rule: str,
    *,
    found: str = "",
    expected: str = "",
    severity: Severity = "error",
    loop: str = "2300",
) -> X12Error:
    return X12Error(
        segment=segment, element=element, found=found, rule=rule, expected=expected, severity=severity, loop=loop
    )


# Where the words of a claim that stand above it were read: loop, HL03, NM101
_ABOVE = {"2010AA": ("20", "85"), "2010BA": ("22", "IL"), "2010CA": ("23", "QC")}
_QUALIFIERS = {"AMT": "D", "REF": "6R", "DTP": "472"}


def placed(problem: X12Error, reader: ClaimReader[Any]) -> X12Error:
    """The problem at the segment that its element stands in, for a rule knows where a loop begins."""
    name, index = problem.element[:-2], problem.element[-2:]
    if not index.isdigit():
        name, index = problem.element, ""
    if problem.loop in _ABOVE:
        code, role = _ABOVE[problem.loop]
        segments: Sequence[Segment] = reader.levels.get(code, ())
        start = next((each.number for each in segments if each.elements[0] == "NM1" and each[1] == role), 0)
    else:
        segments, start = reader.claim, problem.segment
    if not start:
        return problem
    found = start
    if index or name == "HI":
        qualifier = _QUALIFIERS.get(name, "") if name != "HI" else ""
        fitting = (
            each.number
            for each in segments
            if each.number >= start and each.elements[0] == name and (not qualifier or each[1] == qualifier)
        )
        found = next(fitting, start)
    return replace(problem, segment=found)


def _of_totals(claim: Claim) -> Iterator[X12Error]:
    at = claim.place.first_segment
    charged = sum(line.charged_cents for line in claim.lines)
    if charged != claim.charged_cents:
        found = cents_text(claim.charged_cents)
        yield _at(at, "CLM02", "claim charge is the sum of its lines", found=found, expected=cents_text(charged))
    if claim.charged_cents < 0:
        yield _at(at, "CLM02", "a charge is not negative", found=cents_text(claim.charged_cents))
    if not claim.claim_id or len(claim.claim_id) > _CLAIM_ID_LENGTH_MAX:
        yield _at(at, "CLM01", "CLM01 has 1 to 20 characters", found=claim.claim_id[:38])
    if claim.frequency in (REPLACEMENT, VOID) and not claim.payer_control_number:
        rule = "a replacement or void names the payer's claim number in REF F8"
        yield _at(at, "REF", rule, found=claim.frequency)
    numbers = Counter(line.control_number for line in claim.lines if line.control_number)
    for line in claim.lines:
        if numbers[line.control_number] > 1:
            rule = "a line item control number stands once in its claim"
            yield _at(line.place.first_segment, "REF02", rule, found=line.control_number[:30], loop="2400")


def _of_people(claim: Claim) -> Iterator[X12Error]:
    at, person = claim.place.first_segment, claim.person
    patient_loop = "2010CA" if claim.patient else "2010BA"
    if person.address is None:
        yield _at(at, "N3", "the patient has an address", loop=patient_loop)
    if person.born_on is None and not person.gender:
        yield _at(at, "DMG", "the patient has a birth date", loop=patient_loop)
    subscriber = claim.subscriber.party
    if subscriber.is_person and not subscriber.id:
        rule = "a subscriber who is a person has a member id"
        yield _at(at, "NM109", rule, severity="warning", loop="2010BA")
    billing = claim.billing_provider.party
    if billing.address is None:
        yield _at(at, "N3", "the billing provider has a street address", loop="2010AA")
    elif _is_box(billing.address.line_1):
        rule = "the billing address is a street address and no box"
        yield _at(at, "N301", rule, severity="warning", loop="2010AA")
    if billing.address and len(billing.address.postal_code) != 9 and billing.address.country in ("", "US"):
        rule = "the billing address has a ZIP of nine digits"
        yield _at(at, "N403", rule, found=billing.address.postal_code[:15], severity="warning", loop="2010AA")
    if not (billing.reference("EI") or billing.reference("SY")):
        yield _at(at, "REF", "the billing provider has a tax id in REF EI or SY", loop="2010AA")


def _is_box(line: str) -> bool:
    words = line.upper().replace(".", "").split()
    return words[:2] == ["PO", "BOX"] or words[:1] == ["POBOX"] or words[:2] == ["LOCK", "BOX"]


def _of_line(line: ClaimLine) -> Iterator[X12Error]:
    at = line.place.first_segment
    if line.charged_cents < 0:
        yield _at(at, _charge_of(line), "a charge is not negative", found=cents_text(line.charged_cents), loop="2400")
    for decided in line.adjudications:
        adjusted = decided.paid_cents + sum(each.cents for each in decided.adjustments)
        if adjusted != line.charged_cents:
            rule = "another payer's payment and adjustments sum to the line charge"
            place, expected = decided.place.first_segment, cents_text(line.charged_cents)
            yield _at(place, "SVD02", rule, found=cents_text(adjusted), expected=expected, loop="2430")


def _charge_of(line: ClaimLine) -> str:
    return "SV102" if isinstance(line, ServiceLine) else "SV203" if hasattr(line, "revenue_code") else "SV302"


def _of_coverage(coverage: OtherCoverage, claim: Claim) -> Iterator[X12Error]:
    """CLM02 = AMT*D + every CAS of that payer, at claim and line level. A8 replaces both."""
    payers = {each.payer.id for each in claim.other_coverages}
    for line in claim.lines:
        for decided in line.adjudications:
            if coverage is claim.other_coverages[0] and decided.payer_id not in payers:
                rule = "SVD01 names another payer of the claim"
                yield _at(decided.place.first_segment, "SVD01", rule, found=decided.payer_id[:30], loop="2430")
    if coverage.paid_cents is None or coverage.non_covered_cents is not None:
        return
    lines = [each for line in claim.lines for each in line.adjudications if each.payer_id == coverage.payer.id]
    adjustments = [*coverage.adjustments, *(adjustment for each in lines for adjustment in each.adjustments)]
    total = coverage.paid_cents + sum(adjustment.cents for adjustment in adjustments)
    if total != claim.charged_cents:
        rule = "another payer's payment and adjustments sum to the claim charge"
        expected = cents_text(claim.charged_cents)
        yield _at(coverage.place.first_segment, "AMT02", rule, found=cents_text(total), expected=expected, loop="2320")


def _of_professional(claim: ProfessionalClaim) -> Iterator[X12Error]:
    at = claim.place.first_segment
    if not claim.lines or len(claim.lines) > 50:
        yield _at(at, "CLM", "a professional claim has 1 to 50 lines", found=str(len(claim.lines)))
    if not claim.diagnoses:
        yield _at(at, "HI", "a claim has 1 to 12 diagnoses", found="0")
    yield from _of_diagnoses(claim.diagnoses, DIAGNOSES_MAX, claim)
    if claim.related_causes and not any(dated.qualifier == "439" for dated in claim.dates):
        yield _at(at, "DTP", "an accident has its date in DTP 439", severity="warning")
    if claim.place_of_service == "21" and not any(dated.qualifier == "435" for dated in claim.dates):
        yield _at(at, "DTP", "an inpatient visit has its admission date in DTP 435", severity="warning")
    for line in claim.lines:
        yield from _of_service_line(line, claim)


def _of_diagnoses(diagnoses: tuple[str, ...], most: int, claim: Claim) -> Iterator[X12Error]:
    at = claim.place.first_segment
    if len(diagnoses) > most:
        yield _at(at, "HI", f"a claim has 1 to {most} diagnoses", found=str(len(diagnoses)))
    if any(times > 1 for times in Counter(diagnoses).values()):
        yield _at(at, "HI", "no diagnosis stands twice")
    if any("." in code for code in diagnoses):
        yield _at(at, "HI", "a diagnosis is written without its point", severity="warning")


def _of_service_line(line: ServiceLine, claim: ProfessionalClaim) -> Iterator[X12Error]:
    at, known = line.place.first_segment, len(claim.diagnoses)
    for pointer in line.pointers:
        if not 1 <= pointer <= known:
            rule = "a diagnosis pointer names one of the claim's diagnoses"
            yield _at(at, "SV107", rule, found=str(pointer), loop="2400")
    if not 1 <= len(line.pointers) <= 4:
        rule = "a line has 1 to 4 diagnosis pointers"
        yield _at(at, "SV107", rule, found=str(len(line.pointers)), loop="2400")
    unreadable = any(segment.id == "DTP" and segment[1] == "472" for segment in line.others)
    if line.service_on is None and not unreadable:
        yield _at(at, "DTP", "a line has a service date in DTP 472", loop="2400")
    yield from _of_birth(line.service_on, at, claim)


def _of_birth(day: date | None, at: int, claim: Claim) -> Iterator[X12Error]:
    born = claim.person.born_on
    if day is not None and born is not None and day < born:
        yield _at(at, "DTP03", "nobody is treated before birth", loop="2400")


def _of_institutional(claim: InstitutionalClaim) -> Iterator[X12Error]:
    at = claim.place.first_segment
    if not claim.lines or len(claim.lines) > 999:
        yield _at(at, "CLM", "an institutional claim has 1 to 999 lines", found=str(len(claim.lines)))
    yield from _of_diagnoses(claim.codes.diagnosis_codes, 25, claim)
    if claim.facility_type in ("11", "12", "18", "21") and claim.stay.admitted_on is None:
        yield _at(at, "DTP", "an inpatient stay has its admission date in DTP 435", severity="warning")
    for line in claim.lines:
        if line.revenue_code == "0001":
            yield _at(line.place.first_segment, "SV201", "the total line 0001 is never sent", found="0001", loop="2400")
        yield from _of_birth(line.service_on, line.place.first_segment, claim)
