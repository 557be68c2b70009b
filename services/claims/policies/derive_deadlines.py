"""What does a payer's new listing mean for the last days of open appeals?

Every open denial of the payer is asked; the denial itself knows whether its day moves. A denial that is opened, or an appeal that is
decided, while the listing changes is asked again once it stands in the queue: either this finds the new listing, or the listing's own
turn, which comes later, finds the denial.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.claims.domain.denial.appeals import AppealTerms
from services.claims.domain.denial.commands import DeriveAppealDeadline
from shared.events.denials import AppealDecided, DenialOpened
from shared.events.eligibility import PayerListed
from shared.events.envelope import Recorded

ELIGIBILITY = (PayerListed,)
CLAIMS = (DenialOpened, AppealDecided)

Told = tuple[str, DeriveAppealDeadline]
CaughtUp = Callable[[str, Recorded[Any]], Awaitable[None]]  # a read model has seen an event


class Appeals(Protocol):
    """What is known of payers' levels and of open denials."""

    async def terms(self, tenant: str, payer_id: str) -> AppealTerms: ...

    async def open_denials(self, tenant: str, payer_id: str) -> Sequence[str]: ...

    async def payer_of(self, tenant: str, denial_id: str) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeriveDeadlines:
    appeals: Appeals
    caught_up: CaughtUp
    payers_reader: str
    denials_reader: str

    async def react_to_listing(self, recorded: Recorded[PayerListed]) -> list[Told]:
        """The denials of the payer, and what is told to each."""
        await self.caught_up(self.payers_reader, recorded)
        payer_id = recorded.event.payer_id
        command = await self._command(recorded, payer_id)
        return [(denial_id, command) for denial_id in await self.appeals.open_denials(recorded.tenant, payer_id)]

    async def react_to_denial(self, recorded: Recorded[DenialOpened | AppealDecided]) -> list[Told]:
        """The denial itself, when the levels are not those any more by which its day was derived."""
        event = recorded.event
        clock = event.appeal_clock if isinstance(event, DenialOpened) else event.next_clock
        await self.caught_up(self.denials_reader, recorded)
        payer_id = await self.appeals.payer_of(recorded.tenant, event.denial_id)
        command = await self._command(recorded, payer_id)
        if clock is not None and (clock.source, clock.rule_version) == (command.terms.source, command.terms.version):
            return []
        return [(event.denial_id, command)]

    async def _command(self, recorded: Recorded[Any], payer_id: str) -> DeriveAppealDeadline:
        terms = await self.appeals.terms(recorded.tenant, payer_id)
        return DeriveAppealDeadline(on=recorded.recorded_at.date(), terms=terms)
