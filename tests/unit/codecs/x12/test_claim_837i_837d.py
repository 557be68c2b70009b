"""Does an institutional or a dental claim mean the same after it was read and written?"""

from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace

from shared.codecs.x12.check import check
from shared.codecs.x12.claim_837d import Tooth, read_837d, stream_837d, write_837d
from shared.codecs.x12.claim_837i import read_837i, stream_837i, write_837i
from shared.codecs.x12.claim_parts import ClaimHeader, ClaimTrailer
from shared.codecs.x12.hospital_codes import Diagnosis, Occurrence, Performed, ValueCode
from shared.codecs.x12.tokenizer import read_segments
from tests.unit.codecs.x12.examples import CLAIMS, DENTAL, INSTITUTIONAL


def test_a_stay_is_read_with_its_codes_and_dates() -> None:
    (batch,) = read_837i(INSTITUTIONAL)
    (claim,) = batch.claims
    assert batch.problems == ()
    assert (claim.claim_id, claim.charged_cents, claim.facility_type, claim.frequency) == ("STAY-1", 1250_00, "11", "1")
    assert claim.statement is not None
    assert (claim.statement.first_on, claim.statement.last_on) == (date(2026, 1, 2), date(2026, 1, 5))
    assert (claim.stay.admitted_on, claim.stay.admitted_time) == (date(2026, 1, 2), "0915")
    assert claim.stay.discharged_time == "1130"
    assert (claim.admission_type, claim.admission_source, claim.patient_status) == ("1", "7", "01")
    assert (claim.estimated_due_cents, claim.prior_authorization) == (250_00, "AUTH77")
    codes = claim.codes
    assert codes.principal == Diagnosis(code="J189", present_on_admission="Y")
    assert (codes.admitting, codes.drg, codes.conditions) == ("R0602", "193", ("09",))
    assert codes.diagnosis_codes == ("J189", "E119", "I10")
    assert codes.principal_procedure == Performed(code="0BH17EZ", performed_on=date(2026, 1, 3))
    assert codes.spans == (Occurrence(code="74", first_on=date(2026, 1, 1), last_on=date(2026, 1, 2)),)
    assert codes.occurrences == (Occurrence(code="11", first_on=date(2026, 1, 1)),)
    assert codes.values == (ValueCode(code="80", cents=3_00),)
    assert claim.attending is not None
    assert (claim.attending.name, claim.attending.taxonomy) == ("HOUSE", "207R00000X")
    assert claim.operating is not None
    assert claim.others == ()


def test_lines_of_a_stay_carry_what_the_first_payer_decided() -> None:
    (batch,) = read_837i(INSTITUTIONAL)
    room, laboratory = batch.claims[0].lines
    assert (room.revenue_code, room.procedure, room.unit, room.units) == ("0120", None, "DA", Decimal(3))
    assert laboratory.procedure is not None
    assert (laboratory.procedure.code, laboratory.non_covered_cents) == ("80053", 10_00)
    assert [(each.revenue_code, each.paid_cents) for each in room.adjudications] == [("0120", 600_00)]
    (coverage,) = batch.claims[0].other_coverages
    assert (coverage.responsibility, coverage.paid_cents) == ("P", 800_00)


def test_teeth_areas_and_orthodontics_of_a_dental_claim_are_read() -> None:
    (batch,) = read_837d(DENTAL)
    (claim,) = batch.claims
    assert batch.problems == ()
    assert (claim.claim_id, claim.charged_cents, claim.person.first_name) == ("TOOTH-1", 230_00, "TIM")
    assert (claim.patient_paid_cents, claim.diagnoses) == (30_00, ("K021",))
    filling, cleaning = claim.lines
    assert filling.teeth == (Tooth(code="12", surfaces=("L", "O")),)
    assert (filling.pointers, filling.quantity, filling.control_number) == ((1,), Decimal(1), "LINE-1")
    assert (cleaning.prosthesis, cleaning.service_on) == ("I", date(2026, 1, 3))
    assert [segment.id for segment in claim.others] == ["DN1", "DN2"]


@pytest.mark.parametrize("data", [INSTITUTIONAL, DENTAL], ids=["837I", "837D"])
def test_writing_what_was_read_gives_the_same_segments(data: bytes) -> None:
    written = write_837i(list(read_837i(data))) if data is INSTITUTIONAL else write_837d(list(read_837d(data)))
    assert list(read_segments(written)) == list(read_segments(data))
    assert check(written, npi="error") == []


def test_replacement_and_void_of_an_institutional_claim_name_the_payers_number() -> None:
    (batch,) = read_837i(INSTITUTIONAL)
    for frequency in ("7", "8"):
        replaced = replace(batch.claims[0], frequency=frequency, payer_control_number="PCN-9")
        written = write_837i([replace(batch, claims=(replaced,))])
        assert check(written) == []
        (again,) = read_837i(written)
        assert (again.claims[0].frequency, again.claims[0].payer_control_number) == (frequency, "PCN-9")
        forgotten = write_837i([replace(batch, claims=(replace(replaced, payer_control_number=""),))])
        assert "a-replacement-or-void-names-the-payer-s-claim-number-in-ref-f8" in [
            each.rule for each in check(forgotten)
        ]


def test_twenty_four_other_diagnoses_stand_in_two_segments() -> None:
    (batch,) = read_837i(INSTITUTIONAL)
    (claim,) = batch.claims
    many = tuple(Diagnosis(code=f"E11{number:02d}") for number in range(24))
    written = write_837i([replace(batch, claims=(replace(claim, codes=replace(claim.codes, diagnoses=many)),))])
    assert [text.count(b"ABF") for text in written.split(b"~\n") if b"*ABF" in text] == [12, 12]
    assert check(written) == []
    (again,) = read_837i(written)
    assert again.claims[0].codes.diagnoses == many


def test_claims_come_one_by_one_between_header_and_trailer() -> None:
    stay = list(stream_837i(INSTITUTIONAL))
    tooth = list(stream_837d(DENTAL))
    for parts in (stay, tooth):
        assert isinstance(parts[0], ClaimHeader)
        assert isinstance(parts[-1], ClaimTrailer)
        assert len(parts) == 3
    assert list(stream_837i(CLAIMS)) == []


def test_a_hospital_code_without_its_date_is_told_and_the_others_are_kept() -> None:
    (batch,) = read_837i(INSTITUTIONAL.replace(b"HI*BH:11:D8:20260101", b"HI*BH:11:D8:20261301*BH:12:D8:20260102"))
    assert [each.code for each in batch.claims[0].codes.occurrences] == ["12"]
    assert ("HI01-4", "date is CCYYMMDD") in [(problem.element, problem.rule) for problem in batch.problems]
