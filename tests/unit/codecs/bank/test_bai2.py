"""A statement in BAI2: what came in, what is no deposit, and a file that does not add up."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.codecs.bank.bai2 import is_bai2, read_bai2
from shared.codecs.bank.statement import Credit, Statement
from tests.unit.codecs.bank.statements import EFT, Line, bai2

FILE = bai2(EFT, Line("475", 12_00, "Z,,100"), Line("174", 50_00, "Z,,4711"))


def read(content: bytes) -> Statement:
    found = read_bai2(content)
    assert found.problems == ()
    assert found.statement is not None
    return found.statement


def only(*lines: Line) -> Credit:
    [credit] = read(bai2(*lines)).credits
    return credit


def problems(content: bytes) -> list[tuple[int, str, str]]:
    found = read_bai2(content)
    assert found.statement is None
    return [(problem.number, problem.field, problem.found) for problem in found.problems]


def test_an_eft_is_known_by_the_addenda_of_its_payment() -> None:
    credit = only(EFT)
    assert (credit.deposited_on, credit.amount_cents, credit.kind) == (date(2026, 3, 21), 96_00, "ach")
    assert (credit.trace_number, credit.payer_identifier) == ("TRACE1", "1512345678")
    assert (credit.payer_name, credit.reference, credit.record) == ("AETNA AS01", "REF0001", 4)


@pytest.mark.parametrize(
    "texts",
    [
        ("PAYMENT TRN*1*TRACE1*1512345678~",),
        ("PAYMENT TRN*1*TRACE1*1512345678\\",),
        ("PAYMENT TRN*1*TRACE1*1512345678*999999~ REF",),
        ("PAYMENT TRN*1*TRA", "CE1*15123", "45678~ MORE"),
        ("TRN*1*TRACE1*1512345678", "MORE WORDS"),
        ("SOME, TEXT WITH COMMAS", "AND TRN*1*trace1*1512345678 MORE"),
    ],
)
def test_the_addenda_is_found_however_the_bank_cuts_it(texts: tuple[str, ...]) -> None:
    credit = only(Line("142", 1_00, "Z,,", texts))
    assert (credit.trace_number, credit.payer_identifier) == ("TRACE1", "1512345678")


def test_the_addenda_may_stand_in_a_reference() -> None:
    assert only(Line("142", 1_00, "Z,,TRN*1*TRACE1*1512345678,")).trace_number == "TRACE1"


@pytest.mark.parametrize(
    ("texts", "payer"),
    [
        (("TRN*1*A*1512345678~TRN*1*B*1512345678~",), ""),  # two payments: neither is guessed
        (("TRN*1*TRACE1*15123~",), ""),
        (("ORIG CO NAME:AETNA ORIG ID:1512345678",), "1512345678"),
        (("THANK YOU",), ""),
    ],
)
def test_what_the_text_does_not_say_is_not_guessed(texts: tuple[str, ...], payer: str) -> None:
    credit = only(Line("165", 1_00, "Z,,770011", texts))
    assert (credit.trace_number, credit.payer_identifier, credit.reference) == ("", payer, "770011")


def test_words_are_no_reference() -> None:
    assert only(Line("174", 1_00, "Z,,JANE DOE")).reference == ""


@pytest.mark.parametrize(
    "rest", ["V,260322,0900,B1,C1,", "S,1,2,3,B1,C1,", "D,2,0,50,1,50,B1,C1,", "1,B1,C1,", ",B1,C1,"]
)
def test_references_stand_behind_every_kind_of_availability(rest: str) -> None:
    assert only(Line("174", 1_00, rest)).reference == "C1"


def test_availability_may_go_on_in_a_continuation() -> None:
    assert only(Line("174", 1_00, "D,2,0,50", ("1,50,B1,C1,TRN*1*TRACE1*1512345678~",))).trace_number == "TRACE1"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (Line("475", 12_00), "debit"),
        (Line("961", 12_00), "debit"),
        (Line("165", -12_00), "debit"),
        (Line("165", 0), "no-money"),
        (Line("890", 12_00), "not-a-credit"),
        (Line("72A", 12_00), "not-a-credit"),
    ],
)
def test_what_is_no_deposit_is_left_out_with_its_reason(line: Line, reason: str) -> None:
    statement = read(bai2(line))
    assert statement.credits == ()
    [left_out] = statement.left_out
    assert (left_out.reason, left_out.amount_cents, left_out.type_code) == (reason, line.cents, line.type_code)


@pytest.mark.parametrize(
    ("status", "currency", "reason"),
    [("2", "USD", "group-deleted"), ("4", "USD", "group-is-a-test"), ("1", "CAD", "currency")],
)
def test_a_group_that_is_not_for_posting_is_left_out(status: str, currency: str, reason: str) -> None:
    [left_out] = read(bai2(EFT, status=status, currency=currency)).left_out
    assert left_out.reason == reason


def test_unknown_types_and_records_are_counted_and_nothing_is_lost() -> None:
    strange = bai2(Line("333", 7_00), others=["17,what/", "88,ever/"])
    statement = read(strange)
    assert statement.unknown_records == Counter({"17": 1})
    assert statement.unknown_types == Counter({"333": 1})
    assert [credit.kind for credit in statement.credits] == ["other"]


def test_several_files_may_stand_behind_each_other() -> None:
    assert len(read(bai2(EFT) + bai2(EFT, day="260322")).credits) == 2


def test_records_may_be_filled_up_with_blanks() -> None:
    padded = b"\n".join(line.ljust(100) for line in bai2(EFT).split(b"\r\n"))
    assert read(padded).credits == read(bai2(EFT)).credits


def test_a_file_whose_totals_do_not_add_up_names_every_trailer() -> None:
    wrong = FILE.replace(b"16,174,5000", b"16,174,5001")
    assert problems(wrong) == [
        (9, "account control total", "515800"),
        (10, "group control total", "515800"),
        (11, "file control total", "515800"),
    ]
    [problem, *_] = read_bai2(wrong).problems
    assert problem.message == (
        "record 9, account control total: a trailer says what is above it; expected 515801; found 515800"
    )


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        (b"16,174,5000,", b"16,174,50.00,", (8, "amount", "50.00")),
        (b"16,174,5000,", b"16,174,JANE DOE,", (8, "amount", "8 characters")),
        (b"16,174,", b"16,1741,", (8, "type code", "1741")),
        (b"5000,Z,,4711", b"5000,Q,,4711", (8, "funds type", "Q")),
        (b",1,260321,", b",1,260231,", (2, "as-of date", "260231")),
        (b",1,260321,", b",9,260321,", (2, "group status", "9")),
        (b",80,,2/", b",80,,1/", (1, "version", "1")),
        (b"16,174", b"x6,174", (8, "record code", "x6,")),
        (b"49,", b"48,", (10, "98", "")),
        (b"01,BANK", b"88,BANK", (1, "88", "")),
        (b"03,00123", b"03,\x0000123", (3, "account", "11 characters")),
        (b"03,0012345678", b"03,", (3, "account", "")),
    ],
)
def test_what_is_wrong_is_named_with_its_place(before: bytes, after: bytes, place: tuple[int, str, str]) -> None:
    assert place in problems(FILE.replace(before, after, 1))


def test_a_file_without_its_end_is_refused() -> None:
    assert [field for _, field, _ in problems(FILE[: FILE.index(b"49,")])] == ["49", "98", "99"]
    assert problems(b"") == [(0, "file", "")]


def test_a_credit_has_a_bound() -> None:
    assert (4, "amount", "1000000000001") in problems(bai2(Line("174", 10**12 + 1)))


def test_which_file_is_one_is_seen_by_its_first_record() -> None:
    assert is_bai2(FILE)
    assert not is_bai2(b"deposited_on,amount\n")


RECORDS = FILE.splitlines(keepends=True)


@given(st.integers(0, len(RECORDS) - 1))
def test_a_record_that_is_lost_or_comes_twice_is_always_noticed(at: int) -> None:
    for damaged in (RECORDS[:at] + RECORDS[at + 1 :], RECORDS[: at + 1] + RECORDS[at:]):
        assert problems(b"".join(damaged))


DIGITS = [
    place
    for number, record in enumerate(RECORDS)
    for field in ((1,) if record[:2] in (b"49", b"98", b"99") else (2,) if record[:2] == b"16" else ())
    for place in [sum(map(len, RECORDS[:number])) + len(b",".join(record.split(b",")[:field])) + 1]
]


@given(st.sampled_from(DIGITS), st.integers(1, 9))
def test_an_amount_or_a_total_that_is_another_is_always_noticed(at: int, by: int) -> None:
    digit = str((int(FILE[at : at + 1]) + by) % 10).encode()
    assert problems(FILE[:at] + digit + FILE[at + 1 :])


@given(st.data())
def test_any_damage_is_read_or_named_with_its_place(data: st.DataObject) -> None:
    content = bytearray(FILE)
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(begin, min(len(content), begin + 20)))
        content[begin:end] = data.draw(st.binary(max_size=12) | st.sampled_from([b"\n", b",", b"/", b"88,", b"16,"]))
    assert is_read_or_named(bytes(content))


@given(st.binary(max_size=200) | st.text("0123468,/\n-ZSVDabc", max_size=300).map(str.encode))
def test_anything_at_all_is_read_or_named_with_its_place(content: bytes) -> None:
    assert is_read_or_named(content)


def is_read_or_named(content: bytes) -> bool:
    """Whether there is a statement, or problems at places that the file has."""
    found = read_bai2(content)
    records = content.count(b"\n") + 1
    has_places = all(0 <= problem.number <= records and problem.field and problem.rule for problem in found.problems)
    return has_places and (found.statement is None) == bool(found.problems)
