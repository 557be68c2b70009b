"""What does every service answer over HTTP?

The OpenAPI document of the very application that runs, made from the service's own `build` on a platform that is not connected to
anything: whoever touched a port while being put together would fail here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI

from deploy.front import edge_application, gateway_of
from deploy.schemas.events import Schema
from deploy.services import build_of
from shared.runtime.clock import SystemClock
from shared.runtime.codec import EventCodec
from shared.runtime.host import Host
from shared.runtime.identity import TokenVerifier
from shared.runtime.identity.issuer import issuer_router
from shared.runtime.platform import Platform, verifier_of
from shared.runtime.service import ServiceRuntime
from shared.runtime.settings import Settings


class Unconnected:
    """Stands where a database, a broker or a vault will be. Raises RuntimeError for whatever is asked of it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        raise RuntimeError(f"{self._name}.{attribute}: nothing is connected while schemas are written")


def host_of(service: str, verifier: TokenVerifier | None = None) -> Host:
    """The service, put together and not connected."""
    platform = _platform(verifier)
    none: Any = Unconnected
    commands, reads = none("commands"), none("reads")
    parts = build_of(service)(
        ServiceRuntime(
            name=service,
            commands=commands,
            vault=platform.vault,
            documents=platform.documents,
            reads=reads,
            clock=platform.clock,
            settings=platform.settings,
        )
    )
    return Host(
        platform,
        service,
        parts,
        store=none("store"),
        commands=commands,
        pool=none("pool"),
        reads=reads,
        codec=EventCodec(),
    )


def edge(verifier: TokenVerifier | None = None) -> FastAPI:
    """What front answers itself, with the local issuer, not connected."""
    platform = _platform(verifier)
    none: Any = Unconnected
    gateway = gateway_of(platform, none("client"))
    return edge_application(platform, gateway, none("quietness"), none("ready"), [issuer_router(none("issuer"))])


def _platform(verifier: TokenVerifier | None) -> Platform:
    settings = Settings(home=Path("unconnected"))
    none: Any = Unconnected
    return Platform(
        settings=settings,
        clock=SystemClock(),
        roots=none("roots"),
        vault=none("vault"),
        retention=none("retention"),
        emergencies=none("emergencies"),
        documents=none("documents"),
        feed=none("feed"),
        stores=None,
        verifier=verifier or verifier_of(settings),
        process="schemas",
    )


def openapi_document(service: str) -> Schema:
    """The OpenAPI document of a service, as it serves it at /api/<service>/openapi.json, with that path as its server."""
    document: Schema = host_of(service).app.openapi()
    return document | {"servers": [{"url": f"/api/{service}"}]}


def edge_document() -> Schema:
    """The OpenAPI document of front, as it serves it at /openapi.json."""
    document: Schema = edge().openapi()
    return document
