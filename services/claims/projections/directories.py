"""Which payers and trading partners are there, and on which terms?

Payers are eligibility's, as claims heard of them; partners are claims' own. A later listing replaces an earlier one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.claims.domain.batch.acknowledgement import Parties
from services.claims.domain.filing import ClaimKind
from shared.events.batches import PartnerListed
from shared.events.eligibility import FilingLimit, PayerListed
from shared.events.envelope import Recorded
from shared.runtime.projection import Projection, Put
from shared.runtime.queries import ReadDatabase, rows

_METADATA = sa.MetaData()

claim_payers = sa.Table(
    "claim_payers",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("payer_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, default=""),
    sa.Column("electronic_id", sa.Text, nullable=False, default=""),
    sa.Column("filing_indicator", sa.Text, nullable=False, default=""),
    sa.Column("partner_id", sa.Text, nullable=False, default=""),
    sa.Column("answer_days", sa.Integer, nullable=False, default=30),
    sa.Column("appeal_levels", JSONB),
    sa.Column("listing_version", sa.Integer, nullable=False, default=0),
)
filing_limits = sa.Table(  # of every payer one row for each kind of claim
    "filing_limits",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("payer_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("days", sa.Integer, nullable=False, default=0),
    sa.Column("months", sa.Integer, nullable=False, default=0),
    sa.Column("counts_from", sa.Text, nullable=False, default="service-begin"),
    sa.Column("moves_to_workday", sa.Boolean, nullable=False, default=False),
)
filing_rules = sa.Table(  # the limits of every listing, so that what a changed one moved can be told
    "filing_rules",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("payer_id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("listing_version", sa.Integer, primary_key=True),
    sa.Column("days", sa.Integer, nullable=False, default=0),
    sa.Column("months", sa.Integer, nullable=False, default=0),
    sa.Column("counts_from", sa.Text, nullable=False, default="service-begin"),
    sa.Column("moves_to_workday", sa.Boolean, nullable=False, default=False),
    sa.Column("listed_at", sa.DateTime(timezone=True)),
)
trading_partners = sa.Table(
    "trading_partners",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("partner_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False, default=""),
    sa.Column("transport", sa.Text, nullable=False, default=""),
    sa.Column("sender_qualifier", sa.Text, nullable=False, default=""),
    sa.Column("sender_id", sa.Text, nullable=False, default=""),
    sa.Column("receiver_qualifier", sa.Text, nullable=False, default=""),
    sa.Column("receiver_id", sa.Text, nullable=False, default=""),
    sa.Column("usage", sa.Text, nullable=False, default=""),
    sa.Column("claims_per_batch_max", sa.Integer, nullable=False, default=0),
    sa.Column("claims_per_set_max", sa.Integer, nullable=False, default=0),
)


def apply(recorded: Recorded[Any]) -> Iterator[Put]:
    """The listing, as it now stands."""
    match recorded.event:
        case PayerListed() as event:
            yield Put(
                table=claim_payers.name,
                key=(event.payer_id,),
                values={
                    "name": event.name,
                    "electronic_id": event.electronic_id,
                    "filing_indicator": event.filing_indicator,
                    "partner_id": event.partner_id,
                    "answer_days": event.answer_days,
                    "appeal_levels": msgspec.to_builtins(event.appeal_levels),
                    "listing_version": recorded.version,
                },
            )
            yield from _limits(recorded)
        case PartnerListed() as event:
            yield Put(
                table=trading_partners.name,
                key=(event.partner_id,),
                values={
                    "name": event.name,
                    "transport": event.transport,
                    "sender_qualifier": event.sender_qualifier,
                    "sender_id": event.sender_id,
                    "receiver_qualifier": event.receiver_qualifier,
                    "receiver_id": event.receiver_id,
                    "usage": event.usage,
                    "claims_per_batch_max": event.claims_per_batch_max,
                    "claims_per_set_max": event.claims_per_set_max,
                },
            )
        case _:
            return


def _limits(recorded: Recorded[PayerListed]) -> Iterator[Put]:
    """A kind that the listing does not name has the payer's usual days."""
    event = recorded.event
    named = {limit.kind: limit for limit in event.filing_limits}
    for kind in get_args(ClaimKind):
        limit = named.get(kind) or FilingLimit(kind=kind, days=event.timely_filing_days)
        values = {
            "days": limit.days,
            "months": limit.months,
            "counts_from": limit.counts_from,
            "moves_to_workday": limit.moves_to_workday,
        }
        yield Put(table=filing_limits.name, key=(event.payer_id, kind), values=values)
        listed = values | {"listed_at": recorded.recorded_at}
        yield Put(table=filing_rules.name, key=(event.payer_id, kind, recorded.version), values=listed)


projection = Projection(
    name="claims.directories",
    version=4,
    tables=(claim_payers, trading_partners, filing_limits, filing_rules),
    reads={"claims": (PartnerListed,), "eligibility": (PayerListed,)},
    apply=apply,
)


def answer_days() -> sa.Subquery:
    """Payer and the days that it usually takes to answer."""
    return sa.select(claim_payers.c.payer_id, claim_payers.c.answer_days).subquery("terms")


def on_paper() -> sa.Select[Any]:
    """The partners whose claims are printed and mailed."""
    return sa.select(trading_partners.c.partner_id).where(trading_partners.c.transport == "paper")


class PartnerReads:
    """Which partners there are. Implements `policies.take_acknowledgements.Partners`."""

    def __init__(self, reads: ReadDatabase) -> None:
        self._reads = reads

    async def between(self, tenant: str, parties: Parties) -> Sequence[str]:
        """Those whose answers come from this sender to this receiver."""
        found = (
            sa.select(trading_partners.c.partner_id)
            .where(
                trading_partners.c.receiver_id == parties.sender_id, trading_partners.c.sender_id == parties.receiver_id
            )
            .order_by(trading_partners.c.partner_id)
        )
        async with self._reads.read(tenant) as connection:
            return [row["partner_id"] for row in await rows(connection, found)]
