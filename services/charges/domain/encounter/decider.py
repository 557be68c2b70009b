"""What happens to the charges of a visit, from capture to release?

A charge is captured exactly once whatever the sender repeats (business key: sender and transaction id), credits net exactly, and
charges are released only when they are complete and right, otherwise held by name of the reason.
Sources: HL7 v2 chapter 6 (FT1), docs/how-to/charges.md for the edits.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from decimal import Decimal
from typing import assert_never

from msgspec import structs

from services.charges.domain.encounter.bills import Bill, all_diagnoses, bills_of, diagnoses_of, supporting
from services.charges.domain.encounter.commands import (
    BillAlone,
    BillWith,
    CancelEncounter,
    Charge,
    ChooseBills,
    CodeDiagnoses,
    Credit,
    EncounterCommand,
    JoinVisits,
    NoteJoiningRefused,
    OpenEncounter,
    OverrideEdit,
    PostCharges,
    ReviewCharges,
    TakeInCharges,
)
from services.charges.domain.encounter.edits import (
    failed_edits,
    hold_reason,
    is_procedure_code,
    rendering_reference,
    units_text,
)
from services.charges.domain.encounter.edits_by_kind import statement_of
from services.charges.domain.encounter.joining import handed_over, joined_edits, preview, with_joined
from services.charges.domain.encounter.state import CapturedCharge, Encounter, EncounterEvent, evolve, is_charge_for
from services.charges.domain.errors import (
    ChargeChanged,
    ChargeOnTwoBills,
    ChargeUnknown,
    CreditTooLarge,
    EncounterIsCancelled,
    EncounterOfAnotherPatient,
    EncounterUnknown,
    NoSuchEdit,
    VisitIsJoined,
    VisitsCannotBeJoined,
)
from shared.events.charges import (
    BillsChosen,
    ChargeCaptured,
    ChargeCredited,
    ChargePriced,
    ChargesGivenBack,
    ChargesHandedOver,
    ChargesHeld,
    ChargesReleased,
    ChargesTakenIn,
    DiagnosesCoded,
    EditFailed,
    EditOverridden,
    EncounterCancelled,
    EncounterChanged,
    EncounterOpened,
    JoiningRefused,
    Price,
    VisitBilledWith,
    VisitsJoined,
)
from shared.events.values import ChargeLine, Finding
from shared.kernel.decider import Decider
from shared.kernel.identifiers import account_id_of, bill_account_of


def decide(command: EncounterCommand, encounter: Encounter) -> Sequence[EncounterEvent]:
    match command:
        case OpenEncounter():
            return _open(command, encounter)
        case CancelEncounter():
            return _cancel(command, encounter)
        case PostCharges():
            return _post(command, encounter)
        case CodeDiagnoses():
            return _code(command, encounter)
        case ReviewCharges():
            return _review(command, encounter)
        case OverrideEdit():
            return _override(command, encounter)
        case ChooseBills():
            return _choose(command, encounter)
        case JoinVisits():
            return _join(command, encounter)
        case BillWith():
            return _bill_with(command, encounter)
        case BillAlone():
            return _bill_alone(command, encounter)
        case TakeInCharges():
            return _take_in(command, encounter)
        case NoteJoiningRefused():
            return _without(command, encounter)
        case _:
            assert_never(command)


encounter: Decider[EncounterCommand, EncounterEvent, Encounter] = Decider(
    decide=decide, evolve=evolve, initial=Encounter()
)


# --- the visit --------------------------------------------------------------------------------------------------------


def _open(command: OpenEncounter, encounter: Encounter) -> Sequence[EncounterEvent]:
    if encounter.opened is None:
        return [
            EncounterOpened(
                encounter_id=command.encounter_id,
                account_id=account_id_of(command.encounter_id),
                patient_id=command.patient_id,
                visit_class=command.visit_class or "O",
                started_at=command.started_at,
                service_on=command.service_on,
                facility_reference=command.facility_reference,
                attending_reference=command.attending_reference,
                referring_reference=command.referring_reference,
                source=command.source,
                kind=command.kind or "professional",
                operating_reference=command.operating_reference,
                stay=command.stay,
                dental=command.dental,
            )
        ]
    _same_patient(command, encounter)
    changed = EncounterChanged(
        encounter_id=command.encounter_id,
        visit_class=_news(command.visit_class, encounter.visit_class),
        facility_reference=_news(command.facility_reference, encounter.facility_reference),
        attending_reference=_news(command.attending_reference, encounter.attending_reference),
        discharged_at=command.discharged_at,
        source=command.source,
        kind=command.kind if command.kind != encounter.kind else None,
        operating_reference=_news(command.operating_reference, encounter.operating_reference),
        stay=command.stay if command.stay != encounter.stay else None,
        dental=command.dental if command.dental != encounter.dental else None,
    )
    nothing = EncounterChanged(encounter_id=command.encounter_id, source=command.source)
    return [] if changed == nothing else [changed]


def _news(told: str, known: str) -> str:
    return told if told != known else ""


def _same_patient(command: OpenEncounter | PostCharges, encounter: Encounter) -> None:
    """A visit stays with the registration that it was opened for; after a merge the person comes under another number."""
    if encounter.opened is not None and encounter.opened.patient_id not in _registrations(command):
        raise EncounterOfAnotherPatient(
            "this visit number belongs to another patient", encounter=encounter.opened.encounter_id
        )


def _registrations(command: OpenEncounter | PostCharges) -> frozenset[str]:
    return command.also_registered_as | {command.patient_id}


def _cancel(command: CancelEncounter, encounter: Encounter) -> Sequence[EncounterEvent]:
    if encounter.opened is None:
        raise EncounterUnknown("the visit was never opened", encounter=command.encounter_id)
    if encounter.is_cancelled:
        return []
    further = tuple(each.account_id for each in encounter.released.values() if each.bill > 1)
    cancelled = EncounterCancelled(
        encounter_id=command.encounter_id, reason=command.reason, source=command.source, account_ids=further
    )
    given_back = _given_back(encounter, (*encounter.joined, *encounter.leaving))
    return [*given_back, *_handing(encounter, None), *_emptied(encounter, ()), cancelled]


# --- charges and credits ----------------------------------------------------------------------------------------------


def _post(command: PostCharges, encounter: Encounter) -> Sequence[EncounterEvent]:
    _same_patient(command, encounter)
    events: list[EncounterEvent] = []
    if encounter.opened is None:
        # A charge may overtake the registration message: the visit exists because somebody was treated.
        opening = OpenEncounter(encounter_id=command.encounter_id, patient_id=command.patient_id, source=command.source)
        events += _open(opening, encounter)
    if encounter.is_cancelled and command.charges:
        raise EncounterIsCancelled("the visit was cancelled", encounter=command.encounter_id)
    for charge in command.charges:
        events += _capture(charge, command.encounter_id, encounter.state_with(events))
    for credit in command.credits:
        events += _credit(credit, command.encounter_id, encounter.state_with(events))
    if command.diagnoses and command.diagnoses != encounter.diagnoses:
        events.append(
            DiagnosesCoded(
                encounter_id=command.encounter_id,
                diagnoses=tuple(dict.fromkeys(command.diagnoses)),
                coder=command.coder,
                source=command.source,
            )
        )
    return events


def _capture(charge: Charge, encounter_id: str, encounter: Encounter) -> Sequence[EncounterEvent]:
    captured = ChargeCaptured(
        encounter_id=encounter_id,
        charge_id=charge.charge_id,
        source_key=charge.source_key,
        service_on=charge.service_on,
        service_to_on=charge.service_to_on,
        code=charge.code,
        code_system=charge.code_system,
        modifiers=charge.modifiers,
        units=charge.units,
        charged_cents=charge.charged_cents,
        diagnoses=charge.diagnoses,
        rendering_reference=charge.rendering_reference,
        place_of_service=charge.place_of_service,
        national_drug_code=charge.national_drug_code,
        is_late=bool(encounter.released),
        findings=charge.findings,
        is_from_procedure=charge.is_from_procedure,
        replaces=charge.replaces,
        source=charge.source,
        revenue_code=charge.revenue_code,
        unit=charge.unit,
        rate_cents=charge.rate_cents,
        non_covered_cents=charge.non_covered_cents,
        dental=charge.dental,
    )
    if charge.source_key not in encounter.source_keys:
        return [] if encounter.has_charge_for(captured) else [*_taking_its_place(captured, encounter), captured]
    known = encounter.charges.get(charge.charge_id)
    if known is not None and _content(known.captured) != _content(captured):
        raise ChargeChanged("the same transaction id with another content", charge=charge.charge_id)
    return []  # Senders repeat messages. The same charge twice is no news.


def _taking_its_place(captured: ChargeCaptured, encounter: Encounter) -> list[EncounterEvent]:
    """A procedure stands as a charge only until the sender says what is charged for it."""
    return [
        ChargeCredited(
            encounter_id=captured.encounter_id,
            charge_id=procedure.captured.charge_id,
            source_key=f"{captured.source_key}|replaces|{procedure.captured.charge_id}",
            units=units_text(procedure.units_left),
            credited_cents=procedure.cents_left,
            reason="the sender's own charge takes its place",
            is_late=bool(encounter.released),
            source=captured.source,
        )
        for procedure in encounter.charges.values()
        if is_charge_for(captured, procedure)
    ]


def _content(charge: ChargeCaptured) -> tuple[object, ...]:
    units, cents = Decimal(charge.units), charge.charged_cents
    return (charge.service_on, charge.code, charge.modifiers, units, cents, charge.revenue_code, charge.dental)


def _credit(credit: Credit, encounter_id: str, encounter: Encounter) -> Sequence[EncounterEvent]:
    if credit.source_key in encounter.source_keys:
        return []
    charge = _credited_charge(credit, encounter)
    if credit.is_of_procedure and (charge is None or charge.units_left == 0):
        return []
    if charge is None:
        raise ChargeUnknown("the credit names no charge of this visit", encounter=encounter_id, code=credit.code)
    units = Decimal(credit.units) if credit.units else charge.units_left
    cents = credit.credited_cents if credit.credited_cents is not None else _cents_of(units, charge)
    if units > charge.units_left or cents > charge.cents_left:
        raise CreditTooLarge("more is taken back than was charged", charge=charge.captured.charge_id)
    return [
        ChargeCredited(
            encounter_id=encounter_id,
            charge_id=charge.captured.charge_id,
            source_key=credit.source_key,
            units=units_text(units),
            credited_cents=cents,
            reason=credit.reason,
            is_late=bool(encounter.released),
            source=credit.source,
        )
    ]


def _credited_charge(credit: Credit, encounter: Encounter) -> CapturedCharge | None:
    if credit.charge_id:
        return encounter.charges.get(credit.charge_id)
    like = (
        charge
        for charge in reversed(encounter.charges.values())
        if credit.code
        and credit.code in (charge.captured.code, charge.procedure_code)
        and credit.service_on in (None, charge.captured.service_on)
        and credit.modifiers in ((), charge.captured.modifiers)
        and charge.units_left > 0
    )
    return next(like, None)


def _cents_of(units: Decimal, charge: CapturedCharge) -> int:
    """In proportion; the last units take what is left, so that a charge credited in full is exactly zero."""
    if units == charge.units_left:
        return charge.cents_left
    return int(charge.cents_left * units // charge.units_left)


def _code(command: CodeDiagnoses, encounter: Encounter) -> Sequence[EncounterEvent]:
    if encounter.opened is None:
        raise EncounterUnknown("the visit was never opened", encounter=command.encounter_id)
    codes = tuple(dict.fromkeys(command.diagnoses))
    hospital = command.hospital if command.hospital != encounter.coding else None
    if codes == encounter.diagnoses and hospital is None:
        return []
    return [
        DiagnosesCoded(
            encounter_id=command.encounter_id,
            diagnoses=codes,
            coder=command.coder,
            source=command.source,
            hospital=hospital,
        )
    ]


# --- review and release -----------------------------------------------------------------------------------------------


def _override(command: OverrideEdit, encounter: Encounter) -> Sequence[EncounterEvent]:
    if command.rule in encounter.overridden:
        return []
    if command.rule not in encounter.failed:
        raise NoSuchEdit("only an edit that failed can be overridden", rule=command.rule)
    return [EditOverridden(encounter_id=command.encounter_id, rule=command.rule, reason=command.reason)]


def _choose(command: ChooseBills, encounter: Encounter) -> Sequence[EncounterEvent]:
    if encounter.opened is None:
        raise EncounterUnknown("the visit was never opened", encounter=command.encounter_id)
    if encounter.billed_with or encounter.joined or encounter.leaving:
        raise VisitIsJoined("the visit shares a bill with others", encounter=command.encounter_id)
    named = [charge_id for bill in command.bills for charge_id in bill.charge_ids]
    for charge_id in named:
        if charge_id not in encounter.charges:
            raise ChargeUnknown("the visit has no such charge", encounter=command.encounter_id, charge=charge_id)
        if named.count(charge_id) > 1:
            raise ChargeOnTwoBills("a charge is on one bill", encounter=command.encounter_id, charge=charge_id)
    if command.bills == encounter.chosen:
        return []
    return [
        BillsChosen(
            encounter_id=command.encounter_id, bills=command.bills, reason=command.reason, chosen_by=command.chosen_by
        )
    ]


def _join(command: JoinVisits, encounter: Encounter) -> Sequence[EncounterEvent]:
    if encounter.opened is None:
        raise EncounterUnknown("the visit was never opened", encounter=command.encounter_id)
    if command.encounter_ids == encounter.joined:
        return []
    if any(each not in encounter.joined for each in command.encounter_ids):
        against = [each for each in preview(command, encounter).findings if each.severity == "error"]
        for finding in against[:1]:
            raise VisitsCannotBeJoined(finding.message, rule=finding.rule, place=finding.place)
    return [
        VisitsJoined(
            encounter_id=command.encounter_id,
            encounter_ids=command.encounter_ids,
            days_before_admission=command.days_before_admission,
            reason=command.reason,
            chosen_by=command.chosen_by,
        )
    ]


def _bill_with(command: BillWith, encounter: Encounter) -> Sequence[EncounterEvent]:
    """What may have changed since the visit was chosen decides here, on its own stream."""
    if encounter.billed_with == command.billed_with:
        return []
    if encounter.opened is None or encounter.is_cancelled:
        rule = "CHG-803"
    elif encounter.chosen:
        rule = "CHG-804"
    elif encounter.billed_with or encounter.joined or encounter.leaving:
        rule = "CHG-805"
    else:
        return [VisitBilledWith(encounter_id=command.encounter_id, billed_with=command.billed_with)]
    return [JoiningRefused(encounter_id=command.encounter_id, billed_with=command.billed_with, rule=rule)]


def _bill_alone(command: BillAlone, encounter: Encounter) -> Sequence[EncounterEvent]:
    if encounter.billed_with != command.billed_with:
        return []
    return [VisitBilledWith(encounter_id=command.encounter_id, billed_with="")]


def _take_in(command: TakeInCharges, encounter: Encounter) -> Sequence[EncounterEvent]:
    """What a visit that has left handed over before is not taken in: it has been told, or will be, to bill itself."""
    is_news = command.charges.handing > encounter.heard.get(command.from_encounter_id, 0)
    if command.from_encounter_id not in encounter.joined or not is_news:
        return []
    return [
        ChargesTakenIn(
            encounter_id=command.encounter_id,
            from_encounter_id=command.from_encounter_id,
            charges=command.charges,
        )
    ]


def _without(command: NoteJoiningRefused, encounter: Encounter) -> Sequence[EncounterEvent]:
    if command.from_encounter_id not in encounter.joined:
        return []
    return [
        VisitsJoined(
            encounter_id=command.encounter_id,
            encounter_ids=tuple(each for each in encounter.joined if each != command.from_encounter_id),
            days_before_admission=encounter.days_before_admission,
            reason=f"refused by visit {command.from_encounter_id} under {command.rule}",
            chosen_by="ledgerline",
        )
    ]


def _given_back(encounter: Encounter, visits: Iterable[str]) -> list[EncounterEvent]:
    """Said with the release that no longer has their charges, so that these are never on two bills."""
    assert encounter.opened is not None
    return [ChargesGivenBack(encounter_id=encounter.opened.encounter_id, to_encounter_id=each) for each in visits]


def _handing(encounter: Encounter, whole: ChargesReleased | None) -> list[EncounterEvent]:
    """What a visit that is billed with another one hands over, if it is news; None: nothing is left to bill."""
    before = encounter.handed_over
    if not encounter.billed_with or (whole is None and (before is None or not before.lines)):
        return []
    assert encounter.opened is not None
    number = encounter.handings + 1
    if whole is not None:
        charges = handed_over(whole, number)
    else:
        assert before is not None
        charges = structs.replace(before, handing=number, lines=(), charged_cents=0)
    if encounter.held is None and before is not None and charges == structs.replace(before, handing=number):
        return []
    return [
        ChargesHandedOver(
            encounter_id=encounter.opened.encounter_id, billed_with=encounter.billed_with, charges=charges
        )
    ]


def _on_one_bill(command: ReviewCharges, encounter: Encounter) -> ChargesReleased:
    charges = [charge for charge in encounter.charges.values() if charge.units_left > 0]
    return _release(command, encounter, Bill(number=1, charges=charges), is_only_one=True)


def _review(command: ReviewCharges, encounter: Encounter) -> Sequence[EncounterEvent]:
    if encounter.opened is None or encounter.is_cancelled or not encounter.charges:
        return []
    if all(charge.units_left == 0 for charge in with_joined(encounter).charges.values()):
        return [*_given_back(encounter, encounter.leaving), *_handing(encounter, None), *_emptied(encounter, ())]
    priced = _priced(command, encounter)
    encounter = encounter.state_with(priced)
    whole = with_joined(encounter)
    findings = failed_edits(whole, command.knowledge, command.today)
    if findings:
        return [*priced, *_hold(findings, encounter)]
    bills = bills_of(whole)
    now = [_release(command, whole, bill, is_only_one=len(bills) == 1) for bill in bills]
    findings = joined_edits(now[0], encounter)
    if findings:
        return [*priced, *_hold(findings, encounter)]
    if encounter.billed_with:
        return [*priced, *_handing(encounter, _on_one_bill(command, encounter)), *_emptied(encounter, ())]
    return [*priced, *_given_back(encounter, encounter.leaving), *_restated(now, encounter)]


def _restated(now: list[ChargesReleased], encounter: Encounter) -> list[EncounterEvent]:
    """The bills on which something changed, those that lost all of their charges first."""
    emptied = _emptied(encounter, {each.account_id for each in now})
    is_held = encounter.held is not None  # and is released by saying so, even where nothing is said that is new
    changed = [each for each in now if is_held or not _bills_the_same(each, encounter.released.get(each.account_id))]
    return [*emptied, *_in_order(changed, encounter, behind=len(emptied))]


def _emptied(encounter: Encounter, kept: Container[str]) -> list[EncounterEvent]:
    """What was released on accounts that keep no charge is restated as nothing; what never was is not billed."""
    stated = [each for account_id, each in encounter.released.items() if each.lines and account_id not in kept]
    return _in_order([structs.replace(each, lines=(), charged_cents=0) for each in stated], encounter)


def _in_order(releases: Sequence[ChargesReleased], encounter: Encounter, *, behind: int = 0) -> list[EncounterEvent]:
    first = encounter.release + behind + 1
    return [structs.replace(each, release=number) for number, each in enumerate(releases, start=first)]


def _priced(command: ReviewCharges, encounter: Encounter) -> list[EncounterEvent]:
    events: list[EncounterEvent] = []
    for charge in encounter.charges.values():
        if charge.units_left == 0:
            continue
        found = command.knowledge.price(charge.captured.code, charge.captured.service_on)
        if found is None or (charge.charged_cents is not None and charge.procedure_code != charge.captured.code):
            continue
        price_list_id, price = found
        procedure_code = _procedure_of(price, charge.captured.code, encounter)
        revenue_code = charge.captured.revenue_code or price.revenue_code
        is_known = (procedure_code, revenue_code) == (charge.procedure_code, charge.revenue_code)
        if charge.charged_cents is not None and is_known:
            continue
        cents = charge.charged_cents
        if cents is None:
            exact = price.amount_cents * Decimal(charge.captured.units)
            cents = int(exact.to_integral_value(rounding="ROUND_HALF_UP"))
        events.append(
            ChargePriced(
                encounter_id=command.encounter_id,
                charge_id=charge.captured.charge_id,
                charged_cents=cents,
                price_list_id=price_list_id,
                procedure_code=procedure_code,
                revenue_code=revenue_code,
            )
        )
    return events


def _procedure_of(price: Price, code: str, encounter: Encounter) -> str:
    """A hospital's charge code may stand for a revenue code only, a room for instance; then no procedure is named."""
    is_for_revenue_only = encounter.kind == "institutional" and price.revenue_code and not is_procedure_code(code)
    return price.procedure_code or ("" if is_for_revenue_only else code)


