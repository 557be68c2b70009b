"""What does the store promise to whoever appends? Its words are those of the event log's list of failure modes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import msgspec
import pytest
import pytest_asyncio

from shared.runtime.command import BusinessKey, BusinessKeyTaken, IdempotencyKeyReused, TooBusy
from shared.runtime.store.append import EVENT_BYTES_MAX, Answer, Appended, AppendFailed, Head, StreamMoved
from shared.runtime.store.hashing import FIRST, broken_link
from shared.testing.infrastructure import FreshDatabase, PostgresServer
from tests.integration.runtime.promises import EMPTY, TENANT, Promises, append, promises_service

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, fresh_database: FreshDatabase) -> AsyncIterator[Promises]:
    async with promises_service(postgres_server, fresh_database) as service:
        yield service


async def test_events_get_gapless_versions_and_positions_in_order(service: Promises) -> None:
    store = await service.store()
    first = await store.append(append("guarantor-account/1", events=3))
    assert isinstance(first, Appended)
    second = await store.append(append("guarantor-account/1", first.head, events=2))
    assert isinstance(second, Appended)
    stored = await store.stored_stream(TENANT, "guarantor-account/1")
    assert stored == [*first.events, *second.events]
    assert [event.version for event in stored] == [1, 2, 3, 4, 5]
    assert sorted(event.position for event in stored) == [event.position for event in stored]


async def test_each_event_vouches_for_the_one_before(service: Promises) -> None:
    store = await service.store()
    await store.append(append("guarantor-account/1", events=4))
    stored = await store.stored_stream(TENANT, "guarantor-account/1")
    assert stored[0].previous_hash == FIRST
    assert broken_link(stored) is None


@pytest.mark.parametrize(
    "forgery",
    [
        {"data": b'{"forged":true}'},
        {"actor": "user:somebody-else"},
        {"tenant": "other"},
        {"causation_id": "something"},
        {"recorded_at": "2020-01-01T00:00:00Z"},
    ],
)
async def test_a_changed_event_is_found_by_its_hash(service: Promises, forgery: dict[str, object]) -> None:
    store = await service.store()
    await store.append(append("guarantor-account/1", events=4))
    stored = await store.stored_stream(TENANT, "guarantor-account/1")
    plain = msgspec.convert(forgery, dict[str, object])
    if "recorded_at" in plain:
        plain["recorded_at"] = msgspec.convert(plain["recorded_at"], type(stored[0].recorded_at))
    forged = msgspec.structs.replace(stored[2], **plain)
    assert broken_link([*stored[:2], forged, stored[3]]) is forged


async def test_a_removed_or_swapped_event_is_found_by_its_neighbour(service: Promises) -> None:
    store = await service.store()
    await store.append(append("guarantor-account/1", events=4))
    one, two, three, four = await store.stored_stream(TENANT, "guarantor-account/1")
    assert broken_link([one, three, four]) is three
    assert broken_link([one, three, two, four]) is three
    assert broken_link([two, three, four]) is two


async def test_of_two_decisions_on_the_same_version_one_is_stored(service: Promises) -> None:
    here, there = await service.store(), await service.store()
    outcomes = await asyncio.gather(
        *(store.append(append("guarantor-account/1")) for store in (here, there) * 10), return_exceptions=True
    )
    assert sum(isinstance(outcome, Appended) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, StreamMoved) for outcome in outcomes) == 19
    assert len(await here.stored_stream(TENANT, "guarantor-account/1")) == 1


async def test_a_decision_on_another_history_of_the_same_length_is_not_stored(service: Promises) -> None:
    store = await service.store()
    await store.append(append("guarantor-account/1"))
    with pytest.raises(StreamMoved):
        await store.append(append("guarantor-account/1", Head(version=1, hash=b"\x01" * 32, recorded_at=None)))


async def test_a_repeated_command_has_the_answer_of_the_first(service: Promises) -> None:
    store = await service.store()
    command = append("guarantor-account/1", events=2)
    first = await store.append(command)
    assert isinstance(first, Appended)
    again = await store.append(command)
    assert again == Answer(
        stream="guarantor-account/1", version=2, events=2, position=first.events[-1].position, fingerprint=b""
    )
    assert await store.answer(TENANT, command.command_id) == again


async def test_a_command_that_decided_nothing_has_a_stable_answer_too(service: Promises) -> None:
    store = await service.store()
    command = append("guarantor-account/1", events=0)
    assert await store.append(command) == Appended(events=(), head=EMPTY)
    await store.append(append("guarantor-account/1", events=1))
    assert await store.append(command) == Answer(
        stream="guarantor-account/1", version=0, events=0, position=None, fingerprint=b""
    )


async def test_the_same_command_sent_by_two_processes_at_once_is_done_once(service: Promises) -> None:
    here, there = await service.store(), await service.store()
    for number in range(20):
        command = append(f"guarantor-account/{number}")
        outcomes = await asyncio.gather(here.append(command), there.append(command), return_exceptions=True)
        assert sum(isinstance(outcome, Appended) for outcome in outcomes) == 1
        assert len(await here.stored_stream(TENANT, command.stream)) == 1


@pytest.mark.parametrize("other", [{"fingerprint": b"another body"}, {"stream": "guarantor-account/2"}])
async def test_the_same_command_id_with_another_request_is_refused(service: Promises, other: dict[str, object]) -> None:
    store = await service.store()
    command = append("guarantor-account/1", fingerprint=b"a body")
    await store.append(command)
    with pytest.raises(IdempotencyKeyReused):
        await store.append(msgspec.structs.replace(command, **other))


async def test_a_fact_of_the_trade_belongs_to_the_stream_that_claimed_it_first(service: Promises) -> None:
    store = await service.store()
    trace = frozenset({BusinessKey("trace", "00123")})
    first = await store.append(append("remittance/1", business_keys=trace))
    assert isinstance(first, Appended)
    with pytest.raises(BusinessKeyTaken) as refusal:
        await store.append(append("remittance/2", business_keys=trace))
    assert refusal.value.facts == {"kind": "trace", "stream": "remittance/1"}
    assert await store.stored_stream(TENANT, "remittance/2") == []
    assert isinstance(await store.append(append("remittance/1", first.head, business_keys=trace)), Appended)
    assert isinstance(await store.append(append("remittance/2", business_keys=trace, tenant="other")), Appended)


async def test_two_streams_that_claim_a_fact_at_once_get_it_once(service: Promises) -> None:
    here, there = await service.store(), await service.store()
    for number in range(20):
        trace = frozenset({BusinessKey("trace", str(number))})
        outcomes = await asyncio.gather(
            here.append(append(f"remittance/{number}-a", business_keys=trace)),
            here.append(append(f"remittance/{number}-b", business_keys=trace)),
            there.append(append(f"remittance/{number}-c", business_keys=trace)),
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, Appended) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, BusinessKeyTaken) for outcome in outcomes) == 2


async def test_one_bad_command_does_not_fail_the_499_beside_it(service: Promises) -> None:
    store = await service.store(batch_max=500, writers=1)
    too_large = append("guarantor-account/large", data=b"x" * (EVENT_BYTES_MAX + 1))
    unspeakable = append("guarantor-account/nul", actor="\x00")
    no_text = append("guarantor-account/surrogate", actor="\ud800")
    good = [append(f"guarantor-account/{number}") for number in range(497)]
    commands = [*good[:200], too_large, *good[200:300], unspeakable, no_text, *good[300:]]
    outcomes = await asyncio.gather(*(store.append(command) for command in commands), return_exceptions=True)
    assert sum(isinstance(outcome, Appended) for outcome in outcomes) == 497
    assert isinstance(outcomes[200], AppendFailed)
    assert outcomes[200].sqlstate == "23514"
    assert isinstance(outcomes[301], AppendFailed)
    assert isinstance(outcomes[302], AppendFailed)


async def test_an_event_of_256_kibibytes_is_stored_whole(service: Promises) -> None:
    store = await service.store()
    await store.append(append("guarantor-account/1", data=b"x" * EVENT_BYTES_MAX))
    (stored,) = await store.stored_stream(TENANT, "guarantor-account/1")
    assert len(stored.data) == EVENT_BYTES_MAX


async def test_two_processes_that_touch_the_same_streams_never_wait_for_each_other_in_a_circle(
    service: Promises,
) -> None:
    here, there = await service.store(), await service.store()
    streams = [f"guarantor-account/{number}" for number in range(40)]
    heads = {}
    for stream in streams:
        first = await here.append(append(stream))
        assert isinstance(first, Appended)
        heads[stream] = first.head
    admin = await service.connect()
    before = await admin.fetchval("select deadlocks from pg_stat_database where datname = current_database()")
    outcomes = await asyncio.gather(
        *(here.append(append(stream, heads[stream])) for stream in streams),
        *(there.append(append(stream, heads[stream])) for stream in reversed(streams)),
        *(here.append(append(f"new/{number}")) for number in range(40)),
        *(there.append(append(f"new/{number}")) for number in reversed(range(40))),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Appended) for outcome in outcomes) == 80
    assert sum(isinstance(outcome, StreamMoved) for outcome in outcomes) == 80
    after = await admin.fetchval("select deadlocks from pg_stat_database where datname = current_database()")
    assert after == before


async def test_ten_thousand_callers_meet_a_bounded_queue(service: Promises) -> None:
    store = await service.store(queue_max=1_000)
    outcomes = await asyncio.gather(
        *(store.append(append(f"guarantor-account/{number}")) for number in range(10_000)), return_exceptions=True
    )
    done = sum(isinstance(outcome, Appended) for outcome in outcomes)
    assert done + sum(isinstance(outcome, TooBusy) for outcome in outcomes) == 10_000
    assert 1_000 <= done < 10_000
    assert store.is_idle
    assert isinstance(await store.append(append("guarantor-account/later")), Appended)


async def test_a_caller_that_gives_up_does_not_hold_up_the_others(service: Promises) -> None:
    store = await service.store()
    hasty = [asyncio.create_task(store.append(append(f"guarantor-account/{number}"))) for number in range(50)]
    await asyncio.sleep(0)
    for task in hasty[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*hasty, return_exceptions=True)
    assert all(isinstance(outcome, Appended) for outcome in outcomes[1::2])
    assert isinstance(await store.append(append("guarantor-account/later")), Appended)


async def test_an_append_in_a_transaction_that_has_an_id_is_refused(service: Promises) -> None:
    """It could show a stream's second event before its first: a later transaction may have been there in between."""
    await service.store()
    connection = await service.connect(service.database.app)
    async with connection.transaction():
        await connection.execute("select pg_current_xact_id()")
        with pytest.raises(asyncpg.PostgresError) as refusal:
            async with connection.transaction():
                await connection.execute(
                    "select append_batch($1, now(), 'real', false, array[gen_random_uuid()], array[''::bytea], array['s'], array[0],"
                    " array[0], array[$2::bytea], '{null}', '{null}', '{a}', '{b}', '{c}', '{null}', '{false}', '{}', '{}', '{}',"
                    " '{}', '{}', '{}', '{}', '{}')",
                    TENANT,
                    FIRST,
                )
    assert refusal.value.sqlstate == "LL002"


