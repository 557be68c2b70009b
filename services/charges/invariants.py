"""What must always be true of charges: releases restate exactly what was captured and not credited, and each charge is on one bill.

Visits that share a bill have theirs on one visit's: what was handed over there counts there, and nowhere else.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from shared.events.charges import (
    ChargeCaptured,
    ChargeCredited,
    ChargePriced,
    ChargesGivenBack,
    ChargesHandedOver,
    ChargesReleased,
    ChargesTakenIn,
    EncounterCancelled,
    JoinedCharges,
    VisitBilledWith,
)
from shared.events.envelope import Recorded
from shared.runtime.invariants import CheckResult, note, note_at


@dataclass(slots=True)
class _Visit:
    cents: dict[str, int] = field(default_factory=dict)  # by charge
    taken_in: dict[str, JoinedCharges] = field(default_factory=dict)  # by visit
    is_billed_elsewhere: bool = False
    bills: dict[str, ChargesReleased] = field(default_factory=dict)  # by account
    releases: int = 0
    last: Recorded[Any] | None = None  # release whose bills may not all be seen yet


class ReleasesMatchCharges:
    """Per encounter, after every release: cents on its bills = captured or priced - credited; each charge is on one bill; releases are gapless."""

    def __init__(self) -> None:
        self._result = CheckResult(name="charges: releases restate captured minus credited, each charge on one bill")
        self._visits: defaultdict[str, _Visit] = defaultdict(_Visit)

    def see(self, recorded: Recorded[Any]) -> None:
        visit = self._visits[recorded.stored.key]
        if isinstance(recorded.event, EncounterCancelled):
            visit.last = None  # what was held is not billed any more
        elif not isinstance(recorded.event, ChargesReleased):
            self._check_bills(visit)
        match event := recorded.event:
            case ChargeCaptured():
                visit.cents[event.charge_id] = event.charged_cents or 0
            case ChargePriced():
                visit.cents[event.charge_id] = event.charged_cents
            case ChargeCredited():
                visit.cents[event.charge_id] -= event.credited_cents
            case VisitBilledWith():
                visit.is_billed_elsewhere = event.billed_with != ""
            case ChargesHandedOver():
                self._check_handed(recorded, event.charges, visit)
            case ChargesTakenIn():
                visit.taken_in[event.from_encounter_id] = event.charges
            case ChargesGivenBack():
                visit.taken_in.pop(event.to_encounter_id, None)
            case ChargesReleased():
                self._take(recorded, event, visit)

    def result(self) -> CheckResult:
        for visit in self._visits.values():
            self._check_bills(visit)
        return self._result

    def _take(self, recorded: Recorded[Any], released: ChargesReleased, visit: _Visit) -> None:
        visit.bills[released.account_id] = released
        visit.releases += 1
        visit.last = recorded
        if released.release != visit.releases:
            note_at(self._result, recorded, f"release {visit.releases}", f"release {released.release}")

    def _check_handed(self, recorded: Recorded[Any], handed: JoinedCharges, visit: _Visit) -> None:
        """What goes to another visit's bill is all that would be on one of its own."""
        self._result.checked += 1
        expected = sum(visit.cents.values()) if handed.lines else 0
        sums = {handed.charged_cents, sum(line.charged_cents for line in handed.lines)}
        if sums != {expected}:
            note_at(self._result, recorded, f"{expected} cents", f"{sorted(sums)} cents")

    def _check_bills(self, visit: _Visit) -> None:
        """The bills that changed with a release follow one another in the log; what comes behind them sees all of them."""
        if visit.last is None:
            return
        self._result.checked += 1
        own = 0 if visit.is_billed_elsewhere else sum(visit.cents.values())
        expected = own + sum(each.charged_cents for each in visit.taken_in.values())
        lines = [line for bill in visit.bills.values() for line in bill.lines]
        sums = {sum(bill.charged_cents for bill in visit.bills.values()), sum(line.charged_cents for line in lines)}
        if sums != {expected}:
            note_at(self._result, visit.last, f"{expected} cents", f"{sorted(sums)} cents")
        twice = [charge_id for charge_id, times in Counter(line.charge_id for line in lines).items() if times > 1]
        if twice:
            note_at(self._result, visit.last, "each charge on one bill", f"{len(twice)} on several")
        visit.last = None


class JoinedVisitsAgree:
    """What a bill took in is what the visit handed over, and no charge is on the bills of two visits, whichever join, part or change."""

    def __init__(self) -> None:
        self._result = CheckResult(
            name="charges: visits that share a bill agree on it, each charge on one visit's bill"
        )
        self._handed: dict[tuple[str, str, int], JoinedCharges] = {}  # by visit, the one whose bill it is, and handing
        self._taken: list[tuple[Recorded[Any], str, JoinedCharges]] = []
        self._on: dict[
            str, tuple[str, frozenset[str]]
        ] = {}  # by account, the visit and the charges of its last release

    def see(self, recorded: Recorded[Any]) -> None:
        match event := recorded.event:
            case ChargesHandedOver():
                self._handed[(event.encounter_id, event.billed_with, event.charges.handing)] = event.charges
            case ChargesTakenIn():
                self._taken.append((recorded, event.from_encounter_id, event.charges))
            case ChargesReleased():
                self._on[event.account_id] = (event.encounter_id, frozenset(line.charge_id for line in event.lines))

    def result(self) -> CheckResult:
        """What was handed over and not taken in yet is on its way: that it arrives is checked with the releases."""
        for recorded, visit, charges in self._taken:
            self._result.checked += 1
            if self._handed.get((visit, recorded.event.encounter_id, charges.handing)) != charges:
                note_at(self._result, recorded, f"what visit {visit} handed over", "something else")
        visits_of: defaultdict[str, set[str]] = defaultdict(set)
        for visit, charge_ids in self._on.values():
            for charge_id in charge_ids:
                visits_of[charge_id].add(visit)
        for charge_id, visits in visits_of.items():
            self._result.checked += 1
            if len(visits) > 1:
                note(self._result, f"charge {charge_id}", "on the bills of one visit", f"on those of {len(visits)}")
        return self._result
