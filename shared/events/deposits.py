"""What the bank shows and what of it is known. Amounts are integer cents. Streams: `deposit/{deposit_id}`, `unidentified-deposit/{deposit_id}`."""

from __future__ import annotations

from datetime import date
from typing import TypeAlias

from shared.events.base import Event
from shared.events.values import DocumentReference


class DepositExpected(Event, frozen=True, kw_only=True):
    """A remittance says that the bank will show this amount under this trace number."""

    deposit_id: str
    remittance_id: str
    trace_number: str
    payer_identifier: str
    amount_cents: int
    payment_on: date


class DepositRecorded(Event, frozen=True, kw_only=True):
    """The bank shows this amount under this trace number."""

    deposit_id: str
    trace_number: str
    payer_identifier: str
    amount_cents: int
    deposited_on: date
    source: DocumentReference | None = None  # the bank's file and its record; none: a person or a program said so
    unidentified_id: str = ""  # the unidentified deposit that this one was said to be


class DepositNotTaken(Event, frozen=True, kw_only=True):
    """The bank had already shown another deposit under the trace number that an unidentified one was said to have."""

    deposit_id: str
    unidentified_id: str
    amount_cents: int


class DepositShownAgain(Event, frozen=True, kw_only=True):
    """The bank, or a person, names by itself the payment that an unidentified deposit had been said to be.

    It is taken for the same money; when that identification is undone, this one stands.
    """

    deposit_id: str
    trace_number: str
    payer_identifier: str
    amount_cents: int
    deposited_on: date
    source: DocumentReference | None = None


class DepositWithdrawn(Event, frozen=True, kw_only=True):
    """The unidentified deposit that was recorded here is another payment: the bank shows nothing here, and no match stands.

    A `DepositRecorded` follows when the payment was named by the bank itself too.
    """

    deposit_id: str
    unidentified_id: str
    amount_cents: int
    deposited_on: date


class DepositReconciled(Event, frozen=True, kw_only=True):
    """Bank and remittance agree on trace number and amount."""

    deposit_id: str
    remittance_id: str
    amount_cents: int


class UnidentifiedDepositRecorded(Event, frozen=True, kw_only=True):
    """The bank shows money and does not say which payment it is, or names one that another deposit is already.

    The words of the bank may name people and are in its file only, at `source`.
    """

    deposit_id: str
    amount_cents: int
    deposited_on: date
    reason: str  # trace-number-missing, payer-missing, trace-number-used
    kind: str  # ach, wire, check, other
    trace_number: str = ""
    payer_identifier: str = ""
    payer_name: str = ""  # of the company that sent an ACH transfer
    reference: str = ""  # a number of the bank or the sender
    account_ending: str = ""  # last four characters of our account at the bank
    source: DocumentReference


class DepositIdentified(Event, frozen=True, kw_only=True):
    """A person said which payment an unidentified deposit is."""

    deposit_id: str
    identified_as: str  # the deposit of this payer and trace number
    trace_number: str
    payer_identifier: str
    amount_cents: int
    deposited_on: date
    source: DocumentReference
    identified_by: str


class IdentificationReturned(Event, frozen=True, kw_only=True):
    """Another deposit was there first under that trace number: this one is unidentified again."""

    deposit_id: str
    identified_as: str


class IdentificationUndone(Event, frozen=True, kw_only=True):
    """A person said that an unidentified deposit is not the payment it was said to be, and why: it is unidentified again."""

    deposit_id: str
    identified_as: str
    reason: str
    undone_by: str


class DepositSetAside(Event, frozen=True, kw_only=True):
    """A person said that an unidentified deposit is no payer's payment, or was recorded otherwise, and why."""

    deposit_id: str
    reason: str
    set_aside_by: str


DepositEvent: TypeAlias = (
    DepositExpected | DepositRecorded | DepositShownAgain | DepositNotTaken | DepositWithdrawn | DepositReconciled
)


UnidentifiedDepositEvent: TypeAlias = (
    UnidentifiedDepositRecorded | DepositIdentified | IdentificationReturned | IdentificationUndone | DepositSetAside
)
