"""What must always be true of money: it is neither made nor lost, per event, per account and per remittance.

Source: design section 7. A deliberately simple second fold, in plain Python, of what the ledger recorded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from services.payments.domain.books.state import Books, evolve
from services.payments.domain.contract_comparison.identity import comparison_of
from shared.events.capitation import (
    CapitationAssigned,
    CapitationAssignmentUndone,
    CapitationRosterTaken,
    RosterMembersListed,
)
from shared.events.cards import CardChargebackWon, CardPaymentCaptured, CardRefunded
from shared.events.contracts import (
    ClaimPaymentCompared,
    ComparisonWithdrawn,
    OverpaymentFound,
    UnderpaymentFound,
    VarianceFound,
    VarianceReopened,
    VarianceResolved,
)
from shared.events.envelope import Recorded
from shared.events.patient_money import (
    AllocationReturned,
    AllocationTakenBack,
    OverdraftCovered,
    OverdraftReopened,
    PatientPaymentReceived,
    PaymentAllocated,
    PaymentTakenBack,
    UnappliedRefunded,
    UnappliedRefundReversed,
)
from shared.events.payments import (
    AppliedPaymentMoved,
    ChargesPosted,
    ClaimPaymentPosted,
    ClaimPaymentReversed,
    OpeningBalancePosted,
    OpeningBalanceReversed,
    OpeningBalancesImported,
    OpeningBalanceStated,
    PatientPaymentReversed,
    PaymentApplied,
    PeriodClosed,
    PeriodReopened,
    ProviderAdjustmentPosted,
    RemittanceClaimAnswered,
    RemittancePosted,
    RemittanceReceived,
)
from shared.events.values import Posting
from shared.runtime.invariants import CheckResult, note, note_at


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
            note_at(self._result, recorded, "0 cents", f"{found} cents")

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
            note_at(self._result, recorded, f"{self._charged.get(key, 0)} cents", f"{found} cents")

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
            note_at(self._result, recorded, f"{expected} cents", f"{found} cents")


class ProviderAdjustmentsStand:
    """Each PLB left suspense for the account where it waits for its other half, or for the one where it belongs.

    It waits with its payer under its reference; once it waited under the reference alone, whatever its reason was.
    """

    _BELONGS: Mapping[str, str] = {
        "L6": "interest",
        "CR": "interest",
        "CT": "capitation",
        "IR": "tax-withheld",
        "LE": "levied",
    }

    def __init__(self) -> None:
        self._result = CheckResult(name="payments: a provider adjustment stands with its payer and reference")
        self._payers: dict[tuple[str, str], str] = {}

    def see(self, recorded: Recorded[Any]) -> None:
        match event := recorded.event:
            case RemittanceReceived():
                self._payers[recorded.tenant, event.remittance_id] = event.payer_identifier.strip().upper()
            case ProviderAdjustmentPosted():
                payer = self._payers[recorded.tenant, event.remittance_id]
                reference = event.reference or event.reason
                waits = f"provider-adjustment:{payer}:{reference}"
                once = f"provider-adjustment:{reference}"
                self._check(recorded, event, {self._BELONGS.get(event.reason, waits), once})

    def result(self) -> CheckResult:
        return self._result

    def _check(self, recorded: Recorded[Any], event: ProviderAdjustmentPosted, places: set[str]) -> None:
        self._result.checked += 1
        found = {leg.account: leg.amount_cents for leg in event.postings}
        cents = event.amount_cents
        expected = [{place: cents, "suspense": -cents} if cents else {} for place in sorted(places)]
        if found not in expected:
            note_at(self._result, recorded, f"{cents} cents on {' or '.join(sorted(places))}", f"{found}")


class _Backing:
    """How often an answer was posted and taken back, and its comparison made and withdrawn."""

    __slots__ = ("compared", "open", "posted", "reversed", "reversed_at", "stream", "withdrawn")

    def __init__(self) -> None:
        self.posted = self.reversed = self.compared = self.withdrawn = 0
        self.reversed_at: datetime | None = None
        self.open: set[str] = set()
        self.stream = ""


class VariancesAreBacked:
    """What was found against a contract belongs to an answer that was posted, and is closed when the answer is taken back; and
    expected less allowed is what it says, beyond its tolerance. A withdrawal may follow its reversal within the hour."""

    _WITHIN = timedelta(hours=1)

    def __init__(self) -> None:
        self._result = CheckResult(
            name="payments: what was found against a contract is backed by a posting that stands"
        )
        self._answers: defaultdict[tuple[str, str, str, int], _Backing] = defaultdict(_Backing)
        self._compared: dict[tuple[str, str], _Backing] = {}
        self._last_at: datetime | None = None

    def see(self, recorded: Recorded[Any]) -> None:
        self._last_at = recorded.recorded_at
        match event := recorded.event:
            case ClaimPaymentPosted():
                self._answer(recorded, event.remittance_id, event.ordinal).posted += 1
            case ClaimPaymentReversed():
                answer = self._answer(recorded, event.reverses_remittance_id, event.reverses_ordinal)
                answer.reversed += 1
                answer.reversed_at = recorded.recorded_at
            case ClaimPaymentCompared():
                answer = self._answer(recorded, event.remittance_id, event.ordinal)
                answer.compared += 1
                answer.stream = recorded.stream
                self._compared[recorded.tenant, event.comparison_id] = answer
                self._check(recorded, answer.compared <= answer.posted, "a posted answer", "none")
            case UnderpaymentFound() | OverpaymentFound():
                self._see_found(recorded, event)
            case ComparisonWithdrawn():
                answer = self._answer(recorded, event.remittance_id, event.ordinal)
                answer.withdrawn += 1
                self._check(recorded, answer.withdrawn <= answer.reversed, "an answer that was taken back", "none")
                self._check(
                    recorded, answer.open == set(event.variance_ids), "all that is not resolved is closed", "not all"
                )
                answer.open.clear()
            case VarianceResolved():
                self._see_decided(recorded, event.variance_id)
            case VarianceReopened():
                there = self._compared.get((recorded.tenant, comparison_of(event.variance_id)))
                self._check(recorded, there is not None, "a comparison", "none")
                if there is not None:
                    there.open.add(event.variance_id)

    def result(self) -> CheckResult:
        for answer in self._compared.values():
            is_late = answer.reversed_at and self._last_at and self._last_at - answer.reversed_at > self._WITHIN
            if answer.open and answer.posted == answer.reversed and is_late:
                note(
                    self._result,
                    answer.stream,
                    "closed, as its answer was taken back",
                    f"{len(answer.open)} not resolved",
                )
        return self._result

    def _answer(self, recorded: Recorded[Any], remittance_id: str, ordinal: int) -> _Backing:
        return self._answers[recorded.tenant, recorded.event.account_id, remittance_id, ordinal]

    def _see_found(self, recorded: Recorded[Any], event: VarianceFound) -> None:
        difference = event.expected_cents - event.allowed_cents
        self._check(
            recorded, difference == event.variance_cents, f"{difference} cents", f"{event.variance_cents} cents"
        )
        is_beyond = abs(difference) > event.tolerance_cents and (difference > 0) == isinstance(event, UnderpaymentFound)
        self._check(recorded, is_beyond, f"beyond {event.tolerance_cents} cents", f"{difference} cents")
        answer = self._compared.get((recorded.tenant, event.comparison_id))
        self._check(recorded, answer is not None, "a comparison", "none")
        if answer is not None:
            answer.open.add(event.variance_id)

    def _see_decided(self, recorded: Recorded[Any], variance_id: str) -> None:
        answer = self._compared.get((recorded.tenant, comparison_of(variance_id)))
        is_open = answer is not None and variance_id in answer.open
        self._check(recorded, is_open, "something that is not resolved", "none")
        if answer is not None:
            answer.open.discard(variance_id)

    def _check(self, recorded: Recorded[Any], holds: bool, expected: str, found: str) -> None:
        self._result.checked += 1
        if not holds:
            note_at(self._result, recorded, expected, found)


class CapitationIsBacked:
    """What was assigned of a capitation payment has its sign and is no more than it, after every event; and a list of members says how
    many there are with it."""

    def __init__(self) -> None:
        self._result = CheckResult(name="payments: capitation assigned <= capitation paid, and members are counted")
        self._paid: dict[tuple[str, str, int], int] = {}
        self._assigned: defaultdict[tuple[str, str, int], dict[int, int]] = defaultdict(dict)
        self._members: defaultdict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
        self._said: dict[tuple[str, str], CapitationRosterTaken] = {}

    def see(self, recorded: Recorded[Any]) -> None:
        match event := recorded.event:
            case ProviderAdjustmentPosted() if event.reason == "CT":
                self._paid[recorded.tenant, event.remittance_id, event.ordinal] = -event.amount_cents
            case CapitationAssigned():
                key = (recorded.tenant, event.remittance_id, event.ordinal)
                parts = self._assigned[key]
                parts[event.part] = event.amount_cents
                paid, assigned = self._paid.get(key, 0), sum(parts.values())
                is_within = abs(assigned) <= abs(paid) and all((cents > 0) == (paid > 0) for cents in parts.values())
                self._result.checked += 1
                if not is_within:
                    note_at(self._result, recorded, f"at most {paid} cents", f"{assigned} cents")
            case CapitationAssignmentUndone():
                self._assigned[recorded.tenant, event.remittance_id, event.ordinal].pop(event.part, None)
            case CapitationRosterTaken():
                self._said[recorded.tenant, event.roster_id] = event
            case RosterMembersListed():
                members = self._members[recorded.tenant, event.roster_id]
                members.difference_update((each.member_index, each.person) for each in event.removed)
                members.update((each.member_index, each.person) for each in event.added)

    def result(self) -> CheckResult:
        for key, said in self._said.items():
            self._result.checked += 1
            if said.members != len(self._members[key]):
                note(self._result, said.roster_id, f"{said.members} members", f"{len(self._members[key])}")
        return self._result


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
            note_at(self._result, recorded, f"recorded after {complete_until}", f"{recorded.recorded_at}")
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
                note_at(self._result, recorded, f"{figure} {found} cents", f"{figure} {cents} cents")


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
                note(self._result, key[1], expected, found)
        return self._result

    def _check(self, recorded: Recorded[Any], expected: int, found: int) -> None:
        self._result.checked += 1
        if expected != found:
            note_at(self._result, recorded, f"{expected} cents", f"{found} cents")


class _Payment:
    """One patient's payment: what waits of it, what the patient had twice of it, and by allocation what its account took."""

    __slots__ = ("applied", "overdrawn_cents", "stream", "taken_back_at", "unapplied_cents")

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.unapplied_cents = self.overdrawn_cents = 0
        self.applied: Counter[int] = Counter()
        self.taken_back_at: datetime | None = None


