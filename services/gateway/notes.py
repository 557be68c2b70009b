"""What is to be said about a message, where, and under which rule? One shape for HL7 v2, FHIR and X12.

A note never quotes a person: `value` holds codes, counts and our own words only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "held", "information"]  # held: kept for a person to decide

APPLICATION_ERROR = "207"  # HL7 table 0357


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    place: str  # "FT1[2]-19", "Bundle.entry[3].resource", "segment 41 CLP04"
    rule: str
    severity: Severity = "error"
    value: str = ""
    code: str = APPLICATION_ERROR  # HL7 table 0357, or FHIR's issue-type

    def as_json(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Note:
        return cls(**kept)


def has_errors(notes: Iterable[Note]) -> bool:
    return any(note.severity == "error" for note in notes)
