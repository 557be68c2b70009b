"""What does a receiver say of our interchange (TA1), our group (999) and each of our claims (277CA)?"""

from datetime import UTC, date, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codecs.x12.acknowledgement_999 import (
    Context,
    ElementError,
    GroupAcknowledgement,
    SegmentError,
    SetResponse,
    read_999,
    write_999,
)
from shared.codecs.x12.acknowledgement_ta1 import InterchangeAcknowledgement, read_ta1, write_ta1
from shared.codecs.x12.claim_acknowledgement_277ca import (
    AcknowledgedClaim,
    ClaimAcknowledgement,
    ProviderReport,
    ReceiverReport,
    read_277ca,
    write_277ca,
)
from shared.codecs.x12.elements import Amount, Dated, Party, Procedure, Quantity, Reference
from shared.codecs.x12.envelope import Envelope, sniff
from shared.codecs.x12.hierarchy import Beginning
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.status import Status, StatusCode, StatusLine
from tests.unit.codecs.x12.examples import harmed

HEADER = "ISA*00*          *00*          *ZZ*HOUSE01        *ZZ*CLINIC01       *260110*0805*^*00501*000000301*0*T*:~\n"

GROUP = (
    HEADER
    + """GS*FA*HOUSE01*CLINIC01*20260110*0805*301*X*005010X231A1~
ST*999*0001*005010X231A1~
AK1*HC*42*005010X222A1~
AK2*837*0001*005010X222A1~
IK5*A~
AK2*837*0002*005010X222A1~
IK3*CLM*22*2300*8~
CTX*CLM01:CLAIM-7~
IK4*5:3*1325*7*9~
CTX*SITUATIONAL TRIGGER*CLM*22*2300*5:3~
IK3*HI*30*2300*3~
IK5*R*5*I5~
AK9*P*2*2*1~
SE*13*0001~
GE*1*301~
IEA*1*000000301~
"""
).encode()

BATCH = (
    HEADER
    + """GS*HN*HOUSE01*CLINIC01*20260110*0805*301*X*005010X214~
ST*277*0001*005010X214~
BHT*0085*08*REPORT9*20260110*080500*TH~
HL*1**20*1~
NM1*AY*2*CLEARING HOUSE*****46*HOUSE01~
TRN*1*HOUSETRACE~
DTP*050*D8*20260110~
DTP*009*D8*20260110~
HL*2*1*21*1~
NM1*41*2*RIVERSIDE CLINIC*****46*CLINIC01~
TRN*2*BATCH42~
STC*A1:19:PR*20260110*WQ*350.5~
QTY*90*1~
QTY*AA*1~
AMT*YU*250~
AMT*YY*100.5~
HL*3*2*19*1~
NM1*85*2*RIVERSIDE CLINIC*****XX*1234567893~
TRN*1*CLINICTRACE~
STC*A1:19:PR**WQ*350.5~
HL*4*3*PT~
NM1*QC*1*ROE*JANE****MI*MEM001~
TRN*2*CLAIM-1~
STC*A2:20:PR*20260110*WQ*250~
REF*1K*PCN-1~
DTP*472*D8*20260102~
HL*5*3*PT~
NM1*QC*1*POE*TIM****MI*MEM002~
TRN*2*CLAIM-2~
STC*A7:164:IL*20260110*U*100.5******A3:33~
DTP*472*D8*20260103~
SVC*HC:99213*100.5~
STC*A7:454*20260110*U~
REF*FJ*LINE-3~
SE*34*0001~
GE*1*301~
IEA*1*000000301~
"""
).encode()

INTERCHANGE = (HEADER + "TA1*000000042*260110*0800*R*025~\nIEA*0*000000301~\n").encode()


def test_a_partly_accepted_group_names_the_set_to_send_again() -> None:
    problems = Problems()
    (acknowledgement,) = read_999(GROUP, problems)
    assert problems == []
    assert (acknowledgement.functional_id, acknowledgement.group_control_number) == ("HC", "42")
    assert [(s.control_number, s.is_accepted) for s in acknowledgement.sets] == [("0001", True), ("0002", False)]
    assert not acknowledgement.is_accepted


def test_an_error_of_a_999_is_tied_to_its_claim() -> None:
    (acknowledgement,) = read_999(GROUP)
    first, second = acknowledgement.sets[1].errors
    assert (first.segment_id, first.position, first.code) == ("CLM", "22", "8")
    assert (first.contexts[0].name, first.contexts[0].value) == ("CLM01", "CLAIM-7")
    assert (first.elements[0].position, first.elements[0].code) == (("5", "3"), "7")
    assert second.elements == ()


