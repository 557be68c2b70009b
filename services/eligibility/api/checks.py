"""Questions to payers and their answers over HTTP. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request

from services.eligibility.api.bodies import (
    AnswerTaken,
    BenefitView,
    CheckBody,
    CheckDetail,
    CheckRow,
    Id,
    PayerResponse,
)
from services.eligibility.api.knowledge import Knowledge
from services.eligibility.api.questions import Questions
from services.eligibility.domain.eligibility_check.decider import AskAgain, Check, RequestCheck
from services.eligibility.domain.errors import CheckUnknown, CoverageUnknown, PayerNotReachable, PayerUnknown
from services.eligibility.projections import checks as read_model
from shared.kernel.errors import Malformed, NotFound
from shared.kernel.identifiers import derived_id
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import Order, ReadDatabase, asc, page, row, rows
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done

Ask = Annotated[Cause, Depends(cause_of("eligibility:request-check"))]
Receive = Annotated[Cause, Depends(cause_of("eligibility:receive-answer"))]
Reader = Annotated[Caller, Depends(caller("eligibility:read-checks"))]

_ORDER: tuple[Order, ...] = (
    asc(read_model.eligibility_checks.c.changed_at),
    asc(read_model.eligibility_checks.c.check_id),
)


def router(
    commands: Commands, reads: ReadDatabase, check: Aggregate, knowledge: Knowledge, questions: Questions
) -> APIRouter:
    routes = APIRouter(tags=["checks"])

    @routes.post("/checks", status_code=201)
    async def request_check(body: CheckBody, cause: Ask) -> Done:
        """Ask a payer about a coverage for a date of service. The answer's `stream` is `eligibility-check/{check_id}`."""
        command = await _request(knowledge, cause, body)
        return done(await commands.handle(check, command.check_id, command, cause), "eligibility")

    @routes.post("/checks/{check_id}/again", status_code=201)
    async def ask_again(check_id: Id, cause: Ask) -> Done:
        """Ask the same question once more, unless it is still open."""
        state: Check = await commands.state(check, cause.tenant, check_id)
        if state.requested is None:
            raise CheckUnknown("nobody asked this", check_id=check_id)
        command = AskAgain(after_attempt=state.requested.attempt)
        return done(await commands.handle(check, check_id, command, cause), "eligibility")

    @routes.post("/answers", status_code=201)
    async def receive_answers(request: Request, cause: Receive) -> AnswerTaken:
        """Take in a 271 (the body is the X12 interchange) that came another way than over the question's own connection."""
        content = await request.body()
        if not content.startswith(b"ISA"):
            raise Malformed("an X12 interchange begins with ISA")
        answers = await questions.read(cause.tenant, content)
        for ordinal, (check_id, command) in enumerate(answers.recorded):
            one = replace(cause, command_id=derived_id(cause.command_id, "answer", ordinal))
            await commands.handle(check, check_id, command, one)
        return AnswerTaken(
            check_ids=[check_id for check_id, _ in answers.recorded],
            problems=[{"place": each.place, "rule": each.rule} for each in answers.problems],
        )

    @routes.get("/checks")
    async def list_checks(
        who: Reader,
        state: Literal["open", "answered", "rejected", "unanswered"] | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[CheckRow]:
        """Questions to payers, longest unchanged first."""
        await reads.wait_for(read_model.projection.name, after)
        async with reads.read(who.tenant) as connection:
            found = await page(connection, read_model.by_state(state), order=_ORDER, limit=limit, cursor=cursor)
            return Page[CheckRow].of(found, await reads.positions(connection, read_model.projection.name))

    @routes.get("/checks/payers")
    async def payer_responses(who: Reader, after: After = None) -> list[PayerResponse]:
        """How each payer answers: how often, how fast, and how often not."""
        await reads.wait_for(read_model.projection.name, after)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, read_model.response_times())
        return [PayerResponse.model_validate(dict(each)) for each in found]

    @routes.get("/checks/{check_id}")
    async def read_check(check_id: Id, who: Reader, after: After = None) -> CheckDetail:
        """One question with the rows of its last answer."""
        await reads.wait_for(read_model.projection.name, after)
        async with reads.read(who.tenant) as connection:
            found = await row(connection, read_model.one(check_id))
            if found is None:
                raise NotFound("there is no such check")
            told = await rows(connection, read_model.benefits_of([check_id]))
            positions = await reads.positions(connection, read_model.projection.name)
        return CheckDetail(
            check=CheckRow.model_validate(dict(found)),
            benefits=[BenefitView.model_validate(dict(each)) for each in told],
            positions=positions,
        )

    return routes


async def _request(knowledge: Knowledge, cause: Cause, body: CheckBody) -> RequestCheck:
    found = await knowledge.registrations(cause.tenant, body.patient_id)
    coverage = next(
        (state.coverages[body.coverage_id] for _, state in found if body.coverage_id in state.coverages), None
    )
    if coverage is None:
        raise CoverageUnknown("the patient has no such coverage", coverage_id=body.coverage_id)
    payer = (await knowledge.payers_now(cause.tenant)).find(coverage.payer_reference, coverage.payer_name)
    if payer is None:
        raise PayerUnknown("list the payer that the coverage names", coverage_id=body.coverage_id)
    if not payer.partner_id:
        raise PayerNotReachable("the payer has no partner through whom it could be asked", payer_id=payer.payer_id)
    return RequestCheck(
        check_id=str(derived_id("eligibility-check", str(cause.command_id))),
        patient_id=coverage.patient_id,
        coverage_id=coverage.coverage_id,
        payer_id=payer.payer_id,
        partner_id=payer.partner_id,
        service_on=body.service_on,
        service_types=body.service_types,
        why="asked by a person",
    )
