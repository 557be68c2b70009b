"""Has a write one effect, however often and however much at once it is sent again?

`make test` sends 50 keys 20 times each at once, `make test-retries` 1,000.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter

import pytest

from tests.asgi import Answer
from tests.integration.security.conftest import System

pytestmark = pytest.mark.asyncio

KEYS = 1_000 if os.environ.get("LEDGERLINE_TEST_LONG") == "1" else 50
RETRIES = 20
COME_AGAIN_MAX = 30
KEYS_AT_A_TIME = 5
TENANT = "retries"


@pytest.mark.timeout(1800)
async def test_twenty_retries_at_once_have_one_effect_and_one_answer(system: System) -> None:
    token = system.token({TENANT: ["admin"]}, subject="sender", seconds=7200)
    statuses: Counter[int] = Counter()
    numbers = iter(range(KEYS))

    async def send(number: int, cents: int) -> Answer:
        body = {
            "payment_id": f"payment-{number}",
            "patient_id": "nobody",
            "amount_cents": cents,
            "method": "cash",
            "received_on": "2026-06-10",
        }
        key = f"retried-{number}"
        return await system.ask("POST", "/api/payments/patient-payments", token, body=body, Idempotency_Key=key)

    async def send_until_taken(number: int, cents: int) -> Answer:
        """As clients do who are told that the store is busy (503): come again."""
        for _ in range(COME_AGAIN_MAX):
            answer = await send(number, cents)
            if answer.status != 503:
                break
            await asyncio.sleep(1)
        return answer

    async def work() -> None:
        for number in numbers:
            answers = await asyncio.gather(*(send(number, 100 + number) for _ in range(RETRIES)))
            statuses.update(answer.status for answer in answers)
            if all(answer.status == 503 for answer in answers):  # too busy for any of them
                answers = [await send_until_taken(number, 100 + number)]
            served = [json.loads(answer.body) for answer in answers if answer.status == 201]
            assert served, [answer.body for answer in answers]
            assert len({json.dumps(each["event_ids"]) for each in served}) == 1
            assert sum(not each["is_repeat"] for each in served) <= 1
            assert {answer.status for answer in answers} <= {201, 409, 503}  # one in progress may be told apart
            again = await send_until_taken(number, 100 + number)
            assert (again.status, json.loads(again.body)["is_repeat"]) == (201, True)
            other = await send_until_taken(number, 1)
            assert (other.status, other.code) == (422, "idempotency-key-reused")

    await asyncio.gather(*(work() for _ in range(KEYS_AT_A_TIME)))
    received = await system.clinic.system.events("payments", "PatientPaymentReceived")
    effects = Counter(json.loads(event.data)["payment_id"] for event in received if event.tenant == TENANT)
    assert (len(effects), set(effects.values())) == (KEYS, {1})
    print(f"{KEYS} keys, {RETRIES} times each at once: {dict(statuses)}, {effects.total()} effects")
