"""Which benches are there, and how large is each?

`full` is what the goals speak of; `quick` is the same with less of everything, to see that all of it works.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tests.benchmarks import (
    append,
    commands,
    documents,
    feed,
    growth,
    pages,
    projection,
    rebuild,
    rebuild_memory,
    sending,
    sizes,
    upload,
    visibility,
    what_if,
    worklist,
)
from tests.benchmarks.measurement import Row, as_in_production, median_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a bench runs on."""

    postgres: str  # DSN of a superuser of a durable server
    kafka: str  # bootstrap servers; empty where there is none
    is_quick: bool
    events: int | None  # in the large store, for the growth of costs
    tell: Callable[[str], None]

    @property
    def rounds(self) -> int:
        return 1 if self.is_quick else 3

    @property
    def seconds(self) -> float:
        return 2 if self.is_quick else 5


Run: TypeAlias = Callable[[Stage], list[Row]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    name: str
    run: Run
    needs_kafka: bool = False


def _append(stage: Stage) -> list[Row]:
    return _in_rounds(stage, lambda: append.run(stage.postgres, seconds=stage.seconds))


def _commands(stage: Stage) -> list[Row]:
    return _in_rounds(stage, lambda: commands.run(stage.postgres, seconds=stage.seconds))


def _feed(stage: Stage) -> list[Row]:
    return as_in_production(feed.run(stage.postgres))


def _projection(stage: Stage) -> list[Row]:
    return as_in_production(projection.run(stage.postgres, rounds=stage.rounds))


def _rebuild(stage: Stage) -> list[Row]:
    events = 100_000 if stage.is_quick else rebuild.EVENTS
    return as_in_production(rebuild.run(stage.postgres, events=events, rounds=stage.rounds))


def _rebuild_memory(stage: Stage) -> list[Row]:
    return as_in_production(
        rebuild_memory.run(stage.postgres, events=80_000 if stage.is_quick else rebuild_memory.EVENTS)
    )


def _visible_on_postgres(stage: Stage) -> list[Row]:
    return as_in_production(visibility.on_postgres(stage.postgres, events=_seen(stage)))


def _visible_on_kafka(stage: Stage) -> list[Row]:
    return as_in_production(visibility.on_kafka(stage.postgres, stage.kafka, events=_seen(stage)))


def _seen(stage: Stage) -> int:
    return 100 if stage.is_quick else visibility.EVENTS


def _growth(stage: Stage) -> list[Row]:
    large = stage.events or growth.LARGE
    small = growth.SMALL if stage.events is None else min(100_000, stage.events // 2)
    return as_in_production(
        growth.run(
            stage.postgres,
            small=small,
            large=large,
            seconds=min(stage.seconds, growth.SECONDS),
            rounds=stage.rounds,
            tell=lambda share: stage.tell(f"{share:.0%} of {large:,} events stored"),
        )
    )


def _documents(stage: Stage) -> list[Row]:
    return documents.run(claims=2_000, rounds=3) if stage.is_quick else documents.run()


def _sizes(stage: Stage) -> list[Row]:
    return sizes.run(sizes=(1, 10), rounds=1, tell=stage.tell) if stage.is_quick else sizes.run(tell=stage.tell)


def _upload(stage: Stage) -> list[Row]:
    claims = 1_000 if stage.is_quick else upload.CLAIMS
    return as_in_production(upload.run(stage.postgres, claims=claims, tell=stage.tell))


def _day(stage: Stage) -> list[Row]:
    count = 12 if stage.is_quick else upload.FILES
    return as_in_production(upload.run_day(stage.postgres, files_a_day=count, tell=stage.tell))


def _sending(stage: Stage) -> list[Row]:
    claims = 1_000 if stage.is_quick else sending.CLAIMS
    return as_in_production(sending.run(stage.postgres, claims=claims, tell=stage.tell))


def _what_if(stage: Stage) -> list[Row]:
    claims = 1_000 if stage.is_quick else what_if.MANY
    return as_in_production(what_if.run(stage.postgres, claims=claims, tell=stage.tell))


def _worklist(stage: Stage) -> list[Row]:
    count = 10_000 if stage.is_quick else worklist.ROWS
    return as_in_production(worklist.run(stage.postgres, count=count))


def _pages(stage: Stage) -> list[Row]:
    count = 10_000 if stage.is_quick else pages.ROWS
    return as_in_production(pages.run(stage.postgres, count=count))


BENCHES: Sequence[Bench] = (
    Bench(name="append", run=_append),
    Bench(name="commands", run=_commands),
    Bench(name="feed", run=_feed),
    Bench(name="projection", run=_projection),
    Bench(name="rebuild", run=_rebuild),
    Bench(name="rebuild-memory", run=_rebuild_memory),
    Bench(name="visible-postgres", run=_visible_on_postgres),
    Bench(name="visible-kafka", run=_visible_on_kafka, needs_kafka=True),
    Bench(name="documents", run=_documents),
    Bench(name="sizes", run=_sizes),
    Bench(name="upload", run=_upload),
    Bench(name="day", run=_day),
    Bench(name="sending", run=_sending),
    Bench(name="what-if", run=_what_if),
    Bench(name="worklist", run=_worklist),
    Bench(name="pages", run=_pages),
    Bench(name="growth", run=_growth),
)


def _in_rounds(stage: Stage, one: Callable[[], Awaitable[list[Row]]]) -> list[Row]:
    return median_rows([as_in_production(one()) for _ in range(stage.rounds)])