async def test_a_stream_changed_by_a_later_transaction_is_tried_again_in_one_later_still(service: Promises) -> None:
    store = await service.store()
    first = await store.append(append("guarantor-account/1"))
    assert isinstance(first, Appended)
    admin = await service.connect()
    now = await admin.fetchval("select pg_current_xact_id()")
    await admin.execute("update streams set last_tx = $1", now + 4)
    second = await store.append(append("guarantor-account/1", first.head))
    assert isinstance(second, Appended)
    assert second.events[0].position.tx > now + 4 - 1
    assert second.events[0].position > first.events[0].position


async def test_recorded_time_never_goes_back_in_a_stream(service: Promises) -> None:
    store = await service.store()
    first = await store.append(append("guarantor-account/1"))
    assert isinstance(first, Appended)
    assert first.head.recorded_at is not None
    tomorrow = first.head.recorded_at.replace(year=2030)
    later = Head(version=1, hash=first.head.hash, recorded_at=tomorrow)
    second = await store.append(append("guarantor-account/1", later))
    assert isinstance(second, Appended)
    assert second.events[0].recorded_at == tomorrow


async def test_what_waits_is_written_before_the_store_closes(service: Promises) -> None:
    store = await service.store()
    waiting = [asyncio.create_task(store.append(append(f"guarantor-account/{number}"))) for number in range(300)]
    await asyncio.sleep(0)
    await store.close()
    assert all(isinstance(outcome, Appended) for outcome in await asyncio.gather(*waiting))


