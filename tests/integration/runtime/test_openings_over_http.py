"""Can an auditor see who read what, and does reading a raw document leave its line?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from shared.events.base import Sealed
from shared.runtime.identity import Role, TokenVerifier
from shared.runtime.identity.issuer import LocalIssuer
from shared.runtime.identity.keys import IssuerKeys
from shared.runtime.local_documents import LocalDocuments, create_documents_schema
from shared.runtime.local_vault import LocalVault, create_vault_schema
from shared.runtime.settings import Settings
from shared.runtime.vault import Opener
from shared.runtime.web import create_app, documents_router, openings_router
from tests.integration.runtime.conftest import Install

pytestmark = pytest.mark.asyncio(loop_scope="session")

ERA = b"ISA*00*~NM1*QC*1*ZEBULON*ADA~"


class Edge:
    def __init__(self, home: Path, vault: LocalVault, documents: LocalDocuments) -> None:
        self.vault = vault
        self.documents = documents
        self.issuer = LocalIssuer(Settings(home=home))
        app = create_app(
            "records",
            settings=Settings(home=home),
            verifier=TokenVerifier(IssuerKeys(self.issuer.key_set), issuer=self.issuer.issuer, audience="ledgerline"),
            version="1",
            routers=[openings_router(vault), documents_router(documents)],
            ready=self._ready,
            description="",
        )
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x")

    async def _ready(self) -> Mapping[str, bool]:
        return {}

    async def get(self, path: str, role: Role, tenant: str = "north") -> httpx.Response:
        token = self.issuer.sign("petra", "dashboard", {tenant: [role]}, 60)
        return await self.client.get(path, headers={"Authorization": f"Bearer {token}"})


@pytest_asyncio.fixture(loop_scope="session")
async def edge(install: Install, tmp_path: Path) -> AsyncIterator[Edge]:
    keys, files = await install("vault"), await install("documents")
    await create_vault_schema(keys.owner)
    await create_documents_schema(files.owner)
    vault = await LocalVault.connect(keys.app, bytes(32))
    documents = await LocalDocuments.connect(files.app, vault)
    made = Edge(tmp_path, vault, documents)
    yield made
    await made.client.aclose()
    await documents.close()
    await vault.close()


async def test_a_document_is_given_as_it_came_and_the_reading_is_on_record(edge: Edge) -> None:
    document_id = await edge.documents.put("north", ERA, "x12")
    answer = await edge.get(f"/documents/{document_id}?purpose=posting", Role.POSTER)
    assert (answer.status_code, answer.content) == (200, ERA)
    assert answer.headers["content-type"] == "application/edi-x12"
    assert answer.headers["content-disposition"].startswith("attachment")
    found = (await edge.get(f"/openings?subject=document/{document_id}", Role.AUDITOR)).json()
    assert [(line["actor"], line["purpose"], line["count"]) for line in found["items"]] == [
        ("user:petra", "posting", 1)
    ]


async def test_no_document_without_a_purpose_a_right_and_the_right_tenant(edge: Edge) -> None:
    document_id = await edge.documents.put("north", ERA, "x12")
    path = f"/documents/{document_id}"
    assert (await edge.get(path, Role.POSTER)).status_code == 422
    assert (await edge.get(f"{path}?purpose=Because%20Ada", Role.POSTER)).status_code == 422
    assert (await edge.get(f"{path}?purpose=posting", Role.COLLECTOR)).status_code == 403
    foreign = await edge.get(f"{path}?purpose=posting", Role.POSTER, tenant="south")
    absent = await edge.get(f"/documents/{'0' * 64}?purpose=posting", Role.POSTER)
    assert foreign.status_code == absent.status_code == 404
    assert await edge.vault.openings("north") == []


async def test_the_record_comes_in_pages_for_those_who_may_see_it(edge: Edge) -> None:
    await edge.vault.keys_for("north", ["p1"])
    token = edge.vault.seal("north", Sealed.fresh("p1", "name", "Ada"))
    for number in range(5):
        await edge.vault.open(
            "north", Sealed("p1", "name", token), str, Opener(actor=f"user:{number}", purpose="billing")
        )
    first = (await edge.get("/openings?subject=p1&limit=3", Role.MANAGER)).json()
    rest = (await edge.get(f"/openings?subject=p1&limit=3&before={first['next']}", Role.MANAGER)).json()
    assert [line["actor"] for line in (*first["items"], *rest["items"])] == [f"user:{n}" for n in (4, 3, 2, 1, 0)]
    assert rest["next"] is None
    assert (await edge.get("/openings?actor=user:2", Role.AUDITOR)).json()["items"][0]["subject"] == "p1"
    assert (await edge.get("/openings", Role.AUDITOR, tenant="south")).json()["items"] == []
    assert (await edge.get("/openings", Role.BILLER)).status_code == 403
