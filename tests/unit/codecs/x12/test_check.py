"""Does the check find what is wrong, name its place, and stay silent about what is right?"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codecs.x12.check import Finding, check, json_document
from tests.unit.codecs.x12 import (
    test_acknowledgements,
    test_claim_status_276_277,
    test_eligibility_270_271,
)
from tests.unit.codecs.x12.examples import (
    CLAIMS,
    DENTAL,
    INSTITUTIONAL,
    REMITTANCE,
    REVIEW_REQUEST,
    REVIEW_RESPONSE,
    harmed,
)

SOUND = {
    "835": REMITTANCE,
    "837P": CLAIMS,
    "837I": INSTITUTIONAL,
    "837D": DENTAL,
    "999": test_acknowledgements.GROUP,
    "277CA": test_acknowledgements.BATCH,
    "TA1": test_acknowledgements.INTERCHANGE,
    "270": test_eligibility_270_271.ASKED,
    "271": test_eligibility_270_271.ANSWERED.replace(b"EB*G*IND*30***23~", b"EB*G*IND*30***23*5000~"),
    "276": test_claim_status_276_277.ASKED,
    "277": test_claim_status_276_277.ANSWERED,
}


@pytest.mark.parametrize("kind", SOUND)
def test_a_sound_file_has_no_findings(kind: str) -> None:
    assert check(SOUND[kind], npi="error") == []


@pytest.mark.parametrize("data", [REVIEW_REQUEST, REVIEW_RESPONSE], ids=["request", "response"])
def test_a_sound_review_has_no_findings(data: bytes) -> None:
    assert check(data, npi="error") == []


@pytest.mark.parametrize(
    ("right", "wrong", "element", "rule"),
    [
        (b"SE*59", b"SE*58", "SE01", "se01-counts-the-segments-from-st-to-se"),
        (b"*XX*1234567893~", b"*XX*1234567890~", "NM109", "an-npi-has-ten-digits-and-passes-its-check-digit"),
        (b"CLM*CLAIM-1*250*", b"CLM*CLAIM-1*251*", "CLM02", "claim-charge-is-the-sum-of-its-lines"),
        (b"***1:2~", b"***1:3~", "SV107", "a-diagnosis-pointer-names-one-of-the-claim-s-diagnoses"),
        (b"HL*4*3*23*0", b"HL*5*3*23*0", "HL01", "hl01-counts-from-1-in-each-set"),
        (b"HL*4*3*23*0", b"HL*4*9*23*0", "HL02", "hl02-names-an-earlier-hl"),
        (b"HL*2*1*22*0", b"HL*2*1*22*1", "HL04", "hl04-is-1-with-children-and-0-without"),
        (b"AMT*D*60.5", b"AMT*D*60.51", "AMT02", "another-payer-s-payment-and-adjustments-sum-to-the-claim-charge"),
        (b"SVD*BLUE1*70.5", b"SVD*BLUE1*70", "SVD02", "another-payer-s-payment-and-adjustments-sum-to-the-line-charge"),
        (b"REF*F8*PCN-2~", b"REF*EA*PCN-2~", "REF", "a-replacement-or-void-names-the-payer-s-claim-number-in-ref-f8"),
        (b"ABF:E119", b"ABF:J0190", "HI", "no-diagnosis-stands-twice"),
        (b"REF*EI*", b"REF*0B*", "REF", "the-billing-provider-has-a-tax-id-in-ref-ei-or-sy"),
        (b"DMG*D8*19800402*F", b"DMG*D8*19801402*F", "DMG02", "date-is-ccyymmdd"),
        (b"REF*G1*AUTH77~", b"ZZ9*G1*AUTH77~", "ZZ9", "the-segment-belongs-to-this-set"),
        (b"NM1*40*2*", b"NM1*44*2*", "NM101", "the-code-is-in-the-list-of-the-guide"),
        (b"SV1*HC:99214:25*150*", b"SV1*HC:99214:25*150.001*", "SV102", "at-most-two-decimals"),
    ],
)
def test_what_is_wrong_with_a_claim_is_named(right: bytes, wrong: bytes, element: str, rule: str) -> None:
    assert right in CLAIMS
    findings = check(CLAIMS.replace(right, wrong, 1))
    assert (element, rule) in [(finding.element, finding.rule) for finding in findings]
    assert all(finding.segment > 0 and finding.message for finding in findings)


def test_a_remittance_a_cent_short_names_segment_found_and_expected() -> None:
    (finding,) = check(REMITTANCE.replace(b"BPR*I*401.25*", b"BPR*I*401.24*"))
    assert finding == Finding(
        severity="error",
        segment=4,
        element="BPR02",
        rule="payment-is-the-sum-of-the-claims-less-the-provider-adjustments",
        found="401.24",
        message="payment is the sum of the claims less the provider adjustments; expected 401.25",
        expected="401.25",
    )


def test_what_is_no_x12_is_a_finding() -> None:
    assert "an-interchange-starts-with-isa" in [finding.rule for finding in check(b"hello")]


def test_a_finding_never_shows_a_person() -> None:
    broken = CLAIMS.replace(b"*MEM001", b"*MEM001*X*Y").replace(b"19800402", b"198004XX").replace(b"JANE", b"JANE*XX")
    shown = json.dumps([[finding.found, finding.message] for finding in check(broken)])
    assert "MEM001" not in shown
    assert "198004XX" not in shown
    assert "ROE" not in shown


def test_the_json_of_an_835_says_every_cent() -> None:
    document = json.loads(json.dumps(json_document(REMITTANCE)))
    (transaction,) = document["transactions"]
    assert (transaction["set"], transaction["payment_cents"]) == ("835", 401_25)
    assert (transaction["trace_number"], transaction["payer"]["name"]) == ("EFT900001", "EVERGREEN HEALTH")
    claim = transaction["claims"][0]
    assert (claim["claim_id"], claim["status"], claim["charged_cents"]) == ("CLAIM-1", "1", 250_00)
    assert (claim["paid_cents"], claim["patient_responsibility_cents"]) == (96_00, 84_00)
    assert claim["adjustments"] == [{"group": "OA", "reason": "94", "cents": 0, "quantity": None}]
    assert claim["lines"][0]["adjustments"][0]["cents"] == 30_00
    assert claim["lines"][1]["remark_codes"] == ["N130", "M15"]
    assert [(a["reason"], a["cents"]) for a in transaction["provider_adjustments"]] == [("WO", 60_00), ("L6", -1_25)]


@pytest.mark.parametrize("kind", SOUND)
def test_every_set_has_a_json_form(kind: str) -> None:
    document = json.loads(json.dumps(json_document(SOUND[kind])))
    assert [transaction["set"] for transaction in document["transactions"]] == [kind]
    assert document["problems"] == []


def test_a_set_without_words_keeps_its_segments() -> None:
    other = CLAIMS.replace(b"ST*837*0001*005010X222A1", b"ST*824*0001*005010X186").replace(b"X222A1", b"X186")
    (transaction,) = json_document(other)["transactions"]
    assert transaction["set"] == "824"
    assert "CLM*CLAIM-1*250***11:B:1*Y*A*Y*Y" in transaction["segments"]


def test_an_authorisation_is_read_with_its_number() -> None:
    (transaction,) = json_document(REVIEW_RESPONSE)["transactions"]
    assert transaction["decisions"][0]["authorization_number"] == "AUTH77"
    assert transaction["trace_numbers"] == ["REVIEW-1", "REVIEW-1-1"]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_damaged_files_are_checked_and_never_raise(data: st.DataObject) -> None:
    source = harmed(data, data.draw(st.sampled_from([*SOUND.values(), REVIEW_REQUEST, REVIEW_RESPONSE])))
    findings = check(source)
    assert all(finding.rule and finding.severity in ("error", "warning") for finding in findings)
    assert json.dumps(json_document(source))
