"""Who is looking, and are they still there?

A session lives in the memory of this process: the cookie is a random number, tokens never reach the browser, and a restart asks
everyone to log in again. Without a key or a click for some minutes it locks; what is on the screen stays, and a password goes on.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from shared.runtime.identity import Identity, Role, TokenVerifier, may

_REFRESH_SECONDS = 60.0  # before the end of a token
_SESSIONS_MAX = 10_000


class LoginRefused(Exception):
    """The issuer did not take the name and password; `is_too_often` when it wants a pause."""

    def __init__(self, *, is_too_often: bool = False) -> None:
        self.is_too_often = is_too_often
        super().__init__("login refused")


class LoggedOut(Exception):
    """The session is over: somebody has to log in."""


@dataclass(slots=True, kw_only=True)
class Session:
    """One person in one browser."""

    identity: Identity
    tenant: str
    access_token: str
    refresh_token: str
    ends_at: float
    seen_at: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    is_locked: bool = False
    refreshing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def user(self) -> str:
        return self.identity.subject

    @property
    def actor(self) -> str:
        return self.identity.actor

    @property
    def roles(self) -> frozenset[Role]:
        return self.identity.tenants.get(self.tenant, frozenset())

    def may(self, action: str) -> bool:
        return may(self.roles, action)

    def is_csrf(self, told: str) -> bool:
        return hmac.compare_digest(self.csrf.encode(), told.encode())


class Sessions:
    """All sessions of this process. `http` reaches the issuer's token endpoint."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        verifier: TokenVerifier,
        *,
        idle_seconds: float,
        session_seconds: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._verifier = verifier
        self._idle_seconds = idle_seconds
        self._session_seconds = session_seconds
        self._now = now
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()

    @property
    def idle_seconds(self) -> float:
        return self._idle_seconds

    async def open(self, user: str, password: str) -> str:
        """Log somebody in; the answer is the cookie's value. Raises LoginRefused."""
        access, refresh = await self._tokens(grant_type="password", username=user, password=password)
        identity = await self._verifier.verify(access)
        if not identity.tenants:
            raise LoginRefused
        now = self._now()
        cookie = secrets.token_urlsafe(32)
        self._sessions[_fingerprint(cookie)] = Session(
            identity=identity,
            tenant=min(identity.tenants),
            access_token=access,
            refresh_token=refresh,
            ends_at=now + self._session_seconds,
            seen_at=now,
        )
        while len(self._sessions) > _SESSIONS_MAX:
            self._sessions.popitem(last=False)
        return cookie

    def find(self, cookie: str | None) -> Session | None:
        """The session of a cookie, locked when nobody was there for too long; None when it is over."""
        key = _fingerprint(cookie or "")
        session = self._sessions.get(key)
        if session is None:
            return None
        now = self._now()
        if now >= session.ends_at:
            del self._sessions[key]
            return None
        if now - session.seen_at >= self._idle_seconds:
            session.is_locked = True
        return session

    def note_activity(self, session: Session) -> None:
        """A person did something."""
        session.seen_at = self._now()

    async def unlock(self, session: Session, password: str) -> None:
        """Go on with a locked session. Raises LoginRefused."""
        access, refresh = await self._tokens(grant_type="password", username=session.user, password=password)
        session.identity = await self._verifier.verify(access)
        session.access_token, session.refresh_token = access, refresh
        session.is_locked = False
        self.note_activity(session)

    def close(self, cookie: str | None) -> None:
        self._sessions.pop(_fingerprint(cookie or ""), None)

    async def token(self, session: Session) -> str:
        """A token that is good for some time yet. Raises LoggedOut."""
        async with session.refreshing:
            if session.identity.expires_at - self._now() < _REFRESH_SECONDS:
                try:
                    access, refresh = await self._tokens(
                        grant_type="refresh_token", refresh_token=session.refresh_token
                    )
                except LoginRefused:
                    raise LoggedOut from None
                session.identity = await self._verifier.verify(access)  # rights may have changed
                session.access_token, session.refresh_token = access, refresh
            return session.access_token

    async def _tokens(self, **form: str) -> tuple[str, str]:
        try:
            answer = await self._http.post("/oauth/token", data=form)
        except httpx.TransportError:
            raise LoginRefused(is_too_often=True) from None
        if answer.status_code != HTTPStatus.OK:
            raise LoginRefused(is_too_often=answer.status_code == HTTPStatus.TOO_MANY_REQUESTS)
        told = answer.json()
        return told["access_token"], told["refresh_token"]


def _fingerprint(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "surrogatepass")).digest()
