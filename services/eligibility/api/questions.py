"""How is a requested check asked, and how does an answer find its check?

Personal values are opened here for the clearinghouse, on the record, and leave only in the 270.
"""

from __future__ import annotations

import logging
from typing import Any, TypeAlias

import msgspec

from services.eligibility.adapters.clearinghouse import Clearinghouse, NotAnswered
from services.eligibility.adapters.x12_eligibility import Answers, Inquiry, read_answers, write_inquiry
from services.eligibility.domain.eligibility_check.decider import Check, RecordAnswer, RecordRejection
from services.eligibility.domain.patient.state import Patient
from services.eligibility.projections import payers
from shared.events.batches import PartnerListed
from shared.events.charges import OrganizationListed
from shared.events.eligibility import CoverageAdded, EligibilityRequested
from shared.events.values import Person
from shared.kernel.errors import NotFound
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Commands
from shared.runtime.documents import Documents
from shared.runtime.queries import ReadDatabase, row, rows
from shared.runtime.vault import Opener, Vault

Said: TypeAlias = tuple[str, RecordAnswer | RecordRejection]

_OPENER = Opener(actor="policy:eligibility.ask-payers", purpose="clearinghouse")
_log = logging.getLogger(__name__)


class Questions:
    def __init__(
        self,
        *,
        commands: Commands,
        vault: Vault,
        documents: Documents,
        reads: ReadDatabase,
        clock: Clock,
        check: Aggregate,
        patient: Aggregate,
        clearinghouse: Clearinghouse,
    ) -> None:
        self._commands = commands
        self._vault = vault
        self._documents = documents
        self._reads = reads
        self._clock = clock
        self._check = check
        self._patient = patient
        self._clearinghouse = clearinghouse

    async def ask(self, tenant: str, asked: EligibilityRequested) -> list[Said]:
        """What the payer says to a question that is still open. Nothing when nobody answers: the check's patience decides then."""
        state: Check = await self._commands.state(self._check, tenant, asked.check_id)
        is_still_asked = state.is_open and state.requested is not None and state.requested.attempt == asked.attempt
        if not is_still_asked or not self._clearinghouse.reaches(asked.partner_id):
            return []
        try:
            inquiry = await self._inquiry(tenant, asked)
        except NotFound:  # the patient was erased: nobody can write this question any more
            return []
        if inquiry is None:
            return []
        try:
            content = await self._clearinghouse.ask(asked.partner_id, asked.payer_id, write_inquiry(inquiry))
        except NotAnswered as silence:
            _log.warning("nobody answers", extra={"payer_id": asked.payer_id, "why": str(silence)})
            return []
        answers = await self.read(tenant, content)
        return [(check_id, said) for check_id, said in answers.recorded if check_id == asked.check_id]

    async def read(self, tenant: str, content: bytes) -> Answers:
        """What a 271 says, kept raw first."""
        document_id = await self._documents.put(tenant, content, "x12")
        answers = read_answers(content, document_id)
        if answers.problems:
            facts = {"document_id": document_id, "problems": len(answers.problems)}
            _log.warning("a 271 has parts that cannot be used", extra=facts)
        return answers

    async def _inquiry(self, tenant: str, asked: EligibilityRequested) -> Inquiry | None:
        """The question in the clear. None while it is not known who asks, through whom, or about what."""
        async with self._reads.read(tenant) as connection:
            directory = payers.directory_from(await rows(connection, payers.all_payers()))
            partner = await row(connection, payers.partner(asked.partner_id))
            organizations = await rows(connection, payers.organizations())
        payer = directory.find(asked.payer_id)
        patient: Patient = await self._commands.state(self._patient, tenant, asked.patient_id)
        coverage = patient.coverages.get(asked.coverage_id)
        if payer is None or partner is None or not organizations or coverage is None or patient.person is None:
            _log.warning("a question cannot be written", extra={"check_id": asked.check_id})
            return None
        return Inquiry(
            asked=asked,
            payer=payer,
            partner=msgspec.convert(partner["item"], PartnerListed),
            provider=msgspec.convert(organizations[0]["item"], OrganizationListed).organization,
            written_at=self._clock.now(),
            relationship=coverage.relationship,
            **await self._opened(tenant, patient, coverage),
        )

    async def _opened(self, tenant: str, patient: Patient, coverage: CoverageAdded) -> dict[str, Any]:
        sealed: list[Any] = [patient.person, coverage.member_number]
        types: list[Any] = [Person, str]
        if coverage.subscriber is not None:
            sealed.append(coverage.subscriber)
            types.append(Person)
        opened = await self._vault.open_many(tenant, sealed, types, _OPENER)
        subscriber = opened[2] if coverage.subscriber is not None else None
        return {"patient": opened[0], "member_number": opened[1], "subscriber": subscriber}
