"""Which inbound file could not be used in full, and was it tried again?

The file itself is in the document store; here is only why it waits. Its id is the document's, so the same file is held once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, assert_never

from services.claims.domain.errors import MessageUnknown
from shared.events.platform import MessageHeld, MessageReplayed
from shared.events.values import DocumentReference, Finding
from shared.kernel.decider import Decider

HeldMessageEvent: TypeAlias = MessageHeld | MessageReplayed


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldMessage:
    message_id: str
    kind: str
    findings: tuple[Finding, ...]
    document: DocumentReference


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordReplay:
    """The file was tried again; what is still wrong keeps it waiting."""

    findings: tuple[Finding, ...]


HeldMessageCommand: TypeAlias = HoldMessage | RecordReplay


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldMessage:
    held: MessageHeld | None = None
    is_waiting: bool = False


def decide(command: HeldMessageCommand, message: HeldMessage) -> list[HeldMessageEvent]:
    match command:
        case HoldMessage():
            held = MessageHeld(
                message_id=command.message_id,
                kind=command.kind,
                findings=command.findings,
                document=command.document,
            )
            return [] if message.is_waiting and message.held == held else [held]
        case RecordReplay():
            if message.held is None:
                raise MessageUnknown("no such file is held")
            outcome = "held" if command.findings else "accepted"
            replayed = MessageReplayed(message_id=message.held.message_id, outcome=outcome)
            return [replayed] if message.is_waiting else []
        case _:
            assert_never(command)


def evolve(message: HeldMessage, event: HeldMessageEvent) -> HeldMessage:
    match event:
        case MessageHeld():
            return HeldMessage(held=event, is_waiting=True)
        case MessageReplayed():
            return HeldMessage(held=message.held, is_waiting=event.outcome == "held")
        case _:
            assert_never(event)


held_message: Decider[HeldMessageCommand, HeldMessageEvent, HeldMessage] = Decider(
    decide=decide, evolve=evolve, initial=HeldMessage()
)
