"""What does whoever sends a command rely on?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from shared.events.base import Sealed
from shared.events.collections import ContactLogged, PromiseKept, PromiseMade
from shared.kernel.decider import Decider
from shared.kernel.errors import Conflict
from shared.runtime.codec import UnknownEventType
from shared.runtime.command import Aggregate, BusinessKeyTaken, ChangedMeanwhile, EventTooLarge, IdempotencyKeyReused
from shared.runtime.store.append import Appended, NewEvent
from shared.runtime.store.hashing import broken_link
from shared.runtime.vault import Opener
from shared.testing.infrastructure import FreshDatabase, PostgresServer
from shared.testing.spans import spans_told_to
from tests.integration.runtime.promises import (
    ACCOUNT,
    TENANT,
    KeepPromise,
    Promise,
    Promises,
    PromiseUnknown,
    Say,
    append,
    cause,
    promised,
    promises_service,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

STREAM = "guarantor-account/1"


@pytest_asyncio.fixture(loop_scope="session")
async def service(postgres_server: PostgresServer, fresh_database: FreshDatabase) -> AsyncIterator[Promises]:
    async with promises_service(postgres_server, fresh_database) as service:
        yield service


async def test_a_command_is_decided_on_what_happened_and_stored_with_its_cause(service: Promises) -> None:
    commands = await service.commands()
    made = await commands.handle(ACCOUNT, "1", Promise(promise="a"), cause())
    because = cause()
    kept = await commands.handle(ACCOUNT, "1", KeepPromise(promise="a"), because)
    assert (made.version, kept.version, kept.is_repeat) == (1, 2, False)
    (recorded,) = kept.events
    assert recorded.event == PromiseKept(patient_id="p", promise_id="a")
    stored = recorded.stored
    assert (stored.stream, stored.command_id, stored.actor, stored.correlation_id) == (
        STREAM,
        because.command_id,
        because.actor,
        because.correlation_id,
    )
    assert kept.position == stored.position
    assert kept.event_ids == (stored.event_id,)
    assert await commands.recorded_stream(TENANT, STREAM) == [*made.events, *kept.events]
    assert broken_link(await commands.stored_stream(TENANT, STREAM)) is None
    assert await commands.state(ACCOUNT, TENANT, "1") == frozenset()


async def test_a_repeated_command_has_the_outcome_of_the_first(service: Promises) -> None:
    commands = await service.commands()
    twice = cause()
    first = await commands.handle(ACCOUNT, "1", Promise(promise="a"), twice)
    await commands.handle(ACCOUNT, "1", Promise(promise="b"), cause())
    after_restart = await service.commands()
    for again in (commands, after_restart):
        repeat = await again.handle(ACCOUNT, "1", Promise(promise="a"), twice)
        assert repeat.is_repeat
        assert (repeat.version, repeat.position, repeat.event_ids, repeat.events) == (
            first.version,
            first.position,
            first.event_ids,
            first.events,
        )
    assert len(await commands.stored_stream(TENANT, STREAM)) == 2


async def test_a_repeated_command_that_would_be_refused_now_has_the_outcome_of_the_first(service: Promises) -> None:
    commands = await service.commands()
    await commands.handle(ACCOUNT, "1", Promise(promise="a"), cause())
    twice = cause()
    first = await commands.handle(ACCOUNT, "1", KeepPromise(promise="a"), twice)
    repeat = await commands.handle(ACCOUNT, "1", KeepPromise(promise="a"), twice)
    assert (repeat.is_repeat, repeat.position) == (True, first.position)
    with pytest.raises(PromiseUnknown):
        await commands.handle(ACCOUNT, "1", KeepPromise(promise="a"), cause())


async def test_the_same_command_sent_many_times_at_once_through_two_processes_happens_once(service: Promises) -> None:
    here, there = await service.commands(), await service.commands()
    twice = cause()
    outcomes = await asyncio.gather(
        *(commands.handle(ACCOUNT, "1", Say(events=(promised("a"),)), twice) for commands in (here, there) * 10)
    )
    assert sum(not outcome.is_repeat for outcome in outcomes) == 1
    assert len({outcome.position for outcome in outcomes}) == 1
    assert len(await here.stored_stream(TENANT, STREAM)) == 1


async def test_a_command_that_is_no_news_has_a_stable_answer(service: Promises) -> None:
    commands = await service.commands()
    await commands.handle(ACCOUNT, "1", Promise(promise="a"), cause())
    twice = cause()
    first = await commands.handle(ACCOUNT, "1", Promise(promise="a"), twice)
    assert (first.version, first.position, first.events, first.is_repeat) == (1, None, (), False)
    await commands.handle(ACCOUNT, "1", KeepPromise(promise="a"), cause())
    repeat = await commands.handle(ACCOUNT, "1", Promise(promise="a"), twice)
    assert (repeat.version, repeat.position, repeat.events, repeat.is_repeat) == (1, None, (), True)


@pytest.mark.parametrize("is_refused_now", [False, True])
async def test_the_same_id_with_another_request_is_refused(service: Promises, is_refused_now: bool) -> None:
    commands = await service.commands()
    once = cause(fingerprint=b"one body")
    await commands.handle(ACCOUNT, "1", Promise(promise="a"), once)
    other = KeepPromise(promise="unknown") if is_refused_now else Promise(promise="b")
    with pytest.raises(IdempotencyKeyReused):
        await commands.handle(ACCOUNT, "1", other, cause(once.command_id, fingerprint=b"another body"))


async def test_a_refusal_stores_nothing_and_may_be_followed_by_success_under_the_same_id(service: Promises) -> None:
    commands = await service.commands()
    once = cause()
    with pytest.raises(PromiseUnknown):
        await commands.handle(ACCOUNT, "1", KeepPromise(promise="a"), once)
    assert await commands.stored_stream(TENANT, STREAM) == []
    await commands.handle(ACCOUNT, "1", Promise(promise="a"), cause())
    assert (await commands.handle(ACCOUNT, "1", KeepPromise(promise="a"), once)).version == 2


async def test_who_saw_an_older_version_is_refused_with_both_and_may_look_and_ask_again(service: Promises) -> None:
    commands, elsewhere = await service.commands(), await service.commands()
    await commands.handle(ACCOUNT, "1", Promise(promise="a"), cause())
    seen = replace(cause(), expected_version=1)
    await elsewhere.handle(ACCOUNT, "1", Promise(promise="b"), cause())
    with pytest.raises(ChangedMeanwhile) as refused:
        await commands.handle(ACCOUNT, "1", KeepPromise(promise="a"), seen)
    assert refused.value.facts == {"expected_version": 1, "version": 2}
    kept = await commands.handle(ACCOUNT, "1", KeepPromise(promise="a"), replace(seen, expected_version=2))
    again = await commands.handle(ACCOUNT, "1", KeepPromise(promise="a"), replace(seen, expected_version=2))
    assert (kept.version, again.version, again.is_repeat) == (3, 3, True)


async def test_of_many_who_saw_the_same_version_one_is_taken(service: Promises) -> None:
    commands = await service.commands()
    await commands.handle(ACCOUNT, "1", Promise(promise="a"), cause())
    asked = [
        commands.handle(ACCOUNT, "1", Promise(promise=str(number)), replace(cause(), expected_version=1))
        for number in range(20)
    ]
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(each) for each in told if isinstance(each, Exception)] == [ChangedMeanwhile] * 19


async def test_what_another_process_did_is_taken_into_account(service: Promises) -> None:
    here, there = await service.commands(), await service.commands()
    await here.handle(ACCOUNT, "1", Promise(promise="a"), cause())
    await there.handle(ACCOUNT, "1", Promise(promise="b"), cause())
    kept = await here.handle(ACCOUNT, "1", KeepPromise(promise="b"), cause())  # here, `b` is not remembered yet
    assert kept.version == 3
    with pytest.raises(PromiseUnknown):
        await there.handle(ACCOUNT, "1", KeepPromise(promise="b"), cause())  # there, it still is
    assert await there.state(ACCOUNT, TENANT, "1") == {"a"}


async def test_a_hundred_commands_of_one_process_for_one_stream_take_turns(service: Promises) -> None:
    commands = await service.commands()
    await asyncio.gather(
        *(commands.handle(ACCOUNT, "1", Promise(promise=f"{number}"), cause()) for number in range(100))
    )
    assert await commands.state(ACCOUNT, TENANT, "1") == {str(number) for number in range(100)}


async def test_a_conflict_is_tried_again_three_times_and_then_told(service: Promises) -> None:
    """A decider has no I/O; this one shows what happens when somebody else is faster every time."""
    store = await service.store()
    commands = await service.commands(store)
    decided = 0
    promise = b'{"patient_id":"p","promise_id":"x","amount_cents":1,"by_on":"2026-04-01"}'

    def decide(command: str, head: int) -> list[PromiseMade]:
        nonlocal decided
        decided += 1
        return [promised(command)]

    class AlwaysBefore:
        """The store, with somebody who appends to the stream just before each append of ours."""

        async def append(self, ours):  # type: ignore[no-untyped-def]
            assert isinstance(await store.append(append(STREAM, ours.head, data=promise)), Appended)
            return await store.append(ours)

        async def stored_stream(self, tenant: str, stream: str, *, after: int = 0):  # type: ignore[no-untyped-def]
            return await store.stored_stream(tenant, stream, after=after)

    racing = await service.commands(AlwaysBefore())  # type: ignore[arg-type]
    aggregate = Aggregate(
        name="guarantor-account", decider=Decider(decide=decide, evolve=lambda head, event: head + 1, initial=0)
    )
    with pytest.raises(Conflict) as conflict:
        await racing.handle(aggregate, "1", "a", cause())
    assert conflict.value.facts == {"stream": STREAM}
    assert decided == 4
    assert len(await commands.stored_stream(TENANT, STREAM)) == 4


async def test_a_personal_value_is_sealed_in_the_store_and_in_what_deciders_remember(service: Promises) -> None:
    commands = await service.commands()
    remembers_all = Aggregate(
        name="guarantor-account",
        decider=Decider(decide=lambda said, past: said.events, evolve=lambda past, event: (*past, event), initial=()),
    )
    note = Sealed.fresh("patient-1", "note", "prefers to be called Ada")
    outcome = await commands.handle(
        remembers_all, "1", Say(events=(ContactLogged(patient_id="p", outcome_code="left", note=note),)), cause()
    )
    (stored,) = await commands.stored_stream(TENANT, STREAM)
    assert b"Ada" not in stored.data
    (remembered,) = await commands.state(remembers_all, TENANT, "1")
    assert not remembered.note.is_fresh
    assert outcome.events[0].event == remembered
    opener = Opener(actor="user:collector", purpose="test")
    assert await service.vault.open(TENANT, remembered.note, str, opener) == "prefers to be called Ada"


async def test_a_fact_of_the_trade_is_claimed_once_by_the_events_that_say_it(service: Promises) -> None:
    commands = await service.commands()
    call = Say(events=(ContactLogged(patient_id="p", outcome_code="left", reference_number="C-1"),))
    await commands.handle(ACCOUNT, "1", call, cause())
    await commands.handle(ACCOUNT, "1", call, cause())
    with pytest.raises(BusinessKeyTaken) as refusal:
        await commands.handle(ACCOUNT, "2", call, cause())
    assert refusal.value.facts == {"kind": "call-reference", "stream": STREAM}
    assert (await commands.handle(ACCOUNT, "2", call, cause(tenant="other"))).version == 1


async def test_an_event_over_256_kibibytes_is_refused_by_type_and_size(service: Promises) -> None:
    commands = await service.commands()
    with pytest.raises(EventTooLarge) as refusal:
        await commands.handle(
            ACCOUNT,
            "1",
            Say(events=(promised("a"), ContactLogged(patient_id="p", outcome_code="x" * 262_144))),
            cause(),
        )
    assert refusal.value.facts["type"] == "collections.ContactLogged.v1"
    assert await commands.stored_stream(TENANT, STREAM) == []


async def test_a_stream_with_an_event_of_a_later_version_is_not_decided_on(service: Promises) -> None:
    store = await service.store()
    unknown = NewEvent(event_id=uuid4(), type="collections.PromiseMade.v9", data=b"{}")
    await store.append(msgspec.structs.replace(append(STREAM), events=(unknown,)))
    commands = await service.commands(store)
    with pytest.raises(UnknownEventType):
        await commands.handle(ACCOUNT, "1", Promise(promise="a"), cause())


async def test_a_tenant_does_not_see_the_stream_of_another(service: Promises) -> None:
    commands = await service.commands()
    await commands.handle(ACCOUNT, "1", Promise(promise="a"), cause())
    assert await commands.state(ACCOUNT, "other", "1") == frozenset()
    assert (await commands.handle(ACCOUNT, "1", Promise(promise="a"), cause(tenant="other"))).version == 1


async def test_events_carry_the_trace_that_led_to_them(service: Promises) -> None:
    commands = await service.commands()
    context = SpanContext(trace_id=0xABC, span_id=0xDEF, is_remote=True, trace_flags=TraceFlags(1))
    with trace.use_span(NonRecordingSpan(context)):
        outcome = await commands.handle(ACCOUNT, "1", Promise(promise="a"), cause())
    assert (outcome.events[0].stored.traceparent or "").startswith(f"00-{0xABC:032x}-")


async def test_a_command_that_nothing_led_to_begins_a_trace(service: Promises) -> None:
    commands = await service.commands()
    finished = InMemorySpanExporter()
    with spans_told_to(finished):
        outcome = await commands.handle(ACCOUNT, "1", Promise(promise="a"), cause())
    [command] = [span for span in finished.get_finished_spans() if span.parent is None]
    assert command.name == "command Promise"
    assert command.context is not None
    assert (outcome.events[0].stored.traceparent or "").startswith(f"00-{command.context.trace_id:032x}-")


async def test_a_stream_name_has_a_bound(service: Promises) -> None:
    commands = await service.commands()
    longest = "k" * (120 - len("guarantor-account/"))
    assert (await commands.handle(ACCOUNT, longest, Promise(promise="a"), cause())).version == 1
    with pytest.raises(ValueError, match="at most 120 characters"):
        await commands.handle(ACCOUNT, longest + "k", Promise(promise="a"), cause())


async def test_streams_used_long_ago_are_read_again(service: Promises) -> None:
    store = await service.store()
    commands = await service.commands(store, remembered_max=3)
    for number in range(10):
        await commands.handle(ACCOUNT, f"{number}", Promise(promise="a"), cause())
    for number in range(10):
        await commands.handle(ACCOUNT, f"{number}", KeepPromise(promise="a"), cause())
    assert await commands.state(ACCOUNT, TENANT, "0") == frozenset()
