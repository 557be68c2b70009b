"""What may be agreed with a payer, amended and ended?

For one day of service, one billing NPI and one plan there is one contract: dates of the same scope never overlap. Its terms name fee
schedules that are there. What was found under earlier terms stays as it was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import assert_never

from services.payments.domain.errors import (
    ContractAlreadyAgreed,
    ContractUnknown,
    DatesOverlap,
    DatesReversed,
    NotAnAmount,
    OutsideOfContract,
    ScheduleNotLoaded,
    TermNotClear,
)
from services.payments.domain.payer_contracts.commands import (
    AgreeContract,
    AmendContract,
    EndContract,
    PayerContractsCommand,
    Terms,
)
from services.payments.domain.payer_contracts.state import Contract, PayerContracts, Version, evolve
from shared.events.contracts import (
    ContractAgreed,
    ContractAmended,
    ContractEnded,
    ContractTerm,
    PayerContractsEvent,
)
from shared.kernel.decider import Decider


def decide(command: PayerContractsCommand, known: PayerContracts) -> Sequence[PayerContractsEvent]:
    match command:
        case AgreeContract():
            return _agree(command, known)
        case AmendContract():
            return _amend(command, known)
        case EndContract():
            return _end(command, known)
        case _:
            assert_never(command)


def _agree(command: AgreeContract, known: PayerContracts) -> list[PayerContractsEvent]:
    agreed = ContractAgreed(
        payer_id=command.payer_id,
        contract_id=command.contract_id,
        version=1,
        name=command.name,
        effective_from=command.effective_from,
        effective_to=command.effective_to,
        billing_npi=command.billing_npi,
        filing_indicator=command.filing_indicator,
        terms=command.terms.terms,
        lesser_of_charge=command.terms.lesser_of_charge,
        tolerance_cents=command.terms.tolerance_cents,
        tolerance_percent=command.terms.tolerance_percent,
        agreed_by=command.agreed_by,
    )
    if (there := known.contracts.get(command.contract_id)) is not None:
        if _said(there.agreed) == _said(agreed):
            return []
        raise ContractAlreadyAgreed("this contract says something else: amend it", contract_id=command.contract_id)
    if command.effective_to is not None and command.effective_to < command.effective_from:
        raise DatesReversed(
            "the last day is before the first",
            effective_from=str(command.effective_from),
            effective_to=str(command.effective_to),
        )
    for each in known.contracts.values():
        _refuse_overlap(each, agreed, agreed.effective_to)
    _refuse_terms(command.terms, command.schedules)
    return [agreed]


def _said(agreed: ContractAgreed) -> tuple[object, ...]:
    return tuple(getattr(agreed, name) for name in agreed.__struct_fields__ if name != "agreed_by")


def _refuse_overlap(there: Contract, agreed: ContractAgreed, last_on: date | None) -> None:
    scopes = [(each.billing_npi, each.filing_indicator) for each in (there.agreed, agreed)]
    if there.agreed.contract_id == agreed.contract_id or scopes[0] != scopes[1]:
        return
    begins_in_it = there.last_on is None or agreed.effective_from <= there.last_on
    runs_into_it = last_on is None or there.agreed.effective_from <= last_on
    if begins_in_it and runs_into_it:
        raise DatesOverlap(
            "another contract for the same NPI and plan is in force on some of these days: end it, or give other dates",
            contract_id=there.agreed.contract_id,
            effective_from=str(there.agreed.effective_from),
            effective_to=str(there.last_on) if there.last_on else None,
        )


def _refuse_terms(terms: Terms, schedules: frozenset[str]) -> None:
    if terms.tolerance_cents < 0 or Decimal(terms.tolerance_percent) < 0:
        raise NotAnAmount("a tolerance is never negative", tolerance_cents=terms.tolerance_cents)
    if sum(each.rule == "capitated" for each in terms.terms) > 1:
        raise TermNotClear("a month of a member is paid once: one term is capitated", rule="one term is capitated")
    for number, term in enumerate(terms.terms, start=1):
        for rule in _unclear(term):
            raise TermNotClear(f"term {number}: {rule}", term=number, rule=rule)
        if term.schedule_id and term.schedule_id not in schedules:
            raise ScheduleNotLoaded(
                f"term {number} names a fee schedule of which no version is loaded",
                term=number,
                schedule_id=term.schedule_id,
            )


def _unclear(term: ContractTerm) -> Iterator[str]:
    names_schedule, has_percent = bool(term.schedule_id), bool(term.percent)
    if (term.rule == "percent-of-charge") == names_schedule:
        yield "a percentage of the charge names no schedule, every other rule names one"
    if term.rule != "capitated" and (term.rule == "schedule") == has_percent:
        yield "a schedule as it is has no percent, every other rule has one"
    if (term.rule == "capitated") != bool(term.rates):
        yield "a capitated term has rates for members, and no other rule has them"
    yield from _unclear_rates(term)
    if has_percent and Decimal(term.percent) <= 0:
        yield "a percentage is more than nothing"
    for each in term.procedure_codes:
        first, _, last = each.partition("-")
        if last and (len(first) != len(last) or last < first):
            yield "a range of procedure codes goes from the first to the last, of one length"


def _unclear_rates(term: ContractTerm) -> Iterator[str]:
    categories = [each.category for each in term.rates]
    if len(categories) != len(set(categories)):
        yield "a category has one rate"
    if any(each.amount_cents < 0 for each in term.rates):
        yield "a rate is never negative"
    if any((each.age_to or 0) < (each.age_from or 0) for each in term.rates if each.age_to is not None):
        yield "ages go from the first year to the last"


def _amend(command: AmendContract, known: PayerContracts) -> list[PayerContractsEvent]:
    contract = _known(command.contract_id, known)
    newest = contract.versions[-1]
    if newest.effective_from == command.effective_from and _terms_of(newest) == command.terms:
        return []
    if not contract.holds(command.effective_from):
        raise OutsideOfContract(
            "the contract is not in force on that day", effective_from=str(command.effective_from), **_days_of(contract)
        )
    _refuse_terms(command.terms, command.schedules)
    return [
        ContractAmended(
            payer_id=contract.agreed.payer_id,
            contract_id=command.contract_id,
            version=len(contract.versions) + 1,
            effective_from=command.effective_from,
            terms=command.terms.terms,
            lesser_of_charge=command.terms.lesser_of_charge,
            tolerance_cents=command.terms.tolerance_cents,
            tolerance_percent=command.terms.tolerance_percent,
            reason=command.reason,
            amended_by=command.amended_by,
        )
    ]


def _terms_of(version: Version) -> Terms:
    return Terms(
        terms=version.terms,
        lesser_of_charge=version.lesser_of_charge,
        tolerance_cents=version.tolerance_cents,
        tolerance_percent=version.tolerance_percent,
    )


def _end(command: EndContract, known: PayerContracts) -> list[PayerContractsEvent]:
    contract = _known(command.contract_id, known)
    if contract.last_on == command.last_on:
        return []
    if command.last_on < contract.agreed.effective_from:
        raise OutsideOfContract("the contract begins later", last_on=str(command.last_on), **_days_of(contract))
    for each in known.contracts.values():
        _refuse_overlap(each, contract.agreed, command.last_on)
    return [
        ContractEnded(
            payer_id=contract.agreed.payer_id,
            contract_id=command.contract_id,
            last_on=command.last_on,
            reason=command.reason,
            ended_by=command.ended_by,
        )
    ]


def _known(contract_id: str, known: PayerContracts) -> Contract:
    if contract_id not in known.contracts:
        raise ContractUnknown("the payer has no contract of this id")
    return known.contracts[contract_id]


def _days_of(contract: Contract) -> dict[str, str]:
    return {"contract_from": str(contract.agreed.effective_from), "contract_to": str(contract.last_on or "open")}


payer_contracts: Decider[PayerContractsCommand, PayerContractsEvent, PayerContracts] = Decider(
    decide=decide, evolve=evolve, initial=PayerContracts()
)
