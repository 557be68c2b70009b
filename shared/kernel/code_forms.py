"""What do codes of hospitals and dentists look like? Their form only: the lists of the NUBC and the ADA are licensed and not shipped.

Sources: ASC X12N 005010X223A2 and 005010X224A2, 45 CFR 162.1002.
"""

from __future__ import annotations

import re

_BILL_TYPE = re.compile(r"[1-9][1-9]")  # facility and care
_INPATIENT = frozenset(("11", "12", "18", "21", "22", "28", "41", "65", "66", "86"))
_ADMITTED = frozenset(("11", "18", "21", "41"))
_REVENUE_CODE = re.compile(r"[0-9]{4}")
_TOTAL = "0001"  # the sum that a printed bill ends with: no line
_PATIENT_STATUS = re.compile(r"[0-9]{2}")
_TIME = re.compile(r"([01][0-9]|2[0-3])[0-5][0-9]")
_ICD_10_PCS = re.compile(r"[0-9A-HJ-NP-Z]{7}")
_CDT = re.compile(r"D[0-9]{4}")
_TOOTH = re.compile(r"[1-9]|[12][0-9]|3[0-2]|5[1-9]|[67][0-9]|8[0-2]|[A-T]S?")
SURFACES = frozenset("BDFILMO")
ORAL_AREAS = frozenset(("00", "01", "02", "09", "10", "20", "30", "40", "L", "R"))


def is_bill_type(code: str) -> bool:
    """Facility and care, the two digits before the frequency."""
    return _BILL_TYPE.fullmatch(code) is not None


def is_inpatient_bill(code: str) -> bool:
    """Whether a type of bill (facility and care) is of an inpatient."""
    return code in _INPATIENT


def has_admission_hour(code: str) -> bool:
    """Whether a type of bill is of a stay that begins with an admission and ends with a discharge."""
    return code in _ADMITTED


def is_revenue_code(code: str) -> bool:
    """Four digits, of a line."""
    return _REVENUE_CODE.fullmatch(code) is not None and code != _TOTAL


def is_patient_status(code: str) -> bool:
    return _PATIENT_STATUS.fullmatch(code) is not None


def is_time(text: str) -> bool:
    """HHMM."""
    return _TIME.fullmatch(text) is not None


def is_icd_10_pcs(code: str) -> bool:
    return _ICD_10_PCS.fullmatch(code) is not None


def is_cdt(code: str) -> bool:
    return _CDT.fullmatch(code) is not None


def is_tooth(code: str) -> bool:
    """A tooth of the universal numbering: permanent 1 to 32, primary A to T, supernumerary 51 to 82 and AS to TS."""
    return _TOOTH.fullmatch(code) is not None
