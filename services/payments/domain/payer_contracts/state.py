"""Which contract with a payer says what a service of some day is worth, and in which version?

The contract that names the most of who bills and under which plan; of its versions the one that begins last on or before the day, and
of several that begin on one day the newest, which corrects the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeAlias, assert_never

from shared.events.contracts import (
    ContractAgreed,
    ContractAmended,
    ContractEnded,
    ContractTerm,
    PayerContractsEvent,
)

Version: TypeAlias = ContractAgreed | ContractAmended


def capitated_term(version: Version) -> ContractTerm | None:
    """The term by which a month of a member is paid; None: the contract pays by the service."""
    return next((term for term in version.terms if term.rule == "capitated"), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    agreed: ContractAgreed
    versions: tuple[Version, ...]
    last_on: date | None

    def holds(self, on: date) -> bool:
        return self.agreed.effective_from <= on and (self.last_on is None or on <= self.last_on)

    def is_for(self, *, billing_npi: str, filing_indicator: str) -> bool:
        return self.agreed.billing_npi in ("", billing_npi) and self.agreed.filing_indicator in ("", filing_indicator)

    def in_force(self, on: date) -> Version:
        begun = [each for each in self.versions if each.effective_from <= on]
        return max(begun, key=lambda each: (each.effective_from, each.version))


@dataclass(frozen=True, slots=True, kw_only=True)
class PayerContracts:
    contracts: Mapping[str, Contract] = field(default_factory=dict)

    def in_force(self, on: date, *, billing_npi: str, filing_indicator: str) -> Version | None:
        """The terms for a service of this day; None when there is no contract for it."""
        found = [
            each
            for each in self.contracts.values()
            if each.holds(on) and each.is_for(billing_npi=billing_npi, filing_indicator=filing_indicator)
        ]
        if not found:
            return None
        # Dates of one scope never overlap, so the most words name one contract; the NPI counts more than the plan.
        return max(
            found, key=lambda each: (bool(each.agreed.billing_npi), bool(each.agreed.filing_indicator))
        ).in_force(on)


def evolve(known: PayerContracts, event: PayerContractsEvent) -> PayerContracts:
    match event:
        case ContractAgreed():
            return _with(known, Contract(agreed=event, versions=(event,), last_on=event.effective_to))
        case ContractAmended():
            contract = known.contracts[event.contract_id]
            return _with(known, replace(contract, versions=(*contract.versions, event)))
        case ContractEnded():
            return _with(known, replace(known.contracts[event.contract_id], last_on=event.last_on))
        case _:
            assert_never(event)


def _with(known: PayerContracts, contract: Contract) -> PayerContracts:
    return PayerContracts(contracts={**known.contracts, contract.agreed.contract_id: contract})
