"""When does a customer's rule apply to a claim? A small typed language in JSON.

    {"all": [{"property": "coverage.payer_id", "operator": "is", "value": "blue-plains"},
             {"any_line": {"property": "line.modifiers", "operator": "includes-none-of", "value": ["25", "59"]}}]}

Groups are `all`, `any` and `not`; `any_line` and `all_lines` ask the lines, one after the other (`all_lines` of no lines holds). A
test names a property, an operator and a value; `other` in the place of `value` names a property of the same kind to compare with, and
`minus` one to take away first: two dates give days. What a claim has not got meets no test but `absent`, `is-not`, `none-of` and
`includes-none-of`.

What is read here is a tree of bounded depth and size, so that no rule loops; every kind has its operators and every operator its
value, so that no rule fails on a claim. Anything else is refused with place, value and rule before it is a rule.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal, TypeAlias, assert_never

from services.claims.domain.rule_book.properties import PROPERTIES, Answer, Kind, Property, Subject, as_quantity

DEPTH_MAX = 6
TESTS_MAX = 60
VALUES_MAX = 200
TEXT_MAX = 80
INTEGER_MAX = 10**12

Fits: TypeAlias = Literal["one", "list", "pair", "prefixes", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that keeps a rule from being one. `found` is what stands there, cut short."""

    place: str
    found: str
    rule: str


