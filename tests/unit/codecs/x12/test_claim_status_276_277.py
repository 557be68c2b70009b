"""Is a claim asked after, and its answer tied back to it?"""

from datetime import UTC, date, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codecs.x12.claim_status_276_277 import (
    ClaimStatusEntry,
    ClaimStatusTransaction,
    read_276,
    read_277,
    write_276,
    write_277,
)
from shared.codecs.x12.elements import Dated, Party, Procedure, Reference
from shared.codecs.x12.envelope import Envelope
from shared.codecs.x12.hierarchy import Beginning
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.status import Status, StatusCode, StatusLine
from tests.unit.codecs.x12.examples import harmed

HEADER = "ISA*00*          *00*          *ZZ*CLINIC01       *ZZ*PAYER01        *260210*0800*^*00501*000000066*0*T*:~\n"

ASKED = (
    HEADER
    + """GS*HR*CLINIC01*PAYER01*20260210*0800*66*X*005010X212~
ST*276*0001*005010X212~
BHT*0010*13*ASK66*20260210*080000~
HL*1**20*1~
NM1*PR*2*EVERGREEN HEALTH*****PI*EVG01~
HL*2*1*21*1~
NM1*41*2*RIVERSIDE CLINIC*****46*CLINIC01~
HL*3*2*19*1~
NM1*1P*2*RIVERSIDE CLINIC*****XX*1234567893~
HL*4*3*22*0~
DMG*D8*19800402*F~
NM1*IL*1*ROE*JANE****MI*MEM001~
TRN*1*TRACE1~
REF*1K*PCN-1~
REF*EJ*CLAIM-1~
AMT*T3*250~
DTP*472*RD8*20260102-20260103~
SVC*HC:99214*150~
REF*FJ*LINE-1~
DTP*472*D8*20260102~
HL*5*3*22*1~
NM1*IL*1*POE*JOHN****MI*MEM002~
HL*6*5*23*0~
DMG*D8*20150707*M~
NM1*QC*1*POE*TIM~
TRN*1*TRACE2~
REF*EJ*CLAIM-2~
DTP*472*D8*20260103~
SE*28*0001~
GE*1*66~
IEA*1*000000066~
"""
).encode()

ANSWERED = (
    HEADER
    + """GS*HN*CLINIC01*PAYER01*20260210*0800*66*X*005010X212~
ST*277*0001*005010X212~
BHT*0010*08*ASK66*20260210*080100*DG~
HL*1**20*1~
NM1*PR*2*EVERGREEN HEALTH*****PI*EVG01~
HL*2*1*21*1~
NM1*41*2*RIVERSIDE CLINIC*****46*CLINIC01~
HL*3*2*19*1~
NM1*1P*2*RIVERSIDE CLINIC*****XX*1234567893~
HL*4*3*22*0~
NM1*IL*1*ROE*JANE****MI*MEM001~
TRN*2*TRACE1~
STC*F1:65*20260205**250*96*20260204**20260206*EFT9~
REF*1K*PCN-1~
REF*EJ*CLAIM-1~
DTP*472*RD8*20260102-20260103~
HL*5*2*19*0~
NM1*1P*2*OTHER CLINIC*****XX*1679576722~
TRN*2*TRACE9~
STC*E0:24:1P*20260210~
SE*20*0001~
GE*1*66~
IEA*1*000000066~
"""
).encode()


def test_a_276_asks_after_claims_of_subscribers_and_dependents() -> None:
    problems = Problems()
    (asked,) = read_276(ASKED, problems)
    assert problems == []
    own, dependents = asked.entries
    assert (own.trace_number, own.claim_id, own.payer_control_number) == ("TRACE1", "CLAIM-1", "PCN-1")
    assert (own.charged_cents, own.lines[0].control_number) == (250_00, "LINE-1")
    assert own.subscriber is not None
    assert own.subscriber.born_on == date(1980, 4, 2)
    assert dependents.dependent is not None
    assert dependents.dependent.first_name == "TIM"


