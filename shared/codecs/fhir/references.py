"""Which resource does a reference mean?

Source: FHIR R4, references and Bundle.entry.fullUrl: `urn:uuid:…` and absolute urls mean the entry of that fullUrl,
`Type/id` the entry of that resource, `#id` a contained resource. What stays outside the document keeps its url.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.codecs.fhir.element import Element
from shared.codecs.fhir.findings import Findings, IssueType, shown
from shared.codecs.fhir.values import NPI_SYSTEMS, Identifier, identifiers
from shared.kernel.identifiers import is_npi

NAMED_TYPES = ("Organization", "Location")  # whose names are not personal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Who or what is meant. `place` is set when the resource came along; `identifiers` are its own and the reference's."""

    url: str = ""  # as sent: `Patient/12`, `urn:uuid:…`, `https://…`, `#12`; empty when only identifier or display came
    type: str = ""
    id: str = ""  # logical id of the resource
    place: str = ""  # FHIRPath of the resource in this document
    identifiers: tuple[Identifier, ...] = ()
    name: str = ""  # of an organisation or a location, or the display of the reference

    @property
    def npi(self) -> str:
        """The first identifier that is called an NPI and is one."""
        numbers = (each.number for each in self.identifiers if is_called_npi(each))
        return next((number for number in numbers if is_npi(number)), "")


def is_called_npi(identifier: Identifier) -> bool:
    return identifier.system in NPI_SYSTEMS or identifier.type == "NPI"


@dataclass(slots=True)
class References:
    """The resources of one document by every name they can be called."""

    by_url: dict[str, Element] = field(default_factory=dict)

    def add(self, resource: Element, full_url: str) -> bool:
        """Register a resource; False when another has its fullUrl already."""
        is_new = full_url not in self.by_url
        if full_url:
            self.by_url.setdefault(full_url, resource)
        if resource.text("id"):
            self.by_url.setdefault(f"{resource.text('resourceType')}/{resource.text('id')}", resource)
        return is_new or not full_url

    def read(
        self, owner: Element, holder: Element, name: str, findings: Findings, types: Iterable[str] = ()
    ) -> Reference | None:
        """The reference in `holder.name` of the resource `owner`, or None when there is none."""
        element = holder.child(name)
        return self.resolve(owner, element, findings, types) if element else None

    def read_all(
        self, owner: Element, holder: Element, name: str, findings: Findings, types: Iterable[str] = ()
    ) -> tuple[Reference, ...]:
        return tuple(self.resolve(owner, element, findings, types) for element in holder.children(name))

    def resolve(self, owner: Element, element: Element, findings: Findings, types: Iterable[str] = ()) -> Reference:
        url = element.text("reference")
        target = self.target(owner, url)
        if target is None and url.startswith(("urn:", "#")):
            rule = "a reference by urn or # means a resource of the same document; there is none of that name"
            findings.error(element.at("reference"), rule, IssueType.NOT_FOUND)
        type_, id_ = (target.text("resourceType"), target.text("id")) if target else _type_and_id(url)
        type_ = type_ or element.text("type")
        if types and type_ and type_ not in types:
            findings.error(
                element.at("reference"), f"refers to {' or '.join(types)}", IssueType.BUSINESS_RULE, shown(type_)
            )
        return Reference(
            url=url,
            type=type_,
            id=id_,
            place=target.place if target else "",
            identifiers=identifiers(element) + _conditional(url) + self._identifiers_of(target),
            name=(target.text("name") if target and type_ in NAMED_TYPES else "") or element.text("display"),
        )

    def _identifiers_of(self, target: Element | None) -> tuple[Identifier, ...]:
        """Of the resource, and of the practitioner whose role it is."""
        if target is None:
            return ()
        practitioner = target.child("practitioner") if target.text("resourceType") == "PractitionerRole" else None
        if practitioner is None:
            return identifiers(target)
        person = self.target(target, practitioner.text("reference"))
        own = identifiers(target) + identifiers(practitioner) + _conditional(practitioner.text("reference"))
        return own + (identifiers(person) if person else ())

    def target(self, owner: Element, url: str) -> Element | None:
        """The resource that a url means from inside `owner`."""
        if url == "#":
            return owner
        if url.startswith("#"):
            contained = owner.children("contained")
            return next((each for each in contained if each.text("id") == url[1:]), None)
        unversioned = url.split("/_history/", 1)[0]
        return self.by_url.get(unversioned) if unversioned else None


def _type_and_id(url: str) -> tuple[str, str]:
    """Of `Type/id` at the end of a url."""
    if "?" in url:
        return url.split("?", 1)[0].rsplit("/", 1)[-1], ""
    parts = url.split("/_history/", 1)[0].rsplit("/", 2)
    return (parts[-2], parts[-1]) if len(parts) >= 2 and parts[-2][:1].isupper() else ("", "")


def _conditional(url: str) -> tuple[Identifier, ...]:
    """`Practitioner?identifier=system|number`, as bulk senders write it."""
    _, separator, token = url.partition("?identifier=")
    if not separator or "&" in token:
        return ()
    system, bar, number = token.rpartition("|")
    return (Identifier(number=number, system=system if bar else ""),) if number else ()
