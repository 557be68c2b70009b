"""What do the invented payers answer in real time: is this person covered, and where is this claim?

A member number says what is covered: it begins with the payer's letters for the practice's own people; `GONE` in it is a policy that
has ended, `LOST` one that nobody finds (AAA 75), `BUSY` a payer that cannot answer now (AAA 42).
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from msgspec import structs

from deploy.sandbox.letters import Routing, answer_envelope
from deploy.sandbox.payer import CONTRACTS
from shared.codecs.x12.claim_status_276_277 import ClaimStatusTransaction, read_276, write_277
from shared.codecs.x12.elements import Dated
from shared.codecs.x12.eligibility_270_271 import (
    Answer,
    Benefit,
    EligibilityResponse,
    Inquiry,
    Member,
    Rejection,
    read_270,
    write_271,
)
from shared.codecs.x12.envelope import sniff
from shared.codecs.x12.hierarchy import Beginning
from shared.codecs.x12.status import Status, StatusCode


class NotAQuestion(Exception):
    """Only a 270 or a 276 is answered in real time."""


def answer(content: bytes, number: int, at: datetime) -> bytes:
    """The 271 to a 270, the 277 to a 276. Raises NotAQuestion."""
    match sniff(content):
        case "270":
            return _eligibility(content, number, at)
        case "276":
            return _status(content, number, at)
        case kind:
            raise NotAQuestion(f"{kind or 'this'} is not a 270 or 276")


def _eligibility(content: bytes, number: int, at: datetime) -> bytes:
    responses = [
        EligibilityResponse(
            envelope=answer_envelope(Routing(envelope=inquiry.envelope, number=number, at=at)),
            control_number=inquiry.control_number,
            beginning=Beginning(
                purpose="11",
                reference=inquiry.beginning.reference,
                created_at=at,
                transaction_type="",
            ),
            answers=tuple(_answer(each, at.date()) for each in inquiry.inquiries),
        )
        for inquiry in read_270(content)
    ]
    return write_271(responses)


def _answer(inquiry: Inquiry, today: date) -> Answer:
    member = inquiry.subscriber.party.id
    asked_on = next((each.first_on for question in inquiry.questions for each in question.dates), today)
    payer = inquiry.payer
    if "BUSY" in member:
        payer = structs.replace(payer, system_rejections=(Rejection(reason="42", follow_up="R"),))
        return Answer(payer=payer)
    subscriber = structs.replace(
        inquiry.subscriber,
        traces=tuple(structs.replace(trace, type="2") for trace in inquiry.subscriber.traces),
    )
    if "LOST" in member:
        subscriber = structs.replace(subscriber, rejections=(Rejection(reason="75", follow_up="C"),))
        return Answer(payer=payer, provider=inquiry.provider, subscriber=subscriber, dependent=inquiry.dependent)
    return Answer(
        payer=payer,
        provider=inquiry.provider,
        subscriber=_with_dates(subscriber, asked_on),
        dependent=inquiry.dependent,
        benefits=_benefits(payer.party.id, is_active="GONE" not in member),
    )


def _with_dates(subscriber: Member, asked_on: date) -> Member:
    return structs.replace(subscriber, dates=(Dated(qualifier="307", first_on=asked_on),))


def _benefits(payer: str, *, is_active: bool) -> tuple[Benefit, ...]:
    if not is_active:
        return (Benefit(information="6", service_types=("30",)),)
    _, copay, coinsurance = CONTRACTS.get(payer, (0, 20_00, 0))
    rows = [Benefit(information="1", coverage_level="IND", service_types=("30",), plan="STANDARD")]
    if copay:
        rows.append(
            Benefit(information="B", coverage_level="IND", service_types=("98",), period="27", amount_cents=copay)
        )
    if coinsurance:
        share = Decimal(coinsurance) / 100
        rows.append(Benefit(information="A", coverage_level="IND", service_types=("30",), fraction=share))
    rows.append(
        Benefit(information="C", coverage_level="IND", service_types=("30",), period="23", amount_cents=1_000_00)
    )
    return tuple(rows)


def _status(content: bytes, number: int, at: datetime) -> bytes:
    """Every claim is in process: what became of it comes by 835."""
    pending = Status(codes=(StatusCode(category="P1", code="20", entity="PR"),), effective_on=at.date())
    answers = [
        ClaimStatusTransaction(
            envelope=answer_envelope(Routing(envelope=question.envelope, number=number, at=at)),
            control_number=question.control_number,
            beginning=Beginning(
                purpose="08", reference=question.beginning.reference, created_at=at, transaction_type="DG"
            ),
            entries=tuple(
                structs.replace(entry, statuses=(pending,), charged_cents=None) for entry in question.entries
            ),
        )
        for question in read_276(content)
    ]
    return write_277(answers)
