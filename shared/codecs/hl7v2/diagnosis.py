"""Which diagnoses and procedures were coded, and in which code system?

Source: HL7 v2.8 chapter 6, DG1 and PR1; tables 0052 (diagnosis type), 0206 (action).
Traps seen in real feeds: SNOMED where a claim needs ICD-10-CM, ICD-9-CM years after its end, no code system at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.codecs.code_systems import Code, CodeSystem, diagnosis_system_by_form, procedure_system_by_form
from shared.codecs.hl7v2.findings import ErrorCode, Findings, shown
from shared.codecs.hl7v2.message import Segment
from shared.codecs.hl7v2.reader import SegmentReader
from shared.codecs.hl7v2.values import Provider, code_system_of
from shared.codecs.moments import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    place: str  # "DG1[2]"
    code: Code  # DG1-3, with the system of DG1-2 when DG1-3 names none
    type: str  # DG1-6: A admitting, W working, F final
    diagnosed_at: Moment | None  # DG1-5
    priority: int | None  # DG1-15: 1 is the principal diagnosis
    present_on_admission: str  # DG1-26
    is_deleted: bool  # DG1-21 is D


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedProcedure:
    place: str  # "PR1"
    code: Code  # PR1-3, with the system of PR1-2 when PR1-3 names none
    performed_at: Moment | None  # PR1-5
    modifiers: tuple[str, ...]  # PR1-16
    performers: tuple[Provider, ...]  # PR1-11, else PR1-12
    priority: int | None  # PR1-14
    is_deleted: bool  # PR1-20 is D


def read_diagnoses(segments: Sequence[Segment], findings: Findings) -> tuple[Diagnosis, ...]:
    """Every DG1 that holds a code, in the order of the message."""
    readers = (SegmentReader(segment, findings) for segment in segments if segment.name == "DG1")
    return tuple(diagnosis for reader in readers if (diagnosis := _diagnosis(reader)))


def read_procedures(segments: Sequence[Segment], findings: Findings) -> tuple[CodedProcedure, ...]:
    """Every PR1 that holds a code, in the order of the message."""
    readers = (SegmentReader(segment, findings) for segment in segments if segment.name == "PR1")
    return tuple(procedure for reader in readers if (procedure := _procedure(reader)))


def read_diagnosis_codes(reader: SegmentReader, field: int) -> tuple[Code, ...]:
    """A field that repeats diagnosis codes (FT1-19), each with its system settled or complained about."""
    codes = reader.numbered_codes(field)
    return tuple(settled_diagnosis(reader, field, code, repetition=repetition) for repetition, code in codes)


def settled_diagnosis(reader: SegmentReader, field: int, code: Code, method: str = "", *, repetition: int = 1) -> Code:
    """The code with its system: as said, else by the coding method, else by the form of the code."""
    if code.system is CodeSystem.UNSTATED:
        system = code_system_of(method)
        if system is CodeSystem.UNSTATED:
            system = diagnosis_system_by_form(code.code.upper())
            reader.warn(
                field,
                f"no code system is named; read by its form as {system}",
                value=shown(code.code),
                repetition=repetition,
            )
        code = replace(code, system=system)
    if code.system is not CodeSystem.ICD_10_CM:
        reader.warn(
            field,
            "a claim needs ICD-10-CM; this diagnosis is in another code system and was kept as sent",
            ErrorCode.TABLE_VALUE_NOT_FOUND,
            f"{code.system} {shown(code.code)}",
            repetition=repetition,
        )
    return code


def settled_procedure(code: Code, method: str = "") -> Code:
    """The code with its system: as said, else by the coding method, else by the form of the code."""
    if code.system is not CodeSystem.UNSTATED:
        return code
    system = code_system_of(method)
    return replace(
        code, system=procedure_system_by_form(code.code.upper()) if system is CodeSystem.UNSTATED else system
    )


def _diagnosis(reader: SegmentReader) -> Diagnosis | None:
    code = reader.code(3)
    if code is None:
        reader.warn(3, "a diagnosis without a code was left out", ErrorCode.REQUIRED_FIELD_MISSING)
        return None
    return Diagnosis(
        place=str(reader.segment.at()),
        code=settled_diagnosis(reader, 3, code, reader.text(2)),
        type=reader.text(6).upper(),
        diagnosed_at=reader.moment(5),
        priority=_ordinal(reader, 15),
        present_on_admission=reader.text(26).upper(),
        is_deleted=reader.text(21).upper() == "D",
    )


def _procedure(reader: SegmentReader) -> CodedProcedure | None:
    code = reader.code(3)
    if code is None:
        reader.warn(3, "a procedure without a code was left out", ErrorCode.REQUIRED_FIELD_MISSING)
        return None
    return CodedProcedure(
        place=str(reader.segment.at()),
        code=settled_procedure(code, reader.text(2)),
        performed_at=reader.moment(5),
        modifiers=tuple(modifier.code for modifier in reader.codes(16)),
        performers=reader.providers(11) or reader.providers(12),
        priority=_ordinal(reader, 14),
        is_deleted=reader.text(20).upper() == "D",
    )


def _ordinal(reader: SegmentReader, field: int) -> int | None:
    text = reader.text(field)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else None
