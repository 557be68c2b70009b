"""Is this token from our issuer, for us, and still good?

Access tokens are JWTs (RFC 7519, RFC 9068) with iss, sub, aud, exp, iat, jti, client_id and `tenants`: {tenant: [roles]}; those of
programs may have a `scope` of SMART, which narrows the roles.
The algorithm must be on our list and fit the key; key ids are looked up in the issuer's set and nowhere else; headers that
point to a key (jku, x5u, jwk, x5c) or ask for more (crit) are refused. Source: RFC 8725, best current practices for JWT.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from joserfc import jwt
from joserfc.errors import JoseError

from shared.kernel.errors import DomainError
from shared.runtime.identity.caller import Identity, is_tenant_name
from shared.runtime.identity.keys import IssuerKeys, VerifyingKey
from shared.runtime.identity.roles import Role

ACCESS_ALGORITHMS = ("ES256", "ES384", "RS256", "RS384")
_TOKEN_CHARACTERS_MAX = 8192
_REMEMBERED_MAX = 10_000
_LIFE_SECONDS_MAX = 12 * 3600
_POINTING_HEADERS = frozenset({"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"})
_SMART_CONTEXTS = ("system/", "user/", "patient/")
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")
_NAME = re.compile(r"[\x21-\x7e]{1,128}\Z")  # subjects, clients and token ids: visible ASCII, as they go into events


class InvalidToken(DomainError):
    """No token, or one that is not to be believed. The text says which rule, never what the token held."""

    code: ClassVar[str] = "invalid-token"


class StrictJson(json.JSONDecoder):
    """JSON in which a member named twice is refused: two readers could believe different ones."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimNames:
    """Where an issuer writes what RFC 9068 leaves to it, or what its product names otherwise (`azp`)."""

    tenants: str = "tenants"
    client: str = "client_id"


class TokenVerifier:
    """Verifies access tokens; verified ones are remembered by hash until they expire or the keys change.

    `others` are issuers believed beside the first, by their URL. Each token is checked against the keys of the issuer that it names and
    no other's. `is_revoked` is asked for every request.
    """

    def __init__(
        self,
        keys: IssuerKeys,
        *,
        issuer: str,
        audience: str,
        others: Mapping[str, IssuerKeys] | None = None,
        names: ClaimNames | None = None,
        is_revoked: Callable[[Identity], bool] = lambda _: False,
        leeway_seconds: int = 30,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._issuers = {**(others or {}), issuer: keys}
        self._names = names or ClaimNames()
        self._is_revoked = is_revoked
        self._audience = audience
        self._leeway_seconds = leeway_seconds
        self._now = now
        self._remembered: OrderedDict[bytes, Identity] = OrderedDict()
        self._generation = self._current_generation()

    async def verify(self, token: str) -> Identity:
        """Who the token speaks of. Raises InvalidToken; IssuerUnavailable when no keys can be had."""
        name = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        identity = self._recall(name)
        if identity is None:
            issuer = claimed(token, "iss")
            if not isinstance(issuer, str) or issuer not in self._issuers:
                raise InvalidToken("the token is from another issuer")
            claims = await verified_claims(token, self._issuers[issuer], ACCESS_ALGORITHMS)
            identity = self._believe(claims, issuer)
            self._remember(name, identity)
        if self._is_revoked(identity):
            raise InvalidToken("the token was revoked")
        if identity.expires_at + self._leeway_seconds <= self._now():
            raise InvalidToken("the token has expired")
        return identity

    def _recall(self, name: bytes) -> Identity | None:
        if self._generation != self._current_generation():
            self._remembered.clear()
            self._generation = self._current_generation()
        return self._remembered.get(name)

    def _remember(self, name: bytes, identity: Identity) -> None:
        if self._generation == self._current_generation():
            self._remembered[name] = identity
        while len(self._remembered) > _REMEMBERED_MAX:
            self._remembered.popitem(last=False)

    def _current_generation(self) -> int:
        return sum(keys.generation for keys in self._issuers.values())

    def _believe(self, claims: Mapping[str, Any], issuer: str) -> Identity:
        now = self._now()
        check_times(claims, now=now, leeway_seconds=self._leeway_seconds, life_seconds_max=_LIFE_SECONDS_MAX)
        if claims.get("iss") != issuer:
            raise InvalidToken("the token is from another issuer")
        if not is_for(claims, self._audience):
            raise InvalidToken("the token is for another audience")
        return Identity(
            subject=name_claim(claims, "sub"),
            client=name_claim(claims, self._names.client),
            token_id=name_claim(claims, "jti"),
            tenants=_tenants(claims.get(self._names.tenants)),
            expires_at=claims["exp"],
            issued_at=claims.get("iat", 0),
            scopes=_scopes(claims.get("scope")),
        )


async def verified_claims(token: str, keys: IssuerKeys, algorithms: Collection[str]) -> Mapping[str, Any]:
    """The claims of a token whose signature is right. Times, issuer and audience are still to be checked."""
    header = _header(token)
    algorithm, key_id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in algorithms:
        raise InvalidToken("the token's algorithm is not accepted")
    if not isinstance(key_id, str) or not _NAME.match(key_id):
        raise InvalidToken("the token names no key")
    if not _POINTING_HEADERS.isdisjoint(header):
        raise InvalidToken("the token's header asks for what we do not do")
    key = await keys.find(key_id, algorithm)
    if key is None:
        raise InvalidToken("the token's key is not one of the issuer's")
    return _decode(token, key, algorithm)


def claimed(token: str, claim: str) -> Any:
    """What a token says before anything of it is checked: only good for finding the keys with which to check it. Raises InvalidToken."""
    return _part(token, 1).get(claim)


def _header(token: str) -> Mapping[str, Any]:
    return _part(token, 0)


def _part(token: str, place: int) -> Mapping[str, Any]:
    if len(token) > _TOKEN_CHARACTERS_MAX:
        raise InvalidToken("the token is too long")
    if not _SHAPE.match(token):
        raise InvalidToken("not a signed token")
    text = token.split(".")[place]
    try:
        part = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), cls=StrictJson)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidToken("not a signed token") from error
    if not isinstance(part, dict):
        raise InvalidToken("not a signed token")
    return part


