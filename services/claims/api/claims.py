"""Claims over HTTP: worklist, detail, timeline, and what people do with them. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query
from msgspec import structs, to_builtins

from services.claims.api.bodies import (
    ClaimCount,
    ClaimDetail,
    ClaimId,
    ClaimRow,
    ClaimsSummary,
    CloseBody,
    CorrectBody,
    CoverageRow,
    FilingAnswer,
    FilingLimitRow,
    FindingRow,
    HoldBody,
    LineCorrection,
    LineRow,
    ProofRow,
    RuleRow,
    TimelineRow,
    VoidBody,
)
from services.claims.api.claim_filters import ClaimFilters
from services.claims.domain.claim.commands import (
    ClaimCommand,
    CloseClaim,
    CorrectClaim,
    HoldClaim,
    RaiseNextClaim,
    ReleaseClaim,
    VoidClaim,
)
from services.claims.domain.claim.proof import Proof, proof_of
from services.claims.domain.claim.scrubbing import RULES
from services.claims.domain.claim.state import Claim, Stage
from services.claims.domain.errors import ClaimUnknown
from services.claims.policies.rules_in_force import RulesInForce
from services.claims.projections import claim_timeline, claims_worklist, follow_up
from services.claims.projections.filing import CLAIMS, UNSENT, Filing, counted, filing_of
from services.claims.projections.waiting import listed as every_claim
from services.claims.projections.waiting import with_requests
from shared.events.claims import ClaimCreated, ServicesBilled
from shared.events.values import ChargeLine, CoverageSnapshot
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import Order, ReadDatabase, asc, page, row, rows
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done, versioned_cause_of

Reader = Annotated[Caller, Depends(caller("claims:read-claims"))]
WorklistReader = Annotated[Caller, Depends(caller("claims:read-worklists"))]
Hold = Annotated[Cause, Depends(versioned_cause_of("claims:hold-claim"))]
Release = Annotated[Cause, Depends(versioned_cause_of("claims:release-claim"))]
Edit = Annotated[Cause, Depends(versioned_cause_of("claims:edit-claim"))]
Void = Annotated[Cause, Depends(versioned_cause_of("claims:void-claim"))]
Close = Annotated[Cause, Depends(versioned_cause_of("claims:close-claim"))]
Submit = Annotated[Cause, Depends(cause_of("claims:submit-claims"))]
Filters = Annotated[ClaimFilters, Depends()]

_UNSENT = (str(Stage.HELD), str(Stage.RELEASED), str(Stage.REJECTED))


def router(commands: Commands, reads: ReadDatabase, claim: Aggregate, rules: RulesInForce, clock: Clock) -> APIRouter:
    routes = APIRouter(tags=["claims"])
    worklist = claims_worklist.projection.name

    async def listed(
        who: Caller, found: sa.Select[Any], order: tuple[Order, ...], limit: int, cursor: str | None
    ) -> Page[ClaimRow]:
        async with reads.read(who.tenant) as connection:
            part = await page(connection, found, order=order, limit=limit, cursor=cursor)
            positions = await reads.positions(connection, worklist)
        today = clock.now().date()
        return Page[ClaimRow](items=[_row(each, today) for each in part.rows], next=part.next, positions=positions)

    async def handle(claim_id: str, command: ClaimCommand, cause: Cause) -> Done:
        command = await rules.given(cause.tenant, command)
        return done(await commands.handle(claim, claim_id.upper(), command, cause), "claims")

    @routes.get("/claims")
    async def list_claims(
        who: Reader, filters: Filters, limit: Limit = 50, cursor: Cursor = None, after: After = None
    ) -> Page[ClaimRow]:
        """Claims, oldest service first."""
        await reads.wait_for(worklist, after)
        found = every_claim().where(*filters.conditions(clock.now().date()))
        return await listed(who, found, (asc(CLAIMS.c.service_on), asc(CLAIMS.c.claim_id)), limit, cursor)

    @routes.get("/follow-up")
    async def list_follow_up(who: WorklistReader, limit: Limit = 50, cursor: Cursor = None) -> Page[ClaimRow]:
        """Claims whose answer is overdue, longest wait first."""
        found = every_claim().where(CLAIMS.c.is_open, CLAIMS.c.waiting_for != "")
        return await listed(who, found, (asc(CLAIMS.c.waiting_since_on), asc(CLAIMS.c.claim_id)), limit, cursor)

    @routes.get("/requests")
    async def list_requests(
        who: WorklistReader, is_overdue: bool = False, limit: Limit = 50, cursor: Cursor = None, after: After = None
    ) -> Page[ClaimRow]:
        """Claims of which a payer wants information, oldest service first."""
        await reads.wait_for(follow_up.projection.name, after)
        found = with_requests(is_overdue=is_overdue)
        return await listed(who, found, (asc(CLAIMS.c.service_on), asc(CLAIMS.c.claim_id)), limit, cursor)

    @routes.get("/deadlines")
    async def list_deadlines(who: WorklistReader, limit: Limit = 50, cursor: Cursor = None) -> Page[ClaimRow]:
        """Claims that are still with us, by the last day of timely filing."""
        is_unsent = sa.and_(CLAIMS.c.is_open, CLAIMS.c.status.in_(_UNSENT), CLAIMS.c.filing_ends_on.is_not(None))
        found = every_claim().where(is_unsent)
        return await listed(who, found, (asc(CLAIMS.c.filing_ends_on), asc(CLAIMS.c.claim_id)), limit, cursor)

    @routes.get("/claims/summary")
    async def summarise_claims(who: Reader, filters: Filters, after: After = None) -> ClaimsSummary:
        """How many claims, and how much, by status and payer: what the list of the same filters holds, counted."""
        await reads.wait_for(worklist, after)
        async with reads.read(who.tenant) as connection:
            counts = await rows(connection, counted(filters.conditions(clock.now().date())))
            positions = await reads.positions(connection, worklist)
        return ClaimsSummary(items=[ClaimCount.model_validate(dict(each)) for each in counts], positions=positions)

    @routes.get("/claims/{claim_id}")
    async def read_claim(claim_id: ClaimId, who: Reader, after: After = None) -> ClaimDetail:
        """One claim: where it is, what it says, what the edits found. Personal values are not part of it."""
        await reads.wait_for(worklist, after)
        async with reads.read(who.tenant) as connection:
            found = await row(connection, every_claim().where(CLAIMS.c.claim_id == claim_id.upper()))
            positions = await reads.positions(connection, worklist)
        if found is None:
            raise ClaimUnknown("there is no such claim")
        content = await _content(commands, claim, who.tenant, claim_id)
        return ClaimDetail(
            claim=_row(found, clock.now().date()),
            findings=[FindingRow.model_validate(finding) for finding in found["findings"] or []],
            tags=found["tags"] or [],
            diagnoses=list(content.services.diagnoses),
            stay=to_builtins(content.services.stay),
            coding=to_builtins(content.services.coding),
            attending=content.services.attending.provider_id if content.services.attending else "",
            operating=content.services.operating.provider_id if content.services.operating else "",
            dental=to_builtins(content.services.dental),
            lines=[LineRow.model_validate(to_builtins(line)) for line in content.services.lines],
            coverages=[CoverageRow.model_validate(structs.asdict(each)) for each in content.coverages],
            positions=positions,
        )

    @routes.get("/claims/{claim_id}/filing")
    async def read_filing(claim_id: ClaimId, who: Reader, after: After = None) -> FilingAnswer:
        """Until when the payer takes the claim, why, and what proves that it has it: the pack for an appeal of a late-filing denial."""
        await reads.wait_for(worklist, after)
        async with reads.read(who.tenant) as connection:
            found = await row(connection, every_claim().where(CLAIMS.c.claim_id == claim_id.upper()))
        if found is None:
            raise ClaimUnknown("there is no such claim")
        state: Claim = await commands.state(claim, who.tenant, claim_id.upper())
        return _filing(filing_of(found), proof_of(state))

    @routes.get("/claims/{claim_id}/timeline")
    async def read_timeline(
        claim_id: ClaimId,
        who: Reader,
        as_of: Annotated[datetime | None, Query(description="What had happened by then.")] = None,
        known_at: Annotated[datetime | None, Query(description="What we knew by then.")] = None,
        limit: Limit = 500,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[TimelineRow]:
        """What happened to a claim and its denials, in the order in which we knew it."""
        await reads.wait_for(claim_timeline.projection.name, after)
        table = claim_timeline.claim_timeline
        order = (asc(table.c.recorded_at), asc(table.c.stream), asc(table.c.version))
        found = claim_timeline.known_at(claim_id.upper(), as_of=as_of, known=known_at)
        async with reads.read(who.tenant) as connection:
            part = await page(connection, found, order=order, limit=limit, cursor=cursor)
            return Page[TimelineRow].of(part, await reads.positions(connection, claim_timeline.projection.name))

    @routes.get("/rules")
    async def list_rules(who: Annotated[Caller, Depends(caller("claims:read-rules"))]) -> list[RuleRow]:
        """The edits that every claim passes before it is sent, in their order."""
        return [
            RuleRow.model_validate({name: value for name, value in asdict(rule).items() if name != "check"})
            for rule in RULES
        ]

    @routes.post("/claims/{claim_id}/hold")
    async def hold_claim(claim_id: ClaimId, body: HoldBody, cause: Hold) -> Done:
        """Keep a claim from being sent until somebody releases it."""
        return await handle(claim_id, HoldClaim(reason=body.reason, held_by=cause.actor), cause)

    @routes.post("/claims/{claim_id}/release")
    async def release_claim(claim_id: ClaimId, cause: Release) -> Done:
        """End a hold, or send a rejected claim again. The edits run again."""
        return await handle(claim_id, ReleaseClaim(on=clock.now().date()), cause)

    @routes.post("/claims/{claim_id}/correct")
    async def correct_claim(claim_id: ClaimId, body: CorrectBody, cause: Edit) -> Done:
        """Mend a claim. One that was sent is replaced by another with frequency 7."""
        content = await _content(commands, claim, cause.tenant, claim_id)
        return await handle(claim_id, correction(body, content, by=cause.actor, on=clock.now().date()), cause)

    @routes.post("/claims/{claim_id}/void")
    async def void_claim(claim_id: ClaimId, body: VoidBody, cause: Void) -> Done:
        """Take a claim back; one that was sent is voided by another with frequency 8.

        Where a replacement or void is taken back before the payer had it, the claim before it counts again.
        """
        return await handle(claim_id, VoidClaim(reason=body.reason), cause)

    @routes.post("/claims/{claim_id}/close")
    async def close_claim(claim_id: ClaimId, body: CloseBody, cause: Close) -> Done:
        """Say that nothing is left to do on an answered claim."""
        return await handle(claim_id, CloseClaim(reason=body.reason), cause)

    @routes.post("/claims/{claim_id}/next-payer")
    async def raise_next_claim(claim_id: ClaimId, cause: Submit) -> Done:
        """Send our own claim to the next payer, because the forwarded one never arrived."""
        return await handle(claim_id, RaiseNextClaim(), cause)

    return routes


def _row(found: sa.RowMapping, today: date) -> ClaimRow:
    filing = filing_of(found)
    due_on = found["request_due_on"]
    wanted = {"next_action": f"send the payer what it wants by {due_on}", "owner": "payer follow-up"} if due_on else {}
    is_unsent = found["is_open"] and found["status"] in UNSENT
    return ClaimRow.model_validate(
        {
            **found,
            "file_by_on": filing.last_on if filing else None,
            "filing_days_left": (filing.last_on - today).days if filing and is_unsent else None,
            "days_since_service": (today - found["service_on"]).days,
            "error_rules": found["error_rules"] or [],
            **wanted,
        }
    )


def _filing(filing: Filing | None, proof: Proof) -> FilingAnswer:
    return FilingAnswer(
        limit=None if filing is None else FilingLimitRow.model_validate(filing),
        counts_on=filing.counts_on if filing else None,
        file_by_on=filing.last_on if filing else None,
        accepted_on=proof.accepted_on,
        is_in_time=None if filing is None or proof.accepted_on is None else proof.accepted_on <= filing.last_on,
        because=proof.because,
        acceptance=ProofRow.of(proof.acceptance) if proof.acceptance else None,
        control_number=proof.control_number,
        sent_document_id=proof.sent_document_id,
    )


async def _content(commands: Commands, claim: Aggregate, tenant: str, claim_id: str) -> ClaimCreated:
    state: Claim = await commands.state(claim, tenant, claim_id.upper())
    if state.content is None:
        raise ClaimUnknown("there is no such claim")
    return state.content


def correction(body: CorrectBody, content: ClaimCreated, *, by: str, on: date) -> CorrectClaim:
    """What is asked of a claim with this content. Raises ClaimUnknown for a line that it does not have."""
    return CorrectClaim(
        services=_corrected_services(body, content.services),
        coverages=_corrected_coverages(body, content),
        replaces_payer_control_number=body.payer_control_number,
        reason=body.reason,
        corrected_by=by,
        on=on,
    )


def _corrected_services(body: CorrectBody, services: ServicesBilled) -> ServicesBilled | None:
    if body.diagnoses is None and not body.lines:
        return None
    corrections = {line.line_id: line for line in body.lines}
    for line_id in corrections.keys() - {line.line_id for line in services.lines}:
        raise ClaimUnknown("the claim has no line of this number", line=line_id)
    lines = tuple(_corrected_line(line, corrections.get(line.line_id)) for line in services.lines)
    diagnoses = services.diagnoses if body.diagnoses is None else body.diagnoses
    return structs.replace(services, diagnoses=diagnoses, lines=lines)


def _corrected_line(line: ChargeLine, correction: LineCorrection | None) -> ChargeLine:
    if correction is None:
        return line
    return structs.replace(line, **correction.model_dump(exclude_none=True))


def _corrected_coverages(body: CorrectBody, content: ClaimCreated) -> tuple[CoverageSnapshot, ...] | None:
    if body.authorization_number is None:
        return None
    number = body.authorization_number
    return tuple(
        structs.replace(each, authorization_number=number) if each.rank == content.rank else each
        for each in content.coverages
    )
