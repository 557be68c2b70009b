"""What time is it in the business?

Business time (recorded_at, timers, watermarks) is a port; tokens, leases, TLS, polling and telemetry use machine time.
A driven clock exists in the embedded mode only, moves forward only, and marks every event it stamps.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, Protocol


class Clock(Protocol):
    @property
    def kind(self) -> Literal["real", "driven"]: ...

    def now(self) -> datetime:
        """Aware UTC business time."""
        ...


class SystemClock:
    """Business time is machine time."""

    kind: Literal["real", "driven"] = "real"

    def now(self) -> datetime:
        return datetime.now(UTC)


class DrivenClock:
    """Business time that stands still until it is moved. Raises ValueError when moved backwards."""

    kind: Literal["real", "driven"] = "driven"

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance_to(self, moment: datetime) -> None:
        if moment < self._now:
            raise ValueError("business time only moves forward")
        self._now = moment
