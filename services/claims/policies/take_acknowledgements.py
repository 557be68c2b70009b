"""What happens when a partner's acknowledgement file comes in?

It is stored first; then each part becomes a command of its own, whose id follows from the file's content, so the same file has one
effect however often and under whatever key it comes. A part that cannot be matched is told to the sender and keeps the file in a
queue, where a person can have it tried again; it never stops the parts beside it. An acknowledgement proves the sending: it may
arrive before we have noted that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol
from uuid import UUID

from services.claims.domain.batch.acknowledgement import (
    BatchRefused,
    BatchTold,
    ClaimTold,
    Parties,
    Reading,
    Told,
)
from services.claims.domain.batch.commands import MarkSent, RecordAcknowledgement
from services.claims.domain.batch.state import Batch
from services.claims.domain.claim.commands import RecordStatus, RecordSubmission
from services.claims.domain.claim.state import Claim
from services.claims.domain.errors import BatchUnknown, ClaimIsBeingSent, ClaimUnknown
from services.claims.domain.held_message.decider import HeldMessage, HoldMessage, RecordReplay
from services.claims.domain.partner.decider import batch_id_of
from shared.events.values import DocumentReference, Finding
from shared.kernel.errors import Conflict, DomainError
from shared.kernel.identifiers import derived_id
from shared.runtime.availability import Unavailable
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands, TooBusy
from shared.runtime.documents import Documents
from shared.runtime.vault import Opener

KIND = "x12"
NOT_OURS = "(not a claim number of ours)"  # it is not repeated: it may be anybody's
_CLAIM_NUMBER = re.compile(r"[0-9A-Z]{17}")
_WORTH_RETRYING = (Conflict, TooBusy, Unavailable)  # nothing was decided: the sender sends the file again


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of one part of the file."""

    about: str  # batch or claim id
    kind: str
    is_recorded: bool
    is_repeat: bool = False
    code: str = ""  # of the refusal
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenFile:
    document_id: str
    parts: tuple[Taken, ...]
    findings: tuple[Finding, ...]


class Partners(Protocol):
    """Which partners exchange interchanges between these two."""

    async def between(self, tenant: str, parties: Parties) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    claim: Aggregate
    batch: Aggregate
    held_message: Aggregate


