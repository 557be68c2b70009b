"""Denials over HTTP: the queue in the order of what they are worth, and the work on them. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query

from services.claims.api.bodies import (
    AppealBody,
    AppealDecisionRow,
    AppealTermsAnswer,
    AssignBody,
    CauseRow,
    DecisionBody,
    DenialId,
    DenialRow,
    DenialsSummary,
    DenialViews,
    MovedDeadlineRow,
    NoteBody,
    OverturnRow,
    PayerId,
    ResolveBody,
    SnoozeBody,
    UndoBody,
    WriteOffBody,
)
from services.claims.api.denial_requests import DenialRequests
from services.claims.domain.denial.commands import (
    DecideAppeal,
    DenialCommand,
    FileAppeal,
)
from services.claims.domain.denial.state import Denial
from services.claims.domain.errors import DenialUnknown
from services.claims.projections import denial_queue, denial_work
from services.claims.projections.appeals import AppealReads, appeal_deadlines_moved
from services.claims.projections.appeals import projection as deadlines
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, Slice, asc, desc, page, row, rows
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, done, versioned_cause_of

Reader = Annotated[Caller, Depends(caller("claims:read-denials"))]
Assign = Annotated[Cause, Depends(versioned_cause_of("claims:assign-denial"))]
Work = Annotated[Cause, Depends(versioned_cause_of("claims:work-denial"))]
Approve = Annotated[Cause, Depends(versioned_cause_of("claims:approve-write-off"))]
FileIt = Annotated[Cause, Depends(versioned_cause_of("claims:file-appeal"))]
DecideIt = Annotated[Cause, Depends(versioned_cause_of("claims:decide-appeal"))]
Filter = Annotated[str | None, Query(max_length=80)]
AwaitsApproval = Annotated[bool | None, Query(description="Whether a write-off waits for a second person.")]
Escalated = Annotated[bool | None, Query(description="Whether it went up, and nobody worked on it since.")]
Snoozed = Annotated[bool, Query(description="Those put off to a later day instead of those in the queue.")]

WithClosed = Annotated[bool, Query(description="Open and closed ones, put off or not: what the causes are the sum of.")]

_QUEUE = denial_queue.projection.name


def router(
    commands: Commands,
    reads: ReadDatabase,
    denial: Aggregate,
    requests: DenialRequests,
    clock: Clock,
    appeals: AppealReads,
    *,
    win_chance_cases_min: int,
) -> APIRouter:
    routes = APIRouter(tags=["denials"])

    async def handle(denial_id: str, command: DenialCommand, cause: Cause) -> Done:
        return done(await commands.handle(denial, denial_id, command, cause), "claims")

    @routes.get("/denials")
    async def list_denials(
        who: Reader,
        category: Filter = None,
        payer_id: Filter = None,
        assignee: Filter = None,
        claim_id: Filter = None,
        reason_group: Filter = None,
        reason: Filter = None,
        origin: Filter = None,
        is_open: bool = True,
        with_closed: WithClosed = False,
        awaits_approval: AwaitsApproval = None,
        is_escalated: Escalated = None,
        is_snoozed: Snoozed = False,
        on: Annotated[date | None, Query(description="The day for which urgency counts; absent: today.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[DenialRow]:
        """Denials by expected recovery times urgency, the most first; the parts of the rank are in each row.

        What was put off to a later day is left out, and listed with `is_snoozed`.
        """
        await reads.wait_for(_QUEUE, after)
        denials = denial_queue.ranked(on or clock.now().date(), cases_min=win_chance_cases_min)
        wanted = {
            "category": category,
            "payer_id": payer_id,
            "assignee": assignee,
            "claim_id": claim_id,
            "reason_group": reason_group,
            "reason": reason,
            "origin": origin,
        }
        found = _wanted(
            denials,
            wanted,
            is_open=None if with_closed else is_open,
            is_snoozed=is_snoozed,
            awaits_approval=awaits_approval,
            is_escalated=is_escalated,
        )
        order = (desc(denials.c.score_cents), asc(denials.c.denial_id))
        # The rank is computed for every denial of the queue: only number and rank are carried through its sort.
        ranked = [denials.c.score_cents, denials.c.denial_id]
        numbers = found.with_only_columns(*ranked)
        async with reads.read(who.tenant) as connection:
            part = await page(connection, numbers, order=order, limit=limit, cursor=cursor)
            shown = denials.c.denial_id.in_([each["denial_id"] for each in part.rows])
            whole = {each["denial_id"]: each for each in await rows(connection, sa.select(denials).where(shown))}
            part = Slice(rows=[whole[each["denial_id"]] for each in part.rows], next=part.next)
            return Page[DenialRow].of(part, await reads.positions(connection, _QUEUE))

    @routes.get("/denials/views")
    async def count_views(who: Reader, after: After = None) -> DenialViews:
        """How many denials the usual views of the queue hold; `mine` are those of whoever asks."""
        await reads.wait_for(_QUEUE, after)
        async with reads.read(who.tenant) as connection:
            [counts] = await rows(connection, denial_queue.in_views(clock.now().date(), who.actor))
            return DenialViews.model_validate({**counts, "positions": await reads.positions(connection, _QUEUE)})

    @routes.get("/denials/summary")
    async def summarise_denials(
        who: Reader,
        category: Filter = None,
        payer_id: Filter = None,
        assignee: Filter = None,
        reason_group: Filter = None,
        reason: Filter = None,
        origin: Filter = None,
        is_open: bool = True,
        with_closed: WithClosed = False,
        awaits_approval: AwaitsApproval = None,
        is_escalated: Escalated = None,
        is_snoozed: Snoozed = False,
        after: After = None,
    ) -> DenialsSummary:
        """What the list of these filters holds, counted and summed."""
        await reads.wait_for(_QUEUE, after)
        today = clock.now().date()
        wanted = {
            "category": category,
            "payer_id": payer_id,
            "assignee": assignee,
            "reason_group": reason_group,
            "reason": reason,
            "origin": origin,
        }
        queue = denial_queue.ranked(today, cases_min=win_chance_cases_min)
        found = _wanted(
            queue,
            wanted,
            is_open=None if with_closed else is_open,
            is_snoozed=is_snoozed,
            awaits_approval=awaits_approval,
            is_escalated=is_escalated,
        )
        async with reads.read(who.tenant) as connection:
            [sums] = await rows(connection, denial_queue.summed(found.subquery("found"), today))
            return DenialsSummary.model_validate({**sums, "positions": await reads.positions(connection, _QUEUE)})

    @routes.get("/denials/causes")
    async def list_causes(who: Reader, limit: Limit = 20) -> list[CauseRow]:
        """Where denials begin: payer, reason and origin with dollars, the most first."""
        async with reads.read(who.tenant) as connection:
            return [CauseRow.model_validate(dict(found)) for found in await rows(connection, _causes(limit))]

    @routes.get("/denials/overturn-rates")
    async def list_overturn_rates(who: Reader, after: After = None) -> list[OverturnRow]:
        """How payers decided on appeals, by category and level: `won_percent` = won / (won + upheld). Dismissed ones are counted apart."""
        await reads.wait_for(denial_work.projection.name, after)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, denial_work.overturn_rates())
        return [OverturnRow.of(dict(each)) for each in found]

    @routes.get("/denials/appeal-decisions")
    async def list_appeal_decisions(
        who: Reader,
        payer_id: Filter = None,
        category: Filter = None,
        level: Annotated[int | None, Query(ge=1, le=5)] = None,
        outcome: Filter = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[AppealDecisionRow]:
        """The decisions that the overturn rates are counted from, the latest first."""
        await reads.wait_for(denial_work.projection.name, after)
        table = denial_work.appeal_decisions
        wanted = {"payer_id": payer_id, "category": category, "level": level, "outcome": outcome}
        filters = [table.c[name] == value for name, value in wanted.items() if value is not None]
        order = (desc(table.c.decided_on), asc(table.c.denial_id), asc(table.c.version))
        async with reads.read(who.tenant) as connection:
            part = await page(connection, sa.select(table).where(*filters), order=order, limit=limit, cursor=cursor)
            return Page[AppealDecisionRow].of(part, await reads.positions(connection, denial_work.projection.name))

    @routes.get("/denials/moved-deadlines")
    async def list_moved_deadlines(
        who: Reader,
        payer_id: Filter = None,
        rule_version: Annotated[int | None, Query(ge=1, le=10**6, description="Of the payer's listing.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[MovedDeadlineRow]:
        """Last days of appeals that changed with a payer's listing, the latest first: what they were, and what they are."""
        await reads.wait_for(deadlines.name, after)
        moved = appeal_deadlines_moved
        wanted = {"payer_id": payer_id, "rule_version": rule_version}
        filters = [moved.c[name] == value for name, value in wanted.items() if value is not None]
        order = (desc(moved.c.moved_at), asc(moved.c.denial_id), asc(moved.c.version))
        async with reads.read(who.tenant) as connection:
            part = await page(connection, sa.select(moved).where(*filters), order=order, limit=limit, cursor=cursor)
            return Page[MovedDeadlineRow].of(part, await reads.positions(connection, deadlines.name))

    @routes.get("/denials/appeal-levels/{payer_id}")
    async def read_appeal_levels(payer_id: PayerId, who: Reader) -> AppealTermsAnswer:
        """The levels of a payer as they count now, and where they are known from."""
        return AppealTermsAnswer.model_validate(await appeals.terms(who.tenant, payer_id))

    @routes.get("/denials/{denial_id}")
    async def read_denial(denial_id: DenialId, who: Reader, after: After = None) -> DenialRow:
        await reads.wait_for(_QUEUE, after)
        denials = denial_queue.ranked(clock.now().date(), cases_min=win_chance_cases_min)
        async with reads.read(who.tenant) as connection:
            found = await row(connection, sa.select(denials).where(denials.c.denial_id == denial_id))
        if found is None:
            raise DenialUnknown("there is no such denial")
        return DenialRow.model_validate(dict(found))

    @routes.post("/denials/{denial_id}/assign")
    async def assign_denial(denial_id: DenialId, body: AssignBody, cause: Assign) -> Done:
        """Give a denial to one person for some days."""
        return await handle(denial_id, await requests.assign(denial_id, body, cause), cause)

    @routes.post("/denials/{denial_id}/note")
    async def note_denial(denial_id: DenialId, body: NoteBody, cause: Work) -> Done:
        """Record a contact with its outcome and when to look again. The words are sealed."""
        return await handle(denial_id, await requests.note(denial_id, body, cause), cause)

    @routes.post("/denials/{denial_id}/snooze")
    async def snooze_denial(denial_id: DenialId, body: SnoozeBody, cause: Work) -> Done:
        """Leave a denial until a day, on which it is in the queue again."""
        return await handle(denial_id, await requests.snooze(denial_id, body, cause), cause)

    @routes.post("/denials/{denial_id}/undo")
    async def undo_work(denial_id: DenialId, body: UndoBody, cause: Work) -> Done:
        """Take one's own last assignment, note or snooze back, while nothing else happened."""
        return await handle(denial_id, await requests.undo(denial_id, body.version, cause), cause)

    @routes.post("/denials/{denial_id}/write-off")
    async def write_off_denial(denial_id: DenialId, body: WriteOffBody, cause: Work) -> Done:
        """Let the money go, at once up to the limit of one person; above it, ask another to decide."""
        return await handle(denial_id, await requests.write_off(denial_id, body, cause), cause)

    @routes.post("/denials/{denial_id}/write-off/approve")
    async def approve_write_off(denial_id: DenialId, cause: Approve) -> Done:
        """Agree to a write-off that somebody else asked for."""
        return await handle(denial_id, await requests.approve_write_off(denial_id, None, cause), cause)

    @routes.post("/denials/{denial_id}/write-off/refuse")
    async def refuse_write_off(denial_id: DenialId, body: WriteOffBody, cause: Approve) -> Done:
        """Do not agree: the denial is worked on."""
        return await handle(denial_id, await requests.refuse_write_off(denial_id, body, cause), cause)

    @routes.post("/denials/{denial_id}/appeal")
    async def file_appeal(denial_id: DenialId, body: AppealBody, cause: FileIt) -> Done:
        """Record that an appeal was sent. Past its last day it takes `late_because`, and without a right to appeal it is refused."""
        today = clock.now().date()
        command = FileAppeal(
            by=cause.actor,
            on=today,
            level=body.level,
            filed_on=body.filed_on or today,
            due_on=body.due_on,
            late_because=body.late_because or "",
            sent_by=body.sent_by,
            tracking_number=body.tracking_number,
        )
        return await handle(denial_id, command, cause)

    @routes.post("/denials/{denial_id}/decide")
    async def decide_appeal(denial_id: DenialId, body: DecisionBody, cause: DecideIt) -> Done:
        """Record what the payer decided on an appeal: the last day of the next level follows from the date of its notice."""
        today = clock.now().date()
        state: Denial = await commands.state(denial, cause.tenant, denial_id)
        payer_id = state.opened.payer_id if state.opened else ""
        command = DecideAppeal(
            by=cause.actor,
            on=today,
            level=body.level,
            outcome=body.outcome,
            decided_on=body.decided_on or today,
            terms=await appeals.terms(cause.tenant, payer_id),
        )
        return await handle(denial_id, command, cause)

    @routes.post("/denials/{denial_id}/resolve")
    async def resolve_denial(denial_id: DenialId, body: ResolveBody, cause: Work) -> Done:
        return await handle(denial_id, await requests.resolve(denial_id, body, cause, body.recovered_cents), cause)

    return routes


