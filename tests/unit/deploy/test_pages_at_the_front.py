"""A page may not hide what the front door answers at the same path."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.front import shared_paths


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
