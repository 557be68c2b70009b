"""Under which ids do the services know what a message speaks of?

Computed, never looked up: kind, assigning authority and number give the same id in every process with the tenant's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo

from shared.codecs.moments import Moment
from shared.kernel.identifiers import computed_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """The tenant's key, the document that the message is kept as, and the zone of a sender who names none."""

    key: bytes
    document_id: str
    zone: tzinfo
    known: Mapping[tuple[str, str], str] = field(default_factory=dict)  # FHIR type and a sender's id -> ours

    def patient(self, authority: str, number: str) -> str:
        return computed_id(self.key, "patient", authority, number)

    def visit(self, authority: str, number: str) -> str:
        return computed_id(self.key, "encounter", authority, number)

    def account(self, authority: str, number: str) -> str:
        """A visit known by its account number only. Kept apart: one system may count visits and accounts alike."""
        return computed_id(self.key, "encounter-of-account", authority, number)

    def day(self, patient_id: str, on: date) -> str:
        """The visit of charges that name neither visit nor account."""
        return computed_id(self.key, "encounter-of-day", patient_id, on.isoformat())

    def appointment(self, authority: str, number: str) -> str:
        return computed_id(self.key, "appointment", authority, number)

    def coverage(self, patient_id: str, payer: str, begins_on: date | None, nth: int) -> str:
        """By payer, first day and place among the like: a corrected member number replaces what was said before."""
        begins = begins_on.isoformat() if begins_on else ""
        return computed_id(self.key, "coverage", patient_id, f"{payer}\x1e{begins}\x1e{nth}")

    def numbered(self, kind: str, authority: str, number: str) -> str:
        return computed_id(self.key, kind, authority, number)

    def charge(self, facility: str, transaction: str) -> str:
        return computed_id(self.key, "charge", facility, transaction)

    def credit(self, facility: str, transaction: str) -> str:
        return computed_id(self.key, "credit", facility, transaction)

    def source(self, place: str) -> dict[str, str]:
        return {"document_id": self.document_id, "place": place[:80]}

    def at(self, moment: Moment | None) -> datetime | None:
        return None if moment is None else moment.instant(self.zone)


def text_or_none(text: str | None) -> str | None:
    """Nothing said is nothing sent."""
    return text or None
