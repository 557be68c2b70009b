"""What does a payer's answer do to one claim's account? What patients pay and people decide is in `decisions.py`.

Sources: ASC X12N 005010X221A1 (835), balancing and reversal; domain-facts sections 2, 3, 6, 7; the posting matrix of
`matrix.py`. Pure: no clock, no I/O. Every event's postings sum to zero, so charge = paid + adjusted + owed, always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import Literal, assert_never

import msgspec

from services.payments.domain import ledger
from services.payments.domain.claim_account import decisions, moves, openings, refunds
from services.payments.domain.claim_account.adjudication import (
    DOUBTS,
    SILENCE,
    Effect,
    doubts_about,
    effects_of,
)
from services.payments.domain.claim_account.answer import (
    FORWARDED,
    PROCESSED_AS,
    REVERSAL,
    WITHOUT_MONEY,
    AnswerKey,
    broken_equations,
    key_of,
    warning,
    warnings_of,
)
from services.payments.domain.claim_account.commands import (
    ApplyPatientPayment,
    ApproveAdjustment,
    ApproveRefund,
    ClaimAccountCommand,
    DeclineRefund,
    MoveCredit,
    MoveToAgency,
    NotePayers,
    PostCharges,
    PostClaimPayment,
    PostOpeningBalance,
    RematchAnswer,
    RequestAdjustment,
    RequestRefund,
    RetryHeldAnswer,
    ReturnFromAgency,
    ReverseAdjustment,
    ReverseClaimPayment,
    ReversePatientPayment,
    ReverseRefund,
    TakeBackOpeningBalance,
    UndoMove,
)
from services.payments.domain.claim_account.matrix import PostingMatrix
from services.payments.domain.claim_account.state import ClaimAccount, PayersReversal, PostedAnswer, evolve
from services.payments.domain.claim_account.transfers import all_moved, transfer, transfer_all
from services.payments.domain.errors import (
    AnswerNotHeld,
    AnswerNotPosted,
    AnswerNotWaiting,
    AnswerStillHeld,
)
from shared.events.payments import (
    AccountPayer,
    ChargesPosted,
    ClaimAccountEvent,
    ClaimAnswer,
    ClaimAnswerNoted,
    ClaimDeniedByPayer,
    ClaimPaymentPosted,
    ClaimPaymentRematched,
    ClaimPaymentReversed,
    ClaimPaymentUnapplied,
    PayersKnown,
    RemittanceClaimHeld,
)
from shared.events.values import DocumentReference, Finding
from shared.kernel.decider import Decider
from shared.kernel.identifiers import account_of_claim


def decide(command: ClaimAccountCommand, account: ClaimAccount) -> Sequence[ClaimAccountEvent]:
    match command:
        case PostCharges():
            return _post_charges(command, account)
        case NotePayers():
            return _note_payers(command, account)
        case PostClaimPayment():
            return _post_claim_payment(command, account)
        case RetryHeldAnswer():
            return _retry(command, account)
        case RematchAnswer():
            return _rematch(command, account)
        case ReverseClaimPayment():
            return _unpost(command, account)
        case ApplyPatientPayment():
            return decisions.apply_patient_payment(command, account)
        case MoveCredit():
            return moves.move_credit(command, account)
        case UndoMove():
            return moves.undo(command, account)
        case ReversePatientPayment():
            return decisions.reverse_patient_payment(command, account)
        case RequestAdjustment():
            return decisions.request_adjustment(command, account)
        case ApproveAdjustment():
            return decisions.approve_adjustment(command, account)
        case ReverseAdjustment():
            return decisions.reverse_adjustment(command, account)
        case RequestRefund():
            return refunds.request(command, account)
        case ApproveRefund():
            return refunds.approve(command, account)
        case DeclineRefund():
            return refunds.decline(command, account)
        case ReverseRefund():
            return refunds.reverse(command, account)
        case MoveToAgency():
            return decisions.move_to_agency(command, account)
        case ReturnFromAgency():
            return decisions.return_from_agency(command, account)
        case PostOpeningBalance():
            return _post_opening(command, account)
        case TakeBackOpeningBalance():
            return [*openings.take_back_opening_balance(command, account)]
        case _:
            assert_never(command)


# Charges and who is responsible for them


def _post_charges(command: PostCharges, account: ClaimAccount) -> list[ClaimAccountEvent]:
    if command.release <= account.release:
        return []  # This release, or a newer one, is already in the ledger.
    before = {line_id: line.charged_cents for line_id, line in account.lines.items()}
    now = {line.line_id: line.charged_cents for line in command.lines}
    change = {line_id: now.get(line_id, 0) - before.get(line_id, 0) for line_id in {**before, **now}}
    posted = ChargesPosted(
        account_id=command.account_id,
        encounter_id=command.encounter_id,
        patient_id=command.patient_id,
        release=command.release,
        service_on=command.service_on,
        lines=command.lines,
        charged_cents=sum(now.values()),
        postings=ledger.moved_by_line(change, debit=ledger.receivable(account.first_party), credit=ledger.CHARGES),
        billing_npi=command.billing_npi,
    )
    story = _Story(account).then([posted])
    if story.account.is_self_pay:
        story.then(transfer_all(story.account, ledger.UNASSIGNED, ledger.PATIENT, "self-pay", command.posted_on))
    for answer in account.waiting:
        story.then(_take(answer, story.account, command.matrix, cash=ledger.UNAPPLIED))
    return story.events


def _note_payers(command: NotePayers, account: ClaimAccount) -> list[ClaimAccountEvent]:
    payers = tuple(sorted(command.payers, key=lambda each: each.rank))
    if payers == account.payers:
        return []
    first = ledger.payer(payers[0].rank) if payers else ledger.UNASSIGNED
    known = PayersKnown(
        account_id=command.account_id,
        patient_id=command.patient_id,
        payers=payers,
        postings=all_moved(account, _movable_without_reason(account) - {first}, first),
    )
    story = _Story(account).then([known])
    if not payers:
        story.then(transfer_all(story.account, ledger.UNASSIGNED, ledger.PATIENT, "self-pay", command.noted_on))
    elif account.is_self_pay and not account.answers:
        story.then(transfer_all(story.account, ledger.PATIENT, first, "coverage-found", command.noted_on))
    return story.events


def _post_opening(command: PostOpeningBalance, account: ClaimAccount) -> list[ClaimAccountEvent]:
    story = _Story(account).then(openings.post_opening_balance(command, account))
    if story.events:
        for answer in account.waiting:
            story.then(_take(answer, story.account, command.matrix, cash=ledger.UNAPPLIED))
    return story.events


def _movable_without_reason(account: ClaimAccount) -> set[str]:
    """Before any payer has answered, charges follow whoever comes first. Afterwards each amount has its own reason."""
    if account.answers:
        return {ledger.UNASSIGNED}
    return {party for party in account.parties if party not in (ledger.PATIENT, ledger.AGENCY)}


# A payer's answer


def _post_claim_payment(command: PostClaimPayment, account: ClaimAccount) -> list[ClaimAccountEvent]:
    if key_of(command.answer) in account.heard:
        return []  # Payers resend files. The same answer twice is no news.
    return _take(command.answer, account, command.matrix, cash=ledger.SUSPENSE)


def _retry(command: RetryHeldAnswer, account: ClaimAccount) -> list[ClaimAccountEvent]:
    answer = command.answer
    if key_of(answer) not in account.held:
        raise AnswerNotHeld("this answer is not held", remittance_id=answer.remittance_id, ordinal=answer.ordinal)
    events = _take(answer, account, command.matrix, cash=ledger.SUSPENSE)
    for event in events:
        if isinstance(event, RemittanceClaimHeld):
            raise AnswerStillHeld("what was wrong still is", rule=event.findings[0].rule)
    return events


def _take(answer: ClaimAnswer, account: ClaimAccount, matrix: PostingMatrix, *, cash: str) -> list[ClaimAccountEvent]:
    """`cash` is where the money lies until now: in suspense, or unapplied while there were no charges."""
    if broken := broken_equations(answer):
        return [_held(answer, broken, cash)]
    if answer.status in WITHOUT_MONEY:
        return [_noted(answer)]
    if not account.has_charges:
        return [_unapplied(answer)]
    if answer.status == REVERSAL:
        return _reverse_as_told(answer, account, matrix, cash)
    story = _Story(account).then(_post(answer, account, matrix, cash))
    for early in account.early:
        story.then(_reverse_early(early, story.account, matrix))
    return story.events


def _post(answer: ClaimAnswer, account: ClaimAccount, matrix: PostingMatrix, cash: str) -> list[ClaimAccountEvent]:
    rank, doubts = _who_answered(answer, account)
    story = _Story(account).then(_drawn_to(rank, answer, account))
    story.then(_read(answer, story.account, matrix, cash, rank=rank, doubts=doubts))
    waited = [each for each in account.answers.values() if each.rank > rank and SILENCE in _rules(each.posted.findings)]
    return story.then(_read_again(waited, story.account, matrix)).events


def _read(
    answer: ClaimAnswer, account: ClaimAccount, matrix: PostingMatrix, cash: str, *, rank: int, doubts: list[Finding]
) -> Iterator[ClaimAccountEvent]:
    """What a payer's answer does, given what those before it did."""
    next_rank = account.next_rank_after(rank)
    if not next_rank and answer.status in FORWARDED:
        next_rank = rank + 1  # The payer knows of a next one that we do not.
        doubts = [*doubts, warning(UNKNOWN_NEXT, "claim CLP02", "forwarded to a payer not on the account")]
    effects = effects_of(answer, account, rank=rank, has_next=next_rank > 0, matrix=matrix)
    yield _posted(answer, account, effects, rank, next_rank, cash, doubts, matrix)
    yield from _shares(answer, account, effects, ledger.payer(rank), _party_after(next_rank))
    yield from _denials(answer, account, effects, rank)


