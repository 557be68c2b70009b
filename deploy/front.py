"""What answers at the front door of one machine?

The dashboard, the five services under /api/<service>, the EHR edge at /fhir and /intake, the local issuer, and the driven clock.
Services that run in this process are called directly; those in processes of their own are reached over loopback HTTP.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import httpx
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from deploy.services import service_port
from services.dashboard import main as dashboard_service
from services.gateway import main as gateway_service
from services.gateway.main import GatewayParts, GatewayRuntime
from services.gateway.receipts import create_gateway_schema
from shared.events.registry import SERVICES
from shared.kernel.errors import Conflict, DomainError
from shared.runtime.clock import FileClock
from shared.runtime.host import VERSION, Host
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import LocalIssuer, issuer_router, local_token
from shared.runtime.key_rotation import KeyRotation
from shared.runtime.lasting import lasting
from shared.runtime.operations import Quiet
from shared.runtime.platform import Platform, answers
from shared.runtime.settings import Settings
from shared.runtime.tasks import TaskRunner
from shared.runtime.web import (
    Caller,
    caller,
    create_app,
    documents_router,
    emergencies_router,
    idempotency_key,
    keys_router,
    openings_router,
)
from shared.runtime.web.application import Ready

_HOP_HEADERS = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "host", "te", "trailer"})
_TOKEN_SECONDS = 120.0
_HEAD_SECONDS = 5.0  # how long a relay may need to say how far its log reaches
_log = logging.getLogger(__name__)


class NotQuiet(DomainError):
    """Something is still going on: business time cannot be moved now."""

    code = "not-quiet"


# --- calling services -------------------------------------------------------------------------------------------------


class SystemToken(httpx.Auth):
    """Signs requests of the edge with a short token of the local issuer, made anew before it runs out.

    Where tokens come from another issuer, with the one in a file that whoever renews it replaces.
    """

    def __init__(self, settings: Settings, *roles: Role) -> None:
        if not (settings.is_locally_issued or settings.edge_token_file):
            raise ValueError("the edge needs LEDGERLINE_EDGE_TOKEN_FILE: its tokens come from another issuer")
        self._settings = settings
        self._roles = list(roles)
        self._kept: dict[str, tuple[float, str]] = {}

    def auth_flow(self, request: httpx.Request):  # type: ignore[no-untyped-def]
        tenant = request.headers.get("X-Ledgerline-Tenant", self._settings.mllp_tenant)
        request.headers["Authorization"] = f"Bearer {self._token(tenant)}"
        yield request

    def _token(self, tenant: str) -> str:
        if self._settings.edge_token_file is not None:
            return self._settings.edge_token_file.read_text().strip()
        now = asyncio.get_running_loop().time()
        made_at, token = self._kept.get(tenant, (-_TOKEN_SECONDS, ""))
        if now - made_at >= _TOKEN_SECONDS:
            token = local_token(self._settings, self._roles, tenant, subject="ledgerline-edge")
            self._kept[tenant] = (now, token)
        return token


def service_client(settings: Settings, app: ASGIApp | None) -> httpx.AsyncClient:
    """A client whose paths begin with /api/<service>; `app` answers it in this process, else loopback HTTP does."""
    auth = SystemToken(settings, Role.INTEGRATION, Role.MANAGER)
    if app is not None:
        transport = httpx.ASGITransport(app=app)
        return httpx.AsyncClient(transport=transport, base_url="http://ledgerline", auth=auth, timeout=60)
    return httpx.AsyncClient(base_url=f"http://{settings.http_host}:{settings.http_port}", auth=auth, timeout=60)


class Proxy:
    """Passes a service's requests on to its own process."""

    def __init__(self, settings: Settings, service: str) -> None:
        self._service = service
        url = settings.service_url(service, service_port(settings.http_port, service))
        self._client = httpx.AsyncClient(base_url=url, timeout=60)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = self._client.build_request(
            scope["method"],
            httpx.URL(path=scope["path"], query=scope["query_string"]),
            headers=_passed_on(scope),
            content=_body(receive),
        )
        try:
            answer = await self._client.send(request, stream=True)
        except httpx.TransportError:
            await _unavailable(self._service)(scope, receive, send)
            return
        headers = {name: value for name, value in answer.headers.items() if name not in _HOP_HEADERS}
        passed = StreamingResponse(answer.aiter_raw(), answer.status_code, headers)
        try:
            await passed(scope, receive, send)
        finally:
            await answer.aclose()

    async def close(self) -> None:
        await self._client.aclose()


def _passed_on(scope: Scope) -> list[tuple[bytes, bytes]]:
    """The headers of a request, and that it came through us: a service must not take it for one of this machine."""
    headers = [(name, value) for name, value in scope["headers"] if name.decode() not in _HOP_HEADERS]
    return [*headers, (b"x-forwarded-for", (scope["client"] or ("unknown",))[0].encode())]


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    is_more = True
    while is_more:
        message = await receive()
        is_more = message.get("more_body", False)
        yield message.get("body", b"")


