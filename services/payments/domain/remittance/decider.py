"""Is this a remittance that we do not have yet, does it balance as a whole, and has each of its claims answered?

Source: ASC X12N 005010X221A1: BPR02 = sum of CLP04 - sum of PLB; a positive PLB amount reduces the payment. What becomes of
a claim is decided by its account; a remittance that does not balance is held and nothing of it is posted, and so is one of a
test in production, or the reverse (ISA15).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from services.payments.domain import ledger
from services.payments.domain.errors import ClaimNotInRemittance, RemittanceNotHeld, RemittanceUnknown
from services.payments.domain.remittance.commands import (
    DismissRemittance,
    HoldReusedTrace,
    ProviderAdjustmentTold,
    ReceiveRemittance,
    RecordClaimAnswer,
    RemittanceCommand,
    RemittanceTold,
    Usage,
)
from services.payments.domain.remittance.identity import chain_of
from services.payments.domain.remittance.provider_adjustments import SETTLED
from services.payments.domain.remittance.state import Answered, Remittance, evolve
from shared.events.payments import (
    ProviderAdjustmentPosted,
    RemittanceClaimAnswered,
    RemittanceDismissed,
    RemittanceEvent,
    RemittanceHeld,
    RemittancePosted,
    RemittanceReceived,
    TraceNumberReused,
)
from shared.events.values import Finding, Posting
from shared.kernel.decider import Decider


def decide(command: RemittanceCommand, remittance: Remittance) -> Sequence[RemittanceEvent]:
    match command:
        case ReceiveRemittance():
            return _receive(command, remittance)
        case HoldReusedTrace():
            return _hold_twin(command, remittance)
        case RecordClaimAnswer():
            return _record(command, remittance)
        case DismissRemittance():
            return _dismiss(command, remittance)
        case _:
            assert_never(command)


def _receive(command: ReceiveRemittance, remittance: Remittance) -> list[RemittanceEvent]:
    told = command.told
    if remittance.is_received:
        return []  # Payers and clearinghouses send files again. The same remittance is no news.
    wrong = [finding for finding in told.findings if finding.severity == "error"]
    wrong += [*_other_usage(told, command.usage_here), *_out_of_balance(told)]
    if wrong:
        return _held(told, remittance, wrong)
    received = _received(told)
    taken_in: list[RemittanceEvent] = [received, *_provider_adjustments(told)]
    return taken_in if told.claims else [*taken_in, _posted(evolve(remittance, received))]


def _other_usage(told: RemittanceTold, usage_here: Usage) -> Iterator[Finding]:
    """What a payer sends to try a connection pays nobody, and a test installation has no business with what does."""
    if told.usage is not None and told.usage != usage_here:
        rule = {"P": "production-file", "T": "test-file"}.get(told.usage, "usage-unknown")
        message = f"what is posted here has {usage_here} in ISA15"
        yield Finding(rule=rule, place="ISA15", message=message, value=told.usage[:1])


def _out_of_balance(told: RemittanceTold) -> Iterator[Finding]:
    expected = told.claims_cents - sum(each.amount_cents for each in told.provider_adjustments)
    if told.payment_cents != expected:
        rule = "payment is the sum of the claims less the provider adjustments"
        message = f"{rule}; expected {expected} cents, found {told.payment_cents} cents"
        yield _finding("transaction-out-of-balance", message, told.payment_cents)
    if told.payment_cents < 0:
        yield _finding("negative-payment", "a payment is never negative", told.payment_cents)


def _finding(rule: str, message: str, found_cents: int) -> Finding:
    return Finding(rule=rule, place="transaction BPR02", message=message, value=str(found_cents))


def _held(told: RemittanceTold, remittance: Remittance, findings: Sequence[Finding]) -> list[RemittanceEvent]:
    if told.document.document_id in remittance.held_documents:
        return []  # The same file again is no better.
    return [
        RemittanceHeld(
            remittance_id=told.remittance_id,
            trace_number=told.trace_number,
            payer_identifier=told.payer_identifier,
            payer_name=told.payer_name,
            payment_cents=told.payment_cents,
            payment_on=told.payment_on,
            claims=told.claims,
            method=told.method,
            findings=tuple(findings),
            document=told.document,
            entered_by=told.entered_by,
            image=told.image,
            claims_cents=told.claims_cents,
            provider_adjustments_cents=sum(each.amount_cents for each in told.provider_adjustments),
        )
    ]


def _hold_twin(command: HoldReusedTrace, remittance: Remittance) -> list[RemittanceEvent]:
    told = command.told
    message = f"the payer used this trace number before, for remittance {command.first_remittance_id}"
    finding = Finding(rule="trace-number-reused", place="TRN02", message=message, value=told.trace_number)
    held = _held(told, remittance, [finding])
    if not held:
        return []
    reused = TraceNumberReused(
        remittance_id=told.remittance_id,
        trace_number=told.trace_number,
        payer_identifier=told.payer_identifier,
        first_remittance_id=command.first_remittance_id,
        document=told.document,
    )
    return [reused, *held]


def _dismiss(command: DismissRemittance, remittance: Remittance) -> list[RemittanceEvent]:
    if not remittance.is_held:
        raise RemittanceNotHeld("this remittance is not held")
    return [
        RemittanceDismissed(
            remittance_id=remittance.remittance_id, reason=command.reason, dismissed_by=command.dismissed_by
        )
    ]


def _received(told: RemittanceTold) -> RemittanceReceived:
    return RemittanceReceived(
        remittance_id=told.remittance_id,
        trace_number=told.trace_number,
        payer_identifier=told.payer_identifier,
        payer_name=told.payer_name,
        payment_cents=told.payment_cents,
        payment_on=told.payment_on,
        method=told.method,
        claims=told.claims,
        claims_cents=told.claims_cents,
        provider_adjustments_cents=sum(each.amount_cents for each in told.provider_adjustments),
        document=told.document,
        postings=ledger.moved(told.payment_cents, debit=ledger.CASH, credit=ledger.SUSPENSE),
        findings=told.findings,
        entered_by=told.entered_by,
        image=told.image,
    )


def _provider_adjustments(told: RemittanceTold) -> Iterator[ProviderAdjustmentPosted]:
    for ordinal, each in enumerate(told.provider_adjustments, start=1):
        yield ProviderAdjustmentPosted(
            remittance_id=told.remittance_id,
            ordinal=ordinal,
            reason=each.reason,
            reference=each.reference,
            amount_cents=each.amount_cents,
            postings=_cleared(each, told.payer_identifier),
        )


def _cleared(told: ProviderAdjustmentTold, payer_identifier: str) -> tuple[Posting, ...]:
    """What the payer keeps back leaves suspense for the clearing account of its reference, and comes back from there; what is settled
    as it stands leaves for the account where it belongs."""
    chain = chain_of(payer_identifier=payer_identifier, reference=told.reference or told.reason)
    account = SETTLED.get(told.reason) or ledger.provider_adjustment(chain)
    return ledger.moved(told.amount_cents, debit=account, credit=ledger.SUSPENSE)


def _record(command: RecordClaimAnswer, remittance: Remittance) -> list[RemittanceEvent]:
    if not remittance.is_received:
        raise RemittanceUnknown("this remittance was not received")
    if not 1 <= command.ordinal <= remittance.claims:
        raise ClaimNotInRemittance("the remittance has no such claim", ordinal=command.ordinal)
    if remittance.answers.get(command.ordinal) == Answered(command.outcome, command.paid_cents):
        return []
    answered = RemittanceClaimAnswered(
        remittance_id=remittance.remittance_id,
        ordinal=command.ordinal,
        account_id=command.account_id,
        outcome=command.outcome,
        paid_cents=command.paid_cents,
    )
    after = evolve(remittance, answered)
    if remittance.is_posted or len(after.answers) < remittance.claims:
        return [answered]
    return [answered, _posted(after)]


def _posted(remittance: Remittance) -> RemittancePosted:
    return RemittancePosted(
        remittance_id=remittance.remittance_id,
        posted_cents=remittance.cents("posted"),
        held_cents=remittance.cents("held"),
        unapplied_cents=remittance.cents("unapplied"),
        provider_adjustments_cents=remittance.provider_adjustments_cents,
    )


remittance: Decider[RemittanceCommand, RemittanceEvent, Remittance] = Decider(
    decide=decide, evolve=evolve, initial=Remittance()
)
