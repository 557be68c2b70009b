"""Which transaction sets of a group could the receiver read, and what was wrong with the others?

Source: ASC X12N 005010X231A1 (999). One GroupAcknowledgement for each ST. Accepted means well formed, no more: it says
nothing about the claims inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from shared.codecs.x12.envelope import NOWHERE, Envelope, Place, TransactionSet, read_transactions
from shared.codecs.x12.problems import Problems, X12Error
from shared.codecs.x12.tokenizer import STANDARD, Dialect, Limits, Segment, Source
from shared.codecs.x12.writer import SegmentWriter, write_interchange, write_set

GUIDE = "005010X231A1"
FUNCTIONAL_ID = "FA"


class Context(Struct, frozen=True, kw_only=True):
    """CTX: which business unit (`CLM01`, value) or which trigger an error belongs to."""

    name: str  # CTX01-1: CLM01, TRN02, SITUATIONAL TRIGGER ...
    value: str = ""  # CTX01-2: may be a person's number when the name ends in NM109
    segment_id: str = ""  # CTX02
    position: str = ""  # CTX03
    loop: str = ""  # CTX04
    element: tuple[str, ...] = ()  # CTX05: element, component, repeat
    reference: tuple[str, ...] = ()  # CTX06


class ElementError(Struct, frozen=True, kw_only=True):
    """IK4."""

    position: tuple[str, ...]  # IK401: element, component, repeat
    element_number: str = ""  # IK402
    code: str  # IK403
    bad_value: str = ""  # IK404: may be personal data
    contexts: tuple[Context, ...] = ()


class SegmentError(Struct, frozen=True, kw_only=True):
    """IK3."""

    segment_id: str  # IK301
    position: str  # IK302: counted from ST = 1
    loop: str = ""  # IK303
    code: str = ""  # IK304
    contexts: tuple[Context, ...] = ()
    elements: tuple[ElementError, ...] = ()


class SetResponse(Struct, frozen=True, kw_only=True):
    """AK2 to IK5: the answer to one transaction set."""

    set_id: str  # AK201
    control_number: str  # AK202
    guide: str = ""  # AK203
    errors: tuple[SegmentError, ...] = ()
    status: str  # IK501: A accepted, E accepted with errors, R M W X rejected
    codes: tuple[str, ...] = ()  # IK502 to IK506

    @property
    def is_accepted(self) -> bool:
        return self.status in ("A", "E")


class GroupAcknowledgement(Struct, frozen=True, kw_only=True):
    """One ST to SE of a 999: the answer to one functional group."""

    envelope: Envelope
    control_number: str  # ST02
    functional_id: str  # AK101 = GS01 of the group
    group_control_number: str  # AK102 = GS06 of the group
    version: str = ""  # AK103 = GS08 of the group
    sets: tuple[SetResponse, ...] = ()  # a fully accepted group may list none
    status: str  # AK901: A, E, P partially accepted, R M W X rejected
    sets_included: str = ""  # AK902
    sets_received: str = ""  # AK903
    sets_accepted: str = ""  # AK904
    codes: tuple[str, ...] = ()  # AK905 to AK909
    others: tuple[Segment, ...] = ()
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE

    @property
    def is_accepted(self) -> bool:
        """The whole group: nothing in it must be sent again."""
        return self.status in ("A", "E")


def read_999(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[GroupAcknowledgement]:
    """Every 999 of a file. Other transaction sets are passed over."""
    noted = problems if problems is not None else Problems()
    for transaction in read_transactions(source, noted, limits):
        if transaction.kind == "999":
            acknowledgement = group_acknowledgement_of(transaction)
            noted.extend(acknowledgement.problems[len(transaction.problems) :])
            yield acknowledgement


def group_acknowledgement_of(transaction: TransactionSet) -> GroupAcknowledgement:
    """The 999 in a transaction set that has been read already."""
    problems = Problems(transaction.problems)
    reader = _Reader(problems)
    for segment in transaction.body:
        reader.take(segment)
    reader.close_set(None)
    opening = transaction.segments[0]
    nothing = Segment(opening.number, ("",))
    for required in ("AK1", "AK9"):
        if required not in reader.found:
            problems.add(opening, 0, f"a 999 has {required}", found="")
    ak1, ak9 = reader.found.get("AK1", nothing), reader.found.get("AK9", nothing)
    return GroupAcknowledgement(
        envelope=transaction.envelope,
        control_number=transaction.control_number,
        functional_id=ak1[1],
        group_control_number=ak1[2],
        version=ak1[3],
        sets=tuple(reader.sets),
        status=ak9[1],
        sets_included=ak9[2],
        sets_received=ak9[3],
        sets_accepted=ak9[4],
        codes=_codes(ak9, 5, 10),
        others=tuple(reader.others),
        problems=tuple(problems),
        place=transaction.place,
    )


class _Reader:
    """What is open: a set (AK2), a segment error (IK3), an element error (IK4)."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.found: dict[str, Segment] = {}
        self.sets: list[SetResponse] = []
        self.others: list[Segment] = []
        self.opening: Segment | None = None
        self.errors: list[list[list[Segment]]] = []  # of segments: IK3 and its CTX, then each IK4 and its CTX

    def take(self, segment: Segment) -> None:
        name = segment.elements[0]
        if name in ("AK3", "AK4", "AK5"):
            self.problems.add(segment, 0, "a 999 uses IK3 IK4 IK5 where a 997 uses AK3 AK4 AK5", severity="warning")
            name = "I" + name[1:]
        match name:
            case "AK1" | "AK9":
                self.found[name] = segment
            case "AK2":
                self.close_set(None)
                self.opening = segment
            case "IK3" if self.opening:
                self.errors.append([[segment]])
            case "IK4" if self.errors:
                self.errors[-1].append([segment])
            case "CTX" if self.errors:
                self.errors[-1][-1].append(segment)
            case "IK5" if self.opening:
                self.close_set(segment)
            case _:
                self.others.append(segment)

    def close_set(self, closing: Segment | None) -> None:
        opening, self.opening = self.opening, None
        errors, self.errors = self.errors, []
        if opening is None:
            return
        if closing is None:
            self.problems.add(opening, 0, "AK2 is answered by IK5", found=opening[2])
        self.sets.append(
            SetResponse(
                set_id=opening[1],
                control_number=opening[2],
                guide=opening[3],
                errors=tuple(_segment_error(each) for each in errors),
                status=closing[1] if closing else "",
                codes=_codes(closing, 2, 7) if closing else (),
            )
        )


