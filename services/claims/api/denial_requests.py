"""What does a request about a denial ask for? The same command whether it is about one denial or about hundreds."""

from __future__ import annotations

from dataclasses import dataclass

from services.claims.api.bodies import AssignBody, NoteBody, OutcomeBody, SnoozeBody, WriteOffBody
from services.claims.domain.claim.state import Claim
from services.claims.domain.denial.commands import (
    ApproveWriteOff,
    AssignDenial,
    NoteDenial,
    RefuseWriteOff,
    ResolveDenial,
    SnoozeDenial,
    UndoDenialWork,
    WriteOffDenial,
    claim_of_denial,
)
from services.claims.domain.errors import DenialUnknown
from shared.events.base import Sealed
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialRequests:
    """Today, the limits of the practice, and whose key a note is sealed under."""

    commands: Commands
    claim: Aggregate
    clock: Clock
    assignment_days: int
    write_off_alone_cents_max: int

    async def assign(self, denial_id: str, body: AssignBody, cause: Cause) -> AssignDenial:
        assignee = body.assignee or cause.actor
        return AssignDenial(by=cause.actor, assignee=assignee, on=self.clock.now().date(), days=self.assignment_days)

    async def note(self, denial_id: str, body: NoteBody, cause: Cause) -> NoteDenial:
        """The words are sealed for the patient. Raises DenialUnknown."""
        note: Sealed[str] | None = None
        if body.note:
            state: Claim = await self.commands.state(self.claim, cause.tenant, claim_of_denial(denial_id))
            if state.content is None:
                raise DenialUnknown("there is no claim for this denial")
            note = Sealed.fresh(state.content.patient_id, "note", body.note)
        return NoteDenial(
            by=cause.actor,
            on=self.clock.now().date(),
            outcome_code=body.outcome_code,
            reference_number=body.reference_number,
            next_action_on=body.next_action_on,
            note=note,
        )

    async def snooze(self, denial_id: str, body: SnoozeBody, cause: Cause) -> SnoozeDenial:
        return SnoozeDenial(
            by=cause.actor, on=self.clock.now().date(), until_on=body.until_on, because=body.because or ""
        )

    async def write_off(self, denial_id: str, body: WriteOffBody, cause: Cause) -> WriteOffDenial:
        return WriteOffDenial(
            by=cause.actor,
            on=self.clock.now().date(),
            reason=body.reason,
            alone_cents_max=self.write_off_alone_cents_max,
        )

    async def approve_write_off(self, denial_id: str, body: object, cause: Cause) -> ApproveWriteOff:
        return ApproveWriteOff(by=cause.actor)

    async def refuse_write_off(self, denial_id: str, body: WriteOffBody, cause: Cause) -> RefuseWriteOff:
        return RefuseWriteOff(by=cause.actor, on=self.clock.now().date(), reason=body.reason)

    async def undo(self, denial_id: str, version: int, cause: Cause) -> UndoDenialWork:
        return UndoDenialWork(by=cause.actor, on=self.clock.now().date(), version=version)

    async def resolve(self, denial_id: str, body: OutcomeBody, cause: Cause, recovered_cents: int = 0) -> ResolveDenial:
        return ResolveDenial(
            by=cause.actor,
            on=self.clock.now().date(),
            outcome=body.outcome,
            recovered_cents=recovered_cents,
            reason=body.reason or "",
        )
