"""Who asks the processor of cards, and how does what it says reach the ledger?

Whoever takes a payment asks at once; what was left without an answer, by a crash or by the processor, is asked again here, under the
key that was kept before the first time. What the processor tells by itself is read in its order, and the place up to which it was read
is kept; reading it again has no effect.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TypeAlias
from uuid import uuid4

from services.payments.domain.card_payment.commands import (
    CardPaymentCommand,
    NewsKind,
    NoteNewsRead,
    RecordChargeback,
    RecordChargebackWon,
    RecordDeclined,
    RecordNoAnswer,
    RecordSettlement,
    RecordTaken,
    RefusedNews,
    RequestCardRefund,
)
from services.payments.domain.card_payment.news import CardProcessor
from services.payments.domain.card_payment.processor import (
    ChargebackWon,
    ChargedBack,
    Declined,
    News,
    NotAnswered,
    Processor,
    Settled,
)
from services.payments.domain.card_payment.state import CardPayment, Question
from services.payments.domain.errors import CardNotCaptured
from services.payments.domain.patient_account.commands import (
    AccountDue,
    Named,
    ReceivePatientPayment,
    ReverseUnappliedRefund,
    TakeBackPayment,
)
from shared.events.cards import CardChargebackWon, CardChargedBack, CardPaymentCaptured, CardRefundFailed
from shared.events.patient_money import UnappliedRefunded
from shared.kernel.errors import DomainError
from shared.runtime.clock import Clock
from shared.runtime.command import Aggregate, Cause, Commands, Outcome

ACTOR = "task:payments.ask-card-processor"
NEWS = "news"
_PAUSE_SECONDS_MAX = 300.0
_KINDS: Mapping[type[News], NewsKind] = {
    Settled: "settled",
    ChargedBack: "charged-back",
    ChargebackWon: "chargeback-won",
}
_log = logging.getLogger(__name__)


Processors: TypeAlias = Mapping[str, Processor]  # by tenant


class TakeCards:
    """Asks for one payment; `step` asks again for all that wait, and reads the news."""

    def __init__(
        self,
        *,
        commands: Commands,
        processors: Processors,
        waiting: Callable[[str], Awaitable[Sequence[str]]],  # tenant to card payments that wait for an answer
        card_payment: Aggregate,
        card_processor: Aggregate,
        clock: Clock,
    ) -> None:
        self._commands = commands
        self._processors = processors
        self._waiting = waiting
        self._card_payment = card_payment
        self._card_processor = card_processor
        self._clock = clock
        self._tried: dict[tuple[str, str], int] = {}
        self._not_before: dict[tuple[str, str], float] = {}

    def reaches(self, tenant: str) -> bool:
        return tenant in self._processors

    async def ask(self, tenant: str, card_payment_id: str) -> Outcome | None:
        """Until there is nothing to ask, or no answer. The last thing that was recorded, if anything was."""
        processor = self._processors[tenant]
        outcome: Outcome | None = None
        while True:
            payment: CardPayment = await self._commands.state(self._card_payment, tenant, card_payment_id)
            if (question := payment.question) is None:
                self._tried.pop((tenant, card_payment_id), None)
                return outcome
            answer = await self._answer(processor, card_payment_id, question)
            outcome = await self._record(tenant, card_payment_id, answer)
            if isinstance(answer, RecordNoAnswer):
                self._rest(tenant, card_payment_id)
                return outcome

    async def step(self) -> bool:
        """Whether anything was recorded."""
        did_anything = False
        for tenant in self._processors:
            for card_payment_id in await self._waiting(tenant):
                if self._not_before.get((tenant, card_payment_id), 0.0) <= time.monotonic():
                    outcome = await self.ask(tenant, card_payment_id)
                    did_anything |= outcome is not None and bool(outcome.events)
            did_anything |= await self.read_news(tenant)
        return did_anything

    async def _answer(self, processor: Processor, card_payment_id: str, question: Question) -> CardPaymentCommand:
        try:
            answer = await processor.ask(card_payment_id, question)
        except NotAnswered as missed:
            return RecordNoAnswer(step=question.step, problem=str(missed))
        if isinstance(answer, Declined):
            return RecordDeclined(step=question.step, refund_id=question.refund_id, code=answer.code)
        on = answer.on or self._clock.now().date()
        return RecordTaken(step=question.step, refund_id=question.refund_id, reference=answer.reference, on=on)

    def _rest(self, tenant: str, card_payment_id: str) -> None:
        key = (tenant, card_payment_id)
        self._tried[key] = tried = self._tried.get(key, 0) + 1
        self._not_before[key] = time.monotonic() + min(2.0 ** (tried - 1), _PAUSE_SECONDS_MAX)

    async def read_news(self, tenant: str) -> bool:
        """What the processor told behind what was read, by its numbers. Whether there was anything."""
        known: CardProcessor = await self._commands.state(self._card_processor, tenant, NEWS)
        try:
            news = await self._processors[tenant].news(known.read_through)
        except NotAnswered as missed:
            _log.info("the processor of cards does not tell its news", extra={"problem": str(missed)})
            return False
        through = known.read_through
        refused: list[RefusedNews] = []
        for told in news:
            if told.number <= through:
                continue
            try:
                await self._record(tenant, told.card_payment_id, _command_of(told))
            except CardNotCaptured as early:
                if await self._waits_for_an_answer(tenant, told.card_payment_id):
                    break  # Its own answer was missed and is still to come: the news wait for it.
                refused.append(_refused(told, early.code))
            except DomainError as refusal:
                refused.append(_refused(told, refusal.code))
            through = told.number
        if through == known.read_through:
            return False
        noted = NoteNewsRead(through=through, refused=tuple(refused))
        await self._commands.handle(self._card_processor, NEWS, noted, self._cause(tenant, "card-processor/news"))
        return True

    async def _waits_for_an_answer(self, tenant: str, card_payment_id: str) -> bool:
        payment: CardPayment = await self._commands.state(self._card_payment, tenant, card_payment_id)
        return payment.question is not None

    async def _record(self, tenant: str, card_payment_id: str, command: CardPaymentCommand) -> Outcome:
        cause = self._cause(tenant, f"card-payment/{card_payment_id}")
        return await self._commands.handle(self._card_payment, card_payment_id, command, cause)

    def _cause(self, tenant: str, correlation_id: str) -> Cause:
        # A fresh id each time: the stream itself knows which answers it has.
        return Cause(tenant=tenant, actor=ACTOR, command_id=uuid4(), correlation_id=correlation_id)


def _refused(told: News, code: str) -> RefusedNews:
    return RefusedNews(
        number=told.number,
        kind=_KINDS[type(told)],
        card_payment_id=told.card_payment_id,
        amount_cents=told.amount_cents,
        on=told.on,
        code=code,
    )


def _command_of(told: News) -> CardPaymentCommand:
    match told:
        case Settled():
            return RecordSettlement(
                settlement_id=told.settlement_id,
                amount_cents=told.amount_cents,
                fee_cents=told.fee_cents,
                settled_on=told.on,
            )
        case ChargedBack():
            return RecordChargeback(
                chargeback_id=told.chargeback_id,
                amount_cents=told.amount_cents,
                reason=told.reason,
                charged_back_on=told.on,
            )
        case ChargebackWon():
            return RecordChargebackWon(chargeback_id=told.chargeback_id, won_on=told.on)


# What the ledger does about it


def receive(event: CardPaymentCaptured, due: Sequence[AccountDue]) -> Iterator[ReceivePatientPayment]:
    yield ReceivePatientPayment(
        payment_id=event.payment_id,
        patient_id=event.patient_id,
        amount_cents=event.amount_cents,
        method="card",
        received_on=event.captured_on,
        token=event.token,
        card_payment_id=event.card_payment_id,
        named=tuple(Named(each.account_id, each.amount_cents) for each in event.named),
        due=tuple(due),
    )


def receive_again(event: CardChargebackWon, due: Sequence[AccountDue]) -> Iterator[ReceivePatientPayment]:
    yield ReceivePatientPayment(
        payment_id=event.payment_id,
        patient_id=event.patient_id,
        amount_cents=event.amount_cents,
        method="card",
        received_on=event.won_on,
        token=event.token,
        card_payment_id=event.card_payment_id,
        due=tuple(due),
    )


def take_back(event: CardChargedBack) -> Iterator[TakeBackPayment]:
    yield TakeBackPayment(
        payment_id=event.payment_id,
        reason="chargeback",
        taken_back_on=event.charged_back_on,
        taken_back_by="policy:payments.move-card-money",
        charged_back_cents=event.amount_cents,
    )


def refund_to_card(event: UnappliedRefunded) -> Iterator[RequestCardRefund]:
    if event.to_card_payment_id:
        yield RequestCardRefund(payment_id=event.payment_id, refund_id=event.refund_id, amount_cents=event.amount_cents)


def reverse_refund(event: CardRefundFailed) -> Iterator[ReverseUnappliedRefund]:
    yield ReverseUnappliedRefund(
        payment_id=event.payment_id,
        refund_id=event.refund_id,
        reason="card-refund-failed",
        reversed_by="policy:payments.move-card-money",
    )
