"""What does a FHIR R4 document ask of the services?

Patients and coverages go to eligibility, encounters with their diagnoses, charges and procedures to charges. What payers answered comes
from their 835s and is passed over, with the reason, like a procedure that is no charge (`procedures.py`). A transaction is taken as a whole; in a
batch what is wrong is left out and named. Ids are computed from business identifiers; a sender's own id counts where there is none.
Source: FHIR R4 (Patient, Coverage, Encounter, Condition, Procedure, ChargeItem, Claim), domain-facts on charge facts.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Any, TypeVar

from services.gateway.mapping.charges import LINES_A_COMMAND_MAX, units_text
from services.gateway.mapping.naming import Naming, text_or_none
from services.gateway.mapping.procedures import procedure_code, procedure_diagnoses, reversal, why_not_charged
from services.gateway.mapping.registration import CHILD, ELIGIBILITY, OTHER, SELF, SPOUSE, register_part
from services.gateway.mapping.visits import CHARGES, REFERENCE_CHARACTERS, billable
from services.gateway.notes import Note
from services.gateway.parts import Fate, Part, Plan
from shared.codecs.code_systems import Code, CodeSystem
from shared.codecs.fhir.charge import ChargeView
from shared.codecs.fhir.claim import ClaimItem, ClaimView
from shared.codecs.fhir.clinical import AccountView, DiagnosisView, EncounterView, ProcedureView
from shared.codecs.fhir.coverage import CoverageView
from shared.codecs.fhir.findings import FhirError, Finding, IssueType, Severity
from shared.codecs.fhir.parties import Location, Organization, Person, Practitioner, RelatedPerson
from shared.codecs.fhir.reading import Document, View, read
from shared.codecs.fhir.references import Reference
from shared.codecs.fhir.resource import Origin
from shared.codecs.fhir.values import Address, Identifier, Period, PersonName, code_in

KIND = "fhir"
AS_A_WHOLE = frozenset({"", "transaction"})
OWN = "fhir"  # authority of ids that a sender's server gave
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
CLASSES = {"IMP": "I", "ACUTE": "I", "NONAC": "I", "EMER": "E", "PRENC": "P", "OBSENC": "O"}
RELATIONSHIPS = {"self": SELF, "spouse": SPOUSE, "child": CHILD}
VISIT_TYPES = ("VN", "")
NOT_A_DIAGNOSIS = frozenset({"refuted", "entered-in-error"})
NOT_A_VISIT_YET = frozenset({"planned"})
NO_VISIT = frozenset({"cancelled", "entered-in-error"})
_UNKNOWN_REFERENCE = (
    "names a resource of this document, an identifier, or an id that was sent or given before; none of these is so"
)
T = TypeVar("T")


def plan_document(content: bytes, naming: Naming) -> Plan:
    """What to do with a FHIR document. Never raises, whatever the bytes are."""
    try:
        document = read(content)
    except FhirError as error:
        return Plan(kind=KIND, type="FHIR", fate=Fate.REFUSE, notes=_notes(error.findings))
    type_ = _type_of(document)
    notes = (*_notes(document.findings), *_passed_over(document))
    if document.errors and document.bundle_type in AS_A_WHOLE:
        return Plan(kind=KIND, type=type_, fate=Fate.REFUSE_CONTENT, notes=notes)
    builder = _Builder(naming=naming, views=document.views)
    parts = tuple(builder.parts())
    notes = (*notes, *builder.notes)
    is_faulty = any(note.severity == "error" for note in notes)
    if is_faulty and (document.bundle_type in AS_A_WHOLE or not parts):
        return Plan(kind=KIND, type=type_, fate=Fate.REFUSE_CONTENT, notes=notes)
    is_held = any(note.severity == "held" for note in notes)
    nothing = Fate.HOLD if is_held else Fate.IGNORE
    fate = nothing if is_held or not parts else Fate.DELIVER
    return Plan(kind=KIND, type=type_, fate=fate, parts=parts, notes=notes, names=tuple(builder.names))


def _type_of(document: Document) -> str:
    if document.bundle_type:
        return f"Bundle/{document.bundle_type}"
    if document.views:
        return document.views[0].origin.resource_type
    return document.ignored[0].resource_type if document.ignored else "FHIR"


def _passed_over(document: Document) -> Iterator[Note]:
    for each in document.ignored:
        rule = f"{each.resource_type} is passed over: {each.reason}"
        yield Note(place=each.place, rule=rule, severity="information", code=IssueType.INFORMATIONAL)


def _notes(findings: Iterable[Finding]) -> tuple[Note, ...]:
    return tuple(
        Note(
            place=finding.place,
            rule=finding.rule,
            severity="error" if finding.severity is Severity.ERROR else "warning",
            value=finding.value,
            code=str(finding.code),
        )
        for finding in findings
    )


@dataclass(slots=True, kw_only=True)
class _Posting:
    """What is charged for one visit."""

    patient_id: str
    charges: list[dict[str, Any]] = field(default_factory=list)
    credits: list[dict[str, Any]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Builder:
    """Turns the views of one document into parts: people first, then visits, then what was done in them."""

    naming: Naming
    views: Sequence[View]
    notes: list[Note] = field(default_factory=list)
    names: list[tuple[str, str, str]] = field(default_factory=list)  # type, the sender's id, ours
    _by_place: dict[str, View] = field(default_factory=dict)
    _postings: dict[str, _Posting] = field(default_factory=dict)
    _diagnoses: defaultdict[str, list[Code]] = field(default_factory=lambda: defaultdict(list))
    _diagnosis_places: dict[str, str] = field(default_factory=dict)
    _opened: dict[str, Part] = field(default_factory=dict)

    def parts(self) -> Iterator[Part]:
        self._by_place = {view.origin.place: view for view in self.views}
        for person in self._of(Person):
            yield self._person(person)
        for person in self._of(Person):
            yield from self._merges(person)
        for coverage in self._of(CoverageView):
            yield from self._coverage(coverage)
        for encounter in self._of(EncounterView):
            yield from self._encounter(encounter)
        self._collect()
        yield from self._posted()

    def _of(self, kind: type[T]) -> Iterator[T]:
        return (view for view in self.views if isinstance(view, kind))

    # --- ids ---

    def _person_id(self, person: Person) -> str:
        number = person.record_number
        if number is not None:
            return self.naming.patient(authority(number.system), number.number)
        return self._own("Patient", person.origin, self.naming.patient)

    def _own(self, type_: str, origin: Origin, naming: Any) -> str:
        """By the sender's own id, or by the place in this document when there is none."""
        if origin.id and (known := self.naming.known.get((type_, origin.id))):
            return known
        if UUID.match(origin.id):
            return origin.id
        own: str = naming(OWN, origin.id or f"{self.naming.document_id} {origin.place}")
        return own

    def _patient(self, reference: Reference | None, place: str) -> str | None:
        """Whose patient id a reference means; an error is noted when it means nobody."""
        if reference is not None:
            target = self._by_place.get(reference.place)
            if isinstance(target, Person):
                return self._person_id(target)
            if number := _preferred(reference.identifiers, ("MR", "PI", "PT", "")):
                return self.naming.patient(authority(number.system), number.number)
            if found := self._outside("Patient", reference):
                return found
        self._error(place, _UNKNOWN_REFERENCE, IssueType.NOT_FOUND)
        return None

    def _outside(self, type_: str, reference: Reference) -> str | None:
        if reference.type not in ("", type_) or not reference.id:
            return None
        known = self.naming.known.get((type_, reference.id))
        return known or (reference.id if UUID.match(reference.id) else None)

    def _encounter_id(self, view: EncounterView) -> str:
        if number := _preferred(view.identifiers, VISIT_TYPES):
            return self.naming.visit(authority(number.system), number.number)
        return self._own("Encounter", view.origin, self.naming.visit)

    def _visit(self, reference: Reference | None, place: str) -> str | None:
        """None when no visit is named; an error is noted when one is named that nobody knows."""
        if reference is None:
            return None
        target = self._by_place.get(reference.place)
        if isinstance(target, EncounterView):
            return self._encounter_id(target)
        if number := _preferred(reference.identifiers, VISIT_TYPES):
            return self.naming.visit(authority(number.system), number.number)
        found = self._outside("Encounter", reference)
        if found is None:
            self._error(place, _UNKNOWN_REFERENCE, IssueType.NOT_FOUND)
        return found

    def _named(self, type_: str, origin: Origin, ours: str) -> str:
        """Remember under which id we know it. Returns what to call it in an answer."""
        if origin.id and origin.id != ours:
            self.names.append((type_, origin.id, ours))
        return f"{type_}/{ours}"

    # --- people ---

    def _person(self, person: Person) -> Part:
        patient_id, place = self._person_id(person), person.origin.place
        number = person.record_number
        guarantor = next((each for each in self._of(RelatedPerson) if _is_guarantor(each, person)), None)
        told = _told_person(person)
        body = {
            "patient_id": patient_id,
            "medical_record_number": number.number if number else person.origin.id or patient_id,
            "authority": text_or_none(authority(number.system)[:80]) if number else OWN,
            "person": told if told.get("last") else {},
            "guarantor": _told_person(guarantor) if guarantor is not None and guarantor.name else None,
            "source_at": self.naming.at(person.origin.updated_at),
            "source": self.naming.source(place),
        }
        part = register_part(patient_id, body, place=place)
        # A resource is whole: what is not there is not so. Only a name is never taken away.
        completed = part.completed_from if not told.get("last") else ""
        return replace(
            part,
            completed_from=completed,
            unless_found=f"/patients/{patient_id}" if person.origin.is_only_if_none else "",
            made=self._named("Patient", person.origin, patient_id),
        )

    def _merges(self, person: Person) -> Iterator[Part]:
        own, place = self._person_id(person), person.origin.place
        pairs = [(reference, True) for reference in person.replaced_by]
        pairs += [(reference, False) for reference in person.replaces]
        for reference, is_retired in pairs:
            other = self._patient(reference, f"{place}.link")
            if other is None or other == own:
                continue
            survivor, retired = (other, own) if is_retired else (own, other)
            body = {"retired_patient_id": retired, "source": self.naming.source(place)}
            path = f"/patients/{survivor}/merge"
            yield Part.command(ELIGIBILITY, path, body, place=place, what="merge the patients")

    def _coverage(self, view: CoverageView) -> Iterator[Part]:
        place = view.origin.place
        if view.status == "draft":
            self._inform(place, "a draft coverage is passed over")
            return
        if view.status == "entered-in-error" or (view.status == "cancelled" and view.period.end is None):
            self._hold(
                f"{place}.status", "a coverage that was cancelled or entered in error names no last day", view.status
            )
            return
        patient_id = self._patient(view.beneficiary, f"{place}.beneficiary")
        if patient_id is None:
            return
        payer = next((each for each in view.payors if each.type in ("", "Organization")), None)
        if payer is None:
            self._hold(f"{place}.payor", "the payer is a person, not an organisation", "")
            return
        yield self._added(view, patient_id, payer)

    def _added(self, view: CoverageView, patient_id: str, payer: Reference) -> Part:
        place = view.origin.place
        coverage_id = self._coverage_id(view)
        relationship = SELF if not view.relationship else RELATIONSHIPS.get(view.relationship, OTHER)
        begins, ends = view.period.start, view.period.end
        numbers = [each.number for each in payer.identifiers]
        body = {
            "coverage_id": coverage_id,
            "payer_reference": (numbers[0] if numbers else payer.name or payer.id or payer.url)[:120],
            "payer_name": text_or_none(payer.name[:120]),
            "rank": view.rank if view.rank and 0 < view.rank < 100 else 1,
            "relationship": relationship,
            "member_number": view.member_number,
            "group_number": text_or_none(view.group_number),
            "subscriber": None if relationship == SELF else self._subscriber(view),
            "plan": text_or_none((view.plan_number or view.plan_name)[:120]),
            "effective_on": begins.on if begins else None,
            "terminated_on": ends.on if ends else None,
            "source_at": self.naming.at(view.origin.updated_at),
            "source": self.naming.source(place),
        }
        path = f"/patients/{patient_id}/coverages"
        part = Part.command(ELIGIBILITY, path, body, place=place, what="add the coverage")
        return replace(part, made=self._named("Coverage", view.origin, coverage_id))

    def _coverage_id(self, view: CoverageView) -> str:
        number = next((each for each in view.identifiers if each.type != "MB"), None)
        if number is not None and number.number != view.member_number:
            return self.naming.numbered("coverage", authority(number.system), number.number)
        return self._own("Coverage", view.origin, lambda own, id_: self.naming.numbered("coverage", own, id_))

    def _subscriber(self, view: CoverageView) -> dict[str, Any] | None:
        subscriber = self._by_place.get(view.subscriber.place) if view.subscriber else None
        if isinstance(subscriber, Person | RelatedPerson):
            told = _told_person(subscriber)
            return told if told.get("last") else None
        return None

    # --- visits ---

    def _encounter(self, view: EncounterView) -> Iterator[Part]:
        place = view.origin.place
        if view.status in NOT_A_VISIT_YET:
            self._inform(place, "a planned encounter is no visit yet")
            return
        patient_id = self._patient(view.subject, f"{place}.subject")
        if patient_id is None:
            return
        encounter_id = self._encounter_id(view)
        made = self._named("Encounter", view.origin, encounter_id)
        if view.status in NO_VISIT:
            body = {"reason": f"the encounter is {view.status}", "source": self.naming.source(place)}
            path = f"/encounters/{encounter_id}/cancel"
            part = Part.command(CHARGES, path, body, place=place, what="cancel the visit")
        else:
            body = {"encounter_id": encounter_id, "patient_id": patient_id, **self._told_visit(view)}
            part = Part.command(CHARGES, "/encounters", body, place=place, what="open the visit")
        yield replace(part, made=made)

    def _told_visit(self, view: EncounterView) -> dict[str, Any]:
        start, end = view.period.start, view.period.end
        attending = _participant(view, "ATND", "PPRF", "SPRF") or (
            view.participants[0].who if view.participants else None
        )
        place = view.locations[0] if view.locations else view.service_provider
        return {
            "visit_class": CLASSES.get(view.encounter_class, "O"),
            "started_at": self.naming.at(start),
            "service_on": start.on if start else None,
            "discharged_at": self.naming.at(end) if view.status == "finished" else None,
            "facility_reference": _called(place),
            "attending_reference": _called(attending),
            "referring_reference": _called(_participant(view, "REF")),
            "source": self.naming.source(view.origin.place),
        }

    # --- what was done ---

    def _collect(self) -> None:
        """Charges and diagnoses by visit, from wherever in the document they stand."""
        for encounter in self._of(EncounterView):
            self._ranked_diagnoses(encounter)
        for diagnosis in self._of(DiagnosisView):
            self._diagnosis(diagnosis)
        for charge in self._of(ChargeView):
            self._charge(charge)
        charged = frozenset(self._postings)
        for claim in self._of(ClaimView):
            self._claim(claim, charged)
        for procedure in self._of(ProcedureView):
            self._procedure(procedure)
        for view in self.views:
            if isinstance(view, AccountView):
                self._inform(view.origin.place, "accounts are kept here by visit")
            elif isinstance(view, Practitioner | Organization | Location):
                self._inform(view.origin.place, "the practice's directory is set up by its own people")
            elif isinstance(view, RelatedPerson):
                self._inform(view.origin.place, "read where a patient or a coverage refers to it")

    def _ranked_diagnoses(self, encounter: EncounterView) -> None:
        if encounter.status in NO_VISIT | NOT_A_VISIT_YET:
            return
        encounter_id = self._encounter_id(encounter)
        for each in sorted(encounter.diagnoses, key=lambda each: each.rank or 99):
            condition = self._by_place.get(each.condition.place)
            if isinstance(condition, DiagnosisView) and condition.verification_status not in NOT_A_DIAGNOSIS:
                self._diagnosed(encounter_id, condition)

    def _diagnosis(self, view: DiagnosisView) -> None:
        place = view.origin.place
        if view.verification_status in NOT_A_DIAGNOSIS:
            self._inform(place, "a refuted or mistaken diagnosis is passed over")
        elif view.encounter is None:
            self._inform(place, "a diagnosis that names no encounter is no diagnosis of a visit")
        elif encounter_id := self._visit(view.encounter, f"{place}.encounter"):
            self._diagnosed(encounter_id, view)

    def _diagnosed(self, encounter_id: str, view: DiagnosisView) -> None:
        if code := view.billing_code or next(iter(view.codes), None):
            self._diagnoses[encounter_id].append(code)
            self._diagnosis_places.setdefault(encounter_id, view.origin.place)

    def _charge(self, view: ChargeView) -> None:
        place = view.origin.place
        if not (view.is_billable or view.is_reversal):
            self._inform(f"{place}.status", f"only a billable charge is taken in; this one is {view.status}")
            return
        patient_id = self._patient(view.subject, f"{place}.subject")
        if patient_id is None:
            return
        encounter_id = self._visit(view.encounter, f"{place}.context")
        if encounter_id is None:
            if view.encounter is not None or view.served.start is None:
                return
            encounter_id = self.naming.day(patient_id, view.served.start.on)
        posting = self._postings.setdefault(encounter_id, _Posting(patient_id=patient_id))
        posting.places.append(place)
        if view.is_reversal:
            posting.credits.append(self._credit_line(view))
        else:
            posting.charges.append(self._charge_line(view))

    def _charge_id(self, view: ChargeView) -> str:
        number = next(iter(view.identifiers), None)
        if number is not None:
            return self.naming.charge(authority(number.system), number.number)
        return self._own("ChargeItem", view.origin, self.naming.charge)

    def _charge_line(self, view: ChargeView) -> dict[str, Any]:
        code = view.billing_code or view.codes[0]
        charge_id = self._charge_id(view)
        drug = code_in(view.products, CodeSystem.NDC)
        line = {
            "charge_id": charge_id,
            "source_key": charge_id,
            **_dates(view.served),
            **_coded(code),
            "units": units_text(view.quantity),
            "charged_cents": view.price_cents,
            "diagnoses": billable(view.diagnoses),
            "rendering_reference": _called(next(iter(view.performers), None)),
            "national_drug_code": drug.code[:20] if drug else None,
            "replaces": [done for each in view.services if (done := self._charge_of_procedure(each))] or None,
            "source": self.naming.source(view.origin.place),
        }
        return _said(line)

    def _credit_line(self, view: ChargeView) -> dict[str, Any]:
        charge_id = self._charge_id(view)
        return {
            "source_key": self.naming.credit(OWN, charge_id),
            "charge_id": charge_id,
            "reason": "entered in error",
            "source": self.naming.source(view.origin.place),
        }

    def _procedure(self, view: ProcedureView) -> None:
        place = view.origin.place
        if reason := why_not_charged(view):
            self._inform(place, reason)
            return
        visit = self._by_place.get(view.encounter.place) if view.encounter else None
        if isinstance(visit, EncounterView) and visit.status in NO_VISIT | NOT_A_VISIT_YET:
            self._inform(place, f"its encounter is {visit.status}")
            return
        patient_id = self._patient(view.subject, f"{place}.subject")
        encounter_id = self._visit(view.encounter, f"{place}.encounter")
        if patient_id is None or encounter_id is None:
            return
        charge_id, source = self._procedure_charge_id(view), self.naming.source(place)
        self._named("Procedure", view.origin, charge_id)
        posting = self._postings.setdefault(encounter_id, _Posting(patient_id=patient_id))
        posting.places.append(place)
        if view.is_entered_in_error:
            posting.credits.append(reversal(charge_id, self.naming.credit(OWN, charge_id), source))
            return
        reasons = (self._by_place.get(each.place) for each in view.reason_references)
        conditions = [each for each in reasons if isinstance(each, DiagnosisView)]
        line = {
            "charge_id": charge_id,
            "source_key": charge_id,
            **_dates(view.performed),
            **_coded(procedure_code(view)),
            "diagnoses": procedure_diagnoses(view, conditions),
            "rendering_reference": _called(next(iter(view.performers), None)),
            "is_from_procedure": True,
            "source": source,
        }
        posting.charges.append(_said(line))

    def _procedure_charge_id(self, view: ProcedureView) -> str:
        if number := next(iter(view.identifiers), None):
            return self.naming.numbered("procedure", authority(number.system), number.number)
        return self._own("Procedure", view.origin, lambda own, id_: self.naming.numbered("procedure", own, id_))

    def _charge_of_procedure(self, reference: Reference) -> str | None:
        """The charge id of a procedure that a charge is for, told here, before or after."""
        target = self._by_place.get(reference.place)
        if isinstance(target, ProcedureView):
            return self._procedure_charge_id(target)
        if reference.type not in ("", "Procedure"):
            return None
        if number := next(iter(reference.identifiers), None):
            return self.naming.numbered("procedure", authority(number.system), number.number)
        if found := self._outside("Procedure", reference):
            return found
        return self.naming.numbered("procedure", OWN, reference.id) if reference.id else None

    def _claim(self, claim: ClaimView, charged: frozenset[str]) -> None:
        place = claim.origin.place
        if claim.use != "claim" or claim.status == "draft":
            self._inform(place, "a draft, a preauthorisation or a predetermination charges nothing")
            return
        if claim.status != "active" or any(each.relationship == "replaces" for each in claim.related):
            self._hold(place, "a claim is changed or taken back by its charges, which a person decides", claim.status)
            return
        patient_id = self._patient(claim.patient, f"{place}.patient")
        if patient_id is None:
            return
        visit = next((each for item in claim.items for each in item.encounters), None)
        encounter_id = self._visit(visit, f"{place}.item.encounter")
        if encounter_id in charged:
            self._inform(place, "its charges came as ChargeItems of the same visit")
            return
        for item in claim.items:
            self._claim_item(claim, item, patient_id, encounter_id)

    def _claim_item(self, claim: ClaimView, item: ClaimItem, patient_id: str, encounter_id: str | None) -> None:
        served = item.served if item.served.start else claim.billable
        if served.start is None or item.quantity <= 0 or not item.codes:
            rule = "a charged item has a code, a date of service and a quantity above zero"
            self._error(item.place, rule, IssueType.REQUIRED)
            return
        visit = encounter_id or self.naming.day(patient_id, served.start.on)
        posting = self._postings.setdefault(visit, _Posting(patient_id=patient_id))
        posting.places.append(claim.origin.place)
        posting.charges.append(self._item_line(claim, item, served))
        for diagnosis in claim.diagnoses:
            if code := diagnosis.billing_code or next(iter(diagnosis.codes), None):
                self._diagnoses[visit].append(code)

    def _item_line(self, claim: ClaimView, item: ClaimItem, served: Period) -> dict[str, Any]:
        number = next(iter(claim.identifiers), None)
        whose = authority(number.system) if number else OWN
        claim_number = number.number if number else claim.origin.id or f"{self.naming.document_id} {claim.origin.place}"
        charge_id = self.naming.charge(f"claim {whose}", f"{claim_number}#{item.sequence}")
        pointed = {each.sequence: each for each in claim.diagnoses}
        codes = [
            pointed[each].billing_code or next(iter(pointed[each].codes), None) for each in item.diagnosis_sequences
        ]
        team = {each.sequence: each.provider for each in claim.care_team}
        performer = next((team[each] for each in item.care_team_sequences), None)
        line = {
            "charge_id": charge_id,
            "source_key": charge_id,
            **_dates(served),
            **_coded(item.billing_code or item.codes[0]),
            "modifiers": [each[:10] for each in item.modifiers[:10]],
            "units": units_text(item.quantity),
            "charged_cents": _item_cents(item),
            "diagnoses": billable([code for code in codes if code]),
            "rendering_reference": _called(performer),
            "place_of_service": item.place_of_service if re.fullmatch(r"[0-9]{2}", item.place_of_service) else None,
            "source": self.naming.source(item.place),
        }
        return _said(line)

    def _posted(self) -> Iterator[Part]:
        for encounter_id, posting in self._postings.items():
            diagnoses = billable(self._diagnoses.pop(encounter_id, []))
            lines = [("charges", each) for each in posting.charges] + [("credits", each) for each in posting.credits]
            for start in range(0, len(lines), LINES_A_COMMAND_MAX):
                some = lines[start : start + LINES_A_COMMAND_MAX]
                body = {
                    "patient_id": posting.patient_id,
                    "charges": [line for kind, line in some if kind == "charges"],
                    "credits": [line for kind, line in some if kind == "credits"],
                    "diagnoses": diagnoses,
                    "source": self.naming.source(posting.places[0]),
                }
                path = f"/encounters/{encounter_id}/charges"
                part = Part.command(CHARGES, path, body, place=posting.places[0], what="post the charges")
                yield replace(part, covers=tuple(dict.fromkeys(posting.places[1:])))
        for encounter_id, codes in self._diagnoses.items():
            place = self._diagnosis_places[encounter_id]
            body = {"diagnoses": billable(codes), "source": self.naming.source(place)}
            path = f"/encounters/{encounter_id}/diagnoses"
            yield Part.command(CHARGES, path, body, place=place, what="code the visit")

    # --- notes ---

    def _error(self, place: str, rule: str, code: IssueType) -> None:
        self.notes.append(Note(place=place, rule=rule, code=code))

    def _hold(self, place: str, rule: str, value: str) -> None:
        self.notes.append(Note(place=place, rule=rule, severity="held", value=value, code=IssueType.BUSINESS_RULE))

    def _inform(self, place: str, rule: str) -> None:
        self.notes.append(Note(place=place, rule=rule, severity="information", code=IssueType.INFORMATIONAL))


