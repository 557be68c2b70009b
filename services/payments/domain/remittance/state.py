"""What must a remittance remember to decide? Whether it was taken in, and which of its claims have answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, assert_never

from shared.events.payments import (
    ProviderAdjustmentPosted,
    RemittanceClaimAnswered,
    RemittanceDismissed,
    RemittanceEvent,
    RemittanceHeld,
    RemittancePosted,
    RemittanceReceived,
    TraceNumberReused,
)


class Answered(NamedTuple):
    outcome: str
    paid_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Remittance:
    remittance_id: str = ""
    is_received: bool = False
    is_posted: bool = False
    is_held: bool = False  # and nobody has dismissed it
    held_documents: frozenset[str] = frozenset()
    claims: int = 0
    provider_adjustments_cents: int = 0
    answers: Mapping[int, Answered] = field(default_factory=dict)  # by ordinal of the claim

    def cents(self, outcome: str) -> int:
        return sum(answer.paid_cents for answer in self.answers.values() if answer.outcome == outcome)


def evolve(remittance: Remittance, event: RemittanceEvent) -> Remittance:
    match event:
        case RemittanceReceived():
            return replace(
                remittance,
                remittance_id=event.remittance_id,
                is_received=True,
                is_held=False,
                claims=event.claims,
                provider_adjustments_cents=event.provider_adjustments_cents,
            )
        case RemittanceHeld():
            held = remittance.held_documents | {event.document.document_id}
            return replace(remittance, remittance_id=event.remittance_id, held_documents=held, is_held=True)
        case RemittanceDismissed():
            return replace(remittance, is_held=False)
        case RemittanceClaimAnswered():
            answered = Answered(event.outcome, event.paid_cents)
            return replace(remittance, answers={**remittance.answers, event.ordinal: answered})
        case RemittancePosted():
            return replace(remittance, is_posted=True)
        case TraceNumberReused() | ProviderAdjustmentPosted():
            return remittance
        case _:
            assert_never(event)
