"""What would payers' answers of some days have been held against, with another contract or other prices?

Every answer in force on an account is compared twice, as the ledger does it when it is posted: with the contracts and price lists that
were known, and with the other ones. A question: nothing comes of it, and what was found stays as it was found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import msgspec

from services.payments.domain.claim_account.state import ClaimAccount, PostedAnswer
from services.payments.domain.contract_comparison.capitation import Rosters
from services.payments.domain.contract_comparison.comparing import Compared, charged_of, compared, rosters_asked
from services.payments.domain.contract_comparison.identity import comparison_id_of, variance_id_of
from services.payments.domain.errors import ContractUnknown
from services.payments.domain.fee_schedule.state import FeeSchedule
from services.payments.domain.payer_contracts.commands import Terms
from services.payments.domain.payer_contracts.state import Contract, PayerContracts
from services.payments.domain.pricing.expected import Schedules
from shared.events.contracts import ContractAgreed

_EVERYBODY = "what-if"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherContract:
    """What is tried, for answers of a payer that were paid in some days.

    `terms` stand in for those of one contract, or of all when none is named. A price list of `instead_of` is read where the terms name
    the first of the two, and `prices_on` is the day whose prices are read whatever the day of service.
    """

    payer_id: str
    first_on: date
    through_on: date
    contract_id: str = ""
    terms: Terms | None = None
    instead_of: Mapping[str, str]
    prices_on: date | None = None

    def contracts(self, known: PayerContracts) -> PayerContracts:
        """Raises ContractUnknown."""
        if self.contract_id and self.contract_id not in known.contracts:
            raise ContractUnknown("the payer has no contract of this id")
        if self.terms is None:
            return known
        if not self.contract_id:
            return PayerContracts(contracts={_EVERYBODY: _of_terms(self._for_everybody(), self.terms)})
        there = known.contracts[self.contract_id]
        changed = replace(_of_terms(there.agreed, self.terms), last_on=there.last_on)
        return PayerContracts(contracts={**known.contracts, self.contract_id: changed})

    def schedules(self, known: Schedules) -> Schedules:
        """The price lists under the names by which terms ask for them; `known` has those of both sides."""
        names = {*known, *self.instead_of}
        read = {name: known.get(self.instead_of.get(name, name), FeeSchedule()) for name in names}
        return read if self.prices_on is None else {name: _of_day(each, self.prices_on) for name, each in read.items()}

    def hash(self, known: PayerContracts, schedules: Schedules) -> str:
        """Of everything that is asked: the days, and terms and price lists on both sides. The same hash is the same question."""
        other = self.contracts(known)
        asked = {
            "payer": self.payer_id,
            "days": [self.first_on.isoformat(), self.through_on.isoformat()],
            "contracts": [_told_of(known), _told_of(other)],
            "schedules": [_lists_of(schedules), _lists_of(self.schedules(schedules))],
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def concerns(self, answer: PostedAnswer) -> bool:
        posted = answer.posted
        return posted.payer_id == self.payer_id and self.first_on <= posted.payment_on <= self.through_on

    def _for_everybody(self) -> ContractAgreed:
        return ContractAgreed(
            payer_id=self.payer_id,
            contract_id=_EVERYBODY,
            version=1,
            name=_EVERYBODY,
            effective_from=date.min,
            effective_to=None,
            billing_npi="",
            filing_indicator="",
            terms=(),
            lesser_of_charge=True,
            tolerance_cents=0,
            tolerance_percent="0",
            agreed_by="",
        )


def _of_terms(agreed: ContractAgreed, terms: Terms) -> Contract:
    """The contract as if it had always had these terms."""
    told = msgspec.structs.replace(
        agreed,
        terms=terms.terms,
        lesser_of_charge=terms.lesser_of_charge,
        tolerance_cents=terms.tolerance_cents,
        tolerance_percent=terms.tolerance_percent,
    )
    return Contract(agreed=told, versions=(told,), last_on=told.effective_to)


def _of_day(schedule: FeeSchedule, on: date) -> FeeSchedule:
    """The prices of one day as those of every day."""
    version = schedule.in_force(on)
    if version is None:
        return FeeSchedule()
    loaded = msgspec.structs.replace(version.loaded, effective_from=date.min, effective_to=None)
    return FeeSchedule(versions={loaded.version: replace(version, loaded=loaded)})


def _told_of(contracts: PayerContracts) -> object:
    return [[msgspec.to_builtins(each.versions), str(each.last_on)] for _, each in sorted(contracts.contracts.items())]


def _lists_of(schedules: Schedules) -> object:
    return {
        name: [msgspec.to_builtins(each.loaded) for each in schedule.standing]
        for name, schedule in sorted(schedules.items())
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountCompared:
    """One account, in cents. Lines without a price count for nothing in the sums and are counted beside them."""

    account_id: str
    lines: int = 0
    allowed_cents: int = 0
    expected_before_cents: int = 0
    expected_after_cents: int = 0
    underpaid_before_cents: int = 0
    underpaid_after_cents: int = 0
    not_priced_before: int = 0
    not_priced_after: int = 0
    appear: tuple[str, ...] = ()  # underpayments, by the ids that they have or would have
    vanish: tuple[str, ...] = ()

    @property
    def difference_cents(self) -> int:
        return self.expected_after_cents - self.expected_before_cents

    @property
    def differs(self) -> bool:
        before = (self.expected_before_cents, self.underpaid_before_cents, self.not_priced_before)
        after = (self.expected_after_cents, self.underpaid_after_cents, self.not_priced_after)
        return before != after or bool(self.appear or self.vanish)


def rosters_asked_of(account: ClaimAccount, other: OtherContract, known: PayerContracts) -> frozenset[str]:
    """The lists of members that the account's answers of these days are held against, on either side. Raises ContractUnknown."""
    sides = (known, other.contracts(known))
    return frozenset(
        name
        for answer in account.answers.values()
        if other.concerns(answer)
        for contracts in sides
        for name in rosters_asked(answer.posted, charged_of(account, answer.rank), contracts)
    )


