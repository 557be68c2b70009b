"""Do the stories of claims end as they are told when files really cross the wire?

Each story is played in a tenant of its own, by the claims and payments services on a real PostgreSQL, the edge that empties partners'
folders, and the sandbox clearinghouse, which takes every file in over SFTP and acknowledges it. What a story's partners and payers say is left in
their folders as files, instead of what the sandbox's own payers would say. Business time is one for all: a story waits for its day.

`make test` plays every fourth story, and those whose line breaks; LEDGERLINE_TEST_LONG=1 plays all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time as machine_time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import asyncssh
import pytest
import pytest_asyncio
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.routing import Mount

from deploy.front import gateway_of, service_client
from deploy.sandbox.book import Book
from deploy.sandbox.clearinghouse import ARCHIVE, SENT_BY_US, Sandbox
from deploy.sandbox.door import Door, open_door
from services.claims import main as claims_service
from services.claims.projections.claims_worklist import claims_worklist
from services.claims.projections.denial_queue import denial_queue
from services.claims.projections.directories import filing_limits
from services.claims.projections.held_messages import held_messages
from services.gateway.main import GatewayParts
from services.gateway.receipts import create_gateway_schema
from services.payments import main as payments_service
from services.payments.projections.claim_accounts import claim_account_parties, claim_accounts
from shared.codecs.x12.acknowledgement_999 import read_999
from shared.codecs.x12.envelope import sniff
from shared.events.base import Event
from shared.events.charges import EncounterCancelled
from shared.events.envelope import Recorded
from shared.runtime.clock import FileClock
from shared.runtime.codec import EventCodec
from shared.runtime.command import Cause
from shared.runtime.host import Build
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.runtime.queries import rows
from shared.runtime.service import ServiceParts, ServiceRuntime
from shared.runtime.timer_runner import TIMERS, PostgresTimerRows
from shared.testing.hosting import Hosted, hosted
from shared.testing.infrastructure import PostgresServer
from tests.golden import said
from tests.golden.billing import POST, listed
from tests.golden.claim_found import FoundClaims
from tests.golden.claim_story import (
    PARTNERS,
    US,
    Again,
    Answer,
    Cancelled,
    Day,
    Deed,
    Leave,
    Limit,
    Mail,
    Print,
    Step,
    Terms,
    correction_of,
    every_story,
)
from tests.golden.found import Row, differences
from tests.golden.reading import Story, Then
from tests.golden.story import Charges, File835

CODEC = EventCodec()
MORNING = datetime(2026, 4, 15, 9, tzinfo=UTC)
PLAYED = ("claims", "payments")
IS_LONG = bool(os.environ.get("LEDGERLINE_TEST_LONG"))
SHARE = 4
_LINES_AT_ONCE = 16  # tenants whose partners are reached at the same time
_AT_ONCE = 8  # requests
_TROUBLES = 2  # how often a line is down before it is up again
_SETTLE_SECONDS = 240


@dataclass(slots=True)
class Troubles:
    """Which accounts have a line that is down, and how often it still fails."""

    kinds: dict[str, str] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)

    def begin(self, account: str, kind: str) -> None:
        self.kinds[account], self.left[account] = kind, _TROUBLES

    def strike(self, account: str, kind: str) -> bool:
        if self.kinds.get(account) != kind or not self.left[account]:
            return False
        self.left[account] -= 1
        return True

    def overcome(self) -> set[str]:
        """Tenants that reached a partner in spite of all of it."""
        over = {account for account, kind in self.kinds.items() if kind and not self.left[account]}
        return {account.rpartition("-")[0] for account in over}


class Line(asyncssh.SFTPServer):
    """A partner's side of a connection, which breaks where a story says so."""

    def __init__(self, troubles: Troubles, channel: Any, chroot: bytes) -> None:
        super().__init__(channel, chroot=chroot)
        self._troubles = troubles

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        self._break_if("no line")
        return super().open(path, pflags, attrs)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().posix_rename(oldpath, newpath)
        self._break_if("no receipt")

    def _break_if(self, kind: str) -> None:
        if self._troubles.strike(self.channel.get_extra_info("username"), kind):
            self.channel.get_connection().abort()
            raise asyncssh.SFTPConnectionLost("the line is down")


