"""Does a payer's answer to one claim add up, and what does its status say?

Source: ASC X12N 005010X221A1, loop 2100, CLP02 and the balancing of lines and claims. A positive adjustment reduces the
payment. A `ClaimAnswer` is the answer as sent; nothing here changes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shared.events.payments import ClaimAnswer
from shared.events.values import Adjustment, Finding

PROCESSED_AS = {"1": 1, "2": 2, "3": 3, "19": 1, "20": 2, "21": 3}  # CLP02: rank in the payer's view
FORWARDED = frozenset({"19", "20", "21", "23"})  # the payer sent the claim on by itself
REVERSAL = "22"
WITHOUT_MONEY = frozenset({"23", "25"})  # not our claim, forwarded; predetermination
KNOWN_STATUSES = frozenset({*PROCESSED_AS, *WITHOUT_MONEY, REVERSAL, "4"})


class AnswerKey(NamedTuple):
    """Which answer it is: the same one twice is no news."""

    remittance_id: str
    ordinal: int


NO_ANSWER = AnswerKey("", 0)


def key_of(answer: ClaimAnswer) -> AnswerKey:
    return AnswerKey(answer.remittance_id, answer.ordinal)


def adjustments_of(answer: ClaimAnswer) -> Iterator[Adjustment]:
    """Every CAS triplet: the claim's, then those of its lines. One adjustment stands at one level only."""
    yield from answer.adjustments
    for line in answer.lines:
        yield from line.adjustments


def total_of(adjustments: Iterator[Adjustment] | tuple[Adjustment, ...]) -> int:
    return sum(adjustment.amount_cents for adjustment in adjustments)


def broken_equations(answer: ClaimAnswer) -> list[Finding]:
    """Why this answer must be held: each names the level, what was expected and what was found. Empty when it balances."""
    unread = [finding for finding in answer.findings if finding.severity == "error"]
    return [*unread, *_lines(answer), *_claim(answer), *_money_where_none_may_be(answer)]


def _lines(answer: ClaimAnswer) -> Iterator[Finding]:
    for number, line in enumerate(answer.lines, start=1):
        expected = line.charged_cents - total_of(line.adjustments)
        if expected != line.paid_cents:
            rule = "line paid is line charge less its adjustments"
            yield _finding("line-out-of-balance", f"line {number} SVC03", rule, expected, line.paid_cents)


def _claim(answer: ClaimAnswer) -> Iterator[Finding]:
    expected = answer.charged_cents - total_of(adjustments_of(answer))
    if expected != answer.paid_cents:
        rule = "claim paid is claim charge less all its adjustments"
        yield _finding("claim-out-of-balance", "claim CLP04", rule, expected, answer.paid_cents)
    of_lines = sum(line.charged_cents for line in answer.lines)
    if answer.lines and of_lines != answer.charged_cents:
        rule = "claim charge is the sum of its lines"
        yield _finding("claim-charge-not-of-its-lines", "claim CLP03", rule, of_lines, answer.charged_cents)


def _money_where_none_may_be(answer: ClaimAnswer) -> Iterator[Finding]:
    if answer.status in WITHOUT_MONEY and answer.paid_cents:
        rule = f"an answer with status {answer.status} pays nothing"
        yield _finding("money-without-payment-status", "claim CLP04", rule, 0, answer.paid_cents)


def warnings_of(answer: ClaimAnswer) -> Iterator[Finding]:
    """What is odd and may be posted: the CAS count, CLP05 is information."""
    yield from (finding for finding in answer.findings if finding.severity == "warning")
    if answer.status not in KNOWN_STATUSES:
        yield warning("unknown-claim-status", "claim CLP02", "CLP02 is a claim status code", answer.status)
    patient = sum(each.amount_cents for each in adjustments_of(answer) if each.group == "PR")
    told = answer.patient_responsibility_cents
    if told is not None and told != patient and answer.status != REVERSAL:
        rule = f"patient responsibility is the sum of the PR adjustments; expected {patient}, found {told}"
        yield warning("patient-responsibility-differs", "claim CLP05", rule, str(told))
    for group in sorted({each.group for each in adjustments_of(answer)} - {"CO", "PR", "OA", "PI"}):
        yield warning("unknown-adjustment-group", "CAS01", "CAS01 is CO, PR, OA or PI", group)


def warning(rule: str, place: str, message: str, value: str = "") -> Finding:
    return Finding(rule=rule, place=place, message=message, value=value, severity="warning")


def _finding(rule: str, place: str, message: str, expected: int, found: int) -> Finding:
    text = f"{message}; expected {expected} cents, found {found} cents"
    return Finding(rule=rule, place=place, message=text, value=str(found))
