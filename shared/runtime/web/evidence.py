"""Who may take the evidence about an account with them?

`GET /evidence/{account_id}` answers the service's signed document about one account of the caller's tenant. With `purpose`, personal values are
opened beside the events, and who opened them and why is recorded. Asking may make a head of the log; it changes no fact.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from typing import Annotated, Protocol

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field

from shared.runtime.identity import Caller
from shared.runtime.web.requests import caller


class Document(Protocol):
    """A text, and its signature in hex."""

    @property
    def text(self) -> str: ...

    @property
    def signature(self) -> str: ...


class Evidence(Protocol):
    """What makes documents."""

    async def document(self, tenant: str, account: str, *, actor: str, purpose: str | None) -> Document: ...


class EvidenceDocument(BaseModel):
    text: str = Field(description="The document as JSON: exactly the bytes that are signed.")
    signature: str = Field(description="Ed25519, in hex, over a line that names the kind and the text.")


def evidence_router(evidence: Evidence) -> APIRouter:
    """`/evidence/…` of a service."""
    router = APIRouter(tags=["evidence"])

    @router.get("/evidence/{account_id}")
    async def read_evidence(
        who: Annotated[Caller, Depends(caller("evidence:read-account"))],
        account_id: Annotated[str, Path(pattern="^[0-9A-Z]{16}$")],
        purpose: Annotated[
            str | None,
            Query(pattern="^[a-z][a-z-]{2,39}$", description="Why personal values are to be opened: audit, appeal, …"),
        ] = None,
    ) -> EvidenceDocument:
        """Everything that this service has recorded about an account, as it can be checked offline."""
        document = await evidence.document(who.tenant, account_id, actor=who.actor, purpose=purpose)
        return EvidenceDocument(text=document.text, signature=document.signature)

    return router
