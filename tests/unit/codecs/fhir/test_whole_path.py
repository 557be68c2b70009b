"""From bytes to an OperationOutcome: whatever comes, there is an answer and never an accident."""

import json
import os
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.codecs.fhir.findings import FhirError
from shared.codecs.fhir.outcome import operation_outcome_json
from shared.codecs.fhir.reading import read
from tests.unit.codecs.fhir.resources import ALL, bundle

ODD_VALUES = [
    None,
    True,
    -1,
    0,
    10**30,
    1.005,
    "",
    "x" * 300,
    "2026-02-30",
    "9999-99-99T99:99:99Z",
    "#",
    "urn:uuid:none",
    [],
    {},
]
ODD_VALUES += [
    [[]],
    [None],
    {"value": "1"},
    {"reference": "#"},
    {"coding": "x"},
    "Patient?identifier=|",
    "Infinity",
    "1e400",
    "￿",
]


def answered(data: bytes) -> str:
    try:
        document = read(data)
    except FhirError as error:
        assert error.findings
        return outcome_of(operation_outcome_json(error.findings), "refused")
    if document.is_usable and document.bundle_type:  # nothing vanishes without a word
        assert len(document.views) + len(document.ignored) == len(json.loads(data).get("entry") or [])
    answer = operation_outcome_json(document.findings)
    return outcome_of(answer, "document" if document.is_usable else "faulty")


def outcome_of(answer: bytes, outcome: str) -> str:
    assert json.loads(answer)["resourceType"] == "OperationOutcome"
    return outcome


def damaged(value: object, chance: random.Random) -> object:
    """The same JSON with one place, found by chance, replaced, removed, doubled or renamed."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        name = chance.choice(list(value))
        rest = {key: each for key, each in value.items() if key != name}
        match chance.randrange(8):
            case 0:
                return rest
            case 1:
                return rest | {f"{name}X": value[name]}
            case _:
                return value | {name: damaged(value[name], chance)}
    if isinstance(value, list) and value and chance.random() < 0.8:
        index = chance.randrange(len(value))
        changed = damaged(value[index], chance)
        return [*value[:index], changed, *([value[index]] if chance.random() < 0.2 else []), *value[index + 1 :]]
    return chance.choice(ODD_VALUES)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    chance = random.Random(draw(st.integers(min_value=0, max_value=2**32)))
    resource = json.loads(draw(st.sampled_from(ALL)))
    for _ in range(chance.randint(1, 4)):
        if isinstance(resource, dict):
            resource = damaged(resource, chance)
    return json.dumps(resource).encode()


@settings(max_examples=2200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
def test_a_damaged_resource_is_always_answered(data: bytes) -> None:
    assert answered(data) in ("document", "faulty", "refused")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(min_value=0, max_value=2**32))
def test_a_damaged_bundle_is_always_answered(seed: int) -> None:
    data = json.dumps(damaged(json.loads(bundle(*ALL)), random.Random(seed))).encode()
    assert answered(data) in ("document", "faulty", "refused")


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200), st.integers(min_value=0, max_value=3000))
def test_any_bytes_are_always_answered(junk: bytes, position: int) -> None:
    whole = bundle(*ALL[:2])
    assert answered(junk) in ("faulty", "refused")
    assert answered(whole[:position] + junk) in ("document", "faulty", "refused")


def samples() -> list[Path]:
    folder = os.environ.get("LEDGERLINE_SAMPLES", "")
    return sorted(Path(folder, "fhir").glob("*/*.json")) if folder else []


@pytest.mark.skipif(not samples(), reason="LEDGERLINE_SAMPLES names no folder with fhir samples")
def test_every_sample_is_views_or_a_refusal_or_not_ours() -> None:
    views = 0
    for path in samples():
        data = path.read_bytes()
        assert answered(data) in ("document", "faulty"), path.name
        views += len(read(data).views)
    assert views > 900
