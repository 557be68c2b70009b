"""Payments by card over HTTP: taken by the processor's token, and what became of each. No rule lives here."""

# No `from __future__ import annotations` here: FastAPI reads the annotations of closures.

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Literal, TypeAlias
from uuid import uuid4

from fastapi import APIRouter, Depends, Header, Query, Request
from pydantic import AfterValidator, BaseModel, Field

from services.payments.api.bodies import Body, Cents, Id, NamedBody, refused_card_number
from services.payments.domain.card_payment.commands import DealWithNews, RequestCardPayment
from services.payments.domain.errors import NoCardProcessor
from services.payments.policies.take_cards import NEWS, TakeCards
from services.payments.projections import card_payments as read_model
from shared.events.cards import NamedAccount
from shared.kernel.errors import NotFound
from shared.runtime.command import Aggregate, Cause, Commands
from shared.runtime.queries import ReadDatabase, desc, page, row
from shared.runtime.web import After, Caller, Cursor, Done, Limit, Page, caller, cause_of, done

SERVICE = "payments"
_NEWS = {"requestBody": {"content": {"application/json": {"schema": {"type": "string", "format": "binary"}}}}}
READER = read_model.projection.name

Take = Annotated[Cause, Depends(cause_of("payments:take-payment"))]
TakeBack = Annotated[Cause, Depends(cause_of("payments:take-back-payment"))]
Reader = Annotated[Caller, Depends(caller("payments:read-card-payments"))]
CardStatus: TypeAlias = Literal["requested", "authorised", "declined", "captured", "charged-back", "won"]


class CardPaymentBody(Body):
    card_payment_id: Annotated[str, Field(min_length=1, max_length=30, pattern=r"^[A-Za-z0-9._-]+$")]
    patient_id: Id
    amount_cents: Cents
    token: Annotated[
        str,
        Field(
            min_length=1,
            max_length=120,
            pattern=r"^[A-Za-z0-9._:-]+$",
            description="Of the card processor; never a card number.",
        ),
        AfterValidator(refused_card_number),
    ]
    accounts: tuple[NamedBody, ...] = Field(default=(), max_length=50, description="What of it is for which account.")


class CardPaymentRow(BaseModel):
    card_payment_id: str
    payment_id: str = Field(description="Of the patient's payment that it is; empty: nothing was taken.")
    patient_id: str
    status: str = Field(
        description="`requested`, `authorised`, `declined`, `captured`, `charged-back`, `won` (charged back, and paid again)."
    )
    is_unanswered: bool = Field(description="The processor did not answer: it is asked again until it does.")
    code: str = Field(description="The processor's, of what it declined or took back.")
    requested_by: str
    requested_at: datetime
    captured_on: date | None
    settled_on: date | None
    settlement_id: str
    amount_cents: int
    fee_cents: int
    refunded_cents: int = Field(description="To the card.")
    charged_back_cents: int = Field(description="And not won back.")


class CardNewsRow(BaseModel):
    """What the processor told by itself and fits no payment as it is known here."""

    news_number: int = Field(description="The processor's.")
    kind: Literal["settled", "charged-back", "chargeback-won"]
    card_payment_id: str = Field(description="That it names.")
    amount_cents: int
    told_on: date
    code: str = Field(description="Why it was refused.")
    is_open: bool = Field(description="Nobody has dealt with it.")
    reason: str
    dealt_with_by: str


class DealWithNewsBody(Body):
    reason: Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]


class CardPaymentDetail(BaseModel):
    payment: CardPaymentRow
    positions: dict[str, str]


class WebhookTaken(BaseModel):
    were_news: bool = Field(description="Whether the processor had told anything that was not read yet.")


