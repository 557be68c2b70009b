"""Is the question written for the right person and date, and is nothing read into the answer?"""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx
import pytest
from msgspec import structs

from services.eligibility.adapters.clearinghouse import Circuit, HttpClearinghouse, NotAnswered
from services.eligibility.adapters.x12_eligibility import Inquiry, read_answers, write_inquiry
from services.eligibility.domain.eligibility_check.decider import RecordAnswer, RecordRejection, trace_number
from services.eligibility.settings import EligibilitySettings
from shared.codecs.x12.eligibility_270_271 import read_270
from shared.codecs.x12.problems import Problems
from shared.events.batches import PartnerListed
from shared.events.eligibility import EligibilityRequested, Rejection271
from shared.events.values import Person, PersonName, ProviderIdentity
from tests.unit.eligibility.stories import AETNA, ANN, MONDAY, NOON

CHECK = "11111111-2222-4333-8444-555555555555"
TRACE = trace_number(CHECK, 1)
ANN_POE = Person(name=PersonName(last="POE", first="ANN"), birth_on=date(1980, 4, 2), sex="F")
TIM_POE = Person(name=PersonName(last="POE", first="TIM"), birth_on=date(2015, 7, 7), sex="M")
HOUSE = PartnerListed(
    partner_id="house", name="House", transport="http", sender_id="CLINIC01", receiver_id="HOUSE01", usage="T"
)
CLINIC = ProviderIdentity(
    provider_id="clinic", npi="1234567893", last_or_organisation="RIVERSIDE", is_person=False, tax_id="123456789"
)
ASKED = EligibilityRequested(
    check_id=CHECK,
    patient_id=ANN,
    coverage_id="c1",
    payer_id="aetna",
    partner_id="house",
    service_on=MONDAY,
    trace_number=TRACE,
    why="appointment",
)


def inquiry(**changes: Any) -> Inquiry:
    told: dict[str, Any] = {
        "asked": ASKED,
        "payer": AETNA,
        "partner": HOUSE,
        "provider": CLINIC,
        "patient": ANN_POE,
        "subscriber": None,
        "relationship": "18",
        "member_number": "MEM001",
        "written_at": NOON,
    }
    return Inquiry(**(told | changes))


def test_the_question_is_about_the_patient_on_the_date_of_service() -> None:
    problems = Problems()
    (asked,) = read_270(write_inquiry(inquiry()), problems)
    assert problems == []
    (one,) = asked.inquiries
    assert (one.payer.party.id, one.provider.party.id) == ("60054", "1234567893")
    assert (one.subscriber.party.name, one.subscriber.party.id, one.dependent) == ("POE", "MEM001", None)
    assert one.patient.dates[0].first_on == MONDAY
    assert [trace.number for trace in one.patient.traces] == [TRACE]
    assert one.patient.traces[0].originator == "1123456789"


def test_a_dependant_is_asked_about_under_the_subscriber() -> None:
    asked_for = inquiry(patient=TIM_POE, subscriber=ANN_POE, relationship="19")
    (asked,) = read_270(write_inquiry(asked_for))
    (one,) = asked.inquiries
    assert (one.subscriber.party.first_name, one.subscriber.party.id) == ("ANN", "MEM001")
    assert one.dependent is not None
    assert (one.dependent.party.first_name, one.dependent.relationship) == ("TIM", "19")
    assert one.subscriber.traces == ()


# --- answers ----------------------------------------------------------------------------------------------------------


def answered(*segments: str, reference: str = TRACE) -> bytes:
    body = [
        "ST*271*0001*005010X279A1",
        f"BHT*0022*11*{reference}*20260601*1201",
        "HL*1**20*1",
        "NM1*PR*2*AETNA*****PI*60054",
        *segments,
    ]
    envelope = [
        "ISA*00*          *00*          *ZZ*HOUSE01        *ZZ*CLINIC01       *260601*1201*^*00501*000000055*0*T*:",
        "GS*HB*HOUSE01*CLINIC01*20260601*1201*55*X*005010X279A1",
    ]
    closing = [f"SE*{len(body) + 1}*0001", "GE*1*55", "IEA*1*000000055"]
    return "".join(f"{segment}~" for segment in [*envelope, *body, *closing]).encode()


MEMBER = (
    "HL*2*1*21*1",
    "NM1*1P*2*RIVERSIDE*****XX*1234567893",
    "HL*3*2*22*0",
    f"TRN*2*{TRACE}*1123456789",
    "NM1*IL*1*POE*ANN****MI*MEM001",
)


def said(*segments: str) -> RecordAnswer | RecordRejection:
    answers = read_answers(answered(*MEMBER, *segments), "d" * 64)
    assert answers.problems == ()
    ((check_id, command),) = answers.recorded
    assert check_id == CHECK
    return command


