"""What an 835 as payers write it becomes in the words of the ledger."""

from __future__ import annotations

from datetime import date

import pytest

from services.payments.adapters.x12_remittance import account_named_by, read_remittances
from services.payments.domain.claim_account.answer import broken_equations
from services.payments.domain.remittance.commands import ProviderAdjustmentTold, ReceiveRemittance
from services.payments.domain.remittance.decider import remittance as remittance_decider
from shared.events.payments import RemittanceHeld, RemittanceReceived
from shared.events.values import AdjudicatedLine, Adjustment
from shared.testing.specification import Specification

CLAIM = "0123456789ABCDEF1"


def interchange(*sets: str) -> bytes:
    isa = "ISA*00*          *00*          *ZZ*PAYER          *ZZ*PRACTICE       *260320*1200*^*00501*000000001*0*P*:~"
    body = "".join(each.replace("\n", "") for each in sets)
    return f"{isa}GS*HP*PAYER*PRACTICE*20260320*1200*1*X*005010X221A1~{body}GE*{len(sets)}*1~IEA*1*000000001~".encode()


def one_set(body: str, *, payment: str, trace: str = "TRACE1", control: str = "0001") -> str:
    head = (
        f"ST*835*{control}~BPR*I*{payment}*C*ACH*CCP*01*999999999*DA*123*1512345678**01*999988880*DA*98765*20260320~"
        f"TRN*1*{trace}*1512345678~DTM*405*20260320~N1*PR*Aetna*XV*60054~N3*1 Main~N4*Hartford*CT*06101~REF*2U*PAYER9~"
        "PER*BL*Help*TE*8005551212~N1*PE*Practice*XX*1999999984~LX*1~"
    )
    text = head + body.replace("\n", "")
    return f"{text}SE*{text.count('~') + 1}*{control}~"


WORKED = f"""CLP*{CLAIM.lower()}*1*250*96*84*12*ICN1*11*1~NM1*QC*1*DOE*JANE****MI*M1~
SVC*HC:99213:25*150*96**1~DTM*472*20260302~CAS*CO*45*30~CAS*PR*2*24~REF*6R*L1~LQ*HE*N620~
SVC*HC:85025*100*0**1~DTM*472*20260302~CAS*PR*1*60~CAS*CO*45*40~REF*6R*L2~
CLP*0*1*400*364**12*ICN2~CAS*CO*45*36~
PLB*1999999984*20261231*WO:ICN7*60*L6*-1.25~"""


def test_the_worked_remittance_is_read_to_the_cent() -> None:
    [read] = read_remittances(interchange(one_set(WORKED, payment="401.25")), "d0")
    told = read.told
    assert (told.payment_cents, told.claims, told.claims_cents) == (401_25, 2, 460_00)
    assert (told.trace_number, told.payer_identifier, told.payment_on) == ("TRACE1", "1512345678", date(2026, 3, 20))
    assert told.provider_adjustments == (
        ProviderAdjustmentTold(reason="WO", reference="ICN7", amount_cents=60_00),
        ProviderAdjustmentTold(reason="L6", reference="", amount_cents=-1_25),
    )
    assert told.findings == ()
    Specification(remittance_decider).when(ReceiveRemittance(told=told)).only(RemittanceReceived)


def test_a_claim_is_read_with_its_lines_and_every_adjustment_as_sent() -> None:
    [read] = read_remittances(interchange(one_set(WORKED, payment="401.25")), "d0")
    first, second = read.answers()
    assert (first.account_id, first.claim_id, first.ordinal, first.status) == (CLAIM[:16], CLAIM, 1, "1")
    assert (first.charged_cents, first.paid_cents, first.patient_responsibility_cents) == (250_00, 96_00, 84_00)
    assert first.payer_identifiers == ("60054", "PAYER9", "1512345678")
    assert first.lines[0] == AdjudicatedLine(
        line_id="L1",
        procedure_code="99213",
        modifiers=("25",),
        charged_cents=150_00,
        paid_cents=96_00,
        units="1",
        service_on=date(2026, 3, 2),
        adjustments=(
            Adjustment(group="CO", reason="45", amount_cents=30_00),
            Adjustment(group="PR", reason="2", amount_cents=24_00),
        ),
        remarks=("N620",),
    )
    assert broken_equations(first) == broken_equations(second) == []
    assert first.source.place != second.source.place
    assert second.account_id.startswith("unmatched-")


def test_an_unreadable_amount_holds_its_claim_and_not_the_others() -> None:
    body = f"CLP*{CLAIM}*1*100*80**12*ICN1~CAS*CO*45*20*1*97*12.345~CLP*{CLAIM}*1*100*100**12*ICN2~"
    [read] = read_remittances(interchange(one_set(body, payment="180")), "d0")
    assert read.told.findings == ()
    bad, good = read.answers()
    assert [(each.place.split()[-1], each.value) for each in broken_equations(bad)] == [("CAS06", "12.345")]
    assert broken_equations(good) == []


def test_every_remittance_of_a_file_is_read_and_has_its_own_place() -> None:
    body = f"CLP*{CLAIM}*1*100*100**12*ICN1~"
    content = interchange(one_set(body, payment="100"), one_set(body, payment="100", trace="TRACE2", control="0002"))
    first, second = read_remittances(content, "d0")
    assert (first.control_number, second.control_number) == ("0001", "0002")
    assert first.told.remittance_id != second.told.remittance_id
    assert first.told.document != second.told.document


def test_a_remittance_without_a_trace_number_is_held() -> None:
    body = f"CLP*{CLAIM}*1*100*100**12*ICN1~"
    [read] = read_remittances(interchange(one_set(body, payment="100", trace="")), "d0")
    assert "trace-number-missing" in {each.rule for each in read.told.findings}


@pytest.mark.parametrize(("currency", "rules"), [("CAD", ["currency-not-us-dollars"]), ("USD", [])])
def test_a_payment_in_another_currency_is_held(currency: str, rules: list[str]) -> None:
    body = one_set(f"CLP*{CLAIM}*1*100*100**12*ICN1~", payment="100").replace("~DTM*405", f"~CUR*PR*{currency}~DTM*405")
    [read] = read_remittances(interchange(body), "d0")
    errors = [each for each in read.told.findings if each.severity == "error"]
    assert [each.rule for each in errors] == rules
    events = Specification(remittance_decider).when(ReceiveRemittance(told=read.told)).events
    assert isinstance(events[0], RemittanceHeld if rules else RemittanceReceived)


def test_a_wrong_count_in_the_envelope_is_a_warning_because_the_balance_tells_what_is_paid() -> None:
    body = f"CLP*{CLAIM}*1*100*100**12*ICN1~"
    content = interchange(one_set(body, payment="100")).replace(b"~SE*", b"~SE*9")
    [read] = read_remittances(content, "d0")
    assert [(each.place.split()[-1], each.severity) for each in read.told.findings] == [("SE01", "warning")]


def test_a_file_that_is_no_835_holds_no_remittance() -> None:
    assert read_remittances(b"MSH|^~\\&|", "d0") == []


def test_only_a_claim_number_of_ours_names_an_account() -> None:
    assert account_named_by(" 0123456789abcdef1 ") == "0123456789ABCDEF"
    assert account_named_by("0") == account_named_by("0")
    assert account_named_by("0").startswith("unmatched-")
    assert account_named_by("SMITH JOHN 1234567") != account_named_by("SMITH JOHN 1234568")
    assert "SMITH" not in account_named_by("SMITH JOHN 1234567")
