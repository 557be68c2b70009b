"""How does a list leave the page? As CSV, row for row what the list shows, opened by a spreadsheet without running anything."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from starlette.responses import Response, StreamingResponse

from services.dashboard.visits import Visit

_PAGE_ROWS = 500
_RUNS = ("=", "+", "-", "@", "\t", "\r")


async def csv_file(
    visit: Visit, name: str, path: str, query: Mapping[str, Any], columns: Mapping[str, str]
) -> Response:
    """All rows of a list in its order, up to the setting; `columns` are heading and field. Raises Refused, Silent.

    The first page is read before the answer begins, so that a refusal is still one.
    """
    first = await visit.get(path, **query, limit=_PAGE_ROWS)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "no-store"}
    rows = _rows(visit, path, query, first, columns)
    return StreamingResponse(rows, media_type="text/csv; charset=utf-8", headers=headers)


async def _rows(
    visit: Visit, path: str, query: Mapping[str, Any], page: Mapping[str, Any], columns: Mapping[str, str]
) -> AsyncIterator[str]:
    yield "\ufeff" + _lines([list(columns)])
    left = visit.desk.settings.export_rows_max
    while True:
        items = page["items"][:left]
        yield _lines([[cell(item.get(field)) for field in columns.values()] for item in items])
        left -= len(items)
        if not page["next"] or left <= 0:
            return
        page = await visit.get(path, **query, limit=_PAGE_ROWS, cursor=page["next"])


def cell(value: Any) -> str:
    """A value as text that a spreadsheet does not take for a formula. Numbers stay numbers, cents whole."""
    if value is None:
        return ""
    if isinstance(value, bool | int):
        return str(value).lower() if isinstance(value, bool) else str(value)
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text.startswith(_RUNS) else text


def _lines(rows: Sequence[Sequence[str]]) -> str:
    told = io.StringIO()
    csv.writer(told).writerows(rows)
    return told.getvalue()
