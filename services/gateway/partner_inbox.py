"""What have trading partners left for us?

Each partner's folder is looked at again and again. A file is taken in once, whatever its name: kept raw with a receipt, handed by its
content to the service that it is for, then put aside with the partner. What a service refuses, or what nobody takes, waits as a
receipt with its reason; a partner that cannot be reached, or that takes its time, holds up no other.
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
_ROUND_SECONDS = 1.0  # after which the others are looked at again while a partner is still busy
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
        self._visits: dict[tuple[str, str], asyncio.Task[bool]] = {}  # that are under way

    async def step(self) -> bool:
        """One look into every folder that is not being emptied yet. Says whether any file was taken in, or may still be."""
        for key, clearinghouse in (await self._clearinghouses()).items():
            if key not in self._visits and time.monotonic() >= self._pause_of(key).until:
                self._visits[key] = asyncio.create_task(self._visit(*key, clearinghouse))
        if not self._visits:
            return False
        try:
            await asyncio.wait(self._visits.values(), timeout=_ROUND_SECONDS)
        except asyncio.CancelledError:
            await self._leave()
            raise
        ended = [self._visits.pop(key) for key, visit in list(self._visits.items()) if visit.done()]
        if failures := [error for visit in ended if isinstance(error := visit.exception(), Exception)]:
            raise ExceptionGroup("some partners' folders could not be emptied", failures)
        return bool(self._visits) or any(visit.result() for visit in ended)

    async def _leave(self) -> None:
        for visit in self._visits.values():
            visit.cancel()
        await asyncio.gather(*self._visits.values(), return_exceptions=True)
        self._visits.clear()

    def _pause_of(self, key: tuple[str, str]) -> _Pause:
        return self._pauses.setdefault(key, _Pause())

    async def _visit(self, tenant: str, partner_id: str, clearinghouse: Clearinghouse) -> bool:
        pause = self._pause_of((tenant, partner_id))
        try:
            is_any = await self._empty(tenant, partner_id, clearinghouse)
        except _UNREACHABLE as broken:
            pause.failed()
            facts = {"partner_id": partner_id, "tenant": tenant, "retry_seconds": pause.until - time.monotonic()}
            _LOG.warning("a partner cannot be reached", extra=facts, exc_info=broken)
            return False
        pause.failures = 0
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
