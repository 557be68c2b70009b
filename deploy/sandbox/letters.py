"""How do the clearinghouse and its payers word their answers? TA1, 999, 277CA and 835, from typed documents to bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from msgspec import structs

from deploy.sandbox.payer import Answer, LineAnswer, patient_share, procedure_of
from shared.codecs.x12.acknowledge import reply_envelope
from shared.codecs.x12.acknowledgement_ta1 import InterchangeAcknowledgement, write_ta1
from shared.codecs.x12.claim_837d import DentalClaim, DentalLine
from shared.codecs.x12.claim_837i import InstitutionalClaim, InstitutionalLine
from shared.codecs.x12.claim_837p import ProfessionalClaim
from shared.codecs.x12.claim_837p import ServiceLine as ProfessionalLine
from shared.codecs.x12.claim_acknowledgement_277ca import (
    AcknowledgedClaim,
    ClaimAcknowledgement,
    ProviderReport,
    ReceiverReport,
    write_277ca,
)
from shared.codecs.x12.claim_parts import Claim, ClaimLine
from shared.codecs.x12.elements import Address, Adjustment, Contact, Dated, Party, Procedure, Reference
from shared.codecs.x12.envelope import Envelope
from shared.codecs.x12.hierarchy import Beginning
from shared.codecs.x12.remittance_835 import (
    ClaimPayment,
    ProviderAdjustment,
    RemittanceAdvice,
    RemittanceHeader,
    ServiceLine,
)
from shared.codecs.x12.remittance_835 import write_835 as _write_835
from shared.codecs.x12.status import Status, StatusCode

_OFFICE = Address(line_1="1 PAYER PLAZA", city="CHICAGO", state="IL", postal_code="606010001")
_LINE = (Contact(function="BL", name="EDI SUPPORT", numbers=(("TE", "3125550100"),)),)
NAMES = {
    "BLPL1": "BLUE PLAINS HEALTH",
    "PRHM2": "PRAIRIE HMO",
    "MEDB3": "MEDICARE PART B",
    "STMC4": "STATE MEDICAID",
    "SLVS5": "SILVER SUPPLEMENT",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """The way back to a sender."""

    envelope: Envelope  # of what the sender sent
    number: int  # of our interchange
    at: datetime


def answer_envelope(routing: Routing) -> Envelope:
    return reply_envelope(routing.envelope, written_at=routing.at, number=routing.number)


# --- acknowledgements -------------------------------------------------------------------------------------------------


def interchange_answer(routing: Routing, status: str, note: str) -> bytes:
    """TA1."""
    sent = routing.envelope
    answer = InterchangeAcknowledgement(
        envelope=answer_envelope(routing),
        interchange_control_number=sent.interchange_control_number,
        written_at=sent.written_at,
        status=status,
        note=note,
    )
    return write_ta1([answer])


def claim_answers(
    routing: Routing, source: Party, reference: str, claims: Sequence[Claim], words: Sequence[Word]
) -> bytes:
    """277CA: what becomes of each claim, in the words of a clearinghouse or a payer."""
    today = routing.at.date()
    provider = claims[0].billing_provider.party
    submitter = Party(role="41", name="SUBMITTER", id_qualifier="46", id=routing.envelope.sender_id)
    report = ReceiverReport(
        receiver=submitter,
        batch_reference=reference,
        statuses=(Status(codes=(StatusCode(category="A1", code="19", entity="PR"),), effective_on=today, action="WQ"),),
        providers=(
            ProviderReport(
                provider=Party(role="85", name=provider.name, id_qualifier="XX", id=provider.id),
                claims=tuple(_acknowledged(claim, word, today) for claim, word in zip(claims, words, strict=True)),
            ),
        ),
    )
    answer = ClaimAcknowledgement(
        envelope=answer_envelope(routing),
        control_number="0001",
        beginning=Beginning(
            purpose="08", reference=f"{routing.number:09d}", created_at=routing.at, transaction_type="TH"
        ),
        source=source,
        source_trace=f"{routing.number:09d}",
        received_on=today,
        processed_on=today,
        receivers=(report,),
    )
    return write_277ca([answer])


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What is said of one claim in a 277CA."""

    category: str
    code: str
    entity: str = ""
    payer_control_number: str = ""

    @property
    def is_rejection(self) -> bool:
        return self.category in ("A3", "A6", "A7", "A8")


def _acknowledged(claim: Claim, word: Word, today: date) -> AcknowledgedClaim:
    status = Status(
        codes=(StatusCode(category=word.category, code=word.code, entity=word.entity),),
        effective_on=today,
        action="U" if word.is_rejection else "WQ",
        charged_cents=claim.charged_cents,
    )
    person = claim.person
    days = [line.service_on for line in claim.lines if line.service_on]
    return AcknowledgedClaim(
        patient=Party(
            role="QC",
            is_person=True,
            name=person.name,
            first_name=person.first_name,
            id_qualifier="MI",
            id=claim.subscriber.party.id,
        ),
        claim_id=claim.claim_id,
        statuses=(status,),
        payer_control_number=word.payer_control_number,
        service=Dated(qualifier="472", first_on=min(days)) if days else None,
    )


# --- remittances ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What one 835 says."""

    payer: str
    trace_number: str
    claims: tuple[ClaimPayment, ...]
    provider_adjustments: tuple[ProviderAdjustment, ...]
    payee: Party
    off_by_cents: int = 0  # a payer's mistake

    @property
    def payment_cents(self) -> int:
        paid = sum(claim.paid_cents for claim in self.claims)
        return paid - sum(each.cents for each in self.provider_adjustments) + self.off_by_cents


