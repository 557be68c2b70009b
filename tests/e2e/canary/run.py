"""The run: a practice is played, everything personal is asked for and handed in wrongly, and every trace of it is searched."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiokafka
import asyncpg
import httpx

from deploy.backup import back_up
from deploy.client import Client
from deploy.demo.player import MllpClient, Player
from deploy.evidence import write as write_evidence
from deploy.state import State
from deploy.supervisor import DATABASES, KAFKA_JARS, KAFKA_POM
from services.dashboard.main import PAGES
from shared.events.registry import SERVICES
from shared.runtime.identity import Role
from shared.runtime.identity.directory import Directory
from shared.runtime.identity.issuer import local_token
from shared.runtime.native import kafka, postgres
from shared.runtime.settings import Settings
from tests.e2e.canary.practice import (
    CLEAR,
    CanaryPractice,
    faulty_files,
    faulty_messages,
    fhir_resources,
    whole_registration,
)
from tests.e2e.canary.recording import Recording
from tests.e2e.canary.search import Hit, search_files, search_lines
from tests.e2e.canary.words import Finder, Words

# Where personal words belong, and why. Paths below home; everything else is searched, and must hold none.
MAY_HOLD = {
    "sandbox/": "the clearinghouse's own side: interchanges that must name the patient, and its book about them. Not ours",
}


@dataclass(slots=True)
class Findings:
    """What was searched, how much of it there was, and what was found."""

    hits: list[Hit] = field(default_factory=list)
    searched: dict[str, int] = field(default_factory=dict)  # place -> bytes or pieces
    clear_in: set[str] = field(default_factory=set)  # places in which ordinary words were found
    at_partners: set[str] = field(default_factory=set)  # personal words that reached the clearinghouse
    words: dict[str, str] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    sealed_fields: set[str] = field(default_factory=set)

    def told(self) -> str:
        lines = [f"{hit.place}: {hit.word} ({self.words[hit.word]}) as {hit.way}" for hit in self.hits]
        return "\n".join(sorted(lines))


@contextlib.contextmanager
def watched(folder: Path) -> Iterator[Path]:
    """Systems that are started meanwhile write their traces here, and log as much as they can."""
    traces = folder / "traces.jsonl"
    wanted = {"LEDGERLINE_TRACES_FILE": str(traces), "LEDGERLINE_LOG_LEVEL": "debug"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield traces
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@dataclass(slots=True)
class Run:
    home: Path
    state: State
    client: Client
    recording: Recording
    words: Words
    people: CanaryPractice

    def live(self, *, patients: int, days: int) -> None:
        """Play the practice, then everything that its ordinary messages do not say."""
        player = Player(
            self.client,
            self.state,
            patients=patients,
            days=days,
            seed=11,
            invented=self.people.invented,
            heard=self.recording.acknowledgements.append,
        )
        player.play(lambda done, total: None)
        self._by_mllp()
        self._by_files()
        self._by_fhir()
        self._by_api()
        self._by_desks()
        self._faulty_requests()
        self._pages()

    # --- what is told and asked ---

    def _by_mllp(self) -> None:
        visit, other = self.people.visits[0], self.people.visits[-1]
        now = datetime.now(UTC)
        with MllpClient(self.state.mllp_port, self.recording.acknowledgements.append) as ehr:
            ehr.send(whole_registration(visit, self.words, now))
            for message in faulty_messages(other, self.words, now):
                with contextlib.suppress(OSError):
                    ehr.exchange(message)

    def _by_files(self) -> None:
        for name, content in faulty_files(self.words):
            self._ask("POST", "/intake", content=content, headers={"X-File-Name": name})

    def _by_fhir(self) -> None:
        media_type = {"Content-Type": "application/fhir+json"}
        for kind, resource in fhir_resources(self.words):
            self._ask("POST", f"/fhir/{kind}", content=json.dumps(resource).encode(), headers=media_type)
        by_number = {"identifier": f"urn:oid:1.2.3|{self.words.text('record number in a query')}"}
        self._ask("GET", "/fhir/Patient", params=by_number)
        self._ask("POST", "/fhir/Patient/_search", data=by_number)

    def _by_api(self) -> None:
        text, digits = self.words.text, self.words.digits

        def person(what: str) -> dict[str, Any]:
            return {
                "last": text(f"{what} last"),
                "first": text(f"{what} first"),
                "middle": text(f"{what} middle"),
                "suffix": text(f"{what} suffix"),
                "birth_on": self.words.day(f"{what} birth date").isoformat(),
                "sex": "F",
                "address": {
                    "line_1": text(f"{what} street"),
                    "line_2": text(f"{what} flat"),
                    "city": text(f"{what} city"),
                },
                "phone": digits(f"{what} telephone", 10),
                "email": f"{text(f'{what} email').lower()}@example.org",
            }

        number = text("api record number")
        body = {"patient_id": "api-1", "medical_record_number": number, "person": person("api patient")}
        self._ask("POST", "/api/eligibility/patients", json={**body, "guarantor": person("api guarantor")})
        coverage = {
            "coverage_id": "api-1-c",
            "payer_reference": "blue-plains",
            "relationship": "01",
            "member_number": text("api member number"),
            "group_number": text("api group number"),
            "subscriber": person("api subscriber"),
        }
        self._ask("POST", "/api/eligibility/patients/api-1/coverages", json=coverage)
        self._ask("POST", "/api/eligibility/patients", json={**body, "person": person("corrected")})
        for query in (
            {"medical_record_number": number},
            {"medical_record_number": text("unknown number")},
            {"last": text("unknown last"), "first": text("unknown first"), "birth_on": "1980-01-01"},
        ):
            self._ask("POST", "/api/eligibility/patients/search", json=query)
        for path in ("/nothing", "/api/nothing", "/api/eligibility/nothing", "/collections/nothing"):
            self._ask("GET", f"{path}/{text('in a path')}", params={text("in a query"): text("in a query")})
            self._ask("POST", f"{path}/{text('in a path')}", content=text("in a body").encode())

    def _by_desks(self) -> None:
        """Notes where there is something to note: at a denial, an account, a dispute. And everything that opens values."""
        text = self.words.text
        for denial in self._items("/api/claims/denials")[:2]:
            note = {"outcome_code": "payer-will-review", "note": text("denial note")}
            self._ask("POST", f"/api/claims/denials/{denial['denial_id']}/note", json=note)
        accounts = self._items("/api/payments/accounts", limit=50)
        for account in accounts[:4]:
            patient = f"/api/collections/patients/{account['patient_id']}"
            contact = {"outcome_code": "will-pay", "note": f"{text('contact note')} {text('contact note')}"}
            self._ask("POST", f"{patient}/contacts", json=contact)
            dispute = {"account_ids": [account["account_id"]], "reason_code": "not-mine", "note": text("dispute note")}
            self._ask("POST", f"{patient}/disputes", json=dispute)
            for path in ("", "/notes"):
                self._ask("GET", f"{patient}{path}")
            self._ask("GET", f"/api/eligibility/patients/{account['patient_id']}")
            self._ask("GET", f"/fhir/Patient/{account['patient_id']}")
        for statement in self._items("/api/collections/statements")[:2]:
            self._ask("GET", f"/api/collections/statements/{statement['statement_id']}/pdf")
        if accounts:
            placed = {"account_id": accounts[0]["account_id"], "agency": "agency"}
            self._ask("POST", f"/api/collections/patients/{accounts[0]['patient_id']}/placements", json=placed)
            self._ask("GET", "/api/collections/placements/file", params={"agency": "agency"})
            pack = self.home.with_name(self.home.name + "-evidence.zip")
            write_evidence(self.client, accounts[0]["account_id"], pack, "audit")
            pack.unlink()
        for batch in self._items("/api/claims/batches")[:2]:
            self._ask("GET", f"/documents/{batch['document_id']}", params={"purpose": "billing"})
        for service in SERVICES:
            self._ask("GET", f"/api/{service}/ops/verify")
            self._ask("GET", f"/api/{service}/ops/parked")
            self._ask("GET", f"/api/{service}/ops/refused")

    def _items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        return list(self.client.get(path, **query)["items"])

    def _faulty_requests(self) -> None:
        """Every operation with a JSON body, with a word in every member, in a member of no name, and as the whole body."""
        for prefix in ("", *(f"/api/{service}" for service in SERVICES)):
            described = self._ask("GET", f"{prefix}/openapi.json").json()
            for path, operations in described["paths"].items():
                for method, operation in operations.items():
                    content = operation.get("requestBody", {}).get("content", {})
                    if "application/json" in content and "/clock" not in path and "/oauth" not in path:
                        self._faulty(method.upper(), prefix + path, _members(described, content["application/json"]))

    def _faulty(self, method: str, path: str, members: list[str]) -> None:
        target = re.sub(r"\{[^}]*\}", "1", path)
        word = self.words.text
        bodies = [
            {name: word(f"{path} {name}") for name in members} | {word(f"{path} member"): word(f"{path} value")},
            {name: {word(f"{path} {name}"): 1} for name in members} | {word(f"{path} member"): 1},
            word(f"{path} whole"),
        ]
        for body in bodies:
            answer = self._ask(method, target, json=body)
            assert answer.status_code >= 400, f"{method} {target} took a body that is not its own: {answer.status_code}"
        self._ask(method, target, content=f'{{"{word(f"{path} cut")}": "{word(f"{path} cut")}'.encode())

    def _pages(self) -> None:
        """Every page without an id in its path, those that lists lead to, and a search for somebody."""
        [login] = [login for login in Directory(self.home).demo_logins() if login.user == "admin"]
        base = f"http://127.0.0.1:{self.state.port}"
        with httpx.Client(base_url=base, transport=self.recording, timeout=60, follow_redirects=True) as browser:
            browser.post(
                "/login", data={"user": self.words.text("login name"), "password": self.words.text("password")}
            )
            browser.post("/login", data={"user": login.user, "password": login.password})
            paths = [
                page.path for page in PAGES if page.method == "GET" and "{" not in page.path and not page.is_background
            ]
            linked: set[str] = set()
            for path in paths:
                linked |= set(
                    re.findall(r'href="(/(?:claims|accounts|collections|remittances)/[^"]+)"', browser.get(path).text)
                )
            for path in sorted(linked)[:25]:
                browser.get(unescape(path))
            [csrf] = set(re.findall(r'name="csrf" value="([^"]+)"', browser.get("/help").text))
            for words in (self.people.visits[0].patient.record_number, self.words.text("searched for")):
                form = {"words": words, "csrf": csrf}
                found = browser.post("/search", data=form, headers={"Origin": base})
                assert found.status_code < 400, found.status_code

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request as administrator, whatever it is answered; what it is answered is recorded."""
        settings = Settings(mode="embedded", home=self.home, http_port=self.state.port)
        headers = {
            "Authorization": f"Bearer {local_token(settings, [Role.ADMIN], 'demo')}",
            "Idempotency-Key": str(uuid4()),
            **options.pop("headers", {}),
        }
        # Bytes: what a caller may send is more than what httpx would put in a header for us.
        encoded = {name: value.encode() for name, value in headers.items()}
        with httpx.Client(
            base_url=f"http://127.0.0.1:{self.state.port}", transport=_Kept(self.recording), timeout=60
        ) as client:
            return client.request(method, path, headers=encoded, **options)

    # --- what is searched ---

    def shown_by_the_running_system(self, finder: Finder, findings: Findings) -> None:
        """What left it, its metrics, its topics, and every row of every table as the database shows it."""
        recording = self.recording
        for place in ("headers", "refusals", "written", "addresses", "acknowledgements"):
            pieces = getattr(recording, place)
            findings.searched[f"HTTP and MLLP: {place}"] = len(pieces)
            findings.hits += search_lines(f"HTTP and MLLP: {place}", pieces, finder)
        metrics = [
            self._ask("GET", f"{prefix}/metrics").content for prefix in ("", *(f"/api/{each}" for each in SERVICES))
        ]
        findings.searched["metrics"] = sum(map(len, metrics))
        findings.hits += search_lines("metrics", metrics, finder)
        findings.statuses = dict(recording.statuses)
        asyncio.run(self._tables(finder, findings))
        if self.state.feed == "kafka":
            asyncio.run(self._topics(finder, findings))

    async def _tables(self, finder: Finder, findings: Findings) -> None:
        """Rows that the database compresses do not show in its files."""
        server = postgres.start(self.home / "postgres")  # it runs already: this finds it
        assert server.cluster.is_relative_to(self.home), "its files would not be searched"
        size = 0
        for name in DATABASES:
            connection = await asyncpg.connect(server.dsn(f"ledgerline_{name}"))
            try:
                tables = await connection.fetch(
                    "select format('%I.%I', schemaname, tablename) as name from pg_tables"
                    " where schemaname not in ('pg_catalog', 'information_schema')"
                )
                for table in tables:
                    rows = await connection.fetch(f"select t::text as line from {table['name']} t")
                    lines = [row["line"].encode() for row in rows]
                    size += sum(map(len, lines))
                    findings.hits += search_lines(f"table {table['name']} of {name}", lines, finder)
                if name in SERVICES:
                    await self._note_sealed_fields(connection, findings)
            finally:
                await connection.close()
        findings.searched["rows of all tables"] = size

    async def _note_sealed_fields(self, connection: asyncpg.Connection, findings: Findings) -> None:
        for row in await connection.fetch("select type, convert_from(data, 'utf8') as data from events"):
            findings.sealed_fields |= {f"{row['type']} {name}" for name in _sealed_in(json.loads(row["data"]))}

    async def _topics(self, finder: Finder, findings: Findings) -> None:
        """Keys, headers and values as a consumer sees them, however they are compressed."""
        brokers = kafka.start(self.home / "kafka", kafka.prepare(KAFKA_POM, KAFKA_JARS), nodes=self.state.brokers)
        bootstrap = brokers.bootstrap_servers  # they run already: this finds them
        consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            topics = [topic for topic in await consumer.topics() if topic.startswith("ledgerline.")]
            partitions = [
                aiokafka.TopicPartition(topic, each)
                for topic in topics
                for each in consumer.partitions_for_topic(topic) or ()
            ]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            left = {each: end for each, end in (await consumer.end_offsets(partitions)).items() if end}
            keys, headers, values = [], [], []
            while left:
                for partition, records in (await consumer.getmany(timeout_ms=1000)).items():
                    for record in records:
                        keys.append(record.key or b"")
                        headers += [name.encode() + b"=" + value for name, value in record.headers]
                        values.append(record.value or b"")
                    if await consumer.position(partition) >= left.get(partition, 0):
                        left.pop(partition, None)
        finally:
            await consumer.stop()
        for what, pieces in (("keys", keys), ("headers", headers), ("values", values)):
            findings.searched[f"Kafka {what}"] = len(pieces)
            findings.hits += search_lines(f"Kafka {what}", pieces, finder)

    def back_up(self, target: Path) -> None:
        back_up(self.home, self.state, target, with_root_key=False, progress=lambda text: None)


