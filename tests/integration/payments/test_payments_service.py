"""The payments service with its neighbours' events: charges, coverage, an 835, patients' money, the bank."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
import pytest_asyncio

from services.payments.main import build
from shared.events.base import Event, Sealed
from shared.events.charges import ChargesReleased
from shared.events.collections import AccountPlaced, AccountRecalled
from shared.events.eligibility import CoverageSelected, NoCoverageFound, PatientRetired
from shared.events.payments import ProviderAdjustmentPosted
from shared.events.values import (
    ChargeLine,
    CoverageSnapshot,
    FacilityIdentity,
    Person,
    PersonName,
    Posting,
    ProviderIdentity,
)
from shared.kernel.decider import Decider
from shared.kernel.identifiers import account_id_of, claim_id_of
from shared.runtime.clock import FileClock
from shared.runtime.command import Aggregate, Cause
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.runtime.service import ServiceParts, ServiceRuntime
from shared.testing.hosting import TENANT, Hosted, hosted
from shared.testing.infrastructure import PostgresServer

told: Aggregate = Aggregate(
    name="told", decider=Decider(decide=lambda event, _: [event], evolve=lambda state, _: state, initial=None)
)
NEIGHBOURS = ("charges", "eligibility", "collections")
SERVICE_ON = date(2026, 3, 2)
ACCOUNT = account_id_of("encounter-1")
CLAIM = claim_id_of(ACCOUNT, 1)


class World:
    """Payments, and what its neighbours say."""

    def __init__(self, running: Hosted, runtimes: dict[str, ServiceRuntime]) -> None:
        self.running = running
        self._runtimes = runtimes

    async def say(self, service: str, event: Event) -> None:
        cause = Cause(tenant=TENANT, actor="test", command_id=uuid4(), correlation_id="test")
        await self._runtimes[service].commands.handle(told, "x", event, cause)

    async def said_before(self, aggregate: str, key: str, event: Event) -> None:
        """An event of payments' own, as it was written once."""
        cause = Cause(tenant=TENANT, actor="test", command_id=uuid4(), correlation_id="test")
        own = Aggregate(name=aggregate, decider=told.decider)
        await self._runtimes["payments"].commands.handle(own, key, event, cause)
        await self.settle()

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        return await self.running.ask(method, f"/api/payments{path}", body, **options)

    async def as_another(self, role: Role, method: str, path: str, body: Any = None, **options: Any) -> Any:
        """The same by a second person, who has this role."""
        token = local_token(self.running.platform.settings, [role], TENANT, subject="second")
        return await self.ask(method, path, body, headers={"Authorization": f"Bearer {token}"}, **options)

    async def send(self, interchange: bytes, *, status: int = 201, key: str | None = None) -> Any:
        headers = {"Idempotency-Key": key or str(uuid4()), "Content-Type": "application/edi-x12"}
        answer = await self.running.http.post("/api/payments/remittances", content=interchange, headers=headers)
        assert answer.status_code == status, answer.text
        await self.settle()
        return answer.json()

    async def settle(self) -> None:
        await self.running.settle()

    async def move_to(self, moment: datetime) -> None:
        clock = self.running.platform.clock
        assert isinstance(clock, FileClock)
        clock.advance_to(moment)
        before = quote((moment - timedelta(seconds=1)).isoformat())
        give_up = time.monotonic() + 60
        while (await self.running.http.get(f"/api/payments/balances?known_at={before}")).status_code == 409:
            assert time.monotonic() < give_up, "the reader's watermark does not follow the clock"
            await asyncio.sleep(0.05)

    async def balances(self) -> dict[str, int]:
        found = await self.ask("GET", "/balances")
        assert found["total_cents"] == sum(found["parties"].values())
        return dict(found["parties"])

    async def trial(self) -> dict[str, int]:
        found = await self.ask("GET", "/trial-balance")
        assert found["total_cents"] == 0
        return dict(found["accounts"])

    async def verify(self) -> None:
        report = await self.ask("GET", "/ops/verify")
        assert report["ok"], [check for check in report["checks"] if check["violations"]]


def _neighbour(name: str, known: dict[str, ServiceRuntime]) -> Callable[[ServiceRuntime], ServiceParts]:
    def build_it(runtime: ServiceRuntime) -> ServiceParts:
        known[name] = runtime
        return ServiceParts(aggregates=(told,), projections=(), policies=())

    return build_it


def _payments(known: dict[str, ServiceRuntime]) -> Callable[[ServiceRuntime], ServiceParts]:
    def build_it(runtime: ServiceRuntime) -> ServiceParts:
        known["payments"] = runtime
        return build(runtime)

    return build_it


