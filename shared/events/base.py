"""What is an event, and what is a personal value in one?

Events are the public language of the revenue cycle: frozen structs, versioned by their wire name, made of plain values.
A personal value is `Sealed`: ciphertext under its subject's key wherever it is stored or sent, readable only in the
command that brings it and by pages and adapters that open it through the vault, on the record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened. Subclasses are registered by wire name in `shared.events.registry`."""


class Sealed(Generic[T]):
    """A value about one person (`subject`), under a stable `field` name, either fresh or at rest.

    Fresh: `Sealed.fresh(subject, "name", value)`: holds the value until the store encodes the event, which seals it.
    At rest: `token` is base64 text of key version, nonce and ciphertext, bound to tenant, subject and field; it may be
    copied into other events of the same subject under the same field name, and only the vault opens it.
    """

    __slots__ = ("_fresh", "field", "subject", "token")

    def __init__(self, subject: str, field: str, token: str | None, fresh: T | None = None) -> None:
        self.subject = subject
        self.field = field
        self.token = token
        self._fresh = fresh

    @classmethod
    def fresh(cls, subject: str, field: str, value: T) -> Sealed[T]:
        """A value that was just brought in; it is sealed when its event is encoded."""
        return cls(subject, field, None, value)

    @property
    def is_fresh(self) -> bool:
        return self.token is None

    def read_fresh(self) -> T:
        """The value itself, in the command that brings it. Raises LookupError once it is sealed."""
        if self._fresh is None:
            raise LookupError(f"{self.field} is sealed: open it through the vault")
        return self._fresh

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sealed):
            return NotImplemented
        return (self.subject, self.field, self.token, self._fresh) == (
            other.subject,
            other.field,
            other.token,
            other._fresh,
        )

    def __hash__(self) -> int:
        return hash((self.subject, self.field, self.token))

    def __repr__(self) -> str:
        return f"Sealed({self.subject}, {self.field})"  # never the value: reprs end up in logs


EventType = type[Event]
Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
