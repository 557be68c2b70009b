"""May a service be given, and what did the payer decide?

Source: ASC X12N 005010X217 (278, request and response). Reviews are flat: each carries the payer, requester, subscriber
and dependent above it; the writer gathers neighbours that share them. What has no word here is kept as `others`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from shared.codecs.x12.elements import (
    Dated,
    Party,
    Trace,
    loops,
    read_dated,
    read_party,
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
from shared.codecs.x12.writer import SegmentWriter, Value, write_interchange, write_set

GUIDE = "005010X217"
FUNCTIONAL_ID = "HI"
PAYER, REQUESTER, SUBSCRIBER, DEPENDENT, EVENT, SERVICE = "20", "21", "22", "23", "EV", "SS"  # HL03


class Decision(Struct, frozen=True, kw_only=True):
    """HCR."""

    action: str  # HCR01: A1 certified, A3 not certified, A4 pended ...
    authorization_number: str = ""  # HCR02
    reason: str = ""  # HCR03
    second_surgical_opinion: str = ""  # HCR04
    place: Place = NOWHERE


class Request(Struct, frozen=True, kw_only=True):
    """UM: what is asked for."""

    category: str  # UM01: AR admission, HS health services, SC specialty care, IN individual
    certification: str = ""  # UM02: I initial, R renewal, S revised, 3 cancel ...
    service_type: str = ""  # UM03
    place_of_service: str = ""  # UM04-1
    place_qualifier: str = ""  # UM04-2: A type of bill, B place of service
    related_causes: tuple[str, ...] = ()  # UM05
    urgency: str = ""  # UM06: U urgent, 03 emergency
    others: tuple[str, ...] = ()  # UM07 to UM10


class ReviewedService(Struct, frozen=True, kw_only=True):
    """Loop 2000F: one service of an event. Its SV1, SV2 or SV3 and what has no word here are `others`."""

    traces: tuple[Trace, ...] = ()
    request: Request | None = None
    decision: Decision | None = None
    rejections: tuple[str, ...] = ()  # AAA03
    dates: tuple[Dated, ...] = ()
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE


class Review(Struct, frozen=True, kw_only=True):
    """Loop 2000E: one event (an admission, a course of treatment) with the people above it."""

    payer: Party  # NM1 in 2010A
    requester: Party | None = None  # NM1 in 2010B
    subscriber: Party | None = None  # NM1*IL. Personal data
    dependent: Party | None = None  # NM1*QC. Personal data
    traces: tuple[Trace, ...] = ()
    request: Request | None = None  # UM
    decision: Decision | None = None  # HCR, in an answer
    rejections: tuple[str, ...] = ()  # AAA03 of the event
    dates: tuple[Dated, ...] = ()  # DTP: AAH event, 435 admission, 472 service ...
    services: tuple[ReviewedService, ...] = ()
    others: tuple[Segment, ...] = ()  # HI, HSD, providers (2010EA) and whatever else qualifies it
    has_event: bool = True  # False: it stops at a person above, as an answer that refuses does
    place: Place = NOWHERE


class ServicesReview(Struct, frozen=True, kw_only=True):
    """One ST to SE of a 278, request or response."""

    envelope: Envelope
    control_number: str  # ST02
    beginning: Beginning  # BHT: purpose 13 request, 11 response
    reviews: tuple[Review, ...] = ()
    others: tuple[Segment, ...] = ()
    level_others: tuple[Segment, ...] = ()  # of payer, requester or patient, AAA above all: read, never written
    rejections: tuple[str, ...] = ()  # every AAA03, whatever level refused
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE

    @property
    def is_response(self) -> bool:
        return self.beginning.purpose == "11"

    @property
    def parts(self) -> list[Review | ReviewedService]:
        """Every event, each followed by its services."""
        found: list[Review | ReviewedService] = []
        for review in self.reviews:
            found += [review, *review.services]
        return found

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """Every decision, of events and of their services."""
        return tuple(part.decision for part in self.parts if part.decision)

    @property
    def trace_numbers(self) -> tuple[str, ...]:
        return tuple(trace.number for part in self.parts for trace in part.traces)


# Reading


def read_278(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[ServicesReview]:
    """Every 278 of a file. Other transaction sets are passed over."""
    noted = problems if problems is not None else Problems()
    for transaction in read_transactions(source, noted, limits):
        if transaction.kind == "278":
            review = services_review_of(transaction)
            noted.extend(review.problems[len(transaction.problems) :])
            yield review


def services_review_of(transaction: TransactionSet) -> ServicesReview:
    """The 278 in a transaction set that has been read already."""
    problems = Problems(transaction.problems)
    top, levels = top_and_levels(transaction)
    above: dict[str, Party] = {}
    reviews: list[Review] = []
    level_others: list[Segment] = []
    for at, level in enumerate(levels):
        code = level[0][3]
        if code in _ABOVE:
            for deeper in _ABOVE[_ABOVE.index(code) :]:
                above.pop(deeper, None)
            above[code] = _party(level, problems, level_others)
            if at + 1 == len(levels) or levels[at + 1][0][3] in _ABOVE[: _ABOVE.index(code) + 1]:
                reviews.append(replace(_review(level[:1], above, problems), has_event=False))
        elif code == SERVICE and reviews:
            services = (*reviews[-1].services, _service(level, problems))
            reviews[-1] = replace(reviews[-1], services=services)
        else:
            if code not in (EVENT, SERVICE):
                problems.add(level[0], 3, "HL03 is 20, 21, 22, 23, EV or SS")
            reviews.append(_review(level, above, problems))
    return ServicesReview(
        envelope=transaction.envelope,
        control_number=transaction.control_number,
        beginning=read_beginning(transaction, problems),
        reviews=tuple(reviews),
        others=tuple(top),
        level_others=tuple(level_others),
        rejections=tuple(segment[3] for segment in transaction.body if segment.elements[0] == "AAA"),
        problems=tuple(problems),
        place=transaction.place,
    )


_ABOVE = (PAYER, REQUESTER, SUBSCRIBER, DEPENDENT)


def _party(level: Sequence[Segment], problems: Problems, others: list[Segment]) -> Party:
    lead, *blocks = loops(level[1:], starts_with("NM1"))
    others += lead
    if not blocks:
        return Party(role="")
    for block in blocks[1:]:
        others += block
    return read_party(blocks[0], problems, others)


class _Details:
    """What an event and a service share."""

    def __init__(self, level: Sequence[Segment], problems: Problems) -> None:
        self.traces: list[Trace] = []
        self.request: Request | None = None
        self.decision: Decision | None = None
        self.rejections: list[str] = []
        self.dates: list[Dated] = []
        self.others: list[Segment] = []
        self.is_in_party = False
        for segment in level[1:]:
            self._take(segment, problems)

    def _take(self, segment: Segment, problems: Problems) -> None:
        self.is_in_party |= segment.elements[0] == "NM1"
        match segment.elements[0]:
            case "TRN":
                trace = Trace(type=segment[1], number=segment[2], originator=segment[3], division=segment[4])
                self.traces.append(trace)
            case "UM" if self.request is None:
                self.request = _request(segment)
            case "HCR" if self.decision is None:
                self.decision = _decision(segment)
            case "AAA" if not self.is_in_party and len(segment.elements) == 4:
                self.rejections.append(segment[3])
            case "DTP" if (
                not self.is_in_party and segment[2] in ("D8", "RD8") and (dated := read_dated(segment, problems))
            ):
                self.dates.append(dated)
            case _:
                self.others.append(segment)


def _review(level: Sequence[Segment], above: dict[str, Party], problems: Problems) -> Review:
    details = _Details(level, problems)
    return Review(
        payer=above.get(PAYER, Party(role="X3")),
        requester=above.get(REQUESTER),
        subscriber=above.get(SUBSCRIBER),
        dependent=above.get(DEPENDENT),
        traces=tuple(details.traces),
        request=details.request,
        decision=details.decision,
        rejections=tuple(details.rejections),
        dates=tuple(details.dates),
        others=tuple(details.others),
        place=Place(level[0].number, level[-1].number),
    )


def _service(level: Sequence[Segment], problems: Problems) -> ReviewedService:
    details = _Details(level, problems)
    return ReviewedService(
        traces=tuple(details.traces),
        request=details.request,
        decision=details.decision,
        rejections=tuple(details.rejections),
        dates=tuple(details.dates),
        others=tuple(details.others),
        place=Place(level[0].number, level[-1].number),
    )


def _request(segment: Segment) -> Request:
    place = (*segment.components(4), "", "")
    return Request(
        category=segment[1],
        certification=segment[2],
        service_type=segment[3],
        place_of_service=place[0],
        place_qualifier=place[1],
        related_causes=segment.components(5),
        urgency=segment[6],
        others=tuple(segment.elements[7:11]),
    )


def _decision(segment: Segment) -> Decision:
    return Decision(
        action=segment[1],
        authorization_number=segment[2],
        reason=segment[3],
        second_surgical_opinion=segment[4],
        place=Place(segment.number, segment.number),
    )


# Writing


def write_278(reviews: Sequence[ServicesReview], dialect: Dialect = STANDARD) -> bytes:
    """One interchange with these requests or answers. Raises ValueError when their envelopes differ or there is none."""
    if not reviews or any(each.envelope != reviews[0].envelope for each in reviews):
        raise ValueError("the reviews of one interchange share one envelope")
    writer = SegmentWriter(dialect, is_upper_case=False)
    sets = (write_set(writer, "278", each.control_number, GUIDE, list(_body(writer, each))) for each in reviews)
    return write_interchange(writer, reviews[0].envelope, functional_id=FUNCTIONAL_ID, version=GUIDE, sets=sets)


def _body(writer: SegmentWriter, review: ServicesReview) -> Iterator[str]:
    yield write_beginning(writer, "0007", review.beginning)
    yield from map(writer.copy, review.others)
    yield from _levels(writer, review.reviews)


def _levels(writer: SegmentWriter, reviews: Sequence[Review]) -> Iterator[str]:
    """An event is a level of its own, and so is each of its services: the leaves are numbered after their parents."""

    def party(each: Party) -> Iterator[str]:
        return _written_party(writer, each)

    steps: list[Step[_Leaf]] = [
        Step(PAYER, lambda leaf: leaf.review.payer, lambda leaf: party(leaf.review.payer)),
        Step(
            REQUESTER,
            lambda leaf: leaf.review.requester,
            lambda leaf: party(leaf.review.requester or Party(role="1P")),
        ),
        Step(
            SUBSCRIBER,
            lambda leaf: leaf.review.subscriber,
            lambda leaf: party(leaf.review.subscriber or Party(role="IL")),
        ),
        Step(
            DEPENDENT,
            lambda leaf: leaf.review.dependent,
            lambda leaf: party(leaf.review.dependent or Party(role="QC")),
        ),
        Step(
            EVENT,
            lambda leaf: leaf.number if leaf.review.has_event else None,
            lambda leaf: _written_details(writer, leaf.review),
        ),
        Step(
            SERVICE,
            lambda leaf: None if leaf.service is None else leaf.service_number,
            lambda leaf: _written_details(writer, leaf.service) if leaf.service else iter(()),
        ),
    ]
    leaves = [
        _Leaf(review, number, service, at)
        for number, review in enumerate(reviews)
        for at, service in enumerate(review.services or (None,))
    ]
    yield from write_levels(writer, leaves, steps, lambda _: iter(()))


class _Leaf(Struct, frozen=True):
    review: Review
    number: int
    service: ReviewedService | None
    service_number: int


def _written_party(writer: SegmentWriter, party: Party) -> Iterator[str]:
    yield write_name(writer, party)
    for reference in party.references:
        yield writer.segment("REF", reference.qualifier, reference.value)
    if party.address:
        yield from write_address(writer, party.address)
    for contact in party.contacts:
        yield write_contact(writer, contact)
    if party.taxonomy:
        yield writer.segment("PRV", "PE", "PXC", party.taxonomy)
    if party.born_on or party.gender:
        dated = f"{party.born_on:%Y%m%d}" if party.born_on else ""
        yield writer.segment("DMG", "D8" if dated else "", dated, party.gender)


_ORDER = (
    *("TRN", "AAA", "UM", "HCR", "REF", "DTP", "HI", "SV1", "SV2", "SV3", "TOO", "HSD", "CRC", "CL1", "CR1", "CR2"),
    *("CR5", "CR6", "PWK", "MSG"),
)


def _written_details(writer: SegmentWriter, part: Review | ReviewedService) -> Iterator[str]:
    facts = [writer.segment("TRN", each.type, each.number, each.originator, each.division) for each in part.traces]
    facts += [writer.segment("AAA", "N", "", reason) for reason in part.rejections]
    if part.request:
        facts.append(_written_request(writer, part.request))
    if part.decision:
        decided = part.decision
        texts = (decided.action, decided.authorization_number, decided.reason, decided.second_surgical_opinion)
        facts.append(writer.segment("HCR", *texts))
    facts += [write_dated(writer, dated) for dated in part.dates]
    first_party = next((at for at, each in enumerate(part.others) if each.id == "NM1"), len(part.others))
    facts += map(writer.copy, part.others[:first_party])
    rank = {name: at for at, name in enumerate(_ORDER)}
    yield from sorted(facts, key=lambda text: rank.get(text.partition(writer.dialect.element)[0], len(rank)))
    yield from map(writer.copy, part.others[first_party:])


def _written_request(writer: SegmentWriter, request: Request) -> str:
    place: Value = (request.place_of_service, request.place_qualifier)
    return writer.segment(
        "UM",
        request.category,
        request.certification,
        request.service_type,
        place,
        request.related_causes,
        request.urgency,
        *request.others,
    )
