"""Which balances were brought along from other systems, with which control totals, and which were taken back?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from services.payments.domain.claim_account.openings import REASON, TAKEN_BACK
from services.payments.projections.postings import postings
from shared.events.envelope import Recorded
from shared.events.payments import (
    OpeningBalancesEvent,
    OpeningBalancesImported,
    OpeningBalancesTakenBack,
    OpeningBalanceStated,
    OpeningBalanceWithdrawn,
)
from shared.runtime.projection import Change, Projection, Put

metadata = sa.MetaData()

opening_imports = sa.Table(
    "opening_imports",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("import_id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text),  # taken-in, taken-back
    sa.Column("as_of_on", sa.Date),
    sa.Column("lines", sa.Integer),
    sa.Column("accounts", sa.Integer),
    sa.Column("control_cents", sa.BigInteger),
    sa.Column("document_id", sa.Text),
    sa.Column("imported_by", sa.Text),
    sa.Column("imported_at", sa.DateTime(timezone=True)),
    sa.Column("reason", sa.Text, server_default=""),  # why it was taken back
    sa.Column("taken_back_by", sa.Text, server_default=""),
)

opening_accounts = sa.Table(
    "opening_accounts",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("import_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("amount_cents", sa.BigInteger),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    event: OpeningBalancesEvent = recorded.event
    match event:
        case OpeningBalancesImported():
            yield Put(
                table="opening_imports",
                key=(event.import_id,),
                values={
                    "status": "taken-in",
                    "as_of_on": event.as_of_on,
                    "lines": event.lines,
                    "accounts": event.accounts,
                    "control_cents": event.control_cents,
                    "document_id": event.document.document_id,
                    "imported_by": event.imported_by,
                    "imported_at": recorded.recorded_at,
                },
            )
        case OpeningBalanceStated():
            key = (event.import_id, event.account_id)
            yield Put(table="opening_accounts", key=key, values={"amount_cents": event.amount_cents})
        case OpeningBalancesTakenBack():
            values = {"status": "taken-back", "reason": event.reason, "taken_back_by": event.taken_back_by}
            yield Put(table="opening_imports", key=(event.import_id,), values=values)
        case OpeningBalanceWithdrawn():
            return


projection = Projection(
    name="payments.opening-balances",
    version=1,
    tables=(opening_imports, opening_accounts),
    reads={
        "payments": (OpeningBalancesImported, OpeningBalanceStated, OpeningBalancesTakenBack, OpeningBalanceWithdrawn)
    },
    apply=apply,
)


# What is asked of the rows

_OWN = ("OpeningBalancePosted", "OpeningBalanceReversed")


def every() -> sa.Select[Any]:
    """All imports; the caller orders and pages."""
    return sa.select(opening_imports)


def touched(import_id: str) -> sa.Select[*tuple[Any, ...]]:
    """`account_id` of an import's accounts on which anything else was posted, or set aside for."""
    is_own = sa.or_(
        postings.c.event.in_(_OWN),
        sa.and_(postings.c.event == "ResponsibilityTransferred", postings.c.reason.in_((REASON, TAKEN_BACK))),
    )
    same = sa.and_(
        postings.c.tenant == opening_accounts.c.tenant, postings.c.account_id == opening_accounts.c.account_id
    )
    return (
        sa.select(opening_accounts.c.account_id)
        .join(postings, same)
        .where(opening_accounts.c.import_id == import_id, sa.not_(is_own))
        .group_by(opening_accounts.c.account_id)
        .order_by(opening_accounts.c.account_id)
    )
