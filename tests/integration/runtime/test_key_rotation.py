"""Are root keys and tenants' keys replaced while everything goes on, after a crash too, with everything still opening and no id changed?"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from shared.events.base import Sealed
from shared.kernel.errors import Conflict, NotFound
from shared.runtime.key_rotation import KeyRotation
from shared.runtime.local_documents import LocalDocuments
from shared.runtime.local_vault import LocalVault, SubjectErased
from shared.runtime.settings import Settings
from shared.runtime.vault import Opener
from shared.runtime.wrapping import (
    ROOT_KEY_FILE,
    SealBroken,
    WrongRootKey,
    add_root_key,
    drop_older_root_keys,
    load_root_keys,
)
from tests.integration.runtime.conftest import Installed

pytestmark = pytest.mark.asyncio(loop_scope="session")

BILLER = Opener(actor="user:anna", purpose="billing")


@dataclass(slots=True, kw_only=True)
class Keys:
    """A vault and documents whose root key is a file, and as many processes as one likes."""

    home: Path
    vault_database: Installed
    documents_database: Installed
    stack: contextlib.AsyncExitStack

    async def process(self) -> tuple[LocalVault, LocalDocuments]:
        vault = await LocalVault.connect(self.vault_database.app, load_root_keys(Settings(home=self.home)))
        self.stack.push_async_callback(vault.close)
        documents = await LocalDocuments.connect(self.documents_database.app, vault)
        self.stack.push_async_callback(documents.close)
        return vault, documents

    def rotation(self, *, page: int = 500) -> KeyRotation:
        roots = load_root_keys(Settings(home=self.home))
        return KeyRotation(self.vault_database.owner, self.documents_database.owner, roots, page=page)

    async def time_passes(self) -> None:
        """As if the tenants' keys had been replaced long ago."""
        await self.does("update tenant_keys set closed_at = closed_at - interval '1 hour'")

    async def does(self, statement: str) -> None:
        connection = await asyncpg.connect(self.vault_database.superuser)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest_asyncio.fixture(loop_scope="session")
async def keys(vault_database: Installed, documents_database: Installed, tmp_path: Path) -> AsyncIterator[Keys]:
    async with contextlib.AsyncExitStack() as stack:
        yield Keys(home=tmp_path, vault_database=vault_database, documents_database=documents_database, stack=stack)


async def sealed(vault: LocalVault, tenant: str, subject: str) -> Sealed[str]:
    await vault.keys_for(tenant, [subject])
    return Sealed(subject, "name", vault.seal(tenant, Sealed.fresh(subject, "name", f"name of {subject}")))


async def opens(vault: LocalVault, tenant: str, values: list[Sealed[str]]) -> None:
    found = await vault.open_many(tenant, values, [str] * len(values), BILLER)
    assert found == [f"name of {value.subject}" for value in values]


async def test_a_new_root_key_wraps_what_the_old_one_wrapped_and_then_the_old_one_can_go(keys: Keys) -> None:
    running, files = await keys.process()
    values = {tenant: [await sealed(running, tenant, "p1")] for tenant in ("north", "south")}
    letter = await files.put("north", b"a letter", "pdf")
    new = add_root_key(keys.home)
    assert (await keys.rotation().state("north")).other_roots == 2
    late, _ = await keys.process()  # started while both are there
    assert await keys.rotation(page=1).to_newest_root() == 2
    assert await keys.rotation().to_newest_root() == 0
    state = await keys.rotation().state("north")
    assert (state.root, state.other_roots) == (new, 0)
    values["west"] = [await sealed(running, "west", "p1")]  # whose first key is made after that
    assert (await keys.rotation().state("west")).other_roots == 0
    assert drop_older_root_keys(keys.home) == 1
    fresh, _ = await keys.process()
    for vault in (running, late, fresh):
        for tenant, kept in values.items():
            await opens(vault, tenant, kept)
    assert (await files.get("north", letter, BILLER)).content == b"a letter"


async def test_whoever_has_only_the_old_root_key_does_not_start_after_that(keys: Keys) -> None:
    running, _ = await keys.process()
    await sealed(running, "north", "p1")
    old = (keys.home / ROOT_KEY_FILE).read_text()
    add_root_key(keys.home)
    await keys.rotation().to_newest_root()
    (keys.home / ROOT_KEY_FILE).write_text(old)
    with pytest.raises(WrongRootKey):
        await keys.process()


