"""What does an answer change on this account, line by line?

Sources: 005010X221A1 (835) and the coordination of benefits rules of domain-facts section 7. An answer is read line by line
when each of its lines is one of ours and nothing stands at claim level, otherwise as a whole; a whole fills the lines in
their order. An earlier payer's money is not new money: what a payer says again of what was already paid or written off
(OA-23 first, then contractual, then whatever is left of it) is passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from services.payments.domain import ledger
from services.payments.domain.claim_account.answer import adjustments_of, warning
from services.payments.domain.claim_account.matrix import Meaning, PostingMatrix
from services.payments.domain.claim_account.state import ClaimAccount, PostedAnswer
from services.payments.domain.line_matching import line_of_ours
from shared.events.payments import ClaimAnswer
from shared.events.values import AdjudicatedLine, Adjustment, Finding

Outcome: TypeAlias = Literal["paid", "contractual", "share", "denied"]
Meanings: TypeAlias = Mapping[tuple[str, str], Meaning]  # by group and reason
PRIOR_PAYER = ("OA", "23")
SILENCE, COUNTS_OTHERWISE, AGAIN = "earlier-payer-silent", "earlier-payment-differs", "answered-again"
DOUBTS = (SILENCE, COUNTS_OTHERWISE, AGAIN)  # what may be found about the order of answers


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One adjustment of an answer and what it means; `line_id` is empty at claim level."""

    meaning: Meaning
    group: str
    reason: str
    amount_cents: int
    line_id: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """As much of an answer as is read at once: one line of ours, or the whole."""

    line_id: str  # empty: the whole
    paid_cents: int
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """An amount that leaves what the payer owes on a line; a denied one stays there."""

    outcome: Outcome
    amount_cents: int
    by_line: dict[str, int]
    group: str = ""
    reason: str = ""
    remarks: tuple[str, ...] = ()
    named_line: str = ""  # the line that the payer said it of


def effects_of(
    answer: ClaimAnswer, account: ClaimAccount, *, rank: int, has_next: bool, matrix: PostingMatrix
) -> list[Effect]:
    """Everything that the answer changes, given what earlier answers already did."""
    is_alone = _earlier_payer_is_silent(answer, account, rank=rank)
    before = _answers_before(answer, account, rank=rank)
    effects: list[Effect] = []
    for part in _parts(answer, account, matrix):
        news = () if is_alone else _what_is_new(part, before)
        room = account.owed_by_line(ledger.payer(rank))
        effects += _laid_on_lines(part, news, room, has_next=has_next)
    return effects


def doubts_about(answer: ClaimAnswer, account: ClaimAccount, *, rank: int) -> Iterator[Finding]:
    """Warnings about the order of payers: worth a look, and posted."""
    told = sum(each.amount_cents for each in adjustments_of(answer) if (each.group, each.reason) == PRIOR_PAYER)
    known = sum(_settled(account.answers_up_to(rank)))
    if _earlier_payer_is_silent(answer, account, rank=rank):
        message = "a later payer answered before the earlier one: only its payment is posted"
        yield warning(SILENCE, "claim CLP02", message, answer.status)
    elif told > known and rank > 1:
        message = f"the payer counts {told} cents of earlier payers, the account {known} cents"
        yield warning(COUNTS_OTHERWISE, "CAS OA-23", message, str(told))
    if any(each.rank == rank for each in account.answers.values()):
        message = "the payer answered before and did not take that answer back"
        yield warning(AGAIN, "claim CLP02", message, answer.status)


def _earlier_payer_is_silent(answer: ClaimAnswer, account: ClaimAccount, *, rank: int) -> bool:
    """It says that it comes after another payer, and that one has not answered: its adjustments may be the other's."""
    if answer.status not in ("2", "3", "20", "21"):
        return False
    earlier = {each.rank for each in account.payers or () if each.rank < rank}
    return bool(earlier) and not earlier & {each.rank for each in account.answers.values()}


# Reading


def _parts(answer: ClaimAnswer, account: ClaimAccount, matrix: PostingMatrix) -> list[Part]:
    ours = [line_of_ours(line, account.lines) for line in answer.lines]
    lines = list(zip(answer.lines, ours, strict=True))
    meanings = _meanings(answer, matrix)
    if lines and all(ours) and not answer.adjustments:
        return [_part_of_line(line_id, lines, meanings) for line_id in dict.fromkeys(ours)]
    said = [_said(each, meanings) for each in answer.adjustments]
    said += [_said(each, meanings, line_id, line.remarks) for line, line_id in lines for each in line.adjustments]
    return [Part(line_id="", paid_cents=answer.paid_cents, said=tuple(said))]


