"""How far are the processor's news dealt with, and which of them does a person deal with?

What fits a payment is recorded there; what fits none is kept here, so that no chargeback is lost in a log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from services.payments.domain.card_payment.commands import CardProcessorCommand, DealWithNews, NoteNewsRead
from services.payments.domain.errors import CardNewsUnknown
from shared.events.cards import CardNewsDealtWith, CardNewsRead, CardNewsRefused, CardProcessorEvent
from shared.kernel.decider import Decider


@dataclass(frozen=True, slots=True, kw_only=True)
class CardProcessor:
    read_through: int = 0
    refused: Mapping[int, bool] = field(default_factory=dict)  # by number: whether it is dealt with


def decide(command: CardProcessorCommand, processor: CardProcessor) -> Sequence[CardProcessorEvent]:
    match command:
        case NoteNewsRead():
            return _note_read(command, processor)
        case DealWithNews():
            if command.number not in processor.refused:
                raise CardNewsUnknown("no such news of the processor were refused", news_number=str(command.number))
            if processor.refused[command.number]:
                return []
            return [CardNewsDealtWith(news_number=command.number, reason=command.reason, by=command.by)]
        case _:
            assert_never(command)


def _note_read(command: NoteNewsRead, processor: CardProcessor) -> Sequence[CardProcessorEvent]:
    if command.through <= processor.read_through:
        return []
    refused = [
        CardNewsRefused(
            news_number=each.number,
            kind=each.kind,
            card_payment_id=each.card_payment_id,
            amount_cents=each.amount_cents,
            told_on=each.on,
            code=each.code,
        )
        for each in command.refused
        if each.number > processor.read_through
    ]
    return [*refused, CardNewsRead(through=command.through)]


def evolve(processor: CardProcessor, event: CardProcessorEvent) -> CardProcessor:
    match event:
        case CardNewsRead():
            return replace(processor, read_through=max(processor.read_through, event.through))
        case CardNewsRefused():
            return replace(processor, refused={**processor.refused, event.news_number: False})
        case CardNewsDealtWith():
            return replace(processor, refused={**processor.refused, event.news_number: True})
        case _:
            assert_never(event)


card_processor: Decider[CardProcessorCommand, CardProcessorEvent, CardProcessor] = Decider(
    decide=decide, evolve=evolve, initial=CardProcessor()
)