def _wanted(
    denials: sa.Subquery,
    wanted: Mapping[str, str | None],
    *,
    is_open: bool | None,
    is_snoozed: bool,
    awaits_approval: bool | None,
    is_escalated: bool | None,
) -> sa.Select[Any]:
    """`is_open` None: open and closed ones, put off or not."""
    filters = [denials.c[name] == value for name, value in wanted.items() if value is not None]
    if is_open:
        filters.append(denials.c.is_snoozed == is_snoozed)
    if awaits_approval is not None:
        filters.append((denials.c.write_off_requested_by != "") == awaits_approval)
    if is_escalated is not None:
        filters.append((denials.c.escalated_to != "") == is_escalated)
    if is_open is not None:
        filters.append(denials.c.is_open == is_open)
    return sa.select(denials).where(*filters)


def _causes(limit: int) -> sa.Executable:
    table = denial_queue.denial_queue
    parts = (table.c.payer_id, table.c.reason_group, table.c.reason, table.c.category, table.c.origin)
    denied_cents = sa.cast(sa.func.sum(table.c.denied_cents), sa.BigInteger).label("denied_cents")
    return (
        sa.select(
            *parts,
            sa.func.count().label("denials"),
            denied_cents,
            sa.cast(sa.func.sum(table.c.recovered_cents), sa.BigInteger).label("recovered_cents"),
        )
        .group_by(*parts)
        .order_by(denied_cents.desc(), *parts)
        .limit(limit)
    )
