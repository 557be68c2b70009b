"""What does every service answer besides its own routes, and what keeps a route from being open by mistake?

`/health/live`, `/health/ready`, `/metrics`, `/openapi.json` and `/docs` are there for all; everything else needs a token, and a route
that names no action does not start.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.telemetry import TelemetryConfig
from starlette.types import Scope

from shared.runtime import telemetry
from shared.runtime.emergencies import Emergencies
from shared.runtime.identity import TokenVerifier
from shared.runtime.settings import Settings
from shared.runtime.web.edge import Authenticated, BoundedBody, Recorded, SafeHeaders
from shared.runtime.web.limits import Limited, Limits
from shared.runtime.web.page_of_operations import CONTENT_SECURITY_POLICY, page_of_operations
from shared.runtime.web.problems import RESPONSES, describe_problems, handle_problems
from shared.runtime.web.requests import permit

Ready: TypeAlias = Callable[[], Awaitable[Mapping[str, bool]]]

_PUBLIC = frozenset({"/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"})


# FastAPI's own spans and logs hold real paths, bodies and error texts; `edge.Recorded` records what may be told.
FRAMEWORK_TELEMETRY_OFF: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}


class OpenRoute(Exception):
    """A route names no action, so anyone with a token could use it."""


def create_app(
    service: str,
    *,
    settings: Settings,
    verifier: TokenVerifier,
    version: str,
    routers: Sequence[APIRouter],
    ready: Ready,
    description: str,
    public: Sequence[APIRouter] = (),
    json_bytes_max: int | None = None,
    emergencies: Emergencies | None = None,
) -> FastAPI:
    """The HTTP application of a service, to be mounted under /api/<service> or served alone.

    `public` routers need no token. Where there are `emergencies`, who broke the glass is let in to read. `ready` says by name what the service stands on and whether it is there.
    Raises OpenRoute for a route that names no action (`Depends(caller(action))` or `Depends(cause_of(action))`).
    """
    app = FastAPI(
        title=f"Ledgerline {service}",
        version=version,
        description=description,
        docs_url=None,
        redoc_url=None,
        responses=RESPONSES,
        telemetry=FRAMEWORK_TELEMETRY_OFF,
        separate_input_output_schemas=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.operations_tenant = settings.operations_tenant
    app.state.emergencies = emergencies
    handle_problems(app)
    describe_problems(app)
    for router in public:
        app.include_router(router)
    public_paths = _PUBLIC | {context.path for context in iter_route_contexts(app.routes) if context.path}
    app.include_router(_about(app, service, ready))
    before = len(app.routes)
    for router in routers:
        app.include_router(router)
    _refuse_open_routes(app, before)
    app.add_middleware(
        BoundedBody,
        json_bytes_max=json_bytes_max or settings.json_bytes_max,
        upload_bytes_max=settings.upload_bytes_max,
    )
    app.add_middleware(Limited, limits=Limits(settings), is_exempt=_PUBLIC.__contains__)
    app.add_middleware(Authenticated, verifier=verifier, is_public=public_paths.__contains__)
    app.add_middleware(SafeHeaders)
    app.add_middleware(Recorded, service=service, template_of=_Templates(app))
    return app


def _about(app: FastAPI, service: str, ready: Ready) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        return {"service": service, "status": "live"}

    @router.get("/health/ready")
    async def is_ready() -> JSONResponse:
        checks = dict(await ready())
        is_all = all(checks.values())
        return JSONResponse({"service": service, "ready": is_all, "checks": checks}, 200 if is_all else 503)

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        if not _is_from_this_machine(request):
            permit(request, "ops:read-metrics", request.headers.get("x-ledgerline-tenant"))
        content, media_type = telemetry.metrics_page()
        return Response(content, media_type=media_type)

    @router.get("/docs")
    async def docs() -> HTMLResponse:
        page = page_of_operations(app.openapi())
        return HTMLResponse(page, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    return router


def _is_from_this_machine(request: Request) -> bool:
    """A request that a proxy passed on is not, whatever its socket says."""
    if request.client is None or "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def actions_of(app: FastAPI) -> Iterator[tuple[str, str, str | None]]:
    """Method, path and action of every operation that is in the application's description."""
    for context in iter_route_contexts(app.routes):
        if getattr(context, "dependant", None) is not None and context.include_in_schema:
            for method in sorted(context.methods or ()):
                yield method, context.path or "", _action(context.dependant)


def _refuse_open_routes(app: FastAPI, before: int) -> None:
    for context in iter_route_contexts(app.routes[before:]):
        if _action(getattr(context, "dependant", None)) is None:
            raise OpenRoute(f"{_methods(context)} {context.path} names no action")


def _methods(context: RouteContext) -> str:
    return "/".join(sorted(context.methods or ("route",)))


def _action(dependant: Dependant | None) -> str | None:
    """The action that a route, or anything it depends on, asks for."""
    if dependant is None:
        return None
    named = getattr(dependant.call, "action", None)
    if isinstance(named, str):
        return named
    return next((action for below in dependant.dependencies if (action := _action(below))), None)


class _Templates:
    """The path template of the route that answered: the only form of a path that is recorded."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._by_endpoint: dict[Any, str] = {}

    def __call__(self, scope: Scope) -> str:
        endpoint = scope.get("endpoint")
        if endpoint is None:
            return "unmatched"
        if not self._by_endpoint:
            self._by_endpoint = {
                context.endpoint: context.path for context in iter_route_contexts(self._app.routes) if context.path
            }
        return self._by_endpoint.get(endpoint, "unmatched")
