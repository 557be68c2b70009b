"""When a remittance was received, what is posted, and how does it hear of it?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias, assert_never

from services.payments.domain.claim_account.commands import PostClaimPayment
from services.payments.domain.deposit.commands import ExpectDeposit
from services.payments.domain.remittance.commands import NO_PAYMENT, RecordClaimAnswer
from services.payments.domain.remittance.identity import deposit_id_of
from shared.events.payments import (
    ClaimAnswer,
    ClaimAnswerNoted,
    ClaimPaymentPosted,
    ClaimPaymentRematched,
    ClaimPaymentReversed,
    ClaimPaymentUnapplied,
    RemittanceClaimHeld,
    RemittanceReceived,
)

Outcome: TypeAlias = Literal["posted", "held", "unapplied"]
AnswerDealtWith: TypeAlias = (
    ClaimPaymentPosted | ClaimAnswerNoted | RemittanceClaimHeld | ClaimPaymentUnapplied | ClaimPaymentReversed
)
ANSWERS_DEALT_WITH = (
    ClaimPaymentPosted,
    ClaimAnswerNoted,
    RemittanceClaimHeld,
    ClaimPaymentUnapplied,
    ClaimPaymentReversed,
)


def post_claims(answers: Sequence[ClaimAnswer]) -> Iterator[PostClaimPayment]:
    """One command for each claim of a balanced 835, always in the order of the file. The runtime derives each command's id
    from the event and its ordinal, so a crash half-way resumes without posting anything twice."""
    for answer in answers:
        yield PostClaimPayment(answer=answer)


def post_rematched(event: ClaimPaymentRematched) -> Iterator[PostClaimPayment]:
    """To the account that a person named."""
    yield PostClaimPayment(answer=event.answer)


def expect_deposit(event: RemittanceReceived) -> Iterator[ExpectDeposit]:
    """A remittance without payment (BPR04 NON, or nothing) announces none."""
    if event.payment_cents > 0 and event.method != NO_PAYMENT:
        yield ExpectDeposit(
            deposit_id=deposit_id_of(payer_identifier=event.payer_identifier, trace_number=event.trace_number),
            remittance_id=event.remittance_id,
            trace_number=event.trace_number,
            payer_identifier=event.payer_identifier,
            amount_cents=event.payment_cents,
            payment_on=event.payment_on,
        )


def record_claim_answer(event: AnswerDealtWith) -> Iterator[RecordClaimAnswer]:
    """The claim account has dealt with an answer; its remittance takes note."""
    match event:
        case ClaimPaymentPosted():
            yield _record(event, "posted", event.paid_cents)
        case ClaimAnswerNoted():
            yield _record(event, "posted", 0)
        case RemittanceClaimHeld():
            yield _record(event, "held", event.paid_cents)
        case ClaimPaymentUnapplied():
            yield _record(event, "unapplied", event.paid_cents)
        case ClaimPaymentReversed(reason="unposted"):
            yield _record(event, "held", -event.paid_cents)  # its cash is in suspense again
        case ClaimPaymentReversed():
            yield _record(event, "posted", event.paid_cents)
        case _:
            assert_never(event)


def _record(event: AnswerDealtWith, outcome: Outcome, paid_cents: int) -> RecordClaimAnswer:
    return RecordClaimAnswer(ordinal=event.ordinal, account_id=event.account_id, outcome=outcome, paid_cents=paid_cents)
