"""How is a debt paid in instalments, and when is that over?

The instalments sum to what is owed on the plan's accounts; all but the last are equal, and the last absorbs the rounding. Payments on
these accounts meet the instalments in order. A missed instalment is said once; the plan ends when it is paid, given up, or defaulted.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import Literal

from services.collections.domain.errors import GateOpen, NoSuchPlan, PlanDoesNotFit, PlanExists
from services.collections.domain.gates import GATES
from services.collections.domain.guarantor_account.commands import AgreePlan, CancelPlan, CheckInstalment
from services.collections.domain.guarantor_account.next_step import open_hold
from services.collections.domain.guarantor_account.state import GuarantorAccount, PatientDebt, Plan
from services.collections.domain.strategy import Strategy
from shared.events.collections import (
    CollectionsEvent,
    Instalment,
    InstalmentMissed,
    PaymentPlanAgreed,
    PaymentPlanEnded,
)


def agree(command: AgreePlan, account: GuarantorAccount, strategy: Strategy) -> list[CollectionsEvent]:
    """The plan. Raises PlanExists, GateOpen, PlanDoesNotFit."""
    if command.plan_id in account.plans:
        return []
    if account.running:
        raise PlanExists("there is a plan already", plan_id=next(iter(account.running)))
    if hold := open_hold(account):
        raise GateOpen("no plan can be agreed", hold)
    debts = _debts(command, account)
    total_cents = sum(debt.balance_cents for debt in debts)
    _refuse_misfit(command, total_cents, strategy)
    return [
        PaymentPlanAgreed(
            patient_id=command.patient_id,
            plan_id=command.plan_id,
            total_cents=total_cents,
            instalments=instalments_of(total_cents, command.instalments, command.first_due_on),
            account_ids=tuple(debt.account_id for debt in debts),
            agreed_on=command.on,
        )
    ]


def instalments_of(total_cents: int, count: int, first_due_on: date) -> tuple[Instalment, ...]:
    """Equal instalments a month apart; the last takes the cents that are left over."""
    each_cents = total_cents // count
    return tuple(
        Instalment(
            number=number,
            due_on=_months_after(first_due_on, number - 1),
            amount_cents=each_cents if number < count else total_cents - each_cents * (count - 1),
        )
        for number in range(1, count + 1)
    )


def check(command: CheckInstalment, account: GuarantorAccount, strategy: Strategy) -> list[CollectionsEvent]:
    """An instalment is missed once; with one too many the plan is over."""
    plan = account.running.get(command.plan_id)
    if plan is None or command.number in plan.missed:
        return []
    instalment = next((each for each in plan.agreed.instalments if each.number == command.number), None)
    if instalment is None or plan.paid_cents >= plan.due_through(command.number):
        return []
    if command.on <= instalment.due_on + timedelta(days=strategy.instalment_grace_days):
        return []
    missed = InstalmentMissed(
        patient_id=command.patient_id,
        plan_id=command.plan_id,
        number=instalment.number,
        amount_cents=min(instalment.amount_cents, plan.due_through(command.number) - plan.paid_cents),
        due_on=instalment.due_on,
    )
    if len(plan.missed) + 1 < strategy.instalments_missed_max:
        return [missed]
    return [missed, _ended(command.patient_id, plan, "defaulted", "too many instalments were missed")]


def cancel(command: CancelPlan, account: GuarantorAccount) -> list[CollectionsEvent]:
    """Raises NoSuchPlan."""
    plan = account.running.get(command.plan_id)
    if plan is None:
        raise NoSuchPlan("no such plan is running", plan_id=command.plan_id)
    return [_ended(command.patient_id, plan, "cancelled", command.reason)]


def ended_by_payment(account: GuarantorAccount, patient_id: str) -> list[CollectionsEvent]:
    """A plan is completed when it is paid, or nothing is owed any more on its accounts."""
    ended: list[CollectionsEvent] = []
    for plan in account.running.values():
        owed = sum(max(account.debts[account_id].balance_cents, 0) for account_id in plan.agreed.account_ids)
        if plan.paid_cents >= plan.agreed.total_cents or owed == 0:
            reason = "it is paid" if owed == 0 else "all instalments are paid"
            ended.append(_ended(patient_id, plan, "completed", reason))
    return ended


def _debts(command: AgreePlan, account: GuarantorAccount) -> tuple[PatientDebt, ...]:
    billable = {debt.account_id: debt for debt in account.billable}
    for account_id in command.account_ids:
        if account_id in billable:
            continue
        if pause := account.pause_of(account_id):
            raise GateOpen("no plan can be agreed", GATES[pause], account_id=account_id)
        raise PlanDoesNotFit("nothing is owed on this account", account_id=account_id)
    wanted = command.account_ids or tuple(billable)
    return tuple(billable[account_id] for account_id in dict.fromkeys(wanted))


def _refuse_misfit(command: AgreePlan, total_cents: int, strategy: Strategy) -> None:
    if total_cents <= 0:
        raise PlanDoesNotFit("nothing is owed that could be paid in instalments")
    if not 1 <= command.instalments <= strategy.instalments_max:
        raise PlanDoesNotFit(f"a plan has 1 to {strategy.instalments_max} instalments", found=command.instalments)
    if command.instalments > 1 and total_cents // command.instalments < strategy.instalment_minimum_cents:
        raise PlanDoesNotFit(
            "an instalment would be too small",
            instalment_cents=total_cents // command.instalments,
            minimum_cents=strategy.instalment_minimum_cents,
        )
    if command.first_due_on < command.on:
        raise PlanDoesNotFit("the first instalment is due on a day to come", first_due_on=str(command.first_due_on))


def _ended(
    patient_id: str, plan: Plan, outcome: Literal["completed", "defaulted", "cancelled"], reason: str
) -> PaymentPlanEnded:
    return PaymentPlanEnded(
        patient_id=patient_id,
        plan_id=plan.agreed.plan_id,
        outcome=outcome,
        account_ids=plan.agreed.account_ids,
        reason=reason,
    )


def _months_after(day: date, months: int) -> date:
    """The same day of a later month, or the month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
