"""Which prices does a schedule have on a date of service?

Of the versions that were not withdrawn, the one whose dates hold the day; a version without an end ends where the next one begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeAlias, assert_never

from shared.events.contracts import (
    FeeRate,
    FeeScheduleEvent,
    FeeScheduleRatesListed,
    FeeScheduleVersionLoaded,
    FeeScheduleVersionWithdrawn,
    RelativeValues,
)

Price: TypeAlias = FeeRate | RelativeValues
Prices: TypeAlias = Mapping[str, tuple[Price, ...]]  # by code; they differ by modifiers and place


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    loaded: FeeScheduleVersionLoaded
    prices: Prices = field(default_factory=dict)
    is_withdrawn: bool = False

    def prices_of(self, code: str, modifiers: tuple[str, ...]) -> tuple[Price, ...]:
        """Those for exactly these modifiers; several when the place matters."""
        return tuple(each for each in self.prices.get(code, ()) if each.modifiers == modifiers)

    def knows(self, code: str) -> bool:
        return code in self.prices


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSchedule:
    versions: Mapping[int, Version] = field(default_factory=dict)

    @property
    def is_known(self) -> bool:
        return bool(self.versions)

    @property
    def standing(self) -> tuple[Version, ...]:
        """Those that are judged by, the earliest first."""
        standing = (each for each in self.versions.values() if not each.is_withdrawn)
        return tuple(sorted(standing, key=lambda each: each.loaded.effective_from))

    def in_force(self, on: date) -> Version | None:
        begun = [each for each in self.standing if each.loaded.effective_from <= on]
        if not begun:
            return None
        last = begun[-1]
        return last if last.loaded.effective_to is None or on <= last.loaded.effective_to else None


def evolve(schedule: FeeSchedule, event: FeeScheduleEvent) -> FeeSchedule:
    match event:
        case FeeScheduleVersionLoaded():
            return _with(schedule, Version(loaded=event))
        case FeeScheduleRatesListed():
            version = schedule.versions[event.version]
            return _with(schedule, replace(version, prices=_added(version.prices, event)))
        case FeeScheduleVersionWithdrawn():
            return _with(schedule, replace(schedule.versions[event.version], is_withdrawn=True, prices={}))
        case _:
            assert_never(event)


def _added(prices: Prices, event: FeeScheduleRatesListed) -> Prices:
    found = dict(prices)
    listed: tuple[Price, ...] = (*event.amounts, *event.relative_values)
    for each in listed:
        found[each.procedure_code] = (*found.get(each.procedure_code, ()), each)
    return found


def _with(schedule: FeeSchedule, version: Version) -> FeeSchedule:
    return FeeSchedule(versions={**schedule.versions, version.loaded.version: version})
