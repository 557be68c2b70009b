"""What was found of an answer, what becomes of it, and when is it over?

What was found stays as it was found: by the contract and the schedule that were known then, which each difference names. A person disputes
it and resolves it; when its answer is taken back, what is not resolved is closed, because the money that it was about is not there any more.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import assert_never

from services.payments.domain.contract_comparison.commands import (
    ContractComparisonCommand,
    DisputeVariance,
    RecordComparison,
    ReopenVariance,
    ResolveVariance,
    WithdrawComparison,
)
from services.payments.domain.contract_comparison.comparing import Compared
from services.payments.domain.contract_comparison.identity import comparison_id_of, variance_id_of
from services.payments.domain.contract_comparison.state import ContractComparison, Variance, evolve
from services.payments.domain.errors import (
    NothingToRecover,
    VarianceNotOpen,
    VarianceNotResolved,
    VarianceUnknown,
)
from shared.events.contracts import (
    ClaimPaymentCompared,
    ComparedLine,
    ComparisonWithdrawn,
    ContractComparisonEvent,
    OverpaymentFound,
    UnderpaymentFound,
    VarianceDisputed,
    VarianceReopened,
    VarianceResolved,
)
from shared.events.payments import ClaimPaymentPosted
from shared.kernel.decider import Decider


def decide(command: ContractComparisonCommand, comparison: ContractComparison) -> Sequence[ContractComparisonEvent]:
    match command:
        case RecordComparison():
            return _record(command, comparison)
        case WithdrawComparison():
            return _withdraw(command, comparison)
        case DisputeVariance():
            return _dispute(command, comparison)
        case ResolveVariance():
            return _resolve(command, comparison)
        case ReopenVariance():
            return _reopen(command, comparison)
        case _:
            assert_never(command)


def _record(command: RecordComparison, comparison: ContractComparison) -> list[ContractComparisonEvent]:
    if comparison.stands or not command.lines:
        return []
    posted = command.posted
    compared = ClaimPaymentCompared(
        comparison_id=comparison_id_of(
            account_id=posted.account_id, remittance_id=posted.remittance_id, ordinal=posted.ordinal
        ),
        account_id=posted.account_id,
        claim_id=posted.claim_id,
        remittance_id=posted.remittance_id,
        ordinal=posted.ordinal,
        payer_id=posted.payer_id,
        payer_rank=posted.payer_rank,
        payment_on=posted.payment_on,
        lines=tuple(map(_line, command.lines)),
    )
    return [compared, *_found(command.lines, posted, compared.comparison_id)]


def _line(line: Compared) -> ComparedLine:
    return ComparedLine(
        number=line.number,
        line_id=line.line.line_id,
        outcome=line.outcome,
        allowed_cents=line.allowed_cents,
        expected_cents=line.expected_cents,
        reason=line.reason,
        value=line.value,
        capitation=line.capitation,
    )


def _found(
    lines: Sequence[Compared], posted: ClaimPaymentPosted, comparison_id: str
) -> Iterator[UnderpaymentFound | OverpaymentFound]:
    for line in lines:
        if line.outcome not in ("underpaid", "overpaid"):
            continue
        assert line.expected_cents is not None
        assert line.allowed_cents is not None
        assert line.basis is not None
        kind = UnderpaymentFound if line.outcome == "underpaid" else OverpaymentFound
        yield kind(
            variance_id=variance_id_of(comparison_id, line.number),
            comparison_id=comparison_id,
            account_id=posted.account_id,
            claim_id=posted.claim_id,
            remittance_id=posted.remittance_id,
            ordinal=posted.ordinal,
            payer_id=posted.payer_id,
            payment_on=posted.payment_on,
            line_id=line.line.line_id,
            procedure_code=line.line.procedure_code,
            paid_as=line.paid_as,
            modifiers=line.line.modifiers,
            service_on=line.line.service_on,
            charged_cents=line.line.charged_cents,
            expected_cents=line.expected_cents,
            allowed_cents=line.allowed_cents,
            variance_cents=line.variance_cents,
            tolerance_cents=line.tolerance_cents,
            basis=line.basis,
        )


def _withdraw(command: WithdrawComparison, comparison: ContractComparison) -> list[ContractComparisonEvent]:
    compared = comparison.compared
    if compared is None:
        return []
    return [
        ComparisonWithdrawn(
            comparison_id=compared.comparison_id,
            account_id=compared.account_id,
            remittance_id=compared.remittance_id,
            ordinal=compared.ordinal,
            reason=command.reason,
            variance_ids=comparison.unresolved,
        )
    ]


# What people decide


def _dispute(command: DisputeVariance, comparison: ContractComparison) -> list[ContractComparisonEvent]:
    _open(command.variance_id, comparison)
    return [
        VarianceDisputed(
            variance_id=command.variance_id,
            reference=command.reference,
            disputed_on=command.disputed_on,
            note=command.note,
            disputed_by=command.disputed_by,
        )
    ]


def _resolve(command: ResolveVariance, comparison: ContractComparison) -> list[ContractComparisonEvent]:
    there = _open(command.variance_id, comparison)
    is_recovered = command.outcome == "recovered" and isinstance(there.found, UnderpaymentFound)
    most = there.found.variance_cents if is_recovered else 0
    if not 0 <= command.recovered_cents <= most:
        raise NothingToRecover(
            "what was recovered is a part of an underpayment that the payer made good for",
            recovered_cents=command.recovered_cents,
            recovered_cents_max=most,
        )
    return [
        VarianceResolved(
            variance_id=command.variance_id,
            outcome=command.outcome,
            reason=command.reason,
            recovered_cents=command.recovered_cents,
            resolved_by=command.resolved_by,
        )
    ]


def _reopen(command: ReopenVariance, comparison: ContractComparison) -> list[ContractComparisonEvent]:
    there = _known(command.variance_id, comparison)
    if there.state != "resolved":
        raise VarianceNotResolved("this was not resolved", state=there.state)
    if not comparison.stands:
        raise VarianceNotOpen("the answer that it was found in was taken back", state="withdrawn")
    return [VarianceReopened(variance_id=command.variance_id, reason=command.reason, reopened_by=command.reopened_by)]


def _open(variance_id: str, comparison: ContractComparison) -> Variance:
    there = _known(variance_id, comparison)
    if there.state not in ("open", "disputed"):
        raise VarianceNotOpen("this was resolved, or its answer was taken back", state=there.state)
    return there


def _known(variance_id: str, comparison: ContractComparison) -> Variance:
    if variance_id not in comparison.variances:
        raise VarianceUnknown("nothing was found under this id")
    return comparison.variances[variance_id]


contract_comparison: Decider[ContractComparisonCommand, ContractComparisonEvent, ContractComparison] = Decider(
    decide=decide, evolve=evolve, initial=ContractComparison()
)
