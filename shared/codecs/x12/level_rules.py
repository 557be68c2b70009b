"""What must agree in a set of levels, beyond what its table of loops says? What the checks of 270 to 278 share.

Source: ASC X12N 005010X279A1, X212, X214, X217: situational rules. A rule sees one level at a time: its segments, the levels
above it, and whether one stands below.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from msgspec import Struct

from shared.codecs.x12.problems import Problems, Severity
from shared.codecs.x12.tokenizer import Segment
from shared.codecs.x12.values import NotADay, NotAnAmount, to_cents, to_day

# IK403 and IK304
PATTERN, DEPENDENT_ELEMENT_MISSING, DEPENDENT_NOT_USED = "I12", "I9", "I13"
DEPENDENT_SEGMENT_MISSING, DEPENDENT_SEGMENT_NOT_USED = "I6", "I9"


class Level(Struct, eq=False):
    """An HL with its segments, and what it stands in."""

    segments: list[Segment]  # HL first
    above: Level | None = None
    has_children: bool = False

    @property
    def code(self) -> str:
        return self.segments[0][3]

    @property
    def path(self) -> Iterator[Level]:
        """This level and every one above it."""
        level: Level | None = self
        while level is not None:
            yield level
            level = level.above

    def all(self, name: str, *qualifiers: str) -> list[Segment]:
        """The segments with this id, and one of these qualifiers if there are any."""
        return [
            each for each in self.segments if each.elements[0] == name and (not qualifiers or each[1] in qualifiers)
        ]

    def first(self, name: str, *qualifiers: str) -> Segment | None:
        return next(iter(self.all(name, *qualifiers)), None)


def levels_of(segments: Sequence[Segment]) -> list[Level]:
    """Every level in its order. One whose parent is not named belongs to the one before it."""
    levels: list[Level] = []
    by_number: dict[str, Level] = {}
    for segment in segments:
        if segment.elements[0] == "HL":
            above = by_number.get(segment[2]) if segment[2] else None
            if above is not None:
                above.has_children = True
            levels.append(Level([segment], above))
            by_number[segment[1]] = levels[-1]
        elif levels and segment.elements[0] != "SE":
            levels[-1].segments.append(segment)
    return levels


class Findings:
    """Where a rule says what it found, in the words of an acknowledgement."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def wrong(
        self,
        segment: Segment,
        index: int,
        rule: str,
        loop: str,
        *,
        expected: str = "",
        component: int = 0,
        code: str = PATTERN,
        severity: Severity = "error",
    ) -> None:
        """An element says what it may not say here."""
        self.problems.add(
            segment,
            index,
            rule,
            expected=expected,
            component=component,
            loop=loop,
            segment_code="8",
            element_code=code,
            severity=severity,
        )

    def needed(self, segment: Segment, index: int, rule: str, loop: str, *, severity: Severity = "error") -> None:
        """An element is required by what stands elsewhere."""
        self.wrong(segment, index, rule, loop, code=DEPENDENT_ELEMENT_MISSING, severity=severity)

    def missing(self, after: Segment, name: str, rule: str, loop: str, *, expected: str = "") -> None:
        """A segment is required by what stands elsewhere."""
        code = DEPENDENT_SEGMENT_MISSING
        self.problems.missing(after.number, name, rule, expected=expected, loop=loop, segment_code=code)

    def unwanted(self, segment: Segment, rule: str, loop: str) -> None:
        """A segment may not stand where something else does."""
        self.problems.add(segment, 0, rule, found=segment.id[:3], loop=loop, segment_code=DEPENDENT_SEGMENT_NOT_USED)


def day_of(segment: Segment | None, index: int) -> date | None:
    """A date that is one; what is none is told by its element."""
    try:
        return to_day(segment[index]) if segment is not None else None
    except NotADay:
        return None


def period_of(dtp: Segment | None) -> tuple[date, date] | None:
    """First and last day of a DTP."""
    if dtp is None:
        return None
    first, _, last = dtp[3].partition("-")
    try:
        return to_day(first), to_day(last or first)
    except NotADay:
        return None


def cents_of(segment: Segment, index: int) -> int | None:
    """An amount that is one."""
    try:
        return to_cents(segment[index]) if segment[index] else None
    except NotAnAmount:
        return None


def check_trace(trn: Segment, loop: str, findings: Findings) -> None:
    """TRN03 says what kind of number it is by its first digit."""
    if trn[3] and trn[3][0] not in "139":
        rule = "TRN03 begins with 1, 3 or 9"
        findings.wrong(trn, 3, rule, loop, expected="1 tax id, 3 DUNS, 9 assigned by the sender")


def check_order(level: Level, begin: str, end: str, loop: str, findings: Findings) -> None:
    """Two dates of a level that are a beginning and an end."""
    first, last = level.first("DTP", begin), level.first("DTP", end)
    begins, ends = period_of(first), period_of(last)
    if last is not None and begins and ends and ends[1] < begins[0]:
        findings.wrong(last, 3, "what ends does not end before it begins", loop, code="8")


def check_pointers(segment: Segment, index: int, diagnoses: int, loop: str, findings: Findings) -> None:
    """Pointers are positions in the HI of the level."""
    for place, pointer in enumerate(segment.components(index), start=1):
        if pointer.isdigit() and len(pointer) < 3 and not 1 <= int(pointer) <= diagnoses:
            rule = "a diagnosis pointer names one of the level's diagnoses"
            findings.wrong(segment, index, rule, loop, component=place, expected=f"1 to {diagnoses}")


def diagnoses_in(level: Level) -> int:
    """How many codes its HI has."""
    return sum(len(hi.elements) - 1 for hi in level.all("HI"))
