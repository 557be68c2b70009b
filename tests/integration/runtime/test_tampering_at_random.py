"""Is every single byte of a stored event vouched for? Many are changed, in every column, and verification must name each event."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from shared.events.envelope import Stored
from shared.testing.infrastructure import FreshDatabase, PostgresServer
from shared.testing.stores import service_database
from tests.integration.runtime.promises import SERVICE
from tests.integration.runtime.sealed_log import A, Attacker, SealedLog, opened_log

pytestmark = pytest.mark.asyncio(loop_scope="session")

TAMPERS = int(os.environ.get("LEDGERLINE_TAMPERS", "400"))
SEED = int(os.environ.get("LEDGERLINE_TAMPER_SEED", "7"))
STREAMS = 50
AT_ONCE = 40  # each event once; an event that was moved is named twice, and a check names a hundred

COLUMNS = (
    *("tx pos epoch version tenant stream type actor correlation_id causation_id traceparent clock".split()),
    *("occurred_at recorded_at event_id command_id data previous_hash hash".split()),
)
# What keeps such rows out is taken away first, as the owner could.
UNGUARD = """
alter table events drop constraint events_pkey, drop constraint events_tenant_event_id_key,
  drop constraint events_clock_check, drop constraint events_version_check;
drop index events_feed;
create index on events (epoch, tx, pos);
create index on events (tenant, stream, version);
update store set epoch = 300; -- so that an event that was moved to a later epoch is still below the horizon
"""


@pytest_asyncio.fixture(loop_scope="session")
async def log(
    postgres_server: PostgresServer, fresh_database: FreshDatabase, tmp_path: Path
) -> AsyncIterator[SealedLog]:
    """Two hundred events of many streams, under eight heads."""
    database = await service_database(postgres_server, fresh_database, SERVICE)
    async with opened_log(database.superuser, tmp_path) as opened:
        for number in range(STREAMS):
            stream = f"{A}-{number}"
            await opened.record(stream, 1 + number % 7, causation_id="request-0")
            if number % 6 == 5:
                await opened.seal()
        await opened.seal()
        yield opened


def one_byte_off(value: Any, dice: random.Random) -> Any:
    """The value with one of its bytes another one, as far as the column's type can hold it."""
    match value:
        case bytes():
            at = dice.randrange(len(value))
            return value[:at] + bytes([value[at] ^ dice.randrange(1, 256)]) + value[at + 1 :]
        case str():
            at = dice.randrange(len(value))
            other = dice.choice([chr(code) for code in range(32, 127) if chr(code) != value[at]])
            return value[:at] + other + value[at + 1 :]
        case UUID():
            return UUID(bytes=one_byte_off(value.bytes, dice))
        case int():
            return value ^ dice.randrange(1, 256)
        case _:
            microseconds = dice.randrange(1, 256) << 8 * dice.randrange(6)
            return value + timedelta(microseconds=dice.choice((1, -1)) * microseconds)


async def tamper(attacker: Attacker, event: Stored, column: str, dice: random.Random) -> str:
    """Change one byte of a column; returns where verification must name it."""
    value = event.position._asdict().get(column, getattr(event, column, None))
    await attacker.change(event, column, one_byte_off(value, dice))
    where = f"{SERVICE}: {event.key} version {event.version}"
    return where if column in ("hash", "previous_hash") else f"{where} at {event.position}"


async def put_back(connection: asyncpg.Connection) -> None:
    await connection.execute("truncate events; insert into events select * from events_before")


@pytest.mark.timeout(7200)
async def test_any_single_byte_that_was_changed_in_a_stored_event_is_named(log: SealedLog) -> None:
    dice, missed, done = random.Random(SEED), list[str](), 0
    events = await log.events()
    assert await log.findings() == {}
    async with Attacker.of(log) as attacker:
        await attacker.connection.execute("create table events_before as table events")
        await attacker.connection.execute(UNGUARD)
        while done < TAMPERS:
            chosen = dice.sample(events, min(AT_ONCE, TAMPERS - done))
            columns = [dice.choice(COLUMNS) for _ in chosen]
            wanted = [
                await tamper(attacker, event, column, dice) for event, column in zip(chosen, columns, strict=True)
            ]
            found = [line for lines in (await log.findings()).values() for line in lines]
            missed += [
                f"{column} of {where}"
                for column, where in zip(columns, wanted, strict=True)
                if not any(line.startswith(where) for line in found)
            ]
            done += len(chosen)
            await put_back(attacker.connection)
    print(f"{done} single-byte tampers of {len(events)} stored events, seed {SEED}: {done - len(missed)} found")
    assert missed == []
    assert await log.findings() == {}, "put back, it is the log that it was"
