"""Is this patient covered, for what, and how much is theirs to pay?

Source: ASC X12N 005010X279A1 (270 request, 271 response). Items are flat: each carries the payer, provider and
subscriber above it. What a payer did not state is None or empty, never 0 and never "yes": an absent remaining
deductible is unknown. AAA says that the question was refused; it does not say "not covered".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from shared.codecs.x12.elements import (
    Address,
    Amount,
    Dated,
    Party,
    Procedure,
    Reference,
    loops,
    optional_cents_text,
    optional_day_text,
    optional_quantity_text,
    procedure_parts,
    read_amount,
    read_dated,
    read_party,
    read_procedure,
    starts_with,
    write_address,
    write_contact,
    write_dated,
    write_name,
)
from shared.codecs.x12.envelope import NOWHERE, Envelope, Place, TransactionSet, read_transactions
from shared.codecs.x12.hierarchy import (
    Beginning,
    Step,
    read_beginning,
    top_and_levels,
    write_beginning,
    write_levels,
)
from shared.codecs.x12.problems import Problems, X12Error
from shared.codecs.x12.tokenizer import STANDARD, Dialect, Limits, Segment, Source
from shared.codecs.x12.values import cents_text
from shared.codecs.x12.writer import SegmentWriter, write_interchange, write_set

GUIDE = "005010X279A1"
REQUEST_FUNCTIONAL_ID, RESPONSE_FUNCTIONAL_ID = "HS", "HB"
SOURCE, RECEIVER, SUBSCRIBER, DEPENDENT = "20", "21", "22", "23"  # HL03

RETRYABLE_REJECTIONS = frozenset(("42", "80"))  # the payer could not answer now


class Trace(Struct, frozen=True, kw_only=True):
    """TRN: `1` is the sender's own number, `2` the number that it answers."""

    type: str = "1"  # TRN01
    number: str  # TRN02
    originator: str = ""  # TRN03
    division: str = ""  # TRN04


class Rejection(Struct, frozen=True, kw_only=True):
    """AAA: the question was refused. 42 and 80 may be asked again; most others are for a person to correct."""

    is_valid_request: bool = False  # AAA01
    reason: str  # AAA03
    follow_up: str = ""  # AAA04: C correct and resend, N do not, R may resend ...

    @property
    def is_retryable(self) -> bool:
        return self.reason in RETRYABLE_REJECTIONS


class Participant(Struct, frozen=True, kw_only=True):
    """A payer (2000A) or a provider (2000B)."""

    party: Party
    system_rejections: tuple[Rejection, ...] = ()  # AAA before the name: the payer's system, 2000A
    rejections: tuple[Rejection, ...] = ()  # AAA after the name
    others: tuple[Segment, ...] = ()


class Member(Struct, frozen=True, kw_only=True):
    """A subscriber (2000C) or a dependent (2000D). Personal data."""

    party: Party
    traces: tuple[Trace, ...] = ()
    insured: str = ""  # INS01: Y the subscriber, N a dependent
    relationship: str = ""  # INS02
    dates: tuple[Dated, ...] = ()  # DTP: 291 plan, 307 eligibility, 346 plan begin, 347 plan end ...
    rejections: tuple[Rejection, ...] = ()
    others: tuple[Segment, ...] = ()


class Question(Struct, frozen=True, kw_only=True):
    """EQ: what is asked."""

    service_types: tuple[str, ...] = ("30",)  # EQ01
    procedure: Procedure | None = None  # EQ02
    coverage_level: str = ""  # EQ03
    references: tuple[Reference, ...] = ()  # REF 9F, G1
    dates: tuple[Dated, ...] = ()  # DTP*291; none means today
    amounts: tuple[Amount, ...] = ()
    others: tuple[Segment, ...] = ()


class Inquiry(Struct, frozen=True, kw_only=True):
    """One patient's question. The patient is the dependent if there is one."""

    payer: Participant
    provider: Participant
    subscriber: Member
    dependent: Member | None = None
    questions: tuple[Question, ...] = ()

    @property
    def patient(self) -> Member:
        return self.dependent or self.subscriber


class EligibilityInquiry(Struct, frozen=True, kw_only=True):
    """One ST to SE of a 270."""

    envelope: Envelope
    control_number: str  # ST02
    beginning: Beginning  # BHT: purpose 13 request
    inquiries: tuple[Inquiry, ...]
    others: tuple[Segment, ...] = ()
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE


