"""Patients' payments and bank deposits over HTTP. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from dataclasses import replace
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.payments.api.bodies import (
    DeclineUnappliedBody,
    DepositBody,
    DepositRow,
    Id,
    MovedRow,
    OfPatientBody,
    PatientPaymentBody,
    PatientPaymentRow,
    PatientPayments,
    RefundRow,
    RefundStatus,
    RefundUnappliedBody,
    ReverseUnappliedRefundBody,
    TakeBackBody,
)
from services.payments.domain.books.state import LEDGER, Books
from services.payments.domain.days import start_of
from services.payments.domain.deposit.commands import RecordDeposit
from services.payments.domain.patient_account.commands import (
    AccountDue,
    ApproveUnappliedRefund,
    DeclineUnappliedRefund,
    Named,
    ReceivePatientPayment,
    RequestUnappliedRefund,
    ReverseUnappliedRefund,
    TakeBackPayment,
)
from services.payments.domain.remittance.identity import deposit_id_of
from services.payments.projections import claim_accounts, deposits, patient_payments, refunds
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, asc, page, rows
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done

SERVICE = "payments"

TakePayment = Annotated[Cause, Depends(cause_of("payments:take-payment"))]
TakeBack = Annotated[Cause, Depends(cause_of("payments:take-back-payment"))]
RequestRefund = Annotated[Cause, Depends(cause_of("payments:request-refund"))]
ApproveRefund = Annotated[Cause, Depends(cause_of("payments:approve-refund"))]
ReverseRefund = Annotated[Cause, Depends(cause_of("payments:reverse-refund"))]
RecordIt = Annotated[Cause, Depends(cause_of("payments:record-deposit"))]
Reader = Annotated[Caller, Depends(caller("payments:read-ledger"))]
DepositReader = Annotated[Caller, Depends(caller("payments:read-deposits"))]


def router(
    commands: Commands,
    reads: ReadDatabase,
    *,
    patient_accounts: Aggregate,
    deposit: Aggregate,
    books: Aggregate,
    clock: Clock,
) -> APIRouter:
    routes = APIRouter(tags=["cash"])

    async def closed_to(cause: Cause, *, late_entry: bool) -> Books | None:
        """The books, for people who do not mean a late entry. What comes by machine is never refused for a closed day."""
        if late_entry or not cause.actor.startswith("user:"):
            return None
        found: Books = await commands.state(books, cause.tenant, LEDGER)
        return found

    def happened(cause: Cause, day: date) -> Cause:
        """An earlier day is when it happened; today is now."""
        return cause if day >= clock.now().date() else replace(cause, occurred_at=start_of(day))

    async def names_of(tenant: str, patient_id: str) -> list[str]:
        async with reads.read(tenant) as connection:
            return [each["patient_id"] for each in await rows(connection, patient_payments.names_of(patient_id))]

    @routes.post("/patient-payments", status_code=201)
    async def take_payment(body: PatientPaymentBody, cause: TakePayment) -> Done:
        """Take a patient's money: for the accounts that are named, then for what is owed longest; the rest waits.

        A person is refused for a day that is closed (`day-is-closed`), unless a late entry is meant.
        """
        names = await names_of(cause.tenant, body.patient_id)
        async with reads.read(cause.tenant) as connection:
            due = await rows(connection, claim_accounts.due_of_patient(names))
        command = ReceivePatientPayment(
            payment_id=body.payment_id,
            patient_id=body.patient_id,
            amount_cents=body.amount_cents,
            method=body.method,
            received_on=body.received_on,
            token=body.token,
            named=tuple(Named(each.account_id, each.amount_cents) for each in body.accounts),
            due=tuple(AccountDue(each["account_id"], each["due_cents"]) for each in due),
            books=await closed_to(cause, late_entry=body.late_entry),
        )
        caused = happened(cause, body.received_on)
        return done(await commands.handle(patient_accounts, body.patient_id, command, caused), SERVICE)

    @routes.post("/patient-payments/{payment_id}/take-back", status_code=201)
    async def take_back_payment(payment_id: Id, body: TakeBackBody, cause: TakeBack) -> Done:
        """Take a whole payment back, because the bank or the card holder did, or because it was never made.

        What accounts had taken of it is owed again, what waits of it is gone, and cash is less by it. Refused when something of it was
        refunded (`payment-was-refunded` says how much), unless the bank took that too (`refunded_too`); a chargeback is of what was
        not refunded. A closed day is refused as for a received payment.
        """
        command = TakeBackPayment(
            payment_id=payment_id,
            reason=body.reason,
            taken_back_on=body.taken_back_on,
            taken_back_by=cause.actor,
            refunded_too=body.refunded_too,
            books=await closed_to(cause, late_entry=body.late_entry),
        )
        caused = happened(cause, body.taken_back_on)
        return done(await commands.handle(patient_accounts, body.patient_id, command, caused), SERVICE)

    @routes.post("/patient-payments/{payment_id}/refunds", status_code=201)
    async def request_unapplied_refund(payment_id: Id, body: RefundUnappliedBody, cause: RequestRefund) -> Done:
        """Ask to give a patient back money that no account needed. Nothing moves until a second person agrees."""
        command = RequestUnappliedRefund(
            payment_id=payment_id,
            refund_id=body.refund_id,
            amount_cents=body.amount_cents,
            requested_by=cause.actor,
            to_card=body.to_card,
        )
        return done(await commands.handle(patient_accounts, body.patient_id, command, cause), SERVICE)

    @routes.post("/patient-payments/{payment_id}/refunds/{refund_id}/approve")
    async def approve_unapplied_refund(
        payment_id: Id, refund_id: Id, body: OfPatientBody, cause: ApproveRefund
    ) -> Done:
        """Agree to what somebody else asked for. Refused when that much no longer waits (`exceeds-unapplied` says how much does)."""
        command = ApproveUnappliedRefund(payment_id=payment_id, refund_id=refund_id, approved_by=cause.actor)
        return done(await commands.handle(patient_accounts, body.patient_id, command, cause), SERVICE)

    @routes.post("/patient-payments/{payment_id}/refunds/{refund_id}/decline")
    async def decline_unapplied_refund(
        payment_id: Id, refund_id: Id, body: DeclineUnappliedBody, cause: ApproveRefund
    ) -> Done:
        """Decide against what was asked for: the money goes on waiting. Who asked may withdraw it so."""
        command = DeclineUnappliedRefund(
            payment_id=payment_id, refund_id=refund_id, reason=body.reason, declined_by=cause.actor
        )
        return done(await commands.handle(patient_accounts, body.patient_id, command, cause), SERVICE)

    @routes.post("/patient-payments/{payment_id}/refunds/{refund_id}/reverse")
    async def reverse_unapplied_refund(
        payment_id: Id, refund_id: Id, body: ReverseUnappliedRefundBody, cause: ReverseRefund
    ) -> Done:
        """Say that an issued refund never arrived: the money waits again, as old as its payment."""
        command = ReverseUnappliedRefund(
            payment_id=payment_id, refund_id=refund_id, reason=body.reason, reversed_by=cause.actor
        )
        return done(await commands.handle(patient_accounts, body.patient_id, command, cause), SERVICE)

    @routes.get("/refunds")
    async def list_refunds(
        who: Reader,
        status: RefundStatus | None = None,
        account_id: Annotated[str | None, Query(max_length=80)] = None,
        payment_id: Annotated[str | None, Query(max_length=80)] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[RefundRow]:
        """Refunds and what became of each, by account or payment."""
        reader = refunds.projection.name
        await reads.wait_for(reader, after)
        table = refunds.refunds.c
        order = [asc(table.stream), asc(table.payment_id), asc(table.refund_id)]
        statement = refunds.every(status=status, account_id=account_id, payment_id=payment_id)
        async with reads.read(who.tenant) as connection:
            found = await page(connection, statement, order=order, limit=limit, cursor=cursor)
            return Page[RefundRow].of(found, await reads.positions(connection, reader))

    @routes.get("/queues/refunds")
    async def waiting_refunds(
        who: Annotated[Caller, Depends(caller("payments:read-worklists"))],
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[RefundRow]:
        """Refunds that wait for a second person, longest first: accounts' credits and patients' money that waits."""
        reader = refunds.projection.name
        await reads.wait_for(reader, after)
        table = refunds.refunds.c
        order = [asc(table.requested_at), asc(table.stream), asc(table.payment_id), asc(table.refund_id)]
        async with reads.read(who.tenant) as connection:
            found = await page(connection, refunds.requested(), order=order, limit=limit, cursor=cursor)
            return Page[RefundRow].of(found, await reads.positions(connection, reader))

    @routes.get("/patient-payments")
    async def list_payments(
        who: Reader, patient_id: Annotated[str, Query(max_length=80)], after: After = None
    ) -> PatientPayments:
        """What a patient paid, under every id that the patient has, and what of it waits."""
        reader = patient_payments.projection.name
        await reads.wait_for(reader, after)
        names = await names_of(who.tenant, patient_id)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, patient_payments.payments(names))
            moved = await rows(connection, patient_payments.moves(names))
            positions = await reads.positions(connection, reader)
        items = [PatientPaymentRow.model_validate(dict(each)) for each in found]
        moves = [MovedRow.model_validate(dict(each)) for each in moved]
        return PatientPayments(items=items, moves=moves, positions=positions)

    @routes.post("/deposits", status_code=201)
    async def record_deposit(body: DepositBody, cause: RecordIt) -> Done:
        """Record what the bank shows; it meets the remittance of the same payer and trace number by itself.

        A person is refused for a day that is closed (`day-is-closed`), unless a late entry is meant.
        """
        deposit_id = deposit_id_of(payer_identifier=body.payer_identifier, trace_number=body.trace_number)
        command = RecordDeposit(
            deposit_id=deposit_id,
            trace_number=body.trace_number,
            payer_identifier=body.payer_identifier,
            amount_cents=body.amount_cents,
            deposited_on=body.deposited_on,
            books=await closed_to(cause, late_entry=body.late_entry),
        )
        return done(await commands.handle(deposit, deposit_id, command, cause), SERVICE)

    @routes.get("/deposits")
    async def list_deposits(
        who: DepositReader,
        is_reconciled: bool | None = None,
        remittance_id: Annotated[str | None, Query(max_length=80)] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[DepositRow]:
        """Payments with one side or both: what the payer announced, and what the bank shows."""
        reader = deposits.projection.name
        await reads.wait_for(reader, after)
        order = [asc(deposits.deposits.c.deposit_id)]
        async with reads.read(who.tenant) as connection:
            statement = deposits.every(is_reconciled=is_reconciled, remittance_id=remittance_id)
            found = await page(connection, statement, order=order, limit=limit, cursor=cursor)
            return Page[DepositRow].of(found, await reads.positions(connection, reader))

    return routes
