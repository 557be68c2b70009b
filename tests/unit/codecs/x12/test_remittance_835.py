"""Is an 835 read to the cent, and written back as it was?"""

import string
import tracemalloc
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codecs.x12.balance import balance
from shared.codecs.x12.elements import Address, Adjustment, Amount, Contact, Dated, Party, Procedure, Reference
from shared.codecs.x12.envelope import Envelope
from shared.codecs.x12.remittance_835 import (
    ClaimPayment,
    ProviderAdjustment,
    RemittanceAdvice,
    RemittanceHeader,
    RemittanceTrailer,
    ServiceLine,
    read_835,
    stream_835,
    write_835,
)
from tests.unit.codecs.x12.examples import CLAIMS, REMITTANCE, harmed


def read(data: bytes) -> RemittanceAdvice:
    (advice,) = read_835(data)
    return advice


def test_the_payment_and_its_trace_are_read() -> None:
    advice = read(REMITTANCE)
    assert advice.payment_cents == 401_25
    assert (advice.trace_number, advice.trace_originator) == ("EFT900001", "1999999999")
    assert (advice.header.method, advice.effective_on) == ("ACH", date(2026, 1, 17))
    assert (advice.payer.name, advice.payee.id) == ("EVERGREEN HEALTH", "1234567893")
    assert advice.payee.reference("TJ") == "111222333"


def test_a_claim_is_read_with_its_lines_adjustments_and_remarks() -> None:
    claim = read(REMITTANCE).claims[0]
    assert (claim.claim_id, claim.status, claim.payer_control_number) == ("CLAIM-1", "1", "PCN-1")
    assert (claim.charged_cents, claim.paid_cents, claim.patient_responsibility_cents) == (250_00, 96_00, 84_00)
    assert claim.remark_codes == ("MA01", "MA07")
    assert claim.patient is not None
    assert claim.patient.name == "ROE"
    first, second = claim.lines
    assert first.procedure == Procedure(code="99214", modifiers=("25",))
    assert (first.control_number, first.service_on, first.units) == ("LINE-1", date(2026, 1, 2), Decimal(1))
    assert [(a.group, a.reason, a.cents) for a in first.adjustments] == [("CO", "45", 30_00), ("PR", "2", 24_00)]
    assert second.remark_codes == ("N130", "M15")


def test_each_claim_knows_its_segments_in_the_file() -> None:
    claim = read(REMITTANCE).claims[0]
    lines = REMITTANCE.decode().splitlines()
    assert lines[claim.place.first_segment - 1].startswith("CLP*CLAIM-1")
    assert lines[claim.place.last_segment - 1] == "LQ*HE*M15~"
    assert lines[claim.lines[1].place.first_segment - 1].startswith("SVC*HC:87880")


def test_reversals_and_forwarded_claims_say_so() -> None:
    reversal, forwarded = read(REMITTANCE).claims[2:]
    assert reversal.is_reversal
    assert (reversal.paid_cents, reversal.original_payer_control_number) == (-120_00, "PCN-3A")
    assert forwarded.is_forwarded
    assert forwarded.crossover_carrier is not None
    assert forwarded.crossover_carrier.id == "NP01"


def test_provider_adjustments_keep_reason_reference_and_sign() -> None:
    assert [(a.reason, a.reference, a.cents) for a in read(REMITTANCE).provider_adjustments] == [
        ("WO", "PCN-9", 60_00),
        ("L6", "", -1_25),
    ]


