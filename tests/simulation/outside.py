"""What is around the services: keys, documents, and the clearinghouse with its payers."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from deploy.sandbox.book import Book
from deploy.sandbox.clearinghouse import Sandbox
from shared.events.base import Sealed
from shared.kernel.errors import NotFound
from shared.runtime.availability import DocumentsUnavailable
from shared.runtime.clock import Clock
from shared.runtime.documents import Document
from shared.runtime.vault import Opener
from shared.testing.vault import MemoryVault
from tests.simulation.weather import Broken, Weather

T = TypeVar("T")
PARTNER = "sandbox"


class PlainVault(MemoryVault):
    """A vault without secrets, so that the same value is sealed to the same bytes in every run."""

    async def keys_for(self, tenant: str, subjects: Sequence[str]) -> None:
        """There are no keys."""

    def seal(self, tenant: str, sealed: Sealed[Any]) -> str:
        return b64encode(msgspec.json.encode(sealed.read_fresh())).decode()

    async def open(self, tenant: str, sealed: Sealed[T], as_type: type[T], opener: Opener) -> T:
        if sealed.token is None:
            return sealed.read_fresh()
        return msgspec.json.decode(b64decode(sealed.token), type=as_type)

    async def tenant_key(self, tenant: str) -> bytes:
        return hashlib.sha256(tenant.encode()).digest()


class SimulatedDocuments:
    """Implements `shared.runtime.documents.Documents`."""

    def __init__(self, weather: Weather, clock: Clock) -> None:
        self._weather = weather
        self._clock = clock
        self._kept: dict[tuple[str, str], Document] = {}

    async def put(self, tenant: str, content: bytes, kind: str) -> str:
        document_id = hashlib.sha256(content).hexdigest()
        try:
            await self._weather.before("document")
            document = Document(document_id=document_id, kind=kind, stored_at=self._clock.now(), content=content)
            self._kept.setdefault((tenant, document_id), document)
            await self._weather.after("document")
        except Broken as broken:
            raise DocumentsUnavailable("the document store does not answer") from broken
        return document_id

    async def get(self, tenant: str, document_id: str, opener: Opener) -> Document:
        try:
            await self._weather.before("document")
        except Broken as broken:
            raise DocumentsUnavailable("the document store does not answer") from broken
        if (tenant, document_id) not in self._kept:
            raise NotFound("no such document")
        return self._kept[tenant, document_id]


class Clearinghouse:
    """Implements `shared.runtime.partners.Clearinghouse` before the sandbox, without its folders."""

    def __init__(self, weather: Weather, clock: Clock, *, seed: int) -> None:
        self._weather = weather
        self._clock = clock
        self.book = Book(Path(":memory:"))
        self._sandbox = Sandbox(Path(), self.book, seed=seed)

    async def send(self, file_name: str, content: bytes) -> None:
        await self._weather.before("clearinghouse")
        self._weather.note("sent", file_name, hashlib.sha256(content).hexdigest())
        self._sandbox.take(PARTNER, file_name, content, self._clock.now())
        await self._weather.after("clearinghouse")

    async def waiting(self) -> Sequence[str]:
        return [output.name for output in self.book.unsaid()]

    async def fetch(self, file_name: str) -> bytes:
        return next(output.content for output in self.book.unsaid() if output.name == file_name)

    async def mark_done(self, file_name: str) -> None:
        for output in self.book.unsaid():
            if output.name == file_name:
                self.book.was_said(output)

    def next_at(self) -> datetime | None:
        return self.book.next_at()

    def speak(self) -> bool:
        """Say what is due. Whether there was anything."""
        return self._sandbox.speak(self._clock.now())
