"""Bank files for the tests, with trailers that add up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

DAY = "260321"
ADDENDA = "TRN*1*TRACE1*1512345678~"


class Line(NamedTuple):
    """A 16 record: type code, cents, what follows the amount, and its continuations."""

    type_code: str
    cents: int
    rest: str = "Z,,,"
    more: Sequence[str] = ()

    @property
    def records(self) -> list[str]:
        return [f"16,{self.type_code},{self.cents},{self.rest}/", *(f"88,{each}/" for each in self.more)]


def bai2(
    *lines: Line,
    day: str = DAY,
    status: str = "1",
    currency: str = "USD",
    account: str = "0012345678",
    others: Sequence[str] = (),
) -> bytes:
    """One file with one group and one account, whose balance is one more amount to be summed."""
    balance = 5_000_00
    inner = [f"03,{account},,015,{balance},,/", *others, *(record for line in lines for record in line.records)]
    total = balance + sum(line.cents for line in lines)
    records = [
        f"01,BANK,PRACTICE,{day},0600,1,80,,2/",
        f"02,PRACTICE,BANK,{status},{day},,{currency},2/",
        *inner,
        f"49,{total},{len(inner) + 1}/",
        f"98,{total},1,{len(inner) + 3}/",
        f"99,{total},1,{len(inner) + 5}/",
    ]
    return "\r\n".join([*records, ""]).encode()


EFT = Line("165", 96_00, "Z,REF0001,", ("ORIG CO NAME:AETNA AS01      ORIG ID:1512345678 DESC DATE:260320 ", ADDENDA))
