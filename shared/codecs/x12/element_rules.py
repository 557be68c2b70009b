"""Is each element of a segment what the standard and the guide allow?

Source: ASC X12 005010 data types and the guides. Names the element or component, and the code that a 999 would give.
"""

from __future__ import annotations

import re
from datetime import date

from shared.codecs.x12.guides.notation import ElementUse, SegmentUse
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import Segment, parts_of

# IK403
_REQUIRED, _CONDITIONAL, _TOO_MANY, _SHORT, _LONG, _CHARACTER = "1", "2", "3", "4", "5", "6"
_CODE, _DATE, _TIME, _REPEATS, _COMPONENTS, _NOT_USED = "7", "8", "9", "12", "13", "I10"

_DECIMAL = re.compile(r"-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)\Z", re.ASCII)
_INTEGER = re.compile(r"-?[0-9]+\Z", re.ASCII)
_TIME_OF_DAY = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9](?:[0-9]{1,2})?)?\Z", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SEEN_MAX = 20_000

Broken = tuple[str, str, str]  # rule, code, expected


class ElementRules:
    """Checks segments against their use in a guide. Values repeat through a file, so a sound one is looked at once."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self._sound: set[tuple[int, str]] = set()

    def check(self, use: SegmentUse, segment: Segment, loop: str, *, key_told: int = 0) -> None:
        """Every element; `key_told` is one that has been complained of already."""
        elements, sound = segment.elements, self._sound
        length = len(elements)
        for at, element in enumerate(use.elements, start=1):
            text = elements[at] if at < length else ""
            if not text:
                if element.is_required:
                    self._tell(segment, at, 0, element, loop, ("the guide requires this element", _REQUIRED, ""))
                continue
            if (id(element), text) in sound or at == key_told:
                continue
            self._element(element, segment, at, text, loop)
        if length - 1 > len(use.elements):
            self._beyond(use, segment, loop)
        for kind, members in use.conditions:
            self._condition(kind, members, segment, loop)

    def _element(self, element: ElementUse, segment: Segment, at: int, text: str, loop: str) -> None:
        stripped = text.strip()
        if not stripped:
            if element.is_required:
                self._tell(segment, at, 0, element, loop, ("the guide requires this element", _REQUIRED, ""))
            return
        if not element.is_used:
            self._tell(segment, at, 0, element, loop, ("the guide does not use this element", _NOT_USED, ""))
            return
        repeats = segment.repeats(at) if segment.dialect.repetition in text and segment.dialect.repetition else (text,)
        if len(repeats) > element.repeats:
            expected = f"at most {element.repeats}"
            self._tell(segment, at, 0, element, loop, ("the element repeats no more than it may", _REPEATS, expected))
        is_sound = True
        for repeat in repeats[:1000]:
            is_sound &= self._repeat(element, segment, at, repeat, loop)
        if is_sound and element.data.number != "1251" and len(self._sound) < _SEEN_MAX:
            self._sound.add((id(element), text))

    def _repeat(self, element: ElementUse, segment: Segment, at: int, text: str, loop: str) -> bool:
        separator = segment.dialect.component
        if element.is_composite and not element.parts:
            return True
        if not element.parts:
            if separator and separator in text:
                broken = ("a simple element has no components", _COMPONENTS, "")
                self._tell(segment, at, 0, element, loop, broken)
                return False
            before = segment[at - 1] if element.data.number == "1251" else ""
            broken_rule = _value(element, text.strip(), before)
            if broken_rule:
                self._tell(segment, at, 0, element, loop, broken_rule)
            return broken_rule is None
        return self._components(element, segment, at, parts_of(text, separator), loop)

    def _components(self, element: ElementUse, segment: Segment, at: int, parts: tuple[str, ...], loop: str) -> bool:
        is_sound = True
        for place, part in enumerate(element.parts, start=1):
            value = parts[place - 1] if place <= len(parts) else ""
            broken: Broken | None = None
            if not value:
                broken = ("the guide requires this element", _REQUIRED, "") if part.is_required else None
            elif not part.is_used:
                broken = ("the guide does not use this element", _NOT_USED, "")
            else:
                broken = _value(part, value, parts[place - 2] if part.data.number == "1251" else "")
            if broken:
                is_sound = False
                self._tell(segment, at, place, part, loop, broken)
        if len(parts) > len(element.parts):
            is_sound = False
            broken = ("a composite has no more components than the guide uses", _COMPONENTS, "")
            self._tell(segment, at, len(element.parts) + 1, element, loop, broken)
        return is_sound

    def _beyond(self, use: SegmentUse, segment: Segment, loop: str) -> None:
        for at in range(len(use.elements) + 1, min(len(segment.elements), 200)):
            if not segment[at]:
                continue
            if at > use.standard_length:
                rule, code = "a segment has no more elements than the standard", _TOO_MANY
            else:
                rule, code = "the guide does not use this element", _NOT_USED
            self.problems.add(segment, at, rule, loop=loop, segment_code="8", element_code=code)

    def _condition(self, kind: str, members: tuple[int, ...], segment: Segment, loop: str) -> None:
        present = [at for at in members if segment[at]]
        missing = [at for at in members if not segment[at]]
        if kind == "P" and present and missing:
            at = missing[0]
        elif kind == "R" and not present:
            at = members[0]
        elif kind == "C" and segment[members[0]] and missing:
            at = missing[0]
        else:
            return
        rule = "elements that belong together stand together"
        names = " ".join(f"{segment.id}{each:02d}" for each in members)
        self.problems.add(
            segment, at, rule, found="", expected=names, loop=loop, segment_code="8", element_code=_CONDITIONAL
        )

    def _tell(self, segment: Segment, at: int, component: int, element: ElementUse, loop: str, broken: Broken) -> None:
        rule, code, expected = broken
        self.problems.add(
            segment,
            at,
            rule,
            component=component,
            expected=expected,
            loop=loop,
            segment_code="8",
            element_code=code,
            reference=element.data.number,
        )


def _value(element: ElementUse, text: str, qualifier: str) -> Broken | None:
    """What is wrong with a value that is there; None when it is sound."""
    data = element.data
    if element.codes is not None and text not in element.codes:
        return "the code is in the list of the guide", _CODE, " ".join(sorted(element.codes))[:200]
    if _CONTROL.search(text):
        return "an element has printable characters only", _CHARACTER, ""
    match data.type:
        case "R" if not _DECIMAL.match(text):
            return "a number is digits with an optional minus and point", _CHARACTER, ""
        case "N0" if not _INTEGER.match(text):
            return "a whole number is digits with an optional minus", _CHARACTER, ""
        case "DT" if not _is_day(text):
            return "date is CCYYMMDD", _DATE, "CCYYMMDD"
        case "TM" if not _TIME_OF_DAY.match(text):
            return "time is HHMM", _TIME, "HHMM"
        case _:
            pass
    length = len(text.lstrip("-").replace(".", "", 1)) if data.type in ("R", "N0") else len(text)
    if length < data.shortest:
        return "an element is not shorter than the standard allows", _SHORT, f"at least {data.shortest}"
    if length > data.longest:
        return "an element is not longer than the standard allows", _LONG, f"at most {data.longest}"
    return _period(text, qualifier)


def _period(text: str, qualifier: str) -> Broken | None:
    """A date or time whose format the element before it names."""
    match qualifier:
        case "D8" if not _is_day(text):
            return "date is CCYYMMDD", _DATE, "CCYYMMDD"
        case "RD8":
            first, dash, last = text.partition("-")
            if not dash or not _is_day(first) or not _is_day(last):
                return "period is CCYYMMDD-CCYYMMDD", _DATE, "CCYYMMDD-CCYYMMDD"
            if last < first:
                return "a period does not end before it begins", _DATE, ""
        case "DT" if not (len(text) == 12 and _is_day(text[:8]) and _TIME_OF_DAY.match(text[8:])):
            return "date and time is CCYYMMDDHHMM", _DATE, "CCYYMMDDHHMM"
        case "TM" if not _TIME_OF_DAY.match(text):
            return "time is HHMM", _TIME, "HHMM"
        case _:
            pass
    return None


def _is_day(text: str) -> bool:
    if len(text) != 8 or not (text.isdigit() and text.isascii()):
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True