def _decode(token: str, key: VerifyingKey, algorithm: str) -> Mapping[str, Any]:
    try:
        return jwt.decode(token, key, algorithms=[algorithm], decoder_cls=StrictJson).claims
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise InvalidToken("the token's signature is not right") from error


def check_times(claims: Mapping[str, Any], *, now: float, leeway_seconds: int, life_seconds_max: int) -> None:
    """exp and iat must be there, nbf may be: whole seconds, in order, and no longer than we allow. Raises InvalidToken."""
    times = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
    if any(type(value) is not int for value in times.values()):
        raise InvalidToken("the token's times are not whole seconds")
    if "exp" not in times or times["exp"] + leeway_seconds <= now:
        raise InvalidToken("the token has expired")
    if times.get("nbf", 0) > now + leeway_seconds or times.get("iat", 0) > now + leeway_seconds:
        raise InvalidToken("the token is from the future")
    if times["exp"] > now + life_seconds_max + leeway_seconds:
        raise InvalidToken("the token lives too long")


def is_for(claims: Mapping[str, Any], audience: str) -> bool:
    """Whether the audience is the one named, or one of those named."""
    named = claims.get("aud")
    return named == audience or (isinstance(named, list) and audience in named)


def name_claim(claims: Mapping[str, Any], claim: str) -> str:
    """A claim that must be a short plain name. Raises InvalidToken."""
    value = claims.get(claim)
    if not isinstance(value, str) or not _NAME.match(value):
        raise InvalidToken(f"the token has no proper {claim}")
    return value


def _scopes(claim: Any) -> frozenset[str] | None:
    """The scopes of a SMART token; None where there are none of SMART's, such as in a user's login (`openid profile`)."""
    if claim is not None and not isinstance(claim, str):
        raise InvalidToken("the token has no proper scope")
    scopes = frozenset((claim or "").split())
    return scopes if any(scope.startswith(_SMART_CONTEXTS) for scope in scopes) else None


def _tenants(claim: Any) -> Mapping[str, frozenset[Role]]:
    """Roles that we do not know give no right; tenants that cannot be ours are refused."""
    if not isinstance(claim, dict) or not all(isinstance(roles, list) for roles in claim.values()):
        raise InvalidToken("the token has no proper tenants")
    if not all(is_tenant_name(tenant) for tenant in claim):
        raise InvalidToken("the token has no proper tenants")
    known = {role.value: role for role in Role}
    return {
        tenant: frozenset(known[role] for role in roles if isinstance(role, str) and role in known)
        for tenant, roles in claim.items()
    }
