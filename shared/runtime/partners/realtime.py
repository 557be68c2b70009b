"""How does a question reach a payer in real time, and what when nobody answers?

One HTTP POST a question; no answer is never sent again from here: who asked decides that, minutes later. A payer that fails again and
again is left alone for a while, so that its silence does not hold up the others.
Source: CAQH CORE connectivity and infrastructure rules (20 seconds; no resend before 90 seconds).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

EDI = "application/edi-x12"


class NotAnswered(Exception):
    """There is no answer now, which says nothing about what was asked. The text names why and nothing personal."""


class Circuit:
    """Open after so many failures in a row; tried again after a while, one question at first. Machine time."""

    def __init__(self, *, failures_max: int, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        self._failures_max = failures_max
        self._seconds = seconds
        self._now = now
        self._failures: dict[str, int] = {}
        self._open_until: dict[str, float] = {}

    def is_open(self, name: str) -> bool:
        """True: leave it alone. One caller at a time finds out whether it is back."""
        if self._failures.get(name, 0) < self._failures_max:
            return False
        if self._now() < self._open_until[name]:
            return True
        self._open_until[name] = self._now() + self._seconds
        return False

    def failed(self, name: str) -> None:
        self._failures[name] = self._failures.get(name, 0) + 1
        self._open_until[name] = self._now() + self._seconds

    def succeeded(self, name: str) -> None:
        self._failures.pop(name, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Where a partner answers while we wait, and how."""

    url: str
    token: str = ""  # bearer token, empty: none
    seconds_max: float = 20.0


class RealtimeHttp:
    """Questions over HTTP, each name (of a payer) behind the one circuit."""

    def __init__(self, circuit: Circuit, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._circuit = circuit
        self._transport = transport

    async def ask(self, line: Line, payer_id: str, interchange: bytes) -> bytes:
        """The partner's answer, as sent. Raises NotAnswered."""
        if self._circuit.is_open(payer_id):
            raise NotAnswered("the payer failed too often lately")
        try:
            answer = await self._post(line, interchange)
        except httpx.HTTPError as error:
            self._circuit.failed(payer_id)
            raise NotAnswered(type(error).__name__) from error
        self._circuit.succeeded(payer_id)
        return answer

    async def _post(self, line: Line, interchange: bytes) -> bytes:
        headers = {"content-type": EDI, "accept": EDI}
        if line.token:
            headers["authorization"] = f"Bearer {line.token}"
        async with httpx.AsyncClient(transport=self._transport, timeout=line.seconds_max) as client:
            response = await client.post(line.url, content=interchange, headers=headers)
        response.raise_for_status()
        return response.content
