-- What does a service's own database hold beside its read models? The event store: streams, events, what makes commands
-- idempotent, and the rows that readers and timers live by.
--
-- Order of the feed: (epoch, tx, pos). `tx` is the transaction that wrote the event, so a reader that stays below the
-- horizon (see feed_head) never passes an event that is still in flight; `epoch` counts restores into another cluster,
-- where transaction ids start again.

create table store (
  is_only           boolean     not null primary key default true check (is_only),
  service           text        not null,
  epoch             smallint    not null default 0,
  system_identifier bigint      not null, -- of the cluster in which `epoch` counts transactions
  created_at        timestamptz not null default now()
);

-- The head of each stream. It is locked and compared by an append; fillfactor keeps its updates in the page.
create table streams (
  last_recorded_at timestamptz not null,
  last_tx          xid8        not null default pg_current_xact_id(),
  version          integer     not null check (version > 0),
  last_epoch       smallint    not null,
  tenant           text        not null,
  stream           text        not null check (length(stream) between 1 and 120),
  last_hash        bytea       not null check (octet_length(last_hash) = 32),
  primary key (tenant, stream)
) with (fillfactor = 70);

create sequence event_pos as bigint cache 1; -- must stay 1: a cached block would hand out positions out of order

create table events (
  tx             xid8        not null default pg_current_xact_id(),
  pos            bigint      not null default nextval('event_pos'),
  occurred_at    timestamptz not null,
  recorded_at    timestamptz not null,
  event_id       uuid        not null,
  command_id     uuid        not null,
  version        integer     not null check (version > 0),
  epoch          smallint    not null,
  tenant         text        not null,
  stream         text        not null check (length(stream) between 1 and 120),
  type           text        not null,
  actor          text        not null,
  correlation_id text        not null,
  causation_id   text,
  traceparent    text,
  clock          text        not null check (clock in ('real', 'driven')),
  previous_hash  bytea       not null check (octet_length(previous_hash) = 32),
  hash           bytea       not null check (octet_length(hash) = 32),
  data           bytea       not null check (octet_length(data) <= 262144),
  primary key (tenant, stream, version),
  unique (tenant, event_id)
);
create unique index events_feed on events (epoch, tx, pos);

-- What a command led to, also when it decided nothing: the same id again is answered from here.
create table commands (
  tx          xid8        not null default pg_current_xact_id(),
  pos         bigint,                 -- of its last event; null when it decided none
  recorded_at timestamptz not null,
  command_id  uuid        not null,
  version     integer     not null check (version >= 0),
  events      integer     not null check (events >= 0),
  epoch       smallint    not null,
  tenant      text        not null,
  stream      text        not null,
  fingerprint bytea       not null,
  primary key (tenant, command_id)
);

-- Facts of the trade that may exist once a tenant, and the stream that has each.
create table business_keys (
  tenant text not null,
  kind   text not null,
  value  text not null,
  stream text not null,
  primary key (tenant, kind, value)
);

-- Who reads what, up to where: relay, projections, policies, timers, tasks. The one lease mechanism.
create table readers (
  reader         text        not null,
  service        text        not null, -- whose events
  partition      integer     not null,
  owner          text,                 -- null: free
  epoch          bigint      not null default 0, -- grows with each owner; writes of an older one are refused
  lease_until    timestamptz not null default '-infinity',
  cursor         text,
  position_epoch smallint    not null default 0,
  position_tx    bigint      not null default 0,
  position_pos   bigint      not null default 0,
  watermark      timestamptz,
  state          jsonb       not null default '{}',
  updated_at     timestamptz not null default now(),
  primary key (reader, service, partition)
) with (fillfactor = 70);