def authority(system: str) -> str:
    """Who assigned a number, as HL7 v2 would name them: an OID without its prefix."""
    return system.removeprefix("urn:oid:")


def _preferred(identifiers: Iterable[Identifier], types: Sequence[str]) -> Identifier | None:
    known = list(identifiers)
    return next((each for type_ in types for each in known if each.type == type_), None)


def _called(reference: Reference | None) -> str | None:
    """A provider's or a place's NPI, else its number or name: aliases of the practice's directory."""
    if reference is None:
        return None
    number = next((each.number for each in reference.identifiers), "")
    return text_or_none((reference.npi or number or reference.name or reference.id)[:REFERENCE_CHARACTERS])


def _participant(view: EncounterView, *roles: str) -> Reference | None:
    return next((each.who for role in roles for each in view.participants if role in each.roles), None)


def _is_guarantor(related: RelatedPerson, person: Person) -> bool:
    return related.patient.place == person.origin.place and "GUAR" in related.relationships


def _told_person(person: Person | RelatedPerson) -> dict[str, Any]:
    return {
        **_told_name(person.name),
        "birth_on": person.birth_on,
        "sex": {"male": "M", "female": "F"}.get(person.gender, "U"),
        "address": _told_address(person.address),
        "phone": person.phone,
        "email": person.email,
    }


