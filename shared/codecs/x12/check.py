"""What is wrong with an X12 file, before anybody else reads it?

Envelopes, counts and control numbers; hierarchy; segments that a set needs or does not know; amounts and dates; NPI
check digits; for an 837P its totals, pointers and coordination of benefits; for an 835 its three balances. Sources:
ASC X12.5 and the 005010 guides. A finding never shows what a person is called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from shared.codecs.x12.balance import OutOfBalance, balance
from shared.codecs.x12.claim_837p import (
    DIAGNOSES_MAX,
    REPLACEMENT,
    VOID,
    ClaimBatch,
    OtherCoverage,
    ProfessionalClaim,
    ServiceLine,
)
from shared.codecs.x12.documents import Document, document_of, interchange_acknowledgements, json_document
from shared.codecs.x12.envelope import TransactionSet, read_transactions
from shared.codecs.x12.problems import Problems, Severity, X12Error
from shared.codecs.x12.remittance_835 import RemittanceAdvice
from shared.codecs.x12.tokenizer import Segment
from shared.codecs.x12.values import cents_text, is_npi

__all__ = ["Finding", "check", "json_document"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, for a person and for a program."""

    severity: Severity
    segment: int  # running number in the file, ISA is 1; 0: the file itself
    element: str
    rule: str  # stable kebab id
    found: str  # withheld where it may be personal
    message: str


def check(data: bytes) -> list[Finding]:
    """Every finding of a file in the order of its segments; empty when it is sound."""
    problems = Problems()
    found = 0
    for transaction in read_transactions(data, problems):
        found += 1
        document = document_of(transaction)
        problems.extend(document.problems[len(transaction.problems) :])
        problems.extend(_structure(transaction))
        problems.extend(_of_document(document))
    if not found and not list(interchange_acknowledgements(data)):
        problems.at(0, "ST", "a file holds a transaction set or a TA1")
    unique = dict.fromkeys(problems)
    return [_finding(problem) for problem in sorted(unique, key=lambda each: each.segment)]


def _finding(problem: X12Error) -> Finding:
    return Finding(
        severity=problem.severity,
        segment=problem.segment,
        element=problem.element,
        rule=problem.rule_id,
        found=problem.found,
        message=problem.message,
    )


def _of_document(document: Document) -> list[X12Error]:
    match document:
        case RemittanceAdvice():
            return [_of_balance(each) for each in balance(document)]
        case ClaimBatch():
            return _of_claims(document)
        case _:
            return []


def _of_balance(finding: OutOfBalance) -> X12Error:
    return X12Error(
        segment=finding.segment,
        element=finding.element,
        found=cents_text(finding.found_cents),
        rule=finding.rule,
        expected=cents_text(finding.expected_cents),
        severity=finding.severity,
    )


# Structure

_CLAIM_IDS = (
    "ST BHT NM1 N3 N4 REF PER HL PRV CUR SBR PAT DMG CLM DTP PWK CN1 AMT K3 NTE CRC HI HCP CAS OI MOA LX QTY SVD SE"
)
_REQUEST_IDS = "ST BHT HL NM1 REF N3 N4 PRV TRN DMG INS HI DTP AMT III SE"
_KNOWN = {
    kind: frozenset(ids.split())
    for kind, ids in {
        "837P": _CLAIM_IDS + " CR1 CR2 SV1 SV5 CR3 MEA PS1 LIN CTP LQ FRM",
        "837I": _CLAIM_IDS + " CL1 MIA SV2 LIN CTP",
        "837D": _CLAIM_IDS + " DN1 DN2 SV3 TOO",
        "835": "ST BPR TRN CUR REF DTM N1 N3 N4 PER RDM LX TS3 TS2 CLP CAS NM1 MIA MOA AMT QTY SVC LQ PLB SE",
        "270": _REQUEST_IDS + " EQ",
        "271": _REQUEST_IDS + " AAA PER MSG LS LE HSD EB MPI",
        "276": "ST BHT HL NM1 DMG TRN REF AMT DTP SVC SE",
        "277": "ST BHT HL NM1 PER DMG TRN STC REF DTP SVC SE",
        "277CA": "ST BHT HL NM1 TRN STC REF DTP QTY AMT SVC SE",
        "999": "ST AK1 AK2 IK3 CTX IK4 IK5 AK9 SE",
    }.items()
}
_CLAIM_NEEDS = ("NM1*41", "NM1*40", "HL", "NM1*85", "SBR", "NM1*IL", "NM1*PR", "CLM")
_NEEDED = {
    "837P": _CLAIM_NEEDS,
    "837I": _CLAIM_NEEDS,
    "837D": _CLAIM_NEEDS,
    "835": ("N1*PR", "PER*BL", "N1*PE"),
    "270": ("HL", "NM1*1P", "NM1*IL"),
    "271": ("HL",),
    "276": ("HL", "NM1*PR", "NM1*41", "NM1*1P"),
    "277": ("HL", "NM1*PR"),
    "277CA": ("HL", "TRN", "NM1*41", "STC"),
    "278": ("HL",),
}


