"""What must the decider remember of a patient's side of the money?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeAlias, TypeVar, assert_never

from shared.events.collections import (
    AccountPlaced,
    AccountRecalled,
    AssistanceDecided,
    BalanceChangeForwarded,
    CarriedAccount,
    CollectionsEvent,
    ContactLogged,
    DisputeAnswerOverdue,
    DisputeOpened,
    DisputeResolved,
    GuarantorAccountJoined,
    GuarantorAccountMerged,
    HoldLifted,
    HoldPlaced,
    InstalmentMissed,
    NextStepPlanned,
    NoticeSent,
    PatientBalanceNoted,
    PaymentHeard,
    PaymentPlanAgreed,
    PaymentPlanEnded,
    PaymentWithdrawn,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    StatementIssued,
    StatementPrinted,
)

T = TypeVar("T")
# Cents by payment and account that count for a plan or a promise. What was paid before it was made does not, and what a merge
# carried along is no longer known payment by payment.
Counted: TypeAlias = Mapping[tuple[str, str], int]
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
    counted: Counted = field(default_factory=dict)
    missed: frozenset[int] = frozenset()

    def due_through(self, number: int) -> int:
        """Cents that must have come in for this instalment to be met."""
        return sum(each.amount_cents for each in self.agreed.instalments if each.number <= number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    made: PromiseMade
    paid_cents: int = 0
    counted: Counted = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuarantorAccount:
    debts: dict[str, PatientDebt] = field(default_factory=dict)  # by account
    heard: frozenset[str] = frozenset()  # events of the ledger
    printed: frozenset[str] = frozenset()
    last_statement_on: date | None = None
    running: dict[str, Plan] = field(default_factory=dict)  # plans, by id: several only after a merge
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
    contact_on: date | None = None  # when somebody is to get in touch again
    merged_into: str = ""  # the registration that is worked instead

    @property
    def disputed_accounts(self) -> frozenset[str]:
        return frozenset(account for dispute in self.disputes.values() for account in dispute.account_ids)

    @property
    def planned_accounts(self) -> frozenset[str]:
        return frozenset(account for plan in self.running.values() for account in plan.agreed.account_ids)

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


P = TypeVar("P", Plan, Promise)


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
        case PaymentWithdrawn():
            return _withdrawn(state, event)
        case NextStepPlanned():
            return replace(state, planned=event)
        case StatementIssued():
            return _billed(state, event)
        case StatementPrinted():
            return replace(state, printed=state.printed | {event.statement_id})
        case PaymentPlanAgreed():
            return replace(
                state,
                running={**state.running, event.plan_id: Plan(agreed=event)},
                plans={**state.plans, event.plan_id: event},
            )
        case InstalmentMissed():
            plan = state.running[event.plan_id]
            missed = replace(plan, missed=plan.missed | {event.number})
            return replace(state, running={**state.running, event.plan_id: missed})
        case PaymentPlanEnded():
            return replace(state, running=_without(state.running, event.plan_id))
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
        case ContactLogged():
            return replace(state, contact_on=event.next_action_on)
        case GuarantorAccountMerged():
            # What was heard and printed stays here: the ledger goes on to speak of these accounts under this number.
            return GuarantorAccount(
                heard=state.heard,
                printed=state.printed,
                planned=state.planned,
                merged_into=event.survivor_patient_id,
            )
        case GuarantorAccountJoined():
            joined = _joined(state, event.patient_id, event.carried)
            return replace(joined, heard=state.heard | {event.source_event_id})
        case BalanceChangeForwarded():
            return replace(state, heard=state.heard | {event.source_event_id})
        case NoticeSent():
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
    key = (event.payment_id, event.account_id)
    return replace(
        state,
        debts={**state.debts, event.account_id: debt},
        running={
            plan_id: _counting(plan, key, event.amount_cents) if event.account_id in plan.agreed.account_ids else plan
            for plan_id, plan in state.running.items()
        },
        promises={
            promise_id: _counting(promise, key, event.amount_cents) for promise_id, promise in state.promises.items()
        },
    )


def _withdrawn(state: GuarantorAccount, event: PaymentWithdrawn) -> GuarantorAccount:
    key = (event.payment_id, event.account_id)
    return replace(
        state,
        running={plan_id: _counting(plan, key, -plan.counted.get(key, 0)) for plan_id, plan in state.running.items()},
        promises={
            promise_id: _counting(promise, key, -promise.counted.get(key, 0))
            for promise_id, promise in state.promises.items()
        },
    )


def _counting(what: P, key: tuple[str, str], cents: int) -> P:
    counted = {**what.counted, key: what.counted.get(key, 0) + cents}
    return replace(what, paid_cents=what.paid_cents + cents, counted=counted)


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


def _joined(state: GuarantorAccount, patient_id: str, carried: CarriedAccount) -> GuarantorAccount:
    plans = {
        each.plan_id: Plan(
            agreed=PaymentPlanAgreed(
                patient_id=patient_id,
                plan_id=each.plan_id,
                total_cents=each.total_cents,
                instalments=each.instalments,
                account_ids=each.account_ids,
                agreed_on=each.agreed_on,
            ),
            paid_cents=each.paid_cents,
            missed=frozenset(each.missed),
        )
        for each in carried.plans
    }
    promises = {
        each.promise_id: Promise(
            made=PromiseMade(
                patient_id=patient_id,
                promise_id=each.promise_id,
                amount_cents=each.amount_cents,
                by_on=each.by_on,
                made_on=each.made_on,
            ),
            paid_cents=each.paid_cents,
        )
        for each in carried.promises
    }
    disputes = {
        each.dispute_id: DisputeOpened(
            patient_id=patient_id,
            dispute_id=each.dispute_id,
            account_ids=each.account_ids,
            reason_code=each.reason_code,
            answer_by_on=each.answer_by_on,
        )
        for each in carried.disputes
    }
    holds = {each.hold: HoldPlaced(patient_id=patient_id, hold=each.hold, reason=each.reason) for each in carried.holds}
    placements = {
        each.account_id: AccountPlaced(
            patient_id=patient_id,
            account_id=each.account_id,
            placement_id=each.placement_id,
            agency=each.agency,
            amount_cents=each.amount_cents,
            placed_on=each.placed_on,
        )
        for each in carried.placements
    }
    debts = {
        each.account_id: PatientDebt(
            account_id=each.account_id,
            balance_cents=each.balance_cents,
            reason=each.reason,
            since_on=each.since_on,
            noted_on=each.noted_on,
            service_on=each.service_on,
            parts={part.reason: part.amount_cents for part in each.parts},
            notices=each.notices,
            first_statement_on=each.first_statement_on,
            last_statement_on=each.last_statement_on,
            paid_on=each.paid_on,
            has_paid_since_statement=each.has_paid_since_statement,
        )
        for each in carried.debts
    }
    return replace(
        state,
        debts={**state.debts, **debts},
        running={**state.running, **plans},
        plans={**state.plans, **{plan_id: plan.agreed for plan_id, plan in plans.items()}},
        promises={**state.promises, **promises},
        promised={**state.promised, **{promise_id: promise.made for promise_id, promise in promises.items()}},
        disputes={**state.disputes, **disputes},
        disputed={**state.disputed, **disputes},
        overdue=state.overdue | {each.dispute_id for each in carried.disputes if each.is_overdue},
        holds={**state.holds, **holds},
        placements={**state.placements, **placements},
        placed={**state.placed, **{placed.placement_id: placed for placed in placements.values()}},
        last_statement_on=carried.last_statement_on,
        contact_on=carried.contact_on,
    )


def _without(items: dict[str, T], key: str) -> dict[str, T]:
    return {other: item for other, item in items.items() if other != key}
