-- evident._is_fold_error: whether an error is the fold's own doing.
--
-- Lost connections, conflicts between transactions, a full disk, cancels and
-- timeouts say nothing about an event: trying again may help, so no key is parked
-- and no projection blamed for them.

create or replace function evident._is_fold_error(p_sqlstate text)
returns boolean
language sql
immutable
parallel safe
begin atomic
    select left(p_sqlstate, 2) not in ('08', '25', '40', '53', '55', '57', '58', 'XX');
end;

comment on function evident._is_fold_error(text) is
'False for SQLSTATEs of the server, the session or other transactions.';

revoke all on function evident._is_fold_error(text) from public;
grant execute on function evident._is_fold_error(text) to evident_projector;
