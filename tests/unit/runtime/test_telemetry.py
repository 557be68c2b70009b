"""Do logs and spans tell what happened, and nothing about anyone?"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest

from shared.kernel.errors import NotFound
from shared.runtime import telemetry
from shared.testing.spans import spans_told_to

CANARY = "zebulonq7x"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Listening:
    """A logger whose lines are kept."""

    def __init__(self, name: str) -> None:
        self._text = io.StringIO()
        self._handler = logging.StreamHandler(self._text)
        self._handler.setFormatter(telemetry.JsonLines())
        self.log = logging.getLogger(name)
        self.log.addHandler(self._handler)
        self.log.setLevel("DEBUG")
        self.log.propagate = False

    def keep_repeats_back(self) -> None:
        self._handler.addFilter(telemetry.Repeats())

    def say(self, message: str, *, said_at: float) -> None:
        """Each message from a line of its own, as if it were said at that second."""
        record = self.log.makeRecord(
            self.log.name, logging.ERROR, "library.py", len(message), message, ("x",) * message.count("%"), None
        )
        record.created = said_at
        self.log.handle(record)

    def stop(self) -> None:
        self.log.removeHandler(self._handler)
        self.log.propagate = True

    @property
    def text(self) -> str:
        return self._text.getvalue()

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def ours() -> Iterator[Listening]:
    listening = Listening("services.payments.test")
    yield listening
    listening.stop()


@pytest.fixture
def theirs() -> Iterator[Listening]:
    listening = Listening("some.library")
    yield listening
    listening.stop()


def test_a_line_has_a_constant_message_and_the_fields_of_the_list(ours: Listening) -> None:
    ours.log.info(
        "remittance posted",
        extra={"remittance_id": UUID(int=1), "count": 12, "due_at": datetime(2026, 1, 2, tzinfo=UTC)},
    )
    (line,) = ours.lines()
    assert line["message"] == "remittance posted"
    assert (line["level"], line["logger"]) == ("info", "services.payments.test")
    assert (line["remittance_id"], line["count"]) == (str(UUID(int=1)), 12)
    assert str(line["due_at"]).startswith("2026-01-02")


def test_what_a_library_says_again_and_again_is_told_once_in_a_while_with_how_often(theirs: Listening) -> None:
    theirs.keep_repeats_back()
    for said_at in (0.0, 0.02, 9.9, 10.1, 10.2):
        theirs.say("broker %s does not answer", said_at=said_at)
    theirs.say("topic %s is gone", said_at=10.3)
    assert [(line["message"], line.get("repeated")) for line in theirs.lines()] == [
        ("broker %s does not answer", None),
        ("broker %s does not answer", 2),
        ("topic %s is gone", None),
    ]


def test_whatever_we_say_ourselves_is_told_each_time(ours: Listening) -> None:
    ours.keep_repeats_back()
    for _ in range(3):
        ours.say("reader will try again", said_at=0.0)
    assert len(ours.lines()) == 3


def test_a_field_that_is_not_on_the_list_is_withheld(ours: Listening) -> None:
    ours.log.info("patient found", extra={"patient_name": CANARY, "member_number": CANARY, "claim_id": ["x", CANARY]})
    (line,) = ours.lines()
    assert CANARY not in ours.text
    assert (line["patient_name"], line["claim_id"]) == ("[withheld]", "[withheld]")


def test_the_field_error_names_a_type_and_is_no_place_for_a_text(ours: Listening) -> None:
    ours.log.warning("tried again", extra={"error": "ConnectionRefusedError"})
    ours.log.warning("tried again", extra={"error": f"cannot read {CANARY}"})
    assert [line["error"] for line in ours.lines()] == ["ConnectionRefusedError", "[withheld]"]


def test_arguments_are_never_formatted_into_a_message(ours: Listening) -> None:
    ours.log.warning("cannot read %s", CANARY)
    assert ours.lines()[0]["message"] == "cannot read %s"
    assert CANARY not in ours.text


def test_a_finished_text_of_a_library_is_not_repeated(theirs: Listening) -> None:
    theirs.log.error(f"Task exception was never retrieved: ValueError('{CANARY}')")
    assert CANARY not in theirs.text
    assert "test_telemetry.py" in str(theirs.lines()[0]["message"])


def test_an_error_is_told_by_type_place_and_cause_and_never_by_its_text(ours: Listening) -> None:
    try:
        try:
            raise asyncpg.UniqueViolationError(f"DETAIL: Key (mrn)=({CANARY}) already exists.")
        except asyncpg.PostgresError as error:
            raise NotFound(f"no {CANARY}", claim_id=CANARY) from error
    except NotFound:
        ours.log.exception("request failed")
    (line,) = ours.lines()
    assert CANARY not in ours.text
    error = line["error"]
    assert isinstance(error, dict)
    assert (error["type"], error["code"]) == ("shared.kernel.errors.NotFound", "not-found")
    assert "test_telemetry.py" in error["at"]
    assert error["because"]["type"] == "asyncpg.exceptions.UniqueViolationError"
    assert error["because"]["sqlstate"] == "23505"


def test_a_group_of_errors_is_told_part_by_part(ours: Listening) -> None:
    ours.log.error("failed", exc_info=ExceptionGroup(CANARY, [ValueError(CANARY), OSError(CANARY)]))
    error = ours.lines()[0]["error"]
    assert isinstance(error, dict)
    assert [part["type"] for part in error["parts"]] == ["ValueError", "OSError"]
    assert CANARY not in ours.text


@pytest.fixture
def spans(tmp_path: Path) -> Iterator[Path]:
    """A file that spans are written to as soon as they end."""
    path = tmp_path / "spans.jsonl"
    with spans_told_to(telemetry.JsonLinesExporter(path)):
        yield path


def written(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_work_goes_on_with_the_trace_that_led_to_it(spans: Path) -> None:
    with telemetry.span_from(PARENT, "project", projection="payments.balances", count=3) as current:
        inside = telemetry.current_traceparent()
        assert telemetry.current_trace_id() == "0af7651916cd43dd8448eb211c80319c"
        assert current.is_recording()
    assert inside is not None
    assert inside.startswith("00-0af7651916cd43dd8448eb211c80319c-")
    line = written(spans)[-1]
    assert (line["trace_id"], line["parent_id"]) == ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
    assert line["attributes"] == {"ledgerline.projection": "payments.balances", "ledgerline.count": 3}
    assert telemetry.current_traceparent() is None


@pytest.mark.parametrize("text", [None, "", "nonsense", "00-" + "0" * 32 + "-b7ad6b7169203331-01", CANARY])
def test_without_a_proper_trace_a_new_one_begins(spans: Path, text: str | None) -> None:
    with telemetry.span_from(text, "project"):
        assert telemetry.current_trace_id()
    assert written(spans)[-1]["parent_id"] is None


def test_a_span_tells_an_error_by_its_type_and_withholds_what_is_not_on_the_list(spans: Path) -> None:
    with pytest.raises(ValueError, match=CANARY), telemetry.span("post", member_number=CANARY, claim_id="c1"):
        raise ValueError(CANARY)
    line = written(spans)[-1]
    assert line["status"] == "error"
    assert line["attributes"] == {
        "ledgerline.member_number": "[withheld]",
        "ledgerline.claim_id": "c1",
        "error.type": "ValueError",
    }
    assert CANARY not in spans.read_text()
