"""What are a payer's appeal levels, which open denials do they concern, and which last days did a changed rule move?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from services.claims.domain.denial.appeals import AppealTerms, terms_of
from services.claims.projections.denial_queue import denial_queue
from services.claims.projections.directories import claim_payers
from shared.events.denials import AppealDeadlineMoved
from shared.events.eligibility import AppealLevel
from shared.events.envelope import Recorded
from shared.runtime.projection import Projection, Put
from shared.runtime.queries import ReadDatabase, row, rows

appeal_deadlines_moved = sa.Table(
    "appeal_deadlines_moved",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("denial_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),  # of the denial's stream
    sa.Column("payer_id", sa.Text, nullable=False, default=""),
    sa.Column("rule_version", sa.Integer, nullable=False, default=0),
    sa.Column("previous_rule_version", sa.Integer, nullable=False, default=0),
    sa.Column("level", sa.Integer, nullable=False, default=0),
    sa.Column("name", sa.Text, nullable=False, default=""),
    sa.Column("previous_on", sa.Date),
    sa.Column("last_on", sa.Date),
    sa.Column("moved_at", sa.DateTime(timezone=True)),
    sa.Index("appeal_deadlines_moved_by_payer", "tenant", "payer_id", "rule_version"),
)


def apply(recorded: Recorded[AppealDeadlineMoved]) -> Iterator[Put]:
    event = recorded.event
    yield Put(
        table=appeal_deadlines_moved.name,
        key=(event.denial_id, recorded.version),
        values={
            "payer_id": event.payer_id,
            "rule_version": event.clock.rule_version,
            "previous_rule_version": event.previous_rule_version,
            "level": event.clock.level,
            "name": event.clock.name,
            "previous_on": event.previous_on,
            "last_on": event.clock.last_on,
            "moved_at": recorded.recorded_at,
        },
    )


projection = Projection(
    name="claims.appeal-deadlines",
    version=1,
    tables=(appeal_deadlines_moved,),
    reads={"claims": (AppealDeadlineMoved,)},
    apply=apply,
)


class AppealReads:
    """The terms of payers, and the denials that hang on them. `first_appeal_days`: of a payer whose levels nobody listed."""

    def __init__(self, reads: ReadDatabase, *, first_appeal_days: int) -> None:
        self._reads = reads
        self._first_appeal_days = first_appeal_days

    async def terms(self, tenant: str, payer_id: str) -> AppealTerms:
        """The levels of a payer as claims know them now."""
        wanted = (claim_payers.c.appeal_levels, claim_payers.c.listing_version, claim_payers.c.filing_indicator)
        async with self._reads.read(tenant) as connection:
            found = await row(connection, sa.select(*wanted).where(claim_payers.c.payer_id == payer_id))
        levels: Any = (found["appeal_levels"] if found else None) or ()
        return terms_of(
            msgspec.convert(levels, tuple[AppealLevel, ...]),
            version=found["listing_version"] if found else 0,
            filing_indicator=found["filing_indicator"] if found else "",
            first_appeal_days=self._first_appeal_days,
        )

    async def open_denials(self, tenant: str, payer_id: str) -> Sequence[str]:
        """Denials of a payer that are not resolved and whose appeal nobody decides on just now."""
        queue = denial_queue
        found = (
            sa.select(queue.c.denial_id)
            .where(queue.c.payer_id == payer_id, queue.c.is_open, queue.c.status != "appealed")
            .order_by(queue.c.denial_id)
        )
        async with self._reads.read(tenant) as connection:
            return [each["denial_id"] for each in await rows(connection, found)]

    async def all_open_denials(self, tenant: str) -> Sequence[str]:
        found = sa.select(denial_queue.c.denial_id).where(denial_queue.c.is_open).order_by(denial_queue.c.denial_id)
        async with self._reads.read(tenant) as connection:
            return [each["denial_id"] for each in await rows(connection, found)]

    async def payer_of(self, tenant: str, denial_id: str) -> str:
        """Whose denial it is; empty when it is not in the queue."""
        found = sa.select(denial_queue.c.payer_id).where(denial_queue.c.denial_id == denial_id)
        async with self._reads.read(tenant) as connection:
            denial = await row(connection, found)
        return denial["payer_id"] if denial else ""
