"""What may be wrong with the charges of an encounter, and how is it mended?

Each edit has an id, a version and a fix; a finding never quotes a personal value. Codes are judged by the date of service.
Sources: HIPAA code sets (45 CFR 162.1002), X12N 005010X222A1 limits (12 diagnoses, 4 modifiers, 4 pointers), CMS NPI check digit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from services.charges.domain.directory.knowledge import Knowledge
from services.charges.domain.encounter.bills import all_diagnoses, bills_of, diagnoses_of
from services.charges.domain.encounter.edits_by_kind import DIAGNOSES_MAX, edits_of_kind
from services.charges.domain.encounter.state import CapturedCharge, Encounter
from shared.events.values import Finding
from shared.kernel.identifiers import is_npi

ICD_10_CM = re.compile(r"[A-TV-Z][0-9][0-9A-Z][0-9A-Z]{0,4}")
CPT = re.compile(r"[0-9]{4}[0-9FTUM]")
HCPCS = re.compile(r"[A-V][0-9]{4}")
MODIFIER = re.compile(r"[0-9A-Z]{2}")
ICD_10_BEGAN_ON = date(2015, 10, 1)
REPEAT_MODIFIERS = {
    "76",
    "77",
    "91",
    "59",
    "XE",
    "XP",
    "XS",
    "XU",
    "RT",
    "LT",
}  # say that a like service is no duplicate

UNKNOWN_PROVIDER = "unknown-provider"
UNKNOWN_FACILITY = "unknown-facility"
NEEDS_CODING = "needs-coding"
NO_PRICE = "no-price"
EDITS_FAILED = "edits-failed"

# Which reason the hold is named by: the first of these that any failed edit leads to.
HOLD_OF_RULE = {
    "CHG-101": UNKNOWN_PROVIDER,
    "CHG-102": UNKNOWN_PROVIDER,
    "CHG-103": UNKNOWN_FACILITY,
    "CHG-104": UNKNOWN_PROVIDER,
    "CHG-201": NEEDS_CODING,
    "CHG-202": NEEDS_CODING,
    "CHG-203": NEEDS_CODING,
    "CHG-605": NEEDS_CODING,
    "CHG-701": NEEDS_CODING,
    "CHG-301": NO_PRICE,
}
HOLD_ORDER = (UNKNOWN_PROVIDER, UNKNOWN_FACILITY, NEEDS_CODING, NO_PRICE, EDITS_FAILED)


def failed_edits(encounter: Encounter, knowledge: Knowledge, today: date) -> list[Finding]:
    """Everything that stands against a release and was not overridden, in order of place."""
    billed = [charge for charge in encounter.charges.values() if charge.units_left > 0]
    lines = [charge for charge in billed if not charge.joined_from]  # the others were looked at with their visits
    found = [*_of_encounter(encounter, knowledge)]
    for charge in lines:
        found += _of_line(charge, encounter, knowledge, today)
    found += edits_of_kind(encounter, lines)
    found += _duplicates(billed, encounter, knowledge)
    found += _procedures(lines)
    return [finding for finding in found if finding.rule not in encounter.overridden]


def hold_reason(findings: list[Finding]) -> str:
    """The one reason that names the hold."""
    reasons = {HOLD_OF_RULE.get(finding.rule, EDITS_FAILED) for finding in findings}
    return next(reason for reason in HOLD_ORDER if reason in reasons)


def rendering_reference(charge: CapturedCharge, encounter: Encounter) -> str:
    """Who did it: the line's performer, else the visit's attending provider."""
    return charge.captured.rendering_reference or encounter.attending_reference


def _of_encounter(encounter: Encounter, knowledge: Knowledge) -> Iterator[Finding]:
    if knowledge.facility(encounter.facility_reference) is None:
        yield Finding(
            rule="CHG-103",
            place="visit location",
            value=encounter.facility_reference,
            message="the place is not in the practice's directory",
            fix="list the facility, or add this name to its aliases",
        )
    codes = all_diagnoses(encounter)
    if encounter.kind == "institutional":
        yield from _of_provider(encounter.attending_reference, "attending provider", knowledge)
        if encounter.operating_reference:
            yield from _of_provider(encounter.operating_reference, "operating provider", knowledge)
    if not codes and encounter.kind != "dental":
        yield Finding(
            rule="CHG-201", place="diagnoses", message="no diagnosis is coded", fix="code the visit's diagnoses"
        )
    bills = bills_of(encounter)
    most = DIAGNOSES_MAX[encounter.kind]
    named = max(len(diagnoses_of(bill, encounter, is_only_one=len(bills) == 1)) for bill in bills)
    if named > most:
        yield Finding(
            rule="CHG-204",
            place="diagnoses",
            value=str(named),
            message=f"a claim of this kind takes at most {most} diagnoses",
            fix="leave out those that support no line",
        )
    for code in codes:
        if not ICD_10_CM.fullmatch(code):
            yield Finding(
                rule="CHG-202",
                place="diagnoses",
                value=code,
                message="not an ICD-10-CM code",
                fix="code the diagnosis in ICD-10-CM",
            )


def is_procedure_code(code: str) -> bool:
    """Whether it has the form of a CPT or HCPCS code."""
    return CPT.fullmatch(code) is not None or HCPCS.fullmatch(code) is not None


def _of_provider(reference: str, place: str, knowledge: Knowledge) -> Iterator[Finding]:
    provider = knowledge.provider(reference) if reference else None
    if provider is None:
        yield Finding(
            rule="CHG-101",
            place=place,
            value=reference,
            message="the provider is not in the practice's directory",
            fix="list the provider, or add this name to its aliases",
        )
    elif provider.organization_id not in knowledge.organizations:
        yield Finding(
            rule="CHG-104",
            place=place,
            value=provider.organization_id,
            message="the provider's billing organisation is not in the practice's directory",
            fix="list the organisation",
        )
    elif not is_npi(provider.provider.npi):
        yield Finding(
            rule="CHG-102",
            place=place,
            value=provider.provider.npi,
            message="the NPI fails its check digit",
            fix="correct the NPI",
        )


def _of_line(charge: CapturedCharge, encounter: Encounter, knowledge: Knowledge, today: date) -> Iterator[Finding]:
    line = charge.captured
    place = f"charge {line.charge_id}"
    if encounter.kind != "institutional":  # there the visit's attending provider answers for every line
        yield from _of_provider(rendering_reference(charge, encounter), place, knowledge)
    if _needs_procedure(charge, encounter) and not is_procedure_code(charge.procedure_code):
        yield Finding(
            rule="CHG-203",
            place=place,
            value=f"{charge.procedure_code} {line.code_system}".strip(),
            message="not a CPT or HCPCS code",
            fix="code the procedure, or add the charge code to the price list with its procedure code",
        )
    if charge.charged_cents is None:
        yield Finding(
            rule="CHG-301",
            place=place,
            value=line.code,
            message="the sender gave no price and the price list has none",
            fix="add the code to the price list in force on the date of service",
        )
    if len(line.modifiers) > 4 or not all(MODIFIER.fullmatch(each) for each in line.modifiers):
        yield Finding(
            rule="CHG-401",
            place=place,
            value=" ".join(line.modifiers),
            message="at most four modifiers of two characters",
            fix="correct the modifiers",
        )
    if line.service_on > today:
        yield Finding(
            rule="CHG-402",
            place=place,
            value=line.service_on.isoformat(),
            message="the date of service is in the future",
            fix="correct the date",
        )
    if line.service_on < ICD_10_BEGAN_ON:
        yield Finding(
            rule="CHG-403",
            place=place,
            value=line.service_on.isoformat(),
            message="before 2015-10-01 claims use ICD-9-CM, which is not supported",
            fix="correct the date",
        )
    if len(line.diagnoses) > 4:
        yield Finding(
            rule="CHG-404",
            place=place,
            value=str(len(line.diagnoses)),
            message="a line points to at most four diagnoses",
            fix="keep the four that support the line best",
        )
    yield from (finding for finding in line.findings if finding.severity == "error")


def _needs_procedure(charge: CapturedCharge, encounter: Encounter) -> bool:
    """A hospital's line may say by its revenue code alone what was done; a dentist's code has an edit of its own."""
    return encounter.kind == "professional" or (encounter.kind == "institutional" and charge.procedure_code != "")


def _duplicates(lines: list[CapturedCharge], encounter: Encounter, knowledge: Knowledge) -> Iterator[Finding]:
    seen: dict[tuple[object, ...], str] = {}  # and the visit that handed it over
    for charge in lines:
        line = charge.captured
        if not charge.procedure_code:
            continue  # a hospital's rooms, drugs and supplies come many times a day
        name = rendering_reference(charge, encounter)
        provider = knowledge.provider(name)
        performer = provider.provider.provider_id if provider else name
        key = (line.service_on, charge.procedure_code, line.modifiers, performer, line.dental)
        was_looked_at = charge.joined_from != "" and seen.get(key) == charge.joined_from
        if key in seen and not was_looked_at and not REPEAT_MODIFIERS & set(line.modifiers):
            yield Finding(
                rule="CHG-501",
                place=f"charge {line.charge_id}",
                value=charge.procedure_code,
                message="the same service, date, provider and modifiers twice",
                fix="credit one of them, or say with a modifier why it is not a duplicate",
            )
        seen[key] = charge.joined_from


def _procedures(lines: list[CapturedCharge]) -> Iterator[Finding]:
    """Where the sender charges a visit by itself, a procedure that no charge is for may be missing, or in another charge."""
    if all(charge.captured.is_from_procedure for charge in lines):
        return
    for charge in lines:
        if charge.captured.is_from_procedure:
            yield Finding(
                rule="CHG-502",
                place=f"charge {charge.captured.charge_id}",
                value=charge.procedure_code,
                message="a procedure was done that no charge of the visit is for",
                fix="credit it when another charge covers it, else override this edit",
            )


def units_text(units: Decimal) -> str:
    """Exact decimal text without an exponent or trailing zeros."""
    text = f"{units.normalize():f}"
    return text if text != "-0" else "0"
