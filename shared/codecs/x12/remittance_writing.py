"""How is a remittance written? For the sandbox and for tests.

Source: ASC X12N 005010X221A1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from shared.codecs.x12.elements import (
    optional_day_text,
    optional_quantity_text,
    procedure_parts,
    write_adjustments,
    write_organisation,
    write_party,
)
from shared.codecs.x12.remittance_parts import (
    ClaimPayment,
    ProviderAdjustment,
    RemittanceAdvice,
    RemittanceHeader,
    ServiceLine,
)
from shared.codecs.x12.tokenizer import STANDARD, Dialect
from shared.codecs.x12.values import cents_text, day_text, quantity_text
from shared.codecs.x12.writer import SegmentWriter, write_interchange, write_set

GUIDE = "005010X221A1"
FUNCTIONAL_ID = "HP"


def write_835(advices: Sequence[RemittanceAdvice], dialect: Dialect = STANDARD) -> bytes:
    """One interchange with one group holding these advices, in the envelope of the first.

    Raises ValueError when there is none or their envelopes differ."""
    if not advices or any(each.header.envelope != advices[0].header.envelope for each in advices):
        raise ValueError("the advices of one interchange share one envelope")
    envelope = advices[0].header.envelope
    writer = SegmentWriter(dialect, is_upper_case=False)
    sets = (write_set(writer, "835", each.header.control_number, "", list(_body(writer, each))) for each in advices)
    return write_interchange(writer, envelope, functional_id=FUNCTIONAL_ID, version=GUIDE, sets=sets)


def _body(writer: SegmentWriter, advice: RemittanceAdvice) -> Iterator[str]:
    yield from _written_header(writer, advice.header)
    summaries = {summary.header_number: summary for summary in advice.summaries}
    for header_number, claims in groupby(advice.claims, key=lambda claim: claim.header_number):
        yield writer.segment("LX", header_number)
        summary = summaries.pop(header_number, None)
        if summary is not None:
            yield from map(writer.copy, summary.segments)
        for claim in claims:
            yield from _written_claim(writer, claim)
    yield from _written_adjustments(writer, advice.provider_adjustments)
    yield from map(writer.copy, advice.others)


def _written_header(writer: SegmentWriter, header: RemittanceHeader) -> Iterator[str]:
    segment = writer.segment
    yield segment(
        "BPR",
        header.handling,
        cents_text(header.payment_cents),
        header.credit_or_debit,
        header.method,
        header.payment_format,
        *header.payer_bank,
        header.originator_id,
        header.originator_supplement,
        *header.payee_bank,
        optional_day_text(header.effective_on),
    )
    yield segment("TRN", "1", header.trace_number, header.trace_originator, header.trace_supplement)
    if header.receiver_id:
        yield segment("REF", "EV", header.receiver_id)
    if header.version:
        yield segment("REF", "F2", header.version)
    if header.produced_on:
        yield segment("DTM", "405", day_text(header.produced_on))
    yield from map(writer.copy, header.others)
    yield from write_organisation(writer, header.payer)
    yield from write_organisation(writer, header.payee)


def _written_claim(writer: SegmentWriter, claim: ClaimPayment) -> Iterator[str]:
    yield writer.segment(
        "CLP",
        claim.claim_id,
        claim.status,
        cents_text(claim.charged_cents),
        cents_text(claim.paid_cents),
        cents_text(claim.patient_responsibility_cents) if claim.patient_responsibility_cents else "",
        claim.filing_indicator,
        claim.payer_control_number,
        claim.facility_type,
        claim.frequency,
        "",
        claim.drg,
        optional_quantity_text(claim.drg_weight),
        optional_quantity_text(claim.discharge_fraction),
    )
    yield from write_adjustments(writer, claim.adjustments)
    for party in claim.parties:
        yield from write_party(writer, party)
    if claim.inpatient:
        yield writer.segment("MIA", *claim.inpatient)
    if claim.outpatient:
        yield writer.segment("MOA", *claim.outpatient)
    yield from _written_facts(writer, claim)
    for line in claim.lines:
        yield from _written_line(writer, line)


def _written_line(writer: SegmentWriter, line: ServiceLine) -> Iterator[str]:
    yield writer.segment(
        "SVC",
        procedure_parts(line.procedure),
        cents_text(line.charged_cents),
        cents_text(line.paid_cents),
        line.revenue_code,
        optional_quantity_text(line.units),
        procedure_parts(line.submitted_procedure),
        optional_quantity_text(line.submitted_units),
    )
    for dated in line.dates:
        yield writer.segment("DTM", dated.qualifier, day_text(dated.first_on))
    yield from write_adjustments(writer, line.adjustments)
    for reference in line.references:
        yield writer.segment("REF", reference.qualifier, reference.value)
    yield from _written_amounts(writer, line)
    for remark in line.remarks:
        yield writer.segment("LQ", remark.qualifier, remark.value)
    yield from map(writer.copy, line.others)


def _written_facts(writer: SegmentWriter, claim: ClaimPayment) -> Iterator[str]:
    for reference in claim.references:
        yield writer.segment("REF", reference.qualifier, reference.value)
    for dated in claim.dates:
        yield writer.segment("DTM", dated.qualifier, day_text(dated.first_on))
    yield from map(writer.copy, claim.others)
    yield from _written_amounts(writer, claim)


def _written_amounts(writer: SegmentWriter, part: ClaimPayment | ServiceLine) -> Iterator[str]:
    for amount in part.amounts:
        yield writer.segment("AMT", amount.qualifier, cents_text(amount.cents))
    for quantity in part.quantities:
        yield writer.segment("QTY", quantity.qualifier, quantity_text(quantity.quantity))


def _written_adjustments(writer: SegmentWriter, adjustments: Sequence[ProviderAdjustment]) -> Iterator[str]:
    """PLB segments: neighbours of one provider and period together, at most six pairs each."""
    for (provider_id, period), members in groupby(
        adjustments, key=lambda each: (each.provider_id, each.fiscal_period_on)
    ):
        same = list(members)
        for start in range(0, len(same), 6):
            pairs: list[str | tuple[str, ...]] = []
            for each in same[start : start + 6]:
                pairs += [(each.reason, each.reference), cents_text(each.cents)]
            yield writer.segment("PLB", provider_id, optional_day_text(period), *pairs)
