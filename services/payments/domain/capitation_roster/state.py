"""Who are the members of a month, and in which category?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from shared.events.capitation import CapitationRosterEvent, CapitationRosterTaken, RosterMember, RosterMembersListed

Person: TypeAlias = tuple[str, str]  # index of the member number, and who of those that share it


def person_of(member: RosterMember) -> Person:
    return member.member_index, member.person


@dataclass(frozen=True, slots=True, kw_only=True)
class CapitationRoster:
    lists: int = 0
    members: Mapping[Person, str] = field(default_factory=dict)  # to category
    indexes: frozenset[str] = frozenset()


def evolve(roster: CapitationRoster, event: CapitationRosterEvent) -> CapitationRoster:
    match event:
        case CapitationRosterTaken():
            return replace(roster, lists=event.list_number)
        case RosterMembersListed():
            gone = {person_of(each) for each in event.removed}
            members = {person: category for person, category in roster.members.items() if person not in gone}
            members |= {person_of(each): each.category for each in event.added}
            return replace(roster, members=members, indexes=frozenset(index for index, _ in members))
        case _:
            assert_never(event)
