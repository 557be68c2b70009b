"""When balances of another system were taken in, or taken back, what does each account do?"""

from __future__ import annotations

from collections.abc import Iterator

from services.payments.domain.claim_account.commands import PostOpeningBalance, TakeBackOpeningBalance
from shared.events.payments import OpeningBalanceStated, OpeningBalanceWithdrawn


def post(event: OpeningBalanceStated) -> Iterator[PostOpeningBalance]:
    """It is never refused, so that an import that was taken in comes to its control total."""
    yield PostOpeningBalance(stated=event)


def take_back(event: OpeningBalanceWithdrawn) -> Iterator[TakeBackOpeningBalance]:
    """Behind the posting of the same import, because both come from one stream."""
    yield TakeBackOpeningBalance(import_id=event.import_id, as_of_on=event.as_of_on)
