"""Does what a file costs stay within its size, whatever somebody puts into it?

Memory is bounded whatever the size; work grows with the size and no faster. Both are stated as sizes and counts, never as seconds.
"""

import sys
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from shared.codecs.x12.check import check
from shared.codecs.x12.problems import FOUND_CHARACTERS_MAX, Problems
from shared.codecs.x12.tokenizer import Limits
from tests.unit.codecs.x12.examples import CLAIMS, REMITTANCE

MIB = 1024 * 1024
PIECE = 128 * 1024
MEMORY_MAX = 8 * Limits().segment_bytes

_UP_TO_A_REFERENCE = CLAIMS[: CLAIMS.index(b"AUTH77")]
# what comes first, what is then repeated, how many MiB of it
ENDLESS = {
    "one segment": (_UP_TO_A_REFERENCE, b"9", 100),
    "no terminator": (CLAIMS[:106] + b"GS*HC*", b"A", 100),
    "one segment of elements": (_UP_TO_A_REFERENCE, b"*1", 20),
    "one segment of components": (_UP_TO_A_REFERENCE, b":1", 20),
    "one segment of trailers": (_UP_TO_A_REFERENCE, b"IEA*", 20),
    "no interchange": (b"", b"\xff\x00", 100),
    "blanks": (b"", b" \n", 100),
    "marks of interchanges": (b"", b"ISA", 5),
}


def streamed(beginning: bytes, unit: bytes, mebibytes: int) -> Iterator[bytes]:
    yield beginning
    piece = unit * (PIECE // len(unit))
    for _ in range(mebibytes * MIB // len(piece)):
        yield piece


@pytest.mark.parametrize("name", ENDLESS)
def test_a_file_without_end_takes_no_more_memory_than_some_segments(name: str) -> None:
    tracemalloc.start()
    try:
        findings = check(streamed(*ENDLESS[name]))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert any(finding.severity == "error" for finding in findings)
    assert len(findings) <= Problems.limit
    assert all(len(finding.found) <= FOUND_CHARACTERS_MAX for finding in findings)
    assert peak <= MEMORY_MAX, f"{peak / MIB:.1f} MiB"


def _sets(count: int) -> bytes:
    return REMITTANCE[:107] + b"GS*HP*AA*BB*20260101*0101*1*X*005010X221A1~" + b"ST*835*0001~" * count


def _levels(count: int) -> bytes:
    start, end = CLAIMS.index(b"HL*1*"), CLAIMS.index(b"SE*59")
    nested = b"".join(b"HL*%d*%d*22*1~" % (number, number - 1) for number in range(2, count))
    return CLAIMS[:start] + b"HL*1**20*1~" + nested + CLAIMS[end:]


def _claims_out_of_place(count: int) -> bytes:
    end = REMITTANCE.index(b"PLB*")
    return REMITTANCE[:end] + b"SVC*HC:1*1*1~CAS*CO*45*1~N1*PR*X~" * count + REMITTANCE[end:]


def _benefits(count: int) -> bytes:
    from tests.unit.codecs.x12.test_check import SOUND

    end = SOUND["271"].index(b"EB*1*")
    return SOUND["271"][:end] + b"EB*C*IND*30***23*1~LS*2120~NM1*PR*2*X~" * count + SOUND["271"][end:]


def _acknowledged(count: int) -> bytes:
    from tests.unit.codecs.x12.test_check import SOUND

    end = SOUND["277CA"].index(b"HL*4*3*PT")
    claims = b"".join(b"HL*%d*3*PT~TRN*2*A~STC*A7:1*20260110*U*1~" % number for number in range(4, count + 4))
    return SOUND["277CA"][:end] + claims + SOUND["277CA"][end:]


GROWING: dict[str, Callable[[int], bytes]] = {
    "sets that are not closed": _sets,
    "levels below levels": _levels,
    "segments out of place": _claims_out_of_place,
    "benefits that open loops": _benefits,
    "claims that are refused": _acknowledged,
    "interchanges that are not closed": lambda count: CLAIMS[:107] * count,
    "elements": lambda count: REMITTANCE.replace(b"LX*1~", b"LX" + b"*1" * count + b"~"),
    "components": lambda count: REMITTANCE.replace(b"SVC*HC:99214:25*", b"SVC*HC" + b":1" * count + b"*"),
    "repetitions": lambda count: REMITTANCE.replace(b"SVC*HC:99214:25*", b"SVC*HC" + b"^1" * count + b"*"),
}


def calls_of(do: Callable[[], object]) -> int:
    """How many functions are called, of Python and of C."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        do()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("name", GROWING)
def test_a_file_of_four_times_the_size_takes_no_more_than_five_times_the_work(name: str) -> None:
    few, many = GROWING[name](200), GROWING[name](800)
    check(few)  # what is made once is made now
    assert calls_of(lambda: check(many)) <= 5 * calls_of(lambda: check(few))
