"""How is a file of stories read, whatever they are about? Titles, reasons, and what happens one after the other.

The format is for people. Reading is strict: a line that nobody understands is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias


class Unclear(ValueError):
    """A line that does not say what a story may say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Then:
    """How everything stands. `is_last`: what is not written is not there; before that it is not looked at."""

    sections: Mapping[str, Sequence[str]]
    is_last: bool


@dataclass(slots=True, kw_only=True)
class Story:
    file: str
    title: str
    why: str
    steps: list[Any] = field(default_factory=list)

    @property
    def id(self) -> str:
        return f"{self.file}: {self.title}"


Steps: TypeAlias = Callable[[str, Sequence[str], Sequence[Any]], Iterator[Any]]
Sections: TypeAlias = Callable[[Sequence[str]], Mapping[str, Sequence[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """What may be said in the stories of a folder."""

    folder: Path
    steps: Steps  # of what a `Given`, `When` or `And` says, the lines under it, and the steps before it
    sections: Sections  # of the lines under a `Then`


def every_story(language: Language) -> list[Story]:
    return [
        story
        for path in sorted(language.folder.glob("*.txt"))
        for story in read(language, path.stem, path.read_text("ascii"))
    ]


def read(language: Language, file: str, text: str) -> list[Story]:
    """The stories of a file, one behind each `# Title`. Raises Unclear."""
    parts = re.split(r"(?m)^# (.+)$", text)
    if parts[0].strip():
        raise Unclear(f"{file}: a file begins with `# Title`")
    titles = zip(parts[1::2], parts[2::2], strict=True)
    return [_story(language, file, title.strip(), body) for title, body in titles]


def _story(language: Language, file: str, title: str, body: str) -> Story:
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
            if head == "Then":
                story.steps.append(Then(sections=language.sections(lines), is_last=number == len(heads)))
            else:
                story.steps += language.steps(head.partition(" ")[2], lines, story.steps)
        except (ValueError, LookupError) as error:
            raise Unclear(f"{story.id}: `{head}`: {error}") from error
    if not story.steps or not isinstance(story.steps[-1], Then):
        raise Unclear(f"{story.id}: ends with `Then`")
    return story


def sections_named(names: Sequence[str], lines: Sequence[str]) -> dict[str, list[str]]:
    """The lines under each of these names. Raises Unclear."""
    sections: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        if not line.startswith("    "):
            name = line.strip()
            if name not in names:
                raise Unclear(f"there is no `{name}`")
            sections[name] = []
        else:
            sections[name].append(" ".join(line.split()))
    return sections
