"""Do read models say the same whatever order the log's streams arrive in?

Order holds within a stream and nowhere else: on Kafka a reader may even see an effect before its cause. Every projection is folded over
many random interleavings of a real run's events, and must give the same rows each time.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from shared.events.envelope import Stored
from shared.runtime.codec import EventCodec
from shared.runtime.folding import Fold
from shared.runtime.projection import Projection
from shared.testing.infrastructure import PostgresServer
from tests.integration.cycle.practice import practice
from tests.integration.cycle.test_many_stories import DAYS, STORIES

INTERLEAVINGS = 40
CODEC = EventCodec()


@pytest.mark.asyncio
@pytest.mark.timeout(300)
async def test_every_interleaving_of_streams_gives_the_same_rows(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    async with practice(postgres_server, tmp_path) as clinic:
        for story, (payers, cents) in STORIES.items():
            await clinic.register(story, *payers)
            await clinic.charge(f"visit-{story}", story, ("99213", cents))
        await clinic.live(days=DAYS)
        await clinic.merge(retired="not-covered", survivor="self-pay")
        await clinic.charge("visit-after-the-merge", "not-covered", ("99213", 90_00))
        await clinic.live(days=2)
        said = {service: await clinic.system.events(service) for service in clinic.system.hosts}
        projections = [each for host in clinic.system.hosts.values() for each in host.projections]
    for projection in projections:
        events = wanted(projection, said)
        expected = rows_of(projection, events)
        for seed in range(INTERLEAVINGS):
            found = rows_of(projection, interleaved(events, random.Random(seed)))
            assert found == expected, difference(projection, seed, expected, found)


def wanted(projection: Projection, said: dict[str, list[Stored]]) -> list[Stored]:
    return [
        stored
        for service, types in projection.reads.items()
        for stored in said.get(service, ())
        if CODEC.type_of(stored.type) in types
    ]


def interleaved(events: Sequence[Stored], dice: random.Random) -> list[Stored]:
    """Any order that keeps each stream's own."""
    streams: defaultdict[str, list[Stored]] = defaultdict(list)
    for stored in events:
        streams[f"{stored.service}/{stored.key}"].append(stored)
    turns = [key for key, stream in streams.items() for _ in stream]
    dice.shuffle(turns)
    next_of = {key: iter(stream) for key, stream in streams.items()}
    return [next(next_of[key]) for key in turns]


def rows_of(projection: Projection, events: Sequence[Stored]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """The rows that these events make in this order; a column that is still zero or empty counts as not there."""
    fold = Fold()
    for stored in events:
        fold.take(stored.tenant, projection.apply(CODEC.decode(stored)))
    return {
        (tenant, table, key): {name: value for name, value in (row.values | row.add).items() if value}
        for tenant, tables in fold.tenants.items()
        for table, rows in tables.items()
        for key, row in rows.items()
        if row.is_put
    }


def difference(projection: Projection, seed: int, expected: dict[Any, Any], found: dict[Any, Any]) -> str:
    for key in expected.keys() | found.keys():
        if expected.get(key) != found.get(key):
            before, after = expected.get(key) or {}, found.get(key) or {}
            columns = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
            return f"{projection.name}, interleaving {seed}: {key[1]} {key[2]} differs in {columns}"
    return ""
