"""When is a FHIR Procedure charged?

A sender that charges says so by ChargeItem or Claim, and a procedure that one of them is for is charged by it. One that nobody charges is
charged as it was done: a completed procedure in CPT or HCPCS, in a visit, on a day, without a price: the price list has one, or it is held
for one. The charges service knows which of them stands, whatever comes first. Source: FHIR R4 Procedure, ChargeItem.service.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.gateway.mapping.visits import billable
from shared.codecs.code_systems import Code, CodeSystem
from shared.codecs.fhir.clinical import DiagnosisView, ProcedureView

COMPLETED = "completed"


def why_not_charged(view: ProcedureView) -> str:
    """Why this is no charge of its own; empty when it is one, or takes one back."""
    if view.billing_code is None:
        return "a procedure without a CPT or HCPCS code is not charged by itself; charge it by ChargeItem or Claim"
    if view.encounter is None:
        return "a procedure that names no encounter is not charged by itself; charge it by ChargeItem or Claim"
    if view.is_entered_in_error:
        return ""
    if view.status != COMPLETED:
        return "only a completed procedure is charged"
    if view.performed.start is None:
        return "a procedure that names no day is not charged by itself; charge it by ChargeItem or Claim"
    return ""


def procedure_diagnoses(view: ProcedureView, conditions: Iterable[DiagnosisView]) -> list[str]:
    """The ICD-10-CM codes that the procedure gives as its reason."""
    told = [*view.reasons, *(code for condition in conditions if (code := condition.billing_code))]
    return billable([code for code in told if code.system is CodeSystem.ICD_10_CM])


def procedure_code(view: ProcedureView) -> Code:
    """Of one that is charged."""
    assert view.billing_code is not None
    return view.billing_code


def reversal(charge_id: str, source_key: str, source: dict[str, str]) -> dict[str, Any]:
    """Takes back what may have been charged for it."""
    return {
        "source_key": source_key,
        "charge_id": charge_id,
        "reason": "entered in error",
        "is_of_procedure": True,
        "source": source,
    }
