"""Every message gets the answer that its sender asked for, and no answer tells anything about a patient."""

from datetime import UTC, datetime

import pytest

from shared.codecs.hl7v2.acknowledgement import AcknowledgementCode, Verdict, acknowledgement, answers
from shared.codecs.hl7v2.documents import header_problems, read_document
from shared.codecs.hl7v2.findings import ErrorCode, HL7Error
from shared.codecs.hl7v2.message import Header, parse, salvage_header
from tests.unit.codecs.hl7v2.messages import DFT, PID, hl7, msh

AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)


def codes(message_header: str, verdict: Verdict) -> list[str]:
    header = parse(hl7(message_header)).header
    return [parse(each).segments[1].text(1) for each in answers(header, verdict, control_id="L-1", at=AT)]


def test_an_accepted_message_is_answered_to_its_sender_with_its_control_id() -> None:
    answer = acknowledgement(parse(DFT).header, AcknowledgementCode.APPLICATION_ACCEPT, control_id="L-1", at=AT)
    assert answer == (
        b"MSH|^~\\&|LEDGERLINE|BILLING|EHR|NORTH|20260302153000+0000||ACK^P03^ACK|L-1|P|2.5.1\rMSA|AA|C-100\r"
    )


def test_an_answer_names_segment_field_code_and_severity_of_each_fault() -> None:
    message = parse(DFT.replace(b"20260302|20260302|CG", b"20260302|20260302|XX"))
    reading = read_document(message)
    answer = parse(
        acknowledgement(
            message.header, AcknowledgementCode.APPLICATION_ERROR, reading.findings, control_id="L-1", at=AT
        )
    )
    error = answer.all("ERR")[0]
    assert error.raw(2) == "FT1^1^6^1"
    assert error.text(3) == ErrorCode.TABLE_VALUE_NOT_FOUND
    assert error.text(3, 3) == "HL70357"
    assert error.text(4) == "E"
    assert error.text(8) == "the transaction type is one of CG, CD, CR, PY, AJ, CO"
    assert answer.segments[1].text(3).startswith("FT1-6")


def test_errors_come_before_warnings_in_an_answer() -> None:
    message = parse(DFT.replace(b"|TX-1|", b"||").replace(b"|4|10.00^USD", b"|four|10.00^USD"))
    findings = read_document(message).findings
    answer = parse(
        acknowledgement(message.header, AcknowledgementCode.APPLICATION_ERROR, findings, control_id="1", at=AT)
    )
    assert [(error.text(2, 3), error.text(4)) for error in answer.all("ERR")] == [("10", "E"), ("2", "W")]


def test_no_value_of_a_patient_is_in_an_answer() -> None:
    broken = hl7(
        msh("DFT^P03"),
        PID.replace("19800229", "1980-13-45").replace("|F|", "|Rivera|"),
        "FT1|1|TX-1||Ana Rivera||Ana|Rivera^Ana|||Ana|Ana Rivera|||||||Rivera^Ana",
        "DG1|1||Rivera^Ana",
    )
    message = parse(broken)
    findings = read_document(message).findings
    answer = acknowledgement(message.header, AcknowledgementCode.APPLICATION_ERROR, findings, control_id="1", at=AT)
    assert len(findings) >= 6
    assert not any(personal in answer for personal in (b"Ana", b"Rivera", b"1980", b"4711", b"555-0100", b"Elm"))


def test_an_answer_uses_the_separators_of_the_question() -> None:
    header = parse(b"MSH@~*%!@E@N@L@B@20260302@@ADT~A04@C-1@P@2.5").header
    answer = acknowledgement(header, AcknowledgementCode.APPLICATION_ACCEPT, control_id="a@b", at=AT)
    assert answer.startswith(b"MSH@~*%!@L@B@E@N@20260302153000+0000@@ACK~A04~ACK@a%F%b@P@2.5\rMSA@AA@C-1\r")


def test_an_answer_keeps_the_character_set_of_the_question() -> None:
    data = hl7(msh("ADT^A04", "||||||8859/1").replace("NORTH", "ZUeRICH")).replace(b"Ue", b"\xfc")
    answer = acknowledgement(parse(data).header, AcknowledgementCode.APPLICATION_ACCEPT, control_id="1", at=AT)
    assert b"|Z\xfcRICH|" in answer
    assert b"|8859/1\r" in answer


@pytest.mark.parametrize("data", [b"", b"MSH", b"MSH|", b"MSH|^~\\&|", b"\x00\xff" * 50, b"MSH|^~\\&\x1c|\x0b"])
def test_even_bytes_without_a_header_are_answered(data: bytes) -> None:
    try:
        findings = header_problems(parse(data).header)
    except HL7Error as error:
        findings = error.findings
    header = salvage_header(data)
    answer = parse(acknowledgement(header, AcknowledgementCode.APPLICATION_REJECT, findings, control_id="L-1", at=AT))
    assert answer.segments[1].text(1) == "AR"
    assert answer.all("ERR")


@pytest.mark.parametrize(
    ("conditions", "accepted", "faulty", "refused"),
    [
        ("", ["AA"], ["AE"], ["AR"]),
        ("|||AL|AL", ["CA", "AA"], ["CA", "AE"], ["CR"]),
        ("|||AL|NE", ["CA"], ["CE"], ["CR"]),
        ("|||NE|AL", ["AA"], ["AE"], []),
        ("|||NE|NE", [], [], []),
        ("|||ER|ER", [], ["AE"], ["CR"]),
        ("|||SU|SU", ["CA", "AA"], [], []),
        ("|||AL", ["CA"], ["CE"], ["CR"]),
    ],
)
def test_enhanced_mode_answers_as_msh_15_and_16_ask(
    conditions: str, accepted: list[str], faulty: list[str], refused: list[str]
) -> None:
    header = msh("ADT^A04", conditions)
    assert codes(header, Verdict.ACCEPTED) == accepted
    assert codes(header, Verdict.FAULTY) == faulty
    assert codes(header, Verdict.REFUSED) == refused


def test_a_control_id_cannot_smuggle_a_segment_into_an_answer() -> None:
    header = Header(fields=("MSH", "^~\\&", "A", "B", "C", "D", "", "", "ADT^A04", "1\rMSA|AA|2", "P", "2.5"))
    answer = acknowledgement(header, AcknowledgementCode.APPLICATION_ERROR, control_id="1", at=AT)
    assert answer.count(b"\r") == 2


def test_a_message_for_training_is_refused_in_production() -> None:
    header = parse(hl7(msh("ADT^A04").replace("|P|", "|T|"))).header
    assert [(each.place, each.code) for each in header_problems(header)] == [
        ("MSH-11", ErrorCode.UNSUPPORTED_PROCESSING_ID)
    ]
    assert header_problems(header, processing_ids=("P", "T")) == ()


def test_a_message_without_type_control_id_and_of_another_standard_is_refused_for_each() -> None:
    header = parse(b"MSH|^~\\&|E|N|L|B|20260302||||P|3.0").header
    assert [each.place for each in header_problems(header)] == ["MSH-9", "MSH-10", "MSH-12"]
