"""What can happen to claims: made, checked, sent, answered, followed up, closed. Streams: `billing-case/{account_id}`, `claim/{claim_id}`.

What is about partners and interchanges stands in `batches.py`, about denials and appeals in `denials.py`, about a customer's own rules
in `claim_rules.py`, and what only hospitals and dentists say in `claim_kinds.py`.
Everything that happens to one claim is in its claim stream, so it is in order by construction. A claim's ordinal on its
account says whom it is for: 1 to 10 the primary payer (1 the original, 2 its first replacement, …), 11 to 20 the
secondary, 21 to 30 the tertiary.
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

from shared.events.base import Event, Sealed
from shared.events.batches import (
    BatchEvent,
    Medium,
    PartnerEvent,
)
from shared.events.claim_kinds import ClaimKind, DentalCase, HospitalCoding, HospitalStay
from shared.events.claim_rules import (
    LearnedRuleEvent,
    RuleBookEvent,
    RuleChange,
    RuleUsed,
)
from shared.events.denials import (
    AppealTemplateKept,
    DenialChecklistKept,
    DenialEvent,
    EscalationRulesKept,
)
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


class CarriedAttachment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A document of a claim that goes on to the one that replaces it, under the number that the payer finds it by."""

    claim_id: str  # that it was added to
    attachment_id: str
    report_type: str
    transmission: Literal["AA", "BM", "EL", "EM", "FT", "FX"]
    document: DocumentReference
    media_type: str
    size_bytes: int
    description: Sealed[str] | None = None
    by: str
    method: Literal["", "mail", "fax", "portal", "electronic"] = ""  # empty: it was not sent
    sent_on: date | None = None
    proof_number: str = ""


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


class ClaimSubmitted(Event, frozen=True, kw_only=True):
    claim_id: str
    version: int
    partner_id: str
    batch_id: str
    control_number: int
    document: DocumentReference
    answer_days: int = 30  # no 835 after so many days is silence
    medium: Medium = "electronic"
    mailed_on: date | None = None  # on paper: the day on which a person says it was mailed


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
    carried_from: str = ""  # the claim whose number it bears, when this one replaces it


class AttachmentRemoved(Event, frozen=True, kw_only=True):
    """It was a mistake, and had not been sent; or it does not belong to the claim that replaces its own. The document stays stored."""

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
    next_rank: int | None = None  # the payer whose turn it is then; 0: none; absent on a reversal


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
    attachments: tuple[CarriedAttachment, ...] = ()  # of a 7; an 8 needs none


class ReplacementWithdrawn(Event, frozen=True, kw_only=True):
    """The claim that was to replace this one, or to take it back, was given up and the payer never had it: this one counts again."""

    claim_id: str
    next_claim_id: str  # that was given up
    reason: str
    reopens_as: Literal["", "submitted", "adjudicated"] = ""  # it had been closed meanwhile; empty: it stays as it is


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
    | ReplacementWithdrawn
    | PayerControlNumberKnown
    | CrossoverAwaited
    | ClaimCorrected
    | ClaimVoided
    | ClaimClosed
    | ClaimRepaired
    | ClaimEditedByRules
)
ClaimsEvent: TypeAlias = (
    BillingCaseEvent
    | ClaimEvent
    | PartnerEvent
    | BatchEvent
    | DenialEvent
    | AppealTemplateKept
    | DenialChecklistKept
    | EscalationRulesKept
    | RuleBookEvent
    | LearnedRuleEvent
)
