"""What is known of a patient, whichever of their registrations is named?

A merge is an alias: what was told under a retired registration counts for the survivor, and the other way round. States are read from
the streams themselves, so that nothing is missed that was committed before.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from services.eligibility.domain.coverage_selection.commands import KnownPatient
from services.eligibility.domain.patient.state import Patient

Registration: TypeAlias = tuple[str, Patient]
StateOf: TypeAlias = Callable[[str], Awaitable[Patient]]


async def registrations(state_of: StateOf, patient_id: str) -> list[Registration]:
    """The surviving registration first, then every one that was merged into it."""
    survivor = await _survivor(state_of, patient_id)
    found: list[Registration] = []
    waiting, seen = [survivor], {survivor}
    while waiting:
        each = waiting.pop(0)
        state = await state_of(each)
        found.append((each, state))
        waiting += [retired for retired in state.retired if retired not in seen]
        seen.update(state.retired)
    return found


async def _survivor(state_of: StateOf, patient_id: str) -> str:
    seen = {patient_id}
    while (into := (await state_of(patient_id)).merged_into) and into not in seen:
        patient_id = into
        seen.add(into)
    return patient_id


def known_patient(found: Sequence[Registration]) -> KnownPatient:
    """One patient out of their registrations. The survivor's word on who they are, and on the order, comes first."""
    states = [state for _, state in found]
    return KnownPatient(
        person=next((state.person for state in states if state.person is not None), None),
        coverages=tuple(coverage for state in states for coverage in state.coverages.values()),
        orders=tuple(order for state in reversed(states) for order in state.orders),
    )
