"""What may one ask of money that the bank shows without saying which payment it is?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from services.payments.domain.books.state import Books
from shared.events.deposits import DepositRecorded
from shared.events.values import DocumentReference


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordUnidentifiedDeposit:
    """A line of the bank's file."""

    deposit_id: str
    amount_cents: int
    deposited_on: date
    reason: str
    kind: str
    trace_number: str
    payer_identifier: str
    payer_name: str
    reference: str
    account_ending: str
    source: DocumentReference


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyDeposit:
    """A person knows the payment."""

    deposit_id: str
    identified_as: str
    trace_number: str
    payer_identifier: str
    identified_by: str
    shown: DepositRecorded | None  # what the bank had shown under this trace number when it was asked


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnIdentification:
    """The deposit that it was said to be is another."""

    identified_as: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoIdentification:
    """A person was wrong about the payment."""

    identified_as: str
    reason: str
    undone_by: str
    books: Books  # whose closed days are asked about


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDepositAside:
    """No remittance will ever come for it."""

    reason: str
    set_aside_by: str


UnidentifiedDepositCommand: TypeAlias = (
    RecordUnidentifiedDeposit | IdentifyDeposit | ReturnIdentification | UndoIdentification | SetDepositAside
)
