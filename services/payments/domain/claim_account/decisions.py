"""What do a patient's payment and a person's decision do to one claim's account?

Adjustments need a second person, as `refunds.py` do, and what goes to an agency comes back as it is left there.
Pure, like `decider.py`; every event's postings sum to zero.
"""

from __future__ import annotations

from services.payments.domain import ledger
from services.payments.domain.claim_account.commands import (
    ApplyPatientPayment,
    ApproveAdjustment,
    MoveToAgency,
    RequestAdjustment,
    ReturnFromAgency,
    ReverseAdjustment,
    ReversePatientPayment,
)
from services.payments.domain.claim_account.state import AdjustmentAsked, ClaimAccount
from services.payments.domain.claim_account.transfers import all_moved
from services.payments.domain.errors import (
    AccountUnknown,
    AdjustmentAlreadyDecided,
    AdjustmentNotApproved,
    AdjustmentUnknown,
    ExceedsBalance,
    NotAnAmount,
    NothingToPlace,
    NotWithAgency,
)
from services.payments.domain.two_persons import refuse_same_person
from shared.events.payments import (
    AccountMovedToAgency,
    AccountReturnedFromAgency,
    AdjustmentApproved,
    AdjustmentRequested,
    AdjustmentReversed,
    ClaimAccountEvent,
    PatientPaymentReversed,
    PaymentApplied,
    PaymentNotTaken,
)
from shared.events.values import Posting

# A patient's money


def apply_patient_payment(command: ApplyPatientPayment, account: ClaimAccount) -> list[ClaimAccountEvent]:
    if (command.payment_id, command.allocation) in account.taken_allocations:
        return []
    of_patient = _taken_from(account, ledger.PATIENT, command.amount_cents)
    of_agency = _taken_from(account, ledger.AGENCY, command.amount_cents - sum(of_patient.values()))
    if command.as_credit and (rest := command.amount_cents - sum(of_patient.values()) - sum(of_agency.values())):
        last = next(reversed(tuple(account.lines)), "")
        of_patient[last] = of_patient.get(last, 0) + rest
    taken = sum(of_patient.values()) + sum(of_agency.values())
    whose = {
        "account_id": command.account_id,
        "patient_id": command.patient_id,
        "payment_id": command.payment_id,
    }
    events: list[ClaimAccountEvent] = []
    if taken:
        legs = [(ledger.PATIENT, of_patient), (ledger.AGENCY, of_agency)]
        postings = tuple(
            leg
            for party, by_line in legs
            for leg in ledger.moved_by_line(by_line, debit=ledger.ALLOCATED, credit=ledger.receivable(party))
        )
        applied = PaymentApplied(
            **whose,
            allocation=command.allocation,
            amount_cents=taken,
            postings=postings,
            move_id=command.move_id,
            from_account_id=command.from_account_id,
        )
        events.append(applied)
    if rest := command.amount_cents - taken:
        events.append(PaymentNotTaken(**whose, allocation=command.allocation, amount_cents=rest))
    return events


def reverse_patient_payment(command: ReversePatientPayment, account: ClaimAccount) -> list[ClaimAccountEvent]:
    key = (command.payment_id, command.allocation)
    if key not in account.taken_allocations:
        # It was on its way here: whenever it comes, there is nothing to take any more.
        whose = {"account_id": command.account_id, "patient_id": command.patient_id, "payment_id": command.payment_id}
        return [PaymentNotTaken(**whose, allocation=command.allocation, amount_cents=command.amount_cents)]
    applied = account.applied.get(key)
    if applied is None:
        return []  # Reversed before, or nothing of it was taken.
    return [
        PatientPaymentReversed(
            account_id=command.account_id,
            patient_id=command.patient_id,
            payment_id=command.payment_id,
            allocation=command.allocation,
            amount_cents=applied.amount_cents,
            reason=command.reason,
            since_on=account.patient_owes_since_on or command.taken_back_on,
            postings=_owed_again(applied, account),
        )
    ]


def _owed_again(applied: PaymentApplied, account: ClaimAccount) -> tuple[Posting, ...]:
    if account.placement_id:
        return ledger.mirrored(applied.postings)
    of_agency, of_patient = ledger.receivable(ledger.AGENCY), ledger.receivable(ledger.PATIENT)
    return ledger.mirrored(applied.postings, instead_of=(of_agency,), use=of_patient)


