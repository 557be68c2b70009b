"""What do callers send about rules of their own, and what do they get?"""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from services.claims.api.bodies import Answer, Body, FindingRow, Reason
from services.claims.domain.rule_book.again import Check
from services.claims.domain.rule_book.changing import EDITABLE, REPAIRABLE, REPAIRS
from services.claims.domain.rule_book.commands import WriteRule
from services.claims.domain.rule_book.conditions import OPERATORS, VALUE_OF_KIND
from services.claims.domain.rule_book.properties import Property
from shared.events.claim_rules import ClaimRule, RuleStep

RuleId = Annotated[str, Field(pattern=r"^own-[a-z0-9]+(-[a-z0-9]+)*$", max_length=60)]


class StepBody(Body):
    property: Annotated[str, Field(max_length=80)]
    operation: Literal["upper-case", "trim", "letters-and-digits", "set", "add", "remove"]
    value: Annotated[str, Field(max_length=80)] = ""


class RuleBody(Body):
    """A rule as it shall stand from now on. Its words are about claims, never about a person: they stay in clear."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    order: Annotated[int, Field(ge=1, le=9999, strict=True, description="Rules run by order, then by id.")] = 100
    scope: Literal["claim", "line"] = Field(default="claim", description="line: the rule is about each line by itself.")
    when: dict[str, Any] = Field(
        description='Groups `all`, `any`, `not`, `any_line`, `all_lines` of tests: `{"property", "operator", "value"}`.'
    )
    action: Literal["hold", "warn", "tag", "repair", "edit"]
    message: Annotated[str, Field(max_length=200, description="What is wrong; of hold and warn.")] = ""
    fix: Annotated[str, Field(max_length=200, description="How it is mended; of hold and warn.")] = ""
    tag: Annotated[str, Field(max_length=40, description="Of tag: a word such as check-referral.")] = ""
    steps: Annotated[tuple[StepBody, ...], Field(max_length=10, description="Of repair and edit.")] = ()
    effective_by: Literal["service", "check"] = Field(
        default="service", description="Whether from_on and to_on are days of service or days of the check."
    )
    from_on: date | None = None
    to_on: date | None = None

    def asked(self, rule_id: str, by: str) -> WriteRule:
        return WriteRule(
            rule_id=rule_id,
            by=by,
            steps=tuple(RuleStep(**step.model_dump()) for step in self.steps),
            **self.model_dump(exclude={"steps", "rule_id"}),
        )


class DisableBody(Body):
    reason: Reason


class StepRow(Answer):
    property: str
    operation: str
    value: str = ""


class RuleVersionRow(Answer):
    """One version of a rule."""

    rule_id: str
    version: int
    name: str
    order: int
    scope: str
    when: dict[str, Any]
    action: str
    message: str
    fix: str
    tag: str
    steps: list[StepRow]
    effective_by: str
    from_on: date | None
    to_on: date | None

    @classmethod
    def of(cls, rule: ClaimRule) -> Self:
        return cls(
            rule_id=rule.rule_id,
            version=rule.version,
            name=rule.name,
            order=rule.order,
            scope=rule.scope,
            when=json.loads(rule.when),
            action=rule.action,
            message=rule.message,
            fix=rule.fix,
            tag=rule.tag,
            steps=[StepRow.model_validate(step) for step in rule.steps],
            effective_by=rule.effective_by,
            from_on=rule.from_on,
            to_on=rule.to_on,
        )


class BookRuleRow(Answer):
    rule: RuleVersionRow
    is_enabled: bool


class RuleBookAnswer(Answer):
    """Every rule of the customer's own, in the order in which they run."""

    rules: list[BookRuleRow]
    version: int = Field(description="Of the rule book's stream, for `Ledgerline-Expected-Version`.")
    rule_set: str = Field(description="Hash of the enabled rules; empty when there is none.")


class RuleDetail(Answer):
    rule: RuleVersionRow
    is_enabled: bool
    versions: list[RuleVersionRow] = Field(description="Every version, the newest first.")
    book_version: int = Field(description="Of the rule book's stream, for `Ledgerline-Expected-Version`.")


class PropertyRow(Answer):
    """What a rule may ask for, and what it may do there."""

    name: str
    kind: str
    value: str = Field(description="What a value looks like.")
    operators: dict[str, str] = Field(description="Each with what it takes: one, list, pair, prefixes or nothing.")
    operations: list[str] = Field(description="What repair and edit may do to it.")
    meaning: str

    @classmethod
    def of(cls, known: Property) -> Self:
        return cls(
            name=known.name,
            kind=known.kind,
            value=VALUE_OF_KIND[known.kind],
            operators=dict(OPERATORS[known.kind]),
            operations=operations_of(known),
            meaning=known.meaning,
        )


def operations_of(known: Property) -> list[str]:
    repairs = list(REPAIRS) if known.name in REPAIRABLE else []
    edits = (["add", "remove"] if known.kind == "codes" else ["set"]) if known.name in EDITABLE else []
    return [*repairs, *edits]


class UsedRow(Answer):
    rule_id: str
    version: int


class ChangeRow(Answer):
    rule_id: str
    rule_version: int
    place: str
    before: str
    after: str


class CheckRow(Answer):
    """One check of a claim, with everything that it was decided from."""

    version: int = Field(description="Of the event in the claim's stream.")
    checked_on: date | None
    is_clean: bool
    findings: list[FindingRow]
    tags: list[str]
    changes: list[ChangeRow] = Field(description="What rules of your own repaired and edited.")
    edits_version: int = Field(description="Of the edits that everybody has.")
    rule_book_version: int
    rule_set: str
    rules: list[UsedRow] = Field(description="Of your own, that held for the claim on that day.")
    is_same: bool | None = Field(
        description="Whether it comes out the same, made again now from the log; null when it cannot be."
    )
    because: str

    @classmethod
    def of(cls, check: Check) -> Self:
        result = check.result
        return cls(
            version=check.version,
            checked_on=result.scrubbed_on,
            is_clean=result.is_clean,
            findings=[FindingRow.model_validate(finding) for finding in result.findings],
            tags=list(result.tags),
            changes=[ChangeRow.model_validate(change) for change in check.changes],
            edits_version=result.rules_version,
            rule_book_version=result.rule_book_version,
            rule_set=result.rule_set,
            rules=[UsedRow.model_validate(used) for used in result.customer_rules],
            is_same=check.is_same,
            because=check.because,
        )
