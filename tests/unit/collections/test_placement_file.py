from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date

from services.collections.adapters.placement_file import COLUMNS, PlacedAccount, placement_file
from shared.events.values import Address, Person, PersonName

PLACED = PlacedAccount(
    placement_id="placement-1",
    account_id="ACCOUNT-A",
    debtor=Person(
        name=PersonName(last='O"Neil, Jr', first="Ann"), address=Address(line_1="2 Low Road"), phone="2175550100"
    ),
    amount_cents=1_234_05,
    service_on=date(2026, 2, 2),
    since_on=date(2026, 3, 2),
    last_statement_on=None,
    placed_on=date(2026, 7, 4),
)


def read(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(content.decode().splitlines()))


def test_an_agency_reads_back_what_was_written() -> None:
    (row,) = read(placement_file([PLACED]))
    assert tuple(row) == COLUMNS
    assert (row["last"], row["amount"], row["owed_since"], row["last_statement_on"]) == (
        'O"Neil, Jr',
        "1234.05",
        "2026-03-02",
        "",
    )


def test_a_value_is_never_a_formula_of_the_spreadsheet_that_opens_it() -> None:
    person = Person(name=PersonName(last="=1+1", first="@x"))
    (row,) = read(placement_file([replace(PLACED, debtor=person)]))
    assert (row["last"], row["first"]) == ("'=1+1", "'@x")


def test_a_patient_whom_nobody_registered_is_not_left_out() -> None:
    (row,) = read(placement_file([replace(PLACED, debtor=None)]))
    assert (row["placement_id"], row["last"]) == ("placement-1", "")
