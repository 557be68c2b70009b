"""Does it matter in which order the world outside speaks, how often it says the same, and who dies meanwhile?

Visits are charged and their claims leave. What partners and payers say about them comes once and in the usual order; then, in another
house, each message comes one to five times, in any order, while processes die between any two of their steps. What a person would call
the result is the same: where every claim is and what is done next, the denials, the requests, and every cent.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from functools import partial
from typing import Any

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from shared.kernel.errors import DomainError
from shared.runtime.faults import JITTER, is_worth_retrying
from tests.golden.billing import Billing, in_billing
from tests.golden.claim_story import Deed, Terms
from tests.golden.outside import FATES, Fate, Message, Outside
from tests.golden.story import Charges, Line, Payer
from tests.simulation.process import Died
from tests.simulation.weather import Broken, Climate, Weather

EXAMPLES = 400 if os.environ.get("LEDGERLINE_TEST_LONG") else 12
STORM = Climate(
    yields=0.3,
    slow=0.1,
    seconds_max=0.2,
    lost_before=0.01,
    lost_after=0.01,
    raced=0.03,
    stolen=0.002,
    news_seconds_max=0.2,
)
_COPIES_MAX, _KILLS_MAX, _LANES = 5, 2, 3
_SECONDS_TO_RECOVER = 5.0  # of the loop
_RESULTS = (
    "status is_open close_reason hold_reason next_action owner waiting_for frequency version paid_cents"
    " patient_responsibility_cents denied_cents payer_control_number next_claim_id"
)


class Practice:
    """Some visits, and what becomes of them."""

    def __init__(self, billing: Billing, fates: Sequence[Fate]) -> None:
        self.billing = billing
        self.visits = {f"ACCT00000000000{'ABCDEFGH'[n]}": fate for n, fate in enumerate(fates)}
        self.outside = Outside(self.visits)
        self.answered: set[tuple[str, str]] = set()
        self.said: list[Message] = []

    async def play(self) -> dict[Any, Any]:
        await self.billing.play(Terms(partner_id="metro", claims_per_batch=500, claims_per_set=1))
        for account_id, fate in self.visits.items():
            await self.billing.charge(_charges(account_id, fate))
        await self._round()
        for row in sorted(self.billing.table("claims", "claims_worklist"), key=lambda row: str(row["claim_id"])):
            if row["status"] == "rejected":
                await self.billing.do(Deed(kind="release", claim_id=row["claim_id"]))
        await self._round()
        assert await self.billing.violations() == []
        return self._results()

    async def _round(self) -> None:
        await self.leave()
        news = [
            message
            for partner_id, mailbox in sorted(self.billing.mailboxes.items())
            for name, content in sorted(mailbox.files.items())
            if (partner_id, name) not in self.answered
            for message in self.outside.answers(partner_id, content)
        ]
        self.answered |= {(partner, name) for partner, box in self.billing.mailboxes.items() for name in box.files}
        await self.hear(sorted(news, key=lambda message: message.stage))
        self.said += news

    async def leave(self) -> None:
        self.billing.ground.partners.update(self.billing.mailboxes)
        await self.billing.settle()
        self.billing.ground.partners.clear()

    async def hear(self, news: Sequence[Message]) -> None:
        for message in news:
            await self.billing.take(message.content)

    def _results(self) -> dict[Any, Any]:
        """What nobody may find different. Numbers of batches, and which of two days was set, are not among it."""
        billing = self.billing
        found: dict[Any, Any] = {}
        for row in billing.table("claims", "claims_worklist"):
            found["claim", row["claim_id"]] = {name: row[name] for name in _RESULTS.split()}
            assert self.outside.sent[row["claim_id"]] == row["version"], f"{row['claim_id']} left twice in a version"
        for row in billing.table("claims", "denial_queue"):
            found["denial", row["claim_id"], row["reason"]] = (row["denied_cents"], row["status"], row["is_open"])
        for row in billing.table("claims", "claim_information_requests"):
            found["request", row["request_id"]] = (row["codes"], row["is_open"])
        for row in billing.table("payments", "claim_account_parties"):
            if row["owed_cents"]:
                found["owed", row["account_id"], row["party"]] = row["owed_cents"]
        for row in billing.table("payments", "postings"):
            where = ("ledger", row["account_id"], row["ledger"])
            found[where] = found.get(where, 0) + row["amount_cents"]
        for row in billing.table("claims", "timers"):
            kind, _, about = row["key"].partition("/")
            if row["fired_at"] is None and kind != "999":
                found["waits", kind, about] = True
        found["held files"] = sum(row["is_waiting"] for row in billing.table("claims", "held_acknowledgements"))
        return {where: what for where, what in found.items() if what != 0}


class Storm(Practice):
    """The same, while everything comes again and again, and somebody always dies."""

    def __init__(self, billing: Billing, fates: Sequence[Fate], dice: random.Random) -> None:
        super().__init__(billing, fates)
        self.dice = dice

    async def leave(self) -> None:
        self.billing.ground.partners.update(self.billing.mailboxes)
        await self._storm([])
        self.billing.ground.partners.clear()

    async def hear(self, news: Sequence[Message]) -> None:
        late = self.dice.sample(self.said, k=len(self.said) // 2)
        copies = [each for each in (*news, *late) for _ in range(self.dice.randint(1, _COPIES_MAX))]
        self.dice.shuffle(copies)
        await self._storm(copies)

    async def _storm(self, messages: Sequence[Message]) -> None:
        weather = self.billing.ground.weather
        weather.is_over = False
        async with asyncio.TaskGroup() as group:
            group.create_task(self._crashes())
            for lane in range(_LANES):
                group.create_task(self._bring_all(messages[lane::_LANES]))
        weather.is_over = True
        await self.billing.settle()

    async def _crashes(self) -> None:
        """Not twice at the same event: on what processes die of again and again nobody tries any more."""
        for _ in range(self.dice.randint(1, _KILLS_MAX)):
            await asyncio.sleep(self.dice.random() * 3)
            await self.billing.crash(self.dice.choice(("claims", "payments")))
            await asyncio.sleep(_SECONDS_TO_RECOVER)

    async def _bring_all(self, messages: Sequence[Message]) -> None:
        for message in messages:
            await asyncio.sleep(self.dice.random() * 0.3)
            await _until_done(partial(self.billing.bring, message.content))


async def _until_done(do: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await do()
        except (Died, Broken):
            await asyncio.sleep(0.1)
        except DomainError as refusal:
            if not is_worth_retrying(refusal):
                raise
            await asyncio.sleep(0.1)


def _charges(account_id: str, fate: Fate) -> Charges:
    first = Payer(rank=1, name="Harbor Health", electronic_id="11001", filing_indicator="CI", partner_id="metro")
    second = Payer(rank=2, name="Coast Mutual", electronic_id="22002", filing_indicator="CI", partner_id="coast")
    line = Line(line_id="L1", procedure_code="99213", modifiers=(), charged_cents=100_00, pointers=(1,))
    payers = (first, second) if fate in ("next payer", "forwarded") else (first,)
    return Charges(account_id=account_id, service_on=date(2026, 3, 2), release=1, payers=payers, lines=(line,), but=())


def played_once_in_order(fates: Sequence[Fate]) -> dict[Any, Any]:
    return in_billing(lambda billing: Practice(billing, fates).play())


def played_in_a_storm(fates: Sequence[Fate], number: int) -> dict[Any, Any]:
    dice = random.Random(number)
    JITTER.seed(number)
    weather = Weather(dice, STORM, is_over=True)
    return in_billing(lambda billing: Storm(billing, fates, dice).play(), weather)


@seed(20261122)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(FATES), min_size=1, max_size=5), st.integers(0, 2**32))
def test_any_order_and_any_number_of_times_comes_to_the_same(fates: list[Fate], number: int) -> None:
    assert played_in_a_storm(fates, number) == played_once_in_order(fates)
