"""What do callers of the collections service send, and what do they get?"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.runtime.web import Done


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


Id = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[A-Za-z0-9._-]+$")]
# Stored in clear: a reason is a phrase of the practice's, never a patient's words (those go in a sealed note).
Reason = Annotated[str, Field(min_length=1, max_length=120)]
ReasonCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Note = Annotated[str, Field(max_length=2000)]
# Spelled out, so that a wrong one is answered with the list; a test holds them equal to the catalogue and the strategy.
Hold = Literal["bankruptcy", "deceased", "minor", "litigation", "charity-pending"]
Outcome = Literal[
    "no-answer",
    "left-message",
    "wrong-number",
    "mail-returned",
    "callback-requested",
    "will-pay",
    "cannot-pay",
    "asked-for-assistance",
    "names-insurance",
    "refuses",
    "names-attorney",
    "reported-deceased",
    "answered",
]
Cents = Annotated[int, Field(ge=1, le=10**12, strict=True)]


class PlanBody(Body):
    instalments: Annotated[int, Field(ge=1, le=60, strict=True)]
    first_due_on: date
    account_ids: Annotated[tuple[Id, ...], Field(max_length=100)] = ()


class CancelPlanBody(Body):
    reason: Reason


class PromiseBody(Body):
    amount_cents: Cents
    by_on: date


class DisputeBody(Body):
    account_ids: Annotated[tuple[Id, ...], Field(min_length=1, max_length=100)]
    reason_code: ReasonCode
    note: Note = ""


class ResolveBody(Body):
    outcome: Literal["upheld", "rejected", "withdrawn"]
    reason: Reason


class HoldBody(Body):
    hold: Hold
    reason: Reason


class LiftBody(Body):
    reason: Reason


class AssistanceBody(Body):
    decision: Literal["approved", "denied"]
    discount_percent: Annotated[int, Field(ge=0, le=100, strict=True)] = 0
    reason: Reason


class ContactBody(Body):
    outcome_code: Outcome
    reference_number: Annotated[str, Field(max_length=40, pattern=r"^[A-Za-z0-9._-]*$")] = ""
    next_action_on: date | None = None
    note: Note = ""


class PlacementBody(Body):
    account_id: Id
    agency: Id


class RecallBody(Body):
    account_id: Id
    reason: Reason


class Made(Done):
    """What a write led to, and the id of what it made."""

    id: str


class WorkRow(BaseModel):
    account_id: str
    patient_id: str
    balance_cents: int
    age_days: int | None = Field(description="Since the patient came to owe it.")
    reason: str | None
    since_on: date | None
    service_on: date | None
    notices: int | None
    last_statement_on: date | None
    last_payment_on: date | None
    dispute_id: str | None
    is_answer_overdue: bool | None
    plan_id: str | None
    agency: str | None
    placed_cents: int | None
    next_step: str | None
    next_on: date | None
    next_number: int | None
    next_reason: str | None
    gate: str | None
    contact_on: date | None
    last_outcome: str | None
    act_on: date


class AccountRow(BaseModel):
    account_id: str
    balance_cents: int
    reason: str | None
    since_on: date | None
    service_on: date | None
    notices: int | None
    last_statement_on: date | None
    last_payment_on: date | None
    dispute_id: str | None
    plan_id: str | None
    agency: str | None
    placed_cents: int | None


class ChangeRow(BaseModel):
    account_id: str
    change_cents: int
    balance_cents: int
    reason: str
    noted_on: date | None
    source_event_id: str


class NextStepRow(BaseModel):
    next_step: str | None
    next_on: date | None
    next_number: int | None
    next_reason: str | None
    gate: str | None
    contact_on: date | None
    last_contact_on: date | None
    last_outcome: str | None
    last_statement_id: str | None
    last_statement_on: date | None


class PatientDetail(BaseModel):
    """What is owed, why, how much, since when, what comes next, and what the patient can choose."""

    patient_id: str
    also_known_as: list[str]  # registrations that were merged into this one
    owed_cents: int
    since_on: date | None
    next: NextStepRow | None
    accounts: list[AccountRow]
    changes: list[ChangeRow]
    holds: list[dict[str, Any]]
    plans: list[dict[str, Any]]
    promises: list[dict[str, Any]]
    disputes: list[dict[str, Any]]
    placements: list[dict[str, Any]]
    contacts: list[dict[str, Any]]
    assistance: list[dict[str, Any]]
    options: list[str]
    positions: dict[str, str]


class NoteRow(BaseModel):
    case_id: str
    written_on: date
    text: str


class StatementRow(BaseModel):
    statement_id: str
    patient_id: str
    number: int
    step: str | None
    channel: str | None
    strategy_version: int | None
    due_cents: int
    disputed_cents: int | None
    issued_on: date
    pay_by_on: date
    is_final_notice: bool | None
    lines: list[dict[str, Any]]
    document_id: str | None


class CaseRow(BaseModel):
    """A plan, promise, dispute or placement, with the columns of its kind."""

    model_config = ConfigDict(extra="allow")

    case_id: str
    patient_id: str
    state: str


class GateRow(BaseModel):
    gate_id: str
    rule: str
    source: str
    since_on: date
    owner: str
    kind: str


class ForecastStep(BaseModel):
    step: str
    letters: int
    billed_cents: int
    expected_cents: int


class Forecast(BaseModel):
    """What a strategy would send in the days to come, and what it is expected to bring in."""

    strategy_version: int
    from_on: date
    days: int
    patients: int
    steps: list[ForecastStep]
    ready_for_placement: int
    paused: int
    expected_cents: int
    is_complete: bool
