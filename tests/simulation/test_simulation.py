"""Does trouble of every kind change nothing, and is a run with the same seed the same run?"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import cache

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.testing.spans import spans_told_to
from tests.simulation.checks import violations
from tests.simulation.weather import TROUBLE
from tests.simulation.world import Run, run

_SEEDS = 24
_PLAYED_AGAIN = (4, 8, 13)
_DIGESTS = f"from tests.simulation.world import run; print(*(run(seed).digest for seed in {_PLAYED_AGAIN}))"


@cache
def troubled(seed: int) -> Run:
    return run(seed)


@pytest.mark.parametrize("seed", range(_SEEDS))
def test_trouble_changes_nothing(seed: int) -> None:
    assert violations(troubled(seed), run(seed, is_calm=True)) == []


def test_every_kind_of_trouble_happens() -> None:
    met = Counter[str]()
    for seed in range(_SEEDS):
        met += troubled(seed).ground.weather.troubles
    assert TROUBLE - met.keys() == set()


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_run_of_the_same_seed_is_the_same_run(hash_seed: str) -> None:
    first = [run(seed).digest for seed in _PLAYED_AGAIN]
    assert len(set(first)) == len(_PLAYED_AGAIN)
    assert [run(seed).digest for seed in _PLAYED_AGAIN] == first
    again = subprocess.run(
        [sys.executable, "-c", _DIGESTS],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert again.stdout.split() == first


def test_traces_that_are_told_to_somebody_change_no_run() -> None:
    """Ids of spans are random numbers too."""
    before = run(_PLAYED_AGAIN[1]).digest
    with spans_told_to(InMemorySpanExporter()):
        assert run(_PLAYED_AGAIN[1]).digest == before
