"""How is the claims service set up?

Environment with the prefix LEDGERLINE_CLAIMS_, units in the names. How partners are reached is a file of its own:
`shared.runtime.partners`.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClaimsSettings(BaseSettings):
    """Typed and frozen."""

    model_config = SettingsConfigDict(
        env_prefix="LEDGERLINE_CLAIMS_", frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    partners_file: Path | None = None  # absent: partners.json under LEDGERLINE_HOME
    send_every_seconds: float = Field(default=0.5, gt=0)
    appeal_days: int = Field(default=90, ge=1)  # to a first appeal, of a payer whose levels are not known
    win_chance_cases_min: int = Field(
        default=20, ge=1
    )  # decided appeals of a payer and category before they are its chance
    assignment_days: int = Field(default=7, ge=1)  # a denial is one person's for so long
    write_off_alone_cents_max: int = Field(default=25_00, ge=0)  # of a denial; above it a second person decides
    acknowledgement_hours: int = Field(default=24, ge=1)  # no TA1 or 999 after so long is silence
    claim_acknowledgement_business_days: int = Field(default=2, ge=1)  # no 277CA
    crossover_days: int = Field(default=30, ge=1)  # no answer of the payer that a claim was forwarded to
    status_wait_days: int = Field(default=14, ge=1)  # a payer that says "pending" is asked again after so long
    information_days: int = Field(default=30, ge=1)  # for what a payer wants, when it names no day
    attachment_bytes_max: int = Field(default=20 << 20, ge=1)  # of one document of a claim
    # Questions in real time (276) go to the `realtime_url` that the partners' file names.
    realtime_token: SecretStr = SecretStr("")  # bearer token for these, empty: none
    answer_seconds_max: float = Field(default=20.0, gt=0)  # CAQH CORE: a real-time answer comes within 20 seconds
    patience_minutes: int = Field(default=10, ge=2)  # business time after which a question counts as unanswered
    failures_max: int = Field(default=5, ge=1)  # so many failures in a row open the circuit of a payer
    circuit_seconds: float = Field(default=60.0, gt=0)  # machine time until a payer is tried again
    after_reversal_days: int = Field(default=14, ge=1)  # no new answer after one was taken back
