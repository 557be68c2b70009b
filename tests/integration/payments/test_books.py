"""The books over HTTP: what is closed says for ever what it said, and what comes too late is told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio
import sqlalchemy as sa

from services.payments.api import books as books_api
from services.payments.main import build
from shared.kernel.identifiers import account_id_of, claim_id_of
from shared.runtime.clock import FileClock
from shared.runtime.identity import Role
from shared.runtime.identity.issuer import local_token
from shared.runtime.service import ServiceParts, ServiceRuntime
from shared.testing.hosting import TENANT, hosted
from shared.testing.infrastructure import PostgresServer
from tests.integration.payments.test_payments_service import (
    CLAIM,
    NEIGHBOURS,
    WORKED,
    World,
    covered,
    released,
    remittance,
    self_pay,
    told,
)

CLAIM_2 = claim_id_of(account_id_of("encounter-2"), 1)
START = datetime(2026, 3, 5, 12, tzinfo=UTC)


class Office(World):
    """Payments on a clock, its neighbours, and its read models."""

    runtime: ServiceRuntime

    async def until(self, month: int, day: int) -> None:
        await self.settle()
        await self.move_to(datetime(2026, month, day, 12, tzinfo=UTC))

    async def pay(self, cents: int, on: str, *, payment: str, **options: Any) -> Any:
        body = {
            "payment_id": payment,
            "patient_id": "patient-1",
            "amount_cents": cents,
            "method": "check",
            "received_on": on,
            **options.pop("more", {}),
        }
        found = await self.ask("POST", "/patient-payments", body, **options)
        await self.settle()
        return found

    async def close(
        self, period: str, *, status: int | None = None, accept: tuple[str, ...] = (), **options: Any
    ) -> Any:
        body = {"accept_deposits": list(accept)}
        found = await self.ask("POST", f"/periods/{period}/close", body, status=status, **options)
        await self.settle()
        return found

    async def books(self, through_on: str, *, known_at: str = "") -> dict[str, int]:
        found = await self.ask("GET", f"/trial-balance?{_query(as_of=through_on, known_at=known_at, basis='posted')}")
        assert found["total_cents"] == 0
        assert found["debit_cents"] == found["credit_cents"]
        return dict(found["accounts"])

    async def rolled(self, period: str, *, known_at: str = "") -> dict[str, Any]:
        found = await self.ask("GET", f"/roll-forward?{_query(period=period, known_at=known_at)}")
        for row in (*found["items"], found["total"]):
            assert row["closing_cents"] == (
                row["opening_cents"]
                + row["charges_cents"]
                - row["payer_payments_cents"]
                - row["patient_payments_cents"]
                - row["contractual_cents"]
                - row["write_offs_cents"]
                + row["refunds_cents"]
                + row["transfers_cents"]
                + row["brought_in_cents"]
                + row["other_cents"]
            )
        assert (found["total"]["transfers_cents"], found["total"]["other_cents"]) == (0, 0)
        return dict(found)

    async def postings(self, **wanted: str) -> list[dict[str, Any]]:
        """Every page of them."""
        items: list[dict[str, Any]] = []
        cursor = ""
        while True:
            found = await self.ask("GET", f"/postings?{_query(**wanted, limit='3', cursor=cursor)}")
            items += found["items"]
            if not (cursor := found["next"] or ""):
                return items

    async def spoil(self, statement: str, **values: Any) -> None:
        """What a bug or a hand in the database might do to a read model."""
        async with self.runtime.reads.write(TENANT) as connection:
            await connection.execute(sa.text(statement), values)


def _query(**named: str) -> str:
    return urlencode({name: value for name, value in named.items() if value})


def _build(name: str, known: dict[str, ServiceRuntime]) -> Callable[[ServiceRuntime], ServiceParts]:
    def build_it(runtime: ServiceRuntime) -> ServiceParts:
        known[name] = runtime
        return build(runtime) if name == "payments" else ServiceParts(aggregates=(told,), projections=(), policies=())

    return build_it


@pytest_asyncio.fixture(loop_scope="session")
async def office(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Office]:
    FileClock(tmp_path / "clock", START)
    known: dict[str, ServiceRuntime] = {}
    builds = {name: _build(name, known) for name in (*NEIGHBOURS, "payments")}
    async with hosted(postgres_server, builds, tmp_path, clock="driven") as running:
        made = Office(running, known)
        made.runtime = known["payments"]
        yield made


async def march(office: Office) -> None:
    """Charges of 250.00 on the 5th, an 835 of the 20th that pays 96.00, a patient's 20.00 on the 25th; then it is 2 April."""
    await office.say("charges", released(150_00, 100_00))
    await office.say("eligibility", covered(("aetna", "60054")))
    await office.until(3, 21)
    await office.send(remittance(WORKED, "96"))
    await office.until(3, 25)
    await office.pay(20_00, "2026-03-25", payment="payment-1")
    await office.until(4, 2)


