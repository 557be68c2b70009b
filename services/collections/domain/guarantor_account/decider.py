"""What does a command do to a patient's side of the money?

Money itself lives in the ledger: here an amount is the patient's only because payments said so. After every command the next step is
worked out anew, and said in an event when it changed: the timer and the worklist follow that event and decide nothing themselves.
Pure: the day comes with the command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import reduce
from typing import assert_never

from services.collections.domain.errors import (
    AccountNotKnown,
    DisputeDoesNotFit,
    GateOpen,
    NoSuchDispute,
    NoSuchHold,
    NothingToPlace,
    NotPlaced,
    PromiseDoesNotFit,
)
from services.collections.domain.gates import GATES, HOLDS
from services.collections.domain.guarantor_account import merges, plans, statements
from services.collections.domain.guarantor_account.commands import (
    AgreePlan,
    CancelPlan,
    CheckDispute,
    CheckInstalment,
    CheckPromise,
    DecideAssistance,
    GuarantorCommand,
    IssueStatement,
    JoinAccount,
    LiftHold,
    LogContact,
    MakePromise,
    MergeAccount,
    NoteBalance,
    NotePrinted,
    OpenDispute,
    PlaceAccount,
    PlaceHold,
    RecallAccount,
    ResolveDispute,
    RunCycle,
)
from services.collections.domain.guarantor_account.next_step import next_step, open_hold, placement_gates, promise_until
from services.collections.domain.guarantor_account.state import (
    RETURNED_FROM_AGENCY,
    GuarantorAccount,
    PatientDebt,
    evolve,
)
from services.collections.domain.strategy import OUTCOMES, Strategy, strategy_on
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
    NextStepPlanned,
    PatientBalanceNoted,
    PaymentHeard,
    PaymentWithdrawn,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
)
from shared.kernel.decider import Decider

Events = list[CollectionsEvent]
CHARITY_WRITE_OFF = "adjustment-charity"


def decide(command: GuarantorCommand, account: GuarantorAccount) -> Sequence[CollectionsEvent]:
    strategy = strategy_on(command.on)
    events = merges.after_the_merge(command, account) if account.merged_into else _decide(command, account, strategy)
    return [*events, *_planned(command.patient_id, _after(account, events), strategy)]


def _decide(command: GuarantorCommand, account: GuarantorAccount, strategy: Strategy) -> Events:
    match command:
        case NoteBalance():
            return _note_balance(command, account)
        case RunCycle():
            return statements.run_cycle(command, account, strategy)
        case IssueStatement():
            return statements.issue(command, account, strategy)
        case NotePrinted():
            return statements.note_printed(command, account)
        case AgreePlan():
            return plans.agree(command, account, strategy)
        case CheckInstalment():
            return plans.check(command, account, strategy)
        case CancelPlan():
            return plans.cancel(command, account)
        case MakePromise():
            return _make_promise(command, account)
        case CheckPromise():
            return _check_promise(command, account, strategy)
        case OpenDispute():
            return _open_dispute(command, account, strategy)
        case ResolveDispute():
            return _resolve_dispute(command, account)
        case CheckDispute():
            return _check_dispute(command, account)
        case PlaceHold():
            return _place_hold(command, account)
        case LiftHold():
            return _lift_hold(command, account)
        case DecideAssistance():
            return _decide_assistance(command, account)
        case PlaceAccount():
            return _place(command, account, strategy)
        case RecallAccount():
            return _recall(command, account)
        case LogContact():
            return _log_contact(command)
        case MergeAccount():
            return merges.merge(command, account)
        case JoinAccount():
            return merges.join(command, account)
        case _:
            assert_never(command)


def _after(account: GuarantorAccount, events: Sequence[CollectionsEvent]) -> GuarantorAccount:
    return reduce(evolve, events, account)


def _planned(patient_id: str, account: GuarantorAccount, strategy: Strategy) -> Events:
    """What comes next, when that differs from what was said last."""
    step = next_step(account, strategy)
    planned = NextStepPlanned(
        patient_id=patient_id,
        step=step.step,
        due_on=step.due_on,
        number=step.number,
        reason=step.reason,
        gate=step.gate,
        account_ids=step.account_ids,
        strategy_version=strategy.version,
    )
    if planned == account.planned or (account.planned is None and step.step == "none"):
        return []
    return [planned]


# --- balances ---------------------------------------------------------------------------------------------------------


def _note_balance(command: NoteBalance, account: GuarantorAccount) -> Events:
    if command.source_event_id in account.heard or command.change_cents == 0:
        return []
    noted: Events = [_balance(command, account.debts.get(command.account_id))]
    if command.payment_id and command.change_cents < 0:
        noted.append(
            PaymentHeard(
                patient_id=command.patient_id,
                account_id=command.account_id,
                payment_id=command.payment_id,
                amount_cents=-command.change_cents,
                paid_on=command.on,
            )
        )
    elif command.payment_id:
        noted.append(
            PaymentWithdrawn(
                patient_id=command.patient_id,
                account_id=command.account_id,
                payment_id=command.payment_id,
                amount_cents=command.change_cents,
                withdrawn_on=command.on,
            )
        )
    if command.reason == CHARITY_WRITE_OFF and "charity-pending" in account.holds:
        noted.append(
            HoldLifted(
                patient_id=command.patient_id, hold="charity-pending", reason="the ledger wrote the discount off"
            )
        )
    return _followed(account, noted, _kept_promises, plans.ended_by_payment)


def _balance(command: NoteBalance, before: PatientDebt | None) -> PatientBalanceNoted:
    """The balance after the change. Coming back from an agency, a debt goes on where it was."""
    balance_cents = (before.balance_cents if before else 0) + command.change_cents
    owed_nothing = before is None or before.balance_cents <= 0
    is_new = balance_cents > 0 and owed_nothing and command.reason != RETURNED_FROM_AGENCY
    return PatientBalanceNoted(
        patient_id=command.patient_id,
        account_id=command.account_id,
        change_cents=command.change_cents,
        balance_cents=balance_cents,
        reason=command.reason,
        since_on=command.since_on if before is None or is_new else before.since_on,
        noted_on=command.on,
        service_on=command.service_on,
        is_new=is_new,
        source_event_id=command.source_event_id,
    )


def _followed(account: GuarantorAccount, events: Events, *rules: Callable[[GuarantorAccount, str], Events]) -> Events:
    """The events, and what each rule says follows from them, in turn."""
    patient_id = events[0].patient_id
    for rule in rules:
        events = [*events, *rule(_after(account, events), patient_id)]
    return events


def _kept_promises(account: GuarantorAccount, patient_id: str) -> Events:
    """A promise is kept once as much was paid, or nothing is owed any more."""
    return [
        PromiseKept(patient_id=patient_id, promise_id=promise_id)
        for promise_id, promise in account.promises.items()
        if promise.paid_cents >= promise.made.amount_cents or account.owed_cents <= 0
    ]


# --- promises ---------------------------------------------------------------------------------------------------------


def _make_promise(command: MakePromise, account: GuarantorAccount) -> Events:
    if command.promise_id in account.promised:
        return []
    if not 0 < command.amount_cents <= account.owed_cents:
        raise PromiseDoesNotFit("a promise is for some or all of what is owed", owed_cents=account.owed_cents)
    if command.by_on < command.on:
        raise PromiseDoesNotFit("a promise is for a day to come", by_on=command.by_on.isoformat())
    return [
        PromiseMade(
            patient_id=command.patient_id,
            promise_id=command.promise_id,
            amount_cents=command.amount_cents,
            by_on=command.by_on,
            made_on=command.on,
        )
    ]


def _check_promise(command: CheckPromise, account: GuarantorAccount, strategy: Strategy) -> Events:
    promise = account.promises.get(command.promise_id)
    if promise is None or command.on <= promise.made.by_on + timedelta(days=strategy.promise_grace_days):
        return []
    missing_cents = promise.made.amount_cents - promise.paid_cents
    return [PromiseBroken(patient_id=command.patient_id, promise_id=command.promise_id, amount_cents=missing_cents)]


# --- disputes ---------------------------------------------------------------------------------------------------------


def _open_dispute(command: OpenDispute, account: GuarantorAccount, strategy: Strategy) -> Events:
    if command.dispute_id in account.disputed:
        return []
    if not command.account_ids:
        raise DisputeDoesNotFit("a dispute names the accounts that it is about")
    for account_id in command.account_ids:
        _debt(account, account_id)
        if account_id in account.disputed_accounts:
            raise DisputeDoesNotFit("there is an open dispute about this account already", account_id=account_id)
    return [
        DisputeOpened(
            patient_id=command.patient_id,
            dispute_id=command.dispute_id,
            account_ids=tuple(dict.fromkeys(command.account_ids)),
            reason_code=command.reason_code,
            answer_by_on=command.on + timedelta(days=strategy.dispute_answer_days),
            note=command.note,
        )
    ]


def _resolve_dispute(command: ResolveDispute, account: GuarantorAccount) -> Events:
    if command.dispute_id in account.resolved:
        return []
    dispute = account.disputes.get(command.dispute_id)
    if dispute is None:
        raise NoSuchDispute("no such dispute is open", dispute_id=command.dispute_id)
    return [
        DisputeResolved(
            patient_id=command.patient_id,
            dispute_id=command.dispute_id,
            outcome=command.outcome,
            reason=command.reason,
            account_ids=dispute.account_ids,
        )
    ]


def _check_dispute(command: CheckDispute, account: GuarantorAccount) -> Events:
    dispute = account.disputes.get(command.dispute_id)
    if dispute is None or command.dispute_id in account.overdue or command.on <= dispute.answer_by_on:
        return []
    return [
        DisputeAnswerOverdue(
            patient_id=command.patient_id,
            dispute_id=command.dispute_id,
            answer_by_on=dispute.answer_by_on,
            account_ids=dispute.account_ids,
        )
    ]


def _debt(account: GuarantorAccount, account_id: str) -> PatientDebt:
    if account_id not in account.debts:
        raise AccountNotKnown("the ledger has not said that the patient owes on this account", account_id=account_id)
    return account.debts[account_id]


# --- holds and assistance ---------------------------------------------------------------------------------------------


def _place_hold(command: PlaceHold, account: GuarantorAccount) -> Events:
    if command.hold not in HOLDS:
        raise NoSuchHold("no such hold is in the catalogue", hold=command.hold)
    if command.hold in account.holds:
        return []
    return [HoldPlaced(patient_id=command.patient_id, hold=command.hold, reason=command.reason)]


def _lift_hold(command: LiftHold, account: GuarantorAccount) -> Events:
    if command.hold not in account.holds:
        raise NoSuchHold("this hold does not stand", hold=command.hold)
    return [HoldLifted(patient_id=command.patient_id, hold=command.hold, reason=command.reason)]


def _decide_assistance(command: DecideAssistance, account: GuarantorAccount) -> Events:
    decided = AssistanceDecided(
        patient_id=command.patient_id,
        decision=command.decision,
        discount_percent=command.discount_percent,
        reason=command.reason,
    )
    if decided == account.assistance:
        return []
    is_held = "charity-pending" in account.holds
    if command.decision == "denied":
        lifted = HoldLifted(patient_id=command.patient_id, hold="charity-pending", reason="assistance was denied")
        return [decided, lifted] if is_held else [decided]
    waiting = "assistance was approved: the ledger has to write the discount off"
    held = HoldPlaced(patient_id=command.patient_id, hold="charity-pending", reason=waiting)
    return [decided] if is_held else [decided, held]


# --- agencies ---------------------------------------------------------------------------------------------------------


def _place(command: PlaceAccount, account: GuarantorAccount, strategy: Strategy) -> Events:
    if command.placement_id in account.placed:
        return []
    debt = _debt(account, command.account_id)
    _refuse_placement(command, account, debt, strategy)
    return [
        AccountPlaced(
            patient_id=command.patient_id,
            account_id=command.account_id,
            placement_id=command.placement_id,
            agency=command.agency,
            amount_cents=debt.balance_cents,
            placed_on=command.on,
        )
    ]


def _refuse_placement(command: PlaceAccount, account: GuarantorAccount, debt: PatientDebt, strategy: Strategy) -> None:
    """Raises GateOpen for the first gate that stands against placing the account, NothingToPlace when nothing is owed."""
    refused = "the account cannot be placed"
    if hold := open_hold(account):
        raise GateOpen(refused, hold)
    if pause := account.pause_of(command.account_id):
        raise GateOpen(refused, GATES[pause], account_id=command.account_id)
    if debt.balance_cents <= 0:
        raise NothingToPlace("the patient owes nothing on this account", account_id=command.account_id)
    until = promise_until(account, strategy)
    if until is not None and command.on <= until:
        raise GateOpen(refused, GATES["promise"], until_on=until.isoformat())
    for gate, closes_on in placement_gates(debt, strategy):
        if closes_on is None or command.on < closes_on:
            raise GateOpen(refused, gate, until_on=closes_on.isoformat() if closes_on else None)


def _recall(command: RecallAccount, account: GuarantorAccount) -> Events:
    placed = account.placements.get(command.account_id)
    if placed is None:
        raise NotPlaced("this account is not with an agency", account_id=command.account_id)
    return [
        AccountRecalled(
            patient_id=command.patient_id,
            account_id=command.account_id,
            placement_id=placed.placement_id,
            reason=command.reason,
        )
    ]


# --- contacts ---------------------------------------------------------------------------------------------------------


def _log_contact(command: LogContact) -> Events:
    outcome = OUTCOMES[command.outcome_code]
    days = outcome.next_action_days
    return [
        ContactLogged(
            patient_id=command.patient_id,
            outcome_code=command.outcome_code,
            contacted_on=command.on,
            reference_number=command.reference_number,
            next_action_on=command.next_action_on or (None if days is None else command.on + timedelta(days=days)),
            note=command.note,
        )
    ]


guarantor_account = Decider(decide=decide, evolve=evolve, initial=GuarantorAccount())
