"""What may one ask about the balances that a practice brings along from another system?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, TypeAlias

from services.payments.domain.books.state import Books
from shared.events.payments import OpeningBalanceStated
from shared.events.values import DocumentReference


class LineKey(NamedTuple):
    """What tells a line from all others, in whichever file it stands."""

    account_id: str
    party: str
    original_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOpeningBalances:
    """A file that was read to its end without a problem. `stated` names no import yet."""

    document: DocumentReference
    as_of_on: date  # the old books end with this day
    control_cents: int  # what the old system says that all of it is
    control_lines: int
    stated: Sequence[OpeningBalanceStated]
    imported_by: str
    books: Books | None = None  # whose closed days are asked about; None: a late entry is what is meant


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBackOpeningBalances:
    import_id: str
    touched: Sequence[str]  # accounts of it on which something was posted since
    reason: str
    taken_back_by: str
    books: Books | None = None


OpeningBalancesCommand: TypeAlias = ImportOpeningBalances | TakeBackOpeningBalances
