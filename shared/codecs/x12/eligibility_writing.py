"""How are eligibility requests and answers written?

Source: ASC X12N 005010X279A1. The writer gathers neighbours that share payer, provider or subscriber.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from shared.codecs.x12.elements import (
    Address,
    Party,
    optional_cents_text,
    optional_day_text,
    optional_quantity_text,
    procedure_parts,
    write_address,
    write_contact,
    write_dated,
    write_name,
)
from shared.codecs.x12.eligibility_parts import (
    DEPENDENT,
    RECEIVER,
    SOURCE,
    SUBSCRIBER,
    Answer,
    Benefit,
    EligibilityInquiry,
    EligibilityResponse,
    Inquiry,
    Member,
    Participant,
    Question,
    Rejection,
)
from shared.codecs.x12.envelope import Envelope
from shared.codecs.x12.hierarchy import Step, write_beginning, write_levels
from shared.codecs.x12.tokenizer import STANDARD, Dialect
from shared.codecs.x12.values import cents_text
from shared.codecs.x12.writer import SegmentWriter, write_interchange, write_set

_Patient = TypeVar("_Patient", Inquiry, Answer)

GUIDE = "005010X279A1"
REQUEST_FUNCTIONAL_ID, RESPONSE_FUNCTIONAL_ID = "HS", "HB"


def write_270(inquiries: Sequence[EligibilityInquiry], dialect: Dialect = STANDARD) -> bytes:
    """One interchange with these inquiries, in upper case. Raises ValueError when their envelopes differ."""
    writer = SegmentWriter(dialect)
    sets = [
        (each.envelope, write_set(writer, "270", each.control_number, GUIDE, list(_inquiry_body(writer, each))))
        for each in inquiries
    ]
    return _interchange(writer, sets, REQUEST_FUNCTIONAL_ID)


def write_271(responses: Sequence[EligibilityResponse], dialect: Dialect = STANDARD) -> bytes:
    """One interchange with these responses. Raises ValueError when their envelopes differ."""
    writer = SegmentWriter(dialect, is_upper_case=False)
    sets = [
        (each.envelope, write_set(writer, "271", each.control_number, GUIDE, list(_response_body(writer, each))))
        for each in responses
    ]
    return _interchange(writer, sets, RESPONSE_FUNCTIONAL_ID)


def _interchange(writer: SegmentWriter, sets: Sequence[tuple[Envelope, list[str]]], functional_id: str) -> bytes:
    if not sets or any(envelope != sets[0][0] for envelope, _ in sets):
        raise ValueError("the sets of one interchange share one envelope")
    written = [segments for _, segments in sets]
    return write_interchange(writer, sets[0][0], functional_id=functional_id, version=GUIDE, sets=written)


def _inquiry_body(writer: SegmentWriter, inquiry: EligibilityInquiry) -> Iterator[str]:
    yield write_beginning(writer, "0022", inquiry.beginning)
    yield from map(writer.copy, inquiry.others)
    yield from _levels(writer, inquiry.inquiries, lambda each: _written_questions(writer, each.questions))


def _response_body(writer: SegmentWriter, response: EligibilityResponse) -> Iterator[str]:
    yield write_beginning(writer, "0022", response.beginning)
    yield from map(writer.copy, response.others)
    yield from _levels(writer, response.answers, lambda each: _written_benefits(writer, each.benefits))


def _levels(
    writer: SegmentWriter, patients: Sequence[_Patient], said: Callable[[_Patient], Iterator[str]]
) -> Iterator[str]:
    steps: tuple[Step[_Patient], ...] = (
        Step(SOURCE, lambda each: each.payer, lambda each: _written_participant(writer, each.payer)),
        Step(RECEIVER, lambda each: each.provider, lambda each: _written_participant(writer, each.provider)),
        Step(SUBSCRIBER, lambda each: each.subscriber, lambda each: _written_member(writer, each.subscriber)),
        Step(DEPENDENT, lambda each: each.dependent, lambda each: _written_member(writer, each.dependent)),
    )
    return write_levels(writer, patients, steps, said)


def _written_participant(writer: SegmentWriter, participant: Participant | None) -> Iterator[str]:
    if participant is None:
        return
    yield from (_written_rejection(writer, each) for each in participant.system_rejections)
    yield from map(writer.copy, participant.others)
    yield from _written_party(writer, participant.party, participant.rejections)


def _written_member(writer: SegmentWriter, member: Member | None) -> Iterator[str]:
    if member is None:
        return
    for trace in member.traces:
        yield writer.segment("TRN", trace.type, trace.number, trace.originator, trace.division)
    yield from _written_party(writer, member.party, member.rejections)
    if member.insured or member.relationship:
        yield writer.segment("INS", member.insured, member.relationship)
    before = [segment for segment in member.others if segment.id == "HI"]
    yield from map(writer.copy, before)
    for dated in member.dates:
        yield write_dated(writer, dated)
    yield from map(writer.copy, (segment for segment in member.others if segment.id != "HI"))


def _written_party(writer: SegmentWriter, party: Party, rejections: Sequence[Rejection]) -> Iterator[str]:
    """This guide's order: name, numbers, address, contacts, rejections, taxonomy, birth."""
    yield write_name(writer, party)
    for reference in party.references:
        yield writer.segment("REF", reference.qualifier, reference.value)
    yield from write_address(writer, party.address or Address())
    for contact in party.contacts:
        yield write_contact(writer, contact)
    yield from (_written_rejection(writer, each) for each in rejections)
    if party.taxonomy:
        yield writer.segment("PRV", "BI" if party.role == "1P" else "PE", "PXC", party.taxonomy)
    if party.born_on or party.gender:
        yield writer.segment("DMG", "D8" if party.born_on else "", optional_day_text(party.born_on), party.gender)


