"""Every wrong request there is: each operation, asked by each role, for each tenant, about each kind of object.

A request is wrong when the caller's role lacks the action, when the tenant is not theirs, when the object is another tenant's or
nobody's, or when the token is missing or broken. `plan` lists them; what each must be answered with is said beside it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from joserfc.jwk import ECKey

from shared.runtime.identity import Role, may
from shared.testing.hosting import TENANT
from tests.integration.security.conftest import Operation, System
from tests.integration.security.examples import body_of, query_of

ABSENT_TENANT = "nowhere"
NOT_OURS = ECKey.generate_key("P-256", {"kid": "not-ours"})
# What these do is about the whole installation: no object in them belongs to a tenant.
OF_THE_INSTALLATION = ("/ops/verify", "/ops/rebuild", "/ops/quiet", "/quiet", "/clock")


# One stream of each service, by what paths call the object that it is about.
STREAMS = {
    "eligibility": "patient/{patient_id}",
    "charges": "encounter/{encounter_id}",
    "claims": "claim/{claim_id}",
    "payments": "claim-account/{account_id}",
    "collections": "guarantor-account/{patient_id}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    operation: Operation
    target: str
    headers: Mapping[str, str]
    body: bytes
    asked_for: Mapping[str, str]  # the ids in it, by name


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A request, and how it must be refused. `twin` differs only in naming what is not there: both must look alike."""

    kind: str
    request: Request
    status: int = 0  # 0: as the twin
    code: str = ""
    twin: Request | None = field(default=None)


class Planner:
    """Lists the wrong requests to a system: the full plan all of them, the short one some where they should not differ."""

    def __init__(self, system: System, *, is_full: bool) -> None:
        self._system = system
        self._is_full = is_full
        self._absent = {name: unlike(value) for name, value in system.objects.items()} | {
            "hold": "bankruptcy",
            "period": "2026-04",
            "category": "coding",
            "rule_id": "own-second",
            "request_id": f"{unlike(system.objects['claim_id'])}-R1",
            "attachment_id": f"{unlike(system.objects['claim_id'])}A1",
        }
        self._tokens: dict[str, str] = {}
        self._strangers = 0
        self._broken = broken_authorizations(system)

    def plan(self) -> Iterator[Wrong]:
        for number, operation in enumerate(self._system.operations):
            yield from self._wrong_roles(operation)
            yield from self._wrong_tenants(operation, number)
            yield from self._strangers_to_the_object(operation, number)
            yield from self._without_identity(operation, number)

    def _wrong_roles(self, operation: Operation) -> Iterator[Wrong]:
        """The object is there, or it is not: who may not ask cannot tell."""
        for role in Role:
            if may(frozenset({role}), operation.action):
                continue
            token = self._token({TENANT: [role]})
            elsewhere = self._token({TENANT: [role], "hospital": ["admin"]})
            there, absent = self._system.objects, self._absent
            yield self._refused("role", operation, there, token)
            yield self._refused("role, another tenant's right", operation, absent, elsewhere, tenant=TENANT)
            if self._is_full:
                yield self._refused("role", operation, absent, token)
                yield self._refused("role, another tenant's right", operation, there, elsewhere, tenant=TENANT)

    def _wrong_tenants(self, operation: Operation, number: int) -> Iterator[Wrong]:
        for role in self._some(list(Role), number, 1):
            of_hospital = self._token({"hospital": [role]})
            for tenant in (TENANT, ABSENT_TENANT):
                yield self._refused("tenant", operation, self._system.objects, of_hospital, tenant=tenant)
            emptied = self._token({"hospital": [role], TENANT: []})
            yield self._refused("tenant without roles", operation, self._system.objects, emptied, tenant=TENANT)
            both = self._token({"hospital": [role], ABSENT_TENANT: [role]})
            yield self._refused(
                "tenant not named", operation, self._system.objects, both, status=400, code="tenant-not-named"
            )
        for kind, tenants in (("no tenant", {}), ("unknown role", {TENANT: ["superuser"]})):
            for objects in (self._system.objects, self._absent):
                yield self._refused(kind, operation, objects, self._token(tenants))

    def _strangers_to_the_object(self, operation: Operation, number: int) -> Iterator[Wrong]:
        """With every right in a tenant of their own, which each request has to itself."""
        if operation.path.endswith(OF_THE_INSTALLATION):
            return
        allowed = [role for role in Role if may(frozenset({role}), operation.action)]
        for role in self._some(allowed, number, 1):
            foreign, absent = (
                self._request(operation, objects, f"Bearer {self._token({self._stranger(): [role]})}")
                for objects in (self._system.objects, self._absent)
            )
            yield Wrong(kind="foreign or absent object", request=foreign, twin=absent)

    def _without_identity(self, operation: Operation, number: int) -> Iterator[Wrong]:
        kinds = list(self._broken)
        for kind in kinds if self._is_full else ["none", *(kinds[(number + each) % len(kinds)] for each in range(3))]:
            for objects in (self._system.objects, self._absent)[: 2 if self._is_full else 1]:
                request = self._request(operation, objects, self._broken[kind])
                yield Wrong(kind=f"token: {kind}", request=request, status=401, code="invalid-token")

    # --- parts ---

    def _refused(
        self,
        kind: str,
        operation: Operation,
        objects: Mapping[str, str],
        token: str,
        *,
        tenant: str | None = None,
        status: int = 403,
        code: str = "forbidden",
    ) -> Wrong:
        request = self._request(operation, objects, f"Bearer {token}", tenant)
        return Wrong(kind=kind, request=request, status=status, code=code)

    def _request(
        self, operation: Operation, objects: Mapping[str, str], authorization: str | None, tenant: str | None = None
    ) -> Request:
        return request_to(operation, objects, authorization, tenant)

    def _token(self, tenants: Mapping[str, list[Role] | list[str]]) -> str:
        name = json.dumps(tenants)
        if name not in self._tokens:
            self._tokens[name] = self._system.token(tenants)
        return self._tokens[name]

    def _stranger(self) -> str:
        self._strangers += 1
        return f"stranger-{self._strangers}"

    def _some(self, roles: list[Role], number: int, count: int) -> list[Role]:
        return roles if self._is_full else [roles[(number + each) % len(roles)] for each in range(count)]


