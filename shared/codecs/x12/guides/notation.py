"""How is a guide written down here?

A line is a segment or a loop; indentation nests loops. `R2` is required and may stand twice, `S>` situational without
limit. A segment names its elements in order:

    r          required                      s          situational           -        not used
    =A,B       required, one of these codes  ?A,B       situational, one of these codes
    {r =B s}   required composite            ?{...}     situational composite
    ...x3      three such elements in a row  ...*9      the element may repeat nine times

    @2010AA R1
      NM1 R1 =85 =1,2 r s s - s ?XX s
      N3 R1 r s

Neighbours of one segment id (or loops that begin with one) share a position: they may come in any order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.codecs.x12.guides.dictionary import COMPOSITES, CONDITIONS, DATA_ELEMENTS, SEGMENTS, DataElement

UNBOUNDED = 1_000_000_000
_ELEMENT = re.compile(r"\??\{[^}]*\}(?:[x*]\d+)?|\S+")
_FREE = DataElement("", "AN", 1, 10_000)
# Which element tells uses of one segment id apart: HL by its level code, most by their first element.
_KEYED = {"HL": 3} | dict.fromkeys(
    ("NM1", "N1", "REF", "DTP", "DTM", "AMT", "QTY", "PER", "CRC", "HI", "PRV", "TRN", "LQ", "NTE", "PWK", "CTX"), 1
)


class ElementUse:
    """How a guide uses one element or component."""

    __slots__ = ("codes", "data", "is_composite", "is_required", "is_used", "parts", "repeats")

    def __init__(self, text: str, number: str) -> None:
        text, self.repeats = _with_repeats(text)
        self.is_used = text != "-"
        self.is_required = text[0] in "r={"
        self.is_composite = number in COMPOSITES
        self.codes: frozenset[str] | None = None
        self.parts: tuple[ElementUse, ...] = ()
        self.data = DATA_ELEMENTS.get(number, _FREE)
        if "{" in text:
            inner = text.lstrip("?")[1:-1].split()
            components = COMPOSITES.get(number, ())
            self.parts = tuple(
                ElementUse(each, components[at] if at < len(components) else "") for at, each in enumerate(inner)
            )
        elif self.is_composite and self.is_used:
            self.parts = tuple(ElementUse("s", each) for each in COMPOSITES[number])
        elif text[0] in "=?":
            self.codes = frozenset(text[1:].split(","))


class SegmentUse:
    """One place of a segment in a guide."""

    __slots__ = ("conditions", "elements", "id", "is_required", "key_at", "keys", "limit", "standard_length")

    def __init__(self, name: str, usage: str, elements: str) -> None:
        numbers = SEGMENTS[name]
        self.id = name
        self.is_required, self.limit = _usage(usage)
        self.conditions = tuple(_condition(text) for text in CONDITIONS[name])
        self.standard_length = len(numbers)
        self.elements = tuple(
            ElementUse(text, numbers[at] if at < len(numbers) else "") for at, text in enumerate(_tokens(elements))
        )
        self.key_at = _KEYED.get(name, 0)
        self.keys = self._keys()

    def _keys(self) -> frozenset[str]:
        """The codes that choose this use; empty when the id alone does."""
        if not self.key_at or len(self.elements) < self.key_at:
            return frozenset()
        element = self.elements[self.key_at - 1]
        if element.parts:
            element = element.parts[0]
        return element.codes or frozenset()


class LoopUse:
    """One place of a loop in a guide; its first segment begins it."""

    __slots__ = ("by_id", "children", "first", "id", "is_required", "limit", "positions", "starters")

    def __init__(self, name: str, usage: str, children: tuple[SegmentUse | LoopUse, ...]) -> None:
        first = children[0]
        assert isinstance(first, SegmentUse)
        self.id = name
        self.is_required, self.limit = _usage(usage)
        self.children = children
        self.first = first
        self.positions: list[int] = []
        self.by_id: dict[str, list[int]] = {}
        before = ("", False)
        for at, child in enumerate(children):
            same = (first_of(child).id, isinstance(child, LoopUse))
            self.positions.append(self.positions[-1] if at and same == before else at)
            before = same
            if at:
                self.by_id.setdefault(same[0], []).append(at)
        self.starters: frozenset[str] = frozenset(
            name for child in children if isinstance(child, LoopUse) for name in (child.first.id, *child.starters)
        )


def first_of(use: SegmentUse | LoopUse) -> SegmentUse:
    return use.first if isinstance(use, LoopUse) else use


def segments_of(use: SegmentUse | LoopUse) -> Iterator[SegmentUse]:
    """Every segment use in and below it."""
    if isinstance(use, SegmentUse):
        yield use
    else:
        for child in use.children:
            yield from segments_of(child)


def guide(text: str) -> LoopUse:
    """The root loop (ST to SE) of a guide that is written in this notation."""
    lines = [line.split("#")[0].rstrip() for line in text.splitlines()]
    numbered = [(len(line) - len(line.lstrip()), line.split()) for line in lines if line.strip()]
    children, end = _children(numbered, 0, numbered[0][0])
    assert end == len(numbered)
    return LoopUse("", "R1", children)


def _children(lines: list[tuple[int, list[str]]], at: int, depth: int) -> tuple[tuple[SegmentUse | LoopUse, ...], int]:
    children: list[SegmentUse | LoopUse] = []
    while at < len(lines) and lines[at][0] == depth:
        name, usage, *elements = lines[at][1]
        at += 1
        if name.startswith("@"):
            inside, at = _children(lines, at, lines[at][0])
            children.append(LoopUse(name[1:], usage, inside))
        else:
            children.append(SegmentUse(name, usage, " ".join(elements)))
    return tuple(children), at


def _usage(text: str) -> tuple[bool, int]:
    return text[0] == "R", UNBOUNDED if text[1:] == ">" else int(text[1:])


def _tokens(text: str) -> Iterator[str]:
    for token in _ELEMENT.findall(text):
        body, times = token, 1
        if match := re.fullmatch(r"(.*[}\w,-])x(\d+)", token):
            body, times = match.group(1), int(match.group(2))
        yield from [body] * times


def _with_repeats(text: str) -> tuple[str, int]:
    body, star, times = text.rpartition("*")
    return (body, int(times)) if star else (text, 1)


def _condition(text: str) -> tuple[str, tuple[int, ...]]:
    return text[0], tuple(int(text[at : at + 2]) for at in range(1, len(text), 2))