def test_a_balanced_835_has_no_findings() -> None:
    assert balance(read(REMITTANCE)) == []


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        (b"SVC*HC:99214:25*150*96*", b"SVC*HC:99214:25*150*96.01*", ("line", "SVC03", 96_00, 96_01)),
        (b"CLP*CLAIM-2*1*300*264*", b"CLP*CLAIM-2*1*300*263.99*", ("claim", "CLP04", 264_00, 263_99)),
        (b"CLP*CLAIM-1*1*250*96*84", b"CLP*CLAIM-1*1*251*97*84", ("claim", "CLP03", 250_00, 251_00)),
        (b"BPR*I*401.25*", b"BPR*I*401.24*", ("transaction", "BPR02", 401_25, 401_24)),
        (b"L6*-1.25", b"L6*1.25", ("transaction", "BPR02", 398_75, 401_25)),
        (b"*300*264*36*", b"*300*264*35*", ("claim", "CLP05", 36_00, 35_00)),
    ],
)
def test_an_835_that_is_a_cent_short_names_level_place_and_amounts(
    right: bytes, wrong: bytes, expected: tuple[str, str, int, int]
) -> None:
    findings = balance(read(REMITTANCE.replace(right, wrong)))
    assert expected in [(f.level, f.element, f.expected_cents, f.found_cents) for f in findings]


def test_a_fraction_of_a_cent_is_a_problem_with_place_and_rule() -> None:
    advice = read(REMITTANCE.replace(b"*300*264*36*", b"*300*264.005*36*"))
    (problem,) = advice.problems
    assert (problem.element, problem.found, problem.rule) == ("CLP04", "264.005", "at most two decimals")
    assert problem.segment == advice.claims[1].place.first_segment


@pytest.mark.parametrize("text", ["1,000", "1e3", "+5", "NaN", "--1", "1.2.3", "\u0661", "1_0"])
def test_an_amount_that_is_no_x12_decimal_is_a_problem(text: str) -> None:
    advice = read(REMITTANCE.replace(b"*300*264*36*", f"*300*{text}*36*".encode()))
    assert [p.element for p in advice.problems] == ["CLP04"]


@pytest.mark.parametrize(
    ("text", "cents"),
    [("100", 100_00), ("100.5", 100_50), (".5", 50), ("-12.34", -12_34), ("1.", 1_00), ("1.230", 1_23)],
)
def test_every_spelling_of_an_amount_is_exact(text: str, cents: int) -> None:
    advice = read(REMITTANCE.replace(b"*300*264*36*", f"*300*{text}*36*".encode()))
    assert (advice.claims[1].paid_cents, advice.problems) == (cents, ())


def test_segments_without_a_word_are_kept() -> None:
    odd = REMITTANCE.replace(b"DTM*232*20260102~", b"DTM*232*20260102~\nZZZ*1*A:B~").replace(b"SE*43", b"SE*44")
    advice = read(odd)
    assert advice.problems == ()
    assert [s.elements for s in advice.claims[0].others] == [("ZZZ", "1", "A:B")]
    assert b"ZZZ*1*A:B~" in write_835([advice])


def test_reading_what_was_written_gives_the_same_advice() -> None:
    advice = read(REMITTANCE)
    assert read(write_835([advice])) == advice


def test_several_remittances_share_one_interchange() -> None:
    advice = read(REMITTANCE)
    first, second = read_835(write_835([advice, advice]))
    assert (first.claims, second.claims) == (advice.claims, advice.claims)


def test_claims_stream_one_by_one_between_header_and_trailer() -> None:
    kinds = [type(part) for part in stream_835(REMITTANCE + CLAIMS)]
    assert kinds == [RemittanceHeader, *[ClaimPayment] * 4, RemittanceTrailer]


def test_memory_does_not_grow_with_the_number_of_claims() -> None:
    def peak_bytes(claims: int) -> int:
        head, claim, tail = REMITTANCE.partition(b"CLP*CLAIM-1")[0], REMITTANCE.partition(b"CLP*")[2], b"SE*1*0001~"
        one = b"CLP*" + claim.partition(b"PLB*")[0]
        tracemalloc.start()
        chunks = (each for part in ([head], (one for _ in range(claims)), [tail]) for each in part)
        assert sum(isinstance(part, ClaimPayment) for part in stream_835(chunks)) == 4 * claims
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert peak_bytes(2_000) < 1.5 * peak_bytes(500)


