"""Which event of ours made a denial likely, first of all?

Looked for by the kind of denial in what is on record about the patient, the visit and the claim; where nothing on record tells, nothing is
concluded. An event is named with its stream, correlation and causation, so that the trace can be followed further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from services.claims.policies.gather_evidence import Known

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """`step`: where it could have been prevented."""

    step: str
    because: str
    event: Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Billed:
    """When the claim had to be with its payer, and which other claims of the patient were sent for the same day."""

    file_by_on: date | None
    twins: Sequence[Row]  # ClaimSubmitted rows of their timelines


def trace_origin(known: Known, billed: Billed) -> Origin | None:
    """The first event that tells; None where none does."""
    look = _LOOKS.get(known.opened.category)
    found = sorted(look(known, billed), key=_recorded_at) if look else []
    return found[0] if found else None


def _recorded_at(origin: Origin) -> Any:
    return origin.event["recorded_at"]


def _facts(known: Known, event: str) -> list[Row]:
    return [fact for fact in known.facts if fact["event"] == event]


def _selected(known: Known) -> Row | None:
    """The choice of coverage for this account, the last one."""
    chosen = [fact for fact in _facts(known, "CoverageSelected") if fact["account_id"] == known.opened.account_id]
    return chosen[-1] if chosen else None


def _eligibility(known: Known, _billed: Billed) -> Iterator[Origin]:
    service_on = known.content.services.service_on
    asked = [
        fact
        for fact in _facts(known, "EligibilityAnswered")
        if fact["coverage_id"] == known.coverage.coverage_id and fact["recorded_at"] <= _denied_at(known)
    ]
    on_the_day = [fact for fact in asked if fact["service_on"] == service_on]
    for fact in on_the_day:
        if fact["outcome"] == "inactive":
            yield Origin(step="eligibility", because="the payer said inactive for the day of the service", event=fact)
    if not on_the_day:
        for fact in asked:
            because = f"coverage was asked for {fact['service_on']}, the service was on {service_on}"
            yield Origin(step="eligibility", because=because, event=fact)
        chosen = _selected(known)
        if not asked and chosen is not None:
            because = "the coverage was chosen without any answer of the payer"
            yield Origin(step="eligibility", because=because, event=chosen)


def _registration(known: Known, _billed: Billed) -> Iterator[Origin]:
    for fact in _facts(known, "EligibilityRejected"):
        if fact["coverage_id"] == known.coverage.coverage_id and fact["recorded_at"] <= _denied_at(known):
            because = f"the payer could not find the member before the claim was sent (AAA {fact['outcome']})"
            yield Origin(step="registration", because=because, event=fact)


def _authorization(known: Known, _billed: Billed) -> Iterator[Origin]:
    service_on = known.content.services.service_on
    granted = [fact for fact in _facts(known, "AuthorizationRecorded") if fact["payer_id"] == known.opened.payer_id]
    valid = [fact for fact in granted if fact["valid_from_on"] <= service_on <= fact["valid_to_on"]]
    for fact in _facts(known, "AuthorizationUnitsUsed"):
        is_ours = fact["authorization_id"] in {each["authorization_id"] for each in granted}
        if is_ours and fact["units"] <= 0 and fact["recorded_at"] <= _denied_at(known):
            because = f"the authorization had no units left ({fact['units']})"
            yield Origin(step="authorization", because=because, event=fact)
    if not valid:
        for fact in granted:
            days = f"{fact['valid_from_on']} to {fact['valid_to_on']}"
            yield Origin(step="authorization", because=f"authorised for {days}, served on {service_on}", event=fact)
    chosen = _selected(known)
    if not granted and not known.coverage.authorization_number and chosen is not None:
        yield Origin(
            step="authorization", because="no authorization was on record when the coverage was chosen", event=chosen
        )


def _late(known: Known, billed: Billed) -> Iterator[Origin]:
    """The first step that came past the limit; or what sent the claim back before it."""
    if billed.file_by_on is None:
        return
    for fact in _facts(known, "ChargesReleased"):
        is_own = fact["account_id"] == known.opened.account_id
        if is_own and fact["occurred_at"].date() > billed.file_by_on:
            because = f"the charges were released after the last day of filing, {billed.file_by_on}"
            yield Origin(step="charge entry", because=because, event=fact)
    sent = [row for row in known.timeline if row["event"] == "ClaimSubmitted"]
    is_late = bool(sent) and sent[-1]["occurred_at"].date() > billed.file_by_on
    for row in known.timeline if is_late else ():
        if row["event"] in ("ClaimHeld", "ClaimRejected"):
            because = f"{row['summary']}; it was sent past the last day, {billed.file_by_on}"
            yield Origin(step="filing", because=because, event=_own(row))
    if is_late:
        yield Origin(
            step="filing", because=f"sent past the last day of filing, {billed.file_by_on}", event=_own(sent[-1])
        )


def _duplicate(known: Known, billed: Billed) -> Iterator[Origin]:
    for row in billed.twins:
        because = f"claim {row['claim_id']} of the same patient and day was sent before"
        yield Origin(step="filing", because=because, event=_own(row))
    sent = [row for row in known.timeline if row["event"] == "ClaimSubmitted"]
    if len(sent) > 1:
        yield Origin(step="filing", because=f"this claim was sent {len(sent)} times", event=_own(sent[1]))


def _cob(known: Known, _billed: Billed) -> Iterator[Origin]:
    ordered = [fact for fact in _facts(known, "CoverageOrderSet") if fact["recorded_at"] <= _denied_at(known)]
    for fact in ordered:
        yield Origin(step="registration", because="the order of coverages was set by hand", event=fact)
    chosen = _selected(known)
    if not ordered and chosen is not None:
        because = f"{len(chosen['outcome'].split())} coverages were put in this order from what was registered"
        yield Origin(step="registration", because=because, event=chosen)


def _coding(known: Known, _billed: Billed) -> Iterator[Origin]:
    for fact in _facts(known, "EditOverridden"):
        if fact["encounter_id"] == known.content.services.encounter_id:
            yield Origin(step="coding", because=f"edit {fact['outcome']} was let pass", event=fact)


def _denied_at(known: Known) -> Any:
    """When the denial was opened; what came later did not lead to it."""
    stream = f"denial/{known.opened.denial_id}"
    opened = [row for row in known.timeline if row["event"] == "DenialOpened" and row["stream"] == stream]
    return opened[0]["recorded_at"] if opened else datetime.max.replace(tzinfo=UTC)


def _own(row: Row) -> Row:
    """A row of the timeline, which is of claims' own events."""
    return {"service": "claims", **row}


_LOOKS: Mapping[str, Callable[[Known, Billed], Iterator[Origin]]] = {
    "eligibility": _eligibility,
    "registration": _registration,
    "authorization": _authorization,
    "timely-filing": _late,
    "duplicate": _duplicate,
    "cob": _cob,
    "coding": _coding,
    "bundling": _coding,
    "billing-data": _coding,
}
