"""What may one ask of the list of a month's members?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from shared.events.capitation import RosterMember
from shared.events.values import DocumentReference


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeRoster:
    """A list of the payer. A whole one says who all the members are, one of changes who comes and who goes; each person once."""

    payer_id: str
    contract_id: str
    month_on: date
    kind: Literal["whole", "changes"]
    added: tuple[RosterMember, ...]
    removed: tuple[RosterMember, ...] = ()
    source: DocumentReference
    taken_by: str


CapitationRosterCommand: TypeAlias = TakeRoster
