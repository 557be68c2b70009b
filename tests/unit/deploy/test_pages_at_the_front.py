"""A page may not hide what the front door answers at the same path, and a person who goes to neither is told so on a page."""

from __future__ import annotations

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from deploy.front import WithPages, shared_paths


async def answer(_request: Request) -> Response:
    return Response()


def having(*paths: str) -> Starlette:
    return Starlette(routes=[Route(path, answer) for path in paths])


@pytest.mark.parametrize(
    ("pages", "own", "shared"),
    [
        (("/", "/claims", "/claims/{claim_id}"), ("/openings", "/keys/roots"), set()),
        (("/claims", "/openings"), ("/openings/{number}", "/keys"), {"openings"}),
        (("/keys/mine", "/claims"), ("/keys", "/claims/{claim_id}/raw"), {"keys", "claims"}),
    ],
)
def test_what_pages_and_the_front_door_both_have_is_named(
    pages: tuple[str, ...], own: tuple[str, ...], shared: set[str]
) -> None:
    assert shared_paths(having(*pages), having(*own)) == shared


_BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def _telling(name: str) -> Starlette:
    async def told(_request: Request) -> Response:
        return PlainTextResponse(name)

    return Starlette(
        routes=[Route("/claims/{rest:path}", told), Route("/{rest:path}", told, methods=["GET", "HEAD", "POST"])]
    )


@pytest.mark.parametrize(
    ("method", "path", "headers", "who"),
    [
        ("GET", "/claims/X", {}, "pages"),
        ("GET", "/nothing-here", _BROWSER, "pages"),
        ("GET", "/nothing-here", {"Accept": "*/*"}, "door"),
        ("GET", "/nothing-here", {"Accept": "application/json"}, "door"),
        ("POST", "/nothing-here", _BROWSER, "door"),
        ("GET", "/api/claims/nothing", _BROWSER, "door"),
        ("GET", "/api/nothing", _BROWSER, "door"),
        ("GET", "/docs", _BROWSER, "door"),
    ],
)
@pytest.mark.asyncio
async def test_a_browser_that_goes_nowhere_gets_a_page_and_a_client_of_the_api_what_it_always_got(
    method: str, path: str, headers: dict[str, str], who: str
) -> None:
    app = WithPages(_telling("door"), _telling("pages"), own=frozenset({"docs", "api"}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://front") as browser:
        assert (await browser.request(method, path, headers=headers)).text == who
