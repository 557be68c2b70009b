"""Stories about a patient's credit that goes where the same patient owes something: it keeps its payment, and can go back."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from datetime import date
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.payments.domain.claim_account.commands import MoveCredit, UndoMove
from services.payments.domain.claim_account.decider import claim_account
from services.payments.domain.patient_account.commands import (
    AccountDue,
    MoveUnapplied,
    Named,
    ReceivePatientPayment,
    TakeBackPayment,
)
from services.payments.domain.patient_account.decider import patient_account
from services.payments.invariants import PatientsMoneyIsKept
from services.payments.policies import patient_money
from shared.events.patient_money import AllocationTakenBack, PaymentAllocated
from shared.events.payments import (
    AppliedPaymentMoved,
    PatientPaymentReversed,
    PaymentNotTaken,
    ResponsibilityTransferred,
)
from shared.kernel.errors import DomainError
from tests.unit.payments.stories import AETNA, answer, cas, note_payers, post, post_charges
from tests.unit.payments.test_postings_projection import recorded

ON = date(2026, 4, 2)


class House:
    """A patient's money and some accounts, with the policy between them run to its end."""

    def __init__(self) -> None:
        self.patient = patient_account.initial
        self.accounts = dict.fromkeys(("A", "B", "C"), claim_account.initial)
        self.events: list[Any] = []

    def ask(self, name: str, command: Any) -> House:
        waiting = deque([(name, command)])
        while waiting:
            whose, asked = waiting.popleft()
            for event in self._decided(whose, asked):
                self.events.append(event)
                waiting.extend(self._follows(event))
        return self

    def _decided(self, whose: str, asked: Any) -> Any:
        if whose == "patient":
            events = patient_account.decide(asked, self.patient)
            self.patient = patient_account.state_after(events, since=self.patient)
        else:
            events = claim_account.decide(asked, self.accounts[whose])
            self.accounts[whose] = claim_account.state_after(events, since=self.accounts[whose])
        return events

    def _follows(self, event: Any) -> list[tuple[str, Any]]:
        match event:
            case PaymentAllocated():
                return [(event.account_id, each) for each in patient_money.apply_payment(event)]
            case PaymentNotTaken():
                return [("patient", each) for each in patient_money.return_payment(event)]
            case AllocationTakenBack():
                return [(event.account_id, each) for each in patient_money.reverse_payment(event)]
            case AppliedPaymentMoved():
                return [("patient", each) for each in patient_money.pass_on(event, self.due)]
            case ResponsibilityTransferred() | PatientPaymentReversed():
                return [("patient", each) for each in patient_money.use_what_waits(event)]
            case _:
                return []

    @property
    def due(self) -> list[AccountDue]:
        owed = {name: each.owed_by("patient") for name, each in self.accounts.items()}
        return [AccountDue(name, cents) for name, cents in owed.items() if cents > 0]

    @property
    def owed(self) -> dict[str, int]:
        return {name: cents for name, each in self.accounts.items() if (cents := each.owed_by("patient"))}

    @property
    def waits(self) -> int:
        return sum(each.unapplied_cents for each in self.patient.payments.values())

    def visit(self, name: str, cents: int, release: int = 1) -> House:
        """A visit that no insurance covers; a later release changes its charges."""
        self.ask(name, replace(post_charges(cents, release=release), account_id=name))
        return self.ask(name, replace(note_payers(), account_id=name))

    def pay(self, cents: int, *named: tuple[str, int], payment: str = "payment-1") -> House:
        return self.ask(
            "patient",
            ReceivePatientPayment(
                payment_id=payment,
                patient_id="patient-1",
                amount_cents=cents,
                method="check",
                received_on=ON,
                named=tuple(Named(*each) for each in named),
            ),
        )

    def move(self, cents: int, to: str = "", *, of: str = "A", move: str = "move-1") -> House:
        return self.ask(
            of,
            MoveCredit(
                account_id=of, move_id=move, amount_cents=cents, to_account_id=to, moved_by="user:mia", moved_on=ON
            ),
        )

    def undo(self, at: str, move: str = "move-1") -> House:
        return self.ask(at, UndoMove(account_id=at, move_id=move, moved_by="user:mia", moved_on=ON))

    def balances(self) -> Counter[str]:
        sums: Counter[str] = Counter()
        for event in self.events:
            for leg in getattr(event, "postings", ()):
                sums[leg.account] += leg.amount_cents
        return sums


def with_credit() -> House:
    """40.00 paid too much on A, because its charges became less; 70.00 owed on B and 30.00 on C."""
    house = House().visit("A", 100_00).pay(100_00, ("A", 100_00)).visit("A", 60_00, release=2)
    return house.visit("B", 70_00).visit("C", 30_00)


def test_a_credit_goes_to_the_account_that_is_named() -> None:
    house = with_credit()
    assert house.owed == {"A": -40_00, "B": 70_00, "C": 30_00}
    house.move(25_00, "B")
    assert (house.owed, house.waits) == ({"A": -15_00, "B": 45_00, "C": 30_00}, 0)
    assert house.balances()["allocated"] == 0


def test_without_a_name_it_goes_to_what_is_owed_longest_and_not_back_to_itself() -> None:
    house = with_credit().visit("C", 10_00, release=2).move(40_00)
    assert house.owed == {"B": 30_00, "C": 10_00}


