"""A practice's month, on both feeds, with processes killed at random: the same balances to the cent, and nothing violated."""

from __future__ import annotations

import os

import pytest

from shared.runtime.native import kafka
from tests.e2e.machine import Faults, Played, played

SEED = int(os.environ.get("LEDGERLINE_E2E_SEED", "7"))
KILL_SEED = int(os.environ.get("LEDGERLINE_E2E_KILL_SEED", "4711"))
FAULTS = Faults(count=5, seed=KILL_SEED)


@pytest.fixture(scope="session")
def undisturbed() -> Played:
    return played("postgres", seed=SEED)


@pytest.mark.timeout(1200)
def test_an_undisturbed_month_leaves_everything_in_order(undisturbed: Played) -> None:
    assert undisturbed.violations == []
    assert undisturbed.balances.keys() >= {"patient", "payer:1"}
    assert len(undisturbed.accounts) > 40


@pytest.mark.timeout(1200)
def test_five_kills_on_the_postgres_feed_change_no_cent(undisturbed: Played) -> None:
    print(f"LEDGERLINE_E2E_KILL_SEED={KILL_SEED}")
    disturbed = played("postgres", seed=SEED, faults=FAULTS)
    assert len(disturbed.harms) == FAULTS.count
    assert disturbed.violations == []
    assert disturbed.balances == undisturbed.balances
    assert disturbed.accounts == undisturbed.accounts


@pytest.mark.timeout(1800)
def test_five_kills_on_the_kafka_feed_change_no_cent(
    undisturbed: Played, kafka_distribution: kafka.Distribution
) -> None:
    print(f"LEDGERLINE_E2E_KILL_SEED={KILL_SEED}")
    disturbed = played("kafka", seed=SEED, faults=FAULTS)
    assert len(disturbed.harms) == FAULTS.count
    assert disturbed.violations == []
    assert disturbed.balances == undisturbed.balances
    assert disturbed.accounts == undisturbed.accounts
