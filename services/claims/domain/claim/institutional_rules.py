"""What is wrong with an institutional claim, beside what is wrong with any?

Only the form of NUBC codes is known: their lists are licensed. Sources: ASC X12N 005010X223A2 limits and situational rules,
45 CFR 162.1002 (ICD-10-PCS for inpatient procedures), in our own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation

from services.claims.domain.claim.rule import Found, Rule, error, warning
from shared.events.claim_kinds import ClaimKind, HospitalCoding, HospitalStay
from shared.events.claims import ClaimCreated
from shared.kernel.code_forms import (
    has_admission_hour,
    is_bill_type,
    is_icd_10_pcs,
    is_inpatient_bill,
    is_patient_status,
    is_revenue_code,
    is_time,
)

DIAGNOSES_MAX = 25
CODES_OF_A_KIND_MAX = 24  # occurrences, spans, values, conditions, other procedures
REASONS_FOR_VISIT_MAX = 3
EXTERNAL_CAUSES_MAX = 12
STILL_A_PATIENT = "30"  # CL103

_DIAGNOSIS = re.compile(r"[A-Z][0-9][0-9A-Z][0-9A-Z]{0,4}")
_CHANGE_REASON = re.compile(r"D[0-9]|E0")
_TWO = re.compile(r"[0-9A-Z]{2}")
_ONE = re.compile(r"[0-9A-Z]")
_KIND: ClaimKind = "institutional"


def _stay(claim: ClaimCreated) -> HospitalStay:
    return claim.services.stay or HospitalStay()


def _coding(claim: ClaimCreated) -> HospitalCoding:
    return claim.services.coding or HospitalCoding()


def _bill_type(claim: ClaimCreated, _: date) -> Iterator[Found]:
    stated = _stay(claim).bill_type
    if not is_bill_type(stated):
        message = "the type of bill names facility and care in two digits"
        yield Found(place="stay.bill_type", message=message, value=stated)


def _organization(claim: ClaimCreated, _: date) -> Iterator[Found]:
    if claim.services.organization.is_person:
        yield Found(place="organization", message="an institutional claim is billed by an organisation")


def _statement(claim: ClaimCreated, on: date) -> Iterator[Found]:
    stay = _stay(claim)
    first, last = stay.statement_from_on, stay.statement_through_on
    if first is None or last is None:
        yield Found(place="stay.statement_from_on", message="the statement period has its first and last day")
        return
    if last < first:
        yield Found(
            place="stay.statement_through_on", message="the statement does not end before it begins", value=str(last)
        )
    if last > on:
        yield Found(place="stay.statement_through_on", message="the statement ends in the future", value=str(last))
    for number, line in enumerate(claim.services.lines, start=1):
        if line.service_on < first or (line.service_to_on or line.service_on) > last:
            message = f"the day of service lies in the statement period ({first} to {last})"
            yield Found(place=f"lines[{number}].service_on", message=message, value=str(line.service_on))


def _patient_status(claim: ClaimCreated, _: date) -> Iterator[Found]:
    status = _stay(claim).patient_status
    if not is_patient_status(status):
        message = "the patient's status at the end of the statement has two digits"
        yield Found(place="stay.patient_status", message=message, value=status)


def _admission(claim: ClaimCreated, _: date) -> Iterator[Found]:
    stay = _stay(claim)
    if stay.admission_type and not _ONE.fullmatch(stay.admission_type):
        yield Found(
            place="stay.admission_type", message="the type of admission is one character", value=stay.admission_type
        )
    if stay.admission_source and not _ONE.fullmatch(stay.admission_source):
        message = "the point of origin is one character"
        yield Found(place="stay.admission_source", message=message, value=stay.admission_source)
    for name in ("admitted_time", "discharged_time"):
        if (value := getattr(stay, name)) and not is_time(value):
            yield Found(place=f"stay.{name}", message="a time is HHMM", value=value)
    if stay.admitted_on and stay.statement_through_on and stay.admitted_on > stay.statement_through_on:
        message = "the admission is not after the end of the statement"
        yield Found(place="stay.admitted_on", message=message, value=str(stay.admitted_on))
    if not is_inpatient_bill(stay.bill_type):
        return
    if stay.admitted_on is None:
        yield Found(place="stay.admitted_on", message="an inpatient claim has its admission date")
    if not stay.admission_type:
        yield Found(place="stay.admission_type", message="an inpatient claim has its type of admission")
    if not stay.admission_source:
        yield Found(place="stay.admission_source", message="an inpatient claim has its point of origin")
    if not _coding(claim).admitting_diagnosis:
        yield Found(place="coding.admitting_diagnosis", message="an inpatient claim has its admitting diagnosis")
    if has_admission_hour(stay.bill_type) and not stay.admitted_time:
        yield Found(place="stay.admitted_time", message="an inpatient claim has its admission hour")
    is_discharged = stay.patient_status and stay.patient_status != STILL_A_PATIENT
    if has_admission_hour(stay.bill_type) and is_discharged and not stay.discharged_time:
        yield Found(place="stay.discharged_time", message="a discharged inpatient's claim has the discharge hour")


def _change_reason(claim: ClaimCreated, _: date) -> Iterator[Found]:
    """Medicare's part A asks why a claim is replaced or voided: a condition code D0 to D9, or E0."""
    coverage = next((each for each in claim.coverages if each.rank == claim.rank), None)
    is_part_a = coverage is not None and coverage.filing_indicator == "MA"
    if is_part_a and claim.frequency != "1" and not any(map(_CHANGE_REASON.fullmatch, _stay(claim).conditions)):
        message = "a replacement or void says by a condition code (D0 to D9, E0) why"
        yield Found(place="stay.conditions", message=message, value=claim.frequency)


