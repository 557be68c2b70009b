"""Does our client get from this broker what the event log leans on?

Order within a key, acknowledged means kept, one writer per transactional id, readers that share and take over. See
docs/adr/0001-apache-kafka-version.md.
"""

import asyncio
import gc
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import ProducerFenced

from shared.runtime.native import kafka
from shared.runtime.native.processes import runs_with_argument
from shared.testing.infrastructure import KafkaCluster, native_kafka

PARTITIONS = 6


@pytest.fixture(scope="module")
def three_nodes(kafka_distribution: kafka.Distribution) -> Iterator[kafka.RunningKafka]:
    with native_kafka(kafka_distribution, nodes=3) as cluster:
        yield cluster


@pytest.fixture
def one_node(kafka_distribution: kafka.Distribution) -> Iterator[kafka.RunningKafka]:
    with native_kafka(kafka_distribution, nodes=1) as cluster:
        yield cluster


@pytest_asyncio.fixture
async def to_be_fenced(
    kafka_cluster: KafkaCluster,
) -> AsyncIterator[Callable[[str], Awaitable[AIOKafkaProducer]]]:
    """Starts producers that will be fenced.

    The client keeps futures of its own that fail with them and that nobody asks. They are collected here, and only
    that complaint is accepted: left to chance it would come up in the middle of whatever runs next.
    """
    started: list[AIOKafkaProducer] = []

    async def start(transactional_id: str) -> AIOKafkaProducer:
        started.append(producer_of(kafka_cluster, transactional_id=transactional_id))
        await started[-1].start()
        return started[-1]

    yield start
    while started:
        await started.pop().stop()
    loop, complaints = asyncio.get_running_loop(), list[object]()
    loop.set_exception_handler(lambda _, context: complaints.append(context.get("exception")))
    gc.collect()
    loop.set_exception_handler(None)
    assert all(isinstance(each, ProducerFenced) for each in complaints)


Cluster = KafkaCluster | kafka.RunningKafka


async def new_topic(cluster: Cluster, *, partitions: int = PARTITIONS) -> str:
    name = f"ledgerline.test-{secrets.token_hex(4)}.events"
    topic = NewTopic(name=name, num_partitions=partitions, replication_factor=cluster.replication_factor)
    async with admin_of(cluster) as admin:
        await admin.create_topics([topic])
    return name


@asynccontextmanager
async def admin_of(cluster: Cluster) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap_servers)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def producer_of(cluster: Cluster, **more: Any) -> AIOKafkaProducer:
    settings = {"enable_idempotence": True, "acks": "all", "request_timeout_ms": 20_000, **more}
    return AIOKafkaProducer(bootstrap_servers=cluster.bootstrap_servers, **settings)


