"""What may a customer's rule do to a claim, and what is the claim after it?

A repair writes the same in another form, so it is let into every plain code and number. An edit changes what the claim says, so only
the fields below are open to it. Nothing here touches money, dates, diagnoses, people or who is billed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import structs

from services.claims.domain.rule_book.conditions import TEXT_MAX, Problem
from services.claims.domain.rule_book.properties import PROPERTIES, Property, Subject
from shared.events.claim_rules import ClaimRule, RuleChange, RuleStep
from shared.events.claims import ClaimCreated

REPAIRS = ("upper-case", "trim", "letters-and-digits")
REPAIRABLE = frozenset({
    "claim.diagnoses",
    "claim.submitter_phone",
    "coverage.authorization_number",
    "coverage.payer_electronic_id",
    "facility.address.postal_code",
    "facility.address.state",
    "facility.npi",
    "facility.place_of_service",
    "line.modifiers",
    "line.national_drug_code",
    "line.place_of_service",
    "line.procedure_code",
    "organization.address.postal_code",
    "organization.address.state",
    "organization.npi",
    "organization.phone",
    "organization.tax_id",
    "organization.taxonomy",
    "referring.npi",
    "referring.taxonomy",
    "rendering.npi",
    "rendering.taxonomy",
})  # fmt: skip
EDITABLE: Mapping[str, re.Pattern[str]] = {  # with what may be written there
    "claim.submitter_contact": re.compile(r"[ -~]{1,60}"),
    "claim.submitter_phone": re.compile(r"[0-9]{10}"),
    "coverage.filing_indicator": re.compile(r"[0-9A-Z]{2}"),
    "facility.place_of_service": re.compile(r"[0-9]{2}"),
    "line.modifiers": re.compile(r"[0-9A-Z]{2}"),
    "line.place_of_service": re.compile(r"[0-9]{2}"),
    "organization.taxonomy": re.compile(r"[0-9A-Z]{9}X"),
    "rendering.taxonomy": re.compile(r"[0-9A-Z]{9}X"),
}
STEPS_MAX = 10
_NOT_LETTERS_OR_DIGITS = re.compile(r"[^0-9A-Za-z]")


def problems_of(rule: ClaimRule) -> Iterator[Problem]:
    """What is wrong with the steps of a rule."""
    if (rule.action in ("repair", "edit")) != bool(rule.steps) or len(rule.steps) > STEPS_MAX:
        yield Problem(
            place="steps",
            found=str(len(rule.steps)),
            rule=f"a repair or an edit has 1 to {STEPS_MAX}, any other rule none",
        )
        return
    for at, step in enumerate(rule.steps, start=1):
        yield from _problems_of_step(rule, step, f"steps[{at}]")


def _problems_of_step(rule: ClaimRule, step: RuleStep, place: str) -> Iterator[Problem]:
    allowed = REPAIRABLE if rule.action == "repair" else EDITABLE.keys()
    if step.property not in allowed:
        yield Problem(
            place=f"{place}.property", found=step.property[:40], rule=f"to {rule.action}: {', '.join(sorted(allowed))}"
        )
        return
    known = PROPERTIES[step.property]
    if known.is_of_line and rule.scope != "line":
        yield Problem(place=f"{place}.property", found=step.property, rule="a rule for each line changes a line")
    if rule.action == "repair":
        if step.operation not in REPAIRS or step.value:
            yield Problem(
                place=f"{place}.operation",
                found=step.operation,
                rule=f"a repair is {', '.join(REPAIRS)}, without a value",
            )
        return
    operations = ("add", "remove") if known.kind == "codes" else ("set",)
    if step.operation not in operations:
        yield Problem(place=f"{place}.operation", found=step.operation, rule=f"an edit of it: {', '.join(operations)}")
    if len(step.value) > TEXT_MAX or not EDITABLE[step.property].fullmatch(step.value):
        yield Problem(
            place=f"{place}.value", found=step.value[:40], rule=f"written as {EDITABLE[step.property].pattern}"
        )


def changed(rule: ClaimRule, subject: Subject) -> tuple[ClaimCreated, list[RuleChange]]:
    """The claim after the rule's steps, and what was changed. A step that finds nothing to change is silent."""
    claim = subject.claim
    changes: list[RuleChange] = []
    for step in rule.steps:
        known = PROPERTIES[step.property]
        here = Subject(claim=claim, on=subject.on, line=subject.line)
        before = _raw(known, here)
        if before is None:
            continue  # the claim has no such part
        after = _after(step, before)
        if after == before:
            continue
        claim = _written(known, here, after)
        changes.append(
            RuleChange(
                rule_id=rule.rule_id,
                rule_version=rule.version,
                place=_place(known, here),
                before=_shown(before),
                after=_shown(after),
            )
        )
    return claim, changes


def _after(step: RuleStep, before: str | tuple[str, ...]) -> str | tuple[str, ...]:
    match step.operation:
        case "set":
            return step.value
        case "add":
            return before if step.value in before else (*before, step.value)
        case "remove":
            return tuple(code for code in before if code != step.value)
        case _:
            return (
                _repaired(step, before) if isinstance(before, str) else tuple(_repaired(step, each) for each in before)
            )


def _repaired(step: RuleStep, text: str) -> str:
    match step.operation:
        case "upper-case":
            return text.upper()
        case "trim":
            return text.strip()
        case _:
            return _NOT_LETTERS_OR_DIGITS.sub("", text)


def _raw(known: Property, subject: Subject) -> str | tuple[str, ...] | None:
    value: Any = _root(known, subject)
    for name in known.path:
        if value is None:
            return None
        value = getattr(value, name)
    found: str | tuple[str, ...] | None = value
    return found


def _root(known: Property, subject: Subject) -> Any:
    match known.root:
        case "claim":
            return subject.claim
        case "services":
            return subject.claim.services
        case "coverage":
            return subject.coverage
        case _:
            return subject.the_line()


def _written(known: Property, subject: Subject, value: str | tuple[str, ...]) -> ClaimCreated:
    claim, services = subject.claim, subject.claim.services
    match known.root:
        case "services":
            return structs.replace(claim, services=_with(services, known.path, value))
        case "coverage":
            coverages = tuple(
                _with(each, known.path, value) if each.rank == claim.rank else each for each in claim.coverages
            )
            return structs.replace(claim, coverages=coverages)
        case "line":
            lines = tuple(
                _with(line, known.path, value) if at == subject.line else line for at, line in enumerate(services.lines)
            )
            return structs.replace(claim, services=structs.replace(services, lines=lines))
        case _:
            return claim


def _with(part: Any, path: tuple[str, ...], value: Any) -> Any:
    name, *below = path
    return structs.replace(part, **{name: _with(getattr(part, name), tuple(below), value) if below else value})


def _place(known: Property, subject: Subject) -> str:
    return f"lines[{1 + (subject.line or 0)}].{known.name.removeprefix('line.')}" if known.is_of_line else known.name


def _shown(value: str | tuple[str, ...]) -> str:
    return value if isinstance(value, str) else " ".join(value)
