"""What can happen to claims, batches, acknowledgements, follow-up and denials. Streams:

`billing-case/{account_id}`, `claim/{claim_id}`, `partner/{partner_id}`, `batch/{batch_id}`, `denial/{denial_id}`,
`appeal-template/{template_id}`, `rule-book/claims`.
Everything that happens to one claim is in its claim stream, so it is in order by construction. A claim's ordinal on its
account says whom it is for: 1 to 10 the primary payer (1 the original, 2 its first replacement, …), 11 to 20 the
secondary, 21 to 30 the tertiary. A denial's id begins with the id of its claim.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

from shared.events.base import Event, Sealed
from shared.events.claim_kinds import ClaimKind, DentalCase, HospitalCoding, HospitalStay
from shared.events.values import (
    AdjudicatedLine,
    Adjustment,
    ChargeLine,
    CoverageSnapshot,
    DocumentReference,
    FacilityIdentity,
    Finding,
    Person,
    ProviderIdentity,
)


class PartnerListed(Event, frozen=True, kw_only=True):
    """A clearinghouse or payer that we exchange interchanges with, as it now stands."""

    partner_id: str
    name: str
    transport: Literal["sftp", "folder", "http"]
    sender_qualifier: str = "ZZ"  # ISA05
    sender_id: str  # ISA06, GS02
    receiver_qualifier: str = "ZZ"  # ISA07
    receiver_id: str  # ISA08, GS03
    usage: Literal["P", "T"] = "P"  # ISA15
    claims_per_batch_max: int = 500
    claims_per_set_max: int = 50  # a 999 rejects whole ST/SE sets; claims that go again always go alone


class ServicesBilled(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was done and by whom, as ChargesReleased told it: one source for the claim and its replacements."""

    encounter_id: str
    service_on: date
    service_to_on: date | None = None
    organization: ProviderIdentity
    rendering: ProviderIdentity
    facility: FacilityIdentity
    referring: ProviderIdentity | None = None
    diagnoses: tuple[str, ...]
    lines: tuple[ChargeLine, ...]
    charged_cents: int
    submitter_contact: str = ""
    submitter_phone: str = ""
    kind: ClaimKind = "professional"
    stay: HospitalStay | None = None  # institutional
    coding: HospitalCoding | None = None  # institutional
    attending: ProviderIdentity | None = None  # institutional
    operating: ProviderIdentity | None = None  # institutional
    dental: DentalCase | None = None


class ChargesNoted(Event, frozen=True, kw_only=True):
    """Claims heard which services are ready to bill."""

    account_id: str
    patient_id: str
    release: int
    services: ServicesBilled


class CoverageNoted(Event, frozen=True, kw_only=True):
    """Claims heard who answers for the account; no coverages means self-pay, said by eligibility."""

    account_id: str
    patient_id: str
    coverages: tuple[CoverageSnapshot, ...]
    patient: Sealed[Person]


class AccountReadyToBill(Event, frozen=True, kw_only=True):
    """Charges and coverage are both known: one claim to one payer can be made."""

    account_id: str
    claim_id: str
    patient_id: str
    release: int
    services: ServicesBilled
    coverages: tuple[CoverageSnapshot, ...]
    patient: Sealed[Person]


class AccountIsSelfPay(Event, frozen=True, kw_only=True):
    """Charges are known and eligibility says that no payer answers for them."""

    account_id: str
    patient_id: str
    reason: str
    claim_id: str = ""  # of the claim that was made before, when eligibility changed its mind


class BillingCancelled(Event, frozen=True, kw_only=True):
    """The encounter did not take place: nothing of this account is to be billed."""

    account_id: str
    reason: str
    claim_id: str = ""  # of the claim that was made, if there was one