def _hold(findings: list[Finding], encounter: Encounter) -> list[EncounterEvent]:
    assert encounter.opened is not None
    held = ChargesHeld(
        encounter_id=encounter.opened.encounter_id,
        charge_ids=tuple(encounter.charges),
        reason=hold_reason(findings),
        findings=tuple(findings),
    )
    if held == encounter.held:
        return []
    return [EditFailed(encounter_id=held.encounter_id, findings=held.findings), held]


def _release(command: ReviewCharges, encounter: Encounter, bill: Bill, *, is_only_one: bool) -> ChargesReleased:
    """Every name is known and every edit passed: the facts of one bill as a claim and the ledger need them."""
    assert encounter.opened is not None
    charges = bill.charges
    account_id = bill_account_of(encounter.opened.encounter_id, bill.number)
    codes = diagnoses_of(bill, encounter, is_only_one=is_only_one)
    lines = tuple(
        _line(f"{account_id}-{encounter.line_numbers[charge.captured.charge_id]}", charge, codes, encounter, command)
        for charge in charges
    )
    is_hospitals = encounter.kind == "institutional"
    attending = command.knowledge.provider(encounter.attending_reference or "-") if is_hospitals else None
    rendering = attending or command.knowledge.provider(rendering_reference(charges[0], encounter))
    facility = command.knowledge.facility(encounter.facility_reference)
    assert rendering is not None and facility is not None
    organization = command.knowledge.organizations[rendering.organization_id]
    referring = command.knowledge.provider(encounter.opened.referring_reference or "-")
    operating = command.knowledge.provider(encounter.operating_reference or "-") if is_hospitals else None
    first = min(charge.captured.service_on for charge in charges)
    last = max(charge.captured.service_to_on or charge.captured.service_on for charge in charges)
    return ChargesReleased(
        encounter_id=encounter.opened.encounter_id,
        account_id=account_id,
        patient_id=encounter.opened.patient_id,
        release=encounter.release + 1,
        service_on=first,
        service_to_on=last if last != first else None,
        organization=organization.organization,
        rendering=rendering.provider,
        facility=facility.facility,
        referring=referring.provider if referring else None,
        diagnoses=codes,
        lines=lines,
        charged_cents=sum(line.charged_cents for line in lines),
        submitter_contact=organization.submitter_contact,
        submitter_phone=organization.submitter_phone,
        kind=encounter.kind,
        stay=statement_of(encounter, charges) if is_hospitals else None,
        coding=encounter.coding if is_hospitals else None,
        attending=attending.provider if attending else None,
        operating=operating.provider if operating else None,
        dental=encounter.dental if encounter.kind == "dental" else None,
        bill=bill.number,
        coverage_ids=bill.coverage_ids,
    )


