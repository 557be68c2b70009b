"""Can an auditor see who read what, and does reading a raw document leave its line?"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
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
from shared.runtime.web import create_app, documents_router, emergencies_router, openings_router
from shared.runtime.wrapping import RootKeys
from tests.integration.runtime.conftest import Install, Installed

pytestmark = pytest.mark.asyncio(loop_scope="session")

ERA = b"ISA*00*~NM1*QC*1*ZEBULON*ADA~"


class Edge:
    def __init__(self, home: Path, vault: LocalVault, documents: LocalDocuments, database: Installed) -> None:
        self.database = database
        self.vault = vault
        self.documents = documents
        self.issuer = LocalIssuer(Settings(home=home))
        app = create_app(
            "records",
            settings=Settings(home=home),
            verifier=TokenVerifier(IssuerKeys(self.issuer.key_set), issuer=self.issuer.issuer, audience="ledgerline"),
            version="1",
            routers=[openings_router(vault), documents_router(documents), emergencies_router(vault.emergencies())],
            emergencies=vault.emergencies(),
            ready=self._ready,
            description="",
        )
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x")

    async def an_hour_passes(self) -> None:
        """The database's owner may not move the times of an emergency either: its guards are put aside for the test."""
        connection = await asyncpg.connect(self.database.superuser)
        try:
            await connection.execute("alter table emergencies disable trigger user")
            hour = "interval '60 minutes'"
            await connection.execute(f"update emergencies set began_at = began_at - {hour}, ends_at = ends_at - {hour}")
            await connection.execute("alter table emergencies enable trigger user")
        finally:
            await connection.close()

    async def _ready(self) -> Mapping[str, bool]:
        return {}

    async def get(self, path: str, role: Role, tenant: str = "north", user: str = "petra") -> httpx.Response:
        token = self.issuer.sign(user, "dashboard", {tenant: [role]}, 60)
        return await self.client.get(path, headers={"Authorization": f"Bearer {token}"})

    async def post(self, path: str, role: Role, body: object = None, user: str = "petra") -> httpx.Response:
        token = self.issuer.sign(user, "dashboard", {"north": [role]}, 60)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": secrets.token_hex(8)}
        return await self.client.post(path, json=body, headers=headers)


@pytest_asyncio.fixture(loop_scope="session")
async def edge(install: Install, tmp_path: Path) -> AsyncIterator[Edge]:
    keys, files = await install("vault"), await install("documents")
    await create_vault_schema(keys.owner)
    await create_documents_schema(files.owner)
    vault = await LocalVault.connect(keys.app, RootKeys([bytes(32)]))
    documents = await LocalDocuments.connect(files.app, vault)
    made = Edge(tmp_path, vault, documents, keys)
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
    first = (await edge.get("/openings?subject=p1&limit=3", Role.AUDITOR)).json()
    rest = (await edge.get(f"/openings?subject=p1&limit=3&before={first['next']}", Role.AUDITOR)).json()
    assert [line["actor"] for line in (*first["items"], *rest["items"])] == [f"user:{n}" for n in (4, 3, 2, 1, 0)]
    assert rest["next"] is None
    assert (await edge.get("/openings?actor=user:2", Role.AUDITOR)).json()["items"][0]["subject"] == "p1"
    assert (await edge.get("/openings", Role.AUDITOR, tenant="south")).json()["items"] == []
    for role in set(Role) - {Role.AUDITOR, Role.ADMIN}:
        assert (await edge.get("/openings", role)).status_code == 403


async def test_the_record_is_searched_by_person_by_user_by_day_and_by_purpose(edge: Edge) -> None:
    await edge.vault.keys_for("north", ["p1", "p2"])
    for actor, subject, purpose in (("anna", "p1", "billing"), ("anna", "p2", "appeal"), ("ben", "p1", "appeal")):
        token = edge.vault.seal("north", Sealed.fresh(subject, "name", "Ada"))
        opener = Opener(actor=f"user:{actor}", purpose=purpose)
        await edge.vault.open("north", Sealed(subject, "name", token), str, opener)
    today = datetime.now(UTC).date()

    async def found(query: str) -> list[tuple[str, str, str]]:
        rows = (await edge.get(f"/openings?{query}", Role.AUDITOR)).json()["items"]
        return [(row["actor"], row["subject"], row["purpose"]) for row in rows]

    anna, second, ben = ("user:anna", "p1", "billing"), ("user:anna", "p2", "appeal"), ("user:ben", "p1", "appeal")
    assert await found("subject=p1") == [ben, anna]
    assert await found("actor=user:anna") == [second, anna]
    assert await found("purpose=appeal") == [ben, second]
    assert await found(f"day={today}") == [ben, second, anna]
    assert await found(f"day={today - timedelta(days=1)}") == []
    assert await found(f"day={today}&purpose=appeal&subject=p1&actor=user:ben") == [ben]
    assert (await edge.get("/openings?day=yesterday", Role.AUDITOR)).status_code == 422


# --- emergencies ---

WHY = {"because": "patient unconscious at the desk"}