def _attending(claim: ClaimCreated, _: date) -> Iterator[Found]:
    attending = claim.services.attending
    if attending is None:
        yield Found(place="attending", message="an institutional claim names the attending provider")
    elif not attending.is_person:
        yield Found(place="attending", message="the attending provider is a person")


def _operating(claim: ClaimCreated, _: date) -> Iterator[Found]:
    if _coding(claim).procedures and claim.services.operating is None:
        yield Found(place="operating", message="a surgical procedure is coded and no operating provider is named")


def _diagnoses(claim: ClaimCreated, _: date) -> Iterator[Found]:
    diagnoses, coding = claim.services.diagnoses, _coding(claim)
    if not 1 <= len(diagnoses) <= DIAGNOSES_MAX:
        message = "an institutional claim has a principal diagnosis and at most 24 others"
        yield Found(place="diagnoses", message=message, value=str(len(diagnoses)))
    if len(set(diagnoses)) != len(diagnoses):
        yield Found(place="diagnoses", message="a diagnosis is named once")
    named = [(f"diagnoses[{number}]", code) for number, code in enumerate(diagnoses, start=1)]
    named += [("coding.admitting_diagnosis", coding.admitting_diagnosis)] if coding.admitting_diagnosis else []
    named += [(f"coding.reasons_for_visit[{n}]", code) for n, code in enumerate(coding.reasons_for_visit, start=1)]
    named += [(f"coding.external_causes[{n}]", code) for n, code in enumerate(coding.external_causes, start=1)]
    for place, code in named:
        if not _DIAGNOSIS.fullmatch(code):
            yield Found(place=place, message="not an ICD-10-CM code without its dot", value=code)
    if len(coding.reasons_for_visit) > REASONS_FOR_VISIT_MAX:
        yield Found(place="coding.reasons_for_visit", message="at most three", value=str(len(coding.reasons_for_visit)))
    if len(coding.external_causes) > EXTERNAL_CAUSES_MAX:
        yield Found(place="coding.external_causes", message="at most twelve", value=str(len(coding.external_causes)))


def _present_on_admission(claim: ClaimCreated, _: date) -> Iterator[Found]:
    known = {*claim.services.diagnoses, *_coding(claim).external_causes}
    for each in _coding(claim).present_on_admission:
        if each.code not in known:
            message = "present on admission is told of a diagnosis or external cause of the claim"
            yield Found(place="coding.present_on_admission", message=message, value=each.code)


def _procedures(claim: ClaimCreated, _: date) -> Iterator[Found]:
    procedures = _coding(claim).procedures
    if len(procedures) > CODES_OF_A_KIND_MAX + 1:
        message = "a principal procedure and at most 24 others"
        yield Found(place="coding.procedures", message=message, value=str(len(procedures)))
    last = _stay(claim).statement_through_on
    for number, procedure in enumerate(procedures, start=1):
        place = f"coding.procedures[{number}]"
        if not is_icd_10_pcs(procedure.code):
            yield Found(place=f"{place}.code", message="not an ICD-10-PCS code", value=procedure.code)
        if last and procedure.performed_on > last:
            message = "a procedure is not after the end of the statement"
            yield Found(place=f"{place}.performed_on", message=message, value=str(procedure.performed_on))


