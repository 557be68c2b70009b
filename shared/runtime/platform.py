"""What do all services of one process stand on?

Opened once a process from the settings: the business clock, the vault, the document store, the feed, and whose tokens are believed.
"""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from uuid import uuid4

import asyncpg

from shared.events.envelope import Position
from shared.events.registry import SERVICES
from shared.runtime.broker import Broker
from shared.runtime.clock import Clock, FileClock, SystemClock
from shared.runtime.emergencies import Emergencies
from shared.runtime.feed import Feed, Partition
from shared.runtime.identity import TokenVerifier
from shared.runtime.identity.issuer import signing_key
from shared.runtime.identity.keys import FetchKeySet, issuer_keys, keys_from_settings
from shared.runtime.identity.revocations import FILE, Revocations
from shared.runtime.identity.tokens import ClaimNames
from shared.runtime.kafka_feed import KafkaFeed
from shared.runtime.local_documents import LocalDocuments, create_documents_schema
from shared.runtime.local_vault import LocalVault, create_vault_schema
from shared.runtime.postgres_feed import PostgresFeed
from shared.runtime.retention import Retention
from shared.runtime.settings import Settings
from shared.runtime.wrapping import RootKeys, load_root_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    settings: Settings
    clock: Clock
    roots: RootKeys
    vault: LocalVault
    retention: Retention
    emergencies: Emergencies
    documents: LocalDocuments
    feed: Feed
    stores: PostgresFeed | None  # beside the kafka feed, on one machine
    verifier: TokenVerifier
    process: str  # names this process in leases

    async def close(self) -> None:
        await self.feed.close()
        if self.stores is not None:
            await self.stores.close()
        await self.documents.close()
        await self.vault.close()


async def open_platform(settings: Settings, verifier: TokenVerifier | None = None) -> Platform:
    """Raises VaultUnavailable, DocumentsUnavailable, WrongRootKey, OSError while what it stands on is not there."""
    clock = clock_of(settings)
    await create_vault_schema(settings.dsn("vault", "owner"))
    await create_documents_schema(settings.dsn("documents", "owner"))
    roots = load_root_keys(settings)
    vault = await LocalVault.connect(settings.dsn("vault"), roots)
    try:
        documents = await LocalDocuments.connect(
            settings.dsn("documents"), vault, bytes_max=settings.document_bytes_max
        )
    except BaseException:
        await vault.close()
        raise
    feed, stores = _feed(settings, clock)
    return Platform(
        settings=settings,
        clock=clock,
        roots=roots,
        vault=vault,
        emergencies=vault.emergencies(),
        retention=vault.retention(settings.retention_years),
        documents=documents,
        feed=feed,
        stores=stores,
        verifier=verifier or verifier_of(settings),
        process=f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}",
    )


def clock_of(settings: Settings) -> Clock:
    return FileClock(settings.home / "clock") if settings.clock == "driven" else SystemClock()


def verifier_of(settings: Settings) -> TokenVerifier:
    """Believes the issuers that the settings name."""
    keys = keys_from_settings(settings, _local_key_set(settings) if settings.is_locally_issued else None)
    other = settings.other_issuer_url
    return TokenVerifier(
        keys,
        issuer=settings.issuer,
        audience=settings.audience,
        others={other: issuer_keys(other, settings.other_issuer_jwks)} if other else {},
        names=ClaimNames(tenants=settings.tenants_claim, client=settings.client_claim),
        is_revoked=Revocations(settings.revocations_file or settings.home / FILE).is_revoked,
        leeway_seconds=settings.token_leeway_seconds,
    )


def _local_key_set(settings: Settings) -> FetchKeySet:
    """The public half of the local issuer's key: every process of the home folder can read it."""

    async def fetch() -> bytes:
        key = signing_key(settings.home)
        return json.dumps({"keys": [key.as_dict(private=False, use="sig", alg="ES256")]}).encode()

    return fetch


def broker_of(settings: Settings) -> Broker:
    """The Kafka that the settings name."""
    return Broker(
        bootstrap=settings.kafka_bootstrap,
        partitions=settings.kafka_partitions,
        replicas=settings.kafka_replicas,
        security=settings.kafka_security,
        ca_file=settings.kafka_ca_file,
        certificate_file=settings.kafka_certificate_file,
        key_file=settings.kafka_key_file,
        username=settings.kafka_username,
        password=settings.kafka_password.get_secret_value(),
    )


def _feed(settings: Settings, clock: Clock) -> tuple[Feed, PostgresFeed | None]:
    """The feed that readers follow, and beside Kafka, on one machine, the stores whose heads say how far it must be."""
    stores = PostgresFeed({service: settings.dsn(service, "feed") for service in SERVICES}, clock)
    if settings.feed == "postgres":
        return stores, None
    if settings.mode == "distributed":
        return KafkaFeed(broker_of(settings)), None

    async def head(service: str) -> Position | None:
        return (await stores.covering(service, None)).get(Partition(service, 0))

    return KafkaFeed(broker_of(settings), store_head=head), stores


async def answers(dsn: str) -> bool:
    """Whether a database answers, now."""
    try:
        connection = await asyncpg.connect(dsn, timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError):
        return False
    try:
        return bool(await connection.fetchval("select true"))
    finally:
        await connection.close()
