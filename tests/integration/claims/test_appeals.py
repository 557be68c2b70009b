"""Appeals through the store, the readers and HTTP: levels, last days, and a payer whose rule changes."""

from __future__ import annotations

import warnings
from datetime import date
from hashlib import sha256
from typing import Any

import pytest

from shared.events.eligibility import AppealLevel, EligibilityAnswered, PayerListed
from shared.events.payments import ClaimDeniedByPayer
from shared.runtime.vault import Opener
from shared.testing.hosting import TENANT
from tests.integration.claims.conftest import Exchange
from tests.integration.claims.test_claims_service import cas, paid, release
from tests.unit.claims.examples import PATIENT, SOURCE, coverage

DENIED_ON = date(2099, 4, 1)  # last days are far ahead of any clock


@pytest.fixture
def layout() -> None:
    """WeasyPrint, imported once with its own imports' warnings let pass; skipped where the system's libraries are missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("weasyprint", reason="the libraries for laying out pages are not here", exc_type=OSError)


async def deny(exchange: Exchange, number: int, *, reason: str = "50", on: date = DENIED_ON) -> dict[str, Any]:
    """A claim is sent and denied; its row in the queue."""
    claim_id = await release(exchange, number)
    await exchange.until(f"/claims/{claim_id}", lambda answer: answer["claim"]["status"] == "submitted", seconds=120)
    told = paid(number, 0, cas("CO", reason, 100_00), denied_cents=100_00)
    stream = f"claim-account/{told.account_id}"
    await exchange.tell("payments", stream, told)
    denied = ClaimDeniedByPayer(
        account_id=told.account_id,
        claim_id=claim_id,
        remittance_id="remit-1",
        ordinal=1,
        payer_rank=1,
        payer_id="payer-1",
        denied_cents=100_00,
        group="CO",
        reason=reason,
        payment_on=on,
    )
    await exchange.tell("payments", stream, denied)
    found = await exchange.until(f"/denials?claim_id={claim_id}", lambda answer: len(answer["items"]) == 1, seconds=60)
    return dict(found["items"][0])


async def list_payer(exchange: Exchange, *levels: AppealLevel, indicator: str = "BL") -> None:
    listing = PayerListed(
        payer_id="payer-1", name="P", electronic_id="60001", filing_indicator=indicator, appeal_levels=levels
    )
    await exchange.tell("eligibility", "payer/payer-1", listing)


@pytest.mark.asyncio
async def test_an_appeal_goes_through_its_levels_and_one_past_its_day_is_refused(exchange: Exchange) -> None:
    await list_payer(exchange, AppealLevel(name="first", days=30), AppealLevel(name="second", days=20))
    await exchange.until("/denials/appeal-levels/payer-1", lambda answer: answer["source"] == "payer-listing")
    denial = await deny(exchange, 21, on=date(2024, 1, 1))
    assert denial["appeal_by_on"] == "2024-01-31"
    assert (denial["appeal_clock"]["name"], denial["appeal_clock"]["source"]) == ("first", "payer-listing")
    path = f"/denials/{denial['denial_id']}"
    late = await exchange.ask("POST", f"{path}/appeal", {"level": 1, "filed_on": "2024-02-01"}, status=409)
    assert late["code"] == "appeal-past-its-day" and "2024-01-31" in late["detail"]
    await exchange.ask("POST", f"{path}/appeal", {"level": 1, "filed_on": "2024-01-31"})
    again = await exchange.ask("POST", f"{path}/appeal", {"level": 1, "filed_on": "2024-01-31"}, status=409)
    assert again["code"] == "appeal-out-of-order"
    decision = {"level": 1, "outcome": "upheld", "decided_on": "2024-03-01"}
    upheld = await exchange.ask("POST", f"{path}/decide", decision)
    row = await exchange.ask("GET", f"{path}?after={upheld['after']}")
    assert (row["appeal_level"], row["appeal_by_on"], row["appeal_clock"]["level"]) == (1, "2024-03-21", 2)
    cause = {"level": 2, "filed_on": "2024-04-01", "late_because": "records-destroyed"}
    await exchange.ask("POST", f"{path}/appeal", cause)
    last = await exchange.ask("POST", f"{path}/decide", {"level": 2, "outcome": "upheld"})
    row = await exchange.ask("GET", f"{path}?after={last['after']}")
    assert row["next_action"].startswith("no further level")
    over = await exchange.ask("POST", f"{path}/appeal", {"level": 3}, status=409)
    assert over["code"] == "no-further-appeal"


@pytest.mark.asyncio
async def test_medicare_gives_no_appeal_against_late_filing(exchange: Exchange) -> None:
    await list_payer(exchange, indicator="MB")
    await exchange.until("/denials/appeal-levels/payer-1", lambda answer: len(answer["levels"]) == 5)
    denial = await deny(exchange, 22, reason="29")
    assert (denial["no_appeal_because"], denial["appeal_by_on"]) == ("medicare-timely-filing", None)
    refused = await exchange.ask("POST", f"/denials/{denial['denial_id']}/appeal", {"level": 1}, status=409)
    assert refused["code"] == "no-appeal-right"


@pytest.mark.asyncio
async def test_a_changed_rule_moves_open_days_and_lists_what_moved(exchange: Exchange) -> None:
    await list_payer(exchange, AppealLevel(name="first", days=60))
    await exchange.until("/denials/appeal-levels/payer-1", lambda answer: answer["source"] == "payer-listing")
    first, second = await deny(exchange, 23), await deny(exchange, 24)
    resolved = await deny(exchange, 25)
    await exchange.ask("POST", f"/denials/{resolved['denial_id']}/resolve", {"outcome": "not-workable"})
    assert {first["appeal_by_on"], second["appeal_by_on"]} == {"2099-05-31"}
    await list_payer(exchange, AppealLevel(name="first", days=30))
    moved = await exchange.until("/denials/moved-deadlines?payer_id=payer-1", lambda answer: len(answer["items"]) == 2)
    assert {row["denial_id"] for row in moved["items"]} == {first["denial_id"], second["denial_id"]}
    assert {(row["previous_on"], row["last_on"], row["rule_version"]) for row in moved["items"]} == {
        ("2099-05-31", "2099-05-01", 2)
    }
    await exchange.running.settle()
    row = await exchange.ask("GET", f"/denials/{first['denial_id']}")
    assert (row["appeal_by_on"], row["appeal_clock"]["rule_version"]) == ("2099-05-01", 2)
    await list_payer(exchange, AppealLevel(name="first", days=30, address=None, sent_by=("fax",)))
    await exchange.running.settle()
    assert len((await exchange.ask("GET", "/denials/moved-deadlines?rule_version=3"))["items"]) == 0


@pytest.mark.usefixtures("layout")
@pytest.mark.asyncio
async def test_an_appeal_is_drafted_from_our_own_events_becomes_a_letter_and_its_sending_is_on_record(
    exchange: Exchange,
) -> None:
    denial = await deny(exchange, 26)
    path = f"/denials/{denial['denial_id']}"
    await exchange.running.settle()
    desk = await exchange.ask("GET", f"{path}/appeal")
    assert (desk["level"], desk["is_draft"]) == (1, False)
    kinds = {each["kind"]: each for each in desk["evidence"]}
    assert "interchange 1 " in kinds["submission"]["said"] and len(kinds["submission"]["document_id"]) == 64
    assert "CO-50 100.00" in kinds["remittance"]["said"]
    assert denial["claim_id"] in desk["text"]

    body = {
        "level": 1,
        "template_id": desk["template_id"],
        "text": "It was needed.\n\n[fill in: why the denial is wrong]",
        "evidence": [kinds["submission"]["evidence_id"]],
    }
    unknown = await exchange.ask("POST", f"{path}/appeal/draft", {**body, "evidence": ["no-such"]}, status=409)
    assert unknown["code"] == "evidence-unknown"
    await exchange.ask("POST", f"{path}/appeal/draft", body)
    open_place = await exchange.ask("POST", f"{path}/appeal/letter", {"level": 1}, status=409)
    assert open_place["code"] == "appeal-text-unfinished" and "why the denial is wrong" in open_place["detail"]
    await exchange.ask("POST", f"{path}/appeal/draft", {**body, "text": "It was needed."})
    written = await exchange.ask("POST", f"{path}/appeal/letter", {"level": 1})
    desk = await exchange.ask("GET", f"{path}/appeal?after={written['after']}")
    assert (desk["text"], desk["is_draft"]) == ("It was needed.", True)
    opener = Opener(actor="user:test", purpose="appeal")
    letter = await exchange.running.platform.documents.get(TENANT, desk["letter_document_id"], opener)
    assert letter.content.startswith(b"%PDF") and sha256(letter.content).hexdigest() == desk["letter_document_id"]

    sent = await exchange.ask("POST", f"{path}/appeal", {"level": 1, "sent_by": "fax", "tracking_number": "F-77"})
    [packet] = await exchange.ask("GET", f"{path}/appeals?after={sent['after']}")
    assert (packet["sent_by"], packet["tracking_number"]) == ("fax", "F-77")
    assert packet["letter_document_id"] == desk["letter_document_id"]
    assert [each["kind"] for each in packet["evidence"]] == ["submission"]
    for stored in await exchange.running.events("claims", "AppealDrafted"):
        assert b"needed" not in stored.data

    note = {"outcome_code": "payer-upholds", "reference_number": "R-9", "note": "Spoke to a person."}
    noted = await exchange.ask("POST", f"{path}/note", note)
    [contact] = await exchange.ask("GET", f"{path}/contacts?after={noted['after']}")
    assert (contact["reference_number"], contact["note"]) == ("R-9", "Spoke to a person.")

    own = {"title": "Our words", "categories": ["medical-necessity"], "text": "On {claim}: {grounds}"}
    kept = await exchange.ask("PUT", "/appeal-templates/ours", own)
    templates = await exchange.ask("GET", f"/appeal-templates?after={kept['after']}")
    assert templates[0]["template_id"] == "ours" and len(templates) > 5
    wrong = await exchange.ask("PUT", "/appeal-templates/ours", {**own, "text": "{patient_name}"}, status=409)
    assert wrong["code"] == "template-malformed" and "patient_name" in wrong["detail"]


@pytest.mark.asyncio
async def test_decisions_are_counted_measured_chances_rank_and_a_denial_is_traced(exchange: Exchange) -> None:
    asked = EligibilityAnswered(
        check_id="check-1",
        patient_id=PATIENT,
        coverage_id=coverage(1).coverage_id,
        service_on=date(2026, 1, 5),
        status="active",
        source=SOURCE,
    )
    await exchange.tell("eligibility", "eligibility-check/check-1", asked)
    first, second = await deny(exchange, 31, reason="27"), await deny(exchange, 32, reason="27")
    await exchange.running.settle()
    path = f"/denials/{first['denial_id']}"
    origin = await exchange.ask("GET", f"{path}/origin")
    assert (origin["service"], origin["event"], origin["step"]) == ("eligibility", "EligibilityAnswered", "eligibility")
    assert "2026-01-05" in origin["because"] and origin["correlation_id"] == "test"
    [stored] = await exchange.running.events("eligibility", "EligibilityAnswered")
    assert origin["event_id"] == str(stored.event_id)

    assert (second["measured_cases"], second["is_chance_measured"]) == (0, False)
    for denial, outcome in ((first, "overturned"), (second, "upheld")):
        await exchange.ask("POST", f"/denials/{denial['denial_id']}/appeal", {"level": 1})
        decided = await exchange.ask("POST", f"/denials/{denial['denial_id']}/decide", {"level": 1, "outcome": outcome})
    [rate] = await exchange.ask("GET", f"/denials/overturn-rates?after={decided['after']}")
    assert (rate["overturned"], rate["upheld"], rate["won_percent"]) == (1, 1, 50)
    assert (rate["denied_cents"], rate["won_cents"]) == (200_00, 100_00)
    listed = (await exchange.ask("GET", "/denials/appeal-decisions?level=1&payer_id=payer-1"))["items"]
    assert sum(each["denied_cents"] for each in listed) == rate["denied_cents"]
    row = await exchange.ask("GET", f"/denials/{second['denial_id']}?after={decided['after']}")
    assert (row["measured_cases"], row["measured_win_percent"], row["is_chance_measured"]) == (2, 50, False)
    assert (row["usual_win_percent"], row["expected_recovery_cents"]) == (35, 35_00)
    resolved = await exchange.ask("POST", f"{path}/resolve", {"outcome": "paid"})
    [cause] = await exchange.ask("GET", "/denials/causes")
    behind = f"/denials/summary?with_closed=true&reason=27&origin={cause['origin']}&after={resolved['after']}"
    summed = await exchange.ask("GET", behind)
    assert (summed["denials"], summed["denied_cents"]) == (cause["denials"], cause["denied_cents"]) == (2, 200_00)