def test_a_999_that_was_read_is_written_as_it_was() -> None:
    assert write_999(list(read_999(GROUP))) == GROUP


def test_a_set_that_is_never_answered_is_a_problem() -> None:
    (acknowledgement,) = read_999(GROUP.replace(b"IK5*R*5*I5~\n", b""))
    assert "AK2 is answered by IK5" in [p.rule for p in acknowledgement.problems]
    assert [s.status for s in acknowledgement.sets] == ["A", ""]


def test_a_ta1_says_that_nothing_was_read_and_why() -> None:
    problems = Problems()
    (acknowledgement,) = read_ta1(INTERCHANGE, problems)
    assert problems == []
    assert (acknowledgement.interchange_control_number, acknowledgement.note) == ("000000042", "025")
    assert not acknowledgement.is_accepted
    assert write_ta1([acknowledgement]) == INTERCHANGE
    assert sniff(INTERCHANGE) == "TA1"


def test_a_277ca_tells_accepted_claims_from_rejected_ones() -> None:
    problems = Problems()
    (acknowledgement,) = read_277ca(BATCH, problems)
    assert problems == []
    assert [(c.claim_id, c.is_rejected) for c in acknowledgement.claims] == [("CLAIM-1", False), ("CLAIM-2", True)]
    assert acknowledgement.claims[0].payer_control_number == "PCN-1"
    (receiver,) = acknowledgement.receivers
    assert (receiver.batch_reference, receiver.is_rejected) == ("BATCH42", False)
    assert (acknowledgement.source.role, acknowledgement.received_on) == ("AY", date(2026, 1, 10))


def test_a_rejection_keeps_every_reason_and_the_line_it_is_about() -> None:
    (acknowledgement,) = read_277ca(BATCH)
    claim = acknowledgement.claims[1]
    (status,) = claim.statuses
    assert [(c.category, c.code, c.entity) for c in status.codes] == [("A7", "164", "IL"), ("A3", "33", "")]
    assert (status.action, status.charged_cents) == ("U", 100_50)
    assert claim.lines[0].control_number == "LINE-3"
    assert claim.lines[0].statuses[0].codes[0].code == "454"


def test_a_batch_rejected_at_the_door_names_no_claims() -> None:
    start, end = BATCH.index(b"HL*3*2*19"), BATCH.index(b"SE*34")
    rejected = BATCH[:start].replace(b"A1:19:PR*20260110*WQ", b"A3:24:41*20260110*U") + BATCH[end:]
    (acknowledgement,) = read_277ca(rejected)
    assert acknowledgement.claims == ()
    assert acknowledgement.receivers[0].is_rejected


def test_a_277ca_that_was_read_is_written_as_it_was() -> None:
    assert write_277ca(list(read_277ca(BATCH))) == BATCH


