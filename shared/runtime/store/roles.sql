-- Who may do what in every service database? The roles are of the whole cluster; making them again changes nothing.
--   ledgerline_owner  owns the tables, migrates, rebuilds
--   ledgerline_app    one tenant at a time, by row-level security
--   ledgerline_feed   reads the events of every tenant, and nothing else
do $roles$
declare
  name text;
begin
  foreach name in array array['ledgerline_owner', 'ledgerline_app', 'ledgerline_feed'] loop
    begin
      if not exists (select from pg_roles where rolname = name) then
        execute format('create role %I login nosuperuser nocreatedb nocreaterole nobypassrls', name);
        -- A transaction that somebody forgot holds back what vacuum may remove, and locks others out.
        execute format($$alter role %I set idle_in_transaction_session_timeout = '60s'$$, name);
      end if;
    exception when duplicate_object or unique_violation then
      null; -- another process made it in this moment
    end;
  end loop;
end
$roles$;
