"""What can happen to money. Past tense, in a payment poster's words. Amounts are integer cents. Streams:

`claim-account/{account_id}`, `remittance/{remittance_id}`, `patient-account/{patient_id}`, `deposit/{deposit_id}`, `unidentified-deposit/{deposit_id}`,
`books/ledger`, `opening-balances/imports`, `fee-schedule/{schedule_id}`, `payer-contracts/{payer_id}`, `contract-comparison/{comparison_id}`,
`capitation-roster/{roster_id}`, `capitation-payment/{remittance_id}-{ordinal}`.
What is about contracts stands in `contracts.py` and `capitation.py`, about money of patients that no account has taken in `patient_money.py`, about cards in `cards.py`,
about the bank in `deposits.py`.
Every money event carries postings that sum to zero. A party is `unassigned`, `payer:1`, `payer:2`, …, `patient` or `agency`;
what it owes is the sum of the postings on `receivable:<party>`.

The way of a payer's cash: `cash` to `suspense` when the 835 is received, `suspense` to the receivable when a claim of it is
posted (or to `unapplied` while there is no account). The way of a patient's: `cash` to `unapplied`, `unapplied` to
`allocated` when it is meant for an account, `allocated` to the receivable when the account took it; and the same way back.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, TypeAlias

from msgspec import Struct

from shared.events.base import Event
from shared.events.capitation import CapitationPaymentEvent, CapitationRosterEvent
from shared.events.cards import CardPaymentEvent, CardProcessorEvent
from shared.events.contracts import ContractComparisonEvent, FeeScheduleEvent, PayerContractsEvent
from shared.events.deposits import DepositEvent, UnidentifiedDepositEvent
from shared.events.patient_money import DeclineReason, PatientAccountEvent, RefundReversalReason, TakeBackReason
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
    units: str = ""  # exact decimal text; empty: not kept then
    place_of_service: str = ""  # CMS, two digits, of the line or its visit; empty: not kept then
    revenue_code: str = ""  # of an institutional line


class ChargesPosted(Event, frozen=True, kw_only=True):
    """The ledger took the charges. A later release restates all lines: the postings are the difference to what stood before.

    They are the first payer's, or nobody's (`receivable:unassigned`) until eligibility has said who is responsible.
    """

    account_id: str
    encounter_id: str
    patient_id: str
    release: int
    service_on: date
    lines: tuple[LedgerLine, ...]
    charged_cents: int  # of the account as it now stands
    postings: tuple[Posting, ...]
    billing_npi: str = ""  # of the organisation that bills; empty: not kept then


class AccountPayer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    rank: int
    payer_id: str
    payer_name: str
    electronic_id: str = ""  # by which an 835 names the payer (N104 of PR, REF*2U)
    filing_indicator: str = "CI"
    member_index: str = ""  # blind index of the patient's number with the payer; empty: not kept then


class PayersKnown(Event, frozen=True, kw_only=True):
    """Who is responsible, in order; none means the patient, said by eligibility.

    The postings move what was nobody's to the first payer; what becomes the patient's is a `ResponsibilityTransferred`.
    """

    account_id: str
    patient_id: str
    payers: tuple[AccountPayer, ...]
    postings: tuple[Posting, ...] = ()


class OpeningLine(Struct, frozen=True, kw_only=True):
    """What one party owed on an account in another system, since one day."""

    line_id: str
    party: str
    original_on: date  # the party's responsibility began
    amount_cents: int  # negative: a credit
    place: str  # in the file


class OpeningBalancesImported(Event, frozen=True, kw_only=True):
    """Balances of another system are taken over as they stood at the end of a day. One `OpeningBalanceStated` an account follows.

    They come to the control total, which somebody read off the other system, to the cent.
    """

    import_id: str
    as_of_on: date
    lines: int
    accounts: int
    control_cents: int
    document: DocumentReference
    imported_by: str


class OpeningBalanceStated(Event, frozen=True, kw_only=True):
    """What an import says of one account; the account posts it."""

    import_id: str
    account_id: str
    patient_id: str
    service_on: date  # the earliest of its lines
    payers: tuple[AccountPayer, ...] = ()
    lines: tuple[OpeningLine, ...]
    amount_cents: int
    source: DocumentReference


class OpeningBalancesTakenBack(Event, frozen=True, kw_only=True):
    """A whole import was wrong. One `OpeningBalanceWithdrawn` an account follows."""

    import_id: str
    reason: str
    taken_back_by: str


class OpeningBalanceWithdrawn(Event, frozen=True, kw_only=True):
    """What an import said of one account no longer stands; the account takes it back."""

    import_id: str
    account_id: str
    as_of_on: date


class OpeningBalancePosted(Event, frozen=True, kw_only=True):
    """An account begins with what was open in another system: against `opening-balance`, and nobody's until the
    `ResponsibilityTransferred` behind it, one for each line, say whose and since when."""

    account_id: str
    patient_id: str
    import_id: str
    service_on: date
    lines: tuple[OpeningLine, ...]
    amount_cents: int
    postings: tuple[Posting, ...]
    source: DocumentReference


class OpeningBalanceReversed(Event, frozen=True, kw_only=True):
    """What was brought along to this account was taken back: its mirror image."""

    account_id: str
    import_id: str
    amount_cents: int  # that had been posted
    postings: tuple[Posting, ...]


class ClaimAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one payer says about one claim in one 835 (loop 2100), as sent."""

    account_id: str  # of the claim number; `unmatched-…` when the number is none of ours
    claim_id: str  # CLP01; as the account when it is none of ours, because it may be a number of a person's
    remittance_id: str
    ordinal: int  # of the claim in the remittance, from 1
    status: str  # CLP02
    charged_cents: int  # CLP03
    paid_cents: int  # CLP04
    patient_responsibility_cents: int | None = None  # CLP05: information only
    payer_control_number: str = ""  # CLP07
    original_payer_control_number: str = ""  # REF*F8
    payer_identifiers: tuple[str, ...] = ()  # N104 of PR, REF*2U, TRN03: whichever the 835 gives
    payment_on: date  # BPR16
    adjustments: tuple[Adjustment, ...] = ()  # claim level
    remarks: tuple[str, ...] = ()  # MIA, MOA
    lines: tuple[AdjudicatedLine, ...] = ()
    findings: tuple[Finding, ...] = ()  # what could not be read: an error holds the answer
    source: DocumentReference


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
    findings: tuple[Finding, ...] = ()  # warnings of the reading
    entered_by: str = ""  # who typed it in from paper; empty: it came as a file
    image: DocumentReference | None = None  # of the paper


