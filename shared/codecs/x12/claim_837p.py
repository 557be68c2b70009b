"""What does a professional claim say to a payer?

Source: ASC X12N 005010X222A1 (837P). One ClaimBatch for each ST; a claim carries its whole context (billing provider,
subscriber, payer, patient), and the writer gathers neighbours that share it under one HL. Amounts are integer cents.
What has no word here is kept as `others` of the nearest thing that owns it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace

from shared.codecs.x12.elements import (
    Adjustment,
    Dated,
    Party,
    Procedure,
    Reference,
    loops,
    optional_cents_text,
    optional_quantity_text,
    procedure_parts,
    read_adjustments,
    read_dated,
    read_party,
    read_procedure,
    starts_with,
    write_adjustments,
    write_dated,
    write_party,
)
from shared.codecs.x12.envelope import NOWHERE, Envelope, Place, TransactionSet, read_transactions
from shared.codecs.x12.hierarchy import Beginning, read_beginning, top_and_levels, write_beginning
from shared.codecs.x12.problems import Problems, X12Error
from shared.codecs.x12.tokenizer import STANDARD, Dialect, Limits, Segment, Source
from shared.codecs.x12.values import cents_text
from shared.codecs.x12.writer import SegmentWriter, Value, write_interchange, write_set

GUIDE = "005010X222A1"
FUNCTIONAL_ID = "HC"
DIAGNOSES_MAX = 12

ORIGINAL, REPLACEMENT, VOID = "1", "7", "8"  # CLM05-3


class BillingProvider(Struct, frozen=True, kw_only=True):
    """Loop 2000A. The NPI is in `party.id`, the tax id in REF*EI of the party."""

    party: Party  # NM1*85
    taxonomy: str = ""  # PRV*BI
    pay_to: Party | None = None  # NM1*87: where the money goes, when not to the street address
    others: tuple[Segment, ...] = ()


class Subscriber(Struct, frozen=True, kw_only=True):
    """Loop 2000B: who holds the coverage that the claim is sent to. Personal data."""

    party: Party  # NM1*IL
    responsibility: str = "P"  # SBR01: P primary, S secondary, T tertiary
    group_number: str = ""  # SBR03
    group_name: str = ""  # SBR04, not together with the number
    insurance_type: str = ""  # SBR05: why Medicare is secondary
    filing_indicator: str = ""  # SBR09
    others: tuple[Segment, ...] = ()


class Patient(Struct, frozen=True, kw_only=True):
    """Loop 2000C: the patient, when somebody else's dependent. Personal data."""

    party: Party  # NM1*QC
    relationship: str  # PAT01: 01 spouse, 19 child, G8 other ...
    others: tuple[Segment, ...] = ()


class LineAdjudication(Struct, frozen=True, kw_only=True):
    """Loop 2430: what another payer decided about this line, verbatim from its 835."""

    payer_id: str  # SVD01 = id of that payer in 2330B
    paid_cents: int  # SVD02
    procedure: Procedure | None = None  # SVD03
    paid_units: Decimal | None = None  # SVD05
    bundled_line: str = ""  # SVD06
    adjustments: tuple[Adjustment, ...] = ()
    adjudicated_on: date | None = None  # DTP*573
    remaining_patient_cents: int | None = None  # AMT*EAF
    others: tuple[Segment, ...] = ()


class OtherCoverage(Struct, frozen=True, kw_only=True):
    """Loop 2320 with 2330A and 2330B: another payer of this claim, before or after this one."""

    responsibility: str  # SBR01
    relationship: str = ""  # SBR02: 18 self
    group_number: str = ""  # SBR03
    group_name: str = ""  # SBR04
    insurance_type: str = ""  # SBR05
    filing_indicator: str = ""  # SBR09
    adjustments: tuple[Adjustment, ...] = ()  # claim level, never what is at line level too
    paid_cents: int | None = None  # AMT*D; None: not adjudicated
    non_covered_cents: int | None = None  # AMT*A8
    remaining_patient_cents: int | None = None  # AMT*EAF
    benefits_assigned: str = "Y"  # OI03
    patient_signature: str = ""  # OI04
    release_of_information: str = "Y"  # OI06
    subscriber: Party  # NM1*IL
    payer: Party  # NM1*PR; REF*F8 is that payer's claim number
    adjudicated_on: date | None = None  # DTP*573 in 2330B, when it is not at the lines
    others: tuple[Segment, ...] = ()


