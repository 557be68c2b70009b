"""Can the search of the canary run fail? A word that was planted is found in every shape, at every offset, across every boundary."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.canary import search as searching
from tests.e2e.canary.search import search, search_files
from tests.e2e.canary.words import Finder, Words

WORDS = Words()
NAME = WORDS.text("last name")
PHONE = WORDS.digits("telephone", 10)
BORN = WORDS.day("birth date")
OTHERS = [WORDS.text(f"other {number}") for number in range(500)]
FINDER = Finder(WORDS.meaning)


def found(content: bytes) -> set[str]:
    return {hit.word for hit in search("here", content, FINDER)}


@pytest.mark.parametrize("offset", range(7))
@pytest.mark.parametrize("word", [NAME, PHONE, BORN.isoformat(), OTHERS[499]])
def test_a_word_is_found_in_every_shape_at_every_offset(word: str, offset: int) -> None:
    around = b"\xfe" * offset
    raw = around + word.encode() + b"\x01\x02\x03"
    assert found(raw) == {word}
    assert found(base64.b64encode(raw)) == {word}
    assert found(base64.urlsafe_b64encode(raw)) == {word}
    assert found(raw.hex().encode()) == {word}
    assert found(raw.hex().upper().encode()) == {word}
    assert found(around + word.encode("utf-16-le") + b"??") == {word}
    assert found(around + word.encode("utf-16-be") + b"??") == {word}
    assert found("".join(f"%{byte:02X}" for byte in raw).encode()) == {word}


def test_ways_of_writing_names_numbers_and_days() -> None:
    assert found(NAME.lower().encode()) == {NAME}
    assert found(NAME.capitalize().encode()) == {NAME}
    assert found(json.dumps({"phone": f"({PHONE[:3]}) {PHONE[3:6]}-{PHONE[6:]}"}).encode()) == {PHONE}
    assert found(f"{BORN:%m/%d/%Y}".encode()) == {BORN.isoformat()}
    assert found(quote(f"{BORN:%m/%d/%Y}", safe="").encode()) == {BORN.isoformat()}
    assert found(f"|{BORN:%Y%m%d}|".encode()) == {BORN.isoformat()}
    assert found(f"9{BORN:%Y%m%d}".encode()) == set()  # part of a longer number


def test_what_is_near_a_word_is_not_one() -> None:
    assert found(f"{NAME[:-1]} {NAME[1:]} {PHONE[:-1]}x".encode()) == set()
    assert found(gzip.compress(NAME.encode() * 100)) == set()  # why tables and topics are also read as they are shown


def test_a_planted_word_is_found_in_a_file_wherever_a_read_of_it_ends(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    boundary = searching._CHUNK
    for start in (0, boundary - 5, boundary, boundary + 1000):
        file = folder / "segment"
        file.write_bytes(b"\0" * start + NAME.encode() + b"\0" * 10)
        hits, size = search_files(tmp_path, FINDER)
        assert [(hit.place, hit.word) for hit in hits] == [("deep/er/segment", NAME)]
        assert size == start + len(NAME) + 10
    file.unlink()
    assert search_files(tmp_path, FINDER) == ([], 0)
    (folder / NAME).touch()
    assert [hit.word for hit in search_files(tmp_path, FINDER)[0]] == [NAME]