def _who_answered(answer: ClaimAnswer, account: ClaimAccount) -> tuple[int, list[Finding]]:
    """The payer by its id if we know it, otherwise by its own word (CLP02), otherwise the next one in line."""
    payers = account.payers or ()
    doubts = [*warnings_of(answer)]
    told = PROCESSED_AS.get(answer.status)
    by_id = [each.rank for each in payers if {each.electronic_id, each.payer_id} & {*answer.payer_identifiers} - {""}]
    answered = {each.rank for each in account.answers.values()}
    silent = [each.rank for each in payers if each.rank not in answered]
    if not by_id:
        rank = told or next(iter(silent), 1)
        if rank not in [each.rank for each in payers] or _is_stranger(answer, payers):
            doubts.append(warning("payer-not-on-account", "claim CLP02", "no such payer on the account", answer.status))
    elif told in by_id:
        rank = told
    else:
        rank = next((each for each in by_id if each not in answered), by_id[0])
        if told:
            message = f"the payer says rank {told}, the account has it as {rank}"
            doubts.append(warning("payer-rank-differs", "claim CLP02", message, answer.status))
    return rank, [*doubts, *doubts_about(answer, account, rank=rank)]


def _is_stranger(answer: ClaimAnswer, payers: Sequence[AccountPayer]) -> bool:
    """It says who it is, and we know the number of every payer on the account: it is none of them."""
    return bool(answer.payer_identifiers) and bool(payers) and all(each.electronic_id for each in payers)


