"""Why was a command refused?

A refusal is a `DomainError` with a stable kebab `code`. The edge maps it to problem+json; the domain knows no HTTP.
A message never holds personal data: it may be logged and sent to a caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class DomainError(Exception):
    """A refusal: the command is understood, and the business says no. `facts` are ids, codes and cents."""

    code: ClassVar[str] = "refused"

    def __init__(self, message: str, **facts: str | int | None) -> None:
        super().__init__(message)
        self.message = message
        self.facts: Mapping[str, str | int | None] = facts


class NotFound(DomainError):
    """What the command speaks of is not there (or belongs to another tenant, which looks the same)."""

    code = "not-found"


class Conflict(DomainError):
    """Somebody else changed the same thing first, more often than we were willing to try again."""

    code = "conflict"


class Malformed(DomainError):
    """The request cannot be understood: names the place, what was found when it is not personal, and the rule."""

    code = "malformed"
