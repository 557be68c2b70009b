"""How a practice works its denials, over HTTP: checklists by category, what of them is done, and who sees to what nobody works on.
No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

import asyncio
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from services.claims.api.bodies import Answer, Body, DenialId
from services.claims.domain.denial.categories import CATEGORIES
from services.claims.domain.denial.commands import TickStep
from services.claims.domain.denial.state import Denial
from services.claims.domain.denial_checklist.decider import KeepChecklist, ours
from services.claims.domain.errors import DenialUnknown
from services.claims.domain.escalation_rules.decider import KEY, KeepEscalationRules
from services.claims.projections import denial_work
from shared.events.denials import ChecklistStep, DenialChecklistKept, EscalationRule, EscalationRulesKept
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, rows
from shared.runtime.web import After, Caller, Done, caller, done, versioned_cause_of

Reader = Annotated[Caller, Depends(caller("claims:read-denials"))]
Work = Annotated[Cause, Depends(versioned_cause_of("claims:work-denial"))]
Keep = Annotated[Cause, Depends(versioned_cause_of("claims:keep-denial-rules"))]
_WORD = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Word = Annotated[str, Field(pattern=_WORD, max_length=60)]
Category = Annotated[str, Path(pattern=_WORD, max_length=60)]
StepId = Annotated[str, Path(pattern=_WORD, max_length=60)]
_WORK = denial_work.projection.name


class StepBody(Body):
    step_id: Word
    text: Annotated[str, Field(min_length=1, max_length=200, description="Speaks of nobody.")]


class ChecklistBody(Body):
    steps: Annotated[tuple[StepBody, ...], Field(max_length=30)]


class TickBody(Body):
    is_done: bool = True


class EscalationRuleBody(Body):
    """Which denials it is about; what is empty is about any."""

    rule_id: Word
    payer_id: Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9._-]{0,39})?$")] = ""
    category: Annotated[str, Field(pattern=r"^([a-z0-9]+(-[a-z0-9]+)*)?$", max_length=60)] = ""
    denied_cents_min: Annotated[int, Field(ge=0, le=10**12, strict=True)] = 0
    workdays: Annotated[int, Field(ge=1, le=250, strict=True)]
    supervisor: Annotated[str, Field(pattern=r"^user:[A-Za-z0-9._@-]{1,80}$")]


class EscalationRulesBody(Body):
    rules: Annotated[tuple[EscalationRuleBody, ...], Field(max_length=100, description="The first that fits counts.")]


class StepRow(Answer):
    step_id: str
    text: str


class ChecklistRow(Answer):
    category: str
    version: int = Field(description="0: ours, because the practice keeps none.")
    steps: list[StepRow]
    by: str


class TickedStepRow(StepRow):
    is_done: bool
    done_by: str
    done_at: datetime | None


class DenialChecklist(BaseModel):
    """The checklist of a denial's category with what of it is done."""

    denial_id: str
    category: str
    version: int
    steps: list[TickedStepRow]
    open_steps: int
    denial_version: int = Field(description="Of the denial's stream, for `Ledgerline-Expected-Version`.")
    escalates_on: date | None = Field(description="When it goes up unless somebody works on it; null: it does not.")


class EscalationRuleRow(Answer):
    rule_id: str
    payer_id: str
    category: str
    denied_cents_min: int
    workdays: int
    supervisor: str


class EscalationRulesRow(Answer):
    version: int = Field(description="0: there are none. For `Ledgerline-Expected-Version` too.")
    rules: list[EscalationRuleRow]
    by: str


def router(
    commands: Commands,
    reads: ReadDatabase,
    denial: Aggregate,
    checklist: Aggregate,
    escalation_rules: Aggregate,
    clock: Clock,
) -> APIRouter:
    routes = APIRouter(tags=["denials"])

    async def checklist_of(tenant: str, category: str) -> DenialChecklistKept:
        kept: DenialChecklistKept | None = await commands.state(checklist, tenant, category)
        return kept or ours(category)

    async def opened(tenant: str, denial_id: str) -> tuple[Denial, str]:
        state: Denial = await commands.state(denial, tenant, denial_id)
        if state.opened is None:
            raise DenialUnknown("there is no such denial")
        return state, state.opened.category

    @routes.get("/denial-checklists")
    async def list_checklists(who: Reader) -> list[ChecklistRow]:
        """The steps of each category of denials: the practice's own, and ours where it keeps none."""
        kept = await asyncio.gather(*(checklist_of(who.tenant, category.name) for category in CATEGORIES))
        return [ChecklistRow.model_validate(each) for each in kept]

    @routes.post("/denial-checklists/{category}")
    async def keep_checklist(category: Category, body: ChecklistBody, cause: Keep) -> Done:
        """Keep a checklist of your own; it stands in the place of ours from now on."""
        steps = tuple(ChecklistStep(step_id=step.step_id, text=step.text) for step in body.steps)
        command = KeepChecklist(category=category, steps=steps, by=cause.actor)
        return done(await commands.handle(checklist, category, command, cause), "claims")

    @routes.get("/escalation-rules")
    async def read_escalation_rules(who: Reader) -> EscalationRulesRow:
        """Which denials go up to whom, after how many workdays without work."""
        kept: EscalationRulesKept = await commands.state(escalation_rules, who.tenant, KEY)
        return EscalationRulesRow.model_validate(kept)

    @routes.post("/escalation-rules")
    async def keep_escalation_rules(body: EscalationRulesBody, cause: Keep) -> Done:
        """Keep the rules as they shall stand from now on, whole. Open denials follow them; days count from now."""
        rules = tuple(EscalationRule(**rule.model_dump()) for rule in body.rules)
        command = KeepEscalationRules(rules=rules, by=cause.actor)
        return done(await commands.handle(escalation_rules, KEY, command, cause), "claims")

    @routes.get("/denials/{denial_id}/checklist")
    async def read_checklist(denial_id: DenialId, who: Reader, after: After = None) -> DenialChecklist:
        """What a specialist goes through for this denial: what is done, by whom and when, and what is open."""
        await reads.wait_for(_WORK, after)
        state, category = await opened(who.tenant, denial_id)
        kept = await checklist_of(who.tenant, category)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, denial_work.ticks_of(denial_id))
        ticked: dict[str, Any] = {each["step_id"]: each for each in found}
        steps = [_ticked(step, ticked.get(step.step_id)) for step in kept.steps]
        return DenialChecklist(
            denial_id=denial_id,
            category=category,
            version=kept.version,
            steps=steps,
            open_steps=sum(not step.is_done for step in steps),
            denial_version=state.version,
            escalates_on=state.escalates_on,
        )

    @routes.post("/denials/{denial_id}/checklist/{step_id}")
    async def tick_step(denial_id: DenialId, step_id: StepId, body: TickBody, cause: Work) -> Done:
        """Say that a step is done, or with `is_done` false that it is not after all."""
        _, category = await opened(cause.tenant, denial_id)
        command = TickStep(
            by=cause.actor,
            on=clock.now().date(),
            step_id=step_id,
            is_done=body.is_done,
            checklist=await checklist_of(cause.tenant, category),
        )
        return done(await commands.handle(denial, denial_id, command, cause), "claims")

    return routes


def _ticked(step: ChecklistStep, found: Any) -> TickedStepRow:
    return TickedStepRow(
        step_id=step.step_id,
        text=step.text,
        is_done=found is not None,
        done_by=found["done_by"] if found else "",
        done_at=found["done_at"] if found else None,
    )
