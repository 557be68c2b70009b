"""How does this machine get an Apache Kafka cluster without containers?

The broker's jars come once through Maven (`deploy/kafka/pom.xml`); one or three nodes then run as plain Java processes,
each broker and controller at once (KRaft), on loopback TCP. Linux and macOS; Java 17 or newer.

Sources: Kafka documentation 4.x, "Broker Configs", "KRaft", "kafka-storage.sh"; docs/adr/0001-apache-kafka-version.md.

There is no password on the listener: every user of this machine can read and write. It is for tests and for trying
things out on one machine; a deployment brings its own brokers with TLS and SASL.
"""

import asyncio
import base64
import concurrent.futures
import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from shared.runtime.native.processes import LOOPBACK, Leash, free_ports, is_free, runs_with_argument

START_SECONDS = 90
STOP_SECONDS = 30
FETCH_SECONDS = 600
JAVA_AT_LEAST = 17
STARTED = "Kafka Server started"

JVM = (
    "-Xms128m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Djava.awt.headless=true",
)

SETTINGS = {
    "process.roles": "broker,controller",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "num.partitions": "6",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    "log.retention.ms": "-1",  # the log is kept for ever, and so is the place where each reader stands
    "offsets.retention.minutes": "5256000",
    "unclean.leader.election.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "log.cleaner.dedupe.buffer.size": "8388608",  # bytes; the default of 128 MiB does not fit this heap
    "num.network.threads": "2",
    "num.io.threads": "2",
}


class KafkaUnavailable(Exception):
    """No broker can be had on this machine; the text says what is missing and what to do."""


class KafkaFailed(Exception):
    """A broker did not start or stop; the text ends with its own last words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """What it takes to run a broker: Java, the jars, and how it writes its log."""

    java: Path
    jars: Path
    logging: Path

    @property
    def version(self) -> str:
        return next(self.jars.glob("kafka_2.13-*.jar")).stem.removeprefix("kafka_2.13-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One broker. All it knows is in its folder, so that any process may stop or restart it."""

    id: int
    folder: Path
    port: int

    @property
    def properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def pid(self) -> int | None:
        """The process of this node, or None when it is down."""
        try:
            pid = int(self.folder.joinpath("pid").read_text())
        except FileNotFoundError:
            return None
        return pid if runs_with_argument(pid, str(self.properties)) else None

    @property
    def is_running(self) -> bool:
        return self.pid is not None

    def stop(self) -> None:
        """Let it hand over its partitions and end. Killed when it has not ended after `STOP_SECONDS`."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        if not self._ended_within(STOP_SECONDS):
            self.kill()

    def kill(self) -> None:
        """As a crash does: no farewell."""
        self._signal(signal.SIGKILL)
        if not self._ended_within(STOP_SECONDS):
            raise KafkaFailed(f"node {self.id} is still there {STOP_SECONDS} s after SIGKILL")

    def pause(self) -> None:
        """It keeps its connections and answers nobody, like a machine that hangs."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, which: signal.Signals) -> None:
        if (pid := self.pid) is not None:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself between the two lines
                os.kill(pid, which)

    def _ended_within(self, seconds: float) -> bool:
        give_up = time.monotonic() + seconds
        while self.is_running:
            if time.monotonic() > give_up:
                return False
            time.sleep(0.02)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningKafka:
    """A cluster whose brokers have all answered once. Single nodes may be stopped, killed, paused and started."""

    data: Path
    nodes: tuple[Node, ...]
    distribution: Distribution

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(f"{LOOPBACK}:{node.port}" for node in self.nodes)

    @property
    def replication_factor(self) -> int:
        return len(self.nodes)

    @property
    def note(self) -> str:
        return f"Apache Kafka {self.distribution.version}, {len(self.nodes)} node(s) at {self.bootstrap_servers}"

    def start_node(self, node: Node) -> None:
        """Start one node that is down and wait until it has joined. Raises KafkaFailed."""
        if not node.is_running:
            _launch(node, self.distribution)
        _wait_until_started([node])
        wait_until_it_answers(self.bootstrap_servers, brokers=sum(each.is_running for each in self.nodes))


# --- what a caller does ---------------------------------------------------------------------------------------------


