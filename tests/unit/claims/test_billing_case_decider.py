"""An account is billed when charges and coverage have both been told, in whatever order."""

from __future__ import annotations

from msgspec import structs

from services.claims.domain.billing_case.commands import CancelBilling, NoteCharges, NoteCoverage
from services.claims.domain.billing_case.decider import billing_case
from shared.events.claims import AccountIsSelfPay, AccountReadyToBill, BillingCancelled, ChargesNoted, CoverageNoted
from shared.testing.specification import Specification
from tests.unit.claims.examples import ACCOUNT, PATIENT, PATIENT_PERSON, PRIMARY_CLAIM, SERVICES, coverage

spec = Specification(billing_case)

CHARGES = NoteCharges(account_id=ACCOUNT, patient_id=PATIENT, release=1, services=SERVICES)
COVERAGE = NoteCoverage(account_id=ACCOUNT, patient_id=PATIENT, coverages=(coverage(),), patient=PATIENT_PERSON)
NO_COVERAGE = NoteCoverage(account_id=ACCOUNT, patient_id=PATIENT, coverages=(), patient=PATIENT_PERSON)
LATER_CHARGES = NoteCharges(
    account_id=ACCOUNT, patient_id=PATIENT, release=2, services=structs.replace(SERVICES, diagnoses=("J0190", "E119"))
)


def test_charges_alone_conclude_nothing() -> None:
    spec.when(CHARGES).then_kinds(ChargesNoted)


def test_coverage_alone_concludes_nothing() -> None:
    spec.when(COVERAGE).then_kinds(CoverageNoted)


def test_charges_then_coverage_make_the_account_ready() -> None:
    ready = spec.when(CHARGES, COVERAGE).only(AccountReadyToBill)
    assert (ready.claim_id, ready.release) == (PRIMARY_CLAIM, 1)


def test_coverage_then_charges_make_the_same_account_ready() -> None:
    one_order = spec.when(CHARGES, COVERAGE).only(AccountReadyToBill)
    assert spec.when(COVERAGE, CHARGES).only(AccountReadyToBill) == one_order


def test_no_coverage_makes_the_account_self_pay_once() -> None:
    spec.when(CHARGES, NO_COVERAGE, LATER_CHARGES).then_kinds(
        ChargesNoted, CoverageNoted, AccountIsSelfPay, ChargesNoted
    )


def test_coverage_that_is_lost_later_names_the_claim_that_was_made() -> None:
    lost = spec.when(CHARGES, COVERAGE, NO_COVERAGE).only(AccountIsSelfPay)
    assert lost.claim_id == PRIMARY_CLAIM


def test_coverage_that_is_found_later_turns_self_pay_into_a_claim() -> None:
    ready = spec.when(CHARGES, NO_COVERAGE, COVERAGE).only(AccountReadyToBill)
    assert ready.claim_id == PRIMARY_CLAIM


def test_the_same_news_twice_is_silence() -> None:
    spec.when(CHARGES, COVERAGE, COVERAGE, CHARGES).then_kinds(ChargesNoted, CoverageNoted, AccountReadyToBill)


def test_a_later_release_makes_the_account_ready_again_under_the_same_claim() -> None:
    events = spec.when(CHARGES, COVERAGE, LATER_CHARGES).events
    ready = [event for event in events if isinstance(event, AccountReadyToBill)]
    assert [(event.claim_id, event.release) for event in ready] == [(PRIMARY_CLAIM, 1), (PRIMARY_CLAIM, 2)]
    assert ready[1].services.diagnoses == ("J0190", "E119")


def test_an_older_release_that_comes_late_says_nothing() -> None:
    spec.when(LATER_CHARGES, CHARGES).then_kinds(ChargesNoted)


def test_a_cancelled_encounter_is_not_billed_when_its_coverage_arrives() -> None:
    cancel = CancelBilling(account_id=ACCOUNT, reason="encounter cancelled")
    spec.when(CHARGES, cancel, COVERAGE).then_kinds(ChargesNoted, BillingCancelled, CoverageNoted)


def test_a_cancelled_encounter_names_its_claim() -> None:
    cancel = CancelBilling(account_id=ACCOUNT, reason="encounter cancelled")
    assert spec.when(CHARGES, COVERAGE, cancel, cancel).only(BillingCancelled).claim_id == PRIMARY_CLAIM


def test_an_account_that_lost_all_of_its_charges_is_not_billed_until_it_has_charges_again() -> None:
    emptied = NoteCharges(
        account_id=ACCOUNT, patient_id=PATIENT, release=2, services=structs.replace(SERVICES, lines=(), charged_cents=0)
    )
    cancelled = spec.when(CHARGES, COVERAGE, emptied, COVERAGE, emptied).only(BillingCancelled)
    assert cancelled.claim_id == PRIMARY_CLAIM
    again = NoteCharges(account_id=ACCOUNT, patient_id=PATIENT, release=3, services=SERVICES)
    assert isinstance(spec.when(CHARGES, COVERAGE, emptied, again).events[-1], AccountReadyToBill)


def test_charges_released_after_a_cancellation_are_billed() -> None:
    cancel = CancelBilling(account_id=ACCOUNT, reason="encounter cancelled")
    events = spec.when(CHARGES, COVERAGE, cancel, LATER_CHARGES).events
    assert isinstance(events[-1], AccountReadyToBill)
