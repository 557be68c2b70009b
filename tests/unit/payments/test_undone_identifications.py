"""Stories about a person who was wrong about a deposit: it waits again, and no cent of the bank is lost or counted twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.payments.domain.books.state import Books, Step
from services.payments.domain.deposit.commands import DepositCommand, ExpectDeposit, RecordDeposit
from services.payments.domain.deposit.decider import Deposit, deposit
from services.payments.domain.errors import DepositAlreadyIdentified, DepositAlreadyRecorded, DepositNotIdentified
from services.payments.domain.remittance.identity import deposit_id_of
from services.payments.domain.unidentified_deposit.commands import (
    IdentifyDeposit,
    ReturnIdentification,
    SetDepositAside,
    UndoIdentification,
    UnidentifiedDepositCommand,
)
from services.payments.domain.unidentified_deposit.decider import UnidentifiedDeposit, unidentified_deposit
from services.payments.policies.identify_deposits import record_identified, return_identification, withdraw
from shared.events.deposits import (
    DepositIdentified,
    DepositNotTaken,
    DepositReconciled,
    DepositRecorded,
    DepositSetAside,
    DepositShownAgain,
    DepositWithdrawn,
    IdentificationUndone,
    UnidentifiedDepositRecorded,
)
from shared.events.values import DocumentReference
from shared.kernel.errors import DomainError
from shared.testing.specification import Specification
from tests.unit.payments.deposits import ON, shown

spec = Specification(unidentified_deposit)
of_payment = Specification(deposit)
TRACES = ("TRACE1", "TRACE2")
PAYMENT, OTHER = (deposit_id_of(payer_identifier="1512345678", trace_number=trace) for trace in TRACES)


def identify(trace: str = "TRACE1", *, line: str = "line-1", there: DepositRecorded | None = None) -> IdentifyDeposit:
    return IdentifyDeposit(
        deposit_id=line,
        identified_as=deposit_id_of(payer_identifier="1512345678", trace_number=trace),
        trace_number=trace,
        payer_identifier="1512345678",
        identified_by="user:poster",
        shown=there,
    )


def undo(identified_as: str = PAYMENT, *, books: Books | None = None) -> UndoIdentification:
    return UndoIdentification(
        identified_as=identified_as, reason="wrong-payer", undone_by="user:manager", books=books or Books()
    )


def named(trace: str) -> RecordDeposit:
    """The bank's own line."""
    return RecordDeposit(
        deposit_id=deposit_id_of(payer_identifier="1512345678", trace_number=trace),
        trace_number=trace,
        payer_identifier="1512345678",
        amount_cents=96_00,
        deposited_on=ON,
        source=DocumentReference(document_id="another", place="record 9"),
    )


def expected(trace: str) -> ExpectDeposit:
    return ExpectDeposit(
        deposit_id=deposit_id_of(payer_identifier="1512345678", trace_number=trace),
        remittance_id=f"remittance-{trace}",
        trace_number=trace,
        payer_identifier="1512345678",
        amount_cents=96_00,
        payment_on=ON,
    )


IDENTIFIED: DepositIdentified = spec.when(shown(), identify()).only(DepositIdentified)
UNDONE: IdentificationUndone = spec.when(shown(), identify(), undo()).only(IdentificationUndone)
[RECORD] = record_identified(IDENTIFIED)
[WITHDRAW] = withdraw(UNDONE)


def test_what_was_identified_wrongly_waits_again_and_keeps_why() -> None:
    assert (UNDONE.identified_as, UNDONE.reason, UNDONE.undone_by) == (PAYMENT, "wrong-payer", "user:manager")
    story = spec.when(shown(), identify(), undo(), identify("TRACE2"))
    story.then_kinds(UnidentifiedDepositRecorded, DepositIdentified, IdentificationUndone, DepositIdentified)
    aside = SetDepositAside(reason="patient-check", set_aside_by="user:poster")
    story = spec.when(shown(), identify(), undo(), aside)
    story.then_kinds(UnidentifiedDepositRecorded, DepositIdentified, IdentificationUndone, DepositSetAside)


def test_undoing_it_twice_is_undoing_it_once_and_leaves_what_came_after_it() -> None:
    story = spec.when(shown(), identify(), undo(), undo(), identify("TRACE2"), undo())
    story.then_kinds(UnidentifiedDepositRecorded, DepositIdentified, IdentificationUndone, DepositIdentified)


def test_what_came_back_by_itself_needs_no_undoing() -> None:
    story = spec.when(shown(), identify(), ReturnIdentification(identified_as=PAYMENT), undo())
    assert not any(isinstance(event, IdentificationUndone) for event in story.events)


def test_what_was_never_that_payment_is_refused() -> None:
    spec.when(undo()).then_refused("not-found")
    spec.when(shown(), undo()).then_refused("deposit-not-identified")
    spec.when(shown(), identify(), undo(OTHER)).then_refused("deposit-not-identified")


