"""Is every real sample read without an exception, and is writing its segments back identity?"""

import json
import os
from pathlib import Path

import pytest

from shared.codecs.x12.balance import balance
from shared.codecs.x12.check import check, json_document
from shared.codecs.x12.claim_837p import read_837p
from shared.codecs.x12.remittance_835 import read_835, write_835
from shared.codecs.x12.tokenizer import read_segments
from shared.codecs.x12.writer import SegmentWriter

_ROOT = os.environ.get("LEDGERLINE_SAMPLES", "")
SAMPLES = sorted(Path(_ROOT, "x12").glob("*/*.edi")) if _ROOT else []
pytestmark = pytest.mark.skipif(not SAMPLES, reason="LEDGERLINE_SAMPLES names no folder with x12 samples")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_segments_of_a_sample_survive_writing_and_reading(path: Path) -> None:
    segments = [segment for segment in read_segments(path.read_bytes()) if segment.id not in ("ISA", "IEA")]
    assert segments
    for segment in segments:
        writer = SegmentWriter(segment.dialect, is_upper_case=False)
        text = writer.copy(segment)
        again = type(segment)(0, tuple(text.split(segment.dialect.element)), segment.dialect)
        assert writer.copy(again) == text
        if text.isascii() and segment.raw.decode("latin-1").isprintable() and segment.raw.isascii():
            assert again == segment


@pytest.mark.parametrize("path", [p for p in SAMPLES if p.parent.name == "835"], ids=lambda path: path.stem)
def test_every_835_sample_reads_and_writes_back_the_same(path: Path) -> None:
    advices = list(read_835(path.read_bytes()))
    assert advices
    for advice in advices:
        assert isinstance(balance(advice), list)
        (again,) = read_835(write_835([advice]))
        assert (again.header, again.claims) == (advice.header, advice.claims)
        assert again.provider_adjustments == advice.provider_adjustments


@pytest.mark.parametrize("path", [p for p in SAMPLES if p.parent.name == "837P"], ids=lambda path: path.stem)
def test_every_837p_sample_reads(path: Path) -> None:
    claims = [claim for batch in read_837p(path.read_bytes()) for claim in batch.claims]
    assert all(claim.charged_cents >= 0 for claim in claims)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_sample_is_checked_and_has_a_json_form(path: Path) -> None:
    data = path.read_bytes()
    assert json.loads(json.dumps(json_document(data)))["transactions"]
    assert all(finding.segment >= 0 and finding.rule for finding in check(data))
