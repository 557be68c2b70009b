"""What did the payer pay, claim by claim and cent by cent?

Source: ASC X12N 005010X221A1 (835). One RemittanceAdvice for each ST; every segment is kept, those without a word here
as `others`. Amounts are integer cents: a positive adjustment reduces the payment, a positive provider adjustment too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import TypeAlias

from msgspec import Struct

from shared.codecs.x12.elements import (
    Adjustment,
    Amount,
    Dated,
    Party,
    Procedure,
    Quantity,
    Reference,
    dated_on,
    loops,
    optional_day_text,
    optional_quantity_text,
    procedure_at,
    procedure_parts,
    read_adjustments,
    read_amount,
    read_name,
    read_party,
    read_reference,
    write_adjustments,
    write_organisation,
    write_party,
)
from shared.codecs.x12.envelope import NOWHERE, Envelope, Place, SetHeader, TransactionSet, walk
from shared.codecs.x12.problems import Problems, X12Error
from shared.codecs.x12.tokenizer import STANDARD, Dialect, Limits, Segment, Source
from shared.codecs.x12.values import cents_text, day_text, quantity_text
from shared.codecs.x12.writer import SegmentWriter, write_interchange, write_set

GUIDE = "005010X221A1"
FUNCTIONAL_ID = "HP"

# `gc=False` in this package: frozen structs of values hold no cycles, and an 835 makes very many of them.


class ServiceLine(Struct, frozen=True, kw_only=True, gc=False):
    """SVC and what follows it (loop 2110)."""

    procedure: Procedure | None  # SVC01
    charged_cents: int  # SVC02
    paid_cents: int  # SVC03
    revenue_code: str = ""  # SVC04
    units: Decimal | None = None  # SVC05; absent means 1
    submitted_procedure: Procedure | None = None  # SVC06, when the payer changed it
    submitted_units: Decimal | None = None  # SVC07
    dates: tuple[Dated, ...] = ()  # DTM 150 151 472
    adjustments: tuple[Adjustment, ...] = ()
    references: tuple[Reference, ...] = ()
    amounts: tuple[Amount, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    remarks: tuple[Reference, ...] = ()  # LQ: qualifier HE is a RARC, RX a drug reject code
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE

    @property
    def control_number(self) -> str:
        """REF*6R: our line item control number, or empty."""
        return _reference(self.references, "6R")

    @property
    def remark_codes(self) -> tuple[str, ...]:
        return tuple(remark.value for remark in self.remarks)

    @property
    def service_on(self) -> date | None:
        """The service date (472), or the first day of the period (150)."""
        return _day(self.dates, "472") or _day(self.dates, "150")


class ClaimPayment(Struct, frozen=True, kw_only=True, gc=False):
    """CLP and what follows it (loop 2100): the payer's answer to one claim."""

    claim_id: str  # CLP01, our patient control number; `0` when the payer never had it
    status: str  # CLP02
    charged_cents: int  # CLP03
    paid_cents: int  # CLP04
    patient_responsibility_cents: int = 0  # CLP05; not used on reversals
    filing_indicator: str = ""  # CLP06
    payer_control_number: str = ""  # CLP07
    facility_type: str = ""  # CLP08
    frequency: str = ""  # CLP09
    drg: str = ""  # CLP11
    drg_weight: Decimal | None = None  # CLP12
    discharge_fraction: Decimal | None = None  # CLP13
    header_number: str = "1"  # LX01 of the group of claims that it stands in
    adjustments: tuple[Adjustment, ...] = ()
    parties: tuple[Party, ...] = ()  # NM1: QC patient, IL insured, 74 corrected, 82, TT, PR, GB
    inpatient: tuple[str, ...] = ()  # MIA01 to MIA24
    outpatient: tuple[str, ...] = ()  # MOA01 to MOA09
    references: tuple[Reference, ...] = ()
    dates: tuple[Dated, ...] = ()  # DTM 232 233 036 050
    amounts: tuple[Amount, ...] = ()
    quantities: tuple[Quantity, ...] = ()
    lines: tuple[ServiceLine, ...] = ()
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE

    def party(self, role: str) -> Party | None:
        return next((party for party in self.parties if party.role == role), None)

    @property
    def patient(self) -> Party | None:
        """NM1*QC. Personal data."""
        return self.party("QC")

    @property
    def insured(self) -> Party | None:
        """NM1*IL, when not the patient. Personal data."""
        return self.party("IL")

    @property
    def corrected_insured(self) -> Party | None:
        """NM1*74: what the payer holds instead. Personal data."""
        return self.party("74")

    @property
    def rendering_provider(self) -> Party | None:
        return self.party("82")

    @property
    def crossover_carrier(self) -> Party | None:
        """NM1*TT: to whom the payer forwarded the claim."""
        return self.party("TT")

    @property
    def corrected_payer(self) -> Party | None:
        """NM1*PR: who should have been asked first."""
        return self.party("PR")

    @property
    def original_payer_control_number(self) -> str:
        """REF*F8."""
        return _reference(self.references, "F8")

    @property
    def remark_codes(self) -> tuple[str, ...]:
        """Every RARC of MIA and MOA, in order."""
        inpatient = [self.inpatient[index] for index in (4, 19, 20, 21, 22) if index < len(self.inpatient)]
        return tuple(code for code in (*inpatient, *self.outpatient[2:7]) if code)

    @property
    def is_reversal(self) -> bool:
        return self.status == "22"

    @property
    def is_forwarded(self) -> bool:
        return self.status in ("19", "20", "21", "23")


