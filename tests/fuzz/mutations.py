"""What does a damaged X12 file look like? Files damaged as senders, translators and transports damage them.

Knows segments and elements, so that what comes out is still X12 deep enough to reach the readers; bytes alone would mostly
end in ISA. The same seed gives the same file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TypeAlias

SEGMENTS_MAX = 400

_ISA_LENGTH = 106
_VALUES = (
    *("", " ", "0", "-1", "-0", ".", "-", "1.005", ".5", "00100", "1e5", "+3", "1,000", "999999999999999999", "A", "~"),
    *(
        "9" * 19,
        "9" * 80,
        "X" * 300,
        "20260231",
        "00000000",
        "19000101",
        "20260101-20251231",
        "2401",
        "D8",
        "RD8",
        "DT",
    ),
    *(
        "XX",
        "HC:99213",
        "::::",
        "HC:" + ":" * 40,
        "^^^^",
        "\x00",
        "\x07",
        "\x1c",
        "é",
        "\ufeff",
        "Ωmega",
        "1\n2",
        "\r\n",
    ),
    *("ISA", "IEA", "SE", "ST", "TA1", "٣", "²", "1234567893", "1234567890", "ABK", "BK", "20", "21", "22", "23", "PT"),
)
_SEPARATORS = "*:^~|>+!\n\r\x1c\x1d'"

Parts: TypeAlias = list[list[str]]  # segments of elements
Change: TypeAlias = Callable[[Parts, Random, Sequence[Parts]], None]


def damaged(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    """The file with one to five faults; sometimes its delimiters, its bytes or what stands around it are hit too."""
    if random.random() < 0.05 or len(data) < _ISA_LENGTH:
        return _bytes_changed(data, random)
    parts, element, terminator = _split(data)
    donors = [_split(random.choice(others))[0]] if others else [parts]
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5))):
        random.choice(_CHANGES)(parts, random, donors)
        if not parts:
            break
        del parts[SEGMENTS_MAX:]
    written = _joined(parts, element, terminator, random)
    if random.random() < 0.05:
        written = _around(written, random, others)
    if random.random() < 0.05:
        written = _bytes_changed(written, random)
    return written


def _split(data: bytes) -> tuple[Parts, str, str]:
    text = data.decode("latin-1")
    element, terminator = text[3], text[105]
    return [segment.lstrip("\r\n").split(element) for segment in text.split(terminator)], element, terminator


def _joined(parts: Parts, element: str, terminator: str, random: Random) -> bytes:
    if random.random() < 0.05:
        element = random.choice(_SEPARATORS)
    if random.random() < 0.05:
        terminator = random.choice(_SEPARATORS)
    end = terminator + random.choice(("", "", "\n", "\r\n"))
    text = end.join(element.join(elements) for elements in parts)
    return text.encode("utf-8" if random.random() < 0.5 else "latin-1", "replace")


def _bytes_changed(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.randint(1, 6)):
        at = random.randint(0, len(changed))
        changed[at : at + random.randint(0, 12)] = random.randbytes(random.randint(0, 8))
    return bytes(changed)


def _around(data: bytes, random: Random, others: Sequence[bytes]) -> bytes:
    match random.randrange(6):
        case 0:
            return b"\xef\xbb\xbf" + data
        case 1:
            return b"\r\n \x00" + data + b"\x1a\x00\n"
        case 2:
            return data + random.choice([data, *others])
        case 3:
            return data[: random.randint(0, len(data))]
        case 4:
            return data[random.randint(0, 200) :]
        case _:
            return data.rstrip(b"~\n") + random.choice([data, *others])


# Changes of segments


def _drop(parts: Parts, random: Random, _: Sequence[Parts]) -> None:
    at = random.randrange(len(parts))
    del parts[at : at + random.choice((1, 1, 1, 2, 5))]


def _repeat(parts: Parts, random: Random, _: Sequence[Parts]) -> None:
    at = random.randrange(len(parts))
    run = parts[at : at + random.choice((1, 1, 2, 4, 8))]
    times = random.choice((1, 1, 2, 12, 60))
    parts[at:at] = [list(elements) for elements in run * times]


def _exchange(parts: Parts, random: Random, _: Sequence[Parts]) -> None:
    one, other = random.randrange(len(parts)), random.randrange(len(parts))
    parts[one], parts[other] = parts[other], parts[one]


def _bring(parts: Parts, random: Random, donors: Sequence[Parts]) -> None:
    """A run of segments of another set."""
    donor = random.choice(donors)
    start = random.randrange(len(donor))
    at = random.randrange(len(parts) + 1)
    parts[at:at] = [list(elements) for elements in donor[start : start + random.randint(1, 6)]]


# Changes of elements


def _value(parts: Parts, random: Random, _: Sequence[Parts]) -> None:
    elements = random.choice(parts)
    elements[random.randrange(len(elements))] = random.choice(_VALUES)


def _other_value(parts: Parts, random: Random, donors: Sequence[Parts]) -> None:
    """A value that stands somewhere else."""
    elements = random.choice(parts)
    elements[random.randrange(len(elements))] = random.choice(random.choice(random.choice([parts, *donors])))


def _letters(parts: Parts, random: Random, _: Sequence[Parts]) -> None:
    """A character of a value dropped, doubled or changed."""
    elements = random.choice(parts)
    at = random.randrange(len(elements))
    text = elements[at]
    if text:
        place = random.randrange(len(text))
        middle = random.choice(("", text[place] * 2, random.choice("09AZ-. :^*\x00é")))
        elements[at] = text[:place] + middle + text[place + 1 :]


def _shift(parts: Parts, random: Random, _: Sequence[Parts]) -> None:
    """The elements of a segment moved by one."""
    elements = random.choice(parts)
    if random.random() < 0.5 and len(elements) > 1:
        del elements[random.randrange(1, len(elements))]
    else:
        elements.insert(random.randrange(1, len(elements) + 1), random.choice(_VALUES))


def _many(parts: Parts, random: Random, _: Sequence[Parts]) -> None:
    """Elements, components or repetitions without end."""
    elements = random.choice(parts)
    times = random.choice((5, 30, 200, 1_200))
    match random.randrange(3):
        case 0:
            elements.extend(["1"] * times)
        case 1:
            elements[-1] += ":1" * times
        case _:
            elements[-1] += "^1" * times


_CHANGES: tuple[Change, ...] = (
    *(_drop, _repeat, _exchange, _bring, _value, _value, _value, _other_value, _other_value, _letters, _letters),
    *(_shift, _shift, _many),
)
