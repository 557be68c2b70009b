"""Whose number is this, and is it well formed?

Ids that several services must agree on are computed, never looked up: the same kind, assigning authority and number give
the same id in every process, and the tenant's key keeps outsiders from guessing them.
Sources: 45 CFR 162.406 (NPI), CMS MBI format; x12-facts: CLM01 is best kept at 17 characters without specials.
"""

from __future__ import annotations

import hashlib
import hmac
from uuid import NAMESPACE_OID, UUID, uuid5

_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: no I, L, O, U to misread
_ACCOUNT_LENGTH = 16  # 80 bits


def computed_id(key: bytes, kind: str, authority: str, number: str) -> str:
    """A uuid that every process with the tenant's key computes alike from an outside number."""
    text = "\x1f".join((kind, authority.strip().upper(), number.strip().upper())).encode()
    return str(UUID(bytes=hmac.digest(key, text, "sha256")[:16], version=4))


def derived_id(cause: UUID | str, *parts: str | int) -> UUID:
    """A uuid for the n-th effect of a cause: the same cause and parts give the same id, so a retry has one effect."""
    return uuid5(NAMESPACE_OID, "\x1f".join(str(part) for part in (cause, *parts)))


def account_id_of(encounter_id: str) -> str:
    """The patient account number of an encounter: 16 characters, safe in CLM01, and the name of its claim account."""
    number = int.from_bytes(hashlib.sha256(b"account\x1f" + encounter_id.encode()).digest()[:10], "big")
    return "".join(_BASE32[(number >> shift) & 31] for shift in range(75, -5, -5))


def bill_account_of(encounter_id: str, bill: int) -> str:
    """The account of a visit's n-th bill. The first has the visit's own number."""
    return account_id_of(encounter_id if bill == 1 else f"{encounter_id}\x1fbill\x1f{bill}")


def claim_id_of(account_id: str, ordinal: int) -> str:
    """The claim number sent in CLM01: the account number and the claim's ordinal on it (1 to 31)."""
    return account_id + _BASE32[ordinal]


def account_of_claim(claim_id: str) -> str:
    """The account that a claim number belongs to. Payers may change its case."""
    return claim_id.strip().upper()[:_ACCOUNT_LENGTH]


def is_npi(number: str) -> bool:
    """Ten digits, the first 1 or 2, with a Luhn check digit over 80840 and the number."""
    if len(number) != 10 or not number.isascii() or not number.isdigit() or number[0] not in "12":
        return False
    doubled = (int(digit) * (2 - index % 2) for index, digit in enumerate(number))
    return (24 + sum(value // 10 + value % 10 for value in doubled)) % 10 == 0