class ProviderAdjustment(Struct, frozen=True, kw_only=True):
    """One pair of a PLB. Positive reduces the payment, negative adds to it."""

    provider_id: str  # PLB01
    fiscal_period_on: date | None = None  # PLB02
    reason: str  # PLB03-1
    reference: str = ""  # PLB03-2
    cents: int  # PLB04
    place: Place = NOWHERE


class GroupSummary(Struct, frozen=True, kw_only=True):
    """TS3 and TS2 of a group of claims, as sent."""

    header_number: str  # LX01
    segments: tuple[Segment, ...]


class RemittanceHeader(Struct, frozen=True, kw_only=True):
    """What stands before the first claim."""

    envelope: Envelope
    control_number: str  # ST02
    handling: str  # BPR01: I information, H notification, C with payment ...
    payment_cents: int  # BPR02
    credit_or_debit: str = "C"  # BPR03
    method: str  # BPR04: ACH CHK NON BOP FWT
    payment_format: str = ""  # BPR05: CCP CTX
    payer_bank: tuple[str, str, str, str] = ("", "", "", "")  # BPR06 to 09
    originator_id: str = ""  # BPR10
    originator_supplement: str = ""  # BPR11
    payee_bank: tuple[str, str, str, str] = ("", "", "", "")  # BPR12 to 15
    effective_on: date | None = None  # BPR16
    trace_number: str = ""  # TRN02
    trace_originator: str = ""  # TRN03
    trace_supplement: str = ""  # TRN04
    receiver_id: str = ""  # REF*EV
    version: str = ""  # REF*F2
    produced_on: date | None = None  # DTM*405
    payer: Party = Party(role="PR")
    payee: Party = Party(role="PE")
    others: tuple[Segment, ...] = ()


class RemittanceAdvice(Struct, frozen=True, kw_only=True):
    """One ST to SE of an 835."""

    header: RemittanceHeader
    claims: tuple[ClaimPayment, ...] = ()
    provider_adjustments: tuple[ProviderAdjustment, ...] = ()
    summaries: tuple[GroupSummary, ...] = ()
    others: tuple[Segment, ...] = ()  # between PLB and SE
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE

    @property
    def payment_cents(self) -> int:
        return self.header.payment_cents

    @property
    def trace_number(self) -> str:
        return self.header.trace_number

    @property
    def trace_originator(self) -> str:
        return self.header.trace_originator

    @property
    def effective_on(self) -> date | None:
        return self.header.effective_on

    @property
    def payer(self) -> Party:
        return self.header.payer

    @property
    def payee(self) -> Party:
        return self.header.payee


