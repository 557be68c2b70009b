"""Is the whole system had back, in another place and as of any moment, and is a damaged backup found before anything is touched?

Everything goes through the command line, on a practice that was played. A consumer follows one service's log over HTTP all the while.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy import machine
from deploy.backup import MANIFEST
from deploy.client import Client
from deploy.demo import messages
from deploy.demo.population import invent
from deploy.state import TENANT, load
from shared.events.envelope import START, Position
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.runtime.settings import Settings
from tests.e2e.machine import CommandLine, free_block

pytestmark = pytest.mark.timeout(600)


@dataclass(slots=True)
class Consumer:
    """Another program that follows the payments' log, as docs/how-to/read-the-event-log.md tells it to."""

    cursor: str = ""
    held: dict[str, Position] = field(default_factory=dict)  # by event id, in the order of the log
    told_twice: list[str] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)

    def follow(self, ledgerline: CommandLine) -> None:
        """Read on to the head."""
        token = local_token(
            Settings(mode="embedded", home=ledgerline.home, http_port=ledgerline.port), [Role.ADMIN], TENANT
        )
        address = f"http://127.0.0.1:{ledgerline.port}/api/payments/events"
        with httpx.Client(headers={"Authorization": f"Bearer {token}"}, timeout=60) as http:
            is_head = False
            while not is_head:
                answer = http.get(address, params={"limit": 1000, **({"after": self.cursor} if self.cursor else {})})
                self.cursor = answer.headers["Ledgerline-Cursor"]
                if answer.status_code == HTTPStatus.GONE:
                    self._give_up(answer.json())
                    continue
                assert answer.status_code == HTTPStatus.OK, answer.text
                for event in answer.json():
                    if event["id"] in self.held:
                        self.told_twice.append(event["id"])
                    self.held[event["id"]] = Position.parse(event["position"])
                is_head = answer.headers["Ledgerline-Head"] == "true"

    def _give_up(self, problem: dict[str, Any]) -> None:
        assert problem["code"] == "events-given-up"
        kept = Position.parse(problem["facts"]["kept"])
        self.given_up += [event for event, position in self.held.items() if position > kept]
        self.held = {event: position for event, position in self.held.items() if position <= kept}

    def copy(self) -> Consumer:
        return Consumer(self.cursor, dict(self.held))


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What was so at a moment of the machine's clock."""

    at: datetime
    balances: dict[str, Any]
    consumer: Consumer


@dataclass(frozen=True, slots=True, kw_only=True)
class Backed:
    """A system with a folder of backups and one in a file, and what was so when each was made and after that."""

    ledgerline: CommandLine
    folder: Path
    file: Path
    without_key: Path
    at_the_file: Moment
    between: Moment
    in_the_end: Moment


def now(ledgerline: CommandLine, consumer: Consumer) -> Moment:
    """How things stand, once everything has come to rest."""
    state = load(ledgerline.home)
    assert state is not None
    with Client(ledgerline.home, state) as client:
        give_up = time.monotonic() + 60
        while not client.get("/quiet")["quiet"]:
            assert time.monotonic() < give_up, "the system does not come to rest"
            time.sleep(0.1)
    consumer.follow(ledgerline)
    balances = json.loads(ledgerline.run("balances", "--json"))["parties"]
    return Moment(at=datetime.now(UTC), balances=balances, consumer=consumer.copy())


def charge(ledgerline: CommandLine, folder: Path, number: str) -> None:
    """Somebody whom the practice had not seen: a visit of last week, handed in as a file."""
    first_day = datetime.now(UTC).date() - timedelta(days=10)
    visit = invent(patients=1, first_day=first_day, days=5, seed=1).visits[0]
    visit = replace(
        visit,
        number=f"V{number}",
        patient=replace(visit.patient, record_number=f"R{number}"),
        services=tuple(replace(each, transaction=f"V{number}-{at}") for at, each in enumerate(visit.services)),
    )
    file = folder / f"charge-{number}.hl7"
    file.write_bytes(messages.charges(visit, datetime.now(UTC)))
    [line] = [json.loads(line) for line in ledgerline.run("intake", str(file)).splitlines()]
    assert line["outcome"] == "accepted", json.dumps(line)


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="ledgerline-backup-"))
    made.chmod(0o755)  # the database user passes through
    yield made
    shutil.rmtree(made)


def home_in(scratch: Path, name: str) -> Path:
    """An empty home that the database user can pass through, so that the cluster lies in it."""
    home = scratch / name
    home.mkdir(mode=0o755)
    return home


