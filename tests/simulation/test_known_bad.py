"""Would it be noticed? Pieces that are broken on purpose, each caught within a stated number of seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from shared.events.envelope import Position, Stored
from shared.kernel.identifiers import derived_id
from shared.runtime.command import Aggregate, Cause, Commands, Outcome
from shared.runtime.transaction import Place, ReaderKey
from tests.simulation.checks import violations
from tests.simulation.feed import SimulatedFeed
from tests.simulation.log import CommandRow, ServiceLog
from tests.simulation.process import Process
from tests.simulation.rows import ServiceRows, SimulatedTransaction, SimulatedTransactions
from tests.simulation.weather import Weather
from tests.simulation.world import Pieces, run


def caught_within(seeds: int, pieces: Pieces) -> list[str]:
    """What the first seed finds of the broken piece; nothing, if none of so many does."""
    for seed in range(seeds):
        try:
            found = violations(run(seed, pieces=pieces), run(seed, is_calm=True))
        except Exception as error:  # noqa: BLE001  a run that cannot end has found it, too
            return [type(error).__name__]
        if found:
            return found
    return []


class _FreshIds:
    """Every time it is sent, a command is another one."""

    def __init__(self, process: Process) -> None:
        self._process = process

    async def handle(self, aggregate: Aggregate, key: str, command: Any, cause: Cause) -> Outcome:
        fresh = derived_id(cause.command_id, self._process.ground.weather.dice.getrandbits(64))
        return await self._process.commands.handle(aggregate, key, command, replace(cause, command_id=fresh))

    async def state(self, aggregate: Aggregate, tenant: str, key: str) -> Any:
        return await self._process.commands.state(aggregate, tenant, key)


class PoliciesWithRandomCommandIds(Process):
    def commands_of_policies(self) -> Commands:
        return _FreshIds(self)


class _PositionFirst(SimulatedTransaction):
    async def move(
        self, key: ReaderKey, epoch: int, place: Place, *, rows_at: Position, lease_for: timedelta
    ) -> str | None:
        state = await super().move(key, epoch, place, rows_at=rows_at, lease_for=lease_for)
        if state is not None:
            self.apply("move", self.database.readers[key], place)
        return state


class PositionsBeforeRows(Process):
    def make_transactions(self) -> SimulatedTransactions:
        class Transactions(SimulatedTransactions):
            def transaction(self, database: ServiceRows, weather: Weather) -> SimulatedTransaction:
                return _PositionFirst(database, weather)

        return Transactions(self.ground.rows[self.service], self.ground.weather)


class StoreWithoutVersions(ServiceLog):
    def is_head(self, tenant: str, stream: str, version: int, hash: bytes) -> bool:
        return True


class StoreWithoutMemory(ServiceLog):
    def answer_of(self, tenant: str, command_id: UUID) -> CommandRow | None:
        return None


class FeedThatSwaps(SimulatedFeed):
    """Two events of one stream that were appended together are told in the other order."""

    def in_order(self, events: Sequence[Stored]) -> Sequence[Stored]:
        told = list(events)
        for index in range(1, len(told)):
            first, second = told[index - 1], told[index]
            if first.key == second.key and self.weather.dice.random() < 0.3:
                told[index - 1] = structs.replace(second, position=first.position)
                told[index] = structs.replace(first, position=second.position)
        return told


@pytest.mark.parametrize(
    ("pieces", "seeds"),
    [
        pytest.param(Pieces(process=PoliciesWithRandomCommandIds), 20, id="policies with random command ids"),
        pytest.param(Pieces(process=PositionsBeforeRows), 20, id="positions committed before rows"),
        pytest.param(Pieces(log=StoreWithoutVersions), 20, id="a store that ignores expected versions"),
        pytest.param(Pieces(log=StoreWithoutMemory), 20, id="a store that forgets command ids"),
        pytest.param(Pieces(feed=FeedThatSwaps), 20, id="a feed that swaps two events of a stream"),
    ],
)
def test_a_broken_piece_is_noticed(pieces: Pieces, seeds: int) -> None:
    assert caught_within(seeds, pieces) != []
