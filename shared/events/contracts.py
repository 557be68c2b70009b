"""What can be agreed with a payer about prices, and what is found against it. Past tense, in a contract manager's words. Streams:

`fee-schedule/{schedule_id}`, `payer-contracts/{payer_id}`, `contract-comparison/{comparison_id}`, all of the service payments.
Amounts are integer cents; factors and percentages are exact decimal text.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

from shared.events.base import Event, Sealed
from shared.events.values import DocumentReference


class FeeRate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a fee schedule pays for one unit of a procedure. Zero is a price: the procedure is paid with another."""

    procedure_code: str
    modifiers: tuple[str, ...] = ()  # that are part of the price, sorted
    place: Literal["any", "facility", "non-facility"] = "any"
    amount_cents: int


class RelativeValues(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The relative value units of a procedure, as exact decimal text. Source: CMS physician fee schedule."""

    procedure_code: str
    modifiers: tuple[str, ...] = ()  # 26, TC, 53: those that have values of their own
    work: str
    non_facility_expense: str = ""  # practice expense; empty: not done there
    facility_expense: str = ""
    malpractice: str
    multiple: str = ""  # indicator of the reduction for several procedures on one day; empty, 0, 9: none
    bilateral: str = ""  # indicator for modifier 50; empty: not known


class FeeScheduleVersionLoaded(Event, frozen=True, kw_only=True):
    """A fee schedule for some dates of service. Its prices follow in `FeeScheduleRatesListed`, all in the same moment.

    A version without an end ends where the next one begins.
    """

    schedule_id: str
    version: int  # 1, 2, … of this schedule
    name: str
    method: Literal["amounts", "rvu"]
    effective_from: date
    effective_to: date | None = None  # last day of service; none: no end known
    conversion_factor: str = ""  # dollars for one unit of relative value; exact decimal text, as the three below
    work_gpci: str = ""  # geographic practice cost indices of the locality
    expense_gpci: str = ""
    malpractice_gpci: str = ""
    rates: int
    source: DocumentReference  # the file as it came
    loaded_by: str


class FeeScheduleRatesListed(Event, frozen=True, kw_only=True):
    """Some of the prices of a version: a long schedule is several of these."""

    schedule_id: str
    version: int
    part: int  # 1, 2, …
    amounts: tuple[FeeRate, ...] = ()
    relative_values: tuple[RelativeValues, ...] = ()


class FeeScheduleVersionWithdrawn(Event, frozen=True, kw_only=True):
    """A version was wrong: nothing is judged by it any more. What was found by it stays as it was found."""

    schedule_id: str
    version: int
    reason: str
    withdrawn_by: str


class MemberRate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one member brings in a month. Sex and ages place a member of whom the list says no category."""

    category: str
    amount_cents: int
    sex: Literal["", "F", "M"] = ""  # empty: both
    age_from: int | None = None  # in years; none: no limit
    age_to: int | None = None  # the last year of it


class ContractTerm(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule of a contract. The first term that knows a price for a procedure is the one that holds.

    A capitated term holds for members of the month of service: it pays by the member and month, and its schedule says what the service
    would bring by itself. Of everybody else it is silent.
    """

    rule: Literal["schedule", "percent-of-schedule", "percent-of-charge", "capitated"]
    schedule_id: str = ""
    percent: str = ""  # exact decimal text
    procedure_codes: tuple[str, ...] = ()  # a code, or a first and a last one (99202-99215); none: every code
    rates: tuple[MemberRate, ...] = ()  # of a capitated term


class ContractAgreed(Event, frozen=True, kw_only=True):
    """What a payer owes for services from a day on. Empty NPI and filing indicator: whoever bills, whichever plan."""

    payer_id: str
    contract_id: str
    version: int  # 1
    name: str
    effective_from: date
    effective_to: date | None = None  # last day of service; none: until it is ended
    billing_npi: str = ""
    filing_indicator: str = ""  # SBR09, such as 16 for Medicare Advantage
    terms: tuple[ContractTerm, ...]
    lesser_of_charge: bool  # the payer never owes more than the charge
    tolerance_cents: int  # what a line may differ by, the larger of the two
    tolerance_percent: str = "0"  # of the expected amount; exact decimal text
    agreed_by: str


class ContractAmended(Event, frozen=True, kw_only=True):
    """Other terms from a day on. From the same day as an earlier version: that one is corrected, and not used any more."""

    payer_id: str
    contract_id: str
    version: int  # 2, 3, …
    effective_from: date
    terms: tuple[ContractTerm, ...]
    lesser_of_charge: bool
    tolerance_cents: int
    tolerance_percent: str = "0"
    reason: str
    amended_by: str


class ContractEnded(Event, frozen=True, kw_only=True):
    """The last day of service of a contract is known, or another than was thought."""

    payer_id: str
    contract_id: str
    last_on: date
    reason: str
    ended_by: str


class FormulaInput(Struct, frozen=True, kw_only=True):
    """One figure that went into an expected amount, as text, so that it can be computed again by hand."""

    name: str
    value: str


class ExpectedBasis(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """By which rule an expected amount came about: contract, version, term and figures."""

    contract_id: str
    contract_version: int
    rule: str  # schedule, percent-of-schedule, percent-of-charge
    method: str = ""  # of the schedule: amounts, rvu
    schedule_id: str = ""
    schedule_version: int = 0
    rounding: str = ""  # by name
    inputs: tuple[FormulaInput, ...] = ()


class CapitatedService(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line that a contract pays by the member and month, if the patient was a member in the month of service."""

    contract_id: str
    member_index: str = ""  # of the coverage that answered; empty: not known
    service_on: date
    procedure_code: str
    charged_cents: int
    paid_cents: int
    equivalent_cents: int | None = None  # what the service would bring by itself; none: not priced
    answer: Literal["capitated", "paid", "denied", "other"]  # capitated: CO-24 and no money


class ComparedLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an answer against the contract. Without an expected amount it was not priced, and `reason` says why.

    A line with the outcome `capitated` was a member's: no money is expected for it.
    """

    number: int  # 1, 2, … in the answer
    line_id: str = ""
    outcome: Literal["as-expected", "underpaid", "overpaid", "not-priced", "capitated"]
    allowed_cents: int | None = None  # paid + patient's share + what is taken off behind it, as sequestration
    expected_cents: int | None = None
    reason: str = ""
    value: str = ""  # the code, modifier or adjustment that the reason is about
    capitation: CapitatedService | None = None


class ClaimPaymentCompared(Event, frozen=True, kw_only=True):
    """A posted answer was held against the contracts that were known then. What differs by more than the tolerance follows
    as `UnderpaymentFound` or `OverpaymentFound`. A contract that comes or changes later does not change it."""

    comparison_id: str
    account_id: str
    claim_id: str
    remittance_id: str
    ordinal: int
    payer_id: str
    payer_rank: int
    payment_on: date
    lines: tuple[ComparedLine, ...]


class VarianceFound(Event, frozen=True, kw_only=True):
    """A line that differs from the contract by more than the tolerance, and how that was computed."""

    variance_id: str
    comparison_id: str
    account_id: str
    claim_id: str
    remittance_id: str
    ordinal: int
    payer_id: str
    payment_on: date
    line_id: str
    procedure_code: str  # as charged
    paid_as: str = ""  # the procedure of the answer, where it is another
    modifiers: tuple[str, ...] = ()
    service_on: date
    charged_cents: int
    expected_cents: int
    allowed_cents: int
    variance_cents: int  # expected less allowed: positive of an underpayment, negative of an overpayment
    tolerance_cents: int  # that was exceeded
    basis: ExpectedBasis


class UnderpaymentFound(VarianceFound, frozen=True, kw_only=True):
    """The payer allowed less than the contract says, by more than the tolerance."""


class OverpaymentFound(VarianceFound, frozen=True, kw_only=True):
    """The payer allowed more than the contract says, by more than the tolerance: it may ask for it back."""


class ComparisonWithdrawn(Event, frozen=True, kw_only=True):
    """The answer does not stand any more: what was found of it and is not resolved is closed. A later answer is compared anew."""

    comparison_id: str
    account_id: str
    remittance_id: str
    ordinal: int
    reason: Literal["payer", "unposted"]  # as of the `ClaimPaymentReversed`
    variance_ids: tuple[str, ...] = ()  # that were closed by it


class VarianceDisputed(Event, frozen=True, kw_only=True):
    """A person claimed the difference from the payer. A later one says how it goes on."""

    variance_id: str
    reference: str  # of the payer, or of our letter
    disputed_on: date
    note: Sealed[str] | None = None
    disputed_by: str


class VarianceResolved(Event, frozen=True, kw_only=True):
    """A person closed it: the payer makes good for it, or it is let stand."""

    variance_id: str
    outcome: Literal["recovered", "accepted"]
    reason: str
    recovered_cents: int = 0  # of an underpayment; what comes as a payment is posted by its 835
    resolved_by: str


class VarianceReopened(Event, frozen=True, kw_only=True):
    """It was resolved by mistake, or what was promised did not come."""

    variance_id: str
    reason: str
    reopened_by: str


FeeScheduleEvent: TypeAlias = FeeScheduleVersionLoaded | FeeScheduleRatesListed | FeeScheduleVersionWithdrawn
PayerContractsEvent: TypeAlias = ContractAgreed | ContractAmended | ContractEnded
ContractComparisonEvent: TypeAlias = (
    ClaimPaymentCompared
    | UnderpaymentFound
    | OverpaymentFound
    | ComparisonWithdrawn
    | VarianceDisputed
    | VarianceResolved
    | VarianceReopened
)