class RemittanceTrailer(Struct, frozen=True, kw_only=True):
    """What stands after the last claim, with every problem of the set."""

    provider_adjustments: tuple[ProviderAdjustment, ...]
    summaries: tuple[GroupSummary, ...]
    others: tuple[Segment, ...]
    problems: tuple[X12Error, ...]
    place: Place


RemittancePart: TypeAlias = RemittanceHeader | ClaimPayment | RemittanceTrailer


def read_835(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[RemittanceAdvice]:
    """Every remittance of a file, one ST in memory at a time. Other transaction sets are passed over.

    Problems of an advice are in it; those of the whole file go to `problems` too."""
    yield from _advices(stream_835(source, problems, limits))


def _advices(parts: Iterable[RemittancePart]) -> Iterator[RemittanceAdvice]:
    header: RemittanceHeader | None = None
    claims: list[ClaimPayment] = []
    for part in parts:
        match part:
            case RemittanceHeader():
                header, claims = part, []
            case ClaimPayment():
                claims.append(part)
            case RemittanceTrailer():
                assert header is not None  # the reader gives a header first, whatever the file holds
                yield RemittanceAdvice(
                    header=header,
                    claims=tuple(claims),
                    provider_adjustments=part.provider_adjustments,
                    summaries=part.summaries,
                    others=part.others,
                    problems=part.problems,
                    place=part.place,
                )


def stream_835(
    source: Source, problems: Problems | None = None, limits: Limits | None = None
) -> Iterator[RemittancePart]:
    """Header, claims one by one, trailer, for every ST: memory does not grow with the number of claims."""
    noted = problems if problems is not None else Problems()
    reader: _Reader | None = None
    current: SetHeader | None = None
    start = 0
    for opened, run in walk(source, noted, limits):
        if opened is not current:
            if reader is not None:
                yield from reader.finish()
                start = len(noted)
            current = opened
            reader = _Reader(opened, noted, start) if opened.kind == "835" else None
        if reader is None:
            continue
        yield from reader.take(run)
        if run[-1].elements[0] == "SE":
            yield from reader.finish()
            reader, start = None, len(noted)
    if reader is not None:
        yield from reader.finish()


def remittance_of(transaction: TransactionSet) -> RemittanceAdvice:
    """The 835 in a transaction set that has been read already."""
    problems = Problems(transaction.problems)
    opened = SetHeader(
        kind=transaction.kind,
        envelope=transaction.envelope,
        set_id=transaction.set_id,
        control_number=transaction.control_number,
        guide=transaction.guide,
        opening=transaction.segments[0],
    )
    reader = _Reader(opened, problems, 0)
    (advice,) = _advices([*reader.take(transaction.segments), *reader.finish()])
    return advice


_BOUNDARIES = frozenset(("CLP", "LX", "PLB", "SE"))


class _Reader:
    """Gathers the segments of the header or of one claim, and turns them into words when the next begins."""

    def __init__(self, opened: SetHeader, problems: Problems, problems_before: int) -> None:
        self.opened = opened
        self.problems = problems
        self.problems_before = problems_before
        self.pending: list[Segment] = []
        self.is_in_header = True
        self.header_number = "1"
        self.adjustments: list[ProviderAdjustment] = []
        self.summaries: list[GroupSummary] = []
        self.others: list[Segment] = []
        self.last = opened.opening

    def take(self, run: Sequence[Segment]) -> Iterator[RemittanceHeader | ClaimPayment]:
        """The parts that are complete now that these segments have come."""
        start = 0
        for at in [at for at, segment in enumerate(run) if segment.elements[0] in _BOUNDARIES]:
            segment = run[at]
            name = segment.elements[0]
            self.pending += run[start:at]
            start = at if name in ("CLP", "LX") else at + 1
            done = self._complete()
            if done is not None:
                yield done
            if name == "LX":
                self.header_number = segment[1]
            elif name == "PLB":
                self.adjustments += _provider_adjustments(segment, self.problems)
        self.pending += run[start:]
        self.last = run[-1]

    def finish(self) -> Iterator[RemittancePart]:
        done = self._complete()
        if done is not None:
            yield done
        yield RemittanceTrailer(
            provider_adjustments=tuple(self.adjustments),
            summaries=tuple(self.summaries),
            others=tuple(self.others),
            problems=tuple(self.problems[self.problems_before :]),
            place=Place(self.opened.opening.number, self.last.number),
        )

    def _complete(self) -> RemittanceHeader | ClaimPayment | None:
        pending, self.pending = self.pending, []
        if self.is_in_header:
            self.is_in_header = False
            return _header(self.opened, pending[1:], self.problems)
        if not pending:
            return None
        match pending[0].elements[0]:
            case "CLP":
                return _claim(pending, self.header_number, self.problems)
            case "LX":
                if len(pending) > 1:
                    summary = GroupSummary(header_number=self.header_number, segments=tuple(pending[1:]))
                    self.summaries.append(summary)
            case _:
                self.others += pending
        return None


def _header(opened: SetHeader, segments: Sequence[Segment], problems: Problems) -> RemittanceHeader:
    top, *parties = loops(segments, lambda each: each.elements[0] == "N1" and each[1] in ("PR", "PE"))
    others: list[Segment] = []
    found: dict[str, Segment] = {}
    for segment in top:
        key = segment.id if segment.id in ("BPR", "TRN") else f"{segment.id}*{segment[1]}"
        if key in ("BPR", "TRN", "REF*EV", "REF*F2", "DTM*405") and key not in found:
            found[key] = segment
        else:
            others.append(segment)
    for required in ("BPR", "TRN"):
        if required not in found:
            problems.add(opened.opening, 0, f"an 835 has {required}", found="")
    sides = {block[0][1]: read_party(block, problems, others) for block in parties}
    nothing = Segment(opened.opening.number, ("",))
    bpr, trn = found.get("BPR", nothing), found.get("TRN", nothing)
    produced = found.get("DTM*405", nothing)
    return RemittanceHeader(
        envelope=opened.envelope,
        control_number=opened.control_number,
        handling=bpr[1],
        payment_cents=problems.cents(bpr, 2) if bpr is not nothing else 0,
        credit_or_debit=bpr[3],
        method=bpr[4],
        payment_format=bpr[5],
        payer_bank=(bpr[6], bpr[7], bpr[8], bpr[9]),
        originator_id=bpr[10],
        originator_supplement=bpr[11],
        payee_bank=(bpr[12], bpr[13], bpr[14], bpr[15]),
        effective_on=problems.day(bpr, 16),
        trace_number=trn[2],
        trace_originator=trn[3],
        trace_supplement=trn[4],
        receiver_id=found.get("REF*EV", nothing)[2],
        version=found.get("REF*F2", nothing)[2],
        produced_on=problems.day(produced, 2),
        payer=sides.get("PR", Party(role="PR")),
        payee=sides.get("PE", Party(role="PE")),
        others=tuple(others),
    )


def _provider_adjustments(segment: Segment, problems: Problems) -> Iterator[ProviderAdjustment]:
    period = problems.day(segment, 2)
    for index in range(3, min(len(segment.elements), 15), 2):
        parts = segment.components(index)
        if not parts and not segment[index + 1]:
            continue
        yield ProviderAdjustment(
            provider_id=segment[1],
            fiscal_period_on=period,
            reason=parts[0] if parts else "",
            reference=":".join(parts[1:]),
            cents=problems.cents(segment, index + 1),
            place=Place(segment.number, segment.number),
        )


class _Details:
    """What may follow a CLP or an SVC, in the order of arrival. The loop is hot: it works on plain lists."""

    __slots__ = (
        "adjustments",
        "amounts",
        "dates",
        "inpatient",
        "others",
        "outpatient",
        "parties",
        "quantities",
        "references",
        "remarks",
    )

    def __init__(self, segments: Sequence[Segment], problems: Problems, *, is_line: bool) -> None:
        adjustments: list[Adjustment] = []
        references: list[Reference] = []
        remarks: list[Reference] = []
        parties: list[Party] = []
        dates: list[Dated] = []
        amounts: list[Amount] = []
        quantities: list[Quantity] = []
        others: list[Segment] = []
        self.inpatient: tuple[str, ...] = ()
        self.outpatient: tuple[str, ...] = ()
        for segment in segments:
            name = segment.elements[0]
            if name == "CAS":
                adjustments += read_adjustments(segment, problems)
            elif name == "REF":
                references.append(read_reference(segment))
            elif name == "DTM" and (dated := dated_on(segment, problems)):
                dates.append(dated)
            elif name == "AMT":
                amounts.append(read_amount(segment, problems))
            elif name == "NM1" and not is_line:
                parties.append(read_name(segment))
            elif name == "LQ" and is_line:
                remarks.append(read_reference(segment))
            elif name == "MOA" and not is_line:
                self.outpatient = _stripped(segment)
            elif name == "MIA" and not is_line:
                self.inpatient = _stripped(segment)
            elif name == "QTY" and (quantity := problems.quantity(segment, 2)) is not None:
                quantities.append(Quantity(segment[1], quantity))
            else:
                others.append(segment)
        self.adjustments = tuple(adjustments)
        self.references = tuple(references)
        self.remarks = tuple(remarks)
        self.parties = tuple(parties)
        self.dates = tuple(dates)
        self.amounts = tuple(amounts)
        self.quantities = tuple(quantities)
        self.others = tuple(others)


def _claim(segments: Sequence[Segment], header_number: str, problems: Problems) -> ClaimPayment:
    clp = segments[0]
    starts = [at for at, segment in enumerate(segments) if segment.elements[0] == "SVC"]
    ends = [*starts[1:], len(segments)]
    details = _Details(segments[1 : starts[0] if starts else None], problems, is_line=False)
    values = (*map(str.strip, clp.elements), *_NO_VALUES)
    return ClaimPayment(
        claim_id=values[1],
        status=values[2],
        charged_cents=problems.cents(clp, 3),
        paid_cents=problems.cents(clp, 4),
        patient_responsibility_cents=problems.cents(clp, 5) if values[5] else 0,
        filing_indicator=values[6],
        payer_control_number=values[7],
        facility_type=values[8],
        frequency=values[9],
        drg=values[11],
        drg_weight=problems.quantity(clp, 12) if values[12] else None,
        discharge_fraction=problems.quantity(clp, 13) if values[13] else None,
        header_number=header_number,
        adjustments=details.adjustments,
        parties=details.parties,
        inpatient=details.inpatient,
        outpatient=details.outpatient,
        references=details.references,
        dates=details.dates,
        amounts=details.amounts,
        quantities=details.quantities,
        lines=tuple([_line(segments[start:end], problems) for start, end in zip(starts, ends, strict=False)]),
        others=details.others,
        place=Place(clp.number, segments[-1].number),
    )


def _line(segments: Sequence[Segment], problems: Problems) -> ServiceLine:
    svc = segments[0]
    details = _Details(segments[1:], problems, is_line=True)
    values = (*svc.elements, *_NO_VALUES)
    return ServiceLine(
        procedure=procedure_at(svc, 1),
        charged_cents=problems.cents(svc, 2),
        paid_cents=problems.cents(svc, 3),
        revenue_code=values[4].strip(),
        units=problems.quantity(svc, 5) if values[5] else None,
        submitted_procedure=procedure_at(svc, 6),
        submitted_units=problems.quantity(svc, 7) if values[7] else None,
        dates=details.dates,
        adjustments=details.adjustments,
        references=details.references,
        amounts=details.amounts,
        quantities=details.quantities,
        remarks=details.remarks,
        others=details.others,
        place=Place(svc.number, segments[-1].number),
    )


_NO_VALUES = ("",) * 13


def _stripped(segment: Segment) -> tuple[str, ...]:
    texts = [text.strip() for text in segment.elements[1:]]
    while texts and not texts[-1]:
        texts.pop()
    return tuple(texts)


def _reference(references: tuple[Reference, ...], qualifier: str) -> str:
    return next((each.value for each in references if each.qualifier == qualifier), "")


def _day(dates: tuple[Dated, ...], qualifier: str) -> date | None:
    return next((each.first_on for each in dates if each.qualifier == qualifier), None)


# Writing


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
