"""What do the data types of FHIR mean: a moment, an identifier, a name, a code, an amount?

Source: FHIR R4 data types and code system URIs. Money is exact: more than two decimals are a finding, never rounded.
"""

import re
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal

from shared.codecs.code_systems import Code, CodeSystem
from shared.codecs.fhir.element import Element
from shared.codecs.fhir.findings import Findings, IssueType, shown
from shared.codecs.moments import Moment
from shared.kernel.money import parse_cents

NPI_SYSTEMS = ("http://hl7.org/fhir/sid/us-npi", "urn:oid:2.16.840.1.113883.4.6")
CODE_SYSTEMS = {
    "http://www.ama-assn.org/go/cpt": CodeSystem.CPT,
    "urn:oid:2.16.840.1.113883.6.12": CodeSystem.CPT,
    "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": CodeSystem.HCPCS,
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": CodeSystem.HCPCS,
    "http://www.cms.hhs.gov/HCPCSReleaseCodeSets": CodeSystem.HCPCS,
    "urn:oid:2.16.840.1.113883.6.285": CodeSystem.HCPCS,
    "http://hl7.org/fhir/sid/icd-10-cm": CodeSystem.ICD_10_CM,
    "urn:oid:2.16.840.1.113883.6.90": CodeSystem.ICD_10_CM,
    "http://hl7.org/fhir/sid/icd-10": CodeSystem.ICD_10,
    "http://www.cms.gov/Medicare/Coding/ICD10": CodeSystem.ICD_10_PCS,
    "urn:oid:2.16.840.1.113883.6.4": CodeSystem.ICD_10_PCS,
    "http://hl7.org/fhir/sid/icd-9-cm": CodeSystem.ICD_9_CM,
    "urn:oid:2.16.840.1.113883.6.103": CodeSystem.ICD_9_CM,
    "http://snomed.info/sct": CodeSystem.SNOMED,
    "http://hl7.org/fhir/sid/ndc": CodeSystem.NDC,
    "http://hl7.org/fhir/sid/cvx": CodeSystem.CVX,
    "http://loinc.org": CodeSystem.LOINC,
    "http://www.nlm.nih.gov/research/umls/rxnorm": CodeSystem.RXNORM,
}
PROCEDURE_SYSTEMS = (CodeSystem.CPT, CodeSystem.HCPCS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """A number means something only with its system; `type` is a code of table 0203: MR, MB, SS, NPI, PRN …"""

    number: str
    system: str = ""
    type: str = ""

    @property
    def key(self) -> tuple[str, str]:
        return self.system, self.number


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonName:
    family: str = ""
    given: str = ""
    middle: str = ""
    suffix: str = ""
    prefix: str = ""
    text: str = ""  # as a whole, where the parts are not given


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    line_1: str = ""
    line_2: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    start: Moment | None = None
    end: Moment | None = None


def identifiers(element: Element, name: str = "identifier") -> tuple[Identifier, ...]:
    """Every identifier with a value."""
    found = []
    for each in element.children(name):
        kind = each.first("type")
        coding = kind.first("coding") if kind else None
        if each.text("value"):
            type_ = coding.text("code").upper() if coding else ""
            found.append(Identifier(number=each.text("value"), system=each.text("system"), type=type_))
    return tuple(found)


def name_of(element: Element) -> PersonName | None:
    """The official name where several are given, else the usual one, else the first; never an old one."""
    names = [each for each in element.children("name") if each.text("use") != "old"]
    ranked = sorted(names, key=lambda each: {"official": 0, "usual": 1, "": 2}.get(each.text("use"), 3))
    for each in ranked:
        given = each.texts("given")
        name = PersonName(
            family=each.text("family"),
            given=given[0] if given else "",
            middle=" ".join(given[1:]),
            suffix=" ".join(each.texts("suffix")),
            prefix=" ".join(each.texts("prefix")),
            text=each.text("text"),
        )
        if name != PersonName():
            return name
    return None


def address_of(element: Element) -> Address | None:
    """The home address where several are given, else the first; never an old one."""
    addresses = [each for each in element.children("address") if each.text("use") != "old"]
    ranked = sorted(addresses, key=lambda each: each.text("use") != "home")
    for each in ranked:
        lines = each.texts("line")
        address = Address(
            line_1=lines[0] if lines else "",
            line_2=" ".join(lines[1:]),
            city=each.text("city"),
            state=each.text("state"),
            postal_code=each.text("postalCode"),
            country=each.text("country"),
        )
        if address != Address():
            return address
    return None


def telecom_of(element: Element, system: str) -> str:
    """The first current phone number or email address."""
    entries = (each for each in element.children("telecom") if each.text("use") != "old")
    return next((each.text("value") for each in entries if each.text("system") == system and each.text("value")), "")


def codes_of(concept: Element | None) -> tuple[Code, ...]:
    """Every coding of a CodeableConcept."""
    if concept is None:
        return ()
    codings = (_code(coding) for coding in concept.children("coding"))
    return tuple(code for code in codings if code.code)


def code_of(element: Element, name: str) -> str:
    """The first code of a CodeableConcept or a Coding, without its system: for value sets of FHIR itself."""
    concept = element.first(name)
    if concept is None:
        return ""
    coding = concept.first("coding") or concept
    return coding.text("code")


def _code(coding: Element) -> Code:
    system = coding.text("system")
    known = CODE_SYSTEMS.get(system.split("|", 1)[0])
    return Code(
        code=coding.text("code"),
        system=known or (CodeSystem.OTHER if system else CodeSystem.UNSTATED),
        system_sent=system,
        text=coding.text("display"),
    )


def code_in(codes: tuple[Code, ...], *systems: CodeSystem) -> Code | None:
    """The code of the first of these systems that is there."""
    return next((code for system in systems for code in codes if code.system is system), None)


_DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?(?:Z|([+-])(\d\d):(\d\d))?)?", re.ASCII
)


