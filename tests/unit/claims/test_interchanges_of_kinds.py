"""A hospital's and a dentist's claim leave in interchanges of their own and read back as what they said."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from services.claims.adapters.interchange_writer import X12InterchangeWriter
from services.claims.domain.batch.interchange import WrittenInterchange
from services.claims.domain.claim.scrubbing import scrub
from services.claims.domain.partner.commands import AssembleBatch
from services.claims.domain.partner.decider import partner as partner_decider
from shared.codecs.x12.claim_837d import DentalClaim, read_837d
from shared.codecs.x12.claim_837i import InstitutionalClaim, read_837i
from shared.codecs.x12.hospital_codes import Diagnosis
from shared.events.batches import BatchAssembled, BatchedClaim
from shared.events.claim_kinds import (
    DentalService,
    HospitalCoding,
    HospitalProcedure,
    HospitalStay,
    Occurrence,
    OccurrenceSpan,
    PresentOnAdmission,
    Tooth,
    ValueAmount,
)
from shared.events.claims import ClaimCreated, PriorAdjudication, ServicesBilled
from shared.events.values import AdjudicatedLine, ChargeLine
from shared.testing.vault import MemoryVault
from tests.unit.claims.examples import SECONDARY_CLAIM, SERVICES, VISIT, adjustment, coverage, created
from tests.unit.claims.hospital_and_dental import (
    ADMITTED_ON,
    DENTAL,
    INPATIENT,
    LEFT_ON,
    OUTPATIENT,
    SURGEON,
    dental,
    inpatient,
    institutional,
)
from tests.unit.claims.test_interchange_writer import PARTNER, WRITTEN_AT, another_claim, write


def _institutional(written: WrittenInterchange) -> InstitutionalClaim:
    assert written.refused == {}
    [batch] = read_837i(written.content)
    [claim] = batch.claims
    return claim


def _dental(written: WrittenInterchange) -> DentalClaim:
    assert written.refused == {}
    [batch] = read_837d(written.content)
    [claim] = batch.claims
    return claim


@pytest.mark.asyncio
async def test_an_outpatient_claim_says_its_bill_type_statement_and_revenue_codes() -> None:
    written = await write(institutional())
    assert b"*X*005010X223A2~" in written.content
    assert b"CLM*" in written.content and b"*13:A:1*" in written.content
    claim = _institutional(written)
    assert claim.statement is not None
    assert (claim.statement.first_on, claim.statement.last_on) == (ADMITTED_ON, ADMITTED_ON)
    assert (claim.admission_type, claim.admission_source, claim.patient_status) == ("1", "1", "01")
    assert claim.codes.reasons_for_visit == ("R0789",)
    assert claim.attending is not None
    assert (claim.attending.name, claim.attending.taxonomy) == ("ORRIN", "207Q00000X")
    first, second = claim.lines
    assert (first.revenue_code, first.procedure and first.procedure.code, first.units) == ("0450", "99283", Decimal(1))
    assert (second.revenue_code, second.procedure, second.units) == ("0250", None, Decimal(3))
    assert second.charged_cents == 45_50


@pytest.mark.asyncio
async def test_an_inpatient_claim_says_admission_discharge_and_what_was_coded() -> None:
    claim = _institutional(await write(inpatient()))
    assert (claim.stay.admitted_on, claim.stay.admitted_time, claim.stay.discharged_time) == (
        ADMITTED_ON,
        "0815",
        "1130",
    )
    assert claim.codes.principal == Diagnosis(code="K3580", present_on_admission="Y")
    assert claim.codes.diagnoses == (
        Diagnosis(code="T8140XA", present_on_admission="N"),
        Diagnosis(code="Z87891"),
    )
    assert (claim.codes.admitting, claim.codes.drg, claim.codes.conditions) == ("K3580", "341", ("C5",))
    assert claim.codes.principal_procedure is not None
    assert claim.codes.principal_procedure.code == "0DTJ4ZZ"
    assert [each.code for each in claim.codes.procedures] == ["0W9G30Z"]
    assert [(each.code, each.cents) for each in claim.codes.values] == [("A1", 1_600_00), ("80", 3_00)]
    assert [each.code for each in claim.codes.occurrences] == ["11"]
    assert [(each.code, each.last_on) for each in claim.codes.spans] == [("72", date(2026, 2, 22))]
    assert claim.operating is not None
    assert claim.operating.name == "KERR"
    room = claim.lines[0]
    assert (room.unit, room.units, room.non_covered_cents) == ("DA", Decimal(3), 100_00)
    assert (room.service_on, room.service_to) == (ADMITTED_ON, LEFT_ON)


@pytest.mark.asyncio
async def test_a_dental_claim_says_teeth_surfaces_areas_and_orthodontics() -> None:
    written = await write(dental())
    assert b"*X*005010X224A2~" in written.content
    claim = _dental(written)
    filling, bridge = claim.lines
    assert filling.procedure is not None
    assert (filling.procedure.qualifier, filling.procedure.code) == ("AD", "D2392")
    assert [(tooth.code, tooth.surfaces) for tooth in filling.teeth] == [("14", ("M", "O"))]
    assert (bridge.areas, bridge.prosthesis, bridge.quantity) == (("40",), "R", Decimal(1))
    assert [(each.qualifier, each.first_on) for each in bridge.dates] == [("441", date(2014, 5, 6))]
    assert b"DN1*24*20~" in written.content
    assert b"DN2*1*M****JP~" in written.content
    assert [(each.qualifier, each.first_on) for each in claim.dates] == [("452", date(2025, 11, 3))]


def _secondary(services: ServicesBilled, *lines: AdjudicatedLine) -> ClaimCreated:
    paid = sum(line.paid_cents for line in lines)
    prior = PriorAdjudication(
        rank=1,
        payer_id="payer-1",
        paid_cents=paid,
        adjudicated_on=date(2026, 4, 1),
        payer_control_number="P1",
        lines=lines,
    )
    return created(claim_id=SECONDARY_CLAIM, rank=2, services=services, prior=(prior,))


@pytest.mark.asyncio
async def test_a_hospitals_secondary_claim_repeats_the_answer_to_each_revenue_code() -> None:
    claim = _secondary(
        OUTPATIENT,
        AdjudicatedLine(
            line_id="L1",
            procedure_code="99283",
            revenue_code="0450",
            charged_cents=100_00,
            paid_cents=80_00,
            adjustments=(adjustment("PR", "2", 20_00),),
        ),
        AdjudicatedLine(
            revenue_code="0250", charged_cents=45_50, paid_cents=0, adjustments=(adjustment("CO", "97", 45_50),)
        ),
    )
    assert scrub(claim, date(2026, 4, 2)) == ()
    first, second = _institutional(await write(claim)).lines
    assert [(each.revenue_code, each.paid_cents) for each in first.adjudications] == [("0450", 80_00)]
    [told] = second.adjudications
    assert (told.revenue_code, told.procedure, told.paid_units) == ("0250", None, Decimal(3))
    assert [(each.group, each.reason, each.cents) for each in told.adjustments] == [("CO", "97", 45_50)]


@pytest.mark.asyncio
async def test_a_dentists_secondary_claim_repeats_the_answer_under_cdt() -> None:
    lines = tuple(
        AdjudicatedLine(
            line_id=line.line_id,
            procedure_code=line.procedure_code,
            charged_cents=line.charged_cents,
            paid_cents=line.charged_cents // 2,
            adjustments=(adjustment("PR", "2", line.charged_cents // 2),),
        )
        for line in DENTAL.lines
    )
    claim = _dental(await write(_secondary(DENTAL, *lines)))
    for line in claim.lines:
        assert [each.procedure and each.procedure.qualifier for each in line.adjudications] == ["AD"]


@pytest.mark.asyncio
@pytest.mark.parametrize("services", [OUTPATIENT, INPATIENT, DENTAL])
@pytest.mark.parametrize("frequency", ["7", "8"])
async def test_a_replacement_or_void_of_any_kind_names_the_payers_number(
    services: ServicesBilled, frequency: str
) -> None:
    written = await write(created(services=services, frequency=frequency, replaces_payer_control_number="PCN77"))
    claim = _dental(written) if services.kind == "dental" else _institutional(written)
    assert (claim.frequency, claim.payer_control_number) == (frequency, "PCN77")


@pytest.mark.asyncio
async def test_claims_of_two_kinds_never_share_an_interchange() -> None:
    with pytest.raises(ValueError, match="one kind"):
        await write(another_claim(1), another_claim(2, services=OUTPATIENT))


def test_a_batch_takes_the_kind_that_waits_longest_and_leaves_the_others() -> None:
    waiting = tuple(
        BatchedClaim(claim_id=f"C{number}", version=1, charged_cents=1_00, kind=kind)
        for number, kind in enumerate(("dental", "professional", "dental", "institutional"))
    )
    state = partner_decider.evolve(partner_decider.initial, PARTNER)
    kinds: list[list[str]] = []
    for _ in range(3):
        [assembled] = partner_decider.decide(AssembleBatch(claims=waiting), state)
        assert isinstance(assembled, BatchAssembled)
        kinds.append([claim.kind for claim in assembled.claims])
        state = partner_decider.evolve(state, assembled)
    assert kinds == [["dental", "dental"], ["professional"], ["institutional"]]
    assert state.last_control_number == 3
    assert partner_decider.decide(AssembleBatch(claims=waiting), state) == []


# --- whatever a hospital or a dentist says ----------------------------------------------------------------------------

_DIAGNOSES = st.lists(
    st.from_regex(r"[A-TV-Z][0-9][0-9A-Z]{1,5}", fullmatch=True), min_size=1, max_size=25, unique=True
).map(tuple)
_DAYS = st.integers(0, 40).map(lambda days: ADMITTED_ON - timedelta(days=days))
_CODES = st.from_regex(r"[0-9A-Z]{2}", fullmatch=True)
_HOURS = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda time: f"{time[0]:02}{time[1]:02}")


@st.composite
def hospital_lines(draw: st.DrawFn) -> tuple[ChargeLine, ...]:
    lines = []
    for number in range(draw(st.integers(1, 6))):
        procedure = draw(st.sampled_from(("", "99283", "J1885", "36415")))
        cents = draw(st.integers(0, 10**7))
        lines.append(
            ChargeLine(
                line_id=f"ACCT-{number}",
                charge_id=f"c-{number}",
                service_on=draw(st.sampled_from((ADMITTED_ON, LEFT_ON))),
                procedure_code=procedure,
                modifiers=draw(st.sampled_from(((), ("25",), ("RT", "59")))) if procedure else (),
                revenue_code=draw(st.from_regex(r"0[1-9][0-9]{2}", fullmatch=True)),
                unit=draw(st.sampled_from(("UN", "DA"))),
                units=draw(st.sampled_from(("1", "2.5", "30"))),
                charged_cents=cents,
                non_covered_cents=draw(st.integers(0, cents)),
                national_drug_code=draw(st.sampled_from(("", "00002140701"))) if procedure else "",
            )
        )
    return tuple(lines)


@st.composite
def hospital_services(draw: st.DrawFn) -> ServicesBilled:
    diagnoses, lines = draw(_DIAGNOSES), draw(hospital_lines())
    few = st.lists(_CODES, max_size=13)
    return structs.replace(
        INPATIENT,
        diagnoses=diagnoses,
        lines=lines,
        charged_cents=sum(line.charged_cents for line in lines),
        operating=draw(st.sampled_from((None, SURGEON))),
        stay=HospitalStay(
            bill_type=draw(st.sampled_from(("11", "13", "21", "85"))),
            statement_from_on=ADMITTED_ON,
            statement_through_on=LEFT_ON,
            admitted_on=draw(_DAYS),
            admitted_time=draw(_HOURS),
            admission_type="1",
            admission_source="7",
            discharged_time=draw(_HOURS),
            patient_status=draw(st.sampled_from(("01", "06", "20"))),
            occurrences=tuple(Occurrence(code=code, occurred_on=draw(_DAYS)) for code in draw(few)),
            spans=tuple(OccurrenceSpan(code=code, first_on=ADMITTED_ON, last_on=LEFT_ON) for code in draw(few)),
            values=tuple(ValueAmount(code=code, amount_cents=draw(st.integers(0, 10**6))) for code in draw(few)),
            conditions=tuple(draw(few)),
        ),
        coding=HospitalCoding(
            admitting_diagnosis=diagnoses[0],
            present_on_admission=tuple(
                PresentOnAdmission(code=code, indicator=draw(st.sampled_from(("Y", "N", "U", "W"))))
                for code in diagnoses[::2]
            ),
            procedures=tuple(
                HospitalProcedure(code=code, performed_on=ADMITTED_ON)
                for code in draw(st.lists(st.from_regex(r"0[0-9A-HJ-NP-Z]{6}", fullmatch=True), max_size=14))
            ),
        ),
    )


@st.composite
def dental_services(draw: st.DrawFn) -> ServicesBilled:
    lines = tuple(
        structs.replace(
            VISIT,
            line_id=f"ACCT-{number}",
            charge_id=f"c-{number}",
            procedure_code=draw(st.from_regex(r"D[0-9]{4}", fullmatch=True)),
            charged_cents=draw(st.integers(0, 10**6)),
            diagnosis_pointers=(),
            dental=DentalService(
                teeth=tuple(
                    Tooth(
                        code=code, surfaces=tuple(draw(st.lists(st.sampled_from("BDFILMO"), max_size=5, unique=True)))
                    )
                    for code in draw(
                        st.lists(st.sampled_from(("1", "32", "A", "T", "51", "CS")), max_size=4, unique=True)
                    )
                ),
                oral_areas=draw(st.sampled_from(((), ("10",), ("10", "20")))),
                prosthesis=draw(st.sampled_from(("", "I"))),
            ),
        )
        for number in range(draw(st.integers(1, 5)))
    )
    return structs.replace(DENTAL, lines=lines, charged_cents=sum(line.charged_cents for line in lines))


async def _written(claim: ClaimCreated) -> WrittenInterchange:
    batched = BatchedClaim(claim_id=claim.claim_id, version=1, charged_cents=claim.services.charged_cents)
    return await X12InterchangeWriter(MemoryVault()).write(
        "lakeside", PARTNER, batch_id="b", control_number=7, claims=[(batched, claim)], written_at=WRITTEN_AT
    )


@settings(max_examples=25, deadline=None)
@given(services=hospital_services())
def test_what_the_edits_pass_is_written_and_read_back_the_same_837i(services: ServicesBilled) -> None:
    claim = created(services=services, coverages=(coverage(),))
    assert [each for each in scrub(claim, date(2026, 4, 2)) if each.severity == "error"] == []
    back = _institutional(asyncio.run(_written(claim)))
    stay, coding = services.stay, services.coding
    assert stay is not None
    assert coding is not None
    assert back.codes.diagnosis_codes == services.diagnoses
    assert (back.codes.conditions, len(back.codes.values)) == (stay.conditions, len(stay.values))
    assert len(back.codes.procedures) == max(0, len(coding.procedures) - 1)
    assert [line.revenue_code for line in back.lines] == [line.revenue_code for line in services.lines]
    assert sum(line.charged_cents for line in back.lines) == back.charged_cents == services.charged_cents


@settings(max_examples=20, deadline=None)
@given(services=dental_services())
def test_what_the_edits_pass_is_written_and_read_back_the_same_837d(services: ServicesBilled) -> None:
    claim = created(services=services, coverages=(coverage(filing_indicator="17"),))
    assert scrub(claim, date(2026, 4, 2)) == ()
    back = _dental(asyncio.run(_written(claim)))
    assert [[(tooth.code, tooth.surfaces) for tooth in line.teeth] for line in back.lines] == [
        [(tooth.code, tooth.surfaces) for tooth in (line.dental or DentalService()).teeth] for line in services.lines
    ]
    assert back.charged_cents == services.charged_cents


@pytest.mark.asyncio
@pytest.mark.parametrize("services", [SERVICES, OUTPATIENT, INPATIENT])
async def test_somebody_elses_validator_accepts_the_interchange(services: ServicesBilled) -> None:
    pytest.importorskip("pyx12.params")
    from tests.unit.codecs.x12.test_independent_validator import verdict

    accepted, said = verdict((await write(created(services=services))).content)
    assert accepted, said
