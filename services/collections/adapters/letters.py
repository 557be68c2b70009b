"""How does a statement become a letter, and where is it kept?

Name and address are opened through the vault when the letter is written, on the record, and are nowhere else. The letter as sent is
kept in the document store; the same statement in large type is written when somebody asks for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from services.collections.adapters.statement_pdf import Letter, statement_pdf
from services.collections.projections import letters as read_model
from services.collections.projections.statements import issued_of
from shared.events.collections import StatementIssued
from shared.events.values import Person
from shared.kernel.errors import DomainError
from shared.runtime.documents import Documents
from shared.runtime.queries import ReadDatabase, row, rows
from shared.runtime.vault import Opener, Vault


class AddressUnknown(DomainError):
    """Nobody has registered this patient yet, or no practice is listed, so there is nobody to write to or to pay."""

    code = "address-unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    reads: ReadDatabase
    vault: Vault
    documents: Documents

    async def read(self, tenant: str, statement: Any, opener: Opener, *, is_large_type: bool) -> bytes:
        """The letter of a statement's row. Raises AddressUnknown while it cannot be written."""
        if statement["document_id"] and not is_large_type:
            return (await self.documents.get(tenant, statement["document_id"], opener)).content
        return await self.write(tenant, issued_of(statement), opener, is_large_type=is_large_type)

    async def write(
        self, tenant: str, statement: StatementIssued, opener: Opener, *, is_large_type: bool = False
    ) -> bytes:
        """The PDF. Raises AddressUnknown."""
        async with self.reads.read(tenant) as connection:
            addressee = await row(connection, read_model.addressee(statement.patient_id))
            sender = read_model.sender_of(await rows(connection, read_model.senders()))
        if addressee is None or sender is None:
            raise AddressUnknown("the letter has no addressee or no sender yet", statement_id=statement.statement_id)
        person = await self.vault.open(tenant, read_model.sealed_person(addressee), Person, opener)
        letter = Letter(
            statement=statement,
            recipient=person,
            sender_name=sender.name,
            sender_address=sender.address,
            sender_phone=sender.phone,
            is_large_type=is_large_type,
        )
        return await asyncio.to_thread(statement_pdf, letter)  # laying out pages takes a while

    async def keep(self, tenant: str, statement: StatementIssued, opener: Opener) -> str:
        """Write the letter and keep it; its document id. Raises AddressUnknown."""
        return await self.documents.put(tenant, await self.write(tenant, statement, opener), "pdf")
