"""What happens to every message, by whichever door it comes in?

It is read to its end, kept raw, given a receipt, and its parts are sent to the services; accepted means that every part is committed.
The same message again goes on where the first try stopped, and has one effect.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Protocol
from uuid import UUID, uuid4

from services.gateway.delivery import REFUSED, WAITING, Delivery, waiting
from services.gateway.mapping.naming import Naming
from services.gateway.notes import Note, has_errors
from services.gateway.parts import Fate, Plan
from services.gateway.receipts import Answer, PartState, Receipt, Receipts, State
from services.gateway.settings import GatewaySettings
from shared.kernel.errors import NotFound
from shared.runtime.availability import Unavailable
from shared.runtime.clock import Clock
from shared.runtime.documents import Documents
from shared.runtime.vault import Opener, Vault

_LOG = logging.getLogger(__name__)
_LONG_BYTES = 256 * 1024
_NAMES_MAX = 20_000
_TYPE, _ID = rb"(Patient|Encounter|Coverage|ChargeItem)", rb"([A-Za-z0-9.-]{1,64})"
_FHIR_IDS = re.compile(
    rb'"reference"\s*:\s*"(?:[^"]*/)?%b/%b(?:/_history/[^"]*)?"' % (_TYPE, _ID)
    + rb'|"resourceType"\s*:\s*"%b"\s*,\s*"id"\s*:\s*"%b"' % (_TYPE, _ID)
)
_DUPLICATE = Note(place="MSH-10", rule="duplicate control id: the sender gave it to another message before", code="205")
_FINISHER = Opener(actor="service:gateway", purpose="finish what a message asked for")


class Planner(Protocol):
    """Reads one message of a kind. Never raises, whatever the bytes are."""

    def __call__(self, content: bytes, naming: Naming) -> Plan: ...


class MessageDesk:
    def __init__(
        self,
        receipts: Receipts,
        documents: Documents,
        vault: Vault,
        delivery: Delivery,
        clock: Clock,
        settings: GatewaySettings,
        planners: Mapping[str, Planner],
    ) -> None:
        self._receipts = receipts
        self._documents = documents
        self._vault = vault
        self._delivery = delivery
        self._clock = clock
        self._settings = settings
        self._planners = planners  # by the kind of a kept document, to finish a message later

    async def naming(self, tenant: str, connection: str, content: bytes) -> Naming:
        return Naming(
            key=await self._vault.tenant_key(tenant),
            document_id=hashlib.sha256(content).hexdigest(),
            zone=self._settings.zone,
            known=await self._receipts.known(tenant, connection, _named_in(content)),
        )

    async def take(self, tenant: str, connection: str, content: bytes, planner: Planner, *, name: str = "") -> Receipt:
        """Take in one message. Raises Unavailable when it cannot even be kept: then nothing was taken in."""
        naming = await self.naming(tenant, connection, content)
        plan = await _planned(planner, content, naming)
        fresh = self._fresh(connection, plan, naming, name)
        await self._documents.put(tenant, content, plan.kind)
        is_named = connection.startswith("mllp") and bool(plan.control_id)
        within = timedelta(days=self._settings.control_id_days) if is_named else None
        kept = await self._receipts.take(tenant, fresh, within=within)
        if kept is None:  # the first message under this id stands
            return replace(fresh, state=State.REFUSED, answer=Answer.FAULTY, notes=(_DUPLICATE,), parts=())
        await self._receipts.remember(tenant, connection, plan.names)
        return await self._go_on(tenant, kept, plan)

    async def finish(self, tenant: str, receipt_id: UUID, opener: Opener = _FINISHER) -> Receipt:
        """Go on with a kept message. Raises NotFound, Unavailable."""
        receipt = await self._receipts.one(tenant, receipt_id)
        if receipt is None:
            raise NotFound("there is no such message")
        planner = self._planners.get(receipt.kind)
        if receipt.state is State.DONE or planner is None:
            return receipt
        document = await self._documents.get(tenant, receipt.document_id, opener)
        naming = await self.naming(tenant, receipt.connection, document.content)
        plan = await _planned(planner, document.content, naming)
        return await self._go_on(tenant, receipt, plan)

    async def finish_some(self) -> bool:
        """One round over messages that a service could not take before. Says whether anything was finished.

        One that cannot be gone on with holds up no other. Raises Unavailable.
        """
        is_any = False
        for tenant, receipt_id in await self._receipts.unfinished():
            try:
                receipt = await self.finish(tenant, receipt_id)
                is_any |= receipt.state is not State.RECEIVED
            except Unavailable:
                raise
            except Exception as bug:  # noqa: BLE001  logged here once; it is tried again, after the others
                facts = {"receipt_id": str(receipt_id), "tenant": tenant}
                _LOG.error("a kept message could not be gone on with", extra=facts, exc_info=bug)
                await self._receipts.postpone(tenant, receipt_id, seconds=self._settings.retry_seconds_max)
        return is_any

    async def _go_on(self, tenant: str, receipt: Receipt, plan: Plan) -> Receipt:
        """Deliver what is not committed yet, and write how far it got."""
        is_finished = receipt.state in (State.DONE, State.IGNORED) or plan.fate not in (Fate.DELIVER, Fate.HOLD)
        if is_finished or not plan.parts:
            return receipt
        states, said = await self._delivery.deliver(tenant, receipt.receipt_id, plan.parts, receipt.parts)
        if plan.explained and any(each.state == REFUSED for each in states):
            said = (*said, *await asyncio.to_thread(plan.explained))
        reached = self._reached(receipt, plan, states, said)
        if reached.state is State.RECEIVED:
            _LOG.warning("a message waits for a service", extra={"receipt_id": str(receipt.receipt_id)})
        pause = min(float(2 ** min(receipt.attempts, 10)), self._settings.retry_seconds_max)
        return await self._receipts.progress(tenant, reached, retry_seconds=pause)

    def _reached(self, receipt: Receipt, plan: Plan, states: tuple[PartState, ...], said: tuple[Note, ...]) -> Receipt:
        notes = (*plan.notes, *said)
        if any(each.state == WAITING for each in states):
            return replace(receipt, state=State.RECEIVED, answer=Answer.LATER, notes=notes, parts=states)
        finished = replace(receipt, notes=notes, parts=states, finished_at=self._clock.now())
        if any(each.state == REFUSED for each in states):
            return replace(finished, state=State.HELD, answer=Answer.FAULTY)
        if has_errors(plan.notes):  # of a batch, what could be used was
            return replace(finished, state=State.HELD, answer=Answer.FAULTY)
        is_held = plan.fate is Fate.HOLD or any(note.severity == "held" for note in said)
        return replace(finished, state=State.HELD if is_held else State.DONE, answer=Answer.ACCEPTED)

    def _fresh(self, connection: str, plan: Plan, naming: Naming, name: str) -> Receipt:
        """The receipt as it is before anything was sent."""
        now = self._clock.now()
        state, answer = _AT_FIRST[plan.fate] if plan.parts or plan.fate is not Fate.DELIVER else _NOTHING_TO_DO
        if plan.fate is Fate.HOLD and not plan.parts:
            state, answer = State.HELD, Answer.ACCEPTED
        return Receipt(
            receipt_id=uuid4(),
            connection=connection,
            sender=plan.sender,
            # A file is known by its content: what its sender called the message counts on a connection only.
            control_id=plan.control_id,
            body_hash=naming.document_id,
            kind=plan.kind,
            type=plan.type,
            name=name,
            document_id=naming.document_id,
            state=state,
            answer=answer,
            notes=plan.notes,
            parts=tuple(waiting(part) for part in plan.parts),
            attempts=0,
            received_at=now,
            finished_at=None if state is State.RECEIVED else now,
        )


def _named_in(content: bytes) -> list[tuple[str, str]]:
    """The resources that a FHIR document speaks of by its sender's ids."""
    if content.lstrip()[:1] != b"{":
        return []
    found = itertools.islice(_FHIR_IDS.finditer(content), _NAMES_MAX)
    pairs = (((match[1] or match[3]).decode(), (match[2] or match[4]).decode()) for match in found)
    return list(dict.fromkeys(pairs))


async def _planned(planner: Planner, content: bytes, naming: Naming) -> Plan:
    """A long document is read beside the event loop, so that others are not held up."""
    if len(content) < _LONG_BYTES:
        return planner(content, naming)
    return await asyncio.to_thread(planner, content, naming)


_NOTHING_TO_DO = (State.DONE, Answer.ACCEPTED)
_AT_FIRST: Mapping[Fate, tuple[State, Answer]] = {
    Fate.DELIVER: (State.RECEIVED, Answer.LATER),
    Fate.HOLD: (State.RECEIVED, Answer.LATER),
    Fate.IGNORE: (State.IGNORED, Answer.ACCEPTED),
    Fate.REFUSE_CONTENT: (State.REFUSED, Answer.FAULTY),
    Fate.REFUSE: (State.REFUSED, Answer.REFUSED),
}
