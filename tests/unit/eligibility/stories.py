"""The patients, coverages and payers that stories about eligibility begin with."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from services.eligibility.domain.coverage_selection.commands import KnownPatient
from services.eligibility.domain.patient.commands import AddCoverage, RegisterPatient
from services.eligibility.domain.payer.directory import PayerDirectory
from shared.events.base import Sealed
from shared.events.eligibility import CoverageAdded, PatientRegistered, PayerListed
from shared.events.values import Person, PersonName

ANN, BOB = "patient-ann", "patient-bob"
MONDAY = date(2026, 6, 1)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)

AETNA = PayerListed(
    payer_id="aetna", name="Aetna", electronic_id="60054", aliases=("AETNA HMO", "A1"), partner_id="house"
)
MEDICARE = PayerListed(payer_id="medicare", name="Medicare", electronic_id="00882", filing_indicator="MB")
MEDICAID = PayerListed(payer_id="medicaid", name="Medicaid IL", electronic_id="ILMCD", filing_indicator="MC")
SELF_PAY = PayerListed(
    payer_id="self-pay", name="Self pay", electronic_id="NONE", filing_indicator="09", aliases=("NO_INSURANCE",)
)
DIRECTORY = PayerDirectory(payers=(AETNA, MEDICARE, MEDICAID, SELF_PAY))

ANNS_NAME = Sealed[Person](ANN, "person", "token-1")


def sealed(field: str, patient: str = ANN) -> Sealed[Any]:
    return Sealed(patient, field, f"token-{field}")


def registered(patient: str = ANN, **changes: Any) -> PatientRegistered:
    told: dict[str, Any] = {
        "patient_id": patient,
        "medical_record_number": sealed("medical-record-number", patient),
        "person": sealed("person", patient),
        "mark": "as-said-first",
    }
    return PatientRegistered(**(told | changes))


def register(patient: str = ANN, **changes: Any) -> RegisterPatient:
    told: dict[str, Any] = {
        "patient_id": patient,
        "medical_record_number": Sealed.fresh(patient, "medical-record-number", "4711"),
        "medical_record_index": "index-4711",
        "person": Sealed.fresh(patient, "person", Person(name=PersonName(last="Poe", first="Ann"))),
        "name_index": "index-poe",
        "mark": "as-said-first",
    }
    return RegisterPatient(**(told | changes))


def add(coverage_id: str = "c1", **changes: Any) -> AddCoverage:
    told: dict[str, Any] = {
        "patient_id": ANN,
        "coverage_id": coverage_id,
        "payer_reference": "60054",
        "rank": 1,
        "member_number": sealed(f"member-number-{coverage_id}"),
        "member_index": f"index-{coverage_id}",
        "mark": f"mark-{coverage_id}",
    }
    return AddCoverage(**(told | changes))


def covered(coverage_id: str = "c1", **changes: Any) -> CoverageAdded:
    told: dict[str, Any] = {
        "patient_id": ANN,
        "coverage_id": coverage_id,
        "payer_reference": "60054",
        "rank": 1,
        "member_number": sealed(f"member-number-{coverage_id}"),
        "member_index": f"index-{coverage_id}",
        "mark": f"mark-{coverage_id}",
    }
    return CoverageAdded(**(told | changes))


def known(*coverages: CoverageAdded, person: Sealed[Person] | None = ANNS_NAME, **more: Any) -> KnownPatient:
    return KnownPatient(person=person, coverages=coverages, **more)
