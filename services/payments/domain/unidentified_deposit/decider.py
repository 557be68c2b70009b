"""Whose money is it that the bank shows without saying so?

A deposit meets its remittance in a stream that payer and trace number name, so a line without them has no place there. It has a stream
of its own until a person names the payment; then it is recorded there, and comes back when another deposit was there first, or when
a person takes the word back. One line is so never two payments, whoever names it at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from services.payments.domain.books.decider import refuse_undoing_in_closed_day
from services.payments.domain.deposit.decider import is_same_money
from services.payments.domain.errors import (
    DepositAlreadyIdentified,
    DepositAlreadyRecorded,
    DepositNotIdentified,
    DepositUnknown,
    NotAnAmount,
)
from services.payments.domain.unidentified_deposit.commands import (
    IdentifyDeposit,
    RecordUnidentifiedDeposit,
    ReturnIdentification,
    SetDepositAside,
    UndoIdentification,
    UnidentifiedDepositCommand,
)
from shared.events.deposits import (
    DepositIdentified,
    DepositRecorded,
    DepositSetAside,
    IdentificationReturned,
    IdentificationUndone,
    UnidentifiedDepositEvent,
    UnidentifiedDepositRecorded,
)
from shared.kernel.decider import Decider


@dataclass(frozen=True, slots=True, kw_only=True)
class UnidentifiedDeposit:
    recorded: UnidentifiedDepositRecorded | None = None
    identified_as: str = ""
    was_identified_as: frozenset[str] = frozenset()  # and no longer is
    is_set_aside: bool = False


def decide(command: UnidentifiedDepositCommand, deposit: UnidentifiedDeposit) -> Sequence[UnidentifiedDepositEvent]:
    match command:
        case RecordUnidentifiedDeposit():
            return _record(command, deposit)
        case IdentifyDeposit():
            return _identify(command, deposit)
        case ReturnIdentification():
            return _return(command, deposit)
        case UndoIdentification():
            return _undo(command, deposit)
        case SetDepositAside():
            return _set_aside(command, deposit)
        case _:
            assert_never(command)


def _record(command: RecordUnidentifiedDeposit, deposit: UnidentifiedDeposit) -> list[UnidentifiedDepositEvent]:
    if command.amount_cents <= 0:
        raise NotAnAmount("a deposit is a positive amount", amount_cents=command.amount_cents)
    if deposit.recorded is not None:
        return []  # Banks report a day more than once.
    return [
        UnidentifiedDepositRecorded(
            deposit_id=command.deposit_id,
            amount_cents=command.amount_cents,
            deposited_on=command.deposited_on,
            reason=command.reason,
            kind=command.kind,
            trace_number=command.trace_number,
            payer_identifier=command.payer_identifier,
            payer_name=command.payer_name,
            reference=command.reference,
            account_ending=command.account_ending,
            source=command.source,
        )
    ]


def _identify(command: IdentifyDeposit, deposit: UnidentifiedDeposit) -> list[UnidentifiedDepositEvent]:
    recorded = _recorded(deposit)
    if deposit.identified_as == command.identified_as:
        return []
    _refuse_identified(deposit)
    identified = DepositIdentified(
        deposit_id=recorded.deposit_id,
        identified_as=command.identified_as,
        trace_number=command.trace_number,
        payer_identifier=command.payer_identifier,
        amount_cents=recorded.amount_cents,
        deposited_on=recorded.deposited_on,
        source=recorded.source,
        identified_by=command.identified_by,
    )
    if command.shown is not None and not is_same_money(command.shown, as_recorded(identified)):
        raise DepositAlreadyRecorded(
            "the bank showed another deposit under this trace number", deposit_id=command.identified_as
        )
    return [identified]


def _return(command: ReturnIdentification, deposit: UnidentifiedDeposit) -> list[UnidentifiedDepositEvent]:
    if deposit.identified_as != command.identified_as:
        return []
    recorded = _recorded(deposit)
    return [IdentificationReturned(deposit_id=recorded.deposit_id, identified_as=command.identified_as)]


def _undo(command: UndoIdentification, deposit: UnidentifiedDeposit) -> list[UnidentifiedDepositEvent]:
    """Names the identification that is meant, so that one that came after it is left alone."""
    recorded = _recorded(deposit)
    if deposit.identified_as != command.identified_as:
        if command.identified_as in deposit.was_identified_as:
            return []
        raise DepositNotIdentified("this deposit is not said to be that payment", deposit_id=command.identified_as)
    refuse_undoing_in_closed_day(command.books, recorded.deposited_on)
    return [
        IdentificationUndone(
            deposit_id=recorded.deposit_id,
            identified_as=command.identified_as,
            reason=command.reason,
            undone_by=command.undone_by,
        )
    ]


def _set_aside(command: SetDepositAside, deposit: UnidentifiedDeposit) -> list[UnidentifiedDepositEvent]:
    recorded = _recorded(deposit)
    _refuse_identified(deposit)
    if deposit.is_set_aside:
        return []
    return [DepositSetAside(deposit_id=recorded.deposit_id, reason=command.reason, set_aside_by=command.set_aside_by)]


def as_recorded(identified: DepositIdentified) -> DepositRecorded:
    """What will be recorded of it under its trace number."""
    return DepositRecorded(
        deposit_id=identified.identified_as,
        trace_number=identified.trace_number,
        payer_identifier=identified.payer_identifier,
        amount_cents=identified.amount_cents,
        deposited_on=identified.deposited_on,
        source=identified.source,
        unidentified_id=identified.deposit_id,
    )


def _recorded(deposit: UnidentifiedDeposit) -> UnidentifiedDepositRecorded:
    if deposit.recorded is None:
        raise DepositUnknown("there is no such unidentified deposit")
    return deposit.recorded


def _refuse_identified(deposit: UnidentifiedDeposit) -> None:
    if deposit.identified_as:
        raise DepositAlreadyIdentified("this deposit was identified", deposit_id=deposit.identified_as)


def evolve(deposit: UnidentifiedDeposit, event: UnidentifiedDepositEvent) -> UnidentifiedDeposit:
    match event:
        case UnidentifiedDepositRecorded():
            return replace(deposit, recorded=event)
        case DepositIdentified():
            return replace(deposit, identified_as=event.identified_as, is_set_aside=False)
        case IdentificationReturned() | IdentificationUndone():
            was = deposit.was_identified_as | {event.identified_as}
            return replace(deposit, identified_as="", was_identified_as=was)
        case DepositSetAside():
            return replace(deposit, is_set_aside=True)
        case _:
            assert_never(event)


unidentified_deposit: Decider[UnidentifiedDepositCommand, UnidentifiedDepositEvent, UnidentifiedDeposit] = Decider(
    decide=decide, evolve=evolve, initial=UnidentifiedDeposit()
)
