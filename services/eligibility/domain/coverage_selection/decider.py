"""Which coverages answer for an account's date of service?

A coverage that its payer called inactive on that date holds the first choice for a person to look at; once a choice is made, claims may be
out, and an answer alone does not take it back.

Nothing is concluded from silence: `NoCoverageFound` is said of a registered patient only, and a coverage whose payer nobody listed holds
the choice rather than dropping out of it. The same coverages again are no news: an address that changed since is not a reason to bill
again. Only charges that are released, gaps that are filled and a person who asks for it take the demographics as they are now.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import structs

from services.eligibility.domain.coverage_selection.commands import SelectCoverage
from services.eligibility.domain.coverage_selection.order import Payable, in_order, order_in_force
from services.eligibility.domain.patient.state import is_active
from services.eligibility.domain.payer.directory import SELF_PAY
from shared.events.base import Sealed
from shared.events.eligibility import (
    CoverageAdded,
    CoverageOrderSet,
    CoverageSelected,
    CoverageSelectionHeld,
    NoCoverageFound,
)
from shared.events.values import CoverageSnapshot, Person
from shared.kernel.decider import Decider

SelectionEvent: TypeAlias = CoverageSelected | NoCoverageFound | CoverageSelectionHeld


def decide(command: SelectCoverage, latest: SelectionEvent | None) -> Sequence[SelectionEvent]:
    answer = _answer(command, latest)
    return [] if latest is not None and _says_the_same(answer, latest, command) else [answer]


def evolve(_latest: SelectionEvent | None, event: SelectionEvent) -> SelectionEvent:
    return event


coverage_selection: Decider[SelectCoverage, SelectionEvent, SelectionEvent | None] = Decider(
    decide=decide, evolve=evolve, initial=None
)


def _says_the_same(answer: SelectionEvent, latest: SelectionEvent, command: SelectCoverage) -> bool:
    if isinstance(latest, CoverageSelectionHeld) or type(answer) is not type(latest) or command.takes_demographics:
        return answer == latest
    return answer == structs.replace(latest, patient=command.patient.person)


def _answer(command: SelectCoverage, latest: SelectionEvent | None) -> SelectionEvent:
    person = command.patient.person
    if person is None:
        return _held(command, "patient-unknown")
    active = [coverage for coverage in command.patient.coverages if is_active(coverage, command.service_on)]
    if command.asked_for:
        active = [coverage for coverage in active if coverage.coverage_id in command.asked_for]
        ended = set(command.asked_for).difference(coverage.coverage_id for coverage in active)
        if ended:
            return _held(command, "coverage-inactive", tuple(sorted(ended)))
    payables, unknown = _resolved(command, active)
    if unknown:
        return _held(command, "unknown-payer", unknown)
    payables = [payable for payable in payables if payable.payer.filing_indicator != SELF_PAY]
    inactive = tuple(
        each.coverage.coverage_id for each in payables if each.coverage.coverage_id in command.called_inactive
    )
    if inactive and not command.accepts_inactive and not isinstance(latest, CoverageSelected):
        return _held(command, "coverage-inactive", tuple(sorted(inactive)))
    return _selected(command, person, payables) if payables else _none(command, person, bool(active))


def _resolved(command: SelectCoverage, active: Sequence[CoverageAdded]) -> tuple[list[Payable], tuple[str, ...]]:
    """The coverages whose payer is listed, and the references of those whose payer is not."""
    payables: list[Payable] = []
    unknown: set[str] = set()
    for coverage in active:
        payer = command.payers.find(coverage.payer_reference, coverage.payer_name)
        if payer is None:
            unknown.add(coverage.payer_reference or coverage.payer_name)
        else:
            payables.append(Payable(coverage=coverage, payer=payer))
    return payables, tuple(sorted(unknown))


def _selected(command: SelectCoverage, person: Sealed[Person], payables: Sequence[Payable]) -> CoverageSelected:
    order = order_in_force(command.patient.orders, command.service_on)
    ordered = in_order(payables, command.asked_for or (order.coverage_ids if order else ()))
    return CoverageSelected(
        account_id=command.account_id,
        encounter_id=command.encounter_id,
        patient_id=command.patient_id,
        service_on=command.service_on,
        asked_for=command.asked_for,
        coverages=tuple(_snapshot(command, payable, rank) for rank, payable in enumerate(ordered, start=1)),
        patient=person,
        reason=_reason(command, order),
    )


def _reason(command: SelectCoverage, order: CoverageOrderSet | None) -> str:
    if command.asked_for:
        return "named for the bill"
    return f"order set: {order.reason}" if order else "as ranked by the sender, Medicaid last"


def _snapshot(command: SelectCoverage, payable: Payable, rank: int) -> CoverageSnapshot:
    coverage, payer = payable.coverage, payable.payer
    return CoverageSnapshot(
        coverage_id=coverage.coverage_id,
        rank=rank,
        payer_id=payer.payer_id,
        payer_name=payer.name,
        payer_electronic_id=payer.electronic_id,
        filing_indicator=payer.filing_indicator,
        partner_id=payer.partner_id,
        relationship=coverage.relationship,
        member_number=coverage.member_number,
        group_number=coverage.group_number,
        subscriber=coverage.subscriber,
        authorization_number=command.authorization_numbers.get(payer.payer_id, ""),
        member_index=coverage.member_index,
    )


def _none(command: SelectCoverage, person: Sealed[Person], is_self_pay: bool) -> NoCoverageFound:
    return NoCoverageFound(
        account_id=command.account_id,
        encounter_id=command.encounter_id,
        patient_id=command.patient_id,
        service_on=command.service_on,
        asked_for=command.asked_for,
        patient=person,
        reason="registered as self-pay" if is_self_pay else "no coverage on the date of service",
    )


def _held(
    command: SelectCoverage,
    reason: Literal["patient-unknown", "unknown-payer", "coverage-inactive"],
    references: tuple[str, ...] = (),
) -> CoverageSelectionHeld:
    return CoverageSelectionHeld(
        account_id=command.account_id,
        encounter_id=command.encounter_id,
        patient_id=command.patient_id,
        service_on=command.service_on,
        asked_for=command.asked_for,
        reason=reason,
        references=references,
    )
