-- A restore to an earlier moment gives up what was recorded after it, and the database hands out again the transaction ids of
-- what was given up. So it begins a new epoch, which is behind every position of the ones before, and says up to where
-- those are kept: who holds a position between the two has read what is no longer so.
create table epochs (
  began_at   timestamptz not null default now(),
  kept_tx    bigint      not null, -- the last event that was there when the epoch began; 0.0.0 in an empty log
  kept_pos   bigint      not null,
  kept_epoch smallint    not null,
  epoch      smallint    not null primary key check (epoch > 0)
);
grant select on epochs to ledgerline_app, ledgerline_feed;

-- Begin the next epoch, at least `p_at_least`: a log may have gone on elsewhere under the numbers in between. Whoever held a
-- lease is gone. Nobody may be writing.
create function begin_epoch(p_at_least integer default 0) returns smallint language plpgsql as $$
declare
  fresh smallint;
begin
  update store set epoch = greatest(epoch + 1, p_at_least) returning epoch into fresh;
  insert into epochs (epoch, kept_epoch, kept_tx, kept_pos)
  select fresh, coalesce(last.epoch, 0), coalesce(last.tx::text::bigint, 0), coalesce(last.pos, 0)
    from (values (1)) as one
    left join lateral (select e.epoch, e.tx, e.pos from events e order by e.epoch desc, e.tx desc, e.pos desc limit 1) last
      on true;
  update readers set owner = null, lease_until = '-infinity', epoch = epoch + 1;
  return fresh;
end
$$;
revoke all on function begin_epoch from public;
