"""Which PostgreSQL and which Kafka do the tests use, and where are the sample files?

A pytest plugin; `tests/conftest.py` loads it. Each server is looked for in this order, and the header of every run
names what was found:

1. what the caller provides: `LEDGERLINE_TEST_PG_URL` (a superuser), `LEDGERLINE_TEST_KAFKA` (bootstrap servers);
2. containers, when a Docker engine answers a ping (`LEDGERLINE_TEST_INFRA=docker` insists, `native` forbids);
3. native processes of `shared.runtime.native`.

PostgreSQL must be there. Kafka needs Java 17 and Maven when native: without them its tests are skipped with the reason,
or fail when `LEDGERLINE_REQUIRE_KAFKA=1`. Samples are read from `LEDGERLINE_SAMPLES`; unset, their tests are skipped.

The container paths follow the source of testcontainers 4.15; they have not been run where this was written, because
there was no Docker engine.
"""

import contextlib
import functools
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, Protocol
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import pytest_asyncio

from shared.runtime.native import kafka, postgres
from shared.runtime.native.processes import free_ports

POSTGRES_IMAGE = "postgres:18-alpine"
KAFKA_IMAGE = "apache/kafka:4.3.1"  # the version of deploy/kafka/pom.xml

CHECKOUT = Path(__file__).resolve().parents[2]
KAFKA_POM = CHECKOUT / "deploy" / "kafka" / "pom.xml"
KAFKA_JARS = CHECKOUT / ".deploy" / "kafka"


def pytest_report_header() -> list[str]:
    return [f"postgres: {_postgres_backend()}", f"kafka: {_kafka_backend()}"]


# --- which backend --------------------------------------------------------------------------------------------------


def _postgres_backend() -> str:
    if os.environ.get("LEDGERLINE_TEST_PG_URL"):
        return "provided by LEDGERLINE_TEST_PG_URL"
    if docker_answers():
        return f"container {POSTGRES_IMAGE}"
    found = postgres.find_binaries()
    return f"native process, binaries from {found.origin}"


def _kafka_backend() -> str:
    if os.environ.get("LEDGERLINE_TEST_KAFKA"):
        return "provided by LEDGERLINE_TEST_KAFKA"
    if docker_answers():
        return f"container {KAFKA_IMAGE}"
    try:
        java = kafka.find_java()
    except kafka.KafkaUnavailable as reason:
        return f"none ({reason}), tests that need it are {'failed' if _kafka_is_required() else 'skipped'}"
    return f"native process, {java}"


def _kafka_is_required() -> bool:
    return os.environ.get("LEDGERLINE_REQUIRE_KAFKA") == "1"


@functools.cache
def docker_answers() -> bool:
    """Whether containers can be started. The command line being installed proves nothing: the engine is asked."""
    wanted = os.environ.get("LEDGERLINE_TEST_INFRA", "auto")
    if wanted not in ("auto", "docker", "native"):
        raise pytest.UsageError(f"LEDGERLINE_TEST_INFRA={wanted}: auto, docker or native")
    if wanted != "auto":
        return wanted == "docker"
    if "DOCKER_HOST" not in os.environ and not Path("/var/run/docker.sock").exists():
        return False
    import docker.errors  # half a second of imports, only where there is a socket to ask

    try:
        client = docker.from_env(timeout=3)
    except docker.errors.DockerException:
        return False
    try:
        return bool(client.ping())
    except docker.errors.DockerException:
        return False
    finally:
        client.close()


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """One server a test run. Databases are cheap: copy a template rather than migrate again."""

    url: str = field(repr=False)  # superuser, database postgres
    backend: str
    templates: dict[str, str] = field(default_factory=dict)

    def dsn(self, database: str = "postgres", user: str | None = None, *, password: str = "") -> str:
        """`postgresql://…` for asyncpg, as superuser unless another user is named."""
        parts = urlsplit(self.url)
        credentials, _, address = parts.netloc.rpartition("@")
        if user is not None:
            credentials = f"{user}:{password}" if password else user
        return urlunsplit(("postgresql", f"{credentials}@{address}", f"/{database}", parts.query, ""))

    async def create(self, prefix: str, *, template: str | None = None) -> str:
        """Create a database, a copy of `template` where one is named, and return its name."""
        name = f"{prefix}_{secrets.token_hex(6)}"
        await self._execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        return name

    async def drop(self, database: str) -> None:
        await self._execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    async def template(self, name: str, build: Callable[[str], Awaitable[None]]) -> str:
        """The database that `build(dsn)` filled, made once a test run. `build` must close its connections."""
        if name not in self.templates:
            database = await self.create(f"template_{name}")
            await build(self.dsn(database))
            self.templates[name] = database
        return self.templates[name]

    async def _execute(self, statement: str) -> None:
        connection = await asyncpg.connect(self.dsn())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


class FreshDatabase(Protocol):
    """Makes an empty database, or a copy of one, and returns its DSN. It is dropped when the test ends."""

    async def __call__(self, *, template: str | None = None) -> str: ...


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres_server() -> AsyncIterator[PostgresServer]:
    with _postgres_url() as url:
        server = PostgresServer(url=url, backend=_postgres_backend())
        yield server
        for database in server.templates.values():
            await server.drop(database)


