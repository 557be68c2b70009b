"""What do the segments say that every transaction set shares: who, where, which number, which date, which amount?

Source: ASC X12N 005010 segments NM1 N1 N3 N4 PER DMG PRV REF DTP DTM AMT QTY CAS and the procedure composite.
Everything in a Party is personal data when the party is a person.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace

from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import Segment, parts_of
from shared.codecs.x12.values import NotADay, cents_text, day_text, quantity_text, to_day
from shared.codecs.x12.writer import SegmentWriter, Value


class Address(Struct, frozen=True, kw_only=True, gc=False):
    """N3 and N4."""

    line_1: str = ""  # N301
    line_2: str = ""  # N302
    city: str = ""  # N401
    state: str = ""  # N402
    postal_code: str = ""  # N403, no punctuation
    country: str = ""  # N404, empty in the United States


class Reference(Struct, frozen=True, gc=False):
    """REF."""

    qualifier: str  # REF01
    value: str  # REF02


class Trace(Struct, frozen=True, kw_only=True):
    """TRN: `1` is the sender's own number, `2` the number that it answers."""

    type: str = "1"  # TRN01
    number: str  # TRN02
    originator: str = ""  # TRN03, ten characters
    division: str = ""  # TRN04


class Contact(Struct, frozen=True, kw_only=True, gc=False):
    """PER: numbers are pairs of qualifier (TE EM FX EX UR) and number."""

    function: str = "IC"  # PER01: IC information, CX payer's claim office, BL technical
    name: str = ""  # PER02
    numbers: tuple[tuple[str, str], ...] = ()  # PER03/04, 05/06, 07/08


class Party(Struct, frozen=True, kw_only=True, gc=False):
    """A person or an organisation: NM1 or N1 with what follows it."""

    role: str  # NM101 or N101
    is_person: bool = False  # NM102: 1 person, 2 organisation
    name: str = ""  # NM103: last name, or the organisation
    first_name: str = ""  # NM104
    middle_name: str = ""  # NM105
    name_prefix: str = ""  # NM106
    name_suffix: str = ""  # NM107
    id_qualifier: str = ""  # NM108: XX is an NPI, MI a member number
    id: str = ""  # NM109
    address: Address | None = None
    born_on: date | None = None  # DMG02
    gender: str = ""  # DMG03: F M U
    taxonomy: str = ""  # PRV03
    references: tuple[Reference, ...] = ()
    contacts: tuple[Contact, ...] = ()

    def reference(self, qualifier: str) -> str:
        """The value of the first REF with this qualifier, or empty."""
        return next((each.value for each in self.references if each.qualifier == qualifier), "")


class Dated(Struct, frozen=True, kw_only=True, gc=False):
    """DTP or DTM: a day, or a period when `last_on` is there."""

    qualifier: str
    first_on: date
    last_on: date | None = None


class Amount(Struct, frozen=True, gc=False):
    """AMT: information, never part of a balance."""

    qualifier: str  # AMT01
    cents: int  # AMT02


class Quantity(Struct, frozen=True, gc=False):
    """QTY."""

    qualifier: str  # QTY01
    quantity: Decimal  # QTY02


class Adjustment(Struct, frozen=True, kw_only=True, gc=False):
    """One triplet of a CAS. A positive amount reduces the payment, a negative one increases it."""

    group: str  # CAS01: CO PR OA PI (CR in older habits)
    reason: str  # CARC
    cents: int
    quantity: Decimal | None = None


class Procedure(Struct, frozen=True, kw_only=True, gc=False):
    """A procedure composite, `HC:99213:25`."""

    qualifier: str = "HC"  # -1
    code: str  # -2
    modifiers: tuple[str, ...] = ()  # -3 to -6
    description: str = ""  # -7


_NINE_EMPTY = ("",) * 9


# Reading


def loops(segments: Sequence[Segment], starts: frozenset[str] | Callable[[Segment], bool]) -> list[Sequence[Segment]]:
    """The segments before the first start (an id, or what a function says), then one run for each start. The first may
    be empty."""
    if isinstance(starts, frozenset):
        cuts = [at for at, segment in enumerate(segments) if segment.elements[0] in starts]
    else:
        cuts = [at for at, segment in enumerate(segments) if starts(segment)]
    if not cuts:
        return [segments]
    ends = (*cuts[1:], len(segments))
    return [segments[: cuts[0]], *(segments[start:end] for start, end in zip(cuts, ends, strict=True))]


@cache
def starts_with(*ids: str) -> frozenset[str]:
    """The ids that begin a loop."""
    return frozenset(ids)


