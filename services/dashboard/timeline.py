"""What happened to a claim, in which order, and how did its money stand after each step?

A pure fold of stored events: the claim's own stream, its denials', and its account's in the ledger. Streams are merged by the time at
which we knew, never against the order of a stream and never an effect before its cause. Sums come from postings alone (debit positive),
so at the last step they are the ledger's, to the cent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.dashboard.rendering import money, words

_KINDS: Mapping[str, str] = {
    "suspense": "paid_by_payers_cents",
    "unapplied": "paid_by_payers_cents",
    "allocated": "paid_by_patient_cents",
    "contractual": "contractual_cents",
    "write-off": "written_off_cents",
    "bad-debt": "written_off_cents",
    "charity": "written_off_cents",
    "refunds": "refunded_cents",
}
_TONES: Mapping[str, str] = {
    **dict.fromkeys(
        ("ClaimRejected", "ClaimDenied", "DenialOpened", "ClaimDeniedByPayer", "ClaimHeld", "PatientPaymentReversed"),
        "bad",
    ),
    **dict.fromkeys(("RemittanceClaimHeld", "FollowUpDue", "ClaimPaymentReversed", "ClaimVoided"), "warn"),
    **dict.fromkeys(("ClaimAccepted", "ClaimPaymentPosted", "PaymentApplied", "ClaimClosed", "AppealDecided"), "good"),
    **dict.fromkeys(("DenialAssigned", "DenialNoted", "AppealFiled", "ClaimCorrected", "ClaimReleased"), "info"),
    **dict.fromkeys(("ClaimRepaired", "ClaimEditedByRules", "ReplacementWithdrawn"), "info"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event as it is shown, and what the receivable of the account was after it."""

    at: int  # 1 for the first of all
    service: str
    stream: str
    version: int
    event: str
    event_id: str
    occurred_at: str
    recorded_at: str
    actor: str
    cause: str  # event id or request that led here; empty when a person did
    cause_at: int | None  # the step that it is, when it is one of these
    correlation: str
    said: str
    tone: str
    change_cents: int  # of what is owed on the account
    owed_cents: int
    document_id: str
    place: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineMoney:
    """Where the money of one charge line is. Billed = paid + adjusted - refunded + owed."""

    line_id: str
    procedure_code: str
    billed_cents: int = 0
    paid_by_payers_cents: int = 0
    paid_by_patient_cents: int = 0
    contractual_cents: int = 0
    written_off_cents: int = 0
    refunded_cents: int = 0
    payers_owe_cents: int = 0
    patient_owes_cents: int = 0

    @property
    def adjusted_cents(self) -> int:
        return self.contractual_cents + self.written_off_cents


def steps_of(streams: Iterable[Sequence[Mapping[str, Any]]], said: Mapping[str, str]) -> list[Step]:
    """The events of these streams (CloudEvents, each stream in order) as one story. `said`: words by event id."""
    steps: list[Step] = []
    numbers: dict[str, int] = {}
    owed = 0
    for at, event in enumerate(_merged([list(stream) for stream in streams]), start=1):
        change = sum(p["amount_cents"] for p in _postings(event) if p["account"].startswith("receivable:"))
        owed += change
        numbers[event["id"]] = at
        steps.append(_step(event, at, change, owed, said.get(event["id"], ""), numbers))
    return steps


def money_of(steps: Iterable[Step]) -> list[LineMoney]:
    """The money line by line after these steps; what belongs to no line stands in a row without a number."""
    codes: dict[str, str] = {}
    sums: dict[str, dict[str, int]] = {}
    for step in steps:
        for line in step.data.get("lines") or ():
            if isinstance(line, Mapping) and (done := line.get("procedure_code") or line.get("revenue_code")):
                codes[line.get("line_id", "")] = " · ".join((done, *line.get("modifiers", ())))
        for posting in step.data.get("postings") or ():
            column, sign = _column(posting["account"])
            if column:
                line = sums.setdefault(posting.get("line_id", ""), {})
                line[column] = line.get(column, 0) + sign * posting["amount_cents"]
    return [
        LineMoney(line_id=line_id, procedure_code=codes.get(line_id, ""), **figures)
        for line_id, figures in sorted(sums.items())
        if any(figures.values())
    ]


def total_of(lines: Sequence[LineMoney]) -> LineMoney:
    """All lines together."""
    names = [name for name in LineMoney.__slots__ if name.endswith("_cents")]
    sums = {name: sum(getattr(line, name) for line in lines) for name in names}
    return LineMoney(line_id="", procedure_code="", **sums)


def _merged(streams: list[list[Mapping[str, Any]]]) -> Iterable[Mapping[str, Any]]:
    """Always the earliest head whose cause does not still wait in another stream."""
    waiting = {event["id"] for stream in streams for event in stream}
    while heads := [stream for stream in streams if stream]:
        ready = [stream for stream in heads if stream[0].get("causationid") not in waiting] or heads
        chosen = min(ready, key=lambda stream: (stream[0]["recordedat"], stream[0]["time"], stream[0]["subject"]))
        event = chosen.pop(0)
        waiting.discard(event["id"])
        yield event


def _step(event: Mapping[str, Any], at: int, change: int, owed: int, said: str, numbers: Mapping[str, int]) -> Step:
    data = event["data"]
    source = data.get("source") or data.get("document") or {}
    name = event["type"].split(".")[1]
    cause = event.get("causationid") or ""
    return Step(
        at=at,
        service=event["type"].split(".")[0],
        stream=event["subject"],
        version=event["streamversion"],
        event=name,
        event_id=event["id"],
        occurred_at=event["time"],
        recorded_at=event["recordedat"],
        actor=event["actor"],
        cause=cause,
        cause_at=numbers.get(cause),
        correlation=event["correlationid"],
        said=said or _said(data),
        tone=_TONES.get(name, ""),
        change_cents=change,
        owed_cents=owed,
        document_id=source.get("document_id", "") if isinstance(source, Mapping) else "",
        place=source.get("place", "") if isinstance(source, Mapping) else "",
        data=data,
    )


def _said(data: Mapping[str, Any]) -> str:
    """What the postings of an event say, by ledger account."""
    sums: dict[str, int] = {}
    for posting in data.get("postings") or ():
        sums[posting["account"]] = sums.get(posting["account"], 0) + posting["amount_cents"]
    moved = [f"{words(account.replace(':', ' '))} {money(cents)}" for account, cents in sums.items() if cents]
    if not moved:
        told = (("paid_cents", "paid"), ("denied_cents", "denied"), ("amount_cents", "amount"))
        moved = [f"{word} {money(data[name])}" for name, word in told if isinstance(data.get(name), int)]
    if data.get("group") and data.get("reason"):
        return " · ".join([f"{data['group']}-{data['reason']}", *moved])
    codes = [
        str(data[name]) for name in ("reason", "outcome", "status") if isinstance(data.get(name), str) and data[name]
    ]
    return " · ".join([*map(words, codes), *moved])


def _postings(event: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return event["data"].get("postings") or ()


def _column(account: str) -> tuple[str, int]:
    kind, _, whose = account.partition(":")
    if kind == "charges":
        return "billed_cents", -1
    if kind == "receivable":
        return ("patient_owes_cents" if whose in ("patient", "agency") else "payers_owe_cents"), 1
    return _KINDS.get(kind, ""), -1 if kind == "refunds" else 1
