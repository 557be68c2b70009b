"""Which inbound files wait for a person, and why?"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.events.envelope import Recorded
from shared.events.platform import MessageHeld, MessageReplayed
from shared.runtime.projection import Projection, Put

held_messages = sa.Table(
    "held_acknowledgements",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False, default=""),
    sa.Column("findings", JSONB),
    sa.Column("document_id", sa.Text, nullable=False, default=""),
    sa.Column("held_at", sa.DateTime(timezone=True)),
    sa.Column("replayed_at", sa.DateTime(timezone=True)),
    sa.Column("is_waiting", sa.Boolean, nullable=False, default=True),
)


def apply(recorded: Recorded[MessageHeld | MessageReplayed]) -> Iterator[Put]:
    """What an event changes in the file's row."""
    match recorded.event:
        case MessageHeld() as event:
            values = {
                "kind": event.kind,
                "findings": event.findings,
                "document_id": event.document.document_id,
                "held_at": recorded.recorded_at,
                "is_waiting": True,
            }
            yield Put(table=held_messages.name, key=(event.message_id,), values=values)
        case MessageReplayed() as event:
            values = {"replayed_at": recorded.recorded_at, "is_waiting": event.outcome == "held"}
            yield Put(table=held_messages.name, key=(event.message_id,), values=values)


projection = Projection(
    name="claims.held-acknowledgements",
    version=1,
    tables=(held_messages,),
    reads={"claims": (MessageHeld, MessageReplayed)},
    apply=apply,
)
