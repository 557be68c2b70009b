"""Was a service authorised?

Source: ASC X12N 005010X217 (278). Reads the decision; every segment is kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from shared.codecs.x12.envelope import NOWHERE, Envelope, Place, TransactionSet, read_transactions
from shared.codecs.x12.hierarchy import Beginning, read_beginning
from shared.codecs.x12.problems import Problems, X12Error
from shared.codecs.x12.tokenizer import Limits, Segment, Source


class Decision(Struct, frozen=True, kw_only=True):
    """HCR."""

    action: str  # HCR01: A1 certified, A3 not certified, A4 pended ...
    authorization_number: str = ""  # HCR02
    reason: str = ""  # HCR03
    place: Place = NOWHERE


class ServicesReview(Struct, frozen=True, kw_only=True):
    """One ST to SE of a 278, request or response."""

    envelope: Envelope
    control_number: str  # ST02
    beginning: Beginning  # BHT: purpose 13 request, 11 response
    trace_numbers: tuple[str, ...] = ()  # TRN02
    decisions: tuple[Decision, ...] = ()
    rejections: tuple[str, ...] = ()  # AAA03
    segments: tuple[Segment, ...] = ()
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE

    @property
    def is_response(self) -> bool:
        return self.beginning.purpose == "11"


def read_278(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[ServicesReview]:
    """Every 278 of a file. Other transaction sets are passed over."""
    noted = problems if problems is not None else Problems()
    for transaction in read_transactions(source, noted, limits):
        if transaction.kind == "278":
            review = services_review_of(transaction)
            noted.extend(review.problems[len(transaction.problems) :])
            yield review


def services_review_of(transaction: TransactionSet) -> ServicesReview:
    """The 278 in a transaction set that has been read already."""
    problems = Problems(transaction.problems)
    body = transaction.body
    return ServicesReview(
        envelope=transaction.envelope,
        control_number=transaction.control_number,
        beginning=read_beginning(transaction, problems),
        trace_numbers=tuple(segment[2] for segment in body if segment.id == "TRN"),
        decisions=tuple(_decision(segment) for segment in body if segment.id == "HCR"),
        rejections=tuple(segment[3] for segment in body if segment.id == "AAA"),
        segments=body,
        problems=tuple(problems),
        place=transaction.place,
    )


def _decision(segment: Segment) -> Decision:
    place = Place(segment.number, segment.number)
    return Decision(action=segment[1], authorization_number=segment[2], reason=segment[3], place=place)
