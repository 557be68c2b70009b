"""How does an event travel through Kafka?

Key: tenant/stream, so that order holds per stream. Value: the exact bytes that were stored and hashed. Headers: the envelope, under
the names of the CloudEvents Kafka binding (`ce_…`), so that any consumer can verify the hash chain. No personal data: ids, codes,
times and hashes only.

`ce_generation` counts how often the log was written to its topic from the start. A reader that meets a later generation than
the one it began under knows that the topic was replaced beneath it.

`ce_kept` is there once the log was restored to an earlier moment: `epoch=position` for each restore, by commas. Who stands behind such
a position in an earlier epoch has read events that are no longer in the log.

Source: CloudEvents 1.0, Kafka protocol binding, section 3.2 (binary content mode).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeAlias
from uuid import UUID

from shared.events.envelope import Position, Stored
from shared.runtime.feed import Kept

Headers: TypeAlias = Sequence[tuple[str, bytes]]

GENERATION = "ce_generation"
KEPT = "ce_kept"


def key_of(stored: Stored) -> bytes:
    return stored.key.encode()


def headers_of(stored: Stored, generation: int, epochs: Sequence[Kept] = ()) -> list[tuple[str, bytes]]:
    """The envelope of an event. `epochs`: those that restores began."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(stored.event_id).encode()),
        ("ce_source", f"/ledgerline/{stored.service}".encode()),
        ("ce_type", stored.type.encode()),
        ("ce_time", stored.occurred_at.isoformat().encode()),
        ("ce_tenant", stored.tenant.encode()),
        ("ce_subject", stored.stream.encode()),
        ("ce_streamversion", str(stored.version).encode()),
        ("ce_recordedat", stored.recorded_at.isoformat().encode()),
        ("ce_actor", stored.actor.encode()),
        ("ce_commandid", str(stored.command_id).encode()),
        ("ce_correlationid", stored.correlation_id.encode()),
        ("ce_clock", stored.clock.encode()),
        ("ce_previoushash", stored.previous_hash),
        ("ce_hash", stored.hash),
        ("ce_position", str(stored.position).encode()),
        (GENERATION, str(generation).encode()),
        ("content-type", b"application/json"),
    ]
    if stored.causation_id is not None:
        headers.append(("ce_causationid", stored.causation_id.encode()))
    if stored.traceparent is not None:
        headers.append(("traceparent", stored.traceparent.encode()))
    if epochs:
        headers.append((KEPT, ",".join(f"{kept.epoch}={kept.position}" for kept in epochs).encode()))
    return headers


def epochs_of(headers: Headers) -> tuple[Kept, ...]:
    """The epochs that restores began, as a record says."""
    told = next((value for name, value in headers if name == KEPT), None)
    return () if told is None else _epochs(told)


@lru_cache(maxsize=64)
def _epochs(told: bytes) -> tuple[Kept, ...]:
    pairs = [part.split("=") for part in told.decode().split(",")]
    return tuple(Kept(int(epoch), Position.parse(position)) for epoch, position in pairs)


def generation_of(headers: Headers) -> int:
    return int(dict(headers)[GENERATION])


def stored_of(service: str, record: Any) -> Stored:
    """The event in a record of a service's topic. Raises KeyError or ValueError for one that we did not write."""
    headers = dict(record.headers)
    causation_id, traceparent = headers.get("ce_causationid"), headers.get("traceparent")
    return Stored(
        service=service,
        tenant=headers["ce_tenant"].decode(),
        stream=headers["ce_subject"].decode(),
        version=int(headers["ce_streamversion"]),
        event_id=UUID(headers["ce_id"].decode()),
        type=headers["ce_type"].decode(),
        occurred_at=datetime.fromisoformat(headers["ce_time"].decode()),
        recorded_at=datetime.fromisoformat(headers["ce_recordedat"].decode()),
        actor=headers["ce_actor"].decode(),
        command_id=UUID(headers["ce_commandid"].decode()),
        correlation_id=headers["ce_correlationid"].decode(),
        causation_id=None if causation_id is None else causation_id.decode(),
        traceparent=None if traceparent is None else traceparent.decode(),
        clock=headers["ce_clock"].decode(),
        data=record.value,
        previous_hash=headers["ce_previoushash"],
        hash=headers["ce_hash"],
        position=Position.parse(headers["ce_position"].decode()),
    )