class ServiceLine(Struct, frozen=True, kw_only=True):
    """Loop 2400."""

    procedure: Procedure  # SV101
    charged_cents: int  # SV102
    units: Decimal | None = None  # SV104
    unit: str = "UN"  # SV103: UN units, MJ minutes
    place_of_service: str = ""  # SV105, when not the claim's
    pointers: tuple[int, ...] = ()  # SV107: positions of the claim's diagnoses, from 1
    is_emergency: bool = False  # SV109
    service_on: date | None = None  # DTP*472
    service_to: date | None = None  # DTP*472 with a period
    control_number: str = ""  # REF*6R: comes back in the 835 and the 277CA
    prior_authorization: str = ""  # REF*G1
    references: tuple[Reference, ...] = ()
    dates: tuple[Dated, ...] = ()
    note: str = ""  # NTE*ADD
    rendering: Party | None = None  # NM1*82, when not the claim's
    adjudications: tuple[LineAdjudication, ...] = ()
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE


class ProfessionalClaim(Struct, frozen=True, kw_only=True):
    """Loop 2300 with its context."""

    billing_provider: BillingProvider
    subscriber: Subscriber
    payer: Party  # NM1*PR in 2010BB
    patient: Patient | None = None  # None: the subscriber is the patient
    claim_id: str  # CLM01, at most 20 characters
    charged_cents: int  # CLM02
    place_of_service: str = ""  # CLM05-1
    frequency: str = ORIGINAL  # CLM05-3
    provider_signature: str = "Y"  # CLM06
    assignment: str = "A"  # CLM07
    benefits_assigned: str = "Y"  # CLM08
    release_of_information: str = "Y"  # CLM09
    delay_reason: str = ""  # CLM20
    payer_control_number: str = ""  # REF*F8: the payer's number of the claim that this one replaces or voids
    prior_authorization: str = ""  # REF*G1
    patient_paid_cents: int | None = None  # AMT*F5
    diagnoses: tuple[str, ...] = ()  # HI: principal first, without points
    is_icd9: bool = False  # BK and BF instead of ABK and ABF: services before 2015-10-01
    references: tuple[Reference, ...] = ()
    dates: tuple[Dated, ...] = ()
    note: str = ""  # NTE*ADD
    referring: Party | None = None  # NM1*DN
    rendering: Party | None = None  # NM1*82, when not the billing provider
    facility: Party | None = None  # NM1*77, when not the billing address
    supervising: Party | None = None  # NM1*DQ
    other_coverages: tuple[OtherCoverage, ...] = ()
    lines: tuple[ServiceLine, ...] = ()
    others: tuple[Segment, ...] = ()
    place: Place = NOWHERE

    @property
    def person(self) -> Party:
        """Who was treated. Personal data."""
        return self.patient.party if self.patient else self.subscriber.party


class ClaimBatch(Struct, frozen=True, kw_only=True):
    """One ST to SE of an 837P."""

    envelope: Envelope
    control_number: str  # ST02
    beginning: Beginning  # BHT: the reference comes back in the 277CA; purpose 00 original, 18 reissue; type CH
    submitter: Party  # NM1*41 with at least one PER
    receiver: Party  # NM1*40
    claims: tuple[ProfessionalClaim, ...]
    others: tuple[Segment, ...] = ()
    problems: tuple[X12Error, ...] = ()
    place: Place = NOWHERE


# Reading


def read_837p(source: Source, problems: Problems | None = None, limits: Limits | None = None) -> Iterator[ClaimBatch]:
    """Every batch of a file. Other transaction sets are passed over. Problems of a batch are in it; those of the
    whole file go to `problems` too."""
    noted = problems if problems is not None else Problems()
    for transaction in read_transactions(source, noted, limits):
        if transaction.kind == "837P":
            batch = batch_of(transaction)
            noted.extend(batch.problems[len(transaction.problems) :])
            yield batch


