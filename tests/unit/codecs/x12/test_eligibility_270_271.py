"""Is a coverage question written as asked, and is the answer read without inventing anything?"""

from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codecs.x12.elements import Address, Dated, Party, Procedure, Reference
from shared.codecs.x12.eligibility_270_271 import (
    Answer,
    Benefit,
    EligibilityInquiry,
    EligibilityResponse,
    Inquiry,
    Member,
    Participant,
    Question,
    Rejection,
    Trace,
    read_270,
    read_271,
    write_270,
    write_271,
)
from shared.codecs.x12.envelope import Envelope
from shared.codecs.x12.hierarchy import Beginning
from shared.codecs.x12.problems import Problems
from tests.unit.codecs.x12.examples import harmed

HEADER = "ISA*00*          *00*          *ZZ*CLINIC01       *ZZ*PAYER01        *260110*0800*^*00501*000000055*0*T*:~\n"

ASKED = (
    HEADER
    + """GS*HS*CLINIC01*PAYER01*20260110*0800*55*X*005010X279A1~
ST*270*0001*005010X279A1~
BHT*0022*13*ASK55*20260110*080000~
HL*1**20*1~
NM1*PR*2*EVERGREEN HEALTH*****PI*EVG01~
HL*2*1*21*1~
NM1*1P*2*RIVERSIDE CLINIC*****XX*1234567893~
HL*3*2*22*0~
TRN*1*TRACE1*9CLINIC001~
NM1*IL*1*ROE*JANE****MI*MEM001~
DMG*D8*19800402*F~
DTP*291*D8*20260112~
EQ*30^98~
HL*4*2*22*1~
NM1*IL*1*POE*JOHN****MI*MEM002~
HL*5*4*23*0~
TRN*1*TRACE2*9CLINIC001~
NM1*03*1*POE*TIM~
DMG*D8*20150707*M~
INS*N*19~
EQ*30~
SE*21*0001~
GE*1*55~
IEA*1*000000055~
"""
).encode()

ANSWERED = (
    HEADER
    + """GS*HB*PAYER01*CLINIC01*20260110*0800*55*X*005010X279A1~
ST*271*0001*005010X279A1~
BHT*0022*11*ASK55*20260110*080100~
HL*1**20*1~
NM1*PR*2*EVERGREEN HEALTH*****PI*EVG01~
PER*IC*MEMBER SERVICES*TE*5555550122~
HL*2*1*21*1~
NM1*1P*2*RIVERSIDE CLINIC*****XX*1234567893~
HL*3*2*22*0~
TRN*2*TRACE1*9CLINIC001~
NM1*IL*1*ROE*JANE****MI*MEM001~
REF*18*PLAN77~
N3*5 ELM STREET~
N4*SPRINGFIELD*IL*62704~
DMG*D8*19800402*F~
DTP*346*D8*20260101~
EB*1*IND*30*HM*GOLD PLAN~
EB*C*IND*30***23*1000*****Y~
EB*C*IND*30***29*0*****Y~
EB*G*IND*30***23~
EB*A*IND*98*****.2****W~
EB*B*IND*98***27*25**VS*20*Y*N*HC:99213~
DTP*291*RD8*20260101-20261231~
MSG*AFTER DEDUCTIBLE~
EB*R**30~
REF*1L*GROUP9~
LS*2120~
NM1*PRP*2*OTHER PLAN*****PI*OTH1~
LE*2120~
HL*4*2*22*0~
TRN*2*TRACE2*9CLINIC001~
NM1*IL*1*POE*JOHN****MI*MEM002~
AAA*N**75*C~
SE*33*0001~
GE*1*55~
IEA*1*000000055~
"""
).encode()


