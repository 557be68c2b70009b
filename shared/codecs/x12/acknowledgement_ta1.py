"""Did the receiver take the interchange as a whole?

Source: ASC X12.5, TA1: a segment between ISA and IEA, outside of any group. R means that nothing in the interchange
was read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from msgspec import Struct

from shared.codecs.x12.envelope import NOWHERE, Envelope, Place, envelope_of
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import STANDARD, Dialect, Limits, Segment, Source, read_segments
from shared.codecs.x12.writer import SegmentWriter, close_interchange


class InterchangeAcknowledgement(Struct, frozen=True, kw_only=True):
    """TA1."""

    envelope: Envelope  # of the answer; it has no group
    interchange_control_number: str  # TA101 = ISA13 of what is acknowledged
    written_at: datetime  # TA102 and TA103 = ISA09 and ISA10 of what is acknowledged
    status: str  # TA104: A accepted, E accepted with errors, R rejected
    note: str = "000"  # TA105: 000 none, 025 duplicate control number ...
    place: Place = NOWHERE

    @property
    def is_accepted(self) -> bool:
        return self.status in ("A", "E")


def read_ta1(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[InterchangeAcknowledgement]:
    """Every TA1 of a file, whatever else is in it."""
    noted = problems if problems is not None else Problems()
    header = Segment(0, ("",))
    for segment in read_segments(source, noted, limits):
        if segment.elements[0] == "ISA":
            header = segment
        elif segment.elements[0] == "TA1":
            yield InterchangeAcknowledgement(
                envelope=envelope_of(header, Segment(0, ("",)), noted),
                interchange_control_number=segment[1],
                written_at=_written_at(segment, noted),
                status=segment[4],
                note=segment[5],
                place=Place(segment.number, segment.number),
            )


def _written_at(segment: Segment, problems: Problems) -> datetime:
    text = segment[2] + segment[3]
    try:
        if len(text) == 10 and text.isdigit():
            return datetime.strptime(f"20{text}", "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        pass
    problems.add(segment, 2, "TA102 is YYMMDD and TA103 is HHMM")
    return datetime(1970, 1, 1, tzinfo=UTC)


def write_ta1(acknowledgements: Sequence[InterchangeAcknowledgement], dialect: Dialect = STANDARD) -> bytes:
    """One interchange with these acknowledgements and no group. Raises ValueError when their envelopes differ."""
    if not acknowledgements or any(each.envelope != acknowledgements[0].envelope for each in acknowledgements):
        raise ValueError("the acknowledgements of one interchange share one envelope")
    writer = SegmentWriter(dialect)
    inside = [
        writer.segment(
            "TA1",
            each.interchange_control_number,
            f"{each.written_at:%y%m%d}",
            f"{each.written_at:%H%M}",
            each.status,
            each.note,
        )
        for each in acknowledgements
    ]
    return close_interchange(writer, acknowledgements[0].envelope, inside, groups=0)