-- The one dead-letter desk: events that a reader could not take in, and those of the same stream behind them.
create table parked (
  event_tx    bigint      not null,
  event_pos   bigint      not null,
  first_at    timestamptz not null default now(),
  last_at     timestamptz not null default now(),
  event_id    uuid        not null,
  version     integer     not null,
  attempts    integer     not null default 0,
  event_epoch smallint    not null,
  reader      text        not null,
  service     text        not null,
  tenant      text        not null,
  stream      text        not null,
  type        text        not null,
  error_code  text        not null, -- never personal data
  status      text        not null default 'parked' check (status in ('parked', 'replayed', 'dismissed')),
  event       bytea       not null, -- envelope and bytes as they came, personal values sealed
  primary key (tenant, reader, service, event_id)
);
create index parked_stream on parked (reader, service, tenant, stream, version) where status = 'parked';

create table timers (
  due_at   timestamptz not null,
  fired_at timestamptz,
  set_by   uuid        not null, -- the event that set it
  name     text        not null,
  tenant   text        not null,
  key      text        not null,
  note     text        not null default '',
  primary key (tenant, name, key)
);
create index timers_due on timers (name, due_at) where fired_at is null;


-- Append-only, by privilege (below) and by trigger: the owner cannot either.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % refused', tg_table_name, lower(tg_op) using errcode = 'insufficient_privilege';
end
$$;
create trigger events_are_append_only before update or delete or truncate on events
  for each statement execute function refuse_change();


-- The one way in. A batch of commands of one tenant, at most one per stream; each is accepted or refused on its own:
--   0 appended   1 conflict: the stream is not at the expected version and hash   2 repeat: the command was answered before
--   3 the same command id with another fingerprint   4 a business key belongs to another stream (see `holders`)
--   5 again: the stream was changed by a transaction with a later id than ours; a new transaction gets a later one
-- Positions come back for every event sent, in order; those of refused commands mean nothing.
--
-- The order of the steps matters. The shared lock registers the writer before it has a transaction id (see feed_head).
-- Whatever can wait for another transaction is taken in one order (heads, commands, business keys, new heads; each sorted),
-- so two batches cannot wait for each other. Who loses a race for a row that nobody could see yet gets unique_violation or
-- serialization_failure for the whole batch, calls again with p_is_retry, and then sees the winner's row.
--
-- It runs as the owner: the application itself may not write events, so none can be written without the lock.
-- "offset 0" keeps each lookup a probe of its index for each command, whatever the planner knew when the plan was made.
create function append_batch(
  p_tenant       text,
  p_recorded_at  timestamptz, -- business time when the batch was formed: no event is recorded before it
  p_clock        text,        -- "real" or "driven"
  p_is_retry     boolean,     -- false: the first time, most likely no command is a repeat
  c_id           uuid[],
  c_fingerprint  bytea[],
  c_stream       text[],      -- in this order the heads are locked: sorted
  c_expected     integer[],
  c_events       integer[],   -- how many events each command has; they follow each other in e_…
  c_previous     bytea[],     -- hash of the stream's last event as the decision saw it
  c_recorded_at  timestamptz[], -- null: p_recorded_at; later where the stream's last event was
  c_occurred_at  timestamptz[], -- null: when it was recorded
  c_actor        text[],
  c_correlation  text[],
  c_causation    text[],
  c_traceparent  text[],
  k_command      integer[],   -- index into c_…, from 1
  k_kind         text[],
  k_value        text[],
  e_command      integer[],   -- index into c_…, from 1
  e_id           uuid[],
  e_type         text[],
  e_data         bytea[],
  e_hash         bytea[],
  out at_epoch   smallint,
  out at_tx      xid8,
  out outcomes   smallint[],
  out positions  bigint[],
  out repeats    jsonb,       -- for outcome 2: by index, what the first time led to
  out holders    jsonb        -- for outcome 4: by index, the kind, and the stream that has it
) language plpgsql security definer
set search_path = public, pg_temp
set enable_seqscan = off      -- the plans are kept, and the first are made while the tables are still empty
as $$
declare
  met       record;
  n         constant integer := cardinality(c_id);
  is_seen   boolean[] := array_fill(false, array[n]);
  last      integer[] := array_fill(0, array[n]); -- index into e_… of each command's last event
  n_events  integer := 0;
