"""What must always be true of charges: a release restates exactly what was captured and not credited."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from shared.events.charges import ChargeCaptured, ChargeCredited, ChargePriced, ChargesReleased
from shared.events.envelope import Recorded
from shared.runtime.invariants import CheckResult, note_at


class ReleasesMatchCharges:
    """Per encounter, at every release: cents released = cents captured or priced - cents credited; releases are gapless."""

    def __init__(self) -> None:
        self._result = CheckResult(name="charges: releases restate captured minus credited")
        self._cents: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._releases: defaultdict[str, int] = defaultdict(int)

    def see(self, recorded: Recorded[Any]) -> None:
        cents = self._cents[recorded.stored.key]
        match event := recorded.event:
            case ChargeCaptured():
                cents[event.charge_id] = event.charged_cents or 0
            case ChargePriced():
                cents[event.charge_id] = event.charged_cents
            case ChargeCredited():
                cents[event.charge_id] -= event.credited_cents
            case ChargesReleased():
                self._check(recorded, event, sum(cents.values()))

    def result(self) -> CheckResult:
        return self._result

    def _check(self, recorded: Recorded[Any], released: ChargesReleased, expected_cents: int) -> None:
        self._result.checked += 1
        sums = {released.charged_cents, sum(line.charged_cents for line in released.lines)}
        if sums != {expected_cents}:
            note_at(self._result, recorded, f"{expected_cents} cents", f"{sorted(sums)} cents")
        self._releases[recorded.stored.key] += 1
        if released.release != self._releases[recorded.stored.key]:
            expected = f"release {self._releases[recorded.stored.key]}"
            note_at(self._result, recorded, expected, f"release {released.release}")