MARCH = {
    "cash": 116_00,
    "charges": -250_00,
    "contractual": 70_00,
    "receivable:patient": 64_00,
}


@pytest.mark.asyncio
async def test_a_closed_month_says_for_ever_what_it_said_and_late_entries_stand_in_the_next(office: Office) -> None:
    await march(office)
    ready = await office.ask("GET", "/periods/2026-03")
    assert (ready["is_closed"], ready["from_on"], ready["obstacles"]) == (False, None, [])
    first = await office.close("2026-03", headers={"Idempotency-Key": "close-march"})
    again = await office.close("2026-03", headers={"Idempotency-Key": "close-march"})
    other = await office.close("2026-03")
    assert (again["is_repeat"], again["event_ids"]) == (True, first["event_ids"])
    assert (other["after"], len(await office.running.events("payments", "PeriodClosed"))) == (None, 1)
    [closing] = (await office.ask("GET", "/periods"))["items"]
    assert (closing["receivable_cents"], closing["cash_cents"], closing["decided_by"]) == (64_00, 116_00, "user:tester")
    assert (ready["receivable_cents"], ready["entries"]) == (64_00, closing["entries"])
    trial, rolled = await office.books("2026-03-31"), await office.rolled("2026-03")
    assert trial == MARCH
    assert rolled["is_closed"] is True

    await office.until(4, 3)
    await when_march_comes_in_late(office)
    assert await office.books("2026-03-31") == trial
    assert {**await office.rolled("2026-03"), **_same(rolled)} == rolled
    known_then = quote(closing["recorded_at"])
    assert (await office.ask("GET", f"/trial-balance?as_of=2026-03-31&known_at={known_then}"))["accounts"] == trial

    april = await office.rolled("2026-04")
    rows = {row["party"]: row for row in april["items"]}
    assert april["is_closed"] is False
    assert rows["patient"]["opening_cents"] == 64_00
    assert (rows["patient"]["patient_payments_cents"], rows["patient"]["late_cents"]) == (30_00, -10_00 + 20_00)
    assert (april["total"]["charges_cents"], april["total"]["payer_payments_cents"]) == (100_00, 80_00)
    assert april["total"]["closing_cents"] == sum((await office.balances()).values())
    late = await office.postings(period="2026-04", is_late="true")
    assert {(each["happened_on"], each["posted_on"], each["is_late"]) for each in late} == {
        ("2026-03-29", "2026-04-01", True)
    }
    assert {each["event"] for each in late} >= {"RemittanceReceived", "ClaimPaymentPosted", "PaymentApplied"}
    happened = await office.ask("GET", "/trial-balance?as_of=2026-03-31")
    assert happened["accounts"]["cash"] == 116_00 + 80_00 + 10_00  # on the clock of what happened they are in March
    await office.verify()


def _same(rolled: dict[str, Any]) -> dict[str, Any]:
    """What belongs to the moment of asking."""
    return {"known_at": rolled["known_at"], "positions": rolled["positions"]}


async def when_march_comes_in_late(office: Office) -> None:
    """On 3 April: a new account; a machine brings an 835 of 29 March; a person types in 10.00 of that day and 20.00 of this."""
    await office.say("charges", released(100_00, encounter="encounter-2"))
    await office.say("eligibility", covered(("aetna", "60054"), encounter="encounter-2"))
    await office.settle()
    body = f"CLP*{CLAIM_2}*1*100*80*20*12*ICN2~CAS*PR*2*20~"
    [received] = await office.send(remittance(body, "80", trace="TRACE2", day="20260329"))
    assert received["outcome"] == "accepted"
    refused = await office.pay(10_00, "2026-03-29", payment="late", status=409, headers={"Idempotency-Key": "late"})
    assert (refused["code"], refused["facts"]) == (
        "day-is-closed",
        {"day": "2026-03-29", "period": "2026-03", "first_open_on": "2026-04-01"},
    )
    assert "late_entry" in refused["detail"]
    more = {"late_entry": True}
    await office.pay(10_00, "2026-03-29", payment="late", more=more, headers={"Idempotency-Key": "late"})
    await office.pay(20_00, "2026-04-03", payment="timely")