def test_what_the_other_account_does_not_owe_waits() -> None:
    house = with_credit().move(40_00, "C")
    assert (house.owed, house.waits) == ({"B": 70_00}, 10_00)


def test_the_same_move_twice_is_one() -> None:
    house = with_credit().move(25_00, "B")
    count = len(house.events)
    house.move(25_00, "B")
    assert len(house.events) == count


def test_an_undone_move_is_the_credit_again_and_is_owed_again() -> None:
    house = with_credit()
    before, owed = house.balances(), house.owed
    house.move(25_00, "B").undo("B")
    assert (house.owed, house.waits) == (owed, 0)
    assert +house.balances() == +before
    house.undo("B")
    assert house.owed == owed
    with pytest.raises(DomainError):
        house.undo("A")  # what came back is no move
    assert house.move(40_00, "B", move="move-2").owed == {"B": 30_00, "C": 30_00}


def test_money_that_waits_goes_to_an_account_and_waits_again_when_that_is_undone() -> None:
    house = House().visit("B", 70_00).pay(50_00)
    waits, owed = house.waits, house.owed["B"]
    moved = MoveUnapplied(
        payment_id="payment-1", move_id="move-1", amount_cents=20_00, to=(AccountDue("B", owed),), moved_by="user:mia"
    )
    house.ask("patient", moved).ask("patient", moved)
    assert (house.waits, house.owed["B"]) == (waits - 20_00, owed - 20_00)
    house.undo("B")
    assert (house.waits, house.owed["B"]) == (waits, owed)


def test_what_a_payer_paid_too_much_is_not_the_patients() -> None:
    house = House()
    house.ask("A", replace(post_charges(100_00), account_id="A")).ask("A", replace(note_payers(AETNA), account_id="A"))
    house.ask("A", post(msgspec.structs.replace(answer(100_00, 80_00, cas("CO", "45", 20_00)), account_id="A")))
    house.ask("A", replace(post_charges(60_00, release=2), account_id="A"))
    assert house.accounts["A"].owed_by("payer:1") < 0
    house.visit("B", 70_00)
    with pytest.raises(DomainError) as refused:
        house.move(10_00, "B")
    assert (refused.value.code, refused.value.facts["credit_cents"]) == ("exceeds-credit", 0)


def test_a_credit_of_which_too_little_was_paid_by_the_patient_is_refunded_and_not_moved() -> None:
    house = with_credit().move(40_00, "B")
    house.visit("A", 50_00, release=3)
    assert house.owed["A"] == -10_00
    assert house.move(10_00, "B", move="move-2").owed["B"] == 20_00
    with pytest.raises(DomainError):
        house.move(1, "B", move="move-3")


def test_a_check_that_bounces_is_taken_off_every_account_that_it_reached() -> None:
    house = with_credit().move(25_00, "B")
    house.ask(
        "patient",
        TakeBackPayment(payment_id="payment-1", reason="returned-by-bank", taken_back_on=ON, taken_back_by="user:mia"),
    )
    assert (house.owed, house.waits) == ({"A": 60_00, "B": 70_00, "C": 30_00}, 0)
    assert (house.balances()["allocated"], house.balances()["unapplied"], house.balances()["cash"]) == (0, 0, 0)


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["move", "undo", "charge", "take-back", "wait"]),
        st.sampled_from(["A", "B", "C"]),
        st.sampled_from(["", "A", "B", "C"]),
        st.integers(1, 60_00),
    ),
    max_size=10,
)


@given(DEEDS)
@settings(deadline=None, max_examples=150)
def test_whatever_is_moved_and_undone_no_cent_is_lost_and_the_books_stay_zero(
    deeds: list[tuple[str, str, str, int]],
) -> None:
    house = with_credit().pay(35_00, payment="payment-2")
    for number, (deed, at, to, cents) in enumerate(deeds, start=2):
        try:
            match deed:
                case "move":
                    house.move(cents, to, of=at, move=f"move-{number}")
                case "undo":
                    house.undo(at, f"move-{number - 1}")
                case "charge":
                    house.visit(at, cents, release=number)
                case "wait":
                    due = tuple(each for each in house.due if to in ("", each.account_id))
                    house.ask(
                        "patient",
                        MoveUnapplied(
                            payment_id="payment-2", move_id=f"move-{number}", amount_cents=cents, to=due, moved_by="u"
                        ),
                    )
                case _:
                    taken = TakeBackPayment(
                        payment_id=f"payment-{1 + number % 2}",
                        reason="returned-by-bank",
                        taken_back_on=ON,
                        taken_back_by="u",
                    )
                    house.ask("patient", taken)
        except DomainError:
            continue
    sums = house.balances()
    assert sum(sums.values()) == 0
    assert sums["allocated"] == 0
    assert -sums["unapplied"] == house.waits >= 0
    applied = sum(each.amount_cents for account in house.accounts.values() for each in account.applied.values())
    assert sums["cash"] == house.waits + applied
    kept = PatientsMoneyIsKept()
    for number, event in enumerate(house.events, start=1):
        kept.see(recorded(event, number, happened=0, known=0))
    assert kept.result().violations == []
