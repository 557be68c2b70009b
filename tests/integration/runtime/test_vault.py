"""Does the vault give a value only to who asks on the record, for its own subject, field and tenant, and never after erasure?"""

from __future__ import annotations

import asyncio
import base64
import os
from datetime import date

import asyncpg
import pytest

from shared.events.base import Sealed
from shared.events.values import Person, PersonName
from shared.kernel.identifiers import computed_id
from shared.runtime.availability import VaultUnavailable
from shared.runtime.local_vault import LocalVault, SubjectErased, create_vault_schema
from shared.runtime.vault import Opener
from shared.runtime.wrapping import RootKeys, SealBroken, WrongRootKey
from tests.integration.runtime.conftest import ROOT_KEY, ROOT_KEYS, Installed
from tests.integration.runtime.promises import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

BILLER = Opener(actor="user:anna", purpose="billing")
CANARY = "Zebulon-Q7x"


async def sealed(vault: LocalVault, tenant: str, subject: str, field: str, value: object) -> Sealed[object]:
    await vault.keys_for(tenant, [subject])
    return Sealed(subject, field, vault.seal(tenant, Sealed.fresh(subject, field, value)))


async def test_a_sealed_person_comes_back_whole(vault: LocalVault) -> None:
    person = Person(name=PersonName(last=CANARY, first="Ada"), birth_on=date(1960, 2, 29))
    token = await sealed(vault, "north", "p1", "person", person)
    assert await vault.open("north", Sealed("p1", "person", token.token), Person, BILLER) == person


async def test_the_token_shows_nothing_of_the_value_and_two_of_the_same_differ(vault: LocalVault) -> None:
    first = await sealed(vault, "north", "p1", "name", CANARY)
    second = await sealed(vault, "north", "p1", "name", CANARY)
    assert first.token != second.token
    assert CANARY.encode() not in base64.b64decode(first.token or "")


async def test_sealing_without_the_key_at_hand_is_a_mistake_of_the_caller(vault: LocalVault) -> None:
    with pytest.raises(LookupError):
        vault.seal("north", Sealed.fresh("nobody-asked", "name", CANARY))


async def test_a_fresh_value_is_given_back_and_leaves_no_record(vault: LocalVault) -> None:
    assert await vault.open("north", Sealed.fresh("p9", "name", CANARY), str, BILLER) == CANARY
    assert await vault.openings("north", subject="p9") == []


@pytest.mark.parametrize(
    ("tenant", "subject", "field"), [("south", "p1", "name"), ("north", "p2", "name"), ("north", "p1", "address")]
)
async def test_a_value_moved_to_another_tenant_subject_or_field_does_not_open(
    vault: LocalVault, tenant: str, subject: str, field: str
) -> None:
    token = (await sealed(vault, "north", "p1", "name", CANARY)).token
    await vault.keys_for(tenant, [subject])
    with pytest.raises(SealBroken) as refused:
        await vault.open(tenant, Sealed(subject, field, token), str, BILLER)
    assert CANARY not in str(refused.value)
    assert await vault.openings(tenant, subject=subject) == []


async def test_any_changed_byte_of_a_token_is_noticed(vault: LocalVault) -> None:
    raw = base64.b64decode((await sealed(vault, "north", "p1", "name", CANARY)).token or "")
    for place in range(len(raw)):
        changed = bytes(byte ^ 1 if index == place else byte for index, byte in enumerate(raw))
        with pytest.raises(SealBroken):
            await vault.open("north", Sealed("p1", "name", base64.b64encode(changed).decode()), str, BILLER)


@pytest.mark.parametrize("token", ["", "AAAA", "not base64 !", "AAE=", "é"])
async def test_text_that_never_was_a_token_is_refused_like_a_broken_one(vault: LocalVault, token: str) -> None:
    await vault.keys_for("north", ["p1"])
    with pytest.raises(SealBroken):
        await vault.open("north", Sealed("p1", "name", token), str, BILLER)


