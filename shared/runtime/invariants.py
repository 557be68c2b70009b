"""What must always be true of what happened?

An invariant sees every event of one service's store in feed order, once, and names what is wrong. `ledgerline verify` runs them
all; a service lists its own in `ServiceParts.invariants`, and the store's (gapless versions, hash chains) come by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from shared.events.envelope import Recorded

VIOLATIONS_MAX = 100  # named a check; the count of checked goes on


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    where: str  # stream, version, table and key: ids, never personal data
    expected: str
    found: str


@dataclass(slots=True, kw_only=True)
class CheckResult:
    name: str
    checked: int = 0
    violations: list[Violation] = field(default_factory=list)


def note(result: CheckResult, where: str, expected: str, found: str) -> None:
    """Name a violation, up to a bound."""
    if len(result.violations) < VIOLATIONS_MAX:
        result.violations.append(Violation(where=where, expected=expected, found=found))


def note_at(result: CheckResult, recorded: Recorded[Any], expected: str, found: str) -> None:
    """Name a violation at an event."""
    note(result, f"{recorded.stored.key} version {recorded.version}", expected, found)


class Invariant(Protocol):
    def see(self, recorded: Recorded[Any]) -> None:
        """Take in the next event (of every tenant)."""
        ...

    def result(self) -> CheckResult:
        """What was checked and what is wrong, after the last event."""
        ...