def prepare(pom: Path, jars_home: Path, *, environ: Mapping[str, str] = os.environ) -> Distribution:
    """Find Java and have the jars of `pom` below `jars_home`, fetching them with Maven the first time.

    Raises KafkaUnavailable when there is no Java 17, no Maven, or nothing to fetch from.
    """
    java = find_java(environ)
    folder = jars_home.absolute() / f"jars-{hashlib.sha256(pom.read_bytes()).hexdigest()[:12]}"
    if not folder.exists():
        jars_home.mkdir(parents=True, exist_ok=True)
        with _locked(jars_home / "lock"):
            if not folder.exists():
                _fetch(pom, folder, environ)
    return Distribution(java=java, jars=folder, logging=pom.absolute().parent / "log4j2.properties")


def find_java(environ: Mapping[str, str] = os.environ) -> Path:
    """`LEDGERLINE_JAVA`, then `JAVA_HOME`, then the PATH; the first one decides."""
    named = environ.get("LEDGERLINE_JAVA")
    if named is None and (home := environ.get("JAVA_HOME")):
        named = str(Path(home) / "bin" / "java")
    java = named or shutil.which("java", path=environ.get("PATH"))
    if java is None or not Path(java).exists():
        found = f"{java} does not exist" if java else "there is no java on the PATH"
        raise KafkaUnavailable(f"Apache Kafka needs Java {JAVA_AT_LEAST}, and {found}")
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(?:1\.)?(\d+)', told.stderr)
    if version is None or int(version[1]) < JAVA_AT_LEAST:
        raise KafkaUnavailable(
            f"Apache Kafka needs Java {JAVA_AT_LEAST}, and {java} says {told.stderr.strip()[:200]!r}"
        )
    return Path(java)


def start(
    data: Path, distribution: Distribution, *, nodes: int = 1, ports: Sequence[int] | None = None
) -> RunningKafka:
    """Make the cluster kept at `data` answer, and return it. It outlives this process; what runs already is kept.

    `nodes` is 1 or 3. `ports` are the brokers' own; without it the last ones are used again if they are free. Raises
    KafkaFailed.
    """
    data = data.absolute()
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _locked(data / "lock"):
        cluster = _configured(data, distribution, nodes, ports)
        missing = [node for node in cluster.nodes if not node.is_running]
        for node in missing:
            _launch(node, distribution)
        try:
            _wait_until_started(missing)
            wait_until_it_answers(cluster.bootstrap_servers, brokers=nodes)
        except KafkaFailed:
            for node in missing:
                node.kill()
            raise
    return cluster


def stop(data: Path) -> None:
    """Stop every node kept at `data`, all at once. Nothing to do is fine."""
    with concurrent.futures.ThreadPoolExecutor() as together:
        list(together.map(Node.stop, _nodes(data.absolute())))


def kill(data: Path) -> None:
    """End every node kept at `data` at once."""
    for node in _nodes(data.absolute()):
        node.kill()


def is_running(data: Path) -> bool:
    """Whether any node kept at `data` is up."""
    return any(node.is_running for node in _nodes(data.absolute()))


@contextlib.contextmanager
def attached(data: Path, distribution: Distribution, *, nodes: int = 1) -> Iterator[RunningKafka]:
    """A cluster that lives as long as the block; its nodes, restarted ones too, die with this process if it is killed.

    For tests: at the end they are killed, not stopped.
    """
    data = data.absolute()
    program = "import sys, pathlib; from shared.runtime.native import kafka; kafka.kill(pathlib.Path(sys.argv[1]))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    leash = Leash([sys.executable, "-c", program, str(data)], popen={"env": environment})
    try:
        yield start(data, distribution, nodes=nodes)
    finally:
        kill(data)
        leash.release()


# --- jars -----------------------------------------------------------------------------------------------------------


def _fetch(pom: Path, folder: Path, environ: Mapping[str, str]) -> None:
    maven = shutil.which("mvn", path=environ.get("PATH"))
    if maven is None:
        raise KafkaUnavailable("the jars of Apache Kafka are fetched with Maven once, and there is no mvn on the PATH")
    fresh = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    command = [maven, "-q", "-B", "-f", str(pom.absolute()), "dependency:copy-dependencies"]
    try:
        done = subprocess.run(
            [*command, "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"],
            capture_output=True,
            text=True,
            check=False,
            timeout=FETCH_SECONDS,
        )
        if done.returncode != 0:
            raise KafkaUnavailable(f"Maven could not fetch Apache Kafka: {(done.stdout + done.stderr).strip()[-1000:]}")
        fresh.rename(folder)  # complete or not there
    except subprocess.TimeoutExpired:
        raise KafkaUnavailable(f"Maven did not fetch Apache Kafka within {FETCH_SECONDS} s") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


