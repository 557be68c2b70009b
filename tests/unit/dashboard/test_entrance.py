"""Who gets in, what a page may do, and what a browser is told to refuse."""

from __future__ import annotations

import logging
import re

import pytest

from services.dashboard.main import PAGES
from services.dashboard.visits import COOKIE, next_page
from shared.runtime.identity.roles import ACTIONS
from tests.unit.dashboard.conftest import ORIGIN, PASSWORD, World

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_CLAIMS = {"items": [], "next": None, "positions": {"claims": "0.1.7"}}


def claims_answer(world: World) -> None:
    world.answers["GET /api/claims/claims"] = NO_CLAIMS
    world.answers["GET /api/claims/claims/summary"] = {"items": [], "positions": {}}


async def test_without_a_session_every_page_leads_to_the_login(world: World) -> None:
    for page in PAGES:
        path = re.sub(r"\{\w+(:int)?\}", "1", page.path)
        answer = await world.browser.request(page.method, path, headers=ORIGIN)
        assert answer.status_code == 303, page.path
        assert answer.headers["location"].startswith("/login"), page.path
    assert world.asked == []


async def test_every_page_names_an_action_of_the_table() -> None:
    assert {page.action for page in PAGES} <= ACTIONS
    reading = [page for page in PAGES if page.method == "GET"]
    assert all(page.action.partition(":")[2].startswith("read-") for page in reading)


async def test_a_login_makes_a_cookie_that_scripts_and_other_sites_cannot_use(world: World) -> None:
    answer = await world.log_in("biller")
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert "secure" not in cookie  # the test speaks http
    assert (await world.browser.get("/")).headers["location"] == "/claims"


async def test_a_wrong_password_is_refused_in_the_same_words_as_an_unknown_user(world: World) -> None:
    texts = set()
    for user in ("biller", "nobody"):
        answer = await world.browser.post("/login", data={"user": user, "password": "wrong"}, headers=ORIGIN)
        assert answer.status_code == 401
        texts.add(answer.text)
    assert len(texts) == 1
    assert COOKIE not in world.browser.cookies


async def test_a_form_of_another_site_cannot_log_anyone_in(world: World) -> None:
    form = {"user": "biller", "password": PASSWORD}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://elsewhere.invalid"}):
        answer = await world.browser.post("/login", data=form, headers=headers)
        assert answer.status_code == 403
    assert COOKIE not in world.browser.cookies


async def test_a_write_without_the_sessions_token_does_nothing(world: World) -> None:
    await world.log_in("biller")
    for headers in (ORIGIN, {**ORIGIN, "X-CSRF-Token": "guessed"}):
        answer = await world.browser.post("/claims/X/release", data={"key": "k"}, headers=headers)
        assert answer.status_code == 403
    token = await world.csrf()
    other_site = {"Sec-Fetch-Site": "same-site", "X-CSRF-Token": token}
    assert (await world.browser.post("/claims/X/release", data={"key": "k"}, headers=other_site)).status_code == 403
    assert [asked for asked in world.asked if asked.method == "POST"] == []


async def test_a_write_goes_to_the_service_as_the_person_under_the_key_of_the_form(world: World) -> None:
    await world.log_in("biller")
    world.answers["POST /api/claims/claims/X/release"] = {"after": "claims:0.1.2"}
    headers = {**ORIGIN, "X-CSRF-Token": await world.csrf(), "HX-Request": "true"}
    answer = await world.browser.post("/claims/X/release", data={"key": "key-of-the-form"}, headers=headers)
    assert answer.headers["hx-redirect"] == "/claims/X"
    [command] = [asked for asked in world.asked if asked.method == "POST"]
    assert command.headers["idempotency-key"] == "key-of-the-form"
    assert command.headers["authorization"].startswith("Bearer ey")
    assert command.headers["x-ledgerline-tenant"] == "clinic"


async def test_a_role_without_the_action_is_told_who_has_it_and_no_service_is_asked(world: World) -> None:
    await world.log_in("operator")
    answer = await world.browser.get("/claims")
    assert answer.status_code == 403
    assert "claims:read-claims" in answer.text and "biller" in answer.text
    assert world.asked == []


async def test_navigation_shows_what_the_role_may_see(world: World) -> None:
    await world.log_in("biller")
    text = (await world.browser.get("/help")).text
    assert 'href="/denials"' in text
    assert 'href="/system/events"' not in text


