"""What may one ask of a deposit?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from services.payments.domain.books.state import Books
from shared.events.values import DocumentReference


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectDeposit:
    """A remittance says that this amount comes through the bank."""

    deposit_id: str
    remittance_id: str
    trace_number: str
    payer_identifier: str
    amount_cents: int
    payment_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordDeposit:
    """The bank's line: CCD+ addenda trace, company id, amount."""

    deposit_id: str
    trace_number: str
    payer_identifier: str
    amount_cents: int
    deposited_on: date
    source: DocumentReference | None = None  # record of the bank's file
    unidentified_id: str = ""  # the unidentified deposit that this is
    books: Books | None = None  # whose closed days are asked about; None: a late entry is what is meant


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawDeposit:
    """The unidentified deposit that this was said to be is another."""

    unidentified_id: str


DepositCommand: TypeAlias = ExpectDeposit | RecordDeposit | WithdrawDeposit