def _line(
    line_id: str, charge: CapturedCharge, codes: tuple[str, ...], encounter: Encounter, command: ReviewCharges
) -> ChargeLine:
    captured = charge.captured
    support = supporting(charge, all_diagnoses(encounter), encounter)
    provider = command.knowledge.provider(rendering_reference(charge, encounter))
    return ChargeLine(
        line_id=line_id,
        charge_id=captured.charge_id,
        service_on=captured.service_on,
        service_to_on=captured.service_to_on,
        procedure_code=charge.procedure_code,
        modifiers=captured.modifiers,
        units=units_text(charge.units_left),
        charged_cents=charge.cents_left,
        diagnosis_pointers=tuple(codes.index(code) + 1 for code in support),
        place_of_service=captured.place_of_service,
        rendering=provider.provider if provider else None,
        national_drug_code=captured.national_drug_code,
        revenue_code=charge.revenue_code if encounter.kind == "institutional" else "",
        unit=captured.unit,
        rate_cents=captured.rate_cents,
        non_covered_cents=min(captured.non_covered_cents, charge.cents_left),
        dental=captured.dental if encounter.kind == "dental" else None,
    )


def _bills_the_same(new: ChargesReleased, old: ChargesReleased | None) -> bool:
    """Whether nothing that a claim or the ledger needs is different; days and totals follow from the lines."""
    return old is not None and _billed(new) == _billed(old)


def _billed(released: ChargesReleased) -> tuple[object, ...]:
    return (
        released.lines,
        released.diagnoses,
        released.organization,
        released.rendering,
        released.facility,
        released.kind,
        released.stay,
        released.coding,
        released.attending,
        released.operating,
        released.dental,
        released.coverage_ids,
    )
