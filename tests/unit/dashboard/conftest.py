"""The pages with the real issuer and real tokens, over services that answer what a test says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from services.dashboard.main import build
from services.dashboard.settings import DashboardSettings
from shared.runtime.identity.directory import Directory
from shared.runtime.identity.issuer import LocalIssuer, issuer_router
from shared.runtime.platform import verifier_of
from shared.runtime.settings import Settings

TENANT = "clinic"
PASSWORD = "a long enough password"
ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@dataclass(slots=True)
class Asked:
    """One request that a page made of a service."""

    method: str
    path: str
    query: dict[str, str]  # of what is asked for many times, the last
    every: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class World:
    """What the services answer, what they were asked, and a browser without script."""

    answers: dict[str, Any]
    asked: list[Asked] = field(default_factory=list)
    browser: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)

    async def answer(self, request: Request) -> Response:
        headers = {name.decode(): value.decode() for name, value in request.headers.raw}
        query = dict(request.query_params)
        every = request.query_params.multi_items()
        self.asked.append(Asked(request.method, request.url.path, query, every, headers, await request.body()))
        told = self.answers.get(f"{request.method} {request.url.path}")
        if isinstance(told, Response):
            return told
        if told is None:
            return JSONResponse({"code": "not-found", "detail": "nothing here"}, 404)
        return JSONResponse(told)

    async def log_in(self, role: str) -> httpx.Response:
        form = {"user": role, "password": PASSWORD}
        return await self.browser.post("/login", data=form, headers=ORIGIN)

    async def csrf(self, path: str = "/help") -> str:
        text = (await self.browser.get(path)).text
        return text.split('"X-CSRF-Token":"', 1)[1].split('"', 1)[0]


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one user a role, made once: a password takes long to hash on purpose."""
    home = tmp_path_factory.mktemp("people")
    directory = Directory(home)
    directory.add_tenant(TENANT)
    for role in ("biller", "denial-specialist", "poster", "collector", "manager", "operator", "auditor", "admin"):
        directory.add_user(role, PASSWORD, TENANT, [role])
    return home


@pytest_asyncio.fixture(loop_scope="session")
async def world(people: Path) -> AsyncIterator[World]:
    settings = Settings(home=people)
    made = World(answers={})
    issuer = FastAPI()
    issuer.include_router(issuer_router(LocalIssuer(settings)))
    door = Starlette(
        routes=[
            *(
                Route(path, made.answer, methods=["GET", "POST"])
                for path in ("/api/{rest:path}", "/documents/{rest}", "/openings")
            ),
            Mount("/", app=issuer),
        ]
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=door), base_url="http://door") as http:
        pages = build(settings, http, verifier_of(settings), DashboardSettings())
        transport = httpx.ASGITransport(app=pages)
        async with httpx.AsyncClient(transport=transport, base_url="http://pages") as browser:
            made.browser = browser
            yield made
