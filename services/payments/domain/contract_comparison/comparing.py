"""Line by line: what did the payer allow, what does the contract say, and do they differ by more than the tolerance?

The first payer's answer is compared, because only it sets an allowed amount for the whole charge; what a later payer allows depends on
what others paid. Pure: the contracts and schedules are handed in as they are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal, TypeAlias

from services.payments.domain.capitation_roster.identity import roster_id_of
from services.payments.domain.claim_account.matrix import POSTING_MATRIX, PostingMatrix
from services.payments.domain.claim_account.state import ClaimAccount
from services.payments.domain.contract_comparison.allowed import Allowed, AllowedOrNot, allowed_of
from services.payments.domain.contract_comparison.capitation import Rosters, answer_of, is_member
from services.payments.domain.line_matching import line_of_ours
from services.payments.domain.payer_contracts.state import PayerContracts, Version, capitated_term
from services.payments.domain.pricing import exact
from services.payments.domain.pricing.expected import (
    Expected,
    NotPriced,
    Priced,
    Schedules,
    capitated_of,
    expected_of,
)
from services.payments.domain.pricing.service_line import ServiceLine
from shared.events.contracts import CapitatedService, ExpectedBasis
from shared.events.payments import ClaimPaymentPosted, LedgerLine
from shared.events.values import AdjudicatedLine

Outcome: TypeAlias = Literal["as-expected", "underpaid", "overpaid", "not-priced", "capitated"]
_AS_LATER_PAYER = frozenset({"2", "3", "20", "21"})  # CLP02


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """What the account knows of its charges, and of the plan that answers."""

    lines: Mapping[str, LedgerLine]
    service_on: date | None
    billing_npi: str
    filing_indicator: str
    member_index: str = ""  # empty: not known, so that the patient is a member of nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One line. Without a basis it was not priced, and `reason` says why."""

    number: int
    line: ServiceLine
    paid_as: str  # procedure of the answer, where it is another
    outcome: Outcome
    allowed_cents: int | None
    expected_cents: int | None = None
    tolerance_cents: int = 0
    basis: ExpectedBasis | None = None
    reason: str = ""
    value: str = ""
    capitation: CapitatedService | None = None  # of what the contract pays by the member and month, to members

    @property
    def variance_cents(self) -> int:
        """Expected less allowed; zero where one of them is not known."""
        if self.expected_cents is None or self.allowed_cents is None:
            return 0
        return self.expected_cents - self.allowed_cents


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answered:
    """One of our lines with everything that the payer said of it."""

    line: ServiceLine
    said: tuple[AdjudicatedLine, ...]
    is_known: bool


def compared(
    posted: ClaimPaymentPosted,
    charged: Charged,
    contracts: PayerContracts,
    schedules: Schedules,
    rosters: Rosters,
    matrix: PostingMatrix = POSTING_MATRIX,
) -> list[Compared]:
    """Every line of the answer, in its order. An answer without lines cannot be compared and gives none.

    `rosters` has the lists of members that `rosters_asked` names, where there are any.
    """
    answered = list(_answered(posted, charged))
    lines = [each.line for each in answered]
    terms = _terms(lines, charged, contracts)
    found: list[Compared] = []
    expected = expected_of(lines, terms, schedules)
    for number, (each, worth, version) in enumerate(zip(answered, expected, terms, strict=True), start=1):
        allowed = _allowed(posted, each, matrix)
        service = _capitated(posted, each, allowed, version, charged, schedules, matrix)
        if service and is_member(service, posted.payer_id, rosters):
            found.append(_of_member(number, each, service))
        else:
            allowed = _carved_out(allowed, service, version)
            found.append(replace(_compared(number, each, allowed, worth, version), capitation=service))
    return found


def rosters_asked(posted: ClaimPaymentPosted, charged: Charged, contracts: PayerContracts) -> frozenset[str]:
    """The lists of members that an answer is held against: of the months of its lines, where the contract pays by the member."""
    lines = [each.line for each in _answered(posted, charged)]
    return frozenset(
        roster_id_of(payer_id=posted.payer_id, contract_id=version.contract_id, day=line.service_on)
        for line, version in zip(lines, _terms(lines, charged, contracts), strict=True)
        if version is not None and capitated_term(version) is not None
    )


def _terms(lines: Sequence[ServiceLine], charged: Charged, contracts: PayerContracts) -> list[Version | None]:
    whose = {"billing_npi": charged.billing_npi, "filing_indicator": charged.filing_indicator}
    return [contracts.in_force(line.service_on, **whose) for line in lines]


def charged_of(account: ClaimAccount, payer_rank: int) -> Charged:
    """What the account knows of its charges, and of the plan of the payer of this rank."""
    payer = next((each for each in account.payers or () if each.rank == payer_rank), None)
    return Charged(
        lines=account.lines,
        service_on=account.service_on,
        billing_npi=account.billing_npi,
        filing_indicator=payer.filing_indicator if payer else "",
        member_index=payer.member_index if payer else "",
    )


def schedules_named(contracts: PayerContracts) -> frozenset[str]:
    """The fee schedules that any of the terms names."""
    versions = (version for contract in contracts.contracts.values() for version in contract.versions)
    return frozenset(term.schedule_id for version in versions for term in version.terms if term.schedule_id)


