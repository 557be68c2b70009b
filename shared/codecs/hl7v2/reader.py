"""How is one segment turned into typed values while every broken rule is noted?

Source: HL7 v2.8 chapter 2A. A value that breaks its rule is left out and named; the reading goes on, so that a sender
hears of everything at once. Names, numbers and dates of a person are never quoted in a finding.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from shared.codecs.code_systems import Code, CodeSystem
from shared.codecs.hl7v2.findings import ErrorCode, Findings, shown
from shared.codecs.hl7v2.message import Composite, Segment
from shared.codecs.hl7v2.values import (
    ABSENT,
    DELETED,
    Address,
    Authority,
    Identifier,
    PatientLocation,
    PersonName,
    Provider,
    Said,
    code_system_of,
    moment_of,
)
from shared.codecs.moments import Moment
from shared.kernel.identifiers import is_npi
from shared.kernel.money import parse_cents

T = TypeVar("T")

_NUMBER = re.compile(r"[+-]?(?:\d{1,12}(?:\.\d{0,6})?|\.\d{1,6})", re.ASCII)


@dataclass(slots=True)
class SegmentReader:
    """Reads fields of one segment; what is wrong goes to `findings`."""

    segment: Segment
    findings: Findings
    default_authority: str = ""  # MSH-4, for numbers that name no assigning authority

    def text(self, field: int, component: int = 1) -> str:
        return self.segment.text(field, component)

    def said(self, field: int, value: Callable[[], T | None]) -> Said[T]:
        """The value of a field that may also be absent or deleted; a bad value was noted and counts as absent."""
        if self.segment.is_deleted(field):
            return DELETED
        if not self.segment.raw(field):
            return ABSENT
        found = value()
        return ABSENT if found is None else found

    def said_text(self, field: int) -> Said[str]:
        return self.said(field, lambda: self.segment.whole(field) or None)

    def required(self, field: int, what: str) -> bool:
        """Whether the field's first component holds something; notes an error when it does not."""
        is_there = bool(self.segment.text(field))
        if not is_there:
            self.error(field, f"{what} is required", ErrorCode.REQUIRED_FIELD_MISSING)
        return is_there

    def error(
        self, field: int, rule: str, code: ErrorCode = ErrorCode.OTHER, value: str = "", *, repetition: int = 1
    ) -> None:
        self.findings.error(self.segment.at(field, repetition=repetition), rule, code, value)

    def warn(
        self, field: int, rule: str, code: ErrorCode = ErrorCode.OTHER, value: str = "", *, repetition: int = 1
    ) -> None:
        self.findings.warn(self.segment.at(field, repetition=repetition), rule, code, value)

    # Dates ---------------------------------------------------------------------------------------------------------

    def moment(self, field: int, component: int = 1, *, is_needed: bool = False) -> Moment | None:
        text = self.segment.text(field, component)
        return self.moment_from(field, text, is_needed=is_needed) if text else None

    def moment_from(self, field: int, text: str, *, is_needed: bool = False) -> Moment | None:
        try:
            moment = moment_of(text)
        except ValueError as problem:
            note = self.error if is_needed else self.warn
            note(field, f"not a date: {_plain(problem)}", ErrorCode.DATA_TYPE)
            return None
        if "-" in text[:8]:
            self.warn(field, "a date is written YYYYMMDD; read as ISO 8601", ErrorCode.DATA_TYPE)
        return moment

    def said_moment(self, field: int) -> Said[Moment]:
        return self.said(field, lambda: self.moment(field))

    # Numbers -------------------------------------------------------------------------------------------------------

    def number(self, field: int) -> Decimal | None:
        text = self.segment.text(field)
        if not text:
            return None
        if not _NUMBER.fullmatch(text):
            self.error(field, "not a decimal number", ErrorCode.DATA_TYPE)
            return None
        return Decimal(text)

    def cents(self, field: int) -> int | None:
        """CP or MO in US dollars. `100&USD`, `100` and `150.00^USD` all occur."""
        composite = self.segment.first(field)
        text = composite.text(1)
        if not text:
            return None
        self._refuse_other_currency(field, composite)
        try:
            if not _NUMBER.fullmatch(text):
                raise ValueError("not a decimal number")
            return parse_cents(text)
        except ValueError as problem:
            self.error(field, f"not an amount of money: {_plain(problem)}", ErrorCode.DATA_TYPE)
            return None

    def _refuse_other_currency(self, field: int, composite: Composite) -> None:
        currency = composite.text(1, 2)
        price_type = composite.text(2)
        if not currency and re.fullmatch(r"[A-Z]{3}", price_type):
            currency = price_type  # the second component is a price type; some senders put the currency there
        if currency not in ("", "USD"):
            self.error(field, "amounts are in US dollars", ErrorCode.TABLE_VALUE_NOT_FOUND, shown(currency))

    # Composites ----------------------------------------------------------------------------------------------------

    def identifiers(self, field: int) -> tuple[Identifier, ...]:
        found = []
        for repetition, composite in enumerate(self.segment.repetitions(field), 1):
            number = composite.text(1)
            if number:
                found.append(self._identifier(field, repetition, composite, number))
        return tuple(found)

    def identifier(self, field: int) -> Identifier | None:
        identifiers = self.identifiers(field)
        return identifiers[0] if identifiers else None

    def _identifier(self, field: int, repetition: int, composite: Composite, number: str) -> Identifier:
        authority = authority_of(composite, 4)
        if not authority.key:
            authority = Authority(namespace=self.default_authority)
        return Identifier(number=number, authority=authority, type=composite.text(5).upper())

    def name(self, field: int) -> PersonName | None:
        """The legal name where several are given, else the first."""
        names = [name_of(composite) for composite in self.segment.repetitions(field)]
        usable = [name for name in names if name.family or name.given]
        return next((name for name in usable if name.use == "L"), usable[0] if usable else None)

    def address(self, field: int) -> Address | None:
        addresses = [_address(composite) for composite in self.segment.repetitions(field)]
        usable = [address for address in addresses if address.line_1 or address.city or address.postal_code]
        return usable[0] if usable else None

    def phone(self, field: int) -> str | None:
        """The first telephone number; fax, modem and internet addresses are not one."""
        for composite in self.segment.repetitions(field):
            if composite.text(3).upper() in ("", "PH", "CP", "SAT", "HOME"):
                formatted = "".join(composite.text(component) for component in (6, 7))
                number = composite.text(1) or formatted or composite.text(12)
                if number and "@" not in number:
                    return number
        return None

    def email(self, field: int) -> str | None:
        for composite in self.segment.repetitions(field):
            for text in (composite.text(4), composite.text(1)):
                if "@" in text:
                    return text
        return None

    def location(self, field: int) -> PatientLocation | None:
        composite = self.segment.first(field)
        location = PatientLocation(
            point_of_care=composite.text(1),
            room=composite.text(2),
            bed=composite.text(3),
            facility=composite.text(4),
            building=composite.text(7),
            floor=composite.text(8),
        )
        return None if location == PatientLocation() else location

    def providers(self, field: int) -> tuple[Provider, ...]:
        """Who gives care. An id called NPI that is none stays as an id, with a finding."""
        found = []
        for repetition, composite in enumerate(self.segment.repetitions(field), 1):
            provider = _provider(composite)
            if not (provider.id or provider.family):
                continue
            if provider.is_called_npi and not is_npi(provider.id):
                rule = "an NPI has ten digits, begins with 1 or 2, and its check digit holds; kept as a plain id"
                self.warn(field, rule, ErrorCode.DATA_TYPE, shown(provider.id), repetition=repetition)
            found.append(provider)
        return tuple(found)

    def codes(self, field: int) -> tuple[Code, ...]:
        return tuple(code for _, code in self.numbered_codes(field))

    def numbered_codes(self, field: int) -> tuple[tuple[int, Code], ...]:
        """Each code with its repetition."""
        codes = enumerate(map(code_of, self.segment.repetitions(field)), 1)
        return tuple((repetition, code) for repetition, code in codes if code.code)

    def code(self, field: int) -> Code | None:
        codes = self.codes(field)
        return codes[0] if codes else None


