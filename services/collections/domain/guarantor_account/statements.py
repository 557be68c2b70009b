"""When does a statement go out, and what stands on it?

Its lines are the accounts that may be billed, and sum to what is due to the cent. Its id is computed from patient, day and number, so
that the same statement has the same id whoever issues it.
"""

from __future__ import annotations

from datetime import date, timedelta

from services.collections.domain.errors import GateOpen, NothingToBill
from services.collections.domain.gates import GATES
from services.collections.domain.guarantor_account.commands import IssueStatement, NotePrinted, RunCycle
from services.collections.domain.guarantor_account.next_step import (
    next_step,
    notice_of,
    promise_until,
    soonest_letter_on,
    to_bill,
)
from services.collections.domain.guarantor_account.state import GuarantorAccount
from services.collections.domain.strategy import Strategy
from shared.events.collections import (
    CollectionsEvent,
    NoticeSent,
    StatementIssued,
    StatementLine,
    StatementLinePart,
    StatementPrinted,
)
from shared.kernel.identifiers import derived_id

LETTERS = ("statement", "final-notice")


def run_cycle(command: RunCycle, account: GuarantorAccount, strategy: Strategy) -> list[CollectionsEvent]:
    """The statement that is due, or nothing: whatever stands against it has said so in its own event."""
    step = next_step(account, strategy)
    if step.step not in LETTERS or step.due_on is None or step.due_on > command.on:
        return []
    return _statement(command.patient_id, account, strategy, command.on)


def issue(command: IssueStatement, account: GuarantorAccount, strategy: Strategy) -> list[CollectionsEvent]:
    """The next statement today. Raises GateOpen, NothingToBill."""
    refused = "no statement can be issued"
    step = next_step(account, strategy)
    if step.step == "paused":
        raise GateOpen(refused, GATES[step.gate])
    if step.step not in LETTERS:
        raise NothingToBill(f"{refused}: {step.reason}")
    soonest_on = soonest_letter_on(account)
    if soonest_on is not None and command.on < soonest_on:
        raise GateOpen(refused, GATES["statement-interval"], until_on=soonest_on.isoformat())
    until = promise_until(account, strategy)
    if until is not None and command.on <= until:
        raise GateOpen(refused, GATES["promise"], until_on=until.isoformat())
    return _statement(command.patient_id, account, strategy, command.on)


def note_printed(command: NotePrinted, account: GuarantorAccount) -> list[CollectionsEvent]:
    if command.statement_id in account.printed:
        return []
    return [
        StatementPrinted(statement_id=command.statement_id, patient_id=command.patient_id, document=command.document)
    ]


def statement_id_of(patient_id: str, issued_on: date, number: int) -> str:
    return str(derived_id("statement", patient_id, issued_on.isoformat(), number))


def _statement(patient_id: str, account: GuarantorAccount, strategy: Strategy, on: date) -> list[CollectionsEvent]:
    lines = tuple(
        StatementLine(
            account_id=debt.account_id,
            service_on=debt.service_on,
            balance_cents=debt.balance_cents,
            reason=debt.reason,
            since_on=debt.since_on,
            parts=tuple(
                StatementLinePart(reason=reason, amount_cents=cents) for reason, cents in debt.parts.items() if cents
            ),
            notice=notice_of(debt, strategy),
        )
        for debt in to_bill(account, strategy)
    )
    number = max(line.notice for line in lines)
    notice = strategy.notice(number)
    statement_id = statement_id_of(patient_id, on, number)
    issued = StatementIssued(
        statement_id=statement_id,
        patient_id=patient_id,
        number=number,
        lines=lines,
        due_cents=sum(line.balance_cents for line in lines),
        issued_on=on,
        pay_by_on=on + timedelta(days=strategy.pay_by_days),
        is_final_notice=notice.is_final,
        disputed_cents=_disputed_cents(account),
        strategy_version=strategy.version,
    )
    sent = NoticeSent(
        patient_id=patient_id,
        step=notice.step,
        strategy_version=strategy.version,
        channel=notice.channel,
        statement_id=statement_id,
        sent_on=on,
    )
    return [issued, sent]


def _disputed_cents(account: GuarantorAccount) -> int:
    debts = (account.debts[account_id] for account_id in account.disputed_accounts)
    return sum(max(debt.balance_cents, 0) for debt in debts)
