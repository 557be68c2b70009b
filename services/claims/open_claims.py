"""Is every open claim somebody's? With us it is a desk's or the machine's; with the payer there is a day on which its silence is
noticed, or a person was asked, or a request for information is open.

Days are the timers that the same events set in the running system. A timer that is past by some days, with no event that came of it,
is no day any more: what should have followed is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.claims.policies import ask_payers, watch_silence
from shared.events.claims import (
    CallRecorded,
    ClaimAccepted,
    ClaimAdjudicated,
    ClaimBatched,
    ClaimClosed,
    ClaimCorrected,
    ClaimCreated,
    ClaimDenied,
    ClaimHeld,
    ClaimRejected,
    ClaimReleased,
    ClaimStatusReported,
    ClaimStatusRequested,
    ClaimSubmitted,
    ClaimVoided,
    FollowUpDue,
    InformationAnswered,
    InformationRequested,
    ReplacementWithdrawn,
)
from shared.events.envelope import Recorded
from shared.runtime.invariants import CheckResult, note
from shared.runtime.policy import SetTimer

GRACE = timedelta(days=3)  # of business time, in which a timer that is due may still fire

_FIRED_BY_FOLLOW_UP = {"277CA": ("277CA",), "835": ("835", "crossover"), "a person": ("call",)}


@dataclass(slots=True)
class _Standing:
    where: str
    is_open: bool = True
    has_way: bool = False  # held, released, sent or answered: it left the edits
    waits: bool = False  # with the payer
    has_person: bool = False
    requests: int = 0
    days: dict[str, datetime] = field(default_factory=dict)


class OpenClaimsAreSomebodys:
    """No open claim is without a next action and an owner."""

    def __init__(self, patience: watch_silence.Patience, question_patience: timedelta) -> None:
        self._patience = patience
        self._question_patience = question_patience
        self._claims: dict[tuple[str, str], _Standing] = {}
        self._now: dict[str, datetime] = {}

    def see(self, recorded: Recorded[Any]) -> None:
        event, tenant = recorded.event, recorded.tenant
        self._now[tenant] = max(recorded.recorded_at, self._now.get(tenant, recorded.recorded_at))
        if not recorded.stored.stream.startswith("claim/"):
            return
        standing = self._claims.setdefault((tenant, event.claim_id), _Standing(where=recorded.stored.key))
        _move(standing, event)
        _fire(standing, event)
        if type(event) in watch_silence.CLAIMS:
            _plan(standing, watch_silence.plan(recorded, self._patience))
        if type(event) in ask_payers.ANSWERS:
            _plan(standing, ask_payers.plan(recorded, self._question_patience))

    def result(self) -> CheckResult:
        result = CheckResult(name="claims: every open claim has a next action and an owner")
        for (tenant, _), standing in self._claims.items():
            if not standing.is_open:
                continue
            result.checked += 1
            if not standing.has_way:
                note(result, standing.where, "held, or released to be sent", "neither")
            elif standing.waits and not _is_somebodys(standing, self._now[tenant]):
                note(result, standing.where, "a day on which silence is noticed, or a person", _missed(standing))
        return result


def _is_somebodys(standing: _Standing, now: datetime) -> bool:
    is_noticed = any(due_at >= now - GRACE for due_at in standing.days.values())
    return standing.has_person or standing.requests > 0 or is_noticed


def _missed(standing: _Standing) -> str:
    passed = ", ".join(f"{key.partition('/')[0]} on {day.date()}" for key, day in sorted(standing.days.items()))
    return f"nothing came of {passed}" if passed else "none"


def _move(standing: _Standing, event: Any) -> None:
    match event:
        case ClaimCreated() | ClaimCorrected():
            standing.is_open, standing.has_way, standing.waits = True, False, False
        case ClaimHeld() | ClaimReleased() | ClaimBatched() | ClaimRejected() | ClaimDenied():
            standing.is_open, standing.has_way, standing.waits = True, True, False
        case ClaimSubmitted() | ClaimAccepted():
            standing.has_way, standing.waits, standing.has_person = True, True, False
        case ClaimAdjudicated():
            standing.is_open, standing.has_way = True, True
            standing.waits, standing.has_person = event.is_reversal, False
        case ReplacementWithdrawn() if event.reopens_as:
            standing.is_open, standing.has_way = True, True
            standing.waits, standing.has_person = event.reopens_as == "submitted", False
        case ClaimClosed() | ClaimVoided():
            standing.is_open = False
            standing.days.clear()
        case ClaimStatusRequested() | CallRecorded(waits=True):
            standing.has_person = False
        case ClaimStatusReported() if event.meaning:
            standing.has_person = False
        case FollowUpDue():
            standing.has_person = True
        case InformationRequested():
            standing.requests += 1
        case InformationAnswered():
            standing.requests -= 1
            standing.has_person = standing.has_person and event.wait_until_on is None
        case _:
            return


def _fire(standing: _Standing, event: Any) -> None:
    """What came of a timer that was due."""
    kinds: tuple[str, ...] = ()
    if isinstance(event, FollowUpDue):
        kinds = _FIRED_BY_FOLLOW_UP.get(event.waiting_for, ())
    elif isinstance(event, ClaimStatusRequested):
        kinds = (event.waiting_for, "retry")
    for kind in kinds:
        standing.days.pop(f"{kind}/{event.claim_id}", None)


def _plan(standing: _Standing, changes: Any) -> None:
    for change in changes:
        standing.days.pop(change.key, None)
        if isinstance(change, SetTimer) and not change.key.startswith("request/"):
            standing.days[change.key] = change.due_at
