"""What-if over HTTP: a month's answers read with another posting matrix, and what would differ. No rule lives here; nothing moves."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.payments.api.bodies import Body, Id
from services.payments.domain.books.period import period_named
from services.payments.domain.claim_account.matrix import Meaning
from services.payments.domain.claim_account.state import ClaimAccount
from services.payments.domain.claim_account.what_if import OtherMatrix, Rule, difference, hash_of
from services.payments.projections import remittances as read_model
from shared.kernel.errors import Malformed
from shared.runtime.command import Aggregate, Commands
from shared.runtime.queries import ReadDatabase, rows
from shared.runtime.web import Caller, caller

READER = read_model.projection.name
ACCOUNTS_MAX = 20_000
SHOWN = 500

Asker = Annotated[Caller, Depends(caller("payments:ask-what-if"))]


class RuleBody(Body):
    group: Annotated[str, Field(pattern=r"^(CO|PR|OA|PI|CR)$")]
    reason: Annotated[
        str, Field(pattern=r"^([A-Z]?[0-9]{1,4}|\*)$", description="A CARC; `*`: every other of the group.")
    ]
    meaning: Meaning
    payer_id: Id | None = Field(default=None, description="Only of this payer's answers; left out: of everybody's.")


class WhatIfBody(Body):
    period: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$", description="The days of the payments.")]
    rules: tuple[RuleBody, ...] = Field(min_length=1, max_length=200)


class AccountDifference(BaseModel):
    account_id: str
    ledger: dict[str, int] = Field(description="Cents that would stand there more than today; together zero.")


class WhatIf(BaseModel):
    period: str
    question_hash: str = Field(description="Of the rules, the days and the version of today's matrix.")
    answer_hash: str = Field(description="Of every account that would differ, to the cent.")
    accounts: int = Field(description="With an answer of a payer in these days.")
    accounts_that_differ: int
    ledger: dict[str, int] = Field(description="Sums over all accounts; together zero.")
    items: list[AccountDifference] = Field(description="Those that would differ most, first.")
    left_out: int
    positions: dict[str, str]


def router(commands: Commands, reads: ReadDatabase, claim_account: Aggregate) -> APIRouter:
    routes = APIRouter(tags=["what-if"])

    @routes.post("/what-if/posting")
    async def ask_what_if(body: WhatIfBody, who: Asker) -> WhatIf:
        """What would stand in the ledger if the answers that were paid in these days had been read with other meanings of some
        groups and reasons. Nothing moves; the same question of the same log has the same answer."""
        days = period_named(body.period)
        other = OtherMatrix(
            rules=tuple(
                Rule(group=each.group, reason=each.reason, meaning=each.meaning, payer_id=each.payer_id or "")
                for each in body.rules
            ),
            first_on=days.from_on,
            through_on=days.through_on,
        )
        async with reads.read(who.tenant) as connection:
            paid = read_model.accounts_paid(days.from_on, days.through_on)
            found = [each["account_id"] for each in await rows(connection, paid.limit(ACCOUNTS_MAX + 1))]
            positions = await reads.positions(connection, READER)
        if len(found) > ACCOUNTS_MAX:
            raise Malformed(f"more than {ACCOUNTS_MAX} accounts in these days: ask for fewer")
        differences: dict[str, dict[str, int]] = {}
        for account_id in found:
            account: ClaimAccount = await commands.state(claim_account, who.tenant, account_id)
            if changes := difference(account, other):
                differences[account_id] = changes
        sums: Counter[str] = Counter()
        for changes in differences.values():
            sums.update(changes)
        by_size = sorted(differences.items(), key=lambda each: (-sum(map(abs, each[1].values())), each[0]))
        return WhatIf(
            period=body.period,
            question_hash=other.hash,
            answer_hash=hash_of(differences.items()),
            accounts=len(found),
            accounts_that_differ=len(differences),
            ledger={name: sums[name] for name in sorted(sums) if sums[name]},
            items=[AccountDifference(account_id=name, ledger=changes) for name, changes in by_size[:SHOWN]],
            left_out=max(0, len(by_size) - SHOWN),
            positions=positions,
        )

    return routes