async def test_who_breaks_the_glass_reads_beyond_their_role_and_every_opening_is_marked(edge: Edge) -> None:
    document_id = await edge.documents.put("north", ERA, "x12")
    path = f"/documents/{document_id}?purpose=care"
    assert (await edge.get(path, Role.COLLECTOR)).status_code == 403
    begun = await edge.post("/emergencies", Role.COLLECTOR, WHY)
    assert begun.status_code == 201
    assert (await edge.get(path, Role.COLLECTOR)).content == ERA
    assert (await edge.get(path, Role.POSTER, user="quinn")).status_code == 200  # within their role
    lines = (await edge.get("/openings", Role.AUDITOR)).json()["items"]
    emergency = begun.json()["emergency"]
    assert [(line["actor"], line["emergency"]) for line in lines] == [("user:quinn", None), ("user:petra", emergency)]
    found = (await edge.get(f"/openings?emergency={emergency}", Role.AUDITOR)).json()["items"]
    assert [line["actor"] for line in found] == ["user:petra"]
    [row] = (await edge.get("/emergencies", Role.AUDITOR)).json()["items"]
    assert (row["actor"], row["because"], row["stands"], row["openings"]) == ("user:petra", WHY["because"], True, 1)


async def test_an_emergency_lets_in_one_person_of_one_tenant_to_read_about_people(edge: Edge) -> None:
    document_id = await edge.documents.put("north", ERA, "x12")
    await edge.post("/emergencies", Role.COLLECTOR, WHY)
    path = f"/documents/{document_id}?purpose=care"
    assert (await edge.get(path, Role.COLLECTOR, user="quinn")).status_code == 403
    assert (await edge.get(path, Role.COLLECTOR, tenant="south")).status_code == 403
    for of_the_machinery in ("/openings", "/emergencies"):
        assert (await edge.get(of_the_machinery, Role.COLLECTOR)).status_code == 403


async def test_it_ends_by_itself_to_the_second_and_cannot_be_prolonged(edge: Edge) -> None:
    document_id = await edge.documents.put("north", ERA, "x12")
    path = f"/documents/{document_id}?purpose=care"
    begun = (await edge.post("/emergencies", Role.COLLECTOR, WHY)).json()
    about_an_hour = datetime.fromisoformat(begun["ends_at"]) - datetime.now(UTC)
    assert timedelta(minutes=59) < about_an_hour <= timedelta(minutes=60)
    again = await edge.post("/emergencies", Role.COLLECTOR, WHY)
    assert (again.status_code, again.json()["code"]) == (409, "emergency-stands")
    await edge.an_hour_passes()
    assert (await edge.get(path, Role.COLLECTOR)).status_code == 403
    assert (await edge.post("/emergencies", Role.COLLECTOR, WHY)).status_code == 201  # another line of the record
    assert (await edge.post("/emergencies/end", Role.COLLECTOR)).status_code == 200
    assert (await edge.get(path, Role.COLLECTOR)).status_code == 403
    assert (await edge.post("/emergencies/end", Role.COLLECTOR)).status_code == 404
    rows = (await edge.get("/emergencies?actor=user:petra", Role.AUDITOR)).json()["items"]
    assert [(row["stands"], row["ended_at"] is None) for row in rows] == [(False, False), (False, True)]


async def test_no_emergency_without_a_reason_beyond_an_hour_or_for_programs_and_auditors(edge: Edge) -> None:
    for body in ({}, {"because": "short"}, {**WHY, "minutes": 61}, {**WHY, "minutes": 0}, {**WHY, "role": "admin"}):
        assert (await edge.post("/emergencies", Role.COLLECTOR, body)).status_code == 422
    for role in (Role.AUDITOR, Role.INTEGRATION):
        assert (await edge.post("/emergencies", role, WHY)).status_code == 403
    assert (await edge.get("/emergencies", Role.AUDITOR)).json()["items"] == []


async def test_a_hundred_emergencies_at_once_of_one_person_are_one(edge: Edge) -> None:
    answers = await asyncio.gather(*(edge.post("/emergencies", Role.BILLER, WHY) for _ in range(100)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 99


async def test_the_application_can_neither_prolong_nor_hide_an_emergency(edge: Edge) -> None:
    await edge.post("/emergencies", Role.COLLECTOR, WHY)
    connection = await asyncpg.connect(edge.database.app)
    try:
        await connection.execute("select set_config('app.tenant', 'north', false)")
        for statement in (
            "update emergencies set ends_at = ends_at + interval '1 minute'",
            "update emergencies set actor = 'user:other'",
            "update emergencies set ended_at = null",
            "delete from emergencies",
            "insert into emergencies (tenant, actor, because, began_at, ends_at)"
            " values ('north', 'user:x', 'x', now() + interval '1 day', now() + interval '1 day 1 hour')",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "insert into emergencies (tenant, actor, because, ends_at)"
                " values ('north', 'user:x', 'x', now() + interval '61 minutes')"
            )
    finally:
        await connection.close()
