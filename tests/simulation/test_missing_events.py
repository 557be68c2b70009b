"""Is every event that is gone from a log named, whatever was built on it? Verification may not stumble over what it looks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import pytest

from shared.events.envelope import Stored
from shared.events.registry import SERVICES
from shared.runtime.verify import check_store
from tests.simulation import loop
from tests.simulation.checks import between
from tests.simulation.feed import SimulatedFeed
from tests.simulation.process import CODEC
from tests.simulation.weather import CALM, Weather
from tests.simulation.world import Run, run

_SEEDS = range(6)  # small stories: visits, credits, answers, payments, statements
_REMOVED_MAX = 40  # of a service in one story


@cache
def played(seed: int) -> Run:
    return run(seed, is_calm=True)


def logs_of(seed: int) -> dict[str, Sequence[Stored]]:
    return {service: log.events for service, log in played(seed).ground.logs.items()}


@pytest.mark.parametrize("service", SERVICES)
def test_an_event_that_is_missing_is_named_and_every_check_goes_on(service: str) -> None:
    """Not of the last event of a stream: that it was there, only the signed heads know."""
    removed = 0
    for seed in _SEEDS:
        events = logs_of(seed)[service]
        last = {stored.key: stored.version for stored in events}
        inner = [number for number, stored in enumerate(events) if stored.version < last[stored.key]]
        for number in inner[:: 1 + len(inner) // _REMOVED_MAX]:
            gone = events[number]
            found = _verified(seed, service, [*events[:number], *events[number + 1 :]])
            where = f"{service}: {gone.key} version {gone.version + 1}"
            assert where in found["stream versions are gapless"], f"{gone.type} was not missed"
            removed += 1
    assert removed > 0


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("charges", "ChargeCaptured"),
        ("charges", "ChargesReleased"),
        ("payments", "ChargesPosted"),
        ("claims", "ClaimCreated"),
        ("collections", "PatientBalanceNoted"),
    ],
)
def test_what_a_service_has_forgotten_is_missed_and_every_check_goes_on(service: str, name: str) -> None:
    missed = 0
    for seed in _SEEDS:
        logs = logs_of(seed)
        assert between(logs) == []
        without = [stored for stored in logs[service] if stored.type.split(".")[1] != name]
        own = _verified(seed, service, without) if len(without) < len(logs[service]) else {}
        missed += bool(between(logs | {service: without})) or any(own.values())
    assert missed > 0


def _verified(seed: int, service: str, events: Sequence[Stored]) -> Mapping[str, Sequence[str]]:
    """Where each check found something."""

    async def verify() -> dict[str, list[str]]:
        feed = SimulatedFeed(Weather(played(seed).ground.weather.dice, CALM), {service: 1})
        feed.appended(service, events)
        results = await check_store(feed, service, CODEC, played(seed).processes[service].parts.invariants)
        return {result.name: [each.where for each in result.violations] for result in results}

    return loop.run(verify())
