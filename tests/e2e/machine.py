"""The whole system as an operator starts it, in a home of its own, and somebody who kills its processes."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from deploy import machine
from deploy.cli import verification
from deploy.client import Client
from deploy.demo.player import Player
from deploy.state import State
from shared.runtime.native.processes import free_ports, is_free

PATIENTS, DAYS = 40, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a practice's days led to."""

    balances: dict[str, int]
    accounts: list[tuple[int, ...]]  # what each account comes to, in order, without its ids
    checks: list[dict[str, Any]]

    @property
    def violations(self) -> list[dict[str, Any]]:
        return [check for check in self.checks if check["violations"]]


@contextlib.contextmanager
def started(feed: Literal["postgres", "kafka"], *, days: int = DAYS) -> Iterator[tuple[Path, State]]:
    """A system on ports of its own, which ends with the block whatever happens in it."""
    home = Path(tempfile.mkdtemp(prefix="ledgerline-e2e-"))
    home.chmod(0o755)  # the database user passes through
    first_day = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0) - timedelta(days=days + 1)
    state = machine.choose(home, feed=feed, brokers=1, port=free_block(), clock_from=first_day)
    try:
        machine.start(home, state, progress=lambda text: None)
        yield home, state
    except BaseException:
        print(machine.last_words(home, lines=40))  # the home goes
        raise
    finally:
        machine.stop(home)
        shutil.rmtree(home)


def free_block() -> int:
    """A port behind which the next dozen are free too: services and sandbox listen there."""
    while True:
        [port] = free_ports(1)
        if all(is_free(each) for each in range(port, port + 16)):
            return port


def played(feed: Literal["postgres", "kafka"], *, seed: int, kills: int = 0, kill_seed: int = 0) -> Played:
    """Play the practice on this feed, with so many processes killed meanwhile."""
    with started(feed) as (home, state), Client(home, state) as client:
        player = Player(client, state, patients=PATIENTS, days=DAYS, seed=seed)
        with _killing(home, kills, kill_seed):
            player.play(lambda done, total: None)
        report = verification(client)
        balances = client.get("/api/payments/balances")["parties"]
        return Played(
            balances={party: cents for party, cents in balances.items() if cents},
            accounts=sorted(_figures(account) for account in _accounts(client)),
            checks=report["checks"],
        )


def _accounts(client: Client) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        found = client.get("/api/payments/accounts", limit=200, cursor=cursor)
        yield from found["items"]
        cursor = found["next"]
        if cursor is None:
            return


def _figures(account: dict[str, Any]) -> tuple[int, ...]:
    return tuple(account[name] for name in sorted(account) if name.endswith("_cents"))


@contextlib.contextmanager
def _killing(home: Path, kills: int, seed: int) -> Iterator[None]:
    done = threading.Event()
    killer = threading.Thread(target=_kill, args=(home, kills, random.Random(seed), done), name="killer")
    killer.start()
    try:
        yield
    finally:
        done.set()
        killer.join()


def _kill(home: Path, kills: int, dice: random.Random, done: threading.Event) -> None:
    """SIGKILL one process after another, a few seconds apart; what is printed replays with the same seed."""
    clock = home / "clock"
    before = clock.read_text()
    while clock.read_text() == before and not done.wait(0.2):
        pass  # the practice is being set up
    left = kills
    while left and not done.wait(dice.uniform(4.0, 10.0)):
        victims = _victims(home)
        name = dice.choice(sorted(victims))
        with contextlib.suppress(ProcessLookupError):
            os.kill(victims[name], signal.SIGKILL)
            print(f"killed {name} ({kills - left + 1} of {kills}) at {time.strftime('%X')}")
            left -= 1


def _victims(home: Path) -> dict[str, int]:
    """Every process of the system but its supervisor: services, sandbox, database, brokers."""
    pids = {file.stem: int(file.read_text()) for file in (home / "run").glob("*.pid") if file.stem != "supervisor"}
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
        pids["postgres"] = int((home / "postgres" / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    for file in (home / "kafka").glob("*/pid"):
        pids[f"broker-{file.parent.name}"] = int(file.read_text())
    return pids
