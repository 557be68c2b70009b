"""For whom does each claim wait, and until when? The worklist beside the days on which silence is noticed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from services.claims.projections.filing import CLAIMS

TIMERS = "claims.watch-silence"
KINDS = ("277CA", "835", "crossover")

_timers = sa.table(
    "timers",
    sa.column("tenant", sa.Text),
    sa.column("name", sa.Text),
    sa.column("key", sa.Text),
    sa.column("due_at", sa.DateTime(timezone=True)),
    sa.column("fired_at", sa.DateTime(timezone=True)),
)


def listed() -> sa.Select[Any]:
    """Every claim with its filing limit and `waits_until`: when silence about it is noticed next, null when no day is set."""
    keys = [sa.literal(f"{kind}/") + CLAIMS.c.claim_id for kind in KINDS]
    day = (
        sa.select(sa.func.min(_timers.c.due_at))
        .where(
            _timers.c.tenant == CLAIMS.c.tenant,
            _timers.c.name == TIMERS,
            _timers.c.key.in_(keys),
            _timers.c.fired_at.is_(None),
        )
        .scalar_subquery()
    )
    return sa.select(CLAIMS, day.label("waits_until"))
