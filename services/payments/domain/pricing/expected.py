"""What does a contract say that a line is worth, and by which figures?

The terms are asked in their order, and the first that knows a price holds. What cannot be priced says why and is never zero: a schedule
that is silent about a procedure lets the next term answer, one that knows the procedure and not this way of doing it does not.

Medicare's way: (work x work GPCI + practice expense x its GPCI + malpractice x its GPCI) x conversion factor, exact, then rounded once.
Sources: CMS physician fee schedule, relative value file and its indicators for several procedures and for both sides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

import msgspec

from services.payments.domain.fee_schedule import state as fee_schedules
from services.payments.domain.fee_schedule.state import FeeSchedule, Price
from services.payments.domain.payer_contracts.state import Version, capitated_term
from services.payments.domain.pricing import exact
from services.payments.domain.pricing.service_line import BILATERAL, ServiceLine
from shared.events.contracts import (
    ContractTerm,
    ExpectedBasis,
    FeeRate,
    FeeScheduleVersionLoaded,
    FormulaInput,
    RelativeValues,
)

Schedules: TypeAlias = Mapping[str, FeeSchedule]
_BOTH_SIDES = {"1": 150}  # bilateral indicator to percent; of the others payers differ, so they are not priced
_NOT_REDUCED = ("", "0", "9")  # multiple-procedure indicators


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    expected_cents: int
    basis: ExpectedBasis
    is_reduced_with_others: bool = False  # paid less beside another such procedure of the day


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPriced:
    """`value` is the code, modifier or schedule that the reason is about."""

    reason: str
    value: str = ""


Expected: TypeAlias = Priced | NotPriced


def capitated_of(line: ServiceLine, version: Version | None, schedules: Schedules) -> Expected | None:
    """What a line would bring by itself that the contract pays by the member and month, of a member; None: it pays for the service.

    What procedures reduce of each other is not counted: nobody pays this amount.
    """
    if version is None or (capitated := capitated_term(version)) is None:
        return None
    for term in version.terms:
        if not _is_about(term, line.procedure_code):
            continue
        if term is capitated:
            break
        if _by_term(term, line, schedules, _basis(term, version)) is not None:
            return None  # carved out
    else:
        return None
    way: Literal["schedule", "percent-of-schedule"] = "percent-of-schedule" if capitated.percent else "schedule"
    by_service = msgspec.structs.replace(capitated, rule=way, rates=())
    found = _by_term(by_service, line, schedules, _basis(by_service, version))
    if found is None:
        return NotPriced(reason="code-not-in-contract", value=line.procedure_code or line.revenue_code)
    return _at_most_the_charge(found, line) if version.lesser_of_charge else found


def expected_of(lines: Sequence[ServiceLine], terms: Sequence[Version | None], schedules: Schedules) -> list[Expected]:
    """What each line of a claim is worth under the terms for its day (None: no contract is in force), of who is no member."""
    alone = [_one(line, version, schedules) for line, version in zip(lines, terms, strict=True)]
    reduced = Counter[date]()
    for line, priced in zip(lines, alone, strict=True):
        if isinstance(priced, Priced) and priced.is_reduced_with_others:
            reduced[line.service_on] += max(1, int(line.units or 1))
    return [
        NotPriced(reason="several-procedures", value=line.procedure_code)
        if isinstance(priced, Priced) and priced.is_reduced_with_others and reduced[line.service_on] > 1
        else priced
        for line, priced in zip(lines, alone, strict=True)
    ]


def _one(line: ServiceLine, version: Version | None, schedules: Schedules) -> Expected:
    if version is None:
        return NotPriced(reason="no-contract-in-force", value=str(line.service_on))
    for term in version.terms:
        if term.rule != "capitated" and _is_about(term, line.procedure_code):
            found = _by_term(term, line, schedules, _basis(term, version))
            if found is not None:
                return _at_most_the_charge(found, line) if version.lesser_of_charge else found
    return NotPriced(reason="code-not-in-contract", value=line.procedure_code or line.revenue_code)


def _basis(term: ContractTerm, version: Version) -> ExpectedBasis:
    return ExpectedBasis(
        contract_id=version.contract_id,
        contract_version=version.version,
        rule=term.rule,
        schedule_id=term.schedule_id,
        rounding=exact.ROUNDING,
    )


def _is_about(term: ContractTerm, code: str) -> bool:
    ranges = [each.partition("-") for each in term.procedure_codes]
    return not ranges or any(len(code) == len(first) and first <= code <= (last or first) for first, _, last in ranges)


def _by_term(term: ContractTerm, line: ServiceLine, schedules: Schedules, basis: ExpectedBasis) -> Expected | None:
    """None: the schedule is silent about the procedure, and the next term is asked."""
    if term.rule == "percent-of-charge":
        cents = exact.percent_of(line.charged_cents, Decimal(term.percent))
        inputs = _inputs(charged_cents=line.charged_cents, percent=term.percent)
        return Priced(expected_cents=cents, basis=msgspec.structs.replace(basis, inputs=inputs))
    if line.revenue_code:  # a schedule says what a physician's service is worth, not what a hospital is paid
        return NotPriced(reason="hospital-line", value=line.revenue_code)
    schedule = schedules.get(term.schedule_id, FeeSchedule())
    version = schedule.in_force(line.service_on)
    if version is None:  # a gap in its dates is nobody's intention
        return NotPriced(reason="no-schedule-in-force", value=term.schedule_id)
    fee = _fee(line, version)
    if fee is None or isinstance(fee, NotPriced):
        return fee
    if line.units is None or line.units <= 0:
        return NotPriced(reason="units-unknown")
    unit, inputs = fee.cents, fee.inputs
    if term.rule == "percent-of-schedule":
        unit = exact.percent_of(unit, Decimal(term.percent))
        inputs += _inputs(percent=term.percent, percent_of_fee_cents=unit)
    cents = exact.whole_cents(exact.product(Decimal(unit), line.units))
    own = msgspec.structs.replace(
        basis,
        method=version.loaded.method,
        schedule_version=version.loaded.version,
        inputs=inputs + _inputs(units=exact.plain(line.units)),
    )
    return Priced(expected_cents=cents, basis=own, is_reduced_with_others=fee.is_reduced_with_others)


def _at_most_the_charge(found: Expected, line: ServiceLine) -> Expected:
    if isinstance(found, NotPriced) or found.expected_cents <= line.charged_cents:
        return found
    inputs = found.basis.inputs + _inputs(schedule_cents=found.expected_cents, charged_cents=line.charged_cents)
    basis = msgspec.structs.replace(found.basis, inputs=inputs)
    return replace(found, expected_cents=line.charged_cents, basis=basis)


# The fee of one unit


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fee:
    cents: int
    inputs: tuple[FormulaInput, ...]
    is_reduced_with_others: bool = False


def _fee(line: ServiceLine, version: fee_schedules.Version) -> _Fee | NotPriced | None:
    code, modifiers = line.procedure_code, line.pricing_modifiers
    prices, is_both_sides = version.prices_of(code, modifiers), False
    if not prices and BILATERAL in modifiers:
        prices = version.prices_of(code, tuple(each for each in modifiers if each != BILATERAL))
        is_both_sides = True
    if not prices:
        if not version.knows(code):
            return None
        return NotPriced(reason="modifier-not-priced", value=" ".join(modifiers) or "none")
    fee = _of_prices(prices, line, version.loaded)
    if not is_both_sides or isinstance(fee, NotPriced):
        return fee
    return _of_both_sides(fee, prices[0], line)


def _of_prices(prices: tuple[Price, ...], line: ServiceLine, loaded: FeeScheduleVersionLoaded) -> _Fee | NotPriced:
    first = prices[0]
    if isinstance(first, RelativeValues):
        return _of_relative_values(first, line, loaded)
    return _of_amounts([each for each in prices if isinstance(each, FeeRate)], line)


def _of_amounts(prices: Sequence[FeeRate], line: ServiceLine) -> _Fee | NotPriced:
    here = [each for each in prices if each.place in ("any", line.place)]
    if not here and line.place is not None:
        return NotPriced(reason="place-not-in-schedule", value=line.place_of_service)
    if not here:
        if len({each.amount_cents for each in prices}) > 1 or len(prices) == 1:
            return NotPriced(reason="place-of-service-unknown")
        here = list(prices)
    price = here[0]
    inputs = _inputs(procedure_code=price.procedure_code, modifiers=" ".join(price.modifiers), place=price.place)
    return _Fee(cents=price.amount_cents, inputs=inputs + _inputs(fee_cents=price.amount_cents))


def _of_relative_values(
    values: RelativeValues, line: ServiceLine, loaded: FeeScheduleVersionLoaded
) -> _Fee | NotPriced:
    expense = {"facility": values.facility_expense, "non-facility": values.non_facility_expense}
    if line.place is not None:
        found = expense[line.place]
    elif values.facility_expense == values.non_facility_expense:
        found = values.facility_expense
    else:
        return NotPriced(reason="place-of-service-unknown")
    if not found:
        return NotPriced(reason="place-not-in-schedule", value=line.place_of_service)
    parts = (
        (values.work, loaded.work_gpci),
        (found, loaded.expense_gpci),
        (values.malpractice, loaded.malpractice_gpci),
    )
    units = exact.total(exact.product(Decimal(value), Decimal(index)) for value, index in parts)
    if not units:  # priced by the carrier, bundled or not paid: the file says zero, and zero is no price
        return NotPriced(reason="no-relative-values", value=values.procedure_code)
    cents = exact.cents_of_dollars(exact.product(units, Decimal(loaded.conversion_factor)))
    inputs = _inputs(
        procedure_code=values.procedure_code,
        modifiers=" ".join(values.modifiers),
        place=line.place or "any",
        work_rvu=values.work,
        work_gpci=loaded.work_gpci,
        expense_rvu=found,
        expense_gpci=loaded.expense_gpci,
        malpractice_rvu=values.malpractice,
        malpractice_gpci=loaded.malpractice_gpci,
        conversion_factor=loaded.conversion_factor,
        fee_cents=cents,
    )
    return _Fee(cents=cents, inputs=inputs, is_reduced_with_others=values.multiple not in _NOT_REDUCED)


def _of_both_sides(fee: _Fee, price: Price, line: ServiceLine) -> _Fee | NotPriced:
    percent = _BOTH_SIDES.get(price.bilateral) if isinstance(price, RelativeValues) else None
    if percent is None or line.units != 1:
        return NotPriced(reason="modifier-not-priced", value=BILATERAL)
    cents = exact.percent_of(fee.cents, Decimal(percent))
    inputs = fee.inputs + _inputs(both_sides_percent=percent, both_sides_fee_cents=cents)
    return replace(fee, cents=cents, inputs=inputs)


def _inputs(**figures: str | int) -> tuple[FormulaInput, ...]:
    return tuple(FormulaInput(name=name, value=str(value)) for name, value in figures.items() if value != "")
