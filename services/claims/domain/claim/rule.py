"""What is a rule of the edits, and what does it find?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from shared.events.claim_kinds import ClaimKind
from shared.events.claims import ClaimCreated

ALL_KINDS: frozenset[ClaimKind] = frozenset(("professional", "institutional", "dental"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One place where a rule does not hold. `value` is never personal."""

    place: str
    message: str
    value: str = ""


Check = Callable[[ClaimCreated, date], Iterable[Found]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    id: str
    version: int
    severity: Literal["error", "warning"]
    fix: str
    check: Check
    kinds: frozenset[ClaimKind] = ALL_KINDS  # of claims that it speaks of


def error(rule_id: str, check: Check, fix: str, *kinds: ClaimKind, version: int = 1) -> Rule:
    """A rule that holds a claim of these kinds; of every kind when none is named."""
    return Rule(
        id=rule_id, version=version, severity="error", fix=fix, check=check, kinds=frozenset(kinds) or ALL_KINDS
    )


def warning(rule_id: str, check: Check, fix: str, *kinds: ClaimKind, version: int = 1) -> Rule:
    """A rule whose findings are for people to read."""
    return Rule(
        id=rule_id, version=version, severity="warning", fix=fix, check=check, kinds=frozenset(kinds) or ALL_KINDS
    )
