"""Is this JSON, small and shallow enough, and with numbers as exact as they were written?

Source: RFC 8259; FHIR R4 (decimal: precision counts, and never a binary float; property names are unique).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

from shared.codecs.fhir.findings import FhirError, Finding, IssueType

DIGITS_MAX = 40
ROOT = "$this"  # the place of the whole document, in FHIRPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of a document we are willing to read."""

    document_bytes: int = 32 * 1024 * 1024
    depth: int = 60
    entries: int = 20_000


LIMITS = Limits()


def parse_json(data: bytes, limits: Limits = LIMITS) -> Mapping[str, object]:
    """The JSON object in these bytes, decimals as Decimal. Raises FhirError and nothing else."""
    if len(data) > limits.document_bytes:
        raise unreadable(
            f"a document holds at most {limits.document_bytes} bytes", IssueType.TOO_COSTLY, str(len(data))
        )
    try:
        parsed = json.loads(
            data.decode("utf-8-sig"),
            parse_float=_decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique_names,
        )
    except UnicodeDecodeError:
        raise unreadable("FHIR JSON is UTF-8") from None
    except json.JSONDecodeError as error:
        raise unreadable("not JSON", value=f"line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise unreadable(f"a document is nested at most {limits.depth} deep", IssueType.TOO_COSTLY) from None
    except ValueError as error:  # ours, and a whole number of too many digits
        rule = str(error) if isinstance(error, _Refused) else "a number has too many digits"
        raise unreadable(rule) from None
    if not isinstance(parsed, dict):
        raise unreadable("a FHIR document is one JSON object")
    if _is_deeper_than(parsed, limits.depth):
        raise unreadable(f"a document is nested at most {limits.depth} deep", IssueType.TOO_COSTLY)
    return parsed


def unreadable(rule: str, code: IssueType = IssueType.STRUCTURE, value: str = "") -> FhirError:
    return FhirError([Finding(place=ROOT, rule=rule, code=code, value=value)])


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > DIGITS_MAX or len(number.as_tuple().digits) > DIGITS_MAX:
        raise _Refused(f"a decimal has at most {DIGITS_MAX} digits")
    return number


class _Refused(ValueError):
    """JSON that Python reads and FHIR forbids."""


def _refuse_constant(_: str) -> NoReturn:
    raise _Refused("NaN and Infinity are no JSON numbers")


def _unique_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    named = dict(pairs)
    if len(named) < len(pairs):
        raise _Refused("a property name comes once in an object")
    return named


def _is_deeper_than(document: object, depth: int) -> bool:
    """Level by level, so that no depth can exhaust the stack."""
    level: list[object] = [document]
    for _ in range(depth):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return False
    return True


def _children(parent: object) -> list[object]:
    if isinstance(parent, dict):
        values = list(parent.values())
    elif isinstance(parent, list):
        values = parent
    else:
        return []
    return [value for value in values if isinstance(value, dict | list)]
