"""Which visits of a patient may share a bill, and what stands on it then?

One visit's account and claim carry the charges of all (docs/adr/0014). What may share a claim is ruled by the claim: it names one patient,
one payer, one billing provider, one service facility and one referring provider, and takes so many lines and diagnoses. A hospital's
statement covers one stay, or the repetitive outpatient services of one month; outpatient services right before an admission go on the
inpatient claim.
Sources: Medicare Claims Processing Manual ch. 1 §50.2.2 (repetitive services by the month), ch. 3 §40.3 and 42 CFR 412.2(c)(5) (the three
days, or one day, before an admission), ch. 26 §10.4 items 17 and 32 (one referring provider, one facility a claim); ASC X12N 005010X222A1,
005010X223A2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TypeVar

from msgspec import structs

from services.charges.domain.encounter.bills import bills_of, diagnoses_of
from services.charges.domain.encounter.commands import JoinVisits, VisitFacts
from services.charges.domain.encounter.edits import REPEAT_MODIFIERS
from services.charges.domain.encounter.edits_by_kind import DIAGNOSES_MAX
from services.charges.domain.encounter.state import CapturedCharge, Encounter
from shared.events.charges import ChargeCaptured, ChargesReleased, JoinedCharges
from shared.events.claim_kinds import HospitalCoding, HospitalStay
from shared.events.values import ChargeLine, Finding
from shared.kernel.claim_limits import LINES_MAX
from shared.kernel.code_forms import is_inpatient_bill

T = TypeVar("T")

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class JointBill:
    """What a bill of these visits would be, and what stands against it."""

    lines: int
    diagnoses: tuple[str, ...]
    charged_cents: int
    service_on: date | None
    service_to_on: date | None
    findings: tuple[Finding, ...]


def preview(command: JoinVisits, encounter: Encounter) -> JointBill:
    """The bill as it would be with the visits of the command, by what is released of each now."""
    taken = {**encounter.taken_in, **_statements(command, encounter)}
    whole = with_joined(replace(encounter, joined=command.encounter_ids, taken_in=taken))
    charges = [charge for charge in whole.charges.values() if charge.units_left > 0]
    days = _days_of(charge.captured for charge in charges)
    findings = [
        *_of_carrier(command, encounter),
        *(finding for each in _newcomers(command, encounter) for finding in _of_visit(each, command, encounter)),
    ]
    return JointBill(
        lines=len(charges),
        diagnoses=_diagnoses(whole),
        charged_cents=sum(charge.cents_left for charge in charges),
        service_on=min(days, default=None),
        service_to_on=max(days, default=None),
        findings=tuple(findings or _of_whole(command, encounter, whole)),
    )


def with_joined(encounter: Encounter) -> Encounter:
    """The visit as its bill states it: with the charges of the visits that go on it."""
    taken = {each: encounter.taken_in[each] for each in encounter.joined if each in encounter.taken_in}
    if not taken:
        return encounter
    handed = {line.charge_id: _as_charge(line, visit, taken[visit]) for visit in taken for line in taken[visit].lines}
    if encounter.kind != "institutional":
        return replace(encounter, charges={**encounter.charges, **handed})
    codes = (*encounter.diagnoses, *(code for each in taken.values() for code in each.diagnoses))
    return replace(
        encounter,
        charges={**encounter.charges, **handed},
        diagnoses=tuple(dict.fromkeys(codes)),
        stay=_one_statement(encounter.stay or HospitalStay(), list(taken.values())),
        coding=_one_coding(encounter.coding, list(taken.values())),
    )


def joined_edits(bill: ChargesReleased, encounter: Encounter) -> list[Finding]:
    """What of the visits that were taken in no longer fits on this visit's bill, and nobody let pass."""
    found = [
        finding
        for visit in encounter.joined
        if visit in encounter.taken_in and encounter.taken_in[visit].lines
        for finding in _differences(bill, encounter.taken_in[visit], visit, encounter, encounter.days_before_admission)
    ]
    return [finding for finding in found if finding.rule not in encounter.overridden]


