"""Stories about money that the bank shows without saying which payment it is."""

from __future__ import annotations

from msgspec.structs import replace

from services.payments.domain.deposit.commands import RecordDeposit
from services.payments.domain.deposit.decider import deposit
from services.payments.domain.remittance.identity import deposit_id_of, unidentified_id_of
from services.payments.domain.unidentified_deposit.commands import (
    IdentifyDeposit,
    ReturnIdentification,
    SetDepositAside,
)
from services.payments.domain.unidentified_deposit.decider import as_recorded, unidentified_deposit
from services.payments.policies.identify_deposits import record_identified, return_identification
from shared.events.deposits import (
    DepositIdentified,
    DepositNotTaken,
    DepositRecorded,
    DepositSetAside,
    DepositShownAgain,
    IdentificationReturned,
    UnidentifiedDepositRecorded,
)
from shared.events.values import DocumentReference
from shared.testing.specification import Specification
from tests.unit.payments.deposits import ON, shown

spec = Specification(unidentified_deposit)
PAYMENT = deposit_id_of(payer_identifier="1512345678", trace_number="TRACE1")


def identify(there: DepositRecorded | None = None, *, as_: str = PAYMENT) -> IdentifyDeposit:
    return IdentifyDeposit(
        deposit_id="line-1",
        identified_as=as_,
        trace_number="TRACE1",
        payer_identifier="1512345678",
        identified_by="user:poster",
        shown=there,
    )


OF_THE_BANK = RecordDeposit(
    deposit_id=PAYMENT,
    trace_number="TRACE1",
    payer_identifier="1512345678",
    amount_cents=96_00,
    deposited_on=ON,
    source=DocumentReference(document_id="another", place="record 9"),
)
SET_ASIDE = SetDepositAside(reason="patient-check", set_aside_by="user:poster")
IDENTIFIED: DepositIdentified = spec.when(shown(), identify()).only(DepositIdentified)
RECORDED = as_recorded(IDENTIFIED)


def test_a_line_counts_once_and_a_person_names_its_payment() -> None:
    story = spec.when(shown(), shown(), identify(), identify())
    story.then_kinds(UnidentifiedDepositRecorded, DepositIdentified)
    [command] = record_identified(IDENTIFIED)
    recorded = Specification(deposit).when(command, command).only(DepositRecorded)
    assert recorded == RECORDED
    assert (recorded.deposit_id, recorded.unidentified_id, recorded.amount_cents) == (PAYMENT, "line-1", 96_00)


def test_an_identified_deposit_is_no_other_and_is_not_set_aside() -> None:
    spec.when(shown(), identify(), identify(as_="another")).then_refused("deposit-already-identified")
    spec.when(shown(), identify(), SET_ASIDE).then_refused("deposit-already-identified")


def test_what_was_set_aside_by_mistake_can_still_be_identified() -> None:
    story = spec.when(shown(), SET_ASIDE, SET_ASIDE, identify())
    story.then_kinds(UnidentifiedDepositRecorded, DepositSetAside, DepositIdentified)


def test_what_is_not_there_or_no_amount_is_refused() -> None:
    spec.when(identify()).then_refused("not-found")
    spec.when(SET_ASIDE).then_refused("not-found")
    spec.when(shown(cents=0)).then_refused("not-an-amount")


def test_a_trace_number_under_which_the_bank_showed_another_deposit_is_refused() -> None:
    for other in (replace(RECORDED, amount_cents=1), replace(RECORDED, unidentified_id="line-2")):
        spec.when(shown(), identify(other)).then_refused("deposit-already-recorded")
    by_hand = replace(RECORDED, source=None, unidentified_id="")
    spec.when(shown(), identify(by_hand)).then_kinds(UnidentifiedDepositRecorded, DepositIdentified)


def test_of_two_that_are_named_alike_in_the_same_moment_one_comes_back() -> None:
    [first] = record_identified(IDENTIFIED)
    [second] = record_identified(replace(IDENTIFIED, deposit_id="line-2"))
    not_taken = Specification(deposit).when(first, second).only(DepositNotTaken)
    assert (not_taken.unidentified_id, not_taken.amount_cents) == ("line-2", 96_00)
    [command] = return_identification(not_taken)
    story = spec.when(shown(), identify(), command, command, identify())
    story.then_kinds(UnidentifiedDepositRecorded, DepositIdentified, IdentificationReturned, DepositIdentified)
    spec.when(shown(), ReturnIdentification(identified_as=PAYMENT)).then_kinds(UnidentifiedDepositRecorded)


def test_the_bank_itself_may_name_later_what_a_person_named_before() -> None:
    story = Specification(deposit).given(RECORDED).when(OF_THE_BANK, OF_THE_BANK)
    story.then_kinds(DepositShownAgain)  # the same money, and known to stand without the person's word


def test_two_equal_lines_of_one_file_are_two_deposits() -> None:
    def line(alike: int, said: str = "x") -> str:
        return unidentified_id_of(deposited_on=ON, amount_cents=50_00, said=said, alike=alike)

    assert line(1) == line(1)
    assert len({line(1), line(2), line(1, "y")}) == 3
