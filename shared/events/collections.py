"""What can happen on the patient's side: statements, notices, plans, promises, disputes, placement. Streams:

`guarantor-account/{patient_id}` (all patient-side work of one person), `statement-run/{run_id}`.
An amount is "patient due" only because payments said so (ResponsibilityTransferred to the patient).
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

from shared.events.base import Event, Sealed
from shared.events.values import DocumentReference


class PatientBalanceNoted(Event, frozen=True, kw_only=True):
    """Collections heard from the ledger what the patient owes on one account, and why."""

    patient_id: str
    account_id: str
    change_cents: int
    balance_cents: int  # the patient's on this account, after the change
    reason: str
    since_on: date


class StatementLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    account_id: str
    service_on: date | None = None
    balance_cents: int
    reason: str
    since_on: date


class StatementIssued(Event, frozen=True, kw_only=True):
    """A statement with a stable id: its lines sum to the balance due, and the same id shows the same data for ever."""

    statement_id: str
    patient_id: str
    number: int  # 1, 2, … of this cycle
    lines: tuple[StatementLine, ...]
    due_cents: int
    issued_on: date
    pay_by_on: date


class NoticeSent(Event, frozen=True, kw_only=True):
    patient_id: str
    step: str  # of the dunning strategy
    strategy_version: int
    channel: Literal["mail", "email", "text", "portal"]
    statement_id: str = ""
    sent_on: date


class ContactLogged(Event, frozen=True, kw_only=True):
    patient_id: str
    outcome_code: str
    reference_number: str = ""
    next_action_on: date | None = None
    note: Sealed[str] | None = None


class Instalment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    number: int
    due_on: date
    amount_cents: int


class PaymentPlanAgreed(Event, frozen=True, kw_only=True):
    """The instalments sum to the plan; the last one absorbs the rounding."""

    patient_id: str
    plan_id: str
    total_cents: int
    instalments: tuple[Instalment, ...]


class InstalmentMissed(Event, frozen=True, kw_only=True):
    patient_id: str
    plan_id: str
    number: int
    amount_cents: int
    due_on: date


class PaymentPlanEnded(Event, frozen=True, kw_only=True):
    patient_id: str
    plan_id: str
    outcome: Literal["completed", "defaulted", "cancelled"]


class PromiseMade(Event, frozen=True, kw_only=True):
    patient_id: str
    promise_id: str
    amount_cents: int
    by_on: date


class PromiseBroken(Event, frozen=True, kw_only=True):
    patient_id: str
    promise_id: str
    amount_cents: int


class PromiseKept(Event, frozen=True, kw_only=True):
    patient_id: str
    promise_id: str


class DisputeOpened(Event, frozen=True, kw_only=True):
    """Pauses statements, notices and placement for the disputed accounts only."""

    patient_id: str
    dispute_id: str
    account_ids: tuple[str, ...]
    reason_code: str
    answer_by_on: date
    note: Sealed[str] | None = None


class DisputeResolved(Event, frozen=True, kw_only=True):
    patient_id: str
    dispute_id: str
    outcome: Literal["upheld", "rejected", "withdrawn"]
    reason: str


class HoldPlaced(Event, frozen=True, kw_only=True):
    """Bankruptcy, deceased, minor, litigation, charity pending: nothing is sent while it stands."""

    patient_id: str
    hold: str
    reason: str


class HoldLifted(Event, frozen=True, kw_only=True):
    patient_id: str
    hold: str
    reason: str


class AssistanceDecided(Event, frozen=True, kw_only=True):
    patient_id: str
    decision: Literal["approved", "denied"]
    discount_percent: int = 0
    reason: str


class AccountPlaced(Event, frozen=True, kw_only=True):
    """With an agency: no statements while placed."""

    patient_id: str
    account_id: str
    placement_id: str
    agency: str
    amount_cents: int


class AccountRecalled(Event, frozen=True, kw_only=True):
    patient_id: str
    account_id: str
    placement_id: str
    reason: str


class PaymentHeard(Event, frozen=True, kw_only=True):
    """A patient's payment on an account, as the ledger applied it."""

    patient_id: str
    account_id: str
    payment_id: str
    amount_cents: int


class StatementPrinted(Event, frozen=True, kw_only=True):
    statement_id: str
    patient_id: str
    document: DocumentReference


CollectionsEvent: TypeAlias = (
    PatientBalanceNoted
    | StatementIssued
    | NoticeSent
    | ContactLogged
    | PaymentPlanAgreed
    | InstalmentMissed
    | PaymentPlanEnded
    | PromiseMade
    | PromiseBroken
    | PromiseKept
    | DisputeOpened
    | DisputeResolved
    | HoldPlaced
    | HoldLifted
    | AssistanceDecided
    | AccountPlaced
    | AccountRecalled
    | PaymentHeard
    | StatementPrinted
)