class RemittanceHeld(Event, frozen=True, kw_only=True):
    """The transaction does not balance, or is another's twin: nothing of it is posted until a person decides."""

    remittance_id: str
    trace_number: str
    payer_identifier: str
    payer_name: str = ""
    payment_cents: int
    payment_on: date
    claims: int = 0
    method: str = ""  # BPR04: CHK, ACH, NON, …; empty where it was not kept
    findings: tuple[Finding, ...]
    document: DocumentReference
    entered_by: str = ""  # as of a `RemittanceReceived`
    image: DocumentReference | None = None
    claims_cents: int | None = None  # as of a `RemittanceReceived`; absent where they were not kept
    provider_adjustments_cents: int | None = None


class RemittanceDismissed(Event, frozen=True, kw_only=True):
    """A person decided that nothing of a held remittance will be posted, and why."""

    remittance_id: str
    reason: str
    dismissed_by: str


class TraceNumberReused(Event, frozen=True, kw_only=True):
    """The same payer sent the same trace number with another amount or date; a `RemittanceHeld` of this one follows."""

    remittance_id: str
    trace_number: str
    payer_identifier: str
    first_remittance_id: str
    document: DocumentReference


class RemittanceClaimAnswered(Event, frozen=True, kw_only=True):
    """One claim of the remittance has its place: posted, held or unapplied. A later one for the same claim replaces it."""

    remittance_id: str
    ordinal: int
    account_id: str
    outcome: Literal["posted", "held", "unapplied"]
    paid_cents: int


class ProviderAdjustmentPosted(Event, frozen=True, kw_only=True):
    """One PLB pair, on the clearing account of its payer and reference, never on a claim. Positive reduces the payment.

    A chain of takebacks or forwarded balances is closed when the reference sums to zero over the remittances of one payer (the
    `payer_identifier` of the `RemittanceReceived` before it); older postings stand on `provider-adjustment:<reference>`. Interest (L6,
    CR), capitation (CT), tax withheld (IR) and levies (LE) have no other half and stand on accounts of their own.
    """

    remittance_id: str
    ordinal: int
    reason: str
    reference: str
    amount_cents: int
    postings: tuple[Posting, ...]


