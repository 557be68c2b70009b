"""Does the check name the segment itself that breaks a rule of its own, of its claim or of its balance?"""

import pytest

from shared.codecs.x12.check import check
from tests.unit.codecs.x12.examples import CLAIMS, INSTITUTIONAL, REMITTANCE, damaged

FILES = {"837P": CLAIMS, "837I": INSTITUTIONAL, "835": REMITTANCE}

# set, what stands there, what stands there instead, severity, element, beginning of its segment, rule
BROKEN = [
    ("837P", "SBR*P*18*GROUP7", "SBR*P**GROUP7", "error", "SBR02", "SBR*P**", "a-subscriber-who-is-the-patient-is-told-by-sbr02-18"),
    ("837P", "SBR*S********CI", "SBR*S*18*******CI", "error", "SBR02", "SBR*S*18", "a-subscriber-with-a-patient-below-is-not-the-patient"),
    ("837P", "SBR*P*18*******BL", "SBR*S*18*******BL", "error", "SBR01", "SBR*S*18", "each-payer-of-a-claim-has-a-rank-of-its-own"),
    ("837P", "N4*SPRINGFIELD*IL*62704", "N4*SPRINGFIELD**62704", "error", "N402", "N4*SPRINGFIELD**", "an-address-in-this-country-has-its-state"),
    ("837P", "N4*SPRINGFIELD*IL*62704", "N4*SPRINGFELD*IL", "error", "N403", "N4*SPRINGFELD", "an-address-has-its-zip"),
    ("837P", "11:B:1*Y*A*Y*Y~", "11:B:1*Y*A*Y*Y**AA~", "error", "CLM11-4", "CLM*CLAIM-1", "a-car-accident-names-its-state"),
    ("837P", "HI*ABK:J0190*ABF:E119", "HI*ABK:J0190*BF:4619", "error", "HI02-1", "HI*ABK:J0190*BF", "a-claim-is-coded-in-one-revision-of-icd"),
    ("837P", "HI*ABK:J0190*ABF:E119", "HI*BK:4619", "warning", "DTP03", "DTP*472*D8*20260102", "icd-10-is-for-services-from-october-2015-icd-9-for-those-before"),
    ("837P", "DTP*472*D8*20260102", "DTP*472*D8*20270102", "warning", "DTP03", "DTP*472*D8*2027", "a-service-is-billed-after-it-was-given"),
    ("837P", "NM1*41*2*RIVERSIDE CLINIC*", "NM1*41*2*RIVERSIDE CLINIC*JO", "error", "NM104", "NM1*41", "an-organisation-has-no-first-name"),
    ("837P", "DMG*D8*19800402", "DMG*D8*20300402", "error", "DMG02", "DMG*D8*2030", "nobody-is-born-after-the-set-was-written"),
    ("837P", "REF*G1*AUTH77~", "PWK*B4*FX~\nREF*G1*AUTH77~", "error", "PWK06", "PWK", "an-attachment-that-is-sent-apart-has-a-control-number"),
    ("837P", "REF*6R*LINE-1~", "REF*6R*LINE-1~\nLIN**N4*1234567890~\nCTP****1*UN~", "error", "LIN03", "LIN", "an-ndc-has-eleven-digits"),
    ("837P", "AMT*D*60.5", "AMT*D*60.51", "error", "AMT02", "AMT*D", "another-payer-s-payment-and-adjustments-sum-to-the-claim-charge"),
    ("837P", "SVD*BLUE1*70.5", "SVD*BLUE1*70", "error", "SVD02", "SVD", "another-payer-s-payment-and-adjustments-sum-to-the-line-charge"),
    ("837P", "SVD*BLUE1*70.5", "SVD*BLUE2*70.5", "error", "SVD01", "SVD", "svd01-names-another-payer-of-the-claim"),
    ("837P", "*1***1:2~", "*1***1:3~", "error", "SV107", "SV1*HC:99214", "a-diagnosis-pointer-names-one-of-the-claim-s-diagnoses"),
    ("837P", "N4*SPRINGFIELD*IL*627010001", "N4*SPRINGFIELD*IL*62701", "warning", "N403", "N4*SPRINGFIELD*IL*62701", "the-billing-address-has-a-zip-of-nine-digits"),
    ("837P", "N3*10 RIVER ROAD", "N3*PO BOX 10", "warning", "N301", "N3*PO BOX", "the-billing-address-is-a-street-address-and-no-box"),
    ("837P", "ABF:E119", "ABF:J0190", "error", "HI", "HI*ABK:J0190*ABF", "no-diagnosis-stands-twice"),
    ("837P", "REF*6R*LINE-2", "REF*6R*LINE-1", "error", "REF02", "REF*6R*LINE-1", "a-line-item-control-number-stands-once-in-its-claim"),
    ("837P", "REF*EI*111222333~", "", "error", "REF", "NM1*85", "the-billing-provider-has-a-tax-id-in-ref-ei-or-sy"),
    ("837I", "SV2*0300*", "SV2*0001*", "error", "SV201", "SV2*0001", "the-total-line-0001-is-never-sent"),
    ("837I", "AMT*D*800", "AMT*D*801", "error", "AMT02", "AMT*D", "another-payer-s-payment-and-adjustments-sum-to-the-claim-charge"),
    ("835", "BPR*I*401.25", "BPR*I*401.24", "error", "BPR02", "BPR", "payment-is-the-sum-of-the-claims-less-the-provider-adjustments"),
    ("835", "BPR*I*401.25", "BPR*I*-401.25", "error", "BPR02", "BPR", "a-payment-is-not-negative"),
    ("835", "SVC*HC:99214:25*150*96", "SVC*HC:99214:25*150*95", "error", "SVC03", "SVC*HC:99214", "line-paid-is-line-charge-less-its-adjustments"),
    ("835", "CLP*CLAIM-2*1*300*264", "CLP*CLAIM-2*1*300*263", "error", "CLP04", "CLP*CLAIM-2", "claim-paid-is-claim-charge-less-all-its-adjustments"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "right", "wrong", "severity", "element", "at", "rule"), BROKEN)
def test_what_is_wrong_is_told_at_its_own_segment(
    kind: str, right: str, wrong: str, severity: str, element: str, at: str, rule: str
) -> None:
    content, number = damaged(FILES[kind], right, wrong, at)
    found = [(each.severity, each.segment, each.element, each.rule) for each in check(content, npi="error")]
    assert (severity, number, element, rule) in found


def test_a_set_that_no_loop_can_hold_is_told_by_the_group_that_it_belongs_to() -> None:
    attachment = CLAIMS.replace(b"ST*837*0001*005010X222A1", b"ST*275*0001*005010X210").replace(b"X222A1", b"X210")
    (finding,) = [each for each in check(attachment) if each.element == "GS01"]
    assert (finding.found, finding.expected) == ("HC", "PI")
