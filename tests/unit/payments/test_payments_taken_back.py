"""Stories about patients' payments that did not last: the bank returned them, the holder of the card disputed them, nobody made them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.payments.domain import ledger
from services.payments.domain.books.state import Books, Step
from services.payments.domain.claim_account.commands import (
    ApplyPatientPayment,
    MoveToAgency,
    ReturnFromAgency,
    ReversePatientPayment,
)
from services.payments.domain.claim_account.decider import claim_account
from services.payments.domain.patient_account.commands import (
    AccountDue,
    ApproveUnappliedRefund,
    Named,
    ReceivePatientPayment,
    RequestUnappliedRefund,
    ReturnAllocation,
    TakeBackPayment,
)
from services.payments.domain.patient_account.decider import patient_account
from services.payments.invariants import PatientsMoneyIsKept
from services.payments.policies import patient_money
from services.payments.projections import patient_payments
from shared.events.envelope import Recorded
from shared.events.patient_money import (
    AllocationTakenBack,
    OverdraftCovered,
    OverdraftReopened,
    PaymentAllocated,
    PaymentTakenBack,
)
from shared.events.payments import PatientPaymentReversed, PaymentNotTaken, ResponsibilityTransferred
from shared.events.values import Posting
from shared.kernel.errors import DomainError
from shared.testing.specification import Specification
from tests.unit.payments.stories import ACCOUNT, INSURED, account, answer, balances, cas, note_payers, owed, pay, post
from tests.unit.payments.stories import post_charges as charge
from tests.unit.payments.test_postings_projection import START_AT, recorded, rows_of

spec = Specification(patient_account)
RECEIVED_ON = date(2026, 3, 2)
BACK_ON = date(2026, 3, 9)


def receive(cents: int, *named: Named, payment: str = "payment-1", due: tuple[AccountDue, ...] = ()) -> Any:
    return ReceivePatientPayment(
        payment_id=payment,
        patient_id="patient-1",
        amount_cents=cents,
        method="check",
        received_on=RECEIVED_ON,
        named=named,
        due=due,
    )


def take_back(payment: str = "payment-1", **changes: Any) -> TakeBackPayment:
    told = TakeBackPayment(
        payment_id=payment, reason="returned-by-bank", taken_back_on=BACK_ON, taken_back_by="user:ann"
    )
    return replace(told, **changes)


def refund(cents: int, payment: str = "payment-1") -> list[Any]:
    """Asked for by one person and agreed to by another."""
    return [
        RequestUnappliedRefund(payment_id=payment, refund_id="r1", amount_cents=cents, requested_by="user:ann"),
        ApproveUnappliedRefund(payment_id=payment, refund_id="r1", approved_by="user:bob"),
    ]


# The patient's account


def test_a_check_that_bounces_leaves_cash_and_everything_that_it_was_used_for() -> None:
    past = spec.when(receive(50_00, Named("a", 30_00))).events
    story = spec.given(*past).when(take_back())
    story.then_kinds(AllocationTakenBack, PaymentTakenBack)
    taken = story.only(PaymentTakenBack)
    assert (taken.amount_cents, taken.overdrawn_cents, taken.reason) == (50_00, 0, "returned-by-bank")
    # The account has not followed yet: what it had taken stands against `allocated` until it does.
    assert balances([*past, *story.events]) == {}
    assert story.state.payments["payment-1"].unapplied_cents == 0


def test_every_event_of_it_sums_to_zero() -> None:
    for event in spec.when(receive(50_00, Named("a", 30_00)), take_back()).events:
        assert sum(leg.amount_cents for leg in event.postings) == 0


def test_the_same_taking_back_twice_has_one_effect() -> None:
    past = spec.when(receive(50_00), take_back()).events
    spec.given(*past).when(take_back()).then_nothing()
    refusal = spec.given(*past).when(take_back(reason="chargeback")).then_refused("payment-already-taken-back")
    assert refusal.facts == {"reason": "returned-by-bank", "taken_back_on": "2026-03-09"}


def test_a_payment_that_was_taken_back_is_used_for_nothing_and_refunded_to_nobody() -> None:
    past = spec.when(receive(50_00), take_back()).events
    spec.given(*past).when(*refund(1)).then_refused("exceeds-unapplied")
    spec.given(*past).when(receive(50_00)).then_nothing()


def test_only_a_payment_that_was_made_is_taken_back_and_not_before_it_was() -> None:
    spec.when(take_back()).then_refused("not-found")
    early = take_back(taken_back_on=RECEIVED_ON - timedelta(days=1))
    spec.when(receive(50_00), early).then_refused("taken-back-before-received")


def test_a_closed_day_is_refused_unless_a_late_entry_is_meant() -> None:
    closed = Books(steps=(Step(START_AT, BACK_ON),))
    refusal = spec.when(receive(50_00), take_back(books=closed)).then_refused("day-is-closed")
    assert refusal.facts["first_open_on"] == "2026-03-10"
    spec.given(*spec.when(receive(50_00)).events).when(take_back()).then_kinds(PaymentTakenBack)


@pytest.mark.parametrize("reason", ["returned-by-bank", "entered-wrongly"])
def test_what_was_refunded_stands_in_the_way_and_the_refusal_says_how_much(reason: Any) -> None:
    refusal = spec.when(receive(50_00), *refund(20_00), take_back(reason=reason)).then_refused("payment-was-refunded")
    assert refusal.facts == {"refunded_cents": 20_00, "amount_cents": 50_00}


def test_a_chargeback_is_of_what_was_not_refunded() -> None:
    story = spec.when(receive(50_00), *refund(20_00), take_back(reason="chargeback"))
    taken = story.only(PaymentTakenBack)
    assert (taken.amount_cents, taken.refunded_cents, taken.overdrawn_cents) == (30_00, 20_00, 0)
    assert balances(story.events) == {"cash": 20_00, "refunds": -20_00}


def test_a_chargeback_of_what_was_refunded_whole_takes_nothing() -> None:
    spec.when(receive(50_00), *refund(50_00), take_back(reason="chargeback")).then_refused("payment-was-refunded")


@pytest.mark.parametrize("reason", ["chargeback", "returned-by-bank"])
def test_what_the_bank_takes_although_it_was_refunded_the_patient_had_twice(reason: Any) -> None:
    story = spec.when(receive(50_00), *refund(20_00), take_back(reason=reason, refunded_too=True))
    taken = story.only(PaymentTakenBack)
    assert (taken.amount_cents, taken.overdrawn_cents) == (50_00, 20_00)
    assert balances(story.events) == {"overdrawn": 20_00, "refunds": -20_00}


def test_what_the_patient_had_twice_is_made_good_before_accounts_are_paid() -> None:
    past = spec.when(receive(50_00), *refund(20_00), take_back(refunded_too=True)).events
    later = receive(35_00, Named("a", 5_00), payment="payment-2", due=(AccountDue("b", 40_00),))
    story = spec.given(*past).when(later)
    assert story.only(OverdraftCovered).amount_cents == 20_00
    shares = [(each.account_id, each.amount_cents) for each in story.events if isinstance(each, PaymentAllocated)]
    assert shares == [("a", 5_00), ("b", 10_00)]
    assert "overdrawn" not in balances([*past, *story.events])


def test_money_that_waits_already_makes_it_good_at_once() -> None:
    past = spec.when(receive(15_00, payment="payment-2"), receive(50_00), *refund(20_00)).events
    story = spec.given(*past).when(take_back(refunded_too=True))
    assert story.only(OverdraftCovered).amount_cents == 15_00
    assert story.state.payments["payment-1"].overdrawn_cents == 5_00


def test_what_made_it_good_and_bounced_itself_made_nothing_good() -> None:
    past = spec.when(receive(50_00), *refund(20_00), take_back(refunded_too=True)).events
    later = spec.given(*past).when(receive(30_00, payment="payment-2"))
    story = spec.given(*past, *later.events).when(take_back("payment-2"))
    story.then_kinds(OverdraftReopened, PaymentTakenBack)
    assert balances([*past, *later.events, *story.events]) == {"overdrawn": 20_00, "refunds": -20_00}


def test_what_an_account_could_not_take_of_it_comes_back_no_more() -> None:
    past = spec.when(receive(50_00, Named("a", 50_00)), take_back()).events
    spec.given(*past).when(ReturnAllocation(payment_id="payment-1", allocation=1, amount_cents=5_00)).then_nothing()


# The account that had taken it

DUE = (*INSURED, post(answer(100_00, 80_00, cas("PR", "2", 20_00))))


def reverse(payment: str = "payment-1", cents: int = 15_00) -> ReversePatientPayment:
    return ReversePatientPayment(
        account_id=ACCOUNT,
        patient_id="patient-1",
        payment_id=payment,
        allocation=1,
        amount_cents=cents,
        reason="returned-by-bank",
        taken_back_on=BACK_ON,
    )


def test_the_patient_owes_it_again_line_by_line_and_since_the_old_day() -> None:
    story = account.given(*account.when(*DUE, pay(15_00)).events).when(reverse(), reverse())
    story.then(
        PatientPaymentReversed(
            account_id=ACCOUNT,
            patient_id="patient-1",
            payment_id="payment-1",
            allocation=1,
            amount_cents=15_00,
            reason="returned-by-bank",
            since_on=date(2026, 3, 20),
            postings=(
                Posting(account="allocated", amount_cents=-15_00, line_id="L1"),
                Posting(account="receivable:patient", amount_cents=15_00, line_id="L1"),
            ),
        )
    )


def test_only_what_the_account_took_is_owed_again() -> None:
    story = account.when(*DUE, pay(25_00), reverse(cents=25_00))
    assert story.only(PatientPaymentReversed).amount_cents == 20_00
    assert owed(story.events) == {"patient": 20_00}


def test_money_that_is_still_on_its_way_is_not_taken_when_it_comes() -> None:
    story = account.when(*DUE, reverse(), pay(15_00))
    assert story.only(PaymentNotTaken).amount_cents == 15_00
    assert owed(story.events) == {"patient": 20_00}


def test_what_the_agency_had_collected_is_owed_where_the_account_is_now() -> None:
    out = MoveToAgency(account_id=ACCOUNT, placement_id="p1")
    back = ReturnFromAgency(account_id=ACCOUNT, placement_id="p1")
    assert owed(account.when(*DUE, out, pay(15_00), reverse()).events) == {"agency": 20_00}
    assert owed(account.when(*DUE, out, pay(15_00), back, reverse()).events) == {"patient": 20_00}


# All together


class Patient:
    """A patient's account, the claim accounts, and the policy between them: it takes the events of each stream in their order."""

    def __init__(self) -> None:
        self.money = patient_account.initial
        self.accounts: dict[str, Any] = {}
        self.log: list[Recorded[Any]] = []
        self.waiting: defaultdict[str, deque[Any]] = defaultdict(deque)

    def ask(self, command: Any) -> None:
        try:
            events = patient_account.decide(command, self.money)
        except DomainError:
            return
        self.money = patient_account.state_after(events, since=self.money)
        self._heard("patient", events)

    def tell(self, account_id: str, command: Any) -> None:
        before = self.accounts.get(account_id, claim_account.initial)
        events = claim_account.decide(command, before)
        self.accounts[account_id] = claim_account.state_after(events, since=before)
        self._heard(account_id, events)

    def _heard(self, stream: str, events: Any) -> None:
        for event in events:
            at = START_AT + timedelta(seconds=len(self.log))
            each = recorded(event, len(self.log) + 1, happened=0, known=0)
            self.log.append(replace_times(each, at))
            self.waiting[stream].append(event)

    def react(self, stream: str) -> None:
        if not self.waiting[stream]:
            return
        match event := self.waiting[stream].popleft():
            case PaymentAllocated():
                commands: Iterator[Any] = patient_money.apply_payment(event)
            case AllocationTakenBack():
                commands = patient_money.reverse_payment(event)
            case PaymentNotTaken():
                commands = patient_money.return_payment(event)
            case ResponsibilityTransferred() | PatientPaymentReversed():
                commands = patient_money.use_what_waits(event)
            case _:
                return
        for command in commands:
            if isinstance(command, ApplyPatientPayment | ReversePatientPayment):
                self.tell(command.account_id, command)
            else:
                self.ask(command)

    def settle(self) -> None:
        while any(self.waiting.values()):
            for stream in list(self.waiting):
                self.react(stream)

    @property
    def sums(self) -> dict[str, int]:
        return balances(each.event for each in self.log)


