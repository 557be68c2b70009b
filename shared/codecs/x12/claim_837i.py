"""What does an institutional claim charge?

Source: ASC X12N 005010X223A2 (837I). Reads what money and matching need; every segment of a claim is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from shared.codecs.x12.elements import Dated, Procedure, loops, read_dated, read_procedure, starts_with
from shared.codecs.x12.envelope import NOWHERE, Envelope, Place, TransactionSet, read_transactions
from shared.codecs.x12.hierarchy import Beginning, read_beginning, top_and_levels
from shared.codecs.x12.problems import Problems, X12Error
from shared.codecs.x12.tokenizer import Limits, Segment, Source


class InstitutionalLine(Struct, frozen=True, kw_only=True):
    """Loop 2400."""

    revenue_code: str  # SV201
    procedure: Procedure | None = None  # SV202
    charged_cents: int  # SV203
    units: Decimal | None = None  # SV205
    service: Dated | None = None  # DTP*472
    place: Place = NOWHERE


class InstitutionalClaim(Struct, frozen=True, kw_only=True):
    """Loop 2300, with all its segments."""

    claim_id: str  # CLM01
    charged_cents: int  # CLM02
    facility_type: str  # CLM05-1: the first two digits of the type of bill
    frequency: str  # CLM05-3: its last digit
    statement: Dated | None = None  # DTP*434
    patient_status: str = ""  # CL103
    lines: tuple[InstitutionalLine, ...] = ()
    segments: tuple[Segment, ...] = ()
    place: Place = NOWHERE


class InstitutionalBatch(Struct, frozen=True, kw_only=True):
    """One ST to SE of an 837I."""

    envelope: Envelope
    control_number: str  # ST02
    beginning: Beginning
    claims: tuple[InstitutionalClaim, ...]
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE


def read_837i(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[InstitutionalBatch]:
    """Every 837I of a file. Other transaction sets are passed over."""
    noted = problems if problems is not None else Problems()
    for transaction in read_transactions(source, noted, limits):
        if transaction.kind == "837I":
            batch = institutional_batch_of(transaction)
            noted.extend(batch.problems[len(transaction.problems) :])
            yield batch


def institutional_batch_of(transaction: TransactionSet) -> InstitutionalBatch:
    """The 837I in a transaction set that has been read already."""
    problems = Problems(transaction.problems)
    _, levels = top_and_levels(transaction)
    claims = [_claim(block, problems) for level in levels for block in loops(level, starts_with("CLM"))[1:]]
    return InstitutionalBatch(
        envelope=transaction.envelope,
        control_number=transaction.control_number,
        beginning=read_beginning(transaction, problems),
        claims=tuple(claims),
        problems=tuple(problems),
        place=transaction.place,
    )


def _claim(segments: Sequence[Segment], problems: Problems) -> InstitutionalClaim:
    clm = segments[0]
    whole, *lines = loops(segments, starts_with("LX"))
    where = (*clm.components(5), "", "", "")
    return InstitutionalClaim(
        claim_id=clm[1],
        charged_cents=problems.cents(clm, 2),
        facility_type=where[0],
        frequency=where[2],
        statement=_dated(whole, "434", problems),
        patient_status=next((segment[3] for segment in whole if segment.id == "CL1"), ""),
        lines=tuple(_line(line, problems) for line in lines),
        segments=tuple(segments),
        place=Place(clm.number, segments[-1].number),
    )


def _line(segments: Sequence[Segment], problems: Problems) -> InstitutionalLine:
    sv2 = next((segment for segment in segments if segment.id == "SV2"), None)
    if sv2 is None:
        problems.add(segments[0], 0, "an institutional line has SV2", found="")
        sv2 = Segment(segments[0].number, ("SV2", "", "", "0"))
    return InstitutionalLine(
        revenue_code=sv2[1],
        procedure=read_procedure(sv2.components(2)),
        charged_cents=problems.cents(sv2, 3),
        units=problems.quantity(sv2, 5),
        service=_dated(segments, "472", problems),
        place=Place(segments[0].number, segments[-1].number),
    )


def _dated(segments: Sequence[Segment], qualifier: str, problems: Problems) -> Dated | None:
    for segment in segments:
        if segment.id == "DTP" and segment[1] == qualifier and segment[2] in ("D8", "RD8"):
            return read_dated(segment, problems)
    return None
