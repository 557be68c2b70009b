"""What do callers of the payments service send, and what do they get? Amounts are integer cents."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.payments.adapters.remittance_files import Received
from shared.events.patient_money import DeclineReason, RefundReversalReason, TakeBackReason
from shared.events.values import Finding
from shared.kernel.card_numbers import is_card_number
from shared.runtime.web import Done, done

SERVICE = "payments"


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


Id = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._:-]+$")]
Code = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[A-Za-z0-9-]+$")]
Party = Annotated[str, Field(pattern=r"^(payer:[1-9][0-9]?|patient|agency)$")]
Cents = Annotated[int, Field(gt=0, le=10**12, strict=True)]
LateEntry = Annotated[
    bool, Field(description="A closed day is meant: it keeps its day, and is posted on the first day that is open.")
]
Basis: TypeAlias = Literal["happened", "posted"]


class FindingRow(BaseModel):
    rule: str
    place: str
    message: str
    value: str = ""
    severity: str = "error"

    @classmethod
    def of(cls, finding: Finding) -> FindingRow:
        return cls(
            rule=finding.rule,
            place=finding.place,
            message=finding.message,
            value=finding.value,
            severity=finding.severity,
        )


# Remittances


class ReceivedRow(BaseModel):
    """What became of one 835 of the file."""

    control_number: str = Field(description="ST02")
    remittance_id: str
    trace_number: str
    payment_cents: int
    outcome: Literal["accepted", "held", "known"]
    findings: list[FindingRow]
    done: Done

    @classmethod
    def of(cls, received: Received) -> ReceivedRow:
        return cls(
            control_number=received.control_number,
            remittance_id=received.remittance_id,
            trace_number=received.trace_number,
            payment_cents=received.payment_cents,
            outcome=received.outcome,
            findings=[FindingRow.of(each) for each in received.findings],
            done=done(received.done, SERVICE),
        )


class RemittanceRow(BaseModel):
    remittance_id: str
    status: str
    trace_number: str
    payer_identifier: str
    payer_name: str
    payment_on: date
    method: str
    claims: int
    payment_cents: int
    claims_cents: int
    provider_adjustments_cents: int
    difference_cents: int | None = Field(
        default=None,
        description="Claims less provider adjustments less payment; null where a held one was taken in before this was kept.",
    )
    deposited_on: date | None = Field(default=None, description="When the bank showed the payment.")
    auto_posted_claims: int = Field(default=0, description="Claims that were answered for without a person.")
    review_claims: int = Field(
        default=0, description="Claims that wait for a person: held, or cash without an account."
    )
    findings: list[FindingRow] | None = None
    first_remittance_id: str = ""
    document_id: str
    place: str
    entered_by: str = Field(default="", description="Who typed it in from paper; empty: it came as a file.")
    image_id: str | None = Field(default=None, description="Document of the paper.")
    received_at: datetime


class RemittancesSummary(BaseModel):
    """What the list of the same filters comes to."""

    remittances: int
    claims: int
    payment_cents: int
    difference_cents: int
    auto_posted_claims: int
    review_claims: int
    positions: dict[str, str]


class RemittanceClaimRow(BaseModel):
    remittance_id: str
    ordinal: int
    account_id: str
    claim_id: str
    outcome: str
    claim_status: str
    payer_rank: int | None = None
    is_reversed: bool
    paid_cents: int
    contractual_cents: int
    patient_responsibility_cents: int
    denied_cents: int
    findings: list[FindingRow] | None = None
    document_id: str
    place: str
    answered_at: datetime


class ProviderAdjustmentRow(BaseModel):
    remittance_id: str
    ordinal: int
    reason: str
    reference: str
    clearing: str
    amount_cents: int
    posted_at: datetime


class RemittanceDetail(BaseModel):
    remittance: RemittanceRow
    claims: list[RemittanceClaimRow]
    next: str | None = Field(description="Cursor of the claims behind these.")
    provider_adjustments: list[ProviderAdjustmentRow]
    cents_by_outcome: dict[str, int] = Field(description="Sum of what the answered claims were paid, by outcome.")
    positions: dict[str, str]


class RematchBody(Body):
    claim_id: Annotated[str, Field(pattern=r"^[0-9A-HJKMNP-TV-Z]{17}$", description="A claim number of ours (CLM01).")]


class DismissBody(Body):
    reason: Code


class Unposted(BaseModel):
    claims: int = Field(description="How many answers were taken back.")
    after: str | None


class ChainRow(BaseModel):
    payer_identifier: str = Field(description="Of the remittances (TRN03).")
    payer_name: str
    reference: str = Field(description="PLB03-2, or the reason where the payer gives none.")
    clearing: str
    open_cents: int


# Accounts


class AccountRow(BaseModel):
    account_id: str
    encounter_id: str
    patient_id: str
    service_on: date | None
    release: int
    placement_id: str
    charged_cents: int
    opening_cents: int = Field(description="That was open in another system and brought along from there.")
    paid_by_payers_cents: int
    paid_by_patient_cents: int
    contractual_cents: int
    written_off_cents: int
    refunded_cents: int
    owed_cents: int


class PartyRow(BaseModel):
    party: str
    payer_id: str | None
    payer_name: str | None
    owed_cents: int
    denied_cents: int
    since_on: date | None
    reason: str


class LineRow(BaseModel):
    """A charge line and where its money stands, by ledger account."""

    line_id: str
    service_on: date | None = None
    procedure_code: str = ""
    modifiers: str = ""
    charged_cents: int = 0
    money: dict[str, int]


class AdjustmentRow(BaseModel):
    account_id: str
    adjustment_id: str
    party: str
    reason: str
    status: str
    requested_by: str
    approved_by: str
    requested_at: datetime
    amount_cents: int


class PostingRow(BaseModel):
    """One leg: what moved, when, and why."""

    event: str
    ledger: str
    line_id: str
    amount_cents: int
    reason: str
    occurred_at: datetime
    recorded_at: datetime
    since_on: date | None


class AccountDetail(BaseModel):
    account: AccountRow
    parties: list[PartyRow]
    lines: list[LineRow]
    answers: list[RemittanceClaimRow]
    adjustments: list[AdjustmentRow]
    history: list[PostingRow]
    positions: dict[str, str]


class AdjustmentBody(Body):
    adjustment_id: Id
    party: Party
    reason: Code
    amount_cents: Cents


class RefundBody(Body):
    refund_id: Id
    to_party: Party
    amount_cents: Cents


# Figures


class Balances(BaseModel):
    as_of: datetime
    known_at: datetime
    parties: dict[str, int]
    total_cents: int
    positions: dict[str, str]


class TrialBalanceRow(BaseModel):
    ledger: str
    debit_cents: int = Field(description="Sum of what was debited.")
    credit_cents: int = Field(description="Sum of what was credited, as a positive number.")
    balance_cents: int = Field(description="Debits less credits.")


class TrialBalance(BaseModel):
    as_of: datetime
    known_at: datetime
    basis: Basis
    closed_through: date | None = Field(default=None, description="On the basis of the books: their last closed day.")
    items: list[TrialBalanceRow] = Field(description="Every account of the ledger that ever moved.")
    accounts: dict[str, int] = Field(description="Balances that are not zero, by account.")
    debit_cents: int
    credit_cents: int
    total_cents: int = Field(description="Zero, always.")
    positions: dict[str, str]


class RollForwardRow(BaseModel):
    """One party's receivable over a period: opening + charges - payer payments - patient payments - contractual - write-offs
    + refunds + transfers + brought in + other = closing, exactly. Each column is the sum of the postings of `movement`."""

    party: str
    opening_cents: int = 0
    charges_cents: int = 0
    payer_payments_cents: int = 0
    patient_payments_cents: int = 0
    contractual_cents: int = 0
    write_offs_cents: int = 0
    refunds_cents: int = 0
    transfers_cents: int = Field(default=0, description="From and to other parties; all parties' sum to zero.")
    brought_in_cents: int = Field(default=0, description="Open in another system, and taken over from there.")
    other_cents: int = 0
    closing_cents: int = 0
    late_cents: int = Field(
        default=0, description="What of the period's movement is late entries of days before it, in its sign."
    )


class RollForward(BaseModel):
    period: str
    from_on: date
    through_on: date
    known_at: datetime
    is_closed: bool = Field(description="Its figures stand.")
    items: list[RollForwardRow]
    total: RollForwardRow
    positions: dict[str, str]


class LedgerPostingRow(BaseModel):
    """One leg in the books: the day on which it happened, and the day on which it was posted."""

    event_id: UUID
    ordinal: int
    stream: str
    event: str
    account_id: str
    line_id: str
    ledger: str
    against: str = Field(description="Ledger account of the other leg.")
    movement: str = Field(description="Column of the roll-forward, on receivables.")
    amount_cents: int
    reason: str
    occurred_at: datetime
    recorded_at: datetime
    happened_on: date
    posted_on: date
    is_late: bool


# The books


class CloseBody(Body):
    accept_deposits: tuple[Id, ...] = Field(
        default=(),
        max_length=100,
        description="Deposits that differ from their remittance, and whose difference stands.",
    )


class ReopenBody(Body):
    reason: Code


class ObstacleRow(BaseModel):
    rule: Literal[
        "ledger-not-zero", "posting-parked", "remittance-not-answered", "payment-on-its-way", "deposit-differs"
    ]
    where: str
    cents: int


class Readiness(BaseModel):
    """Whether a period can be closed, and what it would say."""

    period: str
    from_on: date | None = Field(description="First day that closing it would close; null: all that came before too.")
    through_on: date
    is_closed: bool
    obstacles: list[ObstacleRow]
    entries: int
    receivable_cents: int
    cash_cents: int
    known_until: datetime = Field(description="What was recorded up to then is in it.")


class ClosingRow(BaseModel):
    """A period that was closed or reopened, with the figures that its closing said."""

    number: int
    kind: Literal["closed", "reopened"]
    period: str
    from_on: date | None
    through_on: date = Field(description="The books are closed through this day behind it.")
    known_until: datetime
    entries: int
    receivable_cents: int
    cash_cents: int
    accepted: list[str] | None
    reason: str
    decided_by: str
    recorded_at: datetime


class Aging(BaseModel):
    as_of: datetime
    known_at: datetime
    basis: str
    parties: dict[str, dict[str, int]] = Field(description="Cents by party and by age in days.")
    buckets: dict[str, int]
    total_cents: int
    positions: dict[str, str]


class AgedAccountRow(BaseModel):
    """What one party owes on one account at one age. `aged_on` is the oldest day of it."""

    account_id: str
    party: str
    bucket: str
    aged_on: date | None
    cents: int


class UnappliedRow(BaseModel):
    payment_id: str
    patient_id: str
    received_on: date
    unapplied_cents: int


class CreditRow(BaseModel):
    """What one party is owed on one account, and since when we know."""

    account_id: str
    party: str
    whose: str = Field(description="Whose money it is: payer, patient, agency or unassigned.")
    payer_id: str | None
    payer_name: str | None
    filing_indicator: str = Field(description="SBR09 of the payer; empty: not known.")
    patient_id: str | None
    service_on: date | None
    credit_cents: int
    since_on: date = Field(description="Below zero without a break since it was recorded on this day.")
    days: int
    is_federal: bool
    due_on: date | None = Field(description="Of federal payers: 60 days after it was known (42 CFR 401.305).")
    is_overdue: bool


class CreditSumRow(BaseModel):
    whose: str
    is_federal: bool
    is_overdue: bool
    credits: int
    credit_cents: int


class CreditSums(BaseModel):
    """The list of credits, counted and summed."""

    on: date
    items: list[CreditSumRow]
    credits: int
    credit_cents: int
    overdue_cents: int
    positions: dict[str, str]


# Patients' payments and deposits


def refused_card_number(token: str) -> str:
    """A processor's token as it is. Raises ValueError for what looks like the number of a card, and does not repeat it."""
    if is_card_number(token):
        raise ValueError("this looks like the number of a card: only the token of the processor is taken")
    return token


