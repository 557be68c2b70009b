"""Does `verify` see what no service can see alone? Each check is shown a world in order and one that is not."""

from __future__ import annotations

from typing import Any

from deploy.crosschecks import (
    charges_are_released_or_held,
    collections_ask_for_what_the_ledger_says,
    ledger_has_what_was_released,
    releases_are_billed_once,
)


def event(name: str, subject: str = "encounter/v1", **data: Any) -> dict[str, Any]:
    return {"type": f"any.{name}.v1", "subject": subject, "data": data}


CAPTURED = event("ChargeCaptured", charge_id="c1", units="2")
RELEASED = event("ChargesReleased", account_id="A", charged_cents=100_00, lines=[{"charge_id": "c1"}])
READY = event("AccountReadyToBill", account_id="A")
CLAIM = event("ClaimCreated", account_id="A", claim_id="A1", rank=1)
POSTED = event("ChargesPosted", account_id="A", postings=[{"account": "charges", "amount_cents": -100_00}])


def test_a_charge_that_is_neither_released_nor_held_is_found() -> None:
    assert charges_are_released_or_held([CAPTURED, RELEASED]).violations == []
    assert charges_are_released_or_held([CAPTURED, event("ChargesHeld")]).violations == []
    assert [violation.where for violation in charges_are_released_or_held([CAPTURED]).violations] == [
        "encounter/v1 charge c1"
    ]


def test_a_charge_that_was_taken_back_needs_no_claim() -> None:
    credited = event("ChargeCredited", charge_id="c1", units="2")
    assert charges_are_released_or_held([CAPTURED, credited]).violations == []


def test_a_released_account_without_a_claim_is_found() -> None:
    assert releases_are_billed_once([RELEASED], [], [READY, CLAIM]).violations == []
    assert len(releases_are_billed_once([RELEASED], [], [READY]).violations) == 1


def test_two_live_claims_for_the_same_charges_are_found_and_a_replaced_one_is_not_counted() -> None:
    second = event("ClaimCreated", account_id="A", claim_id="A2", rank=1)
    assert len(releases_are_billed_once([RELEASED], [], [CLAIM, second]).violations) == 1
    replaced = event("ReplacementClaimDue", claim_id="A1")
    assert releases_are_billed_once([RELEASED], [], [CLAIM, replaced, second]).violations == []


def test_a_claim_whose_replacement_was_withdrawn_is_the_live_one() -> None:
    replaced, second = (
        event("ReplacementClaimDue", claim_id="A1"),
        event("ClaimCreated", account_id="A", claim_id="A2", rank=1),
    )
    given_up = [CLAIM, replaced, second, event("ClaimVoided", claim_id="A2")]
    assert len(releases_are_billed_once([RELEASED], [], given_up).violations) == 1
    withdrawn = [*given_up, event("ReplacementWithdrawn", claim_id="A1")]
    assert releases_are_billed_once([RELEASED], [], withdrawn).violations == []
    again = [*withdrawn, replaced, event("ClaimCorrected", claim_id="A2")]
    assert releases_are_billed_once([RELEASED], [], again).violations == []


def test_a_charge_on_the_claims_of_two_accounts_is_found() -> None:
    services = {"services": {"lines": [{"charge_id": "c1"}]}}
    other = event("ChargesReleased", account_id="B", charged_cents=0, lines=[{"charge_id": "c2"}])
    first = event("ClaimCreated", account_id="A", claim_id="A1", rank=1, **services)
    second = event("ClaimCreated", account_id="B", claim_id="B1", rank=1, **services)
    [violation] = releases_are_billed_once([RELEASED, other], [], [first, second]).violations
    assert (violation.where, violation.found) == ("charge c1", "2")
    own = event("ClaimCorrected", claim_id="B1", services={"lines": [{"charge_id": "c2"}]})
    assert releases_are_billed_once([RELEASED, other], [], [first, second, own]).violations == []


def test_a_claim_that_is_made_again_after_it_was_voided_counts() -> None:
    voided, again = event("ClaimVoided", claim_id="A1"), event("ClaimCorrected", claim_id="A1")
    assert len(releases_are_billed_once([RELEASED], [], [CLAIM, voided]).violations) == 1
    assert releases_are_billed_once([RELEASED], [], [CLAIM, voided, again]).violations == []


