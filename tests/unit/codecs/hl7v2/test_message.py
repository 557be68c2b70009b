"""Bytes of every sort become one message or a named problem."""

import pytest

from shared.codecs.hl7v2.findings import ErrorCode, HL7Error
from shared.codecs.hl7v2.message import Limits, Separators, escaped, parse, salvage_header
from tests.unit.codecs.hl7v2.messages import DFT, PID, hl7, msh


def field(data: bytes, segment: str, *position: int) -> str:
    found = parse(data).first(segment)
    assert found is not None
    return found.text(*position)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n", "\n\r"])
def test_segments_may_end_in_any_line_end(end: str) -> None:
    data = end.join([msh("ADT^A04"), PID]).encode()
    assert [segment.name for segment in parse(data).segments] == ["MSH", "PID"]


@pytest.mark.parametrize(
    "wrapped",
    [
        b"\xef\xbb\xbf" + DFT,
        b"\x0b" + DFT + b"\x1c\r",
        b"\r\n" + DFT + b"\r\n\x00\x1a",
        DFT.rstrip(b"\r"),
        b"\x0b\xef\xbb\xbf" + DFT,
    ],
)
def test_marks_framing_and_padding_around_a_message_are_no_part_of_it(wrapped: bytes) -> None:
    assert [each.name for each in parse(wrapped).segments] == [each.name for each in parse(DFT).segments]


def test_separators_come_from_the_header_and_never_from_habit() -> None:
    message = parse(
        b"MSH@~*%!@EHR@NORTH@@@20260302@@ADT~A04@C-1@P@2.5\rPID@1@@4711~~~NORTH!1.2!ISO~MR*X@@Rivera~Ana %T% Co"
    )
    assert message.header.separators == Separators("@", "~", "*", "%", "!")
    pid = message.first("PID")
    assert pid is not None
    assert pid.text(3, 4, 2) == "1.2"
    assert [each.text(1) for each in pid.repetitions(3)] == ["4711", "X"]
    assert pid.text(5, 2) == "Ana ! Co"


def test_a_header_counts_its_separator_as_its_first_field() -> None:
    first = parse(DFT).segments[0]
    assert (first.raw(1), first.raw(2), first.text(9, 2), first.text(10)) == ("|", "^~\\&", "P03", "C-100")


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (r"Smith\F\Jones", "Smith|Jones"),
        (r"A\S\B\T\C\R\D\E\E", "A^B&C~D\\E"),
        ("Z\\X4C6564\\", "ZLed"),
        (r"line\.br\next", "line\nnext"),
        (r"\H\loud\N\ now", "loud now"),
        (r"keep \Z99\ this", r"keep \Z99\ this"),
        (r"C:\temp", r"C:\temp"),
        (r"half \X4", r"half \X4"),
        ("\\\\", "\\\\"),
        (r"back \ and \F\ pipe", "back \\ and | pipe"),
    ],
)
def test_escapes_are_decoded_and_unknown_ones_stay(sent: str, meant: str) -> None:
    assert field(hl7(msh("ADT^A04"), f"NTE|1||{sent}"), "NTE", 3) == meant


def test_what_is_escaped_for_a_field_reads_back_as_it_was() -> None:
    text = "a|b^c&d~e\\f"
    assert field(hl7(msh("ADT^A04"), f"NTE|1||{escaped(text, Separators())}"), "NTE", 3) == text


def test_a_message_is_read_in_the_character_set_that_it_names() -> None:
    data = hl7(msh("ADT^A04", "||||||8859/15"), "NTE|1||10 EUR").replace(b"EUR", "€".encode("iso8859-15"))
    assert field(data, "NTE", 3) == "10 €"


def test_an_unnamed_character_set_is_utf_8_and_else_latin_1() -> None:
    assert field(hl7(msh("ADT^A04"), "NTE|1||Zoë"), "NTE", 3) == "Zoë"
    message = parse(hl7(msh("ADT^A04"), "NTE|1||Zo~").replace(b"Zo~", b"Zo\xeb"))
    note = message.first("NTE")
    assert note is not None
    assert note.text(3) == "Zoë"
    assert [finding.place for finding in message.findings] == ["MSH-18"]


def test_bytes_that_contradict_the_named_character_set_are_read_and_reported() -> None:
    data = hl7(msh("ADT^A04", "||||||UNICODE UTF-8"), "NTE|1||Zo~").replace(b"Zo~", b"Zo\xeb")
    assert field(data, "NTE", 3) == "Zoë"
    assert [finding.place for finding in parse(data).findings] == ["MSH-18"]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"", "MSH"),
        (b"HELLO", "MSH"),
        (b"PID|1||4711", "MSH"),
        (b"MSH", "MSH-1"),
        (b"MSHxyz", "MSH-1"),
        (b"MSH|", "MSH-2"),
        (b"MSH|^", "MSH-2"),
        (b"MSH|^^^^|EHR", "MSH-2"),
        (b"MSH|^~\\&#$|EHR", "MSH-2"),
        (b"MSH|ab\\&|EHR", "MSH-2"),
        (DFT + DFT, "MSH[2]"),
    ],
)
def test_what_is_no_message_is_refused_with_its_place(data: bytes, place: str) -> None:
    with pytest.raises(HL7Error) as caught:
        parse(data)
    assert [finding.place for finding in caught.value.findings] == [place]


@pytest.mark.parametrize(
    ("limits", "place"),
    [
        (Limits(message_bytes=50), "MSH"),
        (Limits(segments=3), "MSH"),
        (Limits(field_characters=45), "PID-3"),
    ],
)
def test_a_message_above_the_bounds_is_refused(limits: Limits, place: str) -> None:
    with pytest.raises(HL7Error) as caught:
        parse(DFT, limits)
    assert [(each.place, each.code) for each in caught.value.findings] == [(place, ErrorCode.VALUE_TOO_LONG)]


def test_a_line_that_is_no_segment_is_left_out_and_reported() -> None:
    message = parse(hl7(msh("ADT^A04"), PID, "and more of a broken note", "ZAL|custom"))
    assert [segment.name for segment in message.segments] == ["MSH", "PID", "ZAL"]
    assert [(each.code, each.value) for each in message.findings] == [(ErrorCode.SEGMENT_SEQUENCE, "1 lines")]


def test_a_position_that_is_not_there_is_empty() -> None:
    pid = parse(DFT).first("PID")
    assert pid is not None
    assert (pid.text(99), pid.text(3, 44), pid.text(3, 1, 7), pid.repetitions(99)) == ("", "", "", ())


@pytest.mark.parametrize(
    ("data", "control_id"),
    [
        (DFT, "C-100"),
        (b"garbage" + DFT, "C-100"),
        (b"MSH|^~|A|B|C|D|||ADT|C-7", "C-7"),
        (b"MSH|", ""),
        (b"", ""),
        (b"\xff\xfeM\x00S\x00H\x00", ""),
    ],
)
def test_a_header_is_salvaged_from_any_bytes(data: bytes, control_id: str) -> None:
    assert salvage_header(data).control_id == control_id
