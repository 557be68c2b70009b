"""Collections and the ledger together: what one says about a patient's money is what the other believes, cent for cent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from services.collections.main import build as build_collections
from services.payments.main import build as build_payments
from shared.events.base import Sealed
from shared.events.charges import ChargesReleased
from shared.events.eligibility import NoCoverageFound
from shared.events.values import ChargeLine, FacilityIdentity, Person, PersonName, ProviderIdentity
from shared.kernel.identifiers import account_id_of
from shared.runtime.clock import FileClock
from shared.runtime.service import ServiceParts, ServiceRuntime
from shared.testing.hosting import hosted
from shared.testing.infrastructure import PostgresServer
from tests.integration.collections.test_collections_service import FIRST, MONDAY, World, told

SERVICE_ON = date(2026, 3, 2)
ACCOUNT = account_id_of("encounter-1")


@pytest_asyncio.fixture(loop_scope="session")
async def world(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[World]:
    known: dict[str, ServiceRuntime] = {}

    def neighbour(name: str) -> Callable[[ServiceRuntime], ServiceParts]:
        def build_it(runtime: ServiceRuntime) -> ServiceParts:
            known[name] = runtime
            return ServiceParts(aggregates=(told,), projections=(), policies=())

        return build_it

    FileClock(tmp_path / "clock", start=MONDAY)
    builds = {
        "charges": neighbour("charges"),
        "eligibility": neighbour("eligibility"),
        "payments": build_payments,
        "collections": build_collections,
    }
    async with hosted(postgres_server, builds, tmp_path, clock="driven") as running:
        yield World(running, known)


async def visit(world: World, cents: int) -> None:
    """A visit that no insurance covers."""
    practice = ProviderIdentity(provider_id="p", npi="1999999984", last_or_organisation="Practice")
    line = ChargeLine(
        line_id="L1", charge_id="c1", service_on=SERVICE_ON, procedure_code="99213", units="1", charged_cents=cents
    )
    released = ChargesReleased(
        encounter_id="encounter-1",
        account_id=ACCOUNT,
        patient_id="patient-1",
        release=1,
        service_on=SERVICE_ON,
        organization=practice,
        rendering=practice,
        facility=FacilityIdentity(facility_id="f", name="Clinic", place_of_service="11"),
        diagnoses=("J069",),
        lines=(line,),
        charged_cents=cents,
    )
    nobody = NoCoverageFound(
        account_id=ACCOUNT,
        encounter_id="encounter-1",
        patient_id="patient-1",
        service_on=SERVICE_ON,
        patient=Sealed.fresh("patient-1", "person", Person(name=PersonName(last="Doe"))),
        reason="none",
    )
    await world.say("charges", released)
    await world.say("eligibility", nobody)


async def ledger(world: World) -> dict[str, int]:
    found = await world.running.ask("GET", "/api/payments/balances")
    return dict(found["parties"])


async def pay(world: World, cents: int, on: date) -> None:
    body = {
        "payment_id": f"payment-{on}",
        "patient_id": "patient-1",
        "amount_cents": cents,
        "method": "check",
        "received_on": on.isoformat(),
    }
    await world.running.ask("POST", "/api/payments/patient-payments", body)
    await world.running.settle()


@pytest.mark.asyncio
async def test_a_patient_is_billed_pays_some_is_placed_and_recalled_and_both_sides_agree(world: World) -> None:
    await visit(world, 150_00)
    assert (await world.patient())["owed_cents"] == (await ledger(world))["patient"] == 150_00
    await world.move_to(FIRST)
    await pay(world, 50_00, FIRST)
    for days in (30, 60, 90, 120):
        await world.move_to(FIRST + timedelta(days=days))
    issued = await world.statements()
    # The payment held the step once, so the final notice is the fifth letter.
    assert [(each["number"], each["due_cents"]) for each in issued] == [
        (1, 150_00),
        (1, 100_00),
        (2, 100_00),
        (3, 100_00),
        (4, 100_00),
    ]
    assert [part["reason"] for part in issued[-1]["lines"][0]["parts"]] == ["self-pay", "payment"]
    await world.move_to(FIRST + timedelta(days=150))
    await world.ask("POST", "/patients/patient-1/placements", {"account_id": ACCOUNT, "agency": "agency-1"})
    assert await ledger(world) == {"agency": 100_00}
    assert (await world.patient())["owed_cents"] == 0
    await world.ask("POST", "/patients/patient-1/recalls", {"account_id": ACCOUNT, "reason": "a plan was asked for"})
    assert await ledger(world) == {"patient": 100_00}
    detail = await world.patient()
    assert (detail["owed_cents"], detail["since_on"], detail["next"]["next_step"]) == (
        100_00,
        SERVICE_ON.isoformat(),
        "ready-for-placement",
    )
    await world.verify()


@pytest.mark.asyncio
async def test_a_check_that_bounced_is_owed_again_and_meets_no_instalment(world: World) -> None:
    await visit(world, 90_00)
    await world.ask("POST", "/patients/patient-1/plans", {"instalments": 3, "first_due_on": "2026-03-10"})
    paid_on = date(2026, 3, 9)
    await pay(world, 30_00, paid_on)
    assert (await world.patient())["owed_cents"] == 60_00
    body = {"patient_id": "patient-1", "reason": "returned-by-bank", "taken_back_on": "2026-03-12"}
    await world.running.ask("POST", f"/api/payments/patient-payments/payment-{paid_on}/take-back", body)
    await world.running.settle()
    assert (await world.patient())["owed_cents"] == (await ledger(world))["patient"] == 90_00
    await world.move_to(date(2026, 3, 20))
    assert (await world.patient())["plans"][0]["missed_count"] == 1
    await world.verify()


@pytest.mark.asyncio
async def test_a_plan_is_met_by_what_the_ledger_applies(world: World) -> None:
    await visit(world, 90_00)
    await world.ask("POST", "/patients/patient-1/plans", {"instalments": 3, "first_due_on": "2026-03-10"})
    await pay(world, 30_00, date(2026, 3, 9))
    await world.move_to(date(2026, 3, 20))
    assert (await world.patient())["plans"][0]["missed_count"] == 0
    await world.move_to(date(2026, 4, 20))
    assert (await world.patient())["plans"][0]["missed_count"] == 1
    await pay(world, 60_00, date(2026, 4, 20))
    detail = await world.patient()
    assert (detail["plans"][0]["state"], detail["owed_cents"], await ledger(world)) == ("completed", 0, {})
    assert await world.statements() == []
    await world.verify()