async def test_a_page_loads_and_runs_nothing_but_files_of_ours(world: World) -> None:
    claims_answer(world)
    await world.log_in("biller")
    answer = await world.browser.get("/claims")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "<script>" not in answer.text and " style=" not in answer.text and " onclick" not in answer.text


async def test_a_service_that_is_down_is_named_and_the_page_stands(world: World) -> None:
    from starlette.responses import JSONResponse

    await world.log_in("biller")
    world.answers["GET /api/claims/claims"] = JSONResponse({"code": "service-unavailable"}, 503)
    answer = await world.browser.get("/claims")
    assert answer.status_code == 503
    assert "The claims service does not answer" in answer.text
    part = await world.browser.get("/claims", headers={"HX-Request": "true"})
    assert part.headers["hx-retarget"] == "#messages"


async def test_a_locked_session_shows_nothing_and_goes_on_with_the_password(world: World) -> None:
    claims_answer(world)
    await world.log_in("biller")
    token = await world.csrf()
    headers = {**ORIGIN, "X-CSRF-Token": token}
    await world.browser.post("/lock", headers=headers)
    world.asked.clear()
    answer = await world.browser.get("/claims")
    assert answer.status_code == 423
    assert "Password of biller" in answer.text
    part = await world.browser.get("/claims", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["hx-trigger"], part.text) == (423, "locked", "")
    assert world.asked == []
    wrong = await world.browser.post("/unlock", data={"csrf": token, "password": "wrong"}, headers=ORIGIN)
    assert wrong.status_code == 401
    right = await world.browser.post("/unlock", data={"csrf": token, "password": PASSWORD}, headers=ORIGIN)
    assert right.status_code == 303
    assert (await world.browser.get("/claims")).status_code == 200


async def test_after_logging_out_the_cookie_is_worth_nothing(world: World) -> None:
    await world.log_in("biller")
    cookie = world.browser.cookies[COOKIE]
    await world.browser.post("/logout", data={"csrf": await world.csrf()}, headers=ORIGIN)
    world.browser.cookies.set(COOKIE, cookie, domain="pages")
    assert (await world.browser.get("/help")).status_code == 303


async def test_the_log_tells_templates_and_never_what_was_asked(world: World, caplog: pytest.LogCaptureFixture) -> None:
    claims_answer(world)
    await world.log_in("biller")
    caplog.set_level(logging.INFO)
    await world.browser.get("/claims/SECRET0000000000A?v=HIDDEN")
    told = [record.__dict__ for record in caplog.records if record.message == "request answered"]
    assert any(record.get("route") == "/claims/{claim_id}" for record in told)
    assert "HIDDEN" not in str(told)


@pytest.mark.parametrize(
    ("asked", "leads_to"),
    [
        ("/claims?status=held", "/claims?status=held"),
        ("https://elsewhere.invalid/", "/"),
        ("//elsewhere.invalid/", "/"),
        ("/\\elsewhere.invalid", "/"),
        ("", "/"),
    ],
)
async def test_a_login_leads_back_to_a_page_of_ours_only(asked: str, leads_to: str) -> None:
    assert next_page(asked, "/") == leads_to


async def test_a_path_that_no_page_has_leads_a_stranger_to_the_login_and_tells_a_person_on_a_page(world: World) -> None:
    for path in ("/nothing-here", "/claims/X/nothing"):
        answer = await world.browser.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"] == "/login"  # the address may have a name in it
    await world.log_in("biller")
    for path in ("/nothing-here", "/claims/X/nothing"):
        answer = await world.browser.get(path)
        assert answer.status_code == 404
        assert "There is no such page" in answer.text
        assert 'href="/claims"' in answer.text  # the navigation
    assert world.asked == []


async def test_a_path_that_no_page_has_does_not_open_a_lock(world: World) -> None:
    await world.log_in("biller")
    await world.browser.post("/lock", headers={**ORIGIN, "X-CSRF-Token": await world.csrf()})
    answer = await world.browser.get("/nothing-here")
    assert answer.status_code == 423
    assert "There is no such page" not in answer.text


async def test_a_file_that_is_not_there_is_no_page(world: World) -> None:
    answer = await world.browser.get("/static/nothing.css")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/plain")