def batch_of(transaction: TransactionSet) -> ClaimBatch:
    """The claims of a transaction set that has been read already."""
    problems = Problems(transaction.problems)
    top, levels = top_and_levels(transaction)
    heading, *parties = loops(top, starts_with("NM1"))
    others: list[Segment] = []
    sides: dict[str, Party] = {}
    for block in parties:
        sides[block[0][1]] = read_party(block, problems, others)
    beginning = read_beginning(transaction, problems)
    return ClaimBatch(
        envelope=transaction.envelope,
        control_number=transaction.control_number,
        beginning=beginning,
        submitter=sides.get("41", Party(role="41")),
        receiver=sides.get("40", Party(role="40")),
        claims=tuple(_claims(levels, problems)),
        others=(*heading, *others),
        problems=tuple(problems),
        place=transaction.place,
    )


def _claims(levels: Sequence[Sequence[Segment]], problems: Problems) -> Iterator[ProfessionalClaim]:
    billing = BillingProvider(party=Party(role="85"))
    subscriber, payer = Subscriber(party=Party(role="IL")), Party(role="PR")
    for level in levels:
        context, *claims = loops(level, starts_with("CLM"))
        patient: Patient | None = None
        match level[0][3]:
            case "20":
                billing = _billing_provider(context, problems)
            case "22":
                subscriber, payer = _subscriber(context, problems)
            case "23":
                patient = _patient(context, problems)
            case _:
                problems.add(level[0], 3, "HL03 is 20, 22 or 23")
        for claim in claims:
            yield _claim(claim, billing, subscriber, payer, patient, problems)


def _billing_provider(level: Sequence[Segment], problems: Problems) -> BillingProvider:
    lead, *blocks = loops(level, starts_with("NM1"))
    others: list[Segment] = [segment for segment in lead[1:] if segment.id != "PRV"]
    parties, unknown = _parties(blocks, ("85", "87"), problems)
    return BillingProvider(
        party=parties.get("85", Party(role="85")),
        taxonomy=next((segment[3] for segment in lead if segment.id == "PRV"), ""),
        pay_to=parties.get("87"),
        others=(*others, *unknown),
    )


def _subscriber(level: Sequence[Segment], problems: Problems) -> tuple[Subscriber, Party]:
    lead, *blocks = loops(level, starts_with("NM1"))
    sbr = next((segment for segment in lead if segment.id == "SBR"), Segment(level[0].number, ("SBR",)))
    parties, unknown = _parties(blocks, ("IL", "PR"), problems)
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
    parties, unknown = _parties(blocks, ("QC",), problems)
    return Patient(
        party=parties.get("QC", Party(role="QC")),
        relationship=pat[1],
        others=(*(segment for segment in lead[1:] if segment.id != "PAT"), *unknown),
    )