@dataclass(slots=True, kw_only=True)
class Town:
    """What all stories share: the services, the edge, and the clearinghouse with its folders."""

    running: Hosted
    runtimes: Mapping[str, ServiceRuntime]
    edge: GatewayParts
    clock: FileClock
    door: Door
    partners: Path  # the sandbox's folders, one an account
    connections: Path  # the claims service's file of partners that it may reach now
    edge_connections: Path
    sandbox: Sandbox
    book: Book
    troubles: Troubles
    timers: Sequence[PostgresTimerRows]
    words: defaultdict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))  # the sandbox's own

    async def settle(self) -> None:
        await self.running.settle(_SETTLE_SECONDS)

    async def say(self, tenant: str, service: str, event: Event) -> None:
        cause = Cause(tenant=tenant, actor="test", command_id=uuid4(), correlation_id="test")
        await self.runtimes[service].commands.handle(said.told, "x", event, cause)

    async def table(self, service: str, tenant: str, table: sa.Table) -> list[Row]:
        async with self.runtimes[service].reads.read(tenant) as connection:
            return [dict(row) for row in await rows(connection, sa.select(table))]

    async def events(self, tenants: Iterable[str]) -> Mapping[str, list[Recorded[Any]]]:
        """Of each of these tenants: what claims recorded, then what payments did."""
        found: dict[str, list[Recorded[Any]]] = {tenant: [] for tenant in tenants}
        for service in PLAYED:
            for stored in await self.running.events(service):
                if stored.tenant in found:
                    found[stored.tenant].append(CODEC.decode(stored))
        return found

    async def open_lines(self, tenants: Sequence[str]) -> None:
        """Let claims leave for the partners of these tenants, and the clearinghouse take them in."""
        for start in range(0, len(tenants), _LINES_AT_ONCE):
            at_once = tenants[start : start + _LINES_AT_ONCE]
            _connect(self.connections, self._letters(product(at_once, PARTNERS)))
            await self.settle()
        _connect(self.connections, {})
        self.sandbox.take_all(self.clock.now())
        for output in self.book.unsaid():
            self.words[output.partner].append(output.content)
            self.book.was_said(output)

    async def deliver(self, files: Sequence[tuple[str, str, str, bytes]]) -> None:
        """Leave files (tenant, partner, name, content) in partners' folders, and let the edge find them."""
        for tenant, partner_id, name, content in files:
            (self._folder(tenant, partner_id) / SENT_BY_US / name).write_bytes(content)
        _connect(self.edge_connections, self._letters({(tenant, partner_id) for tenant, partner_id, *_ in files}))
        give_up = machine_time.monotonic() + _SETTLE_SECONDS
        while left := [name for tenant, partner_id, name, _ in files if name in self.waiting(tenant, partner_id)]:
            assert machine_time.monotonic() < give_up, f"nobody takes in {left}"
            for task in self.edge.tasks:
                await task.step()
        await self.settle()
        assert await self.edge.is_quiet()

    def waiting(self, tenant: str, partner_id: str) -> list[str]:
        return [file.name for file in (self._folder(tenant, partner_id) / SENT_BY_US).iterdir() if file.is_file()]

    def files(self, tenant: str) -> dict[tuple[str, str], bytes]:
        """What reached the partners, as they keep it."""
        return {
            (partner_id, file.name): file.read_bytes()
            for partner_id in PARTNERS
            for file in (self._folder(tenant, partner_id) / ARCHIVE).iterdir()
        }

    def faults(self, tenant: str) -> list[str]:
        """A file that the clearinghouse did not accept, whole: its number was used before, or something in it is wrong."""
        return [
            f"{partner_id} did not accept a file: {content.decode()}"
            for partner_id in PARTNERS
            for content in self.words[account_of(tenant, partner_id)]
            if not _accepts(content)
        ]

    def _letters(self, accounts: Iterable[tuple[str, str]]) -> dict[str, dict[str, Any]]:
        letters: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for tenant, partner_id in accounts:
            letters[tenant][partner_id] = self.door.letter(account_of(tenant, partner_id))
        return letters

    def _folder(self, tenant: str, partner_id: str) -> Path:
        return self.partners / account_of(tenant, partner_id)

    async def next_due(self) -> datetime | None:
        due = [await timers.next_due(None, None) for timers in self.timers]
        return min((moment for moment in due if moment is not None), default=None)


