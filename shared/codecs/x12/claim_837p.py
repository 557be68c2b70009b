"""What does a professional claim say to a payer?

Source: ASC X12N 005010X222A1 (837P). One ClaimBatch for each ST; a claim carries its whole context (billing provider,
subscriber, payer, patient), and the writer gathers neighbours that share it under one HL. Amounts are integer cents.
What has no word here is kept as `others` of the nearest thing that owns it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TypeAlias

from shared.codecs.x12.claim_parts import (
    ORIGINAL,
    REPLACEMENT,
    VOID,
    Batch,
    BillingProvider,
    Claim,
    ClaimHeader,
    ClaimLine,
    ClaimTrailer,
    LineAdjudication,
    OtherCoverage,
    Patient,
    RelatedCauses,
    Subscriber,
)
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

__all__ = [
    "DIAGNOSES_MAX",
    "GUIDE",
    "ORIGINAL",
    "REPLACEMENT",
    "VOID",
    "BillingProvider",
    "ClaimBatch",
    "LineAdjudication",
    "OtherCoverage",
    "Patient",
    "ProfessionalClaim",
    "RelatedCauses",
    "ServiceLine",
    "Subscriber",
    "batch_of",
    "read_837p",
    "stream_837p",
    "write_837p",
]

GUIDE = "005010X222A1"
DIAGNOSES_MAX = 12


class ServiceLine(ClaimLine, frozen=True, kw_only=True, gc=False):
    """Loop 2400 of a professional claim."""

    procedure: Procedure  # SV101
    units: Decimal | None = None  # SV104
    unit: str = "UN"  # SV103: UN units, MJ minutes
    place_of_service: str = ""  # SV105, when not the claim's
    pointers: tuple[int, ...] = ()  # SV107: positions of the claim's diagnoses, from 1
    is_emergency: bool = False  # SV109
    is_epsdt: bool = False  # SV111
    is_family_planning: bool = False  # SV112
    copay_status: str = ""  # SV115: 0 exempt
    prior_authorization: str = ""  # REF*G1
    note: str = ""  # NTE*ADD
    rendering: Party | None = None  # NM1*82, when not the claim's


class ProfessionalClaim(Claim, frozen=True, kw_only=True, gc=False):
    """Loop 2300 of a professional claim."""

    place_of_service: str = ""  # CLM05-1
    provider_signature: str = "Y"  # CLM06
    patient_signature: str = ""  # CLM10: P, the provider signed for the patient
    special_program: str = ""  # CLM12
    patient_paid_cents: int | None = None  # AMT*F5
    diagnoses: tuple[str, ...] = ()  # HI: principal first, without points
    is_icd9: bool = False  # BK and BF instead of ABK and ABF: services before 2015-10-01
    referring: Party | None = None  # NM1*DN
    rendering: Party | None = None  # NM1*82, when not the billing provider
    facility: Party | None = None  # NM1*77, when not the billing address
    supervising: Party | None = None  # NM1*DQ
    lines: tuple[ServiceLine, ...] = ()


class ClaimBatch(Batch[ProfessionalClaim], frozen=True, kw_only=True):
    """One ST to SE of an 837P."""


Part: TypeAlias = ClaimHeader | ProfessionalClaim | ClaimTrailer


# Reading


def read_837p(source: Source, problems: Problems | None = None, limits: Limits | None = None) -> Iterator[ClaimBatch]:
    """Every batch of a file. Other transaction sets are passed over. Problems of a batch are in it; those of the
    whole file go to `problems` too."""
    yield from batches_of(ClaimBatch, stream_837p(source, problems, limits))


def stream_837p(source: Source, problems: Problems | None = None, limits: Limits | None = None) -> Iterator[Part]:
    """Header, claims one by one, trailer, for every ST: memory does not grow with the number of claims."""
    yield from stream_claims("837P", read_claim, source, problems, limits)


def batch_of(transaction: TransactionSet) -> ClaimBatch:
    """The claims of a transaction set that has been read already."""
    (batch,) = batches_of(ClaimBatch, parts_of_set(transaction, read_claim))
    return batch


def read_claim(segments: Sequence[Segment], context: Context, problems: Problems) -> ProfessionalClaim:
    """One claim from its CLM to its last line."""
    clm = segments[0]
    whole, *lines = loops(segments, starts_with("LX"))
    own, *coverages = loops(whole, starts_with("SBR"))
    lead, *blocks = loops(own, starts_with("NM1"))
    facts = Facts(lead[1:], problems)
    diagnoses = read_diagnoses(facts.codes)
    providers, unknown = read_parties(blocks, ("DN", "82", "77", "DQ"), problems)
    where = (*clm.components(5), "", "", "")
    return ProfessionalClaim(
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
        patient_signature=clm[10],
        related_causes=related_causes(clm),
        special_program=clm[12],
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
        supervising=providers.get("DQ"),
        other_coverages=read_coverages(coverages, problems),
        lines=tuple(_line(each, problems) for each in lines),
        others=(*diagnoses.others, *facts.others, *unknown),
        place=Place(clm.number, segments[-1].number),
    )


def _line(segments: Sequence[Segment], problems: Problems) -> ServiceLine:
    whole, *decided = loops(segments, starts_with("SVD"))
    lead, *blocks = loops(whole, starts_with("NM1", "LIN"))
    sv1 = next((segment for segment in lead if segment.id == "SV1"), Segment(segments[0].number, ("SV1",)))
    facts = Facts((segment for segment in lead[1:] if segment is not sv1), problems)
    providers, unknown = read_parties(blocks, ("82",), problems)
    service = facts.dated("472")
    if len(sv1.elements) == 1:
        problems.add(segments[0], 0, "a professional line has SV1", found="")
    return ServiceLine(
        procedure=procedure_at(sv1, 1) or Procedure(code=""),
        charged_cents=problems.cents(sv1, 2) if len(sv1.elements) > 1 else 0,
        unit=sv1[3],
        units=problems.quantity(sv1, 4),
        place_of_service=sv1[5],
        pointers=read_pointers(sv1, 7, problems),
        is_emergency=sv1[9] == "Y",
        is_epsdt=sv1[11] == "Y",
        is_family_planning=sv1[12] == "Y",
        copay_status=sv1[15],
        service_on=service.first_on if service else None,
        service_to=service.last_on if service else None,
        control_number=facts.named("6R"),
        prior_authorization=facts.named("G1"),
        references=tuple(facts.references),
        dates=tuple(facts.dates),
        note=facts.note,
        rendering=providers.get("82"),
        adjudications=read_adjudications(decided, problems),
        others=(*facts.codes, *facts.others, *unknown),
        place=Place(segments[0].number, segments[-1].number),
    )


# Writing


def write_837p(batches: Sequence[ClaimBatch], dialect: Dialect = STANDARD) -> bytes:
    """One interchange with one group holding these batches, in the envelope of the first, in upper case.

    Raises ValueError when there is none or their envelopes differ."""
    return write_837(batches, GUIDE, _written_claim, dialect)


_CLAIM_ORDER = ("DTP", "PWK", "CN1", "AMT", "REF", "K3", "NTE", "CR1", "CR2", "CRC", "HI", "HCP")
_LINE_ORDER = (
    *("SV5", "PWK", "CR1", "CR3", "CRC", "DTP", "QTY", "MEA", "CN1", "REF", "AMT", "K3", "NTE", "PS1", "HCP"),
)


def _written_claim(writer: SegmentWriter, claim: ProfessionalClaim) -> Iterator[str]:
    clm = written_clm(
        writer,
        claim,
        where=(claim.place_of_service, "B", claim.frequency),
        signature=claim.provider_signature,
        patient_signature=claim.patient_signature,
        special_program=claim.special_program,
    )
    codes = written_diagnoses(writer, claim.diagnoses, is_icd9=claim.is_icd9, most=DIAGNOSES_MAX)
    facts = written_facts(writer, claim, amounts=(("F5", claim.patient_paid_cents),), codes=codes)
    providers = (claim.referring, claim.rendering, claim.facility, claim.supervising)
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


def _written_line(writer: SegmentWriter, line: ServiceLine) -> Iterator[str]:
    service = writer.segment(
        "SV1",
        procedure_parts(line.procedure),
        cents_text(line.charged_cents),
        line.unit,
        optional_quantity_text(line.units),
        line.place_of_service,
        "",
        tuple(map(str, line.pointers)),
        "",
        "Y" if line.is_emergency else "",
        "",
        "Y" if line.is_epsdt else "",
        "Y" if line.is_family_planning else "",
        "",
        "",
        line.copay_status,
    )
    facts = written_line_dates(writer, line)
    facts += written_numbers(writer, line.references, (("G1", line.prior_authorization), ("6R", line.control_number)))
    if line.note:
        facts.append(writer.segment("NTE", "ADD", line.note))
    yield from written_line(writer, line, service=service, facts=facts, order=_LINE_ORDER, parties=(line.rendering,))
