"""What may one ask of a fee schedule?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, TypeAlias

from shared.events.contracts import FeeRate, RelativeValues
from shared.events.values import DocumentReference

Method: TypeAlias = Literal["amounts", "rvu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """What relative values are multiplied with, as exact decimal text: dollars for one unit, and the indices of the locality."""

    conversion_factor: str
    work_gpci: str
    expense_gpci: str
    malpractice_gpci: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFeeSchedule:
    """Take in the prices of some dates of service. `factors` belong to relative values and to nothing else."""

    schedule_id: str
    name: str
    effective_from: date
    effective_to: date | None
    amounts: tuple[FeeRate, ...] = ()
    relative_values: tuple[RelativeValues, ...] = ()
    factors: Factors | None = None
    source: DocumentReference
    loaded_by: str

    @property
    def method(self) -> Method:
        return "amounts" if self.factors is None else "rvu"


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawFeeSchedule:
    """A version was wrong."""

    version: int
    reason: str
    withdrawn_by: str


FeeScheduleCommand: TypeAlias = LoadFeeSchedule | WithdrawFeeSchedule
