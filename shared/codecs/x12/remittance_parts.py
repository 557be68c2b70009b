"""What does a remittance say, in words? The typed documents of an 835.

Source: ASC X12N 005010X221A1. Amounts are integer cents: a positive adjustment reduces the payment, a positive provider
adjustment too.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from shared.codecs.x12.elements import Adjustment, Amount, Dated, Party, Procedure, Quantity, Reference
from shared.codecs.x12.envelope import NOWHERE, Envelope, Place
from shared.codecs.x12.problems import X12Error
from shared.codecs.x12.tokenizer import Segment

# `gc=False` in this package: frozen structs of values hold no cycles, and an 835 makes very many of them.


class ServiceLine(Struct, frozen=True, kw_only=True, gc=False):
    """SVC and what follows it (loop 2110)."""

    procedure: Procedure | None  # SVC01
    charged_cents: int  # SVC02
    paid_cents: int  # SVC03
    revenue_code: str = ""  # SVC04
    units: Decimal | None = None  # SVC05; absent means 1
    submitted_procedure: Procedure | None = None  # SVC06, when the payer changed it
    submitted_units: Decimal | None = None  # SVC07
    dates: tuple[Dated, ...] = ()  # DTM 150 151 472
    adjustments: tuple[Adjustment, ...] = ()
    references: tuple[Reference, ...] = ()
    amounts: tuple[Amount, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    remarks: tuple[Reference, ...] = ()  # LQ: qualifier HE is a RARC, RX a drug reject code
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE

    @property
    def control_number(self) -> str:
        """REF*6R: our line item control number, or empty."""
        return _reference(self.references, "6R")

    @property
    def remark_codes(self) -> tuple[str, ...]:
        return tuple(remark.value for remark in self.remarks)

    @property
    def service_on(self) -> date | None:
        """The service date (472), or the first day of the period (150)."""
        return _day(self.dates, "472") or _day(self.dates, "150")


class ClaimPayment(Struct, frozen=True, kw_only=True, gc=False):
    """CLP and what follows it (loop 2100): the payer's answer to one claim."""

    claim_id: str  # CLP01, our patient control number; `0` when the payer never had it
    status: str  # CLP02
    charged_cents: int  # CLP03
    paid_cents: int  # CLP04
    patient_responsibility_cents: int = 0  # CLP05; not used on reversals
    filing_indicator: str = ""  # CLP06
    payer_control_number: str = ""  # CLP07
    facility_type: str = ""  # CLP08
    frequency: str = ""  # CLP09
    drg: str = ""  # CLP11
    drg_weight: Decimal | None = None  # CLP12
    discharge_fraction: Decimal | None = None  # CLP13
    header_number: str = "1"  # LX01 of the group of claims that it stands in
    adjustments: tuple[Adjustment, ...] = ()
    parties: tuple[Party, ...] = ()  # NM1: QC patient, IL insured, 74 corrected, 82, TT, PR, GB
    inpatient: tuple[str, ...] = ()  # MIA01 to MIA24
    outpatient: tuple[str, ...] = ()  # MOA01 to MOA09
    references: tuple[Reference, ...] = ()
    dates: tuple[Dated, ...] = ()  # DTM 232 233 036 050
    amounts: tuple[Amount, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    lines: tuple[ServiceLine, ...] = ()
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE

    def party(self, role: str) -> Party | None:
        return next((party for party in self.parties if party.role == role), None)

    @property
    def patient(self) -> Party | None:
        """NM1*QC. Personal data."""
        return self.party("QC")

    @property
    def insured(self) -> Party | None:
        """NM1*IL, when not the patient. Personal data."""
        return self.party("IL")

    @property
    def corrected_insured(self) -> Party | None:
        """NM1*74: what the payer holds instead. Personal data."""
        return self.party("74")

    @property
    def rendering_provider(self) -> Party | None:
        return self.party("82")

    @property
    def crossover_carrier(self) -> Party | None:
        """NM1*TT: to whom the payer forwarded the claim."""
        return self.party("TT")

    @property
    def corrected_payer(self) -> Party | None:
        """NM1*PR: who should have been asked first."""
        return self.party("PR")

    @property
    def original_payer_control_number(self) -> str:
        """REF*F8."""
        return _reference(self.references, "F8")

    @property
    def remark_codes(self) -> tuple[str, ...]:
        """Every RARC of MIA and MOA, in order."""
        inpatient = [self.inpatient[index] for index in (4, 19, 20, 21, 22) if index < len(self.inpatient)]
        return tuple(code for code in (*inpatient, *self.outpatient[2:7]) if code)

    @property
    def is_reversal(self) -> bool:
        return self.status == "22"

    @property
    def is_forwarded(self) -> bool:
        return self.status in ("19", "20", "21", "23")


class ProviderAdjustment(Struct, frozen=True, kw_only=True):
    """One pair of a PLB. Positive reduces the payment, negative adds to it."""

    provider_id: str  # PLB01
    fiscal_period_on: date | None = None  # PLB02
    reason: str  # PLB03-1
    reference: str = ""  # PLB03-2
    cents: int  # PLB04
    place: Place = NOWHERE


class GroupSummary(Struct, frozen=True, kw_only=True):
    """TS3 and TS2 of a group of claims, as sent."""

    header_number: str  # LX01
    segments: tuple[Segment, ...]


class RemittanceHeader(Struct, frozen=True, kw_only=True):
    """What stands before the first claim."""

    envelope: Envelope
    control_number: str  # ST02
    handling: str  # BPR01: I information, H notification, C with payment ...
    payment_cents: int  # BPR02
    credit_or_debit: str = "C"  # BPR03
    method: str  # BPR04: ACH CHK NON BOP FWT
    payment_format: str = ""  # BPR05: CCP CTX
    payer_bank: tuple[str, str, str, str] = ("", "", "", "")  # BPR06 to 09
    originator_id: str = ""  # BPR10
    originator_supplement: str = ""  # BPR11
    payee_bank: tuple[str, str, str, str] = ("", "", "", "")  # BPR12 to 15
    effective_on: date | None = None  # BPR16
    trace_number: str = ""  # TRN02
    trace_originator: str = ""  # TRN03
    trace_supplement: str = ""  # TRN04
    receiver_id: str = ""  # REF*EV
    version: str = ""  # REF*F2
    produced_on: date | None = None  # DTM*405
    payer: Party = Party(role="PR")
    payee: Party = Party(role="PE")
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE  # of BPR


class RemittanceAdvice(Struct, frozen=True, kw_only=True):
    """One ST to SE of an 835."""

    header: RemittanceHeader
    claims: tuple[ClaimPayment, ...] = ()
    provider_adjustments: tuple[ProviderAdjustment, ...] = ()
    summaries: tuple[GroupSummary, ...] = ()
    others: tuple[Segment, ...] = ()  # between PLB and SE
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE

    @property
    def payment_cents(self) -> int:
        return self.header.payment_cents

    @property
    def trace_number(self) -> str:
        return self.header.trace_number

    @property
    def trace_originator(self) -> str:
        return self.header.trace_originator

    @property
    def effective_on(self) -> date | None:
        return self.header.effective_on

    @property
    def payer(self) -> Party:
        return self.header.payer

    @property
    def payee(self) -> Party:
        return self.header.payee


class RemittanceTrailer(Struct, frozen=True, kw_only=True):
    """What stands after the last claim, with every problem of the set."""

    provider_adjustments: tuple[ProviderAdjustment, ...]
    summaries: tuple[GroupSummary, ...]
    others: tuple[Segment, ...]
    problems: tuple[X12Error, ...]
    place: Place


RemittancePart: TypeAlias = RemittanceHeader | ClaimPayment | RemittanceTrailer


def _reference(references: tuple[Reference, ...], qualifier: str) -> str:
    return next((each.value for each in references if each.qualifier == qualifier), "")


def _day(dates: tuple[Dated, ...], qualifier: str) -> date | None:
    return next((each.first_on for each in dates if each.qualifier == qualifier), None)
