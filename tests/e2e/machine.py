"""The whole system as an operator starts it, in a home of its own, and somebody who kills its processes."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from deploy import machine
from deploy.cli import verification
from deploy.client import Client, NotRunning, Refused
from deploy.demo.player import Player
from deploy.state import State
from shared.events.registry import SERVICES
from shared.runtime.native.processes import free_ports, is_free

PATIENTS, DAYS = 40, 30
RECOVERY_SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How many processes come to harm while the practice is played, and how."""

    count: int
    seed: int
    stops: float = 0.0  # the share that is only stopped for a while (SIGSTOP, SIGCONT); the rest is killed
    pause_seconds: tuple[float, float] = (4.0, 10.0)  # between the end of one and the next


@dataclass(frozen=True, slots=True, kw_only=True)
class Harm:
    """What was done to a process, and how long until it ran and everything answered again, a stop's own length left out."""

    signal: Literal["SIGKILL", "SIGSTOP"]
    victim: str
    stopped_seconds: float
    recovery_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a practice's days led to."""

    balances: dict[str, int]
    accounts: list[tuple[int, ...]]  # what each account comes to, in order, without its ids
    checks: list[dict[str, Any]]
    harms: list[Harm]
    seconds: float
    logged: dict[str, int]  # how often each warning or error stands in the logs

    @property
    def violations(self) -> list[dict[str, Any]]:
        return [check for check in self.checks if check["violations"]]

    @property
    def events(self) -> int:
        """How many are in the logs of all services."""
        return sum(check["checked"] for check in self.checks if check["name"].endswith(": hash chains recompute"))


@dataclass(slots=True)
class CommandLine:
    home: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *words: str, code: int = 0) -> str:
        """What `ledgerline words…` prints, errors behind. Fails on another exit code."""
        done = subprocess.run(
            [sys.executable, "-m", "deploy.cli", *words],
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "400", "LEDGERLINE_HOME": str(self.home), **self.environment},
            timeout=240,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, f"ledgerline {' '.join(words)} ended with {done.returncode}:\n{said}"
        return said


@contextlib.contextmanager
def started(
    feed: Literal["postgres", "kafka"], *, days: int = DAYS, first_day: datetime | None = None
) -> Iterator[tuple[Path, State]]:
    """A system on ports of its own, which ends with the block whatever happens in it.

    Business time begins on the first day given, else so many days ago.
    """
    home = Path(tempfile.mkdtemp(prefix="ledgerline-e2e-"))
    home.chmod(0o755)  # the database user passes through
    so_long_ago = datetime.now(UTC).replace(hour=6, minute=0, second=0, microsecond=0) - timedelta(days=days + 1)
    state = machine.choose(home, feed=feed, brokers=1, port=free_block(), clock_from=first_day or so_long_ago)
    try:
        machine.start(home, state, progress=lambda text: None)
        yield home, state
    except BaseException:
        print(machine.last_words(home))  # the home goes
        print(_who_is_behind(home, state))
        raise
    finally:
        machine.stop(home)
        shutil.rmtree(home)


def _who_is_behind(home: Path, state: State) -> str:
    """Which readers have not read everything, as their services' databases say, and who holds them."""
    told = []
    with Client(home, state, timeout_seconds=15.0) as client:
        for service in SERVICES:
            try:
                readers = client.get(f"/api/{service}/ops/lag")["readers"]
            except (NotRunning, Refused) as error:
                told.append(f"{service}: {error}")
            else:
                told += [str(reader) for reader in readers if reader["behind"] != 0]
    return "\n".join(["--- readers that are behind, or that nobody can tell of", *told])


def free_block() -> int:
    """A port behind which the next dozen are free too: services and sandbox listen there."""
    while True:
        [port] = free_ports(1)
        if all(is_free(each) for each in range(port, port + 16)):
            return port


