"""How is this installation set up?

Everything comes from the environment with the prefix LEDGERLINE_, units in the names; secrets may lie as files in the
folder that LEDGERLINE_SECRETS_DIR names (`ledgerline_database_app_password`, …), so that they need not be in an environment.
The embedded runner passes what it made itself (ports, passwords) straight to the constructor.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar
from urllib.parse import quote

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

S = TypeVar("S", bound=BaseSettings)
DatabaseRole: TypeAlias = Literal["owner", "app", "feed"]

_NO_SECRET = SecretStr("")


class Settings(BaseSettings):
    """Typed and frozen. `load_settings()` reads the environment; tests and the embedded runner name what they need."""

    model_config = SettingsConfigDict(
        env_prefix="LEDGERLINE_", frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    mode: Literal["embedded", "distributed"] = "embedded"
    home: Path = Path(".ledgerline")
    feed: Literal["postgres", "kafka"] = "postgres"
    clock: Literal["real", "driven"] = "real"

    # PostgreSQL: one database a service, named ledgerline_<name>; roles ledgerline_owner, ledgerline_app, ledgerline_feed.
    database_host: str = "127.0.0.1"
    database_port: int = Field(default=5432, ge=1, le=65535)
    database_query: str = ""  # such as "sslmode=verify-full&sslrootcert=/…"
    # Overrides host, port and query where a service has a server of its own; {service}, {user}, {password}, {database}.
    database_url_template: str = ""
    database_owner_password: SecretStr = _NO_SECRET
    database_app_password: SecretStr = _NO_SECRET
    database_feed_password: SecretStr = _NO_SECRET
    pool_connections_max: int = Field(default=8, ge=1)
    statement_seconds_max: float = Field(default=15.0, gt=0)

    # Kafka
    kafka_bootstrap: str = "127.0.0.1:9092"
    kafka_security: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = "PLAINTEXT"
    kafka_ca_file: Path | None = None
    kafka_certificate_file: Path | None = None
    kafka_key_file: Path | None = None
    kafka_username: str = ""
    kafka_password: SecretStr = _NO_SECRET
    kafka_partitions: int = Field(default=12, ge=1)
    kafka_replicas: int = Field(default=1, ge=1)

    # HTTP and MLLP
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8080, ge=1, le=65535)
    mllp_host: str = "127.0.0.1"
    mllp_port: int = Field(default=2575, ge=1, le=65535)
    mllp_tenant: str = "demo"  # a listener belongs to one tenant
    services_url: str = ""  # where another process of ours answers, with {service} and {port}; empty: on this machine
    json_bytes_max: int = Field(default=1 << 20, ge=1024)
    upload_bytes_max: int = Field(default=50 << 20, ge=1024)
    document_bytes_max: int = Field(default=100 << 20, ge=1024)

    # Identity. Empty issuer: the local issuer of the embedded mode.
    issuer_url: str = ""
    issuer_jwks: str = ""  # URL or file of the issuer's public keys; empty: from its /.well-known/openid-configuration
    # Another issuer, believed beside the first: users from an identity provider, say, and programs from the local issuer.
    other_issuer_url: str = ""
    other_issuer_jwks: str = ""
    tenants_claim: str = "tenants"  # {tenant: [roles]} in an access token
    client_claim: str = "client_id"  # the program's name; azp for some providers
    revocations_file: Path | None = (
        None  # {"user:…" or "client:…": seconds since 1970}; empty: identity/revoked.json under home
    )
    audience: str = "ledgerline"
    edge_token_file: Path | None = None  # token of the edge, where another issuer gives it: read anew for each request
    token_leeway_seconds: int = Field(default=30, ge=0, le=60)

    # Whose operators look after the whole installation: rebuild, verify, drive its clock, read its metrics. Empty: every tenant's.
    operations_tenant: str = ""

    # Limits of each service in each process. A caller is a user or a program in a tenant; an address has no token (the issuer's endpoints).
    requests_per_second_per_caller: float = Field(default=500.0, gt=0)
    requests_per_second_per_tenant: float = Field(default=1_000.0, gt=0)
    requests_per_second_per_address: float = Field(default=20.0, gt=0)
    burst_seconds: float = Field(default=2.0, gt=0)  # so much of each rate may come at once after a pause
    requests_in_progress_max: int = Field(default=512, ge=2)  # of n tenants at work each has 1/(n+1) at most
    streams_max: int = Field(default=256, ge=2)  # open event streams, shared out in the same way
    callers_without_limit: frozenset[str] = frozenset(
        {"user:ledgerline-edge"}
    )  # our own edge: what comes to it has been counted

    # Keys
    root_key: SecretStr = (
        _NO_SECRET  # 32 bytes in base64 a line, newest first; empty: the file keys/root.key under home
    )

    # How long a person's key is kept after its values were last made or opened, before anybody can destroy it
    retention_years: int = Field(default=10, ge=0, le=100)

    # Tamper evidence: where signed heads of the log are kept beside the database, and what signs them
    heads_folder: Path | None = None  # a place that the owner of the database cannot change; empty: heads under home
    heads_keys: SecretStr = (
        _NO_SECRET  # 32 bytes in base64 a line, newest first; empty: the file keys/heads.keys under home
    )
    heads_seconds: float = Field(default=60.0, gt=0)  # between two heads of a service, while it records events

    # Pace
    relay_poll_ms: int = Field(default=25, ge=1)
    reader_poll_ms: int = Field(default=25, ge=1)
    reader_batch_events: int = Field(default=5_000, ge=1)
    timer_poll_ms: int = Field(default=250, ge=1)
    lease_seconds: float = Field(default=15.0, gt=0)
    committer_queue_max: int = Field(default=10_000, ge=1)

    # Telemetry. Spans go to OTEL_EXPORTER_OTLP_ENDPOINT where that is set.
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_file: Path | None = None  # also stdout, always
    traces_file: Path | None = None  # spans as JSON lines, for a machine without a collector
    trace_ratio: float = Field(default=1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _refuse_what_belongs_to_one_machine(self) -> Settings:
        if self.mode == "distributed":
            if self.clock == "driven":
                raise ValueError("a driven clock exists in the embedded mode only")
            if not self.issuer_url:
                raise ValueError("distributed mode needs LEDGERLINE_ISSUER_URL")
        return self

    @property
    def issuer(self) -> str:
        """The issuer whose tokens are accepted."""
        return self.issuer_url or f"http://{self.http_host}:{self.http_port}"

    @property
    def is_locally_issued(self) -> bool:
        """Whether tokens come from the local issuer of the embedded mode."""
        return self.mode == "embedded" and not self.issuer_url

    def service_url(self, service: str, port: int) -> str:
        """Where the process of a service answers, as seen by another process."""
        return self.services_url.format(service=service, port=port) or f"http://{self.http_host}:{port}"

    def dsn(self, service: str, role: DatabaseRole = "app") -> str:
        """`postgresql://…` for asyncpg: the database of a service (or of "vault", "documents", "gateway") as a role."""
        user = f"ledgerline_{role}"
        password = quote(self._database_password(role).get_secret_value(), safe="")
        database = f"ledgerline_{service}"
        if self.database_url_template:
            return self.database_url_template.format(service=service, user=user, password=password, database=database)
        credentials = f"{user}:{password}" if password else user
        query = f"?{self.database_query}" if self.database_query else ""
        return f"postgresql://{credentials}@{self.database_host}:{self.database_port}/{database}{query}"

    def _database_password(self, role: DatabaseRole) -> SecretStr:
        return {
            "owner": self.database_owner_password,
            "app": self.database_app_password,
            "feed": self.database_feed_password,
        }[role]


def load_settings() -> Settings:
    """The settings of this process. Raises pydantic.ValidationError naming the setting and the rule, not the value."""
    return load(Settings)


def load(cls: type[S]) -> S:
    """Settings of a service's own, or of a job, from the same places and with the same errors."""
    folder = os.environ.get("LEDGERLINE_SECRETS_DIR")
    sources: dict[str, Any] = {"_secrets_dir": folder} if folder else {}
    return cls(**sources)
