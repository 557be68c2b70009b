"""When is which notice sent, and what follows a conversation? The dunning strategy, as versioned data.

A version is never changed once it was used: the next one is added with the date from which it holds, and every notice names the
version that it was sent under. Norms: a first statement soon after the patient became responsible, then one a month, three or four
notices over 90 to 120 days, a final notice, then placement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    number: int
    step: str
    channel: Literal["mail", "email", "text", "portal"] = "mail"
    is_final: bool = False
    expected_percent: (
        int  # of the billed amount that comes in before the next notice: an assumption, for simulation only
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    version: int
    since_on: date
    notices: tuple[Notice, ...]
    first_wait_days: int = 2  # so that what one remittance brings goes on one statement
    interval_days: int = 30
    pay_by_days: int = 25
    minimum_cents: int = 500
    placement_wait_days: int = 30  # after the final notice
    first_statement_wait_days: int = 120  # from an account's first statement to its placement
    payment_wait_days: int = 30  # from the last payment to placement
    promise_grace_days: int = 3  # the mail takes a while
    instalment_grace_days: int = 5
    instalments_missed_max: int = 2  # the plan ends with this one
    instalments_max: int = 60
    instalment_minimum_cents: int = 1_000
    dispute_answer_days: int = 30

    def __post_init__(self) -> None:
        if self.interval_days < INTERVAL_DAYS_MIN:
            raise ValueError(f"statements are at least {INTERVAL_DAYS_MIN} days apart")
        if [notice.number for notice in self.notices] != list(range(1, len(self.notices) + 1)):
            raise ValueError("notices are numbered 1, 2, …")
        if [notice.is_final for notice in self.notices] != [False] * (len(self.notices) - 1) + [True]:
            raise ValueError("the last notice, and no other, is the final one")

    def notice(self, number: int) -> Notice:
        return self.notices[number - 1]

    @property
    def last(self) -> int:
        return len(self.notices)


INTERVAL_DAYS_MIN = 28

STRATEGIES: tuple[Strategy, ...] = (
    Strategy(
        version=1,
        since_on=date(2000, 1, 1),
        notices=(
            Notice(number=1, step="first-statement", expected_percent=35),
            Notice(number=2, step="second-statement", expected_percent=20),
            Notice(number=3, step="past-due-notice", expected_percent=10),
            Notice(number=4, step="final-notice", is_final=True, expected_percent=8),
        ),
    ),
)


def strategy_on(day: date, strategies: tuple[Strategy, ...] = STRATEGIES) -> Strategy:
    """The newest strategy that holds on a day. Raises LookupError when none does."""
    held = [strategy for strategy in strategies if strategy.since_on <= day]
    if not held:
        raise LookupError(f"no dunning strategy holds on {day}")
    return max(held, key=lambda strategy: strategy.since_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactOutcome:
    """What a conversation, or a try at one, came to, and in how many days somebody looks at the patient again."""

    code: str
    meaning: str
    next_action_days: int | None  # None: the statement cycle goes on by itself
    next_action: str = ""


_OUTCOMES = (
    ContactOutcome(
        code="no-answer", meaning="nobody answered", next_action_days=3, next_action="call again at another time of day"
    ),
    ContactOutcome(code="left-message", meaning="a message was left", next_action_days=7, next_action="call again"),
    ContactOutcome(
        code="wrong-number",
        meaning="the number is not the patient's",
        next_action_days=1,
        next_action="find the number",
    ),
    ContactOutcome(
        code="mail-returned", meaning="the post came back", next_action_days=1, next_action="find the address"
    ),
    ContactOutcome(
        code="callback-requested", meaning="wants to be called back", next_action_days=1, next_action="call back"
    ),
    ContactOutcome(
        code="will-pay",
        meaning="says that payment is on its way",
        next_action_days=14,
        next_action="look for the payment",
    ),
    ContactOutcome(
        code="cannot-pay", meaning="cannot pay now", next_action_days=7, next_action="offer a plan or assistance"
    ),
    ContactOutcome(
        code="asked-for-assistance",
        meaning="asked for financial assistance",
        next_action_days=7,
        next_action="send the application",
    ),
    ContactOutcome(
        code="names-insurance",
        meaning="says that insurance should pay",
        next_action_days=1,
        next_action="check coverage",
    ),
    ContactOutcome(code="refuses", meaning="refuses to pay", next_action_days=None),
    ContactOutcome(
        code="names-attorney", meaning="is represented by an attorney", next_action_days=0, next_action="place the hold"
    ),
    ContactOutcome(
        code="reported-deceased", meaning="the patient has died", next_action_days=0, next_action="place the hold"
    ),
    ContactOutcome(code="answered", meaning="a question was answered", next_action_days=None),
)

OUTCOMES: Mapping[str, ContactOutcome] = {outcome.code: outcome for outcome in _OUTCOMES}
