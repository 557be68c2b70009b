"""How fast are X12 and HL7 v2 read, checked and written?

An 835 against `bytes.split`, Decimal and a dict a claim; the check against pyx12's; an 837P against reading it back with that loop;
HL7 v2 against `str.split`. Each pair works on the same bytes.
"""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pyx12.params
import pyx12.x12n_document

from shared.codecs.hl7v2.acknowledgement import Verdict, answers
from shared.codecs.hl7v2.documents import read_document
from shared.codecs.hl7v2.message import parse
from shared.codecs.x12.balance import OutOfBalance, balance_of_claim, balance_of_payment
from shared.codecs.x12.check import check
from shared.codecs.x12.claim_837p import read_837p, write_837p
from shared.codecs.x12.problems import Problems
from shared.codecs.x12.remittance_835 import (
    ClaimPayment,
    RemittanceAdvice,
    RemittanceHeader,
    RemittanceTrailer,
    stream_835,
)
from tests.benchmarks import files
from tests.benchmarks.measurement import Row, show
from tests.benchmarks.rounds import ROUNDS, Work, compared

CLAIMS = 10_000
CLAIMS_CHECKED = 300  # pyx12 takes its time
MESSAGES = 3_000
_ANSWERED_AT = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)


def run(*, claims: int = CLAIMS, rounds: int = ROUNDS) -> list[Row]:
    return [
        *_remittances(claims, rounds),
        *_checks(min(claims, CLAIMS_CHECKED), min(rounds, 3)),
        _written(claims // 5, rounds),
        *_messages(MESSAGES, rounds),
    ]


# --- 835 ------------------------------------------------------------------------------------------------------------


def _remittances(claims: int, rounds: int) -> Iterator[Row]:
    data = files.remittance(files.claim_numbers(claims))
    assert balanced(data) == claims
    paid = sum(files.shares_of(number)[0] for number in range(claims))
    assert 100 * sum(claim["paid"] for claim in split_835(data)) == paid  # to the cent, like `balanced`
    yield compared(
        Work(name="835 to typed, exact, balanced at three levels", do=partial(balanced, data)),
        Work(name="bytes.split, Decimal, dict a claim", do=partial(split_835, data)),
        things=claims,
        of="claims",
        goal=0.5,
        rounds=rounds,
    )
    few, many = _peak_bytes(1_500), _peak_bytes(12_000)
    yield Row(
        name="835: memory, 12,000 claims against 1,500, streamed",
        measured=f"{many / 1024:,.0f} KiB at its peak",
        yardstick=f"an eighth of the file: {few / 1024:,.0f} KiB",
        ratio=few / many,
        goal=0.8,
    )


def balanced(data: bytes) -> int:
    """Read an 835 as a stream and prove its three balances; how many claims it has."""
    problems = Problems()
    findings: list[OutOfBalance] = []
    header: RemittanceHeader | None = None
    claims = paid = 0
    for part in stream_835(data, problems):
        match part:
            case ClaimPayment():
                findings += balance_of_claim(part)
                claims += 1
                paid += part.paid_cents
            case RemittanceHeader():
                header = part
            case RemittanceTrailer():
                assert header is not None
                withheld = sum(each.cents for each in part.provider_adjustments)
                whole = _without_claims(header, part)
                findings += balance_of_payment(whole, paid_cents=paid, withheld_cents=withheld)
    assert not findings and not problems
    return claims


def _without_claims(header: RemittanceHeader, trailer: RemittanceTrailer) -> RemittanceAdvice:
    return RemittanceAdvice(
        header=header,
        claims=(),
        provider_adjustments=trailer.provider_adjustments,
        summaries=trailer.summaries,
        others=trailer.others,
        problems=trailer.problems,
        place=trailer.place,
    )


def split_835(data: bytes) -> list[dict[str, Any]]:
    """What a script would do: split, take the amounts, a dict for each claim. It checks nothing."""
    claims: list[dict[str, Any]] = []
    for raw in data.split(b"~"):
        elements = raw.split(b"*")
        match elements[0]:
            case b"CLP":
                claim: dict[str, Any] = {
                    "id": elements[1].decode(),
                    "status": elements[2].decode(),
                    "charged": _decimal(elements[3]),
                    "paid": _decimal(elements[4]),
                    "patient": _decimal(elements[5]),
                    "lines": [],
                    "adjustments": [],
                }
                claims.append(claim)
                current = claim
            case b"SVC":
                current = {
                    "procedure": elements[1].decode(),
                    "charged": _decimal(elements[2]),
                    "paid": _decimal(elements[3]),
                    "adjustments": [],
                }
                claim["lines"].append(current)
            case b"CAS":
                for at in range(2, len(elements) - 1, 3):
                    adjustment = (elements[1].decode(), elements[at].decode(), _decimal(elements[at + 1]))
                    current["adjustments"].append(adjustment)
            case b"NM1" | b"REF" | b"DTM" | b"AMT" if claims:
                claim[elements[0].decode() + elements[1].decode()] = [each.decode() for each in elements[2:]]
    return claims


def _decimal(element: bytes) -> Decimal:
    return Decimal(element.decode())


def _peak_bytes(claims: int) -> int:
    data = files.remittance(files.claim_numbers(claims))
    chunks = (data[start : start + 16_384] for start in range(0, len(data), 16_384))
    tracemalloc.start()
    try:
        assert sum(isinstance(part, ClaimPayment) for part in stream_835(chunks)) == claims
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


# --- checks ---------------------------------------------------------------------------------------------------------


def _checks(claims: int, rounds: int) -> Iterator[Row]:
    kinds = {"835": files.remittance(files.claim_numbers(claims)), "837P": files.claims(claims)}
    for kind, data in kinds.items():
        assert not [finding for finding in check(data) if finding.severity == "error"]
        assert _accepted_by_pyx12(data)
        yield compared(
            Work(name=f"full check of an {kind}", do=partial(check, data)),
            Work(name="pyx12", do=partial(_accepted_by_pyx12, data)),
            things=claims,
            of="claims",
            goal=3.0,
            rounds=rounds,
        )


def _accepted_by_pyx12(data: bytes) -> bool:
    source, said = io.StringIO(data.decode("ascii")), io.StringIO()
    return bool(pyx12.x12n_document.x12n_document(pyx12.params.params(), source, None, None, fd_json=said))


# --- 837P -----------------------------------------------------------------------------------------------------------


def _written(claims: int, rounds: int) -> Row:
    batches = list(read_837p(files.claims(claims)))
    data = write_837p(batches)
    assert len(split_837(data)) == claims
    return compared(
        Work(name="837P: claims to bytes", do=partial(write_837p, batches)),
        Work(name="reading it back with that loop", do=partial(split_837, data)),
        things=claims,
        of="claims",
        goal=0.3,
        rounds=rounds,
    )


def split_837(data: bytes) -> list[dict[str, Any]]:
    """The loop of `split_835` over claims."""
    claims: list[dict[str, Any]] = []
    for raw in data.split(b"~"):
        elements = raw.strip().split(b"*")
        match elements[0]:
            case b"CLM":
                claim: dict[str, Any] = {
                    "id": elements[1].decode(),
                    "charged": _decimal(elements[2]),
                    "place": elements[5].decode(),
                    "lines": [],
                }
                claims.append(claim)
            case b"SV1":
                claim["lines"].append({"procedure": elements[1].decode(), "charged": _decimal(elements[2])})
            case b"HI" | b"NM1" | b"REF" | b"DTP" | b"PRV" if claims:
                claim[elements[0].decode() + elements[1].decode()] = [each.decode() for each in elements[2:]]
    return claims


# --- HL7 v2 ---------------------------------------------------------------------------------------------------------


def _messages(count: int, rounds: int) -> Iterator[Row]:
    texts = files.messages(count)
    assert all(not read_document(parse(text)).errors for text in texts[:3])
    splitting = Work(name="str.split into segments and fields", do=partial(_split_messages, texts))
    for name, do, goal in (
        ("HL7 v2: parse and ACK", _parsed_and_answered, 0.3),
        ("HL7 v2: parse, typed document and ACK", _read_and_answered, None),
    ):
        work = Work(name=name, do=partial(do, texts))
        yield compared(work, splitting, things=count, of="messages", goal=goal, rounds=rounds)


def _parsed_and_answered(texts: list[bytes]) -> list[tuple[bytes, ...]]:
    return [answers(parse(text).header, Verdict.ACCEPTED, control_id="L-1", at=_ANSWERED_AT) for text in texts]


def _read_and_answered(texts: list[bytes]) -> list[tuple[bytes, ...]]:
    answered = []
    for text in texts:
        message = parse(text)
        reading = read_document(message)
        answered.append(answers(message.header, Verdict.ACCEPTED, reading.findings, control_id="L-1", at=_ANSWERED_AT))
    return answered


def _split_messages(texts: list[bytes]) -> list[list[list[str]]]:
    return [[segment.split("|") for segment in text.decode().split("\r")] for text in texts]


if __name__ == "__main__":
    show(run())
