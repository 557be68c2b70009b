"""Does an acknowledgement agree with itself?

Source: ASC X12N 005010X231A1 (999): AK9 counts the sets and sums up their IK5; ASC X12.5 (TA1).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from shared.codecs.x12.acknowledgement_999 import GroupAcknowledgement
from shared.codecs.x12.problems import Problems, X12Error
from shared.codecs.x12.tokenizer import Segment

_NOTES = frozenset(f"{number:03d}" for number in range(32))


def check_group_acknowledgement(ack: GroupAcknowledgement) -> Iterator[X12Error]:
    """The counts and the verdict of AK9 against the sets that are told."""
    at = ack.place.first_segment
    received, accepted = _count(ack.sets_received), _count(ack.sets_accepted)
    named = sum(response.is_accepted for response in ack.sets)
    if received is not None and accepted is not None and accepted > received:
        yield _at(at, "AK904", "no more sets are accepted than were received", ack.sets_accepted, ack.sets_received)
    if received is not None and len(ack.sets) > received:
        yield _at(at, "AK903", "no more sets are answered than were received", ack.sets_received, str(len(ack.sets)))
    if received is not None and len(ack.sets) == received and accepted is not None and named != accepted:
        yield _at(at, "AK904", "AK904 counts the sets that are accepted", ack.sets_accepted, str(named))
    if ack.status == "A" and named != len(ack.sets):
        yield _at(at, "AK901", "a group with a rejected set is not accepted as a whole", ack.status, "P or R")
    for response in ack.sets:
        if response.status == "A" and response.errors:
            rule = "a set with errors is not accepted without them"
            yield _at(at, "IK501", rule, response.status, "E or R", severity="warning")


def _count(text: str) -> int | None:
    return int(text) if text.isdigit() and text.isascii() and len(text) <= 6 else None


def _at(
    segment: int, element: str, rule: str, found: str, expected: str, *, severity: Literal["error", "warning"] = "error"
) -> X12Error:
    return X12Error(segment=segment, element=element, found=found[:20], rule=rule, expected=expected, severity=severity)


def check_interchange_acknowledgement(segment: Segment, problems: Problems) -> None:
    """The elements of a TA1. Its date and time are looked at where they are read."""
    if not (len(segment[1]) == 9 and segment[1].isdigit()):
        problems.add(segment, 1, "TA101 has nine digits")
    if not (len(segment[2]) == 6 and segment[2].isdigit()):
        problems.add(segment, 2, "TA102 is YYMMDD")
    if not (len(segment[3]) == 4 and segment[3].isdigit()):
        problems.add(segment, 3, "TA103 is HHMM")
    if segment[4] not in ("A", "E", "R"):
        problems.add(segment, 4, "TA104 is A, E or R", expected="A E R")
    if segment[5] not in _NOTES:
        problems.add(segment, 5, "TA105 is a note from 000 to 031", expected="000 to 031")
