"""An 835 of thousands of claims: from its upload until the balances are right, by part.

The whole payments service on a durable server, its neighbours' facts told first. What may dominate is the ledger's appends. The
yardstick is reading the same file alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from services.payments.adapters.x12_remittance import read_remittances
from services.payments.main import build
from shared.events.base import Event, Sealed
from shared.events.charges import ChargesReleased
from shared.events.eligibility import CoverageSelected
from shared.events.values import (
    ChargeLine,
    CoverageSnapshot,
    FacilityIdentity,
    Person,
    PersonName,
    ProviderIdentity,
)
from shared.kernel.decider import Decider
from shared.kernel.identifiers import account_id_of, claim_id_of
from shared.runtime.command import Aggregate, Cause
from shared.runtime.service import ServiceParts, ServiceRuntime
from shared.testing.hosting import TENANT, Hosted, hosted
from shared.testing.infrastructure import PostgresServer
from tests.benchmarks import files
from tests.benchmarks.measurement import Row, run_alone
from tests.benchmarks.rounds import seconds_of
from tests.benchmarks.sampling import Profile, profiled

CLAIMS = 10_000
_SERVICE_ON = date(2026, 3, 2)
_AT_ONCE = 50
_LOOK_SECONDS = 0.1
_GIVE_UP_SECONDS = 900.0
_PRACTICE = ProviderIdentity(provider_id="p", npi="1999999984", last_or_organisation="Practice")
_FACILITY = FacilityIdentity(facility_id="f", name="Clinic", place_of_service="11")

_told: Aggregate = Aggregate(
    name="told", decider=Decider(decide=lambda event, _: [event], evolve=lambda state, _: state, initial=None)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """Seconds since the upload began."""

    answered: float
    balances_right: float
    quiet: float
    parse: float  # alone, before and after
    events: int
    last_recorded: Mapping[str, float]  # by event type
    profile: Profile


async def run(dsn: str, *, claims: int = CLAIMS, tell: Callable[[str], None] = lambda phase: None) -> list[Row]:
    server = PostgresServer(url=dsn, backend="the server of the benches")
    try:
        async with _payments(server) as (running, neighbours):
            tell("charges and coverages are told")
            await _tell_all(running, neighbours, claims)
            tell("the 835 is posted")
            upload = await _uploaded(running, claims)
    finally:
        for template in server.templates.values():
            await server.drop(template)
    return [_row(upload, claims)]


def _row(upload: Upload, claims: int) -> Row:
    times = {name: f"{seconds:.1f} s" for name, seconds in upload.last_recorded.items()}
    return Row(
        name=f"an 835 of {claims:,} claims: upload to balances right",
        measured=f"{upload.balances_right:.1f} s ({claims / upload.balances_right:,.0f} claims/s)",
        yardstick=f"its parse alone: {upload.parse:.2f} s of CPU",
        ratio=upload.parse / upload.balances_right,
        goal=None,
        parts={
            "file kept, read, balanced, received; 201 answered": f"{upload.answered:.2f} s",
            **{f"last {name}": when for name, when in times.items()},
            "balances right": f"{upload.balances_right:.1f} s",
            "every reader quiet": f"{upload.quiet:.1f} s, {upload.events:,} events",
            **upload.profile.shares(),
        },
    )


Neighbours = dict[str, ServiceRuntime]


@contextlib.asynccontextmanager
async def _payments(server: PostgresServer) -> AsyncIterator[tuple[Hosted, Neighbours]]:
    known: Neighbours = {}

    def neighbour(name: str) -> Callable[[ServiceRuntime], ServiceParts]:
        def build_it(runtime: ServiceRuntime) -> ServiceParts:
            known[name] = runtime
            return ServiceParts(aggregates=(_told,), projections=(), policies=())

        return build_it

    builds = {name: neighbour(name) for name in ("charges", "eligibility")}
    with tempfile.TemporaryDirectory(prefix="ledgerline-bench-home-") as home:
        async with hosted(server, {**builds, "payments": build}, Path(home)) as running:
            yield running, known


# --- what happened before the payer answered --------------------------------------------------------------------------


async def _tell_all(running: Hosted, neighbours: Neighbours, claims: int) -> None:
    await _in_batches(lambda number: _tell(neighbours["charges"], number, _released(number)), claims)
    await _in_batches(lambda number: _tell(neighbours["eligibility"], number, _covered(number)), claims)
    await running.settle(_GIVE_UP_SECONDS)
    assert await _balances(running) == {"payer:1": sum(sum(files.charges_of(number)) for number in range(claims))}


async def _in_batches(do: Callable[[int], Awaitable[None]], count: int) -> None:
    for first in range(0, count, _AT_ONCE):
        await asyncio.gather(*(do(number) for number in range(first, min(first + _AT_ONCE, count))))


async def _tell(neighbour: ServiceRuntime, number: int, event: Event) -> None:
    cause = Cause(tenant=TENANT, actor="bench", command_id=uuid4(), correlation_id="bench")
    await neighbour.commands.handle(_told, str(number), event, cause)


def _account(number: int) -> str:
    return account_id_of(f"encounter-{number}")


def _released(number: int) -> ChargesReleased:
    cents = files.charges_of(number)
    return ChargesReleased(
        encounter_id=f"encounter-{number}",
        account_id=_account(number),
        patient_id=f"patient-{number}",
        release=1,
        service_on=_SERVICE_ON,
        organization=_PRACTICE,
        rendering=_PRACTICE,
        facility=_FACILITY,
        diagnoses=("J069",),
        lines=tuple(
            ChargeLine(
                line_id=f"L{ordinal}",
                charge_id=f"c{number}-{ordinal}",
                service_on=_SERVICE_ON,
                procedure_code=f"9921{ordinal}",
                units="1",
                charged_cents=each,
            )
            for ordinal, each in enumerate(cents, start=1)
        ),
        charged_cents=sum(cents),
    )


def _covered(number: int) -> CoverageSelected:
    patient = f"patient-{number}"
    coverage = CoverageSnapshot(
        coverage_id=f"coverage-{number}",
        rank=1,
        payer_id="bench-health",
        payer_name="Bench Health",
        payer_electronic_id="60054",
        member_number=Sealed.fresh(patient, "member_number", f"MEM{number:07d}"),
    )
    return CoverageSelected(
        account_id=_account(number),
        encounter_id=f"encounter-{number}",
        patient_id=patient,
        service_on=_SERVICE_ON,
        coverages=(coverage,),
        patient=Sealed.fresh(patient, "person", Person(name=PersonName(last="Roe"))),
        reason="order",
    )


# --- the upload -------------------------------------------------------------------------------------------------------


async def _uploaded(running: Hosted, claims: int) -> Upload:
    content = files.remittance([claim_id_of(_account(number), 1) for number in range(claims)])
    right = {"patient": sum(files.shares_of(number)[1] for number in range(claims))}
    parsed = [seconds_of(lambda: read_remittances(content, "bench"))]
    with profiled() as profile:
        began, began_at = time.perf_counter(), datetime.now(UTC)
        await _post(running, content)
        answered = time.perf_counter() - began
        await _until(running, right, give_up_at=began + _GIVE_UP_SECONDS)
        balances_right = time.perf_counter() - began
    await running.settle(_GIVE_UP_SECONDS)
    quiet = time.perf_counter() - began
    parsed.append(seconds_of(lambda: read_remittances(content, "bench")))
    recorded = await _recorded_since(running, began_at)
    return Upload(
        answered=answered,
        balances_right=balances_right,
        quiet=quiet,
        parse=min(parsed),
        events=sum(len(each) for each in recorded.values()),
        last_recorded={f"{name} ({len(each):,})": max(each) for name, each in recorded.items()},
        profile=profile,
    )


async def _post(running: Hosted, content: bytes) -> None:
    headers = {"Idempotency-Key": str(uuid4()), "Content-Type": "application/edi-x12"}
    answer = await running.http.post(
        "/api/payments/remittances", content=content, headers=headers, timeout=_GIVE_UP_SECONDS
    )
    assert answer.status_code == 201, answer.text[:500]
    [received] = answer.json()
    assert received["outcome"] == "accepted", received["findings"][:3]


async def _until(running: Hosted, right: Mapping[str, int], *, give_up_at: float) -> None:
    while await _balances(running) != right:
        if time.perf_counter() > give_up_at:
            raise TimeoutError("the balances did not become right")
        await asyncio.sleep(_LOOK_SECONDS)


async def _balances(running: Hosted) -> dict[str, int]:
    found: dict[str, Any] = await running.ask("GET", "/api/payments/balances")
    return {party: cents for party, cents in found["parties"].items() if cents}


async def _recorded_since(running: Hosted, began_at: datetime) -> dict[str, Sequence[float]]:
    """Seconds since the upload began at which events were recorded, by type, in the order of their ends."""
    found: dict[str, list[float]] = {}
    for stored in await running.events("payments"):
        if stored.recorded_at >= began_at:
            found.setdefault(stored.type.split(".")[1], []).append((stored.recorded_at - began_at).total_seconds())
    return dict(sorted(found.items(), key=lambda each: max(each[1])))


if __name__ == "__main__":
    run_alone(run)