class RemittancePosted(Event, frozen=True, kw_only=True):
    """All claims of the remittance have answered; what a held or unapplied one becomes later is not counted again."""

    remittance_id: str
    posted_cents: int
    held_cents: int
    unapplied_cents: int
    provider_adjustments_cents: int


class ClaimPaymentPosted(Event, frozen=True, kw_only=True):
    """A payer's answer to a claim, as money. Its postings sum to zero.

    Paid and contractual are posted here; the next one's share follows as `ResponsibilityTransferred`, a denial as
    `ClaimDeniedByPayer`: denied money stays with the payer, open. What an earlier payer already did is not new money.
    """

    account_id: str
    claim_id: str
    remittance_id: str
    ordinal: int  # of the claim in the remittance, from 1
    payer_rank: int  # 1 primary, 2 secondary, 3 tertiary, in our order
    payer_id: str = ""  # ours; empty when nobody has named the account's payers
    claim_status: str  # CLP02
    charged_cents: int  # CLP03
    paid_cents: int  # CLP04
    contractual_cents: int  # newly written off under the contract
    patient_responsibility_cents: int  # new share of the patient or, before that, of the next payer
    denied_cents: int
    next_rank: int  # the payer that the share goes to; 0: the patient or nobody
    payer_control_number: str = ""  # CLP07
    payment_on: date
    forwarded: bool = False
    adjustments: tuple[Adjustment, ...] = ()  # claim level, as sent
    lines: tuple[AdjudicatedLine, ...] = ()
    postings: tuple[Posting, ...]
    source: DocumentReference
    findings: tuple[Finding, ...] = ()  # warnings: worth a look, and posted
    matrix_version: int = 1  # of the posting matrix that told contract from denial
    remarks: tuple[str, ...] = ()  # claim level (MIA, MOA), as sent; empty: none, or not kept then


class ClaimAnswerNoted(Event, frozen=True, kw_only=True):
    """An answer without money: a predetermination (CLP02 25), or not this payer's claim and forwarded (23)."""

    account_id: str
    claim_id: str
    remittance_id: str
    ordinal: int
    claim_status: str
    forwarded: bool
    source: DocumentReference


class RemittanceClaimHeld(Event, frozen=True, kw_only=True):
    """This claim's part does not balance or has no original: its cash stays in suspense, the rest goes on. Or a person took back a
    reversal, or cash that waited for an account (`unposted`)."""

    account_id: str
    claim_id: str
    remittance_id: str
    ordinal: int
    paid_cents: int
    findings: tuple[Finding, ...]
    source: DocumentReference
    postings: tuple[Posting, ...] = ()  # back to suspense, when it had waited as unapplied
    answer: ClaimAnswer | None = None  # a reversal that came before what it takes back: it is posted when that comes


class ClaimDeniedByPayer(Event, frozen=True, kw_only=True):
    """Money that is neither paid, contractual nor the patient's, by group and reason. One event for each of them."""

    account_id: str
    claim_id: str
    remittance_id: str
    ordinal: int
    payer_rank: int
    payer_id: str
    denied_cents: int
    group: str
    reason: str
    remarks: tuple[str, ...] = ()
    line_ids: tuple[str, ...] = ()
    payment_on: date


class ClaimPaymentReversed(Event, frozen=True, kw_only=True):
    """An earlier answer was taken back, by the payer (CLP02 22) or by us: its mirror image, linked.

    We do it when a person asks, and when an answer that it was read by is gone or came later: it is posted once more at once.
    What it had made another's share comes back as `ResponsibilityTransferred` with the reason `reversed`.
    """

    account_id: str
    claim_id: str
    remittance_id: str
    ordinal: int
    reverses_remittance_id: str
    reverses_ordinal: int
    payer_rank: int
    paid_cents: int  # negative
    contractual_cents: int  # negative of what the original wrote off
    denied_cents: int  # that the original had denied
    payment_on: date
    reason: Literal["payer", "unposted"] = "payer"  # unposted: by us, and its cash is in suspense again
    postings: tuple[Posting, ...]
    source: DocumentReference


