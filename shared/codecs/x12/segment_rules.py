"""What must a segment agree with, in every set: with itself, and with the date and the level that it stands in?

Source: ASC X12N 005010 guides, situational rules that payers enforce. Segment by segment, in constant memory; what is none of
this is looked at and let go.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from shared.codecs.x12.level_rules import Findings, day_of
from shared.codecs.x12.problems import Problems, Severity
from shared.codecs.x12.tokenizer import Segment
from shared.codecs.x12.values import is_npi

_ATTACHED_ELSEWHERE = frozenset(("BM", "EL", "EM", "FT", "FX"))  # PWK02: sent by mail, wire, fax, file
_ICD10_SINCE = date(2015, 10, 1)
_ICD9, _ICD10 = frozenset(("BK", "BF", "BJ", "PR", "BN", "BR", "BQ")), frozenset(("ABK", "ABF", "ABJ", "APR", "ABN"))
_A_DAY = timedelta(days=1)  # X12 has no time zone


class SegmentRules:
    """Feed it every segment of one set."""

    def __init__(self, problems: Problems, npi: Severity, *, is_claim: bool) -> None:
        self.problems = problems
        self.findings = Findings(problems)
        self.npi: Severity = npi
        self.written_on: date | None = None
        self.rules: dict[str, Callable[[Segment], None]] = {
            "BHT": self._beginning,
            "NM1": self._name,
            "N1": self._name_of_payment,
            "N4": self._city,
            "DMG": self._birth,
        }
        if is_claim:
            claim = _ClaimRules(self)
            self.rules |= {
                "HL": claim.level,
                "SBR": claim.coverage,
                "CLM": claim.claim,
                "PWK": claim.attachment,
                "LIN": claim.drug,
                "HI": claim.codes,
                "DTP": claim.dated,
            }

    def take(self, segment: Segment) -> None:
        rule = self.rules.get(segment.elements[0])
        if rule is not None:
            rule(segment)

    def _beginning(self, segment: Segment) -> None:
        self.written_on = day_of(segment, 4)

    def _name(self, segment: Segment) -> None:
        elements = segment.elements
        if len(elements) > 8 and elements[8] == "XX":
            self._number(segment, 9)
        if elements[2:3] == ("2",) and segment[4]:
            rule = "an organisation has no first name"
            self.findings.wrong(segment, 4, rule, "", code="I13")

    def _name_of_payment(self, segment: Segment) -> None:
        if segment[3] == "XX":
            self._number(segment, 4)

    def _number(self, segment: Segment, index: int) -> None:
        number = segment[index]
        if not is_npi(number):
            # A provider's number is public; a person's in its place is not.
            found = number if number.isdigit() and len(number) <= 10 else None
            rule = "an NPI has ten digits and passes its check digit"
            self.problems.add(segment, index, rule, found=found, severity=self.npi)

    def _city(self, segment: Segment) -> None:
        if segment[1] and segment[4] in ("", "US", "CA"):
            for index, rule in ((2, "an address in this country has its state"), (3, "an address has its ZIP")):
                if not segment[index] and not segment[7]:
                    self.findings.needed(segment, index, rule, "")

    def _birth(self, segment: Segment) -> None:
        born = day_of(segment, 2)
        if born is not None and self.written_on is not None and born > self.written_on + _A_DAY:
            self.findings.wrong(segment, 2, "nobody is born after the set was written", "", code="8")


class _ClaimRules:
    """What only an 837 has."""

    def __init__(self, rules: SegmentRules) -> None:
        self.rules = rules
        self.findings = rules.findings
        self.code = ""  # HL03
        self.subscriber: Segment | None = None  # SBR of 2000B
        self.ranks: set[str] = set()
        self.is_in_claim = False
        self.revisions: set[str] = set()

    def level(self, segment: Segment) -> None:
        self.code, self.is_in_claim = segment[3], False
        if self.code == "22":
            self.subscriber = None
        elif self.code == "23" and self.subscriber is not None and self.subscriber[2] == "18":
            rule = "a subscriber with a patient below is not the patient"
            self.findings.wrong(self.subscriber, 2, rule, "2000B", code="I13")
            self.subscriber = None  # told once

    def coverage(self, segment: Segment) -> None:
        rank = segment[1]
        if not self.is_in_claim:
            self.subscriber = segment
        elif rank and rank != "U" and rank in self.ranks:
            self.findings.wrong(segment, 1, "each payer of a claim has a rank of its own", "2320")
        self.ranks.add(rank)

    def claim(self, segment: Segment) -> None:
        self.is_in_claim = True
        subscriber = self.subscriber
        self.ranks = {subscriber[1]} if subscriber is not None else set()
        self.revisions = set()
        if self.code == "22" and subscriber is not None and subscriber[2] != "18":
            self.findings.needed(subscriber, 2, "a subscriber who is the patient is told by SBR02 18", "2000B")
        causes = segment.components(11)
        if "AA" in causes[:3] and len(causes) < 4:
            rule = "a car accident names its state"
            self.findings.wrong(segment, 11, rule, "2300", component=4, code="I9")

    def attachment(self, segment: Segment) -> None:
        if segment[2] in _ATTACHED_ELSEWHERE and not segment[6]:
            self.findings.needed(segment, 6, "an attachment that is sent apart has a control number", "")

    def drug(self, segment: Segment) -> None:
        code = segment[3]
        if segment[2] == "N4" and not (len(code) == 11 and code.isdigit()):
            self.findings.wrong(segment, 3, "an NDC has eleven digits", "2410", expected="11 digits")

    def codes(self, segment: Segment) -> None:
        """A claim is coded in one revision of ICD."""
        separator = segment.dialect.component
        for index in range(1, len(segment.elements)):
            kind = segment[index].partition(separator)[0] if separator else segment[index]
            revision = "9" if kind in _ICD9 else "10" if kind in _ICD10 else ""
            if revision and self.revisions and revision not in self.revisions:
                rule = "a claim is coded in one revision of ICD"
                self.findings.wrong(segment, index, rule, "2300", component=1)
            elif revision:
                self.revisions.add(revision)

    def dated(self, segment: Segment) -> None:
        if segment[1] not in ("472", "434") or not self.is_in_claim:
            return
        try_last = segment[3].rpartition("-")[2]
        last = day_of(Segment(0, ("", try_last)), 1)
        if last is None:
            return
        written_on = self.rules.written_on
        if written_on is not None and last > written_on + _A_DAY:
            rule = "a service is billed after it was given"
            self.findings.wrong(segment, 3, rule, "", code="8", severity="warning")
        if (self.revisions == {"9"} and last >= _ICD10_SINCE) or (self.revisions == {"10"} and last < _ICD10_SINCE):
            rule = "ICD-10 is for services from October 2015, ICD-9 for those before"
            self.findings.wrong(segment, 3, rule, "", code="8", severity="warning")
