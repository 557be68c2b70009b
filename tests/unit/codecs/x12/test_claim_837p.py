"""Does a claim become an 837P that reads back as the same claim?"""

import string
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.codecs.x12.claim_837p import (
    BillingProvider,
    ClaimBatch,
    LineAdjudication,
    OtherCoverage,
    Patient,
    ProfessionalClaim,
    ServiceLine,
    Subscriber,
    read_837p,
    write_837p,
)
from shared.codecs.x12.elements import Address, Adjustment, Dated, Party, Procedure, Reference
from shared.codecs.x12.envelope import Envelope, read_transactions
from shared.codecs.x12.hierarchy import Beginning
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.tokenizer import Dialect, read_segments
from tests.unit.codecs.x12.examples import CLAIMS, REMITTANCE, harmed


def read(data: bytes) -> ClaimBatch:
    (batch,) = read_837p(data)
    return batch


def test_a_claim_is_read_with_its_whole_context() -> None:
    claim = read(CLAIMS).claims[0]
    assert (claim.claim_id, claim.charged_cents, claim.place_of_service, claim.frequency) == (
        "CLAIM-1",
        250_00,
        "11",
        "1",
    )
    assert claim.billing_provider.party.id == "1234567893"
    assert claim.billing_provider.taxonomy == "207Q00000X"
    assert claim.subscriber.party.id == "MEM001"
    assert claim.patient is None
    assert claim.person.born_on == date(1980, 4, 2)
    assert claim.payer.id == "EVG01"
    assert claim.diagnoses == ("J0190", "E119")
    assert claim.prior_authorization == "AUTH77"
    assert claim.rendering is not None
    assert claim.rendering.id == "1679576722"


def test_a_line_is_read_with_pointers_dates_and_control_number() -> None:
    first, second = read(CLAIMS).claims[0].lines
    assert first.procedure == Procedure(code="99214", modifiers=("25",))
    assert (first.pointers, first.units, first.control_number) == ((1, 2), Decimal(1), "LINE-1")
    assert (second.service_on, second.service_to) == (date(2026, 1, 2), date(2026, 1, 3))


def test_a_dependent_is_the_patient_of_a_replacement_claim() -> None:
    claim = read(CLAIMS).claims[1]
    assert claim.patient is not None
    assert (claim.patient.relationship, claim.person.first_name) == ("19", "TIM")
    assert (claim.frequency, claim.payer_control_number) == ("7", "PCN-2")
    assert claim.subscriber.responsibility == "S"


def test_what_the_primary_decided_is_read_verbatim() -> None:
    claim = read(CLAIMS).claims[1]
    (coverage,) = claim.other_coverages
    assert (coverage.paid_cents, coverage.payer.id) == (60_50, "BLUE1")
    assert coverage.payer.reference("F8") == "BLUECLAIM"
    (decided,) = claim.lines[0].adjudications
    assert (decided.paid_cents, decided.adjudicated_on) == (70_50, date(2026, 1, 8))
    assert [(a.group, a.reason, a.cents) for a in decided.adjustments] == [("PR", "1", 20_00), ("PR", "2", 10_00)]


def test_writing_what_was_read_gives_the_same_bytes() -> None:
    assert write_837p([read(CLAIMS)]) == CLAIMS


def test_counts_and_control_numbers_of_what_is_written_verify() -> None:
    problems = Problems()
    batch = read(CLAIMS)
    assert len(list(read_transactions(write_837p([batch, replace(batch, control_number="0002")]), problems))) == 2
    assert problems == []


def test_a_delimiter_in_a_name_becomes_a_space_and_accents_are_folded() -> None:
    batch = read(CLAIMS)
    odd = replace(batch.claims[0].subscriber.party, name="Nu\xf1ez*de~la:Cruz^", first_name="Zo\xeb  ")
    claim = replace(batch.claims[0], subscriber=replace(batch.claims[0].subscriber, party=odd))
    written = write_837p([replace(batch, claims=(claim,))])
    assert b"NM1*IL*1*NUNEZ DE LA CRUZ*ZOE****MI*MEM001~" in written
    assert read(written).problems == ()


def test_it_can_be_written_with_other_delimiters() -> None:
    batch = read(CLAIMS)
    assert read(write_837p([batch], Dialect("|", ">", "!", "\n"))) == batch


def test_the_interchange_header_is_106_bytes() -> None:
    written = write_837p([read(CLAIMS)])
    assert written[105:106] == b"~"
    assert written[:106] == CLAIMS[:106]


def test_a_routing_id_outside_of_the_character_set_keeps_isa_at_106_bytes() -> None:
    batch = read(CLAIMS)
    written = write_837p([replace(batch, envelope=replace(batch.envelope, sender_id="Cl\xednica~1"))])
    assert written[:106].endswith(b"~")
    assert b"*ZZ*CLINICA 1      *" in written[:106]


def test_control_numbers_that_do_not_fit_are_a_callers_mistake() -> None:
    batch = read(CLAIMS)
    with pytest.raises(ValueError, match="ISA13 has nine digits"):
        write_837p([replace(batch, envelope=replace(batch.envelope, interchange_control_number="7"))])
    with pytest.raises(ValueError, match="share one envelope"):
        write_837p([])
    with pytest.raises(ValueError, match="does not fit in 15 characters"):
        write_837p([replace(batch, envelope=replace(batch.envelope, sender_id="A" * 16))])


def test_own_claims_and_a_dependents_stand_under_separate_subscriber_levels() -> None:
    batch = read(CLAIMS)
    own = replace(batch.claims[1], patient=None)
    written = write_837p([replace(batch, claims=(own, batch.claims[1]))])
    levels = [(s[1], s[2], s[3], s[4]) for s in read_segments(written) if s.id == "HL"]
    assert levels == [("1", "", "20", "1"), ("2", "1", "22", "0"), ("3", "1", "22", "1"), ("4", "3", "23", "0")]


