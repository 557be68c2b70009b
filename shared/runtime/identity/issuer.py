"""Who gives out tokens when there is no identity provider?

The local issuer of the embedded mode: an OAuth 2.0 token endpoint for users (password and refresh grants; this is a machine of
one's own, a real deployment has an OIDC provider) and for programs (SMART Backend Services: client_credentials with a signed
assertion). Outside the embedded mode it refuses to exist.

Sources: RFC 6749 (token endpoint, errors), RFC 7523 (assertions), SMART App Launch 2.0 "Backend Services" and ".well-known",
OpenID Connect Discovery 1.0, RFC 9068 (shape of access tokens).
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import secrets
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Form
from fastapi.responses import JSONResponse
from joserfc import jwt
from joserfc.jwk import ECKey

from shared.kernel.errors import Malformed
from shared.runtime.availability import IssuerUnavailable
from shared.runtime.identity.directory import FOLDER, Client, Directory, hash_password, is_password
from shared.runtime.identity.keys import FetchKeySet, IssuerKeys, fetch_url
from shared.runtime.identity.roles import ROLES_OF, Role
from shared.runtime.identity.scopes import granted
from shared.runtime.identity.tokens import InvalidToken, check_times, claimed, is_for, name_claim, verified_claims
from shared.runtime.private_files import refuse_open_to_others, write_privately
from shared.runtime.settings import Settings

USER_TOKEN_SECONDS = 900
SYSTEM_TOKEN_SECONDS = 300
_IDLE_SECONDS = 1800
_SESSION_SECONDS = 12 * 3600
_ASSERTION_SECONDS_MAX = 300
_ASSERTION_ALGORITHMS = ("RS384", "ES384")  # the two that SMART names; what we ask of others
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ATTEMPTS_MAX = 10
_ATTEMPTS_SECONDS = 300
_REMEMBERED_MAX = 10_000


class TokenRefused(Exception):
    """An answer of the token endpoint (RFC 6749, 5.2)."""

    status: ClassVar[int] = 400
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class ClientRefused(TokenRefused):
    status = 401


class SlowDown(TokenRefused):
    status = 429
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": str(_ATTEMPTS_SECONDS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a refresh token stands for."""

    user: str
    idle_until: float
    ends_at: float


