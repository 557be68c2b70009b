"""Registrations tell who the patient is, where the visit is and who may pay, and what they leave unsaid stays unsaid."""

from datetime import date, time

import pytest

from shared.codecs.hl7v2.admission import Admission, AdmissionAction, IdentityAction, IdentityChange
from shared.codecs.hl7v2.documents import Kind, classify
from shared.codecs.hl7v2.findings import ErrorCode
from shared.codecs.hl7v2.message import parse
from shared.codecs.hl7v2.values import ABSENT, DELETED, Address, Authority, Identifier, PersonName, said_or_none
from shared.codecs.moments import Moment
from tests.unit.codecs.hl7v2.messages import PID, PV1, hl7, msh, places, reading


def admission(*segments: str, trigger: str = "A04") -> Admission:
    document = reading(msh(f"ADT^{trigger}"), *segments).document
    assert isinstance(document, Admission)
    return document


def test_a_registration_tells_who_the_patient_is() -> None:
    person = admission(PID).person
    assert person.record_number == Identifier(
        number="4711", authority=Authority(namespace="NORTH", universal_id="1.2.3.4", universal_type="ISO"), type="MR"
    )
    assert person.record_number.key == ("1.2.3.4", "4711")
    assert person.name == PersonName(family="Rivera", given="Ana", middle="M", use="L")
    assert person.birth_on == Moment(on=date(1980, 2, 29))
    assert person.sex == "F"
    assert person.address == Address(
        line_1="12 Elm St", line_2="Apt 4", city="Austin", state="TX", postal_code="78701", country="USA", use="H"
    )
    assert (person.phone, person.email) == ("(512)555-0100", "ana@example.org")
    assert person.account_number == Identifier(number="A-9001", authority=Authority(namespace="NORTH"))


def test_an_empty_field_is_no_change_and_two_quotes_delete() -> None:
    person = admission('PID|1||4711^^^NORTH^MR||Rivera^Ana||""', trigger="A31").person
    assert person.birth_on is DELETED
    assert person.address is ABSENT
    assert person.phone is ABSENT
    assert (said_or_none(person.birth_on), said_or_none(person.sex)) == (None, None)
    deleted = admission('PID|1||4711^^^NORTH^MR||Rivera^Ana||||||""||""', trigger="A31").person
    assert (deleted.address, deleted.phone) == (DELETED, DELETED)


def test_an_identifier_without_authority_belongs_to_the_sending_facility() -> None:
    assert admission("PID|1||4711||Rivera^Ana").person.record_number.key == ("NORTH", "4711")


def test_the_medical_record_number_is_preferred_to_other_identifiers() -> None:
    person = admission("PID|1||999-00-1111^^^SSA^SS~5^^^X^AN~77^^^EPI^PI~4711^^^NORTH^MR||Rivera^Ana").person
    assert person.record_number.number == "4711"
    assert admission("PID|1||999-00-1111^^^SSA^SS~77^^^EPI^EPI||R^A").person.record_number.number == "77"


def test_an_old_senders_identifier_in_pid_2_is_read_and_reported() -> None:
    result = reading(msh("ADT^A04"), "PID|1|4711^^^NORTH^MR|||Rivera^Ana")
    assert isinstance(result.document, Admission)
    assert result.document.person.record_number.number == "4711"
    assert places(result.warnings) == ["PID-3"]


def test_a_registration_without_an_identifier_cannot_be_used() -> None:
    result = reading(msh("ADT^A04"), "PID|1||||Rivera^Ana")
    assert not result.is_usable
    assert [(each.place, each.code) for each in result.errors] == [("PID-3", ErrorCode.REQUIRED_FIELD_MISSING)]


def test_a_birth_date_that_is_none_is_left_out_and_reported_without_its_value() -> None:
    result = reading(msh("ADT^A04"), PID.replace("19800229", "19800231"))
    assert isinstance(result.document, Admission)
    assert result.document.person.birth_on is ABSENT
    assert [(each.place, each.value) for each in result.findings] == [("PID-7", "")]
    assert "1980" not in result.findings[0].rule


def test_the_house_number_and_street_of_newer_versions_make_one_line() -> None:
    person = admission("PID|1||1^^^N^MR||R^A||||||1000&Hospital Lane^Ste. 1^Ann Arbor^MI^99999").person
    assert isinstance(person.address, Address)
    assert person.address.line_1 == "1000 Hospital Lane"