def _written_rejection(writer: SegmentWriter, rejection: Rejection) -> str:
    return writer.segment("AAA", "Y" if rejection.is_valid_request else "N", "", rejection.reason, rejection.follow_up)


def _written_questions(writer: SegmentWriter, questions: Sequence[Question]) -> Iterator[str]:
    for question in questions:
        types = list(question.service_types)
        yield writer.segment("EQ", types, procedure_parts(question.procedure), question.coverage_level)
        for amount in question.amounts:
            yield writer.segment("AMT", amount.qualifier, cents_text(amount.cents))
        yield from map(writer.copy, question.others)
        for reference in question.references:
            yield writer.segment("REF", reference.qualifier, reference.value)
        for dated in question.dates:
            yield write_dated(writer, dated)


def _written_benefits(writer: SegmentWriter, benefits: Sequence[Benefit]) -> Iterator[str]:
    for benefit in benefits:
        yield _written_eb(writer, benefit)
        yield from map(writer.copy, (segment for segment in benefit.others if segment.id == "HSD"))
        for reference in benefit.references:
            yield writer.segment("REF", reference.qualifier, reference.value)
        for dated in benefit.dates:
            yield write_dated(writer, dated)
        yield from (_written_rejection(writer, each) for each in benefit.rejections)
        for message in benefit.messages:
            yield writer.segment("MSG", message)
        yield from map(writer.copy, (segment for segment in benefit.others if segment.id != "HSD"))
        if benefit.parties:
            yield writer.segment("LS", "2120")
            for party in benefit.parties:
                yield from _written_party(writer, party, ())
            yield writer.segment("LE", "2120")


def _written_eb(writer: SegmentWriter, benefit: Benefit) -> str:
    return writer.segment(
        "EB",
        benefit.information,
        benefit.coverage_level,
        list(benefit.service_types),
        benefit.insurance_type,
        benefit.plan,
        benefit.period,
        optional_cents_text(benefit.amount_cents),
        optional_quantity_text(benefit.fraction),
        benefit.quantity_qualifier,
        optional_quantity_text(benefit.quantity),
        benefit.authorization_required,
        benefit.in_network,
        procedure_parts(benefit.procedure),
        benefit.diagnosis_pointers,
    )
