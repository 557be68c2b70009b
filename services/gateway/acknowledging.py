"""How is the sender of an HL7 v2 message told what became of it?

The answer is a function of the message's header and its receipt, so a message that comes again gets the same bytes again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from services.gateway.notes import Note
from services.gateway.receipts import Answer, Receipt
from shared.codecs.hl7v2.acknowledgement import Verdict, answers
from shared.codecs.hl7v2.findings import ErrorCode, Finding, Place, Severity
from shared.codecs.hl7v2.message import Header, salvage_header

_VERDICTS = {
    Answer.ACCEPTED: Verdict.ACCEPTED,
    Answer.FAULTY: Verdict.FAULTY,
    Answer.REFUSED: Verdict.REFUSED,
    Answer.LATER: Verdict.REFUSED,  # AR says "not taken in now": who sends it again loses nothing
}
_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})(?:\[(\d+)\])?(?:-(\d+)(?:\[(\d+)\])?)?(?:\.(\d+))?\Z")
_KNOWN_CODES = frozenset(ErrorCode)


def acknowledge(content: bytes, receipt: Receipt) -> tuple[bytes, ...]:
    """None, one or two answers, as the sender asked for them in MSH-15 and MSH-16."""
    return answers(
        salvage_header(content),
        _VERDICTS[receipt.answer],
        [_finding(note) for note in receipt.notes],
        control_id=receipt.receipt_id.hex[:20],
        at=receipt.finished_at or receipt.received_at,
    )


def refuse(header: Header, notes: Sequence[Note], *, control_id: str, at: datetime) -> tuple[bytes, ...]:
    """AR for what could not even be kept."""
    findings = [_finding(note) for note in notes]
    return answers(header, Verdict.REFUSED, findings, control_id=control_id, at=at)


def _finding(note: Note) -> Finding:
    return Finding(
        at=_place(note.place),
        rule=note.rule,
        severity=Severity.ERROR if note.severity == "error" else Severity.WARNING,
        code=ErrorCode(note.code) if note.code in _KNOWN_CODES else ErrorCode.APPLICATION_ERROR,
        value=note.value,
    )


def _place(text: str) -> Place:
    match = _PLACE.match(text)
    if match is None:
        return Place(segment="MSH")
    segment, occurrence, field, repetition, component = match.groups()
    return Place(
        segment=segment,
        occurrence=int(occurrence or 1),
        field=int(field or 0),
        repetition=int(repetition or 1),
        component=int(component or 0),
    )
