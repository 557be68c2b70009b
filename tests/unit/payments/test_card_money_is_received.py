"""`ledgerline verify` ties what the processor of cards took to what patients paid, to the cent."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from services.payments.invariants import CardMoneyIsReceived
from shared.events.cards import CardChargebackWon, CardPaymentCaptured, CardRefunded
from shared.events.patient_money import PatientPaymentReceived
from shared.runtime.invariants import CheckResult
from tests.unit.payments.test_postings_projection import recorded

ON = date(2026, 4, 2)
CAPTURED = CardPaymentCaptured(
    card_payment_id="c1",
    payment_id="card:c1",
    patient_id="patient-1",
    amount_cents=40_00,
    token="tok_good",
    reference="r",
    captured_on=ON,
)
RECEIVED = PatientPaymentReceived(
    payment_id="card:c1",
    patient_id="patient-1",
    amount_cents=40_00,
    method="card",
    received_on=ON,
    card_payment_id="c1",
    postings=(),
)
WON = CardChargebackWon(
    card_payment_id="c1",
    payment_id="card:c1:d1",
    patient_id="patient-1",
    chargeback_id="d1",
    amount_cents=40_00,
    token="tok_good",
    won_on=ON,
)
AGAIN = msgspec.structs.replace(RECEIVED, payment_id="card:c1:d1")
REFUNDED = CardRefunded(card_payment_id="c1", refund_id="r1", amount_cents=40_00, reference="r")


def checked(*events: Any, days: tuple[int, ...] = ()) -> CheckResult:
    check = CardMoneyIsReceived()
    for number, event in enumerate(events):
        known = days[number] if days else 0
        check.see(recorded(event, number + 1, happened=known, known=known))
    return check.result()


def test_what_was_taken_and_won_back_is_received_once_each() -> None:
    found = checked(CAPTURED, RECEIVED, WON, AGAIN, REFUNDED, days=(0, 0, 20, 20, 40))
    assert (found.violations, found.checked) == ([], 3)


def test_what_has_not_reached_the_patient_yet_is_waited_for_within_the_hour() -> None:
    assert checked(CAPTURED).violations == []
    [late] = checked(CAPTURED, msgspec.structs.replace(RECEIVED, card_payment_id=""), days=(0, 1)).violations
    assert late.expected == "4000 cents received"


@pytest.mark.parametrize(
    "changed",
    [{"amount_cents": 40_01}, {"patient_id": "patient-2"}, {"card_payment_id": "c2"}],
    ids=["a cent more", "another patient", "another card payment"],
)
def test_a_payment_that_differs_is_found(changed: dict[str, Any]) -> None:
    assert len(checked(CAPTURED, msgspec.structs.replace(RECEIVED, **changed)).violations) == 1


def test_a_payment_of_a_card_that_was_never_captured_or_a_second_one_is_found() -> None:
    assert len(checked(RECEIVED).violations) == 1
    assert len(checked(CAPTURED, RECEIVED, RECEIVED).violations) == 1


def test_more_than_was_taken_does_not_go_back_to_the_card() -> None:
    more = msgspec.structs.replace(REFUNDED, refund_id="r2", amount_cents=1)
    assert checked(CAPTURED, RECEIVED, REFUNDED).violations == []
    assert len(checked(CAPTURED, RECEIVED, REFUNDED, more).violations) == 1
