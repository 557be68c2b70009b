"""The collections service with its neighbours' events: the ledger, registrations, the practice's name; and days that pass."""

from __future__ import annotations

import csv
import warnings
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from msgspec import structs

from services.collections.main import build
from services.collections.settings import CollectionsSettings
from shared.events.base import Event, Sealed
from shared.events.charges import OrganizationListed
from shared.events.eligibility import PatientRegistered, PatientRetired
from shared.events.payments import (
    AccountMovedToAgency,
    AdjustmentApproved,
    ChargesPosted,
    PaymentApplied,
    RefundIssued,
    ResponsibilityTransferred,
)
from shared.events.values import Address, Person, PersonName, Posting, ProviderIdentity
from shared.kernel.decider import Decider
from shared.runtime.clock import FileClock
from shared.runtime.command import Aggregate, Cause
from shared.runtime.service import ServiceParts, ServiceRuntime
from shared.testing.hosting import TENANT, Hosted, hosted
from shared.testing.infrastructure import PostgresServer

told: Aggregate = Aggregate(
    name="told", decider=Decider(decide=lambda event, _: [event], evolve=lambda state, _: state, initial=None)
)
NEIGHBOURS = ("payments", "eligibility", "charges")
MONDAY = datetime(2026, 3, 2, 15, tzinfo=UTC)
FIRST = date(2026, 3, 4)


class World:
    """Collections, and what its neighbours say."""

    def __init__(self, running: Hosted, neighbours: dict[str, ServiceRuntime]) -> None:
        self.running = running
        self._neighbours = neighbours

    async def say(self, service: str, *events: Event) -> None:
        for event in events:
            cause = Cause(tenant=TENANT, actor="test", command_id=uuid4(), correlation_id="test")
            key = getattr(event, "account_id", "x")
            await self._neighbours[service].commands.handle(told, key, event, cause)
        await self.running.settle()

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        found = await self.running.ask(method, f"/api/collections{path}", body, **options)
        if method != "GET":
            await self.running.settle()
        return found

    async def move_to(self, day: date) -> None:
        """The afternoon of this day, once what it brings is done."""
        clock = self.running.platform.clock
        assert isinstance(clock, FileClock)
        clock.advance_to(datetime.combine(day, MONDAY.time(), UTC))
        await self.running.settle()

    async def patient(self) -> Any:
        return await self.ask("GET", "/patients/patient-1")

    async def statements(self) -> list[Any]:
        return list(reversed((await self.ask("GET", "/statements?patient_id=patient-1"))["items"]))

    async def verify(self) -> None:
        report = await self.ask("GET", "/ops/verify")
        assert report["ok"], [check for check in report["checks"] if check["violations"]]


def _neighbour(name: str, known: dict[str, ServiceRuntime]) -> Callable[[ServiceRuntime], ServiceParts]:
    def build_it(runtime: ServiceRuntime) -> ServiceParts:
        known[name] = runtime
        return ServiceParts(aggregates=(told,), projections=(), policies=())

    return build_it


def build_and_print(runtime: ServiceRuntime) -> ServiceParts:
    return build(runtime, CollectionsSettings(print_statements="when-issued"))


