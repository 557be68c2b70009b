"""Do the pages that list codes, fields and routes list those of the code?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.practice import SECTIONS
from services.charges.domain.encounter.edits import EDITS_FAILED, HOLD_OF_RULE, HOLD_ORDER
from services.payments.domain.claim_account.matrix import ANY, POSTING_MATRIX
from shared.events.registry import SERVICES
from shared.events.values import Adjustment
from shared.runtime.broker import Broker
from tests.architecture.checkout import host, pages, sources

HOW_TO = Path("docs/how-to")
CODE = re.compile(r"`([^`]+)`")
RULE = re.compile(r"(?:rule=|warning\(\s*|_finding\(\s*)\"([a-z][a-z-]+[a-z])\"")
ROUTE = re.compile(r"`(GET|POST|PUT|DELETE) (/api/([a-z]+)(/[^`?]*))")


def page(name: str) -> str:
    return pages()[HOW_TO / name]


def rows(text: str, heading: str) -> Iterator[list[str]]:
    """The cells of the first table below a heading."""
    table = text.split(f"## {heading}\n", 1)[1].split("\n|---", 1)[1].split("\n\n", 1)[0]
    for line in table.splitlines()[1:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def test_every_edit_of_charges_is_listed_with_the_hold_that_it_leads_to() -> None:
    known = {
        code for path, text in sources().items() if "charges" in path.parts for code in re.findall(r"CHG-\d+", text)
    }
    told = {CODE.findall(cells[0])[0]: CODE.findall(cells[2])[0] for cells in rows(page("charges.md"), "Edits")}
    assert told == {code: HOLD_OF_RULE.get(code, EDITS_FAILED) for code in known}


def test_the_reasons_to_hold_charges_are_listed_in_their_order() -> None:
    assert tuple(CODE.findall(cells[0])[0] for cells in rows(page("charges.md"), "Reasons to hold")) == HOLD_ORDER


def test_the_posting_matrix_is_told_as_it_is() -> None:
    told: dict[tuple[str, str], str] = {}
    for group, reasons, meaning in rows(page("post-a-remittance.md"), "The posting matrix"):
        for reason in CODE.findall(reasons) or [ANY]:
            told[CODE.findall(group)[0] if "`" in group else ANY, reason] = meaning
    assert told == POSTING_MATRIX.meanings
    assert f"version {POSTING_MATRIX.version}" in page("post-a-remittance.md")


@pytest.mark.parametrize(
    ("group", "reason", "meaning"),
    [("CO", "45", "contractual"), ("CO", "97", "denial"), ("PR", "1", "patient"), ("OA", "23", "information")],
)
def test_the_posting_matrix_reads_what_payers_send_every_day(group: str, reason: str, meaning: str) -> None:
    assert POSTING_MATRIX.meaning_of(Adjustment(group=group, reason=reason, amount_cents=1)) == meaning


def test_every_finding_about_a_remittance_is_named() -> None:
    known = {
        rule
        for path, text in sources().items()
        if path.parts[:3] in {("services", "payments", "domain"), ("services", "payments", "adapters")}
        for rule in RULE.findall(text)
    }
    assert known
    assert {rule for rule in known if f"`{rule}`" not in page("post-a-remittance.md")} == set()


def test_the_fields_of_a_practice_file_are_listed() -> None:
    for section, fields, _ in rows(page("set-up-a-practice.md"), "Sections"):
        name = CODE.findall(section)[0]
        told = {field: f"**`{field}`**" in fields for field in CODE.findall(fields)}
        assert told == {field: is_required for field, (is_required, _) in SECTIONS[name].items()}, name
    assert {CODE.findall(cells[0])[0] for cells in rows(page("set-up-a-practice.md"), "Sections")} == SECTIONS.keys()


def test_every_route_that_a_page_names_exists() -> None:
    named = [(path, *found) for path, text in pages().items() for found in ROUTE.findall(text) if found[2] in SERVICES]
    assert named
    missing = [
        f"{path}: {method} {whole}"
        for path, method, whole, service, route in named
        if method.lower() not in host(service).app.openapi()["paths"].get(route, {})
    ]
    assert missing == []


def test_how_to_follow_events_names_every_parameter_and_topic() -> None:
    asked = host("payments").app.openapi()["paths"]["/events"]["get"]["parameters"]
    told = page("read-the-event-log.md")
    assert [each["name"] for each in asked if each["in"] == "query" and f"`{each['name']}`" not in told] == []
    assert [service for service in SERVICES if Broker(bootstrap="").events_topic(service) not in told] == []