def _drawn_to(rank: int, answer: ClaimAnswer, account: ClaimAccount) -> Iterator[ClaimAccountEvent]:
    """A payer answers for what nobody, or by mistake the patient, was said to owe: the amount is that payer's first."""
    reason = "answered-by-payer"
    yield from transfer_all(account, ledger.UNASSIGNED, ledger.payer(rank), reason, answer.payment_on)
    if account.is_self_pay and not account.answers:
        yield from transfer_all(account, ledger.PATIENT, ledger.payer(rank), reason, answer.payment_on)


def _posted(
    answer: ClaimAnswer,
    account: ClaimAccount,
    effects: Sequence[Effect],
    rank: int,
    next_rank: int,
    cash: str,
    doubts: Sequence[Finding],
    matrix: PostingMatrix,
) -> ClaimPaymentPosted:
    owed = ledger.receivable(ledger.payer(rank))
    debited = {"paid": cash, "contractual": ledger.CONTRACTUAL}
    return ClaimPaymentPosted(
        account_id=account.account_id,
        claim_id=answer.claim_id,
        remittance_id=answer.remittance_id,
        ordinal=answer.ordinal,
        payer_rank=rank,
        payer_id=next((each.payer_id for each in account.payers or () if each.rank == rank), ""),
        claim_status=answer.status,
        charged_cents=answer.charged_cents,
        paid_cents=answer.paid_cents,
        contractual_cents=_total(effects, "contractual"),
        patient_responsibility_cents=_total(effects, "share"),
        denied_cents=sum(cents for cents, _ in _denied(effects).values()),
        next_rank=next_rank if _total(effects, "share") else 0,
        payer_control_number=answer.payer_control_number,
        payment_on=answer.payment_on,
        forwarded=answer.status in FORWARDED,
        adjustments=answer.adjustments,
        lines=answer.lines,
        postings=tuple(
            leg
            for effect in effects
            if effect.outcome in debited
            for leg in ledger.moved_by_line(effect.by_line, debit=debited[effect.outcome], credit=owed)
        ),
        source=answer.source,
        findings=tuple(doubts),
        matrix_version=matrix.version,
        remarks=answer.remarks,
    )


