"""What do the neighbours of the payments service say when a story charges a visit?"""

from __future__ import annotations

from collections.abc import Iterator

from shared.events.base import Event, Sealed
from shared.events.charges import ChargesReleased
from shared.events.eligibility import CoverageSelected, NoCoverageFound
from shared.events.values import ChargeLine, CoverageSnapshot, FacilityIdentity, Person, PersonName, ProviderIdentity
from shared.kernel.decider import Decider
from shared.runtime.command import Aggregate
from tests.golden.story import Charges, Payer

PATIENT = "patient-1"
NEIGHBOURS = ("charges", "eligibility")
CLINIC = ProviderIdentity(provider_id="clinic", npi="1999999984", last_or_organisation="RIVER CLINIC")
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
    yield "charges", _released(charges)


def _released(charges: Charges) -> ChargesReleased:
    return ChargesReleased(
        encounter_id=f"visit-{charges.account_id}",
        account_id=charges.account_id,
        patient_id=PATIENT,
        release=charges.release,
        service_on=charges.service_on,
        organization=CLINIC,
        rendering=CLINIC,
        facility=FacilityIdentity(facility_id="clinic", name="River Clinic", place_of_service="11"),
        diagnoses=("J069",),
        lines=tuple(
            ChargeLine(
                line_id=line.line_id,
                charge_id=f"charge-{line.line_id}",
                service_on=charges.service_on,
                procedure_code=line.procedure_code,
                modifiers=line.modifiers,
                units="1",
                charged_cents=line.charged_cents,
            )
            for line in charges.lines
        ),
        charged_cents=sum(line.charged_cents for line in charges.lines),
    )


def _covered(charges: Charges, payers: tuple[Payer, ...]) -> CoverageSelected:
    coverages = tuple(
        CoverageSnapshot(
            coverage_id=f"coverage-{payer.rank}",
            rank=payer.rank,
            payer_id=payer.name.lower().replace(" ", "-"),
            payer_name=payer.name,
            payer_electronic_id=payer.electronic_id,
            member_number=Sealed.fresh(PATIENT, "member_number", "M1"),
        )
        for payer in payers
    )
    return CoverageSelected(
        account_id=charges.account_id,
        encounter_id=f"visit-{charges.account_id}",
        patient_id=PATIENT,
        service_on=charges.service_on,
        coverages=coverages,
        patient=_person(),
        reason="order",
    )


def _not_covered(charges: Charges) -> NoCoverageFound:
    return NoCoverageFound(
        account_id=charges.account_id,
        encounter_id=f"visit-{charges.account_id}",
        patient_id=PATIENT,
        service_on=charges.service_on,
        patient=_person(),
        reason="none",
    )


def _person() -> Sealed[Person]:
    return Sealed.fresh(PATIENT, "person", Person(name=PersonName(last="Patient")))
