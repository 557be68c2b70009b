"""Who may read a personal value, and who did?

Per-subject keys wrapped by a tenant key wrapped by the root key; AAD binds tenant, subject and field. Every opening writes who,
whose, what and why in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from shared.events.base import Sealed

T = TypeVar("T")

# The emergency that lets in whoever this request is from, beyond their role; what is opened for it is marked with it.
IN_EMERGENCY: ContextVar[int | None] = ContextVar("in_emergency", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opener:
    """Who opens, and why: "billing", "statement", "clearinghouse", …"""

    actor: str
    purpose: str


class Vault(Protocol):
    async def keys_for(self, tenant: str, subjects: Sequence[str]) -> None:
        """Make sure that the data keys of these subjects exist and are at hand, so that `seal` needs no waiting."""
        ...

    def seal(self, tenant: str, sealed: Sealed[Any]) -> str:
        """The token of a fresh value. Call `keys_for` first (LookupError otherwise)."""
        ...

    async def open(self, tenant: str, sealed: Sealed[T], as_type: type[T], opener: Opener) -> T:
        """The value, recorded as an opening. A fresh value is given back as it is."""
        ...

    async def open_many(
        self, tenant: str, sealed: Sequence[Sealed[Any]], types: Sequence[Any], opener: Opener
    ) -> list[Any]:
        """As `open`, for many in two round trips."""
        ...

    async def blind_index(self, tenant: str, field: str, value: str) -> str:
        """A keyed hash under which a personal value can be looked up but not read."""
        ...

    async def tenant_key(self, tenant: str) -> bytes:
        """The key from which shared ids of this tenant are computed (`shared.kernel.identifiers.computed_id`)."""
        ...


async def member_index(vault: Vault, tenant: str, number: str) -> str:
    """Under which a patient's number with a payer can be looked up, however it is spaced and in whichever case; empty for none."""
    plain = "".join(number.split()).upper()
    return await vault.blind_index(tenant, "member-number", plain) if plain else ""
