"""What did the payer pay, claim by claim and cent by cent?

Source: ASC X12N 005010X221A1 (835). One RemittanceAdvice for each ST; every segment is kept, those without a word here
as `others`. Amounts are integer cents: a positive adjustment reduces the payment, a positive provider adjustment too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from shared.codecs.x12.elements import (
    Adjustment,
    Amount,
    Dated,
    Party,
    Quantity,
    Reference,
    dated_on,
    loops,
    procedure_at,
    read_adjustments,
    read_amount,
    read_name,
    read_party,
    read_reference,
)
from shared.codecs.x12.envelope import Place, SetHeader, TransactionSet, walk
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.remittance_parts import (
    ClaimPayment,
    GroupSummary,
    ProviderAdjustment,
    RemittanceAdvice,
    RemittanceHeader,
    RemittancePart,
    RemittanceTrailer,
    ServiceLine,
)
from shared.codecs.x12.remittance_writing import FUNCTIONAL_ID, GUIDE, write_835
from shared.codecs.x12.tokenizer import Limits, Segment, Source

__all__ = [
    "FUNCTIONAL_ID",
    "GUIDE",
    "ClaimPayment",
    "GroupSummary",
    "ProviderAdjustment",
    "RemittanceAdvice",
    "RemittanceHeader",
    "RemittancePart",
    "RemittanceReader",
    "RemittanceTrailer",
    "ServiceLine",
    "read_835",
    "remittance_of",
    "stream_835",
    "write_835",
]


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
    reader: RemittanceReader | None = None
    current: SetHeader | None = None
    start = 0
    for opened, run in walk(source, noted, limits):
        if opened is not current:
            if reader is not None:
                yield from reader.finish()
                start = len(noted)
            current = opened
            reader = RemittanceReader(opened, noted, start) if opened.kind == "835" else None
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
    reader = RemittanceReader(opened, problems, 0)
    (advice,) = _advices([*reader.take(transaction.segments), *reader.finish()])
    return advice


_BOUNDARIES = frozenset(("CLP", "LX", "PLB", "SE"))


class RemittanceReader:
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
        place=Place(bpr.number, bpr.number),
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
