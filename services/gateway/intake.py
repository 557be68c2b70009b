"""How is any file taken in, and what became of each message in it?

`POST /intake`: HL7 v2 (one message, several, batches, a recorded MLLP stream), FHIR R4 JSON, X12 or a bank's file, told apart by content. The answer
names each message, its outcome, and findings with place, value and rule. `GET /intake/messages` is the queue of what was kept.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import BaseModel

from services.gateway.bank_files import is_bank_file
from services.gateway.desk import MessageDesk, Planner
from services.gateway.notes import Note
from services.gateway.receipts import PartState, Receipt, Receipts, State
from services.gateway.x12_files import is_x12
from shared.codecs.hl7v2.mllp import split_file
from shared.kernel.errors import Malformed, NotFound
from shared.runtime.vault import Opener
from shared.runtime.web import Caller, Limit, caller, idempotency_key

Outcome: TypeAlias = Literal["accepted", "held", "refused", "ignored"]
Submit = Annotated[Caller, Depends(caller("gateway:submit-message"))]
Reader = Annotated[Caller, Depends(caller("gateway:read-messages"))]
Replay = Annotated[Caller, Depends(caller("gateway:replay-message"))]
Key = Annotated[str, Depends(idempotency_key)]

CONNECTION = "intake"
MESSAGES_A_FILE_MAX = 50_000
SIDE_BY_SIDE_MAX = 8
_OUTCOMES: Mapping[State, Outcome] = {
    State.DONE: "accepted",
    State.RECEIVED: "held",
    State.HELD: "held",
    State.REFUSED: "refused",
    State.IGNORED: "ignored",
}


class FindingView(BaseModel):
    place: str
    value: str
    rule: str
    severity: str


class TakenView(BaseModel):
    """What became of one message of a file."""

    file: str
    message: str  # its control id, else its place in the file
    type: str
    outcome: Outcome
    findings: list[FindingView]
    receipt_id: UUID | None


class PartView(BaseModel):
    place: str
    what: str
    state: str
    code: str
    stream: str


class ReceiptView(BaseModel):
    receipt_id: UUID
    connection: str
    control_id: str
    kind: str
    type: str
    name: str
    document_id: str
    state: State
    outcome: Outcome
    findings: list[FindingView]
    parts: list[PartView]
    attempts: int
    received_at: datetime
    finished_at: datetime | None


class ReceiptPage(BaseModel):
    items: list[ReceiptView]
    next: str | None


class FileTaking:
    """Takes the messages of a file apart and each of them in."""

    def __init__(self, desk: MessageDesk, *, messages: Planner, fhir: Planner, x12: Planner, bank: Planner) -> None:
        self._desk = desk
        self._messages = messages
        self._fhir = fhir
        self._x12 = x12
        self._bank = bank

    async def take(self, tenant: str, content: bytes, name: str, *, connection: str = CONNECTION) -> list[TakenView]:
        """Take in a file. Raises Malformed for an empty one, Unavailable when it cannot be kept."""
        kind = kind_of(content)
        match kind:
            case "x12":
                return [await self._one(tenant, connection, content, self._x12, name, "1")]
            case "fhir":
                return [await self._one(tenant, connection, content, self._fhir, name, "1")]
            case "bank":
                return [await self._one(tenant, connection, content, self._bank, name, "1")]
            case _:
                return await self._hl7(tenant, connection, content, name)

    async def _hl7(self, tenant: str, connection: str, content: bytes, name: str) -> list[TakenView]:
        """Messages of a file in their order: a charge may stand behind its registration."""
        file = split_file(content)
        if len(file.messages) > MESSAGES_A_FILE_MAX:
            raise Malformed(f"a file has {MESSAGES_A_FILE_MAX} messages at most", messages=len(file.messages))
        taken = [
            await self._one(tenant, connection, message, self._messages, name, str(ordinal))
            for ordinal, message in enumerate(file.messages, 1)
        ]
        around = [
            _finding(Note(place=each.place, rule=each.rule, severity="warning", value=each.value))
            for each in file.findings
        ]
        if around and taken:
            taken[-1].findings.extend(around)
        if around and not taken:
            taken.append(_of_file(name, "ignored", around))
        return taken

    async def _one(
        self, tenant: str, connection: str, content: bytes, planner: Planner, name: str, ordinal: str
    ) -> TakenView:
        # Whoever hands a file in may have named it after a patient: they are told its name, and it is kept nowhere.
        kept = "" if connection == CONNECTION else name
        receipt = await self._desk.take(tenant, connection, content, planner, name=kept)
        return TakenView(
            file=name,
            message=receipt.control_id or ordinal,
            type=receipt.type,
            outcome=_OUTCOMES[receipt.state],
            findings=[_finding(note) for note in receipt.notes],
            receipt_id=receipt.receipt_id,
        )


def kind_of(content: bytes) -> Literal["x12", "fhir", "bank", "hl7v2"]:
    """By the first bytes. What is neither X12 nor JSON nor a bank's is read as HL7 v2, whose reader says what is wrong with it."""
    start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if is_x12(start):
        return "x12"
    if is_bank_file(start):
        return "bank"
    return "fhir" if start[:1] in (b"{", b"[") else "hl7v2"


