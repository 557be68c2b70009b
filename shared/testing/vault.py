"""Which vault do tests use? A real one, with AES-GCM, whose keys live in memory and are gone with it."""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.events.base import Sealed
from shared.kernel.errors import NotFound
from shared.runtime.vault import Opener

T = TypeVar("T")

_KEY_VERSION = b"\x01"
_NONCE_BYTES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Who opened whose value, and why."""

    tenant: str
    subject: str
    field: str
    opener: Opener


@dataclass(slots=True)
class MemoryVault:
    """Implements `shared.runtime.vault.Vault`. `openings` is the record of what was opened; `erase` destroys a key."""

    openings: list[Opening] = field(default_factory=list)
    _keys: dict[tuple[str, str], bytes] = field(default_factory=dict)
    _erased: set[tuple[str, str]] = field(default_factory=set)
    _root: bytes = field(default_factory=lambda: os.urandom(32))

    async def keys_for(self, tenant: str, subjects: Sequence[str]) -> None:
        for subject in subjects:
            if (tenant, subject) in self._erased:
                raise NotFound("the subject was erased", subject=subject)
            self._keys.setdefault((tenant, subject), os.urandom(32))

    def seal(self, tenant: str, sealed: Sealed[Any]) -> str:
        nonce = os.urandom(_NONCE_BYTES)
        clear = msgspec.json.encode(sealed.read_fresh())
        sealed_bytes = AESGCM(self._keys[tenant, sealed.subject]).encrypt(nonce, clear, _bound_to(tenant, sealed))
        return b64encode(_KEY_VERSION + nonce + sealed_bytes).decode()

    async def open(self, tenant: str, sealed: Sealed[T], as_type: type[T], opener: Opener) -> T:
        if sealed.token is None:
            return sealed.read_fresh()
        key = self._keys.get((tenant, sealed.subject))
        if key is None:
            raise NotFound("no key of this subject", subject=sealed.subject)
        token = b64decode(sealed.token)
        nonce, sealed_bytes = token[1 : 1 + _NONCE_BYTES], token[1 + _NONCE_BYTES :]
        clear = AESGCM(key).decrypt(nonce, sealed_bytes, _bound_to(tenant, sealed))
        self.openings.append(Opening(tenant=tenant, subject=sealed.subject, field=sealed.field, opener=opener))
        return msgspec.json.decode(clear, type=as_type)

    async def open_many(
        self, tenant: str, sealed: Sequence[Sealed[Any]], types: Sequence[Any], opener: Opener
    ) -> list[Any]:
        return [await self.open(tenant, one, cls, opener) for one, cls in zip(sealed, types, strict=True)]

    async def blind_index(self, tenant: str, field: str, value: str) -> str:
        return hmac.digest(await self.tenant_key(tenant), f"{field}\x1f{value}".encode(), "sha256").hex()

    async def tenant_key(self, tenant: str) -> bytes:
        return hmac.digest(self._root, tenant.encode(), hashlib.sha256)

    def erase(self, tenant: str, subject: str) -> None:
        """From now on nobody can read anything about the subject."""
        self._keys.pop((tenant, subject), None)
        self._erased.add((tenant, subject))


def _bound_to(tenant: str, sealed: Sealed[Any]) -> bytes:
    return "\x1f".join((tenant, sealed.subject, sealed.field)).encode()
