"""Who are the practice's payers? Each is a stream of its own; listing it again as it is, is no news."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.events.eligibility import PayerListed
from shared.kernel.decider import Decider


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPayer:
    """The payer as it shall stand from now on."""

    listing: PayerListed


def decide(command: ListPayer, latest: PayerListed | None) -> Sequence[PayerListed]:
    return [] if command.listing == latest else [command.listing]


def evolve(_latest: PayerListed | None, event: PayerListed) -> PayerListed:
    return event


payer: Decider[ListPayer, PayerListed, PayerListed | None] = Decider(decide=decide, evolve=evolve, initial=None)