def _told_name(name: PersonName | None) -> dict[str, str]:
    if name is None:
        return {}
    if not name.family:
        return {"last": name.given or name.text}
    return {"last": name.family, "first": name.given, "middle": name.middle, "suffix": name.suffix}


def _told_address(address: Address | None) -> dict[str, str]:
    if address is None:
        return {}
    return {
        "line_1": address.line_1,
        "line_2": address.line_2,
        "city": address.city,
        "state": address.state,
        "postal_code": "".join(filter(str.isdigit, address.postal_code)),
        "country": address.country,
    }


def _dates(served: Period) -> dict[str, date | None]:
    start, end = served.start, served.end
    if start is None:
        return {}
    return {"service_on": start.on, "service_to_on": end.on if end and end.on > start.on else None}


def _coded(code: Code) -> dict[str, str | None]:
    system = None if code.system is CodeSystem.UNSTATED else str(code.system)
    return {"code": code.code[:30], "code_system": system}


def _item_cents(item: ClaimItem) -> int | None:
    """The net amount, else the product when it is whole cents; None: nobody said a price."""
    if item.net_cents is not None or item.unit_price_cents is None:
        return item.net_cents
    product = Fraction(item.quantity) * item.unit_price_cents * Fraction(item.factor if item.factor is not None else 1)
    return product.numerator if product.denominator == 1 else None


def _said(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if value is not None}
