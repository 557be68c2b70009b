"""How is a FHIR client answered?

Source: FHIR R4, RESTful API: OperationOutcome for faults, Bundle for searches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Response

from services.gateway.fhir_resources import fhir_json
from shared.codecs.fhir.findings import IssueType
from shared.codecs.fhir.outcome import failure
from shared.runtime.web import Caller
from shared.runtime.web.problems import RESPONSES

MEDIA_TYPE = "application/fhir+json"
RETRY_AFTER = {"Retry-After": "5"}

_RESOURCE = {"schema": {"type": "object", "required": ["resourceType"]}}
# What was looked at as FHIR is answered as FHIR; what was refused before (token, rights, limits) as every service refuses it.
FHIR_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {**described, "content": {**described["content"], MEDIA_TYPE: _RESOURCE}}
    for status, described in RESPONSES.items()
}
CREATED: dict[int | str, dict[str, Any]] = {201: {"description": "Created", "content": {MEDIA_TYPE: _RESOURCE}}}


class FhirResponse(Response):
    media_type = MEDIA_TYPE


def fhir_answer(status: int, resource: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return FhirResponse(fhir_json(resource), status, dict(headers or {}))


def fault(status: int, rule: str, code: IssueType) -> Response:
    """An OperationOutcome with one error."""
    return fhir_answer(status, failure(rule, code=code), RETRY_AFTER if status == 503 else None)


def searchset(resources: Sequence[Mapping[str, Any]], *, next_url: str = "") -> Mapping[str, Any]:
    """What a search found; `next_url` when there is more of it."""
    found: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    if next_url:
        found["link"] = [{"relation": "next", "url": next_url}]
    else:
        found["total"] = len(resources)  # of a part we do not know how many there are in all
    if resources:
        found["entry"] = [{"resource": each, "search": {"mode": "match"}} for each in resources]
    return found


def connection_of(who: Caller) -> str:
    """A sender's own ids mean something only beside who it is."""
    return f"fhir:{who.client}"[:120]
