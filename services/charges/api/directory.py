"""The practice's directory over HTTP: organisations, providers, facilities, price lists. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path

from services.charges.api.bodies import FacilityBody, Listing, OrganizationBody, PriceListBody, ProviderBody
from services.charges.domain.directory.decider import ListItem
from services.charges.projections import directory as read_model
from shared.events.charges import FacilityListed, OrganizationListed, Price, PricesSet, ProviderListed
from shared.events.values import FacilityIdentity, ProviderIdentity
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, rows
from shared.runtime.web import After, Caller, Done, caller, cause_of, done

ItemId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
SetUp = Annotated[Cause, Depends(cause_of("charges:set-up-practice"))]
SetPrices = Annotated[Cause, Depends(cause_of("charges:set-prices"))]


def router(commands: Commands, reads: ReadDatabase, aggregates: dict[str, Aggregate]) -> APIRouter:
    routes = APIRouter(tags=["directory"])

    async def list_item(kind: str, item_id: str, listing: Any, cause: Cause) -> Done:
        return done(await commands.handle(aggregates[kind], item_id, ListItem(listing=listing), cause), "charges")

    @routes.put("/organizations/{item_id}")
    async def list_organization(item_id: ItemId, body: OrganizationBody, cause: SetUp) -> Done:
        """List a billing organisation as it shall stand from now on."""
        identity = ProviderIdentity(
            provider_id=item_id,
            npi=body.npi,
            last_or_organisation=body.name,
            is_person=False,
            taxonomy=body.taxonomy,
            tax_id=body.tax_id,
            address=body.address.value(),
            phone=body.phone,
        )
        listing = OrganizationListed(
            organization=identity, aliases=body.aliases, submitter_contact=body.contact, submitter_phone=body.phone
        )
        return await list_item("organization", item_id, listing, cause)

    @routes.put("/providers/{item_id}")
    async def list_provider(item_id: ItemId, body: ProviderBody, cause: SetUp) -> Done:
        """List a person who provides care."""
        identity = ProviderIdentity(
            provider_id=item_id,
            npi=body.npi,
            last_or_organisation=body.last,
            first=body.first,
            taxonomy=body.taxonomy,
        )
        listing = ProviderListed(provider=identity, organization_id=body.organization_id, aliases=body.aliases)
        return await list_item("provider", item_id, listing, cause)

    @routes.put("/facilities/{item_id}")
    async def list_facility(item_id: ItemId, body: FacilityBody, cause: SetUp) -> Done:
        """List a place where care is given."""
        identity = FacilityIdentity(
            facility_id=item_id,
            name=body.name,
            place_of_service=body.place_of_service,
            npi=body.npi,
            address=body.address.value(),
        )
        listing = FacilityListed(facility=identity, organization_id=body.organization_id, aliases=body.aliases)
        return await list_item("facility", item_id, listing, cause)

    @routes.put("/price-lists/{item_id}")
    async def set_prices(item_id: ItemId, body: PriceListBody, cause: SetPrices) -> Done:
        """Set the prices of one unit of each service, from a date on."""
        prices = tuple(Price(**price.model_dump()) for price in body.prices)
        listing = PricesSet(price_list_id=item_id, effective_on=body.effective_on, prices=prices)
        return await list_item("price-list", f"{item_id}@{body.effective_on.isoformat()}", listing, cause)

    @routes.get("/directory")
    async def read_directory(
        who: Annotated[Caller, Depends(caller("charges:read-practice"))], kind: str | None = None, after: After = None
    ) -> Listing:
        """What is listed: organization, provider, facility, price-list, or all."""
        await reads.wait_for(read_model.projection.name, after)
        async with reads.read(who.tenant) as connection:
            found = await rows(connection, read_model.items(kind))
            positions = await reads.positions(connection, read_model.projection.name)
        return Listing.model_validate({"items": [dict(row) for row in found], "positions": positions})

    return routes
