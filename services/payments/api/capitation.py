"""Members who are paid for by the month over HTTP: lists of them, what came, and what was done for them. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query
from fastapi import Body as Sent
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from services.payments.adapters.capitation_rosters import Announced, CapitationRosters
from services.payments.api.bodies import Body, Code, Id
from services.payments.domain.capitation_payment.commands import AssignCapitation, UndoAssignment
from services.payments.domain.capitation_roster.state import CapitationRoster
from services.payments.domain.errors import CapitationPaymentUnknown, ContractUnknown
from services.payments.domain.payer_contracts.state import PayerContracts, capitated_term
from services.payments.projections import capitation as read_model
from services.payments.projections import remittances, variances
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, asc, desc, page, row, rows
from shared.runtime.web import (
    After,
    Caller,
    Cursor,
    Done,
    Limit,
    Page,
    caller,
    cause_of,
    done,
)

SERVICE = "payments"
CAPITATION = read_model.projection.name
READERS = (CAPITATION, remittances.projection.name, variances.projection.name)
_LIST = {"requestBody": {"content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}}}}

Reader = Annotated[Caller, Depends(caller("payments:read-variances"))]
Take = Annotated[Cause, Depends(cause_of("payments:take-roster"))]
Assign = Annotated[Cause, Depends(cause_of("payments:assign-capitation"))]
Roster = Annotated[bytes, Sent(media_type="text/csv", min_length=1)]
_MONTH = r"^\d{4}-(0[1-9]|1[0-2])$"
Month = Annotated[str, InPath(pattern=_MONTH, description="2026-03")]
OfMonth = Annotated[str | None, Query(pattern=_MONTH)]
OfPayer = Annotated[str | None, Query(max_length=80)]
Kind = Literal["whole", "changes"]


class RosterTakenRow(BaseModel):
    """What was taken in. Nothing new: these were the members already."""

    roster_id: str
    document_id: str
    lines: int
    is_new: bool
    done: Done


class MonthRow(BaseModel):
    """One contract and month, in cents. What is expected is of the members as they are on the lists now."""

    payer_id: str
    contract_id: str
    month_on: date
    lists: int = Field(description="Of members that were taken in; none: nobody knows who is a member.")
    members: int
    not_rated: int = Field(description="Members of a category that the contract has no rate for in this month.")
    expected_cents: int
    paid_cents: int = Field(description="Of capitation payments, what was assigned to this month.")
    variance_cents: int = Field(description="Expected less paid: positive is an underpayment.")
    services: int = Field(description="Lines of members that the contract pays by the month.")
    charged_cents: int
    equivalent_cents: int = Field(description="What these services would have brought by themselves.")
    not_priced: int = Field(description="Services that count for nothing in the equivalent.")
    flagged: int = Field(
        description="Services that were paid, denied or answered otherwise; CO-24 of who is no member."
    )


class CategoryRow(BaseModel):
    category: str
    members: int
    rate_cents: int | None = Field(description="Of one member; null: the contract has none in this month.")
    expected_cents: int


class ListRow(BaseModel):
    """One list of members, and what it changed."""

    list_number: int
    kind: Kind
    members: int
    added: int
    removed: int
    document_id: str
    taken_by: str
    taken_at: datetime


class PartRow(BaseModel):
    """So much of a capitation payment is for the month."""

    remittance_id: str
    ordinal: int
    part: int
    amount_cents: int
    assigned_by: str
    payer_name: str
    reference: str
    trace_number: str
    payment_on: date


class MonthDetail(BaseModel):
    month: MonthRow
    categories: list[CategoryRow]
    lists: list[ListRow]
    payments: list[PartRow]
    positions: dict[str, str]


class PaymentRow(BaseModel):
    """One PLB with reason CT."""

    remittance_id: str
    ordinal: int
    reference: str = Field(description="PLB03-2: the payer's own words.")
    payer_name: str
    payer_identifier: str
    trace_number: str
    payment_on: date
    paid_cents: int = Field(description="Negative: taken back.")
    assigned_cents: int
    open_cents: int


class ServiceRow(BaseModel):
    """One line that the contract pays by the member and month."""

    comparison_id: str
    number: int
    payer_id: str
    contract_id: str
    month_on: date
    account_id: str
    claim_id: str
    remittance_id: str
    line_id: str
    service_on: date
    procedure_code: str
    charged_cents: int
    paid_cents: int
    equivalent_cents: int | None
    flag: read_model.Flag = Field(description="Empty: CO-24, as it should be.")


class AssignBody(Body):
    payer_id: Id
    contract_id: Id
    month: Annotated[str, Field(pattern=_MONTH)]
    amount_cents: Annotated[int, Field(ge=-(10**12), le=10**12, strict=True)] = Field(
        description="Of what is open; with its sign."
    )


class UndoBody(Body):
    part: Annotated[int, Field(ge=1, le=10**6)]
    reason: Code


async def known_rosters(
    commands: Commands, capitation_roster: Aggregate, tenant: str, roster_ids: Iterable[str]
) -> dict[str, CapitationRoster]:
    """The lists of members of these ids, as they are now."""
    return {each: await commands.state(capitation_roster, tenant, each) for each in sorted(roster_ids)}


def router(
    commands: Commands,
    reads: ReadDatabase,
    rosters: CapitationRosters,
    *,
    payer_contracts: Aggregate,
    capitation_payment: Aggregate,
) -> APIRouter:
    routes = APIRouter(tags=["capitation"])

    async def rates_of(tenant: str, payer_id: str, contract_id: str, month_on: date) -> Mapping[str, int]:
        """By category; none when the contract pays by the service on the first day."""
        known: PayerContracts = await commands.state(payer_contracts, tenant, payer_id)
        contract = known.contracts.get(contract_id)
        term = capitated_term(contract.in_force(month_on)) if contract and contract.holds(month_on) else None
        return {each.category: each.amount_cents for each in term.rates} if term else {}

    async def whole(connection: Any, tenant: str, found: Mapping[str, Any]) -> tuple[MonthRow, list[CategoryRow]]:
        of_month = (found["payer_id"], found["contract_id"], found["month_on"])
        rates = await rates_of(tenant, *of_month)
        categories = [
            CategoryRow(
                category=each["category"],
                members=each["members"],
                rate_cents=(rate := rates.get(each["category"])),
                expected_cents=each["members"] * (rate or 0),
            )
            for each in await rows(connection, read_model.categories(*of_month))
        ]
        expected = sum(each.expected_cents for each in categories)
        figures = {
            "expected_cents": expected,
            "variance_cents": expected - found["paid_cents"],
            "not_rated": sum(each.members for each in categories if each.rate_cents is None),
        }
        return MonthRow.model_validate({**found, **figures}), categories

    async def wait(after: str | None) -> None:
        for reader in READERS:
            await reads.wait_for(reader, after)

    @routes.post("/payers/{payer_id}/contracts/{contract_id}/rosters/{period}", status_code=201, openapi_extra=_LIST)
    async def take_roster(
        payer_id: Id, contract_id: Id, period: Month, cause: Take, content: Roster, kind: Kind = "whole"
    ) -> RosterTakenRow:
        """Take in who the members of a month are (CSV: member_number, and category or age and sex, and person where several share a
        number; of changes also action: add, remove). A list with anything wrong in it is kept and not used (`roster-refused`)."""
        announced = Announced(payer_id=payer_id, contract_id=contract_id, month_on=_first_of(period), kind=kind)
        taken = await rosters.receive(content, announced, cause)
        return RosterTakenRow(
            roster_id=taken.roster_id,
            document_id=taken.document_id,
            lines=taken.lines,
            is_new=bool(taken.done.event_ids),
            done=done(taken.done, SERVICE),
        )

    @routes.get("/capitation")
    async def list_months(
        who: Reader,
        payer_id: OfPayer = None,
        contract_id: OfPayer = None,
        from_month: OfMonth = None,
        to_month: OfMonth = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[MonthRow]:
        """What members should bring, what came, and what their services would have brought, by contract and month, the last first."""
        await wait(after)
        found = read_model.months(
            payer_id=payer_id,
            contract_id=contract_id,
            from_on=_first_of(from_month) if from_month else None,
            to_on=_first_of(to_month) if to_month else None,
        )
        order = [desc(found.c.month_on), asc(found.c.payer_id), asc(found.c.contract_id)]
        async with reads.read(who.tenant) as connection:
            part = await page(connection, sa.select(found), order=order, limit=limit, cursor=cursor)
            items = [(await whole(connection, who.tenant, dict(each)))[0] for each in part.rows]
            return Page[MonthRow](items=items, next=part.next, positions=await reads.positions(connection, CAPITATION))

    @routes.get("/capitation/months/{payer_id}/{contract_id}/{period}")
    async def read_month(payer_id: Id, contract_id: Id, period: Month, who: Reader, after: After = None) -> MonthDetail:
        """One month: members by category with their rates, the lists that said so, and the payments that were assigned."""
        await wait(after)
        of_month = (payer_id, contract_id, _first_of(period))
        known: PayerContracts = await commands.state(payer_contracts, who.tenant, payer_id)
        if contract_id not in known.contracts:
            raise ContractUnknown("the payer has no contract of this id")
        async with reads.read(who.tenant) as connection:
            found = read_model.months(payer_id=payer_id, contract_id=contract_id)
            there = await row(connection, sa.select(found).where(found.c.month_on == of_month[2]))
            month, categories = await whole(connection, who.tenant, dict(there or _nothing(*of_month)))
            return MonthDetail(
                month=month,
                categories=categories,
                lists=[
                    ListRow.model_validate(dict(each)) for each in await rows(connection, read_model.lists(*of_month))
                ],
                payments=[
                    PartRow.model_validate(dict(each)) for each in await rows(connection, read_model.parts(*of_month))
                ],
                positions=await reads.positions(connection, CAPITATION),
            )

    @routes.get("/capitation/services")
    async def list_services(
        who: Reader,
        payer_id: OfPayer = None,
        contract_id: OfPayer = None,
        month: OfMonth = None,
        flagged: Annotated[bool, Query(description="Only what was not answered as it should be.")] = False,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[ServiceRow]:
        """Services of members, and what was called capitated of somebody who is none, by the lists as they are now."""
        await wait(after)
        found = read_model.services(
            payer_id=payer_id,
            contract_id=contract_id,
            month_on=_first_of(month) if month else None,
            is_flagged=flagged,
        )
        order = [asc(found.c.service_on), asc(found.c.comparison_id), asc(found.c.number)]
        async with reads.read(who.tenant) as connection:
            part = await page(connection, sa.select(found), order=order, limit=limit, cursor=cursor)
            return Page[ServiceRow].of(part, await reads.positions(connection, CAPITATION))

    @routes.get("/capitation/payments")
    async def list_capitation_payments(
        who: Reader,
        is_open: Annotated[bool, Query(description="Only those of which something is not assigned yet.")] = False,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[PaymentRow]:
        """Every capitation payment (PLB with reason CT), the oldest first."""
        await wait(after)
        found = read_model.payments(is_open=is_open)
        order = [asc(found.c.payment_on), asc(found.c.remittance_id), asc(found.c.ordinal)]
        async with reads.read(who.tenant) as connection:
            part = await page(connection, sa.select(found), order=order, limit=limit, cursor=cursor)
            return Page[PaymentRow].of(part, await reads.positions(connection, CAPITATION))

    @routes.post("/capitation/payments/{remittance_id}/{ordinal}/assign", status_code=201)
    async def assign_payment(
        remittance_id: Id, ordinal: Annotated[int, InPath(ge=1, le=10**6)], body: AssignBody, cause: Assign
    ) -> Done:
        """Say for which contract and month a payment is, in whole or in part. No money moves."""
        found = read_model.payments()
        async with reads.read(cause.tenant) as connection:
            wanted = sa.and_(found.c.remittance_id == remittance_id, found.c.ordinal == ordinal)
            paid = await row(connection, sa.select(found.c.paid_cents).where(wanted))
        if paid is None:
            raise CapitationPaymentUnknown("no remittance has a capitation payment in this place")
        known: PayerContracts = await commands.state(payer_contracts, cause.tenant, body.payer_id)
        if body.contract_id not in known.contracts:
            raise ContractUnknown("the payer has no contract of this id")
        command = AssignCapitation(
            remittance_id=remittance_id,
            ordinal=ordinal,
            payment_cents=paid["paid_cents"],
            payer_id=body.payer_id,
            contract_id=body.contract_id,
            month_on=_first_of(body.month),
            amount_cents=body.amount_cents,
            assigned_by=cause.actor,
        )
        key = f"{remittance_id}-{ordinal}"
        return done(await commands.handle(capitation_payment, key, command, cause), SERVICE)

    @routes.post("/capitation/payments/{remittance_id}/{ordinal}/undo")
    async def undo_assignment(
        remittance_id: Id, ordinal: Annotated[int, InPath(ge=1, le=10**6)], body: UndoBody, cause: Assign
    ) -> Done:
        """A part was assigned wrongly: it is open again."""
        command = UndoAssignment(part=body.part, reason=body.reason, undone_by=cause.actor)
        key = f"{remittance_id}-{ordinal}"
        return done(await commands.handle(capitation_payment, key, command, cause), SERVICE)

    return routes


def _first_of(month: str) -> date:
    return date.fromisoformat(f"{month}-01")


def _nothing(payer_id: str, contract_id: str, month_on: date) -> dict[str, Any]:
    """A month of which nothing is known yet: a list can be handed in for it."""
    named = {"payer_id": payer_id, "contract_id": contract_id, "month_on": month_on}
    figures = (
        "lists",
        "members",
        "paid_cents",
        "services",
        "charged_cents",
        "equivalent_cents",
        "not_priced",
        "flagged",
    )
    return {**named, **dict.fromkeys(figures, 0)}
