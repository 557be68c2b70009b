"""What do the other services tell before a bench of one of them begins?

Visits of two lines each, clean as a claim, each of a patient of its own, and who answers for them: said into the stores of charges
and eligibility, whose rooms are empty here.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import uuid4

from shared.events.base import Event, Sealed
from shared.events.charges import ChargesReleased
from shared.events.eligibility import CoverageSelected
from shared.events.values import (
    Address,
    ChargeLine,
    CoverageSnapshot,
    FacilityIdentity,
    Person,
    PersonName,
    ProviderIdentity,
)
from shared.kernel.decider import Decider
from shared.kernel.identifiers import account_id_of
from shared.runtime.command import Aggregate, Cause
from shared.runtime.host import Build
from shared.runtime.service import ServiceParts, ServiceRuntime
from shared.testing.hosting import TENANT, Hosted, hosted
from shared.testing.infrastructure import PostgresServer
from tests.benchmarks import files

PARTNER = "bench-clearing"
SERVICE_ON = date(2026, 3, 2)
_AT_ONCE = 50
_PLACE = Address(line_1="1 MAIN STREET", city="HARTFORD", state="CT", postal_code="061010001")
_PRACTICE = ProviderIdentity(
    provider_id="p",
    npi="1999999984",
    last_or_organisation="PRACTICE",
    is_person=False,
    taxonomy="207Q00000X",
    tax_id="111222333",
    address=_PLACE,
    phone="8605550100",
)
_DOCTOR = ProviderIdentity(
    provider_id="d", npi="1679576722", last_or_organisation="HOUSE", first="MARY", taxonomy="207Q00000X"
)
_FACILITY = FacilityIdentity(facility_id="f", name="CLINIC", place_of_service="11")

told: Aggregate = Aggregate(
    name="told", decider=Decider(decide=lambda event, _: [event], evolve=lambda state, _: state, initial=None)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbourhood:
    """One service as it runs, and the stores of those that it listens to."""

    running: Hosted
    home: Path
    known: dict[str, ServiceRuntime]

    async def tell_visits(self, count: int, *, charged_as: Callable[[int], int] = lambda number: number) -> None:
        """Charges released and coverage selected for visits 0 to `count`; `charged_as` says whose amounts a visit has."""
        await _in_batches(lambda number: self._tell("charges", number, _released(number, charged_as(number))), count)
        await _in_batches(lambda number: self._tell("eligibility", number, _covered(number)), count)

    async def _tell(self, service: str, number: int, event: Event) -> None:
        cause = Cause(tenant=TENANT, actor="bench", command_id=uuid4(), correlation_id="bench")
        await self.known[service].commands.handle(told, str(number), event, cause)


@contextlib.asynccontextmanager
async def neighbourhood(server: PostgresServer, name: str, build: Build) -> AsyncIterator[Neighbourhood]:
    """The service `name` on fresh databases, beside charges and eligibility as stores."""
    known: dict[str, ServiceRuntime] = {}

    def neighbour(service: str) -> Build:
        def build_it(runtime: ServiceRuntime) -> ServiceParts:
            known[service] = runtime
            return ServiceParts(aggregates=(told,), projections=(), policies=())

        return build_it

    builds = {service: neighbour(service) for service in ("charges", "eligibility")}
    with tempfile.TemporaryDirectory(prefix="ledgerline-bench-home-") as home:
        async with hosted(server, {**builds, name: build}, Path(home)) as running:
            yield Neighbourhood(running=running, home=Path(home), known=known)


def account_of(number: int) -> str:
    return account_id_of(f"encounter-{number}")


async def _in_batches(do: Callable[[int], Awaitable[None]], count: int) -> None:
    for first in range(0, count, _AT_ONCE):
        await asyncio.gather(*(do(number) for number in range(first, min(first + _AT_ONCE, count))))


def _released(number: int, charged_as: int) -> ChargesReleased:
    cents = files.charges_of(charged_as)
    return ChargesReleased(
        encounter_id=f"encounter-{number}",
        account_id=account_of(number),
        patient_id=f"patient-{number}",
        release=1,
        service_on=SERVICE_ON,
        organization=_PRACTICE,
        rendering=_DOCTOR,
        facility=_FACILITY,
        diagnoses=("J069",),
        lines=tuple(
            ChargeLine(
                line_id=f"L{ordinal}",
                charge_id=f"c{number}-{ordinal}",
                service_on=SERVICE_ON,
                procedure_code=f"9921{ordinal}",
                units="1",
                charged_cents=each,
                diagnosis_pointers=(1,),
            )
            for ordinal, each in enumerate(cents, start=1)
        ),
        charged_cents=sum(cents),
    )


def _covered(number: int) -> CoverageSelected:
    patient = f"patient-{number}"
    person = Person(name=PersonName(last="ROE", first="PAT"), birth_on=date(1980, 5, 17), sex="F", address=_PLACE)
    coverage = CoverageSnapshot(
        coverage_id=f"coverage-{number}",
        rank=1,
        payer_id="bench-health",
        payer_name="BENCH HEALTH",
        payer_electronic_id="60054",
        partner_id=PARTNER,
        member_number=Sealed.fresh(patient, "member_number", f"MEM{number:07d}"),
    )
    return CoverageSelected(
        account_id=account_of(number),
        encounter_id=f"encounter-{number}",
        patient_id=patient,
        service_on=SERVICE_ON,
        coverages=(coverage,),
        patient=Sealed.fresh(patient, "person", person),
        reason="order",
    )
