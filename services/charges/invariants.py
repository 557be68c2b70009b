"""What must always be true of charges: releases restate exactly what was captured and not credited, and each charge is on one bill."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from shared.events.charges import ChargeCaptured, ChargeCredited, ChargePriced, ChargesReleased
from shared.events.envelope import Recorded
from shared.runtime.invariants import CheckResult, note_at


@dataclass(slots=True)
class _Visit:
    cents: dict[str, int] = field(default_factory=dict)  # by charge
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
        if not isinstance(recorded.event, ChargesReleased):
            self._check_bills(visit)
        match event := recorded.event:
            case ChargeCaptured():
                visit.cents[event.charge_id] = event.charged_cents or 0
            case ChargePriced():
                visit.cents[event.charge_id] = event.charged_cents
            case ChargeCredited():
                visit.cents[event.charge_id] -= event.credited_cents
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

    def _check_bills(self, visit: _Visit) -> None:
        """The bills that changed with a release follow one another in the log; what comes behind them sees all of them."""
        if visit.last is None:
            return
        self._result.checked += 1
        expected = sum(visit.cents.values())
        lines = [line for bill in visit.bills.values() for line in bill.lines]
        sums = {sum(bill.charged_cents for bill in visit.bills.values()), sum(line.charged_cents for line in lines)}
        if sums != {expected}:
            note_at(self._result, visit.last, f"{expected} cents", f"{sorted(sums)} cents")
        twice = [charge_id for charge_id, times in Counter(line.charge_id for line in lines).items() if times > 1]
        if twice:
            note_at(self._result, visit.last, "each charge on one bill", f"{len(twice)} on several")
        visit.last = None