async def test_a_value_of_another_shape_is_refused_without_quoting_it(vault: LocalVault) -> None:
    token = await sealed(vault, "north", "p1", "name", CANARY)
    with pytest.raises(SealBroken) as refused:
        await vault.open("north", Sealed("p1", "name", token.token), int, BILLER)
    assert CANARY not in repr(refused.value)
    assert refused.value.__cause__ is None


async def test_who_opened_whose_what_and_why_is_on_record_when_the_value_is_given(
    vault: LocalVault, vault_database: Installed
) -> None:
    values = [await sealed(vault, "north", subject, "name", CANARY) for subject in ("p1", "p1", "p2")]
    assert await vault.open_many("north", values, [str] * 3, BILLER) == [CANARY] * 3
    connection = await asyncpg.connect(vault_database.superuser)
    try:
        lines = await connection.fetch("select actor, subject, field, purpose, count from openings order by opening")
    finally:
        await connection.close()
    assert sorted(map(tuple, lines)) == [
        ("user:anna", "p1", "name", "billing", 2),
        ("user:anna", "p2", "name", "billing", 1),
    ]


async def test_many_readers_at_once_are_all_on_record(vault: LocalVault) -> None:
    token = await sealed(vault, "north", "p1", "name", CANARY)
    other = await sealed(vault, "south", "p1", "name", CANARY)
    openers = [Opener(actor=f"user:{number}", purpose="billing") for number in range(60)]
    await asyncio.gather(*(vault.open("north", token, str, opener) for opener in openers))
    await asyncio.gather(*(vault.open("south", other, str, opener) for opener in openers[:5]))
    assert {line["actor"] for line in await vault.openings("north", limit=500)} == {opener.actor for opener in openers}
    assert len(await vault.openings("south", limit=500)) == 5


async def test_the_application_can_neither_change_nor_remove_the_record_nor_put_a_key_in_place_of_another(
    vault: LocalVault, vault_database: Installed
) -> None:
    await vault.open("north", await sealed(vault, "north", "p1", "name", CANARY), str, BILLER)
    connection = await asyncpg.connect(vault_database.app)
    try:
        await connection.execute("select set_config('app.tenant', 'north', false)")
        for statement in (
            "update openings set actor = 'user:other'",
            "delete from openings",
            "truncate openings",
            "delete from subject_keys",
            "update subject_keys set wrapped = 'x'",
            "update tenant_keys set wrapped = 'x'",
            "delete from root_check",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_one_tenant_sees_no_keys_and_no_record_of_another(vault: LocalVault, vault_database: Installed) -> None:
    await vault.open("north", await sealed(vault, "north", "p1", "name", CANARY), str, BILLER)
    connection = await asyncpg.connect(vault_database.app)
    try:
        for tenant in ("south", ""):
            await connection.execute("select set_config('app.tenant', $1, false)", tenant)
            for table in ("tenant_keys", "subject_keys", "openings"):
                assert await connection.fetchval(f"select count(*) from {table}") == 0
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "insert into openings (tenant, actor, subject, field, purpose, count) values ('north','a','b','c','d',1)"
            )
    finally:
        await connection.close()


async def test_two_processes_that_meet_a_subject_at_once_use_one_key(vault_database: Installed) -> None:
    vaults = [await LocalVault.connect(vault_database.app, ROOT_KEYS) for _ in range(3)]
    try:
        subjects = [f"new-{number}" for number in range(50)]
        await asyncio.gather(
            *(one.keys_for("north", subjects if n else subjects[::-1]) for n, one in enumerate(vaults))
        )
        for subject in subjects:
            tokens = [one.seal("north", Sealed.fresh(subject, "name", CANARY)) for one in vaults]
            for token in tokens:
                assert await vaults[0].open("north", Sealed(subject, "name", token), str, BILLER) == CANARY
    finally:
        for one in vaults:
            await one.close()


