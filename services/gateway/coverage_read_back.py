"""How does a recorded coverage look as a FHIR R4 Coverage?

Source: FHIR R4 Coverage; code systems subscriber-relationship and coverage-class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

_RELATIONSHIPS = {"18": "self", "01": "spouse", "19": "child"}
_RELATIONSHIP_SYSTEM = "http://terminology.hl7.org/CodeSystem/subscriber-relationship"
_CLASS_SYSTEM = "http://terminology.hl7.org/CodeSystem/coverage-class"


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
