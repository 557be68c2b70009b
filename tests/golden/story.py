"""What does a story say: what was charged, which 835s came and what people did, and how everything stood afterwards?

The format is for people; `remittances/README.md` explains it. Reading is strict: a line that nobody understands is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

from shared.kernel.money import parse_cents
from tests.golden import reading
from tests.golden.reading import Language, Story, Then, Unclear, sections_named

FOLDER = Path(__file__).parent / "remittances"
ENVELOPE = (
    "ISA*00*          *00*          *ZZ*PAYER          *ZZ*CLINIC         *{day}*1200*^*00501*{number:09d}*0*{usage}*:~"
)
ADDRESS = ("N3*1 MAIN ST~", "N4*HARTFORD*CT*061010000~", "PER*BL*REMITTANCES*TE*8005550100~")
SECTIONS = (
    "ledger",
    "remittances",
    "answers",
    "accounts",
    "responsibility moved",
    "denied",
    "provider adjustments",
    "open by reference",
    "late in the books",
)
UNUSUAL = frozenset(  # about a visit or its patient
    ("served through", "the clinic's NPI", "place of service", "diagnoses", "member number", "no birth date")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    rank: int
    name: str
    electronic_id: str
    filing_indicator: str = "CI"  # SBR09
    partner_id: str = ""  # the trading partner that it is reached through


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    line_id: str
    procedure_code: str
    modifiers: tuple[str, ...]
    charged_cents: int
    pointers: tuple[int, ...] = (1,)
    served_on: date | None = None  # absent: on the day of the visit
    place_of_service: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges:
    """A visit is charged, and eligibility says who is responsible: payers in order, nobody (`()`), or nothing (`None`).

    Without lines only the latter is said, or that the charges went to another visit's bill. `but`: what is not as in every other visit.
    """

    account_id: str
    service_on: date
    release: int
    payers: tuple[Payer, ...] | None
    lines: tuple[Line, ...]
    but: tuple[tuple[str, str], ...] = ()
    is_billed_elsewhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class File835:
    """An 835 as the story has it; `content` completes the envelope."""

    segments: tuple[str, ...]
    usage: str = "P"  # ISA15

    def content(self, number: int) -> bytes:
        sets = [_set(each, ordinal) for ordinal, each in enumerate(_sets(self.segments), start=1)]
        day = next(text for text in self.segments if text.startswith("BPR")).rstrip("~").split("*")[16][2:]
        group = f"GS*HP*PAYER*CLINIC*20{day}*1200*{number}*X*005010X221A1~"
        lines = [
            ENVELOPE.format(day=day, number=number, usage=self.usage),
            group,
            *(text for each in sets for text in each),
        ]
        return "\n".join([*lines, f"GE*{len(sets)}*{number}~", f"IEA*1*{number:09d}~", ""]).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What a person or the patient does: the words of the sentence that matter."""

    kind: str  # match, unpost, retry, dismiss, refund, pay, close
    trace: str = ""
    ordinal: int = 0  # of the claim in the remittance; 0: all of it
    account_id: str = ""
    party: str = ""
    cents: int = 0
    day: str = ""


Step: TypeAlias = Charges | File835 | Deed | Then


def every_story() -> list[Story]:
    return reading.every_story(REMITTANCES)


def files_of(story: Story) -> list[File835]:
    return [step for step in story.steps if isinstance(step, File835)]


def _steps(said: str, lines: Sequence[str], known: Sequence[Step]) -> Iterator[Step]:
    if said == "these charges":
        yield from charges(lines, known)
    elif said.startswith("this 835 "):
        yield file_835(said, lines)
    else:
        if lines:
            raise Unclear("nothing stands under this")
        yield _deed(said)


# Charges


_VISIT = re.compile(r"  ([0-9A-HJKMNP-TV-Z]{16}), served (\S+)(, charged again|, billed with another visit)?$")
_PAYER = re.compile(r"    (\d)  (\S.*?)  +(\w+)(?:(?:  +(\w\w))? by (\w+))?$")
_LINE = re.compile(
    r"    (L\d+)  +(\w{5})((?:-\w\w)*)  +(\S+)(?: points at ((?:\d ?)*?))?(?: on (\S+))?(?: in (\d\d))?$"
)
_BUT = re.compile(r"    but (\S.*?)(?:: (.*))?$")


