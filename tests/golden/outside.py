"""What do partners and payers say about the claims that reached them?

Every visit has a fate. What is said follows from the files that arrived, read back from their bytes, so that it is the same however they
came to leave: TA1 and 999 of each file, 277CAs of the clearinghouse and of the payer, 277s, and 835s.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from shared.codecs.x12.claim_837p import ClaimBatch, ProfessionalClaim, read_837p
from tests.golden.claim_story import PARTNERS, Answer
from tests.golden.story import File835

Fate: TypeAlias = Literal[
    "paid",
    "patient",
    "denied",
    "next payer",
    "forwarded",
    "answered anew",
    "asked",
    "pending",
    "silent",
    "returned by the syntax",
    "returned by the clearinghouse",
    "returned by the payer",
]
FATES: tuple[Fate, ...] = get_args(Fate)
AT_THE_FILE, AT_THE_CLEARINGHOUSE, AT_THE_PAYER, IN_WORK, DECIDED, CHANGED = range(6)  # the usual order

_PAYERS = {"metro": ("HARBOR HEALTH", "11001"), "coast": ("COAST MUTUAL", "22002")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A file that comes in. `stage`: when it usually comes."""

    name: str
    stage: int
    content: bytes


@dataclass(slots=True)
class Outside:
    """Who is told what, and answers. The same claim that comes again is in order, whatever was wrong before."""

    fates: Mapping[str, Fate]  # by account
    sent: Counter[str] = field(default_factory=Counter)  # how often each claim has left
    numbers: set[tuple[str, str]] = field(default_factory=set)  # ISA13 by partner
    groups: set[tuple[str, str]] = field(default_factory=set)  # GS06 by partner

    def answers(self, partner_id: str, content: bytes) -> Iterator[Message]:
        """To one file that arrived."""
        batches = list(read_837p(content))
        number = batches[0].envelope.interchange_control_number
        assert (partner_id, number) not in self.numbers, f"{partner_id} {number} was used before"
        self.numbers.add((partner_id, number))
        groups = {(partner_id, batch.envelope.group_control_number) for batch in batches}
        assert not groups & self.groups, f"{groups & self.groups} was used before"
        self.groups |= groups
        fates = [[self._fate(claim.claim_id) for claim in batch.claims] for batch in batches]
        yield _told(f"TA1 {partner_id} {number}", AT_THE_FILE, partner_id, f"TA1*{number}*260415*1200*A*000~")
        is_returned = ["returned by the syntax" in each for each in fates]
        yield _told(f"999 {partner_id} {number}", AT_THE_FILE, partner_id, *_syntax(int(number), batches, is_returned))
        for batch, fated, returned in zip(batches, fates, is_returned, strict=True):
            for claim, fate in zip(batch.claims, fated, strict=True):
                self.sent[claim.claim_id] += 1
                if not returned:
                    yield from _Speaker(partner_id, f"{number}{batch.control_number}", claim).says(fate)

    def _fate(self, claim_id: str) -> Fate:
        is_first = not self.sent[claim_id] and claim_id.endswith("1")
        return self.fates[claim_id[:-1]] if is_first else "paid"


