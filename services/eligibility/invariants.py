"""What must always be true of eligibility: coverages pay in a gapless order, each once, and nobody uses more than was authorised."""

from __future__ import annotations

from typing import Any

from shared.events.eligibility import AuthorizationRecorded, AuthorizationUnitsUsed, CoverageSelected
from shared.events.envelope import Recorded
from shared.runtime.invariants import CheckResult, note_at


class SelectionsAreOrdered:
    """In every selection: ranks are 1, 2, … and no coverage is named twice."""

    def __init__(self) -> None:
        self._result = CheckResult(name="eligibility: selected coverages are ranked 1, 2, …, each once")

    def see(self, recorded: Recorded[Any]) -> None:
        if not isinstance(event := recorded.event, CoverageSelected):
            return
        self._result.checked += 1
        ranks = [coverage.rank for coverage in event.coverages]
        named = {coverage.coverage_id for coverage in event.coverages}
        if not ranks or ranks != list(range(1, len(ranks) + 1)) or len(named) != len(ranks):
            note_at(self._result, recorded, "ranks 1, 2, … of different coverages", f"ranks {ranks}")

    def result(self) -> CheckResult:
        return self._result


class AuthorizedUnitsHold:
    """Per authorisation, at every use: units left = authorised - used, and never below zero."""

    def __init__(self) -> None:
        self._result = CheckResult(name="eligibility: no more units used than authorised")
        self._authorized: dict[str, int] = {}
        self._used: dict[str, int] = {}

    def see(self, recorded: Recorded[Any]) -> None:
        key = recorded.stored.key
        match event := recorded.event:
            case AuthorizationRecorded():
                self._authorized[key] = event.units
            case AuthorizationUnitsUsed():
                self._used[key] = self._used.get(key, 0) + event.units
                self._check(recorded, event)

    def result(self) -> CheckResult:
        return self._result

    def _check(self, recorded: Recorded[Any], event: AuthorizationUnitsUsed) -> None:
        key = recorded.stored.key
        self._result.checked += 1
        left = self._authorized.get(key, 0) - self._used[key]
        if left < 0 or left != event.units_left:
            found = f"{event.units_left} said, {left} counted"
            note_at(self._result, recorded, "units left, not negative", found)
