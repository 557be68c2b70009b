"""How does a consumer of the Kafka log read it?

One AsyncAPI document: a topic a service, and what key, headers and value of its records are. The headers are those that
`shared.runtime.records` writes; one that is not described here fails the generation.

Sources: AsyncAPI 3.0.0; its Kafka bindings 0.5.0; CloudEvents 1.0, Kafka protocol binding.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from deploy.schemas.events import Schema, types_of
from shared.events.envelope import START, Stored
from shared.events.registry import SERVICES
from shared.runtime.broker import Broker
from shared.runtime.feed import Kept
from shared.runtime.host import VERSION
from shared.runtime.records import headers_of

_HEADERS: dict[str, str] = {
    "ce_specversion": "CloudEvents version: 1.0",
    "ce_id": "event id, a UUID",
    "ce_source": "/ledgerline/<service>",
    "ce_type": "wire name: service.Name.vN",
    "ce_time": "when it happened in business, ISO 8601",
    "ce_tenant": "whose data it is",
    "ce_subject": "stream: aggregate/key",
    "ce_streamversion": "place in its stream, gapless from 1",
    "ce_recordedat": "when we knew, ISO 8601",
    "ce_actor": "user:…, client:…, policy:… or timer:…",
    "ce_commandid": "the command that led to it, a UUID",
    "ce_correlationid": "the request that began the chain",
    "ce_clock": "real or driven",
    "ce_previoushash": "32 raw bytes: hash of the event before in its stream, zeros before the first",
    "ce_hash": "32 raw bytes: SHA-256 over the previous hash, the envelope and the value",
    "ce_position": "epoch.tx.pos in the store: the order of the service's log, the same in every copy",
    "ce_generation": "how often the log was written to its topic from the start; a higher one replaced the topic",
    "ce_kept": "epoch=position for each restore to an earlier moment, by commas: up to where the log before is kept; may be absent",
    "content-type": "application/json",
    "ce_causationid": "the event or request that led to it; may be absent",
    "traceparent": "W3C trace context; may be absent",
}
_OPTIONAL = frozenset({"ce_causationid", "ce_kept", "traceparent"})


def asyncapi_document() -> Schema:
    """The log as AsyncAPI 3.0. Raises KeyError for a header that has no description here."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Ledgerline event log",
            "version": VERSION,
            "description": (
                "Every event of every service, in the order in which it was committed, kept for ever. Delivery is at least once and in "
                "order within a key; a reader skips positions that it has seen. Personal values are sealed. "
                "The same events over HTTP: GET /api/<service>/events."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {service: _channel(service) for service in SERVICES},
        "operations": {
            f"send-{service}-events": {"action": "send", "channel": {"$ref": f"#/channels/{service}"}}
            for service in SERVICES
        },
        "components": {"messageTraits": {"envelope": _envelope()}},
    }


def _channel(service: str) -> Schema:
    topic = Broker(bootstrap="").events_topic(service)
    return {
        "address": topic,
        "description": f"What happened in {service}.",
        "messages": {name: _message(service, name, cls.__doc__) for name, cls in types_of(service).items()},
        "bindings": {
            "kafka": {
                "topic": topic,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": -1, "retention.bytes": -1},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _message(service: str, name: str, about: str | None) -> Schema:
    return {
        "name": name,
        "summary": " ".join((about or name).split("\n\n")[0].split()),
        "traits": [{"$ref": "#/components/messageTraits/envelope"}],
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./{service}.json#/$defs/{name}"},
        },
    }


def _envelope() -> Schema:
    names = [name for name, _ in headers_of(_EXAMPLE, 1, [Kept(1, START)])]
    return {
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {name: {"type": "string", "description": _HEADERS[name]} for name in names},
            "required": [name for name in names if name not in _OPTIONAL],
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "tenant/aggregate/key: order holds within it"},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _example() -> Stored:
    some: dict[str, Any] = {
        "causation_id": "cause",
        "traceparent": "00-0-0-00",
    }  # so that the optional headers are named
    return Stored(
        service="payments",
        tenant="tenant",
        stream="aggregate/key",
        version=1,
        event_id=UUID(int=0),
        type="payments.Name.v1",
        occurred_at=datetime.min.replace(tzinfo=UTC),
        recorded_at=datetime.min.replace(tzinfo=UTC),
        actor="user:someone",
        command_id=UUID(int=0),
        correlation_id="correlation",
        clock="real",
        data=b"{}",
        previous_hash=bytes(32),
        hash=bytes(32),
        position=START,
        **some,
    )


_EXAMPLE = _example()
