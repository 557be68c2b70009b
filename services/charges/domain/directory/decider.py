"""What is listed in the practice's directory? Each item is a stream of its own; listing it again as it is, is no news."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from shared.events.charges import FacilityListed, OrganizationListed, PricesSet, ProviderListed
from shared.kernel.decider import Decider

Listing: TypeAlias = OrganizationListed | ProviderListed | FacilityListed | PricesSet


@dataclass(frozen=True, slots=True, kw_only=True)
class ListItem:
    """The item as it shall stand from now on."""

    listing: Listing


def decide(command: ListItem, latest: Listing | None) -> Sequence[Listing]:
    return [] if command.listing == latest else [command.listing]


def evolve(latest: Listing | None, event: Listing) -> Listing:
    return event


directory_item: Decider[ListItem, Listing, Listing | None] = Decider(decide=decide, evolve=evolve, initial=None)
