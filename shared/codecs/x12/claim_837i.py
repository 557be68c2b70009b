"""What does an institutional claim say to a payer?

Source: ASC X12N 005010X223A2 (837I). One InstitutionalBatch for each ST. The type of bill is `facility_type` and
`frequency`. Amounts are integer cents. What has no word here is kept as `others` of the nearest thing that owns it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
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
    read_parties,
    related_causes,
    stream_claims,
)
from shared.codecs.x12.claim_writing import (
    write_837,
    written_claim,
    written_clm,
    written_facts,
    written_line,
    written_line_dates,
    written_numbers,
)
from shared.codecs.x12.elements import (
    Dated,
    Party,
    Procedure,
    loops,
    optional_cents_text,
    optional_quantity_text,
    procedure_at,
    procedure_parts,
    starts_with,
    write_dated,
)
from shared.codecs.x12.envelope import Place, TransactionSet
from shared.codecs.x12.hospital_codes import HospitalCodes, read_hospital_codes, written_hospital_codes
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import STANDARD, Dialect, Limits, Segment, Source
from shared.codecs.x12.values import NotADay, cents_text, day_text, to_day
from shared.codecs.x12.writer import SegmentWriter

GUIDE = "005010X223A2"


class InstitutionalLine(ClaimLine, frozen=True, kw_only=True, gc=False):
    """Loop 2400 of an institutional claim."""

    revenue_code: str  # SV201
    procedure: Procedure | None = None  # SV202
    unit: str = "UN"  # SV204: UN units, DA days
    units: Decimal | None = None  # SV205
    non_covered_cents: int | None = None  # SV207
    operating: Party | None = None  # NM1*72, when not the claim's
    rendering: Party | None = None  # NM1*82, when not the claim's


class Stay(Struct, frozen=True, kw_only=True):
    """When the patient came and went. Times are HHMM."""

    admitted_on: date | None = None  # DTP*435
    admitted_time: str = ""  # DTP*435 with DT
    discharged_time: str = ""  # DTP*096


class InstitutionalClaim(Claim, frozen=True, kw_only=True, gc=False):
    """Loop 2300 of an institutional claim."""

    facility_type: str  # CLM05-1: the first two digits of the type of bill, whose last is the frequency
    statement: Dated | None = None  # DTP*434
    stay: Stay = Stay()
    admission_type: str = ""  # CL101
    admission_source: str = ""  # CL102
    patient_status: str = ""  # CL103
    estimated_due_cents: int | None = None  # AMT*F3
    codes: HospitalCodes = HospitalCodes()  # HI
    attending: Party | None = None  # NM1*71
    operating: Party | None = None  # NM1*72
    other_operating: Party | None = None  # NM1*ZZ
    rendering: Party | None = None  # NM1*82
    facility: Party | None = None  # NM1*77
    referring: Party | None = None  # NM1*DN
    lines: tuple[InstitutionalLine, ...] = ()


class InstitutionalBatch(Batch[InstitutionalClaim], frozen=True, kw_only=True):
    """One ST to SE of an 837I."""


Part: TypeAlias = ClaimHeader | InstitutionalClaim | ClaimTrailer


# Reading


def read_837i(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[InstitutionalBatch]:
    """Every 837I of a file. Other transaction sets are passed over."""
    yield from batches_of(InstitutionalBatch, stream_837i(source, problems, limits))


def stream_837i(source: Source, problems: Problems | None = None, limits: Limits | None = None) -> Iterator[Part]:
    """Header, claims one by one, trailer, for every ST: memory does not grow with the number of claims."""
    yield from stream_claims("837I", read_claim, source, problems, limits)


def institutional_batch_of(transaction: TransactionSet) -> InstitutionalBatch:
    """The 837I in a transaction set that has been read already."""
    (batch,) = batches_of(InstitutionalBatch, parts_of_set(transaction, read_claim))
    return batch


_PROVIDERS = ("71", "72", "ZZ", "82", "77", "DN")


def read_claim(segments: Sequence[Segment], context: Context, problems: Problems) -> InstitutionalClaim:
    """One claim from its CLM to its last line."""
    clm = segments[0]
    whole, *lines = loops(segments, starts_with("LX"))
    own, *coverages = loops(whole, starts_with("SBR"))
    lead, *blocks = loops(own, starts_with("NM1"))
    cl1 = next((segment for segment in lead if segment.id == "CL1"), Segment(clm.number, ("CL1",)))
    facts = Facts((segment for segment in lead[1:] if segment is not cl1), problems)
    providers, unknown = read_parties(blocks, _PROVIDERS, problems)
    where = (*clm.components(5), "", "", "")
    statement, stay = facts.dated("434"), _stay(facts)
    return InstitutionalClaim(
        billing_provider=context.billing_provider,
        subscriber=context.subscriber,
        payer=context.payer,
        patient=context.patient,
        claim_id=clm[1],
        charged_cents=problems.cents(clm, 2),
        facility_type=where[0],
        frequency=where[2],
        assignment=clm[7],
        benefits_assigned=clm[8],
        release_of_information=clm[9],
        related_causes=related_causes(clm),
        delay_reason=clm[20],
        statement=statement,
        stay=stay,
        admission_type=cl1[1],
        admission_source=cl1[2],
        patient_status=cl1[3],
        estimated_due_cents=facts.amounts.get("F3"),
        payer_control_number=facts.named("F8"),
        prior_authorization=facts.named("G1"),
        codes=read_hospital_codes(facts.codes, problems),
        references=tuple(facts.references),
        dates=tuple(facts.dates),
        note=facts.note,
        attending=providers.get("71"),
        operating=providers.get("72"),
        other_operating=providers.get("ZZ"),
        rendering=providers.get("82"),
        facility=providers.get("77"),
        referring=providers.get("DN"),
        other_coverages=read_coverages(coverages, problems),
        lines=tuple(_line(line, problems) for line in lines),
        others=(*facts.others, *unknown),
        place=Place(clm.number, segments[-1].number),
    )


def _stay(facts: Facts) -> Stay:
    """Admission and discharge; a date that cannot be read stays as it came."""
    admitted = facts.dated("435")
    admitted_on, admitted_time, discharged_time = (admitted.first_on if admitted else None), "", ""
    for segment in list(facts.others):
        if segment.elements[0] != "DTP":
            continue
        if segment[1] == "096" and segment[2] == "TM" and not discharged_time:
            discharged_time = segment[3]
        elif segment[1] == "435" and segment[2] == "DT" and admitted_on is None:
            try:
                admitted_on, admitted_time = to_day(segment[3][:8]), segment[3][8:]
            except NotADay:
                continue
        else:
            continue
        facts.others.remove(segment)
    return Stay(admitted_on=admitted_on, admitted_time=admitted_time, discharged_time=discharged_time)


def _line(segments: Sequence[Segment], problems: Problems) -> InstitutionalLine:
    whole, *decided = loops(segments, starts_with("SVD"))
    lead, *blocks = loops(whole, starts_with("NM1", "LIN"))
    sv2 = next((segment for segment in lead if segment.id == "SV2"), None)
    if sv2 is None:
        problems.add(segments[0], 0, "an institutional line has SV2", found="")
        sv2 = Segment(segments[0].number, ("SV2", "", "", "0"))
    facts = Facts((segment for segment in lead[1:] if segment is not sv2), problems)
    providers, unknown = read_parties(blocks, ("72", "82"), problems)
    service = facts.dated("472")
    notes = [Segment(segments[0].number, ("NTE", "ADD", facts.note))] if facts.note else []
    return InstitutionalLine(
        revenue_code=sv2[1],
        procedure=procedure_at(sv2, 2),
        charged_cents=problems.cents(sv2, 3),
        unit=sv2[4],
        units=problems.quantity(sv2, 5),
        non_covered_cents=problems.optional_cents(sv2, 7),
        service_on=service.first_on if service else None,
        service_to=service.last_on if service else None,
        control_number=facts.named("6R"),
        references=tuple(facts.references),
        dates=tuple(facts.dates),
        operating=providers.get("72"),
        rendering=providers.get("82"),
        adjudications=read_adjudications(decided, problems),
        others=(*facts.codes, *notes, *facts.others, *unknown),
        place=Place(segments[0].number, segments[-1].number),
    )


# Writing


def write_837i(batches: Sequence[InstitutionalBatch], dialect: Dialect = STANDARD) -> bytes:
    """One interchange with one group holding these batches, in the envelope of the first, in upper case.

    Raises ValueError when there is none or their envelopes differ."""
    return write_837(batches, GUIDE, _written_claim, dialect)


_CLAIM_ORDER = ("DTP", "CL1", "PWK", "CN1", "AMT", "REF", "K3", "NTE", "CRC", "HI", "HCP")
_LINE_ORDER = ("PWK", "DTP", "REF", "AMT", "NTE", "HCP")


def _written_claim(writer: SegmentWriter, claim: InstitutionalClaim) -> Iterator[str]:
    amounts = (("F3", claim.estimated_due_cents),)
    codes = written_hospital_codes(writer, claim.codes)
    stay = list(_written_stay(writer, claim))
    facts = [*stay, *written_facts(writer, claim, amounts=amounts, codes=codes)]
    admission = writer.segment("CL1", claim.admission_type, claim.admission_source, claim.patient_status)
    if admission != "CL1":
        facts.insert(len(stay) + len(claim.dates), admission)  # behind the last DTP
    providers = (
        *(claim.attending, claim.operating, claim.other_operating, claim.rendering, claim.facility, claim.referring),
    )
    yield from written_claim(
        writer,
        claim,
        claim.lines,
        clm=written_clm(writer, claim, where=(claim.facility_type, "A", claim.frequency)),
        facts=facts,
        order=_CLAIM_ORDER,
        providers=providers,
        write_line=_written_line,
    )


def _written_stay(writer: SegmentWriter, claim: InstitutionalClaim) -> Iterator[str]:
    stay = claim.stay
    if stay.discharged_time:
        yield writer.segment("DTP", "096", "TM", stay.discharged_time)
    if claim.statement:
        first = claim.statement.first_on
        last = claim.statement.last_on or first  # a statement of one day is a period too
        yield write_dated(writer, Dated(qualifier="434", first_on=first, last_on=last))
    if stay.admitted_on:
        kind = "DT" if stay.admitted_time else "D8"
        yield writer.segment("DTP", "435", kind, day_text(stay.admitted_on) + stay.admitted_time)


def _written_line(writer: SegmentWriter, line: InstitutionalLine) -> Iterator[str]:
    service = writer.segment(
        "SV2",
        line.revenue_code,
        procedure_parts(line.procedure),
        cents_text(line.charged_cents),
        line.unit,
        optional_quantity_text(line.units),
        "",
        optional_cents_text(line.non_covered_cents),
    )
    facts = written_line_dates(writer, line)
    facts += written_numbers(writer, line.references, (("6R", line.control_number),))
    parties = (line.operating, line.rendering)
    yield from written_line(writer, line, service=service, facts=facts, order=_LINE_ORDER, parties=parties)
