"""How much is it, to the cent?

Money is whole US cents in the domain and `…_cents: int` in events, rows and JSON. No float ever meets it.
Source: ASC X12 type R (decimal text without grouping); docs/glossary.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation


@dataclass(frozen=True, slots=True, order=True)
class Money:
    """An exact amount in whole US cents; negative is allowed and means the other direction."""

    cents: int

    def __post_init__(self) -> None:
        if type(self.cents) is not int:
            raise TypeError("Money is made of whole cents (int)")

    def __add__(self, other: Money) -> Money:
        return Money(self.cents + other.cents)

    def __sub__(self, other: Money) -> Money:
        return Money(self.cents - other.cents)

    def __neg__(self) -> Money:
        return Money(-self.cents)

    def __bool__(self) -> bool:
        return self.cents != 0

    def __str__(self) -> str:
        sign = "-" if self.cents < 0 else ""
        dollars, cents = divmod(abs(self.cents), 100)
        return f"{sign}{dollars}.{cents:02d}"


ZERO = Money(0)


def total(amounts: Iterable[Money]) -> Money:
    """The sum of any number of amounts; nothing is `ZERO`."""
    return Money(sum(amount.cents for amount in amounts))


def parse_cents(text: str) -> int:
    """Decimal text to whole cents. Raises ValueError for anything that is not an exact number of cents."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError("not a decimal number") from None
    if not amount.is_finite() or abs(amount) >= Decimal(10) ** 16:
        raise ValueError("not an amount of money")
    cents = amount * 100
    if cents != cents.to_integral_value():
        raise ValueError("at most two decimals")
    return int(cents)


def share_out(amount: Money, weights: list[int]) -> list[Money]:
    """Split an amount in proportion to non-negative weights, so that the parts sum to the whole.

    Largest remainder places the odd cents; equal remainders go to the earlier part. With weights that are all zero the
    first part takes everything.
    """
    if not weights or min(weights) < 0:
        raise ValueError("weights are one or more non-negative numbers")
    whole = sum(weights)
    if whole == 0:
        return [amount, *[ZERO] * (len(weights) - 1)]
    sign, cents = (-1, -amount.cents) if amount.cents < 0 else (1, amount.cents)
    parts = [cents * weight // whole for weight in weights]
    remainders = [cents * weight % whole for weight in weights]
    for index in sorted(range(len(weights)), key=lambda i: (-remainders[i], i))[: cents - sum(parts)]:
        parts[index] += 1
    return [Money(sign * part) for part in parts]