def _meanings(answer: ClaimAnswer, matrix: PostingMatrix) -> Meanings:
    """By group and reason, for what the whole answer says of it."""
    sums = Counter[tuple[str, str]]()
    for each in adjustments_of(answer):
        sums[each.group, each.reason] += each.amount_cents
    return {
        (group, reason): matrix.meaning_of(Adjustment(group=group, reason=reason, amount_cents=cents))
        for (group, reason), cents in sums.items()
    }


def _part_of_line(line_id: str, lines: list[tuple[AdjudicatedLine, str]], meanings: Meanings) -> Part:
    mine = [line for line, whose in lines if whose == line_id]  # a payer may split a line of ours
    said = tuple(_said(each, meanings, line_id, line.remarks) for line in mine for each in line.adjustments)
    return Part(line_id=line_id, paid_cents=sum(line.paid_cents for line in mine), said=said)


def _said(adjustment: Adjustment, meanings: Meanings, line_id: str = "", remarks: tuple[str, ...] = ()) -> Said:
    return Said(
        meaning=meanings[adjustment.group, adjustment.reason],
        group=adjustment.group,
        reason=adjustment.reason,
        amount_cents=adjustment.amount_cents,
        line_id=line_id,
        remarks=remarks,
    )


# What is new


# An echo of a payment is looked for in the patient's share first: what the patient owes is never overstated.
_MAY_BE_AN_ECHO: tuple[set[Meaning], ...] = ({"patient"}, {"denial", "transfer"}, {"contractual"})


def _answers_before(answer: ClaimAnswer, account: ClaimAccount, *, rank: int) -> list[PostedAnswer]:
    """Those of which an answer may tell again. A payer may split a claim: as long as its answers together are for no more than
    was charged, each of them is for a part of its own."""
    known = account.answers_up_to(rank)
    own = [each for each in known if each.rank == rank]
    answered = answer.charged_cents + sum(each.posted.charged_cents for each in own)
    is_part = answered <= sum(line.charged_cents for line in account.lines.values())
    return [each for each in known if not (is_part and each.rank == rank)]


def _what_is_new(part: Part, before: Sequence[PostedAnswer]) -> tuple[Said, ...]:
    paid, contractual = _settled(before, line_id=part.line_id)
    echoed = sum(each.amount_cents for each in part.said if each.meaning == "information")
    told_again = max(0, paid + contractual - echoed)
    news = [each for each in part.said if each.meaning != "information"]
    news, told_again = _passed_over(news, {"contractual"}, told_again, at_most=contractual)
    for meanings in _MAY_BE_AN_ECHO:
        news, told_again = _passed_over(news, meanings, told_again, at_most=told_again)
    return tuple(each for each in news if each.amount_cents)


def _settled(answers: Iterable[PostedAnswer], *, line_id: str = "") -> tuple[int, int]:
    """What these answers already paid and wrote off: on one line, or on all."""
    paid, contractual = Counter[str](), Counter[str]()
    for each in answers:
        paid.update(each.paid_by_line)
        contractual.update(each.contractual_by_line)
    if line_id:
        return paid[line_id], contractual[line_id]
    return paid.total(), contractual.total()


def _passed_over(said: list[Said], meanings: set[Meaning], told_again: int, *, at_most: int) -> tuple[list[Said], int]:
    """Take what is told again off the positive adjustments of these meanings; say what is still told again."""
    limit = min(told_again, at_most)
    left = limit
    news: list[Said] = []
    for each in said:
        off = min(left, max(each.amount_cents, 0)) if each.meaning in meanings else 0
        left -= off
        news.append(replace(each, amount_cents=each.amount_cents - off) if off else each)
    return news, told_again - (limit - left)


# Laying it on lines


def _laid_on_lines(part: Part, news: Iterable[Said], room: dict[str, int], *, has_next: bool) -> Iterator[Effect]:
    """Contract first, then cash, then what becomes another's: a whole fills the room on each line in that order."""
    paid = Effect(outcome="paid", amount_cents=part.paid_cents, by_line={})
    said = [_effect(each, has_next=has_next) for each in news]
    for outcome in ("contractual", "paid", "share", "denied"):
        for effect in [paid, *said]:
            if effect.outcome == outcome and effect.amount_cents:
                by_line = {part.line_id: effect.amount_cents}
                if not part.line_id:
                    by_line = ledger.spread(effect.amount_cents, room)
                for line_id, cents in by_line.items():
                    room[line_id] = room.get(line_id, 0) - cents
                yield replace(effect, by_line=by_line)


def _effect(said: Said, *, has_next: bool) -> Effect:
    outcomes: dict[Meaning, Outcome] = {
        "contractual": "contractual",
        "patient": "share",
        "transfer": "share" if has_next else "denied",
        "denial": "denied",
    }
    return Effect(
        outcome=outcomes[said.meaning],
        amount_cents=said.amount_cents,
        by_line={},
        group=said.group,
        reason=said.reason,
        remarks=said.remarks,
        named_line=said.line_id,
    )
