"""What comes next for a patient, when, and why?

One pure function of what has happened and the strategy: the decider acts by it, the worklist shows it and the simulation runs it
ahead. It knows no today: what is due is due on a day, and who asks compares.

Each account has its own notices, and one letter carries them all: an account that joins late gets its first notice on the letter that
is an older account's third. A payment holds the step: the next letter repeats the notice instead of going on to the harder one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias

from services.collections.domain.gates import GATES, HOLDS, Gate
from services.collections.domain.guarantor_account.state import GuarantorAccount, PatientDebt
from services.collections.domain.strategy import INTERVAL_DAYS_MIN, Strategy

StepName: TypeAlias = Literal["none", "statement", "final-notice", "ready-for-placement", "paused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    step: StepName
    due_on: date | None = None
    number: int = 0  # the notice to send
    reason: str
    gate: str = ""
    account_ids: tuple[str, ...] = ()


def next_step(account: GuarantorAccount, strategy: Strategy) -> NextStep:
    """The one next step. Steps that a gate forbids come back as `paused`, with the gate and the day on which it closes."""
    if account.merged_into:
        return NextStep(step="none", reason="the registration was merged into another, whose account goes on")
    if account.owed_cents <= 0 and not account.placements:
        return NextStep(step="none", reason="nothing is owed")
    if hold := open_hold(account):
        return NextStep(step="paused", reason=hold.rule, gate=hold.gate_id)
    if not account.billable:
        return _all_paused(account)
    if letter := _letter(account, strategy):
        return letter
    return _placement(account, strategy)


def open_hold(account: GuarantorAccount) -> Gate | None:
    """The first hold that stands, in the order of the catalogue."""
    return next((GATES[hold] for hold in HOLDS if hold in account.holds), None)


def to_bill(account: GuarantorAccount, strategy: Strategy) -> tuple[PatientDebt, ...]:
    """What the next letter bills: all that is owed, not paused, and has a notice left."""
    return tuple(debt for debt in account.billable if notice_of(debt, strategy) <= strategy.last)


def notice_of(debt: PatientDebt, strategy: Strategy) -> int:
    """The notice that an account gets next; one more than the last when none is left."""
    if debt.has_paid_since_statement and debt.notices > 0:
        return min(debt.notices, strategy.last)
    return debt.notices + 1


def soonest_letter_on(account: GuarantorAccount) -> date | None:
    """Before this day no statement may go out."""
    if account.last_statement_on is None:
        return None
    return account.last_statement_on + timedelta(days=INTERVAL_DAYS_MIN)


def promise_until(account: GuarantorAccount, strategy: Strategy) -> date | None:
    """The day through which an open promise is waited for."""
    days = [promise.made.by_on for promise in account.promises.values()]
    return max(days) + timedelta(days=strategy.promise_grace_days) if days else None


def placement_gates(debt: PatientDebt, strategy: Strategy) -> tuple[tuple[Gate, date | None], ...]:
    """What must have passed before an account may be placed: each gate with the day on which it closes (None: not in sight)."""
    final = debt.last_statement_on if debt.notices >= strategy.last else None
    first, paid = debt.first_statement_on, debt.paid_on
    return (
        (GATES["final-notice"], final and final + timedelta(days=strategy.placement_wait_days)),
        (GATES["first-statement"], first and first + timedelta(days=strategy.first_statement_wait_days)),
        (GATES["recent-payment"], paid + timedelta(days=strategy.payment_wait_days) if paid else date.min),
    )


def _all_paused(account: GuarantorAccount) -> NextStep:
    """Every account that is owed has its own pause; the reason names the one that asks for most attention."""
    owed = [debt.account_id for debt in account.debts.values() if debt.balance_cents > 0]
    pauses = {account.pause_of(account_id) for account_id in (*owed, *account.placements)}
    gate = next(GATES[name] for name in ("dispute", "payment-plan", "placed") if name in pauses)
    return NextStep(step="paused", reason=gate.rule, gate=gate.gate_id, account_ids=tuple(sorted(owed)))


def _letter(account: GuarantorAccount, strategy: Strategy) -> NextStep | None:
    debts = to_bill(account, strategy)
    if not debts:
        return None
    accounts = tuple(debt.account_id for debt in debts)
    if sum(debt.balance_cents for debt in debts) < strategy.minimum_cents:
        return NextStep(step="none", reason="less is owed than a statement is sent for", account_ids=accounts)
    number = max(notice_of(debt, strategy) for debt in debts)
    notice = strategy.notice(number)
    due_on, waits_for = _letter_on(account, debts, strategy)
    return NextStep(
        step="final-notice" if notice.is_final else "statement",
        due_on=due_on,
        number=number,
        reason=waits_for or notice.step,
        gate="promise" if waits_for else "",
        account_ids=accounts,
    )


def _letter_on(account: GuarantorAccount, debts: Sequence[PatientDebt], strategy: Strategy) -> tuple[date, str]:
    """When the letter is due, and what it waits for if that is not its own day."""
    due_on = min(_due_on(debt, strategy) for debt in debts)
    if account.last_statement_on is not None:
        due_on = max(due_on, account.last_statement_on + timedelta(days=strategy.interval_days))
    until = promise_until(account, strategy)
    if until is None or until < due_on:
        return due_on, ""
    return until + timedelta(days=1), GATES["promise"].rule


def _due_on(debt: PatientDebt, strategy: Strategy) -> date:
    if debt.last_statement_on is None:
        return max(debt.since_on, debt.noted_on) + timedelta(days=strategy.first_wait_days)
    return debt.last_statement_on + timedelta(days=strategy.interval_days)


def _placement(account: GuarantorAccount, strategy: Strategy) -> NextStep:
    """All notices are out: from the day on which the last gate closes, a person may place what is left."""
    days = {debt.account_id: _placement_on(debt, strategy) for debt in account.billable}
    due_on = min(days.values())
    until = promise_until(account, strategy)
    is_promised = until is not None and until >= due_on
    return NextStep(
        step="ready-for-placement",
        due_on=until + timedelta(days=1) if until is not None and is_promised else due_on,
        reason=GATES["promise"].rule if is_promised else "every notice was sent",
        gate="promise" if is_promised else "",
        account_ids=tuple(sorted(days)),
    )


def _placement_on(debt: PatientDebt, strategy: Strategy) -> date:
    return max(day or date.max for _, day in placement_gates(debt, strategy))
