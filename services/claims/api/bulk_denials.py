"""Many denials at once over HTTP: what would become of each, and each by itself. No rule lives here.

Every denial is a command of its own with an id of its own, so one that is refused keeps none of the others from being done, and a
request that comes again after a crash does what is missing and nothing twice.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends

from services.claims.api.bulk_bodies import (
    AssignMany,
    ManyAnswer,
    ManyItem,
    Meant,
    NoteMany,
    OfMany,
    ResolveMany,
    SnoozeMany,
    UndoMany,
    WriteOffMany,
)
from services.claims.api.denial_requests import DenialRequests
from services.claims.domain.denial.commands import DenialCommand
from services.claims.domain.denial.foresight import becomes
from services.claims.domain.denial.state import Denial
from shared.events.envelope import Position
from shared.kernel.errors import DomainError
from shared.kernel.identifiers import derived_id
from shared.runtime.command import Aggregate, Cause, ChangedMeanwhile, Commands
from shared.runtime.web import cause_of

AT_A_TIME = 16

Assign = Annotated[Cause, Depends(cause_of("claims:assign-denial"))]
Work = Annotated[Cause, Depends(cause_of("claims:work-denial"))]
Approve = Annotated[Cause, Depends(cause_of("claims:approve-write-off"))]
Asked: TypeAlias = Callable[[str], Awaitable[DenialCommand]]


def router(commands: Commands, denial: Aggregate, requests: DenialRequests) -> APIRouter:
    routes = APIRouter(prefix="/denials/bulk", tags=["denials"])

    async def all_of(body: OfMany, cause: Cause, asked: Asked) -> ManyAnswer:
        return await _Many(commands=commands, denial=denial, cause=cause, is_preview=body.is_preview).each(
            body.denials, asked
        )

    @routes.post("/assign")
    async def assign_denials(body: AssignMany, cause: Assign) -> ManyAnswer:
        """Give denials to one person for some days; with `is_preview` only tell what would happen to each."""
        return await all_of(body, cause, lambda denial_id: requests.assign(denial_id, body, cause))

    @routes.post("/note")
    async def note_denials(body: NoteMany, cause: Work) -> ManyAnswer:
        """Record one contact about many denials. The words are sealed for each patient by themselves."""
        return await all_of(body, cause, lambda denial_id: requests.note(denial_id, body, cause))

    @routes.post("/snooze")
    async def snooze_denials(body: SnoozeMany, cause: Work) -> ManyAnswer:
        """Leave denials until a day."""
        return await all_of(body, cause, lambda denial_id: requests.snooze(denial_id, body, cause))

    @routes.post("/resolve")
    async def resolve_denials(body: ResolveMany, cause: Work) -> ManyAnswer:
        """Resolve denials with one outcome, such as not workable."""
        return await all_of(body, cause, lambda denial_id: requests.resolve(denial_id, body, cause))

    @routes.post("/write-off")
    async def write_off_denials(body: WriteOffMany, cause: Work) -> ManyAnswer:
        """Let the money of each go, at once up to the limit of one person; above it, ask another to decide."""
        return await all_of(body, cause, lambda denial_id: requests.write_off(denial_id, body, cause))

    @routes.post("/write-off/approve")
    async def approve_write_offs(body: OfMany, cause: Approve) -> ManyAnswer:
        """Agree to write-offs that somebody else asked for."""
        return await all_of(body, cause, lambda denial_id: requests.approve_write_off(denial_id, body, cause))

    @routes.post("/write-off/refuse")
    async def refuse_write_offs(body: WriteOffMany, cause: Approve) -> ManyAnswer:
        """Do not agree: they are worked on."""
        return await all_of(body, cause, lambda denial_id: requests.refuse_write_off(denial_id, body, cause))

    @routes.post("/undo")
    async def undo_many(body: UndoMany, cause: Work) -> ManyAnswer:
        """Take one's own last assignments, notes or snoozes back, of those to which nothing happened since."""
        versions = {each.denial_id: each.version for each in body.denials}
        meant = [Meant(denial_id=each) for each in versions]
        many = _Many(commands=commands, denial=denial, cause=cause, is_preview=body.is_preview)
        return await many.each(meant, lambda denial_id: requests.undo(denial_id, versions[denial_id], cause))

    return routes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Many:
    """One request about many denials."""

    commands: Commands
    denial: Aggregate
    cause: Cause
    is_preview: bool

    async def each(self, meant: Sequence[Meant], asked: Asked) -> ManyAnswer:
        """A denial that is named twice is meant once."""
        turns = asyncio.Semaphore(AT_A_TIME)
        once = {each.denial_id: each for each in meant}

        async def one(each: Meant) -> tuple[ManyItem, Position | None]:
            async with turns:
                return await self._one(each, asked)

        told = await asyncio.gather(*(one(each) for each in once.values()))
        items = [item for item, _ in told]
        counted = Counter(item.result for item in items)
        last = max((position for _, position in told if position is not None), default=None)
        return ManyAnswer(
            is_preview=self.is_preview,
            done=counted["done"],
            unchanged=counted["unchanged"],
            refused=counted["refused"],
            done_cents=sum(item.denied_cents for item in items if item.result == "done"),
            items=items,
            after=None if last is None else f"claims:{last}",
        )

    async def _one(self, meant: Meant, asked: Asked) -> tuple[ManyItem, Position | None]:
        try:
            command = await asked(meant.denial_id)
            return await (self._foresee(meant, command) if self.is_preview else self._do(meant, command))
        except DomainError as refusal:
            state = await self._state(meant.denial_id)
            refused = _item(meant, state, "", version=state.version)
            return refused.model_copy(update={"result": "refused", "code": refusal.code, "detail": str(refusal)}), None

    async def _foresee(self, meant: Meant, command: DenialCommand) -> tuple[ManyItem, None]:
        state = await self._state(meant.denial_id)
        if state.opened is not None and meant.version not in (None, state.version):
            raise ChangedMeanwhile("something happened here since: look again")
        events = self.denial.decider.decide(command, state)
        return _item(meant, state, becomes(events), version=state.version), None

    async def _do(self, meant: Meant, command: DenialCommand) -> tuple[ManyItem, Position | None]:
        own = replace(
            self.cause,
            command_id=derived_id(self.cause.command_id, "denial", meant.denial_id),
            expected_version=meant.version,
        )
        outcome = await self.commands.handle(self.denial, meant.denial_id, command, own)
        what = becomes([recorded.event for recorded in outcome.events])
        return _item(meant, await self._state(meant.denial_id), what, version=outcome.version), outcome.position

    async def _state(self, denial_id: str) -> Denial:
        state: Denial = await self.commands.state(self.denial, self.cause.tenant, denial_id)
        return state


def _item(meant: Meant, state: Denial, what: Any, *, version: int) -> ManyItem:
    return ManyItem(
        denial_id=meant.denial_id,
        result="done" if what else "unchanged",
        becomes=what,
        denied_cents=state.opened.denied_cents if state.opened else 0,
        version=version,
    )