def _shares(
    answer: ClaimAnswer, account: ClaimAccount, effects: Sequence[Effect], from_party: str, to_party: str
) -> Iterator[ClaimAccountEvent]:
    """What is not this payer's goes to the next one, or to the patient: one event a reason, so each cent has its why."""
    by_reason: dict[str, dict[str, int]] = {}
    for effect in effects:
        if effect.outcome == "share":
            lines = by_reason.setdefault(_reason_of(effect), {})
            for line_id, cents in effect.by_line.items():
                lines[line_id] = lines.get(line_id, 0) + cents
    for reason, by_line in by_reason.items():
        yield from transfer(account, by_line, from_party, to_party, reason, answer.payment_on, key_of(answer))


_PATIENT_REASONS = {"PR-1": "deductible", "PR-2": "coinsurance", "PR-3": "copay"}


def _reason_of(effect: Effect) -> str:
    told = f"{effect.group}-{effect.reason}"
    return _PATIENT_REASONS.get(told, told)


def _party_after(next_rank: int) -> str:
    return ledger.payer(next_rank) if next_rank else ledger.PATIENT


def _denials(
    answer: ClaimAnswer, account: ClaimAccount, effects: Sequence[Effect], rank: int
) -> Iterator[ClaimAccountEvent]:
    """By money and codes, never by CLP02 alone: what is neither paid, contractual nor another's. It stays open here."""
    payer_id = next((each.payer_id for each in account.payers or () if each.rank == rank), "")
    for (group, reason), (cents, told) in _denied(effects).items():
        yield ClaimDeniedByPayer(
            account_id=account.account_id,
            claim_id=answer.claim_id,
            remittance_id=answer.remittance_id,
            ordinal=answer.ordinal,
            payer_rank=rank,
            payer_id=payer_id,
            denied_cents=cents,
            group=group,
            reason=reason,
            remarks=tuple(dict.fromkeys([*answer.remarks, *(remark for each in told for remark in each.remarks)])),
            line_ids=tuple(dict.fromkeys(each.named_line for each in told if each.named_line)),
            payment_on=answer.payment_on,
        )


def _denied(effects: Iterable[Effect]) -> dict[tuple[str, str], tuple[int, list[Effect]]]:
    """Denied cents by group and reason; what nets to nothing or to more payment is no denial."""
    told: dict[tuple[str, str], list[Effect]] = {}
    for effect in effects:
        if effect.outcome == "denied":
            told.setdefault((effect.group, effect.reason), []).append(effect)
    sums = {code: sum(each.amount_cents for each in those) for code, those in told.items()}
    return {code: (cents, told[code]) for code, cents in sums.items() if cents > 0}


