"""`/emergencies`: breaking the glass, and who did.

While one stands its actor may also read what `EMERGENCY_ACTIONS` names, over the services' APIs; each opening beyond their role is marked.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from shared.runtime.emergencies import MINUTES_MAX, Emergencies
from shared.runtime.identity import Caller
from shared.runtime.web.paging import Limit
from shared.runtime.web.requests import caller, idempotency_key

Key = Annotated[str, Depends(idempotency_key)]


class BeginBody(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    because: Annotated[
        str, Field(min_length=10, max_length=200, description="Why now: read by auditors. Nothing about a patient.")
    ]
    minutes: Annotated[int, Field(ge=1, le=MINUTES_MAX, strict=True)] = MINUTES_MAX


class Begun(BaseModel):
    emergency: int
    ends_at: datetime = Field(description="It ends by itself and cannot be prolonged.")


class Ended(BaseModel):
    ended: bool


class EmergencyRow(BaseModel):
    emergency: int
    actor: str
    because: str
    began_at: datetime
    ends_at: datetime
    ended_at: datetime | None = Field(description="When it was ended before its time.")
    stands: bool
    openings: int = Field(
        description="Values and documents opened beyond the role; GET /openings?emergency= lists them."
    )


class EmergencyPage(BaseModel):
    items: list[EmergencyRow]
    next: int | None = Field(description="Give it as ?before= for those before; null at the end.")


def emergencies_router(emergencies: Emergencies) -> APIRouter:
    """Emergencies of the caller's tenant."""
    router = APIRouter(prefix="/emergencies", tags=["emergencies"])

    @router.post("", status_code=201)
    async def begin_emergency(
        body: BeginBody, who: Annotated[Caller, Depends(caller("emergencies:break-glass"))], key: Key
    ) -> Begun:
        """Be let in to read beyond one's role, for a stated reason and an hour at most. Recorded, and told to operators."""
        begun = await emergencies.begin(who.tenant, who.actor, because=body.because, minutes=body.minutes)
        return Begun(emergency=begun.emergency, ends_at=begun.ends_at)

    @router.post("/end")
    async def end_emergency(who: Annotated[Caller, Depends(caller("emergencies:break-glass"))], key: Key) -> Ended:
        """End one's own before its time."""
        await emergencies.end(who.tenant, who.actor)
        return Ended(ended=True)

    @router.get("")
    async def list_emergencies(
        who: Annotated[Caller, Depends(caller("openings:read-openings"))],
        actor: Annotated[str | None, Query(max_length=160)] = None,
        before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
        limit: Limit = 100,
    ) -> EmergencyPage:
        """Who was let in beyond their role, why and until when, newest first."""
        found = await emergencies.record(who.tenant, actor=actor, before=before, limit=limit)
        rows = [EmergencyRow.model_validate(row) for row in found]
        return EmergencyPage(items=rows, next=rows[-1].emergency if len(rows) == limit else None)

    return router