@pytest_asyncio.fixture(loop_scope="session")
async def world(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[World]:
    known: dict[str, ServiceRuntime] = {}
    FileClock(tmp_path / "clock", start=MONDAY)
    builds = {name: _neighbour(name, known) for name in NEIGHBOURS}
    async with hosted(postgres_server, {**builds, "collections": build_and_print}, tmp_path, clock="driven") as running:
        yield World(running, known)


def charged(account: str) -> ChargesPosted:
    return ChargesPosted(
        account_id=account,
        encounter_id=f"encounter-of-{account}",
        patient_id="patient-1",
        release=1,
        service_on=date(2026, 2, 2),
        lines=(),
        charged_cents=200_00,
        postings=(
            Posting(account="receivable:payer:1", amount_cents=200_00),
            Posting(account="charges", amount_cents=-200_00),
        ),
    )


def transferred(cents: int, account: str = "ACCOUNT-A", reason: str = "deductible") -> ResponsibilityTransferred:
    return ResponsibilityTransferred(
        account_id=account,
        patient_id="patient-1",
        from_party="payer:1",
        to_party="patient",
        amount_cents=cents,
        reason=reason,
        since_on=date(2026, 3, 2),
        postings=(
            Posting(account="receivable:patient", amount_cents=cents),
            Posting(account="receivable:payer:1", amount_cents=-cents),
        ),
    )


def paid(cents: int, account: str = "ACCOUNT-A") -> PaymentApplied:
    return PaymentApplied(
        account_id=account,
        patient_id="patient-1",
        payment_id="payment-1",
        allocation=1,
        amount_cents=cents,
        postings=(
            Posting(account="allocated", amount_cents=cents),
            Posting(account="receivable:patient", amount_cents=-cents),
        ),
    )


def written_off(cents: int, account: str = "ACCOUNT-A", reason: str = "small-balance") -> AdjustmentApproved:
    return AdjustmentApproved(
        account_id=account,
        adjustment_id="adjustment-1",
        party="patient",
        reason=reason,
        amount_cents=cents,
        approved_by="user:manager",
        postings=(
            Posting(account=f"write-off:{reason}", amount_cents=cents),
            Posting(account="receivable:patient", amount_cents=-cents),
        ),
    )


def moved_to_agency(cents: int, placement_id: str, account: str = "ACCOUNT-A") -> AccountMovedToAgency:
    return AccountMovedToAgency(
        account_id=account,
        placement_id=placement_id,
        amount_cents=cents,
        postings=(
            Posting(account="receivable:agency", amount_cents=cents),
            Posting(account="receivable:patient", amount_cents=-cents),
        ),
    )


@pytest.mark.asyncio
async def test_the_worklist_shows_what_the_ledger_says_the_patient_owes(world: World) -> None:
    await world.say("payments", charged("ACCOUNT-A"), transferred(80_00), written_off(5_00))
    row = (await world.ask("GET", "/worklist"))["items"][0]
    assert (row["account_id"], row["balance_cents"], row["next_step"], row["next_on"]) == (
        "ACCOUNT-A",
        75_00,
        "statement",
        FIRST.isoformat(),
    )
    detail = await world.patient()
    assert [(change["change_cents"], change["reason"]) for change in detail["changes"]] == [
        (80_00, "deductible"),
        (-5_00, "adjustment-small-balance"),
    ]
    assert (detail["owed_cents"], detail["accounts"][0]["service_on"]) == (75_00, "2026-02-02")
    await world.verify()


@pytest.mark.asyncio
async def test_statements_go_out_by_themselves_until_the_account_may_be_placed(world: World) -> None:
    await world.say("payments", charged("ACCOUNT-A"), transferred(80_00))
    for days in (0, 30, 60, 90, 91):
        await world.move_to(FIRST + timedelta(days=days))
    assert len(await world.running.events("collections", "StatementIssued")) == 4
    early = {"account_id": "ACCOUNT-A", "agency": "agency-1"}
    refusal = await world.ask("POST", "/patients/patient-1/placements", early, status=409)
    assert (refusal["code"], refusal["facts"]["gate"]) == ("gate-open", "final-notice")
    await world.move_to(FIRST + timedelta(days=120))
    placed = await world.ask("POST", "/patients/patient-1/placements", early)
    await world.say("payments", moved_to_agency(80_00, placed["id"]))
    detail = await world.patient()
    assert (detail["owed_cents"], detail["placements"][0]["state"], detail["next"]["gate"]) == (0, "placed", "placed")
    path = "/api/collections/placements/file?agency=agency-1"
    unknown = list(csv.DictReader((await world.running.http.get(path)).text.splitlines()))
    await world.say(
        "eligibility", registered("patient-2"), PatientRetired(patient_id="patient-1", survivor_patient_id="patient-2")
    )
    known = list(csv.DictReader((await world.running.http.get(path)).text.splitlines()))
    assert [(row["placement_id"], row["amount"], row["last"]) for row in (*unknown, *known)] == [
        (placed["id"], "80.00", ""),
        (placed["id"], "80.00", "Doe"),
    ]
    assert (await world.running.http.get(path.replace("agency-1", "agency-2"))).text.count("\n") == 1
    await world.verify()


def of_patient(patient_id: str, event: Any) -> Any:
    return structs.replace(event, patient_id=patient_id)


@pytest.mark.parametrize("order", ["charges first", "merge first"])
@pytest.mark.asyncio
async def test_after_a_merge_both_registrations_are_worked_as_one_account(world: World, order: str) -> None:
    merge = PatientRetired(patient_id="patient-2", survivor_patient_id="patient-1")
    retired = [of_patient("patient-2", each) for each in (charged("ACCOUNT-B"), transferred(30_00, "ACCOUNT-B"))]
    await world.say("payments", charged("ACCOUNT-A"), transferred(80_00))
    if order == "merge first":
        await world.say("eligibility", merge)
    await world.say("payments", *retired)
    if order == "charges first":
        note = {"outcome_code": "no-answer", "note": "call the daughter"}
        await world.ask("POST", "/patients/patient-2/contacts", note)
        await world.say("eligibility", merge)
    for patient_id in ("patient-1", "patient-2"):
        found = await world.ask("GET", f"/patients/{patient_id}")
        assert (found["patient_id"], found["also_known_as"], found["owed_cents"]) == (
            "patient-1",
            ["patient-2"],
            110_00,
        )
        assert sorted(each["change_cents"] for each in found["changes"]) == [30_00, 80_00]
    worked = (await world.ask("GET", "/worklist"))["items"]
    assert [(each["account_id"], each["patient_id"]) for each in worked] == [
        ("ACCOUNT-A", "patient-1"),
        ("ACCOUNT-B", "patient-1"),
    ]
    body = {"account_ids": ["ACCOUNT-B"], "reason_code": "not-mine", "note": "says it is a twin's"}
    dispute = await world.ask("POST", "/patients/patient-2/disputes", body)  # a page from before the merge
    notes = await world.ask("GET", "/patients/patient-2/notes")
    assert "says it is a twin's" in [each["text"] for each in notes]
    assert ("call the daughter" in [each["text"] for each in notes]) == (order == "charges first")
    await world.move_to(FIRST)
    rejected = {"outcome": "rejected", "reason": "it is theirs"}
    await world.ask("POST", f"/patients/patient-1/disputes/{dispute['id']}/resolve", rejected)
    await world.move_to(FIRST + timedelta(days=30))
    assert [(each["patient_id"], each["due_cents"]) for each in await world.statements()] == [
        ("patient-1", 80_00),
        ("patient-1", 110_00),
    ]
    await world.say("payments", of_patient("patient-2", paid(30_00, "ACCOUNT-B")))
    assert (await world.patient())["owed_cents"] == 80_00
    await world.verify()


@pytest.mark.asyncio
async def test_a_plan_stops_the_statements_and_is_completed_by_payment(world: World) -> None:
    await world.say("payments", charged("ACCOUNT-A"), transferred(100_00))
    body = {"instalments": 3, "first_due_on": "2026-04-01"}
    plan = await world.ask("POST", "/patients/patient-1/plans", body, headers={"Idempotency-Key": "plan-1"})
    again = await world.ask("POST", "/patients/patient-1/plans", body, headers={"Idempotency-Key": "plan-1"})
    assert (again["id"], again["is_repeat"]) == (plan["id"], True)
    await world.move_to(date(2026, 3, 20))
    assert await world.running.events("collections", "StatementIssued") == []
    detail = await world.patient()
    assert [each["amount_cents"] for each in detail["plans"][0]["instalments"]] == [33_33, 33_33, 33_34]
    await world.say("payments", paid(100_00))
    detail = await world.patient()
    assert (detail["plans"][0]["state"], detail["owed_cents"]) == ("completed", 0)
    await world.verify()


@pytest.mark.asyncio
async def test_a_dispute_pauses_its_account_and_is_overdue_when_nobody_answers(world: World) -> None:
    await world.say("payments", charged("ACCOUNT-A"), transferred(100_00))
    body = {"account_ids": ["ACCOUNT-A"], "reason_code": "not-mine", "note": "says it was her sister"}
    dispute = await world.ask("POST", "/patients/patient-1/disputes", body)
    await world.move_to(date(2026, 4, 2))
    assert await world.running.events("collections", "StatementIssued") == []
    assert (await world.ask("GET", "/disputes?state=overdue"))["items"][0]["case_id"] == dispute["id"]
    answer = {"outcome": "rejected", "reason": "the visit is documented"}
    await world.ask("POST", f"/patients/patient-1/disputes/{dispute['id']}/resolve", answer)
    await world.move_to(date(2026, 4, 3))
    assert len(await world.running.events("collections", "StatementIssued")) == 1
    await world.verify()


@pytest.fixture
def layout() -> None:
    """WeasyPrint, imported once with its own imports' warnings let pass; skipped where the system's libraries are missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("weasyprint", reason="the libraries for laying out pages are not here", exc_type=OSError)


@pytest.mark.usefixtures("layout")
@pytest.mark.asyncio
async def test_a_letter_waits_for_its_addressee_and_is_then_kept_as_it_was_sent(world: World) -> None:
    await world.say("charges", practice())
    await world.say("payments", charged("ACCOUNT-A"), transferred(80_00))
    await world.move_to(FIRST)
    statement = (await world.statements())[0]
    assert (statement["due_cents"], statement["document_id"]) == (80_00, None)
    await world.ask("GET", f"/statements/{statement['statement_id']}/pdf", status=409)
    await world.say("eligibility", registered())
    printed = (await world.statements())[0]
    assert printed["document_id"]
    path = f"/api/collections/statements/{statement['statement_id']}/pdf"
    once, again = [await world.running.http.get(path) for _ in range(2)]
    large = await world.running.http.get(f"{path}?large_type=true")
    assert (once.status_code, once.headers["content-type"], once.content[:5]) == (200, "application/pdf", b"%PDF-")
    assert (once.content == again.content, once.content == large.content, large.status_code) == (True, False, 200)
    await world.verify()


@pytest.mark.asyncio
async def test_a_hold_a_promise_and_a_contact_are_seen_on_the_patients_page(world: World) -> None:
    await world.say("payments", charged("ACCOUNT-A"), transferred(80_00))
    at = "/patients/patient-1"
    await world.ask("POST", f"{at}/promises", {"amount_cents": 80_00, "by_on": "2026-03-10"})
    await world.ask("POST", f"{at}/contacts", {"outcome_code": "will-pay", "note": "says the cheque is in the mail"})
    await world.ask("POST", f"{at}/holds", {"hold": "litigation", "reason": "letter of an attorney"})
    detail = await world.patient()
    assert (detail["next"]["next_step"], detail["next"]["gate"]) == ("paused", "litigation")
    assert (detail["promises"][0]["state"], detail["contacts"][0]["next_action_on"]) == ("open", "2026-03-16")
    assert "note_token" not in detail["contacts"][0]
    assert [note["text"] for note in await world.ask("GET", f"{at}/notes")] == ["says the cheque is in the mail"]
    assert "payment-plan" not in detail["options"]
    refusal = await world.ask("POST", f"{at}/statements", status=409)
    assert refusal["facts"]["gate"] == "litigation"
    await world.ask("POST", f"{at}/holds/litigation/lift", {"reason": "settled"})
    await world.move_to(date(2026, 3, 14))
    assert (await world.patient())["promises"][0]["state"] == "broken"
    assert len(await world.statements()) == 1
    text = b"".join(stored.data for stored in await world.running.events("collections"))
    assert b"cheque" not in text
    await world.ask("POST", f"{at}/holds", {"hold": "because", "reason": "x"}, status=422)
    await world.verify()


@pytest.mark.asyncio
async def test_the_simulation_says_what_the_strategy_would_send_and_bring_in(world: World) -> None:
    await world.say("payments", charged("ACCOUNT-A"), transferred(80_00), charged("ACCOUNT-B"))
    await world.say("payments", transferred(20_00, "ACCOUNT-B", reason="copay"))
    found = await world.ask("GET", "/simulation?days=10")
    assert (found["patients"], found["steps"][0]["letters"], found["steps"][0]["billed_cents"]) == (1, 1, 100_00)
    assert found["expected_cents"] == 35_00
    none = await world.ask("GET", "/simulation?days=10&minimum_cents=20000")
    assert none["expected_cents"] == 0
    assert await world.running.events("collections", "StatementIssued") == []


@pytest.mark.asyncio
async def test_an_account_stays_with_the_patient_that_was_named_first(world: World) -> None:
    await world.say("payments", charged("ACCOUNT-A"), transferred(80_00))
    merged = PaymentApplied(**{**_fields(paid(30_00)), "patient_id": "patient-2"})
    await world.say("payments", merged, refunded(10_00))
    assert (await world.patient())["owed_cents"] == 60_00
    await world.ask("GET", "/patients/patient-2", status=404)


@pytest.mark.asyncio
async def test_the_worklist_comes_in_pages_in_one_order(world: World) -> None:
    names = [f"ACCOUNT-{letter}" for letter in "ABCDE"]
    for count, name in enumerate(names, start=1):
        await world.say("payments", charged(name), transferred(count * 10_00, name))
    seen, cursor = [], ""
    while True:
        found = await world.ask("GET", f"/worklist?limit=2{cursor}")
        seen += [row["account_id"] for row in found["items"]]
        if not found["next"]:
            break
        cursor = f"&cursor={found['next']}"
    assert seen == list(reversed(names))  # one day for all: the larger amount first
    assert (await world.ask("GET", "/worklist?due_by=2026-03-03"))["items"] == []
    assert len((await world.ask("GET", "/worklist?due_by=2026-03-04&step=statement"))["items"]) == 5


def practice() -> OrganizationListed:
    clinic = ProviderIdentity(
        provider_id="clinic",
        npi="1234567893",
        last_or_organisation="CLINIC",
        is_person=False,
        address=Address(line_1="1 High Street", city="Springfield", state="IL", postal_code="627010001"),
        phone="2175550100",
    )
    return OrganizationListed(organization=clinic)


def registered(patient_id: str = "patient-1") -> PatientRegistered:
    person = Person(name=PersonName(last="Doe", first="Ann"), address=Address(line_1="2 Low Road", city="Springfield"))
    return PatientRegistered(
        patient_id=patient_id,
        medical_record_number=Sealed.fresh(patient_id, "medical-record-number", "1234"),
        person=Sealed.fresh(patient_id, "person", person),
    )


def refunded(cents: int, account: str = "ACCOUNT-A") -> RefundIssued:
    return RefundIssued(
        account_id=account,
        refund_id="refund-1",
        to_party="patient",
        amount_cents=cents,
        postings=(
            Posting(account="receivable:patient", amount_cents=cents),
            Posting(account="refunds", amount_cents=-cents),
        ),
    )


def _fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}
