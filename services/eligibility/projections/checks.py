"""What was asked of payers, what did they say, and what is still unknown?

`benefits` has a row for each row of an answer, numbered within it. What the payer did not state is null there: unknown, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.events.eligibility import (
    EligibilityAnswered,
    EligibilityRejected,
    EligibilityRequested,
    EligibilityUnanswered,
)
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put

_metadata = sa.MetaData()

eligibility_checks = sa.Table(
    "eligibility_checks",
    _metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("check_id", sa.Text, primary_key=True),
    sa.Column("patient_id", sa.Text),
    sa.Column("coverage_id", sa.Text),
    sa.Column("payer_id", sa.Text),
    sa.Column("service_on", sa.Date),
    sa.Column("why", sa.Text),
    sa.Column("attempt", sa.Integer),
    sa.Column("state", sa.Text),  # open, answered, rejected, unanswered
    sa.Column("status", sa.Text),  # of the last answer: active, inactive, unknown; null: no answer
    sa.Column("answer_version", sa.Integer),  # which rows of `benefits` are the last answer
    sa.Column("payer_trace", sa.Text),
    sa.Column("rejections", JSONB),
    sa.Column("may_retry", sa.Boolean),
    sa.Column("document_id", sa.Text),
    sa.Column("asked_at", sa.DateTime(timezone=True)),
    sa.Column("closed_at", sa.DateTime(timezone=True)),
    sa.Column("changed_at", sa.DateTime(timezone=True)),
    sa.Index("eligibility_checks_by_state", "tenant", "state", "changed_at", "check_id"),
    sa.Index("eligibility_checks_by_coverage", "tenant", "coverage_id", "service_on"),
    sa.Index("eligibility_checks_by_patient", "tenant", "patient_id"),
)

benefits = sa.Table(
    "benefits",
    _metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("check_id", sa.Text, primary_key=True),
    sa.Column("answer_version", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("patient_id", sa.Text),
    sa.Column("coverage_id", sa.Text),
    sa.Column("service_on", sa.Date),
    sa.Column("kind", sa.Text),  # EB01
    sa.Column("level", sa.Text),  # EB02
    sa.Column("service_types", JSONB),  # EB03
    sa.Column("plan", sa.Text),
    sa.Column("period", sa.Text),  # EB06; 29 is remaining
    sa.Column("amount_cents", sa.BigInteger),  # null: not stated
    sa.Column("patient_share", sa.Text),  # null: not stated
    sa.Column("quantity", sa.Text),
    sa.Column("quantity_kind", sa.Text),
    sa.Column("in_network", sa.Text),  # Y N U W; null: not stated
    sa.Column("authorization_required", sa.Text),
    sa.Column("insurance_type", sa.Text),
)


def apply(recorded: Recorded[Any]) -> Iterable[Change]:
    event, at = recorded.event, recorded.recorded_at
    match event:
        case EligibilityRequested():
            values = {
                "patient_id": event.patient_id,
                "coverage_id": event.coverage_id,
                "payer_id": event.payer_id,
                "service_on": event.service_on,
                "why": event.why,
                "attempt": event.attempt,
                "state": "open",
                "asked_at": at,
            }
        case EligibilityAnswered():
            values = {
                "state": "answered",
                "status": event.status,
                "answer_version": recorded.version,
                "payer_trace": event.payer_trace,
                "document_id": event.source.document_id,
                "rejections": None,
                "may_retry": None,
                "closed_at": at,
            }
            yield from _benefits(recorded, event)
        case EligibilityRejected():
            values = {
                "state": "rejected",
                "rejections": msgspec.to_builtins(event.rejections),
                "may_retry": event.may_retry,
                "document_id": event.source.document_id,
                "closed_at": at,
            }
        case EligibilityUnanswered():
            values = {"state": "unanswered", "closed_at": at}
        case _:
            raise TypeError(f"{type(event).__name__} is not read here")
    yield Put(table="eligibility_checks", key=(event.check_id,), values={**values, "changed_at": at})


def _benefits(recorded: Recorded[Any], event: EligibilityAnswered) -> Iterable[Change]:
    for number, benefit in enumerate(event.benefits, start=1):
        yield Put(
            table="benefits",
            key=(event.check_id, recorded.version, number),
            values={
                "patient_id": event.patient_id,
                "coverage_id": event.coverage_id,
                "service_on": event.service_on,
                "kind": benefit.kind,
                "level": benefit.level or None,
                "service_types": list(benefit.service_types),
                "plan": benefit.plan or None,
                "period": benefit.period or None,
                "amount_cents": benefit.amount_cents,
                "patient_share": benefit.patient_share,
                "quantity": benefit.quantity,
                "quantity_kind": benefit.quantity_kind or None,
                "in_network": benefit.in_network or None,
                "authorization_required": benefit.authorization_required or None,
                "insurance_type": benefit.insurance_type or None,
            },
        )


projection = Projection(
    name="eligibility.checks",
    version=1,
    tables=(eligibility_checks, benefits),
    reads={"eligibility": (EligibilityRequested, EligibilityAnswered, EligibilityRejected, EligibilityUnanswered)},
    apply=apply,
)


def by_state(state: str | None = None) -> sa.Select[Any]:
    statement = sa.select(eligibility_checks)
    return statement if state is None else statement.where(eligibility_checks.c.state == state)


def one(check_id: str) -> sa.Select[Any]:
    return sa.select(eligibility_checks).where(eligibility_checks.c.check_id == check_id)


def for_coverages(coverage_ids: Iterable[str], on: date) -> sa.Select[Any]:
    """Checks of these coverages for a date of service, the newest first."""
    return (
        sa.select(eligibility_checks)
        .where(eligibility_checks.c.coverage_id.in_(list(coverage_ids)), eligibility_checks.c.service_on == on)
        .order_by(eligibility_checks.c.changed_at.desc(), eligibility_checks.c.check_id)
    )


def answered_about(patient_ids: Iterable[str]) -> sa.Select[*tuple[Any, ...]]:
    """Checks of these patients that were answered, whatever was tried since, the newest first."""
    checks = eligibility_checks.c
    return (
        sa.select(checks.coverage_id, checks.service_on, checks.status)
        .where(checks.patient_id.in_(list(patient_ids)), checks.status.is_not(None))
        .order_by(checks.changed_at.desc(), checks.check_id)
    )


def benefits_of(check_ids: Iterable[str]) -> sa.Select[Any]:
    """The rows of each check's last answer."""
    return (
        sa.select(benefits)
        .join(
            eligibility_checks,
            (eligibility_checks.c.tenant == benefits.c.tenant)
            & (eligibility_checks.c.check_id == benefits.c.check_id)
            & (eligibility_checks.c.answer_version == benefits.c.answer_version),
        )
        .where(benefits.c.check_id.in_(list(check_ids)))
        .order_by(benefits.c.check_id, benefits.c.number)
    )


def response_times() -> sa.Select[Any]:
    """How payers answer: how many questions, how many of each outcome, and the seconds that closed ones took on average."""
    checks = eligibility_checks.c
    seconds = sa.func.extract("epoch", checks.closed_at - checks.asked_at)
    return (
        sa.select(
            checks.payer_id,
            sa.func.count().label("asked"),
            *(
                sa.func.count().filter(checks.state == state).label(state)
                for state in ("open", "answered", "rejected", "unanswered")
            ),
            sa.cast(sa.func.avg(seconds).filter(checks.state == "answered"), sa.Float).label("seconds_on_average"),
        )
        .group_by(checks.payer_id)
        .order_by(checks.payer_id)
    )