def _total(effects: Iterable[Effect], outcome: str) -> int:
    return sum(effect.amount_cents for effect in effects if effect.outcome == outcome)


# Reading an answer again


TAKEN_BACK_BY_US = Finding(rule="unposted", place="claim CLP02", message="a person took this answer back")
UNKNOWN_NEXT = "forwarded-to-unknown-payer"
_OF_THE_MOMENT = frozenset({*DOUBTS, UNKNOWN_NEXT})  # what is found anew when an answer is read again


def _read_again(
    answers: Sequence[PostedAnswer], account: ClaimAccount, matrix: PostingMatrix
) -> Iterator[ClaimAccountEvent]:
    """Payers' answers may come in any order. What was read by an answer that is gone, or without one that came later, is taken
    back as a person would do it, and posted once more: so the order in which they came changes no cent."""
    story = _Story(account)
    for each in answers:
        posted = each.posted
        on, source = posted.payment_on, posted.source
        story.then([_taken_back(each, each.key, ledger.SUSPENSE, on=on, source=source, reason="unposted")])
        story.then(_transfers_back(each, story.account, on))
    yield from story.then(_read_once_more(answers, story.account, matrix)).events


def _read_once_more(
    answers: Sequence[PostedAnswer], account: ClaimAccount, matrix: PostingMatrix
) -> Iterator[ClaimAccountEvent]:
    """Each of these answers, which are not in force, given what stands now."""
    story = _Story(account)
    for each in answers:
        answer, rank = _as_sent(each), each.rank
        doubts = [finding for finding in each.posted.findings if finding.rule not in _OF_THE_MOMENT]
        doubts += doubts_about(answer, story.account, rank=rank)
        story.then([*_read(answer, story.account, matrix, ledger.SUSPENSE, rank=rank, doubts=doubts)])
    yield from story.events


def read_otherwise(
    account: ClaimAccount, matrix_of: Callable[[PostedAnswer], PostingMatrix]
) -> list[ClaimAccountEvent]:
    """Every answer in force taken back and posted once more, each with the matrix that is named for it. A question, for `what_if.py`."""
    answers = list(account.answers.values())
    story = _Story(account)
    for each in answers:
        posted = each.posted
        story.then([_taken_back(each, each.key, ledger.SUSPENSE, on=posted.payment_on, source=posted.source)])
        story.then(_transfers_back(each, story.account, posted.payment_on))
    for each in answers:
        story.then(_read_once_more([each], story.account, matrix_of(each)))
    return story.events


def _as_sent(answer: PostedAnswer) -> ClaimAnswer:
    posted = answer.posted
    return ClaimAnswer(
        account_id=posted.account_id,
        claim_id=posted.claim_id,
        remittance_id=posted.remittance_id,
        ordinal=posted.ordinal,
        status=posted.claim_status,
        charged_cents=posted.charged_cents,
        paid_cents=posted.paid_cents,
        payer_control_number=posted.payer_control_number,
        payment_on=posted.payment_on,
        adjustments=posted.adjustments,
        remarks=answer.remarks,
        lines=posted.lines,
        source=posted.source,
    )


def _rules(findings: Iterable[Finding]) -> set[str]:
    return {finding.rule for finding in findings}


# An answer that is not posted


def _held(answer: ClaimAnswer, findings: Sequence[Finding], cash: str) -> RemittanceClaimHeld:
    back = answer.paid_cents if cash == ledger.UNAPPLIED else 0
    return RemittanceClaimHeld(
        account_id=answer.account_id,
        claim_id=answer.claim_id,
        remittance_id=answer.remittance_id,
        ordinal=answer.ordinal,
        paid_cents=answer.paid_cents,
        findings=tuple(findings),
        source=answer.source,
        postings=ledger.moved(back, debit=ledger.UNAPPLIED, credit=ledger.SUSPENSE),
    )


