"""What does somebody see who comes second? Who did what since their form was drawn; the form stays as it is, with all that was typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from services.dashboard.client import Refused
from services.dashboard.rendering import sentence
from services.dashboard.visits import Visit


async def do_or_tell(visit: Visit, path: str, body: Any, *, stream: str) -> Mapping[str, Any] | Response:
    """The answer of a command, or, when somebody was faster, what they did (`stream` is /api/<service>/streams/…).

    Raises Refused for every other refusal, Silent.
    """
    try:
        done: Mapping[str, Any] = await visit.do(path, body)
    except Refused as refused:
        if refused.code != "changed-meanwhile":
            raise
        return await _told(visit, stream, refused.facts)
    return done


async def _told(visit: Visit, stream: str, facts: Mapping[str, Any]) -> Response:
    found = await visit.get_if("events:read-stream", stream)
    seen = int(facts["expected_version"])
    since = [event for event in (found or {}).get("events", ()) if event["streamversion"] > seen]
    changes = [
        {"what": sentence(event["type"]).lower(), "who": event["actor"], "at": event["recordedat"]} for event in since
    ]
    headers = {
        "HX-Retarget": "#conflict-words",
        "HX-Reswap": "innerHTML",
        "HX-Trigger": json.dumps({"conflict": {"version": facts["version"]}}),
    }
    return visit.show("_conflict.html", status=HTTPStatus.CONFLICT, headers=headers, changes=changes)