def handed_over(whole: ChargesReleased, handing: int) -> JoinedCharges:
    """A visit's charges for another visit's bill; each line says itself where it was done."""
    is_hospitals = whole.kind == "institutional"
    place = "" if is_hospitals else whole.facility.place_of_service
    return JoinedCharges(
        handing=handing,
        organization=whole.organization,
        facility=whole.facility,
        referring=whole.referring,
        diagnoses=whole.diagnoses,
        lines=tuple(structs.replace(line, place_of_service=line.place_of_service or place) for line in whole.lines),
        charged_cents=whole.charged_cents,
        kind=whole.kind,
        stay=whole.stay,
        coding=whole.coding,
    )


# --- what may share a bill --------------------------------------------------------------------------------------------


def _newcomers(command: JoinVisits, encounter: Encounter) -> list[str]:
    return [each for each in command.encounter_ids if each not in encounter.joined]


def _statements(command: JoinVisits, encounter: Encounter) -> dict[str, JoinedCharges]:
    stated = {each: _only_bill(command.visits[each].encounter) for each in _newcomers(command, encounter)}
    return {each: handed_over(bill, 1) for each, bill in stated.items() if bill is not None}


def _only_bill(encounter: Encounter) -> ChargesReleased | None:
    """What is released, where it is one bill."""
    stated = [each for each in encounter.released.values() if each.lines]
    return stated[0] if len(stated) == 1 else None


def _of_carrier(command: JoinVisits, encounter: Encounter) -> Iterator[Finding]:
    if encounter.billed_with:
        yield _finding(
            "CHG-805", command.encounter_id, "the visit is itself billed with another one", "join them there"
        )
    yield from _not_one_bill(command.encounter_id, encounter)
    if command.coverage_ids is None:
        yield _payer_unknown(command.encounter_id)
    elif not command.coverage_ids:
        message = "no coverage answers for the visit, so that there is no claim to share"
        yield _finding("CHG-812", command.encounter_id, message, "bill the visits to the patient, each by itself")


def _of_visit(visit: str, command: JoinVisits, encounter: Encounter) -> Iterator[Finding]:
    assert encounter.opened is not None
    facts = command.visits[visit]
    other = facts.encounter
    if other.opened is None or other.opened.patient_id not in command.registrations | {encounter.opened.patient_id}:
        yield _finding("CHG-801", visit, "no visit of this patient", "name visits of one patient")
        return
    if visit == command.encounter_id or other.joined or other.leaving or other.billed_with:
        yield _finding("CHG-805", visit, "the visit shares a bill already", "take it apart there first")
        return
    yield from _not_one_bill(visit, other)
    yield from _other_payer(visit, facts, command)
    mine, its = _only_bill(encounter), _only_bill(other)
    if mine and its:
        yield from _differences(mine, handed_over(its, 1), visit, encounter, command.days_before_admission)


def _not_one_bill(visit: str, encounter: Encounter) -> Iterator[Finding]:
    stated = [each for each in encounter.released.values() if each.lines]
    if encounter.is_cancelled or encounter.held is not None or not stated:
        yield _finding("CHG-803", visit, "the visit's charges are not released", "mend what holds them first")
    elif len(stated) > 1 or stated[0].coverage_ids or encounter.chosen:
        yield _finding("CHG-804", visit, "the visit is divided over bills of its own", "bill it together first")


def _other_payer(visit: str, facts: VisitFacts, command: JoinVisits) -> Iterator[Finding]:
    if facts.coverage_ids is None:
        yield _payer_unknown(visit)
    elif command.coverage_ids and facts.coverage_ids != command.coverage_ids:
        message = "other coverages answer for its day, or in another order"
        yield _finding("CHG-812", visit, message, "bill it by itself, or correct the patient's coverages")


def _payer_unknown(visit: str) -> Finding:
    return _finding("CHG-812", visit, "nobody has said yet which coverages answer for its day", "wait for eligibility")


