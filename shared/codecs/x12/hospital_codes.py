"""Which diagnoses, procedures, occurrences and values does an institutional claim name?

Source: ASC X12N 005010X223A2, segment HI: each kind has segments of its own, in a fixed order, at most twelve codes in
one. The ICD-9 twins (BK BJ PR BN BF BR BQ) are for services before 2015-10-01.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from msgspec import Struct

from shared.codecs.x12.claim_writing import written_codes
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import Segment
from shared.codecs.x12.values import NotADay, NotAnAmount, cents_text, day_text, to_cents, to_day
from shared.codecs.x12.writer import SegmentWriter, Value


class Diagnosis(Struct, frozen=True, kw_only=True):
    """An ICD code without its point."""

    code: str
    present_on_admission: str = ""  # Y N U W; empty: exempt


class Performed(Struct, frozen=True, kw_only=True):
    """A procedure (ICD-10-PCS) and its day."""

    code: str
    performed_on: date | None = None


class Occurrence(Struct, frozen=True, kw_only=True):
    """An occurrence code with its day, or with a period when `last_on` is there."""

    code: str
    first_on: date
    last_on: date | None = None


class ValueCode(Struct, frozen=True, kw_only=True):
    """A value code with its amount."""

    code: str
    cents: int


class HospitalCodes(Struct, frozen=True, kw_only=True):
    """Every HI of a claim."""

    principal: Diagnosis | None = None  # ABK
    admitting: str = ""  # ABJ
    reasons_for_visit: tuple[str, ...] = ()  # APR
    external_causes: tuple[Diagnosis, ...] = ()  # ABN
    drg: str = ""  # DR
    diagnoses: tuple[Diagnosis, ...] = ()  # ABF: the other ones
    principal_procedure: Performed | None = None  # BBR
    procedures: tuple[Performed, ...] = ()  # BBQ: the other ones
    spans: tuple[Occurrence, ...] = ()  # BI
    occurrences: tuple[Occurrence, ...] = ()  # BH
    values: tuple[ValueCode, ...] = ()  # BE
    conditions: tuple[str, ...] = ()  # BG
    treatments: tuple[str, ...] = ()  # TC
    is_icd9: bool = False
    others: tuple[Segment, ...] = ()

    @property
    def diagnosis_codes(self) -> tuple[str, ...]:
        """Principal and other diagnoses."""
        first = (self.principal.code,) if self.principal else ()
        return (*first, *(each.code for each in self.diagnoses))


_TWINS = {"BK": "ABK", "BJ": "ABJ", "PR": "APR", "BN": "ABN", "BF": "ABF", "BR": "BBR", "BQ": "BBQ"}
_ICD9 = {ours: theirs for theirs, ours in _TWINS.items()}
_KNOWN = frozenset((*_TWINS.values(), "DR", "BI", "BH", "BE", "BG", "TC"))


def read_hospital_codes(segments: Sequence[Segment], problems: Problems) -> HospitalCodes:
    """The codes of a claim, whatever segment of it they stand in."""
    found: dict[str, list[tuple[tuple[str, ...], Segment, int]]] = {}
    others: list[Segment] = []
    is_icd9 = False
    for segment in segments:
        composites = [(at, segment.components(at)) for at in range(1, len(segment.elements)) if segment[at]]
        if not all(_TWINS.get(parts[0], parts[0]) in _KNOWN for _, parts in composites if parts):
            others.append(segment)
            continue
        for at, parts in composites:
            is_icd9 |= parts[0] in _TWINS
            kind = _TWINS.get(parts[0], parts[0])
            found.setdefault(kind, []).append(((*parts, *_NOTHING)[:9], segment, at))

    def codes(kind: str) -> tuple[str, ...]:
        return tuple(parts[1] for parts, _, _ in found.get(kind, ()))

    def diagnoses(kind: str) -> tuple[Diagnosis, ...]:
        return tuple(Diagnosis(code=parts[1], present_on_admission=parts[8]) for parts, _, _ in found.get(kind, ()))

    def performed(kind: str) -> tuple[Performed, ...]:
        return tuple(
            Performed(code=parts[1], performed_on=_day(parts[3], segment, at, problems))
            for parts, segment, at in found.get(kind, ())
        )

    principal, procedure = diagnoses("ABK"), performed("BBR")
    return HospitalCodes(
        principal=principal[0] if principal else None,
        admitting=next(iter(codes("ABJ")), ""),
        reasons_for_visit=codes("APR"),
        external_causes=diagnoses("ABN"),
        drg=next(iter(codes("DR")), ""),
        diagnoses=(*principal[1:], *diagnoses("ABF")),
        principal_procedure=procedure[0] if procedure else None,
        procedures=(*procedure[1:], *performed("BBQ")),
        spans=tuple(_occurrences(found.get("BI", ()), problems)),
        occurrences=tuple(_occurrences(found.get("BH", ()), problems)),
        values=tuple(_values(found.get("BE", ()), problems)),
        conditions=codes("BG"),
        treatments=codes("TC"),
        is_icd9=is_icd9,
        others=tuple(others),
    )


_NOTHING = ("",) * 9


def _day(text: str, segment: Segment, at: int, problems: Problems) -> date | None:
    if not text:
        return None
    try:
        return to_day(text)
    except NotADay:
        problems.add(segment, at, "date is CCYYMMDD", component=4)
        return None


def _occurrences(found: Sequence[tuple[tuple[str, ...], Segment, int]], problems: Problems) -> Iterator[Occurrence]:
    for parts, segment, at in found:
        first_text, _, last_text = parts[3].partition("-")
        first, last = _day(first_text, segment, at, problems), _day(last_text, segment, at, problems)
        if first is None:
            problems.add(segment, at, "an occurrence has its date", component=4)
            continue
        yield Occurrence(code=parts[1], first_on=first, last_on=last)


def _values(found: Sequence[tuple[tuple[str, ...], Segment, int]], problems: Problems) -> Iterator[ValueCode]:
    for parts, segment, at in found:
        try:
            yield ValueCode(code=parts[1], cents=to_cents(parts[4]))
        except NotAnAmount as refusal:
            problems.add(segment, at, str(refusal), component=5)


def written_hospital_codes(writer: SegmentWriter, codes: HospitalCodes) -> Iterator[str]:
    """The HI segments in the order of the guide."""

    def kind(name: str) -> str:
        return _ICD9.get(name, name) if codes.is_icd9 else name

    def diagnosis(name: str, each: Diagnosis) -> Value:
        return (kind(name), each.code, "", "", "", "", "", "", each.present_on_admission)

    def performed(name: str, each: Performed) -> Value:
        if each.performed_on is None:
            return (kind(name), each.code)
        return (kind(name), each.code, "D8", day_text(each.performed_on))

    plain = _plain_codes
    groups: list[list[Value]] = [
        [diagnosis("ABK", codes.principal)] if codes.principal else [],
        plain(kind("ABJ"), (codes.admitting,)),
        plain(kind("APR"), codes.reasons_for_visit),
        [diagnosis("ABN", each) for each in codes.external_causes],
        plain("DR", (codes.drg,)),
        [diagnosis("ABF", each) for each in codes.diagnoses],
        [performed("BBR", codes.principal_procedure)] if codes.principal_procedure else [],
        [performed("BBQ", each) for each in codes.procedures],
        [_occurrence("BI", each) for each in codes.spans],
        [_occurrence("BH", each) for each in codes.occurrences],
        [("BE", each.code, "", "", cents_text(each.cents)) for each in codes.values],
        plain("BG", codes.conditions),
        plain("TC", codes.treatments),
    ]
    for values in groups:
        yield from written_codes(writer, values)
    yield from map(writer.copy, codes.others)


def _plain_codes(kind: str, codes: Sequence[str]) -> list[Value]:
    return [(kind, code) for code in codes if code]


def _occurrence(kind: str, each: Occurrence) -> Value:
    if kind == "BI":
        return (kind, each.code, "RD8", f"{day_text(each.first_on)}-{day_text(each.last_on or each.first_on)}")
    return (kind, each.code, "D8", day_text(each.first_on))
