"""Which public keys does the issuer sign with today?

Keys come as a JWK set (RFC 7517) from a file or a URL that the settings name; nothing in a token can name another place.
Rotation: an unknown key id leads to one new look, at most every few seconds, so that made-up ids cannot be turned into load.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeAlias

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, RSAKey

from shared.runtime.availability import IssuerUnavailable
from shared.runtime.settings import Settings

VerifyingKey: TypeAlias = ECKey | RSAKey
FetchKeySet: TypeAlias = Callable[[], Awaitable[bytes]]

_CURVES = {"P-256": "ES256", "P-384": "ES384"}
_RSA_BITS_MIN = 2048
_KEY_SET_BYTES_MAX = 256 << 10
_LOOK_AGAIN_SECONDS = 10.0
_BELIEVED_SECONDS = 600.0  # a key that the issuer withdrew is not accepted for longer


class IssuerKeys:
    """The issuer's public keys by key id, looked up again when an unknown one appears and when they are old."""

    def __init__(self, fetch: FetchKeySet, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._monotonic = monotonic
        self._keys: Mapping[tuple[str, str], VerifyingKey] = {}
        self._looked_at = -float("inf")
        self._believed_until = -float("inf")
        self._looking = asyncio.Lock()
        self.generation = 0  # moves when the keys changed, so that what was verified with the old ones is forgotten

    async def find(self, key_id: str, algorithm: str) -> VerifyingKey | None:
        """The key under this id, if it is one for this algorithm. Raises IssuerUnavailable when no keys can be had."""
        if self._is_current() and (key := self._keys.get((key_id, algorithm))) is not None:
            return key
        async with self._looking:
            await self._look_again(key_id, algorithm)
        return self._keys.get((key_id, algorithm))

    def _is_current(self) -> bool:
        return self._monotonic() < self._believed_until

    async def _look_again(self, key_id: str, algorithm: str) -> None:
        is_known = self._is_current() and (key_id, algorithm) in self._keys  # another caller may just have looked
        is_too_soon = self._is_current() and self._monotonic() < self._looked_at + _LOOK_AGAIN_SECONDS
        if is_known or is_too_soon:
            return
        try:
            found = verifying_keys(await self._fetch())
        except (OSError, httpx.HTTPError, ValueError) as error:
            if not self._is_current():
                raise IssuerUnavailable("the issuer's keys cannot be read") from error
            self._looked_at = self._monotonic()
            return  # the keys that we have are still believed
        self._take(found)

    def _take(self, found: Mapping[tuple[str, str], VerifyingKey]) -> None:
        if self._thumbprints(found) != self._thumbprints(self._keys):
            self.generation += 1
        self._keys = found
        self._looked_at = self._monotonic()
        self._believed_until = self._looked_at + _BELIEVED_SECONDS

    @staticmethod
    def _thumbprints(keys: Mapping[tuple[str, str], VerifyingKey]) -> set[tuple[str, str, str]]:
        return {(key_id, algorithm, key.thumbprint()) for (key_id, algorithm), key in keys.items()}


def verifying_keys(key_set: bytes | Mapping[str, Any]) -> dict[tuple[str, str], VerifyingKey]:
    """The usable public keys of a JWK set by (key id, algorithm). Raises ValueError when it is none.

    Keys of other kinds, short RSA keys and keys that are not for signatures are left out.
    """
    document = json.loads(key_set) if isinstance(key_set, bytes) else key_set
    if not isinstance(document, Mapping) or not isinstance(document.get("keys"), list):
        raise ValueError("not a JWK set")
    usable: dict[tuple[str, str], VerifyingKey] = {}
    for member in document["keys"]:
        if isinstance(member, dict) and isinstance(member.get("kid"), str) and member.get("use", "sig") == "sig":
            usable |= {(member["kid"], algorithm): key for algorithm, key in _algorithms_of(member)}
    return usable


def _algorithms_of(member: dict[str, Any]) -> list[tuple[str, VerifyingKey]]:
    try:
        key = JWKRegistry.import_key(member)
    except (JoseError, ValueError, TypeError):
        return []
    if isinstance(key, ECKey):
        candidates: list[tuple[str, VerifyingKey]] = [(_CURVES.get(key.curve_name, ""), key)]
    elif isinstance(key, RSAKey) and key.raw_value.key_size >= _RSA_BITS_MIN:
        candidates = [("RS256", key), ("RS384", key)]
    else:
        candidates = []
    return [(algorithm, key) for algorithm, key in candidates if algorithm and member.get("alg") in (None, algorithm)]


def keys_from_settings(settings: Settings, local: FetchKeySet | None = None) -> IssuerKeys:
    """The keys of the issuer that the settings name; `local` are those of the embedded one."""
    if local is not None and not settings.issuer_jwks:
        return IssuerKeys(local)
    return issuer_keys(settings.issuer, settings.issuer_jwks)


def issuer_keys(issuer: str, key_set: str) -> IssuerKeys:
    """The keys of an issuer, from a URL or a file; empty: from where its own discovery document says."""
    if not key_set:
        return IssuerKeys(fetch_discovered(issuer))
    return IssuerKeys(fetch_url(key_set) if key_set.startswith(("https://", "http://")) else fetch_file(Path(key_set)))


def fetch_file(path: Path) -> FetchKeySet:
    async def fetch() -> bytes:
        return await asyncio.to_thread(path.read_bytes)

    return fetch


def fetch_url(url: str) -> FetchKeySet:
    async def fetch() -> bytes:
        return await _get(url)

    return fetch


def fetch_discovered(issuer: str) -> FetchKeySet:
    """By OpenID Connect Discovery 1.0: the document must name the very issuer, and its keys lie where it is as safe to fetch them."""

    async def fetch() -> bytes:
        document = json.loads(await _get(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
        if not isinstance(document, dict) or document.get("issuer") != issuer:
            raise ValueError("the discovery document is another issuer's")
        url = document.get("jwks_uri")
        if not isinstance(url, str) or not url.startswith("https://" if issuer.startswith("https://") else "http"):
            raise ValueError("the discovery document names no key set")
        return await _get(url)

    return fetch


async def _get(url: str) -> bytes:
    async with httpx.AsyncClient(timeout=5.0, follow_redirects=False) as client, client.stream("GET", url) as answer:
        if answer.status_code != HTTPStatus.OK:
            raise ValueError("not a JWK set")
        content = b""
        async for chunk in answer.aiter_bytes():
            content += chunk
            if len(content) > _KEY_SET_BYTES_MAX:
                raise ValueError("not a JWK set")
        return content
