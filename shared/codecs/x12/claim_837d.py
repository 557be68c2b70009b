"""What does a dental claim charge?

Source: ASC X12N 005010X224A2 (837D). Reads what money and matching need; every segment of a claim is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from shared.codecs.x12.elements import Procedure, loops, read_procedure, starts_with
from shared.codecs.x12.envelope import NOWHERE, Envelope, Place, TransactionSet, read_transactions
from shared.codecs.x12.hierarchy import Beginning, read_beginning, top_and_levels
from shared.codecs.x12.problems import Problems, X12Error
from shared.codecs.x12.tokenizer import Limits, Segment, Source


class DentalLine(Struct, frozen=True, kw_only=True):
    """Loop 2400."""

    procedure: Procedure | None  # SV301
    charged_cents: int  # SV302
    quantity: Decimal | None = None  # SV306
    place: Place = NOWHERE


class DentalClaim(Struct, frozen=True, kw_only=True):
    """Loop 2300, with all its segments."""

    claim_id: str  # CLM01
    charged_cents: int  # CLM02
    place_of_service: str  # CLM05-1
    frequency: str  # CLM05-3
    lines: tuple[DentalLine, ...] = ()
    segments: tuple[Segment, ...] = ()
    place: Place = NOWHERE


class DentalBatch(Struct, frozen=True, kw_only=True):
    """One ST to SE of an 837D."""

    envelope: Envelope
    control_number: str  # ST02
    beginning: Beginning
    claims: tuple[DentalClaim, ...]
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE


def read_837d(source: Source, problems: Problems | None = None, limits: Limits | None = None) -> Iterator[DentalBatch]:
    """Every 837D of a file. Other transaction sets are passed over."""
    noted = problems if problems is not None else Problems()
    for transaction in read_transactions(source, noted, limits):
        if transaction.kind == "837D":
            batch = dental_batch_of(transaction)
            noted.extend(batch.problems[len(transaction.problems) :])
            yield batch


def dental_batch_of(transaction: TransactionSet) -> DentalBatch:
    """The 837D in a transaction set that has been read already."""
    problems = Problems(transaction.problems)
    _, levels = top_and_levels(transaction)
    claims = [_claim(block, problems) for level in levels for block in loops(level, starts_with("CLM"))[1:]]
    return DentalBatch(
        envelope=transaction.envelope,
        control_number=transaction.control_number,
        beginning=read_beginning(transaction, problems),
        claims=tuple(claims),
        problems=tuple(problems),
        place=transaction.place,
    )


def _claim(segments: Sequence[Segment], problems: Problems) -> DentalClaim:
    clm = segments[0]
    _, *lines = loops(segments, starts_with("LX"))
    where = (*clm.components(5), "", "", "")
    return DentalClaim(
        claim_id=clm[1],
        charged_cents=problems.cents(clm, 2),
        place_of_service=where[0],
        frequency=where[2],
        lines=tuple(_line(line, problems) for line in lines),
        segments=tuple(segments),
        place=Place(clm.number, segments[-1].number),
    )


def _line(segments: Sequence[Segment], problems: Problems) -> DentalLine:
    sv3 = next((segment for segment in segments if segment.id == "SV3"), None)
    if sv3 is None:
        problems.add(segments[0], 0, "a dental line has SV3", found="")
        sv3 = Segment(segments[0].number, ("SV3", "", "0"))
    return DentalLine(
        procedure=read_procedure(sv3.components(1)),
        charged_cents=problems.cents(sv3, 2),
        quantity=problems.quantity(sv3, 6),
        place=Place(segments[0].number, segments[-1].number),
    )