def _parties(
    blocks: Iterable[list[Segment]], roles: tuple[str, ...], problems: Problems
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


def _claim(
    segments: Sequence[Segment],
    billing_provider: BillingProvider,
    subscriber: Subscriber,
    payer: Party,
    patient: Patient | None,
    problems: Problems,
) -> ProfessionalClaim:
    clm = segments[0]
    whole, *lines = loops(segments, starts_with("LX"))
    own, *coverages = loops(whole, starts_with("SBR"))
    lead, *blocks = loops(own, starts_with("NM1"))
    facts = _Facts(lead[1:], problems)
    providers, unknown = _parties(blocks, ("DN", "82", "77", "DQ"), problems)
    where = (*clm.components(5), "", "", "")
    return ProfessionalClaim(
        billing_provider=billing_provider,
        subscriber=subscriber,
        payer=payer,
        patient=patient,
        claim_id=clm[1],
        charged_cents=problems.cents(clm, 2),
        place_of_service=where[0],
        frequency=where[2],
        provider_signature=clm[6],
        assignment=clm[7],
        benefits_assigned=clm[8],
        release_of_information=clm[9],
        delay_reason=clm[20],
        payer_control_number=facts.named("F8"),
        prior_authorization=facts.named("G1"),
        patient_paid_cents=facts.amounts.get("F5"),
        diagnoses=tuple(facts.diagnoses),
        is_icd9=facts.is_icd9,
        references=tuple(facts.references),
        dates=tuple(facts.dates),
        note=facts.note,
        referring=providers.get("DN"),
        rendering=providers.get("82"),
        facility=providers.get("77"),
        supervising=providers.get("DQ"),
        other_coverages=tuple(_other_coverage(each, problems) for each in coverages),
        lines=tuple(_line(each, problems) for each in lines),
        others=(*facts.others, *unknown),
        place=Place(clm.number, segments[-1].number),
    )


class _Facts:
    """What may follow a CLM, SBR, SV1 or SVD, by kind; the rest as it came."""

    def __init__(self, segments: Iterable[Segment], problems: Problems) -> None:
        self.references: list[Reference] = []
        self.dates: list[Dated] = []
        self.amounts: dict[str, int] = {}
        self.adjustments: list[Adjustment] = []
        self.diagnoses: list[str] = []
        self.is_icd9 = False
        self.note = ""
        self.others: list[Segment] = []
        for segment in segments:
            self._take(segment, problems)

    def _take(self, segment: Segment, problems: Problems) -> None:
        match segment.elements[0]:
            case "REF" if segment[1] and len(segment.elements) <= 3:
                self.references.append(Reference(segment[1], segment[2]))
            case "DTP" if segment[2] in ("D8", "RD8") and (dated := read_dated(segment, problems)):
                self.dates.append(dated)
            case "AMT" if segment[1] in ("F5", "D", "A8", "EAF") and segment[1] not in self.amounts:
                self.amounts[segment[1]] = problems.cents(segment, 2)
            case "CAS":
                self.adjustments += read_adjustments(segment, problems)
            case "HI" if segment.components(1)[:1] in (("ABK",), ("BK",)) and not self.diagnoses:
                self._diagnoses(segment)
            case "NTE" if segment[1] == "ADD" and not self.note:
                self.note = segment[2]
            case _:
                self.others.append(segment)

    def _diagnoses(self, segment: Segment) -> None:
        self.is_icd9 = segment.components(1)[0] == "BK"
        for index in range(1, len(segment.elements)):
            parts = segment.components(index)
            if len(parts) > 1:
                self.diagnoses.append(parts[1])

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


def _other_coverage(segments: Sequence[Segment], problems: Problems) -> OtherCoverage:
    sbr = segments[0]
    lead, *blocks = loops(segments, starts_with("NM1"))
    oi = next((segment for segment in lead if segment.id == "OI"), Segment(sbr.number, ("OI",)))
    facts = _Facts((segment for segment in lead[1:] if segment is not oi), problems)
    parties, unknown = _parties(blocks, ("IL", "PR"), problems)
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
        others=(*facts.others, *(segment for segment in unknown if not dated or segment is not adjudicated[0])),
    )


def _line(segments: Sequence[Segment], problems: Problems) -> ServiceLine:
    whole, *decided = loops(segments, starts_with("SVD"))
    lead, *blocks = loops(whole, starts_with("NM1", "LIN"))
    sv1 = next((segment for segment in lead if segment.id == "SV1"), Segment(segments[0].number, ("SV1",)))
    facts = _Facts((segment for segment in lead[1:] if segment is not sv1), problems)
    providers, unknown = _parties(blocks, ("82",), problems)
    service = facts.dated("472")
    if len(sv1.elements) == 1:
        problems.add(segments[0], 0, "a professional line has SV1", found="")
    return ServiceLine(
        procedure=read_procedure(sv1.components(1)) or Procedure(code=""),
        charged_cents=problems.cents(sv1, 2) if len(sv1.elements) > 1 else 0,
        unit=sv1[3],
        units=problems.quantity(sv1, 4),
        place_of_service=sv1[5],
        pointers=_pointers(sv1, problems),
        is_emergency=sv1[9] == "Y",
        service_on=service.first_on if service else None,
        service_to=service.last_on if service else None,
        control_number=facts.named("6R"),
        prior_authorization=facts.named("G1"),
        references=tuple(facts.references),
        dates=tuple(facts.dates),
        note=facts.note,
        rendering=providers.get("82"),
        adjudications=tuple(_adjudication(each, problems) for each in decided),
        others=(*facts.others, *unknown),
        place=Place(segments[0].number, segments[-1].number),
    )


def _pointers(sv1: Segment, problems: Problems) -> tuple[int, ...]:
    parts = [part for part in sv1.components(7) if part]
    if not all(part.isdigit() and part.isascii() and len(part) <= 2 for part in parts):
        problems.add(sv1, 7, "a diagnosis pointer is a position from 1 to 12")
        return ()
    return tuple(int(part) for part in parts)


