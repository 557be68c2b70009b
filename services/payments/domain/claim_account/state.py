"""What must a claim's account remember to decide?

What each party owes on each line, which answers were heard and what they did, and what waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal, assert_never

import msgspec

from services.payments.domain import ledger
from services.payments.domain.claim_account.answer import AnswerKey, key_of
from shared.events.payments import (
    AccountMovedToAgency,
    AccountPayer,
    AccountReturnedFromAgency,
    AdjustmentApproved,
    AdjustmentRequested,
    AdjustmentReversed,
    AppliedPaymentMoved,
    ChargesPosted,
    ClaimAccountEvent,
    ClaimAnswer,
    ClaimAnswerNoted,
    ClaimDeniedByPayer,
    ClaimPaymentPosted,
    ClaimPaymentRematched,
    ClaimPaymentReversed,
    ClaimPaymentUnapplied,
    LedgerLine,
    OpeningBalancePosted,
    OpeningBalanceReversed,
    PatientPaymentReversed,
    PayersKnown,
    PaymentApplied,
    PaymentNotTaken,
    RefundDeclined,
    RefundIssued,
    RefundRequested,
    RefundReversed,
    RemittanceClaimHeld,
    ResponsibilityTransferred,
)
from shared.events.values import Posting

RECEIVABLE = "receivable:"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedAnswer:
    """A payer's answer and everything that it moved, so that it can be taken back exactly."""

    posted: ClaimPaymentPosted
    transfers: tuple[ResponsibilityTransferred, ...] = ()
    denied_cents: int = 0
    remarks: tuple[str, ...] = ()  # of the claim, not of its lines

    @property
    def key(self) -> AnswerKey:
        return AnswerKey(self.posted.remittance_id, self.posted.ordinal)

    @property
    def rank(self) -> int:
        return self.posted.payer_rank

    @property
    def paid_by_line(self) -> dict[str, int]:
        return ledger.by_line(self.posted.postings, (ledger.SUSPENSE, ledger.UNAPPLIED))

    @property
    def contractual_by_line(self) -> dict[str, int]:
        return ledger.by_line(self.posted.postings, (ledger.CONTRACTUAL,))


