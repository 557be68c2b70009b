"""Where on the paper does each item of a CMS-1500 stand?

Only what is filled in is printed, for the preprinted red form: ten characters an inch, six lines an inch, column and line counted from 1 at
the form's upper left. The form itself is licensed and is not drawn. Source: the boxes of the form, version 02/12.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.claims.adapters.cms_1500 import LINES_PER_PAGE, Items
from services.claims.adapters.form_overlay import Printed, overlay_html
from shared.runtime.pdf import pdf_of

_FIRST_LINE, _LINE_STEP = 44, 2  # of item 24, unshaded
_CONDENSED = ("26",)  # a claim number of ours has 17 characters, its box 14

# Item: line, first column. Of what is repeated, the first.
PLACES: dict[str, tuple[int, int]] = {
    "payer": (2, 41),
    **{f"1 {kind}": (8, column) for kind, column in (("medicare", 1), ("medicaid", 8), ("tricare", 15))},
    **{f"1 {kind}": (8, column) for kind, column in (("champva", 24), ("group", 31), ("feca", 39), ("other", 45))},
    "1a": (8, 50),
    "2": (10, 1),
    "3": (10, 31),
    "3 M": (10, 42),
    "3 F": (10, 47),
    "4": (10, 50),
    "5": (12, 1),
    **{f"6 {kind}": (12, column) for kind, column in (("self", 33), ("spouse", 38), ("child", 42), ("other", 47))},
    "7": (12, 50),
    "5 city": (14, 1),
    "5 state": (14, 26),
    "7 city": (14, 50),
    "7 state": (14, 74),
    "5 zip": (16, 1),
    "5 phone": (16, 15),
    "7 zip": (16, 50),
    "7 phone": (16, 66),
    "9": (18, 1),
    "11": (18, 50),
    "9a": (20, 1),
    "10a no": (20, 41),
    "11a": (20, 53),
    "11a M": (20, 68),
    "11a F": (20, 75),
    "10b no": (22, 41),
    "10c no": (24, 41),
    "11c": (24, 50),
    "9d": (26, 1),
    "11d yes": (26, 52),
    "11d no": (26, 57),
    "12": (29, 7),
    "13": (29, 57),
    "17 qualifier": (34, 1),
    "17": (34, 4),
    "17b": (34, 33),
    "21 indicator": (37, 42),
    **{f"21{letter}": (38 + number // 4, 3 + 13 * (number % 4)) for number, letter in enumerate("ABCDEFGHIJKL")},
    "22": (38, 50),
    "22 original": (38, 62),
    "23": (40, 50),
    "24 shaded": (_FIRST_LINE - 1, 1),
    "24A from": (_FIRST_LINE, 1),
    "24A to": (_FIRST_LINE, 10),
    "24B": (_FIRST_LINE, 19),
    "24D": (_FIRST_LINE, 25),
    "24D modifiers": (_FIRST_LINE, 33),
    "24E": (_FIRST_LINE, 45),
    "24F": (_FIRST_LINE, 57),
    "24G": (_FIRST_LINE, 59),
    "24J": (_FIRST_LINE, 68),
    "25": (56, 1),
    "25 employer": (56, 19),
    "26": (56, 23),
    "27 yes": (56, 38),
    "28": (56, 60),
    "29": (56, 70),
    "33 phone": (57, 66),
    "32": (58, 23),
    "33": (58, 50),
    "31": (60, 1),
    "32a": (61, 24),
    "33a": (61, 51),
    "33b": (61, 63),
}
_ENDS_THERE = ("24F", "28", "29")  # amounts stand to the right of their box
_LEFT_INCHES = 0.25


def cms_1500_pdf(pages: Sequence[Items], identifier: str) -> bytes:
    """The overlay, one page a form. The same items give the same bytes."""
    return pdf_of(cms_1500_html(pages), identifier)


def cms_1500_html(pages: Sequence[Items]) -> str:
    sheets = ([_printed(item, text) for item, text in page.items()] for page in pages)
    return overlay_html("CMS-1500", sheets, left_inches=_LEFT_INCHES)


def place_of(item: str) -> tuple[int, int]:
    """Line and column. Raises LookupError for what is no item of the form."""
    name, _, number = item.partition("/")
    line, column = PLACES[name]
    if not number:
        return line, column
    step = _LINE_STEP if name.startswith("24") else 1
    if not 1 <= int(number) <= LINES_PER_PAGE:
        raise LookupError(item)
    return line + step * (int(number) - 1), column


def _printed(item: str, text: str) -> Printed:
    line, column = place_of(item)
    if item.partition("/")[0] in _ENDS_THERE:
        column -= len(text) - 1
    return Printed(line=line, column=column, text=text, is_condensed=item in _CONDENSED)
