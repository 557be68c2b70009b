"""What can happen to payments for members instead of services. Past tense, in a contract manager's words. Streams:

`capitation-roster/{roster_id}`, one for each contract and month, and `capitation-payment/{remittance_id}-{ordinal}`, one for each PLB
with reason CT, of the service payments. A member is named by the blind index of the member number. Amounts are integer cents.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

from shared.events.base import Event
from shared.events.values import DocumentReference


class RosterMember(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person for whom a month is paid."""

    member_index: str  # blind index, as of the coverage
    person: str = ""  # tells apart who share a member number: a suffix, as 01
    category: str = ""  # one of the contract's rates; empty of somebody who is taken off


class CapitationRosterTaken(Event, frozen=True, kw_only=True):
    """A list of the members of one month was taken in. Who came and who went follows in `RosterMembersListed`, in the same moment.

    A later list of the month changes it, also long afterwards: what the month should bring is what its members come to.
    """

    roster_id: str
    payer_id: str
    contract_id: str
    month_on: date  # first day of the month
    list_number: int  # 1, 2, … of this month
    kind: Literal["whole", "changes"]
    members: int  # with this list
    added: int  # new, or in another category
    removed: int
    source: DocumentReference  # the file as it came
    taken_by: str


class RosterMembersListed(Event, frozen=True, kw_only=True):
    """Some of those whom a list brought or took off: a long list is several of these."""

    roster_id: str
    payer_id: str
    contract_id: str
    month_on: date
    list_number: int
    part: int  # 1, 2, …
    added: tuple[RosterMember, ...] = ()
    removed: tuple[RosterMember, ...] = ()


class CapitationAssigned(Event, frozen=True, kw_only=True):
    """A person said for which contract and month a capitation payment is, in whole or in part. No money moves: it is income since its
    remittance was posted."""

    remittance_id: str
    ordinal: int  # of the PLB in its remittance
    part: int  # 1, 2, … of this payment
    payer_id: str
    contract_id: str
    month_on: date
    amount_cents: int  # paid to us; negative: taken back of an earlier payment
    assigned_by: str


class CapitationAssignmentUndone(Event, frozen=True, kw_only=True):
    """A part was assigned wrongly: it is open again."""

    remittance_id: str
    ordinal: int
    part: int
    reason: str
    undone_by: str


CapitationRosterEvent: TypeAlias = CapitationRosterTaken | RosterMembersListed
CapitationPaymentEvent: TypeAlias = CapitationAssigned | CapitationAssignmentUndone