class CardMoneyIsReceived:
    """What the processor of cards took, and paid again after a dispute, is a patient's payment of the same cents and patient, within the
    hour and once; no payment is of a card that was not captured; and no more goes back to a card than was taken from it."""

    _WITHIN = timedelta(hours=1)

    def __init__(self) -> None:
        self._result = CheckResult(name="payments: captured card payments = patients' payments received by card")
        self._taken: dict[tuple[str, str], Recorded[Any]] = {}
        self._left: Counter[tuple[str, str]] = Counter()  # cents of a card payment that were not given back to the card
        self._last_at: datetime | None = None

    def see(self, recorded: Recorded[Any]) -> None:
        self._last_at = recorded.recorded_at
        match event := recorded.event:
            case CardPaymentCaptured() | CardChargebackWon():
                self._taken[recorded.tenant, event.payment_id] = recorded
                if isinstance(event, CardPaymentCaptured):
                    self._left[recorded.tenant, event.card_payment_id] += event.amount_cents
            case PatientPaymentReceived() if event.card_payment_id:
                self._received(recorded, event)
            case CardRefunded():
                key = (recorded.tenant, event.card_payment_id)
                self._left[key] -= event.amount_cents
                self._check(recorded, self._left[key] >= 0, "no more than was taken", f"{-self._left[key]} cents more")

    def result(self) -> CheckResult:
        for taken in self._taken.values():
            self._result.checked += 1
            if self._last_at is not None and self._last_at - taken.recorded_at > self._WITHIN:
                note_at(self._result, taken, f"{taken.event.amount_cents} cents received", "no payment of a patient")
        return self._result

    def _received(self, recorded: Recorded[Any], event: PatientPaymentReceived) -> None:
        taken = self._taken.pop((recorded.tenant, event.payment_id), None)
        if taken is None:
            self._check(recorded, False, "a captured card payment", f"{event.amount_cents} cents without one")
            return
        expected = f"{taken.event.amount_cents} cents of {taken.event.card_payment_id}"
        found = f"{event.amount_cents} cents of {event.card_payment_id}"
        is_same = (expected, taken.event.patient_id) == (found, event.patient_id)
        self._check(recorded, is_same, expected, found)

    def _check(self, recorded: Recorded[Any], holds: bool, expected: str, found: str) -> None:
        self._result.checked += 1
        if not holds:
            note_at(self._result, recorded, expected, found)


