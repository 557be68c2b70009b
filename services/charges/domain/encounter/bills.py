"""On which bills do the charges of a visit go?

Each bill is an account of its own and becomes one claim; together they hold each charge once. What a biller chose stands apart, and what
fits on no claim of its kind (lines, diagnoses) goes on a further one. A charge stays on the bill on which it was released, as long as it
may and has room there, so that a late charge does not change a claim that was sent; a new choice lays all of them out again.
An add-on code is done by the same provider on the same day as its primary procedure (CPT), so charges of one day and provider stay
together where they fit on one claim. A hospital's stay is one statement: only a biller divides it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from services.charges.domain.encounter.edits_by_kind import DIAGNOSES_MAX
from services.charges.domain.encounter.state import CapturedCharge, Encounter
from shared.kernel.claim_limits import LINES_MAX


@dataclass(slots=True, kw_only=True)
class Bill:
    """Charges of one claim, while they are being laid out."""

    number: int  # of the visit's bills
    coverage_ids: tuple[str, ...] = ()
    charges: list[CapturedCharge] = field(default_factory=list)


def bills_of(encounter: Encounter) -> list[Bill]:
    """The visit's bills in the order of their numbers, each with its charges in the order of their capture."""
    place = {charge_id: index for index, charge_id in enumerate(encounter.charges)}
    layout = _Layout(encounter)
    for coverage_ids, charges in _wanted(encounter):
        layout.take(coverage_ids, charges)
    bills = sorted((bill for bill in layout.bills if bill.charges), key=lambda bill: bill.number)
    for bill in bills:
        bill.charges.sort(key=lambda charge: place[charge.captured.charge_id])
    return bills


def diagnoses_of(bill: Bill, encounter: Encounter, *, is_only_one: bool) -> tuple[str, ...]:
    """The diagnoses of a bill in the visit's order. One of several bills, or of several visits, names those that its lines point at."""
    codes = all_diagnoses(encounter)
    is_joined = any(charge.joined_from for charge in bill.charges)
    if encounter.kind == "institutional" or (is_only_one and not is_joined):
        return codes
    pointed = _pointed_at(bill.charges, codes, encounter)
    return tuple(code for code in codes if code in pointed)


def all_diagnoses(encounter: Encounter) -> tuple[str, ...]:
    """The visit's diagnoses and then those only the lines name, without repeats, in order."""
    lines = (charge.captured.diagnoses for charge in encounter.charges.values() if charge.units_left > 0)
    return tuple(dict.fromkeys((*encounter.diagnoses, *(code for codes in lines for code in codes))))


def supporting(charge: CapturedCharge, codes: tuple[str, ...], encounter: Encounter) -> tuple[str, ...]:
    """An institutional line points to nothing, a dental one to what it names, any other to the first diagnosis at least."""
    if encounter.kind == "institutional":
        return ()
    named = charge.captured.diagnoses
    return named if encounter.kind == "dental" else named or codes[:1]


def _wanted(encounter: Encounter) -> list[tuple[tuple[str, ...], list[CapturedCharge]]]:
    """Charges that may share a bill, with the coverages that answer for them: first what nobody chose."""
    left = {charge_id: charge for charge_id, charge in encounter.charges.items() if charge.units_left > 0}
    chosen = [
        (bill.coverage_ids, [charge for each in bill.charge_ids if (charge := left.pop(each, None)) is not None])
        for bill in encounter.chosen
    ]
    return [((), list(left.values())), *chosen]


class _Layout:
    def __init__(self, encounter: Encounter) -> None:
        self.bills: list[Bill] = []
        self._encounter = encounter
        self._codes = all_diagnoses(encounter)
        charges = encounter.charges.items()
        kept = {encounter.bill_of.get(charge_id) for charge_id, charge in charges if charge.units_left > 0}
        self._free = (number for number in count(1) if number not in kept)  # a bill that has charges keeps its number

    def take(self, coverage_ids: tuple[str, ...], charges: Sequence[CapturedCharge]) -> None:
        """Bills for charges that may share one."""
        own: list[Bill] = []
        new: list[CapturedCharge] = []
        for charge in charges:
            bill = self._bill_before(charge, own, coverage_ids)
            if bill is not None and self._fits(bill, [charge]):
                bill.charges.append(charge)
            else:
                new.append(charge)
        for block in _by_day_and_provider(new):
            for part in self._parts(block):
                self._put(part, own, coverage_ids)

    def _bill_before(self, charge: CapturedCharge, own: list[Bill], coverage_ids: tuple[str, ...]) -> Bill | None:
        number = self._encounter.bill_of.get(charge.captured.charge_id)
        if number is None:
            return None
        known = next((bill for bill in self.bills if bill.number == number), None)
        if known is None:
            return self._begin(number, own, coverage_ids)
        return known if known in own else None

    def _begin(self, number: int, own: list[Bill], coverage_ids: tuple[str, ...]) -> Bill:
        bill = Bill(number=number, coverage_ids=coverage_ids)
        self.bills.append(bill)
        own.append(bill)
        return bill

    def _put(self, charges: list[CapturedCharge], own: list[Bill], coverage_ids: tuple[str, ...]) -> None:
        for bill in own:
            if self._fits(bill, charges):
                bill.charges += charges
                return
        self._begin(next(self._free), own, coverage_ids).charges += charges

    def _parts(self, block: list[CapturedCharge]) -> Iterable[list[CapturedCharge]]:
        """A block whole where it fits on one claim, otherwise as much of it as does."""
        part = Bill(number=0)
        for charge in block:
            if not self._fits(part, [charge]):
                yield part.charges
                part = Bill(number=0)
            part.charges.append(charge)
        yield part.charges

    def _fits(self, bill: Bill, charges: list[CapturedCharge]) -> bool:
        kind = self._encounter.kind
        if kind == "institutional" or not bill.charges:
            return True
        together = [*bill.charges, *charges]
        diagnoses = _pointed_at(together, self._codes, self._encounter)
        return len(together) <= LINES_MAX[kind] and len(diagnoses) <= DIAGNOSES_MAX[kind]


def _pointed_at(charges: Iterable[CapturedCharge], codes: tuple[str, ...], encounter: Encounter) -> set[str]:
    return {code for charge in charges for code in supporting(charge, codes, encounter)}


def _by_day_and_provider(charges: Sequence[CapturedCharge]) -> list[list[CapturedCharge]]:
    """Blocks in the order in which each day and provider is first met."""
    met: dict[tuple[object, str], list[CapturedCharge]] = {}
    for charge in charges:
        met.setdefault((charge.captured.service_on, charge.captured.rendering_reference), []).append(charge)
    return list(met.values())
