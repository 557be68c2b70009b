"""Is a caller who asks too much told when to ask again, while everybody else is served?"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends
from starlette.types import Receive, Scope, Send

from shared.runtime.identity import Caller, Identity, Role, TokenVerifier
from shared.runtime.identity.issuer import LocalIssuer
from shared.runtime.identity.keys import IssuerKeys
from shared.runtime.settings import Settings
from shared.runtime.web import caller, create_app
from shared.runtime.web.edge import IDENTITY
from shared.runtime.web.limits import Buckets, Limited, Limits, Places, Rate
from tests.asgi import Answer, ask

pytestmark = pytest.mark.asyncio


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def done(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


class Door:
    """A service behind limits, asked by whoever a test names."""

    def __init__(self, inner: Any = done, clock: Callable[[], float] | None = None, **settings: Any) -> None:
        limits = Limits(Settings(home=Path("nowhere"), **settings), monotonic=clock or Clock())
        self._limited = Limited(inner, limits=limits, is_exempt={"/health/live", "/metrics"}.__contains__)
        self._who: Identity | None = None

    async def ask(
        self,
        actor: str = "anna",
        tenant: str = "north",
        path: str = "/claims",
        address: str = "192.0.2.7",
        **headers: str,
    ) -> Answer:
        who = Identity(
            subject=actor, client="app", tenants={tenant: frozenset({Role.BILLER})}, expires_at=2**31, token_id="t"
        )

        async def known(scope: Scope, receive: Receive, send: Send) -> None:
            if actor:
                scope[IDENTITY] = who
            await self._limited(scope, receive, send)

        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await ask(known, "GET", path, sent, client=address)


async def test_beyond_the_rate_of_a_caller_the_answer_is_429_and_says_how_long() -> None:
    clock = Clock()
    door = Door(clock=clock, requests_per_second_per_caller=0.5, burst_seconds=4)
    assert [(await door.ask()).status for _ in range(3)] == [204, 204, 429]
    refused = await door.ask()
    assert (refused.headers["retry-after"], refused.code) == ("2", "too-many-requests")
    assert (await door.ask("bert")).status == 204  # another caller of the same tenant
    clock.now += float(refused.headers["retry-after"])
    assert [(await door.ask()).status for _ in range(2)] == [204, 429]


async def test_a_refused_request_is_not_counted_so_that_asking_again_too_early_costs_nothing() -> None:
    clock = Clock()
    door = Door(clock=clock, requests_per_second_per_caller=1, burst_seconds=1)
    assert [(await door.ask()).status for _ in range(50)] == [204] + [429] * 49
    clock.now += 1
    assert (await door.ask()).status == 204


async def test_a_tenants_callers_together_do_not_use_up_another_tenants_rate() -> None:
    door = Door(requests_per_second_per_tenant=10, requests_per_second_per_caller=4, burst_seconds=1)
    answers = [(await door.ask(f"user-{number}")).status for number in range(100)]
    assert answers.count(204) == 10
    assert {(await door.ask("anna", tenant="south")).status for _ in range(4)} == {204}


async def test_naming_another_tenant_is_counted_as_ones_own() -> None:
    door = Door(requests_per_second_per_caller=2, burst_seconds=1)
    answers = [(await door.ask(X_Ledgerline_Tenant=f"made-up-{number}")).status for number in range(4)]
    assert answers == [204, 204, 429, 429]


async def test_health_and_metrics_are_never_refused() -> None:
    door = Door(requests_per_second_per_caller=1, requests_per_second_per_address=1, burst_seconds=1)
    for path in ("/health/live", "/metrics"):
        assert {(await door.ask("", path=path)).status for _ in range(20)} == {204}


async def test_who_has_no_token_is_counted_by_address() -> None:
    door = Door(requests_per_second_per_address=2, burst_seconds=1)
    assert [(await door.ask("", path="/oauth/token")).status for _ in range(3)] == [204, 204, 429]
    assert (await door.ask("", path="/oauth/token", address="192.0.2.8")).status == 204


async def test_our_own_edge_is_not_counted_twice() -> None:
    door = Door(requests_per_second_per_caller=1, burst_seconds=1)
    assert {(await door.ask("ledgerline-edge")).status for _ in range(20)} == {204}


class Held:
    """A service whose requests last until they are let go."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.gate.wait()
        await done(scope, receive, send)


