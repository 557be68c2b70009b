"""Which remittances came, where does each of their claims stand, and which takebacks are still open?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.payments.domain.ledger import CASH
from services.payments.domain.remittance.identity import deposit_id_of
from services.payments.domain.remittance.provider_adjustments import SETTLED
from services.payments.projections.deposits import deposits
from shared.events.envelope import Recorded
from shared.events.payments import (
    ClaimAnswerNoted,
    ClaimPaymentPosted,
    ClaimPaymentRematched,
    ClaimPaymentReversed,
    ClaimPaymentUnapplied,
    ProviderAdjustmentPosted,
    RemittanceClaimHeld,
    RemittanceDismissed,
    RemittanceHeld,
    RemittancePosted,
    RemittanceReceived,
    TraceNumberReused,
)
from shared.events.values import DocumentReference, Finding
from shared.runtime.projection import Change, Projection, Put, Remove

metadata = sa.MetaData()


def _cents(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, server_default="0")


remittances = sa.Table(
    "remittances",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("remittance_id", sa.Text, primary_key=True),
    sa.Column("status", sa.Text),  # held, dismissed, received, posted
    sa.Column("trace_number", sa.Text),
    sa.Column("payer_identifier", sa.Text),
    sa.Column("payer_name", sa.Text),
    sa.Column("payment_on", sa.Date),
    sa.Column("method", sa.Text, server_default=""),
    sa.Column("claims", sa.Integer, server_default="0"),
    _cents("payment_cents"),
    _cents("claims_cents"),
    _cents("provider_adjustments_cents"),
    sa.Column(
        "difference_cents", sa.BigInteger
    ),  # claims - provider adjustments - payment; null where they were not kept
    sa.Column("findings", JSONB),
    _cents("cash_cents"),  # what it posted to cash
    sa.Column("deposit_id", sa.Text),  # under which the bank shows it
    sa.Column("first_remittance_id", sa.Text, server_default=""),  # whose trace number this one uses
    sa.Column("document_id", sa.Text),
    sa.Column("place", sa.Text),
    sa.Column("entered_by", sa.Text, server_default=""),  # who typed it in from paper
    sa.Column("image_id", sa.Text),  # document of the paper
    sa.Column("received_at", sa.DateTime(timezone=True)),
    sa.Index("remittances_by_status", "tenant", "status", "payment_on"),
    sa.Index("remittances_by_payment", "tenant", "payment_on", "remittance_id"),
    sa.Index(
        "remittances_with_difference",
        "tenant",
        "payment_on",
        "remittance_id",
        postgresql_where=sa.text("difference_cents <> 0"),
    ),
    sa.Index("remittances_by_deposit", "tenant", "deposit_id"),
)

remittance_claims = sa.Table(
    "remittance_claims",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("remittance_id", sa.Text, primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),  # so that each row is told by one account only
    sa.Column("claim_id", sa.Text),
    sa.Column("outcome", sa.Text),  # posted, noted, reversal, held, unapplied
    sa.Column("claim_status", sa.Text, server_default=""),
    sa.Column("payer_rank", sa.Integer),
    sa.Column("is_reversed", sa.Boolean, server_default=sa.false()),
    sa.Column("is_by_person", sa.Boolean, server_default=sa.false()),  # who had it answered the last time
    _cents("paid_cents"),
    _cents("contractual_cents"),
    _cents("patient_responsibility_cents"),
    _cents("denied_cents"),
    sa.Column("findings", JSONB),
    sa.Column("document_id", sa.Text),
    sa.Column("place", sa.Text),
    sa.Column("answered_at", sa.DateTime(timezone=True)),
    sa.Index("remittance_claims_by_account", "tenant", "account_id"),
    sa.Index("remittance_claims_by_outcome", "tenant", "outcome", "answered_at"),
)

remittance_matches = sa.Table(  # claims whose account a person found
    "remittance_matches",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("remittance_id", sa.Text, primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("to_account_id", sa.Text),
)

provider_adjustments = sa.Table(
    "provider_adjustments",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("remittance_id", sa.Text, primary_key=True),
    sa.Column("ordinal", sa.Integer, primary_key=True),
    sa.Column("reason", sa.Text),
    sa.Column("reference", sa.Text),
    sa.Column("clearing", sa.Text),  # ledger account
    _cents("amount_cents"),
    sa.Column("posted_at", sa.DateTime(timezone=True)),
    sa.Index("provider_adjustments_by_clearing", "tenant", "clearing"),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    match recorded.event:
        case RemittanceReceived() as event:
            own = {
                "status": "received",
                "claims_cents": event.claims_cents,
                "cash_cents": sum(leg.amount_cents for leg in event.postings if leg.account == CASH),
                "provider_adjustments_cents": event.provider_adjustments_cents,
            }
            yield _remittance(event, recorded, own)
        case RemittanceHeld() as event:
            yield _remittance(event, recorded, {"status": "held"})
        case RemittancePosted() as event:
            yield Put(table="remittances", key=(event.remittance_id,), values={"status": "posted"})
        case RemittanceDismissed() as event:
            yield Put(table="remittances", key=(event.remittance_id,), values={"status": "dismissed"})
        case TraceNumberReused() as event:
            twin = {"first_remittance_id": event.first_remittance_id}
            yield Put(table="remittances", key=(event.remittance_id,), values=twin)
        case ProviderAdjustmentPosted() as event:
            yield _provider_adjustment(event, recorded)
        case ClaimPaymentPosted() as event:
            posted = {
                "outcome": "posted",
                "claim_status": event.claim_status,
                "payer_rank": event.payer_rank,
                "is_reversed": False,
                "paid_cents": event.paid_cents,
                "contractual_cents": event.contractual_cents,
                "patient_responsibility_cents": event.patient_responsibility_cents,
                "denied_cents": event.denied_cents,
                "findings": _told(event.findings),
            }
            yield _claim(event, recorded, posted)
        case ClaimAnswerNoted() as event:
            yield _claim(event, recorded, {"outcome": "noted", "claim_status": event.claim_status})
        case RemittanceClaimHeld() as event:
            held = {"outcome": "held", "paid_cents": event.paid_cents, "findings": _told(event.findings)}
            yield _claim(event, recorded, held)
        case ClaimPaymentUnapplied() as event:
            waits = {
                "outcome": "unapplied",
                "paid_cents": event.paid_cents,
                "claim_status": event.answer.status,
            }
            yield _claim(event, recorded, waits)
        case ClaimPaymentRematched() as event:
            yield Remove(table="remittance_claims", key=(event.remittance_id, event.ordinal, event.account_id))
            found = {"to_account_id": event.to_account_id}
            yield Put(table="remittance_matches", key=(event.remittance_id, event.ordinal), values=found)
        case ClaimPaymentReversed() as event:
            yield from _reversal(event, recorded)


def _remittance(event: RemittanceReceived | RemittanceHeld, recorded: Recorded[Any], own: dict[str, Any]) -> Put:
    values = {
        "trace_number": event.trace_number,
        "payer_identifier": event.payer_identifier,
        "payer_name": event.payer_name,
        "payment_cents": event.payment_cents,
        "payment_on": event.payment_on,
        "method": event.method,
        "deposit_id": deposit_id_of(payer_identifier=event.payer_identifier, trace_number=event.trace_number),
        "claims": event.claims,
        "findings": _told(event.findings),
        "received_at": recorded.recorded_at,
        "entered_by": event.entered_by,
        "image_id": event.image.document_id if event.image else None,
        "difference_cents": _difference(event),
        **_source(event.document),
        **own,
    }
    return Put(table="remittances", key=(event.remittance_id,), values=values)


def _difference(event: RemittanceReceived | RemittanceHeld) -> int | None:
    """What the payment is short of its own claims: sum of CLP04 - sum of PLB - BPR02. Zero when the 835 balances."""
    if event.claims_cents is None or event.provider_adjustments_cents is None:
        return None
    return event.claims_cents - event.provider_adjustments_cents - event.payment_cents


def _provider_adjustment(event: ProviderAdjustmentPosted, recorded: Recorded[Any]) -> Put:
    clearing = next((leg.account for leg in event.postings if leg.account != "suspense"), "")
    values = {
        "reason": event.reason,
        "reference": event.reference,
        "clearing": clearing,
        "amount_cents": event.amount_cents,
        "posted_at": recorded.recorded_at,
    }
    return Put(table="provider_adjustments", key=(event.remittance_id, event.ordinal), values=values)


def _claim(
    event: ClaimPaymentPosted | ClaimAnswerNoted | RemittanceClaimHeld | ClaimPaymentUnapplied | ClaimPaymentReversed,
    recorded: Recorded[Any],
    own: dict[str, Any],
) -> Put:
    values = {
        "claim_id": event.claim_id,
        "answered_at": recorded.recorded_at,
        "is_by_person": recorded.stored.actor.startswith("user:"),
        **_source(event.source),
        **own,
    }
    return Put(table="remittance_claims", key=(event.remittance_id, event.ordinal, event.account_id), values=values)


def _reversal(event: ClaimPaymentReversed, recorded: Recorded[Any]) -> Iterator[Change]:
    original = (event.reverses_remittance_id, event.reverses_ordinal, event.account_id)
    yield Put(table="remittance_claims", key=original, values={"is_reversed": True})
    if event.reason == "unposted":
        yield Put(table="remittance_claims", key=original, values={"outcome": "held"})
    else:
        mirror = {
            "outcome": "reversal",
            "claim_status": "22",
            "payer_rank": event.payer_rank,
            "paid_cents": event.paid_cents,
            "contractual_cents": event.contractual_cents,
            "denied_cents": -event.denied_cents,
            "findings": None,  # it may have been held before
        }
        yield _claim(event, recorded, mirror)


def _source(source: DocumentReference) -> dict[str, str]:
    return {"document_id": source.document_id, "place": source.place}


def _told(findings: tuple[Finding, ...]) -> Any:
    return msgspec.to_builtins(findings)


projection = Projection(
    name="payments.remittances",
    version=5,
    tables=(remittances, remittance_claims, remittance_matches, provider_adjustments),
    reads={
        "payments": (
            RemittanceReceived,
            RemittanceHeld,
            RemittanceDismissed,
            RemittancePosted,
            TraceNumberReused,
            ProviderAdjustmentPosted,
            ClaimPaymentPosted,
            ClaimAnswerNoted,
            RemittanceClaimHeld,
            ClaimPaymentUnapplied,
            ClaimPaymentRematched,
            ClaimPaymentReversed,
        )
    },
    apply=apply,
)


# What is asked of the rows


def accounts_paid(first_on: date, through_on: date) -> sa.Select[Any]:
    """`account_id` of every account with an answer, whatever became of it, of a payment in these days, in order."""
    claim = remittance_claims
    same = sa.and_(claim.c.tenant == remittances.c.tenant, claim.c.remittance_id == remittances.c.remittance_id)
    return (
        sa.select(claim.c.account_id)
        .distinct()
        .select_from(claim.join(remittances, same))
        .where(remittances.c.payment_on.between(first_on, through_on))
        .order_by(claim.c.account_id)
    )


def unanswered(*, after: date | None, through_on: date) -> sa.Select[*tuple[Any, ...]]:
    """`remittance_id`, `payment_cents` of remittances of these days of which some claim has no place yet."""
    received_on = sa.cast(sa.func.timezone("UTC", remittances.c.received_at), sa.Date)
    day = sa.func.least(remittances.c.payment_on, received_on)
    statement = (
        sa.select(remittances.c.remittance_id, remittances.c.payment_cents)
        .where(remittances.c.status == "received", day <= through_on)
        .order_by(remittances.c.remittance_id)
    )
    return statement if after is None else statement.where(day > after)


def every(
    status: str | None = None,
    *,
    payer: str | None = None,
    paid_from_on: date | None = None,
    paid_to_on: date | None = None,
    is_off: bool | None = None,
) -> sa.Select[Any]:
    """Remittances, of one status or all, of payers with this in their name, paid on these days, that differ from their claims or not;
    the caller orders and pages.

    `deposited_on`: when the bank showed it; `auto_posted_claims`: answered without a person; `review_claims`: that wait for one.
    """
    statement = sa.select(remittances, _deposited_on(), _auto_posted(), _to_review())
    if status:
        statement = statement.where(remittances.c.status == status)
    if payer:
        statement = statement.where(remittances.c.payer_name.icontains(payer, autoescape=True))
    if paid_from_on:
        statement = statement.where(remittances.c.payment_on >= paid_from_on)
    if paid_to_on:
        statement = statement.where(remittances.c.payment_on <= paid_to_on)
    if is_off is not None:
        is_different = remittances.c.difference_cents != 0
        statement = statement.where(is_different if is_off else is_different.is_not(True))
    return statement


def summed(wanted: sa.Select[Any]) -> sa.Select[*tuple[Any, ...]]:
    """One row: what the remittances of `every` come to."""
    found = wanted.subquery("found")

    def total(column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
        return sa.cast(sa.func.coalesce(sa.func.sum(column), 0), sa.BigInteger).label(column.key)

    names = ("claims", "payment_cents", "difference_cents", "auto_posted_claims", "review_claims")
    return sa.select(sa.func.count().label("remittances"), *(total(found.c[name]) for name in names))


def _deposited_on() -> sa.Label[Any]:
    same = sa.and_(deposits.c.tenant == remittances.c.tenant, deposits.c.deposit_id == remittances.c.deposit_id)
    return sa.select(deposits.c.deposited_on).where(same).scalar_subquery().label("deposited_on")


def _auto_posted() -> sa.Label[Any]:
    claim, match = remittance_claims.c, remittance_matches.c
    matched = sa.exists().where(
        match.tenant == claim.tenant, match.remittance_id == claim.remittance_id, match.ordinal == claim.ordinal
    )
    return _claims_that(claim.outcome.in_(("posted", "noted", "reversal")), ~claim.is_by_person, ~matched).label(
        "auto_posted_claims"
    )


def _to_review() -> sa.Label[Any]:
    return _claims_that(remittance_claims.c.outcome.in_(("held", "unapplied"))).label("review_claims")


def _claims_that(*hold: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    claim = remittance_claims.c
    of_it = sa.and_(claim.tenant == remittances.c.tenant, claim.remittance_id == remittances.c.remittance_id)
    return sa.select(sa.func.count()).where(of_it, *hold).correlate(remittances).scalar_subquery()


def one(remittance_id: str) -> sa.Select[Any]:
    return every().where(remittances.c.remittance_id == remittance_id)


def claims_of(remittance_id: str) -> sa.Select[Any]:
    """The claims of a remittance that have answered; the caller pages by ordinal."""
    return sa.select(remittance_claims).where(remittance_claims.c.remittance_id == remittance_id)


MOVED_MONEY = ("posted", "reversal", "unapplied")


def claims_to_take_back(remittance_id: str) -> sa.Select[*tuple[Any, ...]]:
    """`ordinal` and `account_id` of the claims that moved money which a person can move back. The last first: a correction goes
    before the reversal ahead of it."""
    claim = remittance_claims.c
    is_in_force = claim.outcome.in_(MOVED_MONEY) & claim.is_reversed.is_(False)
    return (
        sa.select(claim.ordinal, claim.account_id)
        .where(claim.remittance_id == remittance_id, is_in_force)
        .order_by(claim.ordinal.desc())
    )


def cents_by_outcome(remittance_id: str) -> sa.Select[*tuple[Any, ...]]:
    """`outcome`, `cents` of the claims that have answered."""
    cents = sa.func.sum(remittance_claims.c.paid_cents).cast(sa.BigInteger)
    return (
        sa.select(remittance_claims.c.outcome, cents.label("cents"))
        .where(remittance_claims.c.remittance_id == remittance_id)
        .group_by(remittance_claims.c.outcome)
    )


def answers_to(account_id: str) -> sa.Select[Any]:
    """What payers said about an account, oldest first."""
    return (
        sa.select(remittance_claims)
        .where(remittance_claims.c.account_id == account_id)
        .order_by(remittance_claims.c.answered_at, remittance_claims.c.remittance_id, remittance_claims.c.ordinal)
    )


def adjustments_of(remittance_id: str) -> sa.Select[Any]:
    return (
        sa.select(provider_adjustments)
        .where(provider_adjustments.c.remittance_id == remittance_id)
        .order_by(provider_adjustments.c.ordinal)
    )


def waiting(outcome: str) -> sa.Select[Any]:
    """The work queue of claims that are held, or whose cash has no account; the caller orders and pages."""
    return sa.select(remittance_claims).where(remittance_claims.c.outcome == outcome)


def open_chains() -> sa.Select[*tuple[Any, ...]]:
    """Takebacks and forwarded balances that are not closed yet, by payer and reference.

    By what the 835s say, not by the account that was posted to: that had once no payer in its name, and once a chain was begun for what
    has no other half.
    """
    told, whole = provider_adjustments.c, remittances.c
    cents = sa.func.sum(told.amount_cents).cast(sa.BigInteger)
    payer = sa.func.upper(sa.func.btrim(whole.payer_identifier))
    reference = sa.func.coalesce(sa.func.nullif(told.reference, ""), told.reason)
    return (
        sa.select(
            payer.label("payer_identifier"),
            sa.func.max(whole.payer_name).label("payer_name"),
            reference.label("reference"),
            (sa.literal("provider-adjustment:") + payer + ":" + reference).label("clearing"),
            cents.label("open_cents"),
        )
        .select_from(provider_adjustments)
        .join(remittances, (whole.tenant == told.tenant) & (whole.remittance_id == told.remittance_id))
        .where(told.reason.not_in(SETTLED))
        .group_by(payer, reference)
        .having(cents != 0)
        .order_by(payer, reference)
    )
