"""When are an encounter's charges looked at, and when again?

Whatever changes an encounter leads to a review. What is newly listed leads to a review of every encounter that waits for a name, and a
hold for a name leads to one more review by itself: docs/adr/0006-held-names-are-reviewed-again.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from services.charges.domain.directory.knowledge import Knowledge
from services.charges.domain.encounter.commands import ReviewCharges
from services.charges.domain.encounter.edits import NO_PRICE, UNKNOWN_FACILITY, UNKNOWN_PROVIDER
from shared.events.base import EventType
from shared.events.charges import (
    BillsChosen,
    ChargeCaptured,
    ChargeCredited,
    ChargesHeld,
    ChargesTakenIn,
    DiagnosesCoded,
    EditOverridden,
    EncounterChanged,
    FacilityListed,
    OrganizationListed,
    PricesSet,
    ProviderListed,
    VisitBilledWith,
    VisitsJoined,
)

CHANGES: tuple[EventType, ...] = (
    ChargeCaptured,
    ChargeCredited,
    DiagnosesCoded,
    EncounterChanged,
    EditOverridden,
    BillsChosen,
    VisitsJoined,
    VisitBilledWith,
    ChargesTakenIn,
    ChargesHeld,
)
LISTINGS: tuple[EventType, ...] = (OrganizationListed, ProviderListed, FacilityListed, PricesSet)
_WAITS_FOR_A_NAME = (UNKNOWN_PROVIDER, UNKNOWN_FACILITY, NO_PRICE)


def react(event: Any, knowledge: Knowledge, today: date) -> Iterator[ReviewCharges]:
    """One review, by the directory as it is now."""
    if isinstance(event, ChargesHeld) and event.reason not in _WAITS_FOR_A_NAME:
        return  # it waits for a person, whose answer is an event of its own
    yield ReviewCharges(encounter_id=event.encounter_id, knowledge=knowledge, today=today)


def react_to_listing(waiting: Sequence[str], knowledge: Knowledge, today: date) -> Iterator[ReviewCharges]:
    """A review of each encounter that waits for a name."""
    for encounter_id in sorted(waiting):
        yield ReviewCharges(encounter_id=encounter_id, knowledge=knowledge, today=today)
