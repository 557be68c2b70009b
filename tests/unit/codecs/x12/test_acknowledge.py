"""Do we answer a file with the TA1 and the 999 that say what is wrong with it, and where?"""

from datetime import UTC, datetime

import pytest

from shared.codecs.x12.acknowledge import Answers, answers_to
from shared.codecs.x12.acknowledgement_999 import read_999, write_999
from shared.codecs.x12.acknowledgement_ta1 import write_ta1
from shared.codecs.x12.check import check
from tests.unit.codecs.x12.examples import CLAIMS
from tests.unit.codecs.x12.test_acknowledgements import GROUP

NOW = datetime(2026, 1, 11, 9, 0, tzinfo=UTC)


def answered(data: bytes) -> Answers:
    return answers_to(data, written_at=NOW, number=700)


def test_a_sound_file_is_accepted() -> None:
    answers = answered(CLAIMS)
    (interchange,), (group,) = answers.interchanges, answers.groups
    assert (interchange.status, interchange.note, interchange.interchange_control_number) == ("A", "000", "000000042")
    assert (group.status, group.functional_id, group.group_control_number) == ("A", "HC", "42")
    assert [(each.control_number, each.status, each.errors) for each in group.sets] == [("0001", "A", ())]
    assert (interchange.envelope.sender_id, interchange.envelope.receiver_id) == ("HOUSE01", "CLINIC01")
    assert interchange.envelope.interchange_control_number != group.envelope.interchange_control_number


def test_an_element_error_names_position_loop_element_and_claim() -> None:
    (group,) = answered(CLAIMS.replace(b"DTP*472*D8*20260102", b"DTP*472*D8*20261302")).groups
    (response,) = group.sets
    (error,) = response.errors
    (element,) = error.elements
    assert (group.status, response.status, response.codes) == ("R", "R", ("5",))
    assert (error.segment_id, error.position, error.loop, error.code) == ("DTP", "26", "2400", "8")
    assert (element.position, element.element_number, element.code) == (("3",), "1251", "8")
    assert element.bad_value == "20261302"
    assert [(each.name, each.value) for each in error.contexts] == [("CLM01", "CLAIM-1")]


@pytest.mark.parametrize(
    ("right", "wrong", "segment", "code"),
    [
        (b"N3*10 RIVER ROAD~\n", b"", "N3", "3"),
        (b"REF*EI*111222333~\n", b"REF*EI*111222333~\nZZ9*1~\n", "ZZ9", "1"),
        (b"REF*EI*111222333~\n", b"REF*EI*111222333~\nSV1*1~\n", "SV1", "2"),
        (b"REF*EI*111222333~\n", b"REF*EI*111222333~\nBPR*1~\n", "BPR", "6"),
        (b"REF*G1*AUTH77~\n", b"REF*G1*AUTH77~\nREF*G1*AUTH78~\n", "REF", "5"),
        (b"REF*F8*PCN-2~\n", b"", "REF", "I6"),
    ],
)
def test_a_segment_error_has_the_code_of_the_guide(right: bytes, wrong: bytes, segment: str, code: str) -> None:
    (group,) = answered(CLAIMS.replace(right, wrong, 1)).groups
    assert (segment, code) in [(error.segment_id, error.code) for error in group.sets[0].errors]


def test_a_wrong_count_rejects_its_level() -> None:
    (group,) = answered(CLAIMS.replace(b"SE*59*", b"SE*58*")).groups
    assert (group.sets[0].status, group.sets[0].codes, group.sets[0].errors) == ("R", ("4",), ())
    (group,) = answered(CLAIMS.replace(b"GE*1*42", b"GE*2*42")).groups
    assert (group.status, group.codes, group.sets_accepted) == ("R", ("5",), "0")
    (interchange,) = answered(CLAIMS.replace(b"IEA*1*000000042", b"IEA*1*000000043")).interchanges
    assert (interchange.status, interchange.note) == ("R", "001")
    (interchange,) = answered(CLAIMS[: CLAIMS.index(b"IEA")]).interchanges
    assert (interchange.status, interchange.note) == ("R", "023")


def test_a_group_with_a_good_and_a_bad_set_is_accepted_in_part() -> None:
    start, end = CLAIMS.index(b"ST*"), CLAIMS.index(b"GE*")
    bad = CLAIMS[start:end].replace(b"*0001", b"*0002").replace(b"REF*EI*111222333", b"REF*EI*")
    data = CLAIMS[:end] + bad + CLAIMS[end:].replace(b"GE*1*", b"GE*2*")
    (group,) = answered(data).groups
    assert (group.status, group.sets_included, group.sets_received, group.sets_accepted) == ("P", "2", "2", "1")
    assert [each.status for each in group.sets] == ["A", "R"]


def test_a_999_is_not_answered_with_a_999() -> None:
    answers = answered(GROUP)
    assert len(answers.interchanges) == 1
    assert answers.groups == ()


def test_personal_values_are_not_sent_back() -> None:
    damaged = CLAIMS.replace(b"*MEM001~", b"*MEM001~", 1).replace(b"DMG*D8*19800402*F", b"DMG*D8*1980ROE2*F")
    answers = answered(damaged)
    written = write_999(answers.groups)
    assert b"1980ROE2" not in written
    assert b"IK4" in written


def test_what_we_answer_is_sound_itself_and_reads_back() -> None:
    answers = answered(CLAIMS.replace(b"DTP*472*D8*20260102", b"DTP*472*D8*20261302"))
    written = write_999(answers.groups)
    assert check(written) == []
    (again,) = read_999(written)
    assert again.sets == answers.groups[0].sets
    assert check(write_ta1(answers.interchanges)) == []


def test_a_file_whose_sender_does_not_fit_is_answered_too() -> None:
    damaged = CLAIMS.replace(b"*ZZ*CLINIC01       *", b"*ZZPPP*CLINIC01 OF THE RIVER SIDE*", 1)
    answers = answered(damaged)
    assert answers.interchanges[0].envelope.receiver_id == "CLINIC01 OF THE"
    folded = answered(CLAIMS.replace(b"*CLINIC01       *", "*CLINIC01ßßßßßßß*".encode("latin-1"), 1))
    assert write_ta1(folded.interchanges).startswith(b"ISA*00*")
    assert write_999(answers.groups).startswith(b"ISA*00*")
    assert write_ta1(answers.interchanges).startswith(b"ISA*00*")