class Benefit(Struct, frozen=True, kw_only=True):
    """EB and what follows it (loop 2110). Every field that the payer left out is None or empty."""

    information: str  # EB01: 1 active, 6 inactive, A co-insurance, B co-payment, C deductible, G out-of-pocket ...
    coverage_level: str = ""  # EB02: IND FAM ...
    service_types: tuple[str, ...] = ()  # EB03
    insurance_type: str = ""  # EB04
    plan: str = ""  # EB05
    period: str = ""  # EB06: 23 calendar year, 27 visit, 29 remaining ...
    amount_cents: int | None = None  # EB07
    fraction: Decimal | None = None  # EB08: what the patient pays, .2 is 20 %
    quantity_qualifier: str = ""  # EB09
    quantity: Decimal | None = None  # EB10
    authorization_required: str = ""  # EB11: Y N U; empty: not stated
    in_network: str = ""  # EB12: Y N U, W both; empty: not stated
    procedure: Procedure | None = None  # EB13
    diagnosis_pointers: tuple[str, ...] = ()  # EB14
    references: tuple[Reference, ...] = ()
    dates: tuple[Dated, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    messages: tuple[str, ...] = ()  # MSG
    parties: tuple[Party, ...] = ()  # LS*2120 NM1: carve-out payer, primary care provider ...
    others: tuple[Segment, ...] = ()  # HSD, III and whatever else qualifies the row
    place: Place = NOWHERE


class Answer(Struct, frozen=True, kw_only=True):
    """What the payer says, at the deepest level that it answered: no subscriber when it stopped above."""

    payer: Participant
    provider: Participant | None = None
    subscriber: Member | None = None
    dependent: Member | None = None
    benefits: tuple[Benefit, ...] = ()
    place: Place = NOWHERE

    @property
    def patient(self) -> Member | None:
        return self.dependent or self.subscriber

    @property
    def rejections(self) -> tuple[Rejection, ...]:
        """Every AAA on the way to this answer."""
        participants = [each for each in (self.payer, self.provider) if each]
        members = [each for each in (self.subscriber, self.dependent) if each]
        above = (each for one in participants for each in (*one.system_rejections, *one.rejections))
        of_people = (each for one in members for each in one.rejections)
        of_benefits = (each for benefit in self.benefits for each in benefit.rejections)
        return (*above, *of_people, *of_benefits)

    @property
    def trace_numbers(self) -> tuple[str, ...]:
        """The numbers of ours that it answers (TRN*2)."""
        members = [each for each in (self.subscriber, self.dependent) if each]
        return tuple(trace.number for member in members for trace in member.traces if trace.type == "2")


class EligibilityResponse(Struct, frozen=True, kw_only=True):
    """One ST to SE of a 271."""

    envelope: Envelope
    control_number: str  # ST02
    beginning: Beginning  # BHT: purpose 11 response
    answers: tuple[Answer, ...]
    others: tuple[Segment, ...] = ()
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE


# Reading


def read_270(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[EligibilityInquiry]:
    """Every 270 of a file. Other transaction sets are passed over."""
    noted = problems if problems is not None else Problems()
    for transaction in read_transactions(source, noted, limits):
        if transaction.kind == "270":
            inquiry = eligibility_inquiry_of(transaction)
            noted.extend(inquiry.problems[len(transaction.problems) :])
            yield inquiry


def read_271(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[EligibilityResponse]:
    """Every 271 of a file. Other transaction sets are passed over."""
    noted = problems if problems is not None else Problems()
    for transaction in read_transactions(source, noted, limits):
        if transaction.kind == "271":
            response = eligibility_response_of(transaction)
            noted.extend(response.problems[len(transaction.problems) :])
            yield response


def eligibility_inquiry_of(transaction: TransactionSet) -> EligibilityInquiry:
    """The 270 in a transaction set that has been read already."""
    problems = Problems(transaction.problems)
    top, levels = top_and_levels(transaction)
    chains = _Chains(problems)
    inquiries: list[Inquiry] = []
    for at, level in enumerate(levels):
        own, *blocks = loops(level, starts_with("EQ"))
        chains.take(own)
        if not blocks and _has_children(levels, at):
            continue
        if chains.subscriber is None:
            problems.add(level[0], 3, "a 270 asks about a subscriber")
            continue
        inquiry = Inquiry(
            payer=chains.payer,
            provider=chains.provider or Participant(party=Party(role="1P")),
            subscriber=chains.subscriber,
            dependent=chains.dependent,
            questions=tuple(_question(block, problems) for block in blocks),
        )
        inquiries.append(inquiry)
    return EligibilityInquiry(
        envelope=transaction.envelope,
        control_number=transaction.control_number,
        beginning=read_beginning(transaction, problems),
        inquiries=tuple(inquiries),
        others=tuple(top),
        problems=tuple(problems),
        place=transaction.place,
    )


def eligibility_response_of(transaction: TransactionSet) -> EligibilityResponse:
    """The 271 in a transaction set that has been read already."""
    problems = Problems(transaction.problems)
    top, levels = top_and_levels(transaction)
    chains = _Chains(problems)
    answers: list[Answer] = []
    for at, level in enumerate(levels):
        own, *blocks = loops(level, starts_with("EB"))
        chains.take(own)
        if not blocks and _has_children(levels, at):
            continue
        answer = Answer(
            payer=chains.payer,
            provider=chains.provider,
            subscriber=chains.subscriber,
            dependent=chains.dependent,
            benefits=tuple(_benefit(block, problems) for block in blocks),
            place=Place(level[0].number, level[-1].number),
        )
        answers.append(answer)
    return EligibilityResponse(
        envelope=transaction.envelope,
        control_number=transaction.control_number,
        beginning=read_beginning(transaction, problems),
        answers=tuple(answers),
        others=tuple(top),
        problems=tuple(problems),
        place=transaction.place,
    )


def _has_children(levels: Sequence[Sequence[Segment]], at: int) -> bool:
    return at + 1 < len(levels) and levels[at + 1][0][3] > levels[at][0][3]


class _Chains:
    """The levels above what is read now."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.payer = Participant(party=Party(role="PR"))
        self.provider: Participant | None = None
        self.subscriber: Member | None = None
        self.dependent: Member | None = None

    def take(self, level: Sequence[Segment]) -> None:
        match level[0][3]:
            case "20":
                self.payer = _participant(level, self.problems, "PR")
                self.provider = self.subscriber = self.dependent = None
            case "21":
                self.provider = _participant(level, self.problems, "1P")
                self.subscriber = self.dependent = None
            case "22":
                self.subscriber, self.dependent = _member(level, self.problems, "IL"), None
            case "23":
                self.dependent = _member(level, self.problems, "03")
            case _:
                self.problems.add(level[0], 3, "HL03 is 20, 21, 22 or 23")


def _participant(level: Sequence[Segment], problems: Problems, role: str) -> Participant:
    before: list[Rejection] = []
    after: list[Rejection] = []
    described: list[Segment] = []
    others: list[Segment] = []
    for segment in level[1:]:
        if segment.elements[0] == "AAA":
            (after if described else before).append(_rejection(segment))
        elif described or segment.elements[0] == "NM1":
            described.append(segment)
        else:
            others.append(segment)
    party = read_party(described, problems, others) if described else Party(role=role)
    rejections = tuple(after)
    return Participant(party=party, system_rejections=tuple(before), rejections=rejections, others=tuple(others))


def _member(level: Sequence[Segment], problems: Problems, role: str) -> Member:
    traces: list[Trace] = []
    rejections: list[Rejection] = []
    dates: list[Dated] = []
    described: list[Segment] = []
    others: list[Segment] = []
    insured: Segment | None = None
    for segment in level[1:]:
        match segment.elements[0]:
            case "TRN":
                trace = Trace(type=segment[1], number=segment[2], originator=segment[3], division=segment[4])
                traces.append(trace)
            case "AAA":
                rejections.append(_rejection(segment))
            case "INS" if insured is None and len(segment.elements) <= 3:
                insured = segment
            case "DTP" if segment[2] in ("D8", "RD8") and (dated := read_dated(segment, problems)):
                dates.append(dated)
            case "NM1" if not described:
                described.append(segment)
            case "N3" | "N4" | "REF" | "PER" | "PRV" | "DMG" if described:
                described.append(segment)
            case _:
                others.append(segment)
    return Member(
        party=read_party(described, problems, others) if described else Party(role=role),
        traces=tuple(traces),
        insured=insured[1] if insured else "",
        relationship=insured[2] if insured else "",
        dates=tuple(dates),
        rejections=tuple(rejections),
        others=tuple(others),
    )


def _rejection(segment: Segment) -> Rejection:
    return Rejection(is_valid_request=segment[1] == "Y", reason=segment[3], follow_up=segment[4])


def _question(segments: Sequence[Segment], problems: Problems) -> Question:
    eq = segments[0]
    references: list[Reference] = []
    dates: list[Dated] = []
    amounts: list[Amount] = []
    others: list[Segment] = []
    for segment in segments[1:]:
        match segment.elements[0]:
            case "REF":
                references.append(Reference(segment[1], segment[2]))
            case "DTP" if segment[2] in ("D8", "RD8") and (dated := read_dated(segment, problems)):
                dates.append(dated)
            case "AMT":
                amounts.append(read_amount(segment, problems))
            case _:
                others.append(segment)
    return Question(
        service_types=eq.repeats(1),
        procedure=read_procedure(eq.components(2)),
        coverage_level=eq[3],
        references=tuple(references),
        dates=tuple(dates),
        amounts=tuple(amounts),
        others=tuple(others),
    )


def _benefit(segments: Sequence[Segment], problems: Problems) -> Benefit:
    eb = segments[0]
    lead, *blocks = loops(segments, starts_with("NM1"))
    references: list[Reference] = []
    dates: list[Dated] = []
    rejections: list[Rejection] = []
    messages: list[str] = []
    others: list[Segment] = []
    for segment in lead[1:]:
        match segment.elements[0]:
            case "REF" if len(segment.elements) <= 3:
                references.append(Reference(segment[1], segment[2]))
            case "DTP" if segment[2] in ("D8", "RD8") and (dated := read_dated(segment, problems)):
                dates.append(dated)
            case "AAA":
                rejections.append(_rejection(segment))
            case "MSG":
                messages.append(segment[1])
            case "LS" | "LE":
                continue
            case _:
                others.append(segment)
    parties = [read_party([each for each in block if each.id != "LE"], problems, others) for block in blocks]
    return Benefit(
        information=eb[1],
        coverage_level=eb[2],
        service_types=eb.repeats(3),
        insurance_type=eb[4],
        plan=eb[5],
        period=eb[6],
        amount_cents=problems.optional_cents(eb, 7),
        fraction=problems.quantity(eb, 8),
        quantity_qualifier=eb[9],
        quantity=problems.quantity(eb, 10),
        authorization_required=eb[11],
        in_network=eb[12],
        procedure=read_procedure(eb.components(13)),
        diagnosis_pointers=eb.components(14),
        references=tuple(references),
        dates=tuple(dates),
        rejections=tuple(rejections),
        messages=tuple(messages),
        parties=tuple(parties),
        others=tuple(others),
        place=Place(eb.number, segments[-1].number),
    )


# Writing


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
    steps: tuple[Step[Inquiry], ...] = (
        Step(SOURCE, lambda each: each.payer, lambda each: _written_participant(writer, each.payer)),
        Step(RECEIVER, lambda each: each.provider, lambda each: _written_participant(writer, each.provider)),
        Step(SUBSCRIBER, lambda each: each.subscriber, lambda each: _written_member(writer, each.subscriber)),
        Step(DEPENDENT, lambda each: each.dependent, lambda each: _written_member(writer, each.dependent)),
    )
    yield from write_levels(writer, inquiry.inquiries, steps, lambda each: _written_questions(writer, each.questions))


def _response_body(writer: SegmentWriter, response: EligibilityResponse) -> Iterator[str]:
    yield write_beginning(writer, "0022", response.beginning)
    yield from map(writer.copy, response.others)
    steps: tuple[Step[Answer], ...] = (
        Step(SOURCE, lambda each: each.payer, lambda each: _written_participant(writer, each.payer)),
        Step(RECEIVER, lambda each: each.provider, lambda each: _written_participant(writer, each.provider)),
        Step(SUBSCRIBER, lambda each: each.subscriber, lambda each: _written_member(writer, each.subscriber)),
        Step(DEPENDENT, lambda each: each.dependent, lambda each: _written_member(writer, each.dependent)),
    )
    yield from write_levels(writer, response.answers, steps, lambda each: _written_benefits(writer, each.benefits))


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
