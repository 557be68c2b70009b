"""Does the JSON of a set hold everything that the set says?

Every value of a segment has to be found again: as text, as cents, as an ISO date, as a number. What the document makes of it is
tested elsewhere; that nothing is lost is tested here.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pytest

from shared.codecs.x12.check import check
from shared.codecs.x12.claim_837d import write_837d
from shared.codecs.x12.claim_837i import write_837i
from shared.codecs.x12.claim_837p import write_837p
from shared.codecs.x12.documents import json_document
from shared.codecs.x12.envelope import read_transactions
from shared.codecs.x12.tokenizer import Segment, parts_of
from shared.codecs.x12.values import NotADay, NotAnAmount, to_cents, to_day
from tests.unit.codecs.x12.examples import REVIEW_REQUEST, REVIEW_RESPONSE
from tests.unit.codecs.x12.generated import dental_batch, institutional_batch, professional_batch
from tests.unit.codecs.x12.test_check import SOUND

# What only holds a set together: its place in the file, the order of its levels, the format of a value beside it.
_STRUCTURE = frozenset(("ST", "SE", "HL", "LX", "LS", "LE"))
_FORMATS = frozenset(("D8", "RD8", "DT", "TM"))
# What the name of the value in the document says: AMT*F5 is `patient_paid_cents`, HI*ABK the principal diagnosis.
_NAMED = frozenset(("AMT", "DTM", "DTP", "HI", "NTE", "PRV", "REF", "TOO", "TRN"))
# What the document says in another way: structure and moment of BHT, is_person, relationship, is_valid_request, and the time
# of an admission beside its day.
_TOLD_OTHERWISE = {"BHT": (1, 4, 5), "NM1": (2,), "SBR": (2,), "AAA": (1,), "PRV": (1, 2)}


def words_of(value: object, separators: str) -> Iterator[str]:
    """Every scalar of a document, and every part of a segment that it keeps as sent."""
    match value:
        case dict():
            for each in value.values():
                yield from words_of(each, separators)
        case list():
            for each in value:
                yield from words_of(each, separators)
        case None | bool():
            pass
        case _:
            text = str(value)
            yield text
            yield from (part.strip() for part in re.split(f"[{re.escape(separators)}]", text))
            yield from re.findall(r"\b\d{8}\b", text)  # of a period
            if re.fullmatch(r"-?[0-9]+\.[0-9]+", text):
                yield f"{Decimal(text).normalize():f}"


def is_said(value: str, words: set[str]) -> bool:
    if value in words or value.lstrip("0") in words or f"{value[:2]}:{value[2:]}:00" in words:
        return True
    for read in (to_cents, to_day):
        with suppress(NotAnAmount, NotADay):
            if str(read(value)) in words:
                return True
    with suppress(InvalidOperation):
        return f"{Decimal(value).normalize():f}" in words
    return False


def values_of(segment: Segment) -> Iterator[tuple[str, str]]:
    name = segment.id
    if name in _STRUCTURE:
        return
    dialect = segment.dialect
    for index in range(1, len(segment.elements)):
        if index in _TOLD_OTHERWISE.get(name, ()) or (index == 1 and name in _NAMED and name != "HI"):
            continue
        for repeat in parts_of(segment[index], dialect.repetition):
            for place, part in enumerate(parts_of(repeat, dialect.component)):
                if name == "HI" and place == 0:
                    continue
                is_moment = re.fullmatch(r"\d{8}-\d{8}", part) or (name == "DTP" and re.fullmatch(r"\d{12}", part))
                pieces = re.findall(r"\d{8}|\d{4}$", part) if is_moment else [part]
                for piece in pieces:
                    if len(piece) > 1 and piece not in _FORMATS:
                        yield f"{name}{index:02d}", piece


def lost_of(data: bytes) -> list[str]:
    lost: list[str] = []
    documents = [each for each in json_document(data)["transactions"] if each["set"] != "TA1"]
    for transaction, document in zip(read_transactions(data), documents, strict=True):
        separators = transaction.segments[0].dialect
        marks = "".join((separators.element, separators.component, separators.repetition))
        words = set(words_of(_without_envelope(document), marks))
        for segment in transaction.segments:
            lost += [f"{place} {value}" for place, value in values_of(segment) if not is_said(value, words)]
    return lost


def _without_envelope(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != "problems"}


FILES = {
    **{kind: data for kind, data in SOUND.items() if kind != "TA1"},
    "278 request": REVIEW_REQUEST,
    "278 response": REVIEW_RESPONSE,
}


@pytest.mark.parametrize("kind", FILES)
def test_nothing_that_a_set_says_is_lost_in_its_json(kind: str) -> None:
    assert lost_of(FILES[kind]) == []


@pytest.mark.parametrize("kind", ["837P", "837I", "837D"])
def test_nothing_of_generated_claims_is_lost_in_their_json(kind: str) -> None:
    written = {
        "837P": lambda: write_837p([professional_batch(7, 16)]),
        "837I": lambda: write_837i([institutional_batch(7, 15)]),
        "837D": lambda: write_837d([dental_batch(7, 20)]),
    }[kind]()
    assert lost_of(written) == []


_ROOT = os.environ.get("LEDGERLINE_SAMPLES", "")
SAMPLES = sorted(Path(_ROOT, "x12").glob("*/*.edi")) if _ROOT else []


@pytest.mark.skipif(not SAMPLES, reason="LEDGERLINE_SAMPLES names no folder with x12 samples")
def test_nothing_that_a_sound_sample_says_is_lost_in_its_json() -> None:
    """A value that cannot be read is a problem and no value, and what stands where nothing may stand has no word."""
    sound = [path for path in SAMPLES if not [each for each in check(path.read_bytes()) if each.severity == "error"]]
    assert len(sound) >= 50
    assert {path.name: lost for path in sound if (lost := lost_of(path.read_bytes()))} == {}
