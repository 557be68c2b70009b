"""How is the claims service set up?

Environment with the prefix LEDGERLINE_CLAIMS_, units in the names. How partners are reached is a file of its own, because it names
hosts and keys: tenants, then partners, then the connection. A partner's folder or account belongs to one tenant.

    {"clinic": {"northern": {"transport": "sftp", "host": "…", "username": "…", "key_file": "…", "known_hosts_file": "…"}}}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClaimsSettings(BaseSettings):
    """Typed and frozen."""

    model_config = SettingsConfigDict(
        env_prefix="LEDGERLINE_CLAIMS_", frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    partners_file: Path | None = None  # absent: partners.json under LEDGERLINE_HOME
    send_every_seconds: float = Field(default=0.5, gt=0)
    appeal_days: int = Field(default=90, ge=1)  # from the denial to the last day of a first appeal
    assignment_days: int = Field(default=7, ge=1)  # a denial is one person's for so long
    acknowledgement_hours: int = Field(default=24, ge=1)  # no TA1 or 999 after so long is silence
    claim_acknowledgement_business_days: int = Field(default=2, ge=1)  # no 277CA
    crossover_days: int = Field(default=30, ge=1)  # no answer of the payer that a claim was forwarded to
    after_reversal_days: int = Field(default=14, ge=1)  # no new answer after one was taken back


class FolderConnection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    transport: Literal["folder"]
    outbox: Path
    inbox: Path


class SftpConnection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    transport: Literal["sftp"]
    host: str
    port: int = Field(default=22, ge=1, le=65535)
    username: str
    key_file: Path
    known_hosts_file: Path
    outbox: str = "outbound"
    inbox: str = "inbound"


Connection: TypeAlias = Annotated[FolderConnection | SftpConnection, Field(discriminator="transport")]
Connections: TypeAlias = dict[str, dict[str, Connection]]  # by tenant and partner

_CONNECTIONS: TypeAdapter[Connections] = TypeAdapter(Connections)


class PartnersFile:
    """The file of connections, read again when it changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at_ns: int | None = None
        self._connections: Connections = {}

    def connections(self) -> Connections:
        """None of them when there is no file. Raises pydantic.ValidationError naming place and rule."""
        try:
            changed_at_ns = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        if changed_at_ns != self._read_at_ns:
            self._connections = _CONNECTIONS.validate_json(self._path.read_bytes())
            self._read_at_ns = changed_at_ns
        return self._connections
