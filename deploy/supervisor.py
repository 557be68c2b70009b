"""What keeps the system running on one machine?

`ledgerline up` starts this program and leaves it behind. It starts the database and, on the kafka feed, the brokers, then the processes
of Ledgerline and the sandbox clearinghouse, and starts again whatever dies. Its own end, however it comes, ends its children: each
holds the other end of a pipe. The database and the brokers are stopped on the way out, and survive a supervisor that is killed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from deploy.archive import archive_of
from deploy.state import CHECKOUT, TENANT, State, load
from shared.events.registry import SERVICES
from shared.runtime.clock import FileClock
from shared.runtime.native import kafka, postgres
from shared.runtime.store.migrate import APP, FEED, OWNER, create_database, migrate, prepare_roles

DATABASES = (*SERVICES, "gateway", "vault", "documents")
KAFKA_POM = CHECKOUT / "deploy" / "kafka" / "pom.xml"
KAFKA_JARS = CHECKOUT / ".deploy" / "kafka"
_PAUSE_SECONDS, _PAUSE_SECONDS_MAX = 0.1, 5.0
_YOUNG_SECONDS = 10.0
_STOP_SECONDS = 20.0


@dataclass(slots=True)
class Pause:
    """How long to wait before the next start: longer each time that the last one came to nothing."""

    seconds: float = 0.0
    _over_at: float = 0.0

    def begin(self, *, lived_seconds: float) -> None:
        young = lived_seconds <= _YOUNG_SECONDS
        self.seconds = min(max(self.seconds, _PAUSE_SECONDS) * 2, _PAUSE_SECONDS_MAX) if young else _PAUSE_SECONDS
        self._over_at = time.monotonic() + self.seconds

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._over_at


@dataclass(slots=True, kw_only=True)
class Child:
    """One process that is started again when it dies."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    pause: Pause = field(default_factory=Pause)

    def start(self, folder: Path) -> None:
        with (folder / "logs" / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,  # closed by the kernel when we die, and so the child's sign to end
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                cwd=CHECKOUT,
                start_new_session=True,
            )
        self.started_at = time.monotonic()
        (folder / "run" / f"{self.name}.pid").write_text(str(self.process.pid))

    def watch(self, folder: Path) -> None:
        """Start it again when it is gone, after a pause that grows while it keeps dying young."""
        if self.process is None:
            if self.pause.is_over:
                self.start(folder)
        elif self.process.poll() is not None:
            self.pause.begin(lived_seconds=time.monotonic() - self.started_at)
            self.process = None

    def ask_to_end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def end(self) -> None:
        if self.process is None:
            return
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(slots=True, kw_only=True)
class Server:
    """The database or a broker: it outlives us, and is started again when it is down, in a thread of its own: one that takes
    its time holds up nothing else."""

    name: str
    is_running: Callable[[], bool]
    start: Callable[[], object]
    pause: Pause = field(default_factory=Pause)
    _starter: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, max_workers=1))
    _starting: Future[object] | None = None

    def watch(self) -> None:
        """Start it again when it is down. A start that fails, because it was killed meanwhile or the disk is full, is told and
        tried again: what else runs stays up and waits for it."""
        if self._starting is not None and self._starting.done():
            self.finish()
        if self._starting is None and self.pause.is_over and not self.is_running():
            self._starting = self._starter.submit(self.start)

    def finish(self) -> None:
        """Wait for a start that is under way, and tell what came of it."""
        if self._starting is None:
            return
        try:
            self._starting.result()
        except Exception as failure:  # noqa: BLE001  whatever it is, what else runs goes on
            self.pause.begin(lived_seconds=0)
            print(f"{self.name} did not start, next try in {self.pause.seconds:g} s: {failure}", flush=True)
        else:
            self.pause = Pause()
        finally:
            self._starting = None


# --- settings of the children -----------------------------------------------------------------------------------------


def password_of(folder: Path, role: str) -> str:
    """The password of a database role, made up once and kept readable by us only."""
    kept = folder / "secrets" / f"{role}.password"
    if not kept.exists():
        kept.parent.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(kept, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(24))
    return kept.read_text()