# --- configuration --------------------------------------------------------------------------------------------------


def _configured(data: Path, distribution: Distribution, nodes: int, ports: Sequence[int] | None) -> RunningKafka:
    """The cluster as its files say, written and formatted first where that is still to do."""
    known = _nodes(data)
    if nodes not in (1, 3):
        raise KafkaFailed(f"a cluster has 1 or 3 nodes, not {nodes}")
    if known and len(known) != nodes:
        raise KafkaFailed(f"the cluster in {data} has {len(known)} node(s), not {nodes}; nodes cannot be added later")
    if any(node.is_running for node in known):
        return RunningKafka(data=data, nodes=known, distribution=distribution)
    listeners, controllers = _ports(data, known, nodes, ports)
    for number in range(1, nodes + 1):
        _write_properties(data, number, listeners, controllers)
    fresh = _nodes(data)
    _format(data, fresh, distribution)
    return RunningKafka(data=data, nodes=fresh, distribution=distribution)


def _nodes(data: Path) -> tuple[Node, ...]:
    found = []
    for properties in sorted(data.glob("node-*/server.properties")):
        port = int(_properties(properties)["listeners"].split(",")[0].rsplit(":", 1)[1])
        found.append(Node(id=int(properties.parent.name.removeprefix("node-")), folder=properties.parent, port=port))
    return tuple(found)


def _properties(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if line)


def _ports(
    data: Path, known: Sequence[Node], nodes: int, wanted: Sequence[int] | None
) -> tuple[Sequence[int], Sequence[int]]:
    """One port for clients and one for the other controllers, a node each."""
    if wanted is not None and len(wanted) != nodes:
        raise KafkaFailed(f"{nodes} node(s) need as many ports, not {len(wanted)}")
    last = [_listener_ports(node.properties) for node in known]
    if last and all(is_free(port) for pair in last for port in pair):
        return wanted or [pair[0] for pair in last], [pair[1] for pair in last]
    free = free_ports(2 * nodes)
    return wanted or free[:nodes], free[nodes:]


def _listener_ports(properties: Path) -> tuple[int, int]:
    clients, controllers = (int(part.rsplit(":", 1)[1]) for part in _properties(properties)["listeners"].split(","))
    return clients, controllers


def _write_properties(data: Path, number: int, listeners: Sequence[int], controllers: Sequence[int]) -> None:
    folder = data / f"node-{number}"
    folder.mkdir(exist_ok=True, mode=0o700)
    own, control = listeners[number - 1], controllers[number - 1]
    settings = {
        **SETTINGS,
        **replication(nodes=len(listeners)),
        "node.id": str(number),
        "controller.quorum.voters": ",".join(f"{at}@{LOOPBACK}:{port}" for at, port in enumerate(controllers, start=1)),
        "listeners": f"PLAINTEXT://{LOOPBACK}:{own},CONTROLLER://{LOOPBACK}:{control}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{own}",
        "log.dirs": str(folder / "data"),
    }
    fresh = folder / "server.properties.new"
    fresh.write_text("".join(f"{name}={value}\n" for name, value in sorted(settings.items())))
    fresh.rename(folder / "server.properties")


def replication(*, nodes: int) -> dict[str, str]:
    """How often each record is kept, and how many copies must exist before it is acknowledged."""
    replicas, in_sync = str(nodes), str(min(nodes, 2))
    return {
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
    }


def _format(data: Path, nodes: Sequence[Node], distribution: Distribution) -> None:
    """Give every node's empty storage the same cluster id; storage that has one is left alone."""
    identity = data / "cluster-id"
    if not identity.exists():
        identity.write_text(_cluster_id())
    unformatted = [node for node in nodes if not node.folder.joinpath("data", "meta.properties").exists()]
    with concurrent.futures.ThreadPoolExecutor() as together:
        list(together.map(lambda node: _format_node(node, identity.read_text(), distribution), unformatted))


