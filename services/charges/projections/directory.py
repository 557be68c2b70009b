"""Who and what is in the practice's directory? One row an item, as it was listed last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.charges.domain.directory.knowledge import Knowledge
from shared.events.charges import FacilityListed, OrganizationListed, PricesSet, ProviderListed
from shared.events.envelope import Recorded
from shared.runtime.projection import Change, Projection, Put

directory = sa.Table(
    "directory",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),  # organization, provider, facility, price-list
    sa.Column("item_id", sa.Text, primary_key=True),
    sa.Column("item", JSONB),
    sa.Column("listed_at", sa.DateTime(timezone=True)),
)


def apply(recorded: Recorded[Any]) -> Iterable[Change]:
    kind, item_id = _kind_and_id(recorded.event)
    values = {"item": msgspec.to_builtins(recorded.event), "listed_at": recorded.recorded_at}
    yield Put(table="directory", key=(kind, item_id), values=values)


def _kind_and_id(event: Any) -> tuple[str, str]:
    match event:
        case OrganizationListed():
            return "organization", event.organization.provider_id
        case ProviderListed():
            return "provider", event.provider.provider_id
        case FacilityListed():
            return "facility", event.facility.facility_id
        case PricesSet():
            # A price list is one stream; each date from which it holds is an item.
            return "price-list", f"{event.price_list_id}@{event.effective_on.isoformat()}"
        case _:
            raise TypeError(f"{type(event).__name__} is not a listing")


projection = Projection(
    name="charges.directory",
    version=1,
    tables=(directory,),
    reads={"charges": (OrganizationListed, ProviderListed, FacilityListed, PricesSet)},
    apply=apply,
)


def items(kind: str | None = None) -> sa.Select[Any]:
    """What is listed, all of it or one kind."""
    statement = sa.select(directory).order_by(directory.c.kind, directory.c.item_id)
    return statement if kind is None else statement.where(directory.c.kind == kind)


def knowledge_from(rows: Sequence[Any]) -> Knowledge:
    """The directory as reviews of encounters use it."""

    def of(kind: str, as_type: type[Any]) -> dict[str, Any]:
        return {row["item_id"]: msgspec.convert(row["item"], as_type) for row in rows if row["kind"] == kind}

    return Knowledge(
        organizations=of("organization", OrganizationListed),
        providers=of("provider", ProviderListed),
        facilities=of("facility", FacilityListed),
        price_lists=tuple(of("price-list", PricesSet).values()),
    )
