"""The letter as a patient gets it. Laying out pages needs libraries of the system: where they are missing, what they make is skipped visibly."""

from __future__ import annotations

import re
import warnings
import zlib
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from services.collections.adapters.statement_pdf import Letter, reason_in_words, statement_html, statement_pdf
from shared.events.collections import StatementIssued, StatementLine, StatementLinePart
from shared.events.values import Address, Person, PersonName


def letter(**changes: object) -> Letter:
    issued = StatementIssued(
        statement_id="5e1f",
        patient_id="patient-1",
        number=1,
        lines=(
            StatementLine(
                account_id="ACCOUNT-A",
                service_on=date(2026, 2, 2),
                balance_cents=80_00,
                reason="deductible",
                since_on=date(2026, 3, 2),
                parts=(
                    StatementLinePart(reason="deductible", amount_cents=90_00),
                    StatementLinePart(reason="payment", amount_cents=-10_00),
                ),
            ),
            StatementLine(account_id="ACCOUNT-B", balance_cents=1_020_05, reason="PR-204", since_on=date(2026, 3, 3)),
        ),
        due_cents=1_100_05,
        issued_on=date(2026, 3, 4),
        pay_by_on=date(2026, 3, 29),
        disputed_cents=12_00,
    )
    person = Person(
        name=PersonName(last="O'Neil <b>", first="Ann"),
        address=Address(line_1="2 Low Road", city="Springfield", state="IL", postal_code="627010001"),
    )
    made = Letter(
        statement=issued,
        recipient=person,
        sender_name="Clinic",
        sender_address=Address(line_1="1 High Street", city="Springfield", state="IL", postal_code="62701"),
        sender_phone="2175550100",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_letter_says_how_much_by_when_whom_to_call_and_what_is_disputed() -> None:
    text = statement_html(letter())
    for said in (
        "$1,100.05",
        "March 29, 2026",
        "(217) 555-0100",
        "$12.00 that you dispute",
        "Your plan&#x27;s deductible",
    ):
        assert said in text, said


def test_a_name_cannot_change_the_letter() -> None:
    text = statement_html(letter())
    assert "Ann O&#x27;Neil &lt;b&gt;" in text
    assert "<b>" not in text


def test_a_final_notice_says_so() -> None:
    final = letter()
    final = replace(final, statement=StatementIssued(**{**_fields(final.statement), "is_final_notice": True}))
    assert "Final notice" in statement_html(final)
    assert "collection agency" not in statement_html(letter())


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("copay", "Your copayment"),
        ("PR-204", "Your share by your insurer's answer (code PR-204)"),
        ("payer-reversal", "Your share"),
    ],
)
def test_a_reason_is_told_in_words(reason: str, words: str) -> None:
    assert reason_in_words(reason) == words


def test_the_same_statement_prints_the_same_bytes_and_large_type_is_another_letter() -> None:
    _weasyprint()
    once, again, large = (statement_pdf(each) for each in (letter(), letter(), letter(is_large_type=True)))
    assert once.startswith(b"%PDF-")
    assert (once == again, once == large) == (True, False)


def test_a_statement_of_300_lines_repeats_its_header_on_every_page_and_adds_up_to_what_is_due() -> None:
    weasyprint = _weasyprint()
    lines = tuple(
        StatementLine(
            account_id=f"ACCOUNT-{at:03}", balance_cents=1_000_00 + at, reason="copay", since_on=date(2026, 3, 2)
        )
        for at in range(300)
    )
    due_cents = sum(line.balance_cents for line in lines)
    statement = StatementIssued(**{**_fields(letter().statement), "lines": lines, "due_cents": due_cents})
    document = weasyprint.HTML(string=statement_html(letter(statement=statement))).render()
    pages = [[box.text for box in page._page_box.descendants() if hasattr(box, "text")] for page in document.pages]
    with_lines = [page for page in pages if any(text.startswith("ACCOUNT-") for text in page)]
    assert len(with_lines) > 5
    assert [page for page in with_lines if not {"Account", "Amount"} <= set(page)] == []
    accounts = [text for page in pages for text in page if text.startswith("ACCOUNT-")]
    assert accounts == [line.account_id for line in lines]
    amounts = [_cents(text) for page in with_lines for text in page if text.startswith("$1,")]
    assert sum(amounts) == due_cents
    assert f"${due_cents // 100:,}.{due_cents % 100:02d}" in with_lines[-1]


def test_a_screen_reader_finds_the_headings_and_the_table_of_a_letter() -> None:
    _weasyprint()
    streams = re.findall(rb"stream\n(.*?)\nendstream", statement_pdf(letter()), re.DOTALL)
    objects = b"".join(zlib.decompress(each) for each in streams if each.startswith(b"x"))
    for said in (b"/MarkInfo", b"/StructTreeRoot", b"/H1", b"/TH", b"/Lang (en)"):
        assert said in objects, said


def _cents(text: str) -> int:
    return int(text.replace("$", "").replace(",", "").replace(".", ""))


def _weasyprint() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip(
            "weasyprint", reason="the libraries for laying out pages are not here", exc_type=OSError
        )


def _fields(statement: StatementIssued) -> dict[str, object]:
    return {name: getattr(statement, name) for name in StatementIssued.__struct_fields__}
