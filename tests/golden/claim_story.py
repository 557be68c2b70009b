"""What does a story of claims say: what was charged, what left, what partners and payers answered, and what people did about it?

The format is for people; `claims/README.md` explains it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tests.golden import reading
from tests.golden.reading import Language, Story, Then, Unclear, sections_named
from tests.golden.story import Charges, File835, charges, file_835

SECTIONS = (
    "claims",
    "findings",
    "sent",
    "told",
    "denials",
    "asked for",
    "clocks",
    "file by",
    "accounts",
    "not billed",
    "held files",
    "refused",
)
PARTNERS = {"metro": "METRO", "coast": "COAST"}  # and how they call themselves in an envelope
US = "CLINIC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How many claims a partner takes at once."""

    partner_id: str
    claims_per_batch: int
    claims_per_set: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How long a payer takes claims of a kind, and how many days it takes to answer them."""

    payer: str
    answer_days: int
    limits: tuple[tuple[str, str], ...]  # kind, and the words for its limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    account_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """What is released goes out. A partner may not answer the line, or take a file and lose the receipt."""

    trouble: Literal["", "no line", "no receipt"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Print:
    """A person makes a batch of what waits for paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A person says on which day a printed batch went to the post."""

    batch_id: str
    on: date
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A TA1, 999, 277CA or 277 as the story has it; `content` completes the envelope."""

    partner_id: str
    segments: tuple[str, ...]

    def content(self, number: int) -> bytes:
        sender = PARTNERS[self.partner_id]
        isa = f"ISA*00*          *00*          *ZZ*{sender:15}*ZZ*{US:15}*260415*1200*^*00501*{number:09d}*0*P*:~"
        if self.segments[0].startswith("TA1*"):
            return "\n".join([isa, *self.segments, f"IEA*0*{number:09d}~", ""]).encode()
        identifier, set_id, guide = self._kind()
        whole = _whole_277ca(self.segments) if guide == _277CA else self.segments
        body = [f"ST*{set_id}*0001*{guide}~", *whole, f"SE*{len(whole) + 2}*0001~"]
        group = f"GS*{identifier}*{sender}*{US}*20260415*1200*{number}*X*{guide}~"
        return "\n".join([isa, group, *body, f"GE*1*{number}~", f"IEA*1*{number:09d}~", ""]).encode()

    def _kind(self) -> tuple[str, str, str]:
        """GS01, ST01 and the guide, by how the set begins."""
        for beginning, kind in _KINDS.items():
            if self.segments[0].startswith(beginning):
                return kind
        raise Unclear("an answer begins with TA1, AK1, NM1 or BHT")


_277CA = "005010X214"
_KINDS = {
    "AK1*": ("FA", "999", "005010X231A1"),
    "NM1*PR*": ("HN", "277", _277CA),
    "NM1*AY*": ("HN", "277", _277CA),
    "BHT*0010*": ("HN", "277", "005010X212"),
}


def _whole_277ca(segments: Sequence[str]) -> list[str]:
    """Levels, dates and names that say nothing about the claims."""
    source, batch, *rest = segments
    whole = ["BHT*0085*08*277X*20260415*1200*TH~", "HL*1**20*1~", source, "TRN*1*T1~"]
    whole += ["DTP*050*D8*20260415~", "DTP*009*D8*20260415~", "HL*2*1*21*1~", "NM1*41*2*RIVER CLINIC*****46*CLINIC~"]
    whole += [batch, *([] if rest and rest[0].startswith("STC*") else ["STC*A1:19:PR*20260415*WQ*0~"])]
    level = 3
    for segment in rest:
        if segment.startswith("TRN*"):
            provider = ["HL*3*2*19*1~", "NM1*85*2*RIVER CLINIC*****XX*1999999984~"] if level == 3 else []
            level += 1
            whole += [*provider, f"HL*{level}*3*PT~", "NM1*QC*1*PATIENT*PAT****MI*MEMBER1~"]
        whole.append(segment)
    return whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """The last answer once more, to the byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What a person does with a claim or one of its denials. `refused`: the code with which it is refused."""

    kind: str
    claim_id: str
    word: Any = ""  # a reason, an outcome or a number: the domain says which there are
    denial: str = ""  # group and reason
    lines: tuple[str, ...] = ()
    refused: str = ""


def correction_of(deed: Deed) -> dict[str, Any]:
    """What a person enters, as the page sends it."""
    body: dict[str, Any] = {"reason": deed.word}
    lines: dict[str, dict[str, Any]] = {}
    for said in deed.lines:
        if found := re.fullmatch(r"(L\d+) is (\w{5})((?:-\w\w)*)", said):
            modifiers = found[3].split("-")[1:]
            lines.setdefault(found[1], {}).update({"procedure_code": found[2], "modifiers": modifiers})
        elif found := re.fullmatch(r"(L\d+) points at ([\d ]+)", said):
            pointers = [int(each) for each in found[2].split()]
            lines.setdefault(found[1], {}).update({"diagnosis_pointers": pointers})
        elif found := re.fullmatch(r"(L\d+) was done in (\d\d)", said):
            lines.setdefault(found[1], {}).update({"place_of_service": found[2]})
        elif found := re.fullmatch(r"diagnoses (.+)", said):
            body["diagnoses"] = found[1].split()
        elif found := re.fullmatch(r"authorization (\S+)", said):
            body["authorization_number"] = found[1]
        elif found := re.fullmatch(r"the payer's number (\S+)", said):
            body["payer_control_number"] = found[1]
        else:
            raise Unclear(f"`{said}` corrects nothing")
    body["lines"] = [{"line_id": line_id, **changes} for line_id, changes in lines.items()]
    return body


