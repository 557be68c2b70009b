"""What people do with the pages, in a real browser over the real system."""

from __future__ import annotations

import re
import time
from typing import Any

from playwright.sync_api import Page, expect

from deploy.state import CHECKOUT
from services.dashboard.rendering import in_dollars
from shared.events.registry import SERVICES
from tests.ui.conftest import Heard, System, an_835
from tests.ui.test_pages import paths

REFERENCE = CHECKOUT / "docs" / "reference"


def cents(text: str | None) -> int:
    """1,234.56 or $1,234.56 as cents; empty is nothing."""
    told = re.sub(r"[$,\s]", "", text or "").replace("\u2212", "-")
    return round(float(told) * 100) if told else 0


def test_a_denial_is_worked_with_the_keyboard_alone(system: System, people: Any) -> None:
    page: Page = people("denial-specialist").page
    expect(page).to_have_url(re.compile("/denials"))
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator(".bulk .n")).to_have_text("2")
    page.keyboard.press("a")
    expect(page.locator("#messages")).to_contain_text("2 of 2 assigned to you.")
    expect(page.locator("#rows tr", has_text="denial-specialist")).to_have_count(2)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#peek h2")).to_be_visible()
    page.keyboard.press("n")
    page.keyboard.type("Called; the authorisation is on file under another number.")
    page.keyboard.press("Tab")  # reference
    page.keyboard.press("Tab")  # date: month, day, year, its button
    page.locator("#peek button", has_text="Save the note").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#peek .banner")).to_contain_text("Noted.")
    worked = page.locator("#peek h2").inner_text()

    def row() -> dict[str, Any]:
        found: dict[str, Any] = system.client.get("/api/claims/denials", claim_id=worked)["items"][0]
        return found

    assert row()["last_outcome"] == "other"
    page.keyboard.press("u")
    expect(page.locator("#peek .banner")).to_contain_text("Taken back.")
    assert row()["last_outcome"] == ""
    page.keyboard.press("z")
    page.keyboard.type("12312099")
    page.keyboard.press("Enter")
    expect(page.locator("#peek .banner")).to_contain_text("Put off until 2099-12-31.")
    expect(page.locator("#rows tr", has_text=worked)).to_have_count(0)
    page.locator("#peek [data-key=u]").focus()
    page.keyboard.press("u")
    expect(page.locator("#rows tr", has_text=worked)).to_have_count(1)
    appeal = page.locator("#peek button", has_text="Appeal, level 1")
    appeal.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#peek .title .chip")).to_have_text("appealed")
    page.keyboard.press("Escape")
    expect(page.locator("#peek")).to_be_hidden()


