"""What does a story say: what was charged, which 835s came and what people did, and how everything stood afterwards?

The format is for people; `remittances/README.md` explains it. Reading is strict: a line that nobody understands is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeAlias

from shared.kernel.money import parse_cents

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


class Unclear(ValueError):
    """A line that does not say what a story may say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payer:
    rank: int
    name: str
    electronic_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    line_id: str
    procedure_code: str
    modifiers: tuple[str, ...]
    charged_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges:
    """A visit is charged, and eligibility says who is responsible: payers in order, nobody (`()`), or nothing (`None`)."""

    account_id: str
    service_on: date
    release: int
    payers: tuple[Payer, ...] | None
    lines: tuple[Line, ...]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """How everything stands. `is_last`: what is not written is not there; before that it is not looked at."""

    sections: Mapping[str, Sequence[str]]
    is_last: bool


Step: TypeAlias = Charges | File835 | Deed | Then


@dataclass(slots=True, kw_only=True)
class Story:
    file: str
    title: str
    why: str
    steps: list[Step] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"{self.file}: {self.title}"

    @property
    def files(self) -> list[File835]:
        return [step for step in self.steps if isinstance(step, File835)]


def every_story() -> list[Story]:
    return [story for path in sorted(FOLDER.glob("*.txt")) for story in read(path.stem, path.read_text("ascii"))]


def read(file: str, text: str) -> list[Story]:
    """The stories of a file, one behind each `# Title`. Raises Unclear."""
    parts = re.split(r"(?m)^# (.+)$", text)
    if parts[0].strip():
        raise Unclear(f"{file}: a file begins with `# Title`")
    titles = zip(parts[1::2], parts[2::2], strict=True)
    return [_story(file, title.strip(), body) for title, body in titles]


def _story(file: str, title: str, body: str) -> Story:
    blocks = re.split(r"(?m)^((?:Given|When|And|Then)\b.*)$", body)
    story = Story(file=file, title=title, why=blocks[0].strip())
    if "Source:" not in story.why:
        raise Unclear(f"{story.id}: says why, and its `Source:`")
    heads = [head.strip() for head in blocks[1::2]]
    for number, (head, content) in enumerate(zip(heads, blocks[2::2], strict=True), start=1):
        lines = [line for line in content.splitlines() if line.strip()]
        if not all(line.startswith("  ") for line in lines):
            raise Unclear(f"{story.id}: what belongs to `{head}` stands under it, two spaces in")
        try:
            story.steps += _steps(head, lines, is_last=number == len(heads), known=story.steps)
        except (ValueError, LookupError) as error:
            raise Unclear(f"{story.id}: `{head}`: {error}") from error
    if not story.steps or not isinstance(story.steps[-1], Then):
        raise Unclear(f"{story.id}: ends with `Then`")
    return story


def _steps(head: str, lines: Sequence[str], *, is_last: bool, known: Sequence[Step]) -> Iterator[Step]:
    said = head.partition(" ")[2]
    if head == "Then":
        yield Then(sections=_sections(lines), is_last=is_last)
    elif said == "these charges":
        yield from _charges(lines, known)
    elif said in ("this 835 arrives", "this 835 arrived"):
        yield File835(segments=tuple(line.strip() for line in lines))
    elif said == "this 835 of a test arrives":
        yield File835(segments=tuple(line.strip() for line in lines), usage="T")
    else:
        if lines:
            raise Unclear("nothing stands under this")
        yield _deed(said)


# Charges


_VISIT = re.compile(r"  ([0-9A-HJKMNP-TV-Z]{16}), served (\S+)(, charged again)?$")
_PAYER = re.compile(r"    (\d)  (\S.*?)  +(\w+)$")
_LINE = re.compile(r"    (L\d+)  +(\w{5})((?:-\w\w)*)  +(\S+)$")


def _charges(lines: Sequence[str], known: Sequence[Step]) -> Iterator[Charges]:
    visits: list[list[str]] = []
    for line in lines:
        visits += [[]] if _VISIT.match(line) else []
        visits[-1].append(line)
    for first, *rest in visits:
        visit = _VISIT.match(first)
        assert visit is not None
        before = [step for step in known if isinstance(step, Charges) and step.account_id == visit[1]]
        payers = [Payer(rank=int(found[1]), name=found[2], electronic_id=found[3]) for found in _all(_PAYER, rest)]
        found_lines = tuple(_line(found) for found in _all(_LINE, rest))
        is_self_pay = "    no coverage" in rest
        if len(rest) != len(payers) + len(found_lines) + is_self_pay or bool(before) != bool(visit[3]):
            raise Unclear(f"charges of {visit[1]}")
        yield Charges(
            account_id=visit[1],
            service_on=date.fromisoformat(visit[2]),
            release=len(before) + 1,
            payers=tuple(payers) if payers or is_self_pay else None,
            lines=found_lines,
        )


def _all(pattern: re.Pattern[str], lines: Sequence[str]) -> Iterator[re.Match[str]]:
    return (found for found in map(pattern.match, lines) if found)


def _line(found: re.Match[str]) -> Line:
    modifiers = tuple(found[3].split("-")[1:])
    return Line(line_id=found[1], procedure_code=found[2], modifiers=modifiers, charged_cents=parse_cents(found[4]))


# 835s


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
    sections: dict[str, list[str]] = {}
    name, debit_ends = "", 0
    for line in lines:
        if not line.startswith("    "):
            name = line.strip()
            if name.startswith("ledger"):
                name, debit_ends = "ledger", len(line[: line.index("debit") + len("debit")])
            if name not in SECTIONS:
                raise Unclear(f"there is no `{name}`")
            sections[name] = []
        elif name == "ledger":
            account, amount = line.rsplit(None, 1)
            side = "debit" if len(line.rstrip()) <= debit_ends else "credit"
            sections[name].append(f"{account.strip()} {side} {amount}")
        else:
            sections[name].append(" ".join(line.split()))
    return sections
