-- evident._routine_attributes: what a function declares, as SQL for one that calls it.
--
-- A wrapper that claims more than what it calls makes plans that it cannot keep: a fold
-- with an exception block fails in a parallel one.

create or replace function evident._routine_attributes(p_routine oid)
returns text
language sql
stable
parallel safe
begin atomic
    select
        case p.provolatile
            when 'i' then 'immutable' when 's' then 'stable' else 'volatile'
        end
        || ' parallel '
        || case p.proparallel
            when 's' then 'safe' when 'r' then 'restricted' else 'unsafe'
        end
    from pg_proc as p
    where p.oid = p_routine;
end;

comment on function evident._routine_attributes(oid) is
'The volatility and parallel safety of a function, as SQL.';

revoke all on function evident._routine_attributes(oid) from public;
