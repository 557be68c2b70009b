"""How is a question about coverage written as a 270, and what does a payer's 271 say in our words?

Source: ASC X12N 005010X279A1. The patient is the dependent when somebody else is the subscriber. What the payer left out stays out:
an absent amount is unknown, an absent EB12 is not "yes", and an AAA is not "inactive". Free text (MSG) stays in the raw document: it may
name people.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from services.eligibility.domain.eligibility_check.decider import RecordAnswer, RecordRejection, check_of_trace
from shared.codecs.x12 import eligibility_270_271 as codec
from shared.codecs.x12.elements import Address, Dated, Party
from shared.codecs.x12.envelope import Envelope
from shared.codecs.x12.hierarchy import Beginning
from shared.codecs.x12.problems import Problems
from shared.events.batches import PartnerListed
from shared.events.eligibility import Benefit, EligibilityRequested, PayerListed, Rejection271
from shared.events.values import DocumentReference, Person, ProviderIdentity

ACTIVE = frozenset("12345")  # EB01
INACTIVE = frozenset("678")
_PLAN_LEVEL = "30"
_SELF = "18"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inquiry:
    """All that a 270 about one coverage says. Personal: it lives only while the question is written."""

    asked: EligibilityRequested
    payer: PayerListed
    partner: PartnerListed
    provider: ProviderIdentity
    patient: Person
    subscriber: Person | None
    relationship: str
    member_number: str
    written_at: datetime


def write_inquiry(inquiry: Inquiry) -> bytes:
    """One interchange with one patient's question, as real time wants it."""
    return codec.write_270([_transaction(inquiry)])


def _transaction(inquiry: Inquiry) -> codec.EligibilityInquiry:
    partner, asked = inquiry.partner, inquiry.asked
    control_number = _control_number(asked.trace_number)
    envelope = Envelope(
        sender_id=partner.sender_id,
        receiver_id=partner.receiver_id,
        written_at=inquiry.written_at,
        interchange_control_number=control_number,
        group_control_number=str(int(control_number)),
        application_sender=partner.sender_id,
        application_receiver=partner.receiver_id,
        sender_qualifier=partner.sender_qualifier,
        receiver_qualifier=partner.receiver_qualifier,
        usage=partner.usage,
    )
    return codec.EligibilityInquiry(
        envelope=envelope,
        control_number="0001",
        beginning=Beginning(
            purpose="13", reference=asked.trace_number, created_at=inquiry.written_at, transaction_type=""
        ),
        inquiries=(_inquiry(inquiry),),
    )


def _inquiry(inquiry: Inquiry) -> codec.Inquiry:
    asked, payer, provider = inquiry.asked, inquiry.payer, inquiry.provider
    trace = codec.Trace(number=asked.trace_number, originator=f"1{provider.tax_id}")
    day = (Dated(qualifier="291", first_on=asked.service_on),)
    question = (codec.Question(service_types=asked.service_types),)
    is_dependent = inquiry.relationship != _SELF and inquiry.subscriber is not None
    insured = inquiry.subscriber if is_dependent and inquiry.subscriber else inquiry.patient
    subscriber = codec.Member(
        party=_person("IL", insured, member_number=inquiry.member_number),
        traces=() if is_dependent else (trace,),
        dates=() if is_dependent else day,
    )
    dependent = codec.Member(
        party=_person("03", inquiry.patient),
        traces=(trace,),
        insured="N",
        relationship=inquiry.relationship if inquiry.relationship in ("01", "19", "34") else "34",
        dates=day,
    )
    return codec.Inquiry(
        payer=codec.Participant(party=Party(role="PR", name=payer.name, id_qualifier="PI", id=payer.electronic_id)),
        provider=codec.Participant(
            party=Party(role="1P", name=provider.last_or_organisation, id_qualifier="XX", id=provider.npi)
        ),
        subscriber=subscriber,
        dependent=dependent if is_dependent else None,
        questions=question,
    )


def _person(role: str, person: Person, *, member_number: str = "") -> Party:
    address = person.address
    return Party(
        role=role,
        is_person=True,
        name=person.name.last,
        first_name=person.name.first,
        middle_name=person.name.middle,
        name_suffix=person.name.suffix,
        id_qualifier="MI" if member_number else "",
        id=member_number,
        address=Address(
            line_1=address.line_1,
            line_2=address.line_2,
            city=address.city,
            state=address.state,
            postal_code=address.postal_code,
        )
        if address.line_1
        else None,
        born_on=person.birth_on,
        gender=person.sex if person.sex != "U" else "",
    )


