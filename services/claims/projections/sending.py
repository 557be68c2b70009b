"""Which claims wait to be sent, and what became of every interchange?

`claims_to_send` is the batcher's queue, `batches` and `batch_claims` its memory: after a crash it goes on from here. All of them may
lag behind the streams, which decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from shared.events.batches import (
    BatchAbandoned,
    BatchAssembled,
    BatchedClaim,
    BatchMailed,
    BatchReprinted,
    InterchangeAcknowledged,
    InterchangeSent,
    InterchangeStored,
    InterchangeUnanswered,
)
from shared.events.claims import ClaimAdjudicated, ClaimBatched, ClaimCorrected, ClaimHeld, ClaimReleased, ClaimVoided
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put, Remove
from shared.runtime.queries import ReadDatabase, rows

_METADATA = sa.MetaData()

claims_to_send = sa.Table(
    "claims_to_send",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("claim_id", sa.Text, primary_key=True),
    sa.Column("partner_id", sa.Text, nullable=False, default=""),
    sa.Column("payer_id", sa.Text, nullable=False, default=""),
    sa.Column("version", sa.Integer, nullable=False, default=0),
    sa.Column("charged_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column("kind", sa.Text, nullable=False, default="professional"),
    sa.Column("released_at", sa.DateTime(timezone=True)),
    sa.Index("claims_to_send_by_partner", "tenant", "partner_id", "released_at", "claim_id"),
)
batches = sa.Table(
    "batches",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("batch_id", sa.Text, primary_key=True),
    sa.Column("partner_id", sa.Text, nullable=False, default=""),
    sa.Column("control_number", sa.BigInteger, nullable=False, default=0),
    sa.Column("status", sa.Text, nullable=False, default="assembled"),
    sa.Column("claims", sa.Integer, nullable=False, default=0),
    sa.Column("refused_claims", sa.Integer, nullable=False, default=0),
    sa.Column("rejected_claims", sa.Integer, nullable=False, default=0),
    sa.Column("charged_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column("file_name", sa.Text, nullable=False, default=""),
    sa.Column("document_id", sa.Text, nullable=False, default=""),
    sa.Column("assembled_at", sa.DateTime(timezone=True)),
    sa.Column("stored_at", sa.DateTime(timezone=True)),
    sa.Column("sent_at", sa.DateTime(timezone=True)),
    sa.Column("acknowledgement", sa.Text, nullable=False, default=""),
    sa.Column("acknowledgement_codes", ARRAY(sa.Text)),
    sa.Column("acknowledged_at", sa.DateTime(timezone=True)),
    sa.Column("is_overdue", sa.Boolean, nullable=False, default=False),
    sa.Column("medium", sa.Text, nullable=False, default="electronic"),
    sa.Column("copies", sa.Integer, nullable=False, default=0),  # printed, of a batch on paper
    sa.Column("mailed_on", sa.Date),
    sa.Column("tracking_number", sa.Text, nullable=False, default=""),
    sa.Index("batches_by_partner", "tenant", "partner_id", "control_number"),
)
batch_claims = sa.Table(
    "batch_claims",
    _METADATA,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("batch_id", sa.Text, primary_key=True),
    sa.Column("claim_id", sa.Text, primary_key=True),
    sa.Column("ordinal", sa.Integer, nullable=False, default=0),
    sa.Column("version", sa.Integer, nullable=False, default=0),
    sa.Column("charged_cents", sa.BigInteger, nullable=False, default=0),
    sa.Column("answer_days", sa.Integer, nullable=False, default=0),
    sa.Column("kind", sa.Text, nullable=False, default="professional"),
    sa.Column("set_control_number", sa.Text, nullable=False, default=""),
    sa.Column("outcome", sa.Text, nullable=False, default="assembled"),
)

UNFINISHED = ("assembled", "stored")


def apply(recorded: Recorded[Any]) -> Iterator[Change]:
    """What an event changes in the queue and in the memory of interchanges."""
    match recorded.event:
        case ClaimReleased() as event:
            yield Put(
                table=claims_to_send.name,
                key=(event.claim_id,),
                values={
                    "partner_id": event.partner_id,
                    "payer_id": event.payer_id,
                    "version": event.version,
                    "charged_cents": event.charged_cents,
                    "kind": event.kind,
                    "released_at": recorded.recorded_at,
                },
            )
        case ClaimBatched() | ClaimHeld() | ClaimCorrected() | ClaimVoided() | ClaimAdjudicated() as event:
            yield Remove(table=claims_to_send.name, key=(event.claim_id,))
        case BatchAssembled() as event:
            yield from _assembled(event, recorded)
        case InterchangeStored() as event:
            yield from _stored(event, recorded)
        case BatchAbandoned() as event:
            yield _batch(event.batch_id, {"status": "abandoned", "refused_claims": len(event.refused_claim_ids)})
            yield from _outcomes(event.batch_id, event.refused_claim_ids, "refused")
        case InterchangeSent() as event:
            yield _batch(event.batch_id, {"status": "sent", "sent_at": recorded.occurred_at})
        case BatchMailed() as event:
            mailed = {"mailed_on": event.mailed_on, "tracking_number": event.tracking_number}
            yield _batch(event.batch_id, {"status": "mailed", "sent_at": recorded.occurred_at, **mailed})
        case BatchReprinted() as event:
            yield _batch(event.batch_id, {"copies": event.copy_number})
        case InterchangeAcknowledged() as event:
            yield from _acknowledged(event, recorded)
        case InterchangeUnanswered() as event:
            yield _batch(event.batch_id, {"is_overdue": True})
        case _:
            return


def _batch(batch_id: str, values: dict[str, Any]) -> Put:
    return Put(table=batches.name, key=(batch_id,), values=values)


def _outcomes(batch_id: str, claim_ids: tuple[str, ...], outcome: str) -> Iterator[Put]:
    for claim_id in claim_ids:
        yield Put(table=batch_claims.name, key=(batch_id, claim_id), values={"outcome": outcome})


def _assembled(event: BatchAssembled, recorded: Recorded[Any]) -> Iterator[Put]:
    """The partner's stream says this and the batch's own stream the rest: only columns of its own are set here."""
    yield _batch(
        event.batch_id,
        {
            "partner_id": event.partner_id,
            "control_number": event.control_number,
            "claims": len(event.claims),
            "charged_cents": sum(claim.charged_cents for claim in event.claims),
            "assembled_at": recorded.recorded_at,
        },
    )
    for ordinal, claim in enumerate(event.claims, start=1):
        values = {
            "ordinal": ordinal,
            "version": claim.version,
            "charged_cents": claim.charged_cents,
            "answer_days": claim.answer_days,
            "kind": claim.kind,
        }
        yield Put(table=batch_claims.name, key=(event.batch_id, claim.claim_id), values=values)


def _stored(event: InterchangeStored, recorded: Recorded[Any]) -> Iterator[Put]:
    values = {
        "status": "stored",
        "file_name": event.file_name,
        "document_id": event.document.document_id,
        "stored_at": recorded.recorded_at,
        "refused_claims": len(event.refused_claim_ids),
        "medium": event.medium,
        "copies": int(event.medium == "paper"),
    }
    yield _batch(event.batch_id, values)
    for one in event.sets:
        for claim in one.claims:
            values = {"outcome": "written", "set_control_number": one.set_control_number}
            yield Put(table=batch_claims.name, key=(event.batch_id, claim.claim_id), values=values)
    yield from _outcomes(event.batch_id, event.refused_claim_ids, "refused")


def _acknowledged(event: InterchangeAcknowledged, recorded: Recorded[Any]) -> Iterator[Put]:
    yield Put(
        table=batches.name,
        key=(event.batch_id,),
        values={
            "status": event.status,
            "acknowledgement": event.kind,
            "acknowledgement_codes": event.codes,
            "acknowledged_at": recorded.occurred_at,
            "is_overdue": False,
        },
        add={"rejected_claims": len(event.rejected_claim_ids)},
    )
    yield from _outcomes(event.batch_id, event.rejected_claim_ids, "rejected")


projection = Projection(
    name="claims.sending",
    version=3,
    tables=(claims_to_send, batches, batch_claims),
    reads={
        "claims": (
            ClaimReleased,
            ClaimBatched,
            ClaimHeld,
            ClaimCorrected,
            ClaimVoided,
            ClaimAdjudicated,
            BatchAssembled,
            InterchangeStored,
            BatchAbandoned,
            InterchangeSent,
            BatchMailed,
            BatchReprinted,
            InterchangeAcknowledged,
            InterchangeUnanswered,
        )
    },
    apply=apply,
)


class SendingReads:
    """What the batcher asks of these tables. Implements `policies.send_batches.Queue`."""

    def __init__(
        self, reads: ReadDatabase, answer_days: Callable[[], sa.Subquery], on_paper: Callable[[], sa.Select[Any]]
    ) -> None:
        self._reads = reads
        self._answer_days = answer_days
        self._on_paper = on_paper

    async def partners_with_work(self, tenant: str) -> Sequence[str]:
        """Partners for whom claims wait or an interchange is unfinished, in the order of their ids. Paper is a person's work."""
        unfinished = sa.select(batches.c.partner_id).where(batches.c.status.in_(UNFINISHED))
        waiting = sa.select(claims_to_send.c.partner_id)
        both = sa.union(waiting, unfinished).subquery()
        async with self._reads.read(tenant) as connection:
            by_wire = both.c.partner_id.not_in(self._on_paper())
            found = await rows(connection, sa.select(both.c.partner_id).where(by_wire).order_by(both.c.partner_id))
        return [row["partner_id"] for row in found if row["partner_id"]]

    async def waiting(self, tenant: str, partner_id: str, limit: int) -> tuple[BatchedClaim, ...]:
        """The claims that were released first, with the days that their payers take to answer."""
        terms = self._answer_days()
        found = (
            sa.select(claims_to_send, terms.c.answer_days)
            .join_from(claims_to_send, terms, claims_to_send.c.payer_id == terms.c.payer_id, isouter=True)
            .where(claims_to_send.c.partner_id == partner_id)
            .order_by(claims_to_send.c.released_at, claims_to_send.c.claim_id)
            .limit(limit)
        )
        async with self._reads.read(tenant) as connection:
            waiting = await rows(connection, found)
        return tuple(_batched(row) for row in waiting)

    async def unfinished(self, tenant: str, partner_id: str) -> Sequence[BatchAssembled]:
        """The interchanges that were begun and not sent, in the order of their numbers."""
        found = (
            sa.select(batches.c.batch_id, batches.c.control_number)
            .where(batches.c.partner_id == partner_id, batches.c.status.in_(UNFINISHED))
            .order_by(batches.c.control_number)
        )
        async with self._reads.read(tenant) as connection:
            begun = [row for row in await rows(connection, found) if row["control_number"]]
            contents = [await rows(connection, members(row["batch_id"])) for row in begun]
        return [
            BatchAssembled(
                partner_id=partner_id,
                batch_id=row["batch_id"],
                control_number=row["control_number"],
                claims=tuple(_batched(member) for member in claims),
            )
            for row, claims in zip(begun, contents, strict=True)
        ]


