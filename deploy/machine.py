"""How does the system on this machine start and stop?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from deploy import state as states
from deploy.client import Client
from deploy.state import CHECKOUT, TENANT, State, StateRefused
from shared.runtime.identity.directory import Directory
from shared.runtime.native.processes import free_ports, is_free, runs_with_argument

START_SECONDS = 180.0
STOP_SECONDS = 60.0


class StartFailed(Exception):
    """The system did not come up; the text ends with its own last words."""


def supervisor_pid(folder: Path) -> int | None:
    """The process that keeps the system of this folder running, or None."""
    try:
        pid = int((folder / "run" / "supervisor.pid").read_text())
    except (FileNotFoundError, ValueError):
        return None
    return pid if runs_with_argument(pid, str(folder)) else None


def choose(
    folder: Path,
    *,
    feed: Literal["postgres", "kafka"] | None,
    brokers: int | None,
    port: int | None,
    clock_from: datetime | None,
) -> State:
    """The state to run with: the one kept, or a new one. Raises StateRefused when what was asked does not fit it."""
    kept = states.load(folder)
    if brokers not in (None, 1, 3):
        raise StateRefused(f"a cluster on this machine has 1 or 3 brokers, not {brokers}")
    if kept is None:
        return _new_state(feed or "postgres", brokers or 1, port or 8080, clock_from)
    if feed is not None and feed != kept.feed:
        raise StateRefused(
            f"the state in {folder} was made with --feed {kept.feed}; a state keeps its feed. "
            "Read models follow the log: use another LEDGERLINE_HOME, or remove this one and `rebuild --all`"
        )
    if brokers is not None and kept.feed == "kafka" and brokers != kept.brokers:
        raise StateRefused(f"the state in {folder} has {kept.brokers} broker(s)")
    if clock_from is not None and kept.clock != "driven":
        raise StateRefused(f"the state in {folder} runs on real time and cannot be driven")
    return replace(kept, port=port) if port is not None else kept


def _new_state(feed: Literal["postgres", "kafka"], brokers: int, port: int, clock_from: datetime | None) -> State:
    [postgres_port] = free_ports(1)
    state = State(
        format=states.FORMAT,
        feed=feed,
        brokers=brokers if feed == "kafka" else 0,
        clock="real" if clock_from is None else "driven",
        clock_from=clock_from.astimezone(UTC).isoformat() if clock_from else "",
        port=port,
        mllp_port=0,
        sandbox_sftp_port=0,
        sandbox_http_port=0,
        postgres_port=postgres_port,
    )
    return at_port(state, port)


def at_port(state: State, port: int) -> State:
    """The state with every address that is told by the one of HTTP."""
    mllp_port = 2575 if port == 8080 else port + 10
    return replace(state, port=port, mllp_port=mllp_port, sandbox_sftp_port=port + 11, sandbox_http_port=port + 12)


def busy_ports(state: State) -> list[int]:
    """Which of the ports that it needs somebody else listens on."""
    wanted = [state.port, state.mllp_port, state.sandbox_sftp_port, state.sandbox_http_port]
    return [port for port in wanted if not is_free(port)]


def start(folder: Path, state: State, *, progress: Callable[[str], None]) -> None:
    """Leave a supervisor behind and wait until everything answers. Raises StateRefused, StartFailed."""
    if busy := busy_ports(state):
        raise StateRefused(f"port {', '.join(map(str, busy))} is in use by another program; choose one with --port")
    prepare(folder, state)
    with (folder / "logs" / "supervisor.log").open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", "deploy.supervisor", "--detach", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=CHECKOUT,
            start_new_session=True,
            check=True,
        )
    _wait_until_ready(folder, state, progress)


def prepare(folder: Path, state: State) -> None:
    """The folders, the choice that was made, and somebody who can log in."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("logs", "run"):
        (folder / name).mkdir(exist_ok=True)
    states.save(folder, state)
    directory = Directory(folder)
    if TENANT not in directory.content().tenants:
        directory.add_tenant(TENANT)
    directory.add_demo_users(TENANT)


def _wait_until_ready(folder: Path, state: State, progress: Callable[[str], None]) -> None:
    give_up = time.monotonic() + START_SECONDS
    with Client(folder, state) as client:
        while time.monotonic() < give_up:
            if supervisor_pid(folder) is None:
                raise StartFailed(f"the supervisor ended\n{last_words(folder)}")
            is_ready, checks = client.is_ready()
            if is_ready:
                return
            progress(waiting_for(checks))
            time.sleep(0.2)
    stop(folder)
    raise StartFailed(f"not ready after {START_SECONDS:g} s\n{last_words(folder)}")


def waiting_for(checks: Mapping[str, bool]) -> str:
    missing = [name for name, is_there in checks.items() if not is_there]
    return f"waiting for {', '.join(missing)}" if missing else "starting"


def last_words(folder: Path, lines: int = 15) -> str:
    """The ends of the logs, without the requests that were answered."""
    parts = []
    for log in sorted((folder / "logs").glob("*.log")):
        told = [line for line in log.read_text(errors="replace").splitlines() if '"request answered"' not in line]
        parts += [f"--- {log.name}", *told[-lines:]]
    return "\n".join(parts)


def stop(folder: Path) -> bool:
    """Stop the system of this folder; whether there was one."""
    pid = supervisor_pid(folder)
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + STOP_SECONDS
    while supervisor_pid(folder) is not None:
        if time.monotonic() > give_up:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    return True
