"""Do a claim status request (276), its answer (277) and a claim acknowledgement (277CA) agree with themselves?

Source: ASC X12N 005010X212 and 005010X214, situational rules. Not asked: what the guides' own tables already say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from msgspec import Struct

from shared.codecs.x12.level_rules import (
    Findings,
    Level,
    cents_of,
    day_of,
    levels_of,
    period_of,
)
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.status import REJECTED_CATEGORIES
from shared.codecs.x12.tokenizer import Segment
from shared.codecs.x12.values import NotAnAmount, cents_text, quantity_text, to_quantity

_LETTER = {"20": "A", "21": "B", "19": "C", "22": "D", "23": "E", "PT": "D"}
_ACCEPTED_CATEGORIES = frozenset(("A0", "A1", "A2", "A5"))
_CODES_AT = (1, 10, 11)  # STC01, STC10, STC11


class _Traced(Struct, frozen=True):
    """A TRN and what follows it, up to the next: one claim, or the answer to a whole level."""

    segments: tuple[Segment, ...]

    def first(self, name: str, *qualifiers: str) -> Segment | None:
        return next(
            (each for each in self.segments if each.elements[0] == name and (not qualifiers or each[1] in qualifiers)),
            None,
        )

    def statuses(self) -> Iterator[Segment]:
        return (each for each in self.segments if each.elements[0] == "STC")


def _traced(level: Level) -> list[_Traced]:
    starts = [at for at, segment in enumerate(level.segments) if segment.elements[0] == "TRN"]
    return [_Traced(tuple(level.segments[start:end])) for start, end in pairwise((*starts, len(level.segments)))]


def _loop(level: Level, number: str) -> str:
    return number + _LETTER.get(level.code, "")


# 276


def check_request(segments: Sequence[Segment], problems: Problems) -> None:
    """A 276."""
    findings = Findings(problems)
    for level in levels_of(segments):
        if level.code not in ("22", "23"):
            continue
        if level.code == "22" and not level.has_children:
            _of_patient(level, findings)
        for claim in _traced(level):
            _of_question(claim, level, findings)


def _of_patient(level: Level, findings: Findings) -> None:
    if level.first("TRN") is None:
        findings.missing(level.segments[-1], "TRN", "a patient who is asked about has TRN", "2200D")
    if level.first("DMG") is None:
        findings.missing(level.segments[0], "DMG", "a subscriber who is the patient has a birth date", "2000D")


def _of_question(claim: _Traced, level: Level, findings: Findings) -> None:
    loop = _loop(level, "2200")
    if claim.first("DTP", "472") is None:
        findings.missing(claim.segments[0], "DTP", "a claim is asked about with its service date", loop)
    for segment in claim.segments:
        if segment.elements[0] in ("AMT", "SVC"):
            _not_negative(segment, 2, loop, findings)


def _not_negative(segment: Segment, index: int, loop: str, findings: Findings) -> None:
    cents = cents_of(segment, index)
    if cents is not None and cents < 0:
        findings.wrong(segment, index, "an amount of a status is not negative", loop)


# 277


def check_response(segments: Sequence[Segment], problems: Problems) -> None:
    """A 277 that answers a 276."""
    findings = Findings(problems)
    for level in levels_of(segments):
        if level.has_children:
            continue
        if level.first("STC") is None:
            rule = "an answer that stops at a level says its status there"
            findings.missing(level.segments[-1], "STC", rule, _loop(level, "2200"))
        for answered in _traced(level):
            for stc in answered.statuses():
                _of_answer(stc, answered, _loop(level, "2200"), findings)


def _of_answer(stc: Segment, answered: _Traced, loop: str, findings: Findings) -> None:
    _of_codes(stc, loop, findings)
    for index in (4, 5):
        _not_negative(stc, index, loop, findings)
    is_of_line = answered.first("SVC") is not None and stc.number > (answered.first("SVC") or stc).number
    if stc.components(1)[:1] == ("F1",) and not is_of_line:
        if not stc[5]:
            findings.needed(stc, 5, "a claim that is paid says how much", loop, severity="warning")
        if not stc[6]:
            findings.needed(stc, 6, "a claim that is finished says when", loop, severity="warning")
    effective, finished = day_of(stc, 2), day_of(stc, 6)
    if effective and finished and finished > effective:
        rule = "a status is not of before the claim was finished"
        findings.wrong(stc, 2, rule, loop, severity="warning")


def _of_codes(stc: Segment, loop: str, findings: Findings) -> None:
    """A status code is a number of code source 508; with RX it is a reject code of the pharmacy standard."""
    for index in _CODES_AT:
        parts = stc.components(index)
        code = parts[1] if len(parts) > 1 else ""
        is_pharmacy = len(parts) > 3 and parts[3] == "RX"
        if code and not is_pharmacy and not (code.isdigit() and len(code) <= 4):
            findings.wrong(stc, index, "a claim status code is a number", loop, component=2)


# 277CA


class _Told(Struct):
    """What a level says of accepted and rejected claims."""

    accepted: Decimal = Decimal(0)
    rejected: Decimal = Decimal(0)
    accepted_cents: int = 0
    rejected_cents: int = 0


def check_acknowledgement(segments: Sequence[Segment], problems: Problems) -> None:
    """A 277CA."""
    findings = Findings(problems)
    levels = levels_of(segments)
    by_provider: dict[int, _Told] = {}
    by_receiver: dict[int, _Told] = {}
    for level in levels:
        if level.code == "20":
            _of_times(level, findings)
        for traced in _traced(level):
            for stc in traced.statuses():
                _of_verdict(stc, _loop(level, "2200"), findings)
        if level.code == "PT" and level.above is not None:
            _sum_claims(level, by_provider.setdefault(id(level.above), _Told()))
    for level in levels:
        if level.code == "19":
            told = by_provider.get(id(level), _Told())
            _of_counts(level, ("QA", "QC"), told, findings)
            if level.above is not None:
                _sum_provider(level, told, by_receiver.setdefault(id(level.above), _Told()))
    for level in levels:
        if level.code == "21":
            _of_counts(level, ("90", "AA"), by_receiver.get(id(level), _Told()), findings)


def _of_times(level: Level, findings: Findings) -> None:
    received, processed = level.first("DTP", "050"), level.first("DTP", "009")
    first, last = period_of(received), period_of(processed)
    if processed is not None and first and last and last[0] < first[0]:
        findings.wrong(processed, 3, "a batch is processed after it was received", "2200A", code="8")


def _of_verdict(stc: Segment, loop: str, findings: Findings) -> None:
    _of_codes(stc, loop, findings)
    _not_negative(stc, 4, loop, findings)
    for index in _CODES_AT:
        category = (stc.components(index) or ("",))[0]
        if category and category[0] not in "AD":
            rule = "the category of a claim acknowledgement begins with A"
            findings.wrong(stc, index, rule, loop, component=1, expected="A0 to A8")
    category = (stc.components(1) or ("",))[0]
    if (stc[3] == "WQ" and category in REJECTED_CATEGORIES) or (stc[3] == "U" and category in _ACCEPTED_CATEGORIES):
        expected = "U" if stc[3] == "WQ" else "WQ"
        findings.wrong(stc, 3, "STC03 says the same as its category", loop, expected=expected)


def _sum_claims(level: Level, told: _Told) -> None:
    for claim in _traced(level):
        stc = next(claim.statuses(), None)
        if stc is None:
            continue
        cents = cents_of(stc, 4) or 0
        if stc[3] == "U":
            told.rejected += 1
            told.rejected_cents += cents
        elif stc[3] == "WQ":
            told.accepted += 1
            told.accepted_cents += cents


def _sum_provider(level: Level, below: _Told, told: _Told) -> None:
    """What a provider counts, or what is named below it where it does not count."""
    told.accepted += max(_quantity(level.first("QTY", "QA")) or 0, below.accepted)
    told.rejected += max(_quantity(level.first("QTY", "QC")) or 0, below.rejected)
    told.accepted_cents += max(_cents(level.first("AMT", "YU")) or 0, below.accepted_cents)
    told.rejected_cents += max(_cents(level.first("AMT", "YY")) or 0, below.rejected_cents)


def _cents(amt: Segment | None) -> int | None:
    return cents_of(amt, 2) if amt is not None else None


def _quantity(qty: Segment | None) -> Decimal | None:
    try:
        return to_quantity(qty[2]) if qty is not None and qty[2] else None
    except NotAnAmount:
        return None


def _of_counts(level: Level, qualifiers: tuple[str, str], told: _Told, findings: Findings) -> None:
    """Nothing below counts for more than the level itself counts. A payer may leave out what it accepted."""
    loop = _loop(level, "2200")
    for qualifier, below in zip(qualifiers, (told.accepted, told.rejected), strict=True):
        qty = level.first("QTY", qualifier)
        counted = _quantity(qty)
        if qty is not None and counted is not None and counted < below:
            findings.wrong(qty, 2, "a level counts every claim below it", loop, expected=quantity_text(below))
    for qualifier, cents in (("YU", told.accepted_cents), ("YY", told.rejected_cents)):
        amt = level.first("AMT", qualifier)
        counted_cents = _cents(amt)
        if amt is not None and counted_cents is not None and counted_cents < cents:
            findings.wrong(amt, 2, "a level sums every claim below it", loop, expected=cents_text(cents))