def read_party(segments: Sequence[Segment], problems: Problems, others: list[Segment]) -> Party:
    """NM1 or N1 and its N3 N4 DMG PRV REF PER; what does not belong goes to `others`."""
    if len(segments) == 1:
        return read_name(segments[0])
    address: dict[str, str] = {}
    born_on: date | None = None
    gender = taxonomy = ""
    references: list[Reference] = []
    contacts: list[Contact] = []
    for segment in segments[1:]:
        match segment.elements[0]:
            case "N3":
                address |= {"line_1": segment[1], "line_2": segment[2]}
            case "N4":
                address |= {"city": segment[1], "state": segment[2], "postal_code": segment[3], "country": segment[4]}
            case "DMG" if segment[1] in ("", "D8"):
                born_on, gender = problems.day(segment, 2), segment[3]
            case "PRV":
                taxonomy = segment[3]
            case "REF" if segment[1]:
                references.append(read_reference(segment))
            case "PER":
                contacts.append(read_contact(segment))
            case _:
                others.append(segment)
    return replace(
        read_name(segments[0]),
        address=Address(**address) if address else None,
        born_on=born_on,
        gender=gender,
        taxonomy=taxonomy,
        references=tuple(references),
        contacts=tuple(contacts),
    )


def read_name(segment: Segment) -> Party:
    """NM1 or N1 alone."""
    if segment.elements[0] == "N1":
        return Party(role=segment[1], name=segment[2], id_qualifier=segment[3], id=segment[4])
    padded = (*map(str.strip, segment.elements), *_NINE_EMPTY)
    return Party(
        role=padded[1],
        is_person=padded[2] == "1",
        name=padded[3],
        first_name=padded[4],
        middle_name=padded[5],
        name_prefix=padded[6],
        name_suffix=padded[7],
        id_qualifier=padded[8],
        id=padded[9],
    )


def read_reference(segment: Segment) -> Reference:
    """REF, or LQ, which has the same shape."""
    elements = segment.elements
    if len(elements) > 2:
        return Reference(elements[1].strip(), elements[2].strip())
    return Reference(segment[1], "")


def read_contact(segment: Segment) -> Contact:
    pairs = ((segment[index], segment[index + 1]) for index in (3, 5, 7))
    return Contact(function=segment[1], name=segment[2], numbers=tuple(pair for pair in pairs if pair != ("", "")))


def read_adjustments(segment: Segment, problems: Problems) -> list[Adjustment]:
    """The triplets of a CAS, up to six."""
    elements, group = segment.elements, segment[1]
    if len(elements) == 4:  # one triplet without a quantity, as most are
        return [Adjustment(group=group, reason=elements[2].strip(), cents=problems.cents(segment, 3))]
    triplets: list[Adjustment] = []
    for index in range(2, min(len(elements), 20), 3):
        reason = elements[index].strip()
        if not reason and not segment[index + 1]:
            continue
        quantity = problems.quantity(segment, index + 2) if len(elements) > index + 2 else None
        cents = problems.cents(segment, index + 1)
        triplets.append(Adjustment(group=group, reason=reason, cents=cents, quantity=quantity))
    return triplets


def read_procedure(parts: tuple[str, ...]) -> Procedure | None:
    """A composite medical procedure identifier, or None when it is absent."""
    if not parts:
        return None
    if len(parts) == 1:
        return Procedure(qualifier="", code=parts[0])
    modifiers = tuple(part for part in parts[2:6] if part)
    return Procedure(qualifier=parts[0], code=parts[1], modifiers=modifiers, description=":".join(parts[6:]))


def procedure_at(segment: Segment, index: int) -> Procedure | None:
    """The procedure in an element. Practices bill few different ones, so they are read once."""
    elements = segment.elements
    if index >= len(elements) or not elements[index]:
        return None
    return _procedure(elements[index], segment.dialect.component)


@lru_cache(maxsize=4_096)
def _procedure(text: str, component: str) -> Procedure | None:
    return read_procedure(parts_of(text.strip(), component))


def dated_on(segment: Segment, problems: Problems) -> Dated | None:
    """DTM with its CCYYMMDD; None with a problem when it cannot be read."""
    elements = segment.elements
    try:
        return _dated(elements[1], elements[2])
    except (IndexError, NotADay):
        day = problems.day(segment, 2)
        return Dated(qualifier=segment[1], first_on=day) if day else None


@lru_cache(maxsize=4_096)
def _dated(qualifier: str, text: str) -> Dated:
    return Dated(qualifier=qualifier.strip(), first_on=to_day(text))


def read_dated(segment: Segment, problems: Problems) -> Dated | None:
    """DTP with a D8 or RD8 date; None with a problem when the date cannot be read."""
    try:
        _, qualifier, kind, text = segment.elements
        return _day_or_period(qualifier, kind, text)
    except (ValueError, NotADay):
        pass
    try:
        return _day_or_period(segment[1], segment[2], segment[3])
    except NotADay:
        problems.add(segment, 3, "date is CCYYMMDD" if segment[2] == "D8" else "period is CCYYMMDD-CCYYMMDD")
        return None