# A payer refuses a claim with a wrong NPI; in a payer's own answer it changes nothing that we do.
_SENT_TO_PAYERS = frozenset(("837P", "837I", "837D", "270", "276", "278"))


def _structure(transaction: TransactionSet) -> list[X12Error]:
    problems = Problems()
    opening, known = transaction.segments[0], _KNOWN.get(transaction.kind)
    present = {name for segment in transaction.segments for name in (segment.id, f"{segment.id}*{segment[1]}")}
    for needed in _NEEDED.get(transaction.kind, ()):
        if needed not in present:
            problems.add(opening, 0, f"a {transaction.kind} has {needed.replace('*', ' ')}", found="")
    for segment in transaction.segments:
        name = segment.elements[0]
        if known and name not in known:
            problems.add(segment, 0, "the segment belongs to this set", found=name[:3])
        if name in ("NM1", "N1"):
            _npi(segment, problems, "error" if transaction.kind in _SENT_TO_PAYERS else "warning")
        if segment.elements[-1] == "" and len(segment.elements) > 1:
            rule = "trailing empty elements are left out"
            problems.add(segment, len(segment.elements) - 1, rule, found="", severity="warning")
    _hierarchy([segment for segment in transaction.segments if segment.elements[0] == "HL"], problems)
    return problems


def _npi(segment: Segment, problems: Problems, severity: Severity) -> None:
    qualifier, number = (8, 9) if segment.elements[0] == "NM1" else (3, 4)
    if segment[qualifier] == "XX" and not is_npi(segment[number]):
        # A provider's number is public; a person's in its place is not.
        found = segment[number] if segment[number].isdigit() and len(segment[number]) <= 10 else None
        rule = "an NPI has ten digits and passes its check digit"
        problems.add(segment, number, rule, found=found, severity=severity)


def _hierarchy(levels: list[Segment], problems: Problems) -> None:
    parents = {segment[2] for segment in levels}
    seen: set[str] = set()
    for expected, segment in enumerate(levels, start=1):
        if segment[1] != str(expected):
            problems.add(segment, 1, "HL01 counts from 1 in each set", expected=str(expected))
        if segment[2] and segment[2] not in seen:
            problems.add(segment, 2, "HL02 names an earlier HL")
        if segment[4] and segment[4] != ("1" if segment[1] in parents else "0"):
            rule = "HL04 is 1 with children and 0 without"
            problems.add(segment, 4, rule, severity="warning" if segment[4] == "1" else "error")
        seen.add(segment[1])


# 837P


def _of_claims(batch: ClaimBatch) -> list[X12Error]:
    found: list[X12Error] = []
    for claim in batch.claims:
        found += _of_claim(claim)
        for line in claim.lines:
            found += _of_line(line, claim)
        for coverage in claim.other_coverages:
            found += _of_coverage(coverage, claim)
    return found


