"""What have trading partners left for us?

Each partner's folder is looked at again and again. A file is taken in once, whatever its name: kept raw with a receipt, handed by its
content to the service that it is for, then put aside with the partner. What a service refuses, or what nobody takes, waits as a
receipt with its reason; a partner that cannot be reached holds up no other.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

import asyncssh

from services.gateway.intake import FileTaking
from services.gateway.settings import GatewaySettings
from shared.kernel.errors import Malformed
from shared.runtime.partners import Clearinghouse, PartnersFile, clearinghouse_of

_LOG = logging.getLogger(__name__)
_PAUSE_SECONDS_MAX = 60.0
_UNREACHABLE = (OSError, TimeoutError, asyncssh.Error)


@dataclass(slots=True)
class _Pause:
    """Machine time until a partner that did not answer is asked again."""

    failures: int = 0
    until: float = 0.0

    def failed(self) -> None:
        self.failures += 1
        self.until = time.monotonic() + min(float(2**self.failures), _PAUSE_SECONDS_MAX)


class PartnerInbox:
    def __init__(self, partners: PartnersFile, taking: FileTaking, settings: GatewaySettings) -> None:
        self._partners = partners
        self._taking = taking
        self._settings = settings
        self._pauses: dict[tuple[str, str], _Pause] = {}

    async def step(self) -> bool:
        """One look into every folder. Says whether any file was taken in."""
        is_any = False
        for (tenant, partner_id), clearinghouse in (await self._clearinghouses()).items():
            pause = self._pauses.setdefault((tenant, partner_id), _Pause())
            if time.monotonic() < pause.until:
                continue
            try:
                is_any |= await self._empty(tenant, partner_id, clearinghouse)
                pause.failures = 0
            except _UNREACHABLE as broken:
                pause.failed()
                facts = {"partner_id": partner_id, "tenant": tenant, "retry_seconds": pause.until - time.monotonic()}
                _LOG.warning("a partner cannot be reached", extra=facts, exc_info=broken)
        return is_any

    async def _empty(self, tenant: str, partner_id: str, clearinghouse: Clearinghouse) -> bool:
        names = await clearinghouse.waiting()
        for name in names:
            await self._take(tenant, partner_id, clearinghouse, name)
            await clearinghouse.mark_done(name)
        return bool(names)

    async def _take(self, tenant: str, partner_id: str, clearinghouse: Clearinghouse, name: str) -> None:
        content = await clearinghouse.fetch(name)
        facts = {"partner_id": partner_id, "tenant": tenant, "bytes": len(content)}
        if not content.strip() or len(content) > self._settings.partner_file_bytes_max:
            _LOG.error("a partner's file is empty or too long and was put aside", extra=facts)
            return
        try:
            taken = await self._taking.take(tenant, content, name, connection=f"partner:{partner_id}")
        except Malformed as unusable:
            _LOG.error("a partner's file was put aside", extra={**facts, "code": unusable.code})
            return
        for each in taken:
            told = {**facts, "type": each.type, "outcome": each.outcome, "receipt_id": str(each.receipt_id)}
            _LOG.info("a partner's file was taken in", extra=told)

    async def _clearinghouses(self) -> Mapping[tuple[str, str], Clearinghouse]:
        connections = await asyncio.to_thread(self._partners.connections)
        return {
            (tenant, partner_id): clearinghouse_of(connection)
            for tenant, partners in connections.items()
            for partner_id, connection in partners.items()
        }