words = st.text("ABCDEFGHIJ0123456789", min_size=1, max_size=8)
maybe = st.one_of(st.just(""), words)
days = st.one_of(st.none(), st.dates(date(1900, 1, 1), date(2100, 1, 1)))
money = st.one_of(st.none(), st.integers(0, 10**9))
ENVELOPE = Envelope(
    sender_id="HOUSE",
    receiver_id="CLINIC",
    written_at=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
    interchange_control_number="000000007",
    group_control_number="7",
    application_sender="HOUSE",
    application_receiver="CLINIC",
)
contexts = st.lists(st.builds(Context, name=words, value=maybe, segment_id=maybe), max_size=2).map(tuple)
positions = st.lists(words, min_size=1, max_size=3).map(tuple)
element_errors = st.builds(ElementError, position=positions, code=words, bad_value=maybe, contexts=contexts)
segment_errors = st.builds(
    SegmentError,
    segment_id=words,
    position=words,
    code=words,
    contexts=contexts,
    elements=st.lists(element_errors, max_size=2).map(tuple),
)
responses = st.builds(
    SetResponse,
    set_id=words,
    control_number=words,
    guide=maybe,
    errors=st.lists(segment_errors, max_size=2).map(tuple),
    status=st.sampled_from(["A", "E", "R"]),
    codes=st.lists(words, max_size=5).map(tuple),
)
groups = st.builds(
    GroupAcknowledgement,
    envelope=st.just(ENVELOPE),
    control_number=st.just("0001"),
    functional_id=words,
    group_control_number=words,
    sets=st.lists(responses, max_size=3).map(tuple),
    status=st.sampled_from(["A", "P", "R"]),
    sets_included=words,
    sets_received=words,
    sets_accepted=words,
)
codes = st.builds(StatusCode, category=st.sampled_from(["A1", "A2", "A7"]), code=words, entity=maybe)
statuses = st.lists(
    st.builds(
        Status,
        codes=st.lists(codes, min_size=1, max_size=3).map(tuple),
        effective_on=days,
        action=st.sampled_from(["WQ", "U"]),
        charged_cents=money,
        message=maybe,
    ),
    max_size=2,
).map(tuple)
services = st.one_of(
    st.none(),
    st.builds(
        Dated,
        qualifier=st.just("472"),
        first_on=st.dates(date(1900, 1, 1), date(2100, 1, 1)),
        last_on=st.one_of(st.none(), st.dates(date(1900, 1, 1), date(2100, 1, 1))),
    ),
)
references = st.lists(st.builds(Reference, st.sampled_from(["D9", "BLT"]), words), max_size=2).map(tuple)
status_lines = st.builds(
    StatusLine,
    procedure=st.builds(Procedure, code=words),
    charged_cents=st.integers(0, 10**9),
    statuses=statuses,
    control_number=maybe,
    references=references,
    service=services,
)
patients = st.builds(
    Party, role=st.just("QC"), is_person=st.just(True), name=words, id_qualifier=st.just("MI"), id=words
)
acknowledged = st.builds(
    AcknowledgedClaim,
    patient=patients,
    claim_id=words,
    statuses=statuses,
    payer_control_number=maybe,
    references=references,
    service=services,
    lines=st.lists(status_lines, max_size=2).map(tuple),
)
quantities = st.lists(st.builds(Quantity, st.sampled_from(["90", "AA"]), st.decimals(0, 99, places=0)), max_size=2)
amounts = st.lists(st.builds(Amount, st.sampled_from(["YU", "YY"]), st.integers(0, 10**9)), max_size=2).map(tuple)
providers = st.builds(
    ProviderReport,
    provider=st.builds(Party, role=st.just("85"), name=words),
    statuses=statuses,
    quantities=quantities.map(tuple),
    amounts=amounts,
    claims=st.lists(acknowledged, max_size=2).map(tuple),
)
receivers = st.builds(
    ReceiverReport,
    receiver=st.builds(Party, role=st.just("41"), name=words),
    batch_reference=words,
    statuses=statuses,
    quantities=quantities.map(tuple),
    amounts=amounts,
    providers=st.lists(providers, max_size=2).map(tuple),
)
batches = st.builds(
    ClaimAcknowledgement,
    envelope=st.just(ENVELOPE),
    control_number=st.just("0001"),
    beginning=st.just(
        Beginning(
            purpose="08",
            reference="R1",
            created_at=datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC),
            transaction_type="TH",
        )
    ),
    source=st.builds(Party, role=st.sampled_from(["PR", "AY"]), name=words),
    source_trace=words,
    received_on=days,
    processed_on=days,
    receivers=st.lists(receivers, max_size=2).map(tuple),
)


@given(groups)
@settings(max_examples=60, deadline=None)
def test_any_999_that_was_written_reads_the_same(acknowledgement: GroupAcknowledgement) -> None:
    assert list(read_999(write_999([acknowledgement]))) == [acknowledgement]


@given(batches)
@settings(max_examples=60, deadline=None)
def test_any_277ca_that_was_written_reads_the_same(acknowledgement: ClaimAcknowledgement) -> None:
    assert list(read_277ca(write_277ca([acknowledgement]))) == [acknowledgement]


@given(words, st.sampled_from(["A", "E", "R"]), st.sampled_from(["000", "025", "009"]))
def test_any_ta1_that_was_written_reads_the_same(number: str, status: str, note: str) -> None:
    acknowledgement = InterchangeAcknowledgement(
        envelope=Envelope(
            sender_id="HOUSE",
            receiver_id="CLINIC",
            written_at=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
            interchange_control_number="000000007",
            group_control_number="",
            application_sender="",
            application_receiver="",
        ),
        interchange_control_number=number,
        written_at=datetime(2026, 2, 28, 23, 59, tzinfo=UTC),
        status=status,
        note=note,
    )
    assert list(read_ta1(write_ta1([acknowledgement]))) == [acknowledgement]


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_damaged_acknowledgements_never_raise(data: st.DataObject) -> None:
    source = harmed(data, data.draw(st.sampled_from([GROUP, BATCH, INTERCHANGE])), behind=106)
    places = [each.place for each in read_999(source)]
    places += [each.place for each in read_ta1(source)]
    places += [each.place for each in read_277ca(source)]
    assert all(place.first_segment > 0 for place in places)
