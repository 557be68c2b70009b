"""What does a status segment (STC) say about a claim?

Source: ASC X12N 005010X212 (277) and 005010X214 (277CA). In a 277CA the action is WQ accepted or U rejected, and the
categories A3 A6 A7 A8 mean that the payer never had the claim.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from msgspec import Struct

from shared.codecs.x12.elements import (
    Dated,
    Procedure,
    Reference,
    optional_cents_text,
    optional_day_text,
    optional_quantity_text,
    procedure_parts,
    read_dated,
    read_procedure,
    write_dated,
)
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import Segment
from shared.codecs.x12.writer import SegmentWriter

REJECTED_CATEGORIES = frozenset(("A3", "A6", "A7", "A8"))


class StatusCode(Struct, frozen=True, kw_only=True):
    """A claim status composite."""

    category: str  # -1: A2, A7, P1, F2 ...
    code: str = ""  # -2
    entity: str = ""  # -3: 85 billing provider, IL insured ...
    code_list: str = ""  # -4: RX


class Status(Struct, frozen=True, kw_only=True):
    """STC."""

    codes: tuple[StatusCode, ...]  # STC01, STC10, STC11
    effective_on: date | None = None  # STC02
    action: str = ""  # STC03: WQ accepted, U rejected; 277CA only
    charged_cents: int | None = None  # STC04
    paid_cents: int | None = None  # STC05
    finalized_on: date | None = None  # STC06
    payment_method: str = ""  # STC07
    payment_on: date | None = None  # STC08
    payment_number: str = ""  # STC09: cheque or EFT
    message: str = ""  # STC12: free text, may be personal data

    @property
    def is_rejection(self) -> bool:
        """The claim was refused at the door: it was never received for timely filing."""
        return self.action == "U" or any(code.category in REJECTED_CATEGORIES for code in self.codes)


class StatusLine(Struct, frozen=True, kw_only=True):
    """A service line in 276, 277 and 277CA: SVC with its STC, REF and DTP."""

    procedure: Procedure | None  # SVC01
    charged_cents: int  # SVC02
    paid_cents: int | None = None  # SVC03
    revenue_code: str = ""  # SVC04
    units: Decimal | None = None  # SVC07
    statuses: tuple[Status, ...] = ()
    control_number: str = ""  # REF*FJ: our line item control number
    references: tuple[Reference, ...] = ()
    service: Dated | None = None  # DTP*472
    others: tuple[Segment, ...] = ()


def read_status(segment: Segment, problems: Problems) -> Status:
    composites = (segment.components(index) for index in (1, 10, 11))
    return Status(
        codes=tuple(_code(parts) for parts in composites if parts),
        effective_on=problems.day(segment, 2),
        action=segment[3],
        charged_cents=problems.optional_cents(segment, 4),
        paid_cents=problems.optional_cents(segment, 5),
        finalized_on=problems.day(segment, 6),
        payment_method=segment[7],
        payment_on=problems.day(segment, 8),
        payment_number=segment[9],
        message=segment[12],
    )


def _code(parts: tuple[str, ...]) -> StatusCode:
    category, code, entity, code_list = (*parts, "", "", "")[:4]
    return StatusCode(category=category, code=code, entity=entity, code_list=code_list)


def write_status(writer: SegmentWriter, status: Status) -> str:
    first, second, third = (*map(_parts, status.codes), (), (), ())[:3]
    return writer.segment(
        "STC",
        first,
        optional_day_text(status.effective_on),
        status.action,
        optional_cents_text(status.charged_cents),
        optional_cents_text(status.paid_cents),
        optional_day_text(status.finalized_on),
        status.payment_method,
        optional_day_text(status.payment_on),
        status.payment_number,
        second,
        third,
        status.message,
    )


def _parts(code: StatusCode) -> tuple[str, ...]:
    return (code.category, code.code, code.entity, code.code_list)


def read_status_line(segments: Sequence[Segment], problems: Problems) -> StatusLine:
    """SVC and what follows it."""
    svc = segments[0]
    statuses: list[Status] = []
    references: list[Reference] = []
    others: list[Segment] = []
    control_number = ""
    service: Dated | None = None
    for segment in segments[1:]:
        match segment.elements[0]:
            case "STC":
                statuses.append(read_status(segment, problems))
            case "REF" if segment[1] == "FJ" and not control_number:
                control_number = segment[2]
            case "REF":
                references.append(Reference(segment[1], segment[2]))
            case "DTP" if segment[1] == "472" and service is None:
                service = read_dated(segment, problems)
            case _:
                others.append(segment)
    return StatusLine(
        procedure=read_procedure(svc.components(1)),
        charged_cents=problems.cents(svc, 2),
        paid_cents=problems.optional_cents(svc, 3),
        revenue_code=svc[4],
        units=problems.quantity(svc, 7),
        statuses=tuple(statuses),
        control_number=control_number,
        references=tuple(references),
        service=service,
        others=tuple(others),
    )


def write_status_line(writer: SegmentWriter, line: StatusLine) -> list[str]:
    written = [
        writer.segment(
            "SVC",
            procedure_parts(line.procedure),
            optional_cents_text(line.charged_cents),
            optional_cents_text(line.paid_cents),
            line.revenue_code,
            "",
            "",
            optional_quantity_text(line.units),
        )
    ]
    written += [write_status(writer, status) for status in line.statuses]
    if line.control_number:
        written.append(writer.segment("REF", "FJ", line.control_number))
    written += [writer.segment("REF", each.qualifier, each.value) for each in line.references]
    if line.service:
        written.append(write_dated(writer, line.service))
    return [*written, *map(writer.copy, line.others)]
