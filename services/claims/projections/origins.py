"""What did others do before a claim that its denial may come from: coverage asked for, services authorised, edits overridden?

One row an event, never changed: what an appeal leans on, and what a denial is traced back to. Ids, days and codes only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from shared.events.charges import ChargesReleased, EditOverridden
from shared.events.eligibility import (
    AuthorizationRecorded,
    AuthorizationUnitsUsed,
    CoverageOrderSet,
    CoverageSelected,
    EligibilityAnswered,
    EligibilityRejected,
)
from shared.events.envelope import Recorded
from shared.runtime.projection import Projection, Put

origin_facts = sa.Table(
    "origin_facts",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("event", sa.Text, nullable=False, default=""),
    sa.Column("service", sa.Text, nullable=False, default=""),
    sa.Column("stream", sa.Text, nullable=False, default=""),
    sa.Column("version", sa.Integer, nullable=False, default=0),
    sa.Column("occurred_at", sa.DateTime(timezone=True)),
    sa.Column("recorded_at", sa.DateTime(timezone=True)),
    sa.Column("correlation_id", sa.Text, nullable=False, default=""),
    sa.Column("causation_id", sa.Text),
    sa.Column("patient_id", sa.Text, nullable=False, default=""),
    sa.Column("encounter_id", sa.Text, nullable=False, default=""),
    sa.Column("account_id", sa.Text, nullable=False, default=""),
    sa.Column("authorization_id", sa.Text, nullable=False, default=""),
    sa.Column("payer_id", sa.Text, nullable=False, default=""),
    sa.Column("coverage_id", sa.Text, nullable=False, default=""),
    sa.Column("service_on", sa.Date),
    sa.Column("valid_from_on", sa.Date),
    sa.Column("valid_to_on", sa.Date),
    sa.Column("number", sa.Text, nullable=False, default=""),  # of an authorization; a payer's trace
    sa.Column("outcome", sa.Text, nullable=False, default=""),  # active, AAA reasons, the rule that was overridden
    sa.Column("units", sa.Integer),  # authorised, or left
    sa.Column("document_id", sa.Text, nullable=False, default=""),
    sa.Column("place", sa.Text, nullable=False, default=""),
    sa.Index("origin_facts_by_patient", "tenant", "patient_id"),
    sa.Index("origin_facts_by_account", "tenant", "account_id"),
    sa.Index("origin_facts_by_encounter", "tenant", "encounter_id"),
    sa.Index("origin_facts_by_authorization", "tenant", "authorization_id"),
)


def apply(recorded: Recorded[Any]) -> Iterator[Put]:
    """The row of one event."""
    stored = recorded.stored
    values = {
        "event": type(recorded.event).__name__,
        "service": stored.service,
        "stream": recorded.stream,
        "version": recorded.version,
        "occurred_at": recorded.occurred_at,
        "recorded_at": recorded.recorded_at,
        "correlation_id": stored.correlation_id,
        "causation_id": stored.causation_id,
    }
    yield Put(table=origin_facts.name, key=(str(recorded.event_id),), values=values | _values(recorded.event))


def _values(event: Any) -> dict[str, Any]:
    match event:
        case EligibilityAnswered():
            return _asked(event) | {"outcome": event.status, "number": event.payer_trace}
        case EligibilityRejected():
            return _asked(event) | {"outcome": " ".join(each.reason for each in event.rejections)}
        case AuthorizationRecorded():
            return {
                "patient_id": event.patient_id,
                "authorization_id": event.authorization_id,
                "payer_id": event.payer_id,
                "number": event.number,
                "units": event.units,
                "valid_from_on": event.valid_from_on,
                "valid_to_on": event.valid_to_on,
            }
        case AuthorizationUnitsUsed():
            return {
                "authorization_id": event.authorization_id,
                "account_id": event.account_id,
                "units": event.units_left,
            }
        case CoverageSelected():
            return {
                "patient_id": event.patient_id,
                "encounter_id": event.encounter_id,
                "account_id": event.account_id,
                "service_on": event.service_on,
                "outcome": " ".join(each.payer_id for each in event.coverages),
            }
        case CoverageOrderSet():
            return {
                "patient_id": event.patient_id,
                "valid_from_on": event.effective_on,
                "outcome": " ".join(event.coverage_ids),
            }
        case EditOverridden():
            return {"encounter_id": event.encounter_id, "outcome": event.rule}
        case ChargesReleased():
            return {
                "patient_id": event.patient_id,
                "encounter_id": event.encounter_id,
                "account_id": event.account_id,
                "service_on": event.service_on,
            }
        case _:
            raise TypeError(f"{type(event).__name__} is not read here")


def _asked(event: EligibilityAnswered | EligibilityRejected) -> dict[str, Any]:
    return {
        "patient_id": event.patient_id,
        "coverage_id": event.coverage_id,
        "service_on": event.service_on,
        "document_id": event.source.document_id,
        "place": event.source.place,
    }


projection = Projection(
    name="claims.origins",
    version=1,
    tables=(origin_facts,),
    reads={
        "eligibility": (
            EligibilityAnswered,
            EligibilityRejected,
            AuthorizationRecorded,
            AuthorizationUnitsUsed,
            CoverageSelected,
            CoverageOrderSet,
        ),
        "charges": (EditOverridden, ChargesReleased),
    },
    apply=apply,
)


def facts_about(*, patient_id: str, encounter_id: str, account_id: str) -> sa.Select[Any]:
    """Everything about a patient, a visit or an account, and what was used of the patient's authorizations, in its order."""
    table = origin_facts
    own = sa.select(table.c.authorization_id).where(
        table.c.patient_id == patient_id, table.c.event == AuthorizationRecorded.__name__
    )
    about = sa.or_(
        table.c.patient_id == patient_id,
        sa.and_(table.c.encounter_id == encounter_id, table.c.encounter_id != ""),
        sa.and_(table.c.account_id == account_id, table.c.account_id != ""),
        sa.and_(table.c.authorization_id.in_(own), table.c.authorization_id != ""),
    )
    return sa.select(table).where(about).order_by(table.c.recorded_at, table.c.event_id)
