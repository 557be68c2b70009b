"""How are the pages set up? From the environment, prefix LEDGERLINE_DASHBOARD_."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DashboardSettings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="LEDGERLINE_DASHBOARD_",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        env_ignore_empty=True,
    )

    idle_minutes: float = Field(default=15.0, gt=0)  # without a key or a click, then the pages lock
    session_hours: float = Field(default=12.0, gt=0)  # from logging in; then somebody logs in again
    live_poll_seconds: float = Field(default=2.0, gt=0)  # how often an open page looks for news
    counts_seconds: float = Field(default=3.0, ge=0)  # how long counts of a list are good
    export_rows_max: int = Field(default=100_000, ge=1)  # of one CSV or Excel file
