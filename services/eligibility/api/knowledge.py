"""What do policies and pages know of patients and payers, and is it fresh enough?"""

from __future__ import annotations

from typing import Any

from services.eligibility.domain.coverage_selection.commands import KnownPatient
from services.eligibility.domain.payer.directory import PayerDirectory
from services.eligibility.policies.known_patient import Registration, known_patient, registrations
from services.eligibility.policies.select_coverage import PatientFacts
from services.eligibility.projections import authorizations, checks, payers
from shared.events.envelope import Recorded
from shared.runtime.caught_up import CaughtUp
from shared.runtime.command import Aggregate, Commands
from shared.runtime.queries import ReadDatabase, rows


class Knowledge:
    """Patients come from their streams, payers and authorisations from read models that have seen the cause."""

    def __init__(self, *, commands: Commands, reads: ReadDatabase, patient: Aggregate) -> None:
        self._commands = commands
        self._reads = reads
        self._patient = patient
        self.caught_up = CaughtUp(reads)

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
