"""What does an HL7 v2 message ask of the services?

The whole message is read first; with one error in it nothing is sent. What only a person can decide is kept for one, with the reason.
Source: HL7 v2.8 chapters 3 (ADT), 6 (DFT, BAR), 10 (SIU); domain-facts on charge messages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from services.gateway.mapping.appointments import appointment_parts
from services.gateway.mapping.charges import charge_parts, unposted
from services.gateway.mapping.naming import Naming
from services.gateway.mapping.registration import coverages, identifier_id, patient_id_of, registration
from services.gateway.mapping.visits import cancellation, coded, coding, encounter_id_of, opening
from services.gateway.notes import Note
from services.gateway.parts import Fate, Part, Plan
from services.gateway.settings import GatewaySettings
from shared.codecs.hl7v2.accounts import AccountUpdate
from shared.codecs.hl7v2.admission import Admission, AdmissionAction, IdentityAction, IdentityChange
from shared.codecs.hl7v2.charges import Charges
from shared.codecs.hl7v2.documents import Document, Kind, classify, header_problems, not_ours, read_document
from shared.codecs.hl7v2.findings import Finding, HL7Error, Severity
from shared.codecs.hl7v2.message import Header, Message, parse, salvage_header
from shared.codecs.hl7v2.person import Person
from shared.codecs.hl7v2.scheduling import Appointment
from shared.codecs.hl7v2.values import said_or_none

KIND = "hl7v2"
PERSON_ONLY = frozenset({AdmissionAction.PERSON_ADDED, AdmissionAction.PERSON_UPDATED})


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRules:
    """What a door takes."""

    processing_ids: frozenset[str]
    is_unsupported_refused: bool

    @classmethod
    def for_listener(cls, settings: GatewaySettings) -> MessageRules:
        return cls(processing_ids=settings.processing_ids, is_unsupported_refused=settings.unsupported == "refuse")

    @classmethod
    def for_files(cls, settings: GatewaySettings) -> MessageRules:
        return cls(
            processing_ids=settings.intake_processing_ids, is_unsupported_refused=settings.unsupported == "refuse"
        )


def plan_message(content: bytes, naming: Naming, rules: MessageRules) -> Plan:
    """What to do with the bytes of one message. Never raises, whatever they are."""
    try:
        message = parse(content)
    except HL7Error as error:
        return _plan(salvage_header(content), Fate.REFUSE, notes=_notes(error.findings))
    problems = header_problems(message.header, processing_ids=rules.processing_ids)
    if problems:
        return _plan(message.header, Fate.REFUSE, notes=_notes(problems))
    if classify(message) is Kind.NOT_OURS:
        fate = Fate.REFUSE if rules.is_unsupported_refused else Fate.IGNORE
        return _plan(message.header, fate, notes=_notes([not_ours(message.header)]))
    return _plan_ours(message, naming)


def _plan_ours(message: Message, naming: Naming) -> Plan:
    reading = read_document(message)
    notes = _notes(reading.findings)
    if not reading.is_usable or reading.document is None:
        return _plan(message.header, Fate.REFUSE_CONTENT, notes=notes)
    document, facility = reading.document, message.header.sending_facility
    parts = tuple(_parts(document, facility, reading.findings, naming))
    more = tuple(_remarks(document))
    fate = Fate.DELIVER if parts else Fate.HOLD
    if any(note.severity == "held" for note in more):
        fate = Fate.HOLD
    return _plan(message.header, fate, parts=parts, notes=(*notes, *more))


def _parts(document: Document, facility: str, findings: Sequence[Finding], naming: Naming) -> Iterator[Part]:
    match document:
        case Admission():
            yield from _admission(document, naming)
        case IdentityChange():
            yield from _merges(document, naming)
        case Appointment():
            yield from appointment_parts(document, naming)
        case Charges():
            yield from _registered(document, naming)
            yield from charge_parts(document, facility, findings, naming)
        case AccountUpdate():
            yield from _account(document, naming)
        case _:
            assert_never(document)


def _remarks(document: Document) -> Iterator[Note]:
    """What stays undone, and why."""
    match document:
        case Admission(action=AdmissionAction.DISCHARGE_CANCELLED):
            rule = "a cancelled discharge opens a stay again, which a person decides"
            yield Note(place="EVN-1", rule=rule, severity="held", value=document.trigger)
        case IdentityChange(action=IdentityAction.NEEDS_A_PERSON):
            rule = "moving, renumbering or linking patients is wrong when guessed; a person decides"
            yield Note(place="EVN-1", rule=rule, severity="held", value=document.trigger)
        case Charges():
            yield from unposted(document)
        case AccountUpdate() if document.procedures:
            rule = "a procedure is not a charge; charges come in DFT messages"
            yield Note(place="PR1", rule=rule, severity="warning", value=str(len(document.procedures)))
        case _:
            return


# --- ADT --------------------------------------------------------------------------------------------------------------


def _registered(document: Admission | Charges | AccountUpdate, naming: Naming) -> Iterator[Part]:
    person = document.person
    yield registration(person, document.guarantors, document.occurred_at, naming)
    yield from coverages(document.coverages, patient_id_of(person, naming), document.occurred_at, naming)


def _admission(told: Admission, naming: Naming) -> Iterator[Part]:
    yield from _registered(told, naming)
    encounter_id = encounter_id_of(told.person, told.visit, naming)
    if encounter_id is None or told.action in PERSON_ONLY:
        return
    match told.action:
        case AdmissionAction.ADMISSION_CANCELLED:
            yield cancellation(encounter_id, f"cancelled by the sender ({told.trigger})", naming)
        case AdmissionAction.DISCHARGE_CANCELLED:
            return
        case AdmissionAction.DISCHARGED:
            left_at = naming.at(told.occurred_at)
            yield opening(encounter_id, patient_id_of(told.person, naming), told.visit, naming, discharged_at=left_at)
        case _:
            yield opening(encounter_id, patient_id_of(told.person, naming), told.visit, naming)


def _merges(told: IdentityChange, naming: Naming) -> Iterator[Part]:
    """Register each survivor as the message knows them, then merge the retired ones into them."""
    if told.action is not IdentityAction.MERGED:
        return
    for pair in told.pairs:
        if _is_described(pair.survivor):
            yield registration(pair.survivor, (), told.occurred_at, naming, place=pair.place)
        survivor_id = patient_id_of(pair.survivor, naming)
        for retired in pair.retired:
            body = {"retired_patient_id": identifier_id(retired, naming), "source": naming.source(pair.place)}
            path = f"/patients/{survivor_id}/merge"
            yield Part.command("eligibility", path, body, place=pair.place, what="merge the patients")


def _is_described(person: Person) -> bool:
    return said_or_none(person.name) is not None


# --- BAR --------------------------------------------------------------------------------------------------------------


def _account(told: AccountUpdate, naming: Naming) -> Iterator[Part]:
    yield from _registered(told, naming)
    encounter_id = encounter_id_of(told.person, told.visit, naming)
    if encounter_id is None:
        return
    yield opening(encounter_id, patient_id_of(told.person, naming), told.visit, naming)
    if codes := coded(told.diagnoses):
        yield coding(encounter_id, codes, naming)


# --- the plan ---------------------------------------------------------------------------------------------------------


def _plan(header: Header, fate: Fate, *, parts: tuple[Part, ...] = (), notes: tuple[Note, ...] = ()) -> Plan:
    return Plan(
        kind=KIND,
        type=_plain(header.message_type)[:20] or "HL7 v2",
        fate=fate,
        parts=parts,
        notes=notes,
        sender=f"{_plain(header.sending_application)}\x1f{_plain(header.sending_facility)}"[:200],
        control_id=_plain(header.control_id)[:200],
    )


def _plain(text: str) -> str:
    """What a table of text can hold, whatever the sender wrote there."""
    return "".join(filter(str.isprintable, text))


def _notes(findings: Sequence[Finding]) -> tuple[Note, ...]:
    return tuple(_note(finding) for finding in findings)


def _note(finding: Finding) -> Note:
    return Note(
        place=finding.place,
        rule=finding.rule,
        severity="error" if finding.severity is Severity.ERROR else "warning",
        value=finding.value,
        code=str(finding.code),
    )