class NotACondition(Exception):
    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("; ".join(f"{each.place}: {each.rule}" for each in problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    asked: Property
    minus: Property | None
    operator: str
    other: Property | None
    value: Any  # as its operator takes it


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    of: Literal["all", "any", "not", "any_line", "all_lines"]
    parts: tuple[Condition, ...]


Condition: TypeAlias = "Test | Group"


# ---- operators -------------------------------------------------------------------------------------------------------

_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": operator.eq,
    "not-equals": operator.ne,
    "less-than": operator.lt,
    "at-most": operator.le,
    "more-than": operator.gt,
    "at-least": operator.ge,
}
_DATED: Mapping[str, Callable[[Any, Any], bool]] = {
    "is": operator.eq,
    "before": operator.lt,
    "on-or-before": operator.le,
    "after": operator.gt,
    "on-or-after": operator.ge,
}
_PRESENCE: Mapping[str, Fits] = {"present": "nothing", "absent": "nothing"}
_NUMBERS: Mapping[str, Fits] = {**dict.fromkeys(_ORDERED, "one"), "between": "pair", **_PRESENCE}
OPERATORS: Mapping[Kind, Mapping[str, Fits]] = {
    "text": {
        "is": "one",
        "is-not": "one",
        "one-of": "list",
        "none-of": "list",
        "starts-with": "prefixes",
        "between": "pair",
        **_PRESENCE,
    },
    "codes": {
        "includes": "one",
        "includes-any-of": "list",
        "includes-all-of": "list",
        "includes-none-of": "list",
        "any-starts-with": "prefixes",
        **_PRESENCE,
    },
    "number": _NUMBERS,
    "cents": _NUMBERS,
    "quantity": _NUMBERS,
    "date": {**dict.fromkeys(_DATED, "one"), "between": "pair", **_PRESENCE},
    "flag": {"is": "one", **_PRESENCE},
    "sealed": _PRESENCE,
}
_COMPARES = (*_ORDERED, *_DATED, "is-not")  # what may be asked with `other`
_HOLD_WITHOUT_ANSWER = ("absent", "is-not", "none-of", "includes-none-of")
VALUE_OF_KIND: Mapping[Kind, str] = {
    "text": f"a text of 1 to {TEXT_MAX} characters",
    "codes": f"a text of 1 to {TEXT_MAX} characters",
    "number": "a whole number",
    "cents": "a whole number of cents",
    "quantity": 'a whole number, or exact decimal text such as "1.5"',
    "date": "a day such as 2026-03-14",
    "flag": "true or false",
    "sealed": "no value: what is sealed can only be present or absent",
}


def holds(condition: Condition, subject: Subject) -> bool:
    """Whether the claim (or its line) is as the condition says. Raises nothing, for any claim."""
    match condition:
        case Test():
            return _test(condition, subject)
        case Group(of="all", parts=parts):
            return all(holds(part, subject) for part in parts)
        case Group(of="any", parts=parts):
            return any(holds(part, subject) for part in parts)
        case Group(of="not", parts=parts):
            return not holds(parts[0], subject)
        case Group(of="any_line", parts=parts):
            return any(holds(parts[0], line) for line in lines_of(subject))
        case Group(of="all_lines", parts=parts):
            return all(holds(parts[0], line) for line in lines_of(subject))
        case Group():
            raise AssertionError(condition.of)
        case _:
            assert_never(condition)


def settled(condition: Condition, subject: Subject) -> Condition:
    """The condition with what it asks of all lines answered, so that a rule for each line asks that once and not for each."""
    match condition:
        case Group(of="any_line" | "all_lines"):
            return Group(of="all" if holds(condition, subject) else "any", parts=())
        case Group(of=of, parts=parts):
            return Group(of=of, parts=tuple(settled(part, subject) for part in parts))
        case _:
            return condition


def lines_of(subject: Subject) -> Iterator[Subject]:
    """The claim as each of its lines sees it."""
    for at in range(len(subject.claim.services.lines)):
        yield Subject(claim=subject.claim, on=subject.on, line=at)


def _test(test: Test, subject: Subject) -> bool:
    found = test.asked.read(subject)
    if test.minus is not None:
        found = _less(found, test.minus.read(subject))
    wanted = test.other.read(subject) if test.other is not None else test.value
    if found is None or (isinstance(found, frozenset) and not found):
        return test.operator in _HOLD_WITHOUT_ANSWER
    if test.other is not None and wanted is None:
        return False
    return _meets(test.operator, found, wanted)


def _less(found: Answer, taken: Answer) -> int | None:
    """The difference in days or in whole units; none when one of both is not there."""
    if isinstance(found, date) and isinstance(taken, date):
        return (found - taken).days
    if isinstance(found, int) and isinstance(taken, int):
        return found - taken
    return None


def _meets(asked: str, found: Any, wanted: Any) -> bool:
    if asked in _ORDERED:
        return _ORDERED[asked](found, wanted)
    if asked in _DATED:
        return _DATED[asked](found, wanted)
    match asked:
        case "present":
            return True
        case "is-not":
            return bool(found != wanted)
        case "one-of":
            return found in wanted
        case "none-of":
            return found not in wanted
        case "starts-with":
            return bool(found.startswith(wanted))
        case "between":
            return bool(wanted[0] <= found <= wanted[1])
        case "includes":
            return wanted in found
        case "includes-any-of":
            return not wanted.isdisjoint(found)
        case "includes-all-of":
            return bool(wanted <= found)
        case "includes-none-of":
            return bool(wanted.isdisjoint(found))
        case "any-starts-with":
            return any(code.startswith(wanted) for code in found)
        case _:
            return False  # absent, of what is there


# ---- reading ---------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def condition_of(text: str, *, is_of_line: bool) -> Condition:
    """The condition in this text. Raises NotACondition with everything that is wrong."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError):
        raise NotACondition((Problem(place="when", found="", rule="JSON"),)) from None
    reader = _Reader()
    condition = reader.condition(plain, "when", depth=1, in_line=is_of_line)
    if reader.tests > TESTS_MAX:
        reader.refuse("when", str(reader.tests), f"at most {TESTS_MAX} tests")
    if condition is None or reader.problems:
        raise NotACondition(tuple(reader.problems))
    return condition


def canonical(plain: Mapping[str, Any]) -> str:
    """The one text of a condition, by which equal conditions have equal hashes."""
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


class _Reader:
    """Collects what is wrong and goes on."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.tests = 0

    def refuse(self, place: str, found: Any, rule: str) -> None:
        self.problems.append(Problem(place=place, found=_short(found), rule=rule))

    def condition(self, plain: Any, place: str, *, depth: int, in_line: bool) -> Condition | None:
        if depth > DEPTH_MAX:
            self.refuse(place, "", f"at most {DEPTH_MAX} levels")
            return None
        if not isinstance(plain, dict):
            self.refuse(place, plain, "a group or a test")
            return None
        if "property" in plain:
            return self._test(plain, place, in_line=in_line)
        match list(plain.items()):
            case [("all" | "any" as of, list(parts))] if parts:
                return self._group(of, parts, place, depth=depth, in_line=in_line)
            case [("all" | "any" as of, found)]:
                self.refuse(f"{place}.{of}", found, "a list with at least one condition")
                return None
            case [("not", part)]:
                return self._group("not", [part], place, depth=depth, in_line=in_line)
            case [("any_line" | "all_lines" as of, part)]:
                if ".any_line" in place or ".all_lines" in place:
                    self.refuse(f"{place}.{of}", "", "the lines are not asked within a question about lines")
                    return None
                return self._group(of, [part], place, depth=depth, in_line=True)
            case [(found, _)]:
                self.refuse(place, found, "one of all, any, not, any_line, all_lines, or a test with a property")
                return None
            case _:
                self.refuse(place, ", ".join(map(str, plain)), "one group, or a test with a property")
                return None

    def _group(self, of: Any, parts: list[Any], place: str, *, depth: int, in_line: bool) -> Group | None:
        if self.tests > TESTS_MAX or len(parts) > TESTS_MAX:
            self.refuse(f"{place}.{of}", str(len(parts)), f"at most {TESTS_MAX} tests")
            return None
        names = [f"{place}.{of}[{at}]" if of in ("all", "any") else f"{place}.{of}" for at in range(1, len(parts) + 1)]
        read = [
            self.condition(part, name, depth=depth + 1, in_line=in_line)
            for name, part in zip(names, parts, strict=True)
        ]
        return Group(of=of, parts=tuple(part for part in read if part is not None))

    def _test(self, plain: dict[str, Any], place: str, *, in_line: bool) -> Test | None:
        self.tests += 1
        before = len(self.problems)
        for name in sorted(plain.keys() - {"property", "minus", "operator", "value", "other"}):
            self.refuse(f"{place}.{name}", name, "a test has property, operator, and value or other; and minus")
        asked = self._property(plain.get("property"), f"{place}.property", in_line=in_line)
        minus = other = None
        if "minus" in plain:
            minus = self._property(plain["minus"], f"{place}.minus", in_line=in_line)
        if "other" in plain:
            other = self._property(plain["other"], f"{place}.other", in_line=in_line)
        if asked is None or len(self.problems) > before:
            return None
        kind = asked.kind if minus is None else self._difference(asked, minus, place)
        if kind is None:
            return None
        named = plain.get("operator")
        fits = OPERATORS[kind].get(named) if isinstance(named, str) else None
        if not isinstance(named, str) or fits is None:
            self.refuse(f"{place}.operator", named, f"of {_a(kind)}: {', '.join(OPERATORS[kind])}")
            return None
        value = self._value(plain, place, kind, named, fits, other)
        if len(self.problems) > before:
            return None
        return Test(asked=asked, minus=minus, operator=named, other=other, value=value)

    def _property(self, name: Any, place: str, *, in_line: bool) -> Property | None:
        found = PROPERTIES.get(name) if isinstance(name, str) else None
        if found is None:
            self.refuse(place, name, "a property of a claim (GET /claim-rules/properties lists them)")
            return None
        if found.is_of_line and not in_line:
            self.refuse(
                place, name, "a line's property stands within any_line or all_lines, or in a rule for each line"
            )
            return None
        return found

    def _difference(self, asked: Property, minus: Property, place: str) -> Kind | None:
        if asked.kind != minus.kind or asked.kind not in ("date", "number", "cents"):
            self.refuse(f"{place}.minus", minus.name, "two dates, two numbers or two amounts of cents")
            return None
        return "number" if asked.kind == "date" else asked.kind

    def _value(
        self, plain: dict[str, Any], place: str, kind: Kind, named: str, fits: Fits, other: Property | None
    ) -> Any:
        if fits == "nothing":
            if "value" in plain or other is not None:
                self.refuse(f"{place}.value", "", f"{named} takes no value")
            return None
        if other is not None:
            if "value" in plain or named not in _COMPARES or "minus" in plain:
                self.refuse(f"{place}.other", other.name, "stands alone, to compare one property with another")
                return None
            if other.kind != kind:
                self.refuse(f"{place}.other", other.name, f"{_a(kind)}, not {_a(other.kind)}")
                return None
            return None
        if "value" not in plain:
            self.refuse(f"{place}.value", "", VALUE_OF_KIND[kind])
            return None
        return self._fitted(plain["value"], f"{place}.value", kind, fits)

    def _fitted(self, value: Any, place: str, kind: Kind, fits: Fits) -> Any:
        match fits:
            case "one":
                return self._one(value, place, kind)
            case "prefixes":
                return tuple(self._list(value if isinstance(value, list) else [value], place, kind))
            case "list":
                return frozenset(self._list(value, place, kind))
            case _:
                pair = self._list(value, place, kind)
                if len(pair) != 2 or not pair[0] <= pair[1]:
                    self.refuse(place, value, "two values, the smaller one first")
                return tuple(pair)

    def _list(self, value: Any, place: str, kind: Kind) -> list[Any]:
        if not isinstance(value, list) or not 1 <= len(value) <= VALUES_MAX:
            self.refuse(place, value, f"a list of 1 to {VALUES_MAX}, each {VALUE_OF_KIND[kind]}")
            return []
        read = [self._one(each, f"{place}[{at}]", kind) for at, each in enumerate(value, start=1)]
        return [each for each in read if each is not None]

    def _one(self, value: Any, place: str, kind: Kind) -> Answer:
        fitted = _value_of(kind, value)
        if fitted is None:
            self.refuse(place, value, VALUE_OF_KIND[kind])
        return fitted


def _value_of(kind: Kind, value: Any) -> Answer:
    match kind:
        case "text" | "codes":
            return value if isinstance(value, str) and 0 < len(value) <= TEXT_MAX else None
        case "number" | "cents":
            return value if _is_whole(value) else None
        case "quantity":
            if _is_whole(value):
                return Decimal(value)
            return as_quantity(value) if isinstance(value, str) and len(value) <= TEXT_MAX else None
        case "date":
            return _day(value)
        case "flag":
            return value if isinstance(value, bool) else None
        case "sealed":
            return None


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= INTEGER_MAX


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        return None


def _a(kind: Kind) -> str:
    return {"text": "a text", "codes": "codes", "cents": "an amount", "date": "a date", "flag": "a flag"}.get(
        kind, f"a {kind}" if kind != "sealed" else "a sealed value"
    )


def _short(found: Any) -> str:
    return str(found)[:40]