def test_a_visit_tells_class_place_providers_number_and_times() -> None:
    visit = admission(PID, PV1).visit
    assert visit is not None
    location = said_or_none(visit.location)
    assert location is not None and (location.point_of_care, location.room, location.facility) == (
        "CLINIC",
        "2",
        "NORTH",
    )
    assert visit.patient_class == "O"
    assert [each.npi for each in visit.attending + visit.referring] == ["1234567893", "1245319599"]
    assert said_or_none(visit.visit_number) == Identifier(
        number="V-77", authority=Authority(namespace="NORTH"), type="VN"
    )
    assert visit.admitted_at == Moment(on=date(2026, 3, 2), clock=time(9), offset_minutes=-300)
    assert visit.discharged_at == Moment(on=date(2026, 3, 2), clock=time(9, 30), offset_minutes=-300)


IN1 = (
    "IN1|1|HMO1^Blue Gold|66001^^^NAIC^NIIP|Johnson & Johnson Health||||GRP-5|Group Five||Acme|20260101|20261231||HMO|"
    "Rivera^Luis^^^^^L|SPO|19790101|12 Elm St^^Austin^TX^78701|||||||||||||||||XYZ123456"
)


def test_a_coverage_tells_payer_plan_member_and_insured() -> None:
    coverage = admission(PID, IN1).coverages[0]
    assert (coverage.rank, coverage.place, coverage.payer_id) == (1, "IN1", "66001")
    assert coverage.payer_name == "Johnson & Johnson Health"
    assert (coverage.plan_id, coverage.plan_name, coverage.plan_type) == ("HMO1", "Blue Gold", "HMO")
    assert (coverage.group_number, coverage.group_name, coverage.employer_name) == ("GRP-5", "Group Five", "Acme")
    assert (coverage.effective_on, coverage.expires_on) == (Moment(on=date(2026, 1, 1)), Moment(on=date(2026, 12, 31)))
    assert coverage.insured_name == PersonName(family="Rivera", given="Luis", use="L")
    assert (coverage.relationship, coverage.insured_birth_on) == ("SPO", Moment(on=date(1979, 1, 1)))
    assert coverage.member_number == "XYZ123456"


def test_coverages_are_ranked_by_their_set_id_whatever_their_order() -> None:
    second = IN1.replace("IN1|1|", "IN1|2|").replace("66001", "77002")
    coverages = admission(PID, second, IN1).coverages
    assert [(each.rank, each.payer_id) for each in coverages] == [(1, "66001"), (2, "77002")]


def test_coverages_with_the_same_set_id_keep_their_order_and_are_reported() -> None:
    result = reading(msh("ADT^A04"), PID, IN1, IN1.replace("66001", "77002"))
    assert isinstance(result.document, Admission)
    assert [(each.rank, each.payer_id) for each in result.document.coverages] == [(1, "66001"), (2, "77002")]
    assert places(result.findings) == ["IN1[2]-1"]


def test_a_member_number_may_stand_in_in2() -> None:
    without = IN1.replace("XYZ123456", "")
    assert admission(PID, without, "IN2" + "|" * 61 + "M-61").coverages[0].member_number == "M-61"
    assert admission(PID, without, "IN2|1|||||1EG4TE5MK73").coverages[0].member_number == "1EG4TE5MK73"


def test_a_coverage_with_neither_payer_nor_plan_cannot_be_used() -> None:
    assert places(reading(msh("ADT^A04"), PID, "IN1|1").errors) == ["IN1-3"]


def test_a_coverage_that_ends_before_it_begins_is_reported() -> None:
    assert places(reading(msh("ADT^A04"), PID, IN1.replace("20261231", "20251231")).warnings) == ["IN1-13"]


def test_a_guarantor_is_read() -> None:
    guarantor = admission(PID, "GT1|1|G-1||||").guarantors[0]
    assert guarantor.name is ABSENT
    named = admission(
        PID, "GT1|1|G-1|Rivera^Luis||12 Elm St^^Austin^TX^78701|(512)555-0101||19790101|M||SPO"
    ).guarantors[0]
    assert (named.name, named.phone, named.relationship) == (
        PersonName(family="Rivera", given="Luis"),
        "(512)555-0101",
        "SPO",
    )


