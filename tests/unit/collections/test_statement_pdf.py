"""The letter as a patient gets it. Laying out pages needs libraries of the system: where they are missing, what they make is skipped visibly."""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import date

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
        "$1100.05",
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("weasyprint", reason="the libraries for laying out pages are not here", exc_type=OSError)
    once, again, large = (statement_pdf(each) for each in (letter(), letter(), letter(is_large_type=True)))
    assert once.startswith(b"%PDF-")
    assert (once == again, once == large) == (True, False)


def _fields(statement: StatementIssued) -> dict[str, object]:
    return {name: getattr(statement, name) for name in StatementIssued.__struct_fields__}
