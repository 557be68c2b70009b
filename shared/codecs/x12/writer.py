"""How is an interchange written so that every receiver can read it?

Source: ASC X12.5 / X12.6. There is no escape mechanism: a delimiter inside data is replaced by a space. Data is folded
to the extended character set, in upper case unless the caller keeps the case. Trailing empty elements are dropped and
counts are computed; control numbers come from the caller, who must never use one twice.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from shared.codecs.x12.envelope import Envelope
from shared.codecs.x12.tokenizer import STANDARD, Dialect, Segment

Value: TypeAlias = str | tuple[str, ...] | list[str]  # an element; a composite; repetitions

_UPPER = " !\"&'()*+,-./:;?=%@[]_{}\\|<>~^#$`ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_EXTENDED = _UPPER + "abcdefghijklmnopqrstuvwxyz"
_LETTERS_WITHOUT_DECOMPOSITION = str.maketrans(
    {"ß": "SS", "ø": "o", "Ø": "O", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"}
    | {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "ð": "d", "Ð": "D", "þ": "th", "Þ": "TH"}
)

_WRITTEN_MAX = 10_000


class SegmentWriter:
    """Writes segments in one dialect and one character set."""

    def __init__(self, dialect: Dialect = STANDARD, *, is_upper_case: bool = True) -> None:
        self.dialect = dialect
        self.is_upper_case = is_upper_case
        delimiters = {dialect.element, dialect.component, dialect.repetition, dialect.terminator}
        self._allowed = frozenset(_UPPER if is_upper_case else _EXTENDED) - delimiters
        self._allowed_bytes = "".join(self._allowed).encode("ascii")
        self._allowed_in_segment = self._allowed_bytes + dialect.element.encode("ascii")
        self._written: dict[str | tuple[str, ...], str] = {}
        self._blank_before, self._blank_after = f" {dialect.element}", f"{dialect.element} "

    def segment(self, name: str, *values: Value) -> str:
        """One segment without its terminator; trailing empty elements and components are dropped."""
        separator = self.dialect.element
        for value in values:
            if type(value) is not str:
                break
        else:
            text = separator.join((name, *values))  # type: ignore[arg-type]  # the loop has seen that all are str
            if text.count(separator) == len(values) and self._is_clean_segment(text):
                return text.rstrip(separator)
        elements = [self._element(value) for value in values]
        return separator.join((name, *elements)).rstrip(separator)

    def _element(self, value: Value) -> str:
        """The element as it is written. Codes and procedures repeat through a file, so each is looked at once."""
        if isinstance(value, list):
            return self._joined(value, self.dialect.repetition)
        written = self._written.get(value)
        if written is None:
            written = self.clean(value) if isinstance(value, str) else self._joined(value, self.dialect.component)
            if len(self._written) < _WRITTEN_MAX:
                self._written[value] = written
        return written

    def _is_clean_segment(self, text: str) -> bool:
        """Only allowed characters, and no blank around an element. One look at all of it is faster than many."""
        if " " in text and (self._blank_before in text or self._blank_after in text or text[-1] == " "):
            return False
        return text.isascii() and not text.encode("ascii").translate(None, self._allowed_in_segment)

    def copy(self, segment: Segment) -> str:
        """A segment that was read, in this writer's dialect."""
        component, repetition = self.dialect.component, self.dialect.repetition
        elements = [
            repetition.join(component.join(map(self.clean, parts)) for parts in repeats) for repeats in segment.content
        ]
        return self.dialect.element.join(elements)

    def clean(self, text: str) -> str:
        """The text in the character set, with no delimiter in it and no blank around it."""
        if text.isascii() and not text.encode("ascii").translate(None, self._allowed_bytes):
            return text.strip()
        return self._folded(text)

    def _folded(self, text: str) -> str:
        decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS_WITHOUT_DECOMPOSITION))
        plain = "".join(c for c in decomposed if not unicodedata.combining(c))
        cased = plain.upper() if self.is_upper_case else plain
        return "".join(c if c in self._allowed else " " for c in cased).strip()

    def _joined(self, parts: Sequence[str], separator: str) -> str:
        return separator.join([self.clean(part) for part in parts]).rstrip(separator)