def replace_times(each: Recorded[Any], at: datetime) -> Recorded[Any]:
    return structs.replace(each, stored=structs.replace(each.stored, occurred_at=at, recorded_at=at))


def visit(patient: Patient, account_id: str, cents: int) -> None:
    """A visit that no insurance covers."""
    patient.tell(account_id, replace(charge(cents), account_id=account_id))
    patient.tell(account_id, replace(note_payers(), account_id=account_id))


@st.composite
def histories(draw: st.DrawFn) -> Patient:
    """Visits, payments, refunds and takings back in any order, while the policy is behind by any number of events."""
    patient = Patient()
    accounts, payments = ("a", "b"), ("payment-1", "payment-2", "payment-3")
    cents = st.integers(1, 60_00)
    ways = st.fixed_dictionaries(
        {"reason": st.sampled_from(["chargeback", "entered-wrongly"]), "refunded_too": st.booleans()}
    )
    deeds: list[Any] = [
        *(("visit", name, draw(cents)) for name in accounts),
        *(("ask", receive(draw(cents), payment=name)) for name in payments),
        ("ask", receive(draw(st.integers(20_00, 60_00)), Named("a", draw(st.integers(1, 20_00))), payment="named")),
        *(("ask", each) for name in payments for each in refund(draw(st.integers(1, 20_00)), name)),
        *(("ask", take_back(name, **draw(ways))) for name in (*payments[:2], "named")),
        *(("react", draw(st.sampled_from(["patient", *accounts]))) for _ in range(draw(st.integers(0, 15)))),
    ]
    for deed in draw(st.permutations(deeds)):
        match deed:
            case ("visit", name, amount):
                visit(patient, name, amount)
            case ("ask", command):
                patient.ask(command)
            case ("react", stream):
                patient.react(stream)
    return patient


