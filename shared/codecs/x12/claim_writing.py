"""How is an 837 written? What professional, institutional and dental claims share.

Source: ASC X12N 005010X222A1, X223A2 and X224A2. Neighbours that share billing provider, subscriber or patient stand
under one HL. Upper case, delimiters inside data replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import TypeVar

from msgspec.structs import replace

from shared.codecs.x12.claim_parts import (
    FUNCTIONAL_ID,
    AnyClaim,
    Batch,
    BillingProvider,
    Claim,
    ClaimLine,
    LineAdjudication,
    OtherCoverage,
    Patient,
)
from shared.codecs.x12.elements import (
    Dated,
    Party,
    Reference,
    optional_cents_text,
    optional_quantity_text,
    procedure_parts,
    write_adjustments,
    write_dated,
    write_party,
)
from shared.codecs.x12.hierarchy import write_beginning
from shared.codecs.x12.tokenizer import Dialect, Segment
from shared.codecs.x12.values import cents_text
from shared.codecs.x12.writer import SegmentWriter, Value, write_interchange, write_set

AnyLine = TypeVar("AnyLine", bound=ClaimLine)
WriteClaim = Callable[[SegmentWriter, AnyClaim], Iterator[str]]


def write_837(
    batches: Sequence[Batch[AnyClaim]], guide: str, write_claim: WriteClaim[AnyClaim], dialect: Dialect
) -> bytes:
    """One interchange with one group holding these batches, in the envelope of the first, in upper case.

    Raises ValueError when there is none or their envelopes differ."""
    if not batches or any(batch.envelope != batches[0].envelope for batch in batches):
        raise ValueError("the batches of one interchange share one envelope")
    writer = SegmentWriter(dialect)
    sets = (
        write_set(writer, "837", each.control_number, guide, list(_body(writer, each, write_claim))) for each in batches
    )
    return write_interchange(writer, batches[0].envelope, functional_id=FUNCTIONAL_ID, version=guide, sets=sets)


def _body(writer: SegmentWriter, batch: Batch[AnyClaim], write_claim: WriteClaim[AnyClaim]) -> Iterator[str]:
    yield write_beginning(writer, "0019", batch.beginning)
    yield from map(writer.copy, batch.others)
    yield from write_party(writer, batch.submitter)
    yield from write_party(writer, batch.receiver)
    number = 0
    for billing, of_provider in groupby(batch.claims, key=lambda claim: claim.billing_provider):
        number += 1
        parent = number
        yield writer.segment("HL", str(number), "", "20", "1")
        yield from _written_billing_provider(writer, billing)
        for claims in _of_one_subscriber(of_provider):
            number += 1
            yield from _written_subscriber(writer, claims[0], number=number, parent=parent)
            if claims[0].patient is None:
                for claim in claims:
                    yield from write_claim(writer, claim)
                continue
            subscriber = number
            for patient, of_patient in groupby(claims, key=lambda claim: claim.patient):
                number += 1
                yield writer.segment("HL", str(number), str(subscriber), "23", "0")
                yield from _written_patient(writer, patient)
                for claim in of_patient:
                    yield from write_claim(writer, claim)


def _of_one_subscriber(claims: Iterable[AnyClaim]) -> Iterator[list[AnyClaim]]:
    """Neighbours with one coverage. The subscriber's own claims stand apart from a dependent's: SBR02 = 18 and a
    2000C under one HL is refused by payers."""
    for _, same in groupby(claims, key=lambda each: (each.subscriber, each.payer, each.patient is None)):
        yield list(same)


def _written_billing_provider(writer: SegmentWriter, billing: BillingProvider) -> Iterator[str]:
    if billing.taxonomy:
        yield writer.segment("PRV", "BI", "PXC", billing.taxonomy)
    before, after = split_at_party(billing.others)
    yield from map(writer.copy, before)
    yield from write_party(writer, billing.party)
    if billing.pay_to:
        yield from write_party(writer, billing.pay_to)
    yield from map(writer.copy, after)


def _written_subscriber(writer: SegmentWriter, claim: Claim, *, number: int, parent: int) -> Iterator[str]:
    subscriber, is_patient = claim.subscriber, claim.patient is None
    yield writer.segment("HL", str(number), str(parent), "22", "0" if is_patient else "1")
    yield writer.segment(
        "SBR",
        subscriber.responsibility,
        "18" if is_patient else "",
        subscriber.group_number,
        subscriber.group_name,
        subscriber.insurance_type,
        "",
        "",
        "",
        subscriber.filing_indicator,
    )
    before, after = split_at_party(subscriber.others)
    yield from map(writer.copy, before)
    yield from write_party(writer, subscriber.party)
    yield from write_party(writer, claim.payer)
    yield from map(writer.copy, after)


def _written_patient(writer: SegmentWriter, patient: Patient | None) -> Iterator[str]:
    if patient is None:
        return
    before, after = split_at_party(patient.others)
    yield writer.segment("PAT", patient.relationship)
    yield from map(writer.copy, before)
    yield from write_party(writer, patient.party)
    yield from map(writer.copy, after)


# Inside a claim


def written_clm(
    writer: SegmentWriter,
    claim: Claim,
    *,
    where: Sequence[str],
    signature: str = "",
    patient_signature: str = "",
    special_program: str = "",
    predetermination: str = "",
) -> str:
    """CLM; `where` is CLM05 as a composite."""
    causes = claim.related_causes
    related = (*(*causes.codes, "", "", "")[:3], causes.state, causes.country) if causes else ""
    return writer.segment(
        "CLM",
        claim.claim_id,
        cents_text(claim.charged_cents),
        "",
        "",
        tuple(where),
        signature,
        claim.assignment,
        claim.benefits_assigned,
        claim.release_of_information,
        patient_signature,
        related,
        special_program,
        *[""] * 6,
        predetermination,
        claim.delay_reason,
    )


def written_claim(
    writer: SegmentWriter,
    claim: Claim,
    lines: Sequence[AnyLine],
    *,
    clm: str,
    facts: list[str],
    order: tuple[str, ...],
    providers: Iterable[Party | None],
    write_line: Callable[[SegmentWriter, AnyLine], Iterator[str]],
) -> Iterator[str]:
    """A claim from its CLM to its last line, with what has no word here in the place of its kind."""
    yield clm
    before, after = split_at_party(claim.others)
    yield from written_in_order(facts, before, order, writer)
    yield from written_providers(writer, providers)
    yield from map(writer.copy, after)
    for coverage in claim.other_coverages:
        yield from _written_other_coverage(writer, coverage)
    for number, line in enumerate(lines, start=1):
        yield writer.segment("LX", str(number))
        yield from write_line(writer, line)


def written_facts(
    writer: SegmentWriter, claim: Claim, *, amounts: Sequence[tuple[str, int | None]] = (), codes: Iterable[str] = ()
) -> list[str]:
    """DTP AMT REF NTE HI of a claim, in the order of the guides."""
    facts = [write_dated(writer, dated) for dated in claim.dates]
    facts += [writer.segment("AMT", name, cents_text(cents)) for name, cents in amounts if cents is not None]
    numbers = (("G1", claim.prior_authorization), ("F8", claim.payer_control_number))
    facts += written_numbers(writer, claim.references, numbers)
    if claim.note:
        facts.append(writer.segment("NTE", "ADD", claim.note))
    return [*facts, *codes]


def written_providers(writer: SegmentWriter, parties: Iterable[Party | None]) -> Iterator[str]:
    """Loops 2310 or 2420: those that are there."""
    for party in parties:
        if party:
            yield from write_party(writer, party)


def written_numbers(
    writer: SegmentWriter, references: Sequence[Reference], named: Sequence[tuple[str, str]]
) -> Iterator[str]:
    """REF of a claim or line."""
    for reference in references:
        yield writer.segment("REF", reference.qualifier, reference.value)
    for qualifier, value in named:
        if value:
            yield writer.segment("REF", qualifier, value)


def _written_other_coverage(writer: SegmentWriter, coverage: OtherCoverage) -> Iterator[str]:
    segment = writer.segment
    yield segment(
        "SBR",
        coverage.responsibility,
        coverage.relationship,
        coverage.group_number,
        coverage.group_name,
        coverage.insurance_type,
        "",
        "",
        "",
        coverage.filing_indicator,
    )
    yield from write_adjustments(writer, coverage.adjustments)
    paid = (("D", coverage.paid_cents), ("A8", coverage.non_covered_cents), ("EAF", coverage.remaining_patient_cents))
    for qualifier, cents in paid:
        if cents is not None:
            yield segment("AMT", qualifier, cents_text(cents))
    before, after = split_at_party(coverage.others)
    released = coverage.release_of_information
    yield segment("OI", "", "", coverage.benefits_assigned, coverage.patient_signature, "", released)
    yield from map(writer.copy, before)
    yield from write_party(writer, coverage.subscriber)
    yield from _written_other_payer(writer, coverage)
    yield from map(writer.copy, after)


def _written_other_payer(writer: SegmentWriter, coverage: OtherCoverage) -> Iterator[str]:
    """2330B: the adjudication date stands between the address and the references."""
    payer = replace(coverage.payer, references=(), contacts=())
    yield from write_party(writer, payer)
    if coverage.adjudicated_on:
        yield write_dated(writer, Dated(qualifier="573", first_on=coverage.adjudicated_on))
    for reference in coverage.payer.references:
        yield writer.segment("REF", reference.qualifier, reference.value)


def written_line_dates(writer: SegmentWriter, line: ClaimLine) -> list[str]:
    """DTP of a line, the service date first."""
    dates = [write_dated(writer, dated) for dated in line.dates]
    if line.service_on:
        service = Dated(qualifier="472", first_on=line.service_on, last_on=line.service_to)
        dates.insert(0, write_dated(writer, service))
    return dates


def _written_adjudication(writer: SegmentWriter, adjudication: LineAdjudication) -> Iterator[str]:
    yield writer.segment(
        "SVD",
        adjudication.payer_id,
        cents_text(adjudication.paid_cents),
        procedure_parts(adjudication.procedure),
        adjudication.revenue_code,
        optional_quantity_text(adjudication.paid_units),
        adjudication.bundled_line,
    )
    yield from write_adjustments(writer, adjudication.adjustments)
    if adjudication.adjudicated_on:
        yield write_dated(writer, Dated(qualifier="573", first_on=adjudication.adjudicated_on))
    if adjudication.remaining_patient_cents is not None:
        yield writer.segment("AMT", "EAF", optional_cents_text(adjudication.remaining_patient_cents))
    yield from map(writer.copy, adjudication.others)


def written_in_order(
    facts: list[str], others: Iterable[Segment], order: tuple[str, ...], writer: SegmentWriter
) -> list[str]:
    """Facts, which stand in the order of the guide, with the others put among them; unknown ones last."""
    copied = [writer.copy(segment) for segment in others]
    if not copied:
        return facts

    def rank(text: str) -> int:
        name = text.partition(writer.dialect.element)[0]
        return order.index(name) if name in order else len(order)

    return sorted([*facts, *copied], key=rank)


def written_line(
    writer: SegmentWriter,
    line: ClaimLine,
    *,
    service: str,
    facts: list[str],
    order: tuple[str, ...],
    parties: Iterable[Party | None],
) -> Iterator[str]:
    """A line from its SV1, SV2 or SV3 to its 2430 loops, with what has no word here in the place of its kind."""
    yield service
    before, unknown = split_at_party(line.others)
    drug_at = next((at for at, segment in enumerate(before) if segment.id == "LIN"), len(before))
    yield from written_in_order(facts, before[:drug_at], order, writer)
    yield from map(writer.copy, before[drug_at:])
    yield from written_providers(writer, parties)
    yield from map(writer.copy, unknown)
    for adjudication in line.adjudications:
        yield from _written_adjudication(writer, adjudication)


def written_codes(writer: SegmentWriter, values: Sequence[Value], *, most: int = 12) -> Iterator[str]:
    """HI segments with at most so many composites each."""
    for start in range(0, len(values), most):
        yield writer.segment("HI", *values[start : start + most])


def written_diagnoses(writer: SegmentWriter, codes: Sequence[str], *, is_icd9: bool, most: int = 12) -> Iterator[str]:
    """HI of a professional or dental claim, the principal diagnosis first."""
    first, further = ("BK", "BF") if is_icd9 else ("ABK", "ABF")
    yield from written_codes(writer, [(further if at else first, code) for at, code in enumerate(codes)], most=most)


def split_at_party(others: Sequence[Segment]) -> tuple[Sequence[Segment], Sequence[Segment]]:
    """What belongs to the loop itself, and the party loops that have no word here."""
    first = next((at for at, segment in enumerate(others) if segment.id == "NM1"), len(others))
    return others[:first], others[first:]
