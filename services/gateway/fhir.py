"""How do EHRs speak FHIR R4 to us?

`POST /fhir` takes a Bundle, `POST /fhir/{type}` and `PUT /fhir/{type}/{id}` a resource; the answer says 2xx only when every part is
committed. Faults are OperationOutcomes that name the place; what billing has no use for is passed over, with the reason. Nothing is
claimed in the CapabilityStatement that is not here. Source: FHIR R4, RESTful API and transactions.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from services.gateway.delivery import FOUND
from services.gateway.desk import MessageDesk, Planner
from services.gateway.fhir_answers import (
    CREATED,
    FHIR_RESPONSES,
    MEDIA_TYPE,
    RETRY_AFTER,
    FhirResponse,
    connection_of,
    fault,
    fhir_answer,
)
from services.gateway.notes import Note
from services.gateway.receipts import Answer, Receipt, State
from shared.codecs.fhir.findings import FhirError, IssueType
from shared.codecs.fhir.outcome import operation_outcome
from shared.codecs.fhir.parsing import parse_json
from shared.codecs.fhir.reading import WRITTEN
from shared.kernel.errors import DomainError
from shared.runtime.availability import Unavailable
from shared.runtime.clock import Clock
from shared.runtime.web import Caller, caller

Submit = Annotated[Caller, Depends(caller("gateway:submit-message"))]
About = Annotated[Caller, Depends(caller("gateway:read-messages"))]
TypeName = Annotated[str, Path(pattern=r"^[A-Z][A-Za-z]{1,63}$")]
LogicalId = Annotated[str, Path(pattern=r"^[A-Za-z0-9.-]{1,64}$")]

ISSUES_MAX = 500
_BODY = {"requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": {"type": "object"}}}}}
_FHIR_CODES = frozenset(IssueType)
_READ: Mapping[str, tuple[str, ...]] = {
    "Patient": ("read", "search-type"),
    "Encounter": ("read",),
    "Coverage": ("search-type",),
}
_SEARCHED: Mapping[str, Mapping[str, str]] = {
    "Patient": {"name": "identifier", "type": "token", "documentation": "system|value, by POST to _search"},
    "Coverage": {"name": "beneficiary", "type": "reference"},
}
_CONDITIONS = ("If-Match", "If-None-Exist", "If-None-Match", "If-Modified-Since")
_NO_CONDITION = "no condition is taken on a single resource: leave the header out, or send a transaction whose entry has ifNoneExist"
_NO_QUERY = "a conditional update is taken in a transaction, by one of the resource's own identifiers; here an update names an id"


class Misdirected(DomainError):
    """The resource and the URL do not belong together."""

    code = "misdirected"


def router(desk: MessageDesk, planner: Planner, clock: Clock) -> APIRouter:
    routes = APIRouter(prefix="/fhir", tags=["fhir"], default_response_class=FhirResponse, responses=FHIR_RESPONSES)

    async def take(who: Caller, content: bytes, resource: Mapping[str, Any], created: int) -> Response:
        try:
            receipt = await desk.take(who.tenant, connection_of(who), content, planner)
        except Unavailable as outage:
            return fault(503, outage.message, IssueType.TRANSIENT)
        except DomainError as refusal:
            return fault(422, refusal.message, IssueType.PROCESSING)
        return _answer(receipt, resource, created)

    @routes.get("/metadata")
    async def capability_statement(who: About) -> Response:
        """What this server does, and no more."""
        return fhir_answer(200, _capabilities(clock))

    @routes.post("", openapi_extra=_BODY)
    async def take_bundle(request: Request, who: Submit) -> Response:
        """Take in a transaction, batch or collection. Safe to send again."""
        content = await request.body()
        try:
            bundle = parse_json(content)
            _refuse_unless(
                bundle.get("resourceType") == "Bundle", "this URL takes a Bundle; a resource goes to its type's"
            )
        except FhirError as error:
            return fhir_answer(400, operation_outcome(error.findings))
        except Misdirected as error:
            return fault(400, error.message, IssueType.STRUCTURE)
        return await take(who, content, bundle, 201)

    @routes.post("/{resource_type}", openapi_extra=_BODY, responses=CREATED)
    async def create(resource_type: TypeName, request: Request, who: Submit) -> Response:
        """Take in one resource. Safe to send again."""
        content = await request.body()
        try:
            _refuse_unless(not any(name in request.headers for name in _CONDITIONS), _NO_CONDITION)
            resource = parse_json(content)
            _refuse_unless(resource.get("resourceType") == resource_type, f"this URL takes a {resource_type}")
        except FhirError as error:
            return fhir_answer(400, operation_outcome(error.findings))
        except Misdirected as error:
            return fault(400, error.message, IssueType.STRUCTURE)
        return await take(who, content, resource, 201)

    @routes.put("/{resource_type}/{logical_id}", openapi_extra=_BODY)
    async def update(resource_type: TypeName, logical_id: LogicalId, request: Request, who: Submit) -> Response:
        """Take in one resource as it stands now, under the sender's own id or ours."""
        content = await request.body()
        try:
            _refuse_unless(not any(name in request.headers for name in _CONDITIONS), _NO_CONDITION)
            resource = parse_json(content)
            _refuse_unless(resource.get("resourceType") == resource_type, f"this URL takes a {resource_type}")
            _refuse_unless(resource.get("id") == logical_id, "the resource carries the id of the URL")
        except FhirError as error:
            return fhir_answer(400, operation_outcome(error.findings))
        except Misdirected as error:
            return fault(400, error.message, IssueType.STRUCTURE)
        return await take(who, content, resource, 200)

    @routes.put("/{resource_type}", openapi_extra=_BODY)
    async def update_by_condition(resource_type: TypeName, who: Submit) -> Response:
        """Refused: an update by search is taken in a transaction only."""
        return fault(400, _NO_QUERY, IssueType.NOT_SUPPORTED)

    return routes