begin
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'an append must be the first write of its transaction' using errcode = 'LL002';
  end if;
  perform pg_advisory_xact_lock_shared(77, 1);
  if p_clock = 'real' and p_recorded_at < clock_timestamp() - interval '5 seconds' then
    raise exception 'the batch was stamped more than 5 seconds ago' using errcode = 'LL001';
  end if;
  select s.epoch into strict at_epoch from store s;
  outcomes := array_fill(0::smallint, array[n]);

  for met in
    select c.n, s.last_epoch, s.last_tx, s.version = c.expected and s.last_hash = c.previous as is_there
      from unnest(c_stream, c_expected, c_previous) with ordinality as c (stream, expected, previous, n)
     cross join lateral (select * from streams x where x.tenant = p_tenant and x.stream = c.stream offset 0 for update) s
  loop
    is_seen[met.n] := true;
    if not met.is_there then
      outcomes[met.n] := 1;
    elsif met.last_epoch = at_epoch and met.last_tx > pg_current_xact_id() then
      outcomes[met.n] := 5;
    end if;
  end loop;
  for i in 1 .. n loop
    n_events := n_events + c_events[i];
    last[i] := n_events;
    if not is_seen[i] and outcomes[i] = 0 and c_expected[i] > 0 then
      outcomes[i] := 1;
    end if;
  end loop;

  for met in
    select c.n, m.version, m.events, m.epoch, m.tx, m.pos, m.fingerprint = c.fingerprint and m.stream = c.stream as is_same
      from unnest(c_id, c_fingerprint, c_stream) with ordinality as c (id, fingerprint, stream, n)
     cross join lateral (select * from commands x where x.tenant = p_tenant and x.command_id = c.id offset 0) m
     where p_is_retry or outcomes[c.n] <> 0 -- otherwise the insert into commands will tell
  loop
    outcomes[met.n] := case when met.is_same then 2 else 3 end;
    repeats := coalesce(repeats, '{}') || jsonb_build_object(met.n, jsonb_build_object(
      'version', met.version, 'events', met.events,
      'epoch', met.epoch, 'tx', met.tx::text::bigint, 'pos', met.pos));
  end loop;

  if cardinality(k_command) > 0 then
    for met in
      select k.command, k.kind, b.stream
        from unnest(k_command, k_kind, k_value) as k (command, kind, value)
       cross join lateral (
         select * from business_keys x where x.tenant = p_tenant and x.kind = k.kind and x.value = k.value offset 0) b
       where outcomes[k.command] = 0 and b.stream <> c_stream[k.command]
    loop
      outcomes[met.command] := 4;
      holders := coalesce(holders, '{}')
        || jsonb_build_object(met.command, jsonb_build_object('kind', met.kind, 'stream', met.stream));
    end loop;
  end if;

  at_tx := pg_current_xact_id();
  select array_agg(nextval('event_pos')) into positions from generate_series(1, cardinality(e_id));

  insert into commands (tenant, command_id, fingerprint, stream, version, events, epoch, tx, pos, recorded_at)
  select p_tenant, c.id, c.fingerprint, c.stream, c.expected + c.events, c.events, at_epoch, at_tx,
         case when c.events > 0 then positions[last[c.n]] end, coalesce(c.recorded_at, p_recorded_at)
    from unnest(c_id, c_fingerprint, c_stream, c_expected, c_events, c_recorded_at)
         with ordinality as c (id, fingerprint, stream, expected, events, recorded_at, n)
   where outcomes[c.n] = 0
   order by c.id; -- a repeat that nobody looked for is a unique_violation

  if cardinality(k_command) > 0 then
    insert into business_keys (tenant, kind, value, stream)
    select p_tenant, k.kind, k.value, c_stream[k.command]
      from unnest(k_command, k_kind, k_value) as k (command, kind, value)
     where outcomes[k.command] = 0
     order by k.kind, k.value
    on conflict do nothing;
    if exists (
      select from unnest(k_command, k_kind, k_value) as k (command, kind, value)
       cross join lateral (
         select * from business_keys x where x.tenant = p_tenant and x.kind = k.kind and x.value = k.value offset 0) b
       where outcomes[k.command] = 0 and b.stream <> c_stream[k.command]
    ) then
      raise exception 'a business key was claimed twice at once' using errcode = 'serialization_failure';
    end if;
  end if;

  insert into streams (tenant, stream, version, last_hash, last_recorded_at, last_tx, last_epoch)
  select p_tenant, c.stream, c.events, e_hash[last[c.n]], coalesce(c.recorded_at, p_recorded_at), at_tx, at_epoch
    from unnest(c_stream, c_expected, c_events, c_recorded_at) with ordinality as c (stream, expected, events, recorded_at, n)
   where outcomes[c.n] = 0 and c.events > 0 and c.expected = 0; -- begun twice at once: unique_violation
  insert into streams (tenant, stream, version, last_hash, last_recorded_at, last_tx, last_epoch)
  select p_tenant, c.stream, c.expected + c.events, e_hash[last[c.n]], coalesce(c.recorded_at, p_recorded_at),
         at_tx, at_epoch
    from unnest(c_stream, c_expected, c_events, c_recorded_at) with ordinality as c (stream, expected, events, recorded_at, n)
   where outcomes[c.n] = 0 and c.events > 0 and c.expected > 0
  on conflict (tenant, stream) do update -- always: the head is there and locked, and this always goes by the index
     set version = excluded.version, last_hash = excluded.last_hash, last_recorded_at = excluded.last_recorded_at,
         last_tx = excluded.last_tx, last_epoch = excluded.last_epoch;

  insert into events (
    epoch, tx, pos, tenant, stream, version, event_id, type, occurred_at, recorded_at,
    actor, command_id, correlation_id, causation_id, traceparent, clock, data, previous_hash, hash)
  select at_epoch, at_tx, positions[e.n], p_tenant, c_stream[e.command],
         c_expected[e.command] + c_events[e.command] - (last[e.command] - e.n),
         e.id, e.type,
         coalesce(c_occurred_at[e.command], c_recorded_at[e.command], p_recorded_at),
         coalesce(c_recorded_at[e.command], p_recorded_at),
         c_actor[e.command], c_id[e.command], c_correlation[e.command], c_causation[e.command], c_traceparent[e.command],
         p_clock, e.data,
         case when e.n = last[e.command] - c_events[e.command] + 1 then c_previous[e.command] else e_hash[e.n - 1] end,
         e.hash
    from unnest(e_command, e_id, e_type, e_data, e_hash) with ordinality as e (command, id, type, data, hash, n)
   where outcomes[e.command] = 0;
