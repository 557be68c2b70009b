"""Does a transaction set follow its guide: loops, order, repeats, and what is required?

Source: ASC X12N 005010 guides (`guides`). Segments come one by one, in bounded memory; what is wrong is collected, with
the loop it stands in and the code that a 999 would give it. One bad segment is told once and the rest is still read.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from shared.codecs.x12.element_rules import ElementRules
from shared.codecs.x12.guides.dictionary import SEGMENTS
from shared.codecs.x12.guides.notation import LoopUse, SegmentUse, first_of, segments_of
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import Segment

# IK304
_MISSING, _LOOP_TOO_OFTEN, _TOO_OFTEN, _NOT_IN_SET, _OUT_OF_ORDER, _UNEXPECTED, _UNKNOWN = (
    "3",
    "4",
    "5",
    "6",
    "7",
    "2",
    "1",
)
_DEPTH_MAX = 32


class _Open:
    """A loop that is being read: how often each child stood, and the place that was reached."""

    __slots__ = ("counts", "last_number", "position", "use")

    def __init__(self, use: LoopUse, number: int) -> None:
        self.use = use
        self.counts = [0] * len(use.children)
        self.counts[0] = 1
        self.position = 0
        self.last_number = [0] * len(use.children)
        self.last_number[0] = number


class Conformance:
    """Follows one transaction set through its guide. Feed it every segment from ST to SE, then `finish`."""

    def __init__(self, guide: LoopUse, problems: Problems) -> None:
        self.guide = guide
        self.problems = problems
        self.rules = ElementRules(problems)
        self.stack: list[_Open] = []
        self.is_lost = False  # inside a loop that the guide does not have here
        self.ids = _ids_of(guide)

    @property
    def loop(self) -> str:
        return self.stack[-1].use.id if self.stack else ""

    def take(self, segment: Segment) -> None:
        name = segment.elements[0]
        if not self.stack:
            self.stack.append(_Open(self.guide, segment.number))
            self.rules.check(self.guide.first, segment, "")
            return
        if self.is_lost and name not in self.guide.starters and name != "SE":
            return
        depth, at = self._expected(segment) or self._beyond_limit(segment) or self._earlier(segment) or (-1, 0)
        if depth >= 0:
            self._enter(depth, at, segment)
        else:
            self._unexpected(segment)

    def finish(self) -> None:
        while self.stack:
            self._close()

    # Where a segment belongs

    def _expected(self, segment: Segment) -> tuple[int, int] | None:
        """The nearest place ahead that has room for it."""
        name = segment.elements[0]
        for depth in range(len(self.stack) - 1, -1, -1):
            opened = self.stack[depth]
            for at in opened.use.by_id.get(name, ()):
                child = opened.use.children[at]
                if (
                    opened.use.positions[at] >= opened.position
                    and opened.counts[at] < child.limit
                    and _is_named(first_of(child), segment)
                ):
                    return depth, at
        return None

    def _beyond_limit(self, segment: Segment) -> tuple[int, int] | None:
        """The nearest place ahead that has no room left."""
        for depth, at, opened in self._places(segment):
            if opened.use.positions[at] >= opened.position:
                child = opened.use.children[at]
                is_loop = isinstance(child, LoopUse)
                rule = f"a {'loop' if is_loop else 'segment'} stands no more often than the guide allows"
                code = _LOOP_TOO_OFTEN if is_loop else _TOO_OFTEN
                found, expected = str(opened.counts[at] + 1), f"at most {child.limit}"
                loop = child.id if is_loop else opened.use.id
                self.problems.add(segment, 0, rule, found=found, expected=expected, loop=loop, segment_code=code)
                return depth, at
        return None

    def _earlier(self, segment: Segment) -> tuple[int, int] | None:
        """A place in an open loop that was passed already."""
        for depth, at, opened in self._places(segment):
            if self._deepest_alike(segment) > depth:
                return None  # nearer is a place for the same id, so that the qualifier is wrong
            rule = "segments stand in the order of the guide"
            self.problems.add(segment, 0, rule, found=segment.id, loop=opened.use.id, segment_code=_OUT_OF_ORDER)
            return depth, at
        return None

    def _places(self, segment: Segment) -> Iterator[tuple[int, int, _Open]]:
        for depth in range(len(self.stack) - 1, -1, -1):
            opened = self.stack[depth]
            for at in opened.use.by_id.get(segment.elements[0], ()):
                if _is_named(first_of(opened.use.children[at]), segment):
                    yield depth, at, opened

    def _unexpected(self, segment: Segment) -> None:
        """Nothing in reach takes it: a wrong qualifier, a wrong place, or an id that the set does not have."""
        name = segment.elements[0]
        alike = list(self._alike(segment))
        if alike and first_of(self._child(alike[0])).keys:
            nearest = [place for place in alike if place[0] == alike[0][0]]
            self._wrong_qualifier(segment, nearest)
            return
        if name in self.ids:
            rule, code = "the guide has this segment elsewhere", _UNEXPECTED
        else:
            rule = "the segment belongs to this set"
            code = _NOT_IN_SET if name in SEGMENTS else _UNKNOWN
        self.problems.add(segment, 0, rule, found=name[:3], loop=self.loop, segment_code=code)
        self.is_lost = self.is_lost or name in self.guide.starters

    def _alike(self, segment: Segment) -> Iterator[tuple[int, int]]:
        """The places ahead for this segment id, the nearest first."""
        for depth in range(len(self.stack) - 1, -1, -1):
            opened = self.stack[depth]
            for at in opened.use.by_id.get(segment.elements[0], ()):
                if opened.use.positions[at] >= opened.position:
                    yield depth, at

    def _deepest_alike(self, segment: Segment) -> int:
        return next((depth for depth, _ in self._alike(segment)), -1)

    def _wrong_qualifier(self, segment: Segment, places: list[tuple[int, int]]) -> None:
        use = first_of(self._child(places[0]))
        codes = sorted({code for place in places for code in first_of(self._child(place)).keys})
        element = use.elements[use.key_at - 1]
        self.problems.add(
            segment,
            use.key_at,
            "the code is in the list of the guide",
            component=1 if element.parts else 0,
            expected=" ".join(codes)[:200],
            loop=self.stack[places[0][0]].use.id,
            segment_code=_UNEXPECTED,
            element_code="7",
            reference=(element.parts[0] if element.parts else element).data.number,
        )
        if len(places) == 1:
            self._enter(*places[0], segment, is_key_told=True)
        else:
            self.is_lost = self.is_lost or segment.elements[0] in self.guide.starters

    def _child(self, place: tuple[int, int]) -> SegmentUse | LoopUse:
        return self.stack[place[0]].use.children[place[1]]

    # Entering and leaving

    def _enter(self, depth: int, at: int, segment: Segment, *, is_key_told: bool = False) -> None:
        opened = self.stack[depth]
        child = opened.use.children[at]
        is_ahead = opened.use.positions[at] >= opened.position
        if is_ahead:
            while len(self.stack) > depth + 1:
                self._close()
            opened.position = opened.use.positions[at]
        self.is_lost = False
        opened.counts[at] += 1
        opened.last_number[at] = segment.number
        use, loop = first_of(child), opened.use.id
        if isinstance(child, LoopUse):
            loop = child.id
            if len(self.stack) < _DEPTH_MAX:
                self.stack.append(_Open(child, segment.number))
        self.rules.check(use, segment, loop, key_told=use.key_at if is_key_told else 0)

    def _close(self) -> None:
        opened = self.stack.pop()
        latest = opened.last_number[0]
        for at, child in enumerate(opened.use.children):
            latest = max(latest, opened.last_number[at])
            if opened.counts[at] or not child.is_required:
                continue
            use = first_of(child)
            names = f"{use.id} {'/'.join(sorted(use.keys))}".strip()[:120]
            if isinstance(child, LoopUse):
                rule, loop, expected = "the guide requires this loop", child.id, f"loop {child.id}, {names}"
            else:
                rule, loop, expected = "the guide requires this segment", opened.use.id, names
            self.problems.missing(latest, use.id, rule, expected=expected, loop=loop, segment_code=_MISSING)


@cache
def _ids_of(guide: LoopUse) -> frozenset[str]:
    return frozenset(use.id for use in segments_of(guide))


def _is_named(use: SegmentUse, segment: Segment) -> bool:
    return not use.keys or _key_of(use, segment) in use.keys


def _key_of(use: SegmentUse, segment: Segment) -> str:
    text = segment[use.key_at]
    if use.elements[use.key_at - 1].parts:
        return text.split(segment.dialect.component, 1)[0] if segment.dialect.component else text
    return text
