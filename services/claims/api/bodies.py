"""What do callers of the claims service send, and what do they get?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.claims.domain.claim.commands import CloseReason
from services.claims.domain.denial.commands import AppealOutcome, ContactOutcome, DenialOutcome, SentBy
from shared.events.claims import ClaimAccepted


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)


ClaimId = Annotated[str, Field(pattern=r"^[0-9A-Za-z]{17}$")]
DenialId = Annotated[str, Field(pattern=r"^[0-9A-Z]{17}-[0-9A-F]{12}$")]
# A reason stays in clear for ever, so it is a word and no free text: people belong in sealed notes.
_WORD = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Reason = Annotated[str, Field(pattern=_WORD, max_length=60, description="A word such as waiting-for-the-chart.")]


PayerId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]
Level = Annotated[int, Field(ge=1, le=5)]


class HoldBody(Body):
    reason: Reason


class VoidBody(Body):
    reason: Reason


class CloseBody(Body):
    reason: CloseReason


class LineCorrection(Body):
    """What is absent stays as it was. Amounts are corrected in charges, where they were captured."""

    line_id: Annotated[str, Field(min_length=1, max_length=30)]
    procedure_code: Annotated[str, Field(pattern=r"^[0-9A-Z]{5}$")] | None = None
    modifiers: tuple[Annotated[str, Field(pattern=r"^[0-9A-Z]{2}$")], ...] | None = None
    diagnosis_pointers: tuple[Annotated[int, Field(ge=1, le=12)], ...] | None = None
    place_of_service: Annotated[str, Field(pattern=r"^[0-9]{2}$")] | None = None


class CorrectBody(Body):
    """A correction of a claim. One that was sent is replaced by a claim with frequency 7."""

    reason: Reason
    diagnoses: tuple[Annotated[str, Field(pattern=r"^[A-Z][0-9][0-9A-Z][0-9A-Z]{0,4}$")], ...] | None = None
    lines: tuple[LineCorrection, ...] = ()
    authorization_number: Annotated[str, Field(max_length=50, pattern=r"^[0-9A-Za-z-]*$")] | None = None
    payer_control_number: Annotated[str, Field(max_length=50, pattern=r"^[ -~]*$")] = ""


class AssignBody(Body):
    assignee: Annotated[str, Field(pattern=r"^user:[A-Za-z0-9._@-]{1,80}$")] | None = Field(
        default=None, description="Absent: whoever asks."
    )


class NoteBody(Body):
    outcome_code: ContactOutcome
    reference_number: Annotated[str, Field(max_length=40, pattern=r"^[0-9A-Za-z-]*$")] = ""
    next_action_on: date | None = None
    note: Annotated[str, Field(max_length=2000)] = ""


class SnoozeBody(Body):
    until_on: date = Field(description="On this day it is in the queue again.")
    because: Reason | None = Field(default=None, description="Why it cannot be worked until then.")


class UndoBody(Body):
    version: Annotated[int, Field(ge=1, le=10**6)] = Field(
        description="`version` of what was done, as it was answered."
    )


class WriteOffBody(Body):
    reason: Reason


class AppealBody(Body):
    level: Level
    filed_on: date | None = Field(default=None, description="The day on which it was sent; absent: today.")
    due_on: date | None = Field(default=None, description="When the payer's decision is due.")
    late_because: Reason | None = Field(
        default=None, description="The good cause for being past the last day, such as records-destroyed."
    )

    sent_by: SentBy = Field(default="", description="How it was sent; empty: not said.")
    tracking_number: Annotated[str, Field(max_length=60, pattern=r"^[0-9A-Za-z-]*$")] = ""


class AppealDraftBody(Body):
    level: Level
    template_id: Annotated[str, Field(pattern=_WORD, max_length=60)]
    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    evidence: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        default=(), max_length=200, description="`evidence_id` of what is to be enclosed."
    )


class LetterBody(Body):
    level: Level


class AppealTemplateBody(Body):
    """Places in braces are filled in from what is on record: {claim}, {payer_claim}, {submitted}, …"""

    title: Annotated[str, Field(min_length=1, max_length=80)]
    categories: Annotated[tuple[Annotated[str, Field(pattern=_WORD, max_length=40)], ...], Field(max_length=20)] = ()
    text: Annotated[str, Field(min_length=1, max_length=20_000)]


class DecisionBody(Body):
    level: Level
    outcome: AppealOutcome
    decided_on: date | None = Field(default=None, description="The date of the payer's notice; absent: today.")


class OutcomeBody(Body):
    outcome: DenialOutcome
    reason: Reason | None = None


class ResolveBody(OutcomeBody):
    recovered_cents: Annotated[int, Field(ge=0, le=10**12, strict=True)] = 0


class PartnerBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=60)]
    transport: Annotated[
        Literal["sftp", "folder", "http", "paper"],
        Field(description="paper: claims are printed and mailed by a person."),
    ]
    sender_qualifier: Annotated[str, Field(pattern=r"^[A-Z0-9]{2}$")] = "ZZ"
    sender_id: Annotated[str, Field(pattern=r"^[A-Z0-9 .&/-]{0,15}$", description="ISA06; empty for paper only.")] = ""
    receiver_qualifier: Annotated[str, Field(pattern=r"^[A-Z0-9]{2}$")] = "ZZ"
    receiver_id: Annotated[str, Field(pattern=r"^[A-Z0-9 .&/-]{0,15}$", description="ISA08; empty for paper only.")] = (
        ""
    )
    usage: Literal["P", "T"] = "P"
    claims_per_batch_max: Annotated[int, Field(ge=1, le=5000)] = 500
    claims_per_set_max: Annotated[int, Field(ge=1, le=5000)] = 50

    @model_validator(mode="after")
    def _is_named_in_envelopes(self) -> Self:
        if self.transport != "paper" and not (self.sender_id and self.receiver_id):
            raise ValueError("interchanges need a sender_id and a receiver_id")
        return self


class MailedBody(Body):
    mailed_on: Annotated[date, Field(description="The day on which the batch went to the post: today or past.")]
    tracking_number: Annotated[str, Field(max_length=40, pattern=r"^[A-Za-z0-9-]*$")] = ""


class ReprintBody(Body):
    reason: Annotated[str, Field(min_length=1, max_length=120)]


class Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class FindingRow(Answer):
    rule: str
    rule_version: int = 1
    severity: str = "error"
    place: str
    message: str
    value: str = ""
    fix: str = ""


class FilingLimitRow(Answer):
    kind: str = Field(description="original, corrected or secondary")
    days: int
    months: int
    counts_from: str = Field(description="service-begin, service-end or primary-answer")
    moves_to_workday: bool


class ProofRow(Answer):
    """A 277CA that took the claim in: who said so, with which category and status codes, and where it is kept."""

    by: str
    stage: str
    codes: list[str]
    accepted_on: date
    payer_control_number: str
    document_id: str
    place: str

    @classmethod
    def of(cls, event: ClaimAccepted) -> Self:
        return cls(
            by=event.by,
            stage=event.stage,
            codes=list(event.codes),
            accepted_on=event.accepted_on,
            payer_control_number=event.payer_control_number,
            document_id=event.source.document_id,
            place=event.source.place,
        )


class FilingAnswer(BaseModel):
    """Timely filing of one claim."""

    limit: FilingLimitRow | None = Field(description="Null when the payer is unknown.")
    counts_on: date | None = Field(description="The day from which the limit counts.")
    file_by_on: date | None
    accepted_on: date | None = Field(description="When the payer had the claim; null while nothing proves it.")
    is_in_time: bool | None = Field(description="Null without a limit or without proof.")
    because: str = Field(description="What proves it, or why nothing does.")
    acceptance: ProofRow | None = Field(
        description="The payer's first acceptance; else the clearinghouse's, which proves nothing."
    )
    control_number: int | None = Field(description="ISA13 of the interchange in which the claim was last sent.")
    sent_document_id: str | None = Field(description="The bytes of that interchange.")


class ClaimRow(Answer):
    claim_id: str
    account_id: str
    patient_id: str
    payer_id: str
    payer_name: str
    rank: int
    frequency: str
    kind: str = Field(default="professional", description="professional, institutional or dental")
    status: str
    is_open: bool
    rendering_id: str
    rendering_name: str
    organization_id: str = Field(description="Who bills.")
    organization_name: str
    facility_id: str
    facility_name: str
    charged_cents: int
    paid_cents: int
    patient_responsibility_cents: int
    denied_cents: int
    service_on: date
    days_since_service: int
    file_by_on: date | None = Field(
        default=None, description="Last day of timely filing; null when the payer is unknown."
    )
    filing_days_left: int | None = Field(
        default=None, description="Of what was not sent yet; negative when the last day is past."
    )
    error_rules: list[str] = Field(default=[], description="The edits that found an error.")
    coverage_check: str | None = Field(
        default=None,
        description="What the payer answered last about coverage on the first day of service: active, inactive, unknown,"
        " or rejected when it could not look it up; null when it did not answer.",
    )
    version: int
    partner_id: str
    batch_id: str
    control_number: int | None
    payer_control_number: str
    submitted_at: datetime | None
    last_answer: str
    last_answer_at: datetime | None
    hold_reason: str
    next_action: str
    owner: str
    waiting_for: str
    waiting_since_on: date | None
    waits_until: datetime | None = Field(
        description="When silence is noticed next, and the payer or a person is asked; null when no day is set."
    )
    request_due_on: date | None = Field(
        default=None, description="By when the payer wants information; null when it wants none."
    )
    request_is_overdue: bool = False
    next_claim_id: str
    close_reason: str
    moved_at: datetime | None


class LineRow(Answer):
    line_id: str
    service_on: date
    procedure_code: str
    modifiers: list[str] = []
    units: str
    charged_cents: int
    diagnosis_pointers: list[int] = []
    place_of_service: str = ""
    revenue_code: str = Field(default="", description="Institutional.")
    unit: str = Field(default="UN", description="What units count: UN units, DA days.")
    rate_cents: int | None = None
    non_covered_cents: int = 0
    dental: dict[str, Any] | None = Field(default=None, description="Teeth, surfaces and areas of the mouth.")


class CoverageRow(Answer):
    """A coverage without what is personal in it."""

    coverage_id: str
    rank: int
    payer_id: str
    payer_name: str
    filing_indicator: str
    partner_id: str
    relationship: str
    authorization_number: str


class ClaimDetail(Answer):
    claim: ClaimRow
    findings: list[FindingRow]
    tags: list[str] = Field(description="Put on it by rules of your own when it was last checked.")
    diagnoses: list[str]
    stay: dict[str, Any] | None = Field(default=None, description="Institutional: bill type, statement, admission.")
    coding: dict[str, Any] | None = Field(
        default=None, description="Institutional: what is coded beside the diagnoses."
    )
    attending: str = Field(default="", description="Institutional: the provider's id.")
    operating: str = Field(default="", description="Institutional: the provider's id.")
    dental: dict[str, Any] | None = Field(default=None, description="Dental: the whole treatment.")
    lines: list[LineRow]
    coverages: list[CoverageRow]
    positions: dict[str, str]


class TimelineRow(Answer):
    stream: str
    version: int
    event: str
    event_id: str
    occurred_at: datetime
    recorded_at: datetime
    actor: str
    summary: str
    document_id: str
    place: str
    position: str


class ClaimCount(Answer):
    """How many claims of a payer stand at a status, and what was charged for them."""

    status: str
    payer_id: str
    payer_name: str
    is_open: bool
    claims: int
    charged_cents: int


class ClaimsSummary(Answer):
    items: list[ClaimCount]
    positions: dict[str, str]


class DenialsSummary(Answer):
    """What is in the queue and what of it is urgent, for the same filters as the list."""

    denials: int
    denied_cents: int
    expected_recovery_cents: int
    due_in_7_days: int
    past_appeal_limit: int
    unassigned: int
    positions: dict[str, str]


class DenialViews(Answer):
    """Open denials by the usual views of the queue: what is put off counts in `put_off` and nowhere else."""

    worth_most: int
    mine: int
    nobodys: int
    put_off: int
    to_approve: int
    escalated: int
    positions: dict[str, str]


class AppealClockRow(Answer):
    """Until when an appeal can be filed, with everything that the day follows from."""

    level: int
    name: str
    from_on: date = Field(description="Date of the notice of what is appealed.")
    days: int
    counts: str = Field(default="calendar-days", description="calendar-days or business-days")
    receipt_days: int = Field(default=0, description="The days count from so long after the notice.")
    moves_to_workday: bool = False
    last_on: date
    source: str = Field(description="payer-listing, medicare or setting")
    rule_version: int = Field(default=0, description="Of the payer's listing, where that is the source.")


class AppealLevelRow(Answer):
    name: str
    days: int
    counts: str
    counts_from: str
    receipt_days: int
    moves_to_workday: bool
    sent_by: list[str]


class AppealTermsAnswer(Answer):
    levels: list[AppealLevelRow]
    source: str = Field(description="payer-listing, medicare or setting")
    version: int
    is_complete: bool = Field(description="There is no level behind the last of them.")


class EvidenceRow(Answer):
    evidence_id: str
    kind: str = Field(description="submission, acceptance, authorization, eligibility, remittance or contact")
    said: str
    on: date | None = None
    event_id: str = ""
    document_id: str = ""
    place: str = ""
    is_chosen: bool = True


class AppealTemplateRow(Answer):
    template_id: str
    title: str
    categories: list[str] = Field(description="Of denials; empty: of all.")
    text: str


class AppealDesk(BaseModel):
    """Everything that the next appeal of a denial begins with."""

    denial_id: str
    claim_id: str
    version: int = Field(description="Of the denial's stream, for `Ledgerline-Expected-Version`.")
    level: int
    name: str
    clock: AppealClockRow | None
    no_appeal_because: str
    no_appeal_in_words: str
    is_decided_on: bool = Field(description="An appeal of this level was filed and waits for its decision.")
    templates: list[AppealTemplateRow]
    template_id: str
    text: str
    is_draft: bool = Field(description="The text is the draft that was kept.")
    evidence: list[EvidenceRow]
    letter_document_id: str = Field(description="Hash of the letter that was written from the draft; empty: none.")


class AppealRow(Answer):
    """One level's packet and what became of it."""

    denial_id: str
    level: int
    name: str
    template_id: str
    evidence: list[EvidenceRow]
    letter_document_id: str
    filed_on: date | None
    filed_by: str
    sent_by: str
    tracking_number: str
    last_on: date | None
    late_because: str
    due_on: date | None
    decided_on: date | None
    outcome: str


