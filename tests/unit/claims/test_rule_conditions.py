"""What can a rule of the customer's own ask of a claim, and what is refused?"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.claims.domain.rule_book.conditions import (
    DEPTH_MAX,
    OPERATORS,
    TESTS_MAX,
    NotACondition,
    Problem,
    canonical,
    condition_of,
    holds,
)
from services.claims.domain.rule_book.properties import PROPERTIES, Kind, Property, Subject
from shared.events.claims import ClaimCreated, ServicesBilled
from shared.events.values import ChargeLine, CoverageSnapshot, ProviderIdentity
from tests.unit.claims.examples import SERVICE_ON, SERVICES, TODAY, VISIT, adjustment, answer, coverage, created

Plain = dict[str, Any]


def asks(name: str, operator: str, *value: Any, **more: Any) -> Plain:
    return {"property": name, "operator": operator, **({"value": value[0]} if value else {}), **more}


def is_so(when: Plain, claim: ClaimCreated | None = None, line: int | None = None) -> bool:
    condition = condition_of(canonical(when), is_of_line=line is not None)
    return holds(condition, Subject(claim=claim or created(), on=TODAY, line=line))


def refused(when: Any, *, is_of_line: bool = False) -> tuple[Problem, ...]:
    with pytest.raises(NotACondition) as refusal:
        condition_of(json.dumps(when), is_of_line=is_of_line)
    return refusal.value.problems


LATER = structs.replace(
    VISIT,
    line_id="L2",
    service_on=SERVICE_ON + timedelta(days=2),
    procedure_code="36415",
    modifiers=("25", "59"),
    units="1.5",
    charged_cents=9_00,
)
TWO_LINES = created(services=structs.replace(SERVICES, lines=(VISIT, LATER), charged_cents=109_00))
SECOND = created(rank=2, prior=(answer(48_00, adjustment("CO", "45", 40_00)),))


@pytest.mark.parametrize(
    "when",
    [
        asks("coverage.payer_id", "is", "payer-1"),
        asks("coverage.payer_id", "one-of", ["payer-1", "payer-9"]),
        asks("coverage.authorization_number", "absent"),
        asks("coverage.authorization_number", "is-not", "A-1"),
        asks("coverage.authorization_number", "none-of", ["A-1"]),
        asks("rendering.last_or_organisation", "starts-with", ["OR", "X"]),
        asks("claim.charged_cents", "more-than", 10_899),
        asks("claim.charged_cents", "between", [10_900, 10_900]),
        asks("claim.diagnoses", "includes", "J0190"),
        asks("claim.diagnoses", "any-starts-with", "J"),
        asks("claim.diagnoses", "includes-none-of", ["E119"]),
        asks("claim.procedure_codes", "includes-all-of", ["99213", "36415"]),
        asks("claim.service_on", "before", "2026-03-03"),
        asks("claim.service_on", "on-or-after", "2026-03-02"),
        asks("claim.service_to_on", "absent"),
        asks("claim.days_since_service", "equals", 18),
        asks("claim.checked_on", "more-than", 17, minus="claim.service_on"),
        asks("organization.is_person", "is", False),
        asks("claim.patient", "present"),
        asks("coverage.group_number", "absent"),
        asks("coverage.subscriber", "absent"),
        asks("coverages.count", "equals", 2),
        asks("coverages.payer_id", "includes", "payer-2"),
        {"any_line": asks("line.modifiers", "includes", "25")},
        {"any_line": asks("line.units", "more-than", "1.25")},
        {"any_line": asks("line.units", "equals", 1)},
        {"any_line": asks("line.service_on", "after", other="claim.service_on")},
        {"all_lines": asks("line.procedure_code", "one-of", ["99213", "36415"])},
        {"all_lines": asks("line.primary_diagnosis", "starts-with", "J", )},
        {"not": {"all_lines": asks("line.modifiers", "present")}},
        {"all": [asks("claim.rank", "equals", 1), {"any": [asks("claim.lines", "at-least", 2)]}]},
    ],
    ids=canonical,
)  # fmt: skip
def test_a_condition_holds_for_the_claim_and_its_opposite_does_not(when: Plain) -> None:
    claim = created(
        services=structs.replace(TWO_LINES.services, lines=(VISIT, structs.replace(LATER, diagnosis_pointers=(1,))))
    )
    assert is_so(when, claim)
    assert not is_so({"not": when}, claim)


def test_what_earlier_payers_said_is_asked_for() -> None:
    assert is_so(asks("prior.reasons", "includes", "CO-45"), SECOND)
    assert is_so(asks("prior.paid_cents", "equals", 48_00), SECOND)
    assert not is_so(asks("prior.paid_cents", "at-least", 0)), "nobody answered: there is no amount to compare"


def test_a_missing_date_meets_no_comparison() -> None:
    for operator in ("is", "before", "after", "on-or-before", "on-or-after"):
        assert not is_so(asks("claim.service_to_on", operator, "2026-03-02"))
    assert not is_so(asks("claim.service_on", "is", other="claim.service_to_on"))
    assert not is_so(asks("claim.service_to_on", "at-least", -9_999, minus="claim.service_on"))


def test_all_lines_of_no_lines_holds_and_any_line_does_not() -> None:
    empty = created(services=structs.replace(SERVICES, lines=()))
    line = asks("line.charged_cents", "at-least", 0)
    assert is_so({"all_lines": line}, empty)
    assert not is_so({"any_line": line}, empty)


def test_each_line_is_asked_by_itself() -> None:
    modified = asks("line.modifiers", "includes", "59")
    assert [is_so(modified, TWO_LINES, line) for line in (0, 1)] == [False, True]


@pytest.mark.parametrize(
    ("when", "place", "rule"),
    [
        (asks("claim.colour", "is", "red"), "when.property", "a property of a claim"),
        (asks("claim.rank", "starts-with", "1"), "when.operator", "of a number: equals"),
        (asks("claim.charged_cents", "more-than", "100"), "when.value", "a whole number of cents"),
        (asks("claim.charged_cents", "more-than", 1.5), "when.value", "a whole number of cents"),
        (asks("claim.charged_cents", "more-than", True), "when.value", "a whole number of cents"),
        (asks("claim.service_on", "after", "03/02/2026"), "when.value", "a day such as"),
        (asks("organization.is_person", "is", "no"), "when.value", "true or false"),
        (asks("claim.rank", "between", [3, 1]), "when.value", "two values, the smaller one first"),
        (asks("claim.diagnoses", "includes-any-of", []), "when.value", "a list of 1 to 200"),
        (asks("claim.diagnoses", "includes-any-of", ["J0190", 7]), "when.value[2]", "a text of 1 to 80"),
        (asks("coverage.payer_id", "present", "x"), "when.value", "present takes no value"),
        (asks("coverage.payer_id", "is"), "when.value", "a text of 1 to 80"),
        (asks("coverage.member_number", "is", "M001"), "when.operator", "of a sealed value: present, absent"),
        (asks("line.units", "more-than", 1), "when.property", "within any_line or all_lines"),
        (asks("claim.service_on", "after", other="claim.rank"), "when.other", "a date, not a number"),
        (asks("claim.service_on", "more-than", 1, minus="claim.rank"), "when.minus", "two dates"),
        ({**asks("claim.rank", "equals", 1), "else": 2}, "when.else", "a test has property"),
        ({"all": []}, "when.all", "at least one condition"),
        ({"all": [{"xor": []}]}, "when.all[1]", "one of all, any, not"),
        ({"any_line": {"any_line": asks("line.units", "present")}}, "when.any_line.any_line", "not asked within"),
        ({}, "when", "one group, or a test"),
        ([], "when", "a group or a test"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_by_place_and_rule(when: Any, place: str, rule: str) -> None:
    [problem] = refused(when)
    assert problem.place == place
    assert rule in problem.rule


def test_everything_wrong_is_told_at_once_with_what_stands_there() -> None:
    problems = refused({"all": [asks("claim.colour", "is", "red"), asks("claim.rank", "like", 1)]})
    assert [(each.place, each.found) for each in problems] == [
        ("when.all[1].property", "claim.colour"),
        ("when.all[2].operator", "like"),
    ]


def test_depth_and_size_are_bounded() -> None:
    deep: Plain = asks("claim.rank", "equals", 1)
    for _ in range(DEPTH_MAX - 1):
        deep = {"not": deep}
    assert isinstance(is_so(deep), bool)
    assert refused({"not": deep})[0].rule == f"at most {DEPTH_MAX} levels"
    wide = {"all": [asks("claim.rank", "equals", 1)] * TESTS_MAX}
    assert is_so(wide)
    assert refused({"all": [wide, asks("claim.rank", "equals", 1)]})[0].rule == f"at most {TESTS_MAX} tests"


def test_every_plain_field_of_a_claim_is_a_property() -> None:
    roots = {"claim": ClaimCreated, "services": ServicesBilled, "coverage": CoverageSnapshot, "line": ChargeLine}
    for root, struct in roots.items():
        parts = {known.path[0] for known in PROPERTIES.values() if known.root == root}
        lists = {known.name.partition(".")[0] for known in PROPERTIES.values() if known.root == "computed"}
        missing = {field.name for field in structs.fields(struct)} - parts - lists - {"services", "lines"}
        assert missing == set(), root
    assert PROPERTIES["line.rendering.npi"].kind == "text"
    assert PROPERTIES["claim.charged_cents"].kind == "cents"
    assert PROPERTIES["line.units"].kind == "quantity"
    assert PROPERTIES["claim.patient"].kind == "sealed"


# ---- for any claim, any condition -----------------------------------------------------------------------------------

_TEXTS = st.text(max_size=12)
_DAYS = st.dates()
_CENTS = st.integers(min_value=-(10**15), max_value=10**15)


@st.composite
def claims(draw: st.DrawFn) -> ClaimCreated:
    """Claims as bad as their types let them be."""
    lines = tuple(
        structs.replace(
            VISIT,
            line_id=draw(_TEXTS),
            service_on=draw(_DAYS),
            service_to_on=draw(st.none() | _DAYS),
            procedure_code=draw(_TEXTS),
            modifiers=tuple(draw(st.lists(_TEXTS, max_size=3))),
            units=draw(_TEXTS | st.sampled_from(["NaN", "Infinity", "1e9999999", "-0", "1.50", "sNaN"])),
            charged_cents=draw(_CENTS),
            diagnosis_pointers=tuple(draw(st.lists(st.integers(-3, 99), max_size=3))),
            rendering=draw(st.none() | st.just(ProviderIdentity(provider_id="p", npi="", last_or_organisation=""))),
        )
        for _ in range(draw(st.integers(0, 3)))
    )
    services = structs.replace(
        SERVICES,
        service_on=draw(_DAYS),
        service_to_on=draw(st.none() | _DAYS),
        diagnoses=tuple(draw(st.lists(_TEXTS, max_size=3))),
        lines=lines,
        charged_cents=draw(_CENTS),
        submitter_phone=draw(_TEXTS),
    )
    ranks = draw(st.lists(st.integers(0, 3), max_size=3))
    told = tuple(answer(draw(_CENTS), rank=rank) for rank in draw(st.lists(st.integers(0, 3), max_size=2)))
    return created(
        services=services,
        rank=draw(st.integers(0, 3)),
        coverages=tuple(coverage(rank, payer_id=draw(_TEXTS)) for rank in ranks),
        prior=told,
    )


_WORD = st.text(min_size=1, max_size=8)
_VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    "text": _WORD,
    "codes": _WORD,
    "number": st.integers(-(10**12), 10**12),
    "cents": st.integers(-(10**12), 10**12),
    "quantity": st.integers(-99, 99) | st.sampled_from(["1.5", "-3", "0.001"]),
    "date": _DAYS.map(date.isoformat),
    "flag": st.booleans(),
}


@st.composite
def questions(draw: st.DrawFn, *, of_line: bool) -> Plain:
    asked: Property = draw(st.sampled_from([each for each in PROPERTIES.values() if of_line or not each.is_of_line]))
    operator = draw(st.sampled_from(sorted(OPERATORS[asked.kind])))
    match OPERATORS[asked.kind][operator]:
        case "nothing":
            return asks(asked.name, operator)
        case "one":
            return asks(asked.name, operator, draw(_VALUES[asked.kind]))
        case "pair":
            pair = draw(st.lists(_VALUES[asked.kind], min_size=2, max_size=2))
            return asks(asked.name, operator, sorted(pair, key=float if asked.kind == "quantity" else None))
        case _:
            return asks(asked.name, operator, draw(st.lists(_VALUES[asked.kind], min_size=1, max_size=3)))


def conditions() -> st.SearchStrategy[Plain]:
    lines = questions(of_line=True).map(lambda test: {"any_line": test}) | questions(of_line=True).map(
        lambda test: {"all_lines": {"not": test}}
    )
    return st.recursive(
        questions(of_line=False) | lines,
        lambda part: st.lists(part, min_size=1, max_size=3).flatmap(
            lambda parts: st.sampled_from([{"all": parts}, {"any": parts}, {"not": parts[0]}])
        ),
        max_leaves=5,
    )


@settings(max_examples=300, deadline=None)
@given(when=conditions(), claim=claims())
def test_no_condition_fails_on_any_claim_and_it_says_the_same_twice(when: Plain, claim: ClaimCreated) -> None:
    try:
        first = is_so(when, claim)
    except NotACondition as refusal:
        assert {each.rule for each in refusal.problems} == {f"at most {DEPTH_MAX} levels"}
        return
    assert first == is_so(json.loads(json.dumps(when)), claim)
    assert is_so({"not": when}, claim) != first if _depth(when) < DEPTH_MAX else True


def _depth(when: Any) -> int:
    if isinstance(when, dict):
        return 1 + max((_depth(part) for name, part in when.items() if name not in ("value", "property")), default=0)
    return max((_depth(part) for part in when), default=0) if isinstance(when, list) else 0


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda part: (
            st.lists(part, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["all", "any", "not", "any_line", "property", "operator", "value", "other", "minus", "x"]
                ),
                part,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_condition_or_refused_with_places(plain: Any) -> None:
    try:
        condition_of(json.dumps(plain), is_of_line=False)
    except NotACondition as refusal:
        assert refusal.problems
        assert all(each.place.startswith("when") and each.rule for each in refusal.problems)
