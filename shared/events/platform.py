"""What can happen in any service's own machinery. The type on the wire begins with the name of the service it happened in."""

from __future__ import annotations

from typing import TypeAlias

from shared.events.base import Event
from shared.events.values import DocumentReference, Finding


class ReactionRefused(Event, frozen=True, kw_only=True):
    """A policy asked its own service for something and the business said no: a fact in a work queue."""

    policy: str
    cause_event_id: str
    cause_type: str
    cause_stream: str
    aggregate: str
    key: str
    code: str
    message: str


class MessageHeld(Event, frozen=True, kw_only=True):
    """An inbound file or message (or one part of it) that this service cannot use yet, kept raw with the reason."""

    message_id: str
    kind: str
    findings: tuple[Finding, ...]
    document: DocumentReference


class MessageReplayed(Event, frozen=True, kw_only=True):
    message_id: str
    outcome: str


PlatformEvent: TypeAlias = ReactionRefused | MessageHeld | MessageReplayed
