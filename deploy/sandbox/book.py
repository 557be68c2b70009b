"""What does the sandbox remember? One SQLite file: what came in, what is due when, what went out. A killed sandbox forgets nothing."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_SCHEMA = """
create table if not exists files (
  file_id integer primary key, partner text not null, name text not null, hash text not null, content blob not null,
  received_at text not null, unique (partner, name, hash));
create table if not exists interchanges (
  partner text not null, sender text not null, control_number text not null, file_id integer not null,
  primary key (partner, sender, control_number));
create table if not exists due (
  due_id integer primary key, partner text not null, at text not null, kind text not null, payer text not null default '',
  detail text not null, done integer not null default 0);
create index if not exists due_by_time on due (done, at);
create table if not exists takebacks (
  takeback_id integer primary key, partner text not null, payer text not null, reference text not null,
  cents integer not null, done integer not null default 0);
create table if not exists counters (name text primary key, value integer not null);
create table if not exists outputs (
  output_id integer primary key, partner text not null, name text not null, content blob not null,
  written integer not null default 0);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Something that will be said at a business time."""

    due_id: int
    partner: str
    at: datetime
    kind: str
    payer: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeback:
    """Money that a payer announced to recover and has not recovered yet."""

    takeback_id: int
    reference: str
    cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    output_id: int
    partner: str
    name: str
    content: bytes


class Book:
    """Every change of one round is in one transaction: `with book.round(): …`."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def round(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def close(self) -> None:
        self._db.close()

    # --- what came in ---

    def take_file(self, partner: str, name: str, digest: str, content: bytes, at: datetime) -> int | None:
        """The number of a new file; None for one that came before under the same name with the same bytes."""
        found = self._db.execute(
            "insert into files (partner, name, hash, content, received_at) values (?, ?, ?, ?, ?)"
            " on conflict do nothing returning file_id",
            (partner, name, digest, content, at.isoformat()),
        ).fetchone()
        return None if found is None else int(found[0])

    def file(self, file_id: int) -> bytes:
        return bytes(self._db.execute("select content from files where file_id = ?", (file_id,)).fetchone()[0])

    def take_interchange(self, partner: str, sender: str, control_number: str, file_id: int) -> bool:
        """False when this sender has used the control number before."""
        done = self._db.execute(
            "insert into interchanges values (?, ?, ?, ?) on conflict do nothing",
            (partner, sender, control_number, file_id),
        )
        return done.rowcount == 1

    # --- what is due ---

    def plan(self, partner: str, at: datetime, kind: str, detail: Mapping[str, Any], payer: str = "") -> None:
        self._db.execute(
            "insert into due (partner, at, kind, payer, detail) values (?, ?, ?, ?, ?)",
            (partner, at.isoformat(), kind, payer, json.dumps(detail, sort_keys=True)),
        )

    def due(self, now: datetime) -> list[Due]:
        """What is to be said by now, in the order in which it is due."""
        rows = self._db.execute(
            "select due_id, partner, at, kind, payer, detail from due where done = 0 and at <= ? order by at, due_id",
            (now.isoformat(),),
        )
        return [
            Due(
                due_id=row[0],
                partner=row[1],
                at=datetime.fromisoformat(row[2]),
                kind=row[3],
                payer=row[4],
                detail=json.loads(row[5]),
            )
            for row in rows
        ]

    def is_done(self, *due: Due) -> None:
        self._db.executemany("update due set done = 1 where due_id = ?", [(each.due_id,) for each in due])

    def next_at(self) -> datetime | None:
        found = self._db.execute("select min(at) from due where done = 0").fetchone()[0]
        return None if found is None else datetime.fromisoformat(found)

    def announce_takeback(self, partner: str, payer: str, reference: str, cents: int) -> None:
        self._db.execute(
            "insert into takebacks (partner, payer, reference, cents) values (?, ?, ?, ?)",
            (partner, payer, reference, cents),
        )

    def takebacks(self, partner: str, payer: str) -> list[Takeback]:
        rows = self._db.execute(
            "select takeback_id, reference, cents from takebacks where partner = ? and payer = ? and done = 0"
            " order by takeback_id",
            (partner, payer),
        )
        return [Takeback(takeback_id=row[0], reference=row[1], cents=row[2]) for row in rows]

    def recovered(self, takeback: Takeback) -> None:
        self._db.execute("update takebacks set done = 1 where takeback_id = ?", (takeback.takeback_id,))

    # --- what goes out ---

    def next_number(self, name: str) -> int:
        return int(
            self._db.execute(
                "insert into counters values (?, 1) on conflict (name) do update set value = value + 1 returning value",
                (name,),
            ).fetchone()[0]
        )

    def say(self, partner: str, name: str, content: bytes) -> None:
        self._db.execute("insert into outputs (partner, name, content) values (?, ?, ?)", (partner, name, content))

    def unsaid(self) -> list[Output]:
        rows = self._db.execute("select output_id, partner, name, content from outputs where written = 0")
        return [Output(output_id=row[0], partner=row[1], name=row[2], content=bytes(row[3])) for row in rows]

    def was_said(self, output: Output) -> None:
        self._db.execute("update outputs set written = 1 where output_id = ?", (output.output_id,))
