"""What is the dashboard made of? The only place that knows all of it.

The dashboard has no domain and no store: it reads the services' public APIs as the person who looks, and sends their commands.
Whoever runs it gives it a client whose paths are those of the front door, and mounts `application` at the root.
"""

from __future__ import annotations

from collections.abc import Sequence

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Scope

from services.dashboard.pages import (
    appeals,
    bank,
    books,
    capitation,
    charges,
    claim_rules,
    claims,
    collections,
    contracts,
    deadlines,
    denial_rules,
    denials,
    eligibility,
    entrance,
    follow_up,
    kpis,
    learned_rules,
    live,
    mailing,
    many,
    openings,
    paper,
    patient_money,
    receivables,
    remittances,
    search,
    system,
    underpayments,
    what_if,
)
from services.dashboard.rendering import Templates
from services.dashboard.security import PAGE_HEADERS
from services.dashboard.sessions import Sessions
from services.dashboard.settings import DashboardSettings
from services.dashboard.static_files import static_files
from services.dashboard.visits import Counts, Desk, Page, route_of
from shared.runtime.identity import TokenVerifier
from shared.runtime.settings import Settings
from shared.runtime.web.edge import BoundedBody, Recorded, SafeHeaders

PAGES: Sequence[Page] = (
    *entrance.PAGES,
    *live.PAGES,
    *eligibility.PAGES,
    *charges.PAGES,
    *many.PAGES,
    *claims.PAGES,
    *appeals.PAGES,
    *claim_rules.PAGES,
    *learned_rules.PAGES,
    *follow_up.PAGES,
    *deadlines.PAGES,
    *denial_rules.PAGES,
    *denials.PAGES,
    *receivables.PAGES,
    *books.PAGES,
    *paper.PAGES,
    *remittances.PAGES,
    *underpayments.PAGES,
    *contracts.PAGES,
    *capitation.PAGES,
    *bank.PAGES,
    *mailing.PAGES,
    *patient_money.PAGES,
    *openings.PAGES,
    *collections.PAGES,
    *kpis.PAGES,
    *what_if.PAGES,
    *system.PAGES,
    *search.PAGES,
)


def build(
    settings: Settings, http: httpx.AsyncClient, verifier: TokenVerifier, own: DashboardSettings | None = None
) -> Starlette:
    """The application. `http` reaches /api/<service>, the issuer and the edge, and signs nothing."""
    own = own or DashboardSettings()
    sessions = Sessions(http, verifier, idle_seconds=own.idle_minutes * 60, session_seconds=own.session_hours * 3600)
    desk = Desk(http=http, sessions=sessions, templates=Templates(), settings=own, counts=Counts(own.counts_seconds))
    routes: list[BaseRoute] = [*entrance.doors(desk), *(route_of(page, desk) for page in PAGES)]
    templates: dict[object, str] = {route.endpoint: route.path for route in routes if isinstance(route, Route)}

    def template_of(scope: Scope) -> str:
        return templates.get(scope.get("endpoint"), "static" if scope["path"].startswith("/static/") else "unmatched")

    return Starlette(
        routes=[*routes, Mount("/static", app=static_files())],
        middleware=[
            Middleware(Recorded, service="dashboard", template_of=template_of),
            Middleware(SafeHeaders, headers=PAGE_HEADERS),
            Middleware(BoundedBody, json_bytes_max=settings.json_bytes_max, upload_bytes_max=settings.upload_bytes_max),
        ],
        exception_handlers={404: entrance.nowhere(desk)},
    )


def first_segments(app: Starlette) -> frozenset[str]:
    """The first parts of all paths, by which the front door tells pages from its own."""
    paths = [route.path for route in app.routes if isinstance(route, Route | Mount)]
    return frozenset(path.strip("/").split("/")[0] for path in paths)
