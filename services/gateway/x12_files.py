"""Which service takes an X12 interchange in?

By the transaction sets in it (GS08 names the guide, ST01 the set): money to payments, acknowledgements and claim status to claims,
benefit answers to eligibility. What a provider never receives is refused by name.
"""

from __future__ import annotations

import re

from services.gateway.mapping.naming import Naming
from services.gateway.notes import Note
from services.gateway.parts import X12, Fate, Part, Plan
from shared.codecs.x12.check import check

KIND = "x12"
ROUTES = {  # ST01 -> service, path, what
    "835": ("payments", "/remittances", "take in the remittance"),
    "TA1": ("claims", "/acknowledgements", "take in the acknowledgement"),
    "999": ("claims", "/acknowledgements", "take in the acknowledgement"),
    "277": ("claims", "/acknowledgements", "take in the claim status"),
    "277CA": ("claims", "/acknowledgements", "take in the claim acknowledgement"),
    "271": ("eligibility", "/answers", "take in the benefit answer"),
}
NAMES = {
    "270": "an eligibility inquiry",
    "276": "a claim status inquiry",
    "278": "a services review",
    "820": "a premium payment",
    "834": "an enrolment",
    "837": "a claim",
    "997": "an acknowledgement of an older version",
}
ERRORS_TOLD_MAX = 100
_SETS_LOOKED_AT_MAX = 10_000
_CLAIM_ACKNOWLEDGEMENT = b"005010X214"


def is_x12(content: bytes) -> bool:
    return content.lstrip()[:3] == b"ISA"


def plan_interchange(content: bytes, naming: Naming) -> Plan:
    """What to do with an X12 file. The service that it goes to checks it to the last segment. Never raises."""
    found = transaction_sets(content)
    if not found:
        rule = "an interchange has an ISA of 106 characters and a transaction set or a TA1"
        return Plan(kind=KIND, type="X12", fate=Fate.REFUSE, notes=(Note(place="ISA", rule=rule, code="102"),))
    type_ = "+".join(found)
    unknown = [each for each in found if each not in ROUTES]
    if unknown:
        notes = tuple(_no_taker(each) for each in unknown)
        return Plan(kind=KIND, type=type_, fate=Fate.REFUSE, notes=notes)
    takers = {ROUTES[each][:2]: ROUTES[each] for each in found}
    parts = tuple(
        Part(service=service, path=path, place="ISA", what=what, content=content, media_type=X12)
        for service, path, what in takers.values()
    )
    return Plan(kind=KIND, type=type_, fate=Fate.DELIVER, parts=parts, explained=lambda: _checked(content))


def _checked(content: bytes) -> tuple[Note, ...]:
    """Errors of the file itself, segment by segment."""
    errors = [finding for finding in check(content) if finding.severity == "error"]
    return tuple(
        Note(place=f"segment {each.segment} {each.element}", rule=each.message, value=each.found)
        for each in errors[:ERRORS_TOLD_MAX]
    )


def transaction_sets(content: bytes) -> list[str]:
    """The kinds of transaction set in the file, each once, in order; a 277 that acknowledges claims as 277CA."""
    content = content.lstrip()
    if len(content) < 106 or content[:3] != b"ISA":
        return []
    element, segment = content[3:4], content[105:106]
    pattern = re.compile(
        rb"(?:%b)\s*(TA1|ST%b([0-9]{3}))(?=%b)([^%b]*)" % tuple(map(re.escape, (segment, element, element, segment)))
    )
    kinds: dict[str, None] = {}
    for ordinal, match in enumerate(pattern.finditer(content)):
        if ordinal >= _SETS_LOOKED_AT_MAX:
            break
        kind = (match[2] or match[1]).decode("ascii")
        is_claim_acknowledgement = kind == "277" and (
            _CLAIM_ACKNOWLEDGEMENT in match[3] or _group_is_acknowledgement(content, match.start(), element, segment)
        )
        kinds["277CA" if is_claim_acknowledgement else kind] = None
    return list(kinds)


def _group_is_acknowledgement(content: bytes, before: int, element: bytes, segment: bytes) -> bool:
    """ST03 may be left out; then the functional group's GS08 says which guide its sets follow."""
    start = content.rfind(segment, 0, before)
    group = content.rfind(b"GS" + element, 0, before + 1)
    return group >= 0 and _CLAIM_ACKNOWLEDGEMENT in content[group : content.find(segment, group)] and start >= 0


def _no_taker(kind: str) -> Note:
    name = NAMES.get(kind, "a transaction set that billing does not receive")
    return Note(place="ST01", rule=f"{name} is not taken in here", value=kind, code="200")
