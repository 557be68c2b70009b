"""Which list of members is it? Computed from payer, contract and month, so that an answer finds the members of its day."""

from __future__ import annotations

from datetime import date

from shared.kernel.identifiers import derived_id


def month_of(day: date) -> date:
    """Months are named by their first day."""
    return day.replace(day=1)


def roster_id_of(*, payer_id: str, contract_id: str, day: date) -> str:
    """The list of the month of a day: twenty letters."""
    return derived_id("capitation-roster", payer_id, contract_id, month_of(day).isoformat()).hex[:20].upper()
