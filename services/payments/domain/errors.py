"""Why may a request about money be refused?"""

from __future__ import annotations

from shared.kernel.errors import DomainError, NotFound


class AccountUnknown(NotFound):
    """No charges were ever posted to this account."""


class SamePerson(DomainError):
    """Who asked for an adjustment or a refund cannot agree to it."""

    code = "same-person"


class AdjustmentUnknown(NotFound):
    """Nobody asked for an adjustment of this number."""


class AdjustmentAlreadyDecided(DomainError):
    code = "adjustment-already-decided"


class AdjustmentNotApproved(DomainError):
    """Only an approved adjustment can be taken back."""

    code = "adjustment-not-approved"


class ExceedsBalance(DomainError):
    """More than the party owes; a credit is never written off."""

    code = "exceeds-balance"


class ExceedsCredit(DomainError):
    """More than the party paid too much."""

    code = "exceeds-credit"


class CreditNotPaid(DomainError):
    """More of the credit was to be moved than the patient paid on the account."""

    code = "credit-not-paid"


class MoveUnknown(DomainError):
    """Nothing that this move brought is on the account."""

    code = "not-found"


class NothingOwed(DomainError):
    """Money was to go to what the patient owes, and nothing is owed there."""

    code = "nothing-owed"


class NotTheSamePatient(DomainError):
    """A patient's money goes to accounts of the same patient."""

    code = "not-the-same-patient"


class NothingToPlace(DomainError):
    """The patient owes nothing on this account."""

    code = "nothing-to-place"


class NotWithAgency(DomainError):
    code = "not-with-agency"


class AnswerNotPosted(DomainError):
    """There is no posted answer of this remittance and ordinal to take back."""

    code = "answer-not-posted"


class AnswerNotHeld(DomainError):
    """There is no held answer of this remittance and ordinal to try again."""

    code = "answer-not-held"


class AnswerStillHeld(DomainError):
    """Tried again, and what was wrong still is. `facts` has the rule."""

    code = "answer-still-held"


class AnswerNotWaiting(DomainError):
    """There is no cash of this remittance and ordinal that waits for an account."""

    code = "answer-not-waiting"


class NotAnAmount(DomainError):
    """An amount must be positive."""

    code = "not-an-amount"


class AllocationsExceedPayment(DomainError):
    code = "allocations-exceed-payment"


class AllocationUnknown(NotFound):
    """The payment was never allocated so."""


class PaymentUnknown(NotFound):
    """The patient made no such payment."""


class PaymentWasRefunded(DomainError):
    """Of a payment that is to be taken back something was given back before. `facts` has how much."""

    code = "payment-was-refunded"


class PaymentAlreadyTakenBack(DomainError):
    """The payment was taken back before, for another reason or on another day. `facts` has both."""

    code = "payment-already-taken-back"


class TakenBackTooEarly(DomainError):
    """Nothing can be taken back before it was received."""

    code = "taken-back-before-received"


class RefundUnknown(NotFound):
    """Nobody asked for a refund of this number."""


class RefundAlreadyIssued(DomainError):
    code = "refund-already-issued"


class RefundWasDeclined(DomainError):
    """Decided against before: ask for another one."""

    code = "refund-was-declined"


class RefundNotIssued(DomainError):
    """Only what was issued can be reversed."""

    code = "refund-not-issued"


class RefundAlreadyReversed(DomainError):
    """It was reversed before, for another reason. `facts` has it."""

    code = "refund-already-reversed"


class NoCardProcessor(DomainError):
    """No processor of cards is set up for this practice."""

    code = "no-card-processor"


class NotFromACard(DomainError):
    """Only what came from a card through our processor goes back to it."""

    code = "not-from-a-card"


class CardPaymentUnknown(NotFound):
    """There is no such payment by card."""


class CardNewsUnknown(NotFound):
    """The processor told nothing under this number that a person has to deal with."""


class CardNotCaptured(DomainError):
    """The processor has not taken the money, as far as is known. `facts` has how far it is."""

    code = "card-not-captured"


class ChargebackUnknown(NotFound):
    """Nothing was charged back under this number."""


class ChargebackDiffers(DomainError):
    """A chargeback is neither of the whole payment nor of what was not refunded: a person decides. `facts` has the amounts."""

    code = "chargeback-differs"


class PaymentNumberReused(DomainError):
    """The same payment number came with another amount, method or day."""

    code = "payment-number-reused"