def search_what_is_left(home: Path, others: Path, words: Words, findings: Findings) -> None:
    """The system is down. Every file below home, and below the folder of traces and backups."""
    finder, clear = Finder(words.meaning), Finder(CLEAR)
    for folder, prefix in ((home, ""), (others, "beside home: ")):
        hits, size = search_files(folder, finder)
        findings.searched[f"files below {'home' if folder is home else 'traces and backups'}"] = size
        for hit in hits:
            if prefix or not hit.place.startswith(tuple(MAY_HOLD)):
                findings.hits.append(Hit(place=prefix + hit.place, word=hit.word, way=hit.way))
            else:
                findings.at_partners.add(hit.word)
        findings.clear_in |= {prefix + hit.place for hit in search_files(folder, clear)[0]}
    findings.words = dict(words.meaning)


class _Kept(httpx.BaseTransport):
    """A transport that outlives the client that uses it."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._inner.handle_request(request)


def _members(described: dict[str, Any], content: dict[str, Any]) -> list[str]:
    schema = content["schema"]
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return list(schema.get("properties", {}))


def _sealed_in(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        if value.keys() == {"subject", "field", "token"}:
            yield name
        for member, inner in value.items():
            yield from _sealed_in(inner, member)
    elif isinstance(value, list):
        for inner in value:
            yield from _sealed_in(inner, name)