def test_a_270_asks_for_the_subscriber_or_for_the_dependent() -> None:
    problems = Problems()
    (asked,) = read_270(ASKED, problems)
    assert problems == []
    own, dependents = asked.inquiries
    assert (own.patient.party.first_name, own.questions[0].service_types) == ("JANE", ("30", "98"))
    assert own.patient.dates == (Dated(qualifier="291", first_on=date(2026, 1, 12)),)
    assert (dependents.patient.party.first_name, dependents.patient.relationship) == ("TIM", "19")
    assert dependents.subscriber.party.id == "MEM002"


def test_a_270_that_was_read_is_written_as_it_was() -> None:
    assert write_270(list(read_270(ASKED))) == ASKED


def test_benefits_say_what_the_payer_said_and_nothing_more() -> None:
    problems = Problems()
    (answered,) = read_271(ANSWERED, problems)
    assert problems == []
    active, deductible, remaining, out_of_pocket, coinsurance, copay, other = answered.answers[0].benefits
    assert (active.information, active.plan, active.amount_cents) == ("1", "GOLD PLAN", None)
    assert (deductible.period, deductible.amount_cents) == ("23", 1000_00)
    assert (remaining.period, remaining.amount_cents) == ("29", 0)
    assert out_of_pocket.amount_cents is None
    assert out_of_pocket.in_network == ""
    assert (coinsurance.fraction, coinsurance.in_network) == (Decimal("0.2"), "W")
    assert (copay.amount_cents, copay.quantity, copay.authorization_required) == (25_00, Decimal(20), "Y")
    assert copay.procedure == Procedure(code="99213")
    assert copay.messages == ("AFTER DEDUCTIBLE",)
    assert copay.dates == (Dated(qualifier="291", first_on=date(2026, 1, 1), last_on=date(2026, 12, 31)),)
    assert (other.parties[0].id, other.references) == ("OTH1", (Reference("1L", "GROUP9"),))


def test_an_answer_is_tied_to_its_question_by_the_trace() -> None:
    (answered,) = read_271(ANSWERED)
    assert [answer.trace_numbers for answer in answered.answers] == [("TRACE1",), ("TRACE2",)]


def test_a_refused_question_is_not_an_inactive_coverage() -> None:
    (answered,) = read_271(ANSWERED)
    refused = answered.answers[1]
    assert refused.benefits == ()
    assert [(r.reason, r.follow_up, r.is_retryable) for r in refused.rejections] == [("75", "C", False)]


def test_a_payer_that_cannot_answer_now_says_so_above_every_patient() -> None:
    start, end = ANSWERED.index(b"PER*IC"), ANSWERED.index(b"SE*33")
    down = ANSWERED[:start] + b"AAA*Y**42*R~\n" + ANSWERED[end:]
    (answered,) = read_271(down)
    (answer,) = answered.answers
    assert (answer.provider, answer.patient) == (None, None)
    assert [r.is_retryable for r in answer.rejections] == [True]
    system = down.replace(b"NM1*PR*2*EVERGREEN HEALTH*****PI*EVG01~\nAAA*Y**42*R~", b"AAA*Y**42*R~\nNM1*PR*2*E~")
    (answered,) = read_271(system)
    assert [r.reason for r in answered.answers[0].payer.system_rejections] == ["42"]
    (again,) = read_271(write_271([answered]))
    assert again.answers == answered.answers


def test_a_271_that_was_read_is_written_as_it_was() -> None:
    assert write_271(list(read_271(ANSWERED))) == ANSWERED


words = st.text("ABCDEFGHIJ0123456789", min_size=1, max_size=8)
maybe = st.one_of(st.just(""), words)
day = st.dates(date(1900, 1, 1), date(2100, 1, 1))
days = st.one_of(st.none(), day)
dated = st.lists(
    st.builds(Dated, qualifier=st.sampled_from(["291", "346"]), first_on=day, last_on=days), max_size=2
).map(tuple)
references = st.lists(st.builds(Reference, st.sampled_from(["18", "6P"]), words), max_size=2).map(tuple)
rejections = st.lists(
    st.builds(Rejection, is_valid_request=st.booleans(), reason=words, follow_up=maybe), max_size=2
).map(tuple)
decimals = st.one_of(st.none(), st.decimals(0, 99, places=2, allow_nan=False, allow_infinity=False))


