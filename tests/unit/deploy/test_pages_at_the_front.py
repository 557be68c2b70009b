"""A page may not hide what the front door answers at the same path."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.front import refuse_shared_paths


async def answer(_request: Request) -> Response:
    return Response()


def having(*paths: str) -> Starlette:
    return Starlette(routes=[Route(path, answer) for path in paths])


def test_pages_beside_the_front_doors_own_paths_are_fine() -> None:
    refuse_shared_paths(having("/", "/claims", "/claims/{claim_id}"), having("/openings", "/keys/roots"))


def test_a_page_at_a_path_of_the_front_door_is_refused() -> None:
    with pytest.raises(ValueError, match="the same path: openings"):
        refuse_shared_paths(having("/claims", "/openings"), having("/openings/{number}", "/keys"))