def _taken_from(account: ClaimAccount, party: str, amount_cents: int) -> dict[str, int]:
    """As much of an amount as the party owes, line by line in their order; a credit on one line is not taken from."""
    room = {line_id: cents for line_id, cents in account.owed_by_line(party).items() if cents > 0}
    owed = max(0, account.owed_by(party))
    return ledger.spread(min(amount_cents, owed), room) if owed else {}


# Decisions of people


def request_adjustment(command: RequestAdjustment, account: ClaimAccount) -> list[ClaimAccountEvent]:
    _must_have_charges(account)
    if command.adjustment_id in account.adjustments:
        return []
    _must_owe(account, command.party, command.amount_cents)
    return [
        AdjustmentRequested(
            account_id=command.account_id,
            adjustment_id=command.adjustment_id,
            party=command.party,
            reason=command.reason,
            amount_cents=command.amount_cents,
            requested_by=command.requested_by,
        )
    ]


def approve_adjustment(command: ApproveAdjustment, account: ClaimAccount) -> list[ClaimAccountEvent]:
    adjustment = _adjustment(account, command.adjustment_id)
    asked = adjustment.asked
    if adjustment.status != "requested":
        raise AdjustmentAlreadyDecided("this adjustment is decided", adjustment_id=asked.adjustment_id)
    refuse_same_person(
        "an adjustment",
        asked_by=asked.requested_by,
        agreed_by=command.approved_by,
        adjustment_id=asked.adjustment_id,
    )
    _must_owe(account, asked.party, asked.amount_cents)
    taken = _taken_from(account, asked.party, asked.amount_cents)
    return [
        AdjustmentApproved(
            account_id=asked.account_id,
            adjustment_id=asked.adjustment_id,
            party=asked.party,
            reason=asked.reason,
            amount_cents=asked.amount_cents,
            approved_by=command.approved_by,
            postings=ledger.moved_by_line(
                taken, debit=ledger.written_off(asked.reason), credit=ledger.receivable(asked.party)
            ),
        )
    ]


def reverse_adjustment(command: ReverseAdjustment, account: ClaimAccount) -> list[ClaimAccountEvent]:
    adjustment = _adjustment(account, command.adjustment_id)
    asked = adjustment.asked
    if adjustment.status != "approved":
        raise AdjustmentNotApproved("only an approved adjustment is taken back", adjustment_id=asked.adjustment_id)
    return [
        AdjustmentReversed(
            account_id=asked.account_id,
            adjustment_id=asked.adjustment_id,
            party=asked.party,
            reason=asked.reason,
            amount_cents=asked.amount_cents,
            reversed_by=command.reversed_by,
            postings=ledger.mirrored(adjustment.postings),
        )
    ]


def move_to_agency(command: MoveToAgency, account: ClaimAccount) -> list[ClaimAccountEvent]:
    if account.placement_id == command.placement_id:
        return []
    amount = account.owed_by(ledger.PATIENT)
    if amount <= 0:
        raise NothingToPlace("the patient owes nothing on this account", account_id=command.account_id)
    return [
        AccountMovedToAgency(
            account_id=command.account_id,
            placement_id=command.placement_id,
            amount_cents=amount,
            postings=all_moved(account, [ledger.PATIENT], ledger.AGENCY),
        )
    ]


def return_from_agency(command: ReturnFromAgency, account: ClaimAccount) -> list[ClaimAccountEvent]:
    if account.placement_id != command.placement_id:
        raise NotWithAgency("the account is not placed under this number", placement_id=command.placement_id)
    return [
        AccountReturnedFromAgency(
            account_id=command.account_id,
            placement_id=command.placement_id,
            amount_cents=account.owed_by(ledger.AGENCY),
            postings=all_moved(account, [ledger.AGENCY], ledger.PATIENT),
        )
    ]


def _must_have_charges(account: ClaimAccount) -> None:
    if not account.has_charges:
        raise AccountUnknown("no charges were posted to this account")


def _must_owe(account: ClaimAccount, party: str, amount_cents: int) -> None:
    if amount_cents <= 0:
        raise NotAnAmount("an adjustment is a positive amount", amount_cents=amount_cents)
    owed = account.owed_by(party)
    if amount_cents > owed:
        raise ExceedsBalance("more than the party owes", party=party, owed_cents=owed, amount_cents=amount_cents)


def _adjustment(account: ClaimAccount, adjustment_id: str) -> AdjustmentAsked:
    if adjustment_id not in account.adjustments:
        raise AdjustmentUnknown("nobody asked for this adjustment", adjustment_id=adjustment_id)
    return account.adjustments[adjustment_id]
