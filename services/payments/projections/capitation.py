"""What should members bring in a month, what came for them, and what was done for them?

Members are counted by category; their rates stand with the contract. A service that a contract pays by the member stands here whoever the
patient was: whether a member, is asked of the lists as they are now, because members are added and taken off afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa

from services.payments.domain.capitation_roster.identity import month_of
from services.payments.domain.remittance.provider_adjustments import CAPITATION_PAYMENT
from services.payments.projections.remittances import provider_adjustments, remittances
from services.payments.projections.variances import comparisons
from shared.events.capitation import (
    CapitationAssigned,
    CapitationAssignmentUndone,
    CapitationRosterTaken,
    RosterMember,
    RosterMembersListed,
)
from shared.events.contracts import ClaimPaymentCompared
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put, Remove

Flag: TypeAlias = Literal["", "paid", "denied", "other", "not-a-member"]
metadata = sa.MetaData()


def _of_month() -> list[sa.Column[Any]]:
    return [sa.Column("payer_id", sa.Text), sa.Column("contract_id", sa.Text), sa.Column("month_on", sa.Date)]


capitation_lists = sa.Table(
    "capitation_lists",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("roster_id", sa.Text, primary_key=True),
    sa.Column("list_number", sa.Integer, primary_key=True),
    *_of_month(),
    sa.Column("kind", sa.Text),  # whole, changes
    sa.Column("members", sa.Integer),
    sa.Column("added", sa.Integer),
    sa.Column("removed", sa.Integer),
    sa.Column("document_id", sa.Text),
    sa.Column("taken_by", sa.Text),
    sa.Column("taken_at", sa.DateTime(timezone=True)),
)

capitation_members = sa.Table(
    "capitation_members",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("roster_id", sa.Text, primary_key=True),
    sa.Column("member_index", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, primary_key=True),
    *_of_month(),
    sa.Column("category", sa.Text),
    sa.Index("capitation_members_by_month", "tenant", "payer_id", "contract_id", "month_on", "member_index"),
)

capitation_parts = sa.Table(
    "capitation_parts",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("remittance_id", sa.Text, primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True),
    *_of_month(),
    sa.Column("amount_cents", sa.BigInteger),
    sa.Column("assigned_by", sa.Text),
    sa.Index("capitation_parts_by_month", "tenant", "payer_id", "contract_id", "month_on"),
)

capitated_services = sa.Table(
    "capitated_services",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("comparison_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    *_of_month(),
    sa.Column("line_id", sa.Text),
    sa.Column("member_index", sa.Text),
    sa.Column("service_on", sa.Date),
    sa.Column("procedure_code", sa.Text),
    sa.Column("charged_cents", sa.BigInteger),
    sa.Column("paid_cents", sa.BigInteger),
    sa.Column("equivalent_cents", sa.BigInteger),  # none: not priced
    sa.Column("answer", sa.Text),  # capitated, paid, denied, other
    sa.Index("capitated_services_by_month", "tenant", "payer_id", "contract_id", "month_on"),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    match recorded.event:
        case CapitationRosterTaken() as event:
            yield _list(event, recorded)
        case RosterMembersListed() as event:
            for each in event.removed:
                yield Remove(table="capitation_members", key=_member(event, each))
            for each in event.added:
                values = {**_month(event), "category": each.category}
                yield Put(table="capitation_members", key=_member(event, each), values=values)
        case CapitationAssigned() as event:
            values = {**_month(event), "amount_cents": event.amount_cents, "assigned_by": event.assigned_by}
            yield Put(table="capitation_parts", key=_part(event), values=values)
        case CapitationAssignmentUndone() as event:
            yield Remove(table="capitation_parts", key=_part(event))
        case ClaimPaymentCompared() as event:
            yield from _services(event)


def _list(event: CapitationRosterTaken, recorded: Recorded[Any]) -> Put:
    named = ("kind", "members", "added", "removed", "taken_by")
    values = {
        **{name: getattr(event, name) for name in named},
        **_month(event),
        "document_id": event.source.document_id,
        "taken_at": recorded.recorded_at,
    }
    return Put(table="capitation_lists", key=(event.roster_id, event.list_number), values=values)


def _month(event: CapitationRosterTaken | RosterMembersListed | CapitationAssigned) -> dict[str, Any]:
    return {"payer_id": event.payer_id, "contract_id": event.contract_id, "month_on": event.month_on}


def _member(event: RosterMembersListed, member: RosterMember) -> tuple[str, str, str]:
    return event.roster_id, member.member_index, member.person


def _part(event: CapitationAssigned | CapitationAssignmentUndone) -> tuple[str, int, int]:
    return event.remittance_id, event.ordinal, event.part


def _services(event: ClaimPaymentCompared) -> Iterator[Change]:
    """A comparison that is made again has its lines anew."""
    for line in event.lines:
        key = (event.comparison_id, line.number)
        if (service := line.capitation) is None:
            yield Remove(table="capitated_services", key=key)
            continue
        copied = ("contract_id", "member_index", "service_on", "procedure_code", "charged_cents", "paid_cents")
        values = {
            **{name: getattr(service, name) for name in (*copied, "equivalent_cents", "answer")},
            "payer_id": event.payer_id,
            "month_on": month_of(service.service_on),
            "line_id": line.line_id,
        }
        yield Put(table="capitated_services", key=key, values=values)


projection = Projection(
    name="payments.capitation",
    version=1,
    tables=(capitation_lists, capitation_members, capitation_parts, capitated_services),
    reads={
        "payments": (
            CapitationRosterTaken,
            RosterMembersListed,
            CapitationAssigned,
            CapitationAssignmentUndone,
            ClaimPaymentCompared,
        )
    },
    apply=apply,
)


# What is asked of the rows

_MONTH = ("tenant", "payer_id", "contract_id", "month_on")


def _is_of(table: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[name] == other.c[name] for name in _MONTH))


def _cents(column: sa.ColumnElement[int], of: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(column).filter(of), 0).cast(sa.BigInteger)


def services(
    *,
    payer_id: str | None = None,
    contract_id: str | None = None,
    month_on: date | None = None,
    is_flagged: bool = False,
) -> sa.Subquery:
    """Services of members, by the lists as they are now, and what a payer called capitated of somebody who is none. `flag` is empty
    of a service that was answered as it should be. Only of answers that stand."""
    told, whole = capitated_services, comparisons
    is_member = sa.exists().where(
        _is_of(capitation_members, told), capitation_members.c.member_index == told.c.member_index
    )
    flag = sa.case(
        (sa.and_(is_member, told.c.answer == "capitated"), ""),
        (is_member, told.c.answer),
        (told.c.answer == "capitated", "not-a-member"),
    )
    columns = [column for column in told.c if column.name not in ("member_index", "answer")]
    named = {"payer_id": payer_id, "contract_id": contract_id, "month_on": month_on}
    joined = sa.and_(whole.c.tenant == told.c.tenant, whole.c.comparison_id == told.c.comparison_id)
    rows = (
        sa.select(*columns, whole.c.account_id, whole.c.claim_id, whole.c.remittance_id, flag.label("flag"))
        .join_from(told, whole, joined)
        .where(whole.c.stands, *(told.c[name] == value for name, value in named.items() if value is not None))
        .subquery("services")
    )
    wanted = rows.c.flag != "" if is_flagged else rows.c.flag.is_not(None)
    return sa.select(rows).where(wanted).subquery("wanted")


def categories(payer_id: str, contract_id: str, month_on: date) -> sa.Select[*tuple[Any, ...]]:
    """`category` and `members` of a month."""
    table = capitation_members.c
    return (
        sa.select(table.category, sa.func.count().label("members"))
        .where(table.payer_id == payer_id, table.contract_id == contract_id, table.month_on == month_on)
        .group_by(table.category)
        .order_by(table.category)
    )


def lists(payer_id: str, contract_id: str, month_on: date) -> sa.Select[Any]:
    """Every list of members of a month that was taken in, the first first."""
    table = capitation_lists.c
    return (
        sa.select(capitation_lists)
        .where(table.payer_id == payer_id, table.contract_id == contract_id, table.month_on == month_on)
        .order_by(table.list_number)
    )


def payments(*, is_open: bool = False) -> sa.Subquery:
    """Every PLB with reason CT: what it paid to us, of which remittance, how much of it was assigned and how much is open."""
    plb, whole, part = provider_adjustments, remittances, capitation_parts
    assigned = (
        sa.select(sa.func.coalesce(sa.func.sum(part.c.amount_cents), 0).cast(sa.BigInteger))
        .where(
            part.c.tenant == plb.c.tenant,
            part.c.remittance_id == plb.c.remittance_id,
            part.c.ordinal == plb.c.ordinal,
        )
        .scalar_subquery()
    )
    same = sa.and_(whole.c.tenant == plb.c.tenant, whole.c.remittance_id == plb.c.remittance_id)
    rows = (
        sa.select(
            plb.c.remittance_id,
            plb.c.ordinal,
            plb.c.reference,
            whole.c.payer_name,
            whole.c.payer_identifier,
            whole.c.trace_number,
            whole.c.payment_on,
            (-plb.c.amount_cents).label("paid_cents"),
            assigned.label("assigned_cents"),
            (-plb.c.amount_cents - assigned).label("open_cents"),
        )
        .join_from(plb, whole, same)
        .where(plb.c.reason == CAPITATION_PAYMENT)
        .subquery("payments")
    )
    return sa.select(rows).where(rows.c.open_cents != 0).subquery("open") if is_open else rows


def parts(payer_id: str, contract_id: str, month_on: date) -> sa.Select[*tuple[Any, ...]]:
    """What was assigned to a month, with the payment that it is of."""
    part, paid = capitation_parts, payments()
    same = sa.and_(paid.c.remittance_id == part.c.remittance_id, paid.c.ordinal == part.c.ordinal)
    return (
        sa.select(
            part.c.remittance_id,
            part.c.ordinal,
            part.c.part,
            part.c.amount_cents,
            part.c.assigned_by,
            paid.c.payer_name,
            paid.c.reference,
            paid.c.trace_number,
            paid.c.payment_on,
        )
        .join_from(part, paid, same)
        .where(part.c.payer_id == payer_id, part.c.contract_id == contract_id, part.c.month_on == month_on)
        .order_by(paid.c.payment_on, part.c.remittance_id, part.c.ordinal, part.c.part)
    )


def months(
    *,
    payer_id: str | None = None,
    contract_id: str | None = None,
    from_on: date | None = None,
    to_on: date | None = None,
) -> sa.Subquery:
    """Every contract and month of which there is a list, a payment or a service: members, what came, and what was done for them.
    What their members should bring is not here: the rates stand with the contract."""
    done = services()
    sources = (capitation_lists, capitation_parts, done)
    every = sa.union(*(sa.select(*(table.c[name] for name in _MONTH)) for table in sources)).subquery("every")
    members = _summed(capitation_members, members=sa.func.count())
    came = _summed(capitation_parts, paid_cents=_cents(capitation_parts.c.amount_cents, sa.true()))
    lists_taken = _summed(capitation_lists, lists=sa.func.count())
    is_members = done.c.flag != "not-a-member"
    given = _summed(
        done,
        services=sa.func.count().filter(is_members),
        charged_cents=_cents(done.c.charged_cents, is_members),
        equivalent_cents=_cents(done.c.equivalent_cents, is_members),
        not_priced=sa.func.count().filter(sa.and_(is_members, done.c.equivalent_cents.is_(None))),
        flagged=sa.func.count().filter(done.c.flag != ""),
    )
    joined: sa.FromClause = every
    for each in (members, came, lists_taken, given):
        joined = joined.outerjoin(each, _is_of(each, every))
    figures = [
        sa.func.coalesce(column, 0).label(column.name)
        for each in (members, came, lists_taken, given)
        for column in each.c
        if column.name not in _MONTH
    ]
    wanted = {every.c.payer_id: payer_id, every.c.contract_id: contract_id}
    statement = sa.select(every.c.payer_id, every.c.contract_id, every.c.month_on, *figures).select_from(joined)
    statement = statement.where(*(column == value for column, value in wanted.items() if value is not None))
    if from_on is not None:
        statement = statement.where(every.c.month_on >= from_on)
    if to_on is not None:
        statement = statement.where(every.c.month_on <= to_on)
    return statement.subquery("months")


def _summed(table: sa.FromClause, **figures: sa.ColumnElement[Any]) -> sa.Subquery:
    keys = [table.c[name] for name in _MONTH]
    return sa.select(*keys, *(figure.label(name) for name, figure in figures.items())).group_by(*keys).subquery()
