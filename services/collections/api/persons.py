"""Who is meant by a patient's id, now that registrations may have been merged?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.collections.domain.guarantor_account.state import GuarantorAccount
from services.collections.projections import letters
from shared.runtime.command import Aggregate, Commands
from shared.runtime.queries import rows


async def worked_as(commands: Commands, guarantor: Aggregate, tenant: str, patient_id: str) -> str:
    """The registration whose guarantor account is worked, by the streams themselves: never behind a merge."""
    seen = {patient_id}
    while (into := (await _account(commands, guarantor, tenant, patient_id)).merged_into) and into not in seen:
        patient_id = into
        seen.add(into)
    return patient_id


async def names_of(connection: AsyncConnection, patient_id: str) -> Sequence[str]:
    """Every id under which this person was registered, this one first."""
    named = await rows(connection, letters.names_of(patient_id))
    return [patient_id, *sorted(each["patient_id"] for each in named if each["patient_id"] != patient_id)]


async def _account(commands: Commands, guarantor: Aggregate, tenant: str, patient_id: str) -> GuarantorAccount:
    found: Any = await commands.state(guarantor, tenant, patient_id)
    assert isinstance(found, GuarantorAccount)
    return found
