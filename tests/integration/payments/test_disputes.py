"""All that a payer underpaid is claimed under one reference, once, and what becomes of it is followed to the last cent."""

from __future__ import annotations

from typing import Any

import pytest

from shared.runtime.identity import Role
from tests.integration.payments.test_contracts import act, answered, contracted, variances, visited
from tests.integration.payments.test_payments_service import CLAIM, World, remittance, world

__all__ = ["world"]
# 30.00 and 20.00 less than the whole charge was allowed.
CUT = answered(
    "96**1~DTM*472*20260302~CAS*CO*45*30~CAS*PR*2*24",
    "80**1~DTM*472*20260302~CAS*CO*45*20",
    paid="176",
    patient="24",
)
DISPUTE = {"payer_id": "aetna", "reference": "LETTER-1", "disputed_on": "2026-04-01"}


async def letter(world: World, status: int = 200) -> str:
    asked = "/api/payments/variances/disputes/letter?payer_id=aetna&reference=LETTER-1"
    answer = await world.running.http.get(asked)
    assert answer.status_code == status
    return answer.text


@pytest.mark.asyncio
async def test_all_that_is_open_is_disputed_once_and_followed_until_it_is_paid_or_rejected(world: World) -> None:
    terms: list[dict[str, Any]] = [{"rule": "percent-of-charge", "percent": "100"}]
    await contracted(world, terms=terms, tolerance_cents=0)
    await visited(world)
    await world.send(remittance(CUT, "176"))
    second, first = sorted(await variances(world), key=lambda each: each["variance_cents"])
    assert (first["variance_cents"], second["variance_cents"]) == (30_00, 20_00)
    await letter(world, status=404)
    few = await world.ask("POST", "/variances/disputes", {**DISPUTE, "variance_cents_min": 20_01})
    assert (few["items"], few["variance_cents"], few["refused"], few["left_out"]) == (1, 30_00, [], 0)
    await world.settle()
    whole = await world.ask("POST", "/variances/disputes", DISPUTE)
    assert (whole["items"], whole["variance_cents"]) == (2, 50_00)
    await world.settle()
    again = await world.ask("POST", "/variances/disputes", DISPUTE)
    assert (again["items"], again["variance_cents"], again["after"]) == (2, 50_00, None)
    assert len(await world.running.events("payments", "VarianceDisputed")) == 2
    assert {each["state"] for each in await variances(world, reference="LETTER-1")} == {"disputed"}
    text = await letter(world)
    assert "Total of 2 lines: $50.00" in text
    assert text.count(CLAIM) == 2
    await act(
        world, first["variance_id"], "resolve", {"outcome": "recovered", "reason": "paid", "recovered_cents": 25_50}
    )
    await act(world, second["variance_id"], "resolve", {"outcome": "accepted", "reason": "rejected"})
    [row] = (await world.ask("GET", "/variances/disputes"))["items"]
    assert (row["items"], row["variance_cents"], row["waiting_items"], row["waiting_cents"]) == (2, 50_00, 0, 0)
    assert (row["paid_items"], row["rejected_items"], row["recovered_cents"]) == (1, 1, 25_50)
    await letter(world, status=404)
    await world.as_another(Role.BILLER, "POST", "/variances/disputes", DISPUTE, status=403)
    await world.verify()