def test_in_a_closed_day_it_is_refused_with_what_to_do() -> None:
    closed = Books().closed_with("2026-03", Step(datetime(2026, 4, 2, tzinfo=UTC), date(2026, 3, 31)))
    spec.when(shown(), identify(), undo(books=closed)).then_refused("day-is-closed")
    reopened = closed.reopened(Step(datetime(2026, 4, 3, tzinfo=UTC), date(2026, 2, 28)))
    assert spec.when(shown(), identify(), undo(books=reopened)).only(IdentificationUndone) == UNDONE


def test_the_match_is_undone_and_can_be_made_again_by_the_right_deposit() -> None:
    [right] = record_identified(spec.when(shown("line-2"), identify(line="line-2")).only(DepositIdentified))
    story = of_payment.when(expected("TRACE1"), RECORD, WITHDRAW, WITHDRAW, right)
    kinds = [type(event) for event in story.events]
    assert kinds[1:] == [DepositRecorded, DepositReconciled, DepositWithdrawn, DepositRecorded, DepositReconciled]


def test_a_deposit_that_was_not_taken_from_that_line_is_not_withdrawn() -> None:
    [other] = record_identified(spec.when(shown("line-2"), identify(line="line-2")).only(DepositIdentified))
    of_payment.when(other, RECORD, WITHDRAW).then_kinds(DepositRecorded, DepositNotTaken)
    by_hand = of_payment.when(named("TRACE1"), WITHDRAW)
    by_hand.then_kinds(DepositRecorded)


def test_what_the_bank_named_by_itself_stands_when_the_word_of_a_person_is_undone() -> None:
    story = of_payment.when(expected("TRACE1"), RECORD, named("TRACE1"), WITHDRAW)
    kinds = [type(event) for event in story.events]
    assert kinds[1:] == [
        DepositRecorded,
        DepositReconciled,
        DepositShownAgain,
        DepositWithdrawn,
        DepositRecorded,
        DepositReconciled,
    ]
    assert story.events[-2].unidentified_id == ""


LINES = ("line-1", "line-2", "line-3")
STEPS = st.one_of(
    st.tuples(st.just("identify"), st.sampled_from(LINES), st.sampled_from(TRACES)),
    st.tuples(st.just("undo"), st.sampled_from(LINES), st.sampled_from(TRACES)),
    st.tuples(st.just("bank"), st.just(""), st.sampled_from(TRACES)),
    st.tuples(st.just("policies"), st.just(""), st.just("")),
)


class Desk:
    """The streams of some lines and payments, and the policy between them, which runs when it is told to."""

    def __init__(self) -> None:
        self.lines = {line: UnidentifiedDeposit() for line in LINES}
        self.payments = {payment: Deposit() for payment in (PAYMENT, OTHER)}
        self.bank: set[str] = set()  # payments that the bank named by itself, and that were taken
        self._waiting: list[Callable[[], None]] = []
        for line in LINES:
            self.of_line(line, shown(line))

    def of_line(self, line: str, command: UnidentifiedDepositCommand) -> None:
        for event in unidentified_deposit.decide(command, self.lines[line]):
            self.lines[line] = unidentified_deposit.evolve(self.lines[line], event)
            if isinstance(event, DepositIdentified):
                self._later(event.identified_as, *record_identified(event))
            elif isinstance(event, IdentificationUndone):
                self._later(event.identified_as, *withdraw(event))

    def of_payment(self, payment: str, command: DepositCommand) -> None:
        for event in deposit.decide(command, self.payments[payment]):
            self.payments[payment] = deposit.evolve(self.payments[payment], event)
            if isinstance(event, DepositNotTaken):
                for back in return_identification(event):
                    line = event.unidentified_id
                    self._waiting.append(lambda line=line, back=back: self.of_line(line, back))  # type: ignore[misc]

    def react(self) -> None:
        while self._waiting:
            self._waiting.pop(0)()

    def _later(self, payment: str, *commands: DepositCommand) -> None:
        for command in commands:
            self._waiting.append(lambda command=command: self.of_payment(payment, command))  # type: ignore[misc]


@given(st.lists(STEPS, max_size=30))
def test_whatever_is_said_and_taken_back_each_line_counts_once(steps: list[tuple[str, str, str]]) -> None:
    desk = Desk()
    for what, line, trace in steps:
        payment = deposit_id_of(payer_identifier="1512345678", trace_number=trace)
        try:
            match what:
                case "identify":
                    there = desk.payments[payment].recorded
                    desk.of_line(line, identify(trace, line=line, there=there))
                case "undo":
                    desk.of_line(line, undo(payment))
                case "bank":
                    desk.of_payment(payment, named(trace))
                    desk.bank.add(payment)
                case _:
                    desk.react()
        except (DepositAlreadyIdentified, DepositNotIdentified, DepositAlreadyRecorded) as refused:
            assert isinstance(refused, DomainError)
    desk.react()
    for payment, state in desk.payments.items():
        recorded = state.recorded
        holders = [line for line, each in desk.lines.items() if each.identified_as == payment]
        if recorded is None:
            assert not holders
            assert payment not in desk.bank, "a deposit that the bank named is never lost"
        elif recorded.unidentified_id:
            assert holders == [recorded.unidentified_id]
        else:
            assert payment in desk.bank
