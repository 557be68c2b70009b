"""Remittances over HTTP, and the queues of those who work them. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
import sqlalchemy as sa
from fastapi import APIRouter, Body, Depends, Path, Query

from services.payments.adapters.remittance_files import RemittanceFiles
from services.payments.api.bodies import (
    ChainRow,
    DismissBody,
    Id,
    ProviderAdjustmentRow,
    ReceivedRow,
    RematchBody,
    RemittanceClaimRow,
    RemittanceDetail,
    RemittanceRow,
    RemittancesSummary,
    Unposted,
)
from services.payments.domain.claim_account.commands import RematchAnswer, RetryHeldAnswer, ReverseClaimPayment
from services.payments.domain.remittance.commands import DismissRemittance
from services.payments.projections import deposits
from services.payments.projections import remittances as read_model
from shared.events.values import DocumentReference
from shared.kernel.errors import NotFound
from shared.kernel.identifiers import derived_id
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, asc, desc, page, row, rows
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done

SERVICE = "payments"
READER = read_model.projection.name
BANK = deposits.projection.name

ReceiveIt = Annotated[Cause, Depends(cause_of("payments:receive-remittance"))]
Release = Annotated[Cause, Depends(cause_of("payments:release-remittance"))]
TakeBack = Annotated[Cause, Depends(cause_of("payments:reverse-remittance"))]
Reader = Annotated[Caller, Depends(caller("payments:read-remittances"))]
Worker = Annotated[Caller, Depends(caller("payments:read-worklists"))]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemittanceFilters:
    """By what the list is narrowed down, and its sums; what is absent does not."""

    status: Literal["held", "dismissed", "received", "posted"] | None = None
    payer: Annotated[str | None, Query(max_length=60, description="Part of the payer's name.")] = None
    paid_from_on: Annotated[date | None, Query(description="First day of payment.")] = None
    paid_to_on: Annotated[date | None, Query(description="Last day of payment.")] = None
    is_off: Annotated[bool | None, Query(description="Whether payment and claims differ.")] = None

    def wanted(self) -> sa.Select[Any]:
        return read_model.every(
            self.status,
            payer=self.payer,
            paid_from_on=self.paid_from_on,
            paid_to_on=self.paid_to_on,
            is_off=self.is_off,
        )


Filters = Annotated[RemittanceFilters, Depends()]
Ordinal = Annotated[int, Path(ge=0, le=2**31 - 1, description="Place of the claim in the remittance.")]


def router(
    commands: Commands,
    reads: ReadDatabase,
    files: RemittanceFiles,
    *,
    claim_accounts: Aggregate,
    remittance: Aggregate,
    clock: Clock,
) -> APIRouter:
    routes = APIRouter(tags=["remittances"])

    async def claim(tenant: str, remittance_id: str, ordinal: int) -> sa.RowMapping:
        """The claim's row; of two accounts the one it stands on now."""
        async with reads.read(tenant) as connection:
            statement = read_model.claims_of(remittance_id).where(read_model.remittance_claims.c.ordinal == ordinal)
            found = await rows(connection, statement)
        if not found:
            raise NotFound("the remittance has no such claim, or it has not answered yet")
        return found[-1]

    @routes.post("/remittances", status_code=201)
    async def receive_interchange(
        interchange: Annotated[bytes, Body(media_type="application/edi-x12", min_length=1)], cause: ReceiveIt
    ) -> list[ReceivedRow]:
        """Take in every 835 of an X12 interchange, each in its own transaction. Safe to send again."""
        return [ReceivedRow.of(each) for each in await files.receive(interchange, cause)]

    @routes.get("/remittances")
    async def list_remittances(
        who: Reader, filters: Filters, limit: Limit = 50, cursor: Cursor = None, after: After = None
    ) -> Page[RemittanceRow]:
        """Remittances, newest payment first."""
        await reads.wait_for(READER, after)
        table = read_model.remittances
        order = [desc(table.c.payment_on), desc(table.c.remittance_id)]
        async with reads.read(who.tenant) as connection:
            found = await page(connection, filters.wanted(), order=order, limit=limit, cursor=cursor)
            return Page[RemittanceRow].of(found, await reads.positions(connection, READER, BANK))

    @routes.get("/remittances/summary")
    async def summarise_remittances(who: Reader, filters: Filters, after: After = None) -> RemittancesSummary:
        """What the list of these filters comes to."""
        await reads.wait_for(READER, after)
        async with reads.read(who.tenant) as connection:
            [sums] = await rows(connection, read_model.summed(filters.wanted()))
            return RemittancesSummary.model_validate({**sums, "positions": await reads.positions(connection, READER)})

    @routes.get("/remittances/{remittance_id}")
    async def read_remittance(
        remittance_id: Id, who: Reader, limit: Limit = 100, cursor: Cursor = None, after: After = None
    ) -> RemittanceDetail:
        """One remittance with its claims and provider adjustments."""
        await reads.wait_for(READER, after)
        table = read_model.remittance_claims
        order = [asc(table.c.ordinal), asc(table.c.account_id)]
        async with reads.read(who.tenant) as connection:
            found = await row(connection, read_model.one(remittance_id))
            if found is None:
                raise NotFound("there is no such remittance")
            claims = await page(
                connection, read_model.claims_of(remittance_id), order=order, limit=limit, cursor=cursor
            )
            adjustments = await rows(connection, read_model.adjustments_of(remittance_id))
            sums = await rows(connection, read_model.cents_by_outcome(remittance_id))
            positions = await reads.positions(connection, READER)
        return RemittanceDetail(
            remittance=RemittanceRow.model_validate(dict(found)),
            claims=[RemittanceClaimRow.model_validate(dict(each)) for each in claims.rows],
            next=claims.next,
            provider_adjustments=[ProviderAdjustmentRow.model_validate(dict(each)) for each in adjustments],
            cents_by_outcome={each["outcome"]: each["cents"] for each in sums},
            positions=positions,
        )

    @routes.post("/remittances/{remittance_id}/dismiss")
    async def dismiss_remittance(remittance_id: Id, body: DismissBody, cause: Release) -> Done:
        """Nothing of a held remittance will be posted: the payer sent another, or it is not ours."""
        command = DismissRemittance(reason=body.reason, dismissed_by=cause.actor)
        return done(await commands.handle(remittance, remittance_id, command, cause), SERVICE)

    @routes.post("/remittances/{remittance_id}/claims/{ordinal}/retry")
    async def retry_claim(remittance_id: Id, ordinal: Ordinal, cause: Release) -> Done:
        """Post a held claim again, after what was wrong around it was mended."""
        held = await claim(cause.tenant, remittance_id, ordinal)
        async with reads.read(cause.tenant) as connection:
            whole = await row(connection, read_model.one(remittance_id))
        if whole is None:
            raise NotFound("there is no such remittance")
        answers = await files.answers(cause.tenant, remittance_id, _document(whole))
        answer = next(each for each in answers if each.ordinal == ordinal)
        command = RetryHeldAnswer(answer=msgspec.structs.replace(answer, account_id=held["account_id"]))
        return done(await commands.handle(claim_accounts, held["account_id"], command, cause), SERVICE)

    @routes.post("/remittances/{remittance_id}/claims/{ordinal}/match")
    async def match_claim(remittance_id: Id, ordinal: Ordinal, body: RematchBody, cause: Release) -> Done:
        """Send cash that waits under a wrong number to the claim that it belongs to."""
        waits = await claim(cause.tenant, remittance_id, ordinal)
        command = RematchAnswer(remittance_id=remittance_id, ordinal=ordinal, to_claim_id=body.claim_id)
        return done(await commands.handle(claim_accounts, waits["account_id"], command, cause), SERVICE)

    @routes.post("/remittances/{remittance_id}/claims/{ordinal}/unpost")
    async def unpost_claim(remittance_id: Id, ordinal: Ordinal, cause: TakeBack) -> Done:
        """Take back what one claim moved, as a compensating event; its cash is in suspense again. A reversal that is taken back restores
        the answer that it had reversed."""
        posted = await claim(cause.tenant, remittance_id, ordinal)
        command = ReverseClaimPayment(remittance_id=remittance_id, ordinal=ordinal, reversed_on=clock.now().date())
        return done(await commands.handle(claim_accounts, posted["account_id"], command, cause), SERVICE)

    @routes.post("/remittances/{remittance_id}/unpost")
    async def unpost_remittance(remittance_id: Id, cause: TakeBack) -> Unposted:
        """Take back whatever the claims of a remittance moved: payments, reversals, and cash that waits for an account. Safe to send
        again when it stopped in the middle."""
        async with reads.read(cause.tenant) as connection:
            if await row(connection, read_model.one(remittance_id)) is None:
                raise NotFound("there is no such remittance")
            posted = await rows(connection, read_model.claims_to_take_back(remittance_id))
        last: str | None = None
        for each in posted:
            command = ReverseClaimPayment(
                remittance_id=remittance_id, ordinal=each["ordinal"], reversed_on=clock.now().date()
            )
            own = replace(cause, command_id=derived_id(cause.command_id, "unpost", each["ordinal"]))
            outcome = await commands.handle(claim_accounts, each["account_id"], command, own)
            last = done(outcome, SERVICE).after or last
        return Unposted(claims=len(posted), after=last)

    @routes.get("/queues/held")
    async def held_claims(who: Worker, limit: Limit = 50, cursor: Cursor = None) -> Page[RemittanceClaimRow]:
        """Claims of remittances that were held, longest first, with what stands against their posting."""
        return await queue(who, "held", limit, cursor)

    @routes.get("/queues/unmatched")
    async def unmatched_claims(who: Worker, limit: Limit = 50, cursor: Cursor = None) -> Page[RemittanceClaimRow]:
        """Claims whose cash has no account yet, longest first."""
        return await queue(who, "unapplied", limit, cursor)

    async def queue(who: Caller, outcome: str, limit: int, cursor: str | None) -> Page[RemittanceClaimRow]:
        table = read_model.remittance_claims
        order = [asc(table.c.answered_at), asc(table.c.remittance_id), asc(table.c.ordinal)]
        async with reads.read(who.tenant) as connection:
            found = await page(connection, read_model.waiting(outcome), order=order, limit=limit, cursor=cursor)
            return Page[RemittanceClaimRow].of(found, await reads.positions(connection, READER))

    @routes.get("/provider-adjustments/open")
    async def open_chains(who: Reader) -> list[ChainRow]:
        """Takebacks and forwarded balances whose other half has not come yet."""
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, read_model.open_chains())
        return [ChainRow.model_validate(dict(each)) for each in found]

    return routes


def _document(found: Mapping[Any, Any]) -> DocumentReference:
    return DocumentReference(document_id=found["document_id"], place=found["place"])
