-- evident._now: the server's clock at this very moment.
--
-- The one place where time enters the store. No session setting can bend it;
-- tests replace this function inside their own transaction.

create or replace function evident._now()
returns timestamptz
language sql
volatile
parallel safe
begin atomic
    select clock_timestamp();
end;

comment on function evident._now() is
'The server clock now, not the start of the transaction.';

revoke all on function evident._now() from public;
