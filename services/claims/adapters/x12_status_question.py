"""How is a question about a claim's status written as a 276? Source: ASC X12N 005010X212."""

from __future__ import annotations

import hashlib
from datetime import date

from services.claims.domain.claim.status_question import StatusQuestion
from shared.codecs.x12 import claim_status_276_277 as codec
from shared.codecs.x12.elements import Dated, Party
from shared.codecs.x12.envelope import Envelope
from shared.codecs.x12.hierarchy import Beginning
from shared.events.values import Person


def write_question(question: StatusQuestion) -> bytes:
    """One interchange with one claim's question, as real time wants it."""
    partner = question.partner
    control_number = _control_number(question.trace_number)
    envelope = Envelope(
        sender_qualifier=partner.sender_qualifier,
        sender_id=partner.sender_id,
        receiver_qualifier=partner.receiver_qualifier,
        receiver_id=partner.receiver_id,
        application_sender=partner.sender_id,
        application_receiver=partner.receiver_id,
        written_at=question.written_at,
        interchange_control_number=control_number,
        group_control_number=str(int(control_number)),
        usage=partner.usage,
    )
    beginning = Beginning(
        purpose="13", reference=question.trace_number, created_at=question.written_at, transaction_type=""
    )
    transaction = codec.ClaimStatusTransaction(
        envelope=envelope, control_number="0001", beginning=beginning, entries=(_entry(question),)
    )
    return codec.write_276([transaction])


def _entry(question: StatusQuestion) -> codec.ClaimStatusEntry:
    provider = question.provider
    is_dependent = question.subscriber is not None
    subscriber = _person("IL", question.subscriber or question.patient, is_patient=not is_dependent)
    return codec.ClaimStatusEntry(
        payer=Party(role="PR", name=question.payer_name, id_qualifier="PI", id=question.payer_electronic_id),
        receiver=Party(role="41", name=provider.last_or_organisation, id_qualifier="46", id=question.partner.sender_id),
        provider=Party(
            role="1P",
            is_person=provider.is_person,
            name=provider.last_or_organisation,
            first_name=provider.first if provider.is_person else "",
            id_qualifier="XX",
            id=provider.npi,
        ),
        subscriber=Party(
            role="IL",
            is_person=True,
            name=subscriber.name,
            first_name=subscriber.first_name,
            middle_name=subscriber.middle_name,
            name_suffix=subscriber.name_suffix,
            id_qualifier="MI",
            id=question.member_number,
            born_on=subscriber.born_on,
            gender=subscriber.gender,
        ),
        dependent=_person("QC", question.patient, is_patient=True) if is_dependent else None,
        trace_number=question.trace_number,
        claim_id=question.claim_id,
        payer_control_number=question.payer_control_number,
        charged_cents=question.charged_cents,
        service=Dated(qualifier="472", first_on=question.service_on, last_on=_last_day(question)),
    )


def _last_day(question: StatusQuestion) -> date | None:
    return question.service_to_on if question.service_to_on != question.service_on else None


def _person(role: str, person: Person, *, is_patient: bool) -> Party:
    """Birth date and sex go with the patient only."""
    return Party(
        role=role,
        is_person=True,
        name=person.name.last,
        first_name=person.name.first,
        middle_name=person.name.middle,
        name_suffix=person.name.suffix,
        born_on=person.birth_on if is_patient else None,
        gender=person.sex if is_patient and person.sex != "U" else "",
    )


def _control_number(trace_number: str) -> str:
    """A real-time interchange is answered on its own connection: its control number only needs to be the question's own."""
    digest = int.from_bytes(hashlib.sha256(trace_number.encode()).digest()[:8], "big")
    return f"{digest % 999_999_999 + 1:09d}"