def account_of(tenant: str, partner_id: str) -> str:
    return f"{tenant}-{partner_id}"


def _connect(file: Path, connections: Mapping[str, Any]) -> None:
    fresh = file.with_suffix(".fresh")
    fresh.write_text(json.dumps(connections))
    fresh.replace(file)


def _accepts(content: bytes) -> bool:
    if sniff(content) == "TA1":
        return b"*A*000~" in content
    return all(answer.is_accepted for group in read_999(content) for answer in group.sets)


class Desk:
    """One story: what happens in its tenant, and what is found there."""

    def __init__(self, town: Town, story: Story, tenant: str) -> None:
        self.town = town
        self.story = story
        self.tenant = tenant
        self.steps = list(story.steps)
        self._came: list[tuple[str, bytes]] = []  # answers and 835s, by the partner who left them
        self._files = 0
        self._covered: dict[str, Event] = {}  # what eligibility said last of each account

    async def open(self) -> None:
        for partner_id in PARTNERS:
            self.town.door.open_account(account_of(self.tenant, partner_id))
            await self.list_partner(Terms(partner_id=partner_id, claims_per_batch=500, claims_per_set=50))
        await self._ask("PUT", f"/partners/{POST}", {"name": "The post", "transport": "paper"})

    def is_ready(self, now: datetime) -> bool:
        step = self.steps[0]
        return not isinstance(step, Day) or _morning_of(step) <= now

    # --- what happens ---

    def news(self, step: Step) -> Iterator[tuple[str, Event]]:
        """What neighbours say, each event with its service. The same coverages again are no news to eligibility."""
        match step:
            case Charges():
                for service, event in said.of(step):
                    if service != "eligibility" or self._covered.get(step.account_id) != event:
                        yield service, event
                    if service == "eligibility":
                        self._covered[step.account_id] = event
            case Cancelled():
                encounter_id = said.encounter_of(step.account_id)
                yield "charges", EncounterCancelled(encounter_id=encounter_id, reason="cancelled")
            case Limit():
                yield "eligibility", listed(step)
            case _:
                return

    async def list_partner(self, terms: Terms) -> None:
        name = PARTNERS[terms.partner_id]
        body = {
            "name": f"{name} CLEARING",
            "transport": "sftp",
            "sender_id": US,
            "receiver_id": name,
            "claims_per_batch_max": terms.claims_per_batch,
            "claims_per_set_max": terms.claims_per_set,
        }
        await self._ask("PUT", f"/partners/{terms.partner_id}", body)

    def file_of(self, step: Answer | File835 | Again) -> tuple[str, str, str, bytes]:
        """Whose file, under which name, with which bytes. An 835 comes by way of the first partner."""
        self._files += 1
        match step:
            case Again():
                partner_id, content = self._came[-1]
            case Answer():
                partner_id, content = step.partner_id, step.content(self._files)
            case File835():
                partner_id, content = next(iter(PARTNERS)), step.content(self._files)
        self._came.append((partner_id, content))
        return self.tenant, partner_id, f"{self._files:04d}.{sniff(content) or 'x12'}", content

    def trouble(self, step: Leave) -> None:
        for partner_id in PARTNERS:
            self.town.troubles.begin(account_of(self.tenant, partner_id), step.trouble)

    async def work(self, step: Print | Mail | Deed) -> None:
        match step:
            case Print():
                await self._ask("POST", f"/partners/{POST}/print")
            case Mail():
                body = {"mailed_on": str(step.on)}
                await self._ask("POST", f"/batches/{step.batch_id}/mailed", body, refused=step.refused)
            case Deed(kind="hold" | "void" | "close"):
                await self._of_claim(step, step.kind, {"reason": step.word})
            case Deed(kind="release"):
                await self._of_claim(step, "release")
            case Deed(kind="correct"):
                await self._of_claim(step, "correct", correction_of(step))
            case Deed(kind="next"):
                await self._of_claim(step, "next-payer")
            case Deed():
                await self._of_denial(step)

    async def _of_claim(self, deed: Deed, what: str, body: Any = None) -> None:
        await self._ask("POST", f"/claims/{deed.claim_id}/{what}", body, refused=deed.refused)

    async def _of_denial(self, deed: Deed) -> None:
        group, _, reason = deed.denial.partition("-")
        told = (deed.claim_id, group, reason)
        found = await self.town.table("claims", self.tenant, denial_queue)
        row = next(row for row in found if (row["claim_id"], row["reason_group"], row["reason"]) == told)
        what, body = {
            "resolve": ("resolve", {"outcome": deed.word}),
            "write off": ("write-off", {"reason": deed.word}),
            "approve": ("write-off/approve", None),
            "refuse": ("write-off/refuse", {"reason": deed.word}),
            "appeal": ("appeal", {"level": deed.word}),
            "decide": ("decide", {"level": row["appeal_level"], "outcome": deed.word}),
        }[deed.kind]
        who = "manager" if deed.kind in ("approve", "refuse") else "biller"
        await self._ask("POST", f"/denials/{row['denial_id']}/{what}", body, refused=deed.refused, who=who)

    async def _ask(self, method: str, path: str, body: Any = None, *, refused: str = "", who: str = "biller") -> None:
        token = local_token(self.town.running.platform.settings, [Role.ADMIN], self.tenant, subject=who)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": uuid4().hex}
        answer = await self.town.running.http.request(method, f"/api/claims{path}", json=body, headers=headers)
        code = "" if answer.is_success else answer.json()["code"]
        assert code == refused, f"{self.story.id}: {method} {path}: {answer.status_code} {answer.text[:500]}"

    # --- what is found ---

    async def found(self, events: Sequence[Recorded[Any]]) -> FoundClaims:
        town, tenant = self.town, self.tenant
        accounts = [row for row in await town.table("payments", tenant, claim_accounts) if row["release"] > 0]
        parties: dict[str, dict[str, int]] = {row["account_id"]: {} for row in accounts}
        for row in await town.table("payments", tenant, claim_account_parties):
            parties.setdefault(row["account_id"], {})[row["party"]] = row["owed_cents"]
        return FoundClaims(
            claims=await town.table("claims", tenant, claims_worklist),
            denials=await town.table("claims", tenant, denial_queue),
            timers=await town.table("claims", tenant, TIMERS),
            held=await town.table("claims", tenant, held_messages),
            limits=await town.table("claims", tenant, filing_limits),
            accounts=accounts,
            parties=parties,
            events=events,
            files=town.files(tenant),
        )


