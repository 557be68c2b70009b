"""When can an account be billed, and to whom first?

Charges and coverage come from two services in any order. Only when both have spoken is the account ready, or self-pay.
The same claim number is named each time: the claim itself decides whether news corrects it or must be a replacement.
"""

from __future__ import annotations

from typing import assert_never

from services.claims.domain.billing_case.commands import (
    BillingCaseCommand,
    CancelBilling,
    NoteCharges,
    NoteCoverage,
)
from services.claims.domain.billing_case.state import BillingCase, evolve
from services.claims.domain.claim.numbering import first_claim_of_rank
from services.claims.domain.claim.state import NOTHING_LEFT
from shared.events.claims import (
    AccountIsSelfPay,
    AccountReadyToBill,
    BillingCancelled,
    BillingCaseEvent,
    ChargesNoted,
    CoverageNoted,
)
from shared.kernel.decider import Decider


def decide(command: BillingCaseCommand, case: BillingCase) -> list[BillingCaseEvent]:
    match command:
        case NoteCharges():
            return _note_charges(command, case)
        case NoteCoverage():
            return _note_coverage(command, case)
        case CancelBilling():
            return _cancel(command, case)
        case _:
            assert_never(command)


def _note_charges(command: NoteCharges, case: BillingCase) -> list[BillingCaseEvent]:
    newest_release = max(case.charges.release if case.charges else 0, case.cancelled_at_release or 0)
    if command.release <= newest_release:
        return []  # A later release restates everything, so that an older one says nothing more.
    noted = ChargesNoted(
        account_id=command.account_id,
        patient_id=command.patient_id,
        release=command.release,
        services=command.services,
    )
    if not command.services.lines:
        return [noted, BillingCancelled(account_id=command.account_id, reason=NOTHING_LEFT, claim_id=case.claim_id)]
    return [noted, *_conclusion(noted, case.coverage, case)]


def _note_coverage(command: NoteCoverage, case: BillingCase) -> list[BillingCaseEvent]:
    noted = CoverageNoted(
        account_id=command.account_id,
        patient_id=command.patient_id,
        coverages=command.coverages,
        patient=command.patient,
    )
    if noted == case.coverage:
        return []
    charges = None if case.cancelled_at_release is not None else case.charges
    return [noted, *_conclusion(charges, noted, case)]


def _conclusion(
    charges: ChargesNoted | None, coverage: CoverageNoted | None, case: BillingCase
) -> list[BillingCaseEvent]:
    if charges is None or coverage is None:
        return []
    if not coverage.coverages:
        return [] if case.is_self_pay else [_self_pay(charges, case)]
    return [
        AccountReadyToBill(
            account_id=charges.account_id,
            claim_id=first_claim_of_rank(charges.account_id, rank=1),
            patient_id=coverage.patient_id,
            release=charges.release,
            services=charges.services,
            coverages=coverage.coverages,
            patient=coverage.patient,
        )
    ]


def _self_pay(charges: ChargesNoted, case: BillingCase) -> AccountIsSelfPay:
    return AccountIsSelfPay(
        account_id=charges.account_id,
        patient_id=charges.patient_id,
        reason="no coverage on the date of service",
        claim_id=case.claim_id,
    )


def _cancel(command: CancelBilling, case: BillingCase) -> list[BillingCaseEvent]:
    if case.cancelled_at_release is not None:
        return []
    return [BillingCancelled(account_id=command.account_id, reason=command.reason, claim_id=case.claim_id)]


billing_case: Decider[BillingCaseCommand, BillingCaseEvent, BillingCase] = Decider(
    decide=decide, evolve=evolve, initial=BillingCase()
)