@pytest.mark.asyncio
async def test_every_figure_opens_into_its_postings(office: Office) -> None:
    await march(office)
    await office.close("2026-03")
    await office.until(4, 3)
    await when_march_comes_in_late(office)
    for basis in ("happened", "posted"):
        found = await office.ask("GET", f"/trial-balance?as_of=2026-03-31&basis={basis}")
        for each in found["items"]:
            behind = await office.postings(ledger=each["ledger"], as_of="2026-03-31", basis=basis)
            amounts = [posting["amount_cents"] for posting in behind]
            assert sum(amounts) == each["balance_cents"]
            assert sum(cents for cents in amounts if cents > 0) == each["debit_cents"]
    for period in ("2026-03", "2026-04", "2026-03-20", "2026-03-25"):
        for row in (await office.rolled(period))["items"]:
            sums: Counter[str] = Counter()
            behind = await office.postings(period=period, party=row["party"])
            for posting in behind:
                sums[posting["movement"]] += posting["amount_cents"]
                one = await office.postings(period=period, party=row["party"], movement=posting["movement"])
                assert posting in one
            assert sums["charges"] == row["charges_cents"]
            assert -sums["payer-payments"] == row["payer_payments_cents"]
            assert -sums["patient-payments"] == row["patient_payments_cents"]
            assert -sums["contractual"] == row["contractual_cents"]
            assert sums["transfers"] == row["transfers_cents"]
            late = await office.postings(period=period, party=row["party"], is_late="true")
            assert sum(posting["amount_cents"] for posting in late) == row["late_cents"]
    assert (await office.ask("GET", "/postings?is_late=true", status=422))["code"] == "malformed"
    assert (await office.ask("GET", "/roll-forward?period=2026-3", status=422))["code"] == "malformed"


@pytest.mark.asyncio
async def test_a_day_is_closed_in_the_evening_and_what_comes_at_night_is_of_the_next(office: Office) -> None:
    """Machines are never refused: neither an 835 nor a payment that a program takes for a closed day."""
    await march(office)
    assert (await office.close("2026-04-03", status=409))["code"] == "period-not-over"
    await office.close("2026-04-01")
    await office.say("charges", released(100_00, encounter="encounter-2"))
    await office.settle()
    clock = office.running.platform.clock
    assert isinstance(clock, FileClock)
    await office.move_to(clock.now() + timedelta(hours=8))
    await office.close("2026-04-02")
    [closing, _] = (await office.ask("GET", "/periods"))["items"]
    assert (closing["from_on"], closing["through_on"]) == ("2026-04-02", "2026-04-02")
    evening = await office.rolled("2026-04-02")
    assert evening["total"]["charges_cents"] == 100_00
    body = f"CLP*{CLAIM_2}*1*100*80*20*12*ICN2~CAS*PR*2*20~"
    [received] = await office.send(remittance(body, "80", trace="TRACE2", day="20260402"))
    program = local_token(office.runtime.settings, [Role.INTEGRATION], TENANT, subject="ledgerline-command-line")
    headers = {"Authorization": f"Bearer {program}"}
    await office.pay(5_00, "2026-04-02", payment="by-card", headers=headers)
    assert received["outcome"] == "accepted"
    assert {**await office.rolled("2026-04-02"), **_same(evening)} == evening
    night = await office.rolled("2026-04-03")
    assert (night["total"]["payer_payments_cents"], night["total"]["patient_payments_cents"]) == (80_00, 5_00)
    assert night["total"]["late_cents"] == -85_00
    await office.verify()


@pytest.mark.asyncio
async def test_closing_is_refused_with_everything_that_makes_a_day_wrong(office: Office) -> None:
    """Cash in suspense is no obstacle; a bank that shows another amount is, until somebody lets the difference stand."""
    await office.say("charges", released(100_00))
    await office.settle()
    await office.send(remittance(f"CLP*{CLAIM}*1*100*80**12*ICN1~CAS*CO*45*19.99~", "80", day="20260305"))
    bank = {"trace_number": "TRACE1", "payer_identifier": "1512345678", "amount_cents": 79_00}
    await office.ask("POST", "/deposits", {**bank, "deposited_on": "2026-03-06"})
    await office.until(4, 2)
    deposit_id = (await office.ask("GET", "/deposits"))["items"][0]["deposit_id"]
    refused = await office.close("2026-03", status=409)
    assert refused["code"] == "period-does-not-add-up"
    assert refused["facts"]["obstacle_1"] == f"deposit-differs: {deposit_id} (-100 cents)"
    await office.spoil("update remittances set status = 'received'")
    await office.spoil("update postings set amount_cents = amount_cents + 1 where ledger = 'cash'")
    await office.spoil(
        "insert into parked (tenant, reader, service, stream, event_id, version, event_pos, event_tx, event_epoch, type,"
        " error_code, event) values (:tenant, 'payments.postings', 'payments', 'claim-account/x', gen_random_uuid(), 1, 1,"
        " '1', 0, 'x', 'x', '')",
        tenant=TENANT,
    )
    found = (await office.ask("GET", "/periods/2026-03"))["obstacles"]
    assert Counter(each["rule"] for each in found) == {
        "ledger-not-zero": 2,  # the whole, and the event
        "remittance-not-answered": 1,
        "deposit-differs": 1,
        "posting-parked": 1,
    }
    await office.close("2026-03", status=409, accept=(deposit_id,))
    await office.spoil("update remittances set status = 'posted'")
    await office.spoil("update postings set amount_cents = amount_cents - 1 where ledger = 'cash'")
    await office.spoil("delete from parked")
    await office.close("2026-03", accept=(deposit_id,))
    [closing] = (await office.ask("GET", "/periods"))["items"]
    assert closing["accepted"] == [deposit_id]
    assert (await office.books("2026-03-31"))["suspense"] == -80_00
    late = {**bank, "trace_number": "TRACE9", "deposited_on": "2026-03-31"}
    assert (await office.ask("POST", "/deposits", late, status=409))["code"] == "day-is-closed"
    await office.ask("POST", "/deposits", {**late, "late_entry": True})


