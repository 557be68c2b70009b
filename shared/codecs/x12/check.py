"""What is wrong with an X12 file, before anybody else reads it?

In layers: envelopes, counts and control numbers; the guide's loops, order, repeats and required segments; types, lengths
and codes of elements; what must agree with what (NPI check digits, pointers, hierarchy, dates, totals); the balances of
an 835 and of other payers' decisions in an 837. Sources: ASC X12.5 and the 005010 guides. A finding never shows what a
person is called. Claims and remittances are checked one by one, so that memory does not grow with the file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from shared.codecs.x12 import claim_837d, claim_837i, claim_837p, eligibility_check, status_check
from shared.codecs.x12.acknowledgement_999 import GroupAcknowledgement
from shared.codecs.x12.acknowledgement_check import check_group_acknowledgement, check_interchange_acknowledgement
from shared.codecs.x12.balance import OutOfBalance, balance_of_claim, balance_of_payment
from shared.codecs.x12.claim_check import check_claim, placed
from shared.codecs.x12.claim_parts import Claim, ClaimHeader, ClaimTrailer
from shared.codecs.x12.claim_reading import ClaimReader
from shared.codecs.x12.conformance import Conformance
from shared.codecs.x12.deviations import deviations_named, let_pass
from shared.codecs.x12.documents import document_of, json_document
from shared.codecs.x12.envelope import SEGMENTS_IN_SET_MAX, SetHeader, TransactionSet, walk
from shared.codecs.x12.guides.catalogue import guide_for
from shared.codecs.x12.hierarchy import HierarchyCheck
from shared.codecs.x12.problems import Problems, Severity, X12Error
from shared.codecs.x12.remittance_835 import (
    ClaimPayment,
    RemittanceAdvice,
    RemittanceHeader,
    RemittancePart,
    RemittanceReader,
)
from shared.codecs.x12.review_check import check_review
from shared.codecs.x12.segment_rules import SegmentRules
from shared.codecs.x12.tokenizer import Limits, Segment, Source
from shared.codecs.x12.values import cents_text

__all__ = ["Finding", "check", "finding_of", "json_document", "problems_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong, for a person and for a program."""

    severity: Severity
    segment: int  # running number in the file, ISA is 1; 0: the file itself
    element: str
    rule: str  # stable kebab id
    found: str  # withheld where it may be personal
    message: str
    loop: str = ""  # of the guide
    expected: str = ""


def check(
    source: Source,
    *,
    allow: tuple[str, ...] = (),
    npi: Severity = "warning",
    limits: Limits | None = None,
) -> list[Finding]:
    """Every finding of a file in the order of its segments; empty when it is sound.

    `allow` names deviations that become warnings (UnknownDeviation for a wrong name). A wrong check digit of an NPI is a
    warning in what others sent, where it changes nothing that we do; before we send, it is an error (`npi="error"`)."""
    return [finding_of(problem) for problem in problems_of(source, allow=allow, npi=npi, limits=limits)]


def problems_of(
    source: Source,
    *,
    allow: tuple[str, ...] = (),
    npi: Severity = "warning",
    limits: Limits | None = None,
) -> list[X12Error]:
    """The same with the codes that an acknowledgement tells."""
    allowed = deviations_named(allow)
    problems = Problems()
    current: _SetCheck | None = None
    starts: list[int] = []
    kinds: list[str] = []
    acknowledgements: list[Segment] = []
    for opened, run in walk(source, problems, limits, acknowledgements):
        if current is None or opened is not current.opened:
            if current:
                current.finish()
            current = _SetCheck(opened, problems, npi)
            starts.append(opened.opening.number)
            kinds.append(opened.kind)
        current.take(run)
    if current:
        current.finish()
    for segment in acknowledgements:
        check_interchange_acknowledgement(segment, problems)
    if not current and not acknowledgements:
        problems.at(0, "ST", "a file holds a transaction set or a TA1")
    if len(problems) >= Problems.limit:
        problems[-1] = X12Error(segment=0, element="", found="", rule="a file with too many problems is told in part")
    found = sorted(_once(problems), key=lambda each: each.segment)
    if not allowed:
        return found
    return [let_pass(each, _kind_at(each.segment, starts, kinds), allowed) for each in found]


