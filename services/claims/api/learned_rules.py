"""Rules that past denials propose, over HTTP: mined up to a day, scored on what came later, taken in by a person, watched. No rule
lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends
from pydantic import Field

from services.claims.api.bodies import Answer, Body, ClaimId
from services.claims.api.past_claims import PastClaims
from services.claims.api.rule_bodies import RuleId, RuleVersionRow
from services.claims.domain.errors import NotProposedAnyMore
from services.claims.domain.learned_rule.decider import LearnedRule, SeeOutcome, TakeInRule
from services.claims.domain.rule_book.commands import EnableRule, written
from services.claims.domain.rule_book.decider import BOOK
from services.claims.domain.rule_book.learning import Learned, Lesson, Proposal, Score, learn, parted
from services.claims.policies.rules_in_force import RulesInForce
from services.claims.policies.watch_learned_rules import LEARNED
from services.claims.projections import claims_worklist
from shared.events.claim_rules import BackTest
from shared.events.envelope import Position
from shared.kernel.errors import Malformed
from shared.kernel.identifiers import derived_id
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, rows
from shared.runtime.web import Caller, Done, caller, cause_of, done

CLAIMS_MAX = 20_000

Reader = Annotated[Caller, Depends(caller("claims:read-rules"))]
Trier = Annotated[Caller, Depends(caller("claims:try-rules"))]
Write = Annotated[Cause, Depends(cause_of("claims:write-rules"))]
Say = Annotated[Cause, Depends(cause_of("claims:edit-claim"))]


class RangeBody(Body):
    """The claims that are learned from and scored on."""

    from_on: date = Field(description="The first day on which claims were made.")
    to_on: date = Field(description="The last one.")
    cut_off_on: date = Field(
        description="Training sees what was known before this day; scored are claims first answered from it on."
    )
    until: Annotated[str, Field(pattern=r"^([0-9]{1,19}\.[0-9]{1,19}\.[0-9]{1,19})?$")] = Field(
        default="", description="A position of the log: what came later is not seen. Empty: all that is known now."
    )


class TakeInBody(RangeBody):
    """A proposal, named by its hash and by what it was made from."""

    rule_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    action: Literal["hold", "warn"]
    floor_percent: Annotated[int, Field(ge=1, le=100, strict=True)] = Field(
        default=60, description="When its live precision falls below this, it only warns."
    )


class WrongBody(Body):
    claim_id: ClaimId


class ScoreRow(Answer):
    caught: int = Field(description="Held, and denied with the reason.")
    wrongly_held: int = Field(description="Held, and answered without it.")
    missed: int = Field(description="Denied with the reason, and not held.")
    caught_cents: int = Field(description="Denied money that would have been saved.")
    wrongly_held_cents: int = Field(description="Paid money that would have waited.")
    missed_cents: int
    precision_percent: int | None = Field(description="caught / (caught + wrongly held); null: nothing was held.")
    recall_percent: int | None = Field(description="caught / (caught + missed); null: nothing was denied.")


class NearExample(Answer):
    claim_id: str
    outcome: str
    unmet: int = Field(description="Tests of the rule that the claim does not meet; 0: it is held.")
    cents: int


class ProposalRow(Answer):
    rule: RuleVersionRow
    rule_hash: str
    payer_id: str
    reason: str
    training: ScoreRow = Field(description="On what it was made from.")
    later: ScoreRow = Field(description="On claims that were first answered from the cut-off on.")
    examples: list[NearExample] = Field(description="The 20 nearest of those.")
    is_taken_in: bool


class LearnedAnswer(Answer):
    """The same days, cut-off and position propose the same rules with the same figures again."""

    from_on: date
    to_on: date
    cut_off_on: date
    until: str
    training_claims: int
    later_claims: int
    proposals: list[ProposalRow]


class BackTestRow(Answer):
    from_on: date
    cut_off_on: date
    until: str
    caught: int
    wrongly_held: int
    missed: int
    caught_cents: int
    wrongly_held_cents: int


class LearnedRuleRow(Answer):
    """A learned rule in the book, and how it does."""

    rule: RuleVersionRow
    is_enabled: bool
    rule_hash: str
    payer_id: str
    reason: str
    floor_percent: int
    has_fallen: bool = Field(description="Its live precision fell below the floor: it warns and holds nothing.")
    live_cases: int
    live_right: int
    live_precision_percent: int | None
    back_test: BackTestRow
    by: str


def router(
    commands: Commands,
    reads: ReadDatabase,
    past: PastClaims,
    rule_book: Aggregate,
    learned_rule: Aggregate,
    in_force: RulesInForce,
) -> APIRouter:
    routes = APIRouter(tags=["learned rules"])

    @routes.post("/what-if/learned-rules")
    async def propose_rules(body: RangeBody, who: Trier) -> LearnedAnswer:
        """What past denials propose, each with how it would have done on what came after the cut-off. Nothing is changed."""
        learned, until = await _learned(body, who.tenant)
        book = await in_force.book(who.tenant)
        return LearnedAnswer(
            from_on=body.from_on,
            to_on=body.to_on,
            cut_off_on=body.cut_off_on,
            until=str(until),
            training_claims=learned.training_claims,
            later_claims=learned.later_claims,
            proposals=[_proposal(each, each.rule.rule_id in book.enabled) for each in learned.proposals],
        )

    @routes.post("/learned-rules")
    async def take_in_rule(body: TakeInBody, cause: Write) -> Done:
        """Take a proposal into the book and enable it. It is made again from what the request names, so its figures are its own."""
        learned, until = await _learned(body, cause.tenant)
        found = next((each for each in learned.proposals if each.rule_hash == body.rule_hash), None)
        if found is None:
            raise NotProposedAnyMore("these claims propose no rule of this hash")
        rule_id = found.rule.rule_id
        take_in = TakeInRule(
            rule_id=rule_id,
            rule_hash=found.rule_hash,
            payer_id=found.payer_id,
            reason=found.reason,
            action=body.action,
            floor_percent=body.floor_percent,
            back_test=_back_test(body, until, found.later),
            by=cause.actor,
        )
        write = written(found.rule, action=body.action, by=cause.actor)
        await commands.handle(learned_rule, rule_id, take_in, _part(cause, "take-in"))
        await commands.handle(rule_book, BOOK, write, _part(cause, "write"))
        enabled = EnableRule(rule_id=rule_id, by=cause.actor)
        return done(await commands.handle(rule_book, BOOK, enabled, _part(cause, "enable")), "claims")

    @routes.get("/learned-rules")
    async def list_learned_rules(who: Reader) -> list[LearnedRuleRow]:
        """The learned rules of the book with their live precision."""
        book = await in_force.book(who.tenant)
        known = [versions[-1] for rule_id, versions in sorted(book.versions.items()) if rule_id.startswith(LEARNED)]
        states: list[LearnedRule] = await asyncio.gather(
            *(commands.state(learned_rule, who.tenant, rule.rule_id) for rule in known)
        )
        return [
            LearnedRuleRow(
                rule=RuleVersionRow.of(rule),
                is_enabled=rule.rule_id in book.enabled,
                rule_hash=state.learned.rule_hash,
                payer_id=state.learned.payer_id,
                reason=state.learned.reason,
                floor_percent=state.learned.floor_percent,
                has_fallen=state.has_fallen,
                live_cases=state.cases,
                live_right=state.right,
                live_precision_percent=state.precision_percent,
                back_test=BackTestRow.model_validate(state.learned.back_test),
                by=state.learned.by,
            )
            for rule, state in zip(known, states, strict=True)
            if state.learned is not None
        ]

    @routes.post("/learned-rules/{rule_id}/wrong")
    async def say_wrong(rule_id: RuleId, body: WrongBody, cause: Say) -> Done:
        """Say that a learned rule spoke wrongly on a claim: it counts against its live precision."""
        claim_id = body.claim_id.upper()
        command = SeeOutcome(rule_id=rule_id, claim_id=claim_id, is_right=False, how="said", by=cause.actor)
        return done(await commands.handle(learned_rule, rule_id, command, cause), "claims")

    async def _learned(body: RangeBody, tenant: str) -> tuple[Learned, Position]:
        if not body.from_on <= body.cut_off_on <= body.to_on:
            raise Malformed(
                "cut_off_on: from from_on to to_on",
                place="cut_off_on",
                found=str(body.cut_off_on),
                rule="from from_on to to_on",
            )
        until = await past.known_until(tenant, body.until)
        training: list[Lesson] = []
        later: list[Lesson] = []
        async for stream in past.streams(tenant, await _chosen(body, tenant)):
            before, after = parted([stream], cut_off_on=body.cut_off_on, until=until)
            training += before
            later += after
        return await asyncio.to_thread(learn, training, later), until

    async def _chosen(body: RangeBody, tenant: str) -> Sequence[str]:
        """The claims of the range."""
        table = claims_worklist.claims_worklist
        made = sa.select(table.c.claim_id).where(table.c.created_on.between(body.from_on, body.to_on))
        async with reads.read(tenant) as connection:
            found = await rows(connection, made.order_by(table.c.created_on, table.c.claim_id).limit(CLAIMS_MAX + 1))
        if len(found) > CLAIMS_MAX:
            raise Malformed("more claims than one answer can look at: choose fewer days", claims_max=CLAIMS_MAX)
        return [each["claim_id"] for each in found]

    return routes


def _part(cause: Cause, what: str) -> Cause:
    return replace(cause, command_id=derived_id(cause.command_id, what))


def _back_test(body: RangeBody, until: Position, later: Score) -> BackTest:
    return BackTest(
        from_on=body.from_on,
        cut_off_on=body.cut_off_on,
        until=str(until),
        caught=later.caught,
        wrongly_held=later.wrongly_held,
        missed=later.missed,
        caught_cents=later.caught_cents,
        wrongly_held_cents=later.wrongly_held_cents,
    )


def _proposal(each: Proposal, is_taken_in: bool) -> ProposalRow:
    told: dict[str, Any] = {
        "rule": RuleVersionRow.of(each.rule),
        "training": ScoreRow.model_validate(each.training),
        "later": ScoreRow.model_validate(each.later),
        "examples": [NearExample.model_validate(example) for example in each.examples],
    }
    return ProposalRow(
        rule_hash=each.rule_hash, payer_id=each.payer_id, reason=each.reason, is_taken_in=is_taken_in, **told
    )
