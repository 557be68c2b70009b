"""What must always be true of claims: numbers are used once, nothing leaves twice, no account that is ready is forgotten."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from shared.events.batches import BatchAssembled, InterchangeStored
from shared.events.claims import AccountReadyToBill, BillingCancelled, ClaimBatched, ClaimCreated, ClaimSubmitted
from shared.events.envelope import Recorded
from shared.runtime.invariants import CheckResult, note, note_at


def _check(result: CheckResult, recorded: Recorded[Any], holds: bool, expected: str, found: str) -> None:
    result.checked += 1
    if not holds:
        note_at(result, recorded, expected, found)


class ControlNumbersAreUsedOnce:
    """Per partner: control numbers are 1, 2, 3, …, and each stands for one interchange with one set of bytes."""

    def __init__(self) -> None:
        self._result = CheckResult(name="claims: control numbers are gapless and used once")
        self._last: defaultdict[str, int] = defaultdict(int)
        self._stored: set[str] = set()

    def see(self, recorded: Recorded[Any]) -> None:
        match recorded.event:
            case BatchAssembled() as event:
                expected, found = self._last[recorded.stored.key] + 1, event.control_number
                _check(self._result, recorded, found == expected, f"control number {expected}", f"{found}")
                self._last[recorded.stored.key] = event.control_number
            case InterchangeStored():
                is_first = recorded.stored.key not in self._stored
                _check(self._result, recorded, is_first, "stored once", "stored again")
                self._stored.add(recorded.stored.key)
            case _:
                return

    def result(self) -> CheckResult:
        return self._result


class ClaimsLeaveOnce:
    """Each version of a claim is bound to one batch and submitted at most once, in the batch that it is bound to."""

    def __init__(self) -> None:
        self._result = CheckResult(name="claims: each version leaves at most once")
        self._bound: dict[tuple[str, int], str] = {}
        self._submitted: set[tuple[str, int]] = set()

    def see(self, recorded: Recorded[Any]) -> None:
        match recorded.event:
            case ClaimBatched() as event:
                version = (recorded.stored.key, event.version)
                _check(self._result, recorded, version not in self._bound, "one batch", "another batch")
                self._bound[version] = event.batch_id
            case ClaimSubmitted() as event:
                version = (recorded.stored.key, event.version)
                _check(self._result, recorded, version not in self._submitted, "submitted once", "submitted again")
                bound = self._bound.get(version, "no batch")
                _check(self._result, recorded, bound == event.batch_id, f"sent in {bound}", f"sent in {event.batch_id}")
                self._submitted.add(version)
            case _:
                return

    def result(self) -> CheckResult:
        return self._result


class ReadyAccountsHaveClaims:
    """Every account that is ready to bill has its claim: sent, or held by name of the reason."""

    def __init__(self) -> None:
        self._result = CheckResult(name="claims: every account that is ready has a claim")
        self._ready: dict[tuple[str, str], str] = {}  # tenant and claim -> where it became ready
        self._created: set[tuple[str, str]] = set()

    def see(self, recorded: Recorded[Any]) -> None:
        match recorded.event:
            case AccountReadyToBill() as event:
                where = f"{recorded.stored.key} version {recorded.version}"
                self._ready[recorded.tenant, event.claim_id] = where
            case BillingCancelled() as event if event.claim_id:
                self._ready.pop((recorded.tenant, event.claim_id), None)
            case ClaimCreated() as event:
                self._created.add((recorded.tenant, event.claim_id))
            case _:
                return

    def result(self) -> CheckResult:
        self._result.checked = len(self._ready)
        for (tenant, claim_id), where in self._ready.items():
            if (tenant, claim_id) not in self._created:
                note(self._result, where, f"claim {claim_id}", "no claim")
        return self._result
