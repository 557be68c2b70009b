"""Are heads made over everything, once, in both places, whatever dies on the way; and is nothing signed that does not fit?"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from shared.runtime.evidence import book
from shared.runtime.evidence.heads import Kept, SignedHead
from shared.runtime.evidence.keys import KEY_FILE, NoSigningKey, load_signing_keys, rotate_key
from shared.runtime.evidence.merkle import root_of
from shared.runtime.evidence.places import AnotherIsKept, FolderPlace
from shared.runtime.evidence.sealer import HeadsDisagree
from shared.runtime.settings import Settings
from shared.testing.infrastructure import FreshDatabase, PostgresServer
from shared.testing.stores import service_database
from tests.integration.runtime.promises import SERVICE
from tests.integration.runtime.sealed_log import LONG, A, Attacker, B, C, SealedLog, fill, opened_log

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def log(
    postgres_server: PostgresServer, fresh_database: FreshDatabase, tmp_path: Path
) -> AsyncIterator[SealedLog]:
    database = await service_database(postgres_server, fresh_database, SERVICE)
    async with opened_log(database.superuser, tmp_path) as opened:
        yield opened


class Unreliable(FolderPlace):
    """A second place that is not there for a while."""

    is_there = True

    async def keep(self, service: str, number: int, content: bytes) -> None:
        if not self.is_there:
            raise OSError("the second place does not answer")
        await super().keep(service, number, content)


async def heads(log: SealedLog) -> Sequence[SignedHead]:
    async with log.pool.acquire() as connection:
        return [signed for _, signed in await book.heads_after(connection, 0, 100)]


async def kept(log: SealedLog, number: int) -> Kept:
    content = await log.place.read(SERVICE, number)
    assert content is not None
    return Kept.of_content(content)


async def leaves(log: SealedLog, upto: int) -> list[bytes]:
    return [bytes.fromhex(line.leaf) for n in range(1, upto + 1) for line in (await kept(log, n)).lines()]


async def test_an_empty_log_has_no_head(log: SealedLog) -> None:
    assert await log.seal() == 0
    assert await heads(log) == []
    assert await log.findings() == {}


async def test_every_event_is_under_the_newest_head_in_both_places(log: SealedLog) -> None:
    await fill(log)
    signed = await heads(log)
    read = [each.read() for each in signed]
    assert [head.size for head in read] == [270, 276, 280]
    assert [(await kept(log, number)).signed for number in (1, 2, 3)] == signed
    for number, head in enumerate(read, start=1):
        assert head.root == root_of(await leaves(log, number)).hex()
    assert [head.previous for head in read] == ["", signed[0].digest, signed[1].digest]
    listed = [line for n in (1, 2, 3) for line in (await kept(log, n)).lines()]
    assert [(line.position, line.stream, line.version) for line in listed] == [
        (str(event.position), event.stream, event.version) for event in await log.events()
    ]
    assert await log.findings() == {}
    assert await log.seal() == 0, "nothing new, no head"


async def test_many_events_at_once_and_one_at_a_time_have_the_same_root(log: SealedLog) -> None:
    async with log.sealer() as sealer:
        for _ in range(20):
            await log.record(A)
            assert await sealer.seal() == 1
    await log.record(LONG, 600)
    await log.seal()
    newest = (await heads(log))[-1].read()
    assert (newest.number, newest.size) == (21, 620)
    assert newest.root == root_of(await leaves(log, 21)).hex()


async def test_two_processes_that_make_heads_at_once_make_one_chain(log: SealedLog) -> None:
    async with log.sealer() as one, log.sealer() as other:
        for _ in range(10):
            await log.record(A, 30)
            assert sorted(await asyncio.gather(one.seal(), other.seal())) == [0, 30]
    assert [head.read().number for head in await heads(log)] == list(range(1, 11))
    assert await log.findings() == {}


async def test_an_event_that_is_still_in_flight_is_not_passed_by(log: SealedLog) -> None:
    await log.record(A)
    slow = await asyncpg.connect(log.dsn)
    try:
        async with slow.transaction():
            await slow.execute("select pg_advisory_xact_lock_shared(77, 1)")
            await slow.execute("select pg_current_xact_id()")
            await log.record(B)
            assert await log.seal() == 1, "B is committed, but an event may yet come before it"
    finally:
        await slow.close()
    assert await log.seal() == 1
    assert await log.findings() == {}


async def test_a_head_that_did_not_reach_the_second_place_reaches_it_with_the_next_round(log: SealedLog) -> None:
    place = Unreliable(log.home / "heads")
    async with log.sealer(place) as sealer:
        await log.record(A, 3)
        place.is_there = False
        with pytest.raises(OSError, match="second place"):
            await sealer.seal()
        assert await place.last(SERVICE) == 0
        assert await log.findings() == {}, "it is still to be kept: that is no finding"
    await log.record(A)
    assert await log.seal() == 1, "another process goes on"
    assert [(await kept(log, n)).signed for n in (1, 2)] == list(await heads(log))
    assert await log.findings() == {}


async def test_a_crash_after_the_second_place_and_before_the_note_of_it_changes_nothing(log: SealedLog) -> None:
    await log.record(A, 3)
    await log.seal()
    async with Attacker.of(log) as attacker:
        await attacker.connection.execute("delete from head_copies")
    await log.record(A)
    assert await log.seal() == 1
    assert await log.findings() == {}


async def test_a_second_place_that_was_put_back_is_given_what_the_database_has_beyond_it(log: SealedLog) -> None:
    await log.record(A, 3)
    await log.seal()
    as_of_the_copy = log.home / "copy"
    shutil.copytree(log.home / "heads", as_of_the_copy)
    for _ in range(2):
        await log.record(A)
        await log.seal()
    restored = FolderPlace(as_of_the_copy)
    assert len(await log.findings(restored)) == 1, "heads are missing, although they were noted as kept"
    async with log.sealer(restored) as sealer:
        assert await sealer.keep_again() == 2
        assert await sealer.keep_again() == 0
    assert await log.findings(restored) == {}
    assert [await restored.read(SERVICE, n) for n in (1, 2, 3)] == [await log.place.read(SERVICE, n) for n in (1, 2, 3)]


async def test_events_of_a_head_that_changed_before_it_was_kept_are_not_listed(log: SealedLog) -> None:
    place = Unreliable(log.home / "heads")
    await log.record(A, 3)
    async with log.sealer(place) as sealer:
        place.is_there = False
        with pytest.raises(OSError, match="second place"):
            await sealer.seal()
    async with Attacker.of(log) as attacker:
        await attacker.change(await log.event(A, 2), "data", b"{}")
    with pytest.raises(HeadsDisagree):
        await log.seal()
    found = await log.findings()
    assert "another root" in str(found)


@pytest.mark.parametrize("how", ["event", "tile", "head", "cut"])
async def test_nothing_is_signed_over_a_log_that_was_changed(log: SealedLog, how: str) -> None:
    await fill(log)
    async with Attacker.of(log) as attacker:
        match how:
            case "event":
                await attacker.change(await log.event(A, 2), "data", b"{}")
            case "tile":
                await attacker.connection.execute("update head_tiles set root = sha256('x')")
            case "head":
                await attacker.connection.execute(
                    "update heads set body = convert_to(replace("
                    "convert_from(body, 'UTF8'), '280', '281'), 'UTF8') where number = 3"
                )
            case _:
                await attacker.connection.execute("delete from head_copies where number = 3")
                await attacker.connection.execute("delete from heads where number = 3")
    await log.record(B)
    with pytest.raises(HeadsDisagree):
        await log.seal()
    assert await log.place.last(SERVICE) == 3


async def test_a_new_key_signs_from_the_next_head_on_and_old_heads_stay_believed(log: SealedLog) -> None:
    await log.record(A)
    async with log.sealer() as sealer:
        await sealer.seal()
        before = load_signing_keys(log.settings).newest
        after = rotate_key(log.home)
        await log.record(A)
        await sealer.seal()
    assert [head.read().key for head in await heads(log)] == [before, after]
    assert len(await log.place.keys()) == 2
    assert await log.findings() == {}


async def test_a_key_that_the_one_before_did_not_vouch_for_is_not_believed(log: SealedLog) -> None:
    await log.record(A)
    await log.seal()
    (log.home / KEY_FILE).unlink()
    await log.record(A)
    async with log.sealer() as sealer:
        await sealer.seal()
    assert "a key that is believed" in str(await log.findings())


async def cut_back(log: SealedLog, number: int) -> None:
    """As a restore to the moment of a head leaves the database."""
    last = (await heads(log))[number - 1].read()
    async with Attacker.of(log) as attacker:
        for event in (await log.events())[last.size :]:
            await attacker.remove(event)
        for stream in (A, B, C):
            await attacker.chain_again(stream)
        await attacker.connection.execute("delete from head_copies where number > $1", number)
        await attacker.connection.execute("delete from heads where number > $1", number)


async def test_after_a_restore_heads_go_on_when_somebody_says_so_and_the_log_tells_it_for_ever(log: SealedLog) -> None:
    await fill(log)
    await cut_back(log, 2)
    with pytest.raises(HeadsDisagree, match="second place has head 3"):
        await log.seal()
    async with log.sealer() as sealer:
        head = await sealer.continue_after_restore("disk lost, restored to noon")
        assert (head.number, head.continues, head.size) == (4, 2, 276)
    assert await log.findings() == {}
    log.heads_of.clear()
    await log.record("guarantor-account/new", 3)
    assert await log.seal() == 3, "another process goes on"
    assert [each.read().number for each in await heads(log)] == [1, 2, 3, 4, 5]
    assert await log.findings() == {}
    assert "restored: head 4 goes on from head 2: disk lost, restored to noon" in await log.checks()
    async with Attacker.of(log) as attacker:
        await attacker.change(await log.event(A, 2), "actor", "user:nobody")
    assert "changed" in str(await log.findings())


async def test_heads_are_given_up_only_where_some_are_ahead_and_the_log_holds(log: SealedLog) -> None:
    await fill(log)
    async with log.sealer() as sealer:
        with pytest.raises(HeadsDisagree, match="no head"):
            await sealer.continue_after_restore("nothing was lost")
    await cut_back(log, 2)
    async with Attacker.of(log) as attacker:
        await attacker.change(await log.event(A, 2), "actor", "user:nobody")
    async with log.sealer() as sealer:
        with pytest.raises(HeadsDisagree, match="does not have the root"):
            await sealer.continue_after_restore("covering up")


async def test_the_role_of_the_application_adds_heads_and_changes_none(log: SealedLog) -> None:
    await fill(log)
    for table in ("heads", "head_copies", "head_tiles"):
        for statement in (f"delete from {table}", f"truncate {table}", f"update {table} set root = ''"):
            async with log.pool.acquire() as connection:
                with pytest.raises(asyncpg.PostgresError):
                    await connection.execute(statement)
        owner = await asyncpg.connect(log.owner)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await owner.execute(f"delete from {table}")
        await owner.close()


async def test_a_kept_head_is_never_written_again(tmp_path: Path) -> None:
    place = FolderPlace(tmp_path)
    await place.keep("claims", 1, b"one")
    await place.keep("claims", 1, b"one")
    with pytest.raises(AnotherIsKept):
        await place.keep("claims", 1, b"another")
    assert await place.read("claims", 1) == b"one"
    await place.keep("claims", 1_000, b"thousand")
    await place.keep("claims", 999, b"before")
    assert await place.last("claims") == 1_000
    assert await place.last("payments") == 0
    assert [file for file in tmp_path.rglob(".*") if file.is_file()] == [], "nothing half made is left behind"


async def test_keys_are_made_once_for_this_machine_and_must_be_given_elsewhere(tmp_path: Path) -> None:
    made = load_signing_keys(Settings(home=tmp_path)).newest
    assert load_signing_keys(Settings(home=tmp_path)).newest == made
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    elsewhere = {"mode": "distributed", "issuer_url": "https://id.invalid", "issuer_jwks": "https://id.invalid/keys"}
    with pytest.raises(NoSigningKey, match="LEDGERLINE_HEADS_KEYS"):
        load_signing_keys(Settings(home=tmp_path / "other", **elsewhere))
    with pytest.raises(NoSigningKey, match="newest first"):
        load_signing_keys(Settings(home=tmp_path, heads_keys="dG9vIHNob3J0"))
    (tmp_path / KEY_FILE).chmod(0o644)
    with pytest.raises(PermissionError, match=re.escape(str(KEY_FILE))):
        load_signing_keys(Settings(home=tmp_path))
