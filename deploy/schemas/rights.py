"""Who may use each operation? One row an operation, one column a role, so that a right that changes is seen by whoever reads the change."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI

from deploy.schemas.openapi import edge, host_of
from shared.events.registry import SERVICES
from shared.runtime.identity import Role
from shared.runtime.identity.roles import ROLES_OF
from shared.runtime.web.application import actions_of


def rights_page() -> str:
    """Every operation of every service and of the front."""
    lines = ["# Rights", "", "<!-- Written by `make schemas`; changes belong into the code. -->", ""]
    lines += ["Operations without a row are refused to everyone; `●` means that the role may.", ""]
    for name, app in [*((service, host_of(service).app) for service in SERVICES), ("front", edge())]:
        lines += [f"## {name}", "", *_table(app), ""]
    return "\n".join(lines).rstrip() + "\n"


def _table(app: FastAPI) -> Iterator[str]:
    yield "| operation | action | " + " | ".join(role.value for role in Role) + " |"
    yield "|---|---|" + ":-:|" * len(Role)
    for method, path, action in actions_of(app):
        may = ROLES_OF[action] if action is not None else frozenset(Role)
        cells = " | ".join("●" if role in may else "" for role in Role)
        yield f"| `{method} {path}` | {action or 'without a token'} | {cells} |"
