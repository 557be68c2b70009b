"""Is a person's key destroyed only when no day and no hold keeps it, on the record, and then for ever?"""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

from shared.events.base import Sealed
from shared.kernel.errors import Conflict, NotFound
from shared.runtime.local_vault import LocalVault, SubjectErased
from shared.runtime.retention import LegalHoldStands, RetentionStands
from shared.runtime.vault import Opener
from tests.integration.runtime.conftest import ROOT_KEYS, Installed

pytestmark = pytest.mark.asyncio(loop_scope="session")

BILLER = Opener(actor="user:anna", purpose="billing")
WHO = {"actor": "user:petra", "because": "the clinic closed"}


async def sealed(vault: LocalVault, subject: str) -> Sealed[str]:
    await vault.keys_for("north", [subject])
    return Sealed(subject, "name", vault.seal("north", Sealed.fresh(subject, "name", "Ada")))


async def done_to(vault: LocalVault, subject: str) -> list[str]:
    return [deed["what"] for deed in await vault.retention(0).deeds("north", subject=subject)]


async def does(vault_database: Installed, statement: str) -> None:
    connection = await asyncpg.connect(vault_database.owner)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_key_is_kept_for_years_after_its_last_use(vault: LocalVault, vault_database: Installed) -> None:
    value = await sealed(vault, "p1")
    await does(vault_database, "update subject_keys set created_at = created_at - interval '8 years'")
    assert (await vault.retention(7).about("north", "p1")).keep_until < datetime.now(UTC).date()
    await vault.open("north", value, str, BILLER)  # and is used today
    about = await vault.retention(7).about("north", "p1")
    assert about.keep_until.year == datetime.now(UTC).year + 7
    with pytest.raises(RetentionStands) as refused:
        await vault.retention(7).destroy("north", "p1", **WHO)
    assert refused.value.facts["keep_until"] == about.keep_until.isoformat()
    assert await vault.open("north", value, str, BILLER) == "Ada"
    assert await done_to(vault, "p1") == []


async def test_a_day_that_was_set_keeps_the_key_and_is_only_ever_moved_later(
    vault: LocalVault, vault_database: Installed
) -> None:
    await sealed(vault, "p1")
    retention = vault.retention(0)
    until = datetime.now(UTC).date() + timedelta(days=400)
    await retention.keep("north", "p1", until, actor="user:petra", because="a minor")
    with pytest.raises(RetentionStands):
        await retention.destroy("north", "p1", **WHO)
    with pytest.raises(Conflict):
        await retention.keep("north", "p1", until - timedelta(days=1), actor="user:petra", because="impatience")
    later = await retention.keep("north", "p1", until + timedelta(days=1), actor="user:petra", because="a minor, still")
    assert (later.keep_until, later.keep_because) == (until + timedelta(days=1), "a minor, still")
    assert len(await done_to(vault, "p1")) == 2


async def test_a_legal_hold_keeps_the_key_until_it_is_lifted(vault: LocalVault) -> None:
    await sealed(vault, "p1")
    retention = vault.retention(0)
    for hold in ("docket-1", "docket-2", "docket-1"):
        await retention.hold("north", "p1", hold, actor="user:petra", because="a court's order")
    for hold in ("docket-1", "docket-2"):
        with pytest.raises(LegalHoldStands) as refused:
            await retention.destroy("north", "p1", **WHO)
        assert hold in refused.value.facts["holds"]
        await retention.lift("north", "p1", hold, actor="user:petra", because="the case is closed")
    with pytest.raises(NotFound):
        await retention.lift("north", "p1", "docket-1", actor="user:petra", because="twice")
    assert (await retention.destroy("north", "p1", **WHO)).destroyed_at is not None
    assert await done_to(vault, "p1") == [
        "destroyed",
        "legal hold docket-2 lifted",
        "legal hold docket-1 lifted",
        "legal hold docket-2 placed",
        "legal hold docket-1 placed",
    ]


async def test_a_destroyed_key_is_told_with_who_and_why_and_destroyed_once(
    vault: LocalVault, vault_database: Installed
) -> None:
    value, other = await sealed(vault, "gone"), await sealed(vault, "stays")
    for actor in ("user:petra", "user:quinn"):
        about = await vault.retention(0).destroy("north", "gone", actor=actor, because="the clinic closed")
        assert (about.destroyed_by, about.destroyed_because) == ("user:petra", "the clinic closed")
    vault.forget("north", "gone")
    later = await LocalVault.connect(vault_database.app, ROOT_KEYS)
    for one in (vault, later):
        with pytest.raises(SubjectErased):
            await one.open("north", value, str, BILLER)
        assert await one.open("north", other, str, BILLER) == "Ada"
    await later.close()
    assert await done_to(vault, "gone") == ["destroyed"]


async def test_nobody_is_told_of_keys_that_are_not_there_or_of_another_tenant(vault: LocalVault) -> None:
    await sealed(vault, "p1")
    retention = vault.retention(0)
    for tenant, subject in (("north", "nobody"), ("south", "p1")):
        with pytest.raises(NotFound):
            await retention.about(tenant, subject)
        with pytest.raises(NotFound):
            await retention.destroy(tenant, subject, **WHO)
        with pytest.raises(NotFound):
            await retention.hold(tenant, subject, "docket-1", **WHO)
    assert await retention.deeds("south") == []


async def test_the_database_keeps_the_lock_against_the_application_itself(
    vault: LocalVault, vault_database: Installed
) -> None:
    await sealed(vault, "held")
    await sealed(vault, "kept")
    await vault.retention(0).hold("north", "held", "docket-1", **WHO)
    await vault.retention(0).keep("north", "kept", date(2999, 1, 1), **WHO)
    connection = await asyncpg.connect(vault_database.app)
    try:
        await connection.execute("select set_config('app.tenant', 'north', false)")
        for subject in ("held", "kept"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(
                    "update subject_keys set wrapped = null, erased_at = now() where subject = $1", subject
                )
        for statement in (
            "update retentions set keep_until = '2020-01-01'",
            "delete from retentions",
            "update legal_holds set hold = 'other'",
            "update key_deeds set actor = 'other'",
            "delete from key_deeds",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_hold_and_a_destruction_in_the_same_moment_do_not_both_succeed(vault: LocalVault) -> None:
    retention = vault.retention(0)
    both = 0
    for number in range(20):
        subject = f"p{number}"
        await sealed(vault, subject)
        held, destroyed = await asyncio.gather(
            retention.hold("north", subject, "docket-1", **WHO),
            retention.destroy("north", subject, **WHO),
            return_exceptions=True,
        )
        assert isinstance(destroyed, LegalHoldStands) or not isinstance(destroyed, BaseException)
        assert not isinstance(held, BaseException)  # placed on a key that is gone it keeps nothing, and says so
        both += not isinstance(destroyed, BaseException) and held.destroyed_at is None
    assert both == 0
