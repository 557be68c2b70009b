"""What the charges service is made of: the only file that knows all of its rooms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.charges.api import directory as directory_api
from services.charges.api import encounters as encounters_api
from services.charges.api import joined_visits as joined_visits_api
from services.charges.domain.directory.decider import directory_item
from services.charges.domain.directory.knowledge import Knowledge
from services.charges.domain.encounter.commands import ReviewCharges
from services.charges.domain.encounter.decider import encounter as encounter_decider
from services.charges.invariants import JoinedVisitsAgree, ReleasesMatchCharges
from services.charges.policies import join_visits, review
from services.charges.projections import coverages, directory, encounters, merged_patients
from shared.events.base import Event
from shared.events.charges import ChargeCaptured, ChargeCredited
from shared.events.envelope import Recorded
from shared.runtime.command import Aggregate, BusinessKey
from shared.runtime.policy import Policy, Reaction
from shared.runtime.queries import rows
from shared.runtime.service import ServiceParts, ServiceRuntime

_WAIT_SECONDS = 10.0


def source_keys(event: Event) -> Iterable[BusinessKey]:
    """A sender's transaction is one charge, or one credit, wherever it turns up again."""
    if isinstance(event, ChargeCaptured | ChargeCredited):
        yield BusinessKey("charge-source", event.source_key)


def build(runtime: ServiceRuntime) -> ServiceParts:
    encounter = Aggregate(name="encounter", decider=encounter_decider, business_keys=source_keys)
    listed = {
        kind: Aggregate(name=kind, decider=directory_item)
        for kind in ("organization", "provider", "facility", "price-list")
    }

    async def knowledge(recorded: Recorded[Any]) -> Knowledge:
        """The directory, at the least as it was when this happened."""
        after = f"charges:{recorded.position}"
        await runtime.reads.wait_for(directory.projection.name, after, within_seconds=_WAIT_SECONDS)
        async with runtime.reads.read(recorded.tenant) as connection:
            return directory.knowledge_from(await rows(connection, directory.items()))

    def to_encounter(command: ReviewCharges) -> Reaction:
        return Reaction(aggregate=encounter, key=command.encounter_id, command=command)

    async def review_change(recorded: Recorded[Any]) -> Sequence[Reaction]:
        today = recorded.recorded_at.date()
        return [to_encounter(command) for command in review.react(recorded.event, await knowledge(recorded), today)]

    async def review_waiting(recorded: Recorded[Any]) -> Sequence[Reaction]:
        after = f"charges:{recorded.position}"
        await runtime.reads.wait_for(encounters.projection.name, after, within_seconds=_WAIT_SECONDS)
        async with runtime.reads.read(recorded.tenant) as connection:
            waiting = [row["encounter_id"] for row in await rows(connection, encounters.held_for_names())]
        today = recorded.recorded_at.date()
        commands = review.react_to_listing(waiting, await knowledge(recorded), today) if waiting else ()
        return [to_encounter(command) for command in commands]

    async def pass_on(recorded: Recorded[Any]) -> Sequence[Reaction]:
        asked = join_visits.react(recorded.event)
        return [Reaction(aggregate=encounter, key=key, command=command) for key, command in asked]

    return ServiceParts(
        aggregates=(encounter, *listed.values()),
        projections=(directory.projection, encounters.projection, merged_patients.projection, coverages.projection),
        policies=(
            Policy(name="charges.review-encounters", reads={"charges": review.CHANGES}, react=review_change),
            Policy(name="charges.review-waiting", reads={"charges": review.LISTINGS}, react=review_waiting),
            Policy(name="charges.join-visits", reads={"charges": join_visits.JOININGS}, react=pass_on),
        ),
        routers=lambda: (
            directory_api.router(runtime.commands, runtime.reads, listed),
            encounters_api.router(runtime.commands, runtime.reads, encounter, runtime.clock),
            joined_visits_api.router(runtime.commands, runtime.reads, encounter),
        ),
        invariants=(ReleasesMatchCharges, JoinedVisitsAgree),
    )
