"""Which services are there, how is one built, and where does it listen?

A process imports the services that it runs and no other: what it imports is most of the time that it takes to start.
"""

from __future__ import annotations

import importlib

from shared.events.registry import SERVICES
from shared.runtime.host import Build


def build_of(service: str) -> Build:
    """How the service of this name is put together. Raises ValueError for a name that is none of `SERVICES`."""
    if service not in SERVICES:
        raise ValueError(f"{service} is not a service: {', '.join(SERVICES)}")
    build: Build = importlib.import_module(f"services.{service}.main").build
    return build


def service_port(http_port: int, service: str) -> int:
    """Where a service listens when it is a process of its own (the kafka feed)."""
    return http_port + 1 + SERVICES.index(service)
