"""Which prices may a schedule take in, and for which dates?

On every date of service a schedule says one price. So dates of versions never overlap, and a procedure stands once in a version for
the same modifiers and place. The same file for the same dates is no news. A wrong version is withdrawn, and its dates are free again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import assert_never

from services.payments.domain.errors import (
    DatesOverlap,
    DatesReversed,
    FeeScheduleEmpty,
    FeeScheduleUnknown,
    NotAnAmount,
    PriceListedTwice,
)
from services.payments.domain.fee_schedule.commands import FeeScheduleCommand, LoadFeeSchedule, WithdrawFeeSchedule
from services.payments.domain.fee_schedule.state import FeeSchedule, Version, evolve
from shared.events.contracts import (
    FeeScheduleEvent,
    FeeScheduleRatesListed,
    FeeScheduleVersionLoaded,
    FeeScheduleVersionWithdrawn,
)
from shared.kernel.decider import Decider

_LISTED_TOGETHER = 1_000  # prices in one event, which stays far below the largest that the log takes


def decide(command: FeeScheduleCommand, schedule: FeeSchedule) -> Sequence[FeeScheduleEvent]:
    match command:
        case LoadFeeSchedule():
            return _load(command, schedule)
        case WithdrawFeeSchedule():
            return _withdraw(command, schedule)
        case _:
            assert_never(command)


def _load(command: LoadFeeSchedule, schedule: FeeSchedule) -> list[FeeScheduleEvent]:
    loaded = _loaded(command, version=len(schedule.versions) + 1)
    if any(_says_the_same(each, loaded) for each in schedule.standing):
        return []
    _refuse_dates(loaded, schedule)
    _refuse_prices(command)
    return [loaded, *_listed(command, loaded.version)]


def _loaded(command: LoadFeeSchedule, version: int) -> FeeScheduleVersionLoaded:
    factors = command.factors
    return FeeScheduleVersionLoaded(
        schedule_id=command.schedule_id,
        version=version,
        name=command.name,
        method=command.method,
        effective_from=command.effective_from,
        effective_to=command.effective_to,
        conversion_factor=factors.conversion_factor if factors else "",
        work_gpci=factors.work_gpci if factors else "",
        expense_gpci=factors.expense_gpci if factors else "",
        malpractice_gpci=factors.malpractice_gpci if factors else "",
        rates=len(command.amounts) + len(command.relative_values),
        source=command.source,
        loaded_by=command.loaded_by,
    )


def _says_the_same(version: Version, loaded: FeeScheduleVersionLoaded) -> bool:
    def said(each: FeeScheduleVersionLoaded) -> tuple[object, ...]:
        factors = (each.conversion_factor, each.work_gpci, each.expense_gpci, each.malpractice_gpci)
        return (each.source.document_id, each.method, each.effective_from, each.effective_to, *factors)

    return said(version.loaded) == said(loaded)


def _refuse_dates(loaded: FeeScheduleVersionLoaded, schedule: FeeSchedule) -> None:
    first, last = loaded.effective_from, loaded.effective_to
    if last is not None and last < first:
        raise DatesReversed("the last day is before the first", effective_from=str(first), effective_to=str(last))
    for each in schedule.standing:
        there = each.loaded
        is_within = there.effective_from <= first and (there.effective_to is not None and first <= there.effective_to)
        runs_into = first <= there.effective_from and (last is not None and there.effective_from <= last)
        if there.effective_from == first or is_within or runs_into:
            raise DatesOverlap(
                "another version of the schedule has a price for some of these dates: withdraw it, or give other dates",
                schedule_id=loaded.schedule_id,
                version=there.version,
                effective_from=str(there.effective_from),
                effective_to=str(there.effective_to) if there.effective_to else None,
            )


def _refuse_prices(command: LoadFeeSchedule) -> None:
    if not command.amounts and not command.relative_values:
        raise FeeScheduleEmpty("a schedule has at least one price")
    seen: set[tuple[str, tuple[str, ...], str]] = set()
    for price in command.amounts:
        if price.amount_cents < 0:
            raise NotAnAmount("a price is never negative", procedure_code=price.procedure_code)
        _refuse_twice((price.procedure_code, price.modifiers, price.place), seen)
    for values in command.relative_values:
        texts = (values.work, values.non_facility_expense, values.facility_expense, values.malpractice)
        if any(Decimal(text) < 0 for text in texts if text):
            raise NotAnAmount("a relative value is never negative", procedure_code=values.procedure_code)
        _refuse_twice((values.procedure_code, values.modifiers, "any"), seen)


def _refuse_twice(price: tuple[str, tuple[str, ...], str], seen: set[tuple[str, tuple[str, ...], str]]) -> None:
    code, modifiers, place = price
    others = {"any", "facility", "non-facility"} if place == "any" else {"any", place}
    if any((code, modifiers, other) in seen for other in others):
        words = {"procedure_code": code, "modifiers": " ".join(modifiers), "place": place}
        raise PriceListedTwice("a procedure has one price for the same modifiers and place", **words)
    seen.add(price)


def _listed(command: LoadFeeSchedule, version: int) -> Iterator[FeeScheduleRatesListed]:
    prices = max(len(command.amounts), len(command.relative_values))
    for part, start in enumerate(range(0, prices, _LISTED_TOGETHER), start=1):
        yield FeeScheduleRatesListed(
            schedule_id=command.schedule_id,
            version=version,
            part=part,
            amounts=command.amounts[start : start + _LISTED_TOGETHER],
            relative_values=command.relative_values[start : start + _LISTED_TOGETHER],
        )


def _withdraw(command: WithdrawFeeSchedule, schedule: FeeSchedule) -> list[FeeScheduleEvent]:
    version = schedule.versions.get(command.version)
    if version is None:
        raise FeeScheduleUnknown("there is no such version of the schedule")
    if version.is_withdrawn:
        return []
    return [
        FeeScheduleVersionWithdrawn(
            schedule_id=version.loaded.schedule_id,
            version=command.version,
            reason=command.reason,
            withdrawn_by=command.withdrawn_by,
        )
    ]


fee_schedule: Decider[FeeScheduleCommand, FeeScheduleEvent, FeeSchedule] = Decider(
    decide=decide, evolve=evolve, initial=FeeSchedule()
)