class ClaimPaymentUnapplied(Event, frozen=True, kw_only=True):
    """The account is not known yet: the cash waits, and is applied when the charges arrive."""

    account_id: str
    claim_id: str
    remittance_id: str
    ordinal: int
    paid_cents: int
    answer: ClaimAnswer
    postings: tuple[Posting, ...]
    source: DocumentReference


class ClaimPaymentRematched(Event, frozen=True, kw_only=True):
    """A person found the account that cash without an account belongs to: unapplied back to suspense, to be posted there."""

    account_id: str  # where it waited
    claim_id: str
    remittance_id: str
    ordinal: int
    paid_cents: int
    to_claim_id: str
    to_account_id: str
    answer: ClaimAnswer  # as it is to be posted
    postings: tuple[Posting, ...]
    source: DocumentReference


class ResponsibilityTransferred(Event, frozen=True, kw_only=True):
    """An open amount moved from one responsible party to another, with its reason. Always positive.

    Reasons: `deductible`, `coinsurance`, `copay`, `PR-<CARC>`, `OA-<CARC>` (an answer), `self-pay`, `coverage-found`,
    `answered-by-payer` (a payer answered whom nobody had named), `reversed`, `opening-balance`, `opening-balance-taken-back`.
    """

    account_id: str
    patient_id: str
    from_party: str
    to_party: str
    amount_cents: int
    reason: str
    since_on: date  # the receiving party's responsibility begins
    remittance_id: str = ""  # of the answer that moved it, or that was reversed
    ordinal: int = 0
    postings: tuple[Posting, ...]


class PaymentApplied(Event, frozen=True, kw_only=True):
    """The account took a patient's money: allocated to the receivable of the patient, then of the agency."""

    account_id: str
    patient_id: str
    payment_id: str
    allocation: int
    amount_cents: int
    postings: tuple[Posting, ...]
    move_id: str = ""  # of the decision that brought it here; empty: it came here first
    from_account_id: str = ""  # whose credit it was


class PaymentNotTaken(Event, frozen=True, kw_only=True):
    """The patient owes less on this account than was allocated to it: the rest goes back where it came from."""

    account_id: str
    patient_id: str
    payment_id: str
    allocation: int
    amount_cents: int


class PatientPaymentReversed(Event, frozen=True, kw_only=True):
    """A patient's payment was taken back, and what the account had taken of it is owed again: the mirror of `PaymentApplied`.

    What an agency owed is the patient's again, unless the account is still with the agency.
    """

    account_id: str
    patient_id: str
    payment_id: str
    allocation: int
    amount_cents: int  # positive; the receivable grows by it
    reason: TakeBackReason
    since_on: date  # since when it is owed: the day of the patient's last responsibility, as if it had never been paid
    postings: tuple[Posting, ...]


class AppliedPaymentMoved(Event, frozen=True, kw_only=True):
    """What this account had taken of a patient's payment leaves it again: the receivable of the patient to allocated.

    A person moved the patient's credit to where it is owed, or undid such a move: then the account that gave it takes it as the credit
    that it was.
    """

    account_id: str
    patient_id: str
    payment_id: str
    allocation: int
    move_id: str
    amount_cents: int  # positive; the receivable grows by it
    destination: Literal["account", "oldest", "waits"]  # the account that is named, what is owed longest, or none
    to_account_id: str = ""
    is_undone: bool = False
    moved_by: str
    since_on: date  # since when the account owes it, if it comes to owe it
    postings: tuple[Posting, ...]


class AdjustmentRequested(Event, frozen=True, kw_only=True):
    """Somebody wants to let a party off. Nothing moves until another person agrees."""

    account_id: str
    adjustment_id: str
    party: str
    reason: str
    amount_cents: int
    requested_by: str


class AdjustmentApproved(Event, frozen=True, kw_only=True):
    """Somebody other than the requester agreed; the money leaves the receivable."""

    account_id: str
    adjustment_id: str
    party: str
    reason: str
    amount_cents: int
    approved_by: str
    postings: tuple[Posting, ...]


