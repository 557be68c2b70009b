"""What partners' answers tell, and what of them is passed on. The files are written out, as a receiver would send them."""

from __future__ import annotations

from datetime import date

from services.claims.adapters.x12_acknowledgements import read_acknowledgements
from services.claims.domain.batch.acknowledgement import BatchRefused, BatchTold, ClaimTold, Parties
from services.claims.domain.claim.commands import RecordAcceptance, RecordRejection, RecordStatus

DOCUMENT = "ab" * 32
CLAIM = "PNY0HP5K2ZF9VE0Y1"
ISA = "ISA*00*          *00*          *ZZ*NORTHERN       *ZZ*LAKESIDE       *260321*0915*^*00501*000000777*0*T*:~"
IEA = "IEA*1*000000777~"


def interchange(functional_id: str, guide: str, *segments: str) -> bytes:
    body = [segment + "~" for segment in segments]
    group = f"GS*{functional_id}*NORTHERN*LAKESIDE*20260321*0915*777*X*{guide}~"
    return "\n".join([ISA, group, *body, "GE*1*777~", IEA]).encode()


def a_277ca(*claims: str, source: str = "PR", batch_statuses: str = "", reference: str = "0000000420001") -> bytes:
    segments = [
        "ST*277*0001*005010X214",
        "BHT*0085*08*277X*20260321*0915*TH",
        "HL*1**20*1",
        f"NM1*{source}*2*FIRST PAYER*****PI*60001",
        "TRN*1*TRACE1",
        "DTP*050*D8*20260320",
        "DTP*009*D8*20260321",
        "HL*2*1*21*1",
        "NM1*41*2*LAKESIDE*****46*LAKESIDE",
        f"TRN*2*{reference}",
        *([batch_statuses] if batch_statuses else ["STC*A1:19:PR*20260321*WQ*100"]),
        *(["HL*3*2*19*1", "NM1*85*2*LAKESIDE FAMILY MEDICINE*****XX*1234567893"] if claims else []),
        *(segment for claim in claims for segment in claim.split("~")),
    ]
    return interchange("HN", "005010X214", *segments, f"SE*{len(segments) + 1}*0001")


def claim(statuses: str, number: str = CLAIM, control: str = "") -> str:
    reference = f"~REF*1K*{control}" if control else ""
    return f"HL*4*3*PT~NM1*QC*1*DOE*JANE****MI*SECRET123~TRN*2*{number}~{statuses}{reference}~DTP*472*D8*20260302"


def only(content: bytes) -> BatchTold | BatchRefused | ClaimTold:
    reading = read_acknowledgements(content, DOCUMENT)
    assert reading.findings == ()
    [told] = reading.told
    return told


def test_a_ta1_speaks_of_an_interchange_between_two_parties() -> None:
    told = only("\n".join([ISA, "TA1*000000042*260320*1405*R*025~", "IEA*0*000000777~"]).encode())
    assert isinstance(told, BatchTold)
    assert told.parties == Parties(sender_id="NORTHERN", receiver_id="LAKESIDE")
    assert (told.control_number, told.command.status, told.command.codes) == (42, "rejected", ("025",))


def test_a_999_names_the_rejected_sets_and_what_was_wrong_in_them() -> None:
    told = only(
        interchange(
            "FA",
            "005010X231A1",
            "ST*999*0001*005010X231A1",
            "AK1*HC*42*005010X222A1",
            "AK2*837*0001*005010X222A1",
            "IK3*NM1*12*2010BA*8",
            "CTX*SUBSCRIBER NAME NM109:SECRET123",
            "IK4*9*67*1",
            "IK5*R*5",
            "AK2*837*0002*005010X222A1",
            "IK5*A",
            "AK9*P*2*2*1",
            "SE*11*0001",
        )
    )
    assert isinstance(told, BatchTold)
    assert (told.control_number, told.command.status, told.command.rejected_sets) == (
        42,
        "partially-accepted",
        ("0001",),
    )
    assert told.command.codes == ("IK3:NM1:8", "IK4:NM109:1", "IK5:5")
    assert "SECRET123" not in repr(told)


def test_a_payers_acceptance_carries_its_number_and_day() -> None:
    told = only(a_277ca(claim("STC*A2:20:PR*20260321*WQ*100", control="PCN9")))
    assert isinstance(told, ClaimTold)
    command = told.command
    assert isinstance(command, RecordAcceptance)
    assert (told.claim_id, command.stage, command.payer_control_number) == (CLAIM, "payer", "PCN9")
    assert (command.accepted_on, command.control_number, command.codes) == (date(2026, 3, 21), 42, ("A2:20:PR",))


