"""Accounts over HTTP: how each stands, line by line and cent by cent, and what people decide about it. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.payments.api.bodies import (
    AccountDetail,
    AccountRow,
    AdjustmentBody,
    AdjustmentRow,
    DeclineBody,
    Id,
    PartyRow,
    PostingRow,
    RefundBody,
    RemittanceClaimRow,
    ReverseRefundBody,
    lines_with_money,
)
from services.payments.domain.claim_account.commands import (
    ApproveAdjustment,
    ApproveRefund,
    DeclineRefund,
    RequestAdjustment,
    RequestRefund,
    ReverseAdjustment,
    ReverseRefund,
)
from services.payments.projections import claim_accounts as read_model
from services.payments.projections import postings, remittances
from shared.kernel.errors import NotFound
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, asc, page, row, rows
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done

SERVICE = "payments"
READER = read_model.projection.name

Adjust = Annotated[Cause, Depends(cause_of("payments:adjust-account"))]
Approve = Annotated[Cause, Depends(cause_of("payments:approve-adjustment"))]
AskRefund = Annotated[Cause, Depends(cause_of("payments:request-refund"))]
AgreeToRefund = Annotated[Cause, Depends(cause_of("payments:approve-refund"))]
TakeRefundBack = Annotated[Cause, Depends(cause_of("payments:reverse-refund"))]
Reader = Annotated[Caller, Depends(caller("payments:read-ledger"))]


def router(commands: Commands, reads: ReadDatabase, claim_accounts: Aggregate) -> APIRouter:
    routes = APIRouter(tags=["accounts"])

    @routes.get("/accounts")
    async def list_accounts(
        who: Reader,
        patient_id: Annotated[str | None, Query(max_length=80)] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[AccountRow]:
        """Accounts with charges, of one patient or all."""
        await reads.wait_for(READER, after)
        table = read_model.claim_accounts
        async with reads.read(who.tenant) as connection:
            found = await page(
                connection, read_model.accounts(patient_id), order=[asc(table.c.account_id)], limit=limit, cursor=cursor
            )
            return Page[AccountRow].of(found, await reads.positions(connection, READER))

    @routes.get("/accounts/{account_id}")
    async def read_account(account_id: Id, who: Reader, after: After = None) -> AccountDetail:
        """One account: who owes what and since when, the money line by line, and every posting with its reason."""
        for reader in (READER, postings.projection.name, remittances.projection.name):
            await reads.wait_for(reader, after)
        async with reads.read(who.tenant) as connection:
            found = await row(connection, read_model.account(account_id))
            if found is None:
                raise NotFound("there is no such account")
            parties = await rows(connection, read_model.parties_of(account_id))
            lines = await rows(connection, read_model.lines_of(account_id))
            money = await rows(connection, postings.money_by_line(account_id))
            answers = await rows(connection, remittances.answers_to(account_id))
            adjustments = await rows(connection, read_model.adjustments_of(account_id))
            history = await rows(connection, postings.history(account_id))
            positions = await reads.positions(connection, READER, postings.projection.name)
        return AccountDetail(
            account=AccountRow.model_validate(dict(found)),
            parties=[PartyRow.model_validate(dict(each)) for each in parties],
            lines=lines_with_money([dict(each) for each in lines], [dict(each) for each in money]),
            answers=[RemittanceClaimRow.model_validate(dict(each)) for each in answers],
            adjustments=[AdjustmentRow.model_validate(dict(each)) for each in adjustments],
            history=[PostingRow.model_validate(dict(each)) for each in history],
            positions=positions,
        )

    @routes.post("/accounts/{account_id}/adjustments", status_code=201)
    async def request_adjustment(account_id: Id, body: AdjustmentBody, cause: Adjust) -> Done:
        """Ask to let a party off. Nothing moves until a second person agrees."""
        command = RequestAdjustment(account_id=account_id, requested_by=cause.actor, **body.model_dump())
        return done(await commands.handle(claim_accounts, account_id, command, cause), SERVICE)

    @routes.post("/accounts/{account_id}/adjustments/{adjustment_id}/approve")
    async def approve_adjustment(account_id: Id, adjustment_id: Id, cause: Approve) -> Done:
        """Agree to what somebody else asked for."""
        command = ApproveAdjustment(adjustment_id=adjustment_id, approved_by=cause.actor)
        return done(await commands.handle(claim_accounts, account_id, command, cause), SERVICE)

    @routes.post("/accounts/{account_id}/adjustments/{adjustment_id}/reverse")
    async def reverse_adjustment(account_id: Id, adjustment_id: Id, cause: Approve) -> Done:
        """Take an approved adjustment back."""
        command = ReverseAdjustment(adjustment_id=adjustment_id, reversed_by=cause.actor)
        return done(await commands.handle(claim_accounts, account_id, command, cause), SERVICE)

    @routes.get("/queues/adjustments")
    async def waiting_adjustments(
        who: Annotated[Caller, Depends(caller("payments:read-worklists"))], limit: Limit = 50, cursor: Cursor = None
    ) -> Page[AdjustmentRow]:
        """Adjustments that wait for a second person, longest first."""
        table = read_model.account_adjustments
        order = [asc(table.c.requested_at), asc(table.c.account_id), asc(table.c.adjustment_id)]
        async with reads.read(who.tenant) as connection:
            found = await page(connection, read_model.requested_adjustments(), order=order, limit=limit, cursor=cursor)
            return Page[AdjustmentRow].of(found, await reads.positions(connection, READER))

    @routes.post("/accounts/{account_id}/refunds", status_code=201)
    async def request_refund(account_id: Id, body: RefundBody, cause: AskRefund) -> Done:
        """Ask to give a party back what it paid too much. Nothing moves until a second person agrees."""
        command = RequestRefund(account_id=account_id, requested_by=cause.actor, **body.model_dump())
        return done(await commands.handle(claim_accounts, account_id, command, cause), SERVICE)

    @routes.post("/accounts/{account_id}/refunds/{refund_id}/approve")
    async def approve_refund(account_id: Id, refund_id: Id, cause: AgreeToRefund) -> Done:
        """Agree to what somebody else asked for. Refused when the credit is less by now (`exceeds-credit` says what it is)."""
        command = ApproveRefund(refund_id=refund_id, approved_by=cause.actor)
        return done(await commands.handle(claim_accounts, account_id, command, cause), SERVICE)

    @routes.post("/accounts/{account_id}/refunds/{refund_id}/decline")
    async def decline_refund(account_id: Id, refund_id: Id, body: DeclineBody, cause: AgreeToRefund) -> Done:
        """Decide against what was asked for: the credit stands. Who asked may withdraw it so."""
        command = DeclineRefund(refund_id=refund_id, reason=body.reason, declined_by=cause.actor)
        return done(await commands.handle(claim_accounts, account_id, command, cause), SERVICE)

    @routes.post("/accounts/{account_id}/refunds/{refund_id}/reverse")
    async def reverse_refund(account_id: Id, refund_id: Id, body: ReverseRefundBody, cause: TakeRefundBack) -> Done:
        """Say that an issued refund never arrived: the credit stands again, as old as it was."""
        command = ReverseRefund(refund_id=refund_id, reason=body.reason, reversed_by=cause.actor)
        return done(await commands.handle(claim_accounts, account_id, command, cause), SERVICE)

    return routes
