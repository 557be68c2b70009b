"""Was the month of the service paid for, and did the payer answer as one who has paid for it?

A member's service brings no money: the payer says CO-24, and the patient may owe a share. Whatever else it says is told, for a person to
see. Source: X12 code source 139, reason 24.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from services.payments.domain.capitation_roster.identity import roster_id_of
from services.payments.domain.capitation_roster.state import CapitationRoster
from services.payments.domain.claim_account.matrix import PostingMatrix
from services.payments.domain.contract_comparison.allowed import CAPITATION, COST_SHARE
from shared.events.contracts import CapitatedService
from shared.events.values import AdjudicatedLine, Adjustment

Rosters: TypeAlias = Mapping[str, CapitationRoster]


def is_member(service: CapitatedService, payer_id: str, rosters: Rosters) -> bool:
    """Without a list of the month nobody is a member of it."""
    roster_id = roster_id_of(payer_id=payer_id, contract_id=service.contract_id, day=service.service_on)
    return service.member_index in rosters.get(roster_id, CapitationRoster()).indexes


def answer_of(
    lines: Sequence[AdjudicatedLine], of_claim: Iterable[Adjustment], matrix: PostingMatrix
) -> Literal["capitated", "paid", "denied", "other"]:
    """Of one line of ours; what stands on the claim is meant for every line."""
    if any(line.paid_cents for line in lines):
        return "paid"
    said = Counter[tuple[str, str]]()
    for each in (*(each for line in lines for each in line.adjustments), *of_claim):
        said[each.group, each.reason.lstrip("0")] += each.amount_cents
    meant = {
        matrix.meaning_of(Adjustment(group=group, reason=reason, amount_cents=cents))
        for (group, reason), cents in said.items()
        if cents and (group, reason) not in COST_SHARE
    }
    if meant & {"denial", "transfer", "patient"}:
        return "denied"
    return "capitated" if said[CAPITATION] else "other"
