"""What must the decider remember of a patient's side of the money?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeVar, assert_never

from shared.events.collections import (
    AccountPlaced,
    AccountRecalled,
    AssistanceDecided,
    CollectionsEvent,
    ContactLogged,
    DisputeAnswerOverdue,
    DisputeOpened,
    DisputeResolved,
    HoldLifted,
    HoldPlaced,
    InstalmentMissed,
    NextStepPlanned,
    NoticeSent,
    PatientBalanceNoted,
    PaymentHeard,
    PaymentPlanAgreed,
    PaymentPlanEnded,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    StatementIssued,
    StatementPrinted,
)

T = TypeVar("T")
CREDIT_BEFORE = "credit-before"
MOVED_TO_AGENCY = "moved-to-agency"
RETURNED_FROM_AGENCY = "returned-from-agency"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientDebt:
    """What the patient owes on one account, and how far its notices have come."""

    account_id: str
    balance_cents: int  # negative: a credit, which the ledger refunds
    reason: str  # of what made the patient owe it first
    since_on: date
    noted_on: date
    service_on: date | None = None
    parts: dict[str, int] = field(default_factory=dict)  # cents by reason, since it is owed; they sum to the balance
    notices: int = 0  # sent since the patient came to owe
    first_statement_on: date | None = None
    last_statement_on: date | None = None
    paid_on: date | None = None  # last
    has_paid_since_statement: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    agreed: PaymentPlanAgreed
    paid_cents: int = 0
    missed: frozenset[int] = frozenset()

    def due_through(self, number: int) -> int:
        """Cents that must have come in for this instalment to be met."""
        return sum(each.amount_cents for each in self.agreed.instalments if each.number <= number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    made: PromiseMade
    paid_cents: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GuarantorAccount:
    debts: dict[str, PatientDebt] = field(default_factory=dict)  # by account
    heard: frozenset[str] = frozenset()  # events of the ledger
    printed: frozenset[str] = frozenset()
    last_statement_on: date | None = None
    plan: Plan | None = None  # while it runs
    plans: dict[str, PaymentPlanAgreed] = field(default_factory=dict)  # all, ever
    promises: dict[str, Promise] = field(default_factory=dict)  # open
    promised: dict[str, PromiseMade] = field(default_factory=dict)  # all, ever
    disputes: dict[str, DisputeOpened] = field(default_factory=dict)  # open
    disputed: dict[str, DisputeOpened] = field(default_factory=dict)  # all, ever
    resolved: dict[str, DisputeResolved] = field(default_factory=dict)
    overdue: frozenset[str] = frozenset()  # disputes
    holds: dict[str, HoldPlaced] = field(default_factory=dict)
    assistance: AssistanceDecided | None = None
    placements: dict[str, AccountPlaced] = field(default_factory=dict)  # by account
    placed: dict[str, AccountPlaced] = field(default_factory=dict)  # all, ever, by placement
    planned: NextStepPlanned | None = None

    @property
    def disputed_accounts(self) -> frozenset[str]:
        return frozenset(account for dispute in self.disputes.values() for account in dispute.account_ids)

    @property
    def planned_accounts(self) -> frozenset[str]:
        return frozenset(self.plan.agreed.account_ids) if self.plan else frozenset()

    @property
    def owed_cents(self) -> int:
        """What is owed to us on all accounts, whatever stands against billing it."""
        return sum(debt.balance_cents for debt in self.debts.values() if debt.balance_cents > 0)

    def pause_of(self, account_id: str) -> str | None:
        """The gate that keeps one account from being billed and placed."""
        if account_id in self.placements:
            return "placed"
        if account_id in self.disputed_accounts:
            return "dispute"
        if account_id in self.planned_accounts:
            return "payment-plan"
        return None

    @property
    def billable(self) -> tuple[PatientDebt, ...]:
        """What is owed and not paused, oldest first."""
        open_debts = (
            debt for debt in self.debts.values() if debt.balance_cents > 0 and self.pause_of(debt.account_id) is None
        )
        return tuple(sorted(open_debts, key=lambda debt: (debt.since_on, debt.account_id)))


def evolve(state: GuarantorAccount, event: CollectionsEvent) -> GuarantorAccount:
    match event:
        case PatientBalanceNoted():
            return replace(
                state,
                debts={**state.debts, event.account_id: _noted(state.debts.get(event.account_id), event)},
                heard=state.heard | {event.source_event_id},
            )
        case PaymentHeard():
            return _paid(state, event)
        case NextStepPlanned():
            return replace(state, planned=event)
        case StatementIssued():
            return _billed(state, event)
        case StatementPrinted():
            return replace(state, printed=state.printed | {event.statement_id})
        case PaymentPlanAgreed():
            return replace(state, plan=Plan(agreed=event), plans={**state.plans, event.plan_id: event})
        case InstalmentMissed():
            plan = state.plan and replace(state.plan, missed=state.plan.missed | {event.number})
            return replace(state, plan=plan)
        case PaymentPlanEnded():
            return replace(state, plan=None)
        case PromiseMade():
            return replace(
                state,
                promises={**state.promises, event.promise_id: Promise(made=event)},
                promised={**state.promised, event.promise_id: event},
            )
        case PromiseKept() | PromiseBroken():
            return replace(state, promises=_without(state.promises, event.promise_id))
        case DisputeOpened():
            return replace(
                state,
                disputes={**state.disputes, event.dispute_id: event},
                disputed={**state.disputed, event.dispute_id: event},
            )
        case DisputeResolved():
            return replace(
                state,
                disputes=_without(state.disputes, event.dispute_id),
                resolved={**state.resolved, event.dispute_id: event},
            )
        case DisputeAnswerOverdue():
            return replace(state, overdue=state.overdue | {event.dispute_id})
        case HoldPlaced():
            return replace(state, holds={**state.holds, event.hold: event})
        case HoldLifted():
            return replace(state, holds=_without(state.holds, event.hold))
        case AssistanceDecided():
            return replace(state, assistance=event)
        case AccountPlaced():
            return replace(
                state,
                placements={**state.placements, event.account_id: event},
                placed={**state.placed, event.placement_id: event},
            )
        case AccountRecalled():
            return replace(state, placements=_without(state.placements, event.account_id))
        case NoticeSent() | ContactLogged():
            return state
        case _:
            assert_never(event)


def _noted(before: PatientDebt | None, event: PatientBalanceNoted) -> PatientDebt:
    """The debt after a change. What is paid off and comes up again is a new debt, with notices from the first."""
    if before is None or event.is_new:
        left = {CREDIT_BEFORE: before.balance_cents} if before is not None and before.balance_cents else {}
        return PatientDebt(
            account_id=event.account_id,
            balance_cents=event.balance_cents,
            reason=event.reason,
            since_on=event.since_on,
            noted_on=event.noted_on or event.since_on,
            service_on=event.service_on or (before.service_on if before else None),
            parts={**left, event.reason: event.change_cents},
        )
    part = MOVED_TO_AGENCY if event.reason == RETURNED_FROM_AGENCY else event.reason  # there and back is nothing
    return replace(
        before,
        balance_cents=event.balance_cents,
        service_on=event.service_on or before.service_on,
        parts={**before.parts, part: before.parts.get(part, 0) + event.change_cents},
    )


def _paid(state: GuarantorAccount, event: PaymentHeard) -> GuarantorAccount:
    debt = replace(state.debts[event.account_id], paid_on=event.paid_on, has_paid_since_statement=True)
    plan = state.plan
    if plan is not None and event.account_id in plan.agreed.account_ids:
        plan = replace(plan, paid_cents=plan.paid_cents + event.amount_cents)
    return replace(
        state,
        debts={**state.debts, event.account_id: debt},
        plan=plan,
        promises={
            promise_id: replace(promise, paid_cents=promise.paid_cents + event.amount_cents)
            for promise_id, promise in state.promises.items()
        },
    )


def _billed(state: GuarantorAccount, event: StatementIssued) -> GuarantorAccount:
    billed = {
        line.account_id: replace(
            state.debts[line.account_id],
            notices=line.notice,
            first_statement_on=state.debts[line.account_id].first_statement_on or event.issued_on,
            last_statement_on=event.issued_on,
            has_paid_since_statement=False,
        )
        for line in event.lines
    }
    return replace(
        state,
        debts={**state.debts, **billed},
        last_statement_on=event.issued_on,
    )


def _without(items: dict[str, T], key: str) -> dict[str, T]:
    return {other: item for other, item in items.items() if other != key}