def _segment_error(blocks: Sequence[Sequence[Segment]]) -> SegmentError:
    ik3, *contexts = blocks[0]
    return SegmentError(
        segment_id=ik3[1],
        position=ik3[2],
        loop=ik3[3],
        code=ik3[4],
        contexts=tuple(_context(each) for each in contexts),
        elements=tuple(_element_error(each) for each in blocks[1:]),
    )


def _element_error(block: Sequence[Segment]) -> ElementError:
    ik4, *contexts = block
    return ElementError(
        position=ik4.components(1),
        element_number=ik4[2],
        code=ik4[3],
        bad_value=ik4[4],
        contexts=tuple(_context(each) for each in contexts),
    )


def _context(segment: Segment) -> Context:
    name, value = (*segment.components(1), "", "")[:2]
    return Context(
        name=name,
        value=value,
        segment_id=segment[2],
        position=segment[3],
        loop=segment[4],
        element=segment.components(5),
        reference=segment.components(6),
    )


def _codes(segment: Segment, start: int, end: int) -> tuple[str, ...]:
    return tuple(code for code in (segment[index] for index in range(start, end)) if code)


def write_999(acknowledgements: Sequence[GroupAcknowledgement], dialect: Dialect = STANDARD) -> bytes:
    """One interchange with these acknowledgements. Raises ValueError when their envelopes differ or there is none."""
    if not acknowledgements or any(each.envelope != acknowledgements[0].envelope for each in acknowledgements):
        raise ValueError("the acknowledgements of one interchange share one envelope")
    writer = SegmentWriter(dialect, is_upper_case=False)
    sets = (
        write_set(writer, "999", each.control_number, GUIDE, list(_body(writer, each))) for each in acknowledgements
    )
    envelope = acknowledgements[0].envelope
    return write_interchange(writer, envelope, functional_id=FUNCTIONAL_ID, version=GUIDE, sets=sets)


def _body(writer: SegmentWriter, ack: GroupAcknowledgement) -> Iterator[str]:
    yield writer.segment("AK1", ack.functional_id, ack.group_control_number, ack.version)
    for response in ack.sets:
        yield writer.segment("AK2", response.set_id, response.control_number, response.guide)
        for error in response.errors:
            yield from _written_error(writer, error)
        yield writer.segment("IK5", response.status, *response.codes)
    yield from map(writer.copy, ack.others)
    yield writer.segment("AK9", ack.status, ack.sets_included, ack.sets_received, ack.sets_accepted, *ack.codes)


def _written_error(writer: SegmentWriter, error: SegmentError) -> Iterator[str]:
    yield writer.segment("IK3", error.segment_id, error.position, error.loop, error.code)
    for context in error.contexts:
        yield _written_context(writer, context)
    for element in error.elements:
        yield writer.segment("IK4", element.position, element.element_number, element.code, element.bad_value)
        for context in element.contexts:
            yield _written_context(writer, context)


def _written_context(writer: SegmentWriter, context: Context) -> str:
    return writer.segment(
        "CTX",
        (context.name, context.value),
        context.segment_id,
        context.position,
        context.loop,
        context.element,
        context.reference,
    )