def _noted(answer: ClaimAnswer) -> ClaimAnswerNoted:
    return ClaimAnswerNoted(
        account_id=answer.account_id,
        claim_id=answer.claim_id,
        remittance_id=answer.remittance_id,
        ordinal=answer.ordinal,
        claim_status=answer.status,
        forwarded=answer.status in FORWARDED,
        source=answer.source,
    )


def _unapplied(answer: ClaimAnswer) -> ClaimPaymentUnapplied:
    return ClaimPaymentUnapplied(
        account_id=answer.account_id,
        claim_id=answer.claim_id,
        remittance_id=answer.remittance_id,
        ordinal=answer.ordinal,
        paid_cents=answer.paid_cents,
        answer=answer,
        postings=ledger.moved(answer.paid_cents, debit=ledger.SUSPENSE, credit=ledger.UNAPPLIED),
        source=answer.source,
    )


def _rematch(command: RematchAnswer, account: ClaimAccount) -> list[ClaimAccountEvent]:
    key = AnswerKey(command.remittance_id, command.ordinal)
    answer = next((each for each in account.waiting if key_of(each) == key), None)
    if answer is None:
        raise AnswerNotWaiting("no cash waits here", remittance_id=key.remittance_id, ordinal=key.ordinal)
    to_account_id = account_of_claim(command.to_claim_id)
    return [
        ClaimPaymentRematched(
            account_id=answer.account_id,
            claim_id=answer.claim_id,
            remittance_id=answer.remittance_id,
            ordinal=answer.ordinal,
            paid_cents=answer.paid_cents,
            to_claim_id=command.to_claim_id,
            to_account_id=to_account_id,
            answer=msgspec.structs.replace(answer, account_id=to_account_id, claim_id=command.to_claim_id),
            postings=ledger.moved(answer.paid_cents, debit=ledger.UNAPPLIED, credit=ledger.SUSPENSE),
            source=answer.source,
        )
    ]


# Taking an answer back


def _reverse_as_told(
    answer: ClaimAnswer, account: ClaimAccount, matrix: PostingMatrix, cash: str
) -> list[ClaimAccountEvent]:
    original = _original_of(answer, account)
    if original is None:
        message = "a reversal names an answer that was posted: same claim, same control number, negated amounts"
        finding = Finding(rule="reversal-without-original", place="claim CLP02", message=message, value=answer.status)
        return [msgspec.structs.replace(_held(answer, [finding], cash), answer=answer)]
    corrections = _answers_behind(
        original, account
    )  # which came before the reversal, and were read by what it takes back
    story = _Story(account).then(_reverse(original, answer, account, cash))
    return story.then(_read_again(corrections, story.account, matrix)).events


def _reverse_early(answer: ClaimAnswer, account: ClaimAccount, matrix: PostingMatrix) -> list[ClaimAccountEvent]:
    """A reversal that waited for what it takes back. The payer's other answers, one of which may be the correction that came with it,
    have the last word."""
    original = _original_of(answer, account)
    if original is None:
        return []
    others = [each for each in account.answers.values() if each.rank == original.rank and each is not original]
    story = _Story(account).then(_reverse(original, answer, account, ledger.SUSPENSE))
    return story.then(_read_again(others, story.account, matrix)).events


def _reverse(
    original: PostedAnswer, reversal: ClaimAnswer, account: ClaimAccount, cash: str
) -> Iterator[ClaimAccountEvent]:
    yield _taken_back(original, key_of(reversal), cash, on=reversal.payment_on, source=reversal.source)
    yield from _transfers_back(original, account, reversal.payment_on)


def _answers_behind(original: PostedAnswer, account: ClaimAccount) -> list[PostedAnswer]:
    """The same payer's answers in force that were posted after this one."""
    in_order = list(account.answers.values())
    return [each for each in in_order[in_order.index(original) + 1 :] if each.rank == original.rank]