def _adjudication(segments: Sequence[Segment], problems: Problems) -> LineAdjudication:
    svd = segments[0]
    facts = _Facts(segments[1:], problems)
    decided = facts.dated("573")
    return LineAdjudication(
        payer_id=svd[1],
        paid_cents=problems.cents(svd, 2),
        procedure=read_procedure(svd.components(3)),
        paid_units=problems.quantity(svd, 5),
        bundled_line=svd[6],
        adjustments=tuple(facts.adjustments),
        adjudicated_on=decided.first_on if decided else None,
        remaining_patient_cents=facts.amounts.get("EAF"),
        others=tuple(facts.others),
    )


# Writing


def write_837p(batches: Sequence[ClaimBatch], dialect: Dialect = STANDARD) -> bytes:
    """One interchange with one group holding these batches, in the envelope of the first, in upper case.

    Raises ValueError when there is none or their envelopes differ."""
    if not batches or any(batch.envelope != batches[0].envelope for batch in batches):
        raise ValueError("the batches of one interchange share one envelope")
    writer = SegmentWriter(dialect)
    sets = (write_set(writer, "837", each.control_number, GUIDE, list(_body(writer, each))) for each in batches)
    return write_interchange(writer, batches[0].envelope, functional_id=FUNCTIONAL_ID, version=GUIDE, sets=sets)


def _body(writer: SegmentWriter, batch: ClaimBatch) -> Iterator[str]:
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
                yield from _written_claims(writer, claims)
                continue
            subscriber = number
            for patient, of_patient in groupby(claims, key=lambda claim: claim.patient):
                number += 1
                yield writer.segment("HL", str(number), str(subscriber), "23", "0")
                yield from _written_patient(writer, patient)
                yield from _written_claims(writer, of_patient)


def _of_one_subscriber(claims: Iterable[ProfessionalClaim]) -> Iterator[list[ProfessionalClaim]]:
    """Neighbours with one coverage. The subscriber's own claims stand apart from a dependent's: SBR02 = 18 and a
    2000C under one HL is refused by payers."""
    for _, same in groupby(claims, key=lambda each: (each.subscriber, each.payer, each.patient is None)):
        yield list(same)


def _written_billing_provider(writer: SegmentWriter, billing: BillingProvider) -> Iterator[str]:
    if billing.taxonomy:
        yield writer.segment("PRV", "BI", "PXC", billing.taxonomy)
    before, after = _split_at_party(billing.others)
    yield from map(writer.copy, before)
    yield from write_party(writer, billing.party)
    if billing.pay_to:
        yield from write_party(writer, billing.pay_to)
    yield from map(writer.copy, after)


def _written_subscriber(writer: SegmentWriter, claim: ProfessionalClaim, *, number: int, parent: int) -> Iterator[str]:
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
    before, after = _split_at_party(subscriber.others)
    yield from map(writer.copy, before)
    yield from write_party(writer, subscriber.party)
    yield from write_party(writer, claim.payer)
    yield from map(writer.copy, after)


def _written_patient(writer: SegmentWriter, patient: Patient | None) -> Iterator[str]:
    if patient is None:
        return
    before, after = _split_at_party(patient.others)
    yield writer.segment("PAT", patient.relationship)
    yield from map(writer.copy, before)
    yield from write_party(writer, patient.party)
    yield from map(writer.copy, after)


def _written_claims(writer: SegmentWriter, claims: Iterable[ProfessionalClaim]) -> Iterator[str]:
    for claim in claims:
        yield from _written_claim(writer, claim)


def _written_claim(writer: SegmentWriter, claim: ProfessionalClaim) -> Iterator[str]:
    yield _written_clm(writer, claim)
    facts = [write_dated(writer, dated) for dated in claim.dates]
    if claim.patient_paid_cents is not None:
        facts.append(writer.segment("AMT", "F5", cents_text(claim.patient_paid_cents)))
    numbers = (("G1", claim.prior_authorization), ("F8", claim.payer_control_number))
    facts += _written_numbers(writer, claim.references, numbers)
    if claim.note:
        facts.append(writer.segment("NTE", "ADD", claim.note))
    facts += _written_diagnoses(writer, claim)
    before, after = _split_at_party(claim.others)
    yield from _in_order(facts, [writer.copy(segment) for segment in before], _CLAIM_ORDER, writer)
    for party in (claim.referring, claim.rendering, claim.facility, claim.supervising):
        if party:
            yield from write_party(writer, party)
    yield from map(writer.copy, after)
    for coverage in claim.other_coverages:
        yield from _written_other_coverage(writer, coverage)
    for number, line in enumerate(claim.lines, start=1):
        yield writer.segment("LX", str(number))
        yield from _written_line(writer, line)


