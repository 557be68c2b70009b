"""Which raw documents say something about a person?

Destroying a person's key closes what was sealed under it. A message, an 835 or a letter has a key of its own, often because it is about
several people: whoever destroys the one must know the others. They are found in the log: the streams that name the person, what
those are called elsewhere (a claim in a batch or a remittance), and every document that any of these streams points to.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from typing import Annotated

import asyncpg
from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from shared.kernel.errors import DomainError
from shared.runtime.availability import StoreUnavailable, outage_means
from shared.runtime.evidence.account import OF_ONE_VISIT
from shared.runtime.identity import Caller
from shared.runtime.tenancy import tenant_transaction
from shared.runtime.web.requests import caller

DOCUMENTS_MAX = 10_000
OF_ONE_PERSON = OF_ONE_VISIT | {
    "patient",
    "patient-account",
    "guarantor-account",
    "appointment",
    "authorization",
    "eligibility-check",
}
_FIND = """
with own as (select distinct stream from events where tenant = $1 and position(convert_to($2, 'UTF8') in data) > 0),
     keys as (select $2::text as key
              union select split_part(stream, '/', 2) from own where split_part(stream, '/', 1) = any($3::text[])),
     near as (select stream from own
              union select e.stream from events e
               where e.tenant = $1 and exists (select from keys k where position(convert_to(k.key, 'UTF8') in e.data) > 0))
select distinct on (found.document_id) found.document_id, e.stream, e.type
  from events e join near using (stream)
  cross join lateral (
    select (regexp_matches(convert_from(e.data, 'UTF8'), '"document_id":"([0-9a-f]{64})"', 'g'))[1] as document_id) found
 where e.tenant = $1 order by found.document_id, e.stream, e.version limit $4
"""


class TooManyDocuments(DomainError):
    code = "too-many-documents"


class DocumentAbout(BaseModel):
    document_id: str
    stream: str = Field(description="Which points to it.")
    type: str = Field(description="Of the event that does.")
    is_about_others: bool = Field(
        description="A batch, a remittance: it names other people too, and falls with its own retention."
    )


class DocumentsAbout(BaseModel):
    items: list[DocumentAbout]


def documents_about_router(pool: asyncpg.Pool) -> APIRouter:
    """Of one service, from its own log."""
    router = APIRouter(tags=["documents"])

    @router.get("/documents-about/{patient_id}")
    async def list_documents_about(
        who: Annotated[Caller, Depends(caller("evidence:read-documents"))],
        patient_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,80}$")],
    ) -> DocumentsAbout:
        """Every raw document that this service has of a patient. Reads the whole log of the tenant: for rare use."""
        with outage_means(StoreUnavailable, "the store"):
            async with tenant_transaction(pool, who.tenant) as connection:
                rows = await connection.fetch(_FIND, who.tenant, patient_id, sorted(OF_ONE_PERSON), DOCUMENTS_MAX + 1)
        if len(rows) > DOCUMENTS_MAX:
            raise TooManyDocuments(f"more than {DOCUMENTS_MAX} documents: this is no patient's id")
        return DocumentsAbout(
            items=[
                DocumentAbout(**dict(row), is_about_others=row["stream"].partition("/")[0] not in OF_ONE_PERSON)
                for row in rows
            ]
        )

    return router