@dataclass(frozen=True, slots=True)
class _Speaker:
    partner_id: str
    batch: str  # interchange and set, as TRN repeats them
    claim: ProfessionalClaim

    @property
    def claim_id(self) -> str:
        return self.claim.claim_id

    def says(self, fate: Fate) -> Iterator[Message]:
        if fate == "silent":
            return
        if fate == "returned by the clearinghouse":
            yield self._277ca(AT_THE_CLEARINGHOUSE, "STC*A3:21*20260415*U*100~")
            return
        yield self._277ca(AT_THE_CLEARINGHOUSE, "STC*A1:19*20260415*WQ*100~")
        if fate == "returned by the payer":
            yield self._277ca(AT_THE_PAYER, "STC*A7:562:85*20260416*U*100~")
            return
        yield self._277ca(AT_THE_PAYER, "STC*A2:20:PR*20260416*WQ*100~", f"REF*1K*{self._icn}~")
        if fate == "asked":
            yield self._277("R3:294")
            return
        yield self._277("P1:20")
        if fate != "pending":
            yield from self._decides(fate)

    def _decides(self, fate: Fate) -> Iterator[Message]:
        if self.partner_id == "coast":  # the second payer, which pays what the first left
            yield self._835("T1", 12, self._claim(2, 12, "CAS*OA*23*88~"))
            return
        if fate == "denied":
            yield self._835("T1", 0, self._claim(4, 0, "CAS*CO*50*100~"))
        elif fate in ("next payer", "forwarded", "patient"):
            status = 19 if fate == "forwarded" else 1
            yield self._835("T1", 48, self._claim(status, 48, "CAS*CO*45*40~", "CAS*PR*2*12~"))
        else:
            yield self._835("T1", 80, self._claim(1, 80, "CAS*CO*45*20~"))
        if fate == "answered anew":
            back = self._claim(22, -80, "CAS*CO*45*-20~", charged=-100)
            yield self._835("T2", 10, back, self._claim(1, 90, "CAS*CO*45*10~"), stage=CHANGED)

    @property
    def _icn(self) -> str:
        return f"ICN{self.claim_id[-2:]}"

    def _277ca(self, stage: int, *status: str) -> Message:
        by_house = f"NM1*AY*2*{PARTNERS[self.partner_id]} CLEARING*****46*{PARTNERS[self.partner_id]}~"
        name, number = _PAYERS[self.partner_id]
        source = by_house if stage == AT_THE_CLEARINGHOUSE else f"NM1*PR*2*{name}*****PI*{number}~"
        segments = (source, f"TRN*2*{self.batch}~", f"TRN*2*{self.claim_id}~", *status)
        return _told(f"277CA {stage} {self.claim_id} {self.batch}", stage, self.partner_id, *segments)

    def _277(self, status: str) -> Message:
        name, number = _PAYERS[self.partner_id]
        segments = (
            "BHT*0010*08*277X*20260420*1200*DG~",
            "HL*1**20*1~",
            f"NM1*PR*2*{name}*****PI*{number}~",
            "HL*2*1*21*1~",
            "NM1*41*2*RIVER CLINIC*****46*CLINIC~",
            "HL*3*2*19*1~",
            "NM1*1P*2*RIVER CLINIC*****XX*1999999984~",
            "HL*4*3*22*0~",
            "NM1*IL*1*PATIENT*PAT****MI*MEMBER1~",
            f"TRN*2*{self.claim_id}~",
            f"STC*{status}*20260420**100~",
            f"REF*1K*{self._icn}~",
            "DTP*472*RD8*20260302-20260302~",
        )
        return _told(f"277 {self.claim_id} {self.batch}", IN_WORK, self.partner_id, *segments)

    def _835(self, trace: str, paid: int, *claims: tuple[str, ...], stage: int = DECIDED) -> Message:
        name, number = _PAYERS[self.partner_id]
        day = "20260420" if stage == DECIDED else "20260510"
        how = "I*{}*C*CHK" if paid else "H*{}*C*NON"
        segments = [
            f"BPR*{how.format(paid)}************{day}~",
            f"TRN*1*{trace}{self.claim_id}*1111111111~",
            f"N1*PR*{name}*XV*{number}~",
            "N1*PE*RIVER CLINIC*XX*1999999984~",
        ]
        for ordinal, claim in enumerate(claims, start=1):
            segments += [f"LX*{ordinal}~", *claim]
        said = f"835 {trace} {self.claim_id}"
        return Message(name=said, stage=stage, content=File835(segments=tuple(segments)).content(_number(said)))

    def _claim(self, status: int, paid: int, *adjustments: str, charged: int = 100) -> tuple[str, ...]:
        patient = sum(int(each.rstrip("~").split("*")[3]) for each in adjustments if each.startswith("CAS*PR"))
        return (
            f"CLP*{self.claim_id}*{status}*{charged}*{paid}*{patient or ''}*12*{self._icn}*11*1~",
            f"SVC*HC:99213*{charged}*{paid}**1~",
            "DTM*472*20260302~",
            *adjustments,
            f"REF*6R*{self.claim.lines[0].control_number}~",
        )


def _syntax(number: int, batches: list[ClaimBatch], is_returned: list[bool]) -> Iterator[str]:
    yield f"AK1*HC*{number}*005010X222A1~"
    for batch, returned in zip(batches, is_returned, strict=True):
        yield f"AK2*837*{batch.control_number}*005010X222A1~"
        yield from ("IK3*NM1*9*2310B*8~", "IK4*9*67*7~", "IK5*R*5~") if returned else ("IK5*A~",)
    accepted = is_returned.count(False)
    status = "A" if accepted == len(batches) else "P" if accepted else "R"
    yield f"AK9*{status}*{len(batches)}*{len(batches)}*{accepted}~"


def _told(name: str, stage: int, partner_id: str, *segments: str) -> Message:
    content = Answer(partner_id=partner_id, segments=segments).content(_number(name))
    return Message(name=name, stage=stage, content=content)


def _number(name: str) -> int:
    """An envelope's, the same in every run."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:3], "big") + 1