class AdjustmentReversed(Event, frozen=True, kw_only=True):
    """An approved adjustment was taken back: its mirror image."""

    account_id: str
    adjustment_id: str
    party: str
    reason: str
    amount_cents: int  # positive; the receivable grows by it
    reversed_by: str
    postings: tuple[Posting, ...]


class RefundRequested(Event, frozen=True, kw_only=True):
    """Somebody wants to give a party back what it paid too much. Nothing moves until another person agrees."""

    account_id: str
    refund_id: str
    to_party: str
    amount_cents: int
    requested_by: str


class RefundIssued(Event, frozen=True, kw_only=True):
    """A party that paid too much gets it back."""

    account_id: str
    refund_id: str
    to_party: str
    amount_cents: int
    postings: tuple[Posting, ...]
    approved_by: str = ""  # other than who asked; empty: one person did it, as was possible then


class RefundDeclined(Event, frozen=True, kw_only=True):
    """Somebody decided against giving the credit back: it stands."""

    account_id: str
    refund_id: str
    to_party: str
    amount_cents: int
    reason: DeclineReason
    declined_by: str


class RefundReversed(Event, frozen=True, kw_only=True):
    """A refund that was issued never reached the party: the credit stands again with its old age. The mirror of `RefundIssued`."""

    account_id: str
    refund_id: str
    to_party: str
    amount_cents: int  # positive; the credit grows by it
    reason: RefundReversalReason
    reversed_by: str
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


class PeriodClosed(Event, frozen=True, kw_only=True):
    """The books are closed up to and including a day: their figures stand.

    In them is what happened by then and was recorded up to `known_until`. What is recorded later for one of these days is a late
    entry: it keeps its day, and is posted on the first day that is still open.
    """

    period: str  # a day (2026-06-30) or a month (2026-06)
    from_on: date | None = None  # first of the days that this closed; none: all that came before
    through_on: date
    known_until: datetime
    entries: int  # postings in the books up to `through_on`
    receivable_cents: int  # as it stands at the end of `through_on`
    cash_cents: int
    accepted: tuple[str, ...] = ()  # deposits whose difference to their remittance was known and let stand
    closed_by: str


class PeriodReopened(Event, frozen=True, kw_only=True):
    """A day and all that follow it are open again. What was posted late meanwhile stays where it was posted."""

    period: str
    from_on: date
    known_until: datetime  # what is recorded later may be posted on these days again
    reason: str
    reopened_by: str


ClaimAccountEvent: TypeAlias = (
    ChargesPosted
    | PayersKnown
    | ClaimPaymentPosted
    | ClaimAnswerNoted
    | RemittanceClaimHeld
    | ClaimDeniedByPayer
    | ClaimPaymentReversed
    | ClaimPaymentUnapplied
    | ClaimPaymentRematched
    | ResponsibilityTransferred
    | PaymentApplied
    | PaymentNotTaken
    | PatientPaymentReversed
    | AppliedPaymentMoved
    | AdjustmentRequested
    | AdjustmentApproved
    | AdjustmentReversed
    | RefundRequested
    | RefundIssued
    | RefundDeclined
    | RefundReversed
    | AccountMovedToAgency
    | AccountReturnedFromAgency
    | OpeningBalancePosted
    | OpeningBalanceReversed
)
RemittanceEvent: TypeAlias = (
    RemittanceReceived
    | RemittanceHeld
    | RemittanceDismissed
    | TraceNumberReused
    | RemittanceClaimAnswered
    | ProviderAdjustmentPosted
    | RemittancePosted
)
BooksEvent: TypeAlias = PeriodClosed | PeriodReopened
OpeningBalancesEvent: TypeAlias = (
    OpeningBalancesImported | OpeningBalanceStated | OpeningBalancesTakenBack | OpeningBalanceWithdrawn
)
PaymentsEvent: TypeAlias = (
    ClaimAccountEvent
    | RemittanceEvent
    | PatientAccountEvent
    | CardPaymentEvent
    | CardProcessorEvent
    | DepositEvent
    | UnidentifiedDepositEvent
    | BooksEvent
    | FeeScheduleEvent
    | PayerContractsEvent
    | ContractComparisonEvent
    | CapitationRosterEvent
    | CapitationPaymentEvent
    | OpeningBalancesEvent
)
