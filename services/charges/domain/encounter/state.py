"""What must the decider of an encounter remember?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import reduce
from typing import TypeAlias, assert_never

from shared.events.charges import (
    BillsChosen,
    ChargeCaptured,
    ChargeCredited,
    ChargePriced,
    ChargesGivenBack,
    ChargesHandedOver,
    ChargesHeld,
    ChargesReleased,
    ChargesTakenIn,
    ChosenBill,
    CodingQueried,
    DiagnosesCoded,
    EditFailed,
    EditOverridden,
    EncounterCancelled,
    EncounterChanged,
    EncounterOpened,
    JoinedCharges,
    JoiningRefused,
    VisitBilledWith,
    VisitsJoined,
)
from shared.events.claim_kinds import ClaimKind, DentalCase, HospitalCoding, HospitalStay

EncounterEvent: TypeAlias = (
    EncounterOpened
    | EncounterChanged
    | EncounterCancelled
    | ChargeCaptured
    | ChargePriced
    | ChargeCredited
    | DiagnosesCoded
    | EditFailed
    | EditOverridden
    | BillsChosen
    | VisitsJoined
    | VisitBilledWith
    | JoiningRefused
    | ChargesHandedOver
    | ChargesTakenIn
    | ChargesGivenBack
    | ChargesHeld
    | ChargesReleased
    | CodingQueried
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturedCharge:
    """A charge with what was taken back of it."""

    captured: ChargeCaptured
    procedure_code: str
    charged_cents: int | None
    revenue_code: str = ""
    credited_units: Decimal = Decimal(0)
    credited_cents: int = 0
    joined_from: str = ""  # the visit that handed it over; empty: this visit's own

    @property
    def units_left(self) -> Decimal:
        return Decimal(self.captured.units) - self.credited_units

    @property
    def cents_left(self) -> int:
        return (self.charged_cents or 0) - self.credited_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class Encounter:
    opened: EncounterOpened | None = None
    visit_class: str = ""
    facility_reference: str = ""
    attending_reference: str = ""
    is_cancelled: bool = False
    charges: dict[str, CapturedCharge] = field(default_factory=dict)  # by charge id, in the order captured
    source_keys: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()  # charge ids of procedures that the sender charged by itself
    diagnoses: tuple[str, ...] = ()
    kind: ClaimKind = "professional"
    operating_reference: str = ""
    stay: HospitalStay | None = None
    coding: HospitalCoding | None = None
    dental: DentalCase | None = None
    overridden: frozenset[str] = frozenset()  # rules
    failed: frozenset[str] = frozenset()  # rules of the last failed edits
    held: ChargesHeld | None = None
    chosen: tuple[ChosenBill, ...] = ()
    bill_of: dict[str, int] = field(default_factory=dict)  # charge id to bill, as released since bills were chosen
    released: dict[str, ChargesReleased] = field(default_factory=dict)  # the last of each bill, by its account
    line_numbers: dict[str, int] = field(default_factory=dict)  # by charge id, joined ones too, as first heard of
    joined: tuple[str, ...] = ()  # visits that go on this visit's bill
    leaving: tuple[str, ...] = ()  # visits that did, until the bills are restated without them
    taken_in: dict[str, JoinedCharges] = field(default_factory=dict)  # by the visit that handed them over
    heard: dict[str, int] = field(default_factory=dict)  # the last handing of each visit
    days_before_admission: int = 3
    billed_with: str = ""  # the visit whose bill has this one's charges
    handed_over: JoinedCharges | None = None  # last, since this visit is billed with that one
    handings: int = 0

    @property
    def release(self) -> int:
        return max((each.release for each in self.released.values()), default=0)

    def has_charge_for(self, procedure: ChargeCaptured) -> bool:
        """Whether what was done is charged already."""
        if not procedure.is_from_procedure:
            return False
        said = CapturedCharge(captured=procedure, procedure_code=procedure.code, charged_cents=None)
        return procedure.charge_id in self.replaced or any(
            is_charge_for(charge.captured, said) for charge in self.charges.values() if charge.units_left > 0
        )

    def state_with(self, events: Iterable[EncounterEvent]) -> Encounter:
        """This encounter once these events have happened too."""
        return reduce(evolve, events, self)


def is_charge_for(charge: ChargeCaptured, procedure: CapturedCharge) -> bool:
    """Whether a charge of the sender's is for this procedure: it names it, or has its code and day."""
    done = procedure.captured
    if charge.is_from_procedure or not done.is_from_procedure or procedure.units_left == 0:
        return False
    is_same = charge.service_on == done.service_on and charge.code in (done.code, procedure.procedure_code)
    return is_same or done.charge_id in charge.replaces


