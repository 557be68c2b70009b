"""What happens between a request of a browser and a page?

Every page names its action and is refused without it; without a session the way leads to the login; a locked session shows the lock
and nothing else; a write must bring the session's CSRF token from a page of our own. What a service refuses becomes words on the
page, with what was typed still there.
"""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

import httpx
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from services.dashboard.client import Refused, Services, Silent
from services.dashboard.rendering import Templates
from services.dashboard.sessions import LoggedOut, Session, Sessions
from services.dashboard.settings import DashboardSettings
from shared.runtime.identity.roles import ROLES_OF, Role, refuse_unknown_action
from shared.runtime.web.edge import IDENTITY

COOKIE = "ledgerline_session"
_COUNTS_MAX = 1_000
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Counts:
    """Answers that were given a moment ago, so that many open pages do not count the same rows again and again."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: OrderedDict[tuple[Any, ...], tuple[float, Any]] = OrderedDict()

    async def get(self, key: tuple[Any, ...], ask: Callable[[], Awaitable[Any]]) -> Any:
        now = time.monotonic()
        at, value = self._kept.get(key, (-self._seconds - 1, None))
        if now - at > self._seconds:
            value = await ask()
            self._kept[key] = (now, value)
            self._kept.move_to_end(key)
            while len(self._kept) > _COUNTS_MAX:
                self._kept.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What all pages stand on."""

    http: httpx.AsyncClient
    sessions: Sessions
    templates: Templates
    settings: DashboardSettings
    counts: Counts
    places: dict[tuple[str, ...], str] = field(
        default_factory=dict
    )  # how far logs were read, so that a visit begins near the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of one person."""

    request: Request
    session: Session
    services: Services
    desk: Desk
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_fragment(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return "hx-request" in self.request.headers

    def asked(self, name: str, default: str = "") -> str:
        """A word of the query."""
        return self.request.query_params.get(name, default).strip()

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def may(self, action: str) -> bool:
        return self.session.may(action)

    async def get(self, path: str, **query: Any) -> Any:
        return await self.services.get(path, **query)

    async def get_if(self, action: str, path: str, **query: Any) -> Any:
        """As `get`, or None when the person may not or the service has nothing or does not answer: a part of a page."""
        if not self.may(action):
            return None
        try:
            return await self.services.get(path, **query)
        except Silent:
            return None
        except Refused as refused:
            if refused.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def counted(self, path: str, **query: Any) -> Any:
        """As `get`, for counts: what was told to the same person a moment ago is good enough."""
        return await self.desk.counts.get(
            (self.session.tenant, self.session.user, path, *sorted(query.items())), lambda: self.get(path, **query)
        )

    async def do(self, path: str, body: Any = None) -> Any:
        """A command, under the key that was made when its form was drawn, on the version that it was drawn from."""
        return await self.services.post(path, body, key=self.form["key"], version=self.form.get("version", ""))

    async def settled(self, path: str, after: str | None) -> None:
        """Wait, for a moment, until a read shows what a command did. One that does not yet says on the page that it is behind."""
        with contextlib.suppress(Refused, Silent):
            await self.services.get(path, after=after)

    def show(
        self, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any
    ) -> Response:
        """A page, or the part of one."""
        text = self.desk.templates.render(template, visit=self, session=self.session, **values)
        return HTMLResponse(text, status, dict(headers or {}))


Handler: TypeAlias = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A path, the action that it needs, and who answers it."""

    path: str
    action: str
    handler: Handler
    method: str = "GET"
    is_background: bool = False  # asked by the page and not by a person: keeps nobody logged in

    def __post_init__(self) -> None:
        refuse_unknown_action(self.action)


def route_of(page: Page, desk: Desk) -> Route:
    """The page behind its guards."""

    async def answer(request: Request) -> Response:
        try:
            return await guarded(request)
        finally:
            await request.close()  # files of a form

    async def guarded(request: Request) -> Response:
        session = desk.sessions.find(request.cookies.get(COOKIE))
        if session is None:
            return to_login(request)
        request.scope[IDENTITY] = session.identity
        if session.is_locked:
            return locked(request, session, desk)
        if request.method in _WRITES and not await is_ours(request, session):
            return told(request, desk, session, "not-ours", HTTPStatus.FORBIDDEN)
        if not page.is_background and "x-background" not in request.headers:
            desk.sessions.note_activity(session)
        if not session.may(page.action):
            return told(request, desk, session, "no-right", HTTPStatus.FORBIDDEN, action=page.action)
        return await _answered(page, request, session, desk)

    return Route(page.path, answer, methods=[page.method], name=f"{page.method} {page.path}")


async def _answered(page: Page, request: Request, session: Session, desk: Desk) -> Response:
    async def token() -> str:
        return await desk.sessions.token(session)

    services = Services(desk.http, token, session.tenant)
    form = plain(await request.form()) if request.method in _WRITES else {}
    visit = Visit(request=request, session=session, services=services, desk=desk, form=form)
    try:
        return await page.handler(visit)
    except LoggedOut:
        desk.sessions.close(request.cookies.get(COOKIE))
        return to_login(request)
    except Silent as silent:
        return told(request, desk, session, "silent", HTTPStatus.SERVICE_UNAVAILABLE, service=silent.service)
    except Refused as refused:
        if refused.status == HTTPStatus.UNAUTHORIZED:
            return to_login(request)
        kind = {403: "no-right", 404: "not-found"}.get(refused.status, "refused")
        return told(request, desk, session, kind, refused.status, refused=refused, action=refused.action)


def plain(form: FormData) -> dict[str, str]:
    """The fields of a form; of a repeated one the values with commas between. Files are not taken."""
    found: dict[str, str] = {}
    for name in form:
        values = [value.strip() for value in form.getlist(name) if isinstance(value, str)]
        found[name] = ",".join(value for value in values if value)
    return found


async def is_ours(request: Request, session: Session) -> bool:
    """Whether a write comes from a page of ours: same origin, and the session's token in a header or a field."""
    if not is_same_origin(request):
        return False
    token = request.headers.get("x-csrf-token", "")
    if not token:
        form = await request.form()
        token = str(form.get("csrf", ""))
    return session.is_csrf(token)


def is_same_origin(request: Request) -> bool:
    """A browser says where a form came from; what says nothing is no browser of today."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def to_login(request: Request) -> Response:
    """To the login, and back afterwards to a page that was asked for."""
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.UNAUTHORIZED, headers={"HX-Redirect": "/login"})
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = f"/login?next={quote(path, safe='')}" if request.method == "GET" and path != "/" else "/login"
    return RedirectResponse(target, HTTPStatus.SEE_OTHER)


def locked(request: Request, session: Session, desk: Desk) -> Response:
    """The lock. A part of a page opens it over what is on the screen, so that nothing typed is lost."""
    if "hx-request" in request.headers:
        return Response(status_code=HTTPStatus.LOCKED, headers={"HX-Trigger": "locked", "HX-Reswap": "none"})
    return HTMLResponse(desk.templates.render("locked.html", session=session, message=""), HTTPStatus.LOCKED)


def told(request: Request, desk: Desk, session: Session, kind: str, status: int, **values: Any) -> Response:
    """Why not: as a page of its own, or as a message over the page that asked, which keeps what it shows."""
    action = values.get("action") or ""
    values["grants"] = ", ".join(sorted(role.value for role in ROLES_OF.get(action, frozenset({Role.ADMIN}))))
    is_fragment = "hx-request" in request.headers
    visit = _Nowhere(request=request, session=session)
    template = "message.html" if is_fragment else "trouble.html"
    text = desk.templates.render(template, visit=visit, session=session, kind=kind, status=int(status), **values)
    headers = {"HX-Retarget": "#messages", "HX-Reswap": "innerHTML"} if is_fragment else {}
    return HTMLResponse(text, status, headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Nowhere:
    """Stands for a visit where there are no services to ask."""

    request: Request
    session: Session

    def may(self, action: str) -> bool:
        return self.session.may(action)


def next_page(text: str, default: str) -> str:
    """Where to go after the login: a path of ours, never another site."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(text)
        if text.startswith("/") and not text.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc:
            return text
    return default