def test_an_835_holds_no_claim_batches() -> None:
    assert list(read_837p(REMITTANCE)) == []


words = st.text(string.ascii_uppercase + string.digits, min_size=1, max_size=10)
maybe = st.one_of(st.just(""), words)
money = st.integers(0, 10**9)
days = st.dates(date(1900, 1, 1), date(2100, 1, 1))
units = st.one_of(st.none(), st.decimals(0, 999, places=2, allow_nan=False, allow_infinity=False))
adjustments = st.lists(
    st.builds(Adjustment, group=st.sampled_from(["CO", "PR"]), reason=words, cents=money, quantity=units), max_size=8
).map(tuple)
references = st.lists(st.builds(Reference, st.sampled_from(["EA", "D9"]), words), max_size=2).map(tuple)
addresses = st.builds(Address, line_1=words, line_2=maybe, city=words, state=words, postal_code=words)


def parties(role: str, *, is_person: bool) -> st.SearchStrategy[Party]:
    return st.builds(
        Party,
        role=st.just(role),
        is_person=st.just(is_person),
        name=words,
        first_name=maybe,
        id_qualifier=st.just("ZZ"),
        id=words,
        address=st.one_of(st.none(), addresses),
        born_on=st.one_of(st.none(), days) if is_person else st.none(),
        gender=st.sampled_from(["", "F", "M"]) if is_person else st.just(""),
        references=references,
    )


def optional(strategy: st.SearchStrategy[Party]) -> st.SearchStrategy[Party | None]:
    return st.one_of(st.none(), strategy)


procedures = st.builds(Procedure, code=words, modifiers=st.lists(words, max_size=4).map(tuple), description=maybe)
adjudications = st.builds(
    LineAdjudication,
    payer_id=words,
    paid_cents=money,
    procedure=procedures,
    paid_units=units,
    adjustments=adjustments,
    adjudicated_on=st.one_of(st.none(), days),
    remaining_patient_cents=st.one_of(st.none(), money),
)
service_lines = st.builds(
    ServiceLine,
    procedure=procedures,
    charged_cents=money,
    units=units,
    place_of_service=maybe,
    pointers=st.lists(st.integers(1, 12), max_size=4).map(tuple),
    is_emergency=st.booleans(),
    service_on=days,
    service_to=st.one_of(st.none(), days),
    control_number=maybe,
    prior_authorization=maybe,
    note=maybe,
    rendering=optional(parties("82", is_person=True)),
    adjudications=st.lists(adjudications, max_size=2).map(tuple),
)
coverages = st.builds(
    OtherCoverage,
    responsibility=st.sampled_from(["P", "S"]),
    relationship=st.just("18"),
    group_number=maybe,
    filing_indicator=maybe,
    adjustments=adjustments,
    paid_cents=st.one_of(st.none(), money),
    remaining_patient_cents=st.one_of(st.none(), money),
    subscriber=parties("IL", is_person=True),
    payer=parties("PR", is_person=False),
    adjudicated_on=st.one_of(st.none(), days),
)
claims = st.builds(
    ProfessionalClaim,
    billing_provider=st.builds(BillingProvider, party=parties("85", is_person=False), taxonomy=maybe),
    subscriber=st.builds(Subscriber, party=parties("IL", is_person=True), group_number=maybe, filing_indicator=maybe),
    payer=parties("PR", is_person=False),
    patient=st.one_of(st.none(), st.builds(Patient, party=parties("QC", is_person=True), relationship=st.just("19"))),
    claim_id=words,
    charged_cents=money,
    place_of_service=words,
    frequency=st.sampled_from(["1", "7", "8"]),
    payer_control_number=maybe,
    prior_authorization=maybe,
    patient_paid_cents=st.one_of(st.none(), money),
    diagnoses=st.lists(words, max_size=12).map(tuple),
    references=references,
    dates=st.lists(st.builds(Dated, qualifier=st.just("439"), first_on=days), max_size=1).map(tuple),
    referring=optional(parties("DN", is_person=True)),
    rendering=optional(parties("82", is_person=True)),
    facility=optional(parties("77", is_person=False)),
    other_coverages=st.lists(coverages, max_size=2).map(tuple),
    lines=st.lists(service_lines, max_size=3).map(tuple),
)
batches = st.builds(
    ClaimBatch,
    envelope=st.just(
        Envelope(
            sender_id="CLINIC",
            receiver_id="HOUSE",
            written_at=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
            interchange_control_number="000000007",
            group_control_number="7",
            application_sender="CLINIC",
            application_receiver="HOUSE",
        )
    ),
    control_number=st.just("0001"),
    beginning=st.builds(
        Beginning,
        purpose=st.just("00"),
        reference=words,
        created_at=st.just(datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)),
        transaction_type=st.just("CH"),
    ),
    submitter=parties("41", is_person=False),
    receiver=parties("40", is_person=False),
    claims=st.lists(claims, max_size=3).flatmap(lambda some: st.just(tuple(some + some[:1]))),
)


@given(batches)
@settings(max_examples=60, deadline=None)
def test_any_batch_that_was_written_reads_the_same(batch: ClaimBatch) -> None:
    assert read(write_837p([batch])) == batch


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_837_never_raises(data: st.DataObject) -> None:
    source = harmed(data, CLAIMS, behind=106)
    problems = Problems()
    for batch in read_837p(source, problems):
        assert isinstance(batch.claims, tuple)
