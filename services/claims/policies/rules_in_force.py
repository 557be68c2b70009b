"""Which of the customer's own rules does a claim have to pass now?

The rules enter with the command that has the claim checked, as the rule book holds them at that moment, so that the decision can be
made again from what is stored: the book's version stands in the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from services.claims.domain.claim.commands import (
    ClaimCommand,
    CorrectClaim,
    CreateClaim,
    LearnPayerControlNumber,
    ReleaseClaim,
    SendAgain,
)
from services.claims.domain.rule_book.decider import BOOK
from services.claims.domain.rule_book.state import RuleBook
from shared.runtime.command import Aggregate, Commands
from shared.runtime.policy import Reaction

CHECKED = (CreateClaim, CorrectClaim, LearnPayerControlNumber, ReleaseClaim, SendAgain)


class RulesInForce:
    """Gives commands the rules of their tenant."""

    def __init__(self, commands: Commands, rule_book: Aggregate) -> None:
        self._commands = commands
        self._rule_book = rule_book

    async def book(self, tenant: str) -> RuleBook:
        found: RuleBook = await self._commands.state(self._rule_book, tenant, BOOK)
        return found

    async def given(self, tenant: str, command: ClaimCommand) -> ClaimCommand:
        """The command, with the rules when it has the claim checked."""
        if isinstance(command, CHECKED):
            return replace(command, rules=(await self.book(tenant)).in_force)
        return command

    async def reactions(self, tenant: str, claim: Aggregate, told: Sequence[tuple[str, Any]]) -> Sequence[Reaction]:
        """Each command to its claim."""
        return [Reaction(aggregate=claim, key=key, command=await self.given(tenant, command)) for key, command in told]
