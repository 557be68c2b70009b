"""How is the payments service set up? Environment with the prefix LEDGERLINE_PAYMENTS_."""

from __future__ import annotations

from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class PaymentsSettings(BaseSettings):
    """Typed and frozen."""

    model_config = SettingsConfigDict(
        env_prefix="LEDGERLINE_PAYMENTS_", frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    # ISA15 of the 835s that are posted: `P` in production, `T` in an installation for tests. Files of the other are held.
    interchange_usage: Literal["P", "T"] = "P"
