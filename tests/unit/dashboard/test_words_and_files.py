"""Money as it is written, cells that no spreadsheet runs, segments of one claim only, and the vendored file as it came."""

from __future__ import annotations

import hashlib
import io
import tempfile
import tracemalloc
import zipfile
from datetime import date
from decimal import Decimal
from typing import Any, get_args
from xml.etree import ElementTree

import pytest

from services.claims.domain.claim.state import Stage
from services.collections.api import bodies, worklist
from services.dashboard.exports import Sheet, cell
from services.dashboard.pages import claims, collections
from services.dashboard.rendering import (
    STATIC,
    asset,
    days_until,
    dollars,
    in_dollars,
    kind,
    money,
    place_of,
    query,
    sentence,
    short_dollars,
)
from services.dashboard.segments import segments_at

ISA = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260314*1253*^*00501*000000001*0*P*:~"
FILE = (
    f"{ISA}GS*HP*S*R*20260314*1253*1*X*005010X221A1~ST*835*0001~CLP*ONE*1*100*80*20~NM1*QC*1*FLINT*ADA~SVC*HC:99213*100*80~"
    "CLP*TWO*1*50*50~NM1*QC*1*STONE*BEN~SE*6*0001~GE*1*1~IEA*1*000000001~"
).encode()


@pytest.mark.parametrize(
    ("cents", "told"), [(0, "0.00"), (5, "0.05"), (-118_00, "\u2212118.00"), (1_822_785, "18,227.85"), (None, "")]
)
def test_money_has_its_cents_and_a_real_minus_sign(cents: int | None, told: str) -> None:
    assert money(cents) == told


def test_a_large_sum_is_shortened_downwards_and_a_small_one_is_not() -> None:
    assert short_dollars(4_459_163_199) == "$44.5M"
    assert short_dollars(-12_345_678) == "\u2212$123.4k"
    assert short_dollars(9_999_999) == dollars(9_999_999) == "$99,999.99"


def test_what_a_service_says_in_cents_is_read_in_dollars_and_ids_and_positions_are_left_out() -> None:
    assert in_dollars("expected 8000 cents, found -905 cents") == "expected $80.00, found \u2212$9.05"
    assert in_dollars("CLP04 of 12 claims") == "CLP04 of 12 claims"
    assert sentence("claims.DenialNoted.v1") == sentence("DenialNoted") == "Denial noted"
    assert kind("member-number-4c96ff07-eac4-4097-b4ec-8b1bf252810e") == "member-number"
    assert place_of("0.7817.1504") == "1,504"
    assert days_until("2026-03-01", date(2026, 3, 3)) == -2


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"])
def test_a_cell_that_a_spreadsheet_would_run_is_text(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_a_cell_keeps_what_is_harmless() -> None:
    assert [cell(value) for value in ("CO-45", -118, None, True, ["M127", "N4"])] == [
        "CO-45",
        "-118",
        "",
        "true",
        "M127, N4",
    ]


COLUMNS = {"claim": "claim_id", "charged_cents": "charged_cents", "service_on": "service_on", "note": "note"}


def sheet_of(rows: list[dict[str, Any]]) -> tuple[list[list[str]], str]:
    """What is in the cells of a workbook of these rows, and its XML."""
    file = io.BytesIO()
    with tempfile.TemporaryDirectory() as folder:
        sheet = Sheet(file, "claims", COLUMNS, folder)
        sheet.write(rows)
        sheet.close()
    with zipfile.ZipFile(file) as book:
        xml = book.read("xl/worksheets/sheet1.xml").decode()
    cells = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    root = ElementTree.fromstring(xml)
    return [["".join(cell.itertext()) for cell in row.iter(f"{cells}c")] for row in root.iter(f"{cells}row")], xml


def test_an_amount_in_a_workbook_is_a_number_with_its_cents_exactly() -> None:
    amounts = [0, 1, -118_00, 10**12 + 1, 29, 1_15]
    cells, _ = sheet_of([{"charged_cents": cents} for cents in amounts])
    assert cells[0] == ["claim", "charged", "service_on", "note"]
    assert [Decimal(row[0]) * 100 for row in cells[1:]] == amounts


def test_a_day_in_a_workbook_is_a_date_and_text_is_never_a_formula_or_a_link() -> None:
    text = ["=1+1", "+1", "@SUM(A1)", "{=1}", "https://elsewhere.invalid", "0042"]
    cells, xml = sheet_of([{"claim_id": each, "service_on": "2026-03-14"} for each in text])
    assert [row[0] for row in cells[1:]] == text
    assert {row[1] for row in cells[1:]} == {"46095"}  # days since 1899-12-30
    assert "<f>" not in xml and "hyperlink" not in xml


def test_a_long_workbook_is_written_in_the_memory_of_a_short_one() -> None:
    row = {"claim_id": "0123456789ABCDEF1", "charged_cents": 100_00, "service_on": "2026-03-14", "note": "x" * 50}

    def peak(pages: int) -> int:
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as file:
            sheet = Sheet(file, "claims", COLUMNS, folder)
            tracemalloc.start()
            for _ in range(pages):
                sheet.write([row] * 500)
            sheet.close()
            bytes_max = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return bytes_max

    assert peak(20) < 2 * peak(2)


def test_segments_end_where_the_next_patients_begin() -> None:
    told = segments_at(FILE, "segment 4")
    assert [text.split("*")[0] for _, text in told] == ["CLP", "NM1", "SVC"]
    assert told[0] == (4, "CLP*ONE*1*100*80*20")
    assert "STONE" not in str(told)


@pytest.mark.parametrize("place", ["", "PID-3", "segment x", "segment 900"])
def test_a_place_that_is_no_segment_shows_nothing(place: str) -> None:
    assert segments_at(FILE, place) == []
    assert segments_at(b"MSH|^~\\&|", "segment 1") == []


def test_an_address_keeps_filters_and_drops_what_is_empty() -> None:
    assert (
        query("/claims", {"status": "held", "payer_id": "a b"}, status="", cursor="x")
        == "/claims?payer_id=a+b&cursor=x"
    )


def test_the_script_of_others_is_the_one_that_was_published() -> None:
    htmx = (STATIC / "vendor" / "htmx-2.0.11.min.js").read_bytes()
    assert hashlib.sha256(htmx).hexdigest() == "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
    assert (STATIC / "vendor" / "htmx-LICENSE.txt").is_file()
    assert asset("vendor/htmx-2.0.11.min.js").startswith("/static/vendor/htmx-2.0.11.min.js?")


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (collections.OUTCOMES, bodies.Outcome),
        (collections.HOLDS, bodies.Hold),
        (collections._STEPS, worklist.Step),
        (claims._STATUSES, tuple(stage for stage in Stage if stage is not Stage.NOT_CREATED)),
    ],
    ids=["outcomes", "holds", "steps", "statuses"],
)
def test_a_page_offers_what_the_service_takes(offered: tuple[str, ...], taken: Any) -> None:
    assert set(offered) == set(get_args(taken) or taken)
