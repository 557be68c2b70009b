"""What do charges and eligibility tell claims about an account?

Each only passes on what was said; the billing case concludes. Sources: charges.ChargesReleased and EncounterCancelled,
eligibility.CoverageSelected and NoCoverageFound.
"""

from __future__ import annotations

from typing import Any

from services.claims.domain.billing_case.commands import (
    BillingCaseCommand,
    CancelBilling,
    NoteCharges,
    NoteCoverage,
)
from shared.events.charges import ChargesReleased, EncounterCancelled
from shared.events.claims import ServicesBilled
from shared.events.eligibility import CoverageSelected, NoCoverageFound
from shared.events.envelope import Recorded
from shared.kernel.identifiers import account_id_of

CHARGES = (ChargesReleased, EncounterCancelled)
ELIGIBILITY = (CoverageSelected, NoCoverageFound)


def react_to_charges(recorded: Recorded[Any]) -> list[tuple[str, BillingCaseCommand]]:
    """The account and what is told about it."""
    match recorded.event:
        case ChargesReleased() as event:
            return [(event.account_id, _note_charges(event))]
        case EncounterCancelled() as event:
            accounts = (account_id_of(event.encounter_id), *event.account_ids)
            return [(account, CancelBilling(account_id=account, reason=event.reason)) for account in accounts]
        case _:
            return []


def react_to_coverage(recorded: Recorded[Any]) -> list[tuple[str, BillingCaseCommand]]:
    match recorded.event:
        case CoverageSelected() as event:
            coverages = event.coverages
        case NoCoverageFound() as event:
            coverages = ()
        case _:
            return []
    told = NoteCoverage(
        account_id=event.account_id, patient_id=event.patient_id, coverages=coverages, patient=event.patient
    )
    return [(event.account_id, told)]


def _note_charges(event: ChargesReleased) -> NoteCharges:
    services = ServicesBilled(
        encounter_id=event.encounter_id,
        service_on=event.service_on,
        service_to_on=event.service_to_on,
        organization=event.organization,
        rendering=event.rendering,
        facility=event.facility,
        referring=event.referring,
        diagnoses=event.diagnoses,
        lines=event.lines,
        charged_cents=event.charged_cents,
        submitter_contact=event.submitter_contact,
        submitter_phone=event.submitter_phone,
        kind=event.kind,
        stay=event.stay,
        coding=event.coding,
        attending=event.attending,
        operating=event.operating,
        dental=event.dental,
    )
    return NoteCharges(
        account_id=event.account_id, patient_id=event.patient_id, release=event.release, services=services
    )