def played(
    feed: Literal["postgres", "kafka"],
    *,
    seed: int,
    faults: Faults | None = None,
    patients: int = PATIENTS,
    days: int = DAYS,
) -> Played:
    """Play the practice on this feed, with processes that come to harm meanwhile."""
    with started(feed, days=days) as (home, state), Client(home, state) as client:
        player, began = Player(client, state, patients=patients, days=days, seed=seed), time.monotonic()
        with _harming(home, state, faults) as harms:
            player.play(_tell_progress)
        seconds = time.monotonic() - began
        report = verification(client)
        balances = client.get("/api/payments/balances")["parties"]
        return Played(
            balances={party: cents for party, cents in balances.items() if cents},
            accounts=sorted(_figures(account) for account in _accounts(client)),
            checks=report["checks"],
            harms=harms,
            seconds=seconds,
            logged=_logged(home),
        )


def _tell_progress(done: int, total: int) -> None:
    if done % 10 == 0 or done == total:
        print(f"{time.strftime('%X')} {done} of {total} steps played", flush=True)


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


def _logged(home: Path) -> dict[str, int]:
    """What went wrong and was waited out, by the constant words of the log."""
    told: Counter[str] = Counter()
    for file in (home / "logs").glob("*.log"):
        for line in file.read_text(errors="replace").splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and entry.get("level", "").lower() in ("warning", "error"):
                    told[f"{entry['level'].lower()}: {entry['message']}"] += 1
    return dict(told.most_common())


# --- harm -------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _harming(home: Path, state: State, faults: Faults | None) -> Iterator[list[Harm]]:
    """Do harm while the block runs; what was done is in the list afterwards."""
    harms: list[Harm] = []
    if faults is None:
        yield harms
        return
    done = threading.Event()
    harmer = threading.Thread(target=_harm, args=(home, state, faults, harms, done), name="harmer")
    harmer.start()
    try:
        yield harms
    finally:
        done.set()
        harmer.join()


def _harm(home: Path, state: State, faults: Faults, harms: list[Harm], done: threading.Event) -> None:
    """One process after another; the same seed does the same, as far as the machine is as fast."""
    clock, dice = home / "clock", random.Random(faults.seed)
    before = clock.read_text()
    while clock.read_text() == before and not done.wait(0.2):
        pass  # the practice is being set up
    with Client(home, state, timeout_seconds=5.0) as client:
        while len(harms) < faults.count and not done.wait(dice.uniform(*faults.pause_seconds)):
            running = victims(home)
            name = dice.choice(sorted(running))
            is_stopped = dice.random() < faults.stops and name != "postgres"  # the postmaster only greets
            with contextlib.suppress(ProcessLookupError):
                harms.append(harm_one(home, client, name, running[name], dice.uniform(1.0, 8.0) if is_stopped else 0.0))
                print(f"{time.strftime('%X')} {len(harms)} of {faults.count}: {harms[-1]}", flush=True)


def harm_one(home: Path, client: Client, name: str, pid: int, stopped_seconds: float) -> Harm:
    """Raises ProcessLookupError when it is gone already."""
    os.kill(pid, signal.SIGSTOP if stopped_seconds else signal.SIGKILL)
    if stopped_seconds:
        time.sleep(stopped_seconds)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    since, give_up = time.monotonic(), time.monotonic() + RECOVERY_SECONDS
    while not (victims(home).get(name, pid) != pid or stopped_seconds) or not client.is_ready()[0]:
        if time.monotonic() > give_up:
            raise AssertionError(f"{name} is not back after {RECOVERY_SECONDS:g} s\n{machine.last_words(home)}")
        time.sleep(0.1)
    return Harm(
        signal="SIGSTOP" if stopped_seconds else "SIGKILL",
        victim=name,
        stopped_seconds=round(stopped_seconds, 1),
        recovery_seconds=round(time.monotonic() - since, 1),
    )


def victims(home: Path) -> dict[str, int]:
    """Every process of the system but its supervisor: services, sandbox, database, brokers.

    On the kafka feed a service's relay lives in the service's process.
    """
    pids: dict[str, int] = {}
    for file in (home / "run").glob("*.pid"):
        with contextlib.suppress(ValueError):  # it is being written
            pids[file.stem] = int(file.read_text())
    pids.pop("supervisor", None)
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
        pids["postgres"] = int((home / "postgres" / "cluster" / "postmaster.pid").read_text().splitlines()[0])
    for file in (home / "kafka").glob("*/pid"):
        with contextlib.suppress(ValueError):
            pids[f"broker-{file.parent.name}"] = int(file.read_text())
    return pids
