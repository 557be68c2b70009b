"""Rules of the customer's own: who they are written by, what they find and do, and what a later rule leaves alone."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, timedelta
from typing import Any, get_args

import pytest
from msgspec import structs

from services.claims.domain.claim.commands import ClaimCommand, CorrectClaim, ReleaseClaim
from services.claims.domain.claim.decider import claim as claim_decider
from services.claims.domain.claim.scrubbing import RULES, RULES_VERSION
from services.claims.domain.claim.state import Stage
from services.claims.domain.rule_book.again import checks_of
from services.claims.domain.rule_book.changing import EDITABLE, REPAIRABLE
from services.claims.domain.rule_book.commands import DisableRule, EnableRule, WriteRule
from services.claims.domain.rule_book.decider import RULES_MAX, drafted, rule_book
from services.claims.domain.rule_book.properties import PROPERTIES
from services.claims.domain.rule_book.running import UNREADABLE, RuleSet, hash_of, in_order, run
from services.claims.domain.rule_book.state import RuleBook
from services.claims.policies.rules_in_force import CHECKED
from shared.events.base import Event
from shared.events.claim_rules import (
    ClaimRule,
    ClaimRuleChanged,
    ClaimRuleDisabled,
    ClaimRuleEnabled,
    ClaimRuleProposed,
    RuleChange,
    RuleStep,
)
from shared.events.claims import (
    ClaimCreated,
    ClaimEditedByRules,
    ClaimHeld,
    ClaimReleased,
    ClaimRepaired,
    ClaimScrubbed,
)
from shared.testing.specification import Specification
from tests.unit.claims.examples import (
    SENT,
    SERVICE_ON,
    SERVICES,
    TODAY,
    VISIT,
    create,
    created,
    recorded,
)

spec = Specification(rule_book)
on_claims = Specification(claim_decider)

BY = "user:mia"
NEEDS_25: dict[str, Any] = {
    "rule_id": "own-visit-needs-25",
    "name": "A visit with a blood draw has modifier 25",
    "order": 10,
    "when": {
        "all": [
            {"property": "coverage.payer_id", "operator": "is", "value": "payer-1"},
            {"any_line": {"property": "line.procedure_code", "operator": "is", "value": "99213"}},
            {"not": {"any_line": {"property": "line.modifiers", "operator": "includes", "value": "25"}}},
        ]
    },
    "action": "hold",
    "message": "payer 1 denies a visit without modifier 25",
    "fix": "Add modifier 25 to the visit.",
    "by": BY,
}
ANY_CLAIM = {"property": "claim.rank", "operator": "at-least", "value": 1}
ANY_LINE = {"property": "line.charged_cents", "operator": "at-least", "value": 0}


def write(**changes: Any) -> WriteRule:
    return WriteRule(**(NEEDS_25 | changes))


def rule(**changes: Any) -> ClaimRule:
    return drafted(write(**changes), version=changes.pop("version", 1))


def book(*rules: ClaimRule, version: int = 7) -> RuleSet:
    return RuleSet(rules=in_order(rules), book_version=version)


def with_modifiers(*modifiers: str) -> Any:
    return structs.replace(SERVICES, lines=(structs.replace(VISIT, modifiers=modifiers),))


# ---- the book


def test_a_new_rule_is_proposed_and_touches_nothing_before_it_is_enabled() -> None:
    decided = spec.when(write())
    assert decided.only(ClaimRuleProposed).rule.version == 1
    assert decided.state.in_force.rules == ()
    enabled = spec.when(write(), EnableRule(rule_id="own-visit-needs-25", by=BY))
    enabled.then_kinds(ClaimRuleProposed, ClaimRuleEnabled)
    assert [each.rule_id for each in enabled.state.in_force.rules] == ["own-visit-needs-25"]


def test_a_change_is_the_next_version_and_the_same_again_is_no_news() -> None:
    decided = spec.when(write(), write(), write(order=20))
    decided.then_kinds(ClaimRuleProposed, ClaimRuleChanged)
    assert decided.only(ClaimRuleChanged).rule.version == 2
    assert [each.version for each in decided.state.versions["own-visit-needs-25"]] == [1, 2]


def test_a_rule_is_disabled_with_a_reason_and_enabled_again_as_it_stands() -> None:
    enable, disable = (
        EnableRule(rule_id="own-visit-needs-25", by=BY),
        DisableRule(rule_id="own-visit-needs-25", reason="payer-changed-its-mind", by=BY),
    )
    decided = spec.when(write(), disable, enable, enable, disable)
    decided.then_kinds(ClaimRuleProposed, ClaimRuleEnabled, ClaimRuleDisabled)
    assert decided.state.in_force.rules == ()
    assert decided.state.version == 3


def test_what_is_not_in_the_book_is_neither_enabled_nor_disabled() -> None:
    spec.when(EnableRule(rule_id="own-x", by=BY)).then_refused("rule-unknown")
    spec.when(DisableRule(rule_id="own-x", reason="gone", by=BY)).then_refused("rule-unknown")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"rule_id": "visit"}, "rule_id"),
        ({"order": 0}, "order"),
        ({"name": " "}, "name"),
        ({"message": ""}, "message"),
        ({"fix": "two\nlines"}, "fix"),
        ({"tag": "x"}, "tag"),
        ({"from_on": TODAY, "to_on": SERVICE_ON}, "to_on"),
        ({"when": {"property": "claim.colour", "operator": "is", "value": "red"}}, "when.property"),
        ({"steps": (RuleStep(property="line.modifiers", operation="add", value="25"),)}, "steps"),
        ({"action": "tag"}, "tag"),
        ({"action": "edit"}, "steps"),
        (
            {"action": "edit", "steps": (RuleStep(property="claim.charged_cents", operation="set", value="1"),)},
            "steps[1].property",
        ),
        (
            {"action": "edit", "steps": (RuleStep(property="line.modifiers", operation="add", value="25"),)},
            "steps[1].property",
        ),
        (
            {"action": "repair", "steps": (RuleStep(property="claim.diagnoses", operation="set", value="J0190"),)},
            "steps[1].operation",
        ),
        (
            {"action": "edit", "steps": (RuleStep(property="facility.place_of_service", operation="set", value="x"),)},
            "steps[1].value",
        ),
    ],
)
def test_a_rule_that_is_not_understood_is_never_in_the_book(changes: dict[str, Any], place: str) -> None:
    refusal = spec.when(write(**changes)).then_refused("rule-malformed")
    assert refusal.facts["place"] == place
    assert refusal.facts["rule"]


def test_a_condition_too_deep_to_be_written_is_refused() -> None:
    deep: dict[str, Any] = ANY_CLAIM
    for _ in range(100_000):
        deep = {"not": deep}
    spec.when(write(when=deep)).then_refused("rule-malformed")
    while "not" in deep:  # taken apart from outside, as nesting this deep cannot be torn down at once
        deep = deep["not"]


def test_the_book_is_not_without_end() -> None:
    full = RuleBook(versions={f"own-{at}": (rule(),) for at in range(RULES_MAX)})
    with pytest.raises(Exception, match="full") as refusal:
        rule_book.decide(write(), full)
    assert getattr(refusal.value, "code", "") == "too-many-rules"


def test_no_rule_of_our_own_has_a_customers_name() -> None:
    assert [each.id for each in (*RULES,) if each.id.startswith("own-")] == []


def test_what_rules_may_write_are_plain_fields_of_the_claim() -> None:
    for name in REPAIRABLE | EDITABLE.keys():
        known = PROPERTIES[name]
        assert known.path
        assert known.kind in ("text", "codes")


# ---- what rules find and do


def test_a_rule_holds_a_claim_with_its_name_version_and_fix() -> None:
    decided = on_claims.when(create(rules=book(rule())))
    decided.then_kinds(ClaimCreated, ClaimScrubbed, ClaimHeld)
    [finding] = decided.only(ClaimHeld).findings
    assert (finding.rule, finding.rule_version, finding.severity) == ("own-visit-needs-25", 1, "error")
    assert finding.fix == "Add modifier 25 to the visit."
    result = decided.only(ClaimScrubbed)
    assert [(used.rule_id, used.version) for used in result.customer_rules] == [("own-visit-needs-25", 1)]
    assert (result.rule_book_version, result.scrubbed_on) == (7, TODAY)
    assert result.rule_set == hash_of([rule()])


def test_a_hold_cannot_be_released_past_the_rule_and_ends_with_the_correction() -> None:
    rules = book(rule())
    held = create(rules=rules)
    refusal = on_claims.when(held, ReleaseClaim(on=TODAY, rules=rules)).then_refused("claim-has-errors")
    assert "own-visit-needs-25" in refusal.message
    corrected = CorrectClaim(
        services=with_modifiers("25"), reason="modifier", corrected_by="user:ann", on=TODAY, rules=rules
    )
    assert on_claims.when(held, corrected).state.stage is Stage.RELEASED


def test_a_warning_and_a_tag_hold_nothing() -> None:
    warn = rule(rule_id="own-warn", action="warn")
    tag = rule(rule_id="own-tag", action="tag", tag="check-referral", message="", fix="")
    decided = on_claims.when(create(rules=book(warn, tag)))
    decided.then_kinds(ClaimCreated, ClaimScrubbed, ClaimReleased)
    result = decided.only(ClaimScrubbed)
    assert (result.tags, [finding.severity for finding in result.findings]) == (("check-referral",), ["warning"])


def test_a_rule_for_each_line_names_the_line() -> None:
    lines = tuple(structs.replace(VISIT, line_id=f"L{at}", charged_cents=50_00) for at in (1, 2))
    dear = rule(
        scope="line", when={"property": "line.number", "operator": "more-than", "value": 1}, rule_id="own-second"
    )
    claim = created(services=structs.replace(SERVICES, lines=lines))
    assert [finding.place for finding in run(book(dear), claim, TODAY).findings] == ["lines[2]"]


@pytest.mark.parametrize(
    ("by", "from_on", "to_on", "holds"),
    [
        ("service", SERVICE_ON, SERVICE_ON, True),
        ("service", SERVICE_ON + timedelta(days=1), None, False),
        ("service", None, SERVICE_ON - timedelta(days=1), False),
        ("check", TODAY, TODAY, True),
        ("check", None, SERVICE_ON, False),
    ],
)
def test_a_rule_is_about_the_days_that_it_names(by: str, from_on: date | None, to_on: date | None, holds: bool) -> None:
    dated = rule(effective_by=by, from_on=from_on, to_on=to_on)
    result = run(book(dated), created(), TODAY)
    assert bool(result.findings) is holds
    assert bool(result.used) is holds


REPAIR = {
    "rule_id": "own-dots",
    "order": 90,
    "when": ANY_CLAIM,
    "action": "repair",
    "message": "",
    "fix": "",
    "steps": (
        RuleStep(property="claim.diagnoses", operation="letters-and-digits"),
        RuleStep(property="claim.diagnoses", operation="upper-case"),
    ),
}
EDIT = {
    "rule_id": "own-add-25",
    "order": 10,
    "scope": "line",
    "when": {"property": "line.procedure_code", "operator": "is", "value": "99213"},
    "action": "edit",
    "message": "",
    "fix": "",
    "steps": (RuleStep(property="line.modifiers", operation="add", value="25"),),
}
DOTTED = structs.replace(SERVICES, diagnoses=("j01.90",))


def test_repairs_come_first_and_stand_apart_from_edits_with_before_and_after() -> None:
    decided = on_claims.when(create(services=DOTTED, rules=book(rule(**REPAIR), rule(**EDIT), rule(order=20))))
    decided.then_kinds(ClaimCreated, ClaimRepaired, ClaimEditedByRules, ClaimScrubbed, ClaimReleased)
    by_rule = RuleChange(rule_id="own-dots", rule_version=1, place="claim.diagnoses", before="j01.90", after="j0190")
    assert decided.only(ClaimRepaired).changes == (
        by_rule,
        structs.replace(by_rule, before="j0190", after="J0190"),
    )
    assert decided.only(ClaimEditedByRules).changes == (
        RuleChange(rule_id="own-add-25", rule_version=1, place="lines[1].modifiers", before="", after="25"),
    )
    content = decided.state.content
    assert content is not None
    assert (content.services.diagnoses, content.services.lines[0].modifiers) == (("J0190",), ("25",))
    assert decided.only(ClaimScrubbed).findings == (), "rules after an edit, and our own, see the claim as edited"


def test_what_a_rule_wrote_is_not_taken_for_news_of_the_account() -> None:
    """The same charges told again after the claim was sent with a rule's modifier must not replace it."""
    rules = book(rule(**EDIT))
    first = on_claims.when(create(rules=rules)).then_kinds(
        ClaimCreated, ClaimEditedByRules, ClaimScrubbed, ClaimReleased
    )
    on_claims.given(*first.events).when(create(rules=rules)).then_nothing()
    on_claims.given(*first.events, *SENT[3:]).when(create(rules=rules)).then_nothing()


