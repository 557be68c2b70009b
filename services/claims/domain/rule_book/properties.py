"""Which properties of a claim may a customer's rule ask for, and of what kind is each?

Every field of a claim is one: they are taken from the structs of the events, so that a field which a claim gains is a property
the day it is there. Names are paths: `claim.` for the claim itself, `coverage.` for the coverage that is billed, `line.` for one
line, and for the rest the name of the part (`facility.place_of_service`). Beside them stand a few that are counted or computed.
Sealed values are personal: a rule may ask whether they are there, and nothing else.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

from msgspec import Struct, structs

from shared.events.base import Sealed
from shared.events.claims import ClaimCreated, PriorAdjudication, ServicesBilled
from shared.events.values import ChargeLine, CoverageSnapshot

Kind: TypeAlias = Literal["text", "codes", "number", "cents", "quantity", "date", "flag", "sealed"]
Answer: TypeAlias = str | int | bool | date | Decimal | frozenset[str] | None  # None: there is nothing
Root: TypeAlias = Literal["claim", "services", "coverage", "line", "computed"]

_QUANTITIES = ("units", "quantity")  # exact decimal text
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a condition looks at: a claim on the day on which it is checked, and one of its lines where it asks for lines."""

    claim: ClaimCreated
    on: date
    line: int | None = None  # from 0

    @property
    def coverage(self) -> CoverageSnapshot | None:
        """The coverage that is billed."""
        return next((each for each in self.claim.coverages if each.rank == self.claim.rank), None)

    def the_line(self) -> ChargeLine | None:
        return None if self.line is None else self.claim.services.lines[self.line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """`path` is where a field lies below its root; a computed property has none, and nobody sets it."""

    name: str
    kind: Kind
    root: Root
    path: tuple[str, ...] = ()
    read: Callable[[Subject], Answer]
    meaning: str = ""

    @property
    def is_of_line(self) -> bool:
        return self.name.startswith("line.")


def _fields() -> Iterator[Property]:
    yield from _of_struct(ClaimCreated, "claim", "claim", without=("services", "coverages", "prior"))
    yield from _of_struct(ServicesBilled, "services", "claim", without=("lines",))
    yield from _of_struct(CoverageSnapshot, "coverage", "coverage")
    yield from _of_struct(ChargeLine, "line", "line")
    yield from _of_list(CoverageSnapshot, lambda subject: subject.claim.coverages, "coverages")
    yield from _of_list(PriorAdjudication, lambda subject: subject.claim.prior, "prior")


def _of_struct(
    struct: type[Struct], root: Root, prefix: str, path: tuple[str, ...] = (), without: tuple[str, ...] = ()
) -> Iterator[Property]:
    """The plain fields below a prefix; a part of the services (`facility`, …) is named by itself."""
    for field in structs.fields(struct):
        if field.name in without:
            continue
        kind, part = _kind_of(field.name, field.type)
        here = (*path, field.name)
        below = field.name if prefix == "claim" else f"{prefix}.{field.name}"
        if kind is not None:
            yield _field(f"{prefix}.{field.name}", kind, root, here)
        elif part is not None and _is_list(field.type):
            yield from _of_list(part, _items(root, here), below)
        elif part is not None:
            yield from _of_struct(part, root, below, here)


def _items(root: Root, path: tuple[str, ...]) -> Callable[[Subject], Any]:
    return lambda subject: _at(_start(root, subject), path) or ()


def _field(name: str, kind: Kind, root: Root, path: tuple[str, ...]) -> Property:
    def read(subject: Subject) -> Answer:
        return _answer(kind, _at(_start(root, subject), path))

    return Property(name=name, kind=kind, root=root, path=path, read=read)


def _of_list(part: type[Struct], items: Callable[[Subject], Any], prefix: str) -> Iterator[Property]:
    """Of a list, each text of its items together, and how many there are."""
    for field in structs.fields(part):
        kind, _ = _kind_of(field.name, field.type)
        if kind in ("text", "codes"):

            def read(subject: Subject, name: str = field.name, kind: Kind = kind) -> Answer:
                return _texts(kind, (getattr(item, name) for item in items(subject)))

            yield Property(name=f"{prefix}.{field.name}", kind="codes", root="computed", read=read)
    yield Property(
        name=f"{prefix}.count",
        kind="number",
        root="computed",
        read=lambda subject: len(items(subject)),
        meaning="how many there are",
    )


def _texts(kind: Kind, values: Iterator[Any]) -> frozenset[str]:
    if kind == "text":
        return frozenset(str(value) for value in values if value)
    return frozenset(code for codes in values for code in codes)


def _start(root: Root, subject: Subject) -> Any:
    match root:
        case "claim":
            return subject.claim
        case "services":
            return subject.claim.services
        case "coverage":
            return subject.coverage
        case _:
            return subject.the_line()


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        if value is None:
            return None
        value = getattr(value, name)
    return value


def _kind_of(name: str, of: Any) -> tuple[Kind | None, type[Struct] | None]:
    """The kind of a plain field, or the struct of a part; neither for what no rule can ask."""
    of = _without_none(of)
    origin = get_origin(of)
    if of is Sealed or origin is Sealed:
        return "sealed", None
    if origin is Literal:
        return "text", None
    if origin is tuple:
        item = get_args(of)[0]
        if isinstance(item, type) and issubclass(item, Struct):
            return None, item
        return ("codes", None) if item in (str, int) else (None, None)
    if isinstance(of, type) and issubclass(of, Struct):
        return None, of
    plain: Mapping[Any, Kind] = {bool: "flag", date: "date", str: "text", int: "number"}
    kind = plain.get(of)
    if kind == "number" and name.endswith("_cents"):
        return "cents", None
    if kind == "text" and name in _QUANTITIES:
        return "quantity", None
    return kind, None


def _without_none(of: Any) -> Any:
    if get_origin(of) in (Union, types.UnionType):
        left = [each for each in get_args(of) if each is not type(None)]
        return left[0] if len(left) == 1 else of
    return of


def _is_list(of: Any) -> bool:
    return get_origin(_without_none(of)) is tuple


def _answer(kind: Kind, value: Any) -> Answer:
    """A field as conditions compare it; an empty text is nothing."""
    if value is None or value == "":
        return None
    match kind:
        case "codes":
            return frozenset(str(code) for code in value)
        case "quantity":
            return as_quantity(value)
        case "sealed":
            return True
        case _:
            plain: Answer = value
            return plain


def as_quantity(text: str) -> Decimal | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


# ---- counted and computed --------------------------------------------------------------------------------------------


def _computed() -> Iterator[Property]:
    def of_claim(name: str, kind: Kind, read: Callable[[Subject], Answer], meaning: str) -> Property:
        return Property(name=name, kind=kind, root="computed", read=read, meaning=meaning)

    def of_line(name: str, kind: Kind, read: Callable[[Subject, ChargeLine], Answer], meaning: str) -> Property:
        def of_the_line(subject: Subject) -> Answer:
            line = subject.the_line()
            return None if line is None else read(subject, line)

        return Property(name=name, kind=kind, root="computed", read=of_the_line, meaning=meaning)

    yield of_claim("claim.checked_on", "date", lambda s: s.on, "the day on which the claim is checked")
    yield of_claim(
        "claim.days_since_service",
        "number",
        lambda s: (s.on - s.claim.services.service_on).days,
        "days from the first day of service to the check",
    )
    yield of_claim(
        "claim.days_of_service",
        "number",
        lambda s: _days(s.claim.services.service_on, s.claim.services.service_to_on),
        "days of service, the first and the last counted",
    )
    yield of_claim("claim.lines", "number", lambda s: len(s.claim.services.lines), "how many lines the claim has")
    yield of_claim(
        "claim.primary_diagnosis",
        "text",
        lambda s: s.claim.services.diagnoses[0] if s.claim.services.diagnoses else None,
        "the first diagnosis",
    )
    yield of_claim(
        "claim.procedure_codes",
        "codes",
        lambda s: frozenset(line.procedure_code for line in s.claim.services.lines if line.procedure_code),
        "the procedure codes of all lines",
    )
    yield of_claim(
        "prior.paid_cents",
        "cents",
        lambda s: sum(prior.paid_cents for prior in s.claim.prior) if s.claim.prior else None,
        "what the earlier payers paid together",
    )
    yield of_claim(
        "prior.answered_on",
        "date",
        lambda s: max((prior.adjudicated_on for prior in s.claim.prior), default=None),
        "when the last earlier payer answered",
    )
    yield of_claim(
        "prior.reasons",
        "codes",
        lambda s: frozenset(_reasons(s.claim.prior)),
        "group and reason of every adjustment of the earlier payers, such as CO-45",
    )
    yield of_line("line.number", "number", lambda s, _: 1 + (s.line or 0), "the place of the line, from 1")
    yield of_line(
        "line.days_of_service",
        "number",
        lambda _, line: _days(line.service_on, line.service_to_on),
        "days of service, the first and the last counted",
    )
    yield of_line(
        "line.diagnoses",
        "codes",
        lambda s, line: frozenset(_pointed(s.claim.services.diagnoses, line)),
        "the diagnoses that the line points to",
    )
    yield of_line(
        "line.primary_diagnosis",
        "text",
        lambda s, line: next(iter(_pointed(s.claim.services.diagnoses, line)), None),
        "the diagnosis of the first pointer",
    )


def _days(first: date, last: date | None) -> int:
    return ((last or first) - first + _ONE_DAY).days


def _reasons(answers: tuple[PriorAdjudication, ...]) -> Iterator[str]:
    for prior in answers:
        for adjustment in (*prior.adjustments, *(each for line in prior.lines for each in line.adjustments)):
            yield f"{adjustment.group}-{adjustment.reason}"


def _pointed(diagnoses: tuple[str, ...], line: ChargeLine) -> Iterator[str]:
    return (diagnoses[at - 1] for at in line.diagnosis_pointers if 1 <= at <= len(diagnoses))


def _counts(properties: list[Property]) -> Iterator[Property]:
    """Of every set of codes, how many different ones there are."""
    for each in properties:
        if each.kind == "codes":

            def read(subject: Subject, codes: Callable[[Subject], Answer] = each.read) -> Answer:
                found = codes(subject)
                return len(found) if isinstance(found, frozenset) else 0

            yield Property(
                name=f"{each.name}.count",
                kind="number",
                root="computed",
                read=read,
                meaning="how many different ones there are",
            )


def _all() -> dict[str, Property]:
    plain = [*_fields(), *_computed()]
    named = {each.name: each for each in plain}
    return {each.name: each for each in (*_counts(plain), *named.values())}


PROPERTIES: Mapping[str, Property] = dict(sorted(_all().items()))
