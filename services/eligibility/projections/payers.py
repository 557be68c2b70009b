"""Who are the practice's payers, who asks them, and through whom?

Payers are this service's own. The organisation that asks is what charges listed, the partner what claims listed: kept here as told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.eligibility.domain.payer.directory import PayerDirectory
from shared.events.batches import PartnerListed
from shared.events.charges import OrganizationListed
from shared.events.eligibility import PayerListed
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put

payers = sa.Table(
    "payers",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("payer_id", sa.Text, primary_key=True),
    sa.Column("listing", JSONB),
    sa.Column("listed_at", sa.DateTime(timezone=True)),
)

counterparts = sa.Table(
    "counterparts",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),  # organization, partner
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("item", JSONB),
)


def apply(recorded: Recorded[Any]) -> Iterable[Change]:
    event = recorded.event
    if not isinstance(event, PayerListed):
        raise TypeError(f"{type(event).__name__} is not read here")
    values = {"listing": msgspec.to_builtins(event), "listed_at": recorded.recorded_at}
    yield Put(table="payers", key=(event.payer_id,), values=values)


def apply_counterpart(recorded: Recorded[Any]) -> Iterable[Change]:
    match event := recorded.event:
        case OrganizationListed():
            key = ("organization", event.organization.provider_id)
        case PartnerListed():
            key = ("partner", event.partner_id)
        case _:
            raise TypeError(f"{type(event).__name__} is not read here")
    yield Put(table="counterparts", key=key, values={"item": msgspec.to_builtins(event)})


projection = Projection(
    name="eligibility.payers", version=1, tables=(payers,), reads={"eligibility": (PayerListed,)}, apply=apply
)
counterparts_projection = Projection(
    name="eligibility.counterparts",
    version=1,
    tables=(counterparts,),
    reads={"charges": (OrganizationListed,), "claims": (PartnerListed,)},
    apply=apply_counterpart,
)


def all_payers() -> sa.Select[Any]:
    return sa.select(payers).order_by(payers.c.payer_id)


def directory_from(rows: Sequence[Any]) -> PayerDirectory:
    """The payers as coverages are resolved through them."""
    return PayerDirectory(payers=tuple(msgspec.convert(row["listing"], PayerListed) for row in rows))


def organizations() -> sa.Select[Any]:
    return sa.select(counterparts).where(counterparts.c.kind == "organization").order_by(counterparts.c.item_id)


def partner(partner_id: str) -> sa.Select[Any]:
    return sa.select(counterparts).where(counterparts.c.kind == "partner", counterparts.c.item_id == partner_id)
