"""Does the check ask of eligibility, status, acknowledgement and review what their situational rules ask?"""

import pytest

from shared.codecs.x12.check import check
from tests.unit.codecs.x12.examples import REVIEW_REQUEST, REVIEW_RESPONSE, damaged
from tests.unit.codecs.x12.test_check import SOUND

FILES = {**SOUND, "278 request": REVIEW_REQUEST, "278 response": REVIEW_RESPONSE}

# set, what stands there, what stands there instead, element, its segment, rule
BROKEN = [
    ("270", "EQ*30^98~", "", "EQ", "DTP*291", "a-patient-who-is-asked-about-has-eq"),
    ("270", "NM1*IL*1*ROE*JANE****MI*MEM001~\nDMG*D8*19800402*F~", "NM1*IL*1*ROE*JANE~", "NM109", "NM1*IL", "a-patient-is-named-by-a-number-or-by-name-and-birth-date"),
    ("270", "TRN*1*TRACE1*9CLINIC001~", "TRN*1*TRACE1*ACLINIC001~", "TRN03", "TRN*1*TRACE1", "trn03-begins-with-1-3-or-9"),
    ("270", "EQ*30~", "EQ*30****2~", "EQ05-1", "EQ*30****2", "a-diagnosis-pointer-names-one-of-the-level-s-diagnoses"),
    ("270", "EQ*30~", "EQ*31~", "EQ01", "EQ*31", "the-code-is-in-the-list-of-the-guide"),
    ("271", "AAA*N**75*C~", "", "EB", "NM1*IL*1*POE", "an-answer-says-a-benefit-or-in-aaa-why-not"),
    ("271", "AAA*N**75*C~", "AAA*N**99*C~", "AAA03", "AAA", "the-code-is-in-the-list-of-the-guide"),
    ("271", "AAA*N**75*C~", "AAA*N**75*Z~", "AAA04", "AAA", "the-code-is-in-the-list-of-the-guide"),
    ("271", "LE*2120~", "", "LE", "LS*2120", "an-ls-is-closed-by-le"),
    ("271", "LS*2120~", "", "LS", "NM1*PRP", "the-names-of-a-benefit-stand-between-ls-and-le"),
    ("271", "LE*2120~", "LE*2110~", "LE01", "LE*2110", "the-code-is-in-the-list-of-the-guide"),
    ("271", "EB*A*IND*98*****.2****W~", "EB*A*IND*98*****20****W~", "EB08", "EB*A", "a-share-is-a-fraction-from-0-to-1"),
    ("271", "EB*C*IND*30***23*1000*", "EB*C*IND*30***23*-1000*", "EB07", "EB*C*IND*30***23*-", "a-benefit-is-not-negative"),
    ("271", "EB*1*IND*30*HM*", "EB*1*IND*30*XX*", "EB04", "EB*1", "the-code-is-in-the-list-of-the-guide"),
    ("271", "DTP*346*D8*20260101~", "DTP*346*D8*20260101~\nDTP*347*D8*20251231~", "DTP03", "DTP*347", "what-ends-does-not-end-before-it-begins"),
    ("276", "DTP*472*D8*20260103~", "", "DTP", "TRN*1*TRACE2", "a-claim-is-asked-about-with-its-service-date"),
    ("276", "DMG*D8*19800402*F~", "", "DMG", "HL*4*", "a-subscriber-who-is-the-patient-has-a-birth-date"),
    ("276", "AMT*T3*250~", "AMT*T3*-250~", "AMT02", "AMT*T3", "an-amount-of-a-status-is-not-negative"),
    ("276", "HL*6*5*23*0~", "HL*6*3*23*0~", "HL02", "HL*6*", "hl02-names-the-level-that-this-one-belongs-to"),
    ("277", "STC*F1:", "STC*F9:", "STC01-1", "STC*F9", "the-code-is-in-the-list-of-the-guide"),
    ("277", "STC*F1:65", "STC*F1:PAID", "STC01-2", "STC*F1", "a-claim-status-code-is-a-number"),
    ("277CA", "STC*A2:20:PR*20260110*WQ*", "STC*A7:20:PR*20260110*WQ*", "STC03", "STC*A7:20", "stc03-says-the-same-as-its-category"),
    ("277CA", "STC*A2:20:PR*20260110*WQ*", "STC*P1:20:PR*20260110*WQ*", "STC01-1", "STC*P1", "the-category-of-a-claim-acknowledgement-begins-with-a"),
    ("277CA", "QTY*90*1~", "QTY*90*0~", "QTY02", "QTY*90", "a-level-counts-every-claim-below-it"),
    ("277CA", "AMT*YY*100.5~", "AMT*YY*10~", "AMT02", "AMT*YY", "a-level-sums-every-claim-below-it"),
    ("278 request", "HL*4*3*EV*1~", "HL*4*3*EV*1~\nHCR*A1*X~", "HCR", "HCR", "a-request-has-no-decision"),
    ("278 request", "UM*HS*I*2*11:B~", "UM*AR*I*2*11:B~", "DTP", "UM*AR", "an-admission-has-its-date-in-dtp-435"),
    ("278 request", "UM*HS*I*2*11:B~", "UM*HS**2*11:B~", "UM02", "UM*HS", "a-request-says-whether-it-is-the-first"),
    ("278 request", "SV1*HC:97110*600*UN*12~", "", "SV1", "HL*5*", "a-service-says-what-it-is"),
    ("278 request", "SV1*HC:97110*600*UN*12~", "SV1*HC:97110*600*UN*12***2~", "SV107-1", "SV1", "a-diagnosis-pointer-names-one-of-the-level-s-diagnoses"),
    ("278 response", "HCR*A6*AUTH78~", "HCR*A6~", "HCR02", "HCR*A6", "what-is-certified-has-its-number"),
    ("278 response", "HL*5*4*SS*0~", "HL*5*3*SS*0~", "HL02", "HL*5*", "hl02-names-the-level-that-this-one-belongs-to"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "right", "wrong", "element", "at", "rule"), BROKEN)
