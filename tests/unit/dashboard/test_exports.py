"""A list that leaves as a file, over HTTP: every page of it, and a refusal that is still one."""

from __future__ import annotations

import io
import zipfile

import pytest
from starlette.responses import JSONResponse

from tests.unit.dashboard.conftest import World

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_excel_file_has_the_rows_of_the_list(world: World) -> None:
    await world.log_in("biller")
    rows = [{"claim_id": f"C{number}", "charged_cents": number} for number in range(3)]
    world.answers["GET /api/claims/claims"] = {"items": rows, "next": None}
    answer = await world.browser.get("/claims/export?format=xlsx&status=held")
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    assert answer.headers["content-disposition"] == 'attachment; filename="claims.xlsx"'
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 4 and "C2" in sheet
    [asked] = [asked for asked in world.asked if asked.path == "/api/claims/claims"]
    assert asked.query["status"] == "held" and "format" not in asked.query


async def test_a_refused_list_is_a_page_and_no_file(world: World) -> None:
    await world.log_in("biller")
    world.answers["GET /api/claims/claims"] = JSONResponse({"code": "malformed", "detail": "no such status"}, 422)
    answer = await world.browser.get("/claims/export?format=xlsx")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "text/html; charset=utf-8")
