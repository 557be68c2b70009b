"""What must be done in which service, so that a message counts as taken in?

A part is one command over HTTP. Its key is the receipt and its ordinal, so sending it again has one effect.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from services.gateway.notes import Note

JSON = "application/json"
X12 = "application/edi-x12"
PLAIN = "text/plain"
CSV = "text/csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    service: str
    path: str  # below /api/<service>; holds our own ids only
    place: str  # which part of the message says this
    what: str  # "register the patient"
    content: bytes
    media_type: str = JSON
    method: str = "POST"
    covers: tuple[str, ...] = ()  # further places of the message that this part is about
    made: str = ""  # what it makes, as FHIR names it: "Patient/…"
    unless_found: str = ""  # nothing is to be done where this path of the service answers
    completed_from: str = ""  # what `person` leaves out is kept as this path of the service answers it

    @classmethod
    def command(
        cls, service: str, path: str, body: dict[str, Any], *, place: str, what: str, method: str = "POST"
    ) -> Part:
        """A JSON command. What is None is left out: it was not said."""
        said = {name: value for name, value in body.items() if value is not None}
        content = msgspec.json.encode(said)
        return cls(service=service, path=path, place=place, what=what, content=content, method=method)


class Fate(StrEnum):
    """What a message asks of us once it is read."""

    DELIVER = "deliver"
    HOLD = "hold"  # it is understood, and only a person can act on it
    IGNORE = "ignore"  # none of billing's
    REFUSE_CONTENT = "refuse content"  # the sender can mend it and send again
    REFUSE = "refuse"  # unreadable, or nothing that this door takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A message, read to its end: nothing is sent before the whole is understood."""

    kind: str  # "hl7v2", "fhir", "x12", "bai2", "csv"
    type: str  # "ADT^A04", "Bundle", "835", "BAI2"
    fate: Fate
    parts: tuple[Part, ...] = ()
    notes: tuple[Note, ...] = ()
    sender: str = ""  # MSH-3 and MSH-4
    control_id: str = ""  # MSH-10
    names: tuple[tuple[str, str, str], ...] = ()  # FHIR type, the sender's id, ours
    explained: Callable[[], tuple[Note, ...]] | None = None  # what a full check finds, when a service refuses the file
