"""Whatever is done to the log, its streams or its heads by whoever owns the database: does verification name it?

The one who does it recomputes versions, hash chains and stream heads afterwards, and in the last tests heads and tiles as well: what
remains is the second place and the key, which the owner of the database does not have.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
import pytest_asyncio
from msgspec.structs import replace

from shared.events.envelope import Position
from shared.runtime.evidence import book
from shared.runtime.evidence.heads import HEAD_PREFIX, Kept, SignedHead, encoded, event_leaf
from shared.runtime.evidence.keys import SigningKeys
from shared.runtime.evidence.merkle import root_of
from shared.runtime.evidence.places import FolderPlace
from shared.testing.infrastructure import FreshDatabase, PostgresServer
from tests.integration.runtime.promises import SERVICE, TENANT
from tests.integration.runtime.sealed_log import (
    EVENTS_CHECK,
    HEADS_CHECK,
    LONG,
    A,
    Attacker,
    B,
    C,
    SealedLog,
    copied_home,
    filled_template,
    named,
    opened_log,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass(slots=True)
class _Template:
    database: str = ""
    home: Path = Path()


_TEMPLATE = _Template()


@pytest_asyncio.fixture(loop_scope="session")
async def log(
    postgres_server: PostgresServer,
    fresh_database: FreshDatabase,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[SealedLog]:
    """A copy of a log of 280 events under three heads, with its second place."""
    if not _TEMPLATE.database:
        home = tmp_path_factory.mktemp("sealed")
        _TEMPLATE.database = await filled_template(postgres_server, fresh_database, home)
        _TEMPLATE.home = home
    dsn = await fresh_database(template=_TEMPLATE.database)
    async with opened_log(dsn, copied_home(_TEMPLATE.home, tmp_path / "home")) as opened:
        yield opened


# --- events -----------------------------------------------------------------------------------------------------------

OTHER_ID = UUID(int=7)
THEN = datetime(2020, 1, 1, tzinfo=UTC)
CHANGES = [
    ("data", b'{"patient_id":"p","promise_id":"1","amount_cents":1001,"by_on":"2026-04-01"}'),
    ("occurred_at", THEN),
    ("recorded_at", THEN),
    ("event_id", OTHER_ID),
    ("command_id", OTHER_ID),
    ("type", "collections.PromiseKept.v1"),
    ("actor", "user:somebody"),
    ("correlation_id", "another"),
    ("causation_id", "another"),
    ("traceparent", None),
    ("clock", "driven"),
]


async def test_a_changed_event_is_named_whichever_column_it_was(log: SealedLog) -> None:
    changed = {column: await log.event(LONG, 10 * number) for number, (column, _) in enumerate(CHANGES, start=1)}
    async with Attacker.of(log) as attacker:
        for column, value in CHANGES:
            await attacker.change(changed[column], column, value)
    found = await log.findings()
    for event in changed.values():
        where = f"{SERVICE}: {TENANT}/{LONG} version {event.version} at {event.position}"
        assert named(found[EVENTS_CHECK], where, "changed")
    assert len(found[EVENTS_CHECK]) == len(CHANGES)


async def test_a_changed_event_is_named_though_the_chain_behind_it_was_made_anew(log: SealedLog) -> None:
    event = await log.event(A, 2)
    async with Attacker.of(log) as attacker:
        await attacker.change(event, "data", CHANGES[0][1])
        await attacker.chain_again(A)
    found = await log.findings()
    assert found.keys() == {EVENTS_CHECK}
    assert found[EVENTS_CHECK][0].startswith(f"{SERVICE}: {TENANT}/{A} version 2 at {event.position}")
    assert not any(B in finding or C in finding for finding in found[EVENTS_CHECK])


async def test_a_changed_hash_is_named(log: SealedLog) -> None:
    async with Attacker.of(log) as attacker:
        await attacker.change(await log.event(A, 3), "hash", bytes(32))
        await attacker.change(await log.event(B, 2), "previous_hash", bytes(32))
    found = (await log.findings())["hash chains recompute"]
    assert named(found, f"{SERVICE}: {TENANT}/{A} version 3")
    assert named(found, f"{SERVICE}: {TENANT}/{B} version 2")


async def test_an_event_that_was_given_to_another_stream_or_tenant_is_named(log: SealedLog) -> None:
    b, c = await log.event(B, 2), await log.event(C, 2)
    async with Attacker.of(log) as attacker:
        await attacker.change(b, "stream", "guarantor-account/z")
        await attacker.change(c, "tenant", "other")
    found = (await log.findings())[EVENTS_CHECK]
    instead = "another event in its place"
    assert named(found, f"{TENANT}/{B} version 2 at {b.position}", instead, f"{TENANT}/guarantor-account/z version 2")
    assert named(found, f"{TENANT}/{C} version 2 at {c.position}", instead, f"other/{C} version 2")


async def test_a_removed_event_is_named_though_the_stream_was_closed_behind_it(log: SealedLog) -> None:
    event = await log.event(A, 2)
    async with Attacker.of(log) as attacker:
        await attacker.remove(event)
        await attacker.chain_again(A)
    found = await log.findings()
    assert found.keys() == {EVENTS_CHECK}, "the chain itself is whole again"
    assert named(found[EVENTS_CHECK], f"{TENANT}/{A} version 2 at {event.position}", "removed")


async def test_an_inserted_event_is_named(log: SealedLog) -> None:
    first, second = await log.event(A, 1), await log.event(A, 2)
    between = Position(second.position.epoch, second.position.tx - 1, second.position.pos)
    assert first.position < between < second.position
    async with Attacker.of(log) as attacker:
        await attacker.insert_like(second, between)
        await attacker.chain_again(A)
    found = await log.findings()
    assert found.keys() == {EVENTS_CHECK}
    assert named(found[EVENTS_CHECK], f"{TENANT}/{A} version 2 at {between}", "inserted")


async def test_two_events_that_changed_places_are_named(log: SealedLog) -> None:
    """Of two streams, so that every chain stays whole."""
    b, c = await log.event(B, 1), await log.event(C, 1)
    async with Attacker.of(log) as attacker:
        await attacker.connection.execute("drop index events_feed")
        await attacker.change(b, "pos", 0)
        await attacker.connection.execute(
            "update events set tx = $1, pos = $2 where stream = $3 and version = 1", b.position.tx, b.position.pos, C
        )
        await attacker.connection.execute(
            "update events set tx = $1, pos = $2 where pos = 0", c.position.tx, c.position.pos
        )
        await attacker.connection.execute("create unique index events_feed on events (epoch, tx, pos)")
    found = await log.findings()
    assert found.keys() == {EVENTS_CHECK}
    assert named(found[EVENTS_CHECK], f"{B} version 1 at {b.position}", f"another event in its place: {TENANT}/{C}")
    assert named(found[EVENTS_CHECK], f"{C} version 1 at {c.position}", f"another event in its place: {TENANT}/{B}")


async def test_two_events_of_a_stream_that_changed_places_are_named(log: SealedLog) -> None:
    second, third = await log.event(A, 2), await log.event(A, 3)
    async with Attacker.of(log) as attacker:
        await attacker.change(second, "event_id", OTHER_ID)
        await attacker.change(third, "event_id", second.event_id)
        await attacker.change(second, "event_id", third.event_id)
        await attacker.chain_again(A)
    found = await log.findings()
    assert found.keys() == {EVENTS_CHECK}
    for event in (second, third):
        assert named(found[EVENTS_CHECK], f"{A} version {event.version} at {event.position}", "changed")


async def test_an_event_that_was_moved_is_named(log: SealedLog) -> None:
    event = await log.event(B, 2)
    async with Attacker.of(log) as attacker:
        await attacker.change(event, "pos", event.position.pos + 1_000_000)
    found = (await log.findings())[EVENTS_CHECK]
    assert named(found, f"{TENANT}/{B} version 2 at {event.position}", "removed")
    assert named(found, f"{TENANT}/{B} version 2 at {event.position.epoch}.", "inserted")


async def test_a_removed_stream_is_named_once(log: SealedLog) -> None:
    async with Attacker.of(log) as attacker:
        await attacker.remove(*await attacker.stream(C))
        await attacker.chain_again(C)
    found = await log.findings()
    assert found.keys() == {EVENTS_CHECK}
    assert named(found[EVENTS_CHECK], f"{SERVICE}: {TENANT}/{C}: expected 3 events", "the stream was removed")
    assert len(found[EVENTS_CHECK]) == 1


async def test_a_long_stream_that_was_removed_is_named_with_its_number_of_events(log: SealedLog) -> None:
    async with Attacker.of(log) as attacker:
        await attacker.remove(*await attacker.stream(LONG))
        await attacker.chain_again(LONG)
    found = await log.findings()
    assert named(found[EVENTS_CHECK], f"{TENANT}/{LONG}: expected 270 events", "the stream was removed")


async def test_a_cut_tail_is_named_though_heads_were_cut_with_it(log: SealedLog) -> None:
    tail = (await log.events())[-4:]
    last = (await log.events())[-5]
    async with Attacker.of(log) as attacker:
        await attacker.remove(*tail)
        for stream in (A, B, C):
            await attacker.chain_again(stream)
        await attacker.connection.execute("delete from head_copies where number = 3")
        await attacker.connection.execute("delete from heads where number = 3")
    found = await log.findings()
    assert found.keys() == {EVENTS_CHECK, HEADS_CHECK}
    assert named(found[EVENTS_CHECK], "the end of the log", "280 events", f"the last event is at {last.position}")
    for event in tail:
        assert named(found[EVENTS_CHECK], f"{event.key} version {event.version} at {event.position}", "removed")
    assert named(found[HEADS_CHECK], f"{SERVICE}: head 3", "in the database", "missing")


async def test_a_log_that_was_emptied_is_named(log: SealedLog) -> None:
    async with Attacker.of(log) as attacker:
        await attacker.connection.execute("truncate events, streams, heads, head_copies, head_tiles")
    found = await log.findings()
    assert named(found[EVENTS_CHECK], "the end of the log", "280 events")
    assert named(found[EVENTS_CHECK], f"{TENANT}/{LONG}", "the stream was removed")
    assert len(found[HEADS_CHECK]) == 3


# --- heads ------------------------------------------------------------------------------------------------------------


async def test_a_head_that_is_missing_in_the_database_is_named(log: SealedLog) -> None:
    async with Attacker.of(log) as attacker:
        await attacker.connection.execute("delete from head_copies where number = 2")
        await attacker.connection.execute("delete from heads where number = 2")
    assert (await log.findings()) == {
        HEADS_CHECK: [f"{SERVICE}: head 2: expected the head in the database, found missing"]
    }


async def test_a_head_that_is_missing_in_the_second_place_is_named(log: SealedLog) -> None:
    for number in (3, 2, 1):
        file = log.home / "heads" / SERVICE / "000000" / f"{number}.head"
        content = file.read_bytes()
        file.unlink()
        assert (await log.findings()) == {
            HEADS_CHECK: [f"{SERVICE}: head {number}: expected the head in the second place, found missing"]
        }
        file.write_bytes(content)
    assert await log.findings() == {}


async def test_events_are_still_judged_by_the_root_where_the_second_place_lost_a_head(log: SealedLog) -> None:
    (log.home / "heads" / SERVICE / "000000" / "2.head").unlink()
    event = await log.event(A, 2)
    async with Attacker.of(log) as attacker:
        await attacker.change(event, "data", b"{}")
        await attacker.chain_again(A)
    found = await log.findings()
    assert named(found[EVENTS_CHECK], "the events up to", "another root")


async def test_a_damaged_second_place_is_named(log: SealedLog) -> None:
    file = log.home / "heads" / SERVICE / "000000" / "2.head"
    content = file.read_bytes()
    kept = Kept.of_content(content)
    damages = {
        "empty": b"",
        "cut": content[:-1],
        "longer": content + b" ",
        "other head": file.with_name("1.head").read_bytes(),
        "listing": Kept(kept.signed, kept.listing.replace(b"/b", b"/x")).content(),
        "garbage": gzip.compress(b"what is this"),
    }
    file.chmod(0o644)
    for name, damaged in damages.items():
        file.write_bytes(damaged)
        assert named((await log.findings())[HEADS_CHECK], f"{SERVICE}: head 2"), name
    file.write_bytes(content)
    assert await log.findings() == {}


async def test_heads_made_anew_over_a_changed_log_are_found_by_the_second_place(log: SealedLog) -> None:
    """Event, chain, tiles, roots and heads fit together, and are signed with a key of the attacker's own."""
    event = await log.event(A, 2)
    async with Attacker.of(log) as attacker:
        await attacker.change(event, "data", b'{"patient_id":"p","promise_id":"2"}')
        await attacker.chain_again(A)
        await _make_heads_again(log, attacker, SigningKeys([bytes(32)]))
    found = await log.findings()
    assert "hash chains recompute" not in found
    assert named(found[EVENTS_CHECK], f"{TENANT}/{A} version 2 at {event.position}", "changed")
    assert named(found[HEADS_CHECK], f"{SERVICE}: head 2", "the database has another one")