def charges(lines: Sequence[str], known: Sequence[Any]) -> Iterator[Charges]:
    visits: list[list[str]] = []
    for line in lines:
        visits += [[]] if _VISIT.match(line) else []
        visits[-1].append(line)
    for first, *rest in visits:
        visit = _VISIT.match(first)
        assert visit is not None
        before = [
            step
            for step in known
            if isinstance(step, Charges) and step.account_id == visit[1] and (step.lines or step.is_billed_elsewhere)
        ]
        payers = [_payer(found) for found in _all(_PAYER, rest)]
        but = tuple((found[1], found[2] or "") for found in _all(_BUT, rest) if found[1] in UNUSUAL)
        found_lines = tuple(_line(found) for found in _all(_LINE, rest))
        is_self_pay = "    no coverage" in rest
        if len(rest) != len(payers) + len(found_lines) + len(but) + is_self_pay or bool(before) != bool(visit[3]):
            raise Unclear(f"charges of {visit[1]}")
        yield Charges(
            account_id=visit[1],
            service_on=date.fromisoformat(visit[2]),
            release=len(before) + 1,
            payers=tuple(payers) if payers or is_self_pay else None,
            lines=found_lines,
            but=but,
            is_billed_elsewhere=visit[3] == ", billed with another visit",
        )


def _all(pattern: re.Pattern[str], lines: Sequence[str]) -> Iterator[re.Match[str]]:
    return (found for found in map(pattern.match, lines) if found)


def _payer(found: re.Match[str]) -> Payer:
    return Payer(
        rank=int(found[1]),
        name=found[2],
        electronic_id=found[3],
        filing_indicator=found[4] or "CI",
        partner_id=found[5] or "",
    )


def _line(found: re.Match[str]) -> Line:
    return Line(
        line_id=found[1],
        procedure_code=found[2],
        modifiers=tuple(found[3].split("-")[1:]),
        charged_cents=parse_cents(found[4]),
        pointers=(1,) if found[5] is None else tuple(int(each) for each in found[5].split()),
        served_on=date.fromisoformat(found[6]) if found[6] else None,
        place_of_service=found[7] or "",
    )


# 835s


def file_835(said: str, lines: Sequence[str]) -> File835:
    usages = {"this 835 arrives": "P", "this 835 arrived": "P", "this 835 of a test arrives": "T"}
    return File835(segments=tuple(line.strip() for line in lines), usage=usages[said])


def _sets(segments: Sequence[str]) -> Iterator[list[str]]:
    """A BPR opens a transaction set."""
    starts = [at for at, text in enumerate(segments) if text.startswith("BPR*")]
    if not starts or starts[0] != 0 or not all(text.endswith("~") for text in segments):
        raise Unclear("an 835 begins with BPR, and each of its lines is a segment that ends with ~")
    for start, end in zip(starts, [*starts[1:], len(segments)], strict=True):
        yield list(segments[start:end])


def _set(segments: list[str], ordinal: int) -> list[str]:
    control, day = f"{ordinal:04d}", segments[0].rstrip("~").split("*")[16]
    whole = [f"ST*835*{control}~"]
    for text in segments:
        if text.startswith("N1*PR"):
            whole += [f"DTM*405*{day}~", text, *ADDRESS]
        else:
            whole.append(text)
    return [*whole, f"SE*{len(whole) + 1}*{control}~"]


# What people do


_DEEDS = {
    "match": r"a person matches (?P<trace>\S+)/(?P<ordinal>\d+) to (?P<account_id>\w{17})",
    "unpost": r"a person unposts (?P<trace>[^/\s]+)(?:/(?P<ordinal>\d+))?",
    "retry": r"a person tries (?P<trace>\S+)/(?P<ordinal>\d+) again",
    "dismiss": r"a person dismisses (?P<trace>\S+)",
    "refund": r"a person refunds (?P<cents>\S+) to (?P<party>\S+) on (?P<account_id>\w{16})",
    "pay": r"the patient pays (?P<cents>\S+?)(?: for (?P<account_id>\w{16}))?",
    "close": r"the books are closed through (?P<day>\S+)",
}


def _deed(said: str) -> Deed:
    for kind, pattern in _DEEDS.items():
        if found := re.fullmatch(pattern, said):
            words = {name: text for name, text in found.groupdict().items() if text}
            cents, ordinal = parse_cents(words.pop("cents", "0")), int(words.pop("ordinal", "0"))
            return Deed(kind=kind, cents=cents, ordinal=ordinal, **words)
    raise Unclear("nobody does this in a story")


# How everything stands


def _sections(lines: Sequence[str]) -> dict[str, list[str]]:
    return sections_named(SECTIONS, list(_with_sides(lines)))


def _with_sides(lines: Sequence[str]) -> Iterator[str]:
    """An amount of the ledger stands under `debit` or under `credit`."""
    debit_ends = 0
    for line in lines:
        if not line.startswith("    "):
            name, *_ = line.split()
            debit_ends = line.index("debit") + len("debit") if name == "ledger" else 0
            yield f"  {name}" if debit_ends else line
        elif debit_ends:
            account, amount = line.rsplit(None, 1)
            yield f"{account} {'debit' if len(line.rstrip()) <= debit_ends else 'credit'} {amount}"
        else:
            yield line


REMITTANCES = Language(folder=FOLDER, steps=_steps, sections=_sections)