def _original_of(reversal: ClaimAnswer, account: ClaimAccount) -> PostedAnswer | None:
    """The oldest answer in force with the negated amounts, and the same payer's claim number where both give one."""
    named = {reversal.payer_control_number, reversal.original_payer_control_number} - {""}
    for answer in account.answers.values():
        posted = answer.posted
        is_negated = (posted.charged_cents, posted.paid_cents) == (-reversal.charged_cents, -reversal.paid_cents)
        if is_negated and (not named or not posted.payer_control_number or posted.payer_control_number in named):
            return answer
    return None


def _unpost(command: ReverseClaimPayment, account: ClaimAccount) -> list[ClaimAccountEvent]:
    """A payment, a reversal, or cash that waits for an account: whatever a claim of a remittance moved, it moves back."""
    key = AnswerKey(command.remittance_id, command.ordinal)
    if key in account.reversals:
        return _unpost_reversal(account.reversals[key], account, command.matrix)
    if waits := next((each for each in account.waiting if key_of(each) == key), None):
        return [_held(waits, [TAKEN_BACK_BY_US], ledger.UNAPPLIED)]
    original = account.answers.get(key)
    if original is None:
        raise AnswerNotPosted("this answer is not posted", remittance_id=key.remittance_id, ordinal=key.ordinal)
    on, source = command.reversed_on, original.posted.source
    story = _Story(account)
    story.then([_taken_back(original, key, ledger.SUSPENSE, on=on, source=source, reason="unposted")])
    story.then(_transfers_back(original, account, on))
    return story.then(_read_again(_answers_behind(original, account), story.account, command.matrix)).events


def _unpost_reversal(reversal: PayersReversal, account: ClaimAccount, matrix: PostingMatrix) -> list[ClaimAccountEvent]:
    """What the payer took back stands again, and the reversal is held: its negative cash is in suspense again."""
    told = reversal.told
    held = RemittanceClaimHeld(
        account_id=told.account_id,
        claim_id=told.claim_id,
        remittance_id=told.remittance_id,
        ordinal=told.ordinal,
        paid_cents=told.paid_cents,
        findings=(TAKEN_BACK_BY_US,),
        source=told.source,
    )
    story = _Story(account).then([held])
    return story.then(_read_once_more([reversal.took_back], story.account, matrix)).events


def _taken_back(
    original: PostedAnswer,
    key: AnswerKey,
    cash: str,
    *,
    on: date,
    source: DocumentReference,
    reason: Literal["payer", "unposted"] = "payer",
) -> ClaimPaymentReversed:
    posted = original.posted
    return ClaimPaymentReversed(
        account_id=posted.account_id,
        claim_id=posted.claim_id,
        remittance_id=key.remittance_id,
        ordinal=key.ordinal,
        reverses_remittance_id=posted.remittance_id,
        reverses_ordinal=posted.ordinal,
        payer_rank=posted.payer_rank,
        paid_cents=-posted.paid_cents,
        contractual_cents=-posted.contractual_cents,
        denied_cents=original.denied_cents,
        payment_on=on,
        reason=reason,
        postings=ledger.mirrored(posted.postings, instead_of=(ledger.SUSPENSE, ledger.UNAPPLIED), use=cash),
        source=source,
    )


def _transfers_back(original: PostedAnswer, account: ClaimAccount, on: date) -> Iterator[ClaimAccountEvent]:
    for share in original.transfers:
        by_line = ledger.by_line(share.postings, (ledger.receivable(share.to_party),))
        yield from transfer(account, by_line, share.to_party, share.from_party, "reversed", on, original.key)


class _Story:
    """Events decided one after the other, each on what the ones before it led to."""

    def __init__(self, account: ClaimAccount) -> None:
        self.account = account
        self.events: list[ClaimAccountEvent] = []

    def then(self, events: Iterable[ClaimAccountEvent]) -> _Story:
        for event in events:
            self.events.append(event)
            self.account = evolve(self.account, event)
        return self


claim_account: Decider[ClaimAccountCommand, ClaimAccountEvent, ClaimAccount] = Decider(
    decide=decide, evolve=evolve, initial=ClaimAccount()
)