Step: TypeAlias = (
    Charges | File835 | Terms | Limit | Cancelled | Leave | Print | Mail | Day | Answer | Again | Deed | Then
)


def every_story() -> list[Story]:
    return reading.every_story(CLAIMS)


_TERMS = re.compile(r"(\w+) takes (\d+) claims? a file, (\d+) a set")
_MAILED = re.compile(r"the batch (post-\d{9}) is mailed on (\d{4}-\d\d-\d\d)(?:, which is refused: ([\w-]+))?")
_LIMIT = re.compile(r"(\S.*) answers in (\d+) days and takes claims")
_TROUBLES: dict[str, Literal["", "no line", "no receipt"]] = {
    "the batches leave": "",
    "the batches leave at the third attempt": "no line",
    "the batches leave and the receipt is lost twice": "no receipt",
}
_DEEDS = {
    "hold": r"a person holds (?P<claim_id>\w{17}): (?P<word>[\w-]+)",
    "release": r"a person releases (?P<claim_id>\w{17})",
    "correct": r"a person corrects (?P<claim_id>\w{17}): (?P<word>[\w-]+)",
    "void": r"a person voids (?P<claim_id>\w{17}): (?P<word>[\w-]+)",
    "close": r"a person closes (?P<claim_id>\w{17}): (?P<word>[\w-]+)",
    "next": r"a person bills the next payer of (?P<claim_id>\w{17})",
    "resolve": r"a person resolves the denial (?P<denial>\w+-\w+) of (?P<claim_id>\w{17}): (?P<word>[\w-]+)",
    "write off": r"a person writes off the denial (?P<denial>\w+-\w+) of (?P<claim_id>\w{17}): (?P<word>[\w-]+)",
    "approve": r"another person approves the write-off (?P<denial>\w+-\w+) of (?P<claim_id>\w{17})",
    "refuse": r"another person refuses the write-off (?P<denial>\w+-\w+) of (?P<claim_id>\w{17}): (?P<word>[\w-]+)",
    "appeal": r"a person appeals the denial (?P<denial>\w+-\w+) of (?P<claim_id>\w{17}), level (?P<word>\d)",
    "decide": r"the appeal (?P<denial>\w+-\w+) of (?P<claim_id>\w{17}) is (?P<word>[\w-]+)",
}
_REFUSED = re.compile(r"(.*), which is refused: ([\w-]+)")


def _steps(said: str, lines: Sequence[str], known: Sequence[Step]) -> Iterator[Step]:
    text = tuple(line.strip() for line in lines)
    if said == "these charges":
        yield from charges(lines, known)
    elif said == "eligibility says now":
        yield from _without_lines(lines)
    elif said.startswith("this 835 "):
        yield file_835(said, lines)
    elif found := re.fullmatch(r"(\w+) answers", said):
        _every_segment_ends(text)
        yield Answer(partner_id=found[1], segments=text)
    elif found := _LIMIT.fullmatch(said):
        yield Limit(payer=found[1], answer_days=int(found[2]), limits=tuple(_limits(text)))
    elif said.startswith("a person corrects "):
        yield _deed(said, text)
    else:
        if lines:
            raise Unclear("nothing stands under this")
        yield _alone(said)


def _alone(said: str) -> Step:
    if said in _TROUBLES:
        return Leave(trouble=_TROUBLES[said])
    if said == "the same answer comes again":
        return Again()
    if said == "what waits for the post is printed":
        return Print()
    if found := _MAILED.fullmatch(said):
        return Mail(batch_id=found[1], on=date.fromisoformat(found[2]), refused=found[3] or "")
    if found := re.fullmatch(r"it is (\d{4}-\d\d-\d\d)", said):
        return Day(on=date.fromisoformat(found[1]))
    if found := re.fullmatch(r"the visit of (\w{16}) is cancelled", said):
        return Cancelled(account_id=found[1])
    if found := _TERMS.fullmatch(said):
        return Terms(partner_id=found[1], claims_per_batch=int(found[2]), claims_per_set=int(found[3]))
    return _deed(said, ())


def _without_lines(lines: Sequence[str]) -> Iterator[Charges]:
    """Only who is responsible."""
    for told in charges(lines, ()):
        if told.lines or told.payers is None:
            raise Unclear("eligibility says who pays, and not what was done")
        yield told


def _every_segment_ends(segments: Sequence[str]) -> None:
    if not segments or not all(segment.endswith("~") for segment in segments):
        raise Unclear("each line of an answer is a segment that ends with ~")


def _limits(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        kind, _, limit = line.partition(" claims within ")
        if kind not in ("original", "corrected", "secondary") or not limit:
            raise Unclear(f"`{line}` is no limit")
        yield kind, limit


def _deed(said: str, lines: tuple[str, ...]) -> Deed:
    refusal = _REFUSED.fullmatch(said)
    what = refusal[1] if refusal else said
    for kind, pattern in _DEEDS.items():
        if found := re.fullmatch(pattern, what):
            return Deed(kind=kind, lines=lines, refused=refusal[2] if refusal else "", **found.groupdict())
    raise Unclear("nobody does this in a story")


def _sections(lines: Sequence[str]) -> dict[str, list[str]]:
    return sections_named(SECTIONS, lines)


CLAIMS = Language(folder=Path(__file__).parent / "claims", steps=_steps, sections=_sections)