def remittance(routing: Routing, payment: Payment) -> bytes:
    """835. A payment that would be negative is carried forward (PLB FB) and nothing is paid."""
    if payment.payment_cents < 0:
        forwarded = ProviderAdjustment(
            provider_id=payment.payee.id,
            fiscal_period_on=date(routing.at.year, 12, 31),
            reason="FB",
            reference=payment.trace_number,
            cents=payment.payment_cents,
        )
        payment = replace(payment, provider_adjustments=(*payment.provider_adjustments, forwarded))
    is_paid = payment.payment_cents > 0
    advice = RemittanceAdvice(
        header=RemittanceHeader(
            envelope=answer_envelope(routing),
            control_number="0001",
            handling="I" if is_paid else "H",
            payment_cents=payment.payment_cents,
            method="ACH" if is_paid else "NON",
            payment_format="CCP" if is_paid else "",
            effective_on=routing.at.date(),
            trace_number=payment.trace_number,
            trace_originator=originator(payment.payer),
            produced_on=routing.at.date(),
            payer=Party(
                role="PR",
                name=NAMES.get(payment.payer, payment.payer),
                id_qualifier="XV",
                id=payment.payer,
                address=_OFFICE,
                contacts=_LINE,
            ),
            payee=Party(role="PE", name=payment.payee.name, id_qualifier="XX", id=payment.payee.id),
        ),
        claims=payment.claims,
        provider_adjustments=payment.provider_adjustments,
    )
    return _write_835([advice])


def originator(payer: str) -> str:
    """TRN03: 1 and the payer's tax id, made up from its name."""
    return f"1{int(hashlib.sha256(payer.encode()).hexdigest(), 16) % 10**9:09d}"


def paid_claim(claim: Claim, answer: Answer, number: str) -> ClaimPayment:
    return _payment(claim, answer.status, answer.lines, number)


def reversed_claim(claim: Claim, answer: Answer, number: str) -> ClaimPayment:
    """CLP02 22: every amount of the first answer with its sign flipped."""
    flipped = tuple(
        LineAnswer(
            line=each.line,
            paid_cents=-each.paid_cents,
            adjustments=tuple(structs.replace(one, cents=-one.cents) for one in each.adjustments),
        )
        for each in answer.lines
    )
    return _payment(claim, "22", flipped, number, sign=-1)


def corrected_claim(claim: Claim, answer: Answer, number: str) -> ClaimPayment:
    return _payment(claim, "1", answer.correction, number)


def _payment(claim: Claim, status: str, lines: Sequence[LineAnswer], number: str, sign: int = 1) -> ClaimPayment:
    person = claim.person
    return ClaimPayment(
        claim_id=claim.claim_id,
        status=status,
        charged_cents=sign * claim.charged_cents,
        paid_cents=sum(each.paid_cents for each in lines),
        patient_responsibility_cents=patient_share(lines) if sign > 0 else 0,
        filing_indicator=_filing_indicator(claim.subscriber.filing_indicator),
        payer_control_number=number,
        facility_type=_facility_type(claim),
        frequency=claim.frequency,
        parties=(
            Party(
                role="QC",
                is_person=True,
                name=person.name,
                first_name=person.first_name,
                id_qualifier="MI",
                id=claim.subscriber.party.id,
            ),
        ),
        lines=tuple(_paid_line(each, sign) for each in lines),
    )


def _facility_type(claim: Claim) -> str:
    """CLP08: the place of service, or facility and care of the type of bill."""
    match claim:
        case InstitutionalClaim():
            return claim.facility_type
        case ProfessionalClaim() | DentalClaim():
            return claim.place_of_service
        case _:
            return ""


def _paid_line(answer: LineAnswer, sign: int) -> ServiceLine:
    """A line without a procedure is told by its revenue code (NU); one with both says the revenue code beside it (SVC04)."""
    line, procedure = answer.line, procedure_of(answer.line)
    revenue_code = line.revenue_code if isinstance(line, InstitutionalLine) else ""
    return ServiceLine(
        procedure=procedure or Procedure(qualifier="NU", code=revenue_code),
        revenue_code=revenue_code if procedure else "",
        charged_cents=sign * line.charged_cents,
        paid_cents=answer.paid_cents,
        units=_units(line),
        dates=(Dated(qualifier="472", first_on=line.service_on),) if line.service_on else (),
        adjustments=_merged(answer.adjustments),
        references=(Reference("6R", line.control_number),) if line.control_number else (),
    )


def _units(line: ClaimLine) -> Decimal | None:
    match line:
        case ProfessionalLine() | InstitutionalLine():
            return line.units
        case DentalLine():
            return line.quantity
        case _:
            return None


def _merged(adjustments: Sequence[Adjustment]) -> tuple[Adjustment, ...]:
    return tuple(sorted(adjustments, key=lambda each: each.group))


def _filing_indicator(of_claim: str) -> str:
    """A remittance has fewer filing indicators than a claim: a commercial plan (CI) is told as another one (ZZ)."""
    return of_claim if of_claim in _FILING_INDICATORS else "ZZ"


_FILING_INDICATORS = frozenset("12 13 14 15 16 17 AM CH DS HM LM MA MB MC OF TV VA WC ZZ".split())
