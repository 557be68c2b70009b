"""Does an 835 add up, to the cent, at its three levels?

Source: ASC X12N 005010X221A1, balancing:
1. line: SVC02 - its CAS = SVC03;
2. claim: CLP03 - its CAS - the CAS of its lines = CLP04; with lines, their charges sum to CLP03;
3. transaction: BPR02 = sum of CLP04 - sum of PLB.
CLP05 should equal the PR adjustments; that is a warning, and not asked of a reversal. AMT and QTY take no part.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from shared.codecs.x12.problems import Severity
from shared.codecs.x12.remittance_835 import ClaimPayment, RemittanceAdvice, ServiceLine

Level = Literal["line", "claim", "transaction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfBalance:
    """Two sums that should agree and do not."""

    level: Level
    segment: int  # running number of the SVC, CLP or BPR
    element: str  # SVC03, CLP04, BPR02 ...
    claim_id: str  # CLP01; empty for the transaction
    expected_cents: int  # what the other amounts add up to
    found_cents: int  # what the element says
    rule: str
    severity: Severity = "error"


def balance(advice: RemittanceAdvice) -> list[OutOfBalance]:
    """Every broken equation of one advice; empty when it balances."""
    findings = [finding for claim in advice.claims for finding in balance_of_claim(claim)]
    paid = sum(claim.paid_cents for claim in advice.claims)
    withheld = sum(adjustment.cents for adjustment in advice.provider_adjustments)
    findings += balance_of_payment(advice, paid_cents=paid, withheld_cents=withheld)
    return findings


def balance_of_payment(advice: RemittanceAdvice, *, paid_cents: int, withheld_cents: int) -> Iterator[OutOfBalance]:
    """The transaction's equation."""
    expected = paid_cents - withheld_cents
    if advice.payment_cents != expected:
        yield OutOfBalance(
            level="transaction",
            segment=advice.header.place.first_segment or advice.place.first_segment,
            element="BPR02",
            claim_id="",
            expected_cents=expected,
            found_cents=advice.payment_cents,
            rule="payment is the sum of the claims less the provider adjustments",
        )


def balance_of_claim(claim: ClaimPayment) -> Iterator[OutOfBalance]:
    """The equations of one claim and its lines."""
    charged = adjusted_in_all = patient = 0
    for line in claim.lines:
        adjusted = 0
        for adjustment in line.adjustments:
            adjusted += adjustment.cents
            if adjustment.group == "PR":
                patient += adjustment.cents
        charged += line.charged_cents
        adjusted_in_all += adjusted
        if line.charged_cents - adjusted != line.paid_cents:
            yield _of_line(line, claim, expected=line.charged_cents - adjusted)
    for adjustment in claim.adjustments:
        adjusted_in_all += adjustment.cents
        if adjustment.group == "PR":
            patient += adjustment.cents
    if claim.charged_cents - adjusted_in_all != claim.paid_cents:
        rule = "claim paid is claim charge less all its adjustments"
        yield _of_claim(
            claim, "CLP04", expected=claim.charged_cents - adjusted_in_all, found=claim.paid_cents, rule=rule
        )
    if claim.lines and charged != claim.charged_cents:
        rule = "claim charge is the sum of its lines"
        yield _of_claim(claim, "CLP03", expected=charged, found=claim.charged_cents, rule=rule)
    if patient != claim.patient_responsibility_cents and not claim.is_reversal:
        rule = "patient responsibility is the sum of the PR adjustments"
        found = claim.patient_responsibility_cents
        yield _of_claim(claim, "CLP05", expected=patient, found=found, rule=rule, severity="warning")


def _of_line(line: ServiceLine, claim: ClaimPayment, *, expected: int) -> OutOfBalance:
    return OutOfBalance(
        level="line",
        segment=line.place.first_segment,
        element="SVC03",
        claim_id=claim.claim_id,
        expected_cents=expected,
        found_cents=line.paid_cents,
        rule="line paid is line charge less its adjustments",
    )


def _of_claim(
    claim: ClaimPayment, element: str, *, expected: int, found: int, rule: str, severity: Severity = "error"
) -> OutOfBalance:
    return OutOfBalance(
        level="claim",
        segment=claim.place.first_segment,
        element=element,
        claim_id=claim.claim_id,
        expected_cents=expected,
        found_cents=found,
        rule=rule,
        severity=severity,
    )