@pytest.mark.parametrize(
    ("trigger", "action"),
    [
        ("A01", AdmissionAction.ADMITTED),
        ("A03", AdmissionAction.DISCHARGED),
        ("A04", AdmissionAction.REGISTERED),
        ("A05", AdmissionAction.PREADMITTED),
        ("A06", AdmissionAction.BECAME_INPATIENT),
        ("A08", AdmissionAction.VISIT_UPDATED),
        ("A11", AdmissionAction.ADMISSION_CANCELLED),
        ("A13", AdmissionAction.DISCHARGE_CANCELLED),
        ("A31", AdmissionAction.PERSON_UPDATED),
    ],
)
def test_each_event_says_what_happened(trigger: str, action: AdmissionAction) -> None:
    assert admission(PID, PV1, trigger=trigger).action is action


@pytest.mark.parametrize(
    ("message_type", "kind"),
    [
        ("ADT^A04^ADT_A01", Kind.ADMISSION),
        ("ADT^A40^ADT_A39", Kind.IDENTITY),
        ("ADT^A45", Kind.IDENTITY),
        ("SIU^S12", Kind.APPOINTMENT),
        ("DFT^P03", Kind.CHARGES),
        ("BAR^P12", Kind.ACCOUNT),
        ("ADT^A60", Kind.NOT_OURS),
        ("ORU^R01", Kind.NOT_OURS),
        ("ADT", Kind.NOT_OURS),
        ("", Kind.NOT_OURS),
    ],
)
def test_messages_are_told_apart_by_type_and_event(message_type: str, kind: Kind) -> None:
    assert classify(parse(hl7(msh(message_type), PID))) is kind


def test_a_message_that_is_not_ours_is_no_fault() -> None:
    result = reading(msh("ORU^R01"), PID)
    assert (result.document, result.errors) == (None, ())
    assert [(each.place, each.code, each.value) for each in result.warnings] == [
        ("MSH-9", ErrorCode.UNSUPPORTED_MESSAGE_TYPE, "ORU^R01")
    ]


def test_a_merge_names_every_survivor_and_whom_each_replaces() -> None:
    document = reading(
        msh("ADT^A40"),
        "PID|1||4711^^^NORTH^MR||Rivera^Ana",
        "MRG|0815^^^NORTH^MR||ACC-1||V-1",
        "PID|1||4712^^^NORTH^MR||Stone^Lee",
        "MRG|0816^^^NORTH^MR~0817^^^NORTH^MR",
    ).document
    assert isinstance(document, IdentityChange)
    assert document.action is IdentityAction.MERGED
    assert [
        (pair.survivor.record_number.number, [each.number for each in pair.retired]) for pair in document.pairs
    ] == [
        ("4711", ["0815"]),
        ("4712", ["0816", "0817"]),
    ]
    assert document.pairs[0].retired_account is not None and document.pairs[0].retired_account.number == "ACC-1"


@pytest.mark.parametrize(
    ("segments", "place"),
    [
        (["PID|1||4711^^^NORTH^MR||R^A"], "PID"),
        (["PID|1||1^^^N^MR||R^A", "MRG|2^^^N^MR", "PID|1||3^^^N^MR||R^A"], "PID[2]"),
        (["PID|1||1^^^N^MR||R^A", "MRG||||"], "MRG-1"),
        (["PID|1||1^^^N^MR||R^A", "MRG|1^^^N^MR"], "MRG-1"),
        (["PID|1||1^^^N^MR||R^A", "MRG|2^^^N^MR", "MRG|3^^^N^MR"], "MRG[2]"),
    ],
)
def test_a_merge_that_does_not_say_who_replaces_whom_cannot_be_used(segments: list[str], place: str) -> None:
    assert places(reading(msh("ADT^A40"), *segments).errors) == [place]


def test_moves_and_renumberings_are_left_to_a_person() -> None:
    document = reading(msh("ADT^A45"), "PID|1||4711^^^NORTH^MR||R^A", "MRG|0815^^^NORTH^MR||||V-1").document
    assert isinstance(document, IdentityChange)
    assert document.action is IdentityAction.NEEDS_A_PERSON


def test_a_snapshot_is_dated_by_its_event_and_else_by_its_sending() -> None:
    assert admission("EVN|A04|20260301080000", PID).occurred_at == Moment(on=date(2026, 3, 1), clock=time(8))
    sent_at = Moment(on=date(2026, 3, 2), clock=time(10, 15), offset_minutes=-300)
    assert admission(PID).occurred_at == sent_at
