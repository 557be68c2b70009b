"""How do programs talk to a service? HTTP and JSON, one way for all services.

router = APIRouter(prefix="/remittances", tags=["remittances"])

@router.get("")
async def list_remittances(
    who: Annotated[Caller, Depends(caller("payments:read-remittances"))],
    limit: Limit = 50, cursor: Cursor = None,
) -> Page[RemittanceRow]: ...

@router.post("", status_code=201)
async def take_in(
    body: TakeIn, cause: Annotated[Cause, Depends(cause_of("payments:receive-remittance"))]
) -> Done:
    return done(await commands.handle(remittance, key, command, cause))
"""

from shared.runtime.identity import Caller
from shared.runtime.web.application import FRAMEWORK_TELEMETRY_OFF, create_app
from shared.runtime.web.documents_about import documents_about_router
from shared.runtime.web.emergencies import emergencies_router
from shared.runtime.web.events import events_router
from shared.runtime.web.evidence import evidence_router
from shared.runtime.web.keys import keys_router
from shared.runtime.web.openings import documents_router, openings_router
from shared.runtime.web.paging import After, Cursor, Limit, Page, name_positions
from shared.runtime.web.problems import Problem
from shared.runtime.web.requests import (
    Done,
    caller,
    cause,
    cause_of,
    done,
    idempotency_key,
    identity,
    versioned_cause_of,
)
from shared.runtime.web.streams import streams_router

__all__ = [
    "FRAMEWORK_TELEMETRY_OFF",
    "After",
    "Caller",
    "Cursor",
    "Done",
    "Limit",
    "Page",
    "Problem",
    "caller",
    "cause",
    "cause_of",
    "create_app",
    "documents_about_router",
    "documents_router",
    "done",
    "emergencies_router",
    "events_router",
    "evidence_router",
    "idempotency_key",
    "identity",
    "keys_router",
    "name_positions",
    "openings_router",
    "streams_router",
    "versioned_cause_of",
]
