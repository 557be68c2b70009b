"""Where on the paper does each form locator of a UB-04 stand, and how wide is it?

Only what is filled in is printed, for the preprinted red form: ten characters an inch, six lines an inch, column and line counted from 1 at
the form's upper left. A name or street that is longer than its box is cut there. Source: the boxes of the form CMS-1450.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.claims.adapters.form_overlay import Printed, overlay_html
from services.claims.adapters.ub_04 import (
    CONDITION_LOCATORS,
    DIAGNOSES,
    LINES_PER_PAGE,
    OCCURRENCES,
    PAYERS,
    SPANS,
    VALUES,
    Locators,
)
from shared.runtime.pdf import pdf_of

_FIRST_LINE = 20  # of 42 to 48
_LEFT_INCHES = 0.1


class Box(NamedTuple):
    line: int
    column: int
    width: int


def _diagnoses() -> Iterator[tuple[str, Box]]:
    """67 and A to H in one row, I to Q in the next: a code of seven characters, and whether it was present on admission."""
    for number, place in enumerate(("67", *(f"67{letter}" for letter in DIAGNOSES))):
        line, column = 55 + number // 9, 3 + 9 * (number % 9)
        yield place, Box(line, column, 7)
        yield f"{place} present", Box(line, column + 7, 1)


def _procedures() -> Iterator[tuple[str, Box]]:
    for number, place in enumerate(("74", "74a", "74b", "74c", "74d", "74e")):
        line, column = 59 + 2 * (number // 3), 1 + 16 * (number % 3)
        yield place, Box(line, column, 7)
        yield f"{place} date", Box(line, column + 9, 6)


def _occurrences() -> Iterator[tuple[str, Box]]:
    for number, place in enumerate(OCCURRENCES):
        line, column = 11 + number // 4, 1 + 10 * (number % 4)
        yield place, Box(line, column, 2)
        yield f"{place} date", Box(line, column + 3, 6)
    for number, place in enumerate(SPANS):
        line, column = 11 + number // 2, 41 + 17 * (number % 2)
        yield place, Box(line, column, 2)
        yield f"{place} from", Box(line, column + 3, 6)
        yield f"{place} through", Box(line, column + 10, 6)


def _values() -> Iterator[tuple[str, Box]]:
    for number, place in enumerate(VALUES):
        line, column = 15 + number // 3, 43 + 13 * (number % 3)
        yield place, Box(line, column, 2)
        yield f"{place} amount", Box(line, column + 3, 9)


def _payers() -> Iterator[tuple[str, Box]]:
    for number, letter in enumerate(PAYERS):
        yield f"50/{letter}", Box(44 + number, 1, 23)
        yield f"51/{letter}", Box(44 + number, 25, 15)
        yield f"52/{letter}", Box(44 + number, 41, 1)
        yield f"53/{letter}", Box(44 + number, 44, 1)
        yield f"54/{letter}", Box(44 + number, 46, 10)
        yield f"58/{letter}", Box(48 + number, 1, 25)
        yield f"59/{letter}", Box(48 + number, 27, 2)
        yield f"60/{letter}", Box(48 + number, 30, 20)
        yield f"62/{letter}", Box(48 + number, 66, 17)
        yield f"63/{letter}", Box(52 + number, 1, 30)
        yield f"64/{letter}", Box(52 + number, 32, 26)


def _providers() -> Iterator[tuple[str, Box]]:
    for line, locator in ((59, "76"), (61, "77"), (63, "78")):
        yield f"{locator} npi", Box(line, 60, 10)
        yield f"{locator} last", Box(line + 1, 53, 16)
        yield f"{locator} first", Box(line + 1, 71, 12)
    yield "78 qualifier", Box(63, 56, 2)


def _service_lines() -> Iterator[tuple[str, Box]]:
    for number in range(1, LINES_PER_PAGE + 1):
        line = _FIRST_LINE + number - 1
        yield f"42/{number}", Box(line, 1, 4)
        yield f"43/{number}", Box(line, 6, 24)
        yield f"44/{number}", Box(line, 31, 14)
        yield f"45/{number}", Box(line, 46, 6)
        yield f"46/{number}", Box(line, 53, 7)
        yield f"47/{number}", Box(line, 61, 10)
        yield f"48/{number}", Box(line, 72, 10)


BOXES: dict[str, Box] = {
    **{f"1/{number}": Box(number, 1, 25) for number in range(1, 5)},
    "3a": Box(2, 56, 24),
    "4": Box(3, 79, 4),
    "5": Box(5, 51, 10),
    "6 from": Box(5, 62, 6),
    "6 through": Box(5, 69, 6),
    "8b": Box(7, 2, 29),
    "9a": Box(6, 42, 40),
    "9b": Box(7, 32, 32),
    "9c": Box(7, 65, 2),
    "9d": Box(7, 68, 10),
    "10": Box(9, 1, 8),
    "11": Box(9, 10, 1),
    "12": Box(9, 12, 6),
    "13": Box(9, 19, 2),
    "14": Box(9, 22, 1),
    "15": Box(9, 24, 1),
    "16": Box(9, 27, 2),
    "17": Box(9, 30, 2),
    **{str(locator): Box(9, 33 + 3 * number, 2) for number, locator in enumerate(CONDITION_LOCATORS)},
    **dict(_occurrences()),
    **{f"38/{number}": Box(13 + number, 2, 38) for number in range(1, 4)},
    **dict(_values()),
    **dict(_service_lines()),
    "total": Box(42, 1, 4),
    "page": Box(42, 12, 3),
    "of": Box(42, 18, 3),
    "created": Box(42, 46, 6),
    "47 total": Box(42, 61, 10),
    "48 total": Box(42, 72, 10),
    "56": Box(43, 69, 10),
    **dict(_payers()),
    "66": Box(55, 1, 1),
    **dict(_diagnoses()),
    "69": Box(57, 6, 7),
    **{f"70{letter}": Box(57, 18 + 8 * number, 7) for number, letter in enumerate("abc")},
    "71": Box(57, 45, 4),
    **{f"72{letter}": Box(57, 53 + 10 * number, 7) for number, letter in enumerate("abc")},
    **{f"72{letter} present": Box(57, 60 + 10 * number, 1) for number, letter in enumerate("abc")},
    **dict(_procedures()),
    **dict(_providers()),
    "81a qualifier": Box(63, 25, 2),
    "81a": Box(63, 28, 11),
}
_MAY_BE_CUT = (
    "1",
    "8b",
    "9a",
    "9b",
    "38",
    "50",
    "58",
    "76 last",
    "76 first",
    "77 last",
    "77 first",
    "78 last",
    "78 first",
)
_ENDS_THERE = ("46", "47", "48", "54")  # numbers stand to the right of their box, with the amounts of 39 to 41


def ub_04_pdf(pages: Sequence[Locators], identifier: str) -> bytes:
    """The overlay, one page a form. The same locators give the same bytes."""
    return pdf_of(ub_04_html(pages), identifier)


def ub_04_html(pages: Sequence[Locators]) -> str:
    return overlay_html("UB-04", map(sheet_of, pages), left_inches=_LEFT_INCHES)


def sheet_of(page: Locators) -> list[Printed]:
    """The texts of a page where they stand. Raises LookupError for what is no locator of the form."""
    return [_printed(locator, text) for locator, text in page.items()]


def _printed(locator: str, text: str) -> Printed:
    box = BOXES[locator]
    name = locator.partition("/")[0]
    text = text[: box.width] if name in _MAY_BE_CUT else text
    is_right = name.split(" ")[0] in _ENDS_THERE or name.endswith(" amount")
    column = box.column + box.width - len(text) if is_right else box.column
    return Printed(line=box.line, column=column, text=text)
