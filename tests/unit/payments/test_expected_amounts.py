"""What a contract says that a service is worth, by figures that can be computed again by hand; what it does not say is never zero."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.payments.domain.payer_contracts.state import PayerContracts
from services.payments.domain.pricing import exact
from services.payments.domain.pricing.expected import Expected, NotPriced, Priced, expected_of
from services.payments.domain.pricing.service_line import ServiceLine
from shared.events.contracts import ContractTerm, FeeRate, RelativeValues
from tests.unit.payments.contracts import (
    BY_SCHEDULE,
    HALF_OF_CHARGE,
    agreed,
    line,
    rate,
    schedule,
    values,
)


def price(of: ServiceLine, *prices: FeeRate | RelativeValues, contract: PayerContracts | None = None) -> Expected:
    known = contract or agreed(lesser=False)
    version = known.in_force(of.service_on, billing_npi="", filing_indicator="")
    return expected_of([of], [version], {"aetna-2026": schedule(*prices)} if prices else {})[0]


def cents(found: Expected) -> int:
    assert isinstance(found, Priced), found
    return found.expected_cents


def figures(found: Expected) -> dict[str, str]:
    assert isinstance(found, Priced), found
    return {each.name: each.value for each in found.basis.inputs}


def reason(found: Expected) -> tuple[str, str]:
    assert isinstance(found, NotPriced), found
    return found.reason, found.value


def test_medicares_formula_by_hand() -> None:
    """(1.30 x 1.010 + 1.37 x 0.987 + 0.10 x 0.725) x 32.3465 = 2.73769 x 32.3465 = 88.554689585: 88.55."""
    found = price(line(), values())
    assert cents(found) == 88_55
    assert figures(found) == {
        "procedure_code": "99213",
        "place": "non-facility",
        "work_rvu": "1.30",
        "work_gpci": "1.010",
        "expense_rvu": "1.37",
        "expense_gpci": "0.987",
        "malpractice_rvu": "0.10",
        "malpractice_gpci": "0.725",
        "conversion_factor": "32.3465",
        "fee_cents": "8855",
        "units": "1",
    }


def test_in_a_facility_the_expense_is_the_facilitys() -> None:
    """(1.313 + 0.57 x 0.987 + 0.0725) x 32.3465 = 1.94809 x 32.3465 = 63.013893185: 63.01."""
    assert cents(price(line(pos="22"), values())) == 63_01


def test_a_hospitals_line_is_priced_by_its_charge_and_never_by_a_physicians_schedule() -> None:
    room = replace(line(charged=200_00), revenue_code="0450")
    assert reason(price(room, values())) == ("hospital-line", "0450")
    assert cents(price(room, contract=agreed(HALF_OF_CHARGE))) == 100_00


def test_a_fee_is_rounded_half_up_once_before_it_is_multiplied() -> None:
    assert exact.cents_of_dollars(Decimal("0.125")) == 13
    assert exact.percent_of(25, Decimal("50")) == 13
    doubled = ContractTerm(rule="percent-of-schedule", schedule_id="aetna-2026", percent="120")
    found = price(line(units="3"), rate("99213", 12_34), contract=agreed(doubled, lesser=False))
    assert cents(found) == 3 * 14_81  # 14.808 becomes 14.81 first
    assert figures(found)["percent_of_fee_cents"] == "1481"


@given(
    work=st.decimals("0", "99.99", places=2),
    expense=st.decimals("0.01", "99.99", places=2),
    malpractice=st.decimals("0", "9.99", places=2),
)
def test_the_formula_is_exact_to_half_a_cent(work: Decimal, expense: Decimal, malpractice: Decimal) -> None:
    found = cents(
        price(line(), values(work=str(work), non_facility_expense=str(expense), malpractice=str(malpractice)))
    )
    whole = (
        int(work * 100) * 1010 + int(expense * 100) * 987 + int(malpractice * 100) * 725
    ) * 323465  # of 10**-9 dollars
    assert 2 * abs(found * 10**7 - whole) <= 10**7


def test_units_multiply_also_when_they_are_not_whole() -> None:
    assert cents(price(line(units="4"), rate("99213", 10_01))) == 40_04
    assert cents(price(line(units="0.5"), rate("99213", 10_01))) == 5_01
    assert reason(price(line(units=None), rate("99213", 10_01)))[0] == "units-unknown"
    assert reason(price(line(units="0"), rate("99213", 10_01)))[0] == "units-unknown"


def test_the_payer_never_owes_more_than_the_charge_where_the_contract_says_so() -> None:
    found = price(line(charged=50_00), rate("99213", 90_00), contract=agreed())
    assert cents(found) == 50_00
    assert figures(found)["schedule_cents"] == "9000"
    assert cents(price(line(charged=50_00), rate("99213", 90_00))) == 90_00


def test_a_modifier_with_a_price_of_its_own_has_it_and_one_without_effect_is_passed_over() -> None:
    prices = (rate("71046", 40_00), rate("71046", 12_00, "26"))
    assert cents(price(line("71046", 99_00, "26", "59"), *prices)) == 12_00
    assert cents(price(line("71046", 99_00, "25", "LT"), *prices)) == 40_00
    assert cents(price(line("71046", 99_00), *prices)) == 40_00


@pytest.mark.parametrize("modifier", ["22", "52", "62", "80", "AS", "51", "78", "TC", "ZZ"])
def test_a_modifier_whose_price_nobody_said_is_not_priced(modifier: str) -> None:
    found = price(line("71046", 99_00, modifier), rate("71046", 40_00), contract=agreed(BY_SCHEDULE, HALF_OF_CHARGE))
    assert reason(found) == ("modifier-not-priced", modifier)


def test_both_sides_are_paid_one_and_a_half_times_where_the_indicator_says_so() -> None:
    """27447: 88.55 x 150 %, 132.825, is 132.83."""
    both = price(line("27447", 900_00, "50"), values("27447", bilateral="1"))
    assert (cents(both), figures(both)["both_sides_percent"]) == (132_83, "150")
    for indicator in ("", "0", "2", "3", "9"):
        found = price(line("27447", 900_00, "50"), values("27447", bilateral=indicator))
        assert reason(found) == ("modifier-not-priced", "50")
    assert reason(price(line("27447", 900_00, "50"), rate("27447", 9)))[0] == "modifier-not-priced"
    assert cents(price(line("27447", 900_00, "50"), rate("27447", 9_00), rate("27447", 13_00, "50"))) == 13_00


def test_the_place_decides_and_an_unknown_one_only_where_it_matters() -> None:
    prices = (rate("99213", 90_00, place="non-facility"), rate("99213", 60_00, place="facility"))
    found = [cents(price(line(pos=pos), *prices)) for pos in ("11", "10", "02", "21", "22", "19", "24")]
    assert found == [90_00, 90_00, 60_00, 60_00, 60_00, 60_00, 60_00]
    assert reason(price(line(pos=""), *prices))[0] == "place-of-service-unknown"
    assert reason(price(line(pos=""), values()))[0] == "place-of-service-unknown"
    assert cents(price(line(pos=""), values(facility_expense="1.37"))) == 88_55
    assert reason(price(line(pos="22"), prices[0])) == ("place-not-in-schedule", "22")
    assert reason(price(line(pos="11"), values(non_facility_expense=""))) == ("place-not-in-schedule", "11")


def test_relative_values_of_nothing_are_no_price() -> None:
    nothing = values(work="0", non_facility_expense="0.00", facility_expense="0", malpractice="0")
    assert reason(price(line(), nothing)) == ("no-relative-values", "99213")


def test_of_several_procedures_that_reduce_each_other_none_is_priced_alone() -> None:
    version = agreed(lesser=False).in_force(line().service_on, billing_npi="", filing_indicator="")
    known = {"aetna-2026": schedule(values("11042", multiple="2"), values("11720", multiple="2"), values())}
    one, other, visit = line("11042"), line("11720"), line()
    together = expected_of([one, other, visit], [version] * 3, known)
    assert [reason(each) for each in together[:2]] == [("several-procedures", "11042"), ("several-procedures", "11720")]
    assert cents(together[2]) == 88_55
    alone = expected_of([one, visit], [version] * 2, known)
    assert [cents(each) for each in alone] == [88_55, 88_55]
    twice = expected_of([line("11042", units="2")], [version], known)
    assert reason(twice[0])[0] == "several-procedures"


def test_the_first_term_that_knows_a_price_holds() -> None:
    visits = ContractTerm(rule="percent-of-charge", percent="33.333", procedure_codes=("99202-99215",))
    contract = agreed(visits, BY_SCHEDULE, HALF_OF_CHARGE, lesser=False)
    assert cents(price(line(charged=100_00), rate("99213", 90_00), contract=contract)) == 33_33
    assert cents(price(line("71046"), rate("71046", 40_00), contract=contract)) == 40_00
    silent = price(line("J1100", 10_01), rate("71046", 40_00), contract=contract)
    assert (cents(silent), figures(silent)) == (5_01, {"charged_cents": "1001", "percent": "50"})


def test_what_no_term_prices_says_so() -> None:
    assert reason(price(line("J1100"), rate("99213", 1))) == ("code-not-in-contract", "J1100")
    gap: Any = agreed(BY_SCHEDULE, HALF_OF_CHARGE)
    assert reason(price(line(), contract=gap)) == ("no-schedule-in-force", "aetna-2026")
    assert reason(expected_of([line()], [None], {})[0]) == ("no-contract-in-force", "2026-03-02")


def test_a_price_of_nothing_is_expected_to_be_nothing() -> None:
    assert cents(price(line(), rate("99213", 0))) == 0
