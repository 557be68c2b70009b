"""Does every service, and the edge, turn each attack on a token away alike, and keep what it held to itself?"""

from __future__ import annotations

import functools
import io
import logging
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from deploy.schemas.openapi import edge, host_of
from shared.events.registry import SERVICES
from shared.runtime import telemetry
from shared.runtime.web.application import actions_of
from tests.asgi import ask
from tests.unit.runtime.test_tokens import ATTACKS, claims, signed, verifier

pytestmark = pytest.mark.asyncio

APPLICATIONS = (*SERVICES, "front")


@functools.cache
def application(name: str) -> FastAPI:
    """The very application that runs, with a verifier that believes the key of `test_tokens`."""
    return edge(verifier()) if name == "front" else host_of(name, verifier()).app


@functools.cache
def a_route(name: str) -> tuple[str, str]:
    return next((method, path) for method, path, action in actions_of(application(name)) if action and "{" not in path)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that is logged, at every level, in the form in which it is written."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    handler.setFormatter(telemetry.JsonLines())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.mark.parametrize("name", APPLICATIONS)
async def test_every_attack_is_answered_with_401_and_nothing_of_the_token_is_told_or_logged(
    name: str, logged: io.StringIO
) -> None:
    method, path = a_route(name)
    answers = set()
    for attack, forge in ATTACKS.items():
        token = forge()
        answer = await ask(application(name), method, path, {"Authorization": f"Bearer {token}"})
        assert answer.status == 401, attack
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"', attack
        told = answer.body.decode() + str(answer.headers) + logged.getvalue()
        assert [part for part in token.split(".") if len(part) > 8 and part in told] == [], attack
        answers.add(answer.code)
    assert answers == {"invalid-token"}
    assert '"status": 401' in logged.getvalue() or '"status":401' in logged.getvalue()


@pytest.mark.parametrize("name", APPLICATIONS)
async def test_a_good_token_passes_where_the_attacks_fail(name: str) -> None:
    """Without a right, so that nothing behind the check is needed: the refusal is another one."""
    method, path = a_route(name)
    token = signed(claims(tenants={"north": []}))
    answer = await ask(application(name), method, path, {"Authorization": f"Bearer {token}"})
    assert (answer.status, answer.code) == (403, "forbidden")
