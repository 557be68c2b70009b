"""How is the eligibility service set up? From the environment, prefix LEDGERLINE_ELIGIBILITY_."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class EligibilitySettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="LEDGERLINE_ELIGIBILITY_",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        env_ignore_empty=True,
    )

    # Where a partner answers 270s in real time: {"partner id": "https://…"}. A partner without one is not asked.
    realtime_urls: dict[str, str] = {}
    realtime_token: SecretStr = SecretStr("")  # bearer token for these, empty: none
    answer_seconds_max: float = Field(default=20.0, gt=0)  # CAQH CORE: a real-time answer comes within 20 seconds
    patience_minutes: int = Field(default=10, ge=1)  # business time after which a question counts as unanswered
    failures_max: int = Field(default=5, ge=1)  # so many failures in a row open the circuit of a payer
    circuit_seconds: float = Field(default=60.0, gt=0)  # machine time until a payer is tried again
