-- Which version of each projection has its tables here, and the statements that made them.
create table projections (
  name         text        not null primary key,
  version      integer     not null,
  shape        text        not null,
  installed_at timestamptz not null default now()
);
grant select on projections to ledgerline_app;

-- Row-level security shows the application one tenant at a time; the runner of timers must first learn whose timers are due.
-- These run as the owner and tell keys, times and notes (ids, never personal data), and nothing else.

create function due_timers(p_name text, p_until timestamptz, p_limit integer)
  returns table (tenant text, key text, due_at timestamptz, note text)
  language sql stable security definer set search_path = pg_catalog, public as $$
  select t.tenant, t.key, t.due_at, t.note
    from timers t
   where t.name = p_name and t.fired_at is null and t.due_at <= p_until
   order by t.due_at, t.tenant, t.key
   limit p_limit
$$;

-- When the next timer is due: of one name and tenant, or of any (null).
create function next_timer(p_name text, p_tenant text) returns timestamptz
  language sql stable security definer set search_path = pg_catalog, public as $$
  select min(t.due_at)
    from timers t
   where t.fired_at is null and (p_name is null or t.name = p_name) and (p_tenant is null or t.tenant = p_tenant)
$$;

revoke all on function due_timers, next_timer from public;
grant execute on function due_timers, next_timer to ledgerline_app;
