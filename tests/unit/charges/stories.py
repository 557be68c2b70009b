"""The people, places and charges that stories about encounters begin with."""

from __future__ import annotations

from datetime import date
from typing import Any

from services.charges.domain.directory.knowledge import Knowledge
from services.charges.domain.encounter.commands import Charge, Credit, PostCharges, ReviewCharges
from services.charges.domain.encounter.decider import encounter
from shared.events.charges import FacilityListed, OrganizationListed, Price, PricesSet, ProviderListed
from shared.events.values import Address, FacilityIdentity, ProviderIdentity
from shared.testing.specification import Specification

spec = Specification(encounter)

VISIT, PATIENT = "visit-1", "patient-1"
MONDAY = date(2026, 6, 1)
TODAY = date(2026, 6, 10)
STREET = Address(line_1="1 High Street", city="Springfield", state="IL", postal_code="627010001")

CLINIC = ProviderIdentity(
    provider_id="clinic",
    npi="1234567893",
    last_or_organisation="CLINIC",
    is_person=False,
    taxonomy="207Q00000X",
    tax_id="123456789",
    address=STREET,
)
DR_A = ProviderIdentity(provider_id="dr-a", npi="1245319599", last_or_organisation="ADAMS", taxonomy="207Q00000X")
MAIN = FacilityIdentity(facility_id="main", name="MAIN", place_of_service="11", address=STREET)

KNOWN = Knowledge(
    organizations={"clinic": OrganizationListed(organization=CLINIC)},
    providers={"dr-a": ProviderListed(provider=DR_A, organization_id="clinic", aliases=("ADAMS1",))},
    facilities={"main": FacilityListed(facility=MAIN, organization_id="clinic", aliases=("MAINST",))},
    price_lists=(
        PricesSet(
            price_list_id="standard",
            effective_on=date(2025, 1, 1),
            prices=(
                Price(code="99213", amount_cents=120_00),
                Price(code="ECG", amount_cents=80_00, procedure_code="93000"),
            ),
        ),
        PricesSet(
            price_list_id="standard",
            effective_on=date(2026, 6, 5),
            prices=(Price(code="99213", amount_cents=130_00),),
        ),
    ),
)


def charge(number: int = 1, **changes: Any) -> Charge:
    told: dict[str, Any] = {
        "charge_id": f"charge-{number}",
        "source_key": f"EHR|T{number}",
        "service_on": MONDAY,
        "code": "99213",
        "charged_cents": 150_00,
        "diagnoses": ("J069",),
        "rendering_reference": "ADAMS1",
    }
    return Charge(**(told | changes))


def post(*charges: Charge, credits: tuple[Credit, ...] = (), diagnoses: tuple[str, ...] = ()) -> PostCharges:
    return PostCharges(
        encounter_id=VISIT, patient_id=PATIENT, charges=charges, credits=credits, diagnoses=diagnoses, coder="coder-1"
    )


def review(knowledge: Knowledge = KNOWN, today: date = TODAY) -> ReviewCharges:
    return ReviewCharges(encounter_id=VISIT, knowledge=knowledge, today=today)
