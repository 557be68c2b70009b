"""How did a receivable come from the beginning of a period to its end?

Opening + charges - payer payments - patient payments - contractual - write-offs + refunds + transfers + brought in + other = closing.
Every figure is a sum of postings, each posting is in one of them, so it adds up exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from services.payments.domain.ledger import Movement

_ADDS: frozenset[Movement] = frozenset(("charges", "refunds", "transfers", "brought-in", "other"))


class Part(NamedTuple):
    """Some of the postings of a receivable, up to the end of the period."""

    movement: Movement
    is_before: bool  # in the books before the period
    is_late: bool  # of a day before the period, and posted in it
    cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledForward:
    opening_cents: int
    charges_cents: int
    payer_payments_cents: int
    patient_payments_cents: int
    contractual_cents: int
    write_offs_cents: int
    refunds_cents: int
    transfers_cents: int
    brought_in_cents: int
    other_cents: int
    closing_cents: int
    late_cents: int  # of all columns together, as it moves the receivable


def rolled_forward(parts: Iterable[Part]) -> RolledForward:
    """What takes from the receivable is a positive number in a column of its own; transfers and the rest keep their sign."""
    columns: Counter[Movement] = Counter()
    opening = late = 0
    for part in parts:
        if part.is_before:
            opening += part.cents
            continue
        columns[part.movement] += part.cents if part.movement in _ADDS else -part.cents
        late += part.cents if part.is_late else 0
    return RolledForward(
        opening_cents=opening,
        charges_cents=columns["charges"],
        payer_payments_cents=columns["payer-payments"],
        patient_payments_cents=columns["patient-payments"],
        contractual_cents=columns["contractual"],
        write_offs_cents=columns["write-offs"],
        refunds_cents=columns["refunds"],
        transfers_cents=columns["transfers"],
        brought_in_cents=columns["brought-in"],
        other_cents=columns["other"],
        closing_cents=opening + sum(cents if name in _ADDS else -cents for name, cents in columns.items()),
        late_cents=late,
    )
