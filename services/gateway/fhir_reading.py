"""What may EHRs read back: patients, visits, coverage, where claims are, what is owed?

Every read goes to the service that owns the answer in the caller's own name, so that their rights hold there and whose values they saw
is on the record there. Patients and visits are named by our id or by the id under which the same client sent them. A record number is
looked for by POST only: URLs are logged on the way, and a number is personal.
"""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import parse_qs

import httpx
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from services.gateway.fhir_answers import (
    FHIR_RESPONSES,
    FhirResponse,
    connection_of,
    fault,
    fhir_answer,
    searchset,
)
from services.gateway.fhir_resources import (
    account,
    claim_response,
    coverage_resources,
    encounter_resource,
    patient_resource,
)
from services.gateway.mapping.resources import authority
from services.gateway.receipts import Receipts
from shared.codecs.fhir.findings import IssueType
from shared.runtime.clock import Clock
from shared.runtime.web import Caller, caller

PatientReader = Annotated[Caller, Depends(caller("eligibility:read-patient"))]
EncounterReader = Annotated[Caller, Depends(caller("charges:read-encounters"))]
CoverageReader = Annotated[Caller, Depends(caller("eligibility:read-coverage"))]
ClaimReader = Annotated[Caller, Depends(caller("claims:read-claims"))]
LedgerReader = Annotated[Caller, Depends(caller("payments:read-ledger"))]
LogicalId = Annotated[str, Path(pattern=r"^[A-Za-z0-9.-]{1,64}$")]
PatientReference = Annotated[str, Query(pattern=r"^(Patient/)?[A-Za-z0-9.-]{1,64}$")]
Count = Annotated[int, Query(alias="_count", ge=1, le=200)]
_FORM_BYTES_MAX = 4096
Continued = Annotated[str | None, Query(alias="_cursor", max_length=400)]


_BY_POST = "a patient is looked for by POST /fhir/Patient/_search, so that no number of theirs stands in a URL"
_ONE_NUMBER = "the search is for one identifier=system|value of a medical record number"


