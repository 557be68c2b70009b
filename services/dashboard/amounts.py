"""How does an amount that somebody types become cents?"""

from __future__ import annotations

import re

_AMOUNT = re.compile(r"-?\d{1,10}(\.\d{1,2})?", re.ASCII)


def cents_of(text: str) -> int | None:
    """Whole cents of dollars as they are typed, `1,200.5` and `$12` too; None for what is no amount."""
    plain = text.replace(",", "").replace("$", "").strip()
    if not _AMOUNT.fullmatch(plain):
        return None
    whole, _, part = plain.lstrip("-").partition(".")
    cents = int(whole) * 100 + int(part.ljust(2, "0") or 0)
    return -cents if plain.startswith("-") else cents


def cents_or_text(text: str) -> int | str:
    """As `cents_of`; what is no amount goes on as it is, and the service says what is wrong with it."""
    cents = cents_of(text)
    return text if cents is None else cents
