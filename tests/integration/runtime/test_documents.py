"""Is a raw document kept once, sealed, whole, and read on the record only?"""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from shared.kernel.errors import NotFound
from shared.runtime.availability import DocumentsUnavailable, VaultUnavailable
from shared.runtime.local_documents import PIECE_BYTES, DocumentTooLarge, LocalDocuments
from shared.runtime.local_vault import LocalVault, create_vault_schema
from shared.runtime.vault import Opener
from shared.runtime.wrapping import SealBroken
from tests.integration.runtime.conftest import ROOT_KEYS, Install, Installed

pytestmark = pytest.mark.asyncio(loop_scope="session")

POSTER = Opener(actor="user:petra", purpose="posting")
ERA = b"ISA*00*          *00*          *ZZ*PAYER~NM1*QC*1*ZEBULON*ADA~"


@pytest_asyncio.fixture(loop_scope="session")
async def documents(documents_database: Installed, vault: LocalVault) -> AsyncIterator[LocalDocuments]:
    opened = await LocalDocuments.connect(documents_database.app, vault, bytes_max=4 * PIECE_BYTES)
    yield opened
    await opened.close()


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES + 7])
async def test_a_document_of_any_length_comes_back_byte_for_byte(documents: LocalDocuments, size: int) -> None:
    content = random.Random(size).randbytes(size)
    document_id = await documents.put("north", content, "pdf")
    assert document_id == hashlib.sha256(content).hexdigest()
    found = await documents.get("north", document_id, POSTER)
    assert (found.content, found.kind) == (content, "pdf")


async def test_the_same_bytes_are_stored_once_even_when_many_bring_them_at_once(
    documents: LocalDocuments, documents_database: Installed
) -> None:
    ids = await asyncio.gather(*(documents.put("north", ERA, "x12") for _ in range(8)))
    assert len(set(ids)) == 1
    assert await rows(documents_database, "select count(*) from documents") == [(1,)]
    assert await rows(documents_database, "select count(*) from pieces") == [(1,)]
    assert (await documents.get("north", ids[0], POSTER)).content == ERA


async def test_nothing_of_a_document_lies_in_clear(documents: LocalDocuments, documents_database: Installed) -> None:
    await documents.put("north", ERA, "x12")
    for table in ("documents", "pieces"):
        for (text,) in await rows(documents_database, f"select t::text from {table} t"):
            assert "ZEBULON" not in text
            assert ERA.hex() not in text


async def test_reading_is_on_record_and_a_missing_document_is_not_there_for_anyone_else(
    documents: LocalDocuments, vault: LocalVault
) -> None:
    document_id = await documents.put("north", ERA, "x12")
    await documents.get("north", document_id, POSTER)
    assert [
        (line["actor"], line["subject"], line["purpose"]) for line in await vault.openings("north", actor="user:petra")
    ] == [("user:petra", f"document/{document_id}", "posting")]
    with pytest.raises(NotFound):
        await documents.get("south", document_id, POSTER)
    with pytest.raises(NotFound):
        await documents.get("north", "0" * 64, POSTER)


async def test_two_tenants_with_the_same_file_each_have_their_own(documents: LocalDocuments) -> None:
    ids = [await documents.put(tenant, ERA, "x12") for tenant in ("north", "south")]
    assert ids[0] == ids[1]
    assert (await documents.get("south", ids[0], POSTER)).content == ERA


@pytest.mark.parametrize(
    "damage",
    [
        "update pieces set sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1) where ordinal = 1",
        "delete from pieces where ordinal = 2",
        "update pieces set ordinal = case ordinal when 0 then 10 else ordinal end",
        "update documents set pieces = 2",
        "update documents set wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)",
    ],
)
async def test_a_piece_that_was_changed_cut_off_or_moved_is_noticed(
    documents: LocalDocuments, documents_database: Installed, damage: str
) -> None:
    document_id = await documents.put("north", random.Random(3).randbytes(3 * PIECE_BYTES), "x12")
    await rows(documents_database, damage)
    with pytest.raises(SealBroken):
        await documents.get("north", document_id, POSTER)


async def test_a_document_over_the_limit_is_refused(documents: LocalDocuments) -> None:
    with pytest.raises(DocumentTooLarge):
        await documents.put("north", bytes(4 * PIECE_BYTES + 1), "x12")


async def test_the_application_cannot_change_or_remove_a_document(
    documents: LocalDocuments, documents_database: Installed
) -> None:
    await documents.put("north", ERA, "x12")
    connection = await asyncpg.connect(documents_database.app)
    try:
        await connection.execute("select set_config('app.tenant', 'north', false)")
        for statement in ("delete from documents", "delete from pieces", "update documents set kind = 'y'"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_a_store_that_is_down_says_so(documents_database: Installed, vault: LocalVault) -> None:
    documents = await LocalDocuments.connect(documents_database.app, vault)
    document_id = await documents.put("north", ERA, "x12")
    await documents.close()
    with pytest.raises(DocumentsUnavailable):
        await documents.get("north", document_id, POSTER)
    with pytest.raises(DocumentsUnavailable):
        await documents.put("north", b"other", "x12")


async def test_without_the_vault_no_document_is_given_or_stored(
    documents_database: Installed, install: Install
) -> None:
    keys = await install("vault")
    await create_vault_schema(keys.owner)
    vault = await LocalVault.connect(keys.app, ROOT_KEYS)
    documents = await LocalDocuments.connect(documents_database.app, vault)
    document_id = await documents.put("north", ERA, "x12")
    await vault.close()
    with pytest.raises(VaultUnavailable):
        await documents.get("north", document_id, POSTER)
    with pytest.raises(VaultUnavailable):
        await documents.put("east", b"other", "x12")
    await documents.close()


async def rows(documents_database: Installed, statement: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(documents_database.superuser)
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()
