"""What-if over HTTP: a month's answers read with another posting matrix, or held against another contract. No rule lives here; nothing
moves."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.payments.api.bodies import Body, Id
from services.payments.api.contracts import TermsOnly
from services.payments.domain.as_of import up_to
from services.payments.domain.books.period import Period, period_named
from services.payments.domain.capitation_roster.state import CapitationRoster
from services.payments.domain.claim_account.matrix import Meaning
from services.payments.domain.claim_account.state import ClaimAccount
from services.payments.domain.claim_account.what_if import OtherMatrix, Rule, difference, hash_of
from services.payments.domain.contract_comparison import what_if as contract_what_if
from services.payments.domain.contract_comparison.comparing import schedules_named
from services.payments.domain.contract_comparison.what_if import (
    AccountCompared,
    OtherContract,
    compared_with,
    rosters_asked_of,
)
from services.payments.domain.errors import ScheduleNotLoaded
from services.payments.domain.fee_schedule.state import FeeSchedule
from services.payments.domain.payer_contracts.state import PayerContracts
from services.payments.projections import remittances as read_model
from shared.events.envelope import START, Position
from shared.kernel.errors import Malformed
from shared.runtime.command import Aggregate, Commands
from shared.runtime.queries import ReadDatabase, rows
from shared.runtime.web import Caller, caller

READER = read_model.projection.name
ACCOUNTS_MAX = 20_000
_CATCH_UP_SECONDS = 5.0
_AT_ONCE = 200  # accounts that are read at the same time: the store reads together what is asked together

Asker = Annotated[Caller, Depends(caller("payments:ask-what-if"))]


class RuleBody(Body):
    group: Annotated[str, Field(pattern=r"^(CO|PR|OA|PI|CR)$")]
    reason: Annotated[
        str, Field(pattern=r"^([A-Z]?[0-9]{1,4}|\*)$", description="A CARC; `*`: every other of the group.")
    ]
    meaning: Meaning
    payer_id: Id | None = Field(default=None, description="Only of this payer's answers; left out: of everybody's.")


class DaysBody(Body):
    """Of which days, as known when."""

    period: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}(-[0-9]{2})?$", description="The days of the payments.")]
    until: Annotated[str, Field(pattern=r"^([0-9]{1,19}\.[0-9]{1,19}\.[0-9]{1,19})?$")] = Field(
        default="", description="A position of the log: what came later is not seen. Empty: all that is known now."
    )
    items_max: Annotated[int, Field(ge=1, le=ACCOUNTS_MAX)] = Field(
        default=500, description="Accounts that are listed."
    )


class WhatIfBody(DaysBody):
    rules: tuple[RuleBody, ...] = Field(min_length=1, max_length=200)


class InsteadBody(Body):
    schedule_id: Id = Field(description="As the terms name it.")
    read: Id = Field(description="The fee schedule whose prices are read for it.")


class ContractWhatIfBody(DaysBody):
    """Other terms, other price lists, or both."""

    payer_id: Id
    contract_id: Id | None = Field(default=None, description="Whose terms are replaced; left out: all of the payer's.")
    terms: TermsOnly | None = Field(default=None, description="Left out: the terms that are known.")
    instead: tuple[InsteadBody, ...] = Field(default=(), max_length=20)
    prices_on: date | None = Field(
        default=None, description="Prices of this day, whatever the day of service: a list that begins next year, say."
    )


class AccountDifference(BaseModel):
    account_id: str
    ledger: dict[str, int] = Field(description="Cents that would stand there more than today; together zero.")


class WhatIf(BaseModel):
    period: str
    question_hash: str = Field(description="Of the rules, the days and the version of today's matrix.")
    answer_hash: str = Field(description="Of every account that would differ, to the cent.")
    until: str = Field(description="The position of the log up to which accounts were read.")
    accounts: int = Field(description="With an answer of a payer in these days.")
    accounts_that_differ: int
    ledger: dict[str, int] = Field(description="Sums over all accounts; together zero.")
    items: list[AccountDifference] = Field(description="Those that would differ most, first.")
    left_out: int
    positions: dict[str, str]


class Held(BaseModel):
    """Lines of answers held against both contracts, in cents. Lines without a price count for nothing in the sums."""

    lines: int
    allowed_cents: int = Field(description="By the payer.")
    expected_before_cents: int
    expected_after_cents: int
    difference_cents: int = Field(description="Expected after less before.")
    underpaid_before_cents: int = Field(description="Below what was expected, beyond the tolerance.")
    underpaid_after_cents: int
    not_priced_before: int
    not_priced_after: int

    @classmethod
    def figures(cls, told: AccountCompared) -> dict[str, int]:
        return {name: getattr(told, name) for name in Held.model_fields}


class AccountHeld(Held):
    account_id: str
    appear: list[str] = Field(description="Underpayments that would be found, by the ids that they would have.")
    vanish: list[str] = Field(description="Underpayments that would not be found.")


class ContractWhatIf(BaseModel):
    payer_id: str
    period: str
    question_hash: str = Field(description="Of the days, and the terms and price lists of both sides.")
    answer_hash: str = Field(description="Of every account that would differ, to the cent.")
    until: str = Field(description="The position of the log up to which everything was read.")
    accounts: int = Field(description="With an answer of the payer in these days.")
    accounts_that_differ: int
    appear: int = Field(description="Underpayments that would be found.")
    vanish: int
    total: Held
    items: list[AccountHeld] = Field(description="Those whose expected amount would differ most, first.")
    left_out: int
    positions: dict[str, str]


def router(
    commands: Commands,
    reads: ReadDatabase,
    *,
    claim_account: Aggregate,
    payer_contracts: Aggregate,
    fee_schedule: Aggregate,
    capitation_roster: Aggregate,
) -> APIRouter:
    routes = APIRouter(tags=["what-if"])

    async def chosen(days: Period, until: str, tenant: str) -> tuple[list[str], Position, dict[str, str]]:
        """Accounts with an answer in these days, and up to where the log is known for all of them: as far as it goes now, so that what was
        agreed a moment ago is asked about."""
        if until:
            await reads.wait_for(READER, f"payments:{until}")
        else:
            await reads.wait_for_all(READER, "payments", within_seconds=_CATCH_UP_SECONDS)
        async with reads.read(tenant) as connection:
            reached = [reach.position for reach in await reads.reaches(connection, READER)]
            paid = read_model.accounts_paid(days.from_on, days.through_on)
            found = [each["account_id"] for each in await rows(connection, paid.limit(ACCOUNTS_MAX + 1))]
            positions = await reads.positions(connection, READER)
        if len(found) > ACCOUNTS_MAX:
            raise Malformed(f"more than {ACCOUNTS_MAX} accounts in these days: ask for fewer")
        return found, Position.parse(until) if until else min(reached, default=START), positions

    async def state_at(aggregate: Aggregate, tenant: str, key: str, until: Position) -> Any:
        stream = await commands.recorded_stream(tenant, aggregate.stream(key))
        return aggregate.decider.state_after(each.event for each in stream if each.position <= until)

    async def accounts_at(
        found: list[str], tenant: str, days: Period, until: Position
    ) -> AsyncIterator[tuple[str, ClaimAccount]]:
        """Each account as it stood at the end of the days."""
        for at in range(0, len(found), _AT_ONCE):
            part = found[at : at + _AT_ONCE]
            streams = await asyncio.gather(
                *(commands.recorded_stream(tenant, claim_account.stream(account_id)) for account_id in part)
            )
            for account_id, stream in zip(part, streams, strict=True):
                events = up_to(stream, days.through_on, until=until)
                yield account_id, claim_account.decider.state_after(events)

    async def schedules_at(tenant: str, names: Iterable[str], until: Position) -> dict[str, FeeSchedule]:
        return {name: await state_at(fee_schedule, tenant, name, until) for name in sorted(set(names))}

    @routes.post("/what-if/posting")
    async def ask_what_if(body: WhatIfBody, who: Asker) -> WhatIf:
        """What would stand in the ledger at the end of these days if the answers that were paid in them had been read with other
        meanings of some groups and reasons. Nothing moves; the same question of the same log has the same answer."""
        days = period_named(body.period)
        other = OtherMatrix(
            rules=tuple(
                Rule(group=each.group, reason=each.reason, meaning=each.meaning, payer_id=each.payer_id or "")
                for each in body.rules
            ),
            first_on=days.from_on,
            through_on=days.through_on,
        )
        found, until, positions = await chosen(days, body.until, who.tenant)
        accounts = 0
        differences: dict[str, dict[str, int]] = {}
        async for account_id, account in accounts_at(found, who.tenant, days, until):
            accounts += other.is_about(account)
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
            until=str(until),
            accounts=accounts,
            accounts_that_differ=len(differences),
            ledger={name: sums[name] for name in sorted(sums) if sums[name]},
            items=[AccountDifference(account_id=name, ledger=changes) for name, changes in by_size[: body.items_max]],
            left_out=max(0, len(by_size) - body.items_max),
            positions=positions,
        )

    @routes.post("/what-if/contracts")
    async def ask_what_if_of_contract(body: ContractWhatIfBody, who: Asker) -> ContractWhatIf:
        """What the answers of a payer that were paid in these days would be held against with other terms or other prices: expected
        before and after, and which underpayments would appear or vanish. Nothing moves; the same question has the same answer."""
        days = period_named(body.period)
        if body.terms is None and not body.instead and body.prices_on is None:
            raise Malformed("terms, instead or prices_on: at least one of them says what would be otherwise")
        other = _other(body, days)
        found, until, positions = await chosen(days, body.until, who.tenant)
        known: PayerContracts = await state_at(payer_contracts, who.tenant, body.payer_id, until)
        tried = other.contracts(known)
        names = schedules_named(known) | schedules_named(tried) | {*other.instead_of.values()}
        schedules = await schedules_at(who.tenant, names, until)
        _refuse_unknown(other, tried, schedules)
        told: list[AccountCompared] = []
        rosters: dict[str, CapitationRoster] = {}
        async for _, account in accounts_at(found, who.tenant, days, until):
            for name in rosters_asked_of(account, other, known) - rosters.keys():
                rosters[name] = await state_at(capitation_roster, who.tenant, name, until)
            if (compared := compared_with(account, other, known, schedules, rosters)) is not None:
                told.append(compared)
        differing = sorted(
            (each for each in told if each.differs), key=lambda each: (-abs(each.difference_cents), each.account_id)
        )
        return ContractWhatIf(
            payer_id=body.payer_id,
            period=body.period,
            question_hash=other.hash(known, schedules),
            answer_hash=contract_what_if.hash_of(differing),
            until=str(until),
            accounts=len(told),
            accounts_that_differ=len(differing),
            appear=sum(len(each.appear) for each in told),
            vanish=sum(len(each.vanish) for each in told),
            total=Held(**Held.figures(contract_what_if.totals_of(told))),
            items=[_row(each) for each in differing[: body.items_max]],
            left_out=max(0, len(differing) - body.items_max),
            positions=positions,
        )

    return routes


def _other(body: ContractWhatIfBody, days: Period) -> OtherContract:
    return OtherContract(
        payer_id=body.payer_id,
        first_on=days.from_on,
        through_on=days.through_on,
        contract_id=body.contract_id or "",
        terms=body.terms.told() if body.terms else None,
        instead_of={each.schedule_id: each.read for each in body.instead},
        prices_on=body.prices_on,
    )


def _refuse_unknown(other: OtherContract, tried: PayerContracts, schedules: Mapping[str, FeeSchedule]) -> None:
    read = {other.instead_of.get(name, name) for name in schedules_named(tried)} | {*other.instead_of.values()}
    for name in sorted(read):
        if not schedules[name].is_known:
            raise ScheduleNotLoaded("no version of this fee schedule is loaded", schedule_id=name)


def _row(told: AccountCompared) -> AccountHeld:
    return AccountHeld(
        account_id=told.account_id, appear=list(told.appear), vanish=list(told.vanish), **Held.figures(told)
    )
