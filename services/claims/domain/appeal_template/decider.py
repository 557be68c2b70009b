"""Which words has a practice of its own for appeals? Each template is a stream; keeping it again as it is, is no news."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.claims.domain.denial.categories import CATEGORIES
from services.claims.domain.denial.letters import refuse_unknown_places
from services.claims.domain.errors import TemplateMalformed
from shared.events.denials import AppealTemplateKept
from shared.kernel.decider import Decider

_CATEGORIES = frozenset(category.name for category in CATEGORIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepTemplate:
    """The template as it shall stand from now on."""

    template: AppealTemplateKept


def decide(command: KeepTemplate, latest: AppealTemplateKept | None) -> Sequence[AppealTemplateKept]:
    refuse_unknown_places(command.template.text)
    unknown = sorted(set(command.template.categories) - _CATEGORIES)
    if unknown:
        raise TemplateMalformed(f"no such category of denials: {', '.join(unknown)}")
    return [] if command.template == latest else [command.template]


def evolve(_latest: AppealTemplateKept | None, event: AppealTemplateKept) -> AppealTemplateKept:
    return event


appeal_template: Decider[KeepTemplate, AppealTemplateKept, AppealTemplateKept | None] = Decider(
    decide=decide, evolve=evolve, initial=None
)
