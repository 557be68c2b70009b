"""How is the edge set up? From the environment, prefix LEDGERLINE_GATEWAY_."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="LEDGERLINE_GATEWAY_", frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    processing_ids: frozenset[str] = frozenset({"P"})  # MSH-11 that MLLP takes; T and D are a sender's trials
    intake_processing_ids: frozenset[str] = frozenset({"P", "T", "D"})  # a person who hands in a file means it
    unsupported: Literal["ignore", "refuse"] = "ignore"  # message types that billing does not act on: AA or AR
    time_zone: str = "UTC"  # of senders whose times name no offset
    control_id_days: int = Field(default=7, ge=1)  # so long the same MSH-10 with another content is a duplicate id
    mllp_certificate_file: Path | None = (
        None  # with its key: MLLP over TLS; absent: plain, for loopback or behind a TLS proxy
    )
    mllp_key_file: Path | None = None
    mllp_client_ca_file: Path | None = None  # senders must show a certificate that this authority signed
    mllp_connections_max: int = Field(default=64, ge=1)
    mllp_waiting_max: int = Field(default=32, ge=1)  # messages read ahead of their answers on one connection
    mllp_idle_seconds_max: float = Field(default=3600.0, gt=0)
    mllp_stop_seconds_max: float = Field(default=10.0, gt=0)
    retry_seconds_max: float = Field(default=60.0, gt=0)  # longest pause before an unfinished message is tried again
    fhir_bytes_max: int = Field(default=32 << 20, ge=1024)
    partners_file: Path | None = None  # absent: partners.json under LEDGERLINE_HOME
    partner_poll_seconds: float = Field(default=1.0, gt=0)
    partner_file_bytes_max: int = Field(default=50 << 20, ge=1024)

    @field_validator("time_zone")
    @classmethod
    def _exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as unknown:
            raise ValueError("the time zone is a name of the IANA database") from unknown
        return name

    @model_validator(mode="after")
    def _has_a_whole_identity(self) -> GatewaySettings:
        if (self.mllp_certificate_file is None) != (self.mllp_key_file is None):
            raise ValueError("TLS on MLLP needs a certificate file and a key file")
        if self.mllp_client_ca_file is not None and self.mllp_certificate_file is None:
            raise ValueError("senders' certificates are checked over TLS only")
        return self

    @property
    def zone(self) -> tzinfo:
        return ZoneInfo(self.time_zone)
