"""Does folding a run of changes leave the rows that writing them one by one would leave?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.runtime.folding import Fold, RowChange, Statement, TableWriter
from shared.runtime.projection import Change, Key, Put, Remove

BALANCES = sa.Table(
    "balances",
    sa.MetaData(),
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("open_cents", sa.BigInteger, server_default="0"),
    sa.Column("status", sa.Text),
    sa.Column("codes", ARRAY(sa.Text)),
    sa.Column("detail", JSONB),
)
Row = dict[str, Any]


def put(account: str, **values: Any) -> Put:
    return Put(table="balances", key=(account,), values=values)


def add(account: str, cents: int, **values: Any) -> Put:
    return Put(table="balances", key=(account,), values=values, add={"open_cents": cents})


def remove(account: str) -> Remove:
    return Remove(table="balances", key=(account,))


def folded(*changes: Change) -> dict[Key, RowChange]:
    fold = Fold([BALANCES.name])
    fold.take("clinic", changes)
    return fold.tenants["clinic"]["balances"]


def statements(*changes: Change) -> list[Statement]:
    return list(TableWriter(BALANCES).statements("clinic", folded(*changes)))


def test_what_is_set_twice_is_set_to_the_last_and_what_is_added_is_summed() -> None:
    row = folded(add("A", 100_00, status="new"), add("A", -25_00), put("A", status="billed"))[("A",)]
    assert (row.values, row.add) == ({"status": "billed"}, {"open_cents": 75_00})


def test_an_amount_added_to_one_that_was_just_set_becomes_part_of_it() -> None:
    row = folded(put("A", open_cents=10), add("A", 5))[("A",)]
    assert (row.values, row.add) == ({"open_cents": 15}, {})


def test_an_amount_that_is_set_forgets_what_was_added_before() -> None:
    row = folded(add("A", 5), put("A", open_cents=10))[("A",)]
    assert (row.values, row.add) == ({"open_cents": 10}, {})


def test_a_row_removed_and_put_again_is_deleted_and_starts_from_nothing() -> None:
    deletion, insertion = statements(add("A", 5, status="old"), remove("A"), put("A", status="new"))
    assert deletion.sql.startswith("DELETE")
    assert insertion.parameters == ("clinic", '{"A"}', '{"new"}')


def test_a_row_that_is_put_and_then_removed_is_only_deleted() -> None:
    (deletion,) = statements(put("A", status="new"), remove("A"))
    assert deletion.sql.startswith("DELETE")


def test_a_thousand_accounts_with_the_same_columns_are_one_statement_with_keys_in_order() -> None:
    (statement,) = statements(*(add(f"{n:04}", n) for n in reversed(range(1_000))))
    assert statement.parameters[1] == "{" + ",".join(f'"{n:04}"' for n in range(1_000)) + "}"


def test_columns_named_in_another_order_are_the_same_statement() -> None:
    (statement,) = statements(put("A", status="x", open_cents=1), put("B", open_cents=2, status="y"))
    assert statement.parameters == ("clinic", '{"A","B"}', "{1,2}", '{"x","y"}')


def test_lists_and_documents_travel_as_text() -> None:
    (statement,) = statements(put("A", codes=["CO-45", 'a "b"\\'], detail={"lines": [1]}))
    assert statement.parameters == ("clinic", '{"A"}', ['{"CO-45","a \\"b\\"\\\\"}'], ['{"lines":[1]}'])


def test_an_increment_counts_from_zero_where_the_column_is_null() -> None:
    (statement,) = statements(add("A", 5))
    assert 'SET "open_cents" = coalesce("balances"."open_cents", 0) + excluded."open_cents"' in statement.sql


def test_a_row_that_is_only_put_there_changes_nothing_of_one_that_is() -> None:
    (statement,) = statements(put("A"))
    assert statement.sql.endswith("DO NOTHING")


def test_a_column_that_the_table_lacks_is_named() -> None:
    with pytest.raises(ValueError, match="table balances has no column colour"):
        statements(put("A", colour="red"))


def test_a_key_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1 parts after the tenant"):
        statements(Put(table="balances", key=("A", "B")))


def test_a_table_that_is_not_the_projections_is_refused() -> None:
    with pytest.raises(ValueError, match="no table elsewhere"):
        Fold([BALANCES.name]).take("clinic", [Put(table="elsewhere", key=("A",))])


def test_tenants_are_kept_apart() -> None:
    fold = Fold([BALANCES.name])
    fold.take("clinic", [add("A", 1)])
    fold.take("hospital", [add("A", 2)])
    assert [fold.tenants[name]["balances"][("A",)].add["open_cents"] for name in ("clinic", "hospital")] == [1, 2]


# --- the property -----------------------------------------------------------------------------------------------------

_accounts = st.sampled_from(["A", "B", "C"])
_amounts = st.integers(-5, 5)
_changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(lambda account, cents: add(account, cents), _accounts, _amounts),
    st.builds(lambda account, cents: put(account, open_cents=cents), _accounts, st.none() | _amounts),
    st.builds(lambda account, status: put(account, status=status), _accounts, st.sampled_from("xyz")),
    st.builds(lambda account: put(account), _accounts),
    st.builds(remove, _accounts),
)


def one_by_one(rows: dict[Key, Row], change: Change) -> None:
    if isinstance(change, Remove):
        rows.pop(change.key, None)
        return
    row = rows.setdefault(change.key, {"open_cents": 0, "status": None})
    row.update(change.values)
    for column, amount in change.add.items():
        row[column] = (row[column] or 0) + amount


def at_once(rows: dict[Key, Row], changes: dict[Key, RowChange]) -> None:
    """As the statements do it: deletions, then upserts."""
    for key, change in changes.items():
        if change.is_deleted:
            rows.pop(key, None)
        if change.is_put:
            row = rows.setdefault(key, {"open_cents": 0, "status": None})
            row.update(change.values)
            for column, amount in change.add.items():
                row[column] = (row[column] or 0) + amount


@given(st.lists(st.lists(_changes, min_size=1), min_size=1))
def test_batches_folded_leave_the_rows_of_changes_written_one_by_one(batches: Sequence[Sequence[Change]]) -> None:
    slow: dict[Key, Row] = {}
    fast: dict[Key, Row] = {}
    for batch in batches:
        for change in batch:
            one_by_one(slow, change)
        at_once(fast, folded(*batch))
    assert fast == slow