async def test_heads_of_a_key_of_ones_own_are_not_believed_where_the_second_place_is_gone(log: SealedLog) -> None:
    event = await log.event(A, 2)
    async with Attacker.of(log) as attacker:
        await attacker.change(event, "data", b'{"patient_id":"p","promise_id":"2"}')
        await attacker.chain_again(A)
        await _make_heads_again(log, attacker, SigningKeys([bytes(32)]))
    for file in (log.home / "heads" / SERVICE / "000000").glob("*.head"):
        file.unlink()
    found = await log.findings()
    assert named(found[HEADS_CHECK], f"{SERVICE}: head 2", "a key that is believed")


async def test_a_head_that_does_not_extend_the_one_before_is_named_even_with_the_right_key(log: SealedLog) -> None:
    """Somebody had the key for a moment and put a head into both places."""
    keys = SigningKeys([_seed(log)])
    last = Kept.of_content(await log.place.read(SERVICE, 3) or b"").signed
    head = replace(last.read(), number=4, size=281, position="9.9.9", previous=last.digest, root="00" * 32)
    await _put(log, SignedHead(encoded(head), keys.sign(HEAD_PREFIX, encoded(head))), 4)
    found = await log.findings()
    assert named(found[HEADS_CHECK], f"{SERVICE}: head 4")


