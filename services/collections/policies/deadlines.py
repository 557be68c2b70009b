"""What happens because a day has come?

The next statement, the grace of an instalment, the grace of a promise, the answer to a dispute. The days come from events; what is
done on the day is decided by the guarantor account as it is then.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias

from services.collections.domain.guarantor_account.commands import CheckDispute, CheckInstalment, CheckPromise, RunCycle
from services.collections.domain.guarantor_account.statements import LETTERS
from services.collections.domain.strategy import strategy_on
from shared.events.base import EventType
from shared.events.collections import (
    DisputeOpened,
    DisputeResolved,
    NextStepPlanned,
    PaymentPlanAgreed,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
)
from shared.events.envelope import Recorded
from shared.runtime.policy import CancelTimer, DueTimer, SetTimer, TimerChange

PLANS: tuple[EventType, ...] = (
    NextStepPlanned,
    PaymentPlanAgreed,
    PromiseMade,
    PromiseKept,
    PromiseBroken,
    DisputeOpened,
    DisputeResolved,
)
Deadline: TypeAlias = RunCycle | CheckInstalment | CheckPromise | CheckDispute
_HOUR = time(13, tzinfo=UTC)  # morning in every state of the mainland


def plan(recorded: Recorded[Any]) -> Iterator[TimerChange]:
    """The days that an event sets, moves or strikes out."""
    strategy = strategy_on(recorded.recorded_at.date())
    match recorded.event:
        case NextStepPlanned(step=step, due_on=date() as due_on) as event if step in LETTERS:
            yield _set(due_on, "cycle", event.patient_id)
        case NextStepPlanned() as event:
            yield CancelTimer(key=_key("cycle", event.patient_id))
        case PaymentPlanAgreed() as event:
            for each in event.instalments:
                after = each.due_on + timedelta(days=strategy.instalment_grace_days + 1)
                yield _set(after, "instalment", event.patient_id, event.plan_id, str(each.number))
        case PromiseMade() as event:
            after = event.by_on + timedelta(days=strategy.promise_grace_days + 1)
            yield _set(after, "promise", event.patient_id, event.promise_id)
        case PromiseKept() | PromiseBroken() as event:
            yield CancelTimer(key=_key("promise", event.patient_id, event.promise_id))
        case DisputeOpened() as event:
            yield _set(event.answer_by_on + timedelta(days=1), "dispute", event.patient_id, event.dispute_id)
        case DisputeResolved() as event:
            yield CancelTimer(key=_key("dispute", event.patient_id, event.dispute_id))


def fire(timer: DueTimer, today: date) -> tuple[str, Deadline]:
    """The patient, and what is asked of the account on that day. Raises ValueError for a timer that is none of ours."""
    match timer.key.split("|"):
        case ["cycle", patient_id]:
            return patient_id, RunCycle(patient_id=patient_id, on=today)
        case ["instalment", patient_id, plan_id, number]:
            return patient_id, CheckInstalment(patient_id=patient_id, plan_id=plan_id, number=int(number), on=today)
        case ["promise", patient_id, promise_id]:
            return patient_id, CheckPromise(patient_id=patient_id, promise_id=promise_id, on=today)
        case ["dispute", patient_id, dispute_id]:
            return patient_id, CheckDispute(patient_id=patient_id, dispute_id=dispute_id, on=today)
        case _:
            raise ValueError("a timer of another kind")


def _set(on: date, *parts: str) -> SetTimer:
    return SetTimer(key=_key(*parts), due_at=datetime.combine(on, _HOUR))


def _key(*parts: str) -> str:
    return "|".join(parts)
