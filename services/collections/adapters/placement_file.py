"""What does a collection agency get to know about the accounts placed with it?

One row an account, comma-separated, every value quoted, in the columns below: who owes, how much, for what day, since when, and under
which number the agency reports back. Nothing about the care that was given: an agency does not need it (45 CFR 164.502(b), minimum
necessary).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from shared.events.values import Person, PersonName
from shared.kernel.money import Money

COLUMNS = (
    "placement_id",
    "account_id",
    "last",
    "first",
    "line_1",
    "line_2",
    "city",
    "state",
    "postal_code",
    "phone",
    "amount",
    "service_on",
    "owed_since",
    "last_statement_on",
    "placed_on",
)
_NOBODY = Person(name=PersonName(last=""))
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a value that begins so


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedAccount:
    placement_id: str
    account_id: str
    debtor: Person | None  # None: nobody has registered the patient yet; the row says so by its empty name
    amount_cents: int
    service_on: date | None
    since_on: date | None
    last_statement_on: date | None
    placed_on: date


def placement_file(accounts: Iterable[PlacedAccount]) -> bytes:
    """The file, UTF-8, in the order given."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for account in accounts:
        writer.writerow(_plain(value) for value in _values(account))
    return text.getvalue().encode()


def _values(account: PlacedAccount) -> tuple[str, ...]:
    debtor = account.debtor or _NOBODY
    name, address = debtor.name, debtor.address
    days = (account.service_on, account.since_on, account.last_statement_on, account.placed_on)
    return (
        account.placement_id,
        account.account_id,
        name.last,
        name.first,
        address.line_1,
        address.line_2,
        address.city,
        address.state,
        address.postal_code,
        debtor.phone,
        str(Money(account.amount_cents)),
        *(day.isoformat() if day else "" for day in days),
    )


def _plain(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