async def test_every_process_computes_the_same_ids_and_each_tenant_others(vault_database: Installed) -> None:
    first, second = (
        await LocalVault.connect(vault_database.app, ROOT_KEYS),
        await LocalVault.connect(vault_database.app, ROOT_KEYS),
    )
    try:
        north, again = await asyncio.gather(first.tenant_key("north"), second.tenant_key("north"))
        assert north == again != await first.tenant_key("south")
        assert computed_id(north, "patient", "hospital", "1") == computed_id(again, "patient", "HOSPITAL ", "1")
        index = await first.blind_index("north", "member", " ab1 ")
        assert index == await second.blind_index("north", "member", "AB1")
        assert index != await second.blind_index("south", "member", "AB1")
        assert index != await second.blind_index("north", "medical-record", "AB1")
    finally:
        await first.close()
        await second.close()


async def test_after_erasure_nothing_of_the_subject_opens_or_is_sealed_again_in_any_new_process(
    vault: LocalVault, vault_database: Installed
) -> None:
    token = await sealed(vault, "north", "gone", "name", CANARY)
    kept = await sealed(vault, "north", "stays", "name", CANARY)
    await vault.retention(0).destroy("north", "gone", actor="user:admin", because="tenant left")
    vault.forget("north", "gone")
    later = await LocalVault.connect(vault_database.app, ROOT_KEYS)
    try:
        for one in (vault, later):
            with pytest.raises(SubjectErased):
                await one.open("north", token, str, BILLER)
            await one.keys_for("north", ["gone"])
            with pytest.raises(SubjectErased):
                one.seal("north", Sealed.fresh("gone", "name", CANARY))
            assert await one.open("north", kept, str, BILLER) == CANARY
    finally:
        await later.close()


async def test_another_root_key_is_found_out_before_anything_is_sealed_with_it(
    vault: LocalVault, vault_database: Installed
) -> None:
    before = await connections_to(vault_database)
    with pytest.raises(WrongRootKey):
        await LocalVault.connect(vault_database.app, RootKeys([os.urandom(32)]))

    async def is_as_before() -> bool:
        return await connections_to(vault_database) == before

    assert await eventually(is_as_before), "it lets go of the database"


async def connections_to(database: Installed) -> set[int]:
    """The processes of the server that serve a vault on it."""
    connection = await asyncpg.connect(database.superuser)
    try:
        rows = await connection.fetch(
            "select pid from pg_stat_activity where datname = current_database() and application_name = 'ledgerline-vault'"
        )
    finally:
        await connection.close()
    return {row["pid"] for row in rows}


async def test_a_vault_that_is_down_says_so(vault_database: Installed) -> None:
    vault = await LocalVault.connect(vault_database.app, ROOT_KEYS)
    token = await sealed(vault, "north", "p1", "name", CANARY)
    await vault.close()
    with pytest.raises(VaultUnavailable):
        await vault.open("north", token, str, BILLER)  # the key is at hand; the record is not, so nothing is given
    with pytest.raises(VaultUnavailable):
        await vault.keys_for("north", ["p2"])
    with pytest.raises(VaultUnavailable):
        await LocalVault.connect("postgresql://ledgerline_app@127.0.0.1:9/ledgerline_vault", ROOT_KEYS)


async def test_the_schema_can_be_made_again_over_itself(vault_database: Installed, vault: LocalVault) -> None:
    token = await sealed(vault, "north", "p1", "name", CANARY)
    await create_vault_schema(vault_database.owner)
    assert await vault.open("north", token, str, BILLER) == CANARY


async def test_no_value_lies_in_clear_in_the_vaults_tables(vault_database: Installed, vault: LocalVault) -> None:
    await vault.open("north", await sealed(vault, "north", "p1", "name", CANARY), str, BILLER)
    await vault.blind_index("north", "name", CANARY)
    connection = await asyncpg.connect(vault_database.superuser)
    try:
        for table in ("root_check", "tenant_keys", "subject_keys", "openings"):
            rows = await connection.fetch(f"select t::text as text from {table} t")
            assert rows
            assert all(CANARY not in row["text"] for row in rows)
            assert all(ROOT_KEY.hex() not in row["text"] for row in rows)
    finally:
        await connection.close()
