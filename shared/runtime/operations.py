"""What does an engineer on call ask a service? Readers, parked events, refused reactions, verification, quiet."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from shared.events.envelope import START, Position
from shared.kernel.errors import Conflict, NotFound
from shared.runtime.codec import EventCodec
from shared.runtime.evidence.check import HeadsCheck
from shared.runtime.evidence.heads import Head
from shared.runtime.evidence.sealer import HeadsDisagree
from shared.runtime.feed import Feed, Partition
from shared.runtime.invariants import CheckResult, note
from shared.runtime.parked import ParkedDesk
from shared.runtime.progress import Progress, ReaderStatus
from shared.runtime.projection import Projection
from shared.runtime.queries import Covering, ReadDatabase, asc, page
from shared.runtime.rebuild import Rebuilder
from shared.runtime.refusals import refused_reactions
from shared.runtime.service import ServiceParts
from shared.runtime.verify import check_store
from shared.runtime.web import Caller, Cursor, Limit, Page, caller, idempotency_key

_VERIFY_WAIT_SECONDS = 30.0
_HEADS_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """What the routes stand on."""

    service: str
    parts: ServiceParts
    projections: Sequence[Projection]
    open_store: Callable[[], Feed]  # the service's own store, whichever feed others read, as it lies there now
    signed_heads: Callable[[], HeadsCheck]
    continue_heads: Callable[[str], Awaitable[Head]]
    codec: EventCodec
    progress: Progress
    desk: ParkedDesk
    rebuilder: Rebuilder
    reads: ReadDatabase
    is_quiet: Callable[[], Awaitable[bool]]
    is_caught_up: Callable[[float], Awaitable[bool]]
    covering: Covering  # of the feed: `covering(service, None)` is how far a service's log reaches


class ReaderRow(BaseModel):
    name: str
    service: str
    partition: int
    position: str
    watermark: str | None
    owner: str | None


class ParkedRow(BaseModel):
    key: dict[str, Any]


class RefusedRow(BaseModel):
    refusal_id: str
    policy: str
    cause_type: str
    cause_stream: str
    aggregate: str
    key: str
    code: str
    message: str


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


class ParkedKeyBody(_Body):
    reader: str
    service: str
    stream: str


class Settled(BaseModel):
    events: int


class Freshness(BaseModel):
    """How far the log of the service reaches, and how far its read models are behind the logs that they read."""

    head: str = Field(description="The last event of this service's own log.")
    behind: dict[str, int] = Field(description="Events behind, at most, by read model; those at the head are left out.")


class Quiet(BaseModel):
    quiet: bool


class RebuildBody(_Body):
    projection: str


class RebuildResult(BaseModel):
    projection: str
    version: int
    events: int
    rows: int
    differences: int | None  # between the rows that served and the new ones; null when there was nothing to compare


class ContinueBody(_Body):
    because: str = Field(
        min_length=3, max_length=200, description="Stays in the signed head for ever: no personal data."
    )


class Continued(BaseModel):
    head: int
    continues: int  # the head that it goes on from; 0: the empty log
    size: int


class Verification(BaseModel):
    ok: bool
    checks: list[dict[str, Any]]


def operations_router(operations: Operations) -> APIRouter:
    """`/ops/…` of a service."""
    router = APIRouter(prefix="/ops", tags=["operations"])

    @router.get("/readers")
    async def readers(who: Annotated[Caller, Depends(caller("ops:read-readers"))]) -> list[ReaderRow]:
        """Where every projection, policy and timer plan stands."""
        return [
            ReaderRow(
                name=status.name,
                service=status.partition.service,
                partition=status.partition.number,
                position=str(status.position),
                watermark=status.watermark.isoformat() if status.watermark else None,
                owner=status.owner,
            )
            for status in await operations.progress.statuses()
        ]

    @router.get("/freshness")
    async def freshness(who: Annotated[Caller, Depends(caller("ops:read-freshness"))]) -> Freshness:
        """Whether what the read models show is all that there is."""
        heads: dict[Partition, Position] = {}
        try:
            async with asyncio.timeout(_HEADS_SECONDS):
                for service in {operations.service, *(name for each in operations.projections for name in each.reads)}:
                    heads |= await operations.covering(service, None)
        except TimeoutError:  # the relay has not published it: everything that reads is behind
            return Freshness(head=str(START), behind={each.name: 1 for each in operations.projections})
        own = max((at for partition, at in heads.items() if partition.service == operations.service), default=START)
        return Freshness(head=str(own), behind=_behind(operations, heads, await operations.progress.statuses()))

    @router.get("/quiet")
    async def quiet(who: Annotated[Caller, Depends(caller("ops:read-readers"))]) -> Quiet:
        """Whether every reader is at its head, no timer is due and no background work is left."""
        return Quiet(quiet=await operations.is_quiet())

    @router.get("/parked")
    async def parked(who: Annotated[Caller, Depends(caller("ops:read-parked"))]) -> list[ParkedRow]:
        """Streams whose events cannot be worked on, by reader."""
        return [ParkedRow(key=asdict(key)) for key in await operations.desk.keys(who.tenant)]

    @router.post("/parked/replay")
    async def replay_parked(
        body: ParkedKeyBody,
        who: Annotated[Caller, Depends(caller("ops:replay-parked"))],
        key: Annotated[str, Depends(idempotency_key)],
    ) -> Settled:
        """Take the parked events of a stream in, in order, and let the stream go on."""
        return Settled(events=await operations.desk.replay(who.tenant, body.reader, body.service, body.stream))

    @router.post("/parked/dismiss")
    async def dismiss(
        body: ParkedKeyBody,
        who: Annotated[Caller, Depends(caller("ops:replay-parked"))],
        key: Annotated[str, Depends(idempotency_key)],
    ) -> Settled:
        """Leave the parked events of a stream out, by decision."""
        return Settled(events=await operations.desk.dismiss(who.tenant, body.reader, body.service, body.stream))

    @router.get("/refused")
    async def refused(
        who: Annotated[Caller, Depends(caller("ops:read-refused"))], limit: Limit = 50, cursor: Cursor = None
    ) -> Page[RefusedRow]:
        """What policies and timers asked for and the business refused."""
        order = (asc(refused_reactions.c.refused_at), asc(refused_reactions.c.refusal_id))
        async with operations.reads.read(who.tenant) as connection:
            found = await page(connection, sa.select(refused_reactions), order=order, limit=limit, cursor=cursor)
            name = f"{operations.service}.refused-reactions"
            return Page[RefusedRow].of(found, await operations.reads.positions(connection, name))

    @router.get("/projections")
    async def projections(who: Annotated[Caller, Depends(caller("ops:read-readers"))]) -> list[str]:
        """The read models of this service."""
        return [projection.name for projection in operations.projections]

    @router.post("/rebuild")
    async def rebuild(
        body: RebuildBody,
        who: Annotated[Caller, Depends(caller("ops:rebuild-projection"))],
        key: Annotated[str, Depends(idempotency_key)],
    ) -> RebuildResult:
        """Build a read model anew from the log beside the live one, compare, and swap."""
        found = next((each for each in operations.projections if each.name == body.projection), None)
        if found is None:
            raise NotFound("this service has no such read model")
        rebuilt = await operations.rebuilder.rebuild(found)
        return RebuildResult(
            projection=rebuilt.projection,
            version=rebuilt.version,
            events=rebuilt.events,
            rows=rebuilt.rows,
            differences=rebuilt.comparison.difference_count if rebuilt.comparison else None,
        )

    @router.get("/verify")
    async def verify(
        who: Annotated[Caller, Depends(caller("ops:read-invariants"))],
        wait: Annotated[float, Query(ge=0, le=60)] = _VERIFY_WAIT_SECONDS,
    ) -> Verification:
        """Check everything that this service has ever recorded, and its read models."""
        results = [await _readers_reach_their_heads(operations, wait)]
        results += await _store_holds(operations)
        results += [await _equals_a_fresh_fold(operations, projection) for projection in operations.projections]
        return Verification(
            ok=not any(result.violations for result in results), checks=[asdict(result) for result in results]
        )

    @router.post("/heads/continue")
    async def continue_heads(
        body: ContinueBody,
        who: Annotated[Caller, Depends(caller("ops:continue-heads"))],
        key: Annotated[str, Depends(idempotency_key)],
    ) -> Continued:
        """After a restore to an earlier moment: give up the heads behind it, in a signed head that says who and why."""
        try:
            head = await operations.continue_heads(f"{body.because} ({who.actor})")
        except HeadsDisagree as error:
            raise Conflict(str(error)) from None
        return Continued(head=head.number, continues=head.continues or 0, size=head.size)

    return router


async def _store_holds(operations: Operations) -> Sequence[CheckResult]:
    store = operations.open_store()
    try:
        return await check_store(
            store, operations.service, operations.codec, operations.parts.invariants, operations.signed_heads()
        )
    finally:
        await store.close()


def _behind(
    operations: Operations, heads: Mapping[Partition, Position], statuses: Sequence[ReaderStatus]
) -> dict[str, int]:
    """Places between a reader and the head, by read model. A place may hold another tenant's event, so it is a bound."""
    names = {projection.name for projection in operations.projections}
    behind: dict[str, int] = {}
    for status in statuses:
        head = heads.get(status.partition)
        if status.name in names and head is not None and head > status.position:
            behind[status.name] = behind.get(status.name, 0) + max(head.pos - status.position.pos, 1)
    return behind


async def _readers_reach_their_heads(operations: Operations, wait_seconds: float) -> CheckResult:
    result = CheckResult(name="readers reach the heads of what they read", checked=1)
    if not await operations.is_caught_up(wait_seconds):
        note(result, operations.service, "all readers at the head", f"some still behind after {wait_seconds:g} s")
    return result


async def _equals_a_fresh_fold(operations: Operations, projection: Projection) -> CheckResult:
    comparison = await operations.rebuilder.compare(projection)
    result = CheckResult(name=f"{projection.name} equals a fresh fold", checked=comparison.rows)
    for difference in comparison.differences:
        where = f"{difference.table} {difference.tenant} {difference.key}"
        found = "missing" if difference.is_missing else "surplus" if difference.is_surplus else "differs in"
        note(result, where, "the row that the log gives", f"{found} {', '.join(difference.columns)}".strip())
    return result