class NamedBody(Body):
    account_id: Id
    amount_cents: Cents


class PatientPaymentBody(Body):
    payment_id: Id
    patient_id: Id
    amount_cents: Cents
    method: Literal["cash", "check", "card", "ach"]
    received_on: date
    token: Annotated[
        str,
        Field(max_length=120, pattern=r"^[A-Za-z0-9._:-]*$", description="Of the card processor; never a card number."),
        AfterValidator(refused_card_number),
    ] = ""
    accounts: tuple[NamedBody, ...] = Field(default=(), max_length=50, description="What of it is for which account.")
    late_entry: LateEntry = False


class PatientPaymentRow(BaseModel):
    payment_id: str
    patient_id: str
    method: str
    received_on: date
    amount_cents: int
    allocated_cents: int
    returned_cents: int = Field(description="Came back from accounts, or was taken off them with the payment.")
    refunded_cents: int
    taken_back_on: date | None
    taken_back_reason: str
    taken_back_cents: int = Field(description="That left cash.")
    overdrawn_cents: int = Field(description="Part of it that had been refunded before: the patient had it twice.")
    still_overdrawn_cents: int = Field(description="And has not made it good.")
    covering_cents: int = Field(description="Spent on what was overdrawn of other payments.")
    unapplied_cents: int


