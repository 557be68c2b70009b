"""What are the segments, fields and components of these bytes?

Source: HL7 v2.8 chapter 2 (encoding rules, separators, escape sequences, MSH-18 with table 0211).
Lazy: a message is split into lines at once, a line into fields and a field into components when someone asks, and
escapes are decoded then too. Real feeds send LF and CRLF, a byte order mark, no last CR, left-over MLLP bytes.
Nothing here raises anything but `HL7Error`, whatever the bytes are.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from shared.codecs.hl7v2.findings import ErrorCode, Finding, Findings, HL7Error, Place, shown

UTF_8_MARK = b"\xef\xbb\xbf"
WRAPPING = b"\x0b\x1c\r\n\t \x00\x1a"  # MLLP bytes, line ends, padding and the DOS end-of-file that files bring
DELETE = '""'  # HL7 v2: "delete what you hold"; an empty field says "no change"

PYTHON_ENCODINGS = {  # HL7 table 0211
    "ASCII": "utf-8",  # who says ASCII and sends more nearly always sends UTF-8
    "8859/1": "iso8859-1",
    "8859/2": "iso8859-2",
    "8859/3": "iso8859-3",
    "8859/4": "iso8859-4",
    "8859/5": "iso8859-5",
    "8859/6": "iso8859-6",
    "8859/7": "iso8859-7",
    "8859/8": "iso8859-8",
    "8859/9": "iso8859-9",
    "8859/15": "iso8859-15",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "GB 18030-2000": "gb18030",
    "BIG-5": "big5",
    "KS X 1001": "euc_kr",
}
# Only to be quick about them: any name of three characters is a segment.
_USUAL_SEGMENT_NAMES = (
    "MSH SFT EVN PID PD1 NK1 PV1 PV2 ROL PRT DB1 OBX AL1 DG1 DRG PR1 GT1 IN1 IN2 IN3 ACC UB1 UB2 MRG FT1 NTE ORC OBR "
    "TQ1 TQ2 SCH RGS AIS AIG AIL AIP ARV CON ABS BLC RMI ERR MSA"
)
USUAL_SEGMENTS = frozenset(_USUAL_SEGMENT_NAMES.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a message we are willing to read."""

    message_bytes: int = 4 * 1024 * 1024
    segments: int = 20_000
    field_characters: int = 1024 * 1024


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Separators:
    """MSH-1 and MSH-2. An empty string means that the sender has no such separator."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    truncation: str = ""

    @property
    def encoding_characters(self) -> str:
        return self.component + self.repetition + self.escape + self.subcomponent + self.truncation


USUAL_SEPARATORS = Separators()


@dataclass(frozen=True, slots=True)
class Composite:
    """One repetition of a field: components and their subcomponents, split when asked for."""

    raw: str
    separators: Separators
    encoding: str

    def raw_component(self, component: int) -> str:
        parts = self.raw.split(self.separators.component)
        return parts[component - 1] if component <= len(parts) else ""

    def text(self, component: int = 1, subcomponent: int = 1) -> str:
        """Decoded and trimmed; empty when there is none, and for `""`."""
        raw = self.raw_component(component)
        if self.separators.subcomponent:
            parts = raw.split(self.separators.subcomponent)
            raw = parts[subcomponent - 1] if subcomponent <= len(parts) else ""
        elif subcomponent > 1:
            return ""
        return "" if raw == DELETE else decoded(raw, self.separators, self.encoding).strip()

    def whole(self, component: int = 1) -> str:
        """A component that has no subcomponents by its type: "Johnson & Johnson" often comes unescaped."""
        raw = self.raw_component(component)
        return "" if raw == DELETE else decoded(raw, self.separators, self.encoding).strip()


class Segment:
    """One line of a message; `PID-3` is `segment.text(3)`. A position that is not there is an empty string."""

    __slots__ = ("_encoding", "_fields", "_line", "_separators", "name", "occurrence")

    def __init__(self, line: str, separators: Separators, encoding: str, occurrence: int) -> None:
        self.name = line[:3]
        self.occurrence = occurrence
        self._line = line
        self._separators = separators
        self._encoding = encoding
        self._fields: list[str] | None = None

    def raw(self, field: int) -> str:
        """The field as sent, with its escapes."""
        if self._fields is None:
            self._fields = _fields(self._line, self._separators)
        return self._fields[field] if field < len(self._fields) else ""

    def repetitions(self, field: int) -> tuple[Composite, ...]:
        """Every repetition that holds something."""
        raw = self.raw(field)
        separator = self._separators.repetition
        parts = raw.split(separator) if separator else [raw]
        return tuple(Composite(part, self._separators, self._encoding) for part in parts if part)

    def first(self, field: int) -> Composite:
        repetitions = self.repetitions(field)
        return repetitions[0] if repetitions else Composite("", self._separators, self._encoding)

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """Of the first repetition, decoded and trimmed."""
        return self.first(field).text(component, subcomponent)

    def whole(self, field: int, component: int = 1) -> str:
        return self.first(field).whole(component)

    def is_deleted(self, field: int) -> bool:
        return self.raw(field) == DELETE

    def at(self, field: int = 0, *, repetition: int = 1, component: int = 0) -> Place:
        return Place(
            segment=self.name, occurrence=self.occurrence, field=field, repetition=repetition, component=component
        )


@dataclass(frozen=True, slots=True)
class Header:
    """MSH. What is called raw is as sent, so that an answer can echo it; ids and codes are ready for use."""

    separators: Separators = USUAL_SEPARATORS
    encoding: str = "utf-8"  # Python's name of what the bytes were read with
    fields: Sequence[str] = ()  # "MSH", MSH-2, MSH-3 …

    def raw(self, field: int) -> str:
        """MSH-2 and above, as sent."""
        return self.fields[field - 1] if field <= len(self.fields) else ""

    @property
    def sending_application(self) -> str:  # MSH-3
        return self._composite(3).text(1)

    @property
    def sending_facility(self) -> str:
        """MSH-4: namespace, else universal id. The assigning authority of numbers that name none."""
        facility = self._composite(4)
        return facility.text(1) or facility.text(2)

    @property
    def receiving_application(self) -> str:  # MSH-5
        return self._composite(5).text(1)

    @property
    def receiving_facility(self) -> str:  # MSH-6
        return self._composite(6).text(1)

    @property
    def sent_at(self) -> str:  # MSH-7, as sent
        return self._code(7)

    @property
    def message_code(self) -> str:  # MSH-9.1: ADT
        return self._code(9)

    @property
    def trigger(self) -> str:  # MSH-9.2: A01
        return self._code(9, 1)

    @property
    def control_id(self) -> str:  # MSH-10
        return decoded(self.raw(10), self.separators, self.encoding).strip()

    @property
    def processing_id(self) -> str:  # MSH-11.1: P production, T training, D debugging
        return self._code(11)

    @property
    def version(self) -> str:  # MSH-12.1
        return self._code(12)

    @property
    def accept_acknowledgement(self) -> str:  # MSH-15, table 0155
        return self._code(15)

    @property
    def application_acknowledgement(self) -> str:  # MSH-16, table 0155
        return self._code(16)

    @property
    def message_type(self) -> str:
        return f"{self.message_code}^{self.trigger}"

    def _code(self, field: int, component: int = 0) -> str:
        parts = self.raw(field).split(self.separators.component)
        return parts[component].strip() if component < len(parts) else ""

    def _composite(self, field: int) -> Composite:
        return Composite(self.raw(field), self.separators, self.encoding)


class Message:
    """One message. Segments keep their order; `findings` are warnings, since an error would have raised."""

    __slots__ = ("_lines", "_segments", "findings", "header")

    def __init__(self, header: Header, lines: list[str], findings: tuple[Finding, ...]) -> None:
        self.header = header
        self.findings = findings
        self._lines = lines
        self._segments: tuple[Segment, ...] | None = None

    @property
    def segments(self) -> tuple[Segment, ...]:
        if self._segments is None:
            self._segments = tuple(self._numbered())
        return self._segments

    def all(self, name: str) -> tuple[Segment, ...]:
        return tuple(segment for segment in self.segments if segment.name == name)

    def first(self, name: str) -> Segment | None:
        return next((segment for segment in self.segments if segment.name == name), None)

    def _numbered(self) -> Iterator[Segment]:
        seen: dict[str, int] = {}
        for line in self._lines:
            name = line[:3]
            seen[name] = seen.get(name, 0) + 1
            yield Segment(line, self.header.separators, self.header.encoding, seen[name])


def parse(data: bytes, limits: Limits = LIMITS) -> Message:
    """One message out of its bytes (without or with MLLP framing left on). Raises HL7Error and nothing else."""
    if len(data) > limits.message_bytes:
        raise _unreadable(f"a message holds at most {limits.message_bytes} bytes", value=str(len(data)), too_long=True)
    content = unwrapped(data)
    if not content.startswith(b"MSH"):
        raise _unreadable("a message begins with MSH")
    first_line = _first_line(content)
    separators = _separators(first_line[3:12])
    findings = Findings()
    text, encoding = _text(content, _character_set(first_line, separators), findings)
    lines = _lines(text, separators)
    header = Header(separators, encoding, lines[0].split(separators.field))
    return Message(header, _segment_lines(lines, len(text), separators, limits, findings), findings.as_tuple())


def salvage_header(data: bytes) -> Header:
    """As much of MSH as can be made out of any bytes, so that even an unreadable message can be answered."""
    start = data.find(b"MSH", 0, SALVAGE_BYTES)
    if start < 0:
        return Header()
    line = _first_line(data[start : start + SALVAGE_BYTES]).split(b"\x1c", 1)[0]
    try:
        separators = _separators(line[3:12])
    except HL7Error:
        separators = USUAL_SEPARATORS
    return Header(separators, "utf-8", line.decode("utf-8", errors="replace").split(separators.field))


SALVAGE_BYTES = 4096


def unwrapped(data: bytes) -> bytes:
    """Without byte order mark, MLLP bytes, padding and line ends around it."""
    return data.lstrip(WRAPPING).removeprefix(UTF_8_MARK).lstrip(WRAPPING).rstrip(WRAPPING)


def decoded(raw: str, separators: Separators, encoding: str = "utf-8") -> str:
    """Escape sequences resolved; one that we do not know stays as it was sent."""
    escape = separators.escape
    if not escape or escape not in raw:
        return raw
    parts = raw.split(escape)
    text = [parts[0]]
    position = 1
    while position < len(parts):
        plain = _escaped(parts[position], separators, encoding) if position + 1 < len(parts) else None
        if plain is None:  # not an escape sequence: this character opens nothing, the next one may
            text.append(escape + parts[position])
            position += 1
        else:
            text.append(plain + parts[position + 1])
            position += 2
    return "".join(text)


def escaped(text: str, separators: Separators) -> str:
    """Ready to be put into a field; control characters become spaces."""
    return text if text.isalnum() else text.translate(_escapes(separators))


@lru_cache(maxsize=64)
def _escapes(separators: Separators) -> dict[int, str]:
    letters = {
        separators.field: "F",
        separators.component: "S",
        separators.subcomponent: "T",
        separators.repetition: "R",
        separators.escape: "E",
    }
    escape = separators.escape
    replaced = {
        ord(character): f"{escape}{letter}{escape}" if escape else " "
        for character, letter in letters.items()
        if character
    }
    controls = (*range(32), *range(127, 160), 0x2028, 0x2029)
    return dict.fromkeys(controls, " ") | replaced


def _escaped(sequence: str, separators: Separators, encoding: str) -> str | None:
    plain = {
        "F": separators.field,
        "S": separators.component,
        "T": separators.subcomponent,
        "R": separators.repetition,
        "E": separators.escape,
        "P": separators.truncation,
        "H": "",  # highlighting on and off
        "N": "",
        ".br": "\n",
    }.get(sequence)
    if plain is not None:
        return plain
    return _hexadecimal(sequence, encoding) if sequence.startswith("X") else None


def _hexadecimal(sequence: str, encoding: str) -> str | None:
    if not re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", sequence):
        return None
    return bytes.fromhex(sequence[1:]).decode(encoding, errors="replace")


def _fields(line: str, separators: Separators) -> list[str]:
    fields = line.split(separators.field)
    # MSH-1 is the separator itself, so MSH counts one further than the others; so do FHS and BHS.
    return [fields[0], separators.field, *fields[1:]] if fields[0] in ("MSH", "FHS", "BHS") else fields


def _first_line(content: bytes) -> bytes:
    end = content.find(b"\r")
    line = content if end < 0 else content[:end]
    return line.split(b"\n", 1)[0]


@lru_cache(maxsize=64)
def _separators(after_name: bytes) -> Separators:
    """From the bytes after MSH. Only ASCII punctuation can separate; letters would cut words apart."""
    start = after_name.decode("ascii", errors="replace")
    if not _may_separate(start[:1]):
        raise _unreadable("MSH-1 is one punctuation character", field=1)
    characters = start[1:].split(start[0], 1)[0]
    if not 2 <= len(characters) <= 5 or len(set(start[0] + characters)) != len(characters) + 1:
        raise _unreadable("MSH-2 names two to five different separators", field=2)
    if not all(map(_may_separate, characters)):
        raise _unreadable("MSH-2 holds punctuation characters only", field=2)
    component, repetition, escape, subcomponent, truncation = (*characters, "", "", "")[:5]
    return Separators(start[0], component, repetition, escape, subcomponent, truncation)


def _may_separate(character: str) -> bool:
    return (
        character.isascii() and character.isprintable() and not character.isalnum() and character not in ("", " ", '"')
    )


def _text(content: bytes, named: str, findings: Findings) -> tuple[str, str]:
    """Decoded by MSH-18, else as UTF-8, else as Latin-1, which reads anything."""
    wanted = PYTHON_ENCODINGS.get(named.upper(), "") if named else "utf-8"
    if named and not wanted:
        findings.warn(Place(segment="MSH", field=18), "the character set is not one we know", value=shown(named))
    for encoding in dict.fromkeys((wanted or "utf-8", "utf-8")):
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    findings.warn(Place(segment="MSH", field=18), "the bytes are not in the character set said; read as Latin-1")
    return content.decode("iso8859-1"), "iso8859-1"


def _character_set(first_line: bytes, separators: Separators) -> str:
    fields = first_line.split(separators.field.encode("ascii"), 18)
    if len(fields) < 18:
        return ""
    name = fields[17].decode("ascii", errors="replace")
    return (name.split(separators.repetition, 1)[0] if separators.repetition else name).strip()


def _lines(text: str, separators: Separators) -> list[str]:
    if "\n" in text:
        text = text.replace("\r\n", "\r").replace("\n", "\r")
    if f"\rMSH{separators.field}" in text:
        raise _unreadable("one message holds one MSH", occurrence=2)
    return [line for line in text.split("\r") if line]


def _segment_lines(
    lines: list[str], characters: int, separators: Separators, limits: Limits, findings: Findings
) -> list[str]:
    if len(lines) > limits.segments:
        raise _unreadable(f"a message holds at most {limits.segments} segments", value=str(len(lines)), too_long=True)
    if characters > limits.field_characters:  # or else no field can be too long
        _refuse_long_fields(lines, separators, limits)
    field = separators.field
    kept = [line for line in lines if (line[3:4] == field and line[:3] in USUAL_SEGMENTS) or _is_segment(line, field)]
    if len(kept) < len(lines):
        findings.warn(
            Place(segment="MSH"),
            "a line is not a segment and was left out: segments begin with a name of three characters",
            ErrorCode.SEGMENT_SEQUENCE,
            value=f"{len(lines) - len(kept)} lines",
        )
    return kept


def _is_segment(line: str, field_separator: str) -> bool:
    name = line[:3]
    return line[3:4] in ("", field_separator) and len(name) == 3 and name.isalnum() and name[0].isalpha()


def _refuse_long_fields(lines: list[str], separators: Separators, limits: Limits) -> None:
    for line in lines:
        for number, field in enumerate(line.split(separators.field)):
            if len(field) > limits.field_characters:
                raise _unreadable(
                    f"a field holds at most {limits.field_characters} characters",
                    segment=line[:3],
                    field=number,
                    value=str(len(field)),
                    too_long=True,
                )


def _unreadable(
    rule: str, *, segment: str = "MSH", occurrence: int = 1, field: int = 0, value: str = "", too_long: bool = False
) -> HL7Error:
    place = Place(segment=segment if segment.isalnum() else "MSH", occurrence=occurrence, field=field)
    code = ErrorCode.VALUE_TOO_LONG if too_long else ErrorCode.SEGMENT_SEQUENCE
    return HL7Error([Finding(at=place, rule=rule, code=code, value=value)])
