"""How does a file with remittances come in, and how is it read again?

A file is stored raw first. Each 835 of it is then received in its own transaction; whatever was not received when something
stopped in the middle is received when the file is sent again. A second payment under a used trace number is held, not lost.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from services.payments.adapters.x12_remittance import RemittanceRead, read_remittances
from services.payments.domain.days import happened_at
from services.payments.domain.remittance.commands import (
    PRODUCTION,
    HoldReusedTrace,
    ReceiveRemittance,
    RemittanceTold,
    Usage,
)
from shared.events.payments import ClaimAnswer, RemittanceHeld, RemittanceReceived
from shared.events.values import DocumentReference, Finding
from shared.kernel.errors import Malformed
from shared.kernel.identifiers import derived_id
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, BusinessKeyTaken, Cause, Commands, Outcome
from shared.runtime.documents import Documents
from shared.runtime.vault import Opener

_FILES_REMEMBERED = 2


class NoRemittance(Malformed):
    """The file was kept, and there is no 835 in it."""

    code = "no-remittance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What became of one 835."""

    control_number: str  # ST02
    remittance_id: str
    trace_number: str
    payment_cents: int
    outcome: Literal["accepted", "held", "known"]
    findings: tuple[Finding, ...]
    done: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """Who typed a remittance in, and what they read it from."""

    entered_by: str
    image: DocumentReference | None


class RemittanceFiles:
    """Takes files in, and reads the answers of a remittance from the file that it came in."""

    def __init__(
        self,
        *,
        commands: Commands,
        documents: Documents,
        clock: Clock,
        remittances: Aggregate,
        usage: Usage = PRODUCTION,
    ) -> None:
        self._commands = commands
        self._documents = documents
        self._clock = clock
        self._remittances = remittances
        self._usage: Usage = usage  # of the installation
        self._read: OrderedDict[tuple[str, str], Sequence[RemittanceRead]] = OrderedDict()
        self._one_reading = asyncio.Lock()  # the remittances of one file are asked for at the same time

    async def receive(self, content: bytes, cause: Cause, paper: Paper | None = None) -> list[Received]:
        """Store the file, then receive each of its 835s. Safe to repeat. Raises NoRemittance, and what the store raises.

        `paper`: from which somebody typed it in.
        """
        document_id = await self._documents.put(cause.tenant, content, "x12")
        remittances = await asyncio.to_thread(read_remittances, content, document_id)
        if not remittances:
            raise NoRemittance("the file has no 835 that can be read", document_id=document_id)
        if paper is not None:
            by, image = paper.entered_by, paper.image
            told = [replace(each.told, entered_by=by, image=image, usage=None) for each in remittances]
            remittances = [replace(each, told=known) for each, known in zip(remittances, told, strict=True)]
        return [await self._receive(each, cause, index) for index, each in enumerate(remittances, start=1)]

    async def answers(self, tenant: str, remittance_id: str, document: DocumentReference) -> Sequence[ClaimAnswer]:
        """What the 835 at this place of this document says, claim by claim. Raises LookupError when it is not there."""
        for each in await self._remittances_in(tenant, document.document_id):
            if (each.told.remittance_id, each.told.document) == (remittance_id, document):
                return await asyncio.to_thread(each.answers)
        raise LookupError("the document does not hold this remittance at this place")

    async def _receive(self, read: RemittanceRead, cause: Cause, index: int) -> Received:
        told = read.told
        paid_at = happened_at(told.payment_on, self._clock.now())
        own = replace(cause, command_id=derived_id(cause.command_id, "835", index), occurred_at=paid_at)
        try:
            receive = ReceiveRemittance(told=told, usage_here=self._usage)
            outcome = await self._commands.handle(self._remittances, told.remittance_id, receive, own)
        except BusinessKeyTaken as taken:
            first = str(taken.facts["stream"]).partition("/")[2]
            hold = HoldReusedTrace(told=told, first_remittance_id=first)
            twin = replace(own, command_id=derived_id(own.command_id, "held"))
            outcome = await self._commands.handle(self._remittances, told.remittance_id, hold, twin)
        return await self._received(read, outcome, cause.tenant)

    async def _received(self, read: RemittanceRead, outcome: Outcome, tenant: str) -> Received:
        events = [recorded.event for recorded in outcome.events]
        held = next((event for event in events if isinstance(event, RemittanceHeld)), None)
        is_new = any(isinstance(event, RemittanceReceived) for event in events)
        is_held = held is not None or (not events and not await self._is_received(tenant, read.told))
        return Received(
            control_number=read.control_number,
            remittance_id=read.told.remittance_id,
            trace_number=read.told.trace_number,
            payment_cents=read.told.payment_cents,
            outcome="accepted" if is_new else "held" if is_held else "known",
            findings=held.findings if held else read.told.findings,
            done=outcome,
        )

    async def _is_received(self, tenant: str, told: RemittanceTold) -> bool:
        state = await self._commands.state(self._remittances, tenant, told.remittance_id)
        return bool(state.is_received)

    async def _remittances_in(self, tenant: str, document_id: str) -> Sequence[RemittanceRead]:
        """A file with many 835s is read for each of them, so the last ones are remembered."""
        key = (tenant, document_id)
        async with self._one_reading:
            if key not in self._read:
                opener = Opener(actor="policy:payments.post-remittances", purpose="posting a remittance")
                document = await self._documents.get(tenant, document_id, opener)
                self._read[key] = await asyncio.to_thread(read_remittances, document.content, document_id)
                while len(self._read) > _FILES_REMEMBERED:
                    self._read.popitem(last=False)
            return self._read[key]
