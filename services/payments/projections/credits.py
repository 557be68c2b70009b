"""Who is owed something, since when do we know, and by when must it be given back?

Computed from the postings when it is read, in the order in which we came to know them: a credit is as old as the moment since which
the party's balance on the account has been below zero without a break. Sources of the due day: `domain/overpayments.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa

from services.payments.domain.overpayments import FEDERAL, RETURN_WITHIN_DAYS
from services.payments.projections.claim_accounts import account_payers, claim_account_parties, claim_accounts
from services.payments.projections.postings import postings
from services.payments.projections.refunds import refunds

Whose: TypeAlias = Literal["payer", "patient", "agency", "unassigned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which credits; None: whichever."""

    whose: Whose | None = None
    is_federal: bool | None = None
    is_overdue: bool | None = None


def credits(wanted: Wanted, *, on: date) -> sa.Subquery:
    """`account_id`, `party`, `whose`, its payer, `patient_id`, `service_on`, `credit_cents`, `since_on`, `days`, and of federal payers
    `due_on` and `is_overdue`, as of a day."""
    known = _known()
    payer, whose = account_payers, claim_accounts
    is_of = sa.and_(
        payer.c.tenant == known.c.tenant,
        payer.c.account_id == known.c.account_id,
        known.c.party == sa.func.concat("payer:", payer.c.rank),
    )
    is_on = sa.and_(whose.c.tenant == known.c.tenant, whose.c.account_id == known.c.account_id)
    is_federal = sa.func.coalesce(payer.c.filing_indicator, "").in_(list(FEDERAL))
    today = sa.literal(on, sa.Date)
    due_on = sa.case((is_federal, known.c.since_on + RETURN_WITHIN_DAYS))
    each = (
        sa.select(
            known.c.account_id,
            known.c.party,
            sa.func.split_part(known.c.party, ":", 1).label("whose"),
            payer.c.payer_id,
            payer.c.payer_name,
            sa.func.coalesce(payer.c.filing_indicator, "").label("filing_indicator"),
            whose.c.patient_id,
            whose.c.service_on,
            known.c.credit_cents,
            known.c.since_on,
            (today - known.c.since_on).label("days"),
            is_federal.label("is_federal"),
            due_on.label("due_on"),
            sa.func.coalesce(due_on < today, sa.false()).label("is_overdue"),
        )
        .select_from(known.outerjoin(payer, is_of).outerjoin(whose, is_on))
        .subquery("each_credit")
    )
    statement = sa.select(each)
    for name in ("whose", "is_federal", "is_overdue"):
        if (value := getattr(wanted, name)) is not None:
            statement = statement.where(each.c[name] == value)
    return statement.subquery("credits")


def sums(wanted: Wanted, *, on: date) -> sa.Select[*tuple[Any, ...]]:
    """`whose`, `is_federal`, `is_overdue`, `credits`, `credit_cents`: the list, summed."""
    found = credits(wanted, on=on)
    by = (found.c.whose, found.c.is_federal, found.c.is_overdue)
    cents = sa.func.sum(found.c.credit_cents).cast(sa.BigInteger).label("credit_cents")
    return sa.select(*by, sa.func.count().label("credits"), cents).group_by(*by).order_by(*by)


def _known() -> sa.Subquery:
    """`credit_cents` and `since_on` of each party that is owed something. What was recorded in one moment is one change: an answer
    that is reversed and posted once more at once does not begin a new credit. Nor does a refund that never arrived: neither it nor its
    reversal counts."""
    party = claim_account_parties
    is_owed = sa.and_(  # by the index; the sum of the postings decides
        party.c.tenant == postings.c.tenant,
        party.c.account_id == postings.c.account_id,
        party.c.party == postings.c.party,
        party.c.owed_cents < 0,
    )
    undone = refunds.select().where(
        refunds.c.tenant == postings.c.tenant,
        refunds.c.reversed_event_id.is_not(None),
        postings.c.event_id.in_([refunds.c.issued_event_id, refunds.c.reversed_event_id]),
    )
    key = (postings.c.tenant, postings.c.account_id, postings.c.party)
    changes = (
        sa.select(*key, postings.c.recorded_at, sa.func.sum(postings.c.amount_cents).label("cents"))
        .select_from(postings.join(party, is_owed))
        .where(~undone.exists())
        .group_by(*key, postings.c.recorded_at)
        .subquery("changes")
    )
    whose = (changes.c.tenant, changes.c.account_id, changes.c.party)
    after = sa.func.sum(changes.c.cents).over(partition_by=whose, order_by=changes.c.recorded_at)
    running = sa.select(changes, after.label("after")).subquery("running")
    whose = (running.c.tenant, running.c.account_id, running.c.party)
    last_owing = sa.func.max(running.c.recorded_at).filter(running.c.after >= 0).over(partition_by=whose)
    told = sa.select(running, last_owing.label("last_owing_at")).subquery("told")
    began = sa.func.min(told.c.recorded_at).filter(
        sa.or_(told.c.last_owing_at.is_(None), told.c.recorded_at > told.c.last_owing_at)
    )
    cents = sa.func.sum(told.c.cents)
    return (
        sa.select(
            told.c.tenant,
            told.c.account_id,
            told.c.party,
            (-cents).cast(sa.BigInteger).label("credit_cents"),
            sa.cast(sa.func.timezone("UTC", began), sa.Date).label("since_on"),
        )
        .group_by(told.c.tenant, told.c.account_id, told.c.party)
        .having(cents < 0)
        .subquery("known")
    )
