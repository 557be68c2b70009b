"""The whole system as `ledgerline demo` leaves it, with three denials and a held remittance, and a Chromium that looks at it.

Without a browser these tests are skipped with the reason, or fail when LEDGERLINE_REQUIRE_BROWSER=1.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from deploy.client import Client
from deploy.demo.player import Player
from deploy.state import CHECKOUT, State
from deploy.supervisor import password_of
from shared.runtime.identity.directory import Directory
from shared.runtime.store.migrate import OWNER
from tests.e2e.machine import started

PICTURES = CHECKOUT / "build" / "pictures"
PATIENTS, DAYS = 20, 30
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=30_000)  # a busy machine is slow, not wrong
A_RULE = {
    "name": "Nobody's claim",
    "when": {"property": "claim.rank", "operator": "more-than", "value": 9},
    "action": "warn",
    "message": "never said",
    "fix": "never done",
}
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The system that is looked at, and what was put into it."""

    home: Path
    state: State
    client: Client
    denied: list[dict[str, Any]]  # claims that a payer refused, as they were before
    held_remittance_id: str
    underpaid_id: str  # a line that a payer allowed less for than its contract says

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.state.port}"

    def password(self, user: str) -> str:
        return next(login.password for login in Directory(self.home).demo_logins() if login.user == user)

    def send_835(self, content: bytes) -> list[dict[str, Any]]:
        """Take in a file as a poster does."""
        received: list[dict[str, Any]] = self.send(
            "/api/payments/remittances", content, "application/edi-x12", user="poster"
        )
        return received

    def send(self, path: str, content: bytes, media_type: str, *, user: str) -> Any:
        with httpx.Client(base_url=self.url, timeout=60) as http:
            form = {"grant_type": "password", "username": user, "password": self.password(user)}
            token = http.post("/oauth/token", data=form).json()["access_token"]
            headers = {
                "Authorization": f"Bearer {token}",
                "Idempotency-Key": os.urandom(8).hex(),
                "Content-Type": media_type,
            }
            answer = http.post(path, content=content, headers=headers)
            assert answer.status_code == 201, answer.text
            return answer.json()

    def deny_another(self) -> dict[str, Any]:
        """A claim that waited for its payer and was refused just now, its denial open."""
        waiting = self.client.get("/api/claims/claims", status="accepted", limit=100)["items"]
        claim: dict[str, Any] = next(each for each in waiting if each["rank"] == 1 and each["frequency"] == "1")
        self.deny(claim)
        _until_denied(self.client, [claim])
        return claim

    @contextlib.contextmanager
    def stopped(self, service: str, reader: str) -> Iterator[None]:
        """A reader that does not work: somebody who does nothing holds its lease."""
        take = "update readers set owner = 'nobody', epoch = epoch + 1, lease_until = now() + interval '1 hour' where reader = $1"
        give = "update readers set owner = null, lease_until = '-infinity' where reader = $1"

        async def run(statement: str) -> None:
            connection = await asyncpg.connect(
                host="127.0.0.1",
                port=self.state.postgres_port,
                user=OWNER,
                password=password_of(self.home, OWNER),
                database=f"ledgerline_{service}",
            )
            await connection.execute(statement, reader)
            await connection.close()

        with ThreadPoolExecutor(1) as thread:  # the browser has the event loop of this one
            thread.submit(asyncio.run, run(take)).result()
            try:
                yield
            finally:
                thread.submit(asyncio.run, run(give)).result()

    def deny(self, claim: dict[str, Any]) -> None:
        """The payer refuses all of a claim for want of an authorisation (CO-197)."""
        cents = claim["charged_cents"]
        charged = _told(cents)
        body = f"CLP*{claim['claim_id']}*4*{charged}*0**12*ICN~CAS*CO*197*{charged}~"
        [received] = self.send_835(an_835(body, "0"))
        assert received["outcome"] == "accepted", received

    def underpay(self) -> str:
        """A line of a claim that waits is allowed half of what the payer's contract says: what was found about it."""
        waiting = self.client.get("/api/claims/claims", status="accepted", limit=100)["items"]
        claim = next(each for each in waiting if each["rank"] == 1 and each["frequency"] == "1")
        payer_id = claim["payer_id"]
        contract = {
            "contract_id": "whole",
            "name": "Whole charge",
            "effective_from": "2020-01-01",
            "terms": [{"rule": "percent-of-charge", "percent": "100"}],
            "tolerance_cents": 100,
            "tolerance_percent": "0",
        }
        self.client.post(f"/api/payments/payers/{payer_id}/contracts", contract)
        charged = claim["charged_cents"]
        lines = self.client.get(f"/api/claims/claims/{claim['claim_id']}")["lines"]
        segments = "".join(_half_allowed(line) for line in lines)
        allowed = charged - sum(line["charged_cents"] // 2 for line in lines)
        body = f"CLP*{claim['claim_id']}*1*{_told(charged)}*{_told(allowed)}**12*ICN~{segments}"
        [received] = self.send_835(an_835(body, _told(allowed)))
        assert received["outcome"] == "accepted", received
        give_up = time.monotonic() + 120
        while not (found := self.client.get("/api/payments/variances", payer_id=payer_id)["items"]):
            assert time.monotonic() < give_up, "nothing was found of a line that was paid by half"
            time.sleep(0.1)
        return str(found[0]["variance_id"])


def _half_allowed(line: dict[str, Any]) -> str:
    charged, less = line["charged_cents"], line["charged_cents"] // 2
    code = ":".join(["HC", line["procedure_code"], *line.get("modifiers", [])])
    day = str(line["service_on"]).replace("-", "")
    return (
        f"SVC*{code}*{_told(charged)}*{_told(charged - less)}**{line['units']}~DTM*472*{day}~"
        f"CAS*CO*45*{_told(less)}~REF*6R*{line['line_id']}~"
    )


def _told(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def an_835(body: str, payment: str) -> bytes:
    """One remittance of one interchange with a trace number of its own; `body` are the segments of its claims."""
    trace = os.urandom(6).hex().upper()
    day = datetime.now(UTC).strftime("%Y%m%d")
    isa = (
        f"ISA*00*          *00*          *ZZ*PAYER          *ZZ*PRACTICE       *{day[2:]}*1200*^*00501*000000001*0*P*:~"
    )
    text = (
        f"ST*835*0001~BPR*I*{payment}*C*ACH*CCP*01*999999999*DA*123*1512345678**01*999988880*DA*98765*{day}~"
        f"TRN*1*{trace}*1512345678~DTM*405*{day}~N1*PR*A Payer*XV*60054~N3*1 Main~N4*Hartford*CT*06101~"
        f"PER*BL*Help*TE*8005551212~N1*PE*Practice*XX*1999999984~LX*1~{body}"
    )
    tail = f"SE*{text.count('~') + 1}*0001~GE*1*1~IEA*1*000000001~"
    return f"{isa}GS*HP*PAYER*PRACTICE*{day}*1200*1*X*005010X221A1~{text}{tail}".encode()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The program. Asked for first, so that nothing is started where there is none."""
    found = os.environ.get("LEDGERLINE_CHROMIUM") or next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        reason = "no Chromium on this machine: `make browser` installs one on Debian, as root"
        if os.environ.get("LEDGERLINE_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def system(chromium: str) -> Iterator[System]:
    with started("postgres", days=DAYS) as (home, state), Client(home, state) as client:
        Player(client, state, patients=PATIENTS, days=DAYS, seed=11).play(lambda done, total: None)
        waiting = client.get("/api/claims/claims", status="accepted", limit=100)["items"]
        denied = [claim for claim in waiting if claim["rank"] == 1 and claim["frequency"] == "1"][:3]
        made = System(home=home, state=state, client=client, denied=denied, held_remittance_id="", underpaid_id="")
        assert len(denied) == 3, "the practice left too few claims without an answer"
        for claim in denied:
            made.deny(claim)
        [held] = made.send_835(an_835(f"CLP*{denied[0]['claim_id']}*1*100*80**12*X~CAS*CO*45*20~", "90"))
        assert held["outcome"] == "held", held
        _until_denied(client, denied)
        client.post("/api/claims/claim-rules/own-first", A_RULE)
        schedule = "/api/payments/fee-schedules/usual/amounts?name=Usual&effective_from=2020-01-01"
        made.send(schedule, b"procedure_code,modifiers,place,amount\n99213,,,130.00\n", "text/csv", user="manager")
        yield replace(made, held_remittance_id=held["remittance_id"], underpaid_id=made.underpay())


def _until_denied(client: Client, denied: list[dict[str, Any]]) -> None:
    """A denial is opened by a policy behind the remittance."""
    give_up = time.monotonic() + 120
    for claim in denied:
        while not client.get("/api/claims/denials", claim_id=claim["claim_id"])["items"]:
            assert time.monotonic() < give_up, "no denial came of a remittance"
            time.sleep(0.1)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield running
        running.close()


@dataclass(frozen=True, slots=True)
class Heard:
    """A message of a stream."""

    event: str
    id: str
    data: str


class Person:
    """Somebody at a browser, logged in, and what their browser complained of."""

    def __init__(self, system: System, context: BrowserContext) -> None:
        self.system = system
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def log_in(self, user: str) -> Person:
        self.page.goto(f"{self.system.url}/login")
        self.page.fill("[name=user]", user)
        self.page.fill("[name=password]", self.system.password(user))
        self.page.click("button.primary")
        self.page.wait_for_url(lambda url: "/login" not in url)
        return self

    def heard(self, path: str, last_id: str = "", *, until: str = "pulse") -> list[Heard]:
        """The messages of a stream from where it was left, as a browser asks that lost it, up to one of this name."""
        cookies = {each["name"]: each["value"] for each in self.page.context.cookies()}
        headers = {"Last-Event-ID": last_id} if last_id else {}
        found: list[Heard] = []
        with (
            httpx.Client(base_url=self.system.url, cookies=cookies, timeout=60) as http,
            http.stream("GET", path, headers=headers) as answer,
        ):
            assert answer.status_code == 200, path
            fields: dict[str, list[str]] = {}
            for line in answer.iter_lines():
                name, _, value = line.partition(": ")
                if name:
                    fields.setdefault(name, []).append(value)
                elif fields:
                    found += (
                        [Heard(fields["event"][0], fields["id"][0], "\n".join(fields["data"]))]
                        if "event" in fields
                        else []
                    )
                    fields = {}
                if found and found[-1].event == until:
                    break
        return found

    def go(self, path: str) -> Page:
        answer = self.page.goto(f"{self.system.url}{path}")
        assert answer is not None and answer.status == 200, f"{path}: {answer and answer.status}"
        return self.page


@pytest.fixture
def people(system: System, browser: Browser) -> Iterator[Any]:
    """people("biller") is somebody of that role; options are those of a browser context."""
    contexts: list[BrowserContext] = []

    def somebody(role: str, **options: Any) -> Person:
        context = browser.new_context(**({"viewport": {"width": 1440, "height": 900}} | options))
        context.set_default_timeout(30_000)
        contexts.append(context)
        return Person(system, context).log_in(role)

    yield somebody
    for context in contexts:
        context.close()
