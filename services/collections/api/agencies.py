"""What goes to collection agencies, over HTTP. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Sequence
from datetime import date
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Depends, Query, Response

from services.collections.adapters.placement_file import PlacedAccount, placement_file
from services.collections.api.bodies import Id
from services.collections.projections import letters, placed_accounts
from shared.events.values import Person
from shared.kernel.errors import Malformed
from shared.runtime.queries import ReadDatabase, rows
from shared.runtime.vault import Opener, Vault
from shared.runtime.web import Caller, caller

Reader = Annotated[Caller, Depends(caller("collections:read-worklists"))]
_ROWS_MAX = 5_000
_CSV = "text/csv"


def router(reads: ReadDatabase, vault: Vault) -> APIRouter:
    routes = APIRouter(tags=["agencies"])

    async def opened(who: Caller, found: Sequence[sa.RowMapping]) -> dict[str, Person]:
        sealed = [letters.sealed_person(row) for row in found]
        opener = Opener(actor=who.actor, purpose="agency-placement")
        people = await vault.open_many(who.tenant, sealed, [Person] * len(sealed), opener)
        return {row["placement_id"]: person for row, person in zip(found, people, strict=True)}

    @routes.get("/placements/file", response_class=Response, responses={200: {"content": {_CSV: {}}}})
    async def read_placement_file(
        who: Reader,
        agency: Annotated[Id, Query()],
        placed_from: date = date(2000, 1, 1),
        placed_to: date = date(9999, 12, 31),
    ) -> Response:
        """The accounts that an agency has, placed between two days: one row each, with who owes. Every opening is on the record."""
        statement = placed_accounts.placed_with(agency, placed_from=placed_from, placed_to=placed_to)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, statement.limit(_ROWS_MAX + 1))
        if len(found) > _ROWS_MAX:
            raise Malformed(f"a file has at most {_ROWS_MAX} accounts: choose fewer days")
        debtors = await opened(who, [row for row in found if row["person"]])
        accounts = [_account(row, debtors.get(row["placement_id"])) for row in found]
        headers = {
            "Content-Disposition": f'attachment; filename="placements-{agency}.csv"',
            "Cache-Control": "no-store",
        }
        return Response(placement_file(accounts), media_type=_CSV, headers=headers)

    return routes


def _account(row: sa.RowMapping, debtor: Person | None) -> PlacedAccount:
    return PlacedAccount(
        placement_id=row["placement_id"],
        account_id=row["account_id"],
        debtor=debtor,
        amount_cents=row["amount_cents"],
        service_on=row["service_on"],
        since_on=row["since_on"],
        last_statement_on=row["last_statement_on"],
        placed_on=row["placed_on"],
    )
