"""What happened to the claims of a range of days, as it was known at a position of the log?

For questions about the past: each claim is read from its own events, some at a time, and the same position gives the same events again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from services.claims.projections import claims_worklist
from shared.events.envelope import START, Position, Recorded
from shared.runtime.command import Aggregate, Commands
from shared.runtime.queries import ReadDatabase

_AT_ONCE = 8  # claims that are read at the same time
_WORKLIST = claims_worklist.projection.name


class PastClaims:
    def __init__(self, commands: Commands, reads: ReadDatabase, claim: Aggregate) -> None:
        self._commands = commands
        self._reads = reads
        self._claim = claim

    async def known_until(self, tenant: str, until: str) -> Position:
        """The position that is asked for, once the list of claims has seen it; empty: as far as all of the list has."""
        if until:
            await self._reads.wait_for(_WORKLIST, f"claims:{until}")
            return Position.parse(until)
        async with self._reads.read(tenant) as connection:
            reached = [reach.position for reach in await self._reads.reaches(connection, _WORKLIST)]
        return min(reached, default=START)

    async def streams(self, tenant: str, claim_ids: Sequence[str]) -> AsyncIterator[Sequence[Recorded[Any]]]:
        """The events of each claim, in the order of the claims."""
        for at in range(0, len(claim_ids), _AT_ONCE):
            part = claim_ids[at : at + _AT_ONCE]
            found = await asyncio.gather(
                *(self._commands.recorded_stream(tenant, self._claim.stream(claim_id)) for claim_id in part)
            )
            for stream in found:
                yield stream
