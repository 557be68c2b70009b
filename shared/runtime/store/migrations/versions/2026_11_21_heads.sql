-- Signed heads of the log (shared/runtime/evidence): the Merkle root over the first `size` events in feed order. Each is also kept
-- outside of this database; `head_copies` says of which that is known. `head_tiles` holds the hashes of complete subtrees, so that
-- neither going on nor proving an event reads the log again. Nothing in them is personal: hashes, positions, numbers.

create table heads (
  number    bigint      not null primary key check (number > 0),
  body      bytea       not null, -- exact bytes, as signed
  signature bytea       not null check (octet_length(signature) = 64),
  sealed_at timestamptz not null default now()
);

create table head_copies (
  number  bigint      not null primary key references heads,
  kept_at timestamptz not null default now()
);

create table head_tiles (
  index      bigint   not null check (index >= 0),
  last_tx    bigint,            -- level 0: the position of the last event
  last_pos   bigint,
  level      smallint not null check (level >= 0),
  last_epoch smallint,
  root       bytea    not null check (octet_length(root) = 32),
  leaves     bytea    check (octet_length(leaves) = 256 * 32), -- level 0
  primary key (level, index),
  check ((level = 0) = (leaves is not null and last_epoch is not null and last_tx is not null and last_pos is not null))
);
create unique index head_tiles_by_position on head_tiles (last_epoch, last_tx, last_pos) where level = 0;

do $$
declare
  name text;
begin
  foreach name in array array['heads', 'head_copies', 'head_tiles'] loop
    execute format('create trigger %1$s_are_append_only before update or delete or truncate on %1$I'
      ' for each statement execute function refuse_change()', name);
  end loop;
end
$$;

revoke all on heads, head_copies, head_tiles from public;
grant select, insert on heads, head_copies, head_tiles to ledgerline_app;