class MovedRow(BaseModel):
    """A part of a payment that a person moved, and that stands on the account to which it went."""

    payment_id: str
    move_id: str
    moved_by: str
    from_account_id: str = Field(description="Whose credit it was; empty: it waited.")
    account_id: str
    applied_cents: int


class PatientPayments(BaseModel):
    items: list[PatientPaymentRow]
    moves: list[MovedRow]
    positions: dict[str, str]


class RefundUnappliedBody(Body):
    patient_id: Id
    refund_id: Id
    amount_cents: Cents
    to_card: bool | None = Field(
        default=None, description="Back to the card; left out: if it came from it through our processor, else by check."
    )


class OfPatientBody(Body):
    patient_id: Id


class TakeBackBody(Body):
    patient_id: Id
    reason: TakeBackReason
    taken_back_on: date
    refunded_too: bool = Field(
        default=False, description="The bank took what had been refunded of it as well: the patient had it twice."
    )
    late_entry: LateEntry = False


RefundStatus: TypeAlias = Literal["requested", "issued", "declined", "reversed"]


class RefundRow(BaseModel):
    """A refund that one person asked for, and another agrees to."""

    refund_id: str
    account_id: str = Field(description="Whose credit it is; empty: it waits of a payment.")
    payment_id: str = Field(description="Of which it waits; empty: an account's credit.")
    patient_id: str
    to_party: str
    status: str = Field(description="`requested`, `issued`, `declined` or `reversed` (it never arrived).")
    requested_by: str
    approved_by: str
    declined_by: str
    decline_reason: str
    reversed_by: str
    reversal_reason: str
    requested_at: datetime | None = Field(description="Null: one person issued it, as was possible once.")
    decided_at: datetime | None
    reversed_at: datetime | None
    amount_cents: int


