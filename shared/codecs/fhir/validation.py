"""Does a resource have the form that FHIR R4 gives it?

Source: FHIR R4 as `fhir.resources` models it (its R4B module; the billing resources are those of R4). That library
raises more kinds of errors than its own, so everything is caught, and its texts, which may quote a value, are replaced.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from shared.codecs.fhir.findings import Findings, IssueType

Location = tuple[int | str, ...]

_PROPERTY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_RULES = {
    "missing": (IssueType.REQUIRED, "is required"),
    "extra_forbidden": (IssueType.STRUCTURE, "is no element of this resource"),
    "list_type": (IssueType.STRUCTURE, "is a list"),
    "string_type": (IssueType.VALUE, "is a text"),
    "bool_type": (IssueType.VALUE, "is true or false"),
    "int_type": (IssueType.VALUE, "is a whole number"),
    "fhir-validation-wrong-resource-type": (IssueType.STRUCTURE, "names another resource type than stands here"),
}
ERRORS_REPORTED_MAX = 50


def validate(resource: Mapping[str, object], resource_type: str, place: str, findings: Findings) -> bool:
    """Whether the resource has the form of its type; every broken rule becomes an error."""
    try:
        _model(resource_type)(resource)
    except Exception as error:  # noqa: BLE001 - ValidationError, TypeError, ValueError, KeyError and RecursionError occur
        _report(error, place, findings)
        return False
    return True


@lru_cache(maxsize=64)
def _model(resource_type: str) -> Callable[[Mapping[str, object]], object]:
    # Imported when the first resource comes: the library takes a third of a second to load.
    from fhir.resources.R4B import get_fhir_model_class

    model: Callable[[Mapping[str, object]], object] = get_fhir_model_class(resource_type).model_validate
    return model


def _report(error: Exception, place: str, findings: Findings) -> None:
    details = _details(error)
    for kind, location in details[:ERRORS_REPORTED_MAX]:
        code, rule = _RULES.get(kind, (IssueType.VALUE, "does not have the form that FHIR R4 gives it"))
        findings.error(_path(place, location), rule, code)
    if not details:
        findings.error(place, "does not have the form that FHIR R4 gives it", IssueType.STRUCTURE)


def _details(error: Exception) -> Sequence[tuple[str, Location]]:
    """Kind and location of each broken rule of a pydantic error; nothing for any other exception."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return ()
    return [(detail["type"], detail["loc"]) for detail in error.errors(include_url=False, include_input=False)]


def _path(place: str, location: Location) -> str:
    """A FHIRPath. A name that the sender made up is not quoted: it could be anything."""
    path = place
    for part in location[:-1] if location[-1:] == ("root",) else location:  # pydantic's name for a value as a whole
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            name = part.removesuffix("_fhir")
            path += f".{name if _PROPERTY.fullmatch(name) else '(unknown)'}"
    return path
