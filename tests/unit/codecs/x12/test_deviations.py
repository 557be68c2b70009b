"""Is a payer's known habit let pass only where it is named?"""

import pytest

from shared.codecs.x12.check import check
from shared.codecs.x12.deviations import DEVIATIONS, UnknownDeviation
from tests.unit.codecs.x12.examples import CLAIMS, REMITTANCE
from tests.unit.codecs.x12.test_acknowledgements import BATCH

DEVIATING = {
    "835-without-technical-contact": REMITTANCE.replace(b"PER*BL*EDI DESK*TE*5555550100~\n", b"").replace(
        b"SE*43", b"SE*42"
    ),
    "835-with-st03": REMITTANCE.replace(b"ST*835*0001~", b"ST*835*0001*005010X221A1~"),
    "835-references-in-any-order": REMITTANCE.replace(
        b"DTM*472*20260102~\nCAS*CO*45*30~\nCAS*PR*2*24~", b"CAS*CO*45*30~\nCAS*PR*2*24~\nDTM*472*20260102~"
    ),
    "835-short-originator-id": REMITTANCE.replace(b"TRN*1*EFT900001*1999999999", b"TRN*1*EFT900001*999999999"),
    "835-with-any-filing-indicator": REMITTANCE.replace(b"*84*12*PCN-1*", b"*84*CI*PCN-1*"),
    "277ca-without-service-date": BATCH.replace(b"DTP*472*D8*20260102~\n", b"").replace(b"SE*34", b"SE*33"),
    "repeated-interchange-numbers": REMITTANCE + REMITTANCE,
    "wrong-segment-count": CLAIMS.replace(b"SE*59", b"SE*58"),
}


def test_every_deviation_has_its_example_here() -> None:
    assert set(DEVIATING) == set(DEVIATIONS)


@pytest.mark.parametrize("name", DEVIATING)
def test_a_deviation_is_an_error_until_it_is_named_and_never_silent(name: str) -> None:
    strict, lenient = check(DEVIATING[name]), check(DEVIATING[name], allow=(name,))
    assert {finding.severity for finding in strict} == {"error"}
    assert {finding.severity for finding in lenient} == {"warning"}
    assert [finding.rule for finding in lenient] == [finding.rule for finding in strict]


def test_a_deviation_covers_nothing_else() -> None:
    others = tuple(DEVIATIONS)
    broken = CLAIMS.replace(b"DTP*472*D8*20260102", b"DTP*472*D8*20261302")
    assert [each.severity for each in check(broken, allow=others)] == ["error"]
    technical = DEVIATING["835-without-technical-contact"]
    assert [each.severity for each in check(technical, allow=("wrong-segment-count",))] == ["error"]


def test_a_deviation_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UnknownDeviation, match="836-anything is none of"):
        check(CLAIMS, allow=("836-anything",))
