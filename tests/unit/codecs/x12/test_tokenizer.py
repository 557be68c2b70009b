"""Are segments found whatever the delimiters, decoration and damage?"""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import Dialect, Limits, Segment, read_segments
from shared.codecs.x12.writer import SegmentWriter
from tests.unit.codecs.x12.examples import CLAIMS, REMITTANCE, harmed


def contents(data: bytes) -> list[Segment]:
    return list(read_segments(data))[1:]  # ISA differs by its own delimiters


def redelimited(data: bytes, dialect: Dialect) -> bytes:
    table = bytes.maketrans(b"*:^~", "".join((dialect.element, dialect.component, "!", dialect.terminator)).encode())
    return data.replace(b"~\n", b"~").translate(table)


@pytest.mark.parametrize("terminator", ["~", "\n", "'", "\x1c", "|"])
def test_delimiters_come_from_the_isa_and_from_nowhere_else(terminator: str) -> None:
    odd = redelimited(REMITTANCE, Dialect("#", ">", "!", terminator))
    assert contents(odd) == contents(REMITTANCE)


def test_decoration_between_segments_is_dropped() -> None:
    windows = b"\xef\xbb\xbf \r\n" + REMITTANCE.replace(b"\n", b"\r\n  ") + b"\x00\x1a\r\n"
    problems = Problems()
    assert [s.elements for s in read_segments(windows, problems)] == [s.elements for s in read_segments(REMITTANCE)]
    assert problems == []


def test_each_interchange_of_a_file_has_its_own_delimiters() -> None:
    second = redelimited(CLAIMS, Dialect("|", ">", "!", "\n"))
    both = list(read_segments(REMITTANCE + second))
    assert [s.id for s in both if s.id in ("ISA", "IEA")] == ["ISA", "IEA", "ISA", "IEA"]
    assert [s.number for s in both] == list(range(1, len(both) + 1))


@pytest.mark.parametrize("size", [1, 7, 105, 106, 107, 1000])
def test_it_does_not_matter_how_the_bytes_arrive(size: int) -> None:
    data = REMITTANCE + CLAIMS
    chunks = (data[at : at + size] for at in range(0, len(data), size))
    assert [s.elements for s in read_segments(chunks)] == [s.elements for s in read_segments(data)]


def test_a_wrongly_padded_isa_is_read_by_its_separators() -> None:
    problems = Problems()
    short = REMITTANCE.replace(b"PAYER01        *", b"PAYER01*", 1)
    assert contents(short) == contents(REMITTANCE)
    assert [s.elements for s in read_segments(short, problems)][1][0] == "GS"
    assert [p.rule for p in problems] == ["ISA is 106 fixed bytes"]


def test_names_in_latin_1_are_read_and_their_bytes_kept() -> None:
    latin = REMITTANCE.replace(b"ROE*JANE", "RO\xc9*JANE".encode("latin-1"))
    segment = next(s for s in read_segments(latin) if s[1] == "QC")
    assert segment[3] == "RO\xc9"
    assert b"RO\xc9*JANE" in segment.raw
    utf8 = REMITTANCE.replace(b"ROE*JANE", "RO\xc9*JANE".encode())
    assert next(s for s in read_segments(utf8) if s[1] == "QC")[3] == "RO\xc9"


def test_what_is_no_x12_is_one_problem_and_no_segment() -> None:
    problems = Problems()
    assert list(read_segments(b"MSH|^~\\&|A|B", problems)) == []
    assert "an interchange starts with ISA" in [p.rule for p in problems]


def test_a_segment_over_the_limit_is_refused_and_the_rest_is_read() -> None:
    problems = Problems()
    fat = REMITTANCE.replace(b"REF*EV*CLINIC01~", b"REF*EV*" + b"A" * 500_000 + b"~")
    found = [s.id for s in read_segments(fat, problems, Limits(segment_bytes=10_000))]
    assert found == [s.id for s in read_segments(REMITTANCE) if not (s.id == "REF" and s[1] == "EV")]
    assert [p.rule for p in problems] == ["a segment is not longer than the limit"]


def test_a_segment_with_too_many_elements_is_refused() -> None:
    problems = Problems()
    wide = REMITTANCE.replace(b"REF*EV*CLINIC01~", b"REF" + b"*A" * 5_000 + b"~")
    assert len(list(read_segments(wide, problems))) == len(list(read_segments(REMITTANCE))) - 1
    assert len(problems) == 1


@given(st.binary(max_size=2000))
@settings(max_examples=300, deadline=None)
def test_hostile_bytes_never_raise(data: bytes) -> None:
    problems = Problems()
    segments = list(read_segments(data, problems))
    assert segments or problems


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_interchange_never_raises(data: st.DataObject) -> None:
    source = harmed(data, CLAIMS)
    problems = Problems()
    segments = list(read_segments(source, problems))
    assert segments or problems


values = st.text(st.characters(codec="ascii", exclude_characters="*:^~\r\n\x00\x1a", min_codepoint=33), max_size=12)


@given(st.lists(st.lists(values, min_size=1, max_size=4).map(tuple), min_size=1, max_size=8))
def test_a_segment_that_was_written_reads_the_same(elements: list[tuple[str, ...]]) -> None:
    writer = SegmentWriter(is_upper_case=False)
    text = writer.segment("ZZZ", "A", *elements, "B")
    header = REMITTANCE[:106]
    read = list(read_segments(header + text.encode() + b"~IEA*0*000000101~"))[1]
    assert writer.copy(read) == text
    assert read == Segment(0, tuple(text.split("*")))


def test_reading_time_grows_with_the_file_and_not_faster() -> None:
    junk = [b"ISA" * 20_000, b"IEA*" * 20_000, REMITTANCE[:106] + b"ISA*~" * 20_000, b"~" * 60_000]
    for hostile in junk:
        started = time.process_time()
        list(read_segments(REMITTANCE[:106] + hostile))
        assert time.process_time() - started < 5
