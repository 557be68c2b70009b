"""The long form of test_practice_under_kills.py, which `make test-faults` runs: 90 days of 200 patients under 200 faults, on each feed.

Random processes are killed or stopped for a while. In the end the balances are those of the undisturbed run, account by account, and
nothing is violated. What was done, how long it took to recover and what the logs say of it lies in build/faults-FEED.json.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Literal

import pytest

from shared.runtime.native import kafka
from tests.e2e.machine import Faults, Harm, Played, played

PATIENTS = int(os.environ.get("LEDGERLINE_FAULTS_PATIENTS", "200"))
DAYS = int(os.environ.get("LEDGERLINE_FAULTS_DAYS", "90"))
SEED = int(os.environ.get("LEDGERLINE_E2E_SEED", "7"))
FAULTS = Faults(
    count=int(os.environ.get("LEDGERLINE_FAULTS", "200")),
    seed=int(os.environ.get("LEDGERLINE_E2E_KILL_SEED", "4711")),
    stops=0.25,
    pause_seconds=(0.5, 4.0),
)
FIGURES = Path(__file__).resolve().parents[2] / "build"

pytestmark = pytest.mark.timeout(4 * 3600)


@pytest.fixture(scope="module")
def undisturbed() -> Played:
    return played("postgres", seed=SEED, patients=PATIENTS, days=DAYS)


def test_faults_on_the_postgres_feed_change_no_cent(undisturbed: Played) -> None:
    under_faults("postgres", undisturbed)


def test_faults_on_the_kafka_feed_change_no_cent(undisturbed: Played, kafka_distribution: kafka.Distribution) -> None:
    under_faults("kafka", undisturbed)


def under_faults(feed: Literal["postgres", "kafka"], undisturbed: Played) -> None:
    print(f"LEDGERLINE_E2E_SEED={SEED} LEDGERLINE_E2E_KILL_SEED={FAULTS.seed}")
    disturbed = played(feed, seed=SEED, patients=PATIENTS, days=DAYS, faults=FAULTS)
    write_figures(feed, undisturbed, disturbed)
    assert undisturbed.violations == []
    assert disturbed.violations == []
    assert disturbed.balances == undisturbed.balances
    assert disturbed.accounts == undisturbed.accounts
    assert len(disturbed.harms) == FAULTS.count, "the practice was over before: play more days or patients"


def write_figures(feed: str, undisturbed: Played, disturbed: Played) -> None:
    FIGURES.mkdir(exist_ok=True)
    file = FIGURES / f"faults-{feed}.json"
    file.write_text(json.dumps(figures(feed, undisturbed, disturbed), indent=2) + "\n")
    print(f"figures in {file}")


def figures(feed: str, undisturbed: Played, disturbed: Played) -> dict[str, Any]:
    by_kind: defaultdict[str, list[Harm]] = defaultdict(list)
    for harm in disturbed.harms:
        by_kind[f"{harm.signal} {harm.victim}"].append(harm)
    return {
        "feed": feed,
        "patients": PATIENTS,
        "days": DAYS,
        "seed": SEED,
        "kill_seed": FAULTS.seed,
        "faults": {kind: len(harms) for kind, harms in sorted(by_kind.items())},
        "recovery_seconds": {
            kind: spread([each.recovery_seconds for each in by_kind[kind]]) for kind in sorted(by_kind)
        },
        "recovery_seconds_of_all": spread([harm.recovery_seconds for harm in disturbed.harms]),
        "events": {"undisturbed": undisturbed.events, "disturbed": disturbed.events},
        "seconds": {"undisturbed": round(undisturbed.seconds), "disturbed": round(disturbed.seconds)},
        "accounts": len(disturbed.accounts),
        "accounts_that_differ": sum(a != b for a, b in zip(disturbed.accounts, undisturbed.accounts, strict=False)),
        "violations": sum(len(check["violations"]) for check in disturbed.checks),
        "checked": sum(check["checked"] for check in disturbed.checks),
        "logged": disturbed.logged,
        "harms": [asdict(harm) for harm in disturbed.harms],
    }


def spread(seconds: list[float]) -> dict[str, float]:
    if len(seconds) < 2:
        return {"most": max(seconds, default=0.0)}
    return {"median": median(seconds), "p90": round(quantiles(seconds, n=10)[-1], 1), "most": max(seconds)}
