"""A webhook of the processor is taken when one of our keys signed it, just now, and from nobody else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.payments.adapters.card_webhooks import WebhookNotSigned, refuse_unsigned, signature_of

NOW = datetime(2026, 4, 2, 12, tzinfo=UTC)
MOMENT = str(int(NOW.timestamp()))
OLD, NEW, OTHER = (SecretStr(word) for word in ("the old key", "the new key", "somebody's key"))
BODY = b'{"number": 7}'


def header(*keys: SecretStr, moment: str = MOMENT, body: bytes = BODY) -> str:
    return ",".join([f"t={moment}", *(f"v1={signature_of(body, moment, key)}" for key in keys)])


def ask(told: str, *, keys: tuple[SecretStr, ...] = (NEW, OLD), body: bytes = BODY, now: datetime = NOW) -> None:
    refuse_unsigned(body, told, keys, now=now, tolerance=timedelta(minutes=5))


def reason_of(told: str, **more: object) -> object:
    with pytest.raises(WebhookNotSigned) as refused:
        ask(told, **more)  # type: ignore[arg-type]
    return refused.value.facts["reason"]


def test_either_key_signs_while_one_replaces_the_other() -> None:
    ask(header(OLD))
    ask(header(NEW))
    ask(header(OTHER, NEW))
    assert reason_of(header(OLD), keys=(NEW,)) == "key"


def test_what_another_key_or_none_signed_is_refused() -> None:
    assert reason_of(header(OTHER)) == "key"
    assert reason_of(header(NEW), keys=()) == "key"
    assert reason_of(header(NEW), body=BODY + b" ") == "key"
    assert reason_of(header(NEW).replace(MOMENT, str(int(MOMENT) + 1))) == "key"


def test_what_was_signed_too_long_ago_or_in_the_future_is_refused() -> None:
    ask(header(NEW), now=NOW + timedelta(minutes=5))
    assert reason_of(header(NEW), now=NOW + timedelta(minutes=5, seconds=1)) == "time"
    assert reason_of(header(NEW), now=NOW - timedelta(minutes=5, seconds=1)) == "time"


@pytest.mark.parametrize(
    "told", ["", "t=1", "v1=ab", "t=1,t=1,v1=ab", "t=x,v1=ab", "t=9999999999999,v1=ab", "t=ab,v1=ab"]
)
def test_a_signature_of_another_form_is_refused(told: str) -> None:
    assert reason_of(told) == "form"


@given(st.text(max_size=200))
def test_nothing_that_is_invented_is_taken(told: str) -> None:
    with pytest.raises(WebhookNotSigned):
        ask(told)
