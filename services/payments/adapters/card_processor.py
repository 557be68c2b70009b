"""How is a processor of cards asked over HTTP, and what does it tell?

A generic processor of tokens: `POST /payments`, `/payments/{reference}/capture`, `/payments/{reference}/refunds` with an Idempotency-Key,
`GET /notifications?after=N` for what it tells by itself. Numbers of cards go from the payer's browser to the processor and never come
here. Whatever is not a clear yes or no, a time limit, a 500, a body that cannot be read, is no answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, TypeAlias
from urllib.parse import quote

import httpx
from pydantic import BaseModel, Field, SecretStr, TypeAdapter, ValidationError

from services.payments.domain.card_payment.processor import (
    ChargebackWon,
    ChargedBack,
    Declined,
    News,
    NotAnswered,
    Settled,
    Taken,
)
from services.payments.domain.card_payment.state import Question

_MAY_SAY_NO = (400, 402, 404, 422)  # with the processor's own word for it; a proxy's is none


class _Answer(BaseModel):
    status: Literal["authorised", "captured", "refunded", "declined", "failed"]
    id: str = Field(default="", max_length=120)
    code: str = Field(default="", max_length=60)
    on: date | None = None


class _Told(BaseModel):
    number: int
    merchant_reference: str = Field(max_length=80)  # our number of the card payment
    amount_cents: int
    on: date


class _Settlement(_Told):
    kind: Literal["settled"]
    settlement_id: str = Field(max_length=80)
    fee_cents: int = 0


class _Chargeback(_Told):
    kind: Literal["charged-back", "chargeback-won"]
    chargeback_id: str = Field(max_length=40)
    reason: str = Field(default="", max_length=60)


class _Page(BaseModel):
    items: list[Annotated[_Settlement | _Chargeback, Field(discriminator="kind")]]


_PAGE: TypeAdapter[_Page] = TypeAdapter(_Page)
_Yes: TypeAlias = Mapping[str, frozenset[str]]
_YES: _Yes = {
    "authorise": frozenset({"authorised", "captured"}),
    "capture": frozenset({"captured"}),
    "refund": frozenset({"refunded"}),
}


class HttpCardProcessor:
    """Implements `Processor`. Without retries: who asks decides when to ask again, under the same key."""

    def __init__(
        self,
        url: str,
        token: SecretStr,
        *,
        answer_seconds_max: float,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token.get_secret_value()}"} if token.get_secret_value() else {}
        self._seconds_max = answer_seconds_max
        self._transport = transport
        self._certificates = httpx.create_ssl_context()

    async def ask(self, merchant_reference: str, question: Question) -> Taken | Declined:
        path, body = _request_of(merchant_reference, question)
        answer = await self._send("POST", path, body=body, key=question.idempotency_key)
        try:
            said = _Answer.model_validate_json(answer.content)
        except ValidationError as error:
            raise NotAnswered("an answer that cannot be read") from error
        if said.status in ("declined", "failed"):
            return Declined(code=said.code or said.status)
        if not answer.is_success:
            raise NotAnswered(f"answered {said.status} with status {answer.status_code}")
        if said.status not in _YES[question.step]:
            raise NotAnswered(f"answered {said.status} to {question.step}")
        return Taken(reference=said.id or question.reference, on=said.on)

    async def news(self, after: int) -> list[News]:
        answer = await self._send("GET", f"/notifications?after={after}")
        if not answer.is_success:
            raise NotAnswered(f"status {answer.status_code}")
        try:
            page = _PAGE.validate_json(answer.content)
        except ValidationError as error:
            raise NotAnswered("news that cannot be read") from error
        return [_news(each) for each in page.items]

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self._transport, verify=self._certificates, timeout=self._seconds_max)

    async def _send(
        self, method: str, path: str, *, body: Mapping[str, object] | None = None, key: str = ""
    ) -> httpx.Response:
        headers = {**self._headers, **({"idempotency-key": key} if key else {})}
        try:
            async with self._client() as client:
                answer = await client.request(method, self._url + path, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise NotAnswered(type(error).__name__) from error
        if answer.status_code not in _MAY_SAY_NO and not answer.is_success:
            raise NotAnswered(f"status {answer.status_code}")
        return answer


def _request_of(merchant_reference: str, question: Question) -> tuple[str, dict[str, object]]:
    amount = {"amount_cents": question.amount_cents, "currency": "USD"}
    match question.step:
        case "authorise":
            return "/payments", {**amount, "token": question.token, "merchant_reference": merchant_reference}
        case "capture":
            return f"/payments/{quote(question.reference, safe='')}/capture", dict(amount)
        case "refund":
            return f"/payments/{quote(question.reference, safe='')}/refunds", dict(amount)


def _news(told: _Settlement | _Chargeback) -> News:
    if isinstance(told, _Settlement):
        return Settled(
            number=told.number,
            card_payment_id=told.merchant_reference,
            amount_cents=told.amount_cents,
            on=told.on,
            settlement_id=told.settlement_id,
            fee_cents=told.fee_cents,
        )
    if told.kind == "charged-back":
        return ChargedBack(
            number=told.number,
            card_payment_id=told.merchant_reference,
            amount_cents=told.amount_cents,
            on=told.on,
            chargeback_id=told.chargeback_id,
            reason=told.reason,
        )
    return ChargebackWon(
        number=told.number,
        card_payment_id=told.merchant_reference,
        amount_cents=told.amount_cents,
        on=told.on,
        chargeback_id=told.chargeback_id,
    )