def _unavailable(service: str) -> ASGIApp:
    problem = {
        "type": "about:blank",
        "title": "Service unavailable",
        "status": 503,
        "code": "service-unavailable",
        "detail": f"the {service} service does not answer; nothing was taken in",
    }
    return JSONResponse(problem, 503, {"Retry-After": "2"}, media_type="application/problem+json")


# --- the driven clock -------------------------------------------------------------------------------------------------


class _NotPublished(Exception):
    """How far a service's log reaches cannot be told in time."""


class Moment(BaseModel):
    kind: str
    now: datetime


class Advance(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    to: datetime


class Quietness:
    """Asks services, sandbox and edge in turn whether anything is going on; what was recorded meanwhile says no."""

    def __init__(
        self, platform: Platform, client: httpx.AsyncClient, gateway: GatewayParts, works: Sequence[TaskRunner]
    ) -> None:
        self._platform = platform
        self._client = client
        self._gateway = gateway
        self._works = works

    async def busy(self) -> list[str]:
        """What is going on, as far as it was looked at; nothing when all is quiet."""
        try:
            before = await self._heads()
            for at_work in (self._busy_services, self._busy_sandbox, self._busy_edge, self._busy_sandbox):
                if busy := await at_work():
                    return busy
            return [] if await self._heads() == before else ["something was recorded meanwhile"]
        except _NotPublished as log:
            return [f"{log} (its last events are not published yet)"]

    async def _busy_services(self) -> list[str]:
        of_each = await asyncio.gather(*(self._busy(service) for service in SERVICES))
        return [name for names in of_each for name in names]

    async def _busy_edge(self) -> list[str]:
        """Asked after the sandbox, which may have left a file since the edge looked last."""
        idle = await asyncio.gather(*(work.is_idle() for work in self._works))
        busy = [work.task.name for work, is_idle in zip(self._works, idle, strict=True) if not is_idle]
        return busy if busy or await self._gateway.is_quiet() else ["messages that wait at the edge"]

    async def _busy(self, service: str) -> list[str]:
        answer = await self._client.get(f"/api/{service}/ops/quiet")
        if answer.status_code != HTTPStatus.OK:
            return [f"{service} (answers {answer.status_code})"]
        return list(answer.json()["busy"])

    async def _busy_sandbox(self) -> list[str]:
        if not (url := os.environ.get("LEDGERLINE_SANDBOX_URL")):
            return []
        async with httpx.AsyncClient() as outside:
            try:
                answer = await outside.get(f"{url}/idle")
            except httpx.TransportError:
                return ["sandbox (does not answer)"]  # it is being started again
        return [] if answer.json()["idle"] else ["sandbox"]

    async def _heads(self) -> list[object]:
        heads: list[object] = []
        for service in SERVICES:
            try:
                async with asyncio.timeout(_HEAD_SECONDS):
                    heads.append(await self._platform.feed.covering(service, None))
            except (TimeoutError, KafkaError):
                raise _NotPublished(service) from None
        return heads


def clock_router(platform: Platform, quietness: Quietness) -> APIRouter:
    """`/clock`: what time it is in the business, and moving it where it is driven."""
    router = APIRouter(tags=["clock"])

    @router.get("/clock")
    async def read_clock(who: Annotated[Caller, Depends(caller("ops:read-readers"))]) -> Moment:
        return Moment(kind=platform.clock.kind, now=platform.clock.now())

    @router.post("/clock")
    async def move_clock(
        body: Advance,
        who: Annotated[Caller, Depends(caller("ops:drive-clock"))],
        key: Annotated[str, Depends(idempotency_key)],
    ) -> Moment:
        """Move business time forward. Refused while anything is still going on."""
        clock = platform.clock
        if not isinstance(clock, FileClock):
            raise Conflict("business time is real here and cannot be moved")
        if body.to < clock.now():
            raise Conflict("business time only moves forward", now=clock.now().isoformat())
        if busy := await quietness.busy():
            raise NotQuiet(f"still going on: {', '.join(busy)}")
        clock.advance_to(body.to)
        return Moment(kind=clock.kind, now=clock.now())

    @router.get("/quiet")
    async def read_quiet(who: Annotated[Caller, Depends(caller("ops:read-readers"))]) -> Quiet:
        """Whether every service is at rest."""
        busy = await quietness.busy()
        return Quiet(quiet=not busy, busy=busy)

    return router


# --- the front --------------------------------------------------------------------------------------------------------


class Front:
    """The front door's application, and the gateway's listeners and background work."""

    def __init__(self, app: ASGIApp, gateway: GatewayParts, works: Sequence[TaskRunner]) -> None:
        self.app = app
        self._gateway = gateway
        self._works = works

    async def run(self) -> None:
        """Until cancelled."""
        await lasting(
            {
                **{f"gateway listener {number}": serve for number, serve in enumerate(self._gateway.servers, start=1)},
                **{work.task.name: work.run for work in self._works},
            }
        )


def gateway_of(platform: Platform, client: httpx.AsyncClient) -> GatewayParts:
    """The EHR edge on this platform; the client reaches the services."""
    settings = platform.settings
    return gateway_service.build(
        GatewayRuntime(
            settings=settings,
            documents=platform.documents,
            vault=platform.vault,
            clock=platform.clock,
            client=client,
            database_dsn=settings.dsn("gateway"),
            owner_dsn=settings.dsn("gateway", "owner"),
        )
    )


def edge_application(
    platform: Platform, gateway: GatewayParts, quietness: Quietness, ready: Ready, public: Sequence[APIRouter]
) -> FastAPI:
    """What front answers itself: messages, documents and their openings, the clock; `public` needs no token."""
    return create_app(
        "front",
        settings=platform.settings,
        verifier=platform.verifier,
        version=VERSION,
        routers=[
            *gateway.routers,
            clock_router(platform, quietness),
            openings_router(platform.vault),
            documents_router(platform.documents),
            emergencies_router(platform.emergencies),
            keys_router(
                KeyRotation(
                    platform.settings.dsn("vault", "owner"), platform.settings.dsn("documents", "owner"), platform.roots
                ),
                platform.retention,
                platform.vault,
            ),
        ],
        ready=ready,
        description="The front door of Ledgerline.",
        public=public,
        emergencies=platform.emergencies,
        json_bytes_max=gateway.json_bytes_max,
    )


@contextlib.asynccontextmanager
async def open_front(platform: Platform, hosts: Sequence[Host]) -> AsyncIterator[Front]:
    """The front door over these hosts, or over the processes of all services when there are none."""
    settings = platform.settings
    async with contextlib.AsyncExitStack() as stack:
        services: Mapping[str, ASGIApp]
        if hosts:
            services = {host.name: host.app for host in hosts}
        else:
            proxies = {service: Proxy(settings, service) for service in SERVICES}
            for proxy in proxies.values():
                stack.push_async_callback(proxy.close)
            services = dict(proxies)
        mounts = [Mount(f"/api/{name}", app=app) for name, app in services.items()]
        inner = Starlette(routes=mounts)
        client = await stack.enter_async_context(service_client(settings, inner))
        await create_gateway_schema(settings.dsn("gateway", "owner"))
        gateway = gateway_of(platform, client)
        stack.push_async_callback(gateway.close)
        works = [TaskRunner(task) for task in gateway.tasks]
        public = [issuer_router(LocalIssuer(settings))] if settings.is_locally_issued else []

        async def ready() -> Mapping[str, bool]:
            return {
                "vault": await answers(settings.dsn("vault")),
                "documents": await answers(settings.dsn("documents")),
                **dict(
                    zip(SERVICES, await asyncio.gather(*(_is_ready(client, name) for name in SERVICES)), strict=True)
                ),
            }

        edge = edge_application(platform, gateway, Quietness(platform, client, gateway, works), ready, public)
        door: ASGIApp = Starlette(routes=[*mounts, Mount("/", app=edge)])
        if settings.is_locally_issued:
            pages = await stack.enter_async_context(_pages(platform, door))
            if shared := shared_paths(pages, edge):
                raise ValueError(f"a page would hide what the front door has at {', '.join(sorted(shared))}")
            door = WithPages(door, pages, own=dashboard_service.first_segments(edge) | {"api"})
        yield Front(door, gateway, works)


@contextlib.asynccontextmanager
async def _pages(platform: Platform, door: ASGIApp) -> AsyncIterator[Starlette]:
    """The dashboard, which reaches everything through the front door and signs in people with the local issuer."""
    transport = httpx.ASGITransport(app=door)
    async with httpx.AsyncClient(transport=transport, base_url="http://ledgerline", timeout=60) as client:
        yield dashboard_service.build(platform.settings, client, platform.verifier)


def shared_paths(pages: Starlette, edge: Starlette) -> frozenset[str]:
    """The first parts of paths that pages and the front door both have."""
    return dashboard_service.first_segments(pages) & dashboard_service.first_segments(edge)


class WithPages:
    """Shows pages at the paths of the dashboard. Every other path is left to the front door, but for one that it does not have either
    and that a browser opens: there a person is told so on a page."""

    def __init__(self, door: ASGIApp, pages: Starlette, *, own: frozenset[str]) -> None:
        self.door = door
        self._pages = pages
        self._segments = dashboard_service.first_segments(pages)
        self._own = own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._pages if self._is_page(scope) else self.door)(scope, receive, send)

    def _is_page(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        segment = scope["path"].strip("/").split("/")[0]
        return segment in self._segments or (segment not in self._own and _is_opened_by_browser(scope))


def _is_opened_by_browser(scope: Scope) -> bool:
    """Whether somebody goes to an address: a client of the API takes what comes, or JSON, and never asks for HTML."""
    accepted = Headers(scope=scope).get("accept", "")
    return scope["method"] in ("GET", "HEAD") and "text/html" in accepted


async def _is_ready(client: httpx.AsyncClient, service: str) -> bool:
    try:
        answer = await client.get(f"/api/{service}/health/ready")
    except httpx.TransportError:
        return False
    return answer.status_code == HTTPStatus.OK
