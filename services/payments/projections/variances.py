"""Where did a payer allow another amount than its contract says, what became of it, and what could not be compared?

A row for each difference, and one for each line that was not priced with its reason. The version of a comparison stands once, beside
them, because several differences may belong to one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.payments.domain.contract_comparison.identity import comparison_of
from services.payments.projections.payers import listed_payers
from shared.events.contracts import (
    ClaimPaymentCompared,
    ComparisonWithdrawn,
    OverpaymentFound,
    UnderpaymentFound,
    VarianceDisputed,
    VarianceFound,
    VarianceReopened,
    VarianceResolved,
)
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put, Remove

Kind: TypeAlias = Literal["underpayment", "overpayment"]
State: TypeAlias = Literal["open", "disputed", "resolved", "withdrawn"]
metadata = sa.MetaData()

comparisons = sa.Table(
    "comparisons",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("comparison_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text),
    sa.Column("claim_id", sa.Text),
    sa.Column("remittance_id", sa.Text),
    sa.Column("ordinal", sa.Integer),
    sa.Column("payer_id", sa.Text),
    sa.Column("payment_on", sa.Date),
    sa.Column("stands", sa.Boolean),
    sa.Column("version", sa.Integer),  # of its stream
)

variances = sa.Table(
    "variances",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("variance_id", sa.Text, primary_key=True),
    sa.Column("comparison_id", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("stage", sa.Text),  # open, resolved, withdrawn; a dispute is told by its day
    sa.Column("payer_id", sa.Text),
    sa.Column("account_id", sa.Text),
    sa.Column("claim_id", sa.Text),
    sa.Column("remittance_id", sa.Text),
    sa.Column("ordinal", sa.Integer),
    sa.Column("line_id", sa.Text),
    sa.Column("procedure_code", sa.Text),
    sa.Column("paid_as", sa.Text, server_default=""),
    sa.Column("modifiers", sa.Text, server_default=""),
    sa.Column("service_on", sa.Date),
    sa.Column("payment_on", sa.Date),
    sa.Column("charged_cents", sa.BigInteger),
    sa.Column("expected_cents", sa.BigInteger),
    sa.Column("allowed_cents", sa.BigInteger),
    sa.Column("variance_cents", sa.BigInteger),  # expected less allowed
    sa.Column("tolerance_cents", sa.BigInteger),
    sa.Column("basis", JSONB),
    sa.Column("reference", sa.Text, server_default=""),
    sa.Column("disputed_on", sa.Date),
    sa.Column("has_note", sa.Boolean, server_default=sa.false()),
    sa.Column("outcome", sa.Text, server_default=""),  # recovered, accepted
    sa.Column("reason", sa.Text, server_default=""),  # of the last decision, or of the withdrawal
    sa.Column("recovered_cents", sa.BigInteger, server_default="0"),
    sa.Column("decided_by", sa.Text, server_default=""),
    sa.Column("found_at", sa.DateTime(timezone=True)),
    sa.Index("variances_by_payer", "tenant", "payer_id", "stage", "variance_cents"),
    sa.Index("variances_by_account", "tenant", "account_id"),
)

unpriced_lines = sa.Table(
    "unpriced_lines",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("comparison_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("line_id", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("value", sa.Text),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    match recorded.event:
        case ClaimPaymentCompared() as event:
            yield from _compared(event, recorded)
        case UnderpaymentFound() | OverpaymentFound() as event:
            yield _comparison(event.comparison_id, recorded)
            yield _variance(event.variance_id, **_found(event), found_at=recorded.recorded_at)
        case ComparisonWithdrawn() as event:
            yield _comparison(event.comparison_id, recorded, stands=False)
            for variance_id in event.variance_ids:
                yield _variance(variance_id, stage="withdrawn", reason=event.reason)
        case VarianceDisputed() as event:
            yield _comparison(comparison_of(event.variance_id), recorded)
            yield _variance(
                event.variance_id,
                reference=event.reference,
                disputed_on=event.disputed_on,
                has_note=event.note is not None,
                decided_by=event.disputed_by,
            )
        case VarianceResolved() as event:
            yield _comparison(comparison_of(event.variance_id), recorded)
            yield _variance(
                event.variance_id,
                stage="resolved",
                outcome=event.outcome,
                reason=event.reason,
                recovered_cents=event.recovered_cents,
                decided_by=event.resolved_by,
            )
        case VarianceReopened() as event:
            yield _comparison(comparison_of(event.variance_id), recorded)
            yield _variance(
                event.variance_id,
                stage="open",
                outcome="",
                reason=event.reason,
                recovered_cents=0,
                decided_by=event.reopened_by,
            )


def _comparison(comparison_id: str, recorded: Recorded[Any], **values: Any) -> Put:
    return Put(table="comparisons", key=(comparison_id,), values={**values, "version": recorded.stored.version})


def _compared(event: ClaimPaymentCompared, recorded: Recorded[Any]) -> Iterator[Change]:
    yield _comparison(
        event.comparison_id,
        recorded,
        account_id=event.account_id,
        claim_id=event.claim_id,
        remittance_id=event.remittance_id,
        ordinal=event.ordinal,
        payer_id=event.payer_id,
        payment_on=event.payment_on,
        stands=True,
    )
    for line in event.lines:
        key = (event.comparison_id, line.number)
        if line.outcome == "not-priced":
            values = {"line_id": line.line_id, "reason": line.reason, "value": line.value}
            yield Put(table="unpriced_lines", key=key, values=values)
        else:
            yield Remove(table="unpriced_lines", key=key)


def _variance(variance_id: str, **values: Any) -> Put:
    return Put(table="variances", key=(variance_id,), values=values)


_COPIED = (
    "comparison_id",
    "payer_id",
    "account_id",
    "claim_id",
    "remittance_id",
    "ordinal",
    "line_id",
    "procedure_code",
    "paid_as",
    "service_on",
    "payment_on",
    "charged_cents",
    "expected_cents",
    "allowed_cents",
    "variance_cents",
    "tolerance_cents",
)


def _found(event: VarianceFound) -> dict[str, Any]:
    """Found again after it was closed, it begins anew."""
    return {
        **{name: getattr(event, name) for name in _COPIED},
        "kind": "underpayment" if isinstance(event, UnderpaymentFound) else "overpayment",
        "stage": "open",
        "modifiers": " ".join(event.modifiers),
        "basis": msgspec.to_builtins(event.basis),
        "reference": "",
        "disputed_on": None,
        "has_note": False,
        "outcome": "",
        "reason": "",
        "recovered_cents": 0,
        "decided_by": "",
    }


projection = Projection(
    name="payments.variances",
    version=1,
    tables=(comparisons, variances, unpriced_lines),
    reads={
        "payments": (
            ClaimPaymentCompared,
            UnderpaymentFound,
            OverpaymentFound,
            ComparisonWithdrawn,
            VarianceDisputed,
            VarianceResolved,
            VarianceReopened,
        )
    },
    apply=apply,
)


# What is asked of the rows

_STATE = sa.case(
    (sa.and_(variances.c.stage == "open", variances.c.disputed_on.is_not(None)), "disputed"), else_=variances.c.stage
).label("state")


def listed(
    *,
    kind: Kind | None = None,
    state: State | None = None,
    payer_id: str | None = None,
    account_id: str | None = None,
    reference: str | None = None,
    cents_min: int | None = None,
) -> sa.Subquery:
    """Every difference with its state, its payer's name, the version of its comparison and its size without a sign."""
    whole = sa.and_(
        comparisons.c.tenant == variances.c.tenant, comparisons.c.comparison_id == variances.c.comparison_id
    )
    whose = sa.and_(listed_payers.c.tenant == variances.c.tenant, listed_payers.c.payer_id == variances.c.payer_id)
    columns = [column for column in variances.c if column.name not in ("tenant", "stage")]
    rows = sa.select(
        *columns,
        _STATE,
        sa.func.coalesce(listed_payers.c.name, variances.c.payer_id).label("payer_name"),
        sa.func.abs(variances.c.variance_cents).label("size_cents"),
        comparisons.c.version,
    ).select_from(variances.join(comparisons, whole).outerjoin(listed_payers, whose))
    wanted = {"kind": kind, "payer_id": payer_id, "account_id": account_id, "reference": reference}
    for column, value in wanted.items():
        if value is not None:
            rows = rows.where(variances.c[column] == value)
    if cents_min is not None:
        rows = rows.where(sa.func.abs(variances.c.variance_cents) >= cents_min)
    found = rows.subquery("found")
    return found if state is None else sa.select(found).where(found.c.state == state).subquery("in_state")


