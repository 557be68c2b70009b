"""How do released claims leave, each once, whatever stops in between?

For each partner: finish what was begun, then begin the next interchange. The steps are facts in the log, and each is safe to take
again: a number is taken (BatchAssembled), the claims are bound to it (ClaimBatched), the bytes are stored (InterchangeStored), the file is
sent under its stored name, and that is noted (InterchangeSent). Nothing is ever written twice for one number. For a partner of paper
a person begins the batch, the bytes are a PDF, and it leaves when a person says that it was mailed (BatchMailed).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID, uuid4

from services.claims.domain.batch.commands import AbandonBatch, MarkSent, StoreInterchange
from services.claims.domain.batch.interchange import InterchangeWriter, WrittenInterchange
from services.claims.domain.batch.state import Batch
from services.claims.domain.claim.commands import ReturnFromBatch, TakeIntoBatch
from services.claims.domain.claim.state import Claim, Stage
from services.claims.domain.errors import (
    BatchAlreadyStored,
    ClaimNotInBatch,
    ClaimNotWaiting,
    NothingToPrint,
    PartnerNotOnPaper,
    PartnerUnknown,
)
from services.claims.domain.partner.commands import AssembleBatch
from services.claims.domain.partner.state import Partner
from shared.events.batches import BatchAssembled, BatchedClaim, Medium, PartnerListed
from shared.events.values import DocumentReference, Finding
from shared.kernel.identifiers import derived_id
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands, Outcome
from shared.runtime.documents import Documents
from shared.runtime.partners import Clearinghouse
from shared.runtime.vault import Opener

ACTOR = "task:claims.send-batches"
CLAIMS_AT_ONCE = 64  # so that the group committer has something to group
_OPENER = Opener(actor=ACTOR, purpose="clearinghouse")
_log = logging.getLogger(__name__)


class Queue(Protocol):
    """The read models that say what waits; they may lag, the streams decide."""

    async def partners_with_work(self, tenant: str) -> Sequence[str]: ...

    async def waiting(self, tenant: str, partner_id: str, limit: int) -> tuple[BatchedClaim, ...]: ...

    async def unfinished(self, tenant: str, partner_id: str) -> Sequence[BatchAssembled]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """The aggregates that sending commands."""

    claim: Aggregate
    partner: Aggregate
    batch: Aggregate


Routes = Callable[[], Awaitable[Mapping[str, Mapping[str, Clearinghouse]]]]  # by tenant and partner


class SendBatches:
    """One round over every partner that this installation is connected to; `step` says whether anything was done."""

    def __init__(
        self,
        *,
        commands: Commands,
        documents: Documents,
        writer: InterchangeWriter,
        paper: InterchangeWriter,
        queue: Queue,
        routes: Routes,
        clock: Clock,
        streams: Streams,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._commands = commands
        self._documents = documents
        self._writer = writer
        self._paper = paper
        self._queue = queue
        self._routes = routes
        self._clock = clock
        self._streams = streams
        self._new_id = new_id
        self._unconnected: set[tuple[str, str]] = set()

    async def step(self) -> bool:
        """Partners are served side by side: one that is down keeps no other waiting, and is raised afterwards."""
        work = [
            self._serve(tenant, partner_id, route)
            for tenant, connected in (await self._routes()).items()
            for partner_id in await self._queue.partners_with_work(tenant)
            if (route := self._route(tenant, partner_id, connected)) is not None
        ]
        results = await asyncio.gather(*work, return_exceptions=True)
        failures = [result for result in results if isinstance(result, Exception)]
        if failures:
            raise ExceptionGroup("some partners could not be served", failures)
        return any(result is True for result in results)

    async def print(self, tenant: str, partner_id: str, cause: Cause) -> Outcome:
        """Write what waits for a partner of paper as one PDF, a batch of one kind; what was begun before is finished with it.

        Raises PartnerUnknown, PartnerNotOnPaper and NothingToPrint.
        """
        state: Partner = await self._commands.state(self._streams.partner, tenant, partner_id)
        if state.listing is None:
            raise PartnerUnknown("no such trading partner is listed", partner=partner_id)
        if state.listing.transport != "paper":
            raise PartnerNotOnPaper("claims for this partner are sent by themselves", partner=partner_id)
        begun = list(await self._queue.unfinished(tenant, partner_id))
        waiting = await self._queue.waiting(tenant, partner_id, state.listing.claims_per_batch_max)
        told = AssembleBatch(claims=waiting)
        outcome = await self._commands.handle(self._streams.partner, partner_id, told, cause)
        begun += [one.event for one in outcome.events if isinstance(one.event, BatchAssembled)]
        unwritten = [each for each in begun if await self._is_unwritten(tenant, each)]
        if not unwritten and not (outcome.is_repeat and outcome.position):
            raise NothingToPrint("no claim waits to be printed", partner=partner_id)
        for assembled in unwritten:
            await self._write(tenant, state.listing, assembled)
        return outcome

    async def _is_unwritten(self, tenant: str, assembled: BatchAssembled) -> bool:
        batch: Batch = await self._commands.state(self._streams.batch, tenant, assembled.batch_id)
        return batch.stored is None and not batch.is_abandoned

    def _route(self, tenant: str, partner_id: str, connected: Mapping[str, Clearinghouse]) -> Clearinghouse | None:
        route = connected.get(partner_id)
        if route is None:
            self._say_unconnected(tenant, partner_id)
        return route

    def _say_unconnected(self, tenant: str, partner_id: str) -> None:
        if (tenant, partner_id) not in self._unconnected:
            self._unconnected.add((tenant, partner_id))
            _log.warning("claims wait for a partner without a connection", extra={"partner_id": partner_id})

    async def _serve(self, tenant: str, partner_id: str, route: Clearinghouse) -> bool:
        state: Partner = await self._commands.state(self._streams.partner, tenant, partner_id)
        if state.listing is None or state.listing.transport == "paper":
            return False  # paper waits for a person
        did_anything = False
        for begun in await self._queue.unfinished(tenant, partner_id):
            did_anything |= await self._finish(tenant, state.listing, begun, route)
        waiting = await self._queue.waiting(tenant, partner_id, state.listing.claims_per_batch_max)
        assembled = await self._assemble(tenant, partner_id, waiting) if waiting else None
        if assembled is not None:
            did_anything |= await self._finish(tenant, state.listing, assembled, route)
        return did_anything

    async def _assemble(self, tenant: str, partner_id: str, waiting: tuple[BatchedClaim, ...]) -> BatchAssembled | None:
        # A fresh id each time: the partner's stream itself knows which claims have a number already.
        cause = Cause(tenant=tenant, actor=ACTOR, command_id=self._new_id(), correlation_id=f"send/{partner_id}")
        outcome = await self._commands.handle(self._streams.partner, partner_id, AssembleBatch(claims=waiting), cause)
        return next((one.event for one in outcome.events if isinstance(one.event, BatchAssembled)), None)

    async def _finish(
        self, tenant: str, partner: PartnerListed, assembled: BatchAssembled, route: Clearinghouse
    ) -> bool:
        """From whatever step was the last: bind, write, store, send, note."""
        batch: Batch = await self._commands.state(self._streams.batch, tenant, assembled.batch_id)
        if batch.is_sent or batch.is_abandoned:
            return False
        if batch.stored is None:
            await self._write(tenant, partner, assembled)
            batch = await self._commands.state(self._streams.batch, tenant, assembled.batch_id)
        if batch.stored is None:
            return True  # abandoned: nothing of it could be written
        document = await self._documents.get(tenant, batch.stored.document.document_id, _OPENER)
        await route.send(batch.stored.file_name, document.content)
        await self._tell(tenant, self._streams.batch, assembled.batch_id, MarkSent(), "sent", assembled.batch_id)
        return True

    async def _write(self, tenant: str, partner: PartnerListed, assembled: BatchAssembled) -> None:
        states = await self._bind(tenant, assembled)
        bound = [(claim, state.content) for claim, state in states if state.content is not None]
        attachments = {claim.claim_id: state.attachments for claim, state in states if state.attachments}
        is_paper = partner.transport == "paper"
        written = await (self._paper if is_paper else self._writer).write(
            tenant,
            partner,
            batch_id=assembled.batch_id,
            control_number=assembled.control_number,
            claims=bound,
            written_at=self._clock.now(),
            attachments=attachments,
        )
        for claim_id, findings in written.refused.items():
            await self._give_back(tenant, assembled, claim_id, findings)
        bound_ids = {claim.claim_id for claim, _ in bound}
        late = [claim.claim_id for claim in assembled.claims if claim.claim_id not in bound_ids]
        medium: Medium = "paper" if is_paper else "electronic"
        await self._store(tenant, assembled, written, refused=(*written.refused, *late), medium=medium)

    async def _bind(self, tenant: str, assembled: BatchAssembled) -> list[tuple[BatchedClaim, Claim]]:
        """Those that still wait in this version; a claim that was held or changed meanwhile stays out."""
        bound: list[tuple[BatchedClaim, Claim]] = []
        for start in range(0, len(assembled.claims), CLAIMS_AT_ONCE):
            part = assembled.claims[start : start + CLAIMS_AT_ONCE]
            states = await asyncio.gather(*(self._take(tenant, assembled, claim) for claim in part))
            bound += [(claim, state) for claim, state in zip(part, states, strict=True) if state is not None]
        return bound

    async def _take(self, tenant: str, assembled: BatchAssembled, claim: BatchedClaim) -> Claim | None:
        take = TakeIntoBatch(
            version=claim.version,
            partner_id=assembled.partner_id,
            batch_id=assembled.batch_id,
            control_number=assembled.control_number,
        )
        try:
            await self._tell(tenant, self._streams.claim, claim.claim_id, take, "take", assembled.batch_id)
        except ClaimNotWaiting:
            return None
        state: Claim = await self._commands.state(self._streams.claim, tenant, claim.claim_id)
        is_bound = state.stage is Stage.BATCHED and state.batch_id == assembled.batch_id
        return state if is_bound else None

    async def _give_back(
        self, tenant: str, assembled: BatchAssembled, claim_id: str, findings: tuple[Finding, ...]
    ) -> None:
        back = ReturnFromBatch(batch_id=assembled.batch_id, findings=findings)
        try:
            await self._tell(tenant, self._streams.claim, claim_id, back, "give-back", assembled.batch_id)
        except ClaimNotInBatch:
            return  # It was given back before we stopped the last time.

    async def _store(
        self,
        tenant: str,
        assembled: BatchAssembled,
        written: WrittenInterchange,
        *,
        refused: tuple[str, ...],
        medium: Medium,
    ) -> None:
        """The bytes first, then the fact that names them."""
        command: StoreInterchange | AbandonBatch
        if written.sets:
            document_id = await self._documents.put(tenant, written.content, "x12" if medium == "electronic" else "pdf")
            command = StoreInterchange(
                partner_id=assembled.partner_id,
                batch_id=assembled.batch_id,
                control_number=assembled.control_number,
                file_name=written.file_name,
                document=DocumentReference(document_id=document_id),
                sets=written.sets,
                refused_claim_ids=refused,
                medium=medium,
            )
        else:
            command = AbandonBatch(
                partner_id=assembled.partner_id,
                batch_id=assembled.batch_id,
                control_number=assembled.control_number,
                refused_claim_ids=refused,
            )
        try:
            await self._tell(tenant, self._streams.batch, assembled.batch_id, command, "store", assembled.batch_id)
        except BatchAlreadyStored:
            return  # The first bytes stay the batch's bytes.

    async def _tell(self, tenant: str, aggregate: Aggregate, key: str, command: Any, step: str, batch_id: str) -> None:
        cause = Cause(
            tenant=tenant,
            actor=ACTOR,
            command_id=_command_id(tenant, batch_id, step, key),
            correlation_id=f"batch/{batch_id}",
        )
        await self._commands.handle(aggregate, key, command, cause)


def _command_id(tenant: str, batch_id: str, step: str, key: str) -> UUID:
    return derived_id("claims.send-batches", tenant, batch_id, step, key)
