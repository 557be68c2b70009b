"""What has a service to say about a file that it took in?

Taking a file in is not the same as using all of it: an 835 that is a cent short stands in review, a 999 may name a batch that nobody
knows, a bank may show money without saying which payment it is. The services answer with findings of their own, which go to whoever handed the file in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from services.gateway.notes import Note

NOTES_MAX = 200


def remarks(told: Any) -> tuple[Note, ...]:
    """Findings of an answer. One that keeps something from being used is `held`."""
    notes: list[Note] = []
    for note in _remarks(told):
        notes.append(note)
        if len(notes) == NOTES_MAX:
            break
    return tuple(notes)


def _remarks(told: Any) -> Iterator[Note]:
    if isinstance(told, Sequence) and not isinstance(told, str):
        for each in told:
            if isinstance(each, Mapping):
                yield from _of_remittance(each)
    elif isinstance(told, Mapping):
        for part in _objects(told, "parts"):
            if part.get("code"):  # a claim or batch that the claims service does not know, or refused
                yield Note(
                    place=str(part.get("about", "")),
                    rule=str(part.get("rule")),
                    severity="held",
                    value=str(part["code"]),
                )
        for line in _objects(told, "lines"):
            yield from _of_bank_line(line)
        yield from _findings(told, is_held=True)
        for problem in _objects(told, "problems"):
            yield Note(place=str(problem.get("place", "")), rule=str(problem.get("rule", "")), severity="held")


def _of_remittance(each: Mapping[str, Any]) -> Iterator[Note]:
    place = f"ST {each.get('control_number', '')}".strip()
    match each.get("outcome"):
        case "held":
            yield Note(place=place, rule="the remittance is held for review", severity="held")
        case "known":
            yield Note(place=place, rule="the remittance was taken in before", severity="warning")
    yield from _findings(each, is_held=each.get("outcome") == "held")


def _of_bank_line(line: Mapping[str, Any]) -> Iterator[Note]:
    """What a person will have to look at; it stands in a list of its own, so the file is done with."""
    place = f"record {line.get('record', '')}"
    match line.get("outcome"):
        case "unidentified":
            rule = "which payment it is was not said: it waits among the unidentified deposits"
            yield Note(place=place, rule=rule, severity="warning", value=str(line.get("reason", "")))
        case "differs":
            rule = "the remittance of this payment names another amount"
            yield Note(place=place, rule=rule, severity="warning", value=str(line.get("amount_cents", "")))


def _findings(told: Mapping[str, Any], *, is_held: bool) -> Iterator[Note]:
    for finding in _objects(told, "findings"):
        is_error = finding.get("severity") == "error"
        yield Note(
            place=str(finding.get("place", "")),
            rule=str(finding.get("message") or finding.get("rule", "")),
            severity="held" if is_error and is_held else "warning",
            value=str(finding.get("value", "")),
        )


def _objects(told: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = told.get(name) or []
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, Sequence) else []
