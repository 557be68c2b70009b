"""Where is the raw input kept?

Raw documents (835 files, HL7 messages, PDFs) are stored once by content hash, sealed, per tenant; events point to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.runtime.vault import Opener


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    document_id: str  # hex sha-256 of the bytes
    kind: str  # "x12", "hl7v2", "fhir", "pdf", …
    stored_at: datetime
    content: bytes


class Documents(Protocol):
    async def put(self, tenant: str, content: bytes, kind: str) -> str:
        """Durable when it returns; the same bytes give the same id and are stored once. Returns the document id."""
        ...

    async def get(self, tenant: str, document_id: str, opener: Opener) -> Document:
        """Raises NotFound. The opening is recorded."""
        ...
