"""No number of a card enters, however it is written; a processor's token does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.payments.api.bodies import PatientPaymentBody
from shared.kernel.card_numbers import is_card_number


@pytest.mark.parametrize(
    "number",
    ["4111111111111111", "4111-1111-1111-1111", "4111.1111.1111.1111", "378282246310005", "4222222222222"],
)
def test_the_number_of_a_card_is_seen(number: str) -> None:
    assert is_card_number(number)


@pytest.mark.parametrize(
    "token", ["", "tok_1", "tok_4111111111111111", "4111111111111112", "411111111111", "41111111111111111111", "١" * 16]
)
def test_a_token_is_none(token: str) -> None:
    assert not is_card_number(token)


@given(st.integers(10**11, 10**18 - 1))
def test_one_of_ten_last_digits_makes_a_card_number(digits: int) -> None:
    assert sum(is_card_number(f"{digits}{last}") for last in range(10)) == 1


def test_a_refused_number_is_not_repeated() -> None:
    with pytest.raises(ValidationError) as refused:
        PatientPaymentBody.model_validate(
            {
                "payment_id": "payment-1",
                "patient_id": "patient-1",
                "amount_cents": 5_00,
                "method": "card",
                "received_on": "2026-04-01",
                "token": "4111-1111-1111-1111",
            }
        )
    assert "4111" not in str(refused.value)
