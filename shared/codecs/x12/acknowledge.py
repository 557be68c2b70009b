"""How do we answer a file that came in: TA1 for each interchange, 999 for each group?

Source: ASC X12N 005010X231A1 (999) and ASC X12.5 (TA1). Built from what the check finds: IK3 and IK4 name the place, IK5
and AK9 the verdict. Warnings reject nothing. A 999 is never answered with a 999.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from shared.codecs.x12.acknowledgement_999 import (
    Context,
    ElementError,
    GroupAcknowledgement,
    SegmentError,
    SetResponse,
)
from shared.codecs.x12.acknowledgement_ta1 import InterchangeAcknowledgement
from shared.codecs.x12.check import problems_of
from shared.codecs.x12.envelope import Envelope, envelope_of
from shared.codecs.x12.problems import WITHHELD, Problems, Severity, X12Error
from shared.codecs.x12.tokenizer import Limits, Segment, Source, read_segments

# IK502: the trailer and the numbers of a set
_SET_CODES = {
    "a transaction set ends with SE": "2",
    "SE02 repeats ST02": "3",
    "SE01 counts the segments from ST to SE": "4",
    "ST01 names a set of its group": "6",
    "ST02 is unique in its group": "23",
}
# AK905
_GROUP_CODES = {
    "GS01 fits the sets of the group": "1",
    "GS08 names a version that we know": "2",
    "a group ends with GE": "3",
    "GE02 repeats GS06": "4",
    "GE01 counts the sets of the group": "5",
    "GS06 has 1 to 9 digits": "6",
}
# TA105, in the order in which they are told
_INTERCHANGE_NOTES = {
    "ISA13 is unique in the file": "025",
    "an interchange ends with IEA": "023",
    "IEA02 repeats ISA13": "001",
    "IEA01 counts the groups of the interchange": "021",
}
_ISA_NOTES = {
    "ISA01": "010",
    "ISA03": "012",
    "ISA05": "005",
    "ISA07": "007",
    "ISA09": "014",
    "ISA12": "017",
    "ISA13": "018",
    "ISA14": "019",
    "ISA15": "020",
}
_SEGMENT_HAS_ELEMENT_ERRORS, _DEPENDENT_SEGMENT_MISSING, _PATTERN = "8", "I6", "I12"
_SEGMENTS_IN_ERROR, _ERRORS_MAX = "5", 1_000
_LOOP_LENGTH_MAX = 4  # of data element 447: 2010AA is told as 2010


class Answers(Struct, frozen=True, kw_only=True):
    """What goes back to the sender."""

    interchanges: tuple[InterchangeAcknowledgement, ...]
    groups: tuple[GroupAcknowledgement, ...]


class _Set(Struct, kw_only=True):
    opening: Segment
    last_number: int = 0
    ids: list[str] = []
    references: dict[int, Context] = {}


class _Group(Struct, kw_only=True):
    opening: Segment
    sets: list[_Set] = []
    included: str = ""


class _Interchange(Struct, kw_only=True):
    opening: Segment
    groups: list[_Group] = []
    last_number: int = 0


def reply_envelope(sent: Envelope, *, written_at: datetime, number: int) -> Envelope:
    """The way back: sender and receiver change places. `number` is of our interchange, never used before.

    What does not fit into ISA, since the file that came was damaged, is cut: an answer can always be written."""
    return replace(
        sent,
        sender_id=_fitting(sent.receiver_id, 15),
        receiver_id=_fitting(sent.sender_id, 15),
        sender_qualifier=_fitting(sent.receiver_qualifier, 2),
        receiver_qualifier=_fitting(sent.sender_qualifier, 2),
        application_sender=_fitting(sent.application_receiver, 15),
        application_receiver=_fitting(sent.application_sender, 15),
        usage=_fitting(sent.usage, 1),
        written_at=written_at,
        interchange_control_number=f"{number % 1_000_000_000:09d}",
        group_control_number=str(number % 1_000_000_000),
        is_acknowledgement_requested=False,
    )


def _fitting(text: str, length: int) -> str:
    """ASCII before it is cut: a letter that is folded may become two."""
    return text.encode("ascii", "replace").decode("ascii")[:length]


def _number(text: str) -> str:
    """A control number as AK102 may hold it. What is none is told as 0, and AK905 says why."""
    return text if text.isdigit() and text.isascii() and len(text) <= 9 else "0"


def answers_to(
    source: bytes,
    *,
    written_at: datetime,
    number: int,
    allow: tuple[str, ...] = (),
    npi: Severity = "warning",
    limits: Limits | None = None,
    problems: Sequence[X12Error] | None = None,
) -> Answers:
    """The TA1 of every interchange of a file and the 999 of every group, each in an envelope of its own number from
    `number` on. `problems` are those of this file, when it has been checked already."""
    if problems is None:
        problems = problems_of(source, allow=allow, npi=npi, limits=limits)
    errors = [each for each in problems if each.severity == "error"]
    interchanges: list[InterchangeAcknowledgement] = []
    groups: list[GroupAcknowledgement] = []
    for interchange in _interchanges(source, limits):
        nothing = Segment(0, ("GS",))
        envelope = envelope_of(interchange.opening, nothing, Problems())
        first, last = interchange.opening.number, interchange.last_number
        within = [each for each in errors if first <= each.segment <= last]
        reply = reply_envelope(envelope, written_at=written_at, number=number)
        interchanges.append(_interchange_answer(envelope, reply, within))
        for group in interchange.groups:
            if group.opening[1] == "FA":
                continue
            number += 1
            of_group = envelope_of(interchange.opening, group.opening, Problems())
            reply = reply_envelope(of_group, written_at=written_at, number=number)
            groups.append(_group_answer(group, reply, within))
        number += 1
    return Answers(interchanges=tuple(interchanges), groups=tuple(groups))


def _interchanges(source: Source, limits: Limits | None) -> Iterator[_Interchange]:
    """What is acknowledged: sets in groups in interchanges, with the ids of their segments."""
    interchange: _Interchange | None = None
    for segment in read_segments(source, None, limits):
        name = segment.elements[0]
        if name == "ISA":
            if interchange:
                yield interchange
            interchange = _Interchange(opening=segment)
        elif interchange is None:
            continue
        elif name == "GS":
            interchange.groups.append(_Group(opening=segment))
        elif name == "GE" and interchange.groups:
            interchange.groups[-1].included = segment[1]
        elif name == "ST" and interchange.groups:
            interchange.groups[-1].sets.append(_Set(opening=segment))
        if interchange.groups and interchange.groups[-1].sets and name not in ("GE", "IEA"):
            _note(interchange.groups[-1].sets[-1], segment)
        interchange.last_number = segment.number
    if interchange:
        yield interchange


def _note(opened: _Set, segment: Segment) -> None:
    opened.last_number = segment.number
    opened.ids.append(segment.id)
    if segment.elements[0] == "CLM":  # a business unit, which ties an error to a claim
        opened.references[segment.number] = Context(name="CLM01", value=segment[1])


def _interchange_answer(sent: Envelope, reply: Envelope, errors: Sequence[X12Error]) -> InterchangeAcknowledgement:
    rules = {each.rule for each in errors}
    note = next((note for rule, note in _INTERCHANGE_NOTES.items() if rule in rules), "")
    of_header = next((_ISA_NOTES[each.element] for each in errors if each.element in _ISA_NOTES), "")
    note = note or of_header or "000"
    return InterchangeAcknowledgement(
        envelope=reply,
        interchange_control_number=sent.interchange_control_number,
        written_at=sent.written_at,
        status="A" if note == "000" else "R",
        note=note,
    )


def _group_answer(group: _Group, reply: Envelope, errors: Sequence[X12Error]) -> GroupAcknowledgement:
    responses = tuple(_set_answer(each, errors) for each in group.sets)
    accepted = sum(response.is_accepted for response in responses)
    first = group.opening.number
    last = max((each.last_number for each in group.sets), default=first) + 1  # GE
    of_group = [each.rule for each in errors if first <= each.segment <= last]
    codes = tuple(dict.fromkeys(_GROUP_CODES[rule] for rule in of_group if rule in _GROUP_CODES))[:5]
    if codes and accepted == len(responses):
        status = "R"
        accepted = 0
    else:
        status = "A" if accepted == len(responses) else "P" if accepted else "R"
    return GroupAcknowledgement(
        envelope=reply,
        control_number="0001",
        functional_id=_fitting(group.opening[1], 2),
        group_control_number=_number(group.opening[6]),
        version=_fitting(group.opening[8], 12),
        sets=responses,
        status=status,
        sets_included=group.included if group.included.isdigit() else str(len(responses)),
        sets_received=str(len(responses)),
        sets_accepted=str(accepted),
        codes=codes,
    )


def _set_answer(opened: _Set, errors: Sequence[X12Error]) -> SetResponse:
    first, last = opened.opening.number, opened.last_number
    within = [each for each in errors if first <= each.segment <= last]
    codes = [_SET_CODES[each.rule] for each in within if each.rule in _SET_CODES]
    inside = [each for each in within if each.rule not in _SET_CODES]
    if inside:
        codes.append(_SEGMENTS_IN_ERROR)
    return SetResponse(
        set_id=_fitting(opened.opening[1], 3),  # what is too long is told by its own IK4
        control_number=_fitting(opened.opening[2], 9),
        guide=_fitting(opened.opening[3], 35),
        errors=tuple(_segment_errors(opened, inside[:_ERRORS_MAX])),
        status="R" if within else "A",
        codes=tuple(dict.fromkeys(codes))[:5],
    )


def _segment_errors(opened: _Set, errors: Sequence[X12Error]) -> Iterator[SegmentError]:
    """One IK3 for each segment error, and one that gathers the element errors of a segment."""
    of_elements: dict[int, list[X12Error]] = {}
    first = opened.opening.number
    for error in errors:
        if len(error.element) > 3 and _place(error):
            of_elements.setdefault(error.segment, []).append(error)
            continue
        is_missing = error.segment_code == "3"
        yield SegmentError(
            segment_id=error.element[:3] or "ST",
            position=str(error.segment - first + 1 + is_missing),
            loop=error.loop[:_LOOP_LENGTH_MAX],
            code=error.segment_code or _DEPENDENT_SEGMENT_MISSING,
            contexts=_contexts(opened, error.segment),
        )
    for number, found in of_elements.items():
        yield SegmentError(
            segment_id=opened.ids[number - first] if number - first < len(opened.ids) else found[0].element[:3],
            position=str(number - first + 1),
            loop=found[0].loop[:_LOOP_LENGTH_MAX],
            code=_SEGMENT_HAS_ELEMENT_ERRORS,
            contexts=_contexts(opened, number),
            elements=tuple(_element_error(each) for each in found),
        )


def _place(error: X12Error) -> tuple[str, ...]:
    """`CLM05-1` is element 5, component 1; empty when the error names a whole segment."""
    digits = error.element.partition("-")[0][-2:]
    if not digits.isdigit():
        return ()
    component = error.element.partition("-")[2]
    return (str(int(digits)), component) if component else (str(int(digits)),)


def _element_error(error: X12Error) -> ElementError:
    found = "" if error.found == WITHHELD else error.found
    return ElementError(
        position=_place(error),
        element_number=error.reference,
        code=error.element_code or _PATTERN,
        bad_value=found if error.element_code != "1" else "",
    )


def _contexts(opened: _Set, number: int) -> tuple[Context, ...]:
    before = [at for at in opened.references if at <= number]
    return (opened.references[max(before)],) if before else ()