def test_what_the_payer_left_out_is_unknown_and_never_zero() -> None:
    command = said(
        "EB*1*IND*30**GOLD PLAN", "EB*C*IND*30***23*1000*****Y", "EB*C*IND*30***29", "EB*A*IND*98*****.2****W"
    )
    assert isinstance(command, RecordAnswer)
    assert command.status == "active"
    total, remaining, share = command.benefits[1:]
    assert (total.amount_cents, remaining.amount_cents, remaining.period) == (1000_00, None, "29")
    assert (share.patient_share, share.amount_cents, share.in_network) == ("0.2", None, "W")
    assert remaining.in_network == ""


def test_a_deductible_that_is_met_is_zero_and_not_unknown() -> None:
    command = said("EB*1**30", "EB*C*IND*30***29*0")
    assert isinstance(command, RecordAnswer)
    assert command.benefits[1].amount_cents == 0


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        (("EB*1**30",), "active"),
        (("EB*6**30",), "inactive"),
        (("EB*6**30", "EB*1**35"), "inactive"),
        (("EB*R**30",), "unknown"),
        (("EB*V**30",), "unknown"),
        (("EB*1**98",), "active"),
    ],
)
def test_the_plan_decides_the_status_and_nothing_is_concluded_from_other_rows(
    rows: tuple[str, ...], status: str
) -> None:
    command = said(*rows)
    assert isinstance(command, RecordAnswer)
    assert command.status == status


def test_a_member_who_is_not_found_is_a_rejection_with_its_loop() -> None:
    command = said("AAA*N**75*C")
    assert isinstance(command, RecordRejection)
    assert command.rejections == (Rejection271(loop="2100C", reason="75", follow_up="C"),)


def test_a_payer_that_is_down_rejects_without_naming_a_member() -> None:
    answers = read_answers(answered("AAA*N**42*R"), "d" * 64)
    ((check_id, command),) = answers.recorded
    assert check_id == CHECK
    assert isinstance(command, RecordRejection)
    assert command.rejections == (Rejection271(loop="2100A", reason="42", follow_up="R"),)


def test_an_answer_to_somebody_elses_question_is_named_and_not_recorded() -> None:
    answers = read_answers(answered("AAA*N**42*R", reference="ANOTHER"), "d" * 64)
    assert answers.recorded == ()
    assert [problem.rule for problem in answers.problems] == ["TRN*2 names a question of ours"]


def test_something_that_is_no_answer_at_all_records_nothing() -> None:
    answers = read_answers(b"<html>Service Unavailable</html>", "d" * 64)
    assert answers.recorded == ()
    assert answers.problems


# --- the connection ---------------------------------------------------------------------------------------------------


def clearinghouse(handler: Any, circuit: Circuit | None = None) -> HttpClearinghouse:
    settings = EligibilitySettings(realtime_urls={"house": "https://house.example/realtime"})
    return HttpClearinghouse(settings, transport=httpx.MockTransport(handler), circuit=circuit)


@pytest.mark.asyncio
async def test_a_question_is_posted_as_x12_and_the_answer_comes_back_as_it_is() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"ISA*answer")

    assert await clearinghouse(handler).ask("house", "aetna", b"ISA*question") == b"ISA*answer"
    assert (seen[0].headers["content-type"], seen[0].content) == ("application/edi-x12", b"ISA*question")


@pytest.mark.asyncio
async def test_a_payer_that_fails_again_and_again_is_left_alone_for_a_while() -> None:
    now, calls = [0.0], []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(200 if now[0] >= 60 else 503, content=b"ISA")

    house = clearinghouse(handler, Circuit(failures_max=2, seconds=60, now=lambda: now[0]))
    for _ in range(4):
        with pytest.raises(NotAnswered):
            await house.ask("house", "aetna", b"ISA")
    assert len(calls) == 2
    with pytest.raises(NotAnswered, match="HTTPStatusError"):
        await house.ask("house", "medicare", b"ISA")  # another payer is still asked
    now[0] = 61.0
    assert await house.ask("house", "aetna", b"ISA") == b"ISA"
    assert await house.ask("house", "aetna", b"ISA") == b"ISA"


@pytest.mark.asyncio
async def test_a_partner_without_a_real_time_address_is_not_asked() -> None:
    with pytest.raises(NotAnswered):
        await clearinghouse(lambda request: httpx.Response(200)).ask("mail", "aetna", b"ISA")


def test_two_attempts_of_one_question_differ_in_trace_and_control_number() -> None:
    second = inquiry(asked=structs.replace(ASKED, attempt=2, trace_number=trace_number(CHECK, 2)))
    (one,), (two,) = read_270(write_inquiry(inquiry())), read_270(write_inquiry(second))
    assert one.envelope.interchange_control_number != two.envelope.interchange_control_number