def compared_with(
    account: ClaimAccount, other: OtherContract, known: PayerContracts, schedules: Schedules, rosters: Rosters
) -> AccountCompared | None:
    """Both comparisons of the account's answers of these days; None when there is none. Raises ContractUnknown."""
    answers = [each for each in account.answers.values() if other.concerns(each)]
    if not answers:
        return None
    tried, priced = other.contracts(known), other.schedules(schedules)
    told = [line for each in answers for line in _lines(account, each, (known, schedules), (tried, priced), rosters)]
    return AccountCompared(
        account_id=account.account_id,
        lines=len(told),
        allowed_cents=sum(each.before.allowed_cents or 0 for each in told),
        expected_before_cents=sum(each.before.expected_cents or 0 for each in told),
        expected_after_cents=sum(each.after.expected_cents or 0 for each in told),
        underpaid_before_cents=sum(map(_short, (each.before for each in told))),
        underpaid_after_cents=sum(map(_short, (each.after for each in told))),
        not_priced_before=sum(each.before.outcome == "not-priced" for each in told),
        not_priced_after=sum(each.after.outcome == "not-priced" for each in told),
        appear=tuple(each.variance_id for each in told if _short(each.after) and not _short(each.before)),
        vanish=tuple(each.variance_id for each in told if _short(each.before) and not _short(each.after)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    before: Compared
    after: Compared
    variance_id: str


def _lines(
    account: ClaimAccount,
    answer: PostedAnswer,
    before: tuple[PayerContracts, Schedules],
    after: tuple[PayerContracts, Schedules],
    rosters: Rosters,
) -> Iterator[_Line]:
    charged = charged_of(account, answer.rank)
    comparison_id = comparison_id_of(
        account_id=account.account_id, remittance_id=answer.key.remittance_id, ordinal=answer.key.ordinal
    )
    was_compared = compared(answer.posted, charged, *before, rosters)
    would_be = compared(answer.posted, charged, *after, rosters)
    for was, would in zip(was_compared, would_be, strict=True):
        yield _Line(before=was, after=would, variance_id=variance_id_of(comparison_id, was.number))


def _short(line: Compared) -> int:
    """By how much the payer stayed below, beyond the tolerance."""
    return line.variance_cents if line.outcome == "underpaid" else 0


def hash_of(told: Sequence[AccountCompared]) -> str:
    """Of a report: the same hash is the same answer, to the cent."""
    rows = sorted(
        [each.account_id, each.expected_before_cents, each.expected_after_cents, *each.appear, "-", *each.vanish]
        for each in told
    )
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def totals_of(told: Iterable[AccountCompared]) -> AccountCompared:
    """All accounts as one, without the ids."""
    total = AccountCompared(account_id="")
    names = [name for name in AccountCompared.__slots__ if name not in ("account_id", "appear", "vanish")]
    for each in told:
        total = replace(total, **{name: getattr(total, name) + getattr(each, name) for name in names})
    return total
