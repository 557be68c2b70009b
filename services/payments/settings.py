"""How is the payments service set up? Environment with the prefix LEDGERLINE_PAYMENTS_."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class PaymentsSettings(BaseSettings):
    """Typed and frozen."""

    model_config = SettingsConfigDict(
        env_prefix="LEDGERLINE_PAYMENTS_", frozen=True, extra="ignore", hide_input_in_errors=True, env_ignore_empty=True
    )

    # ISA15 of the 835s that are posted: `P` in production, `T` in an installation for tests. Files of the other are held.
    interchange_usage: Literal["P", "T"] = "P"

    # The processor of cards: {"tenant": "https://…"}; a practice without one takes no cards. Only tokens go there, never card numbers.
    card_processor_urls: dict[str, str] = {}
    card_processor_tokens: dict[str, SecretStr] = {}  # bearer token by tenant
    # Keys by which the processor signs its webhooks, by tenant: {"tenant": ["new", "old"]}. Several while one replaces the other.
    card_webhook_keys: dict[str, tuple[SecretStr, ...]] = {}
    card_webhook_seconds_max: float = Field(default=300.0, gt=0)  # between the signature's moment and ours
    card_answer_seconds_max: float = Field(
        default=10.0, gt=0
    )  # then the payment waits, and the processor is asked again
    card_poll_seconds: float = Field(default=2.0, gt=0)  # between looks at what is unanswered, settled and disputed
