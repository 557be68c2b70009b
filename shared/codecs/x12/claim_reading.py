"""How is an 837 read, claim by claim? What professional, institutional and dental claims share.

Source: ASC X12N 005010X222A1, X223A2 and X224A2. Memory does not grow with the number of claims of a set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Generic

from msgspec import Struct

from shared.codecs.x12.claim_parts import (
    AnyBatch,
    AnyClaim,
    BillingProvider,
    Claim,
    ClaimHeader,
    ClaimTrailer,
    LineAdjudication,
    OtherCoverage,
    Patient,
    RelatedCauses,
    Subscriber,
)
from shared.codecs.x12.elements import (
    Adjustment,
    Dated,
    Party,
    Reference,
    loops,
    procedure_at,
    read_adjustments,
    read_dated,
    read_party,
    read_reference,
    starts_with,
)
from shared.codecs.x12.envelope import Place, SetHeader, TransactionSet, walk
from shared.codecs.x12.hierarchy import read_beginning_of
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import Limits, Segment, Source, parts_of


class Context(Struct, frozen=True, kw_only=True):
    """The levels above a claim."""

    billing_provider: BillingProvider
    subscriber: Subscriber
    payer: Party
    patient: Patient | None


ReadClaim = Callable[[Sequence[Segment], Context, Problems], AnyClaim]

_BOUNDARIES = frozenset(("HL", "CLM", "SE"))


class ClaimReader(Generic[AnyClaim]):
    """Gathers the segments of the header, a level or a claim, and turns them into words when the next begins."""

    def __init__(
        self, opened: SetHeader, read_claim: ReadClaim[AnyClaim], problems: Problems, problems_before: int
    ) -> None:
        self.opened = opened
        self.read_claim = read_claim
        self.problems = problems
        self.problems_before = problems_before
        self.pending: list[Segment] = []
        self.is_in_header = True
        self.billing = BillingProvider(party=Party(role="85"))
        self.subscriber, self.payer = Subscriber(party=Party(role="IL")), Party(role="PR")
        self.patient: Patient | None = None
        self.level: Segment | None = None
        self.is_without_claim = False
        self.last = opened.opening
        self.levels: dict[str, list[Segment]] = {}  # the latest of each HL03
        self.claim: list[Segment] = []  # the latest, as it came

    def take(self, run: Sequence[Segment]) -> Iterator[ClaimHeader | AnyClaim]:
        """The header and the claims that are complete now that these segments have come."""
        start = 0
        for at in [at for at, segment in enumerate(run) if segment.elements[0] in _BOUNDARIES]:
            self.pending += run[start:at]
            yield from self._complete()
            start = at
        self.pending += run[start:]
        self.last = run[-1]

    def finish(self) -> Iterator[ClaimHeader | AnyClaim | ClaimTrailer]:
        yield from self._complete()
        self._close_level()
        yield ClaimTrailer(
            problems=tuple(self.problems[self.problems_before :]),
            place=Place(self.opened.opening.number, self.last.number),
        )

    def _complete(self) -> Iterator[ClaimHeader | AnyClaim]:
        pending, self.pending = self.pending, []
        if self.is_in_header:
            self.is_in_header = False
            yield self._header(pending)
        elif pending and pending[0].elements[0] == "HL":
            self._level(pending)
        elif pending and pending[0].elements[0] == "CLM":
            self.is_without_claim, self.claim = False, pending
            context = Context(
                billing_provider=self.billing, subscriber=self.subscriber, payer=self.payer, patient=self.patient
            )
            yield self.read_claim(pending, context, self.problems)

    def _header(self, segments: Sequence[Segment]) -> ClaimHeader:
        top = [segment for segment in segments[1:] if segment.elements[0] != "BHT"]
        heading, *blocks = loops(top, starts_with("NM1"))
        others: list[Segment] = []
        sides = {block[0][1]: read_party(block, self.problems, others) for block in blocks}
        return ClaimHeader(
            envelope=self.opened.envelope,
            control_number=self.opened.control_number,
            beginning=read_beginning_of(segments or [self.opened.opening], self.problems),
            submitter=sides.get("41", Party(role="41")),
            receiver=sides.get("40", Party(role="40")),
            others=(*heading, *others),
        )

    def _close_level(self) -> None:
        if self.level is not None and self.is_without_claim:
            rule = "a patient has a claim"
            self.problems.missing(self.level.number, "CLM", rule, expected="CLM", loop="2300", segment_code="I6")

    def _level(self, level: list[Segment]) -> None:
        self._close_level()
        self.levels[level[0][3]] = level
        self.level, self.patient = level[0], None
        self.is_without_claim = level[0][3] == "23" or (level[0][3] == "22" and level[0][4] == "0")
        match level[0][3]:
            case "20":
                self.billing = _billing_provider(level, self.problems)
            case "22":
                self.subscriber, self.payer = _subscriber(level, self.problems)
            case "23":
                self.patient = _patient(level, self.problems)
            case _:
                self.problems.add(level[0], 3, "HL03 is 20, 22 or 23")


def stream_claims(
    kind: str,
    read_claim: ReadClaim[AnyClaim],
    source: Source,
    problems: Problems | None = None,
    limits: Limits | None = None,
) -> Iterator[ClaimHeader | AnyClaim | ClaimTrailer]:
    """Header, claims one by one, trailer, for every set of this kind in a file."""
    noted = problems if problems is not None else Problems()
    reader: ClaimReader[AnyClaim] | None = None
    current: SetHeader | None = None
    start = 0
    for opened, run in walk(source, noted, limits):
        if opened is not current:
            if reader is not None:
                yield from reader.finish()
                start = len(noted)
            current = opened
            reader = ClaimReader(opened, read_claim, noted, start) if opened.kind == kind else None
        if reader is None:
            continue
        yield from reader.take(run)
        if run[-1].elements[0] == "SE":
            yield from reader.finish()
            reader, start = None, len(noted)
    if reader is not None:
        yield from reader.finish()


def parts_of_set(
    transaction: TransactionSet, read_claim: ReadClaim[AnyClaim]
) -> Iterator[ClaimHeader | AnyClaim | ClaimTrailer]:
    """The same parts of a transaction set that has been read already."""
    opened = SetHeader(
        kind=transaction.kind,
        envelope=transaction.envelope,
        set_id=transaction.set_id,
        control_number=transaction.control_number,
        guide=transaction.guide,
        opening=transaction.segments[0],
    )
    reader = ClaimReader(opened, read_claim, Problems(transaction.problems), 0)
    yield from reader.take(transaction.segments)
    yield from reader.finish()


def batches_of(kind: type[AnyBatch], parts: Iterable[ClaimHeader | Claim | ClaimTrailer]) -> Iterator[AnyBatch]:
    """Whole sets, as batches of a kind, from their parts."""
    header: ClaimHeader | None = None
    claims: list[Claim] = []
    for part in parts:
        if isinstance(part, ClaimHeader):
            header, claims = part, []
        elif isinstance(part, ClaimTrailer):
            assert header is not None  # the reader gives a header first, whatever the file holds
            yield kind(
                envelope=header.envelope,
                control_number=header.control_number,
                beginning=header.beginning,
                submitter=header.submitter,
                receiver=header.receiver,
                claims=tuple(claims),
                others=header.others,
                problems=part.problems,
                place=part.place,
            )
        else:
            claims.append(part)


class Diagnoses(Struct, frozen=True):
    """HI of a professional or dental claim: the principal one first, without points."""

    codes: tuple[str, ...] = ()
    is_icd9: bool = False
    others: tuple[Segment, ...] = ()


def read_diagnoses(segments: Sequence[Segment]) -> Diagnoses:
    """The codes of the first HI that begins with a principal diagnosis; conditions and anaesthesia stay as they came."""
    for segment in segments:
        kind = segment.components(1)[:1]
        if kind not in (("ABK",), ("BK",)):
            continue
        parts = (segment.components(index) for index in range(1, len(segment.elements)))
        codes = tuple(part[1] for part in parts if len(part) > 1)
        return Diagnoses(codes, kind == ("BK",), tuple(each for each in segments if each is not segment))
    return Diagnoses(others=tuple(segments))


# The levels above a claim


def _billing_provider(level: Sequence[Segment], problems: Problems) -> BillingProvider:
    lead, *blocks = loops(level, starts_with("NM1"))
    others: list[Segment] = [segment for segment in lead[1:] if segment.id != "PRV"]
    parties, unknown = read_parties(blocks, ("85", "87"), problems)
    return BillingProvider(
        party=parties.get("85", Party(role="85")),
        taxonomy=next((segment[3] for segment in lead if segment.id == "PRV"), ""),
        pay_to=parties.get("87"),
        others=(*others, *unknown),
    )


def _subscriber(level: Sequence[Segment], problems: Problems) -> tuple[Subscriber, Party]:
    lead, *blocks = loops(level, starts_with("NM1"))
    sbr = next((segment for segment in lead if segment.id == "SBR"), Segment(level[0].number, ("SBR",)))
    parties, unknown = read_parties(blocks, ("IL", "PR"), problems)
    subscriber = Subscriber(
        party=parties.get("IL", Party(role="IL")),
        responsibility=sbr[1],
        group_number=sbr[3],
        group_name=sbr[4],
        insurance_type=sbr[5],
        filing_indicator=sbr[9],
        others=(*(segment for segment in lead[1:] if segment.id != "SBR"), *unknown),
    )
    return subscriber, parties.get("PR", Party(role="PR"))


def _patient(level: Sequence[Segment], problems: Problems) -> Patient:
    lead, *blocks = loops(level, starts_with("NM1"))
    pat = next((segment for segment in lead if segment.id == "PAT"), Segment(level[0].number, ("PAT",)))
    parties, unknown = read_parties(blocks, ("QC",), problems)
    return Patient(
        party=parties.get("QC", Party(role="QC")),
        relationship=pat[1],
        others=(*(segment for segment in lead[1:] if segment.id != "PAT"), *unknown),
    )


def read_parties(
    blocks: Iterable[Sequence[Segment]], roles: tuple[str, ...], problems: Problems
) -> tuple[dict[str, Party], list[Segment]]:
    """The party loops with these roles, the first of each; everything else as it came."""
    found: dict[str, Party] = {}
    others: list[Segment] = []
    for block in blocks:
        role = block[0][1]
        if role in roles and role not in found:
            found[role] = read_party(block, problems, others)
        else:
            others += block
    return found, others


# Inside a claim

_AMOUNTS = frozenset(("F5", "F3", "D", "A8", "EAF"))


class Facts:
    """What may follow a CLM, SBR, LX or SVD, by kind; the rest as it came."""

    def __init__(self, segments: Iterable[Segment], problems: Problems) -> None:
        self.references: list[Reference] = []
        self.dates: list[Dated] = []
        self.amounts: dict[str, int] = {}
        self.adjustments: list[Adjustment] = []
        self.codes: list[Segment] = []  # HI
        self.note = ""
        self.others: list[Segment] = []
        for segment in segments:
            match segment.elements[0]:
                case "REF" if len(segment.elements) <= 3 and segment[1]:
                    self.references.append(read_reference(segment))
                case "DTP" if segment[2] in ("D8", "RD8") and (dated := read_dated(segment, problems)):
                    self.dates.append(dated)
                case "AMT" if segment[1] in _AMOUNTS and segment[1] not in self.amounts:
                    self.amounts[segment[1]] = problems.cents(segment, 2)
                case "CAS":
                    self.adjustments += read_adjustments(segment, problems)
                case "HI":
                    self.codes.append(segment)
                case "NTE" if segment[1] == "ADD" and not self.note:
                    self.note = segment[2]
                case _:
                    self.others.append(segment)

    def named(self, qualifier: str) -> str:
        """Take the reference with this qualifier out of the list."""
        for reference in self.references:
            if reference.qualifier == qualifier:
                self.references.remove(reference)
                return reference.value
        return ""

    def dated(self, qualifier: str) -> Dated | None:
        """Take the date with this qualifier out of the list."""
        for dated in self.dates:
            if dated.qualifier == qualifier:
                self.dates.remove(dated)
                return dated
        return None


def related_causes(clm: Segment) -> RelatedCauses | None:
    """CLM11."""
    if not clm[11]:
        return None
    parts = (*clm.components(11), "", "", "", "", "")[:5]
    if not any(parts):
        return None
    codes = tuple(part for part in parts[:3] if part)
    return RelatedCauses(codes=codes, state=parts[3], country=parts[4])


def read_coverages(blocks: Iterable[Sequence[Segment]], problems: Problems) -> tuple[OtherCoverage, ...]:
    """Loops 2320, each from its SBR."""
    return tuple(_other_coverage(block, problems) for block in blocks)


def _other_coverage(segments: Sequence[Segment], problems: Problems) -> OtherCoverage:
    sbr = segments[0]
    lead, *blocks = loops(segments, starts_with("NM1"))
    oi = next((segment for segment in lead if segment.id == "OI"), Segment(sbr.number, ("OI",)))
    facts = Facts((segment for segment in lead[1:] if segment is not oi), problems)
    parties, unknown = read_parties(blocks, ("IL", "PR"), problems)
    adjudicated = [segment for segment in unknown if segment.id == "DTP" and segment[1] == "573" and segment[2] == "D8"]
    dated = read_dated(adjudicated[0], problems) if adjudicated else None
    return OtherCoverage(
        responsibility=sbr[1],
        relationship=sbr[2],
        group_number=sbr[3],
        group_name=sbr[4],
        insurance_type=sbr[5],
        filing_indicator=sbr[9],
        adjustments=tuple(facts.adjustments),
        paid_cents=facts.amounts.get("D"),
        non_covered_cents=facts.amounts.get("A8"),
        remaining_patient_cents=facts.amounts.get("EAF"),
        benefits_assigned=oi[3],
        patient_signature=oi[4],
        release_of_information=oi[6],
        subscriber=parties.get("IL", Party(role="IL")),
        payer=parties.get("PR", Party(role="PR")),
        adjudicated_on=dated.first_on if dated else None,
        others=(
            *facts.codes,
            *facts.others,
            *(segment for segment in unknown if not dated or segment is not adjudicated[0]),
        ),
        place=Place(sbr.number, segments[-1].number),
    )


def read_pointers(segment: Segment, index: int, problems: Problems) -> tuple[int, ...]:
    """The diagnosis pointers in an element: positions from 1."""
    try:
        return _pointers(segment[index], segment.dialect.component)
    except ValueError:
        problems.add(segment, index, "a diagnosis pointer is a position from 1 to 12")
        return ()


@lru_cache(maxsize=1_024)
def _pointers(text: str, component: str) -> tuple[int, ...]:
    parts = [part for part in parts_of(text, component) if part]
    if not all(part.isdigit() and part.isascii() and len(part) <= 2 for part in parts):
        raise ValueError
    return tuple(int(part) for part in parts)


def read_adjudications(blocks: Iterable[Sequence[Segment]], problems: Problems) -> tuple[LineAdjudication, ...]:
    """Loops 2430, each from its SVD."""
    return tuple(_adjudication(block, problems) for block in blocks)


def _adjudication(segments: Sequence[Segment], problems: Problems) -> LineAdjudication:
    svd = segments[0]
    facts = Facts(segments[1:], problems)
    decided = facts.dated("573")
    return LineAdjudication(
        payer_id=svd[1],
        paid_cents=problems.cents(svd, 2),
        procedure=procedure_at(svd, 3),
        revenue_code=svd[4],
        paid_units=problems.quantity(svd, 5),
        bundled_line=svd[6],
        adjustments=tuple(facts.adjustments),
        adjudicated_on=decided.first_on if decided else None,
        remaining_patient_cents=facts.amounts.get("EAF"),
        others=(*facts.codes, *facts.others),
        place=Place(svd.number, segments[-1].number),
    )