def print_queue(partners: sa.Table) -> sa.Select[Any]:
    """The partners of paper, and what waits to be printed for each."""
    waits = sa.and_(claims_to_send.c.partner_id == partners.c.partner_id, claims_to_send.c.tenant == partners.c.tenant)
    named = [partners.c.partner_id, partners.c.name]
    waiting = [
        sa.func.count(claims_to_send.c.claim_id).label("claims"),
        sa.func.coalesce(sa.func.sum(claims_to_send.c.charged_cents), 0).cast(sa.BigInteger).label("charged_cents"),
        sa.func.min(claims_to_send.c.released_at).label("waiting_since"),
    ]
    return (
        sa.select(*named, *waiting)
        .join_from(partners, claims_to_send, waits, isouter=True)
        .where(partners.c.transport == "paper")
        .group_by(*named)
        .order_by(partners.c.partner_id)
    )


def members(batch_id: str) -> sa.Select[Any]:
    return sa.select(batch_claims).where(batch_claims.c.batch_id == batch_id).order_by(batch_claims.c.ordinal)


def _batched(row: sa.RowMapping) -> BatchedClaim:
    terms = {} if row["answer_days"] is None else {"answer_days": row["answer_days"]}
    return BatchedClaim(
        claim_id=row["claim_id"],
        version=row["version"],
        charged_cents=row["charged_cents"],
        kind=row["kind"],
        **terms,
    )