def _kind_at(segment: int, starts: list[int], kinds: list[str]) -> str:
    at = bisect_right(starts, segment)
    return kinds[at - 1] if at else ""


# The guide tells the format of an element with its code for a 999; the reader of the document tells it again.
_TOLD_BY_READERS = frozenset(
    (
        "amount is required",
        "amount is digits with an optional minus and point",
        "quantity is digits with an optional minus and point",
        "date is CCYYMMDD",
        "period is CCYYMMDD-CCYYMMDD",
    )
)


def _once(problems: Iterable[X12Error]) -> list[X12Error]:
    """Each problem once, and by the guide where the guide tells it too."""
    unique = list(dict.fromkeys(problems))
    by_guide = {(each.segment, each.element) for each in unique if each.element_code}
    return [
        each
        for each in unique
        if each.element_code or each.rule not in _TOLD_BY_READERS or (each.segment, each.element) not in by_guide
    ]


def finding_of(problem: X12Error) -> Finding:
    """A problem for a person and for a program."""
    return Finding(
        severity=problem.severity,
        segment=problem.segment,
        element=problem.element,
        rule=problem.rule_id,
        found=problem.found,
        message=problem.message,
        loop=problem.loop,
        expected=problem.expected,
    )


class _SetCheck:
    """Everything that is asked of one transaction set while its segments come."""

    def __init__(self, opened: SetHeader, problems: Problems, npi: Severity) -> None:
        self.opened = opened
        self.problems = problems
        self.rules = SegmentRules(problems, npi, is_claim=opened.kind in ("837P", "837I", "837D"))
        self.hierarchy = HierarchyCheck(problems, has_known_guide=guide_for(opened.kind, opened.guide) is not None)
        self.conformance: Conformance | None = None
        self.document = _document_check(opened, problems)
        self.pending: list[Segment] | None = []  # until BHT has told which side of a 278 it is

    def take(self, run: list[Segment]) -> None:
        if self.pending is not None:
            self.pending += run
            if run and self.opened.kind == "278" and len(self.pending) < 2 and run[-1].elements[0] != "SE":
                return
            run, self.pending = self.pending, None
            is_response = any(segment.elements[0] == "BHT" and segment[2] == "11" for segment in run[:2])
            guide = guide_for(self.opened.kind, self.opened.guide, is_response=is_response)
            self.conformance = Conformance(guide, self.problems) if guide else None
        for segment in run:
            self._segment(segment)
        self.document.take(run)

    def _segment(self, segment: Segment) -> None:
        if self.conformance:
            self.conformance.take(segment)
        name = segment.elements[0]
        self.rules.take(segment)
        if name == "HL":
            self.hierarchy.take(segment)
        if segment.elements[-1] == "" and len(segment.elements) > 1:
            rule = "trailing empty elements are left out"
            self.problems.add(segment, len(segment.elements) - 1, rule, found="", severity="warning")

    def finish(self) -> None:
        if self.pending:
            self.take([])
        if self.conformance:
            self.conformance.finish()
        self.hierarchy.finish()
        self.document.finish()


# What the words of a document say


def _document_check(opened: SetHeader, problems: Problems) -> _Words:
    match opened.kind:
        case "835":
            return _RemittanceWords(opened, problems)
        case "837P":
            return _ClaimWords(ClaimReader(opened, claim_837p.read_claim, problems, len(problems)), problems)
        case "837I":
            return _ClaimWords(ClaimReader(opened, claim_837i.read_claim, problems, len(problems)), problems)
        case "837D":
            return _ClaimWords(ClaimReader(opened, claim_837d.read_claim, problems, len(problems)), problems)
        case _:
            return _WholeWords(opened, problems)