@pytest.mark.asyncio
async def test_what_was_accepted_makes_room_for_what_was_not_named_before(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(books_api, "_NAMED_MAX", 1)
    for deposit_id in ("deposit-1", "deposit-2"):
        await office.spoil(
            "insert into deposits (tenant, deposit_id, expected_cents, deposited_cents, deposited_on)"
            " values (:tenant, :deposit_id, 8000, 7900, '2026-03-06')",
            tenant=TENANT,
            deposit_id=deposit_id,
        )
    await office.until(4, 2)
    first = await office.close("2026-03", status=409)
    assert first["facts"]["obstacle_1"] == "deposit-differs: deposit-1 (-100 cents)"
    second = await office.close("2026-03", status=409, accept=("deposit-1", "deposit-of-nobody"))
    assert second["facts"]["obstacle_1"] == "deposit-differs: deposit-2 (-100 cents)"
    await office.close("2026-03", accept=("deposit-1", "deposit-2", "deposit-of-nobody"))
    [closing] = (await office.ask("GET", "/periods"))["items"]
    assert closing["accepted"] == ["deposit-1", "deposit-2"]


@pytest.mark.asyncio
async def test_a_reopened_month_takes_entries_again_and_is_known_as_it_was(office: Office) -> None:
    await march(office)
    assert (await office.ask("POST", "/periods/2026-03/reopen", {"reason": "bank-error"}, status=409))["code"] == (
        "period-not-closed"
    )
    await office.close("2026-03")
    await office.until(4, 3)
    await office.pay(10_00, "2026-03-29", payment="late", more={"late_entry": True})
    await office.until(4, 4)
    assert (await office.ask("POST", "/periods/2026-03/reopen", {}, status=422))["code"] == "malformed"
    await office.ask("POST", "/periods/2026-03/reopen", {"reason": "bank-error"})
    await office.until(4, 5)
    await office.pay(7_00, "2026-03-30", payment="on-its-day")
    assert (await office.books("2026-03-31"))["cash"] == 116_00 + 7_00  # the late one stays where it was posted
    assert await office.books("2026-03-31", known_at="2026-04-03") == MARCH
    await office.until(4, 6)
    await office.close("2026-03")
    closings = (await office.ask("GET", "/periods"))["items"]
    assert [(each["kind"], each["reason"], each["cash_cents"]) for each in closings] == [
        ("closed", "", 123_00),
        ("reopened", "bank-error", 0),
        ("closed", "", 116_00),
    ]
    await office.verify()


@pytest.mark.asyncio
async def test_what_was_recorded_this_moment_is_waited_for_and_not_left_out(office: Office) -> None:
    """On a clock that stands still nobody can say that nothing more comes with this stamp."""
    await office.say("charges", released(100_00))
    await office.settle()
    assert (await office.close("2026-03-05", status=409))["code"] == "not-known-yet"
    await office.until(3, 6)
    await office.close("2026-03-05")


@pytest.mark.asyncio
async def test_a_day_is_closed_by_a_real_clock(postgres_server: PostgresServer, tmp_path: Path) -> None:
    known: dict[str, ServiceRuntime] = {}
    builds = {name: _build(name, known) for name in (*NEIGHBOURS, "payments")}
    async with hosted(postgres_server, builds, tmp_path) as running:
        office = Office(running, known)
        await office.say("charges", released(100_00))
        await office.say("eligibility", self_pay())
        await office.settle()
        today = datetime.now(UTC).date()
        await office.close(str(today))
        assert await office.books(str(today)) == {"charges": -100_00, "receivable:patient": 100_00}
        await office.pay(20_00, str(today), payment="at-night", more={"late_entry": True})
        assert await office.books(str(today)) == {"charges": -100_00, "receivable:patient": 100_00}
        tomorrow = str(date.fromordinal(today.toordinal() + 1))
        assert (await office.books(tomorrow))["receivable:patient"] == 80_00
        await office.verify()
