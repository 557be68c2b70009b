"""What becomes of a claim when the one that was to replace it, or to take it back, never leaves?

It counts again: its own answers say where it is and who is next. What was answered while the other one was under way was noted and set
aside; now it has its consequences.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias

from services.claims.domain.claim.answers import consequences
from services.claims.domain.claim.commands import WithdrawReplacement
from services.claims.domain.claim.state import Answer, Claim, Stage, evolve
from shared.events.claims import ClaimCreated, ClaimEvent, FollowUpDue, ReplacementWithdrawn

Reopened: TypeAlias = Literal["", "submitted", "adjudicated"]


def withdraw_replacement(command: WithdrawReplacement, claim: Claim, content: ClaimCreated) -> list[ClaimEvent]:
    if claim.next_claim_id != command.next_claim_id:
        return []
    withdrawn = ReplacementWithdrawn(
        claim_id=content.claim_id,
        next_claim_id=command.next_claim_id,
        reason=command.reason,
        reopens_as=_reopens_as(claim),
    )
    return [withdrawn, *_what_follows(command, claim, withdrawn, content)]


def _reopens_as(claim: Claim) -> Reopened:
    if claim.stage is not Stage.CLOSED:
        return ""
    if _ended_for_the_replacement(claim):
        return "adjudicated" if claim.answers else "submitted"
    answer = _set_aside(claim)
    return "adjudicated" if answer is not None and _goes_on(answer) else ""


def _ended_for_the_replacement(claim: Claim) -> bool:
    return claim.stage is Stage.CLOSED and claim.close_reason == "replaced"


def _set_aside(claim: Claim) -> Answer | None:
    """The last answer, if it has had no consequences. The denials of a closed claim are settled."""
    last = claim.answers[-1] if claim.answers else None
    if last is None or not last.is_set_aside:
        return None
    return replace(last, denied_cents=0) if claim.stage is Stage.CLOSED else last


def _goes_on(answer: Answer) -> bool:
    return answer.is_forwarded or (answer.next_rank or 0) > answer.adjudication.rank


def _what_follows(
    command: WithdrawReplacement, claim: Claim, withdrawn: ReplacementWithdrawn, content: ClaimCreated
) -> list[ClaimEvent]:
    after = evolve(claim, withdrawn)
    if after.stage is not Stage.ADJUDICATED:
        return []
    if _ended_for_the_replacement(claim):
        return [_check_what_is_left(command, content)]
    answer = _set_aside(claim)
    if answer is None:
        return []
    if answer.next_rank is None:  # noted before the next payer was noted with it
        return [_check_what_is_left(command, content)]
    return consequences(answer, after, content)


def _check_what_is_left(command: WithdrawReplacement, content: ClaimCreated) -> FollowUpDue:
    return FollowUpDue(
        claim_id=content.claim_id,
        waiting_for="a person",
        since_on=command.on,
        next_action="the claim that was to replace it was withdrawn: check what is left",
    )