async def everything_in(cluster: Cluster, topic: str) -> list[tuple[bytes, bytes]]:
    """Key and value of every committed record, partition by partition in order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=cluster.bootstrap_servers, isolation_level="read_committed")
    async with consumer:
        partitions = [TopicPartition(topic, each["partition"]) for each in await partitions_of(cluster, topic)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        found: dict[TopicPartition, list[tuple[bytes, bytes]]] = defaultdict(list)
        async with asyncio.timeout(60):
            # The position passes markers of transactions too, which are never handed out as records.
            while any([await consumer.position(each) < ends[each] for each in partitions]):
                for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                    found[partition] += [(record.key, record.value) for record in records]
    return [pair for partition in partitions for pair in found[partition]]


async def partitions_of(cluster: Cluster, topic: str) -> list[dict[str, Any]]:
    """Asked again until the broker that answers has heard of the topic: the controller tells the others afterwards."""
    async with admin_of(cluster) as admin, asyncio.timeout(30):
        while not (found := (await admin.describe_topics([topic]))[0]["partitions"]):  # noqa: ASYNC110  only asking tells
            await asyncio.sleep(0.1)
    return sorted(found, key=lambda each: each["partition"])


def values_by_key(records: Sequence[tuple[bytes, bytes]]) -> dict[bytes, list[int]]:
    sorted_out: dict[bytes, list[int]] = defaultdict(list)
    for key, value in records:
        sorted_out[key].append(int(value))
    return dict(sorted_out)


# --- one broker that works ------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_a_topic_has_the_partitions_asked_for_and_forgets_nothing(kafka_cluster: KafkaCluster) -> None:
    topic = await new_topic(kafka_cluster)
    async with admin_of(kafka_cluster) as admin:
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    assert len(await partitions_of(kafka_cluster, topic)) == PARTITIONS
    settings = {entry[0]: entry[1] for answer in answers for resource in answer.resources for entry in resource[4]}
    assert settings["retention.ms"] == "-1"
    assert settings["cleanup.policy"] == "delete"


@pytest.mark.asyncio
async def test_records_of_a_key_come_back_in_the_order_sent(kafka_cluster: KafkaCluster) -> None:
    topic = await new_topic(kafka_cluster)
    async with producer_of(kafka_cluster) as producer:
        sends = [
            await producer.send(topic, str(number).encode(), key=b"clinic/claim-%d" % (number % 10))
            for number in range(1_000)
        ]
        await asyncio.gather(*sends)
    per_key = values_by_key(await everything_in(kafka_cluster, topic))
    assert per_key == {b"clinic/claim-%d" % last: list(range(last, 1_000, 10)) for last in range(10)}


@pytest.mark.asyncio
async def test_a_committed_transaction_is_read_and_an_aborted_one_is_not(kafka_cluster: KafkaCluster) -> None:
    topic = await new_topic(kafka_cluster)
    async with producer_of(kafka_cluster, transactional_id=f"relay-{topic}") as producer:
        async with producer.transaction():
            await producer.send(topic, b"1", key=b"claim")
        with suppress(KeyError):
            async with producer.transaction():
                await producer.send_and_wait(topic, b"2", key=b"claim")
                raise KeyError
        async with producer.transaction():
            await producer.send(topic, b"3", key=b"claim")
    assert values_by_key(await everything_in(kafka_cluster, topic)) == {b"claim": [1, 3]}


@pytest.mark.asyncio
async def test_what_an_older_relay_left_uncommitted_is_dropped_when_another_takes_over(
    kafka_cluster: KafkaCluster, to_be_fenced: Callable[[str], Awaitable[AIOKafkaProducer]]
) -> None:
    topic = await new_topic(kafka_cluster)
    older = await to_be_fenced(f"relay-{topic}")
    await older.begin_transaction()
    await older.send_and_wait(topic, b"1", key=b"claim")
    async with producer_of(kafka_cluster, transactional_id=f"relay-{topic}") as newer:
        async with newer.transaction():
            await newer.send(topic, b"2", key=b"claim")
        with pytest.raises(ProducerFenced):
            await older.commit_transaction()
    assert values_by_key(await everything_in(kafka_cluster, topic)) == {b"claim": [2]}


@pytest.mark.asyncio
async def test_an_older_relay_that_wakes_up_can_write_nothing_more(
    kafka_cluster: KafkaCluster, to_be_fenced: Callable[[str], Awaitable[AIOKafkaProducer]]
) -> None:
    topic = await new_topic(kafka_cluster)
    older = await to_be_fenced(f"relay-{topic}")
    async with older.transaction():
        await older.send(topic, b"1", key=b"claim")
    async with producer_of(kafka_cluster, transactional_id=f"relay-{topic}") as newer:
        await older.begin_transaction()
        with pytest.raises(ProducerFenced):
            await older.send_and_wait(topic, b"2", key=b"claim")
        async with newer.transaction():
            await newer.send(topic, b"3", key=b"claim")
    assert values_by_key(await everything_in(kafka_cluster, topic)) == {b"claim": [1, 3]}


@pytest.mark.asyncio
async def test_a_leaving_readers_partitions_are_taken_over_and_nothing_is_left_unread(
    kafka_cluster: KafkaCluster,
) -> None:
    topic = await new_topic(kafka_cluster)
    first, second = reader_of(kafka_cluster, topic), reader_of(kafka_cluster, topic)
    await first.start()
    await second.start()
    try:
        await _until_assigned(first, PARTITIONS // 2)
        await _until_assigned(second, PARTITIONS // 2)
        assert not first.assignment() & second.assignment()
        await second.stop()
        await _until_assigned(first, PARTITIONS)
        async with producer_of(kafka_cluster) as producer:
            for partition in range(PARTITIONS):
                await producer.send_and_wait(topic, b"%d" % partition, partition=partition)
        assert sorted(await _take(first, PARTITIONS)) == [b"%d" % partition for partition in range(PARTITIONS)]
        await first.commit()
    finally:
        await first.stop()
    async with reader_of(kafka_cluster, topic) as later:
        await _until_assigned(later, PARTITIONS)
        assert await later.getmany(timeout_ms=500) == {}  # it goes on where the group stood


def reader_of(cluster: Cluster, topic: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        topic,
        bootstrap_servers=cluster.bootstrap_servers,
        group_id=f"readers-of-{topic}",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        heartbeat_interval_ms=200,
        metadata_max_age_ms=1_000,
    )


async def _until_assigned(consumer: AIOKafkaConsumer, partitions: int) -> None:
    async with asyncio.timeout(30):
        while len(consumer.assignment()) != partitions:  # noqa: ASYNC110  the client announces nothing to wait for
            await asyncio.sleep(0.05)


async def _take(consumer: AIOKafkaConsumer, count: int) -> list[bytes]:
    async with asyncio.timeout(30):
        return [(await consumer.getone()).value for _ in range(count)]


# --- brokers that fail ----------------------------------------------------------------------------------------------


@pytest.mark.asyncio
async def test_after_a_kill_of_the_only_broker_every_acknowledged_record_is_there_and_work_goes_on(
    one_node: kafka.RunningKafka,
) -> None:
    topic = await new_topic(one_node)
    [node] = one_node.nodes
    async with producer_of(one_node, request_timeout_ms=60_000) as producer, reader_of(one_node, topic) as reader:
        for number in range(100):
            await producer.send_and_wait(topic, b"%d" % number, key=b"claim")
        await _take(reader, 50)
        await reader.commit()
        await asyncio.to_thread(node.kill)
        under_way = await producer.send(topic, b"100", key=b"claim")
        await asyncio.to_thread(one_node.start_node, node)
        await asyncio.wait_for(under_way, 60)
        await producer.send_and_wait(topic, b"101", key=b"claim")
        assert await _take(reader, 52) == [b"%d" % number for number in range(50, 102)]
    assert values_by_key(await everything_in(one_node, topic)) == {b"claim": list(range(102))}


@pytest.mark.asyncio
async def test_a_transactional_writer_goes_on_after_a_kill_of_the_only_broker(one_node: kafka.RunningKafka) -> None:
    topic = await new_topic(one_node)
    [node] = one_node.nodes
    async with producer_of(one_node, transactional_id="relay", request_timeout_ms=60_000) as producer:
        async with producer.transaction():
            await producer.send(topic, b"0", key=b"claim")
        await asyncio.to_thread(node.kill)
        await asyncio.to_thread(one_node.start_node, node)
        async with producer.transaction():
            await producer.send(topic, b"1", key=b"claim")
    assert values_by_key(await everything_in(one_node, topic)) == {b"claim": [0, 1]}


@pytest.mark.asyncio
async def test_a_leader_killed_in_the_middle_loses_and_doubles_no_acknowledged_record(
    three_nodes: kafka.RunningKafka,
) -> None:
    topic = await new_topic(three_nodes, partitions=1)
    acknowledged: list[int] = []
    leader = await _leader_of(three_nodes, topic)
    async with producer_of(three_nodes, request_timeout_ms=60_000) as producer:
        for number in range(400):
            if number == 200:
                await asyncio.to_thread(leader.kill)
            await producer.send_and_wait(topic, b"%d" % number, key=b"claim")
            acknowledged.append(number)
        assert await _leader_of(three_nodes, topic) != leader
    await asyncio.to_thread(three_nodes.start_node, leader)
    assert values_by_key(await everything_in(three_nodes, topic)) == {b"claim": acknowledged}


@pytest.mark.asyncio
async def test_a_hanging_leader_is_replaced_and_its_client_goes_on(three_nodes: kafka.RunningKafka) -> None:
    topic = await new_topic(three_nodes, partitions=1)
    leader = await _leader_of(three_nodes, topic)
    async with producer_of(three_nodes, request_timeout_ms=5_000) as producer:
        await producer.send_and_wait(topic, b"0", key=b"claim")
        leader.pause()
        try:
            await asyncio.wait_for(await producer.send(topic, b"1", key=b"claim"), 60)
        finally:
            leader.resume()
    # Once awake the old leader may still believe in itself for a moment and tell its own end of the log. A reader that
    # goes on reading is put right, so read rather than ask.
    async with reader_of(three_nodes, topic) as reader:
        assert await _take(reader, 2) == [b"0", b"1"]
        assert await reader.getmany(timeout_ms=1_000) == {}


@pytest.mark.asyncio
async def test_with_one_of_three_left_nothing_is_acknowledged_until_another_is_back(
    three_nodes: kafka.RunningKafka,
) -> None:
    topic = await new_topic(three_nodes)
    async with producer_of(three_nodes, request_timeout_ms=2_000) as producer:
        await producer.send_and_wait(topic, b"0", key=b"claim")
        for node in three_nodes.nodes[1:]:
            await asyncio.to_thread(node.kill)
        # An idempotent producer of aiokafka never gives up by itself, whatever its timeout.
        waiting = await producer.send(topic, b"1", key=b"claim")
        done, _ = await asyncio.wait([waiting], timeout=6)
        assert not done
        await asyncio.to_thread(kafka.start, three_nodes.data, three_nodes.distribution, nodes=3)
        await asyncio.wait_for(waiting, 60)
        await producer.send_and_wait(topic, b"2", key=b"claim")
    assert values_by_key(await everything_in(three_nodes, topic)) == {b"claim": [0, 1, 2]}


async def _leader_of(cluster: kafka.RunningKafka, topic: str) -> kafka.Node:
    [partition] = await partitions_of(cluster, topic)
    return next(node for node in cluster.nodes if node.id == partition["leader"])


# --- processes ------------------------------------------------------------------------------------------------------


def test_starting_twice_is_starting_once_and_a_stopped_cluster_keeps_its_address(
    kafka_distribution: kafka.Distribution, tmp_path: Path
) -> None:
    try:
        first = kafka.start(tmp_path, kafka_distribution)
        assert kafka.start(tmp_path, kafka_distribution) == first
        kafka.stop(tmp_path)
        assert not kafka.is_running(tmp_path)
        assert kafka.start(tmp_path, kafka_distribution).bootstrap_servers == first.bootstrap_servers
        with pytest.raises(kafka.KafkaFailed, match=r"has 1 node\(s\), not 3"):
            kafka.start(tmp_path, kafka_distribution, nodes=3)
    finally:
        kafka.kill(tmp_path)


def test_a_broker_dies_with_the_process_it_is_attached_to(kafka_distribution: kafka.Distribution) -> None:
    script = (
        "import sys, time; from pathlib import Path; from shared.runtime.native import kafka\n"
        "names = [Path(name) for name in sys.argv[1:]]\n"
        "distribution = kafka.Distribution(java=names[1], jars=names[2], logging=names[3])\n"
        "with kafka.attached(names[0], distribution) as cluster:\n"
        "    print(cluster.nodes[0].pid, flush=True); time.sleep(600)\n"
    )
    java, jars, logging = kafka_distribution.java, kafka_distribution.jars, kafka_distribution.logging
    with tempfile.TemporaryDirectory(prefix="ledgerline-test-") as name:
        command = [sys.executable, "-c", script, *map(str, (name, java, jars, logging))]
        starter = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        starter.kill()
        starter.wait()
        starter.stdout.close()
        give_up = time.monotonic() + 20
        while runs_with_argument(pid, str(Path(name) / "node-1" / "server.properties")):
            assert time.monotonic() < give_up
            time.sleep(0.05)


def test_without_java_the_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(kafka.KafkaUnavailable, match="needs Java 17"):
        kafka.find_java({"LEDGERLINE_JAVA": str(tmp_path / "java"), "PATH": os.environ["PATH"]})


def test_a_too_old_java_is_refused_by_its_own_words(tmp_path: Path) -> None:
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    old.chmod(0o755)
    with pytest.raises(kafka.KafkaUnavailable, match=r"11\.0\.2"):
        kafka.find_java({"LEDGERLINE_JAVA": str(old)})


def test_without_maven_the_reason_is_told(tmp_path: Path, kafka_distribution: kafka.Distribution) -> None:
    pom = tmp_path / "pom.xml"
    pom.write_text("<project/>")
    only_java = {"LEDGERLINE_JAVA": str(kafka_distribution.java), "PATH": str(tmp_path)}
    with pytest.raises(kafka.KafkaUnavailable, match="no mvn on the PATH"):
        kafka.prepare(pom, tmp_path / "jars", environ=only_java)
