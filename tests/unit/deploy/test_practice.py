from __future__ import annotations

from pathlib import Path

import pytest

from deploy.practice import NotAPractice, read_practice

ORGANIZATION = """
organizations:
  - id: hill
    name: HILL CLINIC
    npi: "1234567893"
    tax_id: "123456789"
    taxonomy: 207Q00000X
    address: {line_1: 1 High Street, city: Springfield, state: IL, postal_code: "62701"}
    phone: "2175550100"
"""


def findings_of(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(NotAPractice) as refused:
        read_practice(text)
    return [(finding.line, finding.place, finding.rule) for finding in refused.value.findings]


def test_the_practice_of_the_demo_has_no_findings() -> None:
    text = Path("deploy/practices/river-clinic.yaml").read_text()
    paths = [request.path for request in read_practice(text)]
    assert paths[0] == "/api/charges/organizations/river-clinic"
    assert "/api/eligibility/payers/medicare-b" in paths


def test_the_same_file_twice_asks_for_the_same_things_under_the_same_keys() -> None:
    first, second = read_practice(ORGANIZATION), read_practice(ORGANIZATION)
    assert [request.idempotency_key for request in first] == [request.idempotency_key for request in second]


def test_an_npi_with_a_wrong_check_digit_is_named_with_its_line() -> None:
    wrong = ORGANIZATION.replace("1234567893", "1234567890")
    assert findings_of(wrong) == [(5, "organizations[0].npi", "an NPI has ten digits and a valid check digit")]


def test_every_mistake_of_a_file_is_named_at_once() -> None:
    wrong = ORGANIZATION.replace("phone:", "telephone:").replace("IL", "Illinois")
    places = [place for _, place, _ in findings_of(wrong)]
    assert places == ["organizations[0].phone", "organizations[0].address", "organizations[0].telephone"]


def test_a_provider_of_an_organisation_that_is_not_there_is_refused() -> None:
    provider = """
providers:
  - {id: dr-a, npi: "1245319599", last: A, first: B, taxonomy: 207Q00000X, organization: valley}
"""
    assert findings_of(ORGANIZATION + provider) == [
        (12, "providers[0].organization", "names one of the organizations of this file")
    ]


PAYER = """
payers:
  - {id: hill-health, name: HILL HEALTH, electronic_id: HILL1, filing_limits: [{kind: original, %s}]}
"""


def test_a_payers_filing_limits_are_sent_as_they_stand() -> None:
    [payer] = read_practice(PAYER % "months: 12, moves_to_workday: true")
    assert payer.body["filing_limits"] == [{"kind": "original", "months": 12, "moves_to_workday": True}]


@pytest.mark.parametrize(
    ("limit", "rule"),
    [
        ("days: 0", "[0].days: a number of days"),
        ("days: 90, months: 3", "[0]: a filing limit has days or months, one of both"),
        ("days: 90, counts_from: today", "[0].counts_from: service-begin, service-end or primary-answer"),
        ("days: 90, moves_to_workday: yes", "[0].moves_to_workday: true or false"),
    ],
)
def test_a_filing_limit_that_makes_no_sense_is_named(limit: str, rule: str) -> None:
    assert findings_of(PAYER % limit) == [(3, "payers[0].filing_limits", rule)]


APPEALS = """
payers:
  - {id: hill-health, name: HILL HEALTH, electronic_id: HILL1, appeal_levels: [%s]}
"""


def test_a_payers_appeal_levels_are_sent_as_they_stand() -> None:
    [payer] = read_practice(APPEALS % "{name: first, days: 60, counts_from: receipt, receipt_days: 3, sent_by: [mail]}")
    assert payer.body["appeal_levels"] == [
        {
            "name": "first",
            "days": 60,
            "counts_from": "receipt",
            "receipt_days": 3,
            "sent_by": ["mail"],
            "moves_to_workday": False,
        }
    ]


@pytest.mark.parametrize(
    ("level", "rule"),
    [
        ("{name: first}", "[0].days: required"),
        ("{name: first, days: 60, counts: weeks}", "[0].counts: calendar-days or business-days"),
        ("{name: first, days: 60, sent_by: [pigeon]}", "[0].sent_by: of mail, fax and portal"),
        ("first", "a list of at most five appeal levels, each with name and days"),
    ],
)
def test_an_appeal_level_that_makes_no_sense_is_named(level: str, rule: str) -> None:
    [(_, place, found)] = findings_of(APPEALS % level)
    assert (place, found) == ("payers[0].appeal_levels", rule)


def test_a_price_with_a_fraction_of_a_cent_is_refused() -> None:
    prices = (
        "price_lists:\n  - id: a\n    effective_on: 2026-01-01\n    prices:\n      - {code: '99213', amount: 1.005}\n"
    )
    assert findings_of(prices) == [(5, "price_lists[0].prices[0].amount", "at most two decimals")]


def test_a_price_is_read_as_exact_cents() -> None:
    prices = (
        "price_lists:\n  - id: a\n    effective_on: 2026-01-01\n    prices:\n      - {code: '99213', amount: 4.10}\n"
    )
    [request] = read_practice(prices)
    assert request.body["prices"] == [{"code": "99213", "amount_cents": 410}]


def test_text_that_is_not_yaml_is_refused_with_its_line() -> None:
    assert findings_of("organizations: [")[0][0] == 1
