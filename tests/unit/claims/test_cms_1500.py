"""What is printed on a CMS-1500, item by item, and where."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec import structs

from services.claims.adapters.cms_1500 import Items, pages_of
from services.claims.adapters.cms_1500_pdf import cms_1500_html, cms_1500_pdf, place_of
from services.claims.adapters.opened_claims import OpenedClaim, OpenedCoverage
from shared.events.claims import ClaimCreated
from shared.events.values import Address, Person, PersonName
from tests.unit.claims.examples import (
    PRIMARY_CLAIM,
    RENDERING,
    SECONDARY_CLAIM,
    SERVICES,
    VISIT,
    adjustment,
    answer,
    coverage,
    created,
)

PATIENT = Person(
    name=PersonName(last="O'Neil-Doe", first="Jane", middle="Ann", suffix="Jr."),
    birth_on=date(1980, 5, 17),
    sex="F",
    address=Address(line_1="4 Pine Rd.", city="Duluth", state="MN", postal_code="558021234"),
    phone="2185550123",
)
INSURED = Person(name=PersonName(last="DOE", first="JOHN"), birth_on=date(1979, 1, 2), sex="M")


def opened(claim: ClaimCreated, **known: Any) -> OpenedClaim:
    coverages = {
        each.rank: OpenedCoverage(member_number=f"M00{each.rank}", **(known if each.rank == claim.rank else {}))
        for each in claim.coverages
    }
    return OpenedClaim(claim=claim, patient=PATIENT, coverages=coverages)


def only_page(claim: ClaimCreated, **known: Any) -> Items:
    [page] = pages_of(opened(claim, **known))
    return page


def test_patient_and_insured_without_punctuation_in_capitals() -> None:
    page = only_page(created(coverages=(coverage(1),)))
    assert page["1a"] == "M001"
    assert (page["2"], page["4"]) == ("ONEIL-DOE JR, JANE, A", "ONEIL-DOE JR, JANE, A")
    assert (page["3"], page["3 F"], "3 M" in page) == ("05 17 1980", "X", False)
    assert (page["5"], page["5 city"], page["5 state"]) == ("4 PINE RD", "DULUTH", "MN")
    assert (page["5 zip"], page["5 phone"], page["6 self"]) == ("55802-1234", "218 5550123", "X")
    assert (page["12"], page["13"], page["27 yes"], page["11d no"]) == (
        "SIGNATURE ON FILE",
        "SIGNATURE ON FILE",
        "X",
        "X",
    )


def test_an_insured_who_is_somebody_else() -> None:
    page = only_page(created(coverages=(coverage(1, relationship="19"),)), subscriber=INSURED, group_number="G-77")
    assert (page["4"], page["6 child"], "6 self" in page) == ("DOE, JOHN", "X", False)
    assert (page["11"], page["11a"], page["11a M"], page["1 group"]) == ("G-77", "01 02 1979", "X", "X")


@pytest.mark.parametrize(
    ("indicator", "item"),
    [("MB", "medicare"), ("MC", "medicaid"), ("CH", "tricare"), ("VA", "champva"), ("CI", "other")],
)
def test_the_kind_of_coverage(indicator: str, item: str) -> None:
    page = only_page(created(coverages=(coverage(1, filing_indicator=indicator),)))
    assert [name for name in page if name.startswith("1 ")] == [f"1 {item}"]


def test_a_line_with_its_diagnoses_amount_and_provider() -> None:
    page = only_page(created())
    assert (page["21 indicator"], page["21A"], "21B" in page) == ("0", "J0190", False)
    assert (page["24A from/1"], page["24A to/1"], page["24B/1"]) == ("03 02 26", "03 02 26", "11")
    assert (page["24D/1"], page["24E/1"], page["24F/1"], page["24G/1"]) == ("99213", "A", "100 00", "1")
    assert (page["24J/1"], page["28"], page["26"]) == (RENDERING.npi, "100 00", PRIMARY_CLAIM)
    assert (page["25"], page["25 employer"], page["31"]) == ("123456789", "X", "MAYA ORRIN")
    assert (page["33/1"], page["33a"], page["33b"]) == ("LAKESIDE FAMILY MEDICINE", "1234567893", "ZZ207Q00000X")
    assert "29" not in page


def test_modifiers_pointers_units_and_a_drug() -> None:
    line = structs.replace(
        VISIT, modifiers=("25", "RT"), diagnosis_pointers=(2, 1), units="2.50", national_drug_code="00002751001"
    )
    services = structs.replace(SERVICES, diagnoses=("J0190", "M545"), lines=(line,))
    page = only_page(created(services=services))
    assert (page["24D modifiers/1"], page["24E/1"], page["24G/1"]) == ("25 RT", "BA", "2.5")
    assert page["24 shaded/1"] == "N400002751001 UN2.50"


def test_a_replacement_names_the_payers_number() -> None:
    page = only_page(created(frequency="7", replaces_payer_control_number="PCN-9"))
    assert (page["22"], page["22 original"]) == ("7", "PCN-9")
    assert "22" not in only_page(created())


def test_a_secondary_claim_names_the_payer_before_and_what_it_paid() -> None:
    prior = answer(48_00, adjustment("CO", "45", 40_00), adjustment("PR", "2", 12_00))
    page = only_page(created(claim_id=SECONDARY_CLAIM, rank=2, prior=(prior,)))
    assert (page["1a"], page["9a"], page["9d"], page["11d yes"]) == ("M002", "M001", "PAYER 1", "X")
    assert page["29"] == "48 00"


def test_the_seventh_line_goes_on_a_second_page_with_the_total() -> None:
    lines = tuple(structs.replace(VISIT, line_id=f"L{number}") for number in range(1, 8))
    claim = created(services=structs.replace(SERVICES, lines=lines, charged_cents=700_00))
    first, second = pages_of(opened(claim))
    assert ("24D/6" in first, "24D/7" in first, first["28"]) == (True, False, "CONTINUED")
    assert ("24D/1" in second, "24D/2" in second, second["28"]) == (True, False, "700 00")
    assert first["2"] == second["2"]


def test_every_item_has_a_place_of_its_own_on_the_sheet() -> None:
    prior = answer(48_00, adjustment("CO", "45", 40_00), adjustment("PR", "2", 12_00))
    lines = tuple(structs.replace(VISIT, line_id=f"L{number}", modifiers=("25",)) for number in range(1, 7))
    services = structs.replace(SERVICES, lines=lines, referring=RENDERING)
    page = only_page(created(claim_id=SECONDARY_CLAIM, rank=2, frequency="7", services=services, prior=(prior,)))
    places = [place_of(item) for item in page]
    assert len(set(places)) == len(places)
    assert all(1 <= line <= 66 and 1 <= column <= 80 for line, column in places)
    assert place_of("24D/6") == (54, 25)


def test_an_amount_ends_at_the_right_of_its_box_and_text_is_escaped() -> None:
    html = cms_1500_html([{"24F/1": "100 00", "4": "A & B"}])
    assert "left:5.350in;top:7.333in" in html
    assert "A &amp; B" in html


def test_the_pdf_has_a_page_for_each_form_and_is_the_same_twice() -> None:
    pages = [{"2": "DOE, JANE"}, {"2": "DOE, JANE"}]
    content = cms_1500_pdf(pages, PRIMARY_CLAIM)
    assert content.startswith(b"%PDF")
    assert cms_1500_html(pages).count("<section>") == 2
    assert len(content) > len(cms_1500_pdf(pages[:1], PRIMARY_CLAIM))
    assert content == cms_1500_pdf(pages, PRIMARY_CLAIM)