def authority_of(composite: Composite, component: int) -> Authority:
    return Authority(
        namespace=composite.text(component, 1),
        universal_id=composite.text(component, 2),
        universal_type=composite.text(component, 3),
    )


def name_of(composite: Composite) -> PersonName:
    return PersonName(
        family=composite.text(1),
        given=composite.text(2),
        middle=composite.text(3),
        suffix=composite.text(4),
        prefix=composite.text(5),
        use=composite.text(7).upper(),
    )


def code_of(composite: Composite) -> Code:
    """The first triplet, or the alternate one where the first holds no code."""
    first = 1 if composite.text(1) or not composite.text(4) else 4
    system_sent = composite.text(first + 2)
    return Code(
        code=composite.text(first),
        system=code_system_of(system_sent) if composite.text(first) else CodeSystem.UNSTATED,
        system_sent=system_sent,
        text=composite.text(first + 1),
    )


def _address(composite: Composite) -> Address:
    return Address(
        line_1=_street(composite),
        line_2=composite.text(2),
        city=composite.text(3),
        state=composite.text(4),
        postal_code=composite.text(5),
        country=composite.text(6),
        use=composite.text(7).upper(),
        county=composite.text(9),
    )


def _street(composite: Composite) -> str:
    """XAD.1 is plain text, or SAD: street address & street name & house number, of which any may be left out."""
    street, name, house = (composite.text(1, part) for part in (1, 2, 3))
    if any(character.isalpha() for character in street) or not name:
        return street or house
    return f"{street or house} {name}".strip()


def _provider(composite: Composite) -> Provider:
    return Provider(
        id=composite.text(1),
        family=composite.text(2),
        given=composite.text(3),
        middle=composite.text(4),
        suffix=composite.text(5),
        prefix=composite.text(6),
        authority=authority_of(composite, 9),
        id_type=composite.text(13).upper() or composite.text(8).upper(),
    )


def _plain(problem: ValueError) -> str:
    """Our own words only: what Python says about a date may quote it."""
    text = str(problem)
    return text if not any(character.isdigit() for character in text) and "'" not in text else "out of range"