def evolve(state: Encounter, event: EncounterEvent) -> Encounter:
    match event:
        case EncounterOpened():
            return replace(
                state,
                opened=event,
                visit_class=event.visit_class,
                facility_reference=event.facility_reference,
                attending_reference=event.attending_reference,
                kind=event.kind,
                operating_reference=event.operating_reference,
                stay=event.stay,
                dental=event.dental,
            )
        case EncounterChanged():
            return replace(
                state,
                visit_class=event.visit_class or state.visit_class,
                facility_reference=event.facility_reference or state.facility_reference,
                attending_reference=event.attending_reference or state.attending_reference,
                kind=event.kind or state.kind,
                operating_reference=event.operating_reference or state.operating_reference,
                stay=event.stay or state.stay,
                dental=event.dental or state.dental,
            )
        case EncounterCancelled():
            return replace(state, is_cancelled=True, joined=(), leaving=())
        case ChargeCaptured():
            charge = CapturedCharge(
                captured=event,
                procedure_code=event.code,
                charged_cents=event.charged_cents,
                revenue_code=event.revenue_code,
            )
            return replace(
                state,
                charges={**state.charges, event.charge_id: charge},
                line_numbers=_numbered(state, [event.charge_id]),
                source_keys=state.source_keys | {event.source_key},
                replaced=state.replaced.union(event.replaces),
            )
        case ChargePriced():
            priced = replace(
                state.charges[event.charge_id],
                charged_cents=event.charged_cents,
                procedure_code=event.procedure_code,
                revenue_code=event.revenue_code or state.charges[event.charge_id].revenue_code,
            )
            return replace(state, charges={**state.charges, event.charge_id: priced})
        case ChargeCredited():
            before = state.charges[event.charge_id]
            after = replace(
                before,
                credited_units=before.credited_units + Decimal(event.units),
                credited_cents=before.credited_cents + event.credited_cents,
            )
            return replace(
                state,
                charges={**state.charges, event.charge_id: after},
                source_keys=state.source_keys | {event.source_key},
            )
        case DiagnosesCoded():
            return replace(state, diagnoses=event.diagnoses, coding=event.hospital or state.coding)
        case EditFailed():
            return replace(state, failed=frozenset(finding.rule for finding in event.findings))
        case EditOverridden():
            return replace(state, overridden=state.overridden | {event.rule})
        case BillsChosen():
            return replace(state, chosen=event.bills, bill_of={})
        case VisitsJoined():
            named = dict.fromkeys((*state.leaving, *state.joined))
            leaving = tuple(each for each in named if each not in event.encounter_ids)
            return replace(
                state,
                joined=event.encounter_ids,
                leaving=leaving,
                days_before_admission=event.days_before_admission,
            )
        case ChargesTakenIn():
            return replace(
                state,
                taken_in={**state.taken_in, event.from_encounter_id: event.charges},
                heard={**state.heard, event.from_encounter_id: event.charges.handing},
                line_numbers=_numbered(state, [line.charge_id for line in event.charges.lines]),
            )
        case ChargesGivenBack():
            return replace(
                state,
                leaving=tuple(each for each in state.leaving if each != event.to_encounter_id),
                taken_in={key: each for key, each in state.taken_in.items() if key != event.to_encounter_id},
            )
        case VisitBilledWith():
            return replace(state, billed_with=event.billed_with, handed_over=None, bill_of={})
        case ChargesHandedOver():
            return replace(
                state,
                handed_over=event.charges,
                handings=event.charges.handing,
                held=None,
                failed=frozenset(),
            )
        case ChargesHeld():
            return replace(state, held=event)
        case ChargesReleased():
            released = {**state.released, event.account_id: event}
            bill_of = {**state.bill_of, **{line.charge_id: event.bill for line in event.lines}}
            return replace(state, released=released, bill_of=bill_of, held=None, failed=frozenset())
        case CodingQueried() | JoiningRefused():
            return state
        case _:
            assert_never(event)


def _numbered(state: Encounter, charge_ids: Iterable[str]) -> dict[str, int]:
    numbers = dict(state.line_numbers)
    for charge_id in charge_ids:
        numbers.setdefault(charge_id, len(numbers) + 1)
    return numbers
