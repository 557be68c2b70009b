"""How does what is owed move from one party to another?

Line by line, so that each line's charge stays equal to what was paid, adjusted and is owed on it; credits move the other way round.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from services.payments.domain import ledger
from services.payments.domain.claim_account.answer import NO_ANSWER, AnswerKey
from services.payments.domain.claim_account.state import ClaimAccount
from shared.events.payments import ClaimAccountEvent, ResponsibilityTransferred
from shared.events.values import Posting


def transfer_all(
    account: ClaimAccount, from_party: str, to_party: str, reason: str, since_on: date
) -> Iterator[ClaimAccountEvent]:
    """Everything that a party owes, and its credits the other way."""
    yield from transfer(account, account.owed_by_line(from_party), from_party, to_party, reason, since_on)


def transfer(
    account: ClaimAccount,
    by_line: Mapping[str, int],
    from_party: str,
    to_party: str,
    reason: str,
    since_on: date,
    of_answer: AnswerKey = NO_ANSWER,
) -> Iterator[ClaimAccountEvent]:
    """One event for what is positive, and one the other way round for what is negative."""
    given = {line_id: cents for line_id, cents in by_line.items() if cents > 0}
    returned = {line_id: -cents for line_id, cents in by_line.items() if cents < 0}
    for lines, giver, taker in ((given, from_party, to_party), (returned, to_party, from_party)):
        if lines:
            yield ResponsibilityTransferred(
                account_id=account.account_id,
                patient_id=account.patient_id,
                from_party=giver,
                to_party=taker,
                amount_cents=sum(lines.values()),
                reason=reason,
                since_on=since_on,
                remittance_id=of_answer.remittance_id,
                ordinal=of_answer.ordinal,
                postings=ledger.moved_by_line(lines, debit=ledger.receivable(taker), credit=ledger.receivable(giver)),
            )


def all_moved(account: ClaimAccount, from_parties: Iterable[str], to_party: str) -> tuple[Posting, ...]:
    return tuple(
        leg
        for party in sorted(from_parties)
        for leg in ledger.moved_by_line(
            account.owed_by_line(party), debit=ledger.receivable(to_party), credit=ledger.receivable(party)
        )
    )
