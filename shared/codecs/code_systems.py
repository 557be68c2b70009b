"""Which code system does a code belong to, whatever its sender calls it?

Sources: CMS (HCPCS, ICD-10), NCHS (ICD-10-CM), FDA (NDC) for the forms of codes; the names are those of no standard
in particular, since HL7 v2 (table 0396) and FHIR (URIs) each have their own.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class CodeSystem(StrEnum):
    CPT = "CPT"
    HCPCS = "HCPCS"
    ICD_10_CM = "ICD-10-CM"
    ICD_10 = "ICD-10"  # of the WHO, without the clinical modification that claims need
    ICD_10_PCS = "ICD-10-PCS"
    ICD_9_CM = "ICD-9-CM"
    SNOMED = "SNOMED"
    NDC = "NDC"
    CVX = "CVX"
    LOINC = "LOINC"
    RXNORM = "RxNorm"
    LOCAL = "LOCAL"
    OTHER = "OTHER"  # named, and not one of these
    UNSTATED = "UNSTATED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A code counts only together with its system. `code` is as sent; `bare` is how claims print it."""

    code: str
    system: CodeSystem
    system_sent: str = ""
    text: str = ""

    @property
    def bare(self) -> str:
        """ICD codes without the dot."""
        is_icd = self.system in (CodeSystem.ICD_10_CM, CodeSystem.ICD_9_CM, CodeSystem.ICD_10_PCS)
        return self.code.replace(".", "").upper() if is_icd else self.code


_CPT = re.compile(r"\d{4}[0-9FTU]", re.ASCII)
_HCPCS = re.compile(r"[A-V]\d{4}", re.ASCII)
_ICD_10_CM = re.compile(r"[A-Z]\d[0-9A-Z](?:\.?[0-9A-Z]{1,4})?", re.ASCII)
_ICD_9_CM_DOTTED = re.compile(r"(?:\d{3}|V\d\d)\.\d{1,2}|E\d{3}\.\d", re.ASCII)
_ICD_10_CM_DOTTED = re.compile(r"[A-Z]\d[0-9A-Z]\.[0-9A-Z]{1,4}", re.ASCII)
_ICD_9_CM_PLAIN = re.compile(r"\d{3}\.?\d{0,2}", re.ASCII)


def procedure_system_by_form(code: str) -> CodeSystem:
    """Where no system is named, CPT and HCPCS Level II codes differ by their letters."""
    if _CPT.fullmatch(code):
        return CodeSystem.CPT
    return CodeSystem.HCPCS if _HCPCS.fullmatch(code) else CodeSystem.UNSTATED


def diagnosis_system_by_form(code: str) -> CodeSystem:
    """Where no system is named, ICD-10-CM begins with a letter and ICD-9-CM mostly does not."""
    if _ICD_10_CM.fullmatch(code):
        return CodeSystem.ICD_10_CM
    return CodeSystem.ICD_9_CM if _ICD_9_CM_PLAIN.fullmatch(code) else CodeSystem.UNSTATED


def looks_like_diagnosis(code: str) -> bool:
    """A dotted ICD code: no charge or procedure code has this form."""
    return bool(_ICD_9_CM_DOTTED.fullmatch(code) or _ICD_10_CM_DOTTED.fullmatch(code))
