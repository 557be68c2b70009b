"""What can happen to money that a payer refused, and to appeals. Streams: `denial/{denial_id}`, `appeal-template/{template_id}`,
`denial-checklist/{category}`, `escalation-rules/denials`.

Amounts are integer cents. A denial's id begins with the id of its claim.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

from shared.events.base import Event, Sealed
from shared.events.values import DocumentReference


class AppealClock(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Until when an appeal can be filed, with everything that the day follows from."""

    level: int
    name: str
    from_on: date  # of the notice of what is appealed
    days: int
    counts: Literal["calendar-days", "business-days"] = "calendar-days"
    receipt_days: int = 0  # the days count from so long after the notice
    moves_to_workday: bool = False
    last_on: date
    source: Literal["payer-listing", "medicare", "setting"]
    rule_version: int = 0  # of the payer's listing, where that is the source


class DenialOpened(Event, frozen=True, kw_only=True):
    """Money refused for a reason that is neither the contract nor the patient's share."""

    denial_id: str
    claim_id: str
    account_id: str
    payer_id: str
    remittance_id: str
    denied_cents: int
    group: str
    reason: str  # CARC
    remarks: tuple[str, ...] = ()
    category: str  # eligibility, authorization, coding, medical-necessity, timely-filing, duplicate, cob, …
    line_ids: tuple[str, ...] = ()
    win_chance_percent: int  # by category, explained on the queue
    appeal_by_on: date | None = None
    appeal_clock: AppealClock | None = None
    no_appeal_because: str = ""  # medicare-timely-filing, unprocessable; empty: it can be appealed


class DenialAssigned(Event, frozen=True, kw_only=True):
    denial_id: str
    assignee: str
    until_on: date | None = None  # the last day on which it is theirs alone
    by: str = ""  # who assigned it
    escalates_on: date | None = None  # when nothing happens until then, it goes up to a supervisor


class DenialAssignmentUndone(Event, frozen=True, kw_only=True):
    """Who assigned it took that back: it is whose it was before."""

    denial_id: str
    undone_version: int  # of the assignment, in the denial's stream
    assignee: str = ""
    until_on: date | None = None
    by: str
    escalates_on: date | None = None  # when nothing happens until then, it goes up to a supervisor


class DenialNoted(Event, frozen=True, kw_only=True):
    denial_id: str
    outcome_code: str
    reference_number: str = ""
    next_action_on: date | None = None
    note: Sealed[str] | None = None
    by: str = ""
    escalates_on: date | None = None  # when nothing happens until then, it goes up to a supervisor


class DenialNoteUndone(Event, frozen=True, kw_only=True):
    """Who wrote the note took it back: what stood there before stands again. The note stays in the log."""

    denial_id: str
    undone_version: int  # of the note, in the denial's stream
    outcome_code: str = ""
    reference_number: str = ""
    next_action: str = ""
    next_action_on: date | None = None
    by: str
    escalates_on: date | None = None  # when nothing happens until then, it goes up to a supervisor


class DenialSnoozed(Event, frozen=True, kw_only=True):
    """Nothing can be done before a day: until then the denial is not in the queue, and on it it is there again."""

    denial_id: str
    until_on: date
    by: str
    because: str = ""  # why it cannot be worked until then, such as appeal-of-another-claim; empty: not said
    escalates_on: date | None = None  # when nothing happens until then, it goes up to a supervisor


class DenialSnoozeUndone(Event, frozen=True, kw_only=True):
    """Who put it off took that back."""

    denial_id: str
    undone_version: int
    until_on: date | None = None  # what was said before that
    by: str
    because: str = ""
    escalates_on: date | None = None  # when nothing happens until then, it goes up to a supervisor


class DenialWriteOffRequested(Event, frozen=True, kw_only=True):
    """Somebody wants to let the money go, and it is too much for one person: another decides."""

    denial_id: str
    amount_cents: int
    reason: str
    requested_by: str
    escalates_on: date | None = None  # when nothing happens until then, it goes up to a supervisor


class DenialWriteOffApproved(Event, frozen=True, kw_only=True):
    """The money is let go: the ledger takes it from what the payer owes."""

    denial_id: str
    claim_id: str
    account_id: str
    payer_rank: int
    amount_cents: int
    reason: str
    requested_by: str
    approved_by: str  # another person, or `rule:write-off-alone` for an amount that needs none


class DenialWriteOffRefused(Event, frozen=True, kw_only=True):
    """The second person would not let the money go: the denial is worked on."""

    denial_id: str
    reason: str
    refused_by: str
    escalates_on: date | None = None  # when nothing happens until then, it goes up to a supervisor


