"""How is the collections service set up? Environment with the prefix LEDGERLINE_COLLECTIONS_."""

from __future__ import annotations

from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class CollectionsSettings(BaseSettings):
    """Typed and frozen."""

    model_config = SettingsConfigDict(
        env_prefix="LEDGERLINE_COLLECTIONS_",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        env_ignore_empty=True,
    )

    # Laying out a letter takes up to a second of processor time. `when-issued` suits an installation that mails: every statement is
    # printed and kept at once. `when-asked` lays it out for whoever opens it, always the same.
    print_statements: Literal["when-issued", "when-asked"] = "when-asked"
