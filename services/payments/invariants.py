"""What must always be true of money: it is neither made nor lost, per event, per account and per remittance.

Source: design section 7. A deliberately simple second fold, in plain Python, of what the ledger recorded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from shared.events.envelope import Recorded
from shared.events.payments import (
    ChargesPosted,
    ProviderAdjustmentPosted,
    RemittanceClaimAnswered,
    RemittancePosted,
    RemittanceReceived,
)
from shared.runtime.invariants import CheckResult, Violation


class PostingsSumToZero:
    """Every money event, and so the whole ledger."""

    def __init__(self) -> None:
        self._result = CheckResult(name="payments: the postings of every event sum to zero")

    def see(self, recorded: Recorded[Any]) -> None:
        postings = getattr(recorded.event, "postings", None)
        if postings is None:
            return
        self._result.checked += 1
        if found := sum(posting.amount_cents for posting in postings):
            _violate(self._result, recorded, "0 cents", f"{found} cents")

    def result(self) -> CheckResult:
        return self._result


class ChargesAreAccountedFor:
    """Per claim account, after every event: charge = paid + adjusted + patient share + open."""

    def __init__(self) -> None:
        self._result = CheckResult(name="payments: charge = paid + adjusted + patient share + open, at every prefix")
        self._charged: dict[str, int] = {}
        self._elsewhere: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def see(self, recorded: Recorded[Any]) -> None:
        if recorded.stored.aggregate != "claim-account" or not hasattr(recorded.event, "postings"):
            return
        key = recorded.stored.key
        if isinstance(recorded.event, ChargesPosted):
            self._charged[key] = sum(line.charged_cents for line in recorded.event.lines)
        sums = self._elsewhere[key]
        for posting in recorded.event.postings:
            sums[posting.account] += posting.amount_cents
        self._result.checked += 1
        found = sum(cents for account, cents in sums.items() if account != "charges")
        if found != self._charged.get(key, 0):
            _violate(self._result, recorded, f"{self._charged.get(key, 0)} cents", f"{found} cents")

    def result(self) -> CheckResult:
        return self._result


class RemittancesBalance:
    """Per remittance: payment = claims - provider adjustments, and when it is posted its claims have answered for all of it."""

    def __init__(self) -> None:
        self._result = CheckResult(name="payments: payment = claims - provider adjustments, per remittance")
        self._received: dict[str, RemittanceReceived] = {}
        self._withheld: Counter[str] = Counter()
        self._answered: defaultdict[str, dict[int, int]] = defaultdict(dict)

    def see(self, recorded: Recorded[Any]) -> None:
        key = recorded.stored.key
        match event := recorded.event:
            case RemittanceReceived():
                self._received[key] = event
                expected = event.claims_cents - event.provider_adjustments_cents
                self._check(recorded, expected, event.payment_cents)
            case ProviderAdjustmentPosted():
                self._withheld[key] += event.amount_cents
            case RemittanceClaimAnswered():
                self._answered[key][event.ordinal] = event.paid_cents
            case RemittancePosted():
                answered = sum(self._answered[key].values())
                self._check(recorded, self._received[key].payment_cents, answered - self._withheld[key])

    def result(self) -> CheckResult:
        return self._result

    def _check(self, recorded: Recorded[Any], expected: int, found: int) -> None:
        self._result.checked += 1
        if expected != found:
            _violate(self._result, recorded, f"{expected} cents", f"{found} cents")


def _violate(result: CheckResult, recorded: Recorded[Any], expected: str, found: str) -> None:
    where = f"{recorded.stored.key} version {recorded.version}"
    result.violations.append(Violation(where=where, expected=expected, found=found))
