"""What would stand on an account if payers' answers had been read with another posting matrix?

Every answer in force is taken back and posted once more, in its order, as the decider does it when an earlier answer is gone: once as
answers are read today, once with the other matrix. What the two differ in, by ledger account, is the answer. Whatever else happened to
the account happened to both. A question: nothing comes of it.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from services.payments.domain.claim_account.decider import read_otherwise
from services.payments.domain.claim_account.matrix import POSTING_MATRIX, Meaning, PostingMatrix
from services.payments.domain.claim_account.state import ClaimAccount, PostedAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a group and reason would mean. Without a payer it is of every payer's answers; `*` is every reason of the group."""

    group: str
    reason: str
    meaning: Meaning
    payer_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherMatrix:
    """The matrix of today with some of its meanings replaced, for answers that were paid in some days."""

    rules: tuple[Rule, ...]
    first_on: date
    through_on: date

    @property
    def hash(self) -> str:
        """Of everything that is asked, today's matrix included: the same hash is the same question."""
        asked = {
            "matrix": POSTING_MATRIX.version,
            "rules": sorted([rule.payer_id, rule.group, rule.reason, rule.meaning] for rule in self.rules),
            "days": [self.first_on.isoformat(), self.through_on.isoformat()],
        }
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def of(self, answer: PostedAnswer) -> PostingMatrix:
        if not self.concerns(answer):
            return POSTING_MATRIX
        # A rule of the payer is nearer than one of every payer.
        wanted = [rule for rule in self.rules if rule.payer_id in ("", answer.posted.payer_id)]
        meanings: dict[tuple[str, str], Meaning] = dict(POSTING_MATRIX.meanings)
        for rule in sorted(wanted, key=lambda each: bool(each.payer_id)):
            meanings[rule.group, rule.reason.lstrip("0") or "0"] = rule.meaning
        return PostingMatrix(version=POSTING_MATRIX.version, meanings=meanings)

    def is_about(self, account: ClaimAccount) -> bool:
        """Whether any of its answers in force was paid in these days."""
        return any(self.concerns(answer) for answer in account.answers.values())

    def concerns(self, answer: PostedAnswer) -> bool:
        return self.first_on <= answer.posted.payment_on <= self.through_on


def difference(account: ClaimAccount, other: OtherMatrix) -> dict[str, int]:
    """By ledger account, the cents that would stand there more than today; together zero, and empty when nothing would differ."""
    if not other.is_about(account):
        return {}
    would, does = _moved(account, other.of), _moved(account, lambda answer: POSTING_MATRIX)
    changes = {name: would[name] - does[name] for name in sorted({*would, *does})}
    return {name: cents for name, cents in changes.items() if cents}


def _moved(account: ClaimAccount, matrix_of: Callable[[PostedAnswer], PostingMatrix]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for event in read_otherwise(account, matrix_of):
        for leg in getattr(event, "postings", ()):
            sums[leg.account] += leg.amount_cents
    return sums


def hash_of(differences: Iterable[tuple[str, Mapping[str, int]]]) -> str:
    """Of a report: the same hash is the same answer, to the cent."""
    told = sorted([account_id, sorted(cents.items())] for account_id, cents in differences)
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