async def test_a_head_of_another_chain_is_named(log: SealedLog) -> None:
    keys = SigningKeys([_seed(log)])
    last = Kept.of_content(await log.place.read(SERVICE, 3) or b"").signed
    head = replace(last.read(), number=4, previous="00" * 32)
    await _put(log, SignedHead(encoded(head), keys.sign(HEAD_PREFIX, encoded(head))), 4)
    found = (await log.findings())[HEADS_CHECK]
    assert named(found, f"{SERVICE}: head 4", "to name the head before it")
    assert named(found, f"{SERVICE}: head 4", "more than 280 events")


async def test_a_restore_that_nobody_with_the_key_acknowledged_is_no_excuse(log: SealedLog) -> None:
    tail = (await log.events())[-4:]
    keys = SigningKeys([bytes(32)])
    async with Attacker.of(log) as attacker:
        last = await book.last_head(attacker.connection)
        assert last is not None
        head = replace(last.read(), number=4, previous=last.digest, continues=2, because="restored", key=keys.newest)
        await attacker.remove(*tail)
        signed = SignedHead(encoded(head), keys.sign(HEAD_PREFIX, encoded(head)))
        await book.write_head(attacker.connection, 4, signed)
        await book.note_copy(attacker.connection, 4)
    found = await log.findings()
    assert named(found[EVENTS_CHECK], "the end of the log", "it was cut")
    assert named(found[HEADS_CHECK], f"{SERVICE}: head 4", "a key that is believed")


