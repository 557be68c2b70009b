"""How does a price list come in?

The file is kept first and read as a whole: with anything wrong in it nothing of it is used, and every line that cannot be read is named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from services.payments.adapters.fee_schedule_lists import read_amounts, read_medicare_file, read_relative_values
from services.payments.adapters.medicare_relative_values import without_descriptions
from services.payments.domain.fee_schedule.commands import Factors, LoadFeeSchedule
from shared.codecs.problems import Problem, named
from shared.events.contracts import FeeRate, RelativeValues
from shared.events.values import DocumentReference
from shared.kernel.errors import Malformed
from shared.runtime.command import Aggregate, Cause, Commands, Outcome
from shared.runtime.documents import Documents


class FeeScheduleRefused(Malformed):
    """The file was kept and nothing of it is used. `facts` has what is wrong: line, column, rule and value."""

    code = "fee-schedule-refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """What is said of a list beside its lines."""

    schedule_id: str
    name: str
    effective_from: date
    effective_to: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTaken:
    document_id: str
    rates: int
    done: Outcome


class FeeScheduleFiles:
    """Takes price lists in."""

    def __init__(self, *, commands: Commands, documents: Documents, fee_schedule: Aggregate) -> None:
        self._commands = commands
        self._documents = documents
        self._fee_schedule = fee_schedule

    async def receive_amounts(self, content: bytes, announced: Announced, cause: Cause) -> ScheduleTaken:
        """Amounts for procedures. Safe to repeat. Raises FeeScheduleRefused, and what the store raises."""
        document_id = await self._documents.put(cause.tenant, content, "csv")
        read = await asyncio.to_thread(read_amounts, content)
        _refuse(read.problems, document_id)
        return await self._load(announced, document_id, cause, amounts=read.prices)

    async def receive_relative_values(
        self, content: bytes, announced: Announced, factors: Factors, cause: Cause
    ) -> ScheduleTaken:
        """Relative values, with what they are multiplied by. Raises as `receive_amounts`."""
        document_id = await self._documents.put(cause.tenant, content, "csv")
        read = await asyncio.to_thread(read_relative_values, content)
        _refuse(read.problems, document_id)
        return await self._load(announced, document_id, cause, relative_values=read.values, factors=factors)

    async def receive_medicare_file(
        self, content: bytes, announced: Announced, factors: Factors, cause: Cause
    ) -> ScheduleTaken:
        """Medicare's relative value file, which is kept without its descriptions. Raises as `receive_amounts`."""
        plain = await asyncio.to_thread(without_descriptions, content)
        document_id = await self._documents.put(cause.tenant, plain, "csv")
        read = await asyncio.to_thread(read_medicare_file, plain)
        _refuse(read.problems, document_id)
        return await self._load(announced, document_id, cause, relative_values=read.values, factors=factors)

    async def _load(
        self,
        announced: Announced,
        document_id: str,
        cause: Cause,
        *,
        amounts: tuple[FeeRate, ...] = (),
        relative_values: tuple[RelativeValues, ...] = (),
        factors: Factors | None = None,
    ) -> ScheduleTaken:
        command = LoadFeeSchedule(
            schedule_id=announced.schedule_id,
            name=announced.name,
            effective_from=announced.effective_from,
            effective_to=announced.effective_to,
            amounts=amounts,
            relative_values=relative_values,
            factors=factors,
            source=DocumentReference(document_id=document_id),
            loaded_by=cause.actor,
        )
        outcome = await self._commands.handle(self._fee_schedule, announced.schedule_id, command, cause)
        return ScheduleTaken(document_id=document_id, rates=len(amounts) + len(relative_values), done=outcome)


def _refuse(problems: Sequence[Problem], document_id: str) -> None:
    if problems:
        raise FeeScheduleRefused(
            f"nothing of the list is used: {problems[0].message}", document_id=document_id, **named(problems)
        )
