"""What is a service made of, and what does it stand on?

`services/<name>/main.py` has `def build(runtime: ServiceRuntime) -> ServiceParts`: the only place that knows all rooms of a
service. `host.py` runs the parts, in one process with other services or alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Commands
from shared.runtime.documents import Documents
from shared.runtime.invariants import Invariant
from shared.runtime.policy import Policy, Timers
from shared.runtime.projection import Projection
from shared.runtime.queries import ReadDatabase
from shared.runtime.settings import Settings
from shared.runtime.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRuntime:
    """What the machinery gives to a service."""

    name: str
    commands: Commands
    vault: Vault
    documents: Documents
    reads: ReadDatabase
    clock: Clock
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Work in the background that no event or timer starts, such as sending files.

    `step` does one round and says whether it did anything; it runs under a lease, so on one replica at a time, again at once
    while there is work and every `every_seconds` otherwise. An error is logged and tried again with growing pauses.
    """

    name: str  # service.purpose
    step: Callable[[], Awaitable[bool]]
    every_seconds: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceParts:
    """All that a service consists of, in the order in which a reader would look for it."""

    aggregates: tuple[Aggregate, ...]
    projections: tuple[Projection, ...]
    policies: tuple[Policy, ...]
    timers: tuple[Timers, ...] = ()
    tasks: tuple[Task, ...] = ()
    routers: Callable[[], Sequence[APIRouter]] = tuple  # made when there is an application to serve them
    invariants: tuple[Callable[[], Invariant], ...] = ()  # what `ledgerline verify` checks of this service's own events
