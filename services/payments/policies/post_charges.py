"""When charges are released, or somebody is responsible for them, what does the ledger do?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from services.payments.domain.claim_account.commands import NotePayers, PostCharges
from shared.events.charges import ChargesReleased
from shared.events.eligibility import CoverageSelected, NoCoverageFound
from shared.events.payments import AccountPayer, LedgerLine


def post_charges(event: ChargesReleased, *, on: date) -> Iterator[PostCharges]:
    """`on` is when the charges were released."""
    yield PostCharges(
        account_id=event.account_id,
        encounter_id=event.encounter_id,
        patient_id=event.patient_id,
        release=event.release,
        service_on=event.service_on,
        lines=tuple(
            LedgerLine(
                line_id=line.line_id,
                charge_id=line.charge_id,
                service_on=line.service_on,
                procedure_code=line.procedure_code,
                modifiers=line.modifiers,
                charged_cents=line.charged_cents,
                units=line.units,
                place_of_service=line.place_of_service or event.facility.place_of_service,
                revenue_code=line.revenue_code,
            )
            for line in event.lines
        ),
        posted_on=on,
        billing_npi=event.organization.npi,
    )


def note_payers(event: CoverageSelected | NoCoverageFound, *, on: date) -> Iterator[NotePayers]:
    """`NoCoverageFound` is the owner of coverages saying that there is none: the patient is responsible."""
    coverages = event.coverages if isinstance(event, CoverageSelected) else ()
    yield NotePayers(
        account_id=event.account_id,
        patient_id=event.patient_id,
        payers=tuple(
            AccountPayer(
                rank=coverage.rank,
                payer_id=coverage.payer_id,
                payer_name=coverage.payer_name,
                electronic_id=coverage.payer_electronic_id,
                filing_indicator=coverage.filing_indicator,
                member_index=coverage.member_index,
            )
            for coverage in coverages
        ),
        noted_on=on,
    )
