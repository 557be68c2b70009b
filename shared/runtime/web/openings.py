"""Who looked at whose data, and who may read the raw document behind an event?

`GET /openings` is the record of every personal value and document that was opened, by subject, actor, purpose or day, newest first.
`GET /documents/{id}` gives the raw file, HL7 message or letter that an event points to; reading it is itself recorded, with its purpose.
Source: 45 CFR 164.312(b), audit controls; 164.528, accounting of disclosures.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from datetime import date, datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, Field

from shared.runtime.documents import Documents
from shared.runtime.identity import Caller
from shared.runtime.vault import Opener
from shared.runtime.web.paging import Limit
from shared.runtime.web.requests import caller

_MEDIA_TYPES = {
    "x12": "application/edi-x12",
    "hl7v2": "application/hl7-v2",
    "fhir": "application/fhir+json",
    "pdf": "application/pdf",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "bai2": "text/plain",
    "csv": "text/csv",
}


class OpeningRecord(Protocol):
    """What the vault tells about openings."""

    async def openings(
        self,
        tenant: str,
        *,
        subject: str | None,
        actor: str | None,
        purpose: str | None,
        day: date | None,
        emergency: int | None,
        before: int | None,
        limit: int,
    ) -> list[dict[str, Any]]: ...


class OpeningRow(BaseModel):
    opening: int
    opened_at: datetime
    actor: str
    subject: str = Field(description="A patient's id, or document/<id>.")
    field: str
    purpose: str
    count: int
    emergency: int | None = Field(
        description="Opened beyond the actor's role, who had broken the glass; null: within it."
    )


class Openings(BaseModel):
    items: list[OpeningRow]
    next: int | None = Field(description="Give it as ?before= for those before; null at the end.")


def openings_router(record: OpeningRecord) -> APIRouter:
    """The record of openings of the caller's tenant."""
    router = APIRouter(tags=["openings"])

    @router.get("/openings")
    async def list_openings(
        who: Annotated[Caller, Depends(caller("openings:read-openings"))],
        subject: Annotated[str | None, Query(max_length=120)] = None,
        actor: Annotated[str | None, Query(max_length=160)] = None,
        purpose: Annotated[str | None, Query(max_length=80)] = None,
        day: Annotated[date | None, Query(description="UTC.")] = None,
        emergency: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
        before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
        limit: Limit = 100,
    ) -> Openings:
        """Who opened whose personal values, what and why, newest first."""
        found = await record.openings(
            who.tenant,
            subject=subject,
            actor=actor,
            purpose=purpose,
            day=day,
            emergency=emergency,
            before=before,
            limit=limit,
        )
        rows = [OpeningRow.model_validate(row) for row in found]
        return Openings(items=rows, next=rows[-1].opening if len(rows) == limit else None)

    return router


def documents_router(documents: Documents) -> APIRouter:
    """Raw documents of the caller's tenant."""
    router = APIRouter(tags=["documents"])

    @router.get("/documents/{document_id}", response_class=Response)
    async def read_document(
        who: Annotated[Caller, Depends(caller("documents:read-document"))],
        document_id: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
        purpose: Annotated[
            str, Query(pattern="^[a-z][a-z-]{2,39}$", description="Why: billing, posting, appeal, audit, …")
        ],
    ) -> Response:
        """The bytes as they came. That they were read, by whom and why, is recorded."""
        document = await documents.get(who.tenant, document_id, Opener(actor=who.actor, purpose=purpose))
        return Response(
            document.content,
            media_type=_MEDIA_TYPES.get(document.kind, "application/octet-stream"),
            # Never shown in a browser as if it were a page of ours.
            headers={"Content-Disposition": f'attachment; filename="{document_id[:16]}"'},
        )

    return router
