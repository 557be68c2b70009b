"""What can happen to money. Past tense, in a payment poster's words. Amounts are integer cents. Streams:

`claim-account/{account_id}`, `remittance/{remittance_id}`, `patient-account/{patient_id}`, `deposit/{deposit_id}`,
`provider-adjustment/{reference}`. Every money event carries postings that sum to zero.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

from shared.events.base import Event
from shared.events.values import (
    AdjudicatedLine,
    Adjustment,
    DocumentReference,
    Finding,
    Posting,
)


class LedgerLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    line_id: str
    charge_id: str
    service_on: date
    procedure_code: str
    modifiers: tuple[str, ...] = ()
    charged_cents: int


class ChargesPosted(Event, frozen=True, kw_only=True):
    """The ledger took the charges; the open amount waits for its responsible party."""

    account_id: str
    encounter_id: str
    patient_id: str
    release: int
    service_on: date
    lines: tuple[LedgerLine, ...]
    charged_cents: int
    postings: tuple[Posting, ...]


class AccountPayer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    rank: int
    payer_id: str
    payer_name: str
    filing_indicator: str = "CI"


class PayersKnown(Event, frozen=True, kw_only=True):
    """Who is responsible, in order; none means the patient, said by eligibility."""

    account_id: str
    patient_id: str
    payers: tuple[AccountPayer, ...]
    postings: tuple[Posting, ...] = ()  # moves the open amount to the first responsible party


class RemittanceReceived(Event, frozen=True, kw_only=True):
    """An 835 that balances as a whole: its claims will be posted one by one."""

    remittance_id: str
    trace_number: str  # TRN02
    payer_identifier: str  # TRN03
    payer_name: str
    payment_cents: int  # BPR02
    payment_on: date  # BPR16
    method: str  # BPR04
    claims: int
    claims_cents: int  # sum of CLP04
    provider_adjustments_cents: int  # sum of PLB amounts; positive reduces the payment
    document: DocumentReference
    postings: tuple[Posting, ...]  # cash to suspense


class RemittanceHeld(Event, frozen=True, kw_only=True):
    """The transaction does not balance: nothing of it is posted until a person decides."""

    remittance_id: str
    trace_number: str
    payer_identifier: str
    payer_name: str = ""
    payment_cents: int
    findings: tuple[Finding, ...]
    document: DocumentReference


class TraceNumberReused(Event, frozen=True, kw_only=True):
    """The same payer sent the same trace number with other amounts."""

    remittance_id: str
    trace_number: str
    payer_identifier: str
    first_remittance_id: str
    document: DocumentReference


class RemittanceClaimAnswered(Event, frozen=True, kw_only=True):
    """One claim of the remittance has its place: posted, held or unapplied."""

    remittance_id: str
    ordinal: int
    account_id: str
    outcome: Literal["posted", "held", "unapplied", "already-posted"]
    paid_cents: int


class ProviderAdjustmentPosted(Event, frozen=True, kw_only=True):
    """One PLB pair, on its own clearing account, never on a claim. Positive reduces the payment."""

    remittance_id: str
    ordinal: int
    reason: str
    reference: str
    amount_cents: int
    postings: tuple[Posting, ...]


class RemittancePosted(Event, frozen=True, kw_only=True):
    """All claims of the remittance have answered."""

    remittance_id: str
    posted_cents: int
    held_cents: int
    unapplied_cents: int
    provider_adjustments_cents: int


class ClaimPaymentPosted(Event, frozen=True, kw_only=True):
    """A payer's answer to a claim, as money. Its postings sum to zero."""

    account_id: str
    claim_id: str
    remittance_id: str
    ordinal: int  # of the claim in the remittance, from 1
    payer_rank: int  # 1 primary, 2 secondary, 3 tertiary
    claim_status: str  # CLP02
    charged_cents: int  # CLP03
    paid_cents: int  # CLP04
    contractual_cents: int
    patient_responsibility_cents: int  # new share of the patient
    denied_cents: int
    next_rank: int  # the payer that what is left goes to; 0: the patient or nobody
    payer_control_number: str = ""  # CLP07
    payment_on: date
    forwarded: bool = False
    adjustments: tuple[Adjustment, ...] = ()  # claim level, as sent
    lines: tuple[AdjudicatedLine, ...] = ()
    postings: tuple[Posting, ...]
    source: DocumentReference


class RemittanceClaimHeld(Event, frozen=True, kw_only=True):
    """This claim's part does not balance or has no original: its cash stays in suspense, the rest goes on."""

    account_id: str
    claim_id: str
    remittance_id: str
    ordinal: int
    paid_cents: int
    findings: tuple[Finding, ...]
    source: DocumentReference


