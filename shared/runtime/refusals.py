"""What did policies and timers ask for that the business refused? A work queue of facts, one read model in every service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from shared.events.envelope import Recorded
from shared.events.platform import ReactionRefused
from shared.runtime.projection import Change, Projection, Put

refused_reactions = sa.Table(
    "refused_reactions",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("refusal_id", sa.Text, primary_key=True),
    sa.Column("policy", sa.Text),
    sa.Column("cause_type", sa.Text),
    sa.Column("cause_stream", sa.Text),
    sa.Column("aggregate", sa.Text),
    sa.Column("key", sa.Text),
    sa.Column("code", sa.Text),
    sa.Column("message", sa.Text),
    sa.Column("refused_at", sa.DateTime(timezone=True)),
)


def _apply(recorded: Recorded[Any]) -> Iterable[Change]:
    event = recorded.event
    assert isinstance(event, ReactionRefused)
    yield Put(
        table="refused_reactions",
        key=(recorded.stream_key,),
        values={
            "policy": event.policy,
            "cause_type": event.cause_type,
            "cause_stream": event.cause_stream,
            "aggregate": event.aggregate,
            "key": event.key,
            "code": event.code,
            "message": event.message,
            "refused_at": recorded.recorded_at,
        },
    )


def refusals_of(service: str) -> Projection:
    """The read model of a service's refused reactions."""
    return Projection(
        name=f"{service}.refused-reactions",
        version=1,
        tables=(refused_reactions,),
        reads={service: (ReactionRefused,)},
        apply=_apply,
    )