def router(
    commands: Commands,
    reads: ReadDatabase,
    cards: TakeCards,
    refuse_unsigned: Callable[[str, bytes, str], None],  # tenant, body and signature; raises WebhookNotSigned
    *,
    card_payment: Aggregate,
    card_processor: Aggregate,
) -> APIRouter:
    routes = APIRouter(tags=["cards"])

    @routes.post("/card-payments", status_code=201)
    async def take_card_payment(body: CardPaymentBody, cause: Take) -> Done:
        """Take money from a card by the token of its processor. The processor is asked at once; when it does not answer in time it is
        asked again until it does, and takes the money once. Read the payment (`after`) for its status."""
        if not cards.reaches(cause.tenant):
            raise NoCardProcessor("no processor of cards is set up")
        command = RequestCardPayment(
            card_payment_id=body.card_payment_id,
            patient_id=body.patient_id,
            amount_cents=body.amount_cents,
            token=body.token,
            idempotency_key=uuid4().hex,
            requested_by=cause.actor,
            named=tuple(
                NamedAccount(account_id=each.account_id, amount_cents=each.amount_cents) for each in body.accounts
            ),
        )
        asked = await commands.handle(card_payment, body.card_payment_id, command, cause)
        answered = await cards.ask(cause.tenant, body.card_payment_id)
        return done(answered if answered is not None and answered.events else asked, SERVICE)

    @routes.get("/card-payments")
    async def list_card_payments(
        who: Reader,
        patient_id: Annotated[str | None, Query(max_length=80)] = None,
        status: CardStatus | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
        after: After = None,
    ) -> Page[CardPaymentRow]:
        """Payments by card, newest first."""
        await reads.wait_for(READER, after)
        table = read_model.card_payments.c
        order = [desc(table.requested_at), desc(table.card_payment_id)]
        statement = read_model.every(patient_id=patient_id, status=status)
        async with reads.read(who.tenant) as connection:
            found = await page(connection, statement, order=order, limit=limit, cursor=cursor)
            return Page[CardPaymentRow].of(found, await reads.positions(connection, READER))

    @routes.get("/card-payments/{card_payment_id}")
    async def read_card_payment(card_payment_id: Id, who: Reader, after: After = None) -> CardPaymentDetail:
        """One payment by card: how far it is, what was refunded to the card or taken back, and what the processor keeps."""
        await reads.wait_for(READER, after)
        async with reads.read(who.tenant) as connection:
            found = await row(connection, read_model.every(card_payment_id=card_payment_id))
            if found is None:
                raise NotFound("there is no such card payment")
            positions = await reads.positions(connection, READER)
        return CardPaymentDetail(payment=CardPaymentRow.model_validate(dict(found)), positions=positions)

    @routes.post("/card-news/webhook", openapi_extra=_NEWS)
    async def receive_webhook(
        request: Request,
        who: Annotated[Caller, Depends(caller("payments:receive-card-webhook"))],
        card_signature: Annotated[str, Header(max_length=1_000)] = "",
    ) -> WebhookTaken:
        """The processor says that there are news. Signed and of now (`webhook-not-signed`), it makes them be read at once, by their
        numbers as always: nothing that it says itself is believed, and nothing is lost when it does not come, or comes twice."""
        if not cards.reaches(who.tenant):
            raise NoCardProcessor("no processor of cards is set up")
        body = await request.body()  # as it came: another JSON of it is not signed
        refuse_unsigned(who.tenant, body, card_signature)
        return WebhookTaken(were_news=await cards.read_news(who.tenant))

    @routes.get("/card-news")
    async def list_card_news(
        who: Reader, is_open: bool | None = None, limit: Limit = 50, cursor: Cursor = None, after: After = None
    ) -> Page[CardNewsRow]:
        """What the processor told that fits no payment, such as a chargeback of another amount: no money was moved for it, and a person
        deals with it. The latest first."""
        await reads.wait_for(READER, after)
        async with reads.read(who.tenant) as connection:
            order = [desc(read_model.refused_news.c.news_number)]
            found = await page(connection, read_model.news(is_open=is_open), order=order, limit=limit, cursor=cursor)
            return Page[CardNewsRow].of(found, await reads.positions(connection, READER))

    @routes.post("/card-news/{news_number}/deal-with")
    async def deal_with_news(news_number: int, body: DealWithNewsBody, cause: TakeBack) -> Done:
        """Say that what was to be done about it is done, as by taking the payment back, or that nothing is."""
        command = DealWithNews(number=news_number, reason=body.reason, by=cause.actor)
        return done(await commands.handle(card_processor, NEWS, command, cause), SERVICE)

    return routes
