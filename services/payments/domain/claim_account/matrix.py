"""What does a payer's adjustment mean for the ledger: contract, denial, another's share, or an echo of an earlier payer?

Source: ASC X12 code source 139 (CARC) and the group codes of 005010X221A1. The table is data with a version, which every
posted answer names. CO is a write-off only for true contract reasons; with any other reason it is a denial to work. An
unknown reason is kept and queued as a denial, never a failure. A negative adjustment adds to the payment: what the payer paid beyond the
charge is revenue of the contract, and nobody else's share gets smaller by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from shared.events.values import Adjustment

Meaning: TypeAlias = Literal[
    "contractual",  # written off: the contract says so
    "denial",  # stays with the payer, open, for somebody to work
    "patient",  # the next payer's if there is one, otherwise the patient's
    "transfer",  # the next payer's if there is one, otherwise a denial; contractual when it is negative
    "information",  # what an earlier payer did: no new money
]
ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingMatrix:
    """(group, reason) to meaning; (group, `*`) is the group's default, and (`*`, `*`) everything else's."""

    version: int
    meanings: Mapping[tuple[str, str], Meaning]

    def meaning_of(self, adjustment: Adjustment) -> Meaning:
        """The amount is what an answer says of this group and reason in all, so that what it gives and takes is not told apart."""
        meaning = self._listed(adjustment.group, adjustment.reason.lstrip("0") or "0")
        adds_to_payment = meaning == "transfer" and adjustment.amount_cents < 0
        return "contractual" if adds_to_payment else meaning

    def _listed(self, group: str, reason: str) -> Meaning:
        for key in ((group, reason), (group, ANY)):
            if key in self.meanings:
                return self.meanings[key]
        return self.meanings[ANY, ANY]


IN_EXCESS = "94"  # processed in excess of charges; negative, whatever its group
CONTRACT_REASONS = (
    "24",  # charges are covered under a capitation agreement
    "45",  # charge exceeds fee schedule or contracted amount
    IN_EXCESS,
    "104",  # managed care withholding
    "131",  # claim-specific negotiated discount
    "144",  # incentive; negative adds to the payment
    "161",  # provider performance bonus; negative
    "237",  # legislated or regulatory penalty
    "253",  # sequestration
)

POSTING_MATRIX = PostingMatrix(
    version=2,
    meanings={
        **{("CO", reason): "contractual" for reason in CONTRACT_REASONS},
        ("CO", ANY): "denial",
        ("PR", ANY): "patient",
        ("PI", IN_EXCESS): "contractual",
        ("PI", ANY): "denial",
        ("OA", "23"): "information",
        ("OA", IN_EXCESS): "contractual",
        ("OA", ANY): "transfer",
        (ANY, ANY): "denial",
    },
)
