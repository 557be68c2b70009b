"""What keeps a hospital's or a dentist's charges from being billed, beside what keeps any?

Only the form of licensed codes is known (NUBC, CDT). Sources: ASC X12N 005010X223A2 and X224A2, in our own words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import structs

from services.charges.domain.encounter.state import CapturedCharge, Encounter
from shared.events.claim_kinds import ClaimKind, HospitalCoding, HospitalStay
from shared.events.values import Finding
from shared.kernel.code_forms import (
    ORAL_AREAS,
    SURFACES,
    is_bill_type,
    is_cdt,
    is_icd_10_pcs,
    is_inpatient_bill,
    is_patient_status,
    is_revenue_code,
    is_tooth,
)

DIAGNOSES_MAX: dict[ClaimKind, int] = {"professional": 12, "institutional": 25, "dental": 4}


def edits_of_kind(encounter: Encounter, lines: Sequence[CapturedCharge]) -> Iterator[Finding]:
    """What only an institutional or only a dental visit gets wrong."""
    match encounter.kind:
        case "institutional":
            yield from _of_stay(encounter.stay or HospitalStay(), encounter, lines)
            yield from _of_hospital_coding(encounter)
            for charge in lines:
                yield from _of_hospital_line(charge)
        case "dental":
            for charge in lines:
                yield from _of_dental_line(charge)
        case _:
            return


def statement_of(encounter: Encounter, lines: Sequence[CapturedCharge]) -> HospitalStay:
    """The stay with its statement: as stated, else from the admission or first line to the last line."""
    stay = encounter.stay or HospitalStay()
    days = [charge.captured.service_on for charge in lines]
    ends = [charge.captured.service_to_on or charge.captured.service_on for charge in lines]
    first = min([*days, *([stay.admitted_on] if stay.admitted_on and is_inpatient_bill(stay.bill_type) else [])])
    return structs.replace(
        stay,
        statement_from_on=stay.statement_from_on or first,
        statement_through_on=stay.statement_through_on or max(ends),
    )


def _of_stay(stay: HospitalStay, encounter: Encounter, lines: Sequence[CapturedCharge]) -> Iterator[Finding]:
    if not is_bill_type(stay.bill_type):
        yield Finding(
            rule="CHG-601",
            place="stay bill_type",
            value=stay.bill_type,
            message="the type of bill names facility and care in two digits",
            fix="enter it on the encounter, 11 or 13 for instance",
        )
    if not is_patient_status(stay.patient_status):
        yield Finding(
            rule="CHG-602",
            place="stay patient_status",
            value=stay.patient_status,
            message="the patient's status at the end of the statement is not two digits",
            fix="enter the discharge status on the encounter; 30 while the patient stays",
        )
    stated = statement_of(encounter, lines)
    for charge in lines:
        line = charge.captured
        assert stated.statement_from_on is not None and stated.statement_through_on is not None
        last = line.service_to_on or line.service_on
        if line.service_on < stated.statement_from_on or last > stated.statement_through_on:
            yield Finding(
                rule="CHG-603",
                place=f"charge {line.charge_id}",
                value=line.service_on.isoformat(),
                message="the day of service lies outside the statement period",
                fix="correct the statement's dates or the date of service",
            )
    if not is_inpatient_bill(stay.bill_type):
        return
    missing = {
        "admitted_on": stay.admitted_on is not None,
        "admission_type": bool(stay.admission_type),
        "admission_source": bool(stay.admission_source),
        "admitting_diagnosis": bool((encounter.coding or HospitalCoding()).admitting_diagnosis),
    }
    for name, is_there in missing.items():
        if not is_there:
            yield Finding(
                rule="CHG-604",
                place=f"stay {name}",
                message="an inpatient stay tells its admission",
                fix="complete the admission on the encounter, and its admitting diagnosis",
            )


def _of_hospital_coding(encounter: Encounter) -> Iterator[Finding]:
    for procedure in (encounter.coding or HospitalCoding()).procedures:
        if not is_icd_10_pcs(procedure.code):
            yield Finding(
                rule="CHG-605",
                place="coding procedures",
                value=procedure.code,
                message="not an ICD-10-PCS code",
                fix="code the procedure in ICD-10-PCS",
            )


def _of_hospital_line(charge: CapturedCharge) -> Iterator[Finding]:
    if not is_revenue_code(charge.revenue_code):
        yield Finding(
            rule="CHG-606",
            place=f"charge {charge.captured.charge_id}",
            value=charge.revenue_code,
            message="the line has no revenue code of four digits",
            fix="enter the revenue code, or name it in the price list",
        )


def _of_dental_line(charge: CapturedCharge) -> Iterator[Finding]:
    place = f"charge {charge.captured.charge_id}"
    if not is_cdt(charge.procedure_code):
        yield Finding(
            rule="CHG-701",
            place=place,
            value=charge.procedure_code,
            message="not a CDT code",
            fix="code the service in CDT, D and four digits",
        )
    done = charge.captured.dental
    if done is None:
        return
    for tooth in done.teeth:
        if not is_tooth(tooth.code):
            yield Finding(
                rule="CHG-702",
                place=place,
                value=tooth.code,
                message="not a tooth: 1 to 32, A to T, or supernumerary",
                fix="correct the tooth",
            )
        if not SURFACES.issuperset(tooth.surfaces) or len(set(tooth.surfaces)) != len(tooth.surfaces):
            yield Finding(
                rule="CHG-703",
                place=place,
                value="".join(tooth.surfaces),
                message="surfaces are B, D, F, I, L, M or O, each once",
                fix="correct the surfaces",
            )
    if not ORAL_AREAS.issuperset(done.oral_areas):
        yield Finding(
            rule="CHG-704",
            place=place,
            value=" ".join(done.oral_areas),
            message="areas of the mouth are 00, 01, 02, 09, 10, 20, 30, 40, L or R",
            fix="correct the area",
        )
