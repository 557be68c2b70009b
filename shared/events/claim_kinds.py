"""What do hospital and dental bills say beside what every bill says?

Codes are as the UB-04 and the 837 print them (ICD-10-PCS without a point); only their form is known here, because the lists of the
NUBC and the ADA are licensed and not shipped. Amounts are integer cents, times are HHMM.
Sources: ASC X12N 005010X223A2 (837I) and 005010X224A2 (837D).
"""

from __future__ import annotations

from datetime import date
from typing import Literal, TypeAlias

from msgspec import Struct

ClaimKind: TypeAlias = Literal["professional", "institutional", "dental"]


class Occurrence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    code: str  # two characters
    occurred_on: date


class OccurrenceSpan(Struct, frozen=True, kw_only=True, omit_defaults=True):
    code: str  # two characters
    first_on: date
    last_on: date


class ValueAmount(Struct, frozen=True, kw_only=True, omit_defaults=True):
    code: str  # two characters
    amount_cents: int


class HospitalStay(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The visit as an institutional claim tells of it. An outpatient visit is a stay too, with fewer words."""

    bill_type: str = ""  # facility and care, "11" or "13": the claim's frequency is the third digit of what is printed
    statement_from_on: date | None = None
    statement_through_on: date | None = None
    admitted_on: date | None = None
    admitted_time: str = ""
    admission_type: str = ""  # CL101: 1 emergency, 2 urgent, 3 elective, 4 newborn, 5 trauma, 9
    admission_source: str = ""  # CL102
    discharged_time: str = ""
    patient_status: str = ""  # CL103: 01 home, 30 still a patient …
    occurrences: tuple[Occurrence, ...] = ()
    spans: tuple[OccurrenceSpan, ...] = ()
    values: tuple[ValueAmount, ...] = ()
    conditions: tuple[str, ...] = ()  # condition codes, two characters


class PresentOnAdmission(Struct, frozen=True, kw_only=True, omit_defaults=True):
    code: str  # a diagnosis of the claim
    indicator: Literal["Y", "N", "U", "W"]


class HospitalProcedure(Struct, frozen=True, kw_only=True, omit_defaults=True):
    code: str  # ICD-10-PCS, seven characters
    performed_on: date


class HospitalCoding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a hospital's coder says beside the principal and other diagnoses."""

    present_on_admission: tuple[PresentOnAdmission, ...] = ()  # a diagnosis that is not named is exempt
    admitting_diagnosis: str = ""
    reasons_for_visit: tuple[str, ...] = ()  # outpatient, at most three
    external_causes: tuple[str, ...] = ()
    procedures: tuple[HospitalProcedure, ...] = ()  # the principal one first
    drg: str = ""

    def was_present(self, diagnosis: str) -> str:
        """The indicator of a diagnosis; empty when it is exempt."""
        return next((each.indicator for each in self.present_on_admission if each.code == diagnosis), "")


class Tooth(Struct, frozen=True, kw_only=True, omit_defaults=True):
    code: str  # 1 to 32, A to T; supernumerary 51 to 82, AS to TS
    surfaces: tuple[str, ...] = ()  # M mesial, O occlusal, D distal, B buccal, L lingual, F facial, I incisal


class DentalService(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where in the mouth a dental service was done."""

    teeth: tuple[Tooth, ...] = ()
    oral_areas: tuple[str, ...] = ()  # SV304: 00 whole mouth, 01 upper, 02 lower, 10 20 30 40 quadrants
    prosthesis: Literal["", "I", "R"] = ""  # initial or replacement
    prior_placement_on: date | None = None  # of the prosthesis that is replaced


class DentalCase(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a dental claim tells of the whole treatment."""

    orthodontic_months: int | None = None  # of treatment, in all
    orthodontic_months_left: int | None = None
    appliance_placed_on: date | None = None
    missing_teeth: tuple[str, ...] = ()
