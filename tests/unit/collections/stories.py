"""The patient, the debts and the days that stories about collections begin with."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from services.collections.domain.guarantor_account.commands import NoteBalance, RunCycle
from services.collections.domain.guarantor_account.decider import guarantor_account
from services.collections.domain.strategy import STRATEGIES
from shared.testing.specification import Specification

spec = Specification(guarantor_account)

PATIENT = "patient-1"
A, B = "ACCOUNT-A", "ACCOUNT-B"
DAY = date(2026, 3, 2)
STRATEGY = STRATEGIES[0]
FIRST = DAY + timedelta(days=STRATEGY.first_wait_days)


def later(days: int, since: date = FIRST) -> date:
    return since + timedelta(days=days)


_count = iter(range(1, 1_000_000))


def owes(cents: int, account: str = A, *, on: date = DAY, **changes: Any) -> NoteBalance:
    told: dict[str, Any] = {
        "patient_id": PATIENT,
        "account_id": account,
        "change_cents": cents,
        "reason": "deductible",
        "since_on": on,
        "source_event_id": f"event-{next(_count)}",
        "on": on,
    }
    return NoteBalance(**(told | changes))


def pays(cents: int, account: str = A, *, on: date) -> NoteBalance:
    return owes(-cents, account, on=on, reason="payment", payment_id=f"payment-{next(_count)}")


def cycle(on: date = FIRST) -> RunCycle:
    return RunCycle(patient_id=PATIENT, on=on)


def notices(count: int) -> list[RunCycle]:
    """The cycle of the first so many notices, each on its day."""
    return [cycle(later(STRATEGY.interval_days * number)) for number in range(count)]


LAST_NOTICE = later(STRATEGY.interval_days * (STRATEGY.last - 1))
