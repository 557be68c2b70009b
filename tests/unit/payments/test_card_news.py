"""Stories about what a processor of cards tells by itself: what fits no payment is a person's, and only the processor says no."""

from __future__ import annotations

from datetime import date

import httpx
import pytest
from pydantic import SecretStr

from services.payments.adapters.card_processor import HttpCardProcessor
from services.payments.domain.card_payment.commands import DealWithNews, NoteNewsRead, RefusedNews
from services.payments.domain.card_payment.news import card_processor
from services.payments.domain.card_payment.processor import Declined, NotAnswered
from services.payments.domain.card_payment.state import Question
from shared.events.cards import CardNewsDealtWith, CardNewsRead, CardNewsRefused
from shared.testing.specification import Specification

spec = Specification(card_processor)
UNKNOWN = RefusedNews(
    number=4, kind="charged-back", card_payment_id="c9", amount_cents=12_00, on=date(2026, 3, 12), code="not-found"
)
READ = NoteNewsRead(through=5, refused=(UNKNOWN,))
ASKED = Question(step="authorise", amount_cents=50_00, idempotency_key="k1", token="tok_1")


def test_news_that_fit_no_payment_are_kept_until_a_person_has_dealt_with_them() -> None:
    story = spec.when(READ, READ)
    story.then_kinds(CardNewsRefused, CardNewsRead)
    kept = story.only(CardNewsRefused)
    assert (kept.news_number, kept.kind, kept.amount_cents, kept.code) == (4, "charged-back", 12_00, "not-found")
    done = DealWithNews(number=4, reason="recorded-otherwise", by="user:ann")
    dealt = spec.given(*story.events).when(done, done)
    assert dealt.only(CardNewsDealtWith).by == "user:ann"
    spec.given(*story.events, *dealt.events).when(READ).then_nothing()


def test_only_news_that_were_refused_can_be_dealt_with() -> None:
    refusal = spec.when(READ, DealWithNews(number=5, reason="not-ours", by="user:ann")).then_refused("not-found")
    assert refusal.facts["news_number"] == "5"


def test_news_that_were_read_before_are_not_refused_again() -> None:
    story = spec.when(READ)
    later = NoteNewsRead(through=6, refused=(UNKNOWN,))
    spec.given(*story.events).when(later).then_kinds(CardNewsRead)


def processor(status: int, body: str) -> HttpCardProcessor:
    answer = httpx.MockTransport(lambda _: httpx.Response(status, text=body))
    return HttpCardProcessor("https://processor.example", SecretStr("t"), answer_seconds_max=1.0, transport=answer)


@pytest.mark.asyncio
@pytest.mark.parametrize("status", [200, 402, 422])
async def test_a_processor_that_declines_says_so_itself(status: int) -> None:
    said = await processor(status, '{"status": "declined", "code": "expired-card"}').ask("c1", ASKED)
    assert said == Declined(code="expired-card")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "<html>no such host</html>"),
        (422, '{"detail": "a proxy of ours does not know this path"}'),
        (402, '{"status": "authorised", "id": "pay_1"}'),
        (500, '{"status": "declined"}'),
        (200, '{"status": "refunded", "id": "pay_1"}'),
    ],
)
async def test_what_stands_between_cannot_decline_for_the_processor(status: int, body: str) -> None:
    with pytest.raises(NotAnswered):
        await processor(status, body).ask("c1", ASKED)