def test_a_step_that_finds_nothing_to_change_is_silent() -> None:
    on_claims.when(create(services=with_modifiers("25"), rules=book(rule(**EDIT)))).then_kinds(
        ClaimCreated, ClaimScrubbed, ClaimReleased
    )


def test_a_rule_that_cannot_be_read_is_a_warning_and_stops_nothing() -> None:
    """As when a later release no longer has a property."""
    lost = structs.replace(rule(rule_id="own-lost"), when='{"property":"claim.colour","operator":"present"}')
    decided = on_claims.when(create(services=with_modifiers("25"), rules=book(lost, rule())))
    decided.then_kinds(ClaimCreated, ClaimScrubbed, ClaimReleased)
    [finding] = decided.only(ClaimScrubbed).findings
    assert (finding.rule, finding.value, finding.severity) == (UNREADABLE, "own-lost", "warning")


def test_every_command_that_has_a_claim_checked_is_given_the_rules() -> None:
    takes_rules = {kind for kind in get_args(ClaimCommand) if "rules" in {field.name for field in fields(kind)}}
    assert takes_rules == set(CHECKED)


# ---- nothing past is moved, and everything can be decided again


def test_a_later_rule_leaves_the_result_of_a_claim_alone() -> None:
    before = on_claims.when(create(services=with_modifiers("25"), rules=book(rule())))
    result = before.only(ClaimScrubbed)
    stricter = structs.replace(rule(when=ANY_CLAIM), version=2)
    again = on_claims.given(*before.events).when(create(services=with_modifiers("25"), rules=book(stricter, version=8)))
    again.then_nothing()
    assert before.only(ClaimScrubbed) == result
    assert result.rule_set != hash_of([stricter])


