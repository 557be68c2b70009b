"""Which accounts has an agency, and who owes them? A view of other read models; it has no rows of its own."""

from __future__ import annotations

from datetime import date
from typing import Any

import sqlalchemy as sa

from services.collections.projections.casework import placements
from services.collections.projections.letters import addressees, merged_patients
from services.collections.projections.worklist import collection_accounts


def placed_with(agency: str, *, placed_from: date, placed_to: date) -> sa.Select[*tuple[Any, ...]]:
    """What an agency has, oldest first. `person` is absent where nobody registered the patient yet."""
    placed, account, merged, person = placements.c, collection_accounts.c, merged_patients.c, addressees.c
    of_account = sa.and_(
        account.tenant == placed.tenant,
        account.account_id == placed.account_id,
        account.placement_id == placed.placement_id,
    )
    retired = sa.and_(merged.tenant == account.tenant, merged.retired_patient_id == account.patient_id)
    survivor = sa.func.coalesce(merged.patient_id, account.patient_id)
    of_patient = sa.and_(person.tenant == placed.tenant, person.patient_id == survivor)
    return (
        sa.select(
            placed.placement_id,
            placed.account_id,
            placed.amount_cents,
            placed.placed_on,
            account.service_on,
            account.since_on,
            account.last_statement_on,
            person.person,
            person.guarantor,
        )
        .select_from(
            placements.join(collection_accounts, of_account)
            .outerjoin(merged_patients, retired)
            .outerjoin(addressees, of_patient)
        )
        .where(placed.state == "placed", placed.agency == agency, placed.placed_on.between(placed_from, placed_to))
        .order_by(placed.placed_on, placed.placement_id)
    )
