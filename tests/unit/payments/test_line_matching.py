"""A remittance's line finds the one line of ours that it can mean, and no line when it could mean two."""

from __future__ import annotations

from datetime import date

import pytest

from services.payments.domain.line_matching import line_of_ours
from shared.events.payments import LedgerLine
from shared.events.values import AdjudicatedLine


def ours(line_id: str, procedure: str, cents: int, revenue: str = "") -> LedgerLine:
    return LedgerLine(
        line_id=line_id,
        charge_id=f"c-{line_id}",
        service_on=date(2026, 3, 2),
        procedure_code=procedure,
        charged_cents=cents,
        revenue_code=revenue,
    )


HOSPITAL = {
    each.line_id: each
    for each in (
        ours("room", "", 4_500_00, "0120"),
        ours("drug", "", 45_50, "0250"),
        ours("x-ray", "71046", 45_50, "0324"),
        ours("er", "99283", 800_00, "0450"),
    )
}
OFFICE = {each.line_id: each for each in (ours("visit", "99213", 100_00), ours("ecg", "93000", 100_00))}


@pytest.mark.parametrize(
    ("answered", "wanted"),
    [
        (AdjudicatedLine(line_id="room", charged_cents=1, paid_cents=0), "room"),
        (AdjudicatedLine(revenue_code="0250", charged_cents=45_50, paid_cents=0), "drug"),  # NU:0250
        (AdjudicatedLine(revenue_code="0250", charged_cents=45_51, paid_cents=0), ""),
        (AdjudicatedLine(revenue_code="0450", charged_cents=800_00, paid_cents=0), "er"),  # answered without its HCPCS
        (AdjudicatedLine(procedure_code="99283", charged_cents=800_00, paid_cents=0), "er"),
        (AdjudicatedLine(procedure_code="99283", revenue_code="0450", charged_cents=800_00, paid_cents=0), "er"),
        (AdjudicatedLine(procedure_code="99283", revenue_code="0510", charged_cents=800_00, paid_cents=0), ""),
        (AdjudicatedLine(charged_cents=4_500_00, paid_cents=0), ""),  # says nothing of what was done
    ],
)
def test_a_hospitals_line_is_found_by_revenue_code_or_procedure(answered: AdjudicatedLine, wanted: str) -> None:
    assert line_of_ours(answered, HOSPITAL) == wanted


def test_an_office_line_is_found_by_its_procedure_and_charge() -> None:
    assert line_of_ours(AdjudicatedLine(procedure_code="93000", charged_cents=100_00, paid_cents=0), OFFICE) == "ecg"
    assert line_of_ours(AdjudicatedLine(procedure_code="99214", charged_cents=100_00, paid_cents=0), OFFICE) == ""


def test_two_lines_alike_are_none() -> None:
    twice = {each.line_id: each for each in (ours("a", "", 45_50, "0250"), ours("b", "", 45_50, "0250"))}
    assert line_of_ours(AdjudicatedLine(revenue_code="0250", charged_cents=45_50, paid_cents=0), twice) == ""
