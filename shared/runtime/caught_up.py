"""Has a read model of ours seen what happened? A policy that asks one waits until it has."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from shared.events.envelope import START, Position, Recorded
from shared.runtime.queries import NotYet, ReadDatabase

_WAIT_SECONDS = 10.0


class CaughtUp:
    """Many reactions wait for the same read model at once: one of them looks, and the others believe it."""

    def __init__(self, reads: ReadDatabase) -> None:
        self._reads = reads
        self._seen: dict[tuple[str, str], Position] = {}
        self._turns: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def __call__(self, reader: str, cause: Recorded[Any]) -> None:
        """Wait until a reader has seen the cause. Raises TimeoutError, which a policy waits out."""
        service = cause.stored.service
        async with self._turns[reader, service]:
            if cause.position <= self._seen.get((reader, service), START):
                return
            try:
                await self._reads.wait_for(reader, f"{service}:{cause.position}", within_seconds=_WAIT_SECONDS)
            except NotYet as behind:
                raise TimeoutError(f"{reader} is behind") from behind
            if (reached := await self._reached(cause.tenant, reader, service)) is not None:
                self._seen[reader, service] = reached

    async def _reached(self, tenant: str, reader: str, service: str) -> Position | None:
        """Where a read model stands, if one position says it: several partitions move each on their own."""
        async with self._reads.read(tenant) as connection:
            reaches = [
                each for each in await self._reads.reaches(connection, reader) if each.partition.service == service
            ]
        return reaches[0].position if len(reaches) == 1 else None
