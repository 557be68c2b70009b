"""Rules tried on past claims over HTTP. It reads and writes nothing; no rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends
from pydantic import Field

from services.claims.api.bodies import Answer, Body
from services.claims.api.past_claims import PastClaims
from services.claims.api.rule_bodies import RuleBody, RuleId
from services.claims.domain.rule_book.decider import drafted
from services.claims.domain.rule_book.running import RuleSet, hash_of, in_order
from services.claims.domain.rule_book.what_if import Replayed, Verdict, examples_of, replayed
from services.claims.policies.rules_in_force import RulesInForce
from services.claims.projections import claims_worklist
from shared.events.envelope import Position
from shared.kernel.errors import Malformed
from shared.runtime.queries import ReadDatabase, asc, page
from shared.runtime.web import Caller, caller

CLAIMS_MAX = 2_000


class DraftBody(RuleBody):
    rule_id: RuleId


class WhatIfBody(Body):
    """Rules to be tried, on claims that were made in a range of days."""

    rules: Annotated[tuple[DraftBody, ...], Field(max_length=50)] = Field(
        default=(), description="Drafts, in the book or not. None: the rules of the book that are enabled."
    )
    from_on: date = Field(description="The first day on which claims were made.")
    to_on: date = Field(description="The last one.")
    until: Annotated[str, Field(pattern=r"^([0-9]{1,19}\.[0-9]{1,19}\.[0-9]{1,19})?$")] = Field(
        default="", description="A position of the log: what came later is not seen. Empty: all that is known now."
    )
    claims_max: Annotated[int, Field(ge=1, le=CLAIMS_MAX)] = Field(
        default=500, description="Claims of one answer; each is read from its own events, some milliseconds each."
    )
    cursor: Annotated[str, Field(max_length=400)] = Field(default="", description="`next` of the answer before.")


class Sum(Answer):
    claims: int
    cents: int


class ExampleRow(Answer):
    claim_id: str
    verdict: str
    cents: int
    places: list[str]


class WhatIfAnswer(Answer):
    """What the rules would have done. The same rules, days and position give the same answer again."""

    rule_set: str = Field(description="Hash of what the rules say.")
    from_on: date
    to_on: date
    until: str = Field(description="The position of the log up to which claims were seen.")
    claims: int = Field(description="Looked at in this answer; sums of the answers of several pages add up.")
    never_sent: int
    changed: int = Field(description="That the rules would have repaired or edited.")
    caught: Sum = Field(description="Held, and returned or denied: denied cents, or charged ones of those returned.")
    wrongly_held: Sum = Field(description="Held, and answered without a denial: paid cents.")
    undecided: Sum = Field(description="Held, and not answered: charged cents.")
    missed: Sum = Field(description="Not held, and returned or denied.")
    passed: Sum = Field(description="Not held, and nobody complained: paid cents.")
    tags: dict[str, int] = Field(description="How many claims each tag would have been put on.")
    examples: list[ExampleRow] = Field(description="At most 20 of the claims held, those with the most money first.")
    next: str | None = Field(description="Give it as `cursor`, and `until` with it, to go on; null at the end.")


def router(reads: ReadDatabase, past: PastClaims, in_force: RulesInForce) -> APIRouter:
    routes = APIRouter(tags=["claim rules"])

    @routes.post("/what-if/claim-rules")
    async def try_rules(body: WhatIfBody, who: Annotated[Caller, Depends(caller("claims:try-rules"))]) -> WhatIfAnswer:
        """What rules would have done to the claims of a range of days, and what became of those. Nothing is changed by it."""
        if body.to_on < body.from_on:
            raise Malformed(
                "to_on: not before from_on", place="to_on", found=str(body.to_on), rule="not before from_on"
            )
        rules = await _rules(body, who.tenant)
        until = await past.known_until(who.tenant, body.until)
        claim_ids, following = await _chosen(body, who.tenant)
        streams = past.streams(who.tenant, claim_ids)
        told = [each async for stream in streams if (each := replayed(stream, rules, until=until)) is not None]
        return _answer(body, rules, told, until=until, following=following)

    async def _rules(body: WhatIfBody, tenant: str) -> RuleSet:
        if not body.rules:
            return (await in_force.book(tenant)).in_force
        drafts = [drafted(draft.asked(draft.rule_id, ""), version=1) for draft in body.rules]
        return RuleSet(rules=in_order(drafts))

    async def _chosen(body: WhatIfBody, tenant: str) -> tuple[Sequence[str], str | None]:
        """The claims of this page."""
        table = claims_worklist.claims_worklist
        made = sa.select(table.c.created_on, table.c.claim_id).subquery("made")
        found = sa.select(made).where(made.c.created_on.between(body.from_on, body.to_on))
        async with reads.read(tenant) as connection:
            order = (asc(made.c.created_on), asc(made.c.claim_id))
            part = await page(connection, found, order=order, limit=body.claims_max, cursor=body.cursor or None)
        return [row["claim_id"] for row in part.rows], part.next

    return routes


def _answer(
    body: WhatIfBody, rules: RuleSet, told: Sequence[Replayed], *, until: Position, following: str | None
) -> WhatIfAnswer:
    return WhatIfAnswer(
        rule_set=hash_of(rules.rules),
        from_on=body.from_on,
        to_on=body.to_on,
        until=str(until),
        claims=len(told),
        never_sent=_sum(told, "never-sent").claims,
        changed=sum(each.is_changed for each in told),
        caught=_sum(told, "caught"),
        wrongly_held=_sum(told, "wrongly-held"),
        undecided=_sum(told, "undecided"),
        missed=_sum(told, "missed"),
        passed=_sum(told, "passed"),
        tags=_counted(tag for each in told for tag in each.tags),
        examples=[ExampleRow(**_example(each)) for each in examples_of(told)],
        next=following,
    )


def _example(each: Replayed) -> dict[str, Any]:
    return {"claim_id": each.claim_id, "verdict": each.verdict, "cents": each.cents, "places": list(each.places)}


def _sum(told: Iterable[Replayed], verdict: Verdict) -> Sum:
    found = [each.cents for each in told if each.verdict == verdict]
    return Sum(claims=len(found), cents=sum(found))


def _counted(tags: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for tag in tags:
        counts[tag] = counts.get(tag, 0) + 1
    return dict(sorted(counts.items()))
