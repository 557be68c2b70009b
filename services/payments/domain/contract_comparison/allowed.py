"""What did the payer allow for a line?

Allowed = what it paid + the patient's deductible, coinsurance and copay + what it took off behind the allowed amount (sequestration,
withholding, penalties) - what it added behind it (incentives). In other words the charge less what the contract cuts off. A line that is
refused, in part or whole, is a denial to work and no underpayment; so nothing is said of it here.
Sources: 005010X221A1, balancing of a line; X12 code source 139; domain rules of CO reasons in `claim_account/matrix.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from services.payments.domain.claim_account.matrix import PostingMatrix
from services.payments.domain.pricing.expected import NotPriced
from shared.events.values import AdjudicatedLine, Adjustment

COST_SHARE = frozenset({("PR", "1"), ("PR", "2"), ("PR", "3")})  # deductible, coinsurance, copay
# The payer sets the allowed amount first, and takes these off, or adds them, afterwards.
BEHIND_ALLOWED = frozenset(
    {
        ("CO", "104"),  # managed care withholding
        ("CO", "144"),  # incentive
        ("CO", "161"),  # provider performance bonus
        ("CO", "237"),  # legislated or regulatory penalty
        ("CO", "253"),  # sequestration
    }
)
# These make the allowed amount. PR-45 is the same cut, left to the patient.
_CUTS = frozenset({("CO", "45"), ("CO", "94"), ("CO", "131"), ("PR", "45")})
CAPITATION = ("CO", "24")
_EARLIER_PAYER = ("OA", "23")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    cents: int


AllowedOrNot: TypeAlias = Allowed | NotPriced


def allowed_of(lines: Sequence[AdjudicatedLine], of_claim: Iterable[Adjustment], matrix: PostingMatrix) -> AllowedOrNot:
    """Of one line of ours, which the payer may have split; `of_claim` stands on no line. Cents."""
    said = [each for line in lines for each in line.adjustments]
    for adjustment in of_claim:
        if (key := _key(adjustment)) not in COST_SHARE | BEHIND_ALLOWED:
            return NotPriced(reason="adjusted-at-claim-level", value="-".join(key))
    if reason := next(_reasons_not_to(said, matrix), None):
        return reason
    kept = sum(each.amount_cents for each in said if _key(each) in COST_SHARE | BEHIND_ALLOWED)
    return Allowed(cents=sum(line.paid_cents for line in lines) + kept)


def _reasons_not_to(said: Sequence[Adjustment], matrix: PostingMatrix) -> Iterator[NotPriced]:
    sums: dict[tuple[str, str], int] = {}
    for each in said:
        sums[_key(each)] = sums.get(_key(each), 0) + each.amount_cents
    for key, cents in sums.items():
        if not cents or key in COST_SHARE | BEHIND_ALLOWED | _CUTS:
            continue
        value = "-".join(key)
        group, reason = key
        meaning = matrix.meaning_of(Adjustment(group=group, reason=reason, amount_cents=cents))
        if key == CAPITATION:
            yield NotPriced(reason="capitated", value=value)
        elif key == _EARLIER_PAYER:
            yield NotPriced(reason="earlier-payer", value=value)
        elif meaning == "patient":
            yield NotPriced(reason="not-covered", value=value)
        elif meaning == "contractual":
            continue  # adds to the payment: what the contract pays beyond the charge
        else:
            yield NotPriced(reason="denied", value=value)


def _key(adjustment: Adjustment) -> tuple[str, str]:
    return adjustment.group, adjustment.reason.lstrip("0") or "0"
