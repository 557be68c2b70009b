"""What happens because a day has come?

The next statement, the grace of an instalment, the grace of a promise, the answer to a dispute. The days come from events; what is
done on the day is decided by the guarantor account as it is then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias

from services.collections.domain.guarantor_account.commands import CheckDispute, CheckInstalment, CheckPromise, RunCycle
from services.collections.domain.guarantor_account.statements import LETTERS
from services.collections.domain.strategy import Strategy, strategy_on
from shared.events.base import EventType
from shared.events.collections import (
    CarriedAccount,
    DisputeOpened,
    DisputeResolved,
    GuarantorAccountJoined,
    GuarantorAccountMerged,
    Instalment,
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
    GuarantorAccountMerged,
    GuarantorAccountJoined,
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
            yield from _instalments(event.patient_id, event.plan_id, event.instalments, strategy)
        case PromiseMade() as event:
            yield _promise(event.patient_id, event.promise_id, event.by_on, strategy)
        case PromiseKept() | PromiseBroken() as event:
            yield CancelTimer(key=_key("promise", event.patient_id, event.promise_id))
        case DisputeOpened() as event:
            yield _dispute(event.patient_id, event.dispute_id, event.answer_by_on)
        case DisputeResolved() as event:
            yield CancelTimer(key=_key("dispute", event.patient_id, event.dispute_id))
        case GuarantorAccountMerged() as event:
            for each in _carried(event.patient_id, event.carried, strategy):
                yield CancelTimer(key=each.key)
        case GuarantorAccountJoined() as event:
            yield from _carried(event.patient_id, event.carried, strategy)


def _carried(patient_id: str, carried: CarriedAccount, strategy: Strategy) -> Iterator[SetTimer]:
    """The same days, for the account that they go on in. One that has passed is asked for again, and has been answered."""
    for plan in carried.plans:
        yield from _instalments(patient_id, plan.plan_id, plan.instalments, strategy)
    for promise in carried.promises:
        yield _promise(patient_id, promise.promise_id, promise.by_on, strategy)
    for dispute in carried.disputes:
        yield _dispute(patient_id, dispute.dispute_id, dispute.answer_by_on)


def _instalments(
    patient_id: str, plan_id: str, instalments: Sequence[Instalment], strategy: Strategy
) -> Iterator[SetTimer]:
    for each in instalments:
        after = each.due_on + timedelta(days=strategy.instalment_grace_days + 1)
        yield _set(after, "instalment", patient_id, plan_id, str(each.number))


def _promise(patient_id: str, promise_id: str, by_on: date, strategy: Strategy) -> SetTimer:
    return _set(by_on + timedelta(days=strategy.promise_grace_days + 1), "promise", patient_id, promise_id)


def _dispute(patient_id: str, dispute_id: str, answer_by_on: date) -> SetTimer:
    return _set(answer_by_on + timedelta(days=1), "dispute", patient_id, dispute_id)


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
