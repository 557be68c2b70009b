"""A customer's own rules over HTTP: the book, and who enables what. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from typing import Annotated

from fastapi import APIRouter, Depends

from services.claims.api.bodies import ClaimId
from services.claims.api.rule_bodies import (
    BookRuleRow,
    CheckRow,
    DisableBody,
    PropertyRow,
    RuleBody,
    RuleBookAnswer,
    RuleDetail,
    RuleId,
    RuleVersionRow,
)
from services.claims.domain.errors import ClaimUnknown, RuleUnknown
from services.claims.domain.rule_book.again import checks_of
from services.claims.domain.rule_book.commands import DisableRule, EnableRule, RuleBookCommand
from services.claims.domain.rule_book.decider import BOOK
from services.claims.domain.rule_book.properties import PROPERTIES
from services.claims.domain.rule_book.running import hash_of, in_order
from services.claims.policies.rules_in_force import RulesInForce
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.web import Caller, Done, caller, done, versioned_cause_of

Reader = Annotated[Caller, Depends(caller("claims:read-rules"))]
ClaimReader = Annotated[Caller, Depends(caller("claims:read-claims"))]
Write = Annotated[Cause, Depends(versioned_cause_of("claims:write-rules"))]


def router(commands: Commands, claim: Aggregate, rule_book: Aggregate, in_force: RulesInForce) -> APIRouter:
    routes = APIRouter(tags=["claim rules"])

    async def handle(command: RuleBookCommand, cause: Cause) -> Done:
        return done(await commands.handle(rule_book, BOOK, command, cause), "claims")

    @routes.get("/claims/{claim_id}/checks")
    async def read_checks(claim_id: ClaimId, who: ClaimReader) -> list[CheckRow]:
        """Every check of a claim with all that it was decided from, made again from the log, the oldest first."""
        events = await commands.recorded_stream(who.tenant, claim.stream(claim_id.upper()))
        if not events:
            raise ClaimUnknown("there is no such claim")
        book = await commands.recorded_stream(who.tenant, rule_book.stream(BOOK))
        return [CheckRow.of(check) for check in checks_of(events, [recorded.event for recorded in book])]

    @routes.get("/claim-rules")
    async def read_rule_book(who: Reader) -> RuleBookAnswer:
        """The rules of your own, enabled or not, in their order."""
        book = await in_force.book(who.tenant)
        rules = in_order(versions[-1] for versions in book.versions.values())
        return RuleBookAnswer(
            rules=[
                BookRuleRow(rule=RuleVersionRow.of(rule), is_enabled=rule.rule_id in book.enabled) for rule in rules
            ],
            version=book.version,
            rule_set=hash_of(book.in_force.rules),
        )

    @routes.get("/claim-rules/properties")
    async def list_properties(who: Reader) -> list[PropertyRow]:
        """Everything that a condition may ask of a claim, with its operators."""
        return [PropertyRow.of(known) for known in PROPERTIES.values()]

    @routes.get("/claim-rules/{rule_id}")
    async def read_rule(rule_id: RuleId, who: Reader) -> RuleDetail:
        """One rule with all its versions."""
        book = await in_force.book(who.tenant)
        versions = book.versions.get(rule_id)
        if not versions:
            raise RuleUnknown("there is no such rule")
        return RuleDetail(
            rule=RuleVersionRow.of(versions[-1]),
            is_enabled=rule_id in book.enabled,
            versions=[RuleVersionRow.of(rule) for rule in reversed(versions)],
            book_version=book.version,
        )

    @routes.post("/claim-rules/{rule_id}")
    async def write_rule(rule_id: RuleId, body: RuleBody, cause: Write) -> Done:
        """Propose a rule, which touches no claim before it is enabled; or change one, from now on."""
        return await handle(body.asked(rule_id, cause.actor), cause)

    @routes.post("/claim-rules/{rule_id}/enable")
    async def enable_rule(rule_id: RuleId, cause: Write) -> Done:
        """Let claims be checked by this rule from now on."""
        return await handle(EnableRule(rule_id=rule_id, by=cause.actor), cause)

    @routes.post("/claim-rules/{rule_id}/disable")
    async def disable_rule(rule_id: RuleId, body: DisableBody, cause: Write) -> Done:
        """Check no more claims by this rule. Claims that it holds are released by a correction or a person."""
        return await handle(DisableRule(rule_id=rule_id, reason=body.reason, by=cause.actor), cause)

    return routes
