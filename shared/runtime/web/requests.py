"""Who asks this, may they, and what makes asking twice the same as asking once?

A route names its action; the caller must have it in the tenant they act for. A write carries an `Idempotency-Key`; its command id is
derived from tenant, program, service, method, path and key, its fingerprint from the query and the body, so the same request has
one effect and the same answer, and the same key with another body is refused.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field

from shared.kernel.errors import Malformed
from shared.kernel.identifiers import derived_id
from shared.runtime import telemetry
from shared.runtime.command import Cause, Outcome
from shared.runtime.emergencies import Emergencies
from shared.runtime.identity import Caller, Identity, InvalidToken
from shared.runtime.identity.caller import Forbidden
from shared.runtime.identity.roles import EMERGENCY_ACTIONS, OF_THE_INSTALLATION, refuse_unknown_action
from shared.runtime.vault import IN_EMERGENCY
from shared.runtime.web.edge import BODY, IDENTITY, Body
from shared.runtime.web.problems import IdempotencyKeyMissing

_PLAIN = re.compile(r"[\x21-\x7e]{1,128}\Z")
_BEARER = HTTPBearer(auto_error=False, description="A token of the issuer; see /.well-known/openid-configuration.")

Tenant = Annotated[
    str | None,
    Header(
        alias="X-Ledgerline-Tenant", max_length=64, description="The tenant meant, for a caller who belongs to several."
    ),
]


def identity(request: Request) -> Identity:
    """Who the request's token speaks of. Raises InvalidToken when there was none."""
    found = request.scope.get(IDENTITY)
    if not isinstance(found, Identity):
        raise InvalidToken("this needs a bearer token")
    return found


def permit(request: Request, action: str, tenant: str | None) -> Caller:
    """The caller, who has this action in the tenant they act for.

    What concerns the whole installation is for the tenant that operates it, where the settings name one. Raises InvalidToken,
    TenantNotNamed, Forbidden.
    """
    who = identity(request).acting_for(tenant)
    who.require(action)
    operations_tenant = request.app.state.operations_tenant
    if action in OF_THE_INSTALLATION and operations_tenant and who.tenant != operations_tenant:
        raise Forbidden(f"the roles of this caller do not include {action}", action=action)
    return who


async def let_in(request: Request, action: str, tenant: str | None) -> Caller:
    """As `permit`; in an emergency also who may break the glass and did, to read about people. Raises VaultUnavailable besides."""
    IN_EMERGENCY.set(None)
    try:
        return permit(request, action, tenant)
    except Forbidden:
        emergencies: Emergencies | None = request.app.state.emergencies
        if emergencies is None or action not in EMERGENCY_ACTIONS:
            raise
        who = identity(request).acting_for(tenant)
        if (
            not who.may("emergencies:break-glass")
            or (standing := await emergencies.standing(who.tenant, who.actor)) is None
        ):
            raise
        IN_EMERGENCY.set(standing.emergency)
        return who


def caller(action: str) -> Callable[..., Awaitable[Caller]]:
    """A dependency: the caller, who has this action in the tenant they act for.

    Raises LookupError at once for an action that is not in the table of roles and actions.
    """
    refuse_unknown_action(action)

    async def permitted(request: Request, shown: Annotated[Any, Security(_BEARER)], tenant: Tenant = None) -> Caller:
        return await let_in(request, action, tenant)

    permitted.action = action  # type: ignore[attr-defined]  # read by `actions_of` when an application is composed
    return permitted


async def idempotency_key(
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Required. Made up by the client, 1 to 128 visible characters, the same when the request is sent again.",
        ),
    ] = None,
) -> str:
    """A dependency: the key of a write. Raises IdempotencyKeyMissing, Malformed."""
    if not key:
        raise IdempotencyKeyMissing("a write needs an Idempotency-Key header, so that it can be sent again safely")
    if not _PLAIN.match(key):
        raise Malformed("an Idempotency-Key is 1 to 128 visible ASCII characters")
    return key


async def cause(who: Caller, request: Request, key: str) -> Cause:
    """The cause of what this request asks for. `X-Correlation-Id` and `X-Causation-Id` go on from another message."""
    route = f"{request.method} {request.url.path}"
    return Cause(
        tenant=who.tenant,
        actor=who.actor,
        command_id=derived_id(UUID(int=0), "http", who.tenant, who.client, route, key),
        correlation_id=_plain_header(request, "x-correlation-id")
        or telemetry.current_trace_id()
        or _own_id(route, key),
        causation_id=_plain_header(request, "x-causation-id"),
        fingerprint=await _fingerprint(request),
    )


def cause_of(action: str) -> Callable[..., Awaitable[Cause]]:
    """A dependency for writes: the caller has this action, and the request has a key."""
    permitted = caller(action)

    async def caused(
        request: Request,
        who: Annotated[Caller, Depends(permitted)],
        key: Annotated[str, Depends(idempotency_key)],
    ) -> Cause:
        return await cause(who, request, key)

    return caused


def versioned_cause_of(action: str) -> Callable[..., Awaitable[Cause]]:
    """As `cause_of`, for a write to one stream that may say which version of it was seen: another one now is refused."""
    caused = cause_of(action)

    async def versioned(
        cause: Annotated[Cause, Depends(caused)],
        version: Annotated[
            int | None,
            Header(
                alias="Ledgerline-Expected-Version",
                ge=0,
                le=10**9,
                description="The version of the stream that was seen; 409 `changed-meanwhile` when it has another by now.",
            ),
        ] = None,
    ) -> Cause:
        return replace(cause, expected_version=version)

    return versioned


class Done(BaseModel):
    """What a write led to: ids only, and the same when it is sent again."""

    stream: str
    version: int
    event_ids: list[UUID]
    after: str | None = Field(
        description="Give it as ?after= to a read that must include this; null when nothing changed."
    )
    is_repeat: bool


def done(outcome: Outcome, service: str) -> Done:
    """The answer to a write in a service."""
    return Done(
        stream=outcome.stream,
        version=outcome.version,
        event_ids=list(outcome.event_ids) or [recorded.event_id for recorded in outcome.events],
        after=None if outcome.position is None else f"{service}:{outcome.position}",
        is_repeat=outcome.is_repeat,
    )


async def _fingerprint(request: Request) -> bytes:
    """SHA-256 over query and body. The body is read here when the route has not."""
    body = request.scope.get(BODY)
    if isinstance(body, Body):
        if not body.is_complete:
            await request.body()
        content = body.digest()
    else:
        content = hashlib.sha256(await request.body()).digest()
    return hashlib.sha256(request.scope["query_string"] + b"\x1f" + content).digest()


def _plain_header(request: Request, name: str) -> str | None:
    value = request.headers.get(name)
    if value is not None and not _PLAIN.match(value):
        raise Malformed(f"{name} is 1 to 128 visible ASCII characters")
    return value


def _own_id(route: str, key: str) -> str:
    return str(derived_id(UUID(int=0), "correlation", route, key))
