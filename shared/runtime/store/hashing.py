"""How does an event vouch for the one before it?

Each event's hash covers the hash of the event before it in its stream, its own envelope and its exact bytes. Whoever has the
events can recompute every link with a JSON library and SHA-256; `event_hash` is the definition, for writing and for checking.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import msgspec

from shared.events.envelope import Stored

FIRST = bytes(32)  # what the first event of a stream follows

_encode = msgspec.json.Encoder().encode


def event_hash(
    *,
    previous_hash: bytes,
    tenant: str,
    stream: str,
    version: int,
    type: str,
    event_id: UUID,
    occurred_at: datetime,
    recorded_at: datetime,
    actor: str,
    command_id: UUID,
    correlation_id: str,
    causation_id: str | None,
    clock: str,
    data: bytes,
) -> bytes:
    """SHA-256 of: the previous hash (32 bytes), the envelope as a compact JSON array in UTF-8 in the order of the parameters
    from `tenant` to `clock`, a line feed, the data.

    Times are UTC, ISO 8601 ending in Z, microseconds with six digits or left out when zero; ids are lower case with hyphens;
    an absent causation is null. JSON escapes line feeds, so the parts cannot run into each other.
    """
    envelope = _encode(
        (
            tenant,
            stream,
            version,
            type,
            event_id,
            occurred_at.astimezone(UTC),
            recorded_at.astimezone(UTC),
            actor,
            command_id,
            correlation_id,
            causation_id,
            clock,
        )
    )
    return sha256(b"".join((previous_hash, envelope, b"\n", data))).digest()


def hash_of(stored: Stored) -> bytes:
    """What the hash of a stored event must be, by its own envelope and bytes."""
    return sha256(b"".join((stored.previous_hash, envelope_bytes(stored), b"\n", stored.data))).digest()


def envelope_bytes(stored: Stored) -> bytes:
    """The envelope of a stored event as `event_hash` covers it."""
    return _encode(
        (
            stored.tenant,
            stored.stream,
            stored.version,
            stored.type,
            stored.event_id,
            stored.occurred_at.astimezone(UTC),
            stored.recorded_at.astimezone(UTC),
            stored.actor,
            stored.command_id,
            stored.correlation_id,
            stored.causation_id,
            stored.clock,
        )
    )


def broken_link(stream: Iterable[Stored]) -> Stored | None:
    """The first event of a whole stream, in order, that does not follow from the one before it; None when all do."""
    previous = FIRST
    for version, stored in enumerate(stream, start=1):
        if stored.version != version or stored.previous_hash != previous or stored.hash != hash_of(stored):
            return stored
        previous = stored.hash
    return None
