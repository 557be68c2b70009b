"""What does a payer's list change in the members of a month?

What is kept is who came and who went, so that a list that repeats what is known is no news, and a correction of a month long past says
itself what it changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.payments.domain.capitation_roster.commands import CapitationRosterCommand, TakeRoster
from services.payments.domain.capitation_roster.identity import roster_id_of
from services.payments.domain.capitation_roster.state import CapitationRoster, evolve, person_of
from shared.events.capitation import (
    CapitationRosterEvent,
    CapitationRosterTaken,
    RosterMember,
    RosterMembersListed,
)
from shared.kernel.decider import Decider

_LISTED_TOGETHER = 1_000  # members in one event, which stays far below the largest that the log takes


def decide(command: CapitationRosterCommand, roster: CapitationRoster) -> Sequence[CapitationRosterEvent]:
    """The first list of a month is news even when nobody is on it: the payer said so."""
    added = tuple(each for each in command.added if roster.members.get(person_of(each)) != each.category)
    removed = tuple(_removed(command, roster))
    if roster.lists and not added and not removed:
        return []
    news = sum(person_of(each) not in roster.members for each in added)
    taken = CapitationRosterTaken(
        roster_id=roster_id_of(payer_id=command.payer_id, contract_id=command.contract_id, day=command.month_on),
        payer_id=command.payer_id,
        contract_id=command.contract_id,
        month_on=command.month_on,
        list_number=roster.lists + 1,
        kind=command.kind,
        members=len(roster.members) + news - len(removed),
        added=len(added),
        removed=len(removed),
        source=command.source,
        taken_by=command.taken_by,
    )
    return [taken, *_listed(taken, added, removed)]


def _removed(command: TakeRoster, roster: CapitationRoster) -> Iterator[RosterMember]:
    """Who is taken off and was not there changes nothing."""
    if command.kind == "whole":
        stays = {person_of(each) for each in command.added}
        gone = (person for person in roster.members if person not in stays)
    else:
        gone = (person_of(each) for each in command.removed if person_of(each) in roster.members)
    for index, person in gone:
        yield RosterMember(member_index=index, person=person)


def _listed(
    taken: CapitationRosterTaken, added: tuple[RosterMember, ...], removed: tuple[RosterMember, ...]
) -> Iterator[RosterMembersListed]:
    longest = max(len(added), len(removed))
    for part, start in enumerate(range(0, longest, _LISTED_TOGETHER), start=1):
        yield RosterMembersListed(
            roster_id=taken.roster_id,
            payer_id=taken.payer_id,
            contract_id=taken.contract_id,
            month_on=taken.month_on,
            list_number=taken.list_number,
            part=part,
            added=added[start : start + _LISTED_TOGETHER],
            removed=removed[start : start + _LISTED_TOGETHER],
        )


capitation_roster: Decider[CapitationRosterCommand, CapitationRosterEvent, CapitationRoster] = Decider(
    decide=decide, evolve=evolve, initial=CapitationRoster()
)