@pytest.fixture(scope="module")
def backed(scratch: Path) -> Iterator[Backed]:
    """A practice is played; copies are made, and things go on in between. It is stopped then."""
    port = free_block()
    often = {"LEDGERLINE_HEADS_SECONDS": "1"}  # so that heads are signed after the copy, too
    ledgerline, consumer = CommandLine(home_in(scratch, "home"), port, often), Consumer()
    folder, file, without_key = scratch / "backups", scratch / "all.tar", scratch / "without-key.tar"
    try:
        ledgerline.run("demo", "--patients", "8", "--days", "10", "--port", str(port))
        at_the_file = now(ledgerline, consumer)
        assert str(file) in ledgerline.run("backup", str(file))
        assert "does not hold" in ledgerline.run("backup", "--no-root-key", str(without_key))
        assert "is there already" in ledgerline.run("backup", str(file), code=1)
        assert "also takes the database's log" in ledgerline.run("backup", str(folder))
        charge(ledgerline, scratch, "800001")
        between = now(ledgerline, consumer)
        time.sleep(1.0)  # a moment that lies clearly between two commits
        charge(ledgerline, scratch, "800002")
        in_the_end = now(ledgerline, consumer)
        assert len({json.dumps(each.balances) for each in (at_the_file, between, in_the_end)}) == 3
        ledgerline.run("down")
        yield Backed(
            ledgerline=ledgerline,
            folder=folder,
            file=file,
            without_key=without_key,
            at_the_file=at_the_file,
            between=between,
            in_the_end=in_the_end,
        )
    except BaseException:
        print(machine.last_words(ledgerline.home))  # the home goes
        raise
    finally:
        ledgerline.run("down")


def everything_in(home: Path) -> dict[str, tuple[int, int]]:
    """Every file of a home folder, its size and when it was written."""
    return {
        str(file.relative_to(home)): (file.stat().st_size, file.stat().st_mtime_ns)
        for file in home.rglob("*")
        if file.is_file()
    }


def test_every_damaged_or_missing_file_of_a_backup_is_named_and_nothing_is_touched(
    backed: Backed, scratch: Path
) -> None:
    [backup] = [each for each in backed.folder.iterdir() if (each / MANIFEST).exists()]
    names = sorted(json.loads((backup / MANIFEST).read_text())["files"])
    assert {"base.tar.gz", "pg_wal.tar.gz", "home.tar.gz", "root.key"} <= set(names)
    before = everything_in(backed.ledgerline.home)
    for name in (*names, MANIFEST):
        damaged = scratch / "damaged"
        shutil.copytree(backup, damaged)
        content = bytearray((damaged / name).read_bytes())
        content[len(content) // 2] ^= 1
        (damaged / name).write_bytes(content)
        said = backed.ledgerline.run("restore", str(damaged), code=1)
        assert f"{damaged / name} " in said, said
        assert "SHA-256" in said
        (damaged / name).unlink()
        said = backed.ledgerline.run("restore", str(damaged), code=1)
        assert f"{damaged / name} is missing" in said or "there is no backup in" in said, said
        shutil.rmtree(damaged)
    assert everything_in(backed.ledgerline.home) == before


def test_without_the_root_key_nothing_is_restored_and_with_it_everything_is(backed: Backed, scratch: Path) -> None:
    elsewhere = CommandLine(home_in(scratch, "elsewhere"), free_block())
    said = elsewhere.run("restore", str(backed.without_key), "--port", str(elsewhere.port), code=1)
    assert "holds no root key" in said
    assert not (elsewhere.home / "postgres").exists()
    key = backed.ledgerline.home / "keys" / "root.key"
    elsewhere.run("restore", str(backed.without_key), "--port", str(elsewhere.port), "--root-key", str(key))
    try:
        elsewhere.run("up")
        assert json.loads(elsewhere.run("balances", "--json"))["parties"] == backed.at_the_file.balances
        assert json.loads(elsewhere.run("verify", "--json"))["ok"] is True
    finally:
        elsewhere.run("down")


def test_a_folder_gives_back_any_moment_and_a_consumer_that_was_further_is_told_and_goes_on(
    backed: Backed, scratch: Path
) -> None:
    ledgerline = backed.ledgerline
    said = ledgerline.run("restore", str(backed.folder), "--to", backed.between.at.isoformat())
    assert "what was there lies in" in said
    try:
        ledgerline.run("up")
        assert json.loads(ledgerline.run("verify", "--json"))["ok"] is True
        assert json.loads(ledgerline.run("balances", "--json"))["parties"] == backed.between.balances
        further, there = backed.in_the_end.consumer.copy(), backed.between.consumer.copy()
        further.follow(ledgerline)
        there.follow(ledgerline)
        assert set(further.given_up) == backed.in_the_end.consumer.held.keys() - backed.between.consumer.held.keys()
        assert there.given_up == []
        charge(ledgerline, scratch, "800003")
        now(ledgerline, further)
        there.follow(ledgerline)
        fresh = Consumer()
        fresh.follow(ledgerline)
        assert len(fresh.held) > len(backed.between.consumer.held)
        assert list(further.held) == list(there.held) == list(fresh.held)
        assert further.told_twice == there.told_twice == fresh.told_twice == []
        assert max(fresh.held.values()).epoch > START.epoch
        assert json.loads(ledgerline.run("verify", "--json"))["ok"] is True
    finally:
        ledgerline.run("down")


def test_as_far_as_the_log_goes_nothing_that_was_answered_is_missing(backed: Backed, scratch: Path) -> None:
    latest = CommandLine(home_in(scratch, "latest"), free_block())
    latest.run("restore", str(backed.folder), "--port", str(latest.port))
    try:
        latest.run("up")
        assert json.loads(latest.run("balances", "--json"))["parties"] == backed.in_the_end.balances
        consumer = Consumer()
        consumer.follow(latest)
        assert list(consumer.held) == list(backed.in_the_end.consumer.held)
        assert json.loads(latest.run("verify", "--json"))["ok"] is True
    finally:
        latest.run("down")
