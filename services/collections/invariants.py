"""What must always be true of collections: it adds up, and every cent was heard from the ledger once."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from shared.events.collections import GuarantorAccountJoined, PatientBalanceNoted, PaymentPlanAgreed, StatementIssued
from shared.events.envelope import Recorded
from shared.runtime.invariants import CheckResult, note_at


class StatementsAddUp:
    """The lines of a statement sum to what is due, the parts of a line to its balance, and its id was never another statement's."""

    def __init__(self) -> None:
        self._result = CheckResult(name="collections: the lines of a statement sum to what is due")
        self._seen: set[tuple[str, str]] = set()

    def see(self, recorded: Recorded[Any]) -> None:
        event = recorded.event
        if not isinstance(event, StatementIssued):
            return
        self._result.checked += 1
        total_cents = sum(line.balance_cents for line in event.lines)
        if total_cents != event.due_cents:
            note_at(self._result, recorded, f"{event.due_cents} cents", f"{total_cents} cents")
        for line in event.lines:
            explained_cents = sum(part.amount_cents for part in line.parts)
            if explained_cents != line.balance_cents:
                note_at(self._result, recorded, f"{line.balance_cents} cents explained", f"{explained_cents} cents")
        if (recorded.tenant, event.statement_id) in self._seen:
            note_at(self._result, recorded, "a statement id of its own", "the id of an earlier statement")
        self._seen.add((recorded.tenant, event.statement_id))

    def result(self) -> CheckResult:
        return self._result


class PlansAddUp:
    """The instalments of a plan sum to the plan."""

    def __init__(self) -> None:
        self._result = CheckResult(name="collections: the instalments of a plan sum to it")

    def see(self, recorded: Recorded[Any]) -> None:
        event = recorded.event
        if not isinstance(event, PaymentPlanAgreed):
            return
        self._result.checked += 1
        total_cents = sum(each.amount_cents for each in event.instalments)
        if total_cents != event.total_cents:
            note_at(self._result, recorded, f"{event.total_cents} cents", f"{total_cents} cents")

    def result(self) -> CheckResult:
        return self._result


class BalancesAreTheLedgers:
    """A balance is the sum of the changes heard, also where a merge carried it on, and each event of the ledger was heard once."""

    def __init__(self) -> None:
        self._result = CheckResult(name="collections: a balance is the sum of what the ledger said, each once")
        self._cents: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._heard: set[tuple[str, str]] = set()

    def see(self, recorded: Recorded[Any]) -> None:
        event = recorded.event
        if isinstance(event, GuarantorAccountJoined):
            for debt in event.carried.debts:
                self._check(recorded, debt.account_id, debt.balance_cents)
        if not isinstance(event, PatientBalanceNoted):
            return
        self._result.checked += 1
        self._cents[recorded.tenant, event.account_id] += event.change_cents
        self._check(recorded, event.account_id, event.balance_cents)
        if (recorded.tenant, event.source_event_id) in self._heard:
            note_at(self._result, recorded, "each event of the ledger once", f"{event.source_event_id} again")
        self._heard.add((recorded.tenant, event.source_event_id))

    def _check(self, recorded: Recorded[Any], account_id: str, balance_cents: int) -> None:
        heard_cents = self._cents[recorded.tenant, account_id]
        if heard_cents != balance_cents:
            note_at(self._result, recorded, f"{heard_cents} cents", f"{balance_cents} cents")

    def result(self) -> CheckResult:
        return self._result
