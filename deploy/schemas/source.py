"""What do the comments beside a class's fields say?

A comment on the field's own line, or on lines of its own right above it, is about the field. One that follows an empty line opens a
group of fields and is about all of them. Generated pages repeat them, so that a unit or an element id is written once: in the code.
"""

from __future__ import annotations

import inspect
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

_FIELD = re.compile(r"    (\w+): ")


@dataclass(slots=True, kw_only=True)
class Group:
    """Fields that stand together, by name with their comments, and the comment above them all."""

    about: str = ""
    fields: dict[str, str] = field(default_factory=dict)


@cache
def comments_of(cls: type) -> Mapping[str, str]:
    """Every field of the class, those of its bases first, and its comment; an empty one where there is none."""
    bodies = [each for each in reversed(cls.__mro__) if inspect.get_annotations(each)]
    return {name: told for each in bodies for group in groups_of(each) for name, told in group.fields.items()}


def groups_of(cls: type) -> list[Group]:
    """The fields of the class body in the groups that empty lines make."""
    source = inspect.getsource(cls)
    comments = _comments(source)
    groups = [Group()]
    above: list[str] = []
    for number, line in enumerate(source.splitlines(), start=1):
        if not line.strip():
            groups.append(Group())
        elif line.lstrip().startswith("#"):
            above.append(comments[number])
        elif line.startswith(("    def ", "    @")):
            break
        elif found := _FIELD.match(line):
            _add(groups[-1], found[1], above, comments.get(number, ""))
            above = []
    return [group for group in groups if group.fields]


def _add(group: Group, name: str, above: list[str], beside: str) -> None:
    text = " ".join(above)
    if not group.fields:
        group.about, text = text, ""
    group.fields[name] = " ".join(filter(None, (text, beside)))


def _comments(source: str) -> dict[int, str]:
    return dict(_tokens(inspect.cleandoc(source) if source.startswith(" ") else source))


def _tokens(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            text = token.string.removeprefix("#").strip()
            if not text.startswith("noqa"):
                yield token.start[0], text