def _answered(posted: ClaimPaymentPosted, charged: Charged) -> Iterator[_Answered]:
    """By our line number, or as the only line with this procedure and charge; a line that was split is put together again."""
    whose = [line_of_ours(line, charged.lines) or f"?{place}" for place, line in enumerate(posted.lines)]
    for line_id in dict.fromkeys(whose):
        said = tuple(line for line, each in zip(posted.lines, whose, strict=True) if each == line_id)
        ours = charged.lines.get(line_id)
        yield _Answered(line=_service_line(said, ours, charged, posted), said=said, is_known=ours is not None)


def _service_line(
    said: Sequence[AdjudicatedLine], ours: LedgerLine | None, charged: Charged, posted: ClaimPaymentPosted
) -> ServiceLine:
    """As it was charged; what was not kept then is taken from the answer (absent units are one: SVC05)."""
    first = said[0]
    told = [_number(each.units) if each.units else Decimal(1) for each in said]
    units = None if None in told else exact.total(each for each in told if each is not None)
    return ServiceLine(
        line_id=ours.line_id if ours else first.line_id,
        service_on=ours.service_on if ours else first.service_on or charged.service_on or posted.payment_on,
        procedure_code=ours.procedure_code if ours else first.procedure_code,
        modifiers=ours.modifiers if ours else first.modifiers,
        units=_number(ours.units) if ours and ours.units else units,
        place_of_service=ours.place_of_service if ours else "",
        charged_cents=sum(each.charged_cents for each in said),
        revenue_code=ours.revenue_code if ours else first.revenue_code,
    )


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return None
    return found if found.is_finite() and found.adjusted() < 9 else None


def _allowed(posted: ClaimPaymentPosted, answered: _Answered, matrix: PostingMatrix) -> AllowedOrNot:
    if posted.payer_rank != 1 or posted.claim_status in _AS_LATER_PAYER:
        return NotPriced(reason="later-payer", value=posted.claim_status)
    if not answered.is_known:
        return NotPriced(reason="line-unknown", value=answered.line.procedure_code)
    return allowed_of(answered.said, posted.adjustments, matrix)


def _compared(
    number: int, answered: _Answered, allowed: AllowedOrNot, expected: Expected, version: Version | None
) -> Compared:
    line = answered.line
    codes = {each.procedure_code for each in answered.said} - {line.procedure_code, ""}
    paid_as = " ".join(sorted(codes))
    allowed_cents = allowed.cents if isinstance(allowed, Allowed) else None
    reason = next((each for each in (allowed, expected) if isinstance(each, NotPriced)), None)
    if reason is not None or not isinstance(expected, Priced) or allowed_cents is None or version is None:
        return Compared(
            number=number,
            line=line,
            paid_as=paid_as,
            outcome="not-priced",
            allowed_cents=allowed_cents,
            reason=reason.reason if reason else "",
            value=reason.value if reason else "",
        )
    tolerance = tolerance_of(version, expected.expected_cents)
    difference = expected.expected_cents - allowed_cents
    return Compared(
        number=number,
        line=line,
        paid_as=paid_as,
        outcome=_outcome(difference, tolerance),
        allowed_cents=allowed_cents,
        expected_cents=expected.expected_cents,
        tolerance_cents=tolerance,
        basis=expected.basis,
    )


def _capitated(
    posted: ClaimPaymentPosted,
    answered: _Answered,
    allowed: AllowedOrNot,
    version: Version | None,
    charged: Charged,
    schedules: Schedules,
    matrix: PostingMatrix,
) -> CapitatedService | None:
    """Of the first payer only, as everything that is compared, and of lines that are ours."""
    is_compared = not isinstance(allowed, NotPriced) or allowed.reason not in ("later-payer", "line-unknown")
    alone = capitated_of(answered.line, version, schedules) if is_compared else None
    if alone is None or version is None:
        return None
    return CapitatedService(
        contract_id=version.contract_id,
        member_index=charged.member_index,
        service_on=answered.line.service_on,
        procedure_code=answered.line.procedure_code,
        charged_cents=answered.line.charged_cents,
        paid_cents=sum(each.paid_cents for each in answered.said),
        equivalent_cents=alone.expected_cents if isinstance(alone, Priced) else None,
        answer=answer_of(answered.said, posted.adjustments, matrix),
    )


def _of_member(number: int, answered: _Answered, service: CapitatedService) -> Compared:
    """The month was paid for: no money is expected of the line, and whatever came instead is told in `service`."""
    return Compared(
        number=number, line=answered.line, paid_as="", outcome="capitated", allowed_cents=None, capitation=service
    )


def _carved_out(allowed: AllowedOrNot, service: CapitatedService | None, version: Version | None) -> AllowedOrNot:
    """CO-24 on what such a contract pays by the service: the payer allows nothing of a fee that it owes."""
    is_refused = isinstance(allowed, NotPriced) and allowed.reason == "capitated"
    is_carved_out = service is None and version is not None and capitated_term(version) is not None
    return Allowed(cents=0) if is_refused and is_carved_out else allowed


def _outcome(difference_cents: int, tolerance_cents: int) -> Outcome:
    """As much as the tolerance is still as expected."""
    if abs(difference_cents) <= tolerance_cents:
        return "as-expected"
    return "underpaid" if difference_cents > 0 else "overpaid"


def tolerance_of(version: Version, expected_cents: int) -> int:
    """The larger of the two, in whole cents; a part of a cent is never tolerated, nor held against anybody."""
    of_percent = exact.product(Decimal(expected_cents), Decimal(version.tolerance_percent)).scaleb(-2)
    return max(version.tolerance_cents, int(of_percent))