def _format_node(node: Node, identity: str, distribution: Distribution) -> None:
    tool = _java(node, distribution, "kafka.tools.StorageTool")
    command = [*tool, "format", "-t", identity, "-c", str(node.properties), "--ignore-formatted"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KafkaFailed(f"storage of node {node.id} could not be formatted: {(done.stdout + done.stderr)[-2000:]}")


def _cluster_id() -> str:
    """A uuid as Kafka writes it. One that begins with a dash would be read as an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text


# --- processes ------------------------------------------------------------------------------------------------------


def _java(node: Node, distribution: Distribution, main_class: str) -> list[str]:
    options = [
        f"-Dlog4j2.configurationFile={distribution.logging.as_uri()}",
        f"-Dledgerline.kafka.folder={node.folder}",
    ]
    return [str(distribution.java), *JVM, *options, "-cp", f"{distribution.jars}/*", main_class]


def _launch(node: Node, distribution: Distribution) -> None:
    """Start the broker as nobody's child: a shell puts it in the background, tells its id, and ends."""
    if node.log.exists():
        node.log.rename(node.log.with_name("server.log.previous"))
    command = [*_java(node, distribution, "kafka.Kafka"), str(node.properties)]
    told = subprocess.run(
        ["/bin/sh", "-c", 'output=$1; shift; "$@" </dev/null >"$output" 2>&1 & echo $!', "sh", _output(node), *command],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=node.folder,
        start_new_session=True,
    )
    node.folder.joinpath("pid").write_text(told.stdout)


def _output(node: Node) -> str:
    return str(node.folder / "output.log")


def _wait_until_started(nodes: Sequence[Node]) -> None:
    give_up = time.monotonic() + START_SECONDS
    for node in nodes:
        while not (node.log.exists() and STARTED in node.log.read_text(errors="replace")):
            if _is_down(node):
                raise KafkaFailed(f"node {node.id} ended while starting\n{_last_words(node)}")
            if time.monotonic() > give_up:
                raise KafkaFailed(f"node {node.id} did not start within {START_SECONDS} s\n{_last_words(node)}")
            time.sleep(0.1)


def _is_down(node: Node) -> bool:
    """Asked twice: for a moment in its start a process has no arguments to be known by."""
    if node.is_running:
        return False
    time.sleep(0.2)
    return not node.is_running


def _last_words(node: Node) -> str:
    files = [file for file in (Path(_output(node)), node.log) if file.exists()]
    return "\n".join(file.read_text(errors="replace")[-2000:] for file in files)


def wait_until_it_answers(bootstrap_servers: str, *, brokers: int) -> None:
    """Return once `brokers` brokers are registered and the controller would create a topic. Raises KafkaFailed.

    An open port is too early: a broker listens before it may be asked for anything.
    """
    # In a thread of its own: the caller may or may not be inside an event loop.
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as apart:
        apart.submit(asyncio.run, _until_it_answers(bootstrap_servers, brokers)).result()


async def _until_it_answers(bootstrap_servers: str, brokers: int) -> None:
    give_up = time.monotonic() + START_SECONDS
    while (missing := await _ask(bootstrap_servers, brokers)) is not None:
        if time.monotonic() > give_up:
            raise KafkaFailed(f"Kafka at {bootstrap_servers} was not ready within {START_SECONDS} s: {missing}")
        await asyncio.sleep(0.1)


async def _ask(bootstrap_servers: str, brokers: int) -> str | None:
    """What is still missing, or None."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=5_000)
    try:
        await admin.start()
        registered = len((await admin.describe_cluster())["brokers"])
        if registered < brokers:
            return f"{registered} of {brokers} brokers registered"
        probe = NewTopic(name="ledgerline.readiness", num_partitions=1, replication_factor=brokers)
        answer = await admin.create_topics([probe], validate_only=True)
        _topic, code, *words = answer.topic_errors[0]
        return None if code == 0 else f"a topic would be refused: error {code} {words}"
    except (KafkaError, OSError) as problem:
        return f"{type(problem).__name__}: {problem}"
    finally:
        await admin.close()


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # dropped by the kernel when we die
        yield


def main(arguments: Sequence[str]) -> int:
    """`python -m shared.runtime.native.kafka POM FOLDER`: fetch the jars and tell where they are."""
    pom, jars_home = map(Path, arguments)
    try:
        distribution = prepare(pom, jars_home)
    except KafkaUnavailable as reason:
        sys.stderr.write(f"{reason}\n")
        return 1
    sys.stdout.write(f"Apache Kafka {distribution.version} in {distribution.jars}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
