"""What is wrong with an interchange, and where? Collected, never raised, so that one bad element hides no other.

Source: docs of the reader are the 005010 guides; a rule is a constant sentence, so that its slug is a stable id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Literal, Protocol

from shared.codecs.x12.values import NotADay, NotAnAmount, to_cents, to_day, to_quantity

Severity = Literal["error", "warning"]

WITHHELD = "(withheld)"
FOUND_CHARACTERS_MAX = 60

# Segments that carry a person's name, address, birth date, number or words about them: values never leave, but for short
# codes at these places. A sender that shifts its elements by one shifts a name into any other.
_CODES: dict[str, frozenset[int]] = {
    "NM1": frozenset((1, 2, 8)),
    "REF": frozenset((1,)),
    "SBR": frozenset((1, 2, 5, 9)),
}
_CODE_LENGTH_MAX = 3
_WHOLLY_PERSONAL = frozenset(("N2", "N3", "N4", "DMG", "PER", "MSG", "NTE", "K3", "DMG", "PAT", "INS", "HI", "BIN"))


@dataclass(frozen=True, slots=True, kw_only=True)
class X12Error:
    """One broken rule. `found` is withheld where the element may hold personal data."""

    segment: int  # running number in the file, ISA is 1; 0 when there is no segment to name
    element: str  # "CLP04", "SVC01-2", or a segment id
    found: str
    rule: str  # constant sentence
    expected: str = ""
    severity: Severity = "error"
    loop: str = ""  # loop of the guide, where the guide found it
    segment_code: str = ""  # IK304 that a 999 would give; empty: not for a 999
    element_code: str = ""  # IK403
    reference: str = ""  # number of the data element in the standard's directory

    @property
    def rule_id(self) -> str:
        """Stable kebab id of the rule."""
        return _slug(self.rule)

    @property
    def message(self) -> str:
        return f"{self.rule}; expected {self.expected}" if self.expected else self.rule


@lru_cache(maxsize=1_024)
def _slug(rule: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in rule.lower()).strip("-").replace("--", "-")


class Positioned(Protocol):
    """What a problem must know of a segment."""

    @property
    def number(self) -> int: ...

    @property
    def elements(self) -> tuple[str, ...]: ...


class Problems(list[X12Error]):
    """The problems of one reading, and the conversions that find them."""

    limit = 10_000  # a hostile file must not fill memory with complaints

    def add(
        self,
        segment: Positioned,
        index: int,
        rule: str,
        *,
        found: str | None = None,
        expected: str = "",
        severity: Severity = "error",
        component: int = 0,
        loop: str = "",
        segment_code: str = "",
        element_code: str = "",
        reference: str = "",
    ) -> None:
        """Note a broken rule at an element of a segment (index 0: the whole segment) or at one of its components."""
        if len(self) >= self.limit:
            return
        name = segment.elements[0][:3]
        place = f"{name}{index:02d}" if index else name
        self.append(
            X12Error(
                segment=segment.number,
                element=f"{place}-{component}" if component else place,
                found=_shown(segment, index) if found is None else found[:FOUND_CHARACTERS_MAX],
                rule=rule,
                expected=expected,
                severity=severity,
                loop=loop,
                segment_code=segment_code,
                element_code=element_code,
                reference=reference,
            )
        )

    def missing(self, number: int, element: str, rule: str, *, expected: str, loop: str, segment_code: str) -> None:
        """Note a segment that should stand after another one."""
        if len(self) < self.limit:
            self.append(
                X12Error(
                    segment=number,
                    element=element,
                    found="",
                    rule=rule,
                    expected=expected,
                    loop=loop,
                    segment_code=segment_code,
                )
            )

    def at(self, number: int, element: str, rule: str, *, found: str = "", severity: Severity = "error") -> None:
        """Note a problem where no segment could be read."""
        if len(self) < self.limit:
            found = found[:FOUND_CHARACTERS_MAX]
            self.append(X12Error(segment=number, element=element, found=found, rule=rule, severity=severity))

    def cents(self, segment: Positioned, index: int) -> int:
        """A required amount in cents. 0 with a problem when it is absent or unreadable."""
        try:
            return to_cents(segment.elements[index])
        except (IndexError, NotAnAmount):
            return self._cents_with_care(segment, index)

    def _cents_with_care(self, segment: Positioned, index: int) -> int:
        amount = self.optional_cents(segment, index)
        if amount is not None:
            return amount
        if not _element(segment, index):
            self.add(segment, index, "amount is required")
        return 0

    def optional_cents(self, segment: Positioned, index: int) -> int | None:
        text = _element(segment, index)
        if not text:
            return None
        try:
            return to_cents(text)
        except NotAnAmount as refusal:
            self.add(segment, index, str(refusal))
            return None

    def quantity(self, segment: Positioned, index: int) -> Decimal | None:
        text = _element(segment, index)
        if not text:
            return None
        try:
            return to_quantity(text)
        except NotAnAmount as refusal:
            self.add(segment, index, str(refusal))
            return None

    def day(self, segment: Positioned, index: int) -> date | None:
        text = _element(segment, index)
        if not text:
            return None
        try:
            return to_day(text)
        except NotADay:
            self.add(segment, index, "date is CCYYMMDD")
            return None


def _element(segment: Positioned, index: int) -> str:
    elements = segment.elements
    return elements[index].strip() if index < len(elements) else ""


def _shown(segment: Positioned, index: int) -> str:
    name = segment.elements[0]
    if not index:
        return ""
    found = _element(segment, index)
    codes = _CODES.get(name)
    if name in _WHOLLY_PERSONAL or (codes is not None and (index not in codes or len(found) > _CODE_LENGTH_MAX)):
        return WITHHELD if found else ""
    return found[:FOUND_CHARACTERS_MAX]