async def test_a_tenants_new_key_changes_no_value_no_id_and_no_index(keys: Keys) -> None:
    vault, files = await keys.process()
    value, other = await sealed(vault, "north", "p1"), await sealed(vault, "south", "p1")
    gone = await sealed(vault, "north", "gone")
    await vault.retention(0).destroy("north", "gone", actor="user:admin", because="asked")
    vault.forget("north", "gone")  # as whoever destroys a key does
    letter = await files.put("north", b"a letter", "pdf")
    ids, index = await vault.tenant_key("north"), await vault.blind_index("north", "member", "M1")
    for version in (2, 3):
        assert await keys.rotation(page=1).to_tenant_key("north", version) == 3  # two people's, one document's
        assert await keys.rotation().to_tenant_key("north", version) == 0
    for process in ((vault, files), await keys.process()):
        await opens(process[0], "north", [value, await sealed(process[0], "north", "p2")])
        await opens(process[0], "south", [other])
        assert (await process[1].get("north", letter, BILLER)).content == b"a letter"
        assert await process[0].tenant_key("north") == ids
        assert await process[0].blind_index("north", "member", "M1") == index
        with pytest.raises(SubjectErased):
            await process[0].open("north", gone, str, BILLER)
    assert (await keys.rotation().state("south")).version == 1


async def test_an_older_key_goes_when_nothing_needs_it_and_no_sooner(keys: Keys) -> None:
    vault, files = await keys.process()
    stale, stale_files = await keys.process()
    values = [await sealed(vault, "north", f"p{n}") for n in range(3)]
    await sealed(stale, "north", "p9")  # knows the first key
    assert await keys.rotation().retire("north") == 0
    await keys.rotation().to_tenant_key("north", 2)
    with pytest.raises(Conflict, match="ten minutes"):
        await keys.rotation().retire("north")
    await keys.time_passes()
    stale_letter = await stale_files.put(
        "north", b"written after", "pdf"
    )  # it believes the first key for half a minute
    values.append(await sealed(stale, "north", "made after"))  # which the database does not take for a closed key
    state = await keys.rotation().state("north")
    assert (state.subjects, state.documents) == (0, 1)
    with pytest.raises(Conflict, match="still wrapped"):
        await keys.rotation().retire("north")
    assert await keys.rotation().to_tenant_key("north", 2) == 1
    assert await keys.rotation().retire("north") == 1
    fresh, fresh_files = await keys.process()
    await opens(fresh, "north", values)
    assert (await fresh_files.get("north", stale_letter, BILLER)).content == b"written after"
    assert (await files.get("north", stale_letter, BILLER)).content == b"written after"


async def test_the_database_itself_keeps_a_key_that_something_is_wrapped_under(keys: Keys) -> None:
    vault, _ = await keys.process()
    await sealed(vault, "north", "p1")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await keys.does("delete from tenant_keys")


async def test_a_replacement_that_was_stopped_goes_on_where_it_was(keys: Keys) -> None:
    vault, _ = await keys.process()
    values = [await sealed(vault, "north", f"p{n:03d}") for n in range(300)]
    stopped = asyncio.create_task(keys.rotation(page=1).to_tenant_key("north", 2))
    watching = keys.rotation()
    while (await watching.state("north")).version < 2 or (await watching.state("north")).subjects > 295:
        assert not stopped.done()
    stopped.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await stopped
    left = (await watching.state("north")).subjects
    assert 0 < left < 300
    fresh, _ = await keys.process()
    await opens(fresh, "north", values)  # half under the one, half under the other
    assert await keys.rotation().to_tenant_key("north", 2) == left
    await opens((await keys.process())[0], "north", values)


async def test_versions_come_one_after_the_other(keys: Keys) -> None:
    vault, _ = await keys.process()
    with pytest.raises(NotFound):
        await keys.rotation().to_tenant_key("nowhere", 2)
    await sealed(vault, "north", "p1")
    for version in (0, 3):
        with pytest.raises(Conflict):
            await keys.rotation().to_tenant_key("north", version)