def environment_of(folder: Path, state: State, kafka_bootstrap: str = "") -> dict[str, str]:
    """The settings of every process of this installation."""
    return {
        "LEDGERLINE_MODE": "embedded",
        "LEDGERLINE_HOME": str(folder),
        "LEDGERLINE_FEED": state.feed,
        "LEDGERLINE_CLOCK": state.clock,
        "LEDGERLINE_HTTP_PORT": str(state.port),
        "LEDGERLINE_MLLP_PORT": str(state.mllp_port),
        "LEDGERLINE_MLLP_TENANT": TENANT,
        "LEDGERLINE_DATABASE_PORT": str(state.postgres_port),
        "LEDGERLINE_DATABASE_OWNER_PASSWORD": password_of(folder, OWNER),
        "LEDGERLINE_DATABASE_APP_PASSWORD": password_of(folder, APP),
        "LEDGERLINE_DATABASE_FEED_PASSWORD": password_of(folder, FEED),
        "LEDGERLINE_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "LEDGERLINE_KAFKA_REPLICAS": str(max(state.brokers, 1)),
        "LEDGERLINE_KAFKA_PARTITIONS": "3",
        "LEDGERLINE_LEASE_SECONDS": "5",  # one process a service: a longer one only delays its successor
        "LEDGERLINE_ELIGIBILITY_REALTIME_URLS": json.dumps(
            {"sandbox": f"http://127.0.0.1:{state.sandbox_http_port}/realtime"}
        ),
        "LEDGERLINE_PAYMENTS_CARD_PROCESSOR_URLS": json.dumps(
            {TENANT: f"http://127.0.0.1:{state.sandbox_http_port}/cards"}
        ),
        "LEDGERLINE_SANDBOX_URL": f"http://127.0.0.1:{state.sandbox_http_port}",
        "LEDGERLINE_SUPERVISED": "1",
        "PYTHONUNBUFFERED": "1",
    }


def children_of(folder: Path, state: State, environment: Mapping[str, str]) -> list[Child]:
    python = sys.executable
    sandbox = Child(
        name="sandbox",
        command=[python, "-m", "deploy.sandbox", "--state", str(folder / "sandbox")]
        + ["--sftp-port", str(state.sandbox_sftp_port), "--http-port", str(state.sandbox_http_port)]
        + (["--clock-file", str(folder / "clock")] if state.clock == "driven" else []),
        environment=environment,
    )
    if state.feed == "postgres":
        everything = Child(name="ledgerline", command=[python, "-m", "deploy.serve", "all"], environment=environment)
        return [everything, sandbox]
    services = [
        Child(name=name, command=[python, "-m", "deploy.serve", name], environment=environment) for name in SERVICES
    ]
    front = Child(name="front", command=[python, "-m", "deploy.serve", "front"], environment=environment)
    return [*services, front, sandbox]


# --- the database -----------------------------------------------------------------------------------------------------


async def prepare_databases(server: postgres.RunningPostgres, folder: Path) -> None:
    """Roles, one database a service, and the schema of this version in each. Raises NewerState by name."""
    await prepare_roles(server.dsn(), {role: password_of(folder, role) for role in (OWNER, APP, FEED)})
    for name in DATABASES:
        await create_database(server.dsn(), f"ledgerline_{name}")
    for service in SERVICES:
        await migrate(server.dsn(f"ledgerline_{service}"), service)


def _runs(node: kafka.Node) -> bool:
    return node.is_running


def introduce_sandbox(folder: Path) -> None:
    """Make the sandbox's letter a connection of the demo tenant; other connections of the file stay."""
    letter, file = folder / "sandbox" / "partner.json", folder / "partners.json"
    if not letter.exists():
        return
    connections = json.loads(file.read_text()) if file.exists() else {}
    told = json.loads(letter.read_text())
    if connections.get(TENANT, {}).get("sandbox") != told:
        connections.setdefault(TENANT, {})["sandbox"] = told
        fresh = folder / ".partners.json"
        fresh.write_text(json.dumps(connections, indent=2) + "\n")
        fresh.replace(file)