@dataclass(frozen=True, slots=True, kw_only=True)
class PayersReversal:
    """A payer's reversal and the answer that it took back, so that it can be taken back in its turn."""

    told: ClaimPaymentReversed
    took_back: PostedAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentAsked:
    asked: AdjustmentRequested
    status: Literal["requested", "approved", "reversed"] = "requested"
    postings: tuple[Posting, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAccount:
    account_id: str = ""
    encounter_id: str = ""
    patient_id: str = ""
    service_on: date | None = None
    release: int = 0
    lines: Mapping[str, LedgerLine] = field(default_factory=dict)
    payers: tuple[AccountPayer, ...] | None = None  # None: nobody has said
    owed: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (party, line) to cents; negative is a credit
    answers: Mapping[AnswerKey, PostedAnswer] = field(default_factory=dict)  # posted and not taken back
    heard: frozenset[AnswerKey] = frozenset()  # whatever became of them
    held: frozenset[AnswerKey] = frozenset()
    reversals: Mapping[AnswerKey, PayersReversal] = field(default_factory=dict)  # posted and not taken back
    waiting: tuple[ClaimAnswer, ...] = ()  # answers that came before the charges
    early: tuple[ClaimAnswer, ...] = ()  # reversals that came before what they take back
    taken_allocations: frozenset[tuple[str, int]] = frozenset()  # of payments, whatever became of them
    applied: Mapping[tuple[str, int], PaymentApplied] = field(default_factory=dict)  # and not reversed
    moves: frozenset[str] = frozenset()  # of money that left the account, undone ones under ids of their own
    patient_owes_since_on: date | None = None  # of the last responsibility that came to the patient
    adjustments: Mapping[str, AdjustmentAsked] = field(default_factory=dict)
    refunds_asked: Mapping[str, RefundRequested] = field(default_factory=dict)  # whatever became of them
    refunds: Mapping[str, RefundIssued] = field(default_factory=dict)  # that were issued
    refunds_declined: frozenset[str] = frozenset()
    refunds_reversed: Mapping[str, RefundReversed] = field(default_factory=dict)
    openings: Mapping[str, OpeningBalancePosted] = field(default_factory=dict)  # by import, and not taken back
    openings_heard: frozenset[str] = frozenset()  # imports, whatever became of them
    placement_id: str = ""
    billing_npi: str = ""

    @property
    def has_charges(self) -> bool:
        """Or what stands in their place when the account came from another system."""
        return self.release > 0 or bool(self.openings)

    @property
    def is_self_pay(self) -> bool:
        return self.payers == ()

    @property
    def parties(self) -> tuple[str, ...]:
        """Everybody who owes or is owed something, in the order in which they came to it."""
        return tuple(dict.fromkeys(party for party, _ in self.owed))

    @property
    def first_party(self) -> str:
        """To whom new charges go: the first payer; nobody, when there is none or nobody has said."""
        return ledger.payer(self.payers[0].rank) if self.payers else ledger.UNASSIGNED

    def owed_by(self, party: str) -> int:
        return sum(cents for (whose, _), cents in self.owed.items() if whose == party)

    def owed_by_line(self, party: str) -> dict[str, int]:
        """What a party owes on each line, every line of the charges first and in their order."""
        by_line = dict.fromkeys(self.lines, 0)
        for (whose, line_id), cents in self.owed.items():
            if whose == party:
                by_line[line_id] = cents
        return by_line

    def next_rank_after(self, rank: int) -> int:
        """The payer that comes after this one; 0 when the patient does."""
        return min((each.rank for each in self.payers or () if each.rank > rank), default=0)

    def answers_up_to(self, rank: int) -> tuple[PostedAnswer, ...]:
        """The answers in force of this payer and of those before it."""
        return tuple(each for each in self.answers.values() if each.rank <= rank)


def evolve(account: ClaimAccount, event: ClaimAccountEvent) -> ClaimAccount:
    match event:
        case ChargesPosted():
            return replace(
                _moved(account, event.postings),
                account_id=event.account_id,
                encounter_id=event.encounter_id,
                patient_id=event.patient_id,
                service_on=event.service_on,
                release=event.release,
                lines={line.line_id: line for line in event.lines},
                billing_npi=event.billing_npi,
            )
        case PayersKnown():
            return replace(_moved(account, event.postings), patient_id=event.patient_id, payers=event.payers)
        case ClaimPaymentPosted():
            answer = PostedAnswer(posted=event, remarks=event.remarks)
            return _answered(_moved(account, event.postings), answer)
        case ClaimAnswerNoted() | ClaimPaymentRematched():
            return _heard(account, AnswerKey(event.remittance_id, event.ordinal))
        case RemittanceClaimHeld():
            key = AnswerKey(event.remittance_id, event.ordinal)
            reversals = {each: reversal for each, reversal in account.reversals.items() if each != key}
            early = (*account.early, event.answer) if event.answer else account.early
            return replace(_heard(account, key), held=account.held | {key}, reversals=reversals, early=early)
        case ClaimDeniedByPayer():
            return _denied(account, event)
        case ClaimPaymentReversed():
            return _taken_back(_moved(account, event.postings), event)
        case ClaimPaymentUnapplied():
            heard = _heard(account, key_of(event.answer))
            return replace(heard, waiting=(*heard.waiting, event.answer))
        case ResponsibilityTransferred():
            return _transferred(_moved(account, event.postings), event)
        case PaymentApplied():
            applied = {**account.applied, (event.payment_id, event.allocation): event}
            return replace(_taken(_moved(account, event.postings), event), applied=applied)
        case PaymentNotTaken():
            return _taken(account, event)
        case PatientPaymentReversed():
            reversed_ = (event.payment_id, event.allocation)
            still = {key: each for key, each in account.applied.items() if key != reversed_}
            return replace(_moved(account, event.postings), applied=still)
        case AppliedPaymentMoved():
            return _moved_away(_moved(account, event.postings), event)
        case AdjustmentRequested():
            return _adjustment(account, AdjustmentAsked(asked=event))
        case AdjustmentApproved():
            asked = account.adjustments[event.adjustment_id]
            decided = replace(asked, status="approved", postings=event.postings)
            return _adjustment(_moved(account, event.postings), decided)
        case AdjustmentReversed():
            undone = replace(account.adjustments[event.adjustment_id], status="reversed")
            return _adjustment(_moved(account, event.postings), undone)
        case RefundRequested():
            return replace(account, refunds_asked={**account.refunds_asked, event.refund_id: event})
        case RefundIssued():
            return replace(_moved(account, event.postings), refunds={**account.refunds, event.refund_id: event})
        case RefundDeclined():
            return replace(account, refunds_declined=account.refunds_declined | {event.refund_id})
        case RefundReversed():
            reversed_too = {**account.refunds_reversed, event.refund_id: event}
            return replace(_moved(account, event.postings), refunds_reversed=reversed_too)
        case AccountMovedToAgency():
            return replace(_moved(account, event.postings), placement_id=event.placement_id)
        case AccountReturnedFromAgency():
            return replace(_moved(account, event.postings), placement_id="")
        case OpeningBalancePosted():
            return replace(
                _moved(account, event.postings),
                account_id=event.account_id,
                patient_id=event.patient_id,
                service_on=account.service_on or event.service_on,
                openings={**account.openings, event.import_id: event},
                openings_heard=account.openings_heard | {event.import_id},
            )
        case OpeningBalanceReversed():
            left = {name: each for name, each in account.openings.items() if name != event.import_id}
            return replace(_moved(account, event.postings), openings=left)
        case _:
            assert_never(event)


def _moved(account: ClaimAccount, postings: Iterable[Posting]) -> ClaimAccount:
    owed = dict(account.owed)
    for leg in postings:
        if leg.account.startswith(RECEIVABLE):
            key = (leg.account.removeprefix(RECEIVABLE), leg.line_id)
            owed[key] = owed.get(key, 0) + leg.amount_cents
    return replace(account, owed={key: cents for key, cents in owed.items() if cents})


def _heard(account: ClaimAccount, key: AnswerKey) -> ClaimAccount:
    """It no longer waits and is no longer held, whatever becomes of it."""
    return replace(
        account,
        heard=account.heard | {key},
        held=account.held - {key},
        waiting=tuple(each for each in account.waiting if key_of(each) != key),
        early=tuple(each for each in account.early if key_of(each) != key),
    )


def _answered(account: ClaimAccount, answer: PostedAnswer) -> ClaimAccount:
    return replace(_heard(account, answer.key), answers={**account.answers, answer.key: answer})


def _denied(account: ClaimAccount, event: ClaimDeniedByPayer) -> ClaimAccount:
    answer = account.answers[AnswerKey(event.remittance_id, event.ordinal)]
    of_lines = {remark for line in answer.posted.lines for remark in line.remarks}
    of_claim = [
        *answer.remarks,
        *(remark for remark in event.remarks if remark not in of_lines),
    ]  # older answers: only here
    denied_cents = answer.denied_cents + event.denied_cents
    return _answered(account, replace(answer, denied_cents=denied_cents, remarks=tuple(dict.fromkeys(of_claim))))


def _moved_away(account: ClaimAccount, event: AppliedPaymentMoved) -> ClaimAccount:
    key = (event.payment_id, event.allocation)
    there = account.applied[key]
    applied = {name: each for name, each in account.applied.items() if name != key}
    if left := there.amount_cents - event.amount_cents:
        _, postings = ledger.parted(there.postings, event.amount_cents)
        applied[key] = msgspec.structs.replace(there, amount_cents=left, postings=postings)
    return replace(account, applied=applied, moves=account.moves | {move_key(event.move_id, is_undone=event.is_undone)})


def move_key(move_id: str, *, is_undone: bool) -> str:
    """A move and its undoing are two deeds."""
    return f"{move_id}:undone" if is_undone else move_id


def _taken(account: ClaimAccount, event: PaymentApplied | PaymentNotTaken) -> ClaimAccount:
    return replace(account, taken_allocations=account.taken_allocations | {(event.payment_id, event.allocation)})


def _transferred(account: ClaimAccount, event: ResponsibilityTransferred) -> ClaimAccount:
    """A share that an answer made is remembered with the answer."""
    if event.to_party == ledger.PATIENT:
        account = replace(account, patient_owes_since_on=event.since_on)
    answer = account.answers.get(AnswerKey(event.remittance_id, event.ordinal))
    if answer is None:
        return account
    return _answered(account, replace(answer, transfers=(*answer.transfers, event)))


def _taken_back(account: ClaimAccount, event: ClaimPaymentReversed) -> ClaimAccount:
    original = AnswerKey(event.reverses_remittance_id, event.reverses_ordinal)
    left = {key: answer for key, answer in account.answers.items() if key != original}
    key = AnswerKey(event.remittance_id, event.ordinal)
    gone = account.answers[original]
    account = replace(_heard(account, key), answers=left)
    if event.reason == "unposted":
        return replace(account, held=account.held | {original})
    return replace(account, reversals={**account.reversals, key: PayersReversal(told=event, took_back=gone)})


def _adjustment(account: ClaimAccount, adjustment: AdjustmentAsked) -> ClaimAccount:
    return replace(account, adjustments={**account.adjustments, adjustment.asked.adjustment_id: adjustment})
