"""Does anything personal lie in clear where nobody opened it on the record?

A practice is played in which every personal field is a word that occurs nowhere else; then every file that the system left, every row,
record, span, metric, header, address, refusal and acknowledgement is searched for each word in every shape. `make test-canary` plays
longer and on both feeds.
"""

from __future__ import annotations

import os
from typing import Literal

import pytest

from deploy import machine
from deploy.client import Client
from tests.e2e.canary.practice import CanaryPractice
from tests.e2e.canary.recording import Recording
from tests.e2e.canary.run import Findings, Run, search_what_is_left, watched
from tests.e2e.canary.words import Finder, Words
from tests.e2e.machine import started

IS_LONG = os.environ.get("LEDGERLINE_TEST_LONG") == "1"
FEEDS: list[Literal["postgres", "kafka"]] = ["postgres", "kafka"] if IS_LONG else ["postgres"]
PATIENTS, DAYS = (40, 30) if IS_LONG else (3, 8)

# What a short play leads to; all of it is sealed in the log.
SEALED = {
    "eligibility.PatientRegistered.v1 medical_record_number",
    "eligibility.PatientRegistered.v1 person",
    "eligibility.PatientRegistered.v1 guarantor",
    "eligibility.DemographicsCorrected.v1 person",
    "eligibility.CoverageAdded.v1 member_number",
    "eligibility.CoverageAdded.v1 group_number",
    "eligibility.CoverageAdded.v1 subscriber",
    "eligibility.CoverageSelected.v1 patient",
    "claims.ClaimCreated.v1 patient",
    "claims.ClaimCreated.v1 member_number",
    "collections.ContactLogged.v1 note",
}


@pytest.fixture(scope="module", params=FEEDS)
def findings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    if request.param == "kafka":
        request.getfixturevalue("kafka_distribution")
    others = tmp_path_factory.mktemp("beside")
    found, words, recording = Findings(), Words(), Recording()
    with watched(others) as traces, started(request.param, days=DAYS) as (home, state):
        with Client(home, state, transport=recording) as client:
            run = Run(home, state, client, recording, words, CanaryPractice(words))
            run.live(patients=PATIENTS, days=DAYS)
            run.shown_by_the_running_system(Finder(words.meaning), found)
            if IS_LONG:
                run.back_up(others / "backup.tar")
        machine.stop(home)
        assert traces.stat().st_size
        search_what_is_left(home, others, words, found)
    return found


@pytest.mark.timeout(3600)
def test_no_personal_word_is_in_any_place_but_those_that_are_named(findings: Findings) -> None:
    print(f"{len(findings.words):,} words; answers by status: {findings.statuses}")
    for place, size in findings.searched.items():
        print(f"{place}: {size:,}")
    print(findings.told())
    assert findings.hits == []


@pytest.mark.timeout(3600)
def test_the_same_search_finds_ordinary_words_in_those_places(findings: Findings) -> None:
    """What the practice says of nobody travels the same ways and is not sealed: it must be found, or the search is blind."""
    places = ["postgres/cluster/base/", "postgres/cluster/pg_wal/"]
    places += ["kafka/"] if "Kafka values" in findings.searched else []
    for place in places:
        assert any(found.startswith(place) for found in findings.clear_in), place
    assert all(findings.searched.values()), findings.searched


@pytest.mark.timeout(3600)
def test_the_words_went_everywhere_where_a_patients_name_goes(findings: Findings) -> None:
    """Otherwise none would be found because none was there."""
    meanings = {findings.words[word].partition(": ")[2] for word in findings.at_partners}
    assert meanings >= {"last name", "first name", "birth date", "street", "member number"}
    assert findings.sealed_fields >= SEALED
    assert findings.statuses[422] > 200
    assert sum(count for status, count in findings.statuses.items() if status >= 500) == 0
