"""How are names, addresses, dates and amounts written in the boxes of a paper claim?

In capital letters, without punctuation but the hyphen, amounts without dollar sign and point.
Sources: NUCC 1500 reference instructions 02/12 and the NUBC manual for the UB-04, in our own words.
"""

from __future__ import annotations

import re

from shared.events.values import Address, PersonName, ProviderIdentity

_NOT_PRINTED = re.compile(r"[^A-Z0-9 &/#-]")


def clean(text: str) -> str:
    """Capital letters, and no punctuation but the hyphen."""
    return " ".join(_NOT_PRINTED.sub("", text.upper()).split())


def person_name(name: PersonName) -> str:
    """Last (with suffix), first, middle, with commas between."""
    last = clean(" ".join(filter(None, (name.last, name.suffix))))
    return ", ".join(filter(None, (last, clean(name.first), clean(name.middle)[:1])))


def provider_name(provider: ProviderIdentity) -> str:
    return clean(" ".join(filter(None, (provider.first if provider.is_person else "", provider.last_or_organisation))))


def street(address: Address) -> str:
    return clean(" ".join(filter(None, (address.line_1, address.line_2))))


def city_line(address: Address) -> str:
    return clean(f"{address.city} {address.state}") + f" {zip_code(address.postal_code)}"


def zip_code(digits: str) -> str:
    return f"{digits[:5]}-{digits[5:]}" if len(digits) > 5 else digits


def phone(digits: str) -> str:
    return f"{digits[:3]} {digits[3:]}" if len(digits) == 10 else digits


def amount(cents: int) -> str:
    return f"{cents // 100} {cents % 100:02d}"