class PriorAdjudication(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an earlier payer said, verbatim, for the 2320/2430 loops of the next claim."""

    rank: int
    payer_id: str
    paid_cents: int
    adjudicated_on: date
    payer_control_number: str = ""
    adjustments: tuple[Adjustment, ...] = ()
    lines: tuple[AdjudicatedLine, ...] = ()


class ClaimCreated(Event, frozen=True, kw_only=True):
    """A claim to the payer of one rank; secondary and tertiary claims carry what earlier payers said."""

    claim_id: str
    account_id: str
    patient_id: str
    rank: int
    frequency: Literal["1", "7", "8"] = "1"  # CLM05-3
    replaces_payer_control_number: str = ""  # REF*F8 for 7 and 8
    coverages: tuple[CoverageSnapshot, ...]  # all, in order; the one of `rank` is billed
    patient: Sealed[Person]
    services: ServicesBilled
    prior: tuple[PriorAdjudication, ...] = ()


class RuleUsed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    rule_id: str
    version: int


class ClaimScrubbed(Event, frozen=True, kw_only=True):
    """The result of the edits as they stood; a later rule never changes it."""

    claim_id: str
    findings: tuple[Finding, ...]
    is_clean: bool
    rules_version: int  # of the edits that everybody has
    scrubbed_on: date | None = None
    customer_rules: tuple[RuleUsed, ...] = ()  # the customer's own that held on that day for that claim, in their order
    rule_set: str = ""  # hash of what they said
    rule_book_version: int = 0  # of the rule book's stream, from which they can be read again
    tags: tuple[str, ...] = ()


class RuleChange(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a customer's rule changed on a claim. Codes of one field stand with a space between them."""

    rule_id: str
    rule_version: int
    place: str
    before: str
    after: str


class ClaimRepaired(Event, frozen=True, kw_only=True):
    """Rules wrote the same in another form: case, spaces, punctuation. What is billed stays what it was."""

    claim_id: str
    changes: tuple[RuleChange, ...]
    services: ServicesBilled | None = None  # as they are after it; absent: as before; so with the coverages
    coverages: tuple[CoverageSnapshot, ...] | None = None


class ClaimEditedByRules(Event, frozen=True, kw_only=True):
    """Rules changed what the claim says, in fields in which the customer lets them."""

    claim_id: str
    changes: tuple[RuleChange, ...]
    services: ServicesBilled | None = None
    coverages: tuple[CoverageSnapshot, ...] | None = None


class RuleStep(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that a rule does to a property of a claim."""

    property: str
    operation: Literal["upper-case", "trim", "letters-and-digits", "set", "add", "remove"]
    value: str = ""


class ClaimRule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One version of a customer's own rule about claims. Its words are about claims, never about a person."""

    rule_id: str
    version: int
    name: str
    order: int  # rules run by order, then by id
    scope: Literal["claim", "line"] = "claim"  # line: for each line by itself
    when: str  # the condition, as canonical JSON: docs/how-to/write-claim-rules.md
    action: Literal["hold", "warn", "tag", "repair", "edit"]
    message: str = ""
    fix: str = ""
    tag: str = ""
    steps: tuple[RuleStep, ...] = ()  # of repair and edit
    effective_by: Literal["service", "check"] = "service"  # the day that the dates are about
    from_on: date | None = None
    to_on: date | None = None


class ClaimRuleProposed(Event, frozen=True, kw_only=True):
    """A new rule is in the book. It touches no claim before somebody enables it."""

    rule: ClaimRule
    by: str


class ClaimRuleChanged(Event, frozen=True, kw_only=True):
    """The rule says something else from now on; claims that were checked keep their results."""

    rule: ClaimRule
    by: str


class ClaimRuleEnabled(Event, frozen=True, kw_only=True):
    rule_id: str
    version: int
    by: str


class ClaimRuleDisabled(Event, frozen=True, kw_only=True):
    rule_id: str
    version: int
    reason: str
    by: str


class ClaimHeld(Event, frozen=True, kw_only=True):
    """The claim waits, by name of the reason; one that a person holds is released by a person only."""

    claim_id: str
    reason: str  # edits-failed, no-trading-partner, cannot-be-written, or a person's own
    findings: tuple[Finding, ...] = ()
    held_by: str = ""  # empty: the edits


class ClaimReleased(Event, frozen=True, kw_only=True):
    """Ready to be sent to its payer's trading partner."""

    claim_id: str
    partner_id: str
    payer_id: str
    version: int  # 1, 2, … submissions of this claim
    charged_cents: int = 0
    kind: ClaimKind = "professional"  # each kind is sent in interchanges of its own


class ClaimBatched(Event, frozen=True, kw_only=True):
    """The claim goes into an interchange that is being written; nobody changes it until that was sent or gave it back."""

    claim_id: str
    version: int
    partner_id: str
    batch_id: str
    control_number: int


class BatchedClaim(Struct, frozen=True, kw_only=True, omit_defaults=True):
    claim_id: str
    version: int
    charged_cents: int
    answer_days: int = 30  # no 835 after so many days is silence; the payer's, as known when the batch was assembled
    kind: ClaimKind = "professional"


class BatchAssembled(Event, frozen=True, kw_only=True):
    """On the partner's stream: which claims go in which interchange, under which numbers. Never re-used."""

    partner_id: str
    batch_id: str
    control_number: int  # ISA13; GS06 is the same
    claims: tuple[BatchedClaim, ...]  # of one kind: the version of the group (GS08) says which


class ClaimSet(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The claims of one ST/SE of an interchange: what a 999 accepts or rejects as one."""

    set_control_number: str  # ST02
    claims: tuple[BatchedClaim, ...]


class InterchangeStored(Event, frozen=True, kw_only=True):
    """The exact bytes and the file name, before anything is sent; a retry sends the same bytes under the same name."""

    partner_id: str
    batch_id: str
    control_number: int
    file_name: str
    document: DocumentReference
    claim_ids: tuple[str, ...]  # those that could be written; the others are back at work
    refused_claim_ids: tuple[str, ...] = ()
    sets: tuple[ClaimSet, ...] = ()  # the same claims, as they lie in the interchange


class BatchAbandoned(Event, frozen=True, kw_only=True):
    """None of its claims could be written or was still waiting: no interchange, and its control number stays unused."""

    partner_id: str
    batch_id: str
    control_number: int
    refused_claim_ids: tuple[str, ...] = ()


class InterchangeSent(Event, frozen=True, kw_only=True):
    partner_id: str
    batch_id: str
    control_number: int
    claims: tuple[BatchedClaim, ...] = ()  # that were in it
    document: DocumentReference | None = None


class InterchangeUnanswered(Event, frozen=True, kw_only=True):
    """Neither a TA1 nor a 999 came in the hours in which this partner sends them."""

    partner_id: str
    batch_id: str
    control_number: int
    claim_ids: tuple[str, ...]
    sent_on: date


class InterchangeAcknowledged(Event, frozen=True, kw_only=True):
    """A TA1 or 999 about a batch."""

    partner_id: str
    batch_id: str
    control_number: int
    kind: Literal["TA1", "999"]
    status: Literal["accepted", "accepted-with-errors", "partially-accepted", "rejected"]
    codes: tuple[str, ...] = ()
    rejected_claim_ids: tuple[str, ...] = ()
    shared_claim_ids: tuple[str, ...] = ()  # of these, the ones that a 999 rejects together with others of their set
    source: DocumentReference


class ClaimSubmitted(Event, frozen=True, kw_only=True):
    claim_id: str
    version: int
    partner_id: str
    batch_id: str
    control_number: int
    document: DocumentReference
    answer_days: int = 30  # no 835 after so many days is silence


class ClaimRejected(Event, frozen=True, kw_only=True):
    """Returned before adjudication: no appeal right, the filing clock still runs."""

    claim_id: str
    by: str  # partner or payer that said so
    stage: Literal["interchange", "functional-group", "clearinghouse", "payer"]
    codes: tuple[str, ...]  # category:status:entity
    message_code: str = ""
    source: DocumentReference


class ClaimAccepted(Event, frozen=True, kw_only=True):
    """A 277CA says received or accepted; the clearinghouse's word is not the payer's."""

    claim_id: str
    by: str
    stage: Literal["clearinghouse", "payer"]
    codes: tuple[str, ...]
    payer_control_number: str = ""
    accepted_on: date
    source: DocumentReference


class ClaimStatusRequested(Event, frozen=True, kw_only=True):
    """We ask the payer what became of the claim (276). One question of a claim is open at a time."""

    claim_id: str
    partner_id: str
    payer_id: str
    trace_number: str  # TRN02, which the answer repeats
    attempt: int = 1  # of the same question; it is asked again when nobody answers
    waiting_for: Literal["277CA", "835", "277"]  # what did not come; 277: a person wants to know
    since_on: date
    next_action: str  # what a person does when nobody answers
    asked_by: str = ""  # empty: the schedule


class ClaimStatusUnanswered(Event, frozen=True, kw_only=True):
    """Nobody answered the question in time, which says nothing about the claim."""

    claim_id: str
    trace_number: str
    attempt: int
    asks_again: bool


class ClaimStatusReported(Event, frozen=True, kw_only=True):
    """A 277 answer to our question, or an acknowledgement that came too late to change anything."""

    claim_id: str
    category: str
    codes: tuple[str, ...]
    payer_control_number: str = ""
    paid_cents: int | None = None
    source: DocumentReference
    trace_number: str = ""  # of the open question that it answers
    # what follows for us; empty: nothing, the claim did not wait for it
    meaning: Literal["", "waiting", "ask-again", "finalized", "information", "returned", "not-found", "cannot-tell"] = (
        ""
    )
    wait_until_on: date | None = None  # on that day the payer is asked again, if it has not answered
    finalized_on: date | None = None  # STC06
    payment_number: str = ""  # STC09: cheque or EFT


class InformationRequested(Event, frozen=True, kw_only=True):
    """The payer wants something from us before it decides: with a day, after which it decides without it."""

    claim_id: str
    request_id: str  # the claim's, and R1, R2, …
    asked_by: Literal["277", "letter", "portal", "phone"]
    codes: tuple[str, ...] = ()  # category:status:entity, or LOINC codes
    due_on: date
    is_due_stated: bool = False  # by the payer; otherwise it is the usual time
    reference_number: str = ""  # the payer's
    details: Sealed[str] | None = None
    source: DocumentReference | None = None
    by: str = ""  # who recorded it by hand


class InformationOverdue(Event, frozen=True, kw_only=True):
    """The day passed, and nothing was sent."""

    claim_id: str
    request_id: str
    due_on: date


class InformationAnswered(Event, frozen=True, kw_only=True):
    """The request is done with: the payer got what it wanted, or does not need it any more."""

    claim_id: str
    request_id: str
    how: Literal["attachments", "phone", "portal", "not-needed"]
    attachment_ids: tuple[str, ...] = ()
    answered_on: date
    reference_number: str = ""
    wait_until_on: date | None = None  # on that day the payer is asked, if it has not answered
    by: str


class AttachmentAdded(Event, frozen=True, kw_only=True):
    """A document that belongs to a claim. Its number goes out in PWK06 whenever the claim is sent from now on."""

    claim_id: str
    attachment_id: str  # attachment control number: the claim's, and A1, A2, …
    report_type: str  # PWK01
    transmission: Literal["AA", "BM", "EL", "EM", "FT", "FX"]  # PWK02
    document: DocumentReference
    media_type: str
    size_bytes: int
    description: Sealed[str] | None = None
    by: str


class AttachmentRemoved(Event, frozen=True, kw_only=True):
    """It was a mistake, and had not been sent. The document stays stored."""

    claim_id: str
    attachment_id: str
    reason: str
    by: str


class AttachmentSent(Event, frozen=True, kw_only=True):
    """The document went to the payer, and by what that is proved."""

    claim_id: str
    attachment_id: str
    method: Literal["mail", "fax", "portal", "electronic"]
    sent_on: date
    proof_number: str = ""  # tracking, fax or portal confirmation number
    request_id: str = ""  # that it answers
    by: str


class CallRecorded(Event, frozen=True, kw_only=True):
    """Somebody spoke with the payer about the claim."""

    claim_id: str
    called_on: date
    outcome: Literal["pending", "paid", "denied", "not-on-file", "information-wanted", "nobody-answered", "other"]
    reference_number: str = ""  # of the call
    spoke_with: Sealed[str] | None = None
    note: Sealed[str] | None = None
    next_action_on: date  # on that day the claim is looked at again
    waits: bool = False  # with the payer until then; otherwise what was to be done is still to be done
    by: str


class FollowUpDue(Event, frozen=True, kw_only=True):
    """Nobody answered in time: the claim needs a person or a status request."""

    claim_id: str
    waiting_for: Literal["999", "277CA", "835", "277", "a person"]
    since_on: date
    next_action: str


class ClaimAdjudicated(Event, frozen=True, kw_only=True):
    """The payer's answer as payments recorded it."""

    claim_id: str
    rank: int
    remittance_id: str
    paid_cents: int
    patient_responsibility_cents: int
    denied_cents: int
    payer_control_number: str = ""
    adjudicated_on: date
    forwarded_to_next_payer: bool = False
    is_reversal: bool = False
    ordinal: int = 1  # of the answer in its remittance
    answer: PriorAdjudication | None = None  # verbatim, for the payers that follow; absent on a reversal
    reverses_remittance_id: str = ""  # on a reversal: the answer that no longer stands
    reverses_ordinal: int = 0
    reversed_denial_ids: tuple[str, ...] = ()  # its denials


class ClaimDenied(Event, frozen=True, kw_only=True):
    """The payer's answer refuses money; the denial has a stream of its own."""

    claim_id: str
    denial_id: str
    remittance_id: str
    denied_cents: int
    group: str
    reason: str  # CARC


class ClaimDenialSettled(Event, frozen=True, kw_only=True):
    """A denial of this claim was resolved."""

    claim_id: str
    denial_id: str
    outcome: str


class SecondaryClaimDue(Event, frozen=True, kw_only=True):
    """What the primary left goes to the next payer: the claim to be created, with the answers so far."""

    claim_id: str  # of the claim that was answered
    next_claim_id: str
    next_rank: int
    prior: tuple[PriorAdjudication, ...]
    account_id: str
    patient_id: str
    patient: Sealed[Person]
    services: ServicesBilled
    coverages: tuple[CoverageSnapshot, ...]


class ReplacementClaimDue(Event, frozen=True, kw_only=True):
    """A claim that was sent must be replaced (7) or taken back (8): the next claim of the account for the same payer.

    Without the payer's control number it is created and held until the payer has told it.
    """

    claim_id: str  # of the claim that was sent
    next_claim_id: str
    frequency: Literal["7", "8"]
    payer_control_number: str = ""
    rank: int
    reason: str
    account_id: str
    patient_id: str
    patient: Sealed[Person]
    services: ServicesBilled
    coverages: tuple[CoverageSnapshot, ...]
    prior: tuple[PriorAdjudication, ...] = ()


class PayerControlNumberKnown(Event, frozen=True, kw_only=True):
    """The payer named its number for a claim whose replacement waits for it."""

    claim_id: str
    next_claim_id: str
    payer_control_number: str


class CrossoverAwaited(Event, frozen=True, kw_only=True):
    """The payer forwarded the claim itself (CLP02 19, 20, 21): ours is not sent."""

    claim_id: str
    next_rank: int


class ClaimCorrected(Event, frozen=True, kw_only=True):
    """A rejected or held claim was mended; it is scrubbed and sent again."""

    claim_id: str
    services: ServicesBilled | None = None  # absent: as before; so with the fields below
    coverages: tuple[CoverageSnapshot, ...] | None = None
    patient: Sealed[Person] | None = None
    prior: tuple[PriorAdjudication, ...] | None = None
    frequency: Literal["1", "7", "8"] | None = None
    replaces_payer_control_number: str = ""
    reason: str
    corrected_by: str


class ClaimVoided(Event, frozen=True, kw_only=True):
    claim_id: str
    reason: str


class ClaimClosed(Event, frozen=True, kw_only=True):
    claim_id: str
    reason: Literal["paid", "nothing-due", "next-payer", "patient", "denied-final", "voided", "replaced", "written-off"]
    next_claim_id: str = ""  # of the void claim that took it back at the payer


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


class DenialAssignmentUndone(Event, frozen=True, kw_only=True):
    """Who assigned it took that back: it is whose it was before."""

    denial_id: str
    undone_version: int  # of the assignment, in the denial's stream
    assignee: str = ""
    until_on: date | None = None
    by: str


class DenialNoted(Event, frozen=True, kw_only=True):
    denial_id: str
    outcome_code: str
    reference_number: str = ""
    next_action_on: date | None = None
    note: Sealed[str] | None = None
    by: str = ""


class DenialNoteUndone(Event, frozen=True, kw_only=True):
    """Who wrote the note took it back: what stood there before stands again. The note stays in the log."""

    denial_id: str
    undone_version: int  # of the note, in the denial's stream
    outcome_code: str = ""
    reference_number: str = ""
    next_action: str = ""
    next_action_on: date | None = None
    by: str


class DenialSnoozed(Event, frozen=True, kw_only=True):
    """Nothing can be done before a day: until then the denial is not in the queue, and on it it is there again."""

    denial_id: str
    until_on: date
    by: str
    because: str = ""  # why it cannot be worked until then, such as appeal-of-another-claim; empty: not said


class DenialSnoozeUndone(Event, frozen=True, kw_only=True):
    """Who put it off took that back."""

    denial_id: str
    undone_version: int
    until_on: date | None = None  # what was said before that
    by: str
    because: str = ""


class DenialWriteOffRequested(Event, frozen=True, kw_only=True):
    """Somebody wants to let the money go, and it is too much for one person: another decides."""

    denial_id: str
    amount_cents: int
    reason: str
    requested_by: str


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


class AppealLetterWritten(Event, frozen=True, kw_only=True):
    """The draft became a letter, kept as it will be sent."""

    denial_id: str
    level: int
    letter: DocumentReference
    by: str


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


BillingCaseEvent: TypeAlias = ChargesNoted | CoverageNoted | AccountReadyToBill | AccountIsSelfPay | BillingCancelled
ClaimEvent: TypeAlias = (
    ClaimCreated
    | ClaimScrubbed
    | ClaimHeld
    | ClaimReleased
    | ClaimBatched
    | ClaimSubmitted
    | ClaimRejected
    | ClaimAccepted
    | ClaimStatusRequested
    | ClaimStatusUnanswered
    | ClaimStatusReported
    | InformationRequested
    | InformationOverdue
    | InformationAnswered
    | AttachmentAdded
    | AttachmentRemoved
    | AttachmentSent
    | CallRecorded
    | FollowUpDue
    | ClaimAdjudicated
    | ClaimDenied
    | ClaimDenialSettled
    | SecondaryClaimDue
    | ReplacementClaimDue
    | PayerControlNumberKnown
    | CrossoverAwaited
    | ClaimCorrected
    | ClaimVoided
    | ClaimClosed
    | ClaimRepaired
    | ClaimEditedByRules
)
RuleBookEvent: TypeAlias = ClaimRuleProposed | ClaimRuleChanged | ClaimRuleEnabled | ClaimRuleDisabled
PartnerEvent: TypeAlias = PartnerListed | BatchAssembled
BatchEvent: TypeAlias = (
    InterchangeStored | BatchAbandoned | InterchangeSent | InterchangeAcknowledged | InterchangeUnanswered
)
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
    | DenialResolved
)
ClaimsEvent: TypeAlias = (
    BillingCaseEvent | ClaimEvent | PartnerEvent | BatchEvent | DenialEvent | AppealTemplateKept | RuleBookEvent
)