@pytest_asyncio.fixture(loop_scope="session")
async def world(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[World]:
    known: dict[str, ServiceRuntime] = {}
    builds = {name: _neighbour(name, known) for name in NEIGHBOURS}
    async with hosted(postgres_server, {**builds, "payments": _payments(known)}, tmp_path) as running:
        yield World(running, known)


def released(*cents: int, encounter: str = "encounter-1", release: int = 1) -> ChargesReleased:
    practice = ProviderIdentity(provider_id="p", npi="1999999984", last_or_organisation="Practice")
    lines = tuple(
        ChargeLine(
            line_id=f"L{number}",
            charge_id=f"c{number}",
            service_on=SERVICE_ON,
            procedure_code=f"9921{number}",
            units="1",
            charged_cents=each,
        )
        for number, each in enumerate(cents, start=1)
    )
    return ChargesReleased(
        encounter_id=encounter,
        account_id=account_id_of(encounter),
        patient_id="patient-1",
        release=release,
        service_on=SERVICE_ON,
        organization=practice,
        rendering=practice,
        facility=FacilityIdentity(facility_id="f", name="Clinic", place_of_service="11"),
        diagnoses=("J069",),
        lines=lines,
        charged_cents=sum(cents),
    )


def person() -> Sealed[Person]:
    return Sealed.fresh("patient-1", "person", Person(name=PersonName(last="Doe")))


def covered(*payers: tuple[str, str], encounter: str = "encounter-1") -> CoverageSelected:
    coverages = tuple(
        CoverageSnapshot(
            coverage_id=f"coverage-{rank}",
            rank=rank,
            payer_id=payer_id,
            payer_name=payer_id,
            payer_electronic_id=electronic_id,
            member_number=Sealed.fresh("patient-1", "member_number", "M1"),
        )
        for rank, (payer_id, electronic_id) in enumerate(payers, start=1)
    )
    return CoverageSelected(
        account_id=account_id_of(encounter),
        encounter_id=encounter,
        patient_id="patient-1",
        service_on=SERVICE_ON,
        coverages=coverages,
        patient=person(),
        reason="order",
    )


def self_pay(encounter: str = "encounter-1") -> NoCoverageFound:
    return NoCoverageFound(
        account_id=account_id_of(encounter),
        encounter_id=encounter,
        patient_id="patient-1",
        service_on=SERVICE_ON,
        patient=person(),
        reason="none",
    )


def remittance(body: str, payment: str, *, trace: str = "TRACE1", payer: str = "60054", day: str = "20260320") -> bytes:
    isa = "ISA*00*          *00*          *ZZ*PAYER          *ZZ*PRACTICE       *260320*1200*^*00501*000000001*0*P*:~"
    head = (
        f"ST*835*0001~BPR*I*{payment}*C*ACH*CCP*01*999999999*DA*123*1512345678**01*999988880*DA*98765*{day}~"
        f"TRN*1*{trace}*1512345678~DTM*405*20260320~N1*PR*Aetna*XV*{payer}~N3*1 Main~N4*Hartford*CT*06101~"
        "PER*BL*Help*TE*8005551212~N1*PE*Practice*XX*1999999984~LX*1~"
    )
    text = head + body
    tail = f"SE*{text.count('~') + 1}*0001~GE*1*1~IEA*1*000000001~"
    return f"{isa}GS*HP*PAYER*PRACTICE*20260320*1200*1*X*005010X221A1~{text}{tail}".encode()


WORKED = (
    f"CLP*{CLAIM}*1*250*96*84*12*ICN1*11*1~"
    "SVC*HC:99211*150*96**1~DTM*472*20260302~CAS*CO*45*30~CAS*PR*2*24~REF*6R*L1~"
    "SVC*HC:99212*100*0**1~DTM*472*20260302~CAS*PR*1*60~CAS*CO*45*40~REF*6R*L2~"
)


@pytest.mark.asyncio
async def test_an_835_moves_the_balance_from_the_payer_to_the_patient(world: World) -> None:
    await world.say("charges", released(150_00, 100_00))
    await world.say("eligibility", covered(("aetna", "60054")))
    await world.settle()
    assert await world.balances() == {"payer:1": 250_00}
    [received] = await world.send(remittance(WORKED, "96"))
    assert (received["outcome"], received["findings"]) == ("accepted", [])
    assert await world.balances() == {"patient": 84_00}
    assert await world.trial() == {
        "cash": 96_00,
        "charges": -250_00,
        "contractual": 70_00,
        "receivable:patient": 84_00,
    }
    found = await world.ask("GET", f"/remittances/{received['remittance_id']}")
    assert found["remittance"]["status"] == "posted"
    assert [(each["outcome"], each["paid_cents"]) for each in found["claims"]] == [("posted", 96_00)]
    await world.verify()


@pytest.mark.asyncio
async def test_an_account_shows_its_money_line_by_line_and_each_cent_with_its_reason(world: World) -> None:
    await world.say("charges", released(150_00, 100_00))
    await world.say("eligibility", covered(("aetna", "60054")))
    await world.settle()
    await world.send(remittance(WORKED, "96"))
    found = await world.ask("GET", f"/accounts/{ACCOUNT}")
    assert found["account"]["charged_cents"] == 250_00
    account = found["account"]
    assert account["charged_cents"] == (
        account["paid_by_payers_cents"]
        + account["paid_by_patient_cents"]
        + account["contractual_cents"]
        + account["written_off_cents"]
        - account["refunded_cents"]
        + account["owed_cents"]
    )
    assert [(each["line_id"], each["money"]) for each in found["lines"]] == [
        (
            "L1",
            {"charges": -150_00, "contractual": 30_00, "receivable:patient": 24_00, "suspense": 96_00},
        ),
        ("L2", {"charges": -100_00, "contractual": 40_00, "receivable:patient": 60_00}),
    ]
    reasons = {each["reason"] for each in found["history"] if each["ledger"] == "receivable:patient"}
    assert reasons == {"coinsurance", "deductible"}
    [patient] = [each for each in found["parties"] if each["owed_cents"]]
    assert (patient["party"], patient["owed_cents"], patient["since_on"]) == ("patient", 84_00, "2026-03-20")


@pytest.mark.asyncio
async def test_the_same_835_under_any_key_posts_once(world: World) -> None:
    await world.say("charges", released(150_00, 100_00))
    await world.say("eligibility", covered(("aetna", "60054")))
    file = remittance(WORKED, "96")
    first = await world.send(file, key="one")
    again = await world.send(file, key="one")
    other = await world.send(file, key="two")
    assert [each[0]["outcome"] for each in (first, again, other)] == ["accepted", "accepted", "known"]
    assert again[0]["done"]["is_repeat"] is True
    assert await world.balances() == {"patient": 84_00}
    assert len(await world.running.events("payments", "RemittanceReceived")) == 1


PAPER = {
    "payer_identifier": "1512345678",
    "payer_name": "Aetna",
    "payer_electronic_id": "60054",
    "trace_number": "TRACE1",
    "payment_on": "2026-03-20",
    "payment_cents": 96_00,
    "claims": [
        {
            "claim_id": CLAIM,
            "charged_cents": 250_00,
            "paid_cents": 96_00,
            "payer_control_number": "ICN1",
            "lines": [
                {
                    "line_id": "L1",
                    "procedure_code": "99211",
                    "charged_cents": 150_00,
                    "paid_cents": 96_00,
                    "service_on": "2026-03-02",
                    "adjustments": [
                        {"group": "CO", "reason": "45", "amount_cents": 30_00},
                        {"group": "PR", "reason": "2", "amount_cents": 24_00},
                    ],
                },
                {
                    "line_id": "L2",
                    "procedure_code": "99212",
                    "charged_cents": 100_00,
                    "paid_cents": 0,
                    "service_on": "2026-03-02",
                    "adjustments": [
                        {"group": "PR", "reason": "1", "amount_cents": 60_00},
                        {"group": "CO", "reason": "45", "amount_cents": 40_00},
                    ],
                },
            ],
        }
    ],
}


@pytest.mark.asyncio
async def test_an_eob_on_paper_is_posted_like_the_835_which_is_then_known(world: World) -> None:
    await world.say("charges", released(150_00, 100_00))
    await world.say("eligibility", covered(("aetna", "60054")))
    await world.settle()
    picture = b"%PDF-1.7 a check and its EOB"
    headers = {"Content-Type": "application/pdf", "Idempotency-Key": "picture"}
    kept = await world.running.http.post("/api/payments/remittances/images", content=picture, headers=headers)
    assert kept.status_code == 201, kept.text
    image_id = kept.json()["document_id"]
    received = await world.ask("POST", "/remittances/paper", {**PAPER, "image_id": image_id})
    await world.settle()
    assert (received["outcome"], received["findings"]) == ("accepted", [])
    assert await world.trial() == {
        "cash": 96_00,
        "charges": -250_00,
        "contractual": 70_00,
        "receivable:patient": 84_00,
    }
    found = (await world.ask("GET", f"/remittances/{received['remittance_id']}"))["remittance"]
    assert (found["status"], found["entered_by"], found["image_id"]) == ("posted", "user:tester", image_id)
    [file] = await world.send(remittance(WORKED, "96"))
    again = await world.ask("POST", "/remittances/paper", PAPER)
    assert (file["outcome"], again["outcome"]) == ("known", "known")
    assert file["remittance_id"] == received["remittance_id"] == again["remittance_id"]
    assert await when_taken_back_and_posted_again(world, received) == ({"payer:1": 250_00}, {"patient": 84_00})
    await world.verify()


async def when_taken_back_and_posted_again(world: World, received: Any) -> tuple[dict[str, int], dict[str, int]]:
    """The balances while a remittance of one claim is taken back, and those after it was posted again."""
    path = f"/remittances/{received['remittance_id']}"
    assert (await world.ask("POST", f"{path}/unpost"))["claims"] == 1
    await world.ask("POST", "/remittances/no-such-one/unpost", status=404)
    await world.settle()
    taken_back = await world.balances()
    assert (await world.trial())["suspense"] == -received["payment_cents"]
    await world.ask("POST", f"{path}/claims/1/retry")
    await world.settle()
    return taken_back, await world.balances()


@pytest.mark.asyncio
async def test_an_eob_that_was_typed_in_a_cent_short_is_held_and_typed_in_again(world: World) -> None:
    await world.say("charges", released(150_00, 100_00))
    [claim] = PAPER["claims"]
    slip = {**PAPER, "claims": [{**claim, "paid_cents": 95_99}]}
    held = await world.ask("POST", "/remittances/paper", slip)
    assert (held["outcome"], held["findings"][0]["rule"]) == ("held", "transaction-out-of-balance")
    await world.settle()
    [row] = (await world.ask("GET", "/remittances?status=held"))["items"]
    assert (row["remittance_id"], row["entered_by"]) == (held["remittance_id"], "user:tester")
    assert await world.balances() == {"unassigned": 250_00}
    assert (await world.ask("POST", "/remittances/paper", PAPER))["outcome"] == "accepted"
    await world.settle()
    assert await world.balances() == {"patient": 84_00}


@pytest.mark.asyncio
async def test_remittances_are_found_by_payer_and_by_the_days_of_their_payment(world: World) -> None:
    await world.ask("POST", "/remittances/paper", PAPER)
    await world.settle()
    [row] = (await world.ask("GET", "/remittances"))["items"]
    name, day = row["payer_name"], row["payment_on"]
    before, behind = (str(date.fromisoformat(day) + timedelta(days=days)) for days in (-1, 1))

    async def found(**asked: str) -> int:
        return len((await world.ask("GET", f"/remittances?{urlencode(asked)}"))["items"])

    assert [await found(payer=part) for part in (name, name[1:4].lower(), "nobody", "%")] == [1, 1, 0, 0]
    assert await found(paid_from_on=day, paid_to_on=day, payer=name) == 1
    assert (await found(paid_from_on=behind), await found(paid_to_on=before)) == (0, 0)
    await world.ask("GET", "/remittances?paid_from_on=soon", status=422)


@pytest.mark.asyncio
async def test_a_list_of_remittances_comes_to_its_sums_and_finds_what_differs(world: World) -> None:
    """Of four claims one is held, one waits for an account, one was found its account by a person, and one was posted by itself."""
    await world.say("charges", released(100_00))
    await world.say("charges", released(50_00, encounter="encounter-2"))
    other = claim_id_of(account_id_of("encounter-2"), 1)
    body = (
        f"CLP*{CLAIM}*1*100*80**12*ICN1~CAS*CO*45*19.99~CLP*{other}*1*50*50**12*ICN2~"
        f"CLP*{claim_id_of(account_id_of('unknown-1'), 1)}*1*10*10**12*ICN3~"
        f"CLP*{claim_id_of(account_id_of('unknown-2'), 1)}*1*20*20**12*ICN4~"
    )
    [whole] = await world.send(remittance(body, "160"))
    [short] = await world.send(remittance(f"CLP*{CLAIM}*1*100*80**12*ICN9~CAS*CO*45*20~", "79.95", trace="SHORT"))
    assert (whole["outcome"], short["outcome"]) == ("accepted", "held")

    async def listed(**asked: str) -> dict[str, Any]:
        """The rows by their number; what they come to is what the summary of the same filters says."""
        query = urlencode(asked)
        rows = (await world.ask("GET", f"/remittances?{query}"))["items"]
        sums = await world.ask("GET", f"/remittances/summary?{query}")
        assert sums["remittances"] == len(rows)
        for name in ("claims", "payment_cents", "difference_cents", "auto_posted_claims", "review_claims"):
            assert sums[name] == sum(row[name] for row in rows), name
        return {row["remittance_id"]: row for row in rows}

    def told(row: Mapping[str, Any]) -> tuple[Any, ...]:
        return row["difference_cents"], row["auto_posted_claims"], row["review_claims"], row["deposited_on"]

    rows = await listed()
    assert told(rows[whole["remittance_id"]]) == (0, 1, 3, None)
    assert told(rows[short["remittance_id"]]) == (5, 0, 0, None)
    assert set(await listed(is_off="true")) == {short["remittance_id"]}
    assert set(await listed(is_off="false")) == {whole["remittance_id"]}
    assert await listed(is_off="true", status="posted") == {}
    queues = [(await world.ask("GET", f"/queues/{name}"))["items"] for name in ("held", "unmatched")]
    assert sum(map(len, queues)) == 3

    await world.ask("POST", f"/remittances/{whole['remittance_id']}/claims/3/match", {"claim_id": other})
    deposit = {"trace_number": rows[whole["remittance_id"]]["trace_number"], "payer_identifier": "1512345678"}
    await world.ask("POST", "/deposits", {**deposit, "deposited_on": "2026-04-20", "amount_cents": 160_00})
    await world.settle()
    matched = (await listed())[whole["remittance_id"]]
    assert told(matched) == (0, 1, 2, "2026-04-20")  # the person's is no longer waiting, and is not posted by itself
    await world.verify()


@pytest.mark.asyncio
async def test_what_cannot_be_a_picture_or_an_eob_is_refused_by_name(world: World) -> None:
    headers = {"Content-Type": "application/pdf", "Idempotency-Key": "x"}
    wrong = await world.running.http.post("/api/payments/remittances/images", content=b"\x89PNG\r\n", headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (422, "not-a-picture")
    absent = await world.ask("POST", "/remittances/paper", {**PAPER, "image_id": "0" * 64}, status=404)
    assert absent["code"] == "not-found"
    [claim] = PAPER["claims"]
    unknown = {**PAPER, "claims": [{**claim, "status": "99"}]}
    assert "claims" in str((await world.ask("POST", "/remittances/paper", unknown, status=422))["errors"])
    assert await world.running.events("payments") == []


@pytest.mark.asyncio
async def test_an_835_that_is_a_cent_short_is_held_and_nothing_is_posted(world: World) -> None:
    await world.say("charges", released(150_00, 100_00))
    [received] = await world.send(remittance(WORKED, "95.99"))
    assert received["outcome"] == "held"
    assert received["findings"][0]["rule"] == "transaction-out-of-balance"
    assert await world.balances() == {"unassigned": 250_00}
    held = await world.ask("GET", "/remittances?status=held")
    assert [each["remittance_id"] for each in held["items"]] == [received["remittance_id"]]
    await world.ask("POST", f"/remittances/{received['remittance_id']}/dismiss", {"reason": "payer-sent-another"})
    await world.settle()
    assert (await world.ask("GET", "/remittances?status=held"))["items"] == []


@pytest.mark.asyncio
async def test_a_trace_number_that_comes_with_another_amount_is_kept_and_held(world: World) -> None:
    await world.send(remittance(f"CLP*{CLAIM}*1*100*100**12*ICN1~", "100"))
    [twin] = await world.send(remittance(f"CLP*{CLAIM}*1*90*90**12*ICN1~", "90"))
    assert (twin["outcome"], twin["findings"][0]["rule"]) == ("held", "trace-number-reused")
    found = await world.ask("GET", f"/remittances/{twin['remittance_id']}")
    assert found["remittance"]["first_remittance_id"]
    assert (await world.trial())["cash"] == 100_00


@pytest.mark.asyncio
async def test_a_claim_that_does_not_balance_waits_in_the_queue_and_the_rest_goes_on(world: World) -> None:
    await world.say("charges", released(100_00))
    await world.say("charges", released(50_00, encounter="encounter-2"))
    other = claim_id_of(account_id_of("encounter-2"), 1)
    body = f"CLP*{CLAIM}*1*100*80**12*ICN1~CAS*CO*45*19.99~CLP*{other}*1*50*50**12*ICN2~"
    [received] = await world.send(remittance(body, "130"))
    assert received["outcome"] == "accepted"
    [held] = (await world.ask("GET", "/queues/held"))["items"]
    assert (held["account_id"], held["findings"][0]["rule"]) == (ACCOUNT, "claim-out-of-balance")
    assert await world.balances() == {"unassigned": 100_00}
    assert (await world.trial())["suspense"] == -80_00
    path = f"/remittances/{received['remittance_id']}/claims/1/retry"
    assert (await world.ask("POST", path, status=409))["code"] == "answer-still-held"
    await world.verify()


@pytest.mark.asyncio
async def test_money_that_comes_before_the_charges_is_applied_when_they_arrive(world: World) -> None:
    await world.send(remittance(WORKED, "96"))
    assert (await world.trial())["unapplied"] == -96_00
    assert [each["account_id"] for each in (await world.ask("GET", "/queues/unmatched"))["items"]] == [ACCOUNT]
    await world.say("eligibility", covered(("aetna", "60054")))
    await world.say("charges", released(150_00, 100_00))
    await world.settle()
    assert await world.balances() == {"patient": 84_00}
    assert "unapplied" not in await world.trial()
    assert (await world.ask("GET", "/queues/unmatched"))["items"] == []
    await world.verify()


@pytest.mark.asyncio
async def test_money_under_a_wrong_number_is_matched_by_a_person(world: World) -> None:
    await world.say("charges", released(100_00))
    [received] = await world.send(remittance("CLP*LOST77*1*100*100**12*ICN1~", "100"))
    assert (await world.trial())["unapplied"] == -100_00
    path = f"/remittances/{received['remittance_id']}/claims/1/match"
    await world.ask("POST", path, {"claim_id": CLAIM})
    await world.settle()
    assert await world.balances() == {}
    assert (await world.ask("GET", "/queues/unmatched"))["items"] == []
    await world.verify()


@pytest.mark.asyncio
async def test_a_secondary_pays_what_the_primary_left(world: World) -> None:
    await world.say("charges", released(100_00))
    await world.say("eligibility", covered(("aetna", "60054"), ("medigap", "77777")))
    await world.settle()
    await world.send(remittance(f"CLP*{CLAIM}*1*100*48*12*12*ICN1~CAS*CO*45*40~CAS*PR*2*12~", "48"))
    assert await world.balances() == {"payer:2": 12_00}
    by_payer = await world.ask("GET", "/balances?by=payer")
    assert by_payer["parties"] == {"medigap": 12_00}
    second = f"CLP*{claim_id_of(ACCOUNT, 2)}*2*100*12**12*ICN2~CAS*OA*23*88~"
    await world.send(remittance(second, "12", trace="TRACE2", payer="77777"))
    assert await world.balances() == {}
    await world.verify()


@pytest.mark.asyncio
async def test_a_takeback_changes_the_account_now_and_the_cash_later(world: World) -> None:
    await world.say("charges", released(150_00))
    await world.say("eligibility", covered(("aetna", "60054")))
    await world.settle()
    await world.send(remittance(f"CLP*{CLAIM}*1*150*120**12*ICN1~CAS*CO*45*30~", "120"))
    body = (
        f"CLP*{CLAIM}*22*-150*-120**12*ICN1~CAS*CO*45*-30~CLP*{CLAIM}*1*150*80*40*12*ICN2~CAS*CO*45*30~CAS*PR*1*40~"
        "PLB*1999999984*20261231*WO:ICN1*-40~"
    )
    await world.send(remittance(body, "0", trace="TRACE2"))
    assert await world.balances() == {"patient": 40_00}
    assert (await world.ask("GET", "/provider-adjustments/open")) == [
        {
            "payer_identifier": "1512345678",
            "payer_name": "Aetna",
            "reference": "ICN1",
            "clearing": "provider-adjustment:1512345678:ICN1",
            "open_cents": -40_00,
        }
    ]
    await world.send(remittance("PLB*1999999984*20261231*WO:ICN1*40*L6*-40~", "0", trace="TRACE3"))
    assert (await world.ask("GET", "/provider-adjustments/open")) == []
    trial = await world.trial()
    assert (trial["cash"], trial["interest"]) == (120_00, -40_00)
    assert "suspense" not in trial
    await world.verify()


@pytest.mark.asyncio
async def test_a_takeback_from_before_accounts_named_their_payer_is_closed_by_its_other_half(world: World) -> None:
    [received] = await world.send(remittance("PLB*1999999984*20261231*L6*-10~", "10"))
    old = ProviderAdjustmentPosted(
        remittance_id=received["remittance_id"],
        ordinal=2,
        reason="WO",
        reference="ICN1",
        amount_cents=-40_00,
        postings=(
            Posting(account="provider-adjustment:ICN1", amount_cents=-40_00),
            Posting(account="suspense", amount_cents=40_00),
        ),
    )
    await world.said_before("remittance", received["remittance_id"], old)
    [open_one] = await world.ask("GET", "/provider-adjustments/open")
    assert (open_one["payer_identifier"], open_one["reference"], open_one["open_cents"]) == (
        "1512345678",
        "ICN1",
        -40_00,
    )
    await world.send(remittance("PLB*1999999984*20261231*WO:ICN1*40*L6*-40~", "0", trace="TRACE2"))
    assert (await world.ask("GET", "/provider-adjustments/open")) == []


@pytest.mark.asyncio
async def test_a_patients_payment_finds_what_is_owed_and_the_rest_waits(world: World) -> None:
    await world.say("charges", released(100_00))
    await world.say("eligibility", self_pay())
    await world.settle()
    body = {
        "payment_id": "payment-1",
        "patient_id": "patient-1",
        "amount_cents": 120_00,
        "method": "card",
        "received_on": "2026-03-21",
    }
    await world.ask("POST", "/patient-payments", body)
    await world.settle()
    assert await world.balances() == {}
    assert (await world.trial())["unapplied"] == -20_00
    [waiting] = (await world.ask("GET", "/unapplied"))["items"]
    assert (waiting["patient_id"], waiting["unapplied_cents"]) == ("patient-1", 20_00)
    await world.say("charges", released(15_00, encounter="encounter-2"))
    await world.say("eligibility", self_pay("encounter-2"))
    await world.settle()
    assert await world.balances() == {}
    assert (await world.trial())["unapplied"] == -5_00
    refund = {"patient_id": "patient-1", "refund_id": "refund-1", "amount_cents": 5_00}
    await world.ask("POST", "/patient-payments/payment-1/refunds", refund)
    agree = "/patient-payments/payment-1/refunds/refund-1/approve"
    await world.as_another(Role.MANAGER, "POST", agree, {"patient_id": "patient-1"})
    await world.settle()
    assert (await world.ask("GET", "/unapplied"))["items"] == []
    assert (await world.trial())["refunds"] == -5_00
    await world.verify()


@pytest.mark.asyncio
async def test_a_copay_at_the_desk_waits_for_the_visit_it_is_for(world: World) -> None:
    body = {
        "payment_id": "copay-1",
        "patient_id": "patient-1",
        "amount_cents": 25_00,
        "method": "cash",
        "received_on": "2026-03-02",
        "accounts": [{"account_id": ACCOUNT, "amount_cents": 25_00}],
    }
    await world.ask("POST", "/patient-payments", body)
    await world.settle()
    assert (await world.trial()) == {"cash": 25_00, "unapplied": -25_00}
    await world.say("charges", released(100_00))
    await world.say("eligibility", covered(("aetna", "60054")))
    await world.settle()
    await world.send(remittance(f"CLP*{CLAIM}*1*100*80*20*12*ICN1~CAS*PR*3*20~", "80"))
    assert await world.balances() == {}
    assert (await world.trial())["unapplied"] == -5_00
    await world.verify()


@pytest.mark.asyncio
async def test_payments_of_a_patient_merged_twice_are_found_under_every_id(world: World) -> None:
    for number, patient in enumerate(("patient-1", "patient-2", "patient-3"), start=1):
        body = {
            "payment_id": f"payment-{number}",
            "patient_id": patient,
            "amount_cents": 10_00,
            "method": "cash",
            "received_on": "2026-03-02",
        }
        await world.ask("POST", "/patient-payments", body)
    for retired, survivor in (("patient-3", "patient-2"), ("patient-2", "patient-1")):
        await world.say("eligibility", PatientRetired(patient_id=retired, survivor_patient_id=survivor))
    await world.settle()
    for patient in ("patient-1", "patient-2", "patient-3"):
        found = await world.ask("GET", f"/patient-payments?patient_id={patient}")
        assert [each["payment_id"] for each in found["items"]] == ["payment-1", "payment-2", "payment-3"]


@pytest.mark.asyncio
async def test_placed_with_an_agency_and_recalled(world: World) -> None:
    await world.say("charges", released(100_00))
    await world.say("eligibility", self_pay())
    await world.settle()
    placed = AccountPlaced(
        patient_id="patient-1", account_id=ACCOUNT, placement_id="p1", agency="agency", amount_cents=100_00
    )
    await world.say("collections", placed)
    await world.settle()
    assert await world.balances() == {"agency": 100_00}
    recalled = AccountRecalled(patient_id="patient-1", account_id=ACCOUNT, placement_id="p1", reason="dispute")
    await world.say("collections", recalled)
    await world.settle()
    assert await world.balances() == {"patient": 100_00}


@pytest.mark.asyncio
async def test_the_bank_and_the_remittance_find_each_other(world: World) -> None:
    body = {
        "trace_number": "TRACE1",
        "payer_identifier": "1512345678",
        "amount_cents": 96_00,
        "deposited_on": "2026-03-21",
    }
    await world.ask("POST", "/deposits", body)
    await world.settle()
    [alone] = (await world.ask("GET", "/deposits?is_reconciled=false"))["items"]
    assert (alone["deposited_cents"], alone["expected_cents"]) == (96_00, None)
    [received] = await world.send(remittance(WORKED, "96"))
    [both] = (await world.ask("GET", "/deposits?is_reconciled=true"))["items"]
    assert (both["deposited_cents"], both["expected_cents"]) == (96_00, 96_00)
    of_remittance = f"/deposits?remittance_id={received['remittance_id']}"
    assert (await world.ask("GET", of_remittance))["items"] == [both]
    assert (await world.ask("GET", f"{of_remittance}&is_reconciled=false"))["items"] == []
    assert (await world.ask("GET", "/deposits?remittance_id=another"))["items"] == []


@pytest.mark.asyncio
async def test_a_whole_remittance_is_taken_back_and_its_cash_is_in_suspense(world: World) -> None:
    await world.say("charges", released(150_00, 100_00))
    await world.say("eligibility", covered(("aetna", "60054")))
    await world.settle()
    [received] = await world.send(remittance(WORKED, "96"))
    assert await when_taken_back_and_posted_again(world, received) == ({"payer:1": 250_00}, {"patient": 84_00})
    await world.verify()


@pytest.mark.asyncio
async def test_the_requester_of_a_write_off_cannot_approve_it(world: World) -> None:
    await world.say("charges", released(100_00))
    await world.say("eligibility", self_pay())
    await world.settle()
    body = {"adjustment_id": "a1", "party": "patient", "reason": "charity", "amount_cents": 100_00}
    await world.ask("POST", f"/accounts/{ACCOUNT}/adjustments", body)
    await world.settle()
    [waiting] = (await world.ask("GET", "/queues/adjustments"))["items"]
    assert (waiting["adjustment_id"], waiting["status"]) == ("a1", "requested")
    problem = await world.ask("POST", f"/accounts/{ACCOUNT}/adjustments/a1/approve", status=409)
    assert problem["code"] == "same-person"


@pytest.mark.asyncio
async def test_every_aging_sums_to_the_accounts_receivable(world: World) -> None:
    await world.say("charges", released(150_00, 100_00))
    await world.say("eligibility", covered(("aetna", "60054")))
    await world.say("charges", released(70_00, encounter="encounter-2"))
    await world.settle()
    await world.send(remittance(WORKED, "96"))
    total = sum((await world.balances()).values())
    assert total == 84_00 + 70_00
    for basis in ("responsibility", "service", "bill"):
        aging = await world.ask("GET", f"/aging?basis={basis}")
        assert aging["total_cents"] == sum(aging["buckets"].values()) == total
    patient = (await world.ask("GET", "/aging?basis=responsibility"))["parties"]["patient"]
    assert sum(patient.values()) == 84_00


@pytest_asyncio.fixture(loop_scope="session")
async def driven_world(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[World]:
    """On 5 March 2026, until it is moved on."""
    FileClock(tmp_path / "clock", datetime(2026, 3, 5, 12, tzinfo=UTC))
    known: dict[str, ServiceRuntime] = {}
    builds = {name: _neighbour(name, known) for name in NEIGHBOURS}
    async with hosted(postgres_server, {**builds, "payments": build}, tmp_path, clock="driven") as running:
        yield World(running, known)


@pytest.mark.asyncio
async def test_balances_answer_for_any_past_day_as_known_on_any_past_day(driven_world: World) -> None:
    """Charges of 5 March; an 835 of 20 March that came on 25 March."""
    world = driven_world
    await world.say("charges", released(100_00))
    await world.say("eligibility", covered(("aetna", "60054")))
    await world.settle()
    await world.move_to(datetime(2026, 3, 25, 12, tzinfo=UTC))
    await world.send(remittance(f"CLP*{CLAIM}*1*100*80*20*12*ICN1~CAS*PR*2*20~", "80"))
    await world.move_to(datetime(2026, 4, 30, 12, tzinfo=UTC))

    async def balances(as_of: str, known_at: str) -> dict[str, int]:
        found = await world.ask("GET", f"/balances?as_of={as_of}&known_at={known_at}")
        return dict(found["parties"])

    assert await balances("2026-03-04", "2026-04-01") == {}
    assert await balances("2026-03-10", "2026-04-01") == {"payer:1": 100_00}
    assert await balances("2026-03-22", "2026-03-24") == {"payer:1": 100_00}  # nobody knew of the payment yet
    assert await balances("2026-03-22", "2026-04-01") == {"patient": 20_00}
    aging = await world.ask("GET", "/aging?as_of=2026-04-29&known_at=2026-04-29")
    assert aging["parties"] == {"patient": {"31-60": 20_00}}
    aging = await world.ask("GET", "/aging?as_of=2026-07-31&known_at=2026-04-29&basis=service")
    assert aging["parties"] == {"patient": {"120+": 20_00}}


@pytest.mark.asyncio
async def test_what_is_not_known_yet_is_refused(world: World) -> None:
    problem = await world.ask("GET", "/balances?known_at=2999-01-01", status=409)
    assert problem["code"] == "not-known-yet"
    assert (await world.ask("GET", "/balances?as_of=yesterday", status=422))["code"] == "malformed"


@pytest.mark.asyncio
async def test_a_file_without_an_835_is_refused_by_rule(world: World) -> None:
    problem = await world.send(b"MSH|^~\\&|EHR", status=422)
    assert problem["code"] == "no-remittance"