async def test_commands_of_many_tenants_never_share_a_stream(service: Promises) -> None:
    store = await service.store()
    await asyncio.gather(
        *(store.append(append("guarantor-account/1", tenant=f"t{n}", command_id=uuid4())) for n in range(30))
    )
    for number in range(30):
        (stored,) = await store.stored_stream(f"t{number}", "guarantor-account/1")
        assert stored.tenant == f"t{number}"


async def test_many_streams_are_read_at_once_and_each_caller_gets_its_own(service: Promises) -> None:
    store = await service.store()
    for tenant in (TENANT, "other"):
        await asyncio.gather(
            *(store.append(append(f"guarantor-account/{n}", events=1 + n % 3, tenant=tenant)) for n in range(250))
        )
    wanted = [(tenant, n, after) for tenant in (TENANT, "other") for n in range(260) for after in (0, 1)]
    found = await asyncio.gather(
        *(store.stored_stream(tenant, f"guarantor-account/{n}", after=after) for tenant, n, after in wanted)
    )
    for (tenant, number, after), stored in zip(wanted, found, strict=True):
        length = 1 + number % 3 if number < 250 else 0
        assert [event.version for event in stored] == list(range(after + 1, length + 1))
        assert {(event.tenant, event.stream) for event in stored} <= {(tenant, f"guarantor-account/{number}")}
