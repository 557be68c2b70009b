"""How does one claim become the 837I claim that says exactly the same?

Pure, as the 837P. The type of bill ends with the claim's frequency. Source: ASC X12N 005010X223A2 and its limits.
"""

from __future__ import annotations

from services.claims.adapters.opened_claims import OpenedClaim
from services.claims.adapters.x12_claims import (
    common_facts,
    drug,
    facility_party,
    heading,
    line_heading,
    party_facts,
    procedure_of,
    provider_party,
    quantity,
)
from shared.codecs.x12.claim_837i import InstitutionalClaim, InstitutionalLine, Stay
from shared.codecs.x12.elements import Dated, Party
from shared.codecs.x12.hospital_codes import Diagnosis, HospitalCodes, Occurrence, Performed, ValueCode
from shared.codecs.x12.writer import SegmentWriter
from shared.events.claim_kinds import HospitalCoding, HospitalStay
from shared.events.claims import ClaimCreated
from shared.events.values import ChargeLine, ProviderIdentity


def institutional_claim(opened: OpenedClaim) -> InstitutionalClaim:
    """The claim as the codec writes it. Call `unfit` first; raises ValueError for what it would have found."""
    claim, services = opened.claim, opened.claim.services
    stay, coding = services.stay or HospitalStay(), services.coding or HospitalCoding()
    return InstitutionalClaim(
        **heading(opened),
        facility_type=stay.bill_type,
        statement=_statement(stay),
        stay=Stay(admitted_on=stay.admitted_on, admitted_time=stay.admitted_time, discharged_time=stay.discharged_time),
        admission_type=stay.admission_type,
        admission_source=stay.admission_source,
        patient_status=stay.patient_status,
        codes=_codes(services.diagnoses, coding, stay),
        attending=_attending(services.attending),
        operating=provider_party("72", services.operating) if services.operating else None,
        facility=facility_party(services.facility, services.organization),
        referring=_referring(services.referring, services.attending),
        lines=tuple(_line(line, claim) for line in services.lines),
    )


def _statement(stay: HospitalStay) -> Dated | None:
    first, last = stay.statement_from_on, stay.statement_through_on
    return Dated(qualifier="434", first_on=first, last_on=last or first) if first else None


def _attending(attending: ProviderIdentity | None) -> Party | None:
    """With its taxonomy (PRV*AT)."""
    return provider_party("71", attending) if attending else None


def _referring(referring: ProviderIdentity | None, attending: ProviderIdentity | None) -> Party | None:
    """Loop 2310F is sent only when somebody other than the attending provider referred."""
    if referring is None or (attending is not None and referring.npi == attending.npi):
        return None
    return provider_party("DN", referring)


def _codes(diagnoses: tuple[str, ...], coding: HospitalCoding, stay: HospitalStay) -> HospitalCodes:
    named = [Diagnosis(code=code, present_on_admission=coding.was_present(code)) for code in diagnoses]
    procedures = [Performed(code=each.code, performed_on=each.performed_on) for each in coding.procedures]
    return HospitalCodes(
        principal=named[0] if named else None,
        admitting=coding.admitting_diagnosis,
        reasons_for_visit=coding.reasons_for_visit,
        external_causes=tuple(
            Diagnosis(code=code, present_on_admission=coding.was_present(code)) for code in coding.external_causes
        ),
        drg=coding.drg,
        diagnoses=tuple(named[1:]),
        principal_procedure=procedures[0] if procedures else None,
        procedures=tuple(procedures[1:]),
        spans=tuple(Occurrence(code=each.code, first_on=each.first_on, last_on=each.last_on) for each in stay.spans),
        occurrences=tuple(Occurrence(code=each.code, first_on=each.occurred_on) for each in stay.occurrences),
        values=tuple(ValueCode(code=each.code, cents=each.amount_cents) for each in stay.values),
        conditions=stay.conditions,
    )


def _line(line: ChargeLine, claim: ClaimCreated) -> InstitutionalLine:
    """Loop 2420 is not sent: attending and operating are the claim's."""
    return InstitutionalLine(
        **line_heading(line, claim),
        revenue_code=line.revenue_code,
        procedure=procedure_of(line.procedure_code, line.modifiers, claim),
        unit=line.unit,
        units=quantity(line.units),
        non_covered_cents=line.non_covered_cents or None,
        others=drug(line),
    )


def institutional_facts(claim: InstitutionalClaim, writer: SegmentWriter) -> tuple[object, ...]:
    """What an institutional claim must still say after it was written and read back."""
    return (
        *common_facts(claim, writer),
        claim.facility_type,
        claim.statement,
        claim.stay,
        (claim.admission_type, claim.admission_source, claim.patient_status),
        claim.codes,
        *(
            party_facts(one, writer)
            for one in (claim.attending, claim.operating, claim.facility, claim.referring, claim.rendering)
        ),
        claim.attending.taxonomy if claim.attending else "",
        tuple(
            (line.revenue_code, line.procedure, line.unit, line.units, line.non_covered_cents) for line in claim.lines
        ),
    )
