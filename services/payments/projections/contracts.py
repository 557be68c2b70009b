"""Which contracts and fee schedules are there, in which versions, and for which days?

The version of a stream stands once, beside its versions of terms or prices: who changes something says which one was seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from shared.events.contracts import (
    ContractAgreed,
    ContractAmended,
    ContractEnded,
    FeeScheduleRatesListed,
    FeeScheduleVersionLoaded,
    FeeScheduleVersionWithdrawn,
)
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put

metadata = sa.MetaData()

contracts = sa.Table(
    "contracts",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("payer_id", sa.Text, primary_key=True),
    sa.Column("contract_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("effective_from", sa.Date),
    sa.Column("effective_to", sa.Date),
    sa.Column("billing_npi", sa.Text),
    sa.Column("filing_indicator", sa.Text),
    sa.Column("ended_reason", sa.Text, server_default=""),
)

contract_payers = sa.Table(
    "contract_payers",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("payer_id", sa.Text, primary_key=True),
    sa.Column("stream_version", sa.Integer),
)

fee_schedules = sa.Table(
    "fee_schedules",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("schedule_id", sa.Text, primary_key=True),
    sa.Column("stream_version", sa.Integer),
)

contract_versions = sa.Table(
    "contract_versions",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("payer_id", sa.Text, primary_key=True),
    sa.Column("contract_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("effective_from", sa.Date),
    sa.Column("terms", JSONB),
    sa.Column("lesser_of_charge", sa.Boolean),
    sa.Column("tolerance_cents", sa.BigInteger),
    sa.Column("tolerance_percent", sa.Text),
    sa.Column("reason", sa.Text, server_default=""),
    sa.Column("decided_by", sa.Text),
    sa.Column("recorded_at", sa.DateTime(timezone=True)),
)

fee_schedule_versions = sa.Table(
    "fee_schedule_versions",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("schedule_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("method", sa.Text),  # amounts, rvu
    sa.Column("effective_from", sa.Date),
    sa.Column("effective_to", sa.Date),
    sa.Column("conversion_factor", sa.Text),
    sa.Column("work_gpci", sa.Text),
    sa.Column("expense_gpci", sa.Text),
    sa.Column("malpractice_gpci", sa.Text),
    sa.Column("rates", sa.Integer),
    sa.Column("document_id", sa.Text),
    sa.Column("loaded_by", sa.Text),
    sa.Column("loaded_at", sa.DateTime(timezone=True)),
    sa.Column("withdrawn_reason", sa.Text, server_default=""),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    event = recorded.event
    seen = {"stream_version": recorded.stored.version}
    if isinstance(event, ContractAgreed | ContractAmended | ContractEnded):
        yield Put(table="contract_payers", key=(event.payer_id,), values=seen)
    else:
        yield Put(table="fee_schedules", key=(event.schedule_id,), values=seen)
    match recorded.event:
        case ContractAgreed() as event:
            scope = ("name", "effective_from", "effective_to", "billing_npi", "filing_indicator")
            values = {name: getattr(event, name) for name in scope}
            yield Put(table="contracts", key=(event.payer_id, event.contract_id), values=values)
            yield _version(event, recorded, reason="", decided_by=event.agreed_by)
        case ContractAmended() as event:
            yield _version(event, recorded, reason=event.reason, decided_by=event.amended_by)
        case ContractEnded() as event:
            ended = {"effective_to": event.last_on, "ended_reason": event.reason}
            yield Put(table="contracts", key=(event.payer_id, event.contract_id), values=ended)
        case FeeScheduleVersionLoaded() as event:
            yield _schedule(event.schedule_id, event.version, **_loaded(event), loaded_at=recorded.recorded_at)
        case FeeScheduleVersionWithdrawn() as event:
            yield _schedule(event.schedule_id, event.version, withdrawn_reason=event.reason)


def _version(event: ContractAgreed | ContractAmended, recorded: Recorded[Any], *, reason: str, decided_by: str) -> Put:
    return Put(
        table="contract_versions",
        key=(event.payer_id, event.contract_id, event.version),
        values={
            "effective_from": event.effective_from,
            "terms": msgspec.to_builtins(event.terms),
            "lesser_of_charge": event.lesser_of_charge,
            "tolerance_cents": event.tolerance_cents,
            "tolerance_percent": event.tolerance_percent,
            "reason": reason,
            "decided_by": decided_by,
            "recorded_at": recorded.recorded_at,
        },
    )


def _schedule(schedule_id: str, version: int, **values: Any) -> Put:
    return Put(table="fee_schedule_versions", key=(schedule_id, version), values=values)


def _loaded(event: FeeScheduleVersionLoaded) -> dict[str, Any]:
    return {
        "name": event.name,
        "method": event.method,
        "effective_from": event.effective_from,
        "effective_to": event.effective_to,
        "conversion_factor": event.conversion_factor,
        "work_gpci": event.work_gpci,
        "expense_gpci": event.expense_gpci,
        "malpractice_gpci": event.malpractice_gpci,
        "rates": event.rates,
        "document_id": event.source.document_id,
        "loaded_by": event.loaded_by,
    }


projection = Projection(
    name="payments.contracts",
    version=2,
    tables=(contracts, contract_payers, contract_versions, fee_schedules, fee_schedule_versions),
    reads={
        "payments": (
            ContractAgreed,
            ContractAmended,
            ContractEnded,
            FeeScheduleRatesListed,
            FeeScheduleVersionLoaded,
            FeeScheduleVersionWithdrawn,
        )
    },
    apply=apply,
)


# What is asked of the rows


def versions(*, payer_id: str | None = None, contract_id: str | None = None, on: date | None = None) -> sa.Select[Any]:
    """Every version of every contract with the contract's own columns, of one payer or all, in force on a day or ever."""
    whole, version, payer = contracts, contract_versions, contract_payers
    of_contract = sa.and_(
        whole.c.tenant == version.c.tenant,
        whole.c.payer_id == version.c.payer_id,
        whole.c.contract_id == version.c.contract_id,
    )
    of_payer = sa.and_(payer.c.tenant == version.c.tenant, payer.c.payer_id == version.c.payer_id)
    statement = (
        sa.select(
            version,
            whole.c.name,
            whole.c.billing_npi,
            whole.c.filing_indicator,
            whole.c.ended_reason,
            whole.c.effective_from.label("contract_from"),
            whole.c.effective_to.label("contract_to"),
            payer.c.stream_version,
        )
        .join_from(version, whole, of_contract)
        .join(payer, of_payer)
    )
    if payer_id is not None:
        statement = statement.where(version.c.payer_id == payer_id)
    if contract_id is not None:
        statement = statement.where(version.c.contract_id == contract_id)
    if on is not None:
        ends = sa.or_(whole.c.effective_to.is_(None), whole.c.effective_to >= on)
        statement = statement.where(whole.c.effective_from <= on, ends)
    return statement


def schedules(schedule_id: str | None = None) -> sa.Select[Any]:
    """Every version of one schedule or of all; the caller orders and pages."""
    version, whole = fee_schedule_versions, fee_schedules
    of_schedule = sa.and_(whole.c.tenant == version.c.tenant, whole.c.schedule_id == version.c.schedule_id)
    statement = sa.select(version, whole.c.stream_version).join_from(version, whole, of_schedule)
    return statement if schedule_id is None else statement.where(version.c.schedule_id == schedule_id)
