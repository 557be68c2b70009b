"""What may commands for one stream rely on that came together, and so share a commit?

Everything that they could rely on alone: each is decided on what happened before it, has an outcome of its own, and happens once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from shared.events.collections import ContactLogged
from shared.runtime.command import BusinessKey, BusinessKeyTaken, EventTooLarge, IdempotencyKeyReused, Outcome
from shared.runtime.handler import CommandHandler
from shared.runtime.store.append import Answer, Appended, AppendFailed, Head, StreamMoved
from shared.runtime.store.hashing import FIRST, broken_link
from shared.testing.infrastructure import FreshDatabase, PostgresServer
from tests.integration.runtime.promises import (
    ACCOUNT,
    EMPTY,
    TENANT,
    Command,
    KeepPromise,
    Promise,
    Promises,
    PromiseUnknown,
    Say,
    append,
    cause,
    promises_service,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

STREAM = "guarantor-account/1"


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, fresh_database: FreshDatabase) -> AsyncIterator[Promises]:
    async with promises_service(postgres_server, fresh_database) as service:
        yield service


async def _sent(commands: CommandHandler, *all_: Command) -> list[Outcome | BaseException]:
    """What came of commands for one stream that were sent in the same moment, in this order."""
    handled = (commands.handle(ACCOUNT, "1", command, cause()) for command in all_)
    return await asyncio.gather(*handled, return_exceptions=True)


def _promises(count: int) -> list[Promise]:
    return [Promise(promise=f"{number}") for number in range(count)]


async def _transactions(commands: CommandHandler) -> int:
    stored = await commands.stored_stream(TENANT, STREAM)
    assert broken_link(stored) is None
    return len({one.position.tx for one in stored})


# --- through the command handler --------------------------------------------------------------------------------------


async def test_commands_that_waited_for_the_same_turn_share_a_commit(service: Promises) -> None:
    commands = await service.commands()
    outcomes = await _sent(commands, *_promises(100))
    assert [outcome.version for outcome in outcomes if isinstance(outcome, Outcome)] == list(range(1, 101))
    assert await _transactions(commands) == 3  # the first, the 64 that waited behind it, the rest
    assert await commands.state(ACCOUNT, TENANT, "1") == {str(number) for number in range(100)}
    assert (await commands.handle(ACCOUNT, "1", KeepPromise(promise="99"), cause())).version == 101


async def test_each_is_decided_on_what_those_before_it_decided(service: Promises) -> None:
    commands = await service.commands()
    await _sent(commands, Promise(promise="a"), KeepPromise(promise="a"), Promise(promise="b"), Promise(promise="b"))
    stored = await commands.recorded_stream(TENANT, STREAM)
    assert [type(one.event).__name__ for one in stored] == ["PromiseMade", "PromiseKept", "PromiseMade"]
    assert await commands.state(ACCOUNT, TENANT, "1") == {"b"}


async def test_a_refusal_is_its_own_and_keeps_nobody_up(service: Promises) -> None:
    commands = await service.commands()
    large = Say(events=(ContactLogged(patient_id="p", outcome_code="x" * 262_144),))
    unknown = KeepPromise(promise="never made")
    outcomes = await _sent(commands, *_promises(10), unknown, large, *_promises(20)[10:])
    assert isinstance(outcomes[10], PromiseUnknown)
    assert isinstance(outcomes[11], EventTooLarge)
    assert sum(isinstance(outcome, Outcome) for outcome in outcomes) == 20
    assert await commands.state(ACCOUNT, TENANT, "1") == {str(number) for number in range(20)}


async def test_a_fact_of_the_trade_that_another_stream_has_is_refused_to_the_one_that_claims_it(
    service: Promises,
) -> None:
    commands = await service.commands()
    call = Say(events=(ContactLogged(patient_id="p", outcome_code="left", reference_number="C-1"),))
    await commands.handle(ACCOUNT, "2", call, cause())
    outcomes = await _sent(commands, *_promises(5), call, *_promises(10)[5:])
    assert isinstance(outcomes[5], BusinessKeyTaken)
    assert await commands.state(ACCOUNT, TENANT, "1") == {str(number) for number in range(10)}
    assert await _transactions(commands) < 10


async def test_what_the_database_refuses_fails_alone(service: Promises) -> None:
    commands = await service.commands()
    causes = [cause() for _ in range(9)]
    causes[4] = replace(causes[4], actor="\x00")
    outcomes = await asyncio.gather(
        *(commands.handle(ACCOUNT, "1", Promise(promise=f"{n}"), why) for n, why in enumerate(causes)),
        return_exceptions=True,
    )
    assert isinstance(outcomes[4], AppendFailed)
    assert await commands.state(ACCOUNT, TENANT, "1") == {str(number) for number in range(9)} - {"4"}


async def test_sent_again_to_another_process_each_has_the_outcome_of_the_first_time(service: Promises) -> None:
    here = await service.commands()
    causes = [cause() for _ in range(50)]
    first = await _with_causes(here, causes[:40])
    there = await service.commands()
    again = await _with_causes(there, causes)
    assert [outcome.is_repeat for outcome in again] == [True] * 40 + [False] * 10
    assert [outcome.event_ids for outcome in again[:40]] == [outcome.event_ids for outcome in first]
    assert [outcome.version for outcome in again] == list(range(1, 51))
    assert broken_link(await there.stored_stream(TENANT, STREAM)) is None


async def _with_causes(commands: CommandHandler, causes: Sequence[Any]) -> list[Outcome]:
    numbered = enumerate(causes)
    return await asyncio.gather(
        *(commands.handle(ACCOUNT, "1", Promise(promise=f"{number}"), why) for number, why in numbered)
    )


async def test_the_same_command_twice_in_one_moment_happens_once(service: Promises) -> None:
    commands = await service.commands()
    twice, other = cause(fingerprint=b"a"), Promise(promise="other")
    outcomes = await asyncio.gather(
        commands.handle(ACCOUNT, "1", other, cause()),
        *(commands.handle(ACCOUNT, "1", Promise(promise="a"), twice) for _ in range(5)),
        commands.handle(ACCOUNT, "1", Promise(promise="b"), cause(twice.command_id, fingerprint=b"b")),
        return_exceptions=True,
    )
    assert [outcome.is_repeat for outcome in outcomes[1:6] if isinstance(outcome, Outcome)] == [False] + [True] * 4
    assert isinstance(outcomes[6], IdempotencyKeyReused)
    assert len(await commands.stored_stream(TENANT, STREAM)) == 2


async def test_two_processes_with_a_hundred_commands_each_for_one_stream_lose_none(service: Promises) -> None:
    here, there = await service.commands(), await service.commands()
    mine = [Promise(promise=f"here {number}") for number in range(100)]
    yours = [Promise(promise=f"there {number}") for number in range(100)]
    pending = [
        (commands, command)
        for pair in zip(mine, yours, strict=True)
        for commands, command in zip((here, there), pair, strict=True)
    ]
    while pending:  # a stream that moved four times in a row is told as a conflict, and asked for again
        outcomes = await asyncio.gather(
            *(commands.handle(ACCOUNT, "1", command, cause()) for commands, command in pending), return_exceptions=True
        )
        pending = [each for each, outcome in zip(pending, outcomes, strict=True) if not isinstance(outcome, Outcome)]
    stored = await here.recorded_stream(TENANT, STREAM)
    assert sorted(one.event.promise_id for one in stored) == sorted(each.promise for each in mine + yours)
    assert await _transactions(here) < 200


async def test_who_gives_up_does_not_hold_up_those_that_it_handles_together(service: Promises) -> None:
    commands = await service.commands()
    tasks = [asyncio.create_task(commands.handle(ACCOUNT, "1", command, cause())) for command in _promises(30)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.sleep(0)
    tasks[1].cancel()  # its turn has come, and the others' with it
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(outcomes[1], asyncio.CancelledError)
    assert sum(isinstance(outcome, Outcome) for outcome in outcomes) == 29
    assert broken_link(await commands.stored_stream(TENANT, STREAM)) is None
    assert len(await commands.stored_stream(TENANT, STREAM)) in (29, 30)


# --- in the store -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_new", [True, False])
async def test_a_series_is_appended_whole_and_moves_the_head_to_its_end(service: Promises, is_new: bool) -> None:
    store = await service.store()
    head = EMPTY
    if not is_new:
        begun = await store.append(append(STREAM))
        assert isinstance(begun, Appended)
        head = begun.head
    series = [append(STREAM, head, events=events) for events in (0, 2, 0, 1, 3, 0)]
    settled = await store.append_series(series)
    assert all(isinstance(each, Appended) for each in settled)
    stored = await store.stored_stream(TENANT, STREAM)
    assert stored[head.version :] == [event for each in settled if isinstance(each, Appended) for event in each.events]
    assert broken_link(stored) is None
    last = settled[-1]
    assert isinstance(last, Appended)
    assert (last.head.version, last.head.hash) == (head.version + 6, stored[-1].hash)
    assert isinstance(await store.append(append(STREAM, last.head)), Appended)
    for command, each in zip(series, settled, strict=True):
        assert isinstance(each, Appended)
        answer = await store.answer(TENANT, command.command_id)
        assert answer is not None
        assert (answer.version, answer.events) == (each.head.version, len(each.events))


async def test_of_a_series_on_another_history_nothing_is_appended(service: Promises) -> None:
    store = await service.store()
    first = await store.append(append(STREAM))
    assert isinstance(first, Appended)
    for head in (
        EMPTY,
        Head(version=1, hash=b"\x01" * 32, recorded_at=None),
        Head(version=2, hash=FIRST, recorded_at=None),
    ):
        settled = await store.append_series([append(STREAM, head) for _ in range(3)])
        assert [type(each) for each in settled] == [StreamMoved] * 3
    assert len(await store.stored_stream(TENANT, STREAM)) == 1


async def test_behind_events_that_are_not_appended_none_are(service: Promises) -> None:
    store = await service.store()
    trace = frozenset({BusinessKey("trace", "1")})
    await store.append(append("remittance/1", business_keys=trace))
    silent = append(STREAM, events=0)
    await store.append(silent)
    series = [
        append(STREAM),
        silent,  # answered before, and had decided nothing: what follows it still follows
        append(STREAM, events=2),
        append(STREAM, business_keys=trace),
        append(STREAM),
        append(STREAM, events=0),
    ]
    settled = await store.append_series(series)
    assert [type(each) for each in settled] == [
        Appended,
        Answer,
        Appended,
        BusinessKeyTaken,
        StreamMoved,
        StreamMoved,
    ]
    stored = await store.stored_stream(TENANT, STREAM)
    assert broken_link(stored) is None
    assert len(stored) == 3
    assert isinstance(
        await store.append(append(STREAM, Head(version=3, hash=stored[-1].hash, recorded_at=None))), Appended
    )


async def test_a_series_sent_again_is_answered_command_by_command(service: Promises) -> None:
    store = await service.store()
    series = [append(STREAM, events=events) for events in (1, 0, 2)]
    first = await store.append_series(series)
    again = await store.append_series(series)
    assert [each.version for each in again if isinstance(each, Answer)] == [1, 1, 3]
    assert [type(each) for each in first] == [Appended] * 3
    assert len(await store.stored_stream(TENANT, STREAM)) == 3


async def test_series_of_many_streams_and_single_commands_share_a_commit(service: Promises) -> None:
    store = await service.store()
    series = [[append(f"guarantor-account/{number}", events=2) for _ in range(5)] for number in range(10)]
    together, alone = await asyncio.gather(
        asyncio.gather(*(store.append_series(each) for each in series)),
        asyncio.gather(*(store.append(append(f"guarantor-account/alone-{number}")) for number in range(10))),
    )
    appended = [one for one in (*(one for each in together for one in each), *alone) if isinstance(one, Appended)]
    assert len(appended) == 60
    assert len({event.position.tx for one in appended for event in one.events}) == 1
    for number in range(10):
        stored = await store.stored_stream(TENANT, f"guarantor-account/{number}")
        assert [event.version for event in stored] == list(range(1, 11))
        assert broken_link(stored) is None


async def test_the_database_itself_refuses_a_command_that_does_not_follow_from_the_one_before(
    service: Promises,
) -> None:
    await service.store()
    connection = await service.connect(service.database.app)
    for streams, expected in (("{s,t}", "{0,0}"), ("{s,s}", "{0,1}"), ("{s}", "{0}")):
        is_behind = "{true}" if streams == "{s}" else "{false,true}"
        count = 1 if streams == "{s}" else 2
        with pytest.raises(asyncpg.PostgresError) as refusal:
            await connection.execute(
                "select append_batch($1, now(), 'real', false, array_fill(gen_random_uuid(), array[$2::int]),"
                f" array_fill(''::bytea, array[$2]), '{streams}', '{expected}', array_fill(0, array[$2]),"
                " array_fill($3::bytea, array[$2]), array_fill(null::timestamptz, array[$2]),"
                " array_fill(null::timestamptz, array[$2]), array_fill('a'::text, array[$2]), array_fill('b'::text, array[$2]),"
                f" array_fill('c'::text, array[$2]), array_fill(null::text, array[$2]), '{is_behind}',"
                " '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')",
                TENANT,
                count,
                FIRST,
            )
        assert refusal.value.sqlstate == "LL004"
