"""What may one ask of a remittance?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from shared.events.values import DocumentReference, Finding

NO_PAYMENT = "NON"  # BPR04: the remittance is information only
Usage: TypeAlias = Literal["P", "T"]  # production, test
PRODUCTION: Usage = "P"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderAdjustmentTold:
    """One PLB pair."""

    reason: str  # PLB03-1
    reference: str  # PLB03-2
    amount_cents: int  # PLB04; positive reduces the payment


@dataclass(frozen=True, slots=True, kw_only=True)
class RemittanceTold:
    """An 835 without its claims: who pays, how much, under which number."""

    remittance_id: str
    trace_number: str  # TRN02
    payer_identifier: str  # TRN03
    payer_name: str
    payment_cents: int  # BPR02
    payment_on: date  # BPR16
    method: str  # BPR04
    claims: int
    claims_cents: int  # sum of CLP04
    provider_adjustments: tuple[ProviderAdjustmentTold, ...] = ()
    findings: tuple[Finding, ...] = ()  # of the reading; an error holds the remittance
    usage: str | None = PRODUCTION  # ISA15; None: it was typed in, so nobody sent it as production or test
    document: DocumentReference
    entered_by: str = ""  # who typed it in from paper; empty: it came as a file
    image: DocumentReference | None = None  # of the paper


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveRemittance:
    told: RemittanceTold
    usage_here: Usage = PRODUCTION  # of this installation: files of the other are held


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldReusedTrace:
    """The store says that another remittance has this payer's trace number."""

    told: RemittanceTold
    first_remittance_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordClaimAnswer:
    """A claim account has dealt with one claim of the remittance."""

    ordinal: int
    account_id: str
    outcome: Literal["posted", "held", "unapplied"]
    paid_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DismissRemittance:
    """Nothing of a held remittance will be posted."""

    reason: str
    dismissed_by: str


RemittanceCommand: TypeAlias = ReceiveRemittance | HoldReusedTrace | RecordClaimAnswer | DismissRemittance
