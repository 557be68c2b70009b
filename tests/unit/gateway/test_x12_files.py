"""Does an X12 file go to the service that it is for?"""

from __future__ import annotations

from datetime import UTC

import pytest

from services.gateway.mapping.naming import Naming
from services.gateway.parts import Fate
from services.gateway.service_answers import remarks
from services.gateway.x12_files import plan_interchange, transaction_sets

NAMING = Naming(key=b"k" * 32, document_id="0" * 64, zone=UTC)
ISA = "ISA*00*          *00*          *ZZ*PAYER          *ZZ*PROVIDER       *260302*1200*^*00501*000000001*0*P*:"


def file(*segments: str, end: str = "~", between: str = "*", guide: str = "005010X221A1") -> bytes:
    group = f"GS*HP*PAYER*PROVIDER*20260302*1200*1*X*{guide}"
    told = end.join([ISA, group, *segments, "GE*1*1", "IEA*1*000000001", ""])
    return told.replace("*", between).encode()


@pytest.mark.parametrize(
    ("kind", "service", "path"),
    [
        ("835", "payments", "/remittances"),
        ("999", "claims", "/acknowledgements"),
        ("277", "claims", "/acknowledgements"),
        ("271", "eligibility", "/answers"),
    ],
)
def test_a_transaction_set_names_the_service(kind: str, service: str, path: str) -> None:
    content = file(f"ST*{kind}*0001", "SE*2*0001")
    told = plan_interchange(content, NAMING)
    assert told.fate is Fate.DELIVER
    assert [(part.service, part.path, part.content) for part in told.parts] == [(service, path, content)]


@pytest.mark.parametrize(("end", "between"), [("~", "*"), ("~\r\n", "*"), ("\n", "|"), ("'", "+")])
def test_separators_are_those_of_the_file(end: str, between: str) -> None:
    assert transaction_sets(file("ST*835*0001", "SE*2*0001", end=end, between=between)) == ["835"]


def test_a_ta1_alone_is_an_acknowledgement() -> None:
    told = plan_interchange((ISA + "~TA1*000000001*260302*1200*A*000~IEA*0*000000001~").encode(), NAMING)
    assert (told.type, told.parts[0].service) == ("TA1", "claims")


def test_a_277_that_acknowledges_claims_is_named_so() -> None:
    assert transaction_sets(file("ST*277*0001*005010X214", "SE*2*0001")) == ["277CA"]
    assert transaction_sets(file("ST*277*0001", "SE*2*0001", guide="005010X214")) == ["277CA"]
    assert transaction_sets(file("ST*277*0001*005010X212", "SE*2*0001", guide="005010X212")) == ["277"]


def test_a_file_with_answers_for_two_services_goes_to_both() -> None:
    told = plan_interchange(file("ST*835*0001", "SE*2*0001", "ST*999*0002", "SE*2*0002"), NAMING)
    assert [part.service for part in told.parts] == ["payments", "claims"]


@pytest.mark.parametrize("kind", ["837", "270", "276", "278", "820", "834", "997", "824"])
def test_what_nobody_takes_is_refused_by_name(kind: str) -> None:
    told = plan_interchange(file(f"ST*{kind}*0001", "SE*2*0001"), NAMING)
    assert told.fate is Fate.REFUSE
    assert (told.notes[0].place, told.notes[0].value) == ("ST01", kind)


@pytest.mark.parametrize("content", [b"ISA", b"ISA*00*", ISA.encode() + b"~IEA*0*000000001~"])
def test_an_interchange_without_content_is_refused(content: bytes) -> None:
    assert plan_interchange(content, NAMING).fate is Fate.REFUSE


def test_what_payments_holds_is_held_and_what_it_knows_is_told() -> None:
    held = {"control_number": "0001", "outcome": "held", "findings": []}
    known = {"control_number": "0002", "outcome": "known", "findings": []}
    assert [(note.place, note.severity) for note in remarks([held, known])] == [
        ("ST 0001", "held"),
        ("ST 0002", "warning"),
    ]


def test_an_acknowledgement_of_what_nobody_sent_is_held() -> None:
    told = {"findings": [], "parts": [{"about": "batch 9", "code": "batch-unknown", "rule": "nobody sent this batch"}]}
    [note] = remarks(told)
    assert (note.place, note.value, note.severity) == ("batch 9", "batch-unknown", "held")