def test_every_page_and_deed_is_found_by_its_name_and_a_range_is_selected_with_the_keyboard_alone(
    system: System, people: Any
) -> None:
    page = people("denial-specialist").go("/denials")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    expect(page.locator(".bulk .n")).to_have_text("3")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    page.keyboard.type("nobody")
    expect(page.locator("#palette li[aria-selected=true]")).to_contain_text("Nobody's")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{system.url}/denials?owner=nobody")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#peek dl")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("put off until")
    page.keyboard.press("Enter")
    expect(page.locator("#peek [data-key=z]")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    page.keyboard.type(system.denied[0]["claim_id"])
    expect(page.locator("#palette li")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{system.url}/claims/{system.denied[0]['claim_id']}")


def test_a_key_of_a_page_goes_to_its_form(system: System, people: Any) -> None:
    [patient, *_] = system.client.get("/api/collections/worklist", limit=1)["items"]
    page = people("collector").go(f"/collections/{patient['patient_id']}")
    for key, field in (("c", "outcome_code"), ("p", "amount"), ("h", "hold")):
        page.keyboard.press(key)
        expect(page.locator(f"[name={field}][data-key={key}]")).to_be_focused()
        page.keyboard.press("Escape")


def test_who_comes_second_sees_what_the_first_did_and_sends_again_or_looks(system: System, people: Any) -> None:
    first, second = people("denial-specialist").page, people("manager").go("/denials")
    claim = system.deny_another()
    row = f"#rows tr:has-text('{claim['claim_id']}')"
    for page in (first, second):
        page.reload()
        page.locator(f"{row} td.num").first.click()
        expect(page.locator("#peek textarea")).to_be_visible()
    second.locator("#peek textarea").fill("Half a sentence")
    first.locator("#peek textarea").fill("First")
    first.locator("#peek button", has_text="Save the note").click()
    expect(first.locator("#peek .banner")).to_contain_text("Noted.")
    second.locator("#peek button", has_text="Save the note").click()
    expect(second.locator("#conflict")).to_be_visible()
    expect(second.locator("#conflict-words")).to_contain_text("denial noted by denial-specialist")
    second.locator("[data-do=look-again]").click()
    expect(second.locator("#conflict")).to_be_hidden()
    expect(second.locator("#peek dl")).to_contain_text("Last contact")
    assert second.locator("#peek textarea").input_value() == "Half a sentence"
    first.locator("#peek [data-key=u]").click()
    expect(first.locator("#peek .banner")).to_contain_text("Taken back.")
    second.locator("#peek button", has_text="Save the note").click()
    expect(second.locator("#conflict")).to_be_visible()
    second.locator("[data-do=send-again]").click()
    expect(second.locator("#peek .banner")).to_contain_text("Noted.")


def test_a_write_off_is_asked_for_by_one_and_decided_by_another(system: System, people: Any) -> None:
    claim = system.deny_another()
    owed = system.client.get(f"/api/payments/accounts/{claim['account_id']}")["account"]["owed_cents"]
    row = f"#rows tr:has-text('{claim['claim_id']}') td.num"
    page = people("denial-specialist").go("/denials")
    page.locator(row).first.click()
    page.fill("#peek form[hx-post$='/write-off'] [name=reason]", "past-the-limit")
    page.locator("#peek button", has_text=re.compile("^Write off$")).click()
    expect(page.locator("#peek .ask")).to_contain_text("Another person")
    manager = people("manager").go("/denials?to_approve=yes")
    manager.locator(row).first.click()
    expect(manager.locator("#peek .ask")).to_contain_text("denial-specialist asks to write off")
    manager.locator("#peek button", has_text="Write it off").click()
    expect(manager.locator("#peek .title .chip")).to_have_text("written off")
    left = owed - claim["charged_cents"]
    give_up = time.monotonic() + 30
    while system.client.get(f"/api/payments/accounts/{claim['account_id']}")["account"]["owed_cents"] != left:
        assert time.monotonic() < give_up, "the ledger did not follow the write-off"
        time.sleep(0.1)


def test_an_835_that_was_taken_in_before_leads_to_the_first(system: System, people: Any) -> None:
    page = people("poster").go("/remittances")
    content = an_835("CLP*NOSUCHCLAIM*4*10*0**12*X~CAS*CO*197*10~", "0")
    file = {"name": "payer.835", "mimeType": "application/octet-stream", "buffer": content}
    links = []
    for said in ("Accepted:", "Taken in before:"):
        page.set_input_files("[name=file]", [file])
        page.locator("button", has_text="Take in").click()
        expect(page.locator("#messages")).to_contain_text(said)
        links.append(page.locator("#messages a").get_attribute("href"))
        page.reload()
    assert links[0] == links[1]


def test_what_the_service_refuses_is_told_and_what_was_typed_stays(system: System, people: Any) -> None:
    first, second = people("denial-specialist").page, people("manager")
    other = second.go("/denials")
    row = other.locator("#rows tr").last
    denial = row.get_attribute("id")
    row.locator("td.num").first.click()
    expect(other.locator("#peek textarea")).to_be_visible()
    other.locator("#peek textarea").fill("Half a sentence")
    first.locator(f"#{denial} td.num").first.click()
    first.locator("#peek select[name=outcome]").last.select_option("not-workable")
    first.locator("#peek button", has_text=re.compile("^Resolve$")).click()
    expect(first.locator("#toast")).to_contain_text("Resolved.")
    other.locator("#peek button", has_text="Save the note").click()
    expect(other.locator("#conflict-words")).to_contain_text("denial resolved by denial-specialist")
    other.locator("[data-do=send-again]").click()
    expect(other.locator("#messages")).to_contain_text("Refused")
    assert other.locator("#peek textarea").input_value() == "Half a sentence"


def test_the_money_of_a_claim_as_of_an_event_is_the_sum_of_its_postings_so_far(system: System, people: Any) -> None:
    paid = next(
        claim
        for claim in system.client.get("/api/claims/claims", status="closed", limit=100)["items"]
        if claim["paid_cents"]
    )
    account = system.client.get(f"/api/payments/accounts/{paid['account_id']}")
    page = people("biller").go(f"/claims/{paid['claim_id']}?v=1")
    expect(page.locator(".chip", has_text="hash chain verified")).to_be_visible()
    last = int(page.locator("#as-of").get_attribute("max") or "0")
    seen = []
    for at in range(1, last + 1):
        expect(page.locator("#state h2").first).to_contain_text(f"As of event {at} of {last}")
        seen.append(cents(page.locator("#state .card-value").first.inner_text()))
        assert page.locator(".timeline li.future").count() == last - at
        page.keyboard.press("]")
    changes = [
        cents(page.locator(f"#e{at} .cents").text_content()) if page.locator(f"#e{at} .cents").count() else 0
        for at in range(1, last + 1)
    ]
    assert seen == [sum(changes[:at]) for at in range(1, last + 1)]
    assert seen[-1] == account["account"]["owed_cents"]
    total = page.locator("#money tfoot td")
    assert cents(total.nth(0).inner_text()) == account["account"]["charged_cents"]
    assert f"?v={last}" in page.url


def test_every_figure_of_the_aging_is_the_sum_of_the_list_that_it_opens(system: System, people: Any) -> None:
    person = people("manager")
    checked = 0
    for basis in ("responsibility", "service", "bill"):
        page = person.go(f"/receivables?basis={basis}")
        links = page.locator("#aging tbody a")
        figures = [
            (links.nth(at).get_attribute("href"), cents(links.nth(at).inner_text())) for at in range(links.count())
        ]
        total = cents(page.locator("#aging tfoot td").last.inner_text())
        assert sum(figure for _, figure in figures) == total
        bars = page.locator(".chart a")
        clicked = {bars.nth(at).get_attribute("href") for at in range(bars.count())}
        assert clicked and clicked <= {href for href, _ in figures}
        for href, figure in figures:
            opened = person.go(href)
            rows = opened.locator("main table tbody td:last-child")
            assert sum(cents(text) for text in rows.all_inner_texts()) == figure
            checked += 1
    assert checked >= 3


def test_a_balance_opens_into_the_events_that_make_it(system: System, people: Any) -> None:
    account = system.denied[0]["account_id"]
    page = people("biller").go(f"/accounts/{account}")
    figure = page.locator("#parties tbody a").first
    owed = cents(figure.inner_text())
    figure.click()
    amounts = [cents(text) for text in page.locator("#postings tbody td.num:nth-last-child(2)").all_inner_texts()]
    assert amounts and sum(amounts) == owed
    assert cents(page.locator("#postings tbody td.num:last-child").last.inner_text()) == owed


def test_a_held_remittance_shows_what_it_is_short_of_and_can_be_dismissed(system: System, people: Any) -> None:
    page = people("poster").go(f"/remittances/{system.held_remittance_id}")
    expect(page.locator("#proof .card", has_text="Difference")).to_contain_text("$10.00")
    [remittance] = [
        each
        for each in system.client.get("/api/payments/remittances", status="held", limit=100)["items"]
        if each["remittance_id"] == system.held_remittance_id
    ]
    for finding in remittance["findings"]:
        expect(page.locator("main")).to_contain_text(in_dollars(finding["message"]))
    page.fill("form[hx-post$='/dismiss'] [name=reason]", "payer-sent-another")
    page.click("form[hx-post$='/dismiss'] button")
    expect(page.locator(".title .chip")).to_have_text("dismissed")


def test_news_is_announced_and_moves_no_row_until_it_is_asked_for(system: System, people: Any) -> None:
    page = people("manager").go("/claims")
    expect(page.locator("#live")).to_contain_text("live · event")
    rows = page.locator("#rows tr").all_inner_texts()
    claim = system.client.get("/api/claims/claims", status="accepted", limit=1)["items"][0]
    system.deny(claim)
    expect(page.locator("#news button")).to_be_visible()
    assert page.locator("#rows tr").all_inner_texts() == rows
    page.click("#news button")
    expect(page.locator("#rows tr", has_text=claim["claim_id"])).to_contain_text("adjudicated")


def test_the_log_grows_before_the_eyes_and_doubles_nothing(system: System, people: Any) -> None:
    page = people("manager").go("/system/events?service=payments&types=payments.RemittanceHeld.v1")
    expect(page.locator("#live")).to_contain_text("live · event")
    before = page.locator("#tail tr").count()
    for more in (1, 2):
        body = f"CLP*{system.denied[0]['claim_id']}*1*100*80**12*X~CAS*CO*45*20~"
        system.send_835(an_835(body, "90"))
        expect(page.locator("#tail tr")).to_have_count(before + more)
    positions = page.locator("#tail tr td:first-child").all_inner_texts()
    assert len(set(positions)) == len(positions)


def test_a_stream_that_was_closed_goes_on_where_it_was_and_loses_and_doubles_nothing(
    system: System, people: Any
) -> None:
    page = people("manager").go("/system/events?service=payments&types=payments.RemittanceHeld.v1")
    body = f"CLP*{system.denied[0]['claim_id']}*1*100*80**12*X~CAS*CO*45*20~"
    hide = "is => {Object.defineProperty(document, 'hidden', {get: () => is, configurable: true});document.dispatchEvent(new Event('visibilitychange'));}"
    expect(page.locator("#live")).to_contain_text("live · event")
    before = page.locator("#tail tr").count()
    system.send_835(an_835(body, "90"))
    expect(page.locator("#tail tr")).to_have_count(before + 1)
    page.evaluate(hide, True)
    system.send_835(an_835(body, "90"))
    page.evaluate(hide, False)
    expect(page.locator("#tail tr")).to_have_count(before + 2)
    system.send_835(an_835(body, "90"))  # with it comes whatever would be doubled
    expect(page.locator("#tail tr")).to_have_count(before + 3)
    positions = page.locator("#tail tr td:first-child").all_inner_texts()
    assert len(set(positions)) == len(positions) == before + 3


def test_a_stream_that_broke_is_resumed_by_the_last_id_that_was_heard(system: System, people: Any) -> None:
    person = people("manager")
    path = "/system/events/tail?service=payments&types=payments.RemittanceHeld.v1"
    body = f"CLP*{system.denied[0]['claim_id']}*1*100*80**12*X~CAS*CO*45*20~"

    def positions(heard: list[Heard]) -> list[str]:
        rows = "".join(each.data for each in heard if each.event == "rows")
        return re.findall(r"<tr[^>]*><td[^>]*>([^<]+)<", rows)

    heard = person.heard(path)
    seen = positions(heard)
    assert seen and len(set(seen)) == len(seen)
    for _ in range(2):
        [received] = system.send_835(an_835(body, "90"))
        assert received["outcome"] == "held"
    missed = person.heard(path, heard[-1].id)
    assert len(positions(missed)) == 2
    assert set(positions(missed)) & set(seen) == set()
    assert positions(person.heard(path, missed[-1].id)) == []
    assert positions(person.heard(path, heard[-1].id)) == positions(missed)
    news = "/live?services=payments"
    [pulse] = person.heard(news)
    assert [each.event for each in person.heard(news, pulse.id)] == ["pulse"]
    system.send_835(an_835(body, "90"))
    assert [each.event for each in person.heard(news, pulse.id)] == ["moved", "pulse"]


def test_every_count_of_a_view_is_the_number_of_rows_that_it_opens(system: System, people: Any) -> None:
    person = people("manager")
    checked = 0
    for start in ("/claims", "/denials"):
        views = person.go(start).locator("[data-views] a:has(.n)")
        counted = [
            (views.nth(at).get_attribute("href"), views.nth(at).locator(".n").inner_text())
            for at in range(views.count())
        ]
        for href, told in counted:
            page = person.go(href)
            rows = page.locator("#rows tr[data-row]")
            cards = page.locator(".cards .card-value").all_inner_texts()
            assert (str(rows.count()), cards[0]) == (told, told), href
            heads = page.locator("thead th").all_inner_texts() if rows.count() else ["Charged", "Denied"]
            money = rows.evaluate_all(
                "(rows, at) => rows.map(row => row.children[at].textContent)",
                heads.index("Charged" if start == "/claims" else "Denied"),
            )
            assert sum(map(cents, money)) == cents(cards[1]), href
            checked += 1
    assert checked > 8


def test_a_stopped_projection_is_told_as_behind_and_heals(system: System, people: Any) -> None:
    claim = system.deny_another()
    page = people("manager").go("/denials")
    row = page.locator("#rows tr", has_text=claim["claim_id"])
    expect(row).to_have_count(1)
    with system.stopped("claims", "claims.denials"):
        row.locator("td.num").first.click()
        page.locator("#peek textarea").fill("Nobody sees this yet")
        page.locator("#peek button", has_text="Save the note").click()
        expect(page.locator("#peek .banner")).to_contain_text("The list shows it in a moment.")
        expect(page.locator("#live")).to_contain_text("behind")
        page.reload()
        expect(page.locator("main .asof .chip")).to_have_text("behind")
        expect(row).to_have_count(1)
    expect(page.locator("#live")).to_contain_text("live · event")
    page.reload()
    expect(page.locator("main .asof")).not_to_contain_text("behind")
    found = system.client.get("/api/claims/denials", claim_id=claim["claim_id"])["items"]
    assert [each["last_outcome"] for each in found] == ["other"]


def test_no_name_of_a_patient_is_in_an_address_a_log_a_metric_or_a_stream(system: System, people: Any) -> None:
    person = people("admin")
    addresses: list[str] = []
    person.page.on("request", lambda request: addresses.append(request.url))
    for path in paths(system).values():
        person.go(path)
    listed = system.client.get("/api/claims/claims", limit=100)["items"]
    names = set()
    for patient_id in sorted({claim["patient_id"] for claim in listed})[:5]:
        shown = system.client.get(f"/api/eligibility/patients/{patient_id}", purpose="billing")["person"]
        names |= {shown["last"].lower(), shown["first"].lower()}
    names -= set(
        re.findall(r"[a-z]+", "".join(page.read_text() for page in REFERENCE.glob("*.md")).lower())
    )  # Price is one
    assert len(names) >= 5
    told = "\n".join(addresses)
    told += "".join(path.read_text(errors="replace") for path in (system.home / "logs").glob("*.log"))
    told += "".join(person.page.request.get(f"{system.url}/api/{service}/metrics").text() for service in SERVICES)
    streams = [f"/system/events/tail?service={service}" for service in SERVICES] + [
        f"/live?services={','.join(SERVICES)}"
    ]
    told += "".join(each.data for stream in streams for each in person.heard(stream))
    words = set(re.findall(r"(?<![0-9a-z])[a-z]+(?![0-9a-z])", told.lower()))  # a part of an id is no word
    assert {"claims", "system"} <= words
    assert names & words == set()


def test_a_locked_page_keeps_what_was_typed(system: System, people: Any) -> None:
    person = people("denial-specialist")
    page = person.go("/denials")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.locator("#peek textarea").fill("Not saved yet")
    page.locator("details.user summary").click()
    page.locator("[data-do=lock]").click()
    expect(page.locator("#lock")).to_be_visible()
    page.fill("#lock [name=password]", "not the password")
    page.click("#lock button")
    expect(page.locator("#lock-message")).to_contain_text("not the password")
    page.fill("#lock [name=password]", system.password("denial-specialist"))
    page.click("#lock button")
    expect(page.locator("#lock")).to_be_hidden()
    assert page.locator("#peek textarea").input_value() == "Not saved yet"


def test_an_opened_name_is_on_the_record_and_in_no_address_and_no_log(system: System, people: Any) -> None:
    claim = system.denied[1]
    person = people("biller")
    page = person.go(f"/claims/{claim['claim_id']}")
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.locator("button", has_text="Open name").click()
    expect(page.locator(".name strong")).to_be_visible()
    last_name = page.locator(".name strong").inner_text().split(",")[0]
    openings = system.client.get("/openings", subject=claim["patient_id"], actor="user:biller")["items"]
    assert "billing" in {opening["purpose"] for opening in openings}
    assert addresses and not any(last_name.lower() in address.lower() for address in addresses)
    logs = "".join(path.read_text(errors="replace") for path in (system.home / "logs").glob("*.log"))
    assert f'"{last_name.lower()}' not in logs.lower()


def test_a_search_leads_to_the_claim_and_leaves_no_trace_in_the_address(system: System, people: Any) -> None:
    claim_id = system.denied[2]["claim_id"]
    page = people("biller").go("/claims")
    page.keyboard.press("/")
    page.keyboard.type(claim_id.lower())
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{system.url}/claims/{claim_id}")
    page.keyboard.press("/")
    page.keyboard.type("NOBODY HAS THIS")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Nothing has this number.")
    assert page.url == f"{system.url}/search"


def test_an_export_has_the_rows_of_the_list(system: System, people: Any) -> None:
    page = people("manager").go("/claims?view=all")
    with page.expect_download() as download:
        page.locator("a", has_text="CSV").click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    count = sum(each["claims"] for each in system.client.get("/api/claims/claims/summary")["items"])
    assert len(lines) == count + 1
    assert lines[0].startswith("claim,account,patient,service_on")


def test_a_statement_opens_as_a_pdf(system: System, people: Any) -> None:
    statement = system.client.get("/api/collections/statements", limit=1)["items"][0]
    person = people("collector")
    answer = person.page.request.get(f"{system.url}/collections/statements/{statement['statement_id']}")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.body().startswith(b"%PDF-")
