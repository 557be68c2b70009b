"""Which messages came in, how far did each get, and by which ids do FHIR senders call what we know?

One row a message: who sent it, where its raw bytes are kept, which parts of it are committed, how it was answered. A row never holds
personal values, so the parts' bodies are made again from the kept document when a message has to be finished.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg

from services.gateway.notes import Note
from shared.runtime.availability import StoreUnavailable, outage_means
from shared.runtime.tenancy import own_rows, tenant_transaction

SCHEMA = f"""
create table if not exists receipts (
  tenant text not null, receipt_id uuid not null, connection text not null, sender text not null, control_id text not null,
  body_hash text not null, kind text not null, type text not null, name text not null, document_id text not null,
  state text not null, answer text not null, notes jsonb not null, parts jsonb not null,
  attempts integer not null default 0, try_at timestamptz not null, received_at timestamptz not null,
  finished_at timestamptz,
  primary key (tenant, receipt_id));
create unique index if not exists receipts_once on receipts (tenant, connection, sender, control_id, body_hash);
create index if not exists receipts_by_control_id on receipts (tenant, connection, sender, control_id, received_at);
create index if not exists receipts_in_order on receipts (tenant, received_at, receipt_id);
create index if not exists receipts_unfinished on receipts (try_at) where state = 'received';
create index if not exists receipts_held on receipts (tenant, received_at, receipt_id) where state in ('held', 'refused');
create table if not exists names (
  tenant text not null, connection text not null, type text not null, told text not null, ours text not null,
  primary key (tenant, connection, type, told));

{own_rows("receipts", "names")}
drop policy if exists every_tenant on receipts;
create policy every_tenant on receipts for select to ledgerline_owner using (true);  -- who has unfinished messages
revoke all on receipts, names from public, ledgerline_app;
grant select, insert, update (ours) on names to ledgerline_app;
grant select, insert, update (state, answer, notes, parts, attempts, try_at, finished_at) on receipts to ledgerline_app;
"""

_COLUMNS = (
    "receipt_id, connection, sender, control_id, body_hash, kind, type, name, document_id, state, answer, notes, parts, "
    "attempts, received_at, finished_at"
)
_BY_CONTENT = "tenant = $1 and connection = $2 and sender = $3 and control_id = $4 and body_hash = $5"
_TAKE = f"""
with before as (select {_COLUMNS} from receipts where {_BY_CONTENT}),
     taken as (select 1 from receipts where tenant = $1 and connection = $2 and sender = $3 and control_id = $4
               and body_hash <> $5 and received_at > $17::timestamptz limit 1),
     added as (insert into receipts (tenant, connection, sender, control_id, body_hash, receipt_id, kind, type, name, document_id,
                                     state, answer, notes, parts, try_at, received_at, finished_at)
               select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::jsonb, $14::jsonb, now(), $15, $16
                where not exists (select from before) and not exists (select from taken)
               on conflict (tenant, connection, sender, control_id, body_hash) do nothing returning {_COLUMNS})
