"""Does the database read in the text of an array what was written into it?"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import asyncpg
import pytest

from shared.runtime.arrays import integer_array, text_array, time_array
from shared.testing.infrastructure import PostgresServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

_PIECES = [
    "",
    "a",
    " ",
    '"',
    "\\",
    "{",
    "}",
    ",",
    "'",
    "NULL",
    "null",
    "\n",
    "\t",
    "\r",
    "\x01",
    "é",
    "🩺",
    "x" * 200,
    '","',
    '\\"',
]
_TIMES = [
    datetime(2026, 3, 2, 12, 0, tzinfo=UTC),
    datetime(2026, 3, 2, 12, 0, 0, 1, tzinfo=UTC),
    datetime(2026, 3, 2, 12, 0, tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
]


async def _read_back(server: PostgresServer, literal: str, kind: str) -> list[Any]:
    connection = await asyncpg.connect(server.url)
    try:
        return list(await connection.fetchval(f"select $1::text::{kind}[]", literal))
    finally:
        await connection.close()


async def test_texts_of_every_kind(postgres_server: PostgresServer) -> None:
    choice = random.Random(7)
    values: list[str | None] = ["".join(choice.choices(_PIECES, k=choice.randint(0, 5))) for _ in range(500)]
    plain = [f"guarantor-account/{number}" for number in range(100)]
    for texts in (values, [*values, None], plain, [*plain, None], _PIECES, ['"'], ["a", '"b', 'c"'], [], [""]):
        assert await _read_back(postgres_server, text_array(texts), "text") == texts


async def test_integers_of_every_size(postgres_server: PostgresServer) -> None:
    for integers in ([0, -1, 2**63 - 1, -(2**63)], [1, None, 2], [], [None]):
        assert await _read_back(postgres_server, integer_array(integers), "bigint") == integers


async def test_times_to_the_microsecond(postgres_server: PostgresServer) -> None:
    for times in (_TIMES, [None, *_TIMES], [], [None]):
        assert await _read_back(postgres_server, time_array(times), "timestamptz") == times


async def test_what_is_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError):
        text_array(["a", 1])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        text_array([None, 1])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        integer_array([1, "2"])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        integer_array([1.5, None])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        time_array([date(2026, 3, 2)])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="has a zone"):
        time_array([datetime(2026, 3, 2)])  # noqa: DTZ001