async def test_what_the_first_release_wrapped_is_opened_and_wrapped_anew(keys: Keys) -> None:
    """It wrote neither which root key nor, for documents, which version of the tenant's key."""
    vault, files = await keys.process()
    value, letter = await sealed(vault, "north", "p1"), await files.put("north", b"a letter", "pdf")
    await keys.does("update tenant_keys set root = ''")
    connection = await asyncpg.connect(keys.documents_database.superuser)
    await connection.execute("update documents set wrapped = substring(wrapped from 3)")
    assert await connection.fetchval("select octet_length(wrapped) from documents") == 60
    await connection.close()
    add_root_key(keys.home)
    older, older_files = await keys.process()
    await opens(older, "north", [value])
    assert (await older_files.get("north", letter, BILLER)).content == b"a letter"
    assert await keys.rotation().to_newest_root() == 1
    assert await keys.rotation().to_tenant_key("north", 2) == 2
    fresh, fresh_files = await keys.process()
    await opens(fresh, "north", [value])
    assert (await fresh_files.get("north", letter, BILLER)).content == b"a letter"


async def test_the_application_can_neither_add_nor_close_nor_move_keys(keys: Keys) -> None:
    vault, _ = await keys.process()
    await sealed(vault, "north", "p1")
    connection = await asyncpg.connect(keys.vault_database.app)
    try:
        await connection.execute("select set_config('app.tenant', 'north', false)")
        for statement in (
            "insert into tenant_keys (tenant, version, wrapped) values ('north', 2, 'x')",
            "update tenant_keys set closed_at = now()",
            "update tenant_keys set root = 'x'",
            "delete from tenant_keys",
            "update subject_keys set wrapped_by = 1",
            "update root_check set mark = 'x'",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_keys_are_replaced_under_load_without_one_failed_request(keys: Keys) -> None:
    """Three processes seal, open, store and read without pause, while the root is replaced twice and the tenant's key four times."""
    processes = [await keys.process() for _ in range(3)]
    values: list[Sealed[str]] = []
    letters: list[str] = []
    done, grown = asyncio.Event(), asyncio.Event()

    async def grown_to(count: int) -> None:
        while len(values) < count:
            grown.clear()
            await grown.wait()

    async def work(number: int, vault: LocalVault, files: LocalDocuments) -> int:
        for turn in itertools.count():
            if done.is_set():
                return turn
            value = await sealed(vault, "north", f"p{number}-{turn}")
            values.append(value)
            grown.set()
            letters.append(await files.put("north", f"letter {number} {turn}".encode(), "pdf"))
            await opens(vault, "north", [value, values[turn % len(values)]])
            await files.get("north", letters[turn % len(letters)], BILLER)
        raise AssertionError("unreachable")

    async with asyncio.TaskGroup() as group:  # the first failure ends it
        workers = [group.create_task(work(number, *process)) for number, process in enumerate(processes)]
        await grown_to(30)
        rewrapped = 0
        for version in (2, 3, 4, 5):
            if version % 2:
                add_root_key(keys.home)
                await keys.rotation().to_newest_root()
            rewrapped += await keys.rotation(page=20).to_tenant_key("north", version)
            await grown_to(len(values) + 30)
        done.set()
    requests = 4 * sum(worker.result() for worker in workers)
    assert rewrapped > 100
    await keys.rotation().to_tenant_key("north", 5)
    await keys.time_passes()
    await keys.rotation().retire("north")
    drop_older_root_keys(keys.home)
    fresh, files = await keys.process()
    await opens(fresh, "north", values)
    for letter in letters:
        assert (await files.get("north", letter, BILLER)).content.startswith(b"letter")
    print(f"{requests} requests, none failed; {rewrapped} keys wrapped anew under 4 keys of the tenant and 3 root keys")


async def test_a_wrap_of_one_tenant_does_not_open_for_another(keys: Keys) -> None:
    vault, _ = await keys.process()
    await sealed(vault, "north", "p1")
    await sealed(vault, "south", "p1")
    await keys.does(
        "update tenant_keys t set wrapped = o.wrapped from tenant_keys o where t.tenant = 'south' and o.tenant = 'north'"
    )
    with pytest.raises(SealBroken):
        await sealed((await keys.process())[0], "south", "p2")
