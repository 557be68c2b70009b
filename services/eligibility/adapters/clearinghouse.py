"""How does a question about coverage reach a payer in real time? See `shared.runtime.partners.realtime`."""

from __future__ import annotations

from typing import Protocol

import httpx

from services.eligibility.settings import EligibilitySettings
from shared.runtime.partners.realtime import Circuit, Line, NotAnswered, RealtimeHttp

__all__ = ["Circuit", "Clearinghouse", "HttpClearinghouse", "NotAnswered"]


class Clearinghouse(Protocol):
    def reaches(self, partner_id: str) -> bool:
        """Whether this partner can be asked in real time at all."""
        ...

    async def ask(self, partner_id: str, payer_id: str, interchange: bytes) -> bytes:
        """The partner's answer, as sent. Raises NotAnswered."""
        ...


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
        self._http = RealtimeHttp(
            circuit or Circuit(failures_max=settings.failures_max, seconds=settings.circuit_seconds), transport
        )

    def reaches(self, partner_id: str) -> bool:
        return partner_id in self._urls

    async def ask(self, partner_id: str, payer_id: str, interchange: bytes) -> bytes:
        if not self.reaches(partner_id):
            raise NotAnswered("the partner has no real-time address")
        line = Line(url=self._urls[partner_id], token=self._token, seconds_max=self._seconds_max)
        return await self._http.ask(line, payer_id, interchange)
