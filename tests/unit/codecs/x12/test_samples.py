"""Is every real sample read without an exception, and is writing its segments back identity?"""

import csv
import json
import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from shared.codecs.x12.balance import balance
from shared.codecs.x12.check import check, json_document
from shared.codecs.x12.claim_837d import read_837d, write_837d
from shared.codecs.x12.claim_837i import read_837i, write_837i
from shared.codecs.x12.claim_837p import read_837p, write_837p
from shared.codecs.x12.remittance_835 import read_835, write_835
from shared.codecs.x12.tokenizer import read_segments
from shared.codecs.x12.writer import write_segments

_ROOT = os.environ.get("LEDGERLINE_SAMPLES", "")
_MANIFEST = Path(_ROOT, "x12", "MANIFEST.tsv").read_text().splitlines() if _ROOT else []
VERDICTS = {row["file"]: row["pyx12_verdict"] for row in csv.DictReader(_MANIFEST, delimiter="\t")}
SAMPLES = sorted(Path(_ROOT, "x12").glob("*/*.edi")) if _ROOT else []
pytestmark = pytest.mark.skipif(not SAMPLES, reason="LEDGERLINE_SAMPLES names no folder with x12 samples")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_segments_of_a_sample_survive_writing_and_reading(path: Path) -> None:
    segments = list(read_segments(path.read_bytes()))
    assert segments
    assert list(read_segments(write_segments(segments))) == segments


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_sample_that_the_other_validator_accepts_has_no_error(path: Path) -> None:
    verdict = VERDICTS[f"{path.parent.name}/{path.name}"]
    errors = [finding for finding in check(path.read_bytes()) if finding.severity == "error"]
    assert not (verdict.startswith("ok") and errors), errors
    assert all(finding.rule and finding.message for finding in errors)


@pytest.mark.parametrize("path", [p for p in SAMPLES if p.parent.name == "835"], ids=lambda path: path.stem)
def test_every_835_sample_reads_and_writes_back_the_same(path: Path) -> None:
    advices = list(read_835(path.read_bytes()))
    assert advices
    for advice in advices:
        assert isinstance(balance(advice), list)
        (again,) = read_835(write_835([advice]))
        assert (again.header, again.claims) == (advice.header, advice.claims)
        assert again.provider_adjustments == advice.provider_adjustments


_CLAIMS = {
    "837P": (read_837p, write_837p),
    "837I": (read_837i, write_837i),
    "837D": (read_837d, write_837d),
}


@pytest.mark.parametrize("path", [p for p in SAMPLES if p.parent.name in _CLAIMS], ids=lambda path: path.stem)
def test_claims_of_a_sample_are_the_same_when_they_are_written_and_read_again(path: Path) -> None:
    """The first writing folds letters and puts segments in order; from then on nothing changes."""
    read, write = _CLAIMS[path.parent.name]
    for batch in read(path.read_bytes()):  # type: ignore[operator]
        envelope = replace(batch.envelope, interchange_control_number="000000001", group_control_number="1")
        settled = write([replace(batch, envelope=envelope)])  # type: ignore[operator]
        (again,) = read(settled)  # type: ignore[operator]
        assert [claim.claim_id.upper() for claim in again.claims] == [claim.claim_id.upper() for claim in batch.claims]
        assert [claim.charged_cents for claim in again.claims] == [claim.charged_cents for claim in batch.claims]
        assert write([again]) == settled  # type: ignore[operator]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_sample_is_checked_and_has_a_json_form(path: Path) -> None:
    data = path.read_bytes()
    assert json.loads(json.dumps(json_document(data)))["transactions"]
    assert all(finding.segment >= 0 and finding.rule for finding in check(data))