class DepositAlreadyRecorded(DomainError):
    """The bank already showed another amount or day under this trace number."""

    code = "deposit-already-recorded"


class DepositUnknown(NotFound):
    """There is no unidentified deposit of this id."""


class DepositAlreadyIdentified(DomainError):
    """The deposit was said to be a payment before."""

    code = "deposit-already-identified"


class DepositNotIdentified(DomainError):
    """The deposit was never said to be this payment."""

    code = "deposit-not-identified"


class ControlTotalDiffers(DomainError):
    """The file does not come to what the other system says. `facts` has both."""

    code = "control-total-differs"


class OpeningBalanceKnown(DomainError):
    """A line of the file was taken in with another one. `facts` names both."""

    code = "opening-balance-known"


class OpeningBalancesUnknown(NotFound):
    """There is no such import."""


class OpeningBalancesTouched(DomainError):
    """Something was posted on accounts of the import. `facts` names them."""

    code = "opening-balances-touched"


class RemittanceUnknown(NotFound):
    """The remittance was not received."""


class RemittanceNotHeld(DomainError):
    code = "remittance-not-held"


class ExceedsUnapplied(DomainError):
    """More than waits of this payment."""

    code = "exceeds-unapplied"


class ClaimNotInRemittance(DomainError):
    """The remittance has no claim with this ordinal."""

    code = "claim-not-in-remittance"


class DayIsClosed(DomainError):
    """The books of this day are closed. `facts` has the day, its period and the first open day."""

    code = "day-is-closed"


class PeriodNotOver(DomainError):
    """A day that is still to come cannot be closed."""

    code = "period-not-over"


class PeriodDoesNotAddUp(DomainError):
    """Something makes a day of the period wrong. `facts` lists what."""

    code = "period-does-not-add-up"


class PeriodNotClosed(DomainError):
    """Only a closed period can be reopened."""

    code = "period-not-closed"


class BooksJustChanged(DomainError):
    """The books were closed or reopened in the same moment."""

    code = "books-just-changed"


class FeeScheduleUnknown(NotFound):
    """There is no such fee schedule, or no such version of it."""


class FeeScheduleEmpty(DomainError):
    """A schedule without a price."""

    code = "fee-schedule-empty"


class PriceListedTwice(DomainError):
    """A procedure stands twice in a schedule for the same modifiers and place. `facts` has which."""

    code = "price-listed-twice"


class DatesReversed(DomainError):
    """The last day is before the first."""

    code = "dates-reversed"


class DatesOverlap(DomainError):
    """Another version, or another contract, is in force on some of these days. `facts` has which and its days."""

    code = "dates-overlap"


class PayerUnknown(NotFound):
    """The payer is not in the practice's directory."""


class ContractUnknown(NotFound):
    """The payer has no contract of this id."""


class ContractAlreadyAgreed(DomainError):
    """The contract is there, and says something else: amend it."""

    code = "contract-already-agreed"


class ScheduleNotLoaded(DomainError):
    """A term of the contract names a fee schedule of which no version is there. `facts` has the term."""

    code = "schedule-not-loaded"


class TermNotClear(DomainError):
    """A term of the contract lacks something or says too much. `facts` has the term and the rule."""

    code = "term-not-clear"


class OutsideOfContract(DomainError):
    """The day lies outside of the contract."""

    code = "outside-of-contract"


class VarianceUnknown(NotFound):
    """Nothing was found under this id."""


class VarianceNotOpen(DomainError):
    """It was resolved, or its posting does not stand any more. `facts` has its state."""

    code = "variance-not-open"


class VarianceNotResolved(DomainError):
    """Only what was resolved can be opened again."""

    code = "variance-not-resolved"


class NothingToRecover(DomainError):
    """More than the difference, or on something that the payer paid too much, or let stand."""

    code = "nothing-to-recover"


class NotCapitated(DomainError):
    """The contract pays by the service in this month: it has no term that pays by the member."""

    code = "not-capitated"


class CapitationPaymentUnknown(NotFound):
    """No remittance has a PLB with reason CT in this place."""


class AssignmentUnknown(NotFound):
    """The payment has no such part."""


class MoreThanThePayment(DomainError):
    """A part of a capitation payment has its sign, and the parts come to no more than it. `facts` has what is open."""

    code = "more-than-the-payment"
