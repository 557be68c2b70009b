"""Stories about price lists: one price for every day, and a list is whole or not used."""

from __future__ import annotations

from datetime import date

import pytest

from services.payments.adapters.fee_schedule_lists import read_amounts, read_medicare_file, read_relative_values
from services.payments.adapters.medicare_relative_values import without_descriptions
from services.payments.domain.fee_schedule.commands import WithdrawFeeSchedule
from shared.events.contracts import FeeRate, FeeScheduleRatesListed, FeeScheduleVersionLoaded, RelativeValues
from tests.unit.payments.contracts import NEW_YEAR, load, rate, schedules_spec, values

JULY = date(2026, 7, 1)
WITHDRAW = WithdrawFeeSchedule(version=1, reason="wrong-file", withdrawn_by="user:mia")


def test_a_version_without_an_end_ends_where_the_next_one_begins() -> None:
    story = schedules_spec.when(load(rate("99213", 90_00)), load(rate("99213", 95_00), since=JULY, file="file-2"))
    found = [story.state.in_force(day) for day in (date(2025, 12, 31), NEW_YEAR, date(2026, 6, 30), JULY)]
    assert [each and each.loaded.version for each in found] == [None, 1, 1, 2]


def test_a_last_day_is_still_in_force_and_the_next_is_not() -> None:
    story = schedules_spec.when(load(rate("99213", 90_00), to=date(2026, 3, 31)))
    assert story.state.in_force(date(2026, 3, 31)) is not None
    assert story.state.in_force(date(2026, 4, 1)) is None


@pytest.mark.parametrize(
    ("since", "to"),
    [
        pytest.param(NEW_YEAR, None, id="the same first day"),
        pytest.param(date(2026, 3, 31), None, id="begins on the last day"),
        pytest.param(date(2025, 7, 1), NEW_YEAR, id="ends on the first day"),
        pytest.param(date(2025, 7, 1), date(2026, 12, 31), id="around it"),
    ],
)
def test_dates_that_overlap_are_refused_with_the_version_that_is_there(since: date, to: date | None) -> None:
    there = load(rate("99213", 90_00), to=date(2026, 3, 31))
    story = schedules_spec.when(there, load(rate("99213", 95_00), since=since, to=to, file="file-2"))
    assert story.then_refused("dates-overlap").facts["version"] == 1


def test_an_earlier_version_may_come_later_and_ends_where_the_other_begins() -> None:
    story = schedules_spec.when(
        load(rate("99213", 90_00)), load(rate("99213", 80_00), since=date(2025, 1, 1), file="file-2")
    )
    found = [story.state.in_force(day) for day in (date(2025, 12, 31), NEW_YEAR)]
    assert [each and each.loaded.version for each in found] == [2, 1]


def test_the_same_file_for_the_same_days_is_no_news() -> None:
    first = load(rate("99213", 90_00))
    schedules_spec.when(first, first).then_kinds(FeeScheduleVersionLoaded, FeeScheduleRatesListed)


def test_what_was_withdrawn_has_no_price_and_its_days_are_free() -> None:
    story = schedules_spec.when(load(rate("99213", 90_00)), WITHDRAW, WITHDRAW)
    assert story.state.in_force(NEW_YEAR) is None
    again = schedules_spec.given(*story.events).when(load(rate("99213", 91_00), file="file-2"))
    version = again.state.in_force(NEW_YEAR)
    assert version is not None and version.prices_of("99213", ()) == (rate("99213", 91_00),)
    schedules_spec.when(WITHDRAW).then_refused("not-found")


def test_a_long_list_is_several_events_of_one_moment() -> None:
    many = [rate(f"{number:05}", number) for number in range(2_001)]
    story = schedules_spec.when(load(*many))
    assert [len(each.amounts) for each in story.events if isinstance(each, FeeScheduleRatesListed)] == [1_000, 1_000, 1]
    version = story.state.in_force(NEW_YEAR)
    assert version is not None and version.prices_of("02000", ()) == (rate("02000", 2_000),)