ENVELOPE = Envelope(
    sender_id="PAYER",
    receiver_id="CLINIC",
    written_at=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
    interchange_control_number="000000007",
    group_control_number="7",
    application_sender="PAYER",
    application_receiver="CLINIC",
)
words = st.text(string.ascii_letters + string.digits + "-./", min_size=1, max_size=10)
maybe = st.one_of(st.just(""), words)
money = st.integers(-(10**9), 10**9)
days = st.dates(date(1900, 1, 1), date(2100, 1, 1))
counts = st.one_of(st.none(), st.decimals(0, 999, places=2, allow_nan=False, allow_infinity=False))
adjustments = st.lists(
    st.builds(Adjustment, group=st.sampled_from(["CO", "PR", "OA"]), reason=words, cents=money, quantity=counts),
    max_size=9,
).map(tuple)
references = st.lists(st.builds(Reference, st.sampled_from(["F8", "1L", "EA"]), words), max_size=3).map(tuple)
procedures = st.builds(Procedure, code=words, modifiers=st.lists(words, max_size=4).map(tuple), description=maybe)
dates_of_claim = st.lists(st.builds(Dated, qualifier=st.sampled_from(["232", "233"]), first_on=days), max_size=2)
amounts = st.lists(st.builds(Amount, st.sampled_from(["AU", "I"]), money), max_size=2).map(tuple)
lines = st.builds(
    ServiceLine,
    procedure=procedures,
    charged_cents=money,
    paid_cents=money,
    revenue_code=maybe,
    units=counts,
    submitted_procedure=st.one_of(st.none(), procedures),
    dates=dates_of_claim.map(tuple),
    adjustments=adjustments,
    references=references,
    amounts=amounts,
    remarks=st.lists(st.builds(Reference, st.just("HE"), words), max_size=3).map(tuple),
)
people = st.builds(
    Party, role=st.sampled_from(["QC", "IL", "74"]), is_person=st.just(True), name=words, first_name=maybe
)
claims = st.builds(
    ClaimPayment,
    claim_id=words,
    status=st.sampled_from(["1", "2", "4", "22"]),
    charged_cents=money,
    paid_cents=money,
    patient_responsibility_cents=money,
    filing_indicator=maybe,
    payer_control_number=maybe,
    drg=maybe,
    header_number=st.sampled_from(["1", "2"]),
    adjustments=adjustments,
    parties=st.lists(people, max_size=2).map(tuple),
    references=references,
    dates=dates_of_claim.map(tuple),
    amounts=amounts,
    lines=st.lists(lines, max_size=3).map(tuple),
)
organisations = st.builds(
    Party,
    role=st.just("PE"),
    name=words,
    id=words,
    id_qualifier=st.just("XX"),
    address=st.one_of(st.none(), st.builds(Address, line_1=words, city=words)),
    contacts=st.lists(st.builds(Contact, name=words, numbers=st.just((("TE", "5550100"),))), max_size=1).map(tuple),
)
advices = st.builds(
    RemittanceAdvice,
    header=st.builds(
        RemittanceHeader,
        envelope=st.just(ENVELOPE),
        control_number=st.just("0001"),
        handling=st.just("I"),
        payment_cents=st.integers(0, 10**12),
        method=st.sampled_from(["ACH", "CHK", "NON"]),
        effective_on=days,
        trace_number=words,
        trace_originator=words,
        produced_on=st.one_of(st.none(), days),
        payee=organisations,
    ),
    claims=st.lists(claims, max_size=3).map(tuple),
    provider_adjustments=st.lists(
        st.builds(
            ProviderAdjustment, provider_id=words, fiscal_period_on=days, reason=words, reference=maybe, cents=money
        ),
        max_size=8,
    ).map(tuple),
)


@given(advices)
@settings(max_examples=100, deadline=None)
def test_any_advice_that_was_written_reads_the_same(advice: RemittanceAdvice) -> None:
    assert read(write_835([advice])) == advice


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_835_never_raises(data: st.DataObject) -> None:
    source = harmed(data, REMITTANCE, behind=106)
    for advice in read_835(source):
        assert isinstance(balance(advice), list)