def _control_number(trace_number: str) -> str:
    """A real-time interchange is answered on its own connection: its control number only needs to be the question's own."""
    digest = int.from_bytes(hashlib.sha256(trace_number.encode()).digest()[:8], "big")
    return f"{digest % 999_999_999 + 1:09d}"


# --- answers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A part of a file that answers none of our questions, or cannot be read. Never holds a value of the file."""

    place: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What an interchange says about our checks, by check id, and what it says about none."""

    recorded: tuple[tuple[str, RecordAnswer | RecordRejection], ...]
    problems: tuple[Unreadable, ...]


def read_answers(content: bytes, document_id: str) -> Answers:
    """Every 271 of an interchange."""
    problems = Problems()
    recorded: list[tuple[str, RecordAnswer | RecordRejection]] = []
    strangers: list[Unreadable] = []
    for response in codec.read_271(content, problems):
        for answer in response.answers:
            place = f"segment {answer.place.first_segment}"
            check_id = next(filter(None, map(check_of_trace, _traces(response, answer))), None)
            if check_id is None:
                strangers.append(Unreadable(place=place, rule="TRN*2 names a question of ours"))
            else:
                recorded.append((check_id, _said(answer, DocumentReference(document_id=document_id, place=place))))
    broken = [Unreadable(place=f"segment {each.segment} {each.element}", rule=each.rule) for each in problems]
    return Answers(recorded=tuple(recorded), problems=(*broken, *strangers))


def _traces(response: codec.EligibilityResponse, answer: codec.Answer) -> Sequence[str]:
    """An AAA at the payer or provider has no TRN: BHT03 of a real-time answer returns the question's own."""
    return answer.trace_numbers or (response.beginning.reference,)


def _said(answer: codec.Answer, source: DocumentReference) -> RecordAnswer | RecordRejection:
    rejections = tuple(_rejections(answer))
    if rejections and not answer.benefits:
        return RecordRejection(rejections=rejections, source=source)
    return RecordAnswer(
        status=_status(answer.benefits),
        benefits=tuple(map(_benefit, answer.benefits)),
        payer_trace=_payer_trace(answer),
        source=source,
    )


def _rejections(answer: codec.Answer) -> Iterator[Rejection271]:
    levels: list[tuple[str, Sequence[codec.Rejection]]] = [
        ("2000A", answer.payer.system_rejections),
        ("2100A", answer.payer.rejections),
    ]
    if answer.provider:
        levels.append(("2100B", (*answer.provider.system_rejections, *answer.provider.rejections)))
    if answer.subscriber:
        levels.append(("2100C", answer.subscriber.rejections))
    if answer.dependent:
        levels.append(("2100D", answer.dependent.rejections))
    deepest = "2110D" if answer.dependent else "2110C"
    levels += [(deepest, benefit.rejections) for benefit in answer.benefits]
    for loop, rejections in levels:
        for each in rejections:
            yield Rejection271(loop=loop, reason=each.reason, follow_up=each.follow_up)


def _status(benefits: Sequence[codec.Benefit]) -> Literal["active", "inactive", "unknown"]:
    """Of the plan (service type 30) where the payer speaks of it, otherwise of whatever it answered."""
    of_plan = [benefit for benefit in benefits if _PLAN_LEVEL in benefit.service_types or not benefit.service_types]
    for rows in (of_plan, benefits):
        said = {benefit.information for benefit in rows}
        if said & ACTIVE:
            return "active"
        if said & INACTIVE:
            return "inactive"
    return "unknown"


def _payer_trace(answer: codec.Answer) -> str:
    """The payer's own number (TRN*1), which some payers fill with ours."""
    own = [trace.number for trace in (answer.patient.traces if answer.patient else ()) if trace.type == "1"]
    return next((number for number in own if check_of_trace(number) is None), "")


def _benefit(benefit: codec.Benefit) -> Benefit:
    return Benefit(
        kind=benefit.information,
        level=benefit.coverage_level,
        service_types=benefit.service_types,
        plan=benefit.plan,
        period=benefit.period,
        amount_cents=benefit.amount_cents,
        patient_share=_text(benefit.fraction),
        quantity=_text(benefit.quantity),
        quantity_kind=benefit.quantity_qualifier,
        insurance_type=benefit.insurance_type,
        in_network=benefit.in_network,
        authorization_required=benefit.authorization_required,
    )


def _text(number: Decimal | None) -> str | None:
    return None if number is None else format(number, "f")