end
$$;


-- The events of some streams, of each behind a version, for the application of that tenant.
create function stream_events(p_tenant text, p_streams text[], p_after integer[]) returns setof events language plpgsql
set enable_seqscan = off
set enable_bitmapscan = off as $$
begin
  perform set_config('app.tenant', p_tenant, true);
  return query
    select e.*
      from unnest(p_streams, p_after) as w (stream, after)
     cross join lateral (
       select * from events x where x.tenant = p_tenant and x.stream = w.stream and x.version > w.after
        order by x.version offset 0) e;
end
$$;

-- What a command led to, if it was answered before.
create function command_answer(p_tenant text, p_command_id uuid) returns setof commands language plpgsql as $$
begin
  perform set_config('app.tenant', p_tenant, true);
  return query select * from commands c where c.tenant = p_tenant and c.command_id = p_command_id;
end
$$;


-- How far may a reader of the feed go? Below `horizon` no event is in flight or will ever appear.
--
-- The snapshot names every transaction that is running below its xmax. A writer of events takes the shared lock (77, 1)
-- before it has a transaction id and holds it until its commit is visible. The locks are read after the snapshot. So a
-- running transaction whose own lock is listed without (77, 1) either writes no events, or its commit is visible already to
-- whoever reads the events next; every other running one holds the horizon. (A transaction that has its id but not yet the
-- lock on it is not listed, and so holds the horizon too.) Transactions of other databases and of read models do not.
-- While prepared transactions are possible, whose locks change hands, every running transaction holds it.
-- The events must be read in a later snapshot than this: in another statement.
create function feed_head(
  out at_epoch  smallint,
  out horizon   xid8,
  out last_tx   xid8,         -- of the last event below the horizon; null: there is none
  out last_pos  bigint,
  out last_epoch smallint,
  out read_at   timestamptz,  -- before the snapshot was taken
  out writers   text[],       -- appends in flight
  out unread_from timestamptz -- the earliest recorded_at of what is committed but not below the horizon; null: nothing is
) language plpgsql as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'the horizon is only right in read committed' using errcode = 'LL003';
  end if;
  read_at := clock_timestamp();
  with seen as materialized (
    select pg_current_snapshot() as snapshot
  ), locks as materialized (
    select l.virtualtransaction as holder, l.transactionid, l.locktype = 'advisory' as is_writer
      from pg_locks l
     where (l.locktype = 'transactionid' and l.mode = 'ExclusiveLock' and l.granted)
        or (l.locktype = 'advisory' and l.classid = 77 and l.objid = 1 and l.objsubid = 2
            and l.database = (select oid from pg_database where datname = current_database()))
  ), running as (
    select id from seen, pg_snapshot_xip(seen.snapshot) as id
  ), others as (
    select l.transactionid from locks l
     where not l.is_writer and not exists (select from locks w where w.is_writer and w.holder = l.holder)
  )
  select case when current_setting('max_prepared_transactions')::integer > 0 then pg_snapshot_xmin(seen.snapshot)
              else least(pg_snapshot_xmax(seen.snapshot),
                         (select min(r.id) from running r
                           where not exists (select from others o where o.transactionid = r.id::xid)))
         end,
         coalesce((select array_agg(l.holder) from locks l where l.is_writer), '{}')
    into horizon, writers
    from seen;
  select s.epoch into strict at_epoch from store s;
  select e.epoch, e.tx, e.pos into last_epoch, last_tx, last_pos
    from events e
   where (e.epoch, e.tx, e.pos) < (at_epoch, horizon, 0::bigint)
   order by e.epoch desc, e.tx desc, e.pos desc
   limit 1;
  select min(e.recorded_at) into unread_from
    from events e
   where (e.epoch, e.tx, e.pos) >= (at_epoch, horizon, 0::bigint);
end
$$;


-- Rights. An unset tenant is no tenant: it sees nothing and raises nothing.
do $$
declare
  name text;
begin
  foreach name in array array['streams', 'events', 'commands', 'business_keys', 'parked', 'timers'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format($policy$create policy tenant_rows on %I to ledgerline_app
      using (tenant = (select nullif(current_setting('app.tenant', true), '')))
      with check (tenant = (select nullif(current_setting('app.tenant', true), '')))$policy$, name);
    execute format('create policy owner_rows on %I to ledgerline_owner using (true) with check (true)', name);
  end loop;
end
$$;
create policy feed_rows on events for select to ledgerline_feed using (true);

revoke all on all tables in schema public from public;
revoke all on all functions in schema public from public;
grant usage on schema public to ledgerline_app, ledgerline_feed;
grant select on store, streams, events, commands, business_keys, readers to ledgerline_app;
grant select, insert, update, delete on readers, parked, timers to ledgerline_app;
grant select on event_pos to ledgerline_app;
grant execute on function append_batch, stream_events, command_answer to ledgerline_app;
grant select on store, events to ledgerline_feed;
grant execute on function feed_head to ledgerline_feed, ledgerline_app;