def router(taking: FileTaking, desk: MessageDesk, receipts: Receipts) -> APIRouter:
    routes = APIRouter(prefix="/intake", tags=["intake"])

    @routes.post(
        "",
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}
        },
    )
    async def take_file(
        request: Request,
        who: Submit,
        key: Key,
        name: Annotated[str, Header(alias="X-File-Name", max_length=200, pattern=r"^[^\x00-\x1f]*$")] = "",
    ) -> list[TakenView]:
        """Take in a file; safe to send again. Each message is answered for itself."""
        content = await request.body()
        if not content.strip():
            raise Malformed("the file is empty")
        return await taking.take(who.tenant, content, name)

    @routes.get("/messages")
    async def list_messages(
        who: Reader,
        state: Annotated[list[State] | None, Query()] = None,
        limit: Limit = 50,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
    ) -> ReceiptPage:
        """What was kept, oldest first; without `state`, what waits for a person or a service."""
        wanted = state or [State.HELD, State.REFUSED, State.RECEIVED]
        found = await receipts.page(who.tenant, states=wanted, after=_position(cursor), limit=limit + 1)
        items = [_view(receipt) for receipt in found[:limit]]
        return ReceiptPage(items=items, next=_cursor(found[limit - 1]) if len(found) > limit else None)

    @routes.get("/messages/{receipt_id}")
    async def read_message(receipt_id: UUID, who: Reader) -> ReceiptView:
        """How far one message got."""
        receipt = await receipts.one(who.tenant, receipt_id)
        if receipt is None:
            raise NotFound("there is no such message")
        return _view(receipt)

    @routes.post("/messages/{receipt_id}/replay")
    async def replay_message(receipt_id: UUID, who: Replay, key: Key) -> ReceiptView:
        """Try again what was refused or left waiting. What is committed stays as it is."""
        opener = Opener(actor=who.actor, purpose="replay a message")
        return _view(await desk.finish(who.tenant, receipt_id, opener))

    return routes


def _of_file(name: str, outcome: Outcome, findings: Sequence[FindingView]) -> TakenView:
    return TakenView(file=name, message="", type="", outcome=outcome, findings=list(findings), receipt_id=None)


def _finding(note: Note) -> FindingView:
    return FindingView(place=note.place, value=note.value, rule=note.rule, severity=note.severity)


def _view(receipt: Receipt) -> ReceiptView:
    return ReceiptView(
        receipt_id=receipt.receipt_id,
        connection=receipt.connection,
        control_id=receipt.control_id,
        kind=receipt.kind,
        type=receipt.type,
        name=receipt.name,
        document_id=receipt.document_id,
        state=receipt.state,
        outcome=_OUTCOMES[receipt.state],
        findings=[_finding(note) for note in receipt.notes],
        parts=[_part(part) for part in receipt.parts],
        attempts=receipt.attempts,
        received_at=receipt.received_at,
        finished_at=receipt.finished_at,
    )


def _part(part: PartState) -> PartView:
    return PartView(place=part.place, what=part.what, state=part.state, code=part.code, stream=part.stream)


def _cursor(receipt: Receipt) -> str:
    text = f"{receipt.received_at.isoformat()}|{receipt.receipt_id}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _position(cursor: str | None) -> tuple[datetime, UUID] | None:
    if cursor is None:
        return None
    try:
        moment, _, receipt_id = base64.urlsafe_b64decode(cursor).decode("ascii").partition("|")
        return datetime.fromisoformat(moment), UUID(receipt_id)
    except (ValueError, binascii.Error) as unreadable:
        raise Malformed("the cursor is not one that this service gave") from unreadable
