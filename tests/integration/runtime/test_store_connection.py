"""What does a caller learn when the database goes away in the middle? Never a guess."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio

from shared.runtime.availability import StoreUnavailable, is_outage
from shared.runtime.faults import is_worth_retrying
from shared.runtime.store.append import Answer, Appended
from shared.testing.infrastructure import FreshDatabase, PostgresServer
from tests.integration.runtime.promises import TENANT, Promises, append, eventually, promises_service

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, fresh_database: FreshDatabase) -> AsyncIterator[Promises]:
    async with promises_service(postgres_server, fresh_database) as service:
        yield service


@dataclass(slots=True)
class Wire:
    """A TCP relay before the database. It can keep answers to itself, and be cut."""

    host: str
    port: int
    keeps_answers: bool = False
    is_cut: bool = False
    listening_on: int = 0
    _open: list[asyncio.StreamWriter] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.listening_on = self._server.sockets[0].getsockname()[1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        up_reader, up_writer = await asyncio.open_connection(self.host, self.port)
        self._open += [writer, up_writer]
        await asyncio.gather(self._pass(reader, up_writer), self._pass(up_reader, writer, is_answer=True))

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if not (is_answer and self.keeps_answers):
                    writer.write(data)
                    await writer.drain()
            writer.close()

    async def say_goodbye(self) -> None:
        """Tell clients what a server tells them that is about to hang up, and do not hang up."""
        self.keeps_answers = True
        fields = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"
        for writer in self._open[::2]:
            writer.write(b"E" + (4 + len(fields)).to_bytes(4, "big") + fields)
            await writer.drain()

    def cut(self) -> None:
        self.is_cut = True
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()

    async def stop(self) -> None:
        self.cut()
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()


@pytest_asyncio.fixture(loop_scope="session")
async def wire(service: Promises) -> AsyncIterator[Wire]:
    parts = urlsplit(service.database.app)
    wire = Wire(parts.hostname or "", parts.port or 5432)
    await wire.start()
    yield wire
    await wire.stop()


def _through(wire: Wire, dsn: str) -> str:
    parts = urlsplit(dsn)
    credentials = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{credentials}@127.0.0.1:{wire.listening_on}").geturl()


async def test_an_append_whose_answer_was_lost_is_found_by_its_command_id(service: Promises, wire: Wire) -> None:
    store = await service.store(_through(wire, service.database.app), writers=1)
    assert isinstance(await store.append(append("guarantor-account/warm")), Appended)
    admin = await service.connect()

    wire.keeps_answers = True
    command = append("guarantor-account/1", events=2)
    waiting = asyncio.create_task(store.append(command))
    committed = "select count(*) from commands where command_id = $1"
    await eventually(lambda: admin.fetchval(committed, command.command_id))
    assert not waiting.done()
    wire.cut()
    wire.keeps_answers = wire.is_cut = False

    answer = await waiting
    assert isinstance(answer, Answer)
    stored = await store.stored_stream(TENANT, "guarantor-account/1")
    assert len(stored) == 2
    assert (answer.version, answer.events, answer.position) == (2, 2, stored[-1].position)


async def test_a_server_that_takes_its_leave_is_an_outage_and_no_bug(service: Promises, wire: Wire) -> None:
    pool = await asyncpg.create_pool(_through(wire, service.database.app), min_size=1, max_size=1)
    assert await pool.fetchval("select 1") == 1
    await wire.say_goodbye()
    await asyncio.sleep(0.2)  # the driver hears it while it waits for nothing
    with pytest.raises(asyncpg.InternalClientError) as met:
        await pool.fetchval("select 1")
    assert is_outage(met.value) and is_worth_retrying(met.value)
    wire.cut()
    wire.keeps_answers = wire.is_cut = False
    assert await pool.fetchval("select 1") == 1
    await pool.close()


async def test_an_append_that_was_killed_in_the_middle_is_done_once(service: Promises) -> None:
    store = await service.store(writers=1)
    first = await store.append(append("guarantor-account/1"))
    assert isinstance(first, Appended)
    blocker, admin = await service.connect(), await service.connect()
    block = blocker.transaction()
    await block.start()
    await blocker.execute("select from streams for update")

    waiting = asyncio.create_task(store.append(append("guarantor-account/1", first.head)))
    blocked = "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    pid = await eventually(lambda: admin.fetchval(blocked))
    await admin.execute("select pg_terminate_backend($1)", pid)
    await block.rollback()

    assert isinstance(await waiting, Appended)
    assert len(await store.stored_stream(TENANT, "guarantor-account/1")) == 2


async def test_while_the_database_is_away_callers_are_told_and_later_ones_succeed(
    service: Promises, wire: Wire
) -> None:
    store = await service.store(_through(wire, service.database.app), writers=1, give_up_seconds=0.5)
    assert isinstance(await store.append(append("guarantor-account/1")), Appended)
    wire.cut()
    commands = [append(f"guarantor-account/away-{number}") for number in range(20)]
    outcomes = await asyncio.gather(*(store.append(command) for command in commands), return_exceptions=True)
    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    with pytest.raises(StoreUnavailable):
        await store.stored_stream(TENANT, "guarantor-account/1")
    with pytest.raises(StoreUnavailable):
        await store.answer(TENANT, commands[0].command_id)
    wire.is_cut = False
    again = await asyncio.gather(*(store.append(command) for command in commands))
    assert all(isinstance(outcome, Appended) for outcome in again)
