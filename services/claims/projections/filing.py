"""Until when must each claim be with its payer, and whose desk is it on? The worklist beside the payers' limits and the partners, as they
stand now: a claim that waits for paper waits for a person.

A rule that changes holds for every claim at once, since nothing of it is stored with a claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from services.claims.domain.claim.state import Stage
from services.claims.domain.filing import ClaimKind, on_workday
from services.claims.projections.claims_worklist import claims_worklist
from services.claims.projections.directories import filing_limits, trading_partners


@dataclass(frozen=True, slots=True, kw_only=True)
class Filing:
    """The limit of a claim, the day from which it counts, and the last day."""

    kind: ClaimKind
    days: int
    months: int
    counts_from: str
    moves_to_workday: bool
    counts_on: date
    last_on: date


def ends_on(
    counts_on: sa.ColumnElement[date], months: sa.ColumnElement[int], days: sa.ColumnElement[int]
) -> sa.Cast[date]:
    """So many months and days later. A month ends on the same day, or on its last: a year behind 29 February is 28 February."""
    return sa.cast(counts_on + sa.func.make_interval(0, months, 0, days), sa.Date)


def counts_on_of(limits: sa.FromClause) -> sa.Case[Any]:
    """The day of a claim from which its limit counts."""
    claims = claims_worklist
    return sa.case(
        (limits.c.counts_from == "service-end", sa.func.coalesce(claims.c.service_to_on, claims.c.service_on)),
        (limits.c.counts_from == "primary-answer", sa.func.coalesce(claims.c.prior_answer_on, claims.c.service_on)),
        else_=claims.c.service_on,
    )


def is_of_payer(limits: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a limit is the one of a claim's payer for its kind."""
    claims = claims_worklist
    kind = sa.case((claims.c.frequency != "1", "corrected"), (claims.c.rank <= 1, "original"), else_="secondary")
    return sa.and_(claims.c.tenant == limits.c.tenant, claims.c.payer_id == limits.c.payer_id, limits.c.kind == kind)


def _claims() -> sa.Subquery:
    """Every claim, with the limit of its payer for its kind and the last day that follows. Workdays are left to `filing_of`, since
    they do not change the order."""
    claims, limits = claims_worklist, filing_limits
    counts_on = counts_on_of(limits)
    of_payer = is_of_payer(limits)
    partners = trading_partners
    by_mail = sa.and_(
        claims.c.tenant == partners.c.tenant,
        claims.c.partner_id == partners.c.partner_id,
        partners.c.transport == "paper",
        claims.c.status.in_(("released", "batched")),
    )
    to_print = sa.case(
        (claims.c.status == "released", "print it with the next batch"), else_="mail its batch, and say when"
    )
    return (
        sa.select(
            *(column for column in claims.c if column.name not in ("next_action", "owner")),
            sa.case((partners.c.partner_id.is_(None), claims.c.next_action), else_=to_print).label("next_action"),
            sa.case((partners.c.partner_id.is_(None), claims.c.owner), else_="billing").label("owner"),
            claims.c.owner.label("owner_of_row"),
            counts_on.label("filing_counts_on"),
            ends_on(counts_on, limits.c.months, limits.c.days).label("filing_ends_on"),
            limits.c.kind.label("limit_kind"),
            limits.c.days.label("limit_days"),
            limits.c.months.label("limit_months"),
            limits.c.counts_from.label("limit_counts_from"),
            limits.c.moves_to_workday.label("limit_moves_to_workday"),
        )
        .join_from(claims, limits, of_payer, isouter=True)
        .join(partners, by_mail, isouter=True)
        .subquery("claims")
    )


CLAIMS = _claims()
UNSENT = tuple(str(stage) for stage in (Stage.HELD, Stage.RELEASED, Stage.REJECTED, Stage.BATCHED))


def counted(wanted: Sequence[sa.ColumnElement[bool]]) -> sa.Select[*tuple[Any, ...]]:
    """`status`, `payer_id`, `payer_name`, `is_open`, `claims`, `charged_cents`: the rows of `CLAIMS` that are wanted, counted."""
    whose = (CLAIMS.c.status, CLAIMS.c.payer_id, CLAIMS.c.payer_name, CLAIMS.c.is_open)
    charged = sa.cast(sa.func.sum(CLAIMS.c.charged_cents), sa.BigInteger).label("charged_cents")
    found = sa.select(*whose, sa.func.count().label("claims"), charged).where(*wanted)
    return found.group_by(*whose).order_by(*whose)


def filing_of(claim: sa.RowMapping) -> Filing | None:
    """What a row of `CLAIMS` says; None when its payer is unknown."""
    if claim["limit_kind"] is None:
        return None
    last_on: date = claim["filing_ends_on"]
    return Filing(
        kind=claim["limit_kind"],
        days=claim["limit_days"],
        months=claim["limit_months"],
        counts_from=claim["limit_counts_from"],
        moves_to_workday=claim["limit_moves_to_workday"],
        counts_on=claim["filing_counts_on"],
        last_on=on_workday(last_on) if claim["limit_moves_to_workday"] else last_on,
    )