def test_a_276_that_was_read_is_written_as_it_was() -> None:
    assert write_276(list(read_276(ASKED))) == ASKED


def test_a_277_answers_with_category_dates_and_payment() -> None:
    problems = Problems()
    (answered,) = read_277(ANSWERED, problems)
    assert problems == []
    paid = answered.entries[0]
    (status,) = paid.statuses
    assert (paid.trace_number, status.codes[0].category, status.paid_cents) == ("TRACE1", "F1", 96_00)
    assert (status.payment_on, status.payment_number) == (date(2026, 2, 6), "EFT9")


def test_an_answer_may_stop_at_the_provider() -> None:
    (answered,) = read_277(ANSWERED)
    stopped = answered.entries[1]
    assert stopped.subscriber is None
    assert (stopped.trace_number, stopped.statuses[0].codes[0].entity) == ("TRACE9", "1P")


def test_a_277_that_was_read_is_written_as_it_was() -> None:
    assert write_277(list(read_277(ANSWERED))) == ANSWERED


def test_a_277ca_is_not_taken_for_an_answer() -> None:
    assert list(read_277(ANSWERED.replace(b"005010X212", b"005010X214"))) == []


words = st.text("ABCDEFGHIJ0123456789", min_size=1, max_size=8)
maybe = st.one_of(st.just(""), words)
day = st.dates(date(1900, 1, 1), date(2100, 1, 1))
services = st.one_of(
    st.none(), st.builds(Dated, qualifier=st.just("472"), first_on=day, last_on=st.one_of(st.none(), day))
)
statuses = st.lists(
    st.builds(
        Status,
        codes=st.lists(st.builds(StatusCode, category=words, code=words), min_size=1, max_size=3).map(tuple),
        effective_on=st.one_of(st.none(), day),
        paid_cents=st.one_of(st.none(), st.integers(0, 10**9)),
    ),
    max_size=2,
).map(tuple)


def parties(role: str) -> st.SearchStrategy[Party]:
    return st.builds(Party, role=st.just(role), name=words, born_on=st.one_of(st.none(), day))


entries = st.builds(
    ClaimStatusEntry,
    payer=parties("PR"),
    receiver=st.one_of(st.none(), parties("41")),
    provider=parties("1P"),
    subscriber=parties("IL"),
    dependent=st.one_of(st.none(), parties("QC")),
    trace_number=words,
    statuses=statuses,
    claim_id=maybe,
    payer_control_number=maybe,
    references=st.lists(st.builds(Reference, st.just("BLT"), words), max_size=1).map(tuple),
    charged_cents=st.one_of(st.none(), st.integers(0, 10**9)),
    service=services,
    lines=st.lists(
        st.builds(StatusLine, procedure=st.builds(Procedure, code=words), charged_cents=st.integers(0, 10**9)),
        max_size=2,
    ).map(tuple),
)


@given(st.lists(entries, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_status_that_was_written_reads_the_same(some: list[ClaimStatusEntry]) -> None:
    transaction = ClaimStatusTransaction(
        envelope=Envelope(
            sender_id="A",
            receiver_id="B",
            written_at=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
            interchange_control_number="000000007",
            group_control_number="7",
            application_sender="A",
            application_receiver="B",
        ),
        control_number="0001",
        beginning=Beginning(
            purpose="13",
            reference="R1",
            created_at=datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC),
            transaction_type="",
        ),
        entries=tuple(some),
    )
    assert list(read_276(write_276([transaction]))) == [transaction]
    assert list(read_277(write_277([transaction]))) == [transaction]


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_damaged_status_never_raises(data: st.DataObject) -> None:
    source = harmed(data, data.draw(st.sampled_from([ASKED, ANSWERED])), behind=106)
    for transaction in [*read_276(source), *read_277(source)]:
        assert isinstance(transaction.entries, tuple)
