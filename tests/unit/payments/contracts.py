"""The words in which the stories about contracts are told: price lists, terms, and answers that are held against them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Literal

from services.payments.domain.contract_comparison.comparing import Charged
from services.payments.domain.fee_schedule.commands import Factors, LoadFeeSchedule
from services.payments.domain.fee_schedule.decider import fee_schedule
from services.payments.domain.fee_schedule.state import FeeSchedule
from services.payments.domain.payer_contracts.commands import AgreeContract, AmendContract, Terms
from services.payments.domain.payer_contracts.decider import payer_contracts
from services.payments.domain.payer_contracts.state import PayerContracts
from services.payments.domain.pricing.service_line import ServiceLine
from shared.events.contracts import ContractTerm, FeeRate, RelativeValues
from shared.events.payments import ClaimPaymentPosted, LedgerLine
from shared.events.values import AdjudicatedLine, Adjustment, DocumentReference
from shared.testing.specification import Specification
from tests.unit.payments.stories import ACCOUNT, CLAIM, PAID_ON, SERVICE_ON, SOURCE

schedules_spec = Specification(fee_schedule)
contracts_spec = Specification(payer_contracts)

NEW_YEAR = date(2026, 1, 1)
FACTORS = Factors(conversion_factor="32.3465", work_gpci="1.010", expense_gpci="0.987", malpractice_gpci="0.725")
BY_SCHEDULE = ContractTerm(rule="schedule", schedule_id="aetna-2026")
HALF_OF_CHARGE = ContractTerm(rule="percent-of-charge", percent="50")


def rate(code: str, cents: int, *modifiers: str, place: Literal["any", "facility", "non-facility"] = "any") -> FeeRate:
    return FeeRate(procedure_code=code, modifiers=tuple(sorted(modifiers)), place=place, amount_cents=cents)


def values(code: str = "99213", *modifiers: str, **others: str) -> RelativeValues:
    parts = {"work": "1.30", "non_facility_expense": "1.37", "facility_expense": "0.57", "malpractice": "0.10"}
    return RelativeValues(procedure_code=code, modifiers=tuple(sorted(modifiers)), **{**parts, **others})


def load(
    *prices: FeeRate | RelativeValues,
    of: str = "aetna-2026",
    since: date = NEW_YEAR,
    to: date | None = None,
    file: str = "file-1",
) -> LoadFeeSchedule:
    amounts = tuple(each for each in prices if isinstance(each, FeeRate))
    relative = tuple(each for each in prices if isinstance(each, RelativeValues))
    return LoadFeeSchedule(
        schedule_id=of,
        name="Aetna 2026",
        effective_from=since,
        effective_to=to,
        amounts=amounts,
        relative_values=relative,
        factors=FACTORS if relative else None,
        source=DocumentReference(document_id=file),
        loaded_by="user:mia",
    )


def schedule(*prices: FeeRate | RelativeValues) -> FeeSchedule:
    return schedules_spec.when(load(*prices)).state


def terms(*of: ContractTerm, cents: int = 0, percent: str = "0", lesser: bool = True) -> Terms:
    return Terms(terms=of or (BY_SCHEDULE,), lesser_of_charge=lesser, tolerance_cents=cents, tolerance_percent=percent)


def agree(contract: str = "c1", **changed: Any) -> AgreeContract:
    whole: dict[str, Any] = {
        "payer_id": "aetna",
        "contract_id": contract,
        "name": "Aetna PPO",
        "effective_from": NEW_YEAR,
        "effective_to": None,
        "billing_npi": "",
        "filing_indicator": "",
        "terms": terms(),
        "schedules": frozenset({"aetna-2026"}),
        "agreed_by": "user:mia",
    }
    return AgreeContract(**{**whole, **changed})


def amend(since: date, new: Terms) -> AmendContract:
    return AmendContract(
        contract_id="c1",
        effective_from=since,
        terms=new,
        schedules=frozenset({"aetna-2026"}),
        reason="negotiated",
        amended_by="user:mia",
    )


def agreed(*of: ContractTerm, cents: int = 0, percent: str = "0", lesser: bool = True) -> PayerContracts:
    new = terms(*of, cents=cents, percent=percent, lesser=lesser)
    return contracts_spec.when(agree(terms=new)).state


def line(
    code: str = "99213", charged: int = 200_00, *modifiers: str, units: str | None = "1", pos: str = "11", **more: Any
) -> ServiceLine:
    return ServiceLine(
        line_id=more.get("line_id", "L1"),
        service_on=more.get("on", SERVICE_ON),
        procedure_code=code,
        modifiers=modifiers,
        units=None if units is None else Decimal(units),
        place_of_service=pos,
        charged_cents=charged,
    )


def charged(*lines: LedgerLine, npi: str = "", plan: str = "CI") -> Charged:
    known = lines or (ours("L1", 200_00),)
    return Charged(
        lines={each.line_id: each for each in known}, service_on=SERVICE_ON, billing_npi=npi, filing_indicator=plan
    )


def ours(
    line_id: str, cents: int, code: str = "99213", *modifiers: str, units: str = "1", pos: str = "11"
) -> LedgerLine:
    return LedgerLine(
        line_id=line_id,
        charge_id=f"charge-{line_id}",
        service_on=SERVICE_ON,
        procedure_code=code,
        modifiers=modifiers,
        charged_cents=cents,
        units=units,
        place_of_service=pos,
    )


def posted(
    *lines: AdjudicatedLine, of_claim: tuple[Adjustment, ...] = (), rank: int = 1, status: str = "1", ordinal: int = 1
) -> ClaimPaymentPosted:
    """An answer as the ledger posted it. Only what a comparison reads is filled."""
    return ClaimPaymentPosted(
        account_id=ACCOUNT,
        claim_id=CLAIM,
        remittance_id="remittance-1",
        ordinal=ordinal,
        payer_rank=rank,
        payer_id="aetna",
        claim_status=status,
        charged_cents=sum(each.charged_cents for each in lines),
        paid_cents=sum(each.paid_cents for each in lines),
        contractual_cents=0,
        patient_responsibility_cents=0,
        denied_cents=0,
        next_rank=0,
        payment_on=PAID_ON,
        adjustments=of_claim,
        lines=lines,
        postings=(),
        source=SOURCE,
    )