class ContactRow(Answer):
    version: int
    noted_at: datetime
    noted_by: str
    outcome_code: str
    reference_number: str
    next_action_on: date | None
    note: str
    is_undone: bool


class OverturnRow(Answer):
    """Decisions of one payer on one kind of denial at one level."""

    payer_id: str
    category: str
    level: int
    overturned: int
    partly_overturned: int
    upheld: int
    dismissed: int
    denied_cents: int
    won_cents: int = Field(description="Denied money of what was overturned, also in part.")
    won_percent: int | None = Field(description="Won / (won + upheld); null while none was decided so.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        won = row["overturned"] + row["partly_overturned"]
        cases = won + row["upheld"]
        return cls.model_validate({**row, "won_percent": won * 100 // cases if cases else None})


class AppealDecisionRow(Answer):
    denial_id: str
    version: int
    payer_id: str
    category: str
    level: int
    outcome: str
    denied_cents: int
    decided_on: date | None


class OriginAnswer(Answer):
    """The first event of ours that made a denial likely, and how it leads to it."""

    denial_id: str
    category: str
    step: str = Field(description="Where it could have been prevented; empty when nothing on record tells.")
    because: str
    service: str
    event: str
    event_id: str
    stream: str
    version: int | None
    occurred_at: datetime | None
    correlation_id: str
    causation_id: str | None


class MovedDeadlineRow(Answer):
    denial_id: str
    payer_id: str
    level: int
    name: str
    previous_on: date | None
    last_on: date
    previous_rule_version: int
    rule_version: int
    moved_at: datetime


class DenialRow(Answer):
    denial_id: str
    claim_id: str
    account_id: str
    payer_id: str
    category: str
    origin: str
    reason_group: str
    reason: str
    remarks: list[str] | None
    denied_cents: int
    win_chance_percent: int = Field(description="The one that counts: measured, or else the usual one.")
    win_chance_because: str
    usual_win_percent: int = Field(description="Of the category, before anything is measured.")
    measured_win_percent: int | None = Field(description="Won of this payer's decided appeals in the category.")
    measured_cases: int = Field(description="How many were decided, dismissed ones left out.")
    is_chance_measured: bool = Field(description="Enough were decided for the measured chance to count.")
    expected_recovery_cents: int
    urgency_percent: int
    score_cents: int
    appeal_by_on: date | None
    appeal_clock: AppealClockRow | None = Field(default=None, description="Null when nothing can be filed just now.")
    no_appeal_because: str = Field(default="", description="What leaves no right to appeal; empty: there is one.")
    opened_at: datetime | None
    assignee: str
    assigned_until_on: date | None
    snoozed_until_on: date | None
    snoozed_because: str = Field(description="Why it cannot be worked until then; empty: not said.")
    is_snoozed: bool
    write_off_requested_by: str
    write_off_reason: str
    version: int = Field(description="Of the denial's stream, for `Ledgerline-Expected-Version`.")
    status: str
    is_open: bool
    appeal_level: int
    last_outcome: str
    next_action: str
    next_action_on: date | None
    escalates_on: date | None = Field(default=None, description="When it goes up unless somebody works on it.")
    escalated_to: str = Field(default="", description="The supervisor, while nobody worked on it since.")
    escalated_on: date | None = None
    recovered_cents: int


class CauseRow(Answer):
    payer_id: str
    reason_group: str
    reason: str
    category: str
    origin: str
    denials: int
    denied_cents: int
    recovered_cents: int


class BatchRow(Answer):
    batch_id: str
    partner_id: str
    control_number: int
    status: str
    claims: int
    refused_claims: int
    rejected_claims: int
    charged_cents: int
    file_name: str
    document_id: str
    assembled_at: datetime | None
    sent_at: datetime | None
    acknowledgement: str
    acknowledgement_codes: list[str] | None
    acknowledged_at: datetime | None
    is_overdue: bool
    medium: str = "electronic"
    copies: int = 0
    mailed_on: date | None = None
    tracking_number: str = ""


class BatchClaimRow(Answer):
    claim_id: str
    ordinal: int
    version: int
    charged_cents: int
    set_control_number: str
    outcome: str


class BatchDetail(Answer):
    batch: BatchRow
    claims: list[BatchClaimRow]


class PrintQueueRow(Answer):
    partner_id: str
    name: str
    claims: int
    charged_cents: int
    waiting_since: datetime | None


class PartnerRow(Answer):
    partner_id: str
    name: str
    transport: str
    sender_qualifier: str
    sender_id: str
    receiver_qualifier: str
    receiver_id: str
    usage: str
    claims_per_batch_max: int
    claims_per_set_max: int


class RuleRow(Answer):
    id: str
    version: int
    severity: str
    fix: str


class TakenRow(Answer):
    about: str
    kind: str
    is_recorded: bool
    is_repeat: bool
    code: str
    rule: str


class TakenFileAnswer(Answer):
    """What became of every part of a file; `findings` keep it in the queue of held files."""

    document_id: str
    parts: list[TakenRow]
    findings: list[FindingRow]


class HeldRow(Answer):
    message_id: str
    kind: str
    findings: list[dict[str, Any]] | None
    document_id: str
    held_at: datetime
    replayed_at: datetime | None
