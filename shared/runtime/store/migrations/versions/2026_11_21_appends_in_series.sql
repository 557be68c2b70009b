-- Commands for one stream may share a commit: each is decided on what the one before it decided, and is appended behind it.
--
-- append_batch as it was, with `c_behind`: a command that says so follows the command before it in the batch, in the same stream;
-- its c_expected and c_previous are what that one leaves. Such a series is appended from its beginning as far as it goes: behind
-- events that are not appended none are (outcome 1, unless the command has an answer of its own). The function without it stays for
-- processes of the release before; what is said there of outcomes, of locks and of the order of the steps holds here.
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
  c_behind       boolean[],   -- follows the command before it in the batch, in the same stream; null: none does
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
  is_new    boolean[] := array_fill(false, array[n]); -- its stream has no head yet
  is_tip    boolean[] := array_fill(true, array[n]);  -- the last with events of its series: the head is what it leaves
  is_broken boolean := false; -- events before it in its series are not appended
  is_passed boolean := false; -- events behind it in its series are
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
      from unnest(c_stream, c_expected, c_previous, c_behind) with ordinality as c (stream, expected, previous, behind, n)
     cross join lateral (select * from streams x where x.tenant = p_tenant and x.stream = c.stream offset 0 for update) s
     where c.behind is not true
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
    if c_behind[i] then
      if (c_stream[i], c_expected[i], c_previous[i]) is distinct from
         (c_stream[i - 1], c_expected[i - 1] + c_events[i - 1],
          case when c_events[i - 1] > 0 then e_hash[last[i - 1]] else c_previous[i - 1] end) then
        raise exception 'command % does not follow from the one before it', i using errcode = 'LL004';
      end if;
      is_new[i] := is_new[i - 1];
      outcomes[i] := outcomes[i - 1];
    elsif not is_seen[i] then
      is_new[i] := c_expected[i] = 0;
      outcomes[i] := case when is_new[i] then 0 else 1 end;
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

  if true = any(c_behind) then
    for i in 2 .. n loop
      is_broken := c_behind[i] and (is_broken or outcomes[i - 1] <> 0 and c_events[i - 1] > 0);
      if is_broken and outcomes[i] = 0 then
        outcomes[i] := 1;
      end if;
    end loop;
    for i in reverse n .. 1 loop
      is_tip[i] := outcomes[i] = 0 and c_events[i] > 0 and not is_passed;
      is_passed := c_behind[i] and (is_passed or is_tip[i]);
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
  select p_tenant, c.stream, c.expected + c.events, e_hash[last[c.n]], coalesce(c.recorded_at, p_recorded_at),
         at_tx, at_epoch
    from unnest(c_stream, c_expected, c_events, c_recorded_at) with ordinality as c (stream, expected, events, recorded_at, n)
   where outcomes[c.n] = 0 and c.events > 0 and is_tip[c.n] and is_new[c.n]; -- begun twice at once: unique_violation
  insert into streams (tenant, stream, version, last_hash, last_recorded_at, last_tx, last_epoch)
  select p_tenant, c.stream, c.expected + c.events, e_hash[last[c.n]], coalesce(c.recorded_at, p_recorded_at),
         at_tx, at_epoch
    from unnest(c_stream, c_expected, c_events, c_recorded_at) with ordinality as c (stream, expected, events, recorded_at, n)
   where outcomes[c.n] = 0 and c.events > 0 and is_tip[c.n] and not is_new[c.n]
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

do $$
declare
  name regprocedure;
begin
  for name in select p.oid from pg_proc p where p.proname = 'append_batch' and p.pronamespace = 'public'::regnamespace loop
    execute format('revoke all on function %s from public', name);
    execute format('grant execute on function %s to ledgerline_app', name);
  end loop;
end
$$;