def one(variance_id: str) -> sa.Select[Any]:
    found = listed()
    return sa.select(found).where(found.c.variance_id == variance_id)


def by_payer(found: sa.Subquery) -> sa.Select[*tuple[Any, ...]]:
    """`payer_id`, `payer_name`, items and sums of the differences of a list, by payer; `oldest_on` is of what is not over."""
    is_over = found.c.state.in_(("resolved", "withdrawn"))

    def items(of: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.count().filter(of)

    def cents(column: sa.ColumnElement[int], of: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(column).filter(of), 0).cast(sa.BigInteger)

    is_open, is_disputed = found.c.state == "open", found.c.state == "disputed"
    return sa.select(
        found.c.payer_id,
        found.c.payer_name,
        sa.func.count().label("items"),
        cents(found.c.variance_cents, sa.true()).label("variance_cents"),
        items(is_open).label("open_items"),
        cents(found.c.variance_cents, is_open).label("open_cents"),
        items(is_disputed).label("disputed_items"),
        cents(found.c.variance_cents, is_disputed).label("disputed_cents"),
        items(is_over).label("over_items"),
        cents(found.c.recovered_cents, sa.true()).label("recovered_cents"),
        sa.func.min(found.c.payment_on).filter(sa.not_(is_over)).label("oldest_on"),
    ).group_by(found.c.payer_id, found.c.payer_name)


def by_reference(found: sa.Subquery) -> sa.Select[*tuple[Any, ...]]:
    """`payer_id`, `payer_name`, `reference`, items and sums of what was disputed, and what became of it."""

    def items(of: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.count().filter(of)

    def cents(column: sa.ColumnElement[int], of: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(column).filter(of), 0).cast(sa.BigInteger)

    waits, is_resolved = found.c.state == "disputed", found.c.state == "resolved"
    return (
        sa.select(
            found.c.payer_id,
            found.c.payer_name,
            found.c.reference,
            sa.func.min(found.c.disputed_on).label("disputed_on"),
            sa.func.count().label("items"),
            cents(found.c.variance_cents, sa.true()).label("variance_cents"),
            items(waits).label("waiting_items"),
            cents(found.c.variance_cents, waits).label("waiting_cents"),
            items(sa.and_(is_resolved, found.c.outcome == "recovered")).label("paid_items"),
            items(sa.and_(is_resolved, found.c.outcome == "accepted")).label("rejected_items"),
            items(found.c.state == "withdrawn").label("withdrawn_items"),
            cents(found.c.recovered_cents, sa.true()).label("recovered_cents"),
        )
        .where(found.c.reference != "", found.c.disputed_on.is_not(None))
        .group_by(found.c.payer_id, found.c.payer_name, found.c.reference)
    )


def unpriced(*, payer_id: str | None = None, reason: str | None = None) -> sa.Select[Any]:
    """Lines of answers that stand and that were not priced, with the reason."""
    line, whole = unpriced_lines, comparisons
    joined = sa.and_(whole.c.tenant == line.c.tenant, whole.c.comparison_id == line.c.comparison_id)
    statement = (
        sa.select(
            line, whole.c.account_id, whole.c.claim_id, whole.c.remittance_id, whole.c.payer_id, whole.c.payment_on
        )
        .join_from(line, whole, joined)
        .where(whole.c.stands)
    )
    if payer_id is not None:
        statement = statement.where(whole.c.payer_id == payer_id)
    return statement if reason is None else statement.where(line.c.reason == reason)
