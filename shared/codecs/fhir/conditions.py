"""Under which condition is an entry of a transaction to be written?

A resource is known here by its identifiers: writing one again is the same resource, stated anew. So an update by one of its own identifiers
is what happens anyway; a create only if there is none is kept for patients, whose registration a create must not overwrite. Every other
condition would be ignored, and is refused instead. Source: FHIR R4, conditional create and conditional update, Bundle.entry.request.
"""

from __future__ import annotations

from urllib.parse import unquote

from shared.codecs.fhir.element import Element
from shared.codecs.fhir.findings import Findings, IssueType
from shared.codecs.fhir.values import identifiers

CREATED_IF_NONE = frozenset({"Patient"})
_VERSIONED = ("ifMatch", "ifNoneMatch", "ifModifiedSince")
_BY_IDENTIFIER = "is identifier=system|value with one of the resource's own identifiers, and nothing else"


def is_only_if_none(entry: Element, findings: Findings) -> bool:
    """Whether the entry's resource is to be left as it is where there is one. What is not honoured is an error."""
    request, resource = entry.child("request"), entry.child("resource")
    if request is None or resource is None:
        return False
    for name in _VERSIONED:
        if request.text(name):
            rule = "a resource has no version here that a write could depend on; leave it out"
            findings.error(request.at(name), rule, IssueType.NOT_SUPPORTED)
    _check_update(request, resource, findings)
    return _is_create(request, resource, findings)


def _check_update(request: Element, resource: Element, findings: Findings) -> None:
    type_, separator, query = request.text("url").partition("?")
    if request.text("method") != "PUT" or not separator:
        return
    if type_ != resource.text("resourceType") or not _names_its_own(query, resource):
        findings.error(request.at("url"), f"a conditional update {_BY_IDENTIFIER}", IssueType.NOT_SUPPORTED)


def _is_create(request: Element, resource: Element, findings: Findings) -> bool:
    query = request.text("ifNoneExist")
    if not query:
        return False
    type_ = resource.text("resourceType")
    if type_ not in CREATED_IF_NONE:
        rule = (
            f"a conditional create is taken for {', '.join(sorted(CREATED_IF_NONE))} only; "
            "any other resource is known by its identifiers, and writing it again is the same resource"
        )
        findings.error(request.at("ifNoneExist"), rule, IssueType.NOT_SUPPORTED)
        return False
    if request.text("method") != "POST" or not _names_its_own(query.removeprefix("?"), resource):
        rule = f"a conditional create is a POST whose condition {_BY_IDENTIFIER}"
        findings.error(request.at("ifNoneExist"), rule, IssueType.NOT_SUPPORTED)
        return False
    return True


def _names_its_own(query: str, resource: Element) -> bool:
    name, _, token = query.partition("=")
    system, bar, number = unquote(token).rpartition("|")
    if name != "identifier" or "&" in token or not bar:
        return False
    return any((each.system, each.number) == (system, number) for each in identifiers(resource))
