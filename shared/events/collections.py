"""What can happen on the patient's side: statements, notices, plans, promises, disputes, placement. Streams:

`guarantor-account/{patient_id}` (all patient-side work of one person).
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
    since_on: date  # since when the patient owes what is left
    noted_on: date | None = None  # when the ledger said so
    service_on: date | None = None
    is_new: bool = False  # nothing was owed on the account before: its notices begin with the first
    source_event_id: str = ""  # the ledger's event; heard once


class NextStepPlanned(Event, frozen=True, kw_only=True):
    """What comes next for this patient, when, and why: said anew whenever it changes. A timer and the worklist follow it."""

    patient_id: str
    step: Literal["none", "statement", "final-notice", "ready-for-placement", "paused"]
    due_on: date | None = None
    number: int = 0  # the notice that will be sent
    reason: str
    gate: str = ""  # of the compliance gate catalogue: what keeps the step from being taken
    account_ids: tuple[str, ...] = ()  # that the step is about
    strategy_version: int


class StatementLinePart(Struct, frozen=True, kw_only=True):
    """Why some of a balance is owed, or no longer: what an insurer left to the patient, a payment, an adjustment."""

    reason: str
    amount_cents: int  # negative: it was paid or taken off


class StatementLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    account_id: str
    service_on: date | None = None
    balance_cents: int
    reason: str
    since_on: date
    parts: tuple[StatementLinePart, ...] = ()  # they sum to the balance
    notice: int = 1  # which notice this is for the account: an account joins a cycle that already runs with its first


class StatementIssued(Event, frozen=True, kw_only=True):
    """A statement with a stable id: its lines sum to the balance due, and the same id shows the same data for ever."""

    statement_id: str
    patient_id: str
    number: int  # 1, 2, … of this cycle: the highest notice of its lines
    lines: tuple[StatementLine, ...]
    due_cents: int
    issued_on: date
    pay_by_on: date
    is_final_notice: bool = False
    disputed_cents: int = 0  # owed on accounts that are not billed while a dispute is open
    strategy_version: int = 1


class NoticeSent(Event, frozen=True, kw_only=True):
    patient_id: str
    step: str  # of the dunning strategy
    strategy_version: int
    channel: Literal["mail", "email", "text", "portal"]
    statement_id: str = ""
    sent_on: date


class ContactLogged(Event, frozen=True, kw_only=True):
    patient_id: str
    outcome_code: str  # of the closed list in the collections domain
    contacted_on: date | None = None
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
    account_ids: tuple[str, ...] = ()
    agreed_on: date | None = None


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
    account_ids: tuple[str, ...] = ()
    reason: str = ""


class PromiseMade(Event, frozen=True, kw_only=True):
    patient_id: str
    promise_id: str
    amount_cents: int
    by_on: date
    made_on: date | None = None


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
    account_ids: tuple[str, ...] = ()


class DisputeAnswerOverdue(Event, frozen=True, kw_only=True):
    """The date by which the patient was to be answered has passed: somebody must look at it today. Its accounts stay paused."""

    patient_id: str
    dispute_id: str
    answer_by_on: date
    account_ids: tuple[str, ...] = ()


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
    placed_on: date | None = None


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
    paid_on: date | None = None


class PaymentWithdrawn(Event, frozen=True, kw_only=True):
    """A payment that was heard of did not last: it no longer counts for plans and promises that are still open."""

    patient_id: str
    account_id: str
    payment_id: str
    amount_cents: int
    withdrawn_on: date


class StatementPrinted(Event, frozen=True, kw_only=True):
    statement_id: str
    patient_id: str
    document: DocumentReference


class CarriedDebt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is owed on one account, and how far its notices have come."""

    account_id: str
    balance_cents: int
    reason: str
    since_on: date
    noted_on: date
    service_on: date | None = None
    parts: tuple[StatementLinePart, ...] = ()  # they sum to the balance
    notices: int = 0
    first_statement_on: date | None = None
    last_statement_on: date | None = None
    paid_on: date | None = None
    has_paid_since_statement: bool = False


class CarriedPlan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    plan_id: str
    total_cents: int
    instalments: tuple[Instalment, ...]
    account_ids: tuple[str, ...]
    agreed_on: date | None = None
    paid_cents: int = 0
    missed: tuple[int, ...] = ()  # numbers of instalments


class CarriedPromise(Struct, frozen=True, kw_only=True, omit_defaults=True):
    promise_id: str
    amount_cents: int
    by_on: date
    made_on: date | None = None
    paid_cents: int = 0


class CarriedDispute(Struct, frozen=True, kw_only=True, omit_defaults=True):
    dispute_id: str
    account_ids: tuple[str, ...]
    reason_code: str
    answer_by_on: date
    is_overdue: bool = False


class CarriedHold(Struct, frozen=True, kw_only=True):
    hold: str
    reason: str


class CarriedPlacement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    account_id: str
    placement_id: str
    agency: str
    amount_cents: int
    placed_on: date | None = None


class CarriedAccount(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that is open between the practice and one person: what is owed, agreed, promised, disputed, held and placed."""

    debts: tuple[CarriedDebt, ...] = ()
    plans: tuple[CarriedPlan, ...] = ()
    promises: tuple[CarriedPromise, ...] = ()
    disputes: tuple[CarriedDispute, ...] = ()
    holds: tuple[CarriedHold, ...] = ()
    placements: tuple[CarriedPlacement, ...] = ()
    last_statement_on: date | None = None
    contact_on: date | None = None  # when somebody is to get in touch again


class GuarantorAccountMerged(Event, frozen=True, kw_only=True):
    """The registration was merged into another: what was open here goes on in the survivor's account, as it stood."""

    patient_id: str  # the retired one
    survivor_patient_id: str
    carried: CarriedAccount


class GuarantorAccountJoined(Event, frozen=True, kw_only=True):
    """What was open under a retired registration goes on here: one person, one account."""

    patient_id: str  # survivor
    retired_patient_id: str
    carried: CarriedAccount  # as it stands here from now on
    source_event_id: str  # the merge; heard once


class BalanceChangeForwarded(Event, frozen=True, kw_only=True):
    """The ledger changed what is owed under a registration that was merged away: the survivor's account notes it."""

    patient_id: str  # the retired one
    survivor_patient_id: str
    account_id: str
    change_cents: int
    reason: str
    since_on: date
    noted_on: date
    service_on: date | None = None
    payment_id: str = ""
    source_event_id: str  # the ledger's event


CollectionsEvent: TypeAlias = (
    PatientBalanceNoted
    | NextStepPlanned
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
    | DisputeAnswerOverdue
    | HoldPlaced
    | HoldLifted
    | AssistanceDecided
    | AccountPlaced
    | AccountRecalled
    | PaymentHeard
    | PaymentWithdrawn
    | StatementPrinted
    | GuarantorAccountMerged
    | GuarantorAccountJoined
    | BalanceChangeForwarded
)