async def test_another_folder_in_place_of_the_second_place_is_named(log: SealedLog, tmp_path: Path) -> None:
    found = await log.findings(FolderPlace(tmp_path / "empty"))
    assert len([finding for finding in found[HEADS_CHECK] if "in the second place, found missing" in finding]) == 3


async def _make_heads_again(log: SealedLog, attacker: Attacker, keys: SigningKeys) -> None:
    """Heads over what lies there now, with the sizes that they had."""
    leaves = [event_leaf(event) for event in await log.events()]
    before: SignedHead | None = None
    for number, old in await book.heads_after(attacker.connection, 0, 10):
        head = old.read()
        root = root_of(leaves[: head.size]).hex()
        body = encoded(replace(head, root=root, key=keys.newest, previous="" if before is None else before.digest))
        before = SignedHead(body, keys.sign(HEAD_PREFIX, body))
        await attacker.connection.execute(
            "update heads set body = $1, signature = $2 where number = $3", before.body, before.signature, number
        )
    await attacker.connection.execute("update head_tiles set leaves = $1 where level = 0", b"".join(leaves[:256]))


async def _put(log: SealedLog, signed: SignedHead, number: int) -> None:
    await log.place.keep(SERVICE, number, Kept(signed, b"").content())
    async with Attacker.of(log) as attacker:
        await book.write_head(attacker.connection, number, signed)
        await book.note_copy(attacker.connection, number)


def _seed(log: SealedLog) -> bytes:
    return base64.b64decode((log.home / "keys" / "heads.keys").read_text())
