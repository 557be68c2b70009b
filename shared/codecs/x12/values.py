"""How does X12 write amounts, quantities and dates?

Source: ASC X12 005010 data types R, N0, DT. Amounts are exact: text to integer cents, never through a float.
"""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from functools import lru_cache

_DECIMAL = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)\Z", re.ASCII)
AMOUNT_DIGITS_MAX = 18


class NotAnAmount(ValueError):
    """The text is no X12 decimal, or has a fraction of a cent."""


class NotADay(ValueError):
    """The text is no CCYYMMDD date."""


@lru_cache(maxsize=16_384)  # fee schedules repeat themselves
def to_cents(text: str) -> int:
    """Integer cents of an X12 decimal: `100`, `100.5`, `.5`, `-12.34`. Raises NotAnAmount naming the rule."""
    whole, _, fraction = text.partition(".")
    if len(fraction) == 2 or not fraction:
        digits = whole + (fraction or "00")
        if digits.isdigit() and digits.isascii() and len(digits) <= AMOUNT_DIGITS_MAX:
            return int(digits)
    return _to_cents_slowly(text)


def _to_cents_slowly(text: str) -> int:
    if not _DECIMAL.match(text):
        raise NotAnAmount("amount is digits with an optional minus and point")
    sign = -1 if text[0] == "-" else 1
    whole, _, fraction = text.lstrip("-").partition(".")
    if fraction[2:].strip("0"):
        raise NotAnAmount("at most two decimals")
    if len(whole) + 2 > AMOUNT_DIGITS_MAX:
        raise NotAnAmount("amount has at most 18 digits")
    return sign * int(whole + fraction[:2].ljust(2, "0"))


@lru_cache(maxsize=4_096)
def cents_text(cents: int) -> str:
    """`10050` is `100.5`, `50` is `.5`, `0` is `0`: no trailing zeros, no bare point."""
    sign = "-" if cents < 0 else ""
    whole, fraction = divmod(abs(cents), 100)
    if not fraction:
        return f"{sign}{whole}"
    return f"{sign}{whole or ''}.{fraction:02d}".rstrip("0")


@lru_cache(maxsize=1_024)
def to_quantity(text: str) -> Decimal:
    """An exact decimal quantity. Raises NotAnAmount naming the rule."""
    if not _DECIMAL.match(text):
        raise NotAnAmount("quantity is digits with an optional minus and point")
    if len(text) > AMOUNT_DIGITS_MAX + 2:
        raise NotAnAmount("quantity has at most 18 digits")
    return Decimal(text)


@lru_cache(maxsize=4_096)
def quantity_text(quantity: Decimal) -> str:
    """Plain decimal, no exponent, no trailing fractional zeros, no leading zero before the point."""
    text = format(quantity, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text.startswith(("0.", "-0.")):
        text = text.replace("0.", ".", 1)
    return "0" if text in ("", "-", "-0") else text


@lru_cache(maxsize=4096)
def to_day(text: str) -> date:
    """The date of CCYYMMDD. Raises NotADay."""
    if len(text) != 8 or not (text.isdigit() and text.isascii()):
        raise NotADay
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise NotADay from None


@lru_cache(maxsize=4_096)
def day_text(day: date) -> str:
    """CCYYMMDD, four digits of year always."""
    return f"{day.year:04d}{day.month:02d}{day.day:02d}"


def is_npi(text: str) -> bool:
    """Ten digits, first 1 or 2, Luhn check over 80840 and the number."""
    if len(text) != 10 or not (text.isdigit() and text.isascii()) or text[0] not in "12":
        return False
    total = 24  # what the constant prefix 80840 adds
    for place, digit in enumerate(reversed(text)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