def test_what_makes_no_sense_is_refused() -> None:
    schedules_spec.when(load(rate("99213", -1))).then_refused("not-an-amount")
    schedules_spec.when(load(values(work="-1"))).then_refused("not-an-amount")
    schedules_spec.when(load()).then_refused("fee-schedule-empty")
    schedules_spec.when(load(rate("99213", 1), to=date(2025, 12, 31))).then_refused("dates-reversed")
    twice = [rate("99213", 1, "26"), rate("99213", 2, "26", place="facility")]
    schedules_spec.when(load(*twice)).then_refused("price-listed-twice")
    schedules_spec.when(load(values(), values(work="9"))).then_refused("price-listed-twice")


def test_a_list_of_amounts_is_read_with_its_modifiers_and_places() -> None:
    read = read_amounts(
        b"procedure_code,modifiers,place,amount\n99213,,non-facility,91.5\n99213,,facility,60\ng0439,26 gc,,12.34\n"
    )
    assert read.problems == []
    assert read.prices == (
        rate("99213", 91_50, place="non-facility"),
        rate("99213", 60_00, place="facility"),
        rate("G0439", 12_34, "26", "GC"),
    )


def test_a_list_of_relative_values_keeps_their_decimals_as_they_stand() -> None:
    header = b"procedure_code,modifiers,work_rvu,non_facility_pe_rvu,facility_pe_rvu,mp_rvu,multiple,bilateral\n"
    read = read_relative_values(header + b"99213,,1.30,1.37,0.57,0.10,0,0\n27447,,19.60,,14.91,3.90,2,1\n")
    assert read.problems == []
    assert read.values == (
        values(multiple="0", bilateral="0"),
        RelativeValues(
            procedure_code="27447",
            work="19.60",
            facility_expense="14.91",
            malpractice="3.90",
            multiple="2",
            bilateral="1",
        ),
    )


