"""What lies in one stream, as it was stored, and does every event still follow from the one before it?

`GET /streams/{aggregate}/{key}` answers the whole stream as CloudEvents with the result of its hash check. Personal fields stay sealed
as they are stored, so whoever works a claim may look at its events without opening anything about the patient.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field

from shared.events.envelope import Stored
from shared.kernel.errors import NotFound
from shared.runtime.identity import Caller
from shared.runtime.store.hashing import broken_link
from shared.runtime.web.events import cloud_event
from shared.runtime.web.requests import caller

StoredStream = Callable[[str, str], Awaitable[Sequence[Stored]]]


class StreamView(BaseModel):
    stream: str
    is_whole: bool = Field(description="Whether every hash recomputes and no version is missing.")
    broken_at: int | None = Field(description="The first version that does not follow; null when all do.")
    events: list[dict[str, Any]] = Field(description="CloudEvents, oldest first.")


def streams_router(stored_stream: StoredStream) -> APIRouter:
    """`GET /streams/{aggregate}/{key}` of a service; `stored_stream(tenant, stream)` reads its store."""
    router = APIRouter(tags=["events"])

    @router.get("/streams/{aggregate}/{key}")
    async def read_stream(
        who: Annotated[Caller, Depends(caller("events:read-stream"))],
        aggregate: Annotated[str, Path(pattern="^[a-z][a-z-]{0,39}$")],
        key: Annotated[str, Path(pattern="^[A-Za-z0-9._:-]{1,100}$")],
    ) -> StreamView:
        """One stream from its first event on, and whether its hash chain holds."""
        stream = f"{aggregate}/{key}"
        events = await stored_stream(who.tenant, stream)
        if not events:
            raise NotFound("nothing has happened under this name")
        broken = broken_link(events)
        return StreamView(
            stream=stream,
            is_whole=broken is None,
            broken_at=broken.version if broken else None,
            events=[msgspec.json.decode(cloud_event(event)) for event in events],
        )

    return router
