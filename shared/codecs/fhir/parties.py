"""Who is the patient, who stands by, who gives care, and where?

Source: FHIR R4: Patient, RelatedPerson, Practitioner, Organization, Location.
"""

from dataclasses import dataclass
from datetime import date

from shared.codecs.fhir.findings import IssueType, shown
from shared.codecs.fhir.references import Reference, is_called_npi
from shared.codecs.fhir.resource import Origin, ResourceReader
from shared.codecs.fhir.values import (
    Address,
    Identifier,
    Period,
    PersonName,
    address_of,
    code_of,
    codes_of,
    name_of,
    telecom_of,
)
from shared.kernel.identifiers import is_npi

MEDICAL_RECORD_TYPES = ("MR", "PI", "PT", "")
NOT_A_RECORD_TYPES = ("SS", "SB", "DL", "PPN", "NI", "MB", "MC", "MA", "TAX")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Patient."""

    origin: Origin
    identifiers: tuple[Identifier, ...]
    name: PersonName | None
    birth_on: date | None
    gender: str  # male, female, other, unknown; empty: not said
    address: Address | None
    phone: str
    email: str
    language: str
    is_active: bool
    is_deceased: bool
    replaced_by: tuple[Reference, ...]  # Patient.link of type replaced-by: this record is given up for those
    replaces: tuple[Reference, ...]

    @property
    def record_number(self) -> Identifier | None:
        """The medical record number, else the first identifier that is no social security number or the like."""
        for type_ in MEDICAL_RECORD_TYPES:
            for identifier in self.identifiers:
                if identifier.type == type_:
                    return identifier
        return next((each for each in self.identifiers if each.type not in NOT_A_RECORD_TYPES), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedPerson:
    origin: Origin
    identifiers: tuple[Identifier, ...]
    patient: Reference
    relationships: tuple[str, ...]  # codes of v3-RoleCode and the like
    name: PersonName | None
    birth_on: date | None
    gender: str
    address: Address | None
    phone: str
    email: str
    period: Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Practitioner:
    origin: Origin
    identifiers: tuple[Identifier, ...]
    npi: str  # empty when there is none, or none whose check digit holds
    name: PersonName | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    origin: Origin
    identifiers: tuple[Identifier, ...]
    npi: str
    name: str
    type: str  # pay, prov, ins …
    address: Address | None
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    origin: Origin
    identifiers: tuple[Identifier, ...]
    name: str
    type: str
    managing_organization: Reference | None


def read_person(reader: ResourceReader) -> Person:
    root = reader.root
    person = Person(
        origin=reader.origin(),
        identifiers=reader.identifiers(),
        name=name_of(root),
        birth_on=_birth_on(reader),
        gender=_gender(reader),
        address=address_of(root),
        phone=telecom_of(root, "phone"),
        email=telecom_of(root, "email"),
        language=_language(reader),
        is_active=root.boolean("active") is not False,
        is_deceased=bool(root.boolean("deceasedBoolean")) or root.has("deceasedDateTime"),
        replaced_by=_links(reader, "replaced-by"),
        replaces=_links(reader, "replaces"),
    )
    if not person.identifiers and not person.origin.id:
        reader.error("identifier", "a patient has an identifier or an id", IssueType.REQUIRED)
    elif person.record_number is None:
        reader.warn("identifier", "no medical record number", IssueType.REQUIRED)
    if person.name is None:
        reader.warn("name", "the patient has no name here", IssueType.REQUIRED)
    return person


def read_related_person(reader: ResourceReader) -> RelatedPerson:
    root = reader.root
    relationships = tuple(code.code for concept in root.children("relationship") for code in codes_of(concept))
    return RelatedPerson(
        origin=reader.origin(),
        identifiers=reader.identifiers(),
        patient=reader.required_reference("patient", "Patient"),
        relationships=relationships,
        name=name_of(root),
        birth_on=_birth_on(reader),
        gender=_gender(reader),
        address=address_of(root),
        phone=telecom_of(root, "phone"),
        email=telecom_of(root, "email"),
        period=reader.period("period"),
    )


def read_practitioner(reader: ResourceReader) -> Practitioner:
    return Practitioner(
        origin=reader.origin(), identifiers=reader.identifiers(), npi=_npi(reader), name=name_of(reader.root)
    )


def read_organization(reader: ResourceReader) -> Organization:
    root = reader.root
    return Organization(
        origin=reader.origin(),
        identifiers=reader.identifiers(),
        npi=_npi(reader),
        name=root.text("name"),
        type=code_of(root, "type"),
        address=address_of(root),
        phone=telecom_of(root, "phone"),
    )


def read_location(reader: ResourceReader) -> Location:
    return Location(
        origin=reader.origin(),
        identifiers=reader.identifiers(),
        name=reader.root.text("name"),
        type=code_of(reader.root, "type"),
        managing_organization=reader.reference("managingOrganization", "Organization"),
    )


def _birth_on(reader: ResourceReader) -> date | None:
    moment = reader.moment("birthDate")
    return moment.on if moment else None


def _gender(reader: ResourceReader) -> str:
    gender = reader.root.text("gender")
    if gender and gender not in ("male", "female", "other", "unknown"):
        reader.warn("gender", "is one of male, female, other, unknown", IssueType.CODE_INVALID)
    return gender


def _language(reader: ResourceReader) -> str:
    communications = reader.root.children("communication")
    preferred = [each for each in communications if each.boolean("preferred")] or list(communications)
    return code_of(preferred[0], "language") if preferred else ""


def _links(reader: ResourceReader, type_: str) -> tuple[Reference, ...]:
    links = (link for link in reader.root.children("link") if link.text("type") == type_)
    found = (reader.reference("other", "Patient", "RelatedPerson", of=link) for link in links)
    return tuple(reference for reference in found if reference)


def _npi(reader: ResourceReader) -> str:
    called = [identifier.number for identifier in reader.identifiers() if is_called_npi(identifier)]
    npi = next((number for number in called if is_npi(number)), "")
    if called and not npi:
        rule = "an NPI has ten digits, begins with 1 or 2, and its check digit holds; kept as a plain identifier"
        reader.warn("identifier", rule, IssueType.VALUE, shown(called[0]))
    return npi