def played() -> list[Story]:
    """The stories of this run, of every file some."""
    return [
        story for number, story in enumerate(every_story()) if IS_LONG or number % SHARE == 0 or _has_trouble(story)
    ]


def _has_trouble(story: Story) -> bool:
    return any(isinstance(step, Leave) and step.trouble for step in story.steps)


class Street:
    """All stories at the same time: a step of each, then everything comes to rest."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.desks = [Desk(town, story, f"story-{number}") for number, story in enumerate(played(), start=1)]
        self.wrong: list[str] = []

    async def play(self) -> None:
        await _side_by_side(desk.open() for desk in self.desks)
        await self.town.settle()
        while going_on := [desk for desk in self.desks if desk.steps]:
            ready = [desk for desk in going_on if desk.is_ready(self.town.clock.now())]
            if ready:
                await self._round([(desk, desk.steps.pop(0)) for desk in ready])
            else:
                await self._wait_until(min(_morning_of(desk.steps[0]) for desk in going_on))

    async def _round(self, steps: Sequence[tuple[Desk, Step]]) -> None:
        await self._hear_neighbours(steps)
        await self._work(desk.list_partner(step) for desk, step in steps if isinstance(step, Terms))
        await self._work(desk.work(step) for desk, step in steps if isinstance(step, Print | Mail | Deed))
        if leaving := [(desk, step) for desk, step in steps if isinstance(step, Leave)]:
            for desk, step in leaving:
                desk.trouble(step)
            await self.town.open_lines([desk.tenant for desk, _ in leaving])
        if files := [desk.file_of(step) for desk, step in steps if isinstance(step, Answer | File835 | Again)]:
            await self.town.deliver(files)
        await self._compare([(desk, step) for desk, step in steps if isinstance(step, Then)])

    async def _work(self, work: Iterable[Awaitable[None]]) -> None:
        if todo := list(work):
            await _side_by_side(todo)
            await self.town.settle()

    async def _hear_neighbours(self, steps: Sequence[tuple[Desk, Step]]) -> None:
        """Who is responsible first, then what was charged."""
        told = [(desk.tenant, *each) for desk, step in steps for each in desk.news(step)]
        for service in reversed(said.NEIGHBOURS):
            await self._work(self.town.say(*each) for each in told if each[1] == service)

    async def _wait_until(self, moment: datetime) -> None:
        """Let time pass, and whatever falls due on the way happen when it is due."""
        clock = self.town.clock
        while (due_at := await self.town.next_due()) is not None and due_at <= moment:
            clock.advance_to(max(due_at, clock.now()))
            await self.town.settle()
        clock.advance_to(moment)
        await self.town.settle()

    async def _compare(self, told: Sequence[tuple[Desk, Then]]) -> None:
        events = await self.town.events(desk.tenant for desk, _ in told) if told else {}
        for desk, then in told:
            found = await desk.found(events[desk.tenant])
            wrong = [*differences(then, found), *found.faults(), *self.town.faults(desk.tenant)]
            self.wrong += [f"{desk.story.id}: {each}" for each in wrong]


def _morning_of(step: Any) -> datetime:
    assert isinstance(step, Day)
    return datetime.combine(step.on, time(9), UTC)


async def _side_by_side(work: Iterable[Awaitable[None]]) -> None:
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(each: Awaitable[None]) -> None:
        async with limit:
            await each

    await asyncio.gather(*(one(each) for each in work))


def _known(name: str, known: dict[str, ServiceRuntime], build: Build) -> Build:
    def build_it(runtime: ServiceRuntime) -> ServiceParts:
        known[name] = runtime
        return build(runtime)

    return build_it


def _neighbour(runtime: ServiceRuntime) -> ServiceParts:
    return ServiceParts(aggregates=(said.told,), projections=(), policies=())


@contextlib.asynccontextmanager
async def edge_of(running: Hosted) -> AsyncIterator[GatewayParts]:
    """The edge over these services, whose tasks run when somebody steps them."""
    platform = running.platform
    app = Starlette(routes=[Mount(f"/api/{name}", app=host.app) for name, host in running.hosts.items()])
    await create_gateway_schema(platform.settings.dsn("gateway", "owner"))
    async with service_client(platform.settings, app) as client:
        edge = gateway_of(platform, client)
        try:
            yield edge
        finally:
            await edge.close()


@pytest_asyncio.fixture(loop_scope="session")
async def town(postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Town]:
    connections, edge_connections = tmp_path / "partners.json", tmp_path / "partners-of-the-edge.json"
    monkeypatch.setenv("LEDGERLINE_GATEWAY_PARTNERS_FILE", str(edge_connections))
    known: dict[str, ServiceRuntime] = {}
    builds = dict.fromkeys(said.NEIGHBOURS, _neighbour) | {
        "claims": claims_service.build,
        "payments": payments_service.build,
    }
    partners, troubles = tmp_path / "partners", Troubles()
    book = Book(tmp_path / "book.sqlite")
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(book.close)
        clock = FileClock(tmp_path / "clock", MORNING)
        running = await stack.enter_async_context(
            hosted(
                postgres_server,
                {name: _known(name, known, build) for name, build in builds.items()},
                tmp_path,
                databases=("gateway",),
                clock="driven",
            )
        )
        pools = [
            await stack.enter_async_context(asyncpg.create_pool(running.platform.settings.dsn(service), min_size=1))
            for service in PLAYED
        ]
        yield Town(
            running=running,
            runtimes=known,
            edge=await stack.enter_async_context(edge_of(running)),
            clock=clock,
            door=await stack.enter_async_context(open_door(tmp_path, partners, 0, partial(Line, troubles))),
            partners=partners,
            connections=connections,
            edge_connections=edge_connections,
            sandbox=Sandbox(partners, book, seed=1),
            book=book,
            troubles=troubles,
            timers=[PostgresTimerRows(pool) for pool in pools],
        )


@pytest.mark.asyncio
@pytest.mark.timeout(1800 if IS_LONG else 900)
async def test_every_story_ends_over_the_wire_as_it_is_told(town: Town) -> None:
    street = Street(town)
    await street.play()
    assert not street.wrong, "\n".join(street.wrong)
    assert town.troubles.overcome() == {desk.tenant for desk in street.desks if _has_trouble(desk.story)}
    for service in PLAYED:
        report = await town.running.ask("GET", f"/api/{service}/ops/verify")
        assert report["ok"], [check for check in report["checks"] if check["violations"]]