def test_what_breaks_a_situational_rule_is_named(
    kind: str, right: str, wrong: str, element: str, at: str, rule: str
) -> None:
    content, number = damaged(FILES[kind], right, wrong, at)
    found = [(each.severity, each.segment, each.element, each.rule) for each in check(content)]
    assert ("error", number, element, rule) in found


def test_an_answer_that_stops_at_the_payer_says_why() -> None:
    text = SOUND["271"].decode()
    start, end = text.index("HL*2*1*21"), text.index("SE*")
    stopped = text[:start].replace("HL*1**20*1~", "HL*1**20*0~") + text[end:]
    assert "an-answer-says-a-benefit-or-in-aaa-why-not" in [each.rule for each in check(stopped.encode())]
    refused = stopped.replace("PER*IC*MEMBER", "AAA*N**42*R~\nPER*IC*MEMBER")
    assert "an-answer-says-a-benefit-or-in-aaa-why-not" not in [each.rule for each in check(refused.encode())]


def test_a_status_answer_without_a_status_is_told() -> None:
    text = "\n".join(line for line in SOUND["277"].decode().split("\n") if not line.startswith("STC"))
    assert "an-answer-that-stops-at-a-level-says-its-status-there" in [each.rule for each in check(text.encode())]


def test_a_review_that_is_answered_without_a_decision_is_told() -> None:
    text = "\n".join(line for line in REVIEW_RESPONSE.decode().split("\n") if not line.startswith("HCR"))
    assert "an-answer-decides-or-says-in-aaa-why-not" in [each.rule for each in check(text.encode())]


def test_a_request_without_requester_patient_or_event_is_told() -> None:
    text = REVIEW_REQUEST.decode()
    start, end = text.index("HL*2*1*21"), text.index("SE*")
    rules = [each.rule for each in check((text[:start] + text[end:]).encode())]
    assert {"a-request-names-who-asks", "a-request-names-its-patient", "a-request-names-what-is-asked-for"} <= {*rules}


def test_a_guide_that_is_not_known_is_not_held_against_the_rules_of_another() -> None:
    other = REVIEW_REQUEST.replace(b"X217", b"X215").replace(b"HL*4*3*EV*1~", b"HL*4*3*EV*1~\nHCR*A1*X~")
    assert "a-request-has-no-decision" not in [each.rule for each in check(other)]
