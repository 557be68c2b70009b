"""Messages come out of streams and files whole, in order, and counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.codecs.hl7v2.mllp import MllpDecoder, TooLong, frame, split_file
from tests.unit.codecs.hl7v2.messages import DFT, PID, hl7, msh

A04 = hl7(msh("ADT^A04"), PID)


@given(st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=60))
def test_frames_are_the_same_however_the_stream_is_cut(sizes: list[int]) -> None:
    stream = b"noise" + frame(A04) + b"\r\n--" + frame(DFT) + frame(b"")
    decoder, frames, position, turn = MllpDecoder(), [], 0, 0
    while position < len(stream):
        size = sizes[turn % len(sizes)]
        frames += decoder.feed(stream[position : position + size])
        position, turn = position + size, turn + 1
    assert frames == [A04, DFT, b""]
    assert decoder.discarded_bytes == len(b"noise--")


def test_an_end_without_its_carriage_return_ends_the_frame_at_once() -> None:
    assert MllpDecoder().feed(b"\x0b" + A04 + b"\x1c") == [A04]


def test_a_sender_that_begins_again_inside_a_frame_is_heard_from_there() -> None:
    decoder = MllpDecoder()
    assert decoder.feed(b"\x0bMSH|half" + frame(A04)) == [A04]
    assert decoder.discarded_bytes == len(b"MSH|half")


def test_a_frame_above_the_bound_keeps_only_its_head_and_the_next_one_is_read() -> None:
    decoder = MllpDecoder(frame_bytes_max=len(A04))
    long = A04 + b"x" * 100_000
    frames = [
        each for chunk in (frame(long)[:50_000], frame(long)[50_000:], frame(A04)) for each in decoder.feed(chunk)
    ]
    assert frames == [TooLong(head=A04[:4096], length=len(long)), A04]


def test_a_file_of_one_message_is_that_message() -> None:
    contents = split_file(A04)
    assert (contents.messages, contents.findings) == ((A04,), ())


def test_a_file_of_several_messages_gives_each_with_its_own_segments() -> None:
    contents = split_file(b"\xef\xbb\xbf" + A04 + b"\n" + DFT + A04.rstrip(b"\r"))
    assert [message.count(b"PID|") for message in contents.messages] == [1, 1, 1]
    assert contents.messages[1].startswith(b"MSH") and b"FT1|2" in contents.messages[1]
    assert contents.findings == ()


def test_a_batch_file_gives_its_messages_and_its_counts_hold() -> None:
    head = "|^~\\&|EHR|NORTH|LEDGERLINE|BILLING|20260302"
    data = hl7(f"FHS{head}", f"BHS{head}") + A04 + DFT + hl7("BTS|2", f"BHS{head}") + A04 + hl7("BTS|01|done", "FTS|2")
    contents = split_file(data)
    assert contents.messages == (A04, DFT, A04)
    assert contents.findings == ()


@pytest.mark.parametrize(
    ("trailers", "expected"),
    [
        (["BTS|3", "FTS|1"], [("BTS-1", "3")]),
        (["BTS|1", "FTS|4"], [("FTS-1", "4")]),
        (["BTS|1"], [("FTS", "")]),
        ([], [("BTS", ""), ("FTS", "")]),
        (["BTS", "FTS"], []),
    ],
)
def test_a_batch_that_lost_something_says_so(trailers: list[str], expected: list[tuple[str, str]]) -> None:
    data = hl7("FHS|^~\\&|EHR", "BHS|^~\\&|EHR") + A04 + hl7(*trailers)
    contents = split_file(data)
    assert contents.messages == (A04,)
    assert [(finding.place, finding.value) for finding in contents.findings] == expected


def test_a_recorded_stream_is_unframed_and_may_hold_batches() -> None:
    contents = split_file(frame(A04) + frame(hl7("BHS|^~\\&|EHR") + DFT + hl7("BTS|1")))
    assert contents.messages == (A04, DFT)
    assert contents.findings == ()


def test_a_recorded_stream_that_was_cut_gives_what_there_is_and_says_so() -> None:
    contents = split_file(frame(A04) + b"\x0b" + DFT)
    assert contents.messages == (A04, DFT)
    assert [finding.rule for finding in contents.findings] == ["the last MLLP frame does not end"]


@pytest.mark.parametrize("data", [b"", b"no message at all", b"\x0b\x1c\r", b"\r\n"])
def test_a_file_without_a_message_comes_back_for_reading_to_refuse(data: bytes) -> None:
    assert split_file(data).messages in ((data,), ())
