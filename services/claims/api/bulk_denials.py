"""Many denials at once over HTTP: what would become of each, and each by itself. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends

from services.claims.api.bulk_bodies import (
    AssignMany,
    ManyAnswer,
    ManyItem,
    NoteMany,
    OfMany,
    ResolveMany,
    SnoozeMany,
    UndoMany,
    WriteOffMany,
)
from services.claims.api.denial_requests import DenialRequests
from services.claims.api.many import Asked, Became, Kind, Many, counted
from services.claims.domain.denial.commands import UndoDenialWork
from services.claims.domain.denial.foresight import becomes
from services.claims.domain.denial.state import Denial
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.web import cause_of

Assign = Annotated[Cause, Depends(cause_of("claims:assign-denial"))]
Work = Annotated[Cause, Depends(cause_of("claims:work-denial"))]
Approve = Annotated[Cause, Depends(cause_of("claims:approve-write-off"))]


def router(commands: Commands, denial: Aggregate, requests: DenialRequests) -> APIRouter:
    routes = APIRouter(prefix="/denials/bulk", tags=["denials"])

    kind: Kind[Denial] = Kind(aggregate=denial, becomes=becomes, version_of=lambda state: state.version)

    async def each_of(seen: Mapping[str, int | None], cause: Cause, asked: Asked, *, is_preview: bool) -> ManyAnswer:
        many = Many(commands=commands, kind=kind, cause=cause, is_preview=is_preview)
        became = await many.each(seen, asked)
        items = [_item(each) for each in became]
        done_cents = sum(item.denied_cents for item in items if item.result == "done")
        return ManyAnswer(is_preview=is_preview, done_cents=done_cents, items=items, **counted(became))

    async def all_of(body: OfMany, cause: Cause, asked: Asked) -> ManyAnswer:
        seen = {each.denial_id: each.version for each in body.denials}  # one that is named twice is meant once
        return await each_of(seen, cause, asked, is_preview=body.is_preview)

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

        async def asked(denial_id: str) -> UndoDenialWork:
            return await requests.undo(denial_id, versions[denial_id], cause)

        # The command itself names what it takes back, and says why not when something happened since.
        return await each_of(dict.fromkeys(versions), cause, asked, is_preview=body.is_preview)

    return routes


def _item(became: Became[Denial]) -> ManyItem:
    opened = became.state.opened
    return ManyItem.model_validate(
        {
            "denial_id": became.key,
            "result": became.result,
            "becomes": became.becomes,
            "denied_cents": opened.denied_cents if opened else 0,
            "version": became.version,
            "code": became.code,
            "detail": became.detail,
        }
    )