class TakeAcknowledgements:
    """Files in, facts in the log."""

    def __init__(
        self,
        *,
        commands: Commands,
        documents: Documents,
        read: Callable[[bytes, str], Reading],
        partners: Partners,
        streams: Streams,
        clock: Clock,
        status_wait_days: int,
        information_days: int,
    ) -> None:
        self._information_days = information_days
        self._clock = clock
        self._status_wait_days = status_wait_days
        self._commands = commands
        self._documents = documents
        self._read = read
        self._partners = partners
        self._streams = streams

    async def take(self, content: bytes, cause: Cause) -> TakenFile:
        """Raises what keeps the file from being stored; then nothing of it was taken."""
        document_id = await self._documents.put(cause.tenant, content, KIND)
        taken = await self._take(content, document_id, cause)
        if taken.findings:
            hold = HoldMessage(
                message_id=document_id,
                kind=KIND,
                findings=taken.findings,
                document=DocumentReference(document_id=document_id),
            )
            await self._handle(self._streams.held_message, document_id, hold, cause, document_id, "hold")
        return taken

    async def replay(self, message_id: str, cause: Cause) -> TakenFile:
        """Try a held file again. Raises MessageUnknown."""
        state: HeldMessage = await self._commands.state(self._streams.held_message, cause.tenant, message_id)
        if state.held is None:
            await self._commands.handle(self._streams.held_message, message_id, RecordReplay(findings=()), cause)
        opener = Opener(actor=cause.actor, purpose="billing")
        document = await self._documents.get(cause.tenant, message_id, opener)
        taken = await self._take(document.content, message_id, cause)
        replay = RecordReplay(findings=taken.findings)
        await self._commands.handle(self._streams.held_message, message_id, replay, cause)
        return taken

    async def _take(self, content: bytes, document_id: str, cause: Cause) -> TakenFile:
        reading = self._read(content, document_id)
        parts = [
            part
            for ordinal, told in enumerate(reading.told)
            for part in await self._dispatch(told, cause, document_id, ordinal)
        ]
        errors = [finding for finding in reading.findings if finding.severity == "error"]
        unmatched = [
            Finding(rule=part.code, place=f"{part.kind} about {part.about}", message=part.rule)
            for part in parts
            if not part.is_recorded
        ]
        return TakenFile(document_id=document_id, parts=tuple(parts), findings=(*errors, *unmatched))

    async def _dispatch(self, told: Told, cause: Cause, document_id: str, ordinal: int) -> list[Taken]:
        match told:
            case BatchTold():
                return [await self._batch(told, cause, document_id, ordinal)]
            case BatchRefused():
                return await self._refused_batch(told, cause, document_id, ordinal)
            case ClaimTold():
                return [await self._claim(self._timed(told), cause, document_id, str(ordinal))]

    def _timed(self, told: ClaimTold) -> ClaimTold:
        """A status says nothing about when to ask again: that follows from when we hear it."""
        if not isinstance(told.command, RecordStatus):
            return told
        on = self._clock.now().date()
        command = replace(
            told.command, on=on, wait_days=self._status_wait_days, information_days=self._information_days
        )
        return replace(told, command=command)

    async def _batch(self, told: BatchTold, cause: Cause, document_id: str, ordinal: int) -> Taken:
        kind = told.command.kind
        batch_id = await self._batch_of(told.parties, told.control_number, cause.tenant)
        if batch_id is None:
            return _refused(f"{told.control_number:09d}", kind, BatchUnknown("no interchange of this number was sent"))
        return await self._recorded(self._streams.batch, batch_id, told.command, kind, cause, document_id, str(ordinal))

    async def _refused_batch(self, told: BatchRefused, cause: Cause, document_id: str, ordinal: int) -> list[Taken]:
        """Every claim of the batch that the file does not name by itself."""
        batch_id = await self._batch_of(told.parties, told.control_number, cause.tenant)
        if batch_id is None:
            unknown = BatchUnknown("no interchange of this number was sent")
            return [_refused(f"{told.control_number:09d}", "277CA", unknown)]
        batch: Batch = await self._commands.state(self._streams.batch, cause.tenant, batch_id)
        silent = [claim.claim_id for claim in batch.claims if claim.claim_id not in told.named_claim_ids]
        return [
            await self._claim(
                ClaimTold(claim_id=claim_id, command=told.command), cause, document_id, f"{ordinal}/{claim_id}"
            )
            for claim_id in silent
        ]

    async def _batch_of(self, parties: Parties, control_number: int, tenant: str) -> str | None:
        for partner_id in await self._partners.between(tenant, parties):
            batch_id = batch_id_of(partner_id, control_number)
            batch: Batch = await self._commands.state(self._streams.batch, tenant, batch_id)
            if batch.stored is not None:
                return batch_id
        return None

    async def _claim(self, told: ClaimTold, cause: Cause, document_id: str, part: str) -> Taken:
        kind = type(told.command).__name__
        if not _CLAIM_NUMBER.fullmatch(told.claim_id):
            return _refused(NOT_OURS, kind, ClaimUnknown("the file names a claim number that is not one of ours"))
        try:
            outcome = await self._handle(self._streams.claim, told.claim_id, told.command, cause, document_id, part)
        except ClaimIsBeingSent:
            await self._note_sending(told.claim_id, cause)
            return await self._recorded(
                self._streams.claim, told.claim_id, told.command, kind, cause, document_id, part
            )
        except _WORTH_RETRYING:
            raise
        except DomainError as refusal:
            return _refused(told.claim_id, kind, refusal)
        return Taken(about=told.claim_id, kind=kind, is_recorded=True, is_repeat=outcome.is_repeat)

    async def _note_sending(self, claim_id: str, cause: Cause) -> None:
        """The claim is still bound to its batch, and the partner answers it: so the batch was sent."""
        claim: Claim = await self._commands.state(self._streams.claim, cause.tenant, claim_id)
        batch: Batch = await self._commands.state(self._streams.batch, cause.tenant, claim.batch_id)
        if batch.stored is None:
            return
        await self._handle(self._streams.batch, claim.batch_id, MarkSent(), cause, claim.batch_id, "sent")
        terms = next(each for each in batch.claims if each.claim_id == claim_id)
        submission = RecordSubmission(
            partner_id=batch.stored.partner_id,
            batch_id=claim.batch_id,
            control_number=batch.stored.control_number,
            document=batch.stored.document,
            answer_days=terms.answer_days,
        )
        await self._handle(self._streams.claim, claim_id, submission, cause, claim.batch_id, "submitted")

    async def _recorded(
        self,
        aggregate: Aggregate,
        key: str,
        command: RecordAcknowledgement | Any,
        kind: str,
        cause: Cause,
        document_id: str,
        part: str,
    ) -> Taken:
        try:
            outcome = await self._handle(aggregate, key, command, cause, document_id, part)
        except _WORTH_RETRYING:
            raise
        except DomainError as refusal:
            return _refused(key, kind, refusal)
        return Taken(about=key, kind=kind, is_recorded=True, is_repeat=outcome.is_repeat)

    async def _handle(
        self, aggregate: Aggregate, key: str, command: Any, cause: Cause, document_id: str, part: str
    ) -> Any:
        own = Cause(
            tenant=cause.tenant,
            actor=cause.actor,
            command_id=_command_id(cause.tenant, document_id, aggregate.name, key, part),
            correlation_id=cause.correlation_id,
            causation_id=f"document:{document_id}",
        )
        return await self._commands.handle(aggregate, key, command, own)


def _command_id(tenant: str, document_id: str, aggregate: str, key: str, part: str) -> UUID:
    return derived_id("claims.take-acknowledgements", tenant, document_id, aggregate, key, part)


def _refused(about: str, kind: str, refusal: DomainError) -> Taken:
    return Taken(about=about, kind=kind, is_recorded=False, code=refusal.code, rule=refusal.message)
