"""Does the command line do what the README says, on a machine of its own?"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest

from deploy.client import Client
from deploy.demo import messages
from deploy.demo.population import invent
from deploy.state import load
from services.dashboard.main import PAGES
from shared.runtime.evidence.account import PROGRAM
from shared.runtime.identity.directory import Directory, is_password
from tests.e2e.machine import CommandLine, free_block

PRACTICE = "deploy/practices/river-clinic.yaml"


@pytest.fixture(scope="module")
def ledgerline() -> Iterator[CommandLine]:
    home = Path(tempfile.mkdtemp(prefix="ledgerline-cli-"))
    home.chmod(0o755)
    made = CommandLine(home, free_block())
    try:
        made.run("up", "--port", str(made.port))
        yield made
    finally:
        made.run("down")
        shutil.rmtree(home)


def a_charge_message(folder: Path, number: bytes = b"", other: bytes = b"") -> Path:
    """A visit's charges; with another number it is another visit."""
    visit = invent(patients=1, first_day=date(2026, 6, 1), days=5, seed=1).visits[0]
    message = messages.charges(visit, datetime(2026, 6, 5, 12, 0, tzinfo=UTC))
    file = folder / "charge.hl7"
    file.write_bytes(message.replace(number, other))
    return file


@pytest.mark.timeout(600)
def test_a_second_up_says_that_it_is_running(ledgerline: CommandLine) -> None:
    assert "running already" in ledgerline.run("up")


@pytest.mark.timeout(600)
def test_a_second_demo_says_that_the_practice_was_played_and_where_it_is() -> None:
    home = Path(tempfile.mkdtemp(prefix="ledgerline-cli-"))
    home.chmod(0o755)
    line = CommandLine(home, free_block())
    try:
        first = line.run("demo", "--patients", "2", "--days", "1", "--port", str(line.port))
        assert "What happened" in first
        line.run("down")
        second = line.run("demo", "--patients", "2", "--days", "1")
        assert f"played here already, until {datetime.now(UTC):%Y-%m-%d}" in second
        assert f"http://127.0.0.1:{line.port}/" in second
    finally:
        line.run("down")
        shutil.rmtree(home)


@pytest.mark.timeout(600)
def test_a_state_keeps_its_feed_and_says_what_to_do(ledgerline: CommandLine) -> None:
    said = ledgerline.run("up", "--feed", "kafka", code=1)
    assert "--feed postgres" in said
    assert "rebuild --all" in said


@pytest.mark.timeout(600)
def test_a_port_that_somebody_else_listens_on_is_named(tmp_path: Path) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        said = CommandLine(tmp_path, port).run("up", "--port", str(port), code=1)
    assert f"port {port} is in use" in said


@pytest.mark.timeout(600)
def test_a_number_of_brokers_that_cannot_be_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    said = CommandLine(tmp_path, 0).run("up", "--feed", "kafka", "--brokers", "2", code=1)
    assert "1 or 3 brokers, not 2" in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(600)
def test_a_state_of_a_newer_version_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps({"format": 999}))
    assert "newer Ledgerline (format 999" in CommandLine(tmp_path, 0).run("up", code=1)


@pytest.mark.timeout(600)
def test_a_message_for_an_unknown_provider_is_held_and_released_after_set_up(
    ledgerline: CommandLine, tmp_path: Path
) -> None:
    [line] = [json.loads(line) for line in ledgerline.run("intake", str(a_charge_message(tmp_path))).splitlines()]
    assert line["outcome"] in ("accepted", "held")
    assert line["file"] == "charge.hl7"
    assert "12 items set up" in ledgerline.run("setup", PRACTICE)
    assert json.loads(ledgerline.run("verify", "--json"))["ok"] is True
    balances = json.loads(ledgerline.run("balances", "--json"))
    assert balances["total_cents"] > 0
    assert balances["total_cents"] == sum(balances["parties"].values())


@pytest.mark.timeout(600)
def test_everything_about_an_account_is_one_file_that_proves_itself_offline(
    ledgerline: CommandLine, tmp_path: Path
) -> None:
    state = load(ledgerline.home)
    assert state is not None
    with Client(ledgerline.home, state) as client:
        account = client.get("/api/payments/accounts", limit=1)["items"][0]["account_id"]
    file = tmp_path / "account.zip"
    said = ledgerline.run("evidence", account, "-o", str(file))
    assert f"account {account} of demo" in said
    fingerprint = said.strip().rpartition(" ")[2]
    alone = [sys.executable, "-I", str(PROGRAM), str(file), "--key", fingerprint]
    assert subprocess.run(alone, capture_output=True, text=True, check=True).stdout.startswith("PROVEN")
    assert file.stat().st_mode & 0o777 == 0o600
    assert "there already" in ledgerline.run("evidence", account, "-o", str(file), code=1)
    assert "no service has recorded" in ledgerline.run("evidence", "0" * 16, "-o", str(tmp_path / "none.zip"), code=1)
    assert "malformed" in ledgerline.run("evidence", "nobody", "-o", str(tmp_path / "none.zip"), code=1)
    opened = ledgerline.run("evidence", account, "-o", str(tmp_path / "opened.zip"), "--open", "audit")
    assert "personal values are shown in clear, as the service says for audit" in opened
    assert json.loads(ledgerline.run("verify", "--json"))["ok"] is True


