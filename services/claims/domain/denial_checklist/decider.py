"""What does a specialist go through, by category of denials? A practice keeps checklists of its own; where it has none, ours hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.claims.domain.denial.categories import CATEGORIES
from services.claims.domain.errors import ChecklistMalformed
from shared.events.denials import ChecklistStep, DenialChecklistKept
from shared.kernel.decider import Decider

_ALWAYS = (("read-the-remarks", "Read group, reason and remark codes of every line"),)
_LAST = (("note-the-reference", "Note the call with its reference number"),)
_OURS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "registration": (
        ("compare-the-card", "Compare name, birth date and member number with the card"),
        ("correct-the-claim", "Correct the registration and replace the claim"),
    ),
    "eligibility": (
        ("ask-for-the-day", "Ask for coverage on the day of service (270)"),
        ("find-other-coverage", "Look for another coverage of the patient"),
    ),
    "authorization": (
        ("find-the-authorization", "Look for an authorization that holds on the day, for the service and its units"),
        ("ask-retroactively", "Ask the payer for a retroactive authorization"),
        ("enclose-the-referral", "Enclose the referral or the order"),
    ),
    "coding": (
        ("review-the-coding", "Have a coder compare codes and modifiers with the record"),
        ("replace-the-claim", "Replace the claim, or say why the coding stands"),
    ),
    "bundling": (
        ("check-the-edit", "Look the pair up: may a modifier separate it?"),
        ("find-the-separate-service", "Find the documentation of a separate service"),
    ),
    "medical-necessity": (
        ("read-the-policy", "Read the payer's policy for the service"),
        ("get-the-record", "Get the record that shows the need"),
        ("ask-peer-to-peer", "Ask for a call between physicians"),
    ),
    "documentation": (
        ("find-what-is-asked", "Find out which documents are asked for, and by when"),
        ("send-the-documents", "Send them, with the payer's control number"),
    ),
    "timely-filing": (
        ("find-the-proof", "Find the payer's own acceptance (277CA) and its day"),
        ("compare-the-limit", "Compare it with the payer's limit"),
    ),
    "duplicate": (
        ("compare-the-first", "Compare with the claim that was taken first"),
        ("check-its-payment", "See whether that one was paid"),
    ),
    "cob": (
        ("settle-the-order", "Settle which payer is first for the day"),
        ("get-the-other-answer", "Get the other payer's answer"),
    ),
    "benefit": (
        ("read-the-benefits", "Compare the service with the benefits of the plan"),
        ("tell-the-patient", "See whether the patient was told beforehand"),
    ),
    "provider-enrollment": (
        ("check-the-enrolment", "Check the provider's enrolment on the day"),
        ("ask-for-retroactive-enrolment", "Ask for a retroactive effective date"),
    ),
    "billing-data": (
        ("find-the-element", "Find the element that is missing or wrong"),
        ("replace-the-claim", "Correct and replace the claim"),
    ),
    "contract": (("read-the-contract", "Compare with the words of the contract"),),
    "other": (("ask-the-payer", "Ask the payer what the reason means"),),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepChecklist:
    """The checklist as it shall stand from now on."""

    category: str
    steps: tuple[ChecklistStep, ...]
    by: str


def ours(category: str) -> DenialChecklistKept:
    """The checklist that holds while the practice keeps none: version 0."""
    told = (*_ALWAYS, *_OURS.get(category, ()), *_LAST)
    steps = tuple(ChecklistStep(step_id=step_id, text=text) for step_id, text in told)
    return DenialChecklistKept(category=category, version=0, steps=steps, by="")


def decide(command: KeepChecklist, latest: DenialChecklistKept | None) -> Sequence[DenialChecklistKept]:
    if command.category not in {category.name for category in CATEGORIES}:
        raise ChecklistMalformed(f"no such category of denials: {command.category}", category=command.category)
    names = [step.step_id for step in command.steps]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ChecklistMalformed(f"a step stands there twice: {', '.join(twice)}", category=command.category)
    if latest is not None and latest.steps == command.steps:
        return []
    version = latest.version + 1 if latest else 1
    return [
        DenialChecklistKept(category=command.category, version=version, steps=command.steps, by=command.by),
    ]


def evolve(_latest: DenialChecklistKept | None, event: DenialChecklistKept) -> DenialChecklistKept:
    return event


denial_checklist: Decider[KeepChecklist, DenialChecklistKept, DenialChecklistKept | None] = Decider(
    decide=decide, evolve=evolve, initial=None
)
