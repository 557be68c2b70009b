"""Does a request for a review of services (278) say who asks for what, and does its answer decide?

Source: ASC X12N 005010X217, situational rules. Not asked: what the guide's own tables already say.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.codecs.x12.level_rules import (
    Findings,
    Level,
    check_order,
    check_pointers,
    check_trace,
    diagnoses_in,
    levels_of,
)
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import Segment

_LOOPS = {"20": "2000A", "21": "2000B", "22": "2000C", "23": "2000D", "EV": "2000E", "SS": "2000F"}
_REQUESTS, _RESPONSE = frozenset(("01", "13", "36")), "11"  # BHT02
_CERTIFIED = frozenset(("A1", "A6"))
_UNDECIDED = frozenset(("A3", "A4", "CT"))
_ADMISSION = "AR"
_OF_AN_EARLIER_ONE = frozenset(("1", "2", "3", "4", "R", "S"))  # UM02: appeal, cancel, extension, renewal, revised ...
_SERVICES = ("SV1", "SV2", "SV3")


def check_review(segments: Sequence[Segment], problems: Problems) -> None:
    """A 278 of either side."""
    findings = Findings(problems)
    levels = levels_of(segments)
    purpose = next((segment[2] for segment in segments[:3] if segment.elements[0] == "BHT"), "")
    for level in levels:
        loop = _LOOPS.get(level.code, "")
        for trn in level.all("TRN"):
            check_trace(trn, loop, findings)
        if level.code in ("EV", "SS"):
            _of_part(level, loop, findings)
        if purpose == _RESPONSE:
            _of_answer(level, loop, findings)
        elif purpose in _REQUESTS:
            _of_request(level, loop, findings)
    if levels and purpose in _REQUESTS:
        _of_people(levels, findings)


def _of_people(levels: Sequence[Level], findings: Findings) -> None:
    codes = {level.code for level in levels}
    last = levels[-1].segments[-1]
    for code, rule in (
        ("21", "a request names who asks"),
        ("22", "a request names its patient"),
        ("EV", "a request names what is asked for"),
    ):
        if code not in codes:
            findings.missing(last, "HL", rule, _LOOPS[code], expected=f"HL {code}")


def _of_part(level: Level, loop: str, findings: Findings) -> None:
    check_order(level, "435", "096", loop, findings)
    event = next((each for each in level.path if each.code == "EV"), level)
    for sv1 in level.all("SV1"):
        check_pointers(sv1, 7, diagnoses_in(event), loop, findings)
    named = [segment.elements[0] for segment in level.segments if segment.elements[0] in _SERVICES]
    if len(named) > 1:
        findings.unwanted(level.all(named[1])[-1], "a service is professional, institutional or dental", loop)


def _of_request(level: Level, loop: str, findings: Findings) -> None:
    for name, rule in (("HCR", "a request has no decision"), ("AAA", "a request is not refused by itself")):
        for segment in level.all(name):
            findings.unwanted(segment, rule, loop)
    um = level.first("UM")
    if level.code == "EV" and um is not None:
        if um[1] == _ADMISSION and level.first("DTP", "435") is None:
            findings.missing(um, "DTP", "an admission has its date in DTP 435", loop, expected="DTP 435")
        if not um[2]:
            findings.needed(um, 2, "a request says whether it is the first", loop)
        if um[2] in _OF_AN_EARLIER_ONE and level.first("REF", "BB", "NT") is None:
            rule = "what changes an earlier review names it in REF BB"
            findings.problems.add(um, 2, rule, loop=loop, severity="warning")
    if level.code == "SS" and um is None and not any(level.first(name) for name in (*_SERVICES, "HSD")):
        findings.missing(level.segments[0], "SV1", "a service says what it is", loop, expected="SV1 SV2 SV3")


def _of_answer(level: Level, loop: str, findings: Findings) -> None:
    is_refused = any(each.first("AAA") is not None for each in level.path)
    is_decided = any(each.first("HCR") is not None for each in level.path)
    if not level.has_children and not is_refused and not is_decided:
        is_part = level.code in ("EV", "SS")
        name = "HCR" if is_part else "AAA"
        findings.missing(level.segments[-1], name, "an answer decides, or says in AAA why not", loop)
    for hcr in level.all("HCR"):
        if hcr[1] in _CERTIFIED and not hcr[2]:
            findings.needed(hcr, 2, "what is certified has its number", loop)
        if hcr[1] in _UNDECIDED and not hcr[3]:
            findings.needed(hcr, 3, "what is not certified has its reason", loop, severity="warning")
