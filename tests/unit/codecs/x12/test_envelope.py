"""Do counts and control numbers agree, and is each set told apart?"""

from datetime import UTC, datetime

import pytest

from shared.codecs.x12.claim_837p import read_837p
from shared.codecs.x12.envelope import read_transactions, sniff
from shared.codecs.x12.problems import Problems, X12Error
from tests.unit.codecs.x12.examples import CLAIMS, REMITTANCE


def problems_of(data: bytes) -> list[X12Error]:
    problems = Problems()
    list(read_transactions(data, problems))
    return list(problems)


def test_a_sound_interchange_has_no_problems() -> None:
    assert problems_of(REMITTANCE + CLAIMS) == []


@pytest.mark.parametrize(
    ("right", "wrong", "element", "rule"),
    [
        (b"SE*43*0001", b"SE*42*0001", "SE01", "SE01 counts the segments from ST to SE"),
        (b"SE*43*0001", b"SE*44*0002", "SE02", "SE02 repeats ST02"),
        (b"GE*1*101", b"GE*2*101", "GE01", "GE01 counts the sets of the group"),
        (b"GE*1*101", b"GE*1*999", "GE02", "GE02 repeats GS06"),
        (b"IEA*1*000000101", b"IEA*2*000000101", "IEA01", "IEA01 counts the groups of the interchange"),
        (b"IEA*1*000000101", b"IEA*1*000000102", "IEA02", "IEA02 repeats ISA13"),
        (b"SE*43*0001~\n", b"", "ST", "a transaction set ends with SE"),
        (b"GE*1*101~\n", b"", "GS", "a group ends with GE"),
        (b"IEA*1*000000101~\n", b"", "ISA", "an interchange ends with IEA"),
    ],
)
def test_every_broken_envelope_names_element_and_rule(right: bytes, wrong: bytes, element: str, rule: str) -> None:
    assert (element, rule) in [(p.element, p.rule) for p in problems_of(REMITTANCE.replace(right, wrong))]


def test_the_same_interchange_twice_in_a_file_is_noticed() -> None:
    assert [p.rule for p in problems_of(REMITTANCE + REMITTANCE)] == ["ISA13 is unique in the file"]


def test_sets_are_told_apart_by_guide_number_whatever_the_suffix() -> None:
    assert sniff(REMITTANCE) == "835"
    assert sniff(CLAIMS) == "837P"
    assert sniff(CLAIMS.replace(b"X222A1", b"X222A2")) == "837P"
    assert sniff(CLAIMS.replace(b"X222A1", b"X223A3")) == "837I"
    assert sniff(b"MSH|^~\\&|") is None


def test_a_set_carries_its_routing_and_its_bytes() -> None:
    (transaction,) = read_transactions(REMITTANCE)
    envelope = transaction.envelope
    assert (envelope.sender_id, envelope.receiver_id, envelope.usage) == ("PAYER01", "CLINIC01", "T")
    assert envelope.written_at == datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
    assert envelope.interchange_control_number == "000000101"
    start, end = REMITTANCE.index(b"ST*835"), REMITTANCE.index(b"GE*1*")
    assert transaction.raw == REMITTANCE[start:end].replace(b"\n", b"")


def test_problems_never_show_what_a_person_is_called() -> None:
    broken = CLAIMS.replace(b"DMG*D8*19800402*F", b"DMG*D8*NOT-A-DATE*F")
    problems = Problems()
    list(read_837p(broken, problems))
    assert [(p.element, p.found) for p in problems] == [("DMG02", "(withheld)")]
