"""Disputes with payers over HTTP: all that one payer underpaid under one reference, as a list and a letter. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from services.payments.api.bodies import Body, Id
from services.payments.domain.contract_comparison.commands import DisputeVariance
from services.payments.domain.contract_comparison.identity import comparison_of
from services.payments.projections import variances as read_model
from shared.kernel.errors import DomainError, NotFound
from shared.kernel.identifiers import derived_id
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, desc, page, rows
from shared.runtime.web import After, Caller, Cursor, Limit, Page, caller, cause_of

SERVICE = "payments"
VARIANCES = read_model.projection.name
LINES_MAX = 1_000  # of one dispute

Reference = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9._:#/-]+$")]
Reader = Annotated[Caller, Depends(caller("payments:read-variances"))]
Work = Annotated[Cause, Depends(cause_of("payments:work-variance"))]


class DisputesBody(Body):
    payer_id: Id
    reference: Annotated[Reference, Field(description="Of the payer, or of our letter.")]
    disputed_on: date
    variance_cents_min: int = Field(default=1, ge=1, le=10**12, description="Only differences of so many cents.")


class Disputed(BaseModel):
    payer_id: str
    reference: str
    items: int = Field(description="That are disputed under this reference now.")
    variance_cents: int
    refused: list[str] = Field(description="Variances that changed in the same moment.")
    left_out: int = Field(description="A dispute has at most 1000 lines: ask again under another reference.")
    after: str | None


class DisputeRow(BaseModel):
    """What was claimed from one payer under one reference, and what became of it."""

    payer_id: str
    payer_name: str
    reference: str
    disputed_on: date
    items: int
    variance_cents: int
    waiting_items: int
    waiting_cents: int
    paid_items: int = Field(description="Resolved, and the payer made good for it.")
    rejected_items: int = Field(description="Resolved, and let stand.")
    withdrawn_items: int = Field(description="The answer that it was found in was taken back.")
    recovered_cents: int


def router(commands: Commands, reads: ReadDatabase, contract_comparison: Aggregate) -> APIRouter:
    routes = APIRouter(tags=["variances"])

    async def lines_of(tenant: str, payer_id: str) -> Sequence[Any]:
        found = read_model.listed(kind="underpayment", payer_id=payer_id)
        by_size = sa.select(found).order_by(found.c.size_cents.desc(), found.c.variance_id)
        async with reads.read(tenant) as connection:
            return await rows(connection, by_size)

    @routes.post("/variances/disputes", status_code=201)
    async def dispute_all(body: DisputesBody, cause: Work) -> Disputed:
        """Dispute every open underpayment of a payer under one reference, the largest first. The same again has no other effect."""
        known = await lines_of(cause.tenant, body.payer_id)
        mine = [each for each in known if (each["state"], each["reference"]) == ("disputed", body.reference)]
        wanted = [each for each in known if each["state"] == "open" and each["size_cents"] >= body.variance_cents_min]
        chosen = wanted[: max(0, LINES_MAX - len(mine))]
        refused: list[str] = []
        after: str | None = None
        for each in chosen:
            variance_id = each["variance_id"]
            command = DisputeVariance(
                variance_id=variance_id,
                reference=body.reference,
                disputed_on=body.disputed_on,
                note=None,
                disputed_by=cause.actor,
            )
            own = replace(cause, command_id=derived_id(cause.command_id, "dispute", variance_id))
            try:
                outcome = await commands.handle(contract_comparison, comparison_of(variance_id), command, own)
            except DomainError:
                refused.append(variance_id)
                continue
            after = after if outcome.position is None else f"{SERVICE}:{outcome.position}"
        now = [*mine, *(each for each in chosen if each["variance_id"] not in refused)]
        return Disputed(
            payer_id=body.payer_id,
            reference=body.reference,
            items=len(now),
            variance_cents=sum(each["variance_cents"] for each in now),
            refused=refused,
            left_out=len(wanted) - len(chosen),
            after=after,
        )

    @routes.get("/variances/disputes")
    async def list_disputes(
        who: Reader,
        payer_id: Annotated[str | None, Query(max_length=80)] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[DisputeRow]:
        """Disputes by payer and reference, the latest first, with what was paid, rejected and recovered."""
        await reads.wait_for(VARIANCES, after)
        found = read_model.by_reference(read_model.listed(kind="underpayment", payer_id=payer_id)).subquery("disputes")
        order = [desc(found.c.disputed_on), desc(found.c.payer_id), desc(found.c.reference)]
        async with reads.read(who.tenant) as connection:
            part = await page(connection, sa.select(found), order=order, limit=limit, cursor=cursor)
            return Page[DisputeRow].of(part, await reads.positions(connection, VARIANCES))

    @routes.get("/variances/disputes/letter", response_class=PlainTextResponse)
    async def write_letter(
        who: Reader,
        payer_id: Annotated[str, Query(max_length=80)],
        reference: Annotated[str, Query(max_length=60)],
        after: After = None,
    ) -> str:
        """A letter to the payer with every line that is still disputed, by our claim number. It names no person."""
        await reads.wait_for(VARIANCES, after)
        known = await lines_of(who.tenant, payer_id)
        lines = [each for each in known if (each["state"], each["reference"]) == ("disputed", reference)]
        if not lines:
            raise NotFound("nothing is disputed with this payer under this reference")
        return letter(lines)

    return routes


def letter(lines: Sequence[Any]) -> str:
    """As text, in columns."""
    first = lines[0]
    heads = ("Claim", "Service", "Procedure", "Charged", "Allowed", "By contract", "Difference")
    told = [
        (
            each["claim_id"],
            f"{each['service_on']}",
            " ".join(part for part in (each["procedure_code"], each["modifiers"]) if part),
            *(_dollars(each[name]) for name in ("charged_cents", "allowed_cents", "expected_cents", "variance_cents")),
        )
        for each in lines
    ]
    widths = [max(len(row[place]) for row in (heads, *told)) for place in range(len(heads))]
    table = "\n".join(
        "  ".join(
            text.ljust(width) if place < 3 else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in (heads, *told)
    )
    total = _dollars(sum(each["variance_cents"] for each in lines))
    return (
        f"To: {first['payer_name']}\nOur reference: {first['reference']}\nDate: {first['disputed_on']}\n\n"
        "Underpaid claims under our contract\n\n"
        "For the services below you allowed less than our contract says. Please pay the difference.\n\n"
        f"{table}\n\nTotal of {len(lines)} {'line' if len(lines) == 1 else 'lines'}: {total}\n"
    )


def _dollars(cents: int) -> str:
    sign = "-" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"
