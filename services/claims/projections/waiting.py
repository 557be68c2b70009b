"""For whom does each claim wait, until when, and did its payer say that the patient is covered? The worklist beside the days on which
silence is noticed, beside open requests, and beside what payers answered about coverage."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from services.claims.projections.filing import CLAIMS
from services.claims.projections.follow_up import information_requests
from services.claims.projections.origins import origin_facts
from shared.events.eligibility import EligibilityAnswered, EligibilityRejected

TIMERS = "claims.watch-silence"
KINDS = ("277CA", "835", "crossover", "call")

timers = sa.table(
    "timers",
    sa.column("tenant", sa.Text),
    sa.column("name", sa.Text),
    sa.column("key", sa.Text),
    sa.column("due_at", sa.DateTime(timezone=True)),
    sa.column("fired_at", sa.DateTime(timezone=True)),
)


def listed() -> sa.Select[Any]:
    """Every claim with its filing limit, `waits_until`: when silence about it is noticed next, null when no day is set, and
    `coverage_check`: what its payer answered last about the first day of service, null when it was not asked."""
    keys = [sa.literal(f"{kind}/") + CLAIMS.c.claim_id for kind in KINDS]
    day = (
        sa.select(sa.func.min(timers.c.due_at))
        .where(
            timers.c.tenant == CLAIMS.c.tenant,
            timers.c.name == TIMERS,
            timers.c.key.in_(keys),
            timers.c.fired_at.is_(None),
        )
        .scalar_subquery()
    )
    waits_until = day.label("waits_until")
    return sa.select(CLAIMS, waits_until, _of_requests(_due_on), _of_requests(_is_overdue), _coverage_check())


def _coverage_check() -> sa.Label[Any]:
    """`active`, `inactive`, `unknown`; `rejected` where the payer could not look it up."""
    facts = origin_facts
    said = sa.case((facts.c.event == EligibilityAnswered.__name__, facts.c.outcome), else_="rejected")
    return (
        sa.select(said)
        .where(
            facts.c.tenant == CLAIMS.c.tenant,
            facts.c.patient_id == CLAIMS.c.patient_id,
            facts.c.event.in_((EligibilityAnswered.__name__, EligibilityRejected.__name__)),
            facts.c.coverage_id == CLAIMS.c.coverage_ids[sa.cast(CLAIMS.c.rank, sa.Text)].astext,
            facts.c.service_on == CLAIMS.c.service_on,
        )
        .order_by(facts.c.recorded_at.desc(), facts.c.event_id.desc())
        .limit(1)
        .scalar_subquery()
        .label("coverage_check")
    )


def _open() -> sa.ColumnElement[bool]:
    table = information_requests
    return sa.and_(table.c.tenant == CLAIMS.c.tenant, table.c.claim_id == CLAIMS.c.claim_id, table.c.is_open)


_due_on = sa.func.min(information_requests.c.due_on).label("request_due_on")
_is_overdue = sa.func.coalesce(sa.func.bool_or(information_requests.c.is_overdue), False).label("request_is_overdue")


def _of_requests(column: sa.Label[Any]) -> sa.Label[Any]:
    return sa.select(column).where(_open(), CLAIMS.c.is_open).scalar_subquery().label(column.name)


def with_requests(*, is_overdue: bool) -> sa.Select[Any]:
    """Open claims of which a payer wants information."""
    wanted = sa.select(information_requests.c.claim_id).where(_open())
    if is_overdue:
        wanted = wanted.where(information_requests.c.is_overdue)
    return listed().where(CLAIMS.c.is_open, wanted.exists())
