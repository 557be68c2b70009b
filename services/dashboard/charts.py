"""Which picture shows an aging? Stacked bars drawn as SVG here, each part a link to the list that it is the sum of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_LEFT, _RIGHT, _BAR, _GAP = 150, 760, 22, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One piece of a bar: where it lies, what it says, where it leads."""

    x: int
    width: int
    place: int  # the age, from 0: the colour
    title: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    name: str
    y: int
    parts: Sequence[Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    x: int
    cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """A drawing in user units; what is below zero is in the table beside it and not drawn."""

    width: int
    height: int
    left: int
    bar: int
    bars: Sequence[Bar]
    ticks: Sequence[Tick]


def stacked(
    rows: Sequence[tuple[str, Mapping[str, int]]],
    ages: Sequence[str],
    *,
    title: Callable[[str, str, int], str],
    href: Callable[[str, str], str],
    label: Callable[[str], str],
) -> Bars:
    """One bar a row, one part an age, to one scale. Every positive amount is at least one unit wide, so it can be met."""
    most = max((sum(max(cents, 0) for cents in amounts.values()) for _, amounts in rows), default=0)
    step = _step(most)
    top = max(-(-most // step), 1) * step
    bars: list[Bar] = []
    for number, (name, amounts) in enumerate(rows):
        x = _LEFT
        parts: list[Part] = []
        for place, age in enumerate(ages):
            if (cents := amounts.get(age, 0)) > 0:
                width = max(cents * (_RIGHT - _LEFT) // top, 1)
                parts.append(Part(x=x, width=width, place=place, title=title(name, age, cents), href=href(name, age)))
                x += width
        bars.append(Bar(name=label(name), y=number * (_BAR + _GAP) + 4, parts=parts))
    height = len(rows) * (_BAR + _GAP) + 4
    ticks = [Tick(x=_LEFT + cents * (_RIGHT - _LEFT) // top, cents=cents) for cents in range(0, top + 1, step)]
    return Bars(width=_RIGHT + 60, height=height + 24, left=_LEFT, bar=_BAR, bars=bars, ticks=ticks)


def _step(most: int) -> int:
    """A round distance with which three to six ticks reach the end."""
    step = 100_00
    while most // step > 5:
        step *= 5 if str(step).startswith("2") else 2
    return step