@given(histories())
@settings(max_examples=200, deadline=None)
def test_no_cent_is_lost_or_made_whatever_is_taken_back_and_when(patient: Patient) -> None:
    patient.settle()
    sums = patient.sums
    assert sum(sums.values()) == 0
    assert "allocated" not in sums
    payments = patient.money.payments.values()
    in_cash = sum(each.received.amount_cents - _taken(each) for each in payments)
    assert sums.get("cash", 0) == in_cash
    assert -sums.get("unapplied", 0) == sum(each.unapplied_cents for each in payments)
    assert sums.get("overdrawn", 0) == sum(each.overdrawn_cents for each in payments)
    assert not (sums.get("unapplied", 0) and sums.get("overdrawn", 0))


def _taken(payment: Any) -> int:
    return payment.taken_back.amount_cents if payment.taken_back else 0


@given(histories())
@settings(max_examples=100, deadline=None)
def test_nothing_of_what_was_taken_back_stays_on_an_account(patient: Patient) -> None:
    patient.settle()
    gone = {name for name, each in patient.money.payments.items() if each.taken_back}
    kept = {payment for each in patient.accounts.values() for payment, _ in each.applied}
    assert not gone & kept
    for name, each in patient.accounts.items():
        charged = sum(line.charged_cents for line in each.lines.values())
        applied = sum(event.amount_cents for event in each.applied.values())
        assert each.owed_by(ledger.PATIENT) == charged - applied, name