@pytest_asyncio.fixture(loop_scope="session")
async def fresh_database(postgres_server: PostgresServer) -> AsyncIterator[FreshDatabase]:
    """A factory: `dsn = await fresh_database(template=await postgres_server.template("claims", migrate))`."""
    made: list[str] = []

    async def make(*, template: str | None = None) -> str:
        made.append(await postgres_server.create("test", template=template))
        return postgres_server.dsn(made[-1])

    yield make
    for database in made:
        await postgres_server.drop(database)


@pytest_asyncio.fixture(loop_scope="session")
async def database(fresh_database: FreshDatabase) -> str:
    """The DSN of one empty database."""
    return await fresh_database()


@contextlib.contextmanager
def _postgres_url() -> Iterator[str]:
    if provided := os.environ.get("LEDGERLINE_TEST_PG_URL"):
        yield provided.replace("postgresql+asyncpg://", "postgresql://", 1)
    elif docker_answers():
        yield from _postgres_container()
    else:
        yield from _native_postgres()


def _postgres_container() -> Iterator[str]:
    from testcontainers.community.postgres import PostgresContainer

    settings = {**postgres.THROW_AWAY, "max_connections": "200", "max_prepared_transactions": "0"}
    command = " ".join(["postgres", *(f"-c {name}={value}" for name, value in settings.items())])
    with PostgresContainer(POSTGRES_IMAGE, dbname="postgres", driver=None).with_command(command) as container:
        yield container.get_connection_url()


def _native_postgres() -> Iterator[str]:
    # Not pytest's temporary folder: root has it closed to the database user.
    data = Path(tempfile.mkdtemp(prefix="ledgerline-postgres-"))
    try:
        with postgres.attached(data, durable=False) as server:
            yield server.dsn()
    finally:
        postgres.destroy(data)


# --- Kafka ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaCluster:
    """One cluster a test run, shared: a test names its topics, groups and transactional ids after itself."""

    bootstrap_servers: str
    replication_factor: int
    backend: str


@pytest.fixture(scope="session")
def kafka_cluster() -> Iterator[KafkaCluster]:
    with _kafka_servers() as bootstrap_servers:
        yield KafkaCluster(bootstrap_servers=bootstrap_servers, replication_factor=1, backend=_kafka_backend())


@pytest.fixture(scope="session")
def kafka_distribution() -> kafka.Distribution:
    """For tests that stop, kill or pause brokers of their own, which only native ones allow."""
    try:
        return kafka.prepare(KAFKA_POM, KAFKA_JARS)
    except kafka.KafkaUnavailable as reason:
        _no_kafka(reason)


def _no_kafka(reason: kafka.KafkaUnavailable) -> NoReturn:
    if _kafka_is_required():
        pytest.fail(f"LEDGERLINE_REQUIRE_KAFKA=1, but: {reason}")
    pytest.skip(f"no Kafka: {reason}")


@contextlib.contextmanager
def native_kafka(distribution: kafka.Distribution, *, nodes: int) -> Iterator[kafka.RunningKafka]:
    """A cluster for one purpose; nothing is left of it."""
    data = Path(tempfile.mkdtemp(prefix="ledgerline-kafka-"))
    try:
        with kafka.attached(data, distribution, nodes=nodes) as cluster:
            yield cluster
    finally:
        shutil.rmtree(data)


@contextlib.contextmanager
def _kafka_servers() -> Iterator[str]:
    if provided := os.environ.get("LEDGERLINE_TEST_KAFKA"):
        yield provided
    elif docker_answers():
        yield from _kafka_container()
    else:
        yield from _native_kafka()


def _native_kafka() -> Iterator[str]:
    try:
        distribution = kafka.prepare(KAFKA_POM, KAFKA_JARS)
    except kafka.KafkaUnavailable as reason:
        _no_kafka(reason)
    with native_kafka(distribution, nodes=1) as cluster:
        yield cluster.bootstrap_servers


def _kafka_container() -> Iterator[str]:
    """Apache's own image, with the settings of the native nodes. A client is told where to connect by the broker, so
    the port outside must be known before the start and is the same inside."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.docker_client import DockerClient

    host, (port, controller) = DockerClient().host(), free_ports(2)
    settings = {
        **kafka.SETTINGS,
        **kafka.replication(nodes=1),
        "node.id": "1",
        "controller.quorum.voters": f"1@localhost:{controller}",
        "listeners": f"PLAINTEXT://:{port},CONTROLLER://:{controller}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
    }
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(port, port)
    for name, value in settings.items():
        container = container.with_env("KAFKA_" + name.upper().replace(".", "_"), value)
    with container:
        kafka.wait_until_it_answers(f"{host}:{port}", brokers=1)
        yield f"{host}:{port}"


# --- samples --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of real sample files, which are not part of this repository."""
    named = os.environ.get("LEDGERLINE_SAMPLES")
    if not named:
        pytest.skip("no sample files: LEDGERLINE_SAMPLES is not set")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"LEDGERLINE_SAMPLES={named} is not a folder")
    return folder
