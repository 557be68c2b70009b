"""Which partners of a tenant answer questions while we wait, and how are they asked? The file of connections says where."""

from __future__ import annotations

import asyncio

import httpx

from services.claims.settings import ClaimsSettings
from shared.runtime.partners import PartnersFile
from shared.runtime.partners.realtime import Circuit, Line, NotAnswered, RealtimeHttp


class RealtimePartners:
    """Implements `policies.ask_payers.Payers`."""

    def __init__(
        self, file: PartnersFile, settings: ClaimsSettings, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._file = file
        self._token = settings.realtime_token.get_secret_value()
        self._seconds_max = settings.answer_seconds_max
        circuit = Circuit(failures_max=settings.failures_max, seconds=settings.circuit_seconds)
        self._http = RealtimeHttp(circuit, transport)

    def of(self, tenant: str) -> frozenset[str]:
        """Partners with an address for questions."""
        partners = self._file.connections().get(tenant, {})
        return frozenset(partner_id for partner_id, connection in partners.items() if connection.realtime_url)

    async def ask(self, tenant: str, partner_id: str, payer_id: str, interchange: bytes) -> bytes:
        connections = await asyncio.to_thread(self._file.connections)
        connection = connections.get(tenant, {}).get(partner_id)
        if connection is None or not connection.realtime_url:
            raise NotAnswered("the partner has no real-time address")
        line = Line(url=connection.realtime_url, token=self._token, seconds_max=self._seconds_max)
        return await self._http.ask(line, payer_id, interchange)
