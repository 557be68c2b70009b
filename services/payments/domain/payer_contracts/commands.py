"""What may one ask of the contracts with a payer?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from shared.events.contracts import ContractTerm


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is owed, and how far a line may be from it. Percentages are exact decimal text."""

    terms: tuple[ContractTerm, ...]
    lesser_of_charge: bool
    tolerance_cents: int
    tolerance_percent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreeContract:
    """`schedules` are the fee schedules that are there, as whoever asks saw them."""

    payer_id: str
    contract_id: str
    name: str
    effective_from: date
    effective_to: date | None
    billing_npi: str
    filing_indicator: str
    terms: Terms
    schedules: frozenset[str]
    agreed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AmendContract:
    contract_id: str
    effective_from: date
    terms: Terms
    schedules: frozenset[str]
    reason: str
    amended_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndContract:
    contract_id: str
    last_on: date
    reason: str
    ended_by: str


PayerContractsCommand: TypeAlias = AgreeContract | AmendContract | EndContract