class DeclineBody(Body):
    reason: DeclineReason


class DeclineUnappliedBody(OfPatientBody):
    reason: DeclineReason


class ReverseRefundBody(Body):
    reason: RefundReversalReason


class ReverseUnappliedRefundBody(OfPatientBody):
    reason: RefundReversalReason


class DepositBody(Body):
    trace_number: Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[\x21-\x7e]+$")]
    payer_identifier: Annotated[str, Field(min_length=1, max_length=30, pattern=r"^[\x21-\x7e]+$")]
    amount_cents: Cents
    deposited_on: date
    late_entry: LateEntry = False


class DepositRow(BaseModel):
    deposit_id: str
    trace_number: str
    payer_identifier: str
    remittance_id: str
    expected_cents: int | None
    payment_on: date | None
    deposited_cents: int | None
    deposited_on: date | None
    is_reconciled: bool
    document_id: str | None = Field(description="The bank's file; null: it was not in one.")
    place: str | None


def lines_with_money(lines: list[dict[str, Any]], money: list[dict[str, Any]]) -> list[LineRow]:
    """Each line with its money; money on no present line stands on a row of its own, so every cent is shown."""
    by_line: dict[str, dict[str, int]] = {}
    for each in money:
        by_line.setdefault(each["line_id"], {})[each["ledger"]] = each["cents"]
    known = [LineRow.model_validate({**line, "money": by_line.pop(line["line_id"], {})}) for line in lines]
    return [*known, *(LineRow(line_id=line_id, money=cents) for line_id, cents in by_line.items())]
