"""Which coverages were chosen for which account, and which choices wait for what?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.events.eligibility import CoverageSelected, CoverageSelectionHeld, NoCoverageFound
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put

coverage_selections = sa.Table(
    "coverage_selections",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("encounter_id", sa.Text),
    sa.Column("patient_id", sa.Text),
    sa.Column("service_on", sa.Date),
    sa.Column("asked_for", JSONB),  # coverages that the bill names
    sa.Column("state", sa.Text),  # selected, none, held
    sa.Column("reason", sa.Text),
    sa.Column("references", JSONB),  # what a held one waits for
    sa.Column("coverages", JSONB),  # [{coverage_id, rank, payer_id, payer_name}]
    sa.Column("changed_at", sa.DateTime(timezone=True)),
    sa.Index("coverage_selections_by_state", "tenant", "state", "changed_at", "account_id"),
    sa.Index("coverage_selections_by_patient", "tenant", "patient_id"),
)


def apply(recorded: Recorded[Any]) -> Iterable[Change]:
    match event := recorded.event:
        case CoverageSelected():
            chosen = [
                {
                    "coverage_id": coverage.coverage_id,
                    "rank": coverage.rank,
                    "payer_id": coverage.payer_id,
                    "payer_name": coverage.payer_name,
                }
                for coverage in event.coverages
            ]
            values: dict[str, Any] = {"state": "selected", "coverages": chosen, "references": []}
        case NoCoverageFound():
            values = {"state": "none", "coverages": [], "references": []}
        case CoverageSelectionHeld():
            values = {"state": "held", "references": list(event.references)}
        case _:
            raise TypeError(f"{type(event).__name__} is not read here")
    common = {
        "encounter_id": event.encounter_id,
        "patient_id": event.patient_id,
        "service_on": event.service_on,
        "asked_for": list(event.asked_for),
        "reason": event.reason,
        "changed_at": recorded.recorded_at,
    }
    yield Put(table="coverage_selections", key=(event.account_id,), values={**common, **values})


projection = Projection(
    name="eligibility.coverage-selections",
    version=2,
    tables=(coverage_selections,),
    reads={"eligibility": (CoverageSelected, NoCoverageFound, CoverageSelectionHeld)},
    apply=apply,
)


def by_state(state: str | None = None) -> sa.Select[Any]:
    statement = sa.select(coverage_selections)
    return statement if state is None else statement.where(coverage_selections.c.state == state)


def of_patients(patient_ids: Iterable[str]) -> sa.Select[Any]:
    """The accounts of these patients for which a choice was made or held."""
    return (
        sa.select(coverage_selections)
        .where(coverage_selections.c.patient_id.in_(list(patient_ids)))
        .order_by(coverage_selections.c.account_id)
    )


def held_for_answers(patient_ids: Iterable[str]) -> sa.Select[Any]:
    """Accounts of these patients whose choice waits because a payer called a coverage inactive."""
    return of_patients(patient_ids).where(
        coverage_selections.c.state == "held", coverage_selections.c.reason == "coverage-inactive"
    )


def held_for_payers() -> sa.Select[Any]:
    """Accounts whose choice waits for a payer to be listed."""
    waiting = by_state("held").where(coverage_selections.c.reason == "unknown-payer")
    return waiting.order_by(coverage_selections.c.account_id)
