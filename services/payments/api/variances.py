"""Where payers allowed another amount than their contract says, over HTTP: the list, the totals, and the work on it. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from datetime import date, datetime
from typing import Annotated, Literal

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from services.payments.api.bodies import Body, Code, Id
from services.payments.api.capitation import known_rosters
from services.payments.api.contracts import BasisRow, known_schedules
from services.payments.domain.claim_account.answer import AnswerKey
from services.payments.domain.claim_account.state import ClaimAccount
from services.payments.domain.contract_comparison.commands import (
    ContractComparisonCommand,
    DisputeVariance,
    ReopenVariance,
    ResolveVariance,
)
from services.payments.domain.contract_comparison.comparing import (
    charged_of,
    compared,
    rosters_asked,
    schedules_named,
)
from services.payments.domain.contract_comparison.identity import account_of, comparison_of
from services.payments.domain.contract_comparison.state import ContractComparison
from services.payments.domain.errors import VarianceUnknown
from services.payments.domain.payer_contracts.state import PayerContracts
from services.payments.projections import variances as read_model
from services.payments.projections.variances import Kind, State
from shared.events.base import Sealed
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, asc, desc, page, row
from shared.runtime.vault import Opener, Vault
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, done, versioned_cause_of

SERVICE = "payments"
VARIANCES = read_model.projection.name

Reader = Annotated[Caller, Depends(caller("payments:read-variances"))]
NoteReader = Annotated[Caller, Depends(caller("payments:read-variance-notes"))]
Work = Annotated[Cause, Depends(versioned_cause_of("payments:work-variance"))]
PayerId = Annotated[str | None, Query(max_length=80)]
CentsMin = Annotated[
    int | None, Query(ge=0, le=10**12, description="Differences of at least so many cents, either way.")
]


class DisputeBody(Body):
    reference: Annotated[
        str,
        Field(
            min_length=1, max_length=60, pattern=r"^[A-Za-z0-9._:#/-]+$", description="Of the payer, or of our letter."
        ),
    ]
    disputed_on: date
    note: Annotated[str, Field(max_length=2_000, description="Sealed for the patient of the account.")] = ""


class ResolveBody(Body):
    outcome: Literal["recovered", "accepted"]
    reason: Code
    recovered_cents: Annotated[int, Field(ge=0, le=10**12, strict=True)] = 0


class ReopenBody(Body):
    reason: Code


class VarianceRow(BaseModel):
    """One line that the payer allowed another amount for than the contract says, beyond the tolerance."""

    variance_id: str
    kind: Kind
    state: State = Field(description="withdrawn: the answer that it was found in was taken back.")
    payer_id: str
    payer_name: str
    account_id: str
    claim_id: str
    remittance_id: str
    ordinal: int
    line_id: str
    procedure_code: str
    paid_as: str = Field(description="Procedure of the answer, where it is another.")
    modifiers: str
    service_on: date
    payment_on: date
    charged_cents: int
    expected_cents: int
    allowed_cents: int
    variance_cents: int = Field(description="Expected less allowed: positive is an underpayment.")
    tolerance_cents: int
    basis: BasisRow
    reference: str
    disputed_on: date | None
    has_note: bool
    outcome: Literal["", "recovered", "accepted"]
    reason: str
    recovered_cents: int
    decided_by: str
    found_at: datetime
    version: int = Field(description="Of the stream of its comparison: give it as Ledgerline-Expected-Version.")


class PayerVariancesRow(BaseModel):
    """What there is to dispute with one payer."""

    payer_id: str
    payer_name: str
    items: int
    variance_cents: int
    open_items: int
    open_cents: int
    disputed_items: int
    disputed_cents: int
    over_items: int = Field(description="Resolved, or withdrawn because the answer was taken back.")
    recovered_cents: int
    oldest_on: date | None = Field(description="Payment date of the oldest that is not over.")


class UnpricedRow(BaseModel):
    """One line that was not compared, and why."""

    comparison_id: str
    number: int
    line_id: str
    reason: str
    value: str = Field(description="The code, modifier, adjustment or schedule that the reason is about.")
    account_id: str
    claim_id: str
    remittance_id: str
    payer_id: str
    payment_on: date


class ComparedAgain(BaseModel):
    """What would be found today of the same line, by the contracts and schedules as they are now. Nothing is changed by it."""

    variance_id: str
    stands: bool = Field(description="Whether the answer still stands.")
    found_cents: int = Field(description="The difference as it was found.")
    outcome: Literal["as-expected", "underpaid", "overpaid", "not-priced", "capitated"] | None
    allowed_cents: int | None = None
    expected_cents: int | None = None
    variance_cents: int | None = None
    tolerance_cents: int | None = None
    basis: BasisRow | None = None
    reason: str = ""
    value: str = ""


class NoteRow(BaseModel):
    text: str


def router(
    commands: Commands,
    reads: ReadDatabase,
    vault: Vault,
    *,
    contract_comparison: Aggregate,
    claim_account: Aggregate,
    payer_contracts: Aggregate,
    fee_schedule: Aggregate,
    capitation_roster: Aggregate,
) -> APIRouter:
    routes = APIRouter(tags=["variances"])

    async def handle(variance_id: str, command: ContractComparisonCommand, cause: Cause) -> Done:
        key = comparison_of(variance_id)
        return done(await commands.handle(contract_comparison, key, command, cause), SERVICE)

    async def comparison(tenant: str, variance_id: str) -> ContractComparison:
        found: ContractComparison = await commands.state(contract_comparison, tenant, comparison_of(variance_id))
        if variance_id not in found.variances:
            raise VarianceUnknown("nothing was found under this id")
        return found

    @routes.get("/variances")
    async def list_variances(
        who: Reader,
        kind: Kind | None = None,
        state: State | None = None,
        payer_id: PayerId = None,
        account_id: Annotated[str | None, Query(max_length=80)] = None,
        reference: Annotated[str | None, Query(max_length=60, description="Of its dispute.")] = None,
        variance_cents_min: CentsMin = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[VarianceRow]:
        """Underpayments and overpayments, the largest first."""
        await reads.wait_for(VARIANCES, after)
        found = read_model.listed(
            kind=kind,
            state=state,
            payer_id=payer_id,
            account_id=account_id,
            reference=reference,
            cents_min=variance_cents_min,
        )
        order = [desc(found.c.size_cents), asc(found.c.variance_id)]
        async with reads.read(who.tenant) as connection:
            part = await page(connection, sa.select(found), order=order, limit=limit, cursor=cursor)
            return Page[VarianceRow].of(part, await reads.positions(connection, VARIANCES))

    @routes.get("/variances/by-payer")
    async def list_by_payer(
        who: Reader,
        kind: Kind = "underpayment",
        payer_id: PayerId = None,
        variance_cents_min: CentsMin = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[PayerVariancesRow]:
        """The same by payer with sums, for a dispute with each of them."""
        await reads.wait_for(VARIANCES, after)
        listed = read_model.listed(kind=kind, payer_id=payer_id, cents_min=variance_cents_min)
        found = read_model.by_payer(listed).subquery("by_payer")
        order = [asc(found.c.payer_name), asc(found.c.payer_id)]
        async with reads.read(who.tenant) as connection:
            part = await page(connection, sa.select(found), order=order, limit=limit, cursor=cursor)
            return Page[PayerVariancesRow].of(part, await reads.positions(connection, VARIANCES))

    @routes.get("/variances/not-priced")
    async def list_not_priced(
        who: Reader,
        payer_id: PayerId = None,
        reason: Annotated[str | None, Query(max_length=40)] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[UnpricedRow]:
        """Lines of payers with a contract that were not compared, each with its reason: what a contract or a schedule lacks."""
        await reads.wait_for(VARIANCES, after)
        table = read_model.unpriced_lines.c
        order = [asc(table.comparison_id), asc(table.number)]
        async with reads.read(who.tenant) as connection:
            found = read_model.unpriced(payer_id=payer_id, reason=reason)
            part = await page(connection, found, order=order, limit=limit, cursor=cursor)
            return Page[UnpricedRow].of(part, await reads.positions(connection, VARIANCES))

    @routes.get("/variances/{variance_id}")
    async def read_variance(variance_id: Id, who: Reader, after: After = None) -> VarianceRow:
        await reads.wait_for(VARIANCES, after)
        async with reads.read(who.tenant) as connection:
            found = await row(connection, read_model.one(variance_id))
        if found is None:
            raise VarianceUnknown("nothing was found under this id")
        return VarianceRow.model_validate(dict(found))

    @routes.get("/variances/{variance_id}/today")
    async def compare_again(variance_id: Id, who: Reader) -> ComparedAgain:
        """What would be found now, by the contracts and schedules as they are today. What was found stays as it was."""
        there = await comparison(who.tenant, variance_id)
        found = there.variances[variance_id].found
        account: ClaimAccount = await commands.state(claim_account, who.tenant, account_of(comparison_of(variance_id)))
        answer = account.answers.get(AnswerKey(found.remittance_id, found.ordinal))
        contracts: PayerContracts = await commands.state(payer_contracts, who.tenant, found.payer_id)
        if answer is None:
            return ComparedAgain(variance_id=variance_id, stands=False, found_cents=found.variance_cents, outcome=None)
        schedules = await known_schedules(commands, fee_schedule, who.tenant, schedules_named(contracts))
        charged = charged_of(account, answer.rank)
        asked = rosters_asked(answer.posted, charged, contracts)
        rosters = await known_rosters(commands, capitation_roster, who.tenant, asked)
        lines = compared(answer.posted, charged, contracts, schedules, rosters)
        again = next((each for each in lines if each.line.line_id == found.line_id), None)
        return ComparedAgain(
            variance_id=variance_id,
            stands=True,
            found_cents=found.variance_cents,
            outcome=again.outcome if again else None,
            allowed_cents=again.allowed_cents if again else None,
            expected_cents=again.expected_cents if again else None,
            variance_cents=again.variance_cents if again and again.expected_cents is not None else None,
            tolerance_cents=again.tolerance_cents if again and again.basis else None,
            basis=BasisRow.of(again.basis) if again and again.basis else None,
            reason=again.reason if again else "",
            value=again.value if again else "",
        )

    @routes.get("/variances/{variance_id}/note")
    async def read_note(variance_id: Id, who: NoteReader) -> NoteRow:
        """What was written with its dispute; empty when nothing was. The opening is on the record."""
        dispute = (await comparison(who.tenant, variance_id)).variances[variance_id].dispute
        if dispute is None or dispute.note is None:
            return NoteRow(text="")
        opener = Opener(actor=who.actor, purpose="payer-dispute")
        return NoteRow(text=await vault.open(who.tenant, dispute.note, str, opener))

    @routes.post("/variances/{variance_id}/dispute")
    async def dispute_variance(variance_id: Id, body: DisputeBody, cause: Work) -> Done:
        """Record that the difference was claimed from the payer; a later one says how it goes on. The note is sealed."""
        note: Sealed[str] | None = None
        if body.note:
            account: ClaimAccount = await commands.state(
                claim_account, cause.tenant, account_of(comparison_of(variance_id))
            )
            if not account.patient_id:
                raise VarianceUnknown("nothing was found under this id")
            note = Sealed.fresh(account.patient_id, "note", body.note)
        command = DisputeVariance(
            variance_id=variance_id,
            reference=body.reference,
            disputed_on=body.disputed_on,
            note=note,
            disputed_by=cause.actor,
        )
        return await handle(variance_id, command, cause)

    @routes.post("/variances/{variance_id}/resolve")
    async def resolve_variance(variance_id: Id, body: ResolveBody, cause: Work) -> Done:
        """Close it: the payer makes good for it (what it pays is posted by its own remittance), or it is let stand."""
        command = ResolveVariance(
            variance_id=variance_id,
            outcome=body.outcome,
            reason=body.reason,
            recovered_cents=body.recovered_cents,
            resolved_by=cause.actor,
        )
        return await handle(variance_id, command, cause)

    @routes.post("/variances/{variance_id}/reopen")
    async def reopen_variance(variance_id: Id, body: ReopenBody, cause: Work) -> Done:
        """It was resolved by mistake, or what was promised did not come."""
        command = ReopenVariance(variance_id=variance_id, reason=body.reason, reopened_by=cause.actor)
        return await handle(variance_id, command, cause)

    return routes
