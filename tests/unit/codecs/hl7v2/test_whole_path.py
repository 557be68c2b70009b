"""From bytes to an answer: whatever comes, there is an answer and never an accident."""

import os
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.codecs.hl7v2.acknowledgement import AcknowledgementCode, Verdict, acknowledgement, answers
from shared.codecs.hl7v2.charges import Charges
from shared.codecs.hl7v2.documents import Kind, classify, header_problems, read_document
from shared.codecs.hl7v2.findings import HL7Error, Severity
from shared.codecs.hl7v2.message import parse, salvage_header
from shared.codecs.hl7v2.mllp import MllpDecoder, frame, split_file
from tests.unit.codecs.hl7v2.messages import DFT, PID, PV1, hl7, msh

AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
OWN_MESSAGES = [
    DFT,
    hl7(
        msh("ADT^A04^ADT_A01", "|||AL|AL||||8859/1"), "EVN|A04|20260302", PID, PV1, 'IN1|1|P^\\F\\x|6||||""|G', "IN2||1"
    ),
    hl7(msh("ADT^A40"), PID, "MRG|0815^^^NORTH^MR", PID, "MRG|1~2^^^&1.2&ISO"),
    hl7(msh("SIU^S12"), "SCH|1|2|||||C|N|30|min|^^^20260309", PID, "TQ1|||||||20260309", "AIS|1||9", "AIP|1||7^S"),
    hl7(msh("BAR^P12"), PID, "DG1|1|I10|E11.9||20260301|F", "PR1|1||45380^^C4||20260302"),
    b"MSH@~*%!@E@N@L@B@20260302@@DFT~P03@C@P@2.5\rPID@1@@1~~~N~MR@@R~A\rFT1@1@T@@20260302@@CG@1~~C4@@@1@5!USD",
]
PIECES = [
    b"|",
    b"^",
    b"~",
    b"&",
    b"\\",
    b"\r",
    b"\n",
    b'""',
    b"\\X",
    b"\\F\\",
    b"MSH",
    b"MSH|",
    b"\x0b",
    b"\x1c",
    b"\xff",
    b"\x00",
]
PIECES += [
    b"-",
    b"9" * 30,
    b"1e9",
    b"20261399",
    b"+9999",
    "é".encode(),
    b"\rFT1|",
    b"\rPID|",
    b"\rIN1|",
    b"BTS|9\r",
    b"FHS|",
    b" ",
]


def answered(data: bytes) -> tuple[str, bytes]:
    """The whole path as an edge takes it: what became of the message, and the answer."""
    try:
        message = parse(data)
    except HL7Error as error:
        return "refused", acknowledgement(
            salvage_header(data), AcknowledgementCode.APPLICATION_REJECT, error.findings, control_id="L-1", at=AT
        )
    problems = header_problems(message.header, processing_ids=("P", "T", "D"))
    reading = read_document(message)
    if isinstance(reading.document, Charges) and not reading.errors:  # no charge vanishes without a word
        assert len(reading.document.transactions) == len(message.all("FT1"))
    code = AcknowledgementCode.APPLICATION_ERROR if reading.errors else AcknowledgementCode.APPLICATION_ACCEPT
    answers(message.header, Verdict.FAULTY, reading.findings, control_id="L-1", at=AT)
    answer = acknowledgement(message.header, code, problems + reading.findings, control_id="L-1", at=AT)
    outcome = "document" if reading.is_usable else "faulty"
    return ("not ours" if classify(message) is Kind.NOT_OURS else outcome), answer


def assert_is_answer(answer: bytes) -> None:
    parsed = parse(answer)
    assert [segment.name for segment in parsed.segments[:2]] == ["MSH", "MSA"]
    assert {segment.name for segment in parsed.segments[2:]} <= {"ERR"}
    assert parsed.segments[1].text(1) in ("AA", "AE", "AR")


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """One of our own messages, damaged a few times: cut, doubled, overwritten, spliced."""
    data = draw(st.sampled_from(OWN_MESSAGES))
    chance = random.Random(draw(st.integers(min_value=0, max_value=2**32)))
    for _ in range(chance.randint(1, 8)):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((0, 1, 1, 2, 5, 40)))
        insert = chance.choice((b"", chance.choice(PIECES), bytes([chance.randrange(256)]), data[end : end + 30]))
        data = data[:start] + insert + data[end:]
    return data


@settings(max_examples=2500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_a_damaged_message_is_always_answered(data: bytes) -> None:
    outcome, answer = answered(data)
    assert outcome in ("document", "faulty", "not ours", "refused")
    assert_is_answer(answer)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_always_answered(data: bytes, begins_well: bool) -> None:
    assert_is_answer(answered(b"MSH|^~\\&|" + data if begins_well else data)[1])


@settings(max_examples=300, deadline=None)
@given(mutated())
def test_any_bytes_are_always_split(data: bytes) -> None:
    contents = split_file(data)
    assert all(isinstance(message, bytes) for message in contents.messages)
    assert all(finding.severity is Severity.WARNING for finding in contents.findings)
    MllpDecoder(frame_bytes_max=64).feed(frame(data))


@pytest.mark.parametrize(
    "personal", ["Zaphod", "Zaphod Q Beebl", "999-00-4242", "999004242", "19800229", "(512)555-0142"]
)
def test_no_field_can_carry_a_persons_data_into_an_answer(personal: str) -> None:
    for data in OWN_MESSAGES[:-1]:
        segments = [segment.split(b"|") for segment in data.split(b"\r") if segment]
        for segment in segments[1:]:
            for position in range(1, max(len(segment), 30)):
                padded = [*segment, *[b""] * 30]
                changed = [*padded[:position], personal.encode(), *padded[position + 1 :]]
                rest = [changed if each is segment else each for each in segments]
                answer = answered(b"\r".join(b"|".join(each) for each in rest))[1]
                assert personal.encode() not in answer, (segment[0], position)


def samples() -> list[Path]:
    folder = os.environ.get("LEDGERLINE_SAMPLES", "")
    return sorted(Path(folder, "hl7v2").iterdir()) if folder else []


@pytest.mark.skipif(not samples(), reason="LEDGERLINE_SAMPLES names no folder with hl7v2 samples")
def test_every_sample_is_a_document_a_refusal_or_not_ours() -> None:
    outcomes: dict[str, int] = {}
    for path in samples():
        for data in split_file(path.read_bytes()).messages:
            outcome, answer = answered(data)
            assert_is_answer(answer)
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
    assert outcomes["document"] > 200
    assert outcomes.keys() <= {"document", "faulty", "not ours", "refused"}