def _refuse_unless(holds: bool, rule: str) -> None:
    if not holds:
        raise Misdirected(rule)


# --- answers ----------------------------------------------------------------------------------------------------------


def _answer(receipt: Receipt, resource: Mapping[str, Any], created: int) -> Response:
    bundle_type = str(resource.get("type", "")) if resource.get("resourceType") == "Bundle" else ""
    if receipt.answer is Answer.LATER:
        return fhir_answer(503, _outcome(receipt.notes), RETRY_AFTER)
    if receipt.state is State.REFUSED:
        return fhir_answer(400 if receipt.answer is Answer.REFUSED else 422, _outcome(receipt.notes))
    if receipt.answer is Answer.FAULTY and bundle_type != "batch":
        return fhir_answer(409, _outcome(receipt.notes))
    if bundle_type:
        return fhir_answer(200, _response_bundle(receipt, resource, bundle_type))
    made = next((part.made for part in receipt.parts if part.made), "")
    headers = {"Location": f"/fhir/{made}"} if made else {}
    return fhir_answer(created if made else 200, _outcome(receipt.notes), headers)


def _response_bundle(receipt: Receipt, bundle: Mapping[str, Any], bundle_type: str) -> dict[str, Any]:
    count = len(bundle.get("entry") or ())
    kind = "transaction-response" if bundle_type == "transaction" else "batch-response"
    entries = [{"response": _response(receipt, f"Bundle.entry[{index}]")} for index in range(count)]
    return {"resourceType": "Bundle", "type": kind, **({"entry": entries} if entries else {})}


def _response(receipt: Receipt, entry: str) -> dict[str, Any]:
    resource = f"{entry}.resource"
    notes = [note for note in receipt.notes if note.place == entry or note.place.startswith(f"{entry}.")]
    part = next((part for part in receipt.parts if part.place == resource and part.made), None)
    made = part.made if part else ""
    is_new = part is not None and part.code != FOUND
    is_faulty = any(note.severity == "error" for note in notes)
    status = "422 Unprocessable Entity" if is_faulty else "201 Created" if is_new else "200 OK"
    response: dict[str, Any] = {"status": status}
    if made and not is_faulty:
        response["location"] = made
    if notes:
        response["outcome"] = _outcome(notes)
    return response


def _outcome(notes: Iterable[Note]) -> dict[str, Any]:
    ranks = {"error": 0, "held": 1, "warning": 2, "information": 3}
    issues = [_issue(note) for note in sorted(notes, key=lambda note: ranks[note.severity])[:ISSUES_MAX]]
    all_well = {"severity": "information", "code": "informational", "diagnostics": "Accepted"}
    return {"resourceType": "OperationOutcome", "issue": issues or [all_well]}


def _issue(note: Note) -> dict[str, Any]:
    value = f" (found: {note.value})" if note.value else ""
    kept = "kept for a person: " if note.severity == "held" else ""
    return {
        "severity": "warning" if note.severity == "held" else note.severity,
        "code": note.code if note.code in _FHIR_CODES else IssueType.PROCESSING,
        "diagnostics": f"{kept}{note.place}: {note.rule}{value}",
        "expression": [note.place],
    }


def _capabilities(clock: Clock) -> dict[str, Any]:
    written: list[dict[str, Any]] = [
        {"type": each, "interaction": [{"code": "create"}, {"code": "update"}], "updateCreate": True}
        for each in WRITTEN
    ]
    for each in written:
        each["interaction"] += [{"code": code} for code in _READ.get(each["type"], ())]
        if each["type"] in _SEARCHED:
            each["searchParam"] = [_SEARCHED[each["type"]]]
    search = {"interaction": [{"code": "search-type"}], "searchParam": [{"name": "patient", "type": "reference"}]}
    read_only = [
        {"type": "ClaimResponse", **search},
        {"type": "Account", **search, "interaction": [{"code": "search-type"}, {"code": "read"}]},
    ]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": clock.now().date().isoformat(),
        "kind": "instance",
        "software": {"name": "Ledgerline"},
        "implementation": {"description": "The EHR edge of Ledgerline: what billing takes in, and what it tells"},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "Other resources are read where these refer to them, and otherwise passed over. "
                "A transaction is refused as a whole when anything in it is wrong; its parts are then committed one by one, "
                "and the same document again finishes what a service could not take. A conditional update, and of a Patient a conditional create, is taken in a "
                "transaction or batch, by one of the resource's own identifiers. A patient is searched by POST to _search only. "
                "A Procedure in CPT or HCPCS is charged by the price list unless a ChargeItem or a Claim charges it.",
                "security": {"description": "Bearer tokens of the installation's issuer"},
                "resource": [*written, *read_only],
                "interaction": [{"code": "transaction"}, {"code": "batch"}],
            }
        ],
    }