@pytest.mark.parametrize(
    ("list_", "told"),
    [
        (
            "procedure_code,amount\n99213,90.00\n99214,-1.00\n",
            "line 3, amount: a price is never negative; found -1.00",
        ),
        (
            'procedure_code,amount\n99213,"1,000.00"\n',
            "line 2, amount: a price is dollars with at most two decimals, without grouping; found 1,000.00",
        ),
        (
            "procedure_code,amount\n9921,90.00\n",
            "line 2, procedure_code: a CPT or HCPCS code has five letters and digits; found 9921",
        ),
        (
            "procedure_code,amount\n99213,90.00\n99214,1\n99213,91.00\n",
            "line 4, procedure_code: a procedure has one price for the same modifiers and place, line 2 has it too; found 99213",
        ),
        (
            "procedure_code,amount,modifiers\n99213,90.00,LONG\n",
            "line 2, modifiers: modifiers have two letters or digits, at most four of them with blanks between; found 4 characters",
        ),
        (
            "procedure_code,place,amount\n99213,office,90.00\n",
            "line 2, place: a place is facility, non-facility or empty; found 6 characters",
        ),
        ("procedure_code,price\n99213,1\n", "line 1, header: a column is missing; expected amount; found nothing"),
        ("procedure_code,amount\n", "line 0, file: a list has at least one price; found nothing"),
        ("", "line 0, file: a list begins with the names of its columns; found nothing"),
        ("procedure_code,amount\n99213\n", "line 2, line: a line has the fields of the header; expected 2; found 1"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_by_line_column_value_and_rule(list_: str, told: str) -> None:
    read = read_amounts(list_.encode())
    assert told in [problem.message for problem in read.problems]
    assert read.prices == ()


def test_every_wrong_line_is_named_and_a_name_is_not_quoted() -> None:
    read = read_amounts(b"procedure_code,amount\nDOE, JANE\n99213,Jane Doe of Oak Street 7\n99214,x\n")
    assert [each.number for each in read.problems] == [2, 2, 3, 4]
    assert not any(word in each.message for each in read.problems for word in ("Oak", "DOE", "JANE"))
    nameless = read_amounts(b"jane,doe\n99213,1\n")
    assert [(each.field, each.found) for each in nameless.problems[:2]] == [
        ("header", "4 characters"),
        ("header", "3 characters"),
    ]
    many = read_amounts(b"procedure_code,amount\n" + b"x,y\n" * 1_000)
    assert len(many.problems) == 100


def test_a_relative_value_that_is_none_is_named() -> None:
    header = "procedure_code,work_rvu,non_facility_pe_rvu,facility_pe_rvu,mp_rvu\n"
    read = read_relative_values(f"{header}99213,1.3e5,1,1,NA\n99213,1,1,1,1\n99213,1,1,1,1\n".encode())
    assert [(each.number, each.field, each.found) for each in read.problems] == [
        (2, "work_rvu", "1.3e5"),
        (2, "mp_rvu", "2 characters"),
        (4, "procedure_code", "99213"),
    ]


@pytest.mark.parametrize("content", [b"\xff\xfe", b'procedure_code,amount\n"99213,1\n', b"\x00", b"\n\n"])
def test_whatever_comes_is_told_and_never_raises(content: bytes) -> None:
    assert read_amounts(content).problems
    assert read_relative_values(content).problems


def test_a_price_of_nothing_is_a_price() -> None:
    assert read_amounts(b"procedure_code,amount\n99070,0\n").prices == (
        FeeRate(procedure_code="99070", amount_cents=0),
    )


MEDICARE = (
    b"2026 National Physician Fee Schedule Relative Value File,,,,,,,,,,,,,,,,,,,\n"
    b",,,,,,NON-,,,,,,,,,,,,,\n"
    b",,,STATUS,PAYMENT,WORK,NON-FAC,NA,FACILITY,NA,MP,NON-FACILITY,FACILITY,PCTC,GLOB,PRE,INTRA,POST,MULT,BILAT\n"
    b"HCPCS,MOD,DESCRIPTION,CODE,INDICATOR,RVU,PE RVU,INDICATOR,PE RVU,INDICATOR,RVU,"
    b"TOTAL,TOTAL,IND,DAYS,OP,OP,OP,PROC,SURG\n"
    b"99211,,Somebody's words,A,,0.18,0.53,,0.07,,0.01,0.72,0.26,0,010,0.00,0.00,0.00,0,0\n"
    b"20610,26,Somebody's words,A,,0.79,1.00,NA,0.42,,0.13,1.92,1.34,0,000,0.10,0.80,0.10,2,1\n"
)


def test_medicares_own_file_is_read_by_what_stands_above_its_columns() -> None:
    read = read_medicare_file(MEDICARE)
    assert not read.problems
    first, second = read.values
    assert (
        first.procedure_code,
        first.work,
        first.non_facility_expense,
        first.facility_expense,
        first.malpractice,
    ) == (
        "99211",
        "0.18",
        "0.53",
        "0.07",
        "0.01",
    )
    assert (second.modifiers, second.non_facility_expense, second.multiple, second.bilateral) == (("26",), "", "2", "1")


def test_a_file_of_medicare_whose_columns_moved_is_refused_with_the_column() -> None:
    moved = MEDICARE.replace(b"WORK,NON-FAC,NA,FACILITY", b"WORK,NA,NON-FAC,FACILITY")
    read = read_medicare_file(moved)
    assert not read.values
    assert {problem.field for problem in read.problems} == {"non_facility_pe_rvu", "non_facility_na"}
    assert [problem.number for problem in read.problems] == [4, 4]


def test_lines_of_medicares_file_that_cannot_be_read_are_named_by_their_place_in_the_file() -> None:
    wrong = MEDICARE.replace(b"0.79,1.00", b"much,1.00")
    [problem] = read_medicare_file(wrong).problems
    assert (problem.number, problem.field) == (6, "work_rvu")
    assert read_medicare_file(b"a,b\n").problems[0].field == "file"
    assert read_medicare_file(b'HCPCS,"').problems


def test_medicares_file_is_kept_without_its_licensed_descriptions() -> None:
    kept = without_descriptions(MEDICARE)
    assert b"Somebody" not in kept
    assert read_medicare_file(kept) == read_medicare_file(MEDICARE)