def _written_clm(writer: SegmentWriter, claim: ProfessionalClaim) -> str:
    return writer.segment(
        "CLM",
        claim.claim_id,
        cents_text(claim.charged_cents),
        "",
        "",
        (claim.place_of_service, "B", claim.frequency),
        claim.provider_signature,
        claim.assignment,
        claim.benefits_assigned,
        claim.release_of_information,
        *[""] * 10,
        claim.delay_reason,
    )


def _written_diagnoses(writer: SegmentWriter, claim: ProfessionalClaim) -> Iterator[str]:
    first, further = ("BK", "BF") if claim.is_icd9 else ("ABK", "ABF")
    for start in range(0, len(claim.diagnoses), DIAGNOSES_MAX):
        codes = claim.diagnoses[start : start + DIAGNOSES_MAX]
        values: list[Value] = [(first if start + at == 0 else further, code) for at, code in enumerate(codes)]
        yield writer.segment("HI", *values)


def _written_numbers(
    writer: SegmentWriter, references: Sequence[Reference], named: Sequence[tuple[str, str]]
) -> Iterator[str]:
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
    before, after = _split_at_party(coverage.others)
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


def _written_line(writer: SegmentWriter, line: ServiceLine) -> Iterator[str]:
    yield writer.segment(
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
    )
    facts = [write_dated(writer, dated) for dated in line.dates]
    if line.service_on:
        service = Dated(qualifier="472", first_on=line.service_on, last_on=line.service_to)
        facts.insert(0, write_dated(writer, service))
    numbers = (("G1", line.prior_authorization), ("6R", line.control_number))
    facts += _written_numbers(writer, line.references, numbers)
    if line.note:
        facts.append(writer.segment("NTE", "ADD", line.note))
    before, parties = _split_at_party(line.others)
    drug_at = next((at for at, segment in enumerate(before) if segment.id == "LIN"), len(before))
    yield from _in_order(facts, [writer.copy(segment) for segment in before[:drug_at]], _LINE_ORDER, writer)
    yield from map(writer.copy, before[drug_at:])
    if line.rendering:
        yield from write_party(writer, line.rendering)
    yield from map(writer.copy, parties)
    for adjudication in line.adjudications:
        yield from _written_adjudication(writer, adjudication)


def _written_adjudication(writer: SegmentWriter, adjudication: LineAdjudication) -> Iterator[str]:
    yield writer.segment(
        "SVD",
        adjudication.payer_id,
        cents_text(adjudication.paid_cents),
        procedure_parts(adjudication.procedure),
        "",
        optional_quantity_text(adjudication.paid_units),
        adjudication.bundled_line,
    )
    yield from write_adjustments(writer, adjudication.adjustments)
    if adjudication.adjudicated_on:
        yield write_dated(writer, Dated(qualifier="573", first_on=adjudication.adjudicated_on))
    if adjudication.remaining_patient_cents is not None:
        yield writer.segment("AMT", "EAF", optional_cents_text(adjudication.remaining_patient_cents))
    yield from map(writer.copy, adjudication.others)


_CLAIM_ORDER = ("DTP", "PWK", "CN1", "AMT", "REF", "K3", "NTE", "CR1", "CR2", "CRC", "HI", "HCP")
_LINE_ORDER = (
    *("SV5", "PWK", "CR1", "CR3", "CRC", "DTP", "QTY", "MEA", "CN1", "REF", "AMT", "K3", "NTE", "PS1", "HCP"),
)


def _in_order(facts: list[str], others: list[str], order: tuple[str, ...], writer: SegmentWriter) -> list[str]:
    """Facts, which stand in the order of the guide, with the others put among them; unknown ones last."""
    if not others:
        return facts

    def rank(text: str) -> int:
        name = text.partition(writer.dialect.element)[0]
        return order.index(name) if name in order else len(order)

    return sorted([*facts, *others], key=rank)


def _split_at_party(others: Sequence[Segment]) -> tuple[Sequence[Segment], Sequence[Segment]]:
    """What belongs to the loop itself, and the party loops that have no word here."""
    first = next((at for at, segment in enumerate(others) if segment.id == "NM1"), len(others))
    return others[:first], others[first:]