# --- life -------------------------------------------------------------------------------------------------------------


class Supervisor:
    def __init__(self, folder: Path, state: State) -> None:
        self._folder = folder
        self._state = state
        self._is_ending = False
        self._servers: list[Server] = []
        self._children: list[Child] = []
        self._brokers: kafka.RunningKafka | None = None
        self._archive: Child | None = None
        self._archived_to: Path | None = None

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises what keeps the system from starting."""
        for name in ("logs", "run"):
            (self._folder / name).mkdir(exist_ok=True)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        if self._state.clock == "driven":
            FileClock(self._folder / "clock", datetime.fromisoformat(self._state.clock_from))
        try:
            self._start_stores()
            self._children = children_of(self._folder, self._state, self._environment())
            while not self._is_ending:
                self._watch_patiently()
                time.sleep(0.1)
        finally:
            self._stop_all()

    def _end(self, _signal: int, _frame: object) -> None:
        self._is_ending = True

    def _environment(self) -> dict[str, str]:
        bootstrap = self._brokers.bootstrap_servers if self._brokers else ""
        return environment_of(self._folder, self._state, bootstrap)

    def _start_stores(self) -> None:
        data = self._folder / "postgres"
        server = postgres.start(data, port=self._state.postgres_port)
        asyncio.run(prepare_databases(server, self._folder))
        self._servers = [
            Server(
                name="PostgreSQL",
                is_running=partial(postgres.is_running, data),
                start=partial(postgres.start, data, port=self._state.postgres_port),
            )
        ]
        if self._state.feed == "kafka":
            distribution = kafka.prepare(KAFKA_POM, KAFKA_JARS)
            self._brokers = brokers = kafka.start(self._folder / "kafka", distribution, nodes=self._state.brokers)
            self._servers += [
                Server(
                    name=f"broker {node.id}",
                    is_running=partial(_runs, node),
                    start=partial(brokers.start_node, node),
                )
                for node in brokers.nodes
            ]

    def _watch_patiently(self) -> None:
        """What cannot be done in one round, because no process can be made for example, is tried again in the next ones."""
        try:
            self._watch()
        except Exception as failure:  # noqa: BLE001  if this ended, everything would
            print(f"not all could be looked after, next try in {_PAUSE_SECONDS_MAX:g} s: {failure!r}", flush=True)
            time.sleep(_PAUSE_SECONDS_MAX)

    def _watch(self) -> None:
        for server in self._servers:
            server.watch()
        for child in self._children:
            child.watch(self._folder)
        self._watch_archive()
        introduce_sandbox(self._folder)

    def _watch_archive(self) -> None:
        """Copy the database's log to wherever it is wanted now."""
        wanted = archive_of(self._folder)
        if self._archive is not None and wanted != self._archived_to:
            self._archive.ask_to_end()
            self._archive.end()
            self._archive = None
        if wanted is not None and self._archive is None:
            command = [sys.executable, "-m", "deploy.archive", str(self._folder)]
            self._archive = Child(name="archive", command=command, environment={})
        self._archived_to = wanted
        if self._archive is not None:
            self._archive.watch(self._folder)

    def _stop_all(self) -> None:
        for child in self._children:
            child.ask_to_end()
        for child in self._children:
            child.end()
        for server in self._servers:
            server.finish()
        if self._state.feed == "kafka":
            kafka.stop(self._folder / "kafka")
        postgres.stop(self._folder / "postgres")  # waits until the archive has all of its log
        if self._archive is not None:
            self._archive.ask_to_end()
            self._archive.end()


def main() -> None:
    parser = argparse.ArgumentParser(description="Keeps the system running on one machine.")
    parser.add_argument("home", type=Path)
    parser.add_argument("--detach", action="store_true", help="go on in the background; the process id is in run/")
    options = parser.parse_args()
    state = load(options.home)
    if state is None:
        parser.error(f"{options.home} holds no state")
    if options.detach and (pid := os.fork()):
        (options.home / "run" / "supervisor.pid").write_text(str(pid))
        return
    Supervisor(options.home, state).run()


if __name__ == "__main__":
    main()