class PatientsMoneyIsKept:
    """Per payment of a patient, after every event: what waits is never less than nothing, and what comes back from accounts, is refunded
    and is taken back was there. Of a payment that was taken back nothing waits, and within the hour no account has any of it."""

    _WITHIN = timedelta(hours=1)

    def __init__(self) -> None:
        self._result = CheckResult(name="payments: a patient's payment is unapplied, applied, refunded or taken back")
        self._payments: dict[tuple[str, str], _Payment] = {}
        self._last_at: datetime | None = None

    def see(self, recorded: Recorded[Any]) -> None:
        self._last_at = recorded.recorded_at
        match event := recorded.event:
            case PatientPaymentReceived():
                self._payments[recorded.tenant, event.payment_id] = payment = _Payment(recorded.stream)
                self._wait(recorded, payment, event.amount_cents)
            case PaymentAllocated() | UnappliedRefunded():
                self._wait(recorded, self._of(recorded), -event.amount_cents)
            case AllocationReturned() | AllocationTakenBack() | UnappliedRefundReversed():
                self._wait(recorded, self._of(recorded), event.amount_cents)
            case PaymentTakenBack():
                payment = self._of(recorded)
                self._wait(recorded, payment, event.overdrawn_cents - event.amount_cents)
                self._check(recorded, payment.unapplied_cents == 0, "nothing waits", f"{payment.unapplied_cents} cents")
                payment.overdrawn_cents, payment.taken_back_at = event.overdrawn_cents, recorded.recorded_at
            case OverdraftCovered() | OverdraftReopened():
                cents = event.amount_cents if isinstance(event, OverdraftCovered) else -event.amount_cents
                self._wait(recorded, self._of(recorded), -cents)
                covered = self._payments[recorded.tenant, event.covers_payment_id]
                covered.overdrawn_cents -= cents
                found = f"{covered.overdrawn_cents} cents"
                self._check(recorded, covered.overdrawn_cents >= 0, "no more than was had twice", found)
            case PaymentApplied():
                self._of(recorded).applied[event.allocation] += event.amount_cents
            case AppliedPaymentMoved():
                applied = self._of(recorded).applied
                applied[event.allocation] -= event.amount_cents
                found = f"{applied[event.allocation]} cents left"
                self._check(recorded, applied[event.allocation] >= 0, "no more than was taken", found)
            case PatientPaymentReversed():
                applied = self._of(recorded).applied
                applied[event.allocation] -= event.amount_cents
                found = f"{applied[event.allocation]} cents left"
                self._check(recorded, applied[event.allocation] == 0, "all that was taken", found)

    def result(self) -> CheckResult:
        for payment in self._payments.values():
            since = payment.taken_back_at
            is_late = since is not None and self._last_at is not None and self._last_at - since > self._WITHIN
            if is_late and (left := sum(payment.applied.values())):
                note(self._result, payment.stream, "nothing of it on accounts", f"{left} cents")
        return self._result

    def _of(self, recorded: Recorded[Any]) -> _Payment:
        return self._payments[recorded.tenant, recorded.event.payment_id]

    def _wait(self, recorded: Recorded[Any], payment: _Payment, change_cents: int) -> None:
        payment.unapplied_cents += change_cents
        found = f"{payment.unapplied_cents} cents"
        self._check(recorded, payment.unapplied_cents >= 0, "not less than nothing waits", found)

    def _check(self, recorded: Recorded[Any], holds: bool, expected: str, found: str) -> None:
        self._result.checked += 1
        if not holds:
            note_at(self._result, recorded, expected, found)


def _receivable(legs: Iterable[Posting]) -> int:
    return sum(leg.amount_cents for leg in legs if leg.account.startswith("receivable:"))
