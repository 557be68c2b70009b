"""What can be asked of a patient's side of the money? `on` is the day on which it is asked, by the business clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from shared.events.base import Sealed
from shared.events.collections import CarriedAccount
from shared.events.values import DocumentReference


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteBalance:
    """The ledger changed what the patient owes on an account. `source_event_id` is heard once."""

    patient_id: str
    account_id: str
    change_cents: int
    reason: str
    since_on: date
    service_on: date | None = None
    source_event_id: str
    payment_id: str = ""  # the change is this payment, or, when more is owed by it, its being taken back
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCycle:
    """It may be time for the next statement: send it if it is."""

    patient_id: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueStatement:
    """A person wants the next statement to go out today, before its day."""

    patient_id: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class NotePrinted:
    patient_id: str
    statement_id: str
    document: DocumentReference
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreePlan:
    """So many equal instalments, a month apart. Without accounts: all that may be billed today."""

    patient_id: str
    plan_id: str
    instalments: int
    first_due_on: date
    account_ids: tuple[str, ...] = ()
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInstalment:
    """The grace of an instalment is over: was it met?"""

    patient_id: str
    plan_id: str
    number: int
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPlan:
    patient_id: str
    plan_id: str
    reason: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class MakePromise:
    patient_id: str
    promise_id: str
    amount_cents: int
    by_on: date
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPromise:
    """The grace of a promise is over: was it kept?"""

    patient_id: str
    promise_id: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDispute:
    patient_id: str
    dispute_id: str
    account_ids: tuple[str, ...]
    reason_code: str
    note: Sealed[str] | None = None
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveDispute:
    patient_id: str
    dispute_id: str
    outcome: Literal["upheld", "rejected", "withdrawn"]
    reason: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckDispute:
    """The date by which a dispute was to be answered has come."""

    patient_id: str
    dispute_id: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceHold:
    patient_id: str
    hold: str
    reason: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftHold:
    patient_id: str
    hold: str
    reason: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideAssistance:
    """An approved discount becomes money only when the ledger writes it off; until then collection stays paused."""

    patient_id: str
    decision: Literal["approved", "denied"]
    discount_percent: int = 0
    reason: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceAccount:
    patient_id: str
    account_id: str
    placement_id: str
    agency: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallAccount:
    patient_id: str
    account_id: str
    reason: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class LogContact:
    patient_id: str
    outcome_code: str
    reference_number: str = ""
    next_action_on: date | None = None  # absent: as the outcome says
    note: Sealed[str] | None = None
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeAccount:
    """To the retired registration: it is the same person as the survivor."""

    patient_id: str  # the retired one
    survivor_patient_id: str
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinAccount:
    """To the survivor: what was open under the retired registration. `source_event_id` is heard once."""

    patient_id: str
    retired_patient_id: str
    carried: CarriedAccount
    source_event_id: str
    on: date


GuarantorCommand: TypeAlias = (
    NoteBalance
    | RunCycle
    | IssueStatement
    | NotePrinted
    | AgreePlan
    | CheckInstalment
    | CancelPlan
    | MakePromise
    | CheckPromise
    | OpenDispute
    | ResolveDispute
    | CheckDispute
    | PlaceHold
    | LiftHold
    | DecideAssistance
    | PlaceAccount
    | RecallAccount
    | LogContact
    | MergeAccount
    | JoinAccount
)
