"""How does each account stand now: what was charged, who paid, what was let off, who owes the rest?

Charged + brought in = paid + contractual + written off - refunded + owed, on every row at every moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_never, get_args

import sqlalchemy as sa

from shared.events.envelope import Recorded
from shared.events.payments import (
    AccountMovedToAgency,
    AccountReturnedFromAgency,
    AdjustmentApproved,
    AdjustmentRequested,
    AdjustmentReversed,
    AppliedPaymentMoved,
    ChargesPosted,
    ClaimAccountEvent,
    ClaimAnswerNoted,
    ClaimDeniedByPayer,
    ClaimPaymentPosted,
    ClaimPaymentRematched,
    ClaimPaymentReversed,
    ClaimPaymentUnapplied,
    OpeningBalancePosted,
    OpeningBalanceReversed,
    PatientPaymentReversed,
    PayersKnown,
    PaymentApplied,
    PaymentNotTaken,
    RefundDeclined,
    RefundIssued,
    RefundRequested,
    RefundReversed,
    RemittanceClaimHeld,
    ResponsibilityTransferred,
)
from shared.events.values import Posting
from shared.runtime.projection import Change, Projection, Put, Remove

RANKS = range(1, 12)  # P, S, T and A to H of SBR01
metadata = sa.MetaData()


def _cents(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, server_default="0")


claim_accounts = sa.Table(
    "claim_accounts",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("encounter_id", sa.Text, server_default=""),
    sa.Column("patient_id", sa.Text, server_default=""),
    sa.Column("service_on", sa.Date),
    sa.Column("release", sa.Integer, server_default="0"),  # 0: money came, charges did not
    sa.Column("placement_id", sa.Text, server_default=""),
    sa.Column("openings", sa.Integer, server_default="0"),  # imports that brought something along to it
    _cents("charged_cents"),
    _cents("opening_cents"),
    _cents("paid_by_payers_cents"),
    _cents("paid_by_patient_cents"),
    _cents("contractual_cents"),
    _cents("written_off_cents"),
    _cents("refunded_cents"),
    _cents("owed_cents"),
    sa.Index("claim_accounts_by_patient", "tenant", "patient_id"),
)

claim_account_parties = sa.Table(
    "claim_account_parties",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("party", sa.Text, primary_key=True),
    _cents("owed_cents"),
    _cents("denied_cents"),  # as told; what is still denied is never more than what is owed
    sa.Column("since_on", sa.Date),  # of the last responsibility that came to the party
    sa.Column("reason", sa.Text, server_default=""),
    sa.Index("claim_account_parties_by_party", "tenant", "party", "owed_cents"),
)

claim_account_lines = sa.Table(
    "claim_account_lines",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("line_id", sa.Text, primary_key=True),
    sa.Column("release", sa.Integer),  # a line of an older release than the account's was withdrawn
    sa.Column("service_on", sa.Date),
    sa.Column("procedure_code", sa.Text),
    sa.Column("modifiers", sa.Text, server_default=""),
    _cents("charged_cents"),
)

account_payers = sa.Table(
    "account_payers",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("rank", sa.Integer, primary_key=True),
    sa.Column("payer_id", sa.Text),
    sa.Column("payer_name", sa.Text),
    sa.Column("filing_indicator", sa.Text, server_default=""),  # SBR09
)

account_adjustments = sa.Table(
    "account_adjustments",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("adjustment_id", sa.Text, primary_key=True),
    sa.Column("party", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("status", sa.Text),  # requested, approved, reversed
    sa.Column("requested_by", sa.Text),
    sa.Column("approved_by", sa.Text, server_default=""),
    sa.Column("requested_at", sa.DateTime(timezone=True)),
    _cents("amount_cents"),
    sa.Index("account_adjustments_by_status", "tenant", "status", "requested_at"),
)


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    event: ClaimAccountEvent = recorded.event
    yield from _moved(event.account_id, getattr(event, "postings", ()))
    match event:
        case ChargesPosted():
            yield from _charges(event)
        case PayersKnown():
            yield from _payers(event)
        case ResponsibilityTransferred():
            key = (event.account_id, event.to_party)
            since = {"since_on": event.since_on, "reason": event.reason}
            yield Put(table="claim_account_parties", key=key, values=since)
        case ClaimDeniedByPayer():
            yield _denied(event.account_id, event.payer_rank, event.denied_cents)
        case ClaimPaymentReversed():
            yield _denied(event.account_id, event.payer_rank, -event.denied_cents)
        case AdjustmentRequested() | AdjustmentApproved() | AdjustmentReversed():
            yield _adjustment(event, recorded)
        case AccountMovedToAgency():
            yield _account(event.account_id, placement_id=event.placement_id)
        case AccountReturnedFromAgency():
            yield _account(event.account_id, placement_id="")
        case OpeningBalancePosted():
            known = {"patient_id": event.patient_id, "service_on": event.service_on}
            yield Put(table="claim_accounts", key=(event.account_id,), values=known, add={"openings": 1})
        case OpeningBalanceReversed():
            yield Put(table="claim_accounts", key=(event.account_id,), add={"openings": -1})
        case (
            ClaimPaymentPosted()
            | ClaimAnswerNoted()
            | RemittanceClaimHeld()
            | ClaimPaymentUnapplied()
            | ClaimPaymentRematched()
            | PaymentApplied()
            | PaymentNotTaken()
            | PatientPaymentReversed()
            | AppliedPaymentMoved()
            | RefundRequested()
            | RefundIssued()
            | RefundDeclined()
            | RefundReversed()
        ):
            return
        case _:
            assert_never(event)


def _account(account_id: str, **values: Any) -> Put:
    return Put(table="claim_accounts", key=(account_id,), values=values)


def _charges(event: ChargesPosted) -> Iterator[Change]:
    yield _account(
        event.account_id,
        encounter_id=event.encounter_id,
        patient_id=event.patient_id,
        service_on=event.service_on,
        release=event.release,
        charged_cents=event.charged_cents,
    )
    for line in event.lines:
        yield Put(
            table="claim_account_lines",
            key=(event.account_id, line.line_id),
            values={
                "release": event.release,
                "service_on": line.service_on,
                "procedure_code": line.procedure_code,
                "modifiers": " ".join(line.modifiers),
                "charged_cents": line.charged_cents,
            },
        )


def _payers(event: PayersKnown) -> Iterator[Change]:
    by_rank = {payer.rank: payer for payer in event.payers}
    for rank in RANKS:
        key = (event.account_id, rank)
        if (payer := by_rank.get(rank)) is None:
            yield Remove(table="account_payers", key=key)
        else:
            named = {
                "payer_id": payer.payer_id,
                "payer_name": payer.payer_name,
                "filing_indicator": payer.filing_indicator,
            }
            yield Put(table="account_payers", key=key, values=named)


def _denied(account_id: str, rank: int, cents: int) -> Put:
    return Put(table="claim_account_parties", key=(account_id, f"payer:{rank}"), add={"denied_cents": cents})


def _adjustment(event: AdjustmentRequested | AdjustmentApproved | AdjustmentReversed, recorded: Recorded[Any]) -> Put:
    values: dict[str, Any] = {"party": event.party, "reason": event.reason, "amount_cents": event.amount_cents}
    match event:
        case AdjustmentRequested():
            values |= {"status": "requested", "requested_by": event.requested_by}
            values |= {"requested_at": recorded.recorded_at}
        case AdjustmentApproved():
            values |= {"status": "approved", "approved_by": event.approved_by}
        case AdjustmentReversed():
            values |= {"status": "reversed"}
    return Put(table="account_adjustments", key=(event.account_id, event.adjustment_id), values=values)


def _moved(account_id: str, postings: tuple[Posting, ...]) -> Iterator[Change]:
    """What the postings add to the figures of the account and of its parties."""
    figures: dict[str, int] = {}
    for posting in postings:
        column, sign = _figure_of(posting.account)
        if column:
            figures[column] = figures.get(column, 0) + sign * posting.amount_cents
        if posting.account.startswith("receivable:"):
            key = (account_id, posting.account.removeprefix("receivable:"))
            yield Put(table="claim_account_parties", key=key, add={"owed_cents": posting.amount_cents})
    yield Put(table="claim_accounts", key=(account_id,), add=figures)


def _figure_of(ledger: str) -> tuple[str, int]:
    kind = ledger.partition(":")[0]
    match kind:
        case "receivable":
            return "owed_cents", 1
        case "suspense" | "unapplied":
            return "paid_by_payers_cents", 1
        case "allocated":
            return "paid_by_patient_cents", 1
        case "contractual":
            return "contractual_cents", 1
        case "write-off" | "bad-debt" | "charity":
            return "written_off_cents", 1
        case "refunds":
            return "refunded_cents", -1
        case "opening-balance":
            return "opening_cents", -1
        case _:
            return "", 0


projection = Projection(
    name="payments.claim-accounts",
    version=3,
    tables=(claim_accounts, claim_account_parties, claim_account_lines, account_payers, account_adjustments),
    reads={"payments": get_args(ClaimAccountEvent)},
    apply=apply,
)


# What is asked of the rows


def account(account_id: str) -> sa.Select[Any]:
    """The one row of an account; none when nothing ever happened to it."""
    return sa.select(claim_accounts).where(claim_accounts.c.account_id == account_id)


def accounts(patient_id: str | None = None) -> sa.Select[Any]:
    """Accounts that have charges or were brought along, of one patient or all; the caller orders and pages."""
    begun = sa.or_(claim_accounts.c.release > 0, claim_accounts.c.openings > 0)
    statement = sa.select(claim_accounts).where(begun)
    return statement if patient_id is None else statement.where(claim_accounts.c.patient_id == patient_id)


def parties_of(account_id: str) -> sa.Select[*tuple[Any, ...]]:
    """Who owes what on an account. What is still denied is never more than what the payer owes."""
    party = claim_account_parties
    denied = sa.func.least(party.c.denied_cents, sa.func.greatest(party.c.owed_cents, 0))
    return (
        sa.select(
            party.c.party,
            party.c.owed_cents,
            denied.label("denied_cents"),
            party.c.since_on,
            party.c.reason,
            account_payers.c.payer_id,
            account_payers.c.payer_name,
        )
        .select_from(
            party.outerjoin(
                account_payers,
                sa.and_(
                    account_payers.c.tenant == party.c.tenant,
                    account_payers.c.account_id == party.c.account_id,
                    party.c.party == sa.func.concat("payer:", account_payers.c.rank),
                ),
            )
        )
        .where(party.c.account_id == account_id)
        .order_by(party.c.party)
    )


def lines_of(account_id: str) -> sa.Select[Any]:
    """The charge lines of an account as they stand; withdrawn ones are left out."""
    line, whose = claim_account_lines, claim_accounts
    return (
        sa.select(line)
        .join(
            whose,
            sa.and_(
                whose.c.tenant == line.c.tenant,
                whose.c.account_id == line.c.account_id,
                whose.c.release == line.c.release,
            ),
        )
        .where(line.c.account_id == account_id)
        .order_by(line.c.line_id)
    )


def due_of_patient(patient_ids: list[str]) -> sa.Select[*tuple[Any, ...]]:
    """`account_id`, `due_cents` that these ids of one patient owe, what was owed longest first."""
    party, whose = claim_account_parties, claim_accounts
    return (
        sa.select(party.c.account_id, party.c.owed_cents.label("due_cents"))
        .join(whose, sa.and_(whose.c.tenant == party.c.tenant, whose.c.account_id == party.c.account_id))
        .where(whose.c.patient_id.in_(patient_ids), party.c.party.in_(["patient", "agency"]), party.c.owed_cents > 0)
        .order_by(party.c.since_on.nulls_last(), party.c.account_id)
    )


def requested_adjustments() -> sa.Select[Any]:
    """Write-offs that wait for a second person."""
    return sa.select(account_adjustments).where(account_adjustments.c.status == "requested")


def adjustments_of(account_id: str) -> sa.Select[Any]:
    return (
        sa.select(account_adjustments)
        .where(account_adjustments.c.account_id == account_id)
        .order_by(account_adjustments.c.requested_at, account_adjustments.c.adjustment_id)
    )
