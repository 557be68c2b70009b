"""Where does one message end and the next begin, in a byte stream or in a file?

Source: HL7 v2 Minimal Lower Layer Protocol (`0x0B` message `0x1C 0x0D`); HL7 v2.8 chapter 2, batch protocol
(FHS, BHS, BTS, FTS). No I/O here: bytes in, frames out. Real streams hold garbage between frames, senders that die
inside one, and ends without the CR; real files hold a message, several, batches, or a recorded MLLP stream.
"""

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from shared.codecs.hl7v2.findings import ErrorCode, Finding, Place, Severity, shown
from shared.codecs.hl7v2.message import LIMITS, unwrapped

START = b"\x0b"
END = b"\x1c"
HEAD_BYTES = 4096  # kept of a frame that is too long, so that it can be answered


@dataclass(frozen=True, slots=True, kw_only=True)
class TooLong:
    """A frame above the bound. Its content is gone; `head` holds its MSH for the answer."""

    head: bytes
    length: int


Frame: TypeAlias = bytes | TooLong


def frame(message: bytes) -> bytes:
    """A message as it goes over the wire."""
    return START + message + END + b"\r"


@dataclass(slots=True)
class MllpDecoder:
    """Turns chunks of a stream into frames. Holds at most one frame, and of a too long one only its head."""

    frame_bytes_max: int = LIMITS.message_bytes
    discarded_bytes: int = 0  # outside frames, and of frames that never ended
    _content: bytearray = field(default_factory=bytearray)
    _length: int = 0
    _is_inside: bool = False

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that this chunk completes, in order; empty ones too, since their sender waits for an answer."""
        frames: list[Frame] = []
        position = 0
        while position < len(chunk):
            if not self._is_inside:
                position = self._skip_to_start(chunk, position)
                continue
            end = chunk.find(END, position)
            stop = len(chunk) if end < 0 else end
            self._take(chunk[position:stop])
            position = stop + 1
            if end >= 0:
                frames.append(self._finish())
        return frames

    @property
    def is_inside_frame(self) -> bool:
        """Whether the stream ended, if it ended now, in the middle of a message."""
        return self._is_inside

    def _skip_to_start(self, chunk: bytes, position: int) -> int:
        start = chunk.find(START, position)
        stop = len(chunk) if start < 0 else start
        self.discarded_bytes += len(chunk[position:stop].strip(b"\r\n"))  # the CR after the end block is no garbage
        self._is_inside = start >= 0
        return stop + 1

    def _take(self, part: bytes) -> None:
        restart = part.rfind(START)
        if restart >= 0:  # the sender gave up inside a message and began again
            self.discarded_bytes += self._length + restart
            self._content.clear()
            self._length = 0
            part = part[restart + 1 :]
        self._length += len(part)
        room = self.frame_bytes_max - len(self._content)
        self._content += part[: max(room, 0)]
        if self._length > self.frame_bytes_max:
            del self._content[HEAD_BYTES:]

    def _finish(self) -> Frame:
        content, length = bytes(self._content), self._length
        self._content.clear()
        self._length = 0
        self._is_inside = False
        if length > self.frame_bytes_max:
            return TooLong(head=content[:HEAD_BYTES], length=length)
        return content


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContents:
    """The messages of a file in order, and what is wrong with the file around them."""

    messages: tuple[bytes, ...]
    findings: tuple[Finding, ...]


_HEADER = re.compile(rb"(?:\A|(?<=[\r\n]))[ \t]*(?:\xef\xbb\xbf)?(MSH|FHS|BHS|BTS|FTS)(?=[^A-Za-z0-9]|\Z)")


def split_file(data: bytes) -> FileContents:
    """Every message of a file: plain, batched, or framed for MLLP. Counts in BTS and FTS are checked.

    Bytes before the first header are left to the first message, so that reading it names them.
    """
    if START in data and unwrapped(data)[:1] != b"":
        frames, findings = _unframed(data)
    else:
        frames, findings = [data], []
    messages: list[bytes] = []
    for content in frames:
        messages += _split(content, findings)
    return FileContents(messages=tuple(messages), findings=tuple(findings))


def _unframed(data: bytes) -> tuple[list[bytes], list[Finding]]:
    decoder = MllpDecoder(frame_bytes_max=len(data))
    frames = [
        content for content in decoder.feed(data if data[:1] == START else START + data) if isinstance(content, bytes)
    ]
    findings = []
    if decoder.is_inside_frame:  # a recording that was cut, or a message whose end block was stripped
        frames += [content for content in decoder.feed(END) if isinstance(content, bytes)]
        findings.append(_finding("MSH", "the last MLLP frame does not end"))
    if decoder.discarded_bytes:
        findings.append(_finding("MSH", "bytes outside MLLP frames", value=f"{decoder.discarded_bytes} bytes"))
    return [content for content in frames if unwrapped(content)], findings


def _split(data: bytes, findings: list[Finding]) -> list[bytes]:
    """One part after another, each from its header line to the next."""
    matches = list(_HEADER.finditer(data))
    if not matches:
        return [data]
    starts = [match.start() for match in matches]
    if unwrapped(data[: starts[0]]):
        starts[0] = 0
    batches = _Batches(findings)
    for match, start, end in zip(matches, starts, [*starts[1:], len(data)], strict=True):
        batches.part(match.group(1).decode("ascii"), data[start:end])
    batches.close()
    return batches.messages


@dataclass(slots=True)
class _Batches:
    """Counts messages and batches while the parts of a file go by."""

    findings: list[Finding]
    messages: list[bytes] = field(default_factory=list)
    batches: int = 0
    in_batch: int = 0
    is_batch_open: bool = False
    is_file_open: bool = False

    def part(self, name: str, content: bytes) -> None:
        match name:
            case "MSH":
                self.messages.append(content)
                self.in_batch += 1
            case "FHS":
                self.is_file_open = True
            case "BHS":
                self._end_batch_without_trailer()
                self.batches += 1
                self.in_batch = 0
                self.is_batch_open = True
            case "BTS":
                self._compare("BTS", content, self.in_batch, "messages")
                self.is_batch_open = False
            case _:  # FTS, the last that the pattern finds
                self._compare("FTS", content, self.batches, "batches")
                self.is_file_open = False

    def close(self) -> None:
        self._end_batch_without_trailer()
        if self.is_file_open:
            self.findings.append(_finding("FTS", "a file that begins with FHS ends with FTS; it may be cut"))

    def _end_batch_without_trailer(self) -> None:
        if self.is_batch_open:
            self.findings.append(_finding("BTS", "a batch that begins with BHS ends with BTS; it may be cut"))
            self.is_batch_open = False

    def _compare(self, name: str, content: bytes, counted: int, what: str) -> None:
        said = _first_field(content)
        if said and said != str(counted):
            rule = f"{name}-1 counts the {what}: {counted} came; some may be lost"
            self.findings.append(_finding(name, rule, field=1, value=shown(said)))


def _first_field(content: bytes) -> str:
    line = unwrapped(content).split(b"\r")[0].split(b"\n")[0].decode("ascii", errors="replace")
    return line[4:].split(line[3:4], 1)[0].strip().lstrip("0") or "0" if line[4:].strip() else ""


def _finding(segment: str, rule: str, *, field: int = 0, value: str = "") -> Finding:
    place = Place(segment=segment, field=field)
    return Finding(at=place, rule=rule, severity=Severity.WARNING, code=ErrorCode.SEGMENT_SEQUENCE, value=value)
