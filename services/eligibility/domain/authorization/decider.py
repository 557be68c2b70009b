"""How much of what a payer authorised is left?

Units are counted by account: saying again that an account used two is no news, saying that it used three takes one more, and fewer
gives back. More than was authorised is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from services.eligibility.domain.errors import (
    AuthorizationOfAnotherPatient,
    AuthorizationUnknown,
    AuthorizationUsedUp,
    CoverageEndsBeforeItBegins,
)
from shared.events.eligibility import AuthorizationRecorded, AuthorizationUnitsUsed
from shared.kernel.decider import Decider

AuthorizationEvent: TypeAlias = AuthorizationRecorded | AuthorizationUnitsUsed


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordAuthorization:
    """The authorisation as the payer states it now."""

    recorded: AuthorizationRecorded
    also_registered_as: frozenset[str] = frozenset()  # other ids of the same person, after a merge


@dataclass(frozen=True, slots=True, kw_only=True)
class UseUnits:
    """What an account has used of it altogether."""

    authorization_id: str
    account_id: str
    units: int


AuthorizationCommand: TypeAlias = RecordAuthorization | UseUnits


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorization:
    recorded: AuthorizationRecorded | None = None
    used: Mapping[str, int] = field(default_factory=dict)  # units by account

    @property
    def units_used(self) -> int:
        return sum(self.used.values())


def decide(command: AuthorizationCommand, authorization: Authorization) -> Sequence[AuthorizationEvent]:
    match command:
        case RecordAuthorization():
            return _record(command, authorization)
        case UseUnits():
            return _use(command, authorization)
        case _:
            assert_never(command)


def evolve(state: Authorization, event: AuthorizationEvent) -> Authorization:
    match event:
        case AuthorizationRecorded():
            return replace(state, recorded=event)
        case AuthorizationUnitsUsed():
            units = state.used.get(event.account_id, 0) + event.units
            return replace(state, used={**state.used, event.account_id: units})
        case _:
            assert_never(event)


authorization: Decider[AuthorizationCommand, AuthorizationEvent, Authorization] = Decider(
    decide=decide, evolve=evolve, initial=Authorization()
)


def _record(command: RecordAuthorization, authorization: Authorization) -> Sequence[AuthorizationEvent]:
    stated, known = command.recorded, authorization.recorded
    if stated == known:
        return []
    same_person = command.also_registered_as | {stated.patient_id}
    if known is not None and (known.patient_id not in same_person or known.payer_id != stated.payer_id):
        raise AuthorizationOfAnotherPatient(
            "the authorisation is another patient's or payer's", authorization_id=stated.authorization_id
        )
    if stated.valid_to_on < stated.valid_from_on:
        raise CoverageEndsBeforeItBegins(
            "the authorisation ends before it begins", authorization_id=stated.authorization_id
        )
    if stated.units < authorization.units_used:
        raise AuthorizationUsedUp(
            "more units are used already than this authorises", units=stated.units, used=authorization.units_used
        )
    return [stated]


def _use(command: UseUnits, authorization: Authorization) -> Sequence[AuthorizationEvent]:
    if authorization.recorded is None:
        raise AuthorizationUnknown("there is no such authorisation", authorization_id=command.authorization_id)
    more = command.units - authorization.used.get(command.account_id, 0)
    left = authorization.recorded.units - authorization.units_used
    if more > left:
        raise AuthorizationUsedUp("the authorisation has fewer units left", asked=more, left=left)
    if more == 0:
        return []
    return [
        AuthorizationUnitsUsed(
            authorization_id=command.authorization_id,
            account_id=command.account_id,
            units=more,
            units_left=left - more,
        )
    ]