def request_to(
    operation: Operation, objects: Mapping[str, str], authorization: str | None, tenant: str | None = None
) -> Request:
    """A well-formed request that names these objects."""
    path = operation.path
    for service, stream in STREAMS.items():
        path = path.replace(f"/api/{service}/streams/{{aggregate}}/{{key}}", f"/api/{service}/streams/{stream}")
    for name, value in {"resource_type": "Patient", **objects}.items():
        path = path.replace(f"{{{name}}}", value)
    assert "{" not in path, f"{operation}: no example of what its path names"
    media_type, body = body_of(operation.described, operation.components, objects)
    headers = {"Idempotency-Key": "wrong-1"}
    if media_type:
        headers["Content-Type"] = media_type
    if authorization is not None:
        headers["Authorization"] = authorization
    if tenant is not None:
        headers["X-Ledgerline-Tenant"] = tenant
    query = query_of(operation.described, operation.components, objects)
    return Request(
        operation=operation,
        target=f"{path}?{query}" if query else path,
        headers=headers,
        body=body,
        asked_for=objects,
    )


def unlike(text: str) -> str:
    """Another id of the same form: digits stay digits, hexadecimal letters hexadecimal."""
    wheels = ("0123456789", "abcdef", "ghjkmnpqrstvwxyz", "ABCDEF", "GHJKMNPQRSTVWXYZ")
    following = {each: wheel[(place + 1) % len(wheel)] for wheel in wheels for place, each in enumerate(wheel)}
    return "".join(following.get(each, each) for each in text)


def broken_authorizations(system: System) -> dict[str, str | None]:
    """Authorization headers that prove nothing, each of another kind. `test_tokens.py` has the long list."""
    good = system.token({TENANT: ["admin"]}, subject="intruder")
    head, payload, signature = good.split(".")
    return {
        "none": None,
        "empty": "Bearer ",
        "of another scheme": f"Basic {good}",
        "without a scheme": good,
        "no JWT": "Bearer hello",
        "unsigned": f"Bearer {head}.{payload}.",
        "signature of nothing": f"Bearer {head}.{payload}.{'A' * len(signature)}",
        "by another key": f"Bearer {system.token({TENANT: ['admin']}, key=NOT_OURS)}",
        "expired": f"Bearer {system.token({TENANT: ['admin']}, seconds=-60)}",
        "from the future": f"Bearer {system.token({TENANT: ['admin']}, issued_at=4_000_000_000)}",
        "of another issuer": f"Bearer {system.token({TENANT: ['admin']}, issuer='https://elsewhere.example')}",
        "for another audience": f"Bearer {system.token({TENANT: ['admin']}, audience='elsewhere')}",
        "for ever": f"Bearer {system.token({TENANT: ['admin']}, seconds=10 * 365 * 86400)}",
        "too long": f"Bearer {'A' * 10_000}.{payload}.{signature}",
    }
