"""What would a strategy send in the days to come, and what would it bring in?

The decider's own function run ahead on the account as it is: same inputs, same letters. How much a notice brings in is the strategy's
assumption, and what is expected to be paid is not billed again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import reduce

from services.collections.domain.guarantor_account.commands import RunCycle
from services.collections.domain.guarantor_account.next_step import StepName, next_step
from services.collections.domain.guarantor_account.state import GuarantorAccount, evolve
from services.collections.domain.guarantor_account.statements import run_cycle
from services.collections.domain.strategy import Strategy
from shared.events.collections import StatementIssued


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedLetter:
    on: date
    step: str
    billed_cents: int
    expected_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientForecast:
    letters: tuple[ExpectedLetter, ...]
    ends_as: StepName  # the step that the patient waits in after the last letter


def forecast(account: GuarantorAccount, strategy: Strategy, *, from_on: date, days: int) -> PatientForecast:
    """The letters that go out on or before the last of so many days, in order."""
    letters: list[ExpectedLetter] = []
    on, last_on = from_on, from_on + timedelta(days=days)
    while True:
        step = next_step(account, strategy)
        on = max(on, step.due_on or last_on)
        events = run_cycle(RunCycle(patient_id="", on=on), account, strategy) if on <= last_on else []
        if not events:
            return PatientForecast(letters=tuple(letters), ends_as=step.step)
        account = reduce(evolve, events, account)
        for issued in events:
            if isinstance(issued, StatementIssued):
                account, expected_cents = _paid_as_expected(account, issued, strategy)
                name = strategy.notice(issued.number).step
                letters.append(
                    ExpectedLetter(on=on, step=name, billed_cents=issued.due_cents, expected_cents=expected_cents)
                )


def _paid_as_expected(
    account: GuarantorAccount, issued: StatementIssued, strategy: Strategy
) -> tuple[GuarantorAccount, int]:
    """Each line brings in what its own notice is expected to, rounded down to the cent."""
    expected = {
        line.account_id: line.balance_cents * strategy.notice(line.notice).expected_percent // 100
        for line in issued.lines
    }
    paid = {
        account_id: replace(account.debts[account_id], balance_cents=account.debts[account_id].balance_cents - cents)
        for account_id, cents in expected.items()
    }
    return replace(account, debts={**account.debts, **paid}), sum(expected.values())
