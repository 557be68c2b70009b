"""How does a statement become a letter, and where is it kept?

Name and address are opened through the vault when the letter is written, on the record, and are nowhere else. The letter as sent is
kept in the document store; the same statement in large type is written when somebody asks for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.collections.adapters.statement_pdf import Letter, statement_pdf
from shared.events.base import Sealed
from shared.events.collections import StatementIssued
from shared.events.values import Address, Person
from shared.kernel.errors import DomainError
from shared.runtime.documents import Documents
from shared.runtime.vault import Opener, Vault


class AddressUnknown(DomainError):
    """Nobody has registered this patient yet, or no practice is listed, so there is nobody to write to or to pay."""

    code = "address-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """Who gets the letter, sealed, and who sends it."""

    recipient: Sealed[Person]
    sender_name: str
    sender_address: Address
    sender_phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    addressed: Callable[[str, str], Awaitable[Addressed | None]]  # tenant, patient
    vault: Vault
    documents: Documents

    async def read(self, tenant: str, document_id: str, opener: Opener) -> bytes:
        """A letter as it was sent."""
        return (await self.documents.get(tenant, document_id, opener)).content

    async def write(
        self, tenant: str, statement: StatementIssued, opener: Opener, *, is_large_type: bool = False
    ) -> bytes:
        """The PDF. Raises AddressUnknown."""
        addressed = await self.addressed(tenant, statement.patient_id)
        if addressed is None:
            raise AddressUnknown("the letter has no addressee or no sender yet", statement_id=statement.statement_id)
        letter = Letter(
            statement=statement,
            recipient=await self.vault.open(tenant, addressed.recipient, Person, opener),
            sender_name=addressed.sender_name,
            sender_address=addressed.sender_address,
            sender_phone=addressed.sender_phone,
            is_large_type=is_large_type,
        )
        return await asyncio.to_thread(statement_pdf, letter)  # laying out pages takes a while

    async def keep(self, tenant: str, statement: StatementIssued, opener: Opener) -> str:
        """Write the letter and keep it; its document id. Raises AddressUnknown."""
        return await self.documents.put(tenant, await self.write(tenant, statement, opener), "pdf")
