"""Words that occur nowhere else, and every shape in which a system may write one down.

A shape is what a careless piece of code would leave behind: plain text in either case, UTF-16, hex digits, base64 at any of its three
offsets, percent-encoding, a date as it is usually printed.
"""

from __future__ import annotations

import base64
import itertools
import re
import string
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

_MARK = "ZEPHYRQ"
_DIGITS = "73195"
_END, _END_DIGIT = "X", "7"  # the same for all: base64 may show the last character in part only
_BORN_FROM = date(1887, 1, 1)
_ANCHOR_BYTES = 5


class Words:
    """Makes each word once, and remembers what it stands for."""

    def __init__(self) -> None:
        self.meaning: dict[str, str] = {}  # word -> "patient 3: last name"
        self._letters = map("".join, itertools.product(string.ascii_uppercase, repeat=4))
        self._numbers = itertools.count(1)
        self._days = itertools.count(0)

    def text(self, meaning: str) -> str:
        """Twelve capital letters."""
        return self._kept(_MARK + next(self._letters) + _END, meaning)

    def digits(self, meaning: str, length: int) -> str:
        return self._kept(f"{_DIGITS}{next(self._numbers):0{length - len(_DIGITS) - 1}d}{_END_DIGIT}", meaning)

    def day(self, meaning: str) -> date:
        """A day on which nobody who is alive was born."""
        day = _BORN_FROM + timedelta(days=next(self._days))
        self._kept(day.isoformat(), meaning)
        return day

    def _kept(self, word: str, meaning: str) -> str:
        self.meaning[word] = meaning
        return word


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One way in which a word may be written. Zero bytes are left out before anything is looked for, so UTF-16 is text."""

    way: str
    content: bytes
    anchor_at: int  # these few bytes are the same for all words of a kind, and are looked for first

    @property
    def anchor(self) -> bytes:
        return self.content[self.anchor_at :][:_ANCHOR_BYTES]


def shapes_of(word: str) -> Iterator[Shape]:
    """Every way in which the word may be written."""
    for written, is_anchored_behind in _written(word):
        raw = written.encode()
        anchor_at = len(raw) - _ANCHOR_BYTES if is_anchored_behind else 0
        yield Shape(way="text", content=raw, anchor_at=anchor_at)
        if is_anchored_behind:
            continue
        yield Shape(way="hex", content=raw.hex().encode(), anchor_at=0)
        yield Shape(way="hex", content=raw.hex().upper().encode(), anchor_at=0)
        yield Shape(way="percent", content=b"".join(b"%%%02X" % byte for byte in raw), anchor_at=0)
        yield Shape(way="percent", content=b"".join(b"%%%02x" % byte for byte in raw), anchor_at=0)
        for offset in range(3):
            core = _base64_core(raw, offset)
            for each in {core, core.translate(bytes.maketrans(b"+/", b"-_"))}:
                yield Shape(way=f"base64 at {offset}", content=each, anchor_at=0)


def _written(word: str) -> Iterator[tuple[str, bool]]:
    yield word, False
    if re.fullmatch(r"\d{4}-\d\d-\d\d", word):
        year, month, day = word.split("-")
        yield f"{year}{month}{day}", False
        yield f"{month}/{day}/{year}", True
        yield f"{month}%2F{day}%2F{year}", True
    elif word.isalpha():
        yield word.lower(), False
        yield word.capitalize(), False
    else:  # social security, telephone
        yield f"{word[:3]}-{word[3:-4]}-{word[-4:]}", False
        yield f"({word[:3]}) {word[3:-4]}-{word[-4:]}", False


def _base64_core(raw: bytes, offset: int) -> bytes:
    """What base64 shows of these bytes when `offset` unknown ones (modulo three) come before, and any behind."""
    coded = base64.b64encode(b"\0" * offset + raw)
    first, last = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
    return coded[first:last]


class Finder:
    """Finds any shape of any of these words in bytes."""

    def __init__(self, meaning: Iterable[str]) -> None:
        self._of: dict[bytes, tuple[str, str]] = {}
        self._anchors: dict[bytes, set[tuple[int, int]]] = {}
        for word in meaning:
            for shape in shapes_of(word):
                self._of.setdefault(shape.content, (word, shape.way))
                self._anchors.setdefault(shape.anchor, set()).add((shape.anchor_at, len(shape.content)))
        self.longest = max(map(len, self._of))

    def found(self, content: bytes) -> Iterator[tuple[str, str]]:
        """Words, and how each is written. A bare date is one only where no digit is beside it."""
        content = content.translate(None, b"\0")
        for anchor, spans in self._anchors.items():
            at = content.find(anchor)
            while at >= 0:
                for before, length in spans:
                    found = self._at(content, at - before, length)
                    if found is not None:
                        yield found
                at = content.find(anchor, at + 1)

    def _at(self, content: bytes, start: int, length: int) -> tuple[str, str] | None:
        shape = content[max(start, 0) : start + length]
        if (found := self._of.get(shape)) is None:
            return None
        beside = content[max(start - 1, 0) : start] + content[start + length : start + length + 1]
        is_part_of_a_number = found[1] == "text" and shape.isdigit() and any(each in b"0123456789" for each in beside)
        return None if is_part_of_a_number else found
