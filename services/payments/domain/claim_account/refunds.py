"""How does a party get back what it paid too much on a claim's account?

One person asks, another agrees or decides against it, and what never arrived stands as a credit again. Pure, like `decider.py`;
every event's postings sum to zero.
"""

from __future__ import annotations

from services.payments.domain import ledger
from services.payments.domain.claim_account.commands import ApproveRefund, DeclineRefund, RequestRefund, ReverseRefund
from services.payments.domain.claim_account.state import ClaimAccount
from services.payments.domain.errors import (
    AccountUnknown,
    ExceedsCredit,
    NotAnAmount,
)
from services.payments.domain.refund_decisions import to_reverse, undecided
from services.payments.domain.two_persons import refuse_same_person
from shared.events.payments import (
    ClaimAccountEvent,
    RefundDeclined,
    RefundIssued,
    RefundRequested,
    RefundReversed,
)


def request(command: RequestRefund, account: ClaimAccount) -> list[ClaimAccountEvent]:
    if not account.has_charges:
        raise AccountUnknown("no charges were posted to this account")
    if command.refund_id in account.refunds or command.refund_id in account.refunds_asked:
        return []
    if command.amount_cents <= 0:
        raise NotAnAmount("a refund is a positive amount", amount_cents=command.amount_cents)
    _must_have_credit(account, command.to_party, command.amount_cents)
    return [
        RefundRequested(
            account_id=command.account_id,
            refund_id=command.refund_id,
            to_party=command.to_party,
            amount_cents=command.amount_cents,
            requested_by=command.requested_by,
        )
    ]


def approve(command: ApproveRefund, account: ClaimAccount) -> list[ClaimAccountEvent]:
    asked = _undecided(account, command.refund_id)
    refuse_same_person(
        "a refund", asked_by=asked.requested_by, agreed_by=command.approved_by, refund_id=asked.refund_id
    )
    _must_have_credit(account, asked.to_party, asked.amount_cents)
    credits = {line_id: -cents for line_id, cents in account.owed_by_line(asked.to_party).items() if cents < 0}
    return [
        RefundIssued(
            account_id=asked.account_id,
            refund_id=asked.refund_id,
            to_party=asked.to_party,
            amount_cents=asked.amount_cents,
            postings=ledger.moved_by_line(
                ledger.spread(asked.amount_cents, credits),
                debit=ledger.receivable(asked.to_party),
                credit=ledger.REFUNDS,
            ),
            approved_by=command.approved_by,
        )
    ]


def decline(command: DeclineRefund, account: ClaimAccount) -> list[ClaimAccountEvent]:
    if command.refund_id in account.refunds_declined:
        return []
    asked = _undecided(account, command.refund_id)
    return [
        RefundDeclined(
            account_id=asked.account_id,
            refund_id=asked.refund_id,
            to_party=asked.to_party,
            amount_cents=asked.amount_cents,
            reason=command.reason,
            declined_by=command.declined_by,
        )
    ]


def reverse(command: ReverseRefund, account: ClaimAccount) -> list[ClaimAccountEvent]:
    issued = to_reverse(
        command.refund_id,
        command.reason,
        account.refunds,
        asked=account.refunds_asked,
        already=account.refunds_reversed,
    )
    if issued is None:
        return []
    return [
        RefundReversed(
            account_id=issued.account_id,
            refund_id=issued.refund_id,
            to_party=issued.to_party,
            amount_cents=issued.amount_cents,
            reason=command.reason,
            reversed_by=command.reversed_by,
            postings=ledger.mirrored(issued.postings),
        )
    ]


def _undecided(account: ClaimAccount, refund_id: str) -> RefundRequested:
    return undecided(refund_id, account.refunds_asked, issued=account.refunds, declined=account.refunds_declined)


def _must_have_credit(account: ClaimAccount, party: str, amount_cents: int) -> None:
    credit = max(0, -account.owed_by(party))
    if amount_cents > credit:
        raise ExceedsCredit("more than was paid too much", party=party, credit_cents=credit, amount_cents=amount_cents)
