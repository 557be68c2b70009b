"""Is a booked patient asked about by itself, for the right date, and is silence kept apart from an answer?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from services.charges.main import build as build_charges
from services.claims.domain.partner.commands import ListPartner
from services.claims.domain.partner.decider import partner as partner_decider
from services.eligibility.adapters.clearinghouse import HttpClearinghouse
from services.eligibility.main import build as build_eligibility
from services.eligibility.settings import EligibilitySettings
from shared.codecs.x12.eligibility_270_271 import (
    Answer,
    Benefit,
    EligibilityResponse,
    Member,
    Rejection,
    Trace,
    read_270,
    write_271,
)
from shared.codecs.x12.hierarchy import Beginning
from shared.runtime.clock import FileClock
from shared.runtime.command import Aggregate, Cause
from shared.runtime.service import ServiceParts, ServiceRuntime
from shared.testing.hosting import TENANT, Hosted, hosted
from shared.testing.infrastructure import PostgresServer
from tests.integration.charges.test_charges_service import list_everything
from tests.integration.eligibility.test_eligibility_service import AETNA, COVERAGE, ask, register, release, selections

NOON = datetime(2026, 5, 20, 17, tzinfo=UTC)
SETTINGS = EligibilitySettings(realtime_urls={"house": "https://house.example/realtime"}, patience_minutes=10)


@dataclass(slots=True)
class Payer:
    """A payer behind a clearinghouse: it answers with `benefits`, refuses with `rejection`, or is down."""

    benefits: tuple[Benefit, ...] = ()
    rejection: Rejection | None = None
    is_down: bool = False
    asked_for: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        (inquiry,) = read_270(request.content)
        (one,) = inquiry.inquiries
        self.asked_for.append(one.patient.dates[0].first_on.isoformat())
        if self.is_down:
            raise httpx.ConnectError("nobody there")
        trace = Trace(type="2", number=one.patient.traces[0].number, originator=one.patient.traces[0].originator)
        rejections = () if self.rejection is None else (self.rejection,)
        member = Member(party=one.subscriber.party, traces=(trace,), rejections=rejections)
        response = EligibilityResponse(
            envelope=inquiry.envelope,
            control_number="0001",
            beginning=Beginning(
                purpose="11", reference=inquiry.beginning.reference, created_at=NOON, transaction_type=""
            ),
            answers=(Answer(payer=one.payer, provider=one.provider, subscriber=member, benefits=self.benefits),),
        )
        return httpx.Response(200, content=write_271([response]))


@dataclass(slots=True, kw_only=True)
class Practice:
    services: Hosted
    payer: Payer
    clock: FileClock

    async def later(self, **duration: float) -> None:
        """Business time passes, and what becomes due is done."""
        self.clock.advance_to(self.clock.now() + timedelta(**duration))
        await self.services.settle()

    async def checks(self) -> list[dict[str, Any]]:
        return list((await ask(self.services, "GET", "/checks"))["items"])


def claims_with_a_partner(made: list[ServiceRuntime]) -> Callable[[ServiceRuntime], ServiceParts]:
    """As much of claims as tells who the partners are."""

    def build(runtime: ServiceRuntime) -> ServiceParts:
        made.append(runtime)
        return ServiceParts(aggregates=(_PARTNER,), projections=(), policies=())

    return build


_PARTNER_COMMAND = UUID(int=1)
_PARTNER = Aggregate(name="partner", decider=partner_decider)


@pytest_asyncio.fixture(loop_scope="session")
async def practice(postgres_server: PostgresServer, tmp_path: Path) -> AsyncIterator[Practice]:
    payer, claims = Payer(), list[ServiceRuntime]()
    clock = FileClock(tmp_path / "clock", start=NOON)
    house = HttpClearinghouse(SETTINGS, transport=httpx.MockTransport(payer))
    builds = {
        "charges": build_charges,
        "claims": claims_with_a_partner(claims),
        "eligibility": partial(build_eligibility, settings=SETTINGS, clearinghouse=house),
    }
    async with hosted(postgres_server, builds, tmp_path, clock="driven") as services:
        await list_everything(services)
        listed = ListPartner(
            partner_id="house", name="House", transport="http", sender_id="CLINIC01", receiver_id="HOUSE01"
        )
        cause = Cause(tenant=TENANT, actor="user:test", command_id=_PARTNER_COMMAND, correlation_id="test")
        await claims[0].commands.handle(_PARTNER, "house", listed, cause)
        await ask(services, "PUT", "/payers/aetna", AETNA)
        await services.settle()
        yield Practice(services=services, payer=payer, clock=clock)


async def book(practice: Practice, patient_id: str, day: str = "2026-06-01") -> None:
    body = {"appointment_id": "a1", "patient_id": patient_id, "starts_at": f"{day}T14:00:00-05:00"}
    await ask(practice.services, "POST", "/appointments", body)
    await practice.services.settle()


@pytest.mark.asyncio
async def test_a_booked_patient_is_asked_about_at_once_for_the_day_of_the_visit(practice: Practice) -> None:
    practice.payer.benefits = (
        Benefit(information="1", service_types=("30",), plan="GOLD"),
        Benefit(information="C", coverage_level="IND", service_types=("30",), period="23", amount_cents=1000_00),
        Benefit(information="C", coverage_level="IND", service_types=("30",), period="29"),
    )
    patient_id = await register(practice.services)
    await ask(practice.services, "POST", f"/patients/{patient_id}/coverages", COVERAGE)
    await book(practice, patient_id)
    assert practice.payer.asked_for == ["2026-06-01"]
    [check] = await practice.checks()
    assert (check["state"], check["status"], check["service_on"]) == ("answered", "active", "2026-06-01")
    found = await ask(practice.services, "GET", f"/patients/{patient_id}/coverage?on=2026-06-01")
    [coverage] = found["coverages"]
    assert coverage["payer_says"] == "active"
    assert [row["amount_cents"] for row in coverage["benefits"]] == [None, 1000_00, None]
    other_day = await ask(practice.services, "GET", f"/patients/{patient_id}/coverage?on=2026-06-02")
    assert other_day["coverages"][0]["payer_says"] == "not-asked"


@pytest.mark.asyncio
async def test_who_comes_soon_without_an_answer_is_listed_with_the_last_question(practice: Practice) -> None:
    async def listed(days: int = 14) -> list[Any]:
        page = await ask(practice.services, "GET", f"/appointments/unanswered?days={days}")
        return [(row["patient_id"], row["check_state"], len(row["rejections"] or ())) for row in page["items"]]

    practice.payer.rejection = Rejection(reason="72", follow_up="C")
    patient_id = await register(practice.services)
    await book(practice, patient_id)
    assert await listed() == [(patient_id, None, 0)]  # no coverage, so nobody was asked
    assert await listed(days=11) == []
    await ask(practice.services, "POST", f"/patients/{patient_id}/coverages", COVERAGE)
    await practice.services.settle()
    assert await listed() == [(patient_id, "rejected", 1)]
    practice.payer.rejection = None
    practice.payer.benefits = (Benefit(information="1", service_types=("30",)),)
    [check] = await practice.checks()
    await ask(practice.services, "POST", f"/checks/{check['check_id']}/again")
    await practice.services.settle()
    assert await listed() == []


@pytest.mark.asyncio
async def test_a_coverage_that_comes_after_the_booking_is_asked_about(practice: Practice) -> None:
    practice.payer.benefits = (Benefit(information="6", service_types=("30",)),)
    patient_id = await register(practice.services)
    await book(practice, patient_id)
    assert practice.payer.asked_for == []
    for _ in range(2):
        await ask(practice.services, "POST", f"/patients/{patient_id}/coverages", COVERAGE)
        await practice.services.settle()
    assert practice.payer.asked_for == ["2026-06-01"]
    assert (await practice.checks())[0]["status"] == "inactive"


@pytest.mark.asyncio
async def test_charges_of_a_coverage_called_inactive_wait_until_the_payer_says_otherwise(practice: Practice) -> None:
    practice.payer.benefits = (Benefit(information="6", service_types=("30",)),)
    patient_id = await register(practice.services)
    await ask(practice.services, "POST", f"/patients/{patient_id}/coverages", COVERAGE)
    await book(practice, patient_id)
    await practice.later(days=13)
    await release(practice.services, patient_id)
    [row] = await selections(practice.services, "held")
    assert (row["reason"], row["references"]) == ("coverage-inactive", ["c1"])
    practice.payer.benefits = (Benefit(information="1", service_types=("30",)),)
    await practice.later(hours=1)
    check = (await practice.checks())[0]
    await ask(practice.services, "POST", f"/checks/{check['check_id']}/again")
    await practice.services.settle()
    assert await selections(practice.services, "held") == []
    assert len(await selections(practice.services, "selected")) == 1


@pytest.mark.asyncio
async def test_silence_ends_unanswered_is_tried_again_and_is_never_called_inactive(practice: Practice) -> None:
    practice.payer.is_down = True
    patient_id = await register(practice.services)
    await ask(practice.services, "POST", f"/patients/{patient_id}/coverages", COVERAGE)
    await book(practice, patient_id)
    [check] = await practice.checks()
    assert check["state"] == "open"
    await practice.later(minutes=11)
    [check] = await practice.checks()
    assert (check["state"], check["status"]) == ("unanswered", None)
    practice.payer.is_down = False
    practice.payer.benefits = (Benefit(information="1", service_types=("30",)),)
    await practice.later(minutes=16)
    [check] = await practice.checks()
    assert (check["state"], check["status"], check["attempt"]) == ("answered", "active", 2)


@pytest.mark.asyncio
async def test_a_rejection_keeps_its_loop_and_does_not_hide_the_coverage(practice: Practice) -> None:
    practice.payer.rejection = Rejection(reason="75", follow_up="C")
    patient_id = await register(practice.services)
    await ask(practice.services, "POST", f"/patients/{patient_id}/coverages", COVERAGE)
    await book(practice, patient_id)
    [check] = await practice.checks()
    assert (check["state"], check["may_retry"]) == ("rejected", False)
    assert check["rejections"] == [{"loop": "2100C", "reason": "75", "follow_up": "C"}]
    found = await ask(practice.services, "GET", f"/patients/{patient_id}/coverage?on=2026-06-01")
    assert found["coverages"][0]["is_recorded_active"] is True
    assert found["coverages"][0]["payer_says"] == "rejected"


@pytest.mark.asyncio
async def test_the_night_before_the_payer_is_asked_once_more(practice: Practice) -> None:
    practice.payer.benefits = (Benefit(information="1", service_types=("30",)),)
    patient_id = await register(practice.services)
    await ask(practice.services, "POST", f"/patients/{patient_id}/coverages", COVERAGE)
    await book(practice, patient_id)
    await practice.later(days=12)
    assert practice.payer.asked_for == ["2026-06-01", "2026-06-01"]
    assert sorted(check["why"] for check in await practice.checks()) == ["appointment", "the night before"]


@pytest.mark.asyncio
async def test_an_answer_that_comes_by_file_finds_its_check(practice: Practice) -> None:
    practice.payer.is_down = True
    patient_id = await register(practice.services)
    await ask(practice.services, "POST", f"/patients/{patient_id}/coverages", COVERAGE)
    asked = {"patient_id": patient_id, "coverage_id": "c1", "service_on": "2026-05-20"}
    check_id = (await ask(practice.services, "POST", "/checks", asked))["stream"].removeprefix("eligibility-check/")
    await practice.services.settle()
    trace = f"{check_id.replace('-', '').upper()}01"
    body = (
        "ISA*00*          *00*          *ZZ*HOUSE01        *ZZ*CLINIC01       *260520*1201*^*00501*000000055*0*T*:~"
        "GS*HB*HOUSE01*CLINIC01*20260520*1201*55*X*005010X279A1~ST*271*0001*005010X279A1~"
        f"BHT*0022*11*{trace}*20260520*1201~HL*1**20*1~NM1*PR*2*AETNA*****PI*60054~AAA*N**42*R~"
        "SE*6*0001~GE*1*55~IEA*1*000000055~"
    )
    answer = await practice.services.http.post(
        "/api/eligibility/answers",
        content=body,
        headers={"Idempotency-Key": "file-1", "content-type": "application/edi-x12"},
    )
    assert (answer.status_code, answer.json()) == (201, {"check_ids": [check_id], "problems": []})
    await practice.services.settle()
    [check] = await practice.checks()
    assert (check["state"], check["may_retry"]) == ("rejected", True)
