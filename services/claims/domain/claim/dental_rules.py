"""What is wrong with a dental claim, beside what is wrong with any?

Only the form of CDT codes is known: the list is licensed. Source: ASC X12N 005010X224A2 limits, in our own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from services.claims.domain.claim.rule import Found, Rule, error
from shared.events.claim_kinds import ClaimKind
from shared.events.claims import ClaimCreated
from shared.kernel.code_forms import ORAL_AREAS, SURFACES, is_cdt, is_tooth

DIAGNOSES_MAX = 4
TEETH_MAX = 32
SURFACES_MAX = 5
ORAL_AREAS_MAX = 5
MISSING_TEETH_MAX = 35

_DIAGNOSIS = re.compile(r"[A-Z][0-9][0-9A-Z][0-9A-Z]{0,4}")
_KIND: ClaimKind = "dental"


def _codes(claim: ClaimCreated, _: date) -> Iterator[Found]:
    for number, line in enumerate(claim.services.lines, start=1):
        if not is_cdt(line.procedure_code):
            message = "a dental line has a CDT code, D and four digits"
            yield Found(place=f"lines[{number}].procedure_code", message=message, value=line.procedure_code)


def _teeth(claim: ClaimCreated, _: date) -> Iterator[Found]:
    for number, line in enumerate(claim.services.lines, start=1):
        teeth = line.dental.teeth if line.dental else ()
        place = f"lines[{number}].teeth"
        if len(teeth) > TEETH_MAX or len({tooth.code for tooth in teeth}) != len(teeth):
            yield Found(place=place, message="a tooth is named once, at most 32 on a line", value=str(len(teeth)))
        for tooth in teeth:
            if not is_tooth(tooth.code):
                yield Found(place=place, message="not a tooth: 1 to 32, A to T, or supernumerary", value=tooth.code)
            surfaces = tooth.surfaces
            if len(surfaces) > SURFACES_MAX or len(set(surfaces)) != len(surfaces) or not SURFACES.issuperset(surfaces):
                message = "surfaces are B, D, F, I, L, M or O, each once, at most five"
                yield Found(place=place, message=message, value="".join(surfaces))
    case = claim.services.dental
    missing = case.missing_teeth if case else ()
    for code in missing:
        if not is_tooth(code):
            yield Found(place="dental.missing_teeth", message="not a tooth: 1 to 32, A to T", value=code)
    if len(missing) > MISSING_TEETH_MAX or len(set(missing)) != len(missing):
        message = "a missing tooth is named once, at most 35"
        yield Found(place="dental.missing_teeth", message=message, value=str(len(missing)))


def _oral_areas(claim: ClaimCreated, _: date) -> Iterator[Found]:
    for number, line in enumerate(claim.services.lines, start=1):
        areas = line.dental.oral_areas if line.dental else ()
        if len(areas) > ORAL_AREAS_MAX or not ORAL_AREAS.issuperset(areas):
            message = "at most five of 00, 01, 02, 09, 10, 20, 30, 40, L, R"
            yield Found(place=f"lines[{number}].oral_areas", message=message, value=" ".join(areas))


def _prosthesis(claim: ClaimCreated, _: date) -> Iterator[Found]:
    for number, line in enumerate(claim.services.lines, start=1):
        if line.dental and line.dental.prosthesis == "R" and line.dental.prior_placement_on is None:
            message = "a replacement says when the one before was placed"
            yield Found(place=f"lines[{number}].prior_placement_on", message=message)


def _orthodontics(claim: ClaimCreated, _: date) -> Iterator[Found]:
    case = claim.services.dental
    if case is None:
        return
    months, left = case.orthodontic_months, case.orthodontic_months_left
    if left is not None and months is not None and left > months:
        message = "months left are a part of the months of treatment"
        yield Found(place="dental.orthodontic_months_left", message=message, value=str(left))


def _diagnoses(claim: ClaimCreated, _: date) -> Iterator[Found]:
    """A dental claim needs none; what it names is well formed, and pointed to."""
    diagnoses = claim.services.diagnoses
    if len(diagnoses) > DIAGNOSES_MAX or len(set(diagnoses)) != len(diagnoses):
        message = "a dental claim has at most 4 diagnoses, each once"
        yield Found(place="diagnoses", message=message, value=str(len(diagnoses)))
    for number, code in enumerate(diagnoses, start=1):
        if not _DIAGNOSIS.fullmatch(code):
            yield Found(place=f"diagnoses[{number}]", message="not an ICD-10-CM code without its dot", value=code)
    for number, line in enumerate(claim.services.lines, start=1):
        for pointer in line.diagnosis_pointers:
            if not 1 <= pointer <= len(diagnoses):
                message = "a pointer names a diagnosis of the claim"
                yield Found(place=f"lines[{number}].diagnosis_pointers", message=message, value=str(pointer))


RULES: tuple[Rule, ...] = (
    error("cdt-codes", _codes, "Enter the CDT code of the service.", _KIND),
    error("teeth", _teeth, "Correct the tooth or its surfaces.", _KIND),
    error("oral-areas", _oral_areas, "Correct the area of the mouth.", _KIND),
    error("prosthesis", _prosthesis, "Enter when the prosthesis that is replaced was placed.", _KIND),
    error("orthodontics", _orthodontics, "Correct the months of treatment.", _KIND),
    error("dental-diagnoses", _diagnoses, "Code at most four diagnoses, and point lines to them.", _KIND),
)
