"""What does a type code of BAI2 say about a line?

Source: BAI Cash Management Balance Reporting Specifications, version 2: 100-399 are credits, 400-699 debits, 920-959 a bank's own
credits and 960-999 its own debits; 890 tells of no money. A credit that is listed nowhere below is taken by its range.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

from shared.codecs.bank.statement import Kind

Direction: TypeAlias = Literal["credit", "debit", "neither"]

KINDS: Mapping[str, Kind] = {
    "115": "check",  # lockbox deposit
    "116": "check",  # item in lockbox deposit
    "121": "ach",  # EDI transaction credit
    "142": "ach",  # ACH credit received
    "143": "ach",  # item in ACH deposit
    "145": "ach",  # ACH concentration credit
    "164": "ach",  # corporate trade payment credit
    "165": "ach",  # preauthorised ACH credit
    "166": "ach",  # ACH settlement
    "168": "ach",  # ACH return item or adjustment settlement
    "169": "ach",  # miscellaneous ACH credit
    "171": "other",  # individual loan deposit
    "172": "other",  # deposit correction
    "173": "check",  # bank-prepared deposit
    "174": "check",  # other deposit
    "175": "check",  # check deposit package
    "176": "check",  # re-presented check deposit
    "187": "check",  # cash letter credit
    "191": "wire",  # individual incoming internal money transfer
    "195": "wire",  # incoming money transfer
    "201": "other",  # individual automatic transfer credit
    "206": "wire",  # book transfer credit
    "208": "wire",  # individual international money transfer credit
    "275": "other",  # zero balance account credit
    "301": "check",  # commercial deposit
    "354": "other",  # interest credit
    "399": "other",  # miscellaneous credit
}
_CODE = re.compile(r"\d{3}", re.ASCII)


def direction_of(type_code: str) -> Direction:
    """Which way the money of a 16 record goes."""
    number = int(type_code) if _CODE.fullmatch(type_code) else 0
    if 100 <= number <= 399 or 920 <= number <= 959:
        return "credit"
    return "debit" if 400 <= number <= 699 or 960 <= number <= 999 else "neither"
