"""How does an EOB on paper become a remittance like any other?

What was typed in is written as an 835, and that file is kept and posted as if the payer had sent it: the same balances are asked for,
the same queues hold what is wrong, and when the payer sends the 835 after all it is known. The same words give the same bytes.

Source: ASC X12N 005010X221A1.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from services.payments.domain.days import start_of
from services.payments.domain.remittance.commands import ProviderAdjustmentTold
from shared.codecs.x12.elements import Adjustment as CasTriplet
from shared.codecs.x12.elements import Dated, Party, Procedure, Reference
from shared.codecs.x12.envelope import Envelope
from shared.codecs.x12.remittance_835 import (
    ClaimPayment,
    ProviderAdjustment,
    RemittanceAdvice,
    RemittanceHeader,
    ServiceLine,
    write_835,
)
from shared.events.values import AdjudicatedLine, Adjustment

_NOBODY = "PAPER"  # in the envelope, and for the payee, whom the paper is in the hands of


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperClaim:
    """One claim of an EOB. A positive adjustment reduces the payment."""

    claim_id: str
    status: str  # as CLP02
    charged_cents: int
    paid_cents: int
    payer_control_number: str = ""
    original_payer_control_number: str = ""
    adjustments: tuple[Adjustment, ...] = ()  # of the claim as a whole
    remarks: tuple[str, ...] = ()  # five at most
    lines: tuple[AdjudicatedLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRemittance:
    """One check or transfer, and the EOBs that came with it."""

    payer_identifier: str
    payer_name: str
    payer_electronic_id: str = ""
    trace_number: str
    payment_on: date
    payment_cents: int
    method: str  # as BPR04: CHK, ACH, NON
    claims: tuple[PaperClaim, ...]
    provider_adjustments: tuple[ProviderAdjustmentTold, ...] = ()


def as_835(paper: PaperRemittance) -> bytes:
    """One interchange with one 835. Nothing is checked here."""
    advice = RemittanceAdvice(
        header=RemittanceHeader(
            envelope=Envelope(
                sender_id=_NOBODY,
                receiver_id=_NOBODY,
                written_at=start_of(paper.payment_on),
                interchange_control_number="000000001",
                group_control_number="1",
                application_sender=_NOBODY,
                application_receiver=_NOBODY,
            ),
            control_number="0001",
            handling="I" if paper.payment_cents else "H",
            payment_cents=paper.payment_cents,
            method=paper.method,
            effective_on=paper.payment_on,
            trace_number=paper.trace_number,
            trace_originator=paper.payer_identifier,
            produced_on=paper.payment_on,
            payer=Party(
                role="PR",
                name=paper.payer_name,
                id_qualifier="XV" if paper.payer_electronic_id else "",
                id=paper.payer_electronic_id,
            ),
            payee=Party(role="PE", name=_NOBODY),
        ),
        claims=tuple(map(_claim, paper.claims)),
        provider_adjustments=tuple(
            ProviderAdjustment(
                provider_id=_NOBODY,
                fiscal_period_on=date(paper.payment_on.year, 12, 31),
                reason=each.reason,
                reference=each.reference,
                cents=each.amount_cents,
            )
            for each in paper.provider_adjustments
        ),
    )
    return write_835([advice])


def _claim(claim: PaperClaim) -> ClaimPayment:
    every = [*claim.adjustments, *(each for line in claim.lines for each in line.adjustments)]
    original = claim.original_payer_control_number
    return ClaimPayment(
        claim_id=claim.claim_id,
        status=claim.status,
        charged_cents=claim.charged_cents,
        paid_cents=claim.paid_cents,
        patient_responsibility_cents=sum(each.amount_cents for each in every if each.group == "PR"),
        payer_control_number=claim.payer_control_number,
        adjustments=_triplets(claim.adjustments),
        outpatient=("", "", *claim.remarks) if claim.remarks else (),
        references=(Reference("F8", original),) if original else (),
        lines=tuple(map(_line, claim.lines)),
    )


def _line(line: AdjudicatedLine) -> ServiceLine:
    return ServiceLine(
        procedure=Procedure(code=line.procedure_code, modifiers=line.modifiers),
        charged_cents=line.charged_cents,
        paid_cents=line.paid_cents,
        units=Decimal(line.units) if line.units else None,
        dates=(Dated(qualifier="472", first_on=line.service_on),) if line.service_on else (),
        adjustments=_triplets(line.adjustments),
        references=(Reference("6R", line.line_id),) if line.line_id else (),
        remarks=tuple(Reference("HE", remark) for remark in line.remarks),
    )


def _triplets(adjustments: tuple[Adjustment, ...]) -> tuple[CasTriplet, ...]:
    return tuple(CasTriplet(group=each.group, reason=each.reason, cents=each.amount_cents) for each in adjustments)
