"""Is the envelope itself well formed: ISA, GS and what they say of each other?

Source: ASC X12.5 / X12.6 and the control segments of the 005010 guides. ISA is fixed width, so lengths are not asked here.
"""

from __future__ import annotations

import re
from datetime import datetime

from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import Segment

FUNCTIONAL_IDS = {
    "837": "HC",
    "835": "HP",
    "270": "HS",
    "271": "HB",
    "276": "HR",
    "277": "HN",
    "278": "HI",
    "275": "PI",
    "820": "RA",
    "824": "AG",
    "834": "BE",
    "999": "FA",
    "997": "FA",
}
_QUALIFIERS = frozenset(("01", "14", "20", "27", "28", "29", "30", "33", "ZZ"))
_ISA_CODES = {
    1: frozenset(("00", "03")),
    3: frozenset(("00", "01")),
    5: _QUALIFIERS,
    7: _QUALIFIERS,
    12: frozenset(("00501",)),
    14: frozenset(("0", "1")),
    15: frozenset(("P", "T")),
}
_TIME = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9](?:[0-9]{1,2})?)?\Z", re.ASCII)


def check_interchange_header(isa: Segment, problems: Problems) -> None:
    """The codes of ISA. Its date, time and number are looked at where they are read."""
    for index, codes in _ISA_CODES.items():
        if isa[index] not in codes:
            rule = "the code is in the list of the interchange header"
            problems.add(isa, index, rule, expected=" ".join(sorted(codes)))


def check_group_header(gs: Segment, problems: Problems) -> None:
    """The elements of GS."""
    for index in (2, 3):
        if not gs[index]:
            problems.add(gs, index, "a group names its sender and receiver")
        elif not 2 <= len(gs[index]) <= 15:
            problems.add(gs, index, "a group's sender and receiver have 2 to 15 characters")
    if not _is_day(gs[4]):
        problems.add(gs, 4, "GS04 is CCYYMMDD")
    if not _TIME.match(gs[5]):
        problems.add(gs, 5, "GS05 is HHMM")
    if not (gs[6].isdigit() and gs[6].isascii() and len(gs[6]) <= 9):
        problems.add(gs, 6, "GS06 has 1 to 9 digits")
    if gs[7] != "X":
        problems.add(gs, 7, "GS07 is X", expected="X")
    if not gs[8].startswith("005010"):
        problems.add(gs, 8, "GS08 names a version that we know", expected="005010")


def check_set_belongs(st: Segment, gs: Segment, problems: Problems) -> None:
    """GS01 goes with ST01."""
    expected = FUNCTIONAL_IDS.get(st[1])
    if expected is None and gs[1] in FUNCTIONAL_IDS.values():
        sets = " ".join(name for name, group in FUNCTIONAL_IDS.items() if group == gs[1])
        problems.add(st, 1, "ST01 names a set of its group", expected=sets)
    if expected is not None and gs[1] != expected:
        problems.add(gs, 1, "GS01 fits the sets of the group", expected=expected)


def _is_day(text: str) -> bool:
    try:
        return len(text) == 8 and text.isdigit() and bool(datetime.strptime(text, "%Y%m%d"))  # noqa: DTZ007
    except ValueError:
        return False
