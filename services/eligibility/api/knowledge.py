"""What do policies and pages know of patients and payers, and is it fresh enough?"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from services.eligibility.domain.coverage_selection.commands import KnownPatient
from services.eligibility.domain.payer.directory import PayerDirectory
from services.eligibility.policies.known_patient import Registration, known_patient, registrations
from services.eligibility.policies.select_coverage import PatientFacts
from services.eligibility.projections import authorizations, checks, payers
from shared.events.envelope import START, Position, Recorded
from shared.runtime.command import Aggregate, Commands
from shared.runtime.queries import NotYet, ReadDatabase, rows

_WAIT_SECONDS = 10.0


class Knowledge:
    """Patients come from their streams, payers and authorisations from read models that have seen the cause."""

    def __init__(self, *, commands: Commands, reads: ReadDatabase, patient: Aggregate) -> None:
        self._commands = commands
        self._reads = reads
        self._patient = patient
        self._seen: dict[tuple[str, str], Position] = {}
        self._turns: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def registrations(self, tenant: str, patient_id: str) -> list[Registration]:
        """The surviving registration first, then those merged into it."""

        async def state_of(each: str) -> Any:
            return await self._commands.state(self._patient, tenant, each)

        return await registrations(state_of, patient_id)

    async def registration_ids(self, tenant: str, patient_id: str) -> list[str]:
        return [each for each, _ in await self.registrations(tenant, patient_id)]

    async def patient(self, tenant: str, patient_id: str) -> KnownPatient:
        return known_patient(await self.registrations(tenant, patient_id))

    async def facts(self, tenant: str, patient_id: str) -> PatientFacts:
        found = await self.registrations(tenant, patient_id)
        named = [each for each, _ in found]
        async with self._reads.read(tenant) as connection:
            granted = await rows(connection, authorizations.of_patients(named))
            answered = await rows(connection, checks.answered_about(named))
        return PatientFacts(patient=known_patient(found), authorizations=granted, checks=answered)

    async def payers(self, cause: Recorded[Any]) -> PayerDirectory:
        """The payers, at the least as they were listed when this happened."""
        await self.caught_up(payers.projection.name, cause)
        return await self.payers_now(cause.tenant)

    async def payers_now(self, tenant: str) -> PayerDirectory:
        async with self._reads.read(tenant) as connection:
            return payers.directory_from(await rows(connection, payers.all_payers()))

    async def caught_up(self, reader: str, cause: Recorded[Any]) -> None:
        """Wait until a read model of ours has seen the cause. Raises TimeoutError, which a policy waits out.

        Many reactions wait for the same read model at once: one of them looks, and the others believe it.
        """
        service = cause.stored.service
        async with self._turns[reader, service]:
            if cause.position <= self._seen.get((reader, service), START):
                return
            try:
                await self._reads.wait_for(reader, f"{service}:{cause.position}", within_seconds=_WAIT_SECONDS)
            except NotYet as behind:
                raise TimeoutError(f"{reader} is behind") from behind
            if (reached := await self._reached(cause.tenant, reader, service)) is not None:
                self._seen[reader, service] = reached

    async def _reached(self, tenant: str, reader: str, service: str) -> Position | None:
        """Where a read model stands, if one position says it: several partitions move each on their own."""
        async with self._reads.read(tenant) as connection:
            reaches = [
                each for each in await self._reads.reaches(connection, reader) if each.partition.service == service
            ]
        return reaches[0].position if len(reaches) == 1 else None
