"""How does an account begin with what was open in another system, and how is that taken back?

What is brought along is nobody's for the length of one event, and then its party's, line by line and from its original date, by the
transfers that every other amount is moved with: aging, dues and collections so need no rule of their own.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.payments.domain import ledger
from services.payments.domain.claim_account.commands import PostOpeningBalance, TakeBackOpeningBalance
from services.payments.domain.claim_account.state import ClaimAccount, evolve
from services.payments.domain.claim_account.transfers import transfer
from shared.events.payments import (
    ClaimAccountEvent,
    OpeningBalancePosted,
    OpeningBalanceReversed,
    PayersKnown,
)

REASON = "opening-balance"
TAKEN_BACK = "opening-balance-taken-back"


def post_opening_balance(command: PostOpeningBalance, account: ClaimAccount) -> Iterator[ClaimAccountEvent]:
    """Nothing for an import that was posted here before."""
    stated = command.stated
    if stated.import_id in account.openings_heard:
        return
    if stated.payers and account.payers is None:
        yield PayersKnown(account_id=stated.account_id, patient_id=stated.patient_id, payers=stated.payers)
    by_line = {line.line_id: line.amount_cents for line in stated.lines}
    posted = OpeningBalancePosted(
        account_id=stated.account_id,
        patient_id=stated.patient_id,
        import_id=stated.import_id,
        service_on=stated.service_on,
        lines=stated.lines,
        amount_cents=stated.amount_cents,
        postings=ledger.moved_by_line(
            by_line, debit=ledger.receivable(ledger.UNASSIGNED), credit=ledger.OPENING_BALANCE
        ),
        source=stated.source,
    )
    yield posted
    account = evolve(account, posted)
    for line in stated.lines:
        whole = {line.line_id: line.amount_cents}
        yield from transfer(account, whole, ledger.UNASSIGNED, line.party, REASON, line.original_on)


def take_back_opening_balance(command: TakeBackOpeningBalance, account: ClaimAccount) -> Iterator[ClaimAccountEvent]:
    """The mirror of what was posted. Nothing for what is not, or no longer, there."""
    posted = account.openings.get(command.import_id)
    if posted is None:
        return
    for line in posted.lines:
        whole = {line.line_id: line.amount_cents}
        yield from transfer(account, whole, line.party, ledger.UNASSIGNED, TAKEN_BACK, command.as_of_on)
    yield OpeningBalanceReversed(
        account_id=posted.account_id,
        import_id=posted.import_id,
        amount_cents=posted.amount_cents,
        postings=ledger.mirrored(posted.postings),
    )
