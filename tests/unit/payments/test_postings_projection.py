"""The rows of the read models against a second, deliberately simple fold in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.payments.projections import claim_accounts, postings
from shared.events.base import Event
from shared.events.envelope import Position, Recorded, Stored
from shared.events.registry import wire_name
from shared.kernel.identifiers import derived_id
from shared.runtime.projection import Projection, Put, Remove
from tests.unit.payments.stories import ACCOUNT
from tests.unit.payments.test_ledger_properties import commands, told_story

START_AT = datetime(2026, 3, 1, tzinfo=UTC)


def recorded(event: Event, number: int, *, happened: int, known: int) -> Recorded[Any]:
    """The event as the n-th of its stream, with days after the start as its two clocks."""
    return Recorded(
        stored=Stored(
            service="payments",
            tenant="clinic",
            stream=f"claim-account/{ACCOUNT}",
            version=number,
            event_id=derived_id("event", number),
            type=wire_name("payments", event),
            occurred_at=START_AT + timedelta(days=happened),
            recorded_at=START_AT + timedelta(days=known),
            actor="test",
            command_id=derived_id("command", number),
            correlation_id="c",
            causation_id=None,
            traceparent=None,
            clock="real",
            data=b"{}",
            previous_hash=bytes(32),
            hash=bytes(32),
            position=Position(1, number, number),
        ),
        event=event,
    )


def rows_of(projection: Projection, history: list[Recorded[Any]]) -> dict[str, dict[Any, dict[str, Any]]]:
    """What the projector would write, by table and key."""
    tables: dict[str, dict[Any, dict[str, Any]]] = {table.name: {} for table in projection.tables}
    for each in history:
        if type(each.event) not in projection.reads["payments"]:
            continue
        for change in projection.apply(each):
            match change:
                case Put():
                    row = tables[change.table].setdefault(change.key, {})
                    row.update(change.values)
                    for column, amount in change.add.items():
                        row[column] = row.get(column, 0) + amount
                case Remove():
                    tables[change.table].pop(change.key, None)
    return tables


@st.composite
def histories(draw: st.DrawFn) -> list[Recorded[Any]]:
    """Events that happened on any day, in an order of recording that never goes back."""
    events = told_story(draw(commands()))
    known = sorted(draw(st.lists(st.integers(0, 60), min_size=len(events), max_size=len(events))))
    happened = draw(st.lists(st.integers(0, 60), min_size=len(events), max_size=len(events)))
    return [
        recorded(event, number, happened=happened[number - 1], known=known[number - 1])
        for number, event in enumerate(events, start=1)
    ]


@given(histories(), st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_balances_for_any_pair_of_clocks_equal_a_simple_fold(
    history: list[Recorded[Any]], as_of: int, known_at: int
) -> None:
    happened_by, known_by = START_AT + timedelta(days=as_of), START_AT + timedelta(days=known_at)
    expected: Counter[str] = Counter()
    for each in history:
        if each.occurred_at <= happened_by and each.recorded_at <= known_by:
            for posting in getattr(each.event, "postings", ()):
                expected[posting.account] += posting.amount_cents
    found: Counter[str] = Counter()
    for row in rows_of(postings.projection, history)["postings"].values():
        if row["occurred_at"] <= happened_by and row["recorded_at"] <= known_by:
            found[row["ledger"]] += row["amount_cents"]
    assert {k: v for k, v in found.items() if v} == {k: v for k, v in expected.items() if v}
    assert sum(found.values()) == 0


@given(histories())
@settings(max_examples=60, deadline=None)
def test_every_row_of_an_account_adds_up(history: list[Recorded[Any]]) -> None:
    tables = rows_of(claim_accounts.projection, history)
    for account in tables["claim_accounts"].values():
        figures: defaultdict[str, int] = defaultdict(int, {k: v for k, v in account.items() if k.endswith("_cents")})
        assert figures["charged_cents"] == (
            figures["paid_by_payers_cents"]
            + figures["paid_by_patient_cents"]
            + figures["contractual_cents"]
            + figures["written_off_cents"]
            - figures["refunded_cents"]
            + figures["owed_cents"]
        )
        by_party = sum(row.get("owed_cents", 0) for row in tables["claim_account_parties"].values())
        assert by_party == figures["owed_cents"]


@given(histories())
@settings(max_examples=30, deadline=None)
def test_a_history_read_twice_gives_the_same_posting_rows(history: list[Recorded[Any]]) -> None:
    assert rows_of(postings.projection, [*history, *history]) == rows_of(postings.projection, history)