@pytest.mark.timeout(600)
def test_keys_are_replaced_while_it_runs(ledgerline: CommandLine) -> None:
    """The restart of the next test then has the new root key only."""
    before = json.loads(ledgerline.run("keys", "show"))
    assert "is in front now" in ledgerline.run("keys", "rotate-root")
    assert f"demo has key {before['version'] + 1}" in ledgerline.run("keys", "rotate-tenant", "demo")
    after = json.loads(ledgerline.run("keys", "show", "demo"))
    left = {name: after[name] for name in ("other_roots", "subjects", "documents")}
    assert (left, after["version"]) == ({"other_roots": 0, "subjects": 0, "documents": 0}, before["version"] + 1)
    assert after["root"] != before["root"]
    assert "ten minutes" in ledgerline.run("keys", "retire", "demo", code=1)
    assert "1 older root keys are gone" in ledgerline.run("keys", "drop-roots")
    assert json.loads(ledgerline.run("verify", "--json"))["ok"] is True


@pytest.mark.timeout(600)
def test_what_was_taken_in_survives_a_restart(ledgerline: CommandLine) -> None:
    before = json.loads(ledgerline.run("balances", "--json"))["parties"]
    assert "stopped" in ledgerline.run("down")
    ledgerline.run("up")
    assert json.loads(ledgerline.run("balances", "--json"))["parties"] == before


@pytest.mark.timeout(600)
def test_every_read_model_rebuilt_equals_the_live_one(ledgerline: CommandLine) -> None:
    lines = [json.loads(line) for line in ledgerline.run("rebuild", "--all").splitlines() if line.startswith("{")]
    assert len(lines) >= 20
    assert {line["differences"] for line in lines} == {0}


@pytest.mark.timeout(600)
def test_a_file_that_is_nothing_we_know_is_refused_with_exit_code_1(ledgerline: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("Dear doctor")
    [line] = [json.loads(line) for line in ledgerline.run("intake", str(file), code=1).splitlines()]
    assert line["outcome"] == "refused"
    assert line["findings"][0]["rule"]


@pytest.mark.timeout(600)
def test_a_truncated_message_is_refused_and_the_one_beside_it_is_taken(ledgerline: CommandLine, tmp_path: Path) -> None:
    whole = a_charge_message(tmp_path).read_bytes()
    both = tmp_path / "both.hl7"
    both.write_bytes(whole[:30] + b"\r" + whole.replace(b"DV000001", b"DV900001"))
    lines = [json.loads(line) for line in ledgerline.run("intake", str(both), code=1).splitlines()]
    assert sorted(line["outcome"] for line in lines) == ["accepted", "refused"]


@pytest.mark.timeout(600)
def test_a_token_of_nobody_is_refused(ledgerline: CommandLine) -> None:
    stranger = CommandLine(ledgerline.home, ledgerline.port, {"LEDGERLINE_TOKEN": "e30.e30.e30"})
    assert "invalid-token" in stranger.run("balances", code=1)


def test_every_page_of_the_dashboard_is_served_to_somebody_who_logged_in(ledgerline: CommandLine) -> None:
    """The pages without an id in their path, as the roles that see most of them; each speaks to the running services."""
    [login] = [login for login in Directory(ledgerline.home).demo_logins() if login.user == "admin"]
    paths = [page.path for page in PAGES if page.method == "GET" and "{" not in page.path and not page.is_background]
    with httpx.Client(base_url=f"http://127.0.0.1:{ledgerline.port}", timeout=60) as browser:
        assert browser.get("/claims").headers["location"] == "/login?next=%2Fclaims"
        answer = browser.post("/login", data={"user": login.user, "password": login.password})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        served = {path: browser.get(path).status_code for path in paths if path != "/"}
        assert {path: status for path, status in served.items() if status != 200} == {}
        assert "<h1>Accounts receivable</h1>" in browser.get("/receivables?basis=bill&as_of=2026-01-31").text
        assert browser.get("/receivables/export").text.startswith("\ufeffaccount,party,age")
        # What is not a page is still the front door's own.
        assert browser.get("/openings").headers["content-type"] == "application/problem+json"


def test_tenants_and_users_are_added_once_however_often_it_is_said(tmp_path: Path) -> None:
    ledgerline = CommandLine(tmp_path, 0, {"LEDGERLINE_USER_PASSWORD": "a long one indeed"})
    assert "tenant north added" in ledgerline.run("tenant", "add", "north")
    assert "is there already" in ledgerline.run("tenant", "add", "north")
    assert "lower case letters" in ledgerline.run("tenant", "add", "North Clinic", code=1)
    assert "added to north" in ledgerline.run("user", "add", "anna", "north", "--role", "biller", "--role", "coder")
    assert "roles and password set" in ledgerline.run("user", "add", "anna", "north", "--role", "manager")
    anna = Directory(tmp_path).content().users["anna"]
    assert anna.tenants == {"north": ["manager"]}
    assert is_password("a long one indeed", anna.password_hash)
    assert "no such tenant" in ledgerline.run("user", "add", "ben", "south", "--role", "biller", code=1)
    assert "a role is one of" in ledgerline.run("user", "add", "ben", "north", "--role", "king", code=1)
    short = CommandLine(tmp_path, 0, {"LEDGERLINE_USER_PASSWORD": "short"})
    assert "12 characters" in short.run("user", "add", "ben", "north", "--role", "biller", code=1)
    assert list(Directory(tmp_path).content().users) == ["anna"]


def test_x12_check_needs_no_system_and_names_the_rule(tmp_path: Path) -> None:
    [line] = CommandLine(tmp_path, 0).run("x12", "check", "README.md", code=2).splitlines()
    found = json.loads(line)
    assert found["ok"] is False
    assert found["findings"][0]["rule"] == "an-interchange-starts-with-isa" or len(found["findings"]) > 1