def test_a_claim_that_takes_another_back_bills_nothing() -> None:
    cancelled, due = event("BillingCancelled", account_id="A"), event("ReplacementClaimDue", claim_id="A1")
    void = event("ClaimCreated", account_id="A", claim_id="A2", rank=1, frequency="8")
    assert releases_are_billed_once([RELEASED], [], [CLAIM, cancelled, due, void]).violations == []
    assert len(releases_are_billed_once([RELEASED], [], [CLAIM, due, void]).violations) == 1


def test_a_visit_with_two_bills_has_its_charges_on_either() -> None:
    second = event("ChargeCaptured", charge_id="c2", units="1")
    other = event("ChargesReleased", account_id="B", charged_cents=5_00, lines=[{"charge_id": "c2"}])
    assert charges_are_released_or_held([CAPTURED, second, RELEASED, other]).violations == []
    assert len(charges_are_released_or_held([CAPTURED, second, RELEASED]).violations) == 1


def test_self_pay_and_held_accounts_need_no_claim() -> None:
    self_pay = event("AccountIsSelfPay", account_id="A")
    waiting = event("CoverageSelectionHeld", account_id="A")
    assert releases_are_billed_once([RELEASED], [], [self_pay]).violations == []
    assert releases_are_billed_once([RELEASED], [waiting], []).violations == []


def test_a_cent_that_the_ledger_does_not_have_is_found() -> None:
    assert ledger_has_what_was_released([RELEASED], [POSTED]).violations == []
    [violation] = ledger_has_what_was_released([RELEASED], []).violations
    assert (violation.expected, violation.found) == ("10000 cents", "0 cents")


def test_a_patient_who_is_asked_for_another_amount_than_the_ledgers_is_found() -> None:
    owed = event(
        "ResponsibilityTransferred",
        account_id="A",
        postings=[
            {"account": "receivable:payer:1", "amount_cents": -25_00},
            {"account": "receivable:patient", "amount_cents": 25_00},
        ],
    )
    noted = event("PatientBalanceNoted", account_id="A", balance_cents=25_00)
    assert collections_ask_for_what_the_ledger_says([owed], [noted]).violations == []
    [violation] = collections_ask_for_what_the_ledger_says([owed], []).violations
    assert (violation.expected, violation.found) == ("2500 cents", "0 cents")


def test_charges_that_were_handed_over_are_looked_for_on_the_bill_of_the_visit_that_carries_them() -> None:
    captured = event("ChargeCaptured", "encounter/v2", charge_id="c2", units="1")
    emptied = event("ChargesReleased", "encounter/v2", account_id="b", lines=[])
    handed = event("ChargesHandedOver", "encounter/v2", billed_with="v1")
    taken = event("ChargesReleased", "encounter/v1", account_id="a", lines=[{"charge_id": "c2"}])
    assert charges_are_released_or_held([captured, handed, emptied, taken]).violations == []
    [lost] = charges_are_released_or_held([captured, handed, emptied]).violations
    assert lost.where == "encounter/v2 charge c2"
    held = event("ChargesHeld", "encounter/v1")
    assert charges_are_released_or_held([captured, handed, emptied, held]).violations == []
    alone = event("VisitBilledWith", "encounter/v2", billed_with="")
    assert charges_are_released_or_held([captured, handed, emptied, taken, alone]).violations != []


def test_a_claim_that_was_to_take_back_and_now_replaces_is_the_live_one() -> None:
    """A visit's charges come back to its own bill before the void claim has left."""
    replaced = event("ReplacementClaimDue", claim_id="A1")
    void = event("ClaimCreated", account_id="A", claim_id="A2", rank=1, frequency="8")
    assert len(releases_are_billed_once([RELEASED], [], [CLAIM, replaced, void]).violations) == 1
    again = event("ClaimCorrected", claim_id="A2", frequency="7")
    assert releases_are_billed_once([RELEASED], [], [CLAIM, replaced, void, again]).violations == []
    back = event("ClaimCorrected", claim_id="A2", frequency="8")
    assert len(releases_are_billed_once([RELEASED], [], [CLAIM, replaced, void, again, back]).violations) == 1
