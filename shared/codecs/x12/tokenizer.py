"""Where does one segment end and the next begin?

Source: ASC X12.5 interchange control structures (ISA is 106 fixed bytes). Delimiters come from each ISA and from
nowhere else. Reads bytes or chunks of bytes in bounded memory; a block of whole segments is decoded and split at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import TypeAlias, TypeVar

from msgspec import Struct

from shared.codecs.x12.problems import Problems

Source: TypeAlias = bytes | bytearray | memoryview | Iterable[bytes]

Piece = TypeVar("Piece", str, bytes)

_IDS_MAX = 1_000
_CHUNK_BYTES = 128 * 1024
_ISA_SEPARATORS = (3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103)
_ISA_LOOK_BYTES = 512
_BLANK = b" \t\r\n\x00\x1a\x0b\x0c"
_BLANK_TEXT = _BLANK.decode("ascii")
_BOM = b"\xef\xbb\xbf"
_ISA = re.compile(rb"ISA(?![A-Za-z0-9\s])", re.DOTALL)  # what follows may be an element separator
_DECORATION_MAX = 64  # blanks between a terminator and the next segment


class Limits(Struct, frozen=True, kw_only=True):
    """How much one file may ask of us."""

    segment_bytes: int = 1024 * 1024
    elements: int = 1_000


class Dialect(Struct, frozen=True):
    """The delimiters of an interchange, and the character set that its text was decoded with."""

    element: str = "*"
    component: str = ":"
    repetition: str = "^"  # empty: the interchange has none (ISA11 `U` in older habits)
    terminator: str = "~"
    charset: str = "utf-8"


STANDARD = Dialect()


class Segment(Struct, frozen=True, eq=False, gc=False):
    """One segment as it was sent. Two are equal when they say the same, wherever they stood and however delimited."""

    number: int  # running number in the file, from 1
    elements: tuple[str, ...]  # the id first, so that elements[4] of CLP is CLP04
    dialect: Dialect = STANDARD

    @property
    def id(self) -> str:
        return self.elements[0]

    def __getitem__(self, index: int) -> str:
        """The element without padding, or empty."""
        elements = self.elements
        return elements[index].strip() if index < len(elements) else ""

    def components(self, index: int) -> tuple[str, ...]:
        """The components of an element, trailing empties dropped. Empty tuple when the element is absent."""
        return parts_of(self[index], self.dialect.component)

    def repeats(self, index: int) -> tuple[str, ...]:
        """The repetitions of an element."""
        return parts_of(self[index], self.dialect.repetition)

    @property
    def content(self) -> tuple[tuple[tuple[str, ...], ...], ...]:
        """What the segment says, free of its delimiters: elements of repetitions of components."""
        component = self.dialect.component
        every = [
            tuple(parts_of(repeat, component) for repeat in self.repeats(index)) for index in range(len(self.elements))
        ]
        while every and not any(every[-1]):
            every.pop()
        return tuple(every)

    @property
    def raw(self) -> bytes:
        """The bytes of the segment, without terminator."""
        return self.dialect.element.join(self.elements).encode(self.dialect.charset)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Segment) and self.content == other.content

    def __hash__(self) -> int:
        return hash(self.content)


def parts_of(text: str, separator: str) -> tuple[str, ...]:
    """The components or repetitions of an element, trailing empties dropped."""
    if not text:
        return ()
    if not separator or separator not in text:
        return (text,)
    return tuple(part.strip() for part in text.rstrip(separator + " ").split(separator))


def read_segments(source: Source, problems: Problems | None = None, limits: Limits | None = None) -> Iterator[Segment]:
    """Every segment of every interchange, in order. What cannot be read becomes a problem; nothing is raised."""
    return chain.from_iterable(read_blocks(source, problems, limits))


def read_blocks(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[list[Segment]]:
    """The same segments, as many at a time as a chunk of the source holds."""
    reader = _Tokenizer(problems if problems is not None else Problems(), limits or Limits())
    for chunk in _chunks(source):
        yield from reader.feed(chunk)
    yield from reader.finish()


def _chunks(source: Source) -> Iterator[bytes]:
    if isinstance(source, bytes | bytearray | memoryview):
        view = memoryview(source)
        for start in range(0, len(view), _CHUNK_BYTES):
            yield bytes(view[start : start + _CHUNK_BYTES])
        return
    pending: list[bytes] = []
    size = 0
    for chunk in source:
        pending.append(chunk)
        size += len(chunk)
        if size >= _CHUNK_BYTES:
            yield b"".join(pending)
            pending, size = [], 0
    yield b"".join(pending)


class _Tokenizer:
    """Holds what is left of the last chunk. `dialect` is None between interchanges."""

    def __init__(self, problems: Problems, limits: Limits) -> None:
        self.problems = problems
        self.limits = limits
        self.buffer = b""
        self.dialect: Dialect | None = None
        self.number = 0
        self.known_ids: set[str] = set()  # segment ids found well-formed
        self.is_skipping = False  # inside a segment that was too long

    def feed(self, chunk: bytes) -> Iterator[list[Segment]]:
        self.buffer += chunk
        if self.dialect is not None and not _holds_end(chunk, self.dialect):
            self._drop_what_is_too_long(is_end=False)
            return
        yield from self._drain(is_end=False)

    def finish(self) -> Iterator[list[Segment]]:
        yield from self._drain(is_end=True)
        if self.number == 0:
            self.problems.at(0, "ISA", "an interchange starts with ISA")

    def _drain(self, *, is_end: bool) -> Iterator[list[Segment]]:
        while self.buffer:
            before = (len(self.buffer), self.dialect)
            if self.dialect is None:
                yield self._interchange_start(is_end=is_end)
            else:
                yield self._interchange_body(self.dialect, is_end=is_end)
            if (len(self.buffer), self.dialect) == before:
                return

    def _interchange_start(self, *, is_end: bool) -> list[Segment]:
        self.buffer = self.buffer.lstrip(_BLANK).removeprefix(_BOM).lstrip(_BLANK)
        at = 0
        while (at := self._next_isa(at, is_end=is_end)) >= 0:
            head = self.buffer[at : at + _ISA_LOOK_BYTES]
            if len(head) < _ISA_LOOK_BYTES and not is_end:
                self.buffer = self.buffer[at:]
                return []
            dialect, length = _read_delimiters(head)
            if dialect is not None:
                return self._open(dialect, at, length)
            self.problems.at(self.number + 1, "ISA", "ISA has 16 elements and names four different delimiters")
            self.is_skipping = True
            at += 3
        return []

    def _open(self, dialect: Dialect, at: int, length: int) -> list[Segment]:
        if length != 106:
            self.problems.at(self.number + 1, "ISA", "ISA is 106 fixed bytes", found=str(length), severity="warning")
        self.is_skipping = False
        self.dialect = dialect
        self.number += 1
        text = self.buffer[at : at + length - 1].decode("latin-1")
        self.buffer = self.buffer[at + length :]
        return [Segment(self.number, tuple(text.split(dialect.element, 16)), dialect)]

    def _next_isa(self, at: int, *, is_end: bool) -> int:
        """Where the next interchange begins, or -1 when what is not one has been dropped from the buffer."""
        found = _ISA.search(self.buffer, at)
        start = found.start() if found else -1
        if start == at:
            return start
        rest = len(self.buffer) - at
        if start < 0 and rest < 4 and not is_end:
            self.buffer = self.buffer[at:]
            return -1  # the rest of the mark may be in the next chunk
        if not self.is_skipping and rest:
            self.problems.at(self.number, "ISA", "nothing stands between interchanges")
        self.is_skipping = start < 0
        if start < 0:
            self.buffer = b"" if is_end else self.buffer[-3:]
        return start

    def _interchange_body(self, dialect: Dialect, *, is_end: bool) -> list[Segment]:
        terminator = dialect.terminator.encode("latin-1")
        stop, is_last = self._end_of_body(dialect, terminator, is_end=is_end)
        if stop == 0:
            self._drop_what_is_too_long(is_end=is_end)
            return []
        block, self.buffer = self.buffer[:stop], self.buffer[stop:]
        if is_last:
            self.dialect = None
        segments = self._segments(block, dialect, terminator)
        if is_end and not self.buffer and segments and not block.endswith(terminator) and segments[-1].id != "IEA":
            rule = "every segment ends with the terminator"
            self.problems.add(segments[-1], 0, rule, found="", severity="warning")
        return segments

    def _end_of_body(self, dialect: Dialect, terminator: bytes, *, is_end: bool) -> tuple[int, bool]:
        """How much of the buffer can be split now, and whether the interchange ends there."""
        buffer, separator = self.buffer, dialect.element.encode("latin-1")
        trailer = _segment_start(buffer, b"IEA" + separator, terminator)
        header = _segment_start(buffer, b"ISA" + separator, terminator)
        if header >= 0 and (trailer < 0 or header < trailer):
            if header == 0:
                self.dialect = None  # an unclosed interchange; the envelope will say so
            return header, True
        if trailer >= 0:
            close = _end_of_trailer(buffer, trailer, terminator)
            if close >= 0:
                return close, True
            return (len(buffer), True) if is_end else (trailer, False)
        return (len(buffer) if is_end else buffer.rfind(terminator) + len(terminator)), False

    def _drop_what_is_too_long(self, *, is_end: bool) -> None:
        if len(self.buffer) <= self.limits.segment_bytes or is_end or self.dialect is None:
            return
        if not self.is_skipping:
            self.number += 1
            self.problems.at(self.number, "", "a segment is not longer than the limit", found=str(len(self.buffer)))
        self.is_skipping = True
        self.buffer = b""

    def _segments(self, block: bytes, dialect: Dialect, terminator: bytes) -> list[Segment]:
        """The segments of a block of whole ones."""
        try:
            text = block.decode("utf-8")
        except UnicodeDecodeError:
            decoded = (_decoded(piece, dialect) for piece in self._unskipped(block.split(terminator)))
            return [segment for text, own in decoded for segment in self._of_dialect([text], own)]
        return self._of_dialect(self._unskipped(_pieces(text, dialect.terminator)), dialect)

    def _unskipped(self, pieces: list[Piece]) -> list[Piece]:
        """Without the tail of a segment that was too long."""
        is_skipping, self.is_skipping = self.is_skipping, False
        return pieces[1:] if is_skipping else pieces

    def _of_dialect(self, texts: Iterable[str], dialect: Dialect) -> list[Segment]:
        number, separator, known, elements_max = self.number, dialect.element, self.known_ids, self.limits.elements
        segments: list[Segment] = []
        for text in texts:
            elements = tuple(text.split(separator))
            if elements[0] not in known:  # decorated, new or wrong
                elements = tuple(text.lstrip(_BLANK_TEXT).split(separator))
                if elements == ("",):
                    continue
                self._learn(elements, number + 1)
            number += 1
            if len(text) > elements_max and not self._is_within_limits(elements, number, len(text)):
                continue
            segments.append(Segment(number, elements, dialect))
        self.number = number
        return segments

    def _is_within_limits(self, elements: tuple[str, ...], number: int, length: int) -> bool:
        if len(elements) <= self.limits.elements and length <= self.limits.segment_bytes:
            return True
        segment = Segment(number, elements)
        self.problems.add(segment, 0, "a segment is not longer than the limit", found=str(length))
        return False

    def _learn(self, elements: tuple[str, ...], number: int) -> None:
        name = elements[0]
        if not (name.isalnum() and 2 <= len(name) <= 3):
            rule = "a segment starts with an id of two or three characters"
            self.problems.add(Segment(number, elements), 0, rule, found="")
        elif len(self.known_ids) < _IDS_MAX:
            self.known_ids.add(name)


def _pieces(text: str, terminator: str) -> list[str]:
    """The text between terminators, without a line end that follows every one of them."""
    if terminator in "\r\n":
        return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    body = text.strip("\r\n").removesuffix(terminator)
    ends = body.count(terminator)
    for line_end in ("\n", "\r\n"):
        if ends and body.count(terminator + line_end) == ends:
            return body.split(terminator + line_end)
    return body.split(terminator)


def _decoded(piece: bytes, dialect: Dialect) -> tuple[str, Dialect]:
    """One piece of a block that is not all UTF-8."""
    try:
        return piece.decode("utf-8"), dialect
    except UnicodeDecodeError:
        latin = Dialect(dialect.element, dialect.component, dialect.repetition, dialect.terminator, "latin-1")
        return piece.decode("latin-1"), latin


def _holds_end(chunk: bytes, dialect: Dialect) -> bool:
    """Whether a segment may end in it."""
    terminator = dialect.terminator.encode("latin-1")
    return terminator in chunk or (terminator in b"\r\n" and (b"\r" in chunk or b"\n" in chunk))


def _segment_start(buffer: bytes, mark: bytes, terminator: bytes) -> int:
    """Where a segment with this id begins, only if it follows a terminator (and decoration)."""
    at = buffer.find(mark)
    if at <= 0:
        return at
    found = _start_of(mark, terminator).search(buffer, max(0, at - _DECORATION_MAX - 1))
    return found.start(1) if found else -1


@lru_cache(maxsize=64)
def _start_of(mark: bytes, terminator: bytes) -> re.Pattern[bytes]:
    ends = b"[\r\n]" if terminator in b"\r\n" else re.escape(terminator)
    blank = b"[" + re.escape(_BLANK) + b"]{0,%d}" % _DECORATION_MAX
    return re.compile(b"(?:\\A|" + ends + b")" + blank + b"(" + re.escape(mark) + b")")


def _end_of_trailer(buffer: bytes, trailer: int, terminator: bytes) -> int:
    """Just behind the terminator of IEA, or -1 while it is not there. A file may forget it before the next ISA."""
    close = buffer.find(terminator, trailer)
    if terminator in b"\r\n":
        ends = [at for at in (buffer.find(b"\r", trailer), buffer.find(b"\n", trailer)) if at >= 0]
        close = min(ends, default=-1)
    return close + len(terminator) if close >= 0 else -1


def _read_delimiters(head: bytes) -> tuple[Dialect | None, int]:
    """The delimiters and the length of ISA with its terminator. A mis-padded ISA is read by its separators."""
    separator = head[3:4]
    if not separator or separator.isalnum() or separator in _BLANK:
        return None, 0
    if len(head) >= 105 and all(head[at : at + 1] == separator for at in _ISA_SEPARATORS):
        component_at = 104
    else:
        pieces = head.split(separator, 16)
        if len(pieces) < 17:
            return None, 0
        component_at = len(head) - len(pieces[16])
    component, terminator, length = head[component_at : component_at + 1], head[component_at + 1 : component_at + 2], 0
    length = component_at + 2
    if _is_missing_component_separator(head, component_at):
        component, terminator, length = b"", component, component_at + 1
    terminator = terminator or b"~"
    marks = [mark for mark in (separator, component, terminator) if mark]
    if len(set(marks)) < len(marks) or any(mark.isalnum() for mark in marks):
        return None, 0
    repetition = head.split(separator, 12)[11]
    if len(repetition) != 1 or repetition.isalnum() or repetition in (b" ", separator, terminator):
        repetition = b""
    names = [mark.decode("latin-1") for mark in (separator, component, repetition, terminator)]
    return Dialect(*names), length


def _is_missing_component_separator(head: bytes, at: int) -> bool:
    """Some senders leave ISA16 empty: `*P*~` and a line end. Then every line ends with that same character."""
    mark, after = head[at : at + 1], head[at + 1 : at + 2]
    if after not in (b"\r", b"\n"):
        return False
    next_line = head[at + 1 :].lstrip(_BLANK).splitlines()[:1]
    return bool(next_line) and next_line[0].rstrip(_BLANK).endswith(mark)
