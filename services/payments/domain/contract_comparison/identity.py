"""Which comparison is it, and which difference?

Computed from account, remittance and the claim's place in it, so that a reversal finds the comparison of what it takes back. The account
stands in front, so that whoever has an id can find the account.
"""

from __future__ import annotations

from shared.kernel.identifiers import derived_id


def comparison_id_of(*, account_id: str, remittance_id: str, ordinal: int) -> str:
    """The comparison of one answer: the account and twelve letters."""
    return f"{account_id}-{derived_id('comparison', account_id, remittance_id, ordinal).hex[:12].upper()}"


def variance_id_of(comparison_id: str, number: int) -> str:
    """What was found of one line of it."""
    return f"{comparison_id}-{number}"


def comparison_of(variance_id: str) -> str:
    """The comparison that a difference belongs to."""
    return variance_id.rpartition("-")[0]


def account_of(comparison_id: str) -> str:
    return comparison_id.rpartition("-")[0]
