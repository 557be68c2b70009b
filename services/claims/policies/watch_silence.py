"""When has nobody answered for too long?

Silence concludes nothing: the payer is asked for the claim's status, where its partner answers questions, and otherwise a person. After sending: the 999 or TA1 within hours, the 277CA within two business days, the
835 within the payer's usual days, which is all that is awaited of a claim that was mailed; after forwarding, the next payer's 835. Answers cancel what they answer.
Source: the usual order of answers to an 837; the days are settings and payer terms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, TypeAlias

from services.claims.domain.batch.commands import MarkUnanswered
from services.claims.domain.claim.commands import AskStatus, MarkFollowUp
from services.claims.domain.claim.paperwork_commands import MarkInformationOverdue
from shared.events.batches import InterchangeAcknowledged, InterchangeSent
from shared.events.claims import (
    CallRecorded,
    ClaimAccepted,
    ClaimAdjudicated,
    ClaimClosed,
    ClaimRejected,
    ClaimStatusReported,
    ClaimSubmitted,
    ClaimVoided,
    CrossoverAwaited,
    InformationAnswered,
    InformationRequested,
    ReplacementWithdrawn,
    SecondaryClaimDue,
)
from shared.events.envelope import Recorded
from shared.runtime.policy import CancelTimer, DueTimer, SetTimer, TimerChange

CLAIMS = (
    InterchangeSent,
    InterchangeAcknowledged,
    ClaimSubmitted,
    ClaimAccepted,
    ClaimRejected,
    ClaimStatusReported,
    InformationRequested,
    InformationAnswered,
    CallRecorded,
    ClaimAdjudicated,
    CrossoverAwaited,
    SecondaryClaimDue,
    ReplacementWithdrawn,
    ClaimVoided,
    ClaimClosed,
)
SATURDAY = 5

Told: TypeAlias = tuple[str, AskStatus | MarkFollowUp | MarkInformationOverdue | MarkUnanswered]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is usual?"""

    acknowledgement_hours: int = 24  # TA1, 999
    claim_acknowledgement_business_days: int = 2  # 277CA
    crossover_days: int = 30
    after_reversal_days: int = 14  # the new answer usually comes in the same 835


def plan(recorded: Recorded[Any], patience: Patience) -> Iterable[TimerChange]:
    """The timers that an event sets or cancels. Their notes hold ids and dates only."""
    now = recorded.recorded_at
    match recorded.event:
        case InterchangeSent() as event:
            yield _timer("999", event.batch_id, now + timedelta(hours=patience.acknowledgement_hours), now)
        case InterchangeAcknowledged() as event:
            yield CancelTimer(key=f"999/{event.batch_id}")
        case ClaimSubmitted(mailed_on=date() as mailed_on) as event:
            yield CancelTimer(key=f"277CA/{event.claim_id}")  # nobody acknowledges paper
            due_at = now + timedelta(days=event.answer_days) + (mailed_on - now.date())
            yield SetTimer(key=f"835/{event.claim_id}", due_at=due_at, note=mailed_on.isoformat())
        case ClaimSubmitted() as event:
            due_at = after_business_days(now, patience.claim_acknowledgement_business_days)
            yield _timer("277CA", event.claim_id, due_at, now)
            yield _timer("835", event.claim_id, now + timedelta(days=event.answer_days), now)
        case ClaimAccepted() as event:
            yield CancelTimer(key=f"277CA/{event.claim_id}")
        case ClaimStatusReported() as event if event.wait_until_on is not None:
            yield _timer("835", event.claim_id, now + (event.wait_until_on - now.date()), now)
        case InformationRequested() as event:
            over_at = datetime.combine(event.due_on + timedelta(days=1), time(tzinfo=UTC))
            yield SetTimer(key=f"request/{event.request_id}", due_at=over_at, note=event.due_on.isoformat())
        case InformationAnswered() as event:
            yield CancelTimer(key=f"request/{event.request_id}")
            if event.wait_until_on is not None:
                yield _timer("835", event.claim_id, now + (event.wait_until_on - now.date()), now)
        case CallRecorded() as event:
            yield _timer("call", event.claim_id, now + (event.next_action_on - now.date()), now)
        case ClaimAdjudicated() as event if event.is_reversal:
            yield _timer("835", event.claim_id, now + timedelta(days=patience.after_reversal_days), now)
        case ReplacementWithdrawn() as event if event.reopens_as == "submitted":
            yield _timer("835", event.claim_id, now + timedelta(days=patience.after_reversal_days), now)
        case CrossoverAwaited() as event:
            yield _timer("crossover", event.claim_id, now + timedelta(days=patience.crossover_days), now)
        case SecondaryClaimDue() as event:
            yield CancelTimer(key=f"crossover/{event.claim_id}")
        case ClaimAdjudicated() | ClaimRejected() | ClaimVoided() | ClaimClosed() as event:
            yield from _nothing_awaited(event.claim_id)
        case _:
            return


def fire(due: DueTimer, in_real_time: frozenset[str] = frozenset()) -> list[Told]:
    """The batch or claim, and what is told to it: whether it still waits is its own decision.

    `in_real_time`: the partners of the tenant that answer questions while we wait.
    """
    kind, _, key = due.key.partition("/")
    since_on = date.fromisoformat(due.note)
    match kind:
        case "999":
            return [(key, MarkUnanswered(sent_on=since_on))]
        case "277CA":
            action = "ask the clearinghouse whether it has the claim"
            return [(key, _ask("277CA", since_on, action, in_real_time))]
        case "835":
            return [(key, _ask("835", since_on, "ask the payer for the claim's status", in_real_time))]
        case "request":
            return [(key.partition("-")[0], MarkInformationOverdue(request_id=key))]
        case "call":
            action = "look again, as was agreed after the call"
            return [(key, MarkFollowUp(waiting_for="a person", since_on=since_on, next_action=action))]
        case "crossover":
            action = "ask the next payer whether the forwarded claim arrived, or send our own"
            return [(key, MarkFollowUp(waiting_for="835", since_on=since_on, next_action=action))]
        case _:
            raise LookupError(f"no timer of this kind: {kind}")


def _ask(waiting_for: Literal["277CA", "835"], since_on: date, next_action: str, partners: frozenset[str]) -> AskStatus:
    return AskStatus(waiting_for=waiting_for, since_on=since_on, next_action=next_action, partners=partners)


def after_business_days(moment: datetime, days: int) -> datetime:
    """So many weekdays later, at the same time of day. Public holidays count as weekdays."""
    while days > 0:
        moment += timedelta(days=1)
        days -= moment.weekday() < SATURDAY
    return moment


def _timer(kind: str, key: str, due_at: datetime, since: datetime) -> SetTimer:
    return SetTimer(key=f"{kind}/{key}", due_at=due_at, note=since.date().isoformat())


def _nothing_awaited(claim_id: str) -> Iterator[CancelTimer]:
    for kind in ("277CA", "835", "crossover", "call"):
        yield CancelTimer(key=f"{kind}/{claim_id}")