@given(histories(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_rows_and_the_check_say_the_same_at_every_moment(patient: Patient, is_over: bool) -> None:
    if is_over:
        patient.settle()
    check = PatientsMoneyIsKept()
    for each in patient.log:
        check.see(each)
    assert check.result().violations == []
    rows = rows_of(patient_payments.projection, patient.log)["payments_of_patients"]
    for (payment_id,), row in rows.items():
        payment = patient.money.payments[payment_id]
        found = {name: row.get(f"{name}_cents", 0) for name in _COLUMNS}
        waits = (
            found["amount"] - found["allocated"] + found["returned"] - found["refunded"] - found["taken_back"]
            + found["overdrawn"] - found["covering"]
        )  # fmt: skip
        assert waits == payment.unapplied_cents
        assert found["overdrawn"] - found["covered"] == payment.overdrawn_cents


_COLUMNS = ("amount", "allocated", "returned", "refunded", "taken_back", "overdrawn", "covered", "covering")


def test_an_account_that_keeps_what_was_taken_back_is_found() -> None:
    patient = Patient()
    visit(patient, "a", 30_00)
    patient.settle()
    patient.ask(receive(30_00, Named("a", 30_00)))
    patient.settle()
    patient.ask(take_back())
    late = replace_times(patient.log[0], START_AT + timedelta(hours=2))
    check = PatientsMoneyIsKept()
    for each in (*patient.log, late):
        check.see(each)
    [violation] = check.result().violations
    assert (violation.expected, violation.found) == ("nothing of it on accounts", "3000 cents")


def test_money_that_waits_is_used_for_what_is_owed_again() -> None:
    patient = Patient()
    visit(patient, "a", 30_00)
    patient.settle()
    patient.ask(receive(30_00, Named("a", 30_00)))
    patient.ask(receive(40_00, payment="payment-2"))
    patient.settle()
    patient.ask(take_back())
    patient.settle()
    assert patient.sums == {"charges": -30_00, "cash": 40_00, "unapplied": -10_00}
