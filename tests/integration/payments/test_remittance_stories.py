"""Do the stories of remittances end over HTTP, on a real PostgreSQL, as they are told? Each is played in a tenant of its own."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import pytest_asyncio

from services.payments.main import build
from shared.runtime.clock import FileClock
from shared.runtime.codec import EventCodec
from shared.runtime.command import Cause
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.runtime.service import ServiceParts, ServiceRuntime
from shared.testing.hosting import Hosted, hosted
from shared.testing.infrastructure import PostgresServer
from tests.golden import said
from tests.golden.found import Found, Row, differences, money
from tests.golden.reading import Story, Then
from tests.golden.story import SECTIONS, Charges, Deed, File835, Step, every_story, files_of

CODEC = EventCodec()
MORNING = datetime(2026, 4, 15, 9, tzinfo=UTC)
_AT_ONCE = 8  # stories


class Desk:
    """What is asked of the payments service for one story, in its tenant."""

    def __init__(self, running: Hosted, neighbours: Mapping[str, ServiceRuntime], tenant: str) -> None:
        self.running = running
        self.tenant = tenant
        self._neighbours = neighbours
        token = local_token(running.platform.settings, [Role.ADMIN], tenant, subject="tester")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._sent = 0

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        headers = {**self._headers, **options.pop("headers", {})}
        return await self.running.ask(method, f"/api/payments{path}", body, headers=headers, **options)

    async def every(self, path: str) -> list[Row]:
        found: list[Row] = (await self.ask("GET", f"{path}{'&' if '?' in path else '?'}limit=200"))["items"]
        return found

    # --- what happens ---

    async def play(self, step: Step) -> None:
        match step:
            case File835():
                self._sent += 1
                await self.send(step.content(self._sent))
            case Deed():
                await self.do(step)
            case Charges() | Then():
                return

    async def say(self, charges: Charges, service: str) -> None:
        for whose, event in said.of(charges):
            if whose == service:
                cause = Cause(tenant=self.tenant, actor="test", command_id=uuid4(), correlation_id="test")
                await self._neighbours[service].commands.handle(said.told, "x", event, cause)

    async def send(self, content: bytes) -> None:
        headers = {**self._headers, "Idempotency-Key": str(uuid4()), "Content-Type": "application/edi-x12"}
        answer = await self.running.http.post("/api/payments/remittances", content=content, headers=headers)
        assert answer.status_code == 201, answer.text

    async def do(self, deed: Deed) -> None:
        match deed.kind:
            case "dismiss":
                remittance_id = await self.id_of(deed.trace, "held")
                await self.ask("POST", f"/remittances/{remittance_id}/dismiss", {"reason": "payer-sent-another"})
            case "refund":
                body = {"refund_id": "refund-1", "to_party": deed.party, "amount_cents": deed.cents}
                path = f"/accounts/{deed.account_id}/refunds"
                await self.ask("POST", path, body)
                token = local_token(self.running.platform.settings, [Role.MANAGER], self.tenant, subject="second")
                await self.ask("POST", f"{path}/refund-1/approve", headers={"Authorization": f"Bearer {token}"})
            case "pay":
                await self.pay(deed)
            case "close":
                await self.ask("POST", f"/periods/{deed.day}/close", {})
            case _:
                path = f"/remittances/{await self.id_of(deed.trace)}"
                path += f"/claims/{deed.ordinal}" if deed.ordinal else ""
                body = {"claim_id": deed.account_id} if deed.kind == "match" else None
                await self.ask("POST", f"{path}/{deed.kind}", body)

    async def pay(self, deed: Deed) -> None:
        today = self.running.platform.clock.now().date()
        named = [{"account_id": deed.account_id, "amount_cents": deed.cents}] if deed.account_id else []
        body = {
            "payment_id": "payment-1",
            "patient_id": said.PATIENT,
            "amount_cents": deed.cents,
            "method": "card",
            "received_on": str(today),
            "accounts": named,
        }
        await self.ask("POST", "/patient-payments", body)

    async def id_of(self, trace: str, status: str = "posted") -> str:
        rows = await self.every(f"/remittances?status={status}")
        found: str = next(row["remittance_id"] for row in rows if row["trace_number"] == trace)
        return found

    # --- what is found ---

    async def found(self, events: Sequence[Any]) -> Found:
        remittances = await self.every("/remittances")
        details = [await self.ask("GET", f"/remittances/{each['remittance_id']}") for each in remittances]
        accounts = [await self.ask("GET", f"/accounts/{row['account_id']}") for row in await self.every("/accounts")]
        late = [row for row in await self.every("/postings?ledger=cash") if row["is_late"]]
        chains = await self.ask("GET", "/provider-adjustments/open")
        return Found(
            ledger=(await self.ask("GET", "/trial-balance"))["accounts"],
            remittances=remittances,
            claims=[claim for each in details for claim in each["claims"]],
            provider_adjustments=[
                {**row, "remittance_id": each["remittance"]["remittance_id"]}
                for each in details
                for row in each["provider_adjustments"]
            ],
            chains={each["clearing"]: each["open_cents"] for each in chains},
            accounts=[each["account"] for each in accounts],
            parties={
                each["account"]["account_id"]: {party["party"]: party["owed_cents"] for party in each["parties"]}
                for each in accounts
            },
            events=events,
            late=[
                f"cash {money(row['amount_cents'])} of {row['happened_on']} stands on {row['posted_on']}"
                for row in late
            ],
        )

    async def queues(self, found: Found) -> list[str]:
        """What waits for a person is what the story says waits."""
        wrong: list[str] = []
        for queue, outcome in (("held", "held"), ("unmatched", "unapplied")):
            waits = {(row["remittance_id"], row["ordinal"]) for row in await self.every(f"/queues/{queue}")}
            told = {(row["remittance_id"], row["ordinal"]) for row in found.claims if row["outcome"] == outcome}
            wrong += [f"queue {queue}: {waits ^ told}"] if waits != told else []
        return wrong


class Street:
    """All stories at the same time: a step of each, then everything comes to rest."""

    def __init__(self, running: Hosted, neighbours: Mapping[str, ServiceRuntime]) -> None:
        self.running = running
        self.desks = {
            story.title: (story, Desk(running, neighbours, f"story-{number}"))
            for number, story in enumerate(every_story(), start=1)
        }
        self.wrong: list[str] = []

    async def play(self) -> None:
        for steps in zip_longest(*(story.steps for story, _ in self.desks.values())):
            at_once = [
                (step, story, desk) for step, (story, desk) in zip(steps, self.desks.values(), strict=True) if step
            ]
            for service in reversed(said.NEIGHBOURS):  # who is responsible first, then what was charged
                for step, _, desk in at_once:
                    if isinstance(step, Charges):
                        await desk.say(step, service)
                await self.running.settle(120)
            if any(isinstance(step, Deed) and step.kind == "close" for step, _, _ in at_once):
                await self.pass_time()
            await self.of_all(desk.play(step) for step, _, desk in at_once)
            await self.running.settle(120)
            await self.compare([(step, story, desk) for step, story, desk in at_once if isinstance(step, Then)])

    async def again(self) -> None:
        """Every 835 once more: the same bytes, then the same in another envelope."""
        before = len(await self.running.events("payments"))
        await self.of_all(self.send(story, desk, 1) for story, desk in self.desks.values())
        await self.running.settle(120)
        assert len(await self.running.events("payments")) == before
        await self.of_all(self.send(story, desk, 901) for story, desk in self.desks.values())
        await self.running.settle(120)
        lasts = [(story.steps[-1], story, desk) for story, desk in self.desks.values()]
        await self.compare([(_of_money(step), story, desk) for step, story, desk in lasts if isinstance(step, Then)])

    async def send(self, story: Story, desk: Desk, first: int) -> None:
        for number, file in enumerate(files_of(story), start=first):
            await desk.send(file.content(number))

    async def compare(self, told: Sequence[tuple[Then, Story, Desk]]) -> None:
        events: defaultdict[str, list[Any]] = defaultdict(list)
        for stored in await self.running.events("payments"):
            events[stored.tenant].append(CODEC.decode(stored).event)

        async def one(then: Then, story: Story, desk: Desk) -> None:
            found = await desk.found(events[desk.tenant])
            short = [f"{trace} is {cents} cents short" for trace, cents in found.cents_short().items() if cents]
            wrong = [*differences(then, found), *short, *await desk.queues(found)]
            self.wrong += [f"{story.id}: {each}" for each in wrong]

        await self.of_all(one(*each) for each in told)

    async def of_all(self, work: Any) -> None:
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(each: Any) -> None:
            async with limit:
                await each

        await asyncio.gather(*(one(each) for each in work))

    async def pass_time(self) -> None:
        """A minute of business time, and until every reader has seen it pass: then what was recorded before is certain."""
        clock = self.running.platform.clock
        assert isinstance(clock, FileClock)
        moment = clock.now() + timedelta(minutes=1)
        clock.advance_to(moment)
        before, give_up = quote((moment - timedelta(seconds=1)).isoformat()), time.monotonic() + 60
        while (await self.running.http.get(f"/api/payments/balances?known_at={before}")).status_code == 409:
            assert time.monotonic() < give_up, "the reader's watermark does not follow the clock"
            await asyncio.sleep(0.05)


def _of_money(then: Then) -> Then:
    """A held one in another envelope is before a person again, dismissed or not: no cent moves."""
    kept = {name: then.sections.get(name, ()) for name in SECTIONS if name != "remittances"}
    return Then(sections=kept, is_last=False)


def _neighbour(name: str, known: dict[str, ServiceRuntime]) -> Callable[[ServiceRuntime], ServiceParts]:
    def build_it(runtime: ServiceRuntime) -> ServiceParts:
        known[name] = runtime
        return ServiceParts(aggregates=(said.told,), projections=(), policies=())

    return build_it


@pytest_asyncio.fixture(loop_scope="session")
async def street(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Street]:
    FileClock(tmp_path / "clock", MORNING)
    known: dict[str, ServiceRuntime] = {}
    builds = {name: _neighbour(name, known) for name in said.NEIGHBOURS}
    async with hosted(postgres_server, {**builds, "payments": build}, tmp_path, clock="driven") as running:
        yield Street(running, known)


@pytest.mark.asyncio
@pytest.mark.timeout(900)
async def test_every_story_ends_over_http_as_it_is_told(street: Street) -> None:
    await street.play()
    assert not street.wrong, "\n".join(street.wrong)
    await street.again()
    assert not street.wrong, "\n".join(street.wrong)
    report = await street.running.ask("GET", "/api/payments/ops/verify")
    assert report["ok"], [check for check in report["checks"] if check["violations"]]
