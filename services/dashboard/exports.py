"""How does something leave the page? A list as CSV or Excel, row for row what it shows, opened by a spreadsheet without running
anything; a document as it is kept."""

from __future__ import annotations

import asyncio
import csv
import io
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import IO, Any

import httpx
import xlsxwriter
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import Response, StreamingResponse

from services.dashboard.visits import Visit

_PAGE_ROWS = 500
_RUNS = ("=", "+", "-", "@", "\t", "\r")
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_CHUNK_BYTES = 1 << 16
_TEXT_MAX = 32_767  # of one cell of Excel


async def table_file(
    visit: Visit, name: str, path: str, query: Mapping[str, Any], columns: Mapping[str, str]
) -> Response:
    """All rows of a list in its order, up to the setting; `columns` are heading and field. Raises Refused, Silent.

    Excel where `format=xlsx` is asked for, CSV otherwise. The first page is read before the answer begins, so that a refusal is
    still one.
    """
    first = await visit.get(path, **query, limit=_PAGE_ROWS)
    return await _file(visit, name, _pages(visit, path, query, first), columns)


async def rows_file(
    visit: Visit, name: str, items: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
) -> Response:
    """The same of rows that are there already, as of the answer to a question."""

    async def pages() -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        yield items[: visit.desk.settings.export_rows_max]

    return await _file(visit, name, pages(), columns)


async def _file(
    visit: Visit, name: str, pages: AsyncIterator[Sequence[Mapping[str, Any]]], columns: Mapping[str, str]
) -> Response:
    if visit.asked("format") == "xlsx":
        return _answer(iterate_in_threadpool(_chunks(await _workbook(name, pages, columns))), f"{name}.xlsx", _XLSX)
    return _answer(_csv(pages, columns), f"{name}.csv", "text/csv; charset=utf-8")


def document(found: httpx.Response) -> Response:
    """A document of the service that keeps it, to be saved and never shown as a page of ours."""
    headers = {
        "Content-Disposition": found.headers["content-disposition"],
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    }
    return Response(found.content, media_type=found.headers["content-type"], headers=headers)


def _answer(told: AsyncIterator[Any], file_name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{file_name}"', "Cache-Control": "no-store"}
    return StreamingResponse(told, media_type=media_type, headers=headers)


async def _pages(
    visit: Visit, path: str, query: Mapping[str, Any], page: Mapping[str, Any]
) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    left = visit.desk.settings.export_rows_max
    while True:
        yield page["items"][:left]
        left -= len(page["items"])
        if not page.get("next") or left <= 0:  # a report is one page
            return
        page = await visit.get(path, **query, limit=_PAGE_ROWS, cursor=page["next"])


# --- CSV --------------------------------------------------------------------------------------------------------------


async def _csv(pages: AsyncIterator[Sequence[Mapping[str, Any]]], columns: Mapping[str, str]) -> AsyncIterator[str]:
    yield "\ufeff" + _lines([list(columns)])
    async for items in pages:
        yield _lines([[cell(item.get(field)) for field in columns.values()] for item in items])


def cell(value: Any) -> str:
    """A value as text that a spreadsheet does not take for a formula. Numbers stay numbers, cents whole."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    text = _text(value)
    return f"'{text}" if text.startswith(_RUNS) else text


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _lines(rows: Sequence[Sequence[str]]) -> str:
    told = io.StringIO()
    csv.writer(told).writerows(rows)
    return told.getvalue()


# --- Excel ------------------------------------------------------------------------------------------------------------


async def _workbook(
    name: str, pages: AsyncIterator[Sequence[Mapping[str, Any]]], columns: Mapping[str, str]
) -> IO[bytes]:
    """The finished file. Rows go to the disk as they come, so that memory does not grow with them."""
    file = tempfile.TemporaryFile()  # noqa: SIM115  closed by who sends it
    try:
        with tempfile.TemporaryDirectory(prefix="ledgerline-export-") as rows_folder:
            sheet = Sheet(file, name, columns, rows_folder)
            async for items in pages:
                await asyncio.to_thread(sheet.write, items)
            await asyncio.to_thread(sheet.close)
    except BaseException:
        file.close()
        raise
    return file


class Sheet:
    """One sheet of a new workbook. Amounts are numbers with two decimals, days are dates, all else is text and never a formula."""

    def __init__(self, file: IO[bytes], name: str, columns: Mapping[str, str], rows_folder: str) -> None:
        options = {
            "constant_memory": True,
            "tmpdir": rows_folder,
            "strings_to_formulas": False,
            "strings_to_numbers": False,
            "strings_to_urls": False,
        }
        self._book = xlsxwriter.Workbook(file, options)
        self._money = self._book.add_format({"num_format": "#,##0.00"})
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._sheet = self._book.add_worksheet(name[:31])
        self._fields = list(columns.values())
        self._row = 0
        head = self._book.add_format({"bold": True})
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, len(columns) - 1, 16)
        for place, heading in enumerate(columns):
            self._sheet.write_string(0, place, heading.removesuffix("_cents"), head)

    def write(self, items: Sequence[Mapping[str, Any]]) -> None:
        for item in items:
            self._row += 1
            for place, field in enumerate(self._fields):
                self._cell(place, field, item.get(field))

    def close(self) -> None:
        self._book.close()

    def _cell(self, place: int, field: str, value: Any) -> None:
        if value is None or value == "":
            return
        if isinstance(value, int) and not isinstance(value, bool):
            if field.endswith("cents"):
                self._sheet.write_number(self._row, place, Decimal(value).scaleb(-2), self._money)
            else:
                self._sheet.write_number(self._row, place, value)
        elif field.endswith("_on") and isinstance(value, str):
            self._sheet.write_datetime(self._row, place, date.fromisoformat(value), self._day)
        else:
            self._sheet.write_string(self._row, place, _text(value)[:_TEXT_MAX])


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
