"""Bytes are exact JSON within bounds, or a named refusal."""

from decimal import Decimal

import pytest

from shared.codecs.fhir.findings import FhirError, IssueType
from shared.codecs.fhir.parsing import Limits, parse_json
from shared.codecs.fhir.reading import read


def test_numbers_keep_every_digit() -> None:
    parsed = parse_json(b'{"a": 0.10, "b": 12345678901234567.89, "c": 3}')
    assert parsed == {"a": Decimal("0.10"), "b": Decimal("12345678901234567.89"), "c": 3}
    assert str(parsed["a"]) == "0.10"


def test_a_byte_order_mark_is_no_part_of_a_document() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", IssueType.STRUCTURE),
        (b"{", IssueType.STRUCTURE),
        (b"[]", IssueType.STRUCTURE),
        (b"null", IssueType.STRUCTURE),
        (b'{"a": "\xff"}', IssueType.STRUCTURE),
        (b'{"a": NaN}', IssueType.STRUCTURE),
        (b'{"a": Infinity}', IssueType.STRUCTURE),
        (b'{"a": 1, "a": 2}', IssueType.STRUCTURE),
        (b'{"a": 1e999}', IssueType.STRUCTURE),
        (b'{"a": ' + b"9" * 5000 + b"}", IssueType.STRUCTURE),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", IssueType.TOO_COSTLY),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, IssueType.TOO_COSTLY),
    ],
)
def test_what_is_no_sound_json_object_is_refused(data: bytes, code: IssueType) -> None:
    with pytest.raises(FhirError) as caught:
        parse_json(data)
    assert [(each.place, each.code) for each in caught.value.findings] == [("$this", code)]


@pytest.mark.parametrize("limits", [Limits(document_bytes=20), Limits(entries=0)])
def test_a_document_above_the_bounds_is_refused(limits: Limits) -> None:
    with pytest.raises(FhirError) as caught:
        read(b'{"resourceType": "Bundle", "type": "batch", "entry": [{}]}', limits)
    assert caught.value.findings[0].code is IssueType.TOO_COSTLY


@pytest.mark.parametrize("data", [b"{}", b'{"resourceType": 7}', b'{"resourceType": ""}'])
def test_a_document_without_a_resource_type_is_refused(data: bytes) -> None:
    with pytest.raises(FhirError) as caught:
        read(data)
    assert caught.value.findings[0].code is IssueType.REQUIRED
