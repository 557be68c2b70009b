"""Does it matter in which order partners and payers speak, how often, and which process is killed meanwhile, on a real system?

`tests/golden/test_any_order.py` with real processes, files and SIGKILL: one tenant hears every message once and in the usual order; another one,
with the same visits, hears each one to five times in any order among those on their way, as files over SFTP or over HTTP, while
processes are killed. What a person would call the result is the same. The clearinghouse is the sandbox, which takes the 837s in;
what is said about them is said by `tests.golden.outside` in place of the sandbox's own payers.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import uuid4

import httpx
import pytest

from deploy.cli import verification
from deploy.client import Client, NotRunning, Refused
from deploy.practice import read_practice
from deploy.sandbox.clearinghouse import ARCHIVE, SENT_BY_US, SENT_TO_US
from deploy.state import CHECKOUT, State
from shared.codecs.x12.envelope import sniff
from shared.kernel.identifiers import account_id_of
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.runtime.settings import Settings
from tests.e2e.machine import harm_one, started, victims
from tests.golden.claim_story import PARTNERS, US
from tests.golden.outside import FATES, Fate, Message, Outside
from tests.golden.said import CLINIC

IS_LONG = bool(os.environ.get("LEDGERLINE_TEST_LONG"))
SEED = int(os.environ.get("LEDGERLINE_E2E_SEED", "20261123"))
VISITS, KILLS_A_ROUND = (36, 20) if IS_LONG else (6, 3)
MORNING = datetime(2026, 4, 15, 9, tzinfo=UTC)
CALM, STORM = "calm", "storm"
_COPIES_MAX, _LANES = 5, 3
_COURIER = "brought"  # where the edge finds a partner's files: the sandbox's own words stay unread
_PATIENCE_SECONDS = 240.0
_RESULTS = (
    "status is_open close_reason hold_reason next_action owner waiting_for frequency version paid_cents"
    " patient_responsibility_cents denied_cents payer_control_number next_claim_id"
)
_PERSON = {
    "last": "PATIENT",
    "first": "PAT",
    "birth_on": "1980-05-17",
    "sex": "F",
    "address": {"line_1": "4 PINE RD", "city": "HARTFORD", "state": "CT", "postal_code": "06101"},
}
_PAYERS = {"harbor-health": ("HARBOR HEALTH", "11001", "metro"), "coast-mutual": ("COAST MUTUAL", "22002", "coast")}

T = TypeVar("T")


class Clinic:
    """One tenant with its visits, and what becomes of them."""

    def __init__(self, home: Path, state: State, tenant: str, fates: Sequence[Fate]) -> None:
        self.home = home
        self.state = state
        self.tenant = tenant
        self.fates = {f"visit-{number}": fate for number, fate in enumerate(fates, start=1)}
        self.outside = Outside({account_id_of(visit): fate for visit, fate in self.fates.items()})
        self.client = Client(home, state, tenant=tenant)
        self.said: list[tuple[str, Message]] = []  # by the partner who said it
        self._answered: set[tuple[str, str]] = set()
        settings = Settings(mode="embedded", home=home, http_port=state.port)
        token = local_token(settings, [Role.ADMIN], tenant)
        headers = {
            "Authorization": f"Bearer {token}",
            "X-Ledgerline-Tenant": tenant,
            "Content-Type": "application/edi-x12",
        }
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{state.port}", headers=headers, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self.client.__exit__()

    def folder(self, partner_id: str, name: str) -> Path:
        return self.home / "sandbox" / "partners" / f"{self.tenant}-{partner_id}" / name

    # --- what happens ---

    def play(self) -> dict[Any, Any]:
        self.set_up()
        self.charge()
        self.rounds()
        rejected = [row["claim_id"] for row in self.every("/api/claims/claims") if row["status"] == "rejected"]
        for claim_id in rejected:
            self.post(f"/api/claims/claims/{claim_id}/release", None)
        self.rounds()
        return self.results()

    def set_up(self) -> None:
        practice = (CHECKOUT / "deploy" / "practices" / "river-clinic.yaml").read_text()
        for request in read_practice(practice.replace("1000000004", CLINIC.npi)):
            patiently(lambda request=request: self.client.put(request.path, request.body, key=request.idempotency_key))
        for partner_id, name in PARTNERS.items():
            listing = {"name": f"{name} CLEARING", "transport": "sftp", "sender_id": US, "receiver_id": name}
            self.put(f"/api/claims/partners/{partner_id}", {**listing, "claims_per_set_max": 1})
        for payer_id, (name, electronic_id, partner_id) in _PAYERS.items():
            listing = {"name": name, "electronic_id": electronic_id, "partner_id": partner_id}
            self.put(f"/api/eligibility/payers/{payer_id}", listing)
        self.settle()

    def charge(self) -> None:
        for visit, fate in self.fates.items():
            patient = f"patient-of-{visit}"
            person = {"patient_id": patient, "medical_record_number": f"MRN-{visit}", "person": _PERSON}
            self.post("/api/eligibility/patients", person)
            payers = list(_PAYERS)[: 2 if fate in ("next payer", "forwarded") else 1]
            for rank, payer_id in enumerate(payers, start=1):
                coverage = {"coverage_id": f"{visit}-{rank}", "payer_reference": payer_id, "rank": rank}
                coverage |= {"member_number": f"MEMBER{rank}", "effective_on": "2020-01-01"}
                self.post(f"/api/eligibility/patients/{patient}/coverages", coverage)
        for visit in self.fates:
            charge = {
                "charge_id": f"{visit}-1",
                "source_key": f"EHR|{visit}-1",
                "service_on": "2026-03-02",
                "code": "99213",
                "charged_cents": 100_00,
                "diagnoses": ["J069"],
                "rendering_reference": "ADAMS1",
            }
            body = {"patient_id": f"patient-of-{visit}", "charges": [charge]}
            self.post(f"/api/charges/encounters/{visit}/charges", body)

    def rounds(self) -> None:
        """Until no file is left that nobody answered."""
        self.settle()
        while news := list(self._news()):
            self.hear(sorted(news, key=lambda told: told[1].stage))
            self.said += news
            self.settle()

    def _news(self) -> Iterator[tuple[str, Message]]:
        for partner_id in PARTNERS:
            for file in sorted(self.folder(partner_id, ARCHIVE).iterdir()):
                if (partner_id, file.name) not in self._answered:
                    self._answered.add((partner_id, file.name))
                    for message in self.outside.answers(partner_id, file.read_bytes()):
                        yield partner_id, message

    def hear(self, news: Sequence[tuple[str, Message]]) -> None:
        for stage, told in groupby(news, key=lambda each: each[1].stage):
            for number, (partner_id, message) in enumerate(told):
                self.leave(partner_id, f"{len(self.said):04d}-{stage}-{number:04d}", message)
            self.settle()

    def leave(self, partner_id: str, name: str, message: Message) -> None:
        """As a file in the partner's folder, which the edge picks up over SFTP."""
        file = self.folder(partner_id, _COURIER) / f"{name}.{sniff(message.content)}"
        fresh = file.with_name(f".{file.name}")
        fresh.write_bytes(message.content)
        fresh.replace(file)

    def hand_over(self, message: Message) -> None:
        """To the service itself, until it answers: it hears the same bytes under another key."""
        path = "payments/remittances" if sniff(message.content) == "835" else "claims/acknowledgements"
        headers = {"Idempotency-Key": uuid4().hex}

        def once() -> None:
            try:
                answer = self._http.post(f"/api/{path}", content=message.content, headers=headers)
            except httpx.TransportError as broken:
                raise NotRunning(str(broken)) from None
            if not answer.is_success:
                raise Refused(answer)

        patiently(once)

    def settle(self) -> None:
        """Until every service, the edge and the sandbox are at rest, and every file was picked up."""
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while busy := [*self._unread(), *patiently(lambda: self.client.get("/quiet"))["busy"]]:
            assert time.monotonic() < give_up, f"still going on: {busy}"
            time.sleep(0.05)

    def _unread(self) -> list[str]:
        folders = [self.folder(partner_id, _COURIER) for partner_id in PARTNERS]
        return [file.name for folder in folders for file in folder.iterdir() if file.is_file()]

    def post(self, path: str, body: Any) -> Any:
        key = uuid4().hex
        return patiently(lambda: self.client.post(path, body, key=key))

    def put(self, path: str, body: Mapping[str, Any]) -> None:
        key = uuid4().hex
        patiently(lambda: self.client.put(path, body, key=key))

    # --- what is found ---

    def every(self, path: str, **filters: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get(path, limit=200, **filters)["items"]
        return found

    def results(self) -> dict[Any, Any]:
        """What nobody may find different. Numbers of batches, and which of two days was set, are not among it."""
        found: dict[Any, Any] = {}
        for row in self.every("/api/claims/claims"):
            found["claim", row["claim_id"]] = {name: row[name] for name in _RESULTS.split()}
            assert self.outside.sent[row["claim_id"]] == row["version"], f"{row['claim_id']} left twice in a version"
        for row in self.every("/api/claims/denials", with_closed=True):
            about = ("denial", row["claim_id"], row["reason"])
            found[about] = {name: row[name] for name in ("denied_cents", "status", "is_open", "next_action")}
        for row in self.every("/api/claims/requests"):
            found["request", row["claim_id"]] = row["request_is_overdue"]
        for row in self.every("/api/payments/accounts"):
            account = self.client.get(f"/api/payments/accounts/{row['account_id']}")
            owed = {each["party"]: each["owed_cents"] for each in account["parties"] if each["owed_cents"]}
            figures = {name: cents for name, cents in account["account"].items() if name.endswith("_cents")}
            found["account", row["account_id"]] = (owed, figures)
        found["ledger",] = self.client.get("/api/payments/trial-balance")["accounts"]
        found["held", "acknowledgements"] = len(self.every("/api/claims/acknowledgements/held"))
        found["held", "remittances"] = len(self.every("/api/payments/queues/held"))
        found["held", "at the edge"] = len(self.every("/intake/messages"))
        return found

    def refusals(self) -> list[str]:
        """Files that the sandbox did not accept whole: a number that was used before, or an 837 with a fault."""
        words = [file.read_text() for partner_id in PARTNERS for file in self.folder(partner_id, SENT_BY_US).iterdir()]
        assert len(words) >= 2 * len(self._answered), "each file has a TA1 and a 999"
        return [word for word in words if ("*TA1*" in word and "*A*000~" not in word) or "IK5*R" in word]


class Storm(Clinic):
    """The same, while everything comes again and again, and somebody is always killed."""

    def __init__(self, home: Path, state: State, fates: Sequence[Fate], dice: random.Random) -> None:
        super().__init__(home, state, STORM, fates)
        self.dice = dice
        self.killed: list[str] = []
        self.copies = 0
        self._turns: list[str] = []

    def charge(self) -> None:
        """Claims leave under fire."""
        self._under_fire([super().charge])

    def hear(self, news: Sequence[tuple[str, Message]]) -> None:
        late = self.dice.sample(self.said, k=len(self.said) // 2)
        copies = [each for each in (*news, *late) for _ in range(self.dice.randint(1, _COPIES_MAX))]
        self.dice.shuffle(copies)
        self.copies += len(copies)
        for start in range(0, len(copies), wave := -(-len(copies) // KILLS_A_ROUND)):
            self._under_fire(self._lanes(copies[start : start + wave]))

    def _lanes(self, copies: Sequence[tuple[str, Message]]) -> list[Callable[[], None]]:
        """Some bring files, some ask the services, all at the same time."""
        told = [(*copy, self.dice.random() < 0.5, self.dice.random() * 0.3) for copy in copies]
        return [lambda lane=lane: self._bring_all(told[lane::_LANES]) for lane in range(_LANES)]

    def _bring_all(self, told: Sequence[tuple[str, Message, bool, float]]) -> None:
        for partner_id, message, is_file, pause_seconds in told:
            time.sleep(pause_seconds)
            if is_file:
                self.leave(partner_id, uuid4().hex, message)
            else:
                self.hand_over(message)

    def _under_fire(self, work: Sequence[Callable[[], None]]) -> None:
        """Do this, and kill a process meanwhile; it is back before anything else is done."""
        pause_seconds = self.dice.random()
        with ThreadPoolExecutor(len(work)) as lanes:
            done = [lanes.submit(each) for each in work]
            time.sleep(pause_seconds)
            running = victims(self.home)
            name = self._next_victim(running)
            with Client(self.home, self.state, timeout_seconds=5.0) as client:
                print(harm_one(self.home, client, name, running[name], 0.0), flush=True)
            self.killed.append(name)
            for each in done:
                each.result()

    def _next_victim(self, running: Mapping[str, int]) -> str:
        """Each in its turn, so that none is spared."""
        if not self._turns:
            self._turns = self.dice.sample(sorted(running), k=len(running))
        return self._turns.pop()


def patiently(ask: Callable[[], T]) -> T:
    """Ask until it is answered: a process that was killed is being started again, or another writer was quicker."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except NotRunning:
            assert time.monotonic() < give_up, "nothing answers"
        except Refused as refused:
            if refused.status < 500 and refused.code not in ("conflict", "too-busy"):
                raise
            assert time.monotonic() < give_up, str(refused)
        time.sleep(0.1)


def connect(home: Path, edge_file: Path) -> None:
    """Give each clinic an account at the sandbox for each partner, and the edge a folder of its own in it."""
    letter = json.loads((home / "sandbox" / "partner.json").read_text())
    of_services = json.loads((home / "partners.json").read_text()) if (home / "partners.json").exists() else {}
    of_edge: dict[str, dict[str, Any]] = {}
    for tenant in (CALM, STORM):
        for partner_id in PARTNERS:
            account = f"{tenant}-{partner_id}"
            for name in (SENT_TO_US, SENT_BY_US, ARCHIVE, _COURIER):
                (home / "sandbox" / "partners" / account / name).mkdir(parents=True, exist_ok=True)
            connection = {**letter, "username": account, "realtime_url": ""}
            of_services.setdefault(tenant, {})[partner_id] = connection
            of_edge.setdefault(tenant, {})[partner_id] = {**connection, "inbox": _COURIER}
    for file, connections in ((home / "partners.json", of_services), (edge_file, of_edge)):
        fresh = file.with_suffix(".fresh")
        fresh.write_text(json.dumps(connections))
        fresh.replace(file)


@pytest.mark.timeout(3600 if IS_LONG else 900)
def test_any_order_any_number_of_times_and_kills_come_to_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"LEDGERLINE_E2E_SEED={SEED}")
    dice = random.Random(SEED)
    fates = [FATES[n % len(FATES)] for n in dice.sample(range(max(VISITS, len(FATES))), k=VISITS)]
    edge_file = tmp_path / "partners-of-the-edge.json"
    monkeypatch.setenv("LEDGERLINE_GATEWAY_PARTNERS_FILE", str(edge_file))
    with started("postgres", first_day=MORNING) as (home, state):
        connect(home, edge_file)
        with Clinic(home, state, CALM, fates) as calm, Storm(home, state, fates, dice) as storm:
            in_order, disturbed = calm.play(), storm.play()
            print(f"{len(fates)} visits, {len(storm.said)} messages, {storm.copies} copies, killed {storm.killed}")
            assert {claim_id for what, *about in in_order if what == "claim" for claim_id in about} >= set(
                calm.outside.sent
            )
            assert set(storm.killed) == {"ledgerline", "postgres", "sandbox"}
            assert disturbed == in_order, fates
            assert calm.refusals() == storm.refusals() == []
        with Client(home, state) as client:
            report = verification(client)
        assert report["ok"], [check for check in report["checks"] if check["violations"]]
