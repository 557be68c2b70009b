"""Why may a command about claims, batches or denials be refused? Each code is stable: clients and work queues key on it."""

from __future__ import annotations

from shared.kernel.errors import DomainError, Malformed, NotFound


class ClaimUnknown(NotFound):
    """There is no such claim."""

    code = "claim-unknown"


class ClaimIsBeingSent(DomainError):
    """The claim is bound to an interchange that is being written: wait until it was sent or came back."""

    code = "claim-is-being-sent"


class ClaimAlreadySent(DomainError):
    """The claim was sent and not rejected: it is replaced or voided by another claim, never changed."""

    code = "claim-already-sent"


class ClaimNotWaiting(DomainError):
    """The claim does not wait to be sent in this version."""

    code = "claim-not-waiting"


class ClaimNotInBatch(DomainError):
    """The claim is not bound to this batch."""

    code = "claim-not-in-batch"


class ClaimNotSubmitted(DomainError):
    """The claim was never sent, so that nobody can have answered it."""

    code = "claim-not-submitted"


class StatusAlreadyAsked(DomainError):
    """The payer was asked and has not answered yet: one question of a claim at a time."""

    code = "status-already-asked"


class PartnerNotInRealTime(DomainError):
    """The claim's trading partner answers no questions in real time."""

    code = "partner-not-in-real-time"


class ClaimNotLost(DomainError):
    """Only a claim that its payer does not find is sent again as it is."""

    code = "claim-not-lost"


class RequestUnknown(NotFound):
    """No such request for information is open on the claim."""

    code = "request-unknown"


class DaysOutOfOrder(DomainError):
    """A day lies before one that it cannot lie before, or in the future."""

    code = "days-out-of-order"


class AttachmentUnknown(NotFound):
    """The claim has no such attachment, or it was not sent."""

    code = "attachment-unknown"


class AttachmentAlreadySent(DomainError):
    """An attachment that was sent is not removed."""

    code = "attachment-already-sent"


class AttachmentUnreadable(Malformed):
    """An attachment is a PDF, TIFF, JPEG or PNG file that is not empty and not too large."""

    code = "attachment-unreadable"


class TooManyAttachments(DomainError):
    """A claim names ten attachments at most."""

    code = "too-many-attachments"


class ClaimIsVoided(DomainError):
    """The claim was voided: it takes part in nothing any more."""

    code = "claim-voided"


class ClaimNotAnswered(DomainError):
    """The payer has not answered the claim: it cannot be closed."""

    code = "claim-not-answered"


class DenialStillOpen(DomainError):
    """The claim is closed with its last denial, not before."""

    code = "denial-still-open"


class ClaimNotHeld(DomainError):
    """Only a held or rejected claim can be released."""

    code = "claim-not-held"


class ClaimHasErrors(DomainError):
    """The edits find errors that must be mended before the claim is released."""

    code = "claim-has-errors"


class NoTradingPartner(DomainError):
    """The claim stays held: nobody takes files for its payer."""

    code = "no-trading-partner"


class ClaimSuperseded(DomainError):
    """Another claim already replaces this one; go on with that."""

    code = "claim-superseded"


class TooManyReplacements(DomainError):
    """A claim is replaced nine times at most: the tenth would take the number of another payer's claim."""

    code = "too-many-replacements"


class AnswerUnknown(DomainError):
    """No answer of this remittance is recorded on the claim."""

    code = "answer-unknown"


class NextPayerUnknown(DomainError):
    """The account has no coverage of that rank."""

    code = "next-payer-unknown"


class PartnerUnknown(NotFound):
    """No such trading partner is listed."""

    code = "partner-unknown"


class PartnerMalformed(DomainError):
    """The partner's envelope data cannot be written into an ISA segment."""

    code = "partner-malformed"


class BatchEmpty(DomainError):
    """None of these claims still has to be put in a batch."""

    code = "batch-empty"


class BatchUnknown(NotFound):
    """No interchange with this control number was sent to this partner."""

    code = "batch-unknown"


class BatchAlreadyStored(DomainError):
    """The bytes of this batch are stored: they are sent as they are, never written again."""

    code = "batch-already-stored"


class BatchNotOnPaper(DomainError):
    """The batch goes over the wire, or is not printed yet."""

    code = "batch-not-on-paper"


