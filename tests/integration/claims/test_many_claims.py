"""Many claims in one request: looked at first, each by itself, the edits asked again, and the same request twice is one."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.integration.claims.conftest import Exchange
from tests.integration.claims.test_claims_service import release

pytestmark = pytest.mark.asyncio(loop_scope="session")

NOBODYS = "0" * 17


async def ask(exchange: Exchange, deed: str, claims: list[Any], key: str = "", **body: Any) -> Any:
    named = {"claims": [each if isinstance(each, dict) else {"claim_id": each} for each in claims], **body}
    headers = {"Idempotency-Key": key or uuid4().hex}
    answer = await exchange.running.http.post(f"/api/claims/claims/bulk/{deed}", json=named, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(answer: Any) -> dict[str, tuple[str, str, str]]:
    return {each["claim_id"]: (each["result"], each["becomes"], each["code"]) for each in answer["items"]}


async def held(exchange: Exchange, number: int, reason: str = "edits-failed") -> str:
    claim_id = await release(exchange, number, diagnoses=())
    await exchange.until(f"/claims/{claim_id}", lambda answer: answer["claim"]["hold_reason"] == reason)
    return claim_id


async def test_a_claim_with_errors_stays_held_says_which_and_stops_no_other(exchange: Exchange) -> None:
    wrong, mended = await held(exchange, 61), await held(exchange, 62)
    sent = await release(exchange, 63)
    await exchange.claim_with(sent, "submitted")
    # Whoever holds a claim is asked about it: a correction alone does not send it.
    assert told(await ask(exchange, "hold", [mended], reason="waiting-for-the-chart"))[mended] == ("done", "held", "")
    await exchange.ask("POST", f"/claims/{mended}/correct", {"reason": "coded", "diagnoses": ["J0190"]})
    claims = [wrong, mended, sent, NOBODYS, mended]
    before = len(await exchange.running.events("claims", "ClaimReleased"))

    looked = await ask(exchange, "release", claims, is_preview=True)
    assert told(looked) == {
        wrong: ("refused", "", "claim-has-errors"),
        mended: ("done", "released", ""),
        sent: ("refused", "", "claim-not-held"),
        NOBODYS: ("refused", "", "claim-unknown"),
    }
    assert (looked["done"], looked["refused"], looked["done_cents"], looked["after"]) == (1, 3, 100_00, None)
    assert looked["items"][0]["detail"] == "mend these first: diagnoses, diagnosis-pointers"
    assert len(await exchange.running.events("claims", "ClaimReleased")) == before

    done = await ask(exchange, "release", claims, key="many-1")
    assert told(done) == told(looked)
    assert told(await ask(exchange, "release", claims, key="many-1")) == told(done)
    assert len(await exchange.running.events("claims", "ClaimReleased")) == before + 1
    await exchange.claim_with(mended, "submitted")
    assert (await exchange.claim_with(wrong, "held"))["hold_reason"] == "edits-failed"


async def test_what_changed_since_it_was_looked_at_is_refused_and_no_other(exchange: Exchange) -> None:
    first, second = await held(exchange, 64), await held(exchange, 65)
    looked = await ask(exchange, "hold", [first, second], is_preview=True, reason="waiting-for-the-chart")
    seen = [{"claim_id": each["claim_id"], "version": each["version"]} for each in looked["items"]]
    await exchange.ask("POST", f"/claims/{first}/hold", {"reason": "call-the-patient"})
    done = await ask(exchange, "hold", seen, reason="waiting-for-the-chart")
    assert told(done) == {first: ("refused", "", "changed-meanwhile"), second: ("done", "held", "")}
    assert told(await ask(exchange, "hold", seen, is_preview=True, reason="x"))[first][2] == "changed-meanwhile"
    row = (await exchange.ask("GET", f"/claims/{second}?after={done['after']}"))["claim"]
    assert row["hold_reason"] == "waiting-for-the-chart"
    again = await ask(exchange, "hold", [second], reason="waiting-for-the-chart")
    assert told(again) == {second: ("unchanged", "", "")}


async def test_at_most_five_hundred_are_asked_for_at_once_and_a_reason_is_no_free_text(exchange: Exchange) -> None:
    for body in (
        {"claims": [{"claim_id": NOBODYS}] * 501},
        {"claims": []},
        {"claims": [{"claim_id": "short"}]},
    ):
        answer = await exchange.running.http.post(
            "/api/claims/claims/bulk/release", json=body, headers={"Idempotency-Key": uuid4().hex}
        )
        assert answer.status_code == 422
    named = {"claims": [{"claim_id": NOBODYS}], "reason": "Jane Doe called"}
    answer = await exchange.running.http.post(
        "/api/claims/claims/bulk/hold", json=named, headers={"Idempotency-Key": uuid4().hex}
    )
    assert answer.status_code == 422
