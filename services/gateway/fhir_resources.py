"""How do a patient, a visit, a coverage, a claim's answer and a balance look as FHIR R4 resources?

R4's Account has no balance, so it is told by the extension under which R5 has one. Amounts leave as decimals of exact cents.
Sources: FHIR R4 Patient, Encounter, Coverage, ClaimResponse, Account; FHIR R5 Account.balance; code systems as named below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

_ID_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_ACT_CODES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_CLASSES = {"I": "IMP", "E": "EMER", "P": "PRENC"}
_RELATIONSHIPS = {"18": "self", "01": "spouse", "19": "child"}
_RELATIONSHIP_SYSTEM = "http://terminology.hl7.org/CodeSystem/subscriber-relationship"
_TYPE_SYSTEM = "http://terminology.hl7.org/CodeSystem/claim-type"
_CATEGORY_SYSTEM = "http://terminology.hl7.org/CodeSystem/adjudication"
_PAYMENT_SYSTEM = "http://terminology.hl7.org/CodeSystem/ex-paymenttype"
_BALANCE = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Account.balance"
_AGGREGATE_SYSTEM = "http://terminology.hl7.org/CodeSystem/account-aggregate"
_OUTCOMES = {"adjudicated": "complete", "closed": "complete", "rejected": "error"}  # else it is still on its way
_CLASS_SYSTEM = "http://terminology.hl7.org/CodeSystem/coverage-class"


def patient_resource(told: Mapping[str, Any]) -> dict[str, Any]:
    """A patient as the eligibility service tells them; registrations that were merged into this one are linked."""
    person, address = told["person"], told["person"].get("address") or {}
    resource: dict[str, Any] = {
        "resourceType": "Patient",
        "id": told["patient_id"],
        "identifier": [
            {"type": {"coding": [{"system": _ID_TYPES, "code": "MR"}]}, "value": told["medical_record_number"]}
        ],
        "name": [
            _said(
                {
                    "family": person["last"],
                    "given": _filled(person, "first", "middle"),
                    "suffix": _filled(person, "suffix"),
                }
            )
        ],
        "gender": {"M": "male", "F": "female"}.get(person.get("sex") or "", "unknown"),
        "birthDate": person.get("birth_on"),
        "address": [_said(_address(address))] if any(address.values()) else None,
        "telecom": [
            {"system": system, "value": person[field]}
            for system, field in (("phone", "phone"), ("email", "email"))
            if person.get(field)
        ],
        "link": [{"other": {"reference": f"Patient/{each}"}, "type": "replaces"} for each in told["also_known_as"]],
    }
    return _said(resource)


def _address(address: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "line": _filled(address, "line_1", "line_2"),
        "city": address.get("city"),
        "state": address.get("state"),
        "postalCode": address.get("postal_code"),
        "country": address.get("country"),
    }


def _filled(told: Mapping[str, Any], *fields: str) -> list[str]:
    return [told[field] for field in fields if told.get(field)]


def _said(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not known: FHIR has no empty elements."""
    return {name: value for name, value in resource.items() if value}


def encounter_resource(told: Mapping[str, Any]) -> dict[str, Any]:
    """A visit as the charges service tells it. Billing does not know whether it is over, only whether it was cancelled."""
    resource: dict[str, Any] = {
        "resourceType": "Encounter",
        "id": told["encounter_id"],
        "status": "cancelled" if told["state"] == "cancelled" else "unknown",
        "class": {"system": _ACT_CODES, "code": _CLASSES.get(told["visit_class"] or "", "AMB")},
        "subject": {"reference": f"Patient/{told['patient_id']}"},
        "period": {"start": told["service_on"]} if told["service_on"] else None,
        "account": [{"reference": f"Account/{told['account_id']}"}] if told["account_id"] else None,
    }
    return _said(resource)


def coverage_resources(patient: Mapping[str, Any], today: date) -> Sequence[dict[str, Any]]:
    """Every coverage of a patient as the eligibility service tells it, the first payer first."""
    ordered = sorted(patient["coverages"], key=lambda coverage: coverage["rank"])
    return [_resource(coverage, today) for coverage in ordered]


