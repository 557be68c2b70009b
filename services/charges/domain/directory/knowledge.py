"""Who are the providers, where are the places, what does a service cost?

`Knowledge` is what the practice's directory says at one moment, as the review of an encounter needs it. Senders name people and
places in their own ways; aliases say who is meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from shared.events.charges import FacilityListed, OrganizationListed, Price, PricesSet, ProviderListed


@dataclass(frozen=True, slots=True, kw_only=True)
class Knowledge:
    organizations: Mapping[str, OrganizationListed] = field(default_factory=dict)
    providers: Mapping[str, ProviderListed] = field(default_factory=dict)
    facilities: Mapping[str, FacilityListed] = field(default_factory=dict)
    price_lists: Sequence[PricesSet] = ()

    def provider(self, reference: str) -> ProviderListed | None:
        """By our id, NPI or alias."""
        wanted = reference.strip().upper()
        return next((each for each in self.providers.values() if wanted in _names_of_provider(each)), None)

    def facility(self, reference: str) -> FacilityListed | None:
        """By our id, NPI or alias. A sender that names no place means the practice's only one, if there is just one."""
        if not reference.strip() and len(self.facilities) == 1:
            return next(iter(self.facilities.values()))
        wanted = reference.strip().upper()
        return next((each for each in self.facilities.values() if wanted in _names_of_facility(each)), None)

    def price(self, code: str, service_on: date) -> tuple[str, Price] | None:
        """The price list in force on the date of service, and its price for one unit."""
        in_force = [each for each in self.price_lists if each.effective_on <= service_on]
        for prices in sorted(in_force, key=lambda each: each.effective_on, reverse=True):
            for price in prices.prices:
                if price.code == code:
                    return prices.price_list_id, price
        return None


def _names_of_provider(listed: ProviderListed) -> set[str]:
    identity = listed.provider
    return {name.upper() for name in (identity.provider_id, identity.npi, *listed.aliases) if name}


def _names_of_facility(listed: FacilityListed) -> set[str]:
    identity = listed.facility
    return {name.upper() for name in (identity.facility_id, identity.npi, *listed.aliases) if name}
