"""How do HL levels nest: payer above provider above subscriber above dependent?

Source: ASC X12N 005010, HL segments: HL01 counts from 1 in each set, HL02 names the parent, HL04 is 1 with children.
Typed documents are flat: each item carries the levels above it, and the writer gathers neighbours that share them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count, groupby
from typing import Any, Generic, TypeVar

from msgspec import Struct

from shared.codecs.x12.envelope import TransactionSet
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import Segment
from shared.codecs.x12.writer import SegmentWriter

Item = TypeVar("Item")


class Step(Struct, Generic[Item], frozen=True):
    """One level of a hierarchy: its HL03, what makes two items share it (None: the item has no such level), and what
    is written of it."""

    code: str
    key: Callable[[Item], Any]
    write: Callable[[Item], Iterator[str]]


def write_levels(
    writer: SegmentWriter, items: Sequence[Item], steps: Sequence[Step[Item]], leaf: Callable[[Item], Iterator[str]]
) -> Iterator[str]:
    """HL levels for the items in their order, and each item's own segments under its deepest level."""
    yield from _level(writer, items, steps, leaf, numbers=count(1), parent="")


def _level(
    writer: SegmentWriter,
    items: Sequence[Item],
    steps: Sequence[Step[Item]],
    leaf: Callable[[Item], Iterator[str]],
    *,
    numbers: Iterator[int],
    parent: str,
) -> Iterator[str]:
    step, deeper = steps[0], steps[1:]

    def shared(item: Item) -> tuple[Any, bool]:
        return step.key(item), any(below.key(item) is not None for below in deeper)

    for (key, has_children), members in groupby(items, key=shared):
        same, above = list(members), parent
        if key is not None:
            above = str(next(numbers))
            yield writer.segment("HL", above, parent, step.code, "1" if has_children else "0")
            yield from step.write(same[0])
        if has_children:
            yield from _level(writer, same, deeper, leaf, numbers=numbers, parent=above)
            continue
        for item in same:
            yield from leaf(item)


class Beginning(Struct, frozen=True, kw_only=True):
    """BHT: what kind of message, with which reference, from when."""

    purpose: str  # BHT02
    reference: str  # BHT03
    created_at: datetime  # BHT04 and BHT05, to the second; X12 has no time zone, we write and read UTC
    transaction_type: str  # BHT06


def read_beginning(transaction: TransactionSet, problems: Problems) -> Beginning:
    """The BHT of a set; an empty one with a problem when it is missing."""
    return read_beginning_of(transaction.segments, problems)


def read_beginning_of(segments: Sequence[Segment], problems: Problems) -> Beginning:
    """The same, of the first segments of a set from its ST."""
    opening = segments[0]
    bht = next((segment for segment in segments[1:3] if segment.id == "BHT"), None)
    if bht is None:
        problems.add(opening, 0, "the set begins with BHT", found="")
        bht = Segment(opening.number, ("BHT",))
    created_at = _moment(bht, problems)
    return Beginning(purpose=bht[2], reference=bht[3], created_at=created_at, transaction_type=bht[6])


def _moment(bht: Segment, problems: Problems) -> datetime:
    day, time = bht[4], (bht[5] + "000000")[:6]
    try:
        if day.isdigit() and time.isdigit() and len(day) == 8:
            return datetime.strptime(day + time, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        pass
    if len(bht.elements) > 1:
        problems.add(bht, 4, "BHT04 is CCYYMMDD and BHT05 is HHMM or HHMMSS")
    return datetime(1970, 1, 1, tzinfo=UTC)


def write_beginning(writer: SegmentWriter, structure: str, beginning: Beginning) -> str:
    return writer.segment(
        "BHT",
        structure,
        beginning.purpose,
        beginning.reference,
        f"{beginning.created_at:%Y%m%d}",
        f"{beginning.created_at:%H%M%S}",
        beginning.transaction_type,
    )


def top_and_levels(transaction: TransactionSet) -> tuple[list[Segment], list[list[Segment]]]:
    """What stands before the first HL (without BHT), and the segments of each HL."""
    top: list[Segment] = []
    levels: list[list[Segment]] = []
    for segment in transaction.body:
        if segment.elements[0] == "HL":
            levels.append([segment])
        elif levels:
            levels[-1].append(segment)
        elif segment.elements[0] != "BHT":
            top.append(segment)
    return top, levels


# HL03 of what a level may stand in: subscribers under a provider, or in an 837 under the billing provider (20)
_PARENTS = {
    "21": ("20",),
    "19": ("21",),
    "22": ("20", "21", "19"),
    "23": ("22",),
    "PT": ("19",),
    "EV": ("22", "23"),
    "SS": ("EV",),
}


class HierarchyCheck:
    """Do the HL segments of one set count up, name earlier parents, and tell of their children?"""

    def __init__(self, problems: Problems, *, has_known_guide: bool = True) -> None:
        self.problems = problems
        self.parents = _PARENTS if has_known_guide else {}
        self.count = 0
        self.previous: Segment | None = None
        self.codes: dict[str, str] = {}  # HL03 by HL01

    def take(self, level: Segment) -> None:
        self.count += 1
        self._close(level[2])
        if level[1] != str(self.count):
            self.problems.add(level, 1, "HL01 counts from 1 in each set", expected=str(self.count))
        if level[2] and level[2] not in self.codes:
            self.problems.add(level, 2, "HL02 names an earlier HL")
        elif level[2] and level[3] in self.parents and self.codes[level[2]] not in self.parents[level[3]]:
            expected = " ".join(self.parents[level[3]])
            self.problems.add(level, 2, "HL02 names the level that this one belongs to", expected=f"HL03 {expected}")
        self.previous = level
        self.codes[level[1]] = level[3]

    def finish(self) -> None:
        self._close("")

    def _close(self, parent_of_next: str) -> None:
        """A level has children exactly when the next one names it: the tree is written depth first."""
        level = self.previous
        if level is None or not level[4]:
            return
        has_children = bool(parent_of_next) and parent_of_next == level[1]
        if level[4] != ("1" if has_children else "0"):
            rule = "HL04 is 1 with children and 0 without"
            self.problems.add(level, 4, rule, severity="warning" if level[4] == "1" else "error")
