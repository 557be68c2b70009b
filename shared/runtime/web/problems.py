"""How is a refusal told over HTTP?

As problem+json (RFC 9457) with a stable `code`. What the domain refuses is 409 unless it is in the table below. A malformed request is
told by place and rule and never by value, because values are people's; an unexpected error is told by a trace id and nothing else.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from shared.kernel.errors import DomainError, Malformed, NotFound
from shared.runtime import telemetry
from shared.runtime.availability import Unavailable
from shared.runtime.command import EventTooLarge, IdempotencyKeyReused, TooBusy
from shared.runtime.feed import AnotherLog, EventsGivenUp
from shared.runtime.identity.caller import Forbidden, TenantNotNamed
from shared.runtime.identity.tokens import InvalidToken
from shared.runtime.queries import NotYet

MEDIA_TYPE = "application/problem+json"


class IdempotencyKeyMissing(DomainError):
    """A write came without a key, so it could not be sent again safely."""

    code = "idempotency-key-missing"


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    place: str = Field(description="where: body, query, header or path, and the names below it")
    rule: str = Field(description="what must hold there")


class Problem(BaseModel):
    """RFC 9457."""

    type: str = Field(description="urn:ledgerline:problem:<code>")
    title: str
    status: int
    code: str = Field(description="stable; what a program should look at")
    detail: str
    trace_id: str = Field(description="by which the engineers on call find this request")
    facts: dict[str, str | int | None] = Field(default_factory=dict, description="ids, codes and cents")
    errors: list[Fault] = Field(default_factory=list)


_STATUS: Sequence[tuple[type[DomainError], int]] = (
    (NotFound, 404),
    (IdempotencyKeyMissing, 400),
    (TenantNotNamed, 400),
    (InvalidToken, 401),
    (Forbidden, 403),
    (EventsGivenUp, 410),
    (AnotherLog, 410),
    (EventTooLarge, 413),
    (Malformed, 422),
    (IdempotencyKeyReused, 422),
    (TooBusy, 503),
    (Unavailable, 503),
)
_TITLES = {
    400: "The request lacks something",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not found",
    405: "No such method here",
    409: "Refused",
    410: "Gone",
    413: "Too large",
    415: "Not a media type for this",
    422: "Malformed request",
    428: "The request lacks something",
    429: "Too many requests",
    500: "Internal error",
    503: "Try again later",
}

# Every operation may answer with these. `describe_problems` puts the schema that they refer to into the description.
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": _TITLES[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status in (400, 401, 403, 404, 409, 413, 422, 429, 503)
}

# Rules of pydantic whose text is built from the schema alone. Others may quote what was sent, and are told by name only.
_PLAIN_RULES = frozenset(
    """missing extra_forbidden string_type string_too_short string_too_long string_pattern_mismatch bool_type bool_parsing
    int_type int_parsing int_from_float int_parsing_size float_type float_parsing decimal_type decimal_parsing
    greater_than greater_than_equal less_than less_than_equal multiple_of too_short too_long list_type tuple_type set_type
    dict_type model_type model_attributes_type literal_error enum date_type datetime_type timezone_aware uuid_type
    decimal_max_digits decimal_max_places decimal_whole_digits finite_number none_required bytes_type
    missing_argument union_tag_not_found frozen_field is_instance_of""".replace("\n", " ").split()
)


def status_of(error: DomainError) -> int:
    """The HTTP status of a refusal."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 409)


def refusal(error: DomainError) -> JSONResponse:
    """The answer to a refused request."""
    status = status_of(error)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = f'Bearer error="{"invalid_token"}"'
    if isinstance(error, EventsGivenUp):
        headers["Ledgerline-Cursor"] = error.cursor
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(error.retry_after_seconds)
    if isinstance(error, TooBusy | NotYet):
        headers["Retry-After"] = "1"
    return answer(status, error.code, error.message, facts=error.facts, headers=headers)


def answer(
    status: int,
    code: str,
    detail: str,
    *,
    facts: Mapping[str, str | int | None] | None = None,
    errors: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
    trace_id: str | None = None,
) -> JSONResponse:
    """A problem as a response."""
    problem = Problem(
        type=f"urn:ledgerline:problem:{code}",
        title=_TITLES.get(status, "Refused"),
        status=status,
        code=code,
        detail=detail,
        trace_id=trace_id or telemetry.current_trace_id() or secrets.token_hex(16),
        facts=dict(facts or {}),
        errors=list(errors),
    )
    return JSONResponse(
        problem.model_dump(exclude_defaults=True), status, headers=dict(headers or {}), media_type=MEDIA_TYPE
    )


def handle_problems(app: FastAPI) -> None:
    """Answer refusals, malformed requests and unknown paths of an application as problems."""

    @app.exception_handler(DomainError)
    async def refused(request: Request, error: DomainError) -> JSONResponse:
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        known = _names_of(app)
        faults = [Fault(place=_place(each["loc"], known), rule=_rule(each)) for each in error.errors()]
        return answer(
            422, Malformed.code, "the request does not have the form that this operation takes", errors=faults
        )

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        code, detail = _HTTP.get(error.status_code, ("refused", "the request cannot be answered"))
        return answer(error.status_code, code, detail, headers=error.headers)


def describe_problems(app: FastAPI) -> None:
    """Add the form of a problem to the application's description."""
    without = app.openapi

    def described() -> dict[str, Any]:
        description = without()
        schemas = description.setdefault("components", {}).setdefault("schemas", {})
        if Problem.__name__ not in schemas:
            schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {}) | {Problem.__name__: schema}
        return description

    app.openapi = described  # type: ignore[method-assign]  # the way FastAPI names for extending it


_HTTP = {
    400: ("malformed", "the body cannot be read"),
    404: ("not-found", "there is nothing at this path"),
    405: ("method-not-allowed", "there is something at this path, but not under this method"),
    413: ("too-large", "the body is larger than this service takes"),
}


def _rule(fault: Mapping[str, Any]) -> str:
    name = str(fault["type"])
    return str(fault["msg"]) if name in _PLAIN_RULES else name.replace("_", " ")


def _place(location: Sequence[Any], known: frozenset[str]) -> str:
    """The place of a fault, with names that the schema does not know left out: a caller may have put a person's there."""
    return ".".join(str(part) if isinstance(part, int) or part in known else "?" for part in location)


def _names_of(app: FastAPI) -> frozenset[str]:
    """Every name that the application's own description uses for a field or a parameter."""
    names: frozenset[str] | None = getattr(app.state, "names_in_schema", None)
    if names is None:
        names = frozenset(_names_in(app.openapi())) | {"body", "query", "path", "header", "cookie"}
        app.state.names_in_schema = names
    return names


def _names_in(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(properties := schema.get("properties"), dict):
            yield from properties
        if "in" in schema and isinstance(name := schema.get("name"), str):
            yield from (name, name.lower(), name.replace("-", "_").lower())
        for member in schema.values():
            yield from _names_in(member)
    elif isinstance(schema, list):
        for member in schema:
            yield from _names_in(member)