def write_segments(segments: Iterable[Segment]) -> Iterator[bytes]:
    """Segments that were read, byte for byte as they were sent, each on a line of its own with the terminator of its
    interchange. Other decoration is not kept; reading it gives the same segments again."""
    for segment in segments:
        terminator = segment.dialect.terminator
        yield segment.raw + terminator.encode("latin-1") + (b"" if terminator in "\r\n" else b"\n")


def write_set(writer: SegmentWriter, set_id: str, control_number: str, guide: str, body: Sequence[str]) -> list[str]:
    """ST, the body, SE with its count. `guide` is ST03 (empty for an 835)."""
    opening = writer.segment("ST", set_id, control_number, guide)
    closing = writer.segment("SE", str(len(body) + 2), control_number)
    return [opening, *body, closing]


def write_interchange(
    writer: SegmentWriter,
    envelope: Envelope,
    *,
    functional_id: str,
    version: str,
    sets: Iterable[Sequence[str]],
) -> bytes:
    """ISA GS, the sets, GE IEA, each segment on a line of its own. Raises ValueError for a control number or a
    routing id that does not fit: that is a mistake of the caller, not of the data."""
    count = 0
    body: list[str] = []
    for one in sets:
        body += one
        count += 1
    group = [
        _group_header(writer, envelope, functional_id, version),
        *body,
        writer.segment("GE", str(count), envelope.group_control_number),
    ]
    return close_interchange(writer, envelope, group, groups=1)


def close_interchange(writer: SegmentWriter, envelope: Envelope, inside: Sequence[str], *, groups: int) -> bytes:
    """ISA, what is inside, IEA, as bytes."""
    trailer = writer.dialect.element.join(("IEA", str(groups), _control_number(envelope)))
    end = writer.dialect.terminator + ("" if writer.dialect.terminator in "\r\n" else "\n")
    text = end.join((interchange_header(writer, envelope), *inside, trailer, ""))
    return text.encode("ascii")


def interchange_header(writer: SegmentWriter, envelope: Envelope) -> str:
    """ISA without its terminator: 105 characters."""
    dialect, clean = writer.dialect, writer.clean
    widths = (
        ("00", 2), ("", 10), ("00", 2), ("", 10),
        (clean(envelope.sender_qualifier), 2), (clean(envelope.sender_id), 15),
        (clean(envelope.receiver_qualifier), 2), (clean(envelope.receiver_id), 15),
        (f"{envelope.written_at:%y%m%d}", 6), (f"{envelope.written_at:%H%M}", 4),
        (dialect.repetition or "U", 1), ("00501", 5), (_control_number(envelope), 9),
        ("1" if envelope.is_acknowledgement_requested else "0", 1), (clean(envelope.usage), 1), (dialect.component, 1),
    )  # fmt: skip
    for text, width in widths:
        if len(text) > width:
            raise ValueError(f"{text!r} does not fit in {width} characters of ISA")
    return dialect.element.join(("ISA", *(text.ljust(width) for text, width in widths)))


def _group_header(writer: SegmentWriter, envelope: Envelope, functional_id: str, version: str) -> str:
    if not re.fullmatch("[0-9]{1,9}", envelope.group_control_number):
        raise ValueError("GS06 has 1 to 9 digits")
    return writer.segment(
        "GS",
        functional_id,
        envelope.application_sender,
        envelope.application_receiver,
        f"{envelope.written_at:%Y%m%d}",
        f"{envelope.written_at:%H%M}",
        envelope.group_control_number,
        "X",
        version,
    )


def _control_number(envelope: Envelope) -> str:
    number = envelope.interchange_control_number
    if not re.fullmatch("[0-9]{9}", number):
        raise ValueError("ISA13 has nine digits")
    return number
