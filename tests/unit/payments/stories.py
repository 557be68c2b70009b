"""The words in which the stories about money are told: a visit of two lines, its payers, and answers to its claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

from services.payments.domain.claim_account.commands import (
    ApplyPatientPayment,
    NotePayers,
    PostCharges,
    PostClaimPayment,
)
from services.payments.domain.claim_account.decider import claim_account
from shared.events.payments import AccountPayer, ClaimAnswer, LedgerLine
from shared.events.values import AdjudicatedLine, Adjustment, DocumentReference
from shared.testing.specification import Specification

ACCOUNT = "0123456789ABCDEF"
CLAIM = ACCOUNT + "1"
SERVICE_ON = date(2026, 3, 2)
PAID_ON = date(2026, 3, 20)
SOURCE = DocumentReference(document_id="d0", place="segment 9")

account = Specification(claim_account)

AETNA = AccountPayer(rank=1, payer_id="aetna", payer_name="Aetna", electronic_id="60054")
MEDIGAP = AccountPayer(rank=2, payer_id="medigap", payer_name="Medigap", electronic_id="77777")


def ledger_line(line_id: str, cents: int, procedure_code: str = "99213") -> LedgerLine:
    return LedgerLine(
        line_id=line_id,
        charge_id=f"charge-{line_id}",
        service_on=SERVICE_ON,
        procedure_code=procedure_code,
        charged_cents=cents,
    )


def post_charges(*cents: int, release: int = 1, lines: tuple[LedgerLine, ...] | None = None) -> PostCharges:
    """Lines L1, L2, … of these charges."""
    return PostCharges(
        account_id=ACCOUNT,
        encounter_id="encounter-1",
        patient_id="patient-1",
        release=release,
        service_on=SERVICE_ON,
        lines=lines or tuple(ledger_line(f"L{number}", each) for number, each in enumerate(cents, start=1)),
        posted_on=date(2026, 3, 5),
    )


def note_payers(*payers: AccountPayer) -> NotePayers:
    return NotePayers(account_id=ACCOUNT, patient_id="patient-1", payers=payers, noted_on=date(2026, 3, 5))


def cas(group: str, reason: str, cents: int) -> Adjustment:
    return Adjustment(group=group, reason=reason, amount_cents=cents)


def said_of(
    line_id: str, charged: int, paid: int, *adjustments: Adjustment, remarks: tuple[str, ...] = ()
) -> AdjudicatedLine:
    return AdjudicatedLine(
        line_id=line_id, charged_cents=charged, paid_cents=paid, adjustments=adjustments, remarks=remarks
    )


def answer(
    charged: int,
    paid: int,
    *adjustments: Adjustment,
    lines: tuple[AdjudicatedLine, ...] = (),
    status: str = "1",
    remittance: str = "remittance-1",
    ordinal: int = 1,
    payer: str = "",
    control: str = "ICN1",
    patient: int | None = None,
) -> ClaimAnswer:
    return ClaimAnswer(
        account_id=ACCOUNT,
        claim_id=CLAIM,
        remittance_id=remittance,
        ordinal=ordinal,
        status=status,
        charged_cents=charged,
        paid_cents=paid,
        patient_responsibility_cents=patient,
        payer_control_number=control,
        payer_identifiers=(payer,) if payer else (),
        payment_on=PAID_ON,
        adjustments=adjustments,
        lines=lines,
        source=SOURCE,
    )


def of_lines(*lines: AdjudicatedLine, **more: Any) -> ClaimAnswer:
    """An answer whose charge and payment are the sums of its lines."""
    charged = sum(line.charged_cents for line in lines)
    paid = sum(line.paid_cents for line in lines)
    return answer(charged, paid, lines=lines, **more)


def post(told: ClaimAnswer) -> PostClaimPayment:
    return PostClaimPayment(answer=told)


def negated(told: ClaimAnswer, *, remittance: str, ordinal: int) -> ClaimAnswer:
    """The reversal (CLP02 22) of an answer: every amount with the other sign."""
    return of_lines(
        *(
            said_of(line.line_id, -line.charged_cents, -line.paid_cents, *_negated(line.adjustments))
            for line in told.lines
        ),
        status="22",
        remittance=remittance,
        ordinal=ordinal,
        control=told.payer_control_number,
    )


def _negated(adjustments: Iterable[Adjustment]) -> list[Adjustment]:
    return [cas(each.group, each.reason, -each.amount_cents) for each in adjustments]


def pay(cents: int, *, payment: str = "payment-1", allocation: int = 1) -> ApplyPatientPayment:
    return ApplyPatientPayment(
        account_id=ACCOUNT, patient_id="patient-1", payment_id=payment, allocation=allocation, amount_cents=cents
    )


def balances(events: Iterable[Any]) -> dict[str, int]:
    """What each ledger account stands at, zeros left out."""
    sums: Counter[str] = Counter()
    for event in events:
        for posting in getattr(event, "postings", ()):
            sums[posting.account] += posting.amount_cents
    return {name: cents for name, cents in sums.items() if cents}


def owed(events: Iterable[Any]) -> dict[str, int]:
    """What each party owes, zeros left out."""
    return {
        name.removeprefix("receivable:"): cents
        for name, cents in balances(events).items()
        if name.startswith("receivable:")
    }


INSURED = (post_charges(100_00), note_payers(AETNA))
TWICE_INSURED = (post_charges(100_00), note_payers(AETNA, MEDIGAP))
