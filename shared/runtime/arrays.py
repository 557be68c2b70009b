"""How do thousands of values travel to the database in one parameter, without a look at each of them?

The driver sends an array by asking of every element whether it is an array itself, half a microsecond for each and more for times. The
text of an array, which the server casts, costs a tenth of that. What is sent is the same to the last bit: `$1::text::bigint[]`.

Source: PostgreSQL manual, "Array Input and Output Syntax".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

_NULL = "NULL"


def text_array(values: Sequence[str | None]) -> str:
    """The literal of a text[]. Raises TypeError for what is no text."""
    if None in values:
        return "{" + ",".join(_NULL if value is None else _quoted(value) for value in values) + "}"
    if not values:
        return "{}"
    texts = cast(Sequence[str], values)
    joined = '","'.join(texts)
    if "\\" in joined or joined.count('"') != 2 * (len(values) - 1):
        joined = '","'.join(map(_escaped, texts))
    return '{"' + joined + '"}'


def integer_array(values: Sequence[int | None]) -> str:
    """The literal of an array of integers of any size. Raises TypeError for what is no integer."""
    if None in values:
        return "{" + ",".join(_NULL if value is None else int.__repr__(value) for value in values) + "}"
    return "{" + ",".join(map(int.__repr__, cast(Sequence[int], values))) + "}"


def time_array(values: Sequence[datetime | None]) -> str:
    """The literal of a timestamptz[]. Raises ValueError for a time without a zone, TypeError for what is no time."""
    return "{" + ",".join(_NULL if value is None else _time(value) for value in values) + "}"


def _time(value: datetime) -> str:
    if datetime.utcoffset(value) is None:
        raise ValueError("a time that is recorded has a zone")
    return datetime.isoformat(value)


def _quoted(value: str) -> str:
    return '"' + _escaped(value) + '"'


def _escaped(value: str) -> str:
    return str.replace(value, "\\", "\\\\").replace('"', '\\"')