def _diagnoses(whole: Encounter) -> tuple[str, ...]:
    bills = bills_of(whole)
    named = [diagnoses_of(bill, whole, is_only_one=len(bills) == 1) for bill in bills]
    return tuple(dict.fromkeys(code for each in named for code in each))


def _of_whole(command: JoinVisits, encounter: Encounter, whole: Encounter) -> Iterator[Finding]:
    lines = sum(charge.units_left > 0 for charge in whole.charges.values())
    yield from _too_much(whole, lines=lines, bills=len(bills_of(whole)), diagnoses=len(_diagnoses(whole)))
    stated = _only_bill(encounter)
    done = {_service(line) for line in stated.lines} if stated else set[tuple[object, ...]]()
    for visit, joined in _statements(command, encounter).items():
        for line in joined.lines:
            if line.procedure_code and _service(line) in done and not REPEAT_MODIFIERS & set(line.modifiers):
                yield Finding(
                    rule="CHG-501",
                    place=f"visit {visit} charge {line.charge_id}",
                    value=line.procedure_code,
                    message="the joint bill will be held: the same service, date, provider and modifiers twice",
                    fix="say with a modifier why it is not a duplicate, or override the edit then",
                    severity="warning",
                )


def _service(line: ChargeLine) -> tuple[object, ...]:
    performer = line.rendering.provider_id if line.rendering else ""
    return (line.service_on, line.procedure_code, line.modifiers, performer)


def _too_much(encounter: Encounter, *, lines: int, bills: int, diagnoses: int) -> Iterator[Finding]:
    lines_max, diagnoses_max = LINES_MAX[encounter.kind], DIAGNOSES_MAX[encounter.kind]
    if lines > lines_max or diagnoses > diagnoses_max or bills > 1:
        found = f"{lines} lines, {diagnoses} diagnoses"
        message = f"one claim takes {lines_max} lines and {diagnoses_max} diagnoses"
        yield Finding(rule="CHG-809", place="bill", value=found, message=message, fix="join fewer visits")


def _differences(
    bill: ChargesReleased, joined: JoinedCharges, visit: str, encounter: Encounter, days_before_admission: int
) -> Iterator[Finding]:
    """What one claim can say only once, and these visits say differently."""
    alone = "bill the visit by itself"
    if joined.kind != bill.kind or bill.kind == "dental":
        yield _finding("CHG-802", visit, "only professional, or only institutional visits share a claim", alone)
        return
    if joined.organization.provider_id != bill.organization.provider_id:
        yield _finding("CHG-806", visit, "a claim has one billing provider", alone)
    if any(line.charge_id in encounter.charges for line in joined.lines):
        yield _finding("CHG-813", visit, "a charge id of this visit is on the other one too", "send unique charge ids")
    if bill.kind == "professional":
        yield from _of_professional(bill, joined, visit)
    else:
        own = [line for line in bill.lines if line.charge_id in encounter.charges]
        yield from _of_statement(bill.stay or HospitalStay(), own, joined, visit, days_before_admission)


def _of_professional(bill: ChargesReleased, joined: JoinedCharges, visit: str) -> Iterator[Finding]:
    alone = "bill the visit by itself"
    if joined.facility.facility_id != bill.facility.facility_id:
        yield _finding("CHG-807", visit, "a claim names one service facility", alone)
    ours, its = bill.referring, joined.referring
    if (ours.provider_id if ours else "") != (its.provider_id if its else ""):
        yield _finding("CHG-808", visit, "a claim names one referring provider", alone)