class LocalIssuer:
    """Signs tokens for the users and clients of one home folder. Raises ValueError outside the embedded mode."""

    def __init__(
        self,
        settings: Settings,
        *,
        now: Callable[[], float] = time.time,
        fetch: Callable[[str], FetchKeySet] = fetch_url,
    ) -> None:
        if not settings.is_locally_issued:
            raise ValueError("the local issuer is for the embedded mode without an issuer of its own")
        self.directory = Directory(settings.home, now=now)
        self.issuer = settings.issuer
        self._audience = settings.audience
        self._leeway_seconds = settings.token_leeway_seconds
        self._now = now
        self._fetch = fetch
        self._key = signing_key(settings.home)
        self._assertions = SeenAssertions(settings.home / FOLDER / "assertions.sqlite")
        self._attempts: OrderedDict[str, list[float]] = OrderedDict()
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()  # lost with the process: users log in again
        self._published: dict[tuple[str, str], IssuerKeys] = {}  # of clients that publish their keys at a URL
        self._decoy = hash_password(secrets.token_urlsafe())

    @property
    def token_url(self) -> str:
        return f"{self.issuer}/oauth/token"

    async def key_set(self) -> bytes:
        """The public keys, as a JWK set."""
        return json.dumps({"keys": [self._key.as_dict(private=False, use="sig", alg="ES256")]}).encode()

    async def login(self, user: str, password: str) -> dict[str, Any]:
        """Tokens for a user's password. Raises TokenRefused; it looks and lasts alike whether the user exists or not."""
        self._count_attempt(user)
        known = self.directory.content().users.get(user)
        hashed = self._decoy if known is None else known.password_hash
        is_right = await asyncio.to_thread(is_password, password, hashed)
        if known is None or known.is_disabled or not is_right:
            raise TokenRefused("invalid_grant")
        self._attempts.pop(user, None)
        return self._answer_user(user, ends_at=self._now() + _SESSION_SECONDS)

    def refresh(self, refresh_token: str) -> dict[str, Any]:
        """New tokens for a refresh token, which is good once. Raises TokenRefused."""
        session = self._sessions.pop(_fingerprint(refresh_token), None)
        if session is None or self._now() >= min(session.idle_until, session.ends_at):
            raise TokenRefused("invalid_grant")
        return self._answer_user(session.user, ends_at=session.ends_at)

    async def authenticate_client(self, assertion: str, scope: str) -> dict[str, Any]:
        """A token for a program that signed an assertion (RFC 7523), for those of the scopes asked for that its roles can use.

        Raises ClientRefused, TokenRefused when no such scope is left.
        """
        try:
            client_id = await self._believed_client(assertion)
        except InvalidToken as error:
            raise ClientRefused("invalid_client") from error
        client = self.directory.content().clients[client_id]
        scopes = granted(scope, _actions_of(client))
        if not scopes:
            raise TokenRefused("invalid_scope")
        token = self.sign(client_id, client_id, client.tenants, SYSTEM_TOKEN_SECONDS, scope=" ".join(scopes))
        return {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": SYSTEM_TOKEN_SECONDS,
            "scope": " ".join(scopes),
        }

    def sign(
        self, subject: str, client: str, tenants: Mapping[str, list[str]], seconds: int, *, scope: str = ""
    ) -> str:
        """An access token."""
        return sign_access_token(
            self._key,
            issuer=self.issuer,
            audience=self._audience,
            subject=subject,
            client=client,
            tenants=tenants,
            issued_at=int(self._now()),
            seconds=seconds,
            scope=scope,
        )

    def _answer_user(self, user: str, *, ends_at: float) -> dict[str, Any]:
        known = self.directory.content().users.get(user)
        if known is None or known.is_disabled:
            raise TokenRefused("invalid_grant")
        refresh_token = secrets.token_urlsafe(32)
        session = Session(user=user, idle_until=self._now() + _IDLE_SECONDS, ends_at=ends_at)
        self._sessions[_fingerprint(refresh_token)] = session
        while len(self._sessions) > _REMEMBERED_MAX:
            self._sessions.popitem(last=False)
        token = self.sign(user, "ledgerline-login", known.tenants, USER_TOKEN_SECONDS)
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": USER_TOKEN_SECONDS,
            "refresh_token": refresh_token,
        }

    async def _believed_client(self, assertion: str) -> str:
        """Whose assertion this is, once everything about it is right."""
        client_id = name_claim({"iss": claimed(assertion, "iss")}, "iss")
        client = self.directory.content().clients.get(client_id)
        if client is None or client.is_disabled:
            raise InvalidToken("no such client")
        try:
            claims = await verified_claims(assertion, self._keys_of(client), _ASSERTION_ALGORITHMS)
        except IssuerUnavailable as error:
            raise InvalidToken("the client's keys cannot be read") from error
        check_times(
            claims, now=self._now(), leeway_seconds=self._leeway_seconds, life_seconds_max=_ASSERTION_SECONDS_MAX
        )
        if claims.get("iss") != client_id or claims.get("sub") != client_id or not is_for(claims, self.token_url):
            raise InvalidToken("the assertion is from or for another")
        until = claims["exp"] + self._leeway_seconds
        if not await asyncio.to_thread(
            self._assertions.take, client_id, name_claim(claims, "jti"), until, int(self._now())
        ):
            raise InvalidToken("the assertion was used before")
        return client_id

    def _keys_of(self, client: Client) -> IssuerKeys:
        """Those it was registered with, or those that it publishes today: remembered, and looked up anew when it signs with another."""
        if not client.key_set_url:
            return IssuerKeys(_fixed(client.key_set))
        name = (client.client_id, client.key_set_url)
        return self._published.setdefault(name, IssuerKeys(self._fetch(client.key_set_url)))

    def _count_attempt(self, user: str) -> None:
        since = self._now() - _ATTEMPTS_SECONDS
        recent = [at for at in self._attempts.pop(user, []) if at > since]
        if len(recent) >= _ATTEMPTS_MAX:
            self._attempts[user] = recent
            raise SlowDown("slow_down")
        self._attempts[user] = [*recent, self._now()]
        while len(self._attempts) > _REMEMBERED_MAX:
            self._attempts.popitem(last=False)


class SeenAssertions:
    """Which assertions were used already, so that one that was overheard is worth nothing; survives a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self, client_id: str, token_id: str, until: int, now: int) -> bool:
        """Use it up; False when it was used before."""
        with contextlib.closing(sqlite3.connect(self._path, timeout=5.0)) as connection, connection:
            connection.execute(
                "create table if not exists seen (client text, id text, until int, primary key (client, id))"
            )
            connection.execute("delete from seen where until < ?", (now,))
            done = connection.execute("insert or ignore into seen values (?, ?, ?)", (client_id, token_id, until))
            return done.rowcount == 1


def sign_access_token(
    key: ECKey,
    *,
    issuer: str,
    audience: str,
    subject: str,
    client: str,
    tenants: Mapping[str, list[str]],
    issued_at: int,
    seconds: int,
    scope: str = "",
) -> str:
    """An access token in the shape that `tokens.py` verifies."""
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": subject,
        "aud": audience,
        "iat": issued_at,
        "exp": issued_at + seconds,
        "jti": secrets.token_urlsafe(16),
        "client_id": client,
        "tenants": dict(tenants),
    }
    if scope:
        claims["scope"] = scope
    return jwt.encode({"alg": "ES256", "kid": key.kid, "typ": "at+jwt"}, claims, key, algorithms=["ES256"])


def signing_key(home: Path) -> ECKey:
    """The issuer's private key, made on first use; only its owner can read it."""
    path = home / FOLDER / "issuer-key.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _one_maker_at_a_time(path.parent):
        if not path.exists():
            made = ECKey.generate_key("P-256", auto_kid=True)
            write_privately(path, json.dumps(made.as_dict(private=True)).encode())
    refuse_open_to_others(path)
    return ECKey.import_key(json.loads(path.read_bytes()))


