"""What would this strategy, or another, do from today? No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from services.collections.api.bodies import Forecast, ForecastStep, Id
from services.collections.api.persons import worked_as
from services.collections.domain.guarantor_account.forecast import PatientForecast, forecast
from services.collections.domain.strategy import INTERVAL_DAYS_MIN, Strategy, strategy_on
from services.collections.projections import worklist as read_model
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Commands
from shared.runtime.queries import ReadDatabase, rows
from shared.runtime.web import Caller, caller

Reader = Annotated[Caller, Depends(caller("collections:read-strategy"))]
Days = Annotated[int, Query(ge=0, le=90)]


def router(commands: Commands, reads: ReadDatabase, guarantor: Aggregate, clock: Clock) -> APIRouter:
    routes = APIRouter(tags=["simulation"])

    @routes.get("/simulation")
    async def simulate(
        who: Reader,
        patient_id: Id | None = None,
        days: Annotated[int, Query(ge=1, le=365)] = 120,
        interval_days: Annotated[int | None, Query(ge=INTERVAL_DAYS_MIN, le=120)] = None,
        first_wait_days: Days | None = None,
        minimum_cents: Annotated[int | None, Query(ge=1, le=100_000)] = None,
        patients_max: Annotated[int, Query(ge=1, le=1000)] = 500,
    ) -> Forecast:
        """The letters of the days to come and what they are expected to bring in. What is left out is as the strategy of today."""
        today = clock.now().date()
        changes: dict[str, Any] = {
            "interval_days": interval_days,
            "first_wait_days": first_wait_days,
            "minimum_cents": minimum_cents,
        }
        strategy = replace(strategy_on(today), **{name: value for name, value in changes.items() if value is not None})
        patients = (
            [await worked_as(commands, guarantor, who.tenant, patient_id)]
            if patient_id
            else await _owing(reads, who, patients_max + 1)
        )
        forecasts = [
            forecast(await commands.state(guarantor, who.tenant, each), strategy, from_on=today, days=days)
            for each in patients[:patients_max]
        ]
        return _sums(forecasts, strategy, today, days, is_complete=len(patients) <= patients_max)

    return routes


async def _owing(reads: ReadDatabase, who: Caller, limit: int) -> list[str]:
    async with reads.read(who.tenant) as connection:
        found = await rows(connection, read_model.patients_with_balance().limit(limit))
    return [row["patient_id"] for row in found]


def _sums(
    forecasts: Sequence[PatientForecast], strategy: Strategy, from_on: date, days: int, *, is_complete: bool
) -> Forecast:
    letters = [letter for each in forecasts for letter in each.letters]
    by_step = defaultdict(list)
    for letter in letters:
        by_step[letter.step].append(letter)
    ends = Counter(each.ends_as for each in forecasts)
    return Forecast(
        strategy_version=strategy.version,
        from_on=from_on,
        days=days,
        patients=len(forecasts),
        steps=[
            ForecastStep(
                step=notice.step,
                letters=len(by_step[notice.step]),
                billed_cents=sum(letter.billed_cents for letter in by_step[notice.step]),
                expected_cents=sum(letter.expected_cents for letter in by_step[notice.step]),
            )
            for notice in strategy.notices
        ],
        ready_for_placement=ends["ready-for-placement"],
        paused=ends["paused"],
        expected_cents=sum(letter.expected_cents for letter in letters),
        is_complete=is_complete,
    )