select * from before union all select * from added
"""


class State(StrEnum):
    RECEIVED = "received"  # kept; parts of it are still to be committed
    DONE = "done"
    HELD = "held"  # kept for a person
    REFUSED = "refused"  # kept, and nothing of it was used
    IGNORED = "ignored"  # none of billing's


class Answer(StrEnum):
    ACCEPTED = "accepted"
    FAULTY = "faulty"
    REFUSED = "refused"
    LATER = "later"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartState:
    """How far one part of a message got. `state`: committed, refused, waiting."""

    place: str
    what: str
    state: str
    code: str = ""  # why a service refused it
    stream: str = ""
    made: str = ""  # as FHIR names it: "Patient/…"

    def as_json(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    receipt_id: UUID
    connection: str  # "mllp", "intake", "fhir", "partner:<id>"
    sender: str
    control_id: str
    body_hash: str
    kind: str
    type: str
    name: str  # of the file it came in, where a partner left one
    document_id: str
    state: State
    answer: Answer
    notes: tuple[Note, ...]
    parts: tuple[PartState, ...]
    attempts: int
    received_at: datetime
    finished_at: datetime | None


async def create_gateway_schema(owner_dsn: str) -> None:
    """Make the table, or bring an older one up to date. Run as owner, any number of times."""
    connection = await asyncpg.connect(owner_dsn)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(7703)")  # two processes may start together
            await connection.execute(SCHEMA)
    finally:
        await connection.close()


class Receipts:
    """The table of receipts. Opens its connections when it is first used. Raises StoreUnavailable."""

    def __init__(self, dsn: str, owner_dsn: str, *, connections_max: int = 8) -> None:
        self._dsn = dsn
        self._owner_dsn = owner_dsn
        self._connections_max = connections_max
        self._pool: asyncpg.Pool | None = None
        self._one_opening = asyncio.Lock()

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def take(self, tenant: str, fresh: Receipt, *, within: timedelta | None) -> Receipt | None:
        """The kept receipt: this one, or that of the same message which came before.

        None when the sender gave this control id to another content `within` this time; then nothing is written.
        """
        said = (
            fresh.connection,
            fresh.sender,
            fresh.control_id,
            fresh.body_hash,
            fresh.receipt_id,
            fresh.kind,
            fresh.type,
            fresh.name,
            fresh.document_id,
            fresh.state,
            fresh.answer,
            _notes(fresh.notes),
            _parts(fresh.parts),
            fresh.received_at,
            fresh.finished_at,
            fresh.received_at - within if within is not None else None,
        )
        kept = await self._one(tenant, _TAKE, *said)
        # Without a row the id is taken, or the same message was written beside us a moment ago.
        return kept or await self._one(tenant, f"select {_COLUMNS} from receipts where {_BY_CONTENT}", *said[:4])

    async def progress(self, tenant: str, receipt: Receipt, *, retry_seconds: float) -> Receipt:
        """Write how far it got. A receipt that somebody else finished meanwhile stays finished."""
        kept = await self._one(
            tenant,
            "update receipts set state = $3, answer = $4, notes = $5::jsonb, parts = $6::jsonb, attempts = attempts + 1,"
            " try_at = now() + make_interval(secs => $7), finished_at = $8"
            f" where tenant = $1 and receipt_id = $2 and state <> 'done' returning {_COLUMNS}",
            receipt.receipt_id,
            receipt.state,
            receipt.answer,
            _notes(receipt.notes),
            _parts(receipt.parts),
            retry_seconds,
            receipt.finished_at,
        )
        if kept is not None:
            return kept
        return await self.one(tenant, receipt.receipt_id) or receipt

    async def postpone(self, tenant: str, receipt_id: UUID, *, seconds: float) -> None:
        await self._rows(
            tenant,
            "update receipts set attempts = attempts + 1, try_at = now() + make_interval(secs => $3)"
            " where tenant = $1 and receipt_id = $2",
            receipt_id,
            seconds,
        )

    async def one(self, tenant: str, receipt_id: UUID) -> Receipt | None:
        return await self._one(
            tenant, f"select {_COLUMNS} from receipts where tenant = $1 and receipt_id = $2", receipt_id
        )

    async def remember(self, tenant: str, connection: str, names: Sequence[tuple[str, str, str]]) -> None:
        """Under which of our ids a FHIR sender's ids go: type, theirs, ours. The newest word counts."""
        if names:
            types, told, ours = zip(*dict.fromkeys(names), strict=True)
            await self._rows(
                tenant,
                "insert into names (tenant, connection, type, told, ours)"
                " select distinct on (type, told) $1, $2, type, told, ours from unnest($3::text[], $4::text[], $5::text[])"
                " as said (type, told, ours) on conflict (tenant, connection, type, told) do update set ours = excluded.ours",
                connection,
                types,
                told,
                ours,
            )

    async def known(
        self, tenant: str, connection: str, asked: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], str]:
        """Our ids of what a FHIR sender named before."""
        if not asked:
            return {}
        types, told = zip(*asked, strict=True)
        rows = await self._rows(
            tenant,
            "select n.type, n.told, n.ours from names n join unnest($3::text[], $4::text[]) as asked (type, told)"
            " on n.type = asked.type and n.told = asked.told where n.tenant = $1 and n.connection = $2",
            connection,
            types,
            told,
        )
        return {(row["type"], row["told"]): row["ours"] for row in rows}

    async def unfinished(self, *, limit: int = 20) -> list[tuple[str, UUID]]:
        """Tenant and receipt of those whose next try is due, longest waiting first."""
        with outage_means(StoreUnavailable, "the store of receipts"):
            connection = await asyncpg.connect(self._owner_dsn, timeout=5.0, command_timeout=15.0)
            try:
                rows = await connection.fetch(
                    "select tenant, receipt_id from receipts where state = 'received' and try_at <= now()"
                    " order by try_at limit $1",
                    limit,
                )
            finally:
                await connection.close()
        return [(row["tenant"], row["receipt_id"]) for row in rows]

    async def page(
        self, tenant: str, *, states: Sequence[State], after: tuple[datetime, UUID] | None, limit: int
    ) -> list[Receipt]:
        """Oldest first."""
        moment, receipt_id = after or (None, UUID(int=0))
        rows = await self._rows(
            tenant,
            f"select {_COLUMNS} from receipts where tenant = $1 and state = any($2::text[])"
            " and ($3::timestamptz is null or (received_at, receipt_id) > ($3, $4))"
            " order by received_at, receipt_id limit $5",
            [str(state) for state in states],
            moment,
            receipt_id,
            limit,
        )
        return [_receipt(row) for row in rows]

    async def _one(self, tenant: str, statement: str, *arguments: object) -> Receipt | None:
        rows = await self._rows(tenant, statement, *arguments)
        return _receipt(rows[0]) if rows else None

    async def _rows(self, tenant: str, statement: str, *arguments: object) -> list[Mapping[str, Any]]:
        with outage_means(StoreUnavailable, "the store of receipts"):
            async with tenant_transaction(await self._connected(), tenant) as connection:
                found: list[Mapping[str, Any]] = await connection.fetch(statement, tenant, *arguments)
                return found

    async def _connected(self) -> asyncpg.Pool:
        async with self._one_opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=1,
                    max_size=self._connections_max,
                    timeout=5.0,
                    command_timeout=15.0,
                    server_settings={"application_name": "ledgerline-gateway"},
                    reset=_nothing_to_reset,
                )
        return self._pool


async def _nothing_to_reset(connection: asyncpg.Connection) -> None:
    """What a transaction here sets ends with it, so a connection goes back as it was: a round trip saved each time."""


def _notes(notes: Sequence[Note]) -> str:
    return json.dumps([note.as_json() for note in notes])


def _parts(parts: Sequence[PartState]) -> str:
    return json.dumps([part.as_json() for part in parts])


def _receipt(row: Mapping[str, Any]) -> Receipt:
    told = dict(row)
    told["state"], told["answer"] = State(told["state"]), Answer(told["answer"])
    told["notes"] = tuple(Note.of(each) for each in json.loads(told["notes"]))
    told["parts"] = tuple(PartState(**each) for each in json.loads(told["parts"]))
    return Receipt(**told)
