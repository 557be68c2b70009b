"""Which remittances does an X12 file bring, and what does each say about each claim?

Source: ASC X12N 005010X221A1 through `shared.codecs.x12`. Words of the standard become words of the domain; nothing is decided
here. What cannot be read becomes a finding: of the claim when it lies within one, otherwise of the whole remittance.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.payments.domain.remittance.commands import ProviderAdjustmentTold, RemittanceTold
from services.payments.domain.remittance.identity import remittance_id_of
from shared.codecs.x12.elements import Adjustment as CasTriplet
from shared.codecs.x12.problems import X12Error
from shared.codecs.x12.remittance_835 import ClaimPayment, RemittanceAdvice, ServiceLine, read_835
from shared.codecs.x12.values import quantity_text
from shared.events.payments import ClaimAnswer
from shared.events.values import AdjudicatedLine, Adjustment, DocumentReference, Finding
from shared.kernel.identifiers import account_of_claim

# Counts and control numbers of the envelope: worth a look, but whether money is right is what the balance says.
_ENVELOPE = re.compile(r"(ISA|GS|ST|SE|GE|IEA)[0-9]{2}\Z")
CURRENCY = "USD"
_ACCOUNT = re.compile(r"[0-9A-HJKMNP-TV-Z]{16}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemittanceRead:
    """One ST of a file: the remittance as a whole, and how to say what it says about each claim."""

    told: RemittanceTold
    control_number: str  # ST02
    advice: RemittanceAdvice

    def answers(self) -> list[ClaimAnswer]:
        """One for each CLP, in the order of the file."""
        problems = _problems_by_claim(self.advice)
        return [
            _answer(claim, self.advice, self.told, ordinal, problems.get(ordinal, ()))
            for ordinal, claim in enumerate(self.advice.claims, start=1)
        ]


def read_remittances(content: bytes, document_id: str) -> list[RemittanceRead]:
    """Every 835 of a file. Other transaction sets are passed over; none gives an empty list."""
    return [_remittance(advice, document_id) for advice in read_835(content)]


def account_named_by(claim_id: str) -> str:
    """The account of a claim number of ours; for any other number a name that is made from it and holds nothing of it."""
    account_id = account_of_claim(claim_id)
    if is_ours(account_id):
        return account_id
    return f"unmatched-{hashlib.sha256(claim_id.encode()).hexdigest()[:16]}"


def is_ours(account_id: str) -> bool:
    """Whether it has the shape of our account numbers."""
    return _ACCOUNT.match(account_id) is not None


def _remittance(advice: RemittanceAdvice, document_id: str) -> RemittanceRead:
    header = advice.header
    payment_on = header.effective_on or header.envelope.written_at.date()
    payer_identifier = header.trace_originator or header.originator_id or header.payer.id
    told = RemittanceTold(
        remittance_id=remittance_id_of(
            payer_identifier=payer_identifier,
            trace_number=header.trace_number,
            payment_on=payment_on,
            payment_cents=header.payment_cents,
        ),
        trace_number=header.trace_number,
        payer_identifier=payer_identifier,
        payer_name=header.payer.name,
        payment_cents=header.payment_cents,
        payment_on=payment_on,
        method=header.method,
        claims=len(advice.claims),
        claims_cents=sum(claim.paid_cents for claim in advice.claims),
        provider_adjustments=tuple(
            ProviderAdjustmentTold(reason=each.reason, reference=each.reference, amount_cents=each.cents)
            for each in advice.provider_adjustments
        ),
        findings=(*_missing(advice), *_foreign(advice), *map(_finding, _problems_by_claim(advice).get(0, ()))),
        usage=header.envelope.usage,
        document=DocumentReference(document_id=document_id, place=f"segment {advice.place.first_segment}"),
    )
    return RemittanceRead(told=told, control_number=header.control_number, advice=advice)


def _missing(advice: RemittanceAdvice) -> Iterator[Finding]:
    """Without these nobody can say which payment it is."""
    place = f"segment {advice.place.first_segment}"
    if not advice.trace_number:
        yield Finding(rule="trace-number-missing", place=f"{place} TRN02", message="a payment has a trace number")
    if advice.effective_on is None:
        yield Finding(rule="payment-date-missing", place=f"{place} BPR16", message="a payment has a date")


def _foreign(advice: RemittanceAdvice) -> Iterator[Finding]:
    """Every amount of the ledger is in US dollars, and so is an 835 that does not name a currency."""
    for segment in advice.header.others:
        if segment.id == "CUR" and segment[2].strip().upper() != CURRENCY:
            yield Finding(
                rule="currency-not-us-dollars",
                place=f"segment {segment.number} CUR02",
                message="a payment that is posted is in US dollars",
                value=segment[2],
            )


def _problems_by_claim(advice: RemittanceAdvice) -> dict[int, list[X12Error]]:
    """The problems by the ordinal of the claim in which they lie; 0 for those of the remittance as a whole."""
    starts = [claim.place.first_segment for claim in advice.claims]
    found: dict[int, list[X12Error]] = {}
    for problem in advice.problems:
        ordinal = bisect_right(starts, problem.segment)
        is_within = ordinal > 0 and problem.segment <= advice.claims[ordinal - 1].place.last_segment
        found.setdefault(ordinal if is_within else 0, []).append(problem)
    return found


def _finding(problem: X12Error) -> Finding:
    return Finding(
        rule=problem.rule_id,
        place=f"segment {problem.segment} {problem.element}",
        message=problem.message,
        value=problem.found,
        severity="warning" if _ENVELOPE.match(problem.element) else problem.severity,
    )


def _answer(
    claim: ClaimPayment, advice: RemittanceAdvice, told: RemittanceTold, ordinal: int, problems: Sequence[X12Error]
) -> ClaimAnswer:
    header = advice.header
    account_id = account_named_by(claim.claim_id)
    identifiers = (header.payer.id, header.payer.reference("2U"), header.trace_originator)
    return ClaimAnswer(
        account_id=account_id,
        claim_id=claim.claim_id.strip().upper() if is_ours(account_id) else account_id,
        remittance_id=told.remittance_id,
        ordinal=ordinal,
        status=claim.status,
        charged_cents=claim.charged_cents,
        paid_cents=claim.paid_cents,
        patient_responsibility_cents=claim.patient_responsibility_cents,
        payer_control_number=claim.payer_control_number,
        original_payer_control_number=claim.original_payer_control_number,
        payer_identifiers=tuple(dict.fromkeys(each for each in identifiers if each)),
        payment_on=told.payment_on,
        adjustments=_adjustments(claim.adjustments),
        remarks=claim.remark_codes,
        lines=tuple(_line(line) for line in claim.lines),
        findings=tuple(map(_finding, problems)),
        source=DocumentReference(document_id=told.document.document_id, place=f"segment {claim.place.first_segment}"),
    )


_REVENUE_CODE = "NU"  # SVC01-1: a hospital's line without a procedure


def _line(line: ServiceLine) -> AdjudicatedLine:
    procedure = line.submitted_procedure or line.procedure  # what we sent, when the payer changed it
    is_revenue_code = procedure is not None and procedure.qualifier == _REVENUE_CODE
    return AdjudicatedLine(
        line_id=line.control_number,
        procedure_code=procedure.code if procedure and not is_revenue_code else "",
        revenue_code=procedure.code if procedure and is_revenue_code else line.revenue_code,
        modifiers=procedure.modifiers if procedure else (),
        charged_cents=line.charged_cents,
        paid_cents=line.paid_cents,
        units=quantity_text(line.units) if line.units is not None else "",
        service_on=line.service_on,
        adjustments=_adjustments(line.adjustments),
        remarks=line.remark_codes,
    )


def _adjustments(triplets: Sequence[CasTriplet]) -> tuple[Adjustment, ...]:
    return tuple(
        Adjustment(
            group=each.group,
            reason=each.reason,
            amount_cents=each.cents,
            quantity=quantity_text(each.quantity) if each.quantity is not None else "",
        )
        for each in triplets
    )
