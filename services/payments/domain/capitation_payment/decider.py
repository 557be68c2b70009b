"""For which contract and month is a capitation payment?

PLB03-2 is the payer's own text, so a person says it. One payment may be for several months, as when members are added or taken off
afterwards; its parts never come to more than it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from services.payments.domain.capitation_payment.commands import (
    AssignCapitation,
    CapitationPaymentCommand,
    UndoAssignment,
)
from services.payments.domain.errors import AssignmentUnknown, MoreThanThePayment
from shared.events.capitation import CapitationAssigned, CapitationAssignmentUndone, CapitationPaymentEvent
from shared.kernel.decider import Decider


@dataclass(frozen=True, slots=True, kw_only=True)
class CapitationPayment:
    parts: int = 0
    standing: Mapping[int, CapitationAssigned] = field(default_factory=dict)

    @property
    def assigned_cents(self) -> int:
        return sum(each.amount_cents for each in self.standing.values())


def decide(command: CapitationPaymentCommand, payment: CapitationPayment) -> Sequence[CapitationPaymentEvent]:
    match command:
        case AssignCapitation():
            return _assign(command, payment)
        case UndoAssignment():
            return _undo(command, payment)
        case _:
            assert_never(command)


def _assign(command: AssignCapitation, payment: CapitationPayment) -> list[CapitationPaymentEvent]:
    left = command.payment_cents - payment.assigned_cents
    is_same_way = (command.amount_cents > 0) == (command.payment_cents > 0)
    if not command.amount_cents or not is_same_way or abs(command.amount_cents) > abs(left):
        raise MoreThanThePayment(
            "a part has the sign of its payment and is at most what is open of it",
            amount_cents=command.amount_cents,
            open_cents=left,
        )
    return [
        CapitationAssigned(
            remittance_id=command.remittance_id,
            ordinal=command.ordinal,
            part=payment.parts + 1,
            payer_id=command.payer_id,
            contract_id=command.contract_id,
            month_on=command.month_on,
            amount_cents=command.amount_cents,
            assigned_by=command.assigned_by,
        )
    ]


def _undo(command: UndoAssignment, payment: CapitationPayment) -> list[CapitationPaymentEvent]:
    if not 1 <= command.part <= payment.parts:
        raise AssignmentUnknown("the payment has no such part")
    assigned = payment.standing.get(command.part)
    if assigned is None:
        return []
    return [
        CapitationAssignmentUndone(
            remittance_id=assigned.remittance_id,
            ordinal=assigned.ordinal,
            part=command.part,
            reason=command.reason,
            undone_by=command.undone_by,
        )
    ]


def evolve(payment: CapitationPayment, event: CapitationPaymentEvent) -> CapitationPayment:
    match event:
        case CapitationAssigned():
            return replace(payment, parts=event.part, standing={**payment.standing, event.part: event})
        case CapitationAssignmentUndone():
            standing = {part: each for part, each in payment.standing.items() if part != event.part}
            return replace(payment, standing=standing)
        case _:
            assert_never(event)


capitation_payment: Decider[CapitationPaymentCommand, CapitationPaymentEvent, CapitationPayment] = Decider(
    decide=decide, evolve=evolve, initial=CapitationPayment()
)