class BatchAlreadyMailed(DomainError):
    """Another day or tracking number was said before: the first one stands."""

    code = "batch-already-mailed"


class MailedInTheFuture(DomainError):
    """Nothing was mailed on a day that is still to come."""

    code = "mailed-in-the-future"


class PartnerNotOnPaper(DomainError):
    """Claims for this partner go over the wire by themselves."""

    code = "partner-not-on-paper"


class NothingToPrint(DomainError):
    """No claim waits to be printed for this partner."""

    code = "nothing-to-print"


class BatchAlreadyAbandoned(DomainError):
    """This batch was given up before anything was written."""

    code = "batch-abandoned"


class ClaimNotOnThisForm(DomainError):
    """Claims of this kind, or without a payer, are not printed on this form."""

    code = "claim-not-on-this-form"


class DenialUnknown(NotFound):
    """There is no such denial."""

    code = "denial-unknown"


class ChecklistStepUnknown(NotFound):
    """The checklist of this category of denials has no such step."""

    code = "checklist-step-unknown"


class ChecklistMalformed(DomainError):
    """A checklist of a category that there is none of, or with a step twice. The message says which."""

    code = "checklist-malformed"


class EscalationRulesMalformed(DomainError):
    """Rules of which two have one name, or about a category that there is none of. The message says which."""

    code = "escalation-rules-malformed"


class LearnedRuleUnknown(NotFound):
    """There is no rule of this name that was learned from denials."""

    code = "learned-rule-unknown"


class NotProposedAnyMore(DomainError):
    """These claims, read up to this position, propose no such rule."""

    code = "not-proposed"


class DenialAlreadyResolved(DomainError):
    """The denial is finished: an outcome is recorded."""

    code = "denial-already-resolved"


class DenialAssignedToAnother(DomainError):
    """Somebody else works on this denial until the day named."""

    code = "denial-assigned-to-another"


class NotToUndo(DomainError):
    """Only the last thing that was done can be undone, by who did it, and only an assignment, a note or a snooze."""

    code = "not-to-undo"


class SnoozeNotAhead(DomainError):
    """A denial is put off to a day that is still to come."""

    code = "snooze-not-ahead"


class WriteOffAlreadyRequested(DomainError):
    """Somebody asked to write this denial off already: another person decides."""

    code = "write-off-already-requested"


class WriteOffNotRequested(DomainError):
    """Nobody asked to write this denial off."""

    code = "write-off-not-requested"


class WriteOffNeedsAnother(DomainError):
    """Who asked for a write-off does not decide on it."""

    code = "write-off-needs-another"


class AppealOutOfOrder(DomainError):
    """An appeal goes one level at a time, and the next waits for the decision on the last."""

    code = "appeal-out-of-order"


class NoAppealRight(DomainError):
    """The law or the payer's answer gives no appeal against this denial; the message says which."""

    code = "no-appeal-right"


class NoFurtherAppeal(DomainError):
    """The payer's last level was decided."""

    code = "no-further-appeal"


class AppealPastItsDay(DomainError):
    """The last day of this level is over: it is filed only with a good cause for being late."""

    code = "appeal-past-its-day"


class AppealNotDrafted(DomainError):
    """A letter is written from a draft of the same level."""

    code = "appeal-not-drafted"


class AppealTextUnfinished(DomainError):
    """The text still has a place that nobody filled in."""

    code = "appeal-text-unfinished"


class EvidenceUnknown(DomainError):
    """Evidence is what our own events say about the claim: this is not among it."""

    code = "evidence-unknown"


class TemplateUnknown(NotFound):
    """There is no template of this name."""

    code = "template-unknown"


class TemplateMalformed(DomainError):
    """The text names a place that letters do not have."""

    code = "template-malformed"


class DayStillAhead(DomainError):
    """What was done was not done on a day that is still to come."""

    code = "day-still-ahead"


class NoAppealOpen(DomainError):
    """There is no appeal of this level to decide."""

    code = "no-appeal-open"


class MessageUnknown(NotFound):
    """No inbound file of this id is held."""

    code = "message-unknown"


class RuleMalformed(Malformed):
    """A rule of the customer's own that is not understood: place, what stands there, and what must stand there."""

    code = "rule-malformed"


class RuleUnknown(NotFound):
    """The rule book has no such rule."""

    code = "rule-unknown"


class TooManyRules(DomainError):
    """The rule book is full."""

    code = "too-many-rules"
