"""Who else may pay: the coverages of IN1 and IN2, in order?

Source: HL7 v2.8 chapter 6, IN1 and IN2; table 0063 (relationship). IN1 is a snapshot: a coverage that is not there
was not sent, which does not mean that it ended.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.codecs.hl7v2.findings import ErrorCode, Findings, shown
from shared.codecs.hl7v2.message import Segment
from shared.codecs.hl7v2.reader import SegmentReader
from shared.codecs.hl7v2.values import ABSENT, Address, Identifier, PersonName, Said, Unsaid
from shared.codecs.moments import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    rank: int  # 1 pays first: IN1-1, else the order in the message
    place: str  # "IN1[2]"
    plan_id: str  # IN1-2.1
    plan_name: str  # IN1-2.2
    payer_ids: tuple[Identifier, ...]  # IN1-3
    payer_name: str  # IN1-4
    payer_address: Said[Address]  # IN1-5
    group_number: Said[str]  # IN1-8
    group_name: Said[str]  # IN1-9
    employer_name: Said[str]  # IN1-11
    effective_on: Said[Moment]  # IN1-12
    expires_on: Said[Moment]  # IN1-13
    plan_type: Said[str]  # IN1-15
    insured_name: Said[PersonName]  # IN1-16
    relationship: Said[str]  # IN1-17, table 0063 or what the sender uses: SEL self, SPO spouse, CHD child, OTH other
    insured_birth_on: Said[Moment]  # IN1-18
    insured_address: Said[Address]  # IN1-19
    insured_sex: Said[str]  # IN1-43
    member_number: Said[str]  # IN1-36 policy number, else IN1-49, else IN2-61, IN2-6 (Medicare), IN2-8 (Medicaid)

    @property
    def payer_id(self) -> str:
        return self.payer_ids[0].number if self.payer_ids else ""


def read_coverages(
    segments: Sequence[Segment], findings: Findings, default_authority: str = ""
) -> tuple[Coverage, ...]:
    """Every IN1 with the IN2 that follows it, lowest rank first."""
    coverages: list[Coverage] = []
    for position, segment in enumerate(segments):
        if segment.name == "IN1":
            following = segments[position + 1] if position + 1 < len(segments) else None
            more = following if following is not None and following.name == "IN2" else None
            reader = SegmentReader(segment, findings, default_authority)
            coverages.append(_coverage(reader, more, rank=_rank(reader, coverages)))
    return tuple(sorted(coverages, key=lambda coverage: coverage.rank))


def _coverage(reader: SegmentReader, more: Segment | None, *, rank: int) -> Coverage:
    coverage = Coverage(
        rank=rank,
        place=str(reader.segment.at()),
        plan_id=reader.text(2),
        plan_name=reader.segment.whole(2, 2),
        payer_ids=reader.identifiers(3),
        payer_name=reader.segment.whole(4),
        payer_address=reader.said(5, lambda: reader.address(5)),
        group_number=reader.said_text(8),
        group_name=reader.said_text(9),
        employer_name=reader.said_text(11),
        effective_on=reader.said_moment(12),
        expires_on=reader.said_moment(13),
        plan_type=reader.said(15, lambda: reader.text(15) or None),
        insured_name=reader.said(16, lambda: reader.name(16)),
        relationship=reader.said(17, lambda: reader.text(17) or None),
        insured_birth_on=reader.said_moment(18),
        insured_address=reader.said(19, lambda: reader.address(19)),
        insured_sex=reader.said(43, lambda: reader.text(43).upper() or None),
        member_number=_member_number(reader, more),
    )
    _check(reader, coverage)
    return coverage


def _member_number(reader: SegmentReader, more: Segment | None) -> Said[str]:
    policy = reader.said(36, lambda: reader.text(36) or None)
    if policy is not ABSENT:
        return policy
    number = reader.text(49)
    if not number and more is not None:
        number = next(filter(None, (more.text(field) for field in (61, 6, 8))), "")
    return number or ABSENT


def _rank(reader: SegmentReader, earlier: Sequence[Coverage]) -> int:
    taken = {coverage.rank for coverage in earlier}
    text = reader.text(1)
    if text.isascii() and text.isdigit() and len(text) <= 2 and 0 < int(text) not in taken:
        return int(text)
    if text:
        reader.warn(
            1, "a set id counts coverages from one, each once; the order in the message is taken", value=shown(text)
        )
    return max(taken, default=0) + 1


def _check(reader: SegmentReader, coverage: Coverage) -> None:
    if not (coverage.payer_ids or coverage.payer_name):
        if coverage.plan_id or coverage.plan_name:
            reader.warn(3, "no payer is named; only the plan says who pays", ErrorCode.REQUIRED_FIELD_MISSING)
        else:
            reader.error(3, "a coverage names a payer or a plan", ErrorCode.REQUIRED_FIELD_MISSING)
    if coverage.member_number is ABSENT:
        reader.warn(36, "no policy or member number", ErrorCode.REQUIRED_FIELD_MISSING)
    effective, expires = coverage.effective_on, coverage.expires_on
    if not isinstance(effective, Unsaid) and not isinstance(expires, Unsaid) and expires.on < effective.on:
        reader.warn(13, "the coverage expires before it begins")
    if any(identifier.number for identifier in coverage.payer_ids) and not coverage.payer_name:
        reader.warn(4, "the payer has a number and no name")
