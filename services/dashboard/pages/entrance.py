"""How does somebody get in, out, and back after a pause? And where do they begin?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from services.dashboard.navigation import home_of
from services.dashboard.sessions import LoginRefused
from services.dashboard.visits import (
    COOKIE,
    Desk,
    Page,
    Visit,
    is_ours,
    is_same_origin,
    locked,
    next_page,
    plain,
    to_login,
    told,
)
from shared.runtime.web.edge import IDENTITY

_WRONG = "That name and password do not go together."
_TOO_OFTEN = "Too many tries: wait a few minutes."


def doors(desk: Desk) -> list[Route]:
    """What is answered without a session, or with a locked one."""

    async def login_page(request: Request) -> Response:
        session = desk.sessions.find(request.cookies.get(COOKIE))
        if session is not None:
            return RedirectResponse("/", HTTPStatus.SEE_OTHER)
        return _login(desk, request.query_params.get("next", ""))

    async def login(request: Request) -> Response:
        form = plain(await request.form())
        goal = form.get("next", "")
        if not is_same_origin(request):
            return _login(desk, goal, "The form did not come from this page: try again.", HTTPStatus.FORBIDDEN)
        try:
            cookie = await desk.sessions.open(form.get("user", ""), form.get("password", ""))
        except LoginRefused as refused:
            return _login(desk, goal, _TOO_OFTEN if refused.is_too_often else _WRONG, HTTPStatus.UNAUTHORIZED)
        answer = RedirectResponse(next_page(goal, "/"), HTTPStatus.SEE_OTHER)
        answer.set_cookie(
            COOKIE, cookie, httponly=True, samesite="strict", secure=request.url.scheme == "https", path="/"
        )
        return answer

    async def logout(request: Request) -> Response:
        cookie = request.cookies.get(COOKIE)
        session = desk.sessions.find(cookie)
        if session is not None and not await is_ours(request, session):
            return Response(status_code=HTTPStatus.FORBIDDEN)
        desk.sessions.close(cookie)
        answer = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        answer.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return answer

    async def unlock(request: Request) -> Response:
        session = desk.sessions.find(request.cookies.get(COOKIE))
        if session is None:
            return to_login(request)
        if not await is_ours(request, session):
            return Response(status_code=HTTPStatus.FORBIDDEN)
        form = plain(await request.form())
        try:
            await desk.sessions.unlock(session, form.get("password", ""))
        except LoginRefused as refused:
            text = _TOO_OFTEN if refused.is_too_often else "That is not the password."
            if "hx-request" in request.headers:
                return HTMLResponse(text, HTTPStatus.OK)  # told inside the dialog
            return HTMLResponse(
                desk.templates.render("locked.html", session=session, message=text), HTTPStatus.UNAUTHORIZED
            )
        if "hx-request" in request.headers:
            return HTMLResponse("", headers={"HX-Trigger": "unlocked"})
        return RedirectResponse("/", HTTPStatus.SEE_OTHER)

    async def lock(request: Request) -> Response:
        session = desk.sessions.find(request.cookies.get(COOKIE))
        if session is None:
            return to_login(request)
        if not await is_ours(request, session):
            return Response(status_code=HTTPStatus.FORBIDDEN)
        session.is_locked = True
        return locked(request, session, desk)

    return [
        Route("/login", login_page, methods=["GET"]),
        Route("/login", login, methods=["POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/unlock", unlock, methods=["POST"]),
        Route("/lock", lock, methods=["POST"]),
    ]


def nowhere(desk: Desk) -> Callable[[Request, Exception], Awaitable[Response]]:
    """The answer to a path that no page has: the login to somebody who is not logged in, without the path, which may say anything."""

    async def answer(request: Request, _error: Exception) -> Response:
        if request.url.path.startswith("/static/"):
            return PlainTextResponse("there is no such file", HTTPStatus.NOT_FOUND)
        session = desk.sessions.find(request.cookies.get(COOKIE))
        if session is None:
            return RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        request.scope[IDENTITY] = session.identity
        if session.is_locked:
            return locked(request, session, desk)
        return told(request, desk, session, "nowhere", HTTPStatus.NOT_FOUND)

    return answer


def _login(desk: Desk, goal: str, message: str = "", status: int = HTTPStatus.OK) -> Response:
    return HTMLResponse(desk.templates.render("login.html", next=next_page(goal, ""), message=message), status)


async def begin(visit: Visit) -> Response:
    """To the worklist of one's desk."""
    return RedirectResponse(home_of(visit.session), HTTPStatus.SEE_OTHER)


async def help_page(visit: Visit) -> Response:
    return visit.show("help.html")


async def choose_tenant(visit: Visit) -> Response:
    """Act for another tenant of one's own from now on."""
    if visit.form["tenant"] in visit.session.identity.tenants:
        visit.session.tenant = visit.form["tenant"]
    return RedirectResponse("/", HTTPStatus.SEE_OTHER)


PAGES = (
    Page(path="/", action="dashboard:read-pages", handler=begin),
    Page(path="/help", action="dashboard:read-pages", handler=help_page),
    Page(path="/tenant", action="dashboard:read-pages", handler=choose_tenant, method="POST"),
)
