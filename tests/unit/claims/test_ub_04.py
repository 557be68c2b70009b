"""What is printed on a UB-04, locator by locator, and where."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from msgspec import structs

from services.claims.adapters.opened_claims import OpenedClaim, OpenedCoverage
from services.claims.adapters.ub_04 import Locators, pages_of, without_room
from services.claims.adapters.ub_04_pdf import BOXES, sheet_of, ub_04_html, ub_04_pdf
from shared.events.claim_kinds import HospitalCoding, HospitalProcedure, Occurrence, OccurrenceSpan, ValueAmount
from shared.events.claims import ClaimCreated
from shared.events.values import Address, Person, PersonName
from tests.unit.claims.examples import PRIMARY_CLAIM, RENDERING, SECONDARY_CLAIM, adjustment, answer, coverage, created
from tests.unit.claims.hospital_and_dental import INPATIENT, OUTPATIENT, PHARMACY, SURGEON

PATIENT = Person(
    name=PersonName(last="O'Neil-Doe", first="Jane", middle="Ann"),
    birth_on=date(1980, 5, 17),
    sex="F",
    address=Address(line_1="4 Pine Rd.", city="Duluth", state="MN", postal_code="558021234"),
)
PRINTED_ON = date(2026, 3, 10)
STAY = created(services=INPATIENT)
EMERGENCY = created(services=OUTPATIENT)


def opened(claim: ClaimCreated) -> OpenedClaim:
    coverages = {
        each.rank: OpenedCoverage(member_number=f"M00{each.rank}", group_number="G7") for each in claim.coverages
    }
    return OpenedClaim(claim=claim, patient=PATIENT, coverages=coverages)


def only_page(claim: ClaimCreated) -> Locators:
    [page] = pages_of(opened(claim), PRINTED_ON)
    return page


def test_a_stay_with_its_admission_codes_and_amounts() -> None:
    page = only_page(STAY)
    assert (page["3a"], page["4"], page["6 from"], page["6 through"]) == (PRIMARY_CLAIM, "0111", "030226", "030526")
    admission = [page[locator] for locator in ("12", "13", "14", "15", "16", "17")]
    assert admission == ["030226", "08", "3", "1", "11", "01"]
    assert (page["18"], "19" in page) == ("C5", False)
    assert (page["31a"], page["31a date"]) == ("11", "022026")
    assert (page["35a"], page["35a from"], page["35a through"]) == ("72", "022026", "022226")
    assert (page["39a"], page["39a amount"], page["40a"], page["40a amount"]) == ("A1", "1600 00", "80", "3 00")


def test_patient_and_billing_provider() -> None:
    page = only_page(STAY)
    assert (page["8b"], page["9a"], page["9b"], page["9c"]) == ("ONEIL-DOE, JANE, A", "4 PINE RD", "DULUTH", "MN")
    assert (page["9d"], page["10"], page["11"]) == ("55802-1234", "05171980", "F")
    assert (page["1/1"], page["5"], page["56"]) == ("LAKESIDE FAMILY MEDICINE", "123456789", "1234567893")
    assert (page["81a qualifier"], page["81a"]) == ("B3", "207Q00000X")
    assert page["38/1"] == "ONEIL-DOE, JANE, A"


def test_diagnoses_and_procedures_with_what_was_present_on_admission() -> None:
    page = only_page(STAY)
    assert (page["66"], page["67"], page["67 present"]) == ("0", "K3580", "Y")
    assert (page["67A"], page["67A present"], page["67B"], "67B present" in page) == ("T8140XA", "N", "Z87891", False)
    assert (page["69"], page["71"], page["72a"]) == ("K3580", "341", "Y838")
    assert (page["74"], page["74 date"], page["74a"], page["74a date"]) == ("0DTJ4ZZ", "030226", "0W9G30Z", "030426")


def test_attending_operating_and_referring_providers() -> None:
    page = only_page(created(services=structs.replace(INPATIENT, referring=RENDERING)))
    assert (page["76 npi"], page["76 last"]) == (RENDERING.npi, RENDERING.last_or_organisation)
    assert (page["77 npi"], page["77 last"], page["77 first"]) == (SURGEON.npi, "KERR", "JUNE")
    assert (page["78 qualifier"], page["78 npi"]) == ("DN", RENDERING.npi)


def test_a_room_with_its_rate_and_what_is_not_covered() -> None:
    page = only_page(STAY)
    assert (page["42/1"], page["44/1"], page["46/1"], page["47/1"]) == ("0120", "1500 00", "3", "4500 00")
    assert (page["48/1"], "45/1" in page) == ("100 00", False)
    assert (page["total"], page["47 total"], page["48 total"]) == ("0001", "4545 50", "100 00")
    assert (page["page"], page["of"], page["created"]) == ("1", "1", "031026")


def test_an_outpatient_line_has_procedure_modifiers_and_day_and_a_drug_its_number() -> None:
    first, second = OUTPATIENT.lines
    lines = (structs.replace(first, modifiers=("25", "59")), structs.replace(second, national_drug_code="00002751001"))
    page = only_page(created(services=structs.replace(OUTPATIENT, lines=lines)))
    assert (page["42/1"], page["44/1"], page["45/1"]) == ("0450", "992832559", "030226")
    assert (page["43/2"], page["70a"], "71" in page) == ("N400002751001UN3", "R0789", False)


def test_a_secondary_bill_names_both_payers_and_what_the_first_paid() -> None:
    prior = answer(48_00, adjustment("CO", "45", 52_00))
    page = only_page(created(claim_id=SECONDARY_CLAIM, rank=2, services=OUTPATIENT, prior=(prior,)))
    assert (page["50/A"], page["60/A"], page["54/A"]) == ("PAYER 1", "M001", "48 00")
    assert (page["50/B"], page["60/B"], "54/B" in page) == ("PAYER 2", "M002", False)
    assert (page["52/A"], page["53/A"], page["59/A"], page["62/A"]) == ("Y", "Y", "18", "G7")


def test_a_replacement_ends_the_type_of_bill_with_7_and_names_the_payers_number() -> None:
    page = only_page(
        created(services=INPATIENT, frequency="7", replaces_payer_control_number="DCN-9", coverages=(coverage(1),))
    )
    assert (page["4"], page["64/A"]) == ("0117", "DCN-9")


def test_the_twenty_third_line_goes_on_a_second_page_and_the_total_on_the_last() -> None:
    lines = tuple(structs.replace(PHARMACY, line_id=f"L{number}") for number in range(1, 46))
    claim = created(services=structs.replace(OUTPATIENT, lines=lines, charged_cents=45 * 45_50))
    first, second, third = pages_of(opened(claim), PRINTED_ON)
    assert ("42/22" in first, "total" in first, first["page"], first["of"]) == (True, False, "1", "3")
    assert ("42/22" in second, "47 total" in second, second["page"]) == (True, False, "2")
    assert ("42/1" in third, "42/2" in third, third["47 total"]) == (True, False, "2047 50")
    assert first["8b"] == second["8b"] == third["8b"]


def test_what_the_form_has_no_room_for_is_named_and_not_left_out() -> None:
    services = structs.replace(INPATIENT, diagnoses=tuple(f"E1{number:02}" for number in range(19)))
    claim = created(services=services)
    assert without_room(claim) == ["19 diagnoses (at most 18)"]
    with pytest.raises(ValueError, match="19 diagnoses"):
        pages_of(opened(claim), PRINTED_ON)
    assert without_room(STAY) == []


def full() -> ClaimCreated:
    """A bill that has something in every locator."""
    day = date(2026, 3, 2)
    assert INPATIENT.stay is not None and INPATIENT.coding is not None
    diagnoses = tuple(f"E1{number:02}ABC" for number in range(18))
    stay = structs.replace(
        INPATIENT.stay,
        conditions=(*(f"C{number}" for number in range(10)), "D0"),
        occurrences=tuple(Occurrence(code=f"1{number}", occurred_on=day) for number in range(8)),
        spans=tuple(OccurrenceSpan(code=f"7{number}", first_on=day, last_on=day) for number in range(4)),
        values=tuple(ValueAmount(code=f"A{number}", amount_cents=999_999_99) for number in range(10)),
    )
    coding = HospitalCoding(
        present_on_admission=INPATIENT.coding.present_on_admission,
        admitting_diagnosis="E100ABC",
        reasons_for_visit=("E100ABC", "E101ABC", "E102ABC"),
        external_causes=("Y838ABC", "Y839ABC", "W000XXA"),
        procedures=tuple(HospitalProcedure(code=f"0DTJ4Z{number}", performed_on=day) for number in range(6)),
        drg="341",
    )
    line = structs.replace(
        OUTPATIENT.lines[0],
        modifiers=("25", "59", "RT", "76"),
        charged_cents=400_000_00,
        non_covered_cents=400_000_00,
        national_drug_code="00002751001",
        units="9999.5",
    )
    lines = tuple(structs.replace(line, line_id=f"L{number}") for number in range(22))
    services = structs.replace(
        INPATIENT,
        stay=stay,
        coding=coding,
        diagnoses=diagnoses,
        lines=lines,
        referring=RENDERING,
        charged_cents=22 * 400_000_00,
    )
    return created(services=services, frequency="7", replaces_payer_control_number="D" * 26)


def test_nothing_on_the_sheet_runs_into_its_neighbour() -> None:
    page = only_page(full())
    assert len(page) > 300
    spilt = {
        locator: printed.text
        for locator, printed in zip(page, sheet_of(page), strict=True)
        if len(printed.text) > BOXES[locator].width
    }
    assert spilt == {}


def test_no_two_boxes_share_a_place() -> None:
    cells = [(box.line, column) for box in BOXES.values() for column in range(box.column, box.column + box.width)]
    assert [cell for cell, times in Counter(cells).items() if times > 1] == []
    lines, columns = zip(*cells, strict=True)
    assert (min(lines), max(lines) <= 66) == (1, True)
    assert (min(columns), max(columns) <= 84) == (1, True)


def test_amounts_end_at_the_right_of_their_box_and_names_are_cut_at_theirs() -> None:
    amount, name = sheet_of({"47/1": "100 00", "8b": "N" * 50})
    assert (amount.line, amount.column) == (20, 65)
    assert len(name.text) == 29
    with pytest.raises(LookupError):
        sheet_of({"99": "X"})


def test_the_pdf_has_a_page_for_each_form_and_is_the_same_twice() -> None:
    pages = [{"8b": "DOE & DOE"}, {"8b": "DOE & DOE"}]
    content = ub_04_pdf(pages, PRIMARY_CLAIM)
    assert content.startswith(b"%PDF")
    assert ub_04_html(pages).count("<section>") == 2
    assert "DOE &amp; DOE" in ub_04_html(pages)
    assert content == ub_04_pdf(pages, PRIMARY_CLAIM)