class _Refused(Exception):
    """A service's own answer, other than success."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status = status


def router(receipts: Receipts, client: httpx.AsyncClient, clock: Clock) -> APIRouter:
    routes = APIRouter(prefix="/fhir", tags=["fhir"], default_response_class=FhirResponse, responses=FHIR_RESPONSES)

    async def ours(who: Caller, type_: str, told: str) -> str:
        known = await receipts.known(who.tenant, connection_of(who), [(type_, told)])
        return known.get((type_, told), told)

    async def patient_of(who: Caller, reference: str) -> str:
        return await ours(who, "Patient", reference.removeprefix("Patient/"))

    async def asked(who: Caller, request: Request, path: str, *, body: Any = None, **params: Any) -> Any:
        """The service's answer to the caller. Raises _Refused."""
        headers = {"Authorization": request.headers["Authorization"], "X-Ledgerline-Tenant": who.tenant}
        wanted = {name: value for name, value in params.items() if value is not None}
        method = "GET" if body is None else "POST"
        try:
            found = await client.request(method, f"/api/{path}", params=wanted, json=body, headers=headers, auth=None)
        except httpx.TransportError:
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE) from None
        if not found.is_success:
            raise _Refused(found.status_code)
        return found.json()

    @routes.get("/Patient/{patient_id}")
    async def read_patient(who: PatientReader, request: Request, patient_id: LogicalId) -> Response:
        """A patient as registered; one who was merged is answered by the survivor, with a link to the id that was asked for."""
        try:
            told = await asked(who, request, f"eligibility/patients/{await ours(who, 'Patient', patient_id)}")
        except _Refused as refused:
            return _fault(refused)
        return fhir_answer(200, patient_resource(told))

    @routes.get("/Patient")
    async def find_patients(who: PatientReader) -> Response:
        """Refused: a search by number goes into a body."""
        return fault(400, _BY_POST, IssueType.NOT_SUPPORTED)

    @routes.post("/Patient/_search")
    async def search_patients(who: PatientReader, request: Request) -> Response:
        """Who has this medical record number: `identifier=system|value` as a form."""
        form = parse_qs((await request.body())[:_FORM_BYTES_MAX].decode(errors="replace"))
        system, bar, number = form.get("identifier", [""])[0].rpartition("|")
        if len(form) != 1 or not bar or not number:
            return fault(400, _ONE_NUMBER, IssueType.NOT_SUPPORTED)
        wanted = {"authority": authority(system)[:80], "medical_record_number": number}
        try:
            hits = await asked(who, request, "eligibility/patients/search", body=wanted)
            ids = dict.fromkeys(hit["merged_into"] or hit["patient_id"] for hit in hits)
            found = [await asked(who, request, f"eligibility/patients/{each}") for each in ids]
        except _Refused as refused:
            return _fault(refused)
        return fhir_answer(200, searchset([patient_resource(each) for each in found]))

    @routes.get("/Encounter/{encounter_id}")
    async def read_encounter(who: EncounterReader, request: Request, encounter_id: LogicalId) -> Response:
        """A visit as billing knows it, with its account."""
        try:
            told = await asked(who, request, f"charges/encounters/{await ours(who, 'Encounter', encounter_id)}")
        except _Refused as refused:
            return _fault(refused)
        return fhir_answer(200, encounter_resource(told["encounter"]))

    @routes.get("/Coverage")
    async def find_coverages(who: CoverageReader, request: Request, beneficiary: PatientReference) -> Response:
        """The coverages of a patient as they are recorded, first payer first."""
        patient_id = await patient_of(who, beneficiary)
        try:
            told = await asked(who, request, f"eligibility/patients/{patient_id}")
        except _Refused as refused:
            return fhir_answer(200, searchset([])) if refused.status == HTTPStatus.NOT_FOUND else _fault(refused)
        return fhir_answer(200, searchset(coverage_resources(told, clock.now().date())))

    @routes.get("/ClaimResponse")
    async def find_claim_responses(
        who: ClaimReader, request: Request, patient: PatientReference, count: Count = 50, cursor: Continued = None
    ) -> Response:
        """Where each claim of a patient is, and what was paid on it."""
        patient_id = await patient_of(who, patient)
        try:
            told = await asked(who, request, "claims/claims", patient_id=patient_id, limit=count, cursor=cursor)
        except _Refused as refused:
            return _fault(refused)
        found = [claim_response(each) for each in told["items"]]
        return fhir_answer(200, searchset(found, next_url=_next("ClaimResponse", patient_id, count, told["next"])))

    @routes.get("/Account")
    async def find_accounts(
        who: LedgerReader, request: Request, patient: PatientReference, count: Count = 50, cursor: Continued = None
    ) -> Response:
        """What is owed on each visit of a patient."""
        patient_id = await patient_of(who, patient)
        try:
            told = await asked(who, request, "payments/accounts", patient_id=patient_id, limit=count, cursor=cursor)
        except _Refused as refused:
            return _fault(refused)
        found = [account(each) for each in told["items"]]
        return fhir_answer(200, searchset(found, next_url=_next("Account", patient_id, count, told["next"])))

    @routes.get("/Account/{account_id}")
    async def read_account(
        who: LedgerReader, request: Request, account_id: Annotated[str, Path(pattern=r"^[0-9A-Za-z]{1,64}$")]
    ) -> Response:
        """What is owed on one visit, in all, by the patient, and by payers."""
        try:
            told = await asked(who, request, f"payments/accounts/{account_id.upper()}")
        except _Refused as refused:
            return _fault(refused)
        return fhir_answer(200, account(told["account"], told["parties"]))

    return routes


def _next(type_: str, patient_id: str, count: int, cursor: str | None) -> str:
    if cursor is None:
        return ""
    query = httpx.QueryParams({"patient": patient_id, "_count": count, "_cursor": cursor})
    return f"/fhir/{type_}?{query}"


def _fault(refused: _Refused) -> Response:
    if refused.status == HTTPStatus.NOT_FOUND:
        return fault(404, "there is no such resource", IssueType.NOT_FOUND)
    if refused.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return fault(503, "the service that owns this does not answer", IssueType.TRANSIENT)
    return fault(refused.status, "the service that owns this refuses it", IssueType.PROCESSING)
