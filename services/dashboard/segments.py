"""Which lines of an X12 file does an event point to? Only those of its own claim: a file tells about many people."""

from __future__ import annotations

import re

_ISA_BYTES = 106
_ENDS = ("CLP", "PLB", "SE", "HL", "TRN", "ST", "GE", "IEA")  # where the next claim, or something else, begins
_SEGMENTS_MAX = 60


def segments_at(content: bytes, place: str) -> list[tuple[int, str]]:
    """Number and text of the segments from the named one to the end of its claim; none when the place is another kind.

    `place` is as events say it: "segment 13". Segments are counted from 1, the ISA.
    """
    found = re.match(r"segment (\d{1,7})", place)
    if found is None or not content.startswith(b"ISA") or len(content) < _ISA_BYTES:
        return []
    element, terminator = chr(content[3]), chr(content[105])
    segments = [each.strip() for each in content.decode("latin-1").split(terminator) if each.strip()]
    first = int(found[1])
    picked: list[tuple[int, str]] = []
    for number, text in enumerate(segments[first - 1 : first - 1 + _SEGMENTS_MAX], start=first):
        if picked and text.split(element, 1)[0] in _ENDS:
            break
        picked.append((number, text))
    return picked
