"""What do charges and eligibility say when a story charges a visit?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from msgspec import structs

from shared.events.base import Event, Sealed
from shared.events.charges import ChargesReleased
from shared.events.eligibility import CoverageSelected, NoCoverageFound
from shared.events.values import (
    Address,
    ChargeLine,
    CoverageSnapshot,
    FacilityIdentity,
    Person,
    PersonName,
    ProviderIdentity,
)
from shared.kernel.decider import Decider
from shared.kernel.identifiers import account_id_of
from shared.runtime.command import Aggregate
from tests.golden.story import Charges, Payer

PATIENT = "patient-1"
NEIGHBOURS = ("charges", "eligibility")
CLINIC = ProviderIdentity(
    provider_id="clinic",
    npi="1999999984",
    last_or_organisation="RIVER CLINIC",
    is_person=False,
    taxonomy="207Q00000X",
    tax_id="061234567",
    address=Address(line_1="12 RIVER ST", city="HARTFORD", state="CT", postal_code="061010000"),
    phone="8605550100",
)
DOCTOR = ProviderIdentity(
    provider_id="doctor", npi="1245319599", last_or_organisation="ORRIN", first="MAYA", taxonomy="207Q00000X"
)
PERSON = Person(
    name=PersonName(last="PATIENT", first="PAT"),
    birth_on=date(1980, 5, 17),
    sex="F",
    address=Address(line_1="4 PINE RD", city="HARTFORD", state="CT", postal_code="06101"),
)
told = Aggregate(
    name="told", decider=Decider(decide=lambda event, _: [event], evolve=lambda state, _: state, initial=None)
)


def of(charges: Charges) -> Iterator[tuple[str, Event]]:
    """Each event with the service that says it: who is responsible first, then what was charged."""
    match charges.payers:
        case None:
            pass
        case ():
            yield "eligibility", _not_covered(charges)
        case payers:
            yield "eligibility", _covered(charges, payers)
    if charges.lines or charges.is_billed_elsewhere:
        yield "charges", _released(charges)


def _released(charges: Charges) -> ChargesReleased:
    but = dict(charges.but)
    return ChargesReleased(
        encounter_id=encounter_of(charges.account_id),
        account_id=charges.account_id,
        patient_id=PATIENT,
        release=charges.release,
        service_on=charges.service_on,
        service_to_on=date.fromisoformat(but["served through"]) if "served through" in but else None,
        organization=structs.replace(CLINIC, npi=but.get("the clinic's NPI", CLINIC.npi)),
        rendering=DOCTOR,
        facility=FacilityIdentity(
            facility_id="clinic", name="River Clinic", place_of_service=but.get("place of service", "11")
        ),
        diagnoses=tuple(but.get("diagnoses", "J069").split()),
        lines=tuple(
            ChargeLine(
                line_id=line.line_id,
                charge_id=f"charge-{line.line_id}",
                service_on=line.served_on or charges.service_on,
                procedure_code=line.procedure_code,
                modifiers=line.modifiers,
                units="1",
                charged_cents=line.charged_cents,
                diagnosis_pointers=line.pointers,
                place_of_service=line.place_of_service,
            )
            for line in charges.lines
        ),
        charged_cents=sum(line.charged_cents for line in charges.lines),
    )


def _covered(charges: Charges, payers: tuple[Payer, ...]) -> CoverageSelected:
    but = dict(charges.but)
    coverages = tuple(
        CoverageSnapshot(
            coverage_id=f"coverage-{payer.rank}",
            rank=payer.rank,
            payer_id=payer_id_of(payer.name),
            payer_name=payer.name,
            payer_electronic_id=payer.electronic_id,
            filing_indicator=payer.filing_indicator,
            partner_id=payer.partner_id,
            member_number=Sealed.fresh(PATIENT, "member_number", but.get("member number", f"MEMBER{payer.rank}")),
        )
        for payer in payers
    )
    return CoverageSelected(
        account_id=charges.account_id,
        encounter_id=encounter_of(charges.account_id),
        patient_id=PATIENT,
        service_on=charges.service_on,
        coverages=coverages,
        patient=_person(is_born="no birth date" not in but),
        reason="order",
    )


def encounter_of(account_id: str) -> str:
    """The visit behind an account number. That of `visit-1` is computed as in production, so that charges can speak of the visit alone."""
    return "visit-1" if account_id == account_id_of("visit-1") else f"visit-{account_id}"


def payer_id_of(name: str) -> str:
    return name.lower().replace(" ", "-")


def _not_covered(charges: Charges) -> NoCoverageFound:
    return NoCoverageFound(
        account_id=charges.account_id,
        encounter_id=encounter_of(charges.account_id),
        patient_id=PATIENT,
        service_on=charges.service_on,
        patient=_person(),
        reason="none",
    )


def _person(*, is_born: bool = True) -> Sealed[Person]:
    return Sealed.fresh(PATIENT, "person", PERSON if is_born else structs.replace(PERSON, birth_on=None))