def moment_of(element: Element, name: str, findings: Findings) -> Moment | None:
    """A date or dateTime. A year or month alone names no day: it is left out, with a finding."""
    text = element.text(name)
    if not text:
        return None
    match = _DATE_TIME.fullmatch(text)
    if not match:
        findings.warn(element.at(name), "a date names year, month and day here; left out", IssueType.VALUE)
        return None
    try:
        return _moment(*match.groups(), is_utc=text.endswith("Z"))
    except ValueError:
        findings.warn(element.at(name), "no such date; left out", IssueType.VALUE)
        return None


def _moment(
    year: str,
    month: str,
    day: str,
    hour: str | None,
    minute: str | None,
    second: str | None,
    fraction: str | None,
    sign: str | None,
    offset_hours: str | None,
    offset_minutes: str | None,
    *,
    is_utc: bool,
) -> Moment:
    on = date(int(year), int(month), int(day))
    if hour is None:
        return Moment(on=on)
    seconds = min(int(second or 0), 59)  # FHIR allows a leap second
    clock = time(int(hour), int(minute or 0), seconds, int((fraction or "").ljust(6, "0")))
    offset = 0 if is_utc else None
    if sign is not None:
        offset = (-1 if sign == "-" else 1) * (int(offset_hours or 0) * 60 + int(offset_minutes or 0))
    if offset is not None and abs(offset) > 14 * 60:
        raise ValueError("an offset from UTC is at most 14 hours")
    return Moment(on=on, clock=clock, offset_minutes=offset)


def period_of(element: Element, name: str, findings: Findings) -> Period:
    """A Period; one that ends before it begins is reported."""
    period = element.child(name)
    if period is None:
        return Period()
    start, end = moment_of(period, "start", findings), moment_of(period, "end", findings)
    if start and end and end.on < start.on:
        findings.warn(period.place, "a period ends before it begins", IssueType.INVARIANT)
    return Period(start=start, end=end)


def cents_of(element: Element, name: str, findings: Findings) -> int | None:
    """Money in whole US cents. What is not that is an error and no amount."""
    money = element.child(name)
    if money is None:
        return None
    currency = money.text("currency")
    if currency not in ("", "USD"):
        findings.error(money.at("currency"), "amounts are in US dollars", IssueType.VALUE, shown(currency))
        return None
    value = money.decimal("value")
    if value is None:
        findings.error(money.at("value"), "an amount has a value", IssueType.REQUIRED)
        return None
    try:
        return parse_cents(format(value, "f"))
    except ValueError:
        findings.error(money.at("value"), "an amount is whole cents: at most two decimals", IssueType.VALUE)
        return None


def quantity_of(element: Element, name: str) -> Decimal | None:
    quantity = element.child(name)
    return quantity.decimal("value") if quantity else None