def test_the_hash_says_whether_two_sets_of_rules_say_the_same() -> None:
    first, other = rule(), rule(rule_id="own-other")
    assert hash_of([first, other]) == hash_of([rule(), rule(rule_id="own-other")])
    assert len({hash_of(rules) for rules in ([first], [first, other], [other, first], [rule(order=11)], [])}) == 5


def checked_again(*events: Event) -> list[tuple[bool | None, str]]:
    claim_events = [recorded(event, version=at) for at, event in enumerate(events, start=1)]
    return [(check.is_same, check.because) for check in checks_of(claim_events, STORY)]


EDITED = write(**(NEEDS_25 | EDIT))
STORY = spec.when(
    write(rule_id="own-first"),
    EnableRule(rule_id="own-first", by=BY),
    EDITED,
    EnableRule(rule_id=EDITED.rule_id, by=BY),
    write(rule_id="own-first", order=20),
    DisableRule(rule_id=EDITED.rule_id, reason="gone", by=BY),
).events


@pytest.mark.parametrize("version", range(len(STORY) + 1))
def test_a_decision_is_made_again_from_what_is_stored(version: int) -> None:
    """The book's events up to the version in the result, and the claim's before it, give the same result again."""
    in_force = rule_book.state_after(STORY[:version]).in_force
    decided = on_claims.when(
        create(rules=in_force), CorrectClaim(reason="again", corrected_by=BY, on=TODAY, rules=in_force)
    )
    assert checked_again(*decided.events) == [(True, "made again, it says the same")] * 2


def test_a_result_that_was_not_decided_so_is_told() -> None:
    in_force = rule_book.state_after(STORY[:2]).in_force
    created_, result, held = on_claims.when(create(rules=in_force)).events
    assert isinstance(result, ClaimScrubbed)
    forged = structs.replace(result, findings=(), is_clean=True)
    assert checked_again(created_, forged, held) == [(False, "differs in findings")]
    assert checked_again(created_, structs.replace(result, is_clean=True), held) == [(False, "differs in verdict")]
    other = structs.replace(result, rule_book_version=5)
    assert checked_again(created_, other, held) == [(False, "differs in rules, changes, findings")]


def test_a_check_that_cannot_be_made_again_says_why() -> None:
    result = on_claims.when(create()).only(ClaimScrubbed)
    for changes, because in (
        ({"scrubbed_on": None}, "it was made before its day was kept"),
        ({"rules_version": 0}, f"the edits were version 0, and are {RULES_VERSION} now"),
        ({"rule_book_version": 99}, "the rule book has not been read that far"),
    ):
        assert checked_again(created(), structs.replace(result, **changes)) == [(None, because)]
