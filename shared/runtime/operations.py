"""What does an engineer on call ask a service? Readers, parked events, refused reactions, verification, quiet."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

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
from shared.runtime.fresh_fold import Step
from shared.runtime.invariants import CheckResult, note
from shared.runtime.parked import ParkedDesk
from shared.runtime.progress import Progress, ReaderStatus
from shared.runtime.projection import Projection
from shared.runtime.queries import Covering, ReadDatabase, asc, page
from shared.runtime.rebuild import Rebuilder, Rebuilt
from shared.runtime.refusals import refused_reactions
from shared.runtime.relay import relay_of
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
    busy: Callable[[], Awaitable[list[str]]]
    behind: Callable[[float], Awaitable[list[str]]]
    covering: Covering  # of the feed: `covering(service, None)` is how far a service's log reaches
    feed_name: str
    store_covering: Covering  # of the service's own store, which the relay reads


class ReaderRow(BaseModel):
    name: str
    service: str
    partition: int
    position: str
    watermark: str | None
    owner: str | None


class LagRow(BaseModel):
    """A reader of one partition, or a task, which reads nothing and only has a lease."""

    name: str
    service: str
    partition: int
    position: str
    head: str | None = Field(description="The last event there; null for a task, and when it cannot be told in time.")
    behind: int | None = Field(description="Places to the head, at most: some hold what this reader does not want.")
    watermark: str | None
    owner: str | None
    lease_until: str | None
    lease_epoch: int = Field(description="Grows with each owner.")


class Lag(BaseModel):
    feed: str = Field(description="postgres or kafka")
    readers: list[LagRow]


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
    busy: list[str] = Field(description="What is going on: names of readers, timers, tasks.")


class RebuildBody(_Body):
    projection: str


class RebuildResult(BaseModel):
    projection: str
    version: int
    events: int
    rows: int
    differences: int | None  # between the rows that served and the new ones; null when there was nothing to compare
    differs_in: list[str] = Field(description="Tables and columns of the differences, the first hundred looked at.")


class RebuildProgress(BaseModel):
    """The last rebuild of a read model by this process."""

    projection: str
    state: Literal["running", "done", "failed"]
    phase: str
    percent: int = Field(description="Of the log.")
    events: int
    result: RebuildResult | None


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
    rebuilds: dict[str, RebuildProgress] = {}

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

    @router.get("/lag")
    async def lag(who: Annotated[Caller, Depends(caller("ops:read-readers"))]) -> Lag:
        """How far relay, projections, policies and timers are behind, by partition, and who holds which lease until when."""
        return Lag(feed=operations.feed_name, readers=await _lag(operations))

    @router.get("/freshness")
    async def freshness(who: Annotated[Caller, Depends(caller("ops:read-freshness"))]) -> Freshness:
        """Whether what the read models show is all that there is."""
        services = {operations.service, *(name for each in operations.projections for name in each.reads)}
        heads = await _heads(operations.covering, services)
        if heads is None:  # the relay has not published it: everything that reads is behind
            return Freshness(head=str(START), behind={each.name: 1 for each in operations.projections})
        own = max((at for partition, at in heads.items() if partition.service == operations.service), default=START)
        return Freshness(head=str(own), behind=_behind(operations, heads, await operations.progress.statuses()))

    @router.get("/quiet")
    async def quiet(who: Annotated[Caller, Depends(caller("ops:read-readers"))]) -> Quiet:
        """Whether every reader is at its head, no timer is due and no background work is left."""
        busy = await operations.busy()
        return Quiet(quiet=not busy, busy=busy)

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
        rebuilds[found.name] = _progress(found, "running", Step(phase="fold", events=0, share=0.0))

        def tell(step: Step) -> None:
            rebuilds[found.name] = _progress(found, "running", step)

        try:
            result = _result(await operations.rebuilder.rebuild(found, tell))
        except BaseException:
            rebuilds[found.name] = rebuilds[found.name].model_copy(update={"state": "failed"})
            raise
        rebuilds[found.name] = rebuilds[found.name].model_copy(update={"state": "done", "result": result})
        return result

    @router.get("/rebuilds")
    async def list_rebuilds(who: Annotated[Caller, Depends(caller("ops:read-readers"))]) -> list[RebuildProgress]:
        """How far rebuilds are, and what the last ones found, as this process knows it."""
        return list(rebuilds.values())

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


async def _heads(covering: Covering, services: Iterable[str]) -> Mapping[Partition, Position] | None:
    """How far these logs reach; None when that cannot be told in time."""
    heads: dict[Partition, Position] = {}
    try:
        async with asyncio.timeout(_HEADS_SECONDS):
            for service in services:
                heads |= await covering(service, None)
    except TimeoutError:
        return None
    return heads


async def _lag(operations: Operations) -> list[LagRow]:
    parts, own = operations.parts, operations.service
    reading = {each.name: set(each.reads) for each in operations.projections}
    reading |= {each.name: set(each.reads) for each in parts.policies}
    reading |= {each.name: set(each.reads) for each in parts.timers}
    heads = await _heads(operations.covering, set[str]().union(*reading.values()))
    stored = await _heads(operations.store_covering, [own])
    rows: list[LagRow] = []
    for lease in await operations.progress.leases():
        is_reader = lease.name in reading or lease.name == relay_of(own)
        known = stored if lease.name == relay_of(own) else heads
        head = known.get(lease.partition, START) if is_reader and known is not None else None
        rows.append(
            LagRow(
                name=lease.name,
                service=lease.partition.service,
                partition=lease.partition.number,
                position=str(lease.position),
                head=None if head is None else str(head),
                behind=None if head is None else _places(lease.position, head),
                watermark=lease.watermark.isoformat() if lease.watermark else None,
                owner=lease.owner,
                lease_until=lease.until.isoformat() if lease.until else None,
                lease_epoch=lease.epoch,
            )
        )
    return rows


def _places(position: Position, head: Position) -> int:
    return max(head.pos - position.pos, 1) if head > position else 0


def _progress(projection: Projection, state: Literal["running", "done", "failed"], step: Step) -> RebuildProgress:
    return RebuildProgress(
        projection=projection.name,
        state=state,
        phase=step.phase,
        percent=int(step.share * 100),
        events=step.events,
        result=None,
    )


def _result(rebuilt: Rebuilt) -> RebuildResult:
    found = rebuilt.comparison
    named = {
        f"{each.table}: {', '.join(each.columns) or 'whole rows'}" for each in (found.differences if found else ())
    }
    return RebuildResult(
        projection=rebuilt.projection,
        version=rebuilt.version,
        events=rebuilt.events,
        rows=rebuilt.rows,
        differences=found.difference_count if found else None,
        differs_in=sorted(named),
    )


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
            behind[status.name] = behind.get(status.name, 0) + _places(status.position, head)
    return behind


async def _readers_reach_their_heads(operations: Operations, wait_seconds: float) -> CheckResult:
    result = CheckResult(name="readers reach the heads of what they read", checked=1)
    if await operations.behind(wait_seconds):
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
