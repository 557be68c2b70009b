"""What the ledger does when others have spoken: the same commands, in the same order, for the same event."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from services.payments.domain.claim_account.commands import (
    ApplyPatientPayment,
    MoveToAgency,
    NotePayers,
    PostCharges,
    PostClaimPayment,
    ReturnFromAgency,
    ReverseClaimPayment,
)
from services.payments.domain.deposit.commands import ExpectDeposit
from services.payments.domain.patient_account.commands import (
    AccountDue,
    AllocateUnapplied,
    Named,
    ReceivePatientPayment,
    ReturnAllocation,
)
from services.payments.domain.patient_account.decider import patient_account
from services.payments.domain.remittance.commands import RecordClaimAnswer
from services.payments.policies import write_off_denials
from services.payments.policies.patient_money import (
    apply_payment,
    place,
    recall,
    return_payment,
    use_what_waits,
)
from services.payments.policies.post_charges import note_payers as noted
from services.payments.policies.post_charges import post_charges as posted
from services.payments.policies.post_remittances import (
    ANSWERS_DEALT_WITH,
    expect_deposit,
    post_claims,
    record_claim_answer,
)
from shared.events.base import Sealed
from shared.events.charges import ChargesReleased
from shared.events.collections import AccountPlaced, AccountRecalled
from shared.events.denials import DenialWriteOffApproved
from shared.events.eligibility import CoverageSelected, NoCoverageFound
from shared.events.payments import (
    AccountPayer,
    AdjustmentApproved,
    PaymentNotTaken,
    RemittanceReceived,
    ResponsibilityTransferred,
)
from shared.events.values import (
    ChargeLine,
    CoverageSnapshot,
    DocumentReference,
    FacilityIdentity,
    Person,
    PersonName,
    ProviderIdentity,
)
from tests.unit.payments.stories import (
    ACCOUNT,
    AETNA,
    CLAIM,
    PAID_ON,
    SERVICE_ON,
    account,
    answer,
    cas,
    ledger_line,
    negated,
    note_payers,
    of_lines,
    pay,
    post,
    post_charges,
    said_of,
)

ON = date(2026, 3, 5)
PERSON = Sealed.fresh("patient-1", "person", Person(name=PersonName(last="Doe")))


def test_released_charges_are_posted_with_their_lines() -> None:
    practice = ProviderIdentity(provider_id="p", npi="1999999984", last_or_organisation="Practice")
    line = ChargeLine(
        line_id="L1",
        charge_id="charge-L1",
        service_on=SERVICE_ON,
        procedure_code="99213",
        units="1",
        charged_cents=100_00,
    )
    event = ChargesReleased(
        encounter_id="encounter-1",
        account_id="a1",
        patient_id="patient-1",
        release=2,
        service_on=SERVICE_ON,
        organization=practice,
        rendering=practice,
        facility=FacilityIdentity(facility_id="f", name="Clinic", place_of_service="11"),
        diagnoses=("J0190",),
        lines=(line,),
        charged_cents=100_00,
    )
    assert list(posted(event, on=ON)) == [
        PostCharges(
            account_id="a1",
            encounter_id="encounter-1",
            patient_id="patient-1",
            release=2,
            service_on=SERVICE_ON,
            lines=(replace(ledger_line("L1", 100_00), units="1", place_of_service="11"),),
            posted_on=ON,
            billing_npi="1999999984",
        )
    ]


def test_selected_coverages_become_the_payers_in_their_order() -> None:
    coverage = CoverageSnapshot(
        coverage_id="c1",
        rank=1,
        payer_id="aetna",
        payer_name="Aetna",
        payer_electronic_id="60054",
        member_number=Sealed.fresh("patient-1", "member_number", "M1"),
    )
    event = CoverageSelected(
        account_id="a1",
        encounter_id="e1",
        patient_id="patient-1",
        service_on=SERVICE_ON,
        coverages=(coverage,),
        patient=PERSON,
        reason="order",
    )
    payers = (AccountPayer(rank=1, payer_id="aetna", payer_name="Aetna", electronic_id="60054"),)
    assert list(noted(event, on=ON)) == [
        NotePayers(account_id="a1", patient_id="patient-1", payers=payers, noted_on=ON)
    ]


def test_no_coverage_said_by_its_owner_makes_it_self_pay() -> None:
    event = NoCoverageFound(
        account_id="a1", encounter_id="e1", patient_id="patient-1", service_on=SERVICE_ON, patient=PERSON, reason="none"
    )
    assert list(noted(event, on=ON)) == [NotePayers(account_id="a1", patient_id="patient-1", payers=(), noted_on=ON)]


def received(cents: int) -> RemittanceReceived:
    return RemittanceReceived(
        remittance_id="remittance-1",
        trace_number="TRACE1",
        payer_identifier="1999999999",
        payer_name="Aetna",
        payment_cents=cents,
        payment_on=PAID_ON,
        method="ACH",
        claims=1,
        claims_cents=cents,
        provider_adjustments_cents=0,
        document=DocumentReference(document_id="d0"),
        postings=(),
    )


def test_each_claim_of_a_remittance_is_one_command_in_the_order_of_the_file() -> None:
    answers = [answer(100_00, 100_00, ordinal=number) for number in (1, 2, 3)]
    assert list(post_claims(answers)) == [PostClaimPayment(answer=each) for each in answers]


def test_a_payment_announces_its_deposit_and_a_remittance_without_payment_none() -> None:
    [expected] = expect_deposit(received(100_00))
    assert isinstance(expected, ExpectDeposit)
    assert (expected.amount_cents, expected.trace_number) == (100_00, "TRACE1")
    assert list(expect_deposit(received(0))) == []
    assert list(expect_deposit(replace(received(100_00), method="NON"))) == []


TOLD = of_lines(said_of("L1", 100_00, 80_00, cas("CO", "45", 20_00)))
INSURED = (post_charges(100_00), note_payers(AETNA))


@pytest.mark.parametrize(
    ("commands", "outcome", "cents"),
    [
        ((*INSURED, post(TOLD)), "posted", 80_00),
        ((*INSURED, post(TOLD), post(negated(TOLD, remittance="r2", ordinal=1))), "posted", -80_00),
        (
            (*INSURED, post(TOLD), ReverseClaimPayment(remittance_id="remittance-1", ordinal=1, reversed_on=ON)),
            "held",
            80_00,
        ),
        ((*INSURED, post(answer(100_00, 79_99, cas("CO", "45", 20_00)))), "held", 79_99),
        ((*INSURED, post(answer(100_00, 0, cas("CO", "45", 100_00), status="25"))), "posted", 0),
        ((post(TOLD),), "unapplied", 80_00),
    ],
)
def test_what_became_of_an_answer_is_told_to_its_remittance(commands: Any, outcome: str, cents: int) -> None:
    last = [event for event in account.when(*commands).events if isinstance(event, ANSWERS_DEALT_WITH)][-1]
    [command] = record_claim_answer(last)
    assert command == RecordClaimAnswer(
        ordinal=1,
        account_id=last.account_id,
        outcome=outcome,
        paid_cents=cents,  # type: ignore[arg-type]
    )


def test_an_allocation_goes_to_its_account_and_what_is_not_taken_comes_back() -> None:
    story = account.when(pay(25_00))
    [back] = return_payment(story.only(PaymentNotTaken))
    assert back == ReturnAllocation(payment_id="payment-1", allocation=1, amount_cents=25_00)


def test_an_allocation_is_applied_to_its_account() -> None:

    receive = ReceivePatientPayment(
        payment_id="payment-1",
        patient_id="patient-1",
        amount_cents=25_00,
        method="cash",
        received_on=ON,
        named=(Named("a1", 20_00),),
    )
    allocated = patient_account.decide(receive, patient_account.initial)[1]
    assert list(apply_payment(allocated)) == [  # type: ignore[arg-type]
        ApplyPatientPayment(
            account_id="a1", patient_id="patient-1", payment_id="payment-1", allocation=1, amount_cents=20_00
        )
    ]


def test_money_that_waits_is_asked_for_only_when_the_patient_comes_to_owe() -> None:
    story = account.when(*INSURED, post(answer(100_00, 80_00, cas("PR", "2", 20_00))))
    share = story.only(ResponsibilityTransferred)
    assert list(use_what_waits(share)) == [AllocateUnapplied(due=AccountDue(share.account_id, 20_00))]
    back = account.given(*story.events).when(
        ReverseClaimPayment(remittance_id="remittance-1", ordinal=1, reversed_on=ON)
    )
    assert list(use_what_waits(back.only(ResponsibilityTransferred))) == []


def test_placement_and_recall_move_the_account() -> None:
    placed = AccountPlaced(patient_id="p", account_id="a1", placement_id="x", agency="agency", amount_cents=1)
    recalled = AccountRecalled(patient_id="p", account_id="a1", placement_id="x", reason="paid")
    assert list(place(placed)) == [MoveToAgency(account_id="a1", placement_id="x")]
    assert list(recall(recalled)) == [ReturnFromAgency(account_id="a1", placement_id="x")]


@pytest.mark.parametrize("approved_by", ["user:bob", "rule:write-off-alone"])
def test_a_denial_that_is_let_go_leaves_what_its_payer_owes(approved_by: str) -> None:
    event = DenialWriteOffApproved(
        denial_id="d1",
        claim_id=CLAIM,
        account_id=ACCOUNT,
        payer_rank=1,
        amount_cents=60_00,
        reason="past-the-limit",
        requested_by="user:ann",
        approved_by=approved_by,
    )
    written = account.when(post_charges(60_00, 40_00), note_payers(AETNA), *write_off_denials.react(event))
    assert written.state.owed_by("payer:1") == 40_00
    assert written.only(AdjustmentApproved).approved_by == approved_by
    more = replace(event, amount_cents=100_01)
    account.when(post_charges(60_00, 40_00), note_payers(AETNA), *write_off_denials.react(more)).then_refused(
        "exceeds-balance"
    )
