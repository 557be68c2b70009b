"""How is an amount computed without losing anything, and where is it rounded?

Decimals with room for every digit: what would not be exact raises instead of being rounded on the way. One rounding, by name: each fee
becomes whole cents half up as soon as it is a fee (the fee of one unit, the percentage of it, the amount of the line), because that is
how schedules are printed and payers' systems are loaded. Source: CMS computes a fee from exact relative values and rounds it once.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation, Overflow

ROUNDING = "half-up-to-the-cent"
_EXACT = Context(prec=100, traps=[Inexact, InvalidOperation, Overflow])
_HUNDRED = Decimal(100)


def product(*factors: Decimal) -> Decimal:
    """All of them multiplied; exact."""
    result = Decimal(1)
    for factor in factors:
        result = _EXACT.multiply(result, factor)
    return result


def total(parts: Iterable[Decimal]) -> Decimal:
    """The sum; exact."""
    result = Decimal(0)
    for part in parts:
        result = _EXACT.add(result, part)
    return result


def whole_cents(cents: Decimal) -> int:
    """Cents and parts of a cent to whole cents, half up. Amounts of schedules are never negative."""
    return int(cents.to_integral_value(rounding=ROUND_HALF_UP))


def cents_of_dollars(dollars: Decimal) -> int:
    """Dollars to whole cents, half up."""
    return whole_cents(product(dollars, _HUNDRED))


def percent_of(cents: int, percent: Decimal) -> int:
    """So many percent of an amount, in whole cents, half up."""
    return whole_cents(product(Decimal(cents), percent).scaleb(-2))


def plain(number: Decimal) -> str:
    """As text, without an exponent."""
    return f"{number:f}"
