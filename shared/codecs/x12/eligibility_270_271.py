"""Is this patient covered, for what, and how much is theirs to pay?

Source: ASC X12N 005010X279A1 (270 request, 271 response). AAA says that the question was refused; it does not say "not
covered".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shared.codecs.x12.elements import (
    Amount,
    Dated,
    Party,
    Reference,
    Trace,
    loops,
    read_amount,
    read_dated,
    read_party,
    read_procedure,
    starts_with,
)
from shared.codecs.x12.eligibility_parts import (
    RETRYABLE_REJECTIONS,
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
from shared.codecs.x12.eligibility_writing import (
    GUIDE,
    REQUEST_FUNCTIONAL_ID,
    RESPONSE_FUNCTIONAL_ID,
    write_270,
    write_271,
)
from shared.codecs.x12.envelope import Place, TransactionSet, read_transactions
from shared.codecs.x12.hierarchy import read_beginning, top_and_levels
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import Limits, Segment, Source

__all__ = [
    "GUIDE",
    "REQUEST_FUNCTIONAL_ID",
    "RESPONSE_FUNCTIONAL_ID",
    "RETRYABLE_REJECTIONS",
    "Answer",
    "Benefit",
    "EligibilityInquiry",
    "EligibilityResponse",
    "Inquiry",
    "Member",
    "Participant",
    "Question",
    "Rejection",
    "Trace",
    "eligibility_inquiry_of",
    "eligibility_response_of",
    "read_270",
    "read_271",
    "write_270",
    "write_271",
]


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