class ClaimDeniedByPayer(Event, frozen=True, kw_only=True):
    """Money that is neither paid, contractual nor the patient's, by group and reason."""

    account_id: str
    claim_id: str
    remittance_id: str
    payer_rank: int
    payer_id: str
    denied_cents: int
    group: str
    reason: str
    remarks: tuple[str, ...] = ()
    line_ids: tuple[str, ...] = ()
    payment_on: date


class ClaimPaymentReversed(Event, frozen=True, kw_only=True):
    """A payer took back an earlier answer (CLP02 22): its mirror image, linked."""

    account_id: str
    claim_id: str
    remittance_id: str
    ordinal: int
    reverses_remittance_id: str
    reverses_ordinal: int
    payer_rank: int
    paid_cents: int  # negative
    denied_cents: int  # that the original had denied
    payment_on: date
    postings: tuple[Posting, ...]
    source: DocumentReference


class ClaimPaymentUnapplied(Event, frozen=True, kw_only=True):
    """The account is not known yet: the cash waits, and is applied when the charges arrive."""

    account_id: str
    claim_id: str
    remittance_id: str
    ordinal: int
    paid_cents: int
    postings: tuple[Posting, ...]
    source: DocumentReference


class ResponsibilityTransferred(Event, frozen=True, kw_only=True):
    """An open amount moved from one responsible party to the next, with its reason."""

    account_id: str
    patient_id: str
    from_party: str  # payer:1, patient, …
    to_party: str
    amount_cents: int
    reason: str  # "adjudicated", "self-pay", "deductible", …
    since_on: date
    postings: tuple[Posting, ...]


class PatientPaymentReceived(Event, frozen=True, kw_only=True):
    payment_id: str
    patient_id: str
    amount_cents: int
    method: Literal["cash", "check", "card", "ach"]
    received_on: date
    token: str = ""  # of the card processor; never a card number
    postings: tuple[Posting, ...]  # cash to unapplied


class PaymentAllocated(Event, frozen=True, kw_only=True):
    """Part of a patient's payment was set aside for one account: it leaves unapplied."""

    payment_id: str
    patient_id: str
    account_id: str
    amount_cents: int
    postings: tuple[Posting, ...]


class PaymentApplied(Event, frozen=True, kw_only=True):
    """The account took a patient's money."""

    account_id: str
    patient_id: str
    payment_id: str
    amount_cents: int
    postings: tuple[Posting, ...]


class AdjustmentRequested(Event, frozen=True, kw_only=True):
    account_id: str
    adjustment_id: str
    reason: str
    amount_cents: int
    requested_by: str


class AdjustmentApproved(Event, frozen=True, kw_only=True):
    """Somebody other than the requester agreed; the money leaves the receivable."""

    account_id: str
    adjustment_id: str
    reason: str
    amount_cents: int
    approved_by: str
    postings: tuple[Posting, ...]


class RefundIssued(Event, frozen=True, kw_only=True):
    account_id: str
    refund_id: str
    to_party: str
    amount_cents: int
    postings: tuple[Posting, ...]


class AccountMovedToAgency(Event, frozen=True, kw_only=True):
    account_id: str
    placement_id: str
    amount_cents: int
    postings: tuple[Posting, ...]


class AccountReturnedFromAgency(Event, frozen=True, kw_only=True):
    account_id: str
    placement_id: str
    amount_cents: int
    postings: tuple[Posting, ...]


class DepositRecorded(Event, frozen=True, kw_only=True):
    deposit_id: str
    trace_number: str
    payer_identifier: str
    amount_cents: int
    deposited_on: date


class DepositReconciled(Event, frozen=True, kw_only=True):
    deposit_id: str
    remittance_id: str
    amount_cents: int


ClaimAccountEvent: TypeAlias = (
    ChargesPosted
    | PayersKnown
    | ClaimPaymentPosted
    | RemittanceClaimHeld
    | ClaimDeniedByPayer
    | ClaimPaymentReversed
    | ClaimPaymentUnapplied
    | ResponsibilityTransferred
    | PaymentApplied
    | AdjustmentRequested
    | AdjustmentApproved
    | RefundIssued
    | AccountMovedToAgency
    | AccountReturnedFromAgency
)
RemittanceEvent: TypeAlias = (
    RemittanceReceived
    | RemittanceHeld
    | TraceNumberReused
    | RemittanceClaimAnswered
    | ProviderAdjustmentPosted
    | RemittancePosted
)
PatientAccountEvent: TypeAlias = PatientPaymentReceived | PaymentAllocated
DepositEvent: TypeAlias = DepositRecorded | DepositReconciled
PaymentsEvent: TypeAlias = ClaimAccountEvent | RemittanceEvent | PatientAccountEvent | DepositEvent
