"""Which claims of a batch did the clearinghouse or payer accept, and which did it refuse at the door?

Source: ASC X12N 005010X214 (277CA). One ClaimAcknowledgement for each ST. When the receiver level rejects the batch,
claims may be absent: then every claim of it is rejected. A claim that is not named is not accepted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from msgspec import Struct

from shared.codecs.x12.elements import (
    Amount,
    Dated,
    Party,
    Quantity,
    Reference,
    loops,
    read_amount,
    read_dated,
    read_party,
    starts_with,
    write_dated,
    write_party,
)
from shared.codecs.x12.envelope import NOWHERE, Envelope, Place, TransactionSet, read_transactions
from shared.codecs.x12.hierarchy import Beginning, read_beginning, top_and_levels, write_beginning
from shared.codecs.x12.problems import Problems, X12Error
from shared.codecs.x12.status import (
    Status,
    StatusLine,
    read_status,
    read_status_line,
    write_status,
    write_status_line,
)
from shared.codecs.x12.tokenizer import STANDARD, Dialect, Limits, Segment, Source
from shared.codecs.x12.values import cents_text, quantity_text
from shared.codecs.x12.writer import SegmentWriter, write_interchange, write_set

GUIDE = "005010X214"
FUNCTIONAL_ID = "HN"


class AcknowledgedClaim(Struct, frozen=True, kw_only=True):
    """Loop 2200D: one claim of the batch."""

    patient: Party  # NM1*QC. Personal data
    claim_id: str  # TRN02 = CLM01
    statuses: tuple[Status, ...] = ()
    payer_control_number: str = ""  # REF*1K
    references: tuple[Reference, ...] = ()
    service: Dated | None = None  # DTP*472
    lines: tuple[StatusLine, ...] = ()
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE

    @property
    def is_rejected(self) -> bool:
        lines = (status for line in self.lines for status in line.statuses)
        return any(status.is_rejection for status in (*self.statuses, *lines))


class ProviderReport(Struct, frozen=True, kw_only=True):
    """Loop 2000C."""

    provider: Party  # NM1*85
    trace_type: str = ""  # TRN01
    trace_number: str = ""  # TRN02
    statuses: tuple[Status, ...] = ()
    references: tuple[Reference, ...] = ()
    quantities: tuple[Quantity, ...] = ()  # QA accepted, QC rejected
    amounts: tuple[Amount, ...] = ()  # YU accepted, YY rejected
    claims: tuple[AcknowledgedClaim, ...] = ()
    others: tuple[Segment, ...] = ()


class ReceiverReport(Struct, frozen=True, kw_only=True):
    """Loop 2000B: the batch as a whole."""

    receiver: Party  # NM1*41
    batch_reference: str = ""  # TRN02 = BHT03 of the 837
    statuses: tuple[Status, ...] = ()
    quantities: tuple[Quantity, ...] = ()  # 90 accepted, AA rejected
    amounts: tuple[Amount, ...] = ()  # YU accepted, YY rejected
    providers: tuple[ProviderReport, ...] = ()
    others: tuple[Segment, ...] = ()

    @property
    def is_rejected(self) -> bool:
        """The whole batch was refused: every claim of it, named or not."""
        return any(status.is_rejection for status in self.statuses)


class ClaimAcknowledgement(Struct, frozen=True, kw_only=True):
    """One ST to SE of a 277CA."""

    envelope: Envelope
    control_number: str  # ST02
    beginning: Beginning  # BHT, type TH
    source: Party  # NM1*PR payer or NM1*AY clearinghouse: whose word it is
    source_trace: str = ""  # TRN02
    received_on: date | None = None  # DTP*050
    processed_on: date | None = None  # DTP*009
    receivers: tuple[ReceiverReport, ...] = ()
    others: tuple[Segment, ...] = ()
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE

    @property
    def claims(self) -> tuple[AcknowledgedClaim, ...]:
        """Every claim that is named, in order."""
        providers = (provider for receiver in self.receivers for provider in receiver.providers)
        return tuple(claim for provider in providers for claim in provider.claims)


# Reading


def read_277ca(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[ClaimAcknowledgement]:
    """Every 277CA of a file. Other transaction sets are passed over."""
    noted = problems if problems is not None else Problems()
    for transaction in read_transactions(source, noted, limits):
        if transaction.kind == "277CA":
            acknowledgement = claim_acknowledgement_of(transaction)
            noted.extend(acknowledgement.problems[len(transaction.problems) :])
            yield acknowledgement


def claim_acknowledgement_of(transaction: TransactionSet) -> ClaimAcknowledgement:
    """The 277CA in a transaction set that has been read already."""
    problems = Problems(transaction.problems)
    top, levels = top_and_levels(transaction)
    source = _Level([], problems)
    receivers: list[_Level] = []
    for segments in levels:
        level = _Level(segments, problems)
        match segments[0][3]:
            case "20":
                source = level
            case "21":
                receivers.append(level)
            case "19":
                _last(receivers, problems).children.append(level)
            case "PT" | "22" | "23":
                _last(_last(receivers, problems).children, problems).children.append(level)
            case _:
                problems.add(segments[0], 3, "HL03 is 20, 21, 19 or PT")
    received, processed = source.day("050"), source.day("009")
    return ClaimAcknowledgement(
        envelope=transaction.envelope,
        control_number=transaction.control_number,
        beginning=read_beginning(transaction, problems),
        source=source.party or Party(role="PR"),
        source_trace=source.trace_number,
        received_on=received.first_on if received else None,
        processed_on=processed.first_on if processed else None,
        receivers=tuple(_receiver(level, problems) for level in receivers),
        others=(*top, *source.others),
        problems=tuple(problems),
        place=transaction.place,
    )


def _last(levels: list[_Level], problems: Problems) -> _Level:
    """The level that a child belongs to; a missing one is made, so that no claim is lost."""
    if not levels:
        levels.append(_Level([], problems))
    return levels[-1]


class _Level:
    """What one HL holds. In a patient level each TRN begins a claim; elsewhere there is one."""

    def __init__(self, segments: Sequence[Segment], problems: Problems) -> None:
        self.children: list[_Level] = []
        self.party: Party | None = None
        self.trace_type = self.trace_number = ""
        self.statuses: list[Status] = []
        self.references: list[Reference] = []
        self.quantities: list[Quantity] = []
        self.amounts: list[Amount] = []
        self.dates: list[Dated] = []
        self.others: list[Segment] = []
        self.claims: list[list[Segment]] = []
        is_patient = bool(segments) and segments[0][3] in ("PT", "22", "23")
        for segment in segments[1:]:
            name = segment.elements[0]
            if is_patient and (name == "TRN" or self.claims):
                self.claims += [[segment]] if name == "TRN" else []
                if name != "TRN":
                    self.claims[-1].append(segment)
            else:
                self._take(segment, problems)
        if is_patient and not self.claims:
            problems.add(segments[0], 0, "a patient level names its claim in TRN", found=segments[0][1])

    def _take(self, segment: Segment, problems: Problems) -> None:
        match segment.elements[0]:
            case "NM1" if self.party is None:
                self.party = read_party([segment], problems, self.others)
            case "TRN" if not self.trace_number:
                self.trace_type, self.trace_number = segment[1], segment[2]
            case "STC":
                self.statuses.append(read_status(segment, problems))
            case "REF":
                self.references.append(Reference(segment[1], segment[2]))
            case "QTY" if (quantity := problems.quantity(segment, 2)) is not None:
                self.quantities.append(Quantity(segment[1], quantity))
            case "AMT":
                self.amounts.append(read_amount(segment, problems))
            case "DTP" if dated := read_dated(segment, problems):
                self.dates.append(dated)
            case _:
                self.others.append(segment)

    def day(self, qualifier: str) -> Dated | None:
        for dated in self.dates:
            if dated.qualifier == qualifier:
                self.dates.remove(dated)
                return dated
        return None


def _receiver(level: _Level, problems: Problems) -> ReceiverReport:
    return ReceiverReport(
        receiver=level.party or Party(role="41"),
        batch_reference=level.trace_number,
        statuses=tuple(level.statuses),
        quantities=tuple(level.quantities),
        amounts=tuple(level.amounts),
        providers=tuple(_provider(child, problems) for child in level.children),
        others=tuple(level.others),
    )


def _provider(level: _Level, problems: Problems) -> ProviderReport:
    return ProviderReport(
        provider=level.party or Party(role="85"),
        trace_type=level.trace_type,
        trace_number=level.trace_number,
        statuses=tuple(level.statuses),
        references=tuple(level.references),
        quantities=tuple(level.quantities),
        amounts=tuple(level.amounts),
        claims=tuple(_claim(child, claim, problems) for child in level.children for claim in child.claims),
        others=tuple(level.others),
    )


def _claim(level: _Level, segments: Sequence[Segment], problems: Problems) -> AcknowledgedClaim:
    own, *lines = loops(segments, starts_with("SVC"))
    facts = _Level([Segment(0, ("HL",)), *own[1:]], problems)
    numbers = [reference for reference in facts.references if reference.qualifier == "1K"][:1]
    return AcknowledgedClaim(
        patient=level.party or Party(role="QC"),
        claim_id=segments[0][2],
        statuses=tuple(facts.statuses),
        payer_control_number=numbers[0].value if numbers else "",
        references=tuple(reference for reference in facts.references if reference not in numbers),
        service=facts.day("472"),
        lines=tuple(read_status_line(line, problems) for line in lines),
        others=tuple(facts.others),
        place=Place(segments[0].number, segments[-1].number),
    )


# Writing


def write_277ca(acknowledgements: Sequence[ClaimAcknowledgement], dialect: Dialect = STANDARD) -> bytes:
    """One interchange with these acknowledgements. Raises ValueError when their envelopes differ or there is none."""
    if not acknowledgements or any(each.envelope != acknowledgements[0].envelope for each in acknowledgements):
        raise ValueError("the acknowledgements of one interchange share one envelope")
    writer = SegmentWriter(dialect, is_upper_case=False)
    sets = (
        write_set(writer, "277", each.control_number, GUIDE, list(_body(writer, each))) for each in acknowledgements
    )
    envelope = acknowledgements[0].envelope
    return write_interchange(writer, envelope, functional_id=FUNCTIONAL_ID, version=GUIDE, sets=sets)


def _body(writer: SegmentWriter, ack: ClaimAcknowledgement) -> Iterator[str]:
    yield write_beginning(writer, "0085", ack.beginning)
    yield writer.segment("HL", "1", "", "20", "1")
    yield from write_party(writer, ack.source)
    yield writer.segment("TRN", "1", ack.source_trace)
    for qualifier, day in (("050", ack.received_on), ("009", ack.processed_on)):
        if day:
            yield write_dated(writer, Dated(qualifier=qualifier, first_on=day))
    yield from map(writer.copy, ack.others)
    number = 1
    for receiver in ack.receivers:
        number += 1
        above = str(number)
        yield writer.segment("HL", above, "1", "21", "1" if receiver.providers else "0")
        yield from _written_receiver(writer, receiver)
        for provider in receiver.providers:
            number += 1
            parent = str(number)
            yield writer.segment("HL", parent, above, "19", "1" if provider.claims else "0")
            yield from _written_provider(writer, provider)
            for claim in provider.claims:
                number += 1
                yield writer.segment("HL", str(number), parent, "PT")
                yield from _written_claim(writer, claim)


def _written_receiver(writer: SegmentWriter, receiver: ReceiverReport) -> Iterator[str]:
    yield from write_party(writer, receiver.receiver)
    yield writer.segment("TRN", "2", receiver.batch_reference)
    for status in receiver.statuses:
        yield write_status(writer, status)
    yield from _written_counts(writer, receiver)


def _written_provider(writer: SegmentWriter, provider: ProviderReport) -> Iterator[str]:
    yield from write_party(writer, provider.provider)
    if provider.trace_number:
        yield writer.segment("TRN", provider.trace_type, provider.trace_number)
    for status in provider.statuses:
        yield write_status(writer, status)
    for reference in provider.references:
        yield writer.segment("REF", reference.qualifier, reference.value)
    yield from _written_counts(writer, provider)


def _written_counts(writer: SegmentWriter, report: ReceiverReport | ProviderReport) -> Iterator[str]:
    for quantity in report.quantities:
        yield writer.segment("QTY", quantity.qualifier, quantity_text(quantity.quantity))
    for amount in report.amounts:
        yield writer.segment("AMT", amount.qualifier, cents_text(amount.cents))
    yield from map(writer.copy, report.others)


def _written_claim(writer: SegmentWriter, claim: AcknowledgedClaim) -> Iterator[str]:
    yield from write_party(writer, claim.patient)
    yield writer.segment("TRN", "2", claim.claim_id)
    for status in claim.statuses:
        yield write_status(writer, status)
    if claim.payer_control_number:
        yield writer.segment("REF", "1K", claim.payer_control_number)
    for reference in claim.references:
        yield writer.segment("REF", reference.qualifier, reference.value)
    if claim.service:
        yield write_dated(writer, claim.service)
    yield from map(writer.copy, claim.others)
    for line in claim.lines:
        yield from write_status_line(writer, line)
