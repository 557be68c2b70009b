"""Which transaction sets does a file hold, from whom to whom, and do its counts and control numbers agree?

Source: ASC X12.5 / X12.6: ISA-IEA around GS-GE around ST-SE. IEA01 counts groups, GE01 counts sets, SE01 counts the
segments from ST to SE with both. A set is told apart by ST01 and the guide number in ST03 or GS08.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice

from msgspec import Struct

from shared.codecs.x12.control_segments import check_group_header, check_interchange_header, check_set_belongs
from shared.codecs.x12.problems import Problems, X12Error
from shared.codecs.x12.tokenizer import STANDARD, Limits, Segment, Source, read_blocks, read_segments

SEGMENTS_IN_SET_MAX = 2_000_000

_KINDS_BY_GUIDE: dict[str, tuple[str, ...]] = {
    "X222": ("837P",),
    "X223": ("837I",),
    "X224": ("837D",),
    "X221": ("835",),
    "X212": ("276", "277"),
    "X214": ("277CA",),
    "X279": ("270", "271"),
    "X217": ("278",),
    "X231": ("999",),
}


class Envelope(Struct, frozen=True, kw_only=True):
    """Who sends what to whom: the routing of one transaction set. X12 has no time zone; we write and read UTC."""

    sender_id: str  # ISA06
    receiver_id: str  # ISA08
    written_at: datetime  # ISA09 and ISA10, to the minute
    interchange_control_number: str  # ISA13, nine digits
    group_control_number: str  # GS06
    application_sender: str  # GS02
    application_receiver: str  # GS03
    sender_qualifier: str = "ZZ"  # ISA05
    receiver_qualifier: str = "ZZ"  # ISA07
    usage: str = "P"  # ISA15: P production, T test
    is_acknowledgement_requested: bool = False  # ISA14: a TA1 is asked for


class Place(Struct, frozen=True, eq=False, gc=False):
    """Where in its file something was found. Never part of what it says: any two places are equal."""

    first_segment: int = 0
    last_segment: int = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Place)

    def __hash__(self) -> int:
        return 0


NOWHERE = Place()


class TransactionSet(Struct, frozen=True, kw_only=True):
    """One ST to SE, whole, with its envelope."""

    kind: str  # 837P 837I 837D 835 270 271 276 277 277CA 278 999, otherwise ST01
    envelope: Envelope
    set_id: str  # ST01
    control_number: str  # ST02
    guide: str  # GS08, or ST03 where GS08 names no guide
    segments: tuple[Segment, ...]  # ST to SE
    problems: tuple[X12Error, ...] = ()

    @property
    def place(self) -> Place:
        return Place(self.segments[0].number, self.segments[-1].number)

    @property
    def body(self) -> tuple[Segment, ...]:
        """What stands between ST and SE."""
        end = -1 if self.segments[-1].id == "SE" else None
        return self.segments[1:end]

    @property
    def raw(self) -> bytes:
        """The bytes from ST to the terminator of SE, without decoration between segments."""
        terminator = self.segments[0].dialect.terminator.encode("latin-1")
        return b"".join(segment.raw + terminator for segment in self.segments)


class SetHeader(Struct, frozen=True, kw_only=True):
    """What is known of a transaction set when its ST has been read."""

    kind: str
    envelope: Envelope
    set_id: str
    control_number: str
    guide: str
    opening: Segment  # ST


def kind_of(set_id: str, guide: str) -> str:
    """The name of a set, by guide number where sets share an ST01, whatever the addendum suffix."""
    for number, kinds in _KINDS_BY_GUIDE.items():
        if number in guide:
            return next((kind for kind in kinds if kind.startswith(set_id)), set_id)
    return set_id


def guide_of(opening: Segment, group: Segment | None) -> str:
    """GS08 routes, unless it names no guide: then ST03."""
    version = group[8] if group else ""
    return version if "X" in version else opening[3] or version


def sniff(data: bytes) -> str | None:
    """Which set a file holds (its first), or TA1, or None when it is no X12. Reads only the beginning."""
    group: Segment | None = None
    for segment in islice(read_segments(data[: 64 * 1024]), 50):
        match segment.id:
            case "GS":
                group = segment
            case "TA1":
                return "TA1"
            case "ST":
                return kind_of(segment[1], guide_of(segment, group))
    return None


def holds_interchange(beginning: bytes) -> bool:
    """Whether an interchange begins in the beginning of a file: otherwise it is no X12."""
    return next(read_segments(beginning), None) is not None


def read_transactions(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[TransactionSet]:
    """Every transaction set, one at a time in memory. Problems of the file go to `problems`, and a set's own are
    also in the set."""
    noted = problems if problems is not None else Problems()
    header: SetHeader | None = None
    segments: list[Segment] = []
    start = 0
    for opened, run in walk(source, noted, limits):
        if opened is not header:
            if header:
                yield _whole(header, segments, noted[start:])
            header, segments, start = opened, [], len(noted)
        if len(segments) < SEGMENTS_IN_SET_MAX:
            segments += run
        else:
            noted.add(run[0], 0, "a transaction set is not longer than the limit", found="")
        if run[-1].id == "SE":
            yield _whole(opened, segments, noted[start:])
            header, start = None, len(noted)
    if header:
        yield _whole(header, segments, noted[start:])


def _whole(header: SetHeader, segments: list[Segment], problems: list[X12Error]) -> TransactionSet:
    return TransactionSet(
        kind=header.kind,
        envelope=header.envelope,
        set_id=header.set_id,
        control_number=header.control_number,
        guide=header.guide,
        segments=tuple(segments),
        problems=tuple(problems),
    )


def walk(
    source: Source,
    problems: Problems,
    limits: Limits | None = None,
    acknowledgements: list[Segment] | None = None,
) -> Iterator[tuple[SetHeader, list[Segment]]]:
    """The segments of every set from ST to SE in runs, each with the header of its set, in bounded memory.

    A run begins with ST or lies inside, and one that ends the set is SE alone. Counts and control numbers are checked
    on the way, and a problem is noted before the run that comes after it. TA1 segments go to `acknowledgements`."""
    walker = _Walker(problems, acknowledgements if acknowledgements is not None else [])
    for block in read_blocks(source, walker.unsettled, limits):
        start = 0
        for at in [at for at, segment in enumerate(block) if segment.elements[0] in _ENVELOPE_IDS]:
            yield from walker.inside(block[start:at])
            walker.settle(block[at].number)
            yield from walker.take(block[at])
            start = at + 1
        yield from walker.inside(block[start:])
    walker.finish()


_ENVELOPE_IDS = frozenset(("ISA", "IEA", "GS", "GE", "ST", "SE", "TA1"))
_NO_SEGMENT = Segment(0, ("",), STANDARD)


class _Walker:
    """What is open, what was counted, which control numbers were used."""

    def __init__(self, problems: Problems, acknowledgements: list[Segment]) -> None:
        self.problems = problems
        self.acknowledgements = acknowledgements
        self.unsettled = Problems()  # of the tokenizer, which reads ahead
        self.header: SetHeader | None = None
        self.segments = 0
        self.interchange: Segment | None = None
        self.group: Segment | None = None
        self.groups = 0
        self.sets = 0
        self.interchange_numbers: set[str] = set()
        self.group_numbers: set[str] = set()
        self.set_numbers: set[str] = set()

    def settle(self, number: int | None) -> None:
        """The tokenizer's problems up to this segment take their place among the others."""
        if self.unsettled:
            ready = [each for each in self.unsettled if number is None or each.segment <= number]
            self.problems.extend(ready)
            self.unsettled[:] = self.unsettled[len(ready) :]

    def inside(self, run: list[Segment]) -> Iterator[tuple[SetHeader, list[Segment]]]:
        """Segments that are no part of an envelope."""
        if self.header is None:
            for segment in run:
                self.stray(segment)
        elif run:
            self.segments += len(run)
            yield self.header, run

    def take(self, segment: Segment) -> Iterator[tuple[SetHeader, list[Segment]]]:
        """A segment of an envelope."""
        match segment.elements[0]:
            case "ST":
                self.unclosed_set()
                self.header, self.segments = self.open_set(segment), 1
                yield self.header, [segment]
            case "SE":
                header, self.header = self.header, None
                if header is None:
                    self.stray(segment)
                    return
                self.close_set(header, segment, self.segments + 1)
                yield header, [segment]
            case "TA1":
                self.acknowledgements.append(segment)
            case _:
                self.unclosed_set()
                self.around_sets(segment)

    def unclosed_set(self) -> None:
        if self.header is not None:
            rule = "a transaction set ends with SE"
            self.problems.add(self.header.opening, 0, rule, found=self.header.control_number)
            self.header = None

    def around_sets(self, segment: Segment) -> None:
        match segment.id:
            case "ISA":
                self._open_interchange(segment)
            case "GS":
                self._open_group(segment)
            case "GE":
                self._close_group(segment)
            case "IEA":
                self._close_interchange(segment)

    def stray(self, segment: Segment) -> None:
        self.problems.add(segment, 0, "a segment stands between ST and SE", found=segment.id[:3])

    def open_set(self, segment: Segment) -> SetHeader:
        if self.group is None:
            self.problems.add(segment, 0, "a transaction set stands in a group")
        else:
            check_set_belongs(segment, self.group, self.problems)
        self.sets += 1
        self._unique(segment, 2, self.set_numbers, "ST02 is unique in its group")
        version = self.group[8] if self.group else ""
        guide = guide_of(segment, self.group)
        self._check_guide(segment, version)
        return SetHeader(
            kind=kind_of(segment[1], guide),
            envelope=envelope_of(self.interchange or _NO_SEGMENT, self.group or _NO_SEGMENT, self.problems),
            set_id=segment[1],
            control_number=segment[2],
            guide=guide,
            opening=segment,
        )

    def close_set(self, header: SetHeader, segment: Segment, count: int) -> None:
        self._same(segment, 2, header.control_number, "SE02 repeats ST02")
        self._counts(segment, 1, count, "SE01 counts the segments from ST to SE")

    def finish(self) -> None:
        self.settle(None)
        self.unclosed_set()
        self.unclosed_envelope()

    def unclosed_envelope(self) -> None:
        if self.group is not None:
            self.problems.add(self.group, 0, "a group ends with GE", found=self.group[6])
        if self.interchange is not None:
            self.problems.add(self.interchange, 0, "an interchange ends with IEA", found=self.interchange[13])

    def _open_interchange(self, segment: Segment) -> None:
        self.unclosed_envelope()
        self.interchange, self.group, self.groups = segment, None, 0
        self.group_numbers.clear()
        self._unique(segment, 13, self.interchange_numbers, "ISA13 is unique in the file")
        check_interchange_header(segment, self.problems)
        if len(segment[13]) != 9 or not segment[13].isdigit():
            self.problems.add(segment, 13, "ISA13 has nine digits", severity="warning")

    def _open_group(self, segment: Segment) -> None:
        if self.group is not None:
            self.problems.add(self.group, 0, "a group ends with GE", found=self.group[6])
        if self.interchange is None:
            self.problems.add(segment, 0, "a group stands in an interchange", found="")
        self.group, self.sets = segment, 0
        self.groups += 1
        self.set_numbers.clear()
        self._unique(segment, 6, self.group_numbers, "GS06 is unique in its interchange")
        check_group_header(segment, self.problems)

    def _close_group(self, segment: Segment) -> None:
        if self.group is None:
            self.problems.add(segment, 0, "GE closes an open group", found="")
            return
        self._same(segment, 2, self.group[6], "GE02 repeats GS06")
        self._counts(segment, 1, self.sets, "GE01 counts the sets of the group")
        self.group = None

    def _close_interchange(self, segment: Segment) -> None:
        if self.group is not None:
            self.problems.add(self.group, 0, "a group ends with GE", found=self.group[6])
            self.group = None
        if self.interchange is None:
            self.problems.add(segment, 0, "IEA closes an open interchange", found="")
            return
        self._same(segment, 2, self.interchange[13], "IEA02 repeats ISA13")
        self._counts(segment, 1, self.groups, "IEA01 counts the groups of the interchange")
        self.interchange = None

    def _same(self, segment: Segment, index: int, expected: str, rule: str) -> None:
        if segment[index] != expected:
            self.problems.add(segment, index, rule, expected=expected)

    def _counts(self, segment: Segment, index: int, expected: int, rule: str) -> None:
        text = segment[index]
        if not (text.isdigit() and text.isascii() and len(text) <= 10 and int(text) == expected):
            self.problems.add(segment, index, rule, expected=str(expected))

    def _unique(self, segment: Segment, index: int, used: set[str], rule: str) -> None:
        if segment[index] in used:
            self.problems.add(segment, index, rule)
        used.add(segment[index])

    def _check_guide(self, segment: Segment, version: str) -> None:
        if segment[3] and version and segment[3][:10] != version[:10]:
            rule = "ST03 and GS08 name the same guide"
            self.problems.add(segment, 3, rule, expected=version, severity="warning")


def envelope_of(isa: Segment, gs: Segment, problems: Problems) -> Envelope:
    """The routing that ISA and GS say."""
    return Envelope(
        sender_qualifier=isa[5],
        sender_id=isa[6],
        receiver_qualifier=isa[7],
        receiver_id=isa[8],
        written_at=_written_at(isa, problems),
        interchange_control_number=isa[13],
        is_acknowledgement_requested=isa[14] == "1",
        usage=isa[15],
        application_sender=gs[2],
        application_receiver=gs[3],
        group_control_number=gs[6],
    )


def _written_at(isa: Segment, problems: Problems) -> datetime:
    text = isa[9] + isa[10]
    try:
        if len(text) == 10 and text.isdigit():
            return datetime.strptime(f"20{text}", "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        pass
    if isa.number:
        problems.add(isa, 9, "ISA09 is YYMMDD and ISA10 is HHMM", severity="warning")
    return datetime(1970, 1, 1, tzinfo=UTC)
