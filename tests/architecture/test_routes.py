"""Who may use a route? Every one names an action of the table of roles."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.schemas.openapi import edge
from shared.events.registry import SERVICES
from shared.runtime.identity.roles import ACTIONS, ROLES_OF, Role
from shared.runtime.web.application import actions_of
from tests.architecture.checkout import host, sources

OF_EVERY_SERVICE = {"ops", "events", "evidence"}


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_names_an_action_of_its_own_service(service: str) -> None:
    routes = list(actions_of(host(service).app))
    assert routes
    for method, path, action in routes:
        assert action in ACTIONS, f"{method} {path}"
        assert action.partition(":")[0] in {service, *OF_EVERY_SERVICE}, f"{method} {path} asks for {action}"


@pytest.mark.parametrize("service", SERVICES)
def test_whoever_may_only_read_can_change_nothing(service: str) -> None:
    for method, path, action in actions_of(host(service).app):
        is_reading = (action or "").partition(":")[2].startswith("read-")
        # What is looked for may be personal, so a search is a POST: it changes nothing, and its body is in no log.
        assert is_reading == (method == "GET" or path.endswith("/search")), f"{method} {path} asks for {action}"


def test_only_the_issuer_answers_front_without_a_token() -> None:
    open_to_all = {path for _, path, action in actions_of(edge()) if action is None}
    assert open_to_all == {
        "/oauth/token",
        "/oauth/jwks",
        "/.well-known/openid-configuration",
        "/.well-known/smart-configuration",
    }
    assert {action for _, _, action in actions_of(edge()) if action} <= ACTIONS


def test_whoever_may_only_read_can_change_nothing_at_the_front() -> None:
    for method, path, action in actions_of(edge()):
        if action is not None:
            is_reading = action.partition(":")[2].startswith("read-")
            assert is_reading == (method == "GET" or path.endswith("/_search")), f"{method} {path}"


# Of programs that come with releases of their own.
NOT_YET_USED = {"dashboard:read-pages", "dashboard:read-kpis", "evidence:read-account"}


def test_every_right_that_a_role_has_is_one_that_something_asks_for() -> None:
    table = Path("shared/runtime/identity/roles.py")
    asked = "\n".join(text for path, text in sources().items() if path != table)
    assert {action for action in ACTIONS if f'"{action}"' not in asked} <= NOT_YET_USED


def test_an_auditor_reads_everything_and_does_nothing() -> None:
    of_auditors = {action for action, roles in ROLES_OF.items() if Role.AUDITOR in roles}
    assert of_auditors == {action for action in ACTIONS if action.partition(":")[2].startswith("read-")}
