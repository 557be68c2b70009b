"""How does a question reach a payer in real time, and what when nobody answers?

One HTTP POST a question; no answer is never sent again from here: the check's own patience decides that, minutes later. A payer that
fails again and again is left alone for a while, so that its silence does not hold up the others.
Source: CAQH CORE connectivity and infrastructure rules (20 seconds; no resend before 90 seconds).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import httpx

from services.eligibility.settings import EligibilitySettings

EDI = "application/edi-x12"


class NotAnswered(Exception):
    """There is no answer now, which says nothing about coverage. The text names why and nothing personal."""


class Clearinghouse(Protocol):
    def reaches(self, partner_id: str) -> bool:
        """Whether this partner can be asked in real time at all."""
        ...

    async def ask(self, partner_id: str, payer_id: str, interchange: bytes) -> bytes:
        """The partner's answer, as sent. Raises NotAnswered."""
        ...


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


class HttpClearinghouse:
    """Implements `Clearinghouse` over the URLs of the settings."""

    def __init__(
        self,
        settings: EligibilitySettings,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        circuit: Circuit | None = None,
    ) -> None:
        self._urls = settings.realtime_urls
        self._token = settings.realtime_token.get_secret_value()
        self._seconds_max = settings.answer_seconds_max
        self._transport = transport
        self._circuit = circuit or Circuit(failures_max=settings.failures_max, seconds=settings.circuit_seconds)

    def reaches(self, partner_id: str) -> bool:
        return partner_id in self._urls

    async def ask(self, partner_id: str, payer_id: str, interchange: bytes) -> bytes:
        if not self.reaches(partner_id):
            raise NotAnswered("the partner has no real-time address")
        if self._circuit.is_open(payer_id):
            raise NotAnswered("the payer failed too often lately")
        try:
            answer = await self._post(self._urls[partner_id], interchange)
        except httpx.HTTPError as error:
            self._circuit.failed(payer_id)
            raise NotAnswered(type(error).__name__) from error
        self._circuit.succeeded(payer_id)
        return answer

    async def _post(self, url: str, interchange: bytes) -> bytes:
        headers = {"content-type": EDI, "accept": EDI}
        if self._token:
            headers["authorization"] = f"Bearer {self._token}"
        async with httpx.AsyncClient(transport=self._transport, timeout=self._seconds_max) as client:
            response = await client.post(url, content=interchange, headers=headers)
        response.raise_for_status()
        return response.content
