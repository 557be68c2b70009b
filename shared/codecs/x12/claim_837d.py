"""What does a dental claim say to a payer?

Source: ASC X12N 005010X224A2 (837D). One DentalBatch for each ST. Amounts are integer cents. What has no word here is
kept as `others` of the nearest thing that owns it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from shared.codecs.x12.claim_parts import Batch, Claim, ClaimHeader, ClaimLine, ClaimTrailer
from shared.codecs.x12.claim_reading import (
    Context,
    Facts,
    batches_of,
    parts_of_set,
    read_adjudications,
    read_coverages,
    read_diagnoses,
    read_parties,
    read_pointers,
    related_causes,
    stream_claims,
)
from shared.codecs.x12.claim_writing import (
    write_837,
    written_claim,
    written_clm,
    written_diagnoses,
    written_facts,
    written_line,
    written_line_dates,
    written_numbers,
)
from shared.codecs.x12.elements import (
    Party,
    Procedure,
    loops,
    optional_quantity_text,
    procedure_at,
    procedure_parts,
    starts_with,
)
from shared.codecs.x12.envelope import Place, TransactionSet
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import STANDARD, Dialect, Limits, Segment, Source
from shared.codecs.x12.values import cents_text
from shared.codecs.x12.writer import SegmentWriter

GUIDE = "005010X224A2"


class Tooth(Struct, frozen=True, kw_only=True):
    """TOO: which tooth, on which surfaces."""

    code: str  # TOO02: 1 to 32, A to T
    surfaces: tuple[str, ...] = ()  # TOO03: B buccal, D distal, M mesial ...


class DentalLine(ClaimLine, frozen=True, kw_only=True, gc=False):
    """Loop 2400 of a dental claim."""

    procedure: Procedure | None  # SV301
    place_of_service: str = ""  # SV303, when not the claim's
    areas: tuple[str, ...] = ()  # SV304: quadrants and arches
    prosthesis: str = ""  # SV305: I initial, R replacement
    quantity: Decimal | None = None  # SV306
    pointers: tuple[int, ...] = ()  # SV311
    teeth: tuple[Tooth, ...] = ()
    prior_authorization: str = ""  # REF*G1
    rendering: Party | None = None  # NM1*82, when not the claim's


class DentalClaim(Claim, frozen=True, kw_only=True, gc=False):
    """Loop 2300 of a dental claim."""

    place_of_service: str  # CLM05-1
    provider_signature: str = "Y"  # CLM06
    special_program: str = ""  # CLM12
    predetermination: str = ""  # CLM19: PB, how much would be paid
    patient_paid_cents: int | None = None  # AMT*F5
    diagnoses: tuple[str, ...] = ()  # HI, without points
    is_icd9: bool = False
    referring: Party | None = None  # NM1*DN
    rendering: Party | None = None  # NM1*82
    facility: Party | None = None  # NM1*77
    assistant: Party | None = None  # NM1*DD
    supervising: Party | None = None  # NM1*DQ
    lines: tuple[DentalLine, ...] = ()


class DentalBatch(Batch[DentalClaim], frozen=True, kw_only=True):
    """One ST to SE of an 837D."""


Part: TypeAlias = ClaimHeader | DentalClaim | ClaimTrailer


# Reading


def read_837d(source: Source, problems: Problems | None = None, limits: Limits | None = None) -> Iterator[DentalBatch]:
    """Every 837D of a file. Other transaction sets are passed over."""
    yield from batches_of(DentalBatch, stream_837d(source, problems, limits))


def stream_837d(source: Source, problems: Problems | None = None, limits: Limits | None = None) -> Iterator[Part]:
    """Header, claims one by one, trailer, for every ST: memory does not grow with the number of claims."""
    yield from stream_claims("837D", read_claim, source, problems, limits)


def dental_batch_of(transaction: TransactionSet) -> DentalBatch:
    """The 837D in a transaction set that has been read already."""
    (batch,) = batches_of(DentalBatch, parts_of_set(transaction, read_claim))
    return batch


def read_claim(segments: Sequence[Segment], context: Context, problems: Problems) -> DentalClaim:
    """One claim from its CLM to its last line."""
    clm = segments[0]
    whole, *lines = loops(segments, starts_with("LX"))
    own, *coverages = loops(whole, starts_with("SBR"))
    lead, *blocks = loops(own, starts_with("NM1"))
    facts = Facts(lead[1:], problems)
    diagnoses = read_diagnoses(facts.codes)
    providers, unknown = read_parties(blocks, ("DN", "82", "77", "DD", "DQ"), problems)
    where = (*clm.components(5), "", "", "")
    return DentalClaim(
        billing_provider=context.billing_provider,
        subscriber=context.subscriber,
        payer=context.payer,
        patient=context.patient,
        claim_id=clm[1],
        charged_cents=problems.cents(clm, 2),
        place_of_service=where[0],
        frequency=where[2],
        provider_signature=clm[6],
        assignment=clm[7],
        benefits_assigned=clm[8],
        release_of_information=clm[9],
        related_causes=related_causes(clm),
        special_program=clm[12],
        predetermination=clm[19],
        delay_reason=clm[20],
        payer_control_number=facts.named("F8"),
        prior_authorization=facts.named("G1"),
        patient_paid_cents=facts.amounts.get("F5"),
        diagnoses=diagnoses.codes,
        is_icd9=diagnoses.is_icd9,
        references=tuple(facts.references),
        dates=tuple(facts.dates),
        note=facts.note,
        referring=providers.get("DN"),
        rendering=providers.get("82"),
        facility=providers.get("77"),
        assistant=providers.get("DD"),
        supervising=providers.get("DQ"),
        other_coverages=read_coverages(coverages, problems),
        lines=tuple(_line(line, problems) for line in lines),
        others=(*diagnoses.others, *facts.others, *unknown),
        place=Place(clm.number, segments[-1].number),
    )


def _line(segments: Sequence[Segment], problems: Problems) -> DentalLine:
    whole, *decided = loops(segments, starts_with("SVD"))
    lead, *blocks = loops(whole, starts_with("NM1"))
    sv3 = next((segment for segment in lead if segment.id == "SV3"), None)
    if sv3 is None:
        problems.add(segments[0], 0, "a dental line has SV3", found="")
        sv3 = Segment(segments[0].number, ("SV3", "", "0"))
    teeth = [segment for segment in lead if segment.id == "TOO" and segment[1] == "JP"]
    facts = Facts((each for each in lead[1:] if each is not sv3 and each not in teeth), problems)
    providers, unknown = read_parties(blocks, ("82",), problems)
    service = facts.dated("472")
    notes = [Segment(segments[0].number, ("NTE", "ADD", facts.note))] if facts.note else []
    return DentalLine(
        procedure=procedure_at(sv3, 1),
        charged_cents=problems.cents(sv3, 2),
        place_of_service=sv3[3],
        areas=sv3.components(4),
        prosthesis=sv3[5],
        quantity=problems.quantity(sv3, 6),
        pointers=read_pointers(sv3, 11, problems),
        teeth=tuple(Tooth(code=each[2], surfaces=each.components(3)) for each in teeth),
        service_on=service.first_on if service else None,
        service_to=service.last_on if service else None,
        control_number=facts.named("6R"),
        prior_authorization=facts.named("G1"),
        references=tuple(facts.references),
        dates=tuple(facts.dates),
        rendering=providers.get("82"),
        adjudications=read_adjudications(decided, problems),
        others=(*facts.codes, *notes, *facts.others, *unknown),
        place=Place(segments[0].number, segments[-1].number),
    )


# Writing


def write_837d(batches: Sequence[DentalBatch], dialect: Dialect = STANDARD) -> bytes:
    """One interchange with one group holding these batches, in the envelope of the first, in upper case.

    Raises ValueError when there is none or their envelopes differ."""
    return write_837(batches, GUIDE, _written_claim, dialect)


_CLAIM_ORDER = ("DTP", "DN1", "DN2", "PWK", "CN1", "AMT", "REF", "K3", "NTE", "HI", "HCP")
_LINE_ORDER = ("TOO", "DTP", "CN1", "REF", "AMT", "K3", "HCP")


def _written_claim(writer: SegmentWriter, claim: DentalClaim) -> Iterator[str]:
    clm = written_clm(
        writer,
        claim,
        where=(claim.place_of_service, "B", claim.frequency),
        signature=claim.provider_signature,
        special_program=claim.special_program,
        predetermination=claim.predetermination,
    )
    codes = written_diagnoses(writer, claim.diagnoses, is_icd9=claim.is_icd9)
    facts = written_facts(writer, claim, amounts=(("F5", claim.patient_paid_cents),), codes=codes)
    providers = (claim.referring, claim.rendering, claim.facility, claim.assistant, claim.supervising)
    yield from written_claim(
        writer,
        claim,
        claim.lines,
        clm=clm,
        facts=facts,
        order=_CLAIM_ORDER,
        providers=providers,
        write_line=_written_line,
    )


def _written_line(writer: SegmentWriter, line: DentalLine) -> Iterator[str]:
    service = writer.segment(
        "SV3",
        procedure_parts(line.procedure),
        cents_text(line.charged_cents),
        line.place_of_service,
        line.areas,
        line.prosthesis,
        optional_quantity_text(line.quantity),
        "",
        "",
        "",
        "",
        tuple(map(str, line.pointers)),
    )
    facts = [writer.segment("TOO", "JP", each.code, each.surfaces) for each in line.teeth]
    facts += written_line_dates(writer, line)
    facts += written_numbers(writer, line.references, (("G1", line.prior_authorization), ("6R", line.control_number)))
    yield from written_line(writer, line, service=service, facts=facts, order=_LINE_ORDER, parties=(line.rendering,))
