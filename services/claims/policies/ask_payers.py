"""How is a payer asked for a claim's status, and when is it asked again?

The question is written and sent when the log says that it was asked; what comes back is taken in like a file of the partner, kept raw
first. Nobody answers: after the patience the claim decides, and a question that is asked again is asked later each time.
Source: ASC X12N 005010X212 (276, 277); CAQH CORE (no resend before 90 seconds).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Protocol

from services.claims.domain.claim.commands import AskStatusAgain, StopWaitingForStatus
from services.claims.domain.claim.state import Claim
from services.claims.domain.claim.status_question import StatusQuestion, opened_question, sealed_values
from services.claims.domain.partner.state import Partner
from shared.events.claims import (
    ClaimAdjudicated,
    ClaimClosed,
    ClaimRejected,
    ClaimStatusReported,
    ClaimStatusRequested,
    ClaimStatusUnanswered,
    ClaimVoided,
)
from shared.events.envelope import Recorded
from shared.kernel.errors import NotFound
from shared.kernel.identifiers import derived_id
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.partners.realtime import NotAnswered
from shared.runtime.policy import CancelTimer, DueTimer, SetTimer, TimerChange
from shared.runtime.vault import Opener, Vault

CLAIMS = (ClaimStatusRequested,)
ANSWERS = (
    ClaimStatusRequested,
    ClaimStatusReported,
    ClaimStatusUnanswered,
    ClaimAdjudicated,
    ClaimRejected,
    ClaimVoided,
    ClaimClosed,
)
ACTOR = "policy:claims.ask-payers"

_OPENER = Opener(actor=ACTOR, purpose="clearinghouse")
_FIRST_RETRY = timedelta(minutes=15)  # doubled with each attempt
_WAIT, _RETRY = "wait", "retry"
_log = logging.getLogger(__name__)


class Payers(Protocol):
    """Payers behind partners that answer while we wait."""

    async def ask(self, tenant: str, partner_id: str, payer_id: str, interchange: bytes) -> bytes:
        """The partner's answer, as sent. Raises NotAnswered."""
        ...


class TakesFiles(Protocol):
    async def take(self, content: bytes, cause: Cause) -> Any: ...


class AskPayers:
    """Questions out, answers in."""

    def __init__(
        self,
        *,
        commands: Commands,
        vault: Vault,
        clock: Clock,
        claim: Aggregate,
        partner: Aggregate,
        payers: Payers,
        write: Callable[[StatusQuestion], bytes],
        answers: TakesFiles,
    ) -> None:
        self._commands = commands
        self._vault = vault
        self._clock = clock
        self._claim = claim
        self._partner = partner
        self._payers = payers
        self._write = write
        self._answers = answers

    async def ask(self, recorded: Recorded[ClaimStatusRequested]) -> None:
        """Ask, if the question is still open, and take in what comes back. Nothing when nobody answers."""
        asked = recorded.event
        question = await self._question(recorded.tenant, asked)
        if question is None:
            return
        try:
            answer = await self._payers.ask(recorded.tenant, asked.partner_id, asked.payer_id, self._write(question))
        except NotAnswered as silence:
            _log.warning("nobody answers", extra={"payer_id": asked.payer_id, "why": str(silence)})
            return
        cause = Cause(
            tenant=recorded.tenant,
            actor=ACTOR,
            command_id=derived_id("claims.ask-payers", recorded.tenant, asked.trace_number),
            correlation_id=recorded.stored.correlation_id,
            causation_id=str(recorded.event_id),
        )
        await self._answers.take(answer, cause)

    async def _question(self, tenant: str, asked: ClaimStatusRequested) -> StatusQuestion | None:
        """In the clear. None when it was answered meanwhile, or can never be written: then the patience ends it."""
        claim: Claim = await self._commands.state(self._claim, tenant, asked.claim_id)
        is_open = claim.asked.is_open and claim.asked.question == asked
        partner: Partner = await self._commands.state(self._partner, tenant, asked.partner_id)
        if not is_open or claim.content is None or partner.listing is None:
            return None
        pairs = sealed_values(claim.content)
        sealed, kinds = [one for one, _ in pairs], [kind for _, kind in pairs]
        try:
            values = await self._vault.open_many(tenant, sealed, kinds, _OPENER)
        except NotFound:  # the patient was erased: nobody can write this question any more
            return None
        return opened_question(asked, claim, partner.listing, values, self._clock.now())


# --- silence ----------------------------------------------------------------------------------------------------------


def plan(recorded: Recorded[Any], patience: timedelta) -> Iterable[TimerChange]:
    """How long an answer is waited for, and when an unanswered question is asked again."""
    event, at = recorded.event, recorded.recorded_at
    wait, retry = f"{_WAIT}/{event.claim_id}", f"{_RETRY}/{event.claim_id}"
    match event:
        case ClaimStatusRequested():
            yield SetTimer(key=wait, due_at=at + patience, note=event.trace_number)
            yield CancelTimer(key=retry)
        case ClaimStatusUnanswered(asks_again=True):
            yield CancelTimer(key=wait)
            due_at = at + _FIRST_RETRY * 2 ** (event.attempt - 1)
            yield SetTimer(key=retry, due_at=due_at, note=event.trace_number)
        case ClaimStatusReported(trace_number=""):
            return  # it answers no open question
        case _:
            yield CancelTimer(key=wait)
            yield CancelTimer(key=retry)


def fire(due: DueTimer) -> list[tuple[str, AskStatusAgain | StopWaitingForStatus]]:
    """The claim and what is told to it."""
    kind, _, claim_id = due.key.partition("/")
    if kind == _WAIT:
        return [(claim_id, StopWaitingForStatus(trace_number=due.note))]
    return [(claim_id, AskStatusAgain(after_trace_number=due.note))]