def parties(role: str, *, is_person: bool) -> st.SearchStrategy[Party]:
    return st.builds(
        Party,
        role=st.just(role),
        is_person=st.just(is_person),
        name=words,
        id_qualifier=st.just("MI"),
        id=words,
        address=st.one_of(st.none(), st.builds(Address, line_1=words, city=words)),
        born_on=days if is_person else st.none(),
        gender=st.sampled_from(["", "F"]) if is_person else st.just(""),
        references=references,
    )


def members(role: str) -> st.SearchStrategy[Member]:
    return st.builds(
        Member,
        party=parties(role, is_person=True),
        traces=st.lists(st.builds(Trace, number=words, originator=maybe), max_size=2).map(tuple),
        insured=st.sampled_from(["Y", "N"]),
        relationship=words,
        dates=dated,
        rejections=rejections,
    )


payers = st.builds(Participant, party=parties("PR", is_person=False), rejections=rejections)
providers = st.builds(Participant, party=parties("1P", is_person=False), rejections=rejections)
benefits = st.builds(
    Benefit,
    information=words,
    coverage_level=maybe,
    service_types=st.lists(words, max_size=4).map(tuple),
    period=maybe,
    amount_cents=st.one_of(st.none(), st.integers(0, 10**9)),
    fraction=decimals,
    quantity=decimals,
    in_network=maybe,
    procedure=st.one_of(st.none(), st.builds(Procedure, code=words)),
    references=references,
    dates=dated,
    rejections=rejections,
    messages=st.lists(words, max_size=2).map(tuple),
    parties=st.lists(parties("P3", is_person=False), max_size=2).map(tuple),
)
ENVELOPE = Envelope(
    sender_id="A",
    receiver_id="B",
    written_at=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
    interchange_control_number="000000007",
    group_control_number="7",
    application_sender="A",
    application_receiver="B",
)
BEGINNING = Beginning(
    purpose="13", reference="R1", created_at=datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC), transaction_type=""
)
inquiries = st.builds(
    Inquiry,
    payer=payers,
    provider=providers,
    subscriber=members("IL"),
    dependent=st.one_of(st.none(), members("03")),
    questions=st.lists(
        st.builds(Question, service_types=st.lists(words, min_size=1, max_size=3).map(tuple), dates=dated),
        min_size=1,
        max_size=2,
    ).map(tuple),
)
answers = st.builds(
    Answer,
    payer=payers,
    provider=providers,
    subscriber=members("IL"),
    dependent=st.one_of(st.none(), members("03")),
    benefits=st.lists(benefits, min_size=1, max_size=3).map(tuple),
)


@given(st.lists(inquiries, max_size=3, unique_by=repr))
@settings(max_examples=50, deadline=None)
def test_any_270_that_was_written_reads_the_same(some: list[Inquiry]) -> None:
    inquiry = EligibilityInquiry(envelope=ENVELOPE, control_number="0001", beginning=BEGINNING, inquiries=tuple(some))
    assert list(read_270(write_270([inquiry]))) == [inquiry]


@given(st.lists(answers, max_size=3, unique_by=repr))
@settings(max_examples=50, deadline=None)
def test_any_271_that_was_written_reads_the_same(some: list[Answer]) -> None:
    response = EligibilityResponse(envelope=ENVELOPE, control_number="0001", beginning=BEGINNING, answers=tuple(some))
    assert list(read_271(write_271([response]))) == [response]


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_damaged_question_or_answer_never_raises(data: st.DataObject) -> None:
    source = harmed(data, data.draw(st.sampled_from([ASKED, ANSWERED])), behind=106)
    for inquiry in read_270(source):
        assert isinstance(inquiry.inquiries, tuple)
    for response in read_271(source):
        assert isinstance(response.answers, tuple)
