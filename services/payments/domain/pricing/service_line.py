"""What must be known of a line to price it, and which of its words change its price?

Sources: CMS place of service codes and the places at which Medicare pays the facility rate (Claims Processing Manual, chapter 12,
20.4.2); modifiers as CPT and HCPCS define them, in our own words. A modifier that is neither part of a schedule's price nor known to
leave it alone makes the line one that is not priced: guessing would open disputes that the practice loses.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal, TypeAlias

Place: TypeAlias = Literal["facility", "non-facility"]

_FACILITIES = frozenset("02 19 21 22 23 24 26 31 34 41 42 51 52 53 56 61".split())
# They say where, why or for whom, and leave the price of the service alone.
WITHOUT_EFFECT = frozenset(
    """24 25 27 33 57 58 59 76 77 79 90 91 93 95 99 E1 E2 E3 E4 F1 F2 F3 F4 F5 F6 F7 F8 F9 FA T1 T2 T3 T4 T5 T6 T7 T8 T9 TA
    LT RT LC LD LM RC RI XE XP XS XU GA GC GN GO GP GQ GT GX GY GZ KX PT Q5 Q6 QW""".split()
)
BILATERAL = "50"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLine:
    """One line as it was charged. Unknown units are None, an unknown place is empty."""

    line_id: str
    service_on: date
    procedure_code: str
    modifiers: tuple[str, ...]
    units: Decimal | None
    place_of_service: str
    charged_cents: int
    revenue_code: str = ""  # of a hospital's line

    @property
    def place(self) -> Place | None:
        if not self.place_of_service:
            return None
        return "facility" if self.place_of_service in _FACILITIES else "non-facility"

    @property
    def pricing_modifiers(self) -> tuple[str, ...]:
        """Those that may change the price, sorted."""
        return tuple(sorted(set(self.modifiers) - WITHOUT_EFFECT))