class _ClaimWords:
    """An 837, claim by claim."""

    def __init__(self, reader: ClaimReader[Any], problems: Problems) -> None:
        self.reader = reader
        self.problems = problems

    def take(self, run: list[Segment]) -> None:
        self._check(self.reader.take(run))

    def finish(self) -> None:
        self._check(self.reader.finish())

    def _check(self, parts: Iterable[ClaimHeader | Claim | ClaimTrailer]) -> None:
        for part in parts:
            if isinstance(part, Claim):
                self.problems.extend(placed(each, self.reader) for each in check_claim(part))


class _RemittanceWords:
    """An 835, claim by claim; the payment is balanced at its end."""

    def __init__(self, opened: SetHeader, problems: Problems) -> None:
        self.reader = RemittanceReader(opened, problems, len(problems))
        self.problems = problems
        self.header: RemittanceHeader | None = None
        self.paid_cents = 0

    def take(self, run: list[Segment]) -> None:
        self._check(self.reader.take(run))

    def finish(self) -> None:
        self._check(self.reader.finish())

    def _check(self, parts: Iterable[RemittancePart]) -> None:
        for part in parts:
            match part:
                case RemittanceHeader():
                    self.header = part
                case ClaimPayment():
                    self.paid_cents += part.paid_cents
                    self.problems.extend(map(_of_balance, balance_of_claim(part)))
                case _ if self.header is not None:
                    withheld = sum(each.cents for each in part.provider_adjustments)
                    whole = RemittanceAdvice(header=self.header, place=part.place)
                    broken = balance_of_payment(whole, paid_cents=self.paid_cents, withheld_cents=withheld)
                    self.problems.extend(map(_of_balance, broken))
                    if whole.payment_cents < 0:
                        at, found = self.header.place.first_segment, cents_text(whole.payment_cents)
                        self.problems.at(at, "BPR02", "a payment is not negative", found=found)
                case _:
                    pass


_RULES: dict[str, Callable[[Sequence[Segment], Problems], None]] = {
    "270": eligibility_check.check_request,
    "271": eligibility_check.check_response,
    "276": status_check.check_request,
    "277": status_check.check_response,
    "277CA": status_check.check_acknowledgement,
    "278": check_review,
}


class _WholeWords:
    """Any other set: it is short, and read when it is whole."""

    def __init__(self, opened: SetHeader, problems: Problems) -> None:
        self.opened = opened
        self.problems = problems
        self.segments: list[Segment] = []

    def take(self, run: list[Segment]) -> None:
        if len(self.segments) < SEGMENTS_IN_SET_MAX:
            self.segments += run
        elif run:
            self.problems.add(run[0], 0, "a transaction set is not longer than the limit", found="")

    def finish(self) -> None:
        opened = self.opened
        document = document_of(
            TransactionSet(
                kind=opened.kind,
                envelope=opened.envelope,
                set_id=opened.set_id,
                control_number=opened.control_number,
                guide=opened.guide,
                segments=tuple(self.segments),
            )
        )
        self.problems.extend(document.problems)
        if isinstance(document, GroupAcknowledgement):
            self.problems.extend(check_group_acknowledgement(document))
        rules = _RULES.get(opened.kind)
        if rules and guide_for(opened.kind, opened.guide):
            rules(self.segments, self.problems)


_Words: TypeAlias = _ClaimWords | _RemittanceWords | _WholeWords


def _of_balance(finding: OutOfBalance) -> X12Error:
    return X12Error(
        segment=finding.segment,
        element=finding.element,
        found=cents_text(finding.found_cents),
        rule=finding.rule,
        expected=cents_text(finding.expected_cents),
        severity=finding.severity,
        loop={"line": "2110", "claim": "2100", "transaction": ""}[finding.level],
    )