def _at(segment: int, element: str, rule: str, *, found: str = "", expected: str = "") -> X12Error:
    return X12Error(segment=segment, element=element, found=found, rule=rule, expected=expected)


def _of_claim(claim: ProfessionalClaim) -> Iterator[X12Error]:
    at = claim.place.first_segment
    charged = sum(line.charged_cents for line in claim.lines)
    if charged != claim.charged_cents:
        found = cents_text(claim.charged_cents)
        yield _at(at, "CLM02", "claim charge is the sum of its lines", found=found, expected=cents_text(charged))
    if not claim.claim_id or len(claim.claim_id) > 20:
        yield _at(at, "CLM01", "CLM01 has 1 to 20 characters", found=claim.claim_id[:38])
    if not claim.lines or len(claim.lines) > 50:
        yield _at(at, "CLM", "a professional claim has 1 to 50 lines", found=str(len(claim.lines)))
    if not 1 <= len(claim.diagnoses) <= DIAGNOSES_MAX:
        yield _at(at, "HI", "a claim has 1 to 12 diagnoses", found=str(len(claim.diagnoses)))
    if any(times > 1 for times in Counter(claim.diagnoses).values()):
        yield _at(at, "HI", "no diagnosis stands twice")
    if claim.frequency in (REPLACEMENT, VOID) and not claim.payer_control_number:
        rule = "a replacement or void names the payer's claim number in REF F8"
        yield _at(at, "REF", rule, found=claim.frequency)
    yield from _of_people(claim)


def _of_people(claim: ProfessionalClaim) -> Iterator[X12Error]:
    at, person = claim.place.first_segment, claim.person
    if person.address is None:
        yield _at(at, "N3", "the patient has an address")
    if person.born_on is None:
        yield _at(at, "DMG", "the patient has a birth date")
    billing = claim.billing_provider.party
    if billing.address is None:
        yield _at(at, "N3", "the billing provider has a street address")
    if not (billing.reference("EI") or billing.reference("SY")):
        yield _at(at, "REF", "the billing provider has a tax id in REF EI or SY")


def _of_line(line: ServiceLine, claim: ProfessionalClaim) -> Iterator[X12Error]:
    at = line.place.first_segment
    known = len(claim.diagnoses)
    for pointer in line.pointers:
        if not 1 <= pointer <= known:
            yield _at(at, "SV107", "a diagnosis pointer names one of the claim's diagnoses", found=str(pointer))
    if not 1 <= len(line.pointers) <= 4:
        yield _at(at, "SV107", "a line has 1 to 4 diagnosis pointers", found=str(len(line.pointers)))
    if line.charged_cents < 0:
        yield _at(at, "SV102", "a charge is not negative", found=cents_text(line.charged_cents))
    if line.service_on is None:
        yield _at(at, "DTP", "a line has a service date in DTP 472")
    for decided in line.adjudications:
        adjusted = decided.paid_cents + sum(each.cents for each in decided.adjustments)
        if adjusted != line.charged_cents:
            rule = "another payer's payment and adjustments sum to the line charge"
            yield _at(at, "SVD02", rule, found=cents_text(adjusted), expected=cents_text(line.charged_cents))


def _of_coverage(coverage: OtherCoverage, claim: ProfessionalClaim) -> Iterator[X12Error]:
    """CLM02 = AMT*D + every CAS of that payer, at claim and line level. A8 replaces both."""
    if coverage.paid_cents is None or coverage.non_covered_cents is not None:
        return
    decided = [each for line in claim.lines for each in line.adjudications if each.payer_id == coverage.payer.id]
    adjustments = [*coverage.adjustments, *(adjustment for each in decided for adjustment in each.adjustments)]
    total = coverage.paid_cents + sum(adjustment.cents for adjustment in adjustments)
    if total != claim.charged_cents:
        rule = "another payer's payment and adjustments sum to the claim charge"
        expected = cents_text(claim.charged_cents)
        yield _at(claim.place.first_segment, "AMT02", rule, found=cents_text(total), expected=expected)
