"""What must always be true of money: it is neither made nor lost, per event, per account and per remittance.

Source: design section 7. A deliberately simple second fold, in plain Python, of what the ledger recorded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

from services.payments.domain.books.state import Books, evolve
from shared.events.envelope import Recorded
from shared.events.payments import (
    ChargesPosted,
    OpeningBalancePosted,
    OpeningBalanceReversed,
    OpeningBalancesImported,
    OpeningBalanceStated,
    PeriodClosed,
    PeriodReopened,
    ProviderAdjustmentPosted,
    RemittanceClaimAnswered,
    RemittancePosted,
    RemittanceReceived,
)
from shared.events.values import Posting
from shared.runtime.invariants import CheckResult, Violation


class _Moved(NamedTuple):
    """What one event did to the figures of the books."""

    recorded_at: datetime
    happened_on: date
    receivable_cents: int
    cash_cents: int


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


class ClosedPeriodsStand:
    """What was said of a period when it was closed is what a simple fold comes to, and nothing enters it afterwards: whatever
    comes to the log behind the closing was recorded behind the moment up to which it looked."""

    def __init__(self) -> None:
        self._result = CheckResult(
            name="payments: a closed period says what the ledger said, and nothing enters it later"
        )
        self._books: defaultdict[str, Books] = defaultdict(Books)
        self._complete_until: dict[str, datetime] = {}
        self._unplaced: defaultdict[str, list[_Moved]] = defaultdict(list)
        self._by_day: defaultdict[str, Counter[tuple[str, date]]] = defaultdict(Counter)

    def see(self, recorded: Recorded[Any]) -> None:
        if isinstance(recorded.event, PeriodClosed | PeriodReopened):
            self._result.checked += 1
            self._place(recorded.tenant, recorded.event.known_until)
            if isinstance(recorded.event, PeriodClosed):
                self._check_figures(recorded, recorded.event)
                self._complete_until[recorded.tenant] = recorded.event.known_until
            self._books[recorded.tenant] = evolve(self._books[recorded.tenant], recorded.event)
        elif (legs := getattr(recorded.event, "postings", None)) is not None:
            self._take(recorded, legs)

    def result(self) -> CheckResult:
        return self._result

    def _take(self, recorded: Recorded[Any], legs: Iterable[Posting]) -> None:
        complete_until = self._complete_until.get(recorded.tenant)
        if complete_until is not None and recorded.recorded_at <= complete_until:
            _violate(self._result, recorded, f"recorded after {complete_until}", f"{recorded.recorded_at}")
        legs = tuple(legs)
        receivable = sum(leg.amount_cents for leg in legs if leg.account.startswith("receivable:"))
        cash = sum(leg.amount_cents for leg in legs if leg.account == "cash")
        if receivable or cash:
            moved = _Moved(recorded.recorded_at, recorded.occurred_at.date(), receivable, cash)
            self._unplaced[recorded.tenant].append(moved)

    def _place(self, tenant: str, known_until: datetime) -> None:
        """On which day of the books it stands is certain for what was recorded by then."""
        books, by_day, later = self._books[tenant], self._by_day[tenant], list[_Moved]()
        for each in self._unplaced[tenant]:
            if each.recorded_at > known_until:
                later.append(each)
                continue
            day = books.posted_on(each.happened_on, each.recorded_at)
            by_day["receivable", day] += each.receivable_cents
            by_day["cash", day] += each.cash_cents
        self._unplaced[tenant] = later

    def _check_figures(self, recorded: Recorded[Any], event: PeriodClosed) -> None:
        said = {"receivable": event.receivable_cents, "cash": event.cash_cents}
        for figure, cents in said.items():
            by_day = self._by_day[recorded.tenant].items()
            found = sum(each for (name, day), each in by_day if name == figure and day <= event.through_on)
            if found != cents:
                _violate(self._result, recorded, f"{figure} {found} cents", f"{figure} {cents} cents")


class OpeningBalancesTie:
    """Per import: what it states, and what its accounts posted of it, is its control total to the cent. Accounts that have not answered
    yet are on their way; each that has posted exactly what was stated of it."""

    def __init__(self) -> None:
        self._result = CheckResult(name="payments: opening balances are their control totals")
        self._imports: dict[tuple[str, str], OpeningBalancesImported] = {}
        self._stated: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        self._posted: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)

    def see(self, recorded: Recorded[Any]) -> None:
        match event := recorded.event:
            case OpeningBalancesImported():
                self._imports[recorded.tenant, event.import_id] = event
            case OpeningBalanceStated():
                self._stated[recorded.tenant, event.import_id][event.account_id] = event.amount_cents
            case OpeningBalancePosted():
                key = (recorded.tenant, event.import_id)
                self._posted[key][event.account_id] = posted = _receivable(event.postings)
                self._check(recorded, self._stated[key].get(event.account_id, 0), posted)
            case OpeningBalanceReversed():
                posted = self._posted[recorded.tenant, event.import_id].get(event.account_id, 0)
                self._check(recorded, -posted, _receivable(event.postings))

    def result(self) -> CheckResult:
        for key, imported in self._imports.items():
            posted = self._posted[key]
            sums = {sum(self._stated[key].values())}
            if len(posted) == imported.accounts:
                sums.add(sum(posted.values()))
            self._result.checked += 1
            if sums != {imported.control_cents}:
                expected, found = f"{imported.control_cents} cents", f"{sorted(sums)} cents"
                self._result.violations.append(Violation(where=key[1], expected=expected, found=found))
        return self._result

    def _check(self, recorded: Recorded[Any], expected: int, found: int) -> None:
        self._result.checked += 1
        if expected != found:
            _violate(self._result, recorded, f"{expected} cents", f"{found} cents")


def _receivable(legs: Iterable[Posting]) -> int:
    return sum(leg.amount_cents for leg in legs if leg.account.startswith("receivable:"))


def _violate(result: CheckResult, recorded: Recorded[Any], expected: str, found: str) -> None:
    where = f"{recorded.stored.key} version {recorded.version}"
    result.violations.append(Violation(where=where, expected=expected, found=found))
