"""What time is it in the business?

Business time (recorded_at, timers, watermarks) is a port; tokens, leases, TLS, polling and telemetry use machine time.
A driven clock exists in the embedded mode only, moves forward only, and marks every event it stamps.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
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


class FileClock:
    """Business time that is driven through a file, so that several processes on one machine see the same moment.

    The file holds one ISO 8601 moment and is replaced whole. Raises ValueError when moved backwards.
    """

    kind: Literal["real", "driven"] = "driven"

    def __init__(self, path: Path, start: datetime | None = None) -> None:
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._now = datetime.min.replace(tzinfo=UTC)
        if start is not None and not path.exists():
            self._write(start)

    def now(self) -> datetime:
        status = self._path.stat()
        if (mark := (status.st_mtime_ns, status.st_ino)) != self._seen:
            self._now = max(self._now, datetime.fromisoformat(self._path.read_text()))
            self._seen = mark
        return self._now

    def advance_to(self, moment: datetime) -> None:
        if moment < self.now():
            raise ValueError("business time only moves forward")
        self._write(moment)

    def _write(self, moment: datetime) -> None:
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        fresh.write_text(moment.astimezone(UTC).isoformat())
        fresh.replace(self._path)
