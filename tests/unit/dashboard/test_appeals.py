"""The page of an appeal: what it shows, and what it sends on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.responses import Response

from tests.unit.dashboard.conftest import World
from tests.unit.dashboard.test_denials import API, DONE, ID, PAYERS, ROW, commands, post

pytestmark = pytest.mark.asyncio(loop_scope="session")

CLOCK = {
    "level": 1,
    "name": "redetermination",
    "days": 120,
    "counts": "calendar-days",
    "from_on": "2026-04-01",
    "receipt_days": 5,
    "last_on": "2026-08-04",
}
EVIDENCE = {"kind": "submission", "said": "Sent in interchange 12", "on": "2026-03-03", "document_id": "d" * 64}
DESK: dict[str, Any] = {
    "denial_id": ID,
    "claim_id": ROW["claim_id"],
    "version": 4,
    "level": 1,
    "name": "redetermination",
    "clock": CLOCK,
    "no_appeal_because": "",
    "no_appeal_in_words": "",
    "is_decided_on": False,
    "templates": [{"template_id": "authorization", "title": "Authorised", "categories": [], "text": "…"}],
    "template_id": "authorization",
    "text": "We ask <you>.",
    "is_draft": False,
    "evidence": [EVIDENCE | {"evidence_id": "e-1", "is_chosen": True}],
    "letter_document_id": "",
}
PACKET = {
    "level": 1,
    "filed_on": "2026-05-01",
    "filed_by": "user:ann",
    "sent_by": "fax",
    "tracking_number": "F-77",
    "last_on": "2026-08-04",
    "late_because": "",
    "letter_document_id": "a" * 64,
    "evidence": [EVIDENCE],
    "outcome": "upheld",
    "decided_on": "2026-06-01",
}
PAGE = f"/denials/{ID}/appeal"
FORM = {"level": "1", "template_id": "authorization", "text": "We ask\r\nyou.", "evidence": "e-1", "version": "4"}


OPEN_STEP = {"step_id": "call", "text": "Call the payer", "is_done": False}


def answers(**desk: Any) -> dict[str, Any]:
    return PAYERS | {
        f"GET {API}": ROW,
        f"GET {API}/appeal": DESK | desk,
        f"GET {API}/appeals": [PACKET],
        f"GET {API}/checklist": {
            "steps": [OPEN_STEP, OPEN_STEP | {"text": "Done already", "is_done": True}],
            "open_steps": 1,
        },
    }


async def test_the_page_has_level_and_last_day_with_its_rule_evidence_text_and_packets(world: World) -> None:
    world.answers |= answers()
    await world.log_in("denial-specialist")
    shown = (await world.browser.get(PAGE)).text
    assert "2026-08-04" in shown and "120 calendar days from the notice of 2026-04-01, received 5 days later" in shown
    assert 'value="e-1" checked' in shown and "Sent in interchange 12" in shown
    assert "We ask &lt;you&gt;." in shown
    assert "F-77" in shown and "submission 1" in shown
    assert "Read the letter" not in shown
    assert "Call the payer" in shown and "Done already" not in shown


async def test_who_may_not_file_sees_the_packets_and_no_forms(world: World) -> None:
    world.answers |= answers()
    await world.log_in("biller")
    shown = (await world.browser.get(PAGE)).text
    assert "F-77" in shown and "/appeal/draft" not in shown and "/appeal/sent" not in shown


async def test_without_a_right_to_appeal_the_page_says_why(world: World) -> None:
    world.answers |= answers(no_appeal_because="unprocessable", no_appeal_in_words="it was rejected")
    await world.log_in("denial-specialist")
    shown = (await world.browser.get(PAGE)).text
    assert "it was rejected" in shown and "/appeal/draft" not in shown


async def test_the_draft_goes_on_with_its_evidence_on_the_version_that_was_seen(world: World) -> None:
    world.answers |= answers() | {f"POST {API}/appeal/draft": DONE}
    answer = await post(world, "denial-specialist", f"{PAGE}/draft", **FORM)
    [command] = commands(world)
    assert json.loads(command.body) == {
        "level": 1,
        "template_id": "authorization",
        "text": "We ask\nyou.",
        "evidence": ["e-1"],
    }
    assert command.headers["ledgerline-expected-version"] == "4"
    assert answer.headers["hx-redirect"].startswith(PAGE)


async def test_writing_the_letter_keeps_what_stands_on_the_page_first(world: World) -> None:
    world.answers |= answers() | {f"POST {API}/appeal/draft": DONE, f"POST {API}/appeal/letter": DONE}
    await post(world, "denial-specialist", f"{PAGE}/letter", **FORM)
    assert [command.path for command in commands(world)] == [f"{API}/appeal/draft", f"{API}/appeal/letter"]


async def test_the_sending_goes_on_with_how_and_under_which_number(world: World) -> None:
    world.answers |= answers() | {f"POST {API}/appeal": DONE}
    said = {"level": "1", "sent_by": "mail", "tracking_number": "T-1", "filed_on": "2026-05-01", "version": "4"}
    await post(world, "denial-specialist", f"{PAGE}/sent", **said)
    [command] = commands(world)
    assert json.loads(command.body) == {
        "level": 1,
        "sent_by": "mail",
        "tracking_number": "T-1",
        "filed_on": "2026-05-01",
        "due_on": None,
        "late_because": None,
    }


async def test_a_letter_is_read_as_a_document_for_the_purpose_of_an_appeal(world: World) -> None:
    letter = "a" * 64
    world.answers |= answers(letter_document_id=letter)
    world.answers[f"GET /documents/{letter}"] = Response(
        b"%PDF-", media_type="application/pdf", headers={"Content-Disposition": 'attachment; filename="aaaa"'}
    )
    await world.log_in("denial-specialist")
    assert f'href="/appeal-letters/{letter}"' in (await world.browser.get(PAGE)).text
    read = await world.browser.get(f"/appeal-letters/{letter}")
    assert read.content == b"%PDF-"
    assert world.asked[-1].query == {"purpose": "appeal"}