def local_token(settings: Settings, roles: list[Role], tenant: str, *, subject: str = "command-line") -> str:
    """A token for the command line of whoever owns the home folder: they can read the key, so they are trusted with it.

    Raises Malformed outside the embedded mode.
    """
    if not settings.is_locally_issued:
        raise Malformed("there is no local issuer here: put a token into LEDGERLINE_TOKEN")
    return sign_access_token(
        signing_key(settings.home),
        issuer=settings.issuer,
        audience=settings.audience,
        subject=subject,
        client="ledgerline-command-line",
        tenants={tenant: [role.value for role in roles]},
        issued_at=int(time.time()),
        seconds=USER_TOKEN_SECONDS,
    )


# Problems are those that are found before the issuer is asked, such as too many requests.
_TOKEN_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {
            "application/json": {"schema": {"type": "object", "required": ["error"]}},
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}},
        },
    }
    for status, description in ((400, "Refused"), (401, "No such client"), (429, "Too many attempts"))
}


def issuer_router(issuer: LocalIssuer) -> APIRouter:
    """The endpoints of the issuer, for the root of the embedded host."""
    router = APIRouter(tags=["issuer"])

    @router.post("/oauth/token", responses=_TOKEN_RESPONSES)
    async def token(
        grant_type: Annotated[str, Form(max_length=64)],
        username: Annotated[str, Form(max_length=64)] = "",
        password: Annotated[str, Form(max_length=256)] = "",
        refresh_token: Annotated[str, Form(max_length=128)] = "",
        client_assertion_type: Annotated[str, Form(max_length=128)] = "",
        client_assertion: Annotated[str, Form(max_length=16384)] = "",
        scope: Annotated[str, Form(max_length=1024)] = "",
    ) -> JSONResponse:
        """OAuth 2.0: password, refresh_token, or client_credentials with a signed assertion."""
        try:
            match grant_type:
                case "password":
                    answer = await issuer.login(username, password)
                case "refresh_token":
                    answer = issuer.refresh(refresh_token)
                case "client_credentials" if client_assertion_type == _ASSERTION_TYPE:
                    answer = await issuer.authenticate_client(client_assertion, scope)
                case "client_credentials":
                    raise ClientRefused("invalid_client")
                case _:
                    raise TokenRefused("unsupported_grant_type")
        except TokenRefused as refused:
            return JSONResponse(
                {"error": refused.error}, refused.status, {"Cache-Control": "no-store", **refused.headers}
            )
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    @router.get("/oauth/jwks")
    async def jwks() -> Any:
        """The public keys with which tokens are verified."""
        return json.loads(await issuer.key_set())

    @router.get("/.well-known/openid-configuration")
    async def openid_configuration() -> dict[str, Any]:
        return _discovery(issuer)

    @router.get("/.well-known/smart-configuration")
    async def smart_configuration() -> dict[str, Any]:
        return _discovery(issuer) | {
            "capabilities": ["client-confidential-asymmetric", "permission-v1", "permission-v2"]
        }

    return router


def _discovery(issuer: LocalIssuer) -> dict[str, Any]:
    return {
        "issuer": issuer.issuer,
        "jwks_uri": f"{issuer.issuer}/oauth/jwks",
        "token_endpoint": issuer.token_url,
        "grant_types_supported": ["client_credentials", "password", "refresh_token"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(_ASSERTION_ALGORITHMS),
        "scopes_supported": ["system/*.read", "system/*.write", "system/*.rs", "system/*.cu", "system/*.cruds"],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }


def _actions_of(client: Client) -> list[str]:
    """What the client's roles allow in any of its tenants."""
    named = {role for roles in client.tenants.values() for role in roles}
    return [action for action, roles in ROLES_OF.items() if not named.isdisjoint(roles)]


def _fixed(key_set: Mapping[str, Any]) -> Callable[[], Any]:
    async def fetch() -> bytes:
        return json.dumps(key_set).encode()

    return fetch


def _fingerprint(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@contextlib.contextmanager
def _one_maker_at_a_time(folder: Path) -> Iterator[None]:
    with folder.joinpath(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
