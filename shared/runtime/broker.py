"""Which Kafka is it, and how do its topics look?

One topic a service, `ledgerline.<service>.events`, kept for ever, with a number of partitions that is fixed when it is made (order
holds within a key, and a key's partition must not move). Beside it a small compacted one that says how far in time the log reaches.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code
from aiokafka.helpers import create_ssl_context

_GONE_SECONDS = 30.0  # how long a topic may take to be deleted
_KNOWN_SECONDS = 30.0  # how long the partitions of a new topic may be unknown
FETCH_BYTES_MAX = 8 << 20  # of one partition at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """How to reach Kafka, and how many partitions and replicas a topic gets when it is made."""

    bootstrap: str
    partitions: int = 12
    replicas: int = 1
    prefix: str = (
        "ledgerline"  # of topics and transactional ids; another one for another installation on the same brokers
    )
    compression: Literal["lz4", "zstd", "gzip"] | None = None  # lz4 and zstd need the package cramjam on both sides
    security: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = "PLAINTEXT"
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    username: str = ""
    password: str = ""

    def events_topic(self, service: str) -> str:
        return f"{self.prefix}.{service}.events"

    def watermarks_topic(self, service: str) -> str:
        return f"{self.prefix}.{service}.watermarks"

    def consumer(self, **options: Any) -> AIOKafkaConsumer:
        """One that reads only what was committed, from where it is told."""
        return AIOKafkaConsumer(
            **self._connection(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_partition_fetch_bytes=FETCH_BYTES_MAX,
            check_crcs=False,  # the brokers check them, and every event carries its own hash
            **options,
        )

    def relay_producer(self, service: str) -> AIOKafkaProducer:
        """One that fences every earlier producer of the service's relay when it starts."""
        return AIOKafkaProducer(
            **self._connection(),
            transactional_id=f"{self.prefix}.relay-{service}",
            enable_idempotence=True,
            acks="all",
            compression_type=self.compression,
            linger_ms=0,
            retry_backoff_ms=20,
            max_batch_size=256 << 10,
            max_request_size=4 << 20,
            transaction_timeout_ms=60_000,
            request_timeout_ms=20_000,
        )

    async def ensure_topics(self, service: str) -> bool:
        """Make the topics of a service where they are missing; whether the one for events was made now."""
        events = NewTopic(
            self.events_topic(service),
            self.partitions,
            self.replicas,
            topic_configs={"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"},
        )
        watermarks = NewTopic(
            self.watermarks_topic(service),
            1,
            self.replicas,
            topic_configs={"cleanup.policy": "compact", "segment.ms": "3600000"},
        )
        admin = AIOKafkaAdminClient(**self._connection())
        await admin.start()
        try:
            present = set(await admin.list_topics())
            wanted = [topic for topic in (events, watermarks) if topic.name not in present]
            made = await _create(admin, wanted) if wanted else set()
            return events.name in made
        finally:
            await admin.close()

    async def replace_topics(self, service: str) -> None:
        """Delete the topics of a service and make them anew, empty."""
        names = {self.events_topic(service), self.watermarks_topic(service)}
        admin = AIOKafkaAdminClient(**self._connection())
        await admin.start()
        try:
            await admin.delete_topics(sorted(names & set(await admin.list_topics())))
            async with asyncio.timeout(_GONE_SECONDS):
                while names & set(await admin.list_topics()):  # noqa: ASYNC110  only asking tells
                    await asyncio.sleep(0.1)
        finally:
            await admin.close()
        await self.ensure_topics(service)

    async def partition_numbers(self, service: str) -> list[int]:
        """The partitions of a service's topic, in order.

        Waits for a topic that somebody makes in this moment: brokers list its name before they know its partitions. Raises
        TimeoutError.
        """
        admin = AIOKafkaAdminClient(**self._connection())
        await admin.start()
        try:
            async with asyncio.timeout(_KNOWN_SECONDS):
                while True:
                    (topic,) = await admin.describe_topics([self.events_topic(service)])
                    if topic["error_code"] == 0 and topic["partitions"]:
                        return sorted(partition["partition"] for partition in topic["partitions"])
                    await asyncio.sleep(0.05)
        finally:
            await admin.close()

    def _connection(self) -> Mapping[str, Any]:
        options: dict[str, Any] = {"bootstrap_servers": self.bootstrap, "client_id": "ledgerline"}
        if self.security != "PLAINTEXT":
            options |= {"security_protocol": self.security, "ssl_context": self._ssl()}
        if self.security == "SASL_SSL":
            options |= {
                "sasl_mechanism": "SCRAM-SHA-512",
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return options

    def _ssl(self) -> ssl.SSLContext:
        context: ssl.SSLContext = create_ssl_context(
            cafile=None if self.ca_file is None else str(self.ca_file),
            certfile=None if self.certificate_file is None else str(self.certificate_file),
            keyfile=None if self.key_file is None else str(self.key_file),
        )
        return context


async def _create(admin: AIOKafkaAdminClient, topics: list[NewTopic]) -> set[str]:
    """The names of those that were made by us and by nobody else in this moment."""
    response = await admin.create_topics(topics)
    made = set()
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        if code == 0:
            made.add(name)
        elif error is not TopicAlreadyExistsError:
            raise error(f"topic {name}")
    return made