def _stay_codes(claim: ClaimCreated, _: date) -> Iterator[Found]:
    stay = _stay(claim)
    kinds = {
        "occurrences": [each.code for each in stay.occurrences],
        "spans": [each.code for each in stay.spans],
        "values": [each.code for each in stay.values],
        "conditions": list(stay.conditions),
    }
    for name, codes in kinds.items():
        if len(codes) > CODES_OF_A_KIND_MAX:
            yield Found(place=f"stay.{name}", message="at most 24 of a kind", value=str(len(codes)))
        for number, code in enumerate(codes, start=1):
            if not _TWO.fullmatch(code):
                yield Found(place=f"stay.{name}[{number}]", message="the code has two characters", value=code)
    for number, span in enumerate(stay.spans, start=1):
        if span.last_on < span.first_on:
            message = "a span does not end before it begins"
            yield Found(place=f"stay.spans[{number}].last_on", message=message, value=str(span.last_on))
    for number, value in enumerate(stay.values, start=1):
        if value.amount_cents < 0:
            message = "an amount is not negative"
            yield Found(place=f"stay.values[{number}].amount_cents", message=message, value=str(value.amount_cents))


def _revenue_codes(claim: ClaimCreated, _: date) -> Iterator[Found]:
    for number, line in enumerate(claim.services.lines, start=1):
        place = f"lines[{number}]"
        if not is_revenue_code(line.revenue_code):
            message = "each line has a revenue code of four digits; the total, 0001, is no line"
            yield Found(place=f"{place}.revenue_code", message=message, value=line.revenue_code)
        if line.modifiers and not line.procedure_code:
            yield Found(place=f"{place}.modifiers", message="a modifier is of a procedure code")
        if not 0 <= line.non_covered_cents <= max(line.charged_cents, 0):
            message = "what is not covered is a part of the charge"
            yield Found(place=f"{place}.non_covered_cents", message=message, value=str(line.non_covered_cents))


def _rates(claim: ClaimCreated, _: date) -> Iterator[Found]:
    """A stated rate explains the charge; units that are no number are another rule's."""
    for number, line in enumerate(claim.services.lines, start=1):
        if line.rate_cents is None:
            continue
        try:
            charge = Decimal(line.units) * line.rate_cents
        except InvalidOperation:
            continue
        if charge != line.charged_cents:
            message = f"rate and units come to the charge ({line.charged_cents})"
            yield Found(place=f"lines[{number}].rate_cents", message=message, value=str(line.rate_cents))


RULES: tuple[Rule, ...] = (
    error("type-of-bill", _bill_type, "Enter the facility and care digits of the type of bill on the encounter.", _KIND),
    error("billing-organization", _organization, "List the billing provider as an organisation.", _KIND),
    error("statement-period", _statement, "Correct the statement's dates so that they cover every line.", _KIND),
    error("patient-status", _patient_status, "Enter the patient's discharge status on the encounter.", _KIND),
    error("admission", _admission, "Complete admission and discharge on the encounter.", _KIND),
    error("attending", _attending, "Name the attending provider on the encounter.", _KIND),
    warning("claim-change-reason", _change_reason, "Add the condition code to the encounter's stay.", _KIND),
    warning("operating", _operating, "Name the operating provider on the encounter, if it was surgery.", _KIND),
    error("hospital-diagnoses", _diagnoses, "Code the encounter: principal, admitting and other diagnoses.", _KIND),
    error("present-on-admission", _present_on_admission, "Correct the diagnosis that the indicator is told of.", _KIND),
    error("hospital-procedures", _procedures, "Correct the ICD-10-PCS code or its day.", _KIND),
    error("stay-codes", _stay_codes, "Correct the occurrence, span, value or condition code on the encounter.", _KIND),
    error("revenue-codes", _revenue_codes, "Enter the revenue code of the line, or in the price list.", _KIND),
    error("room-rate", _rates, "Correct the rate, the days or the charge.", _KIND),
)  # fmt: skip
