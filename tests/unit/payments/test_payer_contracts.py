"""Stories about contracts: for one day, one NPI and one plan there is one, and its terms name what is there."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from services.payments.domain.payer_contracts.commands import EndContract
from services.payments.domain.payer_contracts.state import PayerContracts
from shared.events.contracts import ContractAgreed, ContractAmended, ContractEnded, ContractTerm
from tests.unit.payments.contracts import NEW_YEAR, agree, amend, contracts_spec, terms

JULY = date(2026, 7, 1)
JUNE_30 = date(2026, 6, 30)
NPI = "1999999984"


def end(last_on: date, contract: str = "c1") -> EndContract:
    return EndContract(contract_id=contract, last_on=last_on, reason="terminated", ended_by="user:mia")


def in_force(known: PayerContracts, on: date, *, npi: str = NPI, plan: str = "CI") -> tuple[str, int] | None:
    found = known.in_force(on, billing_npi=npi, filing_indicator=plan)
    return (found.contract_id, found.version) if found else None


def test_a_contract_is_in_force_from_its_first_day_to_its_last() -> None:
    known = contracts_spec.when(agree(effective_to=JUNE_30)).state
    days = (date(2025, 12, 31), NEW_YEAR, JUNE_30, JULY)
    assert [in_force(known, day) for day in days] == [None, ("c1", 1), ("c1", 1), None]


def test_terms_change_from_a_day_on_and_a_version_of_the_same_day_corrects_the_earlier() -> None:
    story = contracts_spec.when(agree(), amend(JULY, terms(cents=1)), amend(NEW_YEAR, terms(cents=2)))
    story.then_kinds(ContractAgreed, ContractAmended, ContractAmended)
    assert [in_force(story.state, day) for day in (NEW_YEAR, JUNE_30, JULY)] == [("c1", 3), ("c1", 3), ("c1", 2)]


def test_the_contract_that_names_most_of_who_bills_and_which_plan_holds() -> None:
    known = contracts_spec.when(
        agree("any"),
        agree("plan", filing_indicator="16"),
        agree("npi", billing_npi=NPI),
        agree("both", billing_npi=NPI, filing_indicator="16"),
    ).state
    found = [in_force(known, JULY, npi=npi, plan=plan) for npi in (NPI, "1") for plan in ("16", "CI")]
    assert [each and each[0] for each in found] == ["both", "npi", "plan", "any"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"effective_from": JULY}),
        ({"effective_to": JUNE_30}, {"effective_from": JUNE_30}),
        ({"effective_from": JULY}, {"effective_from": NEW_YEAR, "effective_to": JULY}),
        ({"billing_npi": NPI}, {"billing_npi": NPI}),
    ],
)
def test_two_contracts_of_one_scope_never_overlap(first: dict[str, Any], second: dict[str, Any]) -> None:
    refused = contracts_spec.when(agree(**first), agree("c2", **second)).then_refused("dates-overlap")
    assert refused.facts["contract_id"] == "c1"


def test_a_contract_follows_another_from_the_day_behind_its_end() -> None:
    story = contracts_spec.when(agree(), end(JUNE_30), end(JUNE_30), agree("c2", effective_from=JULY))
    story.then_kinds(ContractAgreed, ContractEnded, ContractAgreed)
    contracts_spec.given(*story.events).when(end(JULY)).then_refused("dates-overlap")


def test_the_same_contract_again_is_no_news_and_another_under_its_name_is_refused() -> None:
    contracts_spec.when(agree(), agree()).then_kinds(ContractAgreed)
    contracts_spec.when(agree(), agree(name="Other")).then_refused("contract-already-agreed")
    new = amend(JULY, terms(cents=1))
    contracts_spec.when(agree(), new, new).then_kinds(ContractAgreed, ContractAmended)


@pytest.mark.parametrize(
    ("term", "code"),
    [
        (ContractTerm(rule="schedule", schedule_id="nobody"), "schedule-not-loaded"),
        (ContractTerm(rule="schedule"), "term-not-clear"),
        (ContractTerm(rule="schedule", schedule_id="aetna-2026", percent="5"), "term-not-clear"),
        (ContractTerm(rule="percent-of-schedule", schedule_id="aetna-2026"), "term-not-clear"),
        (ContractTerm(rule="percent-of-charge"), "term-not-clear"),
        (ContractTerm(rule="percent-of-charge", schedule_id="aetna-2026", percent="5"), "term-not-clear"),
        (ContractTerm(rule="percent-of-charge", percent="0"), "term-not-clear"),
        (
            ContractTerm(rule="percent-of-charge", percent="5", procedure_codes=("99215-99202",)),
            "term-not-clear",
        ),
    ],
)
def test_a_term_that_is_not_clear_is_refused_by_its_number(term: ContractTerm, code: str) -> None:
    fine = ContractTerm(rule="percent-of-charge", percent="50")
    assert contracts_spec.when(agree(terms=terms(fine, term))).then_refused(code).facts["term"] == 2


def test_what_lies_outside_is_refused() -> None:
    contracts_spec.when(agree(effective_to=JUNE_30), amend(JULY, terms(cents=1))).then_refused("outside-of-contract")
    contracts_spec.when(agree(), end(date(2025, 12, 31))).then_refused("outside-of-contract")
    contracts_spec.when(agree(effective_to=date(2025, 1, 1))).then_refused("dates-reversed")
    contracts_spec.when(agree(terms=terms(cents=-1))).then_refused("not-an-amount")
    contracts_spec.when(end(JULY)).then_refused("not-found")
