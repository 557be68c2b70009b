"""Where does every visit stand: charged, held and why, released, cancelled?

The same rows are the coding queue, the charge review, and the lists of missing and late charges.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.events.charges import (
    BillsChosen,
    ChargeCaptured,
    ChargeCredited,
    ChargePriced,
    ChargesHandedOver,
    ChargesHeld,
    ChargesReleased,
    DiagnosesCoded,
    EncounterCancelled,
    EncounterChanged,
    EncounterOpened,
    VisitBilledWith,
    VisitsJoined,
)
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put

_metadata = sa.MetaData()

encounters = sa.Table(
    "encounters",
    _metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("encounter_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text),
    sa.Column("patient_id", sa.Text),
    sa.Column("visit_class", sa.Text),
    sa.Column("kind", sa.Text, nullable=False, server_default="professional"),
    sa.Column("service_on", sa.Date),
    sa.Column("opened_at", sa.DateTime(timezone=True)),
    sa.Column("charge_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("late_count", sa.Integer, nullable=False, server_default="0"),
    sa.Column("state", sa.Text),  # open, held, released, cancelled
    sa.Column("held_reason", sa.Text),
    sa.Column("findings", JSONB),
    sa.Column("diagnoses", JSONB),
    sa.Column("stay", JSONB),  # institutional, as last told
    sa.Column("coding", JSONB),
    sa.Column("dental", JSONB),
    sa.Column("chosen", JSONB),  # what is billed apart, as a biller chose
    sa.Column("joined", JSONB),  # visits that go on this one's bill
    sa.Column("billed_with", sa.Text),  # the visit whose bill has this one's charges
    sa.Column("release", sa.Integer),
    sa.Column("released_at", sa.DateTime(timezone=True)),
    sa.Column("changed_at", sa.DateTime(timezone=True)),
    sa.Index("encounters_by_state", "tenant", "state", "held_reason", "changed_at", "encounter_id"),
    sa.Index("encounters_by_patient", "tenant", "patient_id"),
)

bills = sa.Table(
    "bills",
    _metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("encounter_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("bill", sa.Integer),
    sa.Column("charge_ids", JSONB),
    sa.Column("diagnoses", JSONB),
    sa.Column("coverage_ids", JSONB),
    sa.Column("released_cents", sa.BigInteger),
    sa.Column("release", sa.Integer),
    sa.Column("released_at", sa.DateTime(timezone=True)),
)

charge_lines = sa.Table(
    "charge_lines",
    _metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("encounter_id", sa.Text, primary_key=True),
    sa.Column("charge_id", sa.Text, primary_key=True),
    sa.Column("service_on", sa.Date),
    sa.Column("code", sa.Text),
    sa.Column("modifiers", JSONB),
    sa.Column("units", sa.Text),
    sa.Column("charged_cents", sa.BigInteger),
    sa.Column("credited_cents", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("rendering_reference", sa.Text),
    sa.Column("revenue_code", sa.Text),
    sa.Column("unit", sa.Text),
    sa.Column("dental", JSONB),
    sa.Column("is_late", sa.Boolean),
    sa.Column("captured_at", sa.DateTime(timezone=True)),
)


def apply(recorded: Recorded[Any]) -> Iterable[Change]:
    event, at = recorded.event, recorded.recorded_at
    match event:
        case EncounterOpened():
            yield _encounter(
                event.encounter_id,
                at,
                account_id=event.account_id,
                patient_id=event.patient_id,
                visit_class=event.visit_class,
                service_on=event.service_on,
                opened_at=at,
                state="open",
                **_of_kind(event),
            )
        case EncounterChanged():
            changed = _of_kind(event)
            if event.visit_class:
                changed["visit_class"] = event.visit_class
            if changed:
                yield _encounter(event.encounter_id, at, **changed)
        case EncounterCancelled():
            yield _encounter(event.encounter_id, at, state="cancelled", held_reason=None)
        case ChargeCaptured():
            added = {"charge_count": 1, "late_count": int(event.is_late)}
            values = {"changed_at": at, "service_on": event.service_on}
            yield Put(table="encounters", key=(event.encounter_id,), values=values, add=added)
            yield _line(
                event.encounter_id,
                event.charge_id,
                service_on=event.service_on,
                code=event.code,
                modifiers=list(event.modifiers),
                units=event.units,
                charged_cents=event.charged_cents,
                rendering_reference=event.rendering_reference,
                revenue_code=event.revenue_code,
                unit=event.unit,
                dental=msgspec.to_builtins(event.dental),
                is_late=event.is_late,
                captured_at=at,
            )
        case ChargePriced():
            priced: dict[str, Any] = {"charged_cents": event.charged_cents}
            if event.procedure_code:
                priced["code"] = event.procedure_code
            if event.revenue_code:
                priced["revenue_code"] = event.revenue_code
            yield _line(event.encounter_id, event.charge_id, **priced)
        case ChargeCredited():
            key = (event.encounter_id, event.charge_id)
            yield Put(table="charge_lines", key=key, add={"credited_cents": event.credited_cents})
        case DiagnosesCoded():
            coded: dict[str, Any] = {"diagnoses": list(event.diagnoses)}
            if event.hospital:
                coded["coding"] = msgspec.to_builtins(event.hospital)
            yield _encounter(event.encounter_id, at, **coded)
        case BillsChosen():
            yield _encounter(event.encounter_id, at, chosen=msgspec.to_builtins(event.bills))
        case VisitsJoined():
            yield _encounter(event.encounter_id, at, joined=list(event.encounter_ids))
        case VisitBilledWith():
            yield _encounter(event.encounter_id, at, billed_with=event.billed_with or None)
        case ChargesHandedOver():
            yield _encounter(event.encounter_id, at, state="released", held_reason=None, findings=[], released_at=at)
        case ChargesHeld():
            yield _encounter(
                event.encounter_id,
                at,
                state="held",
                held_reason=event.reason,
                findings=msgspec.to_builtins(event.findings),
            )
        case ChargesReleased():
            yield _encounter(
                event.encounter_id,
                at,
                state="released",
                held_reason=None,
                findings=[],
                release=event.release,
                released_at=at,
            )
            yield _bill(event, at)
        case _:
            raise TypeError(f"{type(event).__name__} is not read here")


def _of_kind(event: EncounterOpened | EncounterChanged) -> dict[str, Any]:
    """What is told of the kind of claim; what is absent did not change."""
    told = {"kind": event.kind, "stay": event.stay, "dental": event.dental}
    return {name: msgspec.to_builtins(value) for name, value in told.items() if value is not None}


def _encounter(encounter_id: str, at: datetime, **values: Any) -> Put:
    return Put(table="encounters", key=(encounter_id,), values={"changed_at": at, **values})


def _bill(event: ChargesReleased, at: datetime) -> Put:
    values = {
        "bill": event.bill,
        "charge_ids": [line.charge_id for line in event.lines],
        "diagnoses": list(event.diagnoses),
        "coverage_ids": list(event.coverage_ids),
        "released_cents": event.charged_cents,
        "release": event.release,
        "released_at": at,
    }
    return Put(table="bills", key=(event.encounter_id, event.account_id), values=values)


def _line(encounter_id: str, charge_id: str, **values: Any) -> Put:
    return Put(table="charge_lines", key=(encounter_id, charge_id), values=values)


projection = Projection(
    name="charges.encounters",
    version=4,
    tables=(encounters, bills, charge_lines),
    reads={
        "charges": (
            EncounterOpened,
            EncounterChanged,
            EncounterCancelled,
            ChargeCaptured,
            ChargePriced,
            ChargeCredited,
            DiagnosesCoded,
            BillsChosen,
            VisitsJoined,
            VisitBilledWith,
            ChargesHandedOver,
            ChargesHeld,
            ChargesReleased,
        )
    },
    apply=apply,
)


_released_cents = (
    sa.select(sa.func.sum(bills.c.released_cents).cast(sa.BigInteger))
    .where(bills.c.tenant == encounters.c.tenant, bills.c.encounter_id == encounters.c.encounter_id)
    .correlate(encounters)
    .scalar_subquery()
    .label("released_cents")
)


def _visits() -> sa.Select[Any]:
    return sa.select(encounters, _released_cents)


def by_state(state: str | None = None, held_reason: str | None = None, patient_id: str | None = None) -> sa.Select[Any]:
    """Encounters, of one state, held for one reason, or of one patient."""
    statement = _visits()
    if patient_id is not None:
        statement = statement.where(encounters.c.patient_id == patient_id)
    if state is not None:
        statement = statement.where(encounters.c.state == state)
    if held_reason is not None:
        statement = statement.where(encounters.c.held_reason == held_reason)
    return statement


def held_for_names() -> sa.Select[Any]:
    """Encounters that wait for something to be listed in the directory."""
    reasons = ("unknown-provider", "unknown-facility", "no-price")
    return sa.select(encounters.c.encounter_id).where(
        encounters.c.state == "held", encounters.c.held_reason.in_(reasons)
    )


def without_charge(opened_before: datetime) -> sa.Select[Any]:
    """Visits that were opened before a moment and have no charge: the list of missing charges."""
    return _visits().where(
        encounters.c.charge_count == 0, encounters.c.state == "open", encounters.c.opened_at < opened_before
    )


def with_late_charges() -> sa.Select[Any]:
    """Visits with charges that came after a release."""
    return _visits().where(encounters.c.late_count > 0)


def one(encounter_id: str) -> sa.Select[Any]:
    return _visits().where(encounters.c.encounter_id == encounter_id)


def bills_of(encounter_id: str) -> sa.Select[Any]:
    """The bills of a visit that have charges."""
    return (
        sa.select(bills)
        .where(bills.c.encounter_id == encounter_id, sa.func.jsonb_array_length(bills.c.charge_ids) > 0)
        .order_by(bills.c.bill)
    )


def lines_of(encounter_id: str) -> sa.Select[Any]:
    return (
        sa.select(charge_lines)
        .where(charge_lines.c.encounter_id == encounter_id)
        .order_by(charge_lines.c.service_on, charge_lines.c.charge_id)
    )
