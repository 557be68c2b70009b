"""Does this look like the number of a card? Such a number must not enter: source PCI DSS 4.0, requirement 3.

13 to 19 digits that pass the check of Luhn (ISO/IEC 7812-1), whatever stands between them.
"""

from __future__ import annotations

_BETWEEN = str.maketrans("", "", " .-:_")


def is_card_number(text: str) -> bool:
    digits = text.translate(_BETWEEN)
    return digits.isascii() and digits.isdecimal() and 13 <= len(digits) <= 19 and _passes_luhn(digits)


def _passes_luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(doubled) + sum(int(digit) for digit in digits[::-2])) % 10 == 0