class AppealEvidence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One fact of ours that speaks for an appeal. `said` holds codes, numbers, days and money, nothing about a person."""

    evidence_id: str  # of its event, and of its part where an event has several
    kind: Literal["submission", "acceptance", "authorization", "eligibility", "remittance", "contact"]
    said: str
    on: date | None = None
    event_id: str = ""
    document_id: str = ""
    place: str = ""


class AppealDrafted(Event, frozen=True, kw_only=True):
    """What an appeal is to say and to lean on, as somebody left it. A later draft of the level replaces it."""

    denial_id: str
    level: int
    template_id: str
    text: Sealed[str]
    evidence: tuple[AppealEvidence, ...] = ()
    by: str
    escalates_on: date | None = None  # when nothing happens until then, it goes up to a supervisor


class AppealLetterWritten(Event, frozen=True, kw_only=True):
    """The draft became a letter, kept as it will be sent."""

    denial_id: str
    level: int
    letter: DocumentReference
    by: str
    escalates_on: date | None = None  # when nothing happens until then, it goes up to a supervisor


class AppealTemplateKept(Event, frozen=True, kw_only=True):
    """A practice's own words for appeals, as they now stand. They speak of nobody: what is personal stands in the letter's head."""

    template_id: str
    title: str
    categories: tuple[str, ...]  # of denials; empty: of all
    text: str


class AppealFiled(Event, frozen=True, kw_only=True):
    denial_id: str
    level: int
    due_on: date | None = None  # when the payer's decision is due
    name: str = ""  # of the level
    filed_on: date | None = None
    clock: AppealClock | None = None  # the last day that it kept, or missed for a good cause
    late_because: str = ""  # the good cause, when it was filed past that day
    by: str = ""
    sent_by: Literal["mail", "fax", "portal", ""] = ""
    tracking_number: str = ""  # of the parcel, the fax or the portal
    letter: DocumentReference | None = None  # that was written for this level
    escalates_on: date | None = None  # when nothing happens until then, it goes up to a supervisor


class AppealDecided(Event, frozen=True, kw_only=True):
    """What the payer said. A dismissed appeal was not looked at: the same level may be filed again while it is in time."""

    denial_id: str
    level: int
    outcome: Literal["overturned", "upheld", "partly-overturned", "dismissed"]
    decided_on: date | None = None  # the date of the payer's notice
    next_clock: AppealClock | None = None  # of the next level; of the same one when it was dismissed
    is_last_level: bool = False  # the payer has no further one
    by: str = ""
    payer_id: str = ""  # these three: of the denial, so that outcomes are counted from this event alone
    category: str = ""
    denied_cents: int = 0
    escalates_on: date | None = None  # when nothing happens until then, it goes up to a supervisor


class AppealDeadlineMoved(Event, frozen=True, kw_only=True):
    """The payer's rule is another one now, and the last day with it. Only days that were still to come are moved."""

    denial_id: str
    payer_id: str
    previous_on: date | None = None
    previous_rule_version: int = 0
    clock: AppealClock


class DenialResolved(Event, frozen=True, kw_only=True):
    denial_id: str
    outcome: Literal["paid", "written-off", "patient", "corrected-claim", "not-workable", "reversed"]
    recovered_cents: int = 0
    reason: str = ""


class ChecklistStep(Struct, frozen=True, kw_only=True):
    step_id: str
    text: str  # speaks of nobody


class DenialChecklistKept(Event, frozen=True, kw_only=True):
    """A practice's own checklist for a category of denials, as it now stands."""

    category: str
    version: int  # of this checklist, from 1
    steps: tuple[ChecklistStep, ...]
    by: str


class ChecklistStepTicked(Event, frozen=True, kw_only=True):
    denial_id: str
    step_id: str
    checklist_version: int  # 0: ours
    by: str
    escalates_on: date | None = None


class ChecklistStepUnticked(Event, frozen=True, kw_only=True):
    """It was not done after all, or must be done again."""

    denial_id: str
    step_id: str
    by: str
    escalates_on: date | None = None


class EscalationRule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of which denials, after how many workdays without anybody's doing, and to whom. The first that fits counts."""

    rule_id: str
    payer_id: str = ""  # empty: any
    category: str = ""  # empty: any
    denied_cents_min: int = 0
    workdays: int
    supervisor: str  # user:…


class EscalationRulesKept(Event, frozen=True, kw_only=True):
    """Which denials go up to whom, as it now stands. Stream `escalation-rules/denials`."""

    version: int  # from 1
    rules: tuple[EscalationRule, ...]
    by: str


class DenialEscalationSet(Event, frozen=True, kw_only=True):
    """The rule that counts for a denial from now on; none: it goes up to nobody."""

    denial_id: str
    rules_version: int
    rule: EscalationRule | None = None
    escalates_on: date | None = None


class DenialEscalated(Event, frozen=True, kw_only=True):
    """Nobody did anything about it for the workdays of its rule, past its due day where it had one: it is the supervisor's to see to."""

    denial_id: str
    supervisor: str
    rule_id: str
    rules_version: int
    workdays: int
    on: date


DenialEvent: TypeAlias = (
    DenialOpened
    | DenialAssigned
    | DenialAssignmentUndone
    | DenialNoted
    | DenialNoteUndone
    | DenialSnoozed
    | DenialSnoozeUndone
    | DenialWriteOffRequested
    | DenialWriteOffApproved
    | DenialWriteOffRefused
    | AppealDrafted
    | AppealLetterWritten
    | AppealFiled
    | AppealDecided
    | AppealDeadlineMoved
    | ChecklistStepTicked
    | ChecklistStepUnticked
    | DenialEscalationSet
    | DenialEscalated
    | DenialResolved
)
