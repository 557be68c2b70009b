"""Does an eligibility request say enough to be answered, and does an answer say benefits or why not?

Source: ASC X12N 005010X279A1 (270, 271), situational rules. Not asked: what the guide's own tables already say.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from shared.codecs.x12.level_rules import (
    Findings,
    Level,
    cents_of,
    check_order,
    check_pointers,
    check_trace,
    diagnoses_in,
    levels_of,
)
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import Segment
from shared.codecs.x12.values import NotAnAmount, to_quantity

_SUBSCRIBER, _DEPENDENT = "22", "23"
_LETTER = {"20": "A", "21": "B", _SUBSCRIBER: "C", _DEPENDENT: "D"}
_PAYABLE = frozenset("BCGJY")  # EB01: a co-payment, deductible, stop loss, cost containment, spend down is an amount
_CO_INSURANCE = "A"
_PERIODS = (("346", "347"), ("356", "357"), ("340", "341"), ("342", "343"))


def check_request(segments: Sequence[Segment], problems: Problems) -> None:
    """A 270."""
    findings = Findings(problems)
    for level in levels_of(segments):
        if level.code in (_SUBSCRIBER, _DEPENDENT):
            _of_asked(level, findings)


def check_response(segments: Sequence[Segment], problems: Problems) -> None:
    """A 271."""
    findings = Findings(problems)
    for level in levels_of(segments):
        _of_answered(level, findings)


def _loop(level: Level, number: str) -> str:
    return number + _LETTER.get(level.code, "")


def _of_asked(level: Level, findings: Findings) -> None:
    head = level.segments[0]
    if not level.has_children and level.first("EQ") is None and level.code == _SUBSCRIBER:
        findings.missing(level.segments[-1], "EQ", "a patient who is asked about has EQ", "2110C")
    if level.first("EQ") is not None or not level.has_children:
        _of_search(level, findings)
    if level.code == _DEPENDENT and level.above is not None:
        _of_subscriber_above(level.above, findings)
    for trn in level.all("TRN"):
        check_trace(trn, _loop(level, "2000"), findings)
    for eq in level.all("EQ"):
        check_pointers(eq, 5, diagnoses_in(level), _loop(level, "2110"), findings)
    if level.first("EQ") is not None and head[4] == "1" and level.code == _SUBSCRIBER and not level.has_children:
        findings.wrong(head, 4, "HL04 is 0 when the subscriber is the patient", "2000C", expected="0")


def _of_search(level: Level, findings: Findings) -> None:
    """A payer looks a patient up by member id, by another number, or by name and birth date."""
    name = level.first("NM1")
    if name is None or name[9] or level.first("REF") is not None:
        return
    born = level.first("DMG")
    if not (name[3] and born is not None and born[2]):
        rule = "a patient is named by a number, or by name and birth date"
        findings.needed(name, 9 if level.code == _SUBSCRIBER else 3, rule, _loop(level, "2100"))


def _of_subscriber_above(level: Level, findings: Findings) -> None:
    name = level.first("NM1")
    if name is not None and not name[9] and not name[3] and level.first("REF") is None:
        findings.needed(name, 9, "a dependent's subscriber is named by a number or a name", "2100C")


def _of_answered(level: Level, findings: Findings) -> None:
    benefits = level.all("EB")
    is_refused = any(each.first("AAA") is not None for each in level.path)
    if not level.has_children and not benefits and not is_refused:
        is_patient = level.code in (_SUBSCRIBER, _DEPENDENT)
        rule = "an answer says a benefit, or in AAA why not"
        name = "EB" if is_patient else "AAA"
        findings.missing(level.segments[-1], name, rule, _loop(level, "2110" if is_patient else "2000"))
    for trn in level.all("TRN"):
        check_trace(trn, _loop(level, "2000"), findings)
    for begin, end in _PERIODS:
        check_order(level, begin, end, _loop(level, "2100"), findings)
    for eb in benefits:
        _of_benefit(eb, level, findings)
    _of_named_loops(level, findings)


def _of_benefit(eb: Segment, level: Level, findings: Findings) -> None:
    loop = _loop(level, "2110")
    check_pointers(eb, 14, diagnoses_in(level), loop, findings)
    has_value = any(eb[at] for at in (7, 8, 10))
    if eb[1] in _PAYABLE and not has_value:
        findings.needed(eb, 7, "what the patient pays has its amount", loop, severity="warning")
    if eb[1] == _CO_INSURANCE and not has_value:
        findings.needed(eb, 8, "co-insurance has its share", loop, severity="warning")
    amount, share = cents_of(eb, 7), _quantity(eb, 8)
    if amount is not None and amount < 0:
        findings.wrong(eb, 7, "a benefit is not negative", loop)
    if share is not None and not 0 <= share <= 1:
        findings.wrong(eb, 8, "a share is a fraction from 0 to 1", loop, expected=".2 is 20 %")
    if (quantity := _quantity(eb, 10)) is not None and quantity < 0:
        findings.wrong(eb, 10, "a benefit is not negative", loop)


def _quantity(segment: Segment, index: int) -> Decimal | None:
    try:
        return to_quantity(segment[index]) if segment[index] else None
    except NotAnAmount:
        return None


def _of_named_loops(level: Level, findings: Findings) -> None:
    """LS and LE stand around the names of a benefit (loop 2120)."""
    loop, opened = _loop(level, "2120"), None
    is_in_benefit = False
    for segment in level.segments:
        match segment.elements[0]:
            case "EB":
                is_in_benefit = True
                _close(opened, findings, loop)
                opened = None
            case "LS":
                opened = segment
            case "LE" if opened is None:
                findings.unwanted(segment, "LE closes an LS", loop)
            case "LE":
                opened = None
            case "NM1" if is_in_benefit and opened is None:
                findings.missing(segment, "LS", "the names of a benefit stand between LS and LE", loop)
            case _:
                pass
    _close(opened, findings, loop)


def _close(opened: Segment | None, findings: Findings, loop: str) -> None:
    if opened is not None:
        findings.missing(opened, "LE", "an LS is closed by LE", loop, expected="LE 2120")