@contextlib.asynccontextmanager
async def asking(door: Door, held: Held, count: int, **who: str) -> AsyncIterator[list[asyncio.Task[Answer]]]:
    """So many requests at once, each either in progress or answered."""
    tasks = [asyncio.create_task(door.ask(**who)) for _ in range(count)]
    for _ in range(20):  # turns of the loop: each request has gone as far as it can
        await asyncio.sleep(0)
    yield tasks
    held.gate.set()
    await asyncio.gather(*tasks)


async def test_a_flood_of_one_tenant_leaves_room_for_the_others() -> None:
    held = Held()
    door = Door(held, requests_in_progress_max=60)
    async with asking(door, held, 500, tenant="flood") as flood:
        refused = [task.result() for task in flood if task.done()]
        assert len(refused) == 470  # half of the places and no more
        assert {(answer.status, answer.headers["retry-after"]) for answer in refused} == {(429, "1")}
        async with asking(door, held, 20, tenant="south") as south:
            assert not any(task.done() for task in south)
    assert {task.result().status for task in south} == {204}


async def test_when_every_place_is_taken_the_answer_is_503_and_places_come_back() -> None:
    held = Held()
    door = Door(held, requests_in_progress_max=4)
    async with contextlib.AsyncExitStack() as stack:
        for tenant in ("a", "b", "c", "d"):
            [task] = await stack.enter_async_context(asking(door, held, 1, tenant=tenant))
            assert not task.done()
        full = await door.ask(tenant="e")
        assert (full.status, full.code, full.headers["retry-after"]) == (503, "too-busy", "1")
    assert {(await door.ask(tenant="e")).status for _ in range(10)} == {204}


async def test_a_place_comes_back_when_a_request_fails() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise ConnectionResetError

    door = Door(failing, requests_in_progress_max=2)
    for _ in range(10):
        with pytest.raises(ConnectionResetError):
            await door.ask()


async def test_open_streams_take_no_place_of_requests() -> None:
    held = Held()
    door = Door(held, requests_in_progress_max=2, streams_max=6)
    async with asking(door, held, 5, accept="text/event-stream") as streams:
        assert sum(task.done() for task in streams) == 2  # three of six places are one tenant's
        async with asking(door, held, 1) as requests:
            assert not requests[0].done()


async def test_buckets_forget_the_oldest_names_and_never_hold_more_than_a_burst() -> None:
    clock = Clock()
    buckets = Buckets(Rate(per_second=1, burst=2), monotonic=clock)
    for number in range(10_005):
        buckets.take(f"caller-{number}")
    assert len(buckets._levels) == 10_000
    clock.now += 3600
    for _ in range(2):
        assert buckets.wait_seconds("caller-10004") == 0
        buckets.take("caller-10004")
    assert buckets.wait_seconds("caller-10004") == 1


async def test_shares_are_those_of_the_tenants_at_work() -> None:
    places = Places(12)
    taken = dict.fromkeys(("a", "b", "c"), 0)
    for tenant in taken:
        while not places.is_beyond_its_share(tenant) and not places.is_full():
            places.take(tenant)
            taken[tenant] += 1
    assert taken == {"a": 6, "b": 4, "c": 2}  # a half, a third, and what is left of a quarter
    for tenant, count in taken.items():
        for _ in range(count):
            places.leave(tenant)
    assert not places.is_full()
    assert places._taken == {}


async def test_a_service_refuses_before_it_reads_the_body_and_the_answer_is_described(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, requests_per_second_per_caller=1, burst_seconds=1)
    issuer = LocalIssuer(settings)
    verifier = TokenVerifier(IssuerKeys(issuer.key_set), issuer=settings.issuer, audience="ledgerline")
    routes = APIRouter()

    @routes.get("/claims")
    async def claims(who: Annotated[Caller, Depends(caller("claims:read-claims"))]) -> None: ...

    async def ready() -> dict[str, bool]:
        return {}

    app = create_app(
        "claims", settings=settings, verifier=verifier, version="1", routers=[routes], ready=ready, description=""
    )
    token = issuer.sign("anna", "app", {"north": ["biller"]}, 60)
    answers = [await ask(app, "GET", "/claims", {"Authorization": f"Bearer {token}"}) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 429]
    assert answers[1].headers["content-type"] == "application/problem+json"
    assert json.loads(answers[1].body)["status"] == 429
    assert "429" in app.openapi()["paths"]["/claims"]["get"]["responses"]
