"""What falls due when, for whom, and with how much money? One list over everything of claims and denials that has a day.

Nothing is stored for it: the days are those of the claims, the payers' limits, open requests, denials and the timers that wait, as they
stand when it is read. Beside it stand the last days of filing that a payer's changed listing moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import Grouping

from services.claims.domain.claim.state import Stage
from services.claims.domain.filing import on_workday
from services.claims.projections import waiting
from services.claims.projections.claims_worklist import claims_worklist
from services.claims.projections.denial_queue import denial_queue
from services.claims.projections.directories import filing_rules
from services.claims.projections.filing import CLAIMS, counts_on_of, ends_on, is_of_payer
from services.claims.projections.follow_up import attachments, information_requests

Kind: TypeAlias = Literal[
    "timely-filing",
    "appeal",
    "appeal-decision",
    "denial-follow-up",
    "denial-put-off",
    "escalation",
    "information-request",
    "attachment",
    "no-response",
]
By: TypeAlias = Literal["day", "week"]

NOT_YET_TAKEN = tuple(
    str(stage) for stage in (Stage.HELD, Stage.RELEASED, Stage.BATCHED, Stage.SUBMITTED, Stage.REJECTED)
)
_NEAR = timedelta(days=5 * 366)  # as far as last days are moved to workdays
_DENIALS = "denials"


def listed(today: date) -> sa.Subquery:
    """`deadline_id`, `kind`, `due_on`, `what`, `claim_id`, `denial_id`, `payer_id`, `owner`, `at_risk_cents`, `is_past`."""
    found = sa.union_all(_filing(today), *_of_denials(), _requests(), _attachments(), _silence()).subquery("every")
    is_past = found.c.due_on < sa.literal(today, sa.Date)
    return sa.select(found, is_past.label("is_past")).subquery("deadlines")


def _row(
    kind: Kind,
    key: sa.ColumnElement[str],
    *,
    due_on: sa.ColumnElement[Any],
    what: sa.ColumnElement[str],
    claim_id: sa.ColumnElement[str],
    payer_id: sa.ColumnElement[str],
    owner: sa.ColumnElement[str],
    at_risk_cents: sa.ColumnElement[int],
    denial_id: sa.ColumnElement[str] | None = None,
) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(
        (sa.literal(f"{kind}/", sa.Text) + key).label("deadline_id"),
        sa.literal(kind, sa.Text).label("kind"),
        sa.cast(due_on, sa.Date).label("due_on"),
        what.label("what"),
        claim_id.label("claim_id"),
        (sa.literal("", sa.Text) if denial_id is None else denial_id).label("denial_id"),
        payer_id.label("payer_id"),
        owner.label("owner"),
        at_risk_cents.label("at_risk_cents"),
    )


def _text(words: str) -> sa.ColumnElement[str]:
    return sa.literal(words, sa.Text)


def _filing(today: date) -> sa.Select[*tuple[Any, ...]]:
    """Of every claim that nobody took yet."""
    last_on = on_workdays(CLAIMS.c.filing_ends_on, CLAIMS.c.limit_moves_to_workday, today)
    return _row(
        "timely-filing",
        CLAIMS.c.claim_id,
        due_on=last_on,
        what=_text("file the claim: ") + CLAIMS.c.status,
        claim_id=CLAIMS.c.claim_id,
        payer_id=CLAIMS.c.payer_id,
        owner=CLAIMS.c.owner,
        at_risk_cents=CLAIMS.c.charged_cents,
    ).where(CLAIMS.c.is_open, CLAIMS.c.limit_kind.is_not(None), CLAIMS.c.status.in_(NOT_YET_TAKEN))


def on_workdays(day: sa.ColumnElement[date], moves: sa.ColumnElement[bool], today: date) -> sa.ColumnElement[date]:
    """The day, or the workday that it moves to where the payer says so, for days within some years of today. A list by days, because
    of a hundred thousand claims each looks its own day up."""
    first = today - _NEAR
    place = sa.type_coerce(day - sa.literal(first, sa.Date), sa.Integer) + 1
    to = Grouping(sa.literal(_workdays(first), ARRAY(sa.Date)))[place]
    return sa.case((moves, sa.func.coalesce(to, day)), else_=day)


@lru_cache(maxsize=2)
def _workdays(first: date) -> list[date]:
    return [on_workday(first + timedelta(days=each)) for each in range(2 * _NEAR.days)]


def _of_denials() -> list[sa.Select[*tuple[Any, ...]]]:
    queue = denial_queue
    is_decided_on = queue.c.status == "appealed"

    def of(
        kind: Kind, due_on: sa.ColumnElement[Any], what: sa.ColumnElement[str], *where: Any
    ) -> sa.Select[*tuple[Any, ...]]:
        return _row(
            kind,
            queue.c.denial_id,
            due_on=due_on,
            what=what,
            claim_id=queue.c.claim_id,
            denial_id=queue.c.denial_id,
            payer_id=queue.c.payer_id,
            owner=sa.case((queue.c.assignee != "", queue.c.assignee), else_=_text(_DENIALS)),
            at_risk_cents=queue.c.denied_cents,
        ).where(queue.c.is_open, due_on.is_not(None), *where)

    level = sa.cast(queue.c.appeal_level, sa.Text)
    next_level = sa.cast(queue.c.appeal_level + 1, sa.Text)
    return [
        of("appeal", queue.c.appeal_by_on, _text("file the appeal of level ") + next_level),
        of("appeal-decision", queue.c.next_action_on, _text("decision on level ") + level, is_decided_on),
        of("denial-follow-up", queue.c.next_action_on, queue.c.next_action, ~is_decided_on),
        of("denial-put-off", queue.c.snoozed_until_on, _text("is in the queue again")),
        of("escalation", queue.c.escalates_on, _text("goes up unless somebody works on it")),
    ]


def _requests() -> sa.Select[*tuple[Any, ...]]:
    table, claims = information_requests, claims_worklist
    return (
        _row(
            "information-request",
            table.c.request_id,
            due_on=table.c.due_on,
            what=_text("send the payer what it wants"),
            claim_id=table.c.claim_id,
            payer_id=claims.c.payer_id,
            owner=claims.c.owner,
            at_risk_cents=claims.c.charged_cents,
        )
        .join_from(table, claims, _same_claim(table, claims))
        .where(table.c.is_open, claims.c.is_open)
    )


def _attachments() -> sa.Select[*tuple[Any, ...]]:
    """Documents that wait to be sent, due with the first open request of their claim."""
    table, claims, requests = attachments, claims_worklist, information_requests
    due_on = (
        sa.select(sa.func.min(requests.c.due_on))
        .where(requests.c.tenant == table.c.tenant, requests.c.claim_id == table.c.claim_id, requests.c.is_open)
        .scalar_subquery()
    )
    return (
        _row(
            "attachment",
            table.c.attachment_id,
            due_on=due_on,
            what=_text("send the document: report type ") + table.c.report_type,
            claim_id=table.c.claim_id,
            payer_id=claims.c.payer_id,
            owner=claims.c.owner,
            at_risk_cents=claims.c.charged_cents,
        )
        .join_from(table, claims, _same_claim(table, claims))
        .where(~table.c.is_removed, table.c.sent_on.is_(None), claims.c.is_open, due_on.is_not(None))
    )


def _silence() -> sa.Select[*tuple[Any, ...]]:
    """Days on which the silence of a payer is noticed."""
    timers, claims = waiting.timers, claims_worklist
    kind = sa.func.split_part(timers.c.key, "/", 1)
    claim_id = sa.func.split_part(timers.c.key, "/", 2)
    return (
        _row(
            "no-response",
            timers.c.key,
            due_on=sa.func.timezone("UTC", timers.c.due_at),
            what=_text("no answer: ") + kind,
            claim_id=claims.c.claim_id,
            payer_id=claims.c.payer_id,
            owner=claims.c.owner,
            at_risk_cents=claims.c.charged_cents,
        )
        .join_from(timers, claims, sa.and_(claims.c.tenant == timers.c.tenant, claims.c.claim_id == claim_id))
        .where(
            timers.c.name == waiting.TIMERS,
            timers.c.fired_at.is_(None),
            kind.in_(waiting.KINDS),
            claims.c.is_open,
        )
    )


def _same_claim(table: sa.Table, claims: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(claims.c.tenant == table.c.tenant, claims.c.claim_id == table.c.claim_id)


def wanted(
    found: sa.Subquery, filters: Mapping[str, Any], from_on: date | None, to_on: date | None
) -> sa.Select[*tuple[Any, ...]]:
    """The deadlines of these filters; what is None is not asked."""
    asked = [found.c[name] == value for name, value in filters.items() if value is not None]
    if from_on is not None:
        asked.append(found.c.due_on >= from_on)
    if to_on is not None:
        asked.append(found.c.due_on <= to_on)
    return sa.select(found).where(*asked)


def summed(found: sa.Subquery, by: By) -> sa.Select[*tuple[Any, ...]]:
    """A row a day, or a week by its Monday, and a kind: how many and how much. Together they are the list."""
    begins_on = found.c.due_on if by == "day" else sa.cast(sa.func.date_trunc("week", found.c.due_on), sa.Date)
    whose = (begins_on.label("begins_on"), found.c.kind)
    cents = sa.cast(sa.func.sum(found.c.at_risk_cents), sa.BigInteger).label("at_risk_cents")
    return (
        sa.select(*whose, sa.func.count().label("deadlines"), cents)
        .group_by(sa.text("1"), sa.text("2"))
        .order_by(sa.text("1"), sa.text("2"))
    )


# --- what a payer's listing moved ---------------------------------------------------------------------------------------


def filing_moved(today: date) -> sa.Subquery:
    """Last days of open claims that are others since a payer's listing changed, where one of both days was still to come then."""
    new, old = filing_rules, filing_rules.alias("previous")
    same_rule = sa.and_(
        old.c.tenant == new.c.tenant,
        old.c.payer_id == new.c.payer_id,
        old.c.kind == new.c.kind,
        old.c.listing_version == new.c.listing_version - 1,
    )
    claims = claims_worklist
    last_on, previous_on = (_last_on(rule, today) for rule in (new, old))
    listed_on = sa.cast(sa.func.timezone("UTC", new.c.listed_at), sa.Date)
    return (
        sa.select(
            claims.c.claim_id,
            claims.c.payer_id,
            new.c.kind,
            new.c.listing_version.label("rule_version"),
            previous_on.label("previous_on"),
            last_on.label("last_on"),
            new.c.listed_at.label("moved_at"),
            claims.c.owner,
            claims.c.charged_cents.label("at_risk_cents"),
        )
        .join_from(new, old, same_rule)
        .join(claims, is_of_payer(new))
        .where(
            claims.c.is_open,
            claims.c.status.in_(NOT_YET_TAKEN),
            claims.c.created_on <= listed_on,
            last_on != previous_on,
            sa.or_(last_on >= listed_on, previous_on >= listed_on),
        )
        .subquery("moved")
    )


def _last_on(rule: sa.FromClause, today: date) -> sa.ColumnElement[date]:
    ends = ends_on(counts_on_of(rule), rule.c.months, rule.c.days)
    return on_workdays(ends, rule.c.moves_to_workday, today)