def _of_statement(
    stay: HospitalStay, own: Sequence[ChargeLine], joined: JoinedCharges, visit: str, days_before_admission: int
) -> Iterator[Finding]:
    its = joined.stay or HospitalStay()
    days = _days_of(joined.lines)
    if is_inpatient_bill(its.bill_type):
        yield _finding("CHG-810", visit, "an inpatient stay has a claim of its own", "bill each stay by itself")
    elif is_inpatient_bill(stay.bill_type):
        admitted_on = stay.admitted_on or date.min + days_before_admission * _DAY
        if min(days) < admitted_on - days_before_admission * _DAY or max(days) > admitted_on:
            message = (
                f"only services of the {days_before_admission} days before the admission go on the inpatient claim"
            )
            yield _finding("CHG-811", visit, message, "bill the outpatient visit by itself")
    elif its.bill_type != stay.bill_type:
        yield _finding("CHG-810", visit, "a statement has one type of bill", "bill the visit by itself")
    elif len({(day.year, day.month) for day in (*days, *_days_of(own))}) > 1:
        message = "outpatient services share a statement within one calendar month"
        yield _finding("CHG-811", visit, message, "join the visits of one month")


def _days_of(lines: Iterable[ChargeLine | ChargeCaptured]) -> list[date]:
    return [day for line in lines for day in (line.service_on, line.service_to_on or line.service_on)]


def _finding(rule: str, visit: str, message: str, fix: str) -> Finding:
    return Finding(rule=rule, place=f"visit {visit}", message=message, fix=fix)


# --- what stands on it ------------------------------------------------------------------------------------------------


def _as_charge(line: ChargeLine, visit: str, joined: JoinedCharges) -> CapturedCharge:
    captured = ChargeCaptured(
        encounter_id=visit,
        charge_id=line.charge_id,
        source_key="",
        service_on=line.service_on,
        service_to_on=line.service_to_on,
        code=line.procedure_code,
        modifiers=line.modifiers,
        units=line.units,
        charged_cents=line.charged_cents,
        diagnoses=tuple(joined.diagnoses[pointer - 1] for pointer in line.diagnosis_pointers),
        rendering_reference=line.rendering.provider_id if line.rendering else "",
        place_of_service=line.place_of_service,
        national_drug_code=line.national_drug_code,
        revenue_code=line.revenue_code,
        unit=line.unit,
        rate_cents=line.rate_cents,
        non_covered_cents=line.non_covered_cents,
    )
    return CapturedCharge(
        captured=captured,
        procedure_code=line.procedure_code,
        charged_cents=line.charged_cents,
        revenue_code=line.revenue_code,
        joined_from=visit,
    )


def _one_statement(stay: HospitalStay, taken: Sequence[JoinedCharges]) -> HospitalStay:
    """The carrier's stay over the days of all. What others say beside it is added; amounts only where it has none of the kind."""
    others = [each.stay for each in taken if each.stay is not None and each.lines]
    amounts = {each.code: each for other in (*reversed(others), stay) for each in other.values}
    firsts = [each.statement_from_on for each in (stay, *others) if each.statement_from_on]
    lasts = [each.statement_through_on for each in (stay, *others) if each.statement_through_on]
    return structs.replace(
        stay,
        statement_from_on=min(firsts) if stay.statement_from_on else None,
        statement_through_on=max(lasts) if stay.statement_through_on else None,
        occurrences=_each_once(stay.occurrences, *(each.occurrences for each in others)),
        spans=_each_once(stay.spans, *(each.spans for each in others)),
        values=tuple(amounts.values()),
        conditions=_each_once(stay.conditions, *(each.conditions for each in others)),
    )


def _one_coding(coding: HospitalCoding | None, taken: Sequence[JoinedCharges]) -> HospitalCoding | None:
    """The carrier's coding; procedures, indicators and external causes of the others are added."""
    others = [each.coding for each in taken if each.coding is not None and each.lines]
    if not others:
        return coding
    mine = coding or HospitalCoding()
    present = {each.code: each for other in (*reversed(others), mine) for each in other.present_on_admission}
    return structs.replace(
        mine,
        present_on_admission=tuple(present.values()),
        external_causes=_each_once(mine.external_causes, *(each.external_causes for each in others)),
        procedures=_each_once(mine.procedures, *(each.procedures for each in others)),
    )


def _each_once(*groups: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(each for group in groups for each in group))
