"""What may one ask of a capitation payment?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignCapitation:
    """`payment_cents` is what the PLB paid to us, as the ledger has it; negative: it was taken back."""

    remittance_id: str
    ordinal: int
    payment_cents: int
    payer_id: str
    contract_id: str
    month_on: date
    amount_cents: int
    assigned_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoAssignment:
    part: int
    reason: str
    undone_by: str


CapitationPaymentCommand: TypeAlias = AssignCapitation | UndoAssignment