def _resource(told: Mapping[str, Any], today: date) -> dict[str, Any]:
    relationship = _RELATIONSHIPS.get(told["relationship"], "other")
    ended_on = told["terminated_on"]
    resource: dict[str, Any] = {
        "resourceType": "Coverage",
        "id": told["coverage_id"],
        "status": "cancelled" if ended_on and date.fromisoformat(ended_on) < today else "active",
        "beneficiary": {"reference": f"Patient/{told['patient_id']}"},
        "relationship": {"coding": [{"system": _RELATIONSHIP_SYSTEM, "code": relationship}]},
        "payor": [_payor(told)],
        "order": told["rank"],
    }
    period = {"start": told["effective_on"], "end": ended_on}
    classes = [_class("group", told["group_number"]), _class("plan", told["plan"])]
    optional = {
        "subscriberId": told["member_number"],
        "period": {name: value for name, value in period.items() if value},
        "class": [each for each in classes if each],
    }
    return resource | {name: value for name, value in optional.items() if value}


def _payor(told: Mapping[str, Any]) -> dict[str, Any]:
    payor: dict[str, Any] = {"display": told["payer_name"] or told["payer_reference"]}
    if told["payer_id"]:
        payor["identifier"] = {"value": told["payer_id"]}
    return payor


def _class(code: str, value: str | None) -> dict[str, Any] | None:
    if not value:
        return None
    return {"type": {"coding": [{"system": _CLASS_SYSTEM, "code": code}]}, "value": value}


def claim_response(told: Mapping[str, Any]) -> dict[str, Any]:
    """Where a claim is and what its payer paid, as the claims worklist tells it."""
    amounts = [("submitted", told["charged_cents"]), ("benefit", told["paid_cents"])]
    created = told["last_answer_at"] or told["submitted_at"] or told["moved_at"] or told["service_on"]
    resource: dict[str, Any] = {
        "resourceType": "ClaimResponse",
        "id": told["claim_id"],
        "identifier": [{"value": told["payer_control_number"]}] if told["payer_control_number"] else [],
        "status": "cancelled" if told["status"] == "voided" else "active",
        "type": {"coding": [{"system": _TYPE_SYSTEM, "code": "professional"}]},
        "use": "claim",
        "patient": {"reference": f"Patient/{told['patient_id']}"},
        "created": created,
        "insurer": {"display": told["payer_name"], "identifier": {"value": told["payer_id"]}},
        "request": {"identifier": {"value": told["claim_id"]}},
        "outcome": _OUTCOMES.get(told["status"], "queued"),
        "disposition": told["status"],
        "total": [_total(category, cents) for category, cents in amounts],
    }
    if told["paid_cents"]:
        kind = {"coding": [{"system": _PAYMENT_SYSTEM, "code": "complete" if not told["is_open"] else "partial"}]}
        resource["payment"] = {"type": kind, "amount": money(told["paid_cents"])}
    return {name: value for name, value in resource.items() if value != []}


def account(told: Mapping[str, Any], parties: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """What is owed on a visit, in all and by whom."""
    owed = [_balance(told["owed_cents"], "total")]
    patient = [each["owed_cents"] for each in parties if each["party"] == "patient"]
    payers = [each["owed_cents"] for each in parties if each["party"].startswith("payer")]
    if parties:
        owed += [_balance(sum(patient), "patient"), _balance(sum(payers), "insurance")]
    resource: dict[str, Any] = {
        "resourceType": "Account",
        "id": told["account_id"],
        "extension": owed,
        "identifier": [{"value": told["account_id"]}],
        "status": "active",
        "subject": [{"reference": f"Patient/{told['patient_id']}"}],
    }
    if told["service_on"]:
        resource["servicePeriod"] = {"start": told["service_on"]}
    return resource


def money(cents: int) -> dict[str, Any]:
    """Exact: a Decimal with two places, which is written as it stands."""
    return {"value": Decimal(cents).scaleb(-2), "currency": "USD"}


def _total(category: str, cents: int) -> dict[str, Any]:
    return {"category": {"coding": [{"system": _CATEGORY_SYSTEM, "code": category}]}, "amount": money(cents)}


def _balance(cents: int, aggregate: str) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"url": "amount", "valueMoney": money(cents)}]
    if aggregate != "total":
        concept = {"coding": [{"system": _AGGREGATE_SYSTEM, "code": aggregate}]}
        parts.append({"url": "aggregate", "valueCodeableConcept": concept})
    return {"url": _BALANCE, "extension": parts}


def fhir_json(resource: Mapping[str, Any]) -> bytes:
    """JSON with decimals as they are; a float would not be exact."""
    return msgspec.json.Encoder(decimal_format="number").encode(resource)
