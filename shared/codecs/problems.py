"""What is wrong with a file, and where? Collected, never raised, so that one bad field hides no other.

What was found is quoted only where it has a digit, as numbers and most codes do, or is one letter: words may be somebody's name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

PROBLEMS_MAX = 100
NAMED_MAX = 20  # in an answer
_QUOTED = re.compile(r"(?=.*\d)[A-Za-z0-9+.,:\-]{1,20}|[A-Z]", re.ASCII)

Unit: TypeAlias = Literal["record", "line"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One broken rule. `found` is told by its length where it may be a word."""

    unit: Unit
    number: int  # running number in the file, from one; 0: the file as a whole
    field: str
    found: str
    rule: str  # constant sentence
    expected: str = ""

    @property
    def broken(self) -> str:
        """The rule, with what it expects here."""
        return f"{self.rule}; expected {self.expected}" if self.expected else self.rule

    @property
    def message(self) -> str:
        return f"{self.unit} {self.number}, {self.field}: {self.broken}; found {self.found or 'nothing'}"


class Problems(list[Problem]):
    """The problems of one reading; bounded, so that a hostile file cannot fill memory with complaints."""

    def __init__(self, unit: Unit) -> None:
        super().__init__()
        self._unit: Unit = unit

    def note(
        self,
        number: int,
        field: str,
        rule: str,
        *,
        found: str = "",
        expected: str | int = "",
        is_withheld: bool = False,
    ) -> None:
        if len(self) < PROBLEMS_MAX:
            shown = found if not found or (_QUOTED.fullmatch(found) and not is_withheld) else f"{len(found)} characters"
            told = Problem(unit=self._unit, number=number, field=field, found=shown, rule=rule, expected=str(expected))
            self.append(told)


def named(problems: Sequence[Problem]) -> dict[str, str | int]:
    """For a refusal: how many there are, and the first of them by name."""
    first = {f"problem_{number}": each.message for number, each in enumerate(problems[:NAMED_MAX], start=1)}
    return {"problems": len(problems), **first}
