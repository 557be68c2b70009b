"""Which wire name is which event?

Stored names are a table, never a class path, so a module may move. A published event only gains optional fields; anything
else is a new version beside the old one, with an upcaster here and a sample kept for ever in tests/contracts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from shared.events import charges, claims, collections, eligibility, payments, platform
from shared.events.base import Event, EventType, Upcaster

SERVICES = ("eligibility", "charges", "claims", "payments", "collections")

_UNIONS = {
    "eligibility": eligibility.EligibilityEvent,
    "charges": charges.ChargesEvent,
    "claims": claims.ClaimsEvent,
    "payments": payments.PaymentsEvent,
    "collections": collections.CollectionsEvent,
}


def _types() -> dict[str, EventType]:
    own = {f"{service}.{cls.__name__}.v1": cls for service, union in _UNIONS.items() for cls in get_args(union)}
    common = {f"{service}.{cls.__name__}.v1": cls for service in SERVICES for cls in get_args(platform.PlatformEvent)}
    return own | common


TYPES: Mapping[str, EventType] = _types()

# wire name of an old version -> (wire name of the next version, what turns its data into that version's data)
UPCASTERS: Mapping[str, tuple[str, Upcaster]] = {}

_NAMES = {(name.partition(".")[0], cls): name for name, cls in TYPES.items()}


def wire_name(service: str, event: Event) -> str:
    """The name under which a service stores an event. Raises KeyError for one that is not in its vocabulary."""
    return _NAMES[service, type(event)]


def wire_names(service: str, types: tuple[EventType, ...]) -> frozenset[str]:
    """The wire names that a reader of `types` from a service wants."""
    return frozenset(_NAMES[service, cls] for cls in types)
