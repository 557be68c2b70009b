"""A small practice on running services: set up by its file, with a sandbox clearinghouse behind a folder."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy.crosschecks import between_services
from deploy.practice import read_practice
from deploy.sandbox.book import Book
from deploy.sandbox.clearinghouse import Sandbox
from deploy.services import build_of
from shared.codecs.x12.envelope import sniff
from shared.events.envelope import Stored
from shared.events.registry import SERVICES
from shared.runtime.clock import FileClock
from shared.testing.hosting import TENANT, Hosted, hosted
from shared.testing.infrastructure import PostgresServer

MORNING = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
PERSON = {
    "last": "STONE",
    "first": "IRIS",
    "birth_on": "1980-01-01",
    "sex": "F",
    "address": {"line_1": "9 OAK STREET", "city": "SPRINGFIELD", "state": "IL", "postal_code": "627040001"},
    "phone": "2175550199",
}
X12 = {"Content-Type": "application/edi-x12"}


@dataclass(slots=True, kw_only=True)
class Practice:
    """What a biller sees, and the world outside."""

    system: Hosted
    clock: FileClock
    sandbox: Sandbox
    inbox: Path

    async def set_up(self) -> None:
        for request in read_practice(Path("deploy/practices/river-clinic.yaml").read_text()):
            await self.system.ask("PUT", request.path, dict(request.body))
        await self.system.settle()

    async def register(self, patient: str, *payers: str) -> None:
        body = {"patient_id": patient, "medical_record_number": f"MRN-{patient}", "person": PERSON}
        await self.system.ask("POST", "/api/eligibility/patients", body)
        for rank, payer in enumerate(payers, start=1):
            coverage = {
                "coverage_id": f"{patient}-{payer}",
                "payer_reference": payer,
                "rank": rank,
                "member_number": f"{payer[:3].upper()}{patient.upper()}",
                "effective_on": "2020-01-01",
            }
            await self.system.ask("POST", f"/api/eligibility/patients/{patient}/coverages", coverage)

    async def merge(self, *, retired: str, survivor: str) -> None:
        body = {"retired_patient_id": retired}
        await self.system.ask("POST", f"/api/eligibility/patients/{survivor}/merge", body)
        await self.settle()

    async def charge(self, visit: str, patient: str, *lines: tuple[str, int]) -> None:
        """Charges of the visit on the clock's day: procedure and cents."""
        body = {
            "patient_id": patient,
            "charges": [
                {
                    "charge_id": f"{visit}-{number}",
                    "source_key": f"EHR|{visit}-{number}",
                    "service_on": self.clock.now().date().isoformat(),
                    "code": code,
                    "charged_cents": cents,
                    "diagnoses": ["J069"],
                    "rendering_reference": "ADAMS1",
                }
                for number, (code, cents) in enumerate(lines, start=1)
            ],
        }
        await self.system.ask("POST", f"/api/charges/encounters/{visit}/charges", body)

    async def live(self, days: int) -> None:
        """Let business time pass, and what the sandbox says reach its services."""
        for _ in range(days * 2):
            await self.settle()
            self.clock.advance_to(self.clock.now() + timedelta(hours=12))
        await self.settle()

    async def settle(self) -> None:
        """Until nothing is going on inside or outside."""
        while True:
            await self.system.settle()
            said = self.sandbox.step(self.clock.now())
            if not said and not await self.take_inbox():
                return

    async def take_inbox(self) -> bool:
        """Hand what the clearinghouse left to the service it is for, as the gateway does."""
        files = [file for file in sorted(self.inbox.glob("*")) if file.is_file() and not file.name.startswith(".")]
        for file in files:
            content = file.read_bytes()
            path = "/api/payments/remittances" if sniff(content) == "835" else "/api/claims/acknowledgements"
            await self.system.ask("POST", path, content=content, headers=X12)
            file.unlink()
        return bool(files)

    async def balances(self) -> dict[str, int]:
        answer = await self.system.ask("GET", "/api/payments/balances")
        return {party: cents for party, cents in answer["parties"].items() if cents}

    async def violations(self) -> list[Any]:
        found = []
        for service in self.system.hosts:
            report = await self.system.ask("GET", f"/api/{service}/ops/verify")
            found += [check for check in report["checks"] if check["violations"]]
        said = {
            service: [told(stored) for stored in await self.system.events(service)] for service in self.system.hosts
        }
        return found + [result for result in between_services(said) if result.violations]


def told(stored: Stored) -> dict[str, Any]:
    """An event as subscribers read it, as far as the checks between services look."""
    return {"type": stored.type, "subject": stored.stream, "data": json.loads(stored.data)}


@contextlib.asynccontextmanager
async def practice(
    server: PostgresServer, home: Path, *services: str, databases: Sequence[str] = (), **settings: Any
) -> AsyncIterator[Practice]:
    """The practice, set up, on a driven Monday morning."""
    outside = home / "outside" / "ledgerline"
    connection = {"transport": "folder", "outbox": str(outside / "outbound"), "inbox": str(outside / "inbound")}
    (home / "partners.json").write_text(json.dumps({TENANT: {"sandbox": connection}}))
    clock = FileClock(home / "clock", MORNING)
    outside.mkdir(parents=True)
    book = Book(home / "book.sqlite")
    builds = {name: build_of(name) for name in services or SERVICES}
    async with hosted(server, builds, home, databases=databases, clock="driven", **settings) as system:
        sandbox = Sandbox(home / "outside", book, seed=1)
        made = Practice(system=system, clock=clock, sandbox=sandbox, inbox=outside / "inbound")
        await made.set_up()
        yield made
    book.close()