@lru_cache(maxsize=4_096)
def _day_or_period(qualifier: str, kind: str, text: str) -> Dated:
    is_period = kind.strip() == "RD8"
    days = [to_day(each.strip()) for each in (text.split("-") if is_period else [text])]
    if len(days) != (2 if is_period else 1):
        raise NotADay
    return Dated(qualifier=qualifier.strip(), first_on=days[0], last_on=days[1] if is_period else None)


def read_amount(segment: Segment, problems: Problems) -> Amount:
    return Amount(segment[1], problems.cents(segment, 2))


# Writing


def write_name(writer: SegmentWriter, party: Party) -> str:
    """NM1 alone."""
    return writer.segment(
        "NM1",
        party.role,
        "1" if party.is_person else "2",
        party.name,
        party.first_name,
        party.middle_name,
        party.name_prefix,
        party.name_suffix,
        party.id_qualifier,
        party.id,
    )


def write_party(writer: SegmentWriter, party: Party) -> Iterator[str]:
    """NM1 with PRV N3 N4 DMG REF PER, in the order of the claim and remittance guides."""
    yield write_name(writer, party)
    yield from write_party_details(writer, party)


def write_organisation(writer: SegmentWriter, party: Party) -> Iterator[str]:
    """N1 with what follows it."""
    yield writer.segment("N1", party.role, party.name, party.id_qualifier, party.id)
    yield from write_party_details(writer, party)


_TAXONOMY_ROLES = {"71": "AT", "DD": "AS", "DN": "RF", "P3": "RF"}  # PRV01: attending, assistant, referring


def write_party_details(writer: SegmentWriter, party: Party) -> Iterator[str]:
    if party.taxonomy and party.role != "85":  # a billing provider's taxonomy stands before its NM1
        yield writer.segment("PRV", _TAXONOMY_ROLES.get(party.role, "PE"), "PXC", party.taxonomy)
    if party.address:
        yield from write_address(writer, party.address)
    if party.born_on or party.gender:
        day = day_text(party.born_on) if party.born_on else ""
        yield writer.segment("DMG", "D8" if day else "", day, party.gender)
    for reference in party.references:
        yield writer.segment("REF", reference.qualifier, reference.value)
    for contact in party.contacts:
        yield write_contact(writer, contact)


def write_address(writer: SegmentWriter, address: Address) -> Iterator[str]:
    if address.line_1 or address.line_2:
        yield writer.segment("N3", address.line_1, address.line_2)
    if address.city or address.state or address.postal_code or address.country:
        yield writer.segment("N4", address.city, address.state, address.postal_code, address.country)


def write_contact(writer: SegmentWriter, contact: Contact) -> str:
    numbers = [part for pair in contact.numbers for part in pair]
    return writer.segment("PER", contact.function, contact.name, *numbers)


def write_adjustments(writer: SegmentWriter, adjustments: Sequence[Adjustment]) -> Iterator[str]:
    """CAS segments: neighbours of one group together, at most six triplets each."""
    for group, members in groupby(adjustments, key=lambda each: each.group):
        same = list(members)
        for start in range(0, len(same), 6):
            values = [text for each in same[start : start + 6] for text in _triplet(each)]
            yield writer.segment("CAS", group, *values)


def _triplet(adjustment: Adjustment) -> tuple[str, str, str]:
    quantity = quantity_text(adjustment.quantity) if adjustment.quantity is not None else ""
    return adjustment.reason, cents_text(adjustment.cents), quantity


@lru_cache(maxsize=4_096)
def procedure_parts(procedure: Procedure | None) -> Value:
    """The composite as the writer takes it."""
    if procedure is None:
        return ""
    if not procedure.qualifier:
        return procedure.code
    if not procedure.description:
        return (procedure.qualifier, procedure.code, *procedure.modifiers)
    modifiers = (*procedure.modifiers, "", "", "", "")[:4]
    return (procedure.qualifier, procedure.code, *modifiers, procedure.description)


def write_dated(writer: SegmentWriter, dated: Dated) -> str:
    """DTP with D8, or RD8 for a period."""
    if dated.last_on is None:
        return writer.segment("DTP", dated.qualifier, "D8", day_text(dated.first_on))
    period = f"{day_text(dated.first_on)}-{day_text(dated.last_on)}"
    return writer.segment("DTP", dated.qualifier, "RD8", period)


def optional_cents_text(cents: int | None) -> str:
    return "" if cents is None else cents_text(cents)


def optional_quantity_text(quantity: Decimal | None) -> str:
    return "" if quantity is None else quantity_text(quantity)


def optional_day_text(day: date | None) -> str:
    return "" if day is None else day_text(day)