def test_a_clearinghouses_word_is_not_the_payers() -> None:
    told = only(a_277ca(claim("STC*A1:19*20260321*WQ*100"), source="AY"))
    assert isinstance(told, ClaimTold)
    assert isinstance(told.command, RecordAcceptance)
    assert told.command.stage == "clearinghouse"


def test_a_rejection_names_every_code_and_nobody() -> None:
    told = only(a_277ca(claim("STC*A7:562:85*20260321*U*100*******A7:128:85~STC*A3:21*20260321*U*100")))
    assert isinstance(told, ClaimTold)
    assert isinstance(told.command, RecordRejection)
    assert told.command.codes == ("A7:562:85", "A7:128:85", "A3:21")
    assert told.command.message_code == "562"
    assert "SECRET123" not in repr(told)


def test_a_status_that_is_neither_is_only_reported() -> None:
    told = only(a_277ca(claim("STC*A4:35*20260321**100")))
    assert isinstance(told, ClaimTold)
    assert isinstance(told.command, RecordStatus)


def test_several_claims_of_one_file_are_told_in_order() -> None:
    reading = read_acknowledgements(
        a_277ca(claim("STC*A2:20*20260321*WQ*100"), claim("STC*A3:33*20260321*U*100", "pny0hp5k2zf9ve0yb")), DOCUMENT
    )
    assert [type(told.command) for told in reading.told] == [RecordAcceptance, RecordRejection]
    assert isinstance(reading.told[1], ClaimTold)
    assert reading.told[1].claim_id == "PNY0HP5K2ZF9VE0YB"


def test_a_refused_batch_refuses_claims_that_it_does_not_name() -> None:
    told = only(a_277ca(batch_statuses="STC*A3:24:41*20260321*U*100"))
    assert isinstance(told, BatchRefused)
    assert (told.control_number, told.command.codes, told.named_claim_ids) == (42, ("A3:24:41",), frozenset())


def test_a_foreign_batch_reference_names_no_interchange() -> None:
    told = only(a_277ca(claim("STC*A2:20*20260321*WQ*100"), reference="NOT-OURS"))
    assert isinstance(told, ClaimTold)
    assert isinstance(told.command, RecordAcceptance)
    assert told.command.control_number is None


def test_a_277_tells_status_money_and_the_payers_number() -> None:
    told = only(
        interchange(
            "HN",
            "005010X212",
            "ST*277*0001*005010X212",
            "BHT*0010*08*277A*20260321*0915*DG",
            "HL*1**20*1",
            "NM1*PR*2*FIRST PAYER*****PI*60001",
            "HL*2*1*21*1",
            "NM1*41*2*LAKESIDE*****46*LAKESIDE",
            "HL*3*2*19*1",
            "NM1*1P*2*LAKESIDE*****XX*1234567893",
            "HL*4*3*22*0",
            "NM1*IL*1*DOE*JANE****MI*SECRET123",
            "TRN*2*T1",
            "STC*F1:65*20260321**100*48*20260320**20260321*EFT1",
            "REF*1K*PCN9",
            f"REF*EJ*{CLAIM}",
            "DTP*472*D8*20260302",
            "SE*16*0001",
        )
    )
    assert isinstance(told, ClaimTold)
    assert isinstance(told.command, RecordStatus)
    command = told.command
    assert (told.claim_id, command.category, command.paid_cents, command.payer_control_number) == (
        CLAIM,
        "F1",
        48_00,
        "PCN9",
    )


def test_a_file_without_any_acknowledgement_says_so() -> None:
    reading = read_acknowledgements(
        interchange("HC", "005010X222A1", "ST*837*0001*005010X222A1", "SE*2*0001"), DOCUMENT
    )
    assert reading.told == ()
    assert [finding.rule for finding in reading.findings] == ["the-file-holds-a-ta1-999-277ca-or-277"]


def test_rubbish_is_a_finding_and_never_an_exception() -> None:
    for content in (b"", b"hello", ISA.encode(), b"\x00" * 200):
        reading = read_acknowledgements(content, DOCUMENT)
        assert reading.told == ()
        assert reading.findings
