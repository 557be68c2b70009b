"""A patient's money that goes where the same patient owes something, over HTTP. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from services.payments.api.bodies import Body, Cents, Id
from services.payments.domain.claim_account.commands import MoveCredit, UndoMove
from services.payments.domain.errors import NotTheSamePatient
from services.payments.domain.patient_account.commands import AccountDue, MoveUnapplied
from services.payments.projections import claim_accounts, patient_payments
from shared.kernel.errors import NotFound
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, row, rows
from shared.runtime.web import Done, cause_of, done

SERVICE = "payments"
Move = Annotated[Cause, Depends(cause_of("payments:move-credit"))]


class MoveBody(Body):
    move_id: Id
    amount_cents: Cents
    to_account_id: Id | None = Field(
        default=None, description="An account of the same patient; left out: what the patient owes longest."
    )


class MoveUnappliedBody(MoveBody):
    patient_id: Id


def router(
    commands: Commands, reads: ReadDatabase, clock: Clock, *, claim_account: Aggregate, patient_account: Aggregate
) -> APIRouter:
    routes = APIRouter(tags=["credits"])

    async def dues(tenant: str, patient_id: str, to_account_id: str | None) -> tuple[AccountDue, ...]:
        """What the patient owes where the money may go, oldest first. Raises NotFound, NotTheSamePatient."""
        async with reads.read(tenant) as connection:
            names = [each["patient_id"] for each in await rows(connection, patient_payments.names_of(patient_id))]
            found = await rows(connection, claim_accounts.due_of_patient(names))
            there = await row(connection, claim_accounts.account(to_account_id)) if to_account_id else None
        if to_account_id and there is None:
            raise NotFound("there is no such account")
        if there is not None and there["patient_id"] not in names:
            raise NotTheSamePatient("a patient's money goes to accounts of the same patient")
        return tuple(
            AccountDue(each["account_id"], each["due_cents"])
            for each in found
            if to_account_id in (None, each["account_id"])
        )

    @routes.post("/accounts/{account_id}/credit/move")
    async def move_credit(account_id: Id, body: MoveBody, cause: Move) -> Done:
        """Move what the patient paid too much on an account to another one of the same patient, or to what is owed longest. What the
        other account does not owe waits. What a payer paid too much is never moved (`exceeds-credit` says what the patient's is)."""
        async with reads.read(cause.tenant) as connection:
            whose = await row(connection, claim_accounts.account(account_id))
        if whose is None:
            raise NotFound("there is no such account")
        await dues(cause.tenant, whose["patient_id"], body.to_account_id)
        command = MoveCredit(
            account_id=account_id,
            move_id=body.move_id,
            amount_cents=body.amount_cents,
            to_account_id=body.to_account_id or "",
            moved_by=cause.actor,
            moved_on=clock.now().date(),
        )
        return done(await commands.handle(claim_account, account_id, command, cause), SERVICE)

    @routes.post("/patient-payments/{payment_id}/move")
    async def move_unapplied(payment_id: Id, body: MoveUnappliedBody, cause: Move) -> Done:
        """Set money of a payment that waits aside for an account of the same patient, or for what is owed longest; at most what is owed
        there (`nothing-owed` when that is nothing)."""
        command = MoveUnapplied(
            payment_id=payment_id,
            move_id=body.move_id,
            amount_cents=body.amount_cents,
            to=await dues(cause.tenant, body.patient_id, body.to_account_id),
            moved_by=cause.actor,
        )
        return done(await commands.handle(patient_account, body.patient_id, command, cause), SERVICE)

    @routes.post("/accounts/{account_id}/moves/{move_id}/undo")
    async def undo_move(account_id: Id, move_id: Id, cause: Move) -> Done:
        """Take back what a move brought to this account: it is owed here again, and the money is the credit or waits as before."""
        command = UndoMove(account_id=account_id, move_id=move_id, moved_by=cause.actor, moved_on=clock.now().date())
        return done(await commands.handle(claim_account, account_id, command, cause), SERVICE)

    return routes
