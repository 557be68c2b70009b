"""What has become of a claim? The question (276) and the payer's answer (277).

Source: ASC X12N 005010X212. Entries are flat: each carries the payer, receiver, provider and subscriber above it. An
answer that stops at receiver or provider level has no subscriber.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from shared.codecs.x12.elements import (
    Dated,
    Party,
    Reference,
    loops,
    optional_day_text,
    read_dated,
    read_party,
    starts_with,
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
from shared.codecs.x12.status import (
    Status,
    StatusLine,
    read_status,
    read_status_line,
    write_status,
    write_status_line,
)
from shared.codecs.x12.tokenizer import STANDARD, Dialect, Limits, Segment, Source
from shared.codecs.x12.values import cents_text
from shared.codecs.x12.writer import SegmentWriter, write_interchange, write_set

GUIDE = "005010X212"
REQUEST_FUNCTIONAL_ID, RESPONSE_FUNCTIONAL_ID = "HR", "HN"


class ClaimStatusEntry(Struct, frozen=True, kw_only=True):
    """One claim that is asked about (276) or answered (277)."""

    payer: Party  # NM1*PR
    receiver: Party | None = None  # NM1*41
    provider: Party | None = None  # NM1*1P
    subscriber: Party | None = None  # NM1*IL. Personal data
    dependent: Party | None = None  # NM1*QC, when the patient is a dependent. Personal data
    trace_number: str = ""  # TRN02: of the question, and repeated in its answer
    statuses: tuple[Status, ...] = ()  # STC, in an answer
    claim_id: str = ""  # REF*EJ: patient control number
    payer_control_number: str = ""  # REF*1K
    references: tuple[Reference, ...] = ()
    charged_cents: int | None = None  # AMT*T3, in a question
    service: Dated | None = None  # DTP*472
    lines: tuple[StatusLine, ...] = ()
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE


class ClaimStatusTransaction(Struct, frozen=True, kw_only=True):
    """One ST to SE of a 276 or 277."""

    envelope: Envelope
    control_number: str  # ST02
    beginning: Beginning  # BHT: purpose 13 of a 276, 08 with type DG of a 277
    entries: tuple[ClaimStatusEntry, ...]
    others: tuple[Segment, ...] = ()
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE


# Reading


def read_276(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[ClaimStatusTransaction]:
    """Every 276 of a file. Other transaction sets are passed over."""
    yield from _read("276", source, problems, limits)


def read_277(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[ClaimStatusTransaction]:
    """Every 277 (X212) of a file. A 277CA is another thing, and passed over."""
    yield from _read("277", source, problems, limits)


def _read(
    kind: str, source: Source, problems: Problems | None, limits: Limits | None
) -> Iterator[ClaimStatusTransaction]:
    noted = problems if problems is not None else Problems()
    for transaction in read_transactions(source, noted, limits):
        if transaction.kind == kind:
            status = claim_status_of(transaction)
            noted.extend(status.problems[len(transaction.problems) :])
            yield status


def claim_status_of(transaction: TransactionSet) -> ClaimStatusTransaction:
    """The 276 or 277 in a transaction set that has been read already."""
    problems = Problems(transaction.problems)
    top, levels = top_and_levels(transaction)
    return ClaimStatusTransaction(
        envelope=transaction.envelope,
        control_number=transaction.control_number,
        beginning=read_beginning(transaction, problems),
        entries=tuple(_entries(levels, problems)),
        others=tuple(top),
        problems=tuple(problems),
        place=transaction.place,
    )


_LEVELS = ("20", "21", "19", "22", "23")
_ROLES = ("PR", "41", "1P", "IL", "QC")


def _entries(levels: Sequence[Sequence[Segment]], problems: Problems) -> Iterator[ClaimStatusEntry]:
    chain: list[Party | None] = [None] * 5
    chains: dict[str, list[Party | None]] = {}  # by HL01
    for at, level in enumerate(levels):
        if level[0][3] not in _LEVELS:
            problems.add(level[0], 3, "HL03 is 20, 21, 19, 22 or 23")
            continue
        depth = _LEVELS.index(level[0][3])
        own, *blocks = loops(level, starts_with("TRN"))
        others: list[Segment] = []
        above = chains.get(level[0][2], chain)[:depth]  # a level without a known parent belongs to what it follows
        chain = [*above, _party(own, depth, problems, others), *[None] * (4 - depth)]
        chains[level[0][1]] = chain
        if not blocks and not _has_children(levels, at):
            blocks = [[Segment(level[0].number, ("TRN",)), *others]]
        for block in blocks:
            yield _entry(block, chain, problems)


def _has_children(levels: Sequence[Sequence[Segment]], at: int) -> bool:
    if at + 1 == len(levels) or levels[at + 1][0][3] not in _LEVELS:
        return False
    return _LEVELS.index(levels[at + 1][0][3]) > _LEVELS.index(levels[at][0][3])


def _party(level: Sequence[Segment], depth: int, problems: Problems, others: list[Segment]) -> Party:
    """A name with the DMG that stands before it."""
    named = [segment for segment in level[1:] if segment.elements[0] == "NM1"][:1]
    if not named:
        others += level[1:]
        return Party(role=_ROLES[depth])
    return read_party([*named, *(each for each in level[1:] if each is not named[0])], problems, others)


def _entry(segments: Sequence[Segment], chain: Sequence[Party | None], problems: Problems) -> ClaimStatusEntry:
    own, *lines = loops(segments, starts_with("SVC"))
    named: dict[str, str] = {}
    references: list[Reference] = []
    statuses: list[Status] = []
    others: list[Segment] = []
    charged: int | None = None
    service: Dated | None = None
    for segment in own[1:]:
        match segment.elements[0]:
            case "STC":
                statuses.append(read_status(segment, problems))
            case "REF" if segment[1] in ("EJ", "1K") and segment[1] not in named:
                named[segment[1]] = segment[2]
            case "REF":
                references.append(Reference(segment[1], segment[2]))
            case "AMT" if segment[1] == "T3" and charged is None:
                charged = problems.optional_cents(segment, 2)
            case "DTP" if segment[1] == "472" and service is None:
                service = read_dated(segment, problems)
            case _:
                others.append(segment)
    payer, receiver, provider, subscriber, dependent = chain
    return ClaimStatusEntry(
        payer=payer or Party(role="PR"),
        receiver=receiver,
        provider=provider,
        subscriber=subscriber,
        dependent=dependent,
        trace_number=segments[0][2],
        statuses=tuple(statuses),
        claim_id=named.get("EJ", ""),
        payer_control_number=named.get("1K", ""),
        references=tuple(references),
        charged_cents=charged,
        service=service,
        lines=tuple(read_status_line(line, problems) for line in lines),
        others=tuple(others),
        place=Place(segments[0].number, segments[-1].number),
    )


# Writing


def write_276(transactions: Sequence[ClaimStatusTransaction], dialect: Dialect = STANDARD) -> bytes:
    """One interchange with these questions, in upper case. Raises ValueError when their envelopes differ."""
    return _write(transactions, SegmentWriter(dialect), "276", REQUEST_FUNCTIONAL_ID, trace_type="1")


def write_277(transactions: Sequence[ClaimStatusTransaction], dialect: Dialect = STANDARD) -> bytes:
    """One interchange with these answers. Raises ValueError when their envelopes differ."""
    writer = SegmentWriter(dialect, is_upper_case=False)
    return _write(transactions, writer, "277", RESPONSE_FUNCTIONAL_ID, trace_type="2")


def _write(
    transactions: Sequence[ClaimStatusTransaction],
    writer: SegmentWriter,
    set_id: str,
    functional_id: str,
    *,
    trace_type: str,
) -> bytes:
    if not transactions or any(each.envelope != transactions[0].envelope for each in transactions):
        raise ValueError("the sets of one interchange share one envelope")
    sets = [
        write_set(writer, set_id, each.control_number, GUIDE, list(_body(writer, each, trace_type)))
        for each in transactions
    ]
    return write_interchange(writer, transactions[0].envelope, functional_id=functional_id, version=GUIDE, sets=sets)


def _body(writer: SegmentWriter, transaction: ClaimStatusTransaction, trace_type: str) -> Iterator[str]:
    yield write_beginning(writer, "0010", transaction.beginning)
    yield from map(writer.copy, transaction.others)
    steps: tuple[Step[ClaimStatusEntry], ...] = (
        Step("20", lambda each: each.payer, lambda each: _written_party(writer, each.payer)),
        Step("21", lambda each: each.receiver, lambda each: _written_party(writer, each.receiver)),
        Step("19", lambda each: each.provider, lambda each: _written_party(writer, each.provider)),
        Step("22", lambda each: each.subscriber, lambda each: _written_party(writer, each.subscriber)),
        Step("23", lambda each: each.dependent, lambda each: _written_party(writer, each.dependent)),
    )
    yield from write_levels(writer, transaction.entries, steps, lambda each: _written_entry(writer, each, trace_type))


def _written_party(writer: SegmentWriter, party: Party | None) -> Iterator[str]:
    if party is None:
        return
    if party.born_on or party.gender:
        yield writer.segment("DMG", "D8" if party.born_on else "", optional_day_text(party.born_on), party.gender)
    yield write_name(writer, party)
    for reference in party.references:
        yield writer.segment("REF", reference.qualifier, reference.value)
    for contact in party.contacts:
        yield write_contact(writer, contact)


def _written_entry(writer: SegmentWriter, entry: ClaimStatusEntry, trace_type: str) -> Iterator[str]:
    if entry.trace_number:
        yield writer.segment("TRN", trace_type, entry.trace_number)
    for status in entry.statuses:
        yield write_status(writer, status)
    for qualifier, value in (("1K", entry.payer_control_number), ("EJ", entry.claim_id)):
        if value:
            yield writer.segment("REF", qualifier, value)
    for reference in entry.references:
        yield writer.segment("REF", reference.qualifier, reference.value)
    if entry.charged_cents is not None:
        yield writer.segment("AMT", "T3", cents_text(entry.charged_cents))
    if entry.service:
        yield write_dated(writer, entry.service)
    yield from map(writer.copy, entry.others)
    for line in entry.lines:
        yield from write_status_line(writer, line)
